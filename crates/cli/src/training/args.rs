//! Flags of `train` and `run`.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use repartee_engine::training::run_config::{FieldType, Group, SETTINGS, Setting};

use crate::items::args::{ItemCommand, ListArgs};

#[derive(Debug, Subcommand)]
pub enum TrainCommand {
    /// Train GPT-2 to write replies
    Generator(TrainArgs),
    /// Train BERT to tell real replies from generated ones
    Realism(TrainArgs),
    /// Train BERT to predict which of four upvote bins a reply falls into
    Upvotes(TrainArgs),
    /// List all runs; the same as `repartee run list`
    List(ListArgs),
    /// Retrain a run, and the models it was made with, without texts that have been deleted since
    Again {
        /// The run
        run: String,
        /// Leave out texts that their authors deleted, or that were purged (they are gone; this acknowledges it)
        #[arg(long, required = true)]
        without_deleted: bool,
        /// Print what would be retrained, in order, and stop
        #[arg(long)]
        plan: bool,
    },
    /// List models trained on content that has been deleted since, directly or through another model
    Marked,
    /// Show a run's config, facts, latest metrics and samples; the same as `repartee run show`
    Show {
        /// The run
        run: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// List all runs
    List(ListArgs),
    /// Show a run's config, facts, latest metrics and samples
    Show {
        /// The run
        run: String,
    },
    #[command(flatten)]
    Item(ItemCommand),
}

#[derive(Debug, Clone, Default, Args)]
pub struct TrainArgs {
    /// Run config to start from; flags override it
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Write the complete, commented run config to a file (- for standard output) and stop
    #[arg(long, value_name = "FILE.toml")]
    pub write_config: Option<PathBuf>,
    #[command(flatten)]
    pub settings: SettingFlags,
    /// A setting of the run config by its key; every setting has a flag of its own
    #[arg(long = "set", value_name = "KEY=VALUE", hide = true)]
    pub set: Vec<String>,
    /// Print the estimated parameters, memory and time, and stop
    #[arg(long)]
    pub estimate: bool,
}

/// A flag for every setting of a run, made from its declaration: those that were given, with their values as typed.
#[derive(Debug, Clone, Default)]
pub struct SettingFlags(pub Vec<(&'static str, String)>);

/// The settings that have a flag: all but the kind, which is a subcommand.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.name != "kind")
}

fn flag(setting: &'static Setting, long: &'static str) -> Arg {
    let value = match setting.kind() {
        FieldType::Integer => "N",
        FieldType::Number => "NUMBER",
        FieldType::Text => "TEXT",
        FieldType::Choice => "CHOICE",
        FieldType::Base => "BASE",
        FieldType::Split => "SPLIT",
        FieldType::Fakes => "FAKES",
    };
    let mut arg = Arg::new(setting.name)
        .long(long)
        .value_name(value)
        .allow_negative_numbers(setting.is_number())
        .help(setting.description().trim_end_matches('.').to_owned());
    if !setting.row.alias.is_empty() {
        arg = arg.visible_alias(setting.row.alias);
    }
    if setting.row.group != Group::Essentials {
        arg = arg.help_heading(setting.row.group.title());
    }
    match setting.row.choices {
        [] => arg.value_parser(move |typed: &str| -> Result<String, String> {
            setting.check_typed(typed).map(|()| typed.to_owned())
        }),
        choices => arg.value_parser(PossibleValuesParser::new(choices.iter().copied())),
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        static LONG: LazyLock<Vec<String>> =
            LazyLock::new(|| settings().map(|s| s.name.replace('_', "-")).collect());
        settings()
            .zip(LONG.iter())
            .fold(command, |command, (setting, long)| {
                command.arg(flag(setting, long))
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |setting: &'static Setting| {
            let typed = matches.get_one::<String>(setting.name)?;
            Some((setting.name, typed.clone()))
        };
        Ok(Self(settings().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;
    use repartee_engine::training::run_config::ModelKind;

    use super::*;
    use crate::cli::{self, Cli};

    const KINDS: [ModelKind; 3] = [ModelKind::Generator, ModelKind::Realism, ModelKind::Upvotes];

    #[test]
    fn every_setting_has_a_flag_in_the_help_of_its_kinds() {
        for kind in KINDS {
            let mut command = crate::command();
            let train = command.find_subcommand_mut("train").unwrap();
            let of_kind = train.find_subcommand_mut(kind.as_str()).unwrap();
            let help = of_kind.render_long_help().to_string();
            for setting in settings() {
                let flag = format!("--{} <", setting.name.replace('_', "-"));
                assert_eq!(help.contains(&flag), setting.is_for(kind), "{flag}\n{help}");
            }
        }
    }

    #[test]
    fn flags_are_read_as_typed_and_checked_by_type() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        let line = "repartee train generator --batch 4 --learning-rate 1e-3 --dropout -1 --loss all --clip-norm 0";
        let cli::Command::Train {
            command: TrainCommand::Generator(args),
        } = parse(line).unwrap().command
        else {
            panic!("not a training")
        };
        let mut given = args.settings.0;
        given.sort();
        let want = [
            ("batch_size", "4"),
            ("clip_norm", "0"),
            ("dropout", "-1"),
            ("learning_rate", "1e-3"),
            ("loss", "all"),
        ];
        assert_eq!(given, want.map(|(name, typed)| (name, typed.to_owned())));
        for (line, expected) in [
            ("--steps many", "expected a whole number"),
            ("--steps -3", "expected a whole number"),
            ("--warmup much", "expected a number"),
            ("--loss some", "reply, all"),
        ] {
            let error = parse(&format!("repartee train generator {line}")).unwrap_err();
            assert!(error.to_string().contains(expected), "{line}: {error}");
        }
    }
}
