//! Generating replies: how the next token is sampled, the naive loop, and the one with a KV cache.
//!
//! Token ids in, token ids out; completions do not include the prompt. Candidate `i` of a prompt samples from a stream
//! of its own, so its text depends on the seed, the prompt's number and `i`, not on how many others are generated with
//! it.

pub use repartee_terms::FinishReason;
use std::ops::ControlFlow;

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::fast;
use crate::gpt2::{Config, Gpt2};
use crate::ops::Cache;
use crate::rng::Stream;
use crate::{Error, Result};

/// Decoding settings. Stored with every fake and every candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct SamplingParams {
    /// Maximum number of new tokens.
    pub max_new_tokens: usize,
    /// Logits are divided by this. Lower is more predictable, higher more random; 0 always takes the most likely token.
    pub temperature: f64,
    /// Sample only from the k most likely tokens; 0: all.
    pub top_k: usize,
    /// Sample only from the most likely tokens that together have this probability; 1: all.
    pub top_p: f64,
    /// Logits of tokens that already occurred, in the comment or the reply, are divided by this (multiplied if
    /// negative; Keskar et al. 2019); 1: off.
    pub repetition_penalty: f64,
    /// Seed of the random streams.
    pub seed: u64,
}

impl Default for SamplingParams {
    /// The settings of the original experiment: top-k 40 at temperature 1.
    fn default() -> Self {
        Self {
            max_new_tokens: 64,
            temperature: 1.0,
            top_k: 40,
            top_p: 1.0,
            repetition_penalty: 1.0,
            seed: 1,
        }
    }
}

impl SamplingParams {
    /// Refuses invalid settings.
    ///
    /// # Errors
    /// Names the setting and its range.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::Input(what.to_owned()));
        if self.max_new_tokens == 0 {
            return wrong("max_new_tokens must be at least 1");
        }
        if !(self.temperature >= 0.0 && self.temperature.is_finite()) {
            return wrong("temperature must be 0 (greedy) or more; 0.7 to 1.2 is usual");
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return wrong("top_p must be above 0 and at most 1 (all)");
        }
        if !(self.repetition_penalty > 0.0 && self.repetition_penalty.is_finite()) {
            return wrong("repetition_penalty must be above 0; 1 is off, 1.1 to 1.3 is usual");
        }
        Ok(())
    }
}

/// A reply as token ids, without prompt and end token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub ids: Vec<u32>,
    pub finish_reason: FinishReason,
}

/// Samples the next token from `logits` (one per token of the vocabulary, changed in place). `seen` are the tokens of
/// prompt and reply so far.
///
/// Repetition penalty, temperature, top-k, top-p, in the order of transformers' `generate`.
///
/// # Errors
/// If no logit is finite.
pub fn sample(
    logits: &mut [f32],
    seen: &[u32],
    sampling: &SamplingParams,
    stream: &mut Stream,
) -> Result<u32> {
    if sampling.repetition_penalty != 1.0 {
        let penalty = sampling.repetition_penalty as f32;
        let mut once = seen.to_vec();
        once.sort_unstable();
        once.dedup();
        for id in once {
            if let Some(logit) = logits.get_mut(id as usize) {
                *logit = if *logit > 0.0 {
                    *logit / penalty
                } else {
                    *logit * penalty
                };
            }
        }
    }
    // with top-k, only what may be among the k most likely tokens is copied and sorted
    let floor = match sampling.top_k {
        0 => f32::NEG_INFINITY,
        k => floor_of_most_likely(logits, k),
    };
    let mut kept: Vec<(f32, u32)> = logits
        .iter()
        .copied()
        .zip(0..)
        .filter(|(logit, _)| *logit >= floor)
        .collect();
    // most likely first; ties go to the lower id, so that they do not depend on the sort
    let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    let likeliest = kept
        .iter()
        .copied()
        .min_by(order)
        .filter(|(logit, _)| logit.is_finite());
    let Some(likeliest) = likeliest else {
        return Err(Error::Input(
            "the model's logits are NaN: its weights are damaged, or its training diverged"
                .to_owned(),
        ));
    };
    if sampling.temperature == 0.0 {
        return Ok(likeliest.1);
    }
    if sampling.top_k > 0 && sampling.top_k < kept.len() {
        kept.select_nth_unstable_by(sampling.top_k - 1, order);
        kept.truncate(sampling.top_k);
    }
    if sampling.top_p < 1.0 {
        kept.sort_unstable_by(order);
    } else {
        kept.sort_unstable_by_key(|&(_, id)| id);
    }
    let weights: Vec<f64> = kept
        .iter()
        .map(|(logit, _)| (f64::from(logit - likeliest.0) / sampling.temperature).exp())
        .collect();
    let all: f64 = weights.iter().sum();
    let mut total = 0.0;
    let mut end = kept.len();
    if sampling.top_p < 1.0 {
        for (i, weight) in weights.iter().enumerate() {
            total += weight;
            if total >= sampling.top_p * all {
                end = i + 1;
                break;
            }
        }
    } else {
        total = all;
    }
    let mut left = stream.next_f64() * total;
    for (weight, (_, id)) in weights[..end].iter().zip(&kept) {
        left -= weight;
        if left < 0.0 {
            return Ok(*id);
        }
    }
    Ok(kept[end - 1].1)
}

