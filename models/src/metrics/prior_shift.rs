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

/// Most steps of [`estimate_priors`]; it converges by a constant factor per step.
const STEPS: usize = 10_000;

/// The class shares (K) among examples without labels, from their `probabilities` (N, K) by a classifier that was
/// trained with the shares `from` (K): expectation-maximization (equation 2.9), until no share moves by more than
/// 1e-12. `None` as for [`with_priors`], without examples, or if it does not converge.
pub fn estimate_priors(probabilities: &[f64], from: &[f64]) -> Option<Vec<f64>> {
    let classes = from.len();
    let examples = probabilities.len() / classes.max(1);
    if examples == 0 || probabilities.iter().any(|p| p.is_nan()) {
        return None;
    }
    let total: f64 = from.iter().sum();
    let mut shares: Vec<f64> = from.iter().map(|share| share / total).collect();
    for _ in 0..STEPS {
        let shifted = with_priors(probabilities, from, &shares)?;
        let mean = |k: usize| {
            let of_class = shifted.iter().skip(k).step_by(classes);
            of_class.sum::<f64>() / examples as f64
        };
        let next: Vec<f64> = (0..classes).map(mean).collect();
        let moved = (next.iter().zip(&shares))
            .map(|(new, old)| (new - old).abs())
            .fold(0.0, f64::max);
        shares = next;
        if moved <= 1e-12 {
            return Some(shares);
        }
    }
    None
}
