use repartee_datasets::id::encode;
use repartee_datasets::{Recipe, Rejected, Side};

use crate::Store;
use crate::marks::Marked;
use crate::purge::Gone;
use crate::runs::RunSample;
use crate::tests::{comment, filled, modelled, project, source};

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
fn what_was_made_before_marks_were_recorded_is_marked_by_its_split() {
    let (_dir, store, split, _) = modelled();
    let of = |side| store.split_pair_ids(split, side).unwrap()[0];
    store.purge(&[gone(of(Side::Test))], "ada", 5).unwrap();
    assert_eq!(marked(&store), []);
    let done = store.purge(&[gone(of(Side::Val))], "ada", 6).unwrap();
    let runs = ["generator", "realism", "upvotes"];
    let want: Vec<_> = runs.map(|name| (Marked::Run, name.to_owned())).to_vec();
    assert_eq!(marked(&store), want);
    assert_eq!(done.marked.len(), 3);
    store.purge(&[gone(of(Side::Train))], "ada", 7).unwrap();
    let marks = store.marks().unwrap();
    assert!(
        marks
            .iter()
            .all(|m| (m.pairs, m.first_ms, m.last_ms) == (2, 6, 7)),
        "{marks:?}"
    );
}

#[test]
fn only_what_has_seen_a_text_is_marked_and_what_is_made_with_it_later() {
    let (_dir, store, split, runs) = modelled();
    let train = store.split_pair_ids(split, Side::Train).unwrap();
    store
        .run_saw(runs[0], Side::Train, &train[..3], None)
        .unwrap();
    store
        .run_saw(runs[1], Side::Train, &train[3..], None)
        .unwrap();
    store.run_saw(runs[2], Side::Train, &[], None).unwrap();
    store.purge(&[gone(train[1])], "ada", 5).unwrap();
    assert_eq!(marked(&store), [(Marked::Run, "generator".into())]);
    // a run that read the text before it was purged, and was stored after that
    store
        .run_saw(runs[2], Side::Val, &train[..2], None)
        .unwrap();
    assert!(store.is_marked(Marked::Run, runs[2]).unwrap());
    let base = store.base("b").unwrap().id;
    store.base_mark(base, "deleted", 9).unwrap();
    store.run_saw(runs[1], Side::Val, &[], None).unwrap();
    let mark = store.marks().unwrap();
    let realism = mark.iter().find(|m| m.name == "realism").unwrap();
    assert_eq!((realism.via.as_str(), realism.pairs), ("base", 0));
    // a mark goes with what it marks, and an id that is given again is clean
    store
        .write_bare(|db| {
            db.execute("DELETE FROM run WHERE id = ?1", [runs[2]])?;
            Ok(())
        })
        .unwrap();
    assert!(!store.is_marked(Marked::Run, runs[2]).unwrap());
}

#[test]
fn quotes_go_with_the_text_and_what_others_wrote_stays() {
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
fn a_word_of_a_purged_text_takes_no_name_with_it() {
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
fn a_sample_of_a_pair_that_was_deleted_is_not_stored() {
    let (_dir, store, split, runs) = modelled();
    let pair = store.split_pair_ids(split, Side::Val).unwrap()[0];
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
