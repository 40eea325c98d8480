//! What a source consists of: comments and posts, and the rows that could not be read.

use crate::clean::{Flaw, notice};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One comment, its text repaired (see [`crate::clean::repair`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Base36 id as a number; negative: a hash of the content.
    pub id: i64,
    /// The post that it is under.
    pub link_id: i64,
    /// The comment that it answers; `None`: it answers the post.
    pub parent_id: Option<i64>,
    /// Without `r/`; empty: the source names none.
    pub subreddit: String,
    /// `None`: the source names none. `[deleted]` is kept.
    pub author: Option<String>,
    pub body: String,
    /// `None`: unknown or hidden.
    pub score: Option<i64>,
    /// Seconds since 1970.
    pub created_utc: Option<i64>,
    /// When the archive fetched it, seconds since 1970; the newest copy of a comment wins.
    pub retrieved_utc: Option<i64>,
}

/// One post (submission), its text repaired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Base36 id as a number; negative: a hash of the content.
    pub id: i64,
    /// Without `r/`; empty: the source names none.
    pub subreddit: String,
    /// `None`: the source names none.
    pub author: Option<String>,
    pub title: String,
    /// Empty for a link.
    pub selftext: String,
    /// `None`: unknown or hidden.
    pub score: Option<i64>,
    /// Seconds since 1970.
    pub created_utc: Option<i64>,
    /// When the archive fetched it, seconds since 1970.
    pub retrieved_utc: Option<i64>,
}

/// A record from one row of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    Comment(Comment),
    Post(Post),
}

/// What an archive says is gone from Reddit: copies of it from another archive may be in the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneRecord {
    /// 1: a comment, 3: a post.
    pub kind: u8,
    pub id: i64,
    /// Empty: unknown.
    pub subreddit: String,
    /// By a moderator; otherwise its author deleted it.
    pub removed: bool,
    /// When the archive saw that it is gone, seconds since 1970: a copy that was fetched later still counts. `None`: the
    /// archive marks all copies as deleted, or does not say when it saw this one. A text that was deleted rarely comes
    /// back, so no copy counts then.
    pub seen_utc: Option<i64>,
}

impl GoneRecord {
    /// A comment or post that was fetched with a placeholder instead of its text.
    pub fn of_placeholder(record: &Record) -> Option<Self> {
        let (kind, id, subreddit, texts, seen_utc) = match record {
            Record::Comment(c) => (1, c.id, &c.subreddit, [&c.body, &c.body], c.retrieved_utc),
            Record::Post(p) => (
                3,
                p.id,
                &p.subreddit,
                [&p.selftext, &p.title],
                p.retrieved_utc,
            ),
        };
        let flaw = texts.into_iter().find_map(|text| notice(text.trim()))?;
        Some(Self {
            kind,
            id,
            subreddit: subreddit.clone(),
            removed: flaw == Flaw::Removed,
            seen_utc,
        })
    }
}

impl Record {
    /// Replaces the ids by those of a namespace, in which the same ids refer to each other and to no others.
    pub fn move_to(&mut self, namespace: &str) {
        let moved = |id: &mut i64| *id = crate::id::in_namespace(namespace, *id);
        match self {
            Self::Comment(comment) => {
                moved(&mut comment.id);
                moved(&mut comment.link_id);
                comment.parent_id.iter_mut().for_each(moved);
            }
            Self::Post(post) => moved(&mut post.id),
        }
    }
}

/// A row that could not be read; the rows around it are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Rejected {
    /// Line of a text file, row of a table, element of a listing; from 1.
    pub line: u64,
    /// What was wrong and what was expected.
    pub reason: String,
    /// The first [`EXCERPT`] characters of the row; a longer row is followed by [`CUT`] and the ids in the rest.
    pub excerpt: String,
}

/// Maximum length of a reason in bytes: it may quote the bad value.
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

/// Characters of a rejected row that are kept to identify it.
pub const EXCERPT: usize = 160;

/// Separates the beginning of a rejected row from the ids in the rest of it.
pub const CUT: &str = " [...] ids: ";

/// Maximum number of ids kept from the rest of a rejected row.
const IDS: usize = 8;

impl Rejected {
    /// A rejected row, its text cut to [`EXCERPT`] characters; invalid UTF-8 becomes U+FFFD. Ids in the part that is
    /// cut off are kept, so that the row is found when one of them must be purged.
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

/// The ids in a row of JSON, including its own; `None`: no key names its own.
fn ids(row: &[u8]) -> Option<Vec<String>> {
    const KEYS: [&str; 5] = [
        "\"id\"",
        "\"name\"",
        "\"reply_id\"",
        "\"parent_id\"",
        "\"link_id\"",
    ];
    /// How many of these can be the row's own id.
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
    fn placeholder_says_that_a_text_is_gone() {
        let comment = |body: &str, retrieved_utc| {
            Record::Comment(Comment {
                id: 5,
                link_id: 1,
                parent_id: None,
                subreddit: "Quiet".into(),
                author: None,
                body: body.into(),
                score: None,
                created_utc: None,
                retrieved_utc,
            })
        };
        let post = |title: &str, selftext: &str| {
            Record::Post(Post {
                id: 6,
                subreddit: "Quiet".into(),
                author: None,
                title: title.into(),
                selftext: selftext.into(),
                score: None,
                created_utc: None,
                retrieved_utc: Some(9),
            })
        };
        let found = |record: &Record| {
            let gone = GoneRecord::of_placeholder(record)?;
            Some((gone.kind, gone.id, gone.removed))
        };
        assert_eq!(found(&comment("[deleted]", Some(9))), Some((1, 5, false)));
        assert_eq!(found(&comment("[removed]", Some(9))), Some((1, 5, true)));
        assert_eq!(found(&comment("[deleted]", None)), Some((1, 5, false)));
        assert_eq!(found(&comment("I [deleted] it", Some(9))), None);
        assert_eq!(found(&post("A title", "[removed]")), Some((3, 6, true)));
        assert_eq!(found(&post("[deleted by user]", "")), Some((3, 6, false)));
        assert_eq!(found(&post("A title", "")), None);
    }

    #[test]
    fn id_of_a_rejected_row_is_kept_anywhere_in_it() {
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
