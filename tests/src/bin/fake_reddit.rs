//! The fake Reddit as a program of its own, as the tests run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    repartee_fake_reddit::run(std::env::args().skip(1))
}
