//! The inner products of the fast path: a block of up to 12 rows times a panel of 32 columns.
//!
//! With AVX-512 all sums of a block stay in registers over the whole of `k`, and a panel is read once, in memory order.
//! With AVX2 those of a few rows do, over 128 or 256 of `k`, and this part of a panel stays in the first-level cache
//! until all rows have used it. Every output is one sum over `k` in ascending order, so its value depends neither on
//! the number of rows nor on the threads. f32 multiplies and adds with one rounding where the processor can (FMA); bf16
//! multiplies pairs and adds in f32; int8 is exact in 32-bit integers, so all its variants give equal results.
//!
//! This file and `team` have all the unsafe code of the fast path; here it is the vector instructions, and [`each_block`]
//! and [`each_row_of_three`], which lend parts of a matrix to threads. Lengths are checked in the safe functions before any
//! pointer is used.

use std::marker::PhantomData;
use std::sync::OnceLock;

use super::team::each;

/// Columns of a panel.
pub const COLS: usize = 32;
/// Maximum number of rows of a block.
pub const ROWS: usize = 12;

/// The sums of a block, a row of 32 columns each.
pub type Tile = [[f32; COLS]; ROWS];
/// The same in integers.
pub type IntTile = [[i32; COLS]; ROWS];

/// Which instructions a kernel uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor has; the compiler vectorizes it for NEON.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512, with its BF16 or VNNI instructions for these types.
    Avx512,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// The best level of this processor for each type.
#[derive(Debug, Clone, Copy)]
pub struct Levels {
    pub f32: Level,
    pub bf16: Level,
    pub int8: Level,
}

