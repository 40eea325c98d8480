//! Evaluation metrics: pure functions over slices, without tensors.
//!
//! Scores are sorted once (O(n log n)) and equal scores are one step of a curve, so that a model that gives everything
//! the same probability gets an AUC of exactly one half. A metric that is undefined (the AUC of one class, the
//! precision without predictions) is `None`, never an invented number.
//!
//! The definitions are those of scikit-learn (`sklearn.metrics`, `sklearn.calibration`); the tests compare with its
//! values to 1e-9 (from `tests/fixtures/metrics.py`).
//!
//! Probabilities of K classes come as one flat slice of N rows, (N, K) row-major. Slices that belong together must have
//! equal lengths; every function panics otherwise, since that is a bug of the caller and never of the data.
//!
//! How sure they are: [`delong`] for AUCs, [`bootstrap`] with [`weighted`] for the others, [`permutation`] tests of two
//! models; all of them keep the examples of a thread together ([`clusters`]). Ordered classes: [`ordinal`]. Calibration:
//! [`temperature`], [`prior_shift`]. Labels that the predictions contradict: [`label_errors`].

pub mod bootstrap;
pub mod clusters;
pub mod delong;
pub mod label_errors;
mod normal;
pub mod ordinal;
pub mod permutation;
pub mod prior_shift;
pub mod temperature;
pub mod weighted;

pub use clusters::{Clusters, Interval};
use serde::{Deserialize, Serialize};

/// One step of a ROC curve: the rates of a classifier that predicts positive from `threshold` on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// False positive rate, 0 to 1.
    pub fpr: f64,
    /// True positive rate, 0 to 1.
    pub tpr: f64,
    /// Scores from here on (`>=`) are predicted positive; `None` at the origin, where none is.
    pub threshold: Option<f64>,
}

/// A ROC curve with the area under it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roc {
    /// From (0, 0) to (1, 1), thresholds falling, one point per distinct score.
    pub points: Vec<RocPoint>,
    /// Area under the curve by trapezoids: the probability that a positive scores above a negative,
    /// ties counting half.
    pub auc: f64,
}

impl Roc {
    /// The points at which the curve bends, without those on a straight line between them. It gives the same picture
    /// with fewer points (scikit-learn's `drop_intermediate`).
    pub fn corners(&self) -> Vec<RocPoint> {
        let p = &self.points;
        let bends = |i: usize| {
            let (a, b, c) = (&p[i - 1], &p[i], &p[i + 1]);
            let turn = (b.fpr - a.fpr) * (c.tpr - b.tpr) - (b.tpr - a.tpr) * (c.fpr - b.fpr);
            turn.abs() > 1e-15
        };
        (0..p.len())
            .filter(|&i| i == 0 || i + 1 == p.len() || bends(i))
            .map(|i| p[i])
            .collect()
    }

    /// The last point whose threshold is not below `threshold`: the rates of a classifier with that threshold.
    pub fn at(&self, threshold: f64) -> RocPoint {
        let above = self
            .points
            .iter()
            .rev()
            .find(|p| p.threshold.is_none_or(|t| t >= threshold));
        above.copied().unwrap_or(RocPoint {
            fpr: 0.0,
            tpr: 0.0,
            threshold: None,
        })
    }
}

