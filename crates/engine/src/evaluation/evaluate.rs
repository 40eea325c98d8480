//! Evaluation: measures a checkpoint on one partition of its split, stores every prediction, and computes the baselines
//! on the same examples.

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop, from_json, now_ms, to_json};
use repartee_core::kind::{EachName, Named};
use repartee_core::left_out::{Batches, LeftOut};
use repartee_core::unreadable::{Listed, good};
use repartee_datasets::Partition;
use repartee_models::baseline::{NaiveBayes, Unigram};
use repartee_models::batch::LossMask;
use repartee_models::metrics::{Clusters, temperature};
use repartee_models::text::PairIds;
use repartee_models::{device_name, evaluate, metrics};
use repartee_store::Store;
use repartee_store::evaluations::{Evaluation, NewEvaluation, Prediction, Subject};
use repartee_store::fakes::FakeSet;
use repartee_store::marks::Marked;
use repartee_store::runs::{Checkpoint, Run};
use repartee_store::splits::Split;
use repartee_terms::{Precision, PrecisionChoice, Role};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::ToEngine;
use crate::data::examples::{self, DELETED, Labeled, pair_label};
use crate::evaluation::compared::{Compared, compared};
use crate::evaluation::confidence::{self, Confidence, threads_of};
use crate::evaluation::figures::{
    self, Calibrated, ClassifierFigures, Figures, GeneratorFigures, Predictions,
};
use crate::generation::fakes::{FakesConfig, fakes_config};
use crate::items::{ItemKind, Label};
use crate::training::model::{
    Classifier, Reader, check_checkpoint, check_device, check_kind, checkpoint_of, device_of_job,
    of_pass,
};
use crate::training::precision::resolved;
use crate::training::run_config::ModelKind;
use crate::training::{RunFacts, threads};

/// Examples measured between checks for pause and cancel.
const AT_ONCE: usize = 128;
/// Maximum number of training examples for the unigram baseline.
pub(super) const BASELINE_EXAMPLES: usize = 50_000;

/// Evaluates a checkpoint. A job: `evaluate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Evaluate {
    pub run: String,
    /// best or last; none: best.
    pub checkpoint: Option<String>,
    /// Partition of the run's split.
    #[serde(alias = "side")]
    pub partition: Partition,
    /// Realism: another set of fakes than the run was trained on.
    pub fakes: Option<String>,
    /// Maximum number of examples, sampled by the seed; 0: all.
    pub limit: usize,
    /// Batch size.
    pub batch: usize,
    /// Realism: decision threshold; replies are predicted real from it on.
    pub threshold: f64,
    pub seed: u64,
    /// auto, cpu, cuda or metal.
    pub device: String,
    /// Of the model, on the CPU; f32 unless requested, so that evaluations compare.
    pub precision: PrecisionChoice,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self {
            run: String::new(),
            checkpoint: None,
            partition: Partition::Test,
            fakes: None,
            limit: 0,
            batch: 16,
            threshold: 0.5,
            seed: 1,
            device: "auto".to_owned(),
            precision: PrecisionChoice::F32,
        }
    }
}

/// Settings of an evaluation; stored with it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EvaluationConfig {
    /// generator, realism or upvotes.
    pub kind: ModelKind,
    /// best, last or kept.
    pub checkpoint: Role,
    /// Training steps of the checkpoint.
    pub step: u64,
    /// Class names; empty for a generator.
    pub classes: Vec<String>,
    /// Decision threshold; two classes only.
    pub threshold: Option<f64>,
    /// How the fakes were generated.
    pub fakes: Option<FakesConfig>,
    /// Maximum number of examples; 0: all.
    pub limit: usize,
    /// Batch size.
    pub batch: usize,
    /// Sampling seed of the examples.
    pub seed: u64,
    /// cpu, cuda or metal.
    pub device: String,
    /// At which it was measured; evaluations of earlier versions at f32.
    #[serde(default)]
    pub precision: Precision,
    pub threads: usize,
    pub version: String,
    /// The job that made it, which knows what was left out.
    #[serde(default)]
    #[ts(skip)]
    pub job: String,
}

