//! PRAW, the most common client, against the Reddit sandbox, run as a program of its own: what PRAW can do here, the
//! sandbox does as Reddit does. `.ci/test-tools` installs PRAW and runs this.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use repartee_tests::workspace;

/// The sandbox as a program; it ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the sandbox, and returns its address.
fn fake() -> (Program, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fake-reddit-under-test"))
        .args(["--port", "0", "--seed", "1", "--posts", "30"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the fake starts");
    let out = child.stdout.take().expect("its output");
    let mut base = String::new();
    BufReader::new(out)
        .read_line(&mut base)
        .expect("its address");
    (Program(child), base.trim().to_owned())
}

#[test]
#[ignore = "needs Python and PRAW: .ci/test-tools"]
fn praw_works_with_the_sandbox() {
    let test = std::env::current_exe().expect("the test's own path");
    let target = test.ancestors().nth(3).expect("target");
    let python = target.join(if cfg!(windows) {
        "praw/Scripts/python.exe"
    } else {
        "praw/bin/python"
    });
    let (_fake, base) = fake();
    let referee = Command::new(python)
        .arg(workspace().join("tests/praw/referee.py"))
        .arg(&base)
        .stdin(Stdio::null())
        // a folder without a user's praw.ini
        .current_dir(target)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python runs");
    let (out, err) = (
        String::from_utf8_lossy(&referee.stdout),
        String::from_utf8_lossy(&referee.stderr),
    );
    assert!(referee.status.success(), "{out}\n{err}");
    assert!(out.contains("is content"), "{out}\n{err}");
    eprintln!("{} things found right", out.matches("right: ").count());
}
