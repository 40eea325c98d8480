//! Clusters: what is said to Slurm and ssh, by programs in their place; and Slurm itself where it is installed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use repartee_engine::terms::JobStatus;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_tests::sample::project;
use repartee_tests::{Place, Ran, binary, workspace};

/// A machine with a Slurm that runs every task at once, and an ssh to it.
struct Cluster {
    place: Place,
    programs: PathBuf,
}

/// Runs the script for each task, and remembers how it ended for sacct. `$HERE` is the folder of this program.
const SBATCH: &str = r#"
[ -e "$HERE/refuses" ] && { echo 'sbatch: error: invalid partition' >&2; exit 1; }
for script in "$@"; do :; done
array= output=
for arg in "$@"; do
  case "$arg" in
    --array=*) array="${arg#--array=1-}" ;;
    --output=*) output="${arg#--output=}" ;;
  esac
done
failed=0
if [ -n "$array" ]; then
  n=1
  while [ "$n" -le "$array" ]; do
    log=$(printf %s "$output" | sed "s/%a/$n/")
    SLURM_ARRAY_JOB_ID=70 SLURM_ARRAY_TASK_ID=$n sh "$script" >>"$log" 2>&1
    echo "70_$n|COMPLETED|00:00:01|$?:0" >>"$HERE/ended"
    n=$((n + 1))
  done
else
  SLURM_JOB_ID=70 sh "$script" >>"$output" 2>&1 || failed=$?
  echo "70|COMPLETED|00:00:01|$failed:0" >>"$HERE/ended"
fi
echo '70;cluster'
case " $* " in *' --wait '*) exit "$failed" ;; esac
"#;

impl Cluster {
    fn new() -> Self {
        let place = Place::empty();
        let programs = place.path("bin");
        std::fs::create_dir(&programs).unwrap();
        let cluster = Self { place, programs };
        cluster.program("sbatch", SBATCH);
        cluster.program("squeue", "cat \"$HERE/queue\" 2>/dev/null; true");
        cluster.program("sacct", "cat \"$HERE/ended\" 2>/dev/null; true");
        cluster.program("scancel", ": >\"$HERE/queue\"");
        // the last argument is the command; it runs in the home folder there
        cluster.program(
            "ssh",
            "for command in \"$@\"; do :; done\ncd \"$HERE/../home\" && exec sh -c \"$command\"",
        );
        std::fs::create_dir(cluster.home()).unwrap();
        cluster
    }

