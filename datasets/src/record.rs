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
    Comment(Comment),
    Post(Post),
}

/// A row that could not be read; the rows around it were kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Rejected {
    /// Line of a text file, row of a table, element of a listing; from 1.
    pub line: u64,
    /// What was wrong and what was expected.
    pub reason: String,
    /// The first [`EXCERPT`] characters of the row; of a longer one also [`CUT`] and the ids in the rest.
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

/// What stands between the beginning of a rejected row and the ids in the rest of it.
pub const CUT: &str = " [...] ids: ";

/// Ids that are kept of the rest of a rejected row.
const IDS: usize = 8;

impl Rejected {
    /// A rejected row, its text cut to [`EXCERPT`] characters; bytes that are not UTF-8 become U+FFFD. The ids
    /// in what is cut off are kept, so that the row can be found when one of them is to be forgotten.
    pub fn new(line: u64, reason: impl Into<String>, row: &[u8]) -> Self {
        let head = &row[..row.len().min(4 * EXCERPT)];
        let mut excerpt: String = String::from_utf8_lossy(head)
            .chars()
            .take(EXCERPT)
            .collect();
        if row.len() > excerpt.len()
            && let Some(ids) = ids(row)
        {
            excerpt.push_str(CUT);
            excerpt.push_str(&ids.join(" "));
        }
        Self {
            line,
            reason: short(reason.into()),
            excerpt,
        }
    }
}

/// The ids in a row of JSON, with its own; `None`: its own is not told by a key.
fn ids(row: &[u8]) -> Option<Vec<String>> {
    const KEYS: [&str; 5] = [
        "\"id\"",
        "\"name\"",
        "\"reply_id\"",
        "\"parent_id\"",
        "\"link_id\"",
    ];
    /// Of these, those that tell which row it is.
    const OWN: usize = 3;
    let mut found: Vec<String> = Vec::new();
    let mut own = false;
    for (n, key) in KEYS.iter().enumerate() {
        for at in memchr::memmem::find_iter(row, key) {
            let value = row[at + key.len()..].trim_ascii_start();
            let Some(value) = value.strip_prefix(b":").map(<[u8]>::trim_ascii_start) else {
                continue;
            };
            let value = value.strip_prefix(b"\"").unwrap_or(value);
            let length = value
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
                .count();
            if length == 0 || length > 20 {
                continue;
            }
            own |= n < OWN;
            let id = format!("\"{}\"", String::from_utf8_lossy(&value[..length]));
            if found.len() < IDS && !found.contains(&id) {
                found.push(id);
            }
        }
    }
    own.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_rejected_row_is_kept_wherever_it_stands() {
        let long = "x".repeat(300);
        for (row, ids) in [
            (
                format!("{{\"body\":\"{long}\",\"id\" : \"abc1\"}}"),
                Some("\"abc1\""),
            ),
            (
                format!("{{\"id\":\"abc1\",\"body\":\"{long}\",\"link_id\":\"t3_x\"}}"),
                Some("\"abc1\" \"t3_x\""),
            ),
            (
                format!("{{\"body\":\"{long}\",\"link_id\":\"t3_x\"}}"),
                None,
            ),
            (format!("{long},my id is,\"id\""), None),
            ("{\"id\":\"abc1\"".to_owned(), None),
        ] {
            let excerpt = Rejected::new(1, "bad", row.as_bytes()).excerpt;
            assert!(row.starts_with(&excerpt[..excerpt.len().min(EXCERPT)]));
            assert_eq!(excerpt.split_once(CUT).map(|(_, ids)| ids), ids, "{row}");
        }
    }
}