/// The levels of this processor.
pub fn levels() -> Levels {
    static LEVELS: OnceLock<Levels> = OnceLock::new();
    *LEVELS.get_or_init(detect)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Levels {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = avx2 && is_x86_feature_detected!("avx512f");
    let of = |avx512| match (avx512, avx2) {
        (true, _) => Level::Avx512,
        (false, true) => Level::Avx2,
        (false, false) => Level::Portable,
    };
    Levels {
        f32: of(avx512),
        bf16: of(avx512 && is_x86_feature_detected!("avx512bf16")),
        int8: of(avx512 && is_x86_feature_detected!("avx512vnni")),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Levels {
    Levels {
        f32: Level::Portable,
        bf16: Level::Portable,
        int8: Level::Portable,
    }
}

/// Panics unless `rows` rows of `k` values, `ldx` apart, fit in `len` values, and their sums in `tile` rows.
fn check(rows: usize, len: usize, ldx: usize, k: usize, tile: usize) {
    assert!(
        (1..=ROWS).contains(&rows) && rows <= tile,
        "rows of a block"
    );
    assert!((rows - 1) * ldx + k <= len, "a block outside its matrix");
}

/// `tile = x (rows, k) · panel (k, 32)`, added to `tile` if `keep`. The rows of `x` are `ldx` apart.
///
/// `level` must not be above that of [`levels`].
pub fn f32_block(
    level: Level,
    x: &[f32],
    ldx: usize,
    rows: usize,
    panel: &[f32],
    keep: bool,
    tile: &mut [[f32; COLS]],
) {
    let k = panel.len() / COLS;
    check(rows, x.len(), ldx, k, tile.len());
    assert!(level <= levels().f32);
    match level {
        // SAFETY: the processor has the instructions, and `check` has compared the lengths.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe {
            x86::f32_avx512(rows, x.as_ptr(), ldx, panel.as_ptr(), k, keep, tile)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe {
            x86::f32_avx2(rows, x.as_ptr(), ldx, panel.as_ptr(), k, keep, tile)
        },
        _ => {
            for (r, sums) in tile[..rows].iter_mut().enumerate() {
                if !keep {
                    sums.fill(0.0);
                }
                for (x, w) in x[r * ldx..].iter().zip(panel.as_chunks::<COLS>().0) {
                    for (sum, w) in sums.iter_mut().zip(w) {
                        *sum += x * w;
                    }
                }
            }
        }
    }
}

/// As [`f32_block`] for bf16: panels hold two values of `k` side by side per column, and `k` is even.
///
/// `level` must not be above that of [`levels`].
pub fn bf16_block(
    level: Level,
    x: &[u16],
    ldx: usize,
    rows: usize,
    panel: &[u16],
    keep: bool,
    tile: &mut [[f32; COLS]],
) {
    let k = panel.len() / COLS;
    check(rows, x.len(), ldx, k, tile.len());
    assert!(level <= levels().bf16 && k.is_multiple_of(2));
    match level {
        // SAFETY: the processor has the instructions, and `check` has compared the lengths.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe {
            x86::bf16_avx512(rows, x.as_ptr(), ldx, panel.as_ptr(), k, keep, tile)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe {
            x86::bf16_avx2(rows, x.as_ptr(), ldx, panel.as_ptr(), k, keep, tile)
        },
        _ => {
            let wide = |half: u16| f32::from_bits(u32::from(half) << 16);
            for (r, sums) in tile[..rows].iter_mut().enumerate() {
                if !keep {
                    sums.fill(0.0);
                }
                let x = x[r * ldx..].as_chunks::<2>().0;
                for (x, w) in x.iter().zip(panel.as_chunks::<{ 2 * COLS }>().0) {
                    let x = [wide(x[0]), wide(x[1])];
                    for (sum, w) in sums.iter_mut().zip(w.as_chunks::<2>().0) {
                        *sum += x[0] * wide(w[0]) + x[1] * wide(w[1]);
                    }
                }
            }
        }
    }
}

/// As [`f32_block`] for int8, with exact integer sums: `x` unsigned, panels signed with four values of `k` side by side
/// per column, and `k` a multiple of 4.
///
/// `level` must not be above that of [`levels`].
pub fn int8_block(
    level: Level,
    x: &[u8],
    ldx: usize,
    rows: usize,
    panel: &[i8],
    tile: &mut [[i32; COLS]],
) {
    let k = panel.len() / COLS;
    check(rows, x.len(), ldx, k, tile.len());
    // no sum leaves 32 bits: 255 * 127 * 65,536 < 2^31
    assert!(level <= levels().int8 && k.is_multiple_of(4) && k <= 1 << 16);
    match level {
        // SAFETY: the processor has the instructions, and `check` has compared the lengths.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe {
            x86::int8_avx512(rows, x.as_ptr(), ldx, panel.as_ptr(), k, tile)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::int8_avx2(rows, x.as_ptr(), ldx, panel.as_ptr(), k, tile) },
        _ => {
            for (r, sums) in tile[..rows].iter_mut().enumerate() {
                sums.fill(0);
                let x = x[r * ldx..].as_chunks::<4>().0;
                for (x, w) in x.iter().zip(panel.as_chunks::<{ 4 * COLS }>().0) {
                    for (sum, w) in sums.iter_mut().zip(w.as_chunks::<4>().0) {
                        for (&x, &w) in x.iter().zip(w) {
                            *sum += i32::from(x) * i32::from(w);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The kernels for x86. Safety of each: the processor has the instructions, `x` points to `rows` rows of `k` values
    //! that are `ldx` apart, `w` to a panel of `k` rows, and `tile` has `rows` rows.
    use std::arch::x86_64::*;
    use std::mem::MaybeUninit;

    use super::{COLS, ROWS};

    /// Calls a kernel with the number of rows as a constant, so that its sums stay in registers.
    macro_rules! by_rows {
        ($rows:expr, $kernel:ident($($arg:expr),*)) => {
            match $rows {
                1 => $kernel::<1>($($arg),*),
                2 => $kernel::<2>($($arg),*),
                3 => $kernel::<3>($($arg),*),
                4 => $kernel::<4>($($arg),*),
                5 => $kernel::<5>($($arg),*),
                6 => $kernel::<6>($($arg),*),
                7 => $kernel::<7>($($arg),*),
                8 => $kernel::<8>($($arg),*),
                9 => $kernel::<9>($($arg),*),
                10 => $kernel::<10>($($arg),*),
                11 => $kernel::<11>($($arg),*),
                _ => $kernel::<ROWS>($($arg),*),
            }
        };
    }

    /// The same column of up to 12 rows, in few registers: the address of every third row, and the distances to the two
    /// after it.
    struct Column<T> {
        thirds: [*const T; ROWS / 3],
        after: [usize; 3],
    }

    impl<T> Column<T> {
        #[inline(always)]
        fn new(x: *const T, ldx: usize) -> Self {
            let mut thirds = [x; ROWS / 3];
            for i in 1..thirds.len() {
                thirds[i] = thirds[i - 1]
                    .wrapping_add(ldx)
                    .wrapping_add(ldx)
                    .wrapping_add(ldx);
            }
            Self {
                thirds,
                after: [0, ldx, ldx.wrapping_mul(2)],
            }
        }

        /// The address in row `r`.
        #[inline(always)]
        fn row(&self, r: usize) -> *const T {
            self.thirds[r / 3].wrapping_add(self.after[r % 3])
        }

        /// Moves on by `n` columns.
        #[inline(always)]
        fn advance(&mut self, n: usize) {
            self.thirds = self.thirds.map(|x| x.wrapping_add(n));
        }
    }

    #[target_feature(enable = "avx512f")]
    pub unsafe fn f32_avx512(
        rows: usize,
        x: *const f32,
        ldx: usize,
        w: *const f32,
        k: usize,
        keep: bool,
        tile: &mut [[f32; COLS]],
    ) {
        // SAFETY: that of this function.
        unsafe { by_rows!(rows, f32_rows_avx512(x, ldx, w, k, keep, tile)) }
    }

    #[target_feature(enable = "avx512f")]
    unsafe fn f32_rows_avx512<const M: usize>(
        x: *const f32,
        ldx: usize,
        w: *const f32,
        k: usize,
        keep: bool,
        tile: &mut [[f32; COLS]],
    ) {
        // SAFETY: all addresses are inside the block, the panel and the tile.
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); 2]; M];
            if keep {
                for (sum, row) in sums.iter_mut().zip(tile.iter()) {
                    *sum = [
                        _mm512_loadu_ps(row.as_ptr()),
                        _mm512_loadu_ps(row.as_ptr().add(16)),
                    ];
                }
            }
            let (mut x, mut w) = (Column::new(x, ldx), w);
            for _ in 0..k {
                let (w0, w1) = (_mm512_loadu_ps(w), _mm512_loadu_ps(w.add(16)));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = _mm512_set1_ps(*x.row(r));
                    sum[0] = _mm512_fmadd_ps(x, w0, sum[0]);
                    sum[1] = _mm512_fmadd_ps(x, w1, sum[1]);
                }
                x.advance(1);
                w = w.add(COLS);
            }
            for (sum, row) in sums.iter().zip(tile.iter_mut()) {
                _mm512_storeu_ps(row.as_mut_ptr(), sum[0]);
                _mm512_storeu_ps(row.as_mut_ptr().add(16), sum[1]);
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    pub unsafe fn bf16_avx512(
        rows: usize,
        x: *const u16,
        ldx: usize,
        w: *const u16,
        k: usize,
        keep: bool,
        tile: &mut [[f32; COLS]],
    ) {
        // SAFETY: that of this function.
        unsafe { by_rows!(rows, bf16_rows_avx512(x, ldx, w, k, keep, tile)) }
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn bf16_rows_avx512<const M: usize>(
        x: *const u16,
        ldx: usize,
        w: *const u16,
        k: usize,
        keep: bool,
        tile: &mut [[f32; COLS]],
    ) {
        // SAFETY: all addresses are inside the block, the panel and the tile; k is even. A register of 32 bf16 values
        // and one of 512 bits have the same layout.
        unsafe {
            let half = |bits: __m512i| std::mem::transmute::<__m512i, __m512bh>(bits);
            let mut sums = [[_mm512_setzero_ps(); 2]; M];
            if keep {
                for (sum, row) in sums.iter_mut().zip(tile.iter()) {
                    *sum = [
                        _mm512_loadu_ps(row.as_ptr()),
                        _mm512_loadu_ps(row.as_ptr().add(16)),
                    ];
                }
            }
            let (mut x, mut w) = (Column::new(x, ldx), w);
            for _ in 0..k / 2 {
                let w0 = half(_mm512_loadu_si512(w.cast()));
                let w1 = half(_mm512_loadu_si512(w.add(COLS).cast()));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = x.row(r).cast::<i32>().read_unaligned();
                    let x = half(_mm512_set1_epi32(x));
                    sum[0] = _mm512_dpbf16_ps(sum[0], x, w0);
                    sum[1] = _mm512_dpbf16_ps(sum[1], x, w1);
                }
                x.advance(2);
                w = w.add(2 * COLS);
            }
            for (sum, row) in sums.iter().zip(tile.iter_mut()) {
                _mm512_storeu_ps(row.as_mut_ptr(), sum[0]);
                _mm512_storeu_ps(row.as_mut_ptr().add(16), sum[1]);
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub unsafe fn int8_avx512(
        rows: usize,
        x: *const u8,
        ldx: usize,
        w: *const i8,
        k: usize,
        tile: &mut [[i32; COLS]],
    ) {
        // SAFETY: that of this function.
        unsafe { by_rows!(rows, int8_rows_avx512(x, ldx, w, k, tile)) }
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn int8_rows_avx512<const M: usize>(
        x: *const u8,
        ldx: usize,
        w: *const i8,
        k: usize,
        tile: &mut [[i32; COLS]],
    ) {
        // SAFETY: all addresses are inside the block, the panel and the tile; k is a multiple of 4.
        unsafe {
            let mut sums = [[_mm512_setzero_si512(); 2]; M];
            let (mut x, mut w) = (Column::new(x, ldx), w);
            for _ in 0..k / 4 {
                let w0 = _mm512_loadu_si512(w.cast());
                let w1 = _mm512_loadu_si512(w.add(2 * COLS).cast());
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = x.row(r).cast::<i32>().read_unaligned();
                    let x = _mm512_set1_epi32(x);
                    sum[0] = _mm512_dpbusd_epi32(sum[0], x, w0);
                    sum[1] = _mm512_dpbusd_epi32(sum[1], x, w1);
                }
                x.advance(4);
                w = w.add(4 * COLS);
            }
            for (sum, row) in sums.iter().zip(tile.iter_mut()) {
                _mm512_storeu_si512(row.as_mut_ptr().cast(), sum[0]);
                _mm512_storeu_si512(row.as_mut_ptr().add(16).cast(), sum[1]);
            }
        }
    }

    /// Values of `k` between two visits of the tile: 16 KiB of a panel of f32, which stay in the first-level cache for all
    /// rows.
    const DEEP: usize = 128;
    /// The same for int8, whose sums are 256 times as large in between, and just fit.
    const DEEP_INT8: usize = 256;
    const _: () = assert!(DEEP_INT8 * 255 * 128 * 256 < 1 << 31);

    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn f32_avx2(
        rows: usize,
        x: *const f32,
        ldx: usize,
        w: *const f32,
        k: usize,
        keep: bool,
        tile: &mut [[f32; COLS]],
    ) {
        if !keep {
            tile[..rows].iter_mut().for_each(|sums| sums.fill(0.0));
        }
        for from in (0..k).step_by(DEEP) {
            let deep = DEEP.min(k - from);
            for row in (0..rows).step_by(3) {
                // SAFETY: rows `row..row + M` and values `from..from + deep` are inside the block.
                unsafe {
                    let (x, w) = (x.add(row * ldx + from), w.add(from * COLS));
                    let tile = &mut tile[row..];
                    match rows - row {
                        1 => f32_rows_avx2::<1>(x, ldx, w, deep, tile),
                        2 => f32_rows_avx2::<2>(x, ldx, w, deep, tile),
                        _ => f32_rows_avx2::<3>(x, ldx, w, deep, tile),
                    }
                }
            }
        }
    }

    /// Adds to the tile.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn f32_rows_avx2<const M: usize>(
        x: *const f32,
        ldx: usize,
        w: *const f32,
        k: usize,
        tile: &mut [[f32; COLS]],
    ) {
        // SAFETY: all addresses are inside the block, the panel and the tile.
        unsafe {
            let mut sums = [[_mm256_setzero_ps(); 4]; M];
            for (sum, row) in sums.iter_mut().zip(tile.iter()) {
                for (c, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm256_loadu_ps(row.as_ptr().add(8 * c));
                }
            }
            for i in 0..k {
                let w = w.add(i * COLS);
                // with 12 sums, these and one part of the weights fill the 16 registers
                let mut values = [_mm256_setzero_ps(); M];
                for (r, value) in values.iter_mut().enumerate() {
                    *value = _mm256_set1_ps(*x.add(r * ldx + i));
                }
                for c in 0..4 {
                    let w = _mm256_loadu_ps(w.add(8 * c));
                    for (sum, value) in sums.iter_mut().zip(values) {
                        sum[c] = _mm256_fmadd_ps(value, w, sum[c]);
                    }
                }
            }
            for (sum, row) in sums.iter().zip(tile.iter_mut()) {
                for (c, sum) in sum.iter().enumerate() {
                    _mm256_storeu_ps(row.as_mut_ptr().add(8 * c), *sum);
                }
            }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn bf16_avx2(
        rows: usize,
        x: *const u16,
        ldx: usize,
        w: *const u16,
        k: usize,
        keep: bool,
        tile: &mut [[f32; COLS]],
    ) {
        if !keep {
            tile[..rows].iter_mut().for_each(|sums| sums.fill(0.0));
        }
        for from in (0..k).step_by(DEEP) {
            let deep = DEEP.min(k - from);
            for row in (0..rows).step_by(2) {
                // SAFETY: rows `row..row + M` and values `from..from + deep` are inside the block; `deep` is even.
                unsafe {
                    let (x, w) = (x.add(row * ldx + from), w.add(from * COLS));
                    let tile = &mut tile[row..];
                    match rows - row {
                        1 => bf16_rows_avx2::<1>(x, ldx, w, deep, tile),
                        _ => bf16_rows_avx2::<2>(x, ldx, w, deep, tile),
                    }
                }
            }
        }
    }

    /// Adds to the tile. A bf16 is the upper half of an f32, so widening is a shift or a mask.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn bf16_rows_avx2<const M: usize>(
        x: *const u16,
        ldx: usize,
        w: *const u16,
        k: usize,
        tile: &mut [[f32; COLS]],
    ) {
        let low = |pairs: __m256i| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(pairs));
        let high = |pairs: __m256i| {
            _mm256_castsi256_ps(_mm256_and_si256(
                pairs,
                _mm256_set1_epi32(0xffff_0000_u32 as i32),
            ))
        };
        // SAFETY: all addresses are inside the block, the panel and the tile; k is even.
        unsafe {
            let mut sums = [[_mm256_setzero_ps(); 4]; M];
            for (sum, row) in sums.iter_mut().zip(tile.iter()) {
                for (c, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm256_loadu_ps(row.as_ptr().add(8 * c));
                }
            }
            for i in (0..k).step_by(2) {
                let w = w.add(i * COLS);
                for c in 0..4 {
                    let pairs = _mm256_loadu_si256(w.add(16 * c).cast());
                    let (w0, w1) = (low(pairs), high(pairs));
                    for (r, sum) in sums.iter_mut().enumerate() {
                        let x = x.add(r * ldx + i).cast::<i32>().read_unaligned();
                        let x = _mm256_set1_epi32(x);
                        sum[c] = _mm256_fmadd_ps(low(x), w0, sum[c]);
                        sum[c] = _mm256_fmadd_ps(high(x), w1, sum[c]);
                    }
                }
            }
            for (sum, row) in sums.iter().zip(tile.iter_mut()) {
                for (c, sum) in sum.iter().enumerate() {
                    _mm256_storeu_ps(row.as_mut_ptr().add(8 * c), *sum);
                }
            }
        }
    }

    #[target_feature(enable = "avx2")]
    pub unsafe fn int8_avx2(
        rows: usize,
        x: *const u8,
        ldx: usize,
        w: *const i8,
        k: usize,
        tile: &mut [[i32; COLS]],
    ) {
        tile[..rows].iter_mut().for_each(|sums| sums.fill(0));
        for from in (0..k).step_by(DEEP_INT8) {
            let deep = DEEP_INT8.min(k - from);
            for row in (0..rows).step_by(4) {
                let tile = &mut tile[row..];
                // SAFETY: rows `row..row + M` and values `from..from + deep` are inside the block; `deep` is a multiple
                // of 4.
                unsafe {
                    let (x, w) = (x.add(row * ldx + from), w.add(from * COLS));
                    match rows - row {
                        1 => int8_rows_avx2::<1>(x, ldx, w, deep, tile),
                        2 => int8_rows_avx2::<2>(x, ldx, w, deep, tile),
                        3 => int8_rows_avx2::<3>(x, ldx, w, deep, tile),
                        _ => int8_rows_avx2::<4>(x, ldx, w, deep, tile),
                    }
                }
            }
        }
    }

    /// Adds to the tile. `maddubs` saturates at 16 bits, so both sides are widened and multiplied by `madd`, which does
    /// not. Of the four values of `k` side by side, the even ones and the odd ones are multiplied apart: a shift or a
    /// mask makes 16-bit integers of the weights, 256 times as large, and the sums are divided by it at the end.
    #[target_feature(enable = "avx2")]
    unsafe fn int8_rows_avx2<const M: usize>(
        x: *const u8,
        ldx: usize,
        w: *const i8,
        k: usize,
        tile: &mut [[i32; COLS]],
    ) {
        /// Fours of values of a row.
        const FOURS: usize = DEEP_INT8 / 4;
        // SAFETY: all addresses are inside the block, the panel, the tile, which has M rows, and `pairs`, of which
        // k / 4 of each list are written before they are read; k is a multiple of 4 and at most `DEEP_INT8`.
        unsafe {
            // of each row the even values, two in an element, then the odd ones
            let mut pairs = MaybeUninit::<[[[i32; FOURS]; 2]; M]>::uninit();
            let pairs = pairs.as_mut_ptr().cast::<i32>();
            for r in 0..M {
                for i in 0..k / 4 {
                    let four = x.add(r * ldx + 4 * i).cast::<i32>().read_unaligned();
                    *pairs.add(2 * r * FOURS + i) = four & 0x00ff_00ff;
                    *pairs.add((2 * r + 1) * FOURS + i) = (four >> 8) & 0x00ff_00ff;
                }
            }
            let tile = &mut *tile.as_mut_ptr().cast::<[[i32; COLS]; M]>();
            let upper = _mm256_set1_epi16(0xff00_u16 as i16);
            // 16 columns at a time: with four rows, eight sums, four parts of the weights, a pair and a product
            for half in 0..2 {
                let mut sums = [[_mm256_setzero_si256(); 2]; M];
                for i in 0..k / 4 {
                    let w = w.add(4 * COLS * i + 64 * half);
                    let w0 = _mm256_loadu_si256(w.cast());
                    let w1 = _mm256_loadu_si256(w.add(32).cast());
                    let even = [_mm256_slli_epi16::<8>(w0), _mm256_slli_epi16::<8>(w1)];
                    let odd = [_mm256_and_si256(w0, upper), _mm256_and_si256(w1, upper)];
                    for (r, sum) in sums.iter_mut().enumerate() {
                        let x = _mm256_set1_epi32(*pairs.add(2 * r * FOURS + i));
                        for (sum, w) in sum.iter_mut().zip(even) {
                            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, w));
                        }
                        let x = _mm256_set1_epi32(*pairs.add((2 * r + 1) * FOURS + i));
                        for (sum, w) in sum.iter_mut().zip(odd) {
                            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, w));
                        }
                    }
                }
                for (sum, row) in sums.iter().zip(tile.iter_mut()) {
                    for (c, sum) in sum.iter().enumerate() {
                        let to = row.as_mut_ptr().add(16 * half + 8 * c).cast::<__m256i>();
                        let sum = _mm256_srai_epi32::<8>(*sum);
                        _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), sum));
                    }
                }
            }
        }
    }
}

/// A part of a matrix that one thread may write: some columns of some consecutive rows.
pub struct Block<'a, T = f32> {
    start: *mut T,
    rows: usize,
    /// Distance of two rows.
    ld: usize,
    width: usize,
    matrix: PhantomData<&'a mut [T]>,
}

