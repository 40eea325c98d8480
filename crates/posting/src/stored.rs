//! Whether the settings that posting stores in a project can be read.

use repartee_core::kept::PROJECT;
use serde::de::DeserializeOwned;

use crate::home::{HOME, Home};
use crate::rules::{KEY, PostingRules, SEAL_KEY};
use crate::sync::PLACE;

fn unreadable<T: DeserializeOwned>(text: &str) -> Option<String> {
    serde_json::from_str::<T>(text)
        .err()
        .map(|error| format!("it cannot be read: {error}"))
}

/// What is wrong with a stored setting; none: nothing, or it is not one of posting.
pub fn setting_fault(key: &str, text: &str) -> Option<String> {
    match key {
        KEY => match serde_json::from_str::<PostingRules>(text) {
            Ok(rules) => rules.check().err().map(|error| error.message),
            Err(error) => Some(format!("it cannot be read: {error}")),
        },
        SEAL_KEY | PROJECT => unreadable::<String>(text),
        HOME => unreadable::<Home>(text),
        PLACE => unreadable::<Option<(u8, i64)>>(text),
        _ => None,
    }
}
