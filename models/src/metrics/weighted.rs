//! Figures of examples that have weights, for many resamples at once: what `bootstrap.rs` and `permutation.rs` repeat a
//! thousand times. What can be prepared is sorted once; a pass then costs a few additions per example and resample.
//!
//! Weights are whole numbers, so counts of them are exact.

use super::bootstrap::{LANES, Lanes};
use super::clusters::Clusters;

/// Of a rate times a count; counts are whole numbers.
const ROUNDING: f64 = 1e-6;

/// Zero for each resample.
const ZERO: Lanes = [0.0; LANES];

fn add(sum: &mut Lanes, other: &Lanes) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum += other;
    }
}

/// Total weight of the examples in each of `count` slots, (count); `slots` has the slot of each example, (N).
pub fn totals(weights: &[Lanes], clusters: &Clusters, slots: &[usize], count: usize) -> Vec<Lanes> {
    let mut totals = vec![ZERO; count];
    for (&cluster, &slot) in clusters.of().iter().zip(slots) {
        add(&mut totals[slot], &weights[cluster as usize]);
    }
    totals
}

/// Weighted mean of `values` (N); NaN without weight.
pub fn mean(weights: &[Lanes], clusters: &Clusters, values: &[f64]) -> Lanes {
    let (mut sum, mut all) = (ZERO, ZERO);
    for (&cluster, value) in clusters.of().iter().zip(values) {
        let weight = &weights[cluster as usize];
        for lane in 0..LANES {
            sum[lane] += weight[lane] * value;
            all[lane] += weight[lane];
        }
    }
    std::array::from_fn(|lane| sum[lane] / all[lane])
}

/// Expected calibration error of `scores` (N) over `bins` bins of equal width; NaN without weight. As
/// `metrics::calibration_error`.
pub fn calibration_error(
    weights: &[Lanes],
    clusters: &Clusters,
    scores: &[f64],
    truth: &[bool],
    bins: usize,
) -> Lanes {
    // in each bin: the sum of predicted - observed
    let (mut off, mut all) = (vec![ZERO; bins], ZERO);
    for ((&cluster, &score), &truth) in clusters.of().iter().zip(scores).zip(truth) {
        let weight = &weights[cluster as usize];
        let of_bin = &mut off[super::bin_of(score, bins)];
        let distance = score - f64::from(u8::from(truth));
        for lane in 0..LANES {
            of_bin[lane] += weight[lane] * distance;
            all[lane] += weight[lane];
        }
    }
    std::array::from_fn(|lane| off.iter().map(|off| off[lane].abs()).sum::<f64>() / all[lane])
}

/// An example in the order of the scores.
struct Ranked {
    cluster: u32,
    positive: bool,
    /// Whether the next example has another score.
    ends_group: bool,
}

/// Examples of two classes, from the highest score down.
pub struct RankedExamples {
    examples: Vec<Ranked>,
}

/// Areas under the curves of each resample; NaN if a class has no weight.
#[derive(Clone, Copy, Debug)]
pub struct Areas {
    /// As `metrics::roc`.
    pub auc: Lanes,
    /// As `metrics::precision_recall`, and scikit-learn's `average_precision_score(sample_weight=)`.
    pub average_precision: Lanes,
}

impl RankedExamples {
    /// `None` if a score is NaN.
    pub fn new(scores: &[f64], truth: &[bool], clusters: &Clusters) -> Option<Self> {
        assert_eq!(scores.len(), truth.len(), "one score for each truth");
        assert_eq!(
            scores.len(),
            clusters.of().len(),
            "one cluster for each score"
        );
        if scores.iter().any(|s| s.is_nan()) {
            return None;
        }
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let ranked = |(n, &i): (usize, &usize)| Ranked {
            cluster: clusters.of()[i],
            positive: truth[i],
            ends_group: order
                .get(n + 1)
                .is_none_or(|&next| scores[next] != scores[i]),
        };
        Some(Self {
            examples: order.iter().enumerate().map(ranked).collect(),
        })
    }

