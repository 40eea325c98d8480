//! Generating replies: the naive loop, and the one with a KV cache. How a token is sampled: [`crate::sampling`].
//!
//! Token ids in, token ids out; completions do not include the prompt. Candidate `i` of a prompt samples from a stream
//! of its own, so its text depends on the seed, the prompt's number and `i`, not on how many others are generated with
//! it.

pub use repartee_terms::FinishReason;
use std::ops::ControlFlow;

use candle_core::{DType, Tensor};

use crate::fast;
use crate::gpt2::{Config, Gpt2};
use crate::ops::Cache;
use crate::rng::Stream;
pub use crate::sampling::{SamplingParams, Seen, sample};
use crate::stop::Stop;
use crate::{Error, Result};

/// A reply as token ids, without prompt and end token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub ids: Vec<u32>,
    pub finish_reason: FinishReason,
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
        let seen = Seen::new(ids.clone());
        let next = sample(&mut logits[0], &seen, sampling, &mut stream)?;
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
    seen: Seen,
    stream: Stream,
}

/// Receives each token as (task, candidate, token), and stops generation by breaking.
pub type OnToken<'a> = &'a mut dyn FnMut(usize, usize, u32) -> ControlFlow<()>;

/// A model that generates replies: the packed one on the CPU, the one of tensors on any device. It can be kept for
/// another thread to use.
pub trait Generates: Send {
    fn config(&self) -> &Config;

    /// Ends a pass with [`Error::Interrupted`] when this says so; one of tensors only ends between two tokens.
    fn set_stop(&mut self, _stop: Stop) {}

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

    fn set_stop(&mut self, stop: Stop) {
        self.set_stop(stop);
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
            seen: Seen::new(tasks[i / candidates].prompt[..common].to_vec()),
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
                row.seen.push(prompt[at]);
            } else {
                let next = sample(logits, &row.seen, sampling, &mut row.stream)?;
                if next == end {
                    finish_reason = Some(FinishReason::End);
                } else {
                    if on_token(row.task, row.candidate, next).is_break() {
                        return Err(Error::Interrupted);
                    }
                    row.seen.push(next);
                    let length = row.seen.ids().len();
                    let full =
                        length - prompt.len() == sampling.max_new_tokens || length == positions;
                    finish_reason = full.then_some(FinishReason::Length);
                }
            }
            if let Some(finish_reason) = finish_reason {
                let ids = row.seen.ids()[prompt.len()..].to_vec();
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
            .filter_map(|row| row.seen.ids().last().copied())
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

    const ALL: SamplingParams = SamplingParams {
        max_new_tokens: 8,
        ..SamplingParams::OFF
    };

    #[test]
    fn prompts_that_fill_the_model_are_refused() {
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
            SamplingParams {
                max_new_tokens: 20,
                temperature: 0.6,
                min_p: 0.02,
                no_repeat_ngram: 1,
                ..ALL
            },
            SamplingParams {
                max_new_tokens: 20,
                top_p: 0.95,
                no_repeat_ngram: 2,
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
