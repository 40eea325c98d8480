//! Real-world files, after public bug reports: each with the right result. Those of the shared folder are tested as one
//! table; those made here cover each kind even if it is missing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use repartee_tests::study::GRANTED;
use repartee_tests::{Place, Ran, shared};

/// Result of a check: what was found, or what was wrong.
type Got = Result<String, String>;

/// A project of its own and the file of a row.
struct Row {
    place: Place,
    path: PathBuf,
}

impl Row {
    fn new(path: PathBuf) -> Self {
        Self {
            place: Place::with_project(),
            path,
        }
    }

    fn import(&self, args: &[&str]) -> Ran {
        let mut all = vec!["import", self.path.to_str().unwrap(), "--quiet", "--json"];
        all.extend(GRANTED);
        all.extend(args);
        self.place.run(all)
    }

    /// Comments, posts and rejected rows of a successful import.
    fn taken(&self, args: &[&str]) -> Result<(u64, u64, u64), String> {
        let ran = self.import(args);
        if ran.status != Some(0) {
            return Err(ran.to_string());
        }
        let counts = ran.result()["sources"][0]["counts"].clone();
        let n = |name: &str| counts[name].as_u64().unwrap_or(u64::MAX);
        Ok((n("comments"), n("posts"), n("rejected")))
    }

    /// The pairs after an import and a join with these flags: comment, reply, score.
    fn pairs(
        &self,
        args: &[&str],
        build: &[&str],
    ) -> Result<Vec<(String, String, Option<i64>)>, String> {
        self.taken(args)?;
        self.built(build)
    }

    fn built(&self, build: &[&str]) -> Result<Vec<(String, String, Option<i64>)>, String> {
        let ran = self
            .place
            .run([&["pairs", "build", "--quiet"][..], build].concat());
        if ran.status != Some(0) {
            return Err(ran.to_string());
        }
        self.shown(&[])
    }

    fn shown(&self, args: &[&str]) -> Result<Vec<(String, String, Option<i64>)>, String> {
        let ran = self
            .place
            .run([&["pairs", "show", "--json", "--limit", "1000"][..], args].concat());
        if ran.status != Some(0) {
            return Err(ran.to_string());
        }
        let text = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
        let rows = ran.result();
        let rows = rows.as_array().cloned().unwrap_or_default();
        Ok(rows
            .iter()
            .map(|p| (text(&p["comment"]), text(&p["reply"]), p["score"].as_i64()))
            .collect())
    }

    /// The error of an import that fails with this status and mentions all of this.
    fn refused(&self, args: &[&str], status: i32, says: &[&str]) -> Got {
        let ran = self.import(args);
        let text = format!("{}{}", ran.out, ran.err);
        if ran.status != Some(status) {
            return Err(format!("status {status} was expected: {ran}"));
        }
        match says.iter().find(|part| !text.contains(**part)) {
            Some(part) => Err(format!("{part:?} is not said: {text}")),
            None => Ok(text
                .lines()
                .next_back()
                .unwrap_or_default()
                .chars()
                .take(120)
                .collect()),
        }
    }
}

fn is<T: PartialEq + std::fmt::Debug>(got: T, expected: T) -> Got {
    match got == expected {
        true => Ok(format!("{got:?}").chars().take(90).collect()),
        false => Err(format!("got {got:?}, expected {expected:?}")),
    }
}

fn replies(pairs: &[(String, String, Option<i64>)]) -> Vec<&str> {
    let mut replies: Vec<&str> = pairs.iter().map(|p| p.1.as_str()).collect();
    replies.sort_unstable();
    replies
}

const M: &str = "comment=comment,reply=reply";
const MS: &str = "comment=comment,reply=reply,score=score";

type Case = (&'static str, &'static str, fn(&Row) -> Got);

