//! Losses of a generator and probabilities of a classifier over many examples, in the order given.
//!
//! Examples are batched by length internally, so callers choose how many to pass at once, by how often they want to
//! check for pauses. Models are built on detached tensors.

use candle_core::{D, DType, Device, Tensor};

use crate::batch::{LossMask, sorted_batches};
use crate::bert::{Bert, Config, Rows};
use crate::fast;
use crate::gpt2::{self, Gpt2};
use crate::ops;
use crate::stop::Stop;
use crate::text::{Example, PairIds};
use crate::{Error, Result};

/// A model that gives the losses of texts: the packed one on the CPU, the one of tensors on any device.
pub trait Predicts {
    fn config(&self) -> &gpt2::Config;

    /// Cross-entropy in nats of each text, summed over its counted tokens, with their number.
    ///
    /// # Errors
    /// If a text is longer than the model's positions or has an id outside its vocabulary.
    fn losses(&self, ids: &[Vec<u32>], counts: &[Vec<bool>]) -> Result<Vec<(f64, usize)>>;
}

impl Predicts for Gpt2 {
    fn config(&self) -> &gpt2::Config {
        &self.config
    }

    fn losses(&self, ids: &[Vec<u32>], counts: &[Vec<bool>]) -> Result<Vec<(f64, usize)>> {
        Gpt2::losses(self, ids, counts)
    }
}

impl Predicts for fast::gpt2::Gpt2 {
    fn config(&self) -> &gpt2::Config {
        self.config()
    }

    fn losses(&self, ids: &[Vec<u32>], counts: &[Vec<bool>]) -> Result<Vec<(f64, usize)>> {
        self.losses(ids, counts, &mut fast::gpt2::Buffers::default())
    }
}

/// Summed cross-entropy in nats and number of counted tokens of each example. Perplexity over many is `exp(sum of
/// losses / sum of tokens)`.
///
/// # Errors
/// If an example is longer than the model's positions or has an id outside its vocabulary.
pub fn losses(
    model: &(impl Predicts + ?Sized),
    examples: &[&Example],
    mask: LossMask,
    batch_size: usize,
) -> Result<Vec<(f64, usize)>> {
    let lengths: Vec<usize> = examples.iter().map(|example| example.ids.len()).collect();
    let mut out = vec![(0.0, 0); examples.len()];
    for batch in sorted_batches(&lengths, batch_size) {
        let ids: Vec<Vec<u32>> = batch.iter().map(|&i| examples[i].ids.clone()).collect();
        let counts: Vec<Vec<bool>> = batch.iter().map(|&i| mask.of(examples[i])).collect();
        for (&i, loss) in batch.iter().zip(model.losses(&ids, &counts)?) {
            out[i] = loss;
        }
    }
    Ok(out)
}

/// Mean cross-entropy, in nats, of the counted tokens of all examples; `None` without any.
///
/// # Errors
/// As [`losses`].
pub fn mean_loss(
    model: &Gpt2,
    examples: &[&Example],
    mask: LossMask,
    batch_size: usize,
) -> Result<Option<f64>> {
    let (mut sum, mut tokens) = (0.0, 0);
    for (loss, count) in losses(model, examples, mask, batch_size)? {
        sum += loss;
        tokens += count;
    }
    Ok((tokens > 0).then(|| sum / tokens as f64))
}

/// Pairs in the form that the classifier takes.
pub fn rows(pairs: &[&PairIds]) -> Rows {
    Rows {
        ids: pairs.iter().map(|pair| pair.ids.clone()).collect(),
        types: pairs.iter().map(|pair| pair.types.clone()).collect(),
    }
}

/// A model that scores pairs: the packed one on the CPU, the one of tensors on any device. It can be kept for another
/// thread to use.
pub trait Scores: Send {
    fn config(&self) -> &Config;

    /// Ends a pass with [`Error::Interrupted`] when this says so; one of tensors only ends between two batches.
    fn set_stop(&mut self, _stop: Stop) {}

    /// Logits (B, K) of pairs.
    ///
    /// # Errors
    /// If a pair is longer than the model's positions or has an id outside its vocabulary.
    fn scores(&self, rows: &Rows) -> Result<Tensor>;
}

impl Scores for Bert {
    fn config(&self) -> &Config {
        &self.config
    }

    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        self.logits(rows, None)
    }
}

impl Scores for fast::bert::Bert {
    fn config(&self) -> &Config {
        self.config()
    }

    fn set_stop(&mut self, stop: Stop) {
        self.set_stop(stop);
    }

    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        let shape = (rows.ids.len(), self.classes());
        Ok(Tensor::from_vec(self.logits(rows)?, shape, &Device::Cpu)?)
    }
}

/// Class probabilities (K) of each pair.
///
/// # Errors
/// If a pair is longer than the model's positions or has an id outside its vocabulary; [`Error::Interrupted`] if the
/// model's stop said so.
pub fn probabilities(
    model: &(impl Scores + ?Sized),
    pairs: &[&PairIds],
    batch_size: usize,
) -> Result<Vec<Vec<f32>>> {
    let lengths: Vec<usize> = pairs.iter().map(|pair| pair.ids.len()).collect();
    let mut out = vec![Vec::new(); pairs.len()];
    for batch in sorted_batches(&lengths, batch_size) {
        let some: Vec<&PairIds> = batch.iter().map(|&i| pairs[i]).collect();
        let logits = model.scores(&rows(&some))?.to_dtype(DType::F32)?; // (B, K)
        let p = candle_nn::ops::softmax(&logits, D::Minus1)?.to_vec2::<f32>()?;
        for (&i, p) in batch.iter().zip(p) {
            if p.iter().any(|p| !p.is_finite()) {
                return Err(Error::Input(
                    "the classifier gave probabilities that are not numbers: its weights are damaged, or its training \
                     diverged"
                        .to_owned(),
                ));
            }
            out[i] = p;
        }
    }
    Ok(out)
}

