//! Flags of `train` and `run`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::items::args::{ItemCommand, ListArgs};

#[derive(Debug, Subcommand)]
pub enum TrainCommand {
    /// Train GPT-2 to write replies
    Generator(TrainArgs),
    /// Train BERT to tell real replies from generated ones
    Realism(TrainArgs),
    /// Train BERT to predict which of four upvote bins a reply falls into
    Upvotes(TrainArgs),
    /// List all runs; the same as `repartee run list`
    List(ListArgs),
    /// Retrain a run, and the models it was made with, without texts that have been deleted since
    Again {
        /// The run
        run: String,
        /// Leave out texts that their authors deleted, or that were purged (they are gone; this acknowledges it)
        #[arg(long, required = true)]
        without_deleted: bool,
        /// Print what would be retrained, in order, and stop
        #[arg(long)]
        plan: bool,
    },
    /// List models trained on content that has been deleted since, directly or through another model
    Marked,
    /// Show a run's config, facts, latest metrics and samples; the same as `repartee run show`
    Show {
        /// The run
        run: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// List all runs
    List(ListArgs),
    /// Show a run's config, facts, latest metrics and samples
    Show {
        /// The run
        run: String,
    },
    #[command(flatten)]
    Item(ItemCommand),
}

#[derive(Debug, Clone, Default, Args)]
pub struct TrainArgs {
    /// Run config to start from; flags override it
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Write the complete, commented run config to a file (- for standard output) and stop
    #[arg(long, value_name = "FILE.toml")]
    pub write_config: Option<PathBuf>,
    /// Name of the run
    #[arg(long)]
    pub name: Option<String>,
    /// Base model
    #[arg(long)]
    pub base: Option<String>,
    /// Split to train on
    #[arg(long)]
    pub split: Option<String>,
    /// Realism only: the set of fakes
    #[arg(long)]
    pub fakes: Option<String>,
    /// Number of epochs
    #[arg(long)]
    pub epochs: Option<f64>,
    /// Number of optimizer steps; overrides --epochs
    #[arg(long)]
    pub steps: Option<u64>,
    /// Batch size
    #[arg(long)]
    pub batch: Option<usize>,
    /// Peak learning rate
    #[arg(long)]
    pub lr: Option<f64>,
    /// Generator only: compute the loss on the reply tokens or on all tokens
    #[arg(long, value_name = "reply|all")]
    pub loss: Option<String>,
    /// Maximum length of an example, in tokens
    #[arg(long)]
    pub max_tokens: Option<usize>,
    /// Random seed
    #[arg(long)]
    pub seed: Option<u64>,
    /// auto, cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
    /// Any other setting of the run config
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print the estimated parameters, memory and time, and stop
    #[arg(long)]
    pub estimate: bool,
}
