//! Charts of evaluations and runs: drawn by the charts crate, written as SVG, PNG and CSV.

use std::path::{Path, PathBuf};

use repartee_charts::{Curve, Group, LossLine, Picture, Reliability, Theme, Threshold};
use repartee_core::error::{Error, Result};
use repartee_core::format::counted;
use repartee_models::metrics::{self, Interval, Roc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::evaluation::compared::{Compared, compared, shortfall};
use crate::evaluation::confidence::roc_band;
use crate::evaluation::evaluate::EvaluationInfo;
use crate::evaluation::figures::{Figures, Predictions, of_classifier};
use crate::evaluation::labels::{Labels, labels};

/// Dots of a PNG per pixel of the chart: sharp on any screen.
const PNG_SCALE: f64 = 2.0;

/// What can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum ChartKind {
    /// True positive rate over false positive rate.
    Roc,
    Pr,
    Confusion,
    /// Predicted probability against observed frequency.
    Calibration,
    /// Distribution of the predicted probabilities, by true class.
    Scores,
    /// Loss over the steps of runs.
    Loss,
    /// Learning rate over the steps of runs.
    Lr,
    /// Tokens/s over the steps of runs.
    Throughput,
}

impl ChartKind {
    /// Reads roc, pr, confusion, calibration, scores, loss, lr or throughput.
    ///
    /// # Errors
    /// [`crate::Code::Usage`] if it is none of them.
    pub fn parse(word: &str) -> Result<Self> {
        Ok(match word {
            "roc" => Self::Roc,
            "pr" => Self::Pr,
            "confusion" => Self::Confusion,
            "calibration" => Self::Calibration,
            "scores" => Self::Scores,
            "loss" => Self::Loss,
            "lr" => Self::Lr,
            "throughput" => Self::Throughput,
            _ => {
                return Err(Error::usage(format!(
                    "there is no chart {word:?}; there are roc, pr, confusion, calibration, scores, loss, lr and throughput"
                )));
            }
        })
    }

    /// Whether it shows the course of trainings, not evaluations.
    fn is_of_runs(self) -> bool {
        matches!(self, Self::Loss | Self::Lr | Self::Throughput)
    }

    /// The figures of its curves, as [`Compared`] names them.
    fn figures(self) -> &'static [&'static str] {
        match self {
            Self::Roc => &["auc"],
            Self::Pr => &["average_precision"],
            Self::Calibration => &["log_loss", "brier"],
            _ => &[],
        }
    }
}

