//! Evaluations and charts: `evaluate`, `evaluation` and `chart`.

pub mod args;
mod run;
mod view;

pub use run::{chart, evaluate, evaluation};
pub use view::evaluations;
