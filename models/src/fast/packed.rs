//! Weights packed once per precision, and products with them.
//!
//! A matrix `(k, n)` becomes panels of 32 columns, padded with zeros: f32 as it is; bf16 with two values of `k` side by
//! side; int8 with four, one scale per column, and activations with one scale per row.
//!
//! int8 survives outlier channels (a few channels of GPT-2 are 50 times as large as the others) by two steps that need
//! no calibration data:
//! - Channels of `k` are balanced: weights are divided by the root mean square of their channel, activations are
//!   multiplied by it, so neither a channel of small weights nor its large activations lose their bits (SmoothQuant,
//!   Xiao et al. 2022, arXiv:2211.10438, with the scales taken from the weights alone).
//! - What is still far above a row's mean is left out of the int8 product and added in f32 (LLM.int8(), Dettmers et al.
//!   2022, arXiv:2208.07339). It is decided per row, so a row's result does not depend on the batch.

use rayon::prelude::*;

use super::Precision;
use super::kernels::{
    Block, COLS, IntTile, Levels, ROWS, Tile, bf16_block, each_block, each_row, each_row_of_three,
    f32_block, int8_block, levels,
};
use super::rows::{
    ROWS_AT_ONCE, add_into, balance, dequantize, gelu_into, quantize, to_bf16, write_into,
};
use crate::ops::{Gelu, Layout};

/// A weight matrix `(k, n)` with its bias.
pub struct Packed {
    k: usize,
    n: usize,
    panels: Panels,
    /// (n), padded to whole panels.
    bias: Vec<f32>,
}

enum Panels {
    F32(Vec<f32>),
    Bf16(Vec<u16>),
    Int8(Int8),
}

struct Int8 {
    panels: Vec<i8>,
    /// (k): what activations are multiplied by.
    channels: Vec<f32>,
    /// (n): the value of one step of a column.
    scales: Vec<f32>,
    /// (n): 128 times the sum of a column, for activations are stored with an offset of 128.
    offsets: Vec<i32>,
}

/// What is done with `x · w + bias`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is written to `y`.
    Write,
    /// Its GELU is.
    Gelu(Gelu),
    /// It is added to `y`.
    Add,
}

/// Activations in the form that a product reads, reused from product to product.
#[derive(Default)]
pub struct Converted {
    bf16: Vec<u16>,
    int8: Vec<u8>,
    steps: Vec<Step>,
    /// Outliers of all rows: channel and value.
    outliers: Vec<(u32, f32)>,
    /// Where those of each row begin, and the end.
    starts: Vec<usize>,
    balanced: Vec<f32>,
}

/// The rounding of a row.
#[derive(Clone, Copy, Default)]
struct Step {
    /// The value of one int8 step.
    size: f32,
    /// Number of outliers.
    outliers: usize,
}

/// At most one channel in this many is an outlier of a row, and [`FEW`] more.
const OUTLIERS: usize = 64;
const FEW: usize = 4;

impl Packed {
    /// Packs `weight` with a bias of `n` values, or none.
    ///
    /// # Panics
    /// If the lengths do not match: the shapes of tensors are checked where they are taken from the checkpoint.
    pub fn new(
        weight: &[f32],
        (k, n): (usize, usize),
        layout: Layout,
        bias: &[f32],
        precision: Precision,
    ) -> Self {
        assert!(weight.len() == k * n && (bias.is_empty() || bias.len() == n));
        let read = Source {
            weight,
            k,
            n,
            layout,
        };
        let panels = match precision {
            Precision::F32 => Panels::F32(fill(k, n, 1, |i, c| read.at(i, c))),
            Precision::Bf16 => Panels::Bf16(fill(k, n, 2, |i, c| bf16(read.at(i, c)))),
            Precision::Int8 => Panels::Int8(Int8::new(&read)),
        };
        let mut padded = bias.to_vec();
        padded.resize(n.next_multiple_of(COLS), 0.0);
        Self {
            k,
            n,
            panels,
            bias: padded,
        }
    }

    /// n.
    pub fn outputs(&self) -> usize {
        self.n
    }

