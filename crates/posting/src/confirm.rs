//! Records made on another machine, which the user confirms on this one.

use repartee_core::error::Result;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Posting;

/// A record that the user can confirm on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    /// An account's settings, approval, and app label.
    Account,
    /// The permission to post in a subreddit.
    Subreddit,
}

impl Posting<'_> {
    /// Confirms a record made elsewhere, on behalf of `who`, who saw it: `seen` is its hash from
    /// [`crate::AccountInfo`] or [`crate::PostingPermissionInfo`].
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Changed`] if the record is not what was seen.
    pub fn record_confirm(
        self,
        record: RecordKind,
        name: &str,
        seen: &str,
        who: &str,
    ) -> Result<()> {
        let machine = self.machine()?;
        match record {
            RecordKind::Account => self.account_confirm(&machine, name, seen, who),
            RecordKind::Subreddit => self.posting_permission_confirm(&machine, name, seen, who),
        }
    }
}
