//! Evaluations and charts: `evaluate`, `evaluation`, `quality` and `chart`.

pub mod args;
mod run;
mod view;

pub use run::{chart, evaluate, evaluation, quality};
pub use view::evaluations;
