//! Temperature scaling (Guo et al. 2017, "On calibration of modern neural networks"): one number that divides all
//! logits, fitted on the validation set, so that the probabilities of the test set mean what they say. It changes no
//! ranking of the classes of an example.

/// Temperatures that are looked for: outside of them, the fit has no useful minimum.
const LEAST: f64 = 0.01;
const MOST: f64 = 100.0;

/// The smallest probability of a softmax in f32 that is not zero: a probability of zero is at most that.
const FLOOR: f64 = 1e-45;

/// Log-probabilities, (N, K): the logits but for a constant in each row, which no softmax sees.
fn logits(probabilities: &[f64]) -> Vec<f64> {
    probabilities.iter().map(|p| p.max(FLOOR).ln()).collect()
}

/// `probabilities` (N, K) at a temperature: softmax(logits / temperature). Above 1 they become less extreme.
pub fn at_temperature(probabilities: &[f64], classes: usize, temperature: f64) -> Vec<f64> {
    let mut out = logits(probabilities);
    for row in out.chunks_exact_mut(classes.max(1)) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for x in row.iter_mut() {
            *x = ((*x - largest) / temperature).exp();
            sum += *x;
        }
        row.iter_mut().for_each(|x| *x /= sum);
    }
    out
}

/// First and second derivative of the mean negative log-likelihood by the inverse temperature: the mean of
/// E[z] - z(truth), and of Var[z], of the logits z under the scaled probabilities.
fn derivatives(logits: &[f64], classes: usize, labels: &[usize], inverse: f64) -> (f64, f64) {
    let (mut slope, mut curvature) = (0.0, 0.0);
    for (row, &label) in logits.chunks_exact(classes).zip(labels) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
        for z in row {
            let z = z - largest;
            let weight = (inverse * z).exp();
            sum += weight;
            first += weight * z;
            second += weight * z * z;
        }
        let mean = first / sum;
        slope += mean - (row[label] - largest);
        curvature += second / sum - mean * mean;
    }
    let n = labels.len() as f64;
    (slope / n, curvature / n)
}

/// The temperature with the smallest log loss on `probabilities` (N, K) of examples whose classes are `labels` (N). The
/// loss is convex in the inverse temperature: Newton's method, kept between bounds, finds its one minimum. `None`
/// without examples, with a NaN, or if there is no minimum between 0.01 and 100: every example is predicted correctly, or
/// the predictions are no better than none.
pub fn fit_temperature(probabilities: &[f64], classes: usize, labels: &[usize]) -> Option<f64> {
    assert_eq!(
        probabilities.len(),
        labels.len() * classes,
        "K probabilities for each label"
    );
    if labels.is_empty() || probabilities.iter().any(|p| p.is_nan()) {
        return None;
    }
    let logits = logits(probabilities);
    let at = |inverse: f64| derivatives(&logits, classes, labels, inverse);
    let (mut low, mut high) = (1.0 / MOST, 1.0 / LEAST);
    if at(low).0 >= 0.0 || at(high).0 <= 0.0 {
        return None;
    }
    let mut inverse = 1.0;
    for _ in 0..200 {
        let (slope, curvature) = at(inverse);
        if slope < 0.0 {
            low = inverse;
        } else {
            high = inverse;
        }
        let step = slope / curvature;
        if step.abs() <= 1e-13 * inverse {
            break;
        }
        let newton = inverse - step;
        inverse = match newton > low && newton < high {
            true => newton,
            false => (low * high).sqrt(),
        };
    }
    Some(1.0 / inverse)
}