/// Each name once, in their order.
fn once(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut all = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// An evaluation's figures with baselines, at the threshold that its config has now.
fn at_threshold(evaluation: &EvaluationInfo, predictions: &Predictions) -> Vec<Compared> {
    match (&evaluation.figures, evaluation.config.threshold) {
        (Figures::Classifier(f), Some(threshold)) => {
            let names = &evaluation.config.classes;
            let judged = of_classifier(predictions, names, threshold, f.baseline.clone());
            compared(&Figures::Classifier(judged))
        }
        _ => evaluation.compared.clone(),
    }
}

/// The figures of several curves that do not beat their baselines, each with the name of its curve.
fn curves_below(kind: ChartKind, evaluations: &[&EvaluationInfo], names: &[String]) -> String {
    let mut below = Vec::new();
    for (evaluation, name) in evaluations.iter().zip(names) {
        let figures = evaluation.compared.iter();
        let worse = figures
            .filter(|one| kind.figures().contains(&one.figure.as_str()) && !one.worse.is_empty());
        below.extend(worse.map(|one| format!("{name}: {}", one.shortfall())));
    }
    below.join("; ")
}

fn curve_of(name: String, roc: &Roc, is_mean: bool, baseline: (&str, f64)) -> Curve {
    Curve {
        name,
        points: roc
            .corners()
            .iter()
            .map(|p| (p.fpr, p.tpr, p.threshold))
            .collect(),
        area: Some(roc.auc),
        baseline: Some((baseline.0.to_owned(), baseline.1)),
        is_mean,
        ..Curve::default()
    }
}

/// The ROC curves of the shortcuts that an evaluation was audited for.
fn shortcut_curves(evaluation: &EvaluationInfo) -> Vec<Curve> {
    let audit = match &evaluation.figures {
        Figures::Classifier(figures) => figures.audit.as_ref(),
        Figures::Generator(_) => None,
    };
    let shortcuts = audit.into_iter().flat_map(|audit| &audit.shortcuts);
    shortcuts
        .map(|one| Curve {
            name: one.name.clone(),
            points: one.roc.iter().map(|&(fpr, tpr)| (fpr, tpr, None)).collect(),
            area: one.auc,
            interval: one.interval.map(ends),
            ..Curve::default()
        })
        .filter(|curve| !curve.points.is_empty())
        .collect()
}

/// The stored interval of a figure of an evaluation.
fn interval_of(evaluation: &EvaluationInfo, figure: &str) -> Option<(f64, f64)> {
    let one = evaluation
        .compared
        .iter()
        .find(|one| one.figure == figure)?;
    one.interval.map(ends)
}

/// The stored interval of the AUC of a class against the rest.
fn interval_of_class(evaluation: &EvaluationInfo, class: usize) -> Option<(f64, f64)> {
    match &evaluation.figures {
        Figures::Classifier(figures) => figures.classes.get(class)?.auc_interval.map(ends),
        Figures::Generator(_) => None,
    }
}

fn ends(interval: Interval) -> (f64, f64) {
    (interval.low, interval.high)
}

/// The baseline of an AUC of one class against the rest, or of the mean of several.
const CHANCE: (&str, f64) = ("chance", 0.5);

/// The baseline of a figure that is hardest to beat, of those where more is better.
fn hardest<'a>(evaluation: &'a EvaluationInfo, figure: &str) -> (&'a str, f64) {
    let one = evaluation.compared.iter().find(|one| one.figure == figure);
    let baselines = one.into_iter().flat_map(|one| &one.baselines);
    baselines
        .map(|baseline| (baseline.name.as_str(), baseline.value))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or(CHANCE)
}

/// Number of bars in a histogram of probabilities.
const SCORE_BARS: usize = 20;

/// Distribution of a class's probability, by true class.
fn spread(predictions: &Predictions, class: usize, names: &[String]) -> Vec<Group> {
    let p = predictions.of_class(class);
    let bars = |truth: usize| {
        let mut counts = vec![0; SCORE_BARS];
        for (p, label) in p.iter().zip(&predictions.labels) {
            if *label == truth && p.is_finite() {
                counts[((p * SCORE_BARS as f64) as usize).min(SCORE_BARS - 1)] += 1;
            }
        }
        counts
    };
    let groups = names.iter().enumerate().map(|(truth, name)| Group {
        name: name.clone(),
        counts: bars(truth),
    });
    groups
        .filter(|group| group.counts.iter().any(|n| *n > 0))
        .collect()
}

impl Engine {
    /// Draws a chart of evaluations (as [`Engine::evaluation_of`] names them), or of runs' losses.
    ///
    /// Several realism evaluations share one ROC, precision-recall or calibration chart; a model with more classes has
    /// a chart of its own.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`] if there is nothing to draw, [`crate::Code::Usage`] if it cannot be drawn in one
    /// chart.
    pub fn chart(&self, kind: ChartKind, of: &[String]) -> Result<Picture> {
        self.chart_at(kind, of, None)
    }