    /// Column `c` of the weights, as it was packed: a row of a tied embedding.
    pub fn column(&self, c: usize, out: &mut [f32]) {
        assert!(c < self.n && out.len() == self.k);
        let (panel, c) = (c / COLS, c % COLS);
        for (i, out) in out.iter_mut().enumerate() {
            *out = match &self.panels {
                Panels::F32(w) => w[(panel * self.k + i) * COLS + c],
                Panels::Bf16(w) => {
                    let k = self.k.next_multiple_of(2);
                    widen(w[(panel * k + i / 2 * 2) * COLS + 2 * c + i % 2])
                }
                Panels::Int8(w) => {
                    let k = self.k.next_multiple_of(4);
                    let q = w.panels[(panel * k + i / 4 * 4) * COLS + 4 * c + i % 4];
                    f32::from(q) * w.scales[panel * COLS + c] * w.channels[i]
                }
            };
        }
    }

    /// `y (rows, n)` from `x (rows, k)`.
    pub fn product(&self, x: &[f32], then: Then, y: &mut [f32], converted: &mut Converted) {
        self.product_at(levels(), x, then, y, converted);
    }

    fn product_at(
        &self,
        levels: Levels,
        x: &[f32],
        then: Then,
        y: &mut [f32],
        converted: &mut Converted,
    ) {
        if x.is_empty() || self.n == 0 {
            return;
        }
        let (k, n, rows) = (self.k, self.n, x.len() / self.k);
        assert!(x.len() == rows * k && y.len() == rows * n, "product");
        let blocks = |panel: usize, mut y: Block<'_>, sums: &dyn Fn(usize, usize, &mut Tile)| {
            let bias = &self.bias[panel * COLS..][..COLS];
            let mut tile = [[0.0; COLS]; ROWS];
            for row in (0..rows).step_by(ROWS) {
                let some = ROWS.min(rows - row);
                sums(row, some, &mut tile);
                for (r, sums) in tile[..some].iter().enumerate() {
                    finish(sums, bias, then, y.row(row + r));
                }
            }
        };
        match &self.panels {
            Panels::F32(w) => each_block(y, n, &[0, rows], COLS, |_, p, y| {
                let panel = &w[p * k * COLS..][..k * COLS];
                blocks(p, y, &|row, some, tile| {
                    f32_block(levels.f32, &x[row * k..], k, some, panel, false, tile);
                });
            }),
            Panels::Bf16(w) => {
                let kp = k.next_multiple_of(2);
                converted.fill_bf16(x, k);
                let x = &converted.bf16;
                each_block(y, n, &[0, rows], COLS, |_, p, y| {
                    let panel = &w[p * kp * COLS..][..kp * COLS];
                    blocks(p, y, &|row, some, tile| {
                        bf16_block(levels.bf16, &x[row * kp..], kp, some, panel, false, tile);
                    });
                });
            }
            Panels::Int8(w) => {
                let kp = k.next_multiple_of(4);
                converted.fill_int8(x, &w.channels);
                let from = &*converted;
                each_block(y, n, &[0, rows], COLS, |_, p, y| {
                    let panel = &w.panels[p * kp * COLS..][..kp * COLS];
                    let columns = p * COLS..(p + 1) * COLS;
                    let (scales, offsets) = (&w.scales[columns.clone()], &w.offsets[columns]);
                    blocks(p, y, &|row, some, tile| {
                        let mut ints: IntTile = [[0; COLS]; ROWS];
                        let x = &from.int8[row * kp..];
                        int8_block(levels.int8, x, kp, some, panel, &mut ints);
                        for r in 0..some {
                            let outliers =
                                &from.outliers[from.starts[row + r]..from.starts[row + r + 1]];
                            let step = from.steps[row + r].size;
                            dequantize(
                                &ints[r],
                                offsets,
                                scales,
                                step,
                                outliers,
                                panel,
                                &mut tile[r],
                            );
                        }
                    });
                });
            }
        }
    }
}

fn finish(sums: &[f32; COLS], bias: &[f32], then: Then, y: &mut [f32]) {
    match then {
        Then::Write => write_into(sums, bias, y),
        Then::Gelu(form) => gelu_into(sums, bias, form, y),
        Then::Add => add_into(sums, bias, y),
    }
}

