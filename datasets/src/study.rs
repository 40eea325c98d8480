//! The permissions of a study: who allowed what to be done with Reddit content, and which text is Reddit
//! content at all.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use ts_rs::TS;

use crate::Format;
use crate::read::Preview;

/// An enum of words: one name each, in the project file, in JSON and on the command line, where `-` may
/// stand for `_`.
macro_rules! words {
    ($type:ident, $what:literal, $($variant:ident = $name:literal),* $(,)?) => {
        impl $type {
            /// Every choice, in the order in which it is offered.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in the project file and in JSON.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),*
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.name().replace('_', "-"))
            }
        }

        impl FromStr for $type {
            type Err = String;

            /// Reads the name; the error lists the choices.
            fn from_str(s: &str) -> Result<Self, String> {
                let name = s.trim().replace('-', "_");
                Self::ALL.iter().copied().find(|x| x.name() == name).ok_or_else(|| {
                    let names: Vec<String> = Self::ALL.iter().map(Self::to_string).collect();
                    format!("{} {s:?} is not one of {}", $what, names.join(", "))
                })
            }
        }
    };
}

/// Which permission a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum StudyKind {
    /// Reddit's approval of access to its API.
    ApiAccess,
    /// Admission to Reddit's own research program.
    ResearchProgram,
    /// Reddit's written approval of training on its content.
    Training,
    /// The approval of an ethics board.
    EthicsBoard,
}

words!(
    StudyKind,
    "record",
    ApiAccess = "api_access",
    ResearchProgram = "research_program",
    Training = "training",
    EthicsBoard = "ethics_board",
);

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Approved.
    Granted,
    /// Asked for and refused.
    Refused,
    /// Asked for; no answer yet.
    Pending,
    /// Approved once, and ended before its time.
    Withdrawn,
    /// This study doesn't need it.
    NotRequired,
    /// There is none, and it wasn't asked for.
    None,
}

words!(
    Decision,
    "decision",
    Granted = "granted",
    Refused = "refused",
    Pending = "pending",
    Withdrawn = "withdrawn",
    NotRequired = "not_required",
    None = "none",
);

/// Where the text of a source comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nobody has said; treated as Reddit content.
    #[default]
    Unknown,
    /// Reddit content, from an archive, an export or the API.
    Reddit,
    /// Another forum.
    Forum,
    /// Support mails or tickets.
    Support,
    /// A ConvoKit corpus that isn't from Reddit.
    Convokit,
    /// Elsewhere.
    Other,
    /// Made by a program.
    Synthetic,
}

words!(
    Origin,
    "origin",
    Unknown = "unknown",
    Reddit = "reddit",
    Forum = "forum",
    Support = "support",
    Convokit = "convokit",
    Other = "other",
    Synthetic = "synthetic",
);

impl Origin {
    /// Whether Reddit's policy applies: to Reddit content, and to text of which nobody has said what it is.
    pub fn needs_permission(self) -> bool {
        matches!(self, Self::Reddit | Self::Unknown)
    }
}

/// A record of the study, before it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct StudyRecord {
    /// Which permission.
    pub kind: StudyKind,
    /// What was decided.
    pub decision: Decision,
    /// Day of the decision, YYYY-MM-DD; may be empty, except for what was granted.
    #[serde(default)]
    pub date: String,
    /// What was allowed.
    #[serde(default)]
    pub scope: String,
    /// Last day, YYYY-MM-DD; empty: no end was set.
    #[serde(default)]
    pub until: String,
    /// Version of the policy that it refers to.
    #[serde(default)]
    pub policy: String,
    /// Where it can be read.
    #[serde(default)]
    pub link: String,
    /// More, in words.
    #[serde(default)]
    pub note: String,
}

impl StudyRecord {
    /// A record with nothing but its decision.
    pub fn new(kind: StudyKind, decision: Decision) -> Self {
        Self {
            kind,
            decision,
            date: String::new(),
            scope: String::new(),
            until: String::new(),
            policy: String::new(),
            link: String::new(),
            note: String::new(),
        }
    }

    /// The honest answer of somebody who has no approval: a record of each kind that says so.
    pub fn none_of_all() -> Vec<Self> {
        let kinds = StudyKind::ALL.iter();
        kinds.map(|kind| Self::new(*kind, Decision::None)).collect()
    }

