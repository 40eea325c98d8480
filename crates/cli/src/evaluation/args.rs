//! Flags of `evaluate`, `evaluation`, `quality`, `chart` and `report`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use repartee_engine::terms::PrecisionChoice;

use crate::flags::precision;
use crate::items::args::{ItemCommand, ListArgs};

#[derive(Debug, Clone, Args)]
pub struct EvaluateArgs {
    /// The run; without it, all evaluations are listed
    pub run: Option<String>,
    /// Which checkpoint: best or last
    #[arg(long, value_name = "best|last")]
    pub checkpoint: Option<String>,
    /// Which set of the split: train, validation or test
    #[arg(long, value_name = "SET", alias = "side")]
    pub partition: Option<String>,
    /// Realism only: another set of fakes
    #[arg(long)]
    pub fakes: Option<String>,
    /// Maximum number of examples
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Batch size
    #[arg(long)]
    pub batch: Option<usize>,
    /// Realism only: decision threshold, from 0 to 1; replies are predicted real from it on
    #[arg(long, value_name = "P")]
    pub threshold: Option<f64>,
    /// auto, cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
    /// Precision on the CPU; auto takes the fastest that `repartee quality` measured with a small loss
    #[arg(long, value_parser = precision())]
    pub precision: Option<PrecisionChoice>,
}

#[derive(Debug, Clone, Args)]
pub struct QualityArgs {
    /// The runs to measure
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<String>,
    /// Maximum number of examples of the validation set; 0 for all
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Which checkpoint: best or last
    #[arg(long, value_name = "best|last")]
    pub checkpoint: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// Its number or name, or a run, which stands for its latest evaluation on the test set
    pub evaluation: String,
    /// Maximum number of examples that the model scores again; 0 for all
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Batch size
    #[arg(long)]
    pub batch: Option<usize>,
    /// auto, cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct ThresholdsArgs {
    /// Its number or name, or a run, which stands for its latest evaluation on the test set
    pub evaluation: String,
    /// Cost of a fake that is predicted real, in any unit
    #[arg(long, value_name = "COST", requires = "cost_false_negative")]
    pub cost_false_positive: Option<f64>,
    /// Cost of a real reply that is predicted fake, in the same unit
    #[arg(long, value_name = "COST", requires = "cost_false_positive")]
    pub cost_false_negative: Option<f64>,
    /// Also show this threshold, from 0 to 1
    #[arg(long, value_name = "P")]
    pub at: Option<f64>,
    /// Write all 1,001 thresholds from 0 to 1 to this file, .csv or .jsonl
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct DecodingArgs {
    /// The realism run; every set of fakes of its split is measured
    pub run: String,
    /// Which checkpoint: best or last
    #[arg(long, value_name = "best|last")]
    pub checkpoint: Option<String>,
    /// Maximum number of fakes of each set; 0 for all
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Batch size
    #[arg(long)]
    pub batch: Option<usize>,
    /// auto, cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
    /// Precision on the CPU; auto takes the fastest that `repartee quality` measured with a small loss
    #[arg(long, value_parser = precision())]
    pub precision: Option<PrecisionChoice>,
}

#[derive(Debug, Subcommand)]
pub enum EvaluationCommand {
    /// List all evaluations
    List(ListArgs),
    /// Show an evaluation: every metric with its interval and its baselines
    Show {
        /// Its number or name, or a run, which stands for its latest evaluation on the test set
        evaluation: String,
        /// Realism: also show the metrics where this share of the replies is real, above 0 and below 1
        #[arg(long, value_name = "SHARE")]
        real_share: Option<f64>,
    },
    /// Compare evaluations on the examples that all of them have: differences with intervals and p values
    Compare {
        /// What the others are compared with: the number or name of an evaluation, or a run, which stands for its latest
        /// evaluation on the test set
        evaluation: String,
        /// The others
        #[arg(required = true, value_name = "OTHER")]
        others: Vec<String>,
    },
    /// Audit a realism evaluation for shortcuts: what length, markup or words tell of a reply, and the model without
    /// the comment
    Audit(AuditArgs),
    /// Show the metrics of a realism or upvotes evaluation by subreddit, length, age and score, with intervals
    Slices {
        /// Its number or name, or a run, which stands for its latest evaluation on the test set
        evaluation: String,
        /// What to slice by, separated by commas: subreddit, length (words of the reply), age (date of the comment),
        /// score (of the comment)
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        by: Vec<String>,
    },
    /// Show what follows from decision thresholds of a realism evaluation: errors, their cost, candidates that pass, and
    /// the scores of posted replies
    Thresholds(ThresholdsArgs),
    /// Measure a realism run on the fakes of each decoding setting, against the same real replies
    Decoding(DecodingArgs),
    #[command(flatten)]
    Item(ItemCommand),
}

#[derive(Debug, Clone, Args)]
pub struct ChartArgs {
    /// roc, pr, confusion, calibration or scores of evaluations; loss, lr or throughput of runs
    #[arg(value_name = "CHART")]
    pub what: String,
    /// Runs, or the number of an evaluation; a run stands for its latest evaluation on the test set (its latest, if there
    /// is none), or for its training curves
    #[arg(required = true, value_name = "RUN|EVALUATION")]
    pub of: Vec<String>,
    /// Files to write: .svg, .png or .csv; a name without an extension writes all three
    #[arg(short, long, value_name = "FILE")]
    pub out: Vec<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// The run
    pub run: String,
    /// The page to write, .html
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The Markdown to write, .md
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Show this many of the best and of the worst predictions of each evaluation, with their texts
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub examples: usize,
}
