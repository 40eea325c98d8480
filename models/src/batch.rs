//! Examples into batches: by length so that little is padding, in an order that the seed decides.
//!
//! The order of an epoch is a pure function of the lengths, the batch size, the seed and the number
//! of the epoch; the position within a run is one number. That is all the state resuming needs.

use candle_core::{Device, Tensor};

use crate::rng::Stream;
use crate::text::{Example, PairIds};
use crate::{Error, Result};

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
    let mut stream = Stream::new(seed, &format!("shuffle {epoch}"));
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    shuffle(&mut order, &mut stream);
    for pool in order.chunks_mut(batch_size * POOL) {
        pool.sort_by_key(|&i| lengths[i]); // stable: equal lengths stay shuffled
    }
    let mut batches: Vec<Vec<usize>> = order.chunks(batch_size).map(<[usize]>::to_vec).collect();
    shuffle(&mut batches, &mut stream);
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

/// Fisher and Yates, as Durstenfeld wrote it.
fn shuffle<T>(items: &mut [T], stream: &mut Stream) {
    for i in (1..items.len()).rev() {
        items.swap(i, stream.below(i + 1));
    }
}

/// Which examples a run sees in which micro-batch, over all its epochs.
#[derive(Debug, Clone)]
pub struct Order {
    lengths: Vec<usize>,
    batch_size: usize,
    seed: u64,
    epoch: Option<usize>,
    batches: Vec<Vec<usize>>,
}

