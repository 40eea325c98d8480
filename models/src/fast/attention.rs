//! Attention over keys and values that lie in the panels which the kernels read, and the KV cache made of them.
//!
//! Keys are transposed: per head, panels of 32 tokens with D rows. Values: per head, panels of 32 of the D columns with
//! a row per token. So scores and outputs are the same products as all others, and appending a token moves nothing.
//! Models in f32 keep them in f32, the others in bf16, whose sums are f32.

use std::cell::RefCell;
use std::ops::Range;

use super::Precision;
use super::kernels::{Block, COLS, ROWS, Tile, bf16_block, each_block, f32_block, levels};
use super::packed::bf16;
use super::rows::{softmax, to_bf16};

/// How keys, values and what is multiplied with them are stored: f32, or bf16 (as `u16`).
pub trait Value: Copy + Default + Send + Sync + 'static {
    /// Neighbors in the summed dimension that lie side by side in a panel.
    const GROUP: usize;
    fn from_f32(x: f32) -> Self;
    fn panels(kv: &Kv) -> Option<&Panels<Self>>;
    fn buffers(spare: &mut Spare) -> (&mut Vec<f32>, &mut Lists<Self>);
    /// `n` rows of `d` values that are `ld` apart in the form of [`Value::block`], and their distance there.
    fn rows<'a>(
        x: &'a [f32],
        ld: usize,
        n: usize,
        d: usize,
        out: &'a mut Vec<Self>,
    ) -> (&'a [Self], usize);
    /// `tile = x (rows, k) · panel (k, 32)`, added to `tile` if `keep`.
    fn block(
        x: &[Self],
        ldx: usize,
        rows: usize,
        panel: &[Self],
        keep: bool,
        tile: &mut [[f32; COLS]],
    );
}

impl Value for f32 {
    const GROUP: usize = 1;

    fn from_f32(x: f32) -> Self {
        x
    }

    fn panels(kv: &Kv) -> Option<&Panels<Self>> {
        match kv {
            Kv::F32(panels) => Some(panels),
            Kv::Bf16(_) => None,
        }
    }

    fn buffers(spare: &mut Spare) -> (&mut Vec<f32>, &mut Lists<Self>) {
        (&mut spare.scores, &mut spare.f32)
    }

    fn rows<'a>(
        x: &'a [f32],
        ld: usize,
        _: usize,
        _: usize,
        _: &'a mut Vec<Self>,
    ) -> (&'a [Self], usize) {
        (x, ld)
    }

    fn block(
        x: &[Self],
        ldx: usize,
        rows: usize,
        panel: &[Self],
        keep: bool,
        tile: &mut [[f32; COLS]],
    ) {
        f32_block(levels().f32, x, ldx, rows, panel, keep, tile);
    }
}

impl Value for u16 {
    const GROUP: usize = 2;

    fn from_f32(x: f32) -> Self {
        bf16(x)
    }

    fn panels(kv: &Kv) -> Option<&Panels<Self>> {
        match kv {
            Kv::F32(_) => None,
            Kv::Bf16(panels) => Some(panels),
        }
    }

    fn buffers(spare: &mut Spare) -> (&mut Vec<f32>, &mut Lists<Self>) {
        (&mut spare.scores, &mut spare.bf16)
    }

    fn rows<'a>(
        x: &'a [f32],
        ld: usize,
        n: usize,
        d: usize,
        out: &'a mut Vec<Self>,
    ) -> (&'a [Self], usize) {
        let padded = d.next_multiple_of(Self::GROUP);
        out.clear();
        out.resize(n * padded, 0);
        for (r, out) in out.chunks_exact_mut(padded.max(1)).enumerate() {
            to_bf16(&x[r * ld..][..d], out);
        }
        (out, padded)
    }

    fn block(
        x: &[Self],
        ldx: usize,
        rows: usize,
        panel: &[Self],
        keep: bool,
        tile: &mut [[f32; COLS]],
    ) {
        bf16_block(levels().bf16, x, ldx, rows, panel, keep, tile);
    }
}

/// What a thread computes with, reused from head to head.
#[derive(Default)]
pub struct Spare {
    /// Scores of a block of rows.
    scores: Vec<f32>,
    f32: Lists<f32>,
    bf16: Lists<u16>,
}

#[derive(Default)]
pub struct Lists<T> {
    queries: Vec<T>,
    probabilities: Vec<T>,
    keys: Vec<T>,
    values: Vec<T>,
}

thread_local! {
    static SPARE: RefCell<Spare> = RefCell::default();
}

