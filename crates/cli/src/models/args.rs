//! Flags of `base`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use repartee_engine::terms::BaseKind;

use crate::items::args::{ItemCommand, ListArgs};

#[derive(Debug, Subcommand)]
pub enum BaseCommand {
    /// Add a pretrained model from a folder in Hugging Face layout, or from the Hugging Face Hub
    Add {
        /// Name of the base in this project
        name: String,
        /// A folder, or a Hub id such as gpt2 or google-bert/bert-base-uncased (optionally with @revision)
        #[arg(long, value_name = "FOLDER|HUB_ID")]
        from: String,
    },
    /// Create a small model from scratch, with a tokenizer trained on the project's pairs
    New(NewArgs),
    /// List all bases
    List(ListArgs),
    #[command(flatten)]
    Item(ItemCommand),
    /// Remove a base that no run uses; the same as `delete --yes`
    #[command(hide = true)]
    Remove {
        /// Name of the base
        name: String,
    },
}

#[derive(Debug, Clone, Args)]
pub struct NewArgs {
    /// Name of the base
    pub name: String,
    /// Architecture
    #[arg(long, value_parser = base_kind())]
    pub kind: BaseKind,
    /// Number of layers
    #[arg(long)]
    pub layers: Option<usize>,
    /// Hidden size (n_embd, hidden_size)
    #[arg(long)]
    pub width: Option<usize>,
    /// Number of attention heads; must divide the width
    #[arg(long)]
    pub heads: Option<usize>,
    /// Context length, in tokens
    #[arg(long)]
    pub context: Option<usize>,
    /// Maximum vocabulary size
    #[arg(long)]
    pub vocab: Option<usize>,
    /// Use the tokenizer in this folder instead of training one
    #[arg(long, value_name = "FOLDER")]
    pub tokenizer: Option<PathBuf>,
    /// Train the tokenizer on the training set of this split
    #[arg(long, value_name = "SPLIT")]
    pub split: Option<String>,
    /// Random seed of the initial weights
    #[arg(long)]
    pub seed: Option<u64>,
    /// Print the size of the model, with the tokenizer it would get, and stop
    #[arg(long)]
    pub estimate: bool,
}

fn base_kind() -> impl TypedValueParser<Value = BaseKind> {
    let kinds = [
        PossibleValue::new("gpt2").help("For the generator"),
        PossibleValue::new("bert").help("For the classifiers"),
    ];
    PossibleValuesParser::new(kinds).try_map(|word| word.parse::<BaseKind>())
}
