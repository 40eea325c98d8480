//! Flags of `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Measure training steps on random weights
    Train(BenchArgs),
    /// Measure generating tokens with random weights
    Generate {
        #[command(flatten)]
        args: BenchArgs,
        /// Candidates per prompt
        #[arg(long, default_value_t = 1)]
        candidates: usize,
        /// Candidates generated at once, of all prompts [default: all]
        #[arg(long)]
        rows: Option<usize>,
    },
    /// Measure scoring pairs with random weights
    Score {
        #[command(flatten)]
        args: BenchArgs,
        /// Score the pairs of a CSV with the columns comment and reply, in file order [default: random tokens]
        #[arg(long, value_name = "FILE")]
        pairs: Option<PathBuf>,
        /// Folder of the tokenizer for --pairs [default: minilm in $REPARTEE_SHARED]
        #[arg(long, value_name = "FOLDER", requires = "pairs")]
        tokenizer: Option<PathBuf>,
    },
    /// Measure answering one comment: candidates, the scores of two classifiers, the pick; with random weights
    Pipeline(PipelineArgs),
    /// Measure what bounds the models on this machine: memory reads and products
    Limits,
    /// Measure importing a dump: filtering, loading and joining
    Import {
        /// The dump; created first with --write
        file: PathBuf,
        /// First write a synthetic dump in Pushshift format with this many megabytes (decompressed)
        #[arg(long, value_name = "MB")]
        write: Option<u64>,
        /// Subreddits to filter by [default: the two most frequent]
        #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
        subreddit: Vec<String>,
    },
}

#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// gpt2, gpt2-medium, gpt2-large, gpt2-xl, bert-base, bert-large, or a folder with a config.json [default: gpt2;
    /// bert-base to score]
    #[arg(long)]
    pub model: Option<String>,
    /// Batch size; for generate: prompts
    #[arg(long, default_value_t = 4)]
    pub batch: usize,
    /// Tokens per example; for generate: tokens to generate
    #[arg(long, default_value_t = 256)]
    pub length: usize,
    /// Prompt length, in tokens (generate)
    #[arg(long, default_value_t = 64)]
    pub prompt: usize,
    /// Measured steps, after one for warmup
    #[arg(long, default_value_t = 3)]
    pub steps: usize,
    /// f32, bf16 or int8 on the CPU; f32, bf16 or f16 on a GPU
    #[arg(long, default_value = "f32")]
    pub dtype: String,
    /// auto, cpu, cuda or metal
    #[arg(long, default_value = "auto")]
    pub device: String,
}

#[derive(Debug, Clone, Args)]
pub struct PipelineArgs {
    /// The generator: gpt2, gpt2-medium, gpt2-large, gpt2-xl, or a folder with a config.json
    #[arg(long, default_value = "gpt2")]
    pub model: String,
    /// Both classifiers: bert-base, bert-large, or a folder with a config.json
    #[arg(long, default_value = "bert-base")]
    pub classifier: String,
    /// Candidates for the comment
    #[arg(long, default_value_t = 10)]
    pub candidates: usize,
    /// Length of the comment, in tokens
    #[arg(long, default_value_t = 64)]
    pub prompt: usize,
    /// Tokens per candidate; a pair to score has the comment's and these
    #[arg(long, default_value_t = 64)]
    pub length: usize,
    /// Measured comments, after one for warmup
    #[arg(long, default_value_t = 5)]
    pub steps: usize,
    /// f32, bf16 or int8
    #[arg(long, default_value = "f32")]
    pub dtype: String,
    /// auto, cpu, cuda or metal
    #[arg(long, default_value = "auto")]
    pub device: String,
}
