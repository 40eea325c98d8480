//! From a decision threshold to what follows from it: the errors of a realism model on its evaluated examples and their
//! cost, how many candidates of the latest generations would pass, and what posted replies that pass have earned.
//!
//! Everything is counted by binary search in sorted probabilities, so a thousand thresholds cost little more than one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use repartee_core::error::{Error, Result};
use repartee_core::format::{count, counted};
use repartee_datasets::export::Rows;
use repartee_models::metrics::Confusion;
use repartee_store::queue::ReplyState;
use repartee_store::threads::Generation;
use serde::Serialize;
use serde_json::json;

use crate::Engine;
use crate::evaluation::figures::Predictions;
use crate::generation::generate::generation_config;

/// Thresholds are multiples of 1 / `STEPS`, from 0 to 1.
const STEPS: u32 = 1000;

/// What to compute.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WantThresholds {
    /// As in [`Engine::evaluation_of`].
    pub evaluation: String,
    /// None: no costs.
    pub costs: Option<Costs>,
    /// A threshold to show besides the best ones.
    pub at: Option<f64>,
    /// A file for all thresholds, .csv or .jsonl.
    pub file: Option<PathBuf>,
}

/// What an error costs, in any unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Costs {
    /// Of a fake that is predicted real.
    pub false_positive: f64,
    /// Of a real reply that is predicted fake.
    pub false_negative: f64,
}

impl Costs {
    /// # Errors
    /// [`repartee_core::error::Code::Usage`].
    fn check(self) -> Result<()> {
        let all = [self.false_positive, self.false_negative];
        let possible = all.iter().all(|cost| cost.is_finite() && *cost >= 0.0);
        match possible && all != [0.0, 0.0] {
            true => Ok(()),
            false => Err(Error::usage(format!(
                "the costs are {} and {}; both must be 0 or more, and one above 0",
                self.false_positive, self.false_negative
            ))),
        }
    }
}

/// What follows from the decision thresholds of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationThresholds {
    pub evaluation: i64,
    pub run: String,
    /// Number of evaluated real replies.
    pub positives: u64,
    /// Number of evaluated fakes.
    pub negatives: u64,
    /// None: there are no costs.
    pub costs: Option<Costs>,
    /// The latest generation that the same checkpoint has scored, and earlier ones of the same generator and decoding
    /// settings; empty: it has scored none.
    pub generations: Vec<i64>,
    /// Number of their candidates.
    pub candidates: u64,
    /// Number of posted replies that the same checkpoint has scored and whose own score was read.
    pub posted: u64,
    /// The best thresholds, then the requested one.
    pub chosen: Vec<ChosenThreshold>,
    /// The file that was written.
    pub file: Option<PathBuf>,
    /// All thresholds from 0 to 1.
    #[serde(skip)]
    pub rows: Vec<ThresholdRow>,
}

/// A threshold, and why it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChosenThreshold {
    /// "best F1", "best Youden's J", "least cost", "requested".
    pub why: String,
    #[serde(flatten)]
    pub row: ThresholdRow,
}

/// What follows from a threshold. Replies with at least this probability are predicted real.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdRow {
    pub threshold: f64,
    /// Real, predicted real.
    pub tp: u64,
    /// Fake, predicted real.
    pub fp: u64,
    /// Fake, predicted fake.
    pub tn: u64,
    /// Real, predicted fake.
    #[serde(rename = "fn")]
    pub fn_: u64,
    /// tp / (tp + fn).
    pub true_positive_rate: Option<f64>,
    /// fp / (fp + tn).
    pub false_positive_rate: Option<f64>,
    /// tp / (tp + fp).
    pub precision: Option<f64>,
    /// Harmonic mean of precision and true positive rate.
    pub f1: Option<f64>,
    /// Sum of the costs of all errors.
    pub cost: Option<f64>,
    /// Candidates that pass.
    pub candidates: u64,
    /// Posted replies that pass.
    pub posted: u64,
    /// Median of the last scores read of these.
    pub median_score: Option<f64>,
    /// Their mean.
    pub mean_score: Option<f64>,
}

