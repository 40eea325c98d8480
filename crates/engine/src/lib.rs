//! The use cases of Repartee: one method for each thing a user can do.
//!
//! An [`Engine`] has one project file open; it is a [`Project`] with all areas on it. Short actions are methods that take one struct of parameters and give one
//! result, both plain serde data; long ones are jobs ([`Job`]) that report progress and can be paused, canceled
//! and resumed from any process. The command line and the window only translate between the user and these methods.
//!
//! Every method returns an error if the project cannot be read or written; the `Errors` sections list what else can go
//! wrong.

pub mod again;
pub mod api;
pub mod app_state;
pub mod bases;
pub mod bench;
pub mod bench_import;
pub mod bench_limits;
pub mod bench_pipeline;
pub mod bundle;
pub mod check;
pub mod cluster;
pub mod data;
pub mod demo;
pub mod doctor;
pub mod evaluation;
pub mod export;
pub mod generation;
pub mod items;
pub mod kinds;
#[cfg(test)]
mod old_names;
pub mod overview;
pub mod pipeline;
pub mod queue;
pub mod registered;
pub mod report;
pub mod rerun;
pub mod sweep;
pub mod tensorboard;
pub mod training;
pub mod unreadable;

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;

use repartee_core::Project;
use repartee_posting::{Posting, ToPosting};
use repartee_store::reads::Columns;

pub use repartee_core::{
    environment, error, format, job, job_queue, left_out, machine, names, owner, shell, study, work,
};
pub use repartee_datasets::filter::Filter;
pub use repartee_datasets::private;
pub use repartee_datasets::source::FIELDS as MAPPING_FIELDS;
pub use repartee_datasets::source::{Format, Mapping, Permission};
pub use repartee_datasets::split::Shares;
pub use repartee_datasets::study::{Decision, Origin, StudyKind, StudyRecord};
pub use repartee_datasets::{Partition, Recipe};
pub use repartee_models::generate::SamplingParams;
pub use repartee_models::metrics::Interval;
pub use repartee_models::train::Outcome;
pub use repartee_posting as posting;
pub use repartee_terms as terms;

pub use error::{Code, Error, Result};
pub use job::{Ctx, Ended, Interrupt, Job, Progress, Signal, Stop};

/// An open project, and all actions on it.
pub struct Engine {
    project: Project,
    /// Lists of pairs that windows scroll through.
    views: Arc<data::browse::Views>,
}

impl Engine {
    /// Creates a project file.
    ///
    /// # Errors
    /// [`Code::Exists`] if the file exists, [`Code::Io`] if it cannot be written.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Project::create(path.as_ref(), kinds::KINDS).map(Self::of)
    }

    /// Opens a project file, migrating one of an older version.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::NotAProject`], or [`Code::NewerProject`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Project::open(path.as_ref(), kinds::KINDS).map(Self::of)
    }

    fn of(project: Project) -> Self {
        Self {
            project,
            views: Arc::default(),
        }
    }

    /// Accounts, permissions, threads, approvals, and posting.
    pub fn posting(&self) -> Posting<'_> {
        self.project.posting()
    }

    /// Does some work, and returns its result with all columns of the project's tables that it read: for the test of
    /// [`api::queries`].
    pub fn record_reads<T>(&self, work: impl FnOnce() -> T) -> (T, Columns) {
        self.store.record_reads(work)
    }
}

impl Deref for Engine {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.project
    }
}

impl DerefMut for Engine {
    fn deref_mut(&mut self) -> &mut Project {
        &mut self.project
    }
}

/// From running work to the actions on its project.
trait ToEngine {
    fn engine(&self) -> Engine;
}

impl ToEngine for Ctx<'_> {
    fn engine(&self) -> Engine {
        self.project.engine()
    }
}

impl ToEngine for Project {
    fn engine(&self) -> Engine {
        Engine::of(self.clone())
    }
}
