//! Estimates what a run will take before it starts. Pure functions of the configuration, except for the speed of the
//! machine, which is measured for a tenth of a second.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The estimate shown before a run starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Trainable parameters.
    pub parameters: usize,
    /// Peak memory in bytes: parameters, gradients, both moments, activations of one batch.
    pub bytes: usize,
    pub steps: usize,
    /// Tokens that pass through the model, padding included.
    pub tokens: usize,
    /// Time in seconds, at the speed this machine showed in a matrix product.
    pub seconds: f64,
}

/// Shape of a transformer, as far as the estimate needs it.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub layers: usize,
    /// C.
    pub width: usize,
    /// H.
    pub heads: usize,
    /// Parameters of the embeddings, which are looked up, not multiplied.
    pub embeddings: usize,
    /// V, when the model predicts tokens.
    pub vocabulary: Option<usize>,
}

/// Peak bytes of a training step on `batch` rows of `tokens`: four copies of the parameters, and per block about 20 C
/// values per token and the H T² attention probabilities, all float32; for a language model also the gradient of the
/// tied embedding and 128 rows of logits.
pub fn peak_bytes(parameters: usize, shape: &Shape, batch: usize, tokens: usize) -> usize {
    let rows = batch * tokens;
    let block = rows * 20 * shape.width + batch * shape.heads * tokens * tokens;
    let head = shape.vocabulary.map_or(0, |v| v * (shape.width + 128));
    4 * (4 * parameters + shape.layers * block + head)
}

/// Floating-point operations of forward and backward for `tokens` tokens in rows of `length`: six per multiplied
/// parameter (Kaplan et al. 2020, arXiv:2001.08361, section 2.1), twelve L C T for attention, and the vocabulary
/// projection for the share of tokens given by `counted`.
pub fn flops(parameters: usize, shape: &Shape, tokens: usize, length: usize, counted: f64) -> f64 {
    let multiplied = parameters.saturating_sub(shape.embeddings) as f64;
    let head = shape.vocabulary.map_or(0.0, |v| (v * shape.width) as f64) * counted;
    let attention = 2.0 * (shape.layers * shape.width * length) as f64;
    6.0 * tokens as f64 * (multiplied + head + attention)
}

/// Floating-point operations per second of a float32 matrix product with all threads.
pub fn measured_flops() -> f64 {
    let n = 384;
    let (a, mut c) = (vec![1f32; n * n], vec![0f32; n * n]);
    let start = Instant::now();
    let mut rounds = 0;
    while rounds < 2 || start.elapsed() < Duration::from_millis(100) {
        crate::ops::square_matmul(n, &a, &mut c);
        rounds += 1;
    }
    2.0 * (n * n * n * rounds) as f64 / start.elapsed().as_secs_f64()
}

/// Share of the product's speed that a whole training step reaches; measured on GPT-2 124M.
pub const STEP_EFFICIENCY: f64 = 0.75;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn published_sizes() {
        // the parameter counts in the model cards
        for (name, millions) in [
            ("gpt2", 124),
            ("gpt2-medium", 354),
            ("gpt2-large", 774),
            ("gpt2-xl", 1557),
        ] {
            let config = crate::gpt2::Config::named(name).unwrap();
            let count = config.parameters().unwrap().count();
            assert_eq!(count / 1_000_000, millions, "{name}: {count}");
        }
        let bert = crate::bert::Config::named("bert-base").unwrap();
        let count = bert.parameters(2).unwrap().count();
        assert_eq!(count, 109_483_778); // transformers' BertForSequenceClassification
    }

    #[test]
    fn machine_speed_is_positive() {
        assert!(measured_flops() > 1e8);
    }
}
