//! The three models are trained, the generator writes fakes and replies, and invalid requests are reported.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::OnceLock;

use repartee_datasets::Partition;
use repartee_engine::generation::fakes::{FakesInfo, MakeFakes};
use repartee_engine::generation::generate::{Generate, Incoming};
use repartee_engine::generation::pick::Criteria;
use repartee_engine::terms::JobStatus;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::training::{Train, Trained};
use repartee_engine::{Code, Ended, Engine};
use repartee_models::generate::SamplingParams;
use repartee_models::schedule::Decay;
use repartee_tests::sample::{done, project};
use repartee_tests::{Place, Saved};

fn config(kind: ModelKind, name: &str, steps: usize) -> RunConfig {
    RunConfig {
        name: name.to_owned(),
        steps,
        batch_size: 16,
        learning_rate: 2e-3,
        max_tokens: 64,
        dropout: 0.0,
        validate_limit: 100,
        patience: 0,
        seed: 3,
        ..RunConfig::of(kind)
    }
}

fn train(engine: &Engine, config: &RunConfig) -> Trained {
    done(engine, &Train::new(config).unwrap())
}

/// Mean loss of the first and last tenth of a run.
fn fall(engine: &Engine, run: &str) -> (f64, f64) {
    let info = engine.run_show(run).unwrap();
    let losses: Vec<f64> = engine
        .run_figure(run, "loss")
        .unwrap()
        .into_iter()
        .filter_map(|(_, loss)| loss)
        .collect();
    assert_eq!(losses.len() as u64, info.step);
    let tenth = (losses.len() / 10).max(1);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    (
        mean(&losses[..tenth]),
        mean(&losses[losses.len() - tenth..]),
    )
}

fn sampling() -> SamplingParams {
    SamplingParams {
        max_new_tokens: 24,
        top_k: 20,
        seed: 5,
        ..SamplingParams::default()
    }
}

/// A project with a generator, its fakes, and both classifiers. It is made once, and each test works on a copy.
struct Made {
    saved: Saved,
    writer: Trained,
    fakes: FakesInfo,
    realism: Trained,
}

impl Made {
    fn once() -> &'static Self {
        static MADE: OnceLock<Made> = OnceLock::new();
        MADE.get_or_init(|| {
            let (place, engine) = project(400);
            let writer = train(&engine, &config(ModelKind::Generator, "writer", 60));
            let make = MakeFakes {
                generator: "writer".to_owned(),
                comments: [60, 20, 20],
                replies: 2,
                sampling: sampling(),
                ..MakeFakes::default()
            };
            let fakes = done(&engine, &make);
            let realism = train(&engine, &config(ModelKind::Realism, "judge", 30));
            train(&engine, &config(ModelKind::Upvotes, "votes", 30));
            drop(engine);
            Self {
                saved: place.save(),
                writer,
                fakes,
                realism,
            }
        })
    }

    fn copy(&self) -> (Place, Engine) {
        let place = self.saved.copy();
        let engine = place.engine();
        (place, engine)
    }
}

#[test]
fn estimate_names_parameters_memory_and_steps() {
    let (_place, engine) = project(60);
    let estimate = engine
        .train_estimate(&config(ModelKind::Generator, "writer", 60))
        .unwrap();
    assert!(estimate.parameters > 100_000 && estimate.estimated_bytes > 0 && estimate.steps == 60);
}

#[test]
fn generator_learns_and_writes_samples_while_it_trains() {
    let made = Made::once();
    let (_place, engine) = made.copy();
    assert_eq!(made.writer.steps, 60);
    let (first, last) = fall(&engine, "writer");
    assert!(last < first - 1.0, "generator: {first} to {last}");
    let info = engine.run_show("writer").unwrap();
    assert!(
        !info.samples.is_empty(),
        "samples are generated while it trains"
    );
    assert_eq!(info.state, Some(JobStatus::Done));
    assert!(info.best_loss.unwrap() < first);
}

#[test]
fn fakes_have_the_requested_counts_and_decoding_settings() {
    let made = Made::once();
    let (_place, engine) = made.copy();
    assert_eq!(made.fakes.fakes, [120, 40, 40]);
    assert_eq!(
        made.fakes.config.sampling,
        sampling(),
        "the decoding settings are stored"
    );
    let shown = engine.fakes_show("fakes", 9).unwrap();
    assert_eq!(
        shown
            .iter()
            .filter(|s| s.partition == Partition::Test)
            .count(),
        3
    );
    assert!(shown.iter().all(|s| !s.real.is_empty()));
}

#[test]
fn realism_is_trained_on_as_many_fakes_as_real_replies() {
    let made = Made::once();
    let (_place, engine) = made.copy();
    assert_eq!(made.realism.kind, ModelKind::Realism);
    let facts = engine.run_show("judge").unwrap().facts.unwrap();
    assert!(
        (facts.classes[0] as i64 - facts.classes[1] as i64).abs() <= 1,
        "balanced: {:?}",
        facts.classes
    );
}