    /// As [`Engine::chart`], at another threshold than the evaluation's.
    ///
    /// # Errors
    /// As [`Engine::chart`].
    pub fn chart_at(
        &self,
        kind: ChartKind,
        of: &[String],
        threshold: Option<f64>,
    ) -> Result<Picture> {
        if of.is_empty() {
            return Err(Error::usage("name a run or an evaluation number to draw"));
        }
        match kind {
            ChartKind::Loss => return self.loss_chart(of),
            ChartKind::Lr => return self.course_chart(of, "Learning rate", "lr", "learning rate"),
            ChartKind::Throughput => {
                return self.course_chart(of, "Throughput", "tokens_per_s", "tokens/s");
            }
            _ => {}
        }
        let mut evaluations = Vec::with_capacity(of.len());
        for mut evaluation in self.charted(kind, of)? {
            if let (Some(new), Some(_)) = (threshold, evaluation.config.threshold) {
                evaluation.config.threshold = Some(new);
            }
            let predictions = self.predictions(evaluation.id)?;
            evaluations.push((evaluation, predictions));
        }
        let (first, predictions) = &evaluations[0];
        let alone = evaluations.len() == 1;
        let binary = evaluations.iter().all(|(_, p)| p.classes == 2);
        if !alone && (!binary || matches!(kind, ChartKind::Confusion | ChartKind::Scores)) {
            return Err(Error::usage(
                "only ROC, precision-recall and calibration of two classes can share a chart",
            ));
        }
        let infos: Vec<&EvaluationInfo> = evaluations.iter().map(|(e, _)| e).collect();
        let Labels { shared, names } = labels(&infos);
        let names = match alone {
            true => vec!["real".to_owned()],
            false => names,
        };
        let title = |what: &str| {
            let runs = once(infos.iter().map(|e| e.run.clone()));
            // after what it was measured on, which is never cut
            let worse = match alone {
                true => shortfall(&at_threshold(first, predictions)),
                false => curves_below(kind, &infos, &names),
            };
            let measured = match worse.as_str() {
                "" => shared.clone(),
                worse => format!("{shared}. Below its baseline: {worse}"),
            };
            self.heading(format!("{what}: {}", runs.join(", ")), measured)
        };
        let threshold = first.config.threshold.filter(|_| alone);
        let marked = |rates: fn(&Predictions, f64) -> Option<(f64, f64)>| {
            let threshold = threshold?;
            Some(Threshold {
                curve: 0,
                at: rates(predictions, threshold)?,
                threshold,
            })
        };
        let picture = match kind {
            ChartKind::Roc if binary => {
                let band = match alone {
                    true => self.band_of(first, predictions)?,
                    false => Vec::new(),
                };
                let mut curves: Vec<Curve> = evaluations
                    .iter()
                    .zip(&names)
                    .filter_map(|((e, p), name)| {
                        let roc = metrics::roc(&p.of_class(1), &p.is_class(1))?;
                        Some(Curve {
                            interval: interval_of(e, "auc"),
                            band: band.clone(),
                            ..curve_of(name.clone(), &roc, false, hardest(e, "auc"))
                        })
                    })
                    .collect();
                if alone && !curves.is_empty() {
                    curves.extend(shortcut_curves(first));
                }
                repartee_charts::roc(&title("ROC")?, &curves, marked(Predictions::on_roc))
            }
            ChartKind::Roc => {
                let by_class =
                    metrics::roc_by_class(&predictions.p, predictions.classes, &predictions.labels);
                let mut curves: Vec<Curve> = by_class
                    .classes
                    .iter()
                    .zip(&first.config.classes)
                    .enumerate()
                    .filter_map(|(class, (roc, name))| {
                        Some(Curve {
                            interval: interval_of_class(first, class),
                            ..curve_of(name.clone(), roc.as_ref()?, false, CHANCE)
                        })
                    })
                    .collect();
                let there = curves.len();
                let of_classes = match there == predictions.classes {
                    true => String::new(),
                    false => format!(" of {there} classes"),
                };
                let prior = metrics::prior_micro_auc(&predictions.counts());
                let prior = prior.map_or(CHANCE, |auc| ("prior", auc));
                for (average, mean, baseline, figure) in [
                    ("micro", &by_class.micro, prior, "micro_auc"),
                    ("macro", &by_class.macro_mean, hardest(first, "auc"), "auc"),
                ] {
                    let name = format!("{average}-average{of_classes}");
                    curves.extend(mean.as_ref().map(|roc| Curve {
                        interval: interval_of(first, figure),
                        ..curve_of(name, roc, true, baseline)
                    }));
                }
                repartee_charts::roc(&title("ROC")?, &curves, None)
            }
            ChartKind::Pr => {
                let mut curves = Vec::new();
                let mut rate = None;
                for ((e, p), named) in evaluations.iter().zip(&names) {
                    let classes = if binary { 1..2 } else { 0..p.classes };
                    for class in classes {
                        let Some(pr) =
                            metrics::precision_recall(&p.of_class(class), &p.is_class(class))
                        else {
                            continue;
                        };
                        let name = if binary {
                            named.clone()
                        } else {
                            first.config.classes[class].clone()
                        };
                        rate = Some(pr.base_rate).filter(|_| binary && alone);
                        curves.push(Curve {
                            name,
                            points: pr
                                .points
                                .iter()
                                .map(|p| (p.recall, p.precision, p.threshold))
                                .collect(),
                            area: Some(pr.average_precision),
                            interval: interval_of(e, "average_precision").filter(|_| binary),
                            baseline: Some(("prior".to_owned(), pr.base_rate)),
                            ..Curve::default()
                        });
                    }
                }
                repartee_charts::precision_recall(
                    &title("Precision–recall")?,
                    &curves,
                    rate,
                    marked(Predictions::on_precision_recall).filter(|_| binary),
                )
            }
            ChartKind::Confusion => {
                let counts = predictions
                    .confusion(first.config.threshold.unwrap_or(0.5))
                    .counts;
                repartee_charts::confusion(&title("Confusion")?, &first.config.classes, &counts)
            }
            ChartKind::Scores => {
                let class = if binary { 1 } else { predictions.classes - 1 };
                let groups = spread(predictions, class, &first.config.classes);
                let axis = format!("probability of \"{}\"", first.config.classes[class]);
                let edges: Vec<f64> = (0..=SCORE_BARS)
                    .map(|i| i as f64 / SCORE_BARS as f64)
                    .collect();
                repartee_charts::histogram(&title("Scores")?, &axis, &edges, &groups)
            }
            // charts of runs were drawn above
            ChartKind::Calibration | ChartKind::Loss | ChartKind::Lr | ChartKind::Throughput => {
                let mut lines = Vec::new();
                for ((_, p), named) in evaluations.iter().zip(&names) {
                    let classes = if binary { 1..2 } else { 0..p.classes };
                    for class in classes {
                        let bins = metrics::calibration(&p.of_class(class), &p.is_class(class), 10);
                        let bins = bins.into_iter().map(|b| Reliability {
                            predicted: b.predicted,
                            observed: b.observed,
                            count: b.count,
                        });
                        let name = if binary {
                            named.clone()
                        } else {
                            first.config.classes[class].clone()
                        };
                        lines.push((name, bins.collect()));
                    }
                }
                repartee_charts::calibration(&title("Calibration")?, &lines)
            }
        };
        Ok(picture?)
    }

