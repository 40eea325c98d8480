//! Training, and the runs it produces: `train` and `run`.

pub mod args;
mod run;
mod view;

pub use run::{run, train};
pub use view::deleted_content;