/// Running counts (false positives, true positives, score) after each group of equal scores, from the highest score
/// down. `None` if a score is NaN: there is no order then.
pub fn steps(scores: &[f64], truth: &[bool]) -> Option<Vec<(u64, u64, f64)>> {
    assert_eq!(scores.len(), truth.len(), "one score for each truth");
    if scores.iter().any(|s| s.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let (mut fp, mut tp) = (0, 0);
    let mut steps: Vec<(u64, u64, f64)> = Vec::new();
    for i in order {
        if truth[i] {
            tp += 1
        } else {
            fp += 1
        }
        match steps.last_mut() {
            // `==` instead of comparing bits: 0.0 and -0.0 are one score.
            Some(last) if last.2 == scores[i] => (last.0, last.1) = (fp, tp),
            _ => steps.push((fp, tp, scores[i])),
        }
    }
    Some(steps)
}

/// The ROC curve of `scores` (higher means more likely true). `None` if one class is missing or a score is NaN. As
/// `sklearn.metrics.roc_curve(drop_intermediate=False)` and `roc_auc_score`.
pub fn roc(scores: &[f64], truth: &[bool]) -> Option<Roc> {
    let steps = steps(scores, truth)?;
    let &(negatives, positives, _) = steps.last()?;
    if negatives == 0 || positives == 0 {
        return None;
    }
    let mut points = vec![RocPoint {
        fpr: 0.0,
        tpr: 0.0,
        threshold: None,
    }];
    // Twice the area in units of one negative times one positive: an integer, so no rounding adds up.
    let mut doubled: u128 = 0;
    let mut before = (0, 0);
    for (fp, tp, score) in steps {
        doubled += u128::from(fp - before.0) * u128::from(tp + before.1);
        before = (fp, tp);
        points.push(RocPoint {
            fpr: fp as f64 / negatives as f64,
            tpr: tp as f64 / positives as f64,
            threshold: Some(score),
        });
    }
    let auc = doubled as f64 / (2.0 * negatives as f64 * positives as f64);
    Some(Roc { points, auc })
}

/// The ROC curves of a classifier of K classes, each class against the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RocByClass {
    /// One curve per class; `None` for a class without examples (or with all of them).
    pub classes: Vec<Option<Roc>>,
    /// Micro-average: the decisions on all classes that occur ([`Pooled`]) as one binary problem; every example counts
    /// equally. `None` if fewer than two occur.
    pub micro: Option<Roc>,
    /// Macro-average: the mean of the classes' curves at every false positive rate; every class counts equally. Its
    /// `auc` is the mean of the classes' AUCs. Classes without a curve are left out; `None` if fewer than two have one.
    pub macro_mean: Option<Roc>,
}

/// One-vs-rest curves from `probabilities` (N, K) and the true classes (N). As scikit-learn's
/// `roc_auc_score(multi_class="ovr")` with `average` None, "micro" and "macro"; if a class is missing, all averages are
/// over the others.
pub fn roc_by_class(probabilities: &[f64], classes: usize, labels: &[usize]) -> RocByClass {
    assert_eq!(
        probabilities.len(),
        labels.len() * classes,
        "K probabilities for each label"
    );
    let curves: Vec<Option<Roc>> = (0..classes)
        .map(|k| {
            let scores: Vec<f64> = probabilities
                .iter()
                .skip(k)
                .step_by(classes)
                .copied()
                .collect();
            let truth: Vec<bool> = labels.iter().map(|&l| l == k).collect();
            roc(&scores, &truth)
        })
        .collect();
    let pooled = Pooled::of(labels, classes);
    let micro = roc(&pooled.scores(probabilities), &pooled.truth);
    let there: Vec<&Roc> = curves.iter().flatten().collect();
    let macro_mean = (there.len() > 1).then(|| mean_curve(&there));
    RocByClass {
        classes: curves,
        micro,
        macro_mean,
    }
}

/// The decisions that a micro-average pools: of every example, whether it is of each class. A class without examples has
/// none: it would add N decisions that are easily right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pooled {
    classes: usize,
    /// The classes that occur, (M).
    pub there: Vec<usize>,
    /// Whether each decision is true, (N, M) row-major.
    pub truth: Vec<bool>,
}

impl Pooled {
    /// Of examples with these true classes, (N), out of K.
    pub fn of(labels: &[usize], classes: usize) -> Self {
        let there: Vec<usize> = (0..classes).filter(|k| labels.contains(k)).collect();
        let truth = (labels.iter())
            .flat_map(|label| there.iter().map(move |k| k == label))
            .collect();
        Self {
            classes,
            there,
            truth,
        }
    }

