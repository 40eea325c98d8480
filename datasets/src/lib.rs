//! From Reddit text to comments, posts and pairs: readers, cleaning, labels, splits, export.
//!
//! The crate knows no SQL and no tensors. A file becomes a stream of [`Record`]s; text is repaired on import
//! ([`clean`]); a [`Recipe`] drops comments later; [`BinEdges`] turn scores into labels; threads are assigned to a
//! [`Partition`] of a split.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod clean;
pub mod duplicates;
pub mod export;
pub mod filter;
pub mod flat;
pub mod guard;
pub mod id;
pub mod json;
pub mod label;
pub mod length;
pub mod listing;
pub mod memorized;
pub mod ndjson;
pub mod near;
pub mod placeholders;
pub mod private;
pub mod read;
pub mod record;
pub mod repeats;
pub mod sample;
pub mod source;
pub mod split;
pub mod study;
pub mod table;
pub mod texts;

pub use clean::{Flaw, Recipe};
pub use filter::{Dropped, Filter};
pub use label::BinEdges;
pub use record::{Comment, GoneRecord, Post, Record, Rejected};
pub use source::{Format, Mapping, Partition, Permission, ReadProgress};
pub use study::{Decision, Origin, StudyKind, StudyRecord};
