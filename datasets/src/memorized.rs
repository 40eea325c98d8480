//! Which training reply a generated text copies: all of it, a long run of its words, or most of it.
//!
//! Texts are compared by their words, as everywhere in this crate (`near`). An [`Index`] finds, for a text:
//!
//! - a reply with the same words;
//! - the longest run of words that it shares with a reply. Of each reply, some of its n-grams are kept, chosen by
//!   winnowing (Schleimer, Wilkerson, Aiken 2003, "Winnowing: local algorithms for document fingerprinting"): of every
//!   [`WINDOW`] consecutive n-grams the one with the least hash, so that a shared run of [`GUARANTEED`] words contains a
//!   kept one. Each place where one is found is extended word by word in both directions;
//! - the most similar reply, by the Jaccard similarity of their shingles. Those to compare are found by MinHash (Broder
//!   1997) in bands (Leskovec, Rajaraman, Ullman, "Mining of massive datasets", section 3.4): of replies with a
//!   similarity of 0.8, 99.9% share a band; of those with 0.9, all but two in a million.
//!
//! It takes about 8 bytes per word and 100 per reply: 4 for the hash of a word, 8 for each of the n-grams that are kept
//! (two of five), 80 for the bands. Texts are not kept.

use std::collections::HashSet;
use std::ops::Range;

use rayon::prelude::*;

use crate::length::HALVES;
use crate::near::{self, Near, fnv, mix, overlap, shingles_of};

/// Minimum number of words of a copied reply: people, too, repeat "Thanks a lot!".
pub const EXACT_WORDS: usize = 5;

/// A single word of this many characters is a sentence of a script without spaces, and as telling as five words.
const LONG_WORD: usize = 20;

/// A run of this many words is copied, whatever the rest of the text says. Words are letters and digits only, so that
/// "I don't" has three.
pub const LONG_RUN: usize = 12;

/// A run of this many words is copied if it is most of the text. Shorter ones are phrases that people share.
pub const SHORT_RUN: usize = GUARANTEED;

/// The share of its words, in percent, that makes a run most of a text.
const MOST_PERCENT: usize = 60;

/// Words per n-gram.
const GRAM: usize = 5;

/// One of this many consecutive n-grams of a reply is kept.
const WINDOW: usize = 4;

/// A shared run of this many words is always found.
pub const GUARANTEED: usize = GRAM + WINDOW - 1;

/// Bands of a MinHash signature, and hashes per band.
const BANDS: u64 = 10;
const ROWS: u64 = 3;

/// An n-gram or band is looked up in at most this many places, so that a phrase of ten thousand replies costs no time.
/// Nobody's words in particular are in so many.
const MOST_PLACES: usize = 10_000;

/// What a text copies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Copied {
    /// The pair of the training reply.
    pub pair: i64,
    pub how: How,
}

/// How much of a training reply a text copies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum How {
    /// Word by word all of it.
    Exact {
        /// Of the text.
        words: usize,
    },
    /// Consecutive words.
    Run { words: usize },
    /// Most of its shingles.
    Near {
        /// Jaccard similarity: 0.8 to 1.
        similarity: f64,
    },
}

/// Hashes with the places where they occur, sorted: 28 bits of the hash above 36 of the place. Different hashes may have
/// equal bits, so what is found is compared.
#[derive(Debug, Default)]
struct Places(Vec<u64>);

/// More words than any machine holds.
const PLACE_BITS: u32 = 36;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;

fn packed(hash: u64, place: usize) -> u64 {
    (hash >> PLACE_BITS << PLACE_BITS) | place as u64
}

impl Places {
    fn of(mut all: Vec<u64>) -> Self {
        all.par_sort_unstable();
        Self(all)
    }

    /// At most [`MOST_PLACES`].
    fn of_hash(&self, hash: u64) -> impl Iterator<Item = usize> {
        let upper = hash >> PLACE_BITS;
        let begin = self.0.partition_point(|entry| entry >> PLACE_BITS < upper);
        self.0[begin..]
            .iter()
            .take_while(move |entry| **entry >> PLACE_BITS == upper)
            .map(|entry| (entry & PLACE_MASK) as usize)
            .take(MOST_PLACES)
    }
}

/// The words of a text as hashes, none of which is 0, and whether it is long enough to be somebody's.
struct Words {
    hashes: Vec<u32>,
    is_telling: bool,
}