    /// Of `probabilities` (N, K), those of the decisions, (N, M).
    pub fn scores(&self, probabilities: &[f64]) -> Vec<f64> {
        let rows = probabilities.chunks_exact(self.classes.max(1));
        rows.flat_map(|row| self.there.iter().map(move |&k| row[k]))
            .collect()
    }
}

/// Micro-averaged average precision of `probabilities` (N, K), over the classes that occur ([`Pooled`]). `None` if fewer
/// than two do, or with a NaN. As scikit-learn's `average_precision_score(average="micro")`.
pub fn micro_average_precision(
    probabilities: &[f64],
    classes: usize,
    labels: &[usize],
) -> Option<f64> {
    let pooled = Pooled::of(labels, classes);
    precision_recall(&pooled.scores(probabilities), &pooled.truth).map(|pr| pr.average_precision)
}

/// Mean of a figure of each class (K), weighted by the number of its examples (K): as scikit-learn's
/// `average="weighted"`. Classes without the figure are left out; `None` if fewer than two have it.
pub fn weighted_mean(figures: &[Option<f64>], counts: &[u64]) -> Option<f64> {
    assert_eq!(figures.len(), counts.len(), "one count for each figure");
    let known =
        || (figures.iter().zip(counts)).filter_map(|(figure, &n)| Some(((*figure)?, n as f64)));
    let weight: f64 = known().map(|(_, n)| n).sum();
    (known().count() > 1 && weight > 0.0)
        .then(|| known().map(|(figure, n)| figure * n).sum::<f64>() / weight)
}

/// The micro-averaged average precision of a predictor that gives every example the class shares as probabilities;
/// `counts` has the examples of each class. `None` if fewer than two occur.
pub fn prior_micro_average_precision(counts: &[u64]) -> Option<f64> {
    let counts = occurring(counts);
    let all: f64 = counts.iter().sum();
    let (mut tp, mut decisions, mut sum) = (0.0, 0.0, 0.0);
    for equal in counts.chunk_by(|a, b| a == b) {
        let positives = equal[0] * equal.len() as f64;
        tp += positives;
        decisions += all * equal.len() as f64;
        sum += positives * tp / decisions;
    }
    (counts.len() > 1).then(|| sum / all)
}

/// The micro-averaged AUC of a predictor that gives every example the class shares as probabilities; `counts` has the
/// examples of each class. No other constant predictor has a higher one, and it is one half only if all classes are
/// equally frequent: pooled over the classes, "not a rare class" is right more often than not. `None` if fewer than two
/// classes occur.
pub fn prior_micro_auc(counts: &[u64]) -> Option<f64> {
    let counts = occurring(counts);
    let all: f64 = counts.iter().sum();
    // class k is one score of the pooled problem, with its examples as positives and all others as negatives
    let (mut doubled, mut tp) = (0.0, 0.0);
    for equal in counts.chunk_by(|a, b| a == b) {
        let positives = equal[0] * equal.len() as f64;
        let negatives = (all - equal[0]) * equal.len() as f64;
        doubled += negatives * (positives + 2.0 * tp);
        tp += positives;
    }
    let negatives = all * (counts.len() as f64 - 1.0);
    (negatives > 0.0).then(|| doubled / (2.0 * negatives * all))
}

/// The examples of each class that occurs, the most frequent first.
fn occurring(counts: &[u64]) -> Vec<f64> {
    let there = counts.iter().filter(|n| **n > 0);
    let mut there: Vec<f64> = there.map(|&n| n as f64).collect();
    there.sort_unstable_by(|a, b| b.total_cmp(a));
    there
}

