//! Jobs and their queue: `job`, and `--queue` of every command that starts one.

pub mod args;
mod run;
mod view;

pub use run::{job, run_queue};
