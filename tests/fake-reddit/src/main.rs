//! `fake-reddit [--port N] [--seed N] [--posts N]`: serves until it is killed; says on its first line
//! where.

use std::process::ExitCode;

fn main() -> ExitCode {
    repartee_fake_reddit::run(std::env::args().skip(1))
}