    /// The areas under the ROC and the precision-recall curve.
    pub fn areas(&self, weights: &[Lanes]) -> Areas {
        let (mut all, mut positives, mut precisions) = (ZERO, ZERO, ZERO);
        // twice the pairs of a negative and a positive above it: a whole number, so equal AUCs are equal
        let mut doubled = ZERO;
        let mut group = [ZERO; 2]; // negatives and positives of equal scores
        let mut has_positive = false; // in the group
        for example in &self.examples {
            let weight = &weights[example.cluster as usize];
            add(&mut group[usize::from(example.positive)], weight);
            has_positive |= example.positive;
            if !example.ends_group {
                continue;
            }
            let [of_negatives, of_positives] = &group;
            for lane in 0..LANES {
                let (negative, positive) = (of_negatives[lane], of_positives[lane]);
                doubled[lane] += negative * (2.0 * positives[lane] + positive);
                positives[lane] += positive;
                all[lane] += negative + positive;
            }
            if has_positive {
                for lane in 0..LANES {
                    // nothing drawn so far: the numerator is zero
                    precisions[lane] += of_positives[lane] * positives[lane] / all[lane].max(1.0);
                }
            }
            group = [ZERO; 2];
            has_positive = false;
        }
        let defined = |lane: usize, area: f64| {
            let has_both = positives[lane] > 0.0 && positives[lane] < all[lane];
            if has_both { area } else { f64::NAN }
        };
        Areas {
            auc: std::array::from_fn(|lane| {
                let pairs = positives[lane] * (all[lane] - positives[lane]);
                defined(lane, doubled[lane] / (2.0 * pairs))
            }),
            average_precision: std::array::from_fn(|lane| {
                defined(lane, precisions[lane] / positives[lane])
            }),
        }
    }

    /// True positive rates at the false positive rates `at`, which rise from 0 to 1: the heights of the ROC curve, at a
    /// vertical step its upper end (Fawcett 2006, vertical averaging). NaN if a class has no weight.
    pub fn true_positive_rates(&self, weights: &[Lanes], at: &[f64]) -> Vec<Lanes> {
        let (mut positives, mut negatives) = (ZERO, ZERO);
        for example in &self.examples {
            let sum = if example.positive {
                &mut positives
            } else {
                &mut negatives
            };
            add(sum, &weights[example.cluster as usize]);
        }
        let mut rates = vec![[f64::NAN; LANES]; at.len()];
        for lane in 0..LANES {
            let (all, others) = (positives[lane], negatives[lane]);
            if all == 0.0 || others == 0.0 {
                continue;
            }
            let (mut tp, mut fp, mut group_tp, mut group_fp) = (0.0, 0.0, 0.0, 0.0);
            let mut next = 0; // the rate to be reached
            for example in &self.examples {
                let weight = weights[example.cluster as usize][lane];
                if example.positive {
                    group_tp += weight;
                } else {
                    group_fp += weight;
                }
                if !example.ends_group {
                    continue;
                }
                while next < at.len() && at[next] * others + ROUNDING < fp + group_fp {
                    let along = (at[next] * others - fp) / group_fp;
                    rates[next][lane] = (tp + along * group_tp) / all;
                    next += 1;
                }
                tp += group_tp;
                fp += group_fp;
                (group_tp, group_fp) = (0.0, 0.0);
            }
            rates[next..].iter_mut().for_each(|rate| rate[lane] = 1.0);
        }
        rates
    }
}

/// An example in the order of the expected class.
struct Ordered {
    cluster: u32,
    label: u32,
    /// Whether the next example has another value.
    ends_group: bool,
}

/// Examples of K ordered classes, by a value that should rise with the class.
pub struct OrderedExamples {
    examples: Vec<Ordered>,
    classes: usize,
}

/// Rank correlations of each resample; NaN where one of the two is constant.
#[derive(Clone, Copy, Debug)]
pub struct RankCorrelations {
    pub spearman: Lanes,
    pub kendall_tau: Lanes,
}

impl OrderedExamples {
    /// `values` and `labels` (N), the latter below `classes`. `None` if a value is NaN.
    pub fn new(
        values: &[f64],
        labels: &[usize],
        classes: usize,
        clusters: &Clusters,
    ) -> Option<Self> {
        assert_eq!(values.len(), labels.len(), "one value for each label");
        assert_eq!(
            values.len(),
            clusters.of().len(),
            "one cluster for each value"
        );
        if values.iter().any(|v| v.is_nan()) {
            return None;
        }
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
        let ordered = |(n, &i): (usize, &usize)| Ordered {
            cluster: clusters.of()[i],
            label: labels[i] as u32,
            ends_group: order
                .get(n + 1)
                .is_none_or(|&next| values[next] != values[i]),
        };
        Some(Self {
            examples: order.iter().enumerate().map(ordered).collect(),
            classes,
        })
    }

