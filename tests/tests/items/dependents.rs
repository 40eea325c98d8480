//! Dependents are named before a deletion, and what a job uses is protected.

use super::*;
use repartee_engine::terms::{JobStatus, ReplyState};

#[test]
fn dependents_are_named_and_nothing_is_deleted_without_consent() {
    let (place, engine) = full();
    let names = |kind: ItemKind, item: &str| -> Vec<String> {
        let found = engine.dependents(&of(kind, item)).unwrap();
        let mut names: Vec<String> = found.items[1..]
            .iter()
            .map(|item| format!("{} {}", item.kind.as_str(), item.name))
            .collect();
        names.sort();
        names
    };
    let all = [
        "evaluation 1",
        "evaluation 2",
        "evaluation 3",
        "fakes fakes",
        "generation 1",
        "run judge",
        "run votes",
        "run writer",
        "split main",
    ];
    assert_eq!(names(ItemKind::Source, "1"), all);
    assert_eq!(names(ItemKind::Split, "main"), all[..8]);
    assert_eq!(
        names(ItemKind::Base, "small-gpt2").len(),
        6,
        "all but votes and its evaluation"
    );
    assert_eq!(
        names(ItemKind::Run, "writer"),
        [
            "evaluation 1",
            "evaluation 2",
            "fakes fakes",
            "generation 1",
            "run judge"
        ]
    );
    assert_eq!(
        names(ItemKind::Run, "votes"),
        ["evaluation 3", "generation 1"]
    );
    assert_eq!(
        names(ItemKind::Fakes, "fakes"),
        ["evaluation 2", "generation 1", "run judge"]
    );
    assert!(names(ItemKind::Evaluation, "1").is_empty());
    assert!(names(ItemKind::Generation, "1").is_empty());
    let found = engine.dependents(&of(ItemKind::Run, "writer")).unwrap();
    assert_eq!((found.replies, found.kept), (1, 1));
    assert!(
        found.items[0].bytes > 0 && found.items[0].rows > 0,
        "{found:?}"
    );
    let judge = found
        .items
        .iter()
        .find(|item| item.name == "judge")
        .unwrap();
    assert_eq!(
        (judge.why.as_str(), judge.depth),
        ("trained on set of fakes fakes", 2)
    );

    for (kind, item) in &KINDS[..5] {
        let alone = DeleteItem {
            kind: *kind,
            item: (*item).to_owned(),
            with_dependents: false,
            seen: None,
            who: "ada".into(),
        };
        let error = engine.item_delete(&alone).unwrap_err();
        assert_eq!(error.code, Code::Usage);
        assert!(error.message.contains("on it"), "{error}");
    }
    assert_eq!(engine.runs().unwrap().len(), 3);
    whole(&place);
}

#[test]
fn deletion_is_refused_if_something_changed_since_it_was_shown() {
    let (_place, engine) = full();
    let seen = |kind, item: &str| engine.dependents(&of(kind, item)).unwrap().seen;
    // a draft that was approved since
    let before = seen(ItemKind::Run, "writer");
    let draft = engine.queue(Some(ReplyState::Draft)).unwrap()[0].id;
    approve(&engine, draft);
    let error = mark(&engine, ItemKind::Run, "writer", Some(&before)).unwrap_err();
    assert!(error.message.contains("changed"), "{error}");
    // another dependent
    let before = seen(ItemKind::Source, "1");
    let evaluate = Evaluate {
        run: "votes".into(),
        limit: 4,
        ..Evaluate::default()
    };
    done(&engine, &evaluate);
    assert!(mark(&engine, ItemKind::Source, "1", Some(&before)).is_err());
    assert_eq!(engine.sources().unwrap().len(), 1);
    assert_eq!(
        engine.reply(draft).unwrap().reply.state,
        ReplyState::Approved
    );
    // the same number, but another evaluation
    let last = engine.evaluations().unwrap().last().unwrap().id.to_string();
    let before = seen(ItemKind::Evaluation, &last);
    delete(&engine, ItemKind::Evaluation, &last);
    std::thread::sleep(Duration::from_millis(5));
    done(&engine, &evaluate);
    assert_eq!(
        engine.evaluations().unwrap().last().unwrap().id.to_string(),
        last
    );
    assert!(mark(&engine, ItemKind::Evaluation, &last, Some(&before)).is_err());
}