struct Source<'a> {
    weight: &'a [f32],
    k: usize,
    n: usize,
    layout: Layout,
}

impl Source<'_> {
    fn at(&self, i: usize, c: usize) -> f32 {
        match self.layout {
            Layout::InOut => self.weight[i * self.n + c],
            Layout::OutIn => self.weight[c * self.k + i],
        }
    }

    /// The sum of squares of each channel of `k`, in memory order.
    fn squares(&self) -> Vec<f64> {
        let square = |x: &f32| f64::from(*x).powi(2);
        if self.layout == Layout::InOut {
            let rows = self.weight.par_chunks(self.n.max(1));
            return rows.map(|row| row.iter().map(square).sum()).collect();
        }
        let parts: Vec<Vec<f64>> = self
            .weight
            .par_chunks(self.k.max(1) * 256)
            .map(|rows| {
                let mut sums = vec![0.0; self.k];
                for row in rows.chunks_exact(self.k) {
                    sums.iter_mut()
                        .zip(row)
                        .for_each(|(sum, x)| *sum += square(x));
                }
                sums
            })
            .collect();
        let mut sums = vec![0.0; self.k];
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
        sums
    }
}

/// Panels of 32 columns with `group` values of `k` side by side; what pads them is the default.
fn fill<T: Copy + Default + Send>(
    k: usize,
    n: usize,
    group: usize,
    at: impl Fn(usize, usize) -> T + Sync,
) -> Vec<T> {
    let kp = k.next_multiple_of(group);
    let mut out = vec![T::default(); kp * n.next_multiple_of(COLS)];
    out.par_chunks_mut((kp * COLS).max(1))
        .enumerate()
        .for_each(|(p, panel)| {
            let width = COLS.min(n - p * COLS);
            for i in 0..k {
                for c in 0..width {
                    panel[i / group * group * COLS + c * group + i % group] = at(i, p * COLS + c);
                }
            }
        });
    out
}

impl Int8 {
    fn new(read: &Source) -> Self {
        let (k, n) = (read.k, read.n);
        let channels: Vec<f32> = read
            .squares()
            .into_iter()
            .map(|squares| (squares / n.max(1) as f64).sqrt() as f32)
            .collect();
        // a channel without weights takes no part
        let inverse: Vec<f32> = channels
            .iter()
            .map(|&size| if size == 0.0 { 0.0 } else { 1.0 / size })
            .collect();
        let mut scales: Vec<f32> = (0..n)
            .into_par_iter()
            .map(|c| {
                let mut most = 0f32;
                for (i, inverse) in inverse.iter().enumerate() {
                    let value = (read.at(i, c) * inverse).abs();
                    // NaN and infinite weights must not become numbers
                    most = if value.is_finite() {
                        most.max(value)
                    } else {
                        f32::NAN
                    };
                    if most.is_nan() {
                        break;
                    }
                }
                most / 127.0
            })
            .collect();
        scales.resize(n.next_multiple_of(COLS), 0.0);
        let panels = fill(k, n, 4, |i, c| match scales[c] > 0.0 {
            true => (read.at(i, c) * inverse[i] / scales[c]).round() as i8,
            false => 0,
        });
        let kp = k.next_multiple_of(4);
        let offsets = panels
            .par_chunks((kp * COLS).max(1))
            .flat_map_iter(|panel| {
                (0..COLS).map(|c| {
                    let groups = panel.as_chunks::<{ 4 * COLS }>().0;
                    let column = groups.iter().flat_map(|group| &group[4 * c..4 * c + 4]);
                    128 * column.map(|q| i32::from(*q)).sum::<i32>()
                })
            })
            .collect();
        Self {
            panels,
            channels,
            scales,
            offsets,
        }
    }
}

impl Converted {
    fn fill_bf16(&mut self, x: &[f32], k: usize) {
        let (rows, kp) = (x.len() / k, k.next_multiple_of(2));
        self.bf16.resize(rows * kp, 0);
        each_row(rows, ROWS_AT_ONCE, (&mut self.bf16, kp), |row, half| {
            to_bf16(&x[row * k..][..k], half);
            half[k..].fill(0);
        });
    }

