//! Flags of `queue`.

use clap::Subcommand;
use repartee_engine::terms::ReplyState;

use crate::flags::{a_name, a_number, a_state};

#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// List replies, newest first
    List {
        /// Only draft, approved, sending, uncertain, absent, posted, rejected, canceled or withdrawn
        #[arg(long, value_parser = a_state)]
        state: Option<ReplyState>,
    },
    /// Show a reply with the comment it answers, its scores, and its history
    Show {
        /// The reply's number
        #[arg(value_parser = a_number)]
        reply: i64,
    },
    /// Change a reply's text; an approved reply becomes a draft again
    Edit {
        /// The reply's number
        #[arg(value_parser = a_number)]
        reply: i64,
        /// The new text [default: opens $EDITOR]
        #[arg(long)]
        text: Option<String>,
        /// Who edits it
        #[arg(long, value_name = "NAME", value_parser = a_name)]
        who: Option<String>,
    },
    /// Approve replies, one at a time: on a terminal each is shown and you are asked
    Approve {
        /// The replies' numbers
        #[arg(required = true, value_name = "REPLY", value_parser = a_number)]
        reply: Vec<i64>,
        /// Hash of what you reviewed, as printed by `repartee queue show`; required without a terminal
        #[arg(long, value_name = "HASH")]
        seen: Option<String>,
        /// Who approves them
        #[arg(long, value_name = "NAME", value_parser = a_name)]
        who: Option<String>,
    },
    /// Reject a reply
    Reject {
        /// The reply's number
        #[arg(value_parser = a_number)]
        reply: i64,
        /// Reason
        #[arg(long, default_value = "", value_name = "TEXT", alias = "why")]
        reason: String,
        /// Who rejects it
        #[arg(long, value_name = "NAME", value_parser = a_name)]
        who: Option<String>,
    },
}
