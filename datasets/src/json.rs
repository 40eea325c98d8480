//! A pull parser for JSON of any size: one event at a time, without recursion, in bounded memory.
//!
//! It accepts what real files contain and serde_json refuses: `NaN` and infinities (read as null), lone surrogates and
//! bytes that are not UTF-8 (read as U+FFFD), several values one after another.

use memchr::memchr2;
use serde_json::{Map, Value};
use std::io::{self, BufRead};

/// Maximum length of a string, a cell and a row, in bytes. Reddit's own longest texts have 40,000 characters.
pub const LONGEST_TEXT: usize = 16 << 20;
/// Maximum nesting: a comment 10,000 replies deep takes five levels per reply.
pub const DEEPEST: usize = 60_000;
/// Maximum number of values in one row of a table.
pub const ROW_VALUES: usize = 200_000;
/// Maximum length of a number, in bytes.
const LONGEST_NUMBER: usize = 1 << 10;
/// Maximum nesting of a value that is kept as a whole; deeper values are dropped.
const DEEPEST_VALUE: usize = 64;

/// The next item of a document. The text of a key, a string or a number is in [`Json::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `}` or `]`
    End,
    /// The name of a field.
    Key,
    Text,
    Number,
    /// `true` or `false`.
    Bool(bool),
    /// `null`, `NaN`, an infinity.
    Null,
}

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The bytes could not be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not JSON.
    #[error("line {line}: {what}")]
    Syntax {
        /// Line of the text, from 1.
        line: u64,
        what: String,
    },
    /// It ends too early.
    #[error("it ends in line {line}, inside a value")]
    Cut {
        /// Line of the text, from 1.
        line: u64,
    },
    /// Something in it is larger than any text that a person wrote.
    #[error("line {line}: {what}")]
    TooLarge {
        /// Line of the text, from 1.
        line: u64,
        /// What is too large, and the limit.
        what: String,
    },
}

type Result<T> = std::result::Result<T, JsonError>;

/// Position in the grammar.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Value,
    /// After `{`, or after a comma in an object.
    Key,
    /// After a value in an object or array.
    Comma,
    /// After `[`.
    First,
    /// After `{`.
    FirstKey,
    /// Between top-level values.
    Top,
}

pub struct Json<R> {
    from: R,
    /// True for an object, false for an array.
    open: Vec<bool>,
    at: At,
    text: Vec<u8>,
    line: u64,
}

impl<R: BufRead> Json<R> {
    pub fn new(from: R) -> Self {
        Self {
            from,
            open: Vec::new(),
            at: At::Top,
            text: Vec::new(),
            line: 1,
        }
    }

    /// The text of the last key, string or number; invalid UTF-8 becomes U+FFFD.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }

