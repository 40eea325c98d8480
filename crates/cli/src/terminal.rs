//! The only way to the terminal. Imported or fetched texts, the contents of a project file, names of files and quoted
//! errors can have been written by anybody. Raw, they could move the cursor, repaint a text that is about to be approved,
//! or show it in another order than it is posted. So control characters and invisible characters are printed as visible
//! escapes. `clippy.toml` next to `src` forbids every other way out.
//!
//! Programs get JSON, where such characters are escaped as JSON escapes them: the same data, and as harmless on a
//! terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

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
    let mut all = String::with_capacity(text.len());
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            all.push('\n');
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        all.push_str(format!("{before}{}", visible(line)).trim_end());
    }
    to_out(&all)
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
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            all.push('\n');
            if !line.is_empty() {
                all.push_str("  ");
            }
        }
        all.push_str(&visible(line));
    }
    all
}

/// A text for a table cell or a part of a line: line breaks and tabs are escaped, too.
pub fn visible_cell(text: &str) -> String {
    visible(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// A text with only visible characters: those that control a terminal, reorder a line or are invisible are escaped as
/// `\u{...}`. Line breaks and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii()
        && !text
            .bytes()
            .any(|b| b < b' ' && b != b'\n' && b != b'\t' || b == 0x7f)
    {
        return Cow::Borrowed(text);
    }
    let mut all = String::with_capacity(text.len());
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !acts(c) || joins(before, c, chars.peek().copied()) {
            all.push(c);
        } else if c == '\r' {
            all.push_str("\\r");
        } else {
            // Writing to a String never fails.
            let _ = write!(all, "\\u{{{:x}}}", u32::from(c));
        }
        before = Some(c);
    }
    Cow::Owned(all)
}

/// Whether a character acts on the terminal or on its neighbors, or is invisible: all control characters but line break
/// and tab, and Unicode's format characters and default-ignorable code points. These include tags and variation
/// selectors, in which whole sentences can be hidden.
fn acts(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => {
            true
        }
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => true,
        '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' => true,
        '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// Whether a joiner or a variation selector has its proper use here: within an emoji ("family", a red heart, a keycap), or
/// between letters of a script that needs it (Persian, Hindi). Next to ASCII, or repeated, it only hides something.
fn joins(before: Option<char>, c: char, after: Option<char>) -> bool {
    const KEYCAP: &str = "0123456789#*";
    let shows = |c: char| !c.is_ascii() && !acts(c) && !c.is_whitespace();
    match c {
        '\u{200c}' | '\u{200d}' => {
            before.is_some_and(|b| shows(b) || b == '\u{fe0f}') && after.is_some_and(shows)
        }
        '\u{fe0e}' | '\u{fe0f}' => {
            before.is_some_and(|b| shows(b) || KEYCAP.contains(b) && after == Some('\u{20e3}'))
        }
        _ => false,
    }
}

/// JSON with the same characters as JSON escapes; they occur only within strings.
fn ascii_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(acts) {
        return Cow::Borrowed(json);
    }
    let mut all = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if acts(c) {
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
    fn control_and_invisible_characters_are_escaped() {
        for (text, shown) in [
            (
                "plain, \u{fc}ml\u{e4}ut\tand\nlines",
                "plain, \u{fc}ml\u{e4}ut\tand\nlines",
            ),
            ("\u{1b}[2Jgone\u{7}\u{8}", "\\u{1b}[2Jgone\\u{7}\\u{8}"),
            ("a\rb\u{7f}\u{9b}31m\u{85}", "a\\rb\\u{7f}\\u{9b}31m\\u{85}"),
            ("\u{202e}txt.exe\u{2069}", "\\u{202e}txt.exe\\u{2069}"),
            (
                "a\u{200b}b\u{feff}\u{ad}\u{3164}",
                "a\\u{200b}b\\u{feff}\\u{ad}\\u{3164}",
            ),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
            ("hi\u{e0041}\u{e0042}", "hi\\u{e0041}\\u{e0042}"),
            // Joiners within letters and emoji stay; between ASCII they are escaped.
            (
                "\u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f} 1\u{fe0f}\u{20e3}",
                "\u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f} 1\u{fe0f}\u{20e3}",
            ),
            ("\u{645}\u{200c}\u{62e}", "\u{645}\u{200c}\u{62e}"),
            ("pay\u{200d}pal a\u{fe0f}b", "pay\\u{200d}pal a\\u{fe0f}b"),
            (
                "\u{1f469}\u{200d}\u{200d}\u{1f4bb}",
                "\u{1f469}\\u{200d}\\u{200d}\u{1f4bb}",
            ),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn lines_of_a_text_are_indented() {
        assert_eq!(
            visible_line("a\nreply 1 is approved"),
            "a\n  reply 1 is approved"
        );
        assert_eq!(visible_line("\nb\n"), "\n  b\n");
        assert_eq!(visible_cell("a\nb\tc\r"), "a\\nb\\tc\\r");
    }

    #[test]
    fn escaped_json_is_the_same_data() {
        let value = serde_json::json!({ "text": "\u{1b}[2J\u{9b}\u{202e}\u{e0041}\u{7f}\u{1f469}\u{200d}\u{1f4bb}" });
        let line = value.to_string();
        let shown = ascii_json(&line);
        assert!(!shown.chars().any(acts), "{shown}");
        let read: serde_json::Value = serde_json::from_str(&shown).expect("still JSON");
        assert_eq!(read, value);
    }
}
