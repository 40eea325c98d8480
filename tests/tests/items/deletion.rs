//! Nothing of a deleted item is left, even after a kill, and what was posted stays.

use super::*;
use repartee_engine::terms::{JobStatus, ReplyState};

#[test]
fn each_kind_is_deleted_with_dependents_and_posted_replies_stay() {
    for (kind, item) in KINDS {
        let (place, engine) = full();
        let posted = engine.queue(Some(ReplyState::Posted)).unwrap().remove(0);
        let found = delete(&engine, kind, item);
        let gone = |kind: ItemKind| found.items.iter().filter(|one| one.kind == kind).count();
        assert_eq!(
            engine.sources().unwrap().len(),
            1 - gone(ItemKind::Source),
            "{kind}"
        );
        assert_eq!(
            engine.splits().unwrap().len(),
            1 - gone(ItemKind::Split),
            "{kind}"
        );
        assert_eq!(
            engine.bases().unwrap().len(),
            2 - gone(ItemKind::Base),
            "{kind}"
        );
        assert_eq!(
            engine.runs().unwrap().len(),
            3 - gone(ItemKind::Run),
            "{kind}"
        );
        assert_eq!(
            engine.fake_sets().unwrap().len(),
            1 - gone(ItemKind::Fakes),
            "{kind}"
        );
        assert_eq!(
            engine.evaluations().unwrap().len(),
            3 - gone(ItemKind::Evaluation),
            "{kind}"
        );
        let generations = 1 - gone(ItemKind::Generation);
        assert_eq!(engine.generations().unwrap().len(), generations, "{kind}");
        // the posted reply is unchanged, with its candidate and what that answers
        let stays = engine.reply(posted.id).unwrap();
        assert_eq!(stays.reply, posted, "{kind}");
        assert!(!stays.events.is_empty());
        let replies = if generations == 1 { 2 } else { 1 };
        assert_eq!(rows(&place.project(), "reply"), replies, "{kind}");
        if generations == 0 {
            assert_eq!(rows(&place.project(), "candidate"), 1, "{kind}");
            assert_eq!(rows(&place.project(), "thread_comment"), 1, "{kind}");
            let left = engine.generation(1).unwrap();
            assert_eq!(
                left.config.generator, "writer",
                "who wrote it is still known"
            );
            engine.outcomes().unwrap();
        }
        assert_eq!(rows(&place.project(), "audit WHERE what = 'deleted'"), 1);
        drop(engine);
        whole(&place);
    }
}

