//! Charts of evaluations and runs: drawn once by the charts crate, written as SVG, PNG and CSV.

use std::path::{Path, PathBuf};

use repartee_charts::{Curve, Heading, LossLine, Picture, Reliability, Theme};
use repartee_models::metrics::{self, Roc};
use serde::{Deserialize, Serialize};

use crate::Engine;
use crate::error::{Error, Result};
use crate::evaluate::EvaluationInfo;

/// Dots of a PNG to a pixel of the picture: sharp on any screen.
const PNG_SCALE: f64 = 2.0;

/// What can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChartKind {
    /// Share of positives found over share of negatives taken for positive.
    Roc,
    /// Precision over recall.
    Pr,
    /// How often each class was taken for each.
    Confusion,
    /// Predicted probability against what was seen.
    Calibration,
    /// Loss over the steps of runs.
    Loss,
}

impl ChartKind {
    /// Reads roc, pr, confusion, calibration or loss.
    ///
    /// # Errors
    /// [`crate::Code::Usage`] when it is none of them.
    pub fn parse(word: &str) -> Result<Self> {
        Ok(match word {
            "roc" => Self::Roc,
            "pr" => Self::Pr,
            "confusion" => Self::Confusion,
            "calibration" => Self::Calibration,
            "loss" => Self::Loss,
            _ => {
                return Err(Error::usage(format!(
                    "there is no chart {word:?}; there are roc, pr, confusion, calibration and loss"
                )));
            }
        })
    }
}

/// What an evaluation was measured on: the line under a chart's title.
fn measured_on(evaluation: &EvaluationInfo) -> String {
    let config = &evaluation.config;
    let mut text = format!(
        "split {}, {} side, {} at step {}, seed {}, {} with {} threads",
        evaluation.split,
        evaluation.side,
        config.checkpoint,
        config.step,
        config.seed,
        config.device,
        config.threads
    );
    if let (Some(name), Some(fakes)) = (&evaluation.fakes, &config.fakes) {
        let decode = &fakes.decode;
        text.push_str(&format!(
            ", fakes {name} by {} (temperature {}, top-k {}, top-p {})",
            fakes.generator, decode.temperature, decode.top_k, decode.top_p
        ));
    }
    text
}

fn curve_of(name: String, roc: &Roc, is_mean: bool) -> Curve {
    Curve {
        name,
        points: roc
            .corners()
            .iter()
            .map(|p| (p.fpr, p.tpr, p.threshold))
            .collect(),
        area: Some(roc.auc),
        is_mean,
    }
}

