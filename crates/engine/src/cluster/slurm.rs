//! What is said to Slurm, and how its answers are read: <https://slurm.schedmd.com/sbatch.html>, squeue and sacct.

use repartee_core::error::{Code, Error, Result};
use repartee_core::shell::quoted;

use super::profile::Profile;
use super::remote::Remote;

/// Seconds before the time limit at which a task is told to save a checkpoint.
const SECONDS_BEFORE: u32 = 90;

/// What Slurm knows of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// "123" or "123_4".
    pub id: String,
    /// Its word, such as PENDING, RUNNING, COMPLETED or FAILED.
    pub state: String,
    pub elapsed: String,
    /// Why it waits, or its exit status.
    pub detail: String,
}

/// The arguments of sbatch, without the script. The log of task N is log-N.txt in the folder.
pub(super) fn sbatch(
    profile: &Profile,
    folder: &str,
    name: &str,
    cpus: usize,
    tasks: usize,
) -> Vec<String> {
    let mut args = vec![
        "sbatch".to_owned(),
        "--parsable".to_owned(),
        format!("--job-name={name}"),
        // B: the script alone, which passes it on
        format!("--signal=B:USR1@{SECONDS_BEFORE}"),
        "--requeue".to_owned(),
        // a task that was queued again continues its log
        "--open-mode=append".to_owned(),
        format!("--time={}", profile.time),
        format!("--cpus-per-task={cpus}"),
    ];
    match tasks {
        1 => args.push(format!("--output={folder}/log-1.txt")),
        n => args.extend([
            format!("--array=1-{n}"),
            format!("--output={folder}/log-%a.txt"),
        ]),
    }
    args.extend(
        profile
            .queue
            .iter()
            .map(|queue| format!("--partition={queue}")),
    );
    args.extend(profile.sbatch.iter().cloned());
    args
}

/// The script of a task. A task that was told to save its checkpoint before the time limit ends with 75, and is queued
/// again; so is one that was not quick enough and was ended by the signal. Ended by `scancel` or a preemption, it isn't
/// queued by this script: Slurm decides.
pub(super) fn script(profile: &Profile, bundle: &str) -> String {
    let scratch = match &profile.scratch {
        Some(folder) => format!(" --scratch {}", quoted(folder)),
        None => String::new(),
    };
    format!(
        r#"#!/bin/sh
# Written by repartee: works on one task of a job bundle.
umask 077
task="${{SLURM_ARRAY_TASK_ID:-1}}"
{} work {} --task "$task"{scratch} &
worker=$!
limit=
trap 'limit=1; kill -USR1 "$worker" 2>/dev/null' USR1
trap 'kill -TERM "$worker" 2>/dev/null' TERM
# wait returns early, with more than 128, when a signal comes
while :; do
  wait "$worker"
  status=$?
  [ "$status" -gt 128 ] || break
  kill -0 "$worker" 2>/dev/null && continue
  wait "$worker"
  ended=$?
  # 127: the first wait has already returned how it ended
  [ "$ended" -eq 127 ] || status=$ended
  break
done
if [ -n "$limit" ] && {{ [ "$status" -eq 75 ] || [ "$status" -gt 128 ]; }}; then
  if [ -n "${{SLURM_ARRAY_JOB_ID:-}}" ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$task"
  else
    scontrol requeue "$SLURM_JOB_ID"
  fi
fi
exit "$status"
"#,
        quoted(&profile.repartee),
        quoted(bundle),
    )
}

/// The script of a dry job.
pub(super) fn dry_script(profile: &Profile) -> String {
    format!(
        "#!/bin/sh\n# Written by repartee: tests whether it runs on this cluster.\n{} --version\n",
        quoted(&profile.repartee)
    )
}

/// The id of a job in what `sbatch --parsable` prints: "123", or "123;cluster".
///
/// # Errors
/// [`Code::Io`] if it is none.
pub(super) fn job_id(said: &str) -> Result<String> {
    let last = said.lines().last().unwrap_or_default();
    let id = last.split(';').next().unwrap_or_default().trim();
    if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(id.to_owned());
    }
    Err(Error::new(
        Code::Io,
        format!("expected the id of a job from sbatch, not {last:?}"),
    ))
}

/// Whether a task in this state waits, runs, or is about to run again.
pub(super) fn is_active(state: &str) -> bool {
    [
        "PENDING",
        "CONFIGURING",
        "RUNNING",
        "COMPLETING",
        "STAGE_OUT",
        "SIGNALING",
        "STOPPED",
        "SUSPENDED",
        "REQUEUED",
        "REQUEUE_FED",
        "REQUEUE_HOLD",
        "RESIZING",
        "SPECIAL_EXIT",
    ]
    .contains(&state)
}

/// Lines of four fields with a bar between them.
fn fields(text: &str) -> impl Iterator<Item = Known> {
    text.lines().filter_map(|line| {
        let mut fields = line.splitn(4, '|').map(|field| field.trim().to_owned());
        let (id, state) = (fields.next()?, fields.next()?);
        Some(Known {
            id,
            // of a canceled one, the user follows
            state: state.split(' ').next().unwrap_or_default().to_owned(),
            elapsed: fields.next()?,
            detail: fields.next()?,
        })
    })
}