#[test]
fn deleted_source_leaves_no_byte_and_can_be_imported_again() {
    let (place, engine) = full();
    let texts: Vec<String> = {
        let db = rusqlite::Connection::open(place.project()).unwrap();
        let sql = "SELECT body FROM comment WHERE length(body) > 30 ORDER BY id LIMIT 400";
        let mut query = db.prepare(sql).unwrap();
        let rows = query.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let answered = engine
        .queue(Some(ReplyState::Posted))
        .unwrap()
        .remove(0)
        .comment;
    let size = std::fs::metadata(place.project()).unwrap().len();
    delete(&engine, ItemKind::Source, "sample.ndjson");
    for table in [
        "source",
        "rejected",
        "comment",
        "post",
        "pair",
        "pair_words_docsize",
        "split",
        "split_pair",
        "run",
        "metric",
        "run_sample",
        "checkpoint",
        "fake_set",
        "fake",
        "evaluation",
        "prediction",
        "label",
        "tag",
    ] {
        assert_eq!(rows(&place.project(), table), 0, "{table}");
    }
    drop(engine);
    whole(&place);
    let file = std::fs::read(place.project()).unwrap();
    assert!((file.len() as u64) < size, "{} of {size} bytes", file.len());
    let haystack = String::from_utf8_lossy(&file);
    let left: Vec<&String> = texts
        .iter()
        .filter(|text| **text != answered && haystack.contains(text.as_str()))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    // the same file, imported again, is complete, and the pipeline starts over
    let engine = place.engine();
    let mut lines = Vec::new();
    repartee_datasets::sample::write_ndjson(&mut lines, 7, 60).unwrap();
    let again = place.write("sample.ndjson", lines);
    let imported = done(
        &engine,
        &Import {
            files: vec![again],
            ..repartee_tests::study::permitted()
        },
    );
    let source = &imported.sources[0];
    assert!(!source.already && source.counts.new == source.counts.comments + source.counts.posts);
    assert!(
        source.label.tags.is_empty(),
        "a number that comes again brings no old words"
    );
    assert!(done(&engine, &BuildPairs::default()).kept > 0);
    done(&engine, &MakeSplit::default());
    whole(&place);
}

#[test]
fn deleting_a_source_keeps_other_sources() {
    let (place, engine) = full();
    let file = place.write(
        "other.ndjson",
        "{\"id\":\"zzzz1\",\"link_id\":\"t3_zzzz0\",\"parent_id\":\"t3_zzzz0\",\"author\":\"a\",\"subreddit\":\"s\",\"body\":\"something that was said elsewhere\",\"score\":1,\"created_utc\":1600000001}\n\
         {\"id\":\"zzzz2\",\"link_id\":\"t3_zzzz0\",\"parent_id\":\"t1_zzzz1\",\"author\":\"b\",\"subreddit\":\"s\",\"body\":\"and an answer to it from elsewhere\",\"score\":1,\"created_utc\":1600000002}\n",
    );
    done(
        &engine,
        &Import {
            files: vec![file],
            format: Some(Format::Pushshift),
            ..repartee_tests::study::permitted()
        },
    );
    done(&engine, &BuildPairs::default());
    let pairs = rows(&place.project(), "pair");
    // the split was made before: nothing depends on it
    let found = delete(&engine, ItemKind::Source, "other.ndjson");
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.items[0].rows, 2);
    assert_eq!(rows(&place.project(), "pair"), pairs - 1);
    assert_eq!(engine.runs().unwrap().len(), 3);
    whole(&place);
}

#[test]
fn deleted_items_are_invisible_before_their_rows_are_gone() {
    let (place, engine) = full();
    let draft = engine.queue(Some(ReplyState::Draft)).unwrap()[0].id;
    approve(&engine, draft);
    mark(&engine, ItemKind::Run, "writer", None).unwrap();
    // nothing is swept yet: a process may have been killed here
    assert_eq!(engine.runs().unwrap().len(), 1);
    assert!(engine.fake_sets().unwrap().is_empty());
    assert!(engine.generations().unwrap().is_empty());
    assert_eq!(engine.evaluations().unwrap().len(), 1);
    assert_eq!(
        engine.reply(draft).unwrap().reply.state,
        ReplyState::Cancelled,
        "an approval ends with the candidate it was given to"
    );
    for (kind, item) in [
        (ItemKind::Run, "writer"),
        (ItemKind::Run, "judge"),
        (ItemKind::Fakes, "fakes"),
        (ItemKind::Evaluation, "1"),
        (ItemKind::Generation, "1"),
    ] {
        assert_eq!(
            engine.item(&of(kind, item)).unwrap_err().code,
            Code::NotFound
        );
        assert_eq!(
            mark(&engine, kind, item, None).unwrap_err().code,
            Code::NotFound
        );
    }
    // its name is free at once
    done(
        &engine,
        &Train::new(&settings(ModelKind::Generator, "writer")).unwrap(),
    );
    let again = engine.run_show("writer").unwrap();
    assert_eq!(again.state, Some(JobStatus::Done));
    // compacting finishes it
    engine.compact().unwrap();
    assert_eq!(engine.runs().unwrap().len(), 2);
    drop(engine);
    whole(&place);
}

