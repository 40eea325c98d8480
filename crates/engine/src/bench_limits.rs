//! What bounds the speed of the models on this machine: how fast its memory is read, and how fast it multiplies.

use std::hint::black_box;
use std::time::Instant;

use repartee_models::cost;
use serde::Serialize;

use crate::bench::threads;

/// Bytes that are read: far more than any cache holds.
const BYTES: usize = 1 << 30;
/// Repetitions, of which the fastest counts: a limit is what the machine can do, not what it does on average.
const ROUNDS: usize = 7;

/// The limits of this machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limits {
    pub what: &'static str,
    /// Memory read in order by all threads, in 10^9 bytes per second: the fastest of `rounds`.
    pub read_gb_per_s: f64,
    /// f32 matrix products on all threads, in 10^9 floating-point operations per second: the fastest of `rounds`.
    pub f32_gflop_per_s: f64,
    pub rounds: usize,
    pub threads: usize,
    pub version: String,
}

/// Measures the limits, which takes a few seconds and 1 GiB of memory.
pub fn limits() -> Limits {
    let threads = threads();
    // written once, so that every page is there
    let buffer: Vec<u64> = (0..(BYTES / size_of::<u64>()) as u64).collect();
    let fastest = |rate: &dyn Fn() -> f64| (0..ROUNDS).map(|_| rate()).fold(0.0, f64::max);
    Limits {
        what: "limits",
        read_gb_per_s: fastest(&|| read(&buffer, threads)) / 1e9,
        f32_gflop_per_s: fastest(&cost::measured_flops) / 1e9,
        rounds: ROUNDS,
        threads,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Maximum number of threads that read: `RAYON_NUM_THREADS` can be any number.
const MOST_THREADS: usize = 1_024;

/// Reads all of a buffer once, each thread a part of it: bytes per second.
fn read(buffer: &[u64], threads: usize) -> f64 {
    let threads = threads.clamp(1, MOST_THREADS);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for part in buffer.chunks(buffer.len().div_ceil(threads)) {
            // the sum keeps the compiler from leaving the reads out
            scope.spawn(move || black_box(part.iter().fold(0, |sum: u64, x| sum.wrapping_add(*x))));
        }
    });
    size_of_val(buffer) as f64 / started.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_has_a_speed_with_any_number_of_threads() {
        let buffer = vec![1; 1 << 16];
        for threads in [1, 3, 64, usize::MAX] {
            let rate = read(&buffer, threads);
            assert!(rate.is_finite() && rate > 0.0, "{threads} threads: {rate}");
        }
    }
}