#[test]
fn running_job_protects_what_it_uses_and_a_paused_one_is_canceled() {
    let (_place, engine) = full();
    let uses = serde_json::json!({ "run": "writer" });
    job(
        &engine,
        "job-that-evaluates",
        "evaluate",
        &uses,
        JobState::Running,
    );
    for (kind, item) in [
        (ItemKind::Run, "writer"),
        (ItemKind::Base, "small-gpt2"),
        (ItemKind::Split, "main"),
        (ItemKind::Source, "1"),
    ] {
        let error = mark(&engine, kind, item, None).unwrap_err();
        assert_eq!(error.code, Code::Busy);
        assert!(error.message.contains("job-that-evaluates"), "{error}");
    }
    // what it does not use may be deleted
    delete(&engine, ItemKind::Run, "votes");
    assert_eq!(engine.runs().unwrap().len(), 2);
    let store = Store::open(engine.path()).unwrap();
    let owner = format!("{}:test", std::process::id());
    store
        .job_end("job-that-evaluates", &owner, JobState::Done, None, None, 1)
        .unwrap();
    job(&engine, "paused-job", "evaluate", &uses, JobState::Paused);
    // every import, join and split works with all comments
    job(
        &engine,
        "split-job",
        "split",
        &serde_json::json!({ "name": "x" }),
        JobState::Running,
    );
    assert_eq!(
        mark(&engine, ItemKind::Source, "1", None).unwrap_err().code,
        Code::Busy
    );
    delete(&engine, ItemKind::Run, "writer");
    assert_eq!(
        engine.job("paused-job").unwrap().state,
        JobStatus::Cancelled
    );
    assert_eq!(engine.job("split-job").unwrap().state, JobStatus::Running);
}

#[test]
fn the_command_line_lists_before_it_deletes() {
    let (place, engine) = full();
    drop(engine);
    place.ok(["run", "tag", "writer", "paper", "draft"]);
    place.ok(["run", "note", "writer", "the one of the paper"]);
    let shown = place.ok(["run", "note", "writer"]);
    assert_eq!(shown.out, "the one of the paper\n");
    let listed = place.ok(["run", "list", "--tag", "PAPER"]);
    assert!(
        listed.out.contains("writer") && !listed.out.contains("judge"),
        "{listed}"
    );
    assert!(listed.out.contains("draft, paper") && listed.out.contains("the one of the paper"));
    for area in [
        "source",
        "split",
        "base",
        "fakes",
        "evaluation",
        "generation",
        "train",
    ] {
        let none = place
            .ok([area, "list", "--tag", "paper", "--json"])
            .result();
        let expected = usize::from(area == "train");
        assert_eq!(none.as_array().unwrap().len(), expected, "{area}");
    }
    place.ok(["evaluation", "rename", "1", "baseline"]);
    place.ok(["generation", "tag", "1", "kept"]);
    let renamed = place.ok(["evaluation", "list", "--json"]).result();
    assert_eq!(renamed[0]["name"], "baseline");

    // without a terminal nothing is deleted without --yes, and the list says what would be
    let refused = place.run(["run", "delete", "writer"]);
    assert_eq!(refused.status, Some(2), "{refused}");
    for line in [
        "--yes --with-dependents --seen",
        "generation 1",
        "is kept, with its candidate",
    ] {
        assert!(refused.err.contains(line), "{line}: {refused}");
    }
    let found = place
        .ok(["run", "delete", "writer", "--dry-run", "--json"])
        .result();
    assert_eq!(found["items"].as_array().unwrap().len(), 6);
    let seen = found["seen"].as_str().unwrap();
    let alone = place.run(["run", "delete", "writer", "--yes"]);
    assert_eq!(alone.status, Some(2), "{alone}");
    let stale = place.run([
        "run",
        "delete",
        "writer",
        "--yes",
        "--with-dependents",
        "--seen",
        "0123",
    ]);
    assert_eq!(stale.status, Some(2), "{stale}");
    let args = [
        "run",
        "delete",
        "writer",
        "--yes",
        "--with-dependents",
        "--seen",
        seen,
        "--json",
    ];
    let removed = place.ok(args).result();
    assert_eq!(removed["items"], 6);
    assert_eq!(removed["returned"], true);
    let left = place.ok(["run", "list", "--json"]).result();
    assert_eq!(left.as_array().unwrap().len(), 1);
    place.ok(["base", "delete", "small-gpt2", "--yes"]);
    place.ok(["queue", "list", "--state", "posted"]);
    place.ok(["check"]);
    whole(&place);
}
