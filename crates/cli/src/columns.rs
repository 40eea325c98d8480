//! The columns of every list: the table prints them, and the help of the command names them. One declaration, so that
//! the two cannot differ.

use clap::Command;

use crate::defaults::at;

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
        "source", "name", "format", "origin", "permission", "rows", "comments", "posts", "new", "left out", "rejected",
        "tags", "note", "state",
    ];
    /// Rows that were not taken.
    REJECTED at "source rejected": ["line", "reason", "row"];
    /// Pairs of comment and reply.
    PAIRS at "pairs show": ["pair", "subreddit", "score", "comment", "reply", "excluded"];
    /// Excluded authors and pairs.
    EXCLUDED at "pairs excluded": ["excluded", "pairs", "since (UTC)", "reason"];
    /// Pairs of each subreddit.
    SUBREDDITS at "pairs count": ["subreddit", "pairs"];
    /// Bases.
    BASES at "base list": [
        "base", "kind", "parameters", "layers", "width", "context", "vocabulary", "size", "tags", "note", "from",
    ];
    /// Runs.
    RUNS at "run list" | "train list": [
        "run", "kind", "state", "step", "of", "loss", "best val loss", "begun (UTC)", "job", "tags", "note",
    ];
    /// Sets of fakes.
    FAKES at "fakes list": [
        "fakes", "generator", "step", "split", "train", "val", "test", "drawn with", "tags", "note",
    ];
    /// Evaluations.
    EVALUATIONS at "evaluation list": [
        "no.", "name", "run", "step", "split", "partition", "made (UTC)", "examples", "figures", "baselines",
        "below its baseline", "tags", "note",
    ];
    /// Generations.
    GENERATIONS at "generation list": [
        "no.", "name", "generator", "realism", "upvotes", "candidates", "made (UTC)", "tags", "note",
    ];
    /// Replies of the queue.
    QUEUE at "queue list": [
        "reply", "state", "subreddit", "p(real)", "predicted bin", "expected bin", "comment", "text",
    ];
    /// Jobs.
    JOBS at "job list": ["job", "kind", "state", "begun (UTC)", "progress"];
    /// Jobs that wait.
    JOB_QUEUE at "job queue": ["place", "job", "kind", "state", "what", "if it fails"];
    /// Permissions to post.
    PERMISSIONS at "reddit permit": ["subreddit", "since", "by", "link", "off"];
    /// Who is not answered.
    OPT_OUTS at "reddit opt-out": ["who", "state", "since", "why"];
    /// Threads.
    THREADS at "reddit threads" | "reddit fetch": ["thread", "subreddit", "comments", "open", "title", "why not"];
    /// The posting side of the queue.
    OUTBOX at "reddit outbox": ["reply", "state", "subreddit", "tries", "what", "link"];
    /// What came of posting.
    POSTED at "reddit post": ["reply", "state", "what", "link"];
    /// Posted replies with their outcomes.
    OUTCOMES at "reddit outcomes": [
        "reply", "subreddit", "p(real)", "predicted bin", "expected bin", "actual bin", "1 h", "24 h", "7 d", "text",
    ];
    /// Who did what.
    AUDIT at "reddit audit": ["when (UTC)", "who", "what", "whom", "reply", "detail"];
}

/// The command line with the columns of each list in its help.
pub fn shown(command: Command) -> Command {
    let lists = LISTS.iter().fold(command, |command, (path, columns)| {
        let path: Vec<&str> = path.split(' ').collect();
        let words = format!("Columns: {}", columns.join(", "));
        at(command, &path, &|command| command.after_help(words.clone()))
    });
    at(lists, &["split", "list"], &|command| {
        command.after_help("A table a split, a row a partition. Columns: partition, pairs, threads, scored, and one for each upvote bin")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn the_help_of_every_list_names_its_columns() {
        fn walk(command: &Command, path: &str, found: &mut Vec<String>) {
            let about = command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            let lists = command.get_name() == "list"
                || about.starts_with("All ")
                || about.contains(", the newest first");
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
    fn every_list_is_a_command_and_prints_what_its_help_says() {
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
