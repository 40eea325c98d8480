//! Rows of a delimited text table, each within bounds.
//!
//! A quote that is opened and never closed would swallow the rows after it. A quoted cell over several lines is
//! therefore accepted only if it is closed soon and properly, and if the lines inside do not look like rows; otherwise
//! its first line is a row by itself.

use super::LONGEST_ROW;
use memchr::{memchr, memchr_iter};
use std::{
    collections::VecDeque,
    io::{self, BufRead},
};

/// Maximum number of columns.
pub(super) const MOST_COLUMNS: usize = 10_000;
/// Maximum size of a row with a quoted cell over several lines, in bytes; Reddit's posts have up to 40,000 characters.
const LONGEST_QUOTED: usize = 1 << 20;
/// Bytes that may be read ahead for quotes that turn out to be stray: this many, plus as many per byte of the table.
/// Otherwise, a table full of stray quotes would be read a million times.
const AHEAD: usize = 64 << 20;
const AHEAD_PER_BYTE: usize = 16;
/// Separators that must match those of rows for the lines of a quoted cell to be taken for rows: commas are in every
/// second sentence, tabs in none. In a table of two columns, lines with exactly one comma are as telling as fewer lines
/// with more.
fn telling(delimiter: u8, separators: usize) -> usize {
    match (delimiter, separators) {
        (b'\t', _) => 1,
        (b',', 1) => 4,
        (b',', _) => 6,
        _ => 2,
    }
}

/// How the cells of a row were parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Well,
    /// A quote was opened and not closed; the line was read literally.
    Stray,
}

