//! The shortcut audit of a realism evaluation: whether something simpler than reading a reply as an answer to its
//! comment tells real replies from fakes as well as the model does, on the same examples.
//!
//! Three classifiers (`models/src/shortcuts.rs`) are fitted to the training set of the split, as the unigram baseline is:
//! by length, by markup, and by words. The model itself is measured on replies without their comments, and with the
//! comments of other examples: if it is as good then, it does not use the comment. The audit also lists examples whose
//! label the predictions contradict (`models/src/metrics/label_errors.rs`).

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop, from_json, now_ms, to_json};
use repartee_core::left_out::{Batches, LeftOut};
use repartee_datasets::Partition;
use repartee_datasets::clean::is_notice;
use repartee_models::metrics::delong::clustered_auc;
use repartee_models::metrics::label_errors::suspected_classes;
use repartee_models::metrics::{self, Clusters, Interval};
use repartee_models::rng::Stream;
use repartee_models::shortcuts::{Features, ShortcutClassifier};
use repartee_models::text::PairIds;
use repartee_models::{evaluate, stop};
use repartee_store::Store;
use repartee_store::evaluations::{Evaluation, Subject};
use repartee_terms::PrecisionChoice;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::data::examples::{self, DELETED, Labeled, pair_label};
use crate::evaluation::compared::with_interval;
use crate::evaluation::evaluate::{BASELINE_EXAMPLES, EvaluationConfig, sound};
use crate::evaluation::figures::{Figures, Predictions};
use crate::training::model::{Classifier, check_device, device_of_job, of_pass};
use crate::training::run_config::{ModelKind, RunConfig};
use crate::{Engine, ToEngine};

/// A shortcut whose AUC is at most this much below the model's is near it. Our choice.
const NEAR: f64 = 0.05;
/// Examples read, and scored, between checks for pause and cancel.
const AT_ONCE: usize = 128;
/// Maximum number of points of a stored ROC curve.
const POINTS: usize = 100;
/// Maximum number of suspected labels that are listed.
const SUSPECTS: usize = 20;

/// Audits an evaluation of a realism model for shortcuts. A job: `shortcuts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct AuditEvaluation {
    /// Number of the evaluation.
    pub evaluation: i64,
    /// Maximum number of examples that the model is measured on again, sampled by the seed; 0: all.
    pub examples: usize,
    /// Batch size.
    pub batch: usize,
    pub seed: u64,
    /// auto, cpu, cuda or metal.
    pub device: String,
}

impl Default for AuditEvaluation {
    fn default() -> Self {
        Self {
            evaluation: 0,
            examples: 1000,
            batch: 16,
            seed: 1,
            device: "auto".to_owned(),
        }
    }
}

/// What could tell real replies from fakes instead of an answer that fits its comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Shortcut {
    Length,
    Markup,
    Words,
    /// The model on the reply without its comment.
    ReplyOnly,
    /// The model on the reply with the comment of another example.
    ShuffledComments,
}

impl Shortcut {
    /// Display name.
    fn name(self) -> &'static str {
        match self {
            Self::Length => "length only",
            Self::Markup => "markup only",
            Self::Words => "words only",
            Self::ReplyOnly => "model, reply without comment",
            Self::ShuffledComments => "model, comments shuffled",
        }
    }

    /// What it sees.
    fn sees(self) -> &'static str {
        match self {
            Self::Length => "characters, words and lines of the reply",
            Self::Markup => {
                "white space, final newline, punctuation, capitals, digits, links, quotes, lists and emphasis of the reply"
            }
            Self::Words => "words and pairs of words of the reply, by TF-IDF",
            Self::ReplyOnly => "the reply, with an empty comment",
            Self::ShuffledComments => "the reply, with the comment of another example",
        }
    }

    /// Whether the model itself is measured, on other input.
    fn is_of_the_model(self) -> bool {
        matches!(self, Self::ReplyOnly | Self::ShuffledComments)
    }

    /// Why its AUC is no good news for the model; empty if it is not near the model's.
    fn warning(self, auc: Option<f64>, interval: Option<Interval>, model: Option<f64>) -> String {
        let (Some(auc), Some(model)) = (auc, model) else {
            return String::new();
        };
        let reaches = interval.is_some_and(|interval| interval.high >= model);
        match (auc >= model - NEAR, self.is_of_the_model()) {
            (true, true) => format!(
                "near the model's AUC {model:.3} with the right comments: it hardly uses the comment"
            ),
            (true, false) => format!(
                "near the model's AUC {model:.3}: the model may have learned little more than this"
            ),
            (false, _) if reaches => {
                format!("its interval reaches the model's AUC {model:.3}: evaluate more examples")
            }
            (false, _) => String::new(),
        }
    }
}

