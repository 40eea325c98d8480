//! What goes to standard output: tables for people, JSON lines for programs.

use anyhow::Result;
use serde::Serialize;

use crate::terminal;

/// Standard output, in one of two voices.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    /// JSON lines instead of tables.
    pub json: bool,
    /// Nothing but results.
    pub quiet: bool,
}

impl Out {
    /// A line for people; nothing with `--json`.
    pub fn line(self, text: impl AsRef<str>) -> Result<()> {
        if self.json {
            return Ok(());
        }
        Ok(terminal::out_line(text.as_ref())?)
    }

    /// A text of several lines for people, each line behind `before`; nothing with `--json`.
    pub fn lines(self, before: &str, text: impl AsRef<str>) -> Result<()> {
        if self.json {
            return Ok(());
        }
        Ok(terminal::out_lines(before, text.as_ref())?)
    }

    /// A result for programs: one JSON line; nothing without `--json`.
    pub fn json<T: Serialize>(self, value: &T) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        Ok(terminal::out_json(&serde_json::to_string(value)?)?)
    }

    /// The result of a command as `{"event":"result", ...}` with `--json`; else what `show` prints. The mark
    /// of the study is `notice`, or the last line.
    pub fn result<T: Serialize>(
        self,
        value: &T,
        mark: Option<&str>,
        show: impl FnOnce(&T) -> Result<()>,
    ) -> Result<()> {
        if self.json {
            return match mark {
                None => self.json(&serde_json::json!({ "event": "result", "result": value })),
                Some(mark) => self.json(
                    &serde_json::json!({ "event": "result", "result": value, "notice": mark }),
                ),
            };
        }
        show(value)?;
        match mark {
            None => Ok(()),
            Some(mark) => self.line(format!("{mark} (`repartee study` shows more)")),
        }
    }
}

/// A table with columns as wide as their widest cell; numbers to the right.
#[derive(Debug)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column names.
    pub fn new<S: ToString>(head: impl IntoIterator<Item = S>) -> Self {
        Self {
            head: head
                .into_iter()
                .map(|s| terminal::visible_cell(&s.to_string()))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells stay empty. A text stays in its cell, whatever is in it.
    pub fn row<S: ToString>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(
            cells
                .into_iter()
                .map(|s| terminal::visible_cell(&s.to_string()))
                .collect(),
        );
    }

    /// Prints it; the last column may run on.
    pub fn print(&self, out: Out) -> Result<()> {
        out.lines("", self.to_text().trim_end_matches('\n'))
    }

    /// The table as text, one line a row, no spaces at line ends.
    pub fn to_text(&self) -> String {
        let columns = self
            .rows
            .iter()
            .map(Vec::len)
            .chain([self.head.len()])
            .max()
            .unwrap_or(0);
        let cell = |row: &'_ [String], i: usize| row.get(i).cloned().unwrap_or_default();
        let width = |i: usize| {
            self.rows
                .iter()
                .map(|r| cell(r, i))
                .chain([cell(&self.head, i)])
                .map(|c| c.chars().count())
                .max()
                .unwrap_or(0)
        };
        let right = |i: usize| {
            let mut cells = self
                .rows
                .iter()
                .map(|r| cell(r, i))
                .filter(|c| !c.is_empty() && c != "-")
                .peekable();
            cells.peek().is_some() && cells.all(|c| is_figure(&c))
        };
        let shape: Vec<(usize, bool)> = (0..columns).map(|i| (width(i), right(i))).collect();
        let mut text = String::new();
        let rows = (!self.head.iter().all(String::is_empty))
            .then_some(&self.head)
            .into_iter()
            .chain(&self.rows);
        for row in rows {
            let mut line = String::new();
            for (i, (width, right)) in shape.iter().enumerate() {
                let cell = cell(row, i);
                let pad = " ".repeat(width - cell.chars().count());
                if i > 0 {
                    line.push_str("  ");
                }
                if *right {
                    line.push_str(&pad);
                    line.push_str(&cell);
                } else {
                    line.push_str(&cell);
                    line.push_str(&pad);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Whether a cell is a number, perhaps with separators and a unit.
fn is_figure(cell: &str) -> bool {
    let first = cell.split(' ').next().unwrap_or_default();
    !first.is_empty()
        && first.chars().any(|c| c.is_ascii_digit())
        && first.chars().all(|c| "0123456789.,-+%e".contains(c))
}

/// 1234567 -> "1,234,567".
pub fn count(n: impl TryInto<i64>) -> String {
    let n = n.try_into().unwrap_or(i64::MAX);
    let digits = n.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        text.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the largest binary unit that gives at least one.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{n} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// Seconds as "42 s", "3 min 05 s" or "2 h 07 min".
pub fn seconds(s: f64) -> String {
    let whole = s.max(0.0).round() as u64;
    match whole {
        0..60 if s < 10.0 => format!("{s:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// A figure with some decimals, or a dash where there is none.
pub fn figure(value: Option<f64>, decimals: usize) -> String {
    value
        .filter(|v| v.is_finite())
        .map_or_else(|| "-".to_owned(), |v| format!("{v:.decimals$}"))
}

/// A time in milliseconds since 1970 as "YYYY-MM-DD hh:mm" in UTC.
pub fn time(ms: i64) -> String {
    // days -> civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
    let (days, rest) = (
        ms.div_euclid(86_400_000),
        ms.rem_euclid(86_400_000) / 60_000,
    );
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}",
        rest / 60,
        rest % 60
    )
}

/// A text on one line of at most `width` characters, cut at its end with an ellipsis.
pub fn short(text: &str, width: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= width {
        return flat;
    }
    let mut cut: String = flat.chars().take(width.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// How wide a text column may be: more where nobody watches.
pub fn text_width() -> usize {
    if !terminal::out_is_terminal() {
        return 100;
    }
    std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.parse::<usize>().ok())
        .map_or(60, |c| c.saturating_sub(40).max(30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(count(1_234_567_i64), "1,234,567");
        assert_eq!(count(-1_000_i64), "-1,000");
        assert_eq!(count(999_u32), "999");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(3 * 1024 * 1024 / 2), "1.5 MiB");
        assert_eq!(seconds(4.25), "4.2 s");
        assert_eq!(seconds(185.0), "3 min 05 s");
        assert_eq!(seconds(7_620.0), "2 h 07 min");
        assert_eq!(figure(None, 3), "-");
        assert_eq!(figure(Some(f64::NAN), 3), "-");
        assert_eq!(time(0), "1970-01-01 00:00");
        assert_eq!(time(1_709_208_000_000), "2024-02-29 12:00");
        assert_eq!(short("a\n b   c", 10), "a b c");
        assert_eq!(short("abcdefgh", 5), "abcd…");
    }

    #[test]
    fn tables_line_up() {
        let mut table = Table::new(["name", "pairs"]);
        table.row(["a", "1,000"]);
        table.row(["long name", "7"]);
        assert_eq!(
            table.to_text(),
            "name       pairs\na          1,000\nlong name      7\n"
        );
    }
}
