//! Import through the engine: every format, repeated, in any order, and broken input.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use repartee_datasets::source::{Format, Permission};
use repartee_datasets::{Filter, Recipe, sample};
use repartee_engine::data::import::{Import, Imported};
use repartee_engine::data::pairs::{BuildPairs, PairsBuilt, ShowPairs};
use repartee_engine::{Code, Ended, Engine, Error, Job};
use repartee_tests::study::permitted;
use repartee_tests::{Place, shared};

fn run<J: Job>(engine: &Engine, job: &J) -> Result<J::Outcome, Error> {
    match engine.start(job, &|_| {})? {
        Ended::Done(outcome) => Ok(outcome),
        _ => panic!("nobody asked it to stop"),
    }
}

fn import(engine: &Engine, files: &[PathBuf]) -> Result<Imported, Error> {
    run(
        engine,
        &Import {
            files: files.to_vec(),
            ..permitted()
        },
    )
}

fn pairs(engine: &Engine) -> PairsBuilt {
    run(engine, &BuildPairs::default()).unwrap()
}

fn sample_file(place: &Place, seed: u64, threads: u64) -> PathBuf {
    let mut bytes = Vec::new();
    sample::write_ndjson(&mut bytes, seed, threads).unwrap();
    place.write(&format!("sample-{seed}.ndjson"), bytes)
}

/// All pairs of a project, by id.
fn all_pairs(engine: &Engine) -> Vec<(i64, String, String)> {
    let show = ShowPairs {
        limit: usize::MAX >> 1,
        ..ShowPairs::default()
    };
    engine
        .pairs(&show)
        .unwrap()
        .into_iter()
        .map(|p| (p.id, p.comment, p.reply))
        .collect()
}

