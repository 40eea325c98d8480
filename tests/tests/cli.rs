//! The command line before any data: help, errors, exit statuses, pipes. And the shape of every `--json`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Stdio;

use repartee_tests::Place;

#[path = "cli/shapes.rs"]
mod shapes;

#[test]
fn help_names_every_command() {
    let help = Place::empty().ok(["--help"]).out;
    for command in [
        "new",
        "import",
        "study",
        "pairs",
        "split",
        "base",
        "train",
        "rerun",
        "fakes",
        "evaluate",
        "chart",
        "report",
        "generate",
        "queue",
        "export",
        "job",
        "bundle",
        "work",
        "cluster",
        "check",
        "compact",
        "size",
        "doctor",
        "demo",
        "bench",
        "completions",
    ] {
        assert!(
            help.lines()
                .any(|line| line.trim_start().starts_with(&format!("{command} "))
                    || line.trim() == command),
            "{command} is missing:\n{help}"
        );
    }
}

#[test]
fn a_new_project_is_made_once() {
    let place = Place::empty();
    let made = place.ok(["new", "my.repartee"]);
    assert!(made.out.starts_with("Created "), "{made}");
    let again = place.run(["new", "my.repartee"]);
    assert_eq!(again.status, Some(2), "{again}");
    assert!(again.err.contains("my.repartee"), "{again}");
}

#[test]
fn watched_subreddits_are_listed_and_cleared_only_on_request() {
    let place = Place::with_project();
    assert!(
        place
            .ok(["reddit", "watch"])
            .out
            .contains("reddit watch NAME")
    );
    place.ok(["reddit", "watch", "SampleGardening", "SampleHiking"]);
    let listed = place.ok(["reddit", "watch"]).out;
    assert_eq!(listed.trim(), "Watched: r/SampleGardening, r/SampleHiking");
    place.ok(["reddit", "watch", "--clear"]);
    assert!(place.ok(["reddit", "watch"]).out.contains("No watched"));
}

#[test]
fn stopping_a_job_takes_yes_without_discarding() {
    let ran = Place::with_project().run(["job", "stop", "nothing", "--yes"]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(ran.err.contains("nothing"), "{ran}");
    assert!(!ran.err.contains("--discard"), "{ran}");
}

#[test]
fn states_are_named_as_they_are_printed() {
    let ran = Place::with_project().run(["queue", "list", "--state", "gone"]);
    assert!(ran.err.contains("canceled"), "{ran}");
    assert!(!ran.err.contains("cancelled"), "{ran}");
}

#[test]
fn project_of_any_name_is_found_again() {
    let place = Place::empty();
    let made = place.ok(["new", "other"]);
    assert!(made.out.contains("other.repartee"), "{made}");
    assert_eq!(place.ok(["job", "list"]).out.trim(), "No jobs");
}

#[test]
fn project_is_found_or_must_be_named() {
    let place = Place::empty();
    let none = place.run(["job", "list"]);
    assert_eq!(none.status, Some(2), "{none}");
    assert!(none.err.contains("repartee new"), "{none}");
    place.ok(["new", "a.repartee"]);
    let one = place.ok(["job", "list"]);
    assert_eq!(one.out.trim(), "No jobs");
    place.ok(["new", "b.repartee"]);
    let two = place.run(["job", "list"]);
    assert_eq!(two.status, Some(2), "{two}");
    assert!(two.err.contains("a.repartee, b.repartee"), "{two}");
    place.ok(["job", "list", "--project", "b.repartee"]);
}

#[test]
fn errors_are_json_with_the_json_flag() {
    let place = Place::empty();
    let ran = place.run(["job", "list", "--json", "--project", "nowhere.repartee"]);
    assert_eq!(ran.status, Some(2), "{ran}");
    let error = ran.json();
    assert_eq!(error["event"], "error");
    assert_eq!(error["error"]["code"], "not-found");
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("nowhere.repartee")
    );
}

#[test]
fn usage_errors_have_status_two() {
    let place = Place::with_project();
    for args in [
        vec!["jbo"],
        vec!["job", "show"],
        vec!["job", "list", "--threads", "0"],
        vec![],
    ] {
        let ran = place.run(&args);
        assert_eq!(ran.status, Some(2), "{args:?}: {ran}");
        assert!(!ran.err.is_empty(), "{args:?}");
    }
    let unknown = place.run(["job", "show", "abc"]);
    assert_eq!(unknown.status, Some(2));
    assert!(unknown.err.contains("job list"), "{unknown}");
}

