//! The kinds of jobs as data: what the runner, the queue, renaming and deletion need to know of a stored job's kind.

use std::path::{Path, PathBuf};

use repartee_store::items::ItemKind;
use repartee_store::jobs::{JobRow, Want};
use serde_json::Value;

use crate::Project;
use crate::error::{Code, Error, Result};
use crate::job::{Ended, Job, Signals, from_json, to_json};

/// A name in a job's parameters.
#[derive(Debug)]
pub struct Named<'a> {
    pub kind: ItemKind,
    /// Whether the job makes the item; false: it uses it.
    pub makes: bool,
    /// Empty: none.
    pub name: &'a mut String,
}

impl<'a> Named<'a> {
    /// An item that the job makes.
    pub fn made(kind: ItemKind, name: &'a mut String) -> Self {
        let makes = true;
        Self { kind, makes, name }
    }

    /// An item that the job uses.
    pub fn used(kind: ItemKind, name: &'a mut String) -> Self {
        let makes = false;
        Self { kind, makes, name }
    }
}

/// Receives the names in a job's parameters.
pub type EachName<'a> = &'a mut dyn FnMut(Named<'_>);

/// What the later steps of an unfinished job refer to by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaterSteps {
    /// Nothing that its parameters do not name once and for all.
    Nothing,
    /// What its parameters name.
    Named,
    /// Anything in the project.
    Everything,
}

/// When a job that is stored begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    Now,
    /// After the jobs before it in the queue, which may make what it uses.
    InItsTurn,
}

/// A kind of job.
pub struct Kind {
    pub name: &'static str,
    /// As [`Job::QUEUED`].
    pub queued: bool,
    /// Whether a request to pause from outside of the process pauses it: its work takes long, and can be resumed.
    pub pauses: bool,
    /// As [`Job::KEEPS_AWAKE`].
    pub keeps_awake: bool,
    /// As [`Job::FINISHES`].
    pub finishes: bool,
    /// As [`Job::ALL_SOURCES`].
    pub all_sources: bool,
    /// As [`Job::LATER_STEPS`].
    pub later_steps: LaterSteps,
    /// The parameters of a job as they are stored, if they are valid.
    pub(crate) checked: fn(&Project, &Value, Begins) -> Result<String>,
    /// As `checked`, with absolute paths.
    pub(crate) absolute: fn(&Value) -> Result<Value>,
    /// Runs a job from its row, which this process owns.
    pub(crate) run: fn(&Project, &JobRow, bool, Option<Want>, Signals) -> Result<Ended<Value>>,
    /// Calls back with each name in stored parameters; returns the changed parameters, if any.
    names: fn(&str, EachName) -> Option<String>,
    /// As [`Job::so_far`], as JSON.
    pub(crate) so_far: fn(&Project, &JobRow) -> Result<String>,
    /// As [`Job::discard`].
    pub(crate) discard: fn(&Project, &str) -> Result<()>,
    /// As [`Job::subject`], of stored parameters.
    subject: fn(&Value) -> Option<String>,
}

impl Kind {
    /// The kind of a type of jobs.
    pub const fn of<J: Job>() -> Self {
        Self {
            name: J::KIND,
            queued: J::QUEUED,
            pauses: J::QUEUED || matches!(J::ON_INTERRUPT, Want::Pause),
            keeps_awake: J::KEEPS_AWAKE,
            finishes: J::FINISHES,
            all_sources: J::ALL_SOURCES,
            later_steps: J::LATER_STEPS,
            checked: checked::<J>,
            absolute: absolute::<J>,
            run: run::<J>,
            names: names::<J>,
            so_far: |project, row| to_json(&J::so_far(project, row)?),
            discard: J::discard,
            subject: |params| {
                let job: Option<J> = serde::Deserialize::deserialize(params).ok();
                job.as_ref().map(J::subject)
            },
        }
    }

    /// Calls back with each name in stored parameters. Returns the changed parameters; none: nothing was changed, or
    /// they cannot be read.
    pub fn each_name(&self, params: &str, each: EachName) -> Option<String> {
        (self.names)(params, each)
    }

