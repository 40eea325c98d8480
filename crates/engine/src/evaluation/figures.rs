//! From predictions to metrics: pure functions, so that a stored evaluation can be recomputed at another threshold
//! without its model.

use repartee_models::metrics::{self, Confusion, Interval, ordinal, prior_shift};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::evaluation::audit::ShortcutAudit;
use crate::evaluation::confidence::Confidence;

/// Predictions of a classifier of K classes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Predictions {
    /// K.
    pub classes: usize,
    /// True class of each example, (N).
    pub labels: Vec<usize>,
    /// The probabilities, (N, K) row-major.
    pub p: Vec<f64>,
}

impl Predictions {
    /// Probability of class `k` of each example, (N).
    pub fn of_class(&self, k: usize) -> Vec<f64> {
        self.p
            .iter()
            .skip(k)
            .step_by(self.classes.max(1))
            .copied()
            .collect()
    }

    /// Whether each example is of class `k`, (N).
    pub fn is_class(&self, k: usize) -> Vec<bool> {
        self.labels.iter().map(|&l| l == k).collect()
    }

    /// Area under the ROC curve of class 1 of two, or the macro-average over the classes that occur; `None` if fewer
    /// than two occur.
    pub fn auc(&self) -> Option<f64> {
        match self.classes {
            2 => metrics::roc(&self.of_class(1), &self.is_class(1)).map(|roc| roc.auc),
            classes => metrics::roc_by_class(&self.p, classes, &self.labels)
                .macro_mean
                .map(|roc| roc.auc),
        }
    }

    /// Number of examples of each class, (K).
    pub fn counts(&self) -> Vec<u64> {
        (0..self.classes)
            .map(|k| self.labels.iter().filter(|&&l| l == k).count() as u64)
            .collect()
    }

    /// The predicted class of each example: of two, class 1 if its probability is at least `threshold`; of more, the
    /// most probable.
    pub fn called(&self, threshold: f64) -> Vec<usize> {
        if self.classes == 2 {
            self.of_class(1)
                .into_iter()
                .map(|p| usize::from(p >= threshold))
                .collect()
        } else {
            metrics::argmax(&self.p, self.classes)
        }
    }

    /// The point of a threshold on the ROC curve of class 1 of two: false and true positive rate, counted at exactly
    /// that threshold. `None` if a class is missing.
    pub fn on_roc(&self, threshold: f64) -> Option<(f64, f64)> {
        let one = self.confusion(threshold).class(1);
        let negatives = one.fp + one.tn;
        let fpr = (negatives > 0).then(|| one.fp as f64 / negatives as f64)?;
        Some((fpr, one.recall?))
    }

    /// Its point on the precision-recall curve: recall and precision. `None` if nothing is predicted as class 1, or
    /// nothing is of it.
    pub fn on_precision_recall(&self, threshold: f64) -> Option<(f64, f64)> {
        let one = self.confusion(threshold).class(1);
        Some((one.recall?, one.precision?))
    }

    /// The probabilities whose calibration is measured, and whether each came true, (N): those of class 1 of two, or of
    /// the most probable class.
    pub fn judged(&self) -> (Vec<f64>, Vec<bool>) {
        match self.classes {
            2 => (self.of_class(1), self.is_class(1)),
            classes => metrics::top_label(&self.p, classes, &self.labels),
        }
    }

    /// Only the examples of these numbers, in this order.
    pub fn of_rows(&self, rows: &[usize]) -> Self {
        let k = self.classes;
        let of_row = |&n: &usize| self.p[n * k..(n + 1) * k].iter().copied();
        Self {
            classes: k,
            labels: rows.iter().map(|&n| self.labels[n]).collect(),
            p: rows.iter().flat_map(of_row).collect(),
        }
    }

    /// The confusion matrix of [`Predictions::called`].
    pub fn confusion(&self, threshold: f64) -> Confusion {
        metrics::confusion(&self.labels, &self.called(threshold), self.classes)
    }
}

/// One class against the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClassFigures {
    /// "real", "bin 2".
    pub name: String,
    /// Number of examples of it.
    pub examples: u64,
    /// Of this class, predicted as this one.
    pub tp: u64,
    /// Of another class, predicted as this one.
    pub fp: u64,
    /// Of another class, predicted as another.
    pub tn: u64,
    /// Of this class, predicted as another.
    #[serde(rename = "fn")]
    pub fn_: u64,
    /// tp / (tp + fp).
    pub precision: Option<f64>,
    /// tp / (tp + fn).
    pub recall: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<f64>,
    /// Area under its ROC curve.
    pub auc: Option<f64>,
    /// 95% interval of the AUC.
    #[serde(default)]
    pub auc_interval: Option<Interval>,
    pub average_precision: Option<f64>,
}