/// The rows of the table: input, expectation, and check.
fn table() -> Vec<Case> {
    fn row(input: &'static str, expected: &'static str, check: fn(&Row) -> Got) -> Case {
        (input, expected, check)
    }
    vec![
        row("01_bdfr.json", "1 post, 3 comments, 2 pairs", |r| {
            is(r.taken(&[])?, (3, 1, 0))?;
            is(r.built(&[])?.len(), 2)
        }),
        row("03_browser.json", "unescaped", |r| {
            let pairs = r.pairs(&[], &[])?;
            is(pairs[0].0.as_str(), "Is 5 > 3 minutes & safe?")?;
            is(pairs[0].1.as_str(), "> safe?\n\nYes & quick.")
        }),
        row("04_utterances.jsonl", "2 pairs", |r| {
            let pairs = r.pairs(&[], &[])?;
            is(
                replies(&pairs),
                vec![
                    "The flat blue one, by a minute.",
                    "Which kettle boils fastest?",
                ],
            )
        }),
        row("05_flat_comments.csv", "1 comment + 2 replies", |r| {
            is(r.taken(&[])?, (3, 0, 0))?;
            is(r.built(&[])?.len(), 2)
        }),
        row("09_alpaca.json", "4 pairs", |r| {
            is(
                r.pairs(&["--map", "comment=instruction,reply=output"], &[])?
                    .len(),
                4,
            )
        }),
        row("11_messages.jsonl", "rejected: lists", |r| {
            r.refused(
                &["--map", "comment=messages,reply=messages"],
                2,
                &["messages", "lists"],
            )
        }),
        row("12_eli5.jsonl", "rejected, answers.text offered", |r| {
            r.refused(
                &["--map", "comment=title,reply=answers"],
                2,
                &["answers.text"],
            )?;
            let map = [
                "--map",
                "comment=title,reply=answers.text,score=answers.score",
            ];
            is(r.pairs(&map, &[])?.len(), 3)
        }),
        row("13_pairs.jsonl", "did you mean score?", |r| {
            let map = "comment=comment,reply=reply,score=scroe";
            r.refused(&["--map", map], 2, &["scroe", "did you mean", "score"])?;
            r.refused(
                &[],
                2,
                &["reply", "sub", "--map comment=comment,reply=reply"],
            )
        }),
        row("14_surrogate.jsonl", "U+FFFD", |r| {
            let pairs = r.pairs(&["--map", M], &[])?;
            is(pairs.len(), 2)?;
            is(pairs.iter().any(|p| p.0 == "cut emoji \u{FFFD} here"), true)
        }),
        row("15_nan.jsonl", "score unknown", |r| {
            let pairs = r.pairs(&["--map", MS], &[])?;
            is(pairs.len(), 2)?;
            is(
                pairs.iter().find(|p| p.1 == "very hot").and_then(|p| p.2),
                None,
            )
        }),
        row("18_RC.xz", "unxz", |r| r.refused(&[], 2, &["xz"])),
        row("20_database.sqlite", "export as CSV", |r| {
            r.refused(&[], 2, &["SQLite", "CSV"])
        }),
        row("21_book.xlsx", "CSV UTF-8", |r| {
            r.refused(&[], 2, &["workbook", "CSV UTF-8"])
        }),
        row("37_lfs.parquet", "git lfs pull", |r| {
            r.refused(&[], 2, &["git lfs pull"])
        }),
        row("22_sep.csv", "line skipped", |r| {
            is(r.pairs(&["--map", M], &[])?.len(), 2)
        }),
        row("25_nul_bigquery.csv", "NUL removed", |r| {
            is(replies(&r.pairs(&[], &[])?), vec!["no", "very hot"])
        }),
        row("27_nul_rc.ndjson", "NUL removed and counted", |r| {
            let ran = r.import(&[]);
            is(
                ran.result()["sources"][0]["counts"]["nul"].as_u64(),
                Some(1),
            )?;
            is(replies(&r.built(&[])?), vec!["very hot indeed"])
        }),
        row("30_stray_quote.csv", "41 rows", |r| {
            let pairs = r.pairs(&["--map", MS], &[])?;
            is(
                pairs.iter().map(|p| p.1.len()).max().unwrap_or(0) < 40,
                true,
            )?;
            is(pairs.len(), 41)
        }),
        row("31_names.csv", "names in quotes, or from a file", |r| {
            let map = r#"comment="Comment, text",reply=Reply=text,score="My Score""#;
            is(r.pairs(&["--map", map], &[])?.len(), 2)?;
            let file = r.place.write(
                "map.toml",
                "comment = \"Comment, text\"\nreply = \"Reply=text\"\n",
            );
            let other = Row::new(r.path.clone());
            is(
                other
                    .pairs(&["--map-file", file.to_str().unwrap()], &[])?
                    .len(),
                2,
            )
        }),
        row("33_date_bq.csv", "2019-04-01", dated),
        row("33_date_ms.csv", "2019-04-01", dated),
        row("34_time_us.parquet", "2019-04-01", dated),
        row("34_time_ns.parquet", "2019-04-01", dated),
        row("18_RC_plain", "--after 2021: 0 taken", |r| {
            r.refused(&["--after", "2021"], 1, &["date 3"])?;
            is(r.taken(&["--after", "2020-09"])?.0, 3)
        }),
        row("35_binary.parquet", "is it hot / very", |r| {
            let pairs = r.pairs(&["--map", M], &[])?;
            is(pairs.len(), 2)?;
            let hot = pairs.iter().find(|p| p.0 == "is it hot");
            is(hot.map(|p| p.1.as_str()), Some("very"))
        }),
        row("38_deleted_authors.ndjson", "bob's answer kept", |r| {
            let all = r.pairs(&[], &[])?;
            is(all.iter().any(|p| p.1 == "Not at all."), true)?;
            is(r.built(&["--drop-unknown-authors"])?.len(), 0)
        }),
        row("39_u_prefix.csv", "bot dropped, [deleted] known", |r| {
            let map = ["--map", "comment=comment,reply=reply,reply_author=author"];
            is(replies(&r.pairs(&map, &[])?), vec!["gone", "no"])?;
            is(replies(&r.built(&["--drop-unknown-authors"])?), vec!["no"])?;
            is(replies(&r.built(&["--bot", "/u/bob"])?), vec!["gone"])
        }),
        row("40b_removed_notices.ndjson", "all dropped", |r| {
            is(r.pairs(&[], &[])?.len(), 0)
        }),
        row("41_gifs.ndjson", "all dropped", |r| {
            is(r.pairs(&[], &[])?.len(), 0)
        }),
        row("43_two_subs.ndjson", "as kettles; nothing: exit 1", |r| {
            r.refused(&["--subreddit", "r/none"], 1, &["subreddit 4"])?;
            is(r.taken(&["--subreddit", "r/kettles"])?.0, 2)
        }),
        row("50_scores.csv", "1,234 and 1.2k; hidden unknown", |r| {
            let pairs = r.pairs(&["--map", MS], &[])?;
            let score = |reply: &str| pairs.iter().find(|p| p.1 == reply).and_then(|p| p.2);
            is(pairs.len(), 8)?;
            let names = [
                "one", "two", "three", "four", "five", "six", "seven", "eight",
            ];
            is(
                names.map(score),
                [
                    Some(1234),
                    Some(1200),
                    None,
                    None,
                    Some(7),
                    Some(-3),
                    None,
                    None,
                ],
            )
        }),
        row("75_deep26.json", "all comments", |r| {
            let text = std::fs::read_to_string(&r.path).unwrap();
            let all = text.matches("\"kind\": \"t1\"").count() as u64;
            is(r.taken(&[])?.0, all)
        }),
        row("76_fts.jsonl", "words in any place and case", |r| {
            r.pairs(&["--map", M], &[])?;
            is(r.shown(&["--contains", "kettle pan"])?.len(), 1)?;
            is(r.shown(&["--contains", "grösse"])?.len(), 1)?;
            is(r.shown(&["--contains", "STRASSE größe"])?.len(), 1)
        }),
        row("18_RC_plain", "standard input is read", |r| {
            let mut child = r
                .place
                .repartee([&["import", "-", "--json", "--quiet"][..], &GRANTED].concat())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let bytes = std::fs::read(&r.path).unwrap();
            child.stdin.take().unwrap().write_all(&bytes).unwrap();
            let ran = Ran::from(child.wait_with_output().unwrap());
            is(ran.status, Some(0)).map_err(|e| format!("{e}: {ran}"))?;
            is(
                ran.result()["sources"][0]["counts"]["comments"].as_u64(),
                Some(3),
            )
        }),
    ]
}

