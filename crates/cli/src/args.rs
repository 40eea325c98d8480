//! Every command and flag, declared once: parsing, help and shell completions come from here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// From raw Reddit data to scored, queued replies, in one file.
#[derive(Debug, Parser)]
#[command(
    name = "repartee",
    version,
    disable_help_subcommand = true,
    after_help = "The usual way: new, import, pairs build, split make, base add, train generator, fakes make,\n\
                  train realism, train upvotes, evaluate, chart, generate, queue.\n\
                  `repartee demo` goes all of it on synthetic data."
)]
pub struct Cli {
    /// What all commands take.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The project file [default: the one *.repartee file in this folder]
    #[arg(
        short,
        long,
        global = true,
        env = "REPARTEE_PROJECT",
        value_name = "FILE"
    )]
    pub project: Option<PathBuf>,
    /// JSON lines on standard output instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress, only results
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Threads for computing [default: all cores]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Put the job that the command starts into the queue instead of running it; `repartee job run` works the queue off
    #[arg(long, global = true)]
    pub queue: bool,
    /// With --queue: if the job fails, the queue stops
    #[arg(long, global = true, requires = "queue")]
    pub stop_queue_on_failure: bool,
    /// More on standard error about what is going on; twice for all of it
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// What `repartee` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new project file
    New {
        /// Where, for example my.repartee
        file: PathBuf,
    },
    /// Read files of comments and posts into the project
    Import(ImportArgs),
    /// See what was imported, from where and under what permission; rename, note, tag or delete it
    Source {
        /// What to do with sources
        #[command(subcommand)]
        command: SourceCommand,
    },
    /// Permissions of your study: what Reddit and an ethics board allow you to do with Reddit content
    Study {
        /// What to do [default: show]
        #[command(subcommand)]
        command: Option<crate::study_args::StudyCommand>,
    },
    /// Join comments to their replies, and look at the pairs
    Pairs {
        /// What to do with pairs
        #[command(subcommand)]
        command: PairsCommand,
    },
    /// Divide the pairs into train, val and test by thread
    Split {
        /// What to do with splits
        #[command(subcommand)]
        command: SplitCommand,
    },
    /// Take in pretrained models, or start small ones from scratch
    Base {
        /// What to do with bases
        #[command(subcommand)]
        command: BaseCommand,
    },
    /// Train the generator or one of the two classifiers
    Train {
        /// Which model, or what to look at
        #[command(subcommand)]
        command: TrainCommand,
    },
    /// List, show, rename, note, tag or delete runs
    Run {
        /// What to do with runs
        #[command(subcommand)]
        command: RunCommand,
    },
    /// Let a generator answer the comments of a split: the other class of the realism classifier
    Fakes {
        /// What to do with fakes
        #[command(subcommand)]
        command: FakesCommand,
    },
    /// Measure a trained model on one side of its split
    Evaluate(EvaluateArgs),
    /// List, rename, note, tag or delete evaluations
    Evaluation {
        /// What to do with evaluations
        #[command(subcommand)]
        command: EvaluationCommand,
    },
    /// Draw ROC, precision-recall, confusion matrix, calibration or losses as SVG, PNG and CSV
    Chart(ChartArgs),
    /// Write replies to comments, score them and put the best into the queue
    Generate(GenerateArgs),
    /// List, rename, note, tag or delete what was generated
    Generation {
        /// What to do with generations
        #[command(subcommand)]
        command: GenerationCommand,
    },
    /// Review replies: a person approves or rejects each
    Queue {
        /// What to do with the queue
        #[command(subcommand)]
        command: QueueCommand,
    },
    /// Reddit itself: accounts, threads, posting what a person approved, what became of it
    Reddit {
        /// What to do
        #[command(subcommand)]
        command: Box<crate::reddit_args::RedditCommand>,
    },
    /// Write pairs, predictions, models or the queue to files
    Export {
        /// What to write out
        #[command(subcommand)]
        command: ExportCommand,
    },
    /// List long work; pause, cancel or resume it, from any terminal
    Job {
        /// What to do with jobs
        #[command(subcommand)]
        command: JobCommand,
    },
    /// Verify the project file: schema, integrity, references, values, the hash of every blob
    Check {
        /// First remove what another program put into the schema, restore what it took, reset settings that cannot
        /// be read and rebuild a broken search index; a copy of the file is made beside it
        #[arg(long)]
        repair: bool,
    },
    /// Give the room of deleted things back to the disk
    Compact,
    /// Show what takes the room
    Size,
    /// Show what this machine has, and what may be missing
    Doctor,
    /// The whole loop on synthetic data, in a folder of its own
    Demo(DemoArgs),
    /// Measure speed
    Bench {
        /// What to measure
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Run a stored job in this process: what the window starts
    #[command(hide = true)]
    Work {
        /// The project file
        project: PathBuf,
        /// The job's id
        job: String,
    },
    /// Print a completion script, for example `repartee completions bash > ~/.local/share/bash-completion/completions/repartee`
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

/// `repartee import`
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// Pushshift or Arctic Shift RC_*/RS_* (.zst or plain), BigQuery CSV, Reddit API JSON, BDFR, tables of comments with id and parent (ConvoKit, Reddit data requests), or any CSV, JSON or Parquet with --map; - reads standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What the files are [default: told from their content]
    #[arg(long, value_enum)]
    pub format: Option<FileFormat>,
    /// Which columns are what: comment=title,reply=selftext,score=score for pairs, id=id,parent=reply_to,text=text,author=speaker for single comments; a.b is a field inside another, and a name with commas stands in quotes
    #[arg(long, value_name = "FIELD=COLUMN,...")]
    pub map: Option<String>,
    /// The same from a TOML file: a line `comment = "Comment, text"` for each field
    #[arg(long, value_name = "FILE", conflicts_with = "map")]
    pub map_file: Option<PathBuf>,
    /// A name for the source [default: the file's name]
    #[arg(long)]
    pub name: Option<String>,
    /// What Reddit allows you to do with its content; needed once, with the first Reddit archive of a project.
    /// `none`: I have no approval, record that. `not-reddit`: the text isn't Reddit's. `synthetic`: a program
    /// wrote it. Or a record of one kind, and the option again for each: KIND=DECISION[,date=DAY][,scope=TEXT]
    /// [,until=DAY][,policy=VERSION][,link=URL][,note=TEXT], where KIND is training, api-access, research-program
    /// or ethics-board, and DECISION is granted (needs date, scope and link), refused, pending, withdrawn,
    /// not-required or none. See `repartee study --help`
    #[arg(long, value_name = "VALUE", verbatim_doc_comment)]
    pub permission: Vec<String>,
    /// Where the text comes from: reddit, forum, support (mails, tickets), convokit (not of Reddit), other or
    /// synthetic [default: told from the files; a table that doesn't tell needs it]. Only Reddit content needs
    /// permission
    #[arg(long, verbatim_doc_comment)]
    pub origin: Option<String>,
    /// Who records the permissions [default: your user name]
    #[arg(long)]
    pub who: Option<String>,
    /// The permission in words: licence, link, who said so
    #[arg(long, default_value = "")]
    pub note: String,
    /// What to let in
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// What a file is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FileFormat {
    /// Pushshift or Arctic Shift, .zst or plain NDJSON.
    Pushshift,
    /// The CSV that the original BigQuery query gives.
    Bigquery,
    /// Any table, with --map.
    Mapped,
    /// Reddit API listings as JSON, or threads with the replies inside the comments.
    Listing,
    /// One comment a row, with its id and its parent's.
    Comments,
}

