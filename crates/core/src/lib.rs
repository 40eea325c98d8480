//! The bottom of all use cases: the handle of an open project, jobs, errors, and the decisions of this machine.
//!
//! It knows no job and no area. What a user can do is in the crates above, each on a [`Project`].

pub mod awake;
pub mod bundles;
pub mod environment;
pub mod error;
pub mod format;
pub mod job;
pub mod job_queue;
pub mod kept;
pub mod kind;
pub mod left_out;
pub mod machine;
pub mod memory;
pub mod names;
pub mod owner;
pub mod sealed;
pub mod shell;
pub mod source_counts;
pub mod study;
pub mod unreadable;
pub mod warm;
pub mod work;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use repartee_store::Store;

pub use environment::Environment;
pub use error::{Code, Error, Result};
pub use job::{Ctx, Ended, Interrupt, Job, Progress, Signal, Stop};
pub use kind::Kind;

/// An open project file. A clone is the same open project.
#[derive(Clone)]
pub struct Project {
    /// Only use cases access it.
    pub store: Arc<Store>,
    path: PathBuf,
    /// This process as an owner of jobs.
    pub owner: Arc<owner::Owner>,
    /// Ctrl-C in this process, and requests to pause by what runs it.
    pub interrupt: Interrupt,
    /// Time, logins and the like; tests replace them.
    pub environment: Environment,
    /// What jobs of this process leave in memory for the next one; none: nothing.
    pub warm: Option<warm::Warm>,
    kinds: &'static [Kind],
}

impl Project {
    /// Creates a project file in which jobs of these kinds can run.
    ///
    /// # Errors
    /// [`Code::Exists`] if the file exists, [`Code::Io`] if it cannot be written.
    pub fn create(path: &Path, kinds: &'static [Kind]) -> Result<Self> {
        Ok(Self::over(Store::create(path)?, path, kinds))
    }

    /// Opens a project file, migrating one of an older version.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::NotAProject`], or [`Code::NewerProject`]; [`Code::Usage`] for a job bundle, in which
    /// only its jobs run.
    pub fn open(path: &Path, kinds: &'static [Kind]) -> Result<Self> {
        let store = Store::open(path)?;
        bundles::no_bundle(&store, path)?;
        Ok(Self::over(store, path, kinds))
    }

    /// Opens a project to check it only: whatever its schema contains, nothing of it is run or changed.
    ///
    /// # Errors
    /// As [`Project::open`], except [`Code::ForeignProject`] for its schema.
    pub fn open_to_check(path: &Path, kinds: &'static [Kind]) -> Result<Self> {
        Ok(Self::over(Store::open_to_check(path)?, path, kinds))
    }

    fn over(store: Store, path: &Path, kinds: &'static [Kind]) -> Self {
        Self {
            store: Arc::new(store),
            path: path.to_owned(),
            owner: Arc::new(owner::Owner::new()),
            interrupt: Interrupt::default(),
            environment: Environment::default(),
            warm: None,
            kinds,
        }
    }

    /// The project file, opened a second time: with its own connections, and as another owner of jobs.
    ///
    /// # Errors
    /// As [`Project::open`].
    pub fn reopened(&self) -> Result<Self> {
        Self::open(&self.path, self.kinds)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kinds of jobs that can run.
    pub fn kinds(&self) -> &'static [Kind] {
        self.kinds
    }

    /// This machine and user; its state is in [`Environment::state`].
    ///
    /// # Errors
    /// As [`machine::Machine::open`].
    pub fn machine(&self) -> Result<machine::Machine> {
        let machine = match &self.environment.state {
            Some(folder) => machine::Machine::open(folder)?,
            None => machine::Machine::open(&machine::Machine::state_folder()?)?,
        };
        Ok(machine.without(self.store.seals_taken_back()?))
    }
}

impl Drop for Project {
    /// Revokes in the ledger what was withdrawn without revoking it there.
    fn drop(&mut self) {
        if let Err(error) = self.revoke_taken_back() {
            tracing::warn!(%error, "withdrawn decisions are not revoked in the ledger yet");
        }
    }
}