/// Keys and values of one sequence in one layer.
#[derive(Clone)]
pub enum Kv {
    F32(Panels<f32>),
    Bf16(Panels<u16>),
}

#[derive(Clone)]
pub struct Panels<T> {
    keys: Vec<T>,
    values: Vec<T>,
    heads: usize,
    d: usize,
    /// Tokens that fit, a multiple of 32.
    capacity: usize,
}

impl Kv {
    /// Of a model of a precision: f32, or bf16 for both others.
    pub fn new(precision: Precision, heads: usize, d: usize, tokens: usize) -> Self {
        match precision {
            Precision::F32 => Self::F32(Panels::new(heads, d, tokens)),
            Precision::Bf16 | Precision::Int8 => Self::Bf16(Panels::new(heads, d, tokens)),
        }
    }

    /// Makes space for `tokens`; what it held is lost.
    pub fn reset(&mut self, tokens: usize) {
        match self {
            Self::F32(panels) => panels.reset(tokens),
            Self::Bf16(panels) => panels.reset(tokens),
        }
    }

    /// Stores the keys and values of `qkv (T, 3C)` as tokens `at..at + T`.
    pub fn write(&mut self, at: usize, qkv: &[f32]) {
        match self {
            Self::F32(panels) => panels.write(at, qkv),
            Self::Bf16(panels) => panels.write(at, qkv),
        }
    }
}

/// Values of one head for `capacity` tokens: of its keys, and of its values.
fn sizes<T: Value>(d: usize, capacity: usize) -> (usize, usize) {
    (
        capacity * d.next_multiple_of(T::GROUP),
        capacity * d.next_multiple_of(COLS),
    )
}

impl<T: Value> Panels<T> {
    fn new(heads: usize, d: usize, tokens: usize) -> Self {
        let mut panels = Self {
            keys: Vec::new(),
            values: Vec::new(),
            heads,
            d,
            capacity: 0,
        };
        panels.reset(tokens);
        panels
    }

    fn reset(&mut self, tokens: usize) {
        self.capacity = tokens.next_multiple_of(COLS);
        let (keys, values) = sizes::<T>(self.d, self.capacity);
        self.keys.resize(self.heads * keys, T::default());
        self.values.resize(self.heads * values, T::default());
    }

    /// The parts of head `h`.
    fn head(&self, h: usize) -> Head<'_, T> {
        let (keys, values) = sizes::<T>(self.d, self.capacity);
        Head {
            keys: &self.keys[h * keys..][..keys],
            values: &self.values[h * values..][..values],
            d: self.d,
            capacity: self.capacity,
        }
    }

    fn write(&mut self, at: usize, qkv: &[f32]) {
        let (d, c) = (self.d, self.heads * self.d);
        let tokens = qkv.len() / (3 * c);
        assert!(
            at + tokens <= self.capacity,
            "more tokens than the cache has capacity for"
        );
        let (keys, values) = sizes::<T>(d, self.capacity);
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

/// Stores key and value of token `t` of one head; tokens come in ascending order. What shares a group with them and is
/// not there yet becomes zero: it is multiplied with zeros, and a NaN of earlier use would survive that.
fn write_token<T: Value>(
    keys: &mut [T],
    values: &mut [T],
    (t, capacity): (usize, usize),
    key: &[f32],
    value: &[f32],
) {
    let padded = key.len().next_multiple_of(T::GROUP);
    let panel = &mut keys[t / COLS * COLS * padded..];
    for (i, k) in key.chunks(T::GROUP).enumerate() {
        let column = &mut panel[(i * COLS + t % COLS) * T::GROUP..][..T::GROUP];
        for (at, out) in column.iter_mut().enumerate() {
            *out = k.get(at).map_or_else(T::default, |k| T::from_f32(*k));
        }
    }
    let (group, lane) = (t / T::GROUP * T::GROUP, t % T::GROUP);
    for (p, value) in value.chunks(COLS).enumerate() {
        let rows = &mut values[(p * capacity + group) * COLS..][..value.len() * T::GROUP];
        for (out, x) in rows.chunks_exact_mut(T::GROUP).zip(value) {
            if lane == 0 {
                out.fill(T::default());
            }
            out[lane] = T::from_f32(*x);
        }
    }
}

/// Keys and values of one head of one sequence.
#[derive(Clone, Copy)]
struct Head<'a, T> {
    keys: &'a [T],
    values: &'a [T],
    d: usize,
    capacity: usize,
}

