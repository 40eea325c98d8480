//! From one row of a table to a post, a comment and its reply.

use crate::{
    clean::{bare_name, notice, repair},
    filter::{Dropped, Filter},
    id, ndjson,
    record::{Comment, Post},
    source::Mapping,
};
use std::ops::Range;

/// The columns of a table that a [`Mapping`] names, by position.
#[derive(Debug, Clone)]
pub struct Columns {
    comment: usize,
    reply: usize,
    score: Option<usize>,
    comment_score: Option<usize>,
    post: Option<usize>,
    thread: Option<usize>,
    post_score: Option<usize>,
    subreddit: Option<usize>,
    post_author: Option<usize>,
    comment_author: Option<usize>,
    reply_author: Option<usize>,
    created: Option<usize>,
    /// Reddit's id of the row's comment or post, or a link to it.
    link: Option<usize>,
    /// Texts are escaped, as in the dumps.
    entities: bool,
    /// Their names.
    header: Vec<String>,
}

/// Columns that only the original query writes, with the texts of the dumps.
const OF_THE_QUERY: [&str; 3] = ["submission_author", "comment_score", "reply_score"];

impl Columns {
    /// Finds the mapping's columns in a header. `Err`: the columns that are missing.
    pub fn find(mapping: &Mapping, header: &[String]) -> Result<Self, Vec<String>> {
        let mut missing = Vec::new();
        let mut at = |name: &str| {
            let found = header.iter().position(|h| h.trim() == name);
            if found.is_none() {
                missing.push(name.to_owned());
            }
            found
        };
        let comment = at(&mapping.comment);
        let reply = at(&mapping.reply);
        let mut maybe = |name: &Option<String>| name.as_deref().and_then(&mut at);
        let columns = Self {
            comment: comment.unwrap_or(0),
            reply: reply.unwrap_or(0),
            score: maybe(&mapping.score),
            comment_score: maybe(&mapping.comment_score),
            post: maybe(&mapping.post),
            thread: maybe(&mapping.thread),
            post_score: maybe(&mapping.post_score),
            subreddit: maybe(&mapping.subreddit),
            post_author: maybe(&mapping.post_author),
            comment_author: maybe(&mapping.comment_author),
            reply_author: maybe(&mapping.reply_author),
            created: maybe(&mapping.created),
            link: maybe(&mapping.link),
            entities: (OF_THE_QUERY.iter()).all(|name| header.iter().any(|h| h.trim() == *name)),
            header: header.to_vec(),
        };
        if missing.is_empty() {
            Ok(columns)
        } else {
            Err(missing)
        }
    }
}

/// A row with a comment and its reply.
#[derive(Debug, PartialEq)]
pub struct PairRow {
    /// `None`: the table says nothing about it.
    pub post: Option<Post>,
    pub comment: Comment,
    pub reply: Comment,
    /// What the row's link names on Reddit.
    pub link: Link,
}

/// What a link or id of a row names: names of comments (`t1_...`), either of which may be the row's comment or its reply,
/// and of the post (`t3_...`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    pub comment: Option<String>,
    pub post: Option<String>,
}

impl Link {
    /// Reads a permalink, a name, or an id without its kind, which may be that of a comment or of a post.
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let id = |bare: &str| {
            let id = id::decode(bare).filter(|_| !bare.contains('_'));
            id.map(id::encode)
        };
        let comment = |bare: &str| Some(format!("t1_{}", id(bare)?));
        let post = |bare: &str| Some(format!("t3_{}", id(bare)?));
        if let Some((_, path)) = text.split_once("/comments/") {
            let path = path.split(['?', '#']).next().unwrap_or_default();
            // POST, the words of its title, COMMENT
            let mut parts = path.split('/');
            return Self {
                post: parts.next().and_then(post),
                comment: parts.nth(1).and_then(comment),
            };
        }
        match text.split_at_checked(3) {
            Some(("t1_", bare)) => Self {
                comment: comment(bare),
                post: None,
            },
            Some(("t3_", bare)) => Self {
                comment: None,
                post: post(bare),
            },
            _ => Self {
                comment: comment(text),
                post: post(text),
            },
        }
    }
}

