//! Slices: the figures of a classifier's evaluation on parts of its examples, by subreddit, by the length of the reply,
//! and by date and score of the comment. They come from the stored predictions, without the model.
//!
//! A slice has the intervals of an evaluation of its own (`confidence.rs`). Where one excludes the figure of all
//! examples, the slice may differ; of many slices, some do by chance.

use std::collections::BTreeMap;

use repartee_core::error::{Error, Result};
use repartee_core::format::{count, counted};
use repartee_datasets::clean::is_notice;
use repartee_datasets::study::day_of_ms;
use repartee_models::metrics::{Clusters, Interval};
use repartee_store::evaluations::PredictedExample;
use serde::Serialize;

use crate::Engine;
use crate::evaluation::compared::{Compared, compared, with_interval};
use crate::evaluation::confidence::{self, RESAMPLES};
use crate::evaluation::evaluate::{EvaluationInfo, of_stored};
use crate::evaluation::figures::{self, Figures, Predictions, baseline_of};

/// Subreddits with a slice of their own; the rest is one slice.
const SUBREDDITS: usize = 10;
/// Slices by a number: quantile bins of about equally many examples.
const BINS: usize = 5;
/// The figures of a slice, by their names in `compared`.
const FIGURES: [&str; 5] = ["auc", "average_precision", "accuracy", "log_loss", "brier"];
/// Of these, the means over classes if there are more than two.
const AVERAGED: [&str; 2] = ["auc", "average_precision"];
const DAY_S: i64 = 24 * 3600;

/// What examples are sliced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SliceBy {
    Subreddit,
    /// Words of the reply, real or fake.
    Length,
    /// Date of the comment that is answered.
    Age,
    /// Score of that comment: the score of the reply is what an upvotes model predicts.
    Score,
}

impl SliceBy {
    pub const ALL: [Self; 4] = [Self::Subreddit, Self::Length, Self::Age, Self::Score];

    /// As a word of the command line.
    fn word(self) -> &'static str {
        match self {
            Self::Subreddit => "subreddit",
            Self::Length => "length",
            Self::Age => "age",
            Self::Score => "score",
        }
    }

    /// Display name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subreddit => "subreddit",
            Self::Length => "words of the reply",
            Self::Age => "date of the comment (UTC)",
            Self::Score => "score of the comment",
        }
    }

    /// # Errors
    /// [`repartee_core::error::Code::Usage`] with the words that exist.
    pub fn parse(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|by| by.word() == word);
        found.ok_or_else(|| {
            let all = Self::ALL.map(Self::word).join(", ");
            Error::usage(format!("{word:?} is not one of {all}"))
        })
    }
}

/// The slices of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationSlices {
    pub evaluation: i64,
    pub run: String,
    pub classes: Vec<String>,
    /// All examples, with the figures as evaluated.
    pub overall: Slice,
    pub slices: Vec<Slice>,
    /// Number of intervals of all slices, and how many of them exclude the figure of all examples.
    pub intervals: u64,
    pub excluding: u64,
    /// Number of bootstrap resamples.
    pub resamples: u64,
    /// Seed of the resamples.
    pub seed: u64,
}

/// Some of the examples of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// None: all examples.
    pub by: Option<SliceBy>,
    /// "r/AskHistorians", "6 to 12", "unknown".
    pub name: String,
    pub examples: u64,
    /// Number of their threads; none if one is not known any more: then there are no intervals.
    pub threads: Option<u64>,
    /// Number of examples of each class.
    pub classes: Vec<u64>,
    pub figures: Vec<SliceFigure>,
}

/// A figure of a slice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceFigure {
    /// auc, average_precision, accuracy, log_loss or brier.
    pub figure: String,
    /// Display name; of a mean over classes, with the number of classes that occur.
    pub name: String,
    /// Whether less is better.
    pub lower_is_better: bool,
    /// None if undefined: a class is missing.
    pub value: Option<f64>,
    /// 95% interval; none with fewer than ten threads.
    pub interval: Option<Interval>,
    /// Whether the interval excludes the figure of all examples.
    pub excludes_overall: bool,
}