impl<'a, T: Value> Head<'a, T> {
    fn keys(&self, panel: usize) -> &'a [T] {
        let size = COLS * self.d.next_multiple_of(T::GROUP);
        &self.keys[panel * size..][..size]
    }

    /// Of the first tokens, and those that complete the last group.
    fn values(&self, panel: usize, tokens: usize) -> &'a [T] {
        &self.values[panel * self.capacity * COLS..][..tokens.next_multiple_of(T::GROUP) * COLS]
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

/// Attention of the queries at the beginning of each row of `q`, rows `ld` apart, over what their group holds:
/// `y (rows, C)`.
pub fn cached(q: &[f32], ld: usize, groups: &[Group], heads: usize, y: &mut [f32]) {
    let Some(last) = groups.last() else { return };
    let c = y.len() / last.rows.end;
    let cuts: Vec<usize> = std::iter::once(0)
        .chain(groups.iter().map(|group| group.rows.end))
        .collect();
    each_block(y, c, &cuts, c / heads, |g, h, y| {
        let group = &groups[g];
        let q = &q[group.rows.start * ld + h * (c / heads)..];
        match group.prompt.0 {
            Kv::F32(_) => cached_head::<f32>(q, ld, group, h, y),
            Kv::Bf16(_) => cached_head::<u16>(q, ld, group, h, y),
        }
    });
}

/// Head `h` of a group.
fn cached_head<T: Value>(q: &[f32], ld: usize, group: &Group, h: usize, mut y: Block) {
    let head = |kv| T::panels(kv).map(|panels| panels.head(h));
    let Some(prompt) = head(group.prompt.0) else {
        return;
    };
    let own: Vec<(Head<T>, usize)> = group
        .own
        .iter()
        .filter_map(|(kv, tokens)| Some((head(kv)?, *tokens)))
        .collect();
    assert_eq!(own.len(), group.own.len(), "caches of one precision");
    SPARE.with_borrow_mut(|spare| {
        for row in (0..y.rows()).step_by(ROWS) {
            let some = row..(row + ROWS).min(y.rows());
            let own = own.get(some.clone()).unwrap_or_default();
            let early = |r: usize| match own.is_empty() {
                true => group.from + row + r + 1,
                false => group.prompt.1,
            };
            let (scores, lists) = T::buffers(spare);
            let spare = (scores, &mut lists.queries, &mut lists.probabilities);
            attend(
                (&q[row * ld..], ld),
                some,
                prompt,
                &early,
                own,
                spare,
                &mut y,
            );
        }
    });
}

/// Attention inside each sequence of `qkv (N, 3C)`, sequences beginning at `starts` (ascending, and the end):
/// `y (N, C)`; with `first`, only of the first token of each: `y (B, C)`.
pub fn within(
    precision: Precision,
    qkv: &[f32],
    starts: &[usize],
    heads: usize,
    first: bool,
    y: &mut [f32],
) {
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
    each_block(y, c, cuts, d, |s, h, y| {
        let qkv = &qkv[starts[s] * 3 * c..starts[s + 1] * 3 * c];
        match precision {
            Precision::F32 => within_head::<f32>(qkv, c, d, h, y),
            Precision::Bf16 | Precision::Int8 => within_head::<u16>(qkv, c, d, h, y),
        }
    });
}

/// Head `h` of the first rows of a sequence `qkv (T, 3C)`.
fn within_head<T: Value>(qkv: &[f32], c: usize, d: usize, h: usize, mut y: Block) {
    let tokens = qkv.len() / (3 * c);
    let capacity = tokens.next_multiple_of(COLS);
    let (keys_size, values_size) = sizes::<T>(d, capacity);
    SPARE.with_borrow_mut(|spare| {
        let (scores, lists) = T::buffers(spare);
        let keys = at_least(&mut lists.keys, keys_size);
        let values = at_least(&mut lists.values, values_size);
        for (t, qkv) in qkv.chunks_exact(3 * c).enumerate() {
            let part = |p: usize| &qkv[p * c + h * d..][..d];
            write_token(keys, values, (t, capacity), part(1), part(2));
        }
        let head = Head {
            keys: &*keys,
            values: &*values,
            d,
            capacity,
        };
        for row in (0..y.rows()).step_by(ROWS) {
            let some = row..(row + ROWS).min(y.rows());
            let q = (&qkv[row * 3 * c + h * d..], 3 * c);
            let spare = (&mut *scores, &mut lists.queries, &mut lists.probabilities);
            attend(q, some, head, &|_| tokens, &[], spare, &mut y);
        }
    });
}

