//! The training loop: one function for the generator and both classifiers.
//!
//! It knows no model: a closure computes the loss of a batch. It knows no file: everything that a caller may want to
//! draw, store or react to goes through one callback. What happens at a step depends only on the plan, the number of
//! the step and the weights (order and dropout come from streams named by seed and step), so a run that was killed and
//! resumed from its last save gives the same bits as one that was never interrupted.

pub use repartee_terms::Role;
use std::time::Instant;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::optim::{AdamW, AdamWConfig, Gradients, clip_scale, losses_and_norm};
use crate::rng::Stream;
use crate::schedule::{Decay, lr_at};
use crate::weights::Vars;
use crate::{Error, Result};

/// The resolved settings of a run: steps instead of epochs, no defaults left open.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Total optimizer steps.
    pub steps: usize,
    /// Steps of linear warm-up.
    pub warmup: usize,
    pub learning_rate: f64,
    pub decay: Decay,
    pub optimizer: AdamWConfig,
    /// Maximum gradient norm; 0: no clipping.
    pub clip_norm: f64,
    /// Micro-batches per step (gradient accumulation).
    pub accumulate: usize,
    /// Seed of all random streams of the run.
    pub seed: u64,
    /// Steps between validations; 0: only at the end.
    pub validate_every: usize,
    /// Steps between saves; 0: at the end, on pause, and when the callback asks for one.
    pub save_every: usize,
    /// Early stopping: validations without improvement before the run stops; 0: never.
    pub patience: usize,
}

/// A micro-batch, with what the loop must know before its loss is computed.
pub struct MicroBatch<B> {
    /// The batch, as passed to the loss closure.
    pub batch: B,
    /// The divisor of the sum of losses: counted tokens, or the class weights of the examples.
    pub weight: f64,
    /// For the throughput.
    pub tokens: usize,
}

/// The state of a run: with weights and moments, all it takes to resume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of this record.
    pub format: u32,
    /// Steps done. The next micro-batch is `step * accumulate`.
    pub step: usize,
    /// Seed of shuffling and dropout.
    pub seed: u64,
    /// Lowest validation loss so far.
    pub best: Option<f64>,
    /// The step with the best validation loss.
    pub best_step: usize,
    pub stale: usize,
    /// Tokens seen, without padding.
    pub tokens: u64,
}

/// The version of [`State`] this code writes and reads.
const FORMAT: u32 = 1;

impl State {
    fn new(seed: u64) -> Self {
        Self {
            format: FORMAT,
            step: 0,
            seed,
            best: None,
            best_step: 0,
            stale: 0,
            tokens: 0,
        }
    }
}

/// Where to resume; the weights are already in the variables.
pub struct Resume<'a> {
    pub state: State,
    /// Returns the moment of a name, as in [`AdamW::moments`].
    pub moment: &'a mut dyn FnMut(&str) -> Result<Tensor>,
}

/// Events of the loop.
pub enum Event<'a> {
    /// The first gradients are computed, and every parameter has one.
    Begun {
        /// Parameters (elements, not tensors) with weight decay.
        decayed: usize,
        undecayed: usize,
    },
    /// A step was taken.
    Step {
        step: usize,
        /// Mean loss of its batches.
        loss: f64,
        lr: f64,
        /// Norm of the gradients before clipping.
        grad_norm: f64,
        /// Tokens in its batches.
        tokens: usize,
        /// Duration in seconds.
        seconds: f64,
    },
    /// The validation set was gone through.
    Validated {
        step: usize,
        loss: f64,
        /// Whether it is the lowest so far.
        best: bool,
    },
    /// Store this now: the caller reads the variables it passed in. The last checkpoint includes the optimizer.
    Save {
        role: Role,
        state: &'a State,
        /// With `Role::Last`.
        optimizer: Option<&'a AdamW>,
    },
}

