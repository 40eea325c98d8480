//! A run whose process is killed without warning resumes to the same losses and the same bits as one that was never
//! interrupted.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use repartee_engine::run_config::{RunConfig, RunKind};
use repartee_engine::{Code, Engine};
use repartee_tests::Place;
use repartee_tests::sample::project;

fn settings(kind: RunKind, name: &str) -> RunConfig {
    RunConfig {
        name: name.to_owned(),
        steps: 40,
        batch_size: 16,
        accumulate: 2,
        learning_rate: 1e-3,
        max_tokens: 64,
        dropout: 0.1,
        validate_every: 10,
        validate_limit: 40,
        save_every: 5,
        samples: 1,
        patience: 0,
        seed: 11,
        ..RunConfig::of(kind)
    }
}

/// Waits until the run has saved something to resume from.
fn saved(engine: &Engine, run: &str) {
    let started = Instant::now();
    while engine.checkpoint_hashes(run, Some("last")).is_err() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{run} saved nothing in a minute"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn killed_and_resumed_equals_whole(place: &Place, engine: &Engine, kind: RunKind) {
    let word = kind.as_str();
    let (whole, cut) = (format!("{word}-whole"), format!("{word}-cut"));
    let config = |name: &str| {
        place
            .write(
                &format!("{name}.toml"),
                settings(kind, name).to_toml().unwrap(),
            )
            .display()
            .to_string()
    };
    place.ok(["train", word, "--config", &config(&whole)]);

    let config = config(&cut);
    let mut child = place
        .repartee(["train", word, "--config", &config, "--quiet"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    saved(engine, &cut);
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();

    let run = engine.run_show(&cut).unwrap();
    assert!(run.step < 40, "killed too late to show anything");
    let job = run.job.unwrap();
    place.ok(["job", "resume", &job]);
    assert_eq!(engine.run_show(&cut).unwrap().state, "done");
    for figure in ["loss", "val_loss", "lr", "grad_norm"] {
        assert_eq!(
            engine.run_figure(&cut, figure).unwrap(),
            engine.run_figure(&whole, figure).unwrap(),
            "{figure}"
        );
    }
    assert_eq!(engine.run_figure(&cut, "loss").unwrap().len(), 40);
    for checkpoint in ["best", "last"] {
        let hashes = |run: &str| engine.checkpoint_hashes(run, Some(checkpoint)).unwrap();
        assert_eq!(hashes(&cut), hashes(&whole), "{checkpoint}");
    }
    assert_eq!(
        engine.resume(&job, &|_| {}).unwrap_err().code,
        Code::Usage,
        "what is done is not resumed"
    );
}

#[test]
fn resume_after_sigkill_is_bit_identical() {
    let (place, engine) = project(150);
    killed_and_resumed_equals_whole(&place, &engine, RunKind::Generator);
    killed_and_resumed_equals_whole(&place, &engine, RunKind::Upvotes);
}
