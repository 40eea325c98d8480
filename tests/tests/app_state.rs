//! What a window sees: commands by their names, jobs in processes of their own, and events about what any process
//! writes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use repartee_engine::app_state::{AppEvent, AppState};
use repartee_engine::generation::generate::{Generate, Incoming};
use repartee_engine::job::new_id;
use repartee_engine::posting::NewAccount;
use repartee_engine::terms::{JobStatus, Precision, PrecisionChoice};
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Code, SamplingParams, Signal};
use repartee_store::watch::Family;
use repartee_tests::sample::{done, project};
use repartee_tests::{Place, binary};
use serde_json::{Value, json};

/// Events, each with its windows.
type Heard = Vec<(Vec<String>, AppEvent)>;

/// An app state with the windows "one" and "two", and all their events.
struct Windows {
    app: Arc<AppState>,
    heard: Arc<Mutex<Heard>>,
}

impl Windows {
    fn new(place: &Place) -> Self {
        Self::with_worker(place, binary().to_owned())
    }

    /// Jobs run in processes of this program.
    fn with_worker(place: &Place, program: PathBuf) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        let on_event = Arc::new(move |windows: &[String], event: &AppEvent| {
            ears.lock().unwrap().push((windows.to_vec(), event.clone()));
        });
        Self {
            app: AppState::new(&place.path("config"), program, on_event),
            heard,
        }
    }

    fn call(&self, window: &str, name: &str, params: Value) -> Value {
        self.app
            .call(window, name, params)
            .unwrap_or_else(|e| panic!("{name}: {e} {:?}", e.detail))
    }

    fn refused(&self, window: &str, name: &str, params: Value) -> (Code, String) {
        let error = self.app.call(window, name, params).expect_err(name);
        (error.code, error.message)
    }

    /// Waits for a matching event.
    fn wait<T>(&self, what: &str, found: impl Fn(&AppEvent) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = self
                .heard
                .lock()
                .unwrap()
                .iter()
                .find_map(|(_, n)| found(n))
            {
                return found;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(400),
                "never heard: {what}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn ended(&self, id: &str) -> JobStatus {
        self.wait("the end of a job", |event| match event {
            AppEvent::Ended { job, state, .. } if job == id => Some(*state),
            _ => None,
        })
    }

    fn forget_what_was_heard(&self) {
        self.heard.lock().unwrap().clear();
    }
}

#[test]
fn sample_pipeline_runs_in_a_window_and_can_be_paused() {
    let place = Place::empty();
    let windows = Windows::new(&place);
    assert_eq!(
        windows.refused("one", "overview", Value::Null).0,
        Code::Usage
    );
    let folder = place.path("sample");
    let project = windows.call("one", "project.sample", json!({ "path": folder }));
    assert_eq!(project["name"], "sample");
    let first = windows.call("one", "overview", Value::Null);
    assert_eq!(first["next"][0]["step"], "import");

    let id = new_id();
    let start = json!({ "id": id, "kind": "demo", "params": { "threads": 120, "scale": 0.04 } });
    windows.call("one", "job.start", start.clone());
    windows.call("one", "job.start", start); // a reloaded page repeats it
    windows.wait("training", |event| match event {
        AppEvent::Job {
            signal: Signal::Progress(p),
            ..
        } => (p.phase == "training writer").then_some(()),
        _ => None,
    });

    // pausing the whole job pauses its current step; it resumes in a new process where it stopped
    windows.call("one", "job.pause", json!({ "job": id }));
    assert_eq!(windows.ended(&id), JobStatus::Paused);
    let before = windows.call("one", "jobs", Value::Null);
    assert!(
        before
            .as_array()
            .unwrap()
            .iter()
            .any(|job| job["kind"] == "train" && job["state"] == "paused"),
        "{before}"
    );
    windows.forget_what_was_heard();
    windows.call("one", "job.resume", json!({ "job": id }));
    assert_eq!(windows.ended(&id), JobStatus::Done);

    let jobs = windows.call("one", "jobs", Value::Null);
    let jobs = jobs.as_array().unwrap();
    assert!(jobs.iter().all(|job| job["state"] == "done"), "{jobs:?}");
    assert_eq!(jobs.iter().filter(|job| job["kind"] == "demo").count(), 1);
    assert_eq!(jobs.iter().filter(|job| job["kind"] == "import").count(), 1);
    windows.wait("drafts", |event| match event {
        AppEvent::Job {
            signal: Signal::Drafts { drafts },
            ..
        } => drafts
            .iter()
            .any(|d| d.finish_reason.is_some())
            .then_some(()),
        _ => None,
    });
    windows.wait("scores", |event| match event {
        AppEvent::Job {
            signal: Signal::Scores { scores },
            ..
        } => scores.iter().any(|s| s.bins.is_some()).then_some(()),
        _ => None,
    });

    let now = windows.call("one", "overview", Value::Null);
    assert!(
        now["models"]
            .as_array()
            .unwrap()
            .iter()
            .all(|m| m["figure"].is_string()),
        "{now}"
    );
    // every command that shows something
    look_at_pairs(&windows);
    look_at_lists(&windows);
    look_at_a_run(&windows);
    look_at_an_evaluation(&windows);
    look_at_a_generation(&windows);
    review_a_reply(&windows);
}

