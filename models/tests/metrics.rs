//! Metrics and baselines against scikit-learn's values on random scores, to 1e-9.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_models::baseline::{NaiveBayes, Unigram};
use repartee_models::metrics::delong::{Average, averaged_auc};
use repartee_models::metrics::ordinal::{expected_class, kendall_tau_b, mean_absolute_error};
use repartee_models::metrics::prior_shift::{figures_at_share, with_priors};
use repartee_models::metrics::temperature::{at_temperature, fit_temperature};
use repartee_models::metrics::weighted::RankedExamples;
use repartee_models::metrics::*;
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../tests/fixtures/metrics.json")).unwrap()
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

fn integers(v: &Value) -> Vec<usize> {
    numbers(v).into_iter().map(|x| x as usize).collect()
}

#[track_caller]
fn same(ours: impl Into<Option<f64>>, theirs: &Value) {
    let (ours, theirs) = (ours.into().expect("a value"), theirs.as_f64().unwrap());
    assert!(
        (ours - theirs).abs() < 1e-9,
        "{ours} is not scikit-learn's {theirs}"
    );
}

#[track_caller]
fn same_all(ours: Vec<f64>, theirs: &Value) {
    let theirs = theirs.as_array().unwrap();
    assert_eq!(ours.len(), theirs.len());
    ours.into_iter().zip(theirs).for_each(|(o, t)| same(o, t));
}

fn matrix(v: &Value) -> Vec<Vec<u64>> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|r| numbers(r).iter().map(|&x| x as u64).collect())
        .collect()
}

#[test]
fn binary_metrics_match_scikit_learn() {
    for case in fixture()["binary"].as_array().unwrap() {
        let scores = numbers(&case["scores"]);
        let truth: Vec<bool> = case["truth"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t.as_bool().unwrap())
            .collect();

        let curve = roc(&scores, &truth).unwrap();
        same(curve.auc, &case["auc"]);
        same_all(curve.points.iter().map(|p| p.fpr).collect(), &case["fpr"]);
        same_all(curve.points.iter().map(|p| p.tpr).collect(), &case["tpr"]);

        let pr = precision_recall(&scores, &truth).unwrap();
        same(pr.average_precision, &case["average_precision"]);
        same_all(
            pr.points.iter().map(|p| p.precision).collect(),
            &case["precision"],
        );
        same_all(
            pr.points.iter().map(|p| p.recall).collect(),
            &case["recall"],
        );

        let labels: Vec<usize> = truth.iter().map(|&t| usize::from(t)).collect();
        let called: Vec<usize> = scores.iter().map(|&s| usize::from(s >= 0.5)).collect();
        let table = confusion(&labels, &called, 2);
        assert_eq!(table.counts, matrix(&case["confusion"]));
        same(table.accuracy(), &case["accuracy"]);
        let yes = table.class(1);
        same(yes.f1, &case["f1"]);
        same(yes.precision, &case["precision_at"]);
        same(yes.recall, &case["recall_at"]);
        same(table.matthews(), &case["matthews"]);
        let of_label: Vec<f64> = labels.iter().map(|&l| l as f64).collect();
        same(kendall_tau_b(&scores, &of_label), &case["kendall_tau"]);

        let both: Vec<f64> = scores.iter().flat_map(|&s| [1.0 - s, s]).collect();
        same(log_loss(&both, 2, &labels), &case["log_loss"]);
        same(brier(&scores, &truth), &case["brier"]);
        let bins = calibration(&scores, &truth, 10);
        same_all(bins.iter().map(|b| b.observed).collect(), &case["observed"]);
        same_all(
            bins.iter().map(|b| b.predicted).collect(),
            &case["predicted"],
        );
    }
}