impl SliceFigure {
    /// "0.818 [0.779, 0.851]", or a dash.
    pub fn written(&self) -> String {
        with_interval(self.value, self.interval, 0)
    }

    /// The same with a mark if its interval excludes the figure of all examples.
    pub fn marked(&self) -> String {
        match self.excludes_overall {
            true => format!("{} !", self.written()),
            false => self.written(),
        }
    }
}

/// Examples that belong together: their name, and their numbers.
type Part = (String, Vec<usize>);

/// The largest subreddits, then the rest together, then examples of unknown ones. Names differ in case between sources.
fn by_subreddit(subreddits: &[&str]) -> Vec<Part> {
    let mut found: BTreeMap<String, Part> = BTreeMap::new();
    let mut unknown = Vec::new();
    for (n, name) in subreddits.iter().enumerate() {
        match name.is_empty() {
            true => unknown.push(n),
            false => {
                let named = || (format!("r/{name}"), Vec::new());
                let part = found.entry(name.to_lowercase()).or_insert_with(named);
                part.1.push(n);
            }
        }
    }
    let mut parts: Vec<Part> = found.into_values().collect();
    // equally large ones stay in the order of their names
    parts.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    // a rest of one is a subreddit like the others
    if parts.len() > SUBREDDITS + 1 {
        let rest = parts.split_off(SUBREDDITS);
        let name = format!("other ({})", counted(rest.len(), "subreddit", "subreddits"));
        let mut rows: Vec<usize> = rest.into_iter().flat_map(|(_, rows)| rows).collect();
        rows.sort_unstable();
        parts.push((name, rows));
    }
    with_unknown(parts, unknown)
}

fn with_unknown(mut parts: Vec<Part>, unknown: Vec<usize>) -> Vec<Part> {
    if !unknown.is_empty() {
        parts.push(("unknown".to_owned(), unknown));
    }
    parts
}

/// The lowest value of each quantile bin but the first, rising. Equal values are in one bin, so there may be fewer.
fn edges(known: &[i64]) -> Vec<i64> {
    let mut sorted = known.to_vec();
    sorted.sort_unstable();
    let Some(&least) = sorted.first() else {
        return Vec::new();
    };
    let mut edges: Vec<i64> = (1..BINS).map(|i| sorted[i * sorted.len() / BINS]).collect();
    edges.dedup();
    edges.retain(|edge| *edge > least);
    edges
}

/// Quantile bins of a number, whose values `written` writes, then examples without it.
fn by_quantile(values: &[Option<i64>], written: impl Fn(i64) -> String) -> Vec<Part> {
    let known: Vec<i64> = values.iter().flatten().copied().collect();
    let edges = edges(&known);
    let name = |bin: usize| {
        let low = bin.checked_sub(1).map(|before| edges[before]);
        let high = edges.get(bin).map(|next| next - 1);
        match (low, high) {
            (None, None) => "all known".to_owned(),
            (None, Some(high)) => format!("up to {}", written(high)),
            (Some(low), None) => format!("from {}", written(low)),
            (Some(low), Some(high)) if low == high => written(low),
            (Some(low), Some(high)) => format!("{} to {}", written(low), written(high)),
        }
    };
    let mut parts: Vec<Part> = match known.is_empty() {
        true => Vec::new(),
        false => (0..=edges.len())
            .map(|bin| (name(bin), Vec::new()))
            .collect(),
    };
    let mut unknown = Vec::new();
    for (n, value) in values.iter().enumerate() {
        match value {
            Some(value) => parts[edges.partition_point(|edge| edge <= value)].1.push(n),
            None => unknown.push(n),
        }
    }
    with_unknown(parts, unknown)
}

/// Words of a reply; `None` if its text is gone.
fn words(reply: Option<&str>) -> Option<i64> {
    let text = reply?.trim();
    if text.is_empty() || is_notice(text) {
        return None;
    }
    i64::try_from(text.split_whitespace().count()).ok()
}