/// What to let in while reading.
#[derive(Debug, Clone, Default, Args)]
pub struct FilterArgs {
    /// Only these subreddits
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub subreddit: Vec<String>,
    /// Only these authors
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub author: Vec<String>,
    /// None of these authors
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub not_author: Vec<String>,
    /// Only with at least this score
    #[arg(long, allow_negative_numbers = true)]
    pub min_score: Option<i64>,
    /// Only with at most this score
    #[arg(long, allow_negative_numbers = true)]
    pub max_score: Option<i64>,
    /// Only with at least so many characters
    #[arg(long)]
    pub min_length: Option<usize>,
    /// Only with at most so many characters
    #[arg(long)]
    pub max_length: Option<usize>,
    /// Only from this day, month or year on (2019-04-01, 2019-04, 2019)
    #[arg(long, value_name = "DATE")]
    pub after: Option<String>,
    /// Only before this day, month or year
    #[arg(long, value_name = "DATE")]
    pub before: Option<String>,
    /// Replace links, e-mail addresses, phone numbers and user names in texts by [link], [email], [phone]
    /// and [user]; the project then never holds them [default: texts stay as they are]
    #[arg(long, verbatim_doc_comment)]
    pub placeholders: bool,
}

/// `repartee source ...`
#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// All sources with their counts and permissions
    List(ListArgs),
    /// Rename, note, tag or delete one
    #[command(flatten)]
    Item(ItemCommand),
    /// Say under what permission a source may be used
    Permit {
        /// A source's name or number
        source: String,
        /// own, consent, open-licence, reddit-approved, research, synthetic or unknown
        permission: String,
        /// The permission in words: licence, link, who said so
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Say where the text of a source comes from
    Origin {
        /// A source's name or number
        source: String,
        /// reddit, forum, support, convokit, other, synthetic or unknown
        origin: String,
        /// Who says so [default: your user name]
        #[arg(long)]
        who: Option<String>,
    },
    /// The rows that were not taken, with line and reason
    Rejected {
        /// A source's name or number
        source: String,
        /// Only after this line
        #[arg(long, default_value_t = 0, value_name = "LINE")]
        after: u64,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

/// Which of a list.
#[derive(Debug, Clone, Default, Args)]
pub struct ListArgs {
    /// Only with this tag
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
}

/// What can be done with a source, split, base, run, set of fakes, evaluation or generation alike.
#[derive(Debug, Subcommand)]
pub enum ItemCommand {
    /// Give it another name; what was made with it shows the new one
    Rename {
        /// Its name; of a source, an evaluation or a generation also its number
        item: String,
        /// The new name
        name: String,
    },
    /// Show its note, or set it
    Note {
        /// Its name or number
        item: String,
        /// The new note; "" removes it [default: shows the note]
        text: Option<String>,
    },
    /// Show its tags, add some, or remove some
    Tag {
        /// Its name or number
        item: String,
        /// Tags to add [default: shows the tags]
        tags: Vec<String>,
        /// A tag to remove; may be given several times
        #[arg(long, value_name = "TAG")]
        remove: Vec<String>,
    },
    /// Delete it; lists what depends on it, and asks, before anything is deleted
    Delete(DeleteArgs),
}

/// `repartee ... delete`
#[derive(Debug, Clone, Args)]
pub struct DeleteArgs {
    /// Its name or number
    pub item: String,
    /// Delete what depends on it too
    #[arg(long)]
    pub with_dependents: bool,
    /// Don't ask
    #[arg(short, long)]
    pub yes: bool,
    /// Delete only if nothing has changed since a list with this hash was shown
    #[arg(long, value_name = "HASH")]
    pub seen: Option<String>,
    /// List what depends on it, and stop
    #[arg(long, conflicts_with_all = ["yes", "seen"])]
    pub dry_run: bool,
    /// Who does it
    #[arg(long, value_name = "NAME")]
    pub who: Option<String>,
}

/// `repartee run ...`
#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// All runs
    List(ListArgs),
    /// A run's config, facts, last figures and samples
    Show {
        /// Which run
        run: String,
    },
    /// Rename, note, tag or delete one
    #[command(flatten)]
    Item(ItemCommand),
}

/// `repartee evaluation ...`
#[derive(Debug, Subcommand)]
pub enum EvaluationCommand {
    /// All evaluations
    List(ListArgs),
    /// Rename, note, tag or delete one
    #[command(flatten)]
    Item(ItemCommand),
}

/// `repartee generation ...`
#[derive(Debug, Subcommand)]
pub enum GenerationCommand {
    /// All generations, the newest first
    List(ListArgs),
    /// Rename, note, tag or delete one
    #[command(flatten)]
    Item(ItemCommand),
}

/// `repartee pairs ...`
#[derive(Debug, Subcommand)]
pub enum PairsCommand {
    /// Join all comments to their replies, by the cleaning recipe
    Build(RecipeArgs),
    /// Show some pairs
    Show {
        /// Only of these subreddits
        #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
        subreddit: Vec<String>,
        /// Only with all of these words in the comment or the reply
        #[arg(long, value_name = "WORDS")]
        contains: Option<String>,
        /// Only after the pair of this number
        #[arg(long, value_name = "PAIR", allow_negative_numbers = true)]
        after: Option<i64>,
        /// At most so many
        #[arg(long, default_value_t = 10)]
        limit: usize,
        /// Only pairs that are excluded from splits
        #[arg(long)]
        excluded: bool,
    },
    /// How many pairs each subreddit has
    Count,
    /// Exclude pairs or authors from the splits made afterwards
    Exclude {
        /// Numbers of pairs, as `pairs show` has them
        #[arg(value_name = "PAIR", allow_negative_numbers = true)]
        pairs: Vec<String>,
        /// Every pair whose comment or reply is by this author; can be given again
        #[arg(long, value_name = "NAME")]
        author: Vec<String>,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take exclusions back
    Include {
        /// Numbers of excluded pairs
        #[arg(value_name = "PAIR", allow_negative_numbers = true)]
        pairs: Vec<String>,
        /// An excluded author; can be given again
        #[arg(long, value_name = "NAME")]
        author: Vec<String>,
    },
    /// List the excluded pairs and authors, with the reasons
    Excluded,
}

/// The cleaning recipe: what makes a comment or reply unfit.
#[derive(Debug, Clone, Default, Args)]
pub struct RecipeArgs {
    /// Keep texts that were deleted or removed
    #[arg(long)]
    pub keep_deleted: bool,
    /// Keep texts of known bots
    #[arg(long)]
    pub keep_bots: bool,
    /// More names of bots
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub bot: Vec<String>,
    /// Keep texts that are nothing but links, pictures, gifs or emotes
    #[arg(long)]
    pub keep_links: bool,
    /// Drop texts whose author is not known
    #[arg(long)]
    pub drop_unknown_authors: bool,
    /// Keep replies to oneself
    #[arg(long)]
    pub keep_same_author: bool,
    /// The shortest text, in characters
    #[arg(long)]
    pub min_length: Option<usize>,
    /// The longest text, in characters
    #[arg(long)]
    pub max_length: Option<usize>,
    /// Leave out noting the words: the pairs then cannot be searched in the window
    #[arg(long)]
    pub no_search: bool,
}

/// `repartee split ...`
#[derive(Debug, Subcommand)]
pub enum SplitCommand {
    /// Divide the pairs by thread, with every upvote bin on every side as far as threads allow; a text that would be
    /// on two sides is left out of val or test
    Make {
        /// A name
        #[arg(default_value = "main")]
        name: String,
        /// The seed of the division
        #[arg(long)]
        seed: Option<u64>,
        /// The shares of train, val and test
        #[arg(long, value_name = "0.8,0.1,0.1", value_parser = three::<f64>)]
        shares: Option<[f64; 3]>,
        /// The three edges between the four upvote bins [default: the quartiles of the train side's scores]
        #[arg(long, allow_hyphen_values = true, value_name = "A,B,C", value_parser = three::<i64>)]
        edges: Option<[i64; 3]>,
        /// How alike two texts must be to count as near-duplicates: the Jaccard similarity of their word triples
        #[arg(long, value_name = "0.8")]
        near: Option<f64>,
    },
    /// All splits
    List(ListArgs),
    /// One split: its sides with their upvote bins, what was left out, and what is missing
    Show {
        /// Which split
        #[arg(default_value = "main")]
        name: String,
    },
    /// Rename, note, tag or delete one
    #[command(flatten)]
    Item(ItemCommand),
    /// Prove that no thread, post, pair, text or near-duplicate is on two sides; fails when one is
    Audit {
        /// Which split
        #[arg(default_value = "main")]
        name: String,
    },
}

/// Three numbers with commas between them.
fn three<T: std::str::FromStr>(text: &str) -> Result<[T; 3], String> {
    let numbers: Vec<T> = text
        .split(',')
        .filter_map(|part| part.trim().parse().ok())
        .collect();
    let commas = text.split(',').count();
    <[T; 3]>::try_from(numbers)
        .ok()
        .filter(|_| commas == 3)
        .ok_or_else(|| "three numbers with commas between them are needed".to_owned())
}

/// GPT-2 or BERT.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum BaseKind {
    /// A generator's base.
    Gpt2,
    /// A classifier's base.
    Bert,
}

/// `repartee base ...`
#[derive(Debug, Subcommand)]
pub enum BaseCommand {
    /// Take a pretrained model from a folder in Hugging Face layout, or from the hub
    Add {
        /// A name for it here
        name: String,
        /// A folder, or a hub id such as gpt2 or google-bert/bert-base-uncased (also with @revision)
        #[arg(long, value_name = "FOLDER|HUB_ID")]
        from: String,
    },
    /// Start a small model from scratch, with a tokenizer trained on the project's pairs
    New {
        /// A name
        name: String,
        /// Which kind
        #[arg(long, value_enum)]
        kind: BaseKind,
        /// Layers
        #[arg(long)]
        layers: Option<usize>,
        /// Width (n_embd, hidden_size)
        #[arg(long)]
        width: Option<usize>,
        /// Attention heads; they divide the width
        #[arg(long)]
        heads: Option<usize>,
        /// The longest input, in tokens
        #[arg(long)]
        context: Option<usize>,
        /// Entries of the vocabulary, at most
        #[arg(long)]
        vocab: Option<usize>,
        /// Take a tokenizer from this folder instead of training one
        #[arg(long, value_name = "FOLDER")]
        tokenizer: Option<PathBuf>,
        /// Train the tokenizer on the train side of this split only
        #[arg(long, value_name = "SPLIT")]
        split: Option<String>,
        /// The seed of the first weights
        #[arg(long)]
        seed: Option<u64>,
        /// Print how large it would be, with the tokenizer that it would have, and stop
        #[arg(long)]
        estimate: bool,
    },
    /// All bases
    List(ListArgs),
    /// Rename, note, tag or delete one
    #[command(flatten)]
    Item(ItemCommand),
    /// Remove a base that no run uses; the same as `delete --yes`
    #[command(hide = true)]
    Remove {
        /// Which
        name: String,
    },
}

/// `repartee train ...`
#[derive(Debug, Subcommand)]
pub enum TrainCommand {
    /// GPT-2 on comments and replies
    Generator(TrainArgs),
    /// BERT: real reply or fake
    Realism(TrainArgs),
    /// BERT: which of four upvote bins
    Upvotes(TrainArgs),
    /// All runs; the same as `repartee run list`
    List(ListArgs),
    /// Train a run again without what was deleted since, with all that it was made with
    Again {
        /// Which run
        run: String,
        /// Leave out the texts that their authors have deleted, or that were forgotten (they are gone; this says so)
        #[arg(long, required = true)]
        without_deleted: bool,
        /// Say what would be made, in order, and stop
        #[arg(long)]
        plan: bool,
    },
    /// What was trained on content that was deleted since, or made with something that was
    Marked,
    /// A run's config, facts, last figures and samples
    Show {
        /// Which run
        run: String,
    },
}

/// Flags of a training.
#[derive(Debug, Clone, Default, Args)]
pub struct TrainArgs {
    /// A run config to start from; flags go over it
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Write the whole run config with its comments to a file (- for standard output) and stop
    #[arg(long, value_name = "FILE.toml")]
    pub write_config: Option<PathBuf>,
    /// A name for the run
    #[arg(long)]
    pub name: Option<String>,
    /// Which base to start from
    #[arg(long)]
    pub base: Option<String>,
    /// Which split to train on
    #[arg(long)]
    pub split: Option<String>,
    /// Realism: which fakes
    #[arg(long)]
    pub fakes: Option<String>,
    /// Passes over the train side
    #[arg(long)]
    pub epochs: Option<f64>,
    /// Stop after so many steps of the optimizer
    #[arg(long)]
    pub steps: Option<u64>,
    /// Examples a step
    #[arg(long)]
    pub batch: Option<usize>,
    /// Peak learning rate
    #[arg(long)]
    pub lr: Option<f64>,
    /// Generator: loss on the reply only, or on all
    #[arg(long, value_name = "reply|all")]
    pub loss: Option<String>,
    /// The longest example, in tokens
    #[arg(long)]
    pub max_tokens: Option<usize>,
    /// The seed of everything random
    #[arg(long)]
    pub seed: Option<u64>,
    /// auto, cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
    /// Any other setting of the run config
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print what it would need (parameters, memory, time) and stop
    #[arg(long)]
    pub estimate: bool,
}

/// How tokens are drawn; the same for fakes and for live generation.
#[derive(Debug, Clone, Default, Args)]
pub struct SamplingArgs {
    /// Above 1 wilder, below 1 tamer; 0 always takes the likeliest
    #[arg(long)]
    pub temperature: Option<f64>,
    /// Only the k likeliest tokens; 0 for all
    #[arg(long)]
    pub top_k: Option<usize>,
    /// Only the likeliest tokens that together have this probability
    #[arg(long)]
    pub top_p: Option<f64>,
    /// Above 1: what was said is less likely
    #[arg(long)]
    pub repetition_penalty: Option<f64>,
    /// The longest reply, in tokens
    #[arg(long)]
    pub max_new_tokens: Option<usize>,
}

/// `repartee fakes ...`
#[derive(Debug, Subcommand)]
// one is parsed a run of the program
#[allow(clippy::large_enum_variant)]
pub enum FakesCommand {
    /// Write fakes for the comments of each side
    Make {
        /// A name
        #[arg(default_value = "fakes")]
        name: String,
        /// Which generator run
        #[arg(long, value_name = "RUN")]
        generator: String,
        /// best or last
        #[arg(long, value_name = "best|last")]
        checkpoint: Option<String>,
        /// Replies a comment
        #[arg(long)]
        replies: Option<usize>,
        /// Comments of train, val and test, at most; 0 takes all
        #[arg(long, value_name = "N,N,N", value_parser = three::<usize>)]
        comments: Option<[usize; 3]>,
        /// Prompts at once
        #[arg(long)]
        batch: Option<usize>,
        /// The seed
        #[arg(long)]
        seed: Option<u64>,
        /// auto, cpu, cuda or metal
        #[arg(long)]
        device: Option<String>,
        /// How tokens are drawn
        #[command(flatten)]
        sampling: SamplingArgs,
    },
    /// All sets of fakes
    List(ListArgs),
    /// Rename, note, tag or delete one
    #[command(flatten)]
    Item(ItemCommand),
    /// Show some fakes beside the real replies
    Show {
        /// Which set
        #[arg(default_value = "fakes")]
        name: String,
        /// At most so many
        #[arg(long, default_value_t = 10)]
        limit: usize,
    },
}

/// `repartee evaluate`
#[derive(Debug, Clone, Args)]
pub struct EvaluateArgs {
    /// Which run; leave out to list all evaluations
    pub run: Option<String>,
    /// best or last
    #[arg(long, value_name = "best|last")]
    pub checkpoint: Option<String>,
    /// train, val or test
    #[arg(long, value_name = "PARTITION", alias = "side")]
    pub partition: Option<String>,
    /// Realism: other fakes than those it was trained on
    #[arg(long)]
    pub fakes: Option<String>,
    /// Examples, at most
    #[arg(long)]
    pub limit: Option<usize>,
    /// Examples at once
    #[arg(long)]
    pub batch: Option<usize>,
    /// auto, cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
}

/// `repartee chart`
#[derive(Debug, Clone, Args)]
pub struct ChartArgs {
    /// roc, pr, confusion, calibration or scores of evaluations; loss, lr or throughput of runs
    pub what: String,
    /// An evaluation's number, or run names: their latest evaluation, or for loss their curves
    #[arg(required = true, value_name = "RUN|EVALUATION")]
    pub of: Vec<String>,
    /// Files to write: .svg, .png or .csv each; a name without an ending gives all three
    #[arg(short, long, value_name = "FILE")]
    pub out: Vec<PathBuf>,
}

/// `repartee generate`
#[derive(Debug, Clone, Args)]
pub struct GenerateArgs {
    /// A comment to answer; several are answered one by one; - reads one from standard input
    #[arg(value_name = "COMMENT")]
    pub comment: Vec<String>,
    /// A file with a comment on each line (.txt), or JSONL with "comment" and perhaps "thread"
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// So many unseen comments of the generator's test side
    #[arg(long, value_name = "N")]
    pub unseen: Option<usize>,
    /// Which generator run
    #[arg(long, value_name = "RUN")]
    pub generator: String,
    /// Which realism run scores
    #[arg(long, value_name = "RUN")]
    pub realism: Option<String>,
    /// Which upvotes run scores
    #[arg(long, value_name = "RUN")]
    pub upvotes: Option<String>,
    /// best or last
    #[arg(long, value_name = "best|last")]
    pub checkpoint: Option<String>,
    /// Candidates a comment
    #[arg(short = 'n', long)]
    pub candidates: Option<usize>,
    /// How tokens are drawn
    #[command(flatten)]
    pub sampling: SamplingArgs,
    /// Pick only above this probability of being real; takes --realism
    #[arg(long)]
    pub min_p_real: Option<f64>,
    /// Pick only up to so many characters
    #[arg(long)]
    pub max_chars: Option<usize>,
    /// Pick at most so many a thread
    #[arg(long)]
    pub per_thread: Option<usize>,
    /// Only show: put nothing into the queue
    #[arg(long)]
    pub no_queue: bool,
    /// The seed
    #[arg(long)]
    pub seed: Option<u64>,
    /// auto, cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
}

/// `repartee queue ...`
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// Replies, the newest first
    List {
        /// Only draft, approved, sending, uncertain, absent, posted, rejected, cancelled or withdrawn
        #[arg(long)]
        state: Option<String>,
    },
    /// One reply with what it answers, its scores, and who did what
    Show {
        /// Its number
        reply: i64,
    },
    /// Change a reply's text; what was approved becomes a draft again
    Edit {
        /// Its number
        reply: i64,
        /// The new text [default: opens $EDITOR]
        #[arg(long)]
        text: Option<String>,
        /// Who does it
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
    },
    /// Approve replies, each by itself: on a terminal each is shown and asked about
    Approve {
        /// Their numbers
        #[arg(required = true, value_name = "REPLY")]
        reply: Vec<i64>,
        /// What you saw, as `repartee queue show` prints it; needed where there is no terminal
        #[arg(long, value_name = "HASH")]
        seen: Option<String>,
        /// Who does it
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
    },
    /// Reject one reply
    Reject {
        /// Its number
        reply: i64,
        /// Why
        #[arg(long, default_value = "")]
        why: String,
        /// Who does it
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
    },
}