/// An evaluation in a list or by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EvaluationInfo {
    pub id: i64,
    /// Empty: it is called by its number.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub label: Label,
    pub run: String,
    pub split: String,
    #[serde(alias = "side")]
    pub partition: Partition,
    /// The set of fakes, for a realism model.
    pub fakes: Option<String>,
    pub config: EvaluationConfig,
    pub figures: Figures,
    /// Each figure with its baselines, the most informative first.
    #[serde(default)]
    pub compared: Vec<Compared>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Measured on a text deleted since, or of a model that was trained on one.
    #[serde(default)]
    pub deleted_content: bool,
    /// Examples that the job left out: the figures are without them.
    #[serde(default)]
    pub left_out: LeftOut,
    /// The notice of the study: what is missing or expired now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub notice: Option<String>,
}

/// A classifier's figures at a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Judged {
    pub figures: ClassifierFigures,
    /// Each figure with its baselines.
    pub compared: Vec<Compared>,
    /// The threshold's point on the ROC curve: false and true positive rate; none unless the evaluation has both
    /// classes.
    pub roc: Option<(f64, f64)>,
    /// The threshold's point on the precision-recall curve: recall and precision.
    pub precision_recall: Option<(f64, f64)>,
}

/// An example of an evaluation with its prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MarkedExample {
    pub comment: String,
    /// Real or fake.
    pub reply: String,
    /// Name of the true class; empty for a generator.
    pub truth: String,
    /// Name of the predicted class: by the threshold, or the most probable of more than two; empty for a generator.
    pub called: String,
    /// The predicted probability of the true class; for a generator, of the reply's mean token.
    pub p: f64,
    /// Whether the prediction contradicts the class so confidently that the label may be wrong.
    #[serde(default)]
    pub suspected: bool,
}

impl Job for Evaluate {
    const KIND: &'static str = "evaluate";
    const QUEUED: bool = true;
    type Outcome = EvaluationInfo;

    fn names(&mut self, each: EachName) {
        each(Named::used(ItemKind::Run, &mut self.run));
        if let Some(name) = &mut self.fakes {
            each(Named::used(ItemKind::Fakes, name));
        }
    }

    fn subject(&self) -> String {
        self.run.clone()
    }

    fn check(&self, project: &Project) -> Result<()> {
        if self.batch == 0 || !(0.0..=1.0).contains(&self.threshold) {
            return Err(Error::usage(
                "batch must be at least 1, and threshold between 0 and 1",
            ));
        }
        check_device(&self.device, self.precision)?;
        check_checkpoint(self.checkpoint.as_deref())?;
        let is_another = || check_kind(&project.store, &self.run, ModelKind::Realism).is_err();
        if self.fakes.is_some() && is_another() {
            return Err(Error::usage(format!(
                "fakes are for a realism model, and run {:?} is not one; omit the set of fakes",
                self.run
            )));
        }
        if self.threshold != Self::default().threshold && is_another() {
            return Err(Error::usage(format!(
                "a decision threshold is for a realism model, and run {:?} is not one; omit the threshold",
                self.run
            )));
        }
        Ok(())
    }

    fn check_ready(&self, project: &Project) -> Result<()> {
        let run = project.store.run(&self.run)?;
        checkpoint_of(&project.store, &run, self.checkpoint.as_deref()).map(drop)
    }

