//! Jobs with a wrong clock, jobs in a queue, and trainings that are stopped or discarded; with real processes where it
//! matters.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use repartee_engine::data::pairs::BuildPairs;
use repartee_engine::generation::fakes::MakeFakes;
use repartee_engine::job::JobInfo;
use repartee_engine::job_queue::{HowToRun, MoveTo};
use repartee_engine::terms::{JobStatus, Role};
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Code, Ended, Engine, Job};
use repartee_store::Store;
use repartee_tests::sample::{done, project};
use repartee_tests::{Place, Ran};
use serde_json::json;

const HOURS_2: i64 = 7_200_000;

fn settings(name: &str, steps: u64) -> RunConfig {
    RunConfig {
        name: name.to_owned(),
        steps: steps as usize,
        batch_size: 8,
        max_tokens: 48,
        learning_rate: 1e-3,
        dropout: 0.1,
        validate_every: 10,
        validate_limit: 20,
        save_every: 5,
        samples: 0,
        patience: 0,
        ..RunConfig::of(ModelKind::Generator)
    }
}

fn training(name: &str, steps: u64) -> Train {
    Train::new(&settings(name, steps)).unwrap()
}

fn few_fakes(name: &str, generator: &str) -> MakeFakes {
    MakeFakes {
        name: name.to_owned(),
        generator: generator.to_owned(),
        comments: [4, 2, 2],
        ..MakeFakes::default()
    }
}

fn queue<J: Job>(engine: &Engine, job: &J) -> String {
    engine.enqueue_job(job, false).unwrap().job.id
}

fn waiting(engine: &Engine) -> Vec<String> {
    engine
        .job_queue()
        .unwrap()
        .jobs
        .into_iter()
        .map(|job| job.id)
        .collect()
}

fn states(engine: &Engine, ids: &[&String]) -> Vec<JobStatus> {
    ids.iter().map(|id| engine.job(id).unwrap().state).collect()
}

fn now_ms() -> i64 {
    repartee_store::now_ms()
}

