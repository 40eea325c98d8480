//! The columns of every list. Tables and help use the same declaration, so they always agree.

use clap::Command;

use crate::flags::at;

macro_rules! lists {
    ($($(#[doc = $doc:literal])+ $name:ident at $($path:literal)|+ : [$($column:literal),+ $(,)?];)+) => {
        $($(#[doc = $doc])+ pub const $name: &[&str] = &[$($column),+];)+

        /// Every list: the path of its command, and its columns.
        const LISTS: &[(&str, &[&str])] = &[$($(($path, $name)),+),+];
    };
}

lists! {
    /// Imported sources.
    SOURCES at "source list": [
        "source", "name", "format", "origin", "permission", "rows", "comments", "posts", "new", "filtered out",
        "rejected", "tags", "note", "state",
    ];
    /// Rejected rows.
    REJECTED at "source rejected": ["line", "reason", "row"];
    /// Pairs of comment and reply.
    PAIRS at "pairs show": ["pair", "subreddit", "score", "comment", "reply", "excluded"];
    /// Excluded authors and pairs.
    EXCLUDED at "pairs excluded": ["excluded", "pairs", "since (UTC)", "reason"];
    /// Pairs of each subreddit.
    SUBREDDITS at "pairs count": ["subreddit", "pairs"];
    /// Base models.
    BASES at "base list": [
        "base", "kind", "parameters", "layers", "width", "context", "vocabulary", "size", "tags", "note", "from",
    ];
    /// Runs.
    RUNS at "run list" | "train list": [
        "run", "kind", "state", "step", "total steps", "loss", "best val loss", "started (UTC)", "job", "tags", "note",
    ];
    /// Sweeps.
    SWEEPS at "train sweep list": [
        "sweep", "kind", "state", "trials", "ended", "best", "val loss", "started (UTC)", "job",
    ];
    /// Models trained on deleted content.
    MARKED at "train marked": ["model", "deleted content", "since (UTC)", "retrain with"];
    /// Sets of fakes.
    FAKES at "fakes list": [
        "fakes", "generator", "step", "split", "train", "validation", "test", "decoding settings", "precision",
        "tags", "note",
    ];
    /// Evaluations.
    EVALUATIONS at "evaluation list": [
        "no.", "name", "run", "step", "split", "set", "created (UTC)", "examples", "metric", "baselines",
        "below its baseline", "tags", "note",
    ];
    /// Generations.
    GENERATIONS at "generation list": [
        "no.", "name", "generator", "realism", "upvotes", "candidates", "created (UTC)", "tags", "note",
    ];
    /// Replies of the queue.
    QUEUE at "queue list": [
        "reply", "state", "subreddit", "p(real)", "predicted bin", "expected bin", "comment", "text",
    ];
    /// Jobs.
    JOBS at "job list": ["job", "kind", "state", "started (UTC)", "progress"];
    /// Queued jobs.
    JOB_QUEUE at "job queue": ["position", "job", "kind", "state", "subject", "on failure"];
    /// Job bundles.
    BUNDLES at "bundle list": [
        "bundle", "jobs", "state", "made (UTC)", "expires (UTC)", "place", "note",
    ];
    /// Clusters.
    CLUSTERS at "cluster list": [
        "cluster", "login node", "folder", "queue", "time", "cpus", "program", "scratch", "sbatch",
    ];
    /// Tasks of submitted bundles.
    CLUSTER_JOBS at "cluster jobs": [
        "bundle", "cluster", "Slurm job", "subject", "state", "elapsed", "detail",
    ];
    /// Permissions to post.
    PERMISSIONS at "reddit permit": ["subreddit", "since (UTC)", "recorded by", "link", "off"];
    /// Opt-outs.
    OPT_OUTS at "reddit opt-out": ["who", "state", "since (UTC)", "reason"];
    /// Threads.
    THREADS at "reddit threads" | "reddit fetch": ["thread", "subreddit", "comments", "open", "title", "skipped because"];
    /// Replies on Reddit.
    OUTBOX at "reddit outbox": ["reply", "state", "subreddit", "attempts", "link", "detail"];
    /// The result of posting.
    POSTED at "reddit post": ["reply", "state", "link", "detail"];
    /// Posted replies with their outcomes.
    OUTCOMES at "reddit outcomes": [
        "reply", "subreddit", "p(real)", "predicted bin", "expected bin", "actual bin", "1 h", "24 h", "7 d", "text",
    ];
    /// The audit log.
    AUDIT at "reddit audit": ["time (UTC)", "who", "action", "subject", "reply", "detail"];
}

/// Sets of a split; a column per upvote bin follows.
pub const SETS: &[&str] = &["set", "pairs", "threads", "scored"];

/// Evaluations that are compared.
pub const COMPARED: &[&str] = &[
    "no.", "name", "run", "step", "split", "set", "fakes", "examples",
];

/// Metrics at another share of real replies.
pub const AT_SHARE: &[&str] = &["metric", "evaluated", "at this share", "corrected"];

/// Shortcuts of an audited evaluation.
pub const SHORTCUTS: &[&str] = &["shortcut", "AUC", "model's AUC", "examples", "mark"];

/// Steps of the pipeline.
pub const PIPELINE: &[&str] = &["step", "state", "time", "memory", "what"];

/// Slices of an evaluation; a column per class and one per metric follow.
pub const SLICES: &[&str] = &["by", "slice", "examples", "threads"];

/// Decision thresholds of an evaluation.
pub const THRESHOLDS: &[&str] = &[
    "",
    "threshold",
    "TP",
    "FP",
    "TN",
    "FN",
    "TPR",
    "FPR",
    "precision",
    "F1",
    "cost",
    "candidates",
    "posted",
    "median score",
    "mean score",
];

/// Sets of fakes that a realism run was measured on.
pub const DECODING: &[&str] = &[
    "fakes",
    "generator",
    "step",
    "temperature",
    "top-k",
    "other settings",
    "precision",
    "examples",
    "AUC",
    "",
];

/// Measured runs.
pub const QUALITY: &[&str] = &["run", "figure", "f32", "bf16", "int8", "auto"];

/// Classes of an evaluated classifier; a column per predicted class follows.
pub const CLASSES: &[&str] = &[
    "class",
    "examples",
    "TP",
    "FP",
    "TN",
    "FN",
    "precision",
    "recall",
    "F1",
    "AUC",
    "AUC 95%",
    "AP",
];

/// The command line with the columns of each list in its help.
pub fn shown(command: Command) -> Command {
    let lists = LISTS.iter().fold(command, |command, (path, columns)| {
        let path: Vec<&str> = path.split(' ').collect();
        let words = format!("Columns: {}", columns.join(", "));
        at(command, &path, &|command| command.after_help(words.clone()))
    });
    at(lists, &["split", "list"], &|command| {
        command.after_help(format!(
            "Prints one table per split, with one row per set. Columns: {}, and one for each upvote bin",
            SETS.join(", ")
        ))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn help_of_every_list_names_its_columns() {
        fn walk(command: &Command, path: &str, found: &mut Vec<String>) {
            let about = command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            let lists = command.get_name() == "list" || about.starts_with("List ");
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            if lists && !help.contains("Columns: ") {
                found.push(format!("{path}: {about}"));
            }
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
                walk(sub, &format!("{path} {}", sub.get_name()), found);
            }
        }
        let mut found = Vec::new();
        walk(&shown(Cli::command()), "repartee", &mut found);
        assert!(
            found.is_empty(),
            "lists whose help names no columns:\n{}",
            found.join("\n")
        );
    }

    #[test]
    fn every_list_is_a_command_with_its_columns_in_help() {
        let mut command = shown(Cli::command());
        command.build();
        for (path, columns) in LISTS {
            let found = path.split(' ').fold(&command, |command, name| {
                command
                    .find_subcommand(name)
                    .unwrap_or_else(|| panic!("no command {path}"))
            });
            let help = found.clone().render_help().to_string();
            let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
            for column in *columns {
                assert!(help.contains(column), "{path}: {column}");
            }
        }
    }
}