/// NDJSON of this many comments with ids from `first`; nine of ten answer the previous one.
fn comments(first: u64, count: u64) -> String {
    let id = |n: u64| repartee_datasets::id::encode((first + n) as i64);
    let mut lines = String::new();
    for n in 0..count {
        let parent = match n % 10 {
            0 => format!("t3_{}", id(0)),
            _ => format!("t1_{}", id(n - 1)),
        };
        lines.push_str(&format!(
            r#"{{"id":"{}","link_id":"t3_{}","parent_id":"{parent}","author":"u{n}","subreddit":"load","body":"text {n} of some length, to fill a line","score":{},"created_utc":{}}}"#,
            id(n),
            id(0),
            n % 50,
            1_700_000_000 + n
        ));
        lines.push('\n');
    }
    lines
}

/// A project with two large sources, "a" and "b", and their pairs.
fn large(rows: u64) -> Place {
    let place = Place::with_project();
    for (name, first) in [("a", 1 << 40), ("b", 1 << 41)] {
        let file = place.write(&format!("{name}.ndjson"), comments(first, rows));
        place.ok([
            "import",
            file.to_str().unwrap(),
            "--format",
            "pushshift",
            "--name",
            name,
            "--permission",
            "none",
            "--quiet",
        ]);
    }
    place.ok(["pairs", "build", "--quiet"]);
    place
}

#[test]
fn killed_deletion_resumes_and_leaves_nothing_half_deleted() {
    const ROWS: u64 = 40_000;
    let place = large(ROWS);
    let of_a = "comment WHERE source_id = 1";
    let mut child = place
        .repartee(["source", "delete", "a", "--yes", "--quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while rows(&place.project(), of_a) == ROWS as i64 {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "nothing was removed in a minute"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let left = rows(&place.project(), of_a);
    assert!(left > 0, "it was over before it was killed");
    // what is left is consistent, and nobody sees the source
    place.ok(["check", "--quiet"]);
    let list = place.ok(["source", "list", "--json"]).result();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["name"], "b");
    // the same file is imported again: leftovers of the first import are removed before
    let again = place.path("a.ndjson");
    let args = [
        "import",
        again.to_str().unwrap(),
        "--format",
        "pushshift",
        "--name",
        "a",
        "--permission",
        "none",
        "--json",
    ];
    let imported = place.ok(args).result();
    assert_eq!(imported["sources"][0]["counts"]["new"].as_u64(), Some(ROWS));
    assert_eq!(rows(&place.project(), "comment"), 2 * ROWS as i64);
    place.ok(["source", "delete", "a", "--yes", "--quiet"]);
    assert_eq!(rows(&place.project(), "comment"), ROWS as i64);
    whole(&place);
}

#[test]
fn two_processes_delete_while_a_third_writes_without_waiting() {
    const ROWS: u64 = 40_000;
    let place = large(ROWS);
    let engine = place.engine();
    let few = place.write("few.ndjson", comments(1 << 42, 10));
    done(
        &engine,
        &Import {
            files: vec![few],
            format: Some(Format::Pushshift),
            ..repartee_tests::study::permitted()
        },
    );
    let delete = |name: &str| {
        place
            .repartee(["source", "delete", name, "--yes", "--json"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let (mut a, mut b) = (delete("a"), delete("b"));
    let (mut slowest, mut writes) = (Duration::ZERO, 0);
    // while rows are removed; afterwards the file is rewritten, which needs it exclusively for a moment
    while rows(&place.project(), "comment") > 10 && writes < 100_000 {
        let started = Instant::now();
        engine
            .item_label(&LabelItem {
                kind: ItemKind::Source,
                item: "few.ndjson".into(),
                note: Some(format!("note {writes}")),
                add: vec![],
                remove: vec![],
            })
            .unwrap();
        slowest = slowest.max(started.elapsed());
        writes += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(a.wait().unwrap().success() && b.wait().unwrap().success());
    eprintln!("{writes} writes beside; the slowest took {slowest:?}");
    assert!(
        slowest < Duration::from_secs(5),
        "a writer waited {slowest:?}"
    );
    assert_eq!(engine.sources().unwrap().len(), 1);
    for (table, left) in [("comment", 10), ("pair", 0), ("pair_words_docsize", 0)] {
        assert_eq!(rows(&place.project(), table), left, "{table}");
    }
    whole(&place);
}
