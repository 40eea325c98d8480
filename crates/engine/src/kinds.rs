//! The list of all kinds of jobs. A new kind is a type with [`Job`](crate::Job), and one line here.

use std::path::Path;

use repartee_core::Kind;
use repartee_core::error::Result;

use crate::api::typescript::Types;
use crate::job::{Job, JobInfo};

/// Declares the kinds once, for running and for TypeScript.
macro_rules! kinds {
    ($($job:ty),* $(,)?) => {
        /// The kinds of jobs that this version knows.
        pub static KINDS: &[Kind] = &[$(Kind::of::<$job>()),*];

        /// Each kind with its parameters and its outcome in TypeScript.
        pub(crate) fn declared(types: &mut Types) -> Vec<(&'static str, String, String)> {
            vec![$((<$job>::KIND, types.name_of::<$job>(), types.name_of::<<$job as Job>::Outcome>())),*]
        }
    };
}

kinds![
    crate::bases::base::BaseAdd,
    crate::bases::base::BaseNew,
    crate::data::import::Import,
    crate::data::pairs::BuildPairs,
    crate::data::splits::MakeSplit,
    crate::data::splits::AuditSplit,
    crate::training::Train,
    crate::again::TrainAgain,
    crate::rerun::Rerun,
    crate::sweep::Sweep,
    crate::generation::fakes::MakeFakes,
    crate::generation::generate::Generate,
    crate::evaluation::evaluate::Evaluate,
    crate::evaluation::quality::MeasureQuality,
    crate::evaluation::audit::AuditEvaluation,
    crate::evaluation::decoding::MeasureDecoding,
    crate::demo::Demo,
    crate::items::Delete,
    crate::generation::draft::DraftReplies,
    repartee_posting::LogIn,
    repartee_posting::Fetch,
    repartee_posting::Post,
    repartee_posting::Reconcile,
    repartee_posting::Sync,
    repartee_posting::ReadOutcomes,
    repartee_posting::Maintenance,
    repartee_posting::Sandbox,
];

/// What a job works on, briefly: the name of the run, the set, the first file.
pub fn subject(job: &JobInfo) -> String {
    let kind = KINDS.iter().find(|kind| kind.name == job.kind);
    kind.map_or_else(String::new, |kind| kind.subject_of(&job.params))
}

/// Runs a stored job in this process until it ends, as [`repartee_core::work::work`].
///
/// # Errors
/// As [`repartee_core::Project::resume`].
pub fn work(project: &Path, job: &str) -> Result<()> {
    repartee_core::work::work(project, KINDS, job)
}
