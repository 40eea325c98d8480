//! Compares figures with their baselines. Command line, window and charts mark a figure that does not beat them by what
//! is decided here.

use repartee_models::metrics::{self, Interval};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::evaluation::figures::{ClassFigures, ClassifierFigures, Figures, GeneratorFigures};

/// What a trivial model reaches on the same examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Baseline {
    /// unigram, majority class, chance or prior.
    pub name: String,
    /// Value of the same figure, on the same examples.
    pub value: f64,
}

/// A figure of an evaluation with its baselines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Compared {
    /// auc, micro_auc, average_precision, accuracy, f1, log_loss, brier, calibration_error, ...
    pub figure: String,
    /// Display name.
    pub name: String,
    /// None if undefined.
    pub value: Option<f64>,
    /// 95% interval of the value; none without enough threads, and for evaluations of earlier versions.
    #[serde(default)]
    pub interval: Option<Interval>,
    /// Whether less is better.
    pub lower_is_better: bool,
    /// Empty if there are none.
    pub baselines: Vec<Baseline>,
    /// Whether it beats all of them; none if there is nothing to compare.
    pub beats: Option<bool>,
    /// As `beats`; none also if its interval contains a baseline that it beats, so that it may not be better.
    #[serde(default)]
    pub better: Option<bool>,
    /// The baseline that it fails to beat ("worse than the majority class, 0.553"); empty: none.
    pub worse: String,
}

/// A decimal as displayed: three places, thousands without, and `more`.
pub(crate) fn number(value: f64, more: usize) -> String {
    let places = more
        + match value.abs() {
            size if size >= 1000.0 => 0,
            size if size >= 10.0 => 2,
            _ => 3,
        };
    format!("{value:.places$}")
}

/// A value with its interval as displayed: "0.818 [0.779, 0.851]", or a dash.
pub(crate) fn with_interval(value: Option<f64>, interval: Option<Interval>, more: usize) -> String {
    match (value, interval) {
        (None, _) => "-".to_owned(),
        (Some(value), None) => number(value, more),
        (Some(value), Some(Interval { low, high })) => format!(
            "{} [{}, {}]",
            number(value, more),
            number(low, more),
            number(high, more)
        ),
    }
}

/// Additional places with which a value differs from its baselines as displayed: "0.693 is worse than 0.693" says
/// nothing.
fn more_places(value: Option<f64>, baselines: &[Baseline]) -> usize {
    let Some(value) = value else { return 0 };
    let told_apart = |more: &usize| {
        let looks_equal = |b: &&Baseline| number(b.value, *more) == number(value, *more);
        !baselines
            .iter()
            .filter(looks_equal)
            .any(|b| b.value != value)
    };
    (0..4).find(told_apart).unwrap_or(4)
}

/// A figure with its baselines by name; those without a value are left out.
fn compare(
    figure: &str,
    name: &str,
    value: Option<f64>,
    lower_is_better: bool,
    baselines: &[(&str, Option<f64>)],
) -> Compared {
    let baselines: Vec<Baseline> = baselines
        .iter()
        .filter_map(|(name, value)| {
            Some(Baseline {
                name: (*name).to_owned(),
                value: value.filter(|v| v.is_finite())?,
            })
        })
        .collect();
    // the hardest to beat first
    let hardest = baselines.iter().max_by(|a, b| {
        let order = a.value.total_cmp(&b.value);
        if lower_is_better {
            order.reverse()
        } else {
            order
        }
    });
    let (beats, worse) = match (value, hardest) {
        (Some(value), Some(hardest)) => {
            let gain = if lower_is_better {
                hardest.value - value
            } else {
                value - hardest.value
            };
            let word = if gain < 0.0 {
                "worse than"
            } else {
                "no better than"
            };
            let shown = number(hardest.value, more_places(Some(value), &baselines));
            let words = format!("{word} {} {shown}", hardest.name);
            (
                Some(gain > 0.0),
                if gain > 0.0 { String::new() } else { words },
            )
        }
        _ => (None, String::new()),
    };
    Compared {
        figure: figure.to_owned(),
        name: name.to_owned(),
        value,
        interval: None,
        lower_is_better,
        baselines,
        beats,
        better: beats,
        worse,
    }
}