#[test]
fn multiclass_metrics_match_scikit_learn() {
    for case in fixture()["several"].as_array().unwrap() {
        let (p, labels) = (numbers(&case["p"]), integers(&case["labels"]));
        let k = case["classes"].as_u64().unwrap() as usize;
        let curves = roc_by_class(&p, k, &labels);
        same_all(
            curves
                .classes
                .iter()
                .map(|c| c.as_ref().unwrap().auc)
                .collect(),
            &case["auc"],
        );
        same(curves.micro.unwrap().auc, &case["micro"]);
        let mean = curves.macro_mean.unwrap();
        same(mean.auc, &case["macro"]);
        // Ours also starts at the origin; the example's curve starts at the top of the first step.
        same_all(
            mean.points[1..].iter().map(|p| p.fpr).collect(),
            &case["macro_fpr"],
        );
        same_all(
            mean.points[1..].iter().map(|p| p.tpr).collect(),
            &case["macro_tpr"],
        );

        let called = argmax(&p, k);
        assert_eq!(called, integers(&case["called"]));
        let table = confusion(&labels, &called, k);
        assert_eq!(table.counts, matrix(&case["confusion"]));
        same(table.accuracy(), &case["accuracy"]);
        same(table.macro_f1(), &case["macro_f1"]);
        same(table.macro_precision(), &case["macro_precision"]);
        same(table.macro_recall(), &case["macro_recall"]);
        same(table.quadratic_kappa(), &case["kappa"]);
        same(log_loss(&p, k, &labels), &case["log_loss"]);
        let expected = expected_class(&p, k);
        let truth: Vec<f64> = labels.iter().map(|&l| l as f64).collect();
        same(spearman(&expected, &truth), &case["spearman"]);
        same(kendall_tau_b(&expected, &truth), &case["kendall_tau"]);
        let error = mean_absolute_error(&p, k, &labels);
        same(error, &case["mean_absolute_error"]);
        same(table.matthews(), &case["matthews"]);

        let of_class = |class: usize| -> (Vec<f64>, Vec<bool>) {
            let scores = p.iter().skip(class).step_by(k).copied().collect();
            (scores, labels.iter().map(|&l| l == class).collect())
        };
        let precisions: Vec<Option<f64>> = (0..k)
            .map(|class| {
                let (scores, truth) = of_class(class);
                precision_recall(&scores, &truth).map(|pr| pr.average_precision)
            })
            .collect();
        let counts: Vec<u64> = (0..k)
            .map(|class| labels.iter().filter(|&&l| l == class).count() as u64)
            .collect();
        let weighted = weighted_mean(&precisions, &counts);
        same(weighted, &case["weighted_average_precision"]);
        let micro = micro_average_precision(&p, k, &labels);
        same(micro, &case["micro_average_precision"]);
        same_all(
            precisions.into_iter().flatten().collect(),
            &case["average_precision"],
        );
        let clusters = Clusters::new(&(0..labels.len()).collect::<Vec<_>>());
        for (average, key) in [(Average::Macro, "macro"), (Average::Weighted, "weighted")] {
            let mean = averaged_auc(&p, k, &labels, &clusters, average).unwrap();
            same(mean.auc, &case[key]);
        }
        // example i counts i % 3 times
        let weights: Vec<_> = (0..labels.len()).map(|i| [(i % 3) as f64; 8]).collect();
        let resampled = (0..k).map(|class| {
            let (scores, truth) = of_class(class);
            let ranked = RankedExamples::new(&scores, &truth, &clusters).unwrap();
            ranked.areas(&weights).average_precision[5]
        });
        let mean = resampled.sum::<f64>() / k as f64;
        same(mean, &case["macro_average_precision_of"]);
    }
}

#[test]
fn temperature_matches_scipys_minimum() {
    for case in fixture()["temperature"].as_array().unwrap() {
        let (p, labels) = (numbers(&case["p"]), integers(&case["labels"]));
        let k = case["classes"].as_u64().unwrap() as usize;
        let temperature = fit_temperature(&p, k, &labels);
        same(temperature, &case["temperature"]);
        let scaled = at_temperature(&p, k, temperature.unwrap());
        same(log_loss(&scaled, k, &labels), &case["log_loss"]);
        same_all(scaled, &case["scaled"]);
    }
    // all right, all wrong, no examples, not a number
    assert_eq!(fit_temperature(&[0.9, 0.1, 0.2, 0.8], 2, &[0, 1]), None);
    assert_eq!(fit_temperature(&[0.9, 0.1, 0.2, 0.8], 2, &[1, 0]), None);
    assert_eq!(fit_temperature(&[], 2, &[]), None);
    assert_eq!(fit_temperature(&[f64::NAN, 0.1], 2, &[0]), None);
    // a probability of zero is a very small one
    let sure = at_temperature(&[0.0, 1.0], 2, 100.0);
    assert!(sure[0] > 0.0 && (sure[0] + sure[1] - 1.0).abs() < 1e-12);
}

