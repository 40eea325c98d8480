//! How sure an AUC is: DeLong's variance, clustered, in O(n log n).
//!
//! An AUC is the mean of its placements: of a positive, the share of negatives that score below it, ties counting half;
//! of a negative, the share of positives that score above it. DeLong, DeLong and Clarke-Pearson 1988 ("Comparing the
//! areas under two or more correlated receiver operating characteristic curves", Biometrics 44:837) take the variance of
//! the AUC from those of the placements; one sort gives all of them (Sun and Xu 2014, IEEE Signal Processing Letters
//! 21:1389). Obuchowski 1997 ("Nonparametric analysis of clustered ROC curve data", Biometrics 53:567) sums the
//! placements of each cluster first, so that dependent examples count as one observation. Without clusters of more than
//! one example, it is DeLong's variance.
//!
//! The interval is symmetric on the logit scale, so it stays between 0 and 1. It uses the t distribution with one degree
//! of freedom less than there are clusters (Cameron and Miller 2015, "A practitioner's guide to cluster-robust
//! inference"): the normal distribution covers too little with few of them.

use super::clusters::{Clusters, Interval};
use super::normal::{t_quantile, two_sided_p};

/// An AUC with its variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusteredAuc {
    pub auc: f64,
    /// Square of the standard error.
    pub variance: f64,
    /// Number of clusters that it was estimated from.
    pub clusters: usize,
}

impl ClusteredAuc {
    /// The 95% interval. `None` if there are too few clusters (`clusters::LEAST`), or if the AUC is 0 or 1: a variance
    /// of zero says nothing about other examples.
    pub fn interval(&self) -> Option<Interval> {
        let Self { auc, variance, .. } = *self;
        let defined = auc > 0.0 && auc < 1.0 && variance > 0.0;
        if !defined || self.clusters < super::clusters::LEAST {
            return None;
        }
        let logit = (auc / (1.0 - auc)).ln();
        let reach = t_quantile(self.clusters - 1) * variance.sqrt() / (auc * (1.0 - auc));
        let back = |logit: f64| 1.0 / (1.0 + (-logit).exp());
        Some(Interval {
            low: back(logit - reach),
            high: back(logit + reach),
        })
    }
}

/// Two AUCs of the same examples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AucDifference {
    pub a: f64,
    pub b: f64,
    /// a - b.
    pub difference: f64,
    pub standard_error: f64,
    /// Of the difference; on its own scale, within -1 to 1.
    pub interval: Interval,
    /// The difference in standard errors.
    pub z: f64,
    /// Two-sided, from the normal distribution: how often a difference of that size appears if there is none.
    pub p: f64,
}

/// How a mean over classes weighs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// Every class counts equally.
    Macro,
    /// Every class counts by its number of examples.
    Weighted,
}

struct Placements {
    /// The placement of each example, (N).
    of: Vec<f64>,
    positives: usize,
    negatives: usize,
    auc: f64,
}

/// `None` if one class is missing or a score is NaN.
fn placements(scores: &[f64], truth: &[bool]) -> Option<Placements> {
    assert_eq!(scores.len(), truth.len(), "one score for each truth");
    let positives = truth.iter().filter(|t| **t).count();
    let negatives = truth.len() - positives;
    if positives == 0 || negatives == 0 || scores.iter().any(|s| s.is_nan()) {
        return None;
    }
    let (m, n) = (positives as f64, negatives as f64);
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let mut of = vec![0.0; scores.len()];
    // examples below the group of equal scores
    let (mut positives_below, mut negatives_below) = (0usize, 0usize);
    let mut doubled: u128 = 0; // twice the number of pairs in the right order, as in `metrics::roc`
    for group in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let p = group.iter().filter(|&&i| truth[i]).count();
        let q = group.len() - p;
        let of_positive = (negatives_below as f64 + q as f64 / 2.0) / n;
        let of_negative = (m - positives_below as f64 - p as f64 / 2.0) / m;
        for &i in group {
            of[i] = if truth[i] { of_positive } else { of_negative };
        }
        doubled += p as u128 * (2 * negatives_below + q) as u128;
        positives_below += p;
        negatives_below += q;
    }
    Some(Placements {
        of,
        positives,
        negatives,
        auc: doubled as f64 / (2.0 * n * m),
    })
}

