//! Measuring speed and memory: `bench`.

pub mod args;
mod run;
mod view;

pub use run::bench;
