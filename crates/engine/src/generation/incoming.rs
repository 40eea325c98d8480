//! Comments to answer from a file: one per line, or JSON Lines with their thread.

use std::path::Path;

use repartee_core::error::{Error, Result};
use repartee_core::names;
use repartee_datasets::clean::is_notice;

use crate::generation::generate::Incoming;

/// The comments of a file.
#[derive(Debug, Default)]
pub struct Comments {
    /// In the order of the file.
    pub comments: Vec<Incoming>,
    /// Bad lines, each with file, line and reason.
    pub left_out: Vec<String>,
}

/// Reads the comments of a file. `.jsonl` and `.ndjson` have one object per line with `comment` and optionally
/// `thread`, `subreddit`, `title`; `.json` has an array of such objects or of texts, or lines as well; any other file
/// has one comment per line. Empty lines are skipped; bad lines are left out and named.
///
/// # Errors
/// [`crate::Code::BadInput`] if no line is a comment, with what the lines lack.
pub fn read(path: &Path) -> Result<Comments> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let ending = ending.to_ascii_lowercase();
    if TABLES.contains(&ending.as_str()) {
        return Err(Error::bad_input(format!(
            "{} is not a list of comments; write one comment per line (.txt) or one object per line \
             (.jsonl): {{\"comment\": \"...\"}}",
            path.display()
        )));
    }
    let is_json = matches!(ending.as_str(), "json" | "jsonl" | "ndjson");
    let mut read = Comments::default();
    let mut take =
        |what: &str, n: usize, found: std::result::Result<Option<Incoming>, String>| match found {
            Ok(found) => read.comments.extend(found),
            Err(why) => {
                let place = format!("{}, {what} {}", path.display(), n + 1);
                read.left_out.push(format!("{place}: {why}"));
            }
        };
    match document(&bytes).filter(|_| ending == "json") {
        Some(items) => {
            for (n, item) in items.into_iter().enumerate() {
                take("element", n, element(item).map(Some));
            }
        }
        None => {
            for (n, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                take("line", n, comment(line, is_json));
            }
        }
    }
    if !read.comments.is_empty() {
        return Ok(read);
    }
    let mut error = Error::bad_input(match read.left_out.first() {
        None => format!("{} has no comments", path.display()),
        Some(first) => format!("{} has no comments; {first}", path.display()),
    });
    for line in read.left_out.into_iter().skip(1).take(20) {
        error = error.with(line);
    }
    Err(error)
}

/// Endings of files that are no lists of comments.
const TABLES: [&str; 10] = [
    "csv", "tsv", "parquet", "zst", "gz", "xz", "bz2", "zip", "xlsx", "sqlite",
];

/// The elements of a JSON array, or a single object; `None`: it is neither.
fn document(bytes: &[u8]) -> Option<Vec<serde_json::Value>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match serde_json::from_slice(bytes).ok()? {
        serde_json::Value::Array(items) => Some(items),
        object @ serde_json::Value::Object(_) => Some(vec![object]),
        _ => None,
    }
}

fn element(item: serde_json::Value) -> std::result::Result<Incoming, String> {
    let found = match item {
        serde_json::Value::String(comment) => Incoming {
            comment,
            ..Incoming::default()
        },
        object => serde_json::from_value(object).map_err(|e| {
            format!("{e}; expected a text or {{\"comment\": \"...\"}}, optionally with thread, subreddit, title")
        })?,
    };
    checked(found)
}

/// Refuses what is no comment: nothing, or the notice in place of a deleted one, which an import drops, too.
fn checked(found: Incoming) -> std::result::Result<Incoming, String> {
    if !names::has_text(&found.comment) {
        return Err("no \"comment\"".to_owned());
    }
    if is_notice(found.comment.trim()) {
        return Err(format!(
            "{:?} stands for a comment that is gone",
            found.comment.trim()
        ));
    }
    Ok(found)
}

