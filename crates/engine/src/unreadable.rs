//! An item that cannot be read does not hide the others: lists omit it, and it is named next to them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::error::{Code, Error, Result};
use crate::items::ItemKind;

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
pub(crate) type Listed<T> = Vec<(i64, Result<T>)>;

/// Those that could be read. A failure that does not concern a single item fails the list.
pub(crate) fn good<T>(read: Listed<T>) -> Result<Vec<T>> {
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
    matches!(error.code, Code::Damaged | Code::BadInput | Code::Model)
}

impl Engine {
    /// The items of a kind that its list omits because they cannot be read.
    pub fn unreadable(&self, kind: ItemKind) -> Result<Vec<Unreadable>> {
        let numbers = self.store.item_numbers(kind)?;
        let read = match kind {
            ItemKind::Source => faults(self.sources_read()?),
            ItemKind::Split => faults(self.splits_read()?),
            ItemKind::Base => faults(self.bases_read()?),
            ItemKind::Run => faults(self.runs_read()?),
            ItemKind::Fakes => faults(self.fake_sets_read()?),
            ItemKind::Evaluation => faults(self.evaluations_read()?),
            ItemKind::Generation => faults(self.generations_read()?),
        };
        Ok(left(kind.noun(), &numbers, read))
    }

    /// The replies that the queue omits because they cannot be read.
    pub fn unreadable_replies(&self) -> Result<Vec<Unreadable>> {
        let read = self.store.replies(None)?.into_iter();
        let read = read.map(|reply| (reply.id, None)).collect();
        Ok(left("reply", &self.store.reply_numbers()?, read))
    }
}

fn faults<T>(read: Listed<T>) -> Vec<(i64, Option<String>)> {
    read.into_iter()
        .map(|(id, item)| (id, item.err().map(|error| error.message)))
        .collect()
}

/// Those with an error, and those that the list did not even find.
fn left(what: &str, numbers: &[i64], read: Vec<(i64, Option<String>)>) -> Vec<Unreadable> {
    let fault = |id: &i64| match read.iter().find(|(found, _)| found == id) {
        Some((_, None)) => None,
        Some((_, Some(why))) => Some(why.clone()),
        None => Some("its row cannot be read".to_owned()),
    };
    numbers
        .iter()
        .filter_map(|id| {
            let why = fault(id)?;
            Some(Unreadable {
                what: what.to_owned(),
                id: *id,
                why: format!("{why}; `repartee check` shows where and what to do"),
            })
        })
        .collect()
}
