//! What a running job reports: progress, log lines, texts as they grow.

use repartee_terms::FinishReason;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Progress of a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Progress {
    /// What it is doing: "reading RC_2019-04.zst", "training".
    pub phase: String,
    /// Amount done, in `unit`.
    pub done: u64,
    /// Total amount, if known.
    pub total: Option<u64>,
    /// "bytes", "rows", "steps", "comments".
    pub unit: String,
    /// Current figures: "loss 3.21, 1,240 tokens/s".
    pub note: String,
    /// Estimated seconds left in this phase. Filled in by [`Ctx::tick`].
    pub eta_s: Option<f64>,
    /// Whether its units take very different times, so that the time left can't be told from those done.
    #[serde(skip)]
    #[ts(skip)]
    pub uneven: bool,
    /// What the job waits for; none: it is not waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<Next>,
}

/// What a job waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Next {
    /// Number of the reply that is posted next.
    pub reply: i64,
    /// When, milliseconds since 1970 by this machine's clock.
    pub at_ms: i64,
}

impl Progress {
    /// `done` of `total` units of a phase.
    pub fn new(phase: impl Into<String>, done: u64, total: Option<u64>, unit: &str) -> Self {
        Self {
            phase: phase.into(),
            done,
            total,
            unit: unit.to_owned(),
            ..Self::default()
        }
    }

    /// Without an estimate of the time left: its units take very different times.
    #[must_use]
    pub fn uneven(mut self) -> Self {
        self.uneven = true;
        self
    }

    /// Waiting for a reply's turn.
    #[must_use]
    pub fn next(mut self, reply: i64, at_ms: i64) -> Self {
        self.next = Some(Next { reply, at_ms });
        self
    }

    /// Adds the current figures.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// What a running job reports to its front end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Signal {
    /// The job has its row and is running.
    Started {
        job: String,
        kind: String,
        /// Whether it resumes an earlier attempt.
        resumed: bool,
    },
    /// At most ten per second, the last always.
    Progress(Progress),
    /// A line for the log: what was decided, found or sampled.
    Log { text: String },
    /// A URL that the user must open in a browser to log in.
    Visit {
        /// Valid once, and stored nowhere.
        address: String,
    },
    /// The comments to be answered, before generation starts.
    Comments {
        /// In the order of their numbers.
        texts: Vec<String>,
    },
    /// Replies being generated, as far as they are: the first token at once, then about ten times a second.
    Drafts {
        /// Those that have grown since the last time.
        drafts: Vec<Draft>,
    },
    /// Scores of generated replies.
    Scores { scores: Vec<DraftScore> },
}

/// A reply being generated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Draft {
    /// Index of the comment it answers, from 0.
    pub comment: usize,
    /// Index among the replies to that comment, from 0.
    pub n: usize,
    pub text: String,
    /// end, or length if it was cut; none while it is being generated.
    #[serde(alias = "finish")]
    pub finish_reason: Option<FinishReason>,
}

/// A classifier's scores of a generated reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DraftScore {
    /// Index of the comment it answers, from 0.
    pub comment: usize,
    /// Index among the replies to that comment, from 0.
    pub n: usize,
    /// p(real); none: not scored by this classifier.
    pub p_real: Option<f64>,
    /// Probability of each upvote bin; none: not scored by this classifier.
    pub bins: Option<[f64; 4]>,
}

/// Receives signals. Called from the working thread and from the heartbeat thread.
pub type Signals<'a> = &'a (dyn Fn(Signal) + Sync);
