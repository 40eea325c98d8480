//! The words that several crates share: each is one enum, and its word is the same in a table, in JSON, in TypeScript
//! and on the command line. A word that an enum doesn't know is never read as another value: `parse` and serde refuse
//! it, and the store names the row.

pub mod visible;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use ts_rs::TS;

macro_rules! terms {
    ($($(#[$about:meta])* $name:ident { $($(#[$each:meta])* $variant:ident,)+ })+) => {$(
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS,
            Display, EnumString, IntoStaticStr, VariantArray,
        )]
        #[serde(rename_all = "kebab-case")]
        #[strum(serialize_all = "kebab-case")]
        pub enum $name {
            $($(#[$each])* $variant,)+
        }

        impl $name {
            /// Every value, in this order.
            pub const ALL: &[Self] = Self::VARIANTS;

            pub fn as_str(self) -> &'static str {
                self.into()
            }

            /// All words, for an error: "draft, approved, posted".
            pub fn words() -> String {
                let words: Vec<&str> = Self::ALL.iter().map(|term| term.as_str()).collect();
                words.join(", ")
            }
        }
    )+};
}

terms! {
    /// Kind of model, and of the run that trains it, in the order of the pipeline.
    #[derive(Default)]
    ModelKind {
        /// GPT-2 on comments and replies.
        #[default]
        Generator,
        /// BERT: real or generated reply.
        Realism,
        /// BERT: which of the four bins of scores.
        Upvotes,
    }

    /// Architecture of a base.
    BaseKind {
        Gpt2,
        /// Classifies pairs of texts.
        Bert,
    }

    /// Role of a checkpoint in its run.
    Role {
        /// The lowest validation loss so far: used after training.
        Best,
        /// The latest: a run resumes from it.
        Last,
        /// Replaced, but fakes, evaluations or candidates were made with it.
        Kept,
    }

    /// Why a generated reply ended.
    FinishReason {
        /// At the end token.
        End,
        /// At the limit of new tokens, or of the model's positions.
        Length,
    }

    /// What is wrong with a generated reply.
    FlagKind {
        /// It repeats its comment.
        Echo,
        /// It has the words of an earlier candidate for the same comment.
        Duplicate,
        /// It is a training reply.
        ExactCopy,
        /// It shares a long run of words with a training reply.
        SharedRun,
        /// It is nearly a training reply.
        NearCopy,
        /// Words or characters repeat.
        Repetition,
    }

    /// How a model's weights are stored and multiplied.
    #[derive(Default)]
    Precision {
        #[default]
        F32,
        /// Weights and activations rounded to 8 bits of mantissa, summed in f32.
        Bf16,
        /// Weights with one scale per column, activations with one per row, summed exactly.
        Int8,
    }

    /// The requested precision of a model.
    #[derive(Default)]
    PrecisionChoice {
        /// The fastest that `quality` measured on that run with a small loss.
        #[default]
        Auto,
        F32,
        Bf16,
        Int8,
    }

    /// State of a job, as stored.
    JobState {
        /// Waits in the queue.
        Queued,
        /// Its owner is working on it, or is gone.
        Running,
        /// Can be resumed.
        Paused,
        /// Completed.
        Done,
        /// Ended with an error; can be resumed.
        Failed,
        /// Ended by the user.
        Cancelled,
    }

    /// Status of a job or run, as shown: its state, and what only shows when it is looked at.
    JobStatus {
        Queued,
        /// Waits for a process to run it.
        Waiting,
        Running,
        /// Interrupted: its process is gone; can be resumed.
        Lost,
        Paused,
        Done,
        /// A run that the user or a sweep ended early; its checkpoint is its result.
        Stopped,
        Failed,
        Cancelled,
    }

    /// How a trial of a sweep ended.
    TrialOutcome {
        /// All steps are done.
        Finished,
        /// The validation loss stopped improving.
        EarlyStop,
        /// By the user; its checkpoint is its result.
        Stopped,
        /// Its validation loss was worse than the median of earlier trials at the same step.
        Pruned,
        /// Its loss or a gradient was not finite, or it could not be trained for another reason.
        Failed,
    }

    /// Request to a running job.
    Want {
        Run,
        /// Save a checkpoint and pause.
        Pause,
        /// Training: finish now, with the current weights as the result.
        Stop,
        /// End without a result.
        Cancel,
        /// Training: end, and remove its checkpoints.
        Discard,
    }

    /// State of a reply in the queue, in the order of the workflow.
    ReplyState {
        /// Waits for review.
        Draft,
        /// To be posted.
        Approved,
        /// It is being sent; or the process that sent it is gone.
        Sending,
        /// Sent, delivery unconfirmed.
        Uncertain,
        /// Enough checks did not find it: the user decides.
        Absent,
        /// Live on Reddit.
        Posted,
        /// Rejected by the user, or permanently by Reddit.
        Rejected,
        /// It will not be posted: what it answers is gone, locked or opted out, or it was abandoned.
        Cancelled,
        /// It was posted and withdrawn.
        Withdrawn,
    }

    /// Who opted out.
    OptOutKind {
        User,
        Subreddit,
    }

    /// State of an opt-out.
    OptOutState {
        /// To be decided; counts until then.
        Asked,
        Confirmed,
        Declined,
    }
}

