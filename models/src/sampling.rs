//! How the next token is sampled from a model's logits.
//!
//! Settings apply in the order of transformers' `generate`: repetition penalty, no-repeat n-gram, temperature, top-k,
//! top-p, min-p.
//!
//! A vocabulary has 50,257 tokens and few of them are sampled, so only those that may be are copied and sorted. Each
//! shortcut gives the token that sorting all logits gives, bit for bit: sums over all tokens come with a bound of their
//! rounding error, and where that leaves a choice in doubt, all logits are sorted (`models/tests/sampling.rs` compares
//! both).

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ops::simd::{exp64, vectorized};
use crate::rng::Stream;
use crate::{Error, Result};

/// Temperatures above 0, and repetition penalties. Logits are f32: far outside of these ranges, a setting rounds to 0 or
/// infinity there, or makes the logits do so.
const TEMPERATURES: RangeInclusive<f64> = 0.01..=100.0;
const PENALTIES: RangeInclusive<f64> = 0.01..=100.0;

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
    /// Sample only from tokens that are at least this likely relative to the most likely one, after temperature
    /// (Nguyen et al. 2024, arXiv:2407.01082); 0: all.
    pub min_p: f64,
    /// Logits of tokens that already occurred, in the comment or the reply, are divided by this (multiplied if
    /// negative; Keskar et al. 2019); 1: off.
    pub repetition_penalty: f64,
    /// Never sample a token that would repeat a sequence of this many tokens of the prompt or the reply; 0: off. If
    /// that excludes every token, generation fails.
    pub no_repeat_ngram: usize,
    /// Seed of the random streams.
    pub seed: u64,
}

impl Default for SamplingParams {
    /// The settings of the original experiment: top-k 40 at temperature 1.
    fn default() -> Self {
        Self {
            top_k: 40,
            ..Self::OFF
        }
    }
}

impl SamplingParams {
    /// With everything off that changes probabilities: all tokens, as the model has them.
    pub const OFF: Self = Self {
        max_new_tokens: 64,
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        no_repeat_ngram: 0,
        seed: 1,
    };

    /// Refuses invalid settings.
    ///
    /// # Errors
    /// Names the setting and its range.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::Input(what.to_owned()));
        if self.max_new_tokens == 0 {
            return wrong("max_new_tokens must be at least 1");
        }
        if self.temperature != 0.0 && !TEMPERATURES.contains(&self.temperature) {
            return Err(Error::Input(format!(
                "temperature must be 0 (greedy), or from {} to {}; 0.7 to 1.2 is usual",
                TEMPERATURES.start(),
                TEMPERATURES.end()
            )));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return wrong("top_p must be above 0 and at most 1 (all)");
        }
        if !(0.0..=1.0).contains(&self.min_p) {
            return wrong("min_p must be from 0 (all) to 1; 0.05 to 0.1 is usual");
        }
        if !PENALTIES.contains(&self.repetition_penalty) {
            return Err(Error::Input(format!(
                "repetition_penalty must be from {} to {}; 1 is off, 1.1 to 1.3 is usual",
                PENALTIES.start(),
                PENALTIES.end()
            )));
        }
        Ok(())
    }

    /// The settings in which others differ, without the seed: the name, the own value, and the other.
    pub fn differences(&self, other: &Self) -> Vec<(&'static str, String, String)> {
        // a new setting does not compile without a line below
        let Self {
            max_new_tokens,
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            no_repeat_ngram,
            seed: _,
        } = self;
        let values: [(&str, &dyn ToString, &dyn ToString); 7] = [
            ("temperature", temperature, &other.temperature),
            ("top-k", top_k, &other.top_k),
            ("top-p", top_p, &other.top_p),
            ("min-p", min_p, &other.min_p),
            (
                "repetition penalty",
                repetition_penalty,
                &other.repetition_penalty,
            ),
            ("no-repeat n-gram", no_repeat_ngram, &other.no_repeat_ngram),
            ("max new tokens", max_new_tokens, &other.max_new_tokens),
        ];
        values
            .into_iter()
            .map(|(name, own, others)| (name, own.to_string(), others.to_string()))
            .filter(|(_, own, others)| own != others)
            .collect()
    }

    /// Whether other settings decode in the same way: all but the seed are equal.
    pub fn decodes_like(&self, other: &Self) -> bool {
        self.differences(other).is_empty()
    }

    /// The settings that are on besides temperature, top-k and top-p, each after a comma: ", min-p 0.05". Empty if
    /// there are none.
    pub fn further(&self) -> String {
        let mut text = String::new();
        if self.min_p > 0.0 {
            text.push_str(&format!(", min-p {}", self.min_p));
        }
        if self.repetition_penalty != 1.0 {
            text.push_str(&format!(", repetition penalty {}", self.repetition_penalty));
        }
        if self.no_repeat_ngram > 0 {
            text.push_str(&format!(", no-repeat n-gram {}", self.no_repeat_ngram));
        }
        text
    }
}