/// What Slurm knows of the tasks of a job: those in the queue, and the ended ones if the cluster keeps an accounting.
///
/// # Errors
/// [`Code::Io`] if squeue fails.
pub(super) fn states(remote: &Remote<'_>, id: &str) -> Result<Vec<Known>> {
    let is_its = |known: &Known| {
        let rest = known.id.strip_prefix(id);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    // all of the user: squeue fails when asked for a job that it no longer knows
    let queue = remote.ok(&[
        "squeue",
        "--me",
        "--array",
        "--noheader",
        "--format=%i|%T|%M|%r",
    ])?;
    let mut known: Vec<Known> = fields(&queue).filter(is_its).collect();
    let jobs = format!("--jobs={id}");
    let ended = remote.run(&[
        "sacct",
        "--noheader",
        "--parsable2",
        "--allocations",
        "--format=JobID,State,Elapsed,ExitCode",
        &jobs,
    ]);
    // a cluster without accounting has no sacct, or one that fails
    if let Ok(ended) = ended
        && ended.status == Some(0)
    {
        for one in fields(&ended.out).filter(is_its) {
            // the last line of a task that was queued again is its latest
            match known.iter_mut().find(|before| before.id == one.id) {
                Some(before) if is_active(&before.state) => {}
                Some(before) => *before = one,
                None => known.push(one),
            }
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_name_the_limit_the_queue_and_the_array() {
        let profile = Profile {
            queue: Some("long".to_owned()),
            sbatch: vec!["--mem=8G".to_owned()],
            ..Profile::named("hpc")
        };
        assert_eq!(
            sbatch(&profile, "jobs/x", "repartee-1", 2, 4).join(" "),
            "sbatch --parsable --job-name=repartee-1 --signal=B:USR1@90 --requeue --open-mode=append --time=1:00:00 \
             --cpus-per-task=2 --array=1-4 --output=jobs/x/log-%a.txt --partition=long --mem=8G"
        );
        let one = sbatch(&Profile::named("hpc"), "jobs/x", "n", 1, 1).join(" ");
        assert!(one.ends_with("--output=jobs/x/log-1.txt"), "{one}");
        assert!(!one.contains("--array"), "{one}");
    }

    #[test]
    fn ids_and_states_are_read() {
        assert_eq!(job_id("123\n").expect("an id"), "123");
        assert_eq!(job_id("a warning\n45;cluster\n").expect("an id"), "45");
        for said in ["", "12a", "Submitted batch job 3"] {
            assert_eq!(job_id(said).expect_err("none").code, Code::Io, "{said}");
        }
        let known: Vec<Known> =
            fields("7_1|RUNNING|1:02|None\n7_2|TIMEOUT by 0|0:00|0:15\nodd\n").collect();
        assert_eq!(known.len(), 2);
        assert_eq!(
            (known[0].id.as_str(), known[0].detail.as_str()),
            ("7_1", "None")
        );
        assert_eq!(known[1].state, "TIMEOUT");
        assert!(is_active(&known[0].state) && !is_active(&known[1].state));
    }

    /// Runs a task's script with these programs in place of repartee and scontrol. Returns its exit status, and what
    /// was passed to scontrol.
    #[cfg(unix)]
    fn ran(worker: &str, signals: &[&str]) -> (Option<i32>, String) {
        use std::os::unix::fs::PermissionsExt;
        use std::process::Command;
        use std::time::Duration;
        let place = tempfile::tempdir().expect("a folder");
        let program = |name: &str, body: &str| {
            let path = place.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("written");
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&path, mode).expect("executable");
            path.to_str().expect("UTF-8").to_owned()
        };
        let said = place.path().join("said");
        program("scontrol", &format!("echo \"$@\" > {}", said.display()));
        let profile = Profile {
            repartee: program("it's repartee", worker),
            ..Profile::named("hpc")
        };
        let file = place.path().join("job.sh");
        std::fs::write(&file, script(&profile, "a b/$(x)")).expect("written");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new("sh")
            .arg(&file)
            .env("PATH", format!("{}:{path}", place.path().display()))
            .env("SLURM_ARRAY_JOB_ID", "70")
            .env("SLURM_ARRAY_TASK_ID", "3")
            .spawn()
            .expect("a shell");
        for signal in signals {
            // the worker says when it can be sent one
            while !place.path().join("up").exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
            let id = child.id().to_string();
            let sent = Command::new("kill").args([*signal, id.as_str()]).status();
            assert!(sent.expect("kill").success());
        }
        let status = child.wait().expect("ended").code();
        (status, std::fs::read_to_string(said).unwrap_or_default())
    }

    /// A worker that ends with a status when it gets a signal.
    #[cfg(unix)]
    fn ends_on(signal: &str, status: u8) -> String {
        format!(
            "trap 'exit {status}' {signal}\ntouch \"$(dirname \"$0\")/up\"\nwhile :; do sleep 0.01; done"
        )
    }

    #[cfg(unix)]
    #[test]
    fn a_task_is_queued_again_only_after_its_time_limit() {
        assert_eq!(ran("exit 0", &[]), (Some(0), String::new()));
        assert_eq!(ran("exit 2", &[]), (Some(2), String::new()));
        let limit = ran(&ends_on("USR1", 75), &["-USR1"]);
        assert_eq!(limit, (Some(75), "requeue 70_3\n".to_owned()));
        let canceled = ran(&ends_on("TERM", 75), &["-TERM"]);
        assert_eq!(canceled, (Some(75), String::new()));
        // it was over before the signal had an effect
        let done = ran(&ends_on("USR1", 0), &["-USR1"]);
        assert_eq!(done, (Some(0), String::new()));
    }

    #[cfg(unix)]
    #[test]
    fn a_task_works_on_its_own_part_of_a_bundle_with_any_name() {
        let check = "[ \"$*\" = 'work a b/$(x) --task 3' ] || exit 9";
        assert_eq!(ran(check, &[]), (Some(0), String::new()));
    }
}
