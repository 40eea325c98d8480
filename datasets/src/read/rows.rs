//! From rows with named columns (JSON and Parquet) to records by a mapping.
//!
//! A column may be nested (`answers.text`), and a reply may be a list: then each of its texts is a reply. What is
//! neither text nor number never ends up in a text.

use super::{Batches, Error, list};
use crate::{
    filter::{Dropped, Filter},
    flat::{self, FlatTable},
    json::LONGEST_TEXT,
    ndjson::Line,
    source::Mapping,
    table::{self, Columns, Row},
};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, path::Path};

/// Maximum number of column names kept for an error message.
const NAMES: usize = 200;

/// The outcome of a row.
pub(super) enum Got {
    Row(Row),
    Line(Line),
}

enum Target {
    Pairs(Columns),
    Flat(FlatTable),
}

/// Reads rows with names.
pub(super) struct Mapper<'a> {
    filter: &'a Filter,
    names: Vec<String>,
    target: Target,
    /// Columns that every row must have.
    needed: Vec<bool>,
    /// Columns that become texts.
    texts: Vec<bool>,
    scores: Vec<bool>,
    comment: Option<usize>,
    reply: Option<usize>,
    /// Which of the mapped columns any row had.
    seen: Vec<bool>,
    found: BTreeSet<String>,
    rows: u64,
}

enum Cell {
    Absent,
    /// Inside of an object that is null: no such column, perhaps.
    Inside,
    Null,
    Text(String),
    /// No text, but a number or a flag where one is wanted.
    Flag(bool),
    /// A time that no calendar has, in seconds.
    Time(String),
    Many(Vec<Option<String>>),
    /// What it is, and columns inside it.
    Other(&'static str, Vec<String>),
}

impl<'a> Mapper<'a> {
    pub(super) fn new(mapping: &Mapping, filter: &'a Filter) -> Self {
        let columns = mapping.columns();
        let mut names: Vec<String> = columns.iter().map(|(_, name)| (*name).to_owned()).collect();
        let mapped = names.len();
        let needed: Vec<bool> = columns
            .iter()
            .map(|(field, _)| matches!(*field, "comment" | "reply" | "id" | "text"))
            .chain(std::iter::repeat(false))
            .take(mapped + flat::names_about().count())
            .collect();
        let mut texts: Vec<bool> = columns
            .iter()
            .map(|(field, _)| matches!(*field, "comment" | "reply" | "text" | "title" | "post"))
            .collect();
        texts.resize(needed.len(), false);
        let mut scores: Vec<bool> = columns
            .iter()
            .map(|(field, _)| matches!(*field, "score" | "comment_score" | "post_score"))
            .collect();
        scores.resize(needed.len(), false);
        if mapping.is_flat() {
            let about = flat::names_about().map(str::to_owned);
            names.extend(
                about
                    .filter(|name| !names[..mapped].contains(name))
                    .collect::<Vec<_>>(),
            );
        }
        let at = |name: &str| columns.iter().position(|(field, _)| *field == name);
        let (comment, reply) = (at("comment"), at("reply"));
        // the header consists of the mapping's own names, so that both find all of them
        let target = match Columns::find(mapping, &names) {
            Ok(columns) if !mapping.is_flat() => Target::Pairs(columns),
            _ => Target::Flat(FlatTable::find(mapping, &names).unwrap_or_default()),
        };
        Self {
            filter,
            seen: vec![false; mapped],
            names,
            target,
            needed,
            texts,
            scores,
            comment,
            reply,
            found: BTreeSet::new(),
            rows: 0,
        }
    }

    /// The records of one row.
    pub(super) fn rows(&mut self, value: &Value) -> Vec<Got> {
        let Value::Object(object) = value else {
            return vec![Got::Row(Row::Bad("is not an object with columns".into()))];
        };
        self.rows += 1;
        if self.rows <= 1000 && self.found.len() < NAMES {
            self.found.extend(object.keys().cloned());
        }
        let mapped = self.seen.len();
        let cells: Vec<Cell> = (self.names.iter().zip(&self.scores).enumerate())
            .map(|(i, (name, score))| {
                // a column that is read without a mapping, in any letter case
                let is = |key: &&String| key.trim().eq_ignore_ascii_case(name);
                let found = match i < mapped {
                    true => None,
                    false => object.keys().find(is),
                };
                cell(object, found.unwrap_or(name), *score)
            })
            .collect();
        for (seen, cell) in self.seen.iter_mut().zip(&cells) {
            *seen |= !matches!(cell, Cell::Absent | Cell::Inside);
        }
        match self.spread(&cells, object) {
            Err(reason) => vec![Got::Row(Row::Bad(reason))],
            Ok(rows) if rows.is_empty() => vec![Got::Row(Row::Dropped(Dropped::Empty))],
            Ok(rows) => rows
                .iter()
                .map(|row| match &mut self.target {
                    Target::Pairs(columns) => {
                        Got::Row(table::row(columns, self.filter, |i| row.get(i)?.as_deref()))
                    }
                    Target::Flat(table) => Got::Line(table.row(|i| row.get(i)?.as_deref())),
                })
                .collect(),
        }
    }