fn parts(by: SliceBy, examples: &[PredictedExample]) -> Vec<Part> {
    match by {
        SliceBy::Subreddit => {
            let names: Vec<&str> = examples.iter().map(|one| one.subreddit.as_str()).collect();
            by_subreddit(&names)
        }
        SliceBy::Length => {
            let words: Vec<Option<i64>> = (examples.iter())
                .map(|one| words(one.reply.as_deref()))
                .collect();
            by_quantile(&words, count)
        }
        SliceBy::Age => {
            let days: Vec<Option<i64>> = (examples.iter())
                .map(|one| one.comment_utc.map(|at| at.div_euclid(DAY_S)))
                .collect();
            by_quantile(&days, |day| {
                day_of_ms(day.saturating_mul(DAY_S).saturating_mul(1000))
            })
        }
        SliceBy::Score => {
            let scores: Vec<Option<i64>> = examples.iter().map(|one| one.comment_score).collect();
            by_quantile(&scores, count)
        }
    }
}

/// Computes slices of the predictions of one evaluation.
struct Slicer<'a> {
    predictions: &'a Predictions,
    names: &'a [String],
    threshold: f64,
    /// The thread of each example; `None` if one is not known any more.
    threads: Option<Vec<i64>>,
    seed: u64,
    overall: &'a [SliceFigure],
    /// Number of examples of each class, of all examples.
    counts: Vec<u64>,
}

impl Slicer<'_> {
    fn slice(&self, by: SliceBy, name: String, rows: &[usize]) -> Slice {
        let predictions = self.predictions.of_rows(rows);
        let threads = self.threads.as_ref().map(|threads| {
            let of: Vec<i64> = rows.iter().map(|&n| threads[n]).collect();
            Clusters::new(&of)
        });
        let baseline = baseline_of(&predictions, None);
        let mut figures =
            figures::of_classifier(&predictions, self.names, self.threshold, baseline);
        if let Some(threads) = &threads {
            confidence::add_to(&mut figures, &predictions, threads, self.seed);
        }
        let classes = predictions.counts();
        // a mean over other classes is another figure
        let has = |counts: &[u64]| counts.iter().map(|n| *n > 0).collect::<Vec<bool>>();
        let same_classes = has(&classes) == has(&self.counts);
        let figures = shown(&compared(&Figures::Classifier(figures)));
        Slice {
            by: Some(by),
            name,
            examples: rows.len() as u64,
            threads: threads.map(|threads| threads.count() as u64),
            figures: (figures.into_iter())
                .map(|one| {
                    let is_same = same_classes || !AVERAGED.contains(&one.figure.as_str());
                    let excludes_overall = is_same && self.excludes(&one);
                    SliceFigure {
                        excludes_overall,
                        ..one
                    }
                })
                .collect(),
            classes,
        }
    }

    /// Whether the interval of a figure excludes that of all examples. An interval of one point has no variance to
    /// judge by.
    fn excludes(&self, one: &SliceFigure) -> bool {
        let mut all = self.overall.iter();
        let overall = all.find(|of| of.figure == one.figure);
        match (overall.and_then(|of| of.value), one.interval) {
            (Some(value), Some(Interval { low, high })) => {
                low < high && (value < low || value > high)
            }
            _ => false,
        }
    }
}

/// Those of [`FIGURES`] in their order.
fn shown(compared: &[Compared]) -> Vec<SliceFigure> {
    let figure = |name: &&str| {
        let one = compared.iter().find(|one| one.figure == *name)?;
        Some(SliceFigure {
            figure: one.figure.clone(),
            name: one.name.clone(),
            lower_is_better: one.lower_is_better,
            value: one.value,
            interval: one.interval,
            excludes_overall: false,
        })
    };
    FIGURES.iter().filter_map(figure).collect()
}

impl Engine {
    /// The slices of an evaluation, called as in [`Engine::evaluation_of`]; `by` is empty for all kinds of slices.
    ///
    /// # Errors
    /// [`repartee_core::error::Code::NotFound`]; [`repartee_core::error::Code::Usage`] for a generator's evaluation.
    pub fn evaluation_slices(&self, what: &str, by: &[SliceBy]) -> Result<EvaluationSlices> {
        self.slices_of(&self.evaluation_of(what)?, by)
    }

