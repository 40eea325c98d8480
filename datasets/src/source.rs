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
    /// JSON as Reddit's API gives it, or an archive of threads with the replies inside the comments.
    Listing,
    /// One comment a row, each with its id and that of the comment it answers: CSV, JSON or Parquet.
    Comments,
    /// Made by the project itself.
    Sample,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::Pushshift,
        Self::Bigquery,
        Self::Mapped,
        Self::Listing,
        Self::Comments,
        Self::Sample,
    ];

    /// The name in the project file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pushshift => "pushshift",
            Self::Bigquery => "bigquery",
            Self::Mapped => "mapped",
            Self::Listing => "listing",
            Self::Comments => "comments",
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

/// Which column of a table holds what. Either a row is a pair: `comment` and `reply` are needed. Or a row
/// is one comment: `id`, `parent` and `text` are needed. The rest is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// Column of the comment's text, where a row is a pair.
    pub comment: String,
    /// Column of the reply's text, where a row is a pair.
    pub reply: String,
    /// Column of the score: the reply's, or that of the row's comment.
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
    /// Column of the author: the reply's, or that of the row's comment.
    pub reply_author: Option<String>,
    /// Column of the time when the reply, or the row's comment, was written.
    pub created: Option<String>,
    /// Column of the row's id, where a row is one comment.
    pub id: Option<String>,
    /// Column of the id of what the row answers.
    pub parent: Option<String>,
    /// Column of the id of the post, or of the conversation's first comment.
    pub link: Option<String>,
    /// Column of the text, where a row is one comment.
    pub text: Option<String>,
    /// Column of a title; a row that has one is a post.
    pub title: Option<String>,
}

/// The fields of a mapping in words, for help and errors.
pub const FIELDS: &str = "comment and reply, or id, parent and text; and score, comment_score, post, \
     post_score, subreddit, author, post_author, comment_author, created, link, title";

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
            ..Self::default()
        }
    }

    /// Whether a row is one comment, not a pair.
    pub fn is_flat(&self) -> bool {
        self.text.is_some() || self.id.is_some()
    }

    /// Each field's name with its column, those that are set, in a fixed order.
    pub fn columns(&self) -> Vec<(&'static str, &str)> {
        let mut out = Vec::new();
        for (name, column) in [("comment", &self.comment), ("reply", &self.reply)] {
            if !column.is_empty() {
                out.push((name, column.as_str()));
            }
        }
        let optional = [
            ("id", &self.id),
            ("parent", &self.parent),
            ("link", &self.link),
            ("text", &self.text),
            ("title", &self.title),
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
        out.extend(
            optional
                .iter()
                .filter_map(|(k, v)| v.as_deref().map(|v| (*k, v))),
        );
        out
    }

    /// The mapping as it is typed after `--map`, names that need it in quotes.
    pub fn typed(&self) -> String {
        let parts: Vec<String> = self
            .columns()
            .into_iter()
            .map(|(field, column)| {
                let field = if field == "reply_author" {
                    "author"
                } else {
                    field
                };
                let plain = !column.contains([',', '=', '"', '\'', ' ']);
                match plain {
                    true => format!("{field}={column}"),
                    false => format!("{field}=\"{}\"", column.replace('"', "\"\"")),
                }
            })
            .collect();
        parts.join(",")
    }

    /// A mapping from fields and their columns. `reply_score` is another word for `score`.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn of<F: AsRef<str>>(parts: impl IntoIterator<Item = (F, String)>) -> Result<Self, String> {
        let mut map = Self::default();
        for (field, column) in parts {
            let field = field.as_ref();
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
                "id" => map.id = Some(column),
                "parent" | "parent_id" => map.parent = Some(column),
                "link" | "link_id" => map.link = Some(column),
                "text" | "body" => map.text = Some(column),
                "title" => map.title = Some(column),
                _ => {
                    return Err(format!("{field:?} is not a field; fields are {FIELDS}"));
                }
            }
        }
        map.check()?;
        Ok(map)
    }

    /// Refuses a mapping that makes no rows.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn check(&self) -> Result<(), String> {
        let pair = !self.comment.is_empty() || !self.reply.is_empty();
        if self.is_flat() {
            if pair {
                return Err(
                    "a row is a pair (comment=COLUMN,reply=COLUMN) or one comment \
                     (id=COLUMN,parent=COLUMN,text=COLUMN), not both"
                        .into(),
                );
            }
            let needed = [
                ("id", &self.id),
                ("parent", &self.parent),
                ("text", &self.text),
            ];
            let missing: Vec<String> = needed
                .iter()
                .filter(|(name, column)| {
                    column.is_none() && !(*name == "parent" && self.title.is_some())
                })
                .map(|(name, _)| format!("{name}=COLUMN"))
                .collect();
            if !missing.is_empty() {
                return Err(format!(
                    "a mapping of rows with one comment each needs {} too",
                    missing.join(" and ")
                ));
            }
        } else if self.comment.is_empty() || self.reply.is_empty() {
            return Err(
                "a mapping needs both comment=COLUMN and reply=COLUMN, or id=COLUMN, \
                        parent=COLUMN and text=COLUMN"
                    .into(),
            );
        }
        Ok(())
    }
}

