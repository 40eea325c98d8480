//! Generated replies: `fakes` for the realism classifier, and `generate` and `generation` for the queue.

pub mod args;
mod run;
mod view;

pub use run::{fakes, generate, generation};
pub use view::{precisions, queued};
