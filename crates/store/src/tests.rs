#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_datasets::{Comment, Partition, Permission, Post, Recipe, Record, Rejected};

use crate::audit::Entry;
use crate::bases::{BaseKind, NewBase};
use crate::blobs::{CHUNK, Part};
use crate::deletion::JobUse;
use crate::evaluations::{NewEvaluation, Prediction, Subject};
use crate::fakes::{FinishReason, NewFake, NewFakeSet};
use crate::items::ItemKind;
use crate::jobs::{JobState, Want};
use crate::outbox::{Approval, Became, Ended, Probe};
use crate::pairs::{PairFigure, PairOrder, PairQuery};
use crate::queue::{Outbox, ReplyState};
use crate::records::Upserted;
use crate::runs::{Metric, ModelKind, NewCheckpoint, NewRun, Role, RunSample};
use crate::sources::NewSource;
use crate::splits::NewSplit;
use crate::threads::{NewCandidate, NewGeneration, NewThread, NewThreadComment, Pick, Scores};
use crate::watch::Family;
use crate::{Error, Result, Store};

/// A new project in a folder of its own, which exists as long as the guard.
pub(crate) fn project() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(&dir.path().join("p.repartee")).unwrap();
    (dir, store)
}

/// Writes enough for a large log, and reads, which uses a connection of its own.
fn write_much(store: &Store, from: i64) {
    let text = "a line that fills the log ".repeat(40);
    let source = source(store);
    let records: Vec<Record> = (from..from + 4_000)
        .map(|id| comment(id, None, "ann", &text))
        .collect();
    store.records_upsert(source, &records).unwrap();
    assert_eq!(store.counts().unwrap().comments as i64, from + 4_000);
    assert!(store.wal_bytes() > crate::LOG_LEFT);
}

#[test]
fn closed_project_leaves_no_log() {
    let (_dir, store) = project();
    let path = store.path().to_owned();
    let log = || std::fs::metadata(crate::beside(&path, "-wal")).map_or(0, |about| about.len());
    write_much(&store, 0);
    drop(store);
    assert!(!crate::beside(&path, "-wal").exists());
    // a small one is emptied, too, even if the last operation was a read
    let store = Store::open(&path).unwrap();
    store.set_setting("a", &1).unwrap();
    assert_eq!(store.setting::<i32>("a").unwrap(), Some(1));
    assert!(log() > 0);
    drop(store);
    assert!(!crate::beside(&path, "-wal").exists());

    // while a window has the file open, a process that wrote much leaves an empty log
    let (_dir, window) = project();
    let path = window.path().to_owned();
    let log = || std::fs::metadata(crate::beside(&path, "-wal")).map_or(0, |about| about.len());
    let watch = window.watch().unwrap();
    let worker = Store::open(&path).unwrap();
    write_much(&worker, 0);
    drop(worker);
    assert_eq!(log(), 0);
    assert_eq!(window.counts().unwrap().comments, 4_000);
    // a reader does not do the work of others
    let worker = Store::open(&path).unwrap();
    write_much(&window, 4_000);
    assert_eq!(worker.counts().unwrap().comments, 8_000);
    drop(worker);
    assert!(log() > crate::LOG_LEFT);
    drop((watch, window));
    assert!(!crate::beside(&path, "-wal").exists());
}

#[test]
fn create_open_and_refuse() {
    let (dir, store) = project();
    let path = store.path().to_owned();
    assert!(matches!(Store::create(&path), Err(Error::FileExists(_))));
    drop(store);
    Store::open(&path).unwrap();

    let missing = dir.path().join("none");
    assert!(matches!(Store::open(&missing), Err(Error::NoFile(_))));
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("text", b"hello, this is no database"),
        ("long", &[7; 4096]),
    ] {
        let other = dir.path().join(name);
        std::fs::write(&other, bytes).unwrap();
        assert!(
            matches!(Store::open(&other), Err(Error::NotAProject { .. })),
            "{name}"
        );
        assert_eq!(
            std::fs::read(&other).unwrap(),
            bytes,
            "{name} must not be touched"
        );
    }
    assert!(matches!(
        Store::open(dir.path()),
        Err(Error::NotAProject { .. })
    ));
    assert!(matches!(
        Store::create(&dir.path().join("no/such/folder")),
        Err(Error::Open { .. })
    ));

    let other = dir.path().join("other.db");
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    assert!(matches!(
        Store::open(&other),
        Err(Error::NotAProject { .. })
    ));

    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(newer);
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 99, .. }), "{error}");
}

#[test]
fn settings_round_trip() {
    let (_dir, store) = project();
    assert_eq!(store.setting::<Vec<u32>>("a").unwrap(), None);
    store.set_setting("a", &vec![1, 2]).unwrap();
    store.set_setting("a", &vec![3]).unwrap();
    assert_eq!(store.setting::<Vec<u32>>("a").unwrap(), Some(vec![3]));
    assert!(matches!(
        store.setting::<String>("a"),
        Err(Error::Setting { ref key, .. }) if key == "a"
    ));
}

#[test]
fn a_job_has_one_owner() {
    let (_dir, store) = project();
    assert!(
        store
            .job_insert("j", "import", "{}", Some("a"), 10)
            .unwrap()
    );
    assert!(
        !store
            .job_insert("j", "import", "{}", Some("b"), 11)
            .unwrap()
    );
    assert_eq!(
        store.job_beat("j", "a", Some("1"), 20).unwrap(),
        Some(Want::Run)
    );
    assert_eq!(store.job_beat("j", "b", None, 20).unwrap(), None);
    store.job_want("j", Want::Pause).unwrap();
    assert_eq!(
        store.job_beat("j", "a", None, 30).unwrap(),
        Some(Want::Pause)
    );
    assert!(
        !store
            .job_end("j", "b", JobState::Done, None, None, 40)
            .unwrap()
    );
    assert!(
        store
            .job_end("j", "a", JobState::Paused, None, None, 40)
            .unwrap()
    );
    let row = store.job("j").unwrap().unwrap();
    assert_eq!(
        (row.state, row.owner, row.ended_ms),
        (JobState::Paused, None, None)
    );
    assert_eq!(row.progress.as_deref(), Some("1"));

    assert!(!store.job_claim("j", Some("a"), "c", 50).unwrap());
    assert!(store.job_claim("j", None, "b", 50).unwrap());
    assert!(!store.job_claim("j", None, "c", 50).unwrap());
    assert_eq!(store.job_beat("j", "b", None, 60).unwrap(), Some(Want::Run));
    store.job_log("j", 61, "half way").unwrap();
    assert_eq!(store.job_lines("j").unwrap(), [(61, "half way".to_owned())]);
    assert!(
        store
            .job_end("j", "b", JobState::Done, None, Some("{}"), 70)
            .unwrap()
    );
    assert_eq!(store.jobs().unwrap()[0].ended_ms, Some(70));
    assert!(matches!(
        store.job_want("x", Want::Run),
        Err(Error::Missing { .. })
    ));
}

pub(crate) fn comment(id: i64, parent: Option<i64>, author: &str, body: &str) -> Record {
    Record::Comment(Comment {
        id,
        link_id: 1,
        parent_id: parent,
        subreddit: "test".into(),
        author: Some(author.into()),
        body: body.into(),
        score: Some(id % 7),
        created_utc: Some(1_700_000_000 + id),
        retrieved_utc: Some(100),
    })
}

pub(crate) fn source(store: &Store) -> i64 {
    let new = NewSource {
        name: "s".into(),
        options: "{}".into(),
        ..NewSource::default()
    };
    store.source_insert(&new, 1).unwrap()
}

