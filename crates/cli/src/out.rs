//! Standard output: tables for people, JSON lines for programs.

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, presets};
use jiff::Timestamp;
use repartee_engine::Partition;
pub use repartee_engine::format::{bytes, count, counted, seconds};
use serde::Serialize;

use crate::terminal;

/// A set of a split, as it is printed.
pub fn set_name(set: Partition) -> &'static str {
    match set {
        Partition::Train => "train",
        Partition::Val => "validation",
        Partition::Test => "test",
    }
}

/// The end of a job's id, which differs even between jobs of the same moment.
pub fn short_id(id: &str) -> String {
    id.get(id.len().saturating_sub(8)..)
        .unwrap_or(id)
        .to_owned()
}

#[derive(Debug, Clone, Copy)]
pub struct Out {
    /// Print JSON lines instead of tables.
    pub json: bool,
    /// Print results only.
    pub quiet: bool,
}

impl Out {
    /// Prints a line; nothing with `--json`.
    pub fn line(self, text: impl AsRef<str>) -> Result<()> {
        if self.json {
            return Ok(());
        }
        Ok(terminal::out_line(text.as_ref())?)
    }

    /// Prints a text of several lines with the prefix `before`; nothing with `--json`.
    pub fn lines(self, before: &str, text: impl AsRef<str>) -> Result<()> {
        if self.json {
            return Ok(());
        }
        Ok(terminal::out_lines(before, text.as_ref())?)
    }

    /// Prints a value as one JSON line; nothing without `--json`.
    pub fn json<T: Serialize>(self, value: &T) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        Ok(terminal::out_json(&serde_json::to_string(value)?)?)
    }

    /// Prints the result of a command: as `{"event":"result", ...}` with `--json`, else by `show`. The study's mark is
    /// `notice`, or the last line.
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
            Some(mark) => self.line(format!("{mark} (details: `repartee study`)")),
        }
    }
}

/// A table without borders, aligned by display width; columns of numbers are aligned to the right.
#[derive(Debug)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column names; no heading if all are empty.
    pub fn new<S: ToString>(head: impl IntoIterator<Item = S>) -> Self {
        Self {
            head: head
                .into_iter()
                .map(|s| terminal::visible_cell(&s.to_string()))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Line breaks and control characters are escaped, so a text can't leave its cell.
    pub fn row<S: ToString>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(
            cells
                .into_iter()
                .map(|s| terminal::visible_cell(&s.to_string()))
                .collect(),
        );
    }

    pub fn print(&self, out: Out) -> Result<()> {
        if out.json {
            return Ok(());
        }
        Ok(terminal::out_table(&self.to_text())?)
    }

    /// The table as text, without spaces at line ends.
    fn to_text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        if !self.head.iter().all(String::is_empty) {
            table.set_header(&self.head);
        }
        table.add_rows(&self.rows);
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if self.is_numeric(i) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt()
    }

    /// Whether a column holds numbers only, apart from empty cells and dashes.
    fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self
            .rows
            .iter()
            .filter_map(|row| row.get(column))
            .filter(|cell| !cell.is_empty() && *cell != "-")
            .peekable();
        cells.peek().is_some() && cells.all(|cell| is_figure(cell))
    }
}

/// Whether a cell is a number, possibly with separators and a unit.
fn is_figure(cell: &str) -> bool {
    let first = cell.split(' ').next().unwrap_or_default();
    !first.is_empty()
        && first.chars().any(|c| c.is_ascii_digit())
        && first.chars().all(|c| "0123456789.,-+%e".contains(c))
}

/// A number with some decimals, or a dash.
pub fn figure(value: Option<f64>, decimals: usize) -> String {
    value
        .filter(|v| v.is_finite())
        .map_or_else(|| "-".to_owned(), |v| format!("{v:.decimals$}"))
}

/// A time in milliseconds since 1970 as "YYYY-MM-DD hh:mm" in UTC; a dash if it is out of range.
pub fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        |_| "-".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// A stored state in American spelling.
pub fn state(stored: &str) -> &str {
    match stored {
        "cancelled" => "canceled",
        state => state,
    }
}

/// A text on one line of at most `width` characters; a longer one is cut and ends with an ellipsis.
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

/// Characters of a text in a table: as many as fit a terminal, more in a file or pipe.
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
    fn numbers_are_formatted() {
        assert_eq!(count(1_234_567_i64), "1,234,567");
        assert_eq!(count(-1_000_i64), "-1,000");
        assert_eq!(count(999_u32), "999");
        assert_eq!(counted(1_u64, "row", "rows"), "1 row");
        assert_eq!(counted(0_u64, "row", "rows"), "0 rows");
        assert_eq!(counted(1_200_u64, "row", "rows"), "1,200 rows");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(3 * 1024 * 1024 / 2), "1.5 MiB");
        assert_eq!(seconds(4.25), "4.2 s");
        assert_eq!(seconds(185.0), "3 min 05 s");
        assert_eq!(seconds(7_620.0), "2 h 07 min");
        assert_eq!(figure(None, 3), "-");
        assert_eq!(figure(Some(f64::NAN), 3), "-");
        assert_eq!(time(0), "1970-01-01 00:00");
        assert_eq!(time(1_709_208_000_000), "2024-02-29 12:00");
        assert_eq!(time(-1), "1969-12-31 23:59");
        assert_eq!(time(i64::MAX), "-");
        assert_eq!(short("a\n b   c", 10), "a b c");
        assert_eq!(short("abcdefgh", 5), "abcd…");
    }

    #[test]
    fn columns_are_aligned_by_display_width() {
        let mut table = Table::new(["name", "pairs"]);
        table.row(["a", "1,000"]);
        table.row(["long name", "7"]);
        assert_eq!(
            table.to_text(),
            "name       pairs\na          1,000\nlong name      7"
        );
        let mut wide = Table::new(["name", "of"]);
        wide.row(["日本語", "x"]);
        wide.row(["abcdef", "y"]);
        assert_eq!(wide.to_text(), "name    of\n日本語  x\nabcdef  y");
        let mut bare = Table::new(["", ""]);
        bare.row(["a\nb \\u{202e}\u{202e}", ""]);
        assert_eq!(bare.to_text(), "a\\u{a}b \\\\u{202e}\\u{202e}");
    }
}
