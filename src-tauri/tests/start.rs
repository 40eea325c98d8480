//! Starting the program where it cannot open a window.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn started(args: &[&str], display: Option<&str>) -> Output {
    let mut app = Command::new(env!("CARGO_BIN_EXE_repartee-app"));
    app.args(args)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env("RUST_BACKTRACE", "0");
    if let Some(display) = display {
        app.env("DISPLAY", display);
    }
    app.output().unwrap()
}

#[test]
fn help_and_version_need_no_display() {
    for (arg, said) in [
        ("--help", "Usage: repartee-app"),
        ("--version", "repartee-app "),
    ] {
        let ran = started(&[arg], None);
        assert!(ran.status.success(), "{ran:?}");
        assert!(
            String::from_utf8_lossy(&ran.stdout).contains(said),
            "{ran:?}"
        );
    }
    assert_eq!(started(&["--nothing"], None).status.code(), Some(2));
}

#[test]
fn missing_display_is_a_sentence_and_no_panic() {
    for display in [None, Some(":987")] {
        let ran = started(&[], display);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{ran:?}");
        assert!(said.contains("cannot open a window"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
