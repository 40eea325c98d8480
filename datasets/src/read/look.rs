//! A look into a file before it is imported: what it is, its columns and first rows, and which columns
//! look like those that are needed.

use super::*;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a file looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Look {
    /// How it would be read; [`Format::Mapped`] needs a mapping.
    pub format: Format,
    /// The names of the columns: of a table, or the keys of its first lines.
    pub columns: Vec<String>,
    /// The first rows, a cell a column.
    pub rows: Vec<Vec<String>>,
    /// For [`Format::Mapped`]: columns whose names say what they are. Comment or reply may be empty still.
    pub mapping: Option<Mapping>,
}

/// Names that columns of a kind often have, the likeliest first, as in public data sets of pairs.
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

/// Looks into a file: at most `rows` of its rows.
///
/// # Errors
/// As [`read`].
pub fn look(path: &Path, rows: usize) -> Result<Look, Error> {
    let mut input = Input::open(path)?;
    let (format, columns, rows) = match recognise(&input, &Options::default())? {
        Kind::Document => (Format::Listing, Vec::new(), Vec::new()),
        Kind::Lines | Kind::MappedLines(_) => {
            let (columns, rows) = of_lines(&input, rows);
            let has = |name: &str| columns.iter().any(|column| column == name);
            let of_reddit = has("id") && (has("body") || has("title")) && has("subreddit");
            let format = if of_reddit {
                Format::Pushshift
            } else {
                Format::Mapped
            };
            (format, columns, rows)
        }
        Kind::Csv { delimiter, .. } => {
            let (columns, rows) = of_csv(&mut input, delimiter, rows)?;
            let fits = Columns::find(&Mapping::bigquery(), &columns).is_ok();
            let format = if fits {
                Format::Bigquery
            } else {
                Format::Mapped
            };
            (format, columns, rows)
        }
        Kind::Parquet(_) => {
            let (columns, rows) = of_parquet(path, rows)?;
            (Format::Mapped, columns, rows)
        }
    };
    let mapping = (format == Format::Mapped).then(|| guess(&columns));
    Ok(Look {
        format,
        columns,
        rows,
        mapping,
    })
}

/// Columns by what their names say.
fn guess(columns: &[String]) -> Mapping {
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

/// The keys of the first lines, in the order in which they come, and their values.
fn of_lines(input: &Input, rows: usize) -> Table {
    let objects: Vec<serde_json::Map<String, serde_json::Value>> =
        head_lines(&input.head, input.head_is_all)
            .filter_map(|line| serde_json::from_slice(line).ok())
            .take(rows)
            .collect();
    let mut columns: Vec<String> = Vec::new();
    for key in objects.iter().flat_map(|object| object.keys()) {
        if !columns.contains(key) {
            columns.push(key.clone());
        }
    }
    let cell = |value: Option<&serde_json::Value>| match value {
        None | Some(serde_json::Value::Null) => String::new(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let rows = objects
        .iter()
        .map(|object| {
            columns
                .iter()
                .map(|column| cell(object.get(column)))
                .collect()
        })
        .collect();
    (columns, rows)
}

fn of_csv(input: &mut Input, delimiter: u8, rows: usize) -> Result<Table, Error> {
    let path = input.path;
    let mut csv = csv_reader(&mut input.reader, delimiter);
    let bad = |e: csv::Error| csv_error(path, e);
    let text = |record: &csv::ByteRecord| -> Vec<String> {
        record
            .iter()
            .map(|cell| String::from_utf8_lossy(cell).into_owned())
            .collect()
    };
    let columns = text(csv.byte_headers().map_err(bad)?);
    let rows = csv
        .byte_records()
        .take(rows)
        .map(|r| r.map(|r| text(&r)).map_err(bad))
        .collect::<Result<_, _>>()?;
    Ok((columns, rows))
}

fn of_parquet(path: &Path, rows: usize) -> Result<Table, Error> {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    let bad = |e: parquet::errors::ParquetError| Error::Unknown {
        path: path.into(),
        what: format!("is not a whole Parquet file: {e}"),
    };
    let file = File::open(path).map_err(|source| Error::Io {
        path: path.into(),
        source,
    })?;
    let file = SerializedFileReader::new(file).map_err(bad)?;
    let schema = file.metadata().file_metadata().schema();
    let columns = schema
        .get_fields()
        .iter()
        .map(|f| f.name().to_owned())
        .collect();
    let cell = |field: &Field| match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        other => other.to_string(),
    };
    let rows = file
        .get_row_iter(None)
        .map_err(bad)?
        .take(rows)
        .map(|row| {
            Ok(row
                .map_err(bad)?
                .get_column_iter()
                .map(|(_, field)| cell(field))
                .collect())
        })
        .collect::<Result<_, _>>()?;
    Ok((columns, rows))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn looked(name: &str, content: &str) -> Look {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        look(&path, 2).unwrap()
    }

    #[test]
    fn a_table_shows_its_first_rows() {
        let found = looked("a.csv", "a;b\n1;2\n3;4\n5;6\n");
        assert_eq!(found.format, Format::Mapped);
        assert_eq!(found.columns, ["a", "b"]);
        assert_eq!(found.rows, [["1", "2"], ["3", "4"]]);
        assert_eq!(found.mapping, Some(Mapping::default()));
    }

    #[test]
    fn columns_with_telling_names_are_guessed() {
        let found = looked("posts.csv", "id,Title,selftext,score\n1,a,b,3\n");
        let mapping = found.mapping.unwrap();
        assert_eq!(
            (mapping.comment.as_str(), mapping.reply.as_str()),
            ("Title", "selftext")
        );
        assert_eq!(mapping.score.as_deref(), Some("score"));
        let lines = looked(
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
    fn what_needs_no_mapping_is_told_by_its_content() {
        let dump = looked(
            "RC",
            "{\"id\":\"a\",\"body\":\"x\",\"subreddit\":\"s\",\"score\":null}\n",
        );
        assert_eq!((dump.format, dump.mapping), (Format::Pushshift, None));
        assert!(
            dump.rows[0].contains(&String::new()),
            "a null is an empty cell"
        );
        let listing = looked(
            "l.json",
            "{\"kind\":\"Listing\",\"data\":{\"children\":[]}}",
        );
        assert_eq!(
            (listing.format, listing.columns.len()),
            (Format::Listing, 0)
        );
    }
}
