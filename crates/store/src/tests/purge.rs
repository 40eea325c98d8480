//! Purged texts are gone from every table and every byte.

use super::*;

/// Whether these bytes are in the project file or its log.
fn in_the_file(store: &Store, text: &str) -> bool {
    let read = |path: std::path::PathBuf| std::fs::read(path).unwrap_or_default();
    let mut bytes = read(store.path().to_owned());
    bytes.extend(read(crate::beside(store.path(), "-wal")));
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

#[test]
fn purged_text_is_in_no_table_and_no_byte() {
    use crate::purge::{Forgotten, Gone};
    let (_dir, store, ids) = live();
    let params = r#"{"comments":["quoted: the first comment of them all","else"]}"#;
    store.job_insert("j", "generate", params, None, 1).unwrap();
    store
        .job_log("j", 1, "said: the first comment of them all")
        .unwrap();
    store
        .reply_edit(ids[0], "a better candidate by hand", "ada", 4)
        .unwrap();
    let first = approval(&store, ids[0]);
    approve(&store, ids[0], &first, 5).unwrap();
    let texts = [
        "the first comment of them all",
        "writer-of-t1_a",
        "candidate number 0 for comment 0",
        "candidate number 1 for comment 0",
        "a better candidate by hand",
    ];
    for text in texts {
        assert!(in_the_file(&store, text), "{text}");
    }
    let gone = |name: &str| Gone {
        name: name.into(),
        why: "deleted".into(),
    };
    let done = store
        .purge(&[gone("t1_a"), gone("t1_unknown")], "repartee", 10)
        .unwrap();
    assert_eq!((done.comments, done.candidates, done.cancelled), (1, 2, 2));
    assert!(store.scrub().unwrap());
    for text in texts {
        assert!(!in_the_file(&store, text), "{text} is left");
    }
    let canceled = store.reply(ids[0]).unwrap();
    assert_eq!(canceled.state, ReplyState::Cancelled);
    let outbox = &canceled.outbox;
    assert_eq!(
        [&outbox.full_text, &outbox.hash, &outbox.seen, &outbox.seal],
        ["", "", "", ""]
    );
    assert!(
        store
            .reply_move(ids[0], ReplyState::Draft, "ada", "", 11)
            .is_err()
    );
    assert!(in_the_file(&store, "an answer to the first of them"));
    assert!(store.is_purged("t1_unknown").unwrap());
    assert!(store.job("j").unwrap().unwrap().params.contains("else"));
    // it is not fetched again
    let again = NewThread {
        name: Some("t3_p".into()),
        origin: "reddit".into(),
        comments: vec![NewThreadComment {
            name: Some("t1_a".into()),
            body: "the first comment of them all".into(),
            ..NewThreadComment::default()
        }],
        expires_ms: Some(1_000),
        ..NewThread::default()
    };
    let (thread, _) = store.thread_insert(&again, 12).unwrap();
    assert_eq!(store.thread_comments(thread).unwrap()[0].body, "");

    // the rest expires, except what is approved
    assert!(!store.has_expired(999).unwrap());
    assert!(store.has_expired(1_000).unwrap());
    let third = approval(&store, ids[2]);
    approve(&store, ids[2], &third, 6).unwrap();
    assert!(!store.expire(999).unwrap().any());
    assert!(!store.has_expired(1_000).unwrap());
    store.expire(1_000).unwrap();
    assert!(in_the_file(&store, "an answer to the first of them"));
    store
        .reply_move(ids[2], ReplyState::Rejected, "ada", "", 13)
        .unwrap();
    assert!(store.has_expired(1_001).unwrap());
    assert!(store.expire(1_001).unwrap().any());
    assert!(!store.has_expired(1_002).unwrap());
    assert_eq!(store.expire(1_002).unwrap(), Forgotten::default());
    store.scrub().unwrap();
    for text in [
        "an answer to the first of them",
        "writer-of-t1_b",
        "candidate number 0 for comment 1",
    ] {
        assert!(!in_the_file(&store, text), "{text} is left");
    }
    assert!(store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn imported_text_is_purged_with_its_index_and_derived_texts() {
    use crate::purge::Gone;
    let (_dir, store, split_id, runs) = with_runs();
    let generator = save(&store, runs[0], Role::Best, 1, 1);
    let pair = store.split_pair_ids(split_id, Partition::Val).unwrap()[0];
    let pair = store.pairs_of(&[pair]).unwrap()[0].clone();
    store.pairs_index(|_| true).unwrap();
    let set = NewFakeSet {
        name: "f".into(),
        checkpoint_id: generator,
        split_id,
        config: "{}".into(),
    };
    let set = store.fake_set_insert(&set, 4).unwrap();
    let fake = NewFake {
        pair_id: pair.id,
        n: 0,
        // it takes pages of its own, which are free once it is gone
        text: "a fake that answers what is gone".repeat(2_000),
        finish_reason: FinishReason::End,
    };
    store.fakes_add(set, &[fake]).unwrap();
    let text = pair.comment.clone();
    assert!(in_the_file(&store, &text));
    let name = format!("t1_{}", repartee_datasets::id::encode(pair.comment_id));
    let gone = Gone {
        name,
        why: "deleted".into(),
    };
    let mut watch = store.watch().unwrap();
    let ids = [pair.comment_id, pair.id].map(|id| (1, id));
    let asked = |id: &(u8, i64)| store.imported_of_pairs().unwrap().contains(id);
    assert!(ids.iter().all(asked));
    let done = store.purge(&[gone], "repartee", 9).unwrap();
    assert_eq!(done.imported, 1);
    let changed = watch.changed().unwrap();
    for family in [Family::Pairs, Family::Fakes, Family::Runs, Family::Threads] {
        assert!(changed.contains(&family), "{family:?}: {changed:?}");
    }
    assert!(done.pairs >= 1 && store.stale_pairs().unwrap() == done.pairs);
    assert_eq!(ids.map(|id| asked(&id)), [false, true]);
    // the process that wiped it was killed; the next one knows that a scrub is due
    let store = Store::open(store.path()).unwrap();
    assert!(store.size().unwrap().free > 0);
    store.scrub().unwrap();
    assert_eq!(store.size().unwrap().free, 0, "it was not rewritten");
    let due: Option<bool> = store.setting("imported texts were wiped").unwrap();
    assert_eq!(due, None);
    for text in [text.as_str(), "a fake that answers what is gone"] {
        assert!(!in_the_file(&store, text), "{text} is left");
    }
    // neither an older copy restores it, nor one that was retrieved later; and what is only known by its name is not
    // imported
    let source = source(&store);
    let comment = store.comment(pair.comment_id).unwrap().unwrap();
    assert_eq!(comment.body, "[deleted]");
    let unseen = Gone {
        name: "t3_zzz".into(),
        why: "asked".into(),
    };
    store.purge(&[unseen], "ada", 10).unwrap();
    for retrieved_utc in [None, Some(i64::MAX)] {
        let again = [
            Record::Comment(Comment {
                body: text.clone(),
                retrieved_utc,
                ..comment.clone()
            }),
            Record::Post(Post {
                id: repartee_datasets::id::decode("zzz").unwrap(),
                subreddit: "test".into(),
                author: None,
                title: "a post that nobody is to keep".into(),
                selftext: String::new(),
                score: None,
                created_utc: None,
                retrieved_utc,
            }),
        ];
        let upserted = store.records_upsert(source, &again).unwrap();
        let left_out = Upserted {
            purged: 2,
            ..Upserted::default()
        };
        assert_eq!(upserted, left_out);
        assert_eq!(store.comment(comment.id).unwrap(), Some(comment.clone()));
    }
    for text in [text.as_str(), "a post that nobody is to keep"] {
        assert!(!in_the_file(&store, text), "{text} is back");
    }
    let words = PairQuery {
        words: Some(text),
        ..PairQuery::default()
    };
    assert_eq!(store.pair_count(&words).unwrap(), 0);
    assert!(store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn reddit_is_only_asked_about_human_texts_with_its_own_ids() {
    let (_dir, store) = project();
    let post = |id: i64| {
        Record::Post(Post {
            id,
            subreddit: "test".into(),
            author: None,
            title: format!("title {id}"),
            selftext: String::new(),
            score: None,
            created_utc: None,
            retrieved_utc: None,
        })
    };
    let pair = |id: i64, link_id: i64| {
        let mut pair = [
            comment(id, None, "ann", "q"),
            comment(id + 1, Some(id), "bob", "a"),
        ];
        for one in &mut pair {
            let Record::Comment(one) = one else {
                unreachable!()
            };
            one.link_id = link_id;
        }
        pair
    };
    let (people, program) = (source(&store), source(&store));
    let mut written: Vec<Record> = [pair(70, 2), pair(10, 1), pair(-9, -1)].concat();
    // part of no pair
    written.push(comment(50, None, "ann", "nobody answers this"));
    written.extend([post(1), post(2), post(3), post(-1)]);
    store.records_upsert(people, &written).unwrap();
    let mut made = pair(30, 4).to_vec();
    made.push(post(4));
    store.records_upsert(program, &made).unwrap();
    store
        .source_permit(program, Permission::Synthetic, "")
        .unwrap();
    // the small numbers of a forum look like Reddit's ids
    let forum = source(&store);
    store
        .source_origin(forum, Origin::Forum, false, "ada", 1)
        .unwrap();
    let mut posted = pair(90, 5).to_vec();
    posted.push(post(5));
    store.records_upsert(forum, &posted).unwrap();
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    assert_eq!(store.counts().unwrap().pairs, 5);
    let all = [(1, 10), (1, 11), (1, 70), (1, 71), (3, 1), (3, 2)];
    assert_eq!(store.imported_of_pairs().unwrap(), all);
}

#[test]
fn permission_takes_no_source_of_reddit_out_of_the_check() {
    let (_dir, store) = project();
    let recorded = source(&store);
    store
        .source_origin(recorded, Origin::Reddit, false, "ada", 1)
        .unwrap();
    let pair = [
        comment(10, None, "ann", "q"),
        comment(11, Some(10), "bob", "a"),
    ];
    store.records_upsert(recorded, &pair).unwrap();
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    store
        .source_permit(recorded, Permission::Synthetic, "")
        .unwrap();
    assert_eq!(store.imported_of_pairs().unwrap(), [(1, 10), (1, 11)]);
}

fn deleted(name: &str) -> crate::purge::Gone {
    crate::purge::Gone {
        name: name.into(),
        why: "deleted".into(),
    }
}

#[test]
fn scrub_is_due_from_the_purge_until_the_log_is_empty() {
    let (_dir, store, _) = live();
    let text = "the first comment of them all";
    assert!(!store.wants_scrub().unwrap());
    store.purge(&[deleted("t1_a")], "repartee", 10).unwrap();
    // the process that wiped it was killed; the next one knows that a scrub is due
    let store = Store::open(store.path()).unwrap();
    assert!(in_the_file(&store, text));
    assert!(store.wants_scrub().unwrap());
    // another process reads what the log has; a scrub waits some seconds for it
    store.writing().connection.busy_handler(None).unwrap();
    let reader = rusqlite::Connection::open(store.path()).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let sql = "SELECT count(*) FROM setting";
    let _: i64 = reader.query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(!store.scrub().unwrap());
    assert!(store.wants_scrub().unwrap());
    drop(reader);
    assert!(store.scrub().unwrap());
    assert!(!store.wants_scrub().unwrap());
    assert!(!in_the_file(&store, text), "{text} is left");
    assert_eq!(store.wal_bytes(), 0);
    // retention wipes, too
    store.expire(1_000).unwrap();
    assert!(store.wants_scrub().unwrap());
}

#[test]
fn posted_reply_keeps_a_quote_of_a_purged_comment_until_it_is_withdrawn() {
    let (_dir, store, ids) = live();
    let quote = "the first comment of them all";
    let text = format!("> {quote}\n\nNot of all.");
    let become_ = |from, to, what, at_ms| {
        let to = Became::new(to, "", "");
        store.reply_becomes(ids[0], &[from], None, &to, ("ada", what), at_ms)
    };
    store.reply_edit(ids[0], &text, "ada", 4).unwrap();
    approve(&store, ids[0], &approval(&store, ids[0]), 5).unwrap();
    become_(ReplyState::Approved, ReplyState::Posted, "posted", 6).unwrap();
    store.purge(&[deleted("t1_a")], "repartee", 7).unwrap();
    store.scrub().unwrap();
    assert_eq!(store.reply(ids[0]).unwrap().text, text);
    assert!(in_the_file(&store, quote));
    become_(ReplyState::Posted, ReplyState::Withdrawn, "withdrawn", 8).unwrap();
    let reply = store.reply(ids[0]).unwrap();
    assert_eq!(reply.state, ReplyState::Withdrawn);
    assert_eq!([&reply.text, &reply.outbox.full_text], ["", ""]);
    assert!(store.wants_scrub().unwrap());
    store.scrub().unwrap();
    assert!(!in_the_file(&store, quote));
}

#[test]
fn candidate_is_purged_with_a_comment_that_its_generator_saw_as_context() {
    let (_dir, store, ids) = live();
    let [above, below] = [ids[0], ids[2]].map(|id| store.reply(id).unwrap());
    let config = format!(
        r#"{{"context":{{"{}":[{}]}}}}"#,
        below.comment_id, above.comment_id
    );
    store
        .write_bare(|db| {
            db.execute("UPDATE generation SET config = ?1", [&config])?;
            Ok(())
        })
        .unwrap();
    let done = store.purge(&[deleted("t1_a")], "repartee", 10).unwrap();
    assert_eq!((done.comments, done.candidates, done.cancelled), (1, 3, 3));
    let reply = store.reply(ids[2]).unwrap();
    assert_eq!(
        (reply.state, reply.text.as_str()),
        (ReplyState::Cancelled, "")
    );
    assert_eq!(
        store.candidate(reply.candidate_id).unwrap().unwrap().text,
        ""
    );
    // nor is one stored whose generation took longer than that
    let late = NewCandidate {
        comment_id: below.comment_id,
        n: 9,
        text: "a late candidate".into(),
        finish_reason: FinishReason::End,
        scores: Scores::default(),
    };
    let added = store
        .candidates_add_each(below.generation_id, &[late])
        .unwrap();
    assert_eq!(added, [crate::threads::Added::CommentDeleted]);
}

#[test]
fn wiped_bytes_are_gone_however_often_rows_moved() {
    use crate::purge::Gone;
    let (_dir, store) = project();
    let mut rng: u64 = 7;
    let mut below = |n: u64| {
        rng ^= rng << 13;
        rng ^= rng >> 7;
        rng ^= rng << 17;
        rng % n
    };
    // texts of all lengths, updated at random with others, so that pages are split, merged and refilled
    let mark = |n: u64, part: u64| format!("mark{n:05}.{part:03};");
    let mut names = Vec::new();
    for round in 0..40 {
        let thread = below(30);
        let comments = (0..20)
            .map(|_| {
                let n = below(600);
                names.push(n);
                let length = [1, 3, 10, 60, 700][below(5) as usize];
                NewThreadComment {
                    name: Some(format!("t1_{n}")),
                    author: Some(mark(n, 0)),
                    body: (0..length).map(|part| mark(n, part)).collect(),
                    ..NewThreadComment::default()
                }
            })
            .collect();
        let new = NewThread {
            name: Some(format!("t3_{thread}")),
            comments,
            ..NewThread::default()
        };
        store.thread_insert(&new, round).unwrap();
    }
    let gone: Vec<Gone> = names
        .iter()
        .filter(|n| **n % 2 == 0)
        .map(|n| Gone {
            name: format!("t1_{n}"),
            why: "deleted".into(),
        })
        .collect();
    store.purge(&gone, "repartee", 99).unwrap();
    assert!(store.scrub().unwrap());
    assert_eq!(store.wal_bytes(), 0);
    let bytes = std::fs::read(store.path()).unwrap();
    let mut left = std::collections::HashSet::new();
    for at in 0..bytes.len() - 9 {
        if &bytes[at..at + 4] == b"mark" {
            let n: u64 = std::str::from_utf8(&bytes[at + 4..at + 9])
                .unwrap()
                .parse()
                .unwrap();
            left.insert(n);
        }
    }
    assert!(left.len() > 100, "those that were not purged are there");
    let traces: Vec<_> = left.iter().filter(|n| **n % 2 == 0).collect();
    assert!(traces.is_empty(), "{traces:?}");
}
