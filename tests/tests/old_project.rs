//! A project of schema version 12, written by the Repartee of that time (`tests/projects`), opens, is migrated after a
//! copy of it was made, and is worked on.
#![allow(clippy::unwrap_used)]

use repartee_engine::Partition;
use repartee_engine::evaluation::evaluate::Evaluate;
use repartee_engine::terms::{JobStatus, ReplyState};
use repartee_tests::sample::done;
use repartee_tests::{Place, workspace};

#[test]
fn project_of_version_12_is_copied_migrated_and_worked_on() {
    let place = Place::empty();
    let packed = workspace().join("tests/projects/version-12.repartee.zst");
    let old = zstd::decode_all(std::fs::File::open(packed).unwrap()).unwrap();
    place.write("test.repartee", &old);

    let checked = place.ok(["check"]);
    assert!(checked.out.contains("The project is intact"), "{checked}");
    let copies: Vec<String> = std::fs::read_dir(place.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("test.repartee.before-version-"))
        .collect();
    let [copy] = &copies[..] else {
        panic!("{copies:?}")
    };
    assert!(checked.err.contains(copy.as_str()), "{checked}");

    let engine = place.engine();
    let overview = engine.overview().unwrap();
    assert_eq!((overview.comments, overview.pairs), (138, 101));
    let runs: Vec<(String, Option<JobStatus>, u64)> = engine
        .runs()
        .unwrap()
        .into_iter()
        .map(|run| (run.name, run.state, run.step))
        .collect();
    let run = |name: &str, state, step| (name.to_owned(), Some(state), step);
    assert_eq!(
        runs,
        [
            run("writer", JobStatus::Done, 12),
            run("judge", JobStatus::Done, 6),
            run("votes", JobStatus::Done, 6),
            run("half", JobStatus::Paused, 839),
        ]
    );
    let writer = engine.run_show("writer").unwrap();
    assert_eq!(writer.label.note, "a note");
    assert_eq!(writer.config.unwrap().learning_rate, 1e-3);
    let states: Vec<ReplyState> = (engine.queue(None).unwrap().iter())
        .map(|reply| reply.state)
        .collect();
    for state in [
        ReplyState::Rejected,
        ReplyState::Approved,
        ReplyState::Draft,
    ] {
        assert_eq!(states.iter().filter(|one| **one == state).count(), 1);
    }

    // the same checkpoints give the same figures as then
    for run in ["writer", "judge", "votes"] {
        let evaluate = Evaluate {
            run: run.to_owned(),
            partition: Partition::Test,
            ..Evaluate::default()
        };
        done(&engine, &evaluate);
        let all = engine.evaluations().unwrap();
        let of_run: Vec<f64> = (all.iter().filter(|one| one.run == run))
            .map(|one| one.compared[0].value.unwrap())
            .collect();
        let [then, now] = of_run[..] else {
            panic!("{of_run:?}")
        };
        let off = (then - now).abs() / then.abs().max(1.0);
        assert!(off < 1e-4, "{run}: {then} {now}");
    }

    // a paused training is resumed
    let job = engine.run_show("half").unwrap().job.unwrap();
    place.ok(["job", "resume", &job]);
    let half = engine.run_show("half").unwrap();
    assert_eq!((half.state, half.step), (Some(JobStatus::Done), 3000));
}
