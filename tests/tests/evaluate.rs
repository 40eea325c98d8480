//! Every model is compared with its baselines, each prediction is stored, and its charts are the same in SVG, PNG and
//! CSV.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::OnceLock;

use repartee_engine::evaluation::audit::{
    AuditEvaluation, Shortcut, ShortcutAudit, ShortcutFigures,
};
use repartee_engine::evaluation::chart::ChartKind;
use repartee_engine::evaluation::compared::headline;
use repartee_engine::evaluation::decoding::{DecodingFigures, DecodingMeasured, MeasureDecoding};
use repartee_engine::evaluation::evaluate::{Evaluate, EvaluationInfo};
use repartee_engine::evaluation::figures::{ClassifierFigures, Figures};
use repartee_engine::evaluation::paired::{ComparedFigure, Comparison};
use repartee_engine::evaluation::quality::{MeasureQuality, RunQuality};
use repartee_engine::evaluation::slices::{Slice, SliceBy};
use repartee_engine::evaluation::thresholds::{Costs, WantThresholds};
use repartee_engine::generation::fakes::MakeFakes;
use repartee_engine::generation::generate::{Generate, Generated, Precisions, TrainedOn};
use repartee_engine::terms::{Precision, PrecisionChoice, Role};
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Code, Ended, Engine, Partition, SamplingParams};
use repartee_models::metrics::temperature;
use repartee_models::rng::Stream;
use repartee_models::{fast, metrics};
use repartee_store::Store;
use repartee_store::evaluations::{NewEvaluation, Subject};
use repartee_store::quality::Quality;
use repartee_tests::sample::{done, project};
use repartee_tests::stranger::database;
use repartee_tests::{Place, Saved};

fn train(engine: &Engine, kind: ModelKind, name: &str, steps: usize) {
    let config = RunConfig {
        name: name.to_owned(),
        steps,
        batch_size: 16,
        learning_rate: 2e-3,
        max_tokens: 64,
        dropout: 0.0,
        samples: 0,
        validate_limit: 60,
        patience: 0,
        ..RunConfig::of(kind)
    };
    done(engine, &Train::new(&config).unwrap());
}

fn measure(engine: &Engine, run: &str) -> EvaluationInfo {
    done(
        engine,
        &Evaluate {
            run: run.to_owned(),
            limit: 150,
            ..Evaluate::default()
        },
    )
}

/// Every baseline is of the evaluated examples, and every figure with one says whether it beats it.
fn honest(engine: &Engine, evaluation: &EvaluationInfo, figures: &ClassifierFigures) {
    let most = figures
        .classes
        .iter()
        .map(|class| class.examples)
        .max()
        .unwrap();
    let majority = most as f64 / figures.examples as f64;
    assert_eq!(figures.baseline.majority_accuracy, Some(majority));
    let of = |figure: &str| {
        let mut all = evaluation.compared.iter();
        all.find(|one| one.figure == figure).unwrap()
    };
    for figure in [
        "auc",
        "average_precision",
        "accuracy",
        "log_loss",
        "brier",
        "calibration_error",
    ] {
        assert!(
            of(figure).value.is_some(),
            "{figure} of {} classes",
            figures.classes.len()
        );
    }
    let accuracy = of("accuracy");
    let best = figures.baseline.unigram_accuracy.unwrap().max(majority);
    assert_eq!(
        accuracy.beats,
        Some(figures.accuracy.unwrap() > best),
        "{accuracy:?}"
    );
    assert_eq!(accuracy.worse.is_empty(), accuracy.beats.unwrap());
    // what does not beat its baseline is in the chart, too
    let shortfall = repartee_engine::evaluation::compared::shortfall(&evaluation.compared);
    let picture = engine
        .chart(ChartKind::Roc, std::slice::from_ref(&evaluation.run))
        .unwrap();
    assert_eq!(
        picture.svg.contains("Below its baseline"),
        !shortfall.is_empty(),
        "{shortfall}"
    );
    // and never takes the place of what it was measured on
    for kind in [ChartKind::Roc, ChartKind::Confusion, ChartKind::Calibration] {
        let picture = engine
            .chart(kind, std::slice::from_ref(&evaluation.run))
            .unwrap();
        let shown = words_of(&picture.svg);
        assert!(shown.contains("split main, test set"), "{shown}");
        assert!(shown.contains("threads"), "{shown}");
    }
}

/// The drawn words of a chart, without its description.
fn words_of(svg: &str) -> String {
    let texts = svg.split("<text").skip(1);
    let texts = texts.filter_map(|text| text.split_once('>')?.1.split_once("</text>"));
    let words = texts.map(|(text, _)| text.trim());
    words.collect::<Vec<_>>().join(" ")
}

/// The dot of the chart is where the counts of predictions put it.
fn marked_at_its_threshold(engine: &Engine, evaluation: &EvaluationInfo) {
    let of = [evaluation.id.to_string()];
    let predictions = engine.predictions(evaluation.id).unwrap();
    let mut scores = predictions.of_class(1);
    scores.sort_by(f64::total_cmp);
    // also between two scores, and where the curve is straight
    let thresholds = (0..scores.len() - 1)
        .step_by(3)
        .map(|n| (scores[n] + scores[n + 1]) / 2.0);
    for threshold in thresholds {
        let picture = engine
            .chart_at(ChartKind::Roc, &of, Some(threshold))
            .unwrap();
        let (fpr, tpr) = engine
            .evaluation_at(evaluation.id, threshold)
            .unwrap()
            .roc
            .unwrap();
        let called = |truth: usize| {
            let of_class = predictions.labels.iter().zip(predictions.of_class(1));
            let of_class: Vec<f64> = of_class
                .filter(|(l, _)| **l == truth)
                .map(|(_, p)| p)
                .collect();
            of_class.iter().filter(|p| **p >= threshold).count() as f64 / of_class.len() as f64
        };
        assert_eq!((fpr, tpr), (called(0), called(1)));
        let plot = picture.plot;
        let x = (plot.x + fpr * plot.width).round();
        let y = (plot.y + (1.0 - tpr) * plot.height).round();
        let dot = format!("cx=\"{x}\" cy=\"{y}\"");
        assert!(
            picture.svg.contains(&dot),
            "no dot at {fpr}, {tpr} for {threshold}"
        );
    }
}

/// Rows of a `.jsonl` file.
fn rows(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Predictions are exported with text, label, probabilities, partition and thread; pairs with their bin.
fn exported(place: &Place, engine: &Engine, evaluation: &EvaluationInfo) {
    let file = place.path(&format!("{}.jsonl", evaluation.run));
    let n = engine
        .predictions_export(&evaluation.id.to_string(), &file)
        .unwrap();
    let (all, predictions) = (rows(&file), engine.predictions(evaluation.id).unwrap());
    assert_eq!((all.len() as u64, predictions.labels.len() as u64), (n, n));
    let called = predictions.called(evaluation.config.threshold.unwrap_or(0.5));
    for (at, row) in all.iter().enumerate() {
        assert_eq!(row["label"], predictions.labels[at]);
        assert_eq!(row["predicted"], called[at]);
        assert_eq!(
            row["label_name"],
            evaluation.config.classes[predictions.labels[at]]
        );
        assert_eq!(row["partition"], "test");
        assert!(
            !row["text"].as_str().unwrap().is_empty()
                && !row["comment"].as_str().unwrap().is_empty()
        );
        let p: f64 = (0..predictions.classes)
            .map(|k| row[format!("p_{k}")].as_f64().unwrap())
            .sum();
        assert!((p - 1.0).abs() < 1e-4, "{row}");
    }
    let csv = place.path(&format!("{}.csv", evaluation.run));
    assert_eq!(engine.predictions_export(&evaluation.run, &csv).unwrap(), n);
    let head = std::fs::read_to_string(&csv).unwrap();
    assert!(
        head.starts_with("evaluation,run,partition,thread,pair,fake,comment,text,label,"),
        "{head}"
    );

    let file = place.path(&format!("pairs-{}.jsonl", evaluation.run));
    engine
        .pairs_export(&file, Some("main"), Some(Partition::Test))
        .unwrap();
    let pairs = rows(&file);
    let of_pair = |id: &serde_json::Value| pairs.iter().find(|pair| pair["id"] == *id).unwrap();
    for row in all.iter().filter(|row| row["fake"].is_null()) {
        let pair = of_pair(&row["pair"]);
        assert_eq!(
            (&pair["thread"], &pair["reply"]),
            (&row["thread"], &row["text"])
        );
        if evaluation.config.classes.len() == 4 {
            assert_eq!(pair["bin"], row["label"], "{pair}");
        }
    }
}

/// An exported model records its input format.
fn says_how_it_reads(place: &Place, engine: &Engine) {
    for (run, template, cuts) in [
        (
            "writer",
            "{comment} [SEP] {reply}<|endoftext|>",
            "the comment loses tokens",
        ),
        (
            "votes",
            "[CLS] {comment} [SEP] {reply} [SEP]",
            "longest_first",
        ),
    ] {
        let folder = place.path(&format!("export-{run}"));
        engine.run_export(run, &folder, None).unwrap();
        let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        let input = &config["repartee_input"];
        assert_eq!(input["template"], template);
        assert_eq!(input["max_tokens"], 64);
        assert!(
            input["truncation"].as_str().unwrap().contains(cuts),
            "{input}"
        );
        let card = std::fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(
            card.contains(template) && card.contains("64 tokens") && card.contains(cuts),
            "{card}"
        );
    }
}

/// A project with three models and an evaluation of each. It is made once, and each test works on a copy.
struct Made {
    saved: Saved,
    writer: EvaluationInfo,
    judge: EvaluationInfo,
    votes: EvaluationInfo,
}

impl Made {
    fn once() -> &'static Self {
        static MADE: OnceLock<Made> = OnceLock::new();
        MADE.get_or_init(|| {
            let (place, engine) = project(400);
            train(&engine, ModelKind::Generator, "writer", 80);
            let make = MakeFakes {
                generator: "writer".to_owned(),
                comments: [150, 30, 60],
                sampling: as_the_fakes(),
                ..MakeFakes::default()
            };
            done(&engine, &make);
            train(&engine, ModelKind::Realism, "judge", 40);
            train(&engine, ModelKind::Upvotes, "votes", 40);
            let [writer, judge, votes] =
                ["writer", "judge", "votes"].map(|run| measure(&engine, run));
            drop(engine);
            Self {
                saved: place.save(),
                writer,
                judge,
                votes,
            }
        })
    }

    fn copy(&self) -> (Place, Engine) {
        let place = self.saved.copy();
        let engine = place.engine();
        (place, engine)
    }

    fn classifiers(&self) -> [(&EvaluationInfo, &ClassifierFigures, usize); 2] {
        [(&self.judge, 2), (&self.votes, 4)].map(|(evaluation, classes)| {
            let Figures::Classifier(figures) = &evaluation.figures else {
                panic!("a classifier's figures")
            };
            (evaluation, figures, classes)
        })
    }
}

