//! Detects from a file's beginning which reader reads it, and with which columns.

use super::{
    Error, Input, Options,
    delimited::{CsvRows, MOST_COLUMNS},
    near,
};
use crate::{
    flat,
    json::{Event, Json},
    source::{Format, Mapping},
    table::Columns,
};
use memchr::{memchr, memrchr};
use serde_json::{Map, Value};
use std::io::{self, BufRead};

/// Maximum number of rows that are inspected.
const SAMPLE: usize = 50;

/// Which reader reads it.
pub(super) enum Kind {
    /// One line of a dump each.
    Lines,
    /// A JSON value per line, read like a document.
    WalkedLines,
    MappedLines(Mapping),
    Document,
    /// The rows are the objects of the outermost array or, with `true`, of the arrays in the outermost
    /// object.
    MappedDocument(Mapping, bool),
    Csv(Table),
    /// `None`: detected by its column names.
    Parquet(Option<Mapping>),
}

/// A table of text.
pub(super) struct Table {
    pub(super) mapping: Mapping,
    pub(super) delimiter: u8,
    /// Line terminator.
    end: u8,
    /// The first line is Excel's `sep=;`.
    skip: bool,
}

impl Table {
    pub(super) fn rows<R: BufRead>(&self, from: R) -> CsvRows<R> {
        CsvRows::new(from, self.delimiter, self.end)
    }

    pub(super) fn header<R: BufRead>(&self, rows: &mut CsvRows<R>) -> io::Result<Vec<String>> {
        if self.skip {
            rows.skip_line()?;
        }
        rows.header()
    }
}

pub(super) struct Recognized {
    pub(super) kind: Kind,
    pub(super) format: Format,
    /// It has a header.
    pub(super) kind_is_table: bool,
}

impl Recognized {
    fn new(kind: Kind, format: Format) -> Self {
        let kind_is_table = matches!(kind, Kind::Csv(_) | Kind::Parquet(_));
        Self {
            kind,
            format,
            kind_is_table,
        }
    }
}

/// Recognizes a file by its first bytes; a mapping implies a table.
pub(super) fn recognize(input: &Input, options: &Options) -> Result<Recognized, Error> {
    let head = &input.head;
    let path = input.path;
    let mapping = options.mapping.clone();
    let by_mapping = |mapping: &Mapping| match mapping.is_flat() {
        true => Format::Comments,
        false => Format::Mapped,
    };
    if head.starts_with(b"PAR1") {
        let format = mapping.as_ref().map_or(Format::Mapped, by_mapping);
        return Ok(Recognized::new(Kind::Parquet(mapping), format));
    }
    let first = head.iter().find(|b| !b.is_ascii_whitespace() && **b != 0);
    let json = matches!(first, Some(b'{' | b'['));
    match (first, options.format) {
        (None, _) if head.contains(&0) => Err(Error::unknown(path, BINARY)),
        (None, _) => Err(Error::Empty(path.into())),
        (_, Some(Format::Listing)) => Ok(Recognized::new(Kind::Document, Format::Listing)),
        (_, Some(Format::Pushshift | Format::Sample)) => {
            Ok(Recognized::new(Kind::Lines, Format::Pushshift))
        }
        _ if json => {
            let sample = Sample::of(head, input.head_is_all);
            match mapping {
                Some(mapping) => {
                    let format = by_mapping(&mapping);
                    let inner = !sample.array
                        && !sample.has_columns(&mapping)
                        && (!sample.lines || sample.holds_rows());
                    if !inner {
                        sample.check(path, &mapping, input.head_is_all)?;
                    }
                    let kind = if sample.lines && !inner {
                        Kind::MappedLines(mapping)
                    } else {
                        Kind::MappedDocument(mapping, inner)
                    };
                    Ok(Recognized::new(kind, format))
                }
                None => sample.told(input, options.format),
            }
        }
        _ if is_binary(head) => Err(Error::unknown(path, BINARY)),
        _ if looks_like_table(head) || mapping.is_some() => {
            let mut table = table_of(head, mapping.clone().unwrap_or_else(Mapping::bigquery));
            let mut rows = table.rows(head.as_slice());
            let header = table.header(&mut rows).unwrap_or_default();
            if let Some(mapping) = mapping {
                return Ok(Recognized::new(Kind::Csv(table), by_mapping(&mapping)));
            }
            if Columns::find(&table.mapping, &header).is_ok() {
                return Ok(Recognized::new(Kind::Csv(table), Format::Bigquery));
            }
            if let Some(flat) = flat::guess(&header) {
                table.mapping = flat;
                return Ok(Recognized::new(Kind::Csv(table), Format::Comments));
            }
            if has_json_line(head) {
                return Ok(Recognized::new(Kind::Lines, Format::Pushshift));
            }
            let needed = ["comment", "reply"].map(str::to_owned);
            let missing: Vec<String> = needed.into_iter().filter(|n| !header.contains(n)).collect();
            if missing.is_empty() || header.len() >= MOST_COLUMNS {
                return Err(unmapped(path, header));
            }
            let hint = format!("; map its columns: --map {}", hint(&header));
            Err(Error::Columns {
                path: path.into(),
                missing,
                found: header,
                hint,
            })
        }
        _ if has_json_line(head) => Ok(Recognized::new(Kind::Lines, Format::Pushshift)),
        _ => Err(Error::unknown(
            path,
            "is neither NDJSON (a JSON object a line) nor a table with a header; for a table, name \
             its columns: --map comment=COLUMN,reply=COLUMN",
        )),
    }
}