/// How well a shortcut tells real replies from fakes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ShortcutFigures {
    pub shortcut: Shortcut,
    /// Display name.
    pub name: String,
    /// What it sees of an example.
    pub sees: String,
    /// Number of examples that it was measured on.
    pub examples: u64,
    pub auc: Option<f64>,
    /// 95% interval of the AUC.
    pub interval: Option<Interval>,
    /// AUC of the model on the same examples, with their comments.
    pub model_auc: Option<f64>,
    /// 95% interval of that AUC.
    pub model_interval: Option<Interval>,
    /// Set if the AUC, or its interval, is near the model's; empty: it is not.
    pub warning: String,
    /// Its ROC curve: false and true positive rate, at most 100 points.
    pub roc: Vec<(f64, f64)>,
}

impl ShortcutFigures {
    /// The AUC with its interval as displayed: "0.612 [0.571, 0.652]".
    pub fn written(&self) -> String {
        with_interval(self.auc, self.interval, 0)
    }

    /// The model's AUC on the same examples, as displayed.
    pub fn model_written(&self) -> String {
        with_interval(self.model_auc, self.model_interval, 0)
    }
}

/// An example whose label the model's prediction contradicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SuspectedLabel {
    /// "pair abc", "fake 12".
    pub example: String,
    /// Its class.
    pub label: String,
    /// The class that it probably belongs to instead.
    pub suspected: String,
    /// The predicted probability of its own class.
    pub p: f64,
}

/// The shortcut audit of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ShortcutAudit {
    /// Number of training examples that the classifiers of the shortcuts were fitted to.
    pub fitted_on: u64,
    /// Sampling seed, also of the shuffled comments.
    pub seed: u64,
    pub shortcuts: Vec<ShortcutFigures>,
    /// Number of examples with a suspected wrong label, by confident learning; 0 on the training set, which the model
    /// has seen.
    pub suspected: u64,
    /// The first of them, the least probable label first.
    pub suspects: Vec<SuspectedLabel>,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EvaluationAudited {
    /// Number of the evaluation, which has the audit from now on.
    pub evaluation: i64,
    pub run: String,
    pub audit: ShortcutAudit,
    /// Examples that the audit is without.
    #[serde(default)]
    pub left_out: LeftOut,
}

/// An evaluated example with the model's prediction.
struct Evaluated {
    /// "pair abc", "fake 12".
    label: String,
    comment: String,
    reply: String,
    thread: i64,
    is_real: bool,
    /// Of both classes.
    p: Vec<f64>,
}

impl Job for AuditEvaluation {
    const KIND: &'static str = "shortcuts";
    const QUEUED: bool = true;
    type Outcome = EvaluationAudited;

    fn subject(&self) -> String {
        format!("evaluation {}", self.evaluation)
    }

    fn check(&self, _project: &Project) -> Result<()> {
        if self.batch == 0 {
            return Err(Error::usage("batch must be at least 1"));
        }
        check_device(&self.device, PrecisionChoice::F32)
    }

    fn check_ready(&self, project: &Project) -> Result<()> {
        self.found(&project.store).map(drop)
    }

    fn run(&self, ctx: &Ctx) -> Result<EvaluationAudited, Stop> {
        let store = &ctx.project.store;
        let (evaluation, config) = self.found(store)?;
        let found = evaluated(ctx, evaluation.id)?;
        if found.is_empty() {
            let what = format!("the examples of evaluation {} are gone", evaluation.id);
            return Err(Error::new(Code::NotFound, what).into());
        }
        let train = training_set(store, &evaluation)?;
        let mut shortcuts = fitted(ctx, &train, &found)?;
        shortcuts.extend(self.measured_again(ctx, &evaluation, &config, &found)?);
        ctx.go_on()?;
        let suspects = match evaluation.partition {
            Partition::Train => Vec::new(),
            Partition::Val | Partition::Test => suspects(&found, &config.classes),
        };
        let audit = ShortcutAudit {
            fitted_on: train.len() as u64,
            seed: self.seed,
            shortcuts,
            suspected: suspects.len() as u64,
            suspects: suspects.into_iter().take(SUSPECTS).collect(),
            at_ms: now_ms(),
        };
        // read again: it may have been measured for minutes
        let stored = store.evaluation(evaluation.id)?;
        let mut figures: Figures = from_json(&stored.metrics)?;
        if let Figures::Classifier(figures) = &mut figures {
            figures.audit = Some(audit.clone());
        }
        store.evaluation_metrics_set(evaluation.id, &to_json(&figures)?)?;
        Ok(EvaluationAudited {
            evaluation: evaluation.id,
            run: stored.run,
            audit,
            left_out: ctx.left_out()?,
        })
    }
}

