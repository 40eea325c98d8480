//! What others wrote reaches a terminal as text: nothing in it moves the cursor, hides or reorders a word, or looks
//! like a line of ours.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_tests::stranger::fill;
use repartee_tests::{Place, Ran};

/// Clears the screen, moves up, sets the title, by C0 and by C1; carriage return, delete; bidirectional override,
/// invisible characters.
const HOSTILE: &str = "good\u{1b}[2J\u{1b}[1A\u{1b}]0;t\u{7}\u{9b}2K\r\u{8}\u{7f}evil\u{202e}txt\u{2066}\u{200b}\u{ad}\u{2028}\u{feff}\u{e0041}end";

/// Text with a forged line of its own.
const FORGED: &str = "one\nReply 1 is approved";

fn acts(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
}

fn is_quiet(ran: &Ran, what: &str) {
    for text in [&ran.out, &ran.err] {
        let found: Vec<char> = text.chars().filter(|c| acts(*c)).collect();
        assert!(found.is_empty(), "{what}: {found:?} in {text:?}");
    }
    assert!(!ran.err.contains("panicked"), "{what}: {ran}");
}

/// Commands that show stored text, and those whose errors quote it.
const COMMANDS: &[&[&str]] = &[
    &["source", "list"],
    &["source", "rejected", "1"],
    &["source", "permit", "1", "own", "--note", "NAME"],
    &["pairs", "show"],
    &["pairs", "count"],
    &["split", "list"],
    &["split", "audit", "NAME"],
    &["split", "audit", "no such"],
    &["base", "list"],
    &["base", "add", "NAME", "--from", "NAME"],
    &["base", "remove", "NAME"],
    &["train", "list"],
    &["train", "show", "NAME"],
    &["train", "show", "no such"],
    &["train", "sweep", "list"],
    &["train", "sweep", "show", "NAME"],
    &["train", "sweep", "generator", "--grid", "NAME"],
    &["train", "generator", "--base", "NAME", "--split", "NAME"],
    &[
        "train",
        "generator",
        "--name",
        "NAME",
        "--write-config",
        "-",
    ],
    &["fakes", "list"],
    &["fakes", "show", "NAME"],
    &["fakes", "show", "no such"],
    &["evaluate"],
    &["evaluate", "NAME"],
    &["evaluation", "show", "NAME"],
    &["evaluation", "compare", "NAME", "NAME"],
    &["chart", "loss", "NAME"],
    &["queue", "list"],
    &["queue", "show", "1"],
    &["queue", "approve", "1"],
    &["queue", "reject", "1", "--reason", "NAME"],
    &["export", "queue", "NAME"],
    &["job", "list"],
    &["job", "show", "0199aaaa-0000-7000-8000-000000000001"],
    &["job", "resume", "0199aaaa-0000-7000-8000-000000000001"],
    &["reddit", "accounts"],
    &["reddit", "permit"],
    &["reddit", "opt-out"],
    &["reddit", "threads"],
    &["reddit", "threads", "1"],
    &["reddit", "outbox"],
    &["reddit", "outbox", "1"],
    &["reddit", "outcomes"],
    &["reddit", "audit"],
    &["reddit", "posted", "1", "NAME"],
    &["check"],
    &["size"],
    &["doctor"],
    &["import", "NAME"],
    &["import", "hostile.csv", "--format", "NAME"],
    &["NAME"],
    &["queue", "NAME"],
];

#[test]
fn stored_text_never_controls_the_terminal() {
    let place = Place::with_project();
    fill(&place.project(), HOSTILE);
    let mut shown = 0;
    for command in COMMANDS {
        let args: Vec<&str> = command
            .iter()
            .map(|arg| if *arg == "NAME" { HOSTILE } else { arg })
            .collect();
        let ran = place.run(args.iter().copied().chain(["-vv"]));
        is_quiet(&ran, &command.join(" "));
        shown += usize::from(ran.out.contains("\\u{1b}[2J") || ran.err.contains("\\u{1b}[2J"));

        let ran = place.run(args.iter().copied().chain(["--json"]));
        is_quiet(&ran, &format!("{} --json", command.join(" ")));
        if !ran.out.is_empty() && !ran.out.starts_with('#') {
            for line in ran.out.lines() {
                let read: Result<serde_json::Value, _> = serde_json::from_str(line);
                assert!(read.is_ok(), "{command:?}: {line}");
            }
        }
    }
    // it is shown as escapes, not omitted
    assert!(shown > 25, "{shown}");
    let json = place.ok(["queue", "show", "1", "--json"]);
    assert_eq!(
        json.result()["reply"]["text"],
        HOSTILE,
        "JSON has the data as it is"
    );
}

#[test]
fn stored_text_never_starts_its_own_line() {
    let place = Place::with_project();
    fill(&place.project(), FORGED);
    for command in COMMANDS {
        // an argument is the user's own
        if command.contains(&"--write-config") {
            continue;
        }
        let args = command
            .iter()
            .map(|arg| if *arg == "NAME" { FORGED } else { arg });
        let ran = place.run(args.chain(["-v"]));
        for line in ran.out.lines().chain(ran.err.lines()) {
            assert!(
                !line.starts_with("Reply 1 is approved"),
                "{command:?}: {ran}"
            );
        }
    }
}

