//! Permissions of the study: asked once, recorded, enforced in strict mode, and shown on everything that leaves the
//! project.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use repartee_datasets::sample;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Code, Engine, StudyKind, StudyRecord};
use repartee_reddit::Clock;
use repartee_tests::study::{GRANTED, NONE, granted};
use repartee_tests::{Place, Ran, Saved, binary};

const MARK: &str = "No permission to train on Reddit content on record";

/// Threads in the form of a Reddit archive: nothing in it shows that a program generated them.
fn archive(place: &Place, name: &str, threads: u64) -> PathBuf {
    let mut lines = Vec::new();
    sample::write_ndjson(&mut lines, 7, threads).unwrap();
    place.write(name, lines)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Runs words and files with `--json`, and returns the whole last line.
fn ok(place: &Place, words: &str, more: &[&str]) -> serde_json::Value {
    let mut args: Vec<&str> = words.split_whitespace().collect();
    args.extend(more);
    args.push("--json");
    place.ok(args).json()
}

/// Runs a printed command line in a shell.
fn typed(place: &Place, line: &str) -> Ran {
    let rest = line.trim().strip_prefix("repartee ").expect(line);
    let command = format!("'{}' {rest}", binary().display());
    // names with control characters are written in $'...', which the common shells take
    let mut shell = std::process::Command::new("bash");
    shell
        .args(["-c", &command])
        .current_dir(place.folder())
        .stdin(std::process::Stdio::null());
    Ran::from(shell.output().unwrap())
}

/// The printed command lines of a refusal.
fn offered(ran: &Ran) -> Vec<String> {
    let lines = ran.err.lines().map(str::trim);
    lines
        .filter(|line| line.starts_with("repartee "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn import_of_an_archive_is_refused_and_the_printed_command_works() {
    let place = Place::with_project();
    archive(&place, "it's RC 2019.ndjson", 20);
    let ran = place.run(["import", "it's RC 2019.ndjson", "--name", "a name"]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(ran.err.contains("written approval"), "{ran}");
    assert!(ran.err.contains("research program"), "{ran}");
    assert!(
        place.engine().sources().unwrap().is_empty(),
        "nothing was read"
    );
    assert!(place.engine().study().unwrap().history.is_empty());

    let lines = offered(&ran);
    let honest = lines
        .iter()
        .find(|line| line.contains("--permission none"))
        .unwrap_or_else(|| panic!("{ran}"));
    let again = typed(&place, honest);
    assert_eq!(again.status, Some(0), "{again}");
    let study = place.engine().study().unwrap();
    assert_eq!(study.history.len(), 4, "each of the four is on record");
    assert!(study.needed && study.strict && study.answered);
    assert_eq!(study.sources, ["a name"]);
    assert!(study.mark.unwrap().starts_with(MARK));

    // asked once
    archive(&place, "second.ndjson", 10);
    place.ok(["import", "second.ndjson", "--min-score", "0"]);
    assert_eq!(place.engine().study().unwrap().history.len(), 4);
}

#[test]
fn printed_commands_work_for_file_names_of_any_characters() {
    for name in [
        "two\nlines' $(x).ndjson",
        "tab\tand \u{1b}[2J\\.ndjson",
        "right \u{202e}to left\".ndjson",
    ] {
        let place = Place::with_project();
        archive(&place, name, 10);
        let ran = place.run(["import", name, "--name", "it's \"one\""]);
        assert_eq!(ran.status, Some(2), "{ran}");
        let lines = offered(&ran);
        let honest = lines
            .iter()
            .find(|line| line.contains("--permission none"))
            .unwrap_or_else(|| panic!("{ran}"));
        let again = typed(&place, honest);
        assert_eq!(again.status, Some(0), "{honest}\n{again}");
        assert_eq!(place.engine().sources().unwrap()[0].name, "it's \"one\"");
    }
}

#[test]
fn two_answers_to_one_question_are_refused() {
    let place = Place::with_project();
    let file = text(&archive(&place, "RC.ndjson", 10));
    let grant = "training=granted,date=2026-05-01,scope=all,link=https://example.org";
    for (values, said) in [
        (&["training=none", grant][..], "none and granted"),
        (&[grant, grant], "granted and granted"),
        (&["none", grant], "none and granted"),
        (&["none", "none"], "none and none"),
        (&["own", "synthetic"], "own, synthetic"),
        (&["not-reddit", "not-reddit"], "not-reddit, not-reddit"),
        (
            &["api_access=none", "api-access=pending"],
            "none and pending",
        ),
    ] {
        let mut args = vec!["import", &file];
        args.extend(values.iter().flat_map(|value| ["--permission", value]));
        let ran = place.run(args);
        assert_eq!(ran.status, Some(2), "{values:?}: {ran}");
        assert!(
            ran.err.contains(said) && ran.err.contains("give"),
            "{values:?}: {ran}"
        );
        assert!(
            place.engine().study().unwrap().history.is_empty(),
            "{values:?}"
        );
        assert!(place.engine().sources().unwrap().is_empty(), "{values:?}");
    }
    // different questions are answered together, and "none" covers what an answer leaves open
    place.ok([
        "import",
        &file,
        "--permission",
        "own",
        "--permission",
        grant,
    ]);
    let study = place.engine().study().unwrap();
    assert_eq!(study.history.len(), 4);
    let holds: Vec<StudyKind> = study
        .states
        .iter()
        .filter(|s| s.holds)
        .map(|s| s.kind)
        .collect();
    assert_eq!(holds, [StudyKind::Training]);
}

#[test]
fn none_does_not_replace_a_grant_and_an_import_says_how_to_use_it() {
    let place = Place::with_project();
    let file = text(&archive(&place, "RC.ndjson", 20));
    let mut args = vec!["import", &file];
    args.extend(GRANTED);
    place.ok(args);
    let none = place.run(["import", &file, "--min-score", "2", NONE[0], NONE[1]]);
    assert_eq!(none.status, Some(2), "{none}");
    assert!(none.err.contains("training granted"), "{none}");
    assert!(none.err.contains("repartee study end"), "{none}");
    let study = place.engine().study().unwrap();
    assert!(study.states.iter().all(|state| state.holds), "{study:?}");
    // a table that doesn't show its origin
    let rows = (0..20).map(|i| format!("What is {i}?,It is {i} of course\n"));
    let table = format!("question,answer\n{}", rows.collect::<String>());
    let file = text(&place.write("table.csv", table));
    // the printed command has the mapping that it needs, too
    let ran = place.run(["import", &file]);
    assert_eq!(ran.status, Some(2), "{ran}");
    let lines = offered(&ran);
    let under = lines.iter().find(|line| line.contains("--origin reddit"));
    let under = under.unwrap_or_else(|| panic!("{ran}"));
    assert!(!under.contains("--permission"), "{under}");
    let again = typed(&place, under);
    assert_eq!(again.status, Some(0), "{again}");
    let study = place.engine().study().unwrap();
    assert!(study.states.iter().all(|state| state.holds), "{study:?}");
}

#[test]
fn a_grant_is_recorded_by_the_import_itself() {
    let place = Place::with_project();
    let file = text(&archive(&place, "RC.ndjson", 20));
    let mut args = vec!["import", &file];
    args.extend(GRANTED);
    place.ok(args);
    let study = place.engine().study().unwrap();
    assert!(study.states.iter().all(|state| state.holds), "{study:?}");
    assert_eq!(study.mark, None);
    let training = study
        .states
        .iter()
        .find(|state| state.kind == StudyKind::Training)
        .unwrap();
    let record = training.record.as_ref().unwrap();
    assert_eq!(record.scope, "Tests of Repartee");
    assert_eq!(record.policy, repartee_engine::study::POLICY_VERSION);
    let wrong = Place::with_project();
    for (value, why) in [
        ("training=granted", "date, scope, link"),
        ("training=yes", "decision"),
        ("maybe", "not-reddit"),
    ] {
        let ran = wrong.run(["import", &file, "--permission", value]);
        assert_eq!(ran.status, Some(2), "{ran}");
        assert!(ran.err.contains(why), "{ran}");
        assert!(wrong.engine().study().unwrap().history.is_empty());
    }
}

#[test]
fn legacy_option_values_still_import_and_are_no_approval() {
    for word in ["research", "reddit-approved", "own", "unknown"] {
        let place = Place::with_project();
        let file = text(&archive(&place, "RC.ndjson", 10));
        place.ok(["import", &file, "--permission", word, "--note", "as before"]);
        let source = place.engine().source("1").unwrap();
        assert_eq!(
            (source.permission.name(), source.note.as_str()),
            (word, "as before")
        );
        assert!(
            place
                .engine()
                .study_mark()
                .unwrap()
                .unwrap()
                .starts_with(MARK),
            "{word}"
        );
        // and it withdraws nothing that was granted
        place.engine().study_record(&granted(), "ann").unwrap();
        archive(&place, "more.ndjson", 12);
        place.ok(["import", "more.ndjson", "--permission", word]);
        assert_eq!(place.engine().study_mark().unwrap(), None, "{word}");
    }
    let place = Place::with_project();
    let file = text(&archive(&place, "made.ndjson", 10));
    place.ok(["import", &file, "--permission", "synthetic"]);
    assert!(!place.engine().study().unwrap().needed);
    assert!(place.engine().study().unwrap().history.is_empty());
}

#[test]
fn text_from_elsewhere_needs_no_answer_and_has_no_notice() {
    let place = Place::with_project();
    let mut rows = String::from("question,answer\n");
    for i in 0..40 {
        rows.push_str(&format!(
            "How do I do number {i}?,You do number {i} like this\n"
        ));
    }
    let file = text(&place.write("mails.csv", rows));
    let import = ["import", "--map", "comment=question,reply=answer"];

    // a table doesn't show its origin: one question, with the commands that answer it
    let ran = place.run(import.iter().copied().chain([file.as_str()]));
    assert_eq!(ran.status, Some(2), "{ran}");
    let lines = offered(&ran);
    assert!(
        lines
            .iter()
            .any(|line| line.contains("--origin reddit --permission none")),
        "{ran}"
    );
    assert!(
        !ran.err.contains("written approval"),
        "no policy for what may be a forum: {ran}"
    );
    let other = lines
        .iter()
        .find(|line| line.contains("--origin other"))
        .unwrap();
    let again = typed(&place, other);
    assert_eq!(again.status, Some(0), "{again}");

    for origin in ["forum", "support", "convokit"] {
        let place = Place::with_project();
        let args = import
            .iter()
            .copied()
            .chain(["--origin", origin, file.as_str()]);
        let ran = place.ok(args);
        assert!(!ran.out.contains("permission to train"), "{ran}");
        let study = place.engine().study().unwrap();
        assert!(!study.needed && study.mark.is_none() && study.history.is_empty());
        place.ok(["pairs", "build"]);
        place.ok(["split", "make"]);
        place.ok(
            "base new b --kind gpt2 --layers 1 --width 32 --heads 2 --context 48 --vocab 300"
                .split(' '),
        );
        let engine = place.engine();
        let config = RunConfig {
            base: "b".into(),
            ..RunConfig::of(ModelKind::Generator)
        };
        assert_eq!(engine.train_refusal(&config).unwrap(), None);
    }
    let not_reddit = Place::with_project();
    let dump = text(&archive(&not_reddit, "dump.ndjson", 10));
    not_reddit.ok(["import", &dump, "--permission", "not-reddit"]);
    assert!(!not_reddit.engine().study().unwrap().needed);
}

#[test]
fn file_with_reddits_names_is_not_imported_as_a_forum_without_a_confirmation() {
    let place = Place::with_project();
    let dump = text(&archive(&place, "dump.ndjson", 10));
    for origin in ["forum", "support", "convokit", "other"] {
        let ran = place.run(["import", &dump, "--origin", origin]);
        assert_eq!(ran.status, Some(2), "{ran}");
        assert!(ran.err.contains("(/r/Sample"), "{ran}");
        assert!(ran.err.contains("not-reddit"), "{ran}");
    }
    assert!(place.engine().sources().unwrap().is_empty());
    place.ok([
        "import",
        &dump,
        "--origin",
        "forum",
        "--permission",
        "not-reddit",
    ]);
    assert!(!place.engine().study().unwrap().needed);
}

/// Two steps of a small model.
const STEPS: &str = "--steps 2 --batch 4 --max-tokens 32 --set validate_limit=8 --set patience=0";

/// A project on an archive without any permission, with everything trained, evaluated and queued: strict mode was off
/// for that. It is made once, and copied.
fn marked() -> Place {
    static MADE: OnceLock<Saved> = OnceLock::new();
    MADE.get_or_init(|| make_marked().save()).copy()
}

fn make_marked() -> Place {
    let place = Place::with_project();
    let file = text(&archive(&place, "RC.ndjson", 80));
    ok(&place, "import", &[&file, NONE[0], NONE[1]]);
    ok(&place, "pairs build", &[]);
    ok(&place, "split make main", &[]);
    ok(&place, "study strict off --yes --who ann", &[]);
    for kind in ["gpt2", "bert"] {
        let new = format!(
            "base new small-{kind} --kind {kind} --layers 1 --width 32 --heads 2 --context 160 --vocab 400"
        );
        ok(&place, &new, &[]);
    }
    ok(
        &place,
        &format!("train generator --name writer {STEPS}"),
        &[],
    );
    ok(
        &place,
        "fakes make --generator writer --comments 24,8,8 --max-new-tokens 8",
        &[],
    );
    ok(&place, &format!("train realism --name judge {STEPS}"), &[]);
    ok(&place, &format!("train upvotes --name votes {STEPS}"), &[]);
    for run in ["writer", "judge", "votes"] {
        ok(&place, &format!("evaluate {run} --limit 16"), &[]);
    }
    let config = "generate --unseen 2 -n 3 --generator writer --realism judge --upvotes votes --min-p-real 0 --max-new-tokens 8";
    ok(&place, config, &[]);
    place
}

/// Subcommands that a command's help lists.
fn subcommands(place: &Place, command: &str) -> BTreeSet<String> {
    let help = place.ok([command, "--help"]).out;
    let list = help.split("Commands:").nth(1).expect("a list of commands");
    list.lines()
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| *word != "help")
        .map(str::to_owned)
        .collect()
}

/// Asserts that each file has the notice: a table in every row, a chart as text.
fn carries(mark: &str, file: &Path) {
    let content = std::fs::read_to_string(file).unwrap();
    match file.extension().and_then(|e| e.to_str()) {
        Some("csv") => {
            let mut csv = csv::Reader::from_path(file).unwrap();
            assert_eq!(
                csv.headers().unwrap().iter().next_back(),
                Some("notice"),
                "{}",
                file.display()
            );
            let rows: Vec<_> = csv.records().map(|row| row.unwrap()).collect();
            assert!(!rows.is_empty(), "{}", file.display());
            assert!(
                rows.iter().all(|row| row.iter().next_back() == Some(mark)),
                "{}",
                file.display()
            );
        }
        Some("jsonl") => {
            assert!(!content.is_empty(), "{}", file.display());
            for line in content.lines() {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(row["notice"], mark, "{}", file.display());
            }
        }
        Some("json") => {
            let value: serde_json::Value = serde_json::from_str(&content).unwrap();
            assert_eq!(value["repartee_notice"], mark, "{}", file.display());
        }
        // an apostrophe may be escaped in SVG
        _ => {
            let plain = content
                .replace("&apos;", "'")
                .replace("&#39;", "'")
                .replace("&#x27;", "'");
            assert!(plain.contains(mark), "{}: {content:.600}", file.display());
        }
    }
}

/// The notice of a project without permission.
fn notice(place: &Place) -> String {
    let mark = place.engine().study_mark().unwrap().unwrap();
    assert!(mark.starts_with(MARK), "{mark}");
    mark
}

#[test]
fn every_chart_has_the_notice() {
    let place = marked();
    let mark = notice(&place);
    // every kind there is, as the error for another lists them
    let wrong = place.run(["chart", "pie", "judge"]).err;
    let kinds: Vec<String> = wrong
        .split("there are ")
        .nth(1)
        .unwrap()
        .replace(" and ", ", ")
        .split(", ")
        .map(|kind| kind.trim().to_owned())
        .collect();
    assert_eq!(kinds.len(), 8, "{wrong}");
    for kind in &kinds {
        for run in ["judge", "votes"] {
            let out = place.path(&format!("{kind}-{run}"));
            ok(&place, &format!("chart {kind} {run} --out"), &[&text(&out)]);
            carries(&mark, &out.with_extension("svg"));
            carries(&mark, &out.with_extension("csv"));
            let png = std::fs::read(out.with_extension("png")).unwrap();
            // the image is rendered from that SVG: its height matches
            let svg = std::fs::read_to_string(out.with_extension("svg")).unwrap();
            let height: f64 = svg
                .split(" height=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            let pixels = u32::from_be_bytes(png[20..24].try_into().unwrap());
            assert_eq!(f64::from(pixels), (2.0 * height).round(), "{kind} {run}");
        }
    }
}

#[test]
fn every_export_has_the_notice() {
    let place = marked();
    let mark = notice(&place);
    let mut tried = BTreeSet::new();
    for (command, words) in [
        ("pairs", vec!["pairs.csv", "pairs.jsonl"]),
        ("queue", vec!["queue.csv", "queue.jsonl"]),
        (
            "predictions judge",
            vec!["predictions.csv", "predictions.jsonl"],
        ),
    ] {
        for name in words {
            let file = place.path(name);
            let told = ok(&place, &format!("export {command}"), &[&text(&file)]);
            assert_eq!(told["notice"], mark.as_str());
            carries(&mark, &file);
        }
        tried.extend(command.split(' ').next().map(str::to_owned));
    }
    for (command, names) in [
        ("run", vec!["writer", "judge", "votes"]),
        ("base", vec!["small-gpt2", "small-bert"]),
    ] {
        for name in names {
            let folder = place.path(&format!("out-{name}"));
            ok(
                &place,
                &format!("export {command} {name}"),
                &[&text(&folder)],
            );
            carries(&mark, &folder.join("README.md"));
            carries(&mark, &folder.join("config.json"));
            // and what was exported is still a model
            ok(
                &place,
                &format!("base add again-{name} --from"),
                &[&text(&folder)],
            );
        }
        tried.insert(command.to_owned());
    }
    let folder = place.path("tensorboard");
    ok(&place, "export tensorboard judge --out", &[&text(&folder)]);
    tried.insert("tensorboard".to_owned());
    let written: Vec<_> = std::fs::read_dir(folder.join("judge"))
        .unwrap()
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    let [events] = written.as_slice() else {
        panic!("{} files", written.len())
    };
    let found = events
        .windows(mark.len())
        .any(|part| part == mark.as_bytes());
    assert!(found, "no notice in the event file");
    assert_eq!(
        tried,
        subcommands(&place, "export"),
        "an export is not tried"
    );
    for run in ["writer", "judge", "votes"] {
        let page = place.path(&format!("report-{run}.html"));
        ok(&place, &format!("report {run} --out"), &[&text(&page)]);
        carries(&mark, &page);
        carries(&mark, &page.with_extension("md"));
    }
    let threads = place.path("threads.jsonl");
    let told = ok(&place, "reddit export", &[&text(&threads)]);
    assert!(told["result"]["threads"].as_u64().unwrap() > 0, "{told}");
    carries(&mark, &threads);
    place.ok(["reddit", "import", &text(&threads)]);
}

/// The window's charts and exports are the same methods; these are the ones that only the window has.
#[test]
fn what_only_the_window_shows_has_the_notice() {
    let place = marked();
    let (mark, engine) = (notice(&place), place.engine());
    let pairs = engine
        .pairs_chart(
            repartee_store::pairs::PairFigure::Score,
            &Default::default(),
        )
        .unwrap();
    assert!(pairs.svg.contains("No permission to train") && pairs.csv().unwrap().contains(&mark));
    assert_eq!(engine.overview().unwrap().notice, Some(mark.clone()));
    assert!(
        engine
            .evaluations()
            .unwrap()
            .iter()
            .all(|e| e.notice == Some(mark.clone()))
    );
}

#[test]
fn reports_for_people_and_for_programs_have_the_notice() {
    let place = marked();
    let mark = notice(&place);
    for words in [
        "evaluate",
        "train list",
        "train show judge",
        "source list",
        "fakes list",
        "queue list",
        "study",
        "split list",
    ] {
        let shown = place.ok(words.split(' ')).out;
        assert!(shown.contains(&mark), "{words}: {shown}");
        assert_eq!(ok(&place, words, &[])["notice"], mark.as_str(), "{words}");
    }
}

#[test]
fn notice_ends_once_every_permission_is_recorded() {
    let place = marked();
    notice(&place);
    place.engine().study_record(&granted(), "ann").unwrap();
    let file = place.path("clean.csv");
    let told = ok(&place, "export pairs", &[&text(&file)]);
    assert!(told.get("notice").is_none(), "{told}");
    assert!(!std::fs::read_to_string(file).unwrap().contains("notice"));
    let out = place.path("clean");
    ok(&place, "chart roc judge --out", &[&text(&out)]);
    let svg = std::fs::read_to_string(out.with_extension("svg")).unwrap();
    assert!(!svg.contains("No permission"));
}

#[test]
fn strict_refuses_training_with_a_reason_and_its_change_is_logged() {
    let place = marked();
    let strict = place.run(["study", "strict", "on", "--who", "ann"]);
    assert_eq!(strict.status, Some(0), "{strict}");
    for kind in ["generator", "realism", "upvotes"] {
        let command = format!("train {kind} --name again {STEPS}");
        let ran = place.run(command.split(' '));
        assert_eq!(ran.status, Some(2), "{ran}");
        assert!(
            ran.err.contains(MARK) && ran.err.contains("RC.ndjson"),
            "{ran}"
        );
        assert!(ran.err.contains("repartee study record training"), "{ran}");
        let json = place.run(command.split(' ').chain(["--json"])).json();
        assert_eq!(json["error"]["code"], "permission");
    }
    let tokenizer =
        place.run("base new more --kind gpt2 --layers 1 --width 32 --heads 2".split(' '));
    assert_eq!(tokenizer.status, Some(2), "{tokenizer}");
    assert!(tokenizer.err.contains(MARK), "{tokenizer}");
    let names: Vec<String> = place
        .engine()
        .runs()
        .unwrap()
        .into_iter()
        .map(|run| run.name)
        .collect();
    assert!(!names.contains(&"again".to_owned()), "{names:?}");

    // off only on purpose, and the audit log has who did it
    let ran = place.run(["study", "strict", "off"]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(place.engine().study().unwrap().strict);
    place.ok(["study", "strict", "off", "--yes", "--who", "bob"]);
    let audit = place.engine().posting().audit(None, 1).unwrap();
    assert_eq!(
        (audit[0].what.as_str(), audit[0].who.as_str()),
        ("strict off", "bob")
    );
    let ran = place.ok(format!("train generator --name again {STEPS}").split(' '));
    assert!(ran.out.contains(MARK), "without strict it warns: {ran}");

    // with the permission nothing is refused
    place.ok(["study", "strict", "on"]);
    place.ok([
        "study",
        "record",
        "training",
        "--granted",
        "--date",
        "2020-01-01",
        "--scope",
        "tests",
        "--link",
        "https://example.org",
    ]);
    place.ok(format!("train upvotes --name third {STEPS}").split(' '));
    place.ok(["study", "end", "training", "--note", "taken back"]);
    let ran = place.run(format!("train upvotes --name fourth {STEPS}").split(' '));
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(ran.err.contains("was withdrawn on"), "{ran}");
}

#[test]
fn model_trained_on_reddit_content_stays_marked_in_another_project() {
    let place = marked();
    let folder = place.path("writer");
    ok(&place, "export run writer", &[&text(&folder)]);
    let other = Place::with_project();
    let mut rows = String::from("question,answer\n");
    for i in 0..40 {
        rows.push_str(&format!("How do I do {i}?,You do {i} like this\n"));
    }
    let file = text(&other.write("forum.csv", rows));
    ok(
        &other,
        "import --origin forum --map comment=question,reply=answer",
        &[&file],
    );
    ok(&other, "pairs build", &[]);
    ok(&other, "split make main", &[]);
    assert!(!other.engine().study().unwrap().needed);
    ok(&other, "base add w --from", &[&text(&folder)]);
    let study = other.engine().study().unwrap();
    assert_eq!(study.sources, ["base w"]);
    assert!(study.mark.unwrap().starts_with(MARK));
    let ran = other.run(format!("train generator --name again {STEPS}").split(' '));
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(
        ran.err.contains("base \"w\" was trained on Reddit content"),
        "{ran}"
    );
}

/// A project whose only text comes from a forum, with a split.
fn forum() -> Place {
    let place = Place::with_project();
    let mut rows = String::from("question,answer,points\n");
    for i in 0..60 {
        rows.push_str(&format!(
            "How do I do {i}?,You do {i} like this,{}\n",
            i % 9
        ));
    }
    let file = text(&place.write("forum.csv", rows));
    let map = "import --origin forum --map comment=question,reply=answer,score=points";
    ok(&place, map, &[&file]);
    ok(&place, "pairs build", &[]);
    ok(&place, "split make main", &[]);
    place
}

#[test]
fn tokenizer_trained_on_reddit_content_stays_marked_in_another_project() {
    const NEW: &str = "--kind bert --layers 1 --width 32 --heads 2 --context 160";
    let place = marked();
    let folder = text(&place.path("bert"));
    ok(&place, "export base small-bert", &[&folder]);
    let other = forum();
    ok(&other, "base add b --from", &[&folder]);
    let new = format!("base new t {NEW} --tokenizer");
    ok(&other, &new, &[&folder]);
    assert_eq!(
        other.engine().study().unwrap().sources,
        ["base b", "base t"]
    );
    for base in ["b", "t"] {
        let ran = other.run(format!("train upvotes --name u --base {base} {STEPS}").split(' '));
        assert_eq!(ran.status, Some(2), "{ran}");
        assert!(ran.err.contains("was trained on Reddit content"), "{ran}");
    }
    // a base with a tokenizer of other text is not marked
    let second = forum();
    ok(&second, &format!("base new mine {NEW} --vocab 300"), &[]);
    let plain = text(&second.path("plain"));
    ok(&second, "export base mine", &[&plain]);
    let third = forum();
    ok(&third, "base add b --from", &[&plain]);
    assert!(!third.engine().study().unwrap().needed);
}

#[test]
fn base_stays_marked_after_its_text_was_deleted() {
    let place = Place::with_project();
    let file = text(&archive(&place, "RC.ndjson", 80));
    ok(&place, "import", &[&file, NONE[0], NONE[1]]);
    ok(&place, "pairs build", &[]);
    ok(&place, "study strict off --yes --who ann", &[]);
    let new = "base new b --kind bert --layers 1 --width 32 --heads 2 --context 160 --vocab 400";
    ok(&place, new, &[]);
    place.ok([
        "source",
        "delete",
        "RC.ndjson",
        "--with-dependents",
        "--yes",
    ]);
    ok(&place, "study strict on --who ann", &[]);
    let mut rows = String::from("question,answer,points\n");
    for i in 0..60 {
        rows.push_str(&format!(
            "How do I do {i}?,You do {i} like this,{}\n",
            i % 9
        ));
    }
    let file = text(&place.write("forum.csv", rows));
    let map = "import --origin forum --map comment=question,reply=answer,score=points";
    ok(&place, map, &[&file]);
    ok(&place, "pairs build", &[]);
    ok(&place, "split make main", &[]);
    let ran = place.run(format!("train upvotes --name u --base b {STEPS}").split(' '));
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(ran.err.contains("trained on Reddit content"), "{ran}");
}

struct At(i64);

impl Clock for At {
    fn now_ms(&self) -> i64 {
        self.0
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::task::yield_now())
    }
}

#[test]
fn permission_holds_from_its_date_to_its_last_day() {
    let place = Place::with_project();
    let file = text(&archive(&place, "RC.ndjson", 30));
    let mut import = vec![file.as_str()];
    import.extend(GRANTED);
    ok(&place, "import", &import);
    ok(&place, "pairs build", &[]);
    ok(&place, "split make main", &[]);
    let base = "base new b --kind gpt2 --layers 1 --width 32 --heads 2 --context 48 --vocab 300";
    ok(&place, base, &[]);
    let dated =
        "training=granted,date=2026-05-01,until=2027-05-01,scope=tests,link=https://example.org";
    place
        .engine()
        .study_record(&[dated.parse().unwrap()], "ann")
        .unwrap();
    let config = RunConfig::of(ModelKind::Generator);
    let refusal = |day: &str| {
        let mut engine: Engine = place.engine();
        let noon = repartee_engine::data::import::seconds_of(day).unwrap() * 1000 + 43_200_000;
        engine.environment.clock = Arc::new(At(noon));
        let mark = engine.study_mark().unwrap().unwrap_or_default();
        let refused = engine.train_refusal(&config).unwrap();
        if let Some(error) = &refused {
            assert_eq!(error.code, Code::Permission);
        }
        (refused.map(|error| error.message).unwrap_or_default(), mark)
    };
    for (day, said) in [
        ("2026-04-30", "is not valid before 2026-05-01"),
        ("2026-05-01", ""),
        ("2027-05-01", ""),
        ("2027-05-02", "expired on 2027-05-01"),
    ] {
        let (refused, mark) = refusal(day);
        assert_eq!(refused.is_empty(), said.is_empty(), "{day}: {refused}");
        assert!(
            refused.contains(said) && mark.contains(said),
            "{day}: {refused} / {mark}"
        );
    }
}

#[test]
fn source_of_unknown_origin_counts_as_reddit_content() {
    let place = Place::with_project();
    let file = text(&place.write("table.csv", "q,a\nWhy is it so?,Because it is so\n"));
    place.ok([
        "import",
        "--map",
        "comment=q,reply=a",
        &file,
        NONE[0],
        NONE[1],
    ]);
    assert!(place.engine().study_mark().unwrap().is_some());
    place.ok(["source", "origin", "table.csv", "forum", "--who", "ann"]);
    assert_eq!(place.engine().study_mark().unwrap(), None);
    let audit = place.engine().posting().audit(None, 1).unwrap();
    assert_eq!(
        (audit[0].what.as_str(), audit[0].detail.as_str()),
        ("source origin", "forum")
    );
}

#[test]
fn reddit_content_becomes_something_else_only_by_a_statement() {
    let place = Place::with_project();
    let dump = text(&archive(&place, "RC.ndjson", 10));
    place.ok(["import", &dump, NONE[0], NONE[1]]);
    let origin = ["source", "origin", "RC.ndjson"];
    for word in ["forum", "other", "synthetic", "unknown"] {
        let ran = place.run(origin.iter().copied().chain([word]));
        assert_eq!(ran.status, Some(2), "{ran}");
        assert!(ran.err.contains("--not-reddit"), "{ran}");
        assert!(place.engine().study_mark().unwrap().is_some());
    }
    for word in ["reddit", "unknown"] {
        let ran = place.run(origin.iter().copied().chain([word, "--not-reddit"]));
        assert_eq!(ran.status, Some(2), "{ran}");
    }
    let stated = ["forum", "--not-reddit", "--who", "ann"];
    place.ok(origin.iter().copied().chain(stated));
    assert_eq!(place.engine().study_mark().unwrap(), None);
    let audit = place.engine().posting().audit(None, 1).unwrap();
    assert_eq!(
        (audit[0].who.as_str(), audit[0].detail.as_str()),
        ("ann", "forum; stated not to be Reddit content")
    );
    // what is no longer recorded as Reddit content needs no second statement
    place.ok(["source", "origin", "RC.ndjson", "other"]);
}

#[test]
fn the_engine_itself_refuses_an_import_without_an_answer() {
    let place = Place::with_project();
    let engine = place.engine();
    let mut import = repartee_engine::data::import::Import {
        files: vec![archive(&place, "RC.ndjson", 10)],
        ..Default::default()
    };
    let error = engine.start(&import, &|_| {}).unwrap_err();
    assert_eq!(error.code, Code::Permission);
    assert!(engine.sources().unwrap().is_empty());
    import.study = StudyRecord::none_of_all();
    engine.start(&import, &|_| {}).unwrap();
    assert_eq!(engine.sources().unwrap().len(), 1);
}

#[test]
fn record_from_another_machine_counts_once_confirmed_here() {
    let place = Place::with_project();
    let record = [
        "study",
        "record",
        "training",
        "--granted",
        "--date",
        "2020-01-01",
        "--scope",
        "a test",
        "--link",
        "https://example.org/yes",
    ];
    place.ok(record);
    let holds = |state: &Path| {
        let mut command = place.repartee(["study", "--json"]);
        let ran = command
            .env(repartee_engine::machine::STATE_FOLDER, state)
            .output()
            .unwrap();
        let shown = Ran::from(ran).result();
        let states = shown["states"].as_array().unwrap().clone();
        let training = states
            .into_iter()
            .find(|state| state["kind"] == "training")
            .unwrap();
        (
            training["holds"] == true,
            training["unconfirmed"] == true,
            training["words"].as_str().unwrap().to_owned(),
        )
    };
    let here = holds(&place.state());
    assert!(here.0 && !here.1, "{here:?}");
    let other = place.path("another machine");
    let there = holds(&other);
    assert!(
        !there.0 && there.1 && there.2.contains("another machine"),
        "{there:?}"
    );
    let confirm = |more: &[&str]| {
        let mut command = place.repartee([&["study", "confirm", "training"], more].concat());
        let ran = command
            .env(repartee_engine::machine::STATE_FOLDER, &other)
            .output()
            .unwrap();
        Ran::from(ran)
    };
    assert_eq!(confirm(&[]).status, Some(2), "nobody was asked");
    assert!(!holds(&other).0);
    assert_eq!(confirm(&["--yes"]).status, Some(0));
    assert!(holds(&other).0);
    // an edited file has no seal of any machine
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch("INSERT INTO study_record (kind, decision, date, who, at_ms) VALUES ('training', 'granted', '2020-01-01', 'x', 1)")
        .unwrap();
    drop(db);
    assert!(!holds(&other).0 && !holds(&place.state()).0);
}

#[test]
fn training_needs_only_its_own_record_and_study_says_so() {
    let place = Place::with_project();
    let file = text(&archive(&place, "RC.ndjson", 80));
    ok(&place, "import", &[&file, GRANTED[0], GRANTED[1]]);
    ok(&place, "pairs build", &[]);
    let new = "base new b --kind bert --layers 1 --width 32 --heads 2 --context 160 --vocab 400";
    ok(&place, new, &[]); // strict, with a tokenizer of the archive
    let study = place.ok(["study"]);
    for part in [
        "Training on Reddit content needs the record training.",
        "to Reddit itself api-access too",
        "Nothing needs research-program or ethics-board",
        "Strict is on",
    ] {
        assert!(study.out.contains(part), "{part}: {study}");
    }
    let mark = place.engine().study().unwrap().mark.unwrap();
    assert!(!mark.contains("train") && mark.contains("ethics"), "{mark}");
}
