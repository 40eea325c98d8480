//! A report as Markdown, with the figures of the page as tables.

use super::document::{Block, Cell, Document, Table};
use super::visible;

/// Characters that mark something in Markdown.
const MARKS: &str = "\\`*_{}[]()#~|!$";

/// A text on one line that Markdown shows as it is: no markup, no HTML, no link.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' => out.push(' '),
            c if MARKS.contains(c) => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    // addresses become links by themselves
    let mut out = out.replace("://", "\\://").replace("www.", "www\\.");
    // at the beginning of a line, these make a list or a rule
    if out.starts_with(['-', '+', '=']) {
        out.insert(0, '\\');
    }
    let digits = out.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && out[digits..].starts_with(". ") {
        out.insert(digits, '\\');
    }
    out
}

/// The whole text.
pub(super) fn text(document: &Document) -> String {
    let mut out = format!("# {}\n", escape(&document.title));
    if let Some(notice) = &document.notice {
        out.push_str(&format!("\n> **{}.**\n", escape(notice)));
    }
    for section in &document.sections {
        out.push_str(&format!("\n## {}\n", escape(&section.title)));
        for block in &section.blocks {
            out.push('\n');
            push_block(&mut out, block);
        }
    }
    out
}

fn push_block(out: &mut String, block: &Block) {
    match block {
        Block::Heading(text) => out.push_str(&format!("### {}\n", escape(text))),
        Block::Text(text) => out.push_str(&format!("{}\n", escape(text))),
        Block::Warning(text) => out.push_str(&format!("> **{}**\n", escape(text))),
        Block::Facts(facts) => {
            for (name, value) in facts {
                out.push_str(&format!("- {}: {}\n", escape(name), escape(value)));
            }
        }
        Block::Table(table) => push_table(out, table),
        Block::Folded(title, table) => push_titled(out, title, table),
        Block::Commands(lines) => {
            let fence = fence_around(lines);
            let lines = visible(&lines.join("\n"));
            out.push_str(&format!("{fence}sh\n{lines}\n{fence}\n"));
        }
        Block::Chart(chart) => match &chart.values {
            Some(values) => push_titled(out, &chart.label, values),
            None => out.push_str(&format!(
                "*{}: the chart is in the HTML file.*\n",
                escape(&chart.label)
            )),
        },
    }
}

fn push_titled(out: &mut String, title: &str, table: &Table) {
    out.push_str(&format!("**{}**\n\n", escape(title)));
    push_table(out, table);
}

fn push_table(out: &mut String, table: &Table) {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&line(table.columns.iter().map(|c| escape(c)).collect()));
    let rule = (0..table.columns.len()).map(|column| {
        let first = table.rows.first().and_then(|row| row.get(column));
        match first.is_some_and(Cell::is_number) {
            true => "---:".to_owned(),
            false => "---".to_owned(),
        }
    });
    out.push_str(&line(rule.collect()));
    for row in &table.rows {
        out.push_str(&line(row.iter().map(|cell| escape(cell.text())).collect()));
    }
}

/// A fence that none of the lines can close.
fn fence_around(lines: &[String]) -> String {
    let longest = lines
        .iter()
        .flat_map(|line| line.split(|c: char| c != '`'))
        .map(str::len)
        .max();
    "`".repeat(longest.unwrap_or(0).max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_as_they_are() {
        for (text, shown) in [
            ("small-gpt2", "small-gpt2"),
            ("<script>", "&lt;script&gt;"),
            ("a | b", "a \\| b"),
            ("![x](y)", "\\!\\[x\\]\\(y\\)"),
            ("- a\n# b", "\\- a \\# b"),
            ("1. a", "1\\. a"),
            ("0.812", "0.812"),
            ("https://example.org", "https\\://example.org"),
            // read as \u{1b} and \u{202e}
            ("a\u{1b}\u{202e}", "a\\\\u\\{1b\\}\\\\u\\{202e\\}"),
        ] {
            assert_eq!(escape(text), shown, "{text:?}");
        }
    }

    #[test]
    fn fence_is_longer_than_any_in_it() {
        assert_eq!(fence_around(&["a".to_owned()]), "```");
        assert_eq!(fence_around(&["a '````' b".to_owned()]), "`````");
    }
}