impl ThresholdRow {
    /// Youden's J: true less false positive rate, the height of the ROC curve above chance.
    fn youden(&self) -> Option<f64> {
        Some(self.true_positive_rate? - self.false_positive_rate?)
    }
}

/// Posted replies that pass a threshold.
struct Earned {
    posted: u64,
    median: Option<f64>,
    mean: Option<f64>,
}

/// What thresholds are applied to: probabilities, rising.
struct Scored {
    real: Vec<f64>,
    fake: Vec<f64>,
    candidates: Vec<f64>,
    /// Posted replies: probability and score, the most probable first.
    posted: Vec<(f64, i64)>,
    costs: Option<Costs>,
}

impl Scored {
    fn new(
        predictions: &Predictions,
        mut candidates: Vec<f64>,
        mut posted: Vec<(f64, i64)>,
        costs: Option<Costs>,
    ) -> Self {
        let rows = || predictions.of_class(1).into_iter().zip(&predictions.labels);
        let of = |class: usize| {
            let of_class = rows().filter(|(_, label)| **label == class);
            let mut p: Vec<f64> = of_class.map(|(p, _)| p).collect();
            p.sort_unstable_by(f64::total_cmp);
            p
        };
        candidates.sort_unstable_by(f64::total_cmp);
        posted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        Self {
            real: of(1),
            fake: of(0),
            candidates,
            posted,
            costs,
        }
    }

    /// What follows from each threshold; they rise.
    fn rows(&self, thresholds: &[f64]) -> Vec<ThresholdRow> {
        let row = |(&threshold, earned): (&f64, Earned)| {
            let (tp, fp) = (
                passing(&self.real, threshold),
                passing(&self.fake, threshold),
            );
            let (fn_, tn) = (self.real.len() as u64 - tp, self.fake.len() as u64 - fp);
            let confusion = Confusion {
                counts: vec![vec![tn, fp], vec![fn_, tp]],
            };
            let real = confusion.class(1);
            let cost =
                |costs: Costs| costs.false_positive * fp as f64 + costs.false_negative * fn_ as f64;
            ThresholdRow {
                threshold,
                tp,
                fp,
                tn,
                fn_,
                true_positive_rate: real.recall,
                false_positive_rate: (fp + tn > 0).then(|| fp as f64 / (fp + tn) as f64),
                precision: real.precision,
                f1: real.f1,
                cost: self.costs.map(cost),
                candidates: passing(&self.candidates, threshold),
                posted: earned.posted,
                median_score: earned.median,
                mean_score: earned.mean,
            }
        };
        thresholds
            .iter()
            .zip(self.earned(thresholds))
            .map(row)
            .collect()
    }

    /// From the highest threshold down, replies are added, so that the scores are sorted only once.
    fn earned(&self, thresholds: &[f64]) -> Vec<Earned> {
        let (mut scores, mut sum): (Vec<i64>, f64) = (Vec::new(), 0.0);
        let mut left = self.posted.iter().peekable();
        let mut all = Vec::with_capacity(thresholds.len());
        for threshold in thresholds.iter().rev() {
            while let Some((_, score)) = left.next_if(|(p, _)| p >= threshold) {
                scores.insert(scores.partition_point(|other| other < score), *score);
                sum += *score as f64;
            }
            all.push(Earned {
                posted: scores.len() as u64,
                median: median(&scores),
                mean: (!scores.is_empty()).then(|| sum / scores.len() as f64),
            });
        }
        all.reverse();
        all
    }
}

/// How many of rising probabilities are at least the threshold.
fn passing(rising: &[f64], threshold: f64) -> u64 {
    (rising.len() - rising.partition_point(|p| *p < threshold)) as u64
}

/// The median of rising values.
fn median(rising: &[i64]) -> Option<f64> {
    let (low, high) = (rising.len().checked_sub(1)? / 2, rising.len() / 2);
    Some((rising[low] as f64 + rising[high] as f64) / 2.0)
}

/// The first row with the highest value.
fn best(
    rows: &[ThresholdRow],
    value: impl Fn(&ThresholdRow) -> Option<f64>,
) -> Option<&ThresholdRow> {
    let mut best: Option<(f64, &ThresholdRow)> = None;
    for row in rows {
        if let Some(value) = value(row)
            && best.is_none_or(|(highest, _)| value > highest)
        {
            best = Some((value, row));
        }
    }
    best.map(|(_, row)| row)
}

