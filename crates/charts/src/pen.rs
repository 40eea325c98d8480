//! The plotters backend, with what it lacks: classes, dashes, fractions of a pixel.
//!
//! plotters rounds to whole units, so charts are drawn at [`FINE`] units per pixel and shown at their size in pixels.
//! Its SVG elements have no class; the pen records one for each element it draws and inserts them at the end.

use crate::{Error, Paint};
use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, IntoFont, RGBAColor, ShapeStyle, TextStyle};
use repartee_terms::visible::visible;

/// Units of the view box per pixel.
pub(crate) const FINE: f64 = 2.0;

/// Position of a text relative to its point.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Font: size in pixels, weight and color.
#[derive(Clone, Copy)]
pub(crate) struct Type {
    pub size: f64,
    pub bold: bool,
    pub paint: Paint,
}

/// Style of a line.
#[derive(Clone, Copy)]
pub(crate) struct Stroke {
    pub paint: Paint,
    /// Pixels.
    pub width: f64,
    /// 0 to 1.
    pub opacity: f64,
    pub dashed: bool,
}

impl Stroke {
    pub(crate) fn thin(paint: Paint) -> Self {
        Self {
            paint,
            width: 1.0,
            opacity: 1.0,
            dashed: false,
        }
    }
}

/// Draws in pixels from the upper left corner.
pub(crate) struct Pen<'a> {
    backend: SVGBackend<'a>,
    /// The attributes of each element drawn so far, in order.
    marks: Vec<String>,
}

fn fine(x: f64) -> i32 {
    (x * FINE).round() as i32
}

fn style(paint: Paint, opacity: f64, filled: bool, width: f64) -> ShapeStyle {
    let (r, g, b) = paint.light();
    // If it were fully transparent, plotters would omit the element, and the attributes would shift.
    let color = RGBAColor(r, g, b, opacity.clamp(0.001, 1.0));
    ShapeStyle {
        color,
        filled,
        stroke_width: (width * FINE).round() as u32,
    }
}

fn refused(e: impl std::fmt::Display) -> Error {
    Error::Draw(e.to_string())
}

impl Pen<'_> {
    pub(crate) fn line(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        stroke: Stroke,
    ) -> Result<(), Error> {
        self.path(&[from, to], stroke)
    }

    pub(crate) fn path(&mut self, points: &[(f64, f64)], stroke: Stroke) -> Result<(), Error> {
        let dashes = if stroke.dashed {
            " stroke-dasharray=\"10 8\""
        } else {
            ""
        };
        self.marks.push(format!(
            " class=\"stroke-{}\" stroke-linejoin=\"round\" stroke-linecap=\"round\"{dashes}",
            stroke.paint.name()
        ));
        let style = style(stroke.paint, stroke.opacity, false, stroke.width);
        self.backend
            .draw_path(points.iter().map(|p| (fine(p.0), fine(p.1))), &style)
            .map_err(refused)
    }

    pub(crate) fn polygon(
        &mut self,
        points: &[(f64, f64)],
        paint: Paint,
        opacity: f64,
    ) -> Result<(), Error> {
        self.marks.push(format!(" class=\"fill-{}\"", paint.name()));
        let style = style(paint, opacity, true, 0.0);
        self.backend
            .fill_polygon(points.iter().map(|p| (fine(p.0), fine(p.1))), &style)
            .map_err(refused)
    }

    pub(crate) fn rect(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        paint: Paint,
        opacity: f64,
    ) -> Result<(), Error> {
        self.marks.push(format!(" class=\"fill-{}\"", paint.name()));
        let style = style(paint, opacity, true, 0.0);
        let (a, b) = ((fine(from.0), fine(from.1)), (fine(to.0), fine(to.1)));
        self.backend.draw_rect(a, b, &style, true).map_err(refused)
    }

    /// A disc with a rim in the background color, so that it stands out from its line.
    pub(crate) fn dot(&mut self, at: (f64, f64), radius: f64, paint: Paint) -> Result<(), Error> {
        for (radius, paint) in [(radius + 1.5, Paint::Paper), (radius, paint)] {
            self.marks.push(format!(" class=\"fill-{}\"", paint.name()));
            let style = style(paint, 1.0, true, 0.0);
            let radius = (radius * FINE).round() as u32;
            self.backend
                .draw_circle((fine(at.0), fine(at.1)), radius, &style, true)
                .map_err(refused)?;
        }
        Ok(())
    }

    /// One line of text, vertically centered at `at`.
    pub(crate) fn text(
        &mut self,
        text: &str,
        at: (f64, f64),
        anchor: Anchor,
        letters: Type,
    ) -> Result<(), Error> {
        self.letters(text, at, anchor, letters, FontTransform::None)
    }

    /// One line of vertical text, read from below, centered at `at`.
    pub(crate) fn upright(
        &mut self,
        text: &str,
        at: (f64, f64),
        anchor: Anchor,
        letters: Type,
    ) -> Result<(), Error> {
        self.letters(text, at, anchor, letters, FontTransform::Rotate270)
    }

    fn letters(
        &mut self,
        text: &str,
        at: (f64, f64),
        anchor: Anchor,
        letters: Type,
        turn: FontTransform,
    ) -> Result<(), Error> {
        self.marks
            .push(format!(" class=\"fill-{}\"", letters.paint.name()));
        let h = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // The backend divides the size by 1.24, its guess of a line's height.
        let font = ("sans-serif", letters.size * FINE * 1.24)
            .into_font()
            .transform(turn);
        let font = if letters.bold {
            font.style(plotters::style::FontStyle::Bold)
        } else {
            font
        };
        let color = style(letters.paint, 1.0, true, 0.0).color;
        let style = TextStyle::from(font)
            .color(&color)
            .pos(Pos::new(h, VPos::Center));
        self.backend
            .draw_text(&printable(text), &style, (fine(at.0), fine(at.1)))
            .map_err(refused)
    }
}

