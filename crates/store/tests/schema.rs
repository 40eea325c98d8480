//! Compares the schema of a project file with that of our migrations, and tests what happens to foreign objects.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use repartee_store::{APPLICATION_ID, Error, Store};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;

/// The files of our schema, in order.
fn versions() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/schema");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.ends_with(".sql") && name.starts_with(|c: char| c.is_ascii_digit())
        })
        .collect();
    files.sort_by_key(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.split('_').next().unwrap().parse::<usize>().unwrap()
    });
    files
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

/// A project as an earlier Repartee left it.
fn of_version(path: &Path, version: usize) -> Connection {
    let db = Connection::open(path).unwrap();
    db.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA foreign_keys = OFF;"
    ))
    .unwrap();
    // no row has a config yet
    let flags = FunctionFlags::SQLITE_UTF8;
    db.create_scalar_function("toml_to_json", 1, flags, |_| Ok(None::<String>))
        .unwrap();
    for sql in &versions()[..version] {
        db.execute_batch(sql).unwrap();
    }
    db.execute_batch(&format!("PRAGMA user_version = {version};"))
        .unwrap();
    db
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// A new project that was closed and changed by SQL, and the result of `open`.
fn opened(sql: &str) -> (tempfile::TempDir, PathBuf, Result<Store, Error>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.repartee");
    drop(Store::create(&path).unwrap());
    let db = Connection::open(&path).unwrap();
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)
        .unwrap();
    db.execute_batch(sql).unwrap();
    drop(db);
    let opened = Store::open(&path);
    (dir, path, opened)
}

#[test]
fn foreign_schema_objects_are_refused_by_name_and_repaired() {
    for (sql, named) in [
        (
            "CREATE TRIGGER swap AFTER UPDATE ON reply BEGIN UPDATE reply SET text = 'x'; END",
            "foreign trigger \"swap\" on \"reply\"",
        ),
        (
            "CREATE VIEW watched AS SELECT * FROM reply",
            "foreign view \"watched\"",
        ),
        ("CREATE TABLE \"a\nb\" (x)", "foreign table \"a\\nb\""),
        (
            "CREATE INDEX slow ON reply(abs(updated_ms))",
            "foreign index \"slow\" on \"reply\"",
        ),
        (
            "CREATE VIRTUAL TABLE words USING fts5(x)",
            "foreign table \"words\"",
        ),
        (
            // a name that only SQLite may use
            "PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema VALUES ('trigger', 'sqlite_stat1', 'reply', 0,
               'CREATE TRIGGER sqlite_stat1 AFTER UPDATE ON reply BEGIN DELETE FROM reply; END');
             PRAGMA writable_schema = RESET;",
            "foreign trigger \"sqlite_stat1\" on \"reply\"",
        ),
        (
            "DROP TRIGGER audit_is_kept",
            "trigger \"audit_is_kept\" is missing",
        ),
        ("DROP INDEX reply_once", "index \"reply_once\" is missing"),
        (
            "DROP INDEX reply_once; CREATE INDEX reply_once ON reply(id)",
            "index \"reply_once\" was changed",
        ),
        (
            "DROP TRIGGER audit_stays; CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT 1; END",
            "trigger \"audit_stays\" was changed",
        ),
    ] {
        let (_dir, path, opened) = opened(sql);
        match opened {
            Err(error @ Error::Foreign { .. }) => {
                assert!(error.to_string().contains(named), "{sql}: {error}");
            }
            other => panic!("{sql}: {other:?}"),
        }
        let check = Store::open_to_check(&path)
            .unwrap()
            .check(|_, _| true)
            .unwrap();
        assert!(
            check.schema.iter().any(|line| line == named),
            "{sql}: {check:?}"
        );
        assert!(!check.is_whole());
        let repaired = Store::repair(&path).unwrap();
        assert!(repaired.backup.unwrap().is_file(), "{sql}");
        let store = Store::open(&path).unwrap();
        assert!(store.check(|_, _| true).unwrap().is_whole(), "{sql}");
        drop(store);
        assert_eq!(Store::repair(&path).unwrap().backup, None, "{sql}");
    }
}