/// A value that at least `k` logits reach, or all: the k-th largest maximum of blocks. So the k most likely tokens are
/// among those that reach it, which are few.
fn floor_of_most_likely(logits: &[f32], k: usize) -> f32 {
    const BLOCK: usize = 64;
    let mut maxima: Vec<f32> = logits
        .chunks(BLOCK)
        .map(|block| {
            let mut lanes = [f32::NEG_INFINITY; 16];
            for some in block.chunks(lanes.len()) {
                for (most, logit) in lanes.iter_mut().zip(some) {
                    *most = if *logit > *most { *logit } else { *most };
                }
            }
            lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
        })
        .collect();
    if k > maxima.len() {
        return f32::NEG_INFINITY;
    }
    *maxima
        .select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a))
        .1
}

/// The random stream of candidate `candidate` of prompt number `prompt`.
pub fn stream_of(seed: u64, prompt: i64, candidate: usize) -> Stream {
    Stream::at(seed, &format!("sample {prompt}"), candidate as u64)
}

/// Refuses a prompt that leaves the model no position to generate in.
///
/// # Errors
/// If it has no token, or as many as the model has positions.
pub fn check_prompt(prompt: &[u32], positions: usize) -> Result<()> {
    if prompt.is_empty() {
        return Err(Error::Input("the prompt has no tokens".to_owned()));
    }
    if prompt.len() >= positions {
        return Err(Error::Input(format!(
            "the prompt has {} tokens and the model {positions} positions: nothing is left for a reply; shorten the \
             comment",
            prompt.len()
        )));
    }
    Ok(())
}

/// One prompt of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Identifies the prompt's streams: its number within the whole job.
    pub key: i64,
    /// Token ids of the prompt.
    pub prompt: Vec<u32>,
}

/// Generates one candidate with a full forward pass per token: the reference for [`generate`]. `end` is the end token.
///
/// # Errors
/// As [`generate`].
pub fn generate_naive(
    model: &Gpt2,
    task: &Task,
    candidate: usize,
    end: u32,
    sampling: &SamplingParams,
) -> Result<Completion> {
    sampling.check()?;
    check_prompt(&task.prompt, model.config.n_positions)?;
    let mut stream = stream_of(sampling.seed, task.key, candidate);
    let mut ids = task.prompt.clone();
    let written = |ids: &[u32]| ids[task.prompt.len()..].to_vec();
    while ids.len() < model.config.n_positions
        && ids.len() - task.prompt.len() < sampling.max_new_tokens
    {
        let input = Tensor::from_slice(&ids, (1, ids.len()), model.device())?;
        let last = model
            .hidden(&input, None)?
            .narrow(1, ids.len() - 1, 1)?
            .contiguous()?; // (1, 1, C)
        let mut logits = rows(&model.logits(&last)?.squeeze(1)?)?;
        let next = sample(&mut logits[0], &ids, sampling, &mut stream)?;
        if next == end {
            return Ok(Completion {
                ids: written(&ids),
                finish_reason: FinishReason::End,
            });
        }
        ids.push(next);
    }
    Ok(Completion {
        ids: written(&ids),
        finish_reason: FinishReason::Length,
    })
}

