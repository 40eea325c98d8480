//! The curves of an evaluation as counts at each threshold: with them, a window moves the threshold without asking
//! again.

use std::collections::BTreeSet;

use repartee_core::error::Result;
use repartee_models::metrics;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::evaluation::figures::Predictions;

/// Maximum number of thresholds per curve: more than a screen has columns, and few enough to search at each move of a
/// pointer.
const MOST: usize = 1000;

/// One class against the rest: the counts at its thresholds, from which its ROC and precision-recall curves follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClassCurve {
    /// Index of the class.
    pub class: usize,
    /// "real", "bin 2".
    pub name: String,
    /// Number of examples of this class.
    pub positives: u64,
    /// Number of examples of the other classes.
    pub negatives: u64,
    /// Examples with at least this probability are predicted as this class; falling, in as few decimal places as tell
    /// two probabilities apart. None at the first: no example is.
    pub thresholds: Vec<Option<f64>>,
    /// Of this class, predicted as this one, at each threshold.
    pub tp: Vec<u64>,
    /// Of another class, predicted as this one, at each threshold.
    pub fp: Vec<u64>,
    /// Number of distinct probabilities. With more than 1,000, some thresholds are omitted; the others are exact.
    pub distinct: u64,
}

/// The curves of a classifier's evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EvaluationCurves {
    /// Class 1 of two, or each class against the rest; without classes that have none or all of the examples.
    pub classes: Vec<ClassCurve>,
    /// 95% band of the ROC curve of two classes: false positive rate, lowest and highest true positive rate. Empty
    /// without intervals.
    pub band: Vec<(f64, f64, f64)>,
}

/// The curve of a class; `None` if it has none or all of the examples.
fn curve_of(predictions: &Predictions, class: usize, name: &str) -> Option<ClassCurve> {
    let steps = metrics::steps(&predictions.of_class(class), &predictions.is_class(class))?;
    let &(negatives, positives, _) = steps.last()?;
    if negatives == 0 || positives == 0 {
        return None;
    }
    let mut curve = ClassCurve {
        class,
        name: name.to_owned(),
        positives,
        negatives,
        thresholds: vec![None],
        tp: vec![0],
        fp: vec![0],
        distinct: steps.len() as u64,
    };
    for i in kept(&steps, MOST - 1) {
        let (fp, tp, score) = steps[i];
        let below = steps.get(i + 1).map_or(-1.0, |next| next.2);
        curve.thresholds.push(Some(separating(below, score)));
        curve.tp.push(tp);
        curve.fp.push(fp);
    }
    Some(curve)
}

/// A threshold above `low` and at most `high`: no probability is between the two, so it separates as `high` does. In few
/// decimal places, it reads well and is the same number after JSON, whose parser rounds long ones.
fn separating(low: f64, high: f64) -> f64 {
    (1..=15)
        .map(|places| {
            let scale = 10f64.powi(places);
            (high * scale).floor() / scale
        })
        .find(|short| low < *short && *short <= high)
        .unwrap_or(high)
}

/// Indices of at most `most` steps, with the first and the last: half of them evenly along the ROC curve, the others
/// denser towards its beginning, which a logarithmic axis stretches.
fn kept(steps: &[(u64, u64, f64)], most: usize) -> BTreeSet<usize> {
    let n = steps.len();
    if n <= most {
        return (0..n).collect();
    }
    let (negatives, positives, _) = steps[n - 1];
    // distance from the origin along both axes, 0 to 2
    let along = |i: usize| {
        let (fp, tp, _) = steps[i];
        fp as f64 / negatives as f64 + tp as f64 / positives as f64
    };
    let mut kept = BTreeSet::from([0, n - 1]);
    let half = most / 2;
    let mut next = 0;
    for k in 1..half {
        let share = k as f64 / half as f64;
        while next + 1 < n && along(next) < 2.0 * share {
            next += 1;
        }
        kept.insert(next);
        kept.insert((n as f64).powf(share) as usize - 1);
    }
    kept
}