    /// The evaluations that a chart shows, each once; none for a chart of runs.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`] if there is none of that name.
    pub fn charted(&self, kind: ChartKind, of: &[String]) -> Result<Vec<EvaluationInfo>> {
        let mut all: Vec<EvaluationInfo> = Vec::with_capacity(of.len());
        for what in of.iter().filter(|_| !kind.is_of_runs()) {
            let evaluation = self.evaluation_of(what)?;
            if all.iter().all(|one| one.id != evaluation.id) {
                all.push(evaluation);
            }
        }
        Ok(all)
    }

    /// The band of the ROC curve of an evaluation of two classes; empty if it was stored without intervals.
    pub(super) fn band_of(
        &self,
        evaluation: &EvaluationInfo,
        predictions: &Predictions,
    ) -> Result<Vec<(f64, f64, f64)>> {
        let Some(confidence) = evaluation.figures.confidence() else {
            return Ok(Vec::new());
        };
        let threads = self.evaluation_threads(evaluation.id)?;
        Ok(threads.map_or_else(Vec::new, |threads| {
            roc_band(predictions, &threads, confidence.seed)
        }))
    }

    fn course_chart(&self, of: &[String], what: &str, figure: &str, unit: &str) -> Result<Picture> {
        let of = once(of.iter().cloned());
        let mut runs = Vec::with_capacity(of.len());
        for name in &of {
            let course = self.run_figure(name, figure)?.into_iter();
            let points = course.filter_map(|(step, value)| Some((step as f64, value?)));
            runs.push((name.clone(), points.collect()));
        }
        let heading = self.heading(format!("{what}: {}", of.join(", ")), String::new())?;
        Ok(repartee_charts::course(&heading, unit, &runs)?)
    }

