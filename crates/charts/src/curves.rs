//! Charts of curves and bars.

use crate::frame::{Band, Drawn, Mark, Place, Plot, Shape};
use crate::pen::Stroke;
use crate::{Axis, Error, Heading, Paint, Picture, Table, scale};

/// Chart widths in pixels: square, and with a time axis.
const SQUARE: f64 = 600.0;
const WIDE: f64 = 800.0;
/// Height of the plot in a wide chart, pixels.
const LOW: f64 = 320.0;

fn axis(title: &str, from: f64, to: f64, wanted: usize) -> Axis {
    let values = scale::ticks(from, to, wanted);
    let labels = scale::labels(&values);
    Axis {
        title: title.to_owned(),
        from,
        to,
        ticks: values.into_iter().zip(labels).collect(),
    }
}

/// From 0 to `to`, without ticks between whole numbers.
fn whole_axis(title: &str, to: f64) -> Axis {
    let mut axis = axis(title, 0.0, to, (to as usize).clamp(1, 6));
    axis.ticks.retain(|t| t.0.fract() == 0.0);
    axis
}

/// Solid for the first six series, dashed for the next.
fn stroke(n: usize) -> Stroke {
    Stroke {
        paint: Paint::Series(n),
        width: 2.5,
        opacity: 1.0,
        dashed: n / crate::paint::SERIES % 2 == 1,
    }
}

fn finite(points: impl IntoIterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    points
        .into_iter()
        .filter(|p| p.0.is_finite() && p.1.is_finite())
        .collect()
}

/// A curve in the unit square: (x, y, threshold); from the threshold on, examples are predicted positive.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// The legend's label, without the value.
    pub name: String,
    pub points: Vec<(f64, f64, Option<f64>)>,
    /// Area under the curve or average precision, shown in the legend.
    pub area: Option<f64>,
    /// 95% interval of the area, shown next to it.
    pub interval: Option<(f64, f64)>,
    /// Pointwise 95% band around the curve: (x, lowest y, highest y), x rising. Empty: none.
    pub band: Vec<(f64, f64, f64)>,
    /// Baseline of the area, by name; the legend says if it isn't beaten.
    pub baseline: Option<(String, f64)>,
    /// An average of other curves: drawn in ink, so that it does not look like another class.
    pub is_mean: bool,
}

/// The point of a decision threshold on a curve: the rates at exactly that threshold, counted from the predictions. The
/// drawn points do not have it: a straight stretch of a curve has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Index of the curve.
    pub curve: usize,
    /// In data coordinates.
    pub at: (f64, f64),
    /// Examples are predicted positive from here on.
    pub threshold: f64,
}

/// The lowest and highest y of a band at an x, linear between its points; `None` without a band.
fn within(band: &[(f64, f64, f64)], x: f64) -> Option<(f64, f64)> {
    let next = band.partition_point(|at| at.0 <= x);
    let (left, right) = (
        band.get(next.saturating_sub(1))?,
        band.get(next).or(band.last())?,
    );
    let wide = right.0 - left.0;
    let along = match wide > 0.0 {
        true => ((x - left.0) / wide).clamp(0.0, 1.0),
        false => 0.0,
    };
    let between = |from: f64, to: f64| from + along * (to - from);
    Some((between(left.1, right.1), between(left.2, right.2)))
}

/// A band as a closed shape: its upper edge, and back along the lower one.
fn outline(band: &[(f64, f64, f64)]) -> Vec<(f64, f64)> {
    let upper = band.iter().map(|at| (at.0, at.2));
    finite(upper.chain(band.iter().rev().map(|at| (at.0, at.1))))
}

/// Decimal places with which two different values are displayed differently: "0.986, worse than 0.986" says nothing.
fn places(a: f64, b: f64) -> usize {
    let told_apart = |&n: &usize| a == b || format!("{a:.n$}") != format!("{b:.n$}");
    (3..7).find(told_apart).unwrap_or(7)
}

