//! One row of a table to a post, a comment and its reply.

use crate::{
    clean::repair,
    filter::{Dropped, Filter},
    id, ndjson,
    record::{Comment, Post},
    source::Mapping,
};

/// The columns of a table that a [`Mapping`] names, by position.
#[derive(Debug, Clone)]
pub struct Columns {
    comment: usize,
    reply: usize,
    score: Option<usize>,
    comment_score: Option<usize>,
    post: Option<usize>,
    post_score: Option<usize>,
    subreddit: Option<usize>,
    post_author: Option<usize>,
    comment_author: Option<usize>,
    reply_author: Option<usize>,
    created: Option<usize>,
}

impl Columns {
    /// Finds the mapping's columns in a header. `Err`: the named columns that are not there.
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
            post_score: maybe(&mapping.post_score),
            subreddit: maybe(&mapping.subreddit),
            post_author: maybe(&mapping.post_author),
            comment_author: maybe(&mapping.comment_author),
            reply_author: maybe(&mapping.reply_author),
            created: maybe(&mapping.created),
        };
        if missing.is_empty() {
            Ok(columns)
        } else {
            Err(missing)
        }
    }
}

/// What became of a row.
#[derive(Debug, PartialEq)]
pub enum Row {
    /// The comment, its reply, and the post when the table has its text. Boxed: it is large.
    Pair(Box<(Option<Post>, Comment, Comment)>),
    /// A good row that is not taken.
    Dropped(Dropped),
    /// A bad row, with what was wrong.
    Bad(String),
}

/// Reads one row; `cell(i)` is the text of column i, `None` for a null.
///
/// Ids are hashes of the content, so that the same row gives the same ids in every file: the post's
/// of its text, author and subreddit; the comment's of its post, text and author; the reply's of
/// its comment, text and author. Without a column for the post, rows with the same comment are one
/// thread. Escapes are decoded: the BigQuery tables hold the dumps' texts.
pub fn row<'a>(columns: &Columns, filter: &Filter, cell: impl Fn(usize) -> Option<&'a str>) -> Row {
    let text = |i: usize| repair(cell(i).unwrap_or(""), true).into_owned();
    let optional = |i: Option<usize>| i.and_then(&cell).map(str::trim).filter(|s| !s.is_empty());
    let body = text(columns.comment);
    let answer = text(columns.reply);
    if body.is_empty() || answer.is_empty() {
        return Row::Dropped(Dropped::Empty);
    }
    let number = |name: &str, i: Option<usize>| match optional(i) {
        None | Some("NaN" | "nan" | "null" | "None" | "NULL" | "NA") => Ok(None),
        Some(s) => s
            .parse()
            .ok()
            .or_else(|| ndjson::whole(s.parse().ok()?))
            .map(Some)
            .ok_or_else(|| format!("{name} {s:?} is not a number")),
    };
    let numbers = || -> Result<_, String> {
        Ok((
            number("the reply's score", columns.score)?,
            number("the comment's score", columns.comment_score)?,
            number("the post's score", columns.post_score)?,
            optional(columns.created).map(time).transpose()?,
        ))
    };
    let (score, comment_score, post_score, created_utc) = match numbers() {
        Ok(numbers) => numbers,
        Err(reason) => return Row::Bad(reason),
    };
    let owned = |i: Option<usize>| optional(i).map(str::to_owned);
    let subreddit = owned(columns.subreddit).unwrap_or_default();
    let post_author = owned(columns.post_author);
    let comment_author = owned(columns.comment_author);
    let reply_author = owned(columns.reply_author);
    let title = columns.post.map(text).filter(|t| !t.is_empty());

    let name = |author: &Option<String>| author.clone().unwrap_or_default();
    let by = name(&comment_author);
    let link_id = match &title {
        Some(title) => id::of_content(&["post", &subreddit, title, &name(&post_author)]),
        None => id::of_content(&["thread", &subreddit, &body, &by]),
    };
    let comment_id = id::of_content(&["comment", &link_id.to_string(), &body, &by]);
    let reply_id = id::of_content(&[
        "reply",
        &comment_id.to_string(),
        &answer,
        &name(&reply_author),
    ]);
    let post = title.map(|title| Post {
        id: link_id,
        subreddit: subreddit.clone(),
        author: post_author,
        title,
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
        None => Row::Pair(Box::new((post, comment, reply))),
    }
}

/// Seconds since 1970 from a number of them, an ISO 8601 instant, or a date (UTC).
///
/// # Errors
/// A sentence with the text when it is none of these.
pub fn time(text: &str) -> Result<i64, String> {
    if let Some(seconds) = text
        .parse()
        .ok()
        .or_else(|| ndjson::whole(text.parse().ok()?))
    {
        return Ok(seconds);
    }
    let zone = jiff::tz::TimeZone::UTC;
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(instant.as_second());
    }
    text.parse::<jiff::civil::DateTime>()
        .or_else(|_| {
            text.parse::<jiff::civil::Date>()
                .map(|d| d.to_datetime(jiff::civil::Time::MIN))
        })
        .and_then(|dt| dt.to_zoned(zone))
        .map(|z| z.timestamp().as_second())
        .map_err(|_| format!("time {text:?} is neither seconds since 1970 nor an ISO 8601 date"))
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
        let (Some(post), comment, reply) = *pair else {
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
    fn empty_replies_are_left_out_and_bad_numbers_named() {
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
        assert!(reason.contains("\"many\" is not a number"), "{reason}");
        for when in [
            "86400",
            "1970-01-02",
            "1970-01-02T00:00:00Z",
            "1970-01-02 00:00:00",
        ] {
            let Row::Pair(pair) = read(&header, &["a", "b", "NaN", when], &map) else {
                panic!()
            };
            assert_eq!(
                (pair.2.created_utc, pair.2.score),
                (Some(86400), None),
                "{when}"
            );
        }
    }

    #[test]
    fn missing_columns_are_all_named() {
        let map: Mapping = "comment=title,reply=selftext,score=ups".parse().unwrap();
        let missing = Columns::find(&map, &["title".into()]).unwrap_err();
        assert_eq!(missing, ["selftext", "ups"]);
    }
}