/// `repartee export ...`
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// Pairs, with their partition and upvote bin where a split is named
    Pairs {
        /// .jsonl or .csv
        file: PathBuf,
        /// Which split
        #[arg(long)]
        split: Option<String>,
        /// Only train, val or test
        #[arg(long, alias = "side")]
        partition: Option<String>,
    },
    /// Every prediction of an evaluation: comment, text, label, probabilities, partition, thread
    Predictions {
        /// The number or name of an evaluation, or a run: its latest evaluation
        of: String,
        /// .jsonl or .csv
        file: PathBuf,
    },
    /// A run's checkpoint as a folder in Hugging Face layout
    Run {
        /// Which run
        run: String,
        /// Where
        folder: PathBuf,
        /// best or last
        #[arg(long, value_name = "best|last")]
        checkpoint: Option<String>,
    },
    /// A base as a folder in Hugging Face layout
    Base {
        /// Which base
        name: String,
        /// Where
        folder: PathBuf,
    },
    /// The queue
    Queue {
        /// .jsonl or .csv
        file: PathBuf,
        /// Only draft, approved, sending, uncertain, absent, posted, rejected, cancelled or withdrawn
        #[arg(long)]
        state: Option<String>,
    },
}

/// What the failure of a queued job does.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum OnFailure {
    /// The queue stops
    Stop,
    /// The next job starts
    GoOn,
}