/// The mean of several ROC curves over the union of their false positive rates (Fawcett 2006, "An
/// introduction to ROC analysis", vertical averaging). Thresholds of different classes do not average,
/// so the points have none.
fn mean_curve(curves: &[&Roc]) -> Roc {
    let mut rates: Vec<f64> = curves
        .iter()
        .flat_map(|c| c.points.iter().map(|p| p.fpr))
        .collect();
    rates.sort_unstable_by(f64::total_cmp);
    rates.dedup();
    let mut sums = vec![0.0; rates.len()];
    for curve in curves {
        let p = &curve.points;
        let mut i = 0; // the last point at or left of the rate: the top of a vertical step
        for (sum, &rate) in sums.iter_mut().zip(&rates) {
            while i + 1 < p.len() && p[i + 1].fpr <= rate {
                i += 1;
            }
            *sum += match p.get(i + 1) {
                Some(next) if next.fpr > p[i].fpr => {
                    let along = (rate - p[i].fpr) / (next.fpr - p[i].fpr);
                    p[i].tpr + along * (next.tpr - p[i].tpr)
                }
                _ => p[i].tpr,
            };
        }
    }
    let n = curves.len() as f64;
    let mut points = vec![RocPoint {
        fpr: 0.0,
        tpr: 0.0,
        threshold: None,
    }];
    points.extend(rates.iter().zip(&sums).map(|(&fpr, sum)| RocPoint {
        fpr,
        tpr: sum / n,
        threshold: None,
    }));
    Roc {
        points,
        auc: curves.iter().map(|c| c.auc).sum::<f64>() / n,
    }
}

/// One step of a precision-recall curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrPoint {
    /// Share of the positives that are predicted positive, 0 to 1.
    pub recall: f64,
    /// Share of the predicted positives that are positive, 0 to 1.
    pub precision: f64,
    /// Scores from here on (`>=`) are predicted positive; `None` at recall 0, where none is.
    pub threshold: Option<f64>,
}

/// A precision-recall curve with its average precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecall {
    /// From recall 0 (precision 1 by convention) to recall 1, thresholds falling.
    pub points: Vec<PrPoint>,
    /// Precision weighted by the gain in recall: a sum, not an integral, so it is not optimistic.
    pub average_precision: f64,
    /// Share of positives: the precision of always predicting positive.
    pub base_rate: f64,
}

/// The precision-recall curve; `None` if one class is missing or a score is NaN. As
/// `sklearn.metrics.precision_recall_curve` and `average_precision_score`.
pub fn precision_recall(scores: &[f64], truth: &[bool]) -> Option<PrecisionRecall> {
    let steps = steps(scores, truth)?;
    let &(negatives, positives, _) = steps.last()?;
    if negatives == 0 || positives == 0 {
        return None;
    }
    let mut points = vec![PrPoint {
        recall: 0.0,
        precision: 1.0,
        threshold: None,
    }];
    let mut average_precision = 0.0;
    let mut recall_before = 0.0;
    for (fp, tp, score) in steps {
        let recall = tp as f64 / positives as f64;
        let precision = tp as f64 / (tp + fp) as f64;
        average_precision += (recall - recall_before) * precision;
        recall_before = recall;
        points.push(PrPoint {
            recall,
            precision,
            threshold: Some(score),
        });
    }
    let base_rate = positives as f64 / (positives + negatives) as f64;
    Some(PrecisionRecall {
        points,
        average_precision,
        base_rate,
    })
}

/// Index of the largest probability of each row of (N, K); the first on a tie, as numpy's argmax.
pub fn argmax(probabilities: &[f64], classes: usize) -> Vec<usize> {
    let best =
        |row: &[f64]| (0..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best });
    probabilities.chunks_exact(classes).map(best).collect()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// `counts[truth][predicted]`, (K, K).
    pub counts: Vec<Vec<u64>>,
}

/// Counts and rates of one class against the rest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassFigures {
    /// Of this class, predicted as this one.
    pub tp: u64,
    /// Of another class, predicted as this one.
    pub fp: u64,
    /// Of another class, predicted as another.
    pub tn: u64,
    /// Of this class, predicted as another.
    pub fn_: u64,
    /// tp / (tp + fp); `None` if nothing was predicted as this class.
    pub precision: Option<f64>,
    /// tp / (tp + fn); `None` if nothing is of this class.
    pub recall: Option<f64>,
    /// 2 tp / (2 tp + fp + fn); `None` if all three are zero.
    pub f1: Option<f64>,
}

