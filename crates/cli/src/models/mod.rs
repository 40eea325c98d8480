//! Base models: `base`.

pub mod args;
mod run;
mod view;

pub use run::base;
