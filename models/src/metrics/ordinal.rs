//! Figures of ordered classes: how far the predicted class is from the true one.

/// Mean distance between the expected class, the sum of k * p(k), and the true one, in classes: 0 to K - 1, lower is
/// better. `probabilities` (N, K) row-major. `None` without examples or with a NaN. As
/// `sklearn.metrics.mean_absolute_error` of the expected classes.
pub fn mean_absolute_error(probabilities: &[f64], classes: usize, labels: &[usize]) -> Option<f64> {
    let sum: f64 = (expected_class(probabilities, classes).iter().zip(labels))
        .map(|(expected, &label)| (expected - label as f64).abs())
        .sum();
    (!labels.is_empty() && !sum.is_nan()).then(|| sum / labels.len() as f64)
}

/// The expected class of each example, (N): the sum of k * p(k).
pub fn expected_class(probabilities: &[f64], classes: usize) -> Vec<f64> {
    let expected = |row: &[f64]| row.iter().enumerate().map(|(k, p)| k as f64 * p).sum();
    (probabilities.chunks_exact(classes.max(1)).map(expected)).collect()
}

/// Kendall's tau-b: the pairs of examples that `a` and `b` order alike less those that they order differently, over the
/// geometric mean of the pairs that each of them orders: -1 to 1 (Kendall 1945; in O(n log n) by Knight 1966, "A
/// computer method for calculating Kendall's tau with ungrouped data"). `None` if one of them is constant or has a NaN.
/// As `scipy.stats.kendalltau`.
pub fn kendall_tau_b(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "two values each");
    if a.iter().chain(b).any(|v| v.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..a.len()).collect();
    let same = |values: &[f64], i: usize, j: usize| values[i] == values[j];
    // zeros of either sign are equal
    let by = |values: &[f64], i: usize, j: usize| (values[i] + 0.0).total_cmp(&(values[j] + 0.0));
    order.sort_unstable_by(|&i, &j| by(a, i, j).then(by(b, i, j)));
    let pairs = |n: usize| n as f64 * (n as f64 - 1.0) / 2.0;
    let (mut ties_a, mut ties_both) = (0.0, 0.0);
    for group in order.chunk_by(|&i, &j| same(a, i, j)) {
        ties_a += pairs(group.len());
        let both = group.chunk_by(|&i, &j| same(b, i, j));
        ties_both += both.map(|group| pairs(group.len())).sum::<f64>();
    }
    let mut values: Vec<f64> = order.iter().map(|&i| b[i]).collect();
    let swaps = sort_counting(&mut values);
    let ties_b: f64 = (values.chunk_by(|x, y| x == y))
        .map(|group| pairs(group.len()))
        .sum();
    let all = pairs(a.len());
    let ordered = (all - ties_a) * (all - ties_b);
    let difference = all - ties_a - ties_b + ties_both - 2.0 * swaps;
    (ordered > 0.0).then(|| difference / ordered.sqrt())
}

/// Sorts by merging, and counts the pairs that were in the wrong order.
fn sort_counting(values: &mut [f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let (left, right) = values.split_at_mut(values.len() / 2);
    let mut swaps = sort_counting(left) + sort_counting(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if right[j] < left[i] {
            swaps += (left.len() - i) as f64;
            merged.push(right[j]);
            j += 1;
        } else {
            merged.push(left[i]);
            i += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    values.copy_from_slice(&merged);
    swaps
}
