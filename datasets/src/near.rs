//! Near-duplicate texts, found exactly: every pair above the threshold, not most of them.
//!
//! Two texts are near-duplicates if the Jaccard similarity of their sets of word shingles reaches the threshold; in
//! scripts without spaces, a shingle has two characters for each word ([`length`]). The join is AllPairs with length and
//! prefix filtering (Bayardo, Ma, Srikant 2007, "Scaling up all pairs similarity search"; the bounds as in Xiao et al.
//! 2011, "Efficient similarity joins for near-duplicate detection", section 3): if J(x, y) >= t, then x and y share one
//! of the first |x| - ceil(t |x|) + 1 shingles in any common order; ordered from rare to frequent, few texts share one
//! by chance. So an audit that finds nothing is a proof, up to collisions of
//! 64-bit hashes, which can only add a pair.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use ts_rs::TS;
use unicode_normalization::UnicodeNormalization;

use crate::length::{self, HALVES, are_at_least, runs};

/// What counts as a near-duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Near {
    /// Words per shingle; in scripts without spaces, two characters count as a word.
    pub shingle: usize,
    /// Minimum number of words of a text that is compared by its shingles; shorter ones only match when equal.
    pub min_words: usize,
    /// Minimum Jaccard similarity of the shingle sets, above 0 and at most 1.
    pub threshold: f64,
}

impl Default for Near {
    fn default() -> Self {
        Self {
            shingle: 3,
            min_words: 8,
            threshold: 0.8,
        }
    }
}

/// Two texts that are near-duplicates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearDuplicate {
    /// Position of the first in the list that was searched.
    pub a: usize,
    /// Position of the second, after `a`.
    pub b: usize,
    /// Jaccard similarity of their shingle sets.
    pub similarity: f64,
}

/// Words of a text for comparison: compatibility-normalized, lower case, letters and digits only.
pub(crate) fn words(text: &str) -> Vec<String> {
    // Dumps are mostly ASCII, for which normalization changes nothing.
    let plain = if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.nfkc().flat_map(char::to_lowercase).collect()
    };
    plain
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Minimum length in words of a text with shingles.
fn least(near: &Near) -> usize {
    near.min_words.max(near.shingle).max(1)
}

/// Whether a text, as [`words`] joined by spaces, is long enough to be compared by its shingles.
pub(crate) fn is_long(normalized: &str, near: &Near) -> bool {
    let halves = |word: &str| match word.is_ascii() {
        true => HALVES,
        false => length::parts(word).iter().map(|(_, halves)| halves).sum(),
    };
    are_at_least(normalized.split(' ').map(halves), least(near))
}

/// The set of a text's shingles, as sorted hashes; empty when the text is too short to compare.
fn shingles(text: &str, near: &Near) -> Vec<u64> {
    let words = words(text);
    let parts: Vec<(u64, usize)> = (words.iter())
        .flat_map(|word| length::parts(word))
        .map(|(part, halves)| (fnv(part.as_bytes()), halves))
        .collect();
    shingles_of(&parts, near)
}

/// As [`shingles`], of words or parts of them that are given as hashes, each with its length in halves of a word.
pub(crate) fn shingles_of(parts: &[(u64, usize)], near: &Near) -> Vec<u64> {
    let halves = |part: &(u64, usize)| part.1;
    if !are_at_least(parts.iter().map(halves), least(near)) {
        return Vec::new();
    }
    let mut set: Vec<u64> = runs(parts, halves, near.shingle.max(1))
        .map(|run| parts[run].iter().fold(0, |h, &(part, _)| mix(h ^ part)))
        .collect();
    set.sort_unstable();
    set.dedup();
    set
}

/// FNV-1a, 64 bits.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |h, &b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3)
    })
}