    /// The record without blanks around its texts, if it can stand.
    ///
    /// # Errors
    /// A sentence that says what is missing or wrong.
    pub fn checked(mut self) -> Result<Self, String> {
        for text in [
            &mut self.date,
            &mut self.scope,
            &mut self.until,
            &mut self.policy,
            &mut self.link,
            &mut self.note,
        ] {
            *text = text.trim().to_owned();
        }
        let kind = self.kind;
        if !self.date.is_empty() {
            self.date = day(&self.date)?;
        }
        if !self.until.is_empty() {
            self.until = day(&self.until)?;
            if self.until < self.date {
                return Err(format!(
                    "{kind}: it ends on {}, before its date {}",
                    self.until, self.date
                ));
            }
        }
        let plain = self.link.starts_with("https://") || self.link.starts_with("http://");
        let host = self.link.split('/').nth(2).unwrap_or_default();
        if !self.link.is_empty() && (!plain || host.is_empty() || host.contains('@')) {
            return Err(format!(
                "{kind}: {:?} isn't a link; give one that begins with https:// and has no password in it",
                self.link
            ));
        }
        match self.decision {
            Decision::Granted => {
                let lacking: Vec<&str> = [
                    ("date", self.date.is_empty()),
                    ("scope", self.scope.is_empty()),
                    ("link", self.link.is_empty() && self.note.is_empty()),
                ]
                .iter()
                .filter_map(|(name, lacks)| lacks.then_some(*name))
                .collect();
                if !lacking.is_empty() {
                    return Err(format!(
                        "{kind}: what was granted needs its {} (a note can stand for the link)",
                        lacking.join(", ")
                    ));
                }
            }
            Decision::NotRequired if kind == StudyKind::Training => {
                return Err("training: Reddit always requires written approval for training on its content; if the text isn't Reddit's, say where it comes from (--origin)".into());
            }
            _ => {}
        }
        Ok(self)
    }
}

impl FromStr for StudyRecord {
    type Err = String;

    /// Reads `KIND=DECISION[,date=..][,scope=..][,until=..][,policy=..][,link=..][,note=..]`. A comma
    /// before anything but one of these names belongs to the value. The result is checked.
    fn from_str(s: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "{s:?} is not KIND=DECISION,..., as in training=granted,date=2026-05-01,scope=...,until=2027-05-01,link=https://..."
            )
        };
        let mut parts: Vec<(String, String)> = Vec::new();
        for part in s.split(',') {
            let named = part.split_once('=').filter(|(name, _)| {
                let name = name.trim();
                parts.is_empty() || FIELDS.contains(&name)
            });
            match (named, parts.last_mut()) {
                (Some((name, value)), _) => parts.push((name.trim().into(), value.trim().into())),
                (None, Some((_, value))) => {
                    value.push(',');
                    value.push_str(part);
                }
                (None, None) => return Err(expected()),
            }
        }
        let mut parts = parts.into_iter();
        let (kind, decision) = parts.next().ok_or_else(expected)?;
        let mut record = Self::new(kind.parse()?, decision.parse()?);
        for (name, value) in parts {
            let value = value.trim().trim_matches('"').to_owned();
            match name.as_str() {
                "date" => record.date = value,
                "scope" => record.scope = value,
                "until" => record.until = value,
                "policy" => record.policy = value,
                "link" => record.link = value,
                _ => record.note = value,
            }
        }
        record.checked()
    }
}

/// The fields of a record on the command line.
const FIELDS: [&str; 6] = ["date", "scope", "until", "policy", "link", "note"];

/// A day as YYYY-MM-DD.
///
/// # Errors
/// A sentence, when it is no day.
pub fn day(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} isn't a day; write it as 2026-05-01");
    if text.len() != 10 {
        return Err(wrong());
    }
    let date: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    Ok(date.to_string())
}

/// The day of a moment in UTC, as YYYY-MM-DD.
pub fn day_of_ms(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(
        |_| String::new(),
        |t| t.to_zoned(jiff::tz::TimeZone::UTC).date().to_string(),
    )
}

/// Columns that only exports of Reddit have.
const REDDIT_COLUMNS: [&str; 14] = [
    "subreddit",
    "subreddit_id",
    "subreddit_name_prefixed",
    "selftext",
    "link_id",
    "submission",
    "submission_score",
    "submission_author",
    "submission_id",
    "upvote_ratio",
    "is_self",
    "num_crossposts",
    "total_awards_received",
    "author_flair_text",
];

/// What a file says by itself of where it comes from: [`Origin::Reddit`], or [`Origin::Unknown`].
pub fn told(preview: &Preview) -> Origin {
    let of_reddit = |column: &String| {
        let column = column.trim().to_ascii_lowercase();
        REDDIT_COLUMNS.contains(&column.as_str())
    };
    let in_cells = || preview.rows.iter().flatten().any(|cell| names_reddit(cell));
    match preview.format {
        Format::Pushshift | Format::Listing => Origin::Reddit,
        Format::Sample => Origin::Synthetic,
        Format::Bigquery | Format::Mapped | Format::Comments
            if preview.columns.iter().any(of_reddit) || in_cells() =>
        {
            Origin::Reddit
        }
        Format::Bigquery | Format::Mapped | Format::Comments => Origin::Unknown,
    }
}