    /// The current line, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Number of open objects and arrays.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    fn syntax<T>(&self, what: impl Into<String>) -> Result<T> {
        Err(JsonError::Syntax {
            line: self.line,
            what: what.into(),
        })
    }

    fn too_large<T>(&self, what: impl Into<String>) -> Result<T> {
        Err(JsonError::TooLarge {
            line: self.line,
            what: what.into(),
        })
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        Ok(self.from.fill_buf()?.first().copied())
    }

    /// The next byte that is not white space, without consuming it.
    fn solid(&mut self) -> Result<Option<u8>> {
        loop {
            let buffer = self.from.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | 0);
            let n = buffer.iter().take_while(|b| blank(b)).count();
            self.line += memchr::memchr_iter(b'\n', &buffer[..n]).count() as u64;
            let next = buffer.get(n).copied();
            self.from.consume(n);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// The next event; `None` at the end of the text.
    ///
    /// # Errors
    /// See [`JsonError`].
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        loop {
            let Some(byte) = self.solid()? else {
                return match self.at {
                    At::Top => Ok(None),
                    _ => Err(JsonError::Cut { line: self.line }),
                };
            };
            match (self.at, byte) {
                (At::Comma, b',') => {
                    self.from.consume(1);
                    self.at = match self.open.last() {
                        Some(true) => At::Key,
                        _ => At::Value,
                    };
                }
                (At::Comma | At::FirstKey, b'}') if self.open.last() == Some(&true) => {
                    return self.close();
                }
                (At::Comma | At::First, b']') if self.open.last() == Some(&false) => {
                    return self.close();
                }
                (At::Key | At::FirstKey, b'"') => {
                    self.string()?;
                    if self.solid()? != Some(b':') {
                        return match self.peek()? {
                            None => Err(JsonError::Cut { line: self.line }),
                            Some(_) => self.syntax("a ':' was expected after a key"),
                        };
                    }
                    self.from.consume(1);
                    self.at = At::Value;
                    return Ok(Some(Event::Key));
                }
                // lines that each end in a comma, like the elements of an array
                (At::Top, b',') => self.from.consume(1),
                (At::Value | At::First | At::Top, _) => return self.value_begins(byte).map(Some),
                (At::Comma, _) => {
                    return self.syntax(format!(
                        "a ',' or the end of the {} was expected, not {:?}",
                        if self.open.last() == Some(&true) {
                            "object"
                        } else {
                            "array"
                        },
                        char::from(byte)
                    ));
                }
                (At::Key | At::FirstKey, _) => {
                    return self.syntax(format!("a key was expected, not {:?}", char::from(byte)));
                }
            }
        }
    }

    fn close(&mut self) -> Result<Option<Event>> {
        self.from.consume(1);
        self.open.pop();
        self.after_value();
        Ok(Some(Event::End))
    }

    fn after_value(&mut self) {
        self.at = if self.open.is_empty() {
            At::Top
        } else {
            At::Comma
        };
    }

    fn value_begins(&mut self, byte: u8) -> Result<Event> {
        match byte {
            b'{' | b'[' => {
                if self.open.len() >= DEEPEST {
                    return self.too_large(format!(
                        "objects and arrays are nested more than {DEEPEST} deep"
                    ));
                }
                self.from.consume(1);
                let object = byte == b'{';
                self.open.push(object);
                self.at = if object { At::FirstKey } else { At::First };
                Ok(if object { Event::Object } else { Event::Array })
            }
            b'"' => {
                self.string()?;
                self.after_value();
                Ok(Event::Text)
            }
            _ => {
                self.word()?;
                self.after_value();
                match self.text.as_slice() {
                    b"true" => Ok(Event::Bool(true)),
                    b"false" => Ok(Event::Bool(false)),
                    b"null" | b"NaN" | b"-NaN" | b"Infinity" | b"-Infinity" => Ok(Event::Null),
                    word if is_number(word) => Ok(Event::Number),
                    word => {
                        let word =
                            String::from_utf8_lossy(&word[..word.len().min(20)]).into_owned();
                        self.syntax(format!("a value was expected, not {word:?}"))
                    }
                }
            }
        }
    }

    /// Reads a number or a literal into `text`.
    fn word(&mut self) -> Result<()> {
        self.text.clear();
        loop {
            let buffer = self.from.fill_buf()?;
            let part = |b: &u8| b.is_ascii_alphanumeric() || b"+-._".contains(b);
            let n = buffer.iter().take_while(|b| part(b)).count();
            let more = n == buffer.len() && n > 0;
            self.text.extend_from_slice(&buffer[..n]);
            self.from.consume(n);
            if self.text.len() > LONGEST_NUMBER {
                return self.too_large(format!("a number has more than {LONGEST_NUMBER} digits"));
            }
            if more {
                continue;
            }
            if self.text.is_empty()
                && let Some(byte) = self.peek()?
            {
                return self.syntax(format!("a value was expected, not {:?}", char::from(byte)));
            }
            return Ok(());
        }
    }

    /// Reads a string into `text`, with its escapes decoded.
    fn string(&mut self) -> Result<()> {
        self.text.clear();
        self.from.consume(1);
        let mut high: Option<u32> = None;
        loop {
            let buffer = self.from.fill_buf()?;
            if buffer.is_empty() {
                return Err(JsonError::Cut { line: self.line });
            }
            let stop = memchr2(b'"', b'\\', buffer);
            let n = stop.unwrap_or(buffer.len());
            if n > 0 && high.take().is_some() {
                self.text.extend_from_slice("\u{FFFD}".as_bytes());
            }
            self.line += memchr::memchr_iter(b'\n', &buffer[..n]).count() as u64;
            self.text.extend_from_slice(&buffer[..n]);
            let quote = stop.is_some_and(|at| buffer[at] == b'"');
            self.from.consume(n);
            if self.text.len() > LONGEST_TEXT {
                return self.too_large(format!("a text is longer than {} MB", LONGEST_TEXT >> 20));
            }
            if stop.is_none() {
                continue;
            }
            self.from.consume(1);
            if quote {
                if high.is_some() {
                    self.text.extend_from_slice("\u{FFFD}".as_bytes());
                }
                return Ok(());
            }
            let Some(escape) = self.peek()? else {
                return Err(JsonError::Cut { line: self.line });
            };
            self.from.consume(1);
            if escape == b'u' {
                let unit = self.unit()?;
                let character = match (high.take(), unit) {
                    (Some(h), 0xDC00..=0xDFFF) => {
                        char::from_u32(0x10000 + ((h - 0xD800) << 10) + (unit - 0xDC00))
                    }
                    (before, 0xD800..=0xDBFF) => {
                        high = Some(unit);
                        if before.is_none() {
                            continue;
                        }
                        None
                    }
                    (before, _) => {
                        if before.is_some() {
                            self.text.extend_from_slice("\u{FFFD}".as_bytes());
                        }
                        char::from_u32(unit)
                    }
                };
                let character = character.unwrap_or('\u{FFFD}');
                let mut utf8 = [0; 4];
                self.text
                    .extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
                continue;
            }
            if high.take().is_some() {
                self.text.extend_from_slice("\u{FFFD}".as_bytes());
            }
            self.text.push(match escape {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'b' => 8,
                b'f' => 12,
                other => other, // `"`, `\`, `/`, and what has no meaning stands for itself
            });
        }
    }

    /// The four digits of `\u`.
    fn unit(&mut self) -> Result<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = match self.peek()? {
                None => return Err(JsonError::Cut { line: self.line }),
                Some(byte) => char::from(byte).to_digit(16),
            };
            let Some(digit) = digit else {
                return self.syntax("\\u is not followed by four hexadecimal digits");
            };
            unit = unit * 16 + digit;
            self.from.consume(1);
        }
        Ok(unit)
    }

    /// Skips the rest of the value that began with `first`.
    ///
    /// # Errors
    /// See [`JsonError`].
    pub fn skip(&mut self, first: Event) -> Result<()> {
        if !matches!(first, Event::Object | Event::Array) {
            return Ok(());
        }
        let outside = self.depth() - 1;
        while self.depth() > outside {
            if self.next_event()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// The whole value that began with `first`: a row of a table. Values nested deeper than any table are dropped.
    ///
    /// # Errors
    /// [`JsonError::TooLarge`] if it has more than [`ROW_VALUES`] values or [`LONGEST_TEXT`] bytes.
    pub fn value(&mut self, first: Event) -> Result<Value> {
        let (mut values, mut bytes) = (0, 0);
        // Open containers, each with the key for the next value.
        let mut open: Vec<(Value, String)> = Vec::new();
        let mut event = first;
        loop {
            values += 1;
            if matches!(event, Event::Key | Event::Text | Event::Number) {
                bytes += self.text.len();
            }
            if values > ROW_VALUES || bytes > LONGEST_TEXT {
                return self.too_large(format!(
                    "a row has more than {ROW_VALUES} values or {} MB",
                    LONGEST_TEXT >> 20
                ));
            }
            let done = match event {
                Event::Object | Event::Array if open.len() >= DEEPEST_VALUE => {
                    self.skip(event)?;
                    Some(Value::Null)
                }
                Event::Object => {
                    open.push((Value::Object(Map::new()), String::new()));
                    None
                }
                Event::Array => {
                    open.push((Value::Array(Vec::new()), String::new()));
                    None
                }
                Event::End => open.pop().map(|(value, _)| value),
                Event::Key => {
                    let key = self.text().into_owned();
                    if let Some((_, name)) = open.last_mut() {
                        *name = key;
                    }
                    None
                }
                Event::Text => Some(Value::String(self.text().into_owned())),
                Event::Number => Some(number(&self.text())),
                Event::Bool(b) => Some(Value::Bool(b)),
                Event::Null => Some(Value::Null),
            };
            if let Some(value) = done {
                match open.last_mut() {
                    None => return Ok(value),
                    Some((Value::Array(items), _)) => items.push(value),
                    Some((Value::Object(fields), name)) => {
                        fields.insert(std::mem::take(name), value);
                    }
                    Some(_) => {}
                }
            }
            event = match self.next_event()? {
                Some(event) => event,
                None => return Err(JsonError::Cut { line: self.line }),
            };
        }
    }
}

/// Whether a literal is a number, as JSON writes it or nearly so (`+1`, `1.`, `.5`).
fn is_number(word: &[u8]) -> bool {
    std::str::from_utf8(word).is_ok_and(|word| {
        word.bytes().any(|b| b.is_ascii_digit())
            && !word
                .bytes()
                .any(|b| b.is_ascii_alphabetic() && !matches!(b, b'e' | b'E'))
            && word.parse::<f64>().is_ok()
    })
}

/// Whether it is a whole number without a sign.
pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn number(text: &str) -> Value {
    if let Ok(n) = text.parse::<i64>() {
        return n.into();
    }
    // an id of this size must keep its digits
    if is_digits(text) {
        return Value::String(text.to_owned());
    }
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() => x.into(),
        _ => Value::Null,
    }
}