/// What each cluster adds to the error of an AUC.
struct Influence {
    auc: f64,
    /// Of each cluster: the sum over its positives of (placement - AUC), divided by the number of positives; and the
    /// same over its negatives.
    of: Vec<[f64; 2]>,
    /// Number of clusters with a positive, and with a negative.
    with: [usize; 2],
}

fn influence(scores: &[f64], truth: &[bool], clusters: &Clusters) -> Option<Influence> {
    assert_eq!(
        clusters.of().len(),
        truth.len(),
        "one cluster for each example"
    );
    let placed = placements(scores, truth)?;
    let sizes = [placed.positives as f64, placed.negatives as f64];
    let mut of = vec![[0.0; 2]; clusters.count()];
    let mut has = vec![[false; 2]; clusters.count()];
    for ((&cluster, &positive), placement) in clusters.of().iter().zip(truth).zip(&placed.of) {
        let kind = usize::from(!positive);
        of[cluster as usize][kind] += (placement - placed.auc) / sizes[kind];
        has[cluster as usize][kind] = true;
    }
    let with = |kind: usize| has.iter().filter(|has| has[kind]).count();
    Some(Influence {
        auc: placed.auc,
        of,
        with: [with(0), with(1)],
    })
}

/// Obuchowski's variance: S10/m + S01/n + 2 S11/(mn), each with the correction for its number of clusters. `None` with
/// fewer than two clusters that have a positive or a negative, or if it is not positive.
fn variance(of: &[[f64; 2]], with: [usize; 2]) -> Option<f64> {
    if with[0] < 2 || with[1] < 2 {
        return None;
    }
    let factor = |clusters: usize| clusters as f64 / (clusters as f64 - 1.0);
    let sum = |a: usize, b: usize| -> f64 { of.iter().map(|both| both[a] * both[b]).sum() };
    let variance = factor(with[0]) * sum(0, 0)
        + factor(with[1]) * sum(1, 1)
        + 2.0 * factor(of.len()) * sum(0, 1);
    (variance > 0.0).then_some(variance)
}

/// The AUC of `scores` (N) with its clustered variance. `None` if a class is missing or in fewer than two clusters, if a
/// score is NaN, or if the AUC has no variance (it is 0 or 1).
pub fn clustered_auc(scores: &[f64], truth: &[bool], clusters: &Clusters) -> Option<ClusteredAuc> {
    let influence = influence(scores, truth, clusters)?;
    Some(ClusteredAuc {
        auc: influence.auc,
        variance: variance(&influence.of, influence.with)?,
        clusters: clusters.count(),
    })
}

/// Compares two models by their scores `a` and `b` of the same examples (N): the variance of the difference includes
/// their covariance. `None` as for [`clustered_auc`]; also if both rank the examples alike.
pub fn compare_auc(
    a: &[f64],
    b: &[f64],
    truth: &[bool],
    clusters: &Clusters,
) -> Option<AucDifference> {
    let (a, b) = (
        influence(a, truth, clusters)?,
        influence(b, truth, clusters)?,
    );
    // the variance of a difference is that of the differences of its terms
    let of: Vec<[f64; 2]> = (a.of.iter().zip(&b.of))
        .map(|(a, b)| [a[0] - b[0], a[1] - b[1]])
        .collect();
    difference(a.auc, b.auc, variance(&of, a.with)?, clusters)
}