fn words_of(text: &str) -> Words {
    let words = near::words(text);
    let is_telling =
        words.len() >= EXACT_WORDS || words.iter().any(|w| w.chars().nth(LONG_WORD - 1).is_some());
    Words {
        hashes: words.iter().map(|word| hash_of_word(word)).collect(),
        is_telling,
    }
}

/// 32 bits, never 0: two different words are taken for the same once in four billion comparisons.
pub(crate) fn hash_of_word(word: &str) -> u32 {
    ((mix(fnv(word.as_bytes())) >> 32) as u32).max(1)
}

fn hash_of(words: &[u32]) -> u64 {
    words.iter().fold(0, |h, &word| mix(h ^ u64::from(word)))
}

fn shingles(words: &[u32]) -> Vec<u64> {
    let words: Vec<(u64, usize)> = (words.iter())
        .map(|&word| (u64::from(word), HALVES))
        .collect();
    shingles_of(&words, &Near::default())
}

/// The n-grams of a reply that are kept: hash and position.
fn fingerprints(words: &[u32]) -> Vec<(u64, usize)> {
    let hashes: Vec<u64> = words.windows(GRAM).map(hash_of).collect();
    if hashes.is_empty() {
        return Vec::new();
    }
    let mut kept: Vec<(u64, usize)> = Vec::new();
    for (first, window) in hashes.windows(WINDOW.min(hashes.len())).enumerate() {
        // of equal ones the last: it is in most of the following windows, too
        let least = (0..window.len()).fold(0, |least, at| match window[at] <= window[least] {
            true => at,
            false => least,
        });
        if kept.last().is_none_or(|(_, last)| *last != first + least) {
            kept.push((window[least], first + least));
        }
    }
    kept
}

/// One hash for each band of the MinHash signature; none of a text that is too short to compare.
fn bands(shingles: &[u64]) -> Vec<u64> {
    if shingles.is_empty() {
        return Vec::new();
    }
    let least = |n: u64| {
        let seed = mix(n + 1);
        shingles
            .iter()
            .fold(u64::MAX, |least, &shingle| least.min(mix(shingle ^ seed)))
    };
    (0..BANDS)
        .map(|band| (0..ROWS).fold(mix(band), |h, row| mix(h ^ least(band * ROWS + row))))
        .collect()
}

/// Collects training replies for an [`Index`].
#[derive(Debug, Default)]
pub struct Builder {
    index: Index,
    /// Hashes of the texts so far: of equal ones, only the first is kept.
    seen: HashSet<u64>,
}

impl Builder {
    /// Adds replies by the ids of their pairs.
    pub fn add<T: AsRef<str> + Sync>(&mut self, replies: &[(i64, T)]) {
        let all: Vec<Words> = replies
            .par_iter()
            .map(|(_, text)| words_of(text.as_ref()))
            .collect();
        for ((pair, _), words) in replies.iter().zip(all) {
            if words.is_telling && self.seen.insert(hash_of(&words.hashes)) {
                self.index.words.push(0);
                self.index.begins.push(self.index.words.len());
                self.index.words.extend(words.hashes);
                self.index.pairs.push(*pair);
            }
        }
    }

    /// Sorts what was added.
    pub fn build(self) -> Index {
        let mut index = self.index;
        index.words.push(0);
        let replies = 0..index.pairs.len();
        let exact = replies
            .clone()
            .into_par_iter()
            .map(|n| packed(hash_of(index.reply(n)), n))
            .collect();
        let grams = replies
            .clone()
            .into_par_iter()
            .flat_map_iter(|n| {
                let begin = index.begins[n];
                fingerprints(index.reply(n))
                    .into_iter()
                    .map(move |(hash, at)| packed(hash, begin + at))
            })
            .collect();
        let near = replies
            .into_par_iter()
            .flat_map_iter(|n| {
                bands(&shingles(index.reply(n)))
                    .into_iter()
                    .map(move |hash| packed(hash, n))
            })
            .collect();
        index.exact = Places::of(exact);
        index.grams = Places::of(grams);
        index.near = Places::of(near);
        index
    }
}

