//! Writes rows as JSON Lines or CSV.

use crate::private;
use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// A file of rows being written. The rows go to a temporary file next to it, which is renamed by [`Rows::finish`], so
/// that half a file never has the final name. It contains people's texts, so only the owner may read it.
pub struct Rows {
    path: PathBuf,
    part: PathBuf,
    columns: Vec<String>,
    out: Out,
    /// Written in a last column of every row; empty: no such column.
    notice: String,
    /// The temporary file is removed when the writer is dropped.
    unfinished: bool,
}

enum Out {
    Lines(BufWriter<File>),
    Csv(Box<csv::Writer<File>>),
}

impl Rows {
    /// Begins a file with these columns. The extension gives the format: `.jsonl`, `.ndjson` or `.csv`.
    ///
    /// # Errors
    /// If the extension is another one, or the file cannot be written.
    pub fn create(path: &Path, columns: &[&str]) -> io::Result<Self> {
        Self::noted(path, columns, None)
    }

    /// As [`Rows::create`], with a notice in a last column, `notice`, of every row: a line of its own would be lost, or
    /// read as a row.
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
                let what = "exports end in .jsonl or .csv";
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

    /// Writes one row, a value per column; null is an empty cell in CSV.
    ///
    /// # Errors
    /// If the file cannot be written (disk full).
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

    /// Finishes the file and renames it.
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
            // what remains of an export that failed or was canceled
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
    fn jsonl_and_csv_have_the_same_rows() {
        assert_eq!(
            written("a.jsonl"),
            "{\"id\":1,\"text\":\"a, \\\"b\\\"\\nc\"}\n{\"id\":2,\"text\":null}\n"
        );
        assert_eq!(written("a.csv"), "id,text\n1,\"a, \"\"b\"\"\nc\"\n2,\n");
    }

    #[test]
    fn notice_is_in_every_row() {
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
    fn unfinished_or_unknown_file_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        drop(Rows::create(&path, &["id"]).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let error = Rows::create(&dir.path().join("a.xlsx"), &[]).err().unwrap();
        assert!(error.to_string().contains(".jsonl or .csv"));
    }
}
