//! The binary `repartee` as the tests run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    repartee_cli::main()
}
