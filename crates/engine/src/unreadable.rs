//! The items that lists omit because they cannot be read.

use repartee_core::error::Result;
use repartee_core::unreadable::Listed;
use repartee_store::items::ItemKind;

pub use repartee_core::unreadable::Unreadable;

use crate::Engine;

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