    /// Balances and rounds each row; the values beyond its limit go to the outliers.
    fn fill_int8(&mut self, x: &[f32], channels: &[f32]) {
        let k = channels.len();
        let (rows, kp) = (x.len() / k, k.next_multiple_of(4));
        self.int8.resize(rows * kp, 0);
        self.steps.resize(rows, Step::default());
        self.balanced.resize(rows * k, 0.0);
        each_row_of_three(
            rows,
            ROWS_AT_ONCE,
            (&mut self.balanced, k),
            (&mut self.int8, kp),
            (&mut self.steps, 1),
            |row, balanced, int8, step| {
                let (mean, most) = balance(&x[row * k..][..k], channels, balanced);
                let (mut limit, mut outliers) = (LIMIT * mean, 0);
                while most > limit {
                    outliers = balanced.iter().filter(|x| x.abs() > limit).count();
                    if outliers <= k / OUTLIERS + FEW {
                        break;
                    }
                    limit *= 2.0;
                    outliers = 0;
                }
                let (int8, padding) = int8.split_at_mut(k);
                padding.fill(128);
                step[0] = Step {
                    size: quantize(balanced, limit, int8),
                    outliers,
                };
            },
        );
        self.outliers.clear();
        self.starts.clear();
        self.starts.push(0);
        for (step, balanced) in self.steps.iter().zip(self.balanced.chunks_exact(k)) {
            if step.outliers > 0 {
                // `quantize` left the outliers in place and made the others zero
                let found = balanced.iter().zip(0..).filter(|(x, _)| **x != 0.0);
                self.outliers.extend(found.map(|(x, i)| (i, *x)));
            }
            self.starts.push(self.outliers.len());
        }
    }
}

/// A value above this many times the mean magnitude of its row is an outlier: 4.8 standard deviations of a normal
/// distribution, whose largest of 768 values is usually near 3.2.
const LIMIT: f32 = 6.0;

/// The nearest bf16, ties to even; NaN stays NaN.
pub fn bf16(x: f32) -> u16 {
    half::bf16::from_f32(x).to_bits()
}