/// The unit square with curves.
fn unit_square<'a>(
    heading: &'a Heading,
    titles: (&str, &str, &str),
    columns: [&str; 4],
    curves: &[Curve],
    mark: Option<Threshold>,
) -> Result<Plot<'a>, Error> {
    if curves.iter().all(|c| c.points.is_empty()) {
        return Err(Error::Empty(format!(
            "'{}' has no curve; are both classes present?",
            heading.title
        )));
    }
    let (x_title, y_title, area_name) = titles;
    let mut table = Table::new(&columns);
    // the columns of what at least one curve has
    let (banded, sized) = (
        curves.iter().any(|c| !c.band.is_empty()),
        curves.iter().any(|c| c.interval.is_some()),
    );
    if banded {
        table.columns.extend(["low", "high"].map(str::to_owned));
    }
    if sized {
        let key = area_name.to_lowercase();
        table
            .columns
            .extend([key.clone(), format!("{key}_low"), format!("{key}_high")]);
    }
    let (mut series, mut bands) = (Vec::new(), Vec::new());
    let (mut classes, mut means) = (0, 0);
    for curve in curves {
        let cell = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        for &(x, y, threshold) in &curve.points {
            let mut row = vec![
                curve.name.clone(),
                x.to_string(),
                y.to_string(),
                cell(threshold),
            ];
            if banded {
                let at = within(&curve.band, x);
                row.extend([cell(at.map(|at| at.0)), cell(at.map(|at| at.1))]);
            }
            if sized {
                let (low, high) = curve.interval.unzip();
                row.extend([cell(curve.area), cell(low), cell(high)]);
            }
            table.rows.push(row);
        }
        let stroke = if curve.is_mean {
            means += 1;
            let paint = if means == 1 { Paint::Ink } else { Paint::Muted };
            Stroke {
                paint,
                width: 2.5,
                opacity: 1.0,
                dashed: means > 1,
            }
        } else {
            classes += 1;
            stroke(classes - 1)
        };
        let area = curve
            .area
            .map(|a| {
                let baseline = curve.baseline.as_ref();
                let not_beaten = baseline.filter(|(_, value)| a <= *value);
                let places = not_beaten.map_or(3, |(_, value)| places(a, *value));
                let worse = match not_beaten {
                    Some((name, value)) if a < *value => {
                        format!(", worse than {name} {value:.places$}")
                    }
                    Some((name, value)) => format!(", no better than {name} {value:.places$}"),
                    None => String::new(),
                };
                let interval = curve
                    .interval
                    .map(|(low, high)| format!(" [{low:.places$}, {high:.places$}]"))
                    .unwrap_or_default();
                format!(", {area_name} {a:.places$}{interval}{worse}")
            })
            .unwrap_or_default();
        let outline = outline(&curve.band);
        let band = match outline.is_empty() {
            true => "",
            false => "; 95% band",
        };
        if !outline.is_empty() {
            bands.push(Band {
                outline,
                paint: stroke.paint,
            });
        }
        series.push(Drawn {
            name: format!("{}{area}{band}", curve.name),
            stroke,
            shape: Shape::Line,
            points: finite(curve.points.iter().map(|p| (p.0, p.1))),
            in_legend: true,
        });
    }
    let marks = mark
        .filter(|mark| mark.at.0.is_finite() && mark.at.1.is_finite())
        .and_then(|mark| {
            Some(Mark {
                at: mark.at,
                text: format!("threshold {}", mark.threshold),
                above: false,
                paint: series.get(mark.curve)?.stroke.paint,
            })
        })
        .into_iter()
        .collect();
    let shaded = (series.len() == 1 && bands.is_empty()).then_some(0);
    Ok(Plot {
        heading,
        width: SQUARE,
        height: None,
        x: axis(x_title, 0.0, 1.0, 5),
        y: axis(y_title, 0.0, 1.0, 5),
        legend: Place::LowerRight,
        references: Vec::new(),
        bands,
        shaded,
        series,
        marks,
        table,
    })
}

/// ROC curves: true positive rate over false positive rate. `mark` is a dot at the decision threshold.
///
/// # Errors
/// [`Error::Empty`] if no curve has a point.
pub fn roc(heading: &Heading, curves: &[Curve], mark: Option<Threshold>) -> Result<Picture, Error> {
    let titles = ("false positive rate", "true positive rate", "AUC");
    let columns = [
        "curve",
        "false_positive_rate",
        "true_positive_rate",
        "threshold",
    ];
    let mut plot = unit_square(heading, titles, columns, curves, mark)?;
    plot.references.push(((0.0, 0.0), (1.0, 1.0)));
    plot.draw()
}