/// A callback for [`generate`] that ignores tokens and never stops.
pub fn go_on(_task: usize, _candidate: usize, _token: u32) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A candidate that is being generated.
struct Row {
    task: usize,
    candidate: usize,
    /// Prompt and reply so far.
    ids: Vec<u32>,
    stream: Stream,
}

/// Receives each token as (task, candidate, token), and stops generation by breaking.
pub type OnToken<'a> = &'a mut dyn FnMut(usize, usize, u32) -> ControlFlow<()>;

/// A model that generates replies: the packed one on the CPU, the one of tensors on any device.
pub trait Generates {
    fn config(&self) -> &Config;

    /// [`generate`], with at most `rows` candidates at a time.
    ///
    /// # Errors
    /// As [`generate`].
    fn replies(
        &self,
        tasks: &[Task],
        candidates: usize,
        end: u32,
        sampling: &SamplingParams,
        rows: usize,
        on_token: OnToken,
    ) -> Result<Vec<Vec<Completion>>>;
}

impl Generates for fast::gpt2::Gpt2 {
    fn config(&self) -> &Config {
        self.config()
    }

    fn replies(
        &self,
        tasks: &[Task],
        candidates: usize,
        end: u32,
        sampling: &SamplingParams,
        rows: usize,
        on_token: OnToken,
    ) -> Result<Vec<Vec<Completion>>> {
        fast::generate::generate(self, tasks, candidates, end, sampling, rows, on_token)
    }
}

/// On the tensors of the moment: a model that is being trained generates samples this way.
impl Generates for Gpt2 {
    fn config(&self) -> &Config {
        &self.config
    }

    fn replies(
        &self,
        tasks: &[Task],
        candidates: usize,
        end: u32,
        sampling: &SamplingParams,
        rows: usize,
        on_token: OnToken,
    ) -> Result<Vec<Vec<Completion>>> {
        let mut done = Vec::with_capacity(tasks.len());
        for some in tasks.chunks((rows / candidates.max(1)).max(1)) {
            let first = done.len();
            let on_token: OnToken =
                &mut |task, candidate, token| on_token(first + task, candidate, token);
            done.extend(generate_together(
                self, some, candidates, end, sampling, on_token,
            )?);
        }
        Ok(done)
    }
}

/// Generates `candidates` replies per task, all tasks in one batch: one list of completions per task. `on_token`
/// receives each token; pass [`go_on`] if not needed.
///
/// # Errors
/// If a prompt fills the model's positions, a setting is invalid, or memory runs out; [`Error::Interrupted`] if
/// `on_token` stopped it.
pub fn generate(
    model: &(impl Generates + ?Sized),
    tasks: &[Task],
    candidates: usize,
    end: u32,
    sampling: &SamplingParams,
    on_token: OnToken,
) -> Result<Vec<Vec<Completion>>> {
    let rows = tasks.len() * candidates;
    model.replies(tasks, candidates, end, sampling, rows, on_token)
}

