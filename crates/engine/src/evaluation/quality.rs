//! Quality: what a trained model loses at each precision, and how fast it is there. `auto` decides by it
//! (`training/precision.rs`).
//!
//! The figure is measured on the validation set: a precision is chosen by it, and nothing may be chosen by the test set.
//! Everything is measured on the CPU, since models compute in f32 on a GPU.

use std::collections::BTreeMap;
use std::time::Instant;

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop, now_ms};
use repartee_core::kind::{EachName, Named};
use repartee_core::left_out::{Batches, LeftOut, Tally, caught, is_of_the_whole};
use repartee_datasets::Partition;
use repartee_models::batch::LossMask;
use repartee_models::fast;
use repartee_models::generate::{self, SamplingParams, Task};
use repartee_models::text::{GeneratorText, PairIds};
use repartee_models::{evaluate, metrics};
use repartee_store::Store;
use repartee_store::quality::Quality;
use repartee_store::runs::{Checkpoint, Run};
use repartee_store::splits::Split;
use repartee_terms::{ModelKind, Precision, Role};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::data::examples::{self, Labeled};
use crate::evaluation::evaluate::{fakes_of, label_of, name_the_lost, texts};
use crate::evaluation::figures::Predictions;
use crate::generation::fakes::until_stopped;
use crate::items::ItemKind;
use crate::training::model::{check_checkpoint, checkpoint_of};
use crate::training::precision::Chosen;
use crate::{Engine, ToEngine};

/// The partition that is measured.
const PARTITION: Partition = Partition::Val;
/// Seed of the sample of examples, and of the generated replies.
const SEED: u64 = 1;
/// Examples measured between checks for pause and cancel, and the batch size of the models.
const AT_ONCE: usize = 16;
/// How often each speed is measured; the median counts.
const ROUNDS: usize = 3;
/// What is generated to measure the speed: as for comments of a queue, candidates to several prompts at once.
const PROMPTS: usize = 4;
const CANDIDATES: usize = 10;
const NEW_TOKENS: usize = 32;
/// Pairs that are scored to measure the speed.
const PAIRS: usize = 64;

/// Measures runs at each precision. A job: `quality`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct MeasureQuality {
    pub runs: Vec<String>,
    /// Maximum number of examples of the validation set; 0: all.
    pub limit: usize,
    /// best or last; none: best.
    pub checkpoint: Option<String>,
}

impl Default for MeasureQuality {
    fn default() -> Self {
        Self {
            runs: Vec::new(),
            limit: 400,
            checkpoint: None,
        }
    }
}

/// A run at one precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PrecisionQuality {
    pub precision: Precision,
    /// Perplexity of a generator, AUC of a realism model, macro AUC of an upvotes model; none: undefined.
    pub figure: Option<f64>,
    /// Generated tokens per second of a generator, scored pairs per second of a classifier.
    pub rate: f64,
}

/// The quality of a run, and what `auto` takes for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunQuality {
    pub run: String,
    pub kind: ModelKind,
    pub checkpoint: Role,
    /// Training steps of the checkpoint.
    pub step: u64,
    /// Where the examples are from.
    pub partition: Partition,
    /// Number of measured examples; 0: it was not measured yet.
    pub examples: u64,
    /// Empty: it was not measured yet.
    pub precisions: Vec<PrecisionQuality>,
    /// The instructions of the processor that measured it.
    pub instructions: String,
    /// Milliseconds since 1970; none: it was not measured yet.
    pub measured_ms: Option<i64>,
    /// What `auto` takes on the CPU of this machine.
    pub auto: Chosen,
}

/// The result of measuring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct QualityMeasured {
    pub runs: Vec<RunQuality>,
    /// Examples and runs that could not be measured.
    #[serde(default)]
    pub left_out: LeftOut,
}

impl Job for MeasureQuality {
    const KIND: &'static str = "quality";
    const QUEUED: bool = true;
    type Outcome = QualityMeasured;

    fn names(&mut self, each: EachName) {
        for run in &mut self.runs {
            each(Named::used(ItemKind::Run, run));
        }
    }

    fn subject(&self) -> String {
        self.runs.join(", ")
    }