/// Precision over recall; the dashed line is `base_rate`, the precision of always predicting positive. `mark` as in
/// [`roc`].
///
/// # Errors
/// [`Error::Empty`] if no curve has a point.
pub fn precision_recall(
    heading: &Heading,
    curves: &[Curve],
    base_rate: Option<f64>,
    mark: Option<Threshold>,
) -> Result<Picture, Error> {
    let columns = ["curve", "recall", "precision", "threshold"];
    let mut plot = unit_square(
        heading,
        ("recall", "precision", "AP"),
        columns,
        curves,
        mark,
    )?;
    // Average precision is a sum over steps: the chart shows the steps, not slopes between them.
    for series in &mut plot.series {
        let mut steps: Vec<(f64, f64)> = Vec::with_capacity(series.points.len() * 2);
        for &(recall, precision) in &series.points {
            if let Some(&(before, _)) = steps.last() {
                steps.push((before, precision));
            }
            steps.push((recall, precision));
        }
        series.points = steps;
    }
    plot.marks.iter_mut().for_each(|m| m.above = true);
    plot.legend = Place::LowerLeft;
    plot.references
        .extend(base_rate.map(|b| ((0.0, b), (1.0, b))));
    plot.draw()
}

/// One bin of a reliability diagram.
#[derive(Clone, Copy, Debug)]
pub struct Reliability {
    /// Mean predicted probability, 0 to 1.
    pub predicted: f64,
    /// Fraction that was true, 0 to 1.
    pub observed: f64,
    pub count: u64,
}

/// Predicted probability against observed frequency, one line per name; on the diagonal, predictions are calibrated.
/// The bars are the prediction histogram; the fullest bin is a quarter high.
///
/// # Errors
/// [`Error::Empty`] if there is no bin.
pub fn calibration(
    heading: &Heading,
    lines: &[(String, Vec<Reliability>)],
) -> Result<Picture, Error> {
    if lines.iter().all(|l| l.1.is_empty()) {
        return Err(Error::Empty(format!(
            "'{}' has no prediction",
            heading.title
        )));
    }
    let mut table = Table::new(&["series", "predicted", "observed", "count"]);
    let mut series = Vec::new();
    let fullest = lines
        .iter()
        .flat_map(|l| &l.1)
        .map(|b| b.count)
        .max()
        .unwrap_or(1)
        .max(1) as f64;
    for (n, (name, bins)) in lines.iter().enumerate() {
        for b in bins {
            table.rows.push(vec![
                name.clone(),
                b.predicted.to_string(),
                b.observed.to_string(),
                b.count.to_string(),
            ]);
        }
        if lines.len() == 1 {
            let bars = bins.iter().map(|b| {
                (
                    (b.predicted * 10.0).floor().min(9.0) / 10.0,
                    b.count as f64 / fullest / 4.0,
                )
            });
            series.push(Drawn {
                name: "prediction histogram (not to scale)".to_owned(),
                stroke: Stroke {
                    opacity: 0.25,
                    ..stroke(n)
                },
                shape: Shape::Bars(0.1),
                points: finite(bars),
                in_legend: true,
            });
        }
        series.push(Drawn {
            name: name.clone(),
            stroke: stroke(n),
            shape: Shape::Dotted,
            points: finite(bins.iter().map(|b| (b.predicted, b.observed))),
            in_legend: true,
        });
    }
    let plot = Plot {
        heading,
        width: SQUARE,
        height: None,
        x: axis("predicted probability", 0.0, 1.0, 5),
        y: axis("observed frequency", 0.0, 1.0, 5),
        legend: Place::Above,
        references: vec![((0.0, 0.0), (1.0, 1.0))],
        bands: Vec::new(),
        shaded: None,
        series,
        marks: Vec::new(),
        table,
    };
    plot.draw()
}

/// The losses of one run.
#[derive(Clone, Debug, Default)]
pub struct LossLine {
    /// Empty if there is only one run.
    pub name: String,
    /// (optimizer step, loss of the step's batches).
    pub training: Vec<(f64, f64)>,
    /// (optimizer step, validation loss).
    pub validation: Vec<(f64, f64)>,
}

/// Centered running mean over a thirtieth of the line, so that it does not lag; narrower at the ends.
fn smooth(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut sums = vec![0.0];
    for p in points {
        sums.push(sums[sums.len() - 1] + p.1);
    }
    let middle = |(i, p): (usize, &(f64, f64))| {
        let reach = points.len() / 60;
        let (from, to) = (i.saturating_sub(reach), (i + reach + 1).min(points.len()));
        (p.0, (sums[to] - sums[from]) / (to - from) as f64)
    };
    points.iter().enumerate().map(middle).collect()
}