/// Replies 101..=100+n, each to comment 100, 4 of them per thread.
pub(crate) fn filled(n: i64) -> (tempfile::TempDir, Store) {
    let (dir, store) = project();
    let source = source(&store);
    let mut records = Vec::new();
    for i in 0..n {
        let Record::Comment(mut one) = comment(1000 + 2 * i, None, "ann", &format!("question {i}"))
        else {
            unreachable!()
        };
        one.link_id = 1 + i / 4;
        let mut other = one.clone();
        other.id += 1;
        other.parent_id = Some(one.id);
        other.author = Some("bob".into());
        other.body = format!("answer {i}");
        other.score = (i % 5 != 0).then_some(i);
        records.extend([Record::Comment(one), Record::Comment(other)]);
    }
    store.records_upsert(source, &records).unwrap();
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    (dir, store)
}

#[test]
fn newest_copy_wins_in_any_order() {
    let (_dir, store) = project();
    let source = source(&store);
    let old = comment(10, None, "ann", "old");
    let Record::Comment(mut new) = comment(10, None, "ann", "new") else {
        unreachable!()
    };
    new.retrieved_utc = Some(200);
    let new = Record::Comment(new);
    for order in [[&old, &new], [&new, &old]] {
        let done = store
            .records_upsert(source, &[order[0].clone(), order[1].clone()])
            .unwrap();
        assert_eq!(done.new + done.newer + done.known, 2);
        assert_eq!(store.comment(10).unwrap().unwrap().body, "new");
    }
    // only a later copy marks pairs as changed
    assert_eq!(store.writes_of(Family::Pairs).unwrap(), 1);
    let again = store.records_upsert(source, &[old, new]).unwrap();
    assert_eq!(store.writes_of(Family::Pairs).unwrap(), 1);
    assert_eq!(
        again,
        Upserted {
            known: 2,
            ..Upserted::default()
        }
    );
    let post = Post {
        id: 1,
        subreddit: "test".into(),
        author: None,
        title: "t".into(),
        selftext: String::new(),
        score: None,
        created_utc: None,
        retrieved_utc: None,
    };
    let twice = [Record::Post(post.clone()), Record::Post(post.clone())];
    let done = store.records_upsert(source, &twice).unwrap();
    assert_eq!((done.new, done.known), (1, 1));
    assert_eq!(store.post(1).unwrap(), Some(post));
    let counts = store.counts().unwrap();
    assert_eq!((counts.sources, counts.comments, counts.posts), (1, 1, 1));
}

#[test]
fn sources_and_rejected_rows() {
    let (_dir, store) = project();
    let id = source(&store);
    let rows: Vec<_> = (1..=5)
        .map(|line| Rejected::new(line, "bad", b"x"))
        .collect();
    store.rejected_insert(id, &rows).unwrap();
    store.rejected_insert(id, &rows).unwrap();
    assert_eq!(store.rejected(id, 0, 100).unwrap(), rows);
    assert_eq!(store.rejected(id, 3, 1).unwrap(), rows[3..4]);
    assert_eq!(store.source_by_hash("abc", "{}").unwrap(), None);
    store
        .source_counted(id, r#"{"read":5}"#, Some("abc"))
        .unwrap();
    assert_eq!(store.source_by_hash("abc", "{}").unwrap().unwrap().id, id);
    store.source_permit(id, Permission::Own, "mine").unwrap();
    let stored = store.source(id).unwrap().unwrap();
    assert_eq!(
        (stored.permission, stored.note.as_str()),
        (Permission::Own, "mine")
    );
    store
        .records_upsert(id, &[comment(1, None, "a", "b")])
        .unwrap();
    assert!(matches!(
        store.source_remove(id),
        Err(Error::Refused { .. })
    ));
    assert!(matches!(
        store.source_counted(9, "{}", None),
        Err(Error::Missing { .. })
    ));
}

#[test]
fn pairs_are_joined_in_any_order_and_counted_by_rule() {
    let (_dir, store) = project();
    let source = source(&store);
    let post = Post {
        id: 1,
        subreddit: "test".into(),
        author: Some("poster".into()),
        title: "title".into(),
        selftext: String::new(),
        score: None,
        created_utc: None,
        retrieved_utc: None,
    };
    // the replies first
    let replies = [
        comment(11, Some(10), "bob", "good"),
        comment(12, Some(10), "ann", "same author"),
        comment(13, Some(10), "poster", "the post's author"),
        comment(14, Some(10), "bob", "[removed]"),
        comment(15, Some(10), "[deleted]", "nobody knows"),
        comment(16, Some(999), "bob", "no such parent"),
        comment(17, Some(14), "cid", "to a removed one"),
    ];
    store.records_upsert(source, &replies).unwrap();
    let empty = store.pairs_build(&Recipe::default(), |_| true).unwrap();
    assert_eq!((empty.joined, empty.kept), (1, 0));
    store
        .records_upsert(
            source,
            &[comment(10, None, "ann", "question"), Record::Post(post)],
        )
        .unwrap();
    let counts = store.pairs_build(&Recipe::default(), |_| true).unwrap();
    assert_eq!((counts.comments, counts.replies, counts.joined), (8, 7, 6));
    // a deleted author is not the one who is answered: kept, and counted
    assert_eq!((counts.kept, counts.new, counts.removed), (2, 2, 0));
    assert_eq!(counts.unknown_authors, 1);
    let dropped: Vec<_> = counts
        .dropped
        .iter()
        .map(|(rule, n)| (rule.as_str(), *n))
        .collect();
    assert_eq!(
        dropped,
        [
            ("reply_removed", 1),
            ("comment_removed", 1),
            ("same_author", 1),
            ("same_author_as_post", 1)
        ]
    );
    let pairs = store.pairs(&PairQuery::default(), None, 10).unwrap();
    assert_eq!(pairs.len(), 2);
    assert_eq!(pairs[1].id, 15);
    assert_eq!(
        (pairs[0].id, pairs[0].comment_id, pairs[0].thread_id),
        (11, 10, 1)
    );
    assert_eq!(
        (pairs[0].comment.as_str(), pairs[0].title.as_deref()),
        ("question", Some("title"))
    );

    // an unchanged recipe changes nothing; another one removes and adds
    let again = store.pairs_build(&Recipe::default(), |_| true).unwrap();
    assert_eq!((again.kept, again.new, again.removed), (2, 0, 0));
    let named = Recipe {
        drop_unknown_authors: true,
        ..Recipe::default()
    };
    let known = store.pairs_build(&named, |_| true).unwrap();
    assert_eq!(
        (known.kept, known.removed, known.unknown_authors),
        (1, 1, 0)
    );
    let strict = Recipe {
        min_chars: 5,
        drop_unknown_authors: true,
        ..Recipe::default()
    };
    let fewer = store.pairs_build(&strict, |_| true).unwrap();
    assert_eq!((fewer.kept, fewer.removed), (0, 1));
    assert_eq!(store.pair_count(&PairQuery::default()).unwrap(), 0);
}

#[test]
fn pair_queries() {
    let (_dir, store) = filled(100);
    let all = PairQuery::default();
    assert_eq!(store.pair_count(&all).unwrap(), 100);
    let some = PairQuery {
        min_score: Some(10),
        max_score: Some(19),
        contains: Some("ANSWER".into()),
        subreddits: vec!["TEST".into()],
        ..PairQuery::default()
    };
    assert_eq!(store.pair_count(&some).unwrap(), 8);
    let wild = PairQuery {
        contains: Some("answer_1".into()),
        ..PairQuery::default()
    };
    assert_eq!(store.pair_count(&wild).unwrap(), 0);
    let apart = PairQuery {
        contains: Some("1 Answer".into()),
        ..PairQuery::default()
    };
    assert!(store.pair_count(&apart).unwrap() > 0, "words in any order");
    let first = store.pairs(&all, None, 3).unwrap();
    let next = store.pairs(&all, Some(first[2].id), 3).unwrap();
    assert_eq!(next[0].reply, "answer 3");
    assert_eq!(store.pair(first[0].id).unwrap().as_ref(), Some(&first[0]));
    assert_eq!(store.pair_subreddits().unwrap(), [("test".to_owned(), 100)]);
    let mut seen = 0;
    store
        .for_each_pair(&all, |_| {
            seen += 1;
            seen < 42
        })
        .unwrap();
    assert_eq!(seen, 42);
}

#[test]
fn split_is_complete_and_locked() {
    let (_dir, store) = filled(100);
    let pairs = store.pairs(&PairQuery::default(), None, 1000).unwrap();
    let partition = |thread: i64| Partition::from_number(thread % 3).unwrap();
    let members: Vec<_> = pairs
        .iter()
        .map(|p| (p.id, partition(p.thread_id)))
        .collect();
    let new = NewSplit {
        name: "one".into(),
        seed: 7,
        config: "{}".into(),
    };
    let id = store.split_insert(&new, &members, 5).unwrap();
    assert!(matches!(
        store.split_insert(&new, &members, 5),
        Err(Error::NameTaken { .. })
    ));
    assert_eq!(store.split("one").unwrap().id, id);
    let error = store.split("two").unwrap_err().to_string();
    assert_eq!(error, "there is no split \"two\"; there is one");

    let counts = store.split_counts(id).unwrap();
    assert_eq!(counts.iter().map(|c| c.pairs).sum::<u64>(), 100);
    assert_eq!(counts.iter().map(|c| c.threads).sum::<u64>(), 25);
    assert_eq!(counts.iter().map(|c| c.scored).sum::<u64>(), 80);
    assert_eq!(store.split_torn_threads(id).unwrap(), []);
    let mut examples = Vec::new();
    store
        .for_each_example(id, Partition::Val, |e| {
            examples.push(e);
            true
        })
        .unwrap();
    assert_eq!(examples.len() as u64, counts[1].pairs);
    let ids = store.split_pair_ids(id, Partition::Val).unwrap();
    assert_eq!(ids, examples.iter().map(|e| e.pair_id).collect::<Vec<_>>());
    assert_eq!(
        store.examples_of(&[ids[3], 0, ids[0]]).unwrap(),
        [examples[3].clone(), examples[0].clone()]
    );
    let known = examples.iter().filter_map(|e| e.score).collect::<Vec<_>>();
    assert_eq!(store.split_scores(id, Partition::Val).unwrap(), known);
    let mut placed = 0;
    store
        .for_each_placed(id, |p| {
            placed += usize::from(p.partition == partition(p.thread_id))
        })
        .unwrap();
    assert_eq!(placed, 100);

    // a pair of the split survives a stricter recipe, for this split alone
    let strict = Recipe {
        min_chars: 1000,
        ..Recipe::default()
    };
    let built = store.pairs_build(&strict, |_| true).unwrap();
    assert_eq!((built.kept, built.removed), (0, 100));
    assert_eq!(store.pair_count(&PairQuery::default()).unwrap(), 0);
    let of_split = PairQuery {
        split_id: Some(id),
        ..PairQuery::default()
    };
    assert_eq!(store.pair_count(&of_split).unwrap(), 100);
    let again = store.split_counts(id).unwrap();
    assert_eq!(again, counts);
    let back = store.pairs_build(&Recipe::default(), |_| true).unwrap();
    assert_eq!((back.kept, back.new, back.removed), (100, 100, 0));
    assert_eq!(store.pair_count(&PairQuery::default()).unwrap(), 100);

    let torn: Vec<_> = pairs.iter().map(|p| (p.id, partition(p.id / 2))).collect();
    let other = NewSplit {
        name: "torn".into(),
        ..new
    };
    let torn = store.split_insert(&other, &torn, 6).unwrap();
    assert_eq!(store.split_torn_threads(torn).unwrap().len(), 25);
    store.split_audited(torn, "{}").unwrap();
    delete(&store, ItemKind::Split, "torn").unwrap();
    assert_eq!(store.splits().unwrap().len(), 1);
}

fn tensor<'a>(name: &'a str, shape: &'a [usize], bytes: &'a [u8]) -> Part<'a> {
    Part {
        name,
        dtype: Some("f32"),
        shape: Some(shape),
        bytes,
    }
}

