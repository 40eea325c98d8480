//! What all charts share: heading, legend, axes and grid around a plot.

use crate::pen::{self, Anchor, FINE, Pen, Stroke, Type};
use crate::scale::Scale;
use crate::{Axis, Error, Heading, Paint, Picture, Rect, Series, Table};
use repartee_terms::visible::visible;

const TITLE: Type = Type {
    size: 18.0,
    bold: true,
    paint: Paint::Ink,
};
const SMALL: Type = Type {
    size: 12.5,
    bold: false,
    paint: Paint::Muted,
};
const NOTICE: Type = Type {
    size: 12.5,
    bold: true,
    paint: Paint::Ink,
};
const LABEL: Type = Type {
    size: 13.0,
    bold: false,
    paint: Paint::Ink,
};
/// Most lines of small text in a heading: every figure of four classes below its baseline fits after what it was
/// measured on.
const SMALL_LINES: usize = 12;
const LINE: f64 = 18.0; // height of a line of small text, pixels
const LEFT: f64 = 24.0; // margin, pixels
const RIGHT: f64 = 28.0;

/// Most lines of an entry of the legend.
const ENTRY_LINES: usize = 2;
const ENTRY: f64 = 24.0; // height of an entry with one line, pixels
const ENTRY_LINE: f64 = 19.0; // what each further line adds

/// Position of the legend.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// In a row above the plot.
    Above,
    /// In the plot, where steeply rising curves leave space; in another corner if they don't.
    LowerRight,
    /// In the plot, where late falling curves leave space; in another corner if they don't.
    LowerLeft,
}

/// A rectangle in pixels: left, top, right, bottom.
type Patch = (f64, f64, f64, f64);

fn touch(a: Patch, b: Patch) -> bool {
    a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3
}

/// Where a legend of this size covers the least. Of the corners of `plot`, the preferred one comes first; the one that
/// avoids the labels and then covers the fewest points wins.
fn corner(
    preferred: Place,
    plot: Patch,
    size: (f64, f64),
    labels: &[Patch],
    points: &[(f64, f64)],
) -> (f64, f64) {
    let (left, right) = (plot.0 + 10.0, plot.2 - size.0 - 10.0);
    let (top, bottom) = (plot.1 + 10.0, plot.3 - size.1 - 10.0);
    let lower = match preferred {
        Place::LowerLeft => [(left, bottom), (right, bottom)],
        _ => [(right, bottom), (left, bottom)],
    };
    let corners = lower.into_iter().chain([(left, top), (right, top)]);
    let covered = |at: &(f64, f64)| {
        let patch = (at.0, at.1, at.0 + size.0, at.1 + size.1);
        let labels = labels.iter().filter(|label| touch(patch, **label)).count();
        let points = points
            .iter()
            .filter(|p| touch(patch, (p.0, p.1, p.0 + 0.1, p.1 + 0.1)))
            .count();
        (labels, points)
    };
    // the first on a tie
    corners.min_by_key(covered).unwrap_or((right, bottom))
}

/// Points along lines, close enough to tell what a rectangle covers.
fn along(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut all = Vec::new();
    for pair in points.windows(2) {
        let [a, b] = pair else { continue };
        let pieces = (((b.0 - a.0).hypot(b.1 - a.1) / 8.0).ceil() as usize).clamp(1, 200);
        for i in 0..pieces {
            let t = i as f64 / pieces as f64;
            all.push((a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t));
        }
    }
    all.extend(points.last());
    all
}

/// How a series is drawn.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    Line,
    /// A line with a dot at each point.
    Dotted,
    /// Bars from zero, this wide in data units.
    Bars(f64),
}

/// A series to draw.
#[derive(Clone)]
pub(crate) struct Drawn {
    pub name: String,
    pub stroke: Stroke,
    pub shape: Shape,
    pub points: Vec<(f64, f64)>,
    pub in_legend: bool,
}

/// A point with an optional label next to it.
pub(crate) struct Mark {
    pub at: (f64, f64),
    pub text: String,
    /// Whether the label is above the point, or below.
    pub above: bool,
    pub paint: Paint,
}

/// A filled shape behind the series.
pub(crate) struct Band {
    /// Its outline in data coordinates.
    pub outline: Vec<(f64, f64)>,
    pub paint: Paint,
}

/// A chart with two linear axes.
pub(crate) struct Plot<'a> {
    pub heading: &'a Heading,
    /// Pixels.
    pub width: f64,
    /// Height of the plot in pixels; `None`: as high as wide.
    pub height: Option<f64>,
    pub x: Axis,
    pub y: Axis,
    pub legend: Place,
    /// Dashed lines behind the series.
    pub references: Vec<((f64, f64), (f64, f64))>,
    pub bands: Vec<Band>,
    /// Fill the area under this series.
    pub shaded: Option<usize>,
    pub series: Vec<Drawn>,
    pub marks: Vec<Mark>,
    pub table: Table,
}

