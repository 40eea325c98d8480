//! One line of a Pushshift or Arctic Shift dump to one record.
//!
//! Twenty years of dumps vary: times are integers, floats or strings of digits; scores may be hidden; parents are
//! names, bare ids, integers or null. A copy of a comment that the archive marks as deleted later is dropped. Unknown
//! keys are skipped unread.

use crate::{
    clean::{bare_name, repair},
    flat, id,
    json::{Event, Json},
    record::{Comment, GoneRecord, Post, Record},
    table,
};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use std::{borrow::Cow, fmt};

/// The outcome of a line.
#[derive(Debug, PartialEq)]
pub enum Line {
    Record(Record),
    /// A good line whose text the archive marks as deleted later; `None`: it has no id.
    DeletedLater(Option<GoneRecord>),
    /// A bad line, with what was wrong.
    Bad(String),
}

/// Reads a line of NDJSON and passes on what it holds: an object, or several that lost the line break between them.
/// `entities`: texts are escaped as in the dumps.
///
/// A line that serde_json refuses for a lone surrogate (`\ud83d` without its other half) or for bytes that are not
/// UTF-8 is read once more with those replaced by U+FFFD.
pub fn lines(bytes: &[u8], entities: bool, found: &mut dyn FnMut(Line)) {
    match serde_json::from_slice::<Raw>(bytes) {
        Ok(raw) => found(of_dump(raw, entities)),
        Err(first) => {
            let mended = mend(bytes);
            match serde_json::from_slice::<Raw>(&mended) {
                Ok(raw) => found(of_dump(raw, entities)),
                Err(_) => tolerant(bytes, entities, &first, found),
            }
        }
    }
}

/// Copies of the dumps that scripts wrote may be unescaped.
fn of_dump(raw: Raw, entities: bool) -> Line {
    let entities = entities && flat::may_be_escaped(&raw);
    raw.into_line(entities)
}

/// Reads a line that serde_json refuses (`first`) for `NaN`, for control characters in a text, or for several objects.
fn tolerant(bytes: &[u8], entities: bool, first: &serde_json::Error, found: &mut dyn FnMut(Line)) {
    let mut json = Json::new(bytes);
    for read in 0.. {
        let text = match json.next_event() {
            Ok(None) if read > 0 => return,
            Ok(Some(Event::Object)) => json.value(Event::Object).ok().map(|o| o.to_string()),
            _ => None,
        };
        let raw = text.as_deref().map(serde_json::from_str::<Raw>);
        let Some(Ok(raw)) = raw else {
            return found(Line::Bad(match read {
                0 => format!("not a JSON object: {first}"),
                n => format!("what follows JSON object {n} of the line is not a JSON object"),
            }));
        };
        found(of_dump(raw, entities));
    }
}

/// Replaces lone surrogate escapes and bytes that are not UTF-8 by U+FFFD.
fn mend(bytes: &[u8]) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(bytes).into_owned().into_bytes();
    let unit = |text: &[u8], at: usize| -> Option<u32> {
        let hex = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
    };
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'\\' {
            at += 1;
            continue;
        }
        match unit(&text, at) {
            Some(0xD800..=0xDBFF) if matches!(unit(&text, at + 6), Some(0xDC00..=0xDFFF)) => {
                at += 12;
            }
            Some(0xD800..=0xDFFF) => {
                text[at..at + 6].copy_from_slice(b"\\ufffd");
                at += 6;
            }
            Some(_) => at += 6,
            None => at += 2, // an escaped character: `\\` must not start another escape
        }
    }
    text
}

/// A JSON scalar of any kind; strings are borrowed where they hold no escapes.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Loose<'a> {
    #[default]
    Absent,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// An array or an object where a scalar was expected.
    Other,
}

impl<'a> Loose<'a> {
    pub(crate) fn is_set(&self) -> bool {
        !matches!(self, Self::Absent | Self::Null)
    }

