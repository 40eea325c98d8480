//! Checks what this machine can do, and what is missing: the first thing to ask for in a bug report. Needs no project,
//! and checks one if given.

use std::path::Path;

use repartee_core::error::Code;
use repartee_core::format::counted;
use repartee_core::job::{is_stale, now_ms};
use repartee_models::{Fallback, Opened};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Works, but slower or with less than possible.
    Note,
    /// Something will not work until this is fixed.
    Bad,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Finding {
    pub what: String,
    pub verdict: Verdict,
    /// What was found, and what to do about it.
    pub text: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Doctor {
    /// In display order.
    pub findings: Vec<Finding>,
}

impl Doctor {
    /// Whether nothing is bad.
    pub fn is_well(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.verdict != Verdict::Bad)
    }

    fn add(&mut self, what: &str, verdict: Verdict, text: impl Into<String>) {
        self.findings.push(Finding {
            what: what.to_owned(),
            verdict,
            text: text.into(),
        });
    }
}

/// Memory that fine-tuning GPT-2 (124M) with the default batch size needs.
const ENOUGH_MEMORY: u64 = 6 << 30;
/// Disk space that a project with one run of GPT-2 (124M) and its checkpoints needs.
const ENOUGH_DISK: u64 = 4 << 30;

/// Checks the machine, the folder for projects, and, if given, the project.
pub fn doctor(project: Option<&Path>) -> Doctor {
    use Verdict::{Bad, Good, Note};
    let mut doctor = Doctor::default();
    doctor.add(
        "program",
        Good,
        format!(
            "repartee {}, {} {}, SQLite {}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            repartee_store::sqlite_version()
        ),
    );

    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (verdict, vectors) = vectors();
    doctor.add("processor", verdict, format!("{cores} cores, {vectors}"));

    match memory() {
        Some((total, free)) => doctor.add(
            "memory",
            if free < ENOUGH_MEMORY { Note } else { Good },
            format!(
                "{} free of {}{}",
                gib(free),
                gib(total),
                if free < ENOUGH_MEMORY {
                    "; fine-tuning GPT-2 (124M) needs about 5 GiB, so take smaller batches or a smaller base"
                } else {
                    ""
                }
            ),
        ),
        None => doctor.add("memory", Note, "this system does not say how much is free"),
    }

    match repartee_models::device(repartee_models::DeviceChoice::Auto) {
        Ok(opened) => {
            let (verdict, text) = device(&opened);
            doctor.add("device", verdict, text);
        }
        Err(error) => doctor.add("device", Bad, error.to_string()),
    }

    let folder = match project.and_then(Path::parent) {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match free_disk(folder) {
        Some(free) if free < ENOUGH_DISK => doctor.add(
            "disk",
            Note,
            format!(
                "{} free in {}; a run of GPT-2 (124M) with its checkpoints takes about 3 GiB",
                gib(free),
                folder.display()
            ),
        ),
        Some(free) => doctor.add(
            "disk",
            Good,
            format!("{} free in {}", gib(free), folder.display()),
        ),
        None => doctor.add(
            "disk",
            Note,
            format!("free disk space in {} is unknown", folder.display()),
        ),
    }

    let sleep = match (
        repartee_core::awake::is_wanted(),
        repartee_core::awake::means(),
    ) {
        (false, _) => (
            Note,
            format!(
                "this machine may sleep while a job runs: {} is off",
                repartee_core::awake::KEEP_AWAKE
            ),
        ),
        (true, Ok(means)) => (
            Good,
            format!("{means} keeps this machine awake while a job runs"),
        ),
        (true, Err(why)) => (
            Note,
            format!("this machine may sleep while a job runs: {why}"),
        ),
    };
    doctor.add("sleep", sleep.0, sleep.1);

    let hub = std::env::var("HF_ENDPOINT").unwrap_or_else(|_| "https://huggingface.co".into());
    doctor.add(
        "hub",
        Good,
        format!("bases by name come from {hub} (HF_ENDPOINT changes that)"),
    );

    if let Some(path) = project {
        look_at(&mut doctor, path);
    }
    doctor
}

/// What `auto` is, and why it is no GPU. A build for a GPU that runs on the CPU is slower than it could be.
fn device(opened: &Opened) -> (Verdict, String) {
    let auto = format!("auto is {}", repartee_models::device_name(&opened.device));
    match &opened.fallback {
        None => (Verdict::Good, auto),
        Some(fallback @ Fallback::CpuBuild) => (Verdict::Good, format!("{auto}; {fallback}")),
        Some(fallback @ Fallback::Failed(_)) => (Verdict::Note, format!("{auto}: {fallback}")),
    }
}

/// Opens the project and checks its jobs and disk space.
fn look_at(doctor: &mut Doctor, path: &Path) {
    use Verdict::{Bad, Good, Note};
    let engine = match Engine::open(path) {
        Ok(engine) => engine,
        Err(error) => {
            let verdict = if error.code == Code::NotFound {
                Note
            } else {
                Bad
            };
            return doctor.add("project", verdict, error.message);
        }
    };
    match engine.store.counts() {
        Ok(counts) => doctor.add(
            "project",
            Good,
            format!(
                "{}: {}, {}, {}; `repartee check` reads every byte",
                path.display(),
                counted(counts.comments, "comment", "comments"),
                counted(counts.pairs, "pair", "pairs"),
                counted(counts.checkpoints, "checkpoint", "checkpoints")
            ),
        ),
        Err(error) => return doctor.add("project", Bad, error.to_string()),
    }
    let now = now_ms();
    let left = engine
        .store
        .jobs()
        .unwrap_or_default()
        .into_iter()
        .filter(|job| {
            job.state == repartee_store::jobs::JobState::Running
                && is_stale(job.owner.as_deref(), job.beat_ms, now)
        });
    for job in left {
        let text = format!(
            "{} ({}) was interrupted; `repartee job resume {}` resumes it",
            job.id, job.kind, job.id
        );
        doctor.add("job", Note, text);
    }
    if let Ok(size) = engine.store.size()
        && size.free > size.file / 2
        && size.free > 64 << 20
    {
        let text = format!(
            "{} of {} are free; `repartee compact` releases them",
            gib(size.free),
            gib(size.file)
        );
        doctor.add("space", Note, text);
    }
}

/// The vector instructions that the fused operations use.
fn vectors() -> (Verdict, &'static str) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return (Verdict::Good, "AVX-512");
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
        {
            return (Verdict::Good, "AVX2 and FMA");
        }
        (
            Verdict::Note,
            "neither AVX2 nor AVX-512: training works, several times slower",
        )
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        (
            Verdict::Good,
            "vector instructions as the compiler found them",
        )
    }
}

