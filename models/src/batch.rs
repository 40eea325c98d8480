//! Examples into batches: by length so that little is padding, in an order that the seed decides.
//!
//! The order of an epoch is a pure function of the lengths, the batch size, the seed and the number
//! of the epoch; the position within a run is one number. That is all the state resuming needs.

use crate::rng::Stream;
use crate::text::Example;
use crate::{Error, Result};
use ts_rs::TS;

/// Batches are cut from pools of this many batches, sorted by length. Larger pools pad less; smaller
/// ones mix better. At 50, Reddit pairs pad under 5 %.
const POOL: usize = 50;

/// The batches of one epoch, as indices of examples: every example once, those of a batch of nearly
/// the same length, the batches in random order. The last batch of the epoch's cut may be smaller.
pub fn epoch_batches(
    lengths: &[usize],
    batch_size: usize,
    seed: u64,
    epoch: usize,
) -> Vec<Vec<usize>> {
    let mut stream = Stream::at(seed, "shuffle", epoch as u64);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    stream.shuffle(&mut order);
    for pool in order.chunks_mut(batch_size * POOL) {
        pool.sort_by_key(|&i| lengths[i]); // stable: equal lengths stay shuffled
    }
    let mut batches: Vec<Vec<usize>> = order.chunks(batch_size).map(<[usize]>::to_vec).collect();
    stream.shuffle(&mut batches);
    batches
}

/// All examples once, longest first within the whole, for evaluation: order does not matter there, and
/// the largest batch comes first, so that what does not fit fails at once.
pub fn sorted_batches(lengths: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lengths[i]), i));
    order
        .chunks(batch_size.max(1))
        .map(<[usize]>::to_vec)
        .collect()
}

/// Which examples a run sees in which micro-batch, over all its epochs.
#[derive(Debug, Clone)]
pub struct BatchSampler {
    lengths: Vec<usize>,
    batch_size: usize,
    seed: u64,
    epoch: Option<usize>,
    batches: Vec<Vec<usize>>,
}

impl BatchSampler {
    /// The order of a run over examples of these lengths.
    ///
    /// # Errors
    /// When there are no examples or the batch size is 0.
    pub fn new(lengths: Vec<usize>, batch_size: usize, seed: u64) -> Result<Self> {
        if lengths.is_empty() {
            return Err(Error::Input("there are no examples to train on".to_owned()));
        }
        if batch_size == 0 {
            return Err(Error::Input("batch_size must be at least 1".to_owned()));
        }
        Ok(Self {
            lengths,
            batch_size,
            seed,
            epoch: None,
            batches: Vec::new(),
        })
    }

    /// Batches in an epoch.
    pub fn per_epoch(&self) -> usize {
        self.lengths.len().div_ceil(self.batch_size)
    }

    /// The examples of micro-batch `n`, counted from 0 over the whole run.
    pub fn batch(&mut self, n: usize) -> &[usize] {
        let epoch = n / self.per_epoch();
        if self.epoch != Some(epoch) {
            self.batches = epoch_batches(&self.lengths, self.batch_size, self.seed, epoch);
            self.epoch = Some(epoch);
        }
        &self.batches[n % self.per_epoch()]
    }

    /// The share of positions that is padding in an epoch.
    pub fn padding(&self) -> f64 {
        let (mut padded, mut all) = (0, 0);
        for batch in epoch_batches(&self.lengths, self.batch_size, self.seed, 0) {
            let longest = batch.iter().map(|&i| self.lengths[i]).max().unwrap_or(0);
            all += longest * batch.len();
            padded += batch
                .iter()
                .map(|&i| longest - self.lengths[i])
                .sum::<usize>();
        }
        padded as f64 / all.max(1) as f64
    }
}

/// Which tokens of a generator's example the loss counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum LossMask {
    /// The reply and its end token.
    #[default]
    Reply,
    /// All but the first token, which nothing predicts.
    All,
}

impl LossMask {
    /// Which of an example's tokens count.
    pub fn of(self, example: &Example) -> Vec<bool> {
        let first = match self {
            Self::Reply => example.prompt.max(1),
            Self::All => 1,
        };
        (0..example.ids.len()).map(|at| at >= first).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn lengths() -> Vec<usize> {
        (0..1003).map(|i| 5 + i * 7919 % 120).collect()
    }

    #[test]
    fn an_epoch_has_every_example_once_and_little_padding() {
        let lengths = lengths();
        let batches = epoch_batches(&lengths, 8, 3, 0);
        let mut seen: Vec<usize> = batches.concat();
        seen.sort_unstable();
        assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
        let sampler = BatchSampler::new(lengths, 8, 3).unwrap();
        assert!(sampler.padding() < 0.05, "{}", sampler.padding());
    }

    #[test]
    fn the_order_is_decided_by_seed_and_epoch() {
        let lengths = lengths();
        let of = |seed, epoch| epoch_batches(&lengths, 8, seed, epoch);
        assert_eq!(of(3, 1), of(3, 1));
        assert_ne!(of(3, 1), of(3, 2));
        assert_ne!(of(3, 1), of(4, 1));
        // a cursor in the middle gives what going there step by step gives
        let mut walked = BatchSampler::new(lengths.clone(), 8, 3).unwrap();
        for n in 0..300 {
            walked.batch(n);
        }
        assert_eq!(
            walked.batch(300),
            BatchSampler::new(lengths, 8, 3).unwrap().batch(300)
        );
    }

    #[test]
    fn counted_tokens_are_the_reply_or_all_but_the_first() {
        let example = |prompt| Example {
            ids: vec![1, 2, 3, 4],
            prompt,
        };
        assert_eq!(LossMask::Reply.of(&example(2)), [false, false, true, true]);
        assert_eq!(LossMask::Reply.of(&example(0)), [false, true, true, true]);
        assert_eq!(LossMask::All.of(&example(2)), [false, true, true, true]);
    }
}