    /// A program that notes its arguments, a line for each run.
    fn program(&self, name: &str, body: &str) {
        let path = self.programs.join(name);
        let here = self.programs.display();
        let script = format!(
            "#!/bin/sh\nHERE='{here}'\n(for arg in {name} \"$@\"; do printf '%s\\037' \"$arg\"; done; echo) >>\"$HERE/said\"\n{body}\n"
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn home(&self) -> PathBuf {
        self.place.path("home")
    }

    /// Runs the binary with these programs first on the PATH.
    fn run<S: AsRef<std::ffi::OsStr>>(
        &self,
        place: &Place,
        args: impl IntoIterator<Item = S>,
    ) -> Ran {
        let path = std::env::var("PATH").unwrap();
        let mut command = place.repartee(args);
        command.env("PATH", format!("{}:{path}", self.programs.display()));
        Ran::from(command.output().unwrap())
    }

    fn ok<S: AsRef<std::ffi::OsStr>>(
        &self,
        place: &Place,
        args: impl IntoIterator<Item = S>,
    ) -> Ran {
        let ran = self.run(place, args);
        assert_eq!(ran.status, Some(0), "{ran}");
        ran
    }

    /// What was said to a program since the last call, an argument list for each run.
    fn said(&self, program: &str) -> Vec<Vec<String>> {
        let file = self.programs.join("said");
        let said = std::fs::read_to_string(&file).unwrap_or_default();
        let runs = said.split_terminator("\u{1f}\n").map(|line| {
            let words = line.split('\u{1f}');
            words.map(str::to_owned).collect::<Vec<_>>()
        });
        let of_program = |words: &Vec<String>| words[0] == program;
        runs.filter(of_program).collect()
    }

    fn forget_said(&self) {
        let _ = std::fs::remove_file(self.programs.join("said"));
    }

    /// The folders of bundles.
    fn bundles(&self, folder: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.home().join(folder)) else {
            return Vec::new();
        };
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn settings(name: &str) -> RunConfig {
    RunConfig {
        name: name.to_owned(),
        steps: 4,
        batch_size: 16,
        max_tokens: 64,
        validate_every: 2,
        save_every: 2,
        seed: 3,
        device: "cpu".to_owned(),
        ..RunConfig::of(ModelKind::Generator)
    }
}

fn config(place: &Place, config: &RunConfig) -> String {
    let file = place.write(&format!("{}.toml", config.name), config.to_toml().unwrap());
    file.to_str().unwrap().to_owned()
}

/// A folder name that a shell would read as something else.
const FOLDER: &str = "my jobs' $(touch x)";

fn add(cluster: &Cluster, place: &Place) {
    let program = binary().to_str().unwrap();
    cluster.ok(
        place,
        [
            "cluster",
            "add",
            "hpc",
            "--ssh",
            "me@login",
            "--folder",
            FOLDER,
            "--partition",
            "long",
            "--time",
            "0:10:00",
            "--cpus",
            "2",
            "--repartee",
            program,
            "--sbatch-arg=--mem=2G",
        ],
    );
}

#[test]
fn a_training_is_submitted_fetched_and_deleted_over_ssh() {
    let (place, engine) = project(60);
    let cluster = Cluster::new();
    add(&cluster, &place);
    let listed = cluster.ok(&place, ["cluster", "list"]).out;
    assert!(
        listed.contains("me@login") && listed.contains("0:10:00"),
        "{listed}"
    );
    let tested = cluster.ok(&place, ["cluster", "test", "hpc"]);
    assert!(tested.out.contains("works"), "{tested}");
    assert!(
        cluster.bundles(FOLDER).is_empty(),
        "the dry job leaves nothing"
    );
    cluster.forget_said();

    place.ok([
        "train",
        "generator",
        "--config",
        &config(&place, &settings("here")),
    ]);
    let file = config(&place, &settings("away"));
    let made = cluster.ok(
        &place,
        [
            "train",
            "generator",
            "--config",
            &file,
            "--on",
            "hpc",
            "--json",
        ],
    );
    let bundle = made.result()["bundle"]["id"].as_str().unwrap().to_owned();
    assert_eq!(made.result()["place"]["slurm"], "70");
    let folder = format!("{FOLDER}/{bundle}");
    let sbatch = &cluster.said("sbatch")[0];
    assert_eq!(
        sbatch[1..],
        [
            "--parsable",
            &format!("--job-name=repartee-{}", &bundle[bundle.len() - 8..]),
            "--signal=B:USR1@90",
            "--requeue",
            "--open-mode=append",
            "--time=0:10:00",
            "--cpus-per-task=2",
            &format!("--output={folder}/log-1.txt"),
            "--partition=long",
            "--mem=2G",
            &format!("{folder}/job.sh"),
        ]
    );
    for said in cluster.said("ssh") {
        assert_eq!(
            said[1..6],
            ["-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "--"]
        );
        assert_eq!((said.len(), said[6].as_str()), (8, "me@login"));
    }
    assert!(!cluster.home().join("x").exists(), "no name was run");
    let there = cluster.home().join(&folder);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&there), mode(&there.join("job.bundle"))),
        (0o700, 0o600)
    );

    // it is not resumed here before it is fetched
    let here = place.run(["train", "generator", "--config", &file]);
    assert!(here.err.contains("on the cluster \"hpc\""), "{here}");
    let jobs = cluster.ok(&place, ["cluster", "jobs"]).out;
    assert!(jobs.contains("COMPLETED"), "{jobs}");
    let fetched = cluster.ok(&place, ["cluster", "fetch", &bundle[28..]]);
    assert!(fetched.out.contains("merged; done"), "{fetched}");
    assert_eq!(
        engine.run_show("away").unwrap().state,
        Some(JobStatus::Done)
    );
    assert_eq!(
        engine.weights_hashes("away").unwrap(),
        engine.weights_hashes("here").unwrap()
    );
    let log = cluster.ok(&place, ["cluster", "log", &bundle]).out;
    assert!(log.contains("weights of step 4"), "{log}");
    let again = cluster.ok(&place, ["cluster", "fetch"]);
    assert!(again.out.contains("no new results"), "{again}");
    let left = std::fs::read_dir(place.state()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().contains(&bundle[..8])),
        "{left:?}"
    );

