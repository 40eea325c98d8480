//! A run in training: what is stored and reported at each event of the loop.

use std::time::{Duration, Instant};

use repartee_core::error::{Error, Result};
use repartee_core::format::counted;
use repartee_core::job::{Ctx, Progress, Stop, now_ms, to_json};
use repartee_models::optim::AdamW;
use repartee_models::text::Files;
use repartee_models::train::{Event, Flow, Plan, State};
use repartee_models::weights::{self, Tensors, Vars};
use repartee_store::runs::{Metric, NewCheckpoint, Role, Run, RunSample};

use super::prune::MedianRule;
use crate::bases::bundle;
use crate::data::examples::{DELETED, pair_label};

/// Metrics are written to the project at least this often.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// The most work that a killed process loses, unless the run sets a number of steps between saves: saving takes three
/// times the model's size on disk.
const SAVE_EVERY: Duration = Duration::from_secs(180);
/// With a best checkpoint, the state to resume from is saved too, unless saving it takes more than this share of the
/// time since it was last saved: a resumed run should not have to find its best again.
const SAVE_SHARE: f64 = 0.05;

/// A run in training: the target of the loop's callback.
pub(super) struct Session<'a> {
    ctx: &'a Ctx<'a>,
    pub run: Run,
    vars: &'a Vars,
    /// Tokenizer and configuration, stored with every checkpoint.
    files: Files,
    pub steps: usize,
    waiting: Vec<Metric>,
    written: Instant,
    saved: Instant,
    /// The loop is asked to save after this long.
    save_after: Duration,
    /// How long the last save took.
    save_took: Duration,
    /// The state to resume from, as last saved.
    pub last: Option<State>,
    /// The state of the best checkpoint, possibly of an earlier attempt that got further than its last save.
    pub best: Option<State>,
    /// Ends it early.
    pub rule: MedianRule,
}

impl<'a> Session<'a> {
    /// A session that begins, or resumes from `last`; `best` is stored already.
    pub fn new(
        ctx: &'a Ctx<'a>,
        run: Run,
        vars: &'a Vars,
        files: Files,
        plan: &Plan,
        [last, best]: [Option<State>; 2],
    ) -> Self {
        Self {
            ctx,
            run,
            vars,
            files,
            steps: plan.steps,
            waiting: Vec::new(),
            written: Instant::now(),
            saved: Instant::now(),
            save_after: if plan.save_every == 0 {
                SAVE_EVERY
            } else {
                Duration::MAX
            },
            save_took: Duration::ZERO,
            last,
            best,
            rule: MedianRule::default(),
        }
    }

    /// Whether an earlier attempt was pruned at its last save, and its process ended before that was recorded.
    pub fn was_pruned(&self) -> Result<bool> {
        let Some(last) = self.last.as_ref().filter(|last| last.step < self.steps) else {
            return Ok(false);
        };
        let losses = self.ctx.project.store.metric(self.run.id, "val_loss")?;
        let at = losses.iter().find(|(step, _)| *step == last.step as u64);
        let loss = at.and_then(|(_, loss)| *loss);
        Ok(loss.is_some_and(|loss| self.rule.prunes(last.step, loss).is_some()))
    }

    pub fn write_metrics(&mut self) -> Result<()> {
        self.ctx
            .project
            .store
            .metrics_add(self.run.id, &self.waiting)?;
        self.waiting.clear();
        self.written = Instant::now();
        Ok(())
    }

    fn note(&mut self, step: usize, figures: &[(&str, f64)]) {
        self.waiting
            .extend(figures.iter().map(|(name, value)| Metric {
                name: (*name).to_owned(),
                step: step as u64,
                value: Some(*value),
            }));
    }

    fn save(&mut self, role: Role, state: &State, optimizer: Option<&AdamW>) -> Result<()> {
        self.write_metrics()?;
        let began = Instant::now();
        let store = &self.ctx.project.store;
        let weights = bundle::put(store, &weights::view(self.vars, false), &self.files, |_| {
            Ok::<(), Error>(())
        })?;
        let moments = match optimizer {
            Some(optimizer) => {
                let tensors: Tensors = optimizer.moments().collect();
                Some(bundle::put(store, &tensors, &Files::new(), |_| {
                    Ok::<(), Error>(())
                })?)
            }
            None => None,
        };
        let new = NewCheckpoint {
            run_id: self.run.id,
            role,
            step: state.step as u64,
            weights: &weights,
            optimizer: moments.as_deref(),
            state: &to_json(state)?,
        };
        store.checkpoint_save(&new, now_ms())?;
        match role {
            Role::Best => self.best = Some(state.clone()),
            Role::Last | Role::Kept => {
                self.saved = Instant::now();
                self.save_took = began.elapsed();
                self.last = Some(state.clone());
            }
        }
        Ok(())
    }

