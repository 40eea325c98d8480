//! Sampling against slow references: the same token for the same random number, and the same distribution.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cmp::Ordering;

use repartee_models::generate::{SamplingParams, Seen, sample};
use repartee_models::rng::Stream;

const ALL: SamplingParams = SamplingParams::OFF;

/// Whether the last `n` tokens of `ids` and `token` already occur in `ids`.
fn repeats(ids: &[u32], token: u32, n: usize) -> bool {
    if n == 0 || n > ids.len() {
        return false;
    }
    let text = [ids, &[token][..]].concat();
    let end = &text[text.len() - n..];
    ids.windows(n).any(|gram| gram == end)
}

/// Samples by sorting all logits: the reference for `sample`. None if no token can be sampled.
fn sample_ref(logits: &[f32], ids: &[u32], sampling: &SamplingParams, random: f64) -> Option<u32> {
    let penalty = sampling.repetition_penalty as f32;
    let mut kept: Vec<(f32, u32)> = Vec::new();
    for (&logit, id) in logits.iter().zip(0..) {
        let logit = match (ids.contains(&id), logit > 0.0) {
            _ if repeats(ids, id, sampling.no_repeat_ngram) => f32::NEG_INFINITY,
            (true, true) => logit / penalty,
            (true, false) => logit * penalty,
            (false, _) => logit,
        };
        if !logit.is_nan() {
            kept.push((logit, id));
        }
    }
    kept.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let (most, likeliest) = *kept.first()?;
    if !most.is_finite() {
        return None;
    }
    if sampling.temperature == 0.0 {
        return Some(likeliest);
    }
    let weight = |logit: f32| (f64::from(logit - most) / sampling.temperature).exp();
    if sampling.top_k > 0 {
        kept.truncate(sampling.top_k);
    }
    if sampling.top_p < 1.0 {
        let all: f64 = kept.iter().map(|(logit, _)| weight(*logit)).sum();
        let mut total = 0.0;
        let reached = kept.iter().position(|(logit, _)| {
            total += weight(*logit);
            total >= sampling.top_p * all
        });
        kept.truncate(reached.unwrap() + 1);
    }
    kept.retain(|(logit, _)| weight(*logit) >= sampling.min_p);
    if sampling.top_p == 1.0 {
        kept.sort_by_key(|(_, id)| *id);
    }
    let all: f64 = kept.iter().map(|(logit, _)| weight(*logit)).sum();
    let mut left = random * all;
    for (logit, id) in &kept {
        left -= weight(*logit);
        if left < 0.0 {
            return Some(*id);
        }
    }
    let possible = kept.iter().rev().find(|(logit, _)| weight(*logit) > 0.0);
    possible.map(|(_, id)| *id)
}

fn one_of<T: Copy>(values: &[T], stream: &mut Stream) -> T {
    values[stream.below(values.len())]
}

/// Random logits, tokens so far and settings, with all that is rare: ties, both zeros, NaN, infinite logits, extreme
/// temperatures, masses that are reached exactly.
fn random_case(seed: u64) -> (Vec<f32>, Vec<u32>, SamplingParams) {
    let stream = &mut Stream::new(seed, "case");
    let n = match seed % 10 {
        0 => 50_257,
        1..4 => 1 + stream.below(20),
        _ => 1 + stream.below(4000),
    };
    let kind = stream.below(5);
    let mut logits: Vec<f32> = (0..n)
        .map(|_| match kind {
            0 => 1.5,
            1 => one_of(&[0.0, -0.0, -1.0, 1.0], stream),
            2 => (stream.next_normal() * 4.0).round() as f32 / 2.0,
            _ => (stream.next_normal() * 4.0) as f32,
        })
        .collect();
    if stream.below(2) == 0 {
        for logit in &mut logits {
            match stream.below(25) {
                0 => *logit = f32::NAN,
                1 => *logit = f32::NEG_INFINITY,
                _ => {}
            }
        }
    }
    let ids = (0..stream.below(30))
        .map(|_| stream.below(n.min(6)) as u32)
        .collect();
    let sampling = SamplingParams {
        temperature: one_of(
            &[0.0, 0.3, 1.0, 1.0, 1.7, 30.0, 1e-3, 1e-300, 1e300],
            stream,
        ),
        top_k: one_of(&[0, 0, 0, 1, 5, 40, 300, n], stream),
        top_p: one_of(
            &[1.0, 1.0, 0.95, 0.5, 0.25, 0.01, 0.999_999_999, 1.0 - 1e-16],
            stream,
        ),
        min_p: one_of(&[0.0, 0.0, 0.05, 0.5, 1.0, 1e-9], stream),
        repetition_penalty: one_of(&[1.0, 1.3, 0.8], stream),
        no_repeat_ngram: one_of(&[0, 0, 1, 2, 3], stream),
        ..ALL
    };
    (logits, ids, sampling)
}