/// Text without what XML forbids, on one line.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') {
                ' '
            } else {
                c
            }
        })
        .collect()
}

fn escape(text: &str) -> String {
    printable(&visible(text))
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Draws a chart of `size` pixels and returns the SVG. `title` and `description` are for screen readers.
pub(crate) fn draw(
    size: (f64, f64),
    title: &str,
    description: &str,
    body: impl FnOnce(&mut Pen) -> Result<(), Error>,
) -> Result<String, Error> {
    let mut raw = String::new();
    let marks = {
        let backend = SVGBackend::with_string(&mut raw, (fine(size.0) as u32, fine(size.1) as u32));
        let mut pen = Pen {
            backend,
            marks: Vec::new(),
        };
        pen.rect((0.0, 0.0), size, Paint::Paper, 1.0)?;
        body(&mut pen)?;
        pen.backend.present().map_err(refused)?;
        std::mem::take(&mut pen.marks)
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"repartee-chart\" role=\"img\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\">\n<title>{}</title>\n<desc>{}</desc>\n",
        size.0,
        size.1,
        fine(size.0),
        fine(size.1),
        escape(title),
        escape(description),
    );
    // plotters writes one tag per line, and text on a line of its own, escaped.
    let mut marks = marks.into_iter();
    for line in raw.lines().skip(1) {
        let name = line
            .strip_prefix('<')
            .and_then(|l| l.split_once(' '))
            .map(|(name, _)| name);
        match name {
            Some(name) => {
                let mark = marks.next().unwrap_or_default();
                svg.push_str(&format!("<{name}{mark}{}\n", &line[1 + name.len()..]));
            }
            None => {
                svg.push_str(line);
                svg.push('\n');
            }
        }
    }
    Ok(svg)
}

/// Approximate width of a text in pixels: classes of letters, measured on the embedded font.
pub(crate) fn width(text: &str, letters: Type) -> f64 {
    let em = |c: char| match c {
        'i' | 'l' | 'j' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | 'I' => 0.28,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '/' | '-' | '\u{b7}' => 0.38,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.86,
        c if c.is_ascii_uppercase() => 0.69,
        c if c.is_ascii() => 0.6,
        _ => 0.8,
    };
    let bold = if letters.bold { 1.06 } else { 1.0 };
    text.chars().map(em).sum::<f64>() * letters.size * bold
}