/// The tokens of prompt and reply so far, prepared for the penalties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    ids: Vec<u32>,
    /// Each token of `ids` once, in ascending order.
    distinct: Vec<u32>,
}

impl Seen {
    pub fn new(ids: Vec<u32>) -> Self {
        let mut distinct = ids.clone();
        distinct.sort_unstable();
        distinct.dedup();
        Self { ids, distinct }
    }

    /// Appends the next token.
    pub fn push(&mut self, id: u32) {
        self.ids.push(id);
        if let Err(at) = self.distinct.binary_search(&id) {
            self.distinct.insert(at, id);
        }
    }

    /// All tokens in their order.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }
}

/// Samples the next token from `logits` (one per token of the vocabulary, changed in place). Takes one number of
/// `stream`, or none at temperature 0.
///
/// # Errors
/// If no logit is finite, or `no_repeat_ngram` excludes each token that has a finite one.
pub fn sample(
    logits: &mut [f32],
    seen: &Seen,
    sampling: &SamplingParams,
    stream: &mut Stream,
) -> Result<u32> {
    penalize(logits, &seen.distinct, sampling.repetition_penalty);
    let banned = ban_repeats(logits, &seen.ids, sampling.no_repeat_ngram);
    let blocks = Blocks::new(logits);
    let Some((most, likeliest)) = blocks.likeliest() else {
        return Err(Error::Input(match banned {
            true => format!(
                "no token is left to sample: no_repeat_ngram is {} and excludes all; set it higher, or to 0 (off)",
                sampling.no_repeat_ngram
            ),
            false => {
                "the model's logits are NaN: its weights are damaged, or its training diverged"
                    .to_owned()
            }
        }));
    };
    if sampling.temperature == 0.0 {
        return Ok(likeliest);
    }
    let scale = Scale {
        most,
        temperature: sampling.temperature,
    };
    let random = stream.next_f64();
    let all = sampling.top_k == 0 && sampling.top_p >= 1.0 && sampling.min_p == 0.0;
    if all && let Some(token) = among_all(&blocks, &scale, random) {
        return Ok(token);
    }
    Ok(pick(&kept(&blocks, &scale, sampling), &scale, random).unwrap_or(likeliest))
}

/// Divides positive logits of the tokens by the penalty and multiplies the others.
fn penalize(logits: &mut [f32], tokens: &[u32], penalty: f64) {
    if penalty == 1.0 {
        return;
    }
    let penalty = penalty as f32;
    for id in tokens {
        if let Some(logit) = logits.get_mut(*id as usize) {
            *logit = if *logit > 0.0 {
                *logit / penalty
            } else {
                *logit * penalty
            };
        }
    }
}

/// Excludes the tokens that would complete a sequence of `n` tokens that already occurred in `ids` (transformers'
/// `NoRepeatNGramLogitsProcessor`). Returns whether it excluded one that could have been sampled.
fn ban_repeats(logits: &mut [f32], ids: &[u32], n: usize) -> bool {
    if n == 0 || ids.len() < n {
        return false;
    }
    let begun = &ids[ids.len() + 1 - n..];
    let mut banned = false;
    for gram in ids.windows(n) {
        if let Some((next, start)) = gram.split_last()
            && start == begun
            && let Some(logit) = logits.get_mut(*next as usize)
        {
            banned |= logit.is_finite();
            *logit = f32::NEG_INFINITY;
        }
    }
    banned
}

