//! Attention over keys and values that lie in the panels which the kernels read, and the KV cache made of them.
//!
//! Keys are transposed: per head, panels of 32 tokens with D rows. Values: per head, panels of 32 of the D columns with
//! a row per token. So scores and outputs are the same products as all others, in f32, and appending a token moves
//! nothing.

use std::cell::RefCell;
use std::ops::Range;

use super::kernels::{Block, COLS, ROWS, Tile, each_block, f32_block, levels};
use super::rows::softmax;

/// Keys and values of one sequence in one layer.
#[derive(Clone)]
pub struct Kv {
    keys: Vec<f32>,
    values: Vec<f32>,
    heads: usize,
    d: usize,
    /// Tokens that fit, a multiple of 32.
    capacity: usize,
}

impl Kv {
    pub fn new(heads: usize, d: usize, tokens: usize) -> Self {
        let mut kv = Self {
            keys: Vec::new(),
            values: Vec::new(),
            heads,
            d,
            capacity: 0,
        };
        kv.reset(tokens);
        kv
    }

    /// Makes space for `tokens`; what it held is lost.
    pub fn reset(&mut self, tokens: usize) {
        self.capacity = tokens.next_multiple_of(COLS);
        self.keys.resize(self.heads * self.capacity * self.d, 0.0);
        self.values.resize(
            self.heads * self.capacity * self.d.next_multiple_of(COLS),
            0.0,
        );
    }

    /// The parts of head `h`.
    fn head(&self, h: usize) -> Head<'_> {
        let (keys, values) = (
            self.capacity * self.d,
            self.capacity * self.d.next_multiple_of(COLS),
        );
        Head {
            keys: &self.keys[h * keys..][..keys],
            values: &self.values[h * values..][..values],
            capacity: self.capacity,
        }
    }

    /// Stores the keys and values of `qkv (T, 3C)` as tokens `at..at + T`.
    pub fn write(&mut self, at: usize, qkv: &[f32]) {
        let (d, c) = (self.d, self.heads * self.d);
        let tokens = qkv.len() / (3 * c);
        assert!(
            at + tokens <= self.capacity,
            "more tokens than the cache has capacity for"
        );
        let (keys, values) = (self.capacity * d, self.capacity * d.next_multiple_of(COLS));
        for (t, qkv) in (at..).zip(qkv.chunks_exact(3 * c)) {
            for h in 0..self.heads {
                let part = |p: usize| &qkv[p * c + h * d..][..d];
                write_token(
                    &mut self.keys[h * keys..][..keys],
                    &mut self.values[h * values..][..values],
                    (t, self.capacity),
                    part(1),
                    part(2),
                );
            }
        }
    }
}

/// Stores key and value of token `t` of one head.
fn write_token(
    keys: &mut [f32],
    values: &mut [f32],
    (t, capacity): (usize, usize),
    key: &[f32],
    value: &[f32],
) {
    let panel = &mut keys[t / COLS * COLS * key.len()..];
    for (i, k) in key.iter().enumerate() {
        panel[i * COLS + t % COLS] = *k;
    }
    for (p, value) in value.chunks(COLS).enumerate() {
        values[(p * capacity + t) * COLS..][..value.len()].copy_from_slice(value);
    }
}

/// Keys and values of one head of one sequence.
#[derive(Clone, Copy)]
struct Head<'a> {
    keys: &'a [f32],
    values: &'a [f32],
    capacity: usize,
}

impl<'a> Head<'a> {
    fn keys(&self, panel: usize, d: usize) -> &'a [f32] {
        &self.keys[panel * COLS * d..][..COLS * d]
    }

    fn values(&self, panel: usize, tokens: usize) -> &'a [f32] {
        &self.values[panel * self.capacity * COLS..][..tokens * COLS]
    }
}

