//! How sure the figures of an evaluation are: 95% intervals in which the examples of a thread count as one observation,
//! since they answer one another. A fake is in the thread of the comment that it answers.
//!
//! An AUC has DeLong's interval (`metrics/delong.rs`), every other figure the percentile interval of a bootstrap that
//! resamples threads (`metrics/bootstrap.rs`). The expected calibration error has none: each resample adds noise to each
//! bin, so that its values in resamples are too large, and a percentile interval would often not even contain it.

use std::collections::BTreeMap;

use repartee_core::error::Result;
use repartee_models::metrics::bootstrap::{LANES, Lanes, bootstrap, percentile_interval};
use repartee_models::metrics::delong::{Average, averaged_auc, clustered_auc};
use repartee_models::metrics::weighted::{self, Areas, OrderedExamples, RankedExamples};
use repartee_models::metrics::{self, Clusters, Confusion, Interval, Pooled, ordinal, prior_shift};
use repartee_store::Store;
use repartee_store::evaluations::Prediction;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::evaluation::figures::{ClassifierFigures, Predictions};

/// Resamples of the bootstrap; a multiple of [`LANES`].
pub const RESAMPLES: usize = 1000;

/// 95% intervals of the figures of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Confidence {
    /// Number of threads of the evaluated examples: only threads are independent of each other.
    pub threads: u64,
    /// Number of bootstrap resamples.
    pub resamples: u64,
    /// Seed of the resamples.
    pub seed: u64,
    /// By the name of the figure, as in `compared`; without those that are undefined or have no variance.
    pub intervals: BTreeMap<String, Interval>,
}

/// The threads of predictions; `None` if the thread of one is not known any more.
pub(crate) fn threads_of(store: &Store, predictions: &[Prediction]) -> Result<Option<Clusters>> {
    let subjects = predictions.iter().map(|prediction| prediction.subject);
    let threads: Option<Vec<i64>> = store.threads_of(subjects)?.into_iter().collect();
    Ok(threads.map(|threads| Clusters::new(&threads)))
}

/// Adds the intervals to the figures of `predictions`, if there are enough threads.
pub fn add_to(
    figures: &mut ClassifierFigures,
    predictions: &Predictions,
    threads: &Clusters,
    seed: u64,
) {
    let threshold = figures.threshold.unwrap_or(0.5);
    figures.confidence = Confidence::of_classifier(predictions, threshold, threads, seed);
    for (k, class) in figures.classes.iter_mut().enumerate() {
        class.auc_interval = auc_of_class(predictions, k, threads);
    }
}

/// False positive rates at which the band of a ROC curve is computed.
const BAND: usize = 100;

/// The 95% band of the ROC curve of class 1 of two: (false positive rate, lowest and highest true positive rate), by the
/// same bootstrap. It is pointwise: at each rate, 95 of 100 such intervals contain the true one.
pub(crate) fn roc_band(
    predictions: &Predictions,
    threads: &Clusters,
    seed: u64,
) -> Vec<(f64, f64, f64)> {
    let (scores, truth) = (predictions.of_class(1), predictions.is_class(1));
    let Some(ranked) = RankedExamples::new(&scores, &truth, threads) else {
        return Vec::new();
    };
    let rates: Vec<f64> = (0..=BAND).map(|i| i as f64 / BAND as f64).collect();
    let heights = bootstrap(threads, RESAMPLES, seed, |weights| {
        ranked.true_positive_rates(weights, &rates)
    });
    let intervals = heights.iter().map(|heights| percentile_interval(heights));
    (rates.iter().zip(intervals))
        .filter_map(|(&rate, interval)| interval.map(|of| (rate, of.low, of.high)))
        .collect()
}

fn auc_of_class(predictions: &Predictions, class: usize, threads: &Clusters) -> Option<Interval> {
    let (scores, truth) = (predictions.of_class(class), predictions.is_class(class));
    clustered_auc(&scores, &truth, threads)?.interval()
}