/// A bf16 as f32.
pub fn widen(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::check::{gap, matmul, random, rms, up_to};
    use super::super::kernels::Level;
    use super::*;
    use crate::rng::Stream;

    const ALL: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::Int8];

    struct Case {
        rows: usize,
        k: usize,
        n: usize,
        x: Vec<f32>,
        w: Vec<f32>, // (k, n)
        bias: Vec<f32>,
    }

    /// Random shapes, odd ones too: every number of rows up to 40, and none.
    fn cases() -> impl Iterator<Item = Case> {
        (0..=80).map(|at| {
            let mut stream = Stream::at(2, "product", at);
            let (rows, k, n) = (
                at as usize % 41,
                1 + stream.below(200),
                1 + stream.below(120),
            );
            Case {
                rows,
                k,
                n,
                x: random(&mut stream, rows * k),
                w: random(&mut stream, k * n),
                bias: random(&mut stream, n),
            }
        })
    }

    fn of(case: &Case, precision: Precision) -> Packed {
        Packed::new(
            &case.w,
            (case.k, case.n),
            Layout::InOut,
            &case.bias,
            precision,
        )
    }

    fn product(packed: &Packed, levels: Levels, x: &[f32], then: Then) -> Vec<f32> {
        let mut y = vec![0.5; x.len() / packed.k * packed.n];
        packed.product_at(levels, x, then, &mut y, &mut Converted::default());
        y
    }

    fn all_levels() -> Vec<Levels> {
        let best = levels();
        up_to(Level::Avx512)
            .into_iter()
            .map(|level| Levels {
                f32: level.min(best.f32),
                bf16: level.min(best.bf16),
                int8: level.min(best.int8),
            })
            .collect()
    }

    /// The activations as int8 keeps them: rounded, with the outliers as they are; and the weights.
    fn rounded(case: &Case, packed: &Packed) -> (Vec<f32>, Vec<f32>) {
        let (mut x, mut w) = (case.x.clone(), vec![0.0; case.k * case.n]);
        let mut column = vec![0.0; case.k];
        for c in 0..case.n {
            packed.column(c, &mut column);
            (0..case.k).for_each(|i| w[i * case.n + c] = column[i]);
        }
        let Panels::Int8(int8) = &packed.panels else {
            let half = |x: &f32| widen(bf16(*x));
            if matches!(packed.panels, Panels::Bf16(_)) {
                x = x.iter().map(half).collect();
            }
            return (x, w);
        };
        for x in x.chunks_mut(case.k) {
            let balanced: Vec<f32> = x.iter().zip(&int8.channels).map(|(x, s)| x * s).collect();
            let mean = balanced.iter().map(|x| x.abs()).sum::<f32>() / case.k as f32;
            let mut limit = 6.0 * mean;
            let beyond = |limit: f32| balanced.iter().filter(|x| x.abs() > limit).count();
            while beyond(limit) > case.k / 64 + 4 {
                limit *= 2.0;
            }
            let inside = balanced.iter().filter(|x| x.abs() <= limit);
            let most = inside.fold(0f32, |most, x| most.max(x.abs()));
            for ((x, value), size) in x.iter_mut().zip(&balanced).zip(&int8.channels) {
                if value.abs() <= limit {
                    *x = (value * (127.0 / most)).round_ties_even() * (most / 127.0) / size;
                }
            }
        }
        (x, w)
    }

    #[test]
    fn products_equal_the_obvious_loop_on_what_they_store() {
        for case in cases() {
            for precision in ALL {
                let packed = of(&case, precision);
                let (x, w) = rounded(&case, &packed);
                let mut want = matmul(&x, &w, (case.rows, case.k, case.n));
                for row in want.chunks_mut(case.n) {
                    row.iter_mut().zip(&case.bias).for_each(|(y, b)| *y += b);
                }
                for levels in all_levels() {
                    let got = product(&packed, levels, &case.x, Then::Write);
                    let off = gap(&got, &want);
                    let (m, k, n) = (case.rows, case.k, case.n);
                    assert!(off < 2e-4, "{precision:?} {levels:?} {m}, {k}, {n}: {off}");
                    let added = product(&packed, levels, &case.x, Then::Add);
                    let want: Vec<f32> = got.iter().map(|y| y + 0.5).collect();
                    assert!(gap(&added, &want) < 1e-5);
                }
            }
        }
    }

    /// The error that a precision adds to a product of random numbers.
    #[test]
    fn precisions_are_close_to_exact() {
        for case in cases().filter(|case| case.k > 50 && case.rows > 0) {
            let want = matmul(&case.x, &case.w, (case.rows, case.k, case.n));
            for (precision, most) in [
                (Precision::F32, 1e-5),
                (Precision::Bf16, 0.02),
                (Precision::Int8, 0.06),
            ] {
                let without = Case {
                    bias: vec![0.0; case.n],
                    x: case.x.clone(),
                    w: case.w.clone(),
                    ..case
                };
                let got = product(&of(&without, precision), levels(), &case.x, Then::Write);
                let off = gap(&got, &want) / rms(&want);
                assert!(off < most, "{precision:?}: {off}");
            }
        }
    }

    #[test]
    fn gelu_is_applied_to_sum_and_bias() {
        for case in cases() {
            let packed = of(&case, Precision::F32);
            let sums = product(&packed, levels(), &case.x, Then::Write);
            for form in [Gelu::Tanh, Gelu::Erf] {
                let got = product(&packed, levels(), &case.x, Then::Gelu(form));
                let x =
                    candle_core::Tensor::new(sums.as_slice(), &candle_core::Device::Cpu).unwrap();
                let want = match sums.is_empty() {
                    true => Vec::new(),
                    false => crate::ops::gelu_ref(&x, form)
                        .unwrap()
                        .to_vec1::<f32>()
                        .unwrap(),
                };
                assert!(gap(&got, &want) < 1e-4, "{form:?}");
            }
        }
    }

    /// A row's result does not depend on the other rows, nor on the layout that the weights came in.
    #[test]
    fn rows_and_layouts_give_the_same_bits() {
        for case in cases() {
            let mut turned = vec![0.0; case.k * case.n];
            for i in 0..case.k {
                (0..case.n).for_each(|c| turned[c * case.k + i] = case.w[i * case.n + c]);
            }
            for precision in ALL {
                let packed = of(&case, precision);
                let all = product(&packed, levels(), &case.x, Then::Write);
                let shape = (case.k, case.n);
                let other = Packed::new(&turned, shape, Layout::OutIn, &case.bias, precision);
                assert_eq!(product(&other, levels(), &case.x, Then::Write), all);
                for (x, y) in case.x.chunks(case.k).zip(all.chunks(case.n)) {
                    assert_eq!(
                        product(&packed, levels(), x, Then::Write),
                        y,
                        "{precision:?}"
                    );
                }
            }
        }
    }

    /// At the ends of blocks of rows, of panels, and of what a kernel takes of k at once: a row alone gives the same
    /// bits, with every level; int8 gives them with all levels, the others nearly the same.
    #[test]
    fn ends_of_blocks_do_not_show() {
        for k in [3, 4, 127, 128, 130, 255, 256, 257, 260, 516] {
            for rows in 1..=ROWS + 1 {
                let n = [31, 32, 33, 65][(k + rows) % 4];
                let mut stream = Stream::at(5, "ends", (100 * k + rows) as u64);
                let case = Case {
                    rows,
                    k,
                    n,
                    x: random(&mut stream, rows * k),
                    w: random(&mut stream, k * n),
                    bias: random(&mut stream, n),
                };
                for precision in ALL {
                    let packed = of(&case, precision);
                    let most = match precision {
                        Precision::Int8 => 0.0,
                        _ => 2e-4,
                    };
                    let mut first = Vec::new();
                    for levels in all_levels() {
                        let all = product(&packed, levels, &case.x, Then::Write);
                        for (x, y) in case.x.chunks(k).zip(all.chunks(n)) {
                            let one = product(&packed, levels, x, Then::Write);
                            assert_eq!(one, y, "{precision:?} {levels:?} {rows}, {k}, {n}");
                        }
                        if first.is_empty() {
                            first = all;
                        } else {
                            let off = gap(&all, &first);
                            assert!(off <= most, "{precision:?} {levels:?} {k}: {off}");
                        }
                    }
                }
            }
        }
    }

    /// One channel in a hundred is 50 times as large: in the activations, or moved there from the weights.
    #[test]
    fn int8_keeps_its_precision_with_outlier_channels() {
        let (rows, k, n) = (8, 800, 96);
        for moved in [false, true] {
            let mut stream = Stream::new(4, "outliers");
            let (mut x, mut w) = (random(&mut stream, rows * k), random(&mut stream, k * n));
            for i in (7..k).step_by(100) {
                (0..rows).for_each(|r| x[r * k + i] *= 50.0);
                if moved {
                    w[i * n..][..n].iter_mut().for_each(|w| *w /= 50.0);
                }
            }
            let want = matmul(&x, &w, (rows, k, n));
            let packed = Packed::new(&w, (k, n), Layout::InOut, &[], Precision::Int8);
            let off = gap(&product(&packed, levels(), &x, Then::Write), &want) / rms(&want);
            assert!(off < 0.05, "moved {moved}: {off}");
        }
    }

    #[test]
    fn values_that_are_not_numbers_stay_so() {
        for bad in [f32::NAN, f32::INFINITY] {
            for precision in ALL {
                let (mut x, mut w) = (vec![1.0; 2 * 70], vec![1.0; 70 * 3]);
                x[3] = bad;
                let good = Packed::new(&w, (70, 3), Layout::InOut, &[], precision);
                let y = product(&good, levels(), &x, Then::Write);
                assert!(y[..3].iter().all(|y| !y.is_finite()), "{precision:?} {y:?}");
                assert!(
                    y[3..].iter().all(|y| (y - 70.0).abs() < 0.5),
                    "{precision:?} {y:?}"
                );
                w[4] = bad; // of column 1
                let damaged = Packed::new(&w, (70, 3), Layout::InOut, &[], precision);
                let y = product(&damaged, levels(), &[1.0; 70], Then::Write);
                assert!(!y[1].is_finite(), "{precision:?} {y:?}");
            }
        }
    }
}
