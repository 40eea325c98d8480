//! Permissions of a study and what it registers: `study`, and the question that an import of Reddit content asks once.

pub mod args;
mod import;
mod run;
mod view;

pub use import::permitted;
pub use run::study;