/// A logit and its token.
type Candidate = (f32, u32);

/// Most likely first; ties go to the lower id, so that they do not depend on the sort.
fn order(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// From logits to weights: probabilities relative to the most likely token.
struct Scale {
    /// The largest logit.
    most: f32,
    /// Above 0.
    temperature: f64,
}

impl Scale {
    fn weight(&self, logit: f32) -> f64 {
        (f64::from(logit - self.most) / self.temperature).exp()
    }

    /// A value that all logits of at least this weight reach, and few others.
    fn floor(&self, weight: f64) -> f32 {
        // some more than `weight` loses where it subtracts in f32
        const SLACK: f64 = 1e-6;
        if weight < f64::MIN_POSITIVE {
            return f32::NEG_INFINITY;
        }
        let below = weight.ln() * (1.0 + SLACK) - SLACK;
        ((f64::from(self.most) + self.temperature * below) as f32).next_down()
    }
}

/// Logits per maximum.
const BLOCK: usize = 64;
/// Values at a time; the compiler makes vectors of them.
const LANES: usize = 16;

/// Logits with the maximum of each block, so that a search for large logits skips most blocks.
struct Blocks<'a> {
    logits: &'a [f32],
    maxima: Vec<f32>,
}

impl<'a> Blocks<'a> {
    fn new(logits: &'a [f32]) -> Self {
        let mut maxima = vec![f32::NEG_INFINITY; logits.len().div_ceil(BLOCK)];
        block_maxima(logits, &mut maxima);
        Self { logits, maxima }
    }

    /// A value that at least `k` logits reach, or all: the k-th largest maximum. So the k most likely tokens are among
    /// those that reach it, which are few.
    fn floor(&self, k: usize) -> f32 {
        if k == 0 || k > self.maxima.len() {
            return f32::NEG_INFINITY;
        }
        let mut maxima = self.maxima.clone();
        *maxima
            .select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a))
            .1
    }

    /// The tokens whose logits reach `floor`, by id. None of them is NaN.
    fn reaching(&self, floor: f32) -> Vec<Candidate> {
        let first = (0u32..).step_by(BLOCK);
        self.logits
            .chunks(BLOCK)
            .zip(first)
            .zip(&self.maxima)
            .filter(|(_, most)| **most >= floor)
            .flat_map(|((block, first), _)| block.iter().copied().zip(first..))
            .filter(|(logit, _)| *logit >= floor)
            .collect()
    }

    /// The largest logit, if it is finite, and its token.
    fn likeliest(&self) -> Option<Candidate> {
        let largest = self.reaching(self.floor(1));
        let likeliest = largest.into_iter().min_by(order);
        likeliest.filter(|(logit, _)| logit.is_finite())
    }
}

vectorized! {
    /// Raises each maximum to the largest logit of its block; NaN does not count.
    fn block_maxima(logits: &[f32], maxima: &mut [f32]) {
        let (blocks, rest) = logits.as_chunks::<BLOCK>();
        for (block, most) in blocks.iter().zip(maxima.iter_mut()) {
            let mut lanes = [f32::NEG_INFINITY; LANES];
            for some in block.as_chunks::<LANES>().0 {
                for (lane, logit) in lanes.iter_mut().zip(some) {
                    *lane = if *logit > *lane { *logit } else { *lane };
                }
            }
            for lane in lanes {
                *most = if lane > *most { lane } else { *most };
            }
        }
        if let Some(most) = maxima.get_mut(blocks.len()) {
            for logit in rest {
                *most = if *logit > *most { *logit } else { *most };
            }
        }
    }
}

