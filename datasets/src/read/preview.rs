//! Preview of a file before it is imported: its format, columns and first rows, and a guess which columns hold what.

use super::shape::Sample;
use super::*;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Preview {
    /// How it would be read; [`Format::Mapped`] needs a mapping, [`Format::Comments`] has one that can be changed.
    pub format: Format,
    /// The columns of a table, or the keys of its first lines.
    pub columns: Vec<String>,
    /// The first rows, a cell per column.
    pub rows: Vec<Vec<String>>,
    /// For a table: columns recognized by their names. Comment or reply may still be empty.
    pub mapping: Option<Mapping>,
}

/// Common column names of each kind, the most likely first, as in public data sets of pairs.
const COMMENT: [&str; 9] = [
    "comment",
    "parent",
    "prompt",
    "question",
    "context",
    "parent_body",
    "title",
    "input",
    "instruction",
];
const REPLY: [&str; 10] = [
    "reply",
    "response",
    "answer",
    "child",
    "completion",
    "reply_body",
    "selftext",
    "output",
    "body",
    "text",
];
const SCORE: [&str; 4] = ["reply_score", "score", "ups", "upvotes"];

/// Previews a file: at most `rows` of its rows.
///
/// # Errors
/// As [`read`].
pub fn preview(path: &Path, rows: usize) -> Result<Preview, Error> {
    let mut input = Input::open(path)?;
    let mut recognized = match recognize(&input, &Options::default()) {
        Ok(recognized) => recognized,
        // a table whose columns are not mapped yet: the preview is where the user maps them
        Err(Error::Columns { .. } | Error::Unmapped { .. }) => {
            return of_table(&mut input, rows);
        }
        Err(error) => return Err(error),
    };
    let mut mapping = None;
    let (columns, rows) = match &recognized.kind {
        Kind::Document | Kind::Lines | Kind::WalkedLines => {
            let sample = Sample::of(&input.head, input.head_is_all);
            let rows_of = sample.objects.iter().take(rows).collect::<Vec<_>>();
            match recognized.format {
                Format::Listing => (Vec::new(), Vec::new()),
                _ => of_objects(&sample, &rows_of),
            }
        }
        Kind::MappedLines(_) | Kind::MappedDocument(..) => return of_table(&mut input, rows),
        Kind::Csv(table) => {
            if recognized.format == Format::Comments {
                mapping = Some(table.mapping.clone());
            }
            of_csv(&mut input, table, rows)?
        }
        Kind::Parquet(_) => {
            let (columns, rows) = of_parquet(path, rows)?;
            match columnar::mapping_of(path, &columns) {
                Ok(found) if found.is_flat() => {
                    recognized.format = Format::Comments;
                    mapping = Some(found);
                }
                Ok(_) => recognized.format = Format::Bigquery,
                Err(_) => mapping = Some(guess(&columns)),
            }
            (columns, rows)
        }
    };
    if recognized.format == Format::Comments && mapping.is_none() {
        mapping = crate::flat::guess(&columns);
    }
    Ok(Preview {
        format: recognized.format,
        columns,
        rows,
        mapping,
    })
}

/// A table without a column mapping.
fn of_table(input: &mut Input, rows: usize) -> Result<Preview, Error> {
    let json = input
        .head
        .iter()
        .find(|b| !b.is_ascii_whitespace())
        .is_some_and(|b| matches!(b, b'{' | b'['));
    let (columns, rows) = if json {
        let sample = Sample::of(&input.head, input.head_is_all);
        let rows = sample.objects.iter().take(rows).collect::<Vec<_>>();
        of_objects(&sample, &rows)
    } else {
        let table = shape::table_of(&input.head, Mapping::default());
        of_csv(input, &table, rows)?
    };
    Ok(Preview {
        format: Format::Mapped,
        mapping: Some(guess(&columns)),
        columns,
        rows,
    })
}

/// Maps columns by their names.
pub(super) fn guess(columns: &[String]) -> Mapping {
    let first = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| {
                columns
                    .iter()
                    .find(|column| column.eq_ignore_ascii_case(name))
            })
            .cloned()
    };
    Mapping {
        comment: first(&COMMENT).unwrap_or_default(),
        reply: first(&REPLY).unwrap_or_default(),
        score: first(&SCORE),
        subreddit: first(&["subreddit"]),
        created: first(&["created_utc", "created", "date"]),
        ..Mapping::default()
    }
}

type Table = (Vec<String>, Vec<Vec<String>>);

/// Characters shown per cell.
const SHOWN: usize = 400;