pub(super) struct CsvRows<R> {
    from: R,
    delimiter: u8,
    /// Line terminator.
    end: u8,
    /// Lines that were read ahead.
    ahead: VecDeque<Vec<u8>>,
    next_line: u64,
    /// Bytes that may still be read ahead in vain.
    allowance: usize,
    columns: Option<usize>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: BufRead> CsvRows<R> {
    pub(super) fn new(from: R, delimiter: u8, end: u8) -> Self {
        Self {
            from,
            delimiter,
            end,
            ahead: VecDeque::new(),
            next_line: 1,
            allowance: AHEAD,
            columns: None,
            text: Vec::new(),
            ends: Vec::new(),
        }
    }

    pub(super) fn skip_line(&mut self) -> io::Result<()> {
        self.line().map(|_| ())
    }

    /// The header; rows are checked against its width.
    pub(super) fn header(&mut self) -> io::Result<Vec<String>> {
        if self.next()?.is_none() {
            return Ok(Vec::new());
        }
        self.columns = Some(self.ends.len());
        Ok(self
            .cells()
            .map(|cell| String::from_utf8_lossy(cell).trim().to_owned())
            .collect())
    }

    /// The cells of the last row.
    pub(super) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.text[start..end])
    }

    /// Reads the next row: the number of its first line, and how its cells were parsed.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Found)>> {
        loop {
            let at = self.next_line;
            let Some(mut row) = self.line()? else {
                return Ok(None);
            };
            if self.trimmed(&row).is_empty() {
                continue;
            }
            self.allowance = AHEAD.min(self.allowance + AHEAD_PER_BYTE * row.len());
            let mut state = scan(State::Start, &row, self.delimiter);
            if !matches!(state, State::Quoted) {
                if !self.split(&row, true)? {
                    self.split_as_written(&row)?;
                }
                return Ok(Some((at, Found::Well)));
            }
            // A cell over several lines, or a stray quote.
            let first = row.len();
            let mut lines: Vec<Vec<u8>> = Vec::new();
            let longest = LONGEST_QUOTED.min(self.allowance);
            while matches!(state, State::Quoted) && row.len() < longest {
                let Some(line) = self.line()? else { break };
                state = scan(state, &line, self.delimiter);
                row.extend_from_slice(&line);
                lines.push(line);
            }
            let closed = !matches!(state, State::Quoted);
            // more cells than a row may have also indicate a stray quote
            let clean = matches!(self.split(&row, true), Ok(true));
            if closed && clean && !self.swallowed(&row[..first], &lines)? {
                self.split(&row, true)?;
                return Ok(Some((at, Found::Well)));
            }
            let cells = self.split(&row[..first], false).map(|_| self.ends.len())?;
            if closed && clean && self.columns.is_some_and(|n| n != cells) {
                // a proper cell in a row of another width: one bad row
                self.split(&row, true)?;
                return Ok(Some((at, Found::Well)));
            }
            self.allowance = self.allowance.saturating_sub(row.len());
            self.next_line -= lines.len() as u64;
            for line in lines.into_iter().rev() {
                self.ahead.push_front(line);
            }
            return Ok(Some((at, Found::Stray)));
        }
    }

    /// Whether the lines of a quoted cell are rows that a stray quote swallowed.
    fn swallowed(&mut self, first: &[u8], lines: &[Vec<u8>]) -> io::Result<bool> {
        let Some(columns) = self.columns else {
            return Ok(false);
        };
        let (cells, whole) = (self.ends.len(), self.ends.len() == columns);
        let separators = columns.saturating_sub(1);
        let each = std::iter::once(first).chain(lines.iter().map(Vec::as_slice));
        let delimiter = self.delimiter;
        let as_rows = (each.filter(|line| !self.trimmed(line).is_empty()))
            .all(|line| memchr_iter(delimiter, line).count() == separators);
        let telling = separators * lines.len() >= telling(delimiter, separators);
        Ok(separators > 0 && as_rows && (telling || !whole) || cells > MOST_COLUMNS)
    }

    /// The next line with its terminator; `None` at the end of the text.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.ahead.pop_front() {
            self.next_line += 1;
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        loop {
            let buffer = self.from.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let end = memchr(self.end, buffer);
            let n = end.map_or(buffer.len(), |at| at + 1);
            line.extend_from_slice(&buffer[..n]);
            self.from.consume(n);
            if line.len() > LONGEST_ROW {
                return Err(too_long(self.next_line));
            }
            if end.is_some() {
                break;
            }
        }
        if line.is_empty() {
            return Ok(None);
        }
        self.next_line += 1;
        if line.starts_with(b"\xEF\xBB\xBF") {
            line.drain(..3);
        }
        Ok(Some(line))
    }

    fn trimmed<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        let line = line.strip_suffix(&[self.end]).unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// Splits a row in which something follows a closing quote: `"Quoted" word` is a text with quotes in it, not a quoted
    /// cell. A separator between such quotes belongs to the cell if the row has as many cells as the header then.
    fn split_as_written(&mut self, row: &[u8]) -> io::Result<()> {
        let cells = self.ends.len();
        if self.columns.is_some_and(|columns| columns != cells) {
            let literally = self.split(row, false).is_ok();
            if literally && self.columns == Some(self.ends.len()) {
                return Ok(());
            }
        }
        let row = self.trimmed(row).to_vec();
        self.text.clear();
        self.ends.clear();
        let (mut state, mut clean) = (State::Start, true);
        let mut start = 0;
        for at in 0..=row.len() {
            let next = row
                .get(at)
                .map(|&byte| step(state, byte, self.delimiter, true));
            clean &= (state, next) != (State::Closed, Some(State::Plain));
            if matches!(next, None | Some(State::Start)) {
                let cell = &row[start..at];
                let spaces = cell.iter().take_while(|b| **b == b' ').count();
                let quoted = cell[spaces..].strip_prefix(b"\"");
                match quoted.and_then(|c| c.strip_suffix(b"\"")) {
                    Some(inner) if clean => {
                        let mut rest = inner;
                        while let Some(quote) = memchr(b'"', rest) {
                            self.text.extend_from_slice(&rest[..=quote]);
                            rest = rest.get(quote + 2..).unwrap_or_default();
                        }
                        self.text.extend_from_slice(rest);
                    }
                    _ => self.text.extend_from_slice(cell),
                }
                self.ends.push(self.text.len());
                start = at + 1;
                clean = true;
            }
            state = next.unwrap_or(State::Start);
        }
        Ok(())
    }

    /// Splits a row into its cells; false if something follows a closing quote.
    fn split(&mut self, row: &[u8], quotes: bool) -> io::Result<bool> {
        #[cfg(test)]
        tests::look_at(row);
        let row = {
            let line = row.strip_suffix(&[self.end]).unwrap_or(row);
            line.strip_suffix(b"\r").unwrap_or(line)
        };
        self.text.clear();
        self.ends.clear();
        let mut clean = true;
        let mut state = State::Start;
        for &byte in row {
            let next = step(state, byte, self.delimiter, quotes);
            match (state, next) {
                (_, State::Start) => {
                    if self.ends.len() >= MOST_COLUMNS {
                        return Err(io::Error::other(format!(
                            "a row has more than {MOST_COLUMNS} cells; this is not a table of comments"
                        )));
                    }
                    self.ends.push(self.text.len());
                }
                // the quotes around a cell with the spaces before it, and the first of two
                (State::Start | State::Spaces, State::Quoted) => {
                    self.text.truncate(self.ends.last().copied().unwrap_or(0));
                }
                (State::Quoted, State::Closed) => {}
                (State::Closed, State::Quoted) => self.text.push(b'"'),
                (State::Closed, State::Plain) => {
                    clean = false;
                    self.text.push(byte);
                }
                _ => self.text.push(byte),
            }
            state = next;
        }
        self.ends.push(self.text.len());
        Ok(clean)
    }
}