/// Breaks text into lines of at most `room` pixels, with escapes for what would not be visible; what does not fit into
/// `lines` is cut with an ellipsis.
pub(crate) fn wrap(text: &str, room: f64, letters: Type, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in visible(text).split_whitespace() {
        match out.last_mut() {
            Some(line) if pen::width(line, letters) + pen::width(word, letters) + 4.0 <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => out.push(word.to_owned()),
        }
    }
    let cut = out.len() > lines;
    out.truncate(lines);
    for (i, line) in out.iter_mut().enumerate() {
        let too_long = pen::width(line, letters) > room;
        if too_long || (cut && i + 1 == lines) {
            while !line.is_empty() && pen::width(line, letters) + letters.size > room {
                line.pop();
            }
            line.push('\u{2026}');
        }
    }
    out
}

/// The heading's lines for a chart `width` pixels wide.
pub(crate) struct Head {
    title: Vec<String>,
    small: Vec<String>,
    /// Pixels from the top to below the heading.
    pub height: f64,
}

impl Head {
    pub(crate) fn new(heading: &Heading, width: f64) -> Self {
        let room = width - LEFT - RIGHT;
        let title = wrap(&heading.title, room, TITLE, 2);
        let small = wrap(&heading.measured_on, room, SMALL, SMALL_LINES);
        let height = 20.0 + 24.0 * title.len() as f64 + LINE * small.len() as f64 + 8.0;
        Self {
            title,
            small,
            height,
        }
    }

    pub(crate) fn draw(&self, pen: &mut Pen) -> Result<(), Error> {
        let mut y = 30.0;
        for line in &self.title {
            pen.text(line, (LEFT, y), Anchor::Start, TITLE)?;
            y += 24.0;
        }
        y -= 2.0;
        for line in &self.small {
            pen.text(line, (LEFT, y), Anchor::Start, SMALL)?;
            y += LINE;
        }
        Ok(())
    }
}

/// The notice below a chart `width` pixels wide.
pub(crate) struct Foot {
    lines: Vec<String>,
    /// In pixels; 0 without a notice.
    pub height: f64,
}

impl Foot {
    pub(crate) fn new(heading: &Heading, width: f64) -> Self {
        // never cut: an incomplete notice says something else
        let lines = wrap(&heading.notice, width - LEFT - RIGHT, NOTICE, usize::MAX);
        let height = match lines.len() {
            0 => 0.0,
            n => LINE * n as f64 + 10.0,
        };
        Self { lines, height }
    }

    /// Draws it from `top` on.
    pub(crate) fn draw(&self, pen: &mut Pen, top: f64) -> Result<(), Error> {
        for (i, line) in self.lines.iter().enumerate() {
            let y = top + LINE * (i as f64 + 0.5);
            pen.text(line, (LEFT, y), Anchor::Start, NOTICE)?;
        }
        Ok(())
    }
}

/// The description of a chart, with the notice.
pub(crate) fn described(description: String, heading: &Heading) -> String {
    match heading.notice.as_str() {
        "" => description,
        notice => format!("{description} {notice}."),
    }
}

/// The space of a legend's entry.
#[derive(Clone, Copy)]
struct EntrySpace {
    /// Pixels.
    width: f64,
    lines: usize,
}

/// A series' name in the legend: cut if it is longer than its lines. The table has the whole name.
fn shown(series: &Drawn, room: EntrySpace) -> Vec<String> {
    wrap(&series.name, room.width - 54.0, LABEL, room.lines)
}

/// Draws one legend entry from its left end on; `at` is the middle of its first line.
fn entry(pen: &mut Pen, at: (f64, f64), series: &Drawn, room: EntrySpace) -> Result<(), Error> {
    let (x, y) = at;
    match series.shape {
        Shape::Bars(_) => {
            pen.rect(
                (x + 4.0, y - 6.0),
                (x + 18.0, y + 6.0),
                series.stroke.paint,
                series.stroke.opacity,
            )?;
        }
        Shape::Line | Shape::Dotted => {
            let stroke = Stroke {
                width: series.stroke.width.max(2.0),
                ..series.stroke
            };
            pen.line((x, y), (x + 22.0, y), stroke)?;
            if series.shape == Shape::Dotted {
                pen.dot((x + 11.0, y), 3.5, series.stroke.paint)?;
            }
        }
    }
    for (n, line) in shown(series, room).iter().enumerate() {
        let y = y + ENTRY_LINE * n as f64;
        pen.text(line, (x + 30.0, y), Anchor::Start, LABEL)?;
    }
    Ok(())
}