#[test]
fn importing_the_same_file_twice_adds_nothing() {
    let place = Place::with_project();
    let engine = place.engine();
    let file = sample_file(&place, 1, 30);
    let first = import(&engine, std::slice::from_ref(&file)).unwrap();
    let source = &first.sources[0];
    assert!(source.complete && !source.already);
    assert_eq!(source.format, "pushshift");
    assert_eq!(source.permission, Permission::Unknown);
    assert_eq!(
        source.counts.new,
        source.counts.comments + source.counts.posts
    );
    let built = pairs(&engine);
    assert!(built.kept > 100 && built.kept == built.new);
    assert!(
        built
            .dropped
            .iter()
            .any(|(rule, n)| rule == "reply_bot" && *n > 0),
        "{built:?}"
    );

    // The same file is not even read; a copy with one more line is, and adds just that.
    let again = import(&engine, std::slice::from_ref(&file)).unwrap();
    assert!(again.sources[0].already);
    assert_eq!(engine.sources().unwrap().len(), 1);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(br#"{"id":"zz9","body":"one more","link_id":"t3_zz","parent_id":"t3_zz"}"#);
    let longer = place.write("longer.ndjson", bytes);
    let more = import(&engine, &[longer]).unwrap();
    assert_eq!(more.sources[0].counts.new, 1);
    assert_eq!(more.sources[0].counts.known + 1, source.counts.new + 1);
    let rebuilt = pairs(&engine);
    assert_eq!((rebuilt.kept, rebuilt.new), (built.kept, 0));
}

#[test]
fn pairs_are_joined_across_files_in_any_order() {
    let (one, other) = (Place::with_project(), Place::with_project());
    let file = std::fs::read_to_string(sample_file(&one, 2, 20)).unwrap();
    // Each line goes to one of three files, so that comments, replies and posts are apart.
    let parts: Vec<String> = (0..3)
        .map(|part| {
            let lines = file.lines().enumerate().filter(|(n, _)| n % 3 == part);
            lines.map(|(_, line)| format!("{line}\n")).collect()
        })
        .collect();
    for (place, order) in [(&one, [0, 1, 2]), (&other, [2, 0, 1])] {
        for part in order {
            let path = place.write(&format!("{part}.ndjson"), &parts[part]);
            import(&place.engine(), &[path]).unwrap();
            pairs(&place.engine());
        }
    }
    let found = all_pairs(&one.engine());
    assert!(found.len() > 50);
    assert_eq!(found, all_pairs(&other.engine()));
}

#[test]
fn bad_rows_are_listed_and_good_ones_kept() {
    let place = Place::with_project();
    let engine = place.engine();
    let mut text = std::fs::read_to_string(sample_file(&place, 3, 3)).unwrap();
    let good = text.lines().count() as u64;
    text.push_str("this is not JSON\n{\"id\":\"q\"}\n");
    let file = place.write("mixed.ndjson", &text);
    let source = &import(&engine, &[file]).unwrap().sources[0];
    assert_eq!((source.counts.rows, source.counts.rejected), (good + 2, 2));
    assert_eq!(source.counts.comments + source.counts.posts, good);
    let rejected = engine.rejected("mixed.ndjson", 0, 10).unwrap();
    assert_eq!((rejected[0].line, rejected[1].line), (good + 1, good + 2));
    assert!(rejected[0].reason.contains("JSON") && rejected[0].excerpt == "this is not JSON");
    assert!(rejected[1].reason.contains("body"));
}

#[test]
fn a_truncated_dump_keeps_what_came_before_and_fails() {
    let place = Place::with_project();
    let engine = place.engine();
    let mut packed = Vec::new();
    sample::write_dump(&mut packed, 1, 20 << 20).unwrap();
    packed.truncate(packed.len() / 2);
    let broken = place.write("RC_broken.zst", packed);
    let whole = sample_file(&place, 5, 3);
    let error = import(&engine, &[broken, whole]).unwrap_err();
    assert_eq!(error.code, Code::BadInput);
    assert!(
        error.message.contains("RC_broken.zst") && error.message.contains("kept"),
        "{error}"
    );
    assert!(
        error.detail.iter().any(|line| line.contains("as source 1")),
        "{error:?}"
    );
    let sources = engine.sources().unwrap();
    assert!(!sources[0].complete && sources[0].counts.comments > 1000);
    assert!(
        sources[1].complete,
        "the file after the broken one was read"
    );
}

#[test]
fn unreadable_files_leave_no_source() {
    let place = Place::with_project();
    let engine = place.engine();
    for (name, bytes, part) in [
        ("empty.zst", &b""[..], "empty"),
        ("wrong.csv", b"title,score\na,1\n", "\"title\", \"score\""),
        ("words.txt", b"no table, no JSON", "no column"),
        ("half.json", b"[{\"id\":", "JSON document"),
    ] {
        let error = import(&engine, &[place.write(name, bytes)]).unwrap_err();
        assert_eq!(error.code, Code::BadInput, "{name}");
        assert!(
            error.message.contains(part) && error.message.contains(name),
            "{name}: {error}"
        );
    }
    let error = import(&engine, &[place.path("absent.zst")]).unwrap_err();
    assert_eq!(error.code, Code::NotFound);
    assert!(engine.sources().unwrap().is_empty());
}

#[test]
fn a_table_in_utf16_is_read() {
    let place = Place::with_project();
    let engine = place.engine();
    let table = "\u{FEFF},subreddit,submission,comment,reply,submission_score,comment_score,\
                 reply_score,submission_author,comment_author,reply_author\r\n\
                 0,aww,a post,gr\u{FC}\u{DF}e &amp; more,yes,5,4,3,ann,bob,cleo\r\n";
    let bytes: Vec<u8> = table.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let imported = import(&engine, &[place.write("utf16.csv", bytes)]).unwrap();
    assert_eq!(imported.sources[0].format, "bigquery");
    assert_eq!(pairs(&engine).kept, 1);
    let (_, comment, reply) = all_pairs(&engine).remove(0);
    assert_eq!(
        (comment.as_str(), reply.as_str()),
        ("gr\u{FC}\u{DF}e & more", "yes")
    );
}

#[test]
fn filters_drop_rows_and_count_them() {
    let place = Place::with_project();
    let engine = place.engine();
    let file = sample_file(&place, 6, 60);
    let job = Import {
        files: vec![file],
        permission: Permission::Synthetic,
        note: "made by the tests".into(),
        filter: Filter {
            subreddits: vec!["samplebikes".into()],
            min_score: Some(0),
            ..Filter::default()
        },
        ..permitted()
    };
    let source = run(&engine, &job).unwrap().sources.remove(0);
    let c = &source.counts;
    let dropped: u64 = c.dropped.values().sum();
    assert_eq!(c.rows, c.comments + c.posts + dropped);
    assert!(
        c.dropped["subreddit"] > 0 && c.dropped["score"] > 0,
        "{c:?}"
    );
    assert_eq!(
        (source.permission, source.note.as_str()),
        (Permission::Synthetic, "made by the tests")
    );
    pairs(&engine);
    let subreddits = engine.pair_subreddits().unwrap();
    assert!(
        subreddits.iter().all(|(name, _)| name == "SampleBikes"),
        "{subreddits:?}"
    );
    let told = engine.permit(&source.name, Permission::Own, "").unwrap();
    assert_eq!(told.permission, Permission::Own);
}

#[test]
fn the_recipe_can_be_changed_later() {
    let place = Place::with_project();
    let engine = place.engine();
    import(&engine, &[sample_file(&place, 7, 40)]).unwrap();
    let strict = pairs(&engine);
    let all = run(
        &engine,
        &BuildPairs {
            recipe: Recipe::keep_all(),
            ..BuildPairs::default()
        },
    )
    .unwrap();
    assert_eq!(all.kept, all.joined);
    assert_eq!(all.new, strict.dropped.iter().map(|(_, n)| n).sum::<u64>());
    let back = pairs(&engine);
    assert_eq!((back.kept, back.removed), (strict.kept, all.new));
}

/// Rows of a CSV with a text in each of these columns.
fn rows_with(path: &Path, columns: &[&str]) -> u64 {
    let mut csv = csv_reader(path);
    let header = csv.headers().unwrap().clone();
    let at: Vec<usize> = columns
        .iter()
        .map(|c| header.iter().position(|h| h == *c).unwrap())
        .collect();
    let full = |row: &csv::StringRecord| at.iter().all(|&i| !row[i].trim().is_empty());
    csv.records()
        .filter(|row| full(row.as_ref().unwrap()))
        .count() as u64
}

fn csv_reader(path: &Path) -> csv::Reader<std::fs::File> {
    csv::Reader::from_path(path).unwrap()
}

#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn real_dumps_tables_and_listings_are_read() {
    let shared = shared();
    let reddit = shared.join("reddit");
    let place = Place::with_project();
    let engine = place.engine();
    let dumps: Vec<_> = ["RC_sample.zst", "RS_sample.zst"]
        .map(|f| reddit.join(f))
        .into();
    let imported = import(&engine, &dumps).unwrap();
    let (comments, posts) = (&imported.sources[0].counts, &imported.sources[1].counts);
    assert_eq!((comments.rejected, posts.rejected), (0, 0));
    assert!(comments.comments > 0 && comments.comments == comments.rows);
    assert!(posts.posts > 0 && posts.posts == posts.rows);
    let joined = pairs(&engine);
    assert!(joined.kept > 0 && joined.joined > joined.kept, "{joined:?}");

    let table = reddit.join("bigquery_sample.csv");
    let imported = import(&engine, std::slice::from_ref(&table)).unwrap();
    let source = &imported.sources[0];
    assert_eq!(source.format, "bigquery");
    assert_eq!(
        source.counts.rows,
        csv_reader(&table).records().count() as u64
    );
    assert_eq!(source.counts.rejected, 0);
    assert_eq!(
        source.counts.comments,
        2 * rows_with(&table, &["comment", "reply"])
    );

    let tops: Vec<PathBuf> = std::fs::read_dir(reddit.join("top_posts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let job = Import {
        files: tops.clone(),
        mapping: Some("comment=title,reply=selftext,score=score".parse().unwrap()),
        ..permitted()
    };
    for (source, path) in run(&engine, &job).unwrap().sources.iter().zip(&tops) {
        assert_eq!(source.counts.rejected, 0, "{}", source.name);
        assert_eq!(
            source.counts.comments,
            2 * rows_with(path, &["title", "selftext"])
        );
    }
    assert!(pairs(&engine).kept > joined.kept);

    let api: Vec<PathBuf> = std::fs::read_dir(reddit.join("api"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("Listing"))
        .collect();
    let job = Import {
        files: api,
        format: Some(Format::Listing),
        ..permitted()
    };
    // two of the answers contain nothing, an empty listing and a refusal: the job reports it and keeps the rest
    let error = run(&engine, &job).unwrap_err();
    let said: Vec<&String> = std::iter::once(&error.message)
        .chain(&error.detail)
        .collect();
    for empty in ["TestDomainListing", "TestRedditorListings"] {
        let named = said.iter().filter(|line| line.contains(empty)).count();
        assert_eq!(named, 1, "{empty}: {said:?}");
    }
    let taken: u64 = engine
        .sources()
        .unwrap()
        .iter()
        .filter(|s| s.format == "listing")
        .map(|s| s.counts.posts + s.counts.comments)
        .sum();
    assert!(taken > 0);
}

#[test]
fn interrupted_and_rejected_imports_leave_a_whole_project() {
    let place = Place::with_project();
    // every row is bad
    place.write("bad.csv", "comment,reply,score\na text,an answer,many\n");
    let map = "comment=comment,reply=reply,score=score";
    let ran = place.run(["import", "bad.csv", "--origin", "other", "--map", map]);
    assert!(
        ran.status == Some(2) && ran.err.contains("1 rejected"),
        "{ran}"
    );
    place.ok(["check"]);
    // a process that was killed before it detected the format, also in a project of an earlier version
    let store = repartee_store::Store::open(&place.project()).unwrap();
    let new = repartee_store::sources::NewSource {
        name: "killed.csv".into(),
        format: "reading".into(),
        options: "{}".into(),
        ..Default::default()
    };
    store.source_insert(&new, 1).unwrap();
    place.ok(["check"]);
}

#[test]
fn killed_import_shows_what_it_stored() {
    let place = Place::with_project();
    let mut lines = Vec::new();
    sample::write_ndjson(&mut lines, 7, 20_000).unwrap();
    place.write("large.ndjson", lines);
    let args = [
        "import",
        "large.ndjson",
        "--format",
        "pushshift",
        "--permission",
        "synthetic",
    ];
    let mut child = place
        .repartee(args)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let engine = place.engine();
    let began = std::time::Instant::now();
    let some = |source: &repartee_engine::data::import::SourceInfo| source.counts.comments > 0;
    while !engine.sources().unwrap().iter().any(some) {
        assert!(began.elapsed() < std::time::Duration::from_secs(60));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let source = engine.source("1").unwrap();
    assert!(!source.complete, "killed too late to show anything");
    let counts = &source.counts;
    assert!(counts.rows > 0 && counts.new > 0, "{counts:?}");
    let db = rusqlite::Connection::open(place.project()).unwrap();
    let sql = "SELECT (SELECT count(*) FROM comment) + (SELECT count(*) FROM post)";
    let stored: i64 = db.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(counts.new, stored.unsigned_abs());
    let list = place.ok(["source", "list"]);
    assert!(
        list.out
            .contains("incomplete; import the file again to go on"),
        "{list}"
    );
    place.ok(args);
    let list = place.ok(["source", "list"]);
    assert!(
        list.out.contains("incomplete; source 2 has the rest"),
        "{list}"
    );
}

/// A forum's table: id, parent, author, text.
fn forum(place: &Place, name: &str, rows: &[(&str, &str, &str)]) -> PathBuf {
    let rows: Vec<String> = rows
        .iter()
        .enumerate()
        .map(|(n, (id, parent, text))| format!("{id},{parent},{name}{n},{text}"))
        .collect();
    place.write(
        name,
        format!("id,parent_id,author,body\n{}\n", rows.join("\n")),
    )
}

fn import_forum(engine: &Engine, file: &Path) -> repartee_engine::data::import::SourceInfo {
    let job = Import {
        files: vec![file.to_owned()],
        origin: Some(repartee_engine::Origin::Forum),
        ..Import::default()
    };
    run(engine, &job).unwrap().sources.remove(0)
}

fn texts(engine: &Engine) -> Vec<(String, String)> {
    let mut texts: Vec<_> = (all_pairs(engine).into_iter())
        .map(|(_, comment, reply)| (comment, reply))
        .collect();
    texts.sort();
    texts
}

#[test]
fn equal_ids_of_two_forums_are_two_comments() {
    let place = Place::with_project();
    let engine = place.engine();
    let kettles = [
        ("1", "", "how hot is it"),
        ("2", "1", "very hot indeed"),
        ("3", "1", "not so hot at all"),
    ];
    let gardens = [
        ("1", "", "why are my leaves yellow"),
        ("2", "1", "too much water"),
    ];
    let (a, b) = (
        forum(&place, "a.csv", &kettles),
        forum(&place, "b.csv", &gardens),
    );
    assert_eq!(import_forum(&engine, &a).counts.new, 3);
    let second = import_forum(&engine, &b);
    assert_eq!((second.counts.new, second.counts.other_text), (2, 0));
    pairs(&engine);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let expected = [
        pair("how hot is it", "not so hot at all"),
        pair("how hot is it", "very hot indeed"),
        pair("why are my leaves yellow", "too much water"),
    ];
    assert_eq!(texts(&engine), expected);

    // both again: known, and an edited copy of one keeps its ids and is named
    assert!(import_forum(&engine, &a).already && import_forum(&engine, &b).already);
    let edited = [
        ("1", "", "why are my leaves yellow"),
        ("2", "1", "too much water or too little"),
        ("3", "2", "thank you"),
    ];
    let third = import_forum(&engine, &forum(&place, "c.csv", &edited));
    let counts = &third.counts;
    assert_eq!((counts.new, counts.known, counts.other_text), (1, 2, 1));
    pairs(&engine);
    assert_eq!(texts(&engine).len(), 4);
    assert!(texts(&engine).contains(&pair("too much water", "thank you")));
}

#[test]
fn two_parts_of_a_forum_are_joined_and_ids_are_not_read_as_numbers() {
    let place = Place::with_project();
    let engine = place.engine();
    let replies = [
        ("12", "7", "very hot indeed"),
        ("012", "07", "too much water"),
    ];
    let tops = [
        ("7", "", "how hot is it"),
        ("07", "", "why are my leaves yellow"),
    ];
    import_forum(&engine, &forum(&place, "late.csv", &replies));
    assert_eq!(
        import_forum(&engine, &forum(&place, "early.csv", &tops))
            .counts
            .new,
        2
    );
    pairs(&engine);
    let got = texts(&engine);
    assert_eq!(got.len(), 2);
    assert_eq!(got[0], ("how hot is it".into(), "very hot indeed".into()));
}

#[test]
fn second_row_of_an_id_with_another_text_is_named() {
    let place = Place::with_project();
    let engine = place.engine();
    let rows = [
        ("1", "", "how hot is it"),
        ("2", "1", "very hot indeed"),
        ("2", "1", "very hot indeed"),
        ("2", "1", "not so hot at all"),
    ];
    let csv = import_forum(&engine, &forum(&place, "a.csv", &rows));
    assert_eq!((csv.counts.new, csv.counts.rejected), (2, 1));
    let rejected = engine.rejected(&csv.id.to_string(), 0, 9).unwrap();
    assert!(
        rejected[0].line == 5 && rejected[0].reason.contains("\"2\""),
        "{rejected:?}"
    );
    let lines: Vec<String> = rows
        .iter()
        .map(|(id, parent, text)| {
            format!("{{\"id\":\"x{id}\",\"reply_to\":\"x{parent}\",\"speaker\":\"a\",\"text\":\"{text}\"}}")
        })
        .collect();
    let lines = import_forum(&engine, &place.write("a.jsonl", lines.join("\n")));
    assert_eq!((lines.counts.new, lines.counts.rejected), (2, 1));
}

#[test]
fn rows_shared_with_a_deleted_source_come_back_with_a_second_import() {
    let place = Place::empty();
    let lines = |from: u64, to: u64, retrieved: u64| -> String {
        (from..to)
            .map(|n| {
                format!(
                    "{{\"id\":\"c{n}\",\"link_id\":\"t3_p1\",\"parent_id\":\"t3_p1\",\"author\":\"a\",\
                     \"subreddit\":\"kettles\",\"body\":\"text {n}\",\"retrieved_on\":{retrieved}}}\n"
                )
            })
            .collect()
    };
    let files = [
        place.write("other.ndjson", lines(500, 600, 1_500_000_000)),
        place.write("first.ndjson", lines(0, 300, 1_500_000_000)),
        place.write("second.ndjson", lines(200, 400, 1_500_000_000)),
        place.write("newest.ndjson", lines(350, 450, 1_600_000_000)),
    ];
    // what the second shares with the first is stored with the first, and what it shares with the newest with that
    for (deleted, left, shared) in [("first.ndjson", 250, 100), ("newest.ndjson", 450, 50)] {
        let place = Place::with_project();
        let engine = place.engine();
        for file in &files {
            import(&engine, std::slice::from_ref(file)).unwrap();
        }
        let comments = || {
            let store = repartee_store::Store::open(&place.project()).unwrap();
            store.counts().unwrap().comments
        };
        assert_eq!(comments(), 550);
        place.ok(["source", "delete", deleted, "--yes"]);
        assert_eq!(comments(), left, "{deleted}");
        assert!(!engine.source("second.ndjson").unwrap().complete);
        let again = import(&engine, &files[2..3]).unwrap();
        assert!(!again.sources[0].already && again.sources[0].complete);
        assert_eq!(comments(), left + shared, "{deleted}");
        if deleted == "first.ndjson" {
            let other = import(&engine, &files[..1]).unwrap();
            assert!(other.sources[0].already, "it shares nothing");
        }
    }
}

#[test]
fn file_with_known_content_is_named_and_counted_once() {
    let place = Place::with_project();
    let mut lines = Vec::new();
    sample::write_ndjson(&mut lines, 7, 20).unwrap();
    lines.extend_from_slice(b"{not json\n");
    place.write("dump.ndjson", lines.clone());
    place.write("copy.ndjson", lines);
    let none = &["--permission", "none"][..];
    let both = place.ok([&["import", "dump.ndjson", "copy.ndjson"][..], none].concat());
    assert!(both.out.contains("1 row was rejected"), "{both}");
    let copied = both.err.lines().find(|line| line.contains("copy.ndjson"));
    assert!(
        copied
            .unwrap()
            .contains("imported before, as source 1 (dump.ndjson)"),
        "{both}"
    );
}

#[test]
fn source_without_any_text_has_its_format_and_is_no_reddit_content() {
    let place = Place::with_project();
    place.write("x.json", "[{\"a\":1}]");
    let ran = place.run(["import", "x.json", "--permission", "none"]);
    assert_eq!(ran.status, Some(2), "{ran}");
    let error = "none of its 1 rows was imported";
    assert_eq!(ran.err.matches(error).count(), 1, "{ran}");
    let sources = place.engine().sources().unwrap();
    assert_eq!(sources[0].format, "listing");
    let study = place.engine().study().unwrap();
    assert!(!study.needed && study.sources.is_empty(), "{study:?}");
}

#[test]
fn order_of_files_without_times_makes_no_difference() {
    let line = |changes: serde_json::Value| {
        let mut line = serde_json::json!({
            "id": "c2", "link_id": "t3_p1", "parent_id": "t1_c1", "subreddit": "Kettles", "author": "bob",
            "body": "yes one", "score": 3, "created_utc": 1_600_000_000,
        });
        let more = changes.as_object().cloned().unwrap_or_default();
        line.as_object_mut().unwrap().extend(more);
        format!("{line}\n")
    };
    let asked =
        line(serde_json::json!({"id": "c1", "parent_id": "t3_p1", "author": "ann", "body": "no?"}));
    for (changes, pairs_left) in [
        (
            serde_json::json!({"body": "[deleted]", "author": "[deleted]"}),
            0,
        ),
        (serde_json::json!({"body": "[removed]"}), 0),
        (serde_json::json!({"body": "yes two"}), 1),
        (serde_json::json!({"author": "[deleted]"}), 1),
        (serde_json::json!({"score": 77}), 1),
        (serde_json::json!({"score": null}), 1),
        (serde_json::json!({"subreddit": "kettles"}), 1),
    ] {
        let kept = |first: &str, second: &str| {
            let place = Place::with_project();
            let engine = place.engine();
            let files = [
                place.write("a.ndjson", format!("{asked}{first}")),
                place.write("b.ndjson", second),
            ];
            import(&engine, &files).unwrap();
            let built = pairs(&engine).kept;
            let store = repartee_store::Store::open(&place.project()).unwrap();
            let id = repartee_datasets::id::decode("c2").unwrap();
            let comment = store.comment(id).unwrap().unwrap();
            let gone = repartee_datasets::clean::is_notice(&comment.body);
            (built, (!gone).then_some(comment))
        };
        let (plain, changed) = (line(serde_json::Value::Null), line(changes.clone()));
        let one = kept(&plain, &changed);
        assert_eq!(one, kept(&changed, &plain), "{changes}");
        assert_eq!(one.0, pairs_left, "{changes}");
    }
}

/// A table of questions with two answers each, and the file's path as it is typed.
fn answers(place: &Place, name: &str) -> String {
    let mut rows = String::from("question,answer,points,thread,utt,to\n");
    for i in 0..20 {
        rows.push_str(&format!(
            "How do I do number {}?,You do number {i} like this,{i},thread {},u{i},\n",
            i / 2,
            i / 4
        ));
    }
    place.write(name, rows).display().to_string()
}

const FIRST_MAP: &str = "comment=question,reply=answer";
const CORRECTED_MAP: &str = "comment=question,reply=answer,score=points,thread=thread";

fn comments(place: &Place) -> u64 {
    let store = repartee_store::Store::open(&place.project()).unwrap();
    store.counts().unwrap().comments
}

#[test]
fn same_file_with_another_mapping_is_refused_and_adds_nothing() {
    let place = Place::with_project();
    let file = answers(&place, "answers.csv");
    let copy = answers(&place, "copy.csv");
    let import = |file: &str, map: &str, more: &[&str]| {
        let args = ["import", file, "--origin", "other", "--map", map];
        place.run([&args[..], more].concat())
    };
    assert_eq!(import(&file, FIRST_MAP, &[]).status, Some(0));
    let before = comments(&place);
    for (file, map, more) in [
        (&file, CORRECTED_MAP, &[][..]),
        (&copy, CORRECTED_MAP, &[][..]),
        (&file, "id=utt,parent=to,text=answer", &[][..]),
        (&file, FIRST_MAP, &["--placeholders"][..]),
    ] {
        let ran = import(file, map, more);
        assert_eq!(ran.status, Some(2), "{ran}");
        for part in [
            "source 1 (answers.csv)",
            FIRST_MAP,
            map,
            "repartee source delete 1",
            "--again",
        ] {
            assert!(ran.err.contains(part), "{part}: {ran}");
        }
        assert_eq!(comments(&place), before);
        assert_eq!(place.engine().sources().unwrap().len(), 1);
    }
    // a queued import is refused when it runs
    let args = ["import", &file, "--origin", "other", "--map", CORRECTED_MAP];
    place.ok([&args[..], &["--queue"]].concat());
    place.run(["job", "run"]);
    assert_eq!(comments(&place), before);

    // the same mapping: nothing to add, also with another filter, which only selects rows
    assert!(
        import(&file, FIRST_MAP, &[])
            .out
            .contains("already imported")
    );
    let ran = import(&file, FIRST_MAP, &["--min-length", "3"]);
    assert_eq!((ran.status, comments(&place)), (Some(0), before), "{ran}");

    // beside it on request; or after the earlier ones are deleted
    let ran = import(&file, CORRECTED_MAP, &["--again"]);
    assert_eq!(ran.status, Some(0), "{ran}");
    assert_eq!(comments(&place), 2 * before);
    // each of the two was imported before, although the other is there, too
    for (map, source) in [(FIRST_MAP, "source 1"), (CORRECTED_MAP, "source 3")] {
        let ran = import(&file, map, &[]);
        assert_eq!(ran.status, Some(0), "{ran}");
        assert!(ran.err.contains(source), "{source}: {ran}");
        assert!(ran.out.contains("already imported"), "{ran}");
    }
    assert_eq!(comments(&place), 2 * before);
}

#[test]
fn mapping_is_corrected_after_the_source_is_deleted() {
    let place = Place::with_project();
    let file = answers(&place, "answers.csv");
    let import = |map: &str| place.run(["import", &file, "--origin", "other", "--map", map]);
    assert_eq!(import(FIRST_MAP).status, Some(0));
    let before = comments(&place);
    place.ok(["source", "delete", "1", "--yes"]);
    let ran = import(CORRECTED_MAP);
    assert_eq!((ran.status, comments(&place)), (Some(0), before), "{ran}");
    let built = pairs(&place.engine());
    assert_eq!(built.joined, 20);
}

#[test]
fn dump_with_another_filter_adds_only_its_new_rows() {
    let place = Place::with_project();
    let engine = place.engine();
    let file = sample_file(&place, 6, 60);
    let only = |subreddit: &str| Import {
        files: vec![file.clone()],
        filter: Filter {
            subreddits: vec![subreddit.into()],
            ..Filter::default()
        },
        ..permitted()
    };
    let first = run(&engine, &only("samplebikes")).unwrap();
    let rest = import(&engine, std::slice::from_ref(&file)).unwrap();
    let (first, rest) = (&first.sources[0].counts, &rest.sources[0].counts);
    assert!(first.new > 0 && rest.new > 0);
    assert_eq!(rest.known + rest.newer, first.new);
}

#[test]
fn piped_table_with_another_mapping_is_an_error_that_names_both_sources() {
    use std::io::Write;
    let place = Place::with_project();
    let file = answers(&place, "answers.csv");
    let piped = |map: &str| {
        let args = ["import", "-", "--origin", "other", "--map", map];
        let mut child = place
            .repartee(args)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let bytes = std::fs::read(&file).unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        repartee_tests::Ran::from(child.wait_with_output().unwrap())
    };
    let first = piped(FIRST_MAP);
    assert_eq!(first.status, Some(0), "{first}");
    let second = piped(CORRECTED_MAP);
    assert_eq!(second.status, Some(2), "{second}");
    assert!(
        second.err.contains("as source 1") && second.err.contains("repartee source delete 2"),
        "{second}"
    );
    // a file with the content of the pipe is refused before it is read
    let third = "comment=question,reply=answer,score=points";
    let ran = place.run(["import", &file, "--origin", "other", "--map", third]);
    assert!(
        ran.status == Some(2) && ran.err.contains("as source 2"),
        "{ran}"
    );
    // each of the two readings is there by now: again, it adds nothing and is no error
    for map in [FIRST_MAP, CORRECTED_MAP] {
        let ran = piped(map);
        assert_eq!(ran.status, Some(0), "{ran}");
    }
}

#[test]
fn counts_of_one_are_singular() {
    let place = Place::with_project();
    let rows = "question,answer\nHow hot is it?,Very hot indeed\n";
    let file = place.write("table.csv", rows).display().to_string();
    let args = ["import", &file, "--origin", "other", "--map", FIRST_MAP];
    let ran = place.ok(args);
    assert!(
        ran.err
            .contains("1 row, which names 2 comments and 0 posts"),
        "{ran}"
    );
}

#[test]
fn import_says_why_rows_were_filtered_out_and_what_its_counts_are() {
    let place = Place::with_project();
    let rows =
        "question,answer\nHow hot is it?,Very hot indeed\nHow hot is it?,Not so hot\nWhy?,\n";
    let file = place.write("table.csv", rows).display().to_string();
    let args = ["import", &file, "--origin", "other", "--map", FIRST_MAP];
    let ran = place.ok(args);
    assert!(
        ran.err
            .contains("4 comments and 0 posts, each time it occurs (3 new to the project)"),
        "{ran}"
    );
    assert!(ran.out.contains("1 without a comment or reply"), "{ran}");
    assert!(ran.out.contains("recorded is in `repartee study`"), "{ran}");
}
