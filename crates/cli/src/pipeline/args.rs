//! Flags of `run` without a subcommand.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use repartee_engine::pipeline::PipelinePreset;

#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct PipelineArgs {
    /// The project file; as --project
    #[arg(value_name = "PROJECT")]
    pub file: Option<PathBuf>,
    /// Print the plan and stop
    #[arg(long)]
    pub plan: bool,
    /// Don't ask before the jobs are queued
    #[arg(short, long)]
    pub yes: bool,
    /// Run the queue right away, until it is empty
    #[arg(long)]
    pub now: bool,
    /// How long it may take, and how good the models can become
    #[arg(long, value_parser = preset())]
    pub preset: Option<PipelinePreset>,
    /// The most hours that all steps may take: trainings get fewer steps
    #[arg(long, value_name = "N")]
    pub hours: Option<f64>,
    /// auto, cpu, cuda or metal
    #[arg(long)]
    pub device: Option<String>,
    /// Change a setting of a step, for example generator.epochs=2; may be repeated. STEP.name=NAME chooses what the step
    /// makes; an item that exists is used instead
    #[arg(long, value_name = "STEP.SETTING=VALUE")]
    pub set: Vec<String>,
}

fn preset() -> impl TypedValueParser<Value = PipelinePreset> {
    let value = |preset: PipelinePreset| {
        PossibleValue::new(preset.as_str()).help(match preset {
            PipelinePreset::Quick => {
                "100 steps of each training and few fakes: does it work on this data?"
            }
            PipelinePreset::Standard => "One night: usual settings, with as many steps as fit",
            PipelinePreset::Full => "All pairs and comments, however long it takes",
        })
    };
    let all = PipelinePreset::ALL.map(value);
    PossibleValuesParser::new(all).map(|word| {
        let mut known = PipelinePreset::ALL.into_iter();
        known
            .find(|preset| preset.as_str() == word)
            .unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::training::args::RunCommand;

    fn parsed(line: &str) -> (PipelineArgs, Option<RunCommand>) {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        match cli.command {
            Command::Run { pipeline, command } => (pipeline, command),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn run_is_the_pipeline_unless_a_subcommand_follows() {
        let (args, command) =
            parsed("repartee run my.repartee --preset quick --set fakes.batch=8 --yes --json");
        assert!(command.is_none());
        assert_eq!(args.file, Some(PathBuf::from("my.repartee")));
        assert_eq!(args.preset, Some(PipelinePreset::Quick));
        assert_eq!(
            (args.yes, args.plan, &args.set[..]),
            (true, false, &["fakes.batch=8".to_owned()][..])
        );
        let (args, command) = parsed("repartee run");
        assert!(command.is_none());
        assert_eq!(args, PipelineArgs::default());
        let (args, command) = parsed("repartee run --project my.repartee list --json");
        assert!(matches!(command, Some(RunCommand::List(_))));
        assert_eq!(args, PipelineArgs::default());
        let (_, command) = parsed("repartee run show writer");
        assert!(matches!(command, Some(RunCommand::Show { run }) if run == "writer"));
    }
}
