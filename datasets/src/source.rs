//! What is said about a source: its format, its columns, its permission; and the sides of a split.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use ts_rs::TS;

/// How a source's file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// NDJSON of Pushshift or Arctic Shift, plain or `.zst`.
    Pushshift,
    /// The CSV of the original BigQuery query (`comment`, `reply`, `reply_score`, ...).
    Bigquery,
    /// CSV, JSONL or Parquet read through a [`Mapping`].
    Mapped,
    /// JSON as Reddit's API gives it.
    Listing,
    /// Made by the project itself.
    Sample,
}

impl Format {
    /// The name in the project file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pushshift => "pushshift",
            Self::Bigquery => "bigquery",
            Self::Mapped => "mapped",
            Self::Listing => "listing",
            Self::Sample => "sample",
        }
    }
}

/// Under what permission a source may be used. No dump of Reddit carries a licence, so a person
/// says what holds, in a choice and in words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Nobody has said; allowed, and shown.
    #[default]
    Unknown,
    /// The user's own writing.
    Own,
    /// The authors, or those who speak for them, agreed.
    Consent,
    /// An open licence.
    OpenLicence,
    /// Reddit approved the access (API or researchers' programme).
    RedditApproved,
    /// Research under an exception of the law or an ethics approval.
    Research,
    /// Made by a program; nobody wrote it.
    Synthetic,
}

impl Permission {
    /// Every choice, in the order in which it is offered.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::Own,
        Self::Consent,
        Self::OpenLicence,
        Self::RedditApproved,
        Self::Research,
        Self::Synthetic,
    ];

    /// The name in the project file and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Own => "own",
            Self::Consent => "consent",
            Self::OpenLicence => "open-licence",
            Self::RedditApproved => "reddit-approved",
            Self::Research => "research",
            Self::Synthetic => "synthetic",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Permission {
    type Err = String;

    /// Reads [`Permission::name`]; the error lists the choices.
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|p| p.name() == s)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|p| p.name()).collect();
                format!("permission {s:?} is not one of {}", names.join(", "))
            })
    }
}

/// Which column of a table holds what. `comment` and `reply` make a pair; the rest is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// Column of the comment's text. Required.
    pub comment: String,
    /// Column of the reply's text. Required.
    pub reply: String,
    /// Column of the reply's score.
    pub score: Option<String>,
    /// Column of the comment's score.
    pub comment_score: Option<String>,
    /// Column of the post's text; rows with the same one are one thread.
    pub post: Option<String>,
    /// Column of the post's score.
    pub post_score: Option<String>,
    /// Column of the subreddit.
    pub subreddit: Option<String>,
    /// Column of the post's author.
    pub post_author: Option<String>,
    /// Column of the comment's author.
    pub comment_author: Option<String>,
    /// Column of the reply's author.
    pub reply_author: Option<String>,
    /// Column of the reply's time: seconds since 1970, or an ISO 8601 date.
    pub created: Option<String>,
}

impl Mapping {
    /// The columns of the original BigQuery query.
    pub fn bigquery() -> Self {
        let some = |s: &str| Some(s.to_owned());
        Self {
            comment: "comment".into(),
            reply: "reply".into(),
            score: some("reply_score"),
            comment_score: some("comment_score"),
            post: some("submission"),
            post_score: some("submission_score"),
            subreddit: some("subreddit"),
            post_author: some("submission_author"),
            comment_author: some("comment_author"),
            reply_author: some("reply_author"),
            created: None,
        }
    }

    /// Each field's name with its column, those that are set, in a fixed order.
    pub fn columns(&self) -> Vec<(&'static str, &str)> {
        let optional = [
            ("score", &self.score),
            ("comment_score", &self.comment_score),
            ("post", &self.post),
            ("post_score", &self.post_score),
            ("subreddit", &self.subreddit),
            ("post_author", &self.post_author),
            ("comment_author", &self.comment_author),
            ("reply_author", &self.reply_author),
            ("created", &self.created),
        ];
        let mut out = vec![
            ("comment", self.comment.as_str()),
            ("reply", self.reply.as_str()),
        ];
        out.extend(
            optional
                .iter()
                .filter_map(|(k, v)| v.as_deref().map(|v| (*k, v))),
        );
        out
    }
}

impl FromStr for Mapping {
    type Err = String;

    /// Reads `comment=title,reply=selftext,score=score`: field, `=`, column; separated by commas.
    /// `reply_score` is another word for `score`. The error says what was expected.
    fn from_str(s: &str) -> Result<Self, String> {
        let mut map = Self::default();
        for part in s.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let (field, column) = part
                .split_once('=')
                .map(|(f, c)| (f.trim(), c.trim()))
                .filter(|(f, c)| !f.is_empty() && !c.is_empty())
                .ok_or_else(|| {
                    format!("{part:?} is not FIELD=COLUMN, as in comment=title,reply=selftext")
                })?;
            let column = column.to_owned();
            match field {
                "comment" => map.comment = column,
                "reply" => map.reply = column,
                "score" | "reply_score" => map.score = Some(column),
                "comment_score" => map.comment_score = Some(column),
                "post" | "submission" => map.post = Some(column),
                "post_score" | "submission_score" => map.post_score = Some(column),
                "subreddit" => map.subreddit = Some(column),
                "post_author" | "submission_author" => map.post_author = Some(column),
                "comment_author" => map.comment_author = Some(column),
                "author" | "reply_author" => map.reply_author = Some(column),
                "created" | "created_utc" => map.created = Some(column),
                _ => {
                    return Err(format!(
                        "{field:?} is not a field; fields are comment, reply, score, comment_score, post, \
                         post_score, subreddit, post_author, comment_author, reply_author, created"
                    ));
                }
            }
        }
        if map.comment.is_empty() || map.reply.is_empty() {
            return Err("a mapping needs both comment=COLUMN and reply=COLUMN".into());
        }
        Ok(map)
    }
}

/// How far a file has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadProgress {
    /// Bytes of the file (compressed, where it is) that have been read.
    pub bytes: u64,
    /// Bytes of the file.
    pub total: u64,
    /// Rows seen so far, good or bad.
    pub rows: u64,
}

/// A side of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// What models learn from.
    Train = 0,
    /// What is looked at while they learn.
    Val = 1,
    /// What is looked at once, at the end.
    Test = 2,
}

impl Side {
    /// The three sides, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// The side with this number in the project file.
    pub fn from_number(n: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|s| *s as i64 == n)
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Side {
    type Err = String;

    /// Reads [`Side::name`].
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|side| side.name() == s)
            .ok_or_else(|| format!("side {s:?} is not one of train, val, test"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_reads_its_own_words() {
        let map: Mapping = "comment=title, reply=selftext,score=score".parse().unwrap();
        assert_eq!(
            map.columns(),
            [
                ("comment", "title"),
                ("reply", "selftext"),
                ("score", "score")
            ]
        );
        for bad in [
            "",
            "comment=a",
            "comment",
            "comment=a,reply=",
            "comment=a,reply=b,colour=c",
        ] {
            assert!(bad.parse::<Mapping>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_go_both_ways() {
        for p in Permission::ALL {
            assert_eq!(p.name().parse(), Ok(p));
            assert_eq!(serde_json::to_string(&p).unwrap(), format!("\"{p}\""));
        }
        for s in Side::ALL {
            assert_eq!(s.name().parse(), Ok(s));
            assert_eq!(Side::from_number(s as i64), Some(s));
        }
        assert!("both".parse::<Side>().is_err());
    }
}