/// Quotient of two counts, or `None` if it is undefined.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The confusion matrix of true and predicted classes, both (N) and below `classes`.
/// As `sklearn.metrics.confusion_matrix`.
pub fn confusion(labels: &[usize], predicted: &[usize], classes: usize) -> Confusion {
    assert_eq!(
        labels.len(),
        predicted.len(),
        "one prediction for each label"
    );
    let mut counts = vec![vec![0; classes]; classes];
    for (&l, &p) in labels.iter().zip(predicted) {
        counts[l][p] += 1;
    }
    Confusion { counts }
}

impl ClassFigures {
    /// Whether the class is in the labels or in the predictions: the classes of a macro-average.
    pub fn occurs(&self) -> bool {
        self.tp + self.fp + self.fn_ > 0
    }
}

impl Confusion {
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Share of correct predictions; `None` without examples.
    pub fn accuracy(&self) -> Option<f64> {
        share(
            (0..self.counts.len()).map(|k| self.counts[k][k]).sum(),
            self.total(),
        )
    }

    /// Counts and rates of class `k` against the rest.
    pub fn class(&self, k: usize) -> ClassFigures {
        let tp = self.counts[k][k];
        let fn_ = self.counts[k].iter().sum::<u64>() - tp;
        let fp = self.counts.iter().map(|row| row[k]).sum::<u64>() - tp;
        ClassFigures {
            tp,
            fp,
            tn: self.total() - tp - fp - fn_,
            fn_,
            precision: share(tp, tp + fp),
            recall: share(tp, tp + fn_),
            f1: share(2 * tp, 2 * tp + fp + fn_),
        }
    }

    fn each(&self) -> impl Iterator<Item = ClassFigures> + '_ {
        (0..self.counts.len()).map(|k| self.class(k))
    }

    /// Mean over the classes that occur in labels or predictions; a rate without a denominator counts as zero, so that
    /// a class that is never predicted cannot raise it. As scikit-learn's `average="macro", zero_division=0`.
    fn macro_mean(&self, rate: fn(&ClassFigures) -> Option<f64>) -> Option<f64> {
        let rates: Vec<f64> = self
            .each()
            .filter(ClassFigures::occurs)
            .map(|class| rate(&class).unwrap_or(0.0))
            .collect();
        (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
    }

    /// Macro-averaged F1. As `sklearn.metrics.f1_score(average="macro")`.
    pub fn macro_f1(&self) -> Option<f64> {
        self.macro_mean(|class| class.f1)
    }

    /// Macro-averaged precision; 0 for a class that is never predicted. As
    /// `sklearn.metrics.precision_score(average="macro")`.
    pub fn macro_precision(&self) -> Option<f64> {
        self.macro_mean(|class| class.precision)
    }

    /// Macro-averaged recall; 0 for a class that is only predicted. As `sklearn.metrics.recall_score(average="macro")`:
    /// the balanced accuracy if all classes occur.
    pub fn macro_recall(&self) -> Option<f64> {
        self.macro_mean(|class| class.recall)
    }

    /// Matthews correlation coefficient: the correlation of true and predicted class, -1 to 1, 0 for chance (Gorodkin
    /// 2004 for more than two classes). `None` if truth or prediction has only one class. As
    /// `sklearn.metrics.matthews_corrcoef`, which gives 0 there.
    pub fn matthews(&self) -> Option<f64> {
        let k = self.counts.len();
        let n = self.total() as f64;
        let (mut right, mut both, mut of_truth, mut of_called) = (0.0, 0.0, 0.0, 0.0);
        for i in 0..k {
            let truth = self.counts[i].iter().sum::<u64>() as f64;
            let called = self.counts.iter().map(|row| row[i]).sum::<u64>() as f64;
            right += self.counts[i][i] as f64;
            both += truth * called;
            of_truth += truth * truth;
            of_called += called * called;
        }
        let spread = (n * n - of_truth) * (n * n - of_called);
        (spread > 0.0).then(|| (right * n - both) / spread.sqrt())
    }

    /// Cohen's kappa with quadratic weights: agreement beyond chance for ordered classes, so that a neighboring bin is
    /// a small mistake and a distant one a large one. 1 is perfect, 0 is chance; `None` if truth or prediction has only
    /// one class. As `sklearn.metrics.cohen_kappa_score(weights="quadratic")`.
    pub fn quadratic_kappa(&self) -> Option<f64> {
        let k = self.counts.len();
        let n = self.total() as f64;
        let truth: Vec<f64> = self
            .counts
            .iter()
            .map(|r| r.iter().sum::<u64>() as f64)
            .collect();
        let called: Vec<f64> = (0..k)
            .map(|j| self.counts.iter().map(|r| r[j]).sum::<u64>() as f64)
            .collect();
        let (mut seen, mut chance) = (0.0, 0.0);
        for (i, of_class) in truth.iter().enumerate() {
            for (j, called_so) in called.iter().enumerate() {
                let weight = (i as f64 - j as f64).powi(2);
                seen += weight * self.counts[i][j] as f64;
                chance += weight * of_class * called_so / n;
            }
        }
        (chance > 0.0).then(|| 1.0 - seen / chance)
    }
}

