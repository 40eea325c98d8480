//! The project file and this machine: `new`, `check`, `compact`, `size`, `doctor`, `demo`, `export`, `completions`.

pub mod args;
mod export;
mod run;
mod view;

pub use export::export;
pub use run::{check, compact, completions, demo, doctor, new, size};