#[test]
fn sampled_tokens_equal_those_of_the_reference_that_sorts_all_logits() {
    // its first number is 0: SplitMix64 maps 0 to 0, and the counter begins by adding this
    let key = 0u64.wrapping_sub(0x9e37_79b9_7f4a_7c15);
    let zero = format!(r#"{{"key":{key},"counter":0}}"#);
    let zero: Stream = serde_json::from_str(&zero).unwrap();
    assert_eq!(zero.clone().next_f64(), 0.0);
    let mut sampled = 0;
    for seed in 0..400 {
        let (logits, ids, sampling) = random_case(seed);
        let seen = Seen::new(ids.clone());
        let mut streams = vec![zero.clone()];
        streams.extend((0..3).map(|n| Stream::at(seed, "sample", n)));
        for mut stream in streams {
            let mut after = stream.clone();
            let random = after.next_f64();
            let expected = sample_ref(&logits, &ids, &sampling, random);
            let untouched = stream.clone();
            let got = sample(&mut logits.clone(), &seen, &sampling, &mut stream);
            let what = format!(
                "seed {seed}, {} logits, {sampling:?}: {got:?}",
                logits.len()
            );
            assert_eq!(got.ok(), expected, "{what}");
            let draws = expected.is_some() && sampling.temperature > 0.0;
            assert_eq!(stream, if draws { after } else { untouched }, "{what}");
            sampled += usize::from(draws);
        }
    }
    assert!(sampled > 1000, "only {sampled} tokens were sampled");
}

/// Probabilities after each setting in turn, renormalized in between as transformers' logits processors do: all in f64,
/// with nothing in common with the code under test.
fn distribution(logits: &[f32], ids: &[u32], sampling: &SamplingParams) -> Vec<f64> {
    let logits: Vec<f64> = logits
        .iter()
        .zip(0..)
        .map(|(&logit, id)| {
            let (logit, penalty) = (f64::from(logit), sampling.repetition_penalty);
            match ids.contains(&id) {
                _ if repeats(ids, id, sampling.no_repeat_ngram) => f64::NEG_INFINITY,
                true if logit > 0.0 => logit / penalty,
                true => logit * penalty,
                false => logit,
            }
        })
        .collect();
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut shares: Vec<f64> = match sampling.temperature {
        0.0 => logits
            .iter()
            .map(|x| f64::from(u8::from(*x == most)))
            .collect(),
        t => logits.iter().map(|x| ((x - most) / t).exp()).collect(),
    };
    let normalize = |shares: &mut Vec<f64>| {
        let all: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= all);
    };
    let by_share = |shares: &[f64]| {
        let mut ids: Vec<usize> = (0..shares.len()).collect();
        ids.sort_by(|a, b| {
            shares[*b]
                .partial_cmp(&shares[*a])
                .unwrap_or(Ordering::Equal)
        });
        ids
    };
    normalize(&mut shares);
    if sampling.top_k > 0 {
        for id in by_share(&shares).into_iter().skip(sampling.top_k) {
            shares[id] = 0.0;
        }
        normalize(&mut shares);
    }
    if sampling.top_p < 1.0 {
        let mut before = 0.0;
        for id in by_share(&shares) {
            let share = shares[id];
            if before >= sampling.top_p {
                shares[id] = 0.0;
            }
            before += share;
        }
        normalize(&mut shares);
    }
    let least = sampling.min_p * shares.iter().copied().fold(0.0, f64::max);
    for share in &mut shares {
        *share = if *share < least { 0.0 } else { *share };
    }
    normalize(&mut shares);
    shares
}

/// Upper critical values of the chi-square distribution at a significance of 0.001, for 1 to 23 degrees of freedom:
/// NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4.
const CRITICAL: [f64; 23] = [
    10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.125, 27.877, 29.588, 31.264, 32.910,
    34.528, 36.123, 37.697, 39.252, 40.790, 42.312, 43.820, 45.315, 46.797, 48.268, 49.728,
];

