//! From predictions to the figures that a person reads: pure functions, so that a stored evaluation can
//! be judged again, at another threshold, without its model.

use repartee_models::metrics::{self, Confusion};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Predictions of a classifier of K classes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Predictions {
    /// K.
    pub classes: usize,
    /// The true class of each example, (N).
    pub labels: Vec<usize>,
    /// The probabilities, (N, K) row-major.
    pub p: Vec<f64>,
}

impl Predictions {
    /// Probability of class `k` of each example, (N).
    pub fn of_class(&self, k: usize) -> Vec<f64> {
        self.p
            .iter()
            .skip(k)
            .step_by(self.classes.max(1))
            .copied()
            .collect()
    }

    /// Whether each example is of class `k`, (N).
    pub fn is_class(&self, k: usize) -> Vec<bool> {
        self.labels.iter().map(|&l| l == k).collect()
    }

    /// The class that each example is given: of two, class 1 where its probability is at least
    /// `threshold`; of more, the most probable.
    pub fn called(&self, threshold: f64) -> Vec<usize> {
        if self.classes == 2 {
            self.of_class(1)
                .into_iter()
                .map(|p| usize::from(p >= threshold))
                .collect()
        } else {
            metrics::argmax(&self.p, self.classes)
        }
    }

    /// The confusion matrix of [`Predictions::called`].
    pub fn confusion(&self, threshold: f64) -> Confusion {
        metrics::confusion(&self.labels, &self.called(threshold), self.classes)
    }
}

/// One class against the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClassFigures {
    /// Its name: "real", "bin 2".
    pub name: String,
    /// How many examples are of it.
    pub examples: u64,
    /// Of it and called so.
    pub tp: u64,
    /// Of another and called this.
    pub fp: u64,
    /// Of another and called another.
    pub tn: u64,
    /// Of it and called another.
    #[serde(rename = "fn")]
    pub fn_: u64,
    /// tp / (tp + fp).
    pub precision: Option<f64>,
    /// tp / (tp + fn).
    pub recall: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<f64>,
    /// Area under its ROC curve, from probabilities.
    pub auc: Option<f64>,
    /// Mean precision over its recall.
    pub average_precision: Option<f64>,
}

/// What models without learning, or without order of words, reach on the same examples.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct ClassifierBaseline {
    /// Always the class that is most common on the training side.
    pub majority_accuracy: Option<f64>,
    /// The training side's shares as probabilities, for every example alike.
    pub prior_log_loss: Option<f64>,
    /// AUC (macro mean for more than two classes) of naive Bayes over the words of comment and reply.
    pub unigram_auc: Option<f64>,
    /// Its accuracy.
    pub unigram_accuracy: Option<f64>,
}

/// Figures of a classifier; `None` where a figure does not exist (one class is missing).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClassifierFigures {
    /// How many examples.
    pub examples: u64,
    /// Two classes: the probability of class 1 from which on it is said; more classes: none, the most
    /// probable is said.
    pub threshold: Option<f64>,
    /// Area under the ROC curve of class 1 (two classes), or the mean over the classes (macro).
    pub auc: Option<f64>,
    /// The classes that this mean is over, by name: those that occur among the examples. Empty for two
    /// classes.
    #[serde(default)]
    pub auc_over: Vec<String>,
    /// Area under the ROC curve of all decisions pooled; more than two classes only.
    pub micro_auc: Option<f64>,
    /// Share of right answers.
    pub accuracy: Option<f64>,
    /// F1 of class 1 (two classes), or the mean over the classes.
    pub f1: Option<f64>,
    /// Precision, likewise.
    pub precision: Option<f64>,
    /// Recall, likewise.
    pub recall: Option<f64>,
    /// Mean -ln p(truth), nats.
    pub log_loss: Option<f64>,
    /// Mean squared error of p(class 1); two classes only.
    pub brier: Option<f64>,
    /// Mean distance of predicted and seen share over ten bins of p(class 1); two classes only.
    pub calibration_error: Option<f64>,
    /// Agreement beyond chance with squared distance of bins; more than two classes only.
    pub quadratic_kappa: Option<f64>,
    /// Rank correlation of the expected bin with the true one; more than two classes only.
    pub spearman: Option<f64>,
    /// Each class against the rest.
    pub classes: Vec<ClassFigures>,
    /// `confusion[truth][called]`.
    pub confusion: Vec<Vec<u64>>,
    /// What it has to beat.
    pub baseline: ClassifierBaseline,
}

/// Figures of a generator over the tokens of real replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GeneratorFigures {
    /// How many replies.
    pub examples: u64,
    /// How many tokens of replies, their ends included.
    pub tokens: u64,
    /// Mean -ln p of a token, nats.
    pub loss: Option<f64>,
    /// exp of it: over how many equally likely tokens the model hesitates.
    pub perplexity: Option<f64>,
    /// The same of a model that knows only how often each token occurs in the training replies.
    pub unigram_perplexity: Option<f64>,
    /// The same of a model that knows nothing: the size of the vocabulary.
    pub chance_perplexity: u64,
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "of", rename_all = "kebab-case")]
// there is one an evaluation, never a long list of them
#[allow(clippy::large_enum_variant)]
pub enum Figures {
    /// A generator's.
    Generator(GeneratorFigures),
    /// A classifier's.
    Classifier(ClassifierFigures),
}

