//! Defaults in the help of flags. The values come from the engine, so help can't be out of date.

use clap::Command;
use repartee_engine::bases::base::BaseNew;
use repartee_engine::data::splits::MakeSplit;
use repartee_engine::evaluation::audit::AuditEvaluation;
use repartee_engine::evaluation::decoding::MeasureDecoding;
use repartee_engine::evaluation::evaluate::Evaluate;
use repartee_engine::evaluation::quality::MeasureQuality;
use repartee_engine::generation::draft::DraftReplies;
use repartee_engine::generation::fakes::MakeFakes;
use repartee_engine::generation::generate::Generate;
use repartee_engine::generation::pick::MIN_P_REAL;
use repartee_engine::items::ItemKind;
use repartee_engine::pipeline::{PipelineOptions, PipelinePreset};
use repartee_engine::posting::{Fetch, NewAccount};
use repartee_engine::sweep::{PRUNE_AFTER, TRIALS};
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{MAPPING_FIELDS, Recipe, SamplingParams};

use crate::flags::at;
use crate::out::set_name;
use crate::training::args::settings;

/// A flag's id and its default.
type Usual = (&'static str, String);

const BEST: &str = "best, or last if there is none";
const USER: &str = "your user name";

/// The command line with every default in its help.
pub fn shown(command: Command) -> Command {
    let command = data(command);
    let command = models(command);
    reddit(command)
}

fn put(command: Command, path: &[&str], defaults: Vec<Usual>) -> Command {
    at(command, path, &|command| {
        defaults.iter().fold(command, |command, (id, value)| {
            command.mut_arg(*id, |arg| {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                arg.help(format!("{help} [default: {value}]"))
            })
        })
    })
}

fn three<T: ToString>(numbers: [T; 3]) -> String {
    numbers.map(|n| n.to_string()).join(",")
}

fn sampling(usual: &SamplingParams) -> Vec<Usual> {
    vec![
        ("temperature", usual.temperature.to_string()),
        ("top_k", usual.top_k.to_string()),
        ("top_p", usual.top_p.to_string()),
        ("min_p", usual.min_p.to_string()),
        ("repetition_penalty", usual.repetition_penalty.to_string()),
        ("no_repeat_ngram", usual.no_repeat_ngram.to_string()),
        ("max_new_tokens", usual.max_new_tokens.to_string()),
        ("seed", usual.seed.to_string()),
    ]
}

fn data(command: Command) -> Command {
    let command = command.mut_subcommand("import", |import| {
        import.mut_arg("map", |arg| {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            arg.help(format!("{help}. Fields: {MAPPING_FIELDS}"))
        })
    });
    let recipe = Recipe::default();
    let split = MakeSplit::default();
    let shares = [split.shares.train, split.shares.val, split.shares.test];
    let command = put(
        command,
        &["pairs", "build"],
        vec![
            ("min_length", recipe.min_chars.to_string()),
            ("max_length", recipe.max_chars.to_string()),
        ],
    );
    let command = put(
        command,
        &["split", "make"],
        vec![
            ("seed", split.seed.to_string()),
            ("shares", three(shares)),
            ("near", split.near.threshold.to_string()),
        ],
    );
    let command = ItemKind::ALL.into_iter().fold(command, |command, kind| {
        put(
            command,
            &[kind.as_str(), "delete"],
            vec![("who", USER.to_owned())],
        )
    });
    let command = ["edit", "approve", "reject"]
        .into_iter()
        .fold(command, |command, act| {
            put(command, &["queue", act], vec![("who", USER.to_owned())])
        });
    let all = || "all".to_owned();
    let command = put(
        command,
        &["export", "pairs"],
        vec![
            (
                "split",
                "none: all pairs that are not excluded, without set and bin".to_owned(),
            ),
            ("partition", all()),
        ],
    );
    put(
        command,
        &["export", "run"],
        vec![("checkpoint", BEST.to_owned())],
    )
}

fn models(command: Command) -> Command {
    let base = BaseNew::default();
    let command = put(
        command,
        &["base", "new"],
        vec![
            ("layers", base.layers.to_string()),
            ("width", base.width.to_string()),
            ("heads", base.heads.to_string()),
            ("context", base.context.to_string()),
            ("vocab", base.vocab.to_string()),
            ("tokenizer", "none: a new one is trained".to_owned()),
            (
                "split",
                "the only split; without one, all pairs that are not excluded".to_owned(),
            ),
            ("seed", base.seed.to_string()),
        ],
    );
    let kinds = [ModelKind::Generator, ModelKind::Realism, ModelKind::Upvotes];
    let command = kinds.into_iter().fold(command, |command, kind| {
        let path = ["train", kind.as_str()];
        let command = put(command, &path, training(kind));
        let command = at(command, &path, &|command| without_others(command, kind));
        sweep(command, kind)
    });
    let command = pipeline(command);
    let fakes = MakeFakes::default();
    let mut of_fakes = sampling(&fakes.sampling);
    of_fakes.extend([
        ("checkpoint", BEST.to_owned()),
        ("replies", fakes.replies.to_string()),
        ("comments", three(fakes.comments)),
        ("batch", fakes.batch.to_string()),
        ("device", fakes.device),
        ("precision", fakes.precision.to_string()),
    ]);
    let command = put(command, &["fakes", "make"], of_fakes);
    let evaluate = Evaluate::default();
    let command = put(
        command,
        &["evaluate"],
        vec![
            ("checkpoint", BEST.to_owned()),
            ("partition", set_name(evaluate.partition).to_owned()),
            ("fakes", "the ones it was trained on".to_owned()),
            ("limit", format!("{}: all", evaluate.limit)),
            ("batch", evaluate.batch.to_string()),
            ("threshold", evaluate.threshold.to_string()),
            ("device", evaluate.device),
            ("precision", evaluate.precision.to_string()),
        ],
    );
    let command = put(
        command,
        &["evaluation", "show"],
        vec![("real_share", "none: as evaluated".to_owned())],
    );
    let audit = AuditEvaluation::default();
    let command = put(
        command,
        &["evaluation", "audit"],
        vec![
            ("limit", audit.examples.to_string()),
            ("batch", audit.batch.to_string()),
            ("device", audit.device),
        ],
    );
    let command = put(
        command,
        &["evaluation", "slices"],
        vec![("by", "all of them".to_owned())],
    );
    let command = put(
        command,
        &["evaluation", "thresholds"],
        vec![
            ("cost_false_positive", "none: no costs".to_owned()),
            ("cost_false_negative", "none: no costs".to_owned()),
            ("at", "none: the best ones".to_owned()),
            ("csv", "none: no file".to_owned()),
        ],
    );
    let decoding = MeasureDecoding::default();
    let command = put(
        command,
        &["evaluation", "decoding"],
        vec![
            ("checkpoint", BEST.to_owned()),
            ("limit", format!("{}: all", decoding.limit)),
            ("batch", decoding.batch.to_string()),
            ("device", decoding.device),
            ("precision", decoding.precision.to_string()),
        ],
    );
    let command = put(
        command,
        &["quality"],
        vec![
            ("limit", MeasureQuality::default().limit.to_string()),
            ("checkpoint", BEST.to_owned()),
        ],
    );
    let command = put(
        command,
        &["chart"],
        vec![("out", "RUN-CHART in this folder, all three".to_owned())],
    );
    let command = put(
        command,
        &["report"],
        vec![
            ("out", "RUN-report.html in this folder".to_owned()),
            ("markdown", "as --out, ending in .md".to_owned()),
        ],
    );
    let generate = Generate::default();
    let mut of_generate = sampling(&generate.sampling);
    of_generate.extend([
        ("unseen", generate.unseen.to_string()),
        ("realism", "none: not scored".to_owned()),
        ("upvotes", "none: not scored".to_owned()),
        ("checkpoint", BEST.to_owned()),
        ("candidates", generate.candidates.to_string()),
        ("min_p_real", format!("{MIN_P_REAL} with --realism")),
        ("max_chars", generate.criteria.max_chars.to_string()),
        ("per_thread", generate.criteria.per_thread.to_string()),
        ("device", generate.device),
        ("precision", generate.precision.to_string()),
    ]);
    put(command, &["generate"], of_generate)
}

fn pipeline(command: Command) -> Command {
    let usual = PipelineOptions::default();
    let limited = PipelinePreset::ALL.into_iter().filter_map(|preset| {
        let hours = preset.hours()?;
        Some(format!(
            "{hours} with preset {}, else none",
            preset.as_str()
        ))
    });
    put(
        command,
        &["run"],
        vec![
            ("preset", usual.preset.as_str().to_owned()),
            ("hours", limited.collect()),
            ("device", usual.device),
        ],
    )
}

/// The defaults of a kind of run; of an empty setting, a description.
fn training(kind: ModelKind) -> Vec<Usual> {
    let config = ("config", "none: the defaults of this kind".to_owned());
    let settings = settings().map(|setting| (setting.name, setting.default_of(kind)));
    std::iter::once(config).chain(settings).collect()
}

/// A sweep has the flags of a run, of which some mean the sweep.
fn sweep(command: Command, kind: ModelKind) -> Command {
    let path = ["train", "sweep", kind.as_str()];
    let of_run = training(kind).into_iter();
    let own = |id: &str| matches!(id, "name" | "seed");
    let mut defaults: Vec<Usual> = of_run.filter(|(id, _)| !own(id)).collect();
    defaults.extend([
        ("name", "sweep and a number".to_owned()),
        ("seed", RunConfig::of(kind).seed.to_string()),
        ("trials", TRIALS.to_string()),
        ("seeds", "the one of --seed".to_owned()),
        ("prune_after", PRUNE_AFTER.to_string()),
    ]);
    let command = at(command, &path, &|command| {
        without_others(command, kind)
            .mut_arg("name", |arg| {
                arg.help("Name of the sweep; its runs are NAME-1, NAME-2 and so on")
            })
            .mut_arg("seed", |arg| {
                arg.help("Random seed of the samples of --random, and of the runs without --seeds")
            })
    });
    put(command, &path, defaults)
}

/// Hides the flags of settings that runs of this kind do not use.
fn without_others(command: Command, kind: ModelKind) -> Command {
    settings()
        .filter(|setting| !setting.is_for(kind))
        .fold(command, |command, setting| {
            command.mut_arg(setting.name, |arg| arg.hide(true))
        })
}

fn reddit(command: Command) -> Command {
    let fetch = Fetch::default();
    let command = put(
        command,
        &["reddit", "fetch"],
        vec![
            ("limit", fetch.limit.to_string()),
            ("min_score", fetch.min_score.to_string()),
            ("min_comment_score", "none: all".to_owned()),
            ("max_age", fetch.max_age_h.to_string()),
        ],
    );
    let draft = DraftReplies::default();
    let command = put(
        command,
        &["reddit", "draft"],
        vec![
            ("realism", "none: not scored".to_owned()),
            ("upvotes", "none: not scored".to_owned()),
            ("comments", draft.comments.to_string()),
            ("candidates", draft.generate.candidates.to_string()),
            (
                "max_new_tokens",
                draft.generate.sampling.max_new_tokens.to_string(),
            ),
            ("min_p_real", format!("{MIN_P_REAL} with --realism")),
            ("seed", draft.generate.sampling.seed.to_string()),
            ("device", draft.generate.device),
            ("precision", draft.generate.precision.to_string()),
        ],
    );
    put(
        command,
        &["reddit", "accounts", "add"],
        vec![("port", NewAccount::default().port.to_string())],
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::{ArgAction, CommandFactory};

    use super::*;
    use crate::cli::Cli;

    /// Flags without a default: they filter, add or do something.
    const NONE: [&str; 26] = [
        "map",
        "map_file",
        "permission",
        "tag",
        "bot",
        "tokenizer_file",
        "write_config",
        "set",
        "grid",
        "random",
        "file",
        "text",
        "remove",
        "seen",
        "before",
        "after",
        "subreddit",
        "author",
        "not_author",
        "min_score",
        "max_score",
        "contains",
        "write",
        "link",
        "posted",
        "chart",
    ];

    /// A flag's help as it is printed.
    fn help(arg: &clap::Arg) -> String {
        let help = arg.get_long_help().or(arg.get_help());
        help.map(ToString::to_string).unwrap_or_default()
    }

    fn walk(command: &Command, path: &str, found: &mut Vec<String>) {
        for arg in command.get_arguments() {
            let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
            let id = arg.get_id().as_str();
            if !takes || arg.is_hide_set() || arg.is_required_set() || arg.is_positional() {
                continue;
            }
            let declared = !arg.get_default_values().is_empty();
            let words = help(arg);
            let filters = words.starts_with("Only ");
            if !declared && !words.contains("[default: ") && !filters && !NONE.contains(&id) {
                found.push(format!("{path} --{id}: {words}"));
            }
        }
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            walk(sub, &format!("{path} {}", sub.get_name()), found);
        }
    }

    #[test]
    fn help_shows_every_default() {
        let mut found = Vec::new();
        walk(&shown(Cli::command()), "repartee", &mut found);
        assert!(
            found.is_empty(),
            "without a default in their help:\n{}",
            found.join("\n")
        );
    }

    #[test]
    fn each_default_is_shown_once_and_comes_from_the_engine() {
        fn each(command: &Command, see: &mut dyn FnMut(&str, &clap::Arg)) {
            command
                .get_arguments()
                .for_each(|arg| see(command.get_name(), arg));
            command.get_subcommands().for_each(|sub| each(sub, see));
        }
        let command = shown(Cli::command());
        each(&command, &mut |name, arg| {
            let times = help(arg).matches("[default: ").count()
                + usize::from(
                    !arg.get_default_values().is_empty() && !arg.is_hide_default_value_set(),
                );
            assert!(times < 2, "{name} {arg}: {}", help(arg));
        });
        let generate = command.find_subcommand("generate").unwrap();
        let words = |id: &str| {
            let arg = generate
                .get_arguments()
                .find(|arg| arg.get_id() == id)
                .unwrap();
            help(arg)
        };
        let usual = Generate::default();
        assert!(
            words("temperature").ends_with(&format!("[default: {}]", usual.sampling.temperature))
        );
        assert!(words("candidates").ends_with(&format!("[default: {}]", usual.candidates)));
        let realism = command
            .find_subcommand("train")
            .unwrap()
            .find_subcommand("realism")
            .unwrap();
        let batch = realism
            .get_arguments()
            .find(|arg| arg.get_id() == "batch_size")
            .unwrap();
        let usual = RunConfig::of(ModelKind::Realism);
        assert!(help(batch).contains(&format!("[default: {}]", usual.batch_size)));
    }
}