    fn run(&self, ctx: &Ctx) -> Result<EvaluationInfo, Stop> {
        let (engine, store) = (ctx.engine(), &ctx.project.store);
        if self.batch == 0 || !(0.0..=1.0).contains(&self.threshold) {
            return Err(
                Error::usage("batch must be at least 1, and threshold between 0 and 1").into(),
            );
        }
        let run = store.run(&self.run)?;
        let checkpoint = checkpoint_of(store, &run, self.checkpoint.as_deref())?;
        let split = store
            .split_by_id(checkpoint.split_id)?
            .ok_or_else(|| Error::new(Code::Damaged, "the run's split is gone"))?;
        let fakes = fakes_of(store, &run, self.fakes.as_deref(), &split)?;
        ctx.tick(Progress::new("loading the model", 0, None, "bytes"));
        let (kind, names) = (run.kind, class_names(run.kind, &split)?);
        let device = device_of_job(ctx, &self.device)?;
        let precision = resolved(ctx, self.precision, &checkpoint, &device, None)?;
        let config = EvaluationConfig {
            kind,
            checkpoint: checkpoint.role,
            step: checkpoint.step,
            classes: names.clone(),
            threshold: (kind == ModelKind::Realism).then_some(self.threshold),
            fakes: fakes.as_ref().map(fakes_config).transpose()?,
            limit: self.limit,
            batch: self.batch,
            seed: self.seed,
            device: device_name(&device).to_owned(),
            precision,
            threads: threads(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            job: ctx.job().to_owned(),
        };
        let (mut figures, predictions) = match kind {
            ModelKind::Generator => {
                let generator = engine.reader_of(checkpoint.clone(), &device, precision)?;
                self.measure_generator(ctx, &generator, &split)?
            }
            ModelKind::Realism | ModelKind::Upvotes => {
                let judge = engine.classifier_of(checkpoint.clone(), &device, precision)?;
                self.measure_classifier(ctx, &judge, &split, fakes.as_ref(), &names)?
            }
        };
        ctx.go_on()?;
        if let (Figures::Classifier(figures), Partition::Test) = (&mut figures, self.partition) {
            let measured = predictions_of(&predictions, names.len());
            figures.calibrated =
                engine.calibrated(&checkpoint, fakes.as_ref(), precision, &measured)?;
        }
        Ok(self.store(
            &engine,
            &checkpoint,
            &split,
            fakes.as_ref(),
            config,
            figures,
            &predictions,
        )?)
    }
}

/// The fakes that a realism run is evaluated on: those of this name, or the ones it was trained on; none for other
/// models.
///
/// # Errors
/// [`Code::Usage`] if they were made on another split, or are not on record.
pub(super) fn fakes_of(
    store: &Store,
    run: &Run,
    name: Option<&str>,
    split: &Split,
) -> Result<Option<FakeSet>> {
    if run.kind != ModelKind::Realism {
        return Ok(None);
    }
    let facts: Option<RunFacts> = serde_json::from_str(&run.facts).ok();
    let trained_on = facts.and_then(|facts| facts.fakes);
    let set = match (name, run.fake_set_id) {
        (Some(name), _) => store.fake_set(name)?,
        (None, Some(id)) => store.fake_set_by_id(id)?,
        (None, None) => store.fake_set(
            &trained_on
                .ok_or_else(|| Error::usage("the run has no record of its fakes; name a set"))?,
        )?,
    };
    if set.split_id != split.id {
        return Err(Error::usage(format!(
            "the fakes {:?} were made on another split than {:?}",
            set.name, split.name
        )));
    }
    Ok(Some(set))
}

/// An evaluation, as stored or as shown.
pub(crate) trait OnPartition {
    fn partition(&self) -> Partition;
}

impl OnPartition for Evaluation {
    fn partition(&self) -> Partition {
        self.partition
    }
}

impl OnPartition for &EvaluationInfo {
    fn partition(&self) -> Partition {
        self.partition
    }
}

/// The evaluation that a run stands for: the latest on the test set, or the latest if there is none. `of_run`: those of
/// the run, oldest first.
pub(crate) fn standing<E: OnPartition>(of_run: impl IntoIterator<Item = E>) -> Option<E> {
    // the last of those that are equal
    let of_run = of_run.into_iter();
    of_run.max_by_key(|one| one.partition() == Partition::Test)
}

/// Class names; none for a generator.
pub(crate) fn class_names(kind: ModelKind, split: &Split) -> Result<Vec<String>> {
    Ok(match kind {
        ModelKind::Generator => Vec::new(),
        ModelKind::Realism => vec!["fake".to_owned(), "real".to_owned()],
        ModelKind::Upvotes => {
            let [a, b, c] = examples::edges(split)?.edges();
            let between = |from: i64, to: i64| match to - from {
                1 => format!("score {from}"),
                _ => format!("score {from} to {}", to - 1),
            };
            vec![
                format!("score below {a}"),
                between(a, b),
                between(b, c),
                format!("score {c} and up"),
            ]
        }
    })
}

pub(super) fn label_of(example: &Labeled) -> String {
    match (example.pair_id, example.fake_id) {
        (Some(pair), _) => pair_label(pair),
        (None, fake) => format!("fake {}", fake.unwrap_or_default()),
    }
}

/// Names the pairs of the partition that lost their text.
pub(super) fn name_the_lost(ctx: &Ctx, split: &Split, partition: Partition) -> Result<()> {
    for pair in ctx.project.store.split_lost(split.id, partition)? {
        ctx.leave_out(pair_label(pair), DELETED)?;
    }
    Ok(())
}

pub(super) fn subject(example: &Labeled) -> Result<Subject> {
    match (example.pair_id, example.fake_id) {
        (Some(pair), _) => Ok(Subject::Pair(pair)),
        (None, Some(fake)) => Ok(Subject::Fake(fake)),
        (None, None) => Err(Error::internal("an example of no pair and no fake")),
    }
}

pub(super) fn texts(examples: &[Labeled]) -> Vec<(&str, &str)> {
    examples
        .iter()
        .map(|e| (e.comment.as_str(), e.reply.as_str()))
        .collect()
}

/// The input of a classifier for each example, and the probabilities of its classes.
pub(super) fn scored(
    ctx: &Ctx,
    judge: &Classifier,
    some: &[Labeled],
    batch: usize,
) -> Result<Vec<(PairIds, Vec<f32>)>, Stop> {
    let pairs = judge.text.pairs(&texts(some)).map_err(Error::from)?;
    let refs: Vec<&PairIds> = pairs.iter().collect();
    let scores = of_pass(ctx, evaluate::probabilities(&*judge.model, &refs, batch))?;
    Ok(pairs.into_iter().zip(scores).collect())
}

impl Evaluate {
    fn nothing(&self, split: &Split) -> Stop {
        let what = format!(
            "the {} set of split {:?} has no examples for this run",
            self.partition, split.name
        );
        Error::new(Code::NotFound, what).into()
    }