/// All rows are at the same position: as many tokens as the shortest prompt has are read once per prompt and copied for
/// its candidates; then every step feeds each row one token, the next of its prompt or the one just sampled. So rows of
/// different length need no mask, and batches of prompts of similar length waste nothing. The model must be built on
/// detached tensors.
fn generate_together(
    model: &Gpt2,
    tasks: &[Task],
    candidates: usize,
    end: u32,
    sampling: &SamplingParams,
    on_token: OnToken,
) -> Result<Vec<Vec<Completion>>> {
    sampling.check()?;
    let positions = model.config.n_positions;
    for task in tasks {
        check_prompt(&task.prompt, positions)?;
    }
    let unwritten = Completion {
        ids: Vec::new(),
        finish_reason: FinishReason::Length,
    };
    let mut done = vec![vec![unwritten; candidates]; tasks.len()];
    let Some(common) = tasks.iter().map(|task| task.prompt.len()).min() else {
        return Ok(done);
    };
    if candidates == 0 {
        return Ok(done);
    }

    let beginnings: Vec<u32> = tasks
        .iter()
        .flat_map(|task| task.prompt[..common].iter().copied())
        .collect();
    let mut cache = Cache::new(model.config.n_layer);
    let input = Tensor::from_vec(beginnings, (tasks.len(), common), model.device())?;
    let first = model.continue_cached(&input, &mut cache)?; // (tasks, V)
    let copies: Vec<u32> = (0..tasks.len() as u32)
        .flat_map(|task| vec![task; candidates])
        .collect();
    cache = cache.rows(&copies)?;
    let mut logits = rows(&first)?;
    logits = copies
        .iter()
        .map(|&task| logits[task as usize].clone())
        .collect();
    let mut live: Vec<Row> = (0..tasks.len() * candidates)
        .map(|i| Row {
            task: i / candidates,
            candidate: i % candidates,
            ids: tasks[i / candidates].prompt[..common].to_vec(),
            stream: stream_of(sampling.seed, tasks[i / candidates].key, i % candidates),
        })
        .collect();

    while !live.is_empty() {
        let at = cache.len();
        let mut stays = Vec::with_capacity(live.len());
        for (row, logits) in live.iter_mut().zip(&mut logits) {
            let prompt = &tasks[row.task].prompt;
            let mut finish_reason = None;
            if at < prompt.len() {
                row.ids.push(prompt[at]);
            } else {
                let next = sample(logits, &row.ids, sampling, &mut row.stream)?;
                if next == end {
                    finish_reason = Some(FinishReason::End);
                } else {
                    if on_token(row.task, row.candidate, next).is_break() {
                        return Err(Error::Interrupted);
                    }
                    row.ids.push(next);
                    let full = row.ids.len() - prompt.len() == sampling.max_new_tokens
                        || row.ids.len() == positions;
                    finish_reason = full.then_some(FinishReason::Length);
                }
            }
            if let Some(finish_reason) = finish_reason {
                let ids = row.ids[prompt.len()..].to_vec();
                done[row.task][row.candidate] = Completion { ids, finish_reason };
            }
            stays.push(finish_reason.is_none());
        }
        if stays.contains(&false) {
            let kept: Vec<u32> = (0..)
                .zip(&stays)
                .filter(|(_, stays)| **stays)
                .map(|(i, _)| i)
                .collect();
            let mut stay = stays.iter();
            live.retain(|_| stay.next().is_some_and(|stay| *stay));
            if live.is_empty() {
                break;
            }
            cache = cache.rows(&kept)?;
        }
        let next: Vec<u32> = live
            .iter()
            .filter_map(|row| row.ids.last().copied())
            .collect();
        let input = Tensor::from_vec(next, (live.len(), 1), model.device())?;
        logits = rows(&model.continue_cached(&input, &mut cache)?)?;
    }
    Ok(done)
}

