//! Draws all charts. Numbers go in; out comes a [`Picture`]: a self-contained SVG, its plot rectangle, axes and series
//! (so that a page can add a tooltip), the same as PNG, and the points as a table.
//!
//! | function | chart |
//! |---|---|
//! | [`roc`] | ROC curves: one, or one per class with their averages |
//! | [`precision_recall`] | precision over recall |
//! | [`confusion`] | confusion matrix |
//! | [`calibration`] | predicted probability against observed frequency |
//! | [`losses`] | loss over the steps of one or several runs |
//! | [`course`] | learning rate or throughput over the steps of one or several runs |
//! | [`histogram`] | distribution of values, in one or several groups |
//!
//! Drawn by plotters' SVG backend, without its axes and fonts, since it rounds to whole units and knows no classes; see
//! `pen.rs`. Colors and themes: `paint.rs`.

mod curves;
mod frame;
#[cfg(test)]
mod layout;
mod matrix;
mod paint;
mod pen;
mod png;
mod scale;

pub use curves::{
    Curve, Group, LossLine, Reliability, Threshold, calibration, course, histogram, losses,
    precision_recall, roc,
};
pub use matrix::confusion;
pub use paint::{Paint, page_css};
pub use png::Theme;

use repartee_terms::visible::visible_cell;
use serde::Serialize;
use ts_rs::TS;

/// Why a chart could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to draw.
    #[error("there is nothing to draw: {0}")]
    Empty(String),
    /// The drawing library failed.
    #[error("drawing failed: {0}")]
    Draw(String),
    /// The SVG could not be converted to PNG.
    #[error("the PNG could not be made: {0}")]
    Png(String),
}

/// Text above a chart. The second line says what it was measured on (split, partition, number of examples, decoding
/// settings, device, seed): a chart that is shared must not lose it.
#[derive(Clone, Debug, Default)]
pub struct Heading {
    pub title: String,
    /// Wraps.
    pub measured_on: String,
    /// What a viewer must know (a missing permission): drawn under the plot, and in a column of the table, so that both
    /// have it. Empty: nothing.
    pub notice: String,
}

/// A rectangle in a chart, in units of the SVG's view box.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, TS)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A linear axis; `from` is at the left or lower edge of the plot, `to` at the other.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Axis {
    /// Quantity and unit.
    pub title: String,
    /// Value at the left or lower edge.
    pub from: f64,
    /// Value at the right or upper edge.
    pub to: f64,
    /// Values and their labels.
    pub ticks: Vec<(f64, String)>,
}

/// A series as drawn.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Series {
    /// The legend's label.
    pub name: String,
    /// End of its CSS class: `stroke-{class}` or `fill-{class}`.
    pub class: &'static str,
    /// Data coordinates, in drawing order; finite numbers only.
    pub points: Vec<(f64, f64)>,
}

/// The numbers behind a chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
pub struct Table {
    pub columns: Vec<String>,
    /// One cell per column; empty if there is no value.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn new(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// The table with the notice in a column of its own, in every row.
    fn noted(mut self, notice: &str) -> Self {
        if !notice.is_empty() {
            self.columns.push("notice".to_owned());
            for row in &mut self.rows {
                row.push(notice.to_owned());
            }
        }
        self
    }
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Picture {
    /// The SVG, without style sheet, script or external reference.
    pub svg: String,
    /// Width in pixels; the view box is twice as wide, since plotters rounds to whole units.
    pub width: f64,
    /// Height in pixels; the view box is twice as high.
    pub height: f64,
    /// The plot area, in units of the view box.
    pub plot: Rect,
    pub x: Axis,
    pub y: Axis,
    /// In the order of the legend.
    pub series: Vec<Series>,
    pub table: Table,
}

impl Picture {
    /// The numbers as CSV (RFC 4180) with a header. Names are on one line, with escapes for what would not be visible.
    ///
    /// # Errors
    /// None in practice: writing to memory does not fail.
    pub fn csv(&self) -> Result<String, Error> {
        let mut out = csv::Writer::from_writer(Vec::new());
        let refused = |e: csv::Error| Error::Draw(e.to_string());
        out.write_record(&self.table.columns).map_err(refused)?;
        for row in &self.table.rows {
            let cells = row.iter().map(|cell| visible_cell(cell));
            out.write_record(cells).map_err(refused)?;
        }
        let bytes = out.into_inner().map_err(|e| Error::Draw(e.to_string()))?;
        String::from_utf8(bytes).map_err(|e| Error::Draw(e.to_string()))
    }
}
