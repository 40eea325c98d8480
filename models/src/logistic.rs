//! Logistic regression on sparse rows, for the classifiers of `shortcuts.rs`.
//!
//! As `sklearn.linear_model.LogisticRegression(C=1)`: it minimizes the log losses of all examples plus half the squared
//! weights, without the bias. The solution does not depend on the order of the examples, and L-BFGS (Liu and Nocedal
//! 1989, "On the limited memory BFGS method for large scale optimization") finds it without random numbers. Time is
//! linear in the number of values, memory too, plus twenty vectors of the width.

use std::collections::VecDeque;

use crate::{Error, Result};

/// Steps that the inverse Hessian is estimated from.
const HISTORY: usize = 10;
/// Maximum number of steps.
const STEPS: usize = 200;
/// It has converged when no derivative of the mean loss is larger.
const TOLERANCE: f64 = 1e-6;
/// A step must lower the loss by this share of what its slope predicts (Armijo 1966).
const SUFFICIENT: f64 = 1e-4;
/// How often a step is halved before it counts as too small to matter.
const HALVINGS: usize = 40;

/// Rows of few values (compressed sparse rows), (N, F).
#[derive(Clone, Debug)]
pub struct SparseRows {
    /// F.
    width: usize,
    /// Where each row ends in the two lists, (N).
    ends: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl SparseRows {
    /// No rows yet, of `width` columns.
    pub fn new(width: usize) -> Self {
        Self {
            width,
            ends: Vec::new(),
            columns: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Adds a row of columns and their values. Columns outside of the width are skipped.
    pub fn push(&mut self, row: &[(u32, f32)]) {
        for &(column, value) in row {
            if (column as usize) < self.width {
                self.columns.push(column);
                self.values.push(value);
            }
        }
        self.ends.push(self.columns.len());
    }

    fn row(&self, n: usize) -> impl Iterator<Item = (usize, f64)> {
        let from = match n {
            0 => 0,
            n => self.ends[n - 1],
        };
        let range = from..self.ends[n];
        let values = &self.values[range.clone()];
        (self.columns[range].iter().zip(values))
            .map(|(&column, &value)| (column as usize, f64::from(value)))
    }
}

/// A fitted model of two classes.
#[derive(Clone, Debug)]
pub struct LogisticRegression {
    /// Of each column, then the bias, (F + 1).
    weights: Vec<f64>,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// a += factor * b.
fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += factor * b;
    }
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// The mean loss at weights (F + 1), and its gradient.
fn loss(rows: &SparseRows, labels: &[bool], weights: &[f64]) -> (f64, Vec<f64>) {
    let (width, n) = (rows.width, labels.len() as f64);
    let mut gradient = weights.to_vec();
    gradient[width] = 0.0;
    let mut sum = 0.5 * dot(&gradient, &gradient);
    for (i, &label) in labels.iter().enumerate() {
        let z: f64 = weights[width] + rows.row(i).map(|(k, x)| weights[k] * x).sum::<f64>();
        let against = if label { -z } else { z };
        // ln(1 + exp(against)), without overflow
        sum += against.max(0.0) + (-against.abs()).exp().ln_1p();
        let error = sigmoid(z) - f64::from(u8::from(label));
        for (k, x) in rows.row(i) {
            gradient[k] += error * x;
        }
        gradient[width] += error;
    }
    for slope in &mut gradient {
        *slope /= n;
    }
    (sum / n, gradient)
}

/// A step that was taken.
struct Step {
    /// How the weights changed.
    weights: Vec<f64>,
    /// How the gradient changed.
    gradient: Vec<f64>,
    /// Product of the two: positive, since the loss is convex.
    product: f64,
}

/// The gradient times the estimated inverse Hessian, downward: L-BFGS's two loops.
fn direction(gradient: &[f64], steps: &VecDeque<Step>) -> Vec<f64> {
    let mut down: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut factors = Vec::with_capacity(steps.len());
    for step in steps.iter().rev() {
        let factor = dot(&step.weights, &down) / step.product;
        add(&mut down, -factor, &step.gradient);
        factors.push(factor);
    }
    if let Some(last) = steps.back() {
        let scale = last.product / dot(&last.gradient, &last.gradient);
        down.iter_mut().for_each(|slope| *slope *= scale);
    }
    for (step, factor) in steps.iter().zip(factors.iter().rev()) {
        let back = dot(&step.gradient, &down) / step.product;
        add(&mut down, factor - back, &step.weights);
    }
    down
}

impl LogisticRegression {
    /// Fits rows (N, F) to their classes (N). It asks `stop` before each pass over the rows. Without rows, all weights
    /// are zero.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if `stop` said so.
    pub fn fit(rows: &SparseRows, labels: &[bool], stop: &dyn Fn() -> bool) -> Result<Self> {
        assert_eq!(rows.ends.len(), labels.len(), "one label for each row");
        let mut weights = vec![0.0; rows.width + 1];
        if labels.is_empty() {
            return Ok(Self { weights });
        }
        let (mut value, mut gradient) = loss(rows, labels, &weights);
        let mut steps: VecDeque<Step> = VecDeque::with_capacity(HISTORY);
        for _ in 0..STEPS {
            if gradient.iter().all(|slope| slope.abs() <= TOLERANCE) {
                break;
            }
            let down = direction(&gradient, &steps);
            let slope = dot(&gradient, &down);
            // before the first step, nothing says how far to go
            let mut length = match steps.is_empty() {
                true => 1.0 / dot(&down, &down).sqrt(),
                false => 1.0,
            };
            let mut taken = None;
            for _ in 0..HALVINGS {
                if stop() {
                    return Err(Error::Interrupted);
                }
                let mut next = weights.clone();
                add(&mut next, length, &down);
                let (next_value, next_gradient) = loss(rows, labels, &next);
                if next_value <= value + SUFFICIENT * length * slope {
                    taken = Some((next, next_value, next_gradient));
                    break;
                }
                length /= 2.0;
            }
            // within rounding, there is no smaller loss
            let Some((next, next_value, next_gradient)) = taken else {
                break;
            };
            let difference = |after: &[f64], before: &[f64]| -> Vec<f64> {
                after.iter().zip(before).map(|(a, b)| a - b).collect()
            };
            let step = Step {
                weights: difference(&next, &weights),
                gradient: difference(&next_gradient, &gradient),
                product: 0.0,
            };
            let product = dot(&step.weights, &step.gradient);
            if product > 0.0 {
                if steps.len() == HISTORY {
                    steps.pop_front();
                }
                steps.push_back(Step { product, ..step });
            }
            (weights, value, gradient) = (next, next_value, next_gradient);
        }
        Ok(Self { weights })
    }

    /// The log-odds of a row.
    pub fn logit(&self, row: &[(u32, f32)]) -> f64 {
        let Some((bias, weights)) = self.weights.split_last() else {
            return 0.0;
        };
        let known = row.iter().filter_map(|&(column, value)| {
            let weight = weights.get(column as usize)?;
            Some(weight * f64::from(value))
        });
        bias + known.sum::<f64>()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    fn rows(all: &[Vec<(u32, f32)>], width: usize) -> SparseRows {
        let mut rows = SparseRows::new(width);
        all.iter().for_each(|row| rows.push(row));
        rows
    }

    #[test]
    fn weights_are_those_of_plain_gradient_descent() {
        let mut stream = Stream::new(3, "rows");
        let mut all = Vec::new();
        let mut labels = Vec::new();
        for _ in 0..60 {
            let x: Vec<f64> = (0..3).map(|_| 2.0 * stream.next_f64() - 1.0).collect();
            labels.push(2.0 * x[0] - x[1] + 0.5 * stream.next_normal() > 0.3);
            all.push((0..).zip(x.iter().map(|x| *x as f32)).collect::<Vec<_>>());
        }
        let rows = rows(&all, 3);
        let fitted = LogisticRegression::fit(&rows, &labels, &|| false).unwrap();
        let mut slow = vec![0.0; 4];
        for _ in 0..20_000 {
            let (_, gradient) = loss(&rows, &labels, &slow);
            add(&mut slow, -0.5, &gradient);
        }
        for (a, b) in fitted.weights.iter().zip(&slow) {
            assert!((a - b).abs() < 1e-3, "{:?} {slow:?}", fitted.weights);
        }
        assert!(slow[0] > 1.0 && slow[1] < -0.5, "{slow:?}");
        let expected = slow[3] + slow[0] * 0.5 - slow[2];
        assert!((fitted.logit(&[(0, 0.5), (2, -1.0)]) - expected).abs() < 1e-2);
    }

    #[test]
    fn separable_classes_have_the_weight_of_the_penalty() {
        // of two mirrored examples: w = 2 / (1 + exp(w)), and no bias
        let rows = rows(&[vec![(0, 1.0)], vec![(0, -1.0)]], 1);
        let fitted = LogisticRegression::fit(&rows, &[true, false], &|| false).unwrap();
        let [weight, bias] = fitted.weights[..] else {
            panic!("two weights")
        };
        assert!(
            (weight - 2.0 / (1.0 + weight.exp())).abs() < 1e-4,
            "{weight}"
        );
        assert!((0.6..0.75).contains(&weight) && bias.abs() < 1e-4);
    }

    #[test]
    fn fit_ends_when_it_is_requested() {
        let one = rows(&[vec![(0, 1.0)], vec![]], 1);
        let stopped = LogisticRegression::fit(&one, &[true, false], &|| true);
        assert!(matches!(stopped, Err(Error::Interrupted)));
        let empty = LogisticRegression::fit(&rows(&[], 2), &[], &|| true).unwrap();
        assert_eq!(empty.logit(&[(1, 3.0), (9, 1.0)]), 0.0);
    }
}
