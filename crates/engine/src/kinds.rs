//! The list of all kinds of jobs: a stored job finds its type, and with it its work, by its kind.

use repartee_store::jobs::{JobRow, Want};

use crate::Engine;
use crate::api::typescript::Types;
use crate::error::{Code, Error, Result};
use crate::job::{Ended, Job, Signals, from_json, to_json};

/// Kinds that keep the machine busy: they can wait in the queue, and it does not go on beside one of them.
pub(crate) const QUEUED: [&str; 11] = [
    "import", "pairs", "split", "audit", "base-add", "base-new", "train", "fakes", "evaluate",
    "generate", "demo",
];

/// Whether the machine is kept awake while a job of this kind runs: not for those that wait for a person.
pub(crate) fn keeps_awake(kind: &str) -> bool {
    !["sandbox", "login"].contains(&kind)
}

/// Runs a stored job by its kind.
macro_rules! kinds {
    ($($job:ty),* $(,)?) => {
        /// Runs a job from its row, which this process owns. `on_interrupt` in place of what its kind does.
        pub(crate) fn run_stored(
            engine: &Engine,
            row: &JobRow,
            resumed: bool,
            on_interrupt: Option<Want>,
            signals: Signals,
        ) -> Result<Ended<serde_json::Value>> {
            match row.kind.as_str() {
                $(kind if kind == <$job>::KIND => {
                    let job: $job = from_json(&row.params)?;
                    let on_interrupt = on_interrupt.unwrap_or(<$job>::ON_INTERRUPT);
                    plain(engine.run_owned(&row.id, &job, resumed, on_interrupt, signals)?)
                })*
                kind => Err(unknown(kind)),
            }
        }

        /// Whether there is such a kind.
        pub(crate) fn is_known(kind: &str) -> bool {
            [$(<$job>::KIND),*].contains(&kind)
        }

        /// The parameters of a job as they are stored, if they fit its kind.
        pub(crate) fn checked(engine: &Engine, kind: &str, params: &serde_json::Value) -> Result<String> {
            match kind {
                $(kind if kind == <$job>::KIND => {
                    let mut job = <$job as serde::Deserialize>::deserialize(params)
                        .map_err(|e| Error::usage(format!("job {kind}: {e}")))?;
                    Job::check(&job, engine)?;
                    job.settle(engine)?;
                    to_json(&job)
                })*
                kind => Err(unknown(kind)),
            }
        }

        /// Each kind with its parameters and its outcome in TypeScript.
        pub(crate) fn declared(types: &mut Types) -> Vec<(&'static str, String, String)> {
            vec![$((<$job>::KIND, types.name_of::<$job>(), types.name_of::<<$job as Job>::Outcome>())),*]
        }
    };
}

kinds![
    crate::base::BaseAdd,
    crate::base::BaseNew,
    crate::import::Import,
    crate::pairs::BuildPairs,
    crate::splits::MakeSplit,
    crate::splits::AuditSplit,
    crate::train::Train,
    crate::again::TrainAgain,
    crate::fakes::MakeFakes,
    crate::generate::Generate,
    crate::evaluate::Evaluate,
    crate::demo::Demo,
    crate::items::Delete,
    crate::reddit::LogIn,
    crate::reddit::Fetch,
    crate::reddit::DraftReplies,
    crate::reddit::Post,
    crate::reddit::Reconcile,
    crate::reddit::Sync,
    crate::reddit::ReadOutcomes,
    crate::reddit::Maintenance,
    crate::reddit::Sandbox,
];

fn unknown(kind: &str) -> Error {
    Error::new(
        Code::NewerProject,
        format!("this version of repartee knows no job of kind {kind:?}"),
    )
}

fn plain<T: serde::Serialize>(ended: Ended<T>) -> Result<Ended<serde_json::Value>> {
    Ok(match ended {
        Ended::Done(outcome) => Ended::Done(
            serde_json::to_value(outcome)
                .map_err(|e| Error::internal(format!("a result does not fit into JSON: {e}")))?,
        ),
        Ended::Paused => Ended::Paused,
        Ended::Cancelled => Ended::Cancelled,
    })
}
