//! What sources, splits, bases, runs, fakes, evaluations and generations have in common: names, notes, tags, deletion,
//! and lists that name what cannot be read.

pub mod args;
mod run;
mod view;

pub use run::{item, listed};
pub use view::{label, label_line, left_out, note, tags, unreadable, with_mark};
