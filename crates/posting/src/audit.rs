//! The audit log: who approved what, and everything that was done; append-only.

use repartee_core::error::Result;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Posting;

/// An action of the user or the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AuditLine {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The user, or `repartee` by itself.
    pub who: String,
    /// approved, sending, posted, allowed, purged, ...
    pub what: String,
    /// What it concerns: `u/...`, `r/...`, `t1_...`; may be empty.
    pub subject: String,
    pub reply: Option<i64>,
    /// blake3 of the text that was approved or sent; empty if there is none.
    pub hash: String,
    pub detail: String,
}

impl Posting<'_> {
    /// The latest entries of the audit log, the newest first; those of one reply if given.
    pub fn audit(self, reply: Option<i64>, limit: usize) -> Result<Vec<AuditLine>> {
        let entries = self.store.audit(reply, limit)?;
        Ok(entries
            .into_iter()
            .map(|e| AuditLine {
                at_ms: e.at_ms,
                who: e.who,
                what: e.what,
                subject: e.subject,
                reply: e.reply_id,
                hash: e.hash,
                detail: e.detail,
            })
            .collect())
    }
}