    /// One row, or one for each text of a list of replies.
    fn spread(
        &self,
        cells: &[Cell],
        object: &Map<String, Value>,
    ) -> Result<Vec<Vec<Option<String>>>, String> {
        let missing: Vec<String> = (0..cells.len())
            .filter(|&i| self.needed[i] && matches!(cells[i], Cell::Absent))
            .map(|i| self.names[i].clone())
            .collect();
        if !missing.is_empty() {
            let keys: Vec<String> = object.keys().take(40).cloned().collect();
            return Err(format!("has no {}; it has {}", list(&missing), list(&keys)));
        }
        let replies = match self.reply.map(|i| &cells[i]) {
            Some(Cell::Many(texts)) => Some(texts.len()),
            _ => None,
        };
        // a value of the row is copied to each of its replies
        let once: usize = cells
            .iter()
            .map(|cell| match cell {
                Cell::Text(text) => text.len(),
                _ => 0,
            })
            .sum();
        let copied = once.saturating_mul(replies.unwrap_or(1));
        if replies.is_some_and(|n| n > 1) && copied > LONGEST_TEXT {
            return Err(format!(
                "{once} bytes of text with {} replies each would expand to {} MB",
                replies.unwrap_or(1),
                copied >> 20
            ));
        }
        let mut rows = vec![vec![None; cells.len()]; replies.unwrap_or(1)];
        for (i, cell) in cells.iter().enumerate() {
            let name = &self.names[i];
            match cell {
                Cell::Absent | Cell::Inside | Cell::Null => {}
                Cell::Time(seconds) if self.texts[i] => {
                    return Err(format!(
                        "the column {name:?} holds a time that no calendar has, {seconds} seconds from 1970, not \
                         text"
                    ));
                }
                Cell::Time(seconds) => {
                    (rows.iter_mut()).for_each(|row| row[i] = Some(format!("@{seconds}")));
                }
                Cell::Flag(_) if self.texts[i] => {
                    return Err(format!("the column {name:?} holds true or false, not text"));
                }
                Cell::Flag(flag) => {
                    (rows.iter_mut()).for_each(|row| row[i] = Some(flag.to_string()))
                }
                Cell::Text(text) => rows.iter_mut().for_each(|row| row[i] = Some(text.clone())),
                Cell::Many(texts) if Some(texts.len()) == replies && self.comment != Some(i) => {
                    for (row, text) in rows.iter_mut().zip(texts) {
                        row[i].clone_from(text);
                    }
                }
                Cell::Many(_) if replies.is_some() && self.comment != Some(i) => {
                    return Err(format!(
                        "the list {name:?} is not as long as that of the replies"
                    ));
                }
                Cell::Many(_) => {
                    return Err(format!(
                        "the column {name:?} holds lists; only a reply can be one"
                    ));
                }
                Cell::Other(what, inside) if inside.is_empty() => {
                    return Err(format!("the column {name:?} holds {what}, not text"));
                }
                Cell::Other(what, inside) => {
                    return Err(format!(
                        "the column {name:?} holds {what}, not text; a nested column can be mapped: {}",
                        inside.join(", ")
                    ));
                }
            }
        }
        Ok(rows)
    }

    /// Reports mapped columns that no row had.
    ///
    /// # Errors
    /// [`Error::Columns`], with the columns that exist.
    pub(super) fn check(&self, path: &Path) -> Result<(), Error> {
        let missing: Vec<String> = (0..self.seen.len())
            .filter(|&i| !self.seen[i])
            .map(|i| self.names[i].clone())
            .collect();
        if self.rows == 0 || missing.is_empty() {
            return Ok(());
        }
        let found: Vec<String> = self.found.iter().cloned().collect();
        Err(Error::columns(path, missing, found))
    }

    pub(super) fn objects(&self) -> u64 {
        self.rows
    }

    pub(super) fn filter(&self) -> &'a Filter {
        self.filter
    }