fn dated(r: &Row) -> Got {
    let map = ["--map", "comment=comment,reply=reply,created=when"];
    let after = [
        &map[..],
        &["--after", "2019-04-01", "--before", "2019-04-02"][..],
    ]
    .concat();
    let of_the_day = r.taken(&after)?;
    let other = Row::new(r.path.clone());
    other.refused(
        &[&map[..], &["--after", "2019-04-02"]].concat(),
        1,
        &["date"],
    )?;
    other.refused(
        &[&map[..], &["--before", "2019-04-01"]].concat(),
        1,
        &["date"],
    )?;
    is(of_the_day.0 > 0, true)?;
    is(of_the_day, other.taken(&map)?)
}

#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn every_row_of_the_field_table_is_right() {
    let field = shared().join("field");
    let mut wrong = Vec::new();
    for (input, expected, check) in table() {
        let got = check(&Row::new(field.join("inputs").join(input)));
        let shown = got.clone().unwrap_or_else(|e| format!("WRONG: {e}"));
        println!("| {input} | {expected} | {} |", shown.replace('\n', " "));
        wrong.extend(got.err().map(|e| format!("{input} ({expected}): {e}")));
    }
    for base in ["gpt_buf_bool", "gpt_eos_map"] {
        let place = Place::with_project();
        let folder = field.join("bases").join(base);
        let ran = place.run(["base", "add", "x", "--from", folder.to_str().unwrap()]);
        println!("| bases/{base} | loads | status {:?} |", ran.status);
        if ran.status != Some(0) {
            wrong.push(format!("bases/{base}: {ran}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn recorded_answers_of_morechildren_are_read() {
    let path = shared().join("reddit/api/TestCommentForest.test_replace__all.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let of_kind = |kind: &str| text.matches(&format!(r#"\"kind\": \"{kind}\""#)).count() as u64;
    let taken = Row::new(path).taken(&[]).unwrap();
    assert_eq!(taken, (of_kind("t1"), of_kind("t3"), 0));
    // the answers of threads contain 490 of them; `morechildren` returned the rest
    assert!(taken.0 > 490);
}

fn own(name: &str, content: impl AsRef<[u8]>) -> Row {
    let place = Place::with_project();
    let path = place.write(name, content);
    Row { place, path }
}

#[test]
fn json_without_rows_is_an_error() {
    for text in [
        r#"{"kind":"Listing","data":{"children":[]}}"#,
        r#"{"json":{"errors":[],"data":{"things":[]}}}"#,
        r#"{"message":"Unauthorized","error":401}"#,
        "[]",
    ] {
        let row = own("a.json", text);
        row.refused(&[], 2, &["a.json"]).unwrap();
        let sources = row.place.engine().sources().unwrap();
        assert!(sources.iter().all(|s| !s.complete), "{text}");
    }
}

#[test]
fn json_lines_are_detected_with_a_first_line_of_any_length() {
    let line = |id: &str, parent: &str, body: &str| {
        format!(
            r#"{{"id":"{id}","link_id":"t3_p1","parent_id":"{parent}","author":"{id}","subreddit":"k","body":"{body}"}}"#
        )
    };
    let long = "word ".repeat(80_000);
    let text = [
        line("c1", "t3_p1", &long),
        line("c2", "t1_c1", "yes"),
        "broken".into(),
    ]
    .join("\n");
    assert_eq!(own("RC", text).taken(&[]).unwrap(), (2, 0, 1));
}

#[test]
fn tables_of_comments_are_read_as_csv_lines_and_arrays() {
    let csv = "utt,answers,says,who\nu-1,,Hello there,ann\nu-2,u-1,Hi yourself,bob\n";
    let rows = [
        ("u-1", "", "Hello there", "ann"),
        ("u-2", "u-1", "Hi yourself", "bob"),
    ];
    let objects: Vec<String> = rows
        .iter()
        .map(|(id, to, text, who)| {
            format!(r#"{{"utt":"{id}","answers":"{to}","says":"{text}","who":"{who}"}}"#)
        })
        .collect();
    let map = ["--map", "id=utt,parent=answers,text=says,author=who"];
    for (name, text) in [
        ("a.csv", csv.to_owned()),
        ("a.jsonl", objects.join("\n")),
        ("a.json", format!("[{}]", objects.join(",\n"))),
        ("b.json", format!("{{\"rows\":[\n{}]}}", objects.join(","))),
        (
            "c.json",
            format!("{{\"n\":2,\"rows\":[{}]}}", objects.join(",")),
        ),
    ] {
        let pairs = own(name, text).pairs(&map, &[]).unwrap();
        assert_eq!(
            pairs,
            [("Hello there".into(), "Hi yourself".into(), None)],
            "{name}"
        );
    }
}

#[test]
fn source_without_imported_rows_can_be_imported_again() {
    let text = r#"{"id":"c1","link_id":"t3_p1","subreddit":"k","body":"yes"}"#;
    let row = own("RC", text);
    for _ in 0..2 {
        row.refused(&["--subreddit", "other"], 1, &["subreddit 1"])
            .unwrap();
    }
    assert_eq!(row.taken(&[]).unwrap().0, 1);
    let ran = row.import(&[]);
    assert_eq!(ran.result()["sources"][0]["already"], true, "{ran}");
}

/// Bytes that unpack to `size`.
fn packed(size: u64, head: &str, body: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(head.as_bytes()).unwrap();
    let block = body.repeat((1 << 20) / body.len());
    for _ in 0..size >> 20 {
        encoder.write_all(&block).unwrap();
    }
    encoder.finish().unwrap()
}

/// Runs an import and returns its result and peak memory in bytes.
fn measured(place: &Place, path: &Path, args: &[&str]) -> (Ran, u64) {
    let all = [
        &["import", path.to_str().unwrap(), "--quiet"][..],
        &GRANTED,
        args,
    ];
    peak_of(place, &all.concat())
}

/// Runs a command and returns its result and peak memory in bytes.
fn peak_of(place: &Place, args: &[&str]) -> (Ran, u64) {
    let mut child = place
        .repartee(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let (mut peak, started) = (0, Instant::now());
    let ended = loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let kb = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
            let kb = kb.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
            peak = peak.max(kb.unwrap_or(0) << 10);
        }
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        assert!(
            started.elapsed() < Duration::from_secs(600),
            "it does not end"
        );
        std::thread::sleep(Duration::from_millis(5));
    };
    let (mut out, mut err) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    let status = ended.code();
    (Ran { status, out, err }, peak)
}

#[test]
fn decompression_bombs_end_in_one_sentence_and_little_memory() {
    let proof = std::env::var_os("REPARTEE_PROOF").is_some();
    let (size, most) = if proof {
        (1 << 30, 512 << 20)
    } else {
        (100 << 20, 400 << 20)
    };
    let map = &["--map", "comment=comment,reply=reply"][..];
    let none = &[][..];
    let bombs: [(&str, &str, &[u8], &[&str]); 8] = [
        ("cell.csv.zst", "comment,reply\na,\"", b"x", map),
        ("header.csv.zst", "comment,reply,", b"x,", map),
        (
            "row.ndjson.zst",
            "{\"id\":\"c1\",\"link_id\":\"t3_p\",\"body\":\"",
            b"x",
            none,
        ),
        ("zeros.json.zst", "[", b"0,", none),
        ("rows.json.zst", "[", b"0,", map),
        ("wide.json.zst", "[{\"comment\":[", b"0,", map),
        ("deep.json.zst", "", b"[", none),
        ("text.json.zst", "[{\"id\":\"c1\",\"body\":\"", b"x", none),
    ];
    for (name, head, body, args) in bombs {
        let place = Place::with_project();
        let path = place.write(name, packed(size, head, body));
        let (ran, peak) = measured(&place, &path, args);
        println!(
            "{name}: {} MB at most, {}",
            peak >> 20,
            ran.err.lines().last().unwrap_or("")
        );
        assert!(matches!(ran.status, Some(1 | 2)), "{name}: {ran}");
        assert!(
            ran.err.contains(name) && !ran.err.contains("panicked"),
            "{name}: {ran}"
        );
        assert!(peak < most, "{name}: {} MB", peak >> 20);
    }
}

/// Whether to run the large bombs, too: their size and the memory limit.
fn bomb_size() -> (usize, u64) {
    match std::env::var_os("REPARTEE_PROOF").is_some() {
        true => (1 << 30, 512 << 20),
        false => (64 << 20, 400 << 20),
    }
}

/// Runs a bomb and checks that it ends in one sentence that mentions this, within the memory.
fn defused(name: &str, place: &Place, args: &[&str], says: &[&str]) {
    let (_, most) = bomb_size();
    let (ran, peak) = peak_of(place, args);
    let said = ran.err.lines().last().unwrap_or_default();
    println!("| {name} | {} MB | {said} |", peak >> 20);
    assert!(matches!(ran.status, Some(1 | 2)), "{name}: {ran}");
    assert!(!ran.err.contains("panicked"), "{name}: {ran}");
    for part in says {
        assert!(
            ran.err.contains(part),
            "{name}: {part:?} is not said: {ran}"
        );
    }
    assert!(peak < most, "{name}: {} MB", peak >> 20);
}

#[test]
fn table_bombs_end_in_one_sentence_and_little_memory() {
    use parquet::basic::{Compression, Encoding};
    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use std::sync::Arc;

    let (size, _) = bomb_size();
    let zstd = Compression::ZSTD(Default::default());
    /// Writes a table with an empty column `q` and a column `r` of this kind, in one page.
    fn table(
        place: &Place,
        r: &str,
        properties: WriterProperties,
        rows: usize,
        write: impl Fn(&mut dyn FnMut(&[ByteArray], Option<&[i16]>, Option<&[i16]>)),
    ) -> PathBuf {
        let schema = format!("message m {{ required binary q (UTF8); {r} }}");
        let schema = Arc::new(parquet::schema::parser::parse_message_type(&schema).unwrap());
        let path = place.path("bomb.parquet");
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let empty = vec![ByteArray::from("q"); 1000];
        for done in (0..rows).step_by(1000) {
            let n = (rows - done).min(1000);
            column
                .typed::<ByteArrayType>()
                .write_batch(&empty[..n], None, None)
                .unwrap();
        }
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        write(&mut |values, def, rep| {
            column
                .typed::<ByteArrayType>()
                .write_batch(values, def, rep)
                .unwrap();
        });
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        path
    }
    let plain = |codec| {
        WriterProperties::builder()
            .set_compression(codec)
            .set_dictionary_enabled(false)
            .set_data_page_size_limit(usize::MAX)
            .set_data_page_row_count_limit(usize::MAX)
            .set_write_batch_size(1 << 20)
    };
    let text = "required binary r (UTF8);";
    let list =
        "optional group r (LIST) { repeated group list { required binary element (UTF8); } }";
    let import = |place: &Place, path: &Path, name: &str, says: &[&str]| {
        let args = [
            &[
                "import",
                path.to_str().unwrap(),
                "--quiet",
                "--map",
                "comment=q,reply=r",
            ][..],
            &GRANTED,
        ];
        defused(name, place, &args.concat(), says);
    };

    // one cell of the whole size
    let place = Place::with_project();
    let path = table(&place, text, plain(zstd).build(), 1, |write| {
        write(&[ByteArray::from(vec![b'x'; size])], None, None);
    });
    import(&place, &path, "parquet: one cell", &["bomb.parquet", "MB"]);

    // many cells in one page, packed in every way
    let rows = size >> 10;
    let codecs = [
        zstd,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::LZ4_RAW,
    ];
    for codec in codecs.into_iter().filter(|_| size > 112 << 20) {
        let place = Place::with_project();
        let path = table(&place, text, plain(codec).build(), rows, |write| {
            let cells = vec![ByteArray::from(vec![b'x'; 1020]); 1024];
            (0..rows / 1024).for_each(|_| write(&cells, None, None));
        });
        import(
            &place,
            &path,
            &format!("parquet: one page, {codec}"),
            &["page of it expands"],
        );
    }

    // a dictionary with one long text, in every row
    let place = Place::with_project();
    // 4 GB of text; more would take the writer long, which hashes every cell
    let (long, rows) = (8 << 20, 512);
    let properties = WriterProperties::builder()
        .set_compression(zstd)
        .set_dictionary_page_size_limit(usize::MAX)
        .set_write_batch_size(8)
        .build();
    let path = table(&place, text, properties, rows, |write| {
        let cells = vec![ByteArray::from(vec![b' '; long]); 8];
        (0..rows / 8).for_each(|_| write(&cells, None, None));
    });
    import(
        &place,
        &path,
        "parquet: one text in every row",
        &["MB of text"],
    );

    // a list of four million empty texts in one row; a longer one is stopped by the size of its page
    let place = Place::with_project();
    let items = 4 << 20;
    let path = table(&place, list, plain(zstd).build(), 1, |write| {
        let (values, def) = (vec![ByteArray::from(""); items], vec![2; items]);
        let mut rep = vec![1; items];
        rep[0] = 0;
        write(&values, Some(&def), Some(&rep));
    });
    import(&place, &path, "parquet: one list", &["a row of it has"]);

    // texts with shared prefixes: each is as long as all of them
    let place = Place::with_project();
    let (shared, rows) = (3 << 20, 1024);
    let delta = plain(zstd)
        .set_column_encoding("r".into(), Encoding::DELTA_BYTE_ARRAY)
        .build();
    let path = table(&place, text, delta, rows, |write| {
        let cells = vec![ByteArray::from(vec![b'x'; shared]); 16];
        (0..rows / 16).for_each(|_| write(&cells, None, None));
    });
    import(
        &place,
        &path,
        "parquet: shared beginnings",
        &["bomb.parquet", "MB"],
    );

    // a comment that is copied to each of many replies
    let place = Place::with_project();
    let (title, replies) = ("x".repeat(8 << 20), r#""y","#.repeat(100_000));
    let line = format!("{{\"q\":\"{title}\",\"r\":[{replies}\"z\"]}}\n");
    let path = place.write("bomb.parquet.jsonl", line);
    import(
        &place,
        &path,
        "lines: a comment of 8 MB with 100,000 replies",
        &["would expand"],
    );

    // names as long as a row
    let place = Place::with_project();
    let path = place.write(
        "bomb.csv",
        format!("{},b\n1,2\n", "comment".repeat(2 << 20)),
    );
    import(
        &place,
        &path,
        "csv: a column with a name of 14 MB",
        &["no column"],
    );
}

/// A model's folder with one file replaced.
fn model_with(place: &Place, name: &str, write: impl FnOnce(&mut std::fs::File)) -> PathBuf {
    let folder = place.path("model");
    std::fs::create_dir_all(&folder).unwrap();
    let (config, weights) = repartee_tests::fuzz::tiny_model();
    let words = repartee_tests::fuzz::VOCABULARY.join("\n").into_bytes();
    for (file, bytes) in [
        ("config.json", config),
        ("model.safetensors", weights),
        ("vocab.txt", words),
    ] {
        std::fs::write(folder.join(file), bytes).unwrap();
    }
    write(&mut std::fs::File::create(folder.join(name)).unwrap());
    folder
}

#[test]
fn model_bombs_end_in_one_sentence_and_little_memory() {
    let (size, _) = bomb_size();
    let (config, weights) = repartee_tests::fuzz::tiny_model();
    let add = |name: &str, file: &str, says: &[&str], write: &dyn Fn(&mut std::fs::File)| {
        let place = Place::with_project();
        let folder = model_with(&place, file, write);
        let args = ["base", "add", "x", "--from", folder.to_str().unwrap()];
        defused(name, &place, &args, says);
    };
    let sparse = |head: &[u8]| {
        let head = head.to_vec();
        move |file: &mut std::fs::File| {
            file.write_all(&head).unwrap();
            file.set_len(size as u64).unwrap();
        }
    };
    // sparse files of the whole size
    add(
        "config.json, all blank",
        "config.json",
        &["config.json", "MB"],
        &sparse(&config),
    );
    add(
        "tokenizer.json, all blank",
        "tokenizer.json",
        &["tokenizer.json"],
        &sparse(b"{}"),
    );
    add(
        "vocab.txt, one line",
        "vocab.txt",
        &["vocab.txt"],
        &sparse(b"x"),
    );
    let length = (size as u64).to_le_bytes();
    add(
        "safetensors: a list of the whole size",
        "model.safetensors",
        &["list of tensors"],
        &sparse(&length),
    );
    let index = |file: &mut std::fs::File| file.set_len(size as u64).unwrap();
    add(
        "vocab.json, all blank",
        "vocab.json",
        &["vocab.json"],
        &index,
    );

    // lists and vocabularies with as many entries as their size allows
    let many = |n: usize, each: &dyn Fn(usize) -> String| -> String {
        (0..n).map(each).collect::<Vec<_>>().join(",")
    };
    add(
        "tokenizer.json: nested",
        "tokenizer.json",
        &["tokenizer.json"],
        &|file| {
            file.write_all(&b"[".repeat(size.min(40 << 20))).unwrap();
        },
    );
    add(
        "tokenizer.json: words",
        "tokenizer.json",
        &["values"],
        &|file| {
            let words = many(2_000_000, &|n| format!("\"w{n}\":{n}"));
            write!(
                file,
                "{{\"model\":{{\"type\":\"WordPiece\",\"vocab\":{{{words}}}}}}}"
            )
            .unwrap();
        },
    );
    add(
        "vocab.txt: words",
        "vocab.txt",
        &["vocab.txt", "lines"],
        &|file| {
            file.write_all(&b"w\n".repeat(20 << 20)).unwrap();
        },
    );
    let header = |list: &str| [&(list.len() as u64).to_le_bytes()[..], list.as_bytes()].concat();
    add(
        "safetensors: many tensors",
        "model.safetensors",
        &["tensors"],
        &|file| {
            let one =
                |n| format!("\"t{n}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}");
            file.write_all(&header(&format!("{{{}}}", many(200_000, &one))))
                .unwrap();
        },
    );
    add(
        "safetensors: one place, many tensors",
        "model.safetensors",
        &["not a complete safetensors file"],
        &|file| {
            let bytes = size / 2;
            let one = |n| {
                format!(
                    "\"t{n}\":{{\"dtype\":\"U8\",\"shape\":[{bytes}],\"data_offsets\":[0,{bytes}]}}"
                )
            };
            file.write_all(&header(&format!("{{{}}}", many(1000, &one))))
                .unwrap();
            file.set_len(2 * size as u64).unwrap();
        },
    );
    // counts that the file does not support
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    for field in [
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
        "pad_token_id",
    ] {
        for count in [64, 900, 1_000_000, 1_000_000_000] {
            let mut wrong = config.clone();
            wrong[field] = count.into();
            add(
                &format!("config.json: {field} {count}"),
                "config.json",
                &[],
                &|file| {
                    write!(file, "{wrong}").unwrap();
                },
            );
        }
    }
    // a tensor that no model uses is skipped, whatever its size
    let place = Place::with_project();
    let folder = model_with(&place, "model.safetensors", |file| {
        let list = u64::from_le_bytes(*weights.first_chunk().unwrap()) as usize;
        let (list, data) = weights[8..].split_at(list);
        let (from, to) = (data.len(), data.len() + size);
        let extra = format!(
            "{{\"extra\":{{\"dtype\":\"U8\",\"shape\":[{size}],\"data_offsets\":[{from},{to}]}},"
        );
        let list = [extra.as_bytes(), &list[1..]].concat();
        file.write_all(&header(std::str::from_utf8(&list).unwrap()))
            .unwrap();
        file.write_all(data).unwrap();
        let end = file.metadata().unwrap().len();
        file.set_len(end + size as u64).unwrap();
    });
    let (ran, peak) = peak_of(
        &place,
        &["base", "add", "x", "--from", folder.to_str().unwrap()],
    );
    println!(
        "| safetensors: a tensor of no use | {} MB | added without it |",
        peak >> 20
    );
    assert_eq!(ran.status, Some(0), "{ran}");
    assert!(peak < bomb_size().1, "{} MB", peak >> 20);
}

#[cfg(unix)]
#[test]
fn pipes_of_every_kind_are_read_as_streams() {
    let lines = "{\"id\":\"c1\",\"link_id\":\"t3_p\",\"parent_id\":\"t3_p\",\"body\":\"is it hot\",\"subreddit\":\"k\"}\n\
        {\"id\":\"c2\",\"link_id\":\"t3_p\",\"parent_id\":\"t1_c1\",\"body\":\"very\",\"subreddit\":\"k\"}\n";
    let table = "comment,reply\nis it hot,very\n";
    let permissions = GRANTED.map(|arg| format!("'{arg}'")).join(" ");
    let binary = repartee_tests::binary().display();
    let map = format!("--map {M}");
    for (what, command) in [
        ("lines", "import <(cat RC)"),
        ("a dump", "import <(cat RC.zst)"),
        ("a table", "import <(cat table.csv) MAP"),
        ("- as a pipe", "cat RC | import -"),
        ("- as a file", "import - < RC.zst"),
        ("/dev/stdin as a pipe", "cat RC.zst | import /dev/stdin"),
        ("/dev/stdin as a file", "import /dev/stdin < RC"),
        (
            "a FIFO",
            "mkfifo fifo; (cat table.csv > fifo &); import fifo MAP",
        ),
        (
            "a slow pipe",
            "(head -c 50 RC; sleep 1; tail -c +51 RC) | import -",
        ),
    ] {
        let place = Place::with_project();
        place.write("RC", lines);
        place.write("RC.zst", zstd::encode_all(lines.as_bytes(), 3).unwrap());
        place.write("table.csv", table);
        let import = format!("{binary} import --quiet --json {permissions}");
        let (before, after) = command.split_once("import ").unwrap();
        let script = format!("{before}{import} {}", after.replace("MAP", &map));
        let ran = Ran::from(
            std::process::Command::new("bash")
                .args(["-c", &script])
                .current_dir(place.folder())
                .env(repartee_engine::machine::STATE_FOLDER, place.state())
                .env_remove("REPARTEE_PROJECT")
                .stdin(Stdio::null())
                .output()
                .unwrap(),
        );
        assert_eq!(ran.status, Some(0), "{what}: {ran}");
        assert_eq!(
            ran.result()["sources"][0]["counts"]["comments"],
            2,
            "{what}: {ran}"
        );
        assert_eq!(
            ran.result()["sources"][0]["complete"],
            true,
            "{what}: {ran}"
        );
        place.ok(["pairs", "build", "--quiet"]);
        let pairs = place.ok(["pairs", "show", "--json"]).result();
        assert_eq!(pairs[0]["reply"], "very", "{what}");
    }
}

#[test]
fn killed_import_is_incomplete_and_a_second_one_completes_it() {
    let place = Place::with_project();
    let mut lines = Vec::new();
    repartee_datasets::sample::write_ndjson(&mut lines, 5, 4_000).unwrap();
    let path = place.write("dump.ndjson", &lines);
    let mut child = place
        .repartee([&["import", "-", "--quiet"][..], &GRANTED].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // half of it, and the pipe stays open: the import is in the middle
    let mut to = child.stdin.take().unwrap();
    let half = lines[..lines.len() / 2].to_vec();
    let writer = std::thread::spawn(move || {
        let _ = to.write_all(&half);
        to
    });
    let started = Instant::now();
    let stored = || {
        let db = rusqlite::Connection::open(place.project()).unwrap();
        db.busy_timeout(Duration::from_secs(30)).unwrap();
        db.query_row("SELECT count(*) FROM comment", [], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap()
    };
    while stored() == 0 {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "nothing was stored"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(writer.join());
    let kept = stored();
    let whole = Row {
        place: Place::with_project(),
        path: path.clone(),
    };
    let all = whole.taken(&[]).unwrap();
    assert!(kept > 0 && (kept as u64) < all.0, "{kept} of {}", all.0);
    let again = Row { place, path };
    assert!(
        again
            .place
            .engine()
            .sources()
            .unwrap()
            .iter()
            .all(|s| !s.complete)
    );
    let ran = again.import(&[]);
    assert_eq!(ran.status, Some(0), "{ran}");
    let source = &ran.result()["sources"][0];
    assert_eq!(
        (&source["complete"], &source["already"]),
        (&true.into(), &false.into())
    );
    assert!(source["counts"]["known"].as_u64().unwrap() > 0, "{ran}");
    let db = rusqlite::Connection::open(again.place.project()).unwrap();
    let now: i64 = db
        .query_row("SELECT count(*) FROM comment", [], |row| row.get(0))
        .unwrap();
    assert_eq!(now as u64, all.0);
}

#[test]
fn variants_of_the_field_table_are_right() {
    let table = "comment,reply,score\nis it hot,\"very, very\",\"1,234\"\nis it cold,no,\n";
    let semicolons = "comment;reply;score\nis it hot;\"very, very\";\"1,234\"\nis it cold;no;\n";
    let utf16 = |text: &str, big: bool| -> Vec<u8> {
        let unit = |u: u16| {
            if big {
                u.to_be_bytes()
            } else {
                u.to_le_bytes()
            }
        };
        format!("\u{FEFF}{text}")
            .encode_utf16()
            .flat_map(unit)
            .collect()
    };
    let lines = |end: &str| table.replace('\n', end).into_bytes();
    for (name, bytes) in [
        ("plain.csv", lines("\n")),
        ("crlf.csv", lines("\r\n")),
        ("blank.csv", lines("\n\n")),
        ("bom.csv", [b"\xEF\xBB\xBF", table.as_bytes()].concat()),
        ("le.csv", utf16(table, false)),
        ("be.csv", utf16(table, true)),
        ("semicolons.csv", semicolons.into()),
        ("pipes.csv", semicolons.replace(';', "|").into()),
        ("tabs.tsv", semicolons.replace(';', "\t").into()),
        ("sep.csv", format!("sep=;\r\n{semicolons}").into()),
        (
            "packed.csv.zst",
            zstd::encode_all(table.as_bytes(), 3).unwrap(),
        ),
    ] {
        let mut pairs = own(name, bytes).pairs(&["--map", MS], &[]).unwrap();
        pairs.sort();
        let expected = [
            ("is it cold", "no", None),
            ("is it hot", "very, very", Some(1234)),
        ]
        .map(|(comment, reply, score)| (comment.to_owned(), reply.to_owned(), score));
        assert_eq!(pairs, expected, "{name}");
    }
    let row = r#"{"comment":"is it hot","reply":"very"}"#;
    for (name, text) in [
        ("array.json", format!("[{row}]")),
        ("arrays.json", format!("[[{row}],[]]")),
        (
            "object.json",
            format!(r#"{{"version":"1","data":[{row}]}}"#),
        ),
        ("bom.jsonl", format!("\u{FEFF}{row}\n")),
        ("commas.jsonl", format!("{row},\n{row},\n")),
        ("together.json", format!("{row}{row}")),
    ] {
        let pairs = own(name, text).pairs(&["--map", M], &[]).unwrap();
        assert_eq!(pairs, [("is it hot".into(), "very".into(), None)], "{name}");
    }
    for (name, bytes, says) in [
        (
            "messages.jsonl",
            &br#"{"messages":[{"role":"user","content":"a"}]}"#[..],
            "--map",
        ),
        (
            "typo.csv",
            b"comment,replies\na,b\n",
            "did you mean \"replies\"",
        ),
        ("utf32.csv", b"\xFF\xFE\0\0c\0\0\0", "UTF-32"),
        ("old.lzma", b"\x5D\0\0\x80\0\xFF\xFF\xFF\xFF", "unlzma"),
        ("latin.csv", b"comment,reply\ngr\xFC\xDFe,x\n", "CSV UTF-8"),
    ] {
        let map: &[&str] = if says == "--map" { &[] } else { &["--map", M] };
        own(name, bytes)
            .refused(map, 2, &[name, says])
            .unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn counts_in_a_config_must_match_its_file() {
    let from = shared().join("field/bases/gpt_eos_map");
    let place = Place::with_project();
    let folder = place.path("model");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(&from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            let to = folder.join(entry.file_name());
            std::fs::write(to, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    for layers in [1_000_000_000, 900] {
        let mut wrong = config.clone();
        wrong["n_layer"] = layers.into();
        std::fs::write(folder.join("config.json"), wrong.to_string()).unwrap();
        let ran = place.run(["base", "add", "x", "--from", folder.to_str().unwrap()]);
        assert_eq!(ran.status, Some(2), "{ran}");
        assert!(ran.err.contains("layer"), "{ran}");
    }
}