impl ModelKind {
    /// With its article, for a sentence.
    pub fn model(self) -> &'static str {
        match self {
            Self::Generator => "a generator",
            Self::Realism => "a realism model",
            Self::Upvotes => "an upvotes model",
        }
    }

    /// The kind of base it starts from.
    pub fn base_kind(self) -> BaseKind {
        match self {
            Self::Generator => BaseKind::Gpt2,
            Self::Realism | Self::Upvotes => BaseKind::Bert,
        }
    }

    /// Number of classes of a classifier; 0 for the generator.
    pub fn classes(self) -> usize {
        match self {
            Self::Generator => 0,
            Self::Realism => 2,
            Self::Upvotes => 4,
        }
    }
}

impl PrecisionChoice {
    /// The precision itself; none: it is chosen automatically.
    pub fn named(self) -> Option<Precision> {
        match self {
            Self::Auto => None,
            Self::F32 => Some(Precision::F32),
            Self::Bf16 => Some(Precision::Bf16),
            Self::Int8 => Some(Precision::Int8),
        }
    }
}

impl From<Precision> for PrecisionChoice {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
            Precision::Int8 => Self::Int8,
        }
    }
}

impl From<JobState> for JobStatus {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Queued => Self::Queued,
            JobState::Running => Self::Running,
            JobState::Paused => Self::Paused,
            JobState::Done => Self::Done,
            JobState::Failed => Self::Failed,
            JobState::Cancelled => Self::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The word of every value is the same everywhere, and no other word is read.
    fn check<T>(all: &[T])
    where
        T: Copy + PartialEq + std::fmt::Debug + Serialize + for<'a> Deserialize<'a>,
        T: std::str::FromStr + ToString + TS,
    {
        for term in all {
            let word = term.to_string();
            assert_eq!(word.parse::<T>().ok(), Some(*term));
            let json = serde_json::to_string(term).expect("JSON");
            assert_eq!(json, format!("{word:?}"));
            assert_eq!(serde_json::from_str::<T>(&json).ok(), Some(*term));
            assert!(T::inline(&ts_rs::Config::default()).contains(&json));
            let capital = word.to_uppercase();
            assert!(capital.parse::<T>().is_err(), "{capital}");
        }
        for word in ["", "odd", " draft"] {
            assert!(word.parse::<T>().is_err(), "{word:?}");
            assert!(serde_json::from_str::<T>(&format!("{word:?}")).is_err());
        }
    }

    #[test]
    fn a_term_has_one_word() {
        check(ModelKind::ALL);
        check(BaseKind::ALL);
        check(Role::ALL);
        check(FinishReason::ALL);
        check(FlagKind::ALL);
        check(Precision::ALL);
        check(PrecisionChoice::ALL);
        check(JobState::ALL);
        check(JobStatus::ALL);
        check(TrialOutcome::ALL);
        check(Want::ALL);
        check(ReplyState::ALL);
        check(OptOutKind::ALL);
        check(OptOutState::ALL);
    }

    #[test]
    fn each_precision_can_be_requested_by_its_word() {
        for precision in Precision::ALL {
            let choice = PrecisionChoice::from(*precision);
            assert_eq!(choice.as_str(), precision.as_str());
            assert_eq!(choice.named(), Some(*precision));
        }
        assert_eq!(PrecisionChoice::default().named(), None);
        assert_eq!(PrecisionChoice::ALL.len(), Precision::ALL.len() + 1);
    }
}