/// The figures that follow from a confusion matrix: of class 1 of two, or macro-averaged.
fn counted(confusion: &Confusion) -> [(&'static str, Option<f64>); 6] {
    let binary = confusion.counts.len() == 2;
    let one = binary.then(|| confusion.class(1));
    [
        ("accuracy", confusion.accuracy()),
        (
            "precision",
            one.map_or_else(|| confusion.macro_precision(), |one| one.precision),
        ),
        (
            "recall",
            one.map_or_else(|| confusion.macro_recall(), |one| one.recall),
        ),
        ("f1", one.map_or_else(|| confusion.macro_f1(), |one| one.f1)),
        ("matthews", confusion.matthews()),
        (
            "quadratic_kappa",
            confusion.quadratic_kappa().filter(|_| !binary),
        ),
    ]
}

/// The names of these figures.
fn counted_names() -> [&'static str; 6] {
    let empty = Confusion {
        counts: vec![vec![0; 2]; 2],
    };
    counted(&empty).map(|(name, _)| name)
}

/// The mean of several figures in each resample; NaN where one is.
fn mean_of(figures: &[Lanes]) -> Lanes {
    let n = figures.len() as f64;
    std::array::from_fn(|lane| figures.iter().map(|figure| figure[lane]).sum::<f64>() / n)
}

/// The mean of several figures, weighted by the number of examples in each resample; without those that are NaN.
fn weighted_mean_of(figures: &[Lanes], counts: &[Lanes]) -> Lanes {
    std::array::from_fn(|lane| {
        let known = || {
            let each = figures.iter().zip(counts);
            each.map(move |(figure, count)| (figure[lane], count[lane]))
                .filter(|(figure, _)| !figure.is_nan())
        };
        let all: f64 = known().map(|(_, count)| count).sum();
        known().map(|(figure, count)| figure * count).sum::<f64>() / all
    })
}

/// Log loss and Brier score of each example, (N) each.
fn losses_of(predictions: &Predictions) -> [Vec<f64>; 2] {
    let Predictions { classes, labels, p } = predictions;
    let k = *classes;
    let rows = || p.chunks_exact(k).zip(labels);
    let losses = rows().map(|(row, &label)| metrics::log_loss(row, k, &[label]));
    let squares = rows().map(|(row, &label)| match k {
        2 => metrics::brier(&[row[1]], &[label == 1]),
        _ => metrics::brier_of_classes(row, k, &[label]),
    });
    let known = |figure: Option<f64>| figure.unwrap_or(f64::NAN);
    [losses.map(known).collect(), squares.map(known).collect()]
}

/// Distance between the expected and the true class of each example, (N).
fn errors_of(predictions: &Predictions) -> Vec<f64> {
    let expected = ordinal::expected_class(&predictions.p, predictions.classes);
    (expected.iter().zip(&predictions.labels))
        .map(|(expected, &label)| (expected - label as f64).abs())
        .collect()
}

/// The classes that have an average precision at all: those of some of the examples, but not of all.
fn ranked_classes(predictions: &Predictions) -> Vec<usize> {
    let labels = &predictions.labels;
    (0..predictions.classes)
        .filter(|class| labels.contains(class) && labels.iter().any(|label| label != class))
        .collect()
}

/// The decisions that its micro-averages pool.
fn pooled(predictions: &Predictions) -> Pooled {
    Pooled::of(&predictions.labels, predictions.classes)
}

/// A classifier's predictions with its decision threshold.
pub(crate) type AtThreshold<'a> = (&'a Predictions, f64);

