//! Sweeps: the trials of a sweep are ordinary runs, the median rule and the table are the same each time, and a sweep
//! that is stopped resumes to the same table.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use repartee_engine::sweep::{Sweep, SweepInfo, SweptValues};
use repartee_engine::terms::{JobStatus, TrialOutcome};
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Code, Engine};
use repartee_tests::Place;
use repartee_tests::sample::{done, project};
use serde_json::json;

/// A sweep of a learning rate that learns and one that does not, with two seeds; the second bad one is pruned.
fn sweep() -> Sweep {
    Sweep {
        config: RunConfig {
            name: "lr".to_owned(),
            base: "small-gpt2".to_owned(),
            steps: 30,
            batch_size: 16,
            max_tokens: 48,
            warmup: 0.0,
            dropout: 0.1,
            validate_every: 10,
            validate_limit: 40,
            save_every: 5,
            samples: 0,
            ..RunConfig::of(ModelKind::Generator)
        },
        grid: vec![SweptValues::parse("lr=2e-3,1e-9").unwrap()],
        random: Vec::new(),
        trials: 0,
        seeds: vec![1, 2],
        prune: true,
        prune_after: 2,
    }
}

/// The arguments that start [`sweep`].
fn args() -> Vec<&'static str> {
    let line = "train sweep generator --name lr --base small-gpt2 --steps 30 --batch 16 --max-tokens 48 --warmup 0 \
                --dropout 0.1 --validate-every 10 --validate-limit 40 --save-every 5 --samples 0 \
                --grid learning_rate=2e-3,1e-9 --seeds 1,2 --prune --prune-after 2";
    line.split_whitespace().collect()
}

fn outcomes(info: &SweepInfo) -> Vec<Option<TrialOutcome>> {
    info.trials.iter().map(|trial| trial.outcome).collect()
}

/// A project, and the same project again.
fn twice() -> ((Place, Engine), (Place, Engine)) {
    let (place, engine) = project(80);
    drop(engine);
    let copy = place.save().copy();
    let (engine, other) = (place.engine(), copy.engine());
    ((place, engine), (copy, other))
}

#[test]
fn sweep_prunes_by_the_median_and_marks_the_best_configuration() {
    let (place, engine) = project(80);
    let info = done(&engine, &sweep());
    assert_eq!(info, engine.sweep_show("lr").unwrap());
    assert_eq!(engine.sweeps().unwrap(), std::slice::from_ref(&info));
    use TrialOutcome::{Finished, Pruned};
    // all configurations with the first seed, then with the second
    let settings: Vec<&str> = info
        .trials
        .iter()
        .map(|t| t.settings[0].1.as_str())
        .collect();
    assert_eq!(settings, ["2e-3", "1e-9", "2e-3", "1e-9"]);
    let seeds: Vec<u64> = info.trials.iter().map(|trial| trial.seed).collect();
    assert_eq!(seeds, [1, 1, 2, 2]);
    assert_eq!(
        outcomes(&info),
        [Some(Finished), Some(Finished), Some(Finished), Some(Pruned)]
    );
    assert_eq!(info.metric.as_deref(), Some("perplexity"));
    let values: Vec<bool> = info.trials.iter().map(|t| t.value.is_some()).collect();
    assert_eq!(values, [true, true, true, false]);
    let [good, bad] = &info.configurations[..] else {
        panic!("{:?}", info.configurations)
    };
    assert_eq!((good.complete, good.best), (2, true));
    assert_eq!((bad.complete, bad.best), (1, false));
    let losses: Vec<f64> = info.trials.iter().filter_map(|trial| trial.loss).collect();
    let spread = good.loss.unwrap();
    assert!((spread.mean - (losses[0] + losses[2]) / 2.0).abs() < 1e-12);
    let sd = (losses[0] - losses[2]).abs() / 2.0_f64.sqrt();
    assert!((spread.sd.unwrap() - sd).abs() < 1e-12, "{spread:?}");
    assert_eq!(bad.loss.unwrap().sd, None);
    // the pruned one ended at its first validation, and shows as a run that was ended early
    let pruned = engine.run_show("lr-4").unwrap();
    assert_eq!((pruned.step, pruned.state), (10, Some(JobStatus::Stopped)));

    // each trial is an ordinary run: trained alone, it has the same bits
    let alone = RunConfig {
        name: "alone".to_owned(),
        learning_rate: 2e-3,
        seed: 2,
        ..sweep().config
    };
    done(&engine, &Train::new(&alone).unwrap());
    let hashes = |run: &str| engine.checkpoint_hashes(run, Some("last")).unwrap();
    assert_eq!(hashes("lr-3"), hashes("alone"));
    // its name is taken from now on
    let error = engine.start(&sweep(), &|_| {}).unwrap_err();
    assert_eq!(error.code, Code::Exists);

    let shown = place.ok(["train", "sweep", "show", "lr"]).out;
    assert!(shown.contains("4 of 4 trials ended"), "{shown}");
    assert!(
        shown.contains("pruned") && shown.contains("best"),
        "{shown}"
    );
    let listed = place.ok(["train", "sweep", "list", "--json"]).result();
    assert_eq!(listed[0]["name"], json!("lr"));
    assert_eq!(listed[0]["trials"][3]["outcome"], json!("pruned"));
    place.ok(["check"]);
}

/// Waits until a run has saved something.
fn saved(engine: &Engine, run: &str) {
    let started = Instant::now();
    while engine.checkpoint_hashes(run, Some("last")).is_err() {
        assert!(started.elapsed() < Duration::from_secs(60), "{run}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(unix)]
#[test]
fn stopped_sweep_resumes_to_the_same_table() {
    let ((other, whole), (place, cut)) = twice();
    other.ok(args());
    let want = whole.sweep_show("lr").unwrap();
    assert_eq!(want.state, Some(JobStatus::Done));
    let mut child = place
        .repartee(args())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    saved(&cut, "lr-2");
    let sent = std::process::Command::new("kill")
        .args(["-USR1", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let paused = cut.sweep_show("lr").unwrap();
    assert_eq!(paused.state, Some(JobStatus::Paused));
    assert!(outcomes(&paused).contains(&None), "stopped too late");
    // killed without warning, too
    let mut child = place
        .repartee(args())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    saved(&cut, "lr-3");
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let started = Instant::now();
    while cut.sweep_show("lr").unwrap().state == Some(JobStatus::Running) {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    if cut.sweep_show("lr").unwrap().state != Some(JobStatus::Done) {
        place.ok(args());
    }
    let got = cut.sweep_show("lr").unwrap();
    assert_eq!(got.trials, want.trials);
    assert_eq!(got.configurations, want.configurations);
    let hashes = |engine: &Engine, run: &str| engine.checkpoint_hashes(run, Some("last")).unwrap();
    for n in 1..=4 {
        let run = format!("lr-{n}");
        assert_eq!(hashes(&cut, &run), hashes(&whole, &run), "{run}");
    }
    place.ok(["check"]);
}
