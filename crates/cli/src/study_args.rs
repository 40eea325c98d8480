//! `repartee study ...`, declared.

use clap::{Args, Subcommand, ValueEnum};

/// `repartee study ...`
#[derive(Debug, Subcommand)]
pub enum StudyCommand {
    /// What is on record, what is missing, and what follows from it
    Show,
    /// Record a decision about one of the four permissions; earlier records are kept, the newest counts
    Record(Box<RecordArgs>),
    /// Confirm a record that was made on another machine, after it was shown
    Confirm {
        /// api-access, research-program, training or ethics-board
        kind: String,
        /// Confirm it without being asked
        #[arg(long)]
        yes: bool,
        /// Who confirms it [default: your user name]
        #[arg(long)]
        who: Option<String>,
    },
    /// End a permission before its time
    End {
        /// api-access, research-program, training or ethics-board
        kind: String,
        /// Why
        #[arg(long, default_value = "")]
        note: String,
        /// Who records it [default: your user name]
        #[arg(long)]
        who: Option<String>,
    },
    /// Refuse training and posting while a permission is missing: on in a new project
    Strict {
        /// on or off
        #[arg(value_enum)]
        state: OnOff,
        /// Switch it off without being asked
        #[arg(long)]
        yes: bool,
        /// Who decides it [default: your user name]
        #[arg(long)]
        who: Option<String>,
    },
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    /// On.
    On,
    /// Off.
    Off,
}

/// `repartee study record`
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// api-access, research-program, training or ethics-board
    pub kind: String,
    /// What was decided
    #[command(flatten)]
    pub decision: DecisionArgs,
    /// Day of the decision, as 2026-05-01; what was granted needs it [default: today]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub date: String,
    /// What was allowed; what was granted needs it
    #[arg(long, default_value = "")]
    pub scope: String,
    /// Last day, as 2027-05-01 [default: no end]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub until: String,
    /// Version of the policy that it refers to [default: the one this program knows]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub policy: String,
    /// Where it can be read; what was granted needs it, or a note
    #[arg(long, default_value = "")]
    pub link: String,
    /// More, in words
    #[arg(long, default_value = "")]
    pub note: String,
    /// Who records it [default: your user name]
    #[arg(long)]
    pub who: Option<String>,
}

/// One of the decisions.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct DecisionArgs {
    /// It was granted
    #[arg(long)]
    pub granted: bool,
    /// It was refused
    #[arg(long)]
    pub refused: bool,
    /// It was asked for; there is no answer yet
    #[arg(long)]
    pub pending: bool,
    /// Your study doesn't need it
    #[arg(long)]
    pub not_required: bool,
    /// There is none
    #[arg(long)]
    pub none: bool,
}