    fn measure_generator(
        &self,
        ctx: &Ctx,
        generator: &Reader,
        split: &Split,
    ) -> Result<(Figures, Vec<Prediction>), Stop> {
        let store = &ctx.project.store;
        let found = examples::pairs(store, split, self.partition, self.limit, self.seed)?;
        name_the_lost(ctx, split, self.partition)?;
        if found.is_empty() {
            return Err(self.nothing(split));
        }
        let vocabulary = generator.model.config().vocab_size;
        let mut unigram = Unigram::new(vocabulary);
        let train = examples::pairs(store, split, Partition::Train, BASELINE_EXAMPLES, self.seed)?;
        let mut batches = Batches::default();
        for some in train.chunks(AT_ONCE) {
            let encoded = batches.each(some, &mut |some| {
                Ok(generator.text.examples(&texts(some)).map_err(Error::from)?)
            })?;
            for (example, encoded) in some.iter().zip(encoded) {
                match encoded {
                    Ok(encoded) => unigram.learn(&encoded.ids[encoded.prompt..]),
                    Err(error) => {
                        ctx.leave_out(format!("{} (baseline)", label_of(example)), error.message)?
                    }
                }
            }
        }
        let (mut sum, mut unigram_sum, mut tokens) = (0.0, 0.0, 0u64);
        let mut predictions = Vec::with_capacity(found.len());
        let mut batches = Batches::default();
        let mut done = 0;
        for some in found.chunks(AT_ONCE) {
            ctx.go_on()?;
            self.tick(ctx, done, found.len());
            done += some.len();
            let measured = batches.each(some, &mut |some| {
                let encoded = generator.text.examples(&texts(some)).map_err(Error::from)?;
                let refs: Vec<_> = encoded.iter().collect();
                let losses = evaluate::losses(&*generator.model, &refs, LossMask::Reply, self.batch)
                    .map_err(Error::from)?;
                if losses.iter().any(|(nll, _)| !nll.is_finite()) {
                    return Err(Error::new(
                        Code::Model,
                        "the model's loss is NaN: its weights are damaged, or its training diverged",
                    )
                    .into());
                }
                Ok(encoded.into_iter().zip(losses).collect())
            })?;
            for (example, measured) in some.iter().zip(measured) {
                let (encoded, (nll, n)) = match measured {
                    Ok(measured) => measured,
                    Err(error) => {
                        ctx.leave_out(label_of(example), error.message)?;
                        continue;
                    }
                };
                // nothing predicts the first token of a text
                unigram_sum += unigram.nll(&encoded.ids[encoded.prompt.max(1)..]);
                sum += nll;
                tokens += n as u64;
                predictions.push(Prediction {
                    subject: subject(example)?,
                    label: None,
                    p: [None; 4],
                    nll: Some(nll),
                    tokens: u32::try_from(n).ok(),
                });
            }
        }
        self.tick(ctx, found.len(), found.len());
        if predictions.is_empty() {
            return Err(ctx
                .left_out()?
                .nothing_left("nothing could be evaluated")
                .into());
        }
        let (losses, counts): (Vec<f64>, Vec<f64>) = predictions
            .iter()
            .map(|p| {
                (
                    p.nll.unwrap_or_default(),
                    f64::from(p.tokens.unwrap_or_default()),
                )
            })
            .unzip();
        let threads = threads_of(store, &predictions)?;
        let confidence = threads
            .and_then(|threads| Confidence::of_generator(&losses, &counts, &threads, self.seed));
        let figures = GeneratorFigures {
            examples: predictions.len() as u64,
            tokens,
            loss: (tokens > 0)
                .then(|| sum / tokens as f64)
                .filter(|loss| loss.is_finite()),
            perplexity: metrics::perplexity(sum, tokens),
            unigram_perplexity: metrics::perplexity(unigram_sum, tokens),
            chance_perplexity: vocabulary as u64,
            confidence,
        };
        Ok((Figures::Generator(figures), predictions))
    }