#[test]
fn file_names_and_contents_are_shown_escaped() {
    let place = Place::empty();
    let project = format!("{}.repartee", HOSTILE.replace('\u{0}', ""));
    let made = place.ok(["new", &project]);
    is_quiet(&made, "new");
    assert!(made.out.contains("\\u{1b}[2J"), "{made}");
    is_quiet(&place.run(["new", &project]), "new again");
    place.write(&format!("{HOSTILE}.csv"), format!("{HOSTILE},b\n1,2\n"));
    place.write(
        &format!("{HOSTILE}.ndjson"),
        format!("{{\"id\":\"1\",\"body\":\"{HOSTILE}\"\n{HOSTILE}\n"),
    );
    for file in [format!("{HOSTILE}.csv"), format!("{HOSTILE}.ndjson")] {
        is_quiet(
            &place.run(["import", &file, "--permission", "own", "-v"]),
            &file,
        );
        is_quiet(
            &place.run(["generate", "--generator", "x", "--file", &file]),
            &file,
        );
        is_quiet(&place.run(["train", "generator", "--config", &file]), &file);
        is_quiet(&place.run(["reddit", "import", &file]), &file);
        is_quiet(&place.run(["reddit", "rules", "--set", &file]), &file);
    }
    for command in [["source", "list"], ["source", "rejected"], ["job", "list"]] {
        is_quiet(
            &place.run(
                command
                    .into_iter()
                    .chain(["1"])
                    .take(2 + usize::from(command[1] == "rejected")),
            ),
            command[1],
        );
    }
    // the error names which of several projects could be meant
    place.ok(["new", "b.repartee"]);
    let which = place.run(["size"]);
    is_quiet(&which, "size");
    assert!(which.err.contains("2 project files"), "{which}");
}

#[cfg(unix)]
#[test]
fn editor_gets_the_text_in_a_private_file() {
    let place = Place::with_project();
    fill(&place.project(), HOSTILE);
    repartee_tests::stranger::database(&place.project())
        .execute("UPDATE reply SET state = 'draft'", [])
        .unwrap();
    let [temporary, session] = ["tmp", "session"].map(|name| place.path(name));
    std::fs::create_dir(&temporary).unwrap();
    repartee_datasets::private::create_folder(&session).unwrap();
    let editor = place.write(
        "editor.sh",
        "stat -c '%a %n' \"$1\" \"$(dirname \"$1\")\" > seen; cat \"$1\" > text; printf 'a new text' > \"$1\"\n",
    );
    let mut command = place.repartee(["queue", "edit", "1"]);
    let output = command
        .env("TMPDIR", &temporary)
        .env("XDG_RUNTIME_DIR", &session)
        .env("EDITOR", format!("sh {}", editor.display()))
        .env_remove("VISUAL")
        .output()
        .unwrap();
    let ran = Ran::from(output);
    assert_eq!(ran.status, Some(0), "{ran}");
    is_quiet(&ran, "queue edit");
    assert!(
        ran.err.contains("\\u{202e}"),
        "what does not show is said: {ran}"
    );
    assert_eq!(
        std::fs::read_to_string(place.path("text")).unwrap(),
        HOSTILE
    );
    let seen = std::fs::read_to_string(place.path("seen")).unwrap();
    let modes: Vec<&str> = seen
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(modes, ["600", "700"], "{seen}");
    let in_session = session.join("repartee/editing");
    assert!(seen.contains(in_session.to_str().unwrap()), "{seen}");
    for folder in [&temporary, &in_session] {
        assert_eq!(entries(folder), 0, "nothing is left");
    }
    assert_eq!(place.engine().reply(1).unwrap().reply.text, "a new text");
}

#[cfg(unix)]
fn entries(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[cfg(unix)]
#[test]
fn text_left_by_a_killed_edit_is_private_and_removed_by_the_next() {
    let place = Place::with_project();
    fill(&place.project(), "a text");
    repartee_tests::stranger::database(&place.project())
        .execute("UPDATE reply SET state = 'draft'", [])
        .unwrap();
    let edit = |script: &str| {
        let editor = place.write("editor.sh", script);
        let mut command = place.repartee(["queue", "edit", "1"]);
        command
            .env("EDITOR", format!("sh {}", editor.display()))
            .env_remove("VISUAL")
            .env_remove("XDG_RUNTIME_DIR");
        Ran::from(command.output().unwrap())
    };
    let left = place.state().join("editing");
    let killed = edit("kill -9 $PPID\nstat -c '%a' \"$1\" \"$(dirname \"$1\")\" > seen\n");
    assert_eq!(killed.status, None, "{killed}");
    assert_eq!(entries(&left), 1, "{killed}");
    let seen = std::fs::read_to_string(place.path("seen")).unwrap();
    assert_eq!(seen, "600\n700\n");
    let next = edit(
        "ls \"$(dirname \"$(dirname \"$1\")\")\" | wc -l > seen; printf 'a new text' > \"$1\"\n",
    );
    assert_eq!(next.status, Some(0), "{next}");
    let seen = std::fs::read_to_string(place.path("seen")).unwrap();
    assert_eq!(seen.trim(), "1", "only its own while it edits");
    assert_eq!(entries(&left), 0);
}
