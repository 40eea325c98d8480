//! The figures of a realism evaluation where another share of the replies is real than among its examples: half of them
//! may be fakes there, and one in ten where the model is used.
//!
//! It assumes that only the shares differ (`metrics/prior_shift.rs`). Then the examples of each class count by the share
//! of their class, and the model's probabilities, which are for the shares of its training set, can be corrected.

use repartee_core::error::{Error, Result};
use repartee_models::metrics::prior_shift::{FiguresAtShare, figures_at_share, with_priors};
use serde::Serialize;

use crate::Engine;
use crate::evaluation::compared::{Compared, number};
use crate::evaluation::evaluate::EvaluationInfo;
use crate::evaluation::figures::Predictions;
use crate::training::run_config::ModelKind;
use crate::training::run_now::facts_now;

/// An evaluation that is shown alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationShown {
    #[serde(flatten)]
    pub evaluation: EvaluationInfo,
    /// If another share of real replies was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_real_share: Option<AtRealShare>,
}

/// The figures of an evaluation at another share of real replies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtRealShare {
    /// The assumed share of real replies, 0 to 1.
    pub real_share: f64,
    /// Their share among the evaluated examples.
    pub evaluated_share: f64,
    /// The share that the model's probabilities are for: that of its training examples, times the class weights.
    pub trained_share: f64,
    /// Whether it is on record; otherwise, the share of the evaluated examples is taken for it.
    pub trained_share_known: bool,
    /// Decision threshold, also on corrected probabilities.
    pub threshold: f64,
    pub figures: Vec<FigureAtShare>,
}

/// A figure of an evaluation at another share of real replies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureAtShare {
    /// auc, accuracy, precision, ...
    pub figure: String,
    /// Display name.
    pub name: String,
    /// Whether less is better.
    pub lower_is_better: bool,
    /// On the evaluated examples.
    pub evaluated: Option<f64>,
    /// At the share, with the model's probabilities.
    pub uncorrected: Option<f64>,
    /// At the share, with probabilities corrected for it.
    pub corrected: Option<f64>,
}

impl FigureAtShare {
    /// Its three values as displayed.
    pub fn written(&self) -> [String; 3] {
        [self.evaluated, self.uncorrected, self.corrected]
            .map(|value| value.map_or_else(|| "-".to_owned(), |value| number(value, 0)))
    }
}

/// A figure at a share, whose value on the evaluated examples is `evaluated`; `None` if it has no value at a share.
fn figure_at(figure: &str, evaluated: Option<f64>, at: &FiguresAtShare) -> Option<Option<f64>> {
    Some(match figure {
        // neither shares nor a correction change the order within a class
        "auc" => evaluated,
        "accuracy" => Some(at.accuracy),
        "precision" => at.precision,
        "recall" => Some(at.recall),
        "f1" => Some(at.f1),
        "log_loss" => Some(at.log_loss),
        "brier" => Some(at.brier),
        "calibration_error" => Some(at.calibration_error),
        _ => return None,
    })
}

/// The figures at a share of real replies, of a model whose probabilities are for another one; `None` if a class is
/// missing.
fn at_share(
    evaluated: &[Compared],
    predictions: &Predictions,
    threshold: f64,
    trained: f64,
    share: f64,
) -> Option<Vec<FigureAtShare>> {
    let truth = predictions.is_class(1);
    let at = |predictions: &Predictions| {
        figures_at_share(&predictions.of_class(1), &truth, threshold, share)
    };
    let corrected = Predictions {
        p: with_priors(
            &predictions.p,
            &[1.0 - trained, trained],
            &[1.0 - share, share],
        )?,
        ..predictions.clone()
    };
    let (uncorrected, corrected) = (at(predictions)?, at(&corrected)?);
    let figure = |one: &Compared| {
        Some(FigureAtShare {
            figure: one.figure.clone(),
            name: one.name.clone(),
            lower_is_better: one.lower_is_better,
            evaluated: one.value,
            uncorrected: figure_at(&one.figure, one.value, &uncorrected)?,
            corrected: figure_at(&one.figure, one.value, &corrected)?,
        })
    };
    Some(evaluated.iter().filter_map(figure).collect())
}

impl Engine {
    /// An evaluation ([`Engine::evaluation_of`]); with a share of real replies, also its figures at that share.
    ///
    /// # Errors
    /// [`repartee_core::error::Code::NotFound`]; as [`Engine::evaluation_at_real_share`].
    pub fn evaluation_show(&self, what: &str, real_share: Option<f64>) -> Result<EvaluationShown> {
        let evaluation = self.evaluation_of(what)?;
        let at_real_share = real_share
            .map(|share| self.evaluation_at_real_share(&evaluation, share))
            .transpose()?;
        Ok(EvaluationShown {
            evaluation,
            at_real_share,
        })
    }

