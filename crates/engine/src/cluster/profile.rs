//! Profiles of clusters. They are in the user's state folder and not in a project: they name programs and hosts, and a
//! project file may be another person's.

use std::path::{Path, PathBuf};

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::to_json;
use repartee_datasets::private;
use repartee_terms::visible::is_hidden;
use serde::{Deserialize, Serialize};

/// The folder of bundles, unless the user names another: in the home folder.
pub const FOLDER: &str = "repartee-jobs";
/// The time limit of a task, unless the user sets another.
pub const TIME: &str = "1:00:00";
/// Processors of a task, unless the user sets another number.
pub const CPUS: usize = 4;
/// The program, unless the user names another: on the PATH there.
pub const REPARTEE: &str = "repartee";

/// A cluster with Slurm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    /// Login node, as ssh takes it; none: Slurm is on this machine.
    pub ssh: Option<String>,
    /// Where bundles are copied to; over ssh, relative to the home folder.
    pub folder: String,
    /// The cluster's queue, which Slurm calls a partition; none: its default.
    pub queue: Option<String>,
    /// Time limit of a task, as Slurm takes it. At its end, a task saves a checkpoint and is queued again.
    pub time: String,
    /// Processors of a task, and threads of a job that begins there.
    pub cpus: usize,
    /// The program there.
    pub repartee: String,
    /// A folder on a disk of the node, for clusters whose home folder is a network file system.
    pub scratch: Option<String>,
    /// Further arguments of sbatch.
    #[serde(default)]
    pub sbatch: Vec<String>,
}

impl Profile {
    /// A cluster on this machine, with the usual settings.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ssh: None,
            folder: FOLDER.to_owned(),
            queue: None,
            time: TIME.to_owned(),
            cpus: CPUS,
            repartee: REPARTEE.to_owned(),
            scratch: None,
            sbatch: Vec::new(),
        }
    }

    /// Refuses values that ssh, sbatch or a shell would take as something else.
    fn check(&self) -> Result<()> {
        let refused = |what: &str, value: &str, why: &str| {
            Err(Error::usage(format!("{what} is {value:?}: {why}")))
        };
        let plain = |what: &str, value: &str| match value {
            "" => refused(what, value, "it must not be empty"),
            _ if value.starts_with('-') => refused(what, value, "it would be taken as an option"),
            _ if value.chars().any(|c| c.is_control() || is_hidden(c)) => {
                refused(what, value, "it must have visible characters only")
            }
            _ => Ok(()),
        };
        plain("the name of the cluster", &self.name)?;
        if let Some(host) = &self.ssh {
            plain("--ssh", host)?;
            if host.contains(char::is_whitespace) {
                return refused("--ssh", host, "a host has no blanks");
            }
        }
        plain("--folder", &self.folder)?;
        if self.folder.contains('%') {
            return refused("--folder", &self.folder, "sbatch replaces what follows a %");
        }
        plain("--repartee", &self.repartee)?;
        for (what, value) in [("--partition", &self.queue), ("--scratch", &self.scratch)] {
            if let Some(value) = value {
                plain(what, value)?;
            }
        }
        let is_time = |c: char| c.is_ascii_digit() || c == ':' || c == '-';
        plain("--time", &self.time)?;
        if !self.time.chars().all(is_time) {
            let why = "expected minutes, HOURS:MINUTES:SECONDS or DAYS-HOURS";
            return refused("--time", &self.time, why);
        }
        if !(1..=1024).contains(&self.cpus) {
            return Err(Error::usage(format!(
                "--cpus is {}; it must be between 1 and 1024",
                self.cpus
            )));
        }
        for arg in &self.sbatch {
            if !arg.starts_with("--") || arg.chars().any(|c| c.is_control() || is_hidden(c)) {
                let why = "expected an option with its value, such as --mem=8G";
                return refused("--sbatch-arg", arg, why);
            }
        }
        Ok(())
    }
}

