//! Paired permutation tests of two models on the same examples: if they were equally good, exchanging their predictions
//! would change nothing. Whole clusters are exchanged, since their examples depend on each other (Good 2005,
//! "Permutation, parametric and bootstrap tests of hypotheses"; for ROC curves Venkatraman and Begg 1996, "A
//! distribution-free procedure for comparing receiver operating characteristic curves from a paired experiment",
//! Biometrika 83:835).
//!
//! The p value counts the observed difference as one of the permutations (Phipson and Smyth 2010), so it is never zero.
//!
//! A permutation is a weight per cluster and model: 1 for the model whose predictions count, 0 for the other. So the
//! passes of `weighted.rs` compute [`LANES`] permutations at once. Figures that depend on the order of the scores take
//! the ranks within each model ([`super::ranks`]), so that it does not matter how each is calibrated. Permutation n takes
//! stream n of its purpose, so the number of threads does not change it.

use rayon::prelude::*;

use super::bootstrap::{LANES, Lanes};
use super::clusters::Clusters;
use crate::rng::Stream;

/// How much two equal differences may differ, relative and absolute: sums in another order differ in their last bits.
const ROUNDING: f64 = 1e-12;

/// The weights of a batch of permutations of `clusters` clusters, (2 C): of the first model, then of the second. The
/// first of all permutations exchanges nothing.
fn weights(clusters: usize, seed: u64, batch: usize) -> Vec<Lanes> {
    let mut weights = vec![[0.0; LANES]; 2 * clusters];
    let mut streams: [Option<Stream>; LANES] = std::array::from_fn(|lane| {
        let number = (batch * LANES + lane) as u64;
        (number.checked_sub(1)).map(|n| Stream::at(seed, "permutation", n))
    });
    for cluster in 0..clusters {
        for (lane, stream) in streams.iter_mut().enumerate() {
            let exchanged = (stream.as_mut()).is_some_and(|stream| stream.next_u64() >> 63 == 1);
            weights[cluster + if exchanged { clusters } else { 0 }][lane] = 1.0;
        }
    }
    weights
}

/// Two-sided p values of the differences of several figures (F) of two models: the share of the permutations, the
/// identity among them, whose difference is at least as large as the observed one. `figures` computes all F from the
/// weight of each cluster of [`Clusters::of_two_models`], (2 C). A difference that is undefined (NaN) in a permutation
/// counts as large; `None` for one that is undefined without any exchange.
pub fn p_values(
    clusters: &Clusters,
    permutations: usize,
    seed: u64,
    figures: impl Fn(&[Lanes]) -> Vec<Lanes> + Sync,
) -> Vec<Option<f64>> {
    let count = clusters.count();
    let batches: Vec<Vec<Lanes>> = (0..(permutations + 1).div_ceil(LANES))
        .into_par_iter()
        .map(|batch| -> Vec<Lanes> {
            let mut weights = weights(count, seed, batch);
            let first = figures(&weights);
            // what counts of one model does not count of the other
            weights.rotate_left(count);
            let both = first.into_iter().zip(figures(&weights));
            both.map(|(a, b)| std::array::from_fn(|lane| a[lane] - b[lane]))
                .collect()
        })
        .collect();
    let p_value = |figure: usize| {
        let mut differences = batches.iter().flat_map(|batch| batch[figure]);
        let observed = differences.next().filter(|observed| !observed.is_nan())?;
        let least = observed.abs() * (1.0 - ROUNDING) - ROUNDING;
        let permuted = differences.take(permutations);
        let as_large = permuted.filter(|d| d.is_nan() || d.abs() >= least).count();
        Some((1 + as_large) as f64 / (1 + permutations) as f64)
    };
    let all = batches.first().map_or(0, Vec::len);
    (0..all).map(p_value).collect()
}