/// Mean cross-entropy in nats of labeled pairs, weighted by class; `None` without any.
///
/// # Errors
/// As [`probabilities`].
pub fn mean_class_loss(
    model: &Bert,
    pairs: &[&PairIds],
    labels: &[u32],
    weights: Option<&[f64]>,
    batch_size: usize,
) -> Result<Option<f64>> {
    let lengths: Vec<usize> = pairs.iter().map(|pair| pair.ids.len()).collect();
    let (mut sum, mut weight) = (0.0, 0.0);
    for batch in sorted_batches(&lengths, batch_size) {
        let some: Vec<&PairIds> = batch.iter().map(|&i| pairs[i]).collect();
        let labels: Vec<u32> = batch.iter().map(|&i| labels[i]).collect();
        let (loss, w) = ops::class_loss(&model.logits(&rows(&some), None)?, &labels, weights)?;
        sum += f64::from(loss.to_dtype(DType::F32)?.to_scalar::<f32>()?);
        weight += w;
    }
    Ok((weight > 0.0).then(|| sum / weight))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::{gpt2, weights};

    #[test]
    fn losses_are_in_order_and_do_not_depend_on_the_batch() {
        let config = gpt2::Config::new(50, 32, 16, 2, 2);
        let tensors = config.parameters().unwrap().init(1, &Device::Cpu).unwrap();
        let model = Gpt2::new(&config, &tensors).unwrap();
        let examples: Vec<Example> = (0..7)
            .map(|n| Example {
                ids: (0..4 + n * 3).map(|i| (i * n) % 50).collect(),
                prompt: 2,
            })
            .collect();
        let examples: Vec<&Example> = examples.iter().collect();
        let one = losses(&model, &examples, LossMask::Reply, 1).unwrap();
        let four = losses(&model, &examples, LossMask::Reply, 4).unwrap();
        for ((a, n), (b, m)) in one.iter().zip(&four) {
            assert!((a - b).abs() < 1e-3 && n == m, "{a} {b}");
        }
        assert_eq!(
            one.iter().map(|x| x.1).collect::<Vec<_>>(),
            [2, 5, 8, 11, 14, 17, 20]
        );
        let mean = mean_loss(&model, &examples, LossMask::Reply, 4)
            .unwrap()
            .unwrap();
        assert!((mean - 50f64.ln()).abs() < 0.5, "{mean}");
        assert_eq!(mean_loss(&model, &[], LossMask::Reply, 4).unwrap(), None);

        let packed = fast::gpt2::Gpt2::new(&config, &tensors, fast::Precision::F32).unwrap();
        let same = losses(&packed, &examples, LossMask::Reply, 3).unwrap();
        for ((a, n), (b, m)) in one.iter().zip(&same) {
            assert!((a - b).abs() < 1e-4 * *n as f64 && n == m, "{a} {b}");
        }
    }

    #[test]
    fn probabilities_add_up_and_agree_with_the_loss() {
        let config = Config::new(50, 32, 16, 2, 2);
        let parameters = config.parameters(4).unwrap();
        let tensors = parameters.init(1, &Device::Cpu).unwrap();
        let model = Bert::new(&config, 4, &tensors).unwrap();
        let pairs: Vec<PairIds> = (0..5u32)
            .map(|n| PairIds {
                ids: (0..4 + n * 3).collect(),
                types: (0..4 + n * 3).map(|i| i / 3 % 2).collect(),
            })
            .collect();
        let pairs: Vec<&PairIds> = pairs.iter().collect();
        let p = probabilities(&model, &pairs, 2).unwrap();
        assert!(p.iter().all(|p| (p.iter().sum::<f32>() - 1.0).abs() < 1e-5));
        let labels = [0, 1, 2, 3, 0];
        let want: f64 = p
            .iter()
            .zip(labels)
            .map(|(p, l)| -f64::from(p[l as usize]).ln())
            .sum::<f64>()
            / 5.0;
        let got = mean_class_loss(&model, &pairs, &labels, None, 2)
            .unwrap()
            .unwrap();
        assert!((got - want).abs() < 1e-5, "{got} {want}");

        // rows of different length, so that padding is masked in each type
        for (dtype, tolerance) in [(DType::BF16, 0.02), (DType::F16, 0.004)] {
            let tensors = weights::cast(&tensors, dtype).unwrap();
            let half = Bert::new(&config, 4, &tensors).unwrap();
            let near = probabilities(&half, &pairs, 5).unwrap();
            for (a, b) in near.iter().flatten().zip(p.iter().flatten()) {
                assert!((a - b).abs() < tolerance, "{dtype:?}: {a} {b}");
            }
        }

        let packed = fast::bert::Bert::new(&config, 4, &tensors, fast::Precision::F32).unwrap();
        let same = probabilities(&packed, &pairs, 3).unwrap();
        for (a, b) in same.iter().flatten().zip(p.iter().flatten()) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}
