use repartee_datasets::id::encode;
use repartee_datasets::{Comment, GoneRecord, Origin, Partition, Post, Recipe, Record, Rejected};

use crate::Store;
use crate::marks::Marked;
use crate::purge::Gone;
use crate::runs::RunSample;
use crate::study::REGISTERED;
use crate::tests::{comment, filled, project, source, with_runs};

fn gone(id: i64) -> Gone {
    Gone {
        name: format!("t1_{}", encode(id)),
        why: "deleted".into(),
    }
}

fn marked(store: &Store) -> Vec<(Marked, String)> {
    let marks = store.marks().unwrap();
    marks.into_iter().map(|m| (m.what, m.name)).collect()
}

#[test]
fn items_older_than_marks_are_marked_by_their_split() {
    let (_dir, store, split, _) = with_runs();
    let of = |partition| store.split_pair_ids(split, partition).unwrap()[0];
    store.purge(&[gone(of(Partition::Test))], "ada", 5).unwrap();
    assert_eq!(marked(&store), []);
    let done = store.purge(&[gone(of(Partition::Val))], "ada", 6).unwrap();
    let runs = ["generator", "realism", "upvotes"];
    let want: Vec<_> = runs.map(|name| (Marked::Run, name.to_owned())).to_vec();
    assert_eq!(marked(&store), want);
    assert_eq!(done.marked.len(), 3);
    store
        .purge(&[gone(of(Partition::Train))], "ada", 7)
        .unwrap();
    let marks = store.marks().unwrap();
    assert!(
        marks
            .iter()
            .all(|m| (m.pairs, m.first_ms, m.last_ms) == (2, 6, 7)),
        "{marks:?}"
    );
}

#[test]
fn only_items_that_saw_a_text_and_their_later_products_are_marked() {
    let (_dir, store, split, runs) = with_runs();
    let train = store.split_pair_ids(split, Partition::Train).unwrap();
    store
        .run_saw(runs[0], Partition::Train, &train[..3], None)
        .unwrap();
    store
        .run_saw(runs[1], Partition::Train, &train[3..], None)
        .unwrap();
    store.run_saw(runs[2], Partition::Train, &[], None).unwrap();
    store.purge(&[gone(train[1])], "ada", 5).unwrap();
    assert_eq!(marked(&store), [(Marked::Run, "generator".into())]);
    // a run that read the text before it was purged, and was stored after that
    store
        .run_saw(runs[2], Partition::Val, &train[..2], None)
        .unwrap();
    assert!(store.is_marked(Marked::Run, runs[2]).unwrap());
    let base = store.base("b").unwrap().id;
    store.base_mark(base, "deleted", 9).unwrap();
    store.run_saw(runs[1], Partition::Val, &[], None).unwrap();
    let mark = store.marks().unwrap();
    let realism = mark.iter().find(|m| m.name == "realism").unwrap();
    assert_eq!((realism.via.as_str(), realism.pairs), ("base", 0));
    // a mark is removed with what it marks, and a reused id is clean
    store
        .write_bare(|db| {
            db.execute("DELETE FROM run WHERE id = ?1", [runs[2]])?;
            Ok(())
        })
        .unwrap();
    assert!(!store.is_marked(Marked::Run, runs[2]).unwrap());
}

