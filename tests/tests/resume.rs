//! A run whose process is killed without warning resumes to the same losses and the same bits as one that was never
//! interrupted. On a GPU, which `REPARTEE_DEVICE` asks for, only the figures are compared, within a tolerance: its
//! kernels may add in another order.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use repartee_engine::items::{ItemKind, RenameItem};
use repartee_engine::terms::JobStatus;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Code, Engine};
use repartee_tests::sample::project;
use repartee_tests::{Place, asked_device};

fn settings(kind: ModelKind, name: &str) -> RunConfig {
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
        device: asked_device().unwrap_or_else(|| "auto".to_owned()),
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

/// Completes a run, and kills another with the same settings at about its first save.
fn whole_and_killed(place: &Place, engine: &Engine, kind: ModelKind) -> (String, String) {
    saving_every(5, place, engine, kind)
}

/// As [`whole_and_killed`], with this many steps between saves (0: by time).
fn saving_every(
    save_every: usize,
    place: &Place,
    engine: &Engine,
    kind: ModelKind,
) -> (String, String) {
    let word = kind.as_str();
    let (whole, cut) = (format!("{word}-whole"), format!("{word}-cut"));
    let config = |name: &str| {
        place
            .write(
                &format!("{name}.toml"),
                RunConfig {
                    save_every,
                    ..settings(kind, name)
                }
                .to_toml()
                .unwrap(),
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
    (whole, cut)
}

/// Relative difference that a figure of a GPU may have after 40 steps, of which those before the kill are the same.
const GPU_TOLERANCE: f64 = 1e-3;

/// The same steps, each within [`GPU_TOLERANCE`]. Prints the largest difference.
fn near(name: &str, cut: &[(u64, Option<f64>)], whole: &[(u64, Option<f64>)]) {
    let steps = |figure: &[(u64, Option<f64>)]| figure.iter().map(|x| x.0).collect::<Vec<_>>();
    assert_eq!(steps(cut), steps(whole), "{name}");
    let gap = |(a, b): (&(u64, Option<f64>), &(u64, Option<f64>))| match (a.1, b.1) {
        (Some(a), Some(b)) => (a - b).abs() / b.abs().max(f64::MIN_POSITIVE),
        (None, None) => 0.0,
        _ => f64::INFINITY,
    };
    let largest = cut.iter().zip(whole).map(gap).fold(0.0, f64::max);
    println!("{name}: the largest relative difference after a kill is {largest:e}");
    assert!(largest <= GPU_TOLERANCE, "{name}: off by {largest:e}");
}

fn resumed_equals_whole(place: &Place, engine: &Engine, whole: &str, cut: &str) {
    let run = engine.run_show(cut).unwrap();
    assert!(run.step < 40, "killed too late to show anything");
    let job = run.job.unwrap();
    place.ok(["job", "resume", &job]);
    assert_eq!(engine.run_show(cut).unwrap().state, Some(JobStatus::Done));
    let device = run.facts.unwrap().device;
    for name in ["loss", "val_loss", "lr", "grad_norm"] {
        let of = |run: &str| engine.run_figure(run, name).unwrap();
        let (cut, whole) = (of(cut), of(whole));
        match device.as_str() {
            "cpu" => assert_eq!(cut, whole, "{name}"),
            _ => near(name, &cut, &whole),
        }
    }
    assert_eq!(engine.run_figure(cut, "loss").unwrap().len(), 40);
    for checkpoint in ["best", "last"] {
        let hashes = |run: &str| engine.checkpoint_hashes(run, Some(checkpoint)).unwrap();
        let (cut, whole) = (hashes(cut), hashes(whole));
        match device.as_str() {
            "cpu" => assert_eq!(cut, whole, "{checkpoint}"),
            _ => assert_eq!(cut.len(), whole.len(), "{checkpoint}"),
        }
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
    for kind in [ModelKind::Generator, ModelKind::Upvotes] {
        let (whole, cut) = whole_and_killed(&place, &engine, kind);
        resumed_equals_whole(&place, &engine, &whole, &cut);
    }
}

/// Starts a training, and sends it a signal after its first save. Returns its exit status.
#[cfg(unix)]
fn signaled(place: &Place, engine: &Engine, args: &[&str], run: &str, signal: &str) -> Option<i32> {
    let mut child = place
        .repartee(args)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    saved(engine, run);
    let sent = std::process::Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    child.wait().unwrap().code()
}

#[cfg(unix)]
#[test]
fn signals_of_a_scheduler_save_a_checkpoint_and_the_same_command_resumes_it() {
    let (place, engine) = project(150);
    let train = |name: &str| {
        let config = settings(ModelKind::Generator, name).to_toml().unwrap();
        let file = place.write(&format!("{name}.toml"), config);
        let file = file.to_str().unwrap().to_owned();
        [
            "train".to_owned(),
            "generator".to_owned(),
            "--config".to_owned(),
            file,
        ]
    };
    place.ok(train("whole"));
    for (name, signal) in [("usr1", "-USR1"), ("term", "-TERM")] {
        let args = train(name);
        let args = args.each_ref().map(String::as_str);
        let status = signaled(&place, &engine, &args, name, signal);
        assert_eq!(status, Some(75), "{signal}");
        let run = engine.run_show(name).unwrap();
        assert_eq!(run.state, Some(JobStatus::Paused), "{signal}");
        assert!(run.step < 40, "stopped too late to show anything");
        // it is not started with other settings under the same name
        let other = place.run([&args[..], &["--seed", "12"][..]].concat());
        assert_eq!(other.status, Some(2), "{other}");
        assert!(other.err.contains("there is already a run"), "{other}");
        assert_eq!(engine.run_show(name).unwrap().job, run.job);
        let again = place.ok(args);
        assert!(again.err.contains("Resuming job"), "{again}");
        let done = engine.run_show(name).unwrap();
        assert_eq!((done.job, done.state), (run.job, Some(JobStatus::Done)));
        if done.facts.unwrap().device == "cpu" {
            for figure in ["loss", "val_loss", "lr", "grad_norm"] {
                let of = |run: &str| engine.run_figure(run, figure).unwrap();
                assert_eq!(of(name), of("whole"), "{figure}");
            }
            for checkpoint in ["best", "last"] {
                let of = |run: &str| engine.checkpoint_hashes(run, Some(checkpoint)).unwrap();
                assert_eq!(of(name), of("whole"), "{checkpoint}");
            }
        }
        // what is done is not resumed
        let once_more = place.run(args);
        assert!(
            once_more.err.contains("there is already a run"),
            "{once_more}"
        );
    }
}

/// The command waits for its settings when the signal comes: nothing is open, and no job has begun.
#[cfg(unix)]
#[test]
fn signal_before_the_job_begins_pauses_it_at_its_start() {
    use std::io::Write;

    let (place, engine) = project(150);
    let pipe = place.path("settings.toml");
    let mkfifo = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(mkfifo.unwrap().success());
    for signal in ["-USR1", "-TERM"] {
        let name = format!("early{signal}");
        let child = place
            .repartee(["train", "generator", "--config", "settings.toml"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // opened once the command has it open, too
        let mut settings_of = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        let sent = std::process::Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let config = settings(ModelKind::Generator, &name).to_toml().unwrap();
        let written = settings_of.write_all(config.as_bytes());
        drop(settings_of);
        let ran = repartee_tests::Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.status, Some(75), "{signal}: {ran}");
        written.unwrap();
        assert!(ran.out.contains("Paused. Resume with"), "{signal}: {ran}");
        // it did no work
        assert!(engine.run_show(&name).is_err(), "{signal}");
    }
}

/// The log of a run's job.
fn log(engine: &Engine, run: &str) -> String {
    let job = engine.run_show(run).unwrap().job.unwrap();
    let lines = engine.job_log(&job).unwrap().into_iter();
    lines.map(|line| line.text + "\n").collect()
}

#[test]
fn default_settings_resume_at_the_first_best() {
    let (place, engine) = project(150);
    let (whole, cut) = saving_every(0, &place, &engine, ModelKind::Generator);
    resumed_equals_whole(&place, &engine, &whole, &cut);
    let log = log(&engine, &cut);
    assert!(log.contains("resuming after step "), "{log}");
}

#[test]
fn run_without_a_state_to_resume_from_starts_over_and_keeps_its_best() {
    let (place, engine) = project(150);
    let (whole, cut) = saving_every(0, &place, &engine, ModelKind::Generator);
    let best = engine.checkpoint_hashes(&cut, Some("best")).unwrap();
    // as an earlier version left it, and with a best that the rest of the run does not reach
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch(
        "DELETE FROM checkpoint WHERE role = 'last' AND run_id = (SELECT max(id) FROM run);
         UPDATE checkpoint SET state = json_set(state, '$.best', 0.5) WHERE run_id = (SELECT max(id) FROM run);",
    )
    .unwrap();
    let job = engine.run_show(&cut).unwrap().job.unwrap();
    place.ok(["job", "resume", &job]);
    let log = log(&engine, &cut);
    assert!(log.contains("the training starts over"), "{log}");
    for figure in ["loss", "val_loss"] {
        assert_eq!(
            engine.run_figure(&cut, figure).unwrap(),
            engine.run_figure(&whole, figure).unwrap(),
            "{figure}"
        );
    }
    let hashes = |run: &str, role| engine.checkpoint_hashes(run, Some(role)).unwrap();
    assert_eq!(hashes(&cut, "last"), hashes(&whole, "last"));
    assert_eq!(
        hashes(&cut, "best"),
        best,
        "a worse one does not replace it"
    );
    assert_eq!(engine.run_show(&cut).unwrap().best_loss, Some(0.5));
}

/// The settings of [`settings`] as earlier versions stored them: TOML, with those of all kinds.
const OLD_CONFIG: &str = r#"# A KIND run of Repartee.

# generator, realism or upvotes.
kind = "KIND"

# Run name; empty: the kind and a number.
name = "NAME"

# Base model; empty: the only one of the right kind.
base = ""

# The split to train on.
split = "main"

# Realism: the set of fakes; empty: the only one of the split.
fakes = ""

# Number of epochs. Ignored if steps is set.
epochs = 3.0

# Max optimizer steps; 0: use epochs.
steps = 40

# Batch size. The largest that fits in memory is fastest.
batch_size = 16

# Gradient accumulation: the effective batch size is batch_size times this.
accumulate = 2

# Max number of training examples, sampled by the seed; 0: all.
limit = 0

# Max length of an example, in tokens. At least half of it is kept for the reply.
max_tokens = 64

# Generator: "reply" computes the loss on the reply only, "all" on the comment too.
loss = "reply"

# Peak learning rate. 5e-5 suits fine-tuning; use 1e-3 for a small model from scratch.
learning_rate = 0.001

# Warmup ratio: the share of all steps in which the learning rate rises from 0 to its peak.
warmup = 0.1

# Learning-rate schedule after warmup: "linear", "cosine" or "constant".
decay = "linear"

# AdamW's weight decay, on matrices only.
weight_decay = 0.01

# Max gradient norm; 0: no clipping.
clip_norm = 1.0

# Dropout probability; below 0: use the base's config.
dropout = 0.1

# Classifiers: "none", or "balanced" so that rare classes count as much as frequent ones.
class_weights = "none"

# Realism: the share of real replies among the examples, between 0 and 1.
real_share = 0.5

# Validate every N steps; 0: ten times per run.
validate_every = 10

# Max number of validation examples; 0: all.
validate_limit = 40

# Save a checkpoint every N steps; 0: every 3 minutes. A killed run resumes from its last checkpoint.
save_every = 5

# Early-stopping patience, in validations without improvement; 0: off.
patience = 0

# Generator: sample replies to generate at each validation, to comments of the validation set.
samples = 1

# Random seed. The same seed on the same machine gives the same bits.
seed = 11

# auto, cpu, cuda or metal.
device = "auto"
"#;

#[test]
fn a_run_of_version_10_resumes_bit_identical() {
    let (place, engine) = project(150);
    let kind = ModelKind::Generator;
    let (whole, cut) = whole_and_killed(&place, &engine, kind);
    let job = engine.run_show(&cut).unwrap().job.unwrap();
    drop(engine);
    // only these two values, and what is dropped below, differ from a file of version 10
    let old = |run: &str| {
        OLD_CONFIG
            .replace("KIND", kind.as_str())
            .replace("NAME", run)
    };
    let params = serde_json::json!({ "config": old(&cut) }).to_string();
    let db = rusqlite::Connection::open(place.project()).unwrap();
    for run in [&whole, &cut] {
        let sql = "UPDATE run SET config = ?2 WHERE name = ?1";
        assert_eq!(db.execute(sql, (run, old(run))).unwrap(), 1);
    }
    let sql = "UPDATE job SET params = ?2 WHERE id = ?1";
    assert_eq!(db.execute(sql, (&job, params)).unwrap(), 1);
    db.execute_batch(
        "DROP TABLE trial;
         DROP TABLE sweep;
         DROP TABLE quality;
         ALTER TABLE candidate DROP COLUMN flags;
         ALTER TABLE pair DROP COLUMN fits;
         DROP TABLE purged_text;
         ALTER TABLE purged DROP COLUMN seen_utc;
         ALTER TABLE purged DROP COLUMN of_reddit;",
    )
    .unwrap();
    db.pragma_update(None, "user_version", 10).unwrap();
    drop(db);

    let engine = Engine::open(place.project()).unwrap();
    let config = engine.run_show(&cut).unwrap().config.unwrap();
    assert_eq!(config, settings(kind, &cut));
    assert_eq!(
        repartee_engine::kinds::subject(&engine.job(&job).unwrap()),
        format!("generator {cut}")
    );
    let differences = engine.run_differences(&[whole.clone(), cut.clone()]);
    assert!(differences.unwrap().is_empty());
    let renamed = RenameItem {
        kind: ItemKind::Run,
        item: cut.clone(),
        name: "another name".to_owned(),
    };
    engine.item_rename(&renamed).unwrap();
    resumed_equals_whole(&place, &engine, &whole, "another name");
    assert!(engine.check(&|_| {}).unwrap().rows.is_empty());
}
