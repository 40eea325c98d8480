//! The binary `repartee`; see the library of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    repartee_cli::main()
}
