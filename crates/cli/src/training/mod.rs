//! Training, and the runs it produces: `train`, `run` and `rerun`.

pub mod args;
mod run;
mod view;

pub use run::{rerun, run, train};
pub use view::deleted_content;
