//! The project file: created, opened, migrated, full, and watched by other processes.

use super::*;

/// Writes enough for a large log, and reads, which uses a connection of its own.
fn write_much(store: &Store, from: i64) {
    let text = "a line that fills the log ".repeat(40);
    let source = source(store);
    let records: Vec<Record> = (from..from + 4_000)
        .map(|id| comment(id, None, "ann", &text))
        .collect();
    store.records_upsert(source, &records).unwrap();
    assert_eq!(store.counts().unwrap().comments as i64, from + 4_000);
    assert!(store.wal_bytes() > crate::LOG_LEFT);
}

#[test]
fn closed_project_leaves_no_log() {
    let (_dir, store) = project();
    let path = store.path().to_owned();
    let log = || std::fs::metadata(crate::beside(&path, "-wal")).map_or(0, |about| about.len());
    write_much(&store, 0);
    drop(store);
    assert!(!crate::beside(&path, "-wal").exists());
    // a small one is emptied, too, even if the last operation was a read
    let store = Store::open(&path).unwrap();
    store.set_setting("a", &1).unwrap();
    assert_eq!(store.setting::<i32>("a").unwrap(), Some(1));
    assert!(log() > 0);
    drop(store);
    assert!(!crate::beside(&path, "-wal").exists());

    // while a window has the file open, a process that wrote much leaves an empty log
    let (_dir, window) = project();
    let path = window.path().to_owned();
    let log = || std::fs::metadata(crate::beside(&path, "-wal")).map_or(0, |about| about.len());
    let watch = window.watch().unwrap();
    let worker = Store::open(&path).unwrap();
    write_much(&worker, 0);
    drop(worker);
    assert_eq!(log(), 0);
    assert_eq!(window.counts().unwrap().comments, 4_000);
    // a reader does not do the work of others
    let worker = Store::open(&path).unwrap();
    write_much(&window, 4_000);
    assert_eq!(worker.counts().unwrap().comments, 8_000);
    drop(worker);
    assert!(log() > crate::LOG_LEFT);
    drop((watch, window));
    assert!(!crate::beside(&path, "-wal").exists());
}

#[test]
fn create_open_and_refuse() {
    let (dir, store) = project();
    let path = store.path().to_owned();
    assert!(matches!(Store::create(&path), Err(Error::FileExists(_))));
    drop(store);
    Store::open(&path).unwrap();

    let missing = dir.path().join("none");
    assert!(matches!(Store::open(&missing), Err(Error::NoFile(_))));
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("text", b"hello, this is no database"),
        ("long", &[7; 4096]),
    ] {
        let other = dir.path().join(name);
        std::fs::write(&other, bytes).unwrap();
        assert!(
            matches!(Store::open(&other), Err(Error::NotAProject { .. })),
            "{name}"
        );
        assert_eq!(
            std::fs::read(&other).unwrap(),
            bytes,
            "{name} must not be touched"
        );
    }
    assert!(matches!(
        Store::open(dir.path()),
        Err(Error::NotAProject { .. })
    ));
    assert!(matches!(
        Store::create(&dir.path().join("no/such/folder")),
        Err(Error::Open { .. })
    ));

    let other = dir.path().join("other.db");
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    assert!(matches!(
        Store::open(&other),
        Err(Error::NotAProject { .. })
    ));

    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(newer);
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 99, .. }), "{error}");
}

#[test]
fn settings_round_trip() {
    let (_dir, store) = project();
    assert_eq!(store.setting::<Vec<u32>>("a").unwrap(), None);
    store.set_setting("a", &vec![1, 2]).unwrap();
    store.set_setting("a", &vec![3]).unwrap();
    assert_eq!(store.setting::<Vec<u32>>("a").unwrap(), Some(vec![3]));
    assert!(matches!(
        store.setting::<String>("a"),
        Err(Error::Setting { ref key, .. }) if key == "a"
    ));
}

#[test]
fn every_table_belongs_to_a_family() {
    let (_dir, store) = project();
    let tables: Vec<String> = store
        .read(|db| {
            let sql =
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
            Ok(db
                .prepare(sql)?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?)
        })
        .unwrap();
    let families: Vec<&str> = crate::maintenance::FAMILIES
        .iter()
        .flat_map(|(_, m)| m.iter().copied())
        .collect();
    for table in &tables {
        assert!(families.contains(&table.as_str()), "{table}");
    }
    assert_eq!(tables.len(), families.len());
}