/// Buffers of one call: scores, queries and probabilities.
type Scratch<'a, T> = (&'a mut Vec<f32>, &'a mut Vec<T>, &'a mut Vec<T>);

/// Rows `rows` (at most 12) of a block of `y`, with their queries and the distance of two. Row `r` sees `early(r)`
/// tokens of `prompt` and all of `own[r]`.
fn attend<T: Value>(
    (q, ld): (&[f32], usize),
    rows: Range<usize>,
    prompt: Head<T>,
    early: &dyn Fn(usize) -> usize,
    own: &[(Head<T>, usize)],
    (scores, queries, probabilities): Scratch<T>,
    y: &mut Block,
) {
    let (d, n) = (prompt.d, rows.len());
    let seen = (0..n).map(early).max().unwrap_or(0);
    let late_at = seen.next_multiple_of(COLS);
    let longest = own.iter().map(|(_, n)| *n).max().unwrap_or(0);
    let width = late_at + longest.next_multiple_of(COLS);
    let scores = at_least(scores, n * width);
    let (q, ldq) = T::rows(q, ld, n, d, queries);
    let mut tile: Tile = [[0.0; COLS]; ROWS];
    for p in 0..late_at / COLS {
        T::block(q, ldq, n, prompt.keys(p), false, &mut tile);
        for (scores, sums) in scores.chunks_exact_mut(width).zip(&tile) {
            scores[p * COLS..][..COLS].copy_from_slice(sums);
        }
    }
    for (r, (own, tokens)) in own.iter().enumerate() {
        for p in 0..tokens.div_ceil(COLS) {
            T::block(&q[r * ldq..], ldq, 1, own.keys(p), false, &mut tile);
            scores[r * width + late_at + p * COLS..][..COLS].copy_from_slice(&tile[0]);
        }
    }
    let scale = 1.0 / (d as f32).sqrt();
    for (r, scores) in scores.chunks_exact_mut(width).enumerate() {
        let late = own.get(r).map_or(0, |(_, tokens)| *tokens);
        softmax(scores, early(r), late_at, late, scale);
    }
    // a multiple of 32: nothing is padded
    let (p_of, _) = T::rows(scores, width, n, width, probabilities);
    for p in 0..d.div_ceil(COLS) {
        T::block(p_of, width, n, prompt.values(p, seen), false, &mut tile);
        for (r, (own, tokens)) in own.iter().enumerate() {
            let p_of = &p_of[r * width + late_at..];
            let tile = &mut tile[r..=r];
            T::block(p_of, width, 1, own.values(p, *tokens), true, tile);
        }
        let from = p * COLS;
        for (row, sums) in rows.clone().zip(&tile) {
            let to = (d - from).min(COLS);
            y.row(row)[from..from + to].copy_from_slice(&sums[..to]);
        }
    }
}

/// The first `len` values of a buffer that only grows.
fn at_least<T: Value>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        buffer.resize(len, T::default());
    }
    &mut buffer[..len]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::check::{attention as slow, gap, random};
    use super::*;
    use crate::rng::Stream;

    /// With the largest error relative to values of about 1.
    const EACH: [(Precision, f32); 2] = [(Precision::F32, 1e-5), (Precision::Bf16, 0.02)];

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
            let (precision, most) = EACH[seed as usize % 2];
            let (mut y, mut firsts) = (vec![0.0; n * c], vec![0.0; (starts.len() - 1) * c]);
            within(precision, &qkv, &starts, heads, false, &mut y);
            within(precision, &qkv, &starts, heads, true, &mut firsts);
            for (s, two) in starts.windows(2).enumerate() {
                let part = &qkv[two[0] * 3 * c..two[1] * 3 * c];
                for t in two[0]..two[1] {
                    for h in 0..heads {
                        let q = &qkv[t * 3 * c + h * d..][..d];
                        let off = gap(&y[t * c + h * d..][..d], &slow(q, part, c, h, d));
                        assert!(off < most, "{heads} heads of {d}, token {t}: off by {off}");
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
            let (precision, most) = EACH[seed as usize % 2];
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
                let mut kv = Kv::new(precision, heads, d, *tokens);
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
                        assert!(gap(&y[t * c + h * d..][..d], &want) < most);
                    }
                }
                let owns: Vec<Kv> = rows
                    .iter()
                    .map(|n| {
                        let own = random(&mut stream, n * 3 * c);
                        let mut kv = Kv::new(precision, heads, d, *n);
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
                    assert!(off < most, "{heads} heads of {d}, row {r}: off by {off}");
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
