//! Flags of `fakes`, `generate` and `generation`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use repartee_engine::terms::PrecisionChoice;

use crate::bundle::args::ElsewhereArgs;
use crate::flags::{precision, three};
use crate::items::args::{ItemCommand, ListArgs};

/// Decoding settings, the same for fakes and for live generation.
#[derive(Debug, Clone, Default, Args)]
pub struct SamplingArgs {
    /// Sampling temperature; 0 is greedy
    #[arg(long)]
    pub temperature: Option<f64>,
    /// Sample from the k most likely tokens; 0 for all
    #[arg(long)]
    pub top_k: Option<usize>,
    /// Sample from the smallest set of tokens with at least this total probability
    #[arg(long)]
    pub top_p: Option<f64>,
    /// Sample from the tokens that are at least this likely relative to the most likely one; 0 for all
    #[arg(long)]
    pub min_p: Option<f64>,
    /// Repetition penalty; above 1, repeated tokens are less likely
    #[arg(long)]
    pub repetition_penalty: Option<f64>,
    /// Never repeat a sequence of N tokens of the prompt or the reply; 0 is off
    #[arg(long, value_name = "N")]
    pub no_repeat_ngram: Option<usize>,
    /// Maximum length of a reply, in tokens
    #[arg(long)]
    pub max_new_tokens: Option<usize>,
}

#[derive(Debug, Subcommand)]
// One is parsed per process.
#[allow(clippy::large_enum_variant)]
pub enum FakesCommand {
    /// Generate replies to the comments of each set of the split
    Make(FakesArgs),
    /// List all sets of fakes
    List(ListArgs),
    #[command(flatten)]
    Item(ItemCommand),
    /// Show some fakes next to the real replies
    Show {
        /// The set of fakes
        #[arg(default_value = "fakes")]
        name: String,
        /// Maximum number of fakes
        #[arg(long, default_value_t = 10, value_name = "N")]
        limit: usize,
    },
}

#[derive(Debug, Clone, Args)]
pub struct FakesArgs {
    /// Name of the set of fakes
    #[arg(default_value = "fakes")]
    pub name: String,
    /// Generator run
    #[arg(long, value_name = "RUN")]
    pub generator: String,
    /// Which checkpoint: best or last
    #[arg(long, value_name = "best|last")]
    pub checkpoint: Option<String>,
    /// Replies per comment
    #[arg(long, value_name = "N")]
    pub replies: Option<usize>,
    /// Maximum number of comments of the training, validation and test sets; 0 for all
    #[arg(long, value_name = "N,N,N", value_parser = three::<usize>)]
    pub comments: Option<[usize; 3]>,
    /// Batch size, in prompts
    #[arg(long)]
    pub batch: Option<usize>,
    /// Random seed
    #[arg(long)]
    pub seed: Option<u64>,
    /// auto, cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
    /// Precision on the CPU; auto takes the fastest that `repartee quality` measured with a small loss
    #[arg(long, value_parser = precision())]
    pub precision: Option<PrecisionChoice>,
    #[command(flatten)]
    pub sampling: SamplingArgs,
    #[command(flatten)]
    pub elsewhere: ElsewhereArgs,
}

#[derive(Debug, Clone, Args)]
pub struct GenerateArgs {
    /// Comments to answer; - reads one from standard input
    #[arg(value_name = "COMMENT")]
    pub comment: Vec<String>,
    /// A file with one comment per line (.txt), or JSONL (.jsonl, .ndjson) with "comment" and optionally "thread", "subreddit" and "title"
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Answer this many unseen comments of the generator's test set
    #[arg(long, value_name = "N")]
    pub unseen: Option<usize>,
    /// Generator run
    #[arg(long, value_name = "RUN")]
    pub generator: String,
    /// Realism run that scores the candidates
    #[arg(long, value_name = "RUN")]
    pub realism: Option<String>,
    /// Upvotes run that scores the candidates
    #[arg(long, value_name = "RUN")]
    pub upvotes: Option<String>,
    /// Which checkpoint: best or last
    #[arg(long, value_name = "best|last")]
    pub checkpoint: Option<String>,
    /// Candidates per comment
    #[arg(short = 'n', long, value_name = "N")]
    pub candidates: Option<usize>,
    #[command(flatten)]
    pub sampling: SamplingArgs,
    /// Minimum p(real) of a picked candidate; requires --realism
    #[arg(long)]
    pub min_p_real: Option<f64>,
    /// Maximum length of a picked candidate, in characters
    #[arg(long)]
    pub max_chars: Option<usize>,
    /// Maximum number of picked candidates per thread
    #[arg(long, value_name = "N")]
    pub per_thread: Option<usize>,
    /// Also pick echoes of the comment, copies of training replies, and repetitions
    #[arg(long)]
    pub keep_flagged: bool,
    /// Only print the candidates; queue nothing
    #[arg(long)]
    pub no_queue: bool,
    /// Random seed
    #[arg(long)]
    pub seed: Option<u64>,
    /// auto, cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
    /// Precision on the CPU; auto takes the fastest that `repartee quality` measured with a small loss, and for the
    /// generator that of the fakes on which the realism model was trained
    #[arg(long, value_parser = precision())]
    pub precision: Option<PrecisionChoice>,
}

#[derive(Debug, Subcommand)]
pub enum GenerationCommand {
    /// List all generations, newest first
    List(ListArgs),
    #[command(flatten)]
    Item(ItemCommand),
}
