//! Class shares that differ from those a classifier was trained with: half of the training replies may be fakes, and one
//! in a hundred where it is used (Saerens, Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new
//! a priori probabilities", Neural Computation 14:21). It assumes that only the shares differ: the fakes look like those
//! of the training set.

/// `probabilities` (N, K) where the classes have the shares `to` (K) instead of `from` (K), in any unit: each is
/// multiplied by to / from, and the rows are normalized (equation 2.4). A row without any probability left stays as it
/// is. `None` if a share is not finite or negative, or a class of `from` has none.
pub fn with_priors(probabilities: &[f64], from: &[f64], to: &[f64]) -> Option<Vec<f64>> {
    assert_eq!(from.len(), to.len(), "two shares for each class");
    let is_share = |share: &f64| share.is_finite() && *share >= 0.0;
    let all = |shares: &[f64]| shares.iter().sum::<f64>();
    let known = from.iter().chain(to).all(is_share) && from.iter().all(|share| *share > 0.0);
    if !known || all(to) <= 0.0 {
        return None;
    }
    let (of_from, of_to) = (all(from), all(to));
    let ratios: Vec<f64> = (from.iter().zip(to))
        .map(|(from, to)| (to / of_to) / (from / of_from))
        .collect();
    let mut out = probabilities.to_vec();
    for row in out.chunks_exact_mut(from.len()) {
        let sum: f64 = row.iter().zip(&ratios).map(|(p, ratio)| p * ratio).sum();
        if sum > 0.0 {
            for (p, ratio) in row.iter_mut().zip(&ratios) {
                *p *= ratio / sum;
            }
        }
    }
    Some(out)
}

/// Figures of two classes where class 1 has another share than among the examples. AUC and recall depend on neither share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FiguresAtShare {
    pub accuracy: f64,
    /// `None` if nothing is predicted as class 1.
    pub precision: Option<f64>,
    pub recall: f64,
    pub f1: f64,
    /// In nats.
    pub log_loss: f64,
    /// 0 to 1.
    pub brier: f64,
    /// Expected calibration error over [`BINS`] bins.
    pub calibration_error: f64,
}

/// Bins of the expected calibration error.
pub const BINS: usize = 10;

/// The figures of probabilities `p` of class 1 (N) where that class has the share `share`: each example counts by its
/// class's share there, divided by the number of examples of its class. `None` if a class is missing, with a NaN, or if
/// the share is not between 0 and 1. As scikit-learn's metrics with `sample_weight`.
pub fn figures_at_share(
    p: &[f64],
    truth: &[bool],
    threshold: f64,
    share: f64,
) -> Option<FiguresAtShare> {
    assert_eq!(p.len(), truth.len(), "one probability for each truth");
    let positives = truth.iter().filter(|t| **t).count();
    let negatives = truth.len() - positives;
    let is_share = share > 0.0 && share < 1.0;
    if positives == 0 || negatives == 0 || !is_share || p.iter().any(|p| p.is_nan()) {
        return None;
    }
    let weights = [(1.0 - share) / negatives as f64, share / positives as f64];
    let (mut tp, mut fp, mut log_loss, mut brier) = (0.0, 0.0, 0.0, 0.0);
    let mut off = [0.0f64; BINS]; // in each bin: the sum of predicted - observed
    for (&p, &positive) in p.iter().zip(truth) {
        let weight = weights[usize::from(positive)];
        if p >= threshold {
            *(if positive { &mut tp } else { &mut fp }) += weight;
        }
        let of_truth: f64 = if positive { p } else { 1.0 - p };
        log_loss -= weight * of_truth.clamp(super::SMALLEST, 1.0 - super::SMALLEST).ln();
        brier += weight * (1.0 - of_truth).powi(2);
        off[super::bin_of(p, BINS)] += weight * (p - f64::from(u8::from(positive)));
    }
    Some(FiguresAtShare {
        accuracy: tp + (1.0 - share) - fp,
        precision: (tp + fp > 0.0).then(|| tp / (tp + fp)),
        recall: tp / share,
        f1: 2.0 * tp / (tp + fp + share),
        log_loss,
        brier,
        calibration_error: off.iter().map(|off| off.abs()).sum(),
    })
}