    pub(crate) fn slices_of(
        &self,
        evaluation: &EvaluationInfo,
        by: &[SliceBy],
    ) -> Result<EvaluationSlices> {
        let (id, names) = (evaluation.id, &evaluation.config.classes);
        if names.len() < 2 {
            return Err(Error::usage(format!(
                "evaluation {id} is of a generator; only evaluations of realism and upvotes models have slices"
            )));
        }
        let examples = self.store.predicted_examples(id)?;
        let stored = examples.iter().map(|one| &one.prediction);
        let predictions = of_stored(id, names.len(), stored)?;
        let threads: Option<Vec<i64>> = examples.iter().map(|one| one.thread_id).collect();
        let overall = Slice {
            by: None,
            name: "all".to_owned(),
            examples: examples.len() as u64,
            threads: (threads.as_ref()).map(|threads| Clusters::new(threads).count() as u64),
            classes: predictions.counts(),
            figures: shown(&evaluation.compared),
        };
        let slicer = Slicer {
            predictions: &predictions,
            names,
            threshold: evaluation.config.threshold.unwrap_or(0.5),
            threads,
            seed: evaluation.config.seed,
            overall: &overall.figures,
            counts: predictions.counts(),
        };
        let mut slices = Vec::new();
        for one in SliceBy::ALL {
            if by.is_empty() || by.contains(&one) {
                let parts = parts(one, &examples);
                slices.extend(
                    parts
                        .into_iter()
                        .map(|(name, rows)| slicer.slice(one, name, &rows)),
                );
            }
        }
        let figures = || slices.iter().flat_map(|slice| &slice.figures);
        Ok(EvaluationSlices {
            evaluation: id,
            run: evaluation.run.clone(),
            classes: names.clone(),
            intervals: figures().filter(|one| one.interval.is_some()).count() as u64,
            excluding: figures().filter(|one| one.excludes_overall).count() as u64,
            resamples: RESAMPLES as u64,
            seed: slicer.seed,
            overall,
            slices,
        })
    }
}