#[test]
fn generated_replies_are_scored_selected_queued_and_reproducible() {
    let (_place, engine) = Made::once().copy();
    let generate = Generate {
        comments: vec![Incoming {
            comment: "Which pot should I buy?".to_owned(),
            ..Incoming::default()
        }],
        unseen: 2,
        generator: "writer".to_owned(),
        realism: Some("judge".to_owned()),
        upvotes: Some("votes".to_owned()),
        candidates: 4,
        sampling: sampling(),
        criteria: Criteria {
            min_p_real: Some(0.0),
            keep_flagged: true,
            ..Criteria::default()
        },
        ..Generate::default()
    };
    let generated = done(&engine, &generate);
    assert_eq!(generated.comments.len(), 3);
    for answered in &generated.comments {
        assert_eq!(answered.candidates.len(), 4);
        for c in &answered.candidates {
            assert!(c.p_real.is_some_and(|p| (0.0..=1.0).contains(&p)));
            assert!(
                c.bins
                    .is_some_and(|b| (b.iter().sum::<f64>() - 1.0).abs() < 1e-4)
            );
            assert!(!c.text.contains("[SEP]") && !c.reason.is_empty());
        }
        assert!(
            answered.candidates.iter().filter(|c| c.picked).count() <= 1,
            "one a thread"
        );
    }
    assert_eq!(engine.queue(None).unwrap().len(), generated.queued.len());
    assert!(!generated.queued.is_empty());

    // the same seed generates the same
    let again = done(
        &engine,
        &Generate {
            queue: false,
            ..generate
        },
    );
    let texts = |g: &repartee_engine::generation::generate::Generated| -> Vec<String> {
        g.comments
            .iter()
            .flat_map(|a| a.candidates.iter().map(|c| c.text.clone()))
            .collect()
    };
    assert_eq!(texts(&generated), texts(&again));
    assert!(again.queued.is_empty());
}

#[test]
fn impossible_generations_are_refused_with_the_reason() {
    let (_place, engine) = Made::once().copy();
    let error = |job: &Generate| engine.start(job, &|_| {}).unwrap_err();
    let long = Incoming {
        comment: "a long comment ".repeat(200),
        ..Incoming::default()
    };
    let full = Generate {
        comments: vec![long],
        generator: "writer".to_owned(),
        ..Generate::default()
    };
    let refused = error(&full);
    assert!(refused.message.contains("96 positions"), "{refused}");
    let none = error(&Generate {
        generator: "writer".to_owned(),
        ..Generate::default()
    });
    assert_eq!(none.code, Code::Usage);
    let wrong = Generate {
        unseen: 1,
        generator: "judge".to_owned(),
        ..Generate::default()
    };
    assert!(
        error(&wrong).message.contains("realism"),
        "{}",
        error(&wrong)
    );
}

#[test]
fn taken_run_name_and_missing_base_are_refused() {
    let (_place, engine) = Made::once().copy();
    let twice = engine.start(
        &Train::new(&config(ModelKind::Generator, "writer", 5)).unwrap(),
        &|_| {},
    );
    assert_eq!(twice.unwrap_err().code, Code::Exists);
    let missing = RunConfig {
        base: "nothing".to_owned(),
        ..config(ModelKind::Generator, "x", 5)
    };
    let refused = engine
        .start(&Train::new(&missing).unwrap(), &|_| {})
        .unwrap_err();
    assert!(
        refused.message.contains("nothing") && refused.code == Code::NotFound,
        "{refused}"
    );
}

#[test]
fn diverging_learning_rate_is_a_clear_error_and_the_run_is_kept() {
    let (_place, engine) = project(60);
    let wild = RunConfig {
        // the largest allowed; decay makes the weights nine times as large at each step
        learning_rate: 10.0,
        weight_decay: 1.0,
        clip_norm: 0.0,
        warmup: 0.0,
        decay: Decay::Constant,
        ..config(ModelKind::Generator, "wild", 60)
    };
    let error = engine
        .start(&Train::new(&wild).unwrap(), &|_| {})
        .unwrap_err();
    assert_eq!(error.code, Code::Model);
    assert!(error.message.contains("lower the learning rate"), "{error}");
    assert_eq!(
        engine.run_show("wild").unwrap().state,
        Some(JobStatus::Failed)
    );
}

#[test]
fn pausing_and_resuming_changes_nothing() {
    let (_place, engine) = project(60);
    let settings = |name: &str| RunConfig {
        dropout: 0.1,
        save_every: 4,
        ..config(ModelKind::Generator, name, 12)
    };
    train(&engine, &settings("whole"));

    let job = Train::new(&settings("cut")).unwrap();
    let id = "11111111-2222-7333-8444-555555555555";
    let pressed = engine.interrupt.clone();
    let ended = engine.start_as(id, &job, &|signal| {
        if let repartee_engine::Signal::Progress(progress) = signal
            && progress.phase.starts_with("training")
            && progress.done >= 5
        {
            pressed.press();
        }
    });
    // the signal may come after the last step on a fast machine; there is nothing to resume then
    if ended.unwrap() == Ended::Paused {
        let place = engine.path().to_owned();
        drop(engine);
        let engine = Engine::open(place).unwrap();
        assert!(matches!(
            engine.resume(id, &|_| {}).unwrap(),
            Ended::Done(_)
        ));
        same(&engine);
    } else {
        same(&engine);
    }

    fn same(engine: &Engine) {
        let losses = |run: &str| engine.run_figure(run, "loss").unwrap();
        assert_eq!(losses("cut"), losses("whole"));
        let weights = |run: &str| engine.checkpoint_hashes(run, Some("last")).unwrap();
        assert_eq!(weights("cut"), weights("whole"));
    }
}

#[test]
fn sequence_length_above_the_context_is_stored_as_it_is_used() {
    let (_place, engine) = project(60);
    let long = RunConfig {
        max_tokens: 4_000,
        ..config(ModelKind::Generator, "long", 2)
    };
    train(&engine, &long);
    let stored = engine.run_show("long").unwrap().config.unwrap();
    assert_eq!(stored.max_tokens, 96);
}