    /// What a job works on, briefly; empty if its parameters cannot be read.
    pub fn subject_of(&self, params: &Value) -> String {
        (self.subject)(params).unwrap_or_default()
    }
}

/// A path as it is from any folder.
///
/// # Errors
/// [`Code::Io`] if the current folder is gone.
pub fn absolute_path(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| Error::io("find", path, &e))
}

fn read<J: Job>(params: &Value) -> Result<J> {
    J::deserialize(params).map_err(|e| Error::usage(format!("job {}: {e}", J::KIND)))
}

fn checked<J: Job>(project: &Project, params: &Value, begins: Begins) -> Result<String> {
    let mut job = read::<J>(params)?;
    job.check(project)?;
    if begins == Begins::Now {
        project.check_ready(&mut job)?;
    }
    job.settle(project)?;
    to_json(&job)
}

fn absolute<J: Job>(params: &Value) -> Result<Value> {
    let mut job = read::<J>(params)?;
    job.make_absolute()?;
    serde_json::to_value(&job)
        .map_err(|e| Error::internal(format!("parameters do not fit into JSON: {e}")))
}

fn run<J: Job>(
    project: &Project,
    row: &JobRow,
    resumed: bool,
    on_interrupt: Option<Want>,
    signals: Signals,
) -> Result<Ended<Value>> {
    let job: J = from_json(&row.params)?;
    let on_interrupt = on_interrupt.unwrap_or(J::ON_INTERRUPT);
    Ok(
        match project.run_owned(&row.id, &job, resumed, on_interrupt, signals)? {
            Ended::Done(outcome) => {
                Ended::Done(serde_json::to_value(outcome).map_err(|e| {
                    Error::internal(format!("a result does not fit into JSON: {e}"))
                })?)
            }
            Ended::Paused => Ended::Paused,
            Ended::Cancelled => Ended::Cancelled,
        },
    )
}

fn names<J: Job>(params: &str, each: EachName) -> Option<String> {
    let mut job: J = serde_json::from_str(params).ok()?;
    let mut changed = false;
    job.names(&mut |named| {
        let (before, name) = (named.name.clone(), named.name);
        each(Named {
            kind: named.kind,
            makes: named.makes,
            name: &mut *name,
        });
        changed |= before != *name;
    });
    changed.then(|| to_json(&job).ok()).flatten()
}

impl Project {
    /// Refuses a job that begins now if an item that it uses does not exist, before anything is written.
    pub(crate) fn check_ready<J: Job>(&self, job: &mut J) -> Result<()> {
        let mut found = Ok(());
        job.names(&mut |one| {
            if found.is_ok() && !one.makes && !one.name.is_empty() {
                found = self.check_exists(one.kind, one.name);
            }
        });
        found?;
        job.check_ready(self)
    }

    fn check_exists(&self, kind: ItemKind, name: &str) -> Result<()> {
        let store = &self.store;
        match kind {
            ItemKind::Split => store.split(name).map(drop)?,
            ItemKind::Base => store.base(name).map(drop)?,
            ItemKind::Run => store.run(name).map(drop)?,
            ItemKind::Fakes => store.fake_set(name).map(drop)?,
            // no job has these in its parameters by name
            ItemKind::Source | ItemKind::Evaluation | ItemKind::Generation => {}
        }
        Ok(())
    }

    /// The kind of that name, if this version has it.
    pub fn kind_if_known(&self, name: &str) -> Option<&'static Kind> {
        self.kinds().iter().find(|kind| kind.name == name)
    }

    /// The kind of that name.
    ///
    /// # Errors
    /// [`Code::NewerProject`] if this version has none.
    pub fn kind(&self, name: &str) -> Result<&'static Kind> {
        self.kind_if_known(name).ok_or_else(|| {
            Error::new(
                Code::NewerProject,
                format!("this version of repartee has no job of kind {name:?}"),
            )
        })
    }
}