    fn measure_classifier(
        &self,
        ctx: &Ctx,
        judge: &Classifier,
        split: &Split,
        fakes: Option<&FakeSet>,
        names: &[String],
    ) -> Result<(Figures, Vec<Prediction>), Stop> {
        let store = &ctx.project.store;
        let read = |partition: Partition, limit: usize, seed: u64| match fakes {
            Some(fakes) => examples::realism(
                store,
                split,
                fakes,
                partition,
                judge.config.real_share,
                limit,
                seed,
            ),
            None => examples::upvotes(store, split, partition, limit, seed),
        };
        let found = read(self.partition, self.limit, self.seed)?;
        name_the_lost(ctx, split, self.partition)?;
        if found.is_empty() {
            return Err(self.nothing(split));
        }
        let classes = names.len();
        // the baseline is trained on the run's training data, as far as that is affordable
        let limit = match judge.config.limit {
            0 => BASELINE_EXAMPLES,
            limit => limit.min(BASELINE_EXAMPLES),
        };
        let train = read(Partition::Train, limit, judge.config.seed)?;
        let mut bayes = NaiveBayes::new(judge.model.config().vocab_size, classes);
        let mut batches = Batches::default();
        for some in train.chunks(AT_ONCE) {
            let pairs = batches.each(some, &mut |some| {
                Ok(judge.text.pairs(&texts(some)).map_err(Error::from)?)
            })?;
            for (example, pair) in some.iter().zip(pairs) {
                match pair {
                    Ok(pair) => bayes.learn(&pair.ids, example.label as usize),
                    Err(error) => {
                        ctx.leave_out(format!("{} (baseline)", label_of(example)), error.message)?
                    }
                }
            }
        }
        let mut measured = Predictions {
            classes,
            labels: Vec::new(),
            p: Vec::new(),
        };
        let mut counted = Predictions {
            classes,
            labels: Vec::new(),
            p: Vec::new(),
        };
        let mut predictions = Vec::with_capacity(found.len());
        let mut batches = Batches::default();
        let mut done = 0;
        for some in found.chunks(AT_ONCE) {
            ctx.go_on()?;
            self.tick(ctx, done, found.len());
            done += some.len();
            let scored = batches.each(some, &mut |some| scored(ctx, judge, some, self.batch))?;
            for (example, scored) in some.iter().zip(scored) {
                let (pair, p) = match scored {
                    Ok(scored) => scored,
                    Err(error) => {
                        ctx.leave_out(label_of(example), error.message)?;
                        continue;
                    }
                };
                measured.labels.push(example.label as usize);
                counted.labels.push(example.label as usize);
                counted.p.extend(bayes.probabilities(&pair.ids));
                let mut stored = [None; 4];
                for (slot, p) in stored.iter_mut().zip(&p) {
                    *slot = Some(f64::from(*p));
                }
                measured.p.extend(p.into_iter().map(f64::from));
                predictions.push(Prediction {
                    subject: subject(example)?,
                    label: u8::try_from(example.label).ok(),
                    p: stored,
                    nll: None,
                    tokens: None,
                });
            }
        }
        self.tick(ctx, found.len(), found.len());
        if predictions.is_empty() {
            return Err(ctx
                .left_out()?
                .nothing_left("nothing could be evaluated")
                .into());
        }
        let baseline = figures::baseline_of(&measured, Some(&counted));
        let mut figures = figures::of_classifier(&measured, names, self.threshold, baseline);
        if let Some(threads) = threads_of(store, &predictions)? {
            confidence::add_to(&mut figures, &measured, &threads, self.seed);
        }
        Ok((Figures::Classifier(figures), predictions))
    }

