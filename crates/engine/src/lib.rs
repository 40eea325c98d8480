//! The use cases of Repartee: one method for each thing a user can do.
//!
//! An [`Engine`] has one project file open. Short actions are methods that take one struct of parameters and give one
//! result, both plain serde data; long ones are jobs ([`job::Job`]) that report progress and can be paused, canceled
//! and resumed from any process. The command line and the window only translate between the user and these methods.
//!
//! Every method returns an error if the project cannot be read or written; the `Errors` sections list what else can go
//! wrong.

pub mod again;
pub mod api;
pub mod app_state;
mod awake;
pub mod base;
pub mod bench;
pub mod bench_import;
pub mod browse;
pub mod bundle;
pub mod chart;
pub mod check;
pub mod compared;
pub mod curation;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod evaluate;
pub mod examples;
pub mod export;
pub mod fakes;
pub mod figures;
pub mod format;
pub mod generate;
pub mod hub;
pub mod import;
pub mod incoming;
pub mod items;
pub mod job;
pub mod job_queue;
mod kinds;
pub mod left_out;
pub mod machine;
pub mod model;
pub mod names;
#[cfg(test)]
mod old_names;
pub mod overview;
mod owner;
pub mod pairs;
pub mod pick;
pub mod queue;
pub mod reddit;
pub mod run_config;
pub mod sealed;
pub mod shell;
pub mod splits;
pub mod study;
pub mod train;
pub mod unreadable;
pub mod work;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use repartee_store::Store;

pub use repartee_datasets::filter::Filter;
pub use repartee_datasets::private;
pub use repartee_datasets::source::FIELDS as MAPPING_FIELDS;
pub use repartee_datasets::source::{Format, Mapping, Permission};
pub use repartee_datasets::split::Shares;
pub use repartee_datasets::study::{Decision, Origin, StudyKind, StudyRecord};
pub use repartee_datasets::{Partition, Recipe};
pub use repartee_models::generate::SamplingParams;
pub use repartee_models::train::Outcome;

pub use error::{Code, Error, Result};
pub use job::{Ctx, Ended, Interrupt, Job, Progress, Signal, Stop};

/// An open project, and all actions on it.
pub struct Engine {
    /// Only use cases access it.
    pub(crate) store: Arc<Store>,
    path: PathBuf,
    /// This process as an owner of jobs.
    pub(crate) owner: owner::Owner,
    /// Ctrl-C in this engine's process.
    pub interrupt: Interrupt,
    /// Lists of pairs that windows scroll through.
    views: browse::Views,
    /// Time, logins and the like for Reddit; tests replace them.
    pub environment: reddit::Environment,
}

impl Engine {
    /// Creates a project file.
    ///
    /// # Errors
    /// [`Code::Exists`] if the file exists, [`Code::Io`] if it cannot be written.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self::over(Store::create(path)?, path))
    }

    /// Opens a project file, migrating one of an older version.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::NotAProject`], or [`Code::NewerProject`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self::over(Store::open(path)?, path))
    }

    fn over(store: Store, path: &Path) -> Self {
        Self {
            store: Arc::new(store),
            path: path.to_owned(),
            owner: owner::Owner::new(),
            interrupt: Interrupt::default(),
            views: browse::Views::default(),
            environment: reddit::Environment::default(),
        }
    }

    /// This machine and user; its state is in [`reddit::Environment::state`].
    ///
    /// # Errors
    /// As [`machine::Machine::open`].
    pub fn machine(&self) -> Result<machine::Machine> {
        match &self.environment.state {
            Some(folder) => machine::Machine::open(folder),
            None => machine::Machine::open(&machine::Machine::state_folder()?),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Engine {
    /// Revokes in the ledger what was withdrawn without revoking it there.
    fn drop(&mut self) {
        self.revoke_taken_back();
    }
}
