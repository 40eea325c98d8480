//! Baselines that only count tokens: a model that does not beat them learned nothing.
//!
//! A unigram language model for the generator, and naive Bayes over the same tokens for the two classifiers. Both count
//! token ids, so they see exactly what the models see, but no order.

/// A language model without context: each token has its share of the training tokens, with one added to every count so
/// that an unseen token is possible (Laplace).
#[derive(Clone, Debug)]
pub struct Unigram {
    counts: Vec<u64>,
    total: u64,
}

impl Unigram {
    /// A model of `vocab` tokens, untrained.
    pub fn new(vocab: usize) -> Self {
        Self {
            counts: vec![0; vocab],
            total: 0,
        }
    }

    /// Counts tokens; ids outside the vocabulary are skipped.
    pub fn learn(&mut self, tokens: &[u32]) {
        for &t in tokens {
            if let Some(count) = self.counts.get_mut(t as usize) {
                *count += 1;
                self.total += 1;
            }
        }
    }

    /// Sum of -ln p over `tokens`, in nats. An id outside the vocabulary counts as an unseen token.
    pub fn nll(&self, tokens: &[u32]) -> f64 {
        let whole = (self.total + self.counts.len() as u64) as f64;
        let p = |t: &u32| (self.counts.get(*t as usize).copied().unwrap_or(0) + 1) as f64 / whole;
        tokens.iter().map(|t| -p(t).ln()).sum()
    }
}

/// Naive Bayes over token counts, one added to each: `sklearn.naive_bayes.MultinomialNB(alpha=1)`.
#[derive(Clone, Debug)]
pub struct NaiveBayes {
    counts: Vec<Vec<u64>>, // (K, F)
    totals: Vec<u64>,      // tokens of each class
    examples: Vec<u64>,    // examples of each class
}

impl NaiveBayes {
    /// A model of `features` tokens and `classes` classes, untrained.
    pub fn new(features: usize, classes: usize) -> Self {
        Self {
            counts: vec![vec![0; features]; classes],
            totals: vec![0; classes],
            examples: vec![0; classes],
        }
    }

    /// Counts one example of class `label`; ids outside the features are skipped.
    pub fn learn(&mut self, tokens: &[u32], label: usize) {
        self.examples[label] += 1;
        for &t in tokens {
            if let Some(count) = self.counts[label].get_mut(t as usize) {
                *count += 1;
                self.totals[label] += 1;
            }
        }
    }

    /// Probabilities of the classes (K) given the tokens. Without any example, all are equal; a class that never
    /// occurred has probability 0.
    pub fn probabilities(&self, tokens: &[u32]) -> Vec<f64> {
        let all: u64 = self.examples.iter().sum();
        if all == 0 {
            return vec![1.0 / self.counts.len() as f64; self.counts.len()];
        }
        let log_joint = |k: usize| {
            let features = self.counts[k].len();
            let whole = ((self.totals[k] + features as u64) as f64).ln();
            let known = tokens.iter().filter(|&&t| (t as usize) < features);
            let likelihood: f64 = known
                .map(|&t| ((self.counts[k][t as usize] + 1) as f64).ln() - whole)
                .sum();
            (self.examples[k] as f64 / all as f64).ln() + likelihood
        };
        let joint: Vec<f64> = (0..self.counts.len()).map(log_joint).collect();
        let top = joint.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = joint.iter().map(|j| (j - top).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|w| w / sum).collect()
    }
}