/// The rows to show.
fn chosen(scored: &Scored, rows: &[ThresholdRow], at: Option<f64>) -> Vec<ChosenThreshold> {
    let found = [
        ("best F1", best(rows, |row| row.f1)),
        ("best Youden's J", best(rows, ThresholdRow::youden)),
        ("least cost", best(rows, |row| row.cost.map(|cost| -cost))),
    ];
    let named = |(why, row): (&str, &ThresholdRow)| ChosenThreshold {
        why: why.to_owned(),
        row: row.clone(),
    };
    let mut chosen: Vec<ChosenThreshold> = (found.into_iter())
        .filter_map(|(why, row)| Some(named((why, row?))))
        .collect();
    if let Some(at) = at {
        let requested = scored.rows(&[at]);
        chosen.extend(requested.iter().map(|row| named(("requested", row))));
    }
    chosen
}

impl Engine {
    /// What follows from the decision thresholds of a realism evaluation.
    ///
    /// # Errors
    /// [`repartee_core::error::Code::NotFound`]; [`repartee_core::error::Code::Usage`] if it has not two classes, or a
    /// setting is impossible; or if the file cannot be written.
    pub fn evaluation_thresholds(&self, wanted: &WantThresholds) -> Result<EvaluationThresholds> {
        if let Some(at) = wanted.at
            && !(0.0..=1.0).contains(&at)
        {
            return Err(Error::usage(format!(
                "the threshold is {at}; it must be between 0 and 1"
            )));
        }
        if let Some(costs) = wanted.costs {
            costs.check()?;
        }
        let evaluation = self.evaluation_of(&wanted.evaluation)?;
        let id = evaluation.id;
        if evaluation.config.classes.len() != 2 {
            return Err(Error::usage(format!(
                "evaluation {id} is of a {} model; only evaluations of two classes, those of realism models, have a \
                 decision threshold",
                evaluation.config.kind
            )));
        }
        let checkpoint = self.store.evaluation(id)?.checkpoint_id;
        let generations = self.latest_generations(checkpoint)?;
        let mut candidates = Vec::new();
        for generation in &generations {
            let of = self.store.candidates(generation.id)?;
            candidates.extend(of.iter().filter_map(|one| one.scores.p_real));
        }
        let posted = self.posted_scores(checkpoint)?;
        let predictions = self.predictions(id)?;
        let scored = Scored::new(&predictions, candidates, posted, wanted.costs);
        let thresholds: Vec<f64> = (0..=STEPS)
            .map(|step| f64::from(step) / f64::from(STEPS))
            .collect();
        let rows = scored.rows(&thresholds);
        if let Some(file) = &wanted.file {
            self.write_thresholds(file, &rows)?;
        }
        Ok(EvaluationThresholds {
            evaluation: id,
            run: evaluation.run,
            positives: scored.real.len() as u64,
            negatives: scored.fake.len() as u64,
            costs: wanted.costs,
            generations: generations.iter().map(|one| one.id).collect(),
            candidates: scored.candidates.len() as u64,
            posted: scored.posted.len() as u64,
            chosen: chosen(&scored, &rows, wanted.at),
            file: wanted.file.clone(),
            rows,
        })
    }

    /// The latest generation that a realism checkpoint has scored, and earlier ones of the same generator and decoding
    /// settings, oldest first.
    fn latest_generations(&self, realism: i64) -> Result<Vec<Generation>> {
        let mut all = self.store.generations()?;
        all.retain(|one| one.realism == Some(realism));
        let Some(latest) = all.last().cloned() else {
            return Ok(all);
        };
        let sampling = generation_config(&latest)?.sampling;
        all.retain(|one| {
            let same = |of: &Generation| {
                let config = generation_config(of).ok()?;
                Some(of.generator == latest.generator && config.sampling.decodes_like(&sampling))
            };
            one.id == latest.id || same(one).unwrap_or(false)
        });
        Ok(all)
    }

