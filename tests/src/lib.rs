//! Shared by the tests: projects in temporary folders, and the binary run as a user runs it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod browser;
pub mod fuzz;
pub mod hub;
#[cfg(unix)]
pub mod pty;
pub mod sample;
pub mod seeds;
pub mod stranger;
pub mod study;
pub mod window;

use std::fs::Permissions;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use repartee_engine::Engine;
use repartee_engine::queue::ReplyInfo;

/// The device that `REPARTEE_DEVICE` names for the tests of models, if any: `tests/gpu.sh` sets it.
pub fn asked_device() -> Option<String> {
    std::env::var("REPARTEE_DEVICE").ok()
}

/// The current hash of a reply as it is shown.
pub fn seen(engine: &Engine, id: i64) -> String {
    engine.reply(id).expect("the reply").reply.shown.seen
}

/// Approves a reply by the hash of what is shown, as a user who sees it does.
///
/// # Errors
/// As the engine's.
pub fn approve_as_shown(engine: &Engine, id: i64, who: &str) -> repartee_engine::Result<ReplyInfo> {
    engine.reply_approve(id, &seen(engine, id), who)
}

/// The folder of real data: `REPARTEE_SHARED`, else `../shared` next to the workspace. Tests that call this are ignored
/// without it (`build.rs`).
///
/// # Panics
/// If it does not exist.
pub fn shared() -> PathBuf {
    let folder = match std::env::var_os("REPARTEE_SHARED") {
        Some(folder) => PathBuf::from(folder),
        None => workspace().join("../shared"),
    };
    assert!(
        folder.is_dir(),
        "{} does not exist; set REPARTEE_SHARED to the folder of real data",
        folder.display()
    );
    folder
}

pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// A temporary folder with a project in it.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// An empty folder; no project yet.
    pub fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder for the test"),
        }
    }

    /// A folder with a new project.
    pub fn with_project() -> Self {
        let place = Self::empty();
        Engine::create(place.project()).expect("a new project");
        place
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The project file's path.
    pub fn project(&self) -> PathBuf {
        self.path("test.repartee")
    }

    pub fn engine(&self) -> Engine {
        let mut engine = Engine::open(self.project()).expect("the test's project");
        engine.environment.state = Some(self.state());
        engine
    }

    /// The user's state folder for this test.
    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file of the test");
        path
    }

    /// All files in the folder, to make copies of it: what takes long to make is made once.
    pub fn save(&self) -> Saved {
        let mut saved = Saved::default();
        saved.read(self.folder(), Path::new(""));
        saved
    }

    /// The `repartee` binary, ready to run in this folder with two threads, so that it finds the project.
    pub fn repartee<S: AsRef<std::ffi::OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(binary());
        command
            .current_dir(self.folder())
            .env_remove("REPARTEE_PROJECT")
            .env("NO_COLOR", "1")
            .env(repartee_engine::machine::STATE_FOLDER, self.state())
            .stdin(Stdio::null());
        command.args(args).args(["--threads", "2"]);
        command
    }

    /// Runs the binary until it ends, whatever the result.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::from(self.repartee(args).output().expect("the binary runs"))
    }

    /// Runs the binary and panics with its output unless it ends with status 0.
    pub fn ok<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.status, Some(0), "{ran}");
        ran
    }
}

/// The files of a [`Place`].
#[derive(Default)]
pub struct Saved {
    folders: Vec<(PathBuf, Permissions)>,
    files: Vec<(PathBuf, Permissions, Vec<u8>)>,
}

impl Saved {
    /// Reads `within`, a folder in `folder`.
    fn read(&mut self, folder: &Path, within: &Path) {
        for entry in std::fs::read_dir(folder.join(within)).expect("a folder of the test") {
            let entry = entry.expect("an entry of it");
            let (path, about) = (within.join(entry.file_name()), entry.metadata());
            let permissions = about.as_ref().expect("its metadata").permissions();
            if about.expect("its metadata").is_dir() {
                self.folders.push((path.clone(), permissions));
                self.read(folder, &path);
            } else {
                let content = std::fs::read(entry.path()).expect("its content");
                self.files.push((path, permissions, content));
            }
        }
    }

    /// A new folder with these files.
    pub fn copy(&self) -> Place {
        let place = Place::empty();
        for (path, permissions) in &self.folders {
            let path = place.folder().join(path);
            std::fs::create_dir(&path).expect("a folder of the test");
            std::fs::set_permissions(path, permissions.clone()).expect("its permissions");
        }
        for (path, permissions, content) in &self.files {
            let path = place.folder().join(path);
            std::fs::write(&path, content).expect("a file of the test");
            std::fs::set_permissions(path, permissions.clone()).expect("its permissions");
        }
        place
    }
}

/// The result of a run of the binary.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Exit status; none if a signal ended it.
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// The last line of standard output as JSON; with `--json` it is the result.
    pub fn json(&self) -> serde_json::Value {
        let line = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(line)
            .unwrap_or_else(|e| panic!("no JSON line at the end ({e}):\n{self}"))
    }

    /// `result` of the last line with `--json`.
    pub fn result(&self) -> serde_json::Value {
        self.json()["result"].clone()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "status {:?}\n--- out\n{}--- err\n{}",
            self.status, self.out, self.err
        )
    }
}

/// The `repartee` binary, in the tests' own copy: cargo builds it with them, in the same profile and with the same
/// features, so that nothing is built twice.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| beside_the_test("repartee-under-test"))
}

/// A program of this package: target/<profile>/deps/<test>-<hash> -> target/<profile>/<name>.
fn beside_the_test(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.parent().and_then(Path::parent);
    profile
        .expect("target/<profile>")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