    fn tick(&self, ctx: &Ctx, done: usize, total: usize) {
        let phase = format!("measuring {}", self.run);
        ctx.tick(Progress::new(
            phase,
            done as u64,
            Some(total as u64),
            "examples",
        ));
    }

    #[allow(clippy::too_many_arguments)] // all that one evaluation is
    fn store(
        &self,
        engine: &Engine,
        checkpoint: &Checkpoint,
        split: &Split,
        fakes: Option<&FakeSet>,
        config: EvaluationConfig,
        figures: Figures,
        predictions: &[Prediction],
    ) -> Result<EvaluationInfo> {
        let new = NewEvaluation {
            checkpoint_id: checkpoint.id,
            split_id: split.id,
            fake_set_id: fakes.map(|set| set.id),
            partition: self.partition,
            config: to_json(&config)?,
            metrics: to_json(&figures)?,
        };
        let id = engine
            .store
            .evaluation_insert(&new, predictions, now_ms())?;
        engine.evaluation(id)
    }
}

/// The predicted probability of the true class, or of the reply's mean token.
fn probability_of_truth(prediction: &Prediction) -> Option<f64> {
    match (prediction.label, prediction.nll, prediction.tokens) {
        (Some(label), ..) => *prediction.p.get(usize::from(label))?,
        (None, Some(nll), Some(tokens)) if tokens > 0 => Some((-nll / f64::from(tokens)).exp()),
        _ => None,
    }
}

/// Predictions that were just made, of `classes` classes.
fn predictions_of(predictions: &[Prediction], classes: usize) -> Predictions {
    Predictions {
        classes,
        labels: (predictions.iter())
            .filter_map(|p| p.label.map(usize::from))
            .collect(),
        p: (predictions.iter())
            .flat_map(|p| p.p.into_iter().flatten())
            .collect(),
    }
}

/// Largest distance from 1 of the sum of an example's probabilities, which are f32.
const ROUNDING: f64 = 1e-3;

/// A stored prediction of `classes` classes: its class and their probabilities. Refuses what no model predicts: nothing
/// may be drawn, counted or exported from it.
///
/// # Errors
/// [`Code::Damaged`] with the number of the prediction.
pub(crate) fn sound(
    evaluation: i64,
    n: u64,
    prediction: &Prediction,
    classes: usize,
) -> Result<(usize, Vec<f64>)> {
    let p: Vec<f64> = prediction.p.iter().map_while(|p| *p).collect();
    let known = prediction.p.iter().flatten().count();
    let sum: f64 = p.iter().sum();
    let what = match prediction.label.map(usize::from) {
        Some(label) if label >= classes => format!("has class {label}"),
        None => "has no class".to_owned(),
        Some(_) if p.len() != classes || known != classes => {
            let word = if known == 1 {
                "probability"
            } else {
                "probabilities"
            };
            format!("has {known} {word}")
        }
        Some(_) if p.iter().any(|p| !(0.0..=1.0).contains(p)) => {
            "has a probability that is not between 0 and 1".to_owned()
        }
        Some(_) if (sum - 1.0).abs() > ROUNDING => {
            format!("has probabilities that sum to {sum:.3}, not 1")
        }
        Some(label) => return Ok((label, p)),
    };
    Err(Error::new(
        Code::Damaged,
        format!(
            "evaluation {evaluation} has {classes} classes, but its prediction {n} {what}; evaluate again (`repartee check` lists what else is damaged)"
        ),
    ))
}

/// The stored predictions of an evaluation of `classes` classes.
///
/// # Errors
/// [`Code::Damaged`] if there are none, or one is impossible.
pub(super) fn of_stored<'a>(
    evaluation: i64,
    classes: usize,
    stored: impl IntoIterator<Item = &'a Prediction>,
) -> Result<Predictions> {
    let mut out = Predictions {
        classes,
        ..Predictions::default()
    };
    for (n, prediction) in stored.into_iter().enumerate() {
        let (label, p) = sound(evaluation, n as u64, prediction, classes)?;
        out.labels.push(label);
        out.p.extend(p);
    }
    match out.labels.is_empty() {
        true => Err(Error::new(
            Code::Damaged,
            format!("evaluation {evaluation} has lost its predictions; evaluate again"),
        )),
        false => Ok(out),
    }
}

