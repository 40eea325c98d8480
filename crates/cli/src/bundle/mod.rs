//! `repartee bundle` and `repartee work`: jobs in a file of their own, for any machine.

pub mod args;
mod run;
mod view;

pub use run::{bundle, elsewhere, work};
pub use view::merged_job;