#[test]
fn priors_are_shifted_as_by_saerens() {
    for case in fixture()["priors"].as_array().unwrap() {
        let (p, from, to) = (
            numbers(&case["p"]),
            numbers(&case["from"]),
            numbers(&case["to"]),
        );
        same_all(with_priors(&p, &from, &to).unwrap(), &case["shifted"]);
        let same_shares = with_priors(&p, &from, &from).unwrap();
        assert!(
            same_shares
                .iter()
                .zip(&p)
                .all(|(a, b)| (a - b).abs() < 1e-12)
        );
    }
    // of 9 in 10, with half as fakes, 1 in 100: odds of 9 to 1 against 99 to 1
    let shifted = with_priors(&[0.9, 0.1], &[1.0, 1.0], &[1.0, 99.0]).unwrap();
    assert!((shifted[0] - 9.0 / (9.0 + 99.0)).abs() < 1e-12);
    assert_eq!(with_priors(&[0.9, 0.1], &[1.0, 0.0], &[1.0, 1.0]), None);
    assert_eq!(with_priors(&[0.9, 0.1], &[1.0, 1.0], &[0.0, 0.0]), None);
    assert_eq!(
        with_priors(&[0.9, 0.1], &[1.0, 1.0], &[1.0, f64::NAN]),
        None
    );
}

#[test]
fn figures_at_another_share_are_those_computed_by_hand() {
    #[track_caller]
    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }
    // two of each class; at 0.5, one of each is predicted correctly
    let (p, truth) = ([0.9, 0.4, 0.6, 0.2], [true, true, false, false]);
    let at = figures_at_share(&p, &truth, 0.5, 0.9).unwrap();
    // of 100, 90 are of class 1: 45 TP, 45 FN, 5 FP, 5 TN
    near(at.accuracy, 0.5);
    near(at.precision.unwrap(), 0.9);
    near(at.recall, 0.5);
    near(at.f1, 90.0 / (90.0 + 5.0 + 45.0));
    near(at.brier, 0.45 * (0.01 + 0.36) + 0.05 * (0.36 + 0.04));
    let losses = [0.9f64, 0.4, 0.4, 0.8].map(|p| -p.ln());
    near(
        at.log_loss,
        0.45 * (losses[0] + losses[1]) + 0.05 * (losses[2] + losses[3]),
    );
    // each in a bin of its own
    near(
        at.calibration_error,
        0.45 * (0.1 + 0.6) + 0.05 * (0.6 + 0.2),
    );

    // at the share that the examples have, they are the figures of the examples
    let rows: Vec<f64> = p.iter().flat_map(|p| [1.0 - p, *p]).collect();
    let labels: Vec<usize> = truth.iter().map(|t| usize::from(*t)).collect();
    let same = figures_at_share(&p, &truth, 0.5, 0.5).unwrap();
    near(same.brier, brier(&p, &truth).unwrap());
    near(same.log_loss, log_loss(&rows, 2, &labels).unwrap());
    let bins = calibration(&p, &truth, 10);
    near(same.calibration_error, calibration_error(&bins).unwrap());

    // corrected for the share, odds are nine times as high: 81 to 1, 6 to 1, 13.5 to 1, 2.25 to 1
    let corrected = with_priors(&rows, &[0.5, 0.5], &[0.1, 0.9]).unwrap();
    let corrected: Vec<f64> = corrected.into_iter().skip(1).step_by(2).collect();
    for (p, odds) in corrected.iter().zip([81.0, 6.0, 13.5, 2.25]) {
        near(*p, odds / (1.0 + odds));
    }
    let at = figures_at_share(&corrected, &truth, 0.5, 0.9).unwrap();
    near(at.accuracy, 0.9);
    near(at.precision.unwrap(), 0.9);
    near(at.recall, 1.0);

    assert_eq!(
        figures_at_share(&p, &truth, 0.95, 0.9).unwrap().precision,
        None
    );
    assert_eq!(figures_at_share(&p, &[true; 4], 0.5, 0.9), None);
    for share in [0.0, 1.0, f64::NAN] {
        assert_eq!(figures_at_share(&p, &truth, 0.5, share), None);
    }
}

#[test]
fn averages_with_missing_classes_match_scikit_learn() {
    let all = fixture();
    let cases = ["missing", "constant"].map(|kind| all[kind].as_array().unwrap());
    for case in cases.into_iter().flatten() {
        let (p, labels) = (numbers(&case["p"]), integers(&case["labels"]));
        let k = case["classes"].as_u64().unwrap() as usize;
        let table = confusion(&labels, &argmax(&p, k), k);
        same(table.macro_precision(), &case["precision"]);
        same(table.macro_recall(), &case["recall"]);
        same(table.macro_f1(), &case["f1"]);
        let over = (0..k).filter(|&class| table.class(class).occurs()).count();
        assert_eq!(Some(over as u64), case["over"].as_u64());
        let curves = roc_by_class(&p, k, &labels);
        same(curves.micro.unwrap().auc, &case["micro"]);
        match curves.macro_mean {
            Some(mean) => same(mean.auc, &case["auc"]),
            None => assert!(case["auc"].is_null()),
        }
    }
}

