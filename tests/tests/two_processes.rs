//! Several processes on one project at the same time: nothing is lost, and none waits for another's end.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use repartee_engine::terms::JobStatus;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_tests::sample::project;
use repartee_tests::{Place, Ran};

/// NDJSON of this many comments with ids from `first`; nine of ten answer the previous one.
fn comments(first: u64, count: u64) -> String {
    let mut lines = String::new();
    for i in 0..count {
        let id = base36(first + i);
        let parent = match i % 10 {
            0 => format!("t3_{}", base36(first)),
            _ => format!("t1_{}", base36(first + i - 1)),
        };
        lines.push_str(&format!(
            r#"{{"id":"{id}","link_id":"t3_{}","parent_id":"{parent}","author":"u{i}","subreddit":"load","body":"text {i} of some length, to fill a line","score":{},"created_utc":{}}}"#,
            base36(first),
            i % 50,
            1_700_000_000 + i
        ));
        lines.push('\n');
    }
    lines
}

fn base36(mut n: u64) -> String {
    let mut digits = Vec::new();
    while n > 0 {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(n % 36) as usize]);
        n /= 36;
    }
    digits.reverse();
    String::from_utf8(digits).unwrap()
}

fn stored(place: &Place) -> u64 {
    repartee_store::Store::open(&place.project())
        .unwrap()
        .counts()
        .unwrap()
        .comments
}

fn spawn(place: &Place, args: &[&str]) -> Child {
    place
        .repartee(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finish(child: Child) -> Ran {
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.status, Some(0), "{ran}");
    ran
}

#[test]
fn processes_import_train_and_list_at_once() {
    const ROWS: u64 = 60_000;
    let (place, engine) = project(60);
    let before = stored(&place);
    let a = place.write("a.ndjson", comments(1 << 40, ROWS));
    let b = place.write("b.ndjson", comments(1 << 41, ROWS));
    let config = RunConfig {
        name: "beside".into(),
        steps: 20,
        batch_size: 8,
        max_tokens: 48,
        validate_every: 5,
        validate_limit: 20,
        samples: 0,
        patience: 0,
        ..RunConfig::of(ModelKind::Generator)
    };
    let config = place.write("beside.toml", config.to_toml().unwrap());

    let import = |file: &std::path::Path| {
        spawn(
            &place,
            &[
                "import",
                file.to_str().unwrap(),
                "--format",
                "pushshift",
                "--permission",
                "none",
                "--json",
            ],
        )
    };
    let train = spawn(
        &place,
        &[
            "train",
            "generator",
            "--config",
            config.to_str().unwrap(),
            "--json",
        ],
    );
    let (mut first, mut second) = (import(&a), import(&b));
    let mut lists = 0;
    let mut slowest = Duration::ZERO;
    while first.try_wait().unwrap().is_none() || second.try_wait().unwrap().is_none() {
        let started = Instant::now();
        engine.jobs().unwrap();
        slowest = slowest.max(started.elapsed());
        lists += 1;
        if lists % 20 == 0 {
            place.ok(["job", "list", "--json"]);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    finish(first);
    finish(second);
    finish(train);
    eprintln!("listed {lists} times while they worked; the slowest took {slowest:?}");
    assert!(
        slowest < Duration::from_secs(5),
        "a reader waited {slowest:?} for writers"
    );

    let after = stored(&place);
    assert_eq!(
        after,
        before + 2 * ROWS,
        "every row of both imports is there"
    );
    let run = engine.run_show("beside").unwrap();
    assert_eq!((run.state, run.step), (Some(JobStatus::Done), 20));
    let losses = engine.run_figure("beside", "loss").unwrap();
    assert_eq!(losses.len(), 20, "no figure of the run was lost");
    assert!(losses.iter().all(|(_, loss)| loss.is_some()));
    let unfinished: Vec<_> = engine
        .jobs()
        .unwrap()
        .into_iter()
        .filter(|job| job.state != JobStatus::Done)
        .collect();
    assert!(unfinished.is_empty(), "{unfinished:?}");
    place.ok(["check"]);
}

#[test]
fn repeating_a_killed_import_adds_only_the_rest() {
    const ROWS: u64 = 150_000;
    let place = Place::with_project();
    let file = place.write("a.ndjson", comments(1 << 40, ROWS));
    let args = [
        "import",
        file.to_str().unwrap(),
        "--format",
        "pushshift",
        "--permission",
        "none",
        "--json",
    ];
    let mut child = spawn(&place, &args);
    let started = Instant::now();
    while stored(&place) == 0 {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "nothing was stored in half a minute"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let kept = stored(&place);
    assert!(kept > 0);
    place.ok(["check"]);
    place.ok(args);
    assert_eq!(stored(&place), ROWS);
    // a third time adds nothing
    place.ok(args);
    assert_eq!(stored(&place), ROWS);
    place.ok(["check"]);
}

#[test]
fn one_process_pauses_and_cancels_what_another_runs() {
    let (place, engine) = project(60);
    let config = RunConfig {
        name: "long".into(),
        steps: 100_000,
        batch_size: 8,
        max_tokens: 48,
        validate_limit: 20,
        samples: 0,
        patience: 0,
        ..RunConfig::of(ModelKind::Generator)
    };
    let config = place.write("long.toml", config.to_toml().unwrap());
    let train = spawn(
        &place,
        &[
            "train",
            "generator",
            "--config",
            config.to_str().unwrap(),
            "--json",
        ],
    );
    let started = Instant::now();
    let job = loop {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the run did not start"
        );
        let running = engine
            .jobs()
            .unwrap()
            .into_iter()
            .find(|job| job.kind == "train");
        let steps = engine
            .run_figure("long", "loss")
            .map_or(0, |losses| losses.len());
        match running {
            Some(job) if steps > 0 => break job.id,
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    place.ok(["job", "pause", &job]);
    let paused = Ran::from(train.wait_with_output().unwrap());
    assert_eq!(paused.status, Some(130), "{paused}");
    assert_eq!(engine.job(&job).unwrap().state, JobStatus::Paused);
    place.ok(["job", "cancel", &job]);
    assert_eq!(engine.job(&job).unwrap().state, JobStatus::Cancelled);
    place.ok(["check"]);
}

#[test]
fn opening_a_project_twice_in_one_process_keeps_its_log_from_other_processes() {
    let place = Place::with_project();
    let engine = place.engine();
    // the header is read directly, and closing it must not release SQLite's locks
    drop(place.engine());
    place.ok(["queue", "list"]);
    assert!(
        place.path("test.repartee-wal").exists(),
        "another process took the log of an open project for left behind"
    );
    let words = "written after the other process";
    let mut rules = engine.posting().posting_rules().unwrap();
    rules.footer_text = format!("{} {words}", rules.footer_text);
    engine
        .posting()
        .posting_rules_set(&rules, "", "a test")
        .unwrap();
    assert!(place.ok(["reddit", "rules", "--json"]).out.contains(words));
}