    /// Of each posted reply that a realism checkpoint has scored: its probability, and its last score that was read.
    fn posted_scores(&self, realism: i64) -> Result<Vec<(f64, i64)>> {
        let mut scores: HashMap<i64, i64> = HashMap::new();
        // by time, so that the last one stays
        for one in self.store.outcomes()? {
            if let Some(score) = one.score {
                scores.insert(one.reply_id, score);
            }
        }
        let mut replies = self.store.replies(Some(ReplyState::Posted))?;
        replies.extend(self.store.replies(Some(ReplyState::Withdrawn))?);
        let mut posted = Vec::new();
        for reply in replies {
            let known = reply.scores.p_real.zip(scores.get(&reply.id).copied());
            let Some(known) = known else { continue };
            let generation = self.store.generation(reply.generation_id)?;
            if generation.realism == Some(realism) {
                posted.push(known);
            }
        }
        Ok(posted)
    }

    fn write_thresholds(&self, file: &Path, rows: &[ThresholdRow]) -> Result<()> {
        const COLUMNS: [&str; 14] = [
            "threshold",
            "tp",
            "fp",
            "tn",
            "fn",
            "true_positive_rate",
            "false_positive_rate",
            "precision",
            "f1",
            "cost",
            "candidates",
            "posted",
            "median_score",
            "mean_score",
        ];
        let failed = |e: std::io::Error| Error::io("write", file, &e);
        let mark = self.study_mark()?;
        let mut out = Rows::noted(file, &COLUMNS, mark.as_deref()).map_err(failed)?;
        for row in rows {
            let values = vec![
                json!(row.threshold),
                json!(row.tp),
                json!(row.fp),
                json!(row.tn),
                json!(row.fn_),
                json!(row.true_positive_rate),
                json!(row.false_positive_rate),
                json!(row.precision),
                json!(row.f1),
                json!(row.cost),
                json!(row.candidates),
                json!(row.posted),
                json!(row.median_score),
                json!(row.mean_score),
            ];
            out.write(values).map_err(failed)?;
        }
        out.finish().map_err(failed)
    }
}

