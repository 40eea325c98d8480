//! Flags of `train`, `run` and `rerun`.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use repartee_engine::sweep::{SampledRange, SweptValues};
use repartee_engine::training::run_config::{FieldType, Group, SETTINGS, Setting};

use crate::bundle::args::ElsewhereArgs;
use crate::items::args::{ItemCommand, ListArgs};

#[derive(Debug, Subcommand)]
pub enum TrainCommand {
    /// Train GPT-2 to write replies
    Generator(TrainArgs),
    /// Train BERT to tell real replies from generated ones
    Realism(TrainArgs),
    /// Train BERT to predict which of four upvote bins a reply falls into
    Upvotes(TrainArgs),
    /// Train one model with several values of its settings, one after the other, and compare the results
    Sweep {
        #[command(subcommand)]
        command: SweepCommand,
    },
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
pub enum SweepCommand {
    /// Sweep settings of the generator
    Generator(Box<SweepArgs>),
    /// Sweep settings of the realism model
    Realism(Box<SweepArgs>),
    /// Sweep settings of the upvotes model
    Upvotes(Box<SweepArgs>),
    /// List all sweeps
    List,
    /// Show the trials of a sweep, and the mean and spread over seeds of each configuration
    Show {
        /// The sweep
        sweep: String,
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
    /// Show the hashes of a run's weights: equal hashes are equal bits
    Hash {
        /// The run
        run: String,
    },
    #[command(flatten)]
    Item(ItemCommand),
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The run must have ended by itself, and what it was trained on must still be in the project. If the \
                  weights differ, the evaluations of the run are repeated, too. Exit status 1: the two differ, although \
                  device, threads, version and processor are the same."
)]
pub struct RerunArgs {
    /// The run to repeat
    pub run: String,
    /// Name of the new run [default: the run's, and -rerun]
    #[arg(long)]
    pub name: Option<String>,
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
    #[command(flatten)]
    pub elsewhere: ElsewhereArgs,
}

#[derive(Debug, Clone, Default, Args)]
#[command(
    after_help = "Each trial is a run of its own. With several settings, every combination is tried; with several \
                  seeds, all configurations are trained with the first seed, then with the next. Started again, the \
                  same command resumes an unfinished sweep with this --name."
)]
pub struct SweepArgs {
    /// Run config to start from; flags override it
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub settings: SettingFlags,
    /// A setting of the run config by its key; every setting has a flag of its own
    #[arg(long = "set", value_name = "KEY=VALUE", hide = true)]
    pub set: Vec<String>,
    /// Values of a setting, for example learning_rate=1e-4,3e-4; repeat it for more settings
    #[arg(
        long,
        value_name = "SETTING=VALUE,...",
        help_heading = SWEEP,
        value_parser = SweptValues::parse
    )]
    pub grid: Vec<SweptValues>,
    /// Range of a setting to sample from, for example learning_rate=1e-5..1e-3:log (uniform in its logarithm) or
    /// dropout=0..0.3
    #[arg(
        long,
        value_name = "SETTING=LOW..HIGH",
        help_heading = SWEEP,
        value_parser = SampledRange::parse
    )]
    pub random: Vec<SampledRange>,
    /// Samples of the settings of --random, for each combination of --grid
    #[arg(long, value_name = "N", requires = "random", help_heading = SWEEP)]
    pub trials: Option<usize>,
    /// Train each configuration with each of these seeds, for a mean and a spread
    #[arg(long, value_name = "N,...", value_delimiter = ',', help_heading = SWEEP)]
    pub seeds: Vec<u64>,
    /// End a trial early if its validation loss is worse than the median of earlier trials at the same step
    #[arg(long, help_heading = SWEEP)]
    pub prune: bool,
    /// Trials that are trained completely before the first one can be pruned
    #[arg(long, value_name = "N", requires = "prune", help_heading = SWEEP)]
    pub prune_after: Option<usize>,
    #[command(flatten)]
    pub elsewhere: ElsewhereArgs,
}

/// The heading of the flags of a sweep.
const SWEEP: &str = "Sweep";

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
    fn flags_of_a_sweep_are_read_and_checked() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        let line = "repartee train sweep realism --steps 9 --grid lr=1e-4,3e-4 --grid decay=cosine --seeds 1,2 \
                    --random dropout=0..0.3 --trials 3 --prune --prune-after 2";
        let cli::Command::Train {
            command:
                TrainCommand::Sweep {
                    command: SweepCommand::Realism(args),
                },
        } = parse(line).unwrap().command
        else {
            panic!("not a sweep")
        };
        assert_eq!(args.settings.0, [("steps", "9".to_owned())]);
        let grid: Vec<&str> = args.grid.iter().map(|one| one.setting.as_str()).collect();
        assert_eq!(grid, ["learning_rate", "decay"]);
        assert_eq!(args.grid[0].values, ["1e-4", "3e-4"]);
        assert_eq!(
            (args.random[0].low.as_str(), args.random[0].log),
            ("0", false)
        );
        assert_eq!((args.trials, &args.seeds[..]), (Some(3), &[1, 2][..]));
        assert_eq!((args.prune, args.prune_after), (true, Some(2)));
        for (line, expected) in [
            ("--grid speed=1,2", "no setting"),
            ("--grid lr", "SETTING=VALUE"),
            ("--random lr=1", "LOW..HIGH"),
            ("--trials 2", "--random"),
            ("--prune-after 2", "--prune"),
        ] {
            let error = parse(&format!("repartee train sweep generator {line}")).unwrap_err();
            assert!(error.to_string().contains(expected), "{line}: {error}");
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
