//! Flags of `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Measure training steps on random weights
    Train(BenchArgs),
    /// Measure generating tokens with random weights
    Generate(BenchArgs),
    /// Measure scoring pairs with random weights
    Score(BenchArgs),
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
    /// Batch size
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