impl EvaluationSlices {
    /// What the intervals and marks mean.
    pub fn explained(&self) -> String {
        format!(
            "In brackets: 95% confidence intervals, of AUCs by DeLong, of the others by {} bootstrap resamples of threads \
             with seed {}; none with fewer than ten threads. An exclamation mark: the interval excludes the figure of all \
             examples. {} of {} do; about one in 20 would by chance, if no slice differed",
            count(self.resamples),
            self.seed,
            count(self.excluding),
            counted(self.intervals, "interval", "intervals")
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use repartee_models::rng::Stream;
    use repartee_store::evaluations::{Prediction, Subject};

    use super::*;

    fn sizes(parts: &[Part]) -> Vec<(&str, usize)> {
        let sizes = parts.iter().map(|(name, rows)| (name.as_str(), rows.len()));
        sizes.collect()
    }

    #[test]
    fn largest_subreddits_have_slices_and_the_rest_is_one() {
        let mut names: Vec<String> = (0..14)
            .flat_map(|n| vec![format!("sub{n:02}"); 20 - n])
            .collect();
        names.push("SUB13".to_owned());
        names.push(String::new());
        let of: Vec<&str> = names.iter().map(String::as_str).collect();
        let parts = by_subreddit(&of);
        assert_eq!(parts.len(), SUBREDDITS + 2);
        assert_eq!(sizes(&parts)[..2], [("r/sub00", 20), ("r/sub01", 19)]);
        // the four smallest, in either spelling
        let rest = ("other (4 subreddits)", 10 + 9 + 8 + 8);
        assert_eq!(sizes(&parts)[SUBREDDITS..], [rest, ("unknown", 1)]);
        let mut all: Vec<usize> = parts.into_iter().flat_map(|(_, rows)| rows).collect();
        all.sort_unstable();
        assert_eq!(all, (0..names.len()).collect::<Vec<usize>>());

        // a rest of one is named
        let eleven: Vec<String> = (0..11).map(|n| format!("sub{n:02}")).collect();
        let of: Vec<&str> = eleven.iter().map(String::as_str).collect();
        assert_eq!(by_subreddit(&of).len(), 11);
    }

    #[test]
    fn quantile_bins_hold_equally_many_and_keep_equal_values_together() {
        let values: Vec<Option<i64>> = (1..=100).rev().map(Some).chain([None, None]).collect();
        let parts = by_quantile(&values, count);
        assert_eq!(
            sizes(&parts),
            [
                ("up to 20", 20),
                ("21 to 40", 20),
                ("41 to 60", 20),
                ("61 to 80", 20),
                ("from 81", 20),
                ("unknown", 2)
            ]
        );
        // most comments have a score of 1
        let values: Vec<Option<i64>> = [(-3, 5), (1, 60), (2, 20), (1500, 15)]
            .into_iter()
            .flat_map(|(value, times)| vec![Some(value); times])
            .collect();
        let parts = by_quantile(&values, count);
        assert_eq!(sizes(&parts), [("up to 0", 5), ("1", 60), ("from 2", 35)]);
        assert_eq!(
            sizes(&by_quantile(&[Some(4); 7], count)),
            [("all known", 7)]
        );
        assert_eq!(sizes(&by_quantile(&[None; 2], count)), [("unknown", 2)]);
        assert_eq!(by_quantile(&[], count), Vec::<Part>::new());
    }

    fn example(utc: i64, reply: &str) -> PredictedExample {
        PredictedExample {
            prediction: Prediction {
                subject: Subject::Pair(1),
                label: Some(1),
                p: [Some(0.5), Some(0.5), None, None],
                nll: None,
                tokens: None,
            },
            thread_id: Some(1),
            subreddit: "a".to_owned(),
            reply: Some(reply.to_owned()),
            comment_score: None,
            comment_utc: Some(utc),
        }
    }

    #[test]
    fn ages_are_days_and_deleted_replies_have_no_length() {
        let examples: Vec<PredictedExample> = (0..10)
            .map(|n| example(n / 2 * DAY_S + n, "two words"))
            .collect();
        let parts_of = parts(SliceBy::Age, &examples);
        assert_eq!(
            sizes(&parts_of),
            [
                ("up to 1970-01-01", 2),
                ("1970-01-02", 2),
                ("1970-01-03", 2),
                ("1970-01-04", 2),
                ("from 1970-01-05", 2)
            ]
        );
        let gone = [example(0, "[deleted]"), example(0, " "), example(0, "one")];
        let parts_of = parts(SliceBy::Length, &gone);
        assert_eq!(sizes(&parts_of), [("all known", 1), ("unknown", 2)]);
    }

    /// Of `classes` classes in 30 threads: examples of odd threads are predicted at random, the others well.
    fn sample(classes: usize) -> (Predictions, Vec<i64>) {
        let mut stream = Stream::new(5, "slices");
        let mut predictions = Predictions {
            classes,
            ..Predictions::default()
        };
        let mut threads = Vec::new();
        for n in 0..360 {
            let thread = n % 30;
            let label = stream.below(classes);
            let gain = if thread % 2 == 0 { 2.5 } else { 0.0 };
            let weights: Vec<f64> = (0..classes)
                .map(|k| (gain * f64::from(u8::from(k == label)) + stream.next_normal()).exp())
                .collect();
            let all: f64 = weights.iter().sum();
            predictions.p.extend(weights.iter().map(|w| w / all));
            predictions.labels.push(label);
            threads.push(thread);
        }
        (predictions, threads)
    }

    fn overall_of(predictions: &Predictions, threads: &[i64]) -> Vec<SliceFigure> {
        let baseline = baseline_of(predictions, None);
        let mut figures = figures::of_classifier(predictions, &[], 0.5, baseline);
        confidence::add_to(&mut figures, predictions, &Clusters::new(threads), 1);
        shown(&compared(&Figures::Classifier(figures)))
    }

    #[test]
    fn slice_has_the_figures_of_an_evaluation_of_its_examples() {
        for classes in [2, 4] {
            let (predictions, threads) = sample(classes);
            let overall = overall_of(&predictions, &threads);
            let slicer = Slicer {
                predictions: &predictions,
                names: &[],
                threshold: 0.5,
                threads: Some(threads.clone()),
                seed: 1,
                overall: &overall,
                counts: predictions.counts(),
            };
            let all: Vec<usize> = (0..360).collect();
            let whole = slicer.slice(SliceBy::Score, String::new(), &all);
            assert_eq!(whole.figures, overall);
            assert_eq!(whole.figures.len(), FIGURES.len());
            assert!(overall.iter().all(|one| one.interval.is_some()));

            let odd: Vec<usize> = (0..360).filter(|n| n % 2 == 1).collect();
            let slice = slicer.slice(SliceBy::Score, String::new(), &odd);
            assert_eq!((slice.examples, slice.threads), (180, Some(15)));
            assert_eq!(slice.classes.iter().sum::<u64>(), 180);
            // one by one: examples predicted right, and pairs in the right order
            let of_slice = predictions.of_rows(&odd);
            let called = of_slice.called(0.5);
            let right = called.iter().zip(&of_slice.labels).filter(|(a, b)| a == b);
            let accuracy = right.count() as f64 / 180.0;
            let value = |name: &str| {
                let found = slice.figures.iter().find(|one| one.figure == name);
                found.unwrap().value.unwrap()
            };
            assert!((value("accuracy") - accuracy).abs() < 1e-12);
            assert!((value("auc") - slow_auc(&of_slice)).abs() < 1e-12);
            // half of the threads are predicted at random
            for one in &slice.figures {
                assert!(one.excludes_overall, "{one:?}");
                assert!(one.marked().ends_with("] !"), "{one:?}");
            }
        }
    }

    /// The mean over classes of the share of pairs in the right order; of two classes, of class 1.
    fn slow_auc(predictions: &Predictions) -> f64 {
        let of = |class: usize| {
            let (scores, truth) = (predictions.of_class(class), predictions.is_class(class));
            let (mut right, mut pairs) = (0.0, 0.0);
            for (a, _) in truth.iter().enumerate().filter(|(_, is)| **is) {
                for (b, _) in truth.iter().enumerate().filter(|(_, is)| !**is) {
                    pairs += 1.0;
                    right += match scores[a].total_cmp(&scores[b]) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            right / pairs
        };
        match predictions.classes {
            2 => of(1),
            classes => (0..classes).map(of).sum::<f64>() / classes as f64,
        }
    }

    #[test]
    fn few_threads_have_no_interval_and_missing_classes_no_mark() {
        let (predictions, threads) = sample(4);
        let overall = overall_of(&predictions, &threads);
        let mut slicer = Slicer {
            predictions: &predictions,
            names: &[],
            threshold: 0.5,
            threads: Some(threads),
            seed: 1,
            overall: &overall,
            counts: predictions.counts(),
        };
        let nine: Vec<usize> = (0..360).filter(|n| n % 30 < 9).collect();
        let slice = slicer.slice(SliceBy::Age, String::new(), &nine);
        assert_eq!(slice.threads, Some(9));
        assert!(slice.figures.iter().all(|one| one.interval.is_none()));
        assert!(slice.figures.iter().all(|one| !one.excludes_overall));

        let is_odd = |n: &usize| n % 2 == 1 && predictions.labels[*n] != 3;
        let odd: Vec<usize> = (0..360).filter(is_odd).collect();
        let slice = slicer.slice(SliceBy::Age, String::new(), &odd);
        let auc = &slice.figures[0];
        assert_eq!(auc.name, "AUC, macro over 3 of 4 classes");
        assert!(auc.interval.is_some() && !auc.excludes_overall, "{auc:?}");
        let brier = slice.figures.iter().find(|one| one.figure == "brier");
        assert!(brier.unwrap().excludes_overall, "{brier:?}");

        slicer.threads = None;
        let slice = slicer.slice(SliceBy::Age, String::new(), &odd);
        assert_eq!(slice.threads, None);
        assert!(slice.figures.iter().all(|one| one.interval.is_none()));
    }

    #[test]
    fn unknown_kinds_of_slices_are_refused_with_those_that_exist() {
        assert_eq!(SliceBy::parse("length").unwrap(), SliceBy::Length);
        let error = SliceBy::parse("words").unwrap_err();
        let all = "subreddit, length, age, score";
        assert!(error.message.contains(all), "{}", error.message);
    }
}