impl Engine {
    /// The curves of a classifier's evaluation, as counts at each threshold.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; [`crate::Code::Usage`] for a generator's.
    pub fn evaluation_curves(&self, id: i64) -> Result<EvaluationCurves> {
        let predictions = self.predictions(id)?;
        let evaluation = self.evaluation(id)?;
        let names = &evaluation.config.classes;
        let binary = predictions.classes == 2;
        let classes = match binary {
            true => 1..2,
            false => 0..predictions.classes,
        };
        let band = match binary {
            true => self.band_of(&evaluation, &predictions)?,
            false => Vec::new(),
        };
        Ok(EvaluationCurves {
            classes: classes
                .filter_map(|class| curve_of(&predictions, class, &names[class]))
                .collect(),
            band,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use repartee_models::rng::Stream;

    use super::*;

    /// `n` predictions of two classes, whose probabilities have `digits` decimal places.
    fn sample(n: usize, digits: i32) -> Predictions {
        let mut stream = Stream::new(3, "curves");
        let mut predictions = Predictions {
            classes: 2,
            ..Predictions::default()
        };
        for _ in 0..n {
            let label = stream.below(2);
            let logit = stream.next_normal() + label as f64;
            let scale = 10f64.powi(digits);
            let p = (scale / (1.0 + (-logit).exp())).round() / scale;
            predictions.labels.push(label);
            predictions.p.extend([1.0 - p, p]);
        }
        predictions
    }

    fn assert_exact(predictions: &Predictions, curve: &ClassCurve) {
        assert_eq!(
            (curve.thresholds[0], curve.tp[0], curve.fp[0]),
            (None, 0, 0)
        );
        for (i, threshold) in curve.thresholds.iter().enumerate().skip(1) {
            let counted = predictions.confusion(threshold.unwrap()).class(1);
            assert_eq!((curve.tp[i], curve.fp[i]), (counted.tp, counted.fp));
            assert_eq!(curve.positives, counted.tp + counted.fn_);
            assert_eq!(curve.negatives, counted.fp + counted.tn);
        }
        let known = &curve.thresholds[1..];
        assert!(known.windows(2).all(|pair| pair[0] > pair[1]));
        assert_eq!(curve.tp.last(), Some(&curve.positives));
        assert_eq!(curve.fp.last(), Some(&curve.negatives));
    }

    #[test]
    fn counts_are_those_of_each_threshold() {
        // with two digits, many examples share a probability
        let predictions = sample(400, 2);
        let curve = curve_of(&predictions, 1, "real").unwrap();
        assert!(curve.distinct < 101);
        assert_eq!(curve.thresholds.len() as u64, curve.distinct + 1);
        assert_exact(&predictions, &curve);
    }

    #[test]
    fn threshold_is_the_shortest_between_two_probabilities() {
        assert_eq!(separating(0.40178, 0.50371), 0.5);
        assert_eq!(separating(0.5032, 0.50371), 0.5037);
        assert_eq!(separating(-1.0, 0.03), 0.0);
        assert_eq!(separating(0.99, 1.0), 1.0);
        let next = f64::from_bits(0.3f64.to_bits() + 1);
        assert_eq!(separating(0.3, next), next);
    }

    #[test]
    fn omitted_thresholds_leave_the_others_exact() {
        let predictions = sample(5000, 12);
        let curve = curve_of(&predictions, 1, "real").unwrap();
        assert!(curve.distinct > 4900);
        let kept = curve.thresholds.len();
        assert!(kept > MOST / 2 && kept <= MOST, "{kept}");
        assert_exact(&predictions, &curve);
        // no gap that a picture of 400 pixels shows
        for (counts, all) in [(&curve.tp, curve.positives), (&curve.fp, curve.negatives)] {
            let gaps = counts.windows(2).map(|pair| pair[1] - pair[0]);
            let widest = gaps.max().unwrap() as f64 / all as f64;
            assert!(widest < 1.0 / 200.0, "{widest}");
        }
    }

    #[test]
    fn missing_class_has_no_curve() {
        let mut predictions = sample(20, 3);
        predictions.labels.fill(1);
        assert_eq!(curve_of(&predictions, 1, "real"), None);
        assert_eq!(curve_of(&predictions, 0, "fake"), None);
    }
}
