//! What the machine's ledger keeps for a project, because the file alone could be edited to lose it: opt-outs, and the
//! user's latest settings. A file can add to that, never remove from it.

use repartee_store::accounts::OptOut;
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
fn tag(machine: &Machine, kind: &str, name: &str) -> String {
    machine.seal("left alone", &[kind, &name.to_lowercase()])
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

    /// Adds an opt-out.
    pub fn opt_out_put(&self, new: &OptOut) -> Result<()> {
        self.store.opt_out_put(new)?;
        // a declined one does not return because the same comment is read again
        if self.store.is_opted_out(&new.kind, &new.name)? {
            self.leave_alone(&new.kind, &[&new.name], true);
        }
        Ok(())
    }

    /// Adds or removes opt-outs in the ledger. If that is not possible now, posting does it
    /// ([`Project::leave_alone_listed`]), and posts nothing until then.
    pub fn leave_alone(&self, kind: &str, names: &[&str], leave: bool) {
        let noted = self.machine().and_then(|machine| {
            let tags: Vec<String> = names.iter().map(|name| tag(&machine, kind, name)).collect();
            let ledger = ledger::Ledger::open(machine.folder())?;
            Ok(ledger.leave_alone(&self.project_id()?, &tags, leave)?)
        });
        if let Err(error) = noted {
            tracing::warn!(%error, "the ledger does not have all opt-outs yet");
        }
    }

    /// Copies the project's opt-outs to the ledger.
    pub fn leave_alone_listed(&self, machine: &Machine, ledger: &ledger::Ledger) -> Result<()> {
        let listed = self.store.opt_outs()?.into_iter();
        let tags: Vec<String> = listed
            .filter(|one| one.state != "declined")
            .map(|one| tag(machine, &one.kind, &one.name))
            .collect();
        if !tags.is_empty() {
            ledger.leave_alone(&self.project_id()?, &tags, true)?;
        }
        Ok(())
    }

    /// Whether a user or subreddit has opted out, by the project or the ledger.
    pub fn is_left_alone(&self, kind: &str, name: &str) -> Result<bool> {
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

    /// Stores a setting that the user just changed. If that is not possible now, only the file has it.
    pub fn keep_setting<T: Serialize>(&self, key: &str, value: &T) {
        let kept = self.machine().and_then(|machine| {
            let ledger = ledger::Ledger::open(machine.folder())?;
            Ok(ledger.set_setting(&self.project_id()?, key, &to_json(value)?)?)
        });
        if let Err(error) = kept {
            tracing::warn!(%error, key, "the ledger could not store a setting");
        }
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
