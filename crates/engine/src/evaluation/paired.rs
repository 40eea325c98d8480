//! Compares evaluations on the examples that all of them have: how much each figure differs, how sure that is, and how
//! often such a difference appears between models that are equally good.
//!
//! Both models predict the same examples, so what makes these easy or hard cancels out: the interval of a difference is
//! narrower than those of the two figures suggest. It is DeLong's for an AUC (`metrics/delong.rs`); for the other figures
//! both are computed in the same resamples of threads. The p value exchanges the predictions of whole threads
//! (`metrics/permutation.rs`).

use std::collections::{BTreeMap, HashMap};

use repartee_core::error::{Error, Result};
use repartee_core::shell;
use repartee_datasets::Partition;
use repartee_models::metrics::bootstrap::Lanes;
use repartee_models::metrics::delong::{Average, compare_auc, compare_averaged_auc};
use repartee_models::metrics::permutation::p_values;
use repartee_models::metrics::{self, Clusters, Interval, Pooled};
use repartee_store::evaluations::{Prediction, Subject};
use repartee_terms::{ModelKind, Role};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::evaluation::compared::{Compared, compared, with_interval};
use crate::evaluation::confidence::{
    AtThreshold, Confidence, RESAMPLES, Resampled, WeightedFigures, threads_of,
};
use crate::evaluation::evaluate::EvaluationInfo;
use crate::evaluation::figures::{self, Figures, GeneratorFigures, Predictions};
use crate::evaluation::labels::set_name;
use crate::training::Difference;

/// Permutations of a test: p values are multiples of 1/2000.
pub const PERMUTATIONS: usize = 1999;

/// Seed of resamples and permutations.
const SEED: u64 = 1;

/// Evaluations compared on the same examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Comparison {
    /// The first is what the others are compared with.
    pub evaluations: Vec<ComparedEvaluation>,
    /// Number of examples that all of them have: every figure is of these.
    pub examples: u64,
    /// Number of their threads; none if one is not known any more: then there are no intervals and p values.
    pub threads: Option<u64>,
    /// Number of bootstrap resamples.
    pub resamples: u64,
    /// Number of permutations of the tests.
    pub permutations: u64,
    /// Seed of resamples and permutations.
    pub seed: u64,
    /// The most informative first.
    pub figures: Vec<ComparedFigure>,
    /// The settings in which their runs differ.
    pub settings: Vec<Difference>,
}

/// An evaluation of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ComparedEvaluation {
    pub id: i64,
    /// Empty: it is called by its number.
    pub name: String,
    pub run: String,
    pub checkpoint: Role,
    /// Training steps of the checkpoint.
    pub step: u64,
    pub split: String,
    pub partition: Partition,
    /// The set of fakes, for a realism model.
    pub fakes: Option<String>,
    /// Number of its examples, also those that the others lack.
    pub examples: u64,
    /// Measured on a text deleted since, or of a model that was trained on one.
    pub deleted_content: bool,
}

/// A figure of all evaluations of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ComparedFigure {
    /// auc, accuracy, log_loss, ...
    pub figure: String,
    /// Display name.
    pub name: String,
    /// Whether less is better.
    pub lower_is_better: bool,
    /// Of each evaluation.
    pub values: Vec<FigureValue>,
    /// Of each evaluation but the first.
    pub differences: Vec<FigureDifference>,
}

/// A figure of one evaluation on the examples of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FigureValue {
    /// None if undefined.
    pub value: Option<f64>,
    /// 95% interval; none without enough threads.
    pub interval: Option<Interval>,
}

/// How a figure of an evaluation differs from that of the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FigureDifference {
    /// Its value less that of the first; none if one is undefined.
    pub difference: Option<f64>,
    /// 95% interval of the difference; none without enough threads.
    pub interval: Option<Interval>,
    /// Two-sided, by permutation: how often models that are equally good differ as much.
    pub p: Option<f64>,
    /// Whether it is better than the first; none if the interval contains 0, or without one.
    pub better: Option<bool>,
}

