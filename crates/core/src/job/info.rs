//! A job as lists show it.

use repartee_store::jobs::{JobRow, JobState, Want};
use repartee_terms::JobStatus;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::signals::Progress;
use super::{from_json, now_ms};
use crate::error::Result;
use crate::owner::is_stale;

/// A stored job that no process has taken over after this long is waiting in vain.
const WAITING_MS: i64 = 15_000;

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct JobLine {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub text: String,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct JobInfo {
    pub id: String,
    /// import, train, ...
    pub kind: String,
    pub state: JobStatus,
    /// What is requested of it.
    pub want: Option<Want>,
    pub progress: Option<Progress>,
    /// Result or error.
    #[ts(type = "unknown")]
    pub outcome: Option<serde_json::Value>,
    #[ts(type = "unknown")]
    pub params: serde_json::Value,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970.
    pub ended_ms: Option<i64>,
    /// Position in the queue, also while it runs or blocks the queue; none: it is not queued.
    pub place: Option<i64>,
    /// Whether its failure blocks the queue.
    pub stops_queue: bool,
}

/// The state of a job as displayed: one that should run is waiting while a process may be about to start it, and lost
/// without a living owner.
pub(crate) fn status_of(row: &JobRow) -> JobStatus {
    let now = now_ms();
    let running = row.state == JobState::Running;
    let waiting = running && row.owner.is_none() && (0..WAITING_MS).contains(&(now - row.beat_ms));
    let lost = running && is_stale(row.owner.as_deref(), row.beat_ms, now);
    match (waiting, lost) {
        (true, _) => JobStatus::Waiting,
        (_, true) => JobStatus::Lost,
        _ => row.state.into(),
    }
}

impl JobInfo {
    /// A job in a list: unreadable parameters or outcomes are omitted.
    pub(crate) fn listed(row: JobRow) -> Self {
        let plain = |json: &str| serde_json::from_str(json).ok();
        let (outcome, params) = (row.outcome.as_deref().and_then(plain), plain(&row.params));
        Self::with(row, outcome, params.unwrap_or_default())
    }

    pub(crate) fn from_row(row: JobRow) -> Result<Self> {
        let outcome = row.outcome.as_deref().map(from_json).transpose()?;
        let params = from_json(&row.params)?;
        Ok(Self::with(row, outcome, params))
    }

    fn with(row: JobRow, outcome: Option<serde_json::Value>, params: serde_json::Value) -> Self {
        let state = status_of(&row);
        let running = row.state == JobState::Running;
        Self {
            state,
            want: (running && row.want != Want::Run).then_some(row.want),
            progress: row
                .progress
                .as_deref()
                .and_then(|json| serde_json::from_str(json).ok()),
            outcome,
            params,
            id: row.id,
            kind: row.kind,
            created_ms: row.created_ms,
            ended_ms: row.ended_ms,
            place: row.place,
            stops_queue: row.stops_queue,
        }
    }
}