    /// The figures of a realism evaluation where another share of the replies is real.
    ///
    /// # Errors
    /// [`repartee_core::error::Code::Usage`] for another kind of model, or if the share is not between 0 and 1.
    pub fn evaluation_at_real_share(
        &self,
        evaluation: &EvaluationInfo,
        share: f64,
    ) -> Result<AtRealShare> {
        let id = evaluation.id;
        if evaluation.config.kind != ModelKind::Realism {
            return Err(Error::usage(format!(
                "evaluation {id} is of a {} model; only realism evaluations have a share of real replies",
                evaluation.config.kind
            )));
        }
        let is_share = share > 0.0 && share < 1.0;
        if !is_share {
            return Err(Error::usage(format!(
                "the share of real replies is {share}; it must be above 0 and below 1"
            )));
        }
        let predictions = self.predictions(id)?;
        let real = predictions.labels.iter().filter(|label| **label == 1);
        let evaluated_share = real.count() as f64 / predictions.labels.len() as f64;
        let known = self.trained_share(&evaluation.run)?;
        let trained_share = known.unwrap_or(evaluated_share);
        let threshold = evaluation.config.threshold.unwrap_or(0.5);
        let evaluated = &evaluation.compared;
        let figures = at_share(evaluated, &predictions, threshold, trained_share, share);
        Ok(AtRealShare {
            real_share: share,
            evaluated_share,
            trained_share,
            trained_share_known: known.is_some(),
            threshold,
            figures: figures.ok_or_else(|| {
                Error::usage(format!(
                    "evaluation {id} has only real replies or only fakes; another share needs both"
                ))
            })?,
        })
    }

    /// The share of real replies that the probabilities of a realism run are for; `None` if it is not on record.
    fn trained_share(&self, run: &str) -> Result<Option<f64>> {
        let Some(facts) = facts_now(&self.store.run(run)?) else {
            return Ok(None);
        };
        let weight = |class: usize| facts.class_weights.get(class).copied().unwrap_or(1.0);
        let classes = facts.classes.iter().enumerate();
        let shares: Vec<f64> = classes
            .map(|(class, n)| *n as f64 * weight(class))
            .collect();
        Ok(match shares.as_slice() {
            [fake, real] if *fake > 0.0 && *real > 0.0 => Some(real / (fake + real)),
            _ => None,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::evaluation::compared::compared;
    use crate::evaluation::figures::{Figures, baseline_of, of_classifier};

    #[test]
    fn figures_at_another_share_are_those_of_such_a_set() {
        // of ten real replies, eight are predicted real; of ten fakes, three
        let p1: Vec<f64> = [(0.85, 8), (0.3, 2), (0.7, 3), (0.1, 7)]
            .iter()
            .flat_map(|(p, times)| vec![*p; *times])
            .collect();
        let predictions = Predictions {
            classes: 2,
            labels: (0..20).map(|n| usize::from(n < 10)).collect(),
            p: p1.iter().flat_map(|p| [1.0 - p, *p]).collect(),
        };
        let stored = of_classifier(&predictions, &[], 0.5, baseline_of(&predictions, None));
        let auc_of_all = stored.auc;
        let evaluated = compared(&Figures::Classifier(stored));
        let all = at_share(&evaluated, &predictions, 0.5, 0.5, 0.2).unwrap();
        let shown: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        let rates = ["AUC", "accuracy", "precision", "recall", "F1"];
        assert_eq!(shown[..5], rates);
        let losses = ["log loss", "Brier score", "expected calibration error"];
        assert_eq!(shown[5..], losses);
        let of = |figure: &str| all.iter().find(|one| one.figure == figure).unwrap();
        #[track_caller]
        fn near(value: Option<f64>, expected: f64) {
            assert!((value.unwrap() - expected).abs() < 1e-12, "{value:?}");
        }
        // of 100 replies, 20 are real: 16 TP, 4 FN, 24 FP, 56 TN
        near(of("accuracy").evaluated, 0.75);
        near(of("accuracy").uncorrected, 0.72);
        near(of("precision").evaluated, 8.0 / 11.0);
        near(of("precision").uncorrected, 0.4);
        near(of("recall").uncorrected, 0.8);
        // odds are divided by four: 17 to 3 becomes 17 to 12, and 7 to 3 becomes 7 to 12; then there are no FP
        near(of("accuracy").corrected, 0.96);
        near(of("precision").corrected, 1.0);
        near(of("recall").corrected, 0.8);
        let square = |odds: f64, truth: f64| (odds / (1.0 + odds) - truth).powi(2);
        near(
            of("brier").corrected,
            0.16 * square(17.0 / 12.0, 1.0)
                + 0.04 * square(3.0 / 28.0, 1.0)
                + 0.24 * square(7.0 / 12.0, 0.0)
                + 0.56 * square(1.0 / 36.0, 0.0),
        );
        for figure in ["log_loss", "brier", "calibration_error"] {
            let one = of(figure);
            assert!(one.corrected < one.uncorrected, "{one:?}");
            assert!(one.lower_is_better);
        }
        let auc = of("auc");
        assert_eq!((auc.uncorrected, auc.corrected), (auc_of_all, auc_of_all));

        // at the shares of the set and of the training, nothing changes
        for one in at_share(&evaluated, &predictions, 0.5, 0.5, 0.5).unwrap() {
            near(one.uncorrected, one.evaluated.unwrap());
            near(one.corrected, one.evaluated.unwrap());
        }
    }
}