#[test]
fn perplexity_beats_its_baselines_and_matches_the_stored_predictions() {
    let made = Made::once();
    let (place, _engine) = made.copy();
    let Figures::Generator(figures) = &made.writer.figures else {
        panic!("a generator's figures")
    };
    let perplexity = figures.perplexity.unwrap();
    assert!(
        perplexity < figures.unigram_perplexity.unwrap(),
        "{figures:?}"
    );
    assert!(perplexity < figures.chance_perplexity as f64);
    // the stored predictions match the figures
    let path = place.project();
    let db = rusqlite::Connection::open(path).unwrap();
    let (n, nll, tokens): (i64, f64, i64) = db
        .query_row(
            "SELECT count(*), sum(nll), sum(tokens) FROM prediction WHERE evaluation_id = ?1",
            [made.writer.id],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(
        (n as u64, tokens as u64),
        (figures.examples, figures.tokens)
    );
    assert!(((nll / tokens as f64).exp() - perplexity).abs() < 1e-9);
}

#[test]
fn figures_of_classifiers_count_every_example_and_are_compared_with_their_baselines() {
    let made = Made::once();
    let (_place, engine) = made.copy();
    for (evaluation, figures, classes) in made.classifiers() {
        assert_eq!(figures.confusion.len(), classes);
        assert_eq!(
            figures.confusion.iter().flatten().sum::<u64>(),
            figures.examples
        );
        assert!(
            (0.0..=1.0).contains(&figures.auc.unwrap()) && figures.baseline.unigram_auc.is_some()
        );
        assert_eq!(evaluation.config.classes.len(), classes);
        let predictions = engine.predictions(evaluation.id).unwrap();
        assert_eq!(predictions.labels.len() as u64, figures.examples);
        honest(&engine, evaluation, figures);
    }
}

/// The threads of the predictions of an evaluation, as they are exported.
fn exported_threads(place: &Place, engine: &Engine, evaluation: &EvaluationInfo) -> usize {
    let file = place.path(&format!("threads-{}.jsonl", evaluation.run));
    let id = evaluation.id.to_string();
    engine.predictions_export(&id, &file).unwrap();
    let threads = rows(&file).into_iter().map(|row| row["thread"].to_string());
    threads.collect::<BTreeSet<_>>().len()
}

#[test]
fn figures_have_intervals_by_thread_and_roc_curves_show_them() {
    let made = Made::once();
    let (place, engine) = made.copy();
    for (evaluation, figures, classes) in made.classifiers() {
        let confidence = figures.confidence.as_ref().unwrap();
        let threads = exported_threads(&place, &engine, evaluation);
        assert_eq!(confidence.threads, threads as u64);
        assert!(threads < figures.examples as usize, "some have several");
        let intervals = evaluation.compared.iter().filter_map(|one| one.interval);
        assert!(intervals.clone().count() > 5);
        assert!(
            intervals
                .clone()
                .all(|interval| interval.low <= interval.high)
        );

        let picture = engine
            .chart(ChartKind::Roc, std::slice::from_ref(&evaluation.run))
            .unwrap();
        let columns = &picture.table.columns;
        let has = |name: &str| columns.iter().any(|column| column == name);
        let auc = evaluation
            .compared
            .iter()
            .find(|one| one.figure == "auc")
            .unwrap();
        if let (Some(interval), Some(value)) = (auc.interval, auc.value) {
            assert!(interval.low < value && value < interval.high);
            assert!(has("auc_low") && has("auc_high"), "{columns:?}");
            let written = auc.written_with_interval();
            let legend = &picture.series;
            assert!(
                legend.iter().any(|one| one.name.contains(&written)),
                "{written} {legend:?}"
            );
            let printed = place.ok(["evaluate"]).out;
            assert!(
                printed.contains(&format!("{} {written}", auc.name)),
                "{printed}"
            );
        }
        assert_eq!(has("low") && has("high"), classes == 2, "{columns:?}");
        assert_eq!(picture.svg.contains("<polygon"), classes == 2);
    }
    let Figures::Generator(writer) = &made.writer.figures else {
        panic!("a generator's figures")
    };
    let interval = writer.confidence.as_ref().unwrap().intervals["perplexity"];
    let perplexity = writer.perplexity.unwrap();
    assert!(interval.low < perplexity && perplexity < interval.high);
}

#[test]
fn intervals_follow_the_threshold() {
    let made = Made::once();
    let (_place, engine) = made.copy();
    let Figures::Classifier(figures) = &made.judge.figures else {
        panic!("a classifier's figures")
    };
    let same = engine.evaluation_at(made.judge.id, 0.5).unwrap().figures;
    let intervals = &figures.confidence.as_ref().unwrap().intervals;
    let again = same.confidence.unwrap().intervals;
    assert!(again.keys().eq(intervals.keys()), "{again:?}");
    for (name, one) in &again {
        // the stored ones went through JSON
        let other = intervals[name];
        let near = (one.low - other.low).abs() < 1e-9 && (one.high - other.high).abs() < 1e-9;
        assert!(near, "{name} {one:?} {other:?}");
    }
    for (one, other) in same.classes.iter().zip(&figures.classes) {
        assert_eq!(one.auc_interval, other.auc_interval);
    }
    let moved = engine.evaluation_at(made.judge.id, 0.9).unwrap();
    let of = |figure: &str| {
        moved
            .compared
            .iter()
            .find(|one| one.figure == figure)
            .unwrap()
    };
    let recall = of("recall");
    if let (Some(value), Some(interval)) = (recall.value, recall.interval) {
        assert!(
            interval.low <= value && value <= interval.high,
            "{recall:?}"
        );
    }
    let auc = made.judge.compared.iter().find(|one| one.figure == "auc");
    assert_eq!(of("auc").interval, auc.unwrap().interval);
}

#[test]
fn temperature_is_fitted_on_the_validation_set_and_reported_on_the_test_set() {
    let made = Made::once();
    let (place, engine) = made.copy();
    let mut fitted = 0;
    for run in ["judge", "votes"] {
        let validation = Evaluate {
            run: run.to_owned(),
            partition: Partition::Val,
            ..Evaluate::default()
        };
        let validation = done(&engine, &validation);
        let test = measure(&engine, run);
        let [Figures::Classifier(before), Figures::Classifier(after)] =
            [&validation.figures, &test.figures]
        else {
            panic!("classifiers' figures")
        };
        assert_eq!(
            before.calibrated, None,
            "the validation set is what it is fitted on"
        );
        let known = engine.predictions(validation.id).unwrap();
        let expected = temperature::fit_temperature(&known.p, known.classes, &known.labels);
        let Some(calibrated) = &after.calibrated else {
            assert_eq!(expected, None);
            continue;
        };
        assert!((calibrated.temperature - expected.unwrap()).abs() < 1e-9);
        fitted += 1;
        assert_eq!(calibrated.fitted_on, before.examples);
        let tested = engine.predictions(test.id).unwrap();
        let scaled = temperature::at_temperature(&tested.p, tested.classes, calibrated.temperature);
        let loss = metrics::log_loss(&scaled, tested.classes, &tested.labels).unwrap();
        assert!((loss - calibrated.log_loss.unwrap()).abs() < 1e-9);
    }
    assert!(fitted > 0, "neither has a temperature");
    drop(engine);
    let printed = place.ok(["evaluate", "judge", "--limit", "150"]).out;
    assert!(printed.contains("95% confidence intervals"), "{printed}");
    assert!(!printed.contains("NaN"), "{printed}");
}

#[test]
fn evaluation_of_an_earlier_version_has_no_intervals() {
    let (place, engine) = Made::once().copy();
    let id = engine.evaluation_of("judge").unwrap().id;
    drop(engine);
    database(&place.project())
        .execute(
            "UPDATE evaluation SET metrics = json_remove(metrics, '$.confidence', '$.calibrated', '$.matthews',
                 '$.weighted_auc', '$.micro_average_precision', '$.weighted_average_precision', '$.kendall_tau',
                 '$.mean_absolute_error', '$.classes[0].auc_interval', '$.classes[1].auc_interval')",
            [],
        )
        .unwrap();
    let engine = place.engine();
    let old = engine.evaluation_of("judge").unwrap();
    assert!(old.compared.iter().all(|one| one.interval.is_none()));
    let matthews = old.compared.iter().find(|one| one.figure == "matthews");
    let Figures::Classifier(before) = &Made::once().judge.figures else {
        panic!("a classifier's figures")
    };
    assert_eq!(
        matthews.unwrap().value,
        before.matthews,
        "from the confusion matrix"
    );
    let moved = engine.evaluation_at(id, 0.4).unwrap();
    assert_eq!(moved.figures.confidence, None);
    let picture = engine.chart(ChartKind::Roc, &["judge".to_owned()]).unwrap();
    assert_eq!(picture.table.columns.len(), 4);
    assert_eq!(engine.evaluations().unwrap().len(), 3);
    drop(engine);
    let printed = place.ok(["evaluate"]).out;
    assert!(printed.contains("AUC"), "{printed}");
    assert_eq!(place.run(["check"]).status, Some(0));
}