    fn check(&self, _project: &Project) -> Result<()> {
        match self.runs.is_empty() {
            true => Err(Error::usage("name at least one run")),
            false => check_checkpoint(self.checkpoint.as_deref()),
        }
    }

    fn check_ready(&self, project: &Project) -> Result<()> {
        self.checkpoints(&project.store).map(drop)
    }

    fn tally(outcome: &QualityMeasured) -> Option<Tally> {
        Some(Tally {
            nothing: "no run could be measured",
            succeeded: outcome.runs.len() as u64,
            left_out: outcome.left_out.clone(),
        })
    }

    fn run(&self, ctx: &Ctx) -> Result<QualityMeasured, Stop> {
        let (engine, store) = (ctx.engine(), &ctx.project.store);
        let found = self.checkpoints(store)?;
        let mut own = Own::of(ctx)?;
        let mut runs = Vec::with_capacity(found.len());
        for (run, checkpoint) in found {
            ctx.go_on()?;
            if !own.has_measured(ctx, &checkpoint)? {
                match caught(|| self.measure(ctx, &run, &checkpoint)) {
                    Ok(measured) => {
                        store.quality_set(checkpoint.id, &measured)?;
                        own.add(ctx, &checkpoint, &measured)?;
                    }
                    Err(Stop::Failed(error)) if !is_of_the_whole(&error) => {
                        ctx.leave_out(format!("run {}", run.name), error.message)?;
                        continue;
                    }
                    Err(stop) => return Err(stop),
                }
            }
            runs.push(engine.quality_of(&checkpoint)?);
        }
        let left_out = ctx.left_out()?;
        Ok(QualityMeasured { runs, left_out })
    }
}

/// What this job has measured itself, in this and earlier attempts: it is not repeated after a resume. A row does not say
/// which job it is from, and its time may be that of another job or of a wrong clock.
struct Own {
    /// The setting that lists it until the job is done or canceled ([`Store::job_end`] removes it).
    key: String,
    /// When each checkpoint was measured, by its id; milliseconds since 1970.
    measured_ms: BTreeMap<i64, i64>,
}

impl Own {
    fn of(ctx: &Ctx) -> Result<Self> {
        let key = format!("quality of {}", ctx.job());
        let measured_ms = match ctx.resumed() {
            true => match ctx.project.store.setting(&key) {
                Ok(found) => found.unwrap_or_default(),
                // then nothing counts as measured
                Err(repartee_store::Error::Setting { .. }) => BTreeMap::new(),
                Err(error) => return Err(error.into()),
            },
            false => BTreeMap::new(),
        };
        Ok(Self { key, measured_ms })
    }

    /// Whether the stored rows of a checkpoint are those that this job measured.
    fn has_measured(&self, ctx: &Ctx, checkpoint: &Checkpoint) -> Result<bool> {
        let Some(at_ms) = self.measured_ms.get(&checkpoint.id) else {
            return Ok(false);
        };
        let rows = ctx.engine().quality_rows(checkpoint)?;
        Ok(rows.is_some_and(|rows| are_of(&rows, *at_ms, now_ms())))
    }

    fn add(&mut self, ctx: &Ctx, checkpoint: &Checkpoint, rows: &[Quality]) -> Result<()> {
        if let Some(row) = rows.first() {
            self.measured_ms.insert(checkpoint.id, row.measured_ms);
            let store = &ctx.project.store;
            store.set_setting(&self.key, &self.measured_ms)?;
        }
        Ok(())
    }
}

/// Whether rows are of the measurement of that time; one in the future does not count (`repartee_store::times`).
fn are_of(rows: &[Quality], at_ms: i64, now_ms: i64) -> bool {
    at_ms <= now_ms && !rows.is_empty() && rows.iter().all(|row| row.measured_ms == at_ms)
}

/// What was measured of a checkpoint: figures and rates at each precision, in their order.
struct Measured {
    examples: u64,
    figures: Vec<Option<f64>>,
    rates: Vec<f64>,
}

impl MeasureQuality {
    /// The runs and their checkpoints. A name that is wrong is an error before anything is measured.
    fn checkpoints(&self, store: &Store) -> Result<Vec<(Run, Checkpoint)>> {
        let find = |name: &String| -> Result<(Run, Checkpoint)> {
            let run = store.run(name)?;
            let checkpoint = checkpoint_of(store, &run, self.checkpoint.as_deref())?;
            Ok((run, checkpoint))
        };
        self.runs.iter().map(find).collect()
    }