/// The outcome of a row.
#[derive(Debug, PartialEq)]
pub enum Row {
    /// Boxed: it is large.
    Pair(Box<PairRow>),
    /// A good row that a filter drops.
    Dropped(Dropped),
    /// A bad row, with what was wrong.
    Bad(String),
}

/// Reads one row; `cell(i)` is the text of column i, `None` for a null.
///
/// Ids are hashes of the content, so that the same row gives the same ids in every file: the post's of its text, author
/// and subreddit; the comment's of its post, text and author; the reply's of its comment, text and author. Posts
/// without a text (links, removed ones) are distinguished by subreddit, author and score. If the table says nothing
/// about the post, rows with the same comment are one thread. A key of the thread comes before all of these: it is no
/// text, and rows without one are told apart as if there were no such column. Escapes are decoded in tables of the
/// original query, which contain the dumps' texts; in an ordinary table, `&lt;` was typed.
pub fn row<'a>(columns: &Columns, filter: &Filter, cell: impl Fn(usize) -> Option<&'a str>) -> Row {
    let text = |i: usize| repair(cell(i).unwrap_or(""), columns.entities).into_owned();
    let optional = |i: Option<usize>| i.and_then(&cell).map(str::trim).filter(|s| !s.is_empty());
    let body = text(columns.comment);
    let answer = text(columns.reply);
    if body.is_empty() || answer.is_empty() {
        return Row::Dropped(Dropped::Empty);
    }
    let number = |name: &str, i: Option<usize>| {
        optional(i).map_or(Ok(None), |text| {
            let column = || {
                i.and_then(|i| columns.header.get(i))
                    .map_or("", String::as_str)
            };
            let score = score_of(text).map_err(|why| why.sentence(name, column(), text))?;
            possible(score)
        })
    };
    let numbers = || -> Result<_, String> {
        Ok((
            number("the reply's score", columns.score)?,
            number("the comment's score", columns.comment_score)?,
            number("the post's score", columns.post_score)?,
            optional(columns.created)
                .map(written)
                .transpose()?
                .flatten(),
        ))
    };
    let (score, comment_score, post_score, created_utc) = match numbers() {
        Ok(numbers) => numbers,
        Err(reason) => return Row::Bad(reason),
    };
    let owned = |i: Option<usize>| optional(i).map(|name| bare_name(name).to_owned());
    let subreddit = owned(columns.subreddit).unwrap_or_default();
    let post_author = owned(columns.post_author);
    let comment_author = owned(columns.comment_author);
    let reply_author = owned(columns.reply_author);
    // the notice that replaces a removed post's text is the same under many posts
    let title = columns
        .post
        .map(text)
        .filter(|t| !t.is_empty() && notice(t).is_none());
    let has_post = title.is_some() || post_author.is_some() || post_score.is_some();

    let name = |author: &Option<String>| author.clone().unwrap_or_default();
    let by = name(&comment_author);
    let link_id = match (optional(columns.thread), &title) {
        (Some(key), _) => id::of_content(&["key of a thread", &subreddit, key]),
        (None, Some(title)) => id::of_content(&["post", &subreddit, title, &name(&post_author)]),
        (None, None) if has_post => {
            let score = post_score.map_or_else(String::new, |score| score.to_string());
            id::of_content(&["post", &subreddit, "", &name(&post_author), &score])
        }
        (None, None) => id::of_content(&["thread", &subreddit, &body, &by]),
    };
    let comment_id = id::of_content(&["comment", &link_id.to_string(), &body, &by]);
    let reply_id = id::of_content(&[
        "reply",
        &comment_id.to_string(),
        &answer,
        &name(&reply_author),
    ]);
    let post = has_post.then(|| Post {
        id: link_id,
        subreddit: subreddit.clone(),
        author: post_author,
        title: title.unwrap_or_default(),
        selftext: String::new(),
        score: post_score,
        created_utc: None,
        retrieved_utc: None,
    });
    let comment = Comment {
        id: comment_id,
        link_id,
        parent_id: None,
        subreddit: subreddit.clone(),
        author: comment_author,
        body,
        score: comment_score,
        created_utc: None,
        retrieved_utc: None,
    };
    let reply = Comment {
        id: reply_id,
        link_id,
        parent_id: Some(comment_id),
        subreddit,
        author: reply_author,
        body: answer,
        score,
        created_utc,
        retrieved_utc: None,
    };
    match filter.drops_comment(&reply) {
        Some(rule) => Row::Dropped(rule),
        None => Row::Pair(Box::new(PairRow {
            post,
            comment,
            reply,
            link: optional(columns.link).map(Link::read).unwrap_or_default(),
        })),
    }
}