/// Rows of a batch that continue the same prompt.
pub struct Group<'a> {
    pub rows: Range<usize>,
    /// What all of them see, and its tokens.
    pub prompt: (&'a Kv, usize),
    /// What each row wrote itself, and its tokens; or empty: then the rows are the prompt's tokens from this one on,
    /// and each sees the ones up to itself.
    pub own: Vec<(&'a Kv, usize)>,
    pub from: usize,
}

thread_local! {
    /// Scores of a block of rows; keys and values of a head.
    static SPARE: RefCell<[Vec<f32>; 3]> = const { RefCell::new([const { Vec::new() }; 3]) };
}

/// Attention of the queries at the beginning of each row of `q`, rows `ld` apart, over what their group holds:
/// `y (rows, C)`.
pub fn cached(q: &[f32], ld: usize, groups: &[Group], heads: usize, y: &mut [f32]) {
    let Some(last) = groups.last() else { return };
    let c = y.len() / last.rows.end;
    let d = c / heads;
    let cuts: Vec<usize> = std::iter::once(0)
        .chain(groups.iter().map(|group| group.rows.end))
        .collect();
    each_block(y, c, &cuts, d, |g, h, mut y| {
        let group = &groups[g];
        let prompt = group.prompt.0.head(h);
        let own: Vec<(Head, usize)> = group.own.iter().map(|(kv, n)| (kv.head(h), *n)).collect();
        let q = &q[group.rows.start * ld + h * d..];
        SPARE.with_borrow_mut(|[scores, ..]| {
            for row in (0..y.rows()).step_by(ROWS) {
                let some = row..(row + ROWS).min(y.rows());
                let own = own.get(some.clone()).unwrap_or_default();
                let early = |r: usize| match own.is_empty() {
                    true => group.from + row + r + 1,
                    false => group.prompt.1,
                };
                attend(
                    &q[row * ld..],
                    ld,
                    d,
                    some,
                    prompt,
                    &early,
                    own,
                    scores,
                    &mut y,
                );
            }
        });
    });
}

/// Attention inside each sequence of `qkv (N, 3C)`, sequences beginning at `starts` (ascending, and the end):
/// `y (N, C)`; with `first`, only of the first token of each: `y (B, C)`.
pub fn within(qkv: &[f32], starts: &[usize], heads: usize, first: bool, y: &mut [f32]) {
    let Some(last) = starts.last().filter(|last| **last > 0) else {
        return;
    };
    let c = qkv.len() / last / 3;
    let d = c / heads;
    let firsts: Vec<usize>;
    let cuts = match first {
        true => {
            firsts = (0..starts.len()).collect();
            &firsts
        }
        false => starts,
    };
    each_block(y, c, cuts, d, |s, h, mut y| {
        let qkv = &qkv[starts[s] * 3 * c..starts[s + 1] * 3 * c];
        let tokens = starts[s + 1] - starts[s];
        let capacity = tokens.next_multiple_of(COLS);
        SPARE.with_borrow_mut(|[scores, keys, values]| {
            let keys = super::sized(keys, capacity * d);
            let values = super::sized(values, capacity * d.next_multiple_of(COLS));
            for (t, qkv) in qkv.chunks_exact(3 * c).enumerate() {
                let part = |p: usize| &qkv[p * c + h * d..][..d];
                write_token(keys, values, (t, capacity), part(1), part(2));
            }
            let head = Head {
                keys,
                values,
                capacity,
            };
            for row in (0..y.rows()).step_by(ROWS) {
                let some = row..(row + ROWS).min(y.rows());
                let q = &qkv[row * 3 * c + h * d..];
                attend(q, 3 * c, d, some, head, &|_| tokens, &[], scores, &mut y);
            }
        });
    });
}

/// Rows `rows` (at most 12) of a block of `y`. Row `r` sees `early(r)` tokens of `prompt` and all of `own[r]`.
#[allow(clippy::too_many_arguments)] // one head of one block of rows has this many parts
fn attend(
    q: &[f32],
    ld: usize,
    d: usize,
    rows: Range<usize>,
    prompt: Head,
    early: &dyn Fn(usize) -> usize,
    own: &[(Head, usize)],
    scores: &mut Vec<f32>,
    y: &mut Block,
) {
    let (level, n) = (levels().f32, rows.len());
    let seen = (0..n).map(early).max().unwrap_or(0);
    let late_at = seen.next_multiple_of(COLS);
    let longest = own.iter().map(|(_, n)| *n).max().unwrap_or(0);
    let width = late_at + longest.next_multiple_of(COLS);
    let scores = super::sized(scores, n * width);
    let mut tile: Tile = [[0.0; COLS]; ROWS];
    for p in 0..late_at / COLS {
        f32_block(level, q, ld, n, prompt.keys(p, d), false, &mut tile);
        for (scores, sums) in scores.chunks_exact_mut(width).zip(&tile) {
            scores[p * COLS..][..COLS].copy_from_slice(sums);
        }
    }
    for (r, (own, tokens)) in own.iter().enumerate() {
        for p in 0..tokens.div_ceil(COLS) {
            f32_block(level, &q[r * ld..], ld, 1, own.keys(p, d), false, &mut tile);
            scores[r * width + late_at + p * COLS..][..COLS].copy_from_slice(&tile[0]);
        }
    }
    let scale = 1.0 / (d as f32).sqrt();
    for (r, scores) in scores.chunks_exact_mut(width).enumerate() {
        let late = own.get(r).map_or(0, |(_, tokens)| *tokens);
        softmax(scores, early(r), late_at, late, scale);
    }
    for p in 0..d.div_ceil(COLS) {
        f32_block(
            level,
            scores,
            width,
            n,
            prompt.values(p, seen),
            false,
            &mut tile,
        );
        for (r, (own, tokens)) in own.iter().enumerate() {
            let scores = &scores[r * width + late_at..];
            let tile = &mut tile[r..=r];
            f32_block(level, scores, width, 1, own.values(p, *tokens), true, tile);
        }
        let from = p * COLS;
        for (row, sums) in rows.clone().zip(&tile) {
            let to = (d - from).min(COLS);
            y.row(row)[from..from + to].copy_from_slice(&sums[..to]);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::check::{attention as slow, gap, random};
    use super::*;
    use crate::rng::Stream;

    fn shape(stream: &mut Stream) -> (usize, usize) {
        (1 + stream.below(4), [8, 24, 32, 33, 64][stream.below(5)])
    }

    #[test]
    fn attention_inside_sequences_equals_the_obvious_loop() {
        for seed in 0..40 {
            let mut stream = Stream::at(3, "within", seed);
            let (heads, d) = shape(&mut stream);
            let c = heads * d;
            let mut starts = vec![0];
            for _ in 0..1 + stream.below(4) {
                starts.push(starts[starts.len() - 1] + 1 + stream.below(70));
            }
            let n = starts[starts.len() - 1];
            let qkv = random(&mut stream, n * 3 * c);
            let (mut y, mut firsts) = (vec![0.0; n * c], vec![0.0; (starts.len() - 1) * c]);
            within(&qkv, &starts, heads, false, &mut y);
            within(&qkv, &starts, heads, true, &mut firsts);
            for (s, two) in starts.windows(2).enumerate() {
                let part = &qkv[two[0] * 3 * c..two[1] * 3 * c];
                for t in two[0]..two[1] {
                    for h in 0..heads {
                        let q = &qkv[t * 3 * c + h * d..][..d];
                        let off = gap(&y[t * c + h * d..][..d], &slow(q, part, c, h, d));
                        assert!(off < 1e-5, "{heads} heads of {d}, token {t}: off by {off}");
                    }
                }
                let row = &y[two[0] * c..][..c];
                assert_eq!(&firsts[s * c..][..c], row, "the same bits");
            }
        }
    }

    /// Prompts read at once, rows that continue them, in one batch and alone.
    #[test]
    fn cached_attention_equals_the_obvious_loop() {
        for seed in 0..30 {
            let mut stream = Stream::at(3, "cached", seed);
            let (heads, d) = shape(&mut stream);
            let c = heads * d;
            // prompts, with the lengths of what their rows wrote
            let prompts: Vec<(usize, Vec<usize>)> = (0..1 + stream.below(3))
                .map(|_| {
                    let rows = (0..1 + stream.below(14)).map(|_| 1 + stream.below(50));
                    let rows = rows.collect();
                    (1 + stream.below(60), rows)
                })
                .collect();
            let (mut kvs, mut all) = (Vec::new(), Vec::new());
            for (tokens, rows) in &prompts {
                let prompt = random(&mut stream, tokens * 3 * c);
                let mut kv = Kv::new(heads, d, *tokens);
                kv.write(0, &prompt);
                let group = Group {
                    rows: 0..*tokens,
                    prompt: (&kv, *tokens),
                    own: Vec::new(),
                    from: 0,
                };
                let mut y = vec![0.0; tokens * c];
                cached(&prompt, 3 * c, &[group], heads, &mut y);
                for t in 0..*tokens {
                    for h in 0..heads {
                        let q = &prompt[t * 3 * c + h * d..][..d];
                        let want = slow(q, &prompt[..(t + 1) * 3 * c], c, h, d);
                        assert!(gap(&y[t * c + h * d..][..d], &want) < 1e-5);
                    }
                }
                let owns: Vec<Kv> = rows
                    .iter()
                    .map(|n| {
                        let own = random(&mut stream, n * 3 * c);
                        let mut kv = Kv::new(heads, d, *n);
                        // token by token, as it is used
                        for (t, one) in own.chunks(3 * c).enumerate() {
                            kv.write(t, one);
                        }
                        all.push([prompt.as_slice(), &own].concat());
                        kv
                    })
                    .collect();
                kvs.push((kv, owns));
            }
            let q: Vec<f32> = all
                .iter()
                .flat_map(|qkv| &qkv[qkv.len() - 3 * c..])
                .copied()
                .collect();
            let mut groups = Vec::new();
            let mut start = 0;
            for ((tokens, rows), (kv, owns)) in prompts.iter().zip(&kvs) {
                groups.push(Group {
                    rows: start..start + rows.len(),
                    prompt: (kv, *tokens),
                    own: owns.iter().zip(rows.iter().copied()).collect(),
                    from: 0,
                });
                start += rows.len();
            }
            let mut y = vec![0.0; start * c];
            cached(&q, 3 * c, &groups, heads, &mut y);
            for (r, qkv) in all.iter().enumerate() {
                for h in 0..heads {
                    let q = &q[r * 3 * c + h * d..][..d];
                    let off = gap(&y[r * c + h * d..][..d], &slow(q, qkv, c, h, d));
                    assert!(off < 1e-5, "{heads} heads of {d}, row {r}: off by {off}");
                }
            }
            let group = &groups[0];
            let one = Group {
                rows: 0..1,
                prompt: group.prompt,
                own: group.own[..1].to_vec(),
                from: 0,
            };
            let mut alone = vec![0.0; c];
            cached(&q, 3 * c, &[one], heads, &mut alone);
            assert_eq!(alone, y[..c], "the same bits");
        }
    }
}