    fn measure(&self, ctx: &Ctx, run: &Run, checkpoint: &Checkpoint) -> Result<Vec<Quality>, Stop> {
        let store = &ctx.project.store;
        let split = store
            .split_by_id(checkpoint.split_id)?
            .ok_or_else(|| Error::new(Code::Damaged, "the run's split is gone"))?;
        let measured = match run.kind {
            ModelKind::Generator => self.generator(ctx, checkpoint, &split)?,
            ModelKind::Realism | ModelKind::Upvotes => {
                self.classifier(ctx, run, checkpoint, &split)?
            }
        };
        ctx.go_on()?;
        let (instructions, measured_ms) = (fast::instructions(), now_ms());
        let all = Precision::ALL.iter().zip(measured.figures);
        Ok(all
            .zip(measured.rates)
            .map(|((precision, figure), rate)| Quality {
                precision: *precision,
                figure,
                examples: measured.examples,
                partition: PARTITION,
                rate,
                instructions: instructions.clone(),
                measured_ms,
            })
            .collect())
    }

    /// Perplexity and generated tokens per second.
    fn generator(
        &self,
        ctx: &Ctx,
        checkpoint: &Checkpoint,
        split: &Split,
    ) -> Result<Measured, Stop> {
        let found = examples::pairs(&ctx.project.store, split, PARTITION, self.limit, SEED)?;
        name_the_lost(ctx, split, PARTITION)?;
        if found.is_empty() {
            return Err(nothing(split));
        }
        ctx.tick(Progress::new("loading the model", 0, None, "bytes"));
        let generator = ctx.engine().generators_of(checkpoint.clone())?;
        // by precision: the loss in nats and the number of its tokens
        let mut sums = vec![(0.0, 0u64); generator.model.len()];
        let mut examples = 0;
        each_example::<Vec<(f64, usize)>>(
            ctx,
            checkpoint,
            &found,
            &mut |some| {
                let encoded = generator.text.examples(&texts(some)).map_err(Error::from)?;
                let refs: Vec<_> = encoded.iter().collect();
                let mut all = vec![Vec::new(); refs.len()];
                for model in &generator.model {
                    ctx.go_on()?;
                    let losses = evaluate::losses(model, &refs, LossMask::Reply, AT_ONCE)
                        .map_err(Error::from)?;
                    for (all, loss) in all.iter_mut().zip(losses) {
                        all.push(loss);
                    }
                }
                Ok(all)
            },
            &mut |_, losses| {
                examples += 1;
                for ((sum, tokens), (nll, n)) in sums.iter_mut().zip(losses) {
                    *sum += nll;
                    *tokens += n as u64;
                }
            },
        )?;
        let tasks = tasks(&generator.text, &found, &generator.model)?;
        let sampling = SamplingParams {
            max_new_tokens: NEW_TOKENS,
            seed: SEED,
            ..SamplingParams::default()
        };
        let rates = in_turn(ctx, &checkpoint.run, &generator.model, &mut |model| {
            let begun = Instant::now();
            // no token ends a reply, so that as many are generated at every precision
            let end = u32::MAX;
            let written = until_stopped(ctx, &mut |_, _, _| Ok(()), |on_token| {
                generate::generate(model, &tasks, CANDIDATES, end, &sampling, on_token)
            })?;
            let tokens: usize = written.iter().flatten().map(|reply| reply.ids.len()).sum();
            Ok(tokens as f64 / begun.elapsed().as_secs_f64())
        })?;
        Ok(Measured {
            examples,
            figures: sums
                .into_iter()
                .map(|(sum, tokens)| metrics::perplexity(sum, tokens))
                .collect(),
            rates,
        })
    }

