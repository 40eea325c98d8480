//! Flags of `reddit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use repartee_engine::terms::{PrecisionChoice, ReplyState};

use crate::flags::{a_name, a_number, a_state, precision};

/// Who acts, for the audit log.
#[derive(Debug, Clone, Args)]
pub struct Who {
    /// Name for the audit log [default: your user name]
    #[arg(long, value_name = "NAME", value_parser = a_name)]
    pub who: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Which {
    /// The account [default: the one that posts]
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pub account: String,
}

#[derive(Debug, Subcommand)]
pub enum RedditCommand {
    /// Log in to an account, with secrets from the environment or keychain, or in a browser
    Login {
        #[command(flatten)]
        which: Which,
        /// Log in through the browser even if a login is stored
        #[arg(long, alias = "anew")]
        force: bool,
        /// The browser is on another machine: paste the address it ends up at
        #[arg(long)]
        paste: bool,
    },
    /// Run a Reddit sandbox on this machine, to try everything without an API key; Ctrl-C stops it
    #[command(alias = "practice")]
    Sandbox {
        /// Port on 127.0.0.1 [default: any free port]
        #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "N")]
        port: u16,
    },
    /// Run due background tasks: check uncertain replies, purge deleted content, read scores; for cron
    #[command(alias = "upkeep")]
    Maintenance,
    /// Log out of an account: revoke the login at Reddit and remove it from the keychain
    Logout {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        who: Who,
    },
    /// Store a secret in the keychain; it is read from standard input, never from the arguments
    Secret {
        /// password or client-secret
        secret: String,
        #[command(flatten)]
        which: Which,
    },
    /// List, add or change the accounts of this project
    Accounts {
        #[command(subcommand)]
        command: Option<AccountCommand>,
    },
    /// Show or change the posting rules: pauses, caps, hours, footer, words that need a second look
    Rules(RulesArgs),
    /// List the subreddits where posting is permitted; with a name, record, preview or switch off a permission
    Permit(PermitArgs),
    /// List users and subreddits that opted out; with a name (u/... or r/...), add it or decide about it
    OptOut(OptOutArgs),
    /// Show the watched subreddits, which are fetched when none is named; with names, watch exactly these
    Watch {
        /// All subreddits to watch; they replace the list
        subreddit: Vec<String>,
        /// Clear the list
        #[arg(long, conflicts_with = "subreddit")]
        clear: bool,
        #[command(flatten)]
        who: Who,
    },
    /// Fetch rising posts of subreddits with all their comments
    Fetch(FetchArgs),
    /// List fetched threads; with a number, show that thread with its comments
    Threads {
        /// Number of a thread
        thread: Option<i64>,
    },
    /// Generate replies to the comments of fetched threads, score them and queue the best as drafts
    Draft(DraftArgs),
    /// List the queue's replies on Reddit; with a number, show that reply with its posting attempts
    Outbox {
        /// Number of a reply
        reply: Option<i64>,
        /// Only draft, approved, sending, uncertain, absent, posted, rejected, canceled or withdrawn
        #[arg(long, value_parser = a_state)]
        state: Option<ReplyState>,
    },
    /// Post approved replies one by one; a dry run until an account and a permission are set up
    Post(PostArgs),
    /// Confirm that this project file, which was copied or moved, is the one to post from
    Adopt {
        /// Don't ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        who: Who,
    },
    /// Check on Reddit whether replies with unconfirmed delivery arrived
    Reconcile {
        /// Wait until they are resolved, for up to 15 minutes
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Resolve a reply that is uncertain or absent
    #[command(alias = "settle")]
    Resolve(ResolveArgs),
    /// Record that you posted an approved reply by hand
    Posted {
        /// The reply's number
        #[arg(value_parser = a_number)]
        reply: i64,
        /// Link to the posted reply
        #[arg(default_value = "", hide_default_value = true)]
        link: String,
        /// Hash of what you reviewed, as printed by `repartee queue show`; required without a terminal
        #[arg(long, value_name = "HASH")]
        seen: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Withdraw a posted reply: delete it on Reddit
    Withdraw {
        /// The reply's number
        #[arg(value_parser = a_number)]
        reply: i64,
        /// Hash of what you reviewed, as printed by `repartee queue show`; required without a terminal
        #[arg(long, value_name = "HASH")]
        seen: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Delete the duplicates of a posted reply on Reddit, all but the oldest
    #[command(alias = "untwin")]
    DeleteDuplicates {
        /// The reply's number
        #[arg(value_parser = a_number)]
        reply: i64,
        /// Hash of what you reviewed, as printed by `repartee queue show`; required without a terminal
        #[arg(long, value_name = "HASH")]
        seen: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Edit a posted reply on Reddit
    Edit(EditArgs),
    /// Show outcomes of posted replies next to the predicted bin
    Outcomes {
        /// First read due scores from Reddit
        #[arg(long)]
        read: bool,
        /// Draw a chart: .svg, .png or .csv; a name without an extension writes all three
        #[arg(long, value_name = "FILE")]
        chart: Vec<PathBuf>,
        #[command(flatten)]
        which: Which,
    },
    /// Show the audit log: who did what, and when
    Audit {
        /// Only entries about this reply
        reply: Option<i64>,
        /// Maximum number of entries
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Ask Reddit what has been deleted, and purge it from the project; run it at least once a day
    Sync {
        /// Also ask about imported comments and posts of pairs, a hundred per call; prints first how long that takes.
        /// An interrupted sync continues where it stopped
        #[arg(long)]
        imported: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Purge expired content, or named comments and posts with everything generated from them
    Purge {
        /// t1_... or t3_...
        name: Vec<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Export threads to a file that can be imported without a network
    Export {
        /// The file; one JSON line per thread
        file: PathBuf,
        /// Numbers of threads [default: all]
        thread: Vec<i64>,
    },
    /// Import threads from an exported file
    Import {
        /// The file
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Add or change an account
    Add(AddArgs),
    /// Remove an account from the project; its posts stay
    Remove {
        /// Name of the account
        name: String,
        #[command(flatten)]
        who: Who,
    },
    /// Record that you saw Reddit's app label on the account
    Label {
        /// Name of the account
        name: String,
        /// The label is no longer there
        #[arg(long)]
        gone: bool,
        #[command(flatten)]
        who: Who,
    },
    /// Confirm on this machine an account that was recorded on another one
    Confirm {
        /// Name of the account
        name: String,
        /// Hash of what you reviewed, as printed by `repartee reddit accounts`; required without a terminal
        #[arg(long, value_name = "HASH")]
        seen: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Stop all posting by an account
    Stop {
        /// Name of the account
        name: String,
        /// Reason
        #[arg(
            long,
            default_value = "stopped manually",
            value_name = "TEXT",
            alias = "why"
        )]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Resume posting by a stopped account
    #[command(alias = "go")]
    Resume {
        /// Name of the account
        name: String,
        #[command(flatten)]
        who: Who,
    },
}

#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// The account's name on Reddit
    pub name: String,
    /// Client id of the app that you registered with Reddit
    #[arg(long)]
    pub client_id: String,
    /// Type of the app: script, installed or web
    #[arg(long, default_value = "script")]
    pub app: String,
    /// Your own account, which the footer names
    #[arg(long, default_value = "", hide_default_value = true)]
    pub operator: String,
    /// How Reddit approved the use: link, date, case
    #[arg(long, default_value = "", hide_default_value = true)]
    pub approval: String,
    /// Port that a login in the browser redirects to
    #[arg(long)]
    pub port: Option<u16>,
    /// A Reddit sandbox on this machine instead of Reddit: http://127.0.0.1:PORT
    #[arg(long, default_value = "", hide_default_value = true)]
    pub host: String,
    #[command(flatten)]
    pub who: Who,
}

#[derive(Debug, Clone, Args)]
pub struct RulesArgs {
    /// Set all rules from a JSON file, in the format that `--json` prints
    #[arg(long, value_name = "FILE")]
    pub set: Option<PathBuf>,
    /// The sentence that confirms a looser limit
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "WORDS"
    )]
    pub confirm: String,
    #[command(flatten)]
    pub who: Who,
}

#[derive(Debug, Clone, Args)]
pub struct PermitArgs {
    /// The subreddit
    pub subreddit: Option<String>,
    /// Where the permission was given
    #[arg(long)]
    pub link: Option<String>,
    /// Terms of the permission
    #[arg(long, default_value = "", hide_default_value = true)]
    pub note: String,
    /// Switch off posting there
    #[arg(long)]
    pub off: bool,
    /// Show the subreddit and its rules, and record nothing
    #[arg(long, alias = "look")]
    pub preview: bool,
    /// Confirm on this machine a permission that was recorded on another one
    #[arg(long, conflicts_with_all = ["link", "off", "preview"])]
    pub confirm: bool,
    /// Hash of what you reviewed, as printed by `--confirm`; required without a terminal
    #[arg(long, value_name = "HASH", requires = "confirm")]
    pub seen: Option<String>,
    #[command(flatten)]
    pub who: Who,
}

#[derive(Debug, Clone, Args)]
pub struct OptOutArgs {
    /// u/name or r/name
    pub whom: Option<String>,
    /// Confirm that they opted out
    #[arg(long, conflicts_with = "decline")]
    pub confirm: bool,
    /// Decline the opt-out; they are answered again
    #[arg(long)]
    pub decline: bool,
    /// Reason
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT",
        alias = "why"
    )]
    pub reason: String,
    #[command(flatten)]
    pub who: Who,
}

#[derive(Debug, Clone, Args)]
pub struct FetchArgs {
    /// Subreddits, or links to posts [default: the watched subreddits]
    pub from: Vec<String>,
    /// Maximum number of rising posts
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// Only posts with at least this score
    #[arg(long, allow_negative_numbers = true)]
    pub min_score: Option<i64>,
    /// Don't answer comments with a lower score
    #[arg(long, allow_negative_numbers = true)]
    pub min_comment_score: Option<i64>,
    /// Only posts that are at most this many hours old
    #[arg(long, value_name = "HOURS")]
    pub max_age: Option<f64>,
    #[command(flatten)]
    pub which: Which,
}

#[derive(Debug, Clone, Args)]
pub struct DraftArgs {
    /// Numbers of fetched threads [default: all open ones]
    pub thread: Vec<i64>,
    /// Fetch the watched subreddits first
    #[arg(long)]
    pub fetch: bool,
    /// Generator run
    #[arg(long, value_name = "RUN")]
    pub generator: String,
    /// Realism run that scores the candidates
    #[arg(long, value_name = "RUN")]
    pub realism: Option<String>,
    /// Upvotes run that scores the candidates
    #[arg(long, value_name = "RUN")]
    pub upvotes: Option<String>,
    /// Maximum number of comments to answer per thread
    #[arg(long, value_name = "N")]
    pub comments: Option<usize>,
    /// Include the title and the parent comments in the prompt
    #[arg(long)]
    pub context: bool,
    /// Candidates per comment
    #[arg(short = 'n', long, value_name = "N")]
    pub candidates: Option<usize>,
    /// Maximum length of a reply, in tokens
    #[arg(long)]
    pub max_new_tokens: Option<usize>,
    /// Minimum p(real) of a picked candidate; requires --realism
    #[arg(long)]
    pub min_p_real: Option<f64>,
    /// Also pick echoes of the comment, copies of training replies, and repetitions
    #[arg(long)]
    pub keep_flagged: bool,
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
    #[command(flatten)]
    pub which: Which,
}

#[derive(Debug, Clone, Args)]
pub struct PostArgs {
    /// Only the replies with these numbers
    pub reply: Vec<i64>,
    /// Post for real, not as a dry run
    #[arg(long, conflicts_with = "dry_run")]
    pub live: bool,
    /// Only check whether each reply could be posted
    #[arg(long)]
    pub dry_run: bool,
    /// Wait for pauses and caps until all are posted
    #[arg(long)]
    pub wait: bool,
    /// Skip the pause between two replies; for a single named reply
    #[arg(long, conflicts_with = "wait")]
    pub skip_pause: bool,
    #[command(flatten)]
    pub which: Which,
}

#[derive(Debug, Clone, Args)]
pub struct ResolveArgs {
    /// The reply's number
    #[arg(value_parser = a_number)]
    pub reply: i64,
    /// It is not on Reddit: send it again. If another copy of the project may have answered the comment: no reply of
    /// ours is there; send it from here
    #[arg(long, alias = "again")]
    pub resend: bool,
    /// Don't send it again
    #[arg(long, conflicts_with = "resend")]
    pub give_up: bool,
    /// It was posted at this link
    #[arg(long, conflicts_with_all = ["resend", "give_up"], value_name = "LINK")]
    pub posted: Option<String>,
    /// Hash of what you reviewed, as printed by `repartee queue show`; required without a terminal
    #[arg(long, value_name = "HASH", requires = "resend")]
    pub seen: Option<String>,
    #[command(flatten)]
    pub who: Who,
}

#[derive(Debug, Clone, Args)]
pub struct EditArgs {
    /// The reply's number
    #[arg(value_parser = a_number)]
    pub reply: i64,
    /// The new text, without the footer [default: opens $EDITOR]
    #[arg(long)]
    pub text: Option<String>,
    /// Show the edited reply, and change nothing
    #[arg(long)]
    pub preview: bool,
    /// Hash of what you reviewed, as printed by `--preview`; required without a terminal
    #[arg(long, value_name = "HASH", conflicts_with = "preview")]
    pub seen: Option<String>,
    #[command(flatten)]
    pub who: Who,
}