/// Maximum number of points drawn per line: more than a screen's columns show nothing new.
const DRAWN: usize = 2000;

/// Averages neighbors, so that at most [`DRAWN`] points are left.
fn thin(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(DRAWN);
    if together < 2 {
        return points;
    }
    let mean = |some: &[(f64, f64)]| {
        let n = some.len() as f64;
        let (x, y) = some.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
        (x / n, y / n)
    };
    points.chunks(together).map(mean).collect()
}

/// A metric over the steps of one or several runs: learning rate, tokens/s. `unit` names the metric and its unit.
///
/// # Errors
/// [`Error::Empty`] if no run has a finite value.
pub fn course(
    heading: &Heading,
    unit: &str,
    runs: &[(String, Vec<(f64, f64)>)],
) -> Result<Picture, Error> {
    let mut table = Table::new(&["run", "step", unit]);
    let mut series = Vec::new();
    for (n, (name, points)) in runs.iter().enumerate() {
        let points = finite(points.clone());
        let row = |p: &(f64, f64)| vec![name.clone(), p.0.to_string(), p.1.to_string()];
        table.rows.extend(points.iter().map(row));
        if !points.is_empty() {
            series.push(Drawn {
                name: name.clone(),
                stroke: stroke(n),
                shape: Shape::Line,
                points: thin(points),
                in_legend: true,
            });
        }
    }
    let all = || series.iter().flat_map(|s: &Drawn| &s.points);
    if all().next().is_none() {
        return Err(Error::Empty(format!(
            "'{}' has no figures yet",
            heading.title
        )));
    }
    let last = all().map(|p| p.0).fold(0.0, f64::max).max(1.0);
    let highest = all().map(|p| p.1).fold(0.0, f64::max);
    let (low, high) = scale::round_out(0.0, highest, 5);
    let plot = Plot {
        heading,
        width: WIDE,
        height: Some(LOW),
        x: whole_axis("step", last),
        y: axis(unit, low, high, 5),
        legend: Place::Above,
        references: Vec::new(),
        bands: Vec::new(),
        shaded: None,
        series,
        marks: Vec::new(),
        table,
    };
    plot.draw()
}

/// Loss over the steps of one or several runs, in nats. The noisy line of single steps is drawn pale behind its running
/// mean; each run's lowest validation loss is marked.
///
/// # Errors
/// [`Error::Empty`] if no run has a finite loss.
pub fn losses(heading: &Heading, runs: &[LossLine]) -> Result<Picture, Error> {
    let mut table = Table::new(&["run", "series", "step", "loss"]);
    let (mut series, mut marks) = (Vec::new(), Vec::new());
    let (mut back, mut front) = (Vec::new(), Vec::new());
    for (n, run) in runs.iter().enumerate() {
        let named = |what: &str| {
            if run.name.is_empty() {
                what.to_owned()
            } else {
                format!("{}, {what}", run.name)
            }
        };
        let (training, validation) = (finite(run.training.clone()), finite(run.validation.clone()));
        for (what, points) in [("training", &training), ("validation", &validation)] {
            for p in points {
                table.rows.push(vec![
                    run.name.clone(),
                    what.to_owned(),
                    p.0.to_string(),
                    p.1.to_string(),
                ]);
            }
        }
        // One run: a color per line. Several: a color per run, training dashed.
        let color = if runs.len() == 1 { 0 } else { n };
        let other = if runs.len() == 1 { 1 } else { n };
        if !training.is_empty() {
            // With few steps, the line itself is shown.
            let noisy = training.len() >= 60;
            if noisy {
                back.push(Drawn {
                    name: named("train loss"),
                    stroke: Stroke {
                        width: 1.0,
                        opacity: 0.3,
                        dashed: false,
                        ..stroke(color)
                    },
                    shape: Shape::Line,
                    points: thin(training.clone()),
                    in_legend: true,
                });
            }
            series.push(Drawn {
                name: named(if noisy {
                    "train loss, running mean"
                } else {
                    "training"
                }),
                stroke: Stroke {
                    dashed: runs.len() > 1,
                    width: 2.0,
                    ..stroke(color)
                },
                shape: Shape::Line,
                points: if noisy {
                    thin(smooth(&training))
                } else {
                    training
                },
                in_legend: true,
            });
        }
        if let Some(&best) = validation.iter().min_by(|a, b| a.1.total_cmp(&b.1)) {
            marks.push(Mark {
                at: best,
                text: String::new(),
                above: true,
                paint: Paint::Series(other),
            });
            front.push(Drawn {
                name: named(&format!(
                    "val loss, best {} at step {}",
                    scale::number(best.1, 3),
                    scale::number(best.0, 0)
                )),
                stroke: stroke(other),
                shape: if validation.len() <= 40 {
                    Shape::Dotted
                } else {
                    Shape::Line
                },
                points: validation,
                in_legend: true,
            });
        }
    }
    series.extend(front);
    back.extend(series);
    let all = || back.iter().flat_map(|s| &s.points);
    if all().next().is_none() {
        return Err(Error::Empty(format!("'{}' has no loss yet", heading.title)));
    }
    let last = all().map(|p| p.0).fold(0.0, f64::max).max(1.0);
    let (low, high) = all().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| {
        (l.min(p.1), h.max(p.1))
    });
    let (low, high) = scale::round_out(low, high, 5);
    let plot = Plot {
        heading,
        width: WIDE,
        height: Some(LOW),
        x: whole_axis("step", last),
        y: axis("loss (nats)", low, high, 5),
        legend: Place::Above,
        references: Vec::new(),
        bands: Vec::new(),
        shaded: None,
        series: back,
        marks,
        table,
    };
    plot.draw()
}