/// Baselines on the same examples: without learning, or without word order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct ClassifierBaseline {
    /// Always predicting the most frequent class of the evaluated examples.
    pub majority_accuracy: Option<f64>,
    /// Predicting the class shares of the evaluated examples as probabilities, for every example.
    pub prior_log_loss: Option<f64>,
    /// Brier score of the same probabilities.
    #[serde(default)]
    pub prior_brier: Option<f64>,
    /// Average precision of a constant score: the share of class 1 (two classes), or the mean share.
    #[serde(default)]
    pub prior_average_precision: Option<f64>,
    /// Micro-averaged AUC of the class shares as probabilities; more than two classes only. It is above 0.5 unless all
    /// classes are equally frequent.
    #[serde(default)]
    pub prior_micro_auc: Option<f64>,
    /// AUC (macro-average for more than two classes) of naive Bayes over the words of comment and reply.
    pub unigram_auc: Option<f64>,
    pub unigram_accuracy: Option<f64>,
}

/// Metrics of a classifier; `None` if undefined (a class is missing).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClassifierFigures {
    pub examples: u64,
    /// Decision threshold on the probability of class 1; with more than two classes none: the most probable class is
    /// predicted.
    pub threshold: Option<f64>,
    /// Area under the ROC curve of class 1 (two classes), or the macro-average.
    pub auc: Option<f64>,
    /// The classes in this average, by name: those that occur among the examples. Empty for two classes.
    #[serde(default)]
    pub auc_over: Vec<String>,
    /// Micro-average: area under the ROC curve of all decisions pooled, of the classes that occur; more than two classes
    /// only.
    pub micro_auc: Option<f64>,
    /// Mean of the classes' AUCs, weighted by their examples; more than two classes only.
    #[serde(default)]
    pub weighted_auc: Option<f64>,
    /// Share of correct predictions.
    pub accuracy: Option<f64>,
    /// F1 of class 1 (two classes), or the mean over the classes that occur in labels or predictions.
    pub f1: Option<f64>,
    /// As F1; with more than two classes 0 for a class that is never predicted.
    pub precision: Option<f64>,
    /// As F1; with more than two classes 0 for a class that is only predicted.
    pub recall: Option<f64>,
    /// Matthews correlation coefficient.
    #[serde(default)]
    pub matthews: Option<f64>,
    /// Mean -ln p(truth) in nats.
    pub log_loss: Option<f64>,
    /// Average precision of class 1 (two classes), or the mean over the classes.
    #[serde(default)]
    pub average_precision: Option<f64>,
    /// Average precision of the same decisions; more than two classes only.
    #[serde(default)]
    pub micro_average_precision: Option<f64>,
    /// Mean of the classes' average precisions, weighted by their examples; more than two classes only.
    #[serde(default)]
    pub weighted_average_precision: Option<f64>,
    /// Brier score: mean squared error of p(class 1) for two classes (0 to 1); for more, summed over the classes (0 to
    /// 2).
    pub brier: Option<f64>,
    /// Expected calibration error over ten bins of p(class 1) for two classes; for more, of the most probable class.
    pub calibration_error: Option<f64>,
    /// Quadratic weighted kappa; more than two classes only.
    pub quadratic_kappa: Option<f64>,
    /// Rank correlation between the expected and the true bin; more than two classes only.
    pub spearman: Option<f64>,
    /// Kendall's tau-b of the same two; more than two classes only.
    #[serde(default)]
    pub kendall_tau: Option<f64>,
    /// Mean distance between the expected and the true bin, in bins; more than two classes only.
    #[serde(default)]
    pub mean_absolute_error: Option<f64>,
    /// Each class against the rest.
    pub classes: Vec<ClassFigures>,
    /// `confusion[truth][called]`.
    pub confusion: Vec<Vec<u64>>,
    pub baseline: ClassifierBaseline,
    /// None with too few threads, and in evaluations of earlier versions.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// On the test set, if the same checkpoint was evaluated on the validation set before.
    #[serde(default)]
    pub calibrated: Option<Calibrated>,
    /// Of a realism evaluation, once it was audited for shortcuts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub audit: Option<ShortcutAudit>,
}