#[test]
fn marker_is_on_the_roc_curve_at_its_threshold() {
    let made = Made::once();
    let (_place, engine) = made.copy();
    marked_at_its_threshold(&engine, &made.judge);
}

#[test]
fn curves_have_the_counts_of_each_threshold() {
    let made = Made::once();
    let (_place, engine) = made.copy();
    for (evaluation, figures, classes) in made.classifiers() {
        let curves = engine.evaluation_curves(evaluation.id).unwrap();
        assert_eq!(curves.band.is_empty(), classes > 2);
        for curve in &curves.classes {
            let class = &figures.classes[curve.class];
            assert_eq!(curve.name, class.name);
            assert_eq!(curve.positives, class.examples);
            assert_eq!(curve.positives + curve.negatives, figures.examples);
        }
        if classes > 2 {
            let with_auc = figures.classes.iter().filter(|class| class.auc.is_some());
            assert_eq!(curves.classes.len(), with_auc.count());
            continue;
        }
        let [real] = &curves.classes[..] else {
            panic!("the curve of class 1")
        };
        for (i, threshold) in real.thresholds.iter().enumerate().skip(1).step_by(10) {
            let at = engine
                .evaluation_at(evaluation.id, threshold.unwrap())
                .unwrap();
            let counted = &at.figures.classes[1];
            assert_eq!((real.tp[i], real.fp[i]), (counted.tp, counted.fp));
        }
    }
    let error = engine.evaluation_curves(made.writer.id).unwrap_err();
    assert_eq!(error.code, Code::Usage);
}

#[test]
fn predictions_and_pairs_are_exported() {
    let made = Made::once();
    let (place, engine) = made.copy();
    for (evaluation, ..) in made.classifiers() {
        exported(&place, &engine, evaluation);
    }
}

#[test]
fn exported_models_record_how_they_read() {
    let (place, engine) = Made::once().copy();
    says_how_it_reads(&place, &engine);
}

#[test]
fn charts_are_written_as_svg_png_and_csv_and_say_what_they_show() {
    let (place, engine) = Made::once().copy();
    for run in ["judge", "votes"] {
        let of = [run.to_owned()];
        for (kind, name) in [
            (ChartKind::Roc, "roc"),
            (ChartKind::Pr, "pr"),
            (ChartKind::Confusion, "confusion"),
            (ChartKind::Calibration, "calibration"),
            (ChartKind::Loss, "loss"),
        ] {
            let files = engine
                .chart_files(kind, &of, &[place.path(&format!("{run}-{name}"))])
                .unwrap();
            let read = |n: usize| std::fs::read(&files[n]).unwrap();
            let svg = String::from_utf8(read(0)).unwrap();
            assert!(
                svg.starts_with("<svg") && !svg.contains("NaN"),
                "{run} {name}"
            );
            assert_eq!(&read(1)[..4], b"\x89PNG");
            assert!(String::from_utf8(read(2)).unwrap().lines().count() > 1);
            if kind != ChartKind::Loss {
                assert!(
                    svg.contains("test set"),
                    "a chart says what it was measured on"
                );
            }
        }
    }
}

/// What a chart says of all its curves: the line under its title.
fn caption_of(svg: &str) -> &str {
    let description = svg.split("<desc>").nth(1).unwrap();
    description.split(". ").next().unwrap()
}

/// An evaluation of the same run on another set.
fn on_set(engine: &Engine, run: &str, partition: Partition) -> EvaluationInfo {
    let evaluate = Evaluate {
        run: run.to_owned(),
        partition,
        limit: 100,
        ..Evaluate::default()
    };
    done(engine, &evaluate)
}

#[test]
fn curves_of_one_chart_are_told_apart_and_its_caption_holds_for_all() {
    let made = Made::once();
    let (_place, engine) = made.copy();
    let again = measure(&engine, "judge");
    let validation = on_set(&engine, "judge", Partition::Val);
    let ids = [made.judge.id, again.id, validation.id];
    let of = ids.map(|id| id.to_string());
    for kind in [ChartKind::Roc, ChartKind::Pr, ChartKind::Calibration] {
        let picture = engine.chart(kind, &of).unwrap();
        let caption = caption_of(&picture.svg);
        assert!(caption.contains("split main"), "{caption}");
        for set in ["test set", "validation set"] {
            assert!(!caption.contains(set), "{caption}");
        }
        let exported = picture.table.rows.iter().map(|row| row[0].as_str());
        let exported: BTreeSet<&str> = exported.collect();
        assert_eq!((exported.len(), picture.series.len()), (3, 3));
        for (series, (id, set)) in picture.series.iter().zip(ids.into_iter().zip([
            "judge, test set",
            "judge, test set",
            "judge, validation set",
        ])) {
            assert!(series.name.starts_with(set), "{:?}", series.name);
            let number = format!("evaluation {id}");
            assert!(series.name.contains(&number), "{:?}", series.name);
            let named = |name: &&str| name.starts_with(set) && name.ends_with(&number);
            assert!(exported.iter().any(named), "{exported:?}");
        }
        // a number only where nothing else tells them apart
        let two = engine.chart(kind, &of[1..]).unwrap();
        let numbered = two
            .series
            .iter()
            .filter(|one| one.name.contains("evaluation"));
        assert_eq!((numbered.count(), two.series.len()), (0, 2));
    }
    // an evaluation that is named twice is drawn once
    let of = [made.judge.id, made.judge.id].map(|id| id.to_string());
    let picture = engine.chart(ChartKind::Roc, &of).unwrap();
    assert!(picture.series[0].name.starts_with("real, "));
    assert!(caption_of(&picture.svg).contains("split main, test set"));
    let loss = |of: &[&str]| {
        let of: Vec<String> = of.iter().map(|run| (*run).to_owned()).collect();
        engine.chart(ChartKind::Loss, &of).unwrap().svg
    };
    assert_eq!(loss(&["judge", "judge"]), loss(&["judge"]));
}

#[test]
fn each_of_several_curves_is_marked_against_its_own_baselines() {
    let (place, engine) = Made::once().copy();
    let again = measure(&engine, "judge");
    let first = Made::once().judge.id;
    drop(engine);
    database(&place.project())
        .execute(
            "UPDATE evaluation SET metrics = json_set(metrics, '$.baseline.unigram_auc', 1.0) WHERE id IN (?1, ?2)",
            [first, again.id],
        )
        .unwrap();
    let engine = place.engine();
    let of = [first, again.id].map(|id| id.to_string());
    let both = engine.chart(ChartKind::Roc, &of).unwrap();
    let one = engine.chart(ChartKind::Roc, &of[..1]).unwrap();
    for series in both.series.iter().chain(one.series.first()) {
        let name = &series.name;
        assert!(name.contains("than unigram 1.0"), "{name}");
    }
    let words = words_of(&both.svg);
    assert!(words.contains("Below its baseline: judge"), "{words}");
    for id in &of {
        let said = format!("evaluation {id}: AUC");
        assert!(words.contains(&said), "{said}: {words}");
    }
}

#[test]
fn run_stands_for_its_latest_evaluation_on_the_test_set() {
    let made = Made::once();
    let (place, engine) = made.copy();
    let train = on_set(&engine, "judge", Partition::Train);
    assert_eq!(engine.evaluation_of("judge").unwrap().id, made.judge.id);
    let again = measure(&engine, "judge");
    let validation = on_set(&engine, "judge", Partition::Val);
    assert_eq!(engine.evaluation_of("judge").unwrap().id, again.id);
    // the overview has the same figure
    let models = engine.overview().unwrap().models;
    let judge = models.iter().find(|one| one.kind == ModelKind::Realism);
    let main = headline(&again.compared).unwrap();
    let figure = format!("{} {}", main.name, main.written());
    assert_eq!(judge.unwrap().figure, Some(figure));
    // each is still called by its number
    for one in [&train, &validation] {
        let found = engine.evaluation_of(&one.id.to_string()).unwrap();
        assert_eq!(found.partition, one.partition);
    }
    drop(engine);
    // and the command says which it was
    let which = format!("evaluation {} of judge, test set", again.id);
    let drawn = place.ok(["chart", "roc", "judge", "--out", "roc.svg"]).out;
    assert!(
        drawn.contains(&format!("Wrote roc.svg: {which}")),
        "{drawn}"
    );
    let exported = place
        .ok(["export", "predictions", "judge", "judge.csv"])
        .out;
    assert!(
        exported.contains(&format!("predictions): {which}")),
        "{exported}"
    );
    let id = validation.id.to_string();
    let both = place.ok(["chart", "roc", "judge", id.as_str(), "--out", "both.svg"]);
    let other = format!("{which}; evaluation {id} of judge, validation set");
    assert!(both.out.contains(&other), "{both}");
    // a run without one stands for its latest
    database(&place.project())
        .execute(
            "DELETE FROM evaluation WHERE id IN (?1, ?2)",
            [made.judge.id, again.id],
        )
        .unwrap();
    let engine = place.engine();
    assert_eq!(engine.evaluation_of("judge").unwrap().id, validation.id);
}

