//! What an import counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Row counts of a source. Each row was kept, dropped by a filter, or rejected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct SourceCounts {
    /// Rows seen: lines, rows of a table, elements of a listing.
    pub rows: u64,
    /// Comments imported; a row of a table gives two.
    pub comments: u64,
    pub posts: u64,
    /// Comments and posts new to the project.
    pub new: u64,
    /// Those that replaced an older copy, or one that is less complete.
    pub newer: u64,
    /// Those already in the project.
    pub known: u64,
    /// Comments whose id was in the project with another text, of which nothing says which is newer. One of the two is
    /// kept, the same in any order of imports.
    pub other_text: u64,
    /// Comments and posts left out because they were purged, or deleted on Reddit by what another file shows.
    pub purged: u64,
    /// Rows that could not be read; they are listed with line and reason.
    pub rejected: u64,
    /// Rows dropped, by the filter's rule.
    pub dropped: BTreeMap<String, u64>,
    /// Rows that held NUL characters, which were removed.
    pub nul: u64,
    /// Rows of a table with a quote that is never closed, which is read as an ordinary character.
    pub stray_quotes: u64,
    /// Replacements by placeholders, by kind: link, email, phone, user.
    pub replaced: BTreeMap<String, u64>,
}

impl SourceCounts {
    /// Rows that the filters and rules dropped, by reason: `2 empty, 1 score`.
    pub fn dropped_in_words(&self) -> String {
        let parts: Vec<String> = (self.dropped.iter())
            .map(|(rule, n)| match rule.as_str() {
                "empty" => format!("{n} without a comment or reply"),
                rule => format!("{n} by {}", rule.replace('_', " ")),
            })
            .collect();
        parts.join(", ")
    }

    /// Replacements by placeholders: `12 link, 3 user`.
    pub fn replaced_in_words(&self) -> String {
        let parts: Vec<String> = (self.replaced.iter())
            .map(|(kind, n)| format!("{n} {kind}"))
            .collect();
        parts.join(", ")
    }
}