/// Smallest probability that enters a logarithm: f64's machine epsilon, as in scikit-learn, so that a certain mistake
/// costs 36 nats instead of infinity.
const SMALLEST: f64 = f64::EPSILON;

/// Mean of -ln p(truth) over `probabilities` (N, K), in nats; `None` without examples or if a probability is NaN. As
/// `sklearn.metrics.log_loss`; ln K is the value of uniform predictions.
pub fn log_loss(probabilities: &[f64], classes: usize, labels: &[usize]) -> Option<f64> {
    assert_eq!(
        probabilities.len(),
        labels.len() * classes,
        "K probabilities for each label"
    );
    let nll = |(row, &label): (&[f64], &usize)| -row[label].clamp(SMALLEST, 1.0 - SMALLEST).ln();
    let sum: f64 = probabilities
        .chunks_exact(classes)
        .zip(labels)
        .map(nll)
        .sum();
    (!labels.is_empty() && !sum.is_nan()).then(|| sum / labels.len() as f64)
}

/// Mean squared difference between a probability and the truth (0 or 1), 0 to 1, lower is better; `None` without
/// examples or with a NaN. As `sklearn.metrics.brier_score_loss`.
pub fn brier(scores: &[f64], truth: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), truth.len(), "one score for each truth");
    let sum: f64 = scores
        .iter()
        .zip(truth)
        .map(|(s, &t)| (s - f64::from(u8::from(t))).powi(2))
        .sum();
    (!scores.is_empty() && !sum.is_nan()).then(|| sum / scores.len() as f64)
}

/// Mean over the examples of the squared differences between `probabilities` (N, K) and the truth, summed over the
/// classes: 0 to 2, lower is better (Brier 1950). `None` without examples or with a NaN. As scikit-learn's
/// `brier_score_loss(scale_by_half=False)`; for two classes twice [`brier`].
pub fn brier_of_classes(probabilities: &[f64], classes: usize, labels: &[usize]) -> Option<f64> {
    assert_eq!(
        probabilities.len(),
        labels.len() * classes,
        "K probabilities for each label"
    );
    let far = |(row, &label): (&[f64], &usize)| -> f64 {
        let truth = |k: usize| f64::from(u8::from(k == label));
        row.iter()
            .enumerate()
            .map(|(k, p)| (p - truth(k)).powi(2))
            .sum()
    };
    let sum: f64 = probabilities
        .chunks_exact(classes.max(1))
        .zip(labels)
        .map(far)
        .sum();
    (!labels.is_empty() && !sum.is_nan()).then(|| sum / labels.len() as f64)
}

