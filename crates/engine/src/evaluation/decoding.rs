//! How well a realism model tells real replies from fakes of each decoding setting: a model that was trained on fakes of
//! one temperature may fail on those of another.
//!
//! Every set of fakes of the run's split is scored by one checkpoint, against the same real replies: those of the test
//! set to the comments that any of the sets answers. Probabilities that an evaluation of the checkpoint has stored are
//! not computed again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::format::counted;
use repartee_core::job::{Ctx, Job, Progress, Stop, from_json};
use repartee_core::kind::{EachName, Named};
use repartee_core::left_out::{Batches, LeftOut, Tally};
use repartee_core::shell;
use repartee_datasets::Partition;
use repartee_models::generate::SamplingParams;
use repartee_models::metrics::delong::clustered_auc;
use repartee_models::metrics::{self, Clusters, Interval};
use repartee_models::rng::Stream;
use repartee_models::{Device, device_name, stop};
use repartee_store::Store;
use repartee_store::evaluations::Subject;
use repartee_store::fakes::FakeSet;
use repartee_store::runs::{Checkpoint, Run};
use repartee_store::splits::Split;
use repartee_terms::{ModelKind, Precision, PrecisionChoice, Role};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ToEngine;
use crate::data::examples::Labeled;
use crate::evaluation::compared::with_interval;
use crate::evaluation::evaluate::{EvaluationConfig, label_of, name_the_lost, scored, subject};
use crate::generation::fakes::{FakesConfig, fakes_config};
use crate::items::ItemKind;
use crate::training::model::{
    Classifier, check_checkpoint, check_device, check_kind, checkpoint_of, device_of_job,
};
use crate::training::precision::resolved;

/// Where the examples are from.
const PARTITION: Partition = Partition::Test;
/// Examples scored between checks for pause and cancel.
const AT_ONCE: usize = 128;
/// Examples scored before the scores are stored, for a resume.
const STORED_AT_ONCE: usize = 1024;

/// Measures a realism model on the fakes of each decoding setting. A job: `decoding`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct MeasureDecoding {
    pub run: String,
    /// best or last; none: best.
    pub checkpoint: Option<String>,
    /// Maximum number of fakes of each set, sampled by the seed; 0: all.
    pub limit: usize,
    /// Batch size.
    pub batch: usize,
    pub seed: u64,
    /// auto, cpu, cuda or metal.
    pub device: String,
    /// Of the model, on the CPU; f32 unless requested, as in evaluations.
    pub precision: PrecisionChoice,
}

impl Default for MeasureDecoding {
    fn default() -> Self {
        Self {
            run: String::new(),
            checkpoint: None,
            limit: 0,
            batch: 16,
            seed: 1,
            device: "auto".to_owned(),
            precision: PrecisionChoice::F32,
        }
    }
}

/// A realism model on one set of fakes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DecodingFigures {
    /// The set of fakes.
    pub fakes: String,
    /// Whether the model was trained on this set.
    pub trained_on: bool,
    pub generator: String,
    /// Training steps of the generator's checkpoint.
    pub step: u64,
    /// Decoding settings of the fakes.
    pub sampling: SamplingParams,
    /// At which they were generated.
    pub precision: Precision,
    /// Number of scored fakes.
    pub examples: u64,
    /// Number of threads of fakes and real replies; none if one is not known any more.
    pub threads: Option<u64>,
    pub auc: Option<f64>,
    /// 95% interval of the AUC; none with fewer than ten threads.
    pub interval: Option<Interval>,
}

/// A realism model on the fakes of each decoding setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DecodingMeasured {
    pub run: String,
    pub checkpoint: Role,
    /// Training steps of the checkpoint.
    pub step: u64,
    pub split: String,
    /// cpu, cuda or metal.
    pub device: String,
    /// At which the model computed.
    pub precision: Precision,
    /// Number of real replies, which are the same for every set.
    pub real: u64,
    /// By temperature, then by top-k.
    pub sets: Vec<DecodingFigures>,
    /// Sets and examples that could not be measured.
    #[serde(default)]
    pub left_out: LeftOut,
}

impl DecodingFigures {
    /// "0.818 [0.779, 0.851]", or a dash.
    pub fn written(&self) -> String {
        with_interval(self.auc, self.interval, 0)
    }
}

