//! Generating replies in batches that rows join and leave: a prompt is read once for all of its candidates, a row that
//! ends leaves at once, and the next one takes its place. A row's text depends on neither.

use std::sync::Arc;

use rayon::prelude::*;

use super::gpt2::{Buffers, Cache, Gpt2, Row};
use crate::generate::{
    Completion, FinishReason, OnToken, SamplingParams, Seen, Task, check_prompt, sample, stream_of,
};
use crate::rng::Stream;
use crate::{Error, Result};

/// A candidate that is being generated.
struct Live {
    task: usize,
    candidate: usize,
    /// Prompt and reply so far.
    seen: Seen,
    stream: Stream,
    row: Row,
}

/// Generates `candidates` replies per task, at most `rows` at a time: one list of completions per task. Otherwise as
/// [`crate::generate::generate`].
///
/// # Errors
/// As [`crate::generate::generate`].
pub fn generate(
    model: &Gpt2,
    tasks: &[Task],
    candidates: usize,
    end: u32,
    sampling: &SamplingParams,
    rows: usize,
    on_token: OnToken,
) -> Result<Vec<Vec<Completion>>> {
    sampling.check()?;
    let (positions, v) = (model.config().n_positions, model.config().vocab_size);
    for task in tasks {
        check_prompt(&task.prompt, positions)?;
    }
    let unwritten = Completion {
        ids: Vec::new(),
        finish_reason: FinishReason::Length,
    };
    let mut done = vec![vec![unwritten; candidates]; tasks.len()];
    let mut waiting = (0..tasks.len()).flat_map(|task| (0..candidates).map(move |n| (task, n)));
    let mut next = waiting.next();
    // the prompt of the latest task, and the logits after it
    let mut latest: Option<(usize, Arc<Cache>, Vec<f32>)> = None;
    let mut spare: Vec<Cache> = Vec::new();
    let mut live: Vec<Live> = Vec::new();
    let mut logits: Vec<f32> = Vec::new();
    let mut buffers = Buffers::default();
    loop {
        // new rows start with the logits after their prompt; `logits` holds those of the rows in `live`, in order
        while live.len() < rows.max(1)
            && let Some((task, candidate)) = next
        {
            let Task { key, prompt } = &tasks[task];
            if latest.as_ref().is_none_or(|(read, ..)| *read != task) {
                let (cache, logits) = model.read(prompt, &mut buffers)?;
                latest = Some((task, Arc::new(cache), logits.to_vec()));
            }
            let Some((_, prompt_cache, first)) = &latest else {
                break;
            };
            logits.extend_from_slice(first);
            // the last token is never fed
            let tokens = sampling.max_new_tokens.min(positions - prompt.len()) - 1;
            let mut own = spare.pop().unwrap_or_else(|| model.cache(tokens));
            own.clear(tokens);
            live.push(Live {
                task,
                candidate,
                seen: Seen::new(prompt.clone()),
                stream: stream_of(sampling.seed, *key, candidate),
                row: Row {
                    prompt: prompt_cache.clone(),
                    own,
                },
            });
            next = waiting.next();
        }
        if live.is_empty() {
            return Ok(done);
        }
        let sampled: Vec<Result<u32>> = live
            .par_iter_mut()
            .zip(logits.par_chunks_exact_mut(v))
            .map(|(live, logits)| sample(logits, &live.seen, sampling, &mut live.stream))
            .collect();
        let mut stays = Vec::with_capacity(live.len());
        for (live, token) in live.iter_mut().zip(sampled) {
            let (token, prompt) = (token?, tasks[live.task].prompt.len());
            let finish_reason = match token == end {
                true => Some(FinishReason::End),
                false => {
                    if on_token(live.task, live.candidate, token).is_break() {
                        return Err(Error::Interrupted);
                    }
                    live.seen.push(token);
                    let length = live.seen.ids().len();
                    let full = length - prompt == sampling.max_new_tokens || length == positions;
                    full.then_some(FinishReason::Length)
                }
            };
            if let Some(finish_reason) = finish_reason {
                let ids = live.seen.ids()[prompt..].to_vec();
                done[live.task][live.candidate] = Completion { ids, finish_reason };
            }
            stays.push(finish_reason.is_none());
        }
        let mut stay = stays.into_iter();
        let gone = live.extract_if(.., |_| !stay.next().unwrap_or(true));
        spare.extend(gone.map(|live| live.row.own));
        logits.clear();
        if !live.is_empty() {
            let tokens: Vec<u32> = live
                .iter()
                .filter_map(|live| live.seen.ids().last().copied())
                .collect();
            let mut rows: Vec<&mut Row> = live.iter_mut().map(|live| &mut live.row).collect();
            logits.extend_from_slice(model.step(&tokens, &mut rows, &mut buffers)?);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ops::ControlFlow;
    use std::sync::atomic::{AtomicBool, Ordering};

    use candle_core::Device;

    use super::*;
    use crate::fast::Precision;
    use crate::generate::{generate_naive, go_on};
    use crate::gpt2;
    use crate::stop::Stop;

    fn config() -> gpt2::Config {
        let mut config = gpt2::Config::new(70, 64, 32, 2, 2);
        config.initializer_range = 0.3; // so that token probabilities differ
        config
    }

    fn model(precision: Precision) -> (Gpt2, gpt2::Gpt2) {
        let tensors = config()
            .parameters()
            .unwrap()
            .init(5, &Device::Cpu)
            .unwrap();
        (
            Gpt2::new(&config(), &tensors, precision).unwrap(),
            gpt2::Gpt2::new(&config(), &tensors).unwrap(),
        )
    }

    fn tasks() -> Vec<Task> {
        let prompt = |key: i64, n: u32| Task {
            key,
            prompt: (0..n).map(|i| (i * 7 + n) % 69).collect(),
        };
        vec![prompt(10, 3), prompt(11, 40), prompt(12, 1), prompt(13, 63)]
    }

    fn sampled() -> SamplingParams {
        SamplingParams {
            max_new_tokens: 30,
            top_k: 20,
            top_p: 0.9,
            repetition_penalty: 1.2,
            ..SamplingParams::default()
        }
    }

    /// The same tokens as a full forward pass of the readable model per token, whatever the number of rows, candidates
    /// and threads.
    #[test]
    fn text_depends_on_the_seed_alone() {
        let (tasks, end) = (tasks(), 69);
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            let (model, readable) = model(precision);
            for sampling in [
                SamplingParams {
                    temperature: 0.0,
                    max_new_tokens: 30,
                    ..SamplingParams::default()
                },
                sampled(),
                SamplingParams {
                    max_new_tokens: 30,
                    temperature: 0.7,
                    top_k: 0,
                    top_p: 0.95,
                    min_p: 0.01,
                    no_repeat_ngram: 2,
                    ..SamplingParams::default()
                },
            ] {
                let run = |tasks: &[Task], candidates, rows| {
                    generate(&model, tasks, candidates, end, &sampling, rows, &mut go_on).unwrap()
                };
                let all = run(&tasks, 4, 16);
                for rows in [1, 3, 7] {
                    assert_eq!(run(&tasks, 4, rows), all, "{precision:?}, {rows} rows");
                }
                let one = rayon::ThreadPoolBuilder::new()
                    .num_threads(1)
                    .build()
                    .unwrap();
                assert_eq!(one.install(|| run(&tasks, 4, 5)), all, "one thread");
                for (task, all) in tasks.iter().zip(&all) {
                    let few = run(std::slice::from_ref(task), 2, 2);
                    assert_eq!(few[0], all[..2], "alone, fewer candidates");
                    for (n, reply) in all
                        .iter()
                        .enumerate()
                        .filter(|_| precision == Precision::F32)
                    {
                        let naive = generate_naive(&readable, task, n, end, &sampling).unwrap();
                        assert_eq!(*reply, naive, "task {} candidate {n}", task.key);
                    }
                }
                let reasons: Vec<FinishReason> = all
                    .iter()
                    .flatten()
                    .map(|reply| reply.finish_reason)
                    .collect();
                assert!(reasons.contains(&FinishReason::Length));
            }
        }
    }

    /// How often a sequence of `n` tokens occurs again in the same text, in all texts together.
    fn repeats<'a>(texts: impl Iterator<Item = &'a Vec<u32>>, n: usize) -> usize {
        let repeats = |text: &Vec<u32>| {
            let grams: Vec<&[u32]> = text.windows(n).collect();
            let again = |i: &usize| grams[..*i].contains(&grams[*i]);
            (0..grams.len()).filter(again).count()
        };
        texts.map(repeats).sum()
    }

    #[test]
    fn no_n_gram_occurs_twice_in_prompt_and_reply() {
        let (model, tasks) = (model(Precision::F32).0, tasks());
        let texts = |sampling: &SamplingParams| -> Vec<Vec<u32>> {
            let all = generate(&model, &tasks, 4, 69, sampling, 5, &mut go_on).unwrap();
            let of_task = |(task, replies): (&Task, &Vec<Completion>)| {
                let text = |reply: &Completion| [&task.prompt[..], &reply.ids[..]].concat();
                replies.iter().map(text).collect::<Vec<_>>()
            };
            tasks.iter().zip(&all).flat_map(of_task).collect()
        };
        for n in [1, 2, 3] {
            let mut without = 0;
            for temperature in [0.0, 0.3, 1.0] {
                let mut sampling = SamplingParams {
                    max_new_tokens: 30,
                    temperature,
                    top_k: 0,
                    ..SamplingParams::default()
                };
                without += repeats(texts(&sampling).iter(), n);
                sampling.no_repeat_ngram = n;
                let with = repeats(texts(&sampling).iter(), n);
                assert_eq!(with, 0, "{n}-grams at temperature {temperature}");
            }
            // trigrams of so few tokens may all be different by chance
            assert!(n == 3 || without > 0, "{n}-grams do not occur twice anyway");
        }
    }

    /// A request to stop that comes between two tokens of a step, and one that comes before the first prompt.
    #[test]
    fn a_request_to_stop_is_seen_within_the_next_pass() {
        let (mut model, tasks) = (model(Precision::F32).0, tasks());
        let requested = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&requested);
        model.set_stop(Stop::when(Arc::new(move || seen.load(Ordering::Relaxed))));
        let mut heard = 0;
        let mut ask = |tokens: usize| {
            generate(&model, &tasks, 4, 69, &sampled(), 8, &mut |_, _, _| {
                heard += 1;
                requested.fetch_or(heard == tokens, Ordering::Relaxed);
                ControlFlow::Continue(())
            })
        };
        assert!(matches!(ask(20), Err(Error::Interrupted)));
        assert!(matches!(ask(20), Err(Error::Interrupted)));
        // the other rows of that step had sampled theirs already
        assert!((20..28).contains(&heard), "{heard}");
    }

    #[test]
    fn every_token_is_reported_and_the_caller_can_stop() {
        let (model, tasks) = (model(Precision::F32).0, tasks());
        let mut heard = vec![vec![Vec::new(); 2]; tasks.len()];
        let all = generate(
            &model,
            &tasks,
            2,
            69,
            &sampled(),
            3,
            &mut |task, n, token| {
                heard[task][n].push(token);
                ControlFlow::Continue(())
            },
        );
        for (replies, heard) in all.unwrap().iter().zip(&heard) {
            assert!(replies.iter().map(|reply| &reply.ids).eq(heard));
        }
        let mut left = 5;
        let stopped = generate(&model, &tasks, 2, 69, &sampled(), 3, &mut |_, _, _| {
            left -= 1;
            match left {
                0 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
        assert!(matches!(stopped, Err(Error::Interrupted)) && left == 0);
        assert!(
            generate(&model, &[], 3, 69, &sampled(), 8, &mut go_on)
                .unwrap()
                .is_empty()
        );
        let full = Task {
            key: 0,
            prompt: vec![1; 64],
        };
        let refused = generate(&model, &[full], 1, 69, &sampled(), 8, &mut go_on);
        assert!(refused.err().unwrap().to_string().contains("64 positions"));
    }
}