/// Of each example of (N, K) the probability of the most probable class, and whether that class is the true one: the
/// basis of calibration with more than two classes (Guo et al. 2017, "On calibration of modern neural networks").
pub fn top_label(probabilities: &[f64], classes: usize, labels: &[usize]) -> (Vec<f64>, Vec<bool>) {
    let called = argmax(probabilities, classes);
    probabilities
        .chunks_exact(classes)
        .zip(called)
        .zip(labels)
        .map(|((row, called), label)| (row[called], called == *label))
        .unzip()
}

/// One bin of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Mean predicted probability of the bin's examples, 0 to 1.
    pub predicted: f64,
    /// Fraction of them that is true, 0 to 1.
    pub observed: f64,
    pub count: u64,
}

/// The bin of a score, of `bins` of equal width over 0 to 1. An inner edge belongs to the bin below it, as in numpy's
/// `searchsorted`.
fn bin_of(score: f64, bins: usize) -> usize {
    (1..bins)
        .take_while(|&i| score > i as f64 / bins as f64)
        .count()
}

/// Reliability diagram: `bins` of equal width over 0 to 1, empty ones left out. As
/// `sklearn.calibration.calibration_curve(strategy="uniform")`.
pub fn calibration(scores: &[f64], truth: &[bool], bins: usize) -> Vec<CalibrationBin> {
    assert_eq!(scores.len(), truth.len(), "one score for each truth");
    let mut sums = vec![(0.0, 0u64, 0u64); bins]; // sum of scores, true ones, all
    for (&s, &t) in scores.iter().zip(truth).filter(|(s, _)| !s.is_nan()) {
        let bin = bin_of(s, bins);
        sums[bin].0 += s;
        sums[bin].1 += u64::from(t);
        sums[bin].2 += 1;
    }
    let known = sums.into_iter().filter(|s| s.2 > 0);
    known
        .map(|(sum, hits, n)| CalibrationBin {
            predicted: sum / n as f64,
            observed: hits as f64 / n as f64,
            count: n,
        })
        .collect()
}

/// Expected calibration error: the mean distance between predicted and observed frequency, weighted by the bins' counts
/// (Naeini et al. 2015); `None` without bins.
pub fn calibration_error(bins: &[CalibrationBin]) -> Option<f64> {
    let n: u64 = bins.iter().map(|b| b.count).sum();
    let far: f64 = bins
        .iter()
        .map(|b| b.count as f64 * (b.predicted - b.observed).abs())
        .sum();
    (n > 0).then(|| far / n as f64)
}

/// exp of the mean negative log-likelihood per token: the number of equally likely tokens that the model chooses
/// between. `nll` is the sum in nats; `None` without tokens or if the sum is not finite.
pub fn perplexity(nll: f64, tokens: u64) -> Option<f64> {
    let value = (nll / tokens as f64).exp();
    (tokens > 0 && value.is_finite()).then_some(value)
}

/// Pearson's correlation of the ranks of `a` and `b`, equal values sharing their mean rank: -1 to 1. `None` if one of
/// them is constant or contains NaN. As `scipy.stats.spearmanr`.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "two values each");
    let (ra, rb) = (ranks(a)?, ranks(b)?);
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in ra.iter().zip(&rb) {
        ab += (x - mean) * (y - mean);
        aa += (x - mean) * (x - mean);
        bb += (y - mean) * (y - mean);
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / (aa * bb).sqrt())
}

/// Ranks from 1, ties sharing their mean; `None` with a NaN.
pub fn ranks(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|v| v.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = first as f64 + (group.len() as f64 + 1.0) / 2.0;
        group.iter().for_each(|&i| ranks[i] = mean);
        first += group.len();
    }
    Some(ranks)
}