vectorized! {
    /// The sum of all weights, at a relative error below [`relative_error`].
    fn mass(logits: &[f32], most: f32, temperature: f64) -> f64 {
        // e^-708 is the smallest power that is a normal number
        const LEAST: f64 = -708.0;
        let mut lanes = [0f64; LANES];
        let (chunks, rest) = logits.as_chunks::<LANES>();
        for some in chunks {
            for (sum, logit) in lanes.iter_mut().zip(some) {
                let x = f64::from(*logit - most) / temperature;
                // NaN weighs nothing, too
                *sum += exp64(if x > LEAST { x } else { LEAST });
            }
        }
        for (sum, logit) in lanes.iter_mut().zip(rest) {
            let x = f64::from(*logit - most) / temperature;
            *sum += exp64(if x > LEAST { x } else { LEAST });
        }
        lanes.iter().sum()
    }
}

/// How far two sums of the same `n` weights in different order, and what is left after subtracting the weights from one
/// of them, can be apart, relative to the sum.
///
/// Each of n additions rounds by at most half of ε (Higham 2002, Accuracy and Stability of Numerical Algorithms, 4.2),
/// as does each subtraction, and [`exp64`] is off by less than 2e-15.
fn relative_error(n: usize) -> f64 {
    2.0 * n as f64 * f64::EPSILON + 1e-12
}

/// The token at `random` (in 0..1) of all tokens by id: the one that [`pick`] gives of all, or none if rounding could
/// change it.
fn among_all(blocks: &Blocks, scale: &Scale, random: f64) -> Option<u32> {
    const PART: usize = 1024;
    let logits = blocks.logits;
    let masses: Vec<f64> = logits
        .chunks(PART)
        .map(|part| mass(part, scale.most, scale.temperature))
        .collect();
    let all: f64 = masses.iter().sum();
    let error = all * relative_error(logits.len());
    let mut left = random * all;
    let mut start = 0;
    for mass in &masses {
        if left < *mass {
            break;
        }
        left -= mass;
        start += PART;
    }
    let first = start as u32;
    let part = logits.get(start..)?.iter().copied().zip(first..).take(PART);
    for (logit, id) in part.filter(|(logit, _)| !logit.is_nan()) {
        let weight = scale.weight(logit);
        if left < weight - error {
            return (left > error).then_some(id);
        }
        if left < weight + error {
            return None;
        }
        left -= weight;
    }
    None
}

/// The tokens that may be sampled: by id, or with top-p the most likely first. Tokens of weight 0 may be among them.
fn kept(blocks: &Blocks, scale: &Scale, sampling: &SamplingParams) -> Vec<Candidate> {
    let (k, p, min_p) = (sampling.top_k, sampling.top_p, sampling.min_p);
    let mut kept = match k {
        0 if p < 1.0 => nucleus(blocks, scale, p),
        0 => blocks.reaching(scale.floor(min_p)),
        k => {
            let mut kept = blocks.reaching(blocks.floor(k));
            if k < kept.len() {
                kept.select_nth_unstable_by(k - 1, order);
                kept.truncate(k);
            }
            match p < 1.0 {
                true => nucleus_of(kept, scale, p),
                false => kept,
            }
        }
    };
    if min_p > 0.0 {
        kept.retain(|(logit, _)| scale.weight(*logit) >= min_p);
    }
    if p >= 1.0 {
        kept.sort_unstable_by_key(|&(_, id)| id);
    }
    kept
}

/// The most likely tokens that together have at least the share `p` of the mass of all, most likely first.
fn nucleus(blocks: &Blocks, scale: &Scale, p: f64) -> Vec<Candidate> {
    // most nuclei are among that many tokens
    const FEW: usize = 256;
    let n = blocks.logits.len();
    let all = mass(blocks.logits, scale.most, scale.temperature);
    let error = all * relative_error(n);
    // the tokens below this weight together miss (1 - p) of the mass, so the nucleus has none of them
    let lightest = 0.99 * (1.0 - p) * all / n as f64;
    for floor in [blocks.floor(FEW), scale.floor(lightest)] {
        // all that reach a floor come before all others
        let mut first = blocks.reaching(floor);
        first.sort_unstable_by(order);
        if let Some(end) = prefix(&first, scale, p * (all - error), p * (all + error)) {
            first.truncate(end);
            return first;
        }
    }
    nucleus_of(blocks.reaching(f32::NEG_INFINITY), scale, p)
}