// SAFETY: it stands for an exclusive borrow of its elements.
unsafe impl<T: Send> Send for Block<'_, T> {}

impl<T> Block<'_, T> {
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A row of the block, counted from its first.
    pub fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: the row is inside the matrix (`each_block` checked), and only this block refers to its
        // elements.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.ld), self.width) }
    }
}

/// An address that threads share.
struct Address<T>(*mut T);

impl<T> Clone for Address<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Address<T> {}
// SAFETY: it is only an address; `each_block` and `each_row_of_three` argue its use.
unsafe impl<T: Send> Send for Address<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Address<T> {}

impl<T> Address<T> {
    fn at(self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}

/// Divides a matrix whose rows are `ld` long between the row numbers `cuts` (ascending, from the first to the end of
/// the last block) and every `width` columns, and calls `f(block of rows, block of columns, elements)` for each,
/// on the threads of the pass.
pub fn each_block(
    y: &mut [f32],
    ld: usize,
    cuts: &[usize],
    width: usize,
    f: impl Fn(usize, usize, Block<'_>) + Sync,
) {
    let Some(last) = cuts.last() else { return };
    assert!(
        cuts.is_sorted() && last * ld <= y.len() && width > 0,
        "blocks outside their matrix"
    );
    let (across, start) = (ld.div_ceil(width), Address(y.as_mut_ptr()));
    each((cuts.len() - 1) * across, &|i| {
        let (row, col) = (i / across, i % across);
        let block = Block {
            start: start.at(cuts[row] * ld + col * width),
            rows: cuts[row + 1] - cuts[row],
            ld,
            width: width.min(ld - col * width),
            matrix: PhantomData,
        };
        f(row, col, block);
    });
}

/// A matrix whose rows are lent one by one: its elements, and the length of a row.
pub type Matrix<'a, T> = (&'a mut [T], usize);

/// Calls `f(row, its elements)` for each row of a matrix, on the threads of the pass, `at_once` rows after another on the
/// same one. The matrix may have more rows.
pub fn each_row<A: Send>(
    rows: usize,
    at_once: usize,
    a: Matrix<A>,
    f: impl Fn(usize, &mut [A]) + Sync,
) {
    let none = || (&mut [] as &mut [u8], 0);
    each_row_of_three(rows, at_once, a, none(), none(), |row, a, _, _| f(row, a));
}

/// As [`each_row`], with the same row of three matrices.
pub fn each_row_of_three<A: Send, B: Send, C: Send>(
    rows: usize,
    at_once: usize,
    (a, lda): Matrix<A>,
    (b, ldb): Matrix<B>,
    (c, ldc): Matrix<C>,
    f: impl Fn(usize, &mut [A], &mut [B], &mut [C]) + Sync,
) {
    assert!(
        rows * lda <= a.len() && rows * ldb <= b.len() && rows * ldc <= c.len() && at_once > 0,
        "rows outside their matrix"
    );
    let (a, b, c) = (
        Address(a.as_mut_ptr()),
        Address(b.as_mut_ptr()),
        Address(c.as_mut_ptr()),
    );
    each(rows.div_ceil(at_once), &|part| {
        for row in part * at_once..((part + 1) * at_once).min(rows) {
            // SAFETY: the row is inside each matrix, as was checked, and no other call gets the same row.
            let (a, b, c) = unsafe {
                (
                    std::slice::from_raw_parts_mut(a.at(row * lda), lda),
                    std::slice::from_raw_parts_mut(b.at(row * ldb), ldb),
                    std::slice::from_raw_parts_mut(c.at(row * ldc), ldc),
                )
            };
            f(row, a, b, c);
        }
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::check::{gap, matmul, random, up_to};
    use super::super::packed::{bf16, widen};
    use super::super::team::with_team;
    use super::*;
    use crate::rng::Stream;

    /// A panel (k, 32) with `group` values of k side by side.
    fn panel<T: Copy>(w: &[T], k: usize, group: usize) -> Vec<T> {
        (0..k * COLS)
            .map(|at| {
                let (i, within) = (at / (group * COLS) * group, at % (group * COLS));
                w[(i + within % group) * COLS + within / group]
            })
            .collect()
    }

    /// Random shapes: every number of rows, k from 0 on and at the ends of what a kernel takes of it at once, rows
    /// further apart than they are long.
    fn shapes(group: usize) -> impl Iterator<Item = (usize, usize, usize, Stream)> {
        let deep = if group == 4 { 256 } else { 128 };
        let ends = [deep - group, deep, deep + group, 2 * deep, 2 * deep + group];
        (0..(10 + ends.len()) * ROWS).map(move |n| {
            let mut stream = Stream::at(1, "block", n as u64);
            let any = stream.below(300 / group) * group;
            let k = match n / ROWS {
                end @ 10.. => ends[end - 10],
                _ => any,
            };
            let ld = k + stream.below(5);
            (n % ROWS + 1, k, ld, stream)
        })
    }

    #[test]
    fn f32_blocks_equal_the_obvious_loop() {
        for (rows, k, ld, mut stream) in shapes(1) {
            let (x, w) = (
                random(&mut stream, rows * ld),
                random(&mut stream, k * COLS),
            );
            let before = random(&mut stream, rows * COLS);
            let dense: Vec<f32> = (0..rows).flat_map(|r| &x[r * ld..][..k]).copied().collect();
            let want = matmul(&dense, &w, (rows, k, COLS));
            let mut with_fma = Vec::new();
            for level in up_to(levels().f32) {
                for keep in [false, true] {
                    let mut tile: Tile = [[7.0; COLS]; ROWS];
                    for (tile, before) in tile.iter_mut().zip(before.chunks(COLS)) {
                        tile.copy_from_slice(before);
                    }
                    f32_block(level, &x, ld, rows, &w, keep, &mut tile);
                    let got = tile.as_flattened();
                    let want: Vec<f32> = want
                        .iter()
                        .zip(&before)
                        .map(|(w, b)| if keep { w + b } else { *w })
                        .collect();
                    let off = gap(&got[..rows * COLS], &want);
                    assert!(off < 1e-4, "{level:?} {rows} rows, k {k}: off by {off}");
                    assert!(got[rows * COLS..].iter().all(|x| *x == 7.0));
                    if level > Level::Portable && !keep {
                        with_fma.push(got.to_vec());
                    }
                }
            }
            assert!(
                with_fma.windows(2).all(|two| two[0] == two[1]),
                "the same bits"
            );
        }
    }

    /// Each row by itself, and k in two parts, give the same bits.
    fn sums_do_not_depend_on_the_block<T: Copy>(
        group: usize,
        best: Level,
        from: impl Fn(f32) -> T,
        block: impl Fn(Level, &[T], usize, usize, &[T], bool, &mut [[f32; COLS]]),
    ) {
        for (rows, k, ld, mut stream) in shapes(group) {
            let mut some =
                |n| -> Vec<T> { random(&mut stream, n).into_iter().map(&from).collect() };
            let (x, w) = (some(rows * ld), panel(&some(k * COLS), k, group));
            for level in up_to(best) {
                let mut all: Tile = [[0.0; COLS]; ROWS];
                block(level, &x, ld, rows, &w, false, &mut all);
                for r in 0..rows {
                    let (mut one, at) = ([[0.0; COLS]; 1], k / 3 / group * group);
                    let x = &x[r * ld..];
                    block(level, x, ld, 1, &w[..at * COLS], false, &mut one);
                    block(level, &x[at..], ld, 1, &w[at * COLS..], true, &mut one);
                    assert_eq!(one[0], all[r], "{level:?} row {r} of {rows}, k {k}");
                }
            }
        }
    }

    #[test]
    fn sums_of_f32_do_not_depend_on_the_block() {
        sums_do_not_depend_on_the_block(1, levels().f32, |x| x, f32_block);
    }

    #[test]
    fn sums_of_bf16_do_not_depend_on_the_block() {
        sums_do_not_depend_on_the_block(2, levels().bf16, bf16, bf16_block);
    }

    #[test]
    fn bf16_blocks_equal_the_obvious_loop() {
        for (rows, k, ld, mut stream) in shapes(2) {
            let half = |x: Vec<f32>| x.into_iter().map(bf16).collect::<Vec<u16>>();
            let x = half(random(&mut stream, rows * ld));
            let w = half(random(&mut stream, k * COLS));
            let dense: Vec<f32> = (0..rows)
                .flat_map(|r| &x[r * ld..][..k])
                .map(|x| widen(*x))
                .collect();
            let wide: Vec<f32> = w.iter().map(|w| widen(*w)).collect();
            let want = matmul(&dense, &wide, (rows, k, COLS));
            for level in up_to(levels().bf16) {
                for keep in [false, true] {
                    let mut tile: Tile = [[7.0; COLS]; ROWS];
                    bf16_block(level, &x, ld, rows, &panel(&w, k, 2), keep, &mut tile);
                    let got = tile.as_flattened()[..rows * COLS].iter();
                    let got: Vec<f32> = got.map(|x| if keep { x - 7.0 } else { *x }).collect();
                    let off = gap(&got, &want);
                    assert!(off < 1e-4, "{level:?} {rows} rows, k {k}: off by {off}");
                    assert!(tile[rows..].as_flattened().iter().all(|x| *x == 7.0));
                    // with AVX2 also the same bits as one value of k after the other
                    if level == Level::Avx2 && !keep {
                        for (at, got) in got.iter().enumerate() {
                            let weights = wide.iter().skip(at % COLS).step_by(COLS);
                            let terms = dense[at / COLS * k..].iter().zip(weights);
                            let want = terms.take(k).fold(0f32, |sum, (x, w)| x.mul_add(*w, sum));
                            assert_eq!(*got, want, "{rows} rows, k {k}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn int8_blocks_equal_the_obvious_loop_exactly() {
        for (rows, k, ld, mut stream) in shapes(4) {
            // the largest products and sums, which saturate 16 bits
            let extreme = stream.below(2) == 0;
            let x: Vec<u8> = (0..rows * ld)
                .map(|_| {
                    if extreme {
                        255
                    } else {
                        stream.below(256) as u8
                    }
                })
                .collect();
            let w: Vec<i8> = (0..k * COLS)
                .map(|_| {
                    if extreme {
                        -128
                    } else {
                        stream.below(255) as u8 as i8
                    }
                })
                .collect();
            for level in up_to(levels().int8) {
                let mut tile: IntTile = [[7; COLS]; ROWS];
                int8_block(level, &x, ld, rows, &panel(&w, k, 4), &mut tile);
                for r in 0..rows {
                    for c in 0..COLS {
                        let term = |i| i32::from(x[r * ld + i]) * i32::from(w[i * COLS + c]);
                        let want = (0..k).map(term).sum::<i32>();
                        assert_eq!(tile[r][c], want, "{level:?} {rows} rows, k {k}");
                    }
                }
                assert!(tile[rows..].as_flattened().iter().all(|x| *x == 7));
            }
        }
    }

    #[test]
    fn rows_of_matrices_are_lent_once() {
        for (rows, at_once) in [(0, 1), (1, 4), (7, 1), (7, 3), (40, 4)] {
            let (mut a, mut b) = (vec![0u8; rows * 3 + 5], vec![0f32; rows]);
            let lent = |row: usize, a: &mut [u8], b: &mut [f32], c: &mut [u32]| {
                a.iter_mut().for_each(|a| *a += row as u8 + 1);
                b[0] += 1.0;
                assert!(a.len() == 3 && b.len() == 1 && c.is_empty());
            };
            with_team(|| {
                each_row_of_three(rows, at_once, (&mut a, 3), (&mut b, 1), (&mut [], 0), lent)
            });
            assert!(
                a.iter()
                    .zip(0..)
                    .all(|(a, i)| { *a == if i < rows * 3 { (i / 3) as u8 + 1 } else { 0 } })
            );
            assert!(b.iter().all(|b| *b == 1.0));
        }
    }

    #[test]
    fn blocks_of_a_matrix_are_disjoint_and_cover_it() {
        let (ld, cuts) = (70, [0, 3, 3, 11]);
        let mut y = vec![0.0; 11 * ld];
        each_block(&mut y, ld, &cuts, COLS, |row, col, mut block| {
            assert_eq!(block.rows(), cuts[row + 1] - cuts[row]);
            for r in 0..block.rows() {
                let value = (10 * row + col) as f32 + 1.0;
                block.row(r).iter_mut().for_each(|y| *y += value);
            }
        });
        for (r, y) in y.chunks(ld).enumerate() {
            for (c, y) in y.iter().enumerate() {
                let block = if r < 3 { 0 } else { 2 };
                assert_eq!(
                    *y,
                    (10 * block + c / COLS) as f32 + 1.0,
                    "row {r} column {c}"
                );
            }
        }
    }
}
