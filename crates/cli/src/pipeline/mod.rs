//! `repartee run` without a subcommand: the pipeline on the user's own data.

pub mod args;
mod run;
mod view;

pub use run::pipeline;