impl DecodingMeasured {
    /// AUCs by temperature, in rows, and top-k, in columns: the names of the columns, and the rows. Sets that have both
    /// in common share a cell.
    pub fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let sampling = || self.sets.iter().map(|of| &of.sampling);
        let top_ks: BTreeSet<usize> = sampling().map(|of| of.top_k).collect();
        let mut temperatures: Vec<f64> = sampling().map(|of| of.temperature).collect();
        temperatures.sort_unstable_by(f64::total_cmp);
        temperatures.dedup();
        let column = |top_k: &usize| match top_k {
            0 => "all tokens".to_owned(),
            k => format!("top-k {k}"),
        };
        let cell = |temperature: f64, top_k: usize| {
            let of_cell = self
                .sets
                .iter()
                .filter(|of| of.sampling.temperature == temperature && of.sampling.top_k == top_k);
            let all: Vec<String> = of_cell.map(DecodingFigures::written).collect();
            all.join("; ")
        };
        let row = |temperature: &f64| -> Vec<String> {
            let cells = top_ks.iter().map(|top_k| cell(*temperature, *top_k));
            std::iter::once(temperature.to_string())
                .chain(cells)
                .collect()
        };
        let first = std::iter::once("temperature".to_owned());
        (
            first.chain(top_ks.iter().map(column)).collect(),
            temperatures.iter().map(row).collect(),
        )
    }

    /// What the AUCs are of.
    pub fn explained(&self) -> String {
        format!(
            "AUC of {} ({} at step {}, {} on {}) with the fakes of each set against the same {} of the test set of split \
             {}: the lower, the harder to tell apart. In brackets: 95% confidence intervals by DeLong, in which the \
             replies of a thread count as one observation",
            self.run,
            self.checkpoint,
            self.step,
            self.precision,
            self.device,
            counted(self.real, "real reply", "real replies"),
            self.split
        )
    }
}

impl Job for MeasureDecoding {
    const KIND: &'static str = "decoding";
    const QUEUED: bool = true;
    type Outcome = DecodingMeasured;

    fn names(&mut self, each: EachName) {
        each(Named::used(ItemKind::Run, &mut self.run));
    }

    fn subject(&self) -> String {
        self.run.clone()
    }

    fn check(&self, project: &Project) -> Result<()> {
        if self.batch == 0 {
            return Err(Error::usage("batch must be at least 1"));
        }
        check_device(&self.device, self.precision)?;
        check_checkpoint(self.checkpoint.as_deref())?;
        check_kind(&project.store, &self.run, ModelKind::Realism)
    }

    fn check_ready(&self, project: &Project) -> Result<()> {
        self.found(&project.store).map(drop)
    }

    fn tally(outcome: &DecodingMeasured) -> Option<Tally> {
        let measured = outcome.sets.iter().filter(|of| of.auc.is_some());
        Some(Tally {
            nothing: "no set of fakes could be measured",
            succeeded: measured.count() as u64,
            left_out: outcome.left_out.clone(),
        })
    }

    fn run(&self, ctx: &Ctx) -> Result<DecodingMeasured, Stop> {
        let (engine, store) = (ctx.engine(), &ctx.project.store);
        let (run, checkpoint) = self.found(store)?;
        let split = store
            .split_by_id(checkpoint.split_id)?
            .ok_or_else(|| Error::new(Code::Damaged, "the run's split is gone"))?;
        let sets = self.sets(ctx, &split)?;
        let real = real_replies(ctx, &split, &sets)?;
        let device = device_of_job(ctx, &self.device)?;
        let precision = resolved(ctx, self.precision, &checkpoint, &device, None)?;
        let mut scores = Scores::of(ctx, &checkpoint, &device, precision)?;
        let fakes = sets.iter().flat_map(|of| &of.fakes);
        let missing = scores.missing(real.iter().chain(fakes), &ctx.left_out_ids()?)?;
        if !missing.is_empty() {
            ctx.tick(Progress::new("loading the model", 0, None, "bytes"));
            let mut judge = engine.classifier_of(checkpoint.clone(), &device, precision)?;
            judge.model.set_stop(stop::Stop::when(ctx.stop_check()));
            self.measure(ctx, &judge, &missing, &mut scores)?;
        }
        ctx.go_on()?;
        let real = scores.with_threads(store, &real)?;
        let mut figures = Vec::with_capacity(sets.len());
        for of in sets {
            let fakes = scores.with_threads(store, &of.fakes)?;
            let (auc, interval, threads) = auc_of(&real, &fakes);
            figures.push(DecodingFigures {
                trained_on: Some(of.set.id) == run.fake_set_id,
                fakes: of.set.name,
                generator: of.config.generator,
                step: of.config.step,
                sampling: of.config.sampling,
                precision: of.config.precision,
                examples: fakes.len() as u64,
                threads,
                auc,
                interval,
            });
        }
        figures.sort_by(|a, b| {
            let (one, other) = (&a.sampling, &b.sampling);
            let order = one.temperature.total_cmp(&other.temperature);
            order.then(one.top_k.cmp(&other.top_k))
        });
        Ok(DecodingMeasured {
            run: run.name,
            checkpoint: checkpoint.role,
            step: checkpoint.step,
            split: split.name,
            device: device_name(&device).to_owned(),
            precision,
            real: real.len() as u64,
            sets: figures,
            left_out: ctx.left_out()?,
        })
    }
}

