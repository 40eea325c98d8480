//! A report before it is written: sections of blocks. All texts are plain; `html.rs` and `markdown.rs` escape them, so
//! that both files have the same figures and no card can forget to escape.

use repartee_charts::Picture;
use repartee_core::format;

/// A whole report.
pub(super) struct Document {
    pub title: String,
    /// The notice of the study; none if nothing is missing.
    pub notice: Option<String>,
    pub sections: Vec<Section>,
}

/// A part of a report under a heading.
pub(super) struct Section {
    pub title: String,
    pub blocks: Vec<Block>,
}

/// A part of a section.
pub(super) enum Block {
    /// A heading within the section.
    Heading(String),
    Text(String),
    /// What nobody may overlook.
    Warning(String),
    /// Names and values.
    Facts(Vec<(String, String)>),
    Table(Table),
    /// A table that is collapsed on a page.
    Folded(String, Table),
    /// Lines for a shell.
    Commands(Vec<String>),
    /// Boxed: a picture is far larger than the others.
    Chart(Box<Chart>),
}

/// A table with a header.
#[derive(Default)]
pub(super) struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

/// A chart with its values.
pub(super) struct Chart {
    /// What it shows, for readers who do not see it.
    pub label: String,
    pub picture: Picture,
    /// The values that are drawn, or some of them.
    pub values: Option<Table>,
    /// The curves of a ROC chart, for the values under a pointer.
    pub curves: Vec<HoverCurve>,
}

/// A ROC curve as rates at thresholds.
pub(super) struct HoverCurve {
    pub name: String,
    /// False positive rate, true positive rate, threshold.
    pub points: Vec<(f64, f64, Option<f64>)>,
}

/// A cell of a table.
pub(super) enum Cell {
    Text(String),
    /// Aligned to the right.
    Number(String),
    /// A rounded figure with its exact value, which the page keeps for programs.
    Exact(String, f64),
}

impl Cell {
    /// A count with thousands separated.
    pub fn count(n: impl TryInto<i64>) -> Self {
        Self::Number(format::count(n))
    }

    /// A figure with three or more digits; a dash if it is undefined.
    pub fn figure(value: Option<f64>) -> Self {
        match value.filter(|value| value.is_finite()) {
            Some(value) => Self::Exact(crate::evaluation::compared::number(value, 0), value),
            None => Self::Number("-".to_owned()),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Exact(text, _) => text,
        }
    }

    pub fn is_number(&self) -> bool {
        !matches!(self, Self::Text(_))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Table {
    pub fn new(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl Section {
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            blocks: Vec::new(),
        }
    }

    pub fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    pub fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    pub fn warning(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Warning(text.into()));
    }

    /// Names and values; those without a value are left out.
    pub fn facts<'a>(&mut self, facts: impl IntoIterator<Item = (&'a str, String)>) {
        let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
        let facts = facts.map(|(name, value)| (name.to_owned(), value));
        self.blocks.push(Block::Facts(facts.collect()));
    }

    /// A table; none if it has no rows.
    pub fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }
}