/// The finalizer of SplitMix64, a bijection: chains of it depend on the order of the words.
pub(crate) fn mix(h: u64) -> u64 {
    let h = (h.wrapping_add(0x9E37_79B9_7F4A_7C15) ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    h ^ (h >> 31)
}

/// ceil(x), robust against a product slightly above a whole number.
fn ceil(x: f64) -> usize {
    (x - 1e-9).ceil().max(0.0) as usize
}

/// Finds the near-duplicates among texts.
///
/// Complete except for texts with equal shingle sets: of a group of those, only the first is paired with each of the
/// others, and only the first is compared with other texts. Connected components, and whether any pair crosses
/// partitions, are the same as from all pairs, and a bot's 10,000 equal comments give 9,999 pairs instead of 50
/// million. Sorted by `a`, then `b`.
pub fn find<T: AsRef<str> + Sync>(texts: &[T], near: &Near) -> Vec<NearDuplicate> {
    let sets: Vec<Vec<u64>> = texts
        .par_iter()
        .map(|t| shingles(t.as_ref(), near))
        .collect();
    let mut found = Vec::new();

    // 1. Merge equal sets.
    let mut first_of: HashMap<&[u64], usize> = HashMap::new();
    let mut unique = Vec::new();
    for (n, set) in sets.iter().enumerate().filter(|(_, set)| !set.is_empty()) {
        match first_of.get(set.as_slice()) {
            Some(&first) => found.push(NearDuplicate {
                a: first,
                b: n,
                similarity: 1.0,
            }),
            None => {
                first_of.insert(set, n);
                unique.push(n);
            }
        }
    }
    drop(first_of);

    // 2. Rank shingles from rare to frequent. One that is in a single text matches nothing: it counts toward the size
    //    of its set and its place in the prefix, and is not kept.
    let mut all: Vec<u64> = unique
        .iter()
        .flat_map(|&n| sets[n].iter().copied())
        .collect();
    all.par_sort_unstable();
    let mut shared: Vec<(u64, u32)> = all
        .chunk_by(|a, b| a == b)
        .filter(|run| run.len() > 1)
        .map(|run| (run[0], u32::try_from(run.len()).unwrap_or(u32::MAX)))
        .collect();
    drop(all);
    let mut by_frequency: Vec<u32> = (0..shared.len() as u32).collect();
    by_frequency.par_sort_unstable_by_key(|&i| (shared[i as usize].1, i));
    for (rank, &i) in by_frequency.iter().enumerate() {
        shared[i as usize].1 = rank as u32;
    }
    drop(by_frequency);
    // (text, size of its set, its shared shingles by rank), small sets first
    let mut ranked: Vec<(usize, usize, Vec<u32>)> = unique
        .par_iter()
        .map(|&n| {
            let mut ranks: Vec<u32> = sets[n]
                .iter()
                .filter_map(|h| shared.binary_search_by_key(h, |s| s.0).ok())
                .map(|i| shared[i].1)
                .collect();
            ranks.sort_unstable();
            (n, sets[n].len(), ranks)
        })
        .collect();
    ranked.par_sort_by_key(|&(n, size, _)| (size, n));

    // 3. Compare each text with the smaller ones that share a shingle of both prefixes.
    let t = near.threshold.clamp(1e-6, 1.0);
    let mut index: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut seen_by = vec![u32::MAX; ranked.len()];
    for (x, (n, size, ranks)) in ranked.iter().enumerate() {
        let alone = size - ranks.len(); // these come first in the order
        let prefix = size - ceil(t * *size as f64) + 1;
        let smallest = ceil(t * *size as f64);
        for rank in &ranks[..prefix.saturating_sub(alone).min(ranks.len())] {
            let posting = index.entry(*rank).or_default();
            // Sets are sorted by size: those too small for this one are too small for all that follow.
            let begin = posting.partition_point(|&y| ranked[y as usize].1 < smallest);
            posting.drain(..begin);
            for &y in posting.iter() {
                if std::mem::replace(&mut seen_by[y as usize], x as u32) == x as u32 {
                    continue;
                }
                let (m, other, theirs) = &ranked[y as usize];
                // J >= t  <=>  overlap >= t / (1 + t) (|x| + |y|)
                let least = ceil(t / (1.0 + t) * (size + other) as f64);
                if let Some(overlap) = overlap(ranks, theirs, least) {
                    let similarity = overlap as f64 / (size + other - overlap) as f64;
                    found.push(NearDuplicate {
                        a: *n.min(m),
                        b: *n.max(m),
                        similarity,
                    });
                }
            }
            posting.push(x as u32);
        }
    }
    found.sort_unstable_by_key(|pair| (pair.a, pair.b));
    found
}

/// Size of the intersection of two sorted lists; `None` as soon as it cannot reach `least`.
pub(crate) fn overlap<T: Ord>(a: &[T], b: &[T], least: usize) -> Option<usize> {
    let (mut i, mut j, mut both) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        if both + (a.len() - i).min(b.len() - j) < least {
            return None;
        }
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, both) = (i + 1, j + 1, both + 1),
        }
    }
    (both >= least).then_some(both)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Slow reference: every pair compared with every other.
    fn find_ref(texts: &[String], near: &Near) -> Vec<(usize, usize)> {
        let sets: Vec<_> = texts.iter().map(|t| shingles(t, near)).collect();
        let mut out = Vec::new();
        for a in 0..sets.len() {
            for b in a + 1..sets.len() {
                let both = sets[a].iter().filter(|s| sets[b].contains(s)).count();
                let either = sets[a].len() + sets[b].len() - both;
                if both > 0 && both as f64 >= near.threshold * either as f64 - 1e-9 {
                    out.push((a, b));
                }
            }
        }
        out
    }

    /// The smallest member of each text's component.
    fn components(n: usize, pairs: &[(usize, usize)]) -> Vec<usize> {
        let mut of: Vec<usize> = (0..n).collect();
        loop {
            let before = of.clone();
            for &(a, b) in pairs {
                let least = of[a].min(of[b]);
                (of[a], of[b]) = (least, least);
            }
            if of == before {
                return of;
            }
        }
    }

    #[test]
    fn join_finds_the_same_pairs_as_comparing_all() {
        for seed in 0..256 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let texts: Vec<String> = (0..rng.usize(..40))
                .map(|_| {
                    (0..rng.usize(..14))
                        .map(|_| format!("w{} ", rng.u8(..4)))
                        .collect()
                })
                .collect();
            let near = Near {
                shingle: rng.usize(1..4),
                min_words: 3,
                threshold: 0.3 + 0.7 * rng.f64(),
            };
            let fast = find(&texts, &near);
            let slow = find_ref(&texts, &near);
            let pairs: Vec<_> = fast.iter().map(|t| (t.a, t.b)).collect();
            assert!(
                pairs.iter().all(|p| slow.contains(p)),
                "seed {seed}: {pairs:?} {slow:?}"
            );
            assert_eq!(
                components(texts.len(), &pairs),
                components(texts.len(), &slow),
                "seed {seed}"
            );
            // Texts without an equal one: exactly the same pairs.
            let sets: Vec<_> = texts.iter().map(|t| shingles(t, &near)).collect();
            let alone = |n: usize| sets.iter().filter(|s| **s == sets[n]).count() == 1;
            let of_alone = |pairs: &[(usize, usize)]| -> Vec<_> {
                pairs
                    .iter()
                    .copied()
                    .filter(|&(a, b)| alone(a) && alone(b))
                    .collect()
            };
            assert_eq!(of_alone(&pairs), of_alone(&slow), "seed {seed}");
        }
    }

    #[test]
    fn case_and_punctuation_do_not_hide_a_copy_and_short_replies_never_match() {
        let long = "The quick brown fox jumps over the lazy dog near the river bank today";
        let texts = [
            long.to_owned(),
            long.to_uppercase() + "!!!",
            long.replace("today", "tonight"),
            "thanks a lot".into(),
            "Thanks a lot!".into(),
            "Something else entirely, written by somebody who never saw the first text".into(),
        ];
        let found: Vec<_> = find(&texts, &Near::default())
            .iter()
            .map(|t| (t.a, t.b))
            .collect();
        assert_eq!(found, [(0, 1), (0, 2)]);
    }

    /// Texts of scripts without spaces, each with a copy that differs by one character.
    pub(crate) const UNSPACED: [(&str, &str); 3] = [
        (
            "我们昨天在公园里看到一只很大的白色的狗它一直跟着我们走到车站然后就自己回家去了我觉得它认识路而且一点也不怕人真是太聪明了",
            "我们昨天在公园里看到一只很大的白色的狗它一直跟着我们走到车站然后就自己回家去了我觉得它认识路而且一点也不怕人真是太聪明啊",
        ),
        (
            "この前買ったラジオは音がとても良いのですが少し重いので旅行に持って行くにはあまり向いていないと思います",
            "この前買ったラジオは音がとても良いのですが少し重いので旅行に持って行くにはあまり向いていないと思いまし",
        ),
        (
            "เมื่อวานนี้ฉันไปตลาดกับแม่แล้วซื้อผลไม้มากมายกลับมาทำขนมให้ทุกคนในบ้านกินด้วยกันอย่างมีความสุขมาก",
            "เมื่อวานนี้ฉันไปตลาดกับแม่แล้วซื้อผลไม้มากมายกลับมาทำขนมให้ทุกคนในบ้านกินด้วยกันอย่างมีความสุขมาย",
        ),
    ];

    #[test]
    fn copies_in_scripts_without_spaces_are_near_duplicates() {
        let texts: Vec<&str> = UNSPACED.iter().flat_map(|(a, b)| [*a, *b]).collect();
        let found: Vec<_> = find(&texts, &Near::default())
            .iter()
            .map(|t| (t.a, t.b))
            .collect();
        assert_eq!(found, [(0, 1), (2, 3), (4, 5)]);
        // seven words and a half, and eight
        let short = "昨天公园里的狗很大也白真的";
        let of = |text: &str| shingles(text, &Near::default()).len();
        assert_eq!(
            (of(&format!("{short}呀吗")), of(&format!("{short}呀吗啊"))),
            (0, 11)
        );
        assert!(is_long(&format!("{short}呀吗啊"), &Near::default()));
        assert!(!is_long(&format!("{short}呀吗"), &Near::default()));
        // unlike texts share no runs of six characters
        assert!(
            find(
                &["今天下午我要去图书馆借几本关于花园的书", UNSPACED[0].0],
                &Near::default()
            )
            .is_empty()
        );
    }

    #[test]
    fn ten_thousand_equal_texts_are_a_star() {
        let texts = vec!["one two three four five six seven eight nine"; 10_000];
        assert_eq!(find(&texts, &Near::default()).len(), 9_999);
    }
}
