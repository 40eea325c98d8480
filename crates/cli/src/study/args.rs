//! Flags of `study`.

use clap::{Args, Subcommand, ValueEnum};

use crate::flags::a_name;

#[derive(Debug, Subcommand)]
pub enum StudyCommand {
    /// Show what is on record, what is missing, and what that restricts
    Show,
    /// Record a decision about one of the four permissions; earlier records are kept, the latest counts
    Record(Box<RecordArgs>),
    /// Review and confirm a record that was made on another machine
    Confirm {
        /// api-access, research-program, training or ethics-board
        kind: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
        /// Who confirms it [default: your user name]
        #[arg(long, value_parser = a_name)]
        who: Option<String>,
    },
    /// End a permission early
    End {
        /// api-access, research-program, training or ethics-board
        kind: String,
        /// Reason
        #[arg(long, default_value = "")]
        note: String,
        /// Who records it [default: your user name]
        #[arg(long, value_parser = a_name)]
        who: Option<String>,
    },
    /// Register a split, a metric and hypotheses before training: once for each split, before its test set was used.
    /// Reports list what has changed since
    Freeze(FreezeArgs),
    /// Add a hypothesis to a registered split; reports mark it as added later
    Hypothesis {
        /// The hypothesis
        text: String,
        /// The registered split [default: the only split]
        #[arg(long)]
        split: Option<String>,
        /// Who adds it [default: your user name]
        #[arg(long, value_parser = a_name)]
        who: Option<String>,
    },
    /// Refuse training without the record training, and posting without training (to Reddit itself: and api-access); on by default
    Strict {
        #[arg(value_enum)]
        state: OnOff,
        /// Don't ask
        #[arg(long)]
        yes: bool,
        /// Who decides it [default: your user name]
        #[arg(long, value_parser = a_name)]
        who: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    /// Refuse
    On,
    /// Allow, and mark charts and exports
    Off,
}

#[derive(Debug, Args)]
pub struct FreezeArgs {
    /// The split on whose test set the models are evaluated [default: the only split]
    #[arg(long)]
    pub split: Option<String>,
    /// The metric by which they are judged, for example auc or perplexity
    #[arg(long)]
    pub metric: String,
    /// Decision threshold [default: none: not registered]
    #[arg(long, value_name = "P")]
    pub threshold: Option<f64>,
    /// A hypothesis; repeat it for more
    #[arg(long = "hypothesis", value_name = "TEXT", required = true)]
    pub hypotheses: Vec<String>,
    /// Who registers it [default: your user name]
    #[arg(long, value_parser = a_name)]
    pub who: Option<String>,
}

#[derive(Debug, Args)]
pub struct RecordArgs {
    /// api-access, research-program, training or ethics-board
    pub kind: String,
    #[command(flatten)]
    pub decision: DecisionArgs,
    /// Date of the decision, such as 2026-05-01; required with --granted [default: today]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub date: String,
    /// What is allowed; required with --granted
    #[arg(long, default_value = "")]
    pub scope: String,
    /// Last day, such as 2027-05-01 [default: no expiration]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub until: String,
    /// Policy version it refers to [default: the one this program knows]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub policy: String,
    /// Link to the decision; --granted requires a link or a note
    #[arg(long, default_value = "")]
    pub link: String,
    /// A note
    #[arg(long, default_value = "")]
    pub note: String,
    /// Who records it [default: your user name]
    #[arg(long, value_parser = a_name)]
    pub who: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct DecisionArgs {
    /// Granted
    #[arg(long)]
    pub granted: bool,
    /// Refused
    #[arg(long)]
    pub refused: bool,
    /// Requested, no answer yet
    #[arg(long)]
    pub pending: bool,
    /// Not required for your study
    #[arg(long)]
    pub not_required: bool,
    /// No approval
    #[arg(long)]
    pub none: bool,
}
