//! The Reddit sandbox as a program of its own, for the tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    repartee_fake_reddit::run(std::env::args().skip(1))
}