/// A set of fakes, and those of its fakes that are scored.
struct FakesOf {
    set: FakeSet,
    config: FakesConfig,
    fakes: Vec<Labeled>,
    /// The pairs whose comments they answer.
    pairs: Vec<i64>,
}

impl MeasureDecoding {
    fn found(&self, store: &Store) -> Result<(Run, Checkpoint)> {
        let run = store.run(&self.run)?;
        let checkpoint = checkpoint_of(store, &run, self.checkpoint.as_deref())?;
        Ok((run, checkpoint))
    }

    /// The sets of a split that have fakes in the test set.
    fn sets(&self, ctx: &Ctx, split: &Split) -> Result<Vec<FakesOf>> {
        let store = &ctx.project.store;
        let mut found = Vec::new();
        for set in store.fake_sets()? {
            if set.split_id != split.id {
                continue;
            }
            let label = format!("fakes {}", set.name);
            let config = match fakes_config(&set) {
                Ok(config) => config,
                Err(error) => {
                    ctx.leave_out(label, error.message)?;
                    continue;
                }
            };
            let mut fakes = store.fakes(set.id, PARTITION)?;
            fakes.retain(|fake| !fake.text.trim().is_empty());
            if fakes.is_empty() {
                ctx.leave_out(label, "none of them is in the test set")?;
                continue;
            }
            if self.limit > 0 && self.limit < fakes.len() {
                // sets that answer the same comments keep the same ones
                Stream::new(self.seed, "decoding").shuffle(&mut fakes);
                fakes.truncate(self.limit);
            }
            found.push(FakesOf {
                set,
                config,
                pairs: fakes.iter().map(|fake| fake.pair_id).collect(),
                fakes: (fakes.into_iter())
                    .map(|fake| Labeled {
                        pair_id: None,
                        fake_id: Some(fake.id),
                        comment: fake.comment,
                        reply: fake.text,
                        label: 0,
                    })
                    .collect(),
            });
        }
        if !found.is_empty() {
            return Ok(found);
        }
        let left_out = ctx.left_out()?;
        if left_out.count > 0 {
            return Err(left_out.nothing_left("no set of fakes can be measured"));
        }
        let what = format!(
            "split {:?} has no set of fakes; make one with `{}`",
            split.name,
            shell::command(["fakes", "make", "--generator", "RUN"])
        );
        Err(Error::new(Code::NotFound, what))
    }

    /// Scores examples, and stores the scores as it goes.
    fn measure(
        &self,
        ctx: &Ctx,
        judge: &Classifier,
        examples: &[Labeled],
        scores: &mut Scores,
    ) -> Result<(), Stop> {
        let (phase, total) = (format!("measuring {}", self.run), examples.len() as u64);
        let mut batches = Batches::default();
        let mut done = 0;
        for stored in examples.chunks(STORED_AT_ONCE) {
            for some in stored.chunks(AT_ONCE) {
                ctx.go_on()?;
                let progress = Progress::new(phase.clone(), done, Some(total), "examples");
                ctx.tick(progress);
                done += some.len() as u64;
                let measured =
                    batches.each(some, &mut |some| scored(ctx, judge, some, self.batch))?;
                for (example, measured) in some.iter().zip(measured) {
                    let p = measured.map(|(_, p)| p.get(1).copied().filter(|p| p.is_finite()));
                    match p {
                        Ok(Some(p)) => scores.add(subject(example)?, p),
                        Ok(None) => {
                            ctx.leave_out(label_of(example), "the model's output is not a number")?;
                        }
                        Err(error) => ctx.leave_out(label_of(example), error.message)?,
                    }
                }
            }
            scores.store(ctx)?;
        }
        ctx.tick(Progress::new(phase, total, Some(total), "examples"));
        Ok(())
    }
}

