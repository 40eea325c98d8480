//! The confusion matrix.

use crate::frame::{Foot, Head, described, wrap};
use crate::pen::{self, Anchor, FINE, Type};
use crate::{Axis, Error, Heading, Paint, Picture, Rect, Series, Table, scale};
use repartee_terms::visible::visible;

const WIDTH: f64 = 600.0; // pixels
const RIGHT: f64 = 28.0;
const SMALL: Type = Type {
    size: 12.5,
    bold: false,
    paint: Paint::Muted,
};
const NAME: Type = Type {
    size: 13.0,
    bold: false,
    paint: Paint::Ink,
};
/// Pixels per line of a class's name.
const LINE: f64 = 17.0;
/// A name that needs more lines is cut.
const LINES: usize = 3;
/// Pixels of a cell that fits count and share at full size.
const ROOMY: f64 = 46.0;
/// Pixels between a name and its neighbor.
const GAP: f64 = 8.0;

/// The same font, as small as `text` needs to fit into `room` pixels.
fn fitting(letters: Type, text: &str, room: f64) -> Type {
    let wide = pen::width(text, letters);
    Type {
        size: letters.size * (room / wide).min(1.0),
        ..letters
    }
}

/// How much shade a share gets. It jumps at one half, over the middle tones on which neither ink nor paper is readable:
/// letters keep a contrast of 4.5:1 in both themes.
fn shade(share: f64) -> f64 {
    if share < 0.5 {
        1.1 * share
    } else {
        0.78 + 0.44 * (share - 0.5)
    }
}

/// How often each class (row) was predicted as each (column): the count, its share of the row, and a shade for the
/// share, so that classes of different size look alike. `counts[truth][predicted]`, (K, K).
///
/// # Errors
/// [`Error::Empty`] if there is no example, or names and counts do not match.
pub fn confusion(
    heading: &Heading,
    classes: &[String],
    counts: &[Vec<u64>],
) -> Result<Picture, Error> {
    let k = classes.len();
    let fits = counts.len() == k && counts.iter().all(|row| row.len() == k);
    if !fits || counts.iter().flatten().all(|&c| c == 0) {
        return Err(Error::Empty(format!(
            "'{}' has no prediction of {k} classes",
            heading.title
        )));
    }
    let head = Head::new(heading, WIDTH);
    let widest = classes
        .iter()
        .map(|c| pen::width(&visible(c), NAME))
        .fold(0.0, f64::max)
        .min(150.0);
    let left = 24.0 + 24.0 + widest + 12.0;
    let cell = (WIDTH - left - RIGHT) / k as f64;
    let high = cell.min(400.0 / k as f64);
    // with many classes, cells are low: their text shrinks too
    let low = (high / ROOMY).min(1.0);
    // a column's name has the width of its cell, a row's name the height of it
    let above: Vec<Vec<String>> = classes
        .iter()
        .map(|name| wrap(name, cell - GAP, NAME, LINES))
        .collect();
    let beside_lines = ((high / LINE) as usize).clamp(1, LINES);
    let beside: Vec<Vec<String>> = classes
        .iter()
        .map(|name| wrap(name, widest + 2.0, NAME, beside_lines))
        .collect();
    let lines = above.iter().map(Vec::len).max().unwrap_or(1).max(1);
    let top = head.height + 52.0 + LINE * (lines - 1) as f64;
    let foot = Foot::new(heading, WIDTH);
    let below = top + high * k as f64 + 24.0;
    let size = (WIDTH, (below + foot.height).round());
    let description = format!(
        "{}. Confusion matrix of {}.",
        heading.measured_on,
        classes.join(", ")
    );
    let description = described(description, heading);
    let svg = pen::draw(size, &heading.title, &description, |pen| {
        head.draw(pen)?;
        foot.draw(pen, below - 4.0)?;
        pen.text(
            "predicted",
            (
                left + cell * k as f64 / 2.0,
                top - 34.0 - LINE * (lines - 1) as f64,
            ),
            Anchor::Middle,
            SMALL,
        )?;
        pen.upright(
            "true",
            (32.0, top + high * k as f64 / 2.0),
            Anchor::Middle,
            SMALL,
        )?;
        for i in 0..k {
            let along = i as f64 + 0.5;
            for (n, line) in above[i].iter().enumerate() {
                // the last line is right above the cells
                let up = LINE * (above[i].len() - 1 - n) as f64;
                let at = (left + cell * along, top - 13.0 - up);
                pen.text(line, at, Anchor::Middle, fitting(NAME, line, cell - GAP))?;
            }
            for (n, line) in beside[i].iter().enumerate() {
                let down = LINE * (n as f64 - (beside[i].len() - 1) as f64 / 2.0);
                let at = (left - 12.0, top + high * along + down);
                pen.text(line, at, Anchor::End, fitting(NAME, line, widest + 2.0))?;
            }
        }
        for (i, row) in counts.iter().enumerate() {
            let of = row.iter().sum::<u64>();
            for (j, &count) in row.iter().enumerate() {
                let share = if of > 0 {
                    count as f64 / of as f64
                } else {
                    0.0
                };
                let from = (left + cell * j as f64 + 1.5, top + high * i as f64 + 1.5);
                let to = (from.0 + cell - 3.0, from.1 + high - 3.0);
                pen.rect(from, to, Paint::Grid, 0.45)?;
                pen.rect(from, to, Paint::Heat, shade(share))?;
                let paint = if share >= 0.5 {
                    Paint::Paper
                } else {
                    Paint::Ink
                };
                let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
                let figure = Type {
                    size: 19.0 * low,
                    bold: true,
                    paint,
                };
                let number = scale::number(count as f64, 0);
                pen.text(
                    &number,
                    (middle.0, middle.1 - 9.0 * low),
                    Anchor::Middle,
                    fitting(figure, &number, cell - GAP),
                )?;
                let percent = if of > 0 {
                    format!("{}%", scale::number(100.0 * share, 1))
                } else {
                    "none".to_owned()
                };
                let share = Type {
                    size: 12.5 * low,
                    bold: false,
                    paint,
                };
                pen.text(
                    &percent,
                    (middle.0, middle.1 + 13.0 * low),
                    Anchor::Middle,
                    fitting(share, &percent, cell - GAP),
                )?;
            }
        }
        Ok(())
    })?;
    let mut table = Table::new(&["true", "predicted", "count"]);
    for (i, row) in counts.iter().enumerate() {
        for (j, count) in row.iter().enumerate() {
            table.rows.push(vec![
                classes[i].clone(),
                classes[j].clone(),
                count.to_string(),
            ]);
        }
    }
    // Class i is at i + 0.5 of an axis from 0 to K; the true class is read downwards.
    let ticks = || {
        classes
            .iter()
            .enumerate()
            .map(|(i, c)| (i as f64 + 0.5, c.clone()))
            .collect()
    };
    let axis = |title: &str, from, to| Axis {
        title: title.to_owned(),
        from,
        to,
        ticks: ticks(),
    };
    let plot = Rect {
        x: left * FINE,
        y: top * FINE,
        width: cell * k as f64 * FINE,
        height: high * k as f64 * FINE,
    };
    let series = Series {
        name: "count".to_owned(),
        class: Paint::Heat.name(),
        points: Vec::new(),
    };
    Ok(Picture {
        svg,
        width: size.0,
        height: size.1,
        plot,
        x: axis("predicted", 0.0, k as f64),
        y: axis("true", k as f64, 0.0),
        series: vec![series],
        table: table.noted(&heading.notice),
    })
}
