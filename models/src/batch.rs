//! Groups examples into batches of similar length, so that little is padding, in an order given by the seed.
//!
//! The order of an epoch is a pure function of the lengths, the batch size, the seed and the number of the epoch; the
//! position within a run is one number. That is all the state that resuming needs.

use candle_core::{Device, Tensor};
use ts_rs::TS;

use crate::rng::Stream;
use crate::text::Example;
use crate::{Error, Result};

/// Batches are cut from pools of this many batches, sorted by length. Larger pools pad less; smaller ones mix better.
/// At 50, less than 5% of Reddit pairs' positions are padding.
const POOL: usize = 50;

/// The batches of one epoch, as indices of examples: every example once, the examples of a batch similar in length, the
/// batches in random order. One batch may be smaller.
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

/// All examples once, longest first, for evaluation: order does not matter there, and with the largest batch first,
/// running out of memory shows at once.
pub fn sorted_batches(lengths: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lengths[i]), i));
    order
        .chunks(batch_size.max(1))
        .map(<[usize]>::to_vec)
        .collect()
}

/// Which examples are in which micro-batch, over all epochs of a run.
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
    /// If there are no examples or the batch size is 0.
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

    /// The share of positions in an epoch that is padding.
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

/// Which tokens of a generator's example count in the loss.
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
    pub fn of(self, example: &Example) -> Vec<bool> {
        let first = match self {
            Self::Reply => example.prompt.max(1),
            Self::All => 1,
        };
        (0..example.ids.len()).map(|at| at >= first).collect()
    }
}

/// A batch of encoded pairs; rows may differ in length.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Token ids of each row, without padding.
    pub ids: Vec<Vec<u32>>,
    /// Segment of each token: 0 comment, 1 reply.
    pub types: Vec<Vec<u32>>,
}

/// Rows padded at their ends to the longest: `(B, T)`, u32. For GPT-2 the value does not matter: no earlier token sees
/// padding, and it is never counted.
pub fn padded(rows: &[Vec<u32>], value: u32, device: &Device) -> Result<Tensor> {
    let t = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut ids = Vec::with_capacity(rows.len() * t);
    for row in rows {
        ids.extend_from_slice(row);
        ids.resize(ids.len() + t - row.len(), value);
    }
    Ok(Tensor::from_vec(ids, (rows.len(), t), device)?)
}

/// Refuses tokens outside a vocabulary of `v`.
///
/// # Errors
/// [`Error::Tokenizer`], naming the first.
pub fn check_ids(rows: &[Vec<u32>], v: usize) -> Result<()> {
    match rows.iter().flatten().find(|id| **id as usize >= v) {
        None => Ok(()),
        Some(id) => Err(Error::Tokenizer(format!(
            "token {id} is outside the model's vocabulary of {v}; tokenizer and model do not belong together"
        ))),
    }
}

/// The counted tokens of each row, each after the flat position `(b, t)` of the state that predicts it.
pub fn targets(ids: &[Vec<u32>], counts: &[Vec<bool>]) -> Vec<Vec<(u32, u32)>> {
    let t = ids.iter().map(Vec::len).max().unwrap_or(0);
    let rows = ids.iter().zip(counts).enumerate();
    rows.map(|(b, (ids, counts))| {
        let counted = (1..ids.len()).filter(|i| counts[*i]);
        counted.map(|i| ((b * t + i - 1) as u32, ids[i])).collect()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn lengths() -> Vec<usize> {
        (0..1003).map(|i| 5 + i * 7919 % 120).collect()
    }

    #[test]
    fn epoch_has_every_example_once_and_little_padding() {
        let lengths = lengths();
        let batches = epoch_batches(&lengths, 8, 3, 0);
        let mut seen: Vec<usize> = batches.concat();
        seen.sort_unstable();
        assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
        let sampler = BatchSampler::new(lengths, 8, 3).unwrap();
        assert!(sampler.padding() < 0.05, "{}", sampler.padding());
    }

    #[test]
    fn order_is_determined_by_seed_and_epoch() {
        let lengths = lengths();
        let of = |seed, epoch| epoch_batches(&lengths, 8, seed, epoch);
        assert_eq!(of(3, 1), of(3, 1));
        assert_ne!(of(3, 1), of(3, 2));
        assert_ne!(of(3, 1), of(4, 1));
        // a cursor in the middle gives the same batches as stepping there one by one
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
    fn rows_are_padded_at_the_end_and_targets_point_into_the_padded_batch() {
        let ids = [vec![1, 2, 3], vec![4, 5]];
        let batch = padded(&ids, 9, &Device::Cpu).unwrap();
        assert_eq!(batch.to_vec2::<u32>().unwrap(), [[1, 2, 3], [4, 5, 9]]);
        let counts = [vec![true, false, true], vec![true, true]];
        assert_eq!(targets(&ids, &counts), [vec![(1, 3)], vec![(3, 5)]]);
        assert!(check_ids(&ids, 6).is_ok());
        let error = check_ids(&ids, 5).unwrap_err().to_string();
        assert!(error.contains("token 5 is outside"), "{error}");
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