#[test]
fn quotes_are_removed_with_the_text_and_other_words_stay() {
    let (_dir, store) = project();
    let source = source(&store);
    let text = "my number is five five one two three four";
    let reply = format!("> {text}\n\nI would not write that here, my friend");
    let records = [
        comment(10, None, "ann", text),
        comment(11, Some(10), "bob", &reply),
        comment(12, Some(10), "cid", "something else altogether, said by me"),
    ];
    store.records_upsert(source, &records).unwrap();
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    store.pairs_index(|_| true).unwrap();
    let rows = [
        Rejected::new(3, "not JSON", format!("{{\"body\":\"{text}").as_bytes()),
        Rejected::new(
            4,
            "not JSON",
            format!("{{\"id\":\"{}\",\"body\":\"", encode(10)).as_bytes(),
        ),
        Rejected::new(5, "not JSON", b"{\"id\":\"zzz\",\"body\":"),
    ];
    store.rejected_insert(source, &rows).unwrap();
    store.purge(&[gone(10)], "ada", 5).unwrap();
    store.scrub().unwrap();
    let body = |id| store.comment(id).unwrap().unwrap().body;
    assert_eq!(
        body(11),
        "> [deleted]\n\nI would not write that here, my friend"
    );
    assert_eq!(body(12), "something else altogether, said by me");
    let left: Vec<bool> = store
        .rejected(source, 0, 9)
        .unwrap()
        .iter()
        .map(|row| row.excerpt.is_empty())
        .collect();
    assert_eq!(left, [true, true, false]);
    let bytes = std::fs::read(store.path()).unwrap();
    let words: Vec<&str> = text.split(' ').collect();
    for run in words.windows(5) {
        let run = run.join(" ");
        assert!(
            !bytes.windows(run.len()).any(|w| w == run.as_bytes()),
            "{run}"
        );
    }
    assert!(store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn registered_hypotheses_lose_their_quotes_and_keep_the_rest() {
    let (_dir, store) = project();
    let source = source(&store);
    let text = "my number is five five one two three four";
    let records = [comment(10, None, "ann", text)];
    store.records_upsert(source, &records).unwrap();
    let registered = |whole: &str, part: &str| {
        let hypotheses = [whole, part].map(|text| serde_json::json!({"text": text, "hash": "h"}));
        serde_json::json!([{"split": "main", "hypotheses": hypotheses}])
    };
    let (whole, part) = (
        format!("fewer write: {text}"),
        "nor is five five one two three, either",
    );
    let before = registered(&whole, part);
    store.set_setting(REGISTERED, &before).unwrap();
    store.purge(&[gone(10)], "ada", 5).unwrap();
    let after: Option<serde_json::Value> = store.setting(REGISTERED).unwrap();
    let expected = registered("fewer write: [deleted]", "nor [deleted], either");
    assert_eq!(after, Some(expected));
}

#[test]
fn one_word_of_a_purged_text_removes_no_name() {
    let (_dir, store) = filled(8);
    let pair = store
        .pairs_of(
            &store
                .pair_ids(&Default::default(), Default::default(), false)
                .unwrap(),
        )
        .unwrap()[0]
        .clone();
    let records = [comment(pair.comment_id + 100_000, None, "ann", "main")];
    store.records_upsert(source(&store), &records).unwrap();
    store.set_setting("split", &"main").unwrap();
    store
        .job_insert(
            "j",
            "generate",
            r#"{"split":"main","comment":"main"}"#,
            None,
            1,
        )
        .unwrap();
    store
        .purge(&[gone(pair.comment_id + 100_000)], "ada", 5)
        .unwrap();
    assert_eq!(
        store.setting::<String>("split").unwrap().as_deref(),
        Some("main")
    );
    let params = store.job("j").unwrap().unwrap().params;
    assert_eq!(params, r#"{"comment":"","split":"main"}"#);
}

#[test]
fn sample_of_a_deleted_pair_is_not_stored() {
    let (_dir, store, split, runs) = with_runs();
    let pair = store.split_pair_ids(split, Partition::Val).unwrap()[0];
    let asked = store.pairs_of(&[pair]).unwrap()[0].clone();
    let sample = |step| RunSample {
        step,
        n: 0,
        pair_id: Some(pair),
        comment: String::new(),
        text: "what the model wrote".into(),
    };
    assert!(store.run_sample_add(runs[0], &sample(1)).unwrap());
    assert_eq!(
        store.run_samples(runs[0]).unwrap()[0].comment,
        asked.comment
    );
    store.purge(&[gone(asked.comment_id)], "ada", 5).unwrap();
    assert_eq!(store.run_samples(runs[0]).unwrap()[0].text, "");
    assert!(!store.run_sample_add(runs[0], &sample(2)).unwrap());
}

#[test]
fn logs_parameters_and_outcomes_of_an_older_project_lose_their_texts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.repartee");
    {
        let db = rusqlite::Connection::open(&path).unwrap();
        let id = crate::APPLICATION_ID;
        db.execute_batch(&format!(
            "PRAGMA application_id = {id}; PRAGMA foreign_keys = OFF;"
        ))
        .unwrap();
        for schema in [
            include_str!("schema/1_project.sql"),
            include_str!("schema/2_window.sql"),
            include_str!("schema/3_reddit.sql"),
        ] {
            db.execute_batch(schema).unwrap();
        }
        db.execute_batch(
            r#"INSERT INTO job (id, kind, params, state, beat_ms, outcome, created_ms) VALUES
                 ('a', 'train', '{"config":""}', 'done', 1, '{}', 1),
                 ('b', 'generate', '{"comments":[{"comment":"a text"}],"batch":3}', 'done', 1,
                  '{"generation":1,"comments":[{"comment":"a text"}],"queued":[2]}', 1),
                 ('c', 'draft', '{"generate":{"comments":[{"comment":"a text"}]}}', 'done', 1,
                  '{"fetched":{"threads":[{"title":"a text"}]},"generated":{"comments":["a text"]}}', 1),
                 ('d', 'generate', 'no JSON', 'done', 1, NULL, 1),
                 ('e', 'generate', '{"comments":[{"comment":"still to be answered"}]}', 'paused', 1, NULL, 1);
               INSERT INTO job_log (job_id, at_ms, text) VALUES
                 ('a', 1, 'step 30: a text -> what was written'), ('a', 2, 'step 30: validation loss 2.0');
               PRAGMA user_version = 3;"#,
        )
        .unwrap();
    }
    let store = Store::open(&path).unwrap();
    for job in store.jobs().unwrap() {
        assert!(!job.params.contains("a text"), "{}", job.params);
        assert!(
            !job.outcome.unwrap_or_default().contains("a text"),
            "{}",
            job.id
        );
    }
    assert!(
        store
            .job("b")
            .unwrap()
            .unwrap()
            .params
            .contains("\"batch\":3")
    );
    assert!(
        store
            .job("e")
            .unwrap()
            .unwrap()
            .params
            .contains("still to be answered")
    );
    let lines: Vec<String> = store
        .job_lines("a")
        .unwrap()
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(lines, ["step 30: validation loss 2.0"]);
}

/// The runs of five words of a text that are in the file or its log.
fn runs_left(store: &Store, text: &str) -> Vec<String> {
    let mut bytes = std::fs::read(store.path()).unwrap();
    bytes.extend(std::fs::read(crate::beside(store.path(), "-wal")).unwrap_or_default());
    let words: Vec<&str> = text.split(' ').collect();
    let runs = words.windows(5).map(|run| run.join(" "));
    runs.filter(|run| bytes.windows(run.len()).any(|w| w == run.as_bytes()))
        .collect()
}

#[test]
fn quotes_under_the_post_are_removed_in_every_form() {
    const TEXT: &str = "qone qtwo qthree qfour qfive qsix qseven qeight qnine qten";
    let half = |from: usize, to: usize| {
        let words: Vec<&str> = TEXT.split(' ').collect();
        words[from..to].join(" ")
    };
    let forms = [
        format!("> {TEXT}\n\nmine alone, number one"),
        format!(
            "&gt; {}\n&gt; {}\n\nmine alone, number two",
            half(0, 5),
            half(5, 10)
        ),
        format!("you wrote \"{}\", so mine is three", half(2, 8)),
        format!("you wrote \u{201c}{}\u{201d}, so mine is four", half(4, 10)),
        format!(
            "> {}\n{}\n\nmine alone, number five",
            half(0, 6),
            half(6, 10)
        ),
        format!("> > {TEXT}\n\n> another said\n\nmine alone, number six"),
        format!("somebody said {} and it is mine, number seven", half(0, 9)),
        format!("&amp;gt; {TEXT}\n\nmine alone, number eight"),
    ];
    let (_dir, store) = project();
    let source = source(&store);
    let mut records = vec![comment(10, None, "ann", TEXT)];
    // a chain of answers: child, grandchild, and so on; and siblings
    for (n, form) in (0..).zip(&forms) {
        let parent = if n % 2 == 0 { Some(10 + n) } else { None };
        records.push(comment(11 + n, parent, "bob", form));
    }
    store.records_upsert(source, &records).unwrap();
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    store.pairs_index(|_| true).unwrap();
    assert!(!runs_left(&store, TEXT).is_empty());
    let done = store.purge(&[gone(10)], "ada", 5).unwrap();
    store.scrub().unwrap();
    assert_eq!(done.redacted, forms.len() as u64);
    assert_eq!(runs_left(&store, TEXT), Vec::<String>::new());
    for n in 0..forms.len() as i64 {
        let body = store.comment(11 + n).unwrap().unwrap().body;
        assert!(
            body.contains("mine") && body.contains("[deleted]"),
            "{body}"
        );
    }
    assert!(store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn quotes_of_a_post_are_removed_from_imported_and_fetched_texts() {
    const TITLE: &str = "tone ttwo tthree tfour tfive tsix";
    const SELF: &str = "sone stwo sthree sfour sfive ssix";
    const COMMENT: &str = "cone ctwo cthree cfour cfive csix";
    let (_dir, store) = project();
    let source = source(&store);
    let post = encode(7);
    let records = [
        Record::Post(Post {
            id: 7,
            subreddit: "Quiet".into(),
            author: Some("ann".into()),
            title: TITLE.into(),
            selftext: format!("{SELF}\n\nEDIT: \"{COMMENT}\""),
            score: Some(1),
            created_utc: Some(1),
            retrieved_utc: None,
        }),
        comment(10, None, "bob", COMMENT),
        comment(11, Some(10), "cid", &format!("> {SELF}\n\nmine, says cid")),
        comment(
            12,
            Some(11),
            "dan",
            &format!("the title is {TITLE}, mine, says dan"),
        ),
    ];
    let records = records.map(|record| match record {
        Record::Comment(mut comment) => {
            comment.link_id = 7;
            Record::Comment(comment)
        }
        post => post,
    });
    store.records_upsert(source, &records).unwrap();
    let fetched =
        |name: &str, parent: Option<usize>, body: &str| crate::threads::NewThreadComment {
            parent,
            name: Some(format!("t1_{name}")),
            author: Some("eve".into()),
            body: body.into(),
            parent_name: Some(format!("t3_{post}")),
            ..Default::default()
        };
    store
        .thread_insert(
            &crate::threads::NewThread {
                origin: "reddit".into(),
                subreddit: "Quiet".into(),
                title: TITLE.into(),
                body: SELF.into(),
                name: Some(format!("t3_{post}")),
                permalink: format!("/r/Quiet/comments/{post}/tone_ttwo_tthree_tfour_tfive_tsix/"),
                comments: vec![
                    fetched("live1", None, "an answer"),
                    fetched(
                        "live2",
                        Some(0),
                        &format!("&gt; {COMMENT}\n\nand eve adds this"),
                    ),
                    fetched(
                        "live3",
                        Some(1),
                        &format!("\u{201c}{SELF}\u{201d} and eve adds more"),
                    ),
                ],
                ..Default::default()
            },
            1,
        )
        .unwrap();
    // the comment alone: it is quoted in the post's text and under the fetched post
    store.purge(&[gone(10)], "ada", 5).unwrap();
    store.scrub().unwrap();
    assert_eq!(runs_left(&store, COMMENT), Vec::<String>::new());
    assert!(!runs_left(&store, SELF).is_empty());
    let all = Gone {
        name: format!("t3_{post}"),
        why: "deleted".into(),
    };
    store.purge(&[all], "ada", 6).unwrap();
    store.scrub().unwrap();
    for text in [TITLE, SELF, COMMENT] {
        assert_eq!(runs_left(&store, text), Vec::<String>::new());
    }
    let body = |id| store.comment(id).unwrap().unwrap().body;
    assert_eq!(body(11), "> [deleted]\n\nmine, says cid");
    assert_eq!(body(12), "the title is [deleted], mine, says dan");
}

#[test]
fn models_trained_on_a_quote_are_marked_too() {
    let (_dir, store, split, runs) = with_runs();
    let train = store.split_pair_ids(split, Partition::Train).unwrap();
    let pairs = store.pairs_of(&train).unwrap();
    // a comment under the post of a training pair, without being part of one, quoted in its reply
    let text = "zone ztwo zthree zfour zfive zsix zseven";
    let pair = &pairs[0];
    let mut quoted = comment(900_000, None, "ann", text);
    let mut reply = comment(
        pair.id,
        Some(pair.comment_id),
        "bob",
        &format!("she said {text} once"),
    );
    for record in [&mut quoted, &mut reply] {
        if let Record::Comment(comment) = record {
            comment.link_id = pair.thread_id;
        }
    }
    store
        .records_upsert(source(&store), &[quoted, reply])
        .unwrap();
    store
        .write_bare(|db| {
            Ok(db.execute(
                "UPDATE comment SET body = ?2 WHERE id = ?1",
                rusqlite::params![pair.id, format!("she said {text} once")],
            )?)
        })
        .unwrap();
    store
        .run_saw(runs[0], Partition::Train, &[pair.id], None)
        .unwrap();
    store
        .run_saw(runs[1], Partition::Train, &train[1..2], None)
        .unwrap();
    store.run_saw(runs[2], Partition::Train, &[], None).unwrap();
    store.purge(&[gone(900_000)], "ada", 5).unwrap();
    store.scrub().unwrap();
    assert_eq!(runs_left(&store, text), Vec::<String>::new());
    assert!(store.is_marked(Marked::Run, runs[0]).unwrap());
    assert!(!store.is_marked(Marked::Run, runs[2]).unwrap());
}

#[test]
fn rejected_row_is_removed_by_an_id_anywhere_in_it() {
    let (_dir, store) = project();
    let source = source(&store);
    let text = "rone rtwo rthree rfour rfive rsix";
    let long = "x".repeat(300);
    let id = encode(10);
    let row = |text: String| text.into_bytes();
    let rows = [
        // its id, which is nowhere else, comes after what is kept
        Rejected::new(
            1,
            "no link_id",
            &row(format!("{{\"body\":\"{text} {long}\",\"id\":\"{id}\"}}")),
        ),
        Rejected::new(
            2,
            "no link_id",
            &row(format!(
                "{{\"body\":\"other {long}\",\"name\":\"t1_zzz9\"}}"
            )),
        ),
        // a row of CSV: no key tells which of its cells is the id
        Rejected::new(3, "no parent", &row(format!("{text} {long},{id}"))),
        Rejected::new(4, "no parent", &row("a short row,zzz9".to_owned())),
    ];
    store.rejected_insert(source, &rows).unwrap();
    assert!(!runs_left(&store, text).is_empty());
    store.purge(&[gone(10)], "ada", 5).unwrap();
    store.scrub().unwrap();
    let left: Vec<bool> = store
        .rejected(source, 0, 9)
        .unwrap()
        .iter()
        .map(|row| row.excerpt.is_empty())
        .collect();
    assert_eq!(left, [true, false, true, false]);
    assert_eq!(runs_left(&store, text), Vec::<String>::new());
}

/// A copy of a comment, as an archive fetched it at this time.
fn copy(id: i64, body: &str, retrieved: i64) -> Record {
    match comment(id, None, "ann", body) {
        Record::Comment(c) => Record::Comment(Comment {
            retrieved_utc: Some(retrieved),
            ..c
        }),
        post => post,
    }
}

#[test]
fn placeholder_of_a_newer_archive_is_a_purge() {
    let (_dir, store, _, runs) = with_runs();
    let source = source(&store);
    let text = "a text that its author deletes after a while";
    let upsert = |record: &Record| {
        let gone: Vec<GoneRecord> = GoneRecord::of_placeholder(record).into_iter().collect();
        store
            .records_upsert(source, std::slice::from_ref(record))
            .unwrap();
        let gone = store.records_gone(source, &gone).unwrap();
        store.purge_learned(&gone, "repartee", 5).unwrap()
    };
    upsert(&copy(900, text, 100));
    upsert(&comment(901, Some(900), "bob", "an answer that stays here"));
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    store
        .run_saw(runs[0], Partition::Train, &[901], None)
        .unwrap();
    // an older placeholder says nothing about a text that was fetched later
    assert!(!upsert(&copy(900, "[removed]", 99)).any());
    assert_eq!(store.comment(900).unwrap().unwrap().body, text);
    let done = upsert(&copy(900, "[removed]", 200));
    assert_eq!((done.imported, done.marked.len()), (1, 1));
    assert_eq!(marked(&store), [(Marked::Run, "generator".into())]);
    assert_eq!(store.comment(900).unwrap().unwrap().body, "[deleted]");
    assert!(store.is_purged(&gone(900).name).unwrap());
    store.scrub().unwrap();
    let bytes = std::fs::read(store.path()).unwrap();
    assert!(!bytes.windows(text.len()).any(|w| w == text.as_bytes()));
    // once is enough
    assert!(!store.purge(&[gone(900)], "ada", 6).unwrap().any());
}

#[test]
fn text_that_an_earlier_version_replaced_by_a_placeholder_is_still_marked() {
    let (_dir, store, split, runs) = with_runs();
    let pair = store.split_pair_ids(split, Partition::Train).unwrap()[0];
    store
        .run_saw(runs[0], Partition::Train, &[pair], None)
        .unwrap();
    store
        .write_bare(|db| {
            let sql = "UPDATE comment SET body = '[deleted]' WHERE id = ?1";
            db.execute(sql, [pair])?;
            Ok(())
        })
        .unwrap();
    let done = store.purge(&[gone(pair)], "ada", 5).unwrap();
    assert_eq!(done.imported, 1);
    assert!(store.is_marked(Marked::Run, runs[0]).unwrap());
}

#[test]
fn what_an_archive_marks_as_deleted_is_not_imported_from_another() {
    let (_dir, store) = project();
    let source = source(&store);
    let said = |id| GoneRecord {
        kind: 1,
        id,
        subreddit: "test".into(),
        removed: false,
        seen_utc: None,
    };
    let text = "somebody wrote this and deleted it later";
    let records = [copy(10, text, 900)];
    store.records_upsert(source, &records).unwrap();
    let gone = store.records_gone(source, &[said(10), said(11)]).unwrap();
    assert_eq!(gone.len(), 1, "only one has a text here");
    assert_eq!(
        store.purge_learned(&gone, "repartee", 5).unwrap().imported,
        1
    );
    let again = [copy(10, text, 950), copy(11, text, 950)];
    let done = store.records_upsert(source, &again).unwrap();
    assert_eq!((done.new, done.newer, done.purged), (0, 0, 2));
    assert_eq!(store.comment(10).unwrap().unwrap().body, "[deleted]");
    assert_eq!(store.comment(11).unwrap(), None);
}

#[test]
fn copies_without_an_id_of_reddit_are_purged_with_the_text() {
    let (_dir, store, _, runs) = with_runs();
    let (archive, table) = (source(&store), source(&store));
    let text = "This sentence is in an archive, and in a table!";
    let with = |id: i64, author: Option<&str>, body: &str, subreddit: &str| {
        let Record::Comment(c) = comment(id, None, "", body) else {
            unreachable!()
        };
        Record::Comment(Comment {
            author: author.map(str::to_owned),
            subreddit: subreddit.into(),
            // a quote under the same post is removed in any case
            link_id: if id < -3 { -8 } else { -7 },
            ..c
        })
    };
    let original = [
        comment(900, None, "ann", text),
        comment(901, None, "ann", "So do I"),
    ];
    store.records_upsert(archive, &original).unwrap();
    let copies = [
        with(
            -1,
            Some("Ann"),
            "this sentence is in an archive and in a table",
            "Test",
        ),
        with(-2, None, text, ""),
        with(-3, Some("ann"), "So do I.", "test"),
    ];
    let others = [
        with(-4, Some("bob"), text, "test"),
        with(-5, Some("ann"), text, "elsewhere"),
        with(-6, None, "So do I", "test"),
        with(-7, Some("ann"), "This sentence is in an archive", "test"),
    ];
    store.records_upsert(table, &copies).unwrap();
    store.records_upsert(table, &others).unwrap();
    let answer = comment(902, Some(-1), "bob", "an answer in the table");
    store.records_upsert(table, &[answer]).unwrap();
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    store
        .run_saw(runs[0], Partition::Train, &[902], None)
        .unwrap();

    let done = store.purge(&[gone(900), gone(901)], "ada", 5).unwrap();
    assert_eq!(done.imported, 5);
    let body = |id| store.comment(id).unwrap().unwrap().body;
    for id in [900, 901, -1, -2, -3] {
        assert_eq!(body(id), "[deleted]", "{id}");
    }
    // of other authors or other places, or too short to tell
    for (id, before) in [-4, -5, -6, -7].into_iter().zip(&others) {
        let Record::Comment(before) = before else {
            unreachable!()
        };
        assert_eq!(body(id), before.body, "{id}");
    }
    assert!(store.is_marked(Marked::Run, runs[0]).unwrap());
    // the table is imported again after its source was deleted
    store
        .write_bare(|db| {
            db.execute("DELETE FROM comment WHERE id = -2", [])?;
            Ok(())
        })
        .unwrap();
    let again = store.records_upsert(table, &copies).unwrap();
    assert_eq!((again.new, again.purged), (0, 3));
}

#[test]
fn what_reddit_says_about_an_id_does_not_touch_other_sites() {
    let (_dir, store) = project();
    let forum = source(&store);
    store
        .source_origin(forum, Origin::Forum, false, "ada", 1)
        .unwrap();
    let asked = comment(10, None, "ann", "a question in a forum");
    store
        .records_upsert(forum, std::slice::from_ref(&asked))
        .unwrap();
    let names: Vec<Gone> = ["deleted", "removed", "absent"]
        .into_iter()
        .flat_map(|why| {
            [10, 11].map(|id| Gone {
                why: why.into(),
                ..gone(id)
            })
        })
        .collect();
    let done = store.purge(&names, "repartee", 5).unwrap();
    assert_eq!(done.imported, 0);
    let body = |id| store.comment(id).unwrap().unwrap().body;
    assert_eq!(body(10), "a question in a forum");
    // nor is an id of the forum blocked later, as it is for a source of Reddit's
    let late = comment(11, Some(10), "bob", "an answer in a forum");
    let reddit = source(&store);
    let upsert = |source, record| {
        store
            .records_upsert(source, std::slice::from_ref(record))
            .unwrap()
    };
    assert_eq!(upsert(reddit, &late).purged, 1);
    assert_eq!(upsert(forum, &late).new, 1);
    // what the user names is purged wherever it is
    let asked = Gone {
        why: "asked".into(),
        ..gone(10)
    };
    assert_eq!(store.purge(&[asked], "ada", 6).unwrap().imported, 1);
    assert_eq!(body(10), "[deleted]");
}

/// A source with a format.
fn source_of(store: &Store, format: &str) -> i64 {
    let source = source(store);
    store.source_format(source, format).unwrap();
    source
}

/// An id of the length that Reddit has by now.
const LONG_ID: i64 = 40_000_000_000;

#[test]
fn copies_under_short_ids_of_a_table_are_purged_with_the_text() {
    let (_dir, store, split, runs) = with_runs();
    let (dump, table) = (
        source_of(&store, "pushshift"),
        source_of(&store, "comments"),
    );
    let text = "sone stwo sthree sfour sfive ssix sseven seight snine sten";
    let short = "sshort indeed";
    let own = |id: &str| repartee_datasets::id::decode(id).unwrap();
    let originals = [
        comment(LONG_ID, None, "ann", text),
        comment(LONG_ID + 1, None, "ann", short),
        // the same words in another comment, which Reddit still has
        comment(LONG_ID + 2, None, "ann", short),
    ];
    store.records_upsert(dump, &originals).unwrap();
    let copies = [
        comment(3, None, "ann", text),
        comment(own("x7"), None, "Ann", text),
        comment(own("comment12"), None, "ann", text),
        comment(4, None, "ann", short),
        comment(-5, None, "ann", text),
    ];
    let others = [
        comment(5, None, "bob", text),
        comment(6, Some(3), "bob", "an answer in the table"),
    ];
    store.records_upsert(table, &copies).unwrap();
    store.records_upsert(table, &others[1..]).unwrap();
    let post = |id: i64, title: &str, selftext: &str| {
        Record::Post(Post {
            id,
            subreddit: "test".into(),
            author: Some("ann".into()),
            title: title.into(),
            selftext: selftext.into(),
            score: None,
            created_utc: None,
            retrieved_utc: None,
        })
    };
    let title = "a title of some words by her";
    store
        .records_upsert(dump, &[post(LONG_ID, title, "")])
        .unwrap();
    store.records_upsert(table, &[post(9, title, "")]).unwrap();
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    store.pairs_index(|_| true).unwrap();
    // what a model wrote in these words is not spared for the sake of a copy
    let pair = store.split_pair_ids(split, Partition::Val).unwrap()[0];
    let sample = RunSample {
        step: 1,
        n: 0,
        pair_id: Some(pair),
        comment: String::new(),
        text: format!("so {text}"),
    };
    assert!(store.run_sample_add(runs[0], &sample).unwrap());
    assert!(!runs_left(&store, text).is_empty());

    let of_post = Gone {
        name: format!("t3_{}", encode(LONG_ID)),
        why: "deleted".into(),
    };
    let names = [gone(LONG_ID), gone(LONG_ID + 1), of_post];
    let done = store.purge(&names, "ada", 5).unwrap();
    store.scrub().unwrap();
    assert_eq!(done.imported, 9);
    let body = |id| store.comment(id).unwrap().unwrap().body;
    for id in [LONG_ID, LONG_ID + 1, 3, own("x7"), own("comment12"), 4, -5] {
        assert_eq!(body(id), "[deleted]", "{id}");
    }
    assert_eq!(body(LONG_ID + 2), short);
    assert_eq!(store.post(9).unwrap().unwrap().title, "[deleted]");
    assert_eq!(store.run_samples(runs[0]).unwrap()[0].text, "");
    assert_eq!(runs_left(&store, text), Vec::<String>::new());
    // neither the words of another author nor another text under such an id are refused later
    let later = [
        others[0].clone(),
        comment(own("x8"), None, "ann", "something else by her"),
    ];
    let again = store.records_upsert(table, &later).unwrap();
    assert_eq!((again.new, again.purged), (2, 0));
    let check = store.check(|_, _| true).unwrap();
    assert!(check.is_whole(), "{check:?}");
}

#[test]
fn purged_text_is_not_imported_under_another_id_or_link() {
    let (_dir, store) = project();
    let dump = source_of(&store, "pushshift");
    let text = "qone qtwo qthree qfour qfive qsix qseven qeight qnine";
    let originals = [
        comment(LONG_ID, None, "ann", text),
        comment(LONG_ID + 1, None, "ann", "I do"),
    ];
    store.records_upsert(dump, &originals).unwrap();
    // known from a thread alone
    let fetched = crate::threads::NewThread {
        origin: "reddit".into(),
        subreddit: "test".into(),
        name: Some("t3_p1".into()),
        comments: vec![crate::threads::NewThreadComment {
            name: Some("t1_live1".into()),
            author: Some("eve".into()),
            body: "she said this in a thread".into(),
            parent_name: Some("t3_p1".into()),
            ..Default::default()
        }],
        ..Default::default()
    };
    store.thread_insert(&fetched, 1).unwrap();
    let live = Gone {
        name: "t1_live1".into(),
        why: "deleted".into(),
    };
    let names = [gone(LONG_ID), gone(LONG_ID + 1), live];
    store.purge(&names, "ada", 5).unwrap();
    store.scrub().unwrap();
    let table = source_of(&store, "mapped");
    let by = |id: i64, author: Option<&str>, subreddit: &str, body: &str| {
        let Record::Comment(c) = comment(id, None, "", body) else {
            unreachable!()
        };
        Record::Comment(Comment {
            author: author.map(str::to_owned),
            subreddit: subreddit.into(),
            retrieved_utc: None,
            ..c
        })
    };
    let upper = text.to_uppercase();
    let refused = [
        by(-1, Some("ann"), "test", text),
        by(-2, None, "", &upper),
        by(7, Some("ANN"), "Test", text),
        by(-3, Some("ann"), "test", "I do!"),
        by(-4, Some("eve"), "test", "She said this in a thread."),
    ];
    let done = store.records_upsert(table, &refused).unwrap();
    assert_eq!((done.new, done.known, done.purged), (0, 0, 5));
    assert_eq!(runs_left(&store, text), Vec::<String>::new());
    let taken = [
        by(-11, Some("bob"), "test", text),
        by(-12, Some("ann"), "elsewhere", text),
        by(-13, None, "test", "I do"),
        by(-14, Some("ann"), "test", "I do not"),
    ];
    let done = store.records_upsert(table, &taken).unwrap();
    assert_eq!((done.new, done.purged), (4, 0));
    // by the link of its row, whatever the words are
    let linked = [
        by(-21, None, "", "edited words"),
        by(-22, None, "", "others"),
    ];
    let named = [(-21, gone(LONG_ID).name), (-22, gone(LONG_ID + 9).name)];
    let done = store
        .records_counted(table, &linked, &named, |_| None)
        .unwrap();
    assert_eq!((done.new, done.purged), (1, 1));
    // a forum is not Reddit
    let forum = source(&store);
    store
        .source_origin(forum, Origin::Forum, false, "ada", 1)
        .unwrap();
    let done = store
        .records_upsert(forum, &[by(-31, Some("ann"), "", text)])
        .unwrap();
    assert_eq!((done.new, done.purged), (1, 0));
}

#[test]
fn what_a_forum_shows_as_deleted_is_only_about_that_forum() {
    let (_dir, store) = project();
    let forum = source(&store);
    store
        .source_origin(forum, Origin::Forum, false, "ada", 1)
        .unwrap();
    let gone = GoneRecord {
        kind: 1,
        id: 10,
        subreddit: String::new(),
        removed: false,
        seen_utc: None,
    };
    assert!(store.records_gone(forum, &[gone]).unwrap().is_empty());
    let text = [comment(10, None, "ann", "the text of number ten")];
    assert_eq!(store.records_upsert(forum, &text).unwrap().purged, 1);
    let reddit = source(&store);
    assert_eq!(store.records_upsert(reddit, &text).unwrap().new, 1);
}

/// Imports versions of one comment, one by one, under an id that nothing has. `None`: its text is gone.
fn imported(store: &Store, source: i64, id: i64, versions: &[&Comment]) -> Option<Comment> {
    for version in versions {
        let record = Record::Comment(Comment {
            id,
            ..(*version).clone()
        });
        let gone: Vec<GoneRecord> = GoneRecord::of_placeholder(&record).into_iter().collect();
        store.records_upsert(source, &[record]).unwrap();
        let gone = store.records_gone(source, &gone).unwrap();
        store.purge_learned(&gone, "repartee", 5).unwrap();
    }
    let comment = store.comment(id).unwrap().unwrap();
    let is_gone = repartee_datasets::clean::is_notice(&comment.body);
    (!is_gone).then_some(Comment { id: 0, ..comment })
}

fn permutations<T: Copy>(of: &[T]) -> Vec<Vec<T>> {
    let [first, rest @ ..] = of else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for tail in permutations(rest) {
        for at in 0..=tail.len() {
            let mut one = tail.clone();
            one.insert(at, *first);
            all.push(one);
        }
    }
    all
}

#[test]
fn same_version_is_kept_in_every_order_of_imports() {
    let (_dir, store) = project();
    let source = source_of(&store, "pushshift");
    let base = Comment {
        id: 0,
        link_id: 1,
        parent_id: None,
        subreddit: "Kettles".into(),
        author: Some("bob".into()),
        body: "yes one".into(),
        score: Some(3),
        created_utc: Some(1_600_000_000),
        retrieved_utc: None,
    };
    let change = |change: &dyn Fn(&mut Comment)| {
        let mut comment = base.clone();
        change(&mut comment);
        comment
    };
    let all = [
        change(&|_| {}),
        change(&|c| c.body = "[deleted]".into()),
        change(&|c| c.body = "[removed]".into()),
        change(&|c| c.body = "yes two".into()),
        change(&|c| c.score = Some(77)),
        change(&|c| c.score = None),
        change(&|c| c.author = Some("[deleted]".into())),
        change(&|c| c.author = None),
        change(&|c| c.subreddit = "kettles".into()),
        change(&|c| c.subreddit = String::new()),
        change(&|c| c.created_utc = None),
        change(&|c| c.parent_id = Some(7)),
        change(&|c| c.retrieved_utc = Some(50)),
        change(&|c| (c.retrieved_utc, c.body) = (Some(50), "yes three".into())),
        change(&|c| (c.retrieved_utc, c.body) = (Some(40), "[removed]".into())),
        change(&|c| (c.retrieved_utc, c.body) = (Some(50), "[deleted]".into())),
        change(&|c| (c.retrieved_utc, c.body) = (Some(60), "yes four".into())),
    ];
    let mut next = LONG_ID;
    let mut same_in_every_order = |index: &[usize]| {
        let versions: Vec<&Comment> = index.iter().map(|n| &all[*n]).collect();
        let mut kept = permutations(&versions).into_iter().map(|order| {
            next += 1;
            (imported(&store, source, next, &order), order)
        });
        let (first, _) = kept.next().unwrap();
        for (other, order) in kept {
            assert_eq!(other, first, "{index:?}: {order:?}");
        }
        first
    };
    for a in 0..all.len() {
        for b in 0..a {
            same_in_every_order(&[a, b]);
        }
    }
    for seed in 0..24 {
        let mut rng = fastrand::Rng::with_seed(seed);
        same_in_every_order(&rng.choose_multiple(0..all.len(), 4));
    }
    // a deletion of an unknown time hides every text, one of a known time the texts before it
    for (index, left) in [
        (&[0, 1][..], None),
        (&[16, 2], None),
        (&[0, 15], None),
        (&[13, 15], None),
        (&[16, 15], Some("yes four")),
        (&[12, 14, 0], Some("yes one")),
        (&[0, 14, 15, 16], Some("yes four")),
        (&[0, 3], Some("yes one")),
    ] {
        let body = same_in_every_order(index).map(|comment| comment.body);
        assert_eq!(body.as_deref(), left, "{index:?}");
    }
    // known before unknown
    let known = same_in_every_order(&[0, 5, 6, 9]).unwrap();
    assert_eq!(known, base);
}

#[test]
fn text_that_is_shown_again_later_is_no_longer_a_purged_one() {
    let (_dir, store) = project();
    let dump = source_of(&store, "pushshift");
    let text = "a moderator approved this text after a filter had removed it";
    let gone = |seen_utc| {
        let said = GoneRecord {
            kind: 1,
            id: LONG_ID,
            subreddit: "test".into(),
            removed: true,
            seen_utc: Some(seen_utc),
        };
        let gone = store.records_gone(dump, &[said]).unwrap();
        store.purge_learned(&gone, "repartee", 5).unwrap();
    };
    store
        .records_upsert(dump, &[copy(LONG_ID, text, 40)])
        .unwrap();
    gone(50);
    let table = source_of(&store, "mapped");
    let in_table = [Record::Comment(Comment {
        retrieved_utc: None,
        ..match copy(-1, text, 0) {
            Record::Comment(comment) => comment,
            Record::Post(_) => unreachable!(),
        }
    })];
    let upsert = |source, record: &[Record]| store.records_upsert(source, record).unwrap();
    assert_eq!(upsert(table, &in_table).purged, 1);
    assert_eq!(upsert(dump, &[copy(LONG_ID, text, 50)]).purged, 1);
    assert_eq!(upsert(dump, &[copy(LONG_ID, text, 60)]).newer, 1);
    assert_eq!(upsert(table, &in_table).new, 1);
    // unless the user wants it gone
    let asked = Gone {
        name: format!("t1_{}", encode(LONG_ID)),
        why: "asked".into(),
    };
    store.purge(&[asked], "ada", 6).unwrap();
    assert_eq!(upsert(dump, &[copy(LONG_ID, text, 70)]).purged, 1);
    assert_eq!(store.comment(-1).unwrap().unwrap().body, "[deleted]");
}
