//! From files to splits: import, pairs, curation, splits, and the examples that models see.

pub mod browse;
pub mod curation;
pub mod examples;
pub mod import;
pub mod import_question;
pub mod pairs;
pub mod splits;