fn file(state: &Path) -> PathBuf {
    state.join("clusters.json")
}

/// All profiles, by name.
pub(super) fn all(state: &Path) -> Result<Vec<Profile>> {
    let path = file(state);
    let json = match std::fs::read_to_string(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", &path, &error)),
    };
    serde_json::from_str(&json).map_err(|error| {
        Error::new(
            Code::Damaged,
            format!(
                "{} is no list of clusters: {error}; delete it, and add the clusters again",
                path.display()
            ),
        )
    })
}

fn write(state: &Path, profiles: &[Profile]) -> Result<()> {
    let (path, part) = (file(state), state.join("clusters.json.part"));
    let json = to_json(&profiles)?;
    private::write(&part, json.as_bytes())
        .and_then(|()| std::fs::rename(&part, &path))
        .map_err(|e| Error::io("write", &path, &e))
}

/// Adds a profile, or replaces the one of its name. A folder on this machine becomes absolute: in the home folder.
pub(super) fn put(state: &Path, mut profile: Profile) -> Result<Profile> {
    profile.check()?;
    if profile.ssh.is_none() && Path::new(&profile.folder).is_relative() {
        let home = std::env::var("HOME").unwrap_or_default();
        if home.is_empty() {
            return Err(Error::usage(
                "--folder is relative, and no home folder is set; name an absolute one",
            ));
        }
        profile.folder = format!("{home}/{}", profile.folder);
        profile.check()?;
    }
    let mut profiles = all(state)?;
    profiles.retain(|one| one.name != profile.name);
    profiles.push(profile.clone());
    profiles.sort_by(|a, b| a.name.cmp(&b.name));
    write(state, &profiles)?;
    Ok(profile)
}

pub(super) fn remove(state: &Path, name: &str) -> Result<()> {
    let mut profiles = all(state)?;
    profiles.retain(|one| one.name != name);
    write(state, &profiles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_kept_by_name() {
        let state = tempfile::tempdir().expect("a folder");
        let of = |name: &str, cpus| Profile {
            ssh: Some("me@login".to_owned()),
            cpus,
            ..Profile::named(name)
        };
        for profile in [of("b", 1), of("a", 2), of("b", 3)] {
            assert_eq!(put(state.path(), profile.clone()).expect("kept"), profile);
        }
        assert_eq!(all(state.path()).expect("read"), [of("a", 2), of("b", 3)]);
        remove(state.path(), "a").expect("removed");
        assert_eq!(all(state.path()).expect("read"), [of("b", 3)]);
    }

    #[test]
    fn values_that_a_program_would_misread_are_refused() {
        let state = tempfile::tempdir().expect("a folder");
        let usual = || Profile::named("hpc");
        let ssh = |host: &str| Some(host.to_owned());
        for (profile, what) in [
            (
                Profile {
                    ssh: ssh("-oProxyCommand=x"),
                    ..usual()
                },
                "--ssh",
            ),
            (
                Profile {
                    ssh: ssh("a b"),
                    ..usual()
                },
                "--ssh",
            ),
            (
                Profile {
                    folder: "a%j".to_owned(),
                    ..usual()
                },
                "--folder",
            ),
            (
                Profile {
                    folder: "a\nb".to_owned(),
                    ..usual()
                },
                "--folder",
            ),
            (
                Profile {
                    time: "1h".to_owned(),
                    ..usual()
                },
                "--time",
            ),
            (Profile { cpus: 0, ..usual() }, "--cpus"),
            (
                Profile {
                    sbatch: vec!["other.sh".to_owned()],
                    ..usual()
                },
                "--sbatch-arg",
            ),
        ] {
            let error = put(state.path(), profile).expect_err("refused");
            assert_eq!(error.code, Code::Usage);
            assert!(error.message.contains(what), "{what}: {error}");
        }
        assert!(all(state.path()).expect("read").is_empty());
    }
}
