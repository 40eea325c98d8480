//! Job bundles: a training that moves to another machine and back has the bits of one that never moved; merging again
//! changes nothing; and a bundle is refused where it does not belong.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use repartee_datasets::{Format, id::encode, sample};
use repartee_engine::bases::base::BaseNew;
use repartee_engine::data::import::Import;
use repartee_engine::data::pairs::BuildPairs;
use repartee_engine::data::splits::MakeSplit;
use repartee_engine::generation::fakes::MakeFakes;
use repartee_engine::terms::{BaseKind, JobStatus};
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Code, Engine, SamplingParams};
use repartee_tests::sample::{done, project};
use repartee_tests::study::permitted;
use repartee_tests::{Place, Ran};

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
        device: "cpu".to_owned(),
        ..RunConfig::of(kind)
    }
}

/// Writes the settings of a run to a file.
fn config(place: &Place, config: &RunConfig) -> String {
    let file = place.write(&format!("{}.toml", config.name), config.to_toml().unwrap());
    file.to_str().unwrap().to_owned()
}

fn short() -> RunConfig {
    RunConfig {
        steps: 4,
        save_every: 2,
        validate_every: 2,
        ..settings(ModelKind::Generator, "short")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A bundle in the folder of another user, who has no project.
fn moved(file: &Path) -> (Place, PathBuf) {
    let there = Place::empty();
    let copy = there.path("job.bundle");
    repartee_engine::private::write(&copy, &std::fs::read(file).unwrap()).unwrap();
    (there, copy)
}

/// Works on a bundle elsewhere, and returns its result as a file in `place`.
fn worked(place: &Place, file: &Path) -> PathBuf {
    let (there, copy) = moved(file);
    there.ok(["work", text(&copy)]);
    let result = place.path("job.result");
    std::fs::copy(there.path("job.bundle.result"), &result).unwrap();
    result
}

/// All rows of these tables as text.
fn rows(file: &Path, tables: &[&str]) -> Vec<String> {
    let db = rusqlite::Connection::open(file).unwrap();
    let mut found = Vec::new();
    for table in tables {
        let mut query = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = query.column_count();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<String> = (0..columns)
                .map(|at| format!("{:?}", row.get_ref(at).unwrap()))
                .collect();
            found.push(format!("{table} {}", values.join(" ")));
        }
    }
    found
}

/// What a merge can change.
const MERGED: [&str; 11] = [
    "run",
    "metric",
    "run_sample",
    "checkpoint",
    "bundle_part",
    "blob",
    "seen",
    "fake_set",
    "fake",
    "job",
    "job_log",
];

fn count(file: &Path, sql: &str) -> i64 {
    let db = rusqlite::Connection::open(file).unwrap();
    db.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The job of a result, as it is printed.
fn first(ran: &Ran) -> serde_json::Value {
    ran.result()["jobs"][0].clone()
}

fn same_bits(engine: &Engine, one: &str, other: &str) {
    for figure in ["loss", "val_loss", "lr", "grad_norm"] {
        let of = |run: &str| engine.run_figure(run, figure).unwrap();
        assert_eq!(of(one), of(other), "{figure}");
    }
    assert_eq!(
        engine.weights_hashes(one).unwrap(),
        engine.weights_hashes(other).unwrap()
    );
    for checkpoint in ["best", "last"] {
        let of = |run: &str| engine.checkpoint_hashes(run, Some(checkpoint)).unwrap();
        assert_eq!(of(one), of(other), "{checkpoint}");
    }
}

/// Starts a command that trains, and sends it SIGUSR1 once `step` returns more than before. Returns its exit status.
#[cfg(unix)]
fn cut(place: &Place, args: &[&str], step: impl Fn() -> u64) -> Option<i32> {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let before = step();
    let mut child = place
        .repartee(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while step() <= before {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "nothing was saved in a minute"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-USR1", id.as_str()]).status();
    assert!(sent.unwrap().success());
    child.wait().unwrap().code()
}

/// The step of the only run's last checkpoint; 0: none.
fn last_step(file: &Path) -> u64 {
    count(
        file,
        "SELECT coalesce(max(step), 0) FROM checkpoint WHERE role = 'last'
           AND run_id = (SELECT max(id) FROM run)",
    )
    .unsigned_abs()
}

#[cfg(unix)]
#[test]
fn a_training_cut_here_cut_in_a_bundle_and_finished_here_has_the_bits_of_the_uncut_run() {
    use std::os::unix::fs::PermissionsExt;
    let (place, engine) = project(150);
    let train = |name: &str| config(&place, &settings(ModelKind::Generator, name));
    place.ok(["train", "generator", "--config", &train("whole")]);

    let file = train("moved");
    let status = cut(&place, &["train", "generator", "--config", &file], || {
        let runs = engine.runs().unwrap();
        match runs.iter().any(|run| run.name == "moved") {
            true => last_step(&place.project()),
            false => 0,
        }
    });
    assert_eq!(status, Some(75));
    let job = engine.run_show("moved").unwrap().job.unwrap();
    let bundle = place.path("moved.bundle");
    let made = place.ok(["bundle", "make", "moved", "-o", text(&bundle)]);
    assert!(made.out.contains("repartee work"), "{made}");
    assert_eq!(
        std::fs::metadata(&bundle).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(!place.path("moved.bundle-wal").exists(), "one file");
    // a job is at one place at a time
    let here = place.run(["job", "resume", &job]);
    assert_eq!(here.status, Some(2), "{here}");
    assert!(here.err.contains("is in bundle"), "{here}");
    let twice = place.run(["bundle", "make", "moved", "-o", "again.bundle"]);
    assert!(twice.err.contains("is in bundle"), "{twice}");
    assert!(!place.path("again.bundle").exists());

    let (there, copy) = moved(&bundle);
    let before = last_step(&copy);
    assert!(before > 0, "it continues from a checkpoint");
    let status = cut(&there, &["work", text(&copy)], || last_step(&copy));
    assert_eq!(status, Some(75), "there is more to do");
    let step = last_step(&copy);
    assert!(step > before && step < 40, "cut too late to show anything");

    let result = there.path("job.bundle.result");
    assert_eq!(
        count(&result, "SELECT count(*) FROM comment"),
        0,
        "no texts"
    );
    let merged = first(&place.ok(["bundle", "merge", text(&result), "--json"]));
    assert_eq!(merged["merged"], true);
    assert_eq!(merged["weights"]["step"], step);
    assert_eq!(merged["state"], "paused");
    // merging again changes nothing
    let whole_project = rows(&place.project(), &MERGED);
    let again = first(&place.ok(["bundle", "merge", text(&result), "--json"]));
    assert_eq!(again["merged"], false, "{again}");
    assert_eq!(rows(&place.project(), &MERGED), whole_project);

    place.ok(["job", "resume", &job]);
    let run = engine.run_show("moved").unwrap();
    assert_eq!(run.state, Some(JobStatus::Done));
    same_bits(&engine, "moved", "whole");
    // an older result does not take anything back
    let whole_project = rows(&place.project(), &MERGED);
    let late = first(&place.ok(["bundle", "merge", text(&result), "--json"]));
    assert_eq!(late["merged"], false, "{late}");
    assert_eq!(rows(&place.project(), &MERGED), whole_project);
}

#[test]
fn trainings_that_begin_in_a_bundle_have_the_bits_of_those_that_begin_here() {
    let (place, engine) = project(150);
    done(&engine, &Train::new(&short()).unwrap());
    done(
        &engine,
        &MakeFakes {
            generator: "short".to_owned(),
            comments: [40, 20, 10],
            sampling: SamplingParams {
                max_new_tokens: 12,
                ..SamplingParams::default()
            },
            ..MakeFakes::default()
        },
    );
    for kind in [ModelKind::Generator, ModelKind::Realism, ModelKind::Upvotes] {
        let word = kind.as_str();
        let (here, away) = (format!("{word}-here"), format!("{word}-away"));
        let of = |name: &str| RunConfig {
            steps: 10,
            ..settings(kind, name)
        };
        place.ok(["train", word, "--config", &config(&place, &of(&here))]);
        let bundle = place.path(&format!("{word}.bundle"));
        let file = config(&place, &of(&away));
        place.ok(["train", word, "--config", &file, "--bundle", text(&bundle)]);
        assert!(engine.run_show(&away).is_err(), "it has not begun");
        // only what a training needs
        for sql in [
            "SELECT count(*) FROM split_pair WHERE side = 2",
            "SELECT count(*) FROM comment WHERE author IS NOT NULL",
            "SELECT count(*) FROM account",
        ] {
            assert_eq!(count(&bundle, sql), 0, "{sql}");
        }
        let result = worked(&place, &bundle);
        let merged = first(&place.ok(["bundle", "merge", text(&result), "--json"]));
        assert_eq!(merged["state"], "done", "{merged}");
        same_bits(&engine, &away, &here);
        let run = engine.run_show(&away).unwrap();
        assert!(!run.samples.is_empty() || kind != ModelKind::Generator);
        // the texts that it has seen are known: a purge can mark it
        let seen = |run: &str| {
            count(
                &place.project(),
                &format!(
                    "SELECT sum(length(ids)) FROM seen WHERE run_id = (SELECT id FROM run WHERE name = '{run}')"
                ),
            )
        };
        assert_eq!(seen(&away), seen(&here));
        let again = place.run(["train", word, "--config", &file]);
        assert!(again.err.contains("already a run"), "{again}");
        std::fs::remove_file(result).unwrap();
    }
    assert_eq!(engine.made_bundles().unwrap().len(), 3);
    place.ok(["check"]);
}

#[test]
fn fakes_of_a_bundle_are_those_that_are_made_here() {
    let (place, engine) = project(150);
    done(&engine, &Train::new(&short()).unwrap());
    let make = |name: &str| {
        [
            "fakes",
            "make",
            name,
            "--generator",
            "short",
            "--comments",
            "12,6,6",
            "--max-new-tokens",
            "12",
            "--device",
            "cpu",
            "--precision",
            "f32",
        ]
        .map(str::to_owned)
    };
    place.ok(make("here"));
    let bundle = place.path("fakes.bundle");
    place.ok([
        &make("away")[..],
        &["--bundle".to_owned(), text(&bundle).to_owned()][..],
    ]
    .concat());
    let result = worked(&place, &bundle);
    assert_eq!(
        count(&result, "SELECT count(*) FROM comment WHERE body <> ''"),
        0,
        "a result has no text of a pair"
    );
    let merged = first(&place.ok(["bundle", "merge", text(&result), "--json"]));
    assert_eq!(
        (&merged["state"], &merged["fakes"]),
        (&"done".into(), &24.into())
    );
    let texts = |set: &str| {
        let db = rusqlite::Connection::open(place.project()).unwrap();
        let sql = "SELECT group_concat(pair_id || ' ' || n || ' ' || text, char(10)) FROM
                     (SELECT f.* FROM fake f JOIN fake_set s ON s.id = f.fake_set_id WHERE s.name = ?1
                      ORDER BY pair_id, n)";
        db.query_row(sql, [set], |row| row.get::<_, String>(0))
            .unwrap()
    };
    assert_eq!(texts("away"), texts("here"));
    let before = rows(&place.project(), &MERGED);
    place.ok(["bundle", "merge", text(&result)]);
    assert_eq!(rows(&place.project(), &MERGED), before);
    assert!(
        engine
            .jobs()
            .unwrap()
            .iter()
            .all(|job| job.state == JobStatus::Done)
    );
}

#[test]
fn trials_of_a_sweep_are_tasks_and_the_sweep_is_finished_here() {
    let (place, engine) = project(150);
    let file = config(&place, &short());
    let sweep = |name: &str| {
        [
            "train",
            "sweep",
            "generator",
            "--config",
            &file,
            "--name",
            name,
            "--grid",
            "learning_rate=1e-3,1e-4",
        ]
        .map(str::to_owned)
    };
    place.ok(sweep("here"));
    let bundle = place.path("sweep.bundle");
    let prune = [
        "--prune".to_owned(),
        "--bundle".to_owned(),
        "x.bundle".to_owned(),
    ];
    let refused = place.run([&sweep("pruned")[..], &prune[..]].concat());
    assert!(refused.err.contains("--prune"), "{refused}");
    let to = ["--bundle".to_owned(), text(&bundle).to_owned()];
    place.ok([&sweep("away")[..], &to[..]].concat());

    let (there, copy) = moved(&bundle);
    for task in ["1", "2"] {
        there.ok(["work", text(&copy), "--task", task]);
        let result = there.path(&format!("job.bundle.task-{task}.result"));
        let ran = place.ok(["bundle", "merge", text(&result), "--json"]);
        let away = engine.made_bundles().unwrap()[0].away.len();
        assert_eq!(
            away,
            if task == "1" { 1 } else { 0 },
            "the others are there"
        );
        assert_eq!(
            ran.result()["jobs"].as_array().unwrap().len(),
            1,
            "its own job"
        );
        assert_eq!(first(&ran)["state"], "done", "{ran}");
    }
    let none = there.run(["work", text(&copy), "--task", "3"]);
    assert!(none.err.contains("jobs 1 to 2"), "{none}");
    let job = engine.sweep_show("away").unwrap().job;
    place.ok(["job", "resume", &job]);
    let result = |name: &str| -> Vec<_> {
        let trials = engine.sweep_show(name).unwrap().trials.into_iter();
        trials
            .map(|trial| (trial.loss, trial.value, trial.outcome))
            .collect()
    };
    assert_eq!(result("away"), result("here"));
    same_bits(&engine, "away-2", "here-2");
}

/// A bundle of a training that has not begun.
fn bundled(place: &Place) -> PathBuf {
    let bundle = place.path("short.bundle");
    let file = config(place, &short());
    place.ok([
        "train",
        "generator",
        "--config",
        &file,
        "--bundle",
        text(&bundle),
    ]);
    bundle
}

#[test]
fn a_bundle_is_no_project_and_is_merged_only_where_it_was_made() {
    let (place, engine) = project(60);
    let bundle = bundled(&place);
    let as_project = place.run(["--project", text(&bundle), "job", "list"]);
    assert_eq!(as_project.status, Some(2), "{as_project}");
    assert!(as_project.err.contains("is a job bundle"), "{as_project}");
    let project_as_bundle = place.run(["work", text(&place.project())]);
    assert!(
        project_as_bundle.err.contains("is no job bundle"),
        "{project_as_bundle}"
    );

    let result = worked(&place, &bundle);
    let (other, _engine) = project_beside(&place);
    let elsewhere = other.run(["bundle", "merge", text(&result)]);
    assert!(elsewhere.err.contains("another project"), "{elsewhere}");

    // foreign objects, and bytes that are not what their hash says
    let change = |sql: &str| {
        let changed = place.path("changed.result");
        std::fs::copy(&result, &changed).unwrap();
        let db = rusqlite::Connection::open(&changed).unwrap();
        db.execute_batch(sql).unwrap();
        drop(db);
        let error = engine.bundle_merge(&changed, false).unwrap_err();
        std::fs::remove_file(changed).unwrap();
        error
    };
    let before = rows(&place.project(), &["run", "metric", "checkpoint"]);
    let foreign = change("CREATE TRIGGER own AFTER INSERT ON metric BEGIN SELECT 1; END;");
    assert_eq!(foreign.code, Code::ForeignProject, "{foreign}");
    assert_eq!(
        rows(&place.project(), &["run", "metric", "checkpoint"]),
        before
    );
    let damaged = change(
        "UPDATE chunk SET data = zeroblob(length(data)) WHERE hash = (SELECT p.hash FROM bundle_part p
           JOIN checkpoint k ON k.bundle_id = p.bundle_id WHERE k.role = 'last' AND p.dtype IS NOT NULL LIMIT 1)",
    );
    assert_eq!(damaged.code, Code::Damaged, "{damaged}");
    let newer =
        change("UPDATE setting SET value = json_set(value, '$.format', 99) WHERE key = 'bundle'");
    assert_eq!(newer.code, Code::NewerProject, "{newer}");
    // none of that is in the way of the true result
    let merged = first(&place.ok(["bundle", "merge", text(&result), "--json"]));
    assert_eq!(merged["state"], "done", "{merged}");

    // given up, its jobs can be resumed here, and its result is refused
    let bundle_id = engine.made_bundles().unwrap()[0].bundle.id.clone();
    place.ok(["bundle", "delete", &bundle_id, "--yes"]);
    assert!(!bundle.exists());
    let late = place.run(["bundle", "merge", text(&result)]);
    assert!(late.err.contains("deleted in this project"), "{late}");
}

/// Another project of the same user.
fn project_beside(place: &Place) -> (Place, Engine) {
    let other = Place::with_project();
    let mut engine = other.engine();
    engine.environment.state = Some(place.state());
    engine.project_id().unwrap();
    (other, engine)
}

#[test]
fn what_has_expired_is_merged_but_not_worked_on() {
    let (place, engine) = project(60);
    let bundle = bundled(&place);
    let expire = |file: &Path, key: &str, at: &str| {
        let db = rusqlite::Connection::open(file).unwrap();
        let sql =
            format!("UPDATE setting SET value = json_set(value, '{at}', 1) WHERE key LIKE '{key}'");
        assert_eq!(db.execute(&sql, []).unwrap(), 1);
    };
    let (there, copy) = moved(&bundle);
    expire(&copy, "bundle", "$.expires_ms");
    let late = there.run(["work", text(&copy)]);
    assert_eq!(late.status, Some(2), "{late}");
    assert!(late.err.contains("expired on 1970-01-01"), "{late}");
    expire(&place.project(), "bundle made %", "$.bundle.expires_ms");
    assert!(place.ok(["bundle", "list"]).out.contains("expired"));
    place.ok(["bundle", "delete", "--expired", "--yes"]);
    assert!(engine.made_bundles().unwrap().is_empty() && !bundle.exists());
}

/// A project with text of unknown origin and every permission, a split and a base with a tokenizer of it.
fn permitted_project() -> (Place, Engine) {
    let place = Place::with_project();
    let engine = place.engine();
    let mut lines = Vec::new();
    sample::write_ndjson(&mut lines, 7, 60).unwrap();
    let file = place.write("archive.ndjson", lines);
    done(
        &engine,
        &Import {
            files: vec![file],
            format: Some(Format::Pushshift),
            ..permitted()
        },
    );
    done(&engine, &BuildPairs::default());
    done(&engine, &MakeSplit::default());
    done(
        &engine,
        &BaseNew {
            name: "small-gpt2".to_owned(),
            kind: BaseKind::Gpt2,
            layers: 2,
            width: 64,
            heads: 2,
            context: 96,
            vocab: 800,
            ..BaseNew::default()
        },
    );
    (place, engine)
}

#[test]
fn strict_mode_holds_when_a_bundle_is_made_and_when_it_is_worked_on() {
    let (place, _engine) = permitted_project();
    let bundle = bundled(&place);
    // another machine has another key, and the permission still counts
    let (there, copy) = moved(&bundle);
    there.ok(["work", text(&copy)]);
    // without the permission it does not train
    let (there, copy) = moved(&bundle);
    let db = rusqlite::Connection::open(&copy).unwrap();
    let sql = "SELECT sql FROM sqlite_schema WHERE name = 'study_record_is_kept'";
    let trigger: String = db.query_row(sql, [], |row| row.get(0)).unwrap();
    db.execute_batch(&format!(
        "DROP TRIGGER study_record_is_kept; DELETE FROM study_record WHERE kind = 'training'; {trigger};"
    ))
    .unwrap();
    drop(db);
    let refused = there.run(["work", text(&copy)]);
    assert_eq!(refused.status, Some(2), "{refused}");
    assert!(refused.err.contains("this project is strict"), "{refused}");
    assert_eq!(count(&copy, "SELECT count(*) FROM run"), 0);

    place.ok([
        "study",
        "end",
        "training",
        "--note",
        "withdrawn",
        "--who",
        "ann",
    ]);
    let other = config(
        &place,
        &RunConfig {
            name: "other".to_owned(),
            ..short()
        },
    );
    let refused = place.run([
        "train",
        "generator",
        "--config",
        &other,
        "--bundle",
        "other.bundle",
    ]);
    assert!(refused.err.contains("was withdrawn"), "{refused}");
    assert!(!place.path("other.bundle").exists());
    let jobs = place.engine().jobs().unwrap();
    assert_eq!(
        jobs[0].state,
        JobStatus::Cancelled,
        "nothing is left to resume"
    );
}

#[test]
fn a_purge_names_the_bundles_with_the_text_and_what_comes_back_is_marked() {
    let (place, engine) = permitted_project();
    let away = Place::empty();
    let bundle = away.path("short.bundle");
    let file = config(&place, &short());
    place.ok([
        "train",
        "generator",
        "--config",
        &file,
        "--bundle",
        text(&bundle),
    ]);
    let result = worked(&place, &bundle);

    let pair = count(
        &place.project(),
        "SELECT min(pair_id) FROM split_pair WHERE side = 0",
    );
    let name = format!("t1_{}", encode(pair));
    let other = engine
        .posting()
        .forget_names(&["t1_zzzzzz9".to_owned()], "ann")
        .unwrap();
    let real = bundle.canonicalize().unwrap();
    assert!(!other.copies.contains(&real), "that text is not in it");
    let synced = engine.posting().forget_names(&[name], "ann").unwrap();
    assert!(synced.copies.contains(&real), "{:?}", synced.copies);
    assert!(
        place
            .ok(["bundle", "list"])
            .out
            .contains("has deleted texts")
    );

    place.ok(["bundle", "merge", text(&result)]);
    let run = engine.run_show("short").unwrap();
    assert!(run.deleted_content, "it was trained on the text");
    place.ok(["bundle", "delete", "--purged", "--yes"]);
    assert!(!bundle.exists());
    assert!(engine.made_bundles().unwrap().is_empty());
}

#[test]
fn work_in_a_scratch_folder_is_copied_back() {
    let (place, _engine) = project(60);
    let bundle = bundled(&place);
    let (there, copy) = moved(&bundle);
    let scratch = there.path("scratch");
    std::fs::create_dir(&scratch).unwrap();
    there.ok(["work", text(&copy), "--scratch", text(&scratch)]);
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
    assert_eq!(last_step(&copy), 4);
    let again = there.ok(["work", text(&copy), "--json"]);
    assert_eq!(first(&again)["state"], "done", "{again}");
}
