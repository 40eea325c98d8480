//! `repartee reddit ...`: its commands and flags.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Who does something; the audit log keeps it.
#[derive(Debug, Clone, Args)]
pub struct Who {
    /// Who does it [default: your name on this machine]
    #[arg(long, value_name = "NAME")]
    pub who: Option<String>,
}

/// Which account is meant.
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

/// `repartee reddit ...`
#[derive(Debug, Subcommand)]
pub enum RedditCommand {
    /// Log an account in: with the secrets of the environment or keychain, or through a browser
    Login {
        /// The account
        #[command(flatten)]
        which: Which,
        /// Through the browser even if a login is stored
        #[arg(long)]
        anew: bool,
        /// The browser is on another machine: paste the address at which it ends
        #[arg(long)]
        paste: bool,
    },
    /// Serve a made-up Reddit on this machine, to try all of this without a key; Ctrl-C ends it
    #[command(alias = "practice")]
    Sandbox {
        /// The port on 127.0.0.1 [default: any that is free]
        #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "N")]
        port: u16,
    },
    /// Do what is due: look for what is uncertain, forget what is gone, read scores; for cron
    #[command(alias = "upkeep")]
    Maintenance,
    /// Log an account out: Reddit takes the login back, the keychain forgets it
    Logout {
        /// The account
        #[command(flatten)]
        which: Which,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
    /// Put a secret into the keychain; it is read from standard input, never from the arguments
    Secret {
        /// password or client-secret
        secret: String,
        /// The account
        #[command(flatten)]
        which: Which,
    },
    /// The accounts of this project
    Accounts {
        /// What to do with them [default: list]
        #[command(subcommand)]
        command: Option<AccountCommand>,
    },
    /// Show or change the rules that posting obeys: pauses, caps, hours, footer, gated words
    Rules {
        /// A JSON file with all of them, as `--json` prints them
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
        /// What has to be written to loosen a limit
        #[arg(
            long,
            default_value = "",
            hide_default_value = true,
            value_name = "WORDS"
        )]
        confirm: String,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
    /// Where posting is permitted; with a name, record a permission, look at it, or switch it off
    Permit {
        /// The subreddit
        subreddit: Option<String>,
        /// Where the permission was given
        #[arg(long)]
        link: Option<String>,
        /// More about it
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        /// Switch posting there off
        #[arg(long)]
        off: bool,
        /// Show the subreddit and its rules, and record nothing
        #[arg(long, alias = "look")]
        preview: bool,
        /// Confirm on this machine a permission that was recorded elsewhere
        #[arg(long, conflicts_with_all = ["link", "off", "preview"])]
        confirm: bool,
        /// What you saw, as `--confirm` prints it; needed where there is no terminal
        #[arg(long, value_name = "HASH", requires = "confirm")]
        seen: Option<String>,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
    /// Who is not answered; with a name (u/... or r/...), put it on the list, or decide about it
    OptOut {
        /// u/name or r/name
        whom: Option<String>,
        /// They asked, and you confirm it
        #[arg(long, conflicts_with = "decline")]
        confirm: bool,
        /// They are answered again
        #[arg(long)]
        decline: bool,
        /// Why
        #[arg(long, default_value = "", hide_default_value = true)]
        why: String,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
    /// Say which subreddits are watched: those that are fetched when none is named
    Watch {
        /// All of them; none: nothing is watched
        subreddit: Vec<String>,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
    /// Read rising posts of subreddits with all their comments
    Fetch(FetchArgs),
    /// The threads that were read; with a number, one of them with its comments
    Threads {
        /// A thread
        thread: Option<i64>,
    },
    /// Fetch, write replies to the comments, score them and put the best into the queue as drafts
    Draft(DraftArgs),
    /// The posting side of the queue; with a number, of one reply with its tries
    Outbox {
        /// A reply
        reply: Option<i64>,
        /// Only draft, approved, sending, uncertain, absent, posted, rejected, cancelled or withdrawn
        #[arg(long)]
        state: Option<String>,
    },
    /// Post approved replies one by one; a dry run until an account and a permission are set up
    Post {
        /// Only these replies
        reply: Vec<i64>,
        /// Send
        #[arg(long, conflicts_with = "dry_run")]
        live: bool,
        /// Only look whether each could be posted
        #[arg(long)]
        dry_run: bool,
        /// Wait for pauses and caps until all are posted
        #[arg(long)]
        wait: bool,
        /// Do not wait for the pause between two replies; for one reply that is named
        #[arg(long, conflicts_with = "wait")]
        skip_pause: bool,
        /// The account
        #[command(flatten)]
        which: Which,
    },
    /// Confirm that this project file, which was copied or moved, is the one to go on with for posting
    Adopt {
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Who confirms it
        #[command(flatten)]
        who: Who,
    },
    /// Look for replies of which nobody knows whether they arrived
    Reconcile {
        /// Wait until they are settled: up to a quarter of an hour
        #[arg(long)]
        wait: bool,
        /// The account
        #[command(flatten)]
        which: Which,
    },
    /// Decide about a reply that is uncertain or absent
    Settle {
        /// The reply
        reply: i64,
        /// It is not there: send it again. Or, when another copy of the project may have answered the comment:
        /// nothing of ours is there, send it from here
        #[arg(long)]
        again: bool,
        /// Do not send it again
        #[arg(long, conflicts_with = "again")]
        give_up: bool,
        /// It stands at this link
        #[arg(long, conflicts_with_all = ["again", "give_up"], value_name = "LINK")]
        posted: Option<String>,
        /// What you saw, as `repartee queue show` prints it; needed where there is no terminal
        #[arg(long, value_name = "HASH", requires = "again")]
        seen: Option<String>,
        /// Who decides
        #[command(flatten)]
        who: Who,
    },
    /// Note that you posted an approved reply by hand
    Posted {
        /// The reply
        reply: i64,
        /// The link to it
        #[arg(default_value = "", hide_default_value = true)]
        link: String,
        /// What you saw, as `repartee queue show` prints it; needed where there is no terminal
        #[arg(long, value_name = "HASH")]
        seen: Option<String>,
        /// Who did it
        #[command(flatten)]
        who: Who,
    },
    /// Take a posted reply back: delete it on Reddit
    Withdraw {
        /// The reply
        reply: i64,
        /// What you saw, as `repartee queue show` prints it; needed where there is no terminal
        #[arg(long, value_name = "HASH")]
        seen: Option<String>,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
    /// Delete the duplicates of a posted reply, all but the oldest
    #[command(alias = "untwin")]
    DeleteDuplicates {
        /// The reply
        reply: i64,
        /// What you saw, as `repartee queue show` prints it; needed where there is no terminal
        #[arg(long, value_name = "HASH")]
        seen: Option<String>,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
    /// Change a posted reply on Reddit
    Edit {
        /// The reply
        reply: i64,
        /// The new text, without the footer [default: opens $EDITOR]
        #[arg(long)]
        text: Option<String>,
        /// Show the reply as it would be, and change nothing
        #[arg(long)]
        preview: bool,
        /// What you saw, as `--preview` prints it; needed where there is no terminal
        #[arg(long, value_name = "HASH", conflicts_with = "preview")]
        seen: Option<String>,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
    /// Outcomes of posted replies, beside the predicted bin
    Outcomes {
        /// Read what is due from Reddit first
        #[arg(long)]
        read: bool,
        /// Draw it: .svg, .png or .csv; a name without an ending gives all three
        #[arg(long, value_name = "FILE")]
        chart: Vec<PathBuf>,
        /// The account
        #[command(flatten)]
        which: Which,
    },
    /// Who did what, and when
    Audit {
        /// Only what concerns this reply
        reply: Option<i64>,
        /// At most so many entries
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Ask Reddit what is still there, and forget the rest to the last byte; once a day at least
    Sync {
        /// Ask about imported comments and posts of pairs, too: a hundred a call, and it says first how long
        /// that lasts; one that was broken off goes on where it stood
        #[arg(long)]
        imported: bool,
        /// The account
        #[command(flatten)]
        which: Which,
    },
    /// Forget what was kept long enough, or comments and posts by name, with all that was written from them
    Purge {
        /// t1_... or t3_...
        name: Vec<String>,
        /// Who asks for it
        #[command(flatten)]
        who: Who,
    },
    /// Write threads to a file, to be replayed without a network
    Export {
        /// A file; a line of JSON a thread
        file: PathBuf,
        /// Which threads [default: all]
        thread: Vec<i64>,
    },
    /// Read threads from such a file
    Import {
        /// The file
        file: PathBuf,
    },
}

/// `repartee reddit accounts ...`
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Take an account in, or change it
    Add {
        /// Reddit's name of it
        name: String,
        /// Id of the app that you registered with Reddit
        #[arg(long)]
        client_id: String,
        /// script, installed or web
        #[arg(long, default_value = "script")]
        app: String,
        /// Your own account, which the footer names
        #[arg(long, default_value = "", hide_default_value = true)]
        operator: String,
        /// How Reddit approved the use: link, date, case
        #[arg(long, default_value = "", hide_default_value = true)]
        approval: String,
        /// The port at which a login in the browser ends
        #[arg(long)]
        port: Option<u16>,
        /// A fake on this machine instead of Reddit: http://127.0.0.1:PORT
        #[arg(long, default_value = "", hide_default_value = true)]
        host: String,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
    /// Take an account out of the project; what it posted stays
    Remove {
        /// Its name
        name: String,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
    /// Say that you saw that Reddit shows the account as an app
    Label {
        /// Its name
        name: String,
        /// It does not any more
        #[arg(long)]
        gone: bool,
        /// Who saw it
        #[command(flatten)]
        who: Who,
    },
    /// Confirm on this machine what was recorded of an account elsewhere
    Confirm {
        /// Its name
        name: String,
        /// What you saw, as `repartee reddit accounts` prints it; needed where there is no terminal
        #[arg(long, value_name = "HASH")]
        seen: Option<String>,
        /// Who confirms it
        #[command(flatten)]
        who: Who,
    },
    /// Stop all posting of an account
    Stop {
        /// Its name
        name: String,
        /// Why
        #[arg(long, default_value = "a person stopped it")]
        why: String,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
    /// Let an account that was stopped go on
    Go {
        /// Its name
        name: String,
        /// Who does it
        #[command(flatten)]
        who: Who,
    },
}

/// `repartee reddit fetch`
#[derive(Debug, Clone, Args)]
pub struct FetchArgs {
    /// Subreddits, or links to posts [default: the watched subreddits]
    pub from: Vec<String>,
    /// At most so many rising posts
    #[arg(long)]
    pub limit: Option<u32>,
    /// Only posts with at least so many points
    #[arg(long, allow_negative_numbers = true)]
    pub min_score: Option<i64>,
    /// Answer no comments with fewer points
    #[arg(long, allow_negative_numbers = true)]
    pub min_comment_score: Option<i64>,
    /// Only posts that are at most so many hours old
    #[arg(long, value_name = "HOURS")]
    pub max_age: Option<f64>,
    /// The account
    #[command(flatten)]
    pub which: Which,
}

/// `repartee reddit draft`
#[derive(Debug, Clone, Args)]
pub struct DraftArgs {
    /// Stored threads, by their numbers [default: all that are open]
    pub thread: Vec<i64>,
    /// Fetch the watched subreddits first
    #[arg(long)]
    pub fetch: bool,
    /// Which generator run
    #[arg(long, value_name = "RUN")]
    pub generator: String,
    /// Which realism run scores
    #[arg(long, value_name = "RUN")]
    pub realism: Option<String>,
    /// Which upvotes run scores
    #[arg(long, value_name = "RUN")]
    pub upvotes: Option<String>,
    /// Comments of a thread that are answered
    #[arg(long)]
    pub comments: Option<usize>,
    /// Let the generator see title and what stands above a comment
    #[arg(long)]
    pub context: bool,
    /// Candidates a comment
    #[arg(short = 'n', long)]
    pub candidates: Option<usize>,
    /// Tokens of a reply, at most
    #[arg(long)]
    pub max_new_tokens: Option<usize>,
    /// Pick only above this probability of being real; takes --realism
    #[arg(long)]
    pub min_p_real: Option<f64>,
    /// The seed
    #[arg(long)]
    pub seed: Option<u64>,
    /// auto, cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
    /// The account that fetches
    #[command(flatten)]
    pub which: Which,
}