impl AuditEvaluation {
    /// The evaluation and its settings.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if it is not of a realism model.
    fn found(&self, store: &Store) -> Result<(Evaluation, EvaluationConfig)> {
        let found = store.evaluation(self.evaluation)?;
        let config: EvaluationConfig = from_json(&found.config)?;
        match config.kind {
            ModelKind::Realism => Ok((found, config)),
            kind @ (ModelKind::Generator | ModelKind::Upvotes) => Err(Error::usage(format!(
                "evaluation {} is of a {kind} model; only realism evaluations are audited for shortcuts",
                found.id
            ))),
        }
    }

    /// The model on the replies without their comments, and with the comments shuffled.
    fn measured_again(
        &self,
        ctx: &Ctx,
        evaluation: &Evaluation,
        config: &EvaluationConfig,
        found: &[Evaluated],
    ) -> Result<Vec<ShortcutFigures>, Stop> {
        let (engine, store) = (ctx.engine(), &ctx.project.store);
        ctx.tick(Progress::new("loading the model", 0, None, "bytes"));
        let device = device_of_job(ctx, &self.device)?;
        let checkpoint = store.checkpoint_by_id(evaluation.checkpoint_id)?;
        let mut judge = engine.classifier_of(checkpoint, &device, config.precision)?;
        judge.model.set_stop(stop::Stop::when(ctx.stop_check()));
        let sample = self.sample(found);
        let others = shuffled(sample.len(), self.seed);
        let mut shortcuts = Vec::new();
        for shortcut in [Shortcut::ReplyOnly, Shortcut::ShuffledComments] {
            let comment = |n: usize| match shortcut {
                Shortcut::ShuffledComments => sample[others[n]].comment.as_str(),
                _ => "",
            };
            let pairs: Vec<(&str, &str)> = (sample.iter().enumerate())
                .map(|(n, one)| (comment(n), one.reply.as_str()))
                .collect();
            let scores = self.scores(ctx, &judge, shortcut, &pairs, &sample)?;
            let measured: Vec<(&Evaluated, f64)> = (sample.iter().zip(scores))
                .filter_map(|(one, score)| Some((*one, score?)))
                .collect();
            shortcuts.push(figures_of(shortcut, &measured));
        }
        Ok(shortcuts)
    }

    /// Some of the examples, in their order.
    fn sample<'a>(&self, found: &'a [Evaluated]) -> Vec<&'a Evaluated> {
        let mut order: Vec<usize> = (0..found.len()).collect();
        if self.examples > 0 && self.examples < order.len() {
            Stream::new(self.seed, "audited examples").shuffle(&mut order);
            order.truncate(self.examples);
            order.sort_unstable();
        }
        order.into_iter().map(|n| &found[n]).collect()
    }

    /// The model's probability that each reply is real; `None` where it failed.
    fn scores(
        &self,
        ctx: &Ctx,
        judge: &Classifier,
        shortcut: Shortcut,
        pairs: &[(&str, &str)],
        sample: &[&Evaluated],
    ) -> Result<Vec<Option<f64>>, Stop> {
        let total = Some(pairs.len() as u64);
        let mut batches = Batches::default();
        let mut scores = Vec::with_capacity(pairs.len());
        for (some, examples) in pairs.chunks(AT_ONCE).zip(sample.chunks(AT_ONCE)) {
            ctx.go_on()?;
            let phase = format!("measuring {}", shortcut.name());
            ctx.tick(Progress::new(phase, scores.len() as u64, total, "examples"));
            let scored = batches.each(some, &mut |some| {
                let encoded = judge.text.pairs(some).map_err(Error::from)?;
                let refs: Vec<&PairIds> = encoded.iter().collect();
                of_pass(
                    ctx,
                    evaluate::probabilities(&*judge.model, &refs, self.batch),
                )
            })?;
            for (scored, example) in scored.into_iter().zip(examples) {
                match scored {
                    Ok(p) => scores.push(p.get(1).copied().map(f64::from)),
                    Err(error) => {
                        let item = format!("{} ({})", example.label, shortcut.name());
                        ctx.leave_out(item, error.message)?;
                        scores.push(None);
                    }
                }
            }
        }
        Ok(scores)
    }
}