impl FigureValue {
    /// "0.818 [0.779, 0.851]", or a dash.
    pub fn written(&self) -> String {
        with_interval(self.value, self.interval, 0)
    }
}

impl FigureDifference {
    /// "+0.021 [-0.004, 0.046]", or a dash.
    pub fn written(&self) -> String {
        let sign = match self.difference {
            Some(difference) if difference > 0.0 => "+",
            _ => "",
        };
        format!("{sign}{}", with_interval(self.difference, self.interval, 0))
    }
}

/// What an evaluation predicts for the examples of a comparison, in the order of the others.
enum Examples {
    Classifier {
        predictions: Predictions,
        threshold: f64,
    },
    /// Loss in nats and tokens of each reply, (N) each.
    Generator { losses: Vec<f64>, tokens: Vec<f64> },
}

/// The figures of an evaluation on the examples of a comparison.
struct Measured {
    compared: Vec<Compared>,
    /// None without enough threads.
    resampled: Option<Resampled>,
}

impl Measured {
    fn value(&self, figure: &str) -> FigureValue {
        let one = self.compared.iter().find(|one| one.figure == figure);
        FigureValue {
            value: one.and_then(|one| one.value),
            interval: one.and_then(|one| one.interval),
        }
    }
}

/// What is known of the differences of two evaluations, by figure.
#[derive(Default)]
struct Paired {
    aucs: BTreeMap<&'static str, Interval>,
    p: BTreeMap<&'static str, f64>,
}

impl Examples {
    /// Tokens of each reply, (N); empty for a classifier.
    fn tokens(&self) -> &[f64] {
        match self {
            Self::Classifier { .. } => &[],
            Self::Generator { tokens, .. } => tokens,
        }
    }

    fn measured(&self, names: &[String], threads: Option<&Clusters>) -> Measured {
        let threads = threads.filter(|threads| threads.are_enough());
        let resampled = threads.map(|threads| {
            let figures = match self {
                Self::Classifier {
                    predictions,
                    threshold,
                } => WeightedFigures::of_classifiers(&[(predictions, *threshold)], threads),
                Self::Generator { losses, tokens } => {
                    WeightedFigures::of_generators(losses, tokens, threads)
                }
            };
            Resampled::of(&figures, threads, SEED)
        });
        let mut confidence = (threads.zip(resampled.as_ref()))
            .map(|(threads, resampled)| Confidence::of(resampled, threads));
        let figures = match self {
            Self::Classifier {
                predictions,
                threshold,
            } => {
                if let (Some(confidence), Some(threads)) = (&mut confidence, threads) {
                    confidence.add_aucs(predictions, threads);
                }
                let baseline = figures::baseline_of(predictions, None);
                let mut figures = figures::of_classifier(predictions, names, *threshold, baseline);
                figures.confidence = confidence;
                Figures::Classifier(figures)
            }
            Self::Generator { losses, tokens } => {
                let (nll, n): (f64, f64) = (losses.iter().sum(), tokens.iter().sum());
                Figures::Generator(GeneratorFigures {
                    examples: losses.len() as u64,
                    tokens: n as u64,
                    loss: Some(nll / n).filter(|loss| loss.is_finite()),
                    perplexity: metrics::perplexity(nll, n as u64),
                    // a comparison has no baselines
                    unigram_perplexity: None,
                    chance_perplexity: 0,
                    confidence,
                })
            }
        };
        Measured {
            compared: compared(&figures),
            resampled,
        }
    }

    /// Compares this evaluation with the first.
    fn paired(&self, first: &Self, threads: &Clusters) -> Paired {
        match (self, first) {
            (
                Self::Classifier {
                    predictions: a,
                    threshold: at_a,
                },
                Self::Classifier {
                    predictions: b,
                    threshold: at_b,
                },
            ) => Paired {
                aucs: auc_intervals(a, b, threads),
                p: of_classifiers([(a, *at_a), (b, *at_b)], threads),
            },
            (Self::Generator { losses: a, tokens }, Self::Generator { losses: b, .. }) => Paired {
                p: of_generators(a, b, tokens, threads),
                ..Paired::default()
            },
            _ => Paired::default(),
        }
    }
}