impl Engine {
    fn evaluation_info(
        &self,
        evaluation: Evaluation,
        mark: Option<String>,
    ) -> Result<EvaluationInfo> {
        let sets = self.store.fake_sets()?;
        let set = sets
            .into_iter()
            .find(|set| Some(set.id) == evaluation.fake_set_id);
        let mut config: EvaluationConfig = from_json(&evaluation.config)?;
        if let (Some(config), Some(set)) = (&mut config.fakes, &set) {
            config.generator.clone_from(&set.generator);
        }
        let fakes = set.map(|set| set.name);
        let figures = match from_json(&evaluation.metrics)? {
            Figures::Classifier(figures) => Figures::Classifier(figures.with_own_baselines()),
            generator => generator,
        };
        Ok(EvaluationInfo {
            id: evaluation.id,
            name: evaluation.name,
            label: self.store.label(ItemKind::Evaluation, evaluation.id)?,
            left_out: self.left_out_of(&config.job)?,
            split: self
                .store
                .split_by_id(evaluation.split_id)?
                .map(|s| s.name)
                .unwrap_or_default(),
            partition: evaluation.partition,
            fakes,
            config,
            compared: compared(&figures),
            figures,
            created_ms: evaluation.created_ms,
            deleted_content: self.store.is_marked(Marked::Evaluation, evaluation.id)?,
            run: evaluation.run,
            notice: mark,
        })
    }

    /// The figures of `predictions` after temperature scaling, fitted on the last evaluation of the same checkpoint, with
    /// the same fakes and precision, on the validation set; `None` without one, or if no temperature fits it.
    fn calibrated(
        &self,
        checkpoint: &Checkpoint,
        fakes: Option<&FakeSet>,
        precision: Precision,
        predictions: &Predictions,
    ) -> Result<Option<Calibrated>> {
        let same = |e: &Evaluation| {
            e.checkpoint_id == checkpoint.id
                && e.fake_set_id == fakes.map(|set| set.id)
                && e.partition == Partition::Val
                && from_json::<EvaluationConfig>(&e.config)
                    .is_ok_and(|config| config.precision == precision)
        };
        let Some(validated) = self.store.evaluations()?.into_iter().rfind(same) else {
            return Ok(None);
        };
        let classes = predictions.classes;
        // damaged predictions are no reason not to evaluate
        let validation = match self.predictions(validated.id) {
            Ok(validation) if validation.classes == classes => validation,
            _ => return Ok(None),
        };
        let temperature = temperature::fit_temperature(&validation.p, classes, &validation.labels);
        Ok(temperature.map(|temperature| {
            let scaled = Predictions {
                p: temperature::at_temperature(&predictions.p, classes, temperature),
                ..predictions.clone()
            };
            let none = figures::ClassifierBaseline::default();
            let figures = figures::of_classifier(&scaled, &[], 0.5, none);
            Calibrated {
                temperature,
                fitted_on: validation.labels.len() as u64,
                log_loss: figures.log_loss,
                brier: figures.brier,
                calibration_error: figures.calibration_error,
            }
        }))
    }

    /// The threads of an evaluation's predictions, in their order; `None` if one is not known any more.
    ///
    /// # Errors
    /// If the project cannot be read.
    pub fn evaluation_threads(&self, id: i64) -> Result<Option<Clusters>> {
        threads_of(&self.store, &self.store.predictions(id)?)
    }

    /// All evaluations, oldest first.
    pub fn evaluations(&self) -> Result<Vec<EvaluationInfo>> {
        good(self.evaluations_read()?)
    }

    pub(crate) fn evaluations_read(&self) -> Result<Listed<EvaluationInfo>> {
        let mark = self.study_mark()?;
        let evaluations = self.store.evaluations()?.into_iter();
        Ok(evaluations
            .map(|e| (e.id, self.evaluation_info(e, mark.clone())))
            .collect())
    }