/// All figures of an evaluation with their baselines, the most informative first.
pub fn compared(figures: &Figures) -> Vec<Compared> {
    let mut all = match figures {
        Figures::Generator(f) => of_generator(f),
        Figures::Classifier(f) => of_classifier(f),
    };
    if let Some(confidence) = figures.confidence() {
        for one in all.iter_mut().filter(|one| one.value.is_some()) {
            one.interval = confidence.intervals.get(&one.figure).copied();
            one.better = one.beats_clearly();
        }
    }
    all
}

/// The figure to show first: the first that exists.
pub fn headline(compared: &[Compared]) -> Option<&Compared> {
    compared
        .iter()
        .find(|one| one.value.is_some() && !one.baselines.is_empty())
        .or_else(|| compared.iter().find(|one| one.value.is_some()))
}

/// A sentence with every figure that does not beat its baseline; empty: none.
pub fn shortfall(compared: &[Compared]) -> String {
    let worse: Vec<String> = compared
        .iter()
        .filter(|one| !one.worse.is_empty())
        .map(Compared::shortfall)
        .collect();
    worse.join("; ")
}

impl Compared {
    /// "accuracy 0.410 is worse than majority class 0.553".
    pub fn shortfall(&self) -> String {
        format!("{} {} is {}", self.name, self.written(), self.worse)
    }

    /// The figure as displayed.
    pub fn written(&self) -> String {
        let more = more_places(self.value, &self.baselines);
        self.value
            .map_or_else(|| "-".to_owned(), |value| number(value, more))
    }

    /// Whether it beats its baselines; none also if its interval contains one that it beats.
    fn beats_clearly(&self) -> Option<bool> {
        let is_clear = |of: &Interval| {
            self.baselines.iter().all(|b| match self.lower_is_better {
                true => of.high < b.value,
                false => b.value < of.low,
            })
        };
        let clear = self.interval.as_ref().is_none_or(is_clear);
        self.beats.filter(|beats| !beats || clear)
    }

    /// The figure with its interval as displayed: "0.818 [0.779, 0.851]".
    pub fn written_with_interval(&self) -> String {
        let more = more_places(self.value, &self.baselines);
        with_interval(self.value, self.interval, more)
    }

    /// Its baselines as displayed: "unigram 0.612, chance 0.500".
    pub fn baselines_written(&self) -> String {
        let more = more_places(self.value, &self.baselines);
        let all: Vec<String> = self
            .baselines
            .iter()
            .map(|b| format!("{} {}", b.name, number(b.value, more)))
            .collect();
        all.join(", ")
    }
}

fn of_generator(f: &GeneratorFigures) -> Vec<Compared> {
    let chance = f.chance_perplexity as f64;
    vec![
        compare(
            "perplexity",
            "perplexity",
            f.perplexity,
            true,
            &[("unigram", f.unigram_perplexity), ("chance", Some(chance))],
        ),
        compare(
            "loss",
            "loss",
            f.loss,
            true,
            &[
                ("unigram", f.unigram_perplexity.map(f64::ln)),
                ("chance", Some(chance.ln())),
            ],
        ),
    ]
}

