//! Flags of `demo` and `export`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use repartee_engine::terms::ReplyState;

use crate::flags::a_state;

#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// New or empty folder for the project and the charts
    #[arg(default_value = "demo")]
    pub folder: PathBuf,
    /// auto, cpu, cuda or metal
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Threads of the synthetic sample
    #[arg(long, hide = true)]
    pub sample_threads: Option<usize>,
    /// Scale of the training steps; 1 is the real demo
    #[arg(long, hide = true)]
    pub scale: Option<f64>,
}

#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// Export pairs, with the set and upvote bin if a split is named
    Pairs {
        /// .jsonl or .csv
        file: PathBuf,
        /// The split
        #[arg(long)]
        split: Option<String>,
        /// Only this set of the split: train, validation or test
        #[arg(long, value_name = "SET", alias = "side")]
        partition: Option<String>,
    },
    /// Export every prediction of an evaluation: comment, text, label, probabilities, set, thread
    Predictions {
        /// The number or name of an evaluation, or a run for its latest evaluation on the test set (its latest, if there is
        /// none)
        of: String,
        /// .jsonl or .csv
        file: PathBuf,
    },
    /// Export a run's checkpoint as a folder in Hugging Face layout
    Run {
        /// The run
        run: String,
        /// The folder to create
        folder: PathBuf,
        /// Which checkpoint: best or last
        #[arg(long, value_name = "best|last")]
        checkpoint: Option<String>,
    },
    /// Export a base as a folder in Hugging Face layout
    Base {
        /// Name of the base
        name: String,
        /// The folder to create
        folder: PathBuf,
    },
    /// Export the metrics and settings of runs as event files of TensorBoard, one folder per run
    Tensorboard {
        /// The runs
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<String>,
        /// The folder to write to
        #[arg(short, long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Export the queue
    Queue {
        /// .jsonl or .csv
        file: PathBuf,
        /// Only draft, approved, sending, uncertain, absent, posted, rejected, canceled or withdrawn
        #[arg(long, value_parser = a_state)]
        state: Option<ReplyState>,
    },
}