/// A project with a split, a base and a run of each kind.
pub(crate) fn modelled() -> (tempfile::TempDir, Store, i64, [i64; 3]) {
    let (dir, store) = filled(40);
    let pairs = store.pairs(&PairQuery::default(), None, 1000).unwrap();
    let members: Vec<_> = pairs
        .iter()
        .map(|p| (p.id, Partition::from_number(p.thread_id % 3).unwrap()))
        .collect();
    let new = NewSplit {
        name: "s".into(),
        seed: 1,
        config: "{}".into(),
    };
    let split = store.split_insert(&new, &members, 1).unwrap();
    let part = store.put(&tensor("wte.weight", &[2, 2], &[1; 16])).unwrap();
    let base = NewBase {
        name: "b".into(),
        kind: BaseKind::Gpt2,
        origin: "from scratch".into(),
        config: "{}".into(),
    };
    let base = store.base_insert(&base, &[part], 1).unwrap();
    let runs = ModelKind::ALL.map(|kind| {
        let run = NewRun {
            name: kind.as_str().into(),
            kind,
            base_id: base,
            split_id: split,
            fake_set_id: None,
            config: String::new(),
            job_id: None,
            facts: "{}".into(),
        };
        store.run_insert(&run, 2).unwrap()
    });
    (dir, store, split, runs)
}

/// Deletes an item without dependents, with its rows.
fn delete(store: &Store, kind: ItemKind, word: &str) -> Result<()> {
    store.item_delete(kind, word, false, None, &|_, _, _| JobUse::None, "me", 9)?;
    assert!(store.sweep(&mut |_| true)?.done);
    Ok(())
}

fn save(store: &Store, run_id: i64, role: Role, step: u64, fill: u8) -> i64 {
    let weights = vec![fill; CHUNK + 5];
    let w = store
        .put(&tensor("wte.weight", &[1, CHUNK + 5], &weights))
        .unwrap();
    let m = store
        .put(&tensor("m.wte.weight", &[9], &[fill; 9]))
        .unwrap();
    let new = NewCheckpoint {
        run_id,
        role,
        step,
        weights: &[w],
        optimizer: Some(&[m]),
        state: "{}",
    };
    store.checkpoint_save(&new, 3).unwrap()
}

fn blobs_of(store: &Store) -> i64 {
    store
        .read(|db| Ok(db.query_row("SELECT count(*) FROM blob", [], |r| r.get(0))?))
        .unwrap()
}