/// Values of the expected class (p1 + 2 p2 + 3 p3) and of the true one, for rank correlation.
fn expected_and_true(predictions: &Predictions) -> (Vec<f64>, Vec<f64>) {
    let expected = |row: &[f64]| row.iter().enumerate().map(|(k, p)| k as f64 * p).sum();
    let rows = predictions.p.chunks_exact(predictions.classes);
    (
        rows.map(expected).collect(),
        predictions.labels.iter().map(|&l| l as f64).collect(),
    )
}

/// All figures of a classifier's predictions. `threshold` counts for two classes only.
pub fn of_classifier(
    predictions: &Predictions,
    names: &[String],
    threshold: f64,
    baseline: ClassifierBaseline,
) -> ClassifierFigures {
    let k = predictions.classes;
    let binary = k == 2;
    let confusion = predictions.confusion(threshold);
    let curves = metrics::roc_by_class(&predictions.p, k, &predictions.labels);
    let classes: Vec<ClassFigures> = (0..k)
        .map(|c| {
            let counts = confusion.class(c);
            let truth = predictions.is_class(c);
            ClassFigures {
                name: names
                    .get(c)
                    .cloned()
                    .unwrap_or_else(|| format!("class {c}")),
                examples: counts.tp + counts.fn_,
                tp: counts.tp,
                fp: counts.fp,
                tn: counts.tn,
                fn_: counts.fn_,
                precision: counts.precision,
                recall: counts.recall,
                f1: counts.f1,
                auc: curves.classes[c].as_ref().map(|r| r.auc),
                average_precision: metrics::precision_recall(&predictions.of_class(c), &truth)
                    .map(|pr| pr.average_precision),
            }
        })
        .collect();
    let one = |figure: fn(&ClassFigures) -> Option<f64>, mean: Option<f64>| {
        if binary { figure(&classes[1]) } else { mean }
    };
    let (p1, is1) = if binary {
        (predictions.of_class(1), predictions.is_class(1))
    } else {
        Default::default()
    };
    let ordinal = (!binary).then(|| expected_and_true(predictions));
    ClassifierFigures {
        examples: confusion.total(),
        threshold: binary.then_some(threshold),
        auc: one(|c| c.auc, curves.macro_mean.as_ref().map(|r| r.auc)),
        auc_over: (classes.iter().filter(|c| !binary && c.auc.is_some()))
            .map(|c| c.name.clone())
            .collect(),
        micro_auc: curves.micro.filter(|_| !binary).map(|r| r.auc),
        accuracy: confusion.accuracy(),
        f1: one(|c| c.f1, confusion.macro_f1()),
        precision: one(|c| c.precision, confusion.macro_precision()),
        recall: one(|c| c.recall, confusion.macro_recall()),
        log_loss: metrics::log_loss(&predictions.p, k, &predictions.labels),
        brier: metrics::brier(&p1, &is1),
        calibration_error: metrics::calibration_error(&metrics::calibration(&p1, &is1, 10)),
        quadratic_kappa: confusion.quadratic_kappa().filter(|_| !binary),
        spearman: ordinal.and_then(|(expected, truth)| metrics::spearman(&expected, &truth)),
        classes,
        confusion: confusion.counts,
        baseline,
    }
}