/// The examples of an evaluation, in their order, without those whose text was deleted.
fn evaluated(ctx: &Ctx, evaluation: i64) -> Result<Vec<Evaluated>, Stop> {
    let mut found = Vec::new();
    let mut from = 0;
    loop {
        ctx.go_on()?;
        let page = ctx.project.store.predicted(evaluation, from, AT_ONCE)?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        from = last.n + 1;
        for one in page {
            let label = match one.prediction.subject {
                Subject::Pair(pair) => pair_label(pair),
                Subject::Fake(fake) => format!("fake {fake}"),
            };
            if [&one.comment, &one.reply].iter().any(|text| is_gone(text)) {
                ctx.leave_out(label, DELETED)?;
                continue;
            }
            let (class, p) = sound(evaluation, one.n, &one.prediction, 2)?;
            found.push(Evaluated {
                label,
                comment: one.comment,
                reply: one.reply,
                thread: one.thread_id,
                is_real: class == 1,
                p,
            });
        }
    }
}

fn is_gone(text: &str) -> bool {
    text.trim().is_empty() || is_notice(text.trim())
}

/// The training examples of the evaluated run, with the evaluated set of fakes: those of the unigram baseline.
fn training_set(store: &Store, evaluation: &Evaluation) -> Result<Vec<Labeled>> {
    let checkpoint = store.checkpoint_by_id(evaluation.checkpoint_id)?;
    let config: RunConfig = from_json(&store.run_by_id(checkpoint.run_id)?.config)?;
    let split = store
        .split_by_id(evaluation.split_id)?
        .ok_or_else(|| Error::new(Code::Damaged, "the evaluation's split is gone"))?;
    let fakes = evaluation
        .fake_set_id
        .ok_or_else(|| Error::new(Code::Damaged, "the evaluation has no set of fakes"))?;
    let fakes = store.fake_set_by_id(fakes)?;
    let limit = match config.limit {
        0 => BASELINE_EXAMPLES,
        limit => limit.min(BASELINE_EXAMPLES),
    };
    let (partition, share) = (Partition::Train, config.real_share);
    let train = examples::realism(store, &split, &fakes, partition, share, limit, config.seed)?;
    let real = train.iter().filter(|one| one.label == 1).count();
    if real == 0 || real == train.len() {
        let what = format!(
            "the training set of split {:?} has no real replies or no fakes of {:?}; the audit needs both",
            split.name, fakes.name
        );
        return Err(Error::new(Code::NotFound, what));
    }
    Ok(train)
}

/// The shortcuts that have a classifier of their own.
fn fitted(ctx: &Ctx, train: &[Labeled], found: &[Evaluated]) -> Result<Vec<ShortcutFigures>, Stop> {
    let replies: Vec<&str> = train.iter().map(|one| one.reply.as_str()).collect();
    let real: Vec<bool> = train.iter().map(|one| one.label == 1).collect();
    let all = [
        (Shortcut::Length, Features::Length),
        (Shortcut::Markup, Features::Markup),
        (Shortcut::Words, Features::Words),
    ];
    let stops = ctx.stop_check();
    let mut shortcuts = Vec::with_capacity(all.len());
    for (shortcut, features) in all {
        ctx.go_on()?;
        let done = shortcuts.len() as u64;
        let total = Some(all.len() as u64);
        ctx.tick(Progress::new("fitting classifiers", done, total, "shortcuts").uneven());
        let fitted = ShortcutClassifier::fit(features, &replies, &real, &*stops);
        let fitted = of_pass(ctx, fitted)?;
        let mut scored: Vec<(&Evaluated, f64)> = Vec::with_capacity(found.len());
        for some in found.chunks(AT_ONCE) {
            ctx.go_on()?;
            scored.extend(some.iter().map(|one| (one, fitted.score(&one.reply))));
        }
        shortcuts.push(figures_of(shortcut, &scored));
    }
    Ok(shortcuts)
}