/// The real replies to the comments that any of the sets answers.
fn real_replies(ctx: &Ctx, split: &Split, sets: &[FakesOf]) -> Result<Vec<Labeled>> {
    name_the_lost(ctx, split, PARTITION)?;
    let pairs: BTreeSet<i64> = sets
        .iter()
        .flat_map(|of| of.pairs.iter().copied())
        .collect();
    let pairs: Vec<i64> = pairs.into_iter().collect();
    let examples = ctx.project.store.examples_of(&pairs)?.into_iter();
    Ok(examples
        .map(|example| Labeled {
            pair_id: Some(example.pair_id),
            fake_id: None,
            comment: example.comment,
            reply: example.reply,
            label: 1,
        })
        .collect())
}

/// p(real) of examples.
struct Scores {
    /// The setting that has the job's own scores until it is done or canceled ([`Store::job_end`] removes it).
    setting: String,
    /// What this job has computed, in this and earlier attempts: as the model gives it, since JSON may round the last
    /// digit of an f64.
    own: BTreeMap<String, f32>,
    /// What evaluations of the same checkpoint have stored.
    evaluated: HashMap<Subject, f64>,
}

/// A subject in the setting.
fn key(subject: Subject) -> String {
    match subject {
        Subject::Pair(id) => format!("pair {id}"),
        Subject::Fake(id) => format!("fake {id}"),
    }
}

impl Scores {
    fn of(
        ctx: &Ctx,
        checkpoint: &Checkpoint,
        device: &Device,
        precision: Precision,
    ) -> Result<Self> {
        let store = &ctx.project.store;
        let setting = format!("decoding of {}", ctx.job());
        let mut own: BTreeMap<String, f32> = match ctx.resumed() {
            true => match store.setting(&setting) {
                Ok(found) => found.unwrap_or_default(),
                // then everything is computed again
                Err(repartee_store::Error::Setting { .. }) => BTreeMap::new(),
                Err(error) => return Err(error.into()),
            },
            false => BTreeMap::new(),
        };
        own.retain(|_, p| (0.0..=1.0).contains(&*p));
        let mut evaluated = HashMap::new();
        for evaluation in store.evaluations()? {
            let is_same = |config: EvaluationConfig| {
                config.precision == precision && config.device == device_name(device)
            };
            let is_used = evaluation.checkpoint_id == checkpoint.id
                && from_json(&evaluation.config).is_ok_and(is_same);
            if !is_used {
                continue;
            }
            for one in store.predictions(evaluation.id)? {
                if let Some(p) = one.p[1].filter(|p| (0.0..=1.0).contains(p)) {
                    evaluated.insert(one.subject, p);
                }
            }
        }
        Ok(Self {
            setting,
            own,
            evaluated,
        })
    }

    fn get(&self, subject: Subject) -> Option<f64> {
        let own = self.own.get(&key(subject)).map(|p| f64::from(*p));
        own.or_else(|| self.evaluated.get(&subject).copied())
    }

    fn add(&mut self, subject: Subject, p: f32) {
        self.own.insert(key(subject), p);
    }

    fn store(&self, ctx: &Ctx) -> Result<()> {
        Ok(ctx.project.store.set_setting(&self.setting, &self.own)?)
    }

    /// The examples without a score, but for those that an earlier attempt left out.
    fn missing<'a>(
        &self,
        examples: impl Iterator<Item = &'a Labeled>,
        left_out: &HashSet<String>,
    ) -> Result<Vec<Labeled>> {
        let mut missing = Vec::new();
        for example in examples {
            let is_known = self.get(subject(example)?).is_some();
            if !is_known && !left_out.contains(&label_of(example)) {
                missing.push(example.clone());
            }
        }
        Ok(missing)
    }

    /// Of each example with a score: the score and the thread, `None` if that is not known any more.
    fn with_threads(&self, store: &Store, examples: &[Labeled]) -> Result<Vec<(f64, Option<i64>)>> {
        let mut known = Vec::with_capacity(examples.len());
        for example in examples {
            let subject = subject(example)?;
            known.extend(self.get(subject).map(|p| (subject, p)));
        }
        let threads = store.threads_of(known.iter().map(|(subject, _)| *subject))?;
        Ok(known.iter().map(|(_, p)| *p).zip(threads).collect())
    }
}

