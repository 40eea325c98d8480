#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::jobs::{JobState, Want};
use crate::{Error, Store};

/// A new project in a folder of its own, which lives as long as the guard.
pub(crate) fn project() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(&dir.path().join("p.repartee")).unwrap();
    (dir, store)
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
fn settings_come_back() {
    let (_dir, store) = project();
    assert_eq!(store.setting::<Vec<u32>>("a").unwrap(), None);
    store.set_setting("a", &vec![1, 2]).unwrap();
    store.set_setting("a", &vec![3]).unwrap();
    assert_eq!(store.setting::<Vec<u32>>("a").unwrap(), Some(vec![3]));
    assert!(matches!(
        store.setting::<String>("a"),
        Err(Error::Json { .. })
    ));
}

#[test]
fn a_job_has_one_owner() {
    let (_dir, store) = project();
    assert!(store.job_insert("j", "import", "{}", "a", 10).unwrap());
    assert!(!store.job_insert("j", "import", "{}", "b", 11).unwrap());
    assert_eq!(
        store.job_beat("j", "a", Some("1"), 20).unwrap(),
        Some(Want::Run)
    );
    assert_eq!(store.job_beat("j", "b", None, 20).unwrap(), None);
    store.job_want("j", Want::Pause).unwrap();
    assert_eq!(
        store.job_beat("j", "a", None, 30).unwrap(),
        Some(Want::Pause)
    );
    assert!(
        !store
            .job_end("j", "b", JobState::Done, None, None, 40)
            .unwrap()
    );
    assert!(
        store
            .job_end("j", "a", JobState::Paused, None, None, 40)
            .unwrap()
    );
    let row = store.job("j").unwrap().unwrap();
    assert_eq!(
        (row.state, row.owner, row.ended_ms),
        (JobState::Paused, None, None)
    );
    assert_eq!(row.progress.as_deref(), Some("1"));

    assert!(!store.job_claim("j", Some("a"), "c", 50).unwrap());
    assert!(store.job_claim("j", None, "b", 50).unwrap());
    assert!(!store.job_claim("j", None, "c", 50).unwrap());
    assert_eq!(store.job_beat("j", "b", None, 60).unwrap(), Some(Want::Run));
    store.job_log("j", 61, "half way").unwrap();
    assert_eq!(store.job_lines("j").unwrap(), [(61, "half way".to_owned())]);
    assert!(
        store
            .job_end("j", "b", JobState::Done, None, Some("{}"), 70)
            .unwrap()
    );
    assert_eq!(store.jobs().unwrap()[0].ended_ms, Some(70));
    assert!(matches!(
        store.job_want("x", Want::Run),
        Err(Error::Missing { .. })
    ));
}
