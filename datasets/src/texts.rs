//! The pairs of a plain CSV as they are, for measurements: nothing is cleaned, dropped or stored.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::read::Error;

/// Maximum size of the file, in bytes.
const LARGEST: u64 = 256 << 20;
/// Maximum number of commas and line breaks in the file, and of columns: a cell takes more memory than its comma.
const MOST_CELLS: usize = 20_000_000;
const MOST_COLUMNS: usize = 10_000;

/// All bytes of a plain file of at most that many.
fn bytes_of(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    // a pipe would be waited for without end, already when it is opened
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        return Err(Error::unknown(path, "is a pipe or a device, not a file"));
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(io)?.take(most + 1);
    file.read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most {
        let large = format!("is larger than {} MiB", most >> 20);
        return Err(Error::unknown(path, large));
    }
    Ok(bytes)
}

/// Comment and reply of each row, from the columns of these names, in file order.
///
/// # Errors
/// If the file cannot be opened, is not a plain one, is too large, lacks one of the columns, or has a row that is not
/// UTF-8 or of another width.
pub fn pairs_of_csv(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let bytes = bytes_of(path, LARGEST)?;
    let cells = bytes.iter().filter(|b| matches!(**b, b',' | b'\n' | b'\r'));
    if cells.count() > MOST_CELLS {
        let many = format!("has more than {MOST_CELLS} cells");
        return Err(Error::unknown(path, many));
    }
    let bad = |e: csv::Error| Error::Unknown {
        path: path.into(),
        what: e.to_string(),
    };
    let mut table = csv::Reader::from_reader(&bytes[..]);
    let header = table.headers().map_err(bad)?;
    if header.len() > MOST_COLUMNS {
        let many = format!("has more than {MOST_COLUMNS} columns");
        return Err(Error::unknown(path, many));
    }
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
        let wide = format!("comment,reply{}\n", ",".repeat(10_000));
        assert!(why(wide.as_bytes()).contains("more than 10000 columns"));
        let many = format!("comment,reply\n{}", ",".repeat(20_000_001));
        assert!(why(many.as_bytes()).contains("more than 20000000 cells"));
    }

    #[test]
    fn only_plain_files_of_a_bounded_size_are_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"comment").unwrap();
        assert_eq!(bytes_of(file.path(), 7).unwrap(), b"comment");
        let large = bytes_of(file.path(), 6).unwrap_err().to_string();
        assert!(large.contains("is larger than"), "{large}");
        if cfg!(unix) {
            let endless = pairs_of_csv(Path::new("/dev/zero")).unwrap_err();
            assert!(endless.to_string().contains("not a file"), "{endless}");
        }
    }
}