fn entry_width(series: &Drawn, room: EntrySpace) -> f64 {
    let widths = shown(series, room).into_iter();
    let widest = widths.map(|line| pen::width(&line, LABEL));
    30.0 + widest.fold(0.0, f64::max)
}

fn entry_height(series: &Drawn, room: EntrySpace) -> f64 {
    let further = shown(series, room).len().saturating_sub(1);
    ENTRY + ENTRY_LINE * further as f64
}

impl Plot<'_> {
    /// Legend entries in rows that fit into the room, each with its height.
    fn legend_rows(&self, room: EntrySpace) -> Vec<(f64, Vec<&Drawn>)> {
        let mut rows: Vec<(f64, Vec<&Drawn>)> = Vec::new();
        for series in self.series.iter().filter(|s| s.in_legend) {
            let width = entry_width(series, room) + 24.0;
            match rows.last_mut() {
                Some((used, row)) if *used + width <= room.width => {
                    *used += width;
                    row.push(series);
                }
                _ => rows.push((width, vec![series])),
            }
        }
        let height = |row: &[&Drawn]| {
            let heights = row.iter().map(|series| entry_height(series, room));
            heights.fold(ENTRY, f64::max)
        };
        rows.into_iter()
            .map(|(_, row)| (height(&row), row))
            .collect()
    }

    pub(crate) fn draw(self) -> Result<Picture, Error> {
        let head = Head::new(self.heading, self.width);
        let widest = self
            .y
            .ticks
            .iter()
            .map(|t| pen::width(&t.1, SMALL))
            .fold(0.0, f64::max);
        let left = LEFT + widest.max(16.0) + 8.0;
        let row_room = EntrySpace {
            width: self.width - LEFT - RIGHT,
            lines: ENTRY_LINES,
        };
        let rows = match self.legend {
            Place::Above => self.legend_rows(row_room),
            _ => Vec::new(),
        };
        let top = head.height + rows.iter().map(|row| row.0).sum::<f64>() + 34.0;
        let across = self.width - left - RIGHT;
        let down = self.height.unwrap_or(across);
        let foot = Foot::new(self.heading, self.width);
        let size = (self.width, (top + down + 62.0 + foot.height).round());
        let sx = Scale {
            from: self.x.from,
            to: self.x.to,
            start: left,
            end: left + across,
        };
        let sy = Scale {
            from: self.y.from,
            to: self.y.to,
            start: top + down,
            end: top,
        };
        let at = |p: &(f64, f64)| (sx.at(p.0), sy.at(p.1));

        let names: Vec<&str> = self
            .series
            .iter()
            .filter(|s| s.in_legend)
            .map(|s| s.name.as_str())
            .collect();
        let description = format!(
            "{}. {} over {}: {}.",
            self.heading.measured_on,
            self.y.title,
            self.x.title,
            names.join("; ")
        );
        let description = described(description, self.heading);
        let svg = pen::draw(size, &self.heading.title, &description, |pen| {
            head.draw(pen)?;
            foot.draw(pen, top + down + 62.0)?;
            let mut y = head.height + 8.0;
            for (height, row) in &rows {
                let mut x = LEFT;
                for series in row {
                    entry(pen, (x, y), series, row_room)?;
                    x += entry_width(series, row_room) + 24.0;
                }
                y += height;
            }

            // Axes: the grid guides the eye; the title of the vertical axis is above it, horizontal, so that it is easy
            // to read.
            pen.text(&self.y.title, (LEFT, top - 18.0), Anchor::Start, SMALL)?;
            for (value, label) in &self.y.ticks {
                let y = sy.at(*value);
                pen.line((left, y), (left + across, y), Stroke::thin(Paint::Grid))?;
                pen.text(label, (left - 8.0, y), Anchor::End, SMALL)?;
            }
            for (value, label) in &self.x.ticks {
                let x = sx.at(*value);
                if self.height.is_none() {
                    pen.line((x, top), (x, top + down), Stroke::thin(Paint::Grid))?;
                }
                pen.line(
                    (x, top + down),
                    (x, top + down + 5.0),
                    Stroke::thin(Paint::Muted),
                )?;
                pen.text(label, (x, top + down + 17.0), Anchor::Middle, SMALL)?;
            }
            pen.line(
                (left, top + down),
                (left + across, top + down),
                Stroke::thin(Paint::Muted),
            )?;
            pen.text(
                &self.x.title,
                (left + across / 2.0, top + down + 42.0),
                Anchor::Middle,
                SMALL,
            )?;

            for (from, to) in &self.references {
                let stroke = Stroke {
                    paint: Paint::Muted,
                    width: 1.5,
                    opacity: 0.8,
                    dashed: true,
                };
                pen.line(at(from), at(to), stroke)?;
            }
            for band in &self.bands {
                let outline: Vec<(f64, f64)> = band.outline.iter().map(at).collect();
                pen.polygon(&outline, band.paint, 0.2)?;
            }
            if let Some(series) = self.shaded.and_then(|i| self.series.get(i)) {
                let mut area: Vec<(f64, f64)> = series.points.iter().map(at).collect();
                if let (Some(first), Some(last)) = (area.first().copied(), area.last().copied()) {
                    area.push((last.0, sy.start));
                    area.push((first.0, sy.start));
                    pen.polygon(&area, series.stroke.paint, 0.1)?;
                }
            }
            for series in &self.series {
                let points: Vec<(f64, f64)> = series.points.iter().map(at).collect();
                match series.shape {
                    Shape::Bars(width) => {
                        for (point, place) in series.points.iter().zip(&points) {
                            let right = sx.at(point.0 + width);
                            if place.1 < sy.start {
                                let (paint, opacity) = (series.stroke.paint, series.stroke.opacity);
                                pen.rect(*place, (right - 1.0, sy.start), paint, opacity)?;
                            }
                        }
                    }
                    Shape::Line | Shape::Dotted => {
                        if points.len() > 1 {
                            pen.path(&points, series.stroke)?;
                        }
                        if series.shape == Shape::Dotted || points.len() == 1 {
                            for place in &points {
                                pen.dot(*place, 3.5, series.stroke.paint)?;
                            }
                        }
                    }
                }
            }
            let mut labels: Vec<Patch> = Vec::new();
            for mark in &self.marks {
                let place = at(&mark.at);
                pen.dot(place, 5.0, mark.paint)?;
                labels.push((place.0 - 7.0, place.1 - 7.0, place.0 + 7.0, place.1 + 7.0));
                if mark.text.is_empty() {
                    continue;
                }
                // On the side with space, on a patch of the background color.
                let text = pen::width(&mark.text, LABEL);
                let below = if mark.above && place.1 - top > 30.0 {
                    -17.0
                } else {
                    17.0
                };
                let y = (place.1 + below).min(top + down - 12.0);
                let x = (place.0 + 10.0).min(left + across - text - 4.0);
                let (from, to) = ((x - 3.0, y - 8.0), (x + text + 3.0, y + 8.0));
                pen.rect(from, to, Paint::Paper, 0.8)?;
                pen.text(&mark.text, (x, y), Anchor::Start, LABEL)?;
                labels.push((from.0, from.1, to.0, to.1));
            }

            let inside: Vec<&Drawn> = match self.legend {
                Place::Above => Vec::new(),
                _ => self.series.iter().filter(|s| s.in_legend).collect(),
            };
            if !inside.is_empty() {
                // with many curves, one line each: the legend stays within the plot
                let full = (ENTRY + ENTRY_LINE) * inside.len() as f64 + 32.0;
                let room = EntrySpace {
                    width: across - 20.0,
                    lines: if full <= down { ENTRY_LINES } else { 1 },
                };
                let wide = inside
                    .iter()
                    .map(|s| entry_width(s, room))
                    .fold(0.0, f64::max)
                    + 24.0;
                let heights = inside.iter().map(|s| entry_height(s, room));
                let high = heights.sum::<f64>() + 12.0;
                let plot = (left, top, left + across, top + down);
                let covered: Vec<(f64, f64)> = self
                    .series
                    .iter()
                    .flat_map(|s| along(&s.points.iter().map(at).collect::<Vec<_>>()))
                    .collect();
                let (x, y) = corner(self.legend, plot, (wide, high), &labels, &covered);
                pen.rect((x, y), (x + wide, y + high), Paint::Paper, 0.85)?;
                let mut y = y + 18.0;
                for series in inside {
                    entry(pen, (x + 12.0, y), series, room)?;
                    y += entry_height(series, room);
                }
            }
            Ok(())
        })?;
        let series = self
            .series
            .into_iter()
            .map(|s| Series {
                name: s.name,
                class: s.stroke.paint.name(),
                points: s.points,
            })
            .collect();
        let plot = Rect {
            x: left * FINE,
            y: top * FINE,
            width: across * FINE,
            height: down * FINE,
        };
        Ok(Picture {
            svg,
            width: size.0,
            height: size.1,
            plot,
            x: self.x,
            y: self.y,
            series,
            table: self.table.noted(&self.heading.notice),
        })
    }
}
