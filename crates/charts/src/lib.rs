//! The one place that draws. Numbers go in; out comes a [`Picture`]: an SVG that stands alone, where in
//! it the plot lies and what the axes and series are (so that a page can lay a read-out over it), the
//! same as PNG, and the points as a table.
//!
//! | function | what it draws |
//! |---|---|
//! | [`roc`] | receiver operating characteristics: one, or one a class with their means |
//! | [`precision_recall`] | precision over recall |
//! | [`confusion`] | how often each class was taken for each |
//! | [`calibration`] | predicted probability against what was seen |
//! | [`losses`] | loss over the steps of one or several runs |
//! | [`course`] | learning rate or throughput over the steps of one or several runs |
//! | [`histogram`] | how values are spread, in one or several groups |
//!
//! Drawn by plotters' SVG backend, without its axes and fonts, for it rounds to whole units and knows
//! no classes; see `pen.rs`. Colours and themes: `paint.rs`.

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

use serde::Serialize;
use ts_rs::TS;

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to draw.
    #[error("there is nothing to draw: {0}")]
    Empty(String),
    /// The drawing library refused.
    #[error("drawing failed: {0}")]
    Draw(String),
    /// The SVG could not be turned into a PNG.
    #[error("the PNG could not be made: {0}")]
    Png(String),
}

/// What stands above a picture. The second line says what the figures were measured on (split, side,
/// number, decode settings, device, seed): a picture that is passed on must not lose it.
#[derive(Clone, Debug, Default)]
pub struct Heading {
    pub title: String,
    /// What it was measured on; wraps.
    pub measured_on: String,
    /// What a viewer has to know (a missing permission): drawn under the plot, and in a
    /// column of the table, so that neither goes without it. Empty: nothing.
    pub notice: String,
}

/// A place in a picture, in units of the SVG's view box.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, TS)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A linear axis; `from` lies at the left or lower edge of the plot, `to` at the other.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Axis {
    /// What it measures, with its unit.
    pub title: String,
    /// Value at the left or lower edge.
    pub from: f64,
    /// Value at the right or upper edge.
    pub to: f64,
    /// Labelled values, as written.
    pub ticks: Vec<(f64, String)>,
}

/// A series as it was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Series {
    /// As in the legend.
    pub name: String,
    /// End of its CSS class: `stroke-{class}` or `fill-{class}`.
    pub class: &'static str,
    /// Data coordinates, in drawing order; finite numbers only.
    pub points: Vec<(f64, f64)>,
}

/// The figures behind a picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// One field for each column; empty where there is no value.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn new(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// The same with the notice in a column of its own, beside every row.
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
    /// The SVG, without style sheet, script or reference to anything outside.
    pub svg: String,
    /// Width in pixels; the view box is twice as wide, since plotters rounds to whole units.
    pub width: f64,
    /// Height in pixels; the view box is twice as high.
    pub height: f64,
    /// Where the data lie, in units of the view box.
    pub plot: Rect,
    pub x: Axis,
    pub y: Axis,
    /// What was drawn, in the order of the legend.
    pub series: Vec<Series>,
    pub table: Table,
}

impl Picture {
    /// The figures as CSV (RFC 4180) with a header.
    ///
    /// # Errors
    /// None in practice: writing to memory does not fail.
    pub fn csv(&self) -> Result<String, Error> {
        let mut out = csv::Writer::from_writer(Vec::new());
        let refused = |e: csv::Error| Error::Draw(e.to_string());
        out.write_record(&self.table.columns).map_err(refused)?;
        for row in &self.table.rows {
            out.write_record(row).map_err(refused)?;
        }
        let bytes = out.into_inner().map_err(|e| Error::Draw(e.to_string()))?;
        String::from_utf8(bytes).map_err(|e| Error::Draw(e.to_string()))
    }
}