/// The figures of a shortcut from its score of each example.
fn figures_of(shortcut: Shortcut, scored: &[(&Evaluated, f64)]) -> ShortcutFigures {
    let truth: Vec<bool> = scored.iter().map(|(one, _)| one.is_real).collect();
    let threads: Vec<i64> = scored.iter().map(|(one, _)| one.thread).collect();
    let threads = Clusters::new(&threads);
    let interval_of = |scores: &[f64]| clustered_auc(scores, &truth, &threads)?.interval();
    let scores: Vec<f64> = scored.iter().map(|(_, score)| *score).collect();
    let model: Vec<f64> = scored.iter().map(|(one, _)| one.p[1]).collect();
    let roc = metrics::roc(&scores, &truth);
    let (auc, interval) = (roc.as_ref().map(|roc| roc.auc), interval_of(&scores));
    let model_auc = metrics::roc(&model, &truth).map(|roc| roc.auc);
    ShortcutFigures {
        shortcut,
        name: shortcut.name().to_owned(),
        sees: shortcut.sees().to_owned(),
        examples: scored.len() as u64,
        auc,
        interval,
        model_auc,
        model_interval: interval_of(&model),
        warning: shortcut.warning(auc, interval, model_auc),
        roc: roc.map_or_else(Vec::new, |roc| few_points(&roc)),
    }
}

/// The corners of a ROC curve, or as many of them, evenly, as are stored: the first and the last always.
fn few_points(roc: &metrics::Roc) -> Vec<(f64, f64)> {
    let corners = roc.corners();
    let last = corners.len().saturating_sub(1);
    let steps = last.min(POINTS - 1);
    let kept = (0..=steps).filter_map(|i| corners.get(i * last / steps.max(1)));
    // a picture needs no more places
    let rounded = |rate: f64| (rate * 1e4).round() / 1e4;
    kept.map(|point| (rounded(point.fpr), rounded(point.tpr)))
        .collect()
}

/// For each of N examples another one, by the seed: a cycle through all of them in random order.
fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    Stream::new(seed, "shuffled comments").shuffle(&mut order);
    let mut other = vec![0; n];
    for (at, &example) in order.iter().enumerate() {
        other[example] = order[(at + 1) % n];
    }
    other
}

/// The examples with a suspected label, the least probable label first.
fn suspects(found: &[Evaluated], classes: &[String]) -> Vec<SuspectedLabel> {
    let labels: Vec<usize> = found.iter().map(|one| usize::from(one.is_real)).collect();
    let p: Vec<f64> = found.iter().flat_map(|one| one.p.iter().copied()).collect();
    let name = |class: usize| classes.get(class).cloned().unwrap_or_default();
    let suspected = suspected_classes(&p, 2, &labels);
    let mut suspects: Vec<SuspectedLabel> = (found.iter().zip(&labels).zip(suspected))
        .filter_map(|((one, &label), suspected)| {
            Some(SuspectedLabel {
                example: one.label.clone(),
                label: name(label),
                suspected: name(suspected?),
                p: one.p[label],
            })
        })
        .collect();
    suspects.sort_by(|a, b| a.p.total_cmp(&b.p));
    suspects
}