/// The most likely of these tokens that together have at least the share `p` of their mass, most likely first.
fn nucleus_of(mut tokens: Vec<Candidate>, scale: &Scale, p: f64) -> Vec<Candidate> {
    tokens.sort_unstable_by(order);
    let all: f64 = tokens.iter().map(|(logit, _)| scale.weight(*logit)).sum();
    if let Some(end) = prefix(&tokens, scale, p * all, p * all) {
        tokens.truncate(end);
    }
    tokens
}

/// How many of the tokens, from the first, it takes to reach a mass that is somewhere in `least..=most`. None if they
/// don't reach it, or if the number depends on where it is.
fn prefix(tokens: &[Candidate], scale: &Scale, least: f64, most: f64) -> Option<usize> {
    let mut total = 0.0;
    for ((logit, _), count) in tokens.iter().zip(1..) {
        total += scale.weight(*logit);
        if total >= least {
            return (total >= most).then_some(count);
        }
    }
    None
}

/// The token at `random` (in 0..1) of these tokens' mass. None if there is no token.
fn pick(tokens: &[Candidate], scale: &Scale, random: f64) -> Option<u32> {
    let weights: Vec<f64> = tokens
        .iter()
        .map(|(logit, _)| scale.weight(*logit))
        .collect();
    let total: f64 = weights.iter().sum();
    let mut left = random * total;
    let mut last = None;
    for (weight, (_, id)) in weights.iter().zip(tokens) {
        left -= weight;
        if left < 0.0 {
            return Some(*id);
        }
        if *weight > 0.0 {
            last = Some(*id);
        }
    }
    // what rounding leaves belongs to the last token that can be sampled
    last
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ALL: SamplingParams = SamplingParams {
        max_new_tokens: 8,
        ..SamplingParams::OFF
    };
    const GREEDY: SamplingParams = SamplingParams {
        temperature: 0.0,
        ..ALL
    };

    fn one(logits: &[f32], seen: &[u32], sampling: &SamplingParams) -> Result<u32> {
        let seen = Seen::new(seen.to_vec());
        sample(
            &mut logits.to_vec(),
            &seen,
            sampling,
            &mut Stream::new(1, "x"),
        )
    }

    #[test]
    fn settings_that_differ_in_their_seed_decode_alike() {
        let usual = SamplingParams::default();
        let seeded = SamplingParams {
            seed: 7,
            ..usual.clone()
        };
        assert!(usual.decodes_like(&seeded) && seeded.decodes_like(&usual));
        let longer = SamplingParams {
            max_new_tokens: usual.max_new_tokens + 1,
            ..usual.clone()
        };
        assert!(!usual.decodes_like(&longer));
        let colder = SamplingParams {
            temperature: 0.7,
            ..longer
        };
        let differ = |name, own: &str, other: &str| (name, own.to_owned(), other.to_owned());
        assert_eq!(
            usual.differences(&colder),
            [
                differ("temperature", "1", "0.7"),
                differ("max new tokens", "64", "65")
            ]
        );
    }

    #[test]
    fn repetition_penalty_makes_seen_tokens_less_likely() {
        let sampling = SamplingParams {
            repetition_penalty: 2.0,
            ..GREEDY
        };
        let pick = |seen: &[u32]| one(&[1.0, 1.5, -1.0], seen, &sampling).unwrap();
        assert_eq!(pick(&[]), 1);
        assert_eq!(pick(&[1, 1]), 0);
        assert_eq!(one(&[-1.0, -1.5], &[0], &sampling).unwrap(), 1);
    }

    #[test]
    fn ties_and_nan_logits_are_handled() {
        assert_eq!(one(&[0.5, 0.5, f32::NAN], &[], &GREEDY).unwrap(), 0);
        for logits in [[f32::NAN; 2], [f32::NEG_INFINITY; 2], [0.0, f32::INFINITY]] {
            for sampling in [GREEDY, ALL] {
                let error = one(&logits, &[], &sampling).unwrap_err().to_string();
                assert!(error.contains("NaN"), "{error}");
            }
        }
        assert!(one(&[], &[], &ALL).is_err());
    }

    #[test]
    fn tokens_that_complete_a_seen_n_gram_are_excluded() {
        let logits = [4.0, 3.0, 2.0, 1.0];
        let next = |seen: &[u32], n: usize| {
            let sampling = SamplingParams {
                no_repeat_ngram: n,
                ..GREEDY
            };
            one(&logits, seen, &sampling)
        };
        assert_eq!(next(&[], 1).unwrap(), 0);
        assert_eq!(next(&[0, 2], 1).unwrap(), 1);
        // after 3, 0 has occurred
        assert_eq!(next(&[3, 0, 3], 2).unwrap(), 1);
        assert_eq!(next(&[3, 0, 3, 1, 3], 2).unwrap(), 2);
        assert_eq!(next(&[3, 0, 3], 3).unwrap(), 0);
        assert_eq!(next(&[3, 3, 0, 1, 3, 3], 3).unwrap(), 1);
        // too few tokens for one n-gram, and a token outside of the vocabulary
        assert_eq!(next(&[0], 2).unwrap(), 0);
        assert_eq!(next(&[0], usize::MAX).unwrap(), 0);
        assert_eq!(next(&[9, 9], 1).unwrap(), 0);
        let error = next(&[0, 1, 2, 3], 1).unwrap_err().to_string();
        assert!(
            error.contains("no_repeat_ngram") && !error.contains("NaN"),
            "{error}"
        );
    }

    #[test]
    fn seen_tokens_are_the_same_appended_or_given_at_once() {
        let ids = [5, 3, 5, 9, 0, 3, 1];
        for n in 0..ids.len() {
            let mut seen = Seen::new(ids[..n].to_vec());
            ids[n..].iter().for_each(|id| seen.push(*id));
            assert_eq!(seen, Seen::new(ids.to_vec()));
            assert_eq!(seen.ids(), ids);
            assert_eq!(seen.distinct, [0, 1, 3, 5, 9]);
        }
    }

    #[test]
    fn floors_lose_no_token() {
        let mut stream = Stream::new(4, "floors");
        for _ in 0..20_000 {
            let most = (stream.next_normal() * 30.0) as f32;
            let scale = Scale {
                most,
                temperature: (stream.next_normal() * 4.0).exp(),
            };
            let distance = (stream.next_normal() * 3.0).exp();
            let logit = (f64::from(most) - scale.temperature * distance) as f32;
            // the weight of this very logit: the smallest that it has
            assert!(logit >= scale.floor(scale.weight(logit)), "{most}, {logit}");
        }
        let scale = Scale {
            most: 3.0,
            temperature: 1.0,
        };
        assert_eq!(scale.floor(0.0), f32::NEG_INFINITY);
        assert!(scale.floor(1.0) < 3.0 && scale.floor(1.0) > 2.9999);
    }

    #[test]
    fn mass_is_within_its_error() {
        for seed in 0..200 {
            let mut stream = Stream::new(seed, "mass");
            let n = 1 + stream.below(3000);
            let logits: Vec<f32> = (0..n)
                .map(|_| (stream.next_normal() * 5.0) as f32)
                .collect();
            let scale = Scale {
                most: logits.iter().copied().fold(f32::NEG_INFINITY, f32::max),
                temperature: (stream.next_normal() * 2.0).exp(),
            };
            let sum: f64 = logits.iter().map(|logit| scale.weight(*logit)).sum();
            let fast = mass(&logits, scale.most, scale.temperature);
            let gap = (fast - sum).abs();
            assert!(gap < sum * relative_error(n), "seed {seed}: {fast}, {sum}");
        }
        let odd = [0.0, f32::NAN, f32::NEG_INFINITY, 0.0];
        assert_eq!(mass(&odd, 0.0, 1.0), 2.0);
    }

    /// The shortcut decides nearly always, and where it does, as the sum over all tokens.
    #[test]
    fn shortcut_over_all_tokens_picks_what_the_full_sum_picks() {
        let mut stream = Stream::new(8, "all");
        let logits: Vec<f32> = (0..5000)
            .map(|i| match i % 17 {
                0 => f32::NAN,
                1 => f32::NEG_INFINITY,
                _ => (stream.next_normal() * 3.0) as f32,
            })
            .collect();
        let blocks = Blocks::new(&logits);
        let scale = Scale {
            most: blocks.likeliest().unwrap().0,
            temperature: 1.3,
        };
        let every = blocks.reaching(f32::NEG_INFINITY);
        let mut decided = 0;
        for _ in 0..2000 {
            let random = stream.next_f64();
            if let Some(token) = among_all(&blocks, &scale, random) {
                decided += 1;
                assert_eq!(Some(token), pick(&every, &scale, random));
            }
        }
        assert!(decided > 1990, "{decided}");
        assert_eq!(among_all(&blocks, &scale, 0.0), None, "at a border");
    }

    #[test]
    fn invalid_decoding_settings_are_named() {
        for (bad, name) in [
            (
                SamplingParams {
                    temperature: -1.0,
                    ..ALL
                },
                "temperature",
            ),
            (
                SamplingParams {
                    temperature: f64::NAN,
                    ..ALL
                },
                "temperature",
            ),
            (SamplingParams { top_p: 0.0, ..ALL }, "top_p"),
            (SamplingParams { min_p: -0.1, ..ALL }, "min_p"),
            (SamplingParams { min_p: 1.1, ..ALL }, "min_p"),
            (
                SamplingParams {
                    min_p: f64::NAN,
                    ..ALL
                },
                "min_p",
            ),
            (
                SamplingParams {
                    repetition_penalty: 0.0,
                    ..ALL
                },
                "repetition_penalty",
            ),
            (
                SamplingParams {
                    max_new_tokens: 0,
                    ..ALL
                },
                "max_new_tokens",
            ),
        ] {
            let error = bad.check().unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        ALL.check().unwrap();
        SamplingParams { min_p: 1.0, ..ALL }.check().unwrap();
    }

    #[test]
    fn extreme_temperatures_and_penalties_are_refused() {
        for value in [1e-300, 1e-45, 0.0099, 100.1, 1e40, f64::INFINITY, f64::NAN] {
            let hot = SamplingParams {
                temperature: value,
                ..ALL
            };
            let error = hot.check().unwrap_err().to_string();
            assert!(error.contains("from 0.01 to 100"), "{error}");
            let harsh = SamplingParams {
                repetition_penalty: value,
                ..ALL
            };
            let error = harsh.check().unwrap_err().to_string();
            assert!(error.contains("from 0.01 to 100"), "{error}");
        }
        for value in [0.01, 1.0, 100.0] {
            let sampling = SamplingParams {
                temperature: value,
                repetition_penalty: value,
                ..ALL
            };
            sampling.check().unwrap();
            // logits of a trained model stay finite, and one is sampled
            one(&[30.0, -30.0, 0.5], &[0, 1], &sampling).unwrap();
        }
        GREEDY.check().unwrap();
    }

    #[test]
    fn settings_without_the_newer_ones_are_read_as_off() {
        let old = r#"{"max_new_tokens":8,"temperature":1.0,"top_k":0,"top_p":1.0,"repetition_penalty":1.0,"seed":1}"#;
        assert_eq!(serde_json::from_str::<SamplingParams>(old).unwrap(), ALL);
        assert_eq!(ALL.further(), "");
        let new = SamplingParams {
            min_p: 0.05,
            repetition_penalty: 1.2,
            no_repeat_ngram: 3,
            ..ALL
        };
        assert_eq!(
            new.further(),
            ", min-p 0.05, repetition penalty 1.2, no-repeat n-gram 3"
        );
    }
}