impl Order {
    /// The order of a run over examples of these lengths.
    ///
    /// # Errors
    /// When there are no examples or the batch size is 0.
    pub fn new(lengths: Vec<usize>, batch_size: usize, seed: u64) -> Result<Self> {
        if lengths.is_empty() {
            return Err(Error::Invalid(
                "there are no examples to train on".to_owned(),
            ));
        }
        if batch_size == 0 {
            return Err(Error::Invalid("batch_size must be at least 1".to_owned()));
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// The reply and its end token.
    #[default]
    Reply,
    /// All but the first token, which nothing predicts.
    All,
}

/// A batch for the generator, padded on the right to (B, T). Under causal attention, padding behind
/// an example changes none of its outputs, so no mask is needed.
#[derive(Debug, Clone)]
pub struct TextBatch {
    /// Token ids, (B, T) u32.
    pub ids: Tensor,
    /// The rows of the flat (B * T) hidden states whose next token counts, (N) u32.
    pub rows: Tensor,
    /// Those next tokens, (N) u32.
    pub targets: Tensor,
    /// Which example of the batch each counted token belongs to, N entries.
    pub owner: Vec<usize>,
    /// Positions that are not padding.
    pub tokens: usize,
}

/// Pads generator examples into a batch.
///
/// # Errors
/// When no token counts, or the device is out of memory.
pub fn text_batch(examples: &[&Example], counted: Counted, device: &Device) -> Result<TextBatch> {
    let (b, t) = (
        examples.len(),
        examples.iter().map(|e| e.ids.len()).max().unwrap_or(0),
    );
    let mut ids = vec![0u32; b * t];
    let (mut rows, mut targets, mut owner) = (Vec::new(), Vec::new(), Vec::new());
    for (i, example) in examples.iter().enumerate() {
        ids[i * t..i * t + example.ids.len()].copy_from_slice(&example.ids);
        let first = match counted {
            Counted::Reply => example.prompt.max(1),
            Counted::All => 1,
        };
        for at in first..example.ids.len() {
            rows.push((i * t + at - 1) as u32);
            targets.push(example.ids[at]);
            owner.push(i);
        }
    }
    let n = rows.len();
    if n == 0 {
        return Err(Error::Invalid(
            "a batch in which no token counts: all its replies are empty".to_owned(),
        ));
    }
    Ok(TextBatch {
        ids: Tensor::from_vec(ids, (b, t), device)?,
        rows: Tensor::from_vec(rows, n, device)?,
        targets: Tensor::from_vec(targets, n, device)?,
        owner,
        tokens: examples.iter().map(|e| e.ids.len()).sum(),
    })
}

/// A batch for a classifier, padded on the right to (B, T).
#[derive(Debug, Clone)]
pub struct PairBatch {
    /// Token ids, (B, T) u32.
    pub ids: Tensor,
    /// Token types, (B, T) u32.
    pub types: Tensor,
    /// 1 where a token stands, 0 on padding, (B, T) u32.
    pub mask: Tensor,
    /// Positions that are not padding.
    pub tokens: usize,
}

/// Pads classifier pairs into a batch.
///
/// # Errors
/// When the device is out of memory.
pub fn pair_batch(pairs: &[&PairIds], pad: u32, device: &Device) -> Result<PairBatch> {
    let (b, t) = (
        pairs.len(),
        pairs.iter().map(|p| p.ids.len()).max().unwrap_or(0),
    );
    let (mut ids, mut types, mut mask) = (vec![pad; b * t], vec![0u32; b * t], vec![0u32; b * t]);
    for (i, pair) in pairs.iter().enumerate() {
        let (from, to) = (i * t, i * t + pair.ids.len());
        ids[from..to].copy_from_slice(&pair.ids);
        types[from..to].copy_from_slice(&pair.types);
        mask[from..to].fill(1);
    }
    Ok(PairBatch {
        ids: Tensor::from_vec(ids, (b, t), device)?,
        types: Tensor::from_vec(types, (b, t), device)?,
        mask: Tensor::from_vec(mask, (b, t), device)?,
        tokens: pairs.iter().map(|p| p.ids.len()).sum(),
    })
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
        let order = Order::new(lengths, 8, 3).unwrap();
        assert!(order.padding() < 0.05, "{}", order.padding());
    }

    #[test]
    fn the_order_is_decided_by_seed_and_epoch() {
        let lengths = lengths();
        let of = |seed, epoch| epoch_batches(&lengths, 8, seed, epoch);
        assert_eq!(of(3, 1), of(3, 1));
        assert_ne!(of(3, 1), of(3, 2));
        assert_ne!(of(3, 1), of(4, 1));
        // a cursor in the middle gives what going there step by step gives
        let mut walked = Order::new(lengths.clone(), 8, 3).unwrap();
        for n in 0..300 {
            walked.batch(n);
        }
        assert_eq!(
            walked.batch(300),
            Order::new(lengths, 8, 3).unwrap().batch(300)
        );
    }

    #[test]
    fn counted_tokens_are_the_reply_or_all_but_the_first() {
        let a = Example {
            ids: vec![1, 2, 3, 4, 5],
            prompt: 3,
        };
        let b = Example {
            ids: vec![6, 7, 8],
            prompt: 2,
        };
        let reply = text_batch(&[&a, &b], Counted::Reply, &Device::Cpu).unwrap();
        assert_eq!(reply.ids.dims(), [2, 5]);
        assert_eq!(reply.rows.to_vec1::<u32>().unwrap(), [2, 3, 6]);
        assert_eq!(reply.targets.to_vec1::<u32>().unwrap(), [4, 5, 8]);
        assert_eq!(reply.owner, [0, 0, 1]);
        let all = text_batch(&[&a, &b], Counted::All, &Device::Cpu).unwrap();
        assert_eq!(all.targets.to_vec1::<u32>().unwrap(), [2, 3, 4, 5, 7, 8]);
        assert!(
            text_batch(
                &[&Example {
                    ids: vec![1],
                    prompt: 1
                }],
                Counted::All,
                &Device::Cpu
            )
            .is_err()
        );
    }

    #[test]
    fn pairs_are_padded_and_masked() {
        let a = PairIds {
            ids: vec![2, 9, 3],
            types: vec![0, 0, 1],
        };
        let b = PairIds {
            ids: vec![2, 3],
            types: vec![0, 1],
        };
        let batch = pair_batch(&[&a, &b], 7, &Device::Cpu).unwrap();
        assert_eq!(batch.ids.to_vec2::<u32>().unwrap(), [[2, 9, 3], [2, 3, 7]]);
        assert_eq!(batch.mask.to_vec2::<u32>().unwrap(), [[1, 1, 1], [1, 1, 0]]);
        assert_eq!(batch.tokens, 5);
    }
}