#[test]
fn overview_and_list_show_each_evaluation_once() {
    let (_place, engine) = Made::once().copy();
    for model in engine.overview().unwrap().models {
        assert_eq!(
            (model.evaluations, &model.evaluated),
            (1, &model.trained),
            "{model:?}"
        );
        assert!(model.figure.is_some(), "{model:?}");
    }
    assert!(
        engine
            .overview()
            .unwrap()
            .next
            .iter()
            .all(|step| step.step != "evaluate")
    );
    let listed = engine.evaluations().unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(engine.evaluation_of("judge").unwrap(), listed[1]);
    assert_eq!(listed[1].fakes.as_deref(), Some("fakes"));
}

#[test]
fn stored_evaluation_is_shown_as_when_it_was_made() {
    let (place, engine) = Made::once().copy();
    drop(engine);
    let made = place.ok(["evaluate", "judge", "--limit", "150"]).out;
    for what in ["4", "judge"] {
        let shown = place.ok(["evaluation", "show", what]).out;
        assert!(
            shown.starts_with("Evaluation 4: run judge at step "),
            "{shown}"
        );
        assert!(shown.contains("95% confidence intervals"), "{shown}");
        for line in shown.lines() {
            assert!(made.contains(line), "{line}\n{made}");
        }
    }
    place.ok(["evaluation", "rename", "4", "final"]);
    place.ok(["evaluation", "note", "4", "for the paper"]);
    let shown = place.ok(["evaluation", "show", "final"]).out;
    assert!(shown.contains("Evaluation 4 (final): run judge"), "{shown}");
    assert!(shown.contains("Note: for the paper"), "{shown}");
    let printed = place.ok(["evaluation", "show", "final", "--json"]).result();
    assert_eq!(printed["id"], 4);
    assert_eq!(printed["name"], "final");
    assert_eq!(printed["at_real_share"], serde_json::Value::Null);
    let unknown = place.run(["evaluation", "show", "99"]);
    assert_eq!(unknown.status, Some(2), "{unknown}");
}

#[test]
fn list_has_the_main_metric_of_each_evaluation() {
    let (place, engine) = Made::once().copy();
    let all = engine.evaluations().unwrap();
    drop(engine);
    let printed = place.ok(["evaluation", "list"]).out;
    for evaluation in &all {
        let main = headline(&evaluation.compared).unwrap();
        let cell = format!("{} {}", main.name, main.written_with_interval());
        assert!(printed.contains(&cell), "{cell}: {printed}");
    }
    let widest = printed.lines().map(|line| line.chars().count()).max();
    assert!(widest.unwrap() < 260, "{printed}");
    let listed = place.ok(["evaluation", "list", "--json"]).result();
    let metrics = listed[2]["compared"].as_array().unwrap();
    assert_eq!(metrics.len(), all[2].compared.len());
}

/// Stores an evaluation of the same examples as a realism evaluation, by a model that knows their class by `gain`
/// standard deviations.
fn planted(engine: &Engine, of: &EvaluationInfo, gain: f64) -> i64 {
    planted_on(of.partition, engine, of, gain)
}

/// The same, as if they were of this partition.
fn planted_on(partition: Partition, engine: &Engine, of: &EvaluationInfo, gain: f64) -> i64 {
    let store = Store::open(engine.path()).unwrap();
    let found = store.evaluation(of.id).unwrap();
    let mut predictions = store.predictions(of.id).unwrap();
    let mut stream = Stream::new(5, "planted");
    for prediction in &mut predictions {
        let sign = if prediction.label == Some(1) {
            1.0
        } else {
            -1.0
        };
        let logit: f64 = gain * sign + stream.next_normal();
        let real = 1.0 / (1.0 + (-logit).exp());
        prediction.p = [Some(1.0 - real), Some(real), None, None];
    }
    let new = NewEvaluation {
        checkpoint_id: found.checkpoint_id,
        split_id: found.split_id,
        fake_set_id: found.fake_set_id,
        partition,
        config: found.config,
        metrics: found.metrics,
    };
    let now_ms = repartee_store::now_ms();
    store.evaluation_insert(&new, &predictions, now_ms).unwrap()
}

fn compared_figure<'a>(comparison: &'a Comparison, figure: &str) -> &'a ComparedFigure {
    let mut figures = comparison.figures.iter();
    figures.find(|one| one.figure == figure).unwrap()
}

#[test]
fn comparison_finds_a_planted_difference() {
    let made = Made::once();
    let (place, engine) = made.copy();
    let [(judge, figures, _), _] = made.classifiers();
    let of = [0.3, 1.2].map(|gain| planted(&engine, judge, gain).to_string());
    let comparison = engine.evaluations_compare(&of).unwrap();
    assert_eq!(comparison.examples, figures.examples);
    let threads = figures.confidence.as_ref().map(|all| all.threads);
    assert_eq!(comparison.threads, threads);
    assert!(comparison.settings.is_empty(), "of the same run");
    let again = engine.evaluations_compare(&of).unwrap();
    assert_eq!(again, comparison, "the same each time");
    let [second, first] = of.clone();
    let backward = engine.evaluations_compare(&[first, second]).unwrap();
    for figure in ["auc", "accuracy", "log_loss", "brier"] {
        let one = compared_figure(&comparison, figure);
        let difference = &one.differences[0];
        assert_eq!(difference.better, Some(true), "{one:?}");
        let interval = difference.interval.unwrap();
        assert_eq!(interval.high < 0.0, one.lower_is_better, "{one:?}");
        assert!(difference.p.unwrap() < 0.01, "{one:?}");
        let back = &compared_figure(&backward, figure).differences[0];
        assert_eq!(back.p, difference.p);
        assert_eq!(back.difference, difference.difference.map(|d| -d));
        assert_eq!(back.better, Some(false));
    }
    drop(engine);
    let printed = place.ok(["evaluation", "compare", &of[0], &of[1]]).out;
    let auc = compared_figure(&comparison, "auc");
    for part in [
        auc.values[0].written(),
        auc.values[1].written(),
        auc.differences[0].written(),
        "that both of them have".to_owned(),
        "1,999 permutations".to_owned(),
    ] {
        assert!(printed.contains(&part), "{part}: {printed}");
    }
}

#[test]
fn evaluation_is_compared_with_itself_by_its_own_figures() {
    let made = Made::once();
    let (_place, engine) = made.copy();
    for evaluation in [&made.writer, &made.judge, &made.votes] {
        let of = [evaluation.run.clone(), evaluation.id.to_string()];
        let comparison = engine.evaluations_compare(&of).unwrap();
        assert_eq!(comparison.figures.len(), evaluation.compared.len());
        for one in &evaluation.compared {
            let figure = compared_figure(&comparison, &one.figure);
            assert_eq!(figure.name, one.name);
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
            for value in &figure.values {
                match (value.value, one.value) {
                    (Some(a), Some(b)) => assert!(near(a, b), "{figure:?} {one:?}"),
                    (a, b) => assert_eq!(a, b, "{figure:?}"),
                }
                match (value.interval, one.interval) {
                    (Some(a), Some(b)) => {
                        assert!(near(a.low, b.low) && near(a.high, b.high), "{figure:?}");
                    }
                    (a, b) => assert_eq!(a, b, "{figure:?}"),
                }
            }
            let difference = &figure.differences[0];
            assert_eq!(difference.difference, one.value.map(|_| 0.0));
            assert_eq!(difference.p, one.value.map(|_| 1.0), "{figure:?}");
            assert_eq!(difference.better, None);
        }
    }
}

#[test]
fn evaluations_are_compared_on_the_examples_that_both_have() {
    let (_place, engine) = Made::once().copy();
    for run in ["writer", "judge", "votes"] {
        let fewer = Evaluate {
            run: run.to_owned(),
            limit: 60,
            ..Evaluate::default()
        };
        let before = engine.evaluation_of(run).unwrap();
        let fewer = done(&engine, &fewer);
        let of = [before.id.to_string(), fewer.id.to_string()];
        let comparison = engine.evaluations_compare(&of).unwrap();
        let [all, some] = comparison.evaluations.as_slice() else {
            panic!("{comparison:?}")
        };
        assert!(some.examples < all.examples, "{comparison:?}");
        assert!(comparison.examples <= some.examples && comparison.examples > 0);
        for one in &comparison.figures {
            let difference = one.differences[0].difference;
            assert!(
                difference.is_none_or(|difference| difference.abs() < 1e-6),
                "the same model on the same examples: {one:?}"
            );
        }
    }
}

#[test]
fn evaluations_that_do_not_compare_are_refused_with_the_reason() {
    let (place, engine) = Made::once().copy();
    let validation = Evaluate {
        run: "judge".to_owned(),
        partition: Partition::Val,
        ..Evaluate::default()
    };
    let validation = done(&engine, &validation).id.to_string();
    // with every example in common
    let judge = engine.evaluation_of("judge").unwrap();
    let train = planted_on(Partition::Train, &engine, &judge, 1.0).to_string();
    let sets = format!(
        "evaluation 2 is on the test set of split \"main\", and evaluation {train} is on the training set of split \"main\""
    );
    let error = |of: [&str; 2]| {
        let error = engine.evaluations_compare(&of.map(str::to_owned));
        error.unwrap_err()
    };
    for (of, part) in [
        (["writer", "judge"], "(generator and realism)"),
        (["judge", "votes"], "(realism and upvotes)"),
        (["2", validation.as_str()], "on the validation set"),
        (["2", train.as_str()], sets.as_str()),
    ] {
        let error = error(of);
        assert_eq!(error.code, Code::Usage);
        assert!(error.message.contains(part), "{error:?}");
    }
    assert_eq!(error(["judge", "nobody"]).code, Code::NotFound);
    drop(engine);
    let one = place.run(["evaluation", "compare", "judge"]);
    assert_eq!(one.status, Some(2), "{one}");
}

