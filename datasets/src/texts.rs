//! The pairs of a plain CSV as they are, for measurements: nothing is cleaned, dropped or stored.

use std::fs::File;
use std::path::Path;

use crate::read::Error;

/// Comment and reply of each row, from the columns of these names, in file order.
///
/// # Errors
/// If the file cannot be opened, lacks one of the columns, or has a row that is not UTF-8 or of another width.
pub fn pairs_of_csv(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let file = File::open(path).map_err(|source| Error::Io {
        path: path.into(),
        source,
    })?;
    let bad = |e: csv::Error| Error::Unknown {
        path: path.into(),
        what: e.to_string(),
    };
    let mut table = csv::Reader::from_reader(file);
    let header = table.headers().map_err(bad)?;
    let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let at = |name: &str| header.iter().position(|found| found == name);
    let (comment, reply) = (at("comment"), at("reply"));
    let (Some(comment), Some(reply)) = (comment, reply) else {
        let sought = [("comment", comment), ("reply", reply)];
        let missing = sought.into_iter().filter(|(_, at)| at.is_none());
        return Err(Error::Columns {
            path: path.into(),
            missing: missing.map(|(name, _)| name.to_owned()).collect(),
            found: header,
            hint: String::new(),
        });
    };
    let pair = |row: Result<csv::StringRecord, csv::Error>| {
        let row = row.map_err(bad)?;
        let cell = |at: usize| row.get(at).unwrap_or_default().to_owned();
        Ok((cell(comment), cell(reply)))
    };
    table.records().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<(String, String)>, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        pairs_of_csv(file.path())
    }

    #[test]
    fn rows_are_in_file_order_and_unchanged() {
        let text =
            b"score,reply, comment\n1,\"two\nlines, \"\"quoted\"\"\",first\n2,,&amp; second\n";
        let want = [("first", "two\nlines, \"quoted\""), ("&amp; second", "")];
        let want = want.map(|(comment, reply)| (comment.to_owned(), reply.to_owned()));
        assert_eq!(read(text).unwrap(), want);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let why = |text: &[u8]| read(text).unwrap_err().to_string();
        let missing = why(b"comment,score\na,1\n");
        assert!(missing.contains("no column \"reply\""), "{missing}");
        assert!(why(b"comment,reply\na,b\na\n").contains("line: 3"));
        assert!(why(b"comment,reply\na,\xff\n").contains("UTF-8"));
        assert!(pairs_of_csv(Path::new("no/such.csv")).is_err());
    }
}