    let remove = cluster.run(&place, ["cluster", "remove", "hpc"]);
    assert!(remove.err.contains("bundle delete"), "{remove}");
    cluster.ok(&place, ["bundle", "delete", &bundle, "--yes"]);
    assert!(cluster.bundles(FOLDER).is_empty());
    cluster.ok(&place, ["cluster", "remove", "hpc"]);
}

#[test]
fn a_sweep_is_an_array_and_its_tasks_are_canceled_by_their_numbers() {
    let (place, engine) = project(60);
    let cluster = Cluster::new();
    add(&cluster, &place);
    cluster.forget_said();
    let file = config(&place, &settings("x"));
    let made = cluster.ok(
        &place,
        [
            "train",
            "sweep",
            "generator",
            "--config",
            &file,
            "--name",
            "swept",
            "--seeds",
            "1,2",
            "--on",
            "hpc",
            "--json",
        ],
    );
    let bundle = made.result()["bundle"]["id"].as_str().unwrap().to_owned();
    assert!(cluster.said("sbatch")[0].contains(&"--array=1-2".to_owned()));
    // as if the second task still ran
    std::fs::write(cluster.programs.join("queue"), "70_2|RUNNING|0:10|None\n").unwrap();
    let fetched = cluster.ok(&place, ["cluster", "fetch", "--json"]).result();
    assert_eq!(fetched[0]["active"], true);
    assert_eq!(fetched[0]["jobs"].as_array().unwrap().len(), 2);
    let job = engine.sweep_show("swept").unwrap().job;
    assert!(
        !engine.made_bundle(&bundle).unwrap().away.is_empty(),
        "it may still run there"
    );

    cluster.ok(&place, ["cluster", "cancel", &bundle, "--task", "2"]);
    assert_eq!(cluster.said("scancel"), [["scancel", "70_2"]]);
    let none = cluster.run(&place, ["cluster", "cancel", &bundle, "--task", "3"]);
    assert!(none.err.contains("tasks 1 to 2"), "{none}");
    cluster.ok(&place, ["cluster", "fetch"]);
    assert!(engine.made_bundle(&bundle).unwrap().away.is_empty());
    place.ok(["job", "resume", &job]);
    let outcomes = engine.sweep_show("swept").unwrap().trials.into_iter();
    assert!(
        outcomes
            .map(|trial| trial.outcome)
            .all(|outcome| outcome.is_some())
    );
}

#[test]
fn what_is_not_accepted_is_not_left_there_and_can_be_started_here() {
    let (place, engine) = project(60);
    let cluster = Cluster::new();
    add(&cluster, &place);
    std::fs::write(cluster.programs.join("refuses"), "").unwrap();
    let file = config(&place, &settings("away"));
    let refused = cluster.run(
        &place,
        ["train", "generator", "--config", &file, "--on", "hpc"],
    );
    assert_eq!(refused.status, Some(2), "{refused}");
    assert!(refused.err.contains("invalid partition"), "{refused}");
    assert!(cluster.bundles(FOLDER).is_empty());
    assert!(engine.made_bundles().unwrap().is_empty());
    place.ok(["train", "generator", "--config", &file]);
    let file = config(&place, &settings("another"));
    let unknown = cluster.run(
        &place,
        ["train", "generator", "--config", &file, "--on", "other"],
    );
    assert!(unknown.err.contains("hpc"), "{unknown}");
}

/// A private Slurm of one node, with an array of which one task fails, one is canceled, and one reaches its time limit
/// and is queued again.
#[test]
#[ignore = "needs Slurm (Debian: slurm-wlm and munge); .ci/test-tools runs it"]
fn slurm_runs_an_array_and_a_requeued_task_has_the_bits_of_the_uncut_run() {
    let (place, _engine) = project(150);
    let ran = Command::new("bash")
        .arg(workspace().join("tests/slurm.sh"))
        .args([binary(), &place.project()])
        .env(repartee_engine::machine::STATE_FOLDER, place.state())
        .output()
        .unwrap();
    let ran = Ran::from(ran);
    assert_eq!(ran.status, Some(0), "{ran}");
}
