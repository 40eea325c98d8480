//! The files of the shared folder, as one table, and variants of them.

use super::*;

fn is<T: PartialEq + std::fmt::Debug>(got: T, expected: T) -> Got {
    match got == expected {
        true => Ok(format!("{got:?}").chars().take(90).collect()),
        false => Err(format!("got {got:?}, expected {expected:?}")),
    }
}

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