/// DeLong's intervals of the differences of AUCs.
fn auc_intervals(
    a: &Predictions,
    b: &Predictions,
    threads: &Clusters,
) -> BTreeMap<&'static str, Interval> {
    let (k, labels) = (a.classes, &a.labels);
    let differences = if k == 2 {
        let (of_a, of_b, truth) = (a.of_class(1), b.of_class(1), a.is_class(1));
        vec![("auc", compare_auc(&of_a, &of_b, &truth, threads))]
    } else {
        let mean = |average| compare_averaged_auc(&a.p, &b.p, k, labels, threads, average);
        let pooled = Pooled::of(labels, k);
        let decisions = threads.of_decisions(pooled.there.len());
        let [of_a, of_b] = [a, b].map(|of| pooled.scores(&of.p));
        let micro = compare_auc(&of_a, &of_b, &pooled.truth, &decisions);
        vec![
            ("auc", mean(Average::Macro)),
            ("weighted_auc", mean(Average::Weighted)),
            ("micro_auc", micro),
        ]
    };
    (differences.into_iter())
        .filter_map(|(name, difference)| Some((name, difference?.interval)))
        .collect()
}

/// p values of the differences of figures, which are of two models, by name.
fn p_values_of(figures: &WeightedFigures<'_>, threads: &Clusters) -> BTreeMap<&'static str, f64> {
    let of = |weights: &[Lanes]| figures.of(weights);
    let all = p_values(threads, PERMUTATIONS, SEED, of);
    (figures.names.iter().zip(all))
        .filter_map(|(name, p)| Some((*name, p?)))
        .collect()
}

/// p values of the differences of two classifiers at their thresholds.
fn of_classifiers(models: [AtThreshold<'_>; 2], threads: &Clusters) -> BTreeMap<&'static str, f64> {
    let both = threads.of_two_models();
    let mut figures = WeightedFigures::of_classifiers(&models, &both);
    figures.add_calibration(&models, &both);
    p_values_of(&figures, threads)
}

/// p values of the differences of two generators, from the losses of each reply, which has as many tokens for both.
fn of_generators(
    a: &[f64],
    b: &[f64],
    tokens: &[f64],
    threads: &Clusters,
) -> BTreeMap<&'static str, f64> {
    let (losses, tokens) = ([a, b].concat(), tokens.repeat(2));
    let both = threads.of_two_models();
    let figures = WeightedFigures::of_generators(&losses, &tokens, &both);
    p_values_of(&figures, threads)
}

/// Each figure of the evaluations, whose examples are the same, and how those after the first differ from it.
fn compare(all: &[Examples], names: &[String], threads: Option<&Clusters>) -> Vec<ComparedFigure> {
    let measured: Vec<Measured> = (all.iter())
        .map(|examples| examples.measured(names, threads))
        .collect();
    let (Some((first, others)), Some(of_first)) = (measured.split_first(), all.first()) else {
        return Vec::new();
    };
    let paired: Vec<Option<Paired>> = (all.iter().skip(1))
        .map(|examples| threads.map(|threads| examples.paired(of_first, threads)))
        .collect();
    let figure = |one: &Compared| {
        let differences = others.iter().zip(&paired);
        ComparedFigure {
            figure: one.figure.clone(),
            name: one.name.clone(),
            lower_is_better: one.lower_is_better,
            values: measured.iter().map(|of| of.value(&one.figure)).collect(),
            differences: differences
                .map(|(other, paired)| difference(one, other, first, paired.as_ref()))
                .collect(),
        }
    };
    first.compared.iter().map(figure).collect()
}

fn difference(
    one: &Compared,
    other: &Measured,
    first: &Measured,
    paired: Option<&Paired>,
) -> FigureDifference {
    let figure = one.figure.as_str();
    let values = other.value(figure).value.zip(one.value);
    let difference = values.map(|(other, first)| other - first);
    let resampled = || {
        let (other, first) = (other.resampled.as_ref()?, first.resampled.as_ref()?);
        other.difference(first, figure)
    };
    let of_auc = paired.and_then(|paired| paired.aucs.get(figure).copied());
    let interval = difference.and_then(|_| of_auc.or_else(resampled));
    let p = (difference.and(paired)).and_then(|paired| paired.p.get(figure).copied());
    let is_higher = interval.and_then(|of| match (of.low > 0.0, of.high < 0.0) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    });
    FigureDifference {
        difference,
        interval,
        p,
        better: is_higher.map(|is_higher| is_higher != one.lower_is_better),
    }
}

/// Of each evaluation, the numbers of the predictions that all evaluations have, in the order of the first. A prediction
/// is the same if its example and its true class are.
fn in_common(all: &[Vec<Prediction>]) -> Vec<Vec<usize>> {
    let numbered: Vec<HashMap<(Subject, Option<u8>), usize>> = (all.iter())
        .map(|predictions| {
            let keys = predictions.iter().map(|one| (one.subject, one.label));
            keys.enumerate().map(|(n, key)| (key, n)).collect()
        })
        .collect();
    let mut rows = vec![Vec::new(); all.len()];
    for one in all.first().into_iter().flatten() {
        let key = (one.subject, one.label);
        let found = numbered.iter().map(|of| of.get(&key).copied());
        let found: Option<Vec<usize>> = found.collect();
        for (rows, n) in rows.iter_mut().zip(found.into_iter().flatten()) {
            rows.push(n);
        }
    }
    rows
}

/// Whether the figures of evaluations mean the same.
///
/// # Errors
/// [`repartee_core::error::Code::Usage`] with what differs.
fn check_comparable(all: &[EvaluationInfo]) -> Result<()> {
    let Some((first, others)) = all.split_first() else {
        return Ok(());
    };
    for other in others {
        let both = format!("evaluations {} and {}", first.id, other.id);
        if first.config.kind != other.config.kind {
            return Err(Error::usage(format!(
                "{both} are of different kinds of model ({} and {}); compare evaluations of one kind",
                first.config.kind, other.config.kind
            )));
        }
        if (&first.split, first.partition) != (&other.split, other.partition) {
            return Err(Error::usage(format!(
                "{}, and {}; evaluate the runs on the same set of the same split: no model may have seen the examples",
                set_of(first),
                set_of(other)
            )));
        }
        if first.config.classes != other.config.classes {
            return Err(Error::usage(format!(
                "{both} have different upvote bins; evaluate the runs again"
            )));
        }
        if let (Some(fakes), Some(of_other)) = (&first.fakes, &other.fakes)
            && fakes != of_other
        {
            return Err(Error::usage(format!(
                "{both} are on different sets of fakes ({fakes} and {of_other}); evaluate both runs on the same set; \
                 `{}` does it",
                shell::command(["evaluate", &other.run, "--fakes", fakes])
            )));
        }
    }
    Ok(())
}

/// The set of an evaluation in an error.
fn set_of(evaluation: &EvaluationInfo) -> String {
    let set = set_name(evaluation.partition);
    format!(
        "evaluation {} is on the {set} of split {:?}",
        evaluation.id, evaluation.split
    )
}

impl Engine {
    /// Compares evaluations, each called by its number or name or by its run, on the examples that all of them have. The
    /// first is what the others are compared with.
    ///
    /// # Errors
    /// [`repartee_core::error::Code::NotFound`]; [`repartee_core::error::Code::Usage`] if their figures mean different
    /// things, or they have no examples in common.
    pub fn evaluations_compare(&self, of: &[String]) -> Result<Comparison> {
        if of.len() < 2 {
            return Err(Error::usage("a comparison takes at least two evaluations"));
        }
        let mut infos = Vec::with_capacity(of.len());
        let mut stored = Vec::with_capacity(of.len());
        for what in of {
            let info = self.evaluation_of(what)?;
            stored.push(self.store.predictions(info.id)?);
            infos.push(info);
        }
        check_comparable(&infos)?;
        let rows = in_common(&stored);
        let common: Vec<Prediction> = (rows[0].iter()).map(|&n| stored[0][n].clone()).collect();
        if common.is_empty() {
            let sets: Vec<String> = infos.iter().map(set_of).collect();
            return Err(Error::usage(format!(
                "the evaluations have no examples in common: {}; evaluate the runs on the same set",
                sets.join(", ")
            )));
        }
        let threads = threads_of(&self.store, &common)?;
        let mut all = Vec::with_capacity(infos.len());
        for ((info, stored), rows) in infos.iter().zip(&stored).zip(&rows) {
            all.push(match info.config.kind {
                ModelKind::Generator => {
                    let (losses, tokens) = (rows.iter())
                        .map(|&n| {
                            let tokens = stored[n].tokens.unwrap_or_default();
                            (stored[n].nll.unwrap_or(f64::NAN), f64::from(tokens))
                        })
                        .unzip();
                    Examples::Generator { losses, tokens }
                }
                ModelKind::Realism | ModelKind::Upvotes => Examples::Classifier {
                    predictions: self.predictions(info.id)?.of_rows(rows),
                    threshold: info.config.threshold.unwrap_or(0.5),
                },
            });
        }
        check_tokens(&infos, &all)?;
        let runs: Vec<String> = infos.iter().map(|info| info.run.clone()).collect();
        let settings = self.run_differences(&runs)?;
        Ok(Comparison {
            examples: common.len() as u64,
            threads: threads.as_ref().map(|threads| threads.count() as u64),
            resamples: RESAMPLES as u64,
            permutations: PERMUTATIONS as u64,
            seed: SEED,
            figures: compare(&all, &infos[0].config.classes, threads.as_ref()),
            settings,
            evaluations: (infos.into_iter().zip(&stored))
                .map(|(info, stored)| ComparedEvaluation {
                    id: info.id,
                    name: info.name,
                    run: info.run,
                    checkpoint: info.config.checkpoint,
                    step: info.config.step,
                    split: info.split,
                    partition: info.partition,
                    fakes: info.fakes,
                    examples: stored.len() as u64,
                    deleted_content: info.deleted_content,
                })
                .collect(),
        })
    }
}

/// Whether generators have the same tokens: a loss per token means something else with other tokens.
///
/// # Errors
/// [`repartee_core::error::Code::Usage`].
fn check_tokens(infos: &[EvaluationInfo], all: &[Examples]) -> Result<()> {
    for (info, examples) in infos.iter().zip(all).skip(1) {
        if all[0].tokens() != examples.tokens() {
            return Err(Error::usage(format!(
                "evaluations {} and {} count different tokens in the same replies (another tokenizer, or another \
                 longest input), so that their losses per token are not comparable",
                infos[0].id, info.id
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use repartee_models::rng::Stream;

    use super::*;

    /// Two models of the same examples of 60 threads; `gains` says how much each of them knows.
    fn sample(classes: usize, gains: [f64; 2]) -> ([Examples; 2], Vec<usize>) {
        let mut stream = Stream::new(11, "paired");
        let mut all = gains.map(|_| Predictions {
            classes,
            ..Predictions::default()
        });
        let mut threads = Vec::new();
        for thread in 0..60 {
            for _ in 0..3 + stream.below(4) {
                let label = stream.below(classes);
                for (predictions, gain) in all.iter_mut().zip(gains) {
                    let weights: Vec<f64> = (0..classes)
                        .map(|k| {
                            let known = gain * f64::from(u8::from(k == label));
                            (known + stream.next_normal()).exp()
                        })
                        .collect();
                    let sum: f64 = weights.iter().sum();
                    predictions.p.extend(weights.iter().map(|w| w / sum));
                    predictions.labels.push(label);
                }
                threads.push(thread);
            }
        }
        let all = all.map(|predictions| Examples::Classifier {
            predictions,
            threshold: 0.5,
        });
        (all, threads)
    }

    fn one<'a>(figures: &'a [ComparedFigure], figure: &str) -> &'a ComparedFigure {
        figures.iter().find(|one| one.figure == figure).unwrap()
    }

    #[test]
    fn better_model_is_better_by_every_figure() {
        for classes in [2, 4] {
            let (all, threads) = sample(classes, [0.3, 1.5]);
            let figures = compare(&all, &[], Some(&Clusters::new(&threads)));
            assert_eq!(figures.len(), if classes == 2 { 10 } else { 18 });
            for one in &figures {
                let [difference] = one.differences.as_slice() else {
                    panic!("{one:?}")
                };
                let [first, other] = one.values.as_slice() else {
                    panic!("{one:?}")
                };
                let expected = other.value.unwrap() - first.value.unwrap();
                assert_eq!(difference.difference, Some(expected), "{one:?}");
                let p = difference.p.unwrap();
                if one.figure == "calibration_error" {
                    assert_eq!((difference.interval, difference.better), (None, None));
                    continue;
                }
                assert!(p < 0.01, "{one:?}");
                let interval = difference.interval.unwrap();
                assert!(
                    interval.low < expected && expected < interval.high,
                    "{one:?}"
                );
                assert_eq!(difference.better, Some(true), "{one:?}");
                assert_eq!(expected < 0.0, one.lower_is_better, "{one:?}");
            }
        }
    }

    #[test]
    fn exchanging_two_evaluations_changes_the_sign_only() {
        for classes in [2, 4] {
            let (mut all, threads) = sample(classes, [0.8, 1.0]);
            let threads = Clusters::new(&threads);
            let forward = compare(&all, &[], Some(&threads));
            all.reverse();
            let backward = compare(&all, &[], Some(&threads));
            for there in &forward {
                let back = one(&backward, &there.figure);
                let (a, b) = (&there.differences[0], &back.differences[0]);
                assert_eq!(a.difference.map(|d| -d), b.difference, "{there:?}");
                assert_eq!(a.p, b.p, "{there:?}");
                assert_eq!(a.better.map(|better| !better), b.better);
                let near = |x: f64, y: f64| (x - y).abs() < 1e-9;
                match (a.interval, b.interval) {
                    (None, None) => assert_eq!(there.figure, "calibration_error"),
                    (Some(a), Some(b)) => {
                        assert!(near(a.low, -b.high) && near(a.high, -b.low), "{there:?}");
                    }
                    _ => panic!("{there:?} {back:?}"),
                }
            }
        }
    }

    #[test]
    fn model_does_not_differ_from_itself() {
        for classes in [2, 4] {
            let ([first, _], threads) = sample(classes, [1.0, 1.0]);
            let ([same, _], _) = sample(classes, [1.0, 1.0]);
            let figures = compare(&[first, same], &[], Some(&Clusters::new(&threads)));
            for one in &figures {
                let of = &one.differences[0];
                assert_eq!((of.difference, of.p), (Some(0.0), Some(1.0)), "{one:?}");
                assert_eq!(of.better, None);
                let none = Interval {
                    low: 0.0,
                    high: 0.0,
                };
                assert!(of.interval.is_none_or(|of| of == none), "{one:?}");
            }
        }
    }

    #[test]
    fn models_that_know_as_much_are_not_told_apart() {
        let (all, threads) = sample(2, [1.0, 1.0]);
        let figures = compare(&all, &[], Some(&Clusters::new(&threads)));
        let auc = &one(&figures, "auc").differences[0];
        assert!(
            auc.difference != Some(0.0) && auc.p.unwrap() > 0.01,
            "{auc:?}"
        );
    }

    #[test]
    fn few_threads_have_p_values_but_no_intervals_and_unknown_ones_neither() {
        let (all, threads) = sample(2, [0.3, 1.5]);
        let nine: Vec<usize> = threads.iter().map(|thread| thread % 9).collect();
        let nine = compare(&all, &[], Some(&Clusters::new(&nine)));
        let unknown = compare(&all, &[], None);
        for (one, unknown) in nine.iter().zip(&unknown) {
            let (of, unknown) = (&one.differences[0], &unknown.differences[0]);
            assert_eq!((of.interval, of.better), (None, None), "{one:?}");
            assert!(of.p.is_some() && unknown.p.is_none(), "{one:?}");
            assert_eq!(of.difference, unknown.difference);
        }
    }

    #[test]
    fn several_evaluations_are_each_compared_with_the_first() {
        let ([first, second], threads) = sample(2, [0.3, 1.5]);
        let ([third, _], _) = sample(2, [0.3, 1.5]);
        let figures = compare(&[first, second, third], &[], Some(&Clusters::new(&threads)));
        let auc = one(&figures, "auc");
        assert_eq!((auc.values.len(), auc.differences.len()), (3, 2));
        assert_eq!(auc.differences[0].better, Some(true));
        assert_eq!(auc.differences[1].difference, Some(0.0));
    }

    #[test]
    fn generators_are_compared_by_their_loss_per_token() {
        let mut stream = Stream::new(3, "generators");
        let threads: Vec<usize> = (0..120).map(|i| i / 3).collect();
        let tokens: Vec<f64> = (threads.iter())
            .map(|_| 4.0 + stream.below(20) as f64)
            .collect();
        let losses = |mean: f64, stream: &mut Stream| -> Vec<f64> {
            (tokens.iter())
                .map(|n| n * (mean + 0.1 * stream.next_normal()))
                .collect()
        };
        let all = [3.0, 2.8].map(|mean| Examples::Generator {
            losses: losses(mean, &mut stream),
            tokens: tokens.clone(),
        });
        let figures = compare(&all, &[], Some(&Clusters::new(&threads)));
        let names: Vec<&str> = figures.iter().map(|one| one.figure.as_str()).collect();
        assert_eq!(names, ["perplexity", "loss"]);
        for one in &figures {
            let difference = &one.differences[0];
            assert_eq!(difference.better, Some(true), "{one:?}");
            assert!(difference.interval.unwrap().high < 0.0, "{one:?}");
            assert!(difference.p.unwrap() < 0.01, "{one:?}");
        }
        let loss = one(&figures, "loss").differences[0].difference.unwrap();
        assert!((loss + 0.2).abs() < 0.1, "{loss}");
    }

    #[test]
    fn examples_in_common_have_the_same_subject_and_class() {
        let prediction = |subject, label| Prediction {
            subject,
            label: Some(label),
            p: [None; 4],
            nll: None,
            tokens: None,
        };
        let (pair, fake) = (Subject::Pair, Subject::Fake);
        let first = vec![
            prediction(pair(1), 1),
            prediction(pair(2), 1),
            prediction(pair(3), 0),
            prediction(fake(1), 0),
        ];
        let other = vec![
            prediction(fake(1), 0),
            prediction(pair(3), 1), // its score has changed since
            prediction(pair(4), 1),
            prediction(pair(1), 1),
        ];
        assert_eq!(in_common(&[first, other]), [[0, 3], [3, 0]]);
    }

    #[test]
    fn differences_are_displayed_with_their_sign() {
        let written = |difference, low, high| {
            FigureDifference {
                difference: Some(difference),
                interval: Some(Interval { low, high }),
                p: None,
                better: None,
            }
            .written()
        };
        assert_eq!(written(0.0212, -0.004, 0.046), "+0.021 [-0.004, 0.046]");
        assert_eq!(written(-0.0212, -0.046, 0.004), "-0.021 [-0.046, 0.004]");
        assert_eq!(written(0.0, 0.0, 0.0), "0.000 [0.000, 0.000]");
    }
}