const BINARY: &str = "is a binary file of an unknown kind";

/// The error for a table without a column mapping.
pub(super) fn unmapped(path: &std::path::Path, found: Vec<String>) -> Error {
    let hint = hint(&found);
    Error::Unmapped {
        path: path.into(),
        found,
        hint,
    }
}

/// A suggested mapping, by column names.
fn hint(columns: &[String]) -> String {
    let mut guessed = super::preview::guess(columns);
    for (field, word) in [
        (&mut guessed.comment, "COLUMN"),
        (&mut guessed.reply, "COLUMN"),
    ] {
        if field.is_empty() {
            *field = word.to_owned();
        }
    }
    let typed = guessed.typed();
    match typed.contains(['"', '\'']) {
        true => format!("'{typed}'"),
        false => typed,
    }
}

/// The first objects of a JSON file.
pub(super) struct Sample {
    pub(super) objects: Vec<Map<String, Value>>,
    /// Those that are complete: the last one, cut off, may lack columns.
    whole: usize,
    /// They are the elements of an array.
    array: bool,
    /// They are a line each.
    pub(super) lines: bool,
}

/// What an object is, judged by its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A listing, a thread, or another container.
    Document,
    /// A comment or post as in the dumps, with their names for everything that is read.
    Dump,
    /// A comment or post as other tools write it.
    Comment,
    /// A row of a table.
    Row,
}

fn shape_of(object: &Map<String, Value>) -> Shape {
    let has = |name: &str| object.contains_key(name);
    let text = |name: &str| object.get(name).is_some_and(Value::is_string);
    let nested = |name: &str| {
        object
            .get(name)
            .is_some_and(|v| v.is_array() || v.is_object())
    };
    if nested("data")
        || nested("json")
        || nested("comments")
        || nested("replies") && has("body")
        || has("request") && has("response")
        || has("kind") && has("data")
        || nested("things")
        || nested("children")
    {
        return Shape::Document;
    }
    let of_reddit = ["link_id", "parent_id", "subreddit", "permalink", "selftext"];
    let named = has("id") || has("name");
    let post = text("title") && of_reddit.iter().any(|key| has(key));
    if named && (text("body") && has("link_id") || post) {
        return match flat::is_renamed(object) {
            true => Shape::Comment,
            false => Shape::Dump,
        };
    }
    let keys: Vec<String> = object.keys().cloned().collect();
    match flat::guess(&keys) {
        Some(_) => Shape::Comment,
        None => Shape::Row,
    }
}

impl Sample {
    pub(super) fn of(head: &[u8], is_all: bool) -> Self {
        let mut sample = Self {
            objects: Vec::new(),
            whole: 0,
            array: false,
            lines: false,
        };
        if head.trim_ascii_start().first() == Some(&b'[') {
            sample.array = true;
            let mut json = Json::new(head);
            // an object that is cut off at the end of the file is no row; one that continues after the head is
            let cut = sample.stream(&mut json, 1).is_err();
            if cut && is_all {
                sample.objects.pop();
            }
            sample.whole = sample.objects.len().saturating_sub(usize::from(cut));
            return sample;
        }
        for line in head_lines(head, is_all).take(SAMPLE) {
            sample.objects.extend(objects_of(line).unwrap_or_default());
        }
        sample.whole = sample.objects.len();
        sample.lines = !sample.objects.is_empty();
        if !sample.lines {
            // one object over several lines, or a first line longer than the head
            sample.lines = memchr(b'\n', head).is_none() && !is_all;
            if let Some(object) = partial(head) {
                sample.objects.push(object);
            }
        }
        sample
    }

