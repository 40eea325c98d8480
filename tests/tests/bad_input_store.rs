//! Invalid, newer or damaged project files, and full disks: a clear error, nothing lost, no panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_engine::{Code, Engine};
use repartee_tests::{Place, Ran};

fn refused(ran: &Ran, words: &str) {
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(ran.err.contains(words), "{words:?} is not said: {ran}");
    assert!(!ran.err.contains("panicked"), "{ran}");
}

#[test]
fn files_that_are_not_projects_are_refused() {
    let place = Place::empty();
    let other = place.path("other.repartee");
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    place.write(
        "text.repartee",
        "Dear diary, this is no database but long enough to look like one. ".repeat(9),
    );
    place.write("empty.repartee", "");
    place.write("cut.repartee", &std::fs::read(&other).unwrap()[..60]);
    std::fs::create_dir(place.path("folder.repartee")).unwrap();
    for (name, words) in [
        ("other", "SQLite file of another program"),
        ("text", "not an SQLite file"),
        ("empty", "the file is empty"),
        ("cut", "not an SQLite file"),
        ("folder", "it is a folder"),
        ("missing", "there is no project"),
    ] {
        let path = place.path(&format!("{name}.repartee"));
        let before = std::fs::read(&path).ok();
        refused(
            &place.run(["--project", path.to_str().unwrap(), "job", "list"]),
            words,
        );
        assert_eq!(std::fs::read(&path).ok(), before, "{name} is as it was");
    }
    let text = place.path("text.repartee");
    refused(
        &place.run(["new", text.to_str().unwrap()]),
        "exists already",
    );
    let nowhere = place.path("no/such/folder/p.repartee");
    refused(
        &place.run(["new", nowhere.to_str().unwrap()]),
        "cannot open",
    );
}

#[test]
fn newer_project_is_refused_and_unchanged() {
    let place = Place::with_project();
    rusqlite::Connection::open(place.project())
        .unwrap()
        .execute_batch("PRAGMA user_version = 41")
        .unwrap();
    let ran = place.run(["job", "list"]);
    refused(&ran, "written by a newer Repartee");
    refused(&ran, "41");
    let version: i64 = rusqlite::Connection::open(place.project())
        .unwrap()
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 41);
}

#[test]
fn a_damaged_page_is_found_and_named() {
    let place = Place::with_project();
    {
        let engine = place.engine();
        engine.compact().unwrap(); // move everything from the log to the file
    }
    let mut bytes = std::fs::read(place.project()).unwrap();
    // the second page and all after it; the first, with the header, stays
    for byte in bytes.iter_mut().skip(8192) {
        *byte = 0x5a;
    }
    std::fs::write(place.project(), &bytes).unwrap();
    let ran = place.run(["check"]);
    assert!(matches!(ran.status, Some(1 | 2)), "{ran}");
    let said = format!("{}{}", ran.out, ran.err);
    assert!(
        said.contains("malformed") || said.contains("damaged") || said.contains("Page"),
        "{ran}"
    );
    assert!(!said.contains("panicked"), "{ran}");
}

/// A disk of 6 MiB that fills up in the middle of an import.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs the right to mount a disk: .ci/test-tools"]
fn full_disk_keeps_what_was_stored() {
    struct Mounted(std::path::PathBuf);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount")
                .arg("-l")
                .arg(&self.0)
                .status();
        }
    }
    let place = Place::empty();
    let disk = place.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
        .arg(&disk)
        .status();
    assert!(
        mounted.is_ok_and(|status| status.success()),
        "a small disk needs the right to mount one"
    );
    let _mounted = Mounted(disk.clone());
    let project = disk.join("p.repartee");
    let project = project.to_str().unwrap();
    place.ok(["new", project]);
    let mut lines = String::new();
    for i in 0..60_000u64 {
        lines.push_str(&format!(
            r#"{{"id":"{i}","link_id":"t3_1","parent_id":"t3_1","author":"a","subreddit":"s","body":"{}","score":1,"created_utc":1700000000}}"#,
            "words and ".repeat(20)
        ));
        lines.push('\n');
    }
    let file = place.write("big.ndjson", lines);
    let ran = place.run([
        "--project",
        project,
        "import",
        file.to_str().unwrap(),
        "--format",
        "pushshift",
        "--permission",
        "none",
    ]);
    refused(&ran, "disk is full");
    // what was stored is complete, and the project still opens on the full disk
    let engine = Engine::open(project).unwrap();
    assert!(engine.check(&|_| {}).unwrap().whole);
    let store = repartee_store::Store::open(std::path::Path::new(project)).unwrap();
    assert!(
        store.counts().unwrap().comments > 0,
        "the batches before are kept"
    );
    let again = Engine::create(disk.join("second.repartee"));
    assert!(again.is_ok() || again.is_err_and(|e| e.code == Code::DiskFull));
}