    /// Adds the records of one row to the batch; false if the caller has stopped.
    pub(super) fn take(&mut self, value: &Value, n: u64, excerpt: &[u8], to: &mut Batches) -> bool {
        self.rows(value).into_iter().all(|got| match got {
            Got::Row(row) => to.row(row, n, excerpt),
            Got::Line(line) => to.line(line, n, excerpt, self.filter),
        })
    }
}

/// The value of a column: a field, or a nested one (`answers.text`). `score`: a number in it is rounded.
fn cell(object: &Map<String, Value>, name: &str, score: bool) -> Cell {
    if let Some(value) = object.get(name) {
        return cell_of(value, name, score);
    }
    for (at, _) in name.match_indices('.') {
        if let Some(value) = object.get(&name[..at]) {
            return inside(value, &name[at + 1..], name, score);
        }
    }
    Cell::Absent
}

fn inside(value: &Value, path: &str, name: &str, score: bool) -> Cell {
    match value {
        Value::Object(object) => match cell(object, path, score) {
            Cell::Other(what, names) => {
                let head = &name[..name.len() - path.len()];
                Cell::Other(what, names.iter().map(|n| format!("{head}{n}")).collect())
            }
            cell => cell,
        },
        Value::Array(items) => {
            let mut texts = Vec::with_capacity(items.len());
            for item in items {
                match inside(item, path, name, score) {
                    Cell::Absent => return Cell::Absent,
                    Cell::Null | Cell::Inside => texts.push(None),
                    Cell::Text(text) => texts.push(Some(text)),
                    _ => return Cell::Other("lists inside lists", Vec::new()),
                }
            }
            Cell::Many(texts)
        }
        Value::Null => Cell::Inside,
        _ => Cell::Absent,
    }
}

/// The key of an object that stands for bytes that are no text.
pub(super) const NOT_UTF8: &str = "bytes that are not UTF-8";

/// The key of an object that stands for a time that no calendar has; its value is the number of seconds.
pub(super) const NO_TIME: &str = "a time that no calendar has";

/// The number of a score, rounded as in a text.
fn rounded(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(x) if number.is_f64() => x.round_ties_even().to_string(),
        _ => number.to_string(),
    }
}