#[test]
fn figures_are_shown_at_another_share_of_real_replies() {
    let made = Made::once();
    let (place, engine) = made.copy();
    let shown = engine.evaluation_show("judge", Some(0.9)).unwrap();
    let at = shown.at_real_share.unwrap();
    let predictions = engine.predictions(made.judge.id).unwrap();
    let (p, truth) = (predictions.of_class(1), predictions.is_class(1));
    let real = truth.iter().filter(|real| **real).count() as f64;
    assert_eq!(at.evaluated_share, real / truth.len() as f64);
    assert!(
        at.trained_share_known && (at.trained_share - 0.5).abs() < 0.02,
        "{at:?}"
    );
    let rate = |of: bool| {
        let of_class = p.iter().zip(&truth).filter(|(_, real)| **real == of);
        let of_class: Vec<bool> = of_class.map(|(p, _)| *p >= 0.5).collect();
        of_class.iter().filter(|called| **called).count() as f64 / of_class.len() as f64
    };
    let accuracy = at.figures.iter().find(|one| one.figure == "accuracy");
    let expected = 0.9 * rate(true) + 0.1 * (1.0 - rate(false));
    let uncorrected = accuracy.unwrap().uncorrected.unwrap();
    assert!((uncorrected - expected).abs() < 1e-9, "{accuracy:?}");
    let auc = &at.figures[0];
    assert_eq!(
        (auc.uncorrected, auc.corrected),
        (auc.evaluated, auc.evaluated)
    );
    drop(engine);
    let printed = place.ok(["evaluation", "show", "judge", "--real-share", "0.9"]);
    let [.., corrected] = accuracy.unwrap().written();
    for part in [
        "If 90.0% of the replies were real",
        "the share in training",
        &corrected,
    ] {
        assert!(printed.out.contains(part), "{part}: {printed}");
    }
    for (args, part) in [
        (["writer", "0.9"], "only realism evaluations"),
        (["judge", "0"], "above 0 and below 1"),
        (["judge", "1"], "above 0 and below 1"),
    ] {
        let [run, share] = args;
        let refused = place.run(["evaluation", "show", run, "--real-share", share]);
        assert_eq!(refused.status, Some(2), "{refused}");
        assert!(refused.err.contains(part), "{refused}");
    }
}

#[test]
fn slices_are_the_parts_of_an_evaluation() {
    let made = Made::once();
    let (place, engine) = made.copy();
    for (evaluation, figures, classes) in made.classifiers() {
        let run = &evaluation.run;
        let slices = engine.evaluation_slices(run, &[]).unwrap();
        assert_eq!(slices.evaluation, evaluation.id);
        let overall = &slices.overall;
        assert_eq!(overall.examples, figures.examples);
        assert_eq!(overall.figures[0].value, figures.auc);
        let threads = figures.confidence.as_ref().map(|of| of.threads);
        assert_eq!(overall.threads, threads);
        for by in SliceBy::ALL {
            let of: Vec<&Slice> = (slices.slices.iter())
                .filter(|slice| slice.by == Some(by))
                .collect();
            assert!(!of.is_empty(), "{by:?}");
            for n in 0..classes {
                let sum: u64 = of.iter().map(|slice| slice.classes[n]).sum();
                assert_eq!(sum, overall.classes[n], "{by:?}");
            }
            // examples of a slice that are predicted right are so among all
            let right = |slice: &&Slice| {
                let accuracy = slice.figures.iter().find(|one| one.figure == "accuracy");
                accuracy.unwrap().value.unwrap() * slice.examples as f64
            };
            let all: f64 = of.iter().map(right).sum();
            let expected = figures.accuracy.unwrap() * figures.examples as f64;
            assert!((all - expected).abs() < 1e-6, "{by:?}: {all} {expected}");
        }
        let by = |by: SliceBy| slices.slices.iter().filter(move |one| one.by == Some(by));
        assert!(by(SliceBy::Subreddit).all(|one| one.name.starts_with("r/")));
        assert!(by(SliceBy::Length).count() > 2);
        assert!(slices.intervals > 0);
    }
    let one = engine
        .evaluation_slices("judge", &[SliceBy::Score])
        .unwrap();
    assert!(
        one.slices
            .iter()
            .all(|slice| slice.by == Some(SliceBy::Score))
    );
    drop(engine);

    let printed = place.ok(["evaluation", "slices", "judge", "--by", "length,age"]);
    for part in [
        "words of the reply",
        "date of the comment (UTC)",
        "by chance",
    ] {
        assert!(printed.out.contains(part), "{part}: {printed}");
    }
    assert!(!printed.out.contains("r/"), "{printed}");
    for (args, part) in [
        (
            ["writer", "length"],
            "only evaluations of realism and upvotes models",
        ),
        (["judge", "author"], "subreddit, length, age, score"),
    ] {
        let [run, by] = args;
        let refused = place.run(["evaluation", "slices", run, "--by", by]);
        assert_eq!(refused.status, Some(2), "{refused}");
        assert!(refused.err.contains(part), "{refused}");
    }
}

/// "judge" on all sets of fakes, after another set was made at temperature 0.5 and top-k 10.
fn measured_on_colder(engine: &Engine) -> DecodingMeasured {
    let make = MakeFakes {
        name: "cold".to_owned(),
        generator: "writer".to_owned(),
        comments: [2, 2, 20],
        sampling: SamplingParams {
            temperature: 0.5,
            top_k: 10,
            seed: 2,
            ..as_the_fakes()
        },
        ..MakeFakes::default()
    };
    done(engine, &make);
    let job = MeasureDecoding {
        run: "judge".to_owned(),
        ..MeasureDecoding::default()
    };
    done(engine, &job)
}