impl Engine {
    /// Whether the label of each prediction is suspected to be wrong, in their order; empty if they have no labels,
    /// cannot be read, or are of the training set, which the model has seen.
    pub(super) fn suspected_labels(&self, evaluation: i64, partition: Partition) -> Vec<bool> {
        let out_of_sample = match partition {
            Partition::Train => return Vec::new(),
            Partition::Val | Partition::Test => self.predictions(evaluation),
        };
        // damaged predictions are no reason not to show the others
        let Ok(Predictions { classes, labels, p }) = out_of_sample else {
            return Vec::new();
        };
        let suspected = suspected_classes(&p, classes, &labels);
        suspected.iter().map(Option::is_some).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn interval(low: f64, high: f64) -> Option<Interval> {
        Some(Interval { low, high })
    }

    #[test]
    fn shortcut_near_the_model_is_warned_of() {
        let warning = |auc: f64, high: f64| {
            Shortcut::Length.warning(Some(auc), interval(auc - 0.1, high), Some(0.8))
        };
        assert!(warning(0.76, 0.78).starts_with("near the model's AUC 0.800"));
        assert!(warning(0.9, 0.95).starts_with("near the model's AUC 0.800"));
        assert!(warning(0.7, 0.8).starts_with("its interval reaches"));
        assert_eq!(warning(0.7, 0.79), "");
        assert_eq!(Shortcut::Words.warning(None, None, Some(0.8)), "");
        assert_eq!(Shortcut::Words.warning(Some(0.9), None, None), "");
        let of_model = Shortcut::ReplyOnly.warning(Some(0.8), None, Some(0.8));
        assert!(of_model.contains("hardly uses the comment"), "{of_model}");
    }

    #[test]
    fn every_example_gets_the_comment_of_another_one() {
        for n in [2, 3, 50] {
            let other = shuffled(n, 4);
            assert!(other.iter().enumerate().all(|(a, b)| a != *b), "{other:?}");
            let mut all = other.clone();
            all.sort_unstable();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
        }
        assert_ne!(shuffled(50, 4), shuffled(50, 5));
        assert_eq!((shuffled(0, 1), shuffled(1, 1)), (vec![], vec![0]));
    }

    #[test]
    fn stored_curve_has_few_points_and_both_ends() {
        let scores: Vec<f64> = (0..5000).map(|n| f64::from(n % 997)).collect();
        let truth: Vec<bool> = (0..5000).map(|n| n % 3 == 0).collect();
        let points = few_points(&metrics::roc(&scores, &truth).unwrap());
        assert!(points.len() <= POINTS && points.len() > POINTS / 2);
        assert_eq!(points.first(), Some(&(0.0, 0.0)));
        assert_eq!(points.last(), Some(&(1.0, 1.0)));
        assert!(points.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1));
        let two = few_points(&metrics::roc(&[0.5, 0.5], &[true, false]).unwrap());
        assert_eq!(two, [(0.0, 0.0), (1.0, 1.0)]);
    }

    /// An example in a thread of its own, with a probability of being real.
    fn example(n: usize, is_real: bool, p: f64) -> Evaluated {
        Evaluated {
            label: format!("fake {n}"),
            comment: String::new(),
            reply: String::new(),
            thread: n as i64,
            is_real,
            p: vec![1.0 - p, p],
        }
    }

    #[test]
    fn figures_are_of_the_scores_and_of_the_model_on_the_same_examples() {
        let all: Vec<Evaluated> = (0..40)
            .map(|n| example(n, n % 2 == 0, if n % 2 == 0 { 0.8 } else { 0.3 }))
            .collect();
        // right for three quarters of the real ones
        let scored: Vec<(&Evaluated, f64)> = (all.iter().enumerate())
            .map(|(n, one)| (one, f64::from(u8::from(n % 2 == 0 && n < 30))))
            .collect();
        let figures = figures_of(Shortcut::Markup, &scored);
        assert_eq!(figures.examples, 40);
        assert_eq!(figures.auc, Some(0.875));
        assert_eq!(figures.model_auc, Some(1.0));
        let interval = figures.interval.unwrap();
        assert!(interval.low > 0.7 && interval.high < 0.97, "{interval:?}");
        assert_eq!(figures.warning, "");
        assert_eq!(figures.roc, [(0.0, 0.0), (0.0, 0.75), (1.0, 1.0)]);
        assert!(figures.written().starts_with("0.875 [0."), "{figures:?}");
        assert_eq!(figures.model_written(), "1.000");
    }

    #[test]
    fn planted_wrong_labels_are_the_suspects() {
        let mut stream = Stream::new(9, "p");
        // of each class, every tenth label is wrong
        let is_wrong = |n: usize| n % 20 < 2;
        let all: Vec<Evaluated> = (0..300)
            .map(|n| {
                let truth = n % 2 == 0;
                let sign = if truth { 3.0 } else { -3.0 };
                let logit: f64 = sign + stream.next_normal();
                example(n, truth ^ is_wrong(n), 1.0 / (1.0 + (-logit).exp()))
            })
            .collect();
        let classes = ["fake".to_owned(), "real".to_owned()];
        let found = suspects(&all, &classes);
        let planted: Vec<String> = (0..300)
            .filter(|n| is_wrong(*n))
            .map(|n| format!("fake {n}"))
            .collect();
        assert_eq!(planted.len(), 30);
        let right = found.iter().filter(|one| planted.contains(&one.example));
        let right = right.count();
        assert!(right >= 20 && found.len() - right <= 5, "{found:?}");
        assert!(found.is_sorted_by(|a, b| a.p <= b.p));
        let first = &found[0];
        assert!(first.p < 0.1 && first.label != first.suspected, "{first:?}");
        assert!(planted.contains(&first.example), "{first:?}");
    }
}