impl Engine {
    /// Draws a chart of evaluations (a number, or a run: its latest one), or of runs' losses.
    ///
    /// Several realism evaluations share one ROC, precision-recall or calibration chart; a model of more
    /// classes has a chart of its own.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`] when there is nothing to draw, [`crate::Code::Usage`] when it cannot be
    /// drawn together.
    pub fn chart(&self, kind: ChartKind, of: &[String]) -> Result<Picture> {
        if of.is_empty() {
            return Err(Error::usage(
                "name a run or the number of an evaluation to draw",
            ));
        }
        if kind == ChartKind::Loss {
            return self.loss_chart(of);
        }
        let mut evaluations = Vec::with_capacity(of.len());
        for what in of {
            let evaluation = self.evaluation_of(what)?;
            let predictions = self.predictions(evaluation.id)?;
            evaluations.push((evaluation, predictions));
        }
        let (first, predictions) = &evaluations[0];
        let alone = evaluations.len() == 1;
        let binary = evaluations.iter().all(|(_, p)| p.classes == 2);
        if !alone && (!binary || kind == ChartKind::Confusion) {
            return Err(Error::usage(
                "only ROC, precision-recall and calibration of two classes are drawn together",
            ));
        }
        let title = |what: &str| {
            let runs: Vec<&str> = evaluations.iter().map(|(e, _)| e.run.as_str()).collect();
            Heading {
                title: format!("{what}: {}", runs.join(", ")),
                measured_on: measured_on(first),
            }
        };
        let threshold = first.config.threshold.filter(|_| alone).map(|t| (0, t));
        let name_of = |e: &EvaluationInfo| {
            if alone {
                "real".to_owned()
            } else {
                e.run.clone()
            }
        };
        let picture = match kind {
            ChartKind::Roc if binary => {
                let curves: Vec<Curve> = evaluations
                    .iter()
                    .filter_map(|(e, p)| {
                        let roc = metrics::roc(&p.of_class(1), &p.is_class(1))?;
                        Some(curve_of(name_of(e), &roc, false))
                    })
                    .collect();
                repartee_charts::roc(&title("ROC"), &curves, threshold)
            }
            ChartKind::Roc => {
                let by_class =
                    metrics::roc_by_class(&predictions.p, predictions.classes, &predictions.labels);
                let mut curves: Vec<Curve> = by_class
                    .classes
                    .iter()
                    .zip(&first.config.classes)
                    .filter_map(|(roc, name)| Some(curve_of(name.clone(), roc.as_ref()?, false)))
                    .collect();
                for (name, mean) in [
                    ("micro mean", &by_class.micro),
                    ("macro mean", &by_class.macro_mean),
                ] {
                    curves.extend(
                        mean.as_ref()
                            .map(|roc| curve_of(name.to_owned(), roc, true)),
                    );
                }
                repartee_charts::roc(&title("ROC"), &curves, None)
            }
            ChartKind::Pr => {
                let mut curves = Vec::new();
                let mut rate = None;
                for (e, p) in &evaluations {
                    let classes = if binary { 1..2 } else { 0..p.classes };
                    for class in classes {
                        let Some(pr) =
                            metrics::precision_recall(&p.of_class(class), &p.is_class(class))
                        else {
                            continue;
                        };
                        let name = if binary {
                            name_of(e)
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
                            is_mean: false,
                        });
                    }
                }
                repartee_charts::precision_recall(
                    &title("Precision and recall"),
                    &curves,
                    rate,
                    threshold,
                )
            }
            ChartKind::Confusion => {
                let counts = predictions
                    .confusion(first.config.threshold.unwrap_or(0.5))
                    .counts;
                repartee_charts::confusion(&title("Confusion"), &first.config.classes, &counts)
            }
            ChartKind::Calibration | ChartKind::Loss => {
                let mut lines = Vec::new();
                for (e, p) in &evaluations {
                    let classes = if binary { 1..2 } else { 0..p.classes };
                    for class in classes {
                        let bins = metrics::calibration(&p.of_class(class), &p.is_class(class), 10);
                        let bins = bins.into_iter().map(|b| Reliability {
                            predicted: b.predicted,
                            observed: b.observed,
                            count: b.count,
                        });
                        let name = if binary {
                            name_of(e)
                        } else {
                            first.config.classes[class].clone()
                        };
                        lines.push((name, bins.collect()));
                    }
                }
                repartee_charts::calibration(&title("Calibration"), &lines)
            }
        };
        Ok(picture?)
    }

    fn loss_chart(&self, of: &[String]) -> Result<Picture> {
        let mut lines = Vec::with_capacity(of.len());
        let mut words = Vec::new();
        for name in of {
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
                    "{name}: split {}, {} examples, {} with {} threads",
                    facts.split, facts.train_examples, facts.device, facts.threads
                ));
            }
        }
        let heading = Heading {
            title: format!("Loss: {}", of.join(", ")),
            measured_on: words.join("; "),
        };
        Ok(repartee_charts::losses(&heading, &lines)?)
    }

    /// Draws a chart into files; the ending says what each is: .svg, .png or .csv. A name without one gives
    /// all three. Gives what was written.
    ///
    /// # Errors
    /// As [`Engine::chart`]; [`crate::Code::Usage`] for another ending, or when a file cannot be written.
    pub fn chart_files(
        &self,
        kind: ChartKind,
        of: &[String],
        out: &[PathBuf],
    ) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for path in out {
            match path.extension().and_then(|e| e.to_str()) {
                Some("svg" | "png" | "csv") => files.push(path.clone()),
                None => {
                    files.extend(["svg", "png", "csv"].map(|ending| path.with_extension(ending)))
                }
                Some(other) => {
                    return Err(Error::usage(format!(
                        "a chart is written as .svg, .png or .csv, not as .{other}"
                    )));
                }
            }
        }
        let picture = self.chart(kind, of)?;
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
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(file, bytes).map_err(|e| Error::io("write", file, &e))
}