fn difference(a: f64, b: f64, variance: f64, clusters: &Clusters) -> Option<AucDifference> {
    if !clusters.are_enough() {
        return None;
    }
    let (difference, standard_error) = (a - b, variance.sqrt());
    let reach = t_quantile(clusters.count() - 1) * standard_error;
    let z = difference / standard_error;
    Some(AucDifference {
        a,
        b,
        difference,
        standard_error,
        interval: Interval {
            low: (difference - reach).max(-1.0),
            high: (difference + reach).min(1.0),
        },
        z,
        p: two_sided_p(z),
    })
}

/// The mean of the one-vs-rest AUCs, and what each cluster adds to its error.
fn averaged(
    probabilities: &[f64],
    classes: usize,
    labels: &[usize],
    clusters: &Clusters,
    average: Average,
) -> Option<(f64, Vec<f64>)> {
    assert_eq!(
        probabilities.len(),
        labels.len() * classes,
        "K probabilities for each label"
    );
    let influences: Vec<Option<Influence>> = (0..classes)
        .map(|k| {
            let scores: Vec<f64> = (probabilities.iter().skip(k).step_by(classes))
                .copied()
                .collect();
            let truth: Vec<bool> = labels.iter().map(|&l| l == k).collect();
            influence(&scores, &truth, clusters)
        })
        .collect();
    let known = influences.iter().flatten().count();
    if known < 2 {
        return None;
    }
    let n = labels.len() as f64;
    let weight = |k: usize| match average {
        Average::Macro => 1.0 / known as f64,
        Average::Weighted => labels.iter().filter(|&&l| l == k).count() as f64 / n,
    };
    let mut mean = 0.0;
    let mut of = vec![0.0; clusters.count()];
    for (k, influence) in influences.iter().enumerate() {
        let Some(influence) = influence else { continue };
        let weight = weight(k);
        mean += weight * influence.auc;
        for (sum, [positives, negatives]) in of.iter_mut().zip(&influence.of) {
            *sum += weight * (positives + negatives);
        }
    }
    if average == Average::Weighted {
        // the weights are estimated, too
        for (&cluster, &label) in clusters.of().iter().zip(labels) {
            if let Some(influence) = &influences[label] {
                of[cluster as usize] += (influence.auc - mean) / n;
            }
        }
    }
    Some((mean, of))
}

/// Variance of a sum of terms, one per cluster; `None` if it is zero.
fn variance_of_total(of: &[f64]) -> Option<f64> {
    let n = of.len() as f64;
    let squares: f64 = of.iter().map(|term| term * term).sum();
    (n > 1.0 && squares > 0.0).then(|| n / (n - 1.0) * squares)
}

/// The macro-averaged or weighted mean of the one-vs-rest AUCs of `probabilities` (N, K), with its variance: by the
/// terms that [`clustered_auc`] sums, averaged over the classes within each cluster (the delta method). The classes
/// have different positives, so one correction, by the number of clusters, stands for Obuchowski's three. Classes
/// without an AUC are left out; `None` if fewer than two have one, or without variance.
pub fn averaged_auc(
    probabilities: &[f64],
    classes: usize,
    labels: &[usize],
    clusters: &Clusters,
    average: Average,
) -> Option<ClusteredAuc> {
    let (auc, of) = averaged(probabilities, classes, labels, clusters, average)?;
    Some(ClusteredAuc {
        auc,
        variance: variance_of_total(&of)?,
        clusters: clusters.count(),
    })
}

/// Compares two models by the mean of their one-vs-rest AUCs: [`compare_auc`] for [`averaged_auc`].
pub fn compare_averaged_auc(
    a: &[f64],
    b: &[f64],
    classes: usize,
    labels: &[usize],
    clusters: &Clusters,
    average: Average,
) -> Option<AucDifference> {
    let (auc_a, of_a) = averaged(a, classes, labels, clusters, average)?;
    let (auc_b, of_b) = averaged(b, classes, labels, clusters, average)?;
    let of: Vec<f64> = of_a.iter().zip(&of_b).map(|(a, b)| a - b).collect();
    difference(auc_a, auc_b, variance_of_total(&of)?, clusters)
}