/// `repartee job ...`
#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// All jobs, the newest first
    List,
    /// One job: parameters, progress, outcome and log
    Show {
        /// Its id, or a unique beginning or end of it
        job: String,
    },
    /// Ask a running job to rest
    Pause {
        /// Its id, or a unique beginning or end of it
        job: String,
    },
    /// End a training now and keep its checkpoint as the result; end any other job, and keep what it has stored
    Stop {
        /// Its id, or a unique beginning or end of it
        job: String,
        /// Keep nothing: a training's weights are removed
        #[arg(long)]
        discard: bool,
        /// Do not ask
        #[arg(short, long, requires = "discard")]
        yes: bool,
    },
    /// The jobs that wait, in the order in which they will run
    Queue,
    /// Work the queue off until it is empty; a job that was paused or lost its process goes on first
    Run,
    /// Move a queued job
    #[command(group = clap::ArgGroup::new("where").required(true))]
    Move {
        /// Its id, or a unique beginning or end of it
        job: String,
        /// Before this queued job
        #[arg(long, value_name = "JOB", group = "where")]
        before: Option<String>,
        /// To the front
        #[arg(long, group = "where")]
        first: bool,
        /// To the end
        #[arg(long, group = "where")]
        last: bool,
    },
    /// Say what happens to the queue if a queued job fails
    OnFailure {
        /// Its id, or a unique beginning or end of it
        job: String,
        /// Whether the next one starts
        #[arg(value_enum)]
        what: OnFailure,
    },
    /// Ask a job to end
    Cancel {
        /// Its id, or a unique beginning or end of it
        job: String,
    },
    /// Go on with a job that rests, failed, or lost its process
    Resume {
        /// Its id, or a unique beginning or end of it
        job: String,
    },
}