pub(super) fn too_long(line: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "line {line} is longer than {} MB; no comment is that long: check that this is the right file",
            LONGEST_ROW >> 20
        ),
    )
}

/// Parser state before the next byte of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a cell.
    Start,
    /// After spaces at the beginning of a cell, which a quoted cell may have before it.
    Spaces,
    /// In a cell without quotes.
    Plain,
    /// In a quoted cell.
    Quoted,
    /// After a quote in a quoted cell: its end, or the first of two.
    Closed,
}

fn step(state: State, byte: u8, delimiter: u8, quotes: bool) -> State {
    match state {
        State::Start | State::Spaces if byte == b'"' && quotes => State::Quoted,
        State::Start | State::Spaces | State::Plain | State::Closed if byte == delimiter => {
            State::Start
        }
        State::Start | State::Spaces if byte == b' ' => State::Spaces,
        State::Start | State::Spaces | State::Plain => State::Plain,
        State::Quoted if byte == b'"' => State::Closed,
        State::Quoted => State::Quoted,
        State::Closed if byte == b'"' => State::Quoted,
        State::Closed => State::Plain,
    }
}

/// The state after a line; `Quoted` when it is in a quoted cell.
fn scan(mut state: State, line: &[u8], delimiter: u8) -> State {
    #[cfg(test)]
    tests::look_at(line);
    for &byte in line {
        // the end of a line closes a cell whose quote was just closed
        if state == State::Closed && matches!(byte, b'\r' | b'\n') {
            continue;
        }
        state = step(state, byte, delimiter, true);
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// Bytes that were looked at, each as often as it was.
        static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn look_at(bytes: &[u8]) {
        LOOKED_AT.set(LOOKED_AT.get() + bytes.len());
    }

    fn rows(text: &str) -> Vec<(u64, bool, Vec<String>)> {
        let mut csv = CsvRows::new(text.as_bytes(), b',', b'\n');
        csv.header().unwrap();
        let mut out = Vec::new();
        while let Some((line, found)) = csv.next().unwrap() {
            let cells = csv
                .cells()
                .map(|c| String::from_utf8_lossy(c).into_owned())
                .collect();
            out.push((line, found == Found::Stray, cells));
        }
        out
    }

    #[test]
    fn proper_tables_are_read_as_the_csv_crate_reads_them() {
        for text in [
            "a,b,c\n1,2,3\n\"x, y\",\"he said \"\"hi\"\"\",z\r\n\n4,\"two\nlines, and\nmore\",6\n",
            "a,b\n\"q\",\"\"\n,\n\"last\",no end",
            "a,b\n5 o\"clock,x\n\"one\r\ntwo\",y\r\n",
        ] {
            let mut reader = csv::ReaderBuilder::new()
                .flexible(true)
                .from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> = reader
                .records()
                .map(|r| r.unwrap().iter().map(str::to_owned).collect())
                .collect();
            let got: Vec<Vec<String>> = rows(text).into_iter().map(|(_, _, c)| c).collect();
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn stray_quote_swallows_no_rows() {
        let mut many = "a,b,c\nx,5,\"very hot\n".to_owned();
        many.push_str(&"is it,3,no\n".repeat(40));
        // never closed; closed by the stray quote of another row; closed at the end of another row
        for tail in ["", "y,4,\"cold\nz,1,no\n", "y,4,cold\"\nz,1,no\n"] {
            let got = rows(&format!("{many}{tail}"));
            assert_eq!(got.len(), 41 + tail.lines().count(), "{tail:?}");
            assert_eq!(
                got[0],
                (2, true, vec!["x".into(), "5".into(), "\"very hot".into()])
            );
            assert_eq!(got[40].0, 42);
            assert!(got.iter().all(|(_, _, cells)| cells.len() == 3), "{tail:?}");
        }
    }

    #[test]
    fn quotes_of_two_texts_are_no_cell_around_the_rows_between_them() {
        let table = |delimiter: u8, between: usize| {
            let tab = char::from(delimiter);
            let mut text = format!("a{tab}b\n1{tab}\"Never again he said\n");
            for n in 0..between {
                text.push_str(&format!("{n}{tab}words\n"));
            }
            text.push_str(&format!("2{tab}it was the end\"\n3{tab}last\n"));
            let mut csv = CsvRows::new(text.as_bytes(), delimiter, b'\n');
            csv.header().unwrap();
            let mut rows = 0;
            while csv.next().unwrap().is_some() {
                assert_eq!(csv.cells().count(), 2);
                rows += 1;
            }
            rows
        };
        for between in 0..6 {
            assert_eq!(table(b'\t', between), between + 3, "tabs, {between} rows");
        }
        for between in 3..6 {
            assert_eq!(table(b',', between), between + 3, "commas, {between} rows");
        }
        assert_eq!(table(b';', 1), 4);
    }

    #[test]
    fn text_that_begins_with_a_quotation_keeps_its_quotes() {
        for (row, cells) in [
            ("\"Quoted\" word,x", ["\"Quoted\" word", "x"]),
            ("x,\"a, b\" c", ["x", "\"a, b\" c"]),
            (
                "\"One\" and \"two\",\"x, y\"",
                ["\"One\" and \"two\"", "x, y"],
            ),
            (
                "\"One\" and,\"he said \"\"hi\"\"\"",
                ["\"One\" and", "he said \"hi\""],
            ),
            ("\"a\" b,", ["\"a\" b", ""]),
        ] {
            for end in ["\n", "\r\n"] {
                let got = rows(&format!("a,b\n{row}{end}1,2\n"));
                assert_eq!(got.len(), 2, "{row}");
                assert_eq!(
                    (got[0].1, &got[0].2[..]),
                    (false, &cells.map(str::to_owned)[..]),
                    "{row}"
                );
            }
        }
        // a separator between quotes that do not enclose a cell
        let got = rows("a,b,c\n\"x\" y,\"z, w\" v\n");
        assert_eq!(got[0].2, ["\"x\" y", "\"z", " w\" v"]);
    }

    #[test]
    fn quoted_cell_may_have_spaces_before_it() {
        for (row, cells) in [
            ("a, \"b, c\"", ["a", "b, c"]),
            ("   \"a, \"\"b\"\"\",  c", ["a, \"b\"", "  c"]),
            (" \"\" , ", [" \"\" ", " "]),
            (" \"a\" b, \"c, d\"", [" \"a\" b", "c, d"]),
            (" a \"b\", c", [" a \"b\"", " c"]),
        ] {
            let got = rows(&format!("a,b\n{row}\n1,2\n"));
            assert_eq!((got.len(), got[0].1), (2, false), "{row}");
            assert_eq!(got[0].2, cells, "{row}");
        }
        let lines = rows("a,b\nx, \"one\ntwo\"\n1,2\n");
        assert_eq!((lines.len(), lines[0].2[1].as_str()), (2, "one\ntwo"));
        // one that is never closed is a quote in a text
        let stray = rows("a,b\nx, \"one\n1,2\n");
        assert_eq!((stray.len(), stray[0].2[1].as_str()), (2, " \"one"));
    }

    #[test]
    fn stray_quotes_in_every_row_are_read_ahead_within_bounds() {
        // each row opens a quote, and leaves one open that the row before has opened
        let text = format!("a,b\n{}", "a\"b,\"c\n".repeat(400_000));
        let mut csv = CsvRows::new(text.as_bytes(), b',', b'\n');
        csv.header().unwrap();
        LOOKED_AT.set(0);
        // each byte that is read ahead is scanned and split, and each row once more as it stands
        let ahead = AHEAD + AHEAD_PER_BYTE * text.len();
        let most = 2 * ahead + 4 * text.len();
        let mut rows = 0;
        while csv.next().unwrap().is_some() {
            rows += 1;
            assert!(
                LOOKED_AT.get() <= most,
                "{} bytes looked at in row {rows}, of a table of {}",
                LOOKED_AT.get(),
                text.len()
            );
        }
        assert_eq!(rows, 400_000);
    }

    #[test]
    fn quoted_multiline_text_is_one_cell() {
        let got = rows("a,b\nx,\"Hello\nyes, I know\nno, thanks\"\ny,z\n");
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].2[1], "Hello\nyes, I know\nno, thanks");
        assert_eq!(got[1].0, 5);
    }

    #[test]
    fn a_quoted_cell_is_followed_for_as_long_as_a_post_may_be() {
        let of = |size: usize| {
            let cell = "a line of a cell\n".repeat(size / 17);
            rows(&format!("a,b\nx,\"{cell}\"\ny,z\n"))
        };
        let (long, longer) = (of(LONGEST_QUOTED / 2), of(2 * LONGEST_QUOTED));
        assert_eq!((long.len(), long[0].1), (2, false));
        assert!(longer.len() > 2 && longer[0].1, "{} rows", longer.len());
    }

    #[test]
    fn a_row_of_any_size_is_refused_in_bounded_memory() {
        let wide = ",".repeat(MOST_COLUMNS + 5);
        let mut csv = CsvRows::new(wide.as_bytes(), b',', b'\n');
        assert!(csv.header().unwrap_err().to_string().contains("cells"));
        let long = io::BufReader::new(io::Read::take(io::repeat(b'x'), 1 << 30));
        let mut csv = CsvRows::new(long, b',', b'\n');
        assert!(csv.header().unwrap_err().to_string().contains("longer"));
    }
}
