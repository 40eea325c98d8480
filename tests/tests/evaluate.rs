//! Every model is measured against what it has to beat, each prediction is stored, and charts of it are
//! the same in SVG, PNG and CSV.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_engine::chart::ChartKind;
use repartee_engine::evaluate::{Evaluate, EvaluationInfo};
use repartee_engine::fakes::MakeFakes;
use repartee_engine::figures::Figures;
use repartee_engine::run_config::{RunConfig, RunKind};
use repartee_engine::train::Train;
use repartee_engine::{Code, Decode, Engine, Side};
use repartee_tests::sample::{done, project};

fn train(engine: &Engine, kind: RunKind, name: &str, steps: usize) {
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

#[test]
fn three_models_are_measured_and_drawn() {
    let (place, engine) = project(400);
    train(&engine, RunKind::Generator, "writer", 80);
    let make = MakeFakes {
        generator: "writer".to_owned(),
        comments: [150, 30, 60],
        decode: Decode {
            max_new_tokens: 24,
            ..Decode::default()
        },
        ..MakeFakes::default()
    };
    done(&engine, &make);
    train(&engine, RunKind::Realism, "judge", 40);
    train(&engine, RunKind::Upvotes, "votes", 40);

    let writer = measure(&engine, "writer");
    let Figures::Generator(figures) = &writer.figures else {
        panic!("a generator's figures")
    };
    let perplexity = figures.perplexity.unwrap();
    assert!(
        perplexity < figures.unigram_perplexity.unwrap(),
        "{figures:?}"
    );
    assert!(perplexity < figures.chance_perplexity as f64);
    // the stored predictions are what the figures say
    let path = place.project();
    let db = rusqlite::Connection::open(path).unwrap();
    let (n, nll, tokens): (i64, f64, i64) = db
        .query_row(
            "SELECT count(*), sum(nll), sum(tokens) FROM prediction WHERE evaluation_id = ?1",
            [writer.id],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(
        (n as u64, tokens as u64),
        (figures.examples, figures.tokens)
    );
    assert!(((nll / tokens as f64).exp() - perplexity).abs() < 1e-9);

    for (run, classes) in [("judge", 2), ("votes", 4)] {
        let evaluation = measure(&engine, run);
        let Figures::Classifier(figures) = &evaluation.figures else {
            panic!("a classifier's figures")
        };
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
                    svg.contains("test side"),
                    "a chart says what it was measured on"
                );
            }
        }
    }
    let listed = engine.evaluations().unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(engine.evaluation_of("judge").unwrap(), listed[1]);
    assert_eq!(listed[1].fakes.as_deref(), Some("fakes"));

    // the same measurement gives the same figures
    assert_eq!(measure(&engine, "judge").figures, listed[1].figures);
    let val = done(
        &engine,
        &Evaluate {
            run: "votes".to_owned(),
            side: Side::Val,
            ..Evaluate::default()
        },
    );
    assert_eq!(val.side, Side::Val);

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
    train(&engine, RunKind::Upvotes, "fresh", 1);
    assert!(
        error(ChartKind::Roc, "fresh")
            .message
            .contains("repartee evaluate fresh")
    );
}