/// `repartee demo`
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// A folder for the project and the charts; it must not exist, or be empty
    #[arg(default_value = "demo")]
    pub folder: PathBuf,
    /// Threads of synthetic sample
    #[arg(long, hide = true)]
    pub sample_threads: Option<usize>,
    /// Scale of the training steps; 1 is the real demo
    #[arg(long, hide = true)]
    pub scale: Option<f64>,
}

/// `repartee bench ...`
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Training steps on random weights
    Train(BenchArgs),
    /// Writing tokens with random weights
    Generate(BenchArgs),
    /// Scoring pairs with random weights
    Score(BenchArgs),
    /// Reading a dump: filtering, loading and joining
    Import {
        /// The dump; with --write it is made first
        file: PathBuf,
        /// Make a synthetic Pushshift-shaped dump of so many megabytes (decompressed) first
        #[arg(long, value_name = "MB")]
        write: Option<u64>,
        /// The subreddits of the filtering measurement [default: the two most frequent]
        #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
        subreddit: Vec<String>,
    },
}

/// Flags of the model measurements.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// gpt2, gpt2-medium, gpt2-large, gpt2-xl, bert-base, or a folder with a config.json
    #[arg(long, default_value = "gpt2")]
    pub model: String,
    /// Examples at once
    #[arg(long, default_value_t = 4)]
    pub batch: usize,
    /// Tokens an example; for generate: tokens to write
    #[arg(long, default_value_t = 256)]
    pub length: usize,
    /// Tokens of the prompt (generate)
    #[arg(long, default_value_t = 64)]
    pub prompt: usize,
    /// Measured steps, after one that is not
    #[arg(long, default_value_t = 3)]
    pub steps: usize,
    /// f32, bf16 or int8
    #[arg(long, default_value = "f32")]
    pub dtype: String,
    /// auto, cpu, cuda or metal
    #[arg(long, default_value = "cpu")]
    pub device: String,
}
