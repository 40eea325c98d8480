//! Reviewing replies: `queue`.

pub mod args;
mod run;
mod view;

pub use run::queue;
pub use view::{APPROVE_AGAIN, bin, changed};