#[test]
fn every_set_of_fakes_is_scored_against_the_same_real_replies() {
    let (place, engine) = Made::once().copy();
    let measured = measured_on_colder(&engine);
    let [cold, usual] = measured.sets.as_slice() else {
        panic!("{measured:?}")
    };
    assert_eq!((cold.fakes.as_str(), cold.trained_on), ("cold", false));
    assert_eq!((usual.fakes.as_str(), usual.trained_on), ("fakes", true));
    assert_eq!((cold.sampling.temperature, cold.sampling.top_k), (0.5, 10));
    assert_eq!(usual.sampling, as_the_fakes());
    assert!(usual.interval.is_some(), "{usual:?}");
    let store = Store::open(engine.path()).unwrap();
    let (mut answered, mut fakes_of) = (BTreeSet::new(), Vec::new());
    for (one, name) in [(cold, "cold"), (usual, "fakes")] {
        let set = store.fake_set(name).unwrap().id;
        let mut fakes = store.fakes(set, Partition::Test).unwrap();
        fakes.retain(|fake| !fake.text.trim().is_empty());
        assert_eq!(one.examples, fakes.len() as u64);
        answered.extend(fakes.iter().map(|fake| fake.pair_id));
        fakes_of.push((one, fakes));
    }
    assert_eq!(measured.real, answered.len() as u64);

    // evaluations on each of the sets predict the same, and together have all of these replies
    let evaluate = Evaluate {
        run: "judge".to_owned(),
        fakes: Some("cold".to_owned()),
        ..Evaluate::default()
    };
    let mut p = HashMap::new();
    for id in [Made::once().judge.id, done(&engine, &evaluate).id] {
        let predictions = store.predictions(id).unwrap().into_iter();
        p.extend(predictions.map(|one| (one.subject, one.p[1].unwrap())));
    }
    for (one, fakes) in fakes_of {
        let (mut right, mut pairs) = (0.0, 0.0);
        for real in &answered {
            for fake in &fakes {
                let (a, b) = (p[&Subject::Pair(*real)], p[&Subject::Fake(fake.id)]);
                pairs += 1.0;
                right += f64::from(u8::from(a > b)) + 0.5 * f64::from(u8::from(a == b));
            }
        }
        // batches of other examples may round differently
        let auc = one.auc.unwrap();
        assert!(
            (auc - right / pairs).abs() < 2e-3,
            "{right} of {pairs}: {one:?}"
        );
    }
    drop(engine);

    let printed = place
        .ok(["evaluation", "decoding", "judge", "--limit", "5"])
        .out;
    for part in ["trained on these", "top-k 40", "the same", "real replies"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let refused = place.run(["evaluation", "decoding", "votes"]);
    assert_eq!(refused.status, Some(2), "{refused}");
}

#[test]
fn resumed_measurement_of_decoding_settings_keeps_its_scores() {
    let (_place, engine) = Made::once().copy();
    let whole = measured_on_colder(&engine);
    let store = Store::open(engine.path()).unwrap();
    let set = store.fake_set("cold").unwrap().id;
    let fakes = store.fakes(set, Partition::Test).unwrap();
    let all_real: BTreeMap<String, f64> = (fakes.iter())
        .map(|fake| (format!("fake {}", fake.id), 1.0))
        .collect();
    let outside = BTreeMap::from([(format!("fake {}", fakes[0].id), 1.5)]);
    for (n, stored, is_kept) in [
        (1, None, false),
        (2, Some(outside), false),
        (3, Some(all_real), true),
    ] {
        let id = format!("0199bbbb-0000-7000-8000-00000000000{n}");
        let params = r#"{"run":"judge"}"#;
        let created_ms = repartee_store::now_ms() - 3_600_000;
        let inserted = store.job_insert(&id, "decoding", params, None, created_ms);
        assert!(inserted.unwrap());
        let sql = "UPDATE job SET state = 'paused' WHERE id = ?1";
        assert_eq!(database(engine.path()).execute(sql, [&id]).unwrap(), 1);
        let key = format!("decoding of {id}");
        if let Some(stored) = stored {
            store.set_setting(&key, &stored).unwrap();
            assert!(engine.check(&|_| {}).unwrap().rows.is_empty());
        }
        let Ended::Done(outcome) = engine.resume(&id, &|_| {}).unwrap() else {
            panic!("it was paused")
        };
        let measured: DecodingMeasured = serde_json::from_value(outcome).unwrap();
        match is_kept {
            // no real reply is more probable
            true => assert_eq!(measured.sets[0].auc, Some(0.0)),
            false => {
                for (one, other) in measured.sets.iter().zip(&whole.sets) {
                    let facts = |of: &DecodingFigures| (of.fakes.clone(), of.examples, of.threads);
                    assert_eq!(facts(one), facts(other));
                    // JSON may round the last digit
                    assert!((one.auc.unwrap() - other.auc.unwrap()).abs() < 1e-12);
                }
            }
        }
        let left: Option<serde_json::Value> = store.setting(&key).unwrap();
        assert_eq!(left, None, "a job that is done needs no scores");
    }
}

/// Four scored candidates for an unseen comment.
fn candidates_at(engine: &Engine, temperature: f64, seed: u64) -> Generated {
    let usual = unseen("writer", PrecisionChoice::F32);
    let job = Generate {
        candidates: 4,
        sampling: SamplingParams {
            temperature,
            seed,
            ..usual.sampling.clone()
        },
        ..usual
    };
    done(engine, &job)
}

#[test]
fn thresholds_have_errors_candidates_and_posted_replies() {
    let (place, engine) = Made::once().copy();
    let judge = Made::once().judge.id;
    let wanted = WantThresholds {
        evaluation: "judge".to_owned(),
        costs: Some(Costs {
            false_positive: 2.0,
            false_negative: 1.0,
        }),
        at: Some(0.45),
        file: Some(place.path("all.csv")),
    };
    let none = engine.evaluation_thresholds(&wanted).unwrap();
    assert_eq!((none.candidates, none.posted), (0, 0));
    assert_eq!(none.generations, Vec::<i64>::new());
    let first = candidates_at(&engine, 1.0, 1);
    let colder = candidates_at(&engine, 0.5, 1);
    let again = candidates_at(&engine, 0.5, 2);
    let scored: Vec<f64> = [&colder, &again]
        .iter()
        .flat_map(|of| of.comments.iter().flat_map(|one| &one.candidates))
        .map(|one| one.p_real.unwrap())
        .collect();

    // one of them was posted, and its score was read twice
    let mut all = first.comments.iter().flat_map(|one| &one.candidates);
    let posted = all.find(|one| !one.text.trim().is_empty()).unwrap();
    let reply = engine.candidate_queue(posted.id, "me").unwrap().id;
    let db = database(&place.project());
    for sql in [
        "UPDATE reply SET state = 'posted', posted_ms = 5 WHERE id = ?1",
        "INSERT INTO outcome VALUES (?1, 3600, 9, 2, ''), (?1, 86400, 10, 7, ''), (?1, 604800, 11, NULL, '')",
    ] {
        db.execute(sql, [reply]).unwrap();
    }
    drop(db);

    let found = engine.evaluation_thresholds(&wanted).unwrap();
    assert_eq!(found.generations, [colder.generation, again.generation]);
    assert_eq!((found.candidates, found.posted), (8, 1));
    let p_posted = posted.p_real.unwrap();
    for row in found.rows.iter().step_by(50).chain([&found.chosen[3].row]) {
        let at = row.threshold;
        let judged = engine.evaluation_at(judge, at).unwrap();
        let real = &judged.figures.classes[1];
        assert_eq!(
            (row.tp, row.fp, row.tn, row.fn_),
            (real.tp, real.fp, real.tn, real.fn_)
        );
        assert_eq!(row.cost, Some(2.0 * row.fp as f64 + row.fn_ as f64));
        let pass = scored.iter().filter(|p| **p >= at).count();
        assert_eq!(row.candidates, pass as u64);
        let score = (p_posted >= at).then_some(7.0);
        assert_eq!((row.median_score, row.mean_score), (score, score));
    }
    let csv = std::fs::read_to_string(place.path("all.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1002, "{csv:.200}");
    assert!(csv.starts_with("threshold,tp,fp,tn,fn,"), "{csv:.200}");
    drop(engine);

    let printed = place.ok(["evaluation", "thresholds", "judge", "--at", "0.25"]);
    for part in ["best F1", "best Youden's J", "requested", "Candidates: 8"] {
        assert!(printed.out.contains(part), "{part}: {printed}");
    }
    let cost = "--cost-false-positive";
    for (args, part) in [
        (vec!["votes"], "only evaluations of two classes"),
        (vec!["judge", "--at", "1.5"], "between 0 and 1"),
        (
            vec!["judge", cost, "0", "--cost-false-negative", "0"],
            "one above 0",
        ),
        (vec!["judge", cost, "1"], "--cost-false-negative"),
    ] {
        let all = ["evaluation", "thresholds"].into_iter().chain(args);
        let refused = place.run(all);
        assert_eq!(refused.status, Some(2), "{refused}");
        assert!(refused.err.contains(part), "{refused}");
    }
}

fn audited(engine: &Engine, evaluation: i64) -> ShortcutAudit {
    let job = AuditEvaluation {
        evaluation,
        examples: 40,
        ..AuditEvaluation::default()
    };
    done(engine, &job).audit
}

fn of_shortcut(audit: &ShortcutAudit, shortcut: Shortcut) -> &ShortcutFigures {
    let mut all = audit.shortcuts.iter();
    all.find(|one| one.shortcut == shortcut).unwrap()
}

#[test]
fn planted_shortcuts_are_found_and_warned_of() {
    let made = Made::once();
    let (place, engine) = made.copy();
    // a model that is good without any of them
    let id = planted(&engine, &made.judge, 1.2);
    let predictions = engine.predictions(id).unwrap();
    for (plant, shortcut, name) in [
        (
            "UPDATE comment SET body = rtrim(body) || char(10);
             UPDATE fake SET text = rtrim(text, char(10) || ' ');",
            Shortcut::Markup,
            "markup only",
        ),
        (
            "UPDATE comment SET body = 'This is a reply of more than forty characters. ' || body;
             UPDATE fake SET text = 'Short ' || substr(text, 1, 9);",
            Shortcut::Length,
            "length only",
        ),
    ] {
        database(&place.project()).execute_batch(plant).unwrap();
        let audit = audited(&engine, id);
        let one = of_shortcut(&audit, shortcut);
        assert!(one.auc.unwrap() > 0.99, "{one:?}");
        assert!(one.warning.starts_with("near the model's AUC"), "{one:?}");
        assert_eq!(one.name, name);
        // all examples, and the stored predictions
        assert_eq!(one.examples, predictions.labels.len() as u64);
        assert_eq!(one.model_auc, predictions.auc());
        for of_model in [Shortcut::ReplyOnly, Shortcut::ShuffledComments] {
            let one = of_shortcut(&audit, of_model);
            assert_eq!(one.examples, 40);
            assert!((0.0..=1.0).contains(&one.auc.unwrap()), "{one:?}");
        }
        let Figures::Classifier(stored) = engine.evaluation(id).unwrap().figures else {
            panic!("a classifier's figures")
        };
        let stored = stored.audit.unwrap();
        let warnings = |audit: &ShortcutAudit| -> Vec<String> {
            let all = audit.shortcuts.iter();
            all.map(|one| one.warning.clone()).collect()
        };
        assert_eq!(warnings(&stored), warnings(&audit));
        assert_eq!(stored.at_ms, audit.at_ms);
        let again = audited(&engine, id);
        assert_eq!(again.shortcuts, audit.shortcuts, "the same each time");
        assert_eq!(again.suspects, audit.suspects);

        let of = [id.to_string()];
        let picture = engine.chart(ChartKind::Roc, &of).unwrap();
        let legend = format!("{name}, AUC {:.3}", one.auc.unwrap());
        let mut series = picture.series.iter();
        assert!(
            series.any(|one| one.name.starts_with(&legend)),
            "{:?}",
            picture.series
        );
        let printed = place.ok(["evaluation", "show", &of[0]]).out;
        let row = printed.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(row.contains(&one.written()), "{row}");
        assert!(row.contains(&format!("! {}", one.warning)), "{row}");
    }
    let printed = place.ok(["evaluation", "audit", "judge", "--limit", "20"]);
    for part in ["model, comments shuffled", "training set", "Next: "] {
        assert!(printed.out.contains(part), "{part}: {printed}");
    }
}

#[test]
fn planted_wrong_labels_are_suspected() {
    let made = Made::once();
    let (_place, engine) = made.copy();
    let right = planted(&engine, &made.judge, 4.0);
    let store = Store::open(engine.path()).unwrap();
    let found = store.evaluation(right).unwrap();
    let mut predictions = store.predictions(right).unwrap();
    let wrong = predictions.len().div_ceil(10);
    for prediction in predictions.iter_mut().step_by(10) {
        prediction.label = prediction.label.map(|label| 1 - label);
    }
    let new = NewEvaluation {
        checkpoint_id: found.checkpoint_id,
        split_id: found.split_id,
        fake_set_id: found.fake_set_id,
        partition: found.partition,
        config: found.config,
        metrics: found.metrics,
    };
    let now_ms = repartee_store::now_ms();
    let id = store.evaluation_insert(&new, &predictions, now_ms).unwrap();
    drop(store);
    let audit = audited(&engine, id);
    let suspected = audit.suspected as usize;
    assert!(
        suspected * 10 >= wrong * 7 && suspected <= wrong + 3,
        "{suspected} of {wrong}"
    );
    assert_eq!(audit.suspects.len(), suspected.min(20));
    assert!(audited(&engine, right).suspected * 4 < audit.suspected);
    let marked = |best: bool| {
        let examples = engine.evaluation_examples(id, best, None, wrong).unwrap();
        examples.iter().filter(|one| one.suspected).count()
    };
    assert!(marked(false) * 10 >= wrong * 7, "{} {wrong}", marked(false));
    assert_eq!(marked(true), 0);
}

#[test]
fn only_realism_evaluations_are_audited() {
    let made = Made::once();
    let (place, engine) = made.copy();
    for (evaluation, code) in [
        (made.writer.id, Code::Usage),
        (made.votes.id, Code::Usage),
        (99, Code::NotFound),
    ] {
        let job = AuditEvaluation {
            evaluation,
            ..AuditEvaluation::default()
        };
        let refused = engine.start(&job, &|_| {}).unwrap_err();
        assert_eq!(refused.code, code, "{refused:?}");
    }
    assert!(
        engine
            .jobs()
            .unwrap()
            .iter()
            .all(|job| job.kind != "shortcuts")
    );
    drop(engine);
    let refused = place.run(["evaluation", "audit", "votes"]);
    assert_eq!(refused.status, Some(2), "{refused}");
    assert!(
        refused.err.contains("only realism evaluations are audited"),
        "{refused}"
    );
}

#[test]
fn evaluating_again_gives_the_same_figures() {
    let made = Made::once();
    let (_place, engine) = made.copy();
    assert_eq!(measure(&engine, "judge").figures, made.judge.figures);
}

#[test]
fn figures_of_four_bins_are_printed() {
    let (place, engine) = Made::once().copy();
    let printed = place.ok(["evaluate", "votes", "--partition", "val"]).out;
    let val = engine.evaluations().unwrap().pop().unwrap();
    assert_eq!(val.partition, Partition::Val);
    for (key, name) in [
        ("average_precision", "average precision, macro "),
        ("brier", "Brier score (lower is better) "),
        (
            "calibration_error",
            "expected calibration error (lower is better) ",
        ),
    ] {
        let one = val.compared.iter().find(|one| one.figure == key).unwrap();
        let row = printed.lines().find_map(|line| line.strip_prefix(name));
        let value = row.and_then(|row| row.split_whitespace().next());
        assert_eq!(value, Some(one.written().as_str()), "{name}: {printed}");
    }
}

#[test]
fn impossible_predictions_are_found_by_check_and_never_drawn_or_exported() {
    for (change, found, refused) in [
        (
            "p1 = 7.5, p0 = -6.5",
            "p1: 7.5 is not between 0 and 1",
            "has a probability that is not between 0 and 1",
        ),
        (
            "p0 = NULL",
            "p0 to p3: 1 is the number of its probabilities",
            "has 1 probability",
        ),
        (
            "p0 = 0.9, p1 = 0.9",
            "p0 to p3: 1.8",
            "has probabilities that sum to 1.800, not 1",
        ),
        (
            "label = 9",
            "label: 9 is not one of its classes",
            "has class 9",
        ),
    ] {
        let (place, engine) = Made::once().copy();
        let id = engine.evaluation_of("judge").unwrap().id;
        drop(engine);
        let whole = place.run(["check"]);
        assert_eq!(whole.status, Some(0), "{whole}");
        database(&place.project())
            .execute(
                &format!("UPDATE prediction SET {change} WHERE evaluation_id = ?1 AND n = 3"),
                [id],
            )
            .unwrap();
        let checked = place.run(["check"]);
        assert_eq!(checked.status, Some(1), "{checked}");
        assert!(
            checked
                .out
                .contains(&format!("prediction row {id}, 3, {found}")),
            "{checked}"
        );
        assert!(checked.out.contains("evaluate the run again"), "{checked}");
        let engine = place.engine();
        for kind in [
            ChartKind::Roc,
            ChartKind::Pr,
            ChartKind::Confusion,
            ChartKind::Calibration,
            ChartKind::Scores,
        ] {
            let error = engine.chart(kind, &["judge".to_owned()]).unwrap_err();
            assert_eq!(error.code, Code::Damaged);
            assert!(
                error
                    .message
                    .contains(&format!("its prediction 3 {refused}")),
                "{error:?}"
            );
            assert!(error.message.contains("evaluate again"), "{error:?}");
        }
        assert!(engine.evaluation_at(id, 0.4).is_err());
        let file = place.path("predictions.csv");
        let error = engine.predictions_export("judge", &file).unwrap_err();
        assert_eq!(error.code, Code::Damaged);
        assert!(!file.exists());
    }
}

#[test]
fn micro_average_is_compared_with_the_class_prior() {
    let (_place, engine) = Made::once().copy();
    let votes = engine.evaluation_of("votes").unwrap();
    let micro = votes.compared.iter().find(|c| c.figure == "micro_auc");
    let micro = micro.unwrap();
    let prior = &micro.baselines[0];
    assert_eq!((prior.name.as_str(), micro.baselines.len()), ("prior", 1));
    assert!(prior.value >= 0.5);
    assert_eq!(micro.beats, micro.value.map(|auc| auc > prior.value));
    let picture = engine.chart(ChartKind::Roc, &["votes".to_owned()]).unwrap();
    let curve = picture.series.iter().find(|s| s.name.starts_with("micro"));
    let says = curve.unwrap().name.contains("prior");
    assert_eq!(
        says,
        micro.beats == Some(false),
        "{:?}",
        curve.map(|c| &c.name)
    );
}

#[test]
fn charts_that_cannot_be_drawn_are_refused_with_the_reason() {
    let (_place, engine) = Made::once().copy();
    let error = |kind, of: &str| engine.chart(kind, &[of.to_owned()]).unwrap_err();
    assert_eq!(
        error(ChartKind::Roc, "writer").code,
        Code::Usage,
        "a generator has no classes"
    );
    assert_eq!(error(ChartKind::Roc, "nobody").code, Code::NotFound);
    assert!(
        engine
            .chart_files(ChartKind::Roc, &["judge".to_owned()], &["x.gif".into()])
            .is_err()
    );
    assert!(
        ChartKind::parse("pie")
            .unwrap_err()
            .message
            .contains("calibration")
    );
    train(&engine, ModelKind::Upvotes, "fresh", 1);
    assert!(
        error(ChartKind::Roc, "fresh")
            .message
            .contains("repartee evaluate fresh")
    );
}

fn quality(engine: &Engine, runs: &[&str], limit: usize) -> Vec<RunQuality> {
    let job = MeasureQuality {
        runs: runs.iter().map(|run| (*run).to_owned()).collect(),
        limit,
        ..MeasureQuality::default()
    };
    let measured = done(engine, &job);
    assert_eq!(measured.left_out.count, 0, "{:?}", measured.left_out);
    measured.runs
}

/// Perplexity of "writer" on the examples that `quality` measures, with the precision on record.
fn perplexity_at(engine: &Engine, precision: PrecisionChoice, limit: usize) -> (f64, Precision) {
    let evaluate = Evaluate {
        run: "writer".to_owned(),
        partition: Partition::Val,
        limit,
        precision,
        ..Evaluate::default()
    };
    let evaluation = done(engine, &evaluate);
    let Figures::Generator(figures) = &evaluation.figures else {
        panic!("a generator's figures")
    };
    (figures.perplexity.unwrap(), evaluation.config.precision)
}

#[test]
fn quality_is_measured_at_each_precision_and_stored_with_the_run() {
    let (place, engine) = Made::once().copy();
    let before = engine.run_quality("writer").unwrap().unwrap();
    assert_eq!(
        (before.examples, before.auto.precision),
        (0, Precision::F32)
    );
    assert!(
        before.auto.reason.contains("`repartee quality writer`"),
        "{before:?}"
    );
    let names = ["writer", "judge", "votes"];
    let measured = quality(&engine, &names, 40);
    for (run, name) in measured.iter().zip(names) {
        assert_eq!((run.run.as_str(), run.partition), (name, Partition::Val));
        assert!((2..=40).contains(&run.examples), "{run:?}");
        let precisions: Vec<Precision> = run.precisions.iter().map(|one| one.precision).collect();
        assert_eq!(precisions, Precision::ALL);
        let fast = |rate: f64| rate > 0.0 && rate.is_finite();
        assert!(run.precisions.iter().all(|one| fast(one.rate)), "{run:?}");
        let figures: Vec<f64> = run
            .precisions
            .iter()
            .map(|one| one.figure.unwrap())
            .collect();
        let most = match name {
            "writer" => 0.05 * figures[0],
            _ => 0.2,
        };
        assert!(
            figures.iter().all(|one| (one - figures[0]).abs() < most),
            "{name}: {figures:?}"
        );
        assert_eq!(engine.run_quality(name).unwrap().as_ref(), Some(run));
    }
    assert_eq!(measured.len(), 3);

    // the same loss as an evaluation at that precision, each of which is another computation
    let of = |n: usize| measured[0].precisions[n].figure.unwrap();
    let (f32, stated) = perplexity_at(&engine, PrecisionChoice::F32, 40);
    assert_eq!(stated, Precision::F32);
    assert!((f32 / of(0) - 1.0).abs() < 1e-4, "{f32} {}", of(0));
    for (n, choice) in [(1, PrecisionChoice::Bf16), (2, PrecisionChoice::Int8)] {
        let (perplexity, stated) = perplexity_at(&engine, choice, 40);
        assert_eq!(Some(stated), choice.named());
        assert!((perplexity / of(n) - 1.0).abs() < 1e-9, "{perplexity}");
        assert!(perplexity != f32, "{choice}");
    }

    // a measurement replaces the last one
    let again = quality(&engine, &["writer"], 8);
    assert_eq!(again[0].examples, 8);
    let stored = engine.run_quality("writer").unwrap();
    assert_eq!(stored.as_ref(), Some(&again[0]));
    drop(engine);
    let printed = place.ok(["quality", "writer", "judge", "--limit", "8"]).out;
    for part in ["perplexity", "tokens/s", "AUC", "pairs/s", "auto takes"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert!(
        printed.contains("8 examples of the validation set"),
        "{printed}"
    );
    let unknown = place.run(["quality", "writer", "nobody"]);
    assert_eq!(unknown.status, Some(2), "{unknown}");
    assert!(unknown.err.contains("nobody"), "{unknown}");
}

/// Two replies to an unseen comment, scored by "judge".
fn unseen(generator: &str, precision: PrecisionChoice) -> Generate {
    Generate {
        unseen: 1,
        candidates: 2,
        generator: generator.to_owned(),
        realism: Some("judge".to_owned()),
        queue: false,
        precision,
        sampling: as_the_fakes(),
        ..Generate::default()
    }
}

/// Decoding settings of the fakes that "judge" was trained on.
fn as_the_fakes() -> SamplingParams {
    SamplingParams {
        max_new_tokens: 24,
        ..SamplingParams::default()
    }
}

/// What a run generates to an unseen comment, scored by "judge".
fn generated(engine: &Engine, generator: &str, precision: PrecisionChoice) -> Generated {
    let generated = done(engine, &unseen(generator, precision));
    let stored = engine.generation(generated.generation).unwrap();
    assert_eq!(stored.notes, generated.notes);
    assert_eq!(stored.config, generated.config);
    generated
}

/// The quality of a run as if it had been measured here: int8 is the fastest, and loses nothing.
fn measured_as_lossless(engine: &Engine, run: &str) {
    measured_at(engine, run, 1);
}

/// As [`measured_as_lossless`], at a time; returns the checkpoint.
fn measured_at(engine: &Engine, run: &str, measured_ms: i64) -> i64 {
    let store = Store::open(engine.path()).unwrap();
    let run = store.run(run).unwrap();
    let checkpoint = store.checkpoint(run.id, Role::Best).unwrap();
    let checkpoint = checkpoint.or(store.checkpoint(run.id, Role::Last).unwrap());
    let rows: Vec<Quality> = (1u8..)
        .zip(Precision::ALL)
        .map(|(n, precision)| Quality {
            precision: *precision,
            figure: Some(20.0),
            examples: 40,
            partition: Partition::Val,
            rate: f64::from(n),
            instructions: fast::instructions(),
            measured_ms,
        })
        .collect();
    let id = checkpoint.unwrap().id;
    store.quality_set(id, &rows).unwrap();
    id
}

/// A paused job that measures "writer" on 8 examples, created an hour ago.
fn paused_quality(engine: &Engine, id: &str) {
    let store = Store::open(engine.path()).unwrap();
    let params = r#"{"runs":["writer"],"limit":8}"#;
    let created_ms = repartee_store::now_ms() - 3_600_000;
    assert!(
        store
            .job_insert(id, "quality", params, None, created_ms)
            .unwrap()
    );
    drop(store);
    let sql = "UPDATE job SET state = 'paused' WHERE id = ?1";
    assert_eq!(database(engine.path()).execute(sql, [id]).unwrap(), 1);
}

#[test]
fn resumed_quality_repeats_all_but_its_own_measurements() {
    let (_place, engine) = Made::once().copy();
    let examples = |id: &str| -> u64 {
        assert!(matches!(
            engine.resume(id, &|_| {}).unwrap(),
            Ended::Done(_)
        ));
        engine.run_quality("writer").unwrap().unwrap().examples
    };
    let now_ms = repartee_store::now_ms();
    let year_2099_ms = 4_070_908_800_000;
    // the rows of another job have 40 examples
    for (n, at_ms) in [(1, now_ms), (2, year_2099_ms)] {
        let id = format!("0199aaaa-0000-7000-8000-00000000000{n}");
        paused_quality(&engine, &id);
        measured_at(&engine, "writer", at_ms);
        assert_eq!(examples(&id), 8, "measured at {at_ms}");
    }
    // so have those of this one, as its setting says
    for (n, at_ms, listed_ms, want) in [
        (3, now_ms, now_ms, 40),
        (4, now_ms, now_ms - 1, 8),
        (5, year_2099_ms, year_2099_ms, 8),
    ] {
        let id = format!("0199aaaa-0000-7000-8000-00000000000{n}");
        paused_quality(&engine, &id);
        let checkpoint = measured_at(&engine, "writer", at_ms);
        let store = Store::open(engine.path()).unwrap();
        let key = format!("quality of {id}");
        let own = BTreeMap::from([(checkpoint, listed_ms)]);
        store.set_setting(&key, &own).unwrap();
        assert_eq!(examples(&id), want, "measured at {at_ms}, job {n}");
        let left: Option<serde_json::Value> = store.setting(&key).unwrap();
        assert_eq!(left, None, "a job that is done needs no list");
    }
}

#[test]
fn unreadable_quality_blocks_neither_generation_nor_measuring_again() {
    let (_place, engine) = Made::once().copy();
    for sql in [
        "UPDATE quality SET precision = 'int9' WHERE precision = 'int8'",
        "UPDATE quality SET side = 77 WHERE precision = 'int8'",
        "UPDATE quality SET instructions = CAST(x'ff' AS TEXT)",
    ] {
        measured_as_lossless(&engine, "writer");
        assert!(database(engine.path()).execute(sql, []).unwrap() > 0);
        let generated = generated(&engine, "writer", PrecisionChoice::Auto);
        assert_eq!(generated.config.precisions, Precisions::default(), "{sql}");
        let shown = engine.run_quality("writer").unwrap().unwrap();
        assert_eq!((shown.examples, shown.precisions.len()), (0, 0), "{sql}");
        assert!(
            shown.auto.reason.contains("cannot be read")
                && shown.auto.reason.contains("`repartee quality writer`"),
            "{shown:?}"
        );
        let checked = engine.check(&|_| {}).unwrap();
        let mut faults = checked.rows.iter().filter(|row| row.table == "quality");
        let fault = faults.next().expect(sql);
        assert!(fault.advice.contains("repartee quality RUN"), "{fault:?}");
        assert_eq!(quality(&engine, &["writer"], 8)[0].examples, 8);
        assert!(engine.check(&|_| {}).unwrap().rows.is_empty(), "{sql}");
    }
}

#[test]
fn auto_uses_a_precision_only_where_it_was_measured() {
    let (_place, engine) = Made::once().copy();
    let before = generated(&engine, "writer", PrecisionChoice::Auto);
    assert_eq!(before.config.precisions, Precisions::default());
    measured_as_lossless(&engine, "writer");
    let alone = Generate {
        realism: None,
        ..unseen("writer", PrecisionChoice::Auto)
    };
    let alone = done(&engine, &alone);
    let want = Precisions {
        generator: Precision::Int8,
        ..Precisions::default()
    };
    assert_eq!(alone.config.precisions, want);
    // the realism model was trained on fakes at f32: it scores such replies, and there is nothing to warn of
    let scored = generated(&engine, "writer", PrecisionChoice::Auto);
    assert_eq!(scored.config.precisions, Precisions::default());
    assert_eq!(scored.notes, Vec::<String>::new());
    let job = engine.jobs().unwrap().into_iter().next().unwrap();
    let log = engine.job_log(&job.id).unwrap();
    for said in [
        "writer runs at f32: the realism model was trained on fakes generated at f32",
        "judge runs at f32: quality has not been",
    ] {
        let found = log.iter().any(|line| line.text.contains(said));
        assert!(found, "{said}: {log:?}");
    }
    let f32 = generated(&engine, "writer", PrecisionChoice::F32);
    assert_eq!(f32.config.precisions, Precisions::default());
}

#[test]
fn realism_model_of_other_fakes_is_noted_with_both_precisions() {
    let (place, engine) = Made::once().copy();
    let same = generated(&engine, "writer", PrecisionChoice::F32);
    let trained_on = TrainedOn {
        precision: Precision::F32,
        sampling: Some(as_the_fakes()),
        same_checkpoint: true,
    };
    assert_eq!(same.config.trained_on, Some(trained_on));
    assert_eq!(same.notes, Vec::<String>::new());

    let int8 = generated(&engine, "writer", PrecisionChoice::Int8);
    let used = int8.config.precisions;
    assert_eq!(
        (used.generator, used.realism),
        (Precision::Int8, Precision::Int8)
    );
    let [note] = int8.notes.as_slice() else {
        panic!("{:?}", int8.notes)
    };
    assert!(
        note.contains("fakes generated at f32") && note.contains("are generated at int8"),
        "{note}"
    );
    let job = engine.jobs().unwrap().into_iter().next().unwrap();
    let log = engine.job_log(&job.id).unwrap();
    assert!(log.iter().any(|line| line.text == *note), "{log:?}");

    let colder = candidates_at(&engine, 0.7, 9);
    let [note] = colder.notes.as_slice() else {
        panic!("{:?}", colder.notes)
    };
    let said = "fakes generated with temperature 1, and these replies are generated with temperature 0.7: \
                generate replies with temperature 1, or generate fakes with temperature 0.7";
    assert!(note.contains(said), "{note}");
    assert_eq!(
        engine.generation(colder.generation).unwrap().notes,
        colder.notes
    );

    train(&engine, ModelKind::Generator, "other", 1);
    let other = generated(&engine, "other", PrecisionChoice::F32);
    let [note] = other.notes.as_slice() else {
        panic!("{:?}", other.notes)
    };
    assert!(note.contains("another generator or checkpoint"), "{note}");

    let make = MakeFakes {
        name: "half".to_owned(),
        generator: "writer".to_owned(),
        comments: [4, 2, 2],
        precision: PrecisionChoice::Bf16,
        ..MakeFakes::default()
    };
    assert_eq!(done(&engine, &make).config.precision, Precision::Bf16);
    drop(engine);
    let printed = place
        .ok("generate --unseen 1 -n 2 --generator writer --realism judge --max-new-tokens 6 --precision bf16 --no-queue"
            .split(' '))
        .out;
    assert!(
        printed.contains("Precision: generator bf16, realism bf16"),
        "{printed}"
    );
    assert!(printed.contains("Note: the realism model was trained on fakes generated at f32"));
    let unknown = place.run(["evaluate", "writer", "--precision", "f16"]);
    assert_eq!(unknown.status, Some(2), "{unknown}");
}
