//! An unreadable item or setting is named and hides no other.

use super::*;

#[test]
fn unreadable_item_does_not_hide_others() {
    let (place, engine) = full();
    drop(engine);
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch(
        "PRAGMA ignore_check_constraints = ON;
         UPDATE evaluation SET metrics = '{\"broken' WHERE id = 2;
         UPDATE evaluation SET config = CAST(X'FF' AS TEXT) WHERE id = 3;
         UPDATE run SET config = CAST(X'FF' AS TEXT) WHERE name = 'judge';
         INSERT INTO split (id, name, seed, config, created_ms) VALUES (77, 'bad', 1, '[]', 1);
         INSERT INTO source (id, name, path, format, options, counts, created_ms)
           VALUES (77, 'bad', 'x', 'sample', '{}', 'no', 1);
         INSERT INTO base (id, name, kind, origin, config, bundle_id, created_ms)
           SELECT 77, 'bad', 'gpt2', 'x', '{}', bundle_id, 1 FROM base LIMIT 1;
         INSERT INTO fake_set (id, name, checkpoint_id, split_id, config, created_ms)
           SELECT 77, 'bad', checkpoint_id, split_id, '{', 1 FROM fake_set LIMIT 1;
         INSERT INTO generation (id, generator, config, created_ms)
           SELECT 77, generator, '1', 1 FROM generation LIMIT 1;
         UPDATE reply SET detail = CAST(X'FF' AS TEXT) WHERE id = 2;",
    )
    .unwrap();
    drop(db);
    for (args, bad, good) in [
        (
            ["evaluation", "list"],
            "evaluation 2 is unreadable",
            "writer",
        ),
        (
            ["evaluation", "list"],
            "evaluation 3 is unreadable",
            "writer",
        ),
        (["run", "list"], "is unreadable", "votes"),
        (["split", "list"], "split 77 is unreadable", "main"),
        (
            ["source", "list"],
            "source 77 is unreadable",
            "sample.ndjson",
        ),
        (["base", "list"], "base 77 is unreadable", "small-gpt2"),
        (["fakes", "list"], "set of fakes 77 is unreadable", "writer"),
        (
            ["generation", "list"],
            "generation 77 is unreadable",
            "writer",
        ),
        (["queue", "list"], "reply 2 is unreadable", "posted"),
    ] {
        let ran = place.ok(args);
        assert!(
            ran.out.contains(bad) && ran.out.contains(good),
            "{args:?} {bad}: {ran}"
        );
        assert!(ran.out.contains("repartee check"), "{ran}");
    }
    let check = place.run(["check"]);
    assert_eq!(check.status, Some(1), "{check}");
    for line in [
        "evaluation row 2, metrics: it is not JSON",
        "evaluation row 3, config: it has bytes that are not UTF-8",
        "split row 77, config: it cannot be read",
        "source row 77, counts: ",
        "fake_set row 77, config: it is not JSON",
        "generation row 77, config: it cannot be read",
        "reply row 2, detail: it has bytes that are not UTF-8",
        "delete evaluation number 2 and make it again",
    ] {
        assert!(check.out.contains(line), "{line}: {check}");
    }
}

#[test]
fn unreadable_text_names_its_pair_and_the_repair() {
    let (place, engine) = full();
    drop(engine);
    let db = rusqlite::Connection::open(place.project()).unwrap();
    let id: i64 = db
        .query_row(
            "SELECT min(pair_id) FROM split_pair WHERE side = 0",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let bad = "UPDATE comment SET body = CAST(X'61FF' AS TEXT) WHERE id = ?1";
    db.execute(bad, [id]).unwrap();
    drop(db);
    let of_split = ["export", "pairs", "split.jsonl", "--split", "main"];
    let commands: [&[&str]; 4] = [
        &["pairs", "show", "--limit", "100000"],
        &["export", "pairs", "all.jsonl"],
        &["split", "make", "second"],
        &of_split,
    ];
    for args in commands {
        let ran = place.run(args);
        assert_eq!(ran.status, Some(2), "{args:?} {ran}");
        for words in [&format!("pair {id}, body: "), "`repartee check --repair`"] {
            assert!(ran.err.contains(words), "{args:?} {words}: {ran}");
        }
    }
    let built = place.ok(["pairs", "build"]);
    for words in ["dropped: unreadable", "`repartee check --repair`"] {
        assert!(built.out.contains(words), "{words}: {built}");
    }
    // the other pairs can be used; a split is locked, and keeps its pair
    for args in &commands[..3] {
        place.ok(*args);
    }
    assert_eq!(place.run(of_split).status, Some(2));
    let check = place.run(["check"]);
    let words = format!("comment row {id}, body: it has bytes that are not UTF-8");
    assert!(check.out.contains(&words), "{check}");
    place.ok(["check", "--repair"]);
    place.ok(of_split);
}

#[test]
fn unreadable_setting_is_named_and_reset_after_a_backup() {
    let place = Place::with_project();
    drop(place.engine());
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch(r#"INSERT INTO setting (key, value) VALUES ('reddit', '{"per_day":-1}'), ('study.strict', '7')"#)
        .unwrap();
    drop(db);
    let list = place.run(["queue", "list"]);
    assert_eq!(list.status, Some(2), "{list}");
    for words in ["\"reddit\"", "-1", "repartee check --repair"] {
        assert!(list.err.contains(words), "{words}: {list}");
    }
    let check = place.run(["check"]);
    assert_eq!(check.status, Some(1), "{check}");
    assert!(check.out.contains("setting row reddit, value: "), "{check}");
    assert!(
        check.out.contains("setting row study.strict, value: "),
        "{check}"
    );
    let repaired = place.ok(["check", "--repair"]);
    assert!(
        repaired.out.contains("per_day"),
        "the old value is named: {repaired}"
    );
    assert!(repaired.out.contains("before-repair-1"), "{repaired}");
    assert!(place.path("test.repartee.before-repair-1").exists());
    place.ok(["queue", "list"]);
    assert!(
        place.engine().study().unwrap().strict,
        "the stricter of the two"
    );
    let again = place.ok(["check", "--repair"]);
    assert!(!again.out.contains("Repaired:"), "{again}");
    assert!(!place.path("test.repartee.before-repair-2").exists());
}