#[test]
fn changed_table_is_refused_and_left_unchanged() {
    let change = |from: &str, to: &str| {
        format!(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = replace(sql, '{from}', '{to}') WHERE name IN ('reply', 'audit');
             PRAGMA writable_schema = RESET;"
        )
    };
    for sql in [
        change("''posted'',", "''posted'', ''anything'',"),
        change(
            "who      TEXT NOT NULL",
            "who      TEXT NOT NULL DEFAULT (hex(randomblob(1)))",
        ),
        change("STRICT", ""),
        "ALTER TABLE reply ADD COLUMN more TEXT".to_owned(),
        "ALTER TABLE reply ADD COLUMN shout TEXT AS (upper(text))".to_owned(),
        "ALTER TABLE reply RENAME TO hidden; CREATE VIEW reply AS SELECT * FROM hidden".to_owned(),
    ] {
        let (_dir, path, opened) = opened(&sql);
        assert!(
            matches!(opened, Err(Error::Foreign { .. } | Error::Damaged(_))),
            "{sql}: {opened:?}"
        );
        let before = std::fs::read(&path).unwrap();
        assert!(Store::repair(&path).is_err(), "{sql}");
        assert_eq!(std::fs::read(&path).unwrap(), before, "{sql}");
    }
}

#[test]
fn every_schema_version_is_recognized() {
    for version in 1..=versions().len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.repartee");
        let make = |sql: &str| of_version(&path, version).execute_batch(sql).unwrap();
        make("PRAGMA optimize; ANALYZE;");
        let store = Store::open(&path).unwrap();
        assert!(store.check(|_, _| true).unwrap().is_whole());
        drop(store);
        std::fs::remove_file(&path).unwrap();
        // foreign objects are found before the file is migrated
        make("CREATE TRIGGER swap AFTER INSERT ON reply BEGIN DELETE FROM reply; END");
        assert!(matches!(Store::open(&path), Err(Error::Foreign { .. })));
        let db = Connection::open(&path).unwrap();
        let still: i64 = db
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap();
        assert_eq!(still, version as i64);
        drop(db);
        Store::repair(&path).unwrap();
        Store::open(&path).unwrap();
    }
}

#[test]
fn stored_names_of_version_9_become_those_of_the_glossary() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.repartee");
    let db = of_version(&path, 9);
    for (id, kind) in [("a", "upkeep"), ("b", "practice"), ("c", "import")] {
        db.execute(
            "INSERT INTO job (id, kind, params, state, beat_ms, created_ms) VALUES (?1, ?2, '{}', 'done', 1, 1)",
            [id, kind],
        )
        .unwrap();
    }
    for (id, code) in [(1, "twins"), (2, "unchecked")] {
        db.execute(
            "INSERT INTO reply (id, candidate_id, text, state, updated_ms, code) VALUES (?1, ?1, 'x', 'posted', 1, ?2)",
            rusqlite::params![id, code],
        )
        .unwrap();
    }
    drop(db);
    drop(Store::open(&path).unwrap());
    let db = Connection::open(&path).unwrap();
    let words = |sql: &str| -> Vec<String> {
        let mut query = db.prepare(sql).unwrap();
        let rows = query.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert_eq!(
        words("SELECT kind FROM job ORDER BY id"),
        ["maintenance", "sandbox", "import"]
    );
    assert_eq!(
        words("SELECT code FROM reply ORDER BY id"),
        ["duplicates", "unchecked"]
    );
}

#[test]
fn old_project_is_copied_before_it_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.repartee");
    let db = of_version(&path, 9);
    db.execute_batch("INSERT INTO setting (key, value) VALUES ('mine', '1')")
        .unwrap();
    drop(db);
    let now = versions().len();
    let store = Store::open(&path).unwrap();
    let copy = beside(&path, &format!(".before-version-{now}-1"));
    assert_eq!(store.migrated_from(), Some(copy.as_path()));
    // a purge names it with the other files that may hold a text
    assert_eq!(store.copies(), [copy.canonicalize().unwrap()]);
    drop(store);
    let copied = Connection::open(&copy).unwrap();
    let is = |sql: &str| {
        copied
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(is("PRAGMA user_version"), 9);
    assert_eq!(is("SELECT value FROM setting WHERE key = 'mine'"), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // of this version now: no more copies
    assert_eq!(Store::open(&path).unwrap().migrated_from(), None);
    assert_eq!(
        files(folder.path()),
        [
            "old.repartee".to_owned(),
            format!("old.repartee.before-version-{now}-1")
        ]
    );
}

#[test]
fn migration_that_fails_leaves_the_project_and_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.repartee");
    let db = of_version(&path, 7);
    // a state that version 8 does not take
    db.execute_batch(
        "PRAGMA ignore_check_constraints = ON;
         INSERT INTO job (id, kind, params, state, beat_ms, created_ms) VALUES ('a', 'import', '{}', 'odd', 1, 1)",
    )
    .unwrap();
    drop(db);
    let error = Store::open(&path).unwrap_err();
    assert!(error.to_string().contains("CHECK"), "{error}");
    assert_eq!(files(folder.path()), ["old.repartee"]);
    let db = Connection::open(&path).unwrap();
    let version: i64 = db
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 7);
}