/// What `of` says of each example: of those of the first model, then of those of the next.
fn each<T>(models: &[AtThreshold<'_>], of: impl Fn(&Predictions) -> Vec<T>) -> Vec<T> {
    models.iter().flat_map(|(model, _)| of(model)).collect()
}

/// The same as ranks among the examples of each model, so that it does not matter how each is calibrated; `None` with a
/// NaN.
fn each_rank(
    models: &[AtThreshold<'_>],
    of: impl Fn(&Predictions) -> Vec<f64>,
) -> Option<Vec<f64>> {
    let ranks: Option<Vec<Vec<f64>>> = (models.iter())
        .map(|(model, _)| metrics::ranks(&of(model)))
        .collect();
    ranks.map(|ranks| ranks.concat())
}

/// Computes figures from the weight of each thread.
type Part<'a> = Box<dyn Fn(&[Lanes]) -> Vec<Lanes> + Sync + 'a>;

/// Figures by the weight of each thread: how often a resample has it, or whether a permutation takes a model's
/// predictions there. They are of one model, or of two for the same examples; then `threads` (2 N) is
/// [`Clusters::of_two_models`].
#[derive(Default)]
pub(crate) struct WeightedFigures<'a> {
    pub(crate) names: Vec<&'static str>,
    parts: Vec<Part<'a>>,
}

impl<'a> WeightedFigures<'a> {
    /// All figures of classifiers but the expected calibration error, which has no interval.
    pub(crate) fn of_classifiers(models: &[AtThreshold<'_>], threads: &'a Clusters) -> Self {
        let mut all = Self::default();
        all.add_counted(models, threads);
        all.add_scored(models, threads);
        all
    }

    /// From losses in nats and tokens of each reply, (N) each.
    pub(crate) fn of_generators(
        losses: &'a [f64],
        tokens: &'a [f64],
        threads: &'a Clusters,
    ) -> Self {
        let mut all = Self::default();
        all.add(["loss", "perplexity"], move |weights| {
            let (nll, n) = (
                weighted::mean(weights, threads, losses),
                weighted::mean(weights, threads, tokens),
            );
            let loss: Lanes = std::array::from_fn(|lane| nll[lane] / n[lane]);
            [loss, loss.map(f64::exp)]
        });
        all
    }

    /// All figures, in the order of their names.
    pub(crate) fn of(&self, weights: &[Lanes]) -> Vec<Lanes> {
        self.parts.iter().flat_map(|part| part(weights)).collect()
    }

    fn add<const F: usize>(
        &mut self,
        names: [&'static str; F],
        figures: impl Fn(&[Lanes]) -> [Lanes; F] + Sync + 'a,
    ) {
        self.names.extend(names);
        let part = move |weights: &[Lanes]| figures(weights).to_vec();
        self.parts.push(Box::new(part));
    }

    fn add_counted(&mut self, models: &[AtThreshold<'_>], threads: &'a Clusters) {
        let k = models.first().map_or(0, |(model, _)| model.classes);
        let labels = each(models, |model| model.labels.clone());
        let called = models.iter().flat_map(|(model, at)| model.called(*at));
        let cells: Vec<usize> = (labels.iter().zip(called))
            .map(|(label, called)| label * k + called)
            .collect();
        self.add(counted_names(), move |weights| {
            let totals = weighted::totals(weights, threads, &cells, k * k);
            let mut figures = [[f64::NAN; LANES]; 6];
            for lane in 0..LANES {
                let row = |i: usize| (0..k).map(|j| totals[i * k + j][lane] as u64).collect();
                let counts = (0..k).map(row).collect();
                let values = counted(&Confusion { counts });
                for (figure, (_, value)) in figures.iter_mut().zip(values) {
                    figure[lane] = value.unwrap_or(f64::NAN);
                }
            }
            figures
        });
    }

    pub(crate) fn add_calibration(&mut self, models: &[AtThreshold<'_>], threads: &'a Clusters) {
        let scores = each(models, |model| model.judged().0);
        let right = each(models, |model| model.judged().1);
        self.add(["calibration_error"], move |weights| {
            let bins = prior_shift::BINS;
            let error = weighted::calibration_error(weights, threads, &scores, &right, bins);
            [error]
        });
    }

    fn add_scored(&mut self, models: &[AtThreshold<'_>], threads: &'a Clusters) {
        let k = models.first().map_or(0, |(model, _)| model.classes);
        // a mean over examples follows from what each of them adds
        let (mut losses, mut squares) = (Vec::new(), Vec::new());
        for (model, _) in models {
            let [of_loss, of_square] = losses_of(model);
            losses.extend(of_loss);
            squares.extend(of_square);
        }
        self.add(["log_loss", "brier"], move |weights| {
            [&losses, &squares].map(|values| weighted::mean(weights, threads, values))
        });

        let ranked = |class: usize| {
            let ranks = each_rank(models, |model| model.of_class(class))?;
            let truth = each(models, |model| model.is_class(class));
            RankedExamples::new(&ranks, &truth, threads)
        };
        if k == 2 {
            if let Some(ranked) = ranked(1) {
                self.add(["auc", "average_precision"], move |weights| {
                    let areas = ranked.areas(weights);
                    [areas.auc, areas.average_precision]
                });
            }
            return;
        }
        let first = models.first();
        let there = first.map_or_else(Vec::new, |(model, _)| ranked_classes(model));
        let by_class: Option<Vec<RankedExamples>> = there.iter().map(|&one| ranked(one)).collect();
        let labels = each(models, |model| model.labels.clone());
        if let (Some(by_class), false) = (by_class, there.is_empty()) {
            let names = [
                "auc",
                "weighted_auc",
                "average_precision",
                "weighted_average_precision",
            ];
            let labels = labels.clone();
            self.add(names, move |weights| {
                let areas: Vec<Areas> = by_class.iter().map(|one| one.areas(weights)).collect();
                let counts = weighted::totals(weights, threads, &labels, k);
                let counts: Vec<Lanes> = there.iter().map(|&class| counts[class]).collect();
                let aucs: Vec<Lanes> = areas.iter().map(|of| of.auc).collect();
                let precisions: Vec<Lanes> = areas.iter().map(|of| of.average_precision).collect();
                [
                    mean_of(&aucs),
                    weighted_mean_of(&aucs, &counts),
                    mean_of(&precisions),
                    weighted_mean_of(&precisions, &counts),
                ]
            });
        }
        let truth = each(models, |model| pooled(model).truth);
        let decisions =
            threads.of_decisions(first.map_or(0, |(model, _)| pooled(model).there.len()));
        let pooled = each_rank(models, |model| pooled(model).scores(&model.p))
            .and_then(|ranks| RankedExamples::new(&ranks, &truth, &decisions));
        if let Some(pooled) = pooled {
            let names = ["micro_auc", "micro_average_precision"];
            self.add(names, move |weights| {
                let areas = pooled.areas(weights);
                [areas.auc, areas.average_precision]
            });
        }
        let expected = each_rank(models, |model| ordinal::expected_class(&model.p, k));
        let ordered = expected.and_then(|ranks| OrderedExamples::new(&ranks, &labels, k, threads));
        if let Some(ordered) = ordered {
            let errors = each(models, errors_of);
            let names = ["spearman", "kendall_tau", "mean_absolute_error"];
            self.add(names, move |weights| {
                let correlations = ordered.correlations(weights);
                [
                    correlations.spearman,
                    correlations.kendall_tau,
                    weighted::mean(weights, threads, &errors),
                ]
            });
        }
    }
}

/// Figures with another interval than that of the bootstrap.
const BY_DELONG: [&str; 3] = ["auc", "weighted_auc", "micro_auc"];

/// The values of figures over the resamples. Those of the same threads and seed are of the same resamples, so that two
/// models can be compared in each.
pub(crate) struct Resampled {
    seed: u64,
    /// (resamples), by the name of the figure.
    values: BTreeMap<&'static str, Vec<f64>>,
}

impl Resampled {
    /// Of all figures but the AUCs.
    pub(crate) fn of(figures: &WeightedFigures<'_>, threads: &Clusters, seed: u64) -> Self {
        let values = bootstrap(threads, RESAMPLES, seed, |weights| figures.of(weights));
        let mut values: BTreeMap<&'static str, Vec<f64>> =
            figures.names.iter().copied().zip(values).collect();
        values.retain(|name, _| !BY_DELONG.contains(name));
        Self { seed, values }
    }

    /// The interval of a figure less that of another model on the same examples.
    pub(crate) fn difference(&self, other: &Self, figure: &str) -> Option<Interval> {
        let each = self.values.get(figure)?.iter();
        let each = each.zip(other.values.get(figure)?);
        percentile_interval(&each.map(|(a, b)| a - b).collect::<Vec<f64>>())
    }
}

impl Confidence {
    /// The intervals of resampled figures.
    pub(crate) fn of(resampled: &Resampled, threads: &Clusters) -> Self {
        let mut all = Self {
            threads: threads.count() as u64,
            resamples: RESAMPLES as u64,
            seed: resampled.seed,
            intervals: BTreeMap::new(),
        };
        all.insert_all(resampled);
        all
    }

    /// Of a classifier's predictions, whose threads are `threads` (N); `None` if there are too few of them.
    pub fn of_classifier(
        predictions: &Predictions,
        threshold: f64,
        threads: &Clusters,
        seed: u64,
    ) -> Option<Self> {
        threads.are_enough().then(|| {
            let figures = WeightedFigures::of_classifiers(&[(predictions, threshold)], threads);
            let mut all = Self::of(&Resampled::of(&figures, threads, seed), threads);
            all.add_aucs(predictions, threads);
            all
        })
    }

    /// Of a generator's losses in nats and tokens of each reply, (N) each; `None` if there are too few threads.
    pub fn of_generator(
        losses: &[f64],
        tokens: &[f64],
        threads: &Clusters,
        seed: u64,
    ) -> Option<Self> {
        threads.are_enough().then(|| {
            let figures = WeightedFigures::of_generators(losses, tokens, threads);
            Self::of(&Resampled::of(&figures, threads, seed), threads)
        })
    }

    /// The same at another threshold: only what depends on it is resampled again.
    pub fn at_threshold(
        &self,
        predictions: &Predictions,
        threshold: f64,
        threads: &Clusters,
    ) -> Self {
        let mut all = self.clone();
        for name in counted_names() {
            all.intervals.remove(name);
        }
        let mut figures = WeightedFigures::default();
        figures.add_counted(&[(predictions, threshold)], threads);
        all.insert_all(&Resampled::of(&figures, threads, self.seed));
        all
    }

    fn insert(&mut self, name: &str, interval: Option<Interval>) {
        if let Some(interval) = interval {
            self.intervals.insert(name.to_owned(), interval);
        }
    }

    fn insert_all(&mut self, resampled: &Resampled) {
        for (name, values) in &resampled.values {
            self.insert(name, percentile_interval(values));
        }
    }

    pub(crate) fn add_aucs(&mut self, predictions: &Predictions, threads: &Clusters) {
        let Predictions { classes, labels, p } = predictions;
        if *classes == 2 {
            return self.insert("auc", auc_of_class(predictions, 1, threads));
        }
        for (name, average) in [("auc", Average::Macro), ("weighted_auc", Average::Weighted)] {
            let mean = averaged_auc(p, *classes, labels, threads, average);
            self.insert(name, mean.and_then(|auc| auc.interval()));
        }
        let pooled = pooled(predictions);
        let decisions = threads.of_decisions(pooled.there.len());
        let micro = clustered_auc(&pooled.scores(p), &pooled.truth, &decisions);
        self.insert("micro_auc", micro.and_then(|auc| auc.interval()));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use repartee_models::rng::Stream;

    use super::*;
    use crate::evaluation::compared::compared;
    use crate::evaluation::figures::{Figures, baseline_of, of_classifier};

    /// Predictions of `classes` classes that know a little, in 40 threads.
    fn sample(classes: usize) -> (Predictions, Vec<usize>) {
        let mut stream = Stream::new(7, "confidence");
        let mut predictions = Predictions {
            classes,
            ..Predictions::default()
        };
        let mut threads = Vec::new();
        for thread in 0..40 {
            for _ in 0..2 + stream.below(6) {
                let label = stream.below(classes);
                let weights: Vec<f64> = (0..classes)
                    .map(|k| (f64::from(u8::from(k == label)) + stream.next_normal()).exp())
                    .collect();
                let all: f64 = weights.iter().sum();
                predictions.p.extend(weights.iter().map(|w| w / all));
                predictions.labels.push(label);
                threads.push(thread);
            }
        }
        (predictions, threads)
    }

    fn figures_of(predictions: &Predictions, threshold: f64) -> ClassifierFigures {
        let baseline = baseline_of(predictions, None);
        of_classifier(predictions, &[], threshold, baseline)
    }

    #[test]
    fn every_figure_but_the_expected_calibration_error_has_an_interval_around_it() {
        for classes in [2, 4] {
            let (predictions, threads) = sample(classes);
            let mut figures = figures_of(&predictions, 0.5);
            add_to(&mut figures, &predictions, &Clusters::new(&threads), 1);
            let confidence = figures.confidence.clone().unwrap();
            assert_eq!((confidence.threads, confidence.resamples), (40, 1000));
            for class in &figures.classes {
                let (auc, interval) = (class.auc.unwrap(), class.auc_interval.unwrap());
                assert!(interval.low < auc && auc < interval.high, "{class:?}");
            }
            let figures = Figures::Classifier(figures);
            assert_eq!(figures.impossible(), None);
            let all = compared(&figures);
            for one in &all {
                let value = one.value.unwrap();
                let Some(interval) = one.interval else {
                    assert_eq!(one.figure, "calibration_error");
                    continue;
                };
                let (low, high) = (interval.low, interval.high);
                assert!(low < value && value < high, "{one:?}");
                assert!(high - low < 0.6, "{one:?}");
            }
            // no interval is of a figure that is not shown
            assert_eq!(confidence.intervals.len(), all.len() - 1);
            let json = serde_json::to_string(&figures).unwrap();
            let read: Figures = serde_json::from_str(&json).unwrap();
            assert_eq!(compared(&read).len(), all.len());
        }
    }

    #[test]
    fn intervals_at_another_threshold_are_those_of_an_evaluation_at_it() {
        let (predictions, threads) = sample(2);
        let threads = Clusters::new(&threads);
        let at = |threshold| Confidence::of_classifier(&predictions, threshold, &threads, 3);
        let moved = at(0.5).unwrap().at_threshold(&predictions, 0.7, &threads);
        assert_eq!(Some(&moved), at(0.7).as_ref());
        assert_ne!(
            moved.intervals["recall"],
            at(0.5).unwrap().intervals["recall"]
        );
        assert_eq!(moved.intervals["auc"], at(0.5).unwrap().intervals["auc"]);
    }

    #[test]
    fn repeated_examples_of_a_thread_do_not_narrow_intervals() {
        let (once, threads) = sample(4);
        let times = 3;
        let repeated = Predictions {
            classes: 4,
            labels: once.labels.repeat(times),
            p: once.p.repeat(times),
        };
        let of = |predictions: &Predictions, threads: &[usize]| {
            Confidence::of_classifier(predictions, 0.5, &Clusters::new(threads), 1).unwrap()
        };
        let one = of(&once, &threads);
        let more = of(&repeated, &threads.repeat(times));
        for (name, interval) in &one.intervals {
            let wide = interval.high - interval.low;
            let other = more.intervals[name];
            let ratio = (other.high - other.low) / wide;
            assert!((0.95..1.05).contains(&ratio), "{name} {ratio}");
        }
    }

    #[test]
    fn averages_over_classes_have_no_interval_with_a_single_class() {
        let (mut predictions, threads) = sample(4);
        predictions.labels.fill(2);
        let threads = Clusters::new(&threads);
        let all = Confidence::of_classifier(&predictions, 0.5, &threads, 1).unwrap();
        assert!(all.intervals.contains_key("log_loss"));
        for figure in [
            "auc",
            "micro_auc",
            "average_precision",
            "micro_average_precision",
        ] {
            assert!(!all.intervals.contains_key(figure), "{figure}");
        }
    }

    #[test]
    fn intervals_of_micro_averages_are_those_without_the_empty_class() {
        let (mut four, threads) = sample(4);
        // class 2 is empty, and class 3 would be class 2 of a model without it
        let mut three = Predictions {
            classes: 3,
            ..Predictions::default()
        };
        for (label, p) in four.labels.iter_mut().zip(four.p.chunks_exact(4)) {
            *label = if *label == 2 { 3 } else { *label };
            three.labels.push((*label).min(2));
            three.p.extend([p[0], p[1], p[3]]);
        }
        let threads = Clusters::new(&threads);
        let of = |of: &Predictions| Confidence::of_classifier(of, 0.5, &threads, 1).unwrap();
        for figure in ["micro_auc", "micro_average_precision"] {
            assert_eq!(
                of(&four).intervals[figure],
                of(&three).intervals[figure],
                "{figure}"
            );
        }
    }

    #[test]
    fn few_threads_have_no_intervals() {
        let (predictions, threads) = sample(2);
        let nine: Vec<usize> = threads.iter().map(|thread| thread % 9).collect();
        let mut figures = figures_of(&predictions, 0.5);
        add_to(&mut figures, &predictions, &Clusters::new(&nine), 1);
        assert_eq!(figures.confidence, None);
        assert!(
            figures
                .classes
                .iter()
                .all(|class| class.auc_interval.is_none())
        );
        let all = compared(&Figures::Classifier(figures));
        assert!(all.iter().all(|one| one.interval.is_none()));
    }

    #[test]
    fn interval_of_a_perplexity_is_the_exponential_of_that_of_its_loss() {
        let mut stream = Stream::new(2, "losses");
        let threads: Vec<usize> = (0..90).map(|i| i / 3).collect();
        let tokens: Vec<f64> = threads
            .iter()
            .map(|_| 1.0 + stream.below(20) as f64)
            .collect();
        let losses: Vec<f64> = (tokens.iter())
            .map(|n| n * (3.0 + 0.2 * stream.next_normal()))
            .collect();
        let threads = Clusters::new(&threads);
        let all = Confidence::of_generator(&losses, &tokens, &threads, 1).unwrap();
        let (loss, perplexity) = (all.intervals["loss"], all.intervals["perplexity"]);
        let mean = losses.iter().sum::<f64>() / tokens.iter().sum::<f64>();
        assert!(loss.low < mean && mean < loss.high && loss.high - loss.low < 0.3);
        // except for the interpolation between two resamples
        assert!((perplexity.low.ln() - loss.low).abs() < 1e-3);
        assert!((perplexity.high.ln() - loss.high).abs() < 1e-3);
    }
}