#[test]
fn a_full_disk_loses_nothing() {
    let (_dir, store, _, runs) = with_runs();
    let before = store.counts().unwrap();
    let pages: i64 = store
        .write_bare(|db| {
            let pages: i64 = db.query_row("PRAGMA page_count", [], |r| r.get(0))?;
            db.execute_batch(&format!("PRAGMA max_page_count = {}", pages + 20))?;
            Ok(pages)
        })
        .unwrap();
    assert!(pages > 0);
    let big = vec![1; 3 * CHUNK];
    let error = store.put(&tensor("x", &[3 * CHUNK], &big)).unwrap_err();
    assert!(matches!(error, Error::Full), "{error}");
    assert!(error.to_string().contains("disk is full"));
    let many: Vec<_> = (0..50_000)
        .map(|i| comment(90_000 + i, None, "z", &"long ".repeat(40)))
        .collect();
    assert!(matches!(store.records_upsert(1, &many), Err(Error::Full)));
    assert_eq!(store.counts().unwrap().comments, before.comments);
    assert!(store.check(|_, _| true).unwrap().is_whole());

    // with disk space again, the same step succeeds
    store
        .write_bare(|db| Ok(db.execute_batch("PRAGMA max_page_count = 1073741823")?))
        .unwrap();
    save(&store, runs[0], Role::Last, 1, 9);
    store.records_upsert(1, &many).unwrap();
    assert_eq!(store.counts().unwrap().comments, before.comments + 50_000);
}

#[test]
fn project_of_the_first_version_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.repartee");
    {
        let db = rusqlite::Connection::open(&path).unwrap();
        let id = crate::APPLICATION_ID;
        db.execute_batch(&format!("PRAGMA application_id = {id};"))
            .unwrap();
        db.execute_batch(include_str!("../schema/1_project.sql"))
            .unwrap();
        db.execute_batch(
            "PRAGMA foreign_keys = OFF;
             INSERT INTO source VALUES (1, 's', 's', 'mapped', NULL, '{}', 'own', '', '{}', 1);
             INSERT INTO comment VALUES (1, 9, NULL, 1, 'r', 'a', 'über alles', 1, 1, 1),
                                        (2, 9, 1, 1, 'r', 'b', 'kept words', 1, 1, 1);
             INSERT INTO pair VALUES (2, 1, 9);
             INSERT INTO thread VALUES (1, 'pasted', '', '', 1);
             INSERT INTO thread_comment VALUES (1, 1, NULL, NULL, NULL, 'why', NULL, NULL);
             INSERT INTO candidate VALUES (1, 1, 1, 0, 'so', 'end', NULL, NULL, NULL, NULL, NULL, NULL, 1, '');
             INSERT INTO reply VALUES (5, 1, 'so it is', 'approved', 77);
             INSERT INTO reply_event VALUES (1, 5, 76, 'ada', 'approved', '');
             PRAGMA user_version = 1;",
        )
        .unwrap();
    }
    // a dangling reference (the candidate's generation) is found before anything is changed
    assert!(matches!(Store::open(&path), Err(Error::Migration(_))));
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(
            "INSERT INTO bundle VALUES (1);
             INSERT INTO base VALUES (1, 'b', 'gpt2', '', '{}', 1, 1);
             INSERT INTO split VALUES (1, 'main', 1, '{}', NULL, 1);
             INSERT INTO run VALUES (1, 'w', 'generator', 1, 1, '', NULL, '{}', 1);
             INSERT INTO checkpoint VALUES (1, 1, 'best', 1, 1, NULL, '{}', 1);
             INSERT INTO generation VALUES (1, 1, NULL, NULL, '{}', 1);",
        )
        .unwrap();
    let store = Store::open(&path).unwrap();
    let reply = store.reply(5).unwrap();
    assert_eq!((reply.text.as_str(), reply.link.as_str()), ("so it is", ""));
    assert_eq!(store.reply_events(5).unwrap().len(), 1);
    let to = Became {
        link: "https://example.org".into(),
        ..Became::new(ReplyState::Posted, "", "")
    };
    let from = [ReplyState::Approved];
    store
        .reply_becomes(5, &from, None, &to, ("ada", "posted"), 80)
        .unwrap();
    assert_eq!(store.reply(5).unwrap().link, "https://example.org");
    assert_eq!(store.replies(Some(ReplyState::Posted)).unwrap().len(), 1);
    assert!(store.check(|_, _| true).unwrap().is_whole());

    // its pairs can be searched once they are indexed
    let query = |words: &str| PairQuery {
        words: Some(words.to_owned()),
        ..PairQuery::default()
    };
    assert_eq!(store.pair_count(&query("kept")).unwrap(), 0);
    assert_eq!(store.pairs_index(|_| true).unwrap(), 1);
    assert_eq!(store.pairs_index(|_| true).unwrap(), 0);
    for (words, found) in [
        ("kept", 1),
        ("kep", 1),
        ("uber WORDS", 1),
        ("ept", 0),
        ("kept \"nothing", 0),
        ("\"", 0),
    ] {
        assert_eq!(store.pair_count(&query(words)).unwrap(), found, "{words}");
    }
}

