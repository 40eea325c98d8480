//! Fakes, candidates, and the picks among them.

pub(crate) mod context;
pub mod draft;
pub mod fakes;
pub mod flags;
pub mod generate;
pub mod incoming;
pub mod pick;
