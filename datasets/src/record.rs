//! What a source is made of: comments and posts, and the rows that could not be read.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One comment, text repaired (see [`crate::clean::repair`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Base36 id as a number; negative: a hash of the content.
    pub id: i64,
    /// The post that it stands under.
    pub link_id: i64,
    /// The comment that it answers; `None`: it answers the post.
    pub parent_id: Option<i64>,
    /// Name of the subreddit, without `r/`; empty: the source names none.
    pub subreddit: String,
    /// `None`: the source names none. `[deleted]` is kept as it is.
    pub author: Option<String>,
    /// The text.
    pub body: String,
    /// `None`: unknown or hidden.
    pub score: Option<i64>,
    /// Seconds since 1970.
    pub created_utc: Option<i64>,
    /// When the archive read it, seconds since 1970; the newest copy of a comment wins.
    pub retrieved_utc: Option<i64>,
}

/// One post (submission), text repaired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Base36 id as a number; negative: a hash of the content.
    pub id: i64,
    /// Name of the subreddit, without `r/`; empty: the source names none.
    pub subreddit: String,
    /// `None`: the source names none.
    pub author: Option<String>,
    /// The title.
    pub title: String,
    /// The text; empty for a link.
    pub selftext: String,
    /// `None`: unknown or hidden.
    pub score: Option<i64>,
    /// Seconds since 1970.
    pub created_utc: Option<i64>,
    /// When the archive read it, seconds since 1970.
    pub retrieved_utc: Option<i64>,
}

/// What one row of a source gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A comment.
    Comment(Comment),
    /// A post.
    Post(Post),
}

/// A row that could not be read; the rows around it were kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Rejected {
    /// Line of a text file, row of a table, element of a listing; from 1.
    pub line: u64,
    /// What was wrong and what was expected.
    pub reason: String,
    /// The first [`EXCERPT`] characters of the row.
    pub excerpt: String,
}

/// Bytes of a reason that are kept: it may quote the value that was wrong.
const REASON: usize = 400;

fn short(mut reason: String) -> String {
    if reason.len() > REASON {
        let end = (0..=REASON).rev().find(|&at| reason.is_char_boundary(at));
        reason.truncate(end.unwrap_or(0));
        reason.push_str("...");
        reason.shrink_to_fit();
    }
    reason
}

/// Characters of a rejected row that are kept to recognise it by.
pub const EXCERPT: usize = 160;

impl Rejected {
    /// A rejected row, its text cut to [`EXCERPT`] characters; bytes that are not UTF-8 become U+FFFD.
    pub fn new(line: u64, reason: impl Into<String>, row: &[u8]) -> Self {
        let head = &row[..row.len().min(4 * EXCERPT)];
        let excerpt = String::from_utf8_lossy(head)
            .chars()
            .take(EXCERPT)
            .collect();
        Self {
            line,
            reason: short(reason.into()),
            excerpt,
        }
    }
}