fn cell_of(value: &Value, name: &str, score: bool) -> Cell {
    let names = |object: &Map<String, Value>| {
        object
            .iter()
            .filter(|(_, v)| {
                v.is_string() || v.as_array().is_some_and(|a| a.iter().all(Value::is_string))
            })
            .map(|(key, _)| format!("{name}.{key}"))
            .take(8)
            .collect()
    };
    match value {
        Value::Null => Cell::Null,
        Value::String(text) => Cell::Text(text.clone()),
        Value::Bool(flag) => Cell::Flag(*flag),
        Value::Number(number) if score => Cell::Text(rounded(number)),
        Value::Number(number) => Cell::Text(number.to_string()),
        Value::Object(object) if object.contains_key(NOT_UTF8) => Cell::Other(NOT_UTF8, Vec::new()),
        Value::Object(object) => match object.get(NO_TIME) {
            Some(seconds) => Cell::Time(seconds.to_string()),
            None => Cell::Other("objects", names(object)),
        },
        Value::Array(items) => {
            if let Some(Value::Object(object)) = items.first() {
                return Cell::Other("lists of objects", names(object));
            }
            let mut texts = Vec::with_capacity(items.len());
            for item in items {
                match cell_of(item, name, score) {
                    Cell::Text(text) => texts.push(Some(text)),
                    Cell::Null => texts.push(None),
                    Cell::Flag(_) => return Cell::Other("lists of true and false", Vec::new()),
                    _ => return Cell::Other("lists inside lists", Vec::new()),
                }
            }
            Cell::Many(texts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(mapping: &str, value: Value) -> Vec<Result<(String, String, Option<i64>), String>> {
        let mapping: Mapping = mapping.parse().unwrap();
        let filter = Filter::default();
        let mut mapper = Mapper::new(&mapping, &filter);
        mapper
            .rows(&value)
            .into_iter()
            .map(|got| match got {
                Got::Row(Row::Pair(pair)) => {
                    Ok((pair.comment.body, pair.reply.body, pair.reply.score))
                }
                Got::Row(Row::Bad(reason)) => Err(reason),
                _ => Err("dropped".into()),
            })
            .collect()
    }

    #[test]
    fn bytes_that_are_no_text_are_called_so() {
        let row = json!({"q": {NOT_UTF8: null}, "a": "yes"});
        let got = read("comment=q,reply=a", row);
        let reason = "the column \"q\" holds bytes that are not UTF-8, not text";
        assert_eq!(got, [Err(reason.to_owned())]);
    }

    #[test]
    fn null_around_a_column_is_a_row_without_it() {
        let map = "comment=q,reply=a.text,score=a.score";
        assert_eq!(
            read(map, json!({"q": "Why?", "a": null})),
            [Err("dropped".to_owned())]
        );
        assert_eq!(
            read(map, json!({"q": "Why?", "a": {"text": null, "score": 1}})),
            [Err("dropped".to_owned())]
        );
        let list = json!({"q": "Why?", "a": [null, {"text": "b", "score": 2}]});
        assert_eq!(read(map, list)[1], Ok(("Why?".into(), "b".into(), Some(2))));
        // a name that no row has is still reported
        let mapping: Mapping = "comment=q,reply=a.txet".parse().unwrap();
        let filter = Filter::default();
        let mut mapper = Mapper::new(&mapping, &filter);
        mapper.rows(&json!({"q": "Why?", "a": null}));
        assert!(mapper.check(Path::new("a.parquet")).is_err());
    }

    #[test]
    fn fraction_of_a_number_is_rounded_and_no_group_of_thousands() {
        let of = |score: Value| {
            let row = json!({"q": "Why?", "a": "b", "s": score});
            read("comment=q,reply=a,score=s", row).remove(0)
        };
        for (score, whole) in [
            (json!(1.234), 1),
            (json!(3.7), 4),
            (json!("3.7"), 4),
            (json!(-2.5), -2),
        ] {
            assert_eq!(of(score), Ok(("Why?".into(), "b".into(), Some(whole))));
        }
        let reason = of(json!("1.234")).unwrap_err();
        assert!(reason.contains("\"1.234\" in the column \"s\""), "{reason}");
    }

    #[test]
    fn time_that_no_calendar_has_is_no_text() {
        let row = json!({"q": "Why?", "a": "b", "t": {NO_TIME: 1_i64 << 52}});
        for map in ["comment=t,reply=a", "comment=q,reply=a,created=t"] {
            let reason = read(map, row.clone()).remove(0).unwrap_err();
            assert!(reason.contains("4503599627370496"), "{reason}");
        }
    }

    #[test]
    fn a_list_of_replies_is_several_replies() {
        let row =
            json!({"title": "Why?", "answers": {"text": ["a", "b"], "score": [7, 1], "n": 3}});
        let got = read(
            "comment=title,reply=answers.text,score=answers.score",
            row.clone(),
        );
        assert_eq!(got[0], Ok(("Why?".into(), "a".into(), Some(7))));
        assert_eq!(got[1], Ok(("Why?".into(), "b".into(), Some(1))));
        let objects = json!({"title": "Why?", "answers": [{"text": "a", "score": 7}, {"text": "b", "score": 1}]});
        assert_eq!(
            read(
                "comment=title,reply=answers.text,score=answers.score",
                objects
            ),
            got
        );
        let error = read("comment=title,reply=answers", row)
            .remove(0)
            .unwrap_err();
        assert!(error.contains("answers.text"), "{error}");
    }

    #[test]
    fn a_long_comment_with_many_replies_is_refused_before_it_is_copied() {
        let row = json!({"title": "x".repeat(1 << 20), "answers": vec!["y"; 1000]});
        let error = read("comment=title,reply=answers", row)
            .remove(0)
            .unwrap_err();
        assert!(error.contains("1000 replies"), "{error}");
        let short = json!({"title": "x".repeat(1 << 10), "answers": vec!["y"; 1000]});
        assert_eq!(read("comment=title,reply=answers", short).len(), 1000);
    }

    #[test]
    fn non_text_values_never_end_up_in_a_text() {
        let messages = json!({"messages": [{"role": "user", "content": "Why?"}]});
        let error = read("comment=messages,reply=messages", messages)
            .remove(0)
            .unwrap_err();
        assert!(
            error.contains("lists of objects") && error.contains("messages.content"),
            "{error}"
        );
        let lists = json!({"c": ["a", "b"], "r": "x"});
        let error = read("comment=c,reply=r", lists).remove(0).unwrap_err();
        assert!(error.contains("lists"), "{error}");
        let uneven = json!({"c": "q", "r": ["a", "b"], "s": [1]});
        assert!(read("comment=c,reply=r,score=s", uneven)[0].is_err());
        for row in [
            json!({"c": "q", "r": true}),
            json!({"c": "q", "r": [true, false]}),
        ] {
            let error = read("comment=c,reply=r", row).remove(0).unwrap_err();
            assert!(error.contains("true"), "{error}");
        }
        let empty = json!({"c": "q", "r": []});
        assert_eq!(read("comment=c,reply=r", empty), [Err("dropped".into())]);
    }
}