    /// Whether the stored best is at least as good: an earlier attempt got further than this one is.
    fn has_better(&self, state: &State) -> bool {
        self.best
            .as_ref()
            .is_some_and(|best| match (best.best, state.best) {
                (Some(stored), Some(new)) => stored <= new,
                // without a validation set, the latest is the best
                _ => best.step >= state.step,
            })
    }

    /// Whether the state to resume from should be saved with the best.
    fn saves_last_too(&self) -> bool {
        self.last.is_none() || self.save_took <= self.saved.elapsed().mul_f64(SAVE_SHARE)
    }

    /// The loop's callback; `samples` generates the samples of a validation.
    pub fn on_event(
        &mut self,
        event: &Event<'_>,
        samples: &dyn Fn() -> Result<Vec<(i64, String)>>,
    ) -> Result<Flow, Stop> {
        match event {
            Event::Begun { decayed, undecayed } => {
                self.ctx.say(format!(
                    "every parameter has a gradient; {decayed} parameters are decayed, {undecayed} not"
                ));
            }
            Event::Step {
                step,
                loss,
                lr,
                grad_norm,
                tokens,
                seconds,
            } => {
                let pace = *tokens as f64 / seconds.max(1e-9);
                let figures = [
                    ("loss", *loss),
                    ("lr", *lr),
                    ("grad_norm", *grad_norm),
                    ("tokens_per_s", pace),
                ];
                self.note(*step, &figures);
                return self.stepped(*step, *loss, pace);
            }
            Event::Validated { step, loss, best } => {
                self.note(*step, &[("val_loss", *loss)]);
                self.write_metrics()?;
                let mark = if *best { ", the best so far" } else { "" };
                self.ctx
                    .say(format!("step {step}: validation loss {loss:.4}{mark}"));
                self.add_samples(*step, samples()?)?;
                if *step < self.steps
                    && let Some(median) = self.rule.prunes(*step, *loss)
                {
                    self.ctx.say(format!(
                        "step {step}: pruned, since the median of earlier trials at this step is {median:.4}"
                    ));
                    return Ok(Flow::Finish);
                }
            }
            Event::Save {
                role: Role::Best,
                state,
                ..
            } => {
                if !self.has_better(state) {
                    self.save(Role::Best, state, None)?;
                }
                if self.saves_last_too() {
                    return Ok(Flow::Save);
                }
            }
            Event::Save {
                role,
                state,
                optimizer,
            } => self.save(*role, state, *optimizer)?,
        }
        Ok(Flow::Go)
    }

    /// Reports a step, and tells the loop whether to go on.
    fn stepped(&mut self, step: usize, loss: f64, pace: f64) -> Result<Flow, Stop> {
        if self.written.elapsed() >= WRITE_EVERY {
            self.write_metrics()?;
        }
        let progress = Progress::new(
            format!("training {}", self.run.name),
            step as u64,
            Some(self.steps as u64),
            "steps",
        );
        self.ctx
            .tick(progress.note(format!("loss {loss:.4}, {pace:.0} tokens/s")));
        match self.ctx.go_on() {
            Ok(()) if self.saved.elapsed() >= self.save_after => Ok(Flow::Save),
            Ok(()) => Ok(Flow::Go),
            Err(Stop::Pause) => Ok(Flow::Pause),
            Err(Stop::Finish) => Ok(Flow::Finish),
            Err(Stop::Cancel) => Ok(Flow::Cancel),
            Err(failed) => Err(failed),
        }
    }

    fn add_samples(&self, step: usize, samples: Vec<(i64, String)>) -> Result<()> {
        let mut kept = 0;
        for (n, (pair, text)) in (0..).zip(samples) {
            let sample = RunSample {
                step: step as u64,
                n,
                pair_id: Some(pair),
                comment: String::new(),
                text,
            };
            // a log contains no text: samples are read with the run
            match self
                .ctx
                .project
                .store
                .run_sample_add(self.run.id, &sample)?
            {
                true => kept += 1,
                false => self
                    .ctx
                    .say(format!("step {step}: {}: {DELETED}", pair_label(pair))),
            }
        }
        if kept > 0 {
            let show = crate::shell::command(["run", "show", &self.run.name]);
            let samples = counted(kept, "sample", "samples");
            self.ctx
                .say(format!("step {step}: {samples} stored; see `{show}`"));
        }
        Ok(())
    }
}