fn of_classifier(f: &ClassifierFigures) -> Vec<Compared> {
    let b = &f.baseline;
    let two = f.classes.len() == 2;
    // an average over fewer than all classes says so
    let average = |one: &str, has: fn(&ClassFigures) -> bool| {
        let (over, all) = (f.classes.iter().filter(|c| has(c)).count(), f.classes.len());
        match over == 0 || over == all {
            true => one.to_owned(),
            false => format!("{one} over {over} of {all} classes"),
        }
    };
    let name = |one: &str, has: fn(&ClassFigures) -> bool| match two {
        true => one.to_owned(),
        false => average(&format!("{one}, macro"), has),
    };
    let has_examples = |class: &ClassFigures| class.examples > 0;
    let occurs = |class: &ClassFigures| class.tp > 0 || class.fp > 0 || class.fn_ > 0;
    let counts: Vec<u64> = f.classes.iter().map(|class| class.examples).collect();
    let chance = ("chance", Some(0.5));
    let mut all = vec![compare(
        "auc",
        &name("AUC", |class| class.auc.is_some()),
        f.auc,
        false,
        &[("unigram", b.unigram_auc), chance],
    )];
    if !two {
        all.push(compare(
            "micro_auc",
            &average("AUC, micro", has_examples),
            f.micro_auc,
            false,
            &[("prior", b.prior_micro_auc)],
        ));
        all.push(compare(
            "weighted_auc",
            "AUC, weighted",
            f.weighted_auc,
            false,
            &[chance],
        ));
    }
    all.push(compare(
        "average_precision",
        &name("average precision", |class| {
            class.average_precision.is_some()
        }),
        f.average_precision,
        false,
        &[("prior", b.prior_average_precision)],
    ));
    if !two {
        all.push(compare(
            "micro_average_precision",
            &average("average precision, micro", has_examples),
            f.micro_average_precision,
            false,
            &[("prior", metrics::prior_micro_average_precision(&counts))],
        ));
        all.push(compare(
            "weighted_average_precision",
            "average precision, weighted",
            f.weighted_average_precision,
            false,
            &[("prior", weighted_prior(&counts))],
        ));
    }
    all.extend([
        compare(
            "accuracy",
            "accuracy",
            f.accuracy,
            false,
            &[
                ("majority class", b.majority_accuracy),
                ("unigram", b.unigram_accuracy),
            ],
        ),
        compare(
            "precision",
            &name("precision", occurs),
            f.precision,
            false,
            &[],
        ),
        compare("recall", &name("recall", occurs), f.recall, false, &[]),
        compare("f1", &name("F1", occurs), f.f1, false, &[]),
        compare(
            "matthews",
            "Matthews correlation",
            f.matthews,
            false,
            &[("chance", Some(0.0))],
        ),
        compare(
            "log_loss",
            "log loss",
            f.log_loss,
            true,
            &[("prior", b.prior_log_loss)],
        ),
        compare(
            "brier",
            "Brier score",
            f.brier,
            true,
            &[("prior", b.prior_brier)],
        ),
        compare(
            "calibration_error",
            "expected calibration error",
            f.calibration_error,
            true,
            &[],
        ),
    ]);
    if !two {
        all.push(compare(
            "quadratic_kappa",
            "quadratic weighted kappa",
            f.quadratic_kappa,
            false,
            &[("chance", Some(0.0))],
        ));
        all.push(compare(
            "spearman",
            "Spearman correlation",
            f.spearman,
            false,
            &[("chance", Some(0.0))],
        ));
        all.push(compare(
            "kendall_tau",
            "Kendall's tau-b",
            f.kendall_tau,
            false,
            &[("chance", Some(0.0))],
        ));
        all.push(compare(
            "mean_absolute_error",
            "mean absolute error of the expected bin",
            f.mean_absolute_error,
            true,
            &[("prior", prior_absolute_error(&counts))],
        ));
    }
    all
}

/// The class shares of `counts`; empty without examples.
fn shares(counts: &[u64]) -> Vec<f64> {
    let all: f64 = counts.iter().map(|&n| n as f64).sum();
    let shares = counts.iter().map(|&n| n as f64 / all);
    shares.filter(|share| share.is_finite()).collect()
}

/// The weighted mean of the average precisions of a predictor that gives every example the class shares: each is the
/// share of its class. `None` if fewer than two classes occur.
fn weighted_prior(counts: &[u64]) -> Option<f64> {
    let occur = counts.iter().filter(|n| **n > 0).count();
    (occur > 1).then(|| shares(counts).iter().map(|share| share * share).sum())
}