/// Bytes of memory, total and free, if the system has `/proc/meminfo`.
pub(crate) fn memory() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib << 10)
    };
    Some((field("MemTotal:")?, field("MemAvailable:")?))
}

/// Free bytes on a folder's disk.
#[cfg(unix)]
fn free_disk(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize)
}

#[cfg(not(unix))]
fn free_disk(_folder: &Path) -> Option<u64> {
    None
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn device_says_why_auto_took_no_gpu() {
        let on_the_cpu = |fallback| {
            device(&Opened {
                device: repartee_models::Device::Cpu,
                fallback,
            })
        };
        assert_eq!(
            on_the_cpu(Some(Fallback::CpuBuild)),
            (
                Verdict::Good,
                "auto is cpu; this build is for the CPU".to_owned()
            )
        );
        assert_eq!(
            on_the_cpu(Some(Fallback::Failed("cuda: no driver".to_owned()))),
            (
                Verdict::Note,
                "auto is cpu: no GPU could be opened (cuda: no driver)".to_owned()
            )
        );
        assert_eq!(on_the_cpu(None), (Verdict::Good, "auto is cpu".to_owned()));
    }

    #[test]
    fn checks_the_machine_and_the_project() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.repartee");
        let of = |doctor: &Doctor, what: &str| {
            doctor
                .findings
                .iter()
                .find(|f| f.what == what)
                .map(|f| f.verdict)
        };
        assert_eq!(of(&doctor(Some(&path)), "project"), Some(Verdict::Note));
        Engine::create(&path).unwrap();
        let well = doctor(Some(&path));
        assert_eq!(of(&well, "project"), Some(Verdict::Good));
        assert!(well.is_well(), "{well:?}");
        std::fs::write(&path, "no project").unwrap();
        assert!(!doctor(Some(&path)).is_well());
        assert_eq!(of(&doctor(None), "project"), None);
    }
}