/// Whether a cell means "unknown".
fn is_unknown(text: &str) -> bool {
    const UNKNOWN: [&str; 16] = [
        "nan",
        "null",
        "none",
        "na",
        "n/a",
        "nil",
        "<na>",
        "hidden",
        "score hidden",
        "vote",
        "-",
        "–",
        "—",
        "•",
        "·",
        "?",
    ];
    let bare = text.trim_matches(['[', ']', '(', ')']).trim();
    bare.is_empty() || UNKNOWN.iter().any(|u| u.eq_ignore_ascii_case(bare))
}

/// Why a text is no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAScore {
    NotANumber,
    /// One point and three digits: thousands in some languages, decimals in others.
    Ambiguous,
}

impl NotAScore {
    /// `what`: which score it is.
    pub(crate) fn sentence(self, what: &str, column: &str, text: &str) -> String {
        let of = match column == what {
            true => String::new(),
            false => format!(" in the column {column:?}"),
        };
        match self {
            Self::NotANumber => format!("{what} {text:?}{of} is not a number"),
            Self::Ambiguous => format!(
                "{what} {text:?}{of} is ambiguous, thousands or decimals; write it without the point, or with \
                 other than three decimals"
            ),
        }
    }
}

/// Whether these digits around a point may be thousands as well as a fraction.
fn may_be_thousands((whole, part): (&str, &str)) -> bool {
    let whole = whole.trim_start_matches(['+', '-']);
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    matches!(whole.len(), 1..=3)
        && !whole.starts_with('0')
        && part.len() == 3
        && digits(whole)
        && digits(part)
}

/// A score as scrapers write it: `-3`, `7.0`, `1,234`, `1.2k`, `12 points`, `12 pts`; `None`: unknown or hidden.
/// Fractions are rounded, a half to the even number.
///
/// # Errors
/// If it is no number, or may be one of two (`1.234`).
pub fn score_of(text: &str) -> Result<Option<i64>, NotAScore> {
    use NotAScore::{Ambiguous, NotANumber};
    let text = text.trim();
    if let Ok(n) = text.parse() {
        return Ok(Some(n));
    }
    if is_unknown(text) {
        return Ok(None);
    }
    let lower = text.to_lowercase().replace('\u{2212}', "-");
    let bare = lower
        .trim_end_matches(['s', '.'])
        .trim_end_matches("point")
        .trim_end_matches("pt")
        .trim_end_matches("upvote")
        .trim_start_matches(['•', '·'])
        .trim();
    let (digits, times) = match bare.as_bytes().last() {
        Some(b'k') => (&bare[..bare.len() - 1], 1e3),
        Some(b'm') => (&bare[..bare.len() - 1], 1e6),
        _ => (bare, 1.0),
    };
    let digits = digits.trim();
    // Spaces and commas group thousands; with k or m, one comma is the decimal separator of some languages.
    let grouped = digits.replace(['\u{A0}', '\u{202F}', ' ', '\''], "");
    // several points can only group thousands
    let grouped = match grouped.matches('.').count() {
        0 | 1 => grouped,
        _ if grouped.split('.').skip(1).all(|part| part.len() == 3) => grouped.replace('.', ""),
        _ => return Err(NotANumber),
    };
    if times == 1.0 && grouped.split_once('.').is_some_and(may_be_thousands) {
        return Err(Ambiguous);
    }
    let number = match grouped.split_once(',') {
        None => grouped.clone(),
        Some((whole, part)) if times > 1.0 && part.len() < 3 => format!("{whole}.{part}"),
        Some(_)
            if grouped
                .split(',')
                .skip(1)
                .all(|part| part.split('.').next().is_some_and(|p| p.len() == 3)) =>
        {
            grouped.replace(',', "")
        }
        Some(_) => return Err(NotANumber),
    };
    if !number
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.e".contains(&b))
    {
        return Err(NotANumber);
    }
    let x: f64 = number.parse().map_err(|_| NotANumber)?;
    ndjson::whole((x * times).round_ties_even())
        .map(Some)
        .ok_or(NotANumber)
}