/// The mean absolute error of the expected class of that predictor.
fn prior_absolute_error(counts: &[u64]) -> Option<f64> {
    let shares = shares(counts);
    let each = || {
        shares
            .iter()
            .enumerate()
            .map(|(k, share)| (k as f64, share))
    };
    let expected: f64 = each().map(|(k, share)| k * share).sum();
    let error = || each().map(|(k, share)| (k - expected).abs() * share).sum();
    (!shares.is_empty()).then(error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::evaluation::figures::{Predictions, baseline_of, of_classifier as figures_of};

    fn of(labels: Vec<usize>, p1: &[f64]) -> Vec<Compared> {
        let predictions = Predictions {
            classes: 2,
            labels,
            p: p1.iter().flat_map(|p| [1.0 - p, *p]).collect(),
        };
        let baseline = baseline_of(&predictions, None);
        compared(&Figures::Classifier(figures_of(
            &predictions,
            &[],
            0.5,
            baseline,
        )))
    }

    fn one<'a>(all: &'a [Compared], figure: &str) -> &'a Compared {
        all.iter().find(|c| c.figure == figure).unwrap()
    }

    #[test]
    fn figure_below_its_baseline_is_marked() {
        // three of four are of class 1, and the model predicts 0 too often
        let all = of(vec![1, 1, 1, 0], &[0.6, 0.4, 0.3, 0.35]);
        let accuracy = one(&all, "accuracy");
        assert_eq!((accuracy.value, accuracy.beats), (Some(0.5), Some(false)));
        assert_eq!(accuracy.worse, "worse than majority class 0.750");
        assert_eq!(
            accuracy.shortfall(),
            "accuracy 0.500 is worse than majority class 0.750"
        );
        assert!(shortfall(&all).contains("accuracy 0.500 is worse"));
        let auc = one(&all, "auc");
        assert_eq!((auc.beats, auc.worse.as_str()), (Some(true), ""));
    }

    #[test]
    fn figure_and_baseline_are_displayed_with_places_that_differ() {
        let of = |value| {
            compare(
                "log_loss",
                "log loss",
                Some(value),
                true,
                &[("prior", Some(0.69313))],
            )
        };
        let close = of(0.6934);
        assert_eq!(
            close.shortfall(),
            "log loss 0.6934 is worse than prior 0.6931"
        );
        assert_eq!(close.baselines_written(), "prior 0.6931");
        assert_eq!(
            of(0.7).shortfall(),
            "log loss 0.700 is worse than prior 0.693"
        );
        assert_eq!(
            of(0.69313).shortfall(),
            "log loss 0.693 is no better than prior 0.693"
        );
    }

    #[test]
    fn figure_equal_to_its_baseline_does_not_beat_it() {
        let all = of(vec![1, 0], &[0.5, 0.5]);
        let auc = one(&all, "auc");
        assert_eq!(auc.beats, Some(false));
        assert_eq!(auc.worse, "no better than chance 0.500");
        // log loss of the class prior itself
        assert_eq!(one(&all, "log_loss").beats, Some(false));
    }

    #[test]
    fn every_figure_that_has_a_baseline_says_whether_it_beats_it() {
        for all in [
            of(vec![1, 1, 0, 0], &[0.1, 0.2, 0.8, 0.9]),
            of(vec![1, 1, 0, 0], &[0.9, 0.8, 0.2, 0.1]),
        ] {
            for figure in all.iter().filter(|f| !f.baselines.is_empty()) {
                assert_eq!(figure.beats, Some(figure.worse.is_empty()), "{figure:?}");
            }
            let lost: Vec<bool> = all.iter().filter_map(|f| f.beats).collect();
            assert!(lost.windows(2).all(|two| two[0] == two[1]), "{all:?}");
        }
    }

    /// The figures of predictions of four classes.
    fn of_four(labels: Vec<usize>, p: &[[f64; 4]]) -> Vec<Compared> {
        let predictions = Predictions {
            classes: 4,
            labels,
            p: p.concat(),
        };
        let baseline = baseline_of(&predictions, None);
        let figures = figures_of(&predictions, &[], 0.5, baseline);
        compared(&Figures::Classifier(figures))
    }

    #[test]
    fn micro_auc_must_beat_the_class_prior_not_one_half() {
        let labels = || vec![3, 3, 3, 3, 3, 2, 1, 0];
        let constant = of_four(labels(), &[[0.1, 0.1, 0.2, 0.6]; 8]);
        let micro = one(&constant, "micro_auc");
        assert!(micro.value > Some(0.7), "{micro:?}");
        assert_eq!(micro.beats, Some(false));
        assert!(micro.worse.contains("prior"), "{micro:?}");
        // ranks one example of 3 last, and is still above one half
        let mut worse = [[0.1, 0.1, 0.2, 0.6]; 8];
        worse[0] = [0.6, 0.2, 0.1, 0.1];
        let worse = of_four(labels(), &worse);
        let micro = one(&worse, "micro_auc");
        assert!(micro.value > Some(0.5), "{micro:?}");
        assert!(micro.worse.starts_with("worse than prior"), "{micro:?}");
    }

    #[test]
    fn priors_of_four_classes_are_the_figures_of_a_constant_predictor() {
        let all = of_four(
            vec![3, 3, 3, 3, 3, 2, 1, 0],
            &[[0.125, 0.125, 0.125, 0.625]; 8],
        );
        for figure in [
            "micro_auc",
            "average_precision",
            "micro_average_precision",
            "weighted_average_precision",
            "mean_absolute_error",
        ] {
            let one = one(&all, figure);
            let (value, prior) = (one.value.unwrap(), one.baselines[0].value);
            assert!((value - prior).abs() < 1e-12, "{one:?}");
        }
    }

    #[test]
    fn figure_is_better_only_if_its_interval_contains_no_baseline() {
        let better = |lower_is_better, value, low, high| {
            let baselines = [("prior", Some(0.68)), ("chance", Some(0.68))];
            let mut one = compare("x", "x", Some(value), lower_is_better, &baselines);
            one.interval = Some(Interval { low, high });
            one.beats_clearly()
        };
        assert_eq!(better(true, 0.6, 0.5, 0.67), Some(true));
        assert_eq!(better(true, 0.6, 0.5, 0.7), None);
        assert_eq!(better(true, 0.7, 0.5, 0.9), Some(false));
        assert_eq!(better(false, 0.8, 0.69, 0.9), Some(true));
        assert_eq!(better(false, 0.8, 0.67, 0.9), None);
        assert_eq!(better(false, 0.6, 0.5, 0.9), Some(false));
    }

    #[test]
    fn interval_is_displayed_with_the_places_of_its_figure() {
        let mut one = compare("auc", "AUC", Some(0.8181), false, &[("chance", Some(0.5))]);
        assert_eq!(one.written_with_interval(), "0.818");
        one.interval = Some(Interval {
            low: 0.7794,
            high: 0.8506,
        });
        assert_eq!(one.written_with_interval(), "0.818 [0.779, 0.851]");
        let mut close = compare("auc", "AUC", Some(0.5004), false, &[("chance", Some(0.5))]);
        close.interval = Some(Interval {
            low: 0.44,
            high: 0.56,
        });
        assert_eq!(close.written_with_interval(), "0.5004 [0.4400, 0.5600]");
    }

    #[test]
    fn averages_name_the_classes_they_are_over() {
        // class 1 neither occurs nor is predicted; class 2 is only predicted
        let all = of_four(
            vec![0, 0, 3],
            &[
                [0.7, 0.1, 0.1, 0.1],
                [0.1, 0.1, 0.7, 0.1],
                [0.1, 0.1, 0.1, 0.7],
            ],
        );
        for (figure, name) in [
            ("auc", "AUC, macro over 2 of 4 classes"),
            (
                "average_precision",
                "average precision, macro over 2 of 4 classes",
            ),
            ("precision", "precision, macro over 3 of 4 classes"),
            ("recall", "recall, macro over 3 of 4 classes"),
            ("f1", "F1, macro over 3 of 4 classes"),
            ("micro_auc", "AUC, micro over 2 of 4 classes"),
            (
                "micro_average_precision",
                "average precision, micro over 2 of 4 classes",
            ),
        ] {
            assert_eq!(one(&all, figure).name, name);
        }
        let near = |figure: &str, expected: f64| {
            let value = one(&all, figure).value.unwrap();
            assert!((value - expected).abs() < 1e-12, "{figure} {value}");
        };
        near("precision", 2.0 / 3.0);
        near("recall", 0.5);
    }

    #[test]
    fn precision_of_a_class_never_predicted_counts_as_zero() {
        let all = of_four(vec![0, 1, 2, 3], &[[0.1, 0.1, 0.1, 0.7]; 4]);
        let precision = one(&all, "precision");
        assert_eq!(precision.value, Some(0.25 / 4.0));
        assert_eq!(precision.name, "precision, macro");
    }

    #[test]
    fn headline_falls_back_when_auc_is_missing() {
        let all = of(vec![1, 1, 1], &[0.9, 0.8, 0.3]);
        assert_eq!(one(&all, "auc").value, None);
        assert_eq!(headline(&all).unwrap().figure, "accuracy");
    }
}
