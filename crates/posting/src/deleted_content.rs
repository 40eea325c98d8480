//! What was trained on content that Reddit no longer has: lists of it, with the command that retrains without.

use repartee_core::error::Result;
use repartee_store::marks::{Mark, Marked};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Posting;

/// Something that was trained on a text deleted since, or made from something that was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DeletedContent {
    /// base, run, fakes, evaluation or generation.
    pub kind: String,
    /// Name, or number.
    pub name: String,
    /// Deleted pairs that it was trained on itself.
    pub pairs: u64,
    /// What it was made from that is marked: base, run or fakes; empty: it was trained on the text itself.
    pub via: String,
    /// Why the text is gone: deleted, removed, absent or asked.
    pub why: String,
    /// Time of the last deletion that affects it, milliseconds since 1970.
    pub last_ms: i64,
    /// The command that retrains it without; empty: it is retrained with what it was made from.
    pub command: String,
}

impl Posting<'_> {
    /// Everything that was trained on a text deleted since, or made from something that was, in dependency order.
    pub fn deleted_content(self) -> Result<Vec<DeletedContent>> {
        let marks = self.store.marks()?;
        marks.into_iter().map(|mark| self.described(mark)).collect()
    }

    /// As [`Self::deleted_content`], for some marks, each once.
    pub(crate) fn affected(self, marked: &[i64]) -> Result<Vec<DeletedContent>> {
        let marks = self.store.marks()?.into_iter();
        marks
            .filter(|mark| marked.contains(&mark.id))
            .map(|mark| self.described(mark))
            .collect()
    }

    fn described(self, mark: Mark) -> Result<DeletedContent> {
        let command = match mark.what {
            Marked::Run => {
                repartee_core::shell::command(["train", "again", &mark.name, "--without-deleted"])
            }
            _ => String::new(),
        };
        Ok(DeletedContent {
            kind: mark.what.as_str().to_owned(),
            name: mark.name,
            pairs: mark.pairs,
            via: mark.via,
            why: mark.why,
            last_ms: mark.last_ms,
            command,
        })
    }
}