    /// A flag, as JSON or as tables and scripts write it.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Bool(flag) => *flag,
            Self::Text(text) => {
                let text = text.trim();
                text.eq_ignore_ascii_case("true") || self.number() == Some(1)
            }
            value => value.number() == Some(1),
        }
    }

    fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A time as a number in any unit, or as the seconds of a date.
    pub(crate) fn moment(&self) -> Option<i64> {
        self.number().or_else(|| match self {
            Self::Text(text) => table::time(text).ok(),
            _ => None,
        })
    }

    /// When something was written.
    ///
    /// # Errors
    /// See [`table::written`].
    pub(crate) fn written(&self) -> Result<Option<i64>, String> {
        match self {
            Self::Text(text) => table::written(text),
            Self::Float(x) if x.is_finite() => table::written(&x.to_string()),
            // a number with fewer digits may be a day
            Self::Int(n @ 100_000_000..) => table::written_number(*n).map(Some),
            Self::Int(n) => table::written(&n.to_string()),
            _ => Ok(None),
        }
    }

    /// A whole number: an integer, a float (truncated), or a string of either.
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Float(x) => whole(*x),
            Self::Text(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| whole(text.parse().ok()?))
            }
            _ => None,
        }
    }
}

/// A time in seconds, milliseconds, microseconds or nanoseconds, as seconds. The unit is detected by magnitude: the
/// seconds of 2005 and of 2100 have the same number of digits.
pub(crate) fn seconds(time: i64) -> i64 {
    match time.unsigned_abs() {
        0..100_000_000_000 => time,
        100_000_000_000..100_000_000_000_000 => time.div_euclid(1_000),
        100_000_000_000_000..100_000_000_000_000_000 => time.div_euclid(1_000_000),
        _ => time.div_euclid(1_000_000_000),
    }
}

/// A float as an integer; `None` if it is not finite or does not fit.
pub(crate) fn whole(x: f64) -> Option<i64> {
    (x.is_finite() && x.abs() < 9e15).then_some(x as i64)
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Loose<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Loose::Null)
            }
            fn visit_bool<E>(self, b: bool) -> Result<Self::Value, E> {
                Ok(Loose::Bool(b))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
                Ok(Loose::Int(n))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
                // an id of this size must keep its digits
                let text = || Loose::Text(Cow::Owned(n.to_string()));
                Ok(i64::try_from(n).map_or_else(|_| text(), Loose::Int))
            }
            fn visit_f64<E>(self, x: f64) -> Result<Self::Value, E> {
                Ok(Loose::Float(x))
            }
            fn visit_borrowed_str<E>(self, s: &'de str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Borrowed(s)))
            }
            fn visit_str<E>(self, s: &str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Owned(s.to_owned())))
            }
            fn visit_string<E>(self, s: String) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Owned(s)))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The keys that are read; all others are skipped.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Id,
    Name,
    Body,
    Title,
    Selftext,
    Author,
    Subreddit,
    LinkId,
    ParentId,
    Score,
    ScoreHidden,
    CreatedUtc,
    RetrievedOn,
    RetrievedUtc,
    UpdatedOn,
    UpdatedUtc,
    #[serde(rename = "_meta")]
    Meta,
    #[serde(other)]
    Other,
}

/// The raw fields of a line. Of a repeated key, the last value counts.
#[derive(Default)]
pub(crate) struct Raw<'a> {
    pub(crate) id: Loose<'a>,
    pub(crate) name: Loose<'a>,
    pub(crate) body: Loose<'a>,
    pub(crate) title: Loose<'a>,
    pub(crate) selftext: Loose<'a>,
    pub(crate) author: Loose<'a>,
    pub(crate) subreddit: Loose<'a>,
    pub(crate) link_id: Loose<'a>,
    pub(crate) parent_id: Loose<'a>,
    pub(crate) score: Loose<'a>,
    pub(crate) score_hidden: Loose<'a>,
    pub(crate) created_utc: Loose<'a>,
    pub(crate) retrieved: Loose<'a>,
    pub(crate) meta: Option<Meta<'a>>,
    /// The rendered HTML, if the source has it: its first characters show whether the source is escaped.
    pub(crate) html: Loose<'a>,
    /// Names the subreddit and the post.
    pub(crate) permalink: Loose<'a>,
    /// `link_id` is the first comment of the conversation, not a post.
    pub(crate) root_is_comment: bool,
}

/// Fields that Arctic Shift adds since 2023-11.
#[derive(Default, Deserialize)]
pub(crate) struct Meta<'a> {
    #[serde(borrow, default)]
    pub(crate) was_deleted_later: Loose<'a>,
    #[serde(borrow, default)]
    pub(crate) was_initially_deleted: Loose<'a>,
    #[serde(borrow, default)]
    pub(crate) removal_type: Loose<'a>,
}