#[test]
fn file_that_is_not_a_project_is_refused() {
    let place = Place::empty();
    place.write(
        "x.repartee",
        "not a database at all, but long enough to look at its head ".repeat(20),
    );
    let ran = place.run(["job", "list", "--json"]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert_eq!(ran.json()["error"]["code"], "not-a-project", "{ran}");
}

#[test]
fn broken_pipe_is_not_an_error() {
    let place = Place::empty();
    let mut child = place
        .repartee(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        !err.contains("panicked") && !err.contains("roken pipe"),
        "{err}"
    );
    assert_eq!(output.status.code(), Some(0), "{err}");
}

#[test]
fn completions_know_the_commands() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.ok(["completions", shell]).out;
        assert!(
            script.contains("queue") && script.contains("evaluate"),
            "{shell}"
        );
    }
}

#[test]
fn help_shows_defaults_and_the_columns_of_lists() {
    let place = Place::empty();
    for (command, words) in [
        (
            "generate",
            vec![
                "[default: 10]",
                "[default: 0.9 with --realism]",
                "[default: 1000]",
            ],
        ),
        ("base new", vec!["[default: 4]", "[default: 4000]"]),
        ("train upvotes", vec!["[default: 16]", "[default: main]"]),
        (
            "fakes make",
            vec!["[default: 1000,200,200]", "[default: 40]"],
        ),
        ("evaluate", vec!["[default: test]"]),
        (
            "queue list",
            vec!["Columns: reply, state, subreddit,", "withdrawn"],
        ),
        ("job list", vec!["Columns: job,"]),
    ] {
        let mut args: Vec<&str> = command.split(' ').collect();
        args.push("--help");
        let help = place.ok(&args).out;
        let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(flat.contains(word), "{command} lacks {word}:\n{help}");
        }
    }
}

#[test]
fn ambiguous_source_name_is_an_error() {
    let place = Place::with_project();
    for (folder, text) in [("a", "one,two\n"), ("b", "three,four\n")] {
        std::fs::create_dir(place.path(folder)).unwrap();
        let file = place.write(
            &format!("{folder}/table.csv"),
            format!("comment,reply\n{text}"),
        );
        place.ok([
            "import",
            &file.display().to_string(),
            "--map",
            "comment=comment,reply=reply",
            "--origin",
            "forum",
        ]);
    }
    for command in [
        vec!["source", "permit", "table.csv", "consent"],
        vec!["source", "origin", "table.csv", "other"],
        vec!["source", "rejected", "table.csv"],
        vec!["source", "note", "table.csv", "mine"],
        vec!["source", "delete", "table.csv", "--yes"],
    ] {
        let ran = place.run(&command);
        assert_eq!(ran.status, Some(2), "{command:?}: {ran}");
        assert!(
            ran.err.contains("number") && ran.err.contains('1') && ran.err.contains('2'),
            "{command:?}: {ran}"
        );
    }
    let sources = place.ok(["source", "list", "--json"]).result();
    assert!(
        sources
            .as_array()
            .unwrap()
            .iter()
            .all(|s| s["permission"] == "unknown"),
        "{sources}"
    );
    place.ok(["source", "permit", "2", "consent"]);
    let sources = place.ok(["source", "list", "--json"]).result();
    assert_eq!(
        (&sources[0]["permission"], &sources[1]["permission"]),
        (&"unknown".into(), &"consent".into())
    );
}

#[test]
fn number_that_is_none_and_existing_config_file_are_plain_errors() {
    let place = Place::with_project();
    let ran = place.run(["queue", "show", "x"]);
    assert!(
        ran.status == Some(2) && ran.err.contains("it is not a number"),
        "{ran}"
    );
    place.write("run.toml", "");
    let ran = place.run(["train", "generator", "--write-config", "run.toml"]);
    assert!(
        ran.status == Some(2) && ran.err.contains("run.toml already exists"),
        "{ran}"
    );
    let ran = place.run(["generate", "", "--generator", "absent"]);
    assert_eq!(ran.status, Some(2), "{ran}");
}