    fn loss_chart(&self, of: &[String]) -> Result<Picture> {
        let of = once(of.iter().cloned());
        let mut lines = Vec::with_capacity(of.len());
        let mut words = Vec::new();
        for name in &of {
            let figure = |what: &str| -> Result<Vec<(f64, f64)>> {
                let course = self.run_figure(name, what)?;
                Ok(course
                    .into_iter()
                    .filter_map(|(step, value)| Some((step as f64, value?)))
                    .collect())
            };
            lines.push(LossLine {
                name: if of.len() == 1 {
                    String::new()
                } else {
                    name.clone()
                },
                training: figure("loss")?,
                validation: figure("val_loss")?,
            });
            if let Some(facts) = self.run_show(name)?.facts {
                words.push(format!(
                    "{name}: split {}, {}, {} with {}",
                    facts.split,
                    counted(facts.train_examples, "example", "examples"),
                    facts.device,
                    counted(facts.threads, "thread", "threads")
                ));
            }
        }
        let heading = self.heading(format!("Loss: {}", of.join(", ")), words.join("; "))?;
        Ok(repartee_charts::losses(&heading, &lines)?)
    }

    /// Draws a chart into files; the extension gives the format: .svg, .png or .csv. A name without one gives all
    /// three. Returns the files written.
    ///
    /// # Errors
    /// As [`Engine::chart`]; [`crate::Code::Usage`] for another extension, or if a file cannot be written.
    pub fn chart_files(
        &self,
        kind: ChartKind,
        of: &[String],
        out: &[PathBuf],
    ) -> Result<Vec<PathBuf>> {
        self.chart_files_at(kind, of, None, out)
    }

    /// As [`Engine::chart_files`], at another threshold than the evaluation's.
    ///
    /// # Errors
    /// As [`Engine::chart_files`].
    pub fn chart_files_at(
        &self,
        kind: ChartKind,
        of: &[String],
        threshold: Option<f64>,
        out: &[PathBuf],
    ) -> Result<Vec<PathBuf>> {
        save(out, || self.chart_at(kind, of, threshold))
    }
}

/// Writes a chart into files by their extensions, after checking that all of them can be written.
pub(crate) fn save(
    out: &[PathBuf],
    draw: impl FnOnce() -> Result<Picture>,
) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in out {
        match path.extension().and_then(|e| e.to_str()) {
            Some("svg" | "png" | "csv") => files.push(path.clone()),
            None => files.extend(["svg", "png", "csv"].map(|ending| path.with_extension(ending))),
            Some(other) => {
                return Err(Error::usage(format!(
                    "a chart is written as .svg, .png or .csv, not as .{other}"
                )));
            }
        }
    }
    let picture = draw()?;
    for file in &files {
        let bytes = match file.extension().and_then(|e| e.to_str()) {
            Some("png") => picture.png(PNG_SCALE, Theme::Light)?,
            Some("csv") => picture.csv()?.into_bytes(),
            _ => picture.svg.clone().into_bytes(),
        };
        write(file, &bytes)?;
    }
    Ok(files)
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(file, bytes).map_err(|e| Error::io("write", file, &e))
}