    /// AUC, or macro AUC over the classes that occur, and scored pairs per second.
    fn classifier(
        &self,
        ctx: &Ctx,
        run: &Run,
        checkpoint: &Checkpoint,
        split: &Split,
    ) -> Result<Measured, Stop> {
        let store = &ctx.project.store;
        let fakes = fakes_of(store, run, None, split)?;
        ctx.tick(Progress::new("loading the model", 0, None, "bytes"));
        let judge = ctx.engine().classifiers_of(checkpoint.clone())?;
        let (limit, share) = (self.limit, judge.config.real_share);
        let found = match &fakes {
            Some(fakes) => examples::realism(store, split, fakes, PARTITION, share, limit, SEED)?,
            None => examples::upvotes(store, split, PARTITION, limit, SEED)?,
        };
        name_the_lost(ctx, split, PARTITION)?;
        if found.is_empty() {
            return Err(nothing(split));
        }
        let unmeasured = Predictions {
            classes: run.kind.classes(),
            ..Predictions::default()
        };
        let mut predictions = vec![unmeasured; judge.model.len()];
        let mut timed: Vec<PairIds> = Vec::with_capacity(PAIRS);
        let mut examples = 0;
        each_example::<(PairIds, Vec<Vec<f32>>)>(
            ctx,
            checkpoint,
            &found,
            &mut |some| {
                let pairs = judge.text.pairs(&texts(some)).map_err(Error::from)?;
                let refs: Vec<&PairIds> = pairs.iter().collect();
                let mut all = vec![Vec::new(); refs.len()];
                for model in &judge.model {
                    ctx.go_on()?;
                    let scores =
                        evaluate::probabilities(model, &refs, AT_ONCE).map_err(Error::from)?;
                    for (all, p) in all.iter_mut().zip(scores) {
                        all.push(p);
                    }
                }
                Ok(pairs.into_iter().zip(all).collect())
            },
            &mut |example, (pair, scores)| {
                examples += 1;
                for (of, p) in predictions.iter_mut().zip(scores) {
                    of.labels.push(example.label as usize);
                    of.p.extend(p.into_iter().map(f64::from));
                }
                if timed.len() < PAIRS {
                    timed.push(pair);
                }
            },
        )?;
        let rates = in_turn(ctx, &checkpoint.run, &judge.model, &mut |model| {
            let begun = Instant::now();
            for some in timed.chunks(AT_ONCE) {
                ctx.go_on()?;
                let some: Vec<&PairIds> = some.iter().collect();
                evaluate::probabilities(model, &some, AT_ONCE).map_err(Error::from)?;
            }
            Ok(timed.len() as f64 / begun.elapsed().as_secs_f64())
        })?;
        Ok(Measured {
            examples,
            figures: predictions.iter().map(Predictions::auc).collect(),
            rates,
        })
    }
}

fn nothing(split: &Split) -> Stop {
    let what = format!(
        "the validation set of split {:?} has no examples for this run",
        split.name
    );
    Error::new(Code::NotFound, what).into()
}

/// Measures examples at all precisions in small batches, and calls `add` for each one that could be measured at all of
/// them; the others are left out.
fn each_example<T>(
    ctx: &Ctx,
    checkpoint: &Checkpoint,
    found: &[Labeled],
    measure: &mut dyn FnMut(&[Labeled]) -> Result<Vec<T>, Stop>,
    add: &mut dyn FnMut(&Labeled, T),
) -> Result<(), Stop> {
    let (phase, total) = (format!("measuring {}", checkpoint.run), found.len() as u64);
    let mut batches = Batches::default();
    let (mut done, mut measured) = (0, 0);
    for some in found.chunks(AT_ONCE) {
        ctx.go_on()?;
        let progress = Progress::new(phase.clone(), done, Some(total), "examples");
        ctx.tick(progress);
        done += some.len() as u64;
        for (example, one) in some.iter().zip(batches.each(some, measure)?) {
            match one {
                Ok(one) => {
                    measured += 1;
                    add(example, one);
                }
                Err(error) => ctx.leave_out(label_of(example), error.message)?,
            }
        }
    }
    ctx.tick(Progress::new(phase, total, Some(total), "examples"));
    match measured {
        0 => Err(ctx
            .left_out()?
            .nothing_left("nothing could be measured")
            .into()),
        _ => Ok(()),
    }
}