    /// Spearman's correlation and Kendall's tau-b between value and class: as `metrics::spearman` and
    /// `ordinal::kendall_tau_b` of the examples, each as often as its weight says.
    pub fn correlations(&self, weights: &[Lanes]) -> RankCorrelations {
        let k = self.classes;
        let mut of_label = vec![ZERO; k];
        for example in &self.examples {
            add(
                &mut of_label[example.label as usize],
                &weights[example.cluster as usize],
            );
        }
        let mut all = ZERO;
        of_label.iter().for_each(|label| add(&mut all, label));
        let middle: Lanes = std::array::from_fn(|lane| (all[lane] + 1.0) / 2.0);
        // the shared rank of each label, from the middle; what is tied in it
        let mut from_middle = vec![ZERO; k];
        let (mut before, mut label_spread, mut label_ties) = (ZERO, ZERO, ZERO);
        for (from_middle, label) in from_middle.iter_mut().zip(&of_label) {
            for lane in 0..LANES {
                let rank = before[lane] + (label[lane] + 1.0) / 2.0;
                from_middle[lane] = rank - middle[lane];
                label_spread[lane] += label[lane] * from_middle[lane].powi(2);
                label_ties[lane] += label[lane] * (label[lane] - 1.0) / 2.0;
                before[lane] += label[lane];
            }
        }

        let (mut below, mut group) = (vec![ZERO; k], vec![ZERO; k]);
        let mut present = vec![false; k]; // labels of the group of equal values
        let (mut before, mut together, mut spread, mut ties, mut concordant) =
            (ZERO, ZERO, ZERO, ZERO, ZERO);
        for example in &self.examples {
            let label = example.label as usize;
            add(&mut group[label], &weights[example.cluster as usize]);
            present[label] = true;
            if !example.ends_group {
                continue;
            }
            let mut size = ZERO;
            for label in (0..k).filter(|&label| present[label]) {
                add(&mut size, &group[label]);
            }
            let rank: Lanes =
                std::array::from_fn(|lane| before[lane] + (size[lane] + 1.0) / 2.0 - middle[lane]);
            for lane in 0..LANES {
                spread[lane] += size[lane] * rank[lane] * rank[lane];
                ties[lane] += size[lane] * (size[lane] - 1.0) / 2.0;
                before[lane] += size[lane];
            }
            for label in (0..k).filter(|&label| present[label]) {
                // pairs with examples of lower values: in order if their label is lower, too
                let mut in_order = ZERO;
                for (other, below) in below.iter().enumerate() {
                    let sign = match other.cmp(&label) {
                        std::cmp::Ordering::Less => 1.0,
                        std::cmp::Ordering::Equal => 0.0,
                        std::cmp::Ordering::Greater => -1.0,
                    };
                    for lane in 0..LANES {
                        in_order[lane] += sign * below[lane];
                    }
                }
                for lane in 0..LANES {
                    let weight = group[label][lane];
                    together[lane] += weight * rank[lane] * from_middle[label][lane];
                    concordant[lane] += weight * in_order[lane];
                }
            }
            for label in 0..k {
                if present[label] {
                    add(&mut below[label], &group[label]);
                    group[label] = ZERO;
                    present[label] = false;
                }
            }
        }
        let quotient = |part: f64, a: f64, b: f64| match a > 0.0 && b > 0.0 {
            true => part / (a * b).sqrt(),
            false => f64::NAN,
        };
        RankCorrelations {
            spearman: std::array::from_fn(|lane| {
                quotient(together[lane], spread[lane], label_spread[lane])
            }),
            kendall_tau: std::array::from_fn(|lane| {
                let pairs = all[lane] * (all[lane] - 1.0) / 2.0;
                quotient(
                    concordant[lane],
                    pairs - ties[lane],
                    pairs - label_ties[lane],
                )
            }),
        }
    }
}
