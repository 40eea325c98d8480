//! Flags of every command, and how the values of others are read.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Command};
use repartee_engine::terms::{PrecisionChoice, ReplyState};

use crate::out::state;

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Project file [default: the only *.repartee file in this folder]
    #[arg(
        short,
        long,
        global = true,
        env = "REPARTEE_PROJECT",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub project: Option<PathBuf>,
    /// Print JSON lines instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results only, no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Compute threads [default: all cores]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Queue the command's job instead of running it; `repartee job run` runs the queue
    #[arg(long, global = true)]
    pub queue: bool,
    /// With --queue: stop the queue if the job fails
    #[arg(long, global = true, requires = "queue")]
    pub stop_queue_on_failure: bool,
    /// Log more to standard error; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Parses auto or a precision.
pub fn precision() -> impl TypedValueParser<Value = PrecisionChoice> {
    let words = PrecisionChoice::ALL.iter().map(|choice| choice.as_str());
    PossibleValuesParser::new(words).try_map(|word| word.parse::<PrecisionChoice>())
}

/// Parses a name of a person: the empty one names nobody.
pub fn a_name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("the name is empty; leave the option out to use your user name".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// Parses the number of an item that has no name.
pub fn a_number(text: &str) -> Result<i64, String> {
    let number = text.trim().parse();
    number.map_err(|_| "it is not a number; the list shows the numbers".to_owned())
}

/// Parses the state of a reply, in either spelling of "canceled".
pub fn a_state(text: &str) -> Result<ReplyState, String> {
    let stored = match text {
        "canceled" => ReplyState::Cancelled,
        other => other.parse().map_err(|_| {
            let states: Vec<&str> = ReplyState::ALL.iter().map(|s| state(s.as_str())).collect();
            format!("it is one of {}", states.join(", "))
        })?,
    };
    Ok(stored)
}

/// Parses three numbers with commas between them.
pub fn three<T: std::str::FromStr>(text: &str) -> Result<[T; 3], String> {
    let numbers: Vec<T> = text
        .split(',')
        .filter_map(|part| part.trim().parse().ok())
        .collect();
    let commas = text.split(',').count();
    <[T; 3]>::try_from(numbers)
        .ok()
        .filter(|_| commas == 3)
        .ok_or_else(|| "expected three numbers separated by commas".to_owned())
}

/// Changes the subcommand at a path.
pub fn at(command: Command, path: &[&str], change: &dyn Fn(Command) -> Command) -> Command {
    match path.split_first() {
        None => change(command),
        Some((first, rest)) => command.mut_subcommand(*first, |sub| at(sub, rest, change)),
    }
}
