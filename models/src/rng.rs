//! Seeded streams of random numbers, one per purpose.
//!
//! A stream is a key and a counter: the n-th number is a hash of both, so a stream can be saved,
//! split and replayed, and gives the same numbers on every platform and with any number of threads.
//! The mixing function is SplitMix64's (Steele, Lea, Flood 2014, "Fast splittable pseudorandom
//! number generators").

use serde::{Deserialize, Serialize};

/// A reproducible stream of random numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    key: u64,
    counter: u64,
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Stream {
    /// The stream of `seed` for one purpose ("init", "shuffle", "dropout", ...).
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self::at(seed, purpose, 0)
    }

    /// The `index`-th stream of a purpose: candidate 3, epoch 2.
    pub fn at(seed: u64, purpose: &str, index: u64) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&seed.to_le_bytes());
        hash.update(&index.to_le_bytes());
        hash.update(purpose.as_bytes());
        let mut key = [0; 8];
        key.copy_from_slice(&hash.finalize().as_bytes()[..8]);
        Self {
            key: u64::from_le_bytes(key),
            counter: 0,
        }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.counter += 1;
        mix(self
            .key
            .wrapping_add(self.counter.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller 1958), from two uniform numbers.
    pub fn next_normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.next_f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.next_f64()).cos()
    }

    /// Uniform in `0..n`; 0 for an empty range.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.next_u64() as u128 * n as u128) >> 64) as usize
    }

    /// Fisher-Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_distinct() {
        let draw = |mut s: Stream| [s.next_u64(), s.next_u64(), s.next_u64()];
        assert_eq!(draw(Stream::new(1, "init")), draw(Stream::new(1, "init")));
        assert_ne!(draw(Stream::new(1, "init")), draw(Stream::new(2, "init")));
        assert_ne!(
            draw(Stream::new(1, "init")),
            draw(Stream::new(1, "dropout"))
        );
        assert_ne!(draw(Stream::new(1, "init")), draw(Stream::at(1, "init", 1)));
    }

    #[test]
    fn moments_are_those_of_the_distribution() {
        let mut s = Stream::new(7, "test");
        let n = 200_000;
        let (mut sum, mut squares, mut uniform) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let x = s.next_normal();
            sum += x;
            squares += x * x;
            uniform += s.next_f64();
        }
        assert!((sum / n as f64).abs() < 0.01);
        assert!((squares / n as f64 - 1.0).abs() < 0.02);
        assert!((uniform / n as f64 - 0.5).abs() < 0.005);
    }

    #[test]
    fn shuffle_keeps_every_item() {
        let mut items: Vec<_> = (0..100).collect();
        Stream::new(3, "shuffle").shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