impl EvaluationThresholds {
    /// What the numbers are of.
    pub fn explained(&self) -> String {
        let of = self.generations.iter().map(i64::to_string);
        let generations = match self.generations.as_slice() {
            [] => "this checkpoint has scored no generation".to_owned(),
            [one] => format!("generation {one}"),
            _ => format!("generations {}", of.collect::<Vec<_>>().join(", ")),
        };
        format!(
            "Replies are predicted real from the threshold on: {} and {} were evaluated. Candidates: {} ({generations}). \
             Posted: {} with a score that was read. Of equally good thresholds, the lowest is shown; choose one on the \
             validation set, and measure it on the test set",
            counted(self.positives, "real reply", "real replies"),
            counted(self.negatives, "fake", "fakes"),
            count(self.candidates),
            counted(self.posted, "reply", "replies"),
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use repartee_models::rng::Stream;

    use super::*;

    /// Predictions, candidates and posted replies whose probabilities have three decimal places, so that many are
    /// exactly at a threshold.
    fn sample(costs: Option<Costs>) -> (Predictions, Vec<f64>, Vec<(f64, i64)>, Scored) {
        let mut stream = Stream::new(4, "thresholds");
        let mut p = |gain: f64| {
            let logit = stream.next_normal() + gain;
            (1000.0 / (1.0 + (-logit).exp())).round() / 1000.0
        };
        let mut predictions = Predictions {
            classes: 2,
            ..Predictions::default()
        };
        for n in 0..300 {
            let label = n % 2;
            let p = p(label as f64);
            predictions.labels.push(label);
            predictions.p.extend([1.0 - p, p]);
        }
        let candidates: Vec<f64> = (0..80).map(|_| p(-0.5)).collect();
        let posted: Vec<(f64, i64)> = (0..41).map(|n| (p(0.5), (n * 37) % 23 - 4)).collect();
        let scored = Scored::new(&predictions, candidates.clone(), posted.clone(), costs);
        (predictions, candidates, posted, scored)
    }

    fn grid() -> Vec<f64> {
        (0..=1000).map(|step| f64::from(step) / 1000.0).collect()
    }

    #[test]
    fn rows_are_those_of_counting_one_by_one() {
        let costs = Costs {
            false_positive: 3.0,
            false_negative: 0.5,
        };
        let (predictions, candidates, posted, scored) = sample(Some(costs));
        let rows = scored.rows(&grid());
        assert_eq!(rows.len(), 1001);
        for (row, at) in rows.iter().zip(grid()) {
            assert_eq!(row.threshold, at);
            let slow = predictions.confusion(at).class(1);
            assert_eq!(
                (row.tp, row.fp, row.tn, row.fn_),
                (slow.tp, slow.fp, slow.tn, slow.fn_)
            );
            assert_eq!((row.precision, row.f1), (slow.precision, slow.f1));
            let point = predictions.on_roc(at).unwrap();
            assert_eq!(
                row.false_positive_rate.zip(row.true_positive_rate),
                Some(point)
            );
            let mut cost = 0.0;
            for (called, label) in predictions.called(at).iter().zip(&predictions.labels) {
                cost += match (called, label) {
                    (1, 0) => costs.false_positive,
                    (0, 1) => costs.false_negative,
                    _ => 0.0,
                };
            }
            assert_eq!(row.cost, Some(cost));
            let pass = candidates.iter().filter(|p| **p >= at).count();
            assert_eq!(row.candidates, pass as u64);
            let passed = posted.iter().filter(|(p, _)| *p >= at);
            let mut scores: Vec<i64> = passed.map(|(_, score)| *score).collect();
            scores.sort_unstable();
            assert_eq!(row.posted, scores.len() as u64);
            let n = scores.len();
            let median = (n > 0).then(|| (scores[(n - 1) / 2] + scores[n / 2]) as f64 / 2.0);
            assert_eq!(row.median_score, median);
            let mean = (n > 0).then(|| scores.iter().sum::<i64>() as f64 / n as f64);
            assert_eq!(row.mean_score, mean);
        }
        // everything passes the first
        assert_eq!((rows[0].tp, rows[0].fp, rows[0].candidates), (150, 150, 80));
    }

    #[test]
    fn best_rows_are_the_lowest_of_the_best() {
        let costs = Costs {
            false_positive: 5.0,
            false_negative: 1.0,
        };
        let (.., scored) = sample(Some(costs));
        let rows = scored.rows(&grid());
        let all = chosen(&scored, &rows, Some(0.12345));
        let why: Vec<&str> = all.iter().map(|one| one.why.as_str()).collect();
        assert_eq!(
            why,
            ["best F1", "best Youden's J", "least cost", "requested"]
        );
        let f1 = |row: &ThresholdRow| row.f1.unwrap_or(-1.0);
        let cost = |row: &ThresholdRow| -row.cost.unwrap();
        let figures: [(&ChosenThreshold, &dyn Fn(&ThresholdRow) -> f64); 3] = [
            (&all[0], &f1),
            (&all[1], &|row: &ThresholdRow| row.youden().unwrap()),
            (&all[2], &cost),
        ];
        for (one, figure) in figures {
            let value = figure(&one.row);
            for row in &rows {
                let other = figure(row);
                assert!(other <= value, "{}: {row:?}", one.why);
                assert!(other < value || row.threshold >= one.row.threshold);
            }
        }
        // a fake that passes costs more, so fewer should
        assert!(all[2].row.threshold > all[1].row.threshold);
        assert_eq!(all[3].row.threshold, 0.12345);

        let (.., scored) = sample(None);
        let rows = scored.rows(&grid());
        let all = chosen(&scored, &rows, None);
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|one| one.row.cost.is_none()));
    }

    #[test]
    fn impossible_costs_are_refused() {
        let costs = |false_positive, false_negative| Costs {
            false_positive,
            false_negative,
        };
        for one in [
            costs(-1.0, 1.0),
            costs(0.0, 0.0),
            costs(f64::NAN, 1.0),
            costs(1.0, f64::INFINITY),
        ] {
            assert!(one.check().is_err(), "{one:?}");
        }
        costs(0.0, 1.0).check().unwrap();
    }
}