/// The prompts of the first examples that the model can answer.
fn tasks(
    text: &GeneratorText,
    found: &[Labeled],
    models: &[fast::gpt2::Gpt2],
) -> Result<Vec<Task>, Stop> {
    let longest = models.first().map_or(0, |model| model.config().n_positions);
    let mut tasks = Vec::with_capacity(PROMPTS);
    for (key, example) in (0..).zip(found) {
        if tasks.len() == PROMPTS {
            break;
        }
        let prompt = caught(|| {
            let prompt = text
                .prompt(&example.comment, NEW_TOKENS)
                .map_err(Error::from)?;
            generate::check_prompt(&prompt.ids, longest).map_err(Error::from)?;
            Ok(prompt.ids)
        });
        match prompt {
            Ok(prompt) => tasks.push(Task { key, prompt }),
            // the model may measure a pair whose comment leaves no space for a reply
            Err(Stop::Failed(error)) if !is_of_the_whole(&error) => {}
            Err(stop) => return Err(stop),
        }
    }
    match tasks.is_empty() {
        true => {
            let what = "no comment of the validation set leaves space for a reply";
            Err(Error::new(Code::NotFound, what).into())
        }
        false => Ok(tasks),
    }
}

/// Measures the speed of each model in turn, several times, so that what slows the machine down for a while affects all
/// of them: the median of each.
fn in_turn<M>(
    ctx: &Ctx,
    run: &str,
    models: &[M],
    rate: &mut dyn FnMut(&M) -> Result<f64, Stop>,
) -> Result<Vec<f64>, Stop> {
    let mut rates = vec![Vec::new(); models.len()];
    let total = (ROUNDS * models.len()) as u64;
    let mut done = 0;
    for _ in 0..ROUNDS {
        for (model, rates) in models.iter().zip(&mut rates) {
            ctx.go_on()?;
            let phase = format!("timing {run}");
            ctx.tick(Progress::new(phase, done, Some(total), "measurements"));
            rates.push(rate(model)?);
            done += 1;
        }
    }
    Ok(rates.into_iter().map(median).collect())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

impl Engine {
    /// The quality of a run's best checkpoint, or its last one; `None` if it has none yet.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no such run.
    pub fn run_quality(&self, run: &str) -> Result<Option<RunQuality>> {
        let run = self.store.run(run)?;
        match checkpoint_of(&self.store, &run, None) {
            Ok(checkpoint) => Ok(Some(self.quality_of(&checkpoint)?)),
            Err(error) if error.code == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn quality_of(&self, checkpoint: &Checkpoint) -> Result<RunQuality> {
        let (rows, auto) = self.auto_of(checkpoint)?;
        let first = rows.first();
        Ok(RunQuality {
            run: checkpoint.run.clone(),
            kind: checkpoint.kind,
            checkpoint: checkpoint.role,
            step: checkpoint.step,
            partition: first.map_or(PARTITION, |row| row.partition),
            examples: first.map_or(0, |row| row.examples),
            instructions: first.map_or_else(String::new, |row| row.instructions.clone()),
            measured_ms: first.map(|row| row.measured_ms),
            precisions: rows
                .into_iter()
                .map(|row| PrecisionQuality {
                    precision: row.precision,
                    figure: row.figure,
                    rate: row.rate,
                })
                .collect(),
            auto,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_the_median_of_the_rounds() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![100.0, 5.0, 90.0]), 90.0);
    }

    #[test]
    fn only_rows_of_the_same_measurement_count_as_measured() {
        let rows = |times: &[i64]| -> Vec<Quality> {
            let row = |(precision, at_ms): (&Precision, &i64)| Quality {
                precision: *precision,
                figure: None,
                examples: 1,
                partition: PARTITION,
                rate: 1.0,
                instructions: String::new(),
                measured_ms: *at_ms,
            };
            Precision::ALL.iter().zip(times).map(row).collect()
        };
        assert!(are_of(&rows(&[5, 5, 5]), 5, 9));
        assert!(!are_of(&rows(&[]), 5, 9));
        // another job, a part of another job, and the future
        assert!(!are_of(&rows(&[6, 6, 6]), 5, 9));
        assert!(!are_of(&rows(&[5, 5, 6]), 5, 9));
        assert!(!are_of(&rows(&[10, 10, 10]), 10, 9));
    }
}
