//! The command tree. Parsing, help and shell completions all come from these declarations; each area declares its own
//! flags in its `args`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::bench::args::BenchCommand;
use crate::bundle::args::{BundleCommand, WorkArgs};
use crate::cluster::args::ClusterCommand;
use crate::data::args::{ImportArgs, PairsCommand, SourceCommand, SplitCommand};
use crate::evaluation::args::{
    ChartArgs, EvaluateArgs, EvaluationCommand, QualityArgs, ReportArgs,
};
use crate::flags::Common;
use crate::generation::args::{FakesCommand, GenerateArgs, GenerationCommand};
use crate::jobs::args::JobCommand;
use crate::models::args::BaseCommand;
use crate::pipeline::args::PipelineArgs;
use crate::project::args::{DemoArgs, ExportCommand};
use crate::queue::args::QueueCommand;
use crate::reddit::args::RedditCommand;
use crate::study::args::StudyCommand;
use crate::training::args::{RerunArgs, RunCommand, SweepCommand, TrainCommand};

/// Train a language model to answer comments, evaluate it, and review its replies, in one project file
#[derive(Debug, Parser)]
#[command(
    name = "repartee",
    version,
    disable_help_subcommand = true,
    after_help = "The usual order: new, import, pairs build, split make, base add, train generator, fakes make,\n\
                  train realism, train upvotes, evaluate, chart, report, generate, queue.\n\
                  After an import, `repartee run` queues everything from the pairs to the evaluations.\n\
                  `repartee demo` runs the full pipeline on synthetic data."
)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a project file
    New {
        /// The file to create, for example my.repartee; .repartee is added to any other name
        file: PathBuf,
    },
    /// Import files of comments and posts
    Import(ImportArgs),
    /// List, label or delete imported sources, and record their origin and permission
    Source {
        #[command(subcommand)]
        command: SourceCommand,
    },
    /// Permissions of your study: what Reddit and an ethics board allow you to do with Reddit content
    Study {
        #[command(subcommand)]
        command: Option<StudyCommand>,
    },
    /// Join comments to their replies, and inspect or exclude the pairs
    Pairs {
        #[command(subcommand)]
        command: PairsCommand,
    },
    /// Split the pairs into training, validation and test sets, grouped by thread
    Split {
        #[command(subcommand)]
        command: SplitCommand,
    },
    /// Add pretrained base models, or create small ones from scratch
    Base {
        #[command(subcommand)]
        command: BaseCommand,
    },
    /// Train the generator or one of the two classifiers
    Train {
        #[command(subcommand)]
        command: TrainCommand,
    },
    /// Queue the pipeline on your imported data, from pairs to evaluations; or list, show, label or delete runs
    ///
    /// Without a subcommand, it shows every step from the imported comments to three evaluated models, with its time and
    /// memory, and queues those that are not done: pairs, split, bases, generator, fakes, both classifiers, evaluations.
    /// A job that fails blocks those after it. `repartee job run` runs the queue.
    Run {
        #[command(flatten)]
        pipeline: PipelineArgs,
        #[command(subcommand)]
        command: Option<RunCommand>,
    },
    /// Repeat a finished training with what the project holds, and compare weights, losses and metrics
    Rerun(RerunArgs),
    /// Generate replies to the comments of a split: the negatives of the realism classifier
    Fakes {
        #[command(subcommand)]
        command: FakesCommand,
    },
    /// Evaluate a trained model on one set of its split
    Evaluate(EvaluateArgs),
    /// List, show, compare, audit, slice, label or delete evaluations
    Evaluation {
        #[command(subcommand)]
        command: EvaluationCommand,
    },
    /// Measure what runs lose at each precision and how fast they are there: `--precision auto` decides by it
    Quality(QualityArgs),
    /// Draw ROC, precision-recall, confusion matrix, calibration or loss charts as SVG, PNG and CSV
    Chart(ChartArgs),
    /// Write a report of a run, as one HTML page and as Markdown: data, model, training, evaluations, methods
    Report(ReportArgs),
    /// Generate replies to comments, score them and queue the best
    Generate(GenerateArgs),
    /// List, label or delete generations
    Generation {
        #[command(subcommand)]
        command: GenerationCommand,
    },
    /// Review replies: approve, edit or reject each one
    Queue {
        #[command(subcommand)]
        command: QueueCommand,
    },
    /// Reddit accounts, threads, posting of approved replies, and their outcomes
    Reddit {
        #[command(subcommand)]
        command: Box<RedditCommand>,
    },
    /// Export pairs, predictions, models, metrics or the queue to files
    Export {
        #[command(subcommand)]
        command: ExportCommand,
    },
    /// List, pause, cancel or resume jobs, from any terminal
    Job {
        #[command(subcommand)]
        command: JobCommand,
    },
    /// Job bundles: jobs in a file of their own, to run on any machine and merge back
    Bundle {
        #[command(subcommand)]
        command: BundleCommand,
    },
    /// Run the jobs of a bundle, or continue them, without the project that made it
    Work(WorkArgs),
    /// Clusters with Slurm: submit jobs with --on, watch them, fetch their results
    Cluster {
        #[command(subcommand)]
        command: ClusterCommand,
    },
    /// Verify the project file: schema, integrity, references, values, the hash of every blob
    Check {
        /// First undo schema changes by other programs, reset unreadable settings and rebuild a broken search index;
        /// a backup of the file is saved next to it
        #[arg(long)]
        repair: bool,
    },
    /// Shrink the project file to the space it needs
    Compact,
    /// Show how much space each kind of data takes
    Size,
    /// Check this machine and the project for problems
    Doctor,
    /// Run the full pipeline on synthetic data, in a new folder
    Demo(DemoArgs),
    /// Measure speed and memory
    Bench {
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Print a shell completion script, for example `repartee completions bash > ~/.local/share/bash-completion/completions/repartee`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// The project file, if the command names it without --project.
    pub fn project(&self) -> Option<PathBuf> {
        match self {
            Self::Run { pipeline, .. } => pipeline.file.clone(),
            _ => None,
        }
    }

    /// The number of threads that the command asks for by itself: that of the bundle on which it works.
    pub fn threads(&self) -> Option<usize> {
        match self {
            Self::Work(args) if args.job.is_none() => {
                repartee_engine::bundle::threads_of(&args.file)
            }
            _ => None,
        }
    }

    /// Whether the command starts a job, so that `--queue` can queue it.
    pub fn starts_a_job(&self) -> bool {
        match self {
            Self::Import(_) | Self::Evaluate(_) | Self::Quality(_) | Self::Rerun(_) => true,
            Self::Generate(_) | Self::Reddit { .. } => true,
            Self::Pairs { command } => matches!(command, PairsCommand::Build(_)),
            Self::Split { command } => {
                matches!(command, SplitCommand::Make(_) | SplitCommand::Audit { .. })
            }
            Self::Base { command } => {
                matches!(command, BaseCommand::Add { .. } | BaseCommand::New(_))
            }
            Self::Train { command } => !matches!(
                command,
                TrainCommand::List(_)
                    | TrainCommand::Marked
                    | TrainCommand::Show { .. }
                    | TrainCommand::Sweep {
                        command: SweepCommand::List | SweepCommand::Show { .. }
                    }
            ),
            Self::Fakes { command } => matches!(command, FakesCommand::Make(_)),
            Self::Run { command, .. } => command.is_none(),
            Self::Evaluation { command } => matches!(
                command,
                EvaluationCommand::Audit(_) | EvaluationCommand::Decoding(_)
            ),
            _ => false,
        }
    }

    /// Whether the command may run a job that a scheduler's signal pauses.
    pub fn may_pause(&self) -> bool {
        match self {
            Self::Demo(_) => true,
            Self::Job { command } => {
                matches!(command, JobCommand::Run | JobCommand::Resume { .. })
            }
            // these work with Reddit, and wait for the user
            Self::Reddit { .. } => false,
            // otherwise the pipeline is only planned and queued
            Self::Run { pipeline, .. } => pipeline.now,
            other => other.starts_a_job(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_that_run_a_job_hold_the_signals_of_a_scheduler() {
        for (line, holds) in [
            ("repartee run --now", true),
            ("repartee run", false),
            ("repartee run list", false),
            ("repartee job run", true),
            ("repartee job list", false),
            ("repartee doctor", false),
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.command.may_pause(), holds, "{line}");
        }
    }
}