/// Refuses a score that no text has: a thousand times that of the most popular posts.
///
/// # Errors
/// A sentence with the score.
pub(crate) fn possible(score: Option<i64>) -> Result<Option<i64>, String> {
    const MOST: u64 = 1_000_000_000;
    match score {
        Some(n) if n.unsigned_abs() > MOST => Err(format!("score {n} is not a possible score")),
        score => Ok(score),
    }
}

/// The time at which something was written, in seconds since 1970: between 2005, when Reddit began, and a year from
/// now. `None`: the cell says that it is unknown.
///
/// # Errors
/// A sentence with the text if it is no time, or outside of these years.
pub fn written(text: &str) -> Result<Option<i64>, String> {
    if is_unknown(text) {
        return Ok(None);
    }
    let seconds = time(text)?;
    if plausible().contains(&seconds) {
        return Ok(Some(seconds));
    }
    Err(implausible(text.trim_start_matches('@')))
}

fn implausible(time: &str) -> String {
    format!("time {time:?} is not between 2005 and a year from now")
}

/// As [`written`], for a number in any unit.
///
/// # Errors
/// A sentence with the number if it is outside of these years.
pub(crate) fn written_number(number: i64) -> Result<i64, String> {
    let seconds = ndjson::seconds(number);
    match plausible().contains(&seconds) {
        true => Ok(seconds),
        false => Err(implausible(&number.to_string())),
    }
}

/// The time at which a copy was made, in seconds since 1970, from a number in any unit. One in the future is unknown:
/// such a copy would be the newest for good.
pub(crate) fn retrieved(number: i64) -> Option<i64> {
    let seconds = ndjson::seconds(number);
    (0..plausible().end).contains(&seconds).then_some(seconds)
}

fn plausible() -> Range<i64> {
    const YEAR_2005: i64 = 1_104_537_600;
    YEAR_2005..jiff::Timestamp::now().as_second() + 366 * 86_400
}

/// Seconds since 1970 (UTC) from a number of seconds, milliseconds, microseconds or nanoseconds, from `@` and seconds,
/// or from a date as databases, tables and mail write it.
///
/// # Errors
/// A sentence with the text if it is none of these.
pub fn time(text: &str) -> Result<i64, String> {
    let text = text.trim();
    if let Some(seconds) = text.strip_prefix('@').and_then(|s| s.parse().ok()) {
        return Ok(seconds);
    }
    let number = text.parse();
    // 20190401 is a day: as seconds it would be in 1970
    if let (8, Ok(20_000_000..21_000_000)) = (text.len(), &number)
        && let Some(day) = date(&format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]))
    {
        return Ok(day);
    }
    if let Some(number) = number.ok().or_else(|| ndjson::whole(text.parse().ok()?)) {
        return Ok(ndjson::seconds(number));
    }
    date(text).ok_or_else(|| {
        format!(
            "time {text:?} is neither a number of seconds since 1970 nor a date like 2019-04-01"
        )
    })
}