fn spawn(place: &Place, args: &[&str]) -> Child {
    place
        .repartee(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(
            began.elapsed() < Duration::from_secs(90),
            "{what} did not come about"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A job of another process: its owner, and its last heartbeat this far ahead of now.
fn left_behind(place: &Place, id: &str, owner: &str, ahead_ms: i64) {
    let store = Store::open(&place.project()).unwrap();
    let params = serde_json::to_string(&BuildPairs::default()).unwrap();
    assert!(
        store
            .job_insert(id, "pairs", &params, Some(owner), now_ms() + ahead_ms)
            .unwrap()
    );
}

#[cfg(unix)]
#[test]
fn resuming_a_job_with_a_fast_clock_obeys_sigterm_and_then_resumes() {
    let place = Place::with_project();
    // it is unknown whether this process is its owner: an older version only recorded its process id
    let mut other = std::process::Command::new("sleep")
        .arg("100")
        .spawn()
        .unwrap();
    left_behind(&place, "unsure", &format!("{}:x", other.id()), HOURS_2);
    let mut child = spawn(&place, &["job", "resume", "unsure"]);
    std::thread::sleep(Duration::from_secs(3));
    assert!(
        child.try_wait().unwrap().is_none(),
        "it is not sure yet that the owner is gone"
    );
    let began = Instant::now();
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .unwrap();
    assert!(killed.success());
    let ended = child.wait().unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(ended.code(), Some(75));

    let gone = format!("{}:x", i32::MAX);
    for (id, owner) in [("number", gone.as_str()), ("boot", "another-boot.1:1:1:x")] {
        left_behind(&place, id, owner, HOURS_2);
        let began = Instant::now();
        place.ok(["job", "resume", id]);
        assert!(began.elapsed() < Duration::from_secs(20), "{id}");
        assert_eq!(place.engine().job(id).unwrap().state, JobStatus::Done);
    }
    // a job from before now is interrupted as soon as its process is seen to be gone
    left_behind(&place, "past", &gone, -HOURS_2);
    place.ok(["job", "resume", "past"]);
    other.kill().unwrap();
    other.wait().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn living_process_keeps_its_job_when_the_clock_jumps() {
    let (place, engine) = project(60);
    let config = place.write("long.toml", settings("long", 100_000).to_toml().unwrap());
    let child = spawn(
        &place,
        &["train", "generator", "--config", config.to_str().unwrap()],
    );
    until("a step", || {
        engine
            .run_figure("long", "loss")
            .is_ok_and(|losses| !losses.is_empty())
    });
    let job = engine.run_show("long").unwrap().job.unwrap();
    for ahead_ms in [HOURS_2, -HOURS_2] {
        let db = rusqlite::Connection::open(place.project()).unwrap();
        db.busy_timeout(Duration::from_secs(10)).unwrap();
        db.execute(
            "UPDATE job SET beat_ms = ?1 WHERE id = ?2",
            (now_ms() + ahead_ms, &job),
        )
        .unwrap();
        assert_eq!(engine.job(&job).unwrap().state, JobStatus::Running);
        // it writes a heartbeat again within a second, which any process that wants the job sees
        db.execute(
            "UPDATE job SET beat_ms = ?1 WHERE id = ?2",
            (now_ms() + ahead_ms, &job),
        )
        .unwrap();
        assert_eq!(engine.resume(&job, &|_| {}).unwrap_err().code, Code::Busy);
    }
    engine.discard(&job).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.status, Some(130), "{ran}");
    assert!(
        ran.out.contains("discarded") && !ran.out.contains("is kept"),
        "{ran}"
    );
    // discarding leaves no weights
    assert_eq!(engine.job(&job).unwrap().state, JobStatus::Cancelled);
    assert!(engine.checkpoints().unwrap().is_empty());
    let run = engine.run_show("long").unwrap();
    assert!(!run.usable && run.step > 0);
    let no = engine.start(&few_fakes("f", "long"), &|_| {}).unwrap_err();
    assert_eq!(no.code, Code::NotFound);
    place.ok(["check"]);
}

#[test]
fn stopping_a_training_keeps_a_checkpoint_that_evaluates() {
    let (place, engine) = project(60);
    let config = place.write("long.toml", settings("long", 100_000).to_toml().unwrap());
    let child = spawn(
        &place,
        &["train", "generator", "--config", config.to_str().unwrap()],
    );
    until("some steps", || {
        engine
            .run_figure("long", "loss")
            .is_ok_and(|losses| losses.len() > 3)
    });
    let job = engine.run_show("long").unwrap().job.unwrap();
    place.ok(["job", "stop", &job]);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.status, Some(0), "{ran}");
    assert!(ran.out.contains("stopped"), "{ran}");
    let run = engine.run_show("long").unwrap();
    assert_eq!((run.state, run.usable), (Some(JobStatus::Stopped), true));
    assert!(run.best_loss.is_some(), "it was validated at its last step");
    let saved = engine.checkpoints().unwrap();
    let last = saved.iter().find(|saved| saved.role == Role::Last).unwrap();
    assert_eq!(last.step, run.step, "the very step at which it was stopped");
    assert!(saved.iter().any(|saved| saved.role == Role::Best));
    place.ok(["evaluate", "long", "--limit", "4"]);
    place.ok(["evaluate", "long", "--limit", "4", "--checkpoint", "last"]);
    assert_eq!(
        engine.overview().unwrap().models[0].trained.as_deref(),
        Some("long")
    );
    assert_eq!(engine.resume(&job, &|_| {}).unwrap_err().code, Code::Usage);
}

/// Kills a training after its first validation, and waits until that is noticed. Returns its job.
fn killed_after_validation(place: &Place, engine: &Engine, name: &str) -> String {
    let settings = RunConfig {
        save_every: 1_000_000,
        ..settings(name, 100_000)
    };
    let config = place.write(&format!("{name}.toml"), settings.to_toml().unwrap());
    let config = config.to_str().unwrap();
    let mut child = spawn(place, &["train", "generator", "--config", config]);
    // the first best is saved with the state to resume from, whatever the run sets
    until("a save", || {
        engine.checkpoint_hashes(name, Some("last")).is_ok()
    });
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let job = engine.run_show(name).unwrap().job.unwrap();
    until("the kill to be noticed", || {
        engine.job(&job).unwrap().state == JobStatus::Lost
    });
    job
}

#[test]
fn stopping_a_killed_training_keeps_its_best_checkpoint() {
    let (place, engine) = project(60);
    let job = killed_after_validation(&place, &engine, "long");
    // as an earlier version left it, which saved the last only after three minutes
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch("DELETE FROM checkpoint WHERE role = 'last'")
        .unwrap();
    let best = engine.checkpoints().unwrap().remove(0);
    assert_eq!(best.role, Role::Best);
    let ran = place.ok(["job", "stop", &job]);
    let words = format!("the checkpoint of step {} is its result", best.step);
    assert!(ran.out.contains(&words), "{ran}");
    let run = engine.run_show("long").unwrap();
    assert_eq!((run.state, run.usable), (Some(JobStatus::Stopped), true));
    // all figures are of this step
    assert_eq!((run.step, run.best_step), (best.step, Some(best.step)));
    let outcome = engine.job(&job).unwrap().outcome.unwrap();
    assert_eq!(outcome["steps"], json!(best.step));
    let gap = outcome["best_loss"].as_f64().unwrap() - run.best_loss.unwrap();
    assert!(gap.abs() < 1e-9, "{outcome}");
    let list = place.ok(["run", "list"]);
    assert!(list.out.contains(&format!("at {}", best.step)), "{list}");
    let evaluated = place.ok(["evaluate", "long", "--limit", "4"]);
    assert!(
        evaluated.out.contains(&format!("step {}", best.step)),
        "{evaluated}"
    );
}

#[test]
fn a_killed_training_that_saved_nothing_names_how_to_end_it() {
    let (place, engine) = project(60);
    let job = killed_after_validation(&place, &engine, "long");
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch("DELETE FROM checkpoint").unwrap();
    let ran = place.run(["job", "stop", &job]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(ran.err.contains("`repartee job cancel "), "{ran}");
    assert!(!ran.err.contains("--discard"), "{ran}");
    place.ok(["job", "cancel", &job]);
    assert_eq!(engine.job(&job).unwrap().state, JobStatus::Cancelled);
}

#[test]
fn a_paused_training_is_stopped_with_what_it_saved_or_discarded() {
    let (place, engine) = project(60);
    for (name, keeps) in [("kept", true), ("thrown", false)] {
        // as after Ctrl-C
        let pausing = place.engine();
        let id = repartee_engine::job::new_id();
        let ended = std::thread::scope(|scope| {
            let running = scope.spawn(|| pausing.start_as(&id, &training(name, 100_000), &|_| {}));
            until("some steps", || {
                engine
                    .run_figure(name, "loss")
                    .is_ok_and(|losses| losses.len() > 3)
            });
            engine.pause(&id).unwrap();
            running.join().unwrap()
        });
        assert_eq!(ended.unwrap(), Ended::Paused);
        assert!(engine.run_show(name).unwrap().usable, "{name}");
        let job = match keeps {
            true => engine.stop(&id).unwrap(),
            false => engine.discard(&id).unwrap(),
        };
        let run = engine.run_show(name).unwrap();
        assert_eq!(run.usable, keeps, "{name}");
        assert_eq!(
            run.state,
            Some(if keeps {
                JobStatus::Stopped
            } else {
                JobStatus::Cancelled
            })
        );
        assert_eq!(
            job.state,
            if keeps {
                JobStatus::Done
            } else {
                JobStatus::Cancelled
            }
        );
    }
    let kept: Vec<String> = engine
        .checkpoints()
        .unwrap()
        .into_iter()
        .map(|c| c.run)
        .collect();
    assert!(
        kept.iter().all(|run| run == "kept") && !kept.is_empty(),
        "{kept:?}"
    );
    // only a training has something to discard
    let pairs = engine.start(&BuildPairs::default(), &|_| {});
    assert!(pairs.is_ok());
    let id = engine
        .jobs()
        .unwrap()
        .into_iter()
        .find(|job| job.kind == "pairs")
        .unwrap()
        .id;
    assert_eq!(engine.discard(&id).unwrap_err().code, Code::Usage);
}

#[test]
fn queue_runs_in_order_and_later_jobs_use_earlier_results() {
    let (place, engine) = project(60);
    let config = place.write("writer.toml", settings("writer", 6).to_toml().unwrap());
    // fakes first, so that their order must change
    let fakes = place.ok([
        "fakes",
        "make",
        "--generator",
        "writer",
        "few",
        "--comments",
        "4,2,2",
        "--queue",
        "--json",
    ]);
    let fakes = fakes.result();
    assert!(
        fakes["notes"][0].as_str().unwrap().contains("writer"),
        "{fakes}"
    );
    let train = place
        .ok([
            "train",
            "generator",
            "--config",
            config.to_str().unwrap(),
            "--queue",
            "--json",
        ])
        .result();
    assert_eq!(train["notes"], json!([]));
    let evaluate = place
        .ok(["evaluate", "writer", "--limit", "4", "--queue", "--json"])
        .result();
    assert_eq!(
        evaluate["notes"],
        json!([]),
        "a job before it makes the run"
    );
    let id = |queued: &serde_json::Value| queued["job"]["id"].as_str().unwrap().to_owned();
    let (fakes, train, evaluate) = (id(&fakes), id(&train), id(&evaluate));
    assert_eq!(
        waiting(&engine),
        [&fakes, &train, &evaluate].map(Clone::clone)
    );
    place.ok(["job", "move", &evaluate, "--first"]);
    place.ok(["job", "move", &train, "--before", &evaluate]);
    place.ok(["job", "move", &fakes, "--last"]);
    assert_eq!(
        waiting(&engine),
        [&train, &evaluate, &fakes].map(Clone::clone)
    );
    // canceled before it starts
    let extra = queue(&engine, &BuildPairs::default());
    place.ok(["job", "cancel", &extra]);
    let shown = place.ok(["job", "queue"]);
    assert!(
        shown.out.contains("writer") && shown.out.contains("few"),
        "{shown}"
    );

    let ran = place.ok(["job", "run", "--json"]);
    assert_eq!(ran.result()["done"], 3, "{ran}");
    assert_eq!(
        states(&engine, &[&train, &evaluate, &fakes, &extra]),
        [
            JobStatus::Done,
            JobStatus::Done,
            JobStatus::Done,
            JobStatus::Cancelled
        ]
    );
    let ended = [&train, &evaluate, &fakes].map(|id| engine.job(id).unwrap());
    assert!(
        ended
            .windows(2)
            .all(|two| two[0].ended_ms.unwrap() <= two[1].created_ms),
        "{ended:?}"
    );
    assert!(waiting(&engine).is_empty());
    // there is nothing to do, and that is no failure
    place.ok(["job", "run"]);
}

#[test]
fn invalid_jobs_are_not_queued() {
    let (place, engine) = project(60);
    let refused = |args: &[&str]| {
        let ran = place.run(args);
        assert_eq!(ran.status, Some(2), "{ran}");
        ran.err
    };
    refused(&["import", "nothing.ndjson", "--queue"]);
    assert!(refused(&["job", "list", "--queue"]).contains("--queue"));
    refused(&["train", "generator", "--set", "steps=-1", "--queue"]);
    queue(&engine, &training("one", 5));
    assert_eq!(
        engine
            .enqueue_job(&training("one", 5), false)
            .unwrap_err()
            .code,
        Code::Exists
    );
    let params = json!({ "account": "" });
    assert_eq!(
        engine
            .enqueue("x", "post", &params, false)
            .unwrap_err()
            .code,
        Code::Usage
    );
    // a file is found from every folder
    let file = place.write("a.ndjson", "");
    let queued = place
        .ok([
            "import",
            "a.ndjson",
            "--permission",
            "none",
            "--queue",
            "--json",
        ])
        .result();
    assert_eq!(
        queued["job"]["params"]["files"][0],
        json!(std::fs::canonicalize(file).unwrap())
    );
}

#[test]
fn failed_job_blocks_the_queue_only_if_set_to() {
    let (place, engine) = project(60);
    let fails = queue(&engine, &few_fakes("f", "nobody"));
    let next = queue(&engine, &BuildPairs::default());
    let stops = queue(&engine, &few_fakes("g", "nobody"));
    place.ok(["job", "on-failure", &stops, "stop"]);
    let after = queue(&engine, &BuildPairs::default());
    let run = |how| engine.run_queue(how, &|_| {}, &mut |_, _| {}).unwrap();
    let first = run(HowToRun::default());
    assert_eq!(
        (first.done, first.failed, first.left),
        (1, 2, 1),
        "{first:?}"
    );
    assert_eq!(first.held_up_by.as_ref(), Some(&stops));
    assert_eq!(
        states(&engine, &[&fails, &next, &stops, &after]),
        [
            JobStatus::Failed,
            JobStatus::Done,
            JobStatus::Failed,
            JobStatus::Queued
        ]
    );
    let why = engine.job(&fails).unwrap().outcome.unwrap();
    assert!(why["message"].as_str().unwrap().contains("nobody"), "{why}");
    // neither a worker nor a window resumes it automatically
    assert!(!engine.queue_wants_to_run().unwrap());
    assert_eq!(run(HowToRun::default()).done, 0);
    place.ok(["job", "run"]);
    assert_eq!(engine.job(&after).unwrap().state, JobStatus::Done);
}

#[test]
fn killed_queue_resumes_with_the_same_bits() {
    let (place, engine) = project(60);
    done(&engine, &training("whole", 40));
    let cut = queue(&engine, &training("cut", 40));
    let after = queue(&engine, &BuildPairs::default());
    let mut child = spawn(&place, &["job", "run"]);
    until("a save", || {
        engine.checkpoint_hashes("cut", Some("last")).is_ok()
    });
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    assert!(
        engine.run_show("cut").unwrap().step < 40,
        "killed too late to show anything"
    );
    assert_eq!(engine.job(&after).unwrap().state, JobStatus::Queued);
    place.ok(["job", "run"]);
    assert_eq!(
        states(&engine, &[&cut, &after]),
        [JobStatus::Done, JobStatus::Done]
    );
    for role in ["best", "last"] {
        let hashes = |run: &str| engine.checkpoint_hashes(run, Some(role)).unwrap();
        assert_eq!(hashes("cut"), hashes("whole"), "{role}");
    }
}

#[test]
fn job_run_first_resumes_a_killed_training_that_was_not_queued() {
    let (place, engine) = project(60);
    done(&engine, &training("whole", 40));
    let config = place.write("cut.toml", settings("cut", 40).to_toml().unwrap());
    let config = config.to_str().unwrap();
    let mut child = spawn(&place, &["train", "generator", "--config", config]);
    until("a save", || {
        engine.checkpoint_hashes("cut", Some("last")).is_ok()
    });
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let run = engine.run_show("cut").unwrap();
    assert!(run.step < 40, "killed too late to show anything");
    let (cut, after) = (run.job.unwrap(), queue(&engine, &BuildPairs::default()));
    // at once: its last heartbeat still looks like that of a living process
    let ran = place.ok(["job", "run"]);
    assert!(ran.out.contains("2 done, 0 failed"), "{ran}");
    let [first, then] = [&cut, &after].map(|id| engine.job(id).unwrap());
    assert_eq!(
        (first.state, then.state),
        (JobStatus::Done, JobStatus::Done)
    );
    assert!(first.ended_ms.unwrap() <= then.created_ms, "{first:?}");
    for role in ["best", "last"] {
        let hashes = |run: &str| engine.checkpoint_hashes(run, Some(role)).unwrap();
        assert_eq!(hashes("cut"), hashes("whole"), "{role}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn job_run_names_unfinished_jobs_that_it_leaves_as_they_are() {
    const GONE: &str = "another-boot.1:1:1:x";
    let place = Place::with_project();
    for id in ["killed01", "paused01", "often001", "step0001"] {
        left_behind(&place, id, GONE, -60_000);
    }
    let store = Store::open(&place.project()).unwrap();
    store
        .job_insert("serves01", "sandbox", "{}", Some(GONE), now_ms() - 60_000)
        .unwrap();
    // the paused one resumes its own step
    store
        .set_setting("steps of paused01", &json!({ "trial": "step0001" }))
        .unwrap();
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch(
        "UPDATE job SET state = 'paused', owner = NULL WHERE id = 'paused01';
         UPDATE job SET tries = 2 WHERE id = 'often001';",
    )
    .unwrap();
    let ran = place.ok(["job", "run"]);
    assert!(ran.out.contains("1 done, 0 failed"), "{ran}");
    for id in ["paused01", "often001", "serves01"] {
        let command = format!("`repartee job resume {id}`");
        assert!(ran.out.contains(&command), "{id}: {ran}");
    }
    assert!(!ran.out.contains("step0001"), "{ran}");
    let engine = place.engine();
    let state = |id: &str| engine.job(id).unwrap().state;
    assert_eq!(state("killed01"), JobStatus::Done);
    assert_eq!(state("paused01"), JobStatus::Paused);
    for id in ["often001", "serves01", "step0001"] {
        assert_eq!(state(id), JobStatus::Lost, "{id}");
    }
    let named = place.ok(["job", "run", "--json"]).result();
    assert_eq!(named["not_run"].as_array().unwrap().len(), 3, "{named}");
    // a worker neither resumes nor names them
    let worker = engine
        .run_queue(HowToRun::default(), &|_| {}, &mut |_, _| {})
        .unwrap();
    assert!(worker.not_run.is_empty() && worker.done == 0, "{worker:?}");
}

#[test]
fn repeatedly_interrupted_job_fails_and_the_queue_continues() {
    let place = Place::with_project();
    let engine = place.engine();
    let fatal = queue(&engine, &BuildPairs::default());
    let after = queue(&engine, &BuildPairs::default());
    let db = rusqlite::Connection::open(place.project()).unwrap();
    let lose = "UPDATE job SET state = 'running', owner = 'another-boot.1:1:1:x', beat_ms = 0, tries = ?1 WHERE id = ?2";
    db.execute(lose, (2, &fatal)).unwrap();
    let run = engine
        .run_queue(HowToRun::default(), &|_| {}, &mut |_, _| {})
        .unwrap();
    if cfg!(target_os = "linux") {
        assert_eq!(
            (run.done, run.failed),
            (1, 0),
            "given up without a fourth try"
        );
        assert_eq!(
            states(&engine, &[&fatal, &after]),
            [JobStatus::Failed, JobStatus::Done]
        );
    }
}

#[test]
fn each_job_runs_once_with_two_processes_reordering_and_two_running() {
    let place = Place::with_project();
    let engine = place.engine();
    let ids: Vec<String> = (0..6)
        .map(|_| queue(&engine, &BuildPairs::default()))
        .collect();
    std::thread::scope(|scope| {
        for offset in [0, 3] {
            let (engine, ids) = (place.engine(), &ids);
            scope.spawn(move || {
                for n in 0..40 {
                    let id = &ids[(n + offset) % ids.len()];
                    let to = match n % 3 {
                        0 => MoveTo::First,
                        1 => MoveTo::Last,
                        _ => MoveTo::Before(ids[(n * 5 + 1) % ids.len()].clone()),
                    };
                    engine.job_move(id, &to).unwrap();
                }
            });
        }
    });
    let order = waiting(&engine);
    let mut sorted = order.clone();
    sorted.sort();
    assert_eq!(sorted, ids, "none is lost and none is there twice");
    let (one, two) = (
        spawn(&place, &["job", "run", "--json"]),
        spawn(&place, &["job", "run", "--json"]),
    );
    let ran = [one, two].map(|child| Ran::from(child.wait_with_output().unwrap()));
    let count: u64 = ran
        .iter()
        .map(|ran| ran.result()["done"].as_u64().unwrap())
        .sum();
    assert_eq!(count, 6, "{ran:?}");
    let jobs: Vec<JobInfo> = order.iter().map(|id| engine.job(id).unwrap()).collect();
    assert!(jobs.iter().all(|job| job.state == JobStatus::Done));
    assert!(
        jobs.windows(2)
            .all(|two| two[0].ended_ms.unwrap() <= two[1].created_ms),
        "in order, and never two at once: {jobs:?}"
    );
}

#[test]
fn interrupting_the_queue_pauses_its_job_and_running_again_resumes_it() {
    let (place, engine) = project(60);
    let long = queue(&engine, &training("long", 100_000));
    let after = queue(&engine, &BuildPairs::default());
    let child = spawn(&place, &["job", "run"]);
    until("a step", || {
        engine
            .run_figure("long", "loss")
            .is_ok_and(|losses| losses.len() > 3)
    });
    // a queued one cannot be started before the others
    assert_eq!(
        engine.resume(&after, &|_| {}).unwrap_err().code,
        Code::Usage
    );
    place.ok(["job", "pause", &long]);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.status, Some(130), "{ran}");
    assert_eq!(engine.job_queue().unwrap().held_up_by.as_ref(), Some(&long));
    assert!(!engine.queue_wants_to_run().unwrap());
    // the training resumes; stopped, it ends, and the next one starts
    let child = spawn(&place, &["job", "run"]);
    until("the training", || {
        engine.job(&long).unwrap().state == JobStatus::Running
    });
    place.ok(["job", "stop", &long]);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.status, Some(0), "{ran}");
    assert_eq!(
        states(&engine, &[&long, &after]),
        [JobStatus::Done, JobStatus::Done]
    );
    assert_eq!(
        engine.run_show("long").unwrap().state,
        Some(JobStatus::Stopped)
    );
}