#[test]
fn old_project_is_migrated_by_two_processes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..8 {
        let path = folder.path().join(format!("{n}.repartee"));
        drop(of_version(&path, 1));
        std::thread::scope(|scope| {
            let both = [(); 2].map(|()| scope.spawn(|| Store::open(&path).map(drop)));
            for one in both {
                one.join().unwrap().unwrap();
            }
        });
        // at least the copy of the one that migrated it, and all of them as it was
        let copies: Vec<String> = (files(folder.path()).into_iter())
            .filter(|name| name.starts_with(&format!("{n}.repartee.before")))
            .collect();
        assert!(!copies.is_empty());
        for copy in copies {
            let db = Connection::open(folder.path().join(copy)).unwrap();
            let version: i64 = db
                .query_row("PRAGMA user_version", [], |row| row.get(0))
                .unwrap();
            assert_eq!(version, 1);
        }
    }
}

/// The names of the files in a folder, without SQLite's own.
fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    names.sort();
    names
}

#[cfg(unix)]
#[test]
fn project_with_two_names_is_refused_until_one_is_left() {
    let (dir, path, opened) = opened("SELECT 1");
    let store = opened.unwrap();
    let other = dir.path().join("other");
    // also while it is open under its first name, which stays usable
    std::fs::hard_link(&path, &other).unwrap();
    for name in [&path, &other] {
        let errors = [
            Store::open(name).map(drop),
            Store::open_to_check(name).map(drop),
            Store::repair(name).map(drop),
        ];
        for error in errors {
            let error = error.unwrap_err().to_string();
            assert!(error.contains("2 names"), "{error}");
        }
    }
    store.set_setting("a", &1).unwrap();
    std::fs::remove_file(&other).unwrap();
    let again = Store::open(&path).unwrap();
    assert_eq!(again.setting::<i32>("a").unwrap(), Some(1));
    // a symbolic link is resolved, and uses the same log
    std::os::unix::fs::symlink(&path, &other).unwrap();
    let linked = Store::open(&other).unwrap();
    linked.set_setting("a", &2).unwrap();
    assert_eq!(again.setting::<i32>("a").unwrap(), Some(2));
}

#[test]
fn harmful_files_next_to_the_project_are_not_used() {
    let (_dir, path, opened) = opened("SELECT 1");
    drop(opened.unwrap());
    let beside = |end: &str| beside(&path, end);
    std::fs::write(beside("-journal"), "names a file that is to be removed").unwrap();
    assert!(matches!(Store::open(&path), Err(Error::Beside { .. })));
    assert!(matches!(
        Store::open_to_check(&path),
        Err(Error::Beside { .. })
    ));
    assert!(matches!(Store::repair(&path), Err(Error::Beside { .. })));
    std::fs::remove_file(beside("-journal")).unwrap();
    #[cfg(unix)]
    for end in ["-wal", "-shm", "-journal"] {
        let mine = beside(".mine");
        std::fs::write(&mine, "what a link leads to").unwrap();
        std::os::unix::fs::symlink(&mine, beside(end)).unwrap();
        assert!(
            matches!(Store::open(&path), Err(Error::Beside { .. })),
            "{end}"
        );
        assert_eq!(std::fs::read(&mine).unwrap(), b"what a link leads to");
        std::fs::remove_file(beside(end)).unwrap();
    }
    Store::open(&path).unwrap();
}