/// The AUC of real replies against fakes, each with its score and thread; its 95% interval, and the number of threads.
fn auc_of(
    real: &[(f64, Option<i64>)],
    fakes: &[(f64, Option<i64>)],
) -> (Option<f64>, Option<Interval>, Option<u64>) {
    let (scores, threads): (Vec<f64>, Vec<Option<i64>>) = real.iter().chain(fakes).copied().unzip();
    let truth: Vec<bool> = (0..scores.len()).map(|n| n < real.len()).collect();
    let auc = metrics::roc(&scores, &truth).map(|roc| roc.auc);
    let threads: Option<Vec<i64>> = threads.into_iter().collect();
    let threads = threads.map(|threads| Clusters::new(&threads));
    let interval =
        (threads.as_ref()).and_then(|threads| clustered_auc(&scores, &truth, threads)?.interval());
    (auc, interval, threads.map(|threads| threads.count() as u64))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn auc_is_the_share_of_pairs_in_the_right_order() {
        let mut stream = Stream::new(9, "decoding");
        let mut drawn = |n: i64, gain: f64| -> Vec<(f64, Option<i64>)> {
            let score = |stream: &mut Stream| (stream.next_f64() + gain).min(1.0);
            (0..n)
                .map(|i| ((score(&mut stream) * 20.0).round() / 20.0, Some(i % 12)))
                .collect()
        };
        let (real, fakes) = (drawn(60, 0.2), drawn(50, 0.0));
        let (auc, interval, threads) = auc_of(&real, &fakes);
        let (mut right, mut pairs) = (0.0, 0.0);
        for (a, _) in &real {
            for (b, _) in &fakes {
                pairs += 1.0;
                right += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        let auc = auc.unwrap();
        assert!((auc - right / pairs).abs() < 1e-12, "{auc}");
        let interval = interval.unwrap();
        assert!(interval.low < auc && auc < interval.high, "{interval:?}");
        assert_eq!(threads, Some(12));

        // of too few threads, or of one that is gone, there is no interval
        let few: Vec<_> = fakes.iter().map(|(p, _)| (*p, Some(1))).collect();
        let of_one: Vec<_> = real.iter().map(|(p, _)| (*p, Some(2))).collect();
        let (same, none, threads) = auc_of(&of_one, &few);
        assert_eq!((same, none, threads), (Some(auc), None, Some(2)));
        let gone: Vec<_> = fakes.iter().map(|(p, _)| (*p, None)).collect();
        assert_eq!(auc_of(&real, &gone), (Some(auc), None, None));
        assert_eq!(auc_of(&real, &[]), (None, None, Some(12)));
    }

    fn set(temperature: f64, top_k: usize, auc: f64) -> DecodingFigures {
        DecodingFigures {
            fakes: "fakes".to_owned(),
            trained_on: false,
            generator: "writer".to_owned(),
            step: 1,
            sampling: SamplingParams {
                temperature,
                top_k,
                ..SamplingParams::OFF
            },
            precision: Precision::F32,
            examples: 10,
            threads: None,
            auc: Some(auc),
            interval: None,
        }
    }

    #[test]
    fn table_has_temperatures_in_rows_and_top_k_in_columns() {
        let measured = DecodingMeasured {
            run: "judge".to_owned(),
            checkpoint: Role::Best,
            step: 1,
            split: "main".to_owned(),
            device: "cpu".to_owned(),
            precision: Precision::F32,
            real: 10,
            sets: vec![
                set(1.0, 40, 0.7),
                set(0.7, 40, 0.9),
                set(1.0, 0, 0.6),
                set(1.0, 40, 0.75),
            ],
            left_out: LeftOut::default(),
        };
        let (columns, rows) = measured.table();
        assert_eq!(columns, ["temperature", "all tokens", "top-k 40"]);
        assert_eq!(rows, [["0.7", "", "0.900"], ["1", "0.600", "0.700; 0.750"]]);
    }
}