#[test]
fn equal_tensors_are_stored_once_and_round_trip() {
    let (_dir, store, _, runs) = modelled();
    assert_eq!(blobs_of(&store), 1);
    let best = save(&store, runs[0], Role::Best, 10, 7);
    save(&store, runs[0], Role::Last, 10, 7);
    assert_eq!(blobs_of(&store), 3);
    let checkpoint = store.checkpoint_by_id(best).unwrap();
    assert_eq!(
        (checkpoint.role, checkpoint.step, checkpoint.run.as_str()),
        (Role::Best, 10, "generator")
    );
    let parts = store.bundle(checkpoint.bundle_id).unwrap();
    assert_eq!(parts[0].shape, Some(vec![1, CHUNK + 5]));
    assert_eq!(store.bytes(&parts[0]).unwrap(), vec![7; CHUNK + 5]);
    let m = store
        .bundle_bytes(checkpoint.optimizer_id.unwrap(), "m.wte.weight")
        .unwrap();
    assert_eq!(m, Some(vec![7; 9]));
    assert_eq!(
        store.bundle_bytes(checkpoint.bundle_id, "nothing").unwrap(),
        None
    );

    // the next one replaces it, and what is unused is removed at once
    save(&store, runs[0], Role::Last, 20, 8);
    assert_eq!(blobs_of(&store), 5);
    save(&store, runs[0], Role::Best, 20, 8);
    assert_eq!(blobs_of(&store), 3);
    assert_eq!(store.checkpoints().unwrap().len(), 2);
    assert!(store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn used_checkpoint_is_kept() {
    let (_dir, store, split_id, runs) = modelled();
    let first = save(&store, runs[0], Role::Best, 1, 1);
    let set = NewFakeSet {
        name: "f".into(),
        checkpoint_id: first,
        split_id,
        config: "{}".into(),
    };
    store.fake_set_insert(&set, 4).unwrap();
    let second = save(&store, runs[0], Role::Best, 2, 2);
    let kept = store.checkpoint_by_id(first).unwrap();
    assert_eq!((kept.role, kept.optimizer_id), (Role::Kept, None));
    assert_eq!(
        store.checkpoint(runs[0], Role::Best).unwrap().unwrap().id,
        second
    );
    let third = save(&store, runs[0], Role::Best, 3, 3);
    assert!(third > second, "an id is never given twice");
    assert!(matches!(
        store.checkpoint_by_id(second),
        Err(Error::Missing { .. })
    ));
    for (kind, name) in [(ItemKind::Base, "b"), (ItemKind::Split, "s")] {
        let refused = delete(&store, kind, name);
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    }
}

#[test]
fn incomplete_blob_is_completed_or_removed() {
    let (_dir, store, _, runs) = modelled();
    let bytes = vec![5; 2 * CHUNK];
    let part = tensor("x", &[2 * CHUNK], &bytes);
    let stored = store.put(&part).unwrap();
    store
        .write(Family::Bases, |db| {
            Ok(db.execute(
                "DELETE FROM chunk WHERE hash = ?1 AND seq = 1",
                [&stored.hash[..]],
            )?)
        })
        .unwrap();
    let new = NewCheckpoint {
        run_id: runs[0],
        role: Role::Best,
        step: 1,
        weights: std::slice::from_ref(&stored),
        optimizer: None,
        state: "{}",
    };
    assert!(matches!(
        store.checkpoint_save(&new, 1),
        Err(Error::Collected(_))
    ));
    assert_eq!(store.put(&part).unwrap(), stored);
    store.checkpoint_save(&new, 1).unwrap();

    let orphan = vec![6; CHUNK];
    store.put(&tensor("y", &[CHUNK], &orphan)).unwrap();
    let done = store.compact().unwrap();
    assert_eq!(done.collected, CHUNK as u64);
    assert!(done.after < done.before, "{done:?}");
    assert_eq!(store.bytes(&stored).unwrap(), bytes);
}

#[test]
fn check_finds_damage_and_size_adds_up() {
    let (_dir, store, _, runs) = modelled();
    let id = save(&store, runs[1], Role::Best, 10, 7);
    let part = &store
        .bundle(store.checkpoint_by_id(id).unwrap().bundle_id)
        .unwrap()[0];
    let mut seen = 0;
    let check = store
        .check(|done, all| {
            seen = done;
            done <= all
        })
        .unwrap();
    assert!(check.is_whole(), "{check:?}");
    assert_eq!((check.blobs_checked, check.bytes_checked), (3, seen));

    store
        .write(Family::Bases, |db| {
            let sql = "UPDATE chunk SET data = zeroblob(length(data)) WHERE hash = ?1 AND seq = 1";
            Ok(db.execute(sql, [&part.hash[..]])?)
        })
        .unwrap();
    let check = store.check(|_, _| true).unwrap();
    assert_eq!(
        check.blobs,
        ["wte.weight of realism (best): its bytes differ from those stored"]
    );
    assert!(matches!(store.bytes(part), Err(Error::Damaged(_))));
    store
        .write_bare(|db| Ok(db.execute_batch("PRAGMA foreign_keys = OFF")?))
        .unwrap();
    store
        .write(Family::Sources, |db| {
            Ok(db.execute("DELETE FROM comment WHERE id = 1001", [])?)
        })
        .unwrap();
    let check = store.check(|_, _| true).unwrap();
    assert!(
        check
            .foreign_keys
            .iter()
            .any(|line| line.starts_with("pair row 1001")),
        "{check:?}"
    );

    let size = store.size().unwrap();
    let weights = size
        .families
        .iter()
        .find(|space| space.family == "weights")
        .unwrap();
    assert_eq!(weights.rows, 4); // chunks
    assert!(weights.bytes > CHUNK as u64);
    let sum: u64 = size.families.iter().map(|space| space.bytes).sum();
    assert!(sum + size.free <= size.file + size.wal, "{size:?}");
}

#[test]
fn every_table_belongs_to_a_family() {
    let (_dir, store) = project();
    let tables: Vec<String> = store
        .read(|db| {
            let sql =
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
            Ok(db
                .prepare(sql)?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?)
        })
        .unwrap();
    let families: Vec<&str> = crate::maintenance::FAMILIES
        .iter()
        .flat_map(|(_, m)| m.iter().copied())
        .collect();
    for table in &tables {
        assert!(families.contains(&table.as_str()), "{table}");
    }
    assert_eq!(tables.len(), families.len());
}

#[test]
fn metrics_and_samples_of_a_run() {
    let (_dir, store, _, runs) = modelled();
    let at = |name: &str, step, value| Metric {
        name: name.into(),
        step,
        value,
    };
    let metrics = [
        at("loss", 1, Some(2.5)),
        at("loss", 2, Some(f64::NAN)),
        at("loss", 3, Some(1.0)),
        at("lr", 1, Some(1e-4)),
    ];
    store.metrics_add(runs[0], &metrics).unwrap();
    store
        .metrics_add(runs[0], &[at("loss", 3, Some(0.5))])
        .unwrap();
    let loss = store.metric(runs[0], "loss").unwrap();
    assert_eq!(loss, [(1, Some(2.5)), (2, None), (3, Some(0.5))]);
    assert_eq!(store.metric_names(runs[0]).unwrap(), ["loss", "lr"]);
    let sample = RunSample {
        step: 3,
        n: 0,
        pair_id: None,
        comment: "a".into(),
        text: "b".into(),
    };
    store.run_sample_add(runs[0], &sample).unwrap();
    store.run_sample_add(runs[0], &sample).unwrap();
    assert_eq!(
        store.run_samples(runs[0]).unwrap(),
        std::slice::from_ref(&sample)
    );
    store.metrics_cut(runs[0], 1).unwrap();
    assert_eq!(store.metrics(runs[0]).unwrap().len(), 2);
    assert_eq!(store.run_samples(runs[0]).unwrap(), []);
    assert!(matches!(store.run("none"), Err(Error::Missing { .. })));
    assert_eq!(store.run("realism").unwrap().kind, ModelKind::Realism);
    let again = NewRun {
        name: "realism".into(),
        kind: ModelKind::Realism,
        base_id: 1,
        split_id: 1,
        fake_set_id: None,
        config: String::new(),
        job_id: None,
        facts: "{}".into(),
    };
    assert!(matches!(
        store.run_insert(&again, 1),
        Err(Error::NameTaken { .. })
    ));
}

#[test]
fn fakes_and_predictions() {
    let (_dir, store, split_id, runs) = modelled();
    let generator = save(&store, runs[0], Role::Best, 1, 1);
    let set = NewFakeSet {
        name: "f".into(),
        checkpoint_id: generator,
        split_id,
        config: "{}".into(),
    };
    let set = store.fake_set_insert(&set, 4).unwrap();
    let val = store.split_pair_ids(split_id, Partition::Val).unwrap();
    let new: Vec<_> = val
        .iter()
        .flat_map(|pair| (0..2).map(move |n| (*pair, n)))
        .map(|(pair_id, n)| NewFake {
            pair_id,
            n,
            text: format!("fake {n}"),
            finish_reason: FinishReason::End,
        })
        .collect();
    store.fakes_add(set, &new).unwrap();
    store.fakes_add(set, &new[..3]).unwrap(); // a resumed job repeats its last batch
    assert_eq!(store.fake_counts(set).unwrap(), [0, new.len() as u64, 0]);
    assert_eq!(store.fake_pairs(set).unwrap()[0], (val[0], 2));
    let fakes = store.fakes(set, Partition::Val).unwrap();
    assert_eq!(fakes.len(), new.len());
    assert!(fakes[0].comment.starts_with("question"));
    assert_eq!(store.fakes(set, Partition::Train).unwrap(), []);

    let realism = save(&store, runs[1], Role::Best, 1, 2);
    let evaluation = NewEvaluation {
        checkpoint_id: realism,
        split_id,
        fake_set_id: Some(set),
        partition: Partition::Val,
        config: "{}".into(),
        metrics: r#"{"auc":1}"#.into(),
    };
    let two = |subject, label, p1: f64| Prediction {
        subject,
        label: Some(label),
        p: [Some(1.0 - p1), Some(p1), None, None],
        nll: None,
        tokens: None,
    };
    let predictions = [
        two(Subject::Pair(val[0]), 1, 0.75),
        two(Subject::Fake(fakes[1].id), 0, 0.25),
    ];
    let id = store
        .evaluation_insert(&evaluation, &predictions, 9)
        .unwrap();
    assert_eq!(store.predictions(id).unwrap(), predictions);
    let with_texts = store.predicted(id, 1, 10).unwrap();
    assert_eq!(with_texts.len(), 1);
    assert_eq!(
        (with_texts[0].n, with_texts[0].reply.as_str()),
        (1, "fake 1")
    );
    assert_eq!(store.evaluation(id).unwrap().run, "realism");
    let refused = delete(&store, ItemKind::Fakes, "f");
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    delete(&store, ItemKind::Evaluation, &id.to_string()).unwrap();
    delete(&store, ItemKind::Fakes, "f").unwrap();
    assert!(store.evaluations().unwrap().is_empty() && store.fake_sets().unwrap().is_empty());
    assert!(store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn from_thread_to_queue() {
    let (_dir, store, _, runs) = modelled();
    let generator = save(&store, runs[0], Role::Best, 1, 1);
    let body = |parent, body: &str| NewThreadComment {
        parent,
        body: body.into(),
        ..NewThreadComment::default()
    };
    let thread = NewThread {
        origin: "pasted".into(),
        title: "title".into(),
        comments: vec![body(None, "top"), body(Some(0), "below")],
        ..NewThread::default()
    };
    let (thread_id, comments) = store.thread_insert(&thread, 1).unwrap();
    let bad = NewThread {
        comments: vec![body(Some(3), "x")],
        ..NewThread::default()
    };
    assert!(store.thread_insert(&bad, 1).is_err());
    assert_eq!(store.threads().unwrap().len(), 1);
    let stored = store.thread_comments(thread_id).unwrap();
    assert_eq!(stored[1].parent_id, Some(comments[0]));

    let new = NewGeneration {
        generator,
        realism: None,
        upvotes: None,
        config: "{}".into(),
    };
    let generation = store.generation_insert(&new, 2).unwrap();
    let candidate = |n, scores| NewCandidate {
        comment_id: comments[1],
        n,
        text: format!("reply {n}"),
        finish_reason: FinishReason::End,
        scores,
    };
    let scored = Scores {
        p_real: Some(0.95),
        bins: Some([0.1, 0.2, 0.3, 0.4]),
    };
    let ids = store
        .candidates_add(
            generation,
            &[
                candidate(0, Scores::default()),
                candidate(1, Scores::default()),
            ],
        )
        .unwrap();
    let again = store
        .candidates_add(generation, &[candidate(1, scored)])
        .unwrap();
    assert_eq!(again, ids[1..]);
    let pick = Pick {
        candidate_id: ids[1],
        picked: true,
        reason: "best of its thread".into(),
    };
    store.candidates_decide(&[pick]).unwrap();
    let all = store.candidates(generation).unwrap();
    assert_eq!((all[0].picked, all[1].picked), (false, true));
    assert_eq!(all[1].scores, scored);
    assert!((scored.expected_bin().unwrap() - 2.0).abs() < 1e-12);
    assert_eq!(store.generations().unwrap()[0].candidates, 2);

    let queued = store.queue_add(&ids[1..], "me", 3).unwrap();
    assert_eq!(store.queue_add(&ids[1..], "me", 4).unwrap(), queued);
    assert!(matches!(
        store.queue_add(&[ids[0], 999], "me", 4),
        Err(Error::Missing { .. })
    ));
    store
        .write(Family::Queue, |db| {
            db.execute("UPDATE candidate SET text = ' ' WHERE id = ?1", [ids[0]])?;
            Ok(())
        })
        .unwrap();
    assert!(matches!(
        store.queue_add(&ids, "me", 4),
        Err(Error::Refused { .. })
    ));
    assert_eq!(store.replies(None).unwrap().len(), 1, "all or nothing");
    let id = queued[0];
    let approve = |at_ms| {
        store.reply_approve(id, "me", at_ms, |reply| {
            Ok::<_, ()>(Some(Approval {
                full_text: reply.text.clone(),
                hash: blake3::hash(reply.text.as_bytes()).to_hex().to_string(),
                seen: format!("what was seen at {at_ms}"),
                seal: "machine:seal".into(),
                ..Approval::default()
            }))
        })
    };
    approve(5).unwrap().unwrap();
    let approved = store.reply(id).unwrap().outbox;
    assert_eq!(
        (approved.full_text.as_str(), approved.seen.as_str()),
        ("reply 1", "what was seen at 5")
    );
    // a refusal within the transaction changes nothing
    let why = store.reply_approve(id, "eve", 6, |_| Err("another text"));
    assert_eq!(why.unwrap(), Err("another text"));
    assert_eq!(store.reply(id).unwrap().outbox, approved);
    assert_eq!(store.replies(Some(ReplyState::Approved)).unwrap().len(), 1);
    store.reply_edit(id, "better", "me", 6).unwrap();
    let reply = store.reply(id).unwrap();
    assert_eq!(
        (reply.state, reply.text.as_str(), reply.written.as_str()),
        (ReplyState::Draft, "better", "reply 1")
    );
    assert_eq!(
        reply.outbox,
        Outbox::default(),
        "the approval is gone, all of it"
    );
    approve(6).unwrap().unwrap();
    assert_eq!(
        (reply.comment.as_str(), reply.reason.as_str()),
        ("below", "best of its thread")
    );
    store
        .reply_move(id, ReplyState::Rejected, "me", "no", 7)
        .unwrap();
    assert_eq!(store.reply(id).unwrap().outbox, Outbox::default());
    let error = approve(8).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("reply {id} is rejected; it cannot be approved")
    );
    assert!(store.reply_edit(id, "x", "me", 9).is_err());
    store
        .reply_move(id, ReplyState::Draft, "me", "again", 9)
        .unwrap();
    let events = store.reply_events(id).unwrap();
    let what: Vec<_> = events.iter().map(|e| e.what.as_str()).collect();
    assert_eq!(
        what,
        [
            "drafted", "approved", "edited", "approved", "rejected", "drafted"
        ]
    );
    assert_eq!(events[2].detail, "reply 1");
}

#[test]
fn a_full_disk_loses_nothing() {
    let (_dir, store, _, runs) = modelled();
    let before = store.counts().unwrap();
    let pages: i64 = store
        .write_bare(|db| {
            let pages: i64 = db.query_row("PRAGMA page_count", [], |r| r.get(0))?;
            db.execute_batch(&format!("PRAGMA max_page_count = {}", pages + 20))?;
            Ok(pages)
        })
        .unwrap();
    assert!(pages > 0);
    let big = vec![1; 3 * CHUNK];
    let error = store.put(&tensor("x", &[3 * CHUNK], &big)).unwrap_err();
    assert!(matches!(error, Error::Full), "{error}");
    assert!(error.to_string().contains("disk is full"));
    let many: Vec<_> = (0..50_000)
        .map(|i| comment(90_000 + i, None, "z", &"long ".repeat(40)))
        .collect();
    assert!(matches!(store.records_upsert(1, &many), Err(Error::Full)));
    assert_eq!(store.counts().unwrap().comments, before.comments);
    assert!(store.check(|_, _| true).unwrap().is_whole());

    // with disk space again, the same step succeeds
    store
        .write_bare(|db| Ok(db.execute_batch("PRAGMA max_page_count = 1073741823")?))
        .unwrap();
    save(&store, runs[0], Role::Last, 1, 9);
    store.records_upsert(1, &many).unwrap();
    assert_eq!(store.counts().unwrap().comments, before.comments + 50_000);
}

#[test]
fn project_of_the_first_version_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.repartee");
    {
        let db = rusqlite::Connection::open(&path).unwrap();
        let id = crate::APPLICATION_ID;
        db.execute_batch(&format!("PRAGMA application_id = {id};"))
            .unwrap();
        db.execute_batch(include_str!("schema/1_project.sql"))
            .unwrap();
        db.execute_batch(
            "PRAGMA foreign_keys = OFF;
             INSERT INTO source VALUES (1, 's', 's', 'mapped', NULL, '{}', 'own', '', '{}', 1);
             INSERT INTO comment VALUES (1, 9, NULL, 1, 'r', 'a', 'über alles', 1, 1, 1),
                                        (2, 9, 1, 1, 'r', 'b', 'kept words', 1, 1, 1);
             INSERT INTO pair VALUES (2, 1, 9);
             INSERT INTO thread VALUES (1, 'pasted', '', '', 1);
             INSERT INTO thread_comment VALUES (1, 1, NULL, NULL, NULL, 'why', NULL, NULL);
             INSERT INTO candidate VALUES (1, 1, 1, 0, 'so', 'end', NULL, NULL, NULL, NULL, NULL, NULL, 1, '');
             INSERT INTO reply VALUES (5, 1, 'so it is', 'approved', 77);
             INSERT INTO reply_event VALUES (1, 5, 76, 'ada', 'approved', '');
             PRAGMA user_version = 1;",
        )
        .unwrap();
    }
    // a dangling reference (the candidate's generation) is found before anything is changed
    assert!(matches!(Store::open(&path), Err(Error::Migration(_))));
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(
            "INSERT INTO bundle VALUES (1);
             INSERT INTO base VALUES (1, 'b', 'gpt2', '', '{}', 1, 1);
             INSERT INTO split VALUES (1, 'main', 1, '{}', NULL, 1);
             INSERT INTO run VALUES (1, 'w', 'generator', 1, 1, '', NULL, '{}', 1);
             INSERT INTO checkpoint VALUES (1, 1, 'best', 1, 1, NULL, '{}', 1);
             INSERT INTO generation VALUES (1, 1, NULL, NULL, '{}', 1);",
        )
        .unwrap();
    let store = Store::open(&path).unwrap();
    let reply = store.reply(5).unwrap();
    assert_eq!((reply.text.as_str(), reply.link.as_str()), ("so it is", ""));
    assert_eq!(store.reply_events(5).unwrap().len(), 1);
    let to = Became {
        link: "https://example.org".into(),
        ..Became::new(ReplyState::Posted, "", "")
    };
    let from = [ReplyState::Approved];
    store
        .reply_becomes(5, &from, None, &to, ("ada", "posted"), 80)
        .unwrap();
    assert_eq!(store.reply(5).unwrap().link, "https://example.org");
    assert_eq!(store.replies(Some(ReplyState::Posted)).unwrap().len(), 1);
    assert!(store.check(|_, _| true).unwrap().is_whole());

    // its pairs can be searched once they are indexed
    let query = |words: &str| PairQuery {
        words: Some(words.to_owned()),
        ..PairQuery::default()
    };
    assert_eq!(store.pair_count(&query("kept")).unwrap(), 0);
    assert_eq!(store.pairs_index(|_| true).unwrap(), 1);
    assert_eq!(store.pairs_index(|_| true).unwrap(), 0);
    for (words, found) in [
        ("kept", 1),
        ("kep", 1),
        ("uber WORDS", 1),
        ("ept", 0),
        ("kept \"nothing", 0),
        ("\"", 0),
    ] {
        assert_eq!(store.pair_count(&query(words)).unwrap(), found, "{words}");
    }
}

#[test]
fn pairs_are_sorted_as_requested() {
    let (_folder, store) = project();
    let source = source(&store);
    let comment = |id: i64, parent: Option<i64>, body: &str, score: Option<i64>| {
        Record::Comment(Comment {
            id,
            link_id: 90,
            parent_id: parent,
            subreddit: "r".into(),
            author: Some(format!("u{id}")),
            body: body.into(),
            score,
            created_utc: Some(id),
            retrieved_utc: None,
        })
    };
    let records = [
        comment(1, None, "the first comment", Some(1)),
        comment(2, Some(1), "short words here", Some(7)),
        comment(3, Some(1), "a much longer reply to it", None),
        comment(4, Some(3), "something of medium", Some(-2)),
    ];
    store.records_upsert(source, &records).unwrap();
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    let ids = |order, descending| {
        store
            .pair_ids(&PairQuery::default(), order, descending)
            .unwrap()
    };
    assert_eq!(ids(PairOrder::Id, false), [2, 3, 4]);
    assert_eq!(ids(PairOrder::Id, true), [4, 3, 2]);
    assert_eq!(
        ids(PairOrder::Score, false),
        [4, 2, 3],
        "the unknown comes last"
    );
    assert_eq!(ids(PairOrder::Score, true), [2, 4, 3]);
    assert_eq!(ids(PairOrder::ReplyLength, true), [3, 4, 2]);
    let pairs = store.pairs_of(&[4, 99, 2]).unwrap();
    assert_eq!(pairs.iter().map(|p| p.id).collect::<Vec<_>>(), [4, 2]);
    let mut scores = store
        .pair_figures(&PairQuery::default(), PairFigure::Score)
        .unwrap();
    scores.sort_unstable();
    assert_eq!(scores, [-2, 7]);
}

#[test]
fn watch_reports_writes_of_any_process() {
    let (_folder, store) = project();
    let other = Store::open(store.path()).unwrap();
    let mut watch = store.watch().unwrap();
    assert_eq!(watch.changed().unwrap(), []);
    other.set_setting("x", &1).unwrap();
    store.job_insert("j", "import", "{}", None, 1).unwrap();
    assert_eq!(watch.changed().unwrap(), [Family::Jobs, Family::Settings]);
    assert_eq!(watch.changed().unwrap(), []);
    assert_eq!(store.writes_of(Family::Jobs).unwrap(), 1);
}

/// A project with a live thread: a post, a comment, an answer to it, and a candidate for each.
fn live() -> (tempfile::TempDir, Store, Vec<i64>) {
    let (dir, store, _, runs) = modelled();
    let generator = save(&store, runs[0], Role::Best, 1, 1);
    let comment = |name: &str, parent: Option<usize>, body: &str| NewThreadComment {
        parent,
        name: Some(name.into()),
        author: Some(format!("writer-of-{name}")),
        body: body.into(),
        parent_name: Some("t3_p".into()),
        ..NewThreadComment::default()
    };
    let thread = NewThread {
        origin: "reddit".into(),
        subreddit: "Quiet".into(),
        title: "a title that nobody else has".into(),
        body: "the text below the title".into(),
        author: Some("writer-of-the-post".into()),
        name: Some("t3_p".into()),
        comments: vec![
            comment("t1_a", None, "the first comment of them all"),
            comment("t1_b", Some(0), "an answer to the first of them"),
        ],
        expires_ms: Some(1_000),
        ..NewThread::default()
    };
    let (_, comments) = store.thread_insert(&thread, 1).unwrap();
    // updated, not duplicated
    assert_eq!(store.thread_insert(&thread, 2).unwrap().1, comments);
    let new = NewGeneration {
        generator,
        realism: None,
        upvotes: None,
        config: "{}".into(),
    };
    let generation = store.generation_insert(&new, 2).unwrap();
    let new: Vec<_> = [(0, 0), (0, 1), (1, 0)]
        .into_iter()
        .map(|(at, n)| NewCandidate {
            comment_id: comments[at],
            n,
            text: format!("candidate number {n} for comment {at}"),
            finish_reason: FinishReason::End,
            scores: Scores::default(),
        })
        .collect();
    let ids = store.candidates_add(generation, &new).unwrap();
    let replies = store.queue_add(&ids, "me", 3).unwrap();
    (dir, store, replies)
}

/// Approves what a test shows.
fn approve(store: &Store, id: i64, approval: &Approval, at_ms: i64) -> Result<()> {
    let make = |_: &_| Ok::<_, std::convert::Infallible>(Some(approval.clone()));
    store
        .reply_approve(id, "ada", at_ms, make)
        .map(|done| done.unwrap())
}

fn approval(store: &Store, id: i64) -> Approval {
    let reply = store.reply(id).unwrap();
    let full_text = format!("{}\n\nfooter", reply.text);
    Approval {
        account: "Bot".into(),
        subreddit: reply.subreddit,
        post_name: reply.post_name,
        parent_name: reply.parent_name,
        seen: "seen".into(),
        seal: "machine:seal".into(),
        hash: blake3::hash(full_text.as_bytes()).to_hex().to_string(),
        full_text,
        parent_hash: String::new(),
    }
}

#[test]
fn outbox_sends_a_reply_once_and_one_at_a_time() {
    let (_dir, store, ids) = live();
    let first = approval(&store, ids[0]);
    approve(&store, ids[0], &first, 5).unwrap();
    // a second reply to the same comment, by the same account in another spelling
    let second = Approval {
        account: "bot".into(),
        ..approval(&store, ids[1])
    };
    let error = approve(&store, ids[1], &second, 6).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    let third = approval(&store, ids[2]);
    approve(&store, ids[2], &third, 6).unwrap();
    let waiting = store.outgoing("BOT", &[ReplyState::Approved]).unwrap();
    assert_eq!(
        waiting.iter().map(|r| r.id).collect::<Vec<_>>(),
        [ids[0], ids[2]]
    );

    // no lease, no intent
    let intend_if = |id: i64, hash: &str, owner: &str, may: Result<bool, &'static str>| {
        store
            .intend(id, hash, owner, (7, 50), |_| may)
            .map(|done| done.map(|attempt| attempt.unwrap_or(0)))
    };
    let intend = |id: i64, hash: &str, owner: &str| -> Result<u32> {
        intend_if(id, hash, owner, Ok(true)).map(|done| done.unwrap())
    };
    assert!(intend(ids[0], &first.hash, "me").is_err());
    assert!(store.lease_claim("Bot", None, "me", 10).unwrap());
    assert!(!store.lease_claim("bot", None, "you", 10).unwrap());
    assert!(intend(ids[0], &first.hash, "you").is_err());
    // not what was approved
    assert!(intend(ids[0], &third.hash, "me").is_err());
    // the last check within the transaction refused, or failed
    assert_eq!(
        intend_if(ids[0], &first.hash, "me", Ok(false)).unwrap(),
        Ok(0)
    );
    let refused = intend_if(ids[0], &first.hash, "me", Err("gone")).unwrap();
    assert_eq!(refused, Err("gone"));
    assert!(store.attempts(ids[0]).unwrap().is_empty());
    assert_eq!(intend(ids[0], &first.hash, "me").unwrap(), 1);
    assert!(intend(ids[0], &first.hash, "me").is_err(), "once");
    assert!(intend(ids[2], &third.hash, "me").is_err(), "one in flight");

    // the process dies; the next one takes over and checks
    assert!(store.lease_claim("Bot", Some("me"), "you", 40_000).unwrap());
    assert!(!store.lease_beat("Bot", "me", 40_001).unwrap());
    assert_eq!(store.sending_is_uncertain("bot", 60).unwrap(), 1);
    assert!(intend(ids[2], &third.hash, "you").is_err(), "uncertain");
    let probe = Probe {
        at_ms: 65,
        route: "own".into(),
        found: "t1_x".into(),
    };
    store.probe_add(ids[0], 1, &probe).unwrap();
    assert_eq!(store.probes(ids[0], 1).unwrap(), [probe]);
    let to = Became {
        posted_name: Some("t1_x".into()),
        link: "/x".into(),
        ..Became::new(ReplyState::Posted, "found", "")
    };
    let settle = |attempt| {
        let from = [ReplyState::Uncertain];
        store.reply_becomes(ids[0], &from, Some(attempt), &to, ("repartee", "found"), 70)
    };
    assert!(settle(2).is_err(), "of another try");
    settle(1).unwrap();
    // the first process was only slow: its report changes nothing any more
    let late = Ended {
        reply_id: ids[0],
        attempt: 1,
        at_ms: 80,
        status: Some(500),
        class: 5,
        excerpt: "x".into(),
        to: Became::new(ReplyState::Uncertain, "500", ""),
    };
    assert!(!store.attempt_end(&late).unwrap());
    let reply = store.reply(ids[0]).unwrap();
    assert_eq!(
        (reply.state, reply.outbox.posted_name.as_deref()),
        (ReplyState::Posted, Some("t1_x"))
    );
    assert_eq!(
        (reply.outbox.intent_ms, reply.outbox.skew_ms),
        (Some(50), 7)
    );
    let attempts = store.attempts(ids[0]).unwrap();
    assert_eq!(
        (attempts.len(), attempts[0].class, attempts[0].ended_ms),
        (1, Some(5), Some(80))
    );
    // what is posted, and what is withdrawn, keeps others from answering the same
    let back = Became::new(ReplyState::Withdrawn, "", "");
    let from = [ReplyState::Posted];
    store
        .reply_becomes(ids[0], &from, None, &back, ("ada", "withdrawn"), 90)
        .unwrap();
    assert!(approve(&store, ids[1], &second, 91).is_err());
    let spent = store.spent("bot", 50).unwrap();
    assert_eq!((spent.len(), spent[0].post_name.as_str()), (1, "t3_p"));
    assert_eq!(spent[0].author.as_deref(), Some("writer-of-t1_a"));

    // an attempt that was refused temporarily returns to the approved ones
    assert_eq!(intend(ids[2], &third.hash, "you").unwrap(), 1);
    let ended = Ended {
        reply_id: ids[2],
        to: Became {
            not_before_ms: 500,
            ..Became::new(ReplyState::Approved, "RATELIMIT", "a break")
        },
        ..late
    };
    assert!(store.attempt_end(&ended).unwrap());
    let reply = store.reply(ids[2]).unwrap();
    assert_eq!(
        (reply.state, reply.outbox.not_before_ms),
        (ReplyState::Approved, 500)
    );
    // an edit makes a new text, which is not approved
    store.reply_edit(ids[2], "other", "ada", 95).unwrap();
    assert!(intend(ids[2], &third.hash, "you").is_err());

    // logs are append-only
    for sql in [
        "DELETE FROM attempt",
        "UPDATE attempt SET class = 4",
        "DELETE FROM audit",
        "UPDATE audit SET who = 'eve'",
    ] {
        let done = store.write(Family::Queue, |db| Ok(db.execute(sql, [])?));
        assert!(done.is_err(), "{sql}");
    }
    let what: Vec<String> = store
        .audit(Some(ids[0]), 10)
        .unwrap()
        .into_iter()
        .map(|e| e.what)
        .collect();
    assert_eq!(what, ["withdrawn", "found", "sending", "approved"]);
    assert!(store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn opt_outs_persist_and_permissions_are_replaced_as_a_whole() {
    use crate::accounts::{Account, OptOut, PostingPermission};
    let (_dir, store) = project();
    let ask = |state: &str, source: &str| OptOut {
        kind: "user".into(),
        name: "Ann".into(),
        state: state.into(),
        source: source.into(),
        who: "repartee".into(),
        ..OptOut::default()
    };
    assert!(!store.is_opted_out("user", "ann").unwrap());
    store.opt_out_put(&ask("asked", "t1_1")).unwrap();
    assert!(
        store.is_opted_out("user", "ann").unwrap(),
        "counts until decided"
    );
    store
        .opt_out_decide("user", "ANN", false, "ada", 2)
        .unwrap();
    assert!(!store.is_opted_out("user", "ann").unwrap());
    store.opt_out_put(&ask("asked", "t1_1")).unwrap();
    assert!(
        !store.is_opted_out("user", "ann").unwrap(),
        "the same comment again"
    );
    store.opt_out_put(&ask("asked", "t1_2")).unwrap();
    assert!(store.is_opted_out("user", "ann").unwrap());
    store.opt_out_decide("user", "Ann", true, "ada", 3).unwrap();
    store.opt_out_put(&ask("asked", "t1_3")).unwrap();
    assert_eq!(store.opt_outs().unwrap()[0].state, "confirmed");
    assert!(store.opt_out_decide("user", "bob", true, "ada", 3).is_err());

    let permission = PostingPermission {
        name: "Quiet".into(),
        link: "https://example.org/1".into(),
        who: "ada".into(),
        given_ms: 5,
        rules: "[]".into(),
        ..PostingPermission::default()
    };
    store.posting_permission_put(&permission).unwrap();
    let entry = Entry::new("repartee", "off", 6);
    store
        .posting_permission_off("quiet", "banned", &entry)
        .unwrap();
    store.posting_permission_pause("QUIET", 99).unwrap();
    let now = store.posting_permission("quiet").unwrap().unwrap();
    assert_eq!((now.off.as_str(), now.pause_ms), ("banned", 99));
    store.posting_permission_put(&permission).unwrap();
    let now = store.posting_permission("Quiet").unwrap().unwrap();
    assert_eq!((now.off.as_str(), now.pause_ms), ("", 0));
    assert!(store.posting_permission("Loud").unwrap().is_none());

    let account = Account {
        name: "Some_Bot".into(),
        client_id: "id".into(),
        app: "script".into(),
        operator: "ada".into(),
        port: 8920,
        created_ms: 1,
        ..Account::default()
    };
    store
        .account_put(&account, "ada", |_| String::new())
        .unwrap();
    store
        .account_stop("some_bot", "why", &entry, |_, _| None)
        .unwrap();
    store
        .account_put(&account, "ada", |_| String::new())
        .unwrap();
    assert_eq!(store.account("SOME_BOT").unwrap().stopped, "why");
    assert!(store.account("other").is_err());

    store
        .throttle_change("id", |state| format!("{state}1"))
        .unwrap();
    store
        .throttle_change("id", |state| format!("{state}2"))
        .unwrap();
    store
        .throttle_change("id", |state| {
            assert_eq!(state, "12");
            state.to_owned()
        })
        .unwrap();
}

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
    let cancelled = store.reply(ids[0]).unwrap();
    assert_eq!(cancelled.state, ReplyState::Cancelled);
    let outbox = &cancelled.outbox;
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
    let (_dir, store, split_id, runs) = modelled();
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
        let known = Upserted {
            known: 2,
            ..Upserted::default()
        };
        assert_eq!(upserted, known);
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
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    assert_eq!(store.counts().unwrap().pairs, 4);
    let all = [(1, 10), (1, 11), (1, 70), (1, 71), (3, 1), (3, 2)];
    assert_eq!(store.imported_of_pairs().unwrap(), all);
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

#[test]
fn a_realism_run_of_version_3_finds_its_fakes_and_a_generation_keeps_its_models() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.repartee");
    {
        let db = rusqlite::Connection::open(&path).unwrap();
        let id = crate::APPLICATION_ID;
        db.execute_batch(&format!("PRAGMA application_id = {id};"))
            .unwrap();
        for schema in [
            include_str!("schema/1_project.sql"),
            include_str!("schema/2_window.sql"),
            include_str!("schema/3_reddit.sql"),
        ] {
            db.execute_batch(schema).unwrap();
        }
        db.execute_batch(
            "INSERT INTO bundle VALUES (1);
             INSERT INTO base VALUES (1, 'b', 'gpt2', '', '{}', 1, 1);
             INSERT INTO split VALUES (1, 'main', 1, '{}', NULL, 1);
             INSERT INTO run VALUES (1, 'w', 'generator', 1, 1, '', NULL, 'no json', 1);
             INSERT INTO checkpoint VALUES (1, 1, 'best', 1, 1, NULL, '{}', 1);
             INSERT INTO fake_set VALUES (7, 'f', 1, 1, '{}', 1);
             INSERT INTO run VALUES (2, 'j', 'realism', 1, 1, '', NULL, '{\"fakes\":\"f\"}', 1),
                                    (3, 'k', 'realism', 1, 1, '', NULL, '{\"fakes\":\"gone\"}', 1);
             INSERT INTO generation VALUES (4, 1, NULL, NULL, '{}', 5);
             PRAGMA user_version = 3;",
        )
        .unwrap();
    }
    let store = Store::open(&path).unwrap();
    let run = |name: &str| store.run(name).unwrap();
    assert_eq!(
        (run("j").fake_set_id, run("j").fakes.as_deref()),
        (Some(7), Some("f"))
    );
    assert_eq!((run("k").fake_set_id, run("w").fake_set_id), (None, None));
    let generation = store.generation(4).unwrap();
    assert_eq!((generation.generator, generation.created_ms), (Some(1), 5));
    let found = store.dependents(ItemKind::Fakes, "f").unwrap();
    assert_eq!(found.items.len(), 1);
    // facts that no version of ours wrote are named, and nothing else is found
    let mut check = store.check(|_, _| true).unwrap();
    let named: Vec<_> = check
        .rows
        .drain(..)
        .map(|r| (r.table, r.row, r.column))
        .collect();
    assert_eq!(
        named,
        [("run".into(), "1".into(), "facts".into())] as [(String, String, String); 1]
    );
    assert!(check.is_whole());
}

#[test]
fn nothing_builds_on_items_being_deleted() {
    let (_dir, store, split_id, runs) = modelled();
    let checkpoint = save(&store, runs[0], Role::Best, 1, 1);
    let base_id = store.base("b").unwrap().id;
    store
        .item_delete(
            ItemKind::Split,
            "s",
            true,
            None,
            &|_, _, _| JobUse::None,
            "me",
            9,
        )
        .unwrap();
    let run = NewRun {
        name: "late".into(),
        kind: ModelKind::Upvotes,
        base_id,
        split_id,
        fake_set_id: None,
        config: String::new(),
        job_id: None,
        facts: "{}".into(),
    };
    let refused = store.run_insert(&run, 1);
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    let set = NewFakeSet {
        name: "late".into(),
        checkpoint_id: checkpoint,
        split_id,
        config: "{}".into(),
    };
    let refused = store.fake_set_insert(&set, 1);
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    // a stopped sweep is continued, and another finds nothing to do
    assert!(!store.sweep(&mut |_| false).unwrap().done);
    assert!(store.has_deletions().unwrap());
    let swept = store.sweep(&mut |_| true).unwrap();
    assert!(swept.done && swept.items > 0, "{swept:?}");
    assert_eq!(store.sweep(&mut |_| true).unwrap().items, 0);
    // only the base's blobs are left
    store.base("b").unwrap();
    assert_eq!(blobs_of(&store), 1);
    assert!(store.return_space().unwrap());
    assert!(store.check(|_, _| true).unwrap().is_whole());
}