/// Whether a cell is a name or an address of Reddit's: `t1_...`, `t3_...`, `/r/...`, a link to reddit.com.
fn names_reddit(cell: &str) -> bool {
    let cell = cell.trim();
    let id = cell
        .strip_prefix("t1_")
        .or_else(|| cell.strip_prefix("t3_"));
    let is_id = id.is_some_and(|id| {
        (4..=9).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric())
    });
    let is_address = !cell.contains(char::is_whitespace)
        && (cell.starts_with("/r/")
            || cell.contains("://www.reddit.com/")
            || cell.contains("://reddit.com/")
            || cell.contains("://old.reddit.com/")
            || cell.contains("://redd.it/"));
    is_id || is_address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_and_nothing_else_is_read() {
        for kind in StudyKind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
            assert_eq!(kind.to_string().parse(), Ok(*kind));
            assert_eq!(
                serde_json::to_string(kind).unwrap(),
                format!("\"{}\"", kind.name())
            );
        }
        for decision in Decision::ALL {
            assert_eq!(decision.name().parse(), Ok(*decision));
            assert_eq!(
                serde_json::to_string(decision).unwrap(),
                format!("\"{}\"", decision.name())
            );
        }
        for origin in Origin::ALL {
            assert_eq!(origin.name().parse(), Ok(*origin));
            assert_eq!(
                serde_json::to_string(origin).unwrap(),
                format!("\"{}\"", origin.name())
            );
        }
        for wrong in ["", "Training", "training ok", "api access"] {
            assert!(wrong.parse::<StudyKind>().is_err(), "{wrong:?}");
        }
        assert!("yes".parse::<Decision>().is_err());
    }

    #[test]
    fn a_record_is_read_from_one_argument() {
        let record: StudyRecord =
            "training=granted,date=2026-05-01,scope=Replies in r/a, r/b,until=2027-05-01,policy=2026-08-22,link=https://example.org/a?b=c"
                .parse()
                .unwrap();
        assert_eq!(record.kind, StudyKind::Training);
        assert_eq!(record.decision, Decision::Granted);
        assert_eq!(record.scope, "Replies in r/a, r/b");
        assert_eq!(record.until, "2027-05-01");
        assert_eq!(record.link, "https://example.org/a?b=c");
        let plain: StudyRecord = "ethics-board=not-required".parse().unwrap();
        assert_eq!(
            plain,
            StudyRecord::new(StudyKind::EthicsBoard, Decision::NotRequired)
        );
    }

    #[test]
    fn a_record_that_cannot_stand_is_refused() {
        for (wrong, why) in [
            ("training", "KIND=DECISION"),
            ("", "KIND=DECISION"),
            ("training=", "decision"),
            ("train=granted", "record"),
            ("training=granted", "date, scope, link"),
            (
                "training=granted,date=2026-05-01,scope=all",
                "needs its link",
            ),
            (
                "training=granted,date=1 May,scope=a,link=https://a",
                "isn't a day",
            ),
            (
                "training=granted,date=2026-02-30,scope=a,link=https://a",
                "isn't a day",
            ),
            (
                "training=granted,date=2026-05-01,until=2026-04-01,scope=a,link=https://a",
                "before its date",
            ),
            (
                "training=granted,date=2026-05-01,scope=a,link=ftp://a",
                "isn't a link",
            ),
            (
                "training=granted,date=2026-05-01,scope=a,link=https://me:secret@a/",
                "password",
            ),
            ("training=not-required", "always requires"),
        ] {
            let said = wrong.parse::<StudyRecord>().unwrap_err();
            assert!(said.contains(why), "{wrong}: {said}");
        }
    }

    #[test]
    fn a_file_tells_whether_it_is_of_reddit() {
        let preview = |format, columns: &[&str], cells: &[&str]| Preview {
            format,
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: vec![cells.iter().map(|c| (*c).to_owned()).collect()],
            mapping: None,
        };
        for (found, expected) in [
            (preview(Format::Pushshift, &[], &[]), Origin::Reddit),
            (preview(Format::Listing, &[], &[]), Origin::Reddit),
            (
                preview(Format::Mapped, &["title", "Selftext"], &["a", "b"]),
                Origin::Reddit,
            ),
            (
                preview(
                    Format::Bigquery,
                    &["comment", "reply", "submission_score"],
                    &["a", "b", "1"],
                ),
                Origin::Reddit,
            ),
            (
                preview(Format::Mapped, &["q", "a", "id"], &["x", "y", "t1_abc12"]),
                Origin::Reddit,
            ),
            (
                preview(
                    Format::Mapped,
                    &["q", "a", "url"],
                    &["x", "y", "https://www.reddit.com/r/a/comments/b/"],
                ),
                Origin::Reddit,
            ),
            (
                preview(Format::Bigquery, &["comment", "reply"], &["a", "b"]),
                Origin::Unknown,
            ),
            (
                preview(
                    Format::Mapped,
                    &["question", "answer"],
                    &[
                        "I saw it on https://www.reddit.com/r/a today",
                        "t1_ is a prefix",
                    ],
                ),
                Origin::Unknown,
            ),
        ] {
            assert_eq!(told(&found), expected, "{found:?}");
        }
    }

    #[test]
    fn days_are_those_of_utc() {
        assert_eq!(day_of_ms(0), "1970-01-01");
        assert_eq!(day_of_ms(1_709_208_000_000), "2024-02-29");
        assert_eq!(day("2024-02-29"), Ok("2024-02-29".into()));
        assert!(day("20240229").is_err() && day("2023-02-29").is_err());
    }
}