/// Whether Pearson's chi-square test rejects that the counts come from this distribution. Tokens that are expected less
/// than five times are counted together (Cochran 1954).
fn rejected(counts: &[u64], shares: &[f64]) -> bool {
    let draws = counts.iter().sum::<u64>() as f64;
    let mut all = counts.iter().zip(shares);
    if all.any(|(count, share)| *count > 0 && *share == 0.0) {
        return true;
    }
    let mut cells: Vec<(f64, f64)> = Vec::new();
    let mut rare = (0.0, 0.0);
    for (count, share) in counts.iter().zip(shares).filter(|(_, share)| **share > 0.0) {
        let (count, expected) = (*count as f64, share * draws);
        if expected >= 5.0 {
            cells.push((count, expected));
        } else {
            rare = (rare.0 + count, rare.1 + expected);
        }
    }
    cells.sort_by(|a, b| b.1.total_cmp(&a.1));
    match cells.last_mut() {
        Some(least) if rare.1 < 5.0 => *least = (least.0 + rare.0, least.1 + rare.1),
        _ => cells.push(rare),
    }
    let statistic: f64 = cells
        .iter()
        .map(|(count, expected)| (count - expected).powi(2) / expected)
        .sum();
    match cells.len() - 1 {
        0 => false,
        freedom => statistic > CRITICAL[freedom - 1],
    }
}

fn with(change: fn(&mut SamplingParams)) -> SamplingParams {
    let mut sampling = ALL;
    change(&mut sampling);
    sampling
}

#[test]
fn sampled_tokens_follow_the_distribution_of_the_settings() {
    const DRAWS: usize = 100_000;
    const V: usize = 24;
    let mut stream = Stream::new(5, "logits");
    let logits: Vec<f32> = (0..V).map(|_| 1.5 * stream.next_normal() as f32).collect();
    let mut ranked: Vec<u32> = (0..V as u32).collect();
    ranked.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
    // the last token was followed by the second and by the fourth most likely one
    let ids = [ranked[6], ranked[1], ranked[6], ranked[3], ranked[6]];
    let settings = [
        ALL,
        with(|s| s.temperature = 0.0),
        with(|s| s.temperature = 0.6),
        with(|s| s.temperature = 1.8),
        with(|s| s.top_k = 1),
        with(|s| s.top_k = 7),
        with(|s| s.top_p = 0.3),
        with(|s| s.top_p = 0.9),
        with(|s| s.min_p = 0.05),
        with(|s| s.min_p = 0.3),
        with(|s| s.repetition_penalty = 1.5),
        with(|s| s.repetition_penalty = 0.7),
        with(|s| s.no_repeat_ngram = 1),
        with(|s| s.no_repeat_ngram = 2),
        with(|s| (s.temperature, s.top_k, s.top_p) = (0.8, 12, 0.8)),
        with(|s| (s.temperature, s.top_k, s.min_p) = (1.4, 10, 0.1)),
        with(|s| (s.temperature, s.top_p, s.min_p) = (1.3, 0.95, 0.08)),
        with(|s| (s.repetition_penalty, s.no_repeat_ngram, s.top_p) = (1.3, 2, 0.9)),
        with(|s| {
            (s.temperature, s.top_k, s.top_p) = (1.2, 15, 0.97);
            (s.min_p, s.repetition_penalty, s.no_repeat_ngram) = (0.03, 1.2, 2);
        }),
    ];
    let seen = Seen::new(ids.to_vec());
    for (n, sampling) in settings.iter().enumerate() {
        let shares = distribution(&logits, &ids, sampling);
        let mut stream = Stream::at(9, "sample", n as u64);
        let mut counts = [0u64; V];
        for _ in 0..DRAWS {
            let token = sample(&mut logits.clone(), &seen, sampling, &mut stream).unwrap();
            counts[token as usize] += 1;
        }
        assert!(
            !rejected(&counts, &shares),
            "{sampling:?}: {counts:?}, not {shares:?}"
        );
        // and the test notices a temperature that is a quarter off, where more than two tokens are left
        if shares.iter().filter(|share| **share > 0.0).count() > 2 {
            let wrong = SamplingParams {
                temperature: sampling.temperature * 1.25,
                ..sampling.clone()
            };
            let wrong = distribution(&logits, &ids, &wrong);
            assert!(rejected(&counts, &wrong), "{sampling:?}: {counts:?}");
        }
    }
}
