//! Flags of `job`.

use clap::{ArgGroup, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// List all jobs, newest first
    List,
    /// Show a job: parameters, progress, outcome and log
    Show {
        /// The job's id, or a unique beginning or end of it
        job: String,
    },
    /// Pause a running job
    Pause {
        /// The job's id, or a unique beginning or end of it
        job: String,
    },
    /// End a training now and keep its checkpoint as the result; end any other job, and keep what it has stored
    Stop {
        /// The job's id, or a unique beginning or end of it
        job: String,
        /// Keep nothing: delete the training's weights
        #[arg(long)]
        discard: bool,
        /// Don't ask before weights are deleted
        #[arg(short, long)]
        yes: bool,
    },
    /// List queued jobs in the order they will run
    Queue,
    /// Resume interrupted jobs, then run the queue until it is empty
    ///
    /// A paused job of the queue is resumed before those that wait. A job that was paused outside of the queue stays
    /// paused; it is named, with the command that resumes it.
    Run,
    /// Move a queued job
    #[command(group = ArgGroup::new("where").required(true))]
    Move {
        /// The job's id, or a unique beginning or end of it
        job: String,
        /// Before this queued job
        #[arg(long, value_name = "JOB", group = "where")]
        before: Option<String>,
        /// To the front
        #[arg(long, group = "where")]
        first: bool,
        /// To the end
        #[arg(long, group = "where")]
        last: bool,
    },
    /// Set whether the queue stops if a queued job fails
    OnFailure {
        /// The job's id, or a unique beginning or end of it
        job: String,
        #[arg(value_enum)]
        what: OnFailure,
    },
    /// Cancel a job
    Cancel {
        /// The job's id, or a unique beginning or end of it
        job: String,
    },
    /// Resume a paused, failed or interrupted job
    Resume {
        /// The job's id, or a unique beginning or end of it
        job: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// The queue stops
    Stop,
    /// The next job starts
    #[value(alias = "go-on")]
    Continue,
}