fn short(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// The keys of the first objects and their values. A nested column is one too.
fn of_objects(sample: &Sample, rows: &[&serde_json::Map<String, serde_json::Value>]) -> Table {
    let mut columns = sample.columns();
    let nested: Vec<String> = sample
        .objects
        .iter()
        .flat_map(|object| object.iter())
        .filter_map(|(key, value)| Some((key, inside(value)?)))
        .flat_map(|(key, names)| names.into_iter().map(move |name| format!("{key}.{name}")))
        .collect();
    for name in nested {
        if columns.len() < 200 && !columns.contains(&name) {
            columns.push(name);
        }
    }
    let rows = rows
        .iter()
        .map(|object| columns.iter().map(|name| shown(object, name)).collect())
        .collect();
    (columns, rows)
}

/// The names of the texts, and of the lists of texts, inside a value.
fn inside(value: &serde_json::Value) -> Option<Vec<String>> {
    let object = match value {
        serde_json::Value::Array(items) => items.first()?.as_object()?,
        other => other.as_object()?,
    };
    let text = |v: &serde_json::Value| {
        v.is_string()
            || v.is_number()
            || v.as_array()
                .is_some_and(|a| a.iter().all(|i| !i.is_object()))
    };
    Some(
        object
            .iter()
            .filter(|(_, v)| text(v))
            .map(|(key, _)| key.clone())
            .collect(),
    )
}

fn shown(object: &serde_json::Map<String, serde_json::Value>, name: &str) -> String {
    let direct = object.get(name);
    let value = direct.or_else(|| {
        let (outer, inner) = name.split_once('.')?;
        match object.get(outer)? {
            serde_json::Value::Array(items) => items.first()?.get(inner),
            other => other.get(inner),
        }
    });
    match value {
        None | Some(serde_json::Value::Null) => String::new(),
        Some(serde_json::Value::String(text)) => short(text),
        Some(other) => short(&other.to_string()),
    }
}

fn of_csv(input: &mut Input, table: &shape::Table, rows: usize) -> Result<Table, Error> {
    let (path, packed) = (input.path, input.packed);
    let bad = |e| read_error(path, packed, 0, e);
    let mut csv = table.rows(BufReader::new(&mut input.reader));
    let columns = table.header(&mut csv).map_err(bad)?;
    let mut found = Vec::new();
    while found.len() < rows && csv.next().map_err(bad)?.is_some() {
        let cells = csv.cells();
        found.push(
            cells
                .map(|cell| short(&String::from_utf8_lossy(cell)))
                .collect(),
        );
    }
    Ok((columns, found))
}

fn of_parquet(path: &Path, rows: usize) -> Result<Table, Error> {
    let file = columnar::open(path)?;
    let columns = columnar::columns(&file);
    let rows = columnar::first_rows(path, &file, rows)?
        .iter()
        .map(|object| columns.iter().map(|name| shown(object, name)).collect())
        .collect();
    Ok((columns, rows))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn previewed(name: &str, content: &str) -> Preview {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        preview(&path, 2).unwrap()
    }

    #[test]
    fn a_table_shows_its_first_rows() {
        let found = previewed("a.csv", "a;b\n1;2\n3;4\n5;6\n");
        assert_eq!(found.format, Format::Mapped);
        assert_eq!(found.columns, ["a", "b"]);
        assert_eq!(found.rows, [["1", "2"], ["3", "4"]]);
        assert_eq!(found.mapping, Some(Mapping::default()));
    }

    #[test]
    fn columns_are_guessed_by_their_names() {
        let found = previewed("posts.csv", "id,Title,selftext,score\n1,a,b,3\n");
        let mapping = found.mapping.unwrap();
        assert_eq!(
            (mapping.comment.as_str(), mapping.reply.as_str()),
            ("Title", "selftext")
        );
        assert_eq!(mapping.score.as_deref(), Some("score"));
        let lines = previewed(
            "pairs.jsonl",
            "{\"prompt\":\"a\",\"response\":\"b\",\"n\":3}\n",
        );
        assert_eq!(lines.format, Format::Mapped);
        assert_eq!(lines.columns.len(), 3);
        let mapping = lines.mapping.unwrap();
        assert_eq!(
            (mapping.comment.as_str(), mapping.reply.as_str()),
            ("prompt", "response")
        );
    }

    #[test]
    fn self_describing_formats_are_detected_by_content() {
        let dump = previewed(
            "RC",
            "{\"id\":\"a\",\"body\":\"x\",\"link_id\":\"p\",\"score\":null}\n",
        );
        assert_eq!((dump.format, dump.mapping), (Format::Pushshift, None));
        assert!(
            dump.rows[0].contains(&String::new()),
            "a null is an empty cell"
        );
        let listing = previewed(
            "l.json",
            "{\"kind\":\"Listing\",\"data\":{\"children\":[]}}",
        );
        assert_eq!(
            (listing.format, listing.columns.len()),
            (Format::Listing, 0)
        );
    }
}