fn date(text: &str) -> Option<i64> {
    use jiff::civil::{Date, DateTime, Time};
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_second());
    }
    // a zone by its name, without an offset
    if text.ends_with(']') {
        let zoned = text.parse::<jiff::Zoned>().ok()?;
        return Some(zoned.timestamp().as_second());
    }
    let utc = |dt: DateTime| {
        Some(
            dt.to_zoned(jiff::tz::TimeZone::UTC)
                .ok()?
                .timestamp()
                .as_second(),
        )
    };
    let bare = ["UTC", "GMT", "Z", "utc"]
        .iter()
        .find_map(|zone| text.strip_suffix(zone))
        .unwrap_or(text)
        .trim();
    if let Ok(dt) = bare.parse::<DateTime>() {
        return utc(dt);
    }
    if let Ok(day) = bare.parse::<Date>() {
        return utc(day.to_datetime(Time::MIN));
    }
    if let Ok(zoned) = jiff::fmt::rfc2822::parse(text) {
        return Some(zoned.timestamp().as_second());
    }
    // with a time zone: from databases and old scrapers
    for format in [
        "%Y-%m-%d %H:%M:%S%.f %z",
        "%a %b %d %H:%M:%S %z %Y",
        "%Y-%m-%d %H:%M:%S%.f%:z",
    ] {
        if let Ok(instant) = jiff::Timestamp::strptime(format, text) {
            return Some(instant.as_second());
        }
    }
    for format in [
        "%Y/%m/%d %H:%M:%S",
        "%Y/%m/%d %H:%M",
        "%Y-%m-%d %H:%M",
        "%Y.%m.%d %H:%M:%S",
        "%Y-%m-%d %I:%M %p",
        "%Y-%m-%d %I:%M:%S %p",
        "%b %d, %Y %I:%M %p",
        "%a %b %d %H:%M:%S %Y",
    ] {
        if let Ok(dt) = DateTime::strptime(format, bare.replace("  ", " ")) {
            return utc(dt);
        }
    }
    const DAYS: [&str; 6] = [
        "%Y/%m/%d",
        "%Y.%m.%d",
        "%d %B %Y",
        "%B %d, %Y",
        "%d %b %Y",
        "%b %d, %Y",
    ];
    DAYS.iter()
        .find_map(|format| Date::strptime(format, bare).ok())
        .and_then(|day| utc(day.to_datetime(Time::MIN)))
}

