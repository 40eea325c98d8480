//! A report as one HTML page that needs no other file and no network.

use serde_json::json;

use super::document::{Block, Cell, Chart, Document, HoverCurve, Section, Table};
use super::visible;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Nothing from elsewhere is loaded, and nothing is sent. Names and texts of a project may come from a stranger: they
/// are escaped, and if one were not, it could reach nobody.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// Decimal places of the rates of a curve: more than a screen has pixels.
const RATE_SCALE: f64 = 1e5;

/// A text between tags or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    markup(&visible(text))
}

/// What is visible already, or read by the page's script, between tags or in a quoted attribute.
fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The whole page.
pub(super) fn page(document: &Document) -> String {
    let title = escape(&document.title);
    let charts = repartee_charts::page_css();
    let mut out = format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\" />\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\" />\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n\
         <title>{title}</title>\n\
         <style>\n{charts}{STYLE}</style>\n\
         </head>\n\
         <body>\n\
         <main>\n\
         <h1>{title}</h1>\n"
    );
    if let Some(notice) = &document.notice {
        out.push_str(&format!(
            "<p class=\"warning\"><strong>{}.</strong></p>\n",
            escape(notice)
        ));
    }
    out.push_str("<nav aria-label=\"Contents\">\n<ul>\n");
    for (i, section) in document.sections.iter().enumerate() {
        let title = escape(&section.title);
        out.push_str(&format!("<li><a href=\"#part-{i}\">{title}</a></li>\n"));
    }
    out.push_str("</ul>\n</nav>\n");
    for (i, section) in document.sections.iter().enumerate() {
        push_section(&mut out, i, section);
    }
    out.push_str(&format!(
        "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    ));
    out
}

fn push_section(out: &mut String, number: usize, section: &Section) {
    out.push_str(&format!(
        "<section id=\"part-{number}\">\n<h2>{}</h2>\n",
        escape(&section.title)
    ));
    for block in &section.blocks {
        push_block(out, block);
    }
    out.push_str("</section>\n");
}

fn push_block(out: &mut String, block: &Block) {
    match block {
        Block::Heading(text) => out.push_str(&format!("<h3>{}</h3>\n", escape(text))),
        Block::Text(text) => out.push_str(&format!("<p>{}</p>\n", escape(text))),
        Block::Warning(text) => {
            out.push_str(&format!("<p class=\"warning\">{}</p>\n", escape(text)));
        }
        Block::Facts(facts) => {
            out.push_str("<dl>\n");
            for (name, value) in facts {
                out.push_str(&format!(
                    "<dt>{}</dt>\n<dd>{}</dd>\n",
                    escape(name),
                    escape(value)
                ));
            }
            out.push_str("</dl>\n");
        }
        Block::Table(table) => push_table(out, table),
        Block::Folded(title, table) => push_folded(out, title, table),
        Block::Commands(lines) => out.push_str(&format!(
            "<pre><code>{}</code></pre>\n",
            escape(&lines.join("\n"))
        )),
        Block::Chart(chart) => push_chart(out, chart),
    }
}

fn push_folded(out: &mut String, title: &str, table: &Table) {
    out.push_str(&format!(
        "<details>\n<summary>{}</summary>\n",
        escape(title)
    ));
    push_table(out, table);
    out.push_str("</details>\n");
}

fn push_table(out: &mut String, table: &Table) {
    let is_number = |column: usize| {
        let first = table.rows.first().and_then(|row| row.get(column));
        first.is_some_and(Cell::is_number)
    };
    out.push_str("<div class=\"wide\">\n<table>\n<thead>\n<tr>\n");
    for (i, column) in table.columns.iter().enumerate() {
        let class = if is_number(i) {
            " class=\"number\""
        } else {
            ""
        };
        out.push_str(&format!(
            "<th scope=\"col\"{class}>{}</th>\n",
            escape(column)
        ));
    }
    out.push_str("</tr>\n</thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>\n");
        for (i, cell) in row.iter().enumerate() {
            let text = escape(cell.text());
            let text = match cell {
                Cell::Exact(_, value) => format!("<data value=\"{value}\">{text}</data>"),
                _ => text,
            };
            out.push_str(&match (i, cell.is_number()) {
                (0, false) => format!("<th scope=\"row\">{text}</th>\n"),
                (_, false) => format!("<td>{text}</td>\n"),
                (_, true) => format!("<td class=\"number\">{text}</td>\n"),
            });
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

fn push_chart(out: &mut String, chart: &Chart) {
    let roc = match chart.curves.is_empty() {
        true => String::new(),
        false => format!(" data-roc=\"{}\"", markup(&hover_data(chart))),
    };
    out.push_str(&format!("<figure{roc}>\n{}", chart.picture.svg));
    if !roc.is_empty() {
        out.push_str("<output></output>\n");
    }
    out.push_str(&format!(
        "<figcaption>{}</figcaption>\n</figure>\n",
        escape(&chart.label)
    ));
    if let Some(values) = &chart.values {
        push_folded(out, "Values of the chart", values);
    }
}

/// What the script needs to find the point of a curve that is nearest to a pointer.
fn hover_data(chart: &Chart) -> String {
    let picture = &chart.picture;
    let round = |rate: f64| (rate * RATE_SCALE).round() / RATE_SCALE;
    let points = |curve: &HoverCurve| -> Vec<_> {
        let points = curve.points.iter();
        points
            .map(|&(fpr, tpr, threshold)| json!([round(fpr), round(tpr), threshold]))
            .collect()
    };
    let curves: Vec<_> = chart
        .curves
        .iter()
        .map(|curve| json!({ "name": visible(&curve.name), "points": points(curve) }))
        .collect();
    let plot = &picture.plot;
    json!({
        "plot": [plot.x, plot.y, plot.width, plot.height],
        "x": [picture.x.from, picture.x.to],
        "y": [picture.y.from, picture.y.to],
        "curves": curves,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_place() {
        assert_eq!(
            escape("<script>\"><img src='x'>&"),
            "&lt;script&gt;&quot;&gt;&lt;img src=&#39;x&#39;&gt;&amp;"
        );
        // what reorders or hides a text is shown
        assert_eq!(
            escape("a\u{202e}b\u{0}\tc\nd\\u{0}"),
            "a\\u{202e}b\\u{0} c\nd\\\\u{0}"
        );
    }

    #[test]
    fn page_loads_nothing_and_has_its_policy() {
        let document = Document {
            title: "a <b>".to_owned(),
            notice: Some("No permission".to_owned()),
            sections: vec![Section::new("One")],
        };
        let page = page(&document);
        assert!(page.contains("<title>a &lt;b&gt;</title>"));
        assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline';"));
        assert!(page.contains("<strong>No permission.</strong>"));
        for loads in [" src=", "url(", "@import", "http://", "https://", "fetch("] {
            assert!(!page.contains(loads), "{loads}");
        }
    }
}