    /// The objects at this depth, until the sample is full or the text ends.
    fn stream(
        &mut self,
        json: &mut Json<&[u8]>,
        depth: usize,
    ) -> Result<(), crate::json::JsonError> {
        while self.objects.len() < SAMPLE {
            let Some(event) = json.next_event()? else {
                break;
            };
            if event == Event::Object && json.depth() == depth + 1 {
                let mut object = Map::new();
                let cut = fields(json, &mut object);
                self.objects.push(object);
                cut?;
            }
        }
        Ok(())
    }

    /// Recognizes a file by its objects, unless it is said to hold a comment per row.
    fn told(&self, input: &Input, said: Option<Format>) -> Result<Recognized, Error> {
        let shapes: Vec<Shape> = self.objects.iter().map(shape_of).collect();
        let shape = shapes.iter().copied().find(|s| *s != Shape::Row);
        // The first rows of another tool may lack what it calls otherwise. A dump has odd posts (advertisements), no odd
        // comments.
        let renamed = (self.objects.iter().zip(&shapes)).any(|(object, shape)| {
            *shape == Shape::Comment && object.contains_key("body") && flat::is_renamed(object)
        });
        let shape = match shape {
            Some(Shape::Dump) if renamed => Some(Shape::Comment),
            shape => shape,
        };
        let (kind, format) = match shape {
            _ if said == Some(Format::Comments) && self.by_line() => {
                (Kind::WalkedLines, Format::Comments)
            }
            _ if said == Some(Format::Comments) => (Kind::Document, Format::Comments),
            Some(Shape::Dump) if self.lines => (Kind::Lines, Format::Pushshift),
            Some(Shape::Document) if self.by_line() => (Kind::WalkedLines, Format::Listing),
            Some(Shape::Comment) if self.lines => (Kind::WalkedLines, Format::Comments),
            Some(Shape::Comment) => (Kind::Document, Format::Comments),
            None if self.objects.iter().any(|o| !o.is_empty()) => {
                return match wrapped(&self.objects) {
                    // an empty answer: the reader reports it
                    true => Ok(Recognized::new(Kind::Document, Format::Listing)),
                    false => Err(unmapped(input.path, self.columns())),
                };
            }
            _ => (Kind::Document, Format::Listing),
        };
        Ok(Recognized::new(kind, format))
    }

    /// Whether each line is a value, not part of one; a single line may be a whole document.
    fn by_line(&self) -> bool {
        let document = |object: &Map<String, Value>| shape_of(object) == Shape::Document;
        self.lines && (self.objects.len() > 1 || !self.objects.iter().any(document))
    }

    /// The columns, in order of appearance.
    pub(super) fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = Vec::new();
        for key in self.objects.iter().flat_map(|object| object.keys()) {
            if !columns.contains(key) {
                columns.push(key.clone());
            }
        }
        columns
    }

    fn has_columns(&self, mapping: &Mapping) -> bool {
        mapping
            .columns()
            .iter()
            .any(|(_, name)| self.objects.iter().any(|o| has_column(o, name)))
    }

    /// Whether the objects hold arrays of objects.
    fn holds_rows(&self) -> bool {
        let rows = |v: &Value| v.as_array()?.first().map(Value::is_object);
        self.objects
            .iter()
            .any(|object| object.values().any(|v| rows(v) == Some(true)))
    }

    /// Refuses a mapping with a missing column, as far as the head shows.
    fn check(&self, path: &std::path::Path, mapping: &Mapping, is_all: bool) -> Result<(), Error> {
        let cut = self.whole == 0 && !is_all;
        if self.objects.is_empty() || cut || !self.array && !self.lines {
            return Ok(());
        }
        let found = self.columns();
        let missing: Vec<String> = mapping
            .columns()
            .into_iter()
            .map(|(_, name)| name.to_owned())
            .filter(|name| !self.objects.iter().any(|o| has_column(o, name)))
            // a column that only some rows have may come later, unless it is misspelled
            .filter(|name| is_all || near(name, &found).is_some())
            .collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Error::columns(path, missing, found)),
        }
    }
}

