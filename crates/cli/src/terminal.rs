//! The only way to the terminal. Imported or fetched texts, the contents of a project file, names of files and quoted
//! errors can have been written by anybody. Raw, they could move the cursor, repaint a text that is about to be approved,
//! or show it in another order than it is posted. So control characters and invisible characters are printed as visible
//! escapes, by the rule of `repartee_engine::terms::visible`. `clippy.toml` next to `src` forbids every other way out.
//!
//! Programs get JSON, where such characters are escaped as JSON escapes them: the same data, and as harmless on a
//! terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use repartee_engine::terms::visible::{is_hidden, judged};
pub use repartee_engine::terms::visible::{visible, visible_cell};

/// Most blank lines in a row that are printed: more could scroll what is decided about out of view.
const BLANK_LINES: usize = 2;

/// Whether standard output is a terminal.
#[allow(clippy::disallowed_methods)] // nothing is written
pub fn out_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard error is a terminal.
#[allow(clippy::disallowed_methods)] // nothing is written
pub fn err_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Prints a line on standard output. A text in it cannot start a line that looks like one of ours: text after a line
/// break is indented.
pub fn out_line(text: &str) -> io::Result<()> {
    to_out(&visible_line(text))
}

/// Prints lines on standard output, each with the prefix `before`.
pub fn out_lines(before: &str, text: &str) -> io::Result<()> {
    let lines: Vec<String> = shown_lines(text)
        .iter()
        .map(|line| format!("{before}{line}").trim_end().to_owned())
        .collect();
    to_out(&lines.join("\n"))
}

/// Prints a table on standard output, whose cells are escaped already.
pub fn out_table(table: &str) -> io::Result<()> {
    to_out(table)
}

/// Prints a line of JSON on standard output.
pub fn out_json(json: &str) -> io::Result<()> {
    to_out(&ascii_json(json))
}

/// Prints a shell script of this program's own, unescaped.
#[allow(clippy::disallowed_methods)]
pub fn out_script(script: &[u8]) -> io::Result<()> {
    io::stdout().lock().write_all(script)
}

#[allow(clippy::disallowed_methods)]
fn to_out(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Prints a line on standard error, like [`out_line`]. An error in printing it is ignored.
#[allow(clippy::disallowed_methods)]
pub fn err_line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", visible_line(text));
}

/// Prints a question on standard error, without a line break.
#[allow(clippy::disallowed_methods)]
pub fn ask(text: &str) {
    let mut err = io::stderr().lock();
    let _ = write!(err, "{}", visible_line(text)).and_then(|()| err.flush());
}

/// Asks a yes-or-no question; every answer but yes is no.
pub fn yes(question: &str) -> io::Result<bool> {
    Ok(says_yes(&answer(&format!("{question} [y/N]"))?))
}

fn says_yes(answer: &str) -> bool {
    matches!(answer.to_lowercase().as_str(), "y" | "yes")
}

/// Asks for a line, and trims it; it is empty at the end of input, too.
pub fn answer(question: &str) -> io::Result<String> {
    ask(&format!("{question} "));
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// Standard error for the log.
#[derive(Debug, Clone, Copy)]
pub struct Log;

impl Write for Log {
    #[allow(clippy::disallowed_methods)]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The log writes whole lines.
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        writeln!(io::stderr().lock(), "{}", visible_line(text))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A text of one or more lines with visible escapes; lines after the first are indented.
pub fn visible_line(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for (n, line) in shown_lines(text).iter().enumerate() {
        if n > 0 {
            all.push('\n');
            if !line.is_empty() {
                all.push_str("  ");
            }
        }
        all.push_str(line);
    }
    all
}

/// The lines of a text with visible escapes. More than [`BLANK_LINES`] blank ones in a row become one line that counts
/// them; it begins with an escape, so that no text can look like it.
fn shown_lines(text: &str) -> Vec<String> {
    let without_return = |line| str::strip_suffix(line, '\r').unwrap_or(line);
    let lines: Vec<&str> = text.split('\n').map(without_return).collect();
    let is_blank = |line: &str| line.trim().is_empty();
    let mut shown = Vec::with_capacity(lines.len());
    for run in lines.chunk_by(|a, b| is_blank(a) && is_blank(b)) {
        match run.len() > BLANK_LINES {
            true => shown.push(format!("\\u{{a}} {} blank lines", run.len())),
            false => shown.extend(run.iter().map(|line| visible(line).into_owned())),
        }
    }
    shown
}

/// JSON with the same characters as JSON escapes, and those that a text may show in its proper place; they occur only
/// within strings.
fn ascii_json(json: &str) -> Cow<'_, str> {
    let acts = |c: char, hides: bool| hides || is_hidden(c) && !matches!(c, '\n' | '\t');
    if !judged(json).any(|(c, hides)| acts(c, hides)) {
        return Cow::Borrowed(json);
    }
    let mut all = String::with_capacity(json.len() + 16);
    for (c, hides) in judged(json) {
        if acts(c, hides) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(all, "\\u{unit:04x}");
            }
        } else {
            all.push(c);
        }
    }
    Cow::Owned(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for answer in ["y", "Y", "yes", "Yes"] {
            assert!(says_yes(answer), "{answer:?}");
        }
        for answer in ["", "n", "a", "yy", "sure"] {
            assert!(!says_yes(answer), "{answer:?}");
        }
    }

    #[test]
    fn lines_of_a_text_are_indented() {
        assert_eq!(
            visible_line("a\nreply 1 is approved"),
            "a\n  reply 1 is approved"
        );
        assert_eq!(visible_line("\nb\n"), "\n  b\n");
        assert_eq!(visible_line("a\r\n\u{202e}"), "a\n  \\u{202e}");
    }

    #[test]
    fn blank_lines_cannot_scroll_a_text_away() {
        assert_eq!(shown_lines("a\n\n\nb"), ["a", "", "", "b"]);
        assert_eq!(
            shown_lines("a\n\n \r\n\u{a0}\n\t\nb\n"),
            ["a", "\\u{a} 4 blank lines", "b", ""]
        );
        let flood = format!("a{}b", "\n".repeat(10_000));
        assert_eq!(visible_line(&flood), "a\n  \\u{a} 9999 blank lines\n  b");
        // and nobody can write that
        assert_eq!(
            shown_lines("\\u{a} 9999 blank lines"),
            ["\\\\u{a} 9999 blank lines"]
        );
    }

    #[test]
    fn escaped_json_is_the_same_data() {
        let text = "\u{1b}[2J\u{9b}\u{202e}\u{e0041}\u{7f}\u{1f469}\u{200d}\u{1f4bb} \\u{202e} \\\u{338}\n\n\n\n";
        let marks = "\u{301}".repeat(50);
        let value = serde_json::json!({ "text": format!("{text}e{marks}") });
        let line = value.to_string();
        let shown = ascii_json(&line);
        assert!(!shown.chars().any(is_hidden), "{shown}");
        assert_eq!(shown.matches('\u{301}').count(), 4);
        let read: serde_json::Value = serde_json::from_str(&shown).expect("still JSON");
        assert_eq!(read, value);
    }
}