impl Meta<'_> {
    fn says_deleted(&self) -> bool {
        (self.was_deleted_later.is_true() || self.removal_type.is_set())
            && !self.was_initially_deleted.is_true()
    }

    /// Whether a moderator removed it, or Reddit; otherwise its author deleted it.
    fn says_removed(&self) -> bool {
        match &self.removal_type {
            Loose::Text(how) => how != "deleted",
            other => other.is_set(),
        }
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Raw<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the fields of a comment or a post")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut raw = Raw::default();
                while let Some(key) = map.next_key::<Key>()? {
                    match key {
                        Key::Id => raw.id = map.next_value()?,
                        Key::Name => raw.name = map.next_value()?,
                        Key::Body => raw.body = map.next_value()?,
                        Key::Title => raw.title = map.next_value()?,
                        Key::Selftext => raw.selftext = map.next_value()?,
                        Key::Author => raw.author = map.next_value()?,
                        Key::Subreddit => raw.subreddit = map.next_value()?,
                        Key::LinkId => raw.link_id = map.next_value()?,
                        Key::ParentId => raw.parent_id = map.next_value()?,
                        Key::Score => raw.score = map.next_value()?,
                        Key::ScoreHidden => raw.score_hidden = map.next_value()?,
                        Key::CreatedUtc => raw.created_utc = map.next_value()?,
                        Key::RetrievedOn | Key::RetrievedUtc | Key::UpdatedOn | Key::UpdatedUtc => {
                            // the newest of the names used over the years
                            let value: Loose = map.next_value()?;
                            if value.moment() > raw.retrieved.moment() {
                                raw.retrieved = value;
                            }
                        }
                        Key::Meta => raw.meta = map.next_value()?,
                        Key::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(raw)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl Raw<'_> {
    /// The line for a text that the archive marks as deleted later, under its id; `None`: it does not.
    pub(crate) fn deleted_later(&self, own: Option<i64>) -> Option<Line> {
        let meta = self.meta.as_ref().filter(|meta| meta.says_deleted())?;
        let of_post = match &self.name {
            Loose::Text(name) if name.starts_with("t3_") => true,
            _ => !matches!(self.body, Loose::Text(_)) && matches!(self.title, Loose::Text(_)),
        };
        let subreddit = match &self.subreddit {
            Loose::Text(name) => bare_name(name).to_owned(),
            _ => String::new(),
        };
        Some(Line::DeletedLater(own.map(|id| GoneRecord {
            kind: if of_post { 3 } else { 1 },
            id,
            subreddit,
            removed: meta.says_removed(),
            seen_utc: None,
        })))
    }

    /// The score; `column`: the name of its column.
    ///
    /// # Errors
    /// A sentence with the score if it is no number, ambiguous, or impossible.
    pub(crate) fn score(&self, column: &str) -> Result<Option<i64>, String> {
        let score = match &self.score {
            _ if self.score_hidden.is_true() => None,
            Loose::Text(text) => {
                table::score_of(text).map_err(|why| why.sentence("score", column, text))?
            }
            Loose::Float(x) if x.is_finite() => match whole(x.round_ties_even()) {
                None => return Err(format!("score {x} is not a possible score")),
                score => score,
            },
            value => value.number(),
        };
        table::possible(score)
    }

    /// Builds a record from these fields, by the rules of the dumps.
    pub(crate) fn into_line(self, entities: bool) -> Line {
        // A string of digits is base36; a JSON number is the number itself.
        let number = |value: &Loose| match value {
            Loose::Text(text) => id::decode(text),
            Loose::Int(n) if *n >= 0 => Some(*n),
            _ => None,
        };
        let own = number(&self.id).or_else(|| number(&self.name));
        if let Some(line) = self.deleted_later(own) {
            return line;
        }
        let is_comment = matches!(self.body, Loose::Text(_));
        if !is_comment && !matches!(self.title, Loose::Text(_)) {
            return Line::Bad("has neither body (a comment) nor title (a post)".into());
        }
        let Some(own) = own else {
            return Line::Bad("has no id in base36".into());
        };
        let (score, created_utc) = match (self.score("score"), self.created_utc.written()) {
            (Ok(score), Ok(created)) => (score, created),
            (Err(reason), _) | (_, Err(reason)) => return Line::Bad(reason),
        };
        let retrieved_utc = self.retrieved.moment().and_then(table::retrieved);
        let name = |value: Loose| {
            let name = value.text()?;
            let bare = bare_name(&name);
            (!bare.is_empty()).then(|| bare.to_owned())
        };
        if !is_comment {
            return Line::Record(Record::Post(Post {
                id: own,
                subreddit: name(self.subreddit).unwrap_or_default(),
                author: name(self.author),
                title: repaired(self.title, entities),
                selftext: repaired(self.selftext, entities),
                score,
                created_utc,
                retrieved_utc,
            }));
        }
        let Some(link_id) = number(&self.link_id) else {
            return Line::Bad("is a comment without the post it stands under (link_id)".into());
        };
        let parent_id = match &self.parent_id {
            Loose::Absent | Loose::Null => None,
            Loose::Text(text) if text.starts_with("t3_") => None,
            value => match number(value) {
                Some(parent) if parent == link_id && !says_comment(value) => None,
                Some(parent) => Some(parent),
                None => return Line::Bad("has a parent_id that is not base36".into()),
            },
        };
        Line::Record(Record::Comment(Comment {
            id: own,
            link_id,
            parent_id,
            subreddit: name(self.subreddit).unwrap_or_default(),
            author: name(self.author),
            body: repaired(self.body, entities),
            score,
            created_utc,
            retrieved_utc,
        }))
    }
}

/// Whether a parent is explicitly a comment (`t1_`).
fn says_comment(value: &Loose) -> bool {
    matches!(value, Loose::Text(text) if text.starts_with("t1_"))
}

fn repaired(value: Loose, entities: bool) -> String {
    match value {
        Loose::Text(Cow::Borrowed(text)) => repair(text, entities).into_owned(),
        Loose::Text(Cow::Owned(text)) => match repair(&text, entities) {
            Cow::Borrowed(same) if same.len() == text.len() => text,
            changed => changed.into_owned(),
        },
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Line> {
        let mut all = Vec::new();
        lines(bytes, true, &mut |line| all.push(line));
        all
    }

    fn line(bytes: &[u8]) -> Line {
        let mut all = all(bytes);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn comment(json: &str) -> Comment {
        match line(json.as_bytes()) {
            Line::Record(Record::Comment(c)) => c,
            other => panic!("{json}: {other:?}"),
        }
    }

    fn with(extra: &str) -> Comment {
        comment(&format!(
            r#"{{"id":"c1","body":"x","link_id":"t3_p1","parent_id":"t3_p1"{extra}}}"#
        ))
    }

    #[test]
    fn times_and_scores_are_read_as_scripts_write_them() {
        for (time, seconds) in [
            ("2020-09-13T12:26:40Z", 1_600_000_000),
            ("2020-09-13 12:26:40", 1_600_000_000),
            ("2020-09-13", 1_599_955_200),
        ] {
            let c = with(&format!(
                r#","created_utc":"{time}","retrieved_on":"{time}""#
            ));
            assert_eq!(c.created_utc, Some(seconds), "{time}");
            assert_eq!(c.retrieved_utc, Some(seconds), "{time}");
        }
        for (score, value) in [
            ("1.2k", 1200),
            ("1,234", 1234),
            ("12 points", 12),
            ("-3", -3),
        ] {
            assert_eq!(with(&format!(r#","score":"{score}""#)).score, Some(value));
        }
        assert_eq!(with(r#","score":"score hidden""#).score, None);
    }

    #[test]
    fn impossible_scores_are_rejected_with_the_value() {
        for score in ["9223372036854775807", "-2000000000", "\"9000000000\""] {
            let json = format!(r#"{{"id":"c1","body":"x","link_id":"p","score":{score}}}"#);
            match line(json.as_bytes()) {
                Line::Bad(reason) => {
                    assert!(reason.contains(score.trim_matches('"')), "{reason}")
                }
                other => panic!("{score}: {other:?}"),
            }
        }
    }

    #[test]
    fn times_are_read_in_three_forms() {
        for shape in [
            "1134399035",
            "1134399035.0",
            "\"1134399035\"",
            "\"1134399035.0\"",
        ] {
            assert_eq!(
                with(&format!(r#","created_utc":{shape}"#)).created_utc,
                Some(1_134_399_035)
            );
        }
        for none in ["null", "\"None\"", "{}", "[1]", "true"] {
            assert_eq!(with(&format!(r#","created_utc":{none}"#)).created_utc, None);
        }
    }

    #[test]
    fn hidden_or_missing_score_is_unknown_not_zero() {
        assert_eq!(with(r#","score":0"#).score, Some(0));
        assert_eq!(with(r#","score":null"#).score, None);
        assert_eq!(with("").score, None);
        for hidden in ["true", "\"true\"", "\"True\"", "1", "1.0", "\"1\""] {
            let json = format!(r#","score":5,"score_hidden":{hidden}"#);
            assert_eq!(with(&json).score, None, "{json}");
        }
        assert_eq!(with(r#","score":5,"score_hidden":"no""#).score, Some(5));
        assert_eq!(with(r#","score":5,"score_hidden":false"#).score, Some(5));
    }

    #[test]
    fn parents_are_read_in_five_forms() {
        let parent = |json: &str| {
            comment(&format!(
                r#"{{"id":"c1","body":"x","link_id":"t3_p1"{json}}}"#
            ))
            .parent_id
        };
        assert_eq!(parent(r#","parent_id":"t1_j2af0af""#), Some(41_497_293_111));
        assert_eq!(parent(r#","parent_id":41497293111"#), Some(41_497_293_111));
        assert_eq!(parent(r#","parent_id":"j2af0af""#), Some(41_497_293_111));
        assert_eq!(parent(r#","parent_id":"t3_p1""#), None);
        assert_eq!(parent(r#","parent_id":"p1""#), None);
        assert_eq!(parent(r#","parent_id":null"#), None);
        assert_eq!(parent(""), None);
        assert_eq!(
            parent(r#","parent_id":"t1_p1""#),
            id::decode("p1"),
            "a comment with the post's number"
        );
    }

    #[test]
    fn missing_names_are_built_from_ids_and_digits_are_base36() {
        let own = |json: &str| comment(&format!(r#"{{{json},"body":"x","link_id":"p1"}}"#)).id;
        assert_eq!(own(r#""id":"123""#), id::decode("123").unwrap());
        assert_eq!(own(r#""name":"t1_c81""#), id::decode("c81").unwrap());
        assert_eq!(own(r#""id":"t1_c81""#), id::decode("c81").unwrap());
    }

    #[test]
    fn the_newest_retrieval_of_any_name_counts() {
        let c = with(r#","retrieved_on":5,"retrieved_utc":"9","updated_on":null"#);
        assert_eq!(c.retrieved_utc, Some(9));
    }

    #[test]
    fn comments_deleted_later_by_archive_are_dropped() {
        let meta = |m: &str| {
            let json = format!(r#"{{"id":"c","body":"x","link_id":"p","_meta":{m}}}"#);
            matches!(
                line(json.as_bytes()),
                Line::DeletedLater(Some(GoneRecord {
                    kind: 1,
                    id: 12,
                    ..
                }))
            )
        };
        assert!(meta(r#"{"was_deleted_later":true}"#));
        assert!(meta(r#"{"was_deleted_later":"true"}"#));
        assert!(meta(r#"{"removal_type":"deleted","retrieved_2nd_on":1}"#));
        assert!(!meta(
            r#"{"removal_type":"removed","was_initially_deleted":true}"#
        ));
        assert!(!meta(r#"{"removal_type":null}"#));
        assert!(!meta("null"));
    }

    #[test]
    fn lone_surrogates_and_broken_bytes_become_replacement_characters() {
        let json = r#"{"id":"c","body":"a\ud83d b \ud83d\ude00 \\ud83d","link_id":"p"}"#;
        assert_eq!(comment(json).body, "a\u{FFFD} b 😀 \\ud83d");
        match line(b"{\"id\":\"c\",\"body\":\"a\xFFb\",\"link_id\":\"p\"}") {
            Line::Record(Record::Comment(c)) => assert_eq!(c.body, "a\u{FFFD}b"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nan_and_nul_do_not_reject_a_row() {
        let c =
            comment("{\"id\":\"c\",\"body\":\"a\u{0}b \\u0000c\",\"link_id\":\"p\",\"score\":NaN}");
        assert_eq!((c.body.as_str(), c.score), ("ab c", None));
    }

    #[test]
    fn times_in_any_unit_and_names_with_prefixes_are_read() {
        let c = with(r#","created_utc":1554076800000,"author":"u/bob","subreddit":"/r/kettles""#);
        assert_eq!(c.created_utc, Some(1_554_076_800));
        assert_eq!(
            (c.author.as_deref(), c.subreddit.as_str()),
            (Some("bob"), "kettles")
        );
    }

    #[test]
    fn times_outside_of_reddits_years_are_rejected_with_the_value() {
        for time in [
            "4611686018427387904",
            "-5",
            "0",
            "4102444800",
            "4102444800000",
            "\"-5\"",
        ] {
            for text in [r#""body":"x","link_id":"p""#, r#""title":"x""#] {
                let json = format!(r#"{{"id":"c",{text},"created_utc":{time}}}"#);
                match line(json.as_bytes()) {
                    Line::Bad(reason) => {
                        assert!(reason.contains(time.trim_matches('"')), "{reason}")
                    }
                    other => panic!("{time}: {other:?}"),
                }
            }
        }
        for time in ["4611686018427387904", "4102444800", "-5"] {
            let c = with(&format!(r#","retrieved_on":{time}"#));
            assert_eq!(c.retrieved_utc, None, "{time}");
        }
    }

    #[test]
    fn score_or_time_that_is_none_is_rejected_with_its_value() {
        for (field, value) in [
            ("score", "\"1.234\""),
            ("score", "\"many\""),
            ("score", "1e300"),
            ("created_utc", "\"soon\""),
        ] {
            let json = format!(r#"{{"id":"c","body":"x","link_id":"p","{field}":{value}}}"#);
            match line(json.as_bytes()) {
                Line::Bad(reason) => assert!(
                    reason.contains(value.trim_matches('"')) || value == "1e300",
                    "{reason}"
                ),
                other => panic!("{json}: {other:?}"),
            }
        }
        assert_eq!(with(r#","score":3.7"#).score, Some(4));
        assert_eq!(with(r#","score":1.234"#).score, Some(1));
    }

    #[test]
    fn objects_that_lost_the_line_break_between_them_are_all_read() {
        let one = |id: &str| format!(r#"{{"id":"{id}","body":"{id}","link_id":"p"}}"#);
        let bodies = |text: &str| -> Vec<String> {
            let body = |line: &Line| match line {
                Line::Record(Record::Comment(c)) => c.body.clone(),
                Line::Bad(reason) => reason.clone(),
                other => panic!("{other:?}"),
            };
            all(text.as_bytes()).iter().map(body).collect()
        };
        for between in ["", " ", ",", ", "] {
            let text = [one("a"), one("b"), one("c")].join(between);
            assert_eq!(bodies(&text), ["a", "b", "c"], "{between:?}");
        }
        for rest in ["{\"id\":\"d\",\"bo", "and more", "[1]"] {
            let got = bodies(&format!("{}{}{rest}", one("a"), one("b")));
            assert_eq!(got[..2], ["a", "b"], "{rest}");
            assert!(got[2].contains("JSON object 2"), "{got:?}");
            assert_eq!(got.len(), 3);
        }
    }

    #[test]
    fn text_with_a_bare_character_is_not_unescaped() {
        let body = |body: &str| {
            let json = format!(r#"{{"id":"c","body":"{body}","link_id":"p"}}"#);
            comment(&json).body
        };
        assert_eq!(body("a &lt; b &amp;amp; c"), "a < b &amp; c");
        assert_eq!(body("a < b, written &lt;"), "a < b, written &lt;");
    }

    #[test]
    fn bad_lines_say_what_is_wrong() {
        for (json, part) in [
            ("", "not a JSON object"),
            ("[1]", "not a JSON object"),
            ("{\"id\":\"c\"", "not a JSON object"),
            (r#"{"id":"c"}"#, "neither body"),
            (r#"{"body":"x","link_id":"p"}"#, "no id"),
            (r#"{"id":"c","body":"x"}"#, "link_id"),
            (
                r#"{"id":"c","body":"x","link_id":"p","parent_id":"?"}"#,
                "parent_id",
            ),
        ] {
            match line(json.as_bytes()) {
                Line::Bad(reason) => assert!(reason.contains(part), "{json}: {reason}"),
                other => panic!("{json}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_post_has_a_title() {
        let json = r#"{"id":"88","title":"A &amp; B","selftext":"","author":null,"score":8}"#;
        match line(json.as_bytes()) {
            Line::Record(Record::Post(p)) => {
                assert_eq!(
                    (p.title.as_str(), p.author, p.score),
                    ("A & B", None, Some(8))
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