impl FromStr for Mapping {
    type Err = String;

    /// Reads `comment=title,reply="my, reply"`: field, `=`, column; separated by commas. A column with a
    /// comma in its name stands in quotes; a quote in it is doubled. The error says what was expected.
    fn from_str(s: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = s.trim_start_matches([',', ' ']);
        while !rest.is_empty() {
            let wrong = |part: &str| {
                format!("{part:?} is not FIELD=COLUMN, as in comment=title,reply=selftext")
            };
            let until = |text: &str| text.split(',').next().unwrap_or("").trim().to_owned();
            let (field, after) = rest
                .split_once('=')
                .filter(|(field, _)| !field.contains(','))
                .ok_or_else(|| wrong(&until(rest)))?;
            let after = after.trim_start();
            let (column, left) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => quoted(&after[1..], quote)
                    .ok_or_else(|| format!("the quote after {field:?} is never closed"))?,
                _ => {
                    let end = after.find(',').unwrap_or(after.len());
                    (after[..end].trim().to_owned(), &after[end..])
                }
            };
            let left = left.trim_start();
            if field.trim().is_empty()
                || column.is_empty()
                || !(left.is_empty() || left.starts_with(','))
            {
                return Err(wrong(&until(rest)));
            }
            parts.push((field.trim().to_owned(), column));
            rest = left.trim_start_matches([',', ' ']);
        }
        Self::of(parts)
    }
}

/// The text up to the closing quote, doubled quotes as one, and what follows it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let at = rest.find(quote)?;
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix(quote) {
            Some(after) => {
                out.push(quote);
                rest = after;
            }
            None => return Some((out, rest)),
        }
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
pub enum Partition {
    /// What models learn from.
    Train = 0,
    /// What is looked at while they learn.
    Val = 1,
    /// What is looked at once, at the end.
    Test = 2,
}

impl Partition {
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

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Partition {
    type Err = String;

    /// Reads [`Partition::name`].
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|partition| partition.name() == s)
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
            "comment=\"a,reply=b",
            "id=a,text=b",
            "id=a,parent=p,text=b,comment=c",
        ] {
            assert!(bad.parse::<Mapping>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn columns_with_commas_and_equals_signs_can_be_named() {
        let text = r#"comment="Comment, ""text""",reply=Reply=text,score='My Score'"#;
        let map: Mapping = text.parse().unwrap();
        assert_eq!(map.comment, r#"Comment, "text""#);
        assert_eq!(
            (map.reply.as_str(), map.score.as_deref()),
            ("Reply=text", Some("My Score"))
        );
        assert_eq!(map.typed().parse(), Ok(map));
        let flat: Mapping = "id=utt,parent=reply_to,text=text,author=speaker"
            .parse()
            .unwrap();
        assert!(flat.is_flat());
        assert_eq!(flat.typed().parse(), Ok(flat));
    }

    #[test]
    fn names_go_both_ways() {
        for p in Permission::ALL {
            assert_eq!(p.name().parse(), Ok(p));
            assert_eq!(serde_json::to_string(&p).unwrap(), format!("\"{p}\""));
        }
        for s in Partition::ALL {
            assert_eq!(s.name().parse(), Ok(s));
            assert_eq!(Partition::from_number(s as i64), Some(s));
        }
        assert!("both".parse::<Partition>().is_err());
    }
}
