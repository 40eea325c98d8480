//! Rows to files that other programs read: JSON lines or CSV.

use crate::private;
use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// A file of rows being written. The rows go to a file beside it, which takes its name when
/// [`Rows::finish`] is called: a name never stands for half a file. People's texts are in it: it is for its owner
/// alone.
pub struct Rows {
    path: PathBuf,
    part: PathBuf,
    columns: Vec<String>,
    out: Out,
    /// Said in a last column beside every row; empty: there is no such column.
    notice: String,
    /// The part file is to be removed when the writer is dropped.
    unfinished: bool,
}

enum Out {
    Lines(BufWriter<File>),
    Csv(Box<csv::Writer<File>>),
}

impl Rows {
    /// Begins a file with these columns; its ending says which kind: `.jsonl`, `.ndjson` or `.csv`.
    ///
    /// # Errors
    /// When the ending is none of these, or the file cannot be written.
    pub fn create(path: &Path, columns: &[&str]) -> io::Result<Self> {
        Self::noted(path, columns, None)
    }

    /// The same with a notice in a last column, `notice`, beside every row: a line of its own would be
    /// lost, or read as a row.
    ///
    /// # Errors
    /// As [`Rows::create`].
    pub fn noted(path: &Path, columns: &[&str], notice: Option<&str>) -> io::Result<Self> {
        let notice = notice.unwrap_or_default();
        let mut columns = columns.to_vec();
        if !notice.is_empty() {
            columns.push("notice");
        }
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let out = match ending {
            "jsonl" | "ndjson" => Out::Lines(BufWriter::new(private::create(&part)?)),
            "csv" => {
                let mut csv = csv::Writer::from_writer(private::create(&part)?);
                csv.write_record(&columns)?;
                Out::Csv(Box::new(csv))
            }
            _ => {
                let what = format!("{}: files end in .jsonl or .csv", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
        };
        let columns = columns.iter().map(|c| (*c).to_owned()).collect();
        Ok(Self {
            path: path.into(),
            part,
            columns,
            out,
            notice: notice.to_owned(),
            unfinished: true,
        })
    }

    /// Writes one row, a value a column; a null is an empty cell of a CSV.
    ///
    /// # Errors
    /// When the file cannot be written (a full disk).
    pub fn write(&mut self, mut values: Vec<Value>) -> io::Result<()> {
        if !self.notice.is_empty() {
            values.push(Value::String(self.notice.clone()));
        }
        match &mut self.out {
            Out::Lines(out) => {
                let row: Map<String, Value> = self.columns.iter().cloned().zip(values).collect();
                serde_json::to_writer(&mut *out, &row)?;
                out.write_all(b"\n")
            }
            Out::Csv(csv) => Ok(csv.write_record(values.iter().map(|value| match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }))?),
        }
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        match &mut self.out {
            Out::Lines(out) => out.flush()?,
            Out::Csv(csv) => csv.flush()?,
        }
        std::fs::rename(&self.part, &self.path)?;
        self.unfinished = false;
        Ok(())
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if self.unfinished {
            // What is left of an export that failed or was cancelled.
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(name: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        let mut rows = Rows::create(&path, &["id", "text"]).unwrap();
        rows.write(vec![json!(1), json!("a, \"b\"\nc")]).unwrap();
        rows.write(vec![json!(2), Value::Null]).unwrap();
        assert!(!path.exists(), "no name before the end");
        rows.finish().unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn both_kinds_hold_the_same_rows() {
        assert_eq!(
            written("a.jsonl"),
            "{\"id\":1,\"text\":\"a, \\\"b\\\"\\nc\"}\n{\"id\":2,\"text\":null}\n"
        );
        assert_eq!(written("a.csv"), "id,text\n1,\"a, \"\"b\"\"\nc\"\n2,\n");
    }

    #[test]
    fn a_notice_stands_beside_every_row() {
        let dir = tempfile::tempdir().unwrap();
        for (name, expected) in [
            ("a.csv", "id,notice\n1,mind this\n2,mind this\n"),
            (
                "a.jsonl",
                "{\"id\":1,\"notice\":\"mind this\"}\n{\"id\":2,\"notice\":\"mind this\"}\n",
            ),
        ] {
            let path = dir.path().join(name);
            let mut rows = Rows::noted(&path, &["id"], Some("mind this")).unwrap();
            rows.write(vec![json!(1)]).unwrap();
            rows.write(vec![json!(2)]).unwrap();
            rows.finish().unwrap();
            assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
        }
    }

    #[test]
    fn an_unfinished_or_unknown_file_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        drop(Rows::create(&path, &["id"]).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let error = Rows::create(&dir.path().join("a.xlsx"), &[]).err().unwrap();
        assert!(error.to_string().contains(".jsonl or .csv"));
    }
}