/// The rows of (B, V) logits.
fn rows(logits: &Tensor) -> Result<Vec<Vec<f32>>> {
    Ok(logits.to_dtype(DType::F32)?.to_vec2()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn shares(sampling: &SamplingParams, logits: &[f32], seen: &[u32]) -> Vec<f64> {
        let mut stream = Stream::new(3, "test");
        let mut counts = vec![0.0; logits.len()];
        for _ in 0..20_000 {
            counts[sample(&mut logits.to_vec(), seen, sampling, &mut stream).unwrap() as usize] +=
                1.0 / 20_000.0;
        }
        counts
    }

    fn close(got: &[f64], want: &[f64]) {
        assert!(
            got.iter().zip(want).all(|(a, b)| (a - b).abs() < 0.015),
            "{got:?} {want:?}"
        );
    }

    const ALL: SamplingParams = SamplingParams {
        max_new_tokens: 8,
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        repetition_penalty: 1.0,
        seed: 1,
    };

    #[test]
    fn sampling_follows_the_probabilities_of_the_settings() {
        let logits = [0.1f32.ln(), 0.4f32.ln(), 0.2f32.ln(), 0.3f32.ln()];
        close(&shares(&ALL, &logits, &[]), &[0.1, 0.4, 0.2, 0.3]);
        close(
            &shares(&SamplingParams { top_k: 2, ..ALL }, &logits, &[]),
            &[0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0],
        );
        close(
            &shares(&SamplingParams { top_p: 0.65, ..ALL }, &logits, &[]),
            &[0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0],
        );
        close(
            &shares(&SamplingParams { top_p: 0.75, ..ALL }, &logits, &[]),
            &[0.0, 4.0 / 9.0, 2.0 / 9.0, 3.0 / 9.0],
        );
        close(
            &shares(
                &SamplingParams {
                    temperature: 0.5,
                    ..ALL
                },
                &logits,
                &[],
            ),
            &[0.033, 0.533, 0.133, 0.3],
        );
        close(
            &shares(
                &SamplingParams {
                    temperature: 0.0,
                    ..ALL
                },
                &logits,
                &[],
            ),
            &[0.0, 1.0, 0.0, 0.0],
        );
    }

    #[test]
    fn repetition_penalty_makes_seen_tokens_less_likely() {
        let sampling = SamplingParams {
            repetition_penalty: 2.0,
            temperature: 0.0,
            ..ALL
        };
        let pick = |seen: &[u32]| {
            sample(
                &mut [1.0, 1.5, -1.0],
                seen,
                &sampling,
                &mut Stream::new(1, "x"),
            )
            .unwrap()
        };
        assert_eq!(pick(&[]), 1);
        assert_eq!(pick(&[1, 1]), 0);
        assert_eq!(
            sample(&mut [-1.0, -1.5], &[0], &sampling, &mut Stream::new(1, "x")).unwrap(),
            1
        );
    }

    #[test]
    fn ties_and_nan_logits_are_handled() {
        let sampling = SamplingParams {
            temperature: 0.0,
            ..ALL
        };
        assert_eq!(
            sample(
                &mut [0.5, 0.5, f32::NAN],
                &[],
                &sampling,
                &mut Stream::new(1, "x")
            )
            .unwrap(),
            0
        );
        assert!(
            sample(
                &mut [f32::NAN, f32::NAN],
                &[],
                &ALL,
                &mut Stream::new(1, "x")
            )
            .is_err()
        );
        assert!(
            sample(
                &mut [f32::NEG_INFINITY; 2],
                &[],
                &ALL,
                &mut Stream::new(1, "x")
            )
            .is_err()
        );
    }

    /// With top-k, the same token as by sorting all logits.
    #[test]
    fn top_k_equals_sorting_all_logits() {
        let sorted = |logits: &[f32], k: usize| {
            let mut all: Vec<(f32, u32)> = logits
                .iter()
                .copied()
                .zip(0..)
                .filter(|(logit, _)| !logit.is_nan())
                .collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            all.truncate(k);
            all.sort_by_key(|one| one.1);
            all
        };
        for seed in 0..300 {
            let mut stream = Stream::new(seed, "top-k");
            let n = 1 + stream.below(4000);
            let k = 1 + stream.below(if seed % 2 == 0 { 60 } else { n });
            let mut logits: Vec<f32> = (0..n)
                // values that repeat, and some that are not numbers
                .map(|_| match stream.below(50) {
                    0 => f32::NAN,
                    1 => f32::NEG_INFINITY,
                    _ => (stream.next_normal() * 4.0).round() as f32 / 2.0,
                })
                .collect();
            logits[stream.below(n)] = 1.0;
            let mut all = vec![f32::NEG_INFINITY; n];
            for (logit, id) in sorted(&logits, k) {
                all[id as usize] = logit;
            }
            let sampling = SamplingParams { top_k: k, ..ALL };
            let by_rank = |logits: &[f32], sampling: &SamplingParams| {
                let mut stream = Stream::new(seed, "sample");
                sample(&mut logits.to_vec(), &[], sampling, &mut stream).unwrap()
            };
            assert_eq!(
                by_rank(&logits, &sampling),
                by_rank(&all, &ALL),
                "{n}, top {k}"
            );
        }
    }

    #[test]
    fn invalid_decoding_settings_are_named() {
        let bad = [
            SamplingParams {
                temperature: -1.0,
                ..ALL
            },
            SamplingParams {
                temperature: f64::NAN,
                ..ALL
            },
            SamplingParams { top_p: 0.0, ..ALL },
            SamplingParams {
                repetition_penalty: 0.0,
                ..ALL
            },
            SamplingParams {
                max_new_tokens: 0,
                ..ALL
            },
        ];
        assert!(bad.iter().all(|d| d.check().is_err()) && ALL.check().is_ok());
        assert!(
            check_prompt(&[1; 1024], 1024)
                .unwrap_err()
                .to_string()
                .contains("1024 positions")
        );
        assert!(check_prompt(&[1; 1023], 1024).is_ok());
    }

    fn model() -> Gpt2 {
        let mut config = Config::new(50, 24, 16, 2, 2);
        config.initializer_range = 0.5; // so that token probabilities differ
        let parameters = config.parameters().unwrap();
        let tensors = parameters.init(5, &candle_core::Device::Cpu).unwrap();
        Gpt2::new(&config, &tensors).unwrap()
    }

    fn tasks() -> Vec<Task> {
        let prompt = |key: i64, n: u32| Task {
            key,
            prompt: (0..n).map(|i| (i * 7 + n) % 49).collect(),
        };
        vec![prompt(10, 3), prompt(11, 8), prompt(12, 3), prompt(13, 23)]
    }

    /// With and without cache, alone and in a batch, few and many: the same tokens.
    #[test]
    fn cached_and_naive_generation_are_equal() {
        let (model, tasks, end) = (model(), tasks(), 49);
        for sampling in [
            SamplingParams {
                temperature: 0.0,
                ..ALL
            },
            SamplingParams {
                max_new_tokens: 12,
                top_k: 20,
                top_p: 0.9,
                repetition_penalty: 1.2,
                ..ALL
            },
        ] {
            let mut heard = vec![vec![Vec::new(); 3]; tasks.len()];
            let all = generate(&model, &tasks, 3, end, &sampling, &mut |t, c, token| {
                heard[t][c].push(token);
                ControlFlow::Continue(())
            })
            .unwrap();
            for (t, task) in tasks.iter().enumerate() {
                for c in 0..3 {
                    let naive = generate_naive(&model, task, c, end, &sampling).unwrap();
                    assert_eq!(all[t][c], naive, "task {t} candidate {c}");
                    assert_eq!(heard[t][c], naive.ids);
                }
            }
            let one = generate(&model, &tasks[1..2], 1, end, &sampling, &mut go_on).unwrap();
            assert_eq!(one[0][0], all[1][0]);
            assert_eq!(
                (all[3][0].ids.len(), all[3][0].finish_reason),
                (1, FinishReason::Length),
                "the last position"
            );
        }
    }

    #[test]
    fn caller_can_stop_between_two_tokens() {
        let mut left = 5;
        let broken = generate(&model(), &tasks(), 2, 49, &ALL, &mut |_, _, _| {
            left -= 1;
            if left == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(matches!(broken, Err(Error::Interrupted)), "{broken:?}");
        assert_eq!(left, 0);
    }

    #[test]
    fn full_prompt_is_refused_before_generation() {
        let full = Task {
            key: 0,
            prompt: vec![1; 24],
        };
        let error = generate(
            &model(),
            &[tasks()[0].clone(), full],
            1,
            49,
            &ALL,
            &mut go_on,
        )
        .unwrap_err();
        assert!(error.to_string().contains("24 positions"), "{error}");
        assert_eq!(
            generate(&model(), &[], 3, 49, &ALL, &mut go_on).unwrap(),
            Vec::<Vec<Completion>>::new()
        );
    }
}