fn look_at_pairs(windows: &Windows) {
    let ask = |name: &str, params: Value| windows.call("one", name, params);
    let view = ask(
        "pairs.view",
        json!({ "order": "score", "descending": true }),
    );
    let total = view["total"].as_u64().unwrap();
    assert!(total > 500, "{view}");
    let page = json!({ "view": view["view"], "from": total - 3, "count": 200 });
    let rows = ask("pairs.rows", page);
    assert_eq!(rows.as_array().unwrap().len(), 3);
    let whole = ask("pair.get", json!({ "id": rows[0]["id"] }));
    assert_eq!(whole["id"], rows[0]["id"]);
    let word = whole["reply"].as_str().unwrap().split(' ').next().unwrap();
    let found = ask("pairs.view", json!({ "words": word }));
    assert!(
        (1..total).contains(&found["total"].as_u64().unwrap()),
        "{word}: {found}"
    );
    for figure in ["score", "comment_length", "reply_length"] {
        let picture = ask("pairs.chart", json!({ "figure": figure }));
        assert!(picture["svg"].as_str().unwrap().starts_with("<svg"));
    }
    let labels = ask("labels", json!({ "edges": [0, 5, 50] }));
    let bins: u64 = labels["bins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(bins + labels["unscored"].as_u64().unwrap(), total);
}

fn look_at_lists(windows: &Windows) {
    for (name, params) in [
        ("sources", json!({})),
        ("splits", json!({})),
        ("bases", json!({})),
        ("runs", json!({})),
        ("checkpoints", json!({})),
        ("fakes", json!({})),
        ("evaluations", json!({})),
        ("generations", json!({})),
        ("queue", json!({})),
        ("pairs.subreddits", json!({})),
        ("run.fields", json!({})),
        ("run.presets", json!({ "kind": "realism" })),
        (
            "run.figure",
            json!({ "run": "writer", "figure": "val_loss" }),
        ),
        ("run.differences", json!({ "runs": ["judge", "votes"] })),
        ("fakes.rows", json!({ "name": "fakes", "limit": 3 })),
    ] {
        let list = windows.call("one", name, params);
        assert!(!list.as_array().unwrap().is_empty(), "{name}");
    }
}

fn look_at_a_run(windows: &Windows) {
    let ask = |name: &str, params: Value| windows.call("one", name, params);
    let run = ask("run.get", json!({ "name": "writer" }));
    assert_eq!(run["config"]["learning_rate"], 1e-3);
    let estimate = ask("run.estimate", json!({ "config": run["config"] }));
    assert!(estimate["parameters"].as_u64().unwrap() > 100_000);
}

fn look_at_an_evaluation(windows: &Windows) {
    let ask = |name: &str, params: Value| windows.call("one", name, params);
    let judge = ask("evaluations", json!({})).as_array().unwrap()[1].clone();
    let at = ask(
        "evaluation.at",
        json!({ "id": judge["id"], "threshold": 0.0 }),
    );
    assert_eq!(
        at["roc"],
        json!([1.0, 1.0]),
        "at 0 everything is called real"
    );
    let worst = ask(
        "evaluation.examples",
        json!({ "id": judge["id"], "best": false, "limit": 2 }),
    );
    let best = ask(
        "evaluation.examples",
        json!({ "id": judge["id"], "best": true, "limit": 2 }),
    );
    assert!(worst[0]["p"].as_f64().unwrap() <= best[0]["p"].as_f64().unwrap());
    for kind in [
        "roc",
        "pr",
        "confusion",
        "calibration",
        "scores",
        "loss",
        "lr",
        "throughput",
    ] {
        let picture = ask(
            "chart",
            json!({ "kind": kind, "of": ["judge"], "threshold": 0.3 }),
        );
        assert!(
            !picture["table"]["rows"].as_array().unwrap().is_empty(),
            "{kind}"
        );
    }
}

/// The latest has the drafts for a Reddit sandbox.
fn latest_generation(windows: &Windows) -> Value {
    let generations = windows.call("one", "generations", json!({}));
    generations.as_array().unwrap().last().unwrap().clone()
}

fn look_at_a_generation(windows: &Windows) {
    let ask = |name: &str, params: Value| windows.call("one", name, params);
    let generation = latest_generation(windows);
    let generated = ask("generation.get", json!({ "id": generation["id"] }));
    assert_eq!(generated["comments"].as_array().unwrap().len(), 5);
    let lax =
        json!({ "min_p_real": 0.0, "max_chars": 1000, "per_thread": 2, "keep_flagged": true });
    let again = ask(
        "generation.pick",
        json!({ "id": generation["id"], "criteria": lax }),
    );
    let picked = |of: &Value| -> usize {
        let candidates = of["comments"].as_array().unwrap().iter();
        candidates
            .flat_map(|c| c["candidates"].as_array().unwrap())
            .filter(|c| c["picked"] == true)
            .count()
    };
    assert!(picked(&again) > picked(&generated));
}

fn review_a_reply(windows: &Windows) {
    let ask = |name: &str, params: Value| windows.call("one", name, params);
    let generation = latest_generation(windows);
    let generated = ask("generation.get", json!({ "id": generation["id"] }));
    let candidate = generated["comments"][0]["candidates"][9]["id"].clone();
    let reply = ask("candidate.queue", json!({ "id": candidate, "who": "ada" }));
    let id = reply["id"].clone();
    let edited = ask(
        "reply.edit",
        json!({ "id": id, "text": "better", "who": "ada" }),
    );
    let by_ada = json!({ "id": id, "who": "ada" });
    let seen = edited["seen"].clone();
    let as_seen = |seen: &Value| json!({ "id": id, "who": "ada", "seen": seen });
    let posted = json!({ "id": id, "who": "ada", "link": "https://example.org/c/1", "seen": seen });
    assert_eq!(
        windows.refused("one", "reply.posted", posted.clone()).0,
        Code::Usage,
        "a draft"
    );
    // what was on screen before the edit is not approved, and neither is what nobody saw
    assert_eq!(
        windows
            .refused("one", "reply.approve", as_seen(&reply["seen"]))
            .0,
        Code::Changed
    );
    assert_eq!(
        windows.refused("one", "reply.approve", by_ada.clone()).0,
        Code::Usage
    );
    assert_eq!(ask("reply.approve", as_seen(&seen))["state"], "approved");
    assert_eq!(ask("reply.posted", posted)["state"], "posted");
    assert_eq!(
        windows.refused("one", "reply.reject", by_ada).0,
        Code::Usage,
        "it is live"
    );
    let story = ask("reply.get", json!({ "id": id }));
    let what: Vec<&str> = story["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["what"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["drafted", "edited", "approved", "posted"]);
}

#[test]
fn windows_and_processes_on_one_file_see_each_other() {
    let place = Place::with_project();
    let windows = Windows::new(&place);
    let at = json!({ "path": place.project() });
    windows.call("one", "project.open", at.clone());
    windows.call("two", "project.open", at);
    assert_eq!(
        windows.call("two", "app.get", Value::Null)["recent"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    // a terminal imports; both windows get an event
    let line = r#"{"id":"b","parent_id":"t1_a","link_id":"t3_p","body":"x","author":"u","subreddit":"s","score":1}"#;
    let file = place.write("RC.ndjson", format!("{line}\n"));
    place.ok([
        "import",
        &file.display().to_string(),
        "--permission",
        "none",
    ]);
    windows.wait("the import", |event| match event {
        AppEvent::Changed { families } => families.contains(&Family::Sources).then_some(()),
        _ => None,
    });
    windows.wait("the end of the import", |event| match event {
        AppEvent::Ended { kind, state, .. } => {
            (kind == "import" && *state == JobStatus::Done).then_some(())
        }
        _ => None,
    });
    let (told, _) = windows.heard.lock().unwrap()[0].clone();
    assert_eq!(told.len(), 2);

    // a window knows at closing whether another still shows the project
    let shown = || windows.call("one", "project.windows", Value::Null);
    assert_eq!(shown(), 2);

    // a closed window gets no events
    windows.app.closed("two");
    assert_eq!(shown(), 1);
    windows.forget_what_was_heard();
    let permit = json!({ "source": 1, "permission": "own", "note": "mine" });
    windows.call("one", "source.permit", permit);
    windows.wait("the permission", |event| {
        matches!(event, AppEvent::Changed { .. }).then_some(())
    });
    assert_eq!(windows.heard.lock().unwrap()[0].0, ["one"]);
}

/// A dead process writes nothing that would tell: the watcher has to check.
#[cfg(unix)] // elsewhere half a minute of silence tells
#[test]
fn window_is_notified_when_a_jobs_process_dies() {
    let place = Place::with_project();
    let engine = place.engine();
    // a login waits for a browser that never comes
    let account = NewAccount {
        name: "waits_in_vain".to_owned(),
        client_id: "an app".to_owned(),
        app: "installed".to_owned(),
        host: "http://127.0.0.1:1".to_owned(),
        port: 0,
        ..NewAccount::default()
    };
    engine.posting().account_put(&account, "a person").unwrap();
    let windows = Windows::new(&place);
    windows.call("one", "project.open", json!({ "path": place.project() }));
    let id = new_id();
    engine.submit(&id, "login", &json!({})).unwrap();
    let mut process = Command::new(binary())
        .arg("work")
        .arg(place.project())
        .arg(&id)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while engine.job(&id).unwrap().progress.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never waits");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(engine.job(&id).unwrap().state, JobStatus::Running);
    process.kill().unwrap(); // SIGKILL
    process.wait().unwrap();
    // its last write is reported now; then it is silent
    std::thread::sleep(Duration::from_secs(1));
    windows.forget_what_was_heard();
    assert_eq!(windows.ended(&id), JobStatus::Lost);
    // and right before that, that the jobs have changed
    let heard = windows.heard.lock().unwrap();
    let at = heard
        .iter()
        .position(|(_, event)| matches!(event, AppEvent::Ended { .. }))
        .unwrap();
    let jobs = AppEvent::Changed {
        families: vec![Family::Jobs],
    };
    assert_eq!(heard[..at].last().map(|(_, event)| event), Some(&jobs));
}

/// A project with a small generator "writer".
fn with_writer() -> Place {
    let (place, engine) = project(60);
    done(&engine, &training("writer", 2));
    place
}

fn training(name: &str, steps: usize) -> Train {
    let config = RunConfig {
        name: name.to_owned(),
        base: "small-gpt2".to_owned(),
        steps,
        batch_size: 2,
        max_tokens: 64,
        samples: 0,
        validate_limit: 4,
        ..RunConfig::of(ModelKind::Generator)
    };
    Train::new(&config).unwrap()
}

fn question(precision: Precision) -> Generate {
    Generate {
        comments: vec![Incoming {
            comment: "Which pot?".to_owned(),
            ..Incoming::default()
        }],
        generator: "writer".to_owned(),
        candidates: 2,
        sampling: SamplingParams {
            max_new_tokens: 6,
            ..SamplingParams::default()
        },
        precision: PrecisionChoice::from(precision),
        ..Generate::default()
    }
}

impl Windows {
    fn opened(place: &Place) -> Self {
        let windows = Self::new(place);
        windows.open(place);
        windows
    }

    fn open(&self, place: &Place) {
        self.call("one", "project.open", json!({ "path": place.project() }));
    }

    /// Runs a generation, and returns whether its generator was in memory already.
    fn generate(&self, job: &Generate) -> bool {
        self.forget_what_was_heard();
        let id = new_id();
        let start = json!({ "id": id, "kind": "generate", "params": job });
        self.call("one", "job.start", start);
        assert_eq!(self.ended(&id), JobStatus::Done);
        let log = self.call("one", "job.log", json!({ "job": id }));
        let lines = log.as_array().unwrap();
        lines
            .iter()
            .any(|line| line["text"] == "writer is still in memory")
    }

    /// Waits until the models of the last generation are in memory for the next one, or no longer.
    fn wait_for_models(&self, in_memory: bool) {
        self.wait("models in memory", |event| match event {
            AppEvent::Models { loaded } => (loaded.is_some() == in_memory).then_some(()),
            _ => None,
        });
        let loaded = self.call("one", "models.loaded", Value::Null);
        assert_eq!(loaded.is_object(), in_memory, "{loaded}");
    }
}

#[test]
fn second_generation_uses_the_models_in_memory() {
    let place = with_writer();
    let windows = Windows::opened(&place);
    let (f32, bf16) = (question(Precision::F32), question(Precision::Bf16));
    assert_eq!(
        windows.call("one", "models.loaded", Value::Null),
        Value::Null
    );
    assert!(!windows.generate(&f32), "the first loads them");
    windows.wait_for_models(true);
    if cfg!(target_os = "linux") {
        let loaded = windows.call("one", "models.loaded", Value::Null);
        assert!(loaded["bytes"].as_u64().unwrap() > 1 << 20, "{loaded}");
    }
    assert!(windows.generate(&f32), "the second does not");
    windows.wait_for_models(true);
    assert!(!windows.generate(&bf16), "those of another precision");
    windows.wait_for_models(true);

    // on request
    windows.forget_what_was_heard();
    windows.call("one", "models.release", Value::Null);
    windows.wait_for_models(false);
    assert!(!windows.generate(&bf16));
    windows.wait_for_models(true);

    // with the project of the window
    windows.call("one", "project.close", Value::Null);
    windows.open(&place);
    assert_eq!(
        windows.call("one", "models.loaded", Value::Null),
        Value::Null
    );

    // switched off
    let mut settings = windows.call("one", "app.get", Value::Null)["settings"].clone();
    settings["keep_models_min"] = json!(0);
    windows.call("one", "app.settings", settings.clone());
    for _ in 0..2 {
        assert!(!windows.generate(&f32));
        assert_eq!(
            windows.call("one", "models.loaded", Value::Null),
            Value::Null
        );
    }
    settings["keep_models_min"] = json!(100_000);
    let (code, message) = windows.refused("one", "app.settings", settings);
    assert!(code == Code::Usage && message.contains("1440"), "{message}");
}

#[test]
fn models_in_memory_make_way_for_a_training() {
    let place = with_writer();
    let windows = Windows::opened(&place);
    windows.generate(&question(Precision::F32));
    windows.wait_for_models(true);
    windows.forget_what_was_heard();
    let id = new_id();
    let start = json!({ "id": id, "kind": "train", "params": training("long", 1_000_000) });
    windows.call("one", "job.start", start);
    windows.wait_for_models(false);
    // next to it, nothing stays in memory
    assert!(!windows.generate(&question(Precision::F32)));
    assert_eq!(
        windows.call("one", "models.loaded", Value::Null),
        Value::Null
    );
    windows.call("one", "job.cancel", json!({ "job": id }));
    assert_eq!(windows.ended(&id), JobStatus::Cancelled);
}

#[cfg(unix)]
#[test]
fn crash_of_a_warm_worker_costs_one_job() {
    let place = with_writer();
    let windows = Windows::opened(&place);
    windows.generate(&question(Precision::F32));
    windows.wait_for_models(true);
    windows.forget_what_was_heard();
    let (id, engine) = (new_id(), place.engine());
    let long = Generate {
        comments: Vec::new(),
        unseen: 40,
        candidates: 500,
        sampling: SamplingParams {
            max_new_tokens: 60,
            ..SamplingParams::default()
        },
        ..question(Precision::F32)
    };
    let start = json!({ "id": id, "kind": "generate", "params": long });
    windows.call("one", "job.start", start);
    windows.wait("the first replies", |event| match event {
        AppEvent::Job {
            signal: Signal::Drafts { .. },
            ..
        } => Some(()),
        _ => None,
    });
    let owner = engine.store.job(&id).unwrap().unwrap().owner.unwrap();
    let pid = owner.split(':').nth(1).unwrap();
    let killed = Command::new("kill").args(["-KILL", pid]).status().unwrap();
    assert!(killed.success());
    assert_eq!(windows.ended(&id), JobStatus::Lost);
    windows.wait_for_models(false);
    assert!(!windows.generate(&question(Precision::F32)));
    windows.wait_for_models(true);
}

/// It ends between two jobs, at the moment at which it is given the second.
#[cfg(unix)]
#[test]
fn generation_that_a_warm_worker_does_not_take_gets_a_process_of_its_own() {
    use std::os::unix::fs::PermissionsExt;

    let place = with_writer();
    let script = format!(
        "#!/bin/sh\n[ \"$3\" = warm ] && exit 1\nexec '{}' \"$@\"\n",
        binary().display()
    );
    let program = place.write("worker.sh", script);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let windows = Windows::with_worker(&place, program);
    windows.open(&place);
    for _ in 0..2 {
        assert!(!windows.generate(&question(Precision::F32)));
    }
    assert_eq!(
        windows.call("one", "models.loaded", Value::Null),
        Value::Null
    );
}

#[test]
fn invalid_requests_of_a_window_are_errors_and_start_nothing() {
    let place = Place::with_project();
    let windows = Windows::new(&place);
    windows.call("one", "project.open", json!({ "path": place.project() }));
    let (code, message) = windows.refused("one", "pairs.vue", json!({}));
    assert!(
        code == Code::Usage && message.contains("pairs.vue"),
        "{message}"
    );
    let (_, message) = windows.refused("one", "pairs.view", json!({ "wrods": "x" }));
    assert!(message.contains("wrods"), "{message}");
    let unknown = json!({ "id": new_id(), "kind": "dance", "params": {} });
    assert_eq!(
        windows.refused("one", "job.start", unknown).0,
        Code::NewerProject
    );
    let wrong = json!({ "id": new_id(), "kind": "import", "params": { "file": "x" } });
    assert!(
        windows
            .refused("one", "job.start", wrong)
            .1
            .contains("file")
    );
    assert_eq!(windows.call("one", "jobs", Value::Null), json!([]));

    // a failure in the job's own process is reported with its error
    let id = new_id();
    let missing = json!({ "files": [place.path("not-there.zst")] });
    windows.call(
        "one",
        "job.start",
        json!({ "id": id, "kind": "import", "params": missing }),
    );
    assert_eq!(windows.ended(&id), JobStatus::Failed);
    let error = windows.wait("its error", |event| match event {
        AppEvent::Ended { error, .. } => error.clone(),
        _ => None,
    });
    assert_eq!(error.code, Code::NotFound);

    let settings = windows.call("one", "app.get", Value::Null)["settings"].clone();
    let with = |key: &str, value: Value| {
        let mut changed = settings.clone();
        changed[key] = value;
        changed
    };
    assert_eq!(
        windows
            .refused("one", "app.settings", with("theme", json!("pink")))
            .0,
        Code::Usage
    );
    windows.call("one", "app.settings", with("theme", json!("dark")));
    // they exist at the next start
    assert_eq!(
        Windows::new(&place).call("one", "app.get", Value::Null)["settings"]["theme"],
        "dark"
    );
}

#[test]
fn settings_of_an_earlier_version_are_kept() {
    let place = Place::with_project();
    let stored =
        |windows: &Windows| windows.call("one", "app.get", Value::Null)["settings"].clone();
    let mut settings = stored(&Windows::new(&place));
    settings["theme"] = json!("dark");
    std::fs::create_dir_all(place.path("config")).unwrap();
    let old = json!({ "settings": settings }).to_string();
    std::fs::write(place.path("config/desk.json"), old).unwrap();
    let windows = Windows::new(&place);
    assert_eq!(stored(&windows)["theme"], "dark");
    settings["theme"] = json!("light");
    windows.call("one", "app.settings", settings);
    assert_eq!(stored(&Windows::new(&place))["theme"], "light");
}

#[test]
fn generated_typescript_is_current() {
    for (file, content) in repartee_engine::api::typescript::files() {
        let path = repartee_tests::workspace().join("ui/src").join(file);
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == content,
            "{} is stale; `cargo run -p repartee-engine --example typescript` writes it",
            path.display()
        );
    }
}