/// The callback's answer to a step; to a validation, where `Finish` ends the run as pruned; or to saving the best, where
/// `Save` saves the last, too. Ignored for other events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Go,
    /// Save, then continue.
    Save,
    Pause,
    /// Validate, save and return: this is the result.
    Finish,
    Cancel,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All steps are done.
    Finished,
    /// Validation did not improve for `patience` times.
    EarlyStop,
    /// The callback returned `Finish`.
    Stopped,
    /// The callback returned `Finish` after a validation: other runs were better at that step.
    Pruned,
    /// The callback returned `Pause`.
    Paused,
    /// The callback returned `Cancel`.
    Cancelled,
}

/// Trains `vars` by the plan.
///
/// `batch(n)` builds micro-batch `n` of the run. `loss(batch, stream)` gives the sum (a scalar, not the mean) of its
/// weighted losses; the stream is for dropout. `validate()` gives the mean loss of the validation set, or `None` if
/// there is none.
///
/// Losses are summed over the micro-batches and divided once by the sum of their weights, so that accumulating 8
/// batches of 1 equals one batch of 8, with masked prompts and padding too.
///
/// # Errors
/// If a parameter gets no gradient, a loss or gradient is not finite, or a closure fails. An error of the callback,
/// which may be of the caller's own type, ends the loop and is returned as it is.
pub fn train<B, E: From<Error>>(
    vars: &Vars,
    plan: &Plan,
    resume: Option<Resume<'_>>,
    batch: &mut dyn FnMut(usize) -> Result<MicroBatch<B>>,
    loss: &mut dyn FnMut(&B, &mut Stream) -> Result<Tensor>,
    validate: &mut dyn FnMut() -> Result<Option<f64>>,
    on_event: &mut dyn FnMut(Event<'_>) -> Result<Flow, E>,
) -> Result<Outcome, E> {
    let mut optimizer = AdamW::new(vars, plan.optimizer)?;
    let mut state = State::new(plan.seed);
    if let Some(resume) = resume {
        check_state(&resume.state, plan)?;
        optimizer.restore(resume.state.step, resume.moment)?;
        state = resume.state;
    }
    let mut begun = false;
    while state.step < plan.steps {
        let started = Instant::now();
        let step = state.step;
        let accumulate = plan.accumulate.max(1);

        // 1. The batches of this step, whose weights divide all its losses.
        let micro_batches: Vec<MicroBatch<B>> = (step * accumulate..(step + 1) * accumulate)
            .map(&mut *batch)
            .collect::<Result<_>>()?;
        let weight: f64 = micro_batches.iter().map(|m| m.weight).sum();
        let tokens: usize = micro_batches.iter().map(|m| m.tokens).sum();

        // 2. Forward and backward, one micro-batch at a time, so that only one graph exists.
        let mut gradients = Gradients::new();
        let mut shares = Vec::with_capacity(accumulate);
        for (i, micro_batch) in micro_batches.iter().enumerate() {
            let mut stream = Stream::at(plan.seed, &format!("dropout {i}"), step as u64);
            let sum = loss(&micro_batch.batch, &mut stream)?;
            shares.push(backward(&sum, weight, vars, &mut gradients)?);
        }
        let (losses, grad_norm) = losses_and_norm(&shares, &gradients)?;
        if let Some(loss) = losses.iter().find(|loss| !loss.is_finite()) {
            return Err(not_finite("the loss", *loss, step).into());
        }
        let mean: f64 = losses.iter().sum();
        if !begun {
            every_parameter_has_a_gradient(vars, &gradients)?;
            let (decayed, undecayed) = optimizer.group_sizes();
            on_event(Event::Begun { decayed, undecayed })?;
            begun = true;
        }

        // 3. Clip. 4. Learning rate. 5. Step.
        if !grad_norm.is_finite() {
            return Err(not_finite("the gradient norm", grad_norm, step).into());
        }
        let lr = lr_at(
            step,
            plan.steps,
            plan.warmup,
            plan.learning_rate,
            plan.decay,
        );
        optimizer.step(&gradients, lr, clip_scale(grad_norm, plan.clip_norm))?;
        drop(gradients);
        state.step += 1;
        state.tokens += tokens as u64;

        // 6. Report.
        let seconds = started.elapsed().as_secs_f64();
        let flow = on_event(Event::Step {
            step: state.step,
            loss: mean,
            lr,
            grad_norm,
            tokens,
            seconds,
        })?;
        if flow == Flow::Cancel {
            return Ok(Outcome::Cancelled);
        }

        // 7. Validate, and keep the best.
        let is_last = state.step == plan.steps;
        let (mut resumable, mut pruned) = (false, false);
        if is_last || flow == Flow::Finish || due(state.step, plan.validate_every) {
            let value = validate()?;
            let best = value.is_none_or(|v| state.best.is_none_or(|best| v < best));
            if let Some(value) = value {
                if !value.is_finite() {
                    return Err(not_finite("the validation loss", value, step).into());
                }
                state.stale = if best { 0 } else { state.stale + 1 };
                let answer = on_event(Event::Validated {
                    step: state.step,
                    loss: value,
                    best,
                })?;
                pruned = answer == Flow::Finish && !is_last;
            }
            if best {
                state.best = value;
                state.best_step = state.step;
                let answer = on_event(Event::Save {
                    role: Role::Best,
                    state: &state,
                    optimizer: None,
                })?;
                resumable = answer == Flow::Save;
            }
        }

        // 8. Save, stop.
        let stops_early = plan.patience > 0 && state.stale >= plan.patience;
        let asked = resumable || pruned || flow != Flow::Go;
        if is_last || stops_early || asked || due(state.step, plan.save_every) {
            on_event(Event::Save {
                role: Role::Last,
                state: &state,
                optimizer: Some(&optimizer),
            })?;
        }
        if stops_early && !is_last {
            return Ok(Outcome::EarlyStop);
        }
        // before a pause: a run that is resumed must not train on
        if pruned {
            return Ok(Outcome::Pruned);
        }
        if flow == Flow::Pause && !is_last {
            return Ok(Outcome::Paused);
        }
        if flow == Flow::Finish && !is_last {
            return Ok(Outcome::Stopped);
        }
    }
    Ok(Outcome::Finished)
}

/// Adds the gradients of a micro-batch's sum of losses, divided by the weight of the whole step. Returns its share of
/// the mean loss, a scalar that is still on the device.
fn backward(sum: &Tensor, weight: f64, vars: &Vars, gradients: &mut Gradients) -> Result<Tensor> {
    let share = (sum / weight)?;
    let mut store = share.backward()?;
    for (name, var) in vars {
        match (store.remove(var), gradients.remove(name)) {
            (Some(new), Some(sum)) => gradients.insert(name.clone(), (sum + new)?),
            (Some(one), None) | (None, Some(one)) => gradients.insert(name.clone(), one),
            (None, None) => None,
        };
    }
    Ok(share.detach())
}

fn due(step: usize, every: usize) -> bool {
    every > 0 && step.is_multiple_of(every)
}

fn check_state(state: &State, plan: &Plan) -> Result<()> {
    if state.format != FORMAT {
        return Err(Error::Input(format!(
            "the checkpoint's state is of format {}, this version reads {FORMAT}",
            state.format
        )));
    }
    if state.seed != plan.seed {
        return Err(Error::Input(format!(
            "the checkpoint was made with seed {}, the run is set to {}",
            state.seed, plan.seed
        )));
    }
    Ok(())
}

/// candle drops gradients without an error if an operation has no backward pass; this finds it.
fn every_parameter_has_a_gradient(vars: &Vars, gradients: &Gradients) -> Result<()> {
    match vars.keys().find(|name| !gradients.contains_key(*name)) {
        Some(name) => Err(Error::NoGradient(name.clone())),
        None => Ok(()),
    }
}

fn not_finite(what: &'static str, value: f64, step: usize) -> Error {
    Error::NotFinite {
        step: step + 1,
        what,
        value,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::collections::BTreeMap;

    use candle_core::{Device, Var};

    use super::*;

    /// A line through noisy points: `w x + b`, the squares of the errors summed.
    struct Line {
        vars: Vars,
        points: Vec<(f32, f32)>,
    }

    impl Line {
        fn new() -> Self {
            let scalar =
                |x: f32| Var::from_tensor(&Tensor::new(&[[x]], &Device::Cpu).unwrap()).unwrap();
            Self {
                vars: Vars::from([
                    ("b".to_owned(), scalar(0.5)),
                    ("w".to_owned(), scalar(-1.0)),
                ]),
                points: (0..64)
                    .map(|i| {
                        (
                            i as f32 / 32.0 - 1.0,
                            3.0 * (i as f32 / 32.0 - 1.0) + 0.1 * (i % 3) as f32,
                        )
                    })
                    .collect(),
            }
        }

        fn weights(&self) -> Vec<u32> {
            self.vars
                .values()
                .map(|v| v.to_vec2::<f32>().unwrap()[0][0].to_bits())
                .collect()
        }

        fn run(
            &self,
            plan: &Plan,
            size: usize,
            resume: Option<Resume<'_>>,
            on_event: &mut dyn FnMut(Event<'_>) -> Result<Flow>,
        ) -> Result<Outcome> {
            let mut batch = |n: usize| {
                let points: Vec<_> = (n * size..(n + 1) * size)
                    .map(|i| self.points[i * 7 % 64])
                    .collect();
                Ok(MicroBatch {
                    batch: points,
                    weight: size as f64,
                    tokens: size,
                })
            };
            let mut loss = |points: &Vec<(f32, f32)>, stream: &mut Stream| {
                let (x, y): (Vec<f32>, Vec<f32>) = points.iter().copied().unzip();
                let (x, y) = (Tensor::new(x, &Device::Cpu)?, Tensor::new(y, &Device::Cpu)?);
                let noise = 1.0 + 1e-3 * stream.next_f64() * f64::from(u8::from(plan.seed != 0));
                let guess = x
                    .broadcast_mul(&self.vars["w"].flatten_all()?)?
                    .broadcast_add(&self.vars["b"].flatten_all()?)?;
                Ok(((guess - y)?.sqr()?.sum_all()? * noise)?)
            };
            train(
                &self.vars,
                plan,
                resume,
                &mut batch,
                &mut loss,
                &mut || Ok(Some(1.0)),
                on_event,
            )
        }
    }

    fn plan() -> Plan {
        Plan {
            steps: 10,
            warmup: 2,
            learning_rate: 0.1,
            decay: Decay::Linear,
            optimizer: AdamWConfig::default(),
            clip_norm: 1.0,
            accumulate: 1,
            seed: 7,
            validate_every: 0,
            save_every: 0,
            patience: 0,
        }
    }

    fn losses(into: &mut Vec<u64>) -> impl FnMut(Event<'_>) -> Result<Flow> + '_ {
        |event| {
            if let Event::Step { loss, .. } = event {
                into.push(loss.to_bits());
            }
            Ok(Flow::Go)
        }
    }

    #[test]
    fn ten_steps_are_five_and_five_after_a_pause() {
        let whole = Line::new();
        let mut want = Vec::new();
        assert_eq!(
            whole.run(&plan(), 8, None, &mut losses(&mut want)).unwrap(),
            Outcome::Finished
        );

        let cut = Line::new();
        let mut got = Vec::new();
        let mut saved = None;
        let outcome = cut.run(&plan(), 8, None, &mut |event| {
            match event {
                Event::Step { step, loss, .. } => {
                    got.push(loss.to_bits());
                    if step == 5 {
                        return Ok(Flow::Pause);
                    }
                }
                Event::Save {
                    role: Role::Last,
                    state,
                    optimizer: Some(optimizer),
                } => {
                    let moments: BTreeMap<String, Tensor> = optimizer
                        .moments()
                        .map(|(name, t)| (name, t.copy().unwrap()))
                        .collect();
                    saved = Some((serde_json::to_string(state).unwrap(), moments));
                }
                _ => {}
            }
            Ok(Flow::Go)
        });
        assert_eq!(outcome.unwrap(), Outcome::Paused);
        let (state, moments) = saved.unwrap();
        let resume = Resume {
            state: serde_json::from_str(&state).unwrap(),
            moment: &mut |name| Ok(moments[name].clone()),
        };
        cut.run(&plan(), 8, Some(resume), &mut losses(&mut got))
            .unwrap();
        assert_eq!(got, want);
        assert_eq!(cut.weights(), whole.weights());
    }

    #[test]
    fn one_batch_of_eight_is_eight_batches_of_one() {
        let run = |accumulate, size| {
            let line = Line::new();
            let plan = Plan {
                accumulate,
                seed: 0,
                ..plan()
            };
            let mut out = Vec::new();
            line.run(&plan, size, None, &mut losses(&mut out)).unwrap();
            out.into_iter().map(f64::from_bits).collect::<Vec<_>>()
        };
        for (a, b) in run(1, 8).iter().zip(run(8, 1)) {
            assert!((a - b).abs() < 1e-5 * a, "{a} {b}");
        }
    }

    #[test]
    fn stops_early_and_keeps_best_and_last() {
        let line = Line::new();
        let mut saves = Vec::new();
        let plan = Plan {
            validate_every: 2,
            patience: 2,
            ..plan()
        };
        let outcome = line.run(&plan, 8, None, &mut |event| {
            if let Event::Save { role, state, .. } = event {
                saves.push((role, state.step));
            }
            Ok(Flow::Go)
        });
        assert_eq!(outcome.unwrap(), Outcome::EarlyStop);
        assert_eq!(saves, [(Role::Best, 2), (Role::Last, 6)]);
    }

    #[test]
    fn best_is_saved_with_the_last_if_the_callback_asks() {
        let mut saves = Vec::new();
        let plan = Plan {
            steps: 4,
            validate_every: 2,
            ..plan()
        };
        let outcome = Line::new().run(&plan, 8, None, &mut |event| {
            if let Event::Save { role, state, .. } = event {
                saves.push((role, state.step));
                return Ok(Flow::Save);
            }
            Ok(Flow::Go)
        });
        assert_eq!(outcome.unwrap(), Outcome::Finished);
        assert_eq!(saves, [(Role::Best, 2), (Role::Last, 2), (Role::Last, 4)]);
    }

    #[test]
    fn run_that_is_pruned_at_a_validation_saves_and_ends_even_if_it_is_to_pause() {
        let mut saves = Vec::new();
        let plan = Plan {
            validate_every: 4,
            ..plan()
        };
        let outcome = Line::new().run(&plan, 8, None, &mut |event| {
            if let Event::Save { role, state, .. } = &event {
                saves.push((*role, state.step));
            }
            Ok(match event {
                Event::Validated { .. } => Flow::Finish,
                Event::Step { step: 4, .. } => Flow::Pause,
                _ => Flow::Go,
            })
        });
        assert_eq!(outcome.unwrap(), Outcome::Pruned);
        assert_eq!(saves, [(Role::Best, 4), (Role::Last, 4)]);
        // what has done all its steps is finished
        let plan = Plan {
            validate_every: 10,
            ..plan
        };
        let outcome = Line::new().run(&plan, 8, None, &mut |event| {
            Ok(match event {
                Event::Validated { .. } => Flow::Finish,
                _ => Flow::Go,
            })
        });
        assert_eq!(outcome.unwrap(), Outcome::Finished);
    }

    #[test]
    fn cancel_saves_nothing() {
        let mut saves = 0;
        let outcome = Line::new().run(&plan(), 8, None, &mut |event| {
            saves += usize::from(matches!(event, Event::Save { .. }));
            Ok(Flow::Cancel)
        });
        assert_eq!((outcome.unwrap(), saves), (Outcome::Cancelled, 0));
    }

    #[test]
    fn nan_loss_and_missing_gradient_are_errors() {
        let mut line = Line::new();
        line.points[0].1 = f32::NAN;
        let error = line
            .run(&plan(), 8, None, &mut |_| Ok(Flow::Go))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("step 1: the loss is NaN") && error.contains("learning rate"),
            "{error}"
        );

        let mut line = Line::new();
        let lost = Var::from_tensor(&Tensor::new(&[1f32], &Device::Cpu).unwrap()).unwrap();
        line.vars.insert("lost.bias".to_owned(), lost);
        let error = line
            .run(&plan(), 8, None, &mut |_| Ok(Flow::Go))
            .unwrap_err()
            .to_string();
        assert!(error.contains("'lost.bias' got no gradient"), "{error}");
    }
}
