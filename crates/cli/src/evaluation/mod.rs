//! Evaluations, charts and reports: `evaluate`, `evaluation`, `quality`, `chart` and `report`.

pub mod args;
mod run;
mod view;

pub use run::{chart, evaluate, evaluation, quality, report};
pub use view::{evaluations, which};
