//! Recognizes files that no reader reads, by their first bytes, and says what to do about them.

use memchr::memmem;
use std::path::Path;

/// Kinds of files by their first bytes, with advice.
const KINDS: [(&[u8], &str); 33] = [
    (
        b"\xFD7zXZ\0",
        "is packed with xz; unpack it first (unxz FILE, or xz -d FILE) and import what comes out",
    ),
    (
        b"\x5D\0\0",
        "is packed with lzma; unpack it first (unlzma FILE) and import what comes out",
    ),
    (
        b"\xFF\xFE\0\0",
        "is text in UTF-32; save it as UTF-8 and import that",
    ),
    (
        b"\0\0\xFE\xFF",
        "is text in UTF-32; save it as UTF-8 and import that",
    ),
    (
        b"BZh",
        "is packed with bzip2; unpack it first (bunzip2 FILE) and import what comes out",
    ),
    (
        b"\x1F\x8B",
        "is packed with gzip; unpack it first (gunzip FILE) and import what comes out",
    ),
    (b"\x78\x01", ZLIB),
    (b"\x78\x9C", ZLIB),
    (b"\x78\xDA", ZLIB),
    (
        b"7z\xBC\xAF\x27\x1C",
        "is a 7-Zip archive; unpack it first (7z x FILE) and import the files in it",
    ),
    (
        b"Rar!",
        "is a RAR archive; unpack it first (unrar x FILE) and import the files in it",
    ),
    (
        b"\x04\x22\x4D\x18",
        "is packed with lz4; unpack it first (unlz4 FILE) and import what comes out",
    ),
    (
        b"\x1F\x9D",
        "is packed with compress; unpack it first (uncompress FILE) and import what comes out",
    ),
    (
        b"SQLite format 3\0",
        "is an SQLite database; export the table as CSV (sqlite3 -header -csv FILE 'SELECT * FROM \
       table' > table.csv) and import that",
    ),
    (
        b"\xD0\xCF\x11\xE0",
        "is an old Excel or Word file; open it there, save it as CSV UTF-8, and import that",
    ),
    (b"%PDF", "is a PDF; import its source data, as CSV or JSON"),
    (
        b"version https://git-lfs.github.com/",
        "is a Git LFS pointer of three lines, not the file itself; \
       `git lfs pull` in its folder gets the file",
    ),
    (
        b"ARROW1",
        "is an Arrow (Feather) file; save it as Parquet or CSV (pandas: to_parquet) and import that",
    ),
    (
        b"FEA1",
        "is a Feather file; save it as Parquet or CSV (pandas: to_parquet) and import that",
    ),
    (
        b"Obj\x01",
        "is an Avro file; save it as Parquet or CSV and import that",
    ),
    (
        b"ORC",
        "is an ORC file; save it as Parquet or CSV and import that",
    ),
    (
        b"\x89HDF",
        "is an HDF5 file; save it as Parquet or CSV (pandas: to_csv) and import that",
    ),
    (
        b"\x93NUMPY",
        "is a NumPy array; save the table as CSV and import that",
    ),
    (
        b"\x80\x02",
        "is a Python pickle, which can carry code and is not read; save it as CSV or JSON and import that",
    ),
    (
        b"\x80\x03",
        "is a Python pickle, which can carry code and is not read; save it as CSV or JSON and import that",
    ),
    (
        b"\x80\x04",
        "is a Python pickle, which can carry code and is not read; save it as CSV or JSON and import that",
    ),
    (
        b"\x80\x05",
        "is a Python pickle, which can carry code and is not read; save it as CSV or JSON and import that",
    ),
    (b"\x89PNG", "is a picture; import the text as CSV or JSON"),
    (
        b"\xFF\xD8\xFF",
        "is a picture; import the text as CSV or JSON",
    ),
    (b"GIF8", "is a picture; import the text as CSV or JSON"),
    (
        b"{\\rtf",
        "is a rich text file; save the table as CSV UTF-8 and import that",
    ),
    (b"PARE", "is an encrypted Parquet file; decrypt it first"),
    (
        b"RDX",
        "is an R data file; save the table as CSV (write.csv) and import that",
    ),
];

const ZLIB: &str = "is packed with zlib; unpack it first (zlib-flate -uncompress < FILE, or pigz -dz) and import what \
     comes out";

/// As [`told`], for kinds without first bytes of their own: by the file's name, if it is no text.
pub(super) fn told_by_name(path: &Path, head: &[u8]) -> Option<&'static str> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    let is_text = match std::str::from_utf8(head) {
        Ok(_) => true,
        // cut within a character
        Err(e) => e.error_len().is_none() && e.valid_up_to() + 4 > head.len(),
    };
    match ending.as_str() {
        _ if is_text => None,
        "br" => Some(
            "is packed with brotli; unpack it first (brotli -d FILE) and import what comes out",
        ),
        "zz" | "zlib" | "deflate" => Some(ZLIB),
        "sz" | "snappy" => {
            Some("is packed with Snappy; unpack it first (snzip -d FILE) and import what comes out")
        }
        _ => None,
    }
}

/// What a file with this beginning is and what to do, if it is of a known kind that is not supported.
pub(super) fn told(head: &[u8]) -> Option<&'static str> {
    if let Some((_, what)) = KINDS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(what);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        let has = |name: &str| memmem::find(head, name.as_bytes()).is_some();
        return Some(if has("xl/") || has("spreadsheet") {
            "is an Excel or LibreOffice workbook; open it there, save the sheet as CSV UTF-8, and import that"
        } else if has("word/") {
            "is a Word document; save the table as CSV UTF-8 and import that"
        } else if has("[Content_Types].xml") {
            "is an Office file (a workbook?); open it there, save it as CSV UTF-8, and import that"
        } else {
            "is a zip archive; unpack it first and import the files in it"
        });
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some("is a tar archive; unpack it first (tar xf FILE) and import the files in it");
    }
    let text = head.trim_ascii_start();
    let begins = |tag: &str| {
        text.get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
    };
    if begins("<!doctype html") || begins("<html") {
        return Some(
            "is a web page, perhaps an error page that was saved instead of the file; download the file \
             again",
        );
    }
    if begins("<?xml") {
        return Some("is XML; save it as CSV or JSON and import that");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_file_is_named_with_advice() {
        let tar = [vec![b'a'; 257], b"ustar\0".to_vec()].concat();
        for (head, part) in [
            (&b"\xFD7zXZ\0\0\x04"[..], "unxz"),
            (b"BZh91AY", "bunzip2"),
            (b"SQLite format 3\0\x10", "CSV"),
            (b"PK\x03\x04....xl/workbook.xml", "CSV UTF-8"),
            (b"PK\x03\x04....notes.txt", "zip archive"),
            (b"\x78\x9C\x4B", "zlib"),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                "git lfs pull",
            ),
            (b"  <!DOCTYPE html><html>", "web page"),
            (&tar, "tar xf"),
        ] {
            assert!(told(head).is_some_and(|what| what.contains(part)), "{part}");
        }
        let br = |name: &str, head: &[u8]| told_by_name(Path::new(name), head);
        assert!(br("RC.ndjson.br", b"\x0b\x02\x80\xfe").is_some_and(|w| w.contains("brotli -d")));
        assert_eq!(br("a.br", b"{\"id\":1}"), None);
        assert_eq!(br("a.ndjson", b"\x0b\x02\x80\xfe"), None);
        for head in [&b"id,body\n"[..], b"{\"id\":1}", b"PAR1", b""] {
            assert_eq!(told(head), None);
        }
    }
}
