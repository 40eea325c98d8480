//! Paired permutation tests of two models on the same examples: if they were equally good, exchanging their predictions
//! would change nothing. Whole clusters are exchanged, since their examples depend on each other (Good 2005,
//! "Permutation, parametric and bootstrap tests of hypotheses"; for ROC curves Venkatraman and Begg 1996, "A
//! distribution-free procedure for comparing receiver operating characteristic curves from a paired experiment",
//! Biometrika 83:835).
//!
//! The p value counts the observed difference as one of the permutations (Phipson and Smyth 2010), so it is never zero.

use rayon::prelude::*;

use super::clusters::Clusters;
use crate::rng::Stream;

/// Two-sided p value of the difference of means of `a` and `b`, a figure of each example (N) such as its log loss:
/// `permutations` times, each cluster is exchanged or not. `None` without examples, with a NaN, or if the two are equal
/// everywhere.
pub fn mean_difference_p(
    a: &[f64],
    b: &[f64],
    clusters: &Clusters,
    permutations: usize,
    seed: u64,
) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "two values each");
    assert_eq!(a.len(), clusters.of().len(), "one cluster for each value");
    let mut of = vec![0.0; clusters.count()];
    for (&cluster, (a, b)) in clusters.of().iter().zip(a.iter().zip(b)) {
        of[cluster as usize] += a - b;
    }
    if of.iter().any(|d| d.is_nan()) || of.iter().all(|d| *d == 0.0) {
        return None;
    }
    let signed = |exchanged: &[bool]| -> f64 {
        let sign = |e: bool| if e { -1.0 } else { 1.0 };
        of.iter().zip(exchanged).map(|(d, &e)| d * sign(e)).sum()
    };
    Some(p_value(clusters, permutations, seed, signed))
}

/// Two-sided p value of the difference of the AUCs of scores `a` and `b` (N). The models' ranks are exchanged, not their
/// scores, so that it does not matter how each is calibrated. O(N) per permutation. `None` if a class is missing, with a
/// NaN, or if both rank the examples alike.
pub fn auc_difference_p(
    a: &[f64],
    b: &[f64],
    truth: &[bool],
    clusters: &Clusters,
    permutations: usize,
    seed: u64,
) -> Option<f64> {
    assert_eq!(a.len(), truth.len(), "one score for each truth");
    assert_eq!(b.len(), truth.len(), "one score for each truth");
    assert_eq!(a.len(), clusters.of().len(), "one cluster for each score");
    let positives = truth.iter().filter(|t| **t).count();
    if positives == 0 || positives == truth.len() {
        return None;
    }
    let (a, b) = (doubled_ranks(a)?, doubled_ranks(b)?);
    if a == b {
        return None;
    }
    let difference = |exchanged: &[bool]| -> f64 {
        // examples of each rank, by model: negatives and positives
        let mut counts = [
            vec![[0u32; 2]; 2 * a.len() + 1],
            vec![[0u32; 2]; 2 * a.len() + 1],
        ];
        for (i, &cluster) in clusters.of().iter().enumerate() {
            let first = usize::from(exchanged[cluster as usize]);
            let kind = usize::from(truth[i]);
            counts[first][a[i] as usize][kind] += 1;
            counts[1 - first][b[i] as usize][kind] += 1;
        }
        let doubled = |counts: &[[u32; 2]]| -> i128 {
            let (mut doubled, mut below) = (0, 0u64);
            for [negatives, positives] in counts {
                let pairs = u64::from(*positives) * (2 * below + u64::from(*negatives));
                doubled += i128::from(pairs);
                below += u64::from(*negatives);
            }
            doubled
        };
        // in pairs of a positive and a negative: whole numbers, so equal differences are equal
        (doubled(&counts[0]) - doubled(&counts[1])) as f64
    };
    Some(p_value(clusters, permutations, seed, difference))
}

/// Share of the permutations, the identity among them, whose difference is at least as large as the observed one.
fn p_value(
    clusters: &Clusters,
    permutations: usize,
    seed: u64,
    difference: impl Fn(&[bool]) -> f64 + Sync,
) -> f64 {
    let observed = difference(&vec![false; clusters.count()]).abs();
    // sums in another order may differ in their last bits
    let least = observed * (1.0 - 1e-12);
    let as_large = (0..permutations)
        .into_par_iter()
        .filter(|&n| {
            let mut stream = Stream::at(seed, "permutation", n as u64);
            let exchanged: Vec<bool> = (0..clusters.count())
                .map(|_| stream.next_u64() >> 63 == 1)
                .collect();
            difference(&exchanged).abs() >= least
        })
        .count();
    (1 + as_large) as f64 / (1 + permutations) as f64
}

/// Twice the rank of each value, ties sharing their mean, from 2 to 2 N: a whole number. `None` with a NaN.
fn doubled_ranks(values: &[f64]) -> Option<Vec<u32>> {
    let ranks = super::ranks(values)?;
    Some(ranks.into_iter().map(|rank| (2.0 * rank) as u32).collect())
}
