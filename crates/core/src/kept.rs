//! What the machine's ledger keeps for a project, because the file alone could be edited to lose it: opt-outs, and the
//! user's latest settings. A file can add to that, never remove from it.

use repartee_store::accounts::{OptOut, OptOutKind, OptOutState};
use repartee_store::ledger;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Project;
use crate::error::Result;
use crate::job::to_json;
use crate::machine::Machine;

/// The setting with the project's uuid; copies share it.
pub const PROJECT: &str = "project.id";

/// A keyed hash of a user or subreddit, which reveals no name outside of this machine.
fn tag(machine: &Machine, kind: OptOutKind, name: &str) -> String {
    machine.seal("left alone", &[kind.as_str(), &name.to_lowercase()])
}

/// Logs that the ledger could not be written, and the work continues without it.
pub fn warned(kept: Result<()>) {
    if let Err(error) = kept {
        tracing::warn!(%error, "the ledger of this machine could not be written");
    }
}

impl Project {
    /// The project's uuid, if it has one.
    pub fn project_id_if_any(&self) -> Result<Option<String>> {
        Ok(self.store.setting(PROJECT)?)
    }

    pub fn project_id(&self) -> Result<String> {
        let fresh = uuid::Uuid::now_v7().to_string();
        Ok(self.store.setting_or(PROJECT, fresh)?)
    }

    /// Adds an opt-out. Within: whether the ledger has it, too.
    pub fn opt_out_put(&self, new: &OptOut) -> Result<Result<()>> {
        self.store.opt_out_put(new)?;
        // a declined one does not return because the same comment is read again
        match self.store.is_opted_out(new.kind, &new.name)? {
            true => Ok(self.leave_alone(new.kind, &[&new.name], true)),
            false => Ok(Ok(())),
        }
    }

    /// Adds or removes opt-outs in the ledger. If that is not possible now, posting does it
    /// ([`Project::leave_alone_listed`]), and posts nothing until then.
    ///
    /// # Errors
    /// If the ledger cannot be written; the project has the opt-outs.
    pub fn leave_alone(&self, kind: OptOutKind, names: &[&str], leave: bool) -> Result<()> {
        let machine = self.machine()?;
        let tags: Vec<String> = names.iter().map(|name| tag(&machine, kind, name)).collect();
        let ledger = ledger::Ledger::open(machine.folder())?;
        let noted = ledger.leave_alone(&self.project_id()?, &tags, leave);
        Ok(noted?)
    }

    /// Copies the project's opt-outs to the ledger.
    pub fn leave_alone_listed(&self, machine: &Machine, ledger: &ledger::Ledger) -> Result<()> {
        let listed = self.store.opt_outs()?.into_iter();
        let tags: Vec<String> = listed
            .filter(|one| one.state != OptOutState::Declined)
            .map(|one| tag(machine, one.kind, &one.name))
            .collect();
        if !tags.is_empty() {
            ledger.leave_alone(&self.project_id()?, &tags, true)?;
        }
        Ok(())
    }

    /// Whether a user or subreddit has opted out, by the project or the ledger.
    pub fn is_left_alone(&self, kind: OptOutKind, name: &str) -> Result<bool> {
        if self.store.is_opted_out(kind, name)? {
            return Ok(true);
        }
        let Some(project) = self.project_id_if_any()? else {
            return Ok(false);
        };
        let machine = self.machine()?;
        let who = tag(&machine, kind, name);
        Ok(machine.glance().is_left_alone(&project, &who))
    }

    /// Stores a setting that the user just changed.
    ///
    /// # Errors
    /// If the ledger cannot be written; then only the file has it.
    pub fn keep_setting<T: Serialize>(&self, key: &str, value: &T) -> Result<()> {
        let ledger = ledger::Ledger::open(self.machine()?.folder())?;
        Ok(ledger.set_setting(&self.project_id()?, key, &to_json(value)?)?)
    }

    /// As [`Project::keep_setting`], for what does not permit more if only the file has it.
    pub fn keep_setting_or_warn<T: Serialize>(&self, key: &str, value: &T) {
        warned(self.keep_setting(key, value));
    }

    /// The user's latest value of a setting in this project on this machine.
    pub fn kept_setting<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(project) = self.project_id_if_any()? else {
            return Ok(None);
        };
        let kept = self.machine()?.glance().setting(&project, key);
        // a value of another version is ignored
        Ok(kept.and_then(|json| serde_json::from_str(&json).ok()))
    }
}
