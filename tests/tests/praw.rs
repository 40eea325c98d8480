//! PRAW, the most common client, against the Reddit sandbox, run as a program of its own: what PRAW can do here, the
//! sandbox does as Reddit does. Prints `skipped` without Python or PyPI.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use repartee_tests::workspace;

/// The version of the reference client.
const PRAW: &str = "praw>=8.0,<9";

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

/// The Python of an environment with PRAW, created if needed. `Err`: why not.
fn python(folder: &Path) -> Result<PathBuf, String> {
    let python = folder.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let run = |what: &str, command: &mut Command| {
        let done = command
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{what}: {error}"))?;
        if done.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&done.stderr);
        Err(format!(
            "{what}: {}",
            said.trim().lines().last().unwrap_or("it failed")
        ))
    };
    let has_praw = |python: &Path| {
        let mut ask = Command::new(python);
        ask.args([
            "-c",
            "import praw; assert praw.__version__.startswith('8.')",
        ]);
        run("praw", &mut ask).is_ok()
    };
    if has_praw(&python) {
        return Ok(python);
    }
    let system = if cfg!(windows) { "python" } else { "python3" };
    run(
        "no environment of Python can be made",
        Command::new(system).args(["-m", "venv"]).arg(folder),
    )?;
    run(
        "PRAW cannot be had from PyPI",
        Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--retries",
            "1",
            "--timeout",
            "20",
            PRAW,
        ]),
    )?;
    Ok(python)
}

#[test]
fn praw_works_with_the_sandbox() {
    let test = std::env::current_exe().expect("the test's own path");
    let target = test.ancestors().nth(3).expect("target");
    let python = match python(&target.join("praw")) {
        Ok(python) => python,
        Err(why) => {
            eprintln!("skipped: {why}");
            return;
        }
    };
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
