//! Import filters: which rows of a source are stored.

use crate::clean::bare_name;
use crate::record::{Comment, Post};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Rows that an import keeps; an empty or unset field keeps all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Included subreddits, case-insensitive, with or without `r/`.
    pub subreddits: Vec<String>,
    /// Included authors, case-insensitive.
    pub authors: Vec<String>,
    /// Excluded authors, case-insensitive.
    pub not_authors: Vec<String>,
    /// Minimum score; rows without a score are kept.
    pub min_score: Option<i64>,
    /// Maximum score; rows without a score are kept.
    pub max_score: Option<i64>,
    /// Minimum number of characters (a comment's body; a post's title and text).
    pub min_chars: Option<usize>,
    /// Maximum number of characters.
    pub max_chars: Option<usize>,
    /// Earliest time, seconds since 1970; rows without a time are kept.
    pub after_utc: Option<i64>,
    /// Upper bound of the time (exclusive), seconds since 1970.
    pub before_utc: Option<i64>,
    /// Replace links, e-mail addresses, phone numbers and user names in texts by placeholders.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub placeholders: bool,
}

/// The rule of a [`Filter`] that left a row out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    Subreddit,
    /// An author who is not included, or who is excluded.
    Author,
    /// Score too low or too high.
    Score,
    /// Text too short or too long.
    Length,
    /// Too early or too late.
    Date,
    /// The archive says that it was deleted or removed after it was archived (`_meta` of Arctic Shift).
    DeletedLater,
    /// A row of a table without a comment or without a reply.
    Empty,
}

impl Dropped {
    /// Every rule, in the order in which they are checked.
    pub const ALL: [Self; 7] = [
        Self::Subreddit,
        Self::Author,
        Self::Score,
        Self::Length,
        Self::Date,
        Self::DeletedLater,
        Self::Empty,
    ];

    /// The name in counts and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subreddit => "subreddit",
            Self::Author => "author",
            Self::Score => "score",
            Self::Length => "length",
            Self::Date => "date",
            Self::DeletedLater => "deleted_later",
            Self::Empty => "empty",
        }
    }
}

impl Filter {
    /// Why a comment is dropped; `None`: it is kept.
    pub fn drops_comment(&self, c: &Comment) -> Option<Dropped> {
        self.drops(
            &c.subreddit,
            c.author.as_deref(),
            c.score,
            c.created_utc,
            || c.body.chars().count(),
        )
    }

    /// Why a post is dropped; `None`: it is kept.
    pub fn drops_post(&self, p: &Post) -> Option<Dropped> {
        let chars = || p.title.chars().count() + p.selftext.chars().count();
        self.drops(
            &p.subreddit,
            p.author.as_deref(),
            p.score,
            p.created_utc,
            chars,
        )
    }

    /// Whether the subreddit passes the filter.
    pub fn wants_subreddit(&self, name: &str) -> bool {
        self.subreddits.is_empty() || any_is(&self.subreddits, name)
    }

    fn drops(
        &self,
        subreddit: &str,
        author: Option<&str>,
        score: Option<i64>,
        created: Option<i64>,
        chars: impl FnOnce() -> usize,
    ) -> Option<Dropped> {
        if !self.wants_subreddit(subreddit) {
            return Some(Dropped::Subreddit);
        }
        let author = author.unwrap_or("");
        if (!self.authors.is_empty() && !any_is(&self.authors, author))
            || any_is(&self.not_authors, author)
        {
            return Some(Dropped::Author);
        }
        if score.is_some_and(|s| {
            self.min_score.is_some_and(|min| s < min) || self.max_score.is_some_and(|max| s > max)
        }) {
            return Some(Dropped::Score);
        }
        if self.min_chars.is_some() || self.max_chars.is_some() {
            let n = chars();
            if self.min_chars.is_some_and(|min| n < min)
                || self.max_chars.is_some_and(|max| n > max)
            {
                return Some(Dropped::Length);
            }
        }
        if created.is_some_and(|t| {
            self.after_utc.is_some_and(|a| t < a) || self.before_utc.is_some_and(|b| t >= b)
        }) {
            return Some(Dropped::Date);
        }
        None
    }
}

fn any_is(names: &[String], name: &str) -> bool {
    names
        .iter()
        .any(|n| bare_name(n).eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment() -> Comment {
        Comment {
            id: 1,
            link_id: 2,
            parent_id: None,
            subreddit: "Rust".into(),
            author: Some("ann".into()),
            body: "grüße".into(),
            score: Some(3),
            created_utc: Some(1000),
            retrieved_utc: None,
        }
    }

    #[test]
    fn each_rule_names_itself() {
        let keep = Filter::default();
        assert_eq!(keep.drops_comment(&comment()), None);
        let of = |f: Filter| f.drops_comment(&comment());
        assert_eq!(
            of(Filter {
                subreddits: vec!["rust".into()],
                ..keep.clone()
            }),
            None
        );
        assert_eq!(
            of(Filter {
                subreddits: vec!["c".into()],
                ..keep.clone()
            }),
            Some(Dropped::Subreddit)
        );
        assert_eq!(
            of(Filter {
                authors: vec!["bob".into()],
                ..keep.clone()
            }),
            Some(Dropped::Author)
        );
        assert_eq!(
            of(Filter {
                not_authors: vec!["ANN".into()],
                ..keep.clone()
            }),
            Some(Dropped::Author)
        );
        assert_eq!(
            of(Filter {
                min_score: Some(4),
                ..keep.clone()
            }),
            Some(Dropped::Score)
        );
        assert_eq!(
            of(Filter {
                max_score: Some(2),
                ..keep.clone()
            }),
            Some(Dropped::Score)
        );
        assert_eq!(
            of(Filter {
                max_chars: Some(5),
                ..keep.clone()
            }),
            None,
            "characters, not bytes"
        );
        assert_eq!(
            of(Filter {
                max_chars: Some(4),
                ..keep.clone()
            }),
            Some(Dropped::Length)
        );
        assert_eq!(
            of(Filter {
                after_utc: Some(1000),
                before_utc: Some(1001),
                ..keep.clone()
            }),
            None
        );
        assert_eq!(
            of(Filter {
                before_utc: Some(1000),
                ..keep.clone()
            }),
            Some(Dropped::Date)
        );
    }

    #[test]
    fn unknown_values_pass_the_filter() {
        let unknown = Comment {
            score: None,
            created_utc: None,
            ..comment()
        };
        let f = Filter {
            min_score: Some(10),
            after_utc: Some(9999),
            ..Filter::default()
        };
        assert_eq!(f.drops_comment(&unknown), None);
    }
}
