//! Comments to answer from a file: one per line, or JSON Lines with their thread.

use std::path::Path;

use repartee_core::error::{Error, Result};
use repartee_core::names;

use crate::generate::Incoming;

/// The comments of a file.
#[derive(Debug, Default)]
pub struct Comments {
    /// In the order of the file.
    pub comments: Vec<Incoming>,
    /// Bad lines, each with file, line and reason.
    pub left_out: Vec<String>,
}

/// Reads the comments of a file. `.jsonl` and `.ndjson` have one object per line with `comment` and optionally
/// `thread`, `subreddit`, `title`; any other file has one comment per line. Empty lines are skipped; bad lines are left
/// out and named.
///
/// # Errors
/// [`crate::Code::BadInput`] if no line is a comment, with what the lines lack.
pub fn read(path: &Path) -> Result<Comments> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
    let is_json = path
        .extension()
        .is_some_and(|e| e == "jsonl" || e == "ndjson");
    let mut read = Comments::default();
    for (n, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        match comment(line, is_json) {
            Ok(found) => read.comments.extend(found),
            Err(why) => {
                read.left_out
                    .push(format!("{}, line {}: {why}", path.display(), n + 1));
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
        return Ok(Some(Incoming {
            comment: line.to_owned(),
            ..Incoming::default()
        }));
    }
    let found: Incoming = serde_json::from_str(line).map_err(|e| {
        format!("{e}; expected {{\"comment\": \"...\"}}, optionally with thread, subreddit, title")
    })?;
    match names::has_text(&found.comment) {
        true => Ok(Some(found)),
        false => Err("no \"comment\"".to_owned()),
    }
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