/// Seconds since 1970 (UTC) at the beginning of a year (2021), a month (2021-03) or a day (2021-03-04), or of an
/// instant; a number of more than four digits is a time itself.
///
/// # Errors
/// A sentence with the text if it is none of these.
pub fn beginning(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &str, n| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
    match parts[..] {
        [year] if digits(year, 4) => time(&format!("{text}-01-01")),
        [year, month] if digits(year, 4) && digits(month, 2) => time(&format!("{text}-01")),
        _ => time(text),
    }
    .map_err(|_| {
        format!("{text:?} is no date; write 2021, 2021-03, 2021-03-04 or 2021-03-04T12:00:00Z")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &[&str], cells: &[&str], mapping: &Mapping) -> Row {
        let header: Vec<String> = header.iter().map(|s| s.to_string()).collect();
        let columns = Columns::find(mapping, &header).unwrap();
        row(&columns, &Filter::default(), |i| cells.get(i).copied())
    }

    #[test]
    fn a_row_of_the_original_query_is_three_records() {
        let header = [
            "",
            "subreddit",
            "submission",
            "comment",
            "reply",
            "submission_score",
            "comment_score",
            "reply_score",
            "submission_author",
            "comment_author",
            "reply_author",
        ];
        let cells = [
            "0", "aww", "post", "a &lt; b", "yes", "10", "5.0", "-3", "p", "c", "r",
        ];
        let Row::Pair(pair) = read(&header, &cells, &Mapping::bigquery()) else {
            panic!()
        };
        let PairRow {
            post: Some(post),
            comment,
            reply,
            ..
        } = *pair
        else {
            panic!()
        };
        assert_eq!((post.title.as_str(), post.score), ("post", Some(10)));
        assert_eq!((comment.body.as_str(), comment.score), ("a < b", Some(5)));
        assert_eq!((reply.body.as_str(), reply.score), ("yes", Some(-3)));
        assert_eq!(
            (reply.parent_id, reply.link_id),
            (Some(comment.id), post.id)
        );
        assert_eq!((comment.parent_id, comment.link_id), (None, post.id));
    }

    #[test]
    fn key_of_a_thread_groups_rows_and_is_no_title() {
        let map: Mapping = "comment=question,reply=answer,thread=t,post=about"
            .parse()
            .unwrap();
        let of = |key: &str, question: &str, about: &str| {
            let header = ["t", "question", "answer", "about"];
            let Row::Pair(pair) = read(&header, &[key, question, "yes", about], &map) else {
                panic!()
            };
            (pair.comment.link_id, pair.post.map(|post| post.title))
        };
        let (first, title) = of("7", "Is it hot?", "");
        assert_eq!(title, None);
        assert_eq!(of("7", "Is it cold?", ""), (first, None));
        assert_ne!(of("8", "Is it hot?", "").0, first);
        let title = Some("Tea".to_owned());
        assert_eq!(of("7", "Is it hot?", "Tea"), (first, title));
        // rows without a key are told apart by their post, or by their comment
        assert_eq!(of("", "Is it hot?", "Tea").0, of(" ", "Why?", "Tea").0);
        assert_ne!(of("", "Is it hot?", "").0, of("", "Why?", "").0);
    }

    #[test]
    fn empty_replies_are_dropped_and_bad_numbers_named() {
        let map: Mapping = "comment=title,reply=selftext,score=score,created=when"
            .parse()
            .unwrap();
        let header = ["title", "selftext", "score", "when"];
        assert_eq!(
            read(&header, &["a", " ", "1", ""], &map),
            Row::Dropped(Dropped::Empty)
        );
        let Row::Bad(reason) = read(&header, &["a", "b", "many", ""], &map) else {
            panic!()
        };
        let part = "\"many\" in the column \"score\" is not a number";
        assert!(reason.contains(part), "{reason}");
        for when in [
            "1554076800",
            "1554076800.5",
            "1554076800000",
            "1554076800000000",
            "1554076800000000000",
            "@1554076800",
            "2019-04-01",
            "2019/04/01",
            "2019-04-01T00:00:00Z",
            "2019-04-01 00:00:00",
            "2019-04-01 00:00:00 UTC",
            "2019-04-01 00:00:00.000 UTC",
            "2019-04-01 02:00:00+02:00",
            "2019-04-01T02:00:00+02:00",
            "2019-04-01 02:00:00 +0200",
            "Mon, 01 Apr 2019 00:00:00 GMT",
            "Mon Apr 01 00:00:00 +0000 2019",
        ] {
            let Row::Pair(pair) = read(&header, &["a", "b", "NaN", when], &map) else {
                panic!()
            };
            assert_eq!(
                (pair.reply.created_utc, pair.reply.score),
                (Some(1_554_076_800), None),
                "{when}"
            );
        }
    }

    #[test]
    fn time_outside_of_reddits_years_is_rejected_with_its_value() {
        for when in [
            "0",
            "86400",
            "1999-12-31",
            "2999-01-01",
            "4611686018427387904",
            "-5",
            "soon",
        ] {
            let reason = written(when).unwrap_err();
            assert!(reason.contains(when), "{reason}");
        }
        assert_eq!(written("NaN"), Ok(None));
        assert_eq!(written(""), Ok(None));
    }

    #[test]
    fn dates_are_read_in_every_format() {
        for when in [
            "20190401",
            "Apr 1, 2019",
            "1 April 2019",
            "Mon Apr  1 00:00:00 2019",
            "2019-04-01 12:00 AM",
            "2019-04-01 02:00:00+02:00",
        ] {
            assert_eq!(written(when), Ok(Some(1_554_076_800)), "{when}");
        }
        // 12:00 in New York is not 12:00 UTC: read with its zone, or rejected
        let zoned = written("2019-04-01T12:00[America/New_York]");
        assert!(
            zoned.is_err() || zoned == Ok(Some(1_554_134_400)),
            "{zoned:?}"
        );
        // could be either of two days
        assert!(written("04/01/2019").is_err());
    }

    #[test]
    fn filter_date_may_be_a_year_or_a_month() {
        assert_eq!(beginning("2021"), Ok(1_609_459_200));
        assert_eq!(beginning("2021-03"), Ok(1_614_556_800));
        assert_eq!(beginning("2021-03-01"), Ok(1_614_556_800));
        assert_eq!(beginning("1614556800"), Ok(1_614_556_800));
        assert!(beginning("next year").unwrap_err().contains("next year"));
    }

    #[test]
    fn scores_are_read_as_scrapers_write_them() {
        for (text, score) in [
            ("1,234", Some(1234)),
            ("1,234,567", Some(1_234_567)),
            ("1.2k", Some(1200)),
            ("1,2k", Some(1200)),
            ("3.4M", Some(3_400_000)),
            ("12 points", Some(12)),
            ("1 point", Some(1)),
            ("7.0", Some(7)),
            ("+5", Some(5)),
            ("• 5 points", Some(5)),
            ("5 pts", Some(5)),
            ("1 pt", Some(1)),
            ("3.7", Some(4)),
            ("0.234", Some(0)),
            ("1.2340", Some(1)),
            ("1234.567", Some(1235)),
            ("1.234k", Some(1234)),
            ("1.234.567", Some(1_234_567)),
            ("\u{2212}3", Some(-3)),
            ("—", None),
            ("", None),
            ("None", None),
            ("[score hidden]", None),
            ("Vote", None),
        ] {
            assert_eq!(score_of(text), Ok(score), "{text}");
        }
        for text in ["many", "x", "1,2", "12 apples", "1,23,4", "1.2.3", "3/5"] {
            assert_eq!(score_of(text), Err(NotAScore::NotANumber), "{text}");
        }
        for text in ["1.234", "-12.345", "999.000", "1.234 points"] {
            assert_eq!(score_of(text), Err(NotAScore::Ambiguous), "{text}");
        }
    }

    #[test]
    fn link_names_a_comment_or_a_post() {
        let names = |text: &str| {
            let link = Link::read(text);
            (
                link.comment.unwrap_or_default(),
                link.post.unwrap_or_default(),
            )
        };
        for (text, comment, post) in [
            (
                "https://www.reddit.com/r/k/comments/p5/t/secret1/?context=3",
                "t1_secret1",
                "t3_p5",
            ),
            ("/r/k/comments/P5/_/Secret1", "t1_secret1", "t3_p5"),
            (
                "https://old.reddit.com/r/k/comments/p5/a_title/",
                "",
                "t3_p5",
            ),
            ("https://www.reddit.com/r/k/comments/p5", "", "t3_p5"),
            ("t1_secret1", "t1_secret1", ""),
            ("t3_p5", "", "t3_p5"),
            ("abc12", "t1_abc12", "t3_abc12"),
            ("https://example.com/a/page", "", ""),
            ("t1_", "", ""),
            ("é", "", ""),
        ] {
            assert_eq!(names(text), (comment.into(), post.into()), "{text}");
        }
    }

    #[test]
    fn missing_columns_are_all_named() {
        let map: Mapping = "comment=title,reply=selftext,score=ups".parse().unwrap();
        let missing = Columns::find(&map, &["title".into()]).unwrap_err();
        assert_eq!(missing, ["selftext", "ups"]);
    }
}
