//! Flags of `bundle` and `work`, and of commands whose job can run elsewhere.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use repartee_engine::bundle::DAYS;

/// Where a job runs, if not in this process.
#[derive(Debug, Clone, Default, Args)]
pub struct ElsewhereArgs {
    /// Submit it to this cluster, see `repartee cluster` [default: it runs on this machine]
    #[arg(long, value_name = "CLUSTER", help_heading = ELSEWHERE)]
    pub on: Option<String>,
    /// Write it to a job bundle, which `repartee work` runs on any machine [default: it runs on this machine]
    #[arg(long, value_name = "FILE", conflicts_with = "on", help_heading = ELSEWHERE)]
    pub bundle: Option<PathBuf>,
}

const ELSEWHERE: &str = "On another machine";

impl ElsewhereArgs {
    pub fn is_given(&self) -> bool {
        self.on.is_some() || self.bundle.is_some()
    }
}

#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Write jobs to a bundle: one file with everything they need. They are not resumed here until it is merged or deleted
    Make {
        /// Runs whose training is paused, or ids of paused jobs
        #[arg(required = true, value_name = "RUN|JOB")]
        jobs: Vec<String>,
        /// The file to create
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Days after which no work begins in it
        #[arg(long, default_value_t = DAYS, value_name = "N")]
        days: u32,
    },
    /// Take the results of a bundle into the project that made it; merging again changes nothing
    Merge {
        /// The bundle after `repartee work`, or its result (FILE.result)
        file: PathBuf,
    },
    /// List the bundles that this project made, with where they are and when they expire
    List,
    /// Delete bundles here and on clusters; what was merged stays, and their jobs can be resumed here
    Delete {
        /// Ids of bundles
        #[arg(required_unless_present_any = ["expired", "purged"])]
        bundles: Vec<String>,
        /// All that have expired
        #[arg(long)]
        expired: bool,
        /// All that were made with a text that was deleted since
        #[arg(long)]
        purged: bool,
        /// Don't ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "SIGTERM, SIGUSR1 and Ctrl-C save a checkpoint; after a signal, the exit status is 75. The same command \
                  continues. The result is FILE.result: it has the weights, but none of the texts that were trained on."
)]
pub struct WorkArgs {
    /// The bundle
    #[arg(value_name = "BUNDLE")]
    pub file: PathBuf,
    /// The job of a project that the window starts
    #[arg(hide = true)]
    pub job: Option<String>,
    /// Only the job with this number, from 1, in a copy of the bundle of its own (BUNDLE.task-N) [default: all jobs]
    #[arg(long, value_name = "N")]
    pub task: Option<usize>,
    /// Work in this folder and copy the file back at the end: for bundles on a network file system [default: work in place]
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
}
