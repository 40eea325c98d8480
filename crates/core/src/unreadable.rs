//! An item that cannot be read does not hide the others: lists omit it, and it is named next to them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::{Code, Error, Result};

/// An item of a list that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Unreadable {
    /// run, evaluation, reply, ...
    pub what: String,
    pub id: i64,
    /// What is wrong, and what to do.
    pub why: String,
}

/// The items of a list, each read by itself, with their numbers.
pub type Listed<T> = Vec<(i64, Result<T>)>;

/// Those that could be read. A failure that does not concern a single item fails the list.
pub fn good<T>(read: Listed<T>) -> Result<Vec<T>> {
    read.into_iter()
        .filter_map(|(id, item)| match item {
            Err(error) if is_of_one(&error) => {
                tracing::warn!("item {id} is left out: {error}");
                None
            }
            item => Some(item),
        })
        .collect()
}

fn is_of_one(error: &Error) -> bool {
    // a stored model of another kind, or with sizes that no model has, is damage of that item, too
    matches!(
        error.code,
        Code::Damaged | Code::Unreadable | Code::BadInput | Code::Model
    )
}
