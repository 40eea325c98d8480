//! A project and its private exports belong to their owner alone, whatever the umask.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use repartee_tests::stranger::{database, fill};
use repartee_tests::{Place, binary};

fn mode(path: &Path) -> u32 {
    let about = std::fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    about.permissions().mode() & 0o777
}

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The binary under this umask.
fn with_umask(place: &Place, umask: &str, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
        .arg(binary())
        .args(args)
        .current_dir(place.folder())
        .env_remove("REPARTEE_PROJECT")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn beside(place: &Place, end: &str) -> std::path::PathBuf {
    place.path(&format!("test.repartee{end}"))
}

#[test]
fn new_project_is_private_under_any_umask() {
    for umask in ["000", "022", "077"] {
        let place = Place::empty();
        set(place.folder(), 0o755);
        assert!(
            with_umask(&place, umask, &["new", "test.repartee"])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(mode(&place.project()), 0o600, "umask {umask}");
        assert_eq!(mode(place.folder()), 0o755, "the folder is left alone");

        // while a process has it open there are a log and its index, and their permissions are no wider
        let mut open = with_umask(&place, umask, &["reddit", "sandbox"])
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !(beside(&place, "-wal").exists() && beside(&place, "-shm").exists()) {
            assert!(begun.elapsed() < Duration::from_secs(120), "never opened");
            std::thread::sleep(Duration::from_millis(20));
        }
        for end in ["", "-wal", "-shm"] {
            assert_eq!(mode(&beside(&place, end)), 0o600, "umask {umask}: {end}");
        }
        open.kill().unwrap();
        open.wait().unwrap();
    }
}

#[test]
fn wide_project_is_narrowed_when_its_owner_opens_it() {
    let place = Place::with_project();
    fill(&place.project(), "a text");
    for end in ["", "-wal", "-shm"] {
        if beside(&place, end).exists() {
            set(&beside(&place, end), 0o666);
        }
    }
    set(&place.project(), 0o664);
    let ran = place.ok(["size", "-v"]);
    assert!(
        ran.err
            .contains("was open to others (mode 0664); it is now 0600"),
        "{ran}"
    );
    assert_eq!(mode(&place.project()), 0o600);
    let again = place.ok(["size", "-v"]);
    assert!(!again.err.contains("open to others"), "{again}");
    // through a link, the target is narrowed
    let link = place.path("link.db");
    std::os::unix::fs::symlink(place.project(), &link).unwrap();
    set(&place.project(), 0o644);
    place.ok(["size", "--project", link.to_str().unwrap()]);
    assert_eq!(mode(&place.project()), 0o600);
}

#[test]
fn text_exports_are_private() {
    let place = Place::with_project();
    fill(&place.project(), "a text");
    for (file, args) in [
        ("pairs.csv", vec!["export", "pairs", "pairs.csv"]),
        ("pairs.jsonl", vec!["export", "pairs", "pairs.jsonl"]),
        ("queue.csv", vec!["export", "queue", "queue.csv"]),
        ("threads.jsonl", vec!["reddit", "export", "threads.jsonl"]),
    ] {
        assert!(
            with_umask(&place, "000", &args).status().unwrap().success(),
            "{args:?}"
        );
        assert_eq!(mode(&place.path(file)), 0o600, "{file}");
        // an existing file with wide permissions is narrowed
        set(&place.path(file), 0o666);
        assert!(
            with_umask(&place, "000", &args).status().unwrap().success(),
            "{args:?}"
        );
        assert_eq!(mode(&place.path(file)), 0o600, "{file}");
    }
}

#[test]
fn reports_are_private() {
    let place = Place::with_project();
    fill(&place.project(), "a text");
    let args = ["report", "a text", "--out", "report.html"];
    let ran = with_umask(&place, "000", &args).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    for file in ["report.html", "report.md"] {
        assert_eq!(mode(&place.path(file)), 0o600, "{file}");
    }
}

#[test]
fn exported_models_are_private() {
    let (place, engine) = repartee_tests::sample::project(20);
    drop(engine);
    let all = |folder: &Path| -> Vec<(String, u32)> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut all: Vec<_> = entries
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (
                    entry.file_name().to_string_lossy().into_owned(),
                    mode(&entry.path()),
                )
            })
            .collect();
        all.sort();
        all
    };
    for umask in ["000", "022"] {
        let folder = format!("out-{umask}/model");
        let args = ["export", "base", "small-gpt2", &folder];
        let ran = with_umask(&place, umask, &args).status().unwrap();
        assert!(ran.success());
        for made in [format!("out-{umask}"), folder.clone()] {
            assert_eq!(mode(&place.path(&made)), 0o700, "{made}");
        }
        let files = all(&place.path(&folder));
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "README.md",
                "config.json",
                "model.safetensors",
                "tokenizer.json",
                "tokenizer_config.json"
            ]
        );
        assert!(files.iter().all(|(_, mode)| *mode == 0o600), "{files:?}");
    }
    // an existing folder keeps its mode
    let there = place.path("there");
    std::fs::create_dir(&there).unwrap();
    set(&there, 0o755);
    place.ok(["export", "base", "small-gpt2", "there"]);
    assert_eq!(mode(&there), 0o755);
    assert!(all(&there).iter().all(|(_, mode)| *mode == 0o600));
}

#[test]
fn repair_backup_is_private() {
    let place = Place::with_project();
    database(&place.project())
        .execute_batch("CREATE TABLE more (x)")
        .unwrap();
    assert!(
        with_umask(&place, "000", &["check", "--repair"])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(mode(&beside(&place, ".before-repair-1")), 0o600);
    assert_eq!(mode(&place.project()), 0o600);
}

#[test]
fn charts_are_shareable_and_follow_the_umask() {
    let place = Place::with_project();
    fill(&place.project(), "writer");
    assert!(
        with_umask(
            &place,
            "022",
            &["chart", "loss", "writer", "--out", "loss.svg"]
        )
        .status()
        .unwrap()
        .success()
    );
    assert_eq!(mode(&place.path("loss.svg")), 0o644);
}
