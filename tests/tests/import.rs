//! Import through the engine: every format, repeated, in any order, and broken input.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use repartee_datasets::source::{Format, Permission};
use repartee_datasets::{Filter, Recipe, sample};
use repartee_engine::import::{Import, Imported};
use repartee_engine::pairs::{BuildPairs, PairsBuilt, ShowPairs};
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