/// Refuses a JSON text that would take far more memory than its size suggests.
///
/// # Errors
/// [`JsonError::TooLarge`] if it has more than `most` values; [`JsonError::Syntax`] if it is not JSON.
pub fn check_size(text: &[u8], most: usize) -> Result<()> {
    let mut json = Json::new(text);
    let mut values = 0;
    while json.next_event()?.is_some() {
        values += 1;
        if values > most {
            return json.too_large(format!("more than {most} values"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &[u8]) -> Result<Value> {
        let mut json = Json::new(text);
        let first = json.next_event()?.unwrap();
        json.value(first)
    }

    #[test]
    fn values_equal_those_of_serde_json() {
        for text in [
            r#"{"a":[1,-2.5e3,{"b":null}],"c":"x\n\"\\\/\u00e9\ud83d\ude00","d":true,"e":{},"f":[]}"#,
            "[]",
            "  \"lone\" ",
            "12",
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(whole(text.as_bytes()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn values_refused_by_serde_json_are_read() {
        let value = whole(b"{\"n\":NaN,\"i\":-Infinity,\"s\":\"a\\ud83d b\\ude00\\ud83d\\ud83d\\ude00\",\"u\":\"\xFF\"}").unwrap();
        assert!(value["n"].is_null() && value["i"].is_null());
        assert_eq!(value["s"], "a\u{FFFD} b\u{FFFD}\u{FFFD}😀");
        assert_eq!(value["u"], "\u{FFFD}");
    }

    #[test]
    fn invalid_json_is_an_error_with_its_line() {
        for (text, part) in [
            ("{\"a\":\n\n1 2}", "line 3"),
            ("{\"a\":", "ends"),
            ("[1,]x", "line 1"),
            ("{a:1}", "key"),
            ("[\"abc", "ends"),
            ("[\"\\u12x4\"]", "hexadecimal"),
            ("[tru]", "tru"),
            ("{\"a\":1]", "object"),
        ] {
            let error = whole(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn nesting_values_and_texts_have_limits() {
        let deep = vec![b'['; DEEPEST + 1];
        let mut json = Json::new(deep.as_slice());
        let error = loop {
            match json.next_event() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(error, JsonError::TooLarge { .. }), "{error}");
        let many = format!("[{}1]", "0,".repeat(ROW_VALUES));
        assert!(matches!(
            whole(many.as_bytes()),
            Err(JsonError::TooLarge { .. })
        ));
        assert!(check_size(many.as_bytes(), 1000).is_err());
        assert!(check_size(b"[1,2,3]", 1000).is_ok());
        let long = format!("\"{}\"", "x".repeat(LONGEST_TEXT + 1));
        let read = Json::new(long.as_bytes()).next_event();
        assert!(matches!(read, Err(JsonError::TooLarge { .. })));
        let digits = "1".repeat(LONGEST_NUMBER + 1);
        assert!(matches!(
            whole(digits.as_bytes()),
            Err(JsonError::TooLarge { .. })
        ));
    }

    #[test]
    fn lines_may_end_in_commas() {
        let mut json = Json::new(&b"{\"a\":1},\n{\"a\":2},\n"[..]);
        let mut seen = Vec::new();
        while let Some(first) = json.next_event().unwrap() {
            seen.push(json.value(first).unwrap()["a"].as_i64());
        }
        assert_eq!(seen, [Some(1), Some(2)]);
    }

    #[test]
    fn concatenated_values_are_read() {
        let mut json = Json::new(&b"{\"a\":1}\n{\"a\":2} 3"[..]);
        let mut seen = Vec::new();
        while let Some(first) = json.next_event().unwrap() {
            seen.push(json.value(first).unwrap());
        }
        assert_eq!(seen.len(), 3);
    }
}