/// How often a true decision has a higher score than a false one, of all decisions on classes that occur; slowly.
fn micro_auc_ref(p: &[f64], classes: usize, labels: &[usize]) -> f64 {
    let (mut above, mut pairs) = (0.0, 0.0);
    let decisions: Vec<(f64, bool)> = (0..p.len())
        .filter(|at| labels.contains(&(at % classes)))
        .map(|at| (p[at], labels[at / classes] == at % classes))
        .collect();
    for (high, _) in decisions.iter().filter(|(_, truth)| *truth) {
        for (low, _) in decisions.iter().filter(|(_, truth)| !truth) {
            pairs += 1.0;
            above += match high.partial_cmp(low).unwrap() {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    above / pairs
}

#[test]
fn micro_average_is_over_the_classes_that_occur() {
    let mut rng = fastrand::Rng::with_seed(5);
    for there in [&[0, 1, 3][..], &[1, 2], &[0, 1, 2, 3]] {
        let labels: Vec<usize> = (0..40)
            .map(|n| {
                there[if n < there.len() {
                    n
                } else {
                    rng.usize(..there.len())
                }]
            })
            .collect();
        // few values, so that many decisions are tied
        let p: Vec<f64> = (0..4 * labels.len())
            .map(|_| f64::from(rng.u8(..9)) / 8.0)
            .collect();
        let micro = roc_by_class(&p, 4, &labels).micro.unwrap().auc;
        assert!(
            (micro - micro_auc_ref(&p, 4, &labels)).abs() < 1e-12,
            "{there:?}"
        );
        // as if the model did not know the other classes
        let place = |label: usize| there.iter().position(|&k| k == label).unwrap();
        let own: Vec<f64> = p
            .chunks(4)
            .flat_map(|row| there.iter().map(|&k| row[k]))
            .collect();
        let places: Vec<usize> = labels.iter().map(|&label| place(label)).collect();
        assert_eq!(
            micro_average_precision(&p, 4, &labels),
            micro_average_precision(&own, there.len(), &places),
            "{there:?}"
        );
    }
    assert_eq!(roc_by_class(&[0.2, 0.3, 0.5], 3, &[0]).micro, None);
    assert_eq!(micro_average_precision(&[0.2, 0.3, 0.5], 3, &[0]), None);
    assert_eq!(prior_micro_auc(&[0, 4, 9, 1]), prior_micro_auc(&[4, 9, 1]));
    let priors = [&[0, 4, 9, 1][..], &[4, 9, 1]].map(prior_micro_average_precision);
    assert_eq!(priors[0], priors[1]);
    assert_eq!(
        (
            prior_micro_auc(&[0, 5]),
            prior_micro_average_precision(&[0, 5])
        ),
        (None, None)
    );
}

#[test]
fn prior_micro_auc_is_that_of_a_constant_predictor_in_scikit_learn() {
    for case in fixture()["constant"].as_array().unwrap() {
        let counts: Vec<u64> = integers(&case["counts"])
            .iter()
            .map(|&n| n as u64)
            .collect();
        same(prior_micro_auc(&counts), &case["micro"]);
    }
    assert_eq!(prior_micro_auc(&[3, 3, 3]), Some(0.5));
    assert_eq!((prior_micro_auc(&[]), prior_micro_auc(&[5])), (None, None));
    assert_eq!(prior_micro_auc(&[0, 0]), None);
    for case in fixture()["constant"].as_array().unwrap() {
        let (p, labels) = (numbers(&case["p"]), integers(&case["labels"]));
        let counts: Vec<u64> = integers(&case["counts"])
            .iter()
            .map(|&n| n as u64)
            .collect();
        let measured = micro_average_precision(&p, counts.len(), &labels).unwrap();
        let prior = prior_micro_average_precision(&counts).unwrap();
        assert!((measured - prior).abs() < 1e-12, "{measured} {prior}");
    }
    assert_eq!(prior_micro_average_precision(&[5]), None);
    assert_eq!(prior_micro_average_precision(&[0, 0]), None);
}

#[test]
fn naive_bayes_matches_scikit_learn() {
    let case = &fixture()["bayes"];
    let words: Vec<Vec<u32>> = case["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| integers(w).into_iter().map(|i| i as u32).collect())
        .collect();
    let labels = integers(&case["labels"]);
    let train_size = case["train_size"].as_u64().unwrap() as usize;
    let mut model = NaiveBayes::new(
        case["features"].as_u64().unwrap() as usize,
        case["classes"].as_u64().unwrap() as usize,
    );
    for (w, &l) in words.iter().zip(&labels).take(train_size) {
        model.learn(w, l);
    }
    same_all(
        words[train_size..]
            .iter()
            .flat_map(|w| model.probabilities(w))
            .collect(),
        &case["p"],
    );
}

#[test]
fn undefined_metrics_are_none() {
    assert_eq!(roc(&[], &[]), None);
    assert_eq!(roc(&[0.1, 0.7], &[true, true]), None);
    assert_eq!(roc(&[f64::NAN, 0.7], &[true, false]), None);
    assert_eq!(precision_recall(&[0.1], &[false]), None);
    assert_eq!(log_loss(&[], 4, &[]), None);
    assert_eq!(log_loss(&[f64::NAN, 0.5], 2, &[0]), None);
    assert_eq!(brier(&[], &[]), None);
    assert_eq!(perplexity(0.0, 0), None);
    assert_eq!(perplexity(f64::NAN, 3), None);
    assert_eq!(spearman(&[1.0, 1.0], &[0.0, 1.0]), None);
    let never = confusion(&[0, 0], &[0, 0], 2);
    assert_eq!(
        (never.class(1).precision, never.class(1).recall),
        (None, None)
    );
    assert_eq!((never.quadratic_kappa(), never.matthews()), (None, None));
    assert_eq!(kendall_tau_b(&[1.0, 1.0], &[0.0, 1.0]), None);
    assert_eq!(kendall_tau_b(&[1.0, f64::NAN], &[0.0, 1.0]), None);
    assert_eq!(mean_absolute_error(&[], 4, &[]), None);
    assert_eq!(mean_absolute_error(&[f64::NAN, 0.5], 2, &[0]), None);
    assert_eq!(weighted_mean(&[Some(0.5), None], &[3, 4]), None);
    assert_eq!(micro_average_precision(&[], 3, &[]), None);
    let missing = roc_by_class(&[0.2, 0.3, 0.5, 0.6, 0.2, 0.2], 3, &[0, 1]);
    assert!(missing.classes[2].is_none() && missing.micro.is_some());
    // the mean of the classes that occur
    let auc = |class: usize| missing.classes[class].as_ref().map(|roc| roc.auc);
    let mean = (auc(0).unwrap() + auc(1).unwrap()) / 2.0;
    assert_eq!(missing.macro_mean.as_ref().map(|roc| roc.auc), Some(mean));
    assert_eq!(roc_by_class(&[0.2, 0.3, 0.5], 3, &[0]).macro_mean, None);
}

#[test]
fn equal_scores_give_an_auc_of_one_half() {
    let flat = roc(&[0.5; 6], &[true, false, false, true, false, false]).unwrap();
    assert_eq!((flat.auc, flat.points.len()), (0.5, 2));
}

#[test]
fn threshold_point_is_on_its_curve() {
    let curve = roc(&[0.9, 0.8, 0.8, 0.2], &[true, true, false, false]).unwrap();
    assert_eq!((curve.at(0.85).tpr, curve.at(0.85).fpr), (0.5, 0.0));
    assert_eq!((curve.at(0.8).tpr, curve.at(0.8).fpr), (1.0, 0.5));
    assert_eq!(curve.at(2.0).tpr, 0.0);
    assert_eq!(curve.at(-1.0).fpr, 1.0);
}

#[test]
fn corners_have_the_same_area() {
    let scores: Vec<f64> = (0..200).map(|i| f64::from(i * 7919 % 101)).collect();
    let truth: Vec<bool> = (0..200).map(|i| i % 3 == 0).collect();
    let curve = roc(&scores, &truth).unwrap();
    let corners = curve.corners();
    assert!(corners.len() < curve.points.len());
    let area: f64 = corners
        .windows(2)
        .map(|w| (w[1].fpr - w[0].fpr) * (w[0].tpr + w[1].tpr) / 2.0)
        .sum();
    assert!((area - curve.auc).abs() < 1e-12);
}

#[test]
fn unigram_model_only_knows_frequency() {
    let mut model = Unigram::new(3);
    assert!(
        (perplexity(model.nll(&[0, 1, 2]), 3).unwrap() - 3.0).abs() < 1e-12,
        "knows nothing yet"
    );
    model.learn(&[0, 0, 0, 1, 99]);
    let expected = -(4f64 / 7.0).ln() - (1f64 / 7.0).ln();
    assert!((model.nll(&[0, 2]) - expected).abs() < 1e-12);
}