/// The objects of a line that consists of whole ones: one, or several that lost the line break between them.
fn objects_of(line: &[u8]) -> Option<Vec<Map<String, Value>>> {
    let mut json = Json::new(line);
    let mut objects = Vec::new();
    while let Some(first) = json.next_event().ok()? {
        match json.value(first).ok()? {
            Value::Object(object) => objects.push(object),
            _ => return None,
        }
    }
    Some(objects)
}

/// Objects without anything that a table has: an API error, an empty answer.
fn wrapped(objects: &[Map<String, Value>]) -> bool {
    objects.iter().all(|o| {
        let rows = |v: &Value| v.as_array().is_some_and(|a| a.iter().any(Value::is_object));
        o.values().all(|v| !v.is_string() && !rows(v))
            || o.contains_key("error")
            || o.contains_key("errors")
    })
}

fn has_column(object: &Map<String, Value>, name: &str) -> bool {
    object.contains_key(name)
        || name
            .match_indices('.')
            .any(|(at, _)| object.contains_key(&name[..at]))
}

/// The fields of the current object, as far as they can be read.
fn fields(
    json: &mut Json<&[u8]>,
    object: &mut Map<String, Value>,
) -> Result<(), crate::json::JsonError> {
    while let Some(event) = json.next_event()? {
        if event == Event::End {
            break;
        }
        let key = json.text().into_owned();
        let first = match json.next_event() {
            Ok(Some(first)) => first,
            Ok(None) => break,
            Err(e) => {
                // most likely a text longer than the head
                object.insert(key, Value::String(String::new()));
                return Err(e);
            }
        };
        // a value that is cut off is known by its type
        let empty = match first {
            Event::Array => Value::Array(Vec::new()),
            Event::Object => Value::Object(Map::new()),
            _ => Value::Null,
        };
        object.insert(key.clone(), empty);
        let value = json.value(first)?;
        object.insert(key, value);
    }
    Ok(())
}

/// The first object of the head, as far as it is complete.
fn partial(head: &[u8]) -> Option<Map<String, Value>> {
    let mut json = Json::new(head);
    let mut object = Map::new();
    if json.next_event().ok()?? != Event::Object {
        return None;
    }
    let _ = fields(&mut json, &mut object);
    Some(object)
}

/// The whole lines of the head; the last one only if the head is the whole file.
pub(super) fn head_lines(head: &[u8], is_all: bool) -> impl Iterator<Item = &[u8]> {
    let whole = if is_all {
        head.len()
    } else {
        memrchr(b'\n', head).unwrap_or(0)
    };
    head[..whole]
        .split(|b| *b == b'\n')
        .filter(|l| !l.trim_ascii().is_empty())
}

fn has_json_line(head: &[u8]) -> bool {
    head_lines(head, true)
        .take(50)
        .any(|l| l.starts_with(b"{\"") && l.trim_ascii().ends_with(b"}"))
}

/// Whether it contains more than a stray NUL.
fn is_binary(head: &[u8]) -> bool {
    memchr::memchr_iter(0, head).count() > head.len() / 50 + 1
}

/// Whether the first line contains separators.
fn looks_like_table(head: &[u8]) -> bool {
    let line = &head[..memchr(b'\n', head).unwrap_or(head.len())];
    line.iter().any(|b| matches!(b, b',' | b'\t' | b';' | b'|'))
}

/// Detects a table's line terminator and separator.
pub(super) fn table_of(head: &[u8], mapping: Mapping) -> Table {
    // lines that end in CR alone, as old spreadsheets write them
    let end = match memchr(b'\n', head) {
        None if memchr(b'\r', head).is_some() => b'\r',
        _ => b'\n',
    };
    let mut lines = head.split(|b| *b == end);
    let first = lines.next().unwrap_or_default().trim_ascii();
    let named = match first {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator] => Some(*separator),
        b"sep=" => Some(b'\t'),
        _ => None,
    };
    Table {
        mapping,
        delimiter: named.unwrap_or_else(|| delimiter_of(first)),
        end,
        skip: named.is_some(),
    }
}

/// The most frequent separator in the header, outside of quotes.
fn delimiter_of(line: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b'|', 0), (b';', 0), (b'\t', 0), (b',', 0)];
    for byte in line {
        quoted ^= *byte == b'"';
        if !quoted && let Some((_, n)) = counts.iter_mut().find(|(d, _)| d == byte) {
            *n += 1;
        }
    }
    // On a tie, max_by_key takes the last: the comma.
    counts
        .into_iter()
        .max_by_key(|(_, n)| *n)
        .map_or(b',', |(d, _)| d)
}
