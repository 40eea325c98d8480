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
    p_value(clusters, permutations, seed, signed)
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
    let ranks = PairedRanks::new(a, b, truth, clusters)?;
    if ranks.a == ranks.b {
        return None;
    }
    p_value(clusters, permutations, seed, |exchanged| {
        ranks.differences(exchanged)[0]
    })
}

/// Scores of two models for the same examples of two classes, as ranks: the models are compared by how they order the
/// examples, however each is calibrated.
pub struct PairedRanks {
    /// Twice the rank of each example by either model, (N).
    a: Vec<u32>,
    b: Vec<u32>,
    truth: Vec<bool>,
    /// The cluster of each example, (N).
    of: Vec<u32>,
    positives: u64,
}

impl PairedRanks {
    /// `None` if a class is missing, or with a NaN.
    pub fn new(a: &[f64], b: &[f64], truth: &[bool], clusters: &Clusters) -> Option<Self> {
        assert_eq!(a.len(), truth.len(), "one score for each truth");
        assert_eq!(b.len(), truth.len(), "one score for each truth");
        assert_eq!(a.len(), clusters.of().len(), "one cluster for each score");
        let positives = truth.iter().filter(|t| **t).count();
        if positives == 0 || positives == truth.len() {
            return None;
        }
        Some(Self {
            a: doubled_ranks(a)?,
            b: doubled_ranks(b)?,
            truth: truth.to_vec(),
            of: clusters.of().to_vec(),
            positives: positives as u64,
        })
    }

    /// The differences a - b of the AUC and of the average precision, with the models exchanged in the clusters that are
    /// true. O(N).
    pub fn differences(&self, exchanged: &[bool]) -> [f64; 2] {
        // examples of each rank, by model: negatives and positives
        let none = || vec![[0u32; 2]; 2 * self.a.len() + 1];
        let mut counts = [none(), none()];
        for (i, &cluster) in self.of.iter().enumerate() {
            let first = usize::from(exchanged[cluster as usize]);
            let kind = usize::from(self.truth[i]);
            counts[first][self.a[i] as usize][kind] += 1;
            counts[1 - first][self.b[i] as usize][kind] += 1;
        }
        let [a, b] = counts.map(|counts| self.figures(&counts));
        [a[0] - b[0], a[1] - b[1]]
    }

    /// AUC and average precision, from the counts of negatives and positives of each rank.
    fn figures(&self, counts: &[[u32; 2]]) -> [f64; 2] {
        let all = self.truth.len() as u64;
        // twice the pairs of a positive and a negative below it: a whole number, so equal AUCs are equal
        let (mut doubled, mut precisions) = (0u128, 0.0);
        let (mut negatives_above, mut positives_above) = (0u64, 0u64);
        let negatives_of_all = all - self.positives;
        for [negatives, positives] in counts.iter().rev() {
            let (negatives, positives) = (u64::from(*negatives), u64::from(*positives));
            negatives_above += negatives;
            positives_above += positives;
            if positives > 0 {
                let below = negatives_of_all - negatives_above;
                doubled += u128::from(positives) * u128::from(2 * below + negatives);
                let predicted = (negatives_above + positives_above) as f64;
                precisions += positives as f64 * positives_above as f64 / predicted;
            }
        }
        let positives = self.positives as f64;
        [
            doubled as f64 / (2.0 * positives * negatives_of_all as f64),
            precisions / positives,
        ]
    }
}

/// Values that should rise with the class, of two models for the same examples of ordered classes, as ranks.
pub struct PairedOrders {
    a: Vec<f64>,
    b: Vec<f64>,
    /// The class of each example, (N).
    labels: Vec<f64>,
    /// The cluster of each example, (N).
    of: Vec<u32>,
}

impl PairedOrders {
    /// `None` with a NaN.
    pub fn new(a: &[f64], b: &[f64], labels: &[usize], clusters: &Clusters) -> Option<Self> {
        assert_eq!(a.len(), labels.len(), "one value for each label");
        assert_eq!(b.len(), labels.len(), "one value for each label");
        assert_eq!(a.len(), clusters.of().len(), "one cluster for each value");
        Some(Self {
            a: super::ranks(a)?,
            b: super::ranks(b)?,
            labels: labels.iter().map(|&label| label as f64).collect(),
            of: clusters.of().to_vec(),
        })
    }

    /// The differences a - b of Spearman's correlation and of Kendall's tau-b with the class, with the models exchanged
    /// in the clusters that are true; NaN where one is undefined.
    pub fn differences(&self, exchanged: &[bool]) -> [f64; 2] {
        let (mut a, mut b) = (self.a.clone(), self.b.clone());
        for (i, &cluster) in self.of.iter().enumerate() {
            if exchanged[cluster as usize] {
                std::mem::swap(&mut a[i], &mut b[i]);
            }
        }
        let figures = |values: &[f64]| {
            [
                super::spearman(values, &self.labels),
                super::ordinal::kendall_tau_b(values, &self.labels),
            ]
            .map(|figure| figure.unwrap_or(f64::NAN))
        };
        let (a, b) = (figures(&a), figures(&b));
        [a[0] - b[0], a[1] - b[1]]
    }
}

/// How much two equal differences may differ, relative and absolute: sums in another order differ in their last bits.
const ROUNDING: f64 = 1e-12;

/// Two-sided p values of several differences (F) at once: the share of the permutations, the identity among them, whose
/// difference is at least as large as the observed one. `differences` computes all F with the models exchanged in the
/// clusters that are true. A difference that is undefined (NaN) in a permutation counts as large; `None` for one that is
/// undefined without any exchange.
pub fn p_values(
    clusters: &Clusters,
    permutations: usize,
    seed: u64,
    differences: impl Fn(&[bool]) -> Vec<f64> + Sync,
) -> Vec<Option<f64>> {
    let observed = differences(&vec![false; clusters.count()]);
    let least: Vec<f64> = (observed.iter())
        .map(|difference| difference.abs() * (1.0 - ROUNDING) - ROUNDING)
        .collect();
    let as_large: Vec<usize> = (0..permutations)
        .into_par_iter()
        .map(|n| {
            let mut stream = Stream::at(seed, "permutation", n as u64);
            let exchanged: Vec<bool> = (0..clusters.count())
                .map(|_| stream.next_u64() >> 63 == 1)
                .collect();
            let each = differences(&exchanged).into_iter().zip(&least);
            each.map(|(d, least)| usize::from(d.is_nan() || d.abs() >= *least))
                .collect::<Vec<usize>>()
        })
        .reduce(
            || vec![0; least.len()],
            |mut sum, one| {
                for (sum, one) in sum.iter_mut().zip(one) {
                    *sum += one;
                }
                sum
            },
        );
    (observed.iter().zip(as_large))
        .map(|(observed, as_large)| {
            let p = (1 + as_large) as f64 / (1 + permutations) as f64;
            (!observed.is_nan()).then_some(p)
        })
        .collect()
}

/// [`p_values`] of one difference.
fn p_value(
    clusters: &Clusters,
    permutations: usize,
    seed: u64,
    difference: impl Fn(&[bool]) -> f64 + Sync,
) -> Option<f64> {
    let all = p_values(clusters, permutations, seed, |exchanged| {
        vec![difference(exchanged)]
    });
    all.first().copied().flatten()
}

/// Twice the rank of each value, ties sharing their mean, from 2 to 2 N: a whole number. `None` with a NaN.
fn doubled_ranks(values: &[f64]) -> Option<Vec<u32>> {
    let ranks = super::ranks(values)?;
    Some(ranks.into_iter().map(|rank| (2.0 * rank) as u32).collect())
}