/// The figures after temperature scaling, which was fitted on other examples than it is measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Calibrated {
    /// Divides the logits: above 1, the model is too sure.
    pub temperature: f64,
    /// Number of examples of the validation set that it was fitted on.
    pub fitted_on: u64,
    pub log_loss: Option<f64>,
    pub brier: Option<f64>,
    pub calibration_error: Option<f64>,
}

/// Metrics of a generator over the tokens of real replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GeneratorFigures {
    pub examples: u64,
    /// Number of reply tokens, including end tokens.
    pub tokens: u64,
    /// Mean -ln p of a token in nats.
    pub loss: Option<f64>,
    /// exp of the loss: the number of equally likely tokens that the model chooses between.
    pub perplexity: Option<f64>,
    /// Perplexity of a unigram model of the training replies.
    pub unigram_perplexity: Option<f64>,
    /// Perplexity of a uniform distribution: the size of the vocabulary.
    pub chance_perplexity: u64,
    /// None with too few threads, and in evaluations of earlier versions.
    #[serde(default)]
    pub confidence: Option<Confidence>,
}

/// The metrics of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "of", rename_all = "kebab-case")]
// one per evaluation, never a long list
#[allow(clippy::large_enum_variant)]
pub enum Figures {
    Generator(GeneratorFigures),
    Classifier(ClassifierFigures),
}

impl Figures {
    /// Number of evaluated examples.
    pub fn examples(&self) -> u64 {
        match self {
            Self::Generator(f) => f.examples,
            Self::Classifier(f) => f.examples,
        }
    }

    pub fn confidence(&self) -> Option<&Confidence> {
        match self {
            Self::Generator(f) => f.confidence.as_ref(),
            Self::Classifier(f) => f.confidence.as_ref(),
        }
    }

    /// Names a figure that no predictions can have; `None`: all are possible.
    pub fn impossible(&self) -> Option<String> {
        let figures: Vec<(&str, Option<f64>, f64, f64)> = match self {
            Self::Generator(f) => vec![
                ("loss", f.loss, 0.0, f64::MAX),
                ("perplexity", f.perplexity, 1.0, f64::MAX),
                ("unigram_perplexity", f.unigram_perplexity, 1.0, f64::MAX),
            ],
            Self::Classifier(f) => {
                let brier = if f.classes.len() > 2 { 2.0 } else { 1.0 };
                let (b, mut all) = (&f.baseline, Vec::new());
                all.extend([
                    ("threshold", f.threshold, 0.0, 1.0),
                    ("auc", f.auc, 0.0, 1.0),
                    ("micro_auc", f.micro_auc, 0.0, 1.0),
                    ("weighted_auc", f.weighted_auc, 0.0, 1.0),
                    ("average_precision", f.average_precision, 0.0, 1.0),
                    (
                        "micro_average_precision",
                        f.micro_average_precision,
                        0.0,
                        1.0,
                    ),
                    (
                        "weighted_average_precision",
                        f.weighted_average_precision,
                        0.0,
                        1.0,
                    ),
                    ("matthews", f.matthews, -1.0, 1.0),
                    ("accuracy", f.accuracy, 0.0, 1.0),
                    ("precision", f.precision, 0.0, 1.0),
                    ("recall", f.recall, 0.0, 1.0),
                    ("f1", f.f1, 0.0, 1.0),
                    ("calibration_error", f.calibration_error, 0.0, 1.0),
                    ("brier", f.brier, 0.0, brier),
                    ("log_loss", f.log_loss, 0.0, f64::MAX),
                    ("quadratic_kappa", f.quadratic_kappa, f64::MIN, 1.0),
                    ("spearman", f.spearman, -1.0, 1.0),
                    ("kendall_tau", f.kendall_tau, -1.0, 1.0),
                    ("mean_absolute_error", f.mean_absolute_error, 0.0, f64::MAX),
                    ("unigram_auc", b.unigram_auc, 0.0, 1.0),
                    ("unigram_accuracy", b.unigram_accuracy, 0.0, 1.0),
                ]);
                if let Some(calibrated) = &f.calibrated {
                    let temperature = Some(calibrated.temperature);
                    all.extend([
                        ("temperature", temperature, 0.0, f64::MAX),
                        (
                            "calibration_error at the temperature",
                            calibrated.calibration_error,
                            0.0,
                            1.0,
                        ),
                        (
                            "log_loss at the temperature",
                            calibrated.log_loss,
                            0.0,
                            f64::MAX,
                        ),
                        ("brier at the temperature", calibrated.brier, 0.0, brier),
                    ]);
                }
                let shortcuts = f.audit.iter().flat_map(|audit| &audit.shortcuts);
                all.extend(shortcuts.map(|one| ("auc of a shortcut", one.auc, 0.0, 1.0)));
                for class in &f.classes {
                    all.extend([
                        ("auc of a class", class.auc, 0.0, 1.0),
                        (
                            "average_precision of a class",
                            class.average_precision,
                            0.0,
                            1.0,
                        ),
                    ]);
                }
                all
            }
        };
        let mut intervals = self.confidence().into_iter().flat_map(|of| &of.intervals);
        if let Some((name, interval)) = intervals.find(|(_, of)| of.low > of.high) {
            return Some(format!(
                "the interval of {name} is from {} to {}",
                interval.low, interval.high
            ));
        }
        // sums of rounded terms may end a little outside
        const ROUNDING: f64 = 1e-9;
        figures.into_iter().find_map(|(name, value, least, most)| {
            let value = value?;
            let possible = value >= least - ROUNDING && value <= most + ROUNDING;
            (!possible).then(|| match most {
                f64::MAX => format!("{name} {value} is below {least}"),
                _ if least == f64::MIN => format!("{name} {value} is above {most}"),
                _ => format!("{name} {value} is not between {least} and {most}"),
            })
        })
    }
}