/// Baselines of a classifier from the labels of the training side and the naive Bayes predictions for
/// the same examples (none where it was not fitted).
pub fn baseline_of(
    predictions: &Predictions,
    training_counts: &[u64],
    unigram: Option<&Predictions>,
) -> ClassifierBaseline {
    let n = predictions.labels.len();
    let all: u64 = training_counts.iter().sum();
    let known = n > 0 && all > 0;
    // The first of equally common classes, so that the figure does not depend on the order of a search.
    let common = (0..training_counts.len()).fold(0, |best, k| {
        if training_counts[k] > training_counts[best] {
            k
        } else {
            best
        }
    });
    let hits = predictions.labels.iter().filter(|&&l| l == common).count();
    let shares: Vec<f64> = training_counts
        .iter()
        .map(|&c| c as f64 / all.max(1) as f64)
        .collect();
    let prior: Vec<f64> = predictions
        .labels
        .iter()
        .flat_map(|_| shares.iter().copied())
        .collect();
    let figures = unigram.map(|u| of_classifier(u, &[], 0.5, ClassifierBaseline::default()));
    ClassifierBaseline {
        majority_accuracy: known.then(|| hits as f64 / n as f64),
        prior_log_loss: if known {
            metrics::log_loss(&prior, predictions.classes, &predictions.labels)
        } else {
            None
        },
        unigram_auc: figures.as_ref().and_then(|f| f.auc),
        unigram_accuracy: figures.as_ref().and_then(|f| f.accuracy),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn binary() -> Predictions {
        let p1 = [0.9, 0.6, 0.4, 0.2];
        Predictions {
            classes: 2,
            labels: vec![1, 1, 0, 0],
            p: p1.iter().flat_map(|p| [1.0 - p, *p]).collect(),
        }
    }

    #[test]
    fn two_classes_are_judged_by_class_one_at_the_threshold() {
        let names = ["fake".to_owned(), "real".to_owned()];
        let f = of_classifier(&binary(), &names, 0.7, ClassifierBaseline::default());
        assert_eq!(
            (f.auc, f.micro_auc, f.threshold),
            (Some(1.0), None, Some(0.7))
        );
        assert_eq!(
            (f.precision, f.recall, f.accuracy),
            (Some(1.0), Some(0.5), Some(0.75))
        );
        let real = &f.classes[1];
        assert_eq!((real.tp, real.fp, real.tn, real.fn_), (1, 0, 2, 1));
        assert_eq!(real.name, "real");
        assert_eq!(f.confusion, [[2, 0], [1, 1]]);
        assert!(f.brier.unwrap() > 0.0 && f.spearman.is_none());
    }

    #[test]
    fn four_classes_are_judged_by_their_means() {
        let near = |l: usize| (0..4).map(move |k| if k == l { 0.7 } else { 0.1 });
        let labels = vec![0, 1, 2, 3, 3];
        let p = labels.iter().flat_map(|&l| near(l)).collect();
        let f = of_classifier(
            &Predictions {
                classes: 4,
                labels,
                p,
            },
            &[],
            0.5,
            ClassifierBaseline::default(),
        );
        assert_eq!(
            (f.auc, f.micro_auc, f.f1),
            (Some(1.0), Some(1.0), Some(1.0))
        );
        assert_eq!((f.threshold, f.brier), (None, None));
        assert_eq!(f.quadratic_kappa, Some(1.0));
        assert_eq!(f.classes[3].examples, 2);
        assert_eq!(f.auc_over.len(), 4);
    }

    #[test]
    fn a_missing_class_leaves_the_mean_to_the_others() {
        let labels = vec![0, 1, 1, 3];
        let p = [
            [0.7, 0.1, 0.1, 0.1],
            [0.1, 0.7, 0.1, 0.1],
            [0.5, 0.3, 0.1, 0.1],
            [0.1, 0.1, 0.1, 0.7],
        ];
        let names: Vec<String> = (0..4).map(|n| format!("bin {n}")).collect();
        let predictions = Predictions {
            classes: 4,
            labels,
            p: p.concat(),
        };
        let f = of_classifier(&predictions, &names, 0.5, ClassifierBaseline::default());
        assert_eq!(f.classes[2].auc, None, "there is no example of it");
        assert_eq!(f.auc_over, ["bin 0", "bin 1", "bin 3"]);
        let own: Vec<f64> = f.classes.iter().filter_map(|c| c.auc).collect();
        assert_eq!(own.len(), 3);
        assert!((f.auc.unwrap() - own.iter().sum::<f64>() / 3.0).abs() < 1e-12);
        assert!(f.micro_auc.is_some() && f.f1.is_some());
        let one = Predictions {
            classes: 4,
            labels: vec![2, 2],
            p: [[0.25; 4]; 2].concat(),
        };
        let f = of_classifier(&one, &names, 0.5, ClassifierBaseline::default());
        assert_eq!((f.auc, f.auc_over.len()), (None, 0));
    }

    #[test]
    fn a_missing_class_gives_no_figure_and_json_without_nan() {
        let one = Predictions {
            classes: 2,
            labels: vec![1],
            p: vec![0.5, 0.5],
        };
        let f = of_classifier(&one, &[], 0.5, baseline_of(&one, &[0, 0], None));
        assert_eq!((f.auc, f.baseline.majority_accuracy), (None, None));
        let json = serde_json::to_string(&Figures::Classifier(f.clone())).unwrap();
        assert!(json.contains("\"auc\":null"), "{json}");
        assert_eq!(
            serde_json::from_str::<Figures>(&json).unwrap(),
            Figures::Classifier(f)
        );
        let none = of_classifier(
            &Predictions {
                classes: 4,
                ..Predictions::default()
            },
            &[],
            0.5,
            ClassifierBaseline::default(),
        );
        assert_eq!(
            (none.examples, none.accuracy, none.log_loss),
            (0, None, None)
        );
    }

    #[test]
    fn baselines_come_from_the_training_side() {
        let base = baseline_of(&binary(), &[30, 10], Some(&binary()));
        assert_eq!(base.majority_accuracy, Some(0.5));
        let expected = -(0.75f64.ln() + 0.25f64.ln()) / 2.0;
        assert!((base.prior_log_loss.unwrap() - expected).abs() < 1e-12);
        assert_eq!(
            (base.unigram_auc, base.unigram_accuracy),
            (Some(1.0), Some(1.0))
        );
    }
}