/// Training replies, for finding what a text copies. The default is empty: nothing is a copy.
#[derive(Debug, Default)]
pub struct Index {
    pairs: Vec<i64>,
    /// Where each reply begins in `words`.
    begins: Vec<usize>,
    /// The words of all replies, with a 0 before and after each: no word is 0, so no run goes beyond its reply.
    words: Vec<u32>,
    /// The words of replies, by number.
    exact: Places,
    /// N-grams, by their position in `words`.
    grams: Places,
    /// Bands, by number of the reply.
    near: Places,
}

impl Index {
    /// Number of different replies.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        let places = self.exact.0.len() + self.grams.0.len() + self.near.0.len();
        8 * (places + self.pairs.len() + self.begins.len()) + 4 * self.words.len()
    }

    fn reply(&self, n: usize) -> &[u32] {
        let end = match self.begins.get(n + 1) {
            Some(next) => next - 1,
            None => self.words.len() - 1,
        };
        &self.words[self.begins[n]..end]
    }

    /// What a text copies; `None`: nothing. An exact copy comes before a run, and a run before similarity.
    ///
    /// Only a text of at least [`EXACT_WORDS`] words (or a long one without spaces) is a copy.
    pub fn copied(&self, text: &str) -> Option<Copied> {
        let Words { hashes, is_telling } = words_of(text);
        if !is_telling || self.is_empty() {
            return None;
        }
        let words = hashes.len();
        let mut equal = self.exact.of_hash(hash_of(&hashes));
        if let Some(n) = equal.find(|n| self.reply(*n) == hashes) {
            return Some(Copied {
                pair: self.pairs[n],
                how: How::Exact { words },
            });
        }
        if let Some((pair, run)) = self.longest_run(&hashes) {
            let is_most = 100 * run.len() >= MOST_PERCENT * words;
            if run.len() >= LONG_RUN || (run.len() >= SHORT_RUN && is_most) {
                let words = run.len();
                return Some(Copied {
                    pair,
                    how: How::Run { words },
                });
            }
        }
        self.nearest(&hashes).map(|(pair, similarity)| Copied {
            pair,
            how: How::Near { similarity },
        })
    }

    /// The longest run of words that is also in a reply, with the reply's pair; of equally long ones, one of the first
    /// in the text. Runs of less than [`GUARANTEED`] words may not be found.
    fn longest_run(&self, words: &[u32]) -> Option<(i64, Range<usize>)> {
        let mut best: Option<(usize, Range<usize>)> = None;
        for (at, gram) in words.windows(GRAM).enumerate() {
            for place in self.grams.of_hash(hash_of(gram)) {
                let before = (1..=at)
                    .take_while(|n| self.words[place - n] == words[at - n])
                    .count();
                let after = (0..words.len() - at)
                    .take_while(|n| self.words[place + n] == words[at + n])
                    .count();
                if best
                    .as_ref()
                    .is_none_or(|(_, run)| before + after > run.len())
                {
                    best = Some((place, at - before..at + after));
                }
            }
        }
        let (place, run) = best?;
        let reply = self.begins.partition_point(|begin| *begin <= place) - 1;
        Some((self.pairs[reply], run))
    }

    /// The most similar reply that reaches the threshold of near-duplicates.
    fn nearest(&self, words: &[u32]) -> Option<(i64, f64)> {
        let ours = shingles(words);
        let mut replies: Vec<usize> = bands(&ours)
            .into_iter()
            .flat_map(|hash| self.near.of_hash(hash))
            .collect();
        replies.sort_unstable();
        replies.dedup();
        let similarities = replies.into_iter().filter_map(|n| {
            let theirs = shingles(self.reply(n));
            let both = overlap(&ours, &theirs, 1)?;
            let similarity = both as f64 / (ours.len() + theirs.len() - both) as f64;
            (similarity >= Near::default().threshold).then_some((self.pairs[n], similarity))
        });
        similarities.max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::repeats::longest_common_run;

    /// Words of a text by rank, as frequent as Zipf's law says: the k-th of `vocabulary` about 1/k times as often as the
    /// first.
    fn zipf(rng: &mut fastrand::Rng, vocabulary: f64, words: usize) -> String {
        let words: Vec<String> = (0..words)
            .map(|_| format!("w{}", vocabulary.powf(rng.f64()) as u64))
            .collect();
        words.join(" ")
    }

    fn index(replies: &[String]) -> Index {
        let numbered: Vec<(i64, &String)> = (0..).zip(replies).collect();
        let mut builder = Builder::default();
        // in several parts, as they are read
        for some in numbered.chunks(700) {
            builder.add(some);
        }
        builder.build()
    }

    /// 2,000 different replies of 5 to 60 words.
    fn replies() -> Vec<String> {
        let mut rng = fastrand::Rng::with_seed(1);
        (0..2_000)
            .map(|n| format!("reply{n} {}", zipf(&mut rng, 20_000.0, 4 + n % 56)))
            .collect()
    }

    #[test]
    fn every_planted_reply_is_an_exact_copy_of_its_pair() {
        let replies = replies();
        let index = index(&replies);
        assert_eq!(index.len(), 2_000);
        for (pair, reply) in (0..).zip(&replies) {
            let changed = format!("  {}!!", reply.to_uppercase().replace(' ', ",\n"));
            for text in [reply, &changed] {
                let copied = index.copied(text).unwrap();
                assert_eq!(copied.pair, pair);
                let words = reply.split(' ').count();
                assert_eq!(copied.how, How::Exact { words });
            }
        }
    }

    #[test]
    fn replies_with_small_edits_are_still_copies_of_their_pair() {
        let replies = replies();
        let index = index(&replies);
        let mut similar = 0;
        for (pair, reply) in (0..).zip(&replies) {
            let words: Vec<&str> = reply.split(' ').collect();
            let n = words.len();
            // a word added to at least eight
            if n >= SHORT_RUN {
                let copied = index.copied(&format!("{reply} indeed")).unwrap();
                assert_eq!(
                    copied,
                    Copied {
                        pair,
                        how: How::Run { words: n }
                    }
                );
            }
            // a word replaced in the middle of at least 29: 14 in a row are left
            if n >= 29 {
                let mut edited = words.clone();
                edited[n / 2] = "instead";
                assert_eq!(index.copied(&edited.join(" ")).map(|c| c.pair), Some(pair));
            }
            // every eleventh word replaced: no run is long, and no shingle set similar
            if n >= 44 {
                let mut edited = words.clone();
                for at in (10..n).step_by(11) {
                    edited[at] = "other";
                }
                assert_eq!(index.copied(&edited.join(" ")), None);
            }
            // the second half before the first: all but two shingles are the same
            if n >= 40 {
                let hashes = words_of(&format!(
                    "{} {}",
                    words[n / 2..].join(" "),
                    words[..n / 2].join(" ")
                ))
                .hashes;
                let (found, similarity) = index.nearest(&hashes).unwrap();
                assert_eq!(found, pair);
                assert!(similarity > 0.85, "{similarity}");
                similar += 1;
            }
        }
        assert!(similar > 500, "{similar}");
    }

    #[test]
    fn few_texts_of_the_same_vocabulary_are_copies() {
        let index = index(&replies());
        let mut rng = fastrand::Rng::with_seed(2);
        let flagged = (0..2_000)
            .filter(|n| {
                let text = zipf(&mut rng, 20_000.0, 5 + n % 56);
                index.copied(&text).is_some()
            })
            .count();
        assert!(flagged < 40, "{flagged} of 2,000");
    }

    #[test]
    fn short_replies_and_common_phrases_are_no_copies() {
        let replies = [
            "Thanks a lot!",
            "I'm not sure if this is what you mean, but the bearing of the pump is worn.",
            "見た目はとても良いのですが少し高すぎると思います",
        ]
        .map(str::to_owned);
        let index = index(&replies);
        assert_eq!(index.len(), 2);
        assert_eq!(index.copied("thanks a lot"), None);
        // seven words in a row
        assert_eq!(index.copied("I'm not sure if this is odd"), None);
        // nine words in a row, and less than 60% of the text
        assert_eq!(
            index.copied(
                "I'm not sure if this is what you need, since my own garden has rather heavy soil"
            ),
            None
        );
        // a sentence without spaces is one word, and long
        assert_eq!(
            index.copied(&replies[2]).unwrap(),
            Copied {
                pair: 2,
                how: How::Exact { words: 1 }
            }
        );
    }

    #[test]
    fn of_equal_replies_the_first_is_the_source_and_an_empty_index_has_none() {
        let twice = [
            "one two three four five six",
            "One, two, three, four, five, six.",
        ];
        let index = index(&twice.map(str::to_owned));
        assert_eq!(index.len(), 1);
        assert_eq!(index.copied(twice[1]).unwrap().pair, 0);
        assert_eq!(Index::default().copied(twice[0]), None);
        assert_eq!(Builder::default().build().copied(twice[0]), None);
    }

    #[test]
    fn longest_run_equals_that_of_comparing_all_words() {
        let mut found = 0;
        for seed in 0..400 {
            let mut rng = fastrand::Rng::with_seed(seed);
            // few different words, so that runs of all lengths are shared
            let vocabulary = [2.5, 4.0, 9.0][rng.usize(..3)];
            let mut texts: Vec<String> = (0..rng.usize(1..20))
                .map(|_| {
                    let words = rng.usize(5..60);
                    zipf(&mut rng, vocabulary, words)
                })
                .collect();
            let words = rng.usize(5..40);
            let text = zipf(&mut rng, vocabulary, words);
            if rng.bool() {
                texts.push(format!("{} {text}", zipf(&mut rng, vocabulary, 3)));
            }
            let index = index(&texts);
            let words = words_of(&text).hashes;
            let slow = texts
                .iter()
                .map(|reply| longest_common_run(&words, &words_of(reply).hashes))
                .max()
                .unwrap_or(0);
            let fast = index.longest_run(&words);
            let length = fast.as_ref().map_or(0, |(_, run)| run.len());
            match slow >= GUARANTEED {
                true => assert_eq!(length, slow, "seed {seed}"),
                false => assert!(length <= slow, "seed {seed}: {length} of {slow}"),
            }
            if let Some((pair, run)) = fast.filter(|(_, run)| !run.is_empty()) {
                let source = words_of(&texts[pair as usize]).hashes;
                let is_there = source.windows(run.len()).any(|w| *w == words[run.clone()]);
                assert!(is_there, "seed {seed}");
            }
            found += usize::from(slow >= GUARANTEED);
        }
        assert!(found > 100, "{found}");
    }

    #[test]
    fn every_run_of_guaranteed_length_contains_a_kept_gram() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..200 {
            let words: Vec<u32> = (0..rng.usize(GUARANTEED..80))
                .map(|_| rng.u32(1..5))
                .collect();
            let kept = fingerprints(&words);
            for begin in 0..=words.len() - GUARANTEED {
                let run = begin..=begin + GUARANTEED - GRAM;
                assert!(kept.iter().any(|(_, at)| run.contains(at)));
            }
        }
    }

    /// `cargo test --release -p repartee-datasets a_million_replies -- --ignored --nocapture`
    #[test]
    #[ignore = "prints the time and memory of an index of a million replies; takes a minute and 2 GB"]
    fn a_million_replies() {
        let mut rng = fastrand::Rng::with_seed(4);
        let begun = Instant::now();
        let mut builder = Builder::default();
        let mut planted = Vec::new();
        for page in 0..500_i64 {
            let replies: Vec<(i64, String)> = (0..2_000)
                .map(|n| {
                    let words = 5 + rng.usize(..60);
                    (2_000 * page + n, zipf(&mut rng, 60_000.0, words))
                })
                .collect();
            builder.add(&replies);
            planted.extend(replies.into_iter().step_by(1_000));
        }
        let read = begun.elapsed();
        let index = builder.build();
        println!(
            "{} replies: texts made and read in {:.1} s, sorted in {:.1} s, {:.0} MB",
            index.len(),
            read.as_secs_f64(),
            (begun.elapsed() - read).as_secs_f64(),
            index.bytes() as f64 / 1e6
        );
        let fresh: Vec<String> = (0..1_000).map(|_| zipf(&mut rng, 60_000.0, 40)).collect();
        let texts = fresh.iter().chain(planted.iter().map(|(_, text)| text));
        let (mut longest, mut sum, mut count) = (0.0_f64, 0.0, 0_u32);
        for text in texts {
            let begun = Instant::now();
            std::hint::black_box(index.copied(text));
            let ms = begun.elapsed().as_secs_f64() * 1e3;
            (longest, sum, count) = (longest.max(ms), sum + ms, count + 1);
        }
        let mean = sum / f64::from(count);
        println!("{count} texts: {mean:.2} ms each on average, at most {longest:.2} ms");
        let found = |(pair, text): &(i64, String)| {
            index
                .copied(text)
                .is_some_and(|copied| copied.pair == *pair)
        };
        assert!(planted.iter().all(found));
    }
}
