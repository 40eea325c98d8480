//! Comments to answer from a file: one a line, or JSON lines with their thread.

use std::path::Path;

use crate::error::{Error, Result};
use crate::generate::Incoming;

/// Reads the comments of a file. `.jsonl` and `.ndjson` have an object a line with `comment` and perhaps
/// `thread`, `subreddit`, `title`; any other file has a comment a line. Empty lines are left out.
///
/// # Errors
/// [`crate::Code::BadInput`], naming file and line, when a line is not such an object, the file is not
/// UTF-8, or has no comments.
pub fn read(path: &Path) -> Result<Vec<Incoming>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        Error::bad_input(format!(
            "{}, line {line}: not UTF-8; save the file as UTF-8",
            path.display()
        ))
    })?;
    let is_json = path
        .extension()
        .is_some_and(|e| e == "jsonl" || e == "ndjson");
    let mut comments = Vec::new();
    // some editors put a byte order mark first
    for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let incoming = if is_json {
            serde_json::from_str::<Incoming>(line)
                .map_err(|e| e.to_string())
                .and_then(|i| if i.comment.trim().is_empty() { Err("no \"comment\"".to_owned()) } else { Ok(i) })
                .map_err(|why| {
                    Error::bad_input(format!(
                        "{}, line {}: {why}; expected {{\"comment\": \"...\"}}, perhaps with thread, subreddit, title",
                        path.display(),
                        n + 1
                    ))
                })?
        } else {
            Incoming {
                comment: line.to_owned(),
                ..Incoming::default()
            }
        };
        comments.push(incoming);
    }
    match comments.is_empty() {
        true => Err(Error::bad_input(format!(
            "{} has no comments",
            path.display()
        ))),
        false => Ok(comments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, content: &[u8]) -> Result<Vec<Incoming>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        read(&path)
    }

    #[test]
    fn lines_and_json_lines_are_read() {
        let plain = file("a.txt", "\u{feff}one\n\n two \n".as_bytes()).expect("read");
        assert_eq!(
            plain.iter().map(|i| i.comment.as_str()).collect::<Vec<_>>(),
            ["one", "two"]
        );
        let json = file("a.jsonl", b"{\"comment\":\"one\",\"thread\":\"t\"}\n").expect("read");
        assert_eq!(
            (json[0].comment.as_str(), json[0].thread.as_str()),
            ("one", "t")
        );
    }

    #[test]
    fn bad_lines_are_named() {
        let message =
            |name: &str, content: &[u8]| file(name, content).expect_err("refused").message;
        assert!(message("a.jsonl", b"{\"comment\":\"one\"}\nnonsense").contains("line 2"));
        assert!(message("a.jsonl", b"{\"thread\":\"x\"}").contains("no \"comment\""));
        assert!(message("a.txt", b"one\n\xff\xfe").contains("line 2: not UTF-8"));
        assert!(message("a.txt", b"\n\n").contains("no comments"));
    }
}