#[test]
fn watch_reports_writes_of_any_process() {
    let (_folder, store) = project();
    let other = Store::open(store.path()).unwrap();
    let mut watch = store.watch().unwrap();
    assert_eq!(watch.changed().unwrap(), []);
    other.set_setting("x", &1).unwrap();
    store.job_insert("j", "import", "{}", None, 1).unwrap();
    assert_eq!(watch.changed().unwrap(), [Family::Jobs, Family::Settings]);
    assert_eq!(watch.changed().unwrap(), []);
    assert_eq!(store.writes_of(Family::Jobs).unwrap(), 1);
}

#[test]
fn a_realism_run_of_version_3_finds_its_fakes_and_a_generation_keeps_its_models() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.repartee");
    {
        let db = rusqlite::Connection::open(&path).unwrap();
        let id = crate::APPLICATION_ID;
        db.execute_batch(&format!("PRAGMA application_id = {id};"))
            .unwrap();
        for schema in [
            include_str!("../schema/1_project.sql"),
            include_str!("../schema/2_window.sql"),
            include_str!("../schema/3_reddit.sql"),
        ] {
            db.execute_batch(schema).unwrap();
        }
        db.execute_batch(
            "INSERT INTO bundle VALUES (1);
             INSERT INTO base VALUES (1, 'b', 'gpt2', '', '{}', 1, 1);
             INSERT INTO split VALUES (1, 'main', 1, '{}', NULL, 1);
             INSERT INTO run VALUES (1, 'w', 'generator', 1, 1, '', NULL, 'no json', 1);
             INSERT INTO checkpoint VALUES (1, 1, 'best', 1, 1, NULL, '{}', 1);
             INSERT INTO fake_set VALUES (7, 'f', 1, 1, '{}', 1);
             INSERT INTO run VALUES (2, 'j', 'realism', 1, 1, '', NULL, '{\"fakes\":\"f\"}', 1),
                                    (3, 'k', 'realism', 1, 1, '', NULL, '{\"fakes\":\"gone\"}', 1);
             INSERT INTO generation VALUES (4, 1, NULL, NULL, '{}', 5);
             PRAGMA user_version = 3;",
        )
        .unwrap();
    }
    let store = Store::open(&path).unwrap();
    let run = |name: &str| store.run(name).unwrap();
    assert_eq!(
        (run("j").fake_set_id, run("j").fakes.as_deref()),
        (Some(7), Some("f"))
    );
    assert_eq!((run("k").fake_set_id, run("w").fake_set_id), (None, None));
    let generation = store.generation(4).unwrap();
    assert_eq!((generation.generator, generation.created_ms), (Some(1), 5));
    let found = store.dependents(ItemKind::Fakes, "f").unwrap();
    assert_eq!(found.items.len(), 1);
    // facts that no version of ours wrote are named, and nothing else is found
    let mut check = store.check(|_, _| true).unwrap();
    let named: Vec<_> = check
        .rows
        .drain(..)
        .map(|r| (r.table, r.row, r.column))
        .collect();
    assert_eq!(
        named,
        [("run".into(), "1".into(), "facts".into())] as [(String, String, String); 1]
    );
    assert!(check.is_whole());
}