/// Values of the expected class (p1 + 2 p2 + 3 p3) and of the true one, for rank correlation.
fn expected_and_true(predictions: &Predictions) -> (Vec<f64>, Vec<f64>) {
    (
        ordinal::expected_class(&predictions.p, predictions.classes),
        predictions.labels.iter().map(|&l| l as f64).collect(),
    )
}

/// Expected calibration error over ten bins.
fn calibration_error(scores: &[f64], truth: &[bool]) -> Option<f64> {
    metrics::calibration_error(&metrics::calibration(scores, truth, prior_shift::BINS))
}

/// All metrics of a classifier's predictions. `threshold` is used for two classes only.
pub fn of_classifier(
    predictions: &Predictions,
    names: &[String],
    threshold: f64,
    baseline: ClassifierBaseline,
) -> ClassifierFigures {
    let k = predictions.classes;
    let binary = k == 2;
    let confusion = predictions.confusion(threshold);
    let curves = metrics::roc_by_class(&predictions.p, k, &predictions.labels);
    let classes: Vec<ClassFigures> = (0..k)
        .map(|c| {
            let counts = confusion.class(c);
            let truth = predictions.is_class(c);
            ClassFigures {
                name: names
                    .get(c)
                    .cloned()
                    .unwrap_or_else(|| format!("class {c}")),
                examples: counts.tp + counts.fn_,
                tp: counts.tp,
                fp: counts.fp,
                tn: counts.tn,
                fn_: counts.fn_,
                precision: counts.precision,
                recall: counts.recall,
                f1: counts.f1,
                auc: curves.classes[c].as_ref().map(|r| r.auc),
                auc_interval: None,
                average_precision: metrics::precision_recall(&predictions.of_class(c), &truth)
                    .map(|pr| pr.average_precision),
            }
        })
        .collect();
    let one = |figure: fn(&ClassFigures) -> Option<f64>, mean: Option<f64>| {
        if binary { figure(&classes[1]) } else { mean }
    };
    let (judged, right) = predictions.judged();
    let ordered = (!binary).then(|| expected_and_true(predictions));
    ClassifierFigures {
        examples: confusion.total(),
        threshold: binary.then_some(threshold),
        auc: one(|c| c.auc, curves.macro_mean.as_ref().map(|r| r.auc)),
        auc_over: (classes.iter().filter(|c| !binary && c.auc.is_some()))
            .map(|c| c.name.clone())
            .collect(),
        micro_auc: curves.micro.filter(|_| !binary).map(|r| r.auc),
        weighted_auc: weighted(&classes, |c| c.auc),
        accuracy: confusion.accuracy(),
        f1: one(|c| c.f1, confusion.macro_f1()),
        precision: one(|c| c.precision, confusion.macro_precision()),
        recall: one(|c| c.recall, confusion.macro_recall()),
        matthews: confusion.matthews(),
        log_loss: metrics::log_loss(&predictions.p, k, &predictions.labels),
        average_precision: average_precision(&classes),
        micro_average_precision: (!binary)
            .then(|| metrics::micro_average_precision(&predictions.p, k, &predictions.labels))
            .flatten(),
        weighted_average_precision: weighted(&classes, |c| c.average_precision),
        brier: if binary {
            metrics::brier(&judged, &right)
        } else {
            metrics::brier_of_classes(&predictions.p, k, &predictions.labels)
        },
        calibration_error: calibration_error(&judged, &right),
        quadratic_kappa: confusion.quadratic_kappa().filter(|_| !binary),
        spearman: (ordered.as_ref())
            .and_then(|(expected, truth)| metrics::spearman(expected, truth)),
        kendall_tau: (ordered.as_ref())
            .and_then(|(expected, truth)| ordinal::kendall_tau_b(expected, truth)),
        mean_absolute_error: (!binary)
            .then(|| ordinal::mean_absolute_error(&predictions.p, k, &predictions.labels))
            .flatten(),
        classes,
        confusion: confusion.counts,
        baseline,
        confidence: None,
        calibrated: None,
        audit: None,
    }
}