    /// An evaluation by its number.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn evaluation(&self, id: i64) -> Result<EvaluationInfo> {
        self.evaluation_info(self.store.evaluation(id)?, self.study_mark()?)
    }

    /// The evaluation of that number or name, or of the run of that name: its latest on the test set, or its latest if
    /// it has none there. An evaluation of the training set must not pass for the result of a run.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is none, with what to do then.
    pub fn evaluation_of(&self, what: &str) -> Result<EvaluationInfo> {
        if let Ok(id) = what.parse() {
            return self.evaluation(id);
        }
        let run = match self.store.run(what) {
            Ok(run) => run,
            Err(no_run) => {
                let named = self.store.item(ItemKind::Evaluation, what);
                return self.evaluation(named.map_err(|_| no_run)?.id);
            }
        };
        let mut of_run = self.store.evaluations()?;
        of_run.retain(|e| e.run == run.name);
        match standing(of_run) {
            Some(evaluation) => self.evaluation_info(evaluation, self.study_mark()?),
            None => Err(Error::new(
                Code::NotFound,
                format!(
                    "run {what:?} has not been evaluated; run `{}`",
                    repartee_core::shell::command(["evaluate", what])
                ),
            )),
        }
    }

    /// A two-class evaluation at another threshold, without its model.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if it has more than two classes, or the threshold is invalid.
    pub fn evaluation_at(&self, id: i64, threshold: f64) -> Result<Judged> {
        let evaluation = self.evaluation(id)?;
        let predictions = self.predictions(id)?;
        let Figures::Classifier(figures) = evaluation.figures else {
            return Err(Error::internal("predictions of a generator"));
        };
        if predictions.classes != 2 || !(0.0..=1.0).contains(&threshold) {
            return Err(Error::usage(
                "a threshold must be between 0 and 1, and requires two classes",
            ));
        }
        let names = &evaluation.config.classes;
        let stored = figures;
        let mut figures = figures::of_classifier(&predictions, names, threshold, stored.baseline);
        for (class, stored) in figures.classes.iter_mut().zip(&stored.classes) {
            class.auc_interval = stored.auc_interval;
        }
        figures.calibrated = stored.calibrated;
        if let Some(stored) = stored.confidence
            && let Some(threads) = self.evaluation_threads(id)?
        {
            figures.confidence = Some(stored.at_threshold(&predictions, threshold, &threads));
        }
        Ok(Judged {
            roc: predictions.on_roc(threshold),
            precision_recall: predictions.on_precision_recall(threshold),
            compared: compared(&Figures::Classifier(figures.clone())),
            figures,
        })
    }

    /// The best (`best`) or worst predictions of an evaluation, at most `limit`; predicted classes are by `threshold`,
    /// or by the evaluation's own.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn evaluation_examples(
        &self,
        id: i64,
        best: bool,
        threshold: Option<f64>,
        limit: usize,
    ) -> Result<Vec<MarkedExample>> {
        let evaluation = self.evaluation(id)?;
        let classes = &evaluation.config.classes;
        let threshold = threshold.or(evaluation.config.threshold).unwrap_or(0.5);
        let mut ranked: Vec<(f64, u64)> = (0..)
            .zip(self.store.predictions(id)?)
            .filter_map(|(n, prediction)| Some((probability_of_truth(&prediction)?, n)))
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        if best {
            ranked.reverse();
        }
        ranked.truncate(limit);
        let suspected = self.suspected_labels(id, evaluation.partition);
        let name = |class: Option<usize>| {
            let name = class.and_then(|class| classes.get(class));
            name.cloned().unwrap_or_default()
        };
        let mut examples = Vec::with_capacity(ranked.len());
        for (p, n) in ranked {
            for example in self.store.predicted(id, n, 1)? {
                let prediction = &example.prediction;
                let called = match classes.len() {
                    0 => None,
                    k => {
                        let (label, p) = sound(id, n, prediction, k)?;
                        let one = Predictions {
                            classes: k,
                            labels: vec![label],
                            p,
                        };
                        one.called(threshold).first().copied()
                    }
                };
                examples.push(MarkedExample {
                    truth: name(prediction.label.map(usize::from)),
                    called: name(called),
                    comment: example.comment,
                    reply: example.reply,
                    p,
                    suspected: suspected.get(n as usize).copied().unwrap_or_default(),
                });
            }
        }
        Ok(examples)
    }

    /// A classifier evaluation's predictions, for charts and other thresholds.
    ///
    /// # Errors
    /// [`Code::Usage`] for a generator's.
    pub fn predictions(&self, id: i64) -> Result<Predictions> {
        let stored = self.store.predictions(id)?;
        let classes = self.evaluation(id)?.config.classes.len();
        if classes < 2 {
            return Err(Error::usage(format!(
                "evaluation {id} is a generator's: it has no classes to draw"
            )));
        }
        of_stored(id, classes, &stored)
    }
}