/// The comment in a line; `None`: the line is empty.
fn comment(line: &[u8], is_json: bool) -> std::result::Result<Option<Incoming>, String> {
    let line =
        std::str::from_utf8(line).map_err(|_| "not UTF-8; save the file as UTF-8".to_owned())?;
    // some editors put a byte order mark first
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.is_empty() {
        return Ok(None);
    }
    if !is_json {
        return checked(Incoming {
            comment: line.to_owned(),
            ..Incoming::default()
        })
        .map(Some);
    }
    let found: Incoming = serde_json::from_str(line).map_err(|e| {
        // the position within the line reads as a line of the file
        let what = e.to_string();
        let what = what.split(" at line ").next().unwrap_or(&what);
        let what = match e.classify() {
            serde_json::error::Category::Data => what.to_owned(),
            _ => format!("not JSON (column {})", e.column()),
        };
        format!(
            "{what}; expected {{\"comment\": \"...\"}}, optionally with thread, subreddit, title"
        )
    })?;
    checked(found).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, content: &[u8]) -> Result<Comments> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        read(&path)
    }

    #[test]
    fn notices_of_deleted_comments_are_left_out_and_named() {
        for (name, content) in [
            ("a.txt", "one\n[deleted]\n[removed]\n"),
            (
                "a.jsonl",
                "{\"comment\":\"one\"}\n{\"comment\":\"[deleted]\"}\n{\"comment\":\" [removed] \"}\n",
            ),
            (
                "a.json",
                "[\"one\", \"[deleted]\", {\"comment\":\"[removed]\"}]",
            ),
        ] {
            let read = file(name, content.as_bytes()).expect("read");
            assert_eq!(read.comments.len(), 1, "{name}");
            assert_eq!(read.left_out.len(), 2, "{name}: {:?}", read.left_out);
            assert!(
                read.left_out[0].contains("\"[deleted]\" stands for a comment that is gone"),
                "{:?}",
                read.left_out
            );
        }
    }

    #[test]
    fn lines_and_json_lines_are_read() {
        let plain = file("a.txt", "\u{feff}one\n\n two \n".as_bytes())
            .expect("read")
            .comments;
        assert_eq!(
            plain.iter().map(|i| i.comment.as_str()).collect::<Vec<_>>(),
            ["one", "two"]
        );
        let json = file("a.jsonl", b"{\"comment\":\"one\",\"thread\":\"t\"}\n")
            .expect("read")
            .comments;
        assert_eq!(
            (json[0].comment.as_str(), json[0].thread.as_str()),
            ("one", "t")
        );
    }

    #[test]
    fn json_documents_are_read_as_such() {
        let of = |name: &str, text: &str| file(name, text.as_bytes()).expect("read");
        let texts = |read: &Comments| -> Vec<String> {
            read.comments.iter().map(|i| i.comment.clone()).collect()
        };
        let array = "[\n {\"comment\": \"one\", \"title\": \"t\"},\n \"two\",\n 3\n]\n";
        let read = of("a.json", array);
        assert_eq!(texts(&read), ["one", "two"]);
        assert_eq!(read.comments[0].title, "t");
        assert!(
            read.left_out[0].contains("element 3"),
            "{:?}",
            read.left_out
        );
        assert_eq!(texts(&of("a.JSON", "{\"comment\": \"one\"}")), ["one"]);
        let lines = "{\"comment\": \"one\"}\n{\"comment\": \"two\"}\n";
        assert_eq!(texts(&of("a.json", lines)), ["one", "two"]);
        let error = file("a.csv", b"comment,reply\na,b\n").expect_err("refused");
        assert!(
            error.message.contains("one comment per line"),
            "{}",
            error.message
        );
    }

    #[test]
    fn bad_lines_are_left_out_and_named() {
        let mixed = b"{\"comment\":\"one\"}\nnonsense\n{\"comment\":\" \\u200b\"}\n\xff\n{\"comment\":\"two\"}\n";
        let read = file("a.jsonl", mixed).expect("read");
        assert_eq!(read.comments.len(), 2);
        let lines: Vec<bool> = [2, 3, 4]
            .iter()
            .zip(&read.left_out)
            .map(|(n, line)| line.contains(&format!("line {n}: ")))
            .collect();
        assert_eq!(lines, [true; 3], "{:?}", read.left_out);
        assert!(
            read.left_out[0].contains("line 2: not JSON") && !read.left_out[0].contains("line 1"),
            "{:?}",
            read.left_out
        );
        let plain = file("a.txt", b"one\n\xff\xfe\ntwo").expect("read");
        assert_eq!((plain.comments.len(), plain.left_out.len()), (2, 1));
        assert!(plain.left_out[0].contains("line 2: not UTF-8"));
    }

    #[test]
    fn file_without_comments_is_an_error_with_a_reason() {
        let message =
            |name: &str, content: &[u8]| file(name, content).expect_err("refused").message;
        assert!(message("a.jsonl", b"{\"thread\":\"x\"}").contains("line 1"));
        assert!(message("a.txt", b"\xff\xfe").contains("line 1: not UTF-8"));
        assert!(message("a.txt", b"\n\n").contains("no comments"));
    }
}