/// Mean of a figure of more than two classes, weighted by their examples; `None` for two.
fn weighted(classes: &[ClassFigures], figure: fn(&ClassFigures) -> Option<f64>) -> Option<f64> {
    let figures: Vec<Option<f64>> = classes.iter().map(figure).collect();
    let counts: Vec<u64> = classes.iter().map(|class| class.examples).collect();
    (classes.len() > 2)
        .then(|| metrics::weighted_mean(&figures, &counts))
        .flatten()
}

/// Average precision of class 1 of two, or the mean over the classes that have one.
fn average_precision(classes: &[ClassFigures]) -> Option<f64> {
    match classes {
        [_, one] => one.average_precision,
        more => mean(more.iter().filter_map(|class| class.average_precision)),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let all: Vec<f64> = values.collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// Baselines of a classifier, all on the evaluated examples, and the naive Bayes predictions for them (none if it was
/// not fitted).
pub fn baseline_of(predictions: &Predictions, unigram: Option<&Predictions>) -> ClassifierBaseline {
    let figures = unigram.map(|u| of_classifier(u, &[], 0.5, ClassifierBaseline::default()));
    ClassifierBaseline {
        unigram_auc: figures.as_ref().and_then(|f| f.auc),
        unigram_accuracy: figures.as_ref().and_then(|f| f.accuracy),
        ..by_counts(&predictions.counts())
    }
}

/// Baselines that depend only on the number of examples in each class.
fn by_counts(counts: &[u64]) -> ClassifierBaseline {
    let all = counts.iter().fold(0, |all: u64, n| all.saturating_add(*n));
    if all == 0 {
        return ClassifierBaseline::default();
    }
    let binary = counts.len() == 2;
    let shares: Vec<f64> = counts.iter().map(|&n| n as f64 / all as f64).collect();
    let squares: f64 = shares.iter().map(|s| s * s).sum();
    // average precision is defined if a class has some of the examples, but not all
    let ranked = |&share: &f64| share > 0.0 && share < 1.0;
    ClassifierBaseline {
        majority_accuracy: shares.iter().copied().reduce(f64::max),
        prior_log_loss: Some(
            shares
                .iter()
                .filter(|s| **s > 0.0)
                .map(|s| -s * s.ln())
                // avoids the negative zero of a single class
                .sum::<f64>()
                .abs(),
        ),
        prior_brier: Some(if binary {
            shares[0] * shares[1]
        } else {
            1.0 - squares
        }),
        prior_micro_auc: metrics::prior_micro_auc(counts).filter(|_| !binary),
        prior_average_precision: if binary {
            shares.get(1).copied().filter(ranked)
        } else {
            mean(shares.iter().copied().filter(ranked))
        },
        ..ClassifierBaseline::default()
    }
}

impl ClassifierFigures {
    /// Replaces the baselines by those of the evaluated partition. Earlier versions stored those of the training set;
    /// the class counts give the right ones. They also averaged precision and recall over fewer classes than F1.
    pub fn with_own_baselines(mut self) -> Self {
        // a file may come from a stranger: what does not fit stays as it is
        const MOST: u64 = 1 << 40;
        let fits = |n: &u64| *n < MOST;
        let square = |counts: &[Vec<u64>]| {
            let mut rows = counts.iter();
            rows.all(|row| row.len() == counts.len() && row.iter().all(fits))
        };
        if square(&self.confusion) {
            let confusion = Confusion {
                counts: self.confusion.clone(),
            };
            self.matthews = confusion.matthews();
            if self.classes.len() > 2 {
                self.precision = confusion.macro_precision();
                self.recall = confusion.macro_recall();
            }
        }
        let counts: Vec<u64> = self.classes.iter().map(|class| class.examples).collect();
        self.baseline = ClassifierBaseline {
            unigram_auc: self.baseline.unigram_auc,
            unigram_accuracy: self.baseline.unigram_accuracy,
            ..by_counts(&counts)
        };
        self.average_precision = average_precision(&self.classes);
        self.weighted_average_precision = weighted(&self.classes, |c| c.average_precision);
        self.weighted_auc = weighted(&self.classes, |c| c.auc);
        self
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn binary() -> Predictions {
        let p1 = [0.9, 0.6, 0.4, 0.2];
        Predictions {
            classes: 2,
            labels: vec![1, 1, 0, 0],
            p: p1.iter().flat_map(|p| [1.0 - p, *p]).collect(),
        }
    }

    #[test]
    fn two_classes_are_scored_by_class_one_at_the_threshold() {
        let names = ["fake".to_owned(), "real".to_owned()];
        let f = of_classifier(&binary(), &names, 0.7, ClassifierBaseline::default());
        assert_eq!(
            (f.auc, f.micro_auc, f.threshold),
            (Some(1.0), None, Some(0.7))
        );
        assert_eq!(
            (f.precision, f.recall, f.accuracy),
            (Some(1.0), Some(0.5), Some(0.75))
        );
        let real = &f.classes[1];
        assert_eq!((real.tp, real.fp, real.tn, real.fn_), (1, 0, 2, 1));
        assert_eq!(real.name, "real");
        assert_eq!(f.confusion, [[2, 0], [1, 1]]);
        assert!(f.brier.unwrap() > 0.0 && f.spearman.is_none());
        // (1 * 2 - 0 * 1) / sqrt(1 * 2 * 2 * 3)
        assert!((f.matthews.unwrap() - 2.0 / 12f64.sqrt()).abs() < 1e-12);
        assert_eq!((f.weighted_auc, f.kendall_tau), (None, None));
    }

    #[test]
    fn four_classes_are_scored_by_macro_averages() {
        let near = |l: usize| (0..4).map(move |k| if k == l { 0.7 } else { 0.1 });
        let labels = vec![0, 1, 2, 3, 3];
        let p = labels.iter().flat_map(|&l| near(l)).collect();
        let f = of_classifier(
            &Predictions {
                classes: 4,
                labels,
                p,
            },
            &[],
            0.5,
            ClassifierBaseline::default(),
        );
        assert_eq!(
            (f.auc, f.micro_auc, f.f1),
            (Some(1.0), Some(1.0), Some(1.0))
        );
        assert_eq!(f.threshold, None);
        // 0.3 off for the true class, and 0.1 for each of three others; the most probable is always right at 0.7
        assert!((f.brier.unwrap() - 0.12).abs() < 1e-12);
        assert!((f.calibration_error.unwrap() - 0.3).abs() < 1e-12);
        assert_eq!(f.average_precision, Some(1.0));
        assert_eq!(f.quadratic_kappa, Some(1.0));
        assert_eq!((f.weighted_auc, f.matthews), (Some(1.0), Some(1.0)));
        // expected bins of 0.6, 1.2, 1.8, 2.4 and 2.4
        assert!((f.mean_absolute_error.unwrap() - 0.44).abs() < 1e-12);
        assert_eq!(f.kendall_tau, Some(1.0));
        assert_eq!(f.classes[3].examples, 2);
        assert_eq!(f.auc_over.len(), 4);
    }

    #[test]
    fn missing_class_is_left_out_of_the_mean() {
        let labels = vec![0, 1, 1, 3];
        let p = [
            [0.7, 0.1, 0.1, 0.1],
            [0.1, 0.7, 0.1, 0.1],
            [0.5, 0.3, 0.1, 0.1],
            [0.1, 0.1, 0.1, 0.7],
        ];
        let names: Vec<String> = (0..4).map(|n| format!("bin {n}")).collect();
        let predictions = Predictions {
            classes: 4,
            labels,
            p: p.concat(),
        };
        let f = of_classifier(&predictions, &names, 0.5, ClassifierBaseline::default());
        assert_eq!(f.classes[2].auc, None, "there is no example of it");
        assert_eq!(f.auc_over, ["bin 0", "bin 1", "bin 3"]);
        let own: Vec<f64> = f.classes.iter().filter_map(|c| c.auc).collect();
        assert_eq!(own.len(), 3);
        assert!((f.auc.unwrap() - own.iter().sum::<f64>() / 3.0).abs() < 1e-12);
        // slowly: how often a true decision on one of these classes is above a false one
        let decisions: Vec<(f64, bool)> = (predictions.labels.iter().zip(p))
            .flat_map(|(&label, row)| [0, 1, 3].map(|k| (row[k], label == k)))
            .collect();
        let (mut above, mut pairs) = (0.0, 0.0);
        for (high, _) in decisions.iter().filter(|(_, truth)| *truth) {
            for (low, _) in decisions.iter().filter(|(_, truth)| !truth) {
                pairs += 1.0;
                above += match high.total_cmp(low) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
            }
        }
        assert!((f.micro_auc.unwrap() - above / pairs).abs() < 1e-12);
        assert!(f.f1.is_some());
        let one = Predictions {
            classes: 4,
            labels: vec![2, 2],
            p: [[0.25; 4]; 2].concat(),
        };
        let f = of_classifier(&one, &names, 0.5, ClassifierBaseline::default());
        assert_eq!((f.auc, f.auc_over.len()), (None, 0));
        assert_eq!((f.micro_auc, f.micro_average_precision), (None, None));
    }

    #[test]
    fn missing_class_gives_no_metric_and_no_nan_in_json() {
        let one = Predictions {
            classes: 2,
            labels: vec![1],
            p: vec![0.5, 0.5],
        };
        let f = of_classifier(&one, &[], 0.5, baseline_of(&one, None));
        assert_eq!((f.auc, f.baseline.majority_accuracy), (None, Some(1.0)));
        assert_eq!(f.baseline.prior_average_precision, None);
        let json = serde_json::to_string(&Figures::Classifier(f.clone())).unwrap();
        assert!(json.contains("\"auc\":null"), "{json}");
        assert_eq!(
            serde_json::from_str::<Figures>(&json).unwrap(),
            Figures::Classifier(f)
        );
        let none = of_classifier(
            &Predictions {
                classes: 4,
                ..Predictions::default()
            },
            &[],
            0.5,
            ClassifierBaseline::default(),
        );
        assert_eq!(
            (none.examples, none.accuracy, none.log_loss),
            (0, None, None)
        );
    }

    #[test]
    fn threshold_point_is_on_the_curve_not_at_its_last_corner() {
        // a real and a fake at each score below 0.9: that stretch of the curve is straight, and its corners are gone
        let scores = [0.95, 0.7, 0.7, 0.5, 0.5, 0.3, 0.3];
        let predictions = Predictions {
            classes: 2,
            labels: vec![1, 1, 0, 1, 0, 1, 0],
            p: scores.iter().flat_map(|p| [1.0 - p, *p]).collect(),
        };
        let (fpr, tpr) = predictions.on_roc(0.6).unwrap();
        assert!((fpr - 1.0 / 3.0).abs() < 1e-12 && (tpr - 0.5).abs() < 1e-12);
        let roc = metrics::roc(&predictions.of_class(1), &predictions.is_class(1)).unwrap();
        let corner = roc
            .corners()
            .into_iter()
            .rfind(|p| p.threshold.is_none_or(|t| t >= 0.6))
            .unwrap();
        assert!(corner.tpr < tpr, "the corner is elsewhere: {corner:?}");
        let at = roc.at(0.6);
        assert_eq!((at.fpr, at.tpr), (fpr, tpr));
        assert_eq!(predictions.on_precision_recall(0.96), None);
        assert_eq!(predictions.on_roc(0.96), Some((0.0, 0.0)));
    }

    #[test]
    fn baselines_are_of_the_evaluated_partition() {
        // one of class 0 and three of class 1, whatever the training set had
        let three = Predictions {
            classes: 2,
            labels: vec![0, 1, 1, 1],
            p: [0.5; 8].into(),
        };
        let base = baseline_of(&three, Some(&three));
        assert_eq!(base.majority_accuracy, Some(0.75));
        let entropy = -(0.75 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!((base.prior_log_loss.unwrap() - entropy).abs() < 1e-12);
        assert!((base.prior_brier.unwrap() - 0.1875).abs() < 1e-12);
        assert_eq!(base.prior_average_precision, Some(0.75));
        assert_eq!(
            (base.unigram_auc, base.unigram_accuracy),
            (Some(0.5), Some(0.75))
        );
        // a stored baseline of another partition is replaced
        let stored = ClassifierBaseline {
            majority_accuracy: Some(0.3),
            prior_log_loss: Some(9.0),
            unigram_auc: Some(0.6),
            ..ClassifierBaseline::default()
        };
        let own = of_classifier(&three, &[], 0.5, stored).with_own_baselines();
        assert_eq!(own.baseline.majority_accuracy, Some(0.75));
        assert_eq!(own.baseline.unigram_auc, Some(0.6));
        assert!((own.baseline.prior_log_loss.unwrap() - entropy).abs() < 1e-12);
    }

    #[test]
    fn impossible_figures_are_named() {
        let good = of_classifier(&binary(), &[], 0.5, baseline_of(&binary(), None));
        let wrong = |change: &dyn Fn(&mut ClassifierFigures)| {
            let mut figures = good.clone();
            change(&mut figures);
            Figures::Classifier(figures).impossible()
        };
        assert_eq!(wrong(&|_| {}), None);
        assert_eq!(
            wrong(&|f| f.auc = Some(1.5)).as_deref(),
            Some("auc 1.5 is not between 0 and 1")
        );
        assert_eq!(
            wrong(&|f| f.brier = Some(1.2)).as_deref(),
            Some("brier 1.2 is not between 0 and 1")
        );
        assert_eq!(
            wrong(&|f| f.log_loss = Some(-1.0)).as_deref(),
            Some("log_loss -1 is below 0")
        );
        assert!(wrong(&|f| f.classes[1].auc = Some(-0.5)).is_some());
        let reversed = Interval {
            low: 0.9,
            high: 0.8,
        };
        let confidence = Confidence {
            threads: 30,
            resamples: 1000,
            seed: 1,
            intervals: [("auc".to_owned(), reversed)].into(),
        };
        assert_eq!(
            wrong(&|f| f.confidence = Some(confidence.clone())).as_deref(),
            Some("the interval of auc is from 0.9 to 0.8")
        );
    }

    #[test]
    fn averages_of_an_older_version_are_computed_again() {
        let four = Predictions {
            classes: 4,
            labels: vec![0, 1, 2, 3],
            p: [[0.1, 0.1, 0.1, 0.7]; 4].concat(),
        };
        let right = of_classifier(&four, &[], 0.5, baseline_of(&four, None));
        let old = ClassifierFigures {
            precision: Some(0.25), // of the one class that is predicted
            baseline: ClassifierBaseline::default(),
            ..right.clone()
        };
        assert_eq!(old.with_own_baselines(), right);
        let torn = ClassifierFigures {
            confusion: vec![vec![u64::MAX; 4], vec![1]],
            ..right.clone()
        };
        assert_eq!(torn.with_own_baselines().precision, right.precision);
    }

    #[test]
    fn baselines_equal_the_scores_of_constant_predictions() {
        // the metrics themselves, with class shares as probabilities
        for labels in [vec![0, 1, 1, 1, 0], vec![0, 1, 2, 3, 3, 3], vec![0, 0, 3]] {
            let k = if labels.iter().any(|&l| l > 1) { 4 } else { 2 };
            let n = labels.len() as f64;
            let share = |c: usize| labels.iter().filter(|&&l| l == c).count() as f64 / n;
            let shares: Vec<f64> = (0..k).map(share).collect();
            let constant = Predictions {
                classes: k,
                p: labels.iter().flat_map(|_| shares.clone()).collect(),
                labels,
            };
            let f = of_classifier(&constant, &[], 0.5, baseline_of(&constant, None));
            let near = |a: Option<f64>, b: Option<f64>| (a.unwrap() - b.unwrap()).abs() < 1e-9;
            assert!(near(f.log_loss, f.baseline.prior_log_loss), "{f:?}");
            assert!(near(f.brier, f.baseline.prior_brier), "{f:?}");
            assert!(
                near(f.average_precision, f.baseline.prior_average_precision),
                "{f:?}"
            );
            assert!(near(f.accuracy, f.baseline.majority_accuracy), "{f:?}");
            assert_eq!(f.micro_auc, f.baseline.prior_micro_auc, "{f:?}");
            assert_eq!(f.micro_auc.is_some_and(|auc| auc > 0.5), k == 4, "{f:?}");
        }
    }
}
