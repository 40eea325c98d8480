//! The binary `repartee` for the tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    repartee_cli::main()
}