/// A group of values of a histogram.
#[derive(Clone, Debug)]
pub struct Group {
    /// The legend's label.
    pub name: String,
    /// Number of values per bin.
    pub counts: Vec<u64>,
}

/// A distribution: `edges` are n + 1 rising numbers, and each group has n counts. Several groups are drawn as shares of
/// their own size, so that groups of different size can be compared; one group is drawn as counts.
///
/// # Errors
/// [`Error::Empty`] without a bin or a count, or if edges and counts do not match.
pub fn histogram(
    heading: &Heading,
    x_title: &str,
    edges: &[f64],
    groups: &[Group],
) -> Result<Picture, Error> {
    let bins = edges.len().saturating_sub(1);
    let fits = bins > 0 && groups.iter().all(|g| g.counts.len() == bins);
    let rising = edges.windows(2).all(|w| w[1] > w[0]) && edges.iter().all(|e| e.is_finite());
    if !fits || !rising || groups.iter().all(|g| g.counts.iter().all(|&c| c == 0)) {
        return Err(Error::Empty(format!(
            "'{}' has no counts that fit its bins",
            heading.title
        )));
    }
    let mut table = Table::new(&["group", "from", "to", "count"]);
    let as_shares = groups.len() > 1;
    let mut series = Vec::new();
    let mut highest = 0.0f64;
    for (n, group) in groups.iter().enumerate() {
        for (edge, count) in edges.windows(2).zip(&group.counts) {
            table.rows.push(vec![
                group.name.clone(),
                edge[0].to_string(),
                edge[1].to_string(),
                count.to_string(),
            ]);
        }
        let sum = group.counts.iter().sum::<u64>().max(1) as f64;
        let values = group
            .counts
            .iter()
            .map(|&c| if as_shares { c as f64 / sum } else { c as f64 });
        // Two groups overlap, half transparent; more are drawn side by side.
        let beside = if groups.len() > 2 { groups.len() } else { 1 };
        let place = if beside > 1 {
            n as f64 / beside as f64
        } else {
            0.0
        };
        let points: Vec<(f64, f64)> = edges
            .windows(2)
            .zip(values)
            .map(|(e, v)| (e[0] + (e[1] - e[0]) * place, v))
            .collect();
        highest = points.iter().fold(highest, |h, p| h.max(p.1));
        let bin = (edges[bins] - edges[0]) / bins as f64;
        series.push(Drawn {
            name: group.name.clone(),
            stroke: Stroke {
                opacity: if groups.len() == 2 { 0.55 } else { 1.0 },
                ..stroke(n)
            },
            shape: Shape::Bars(bin / beside as f64),
            points,
            in_legend: as_shares,
        });
    }
    let (_, high) = scale::round_out(0.0, highest, 5);
    let plot = Plot {
        heading,
        width: WIDE,
        height: Some(LOW),
        x: axis(x_title, edges[0], edges[bins], 10),
        y: axis(
            if as_shares {
                "fraction of class"
            } else {
                "count"
            },
            0.0,
            high,
            5,
        ),
        legend: Place::Above,
        references: Vec::new(),
        bands: Vec::new(),
        shaded: None,
        series,
        marks: Vec::new(),
        table,
    };
    plot.draw()
}
