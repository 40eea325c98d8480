#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_datasets::{Comment, Permission, Post, Recipe, Record, Rejected, Side};

use crate::jobs::{JobState, Want};
use crate::pairs::PairQuery;
use crate::records::Upserted;
use crate::sources::NewSource;
use crate::splits::NewSplit;
use crate::{Error, Store};

/// A new project in a folder of its own, which lives as long as the guard.
pub(crate) fn project() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(&dir.path().join("p.repartee")).unwrap();
    (dir, store)
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
fn settings_come_back() {
    let (_dir, store) = project();
    assert_eq!(store.setting::<Vec<u32>>("a").unwrap(), None);
    store.set_setting("a", &vec![1, 2]).unwrap();
    store.set_setting("a", &vec![3]).unwrap();
    assert_eq!(store.setting::<Vec<u32>>("a").unwrap(), Some(vec![3]));
    assert!(matches!(
        store.setting::<String>("a"),
        Err(Error::Json { .. })
    ));
}

#[test]
fn a_job_has_one_owner() {
    let (_dir, store) = project();
    assert!(store.job_insert("j", "import", "{}", "a", 10).unwrap());
    assert!(!store.job_insert("j", "import", "{}", "b", 11).unwrap());
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

/// Replies 101..=100+n, each to comment 100, 4 of them to a thread of its own.
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
fn the_newest_copy_wins_in_any_order() {
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
    let again = store.records_upsert(source, &[old, new]).unwrap();
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
    assert!(matches!(store.source_remove(id), Err(Error::InUse { .. })));
    assert!(matches!(
        store.source_counted(9, "{}", None),
        Err(Error::Missing { .. })
    ));
}

#[test]
fn pairs_are_joined_whatever_the_order_and_counted_by_rule() {
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
    assert_eq!((counts.kept, counts.new, counts.removed), (1, 1, 0));
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
            ("same_author", 2),
            ("same_author_as_post", 1)
        ]
    );
    let pairs = store.pairs(&PairQuery::default(), None, 10).unwrap();
    assert_eq!(pairs.len(), 1);
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
    assert_eq!((again.kept, again.new, again.removed), (1, 0, 0));
    let strict = Recipe {
        min_chars: 5,
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
        subreddit: Some("TEST".into()),
        ..PairQuery::default()
    };
    assert_eq!(store.pair_count(&some).unwrap(), 8);
    let wild = PairQuery {
        contains: Some("answer_1".into()),
        ..PairQuery::default()
    };
    assert_eq!(store.pair_count(&wild).unwrap(), 0);
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
fn a_split_is_whole_and_frozen() {
    let (_dir, store) = filled(100);
    let pairs = store.pairs(&PairQuery::default(), None, 1000).unwrap();
    let side = |thread: i64| Side::from_number(thread % 3).unwrap();
    let members: Vec<_> = pairs.iter().map(|p| (p.id, side(p.thread_id))).collect();
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
        .for_each_example(id, Side::Val, |e| {
            examples.push(e);
            true
        })
        .unwrap();
    assert_eq!(examples.len() as u64, counts[1].pairs);
    let ids = store.split_pair_ids(id, Side::Val).unwrap();
    assert_eq!(ids, examples.iter().map(|e| e.pair_id).collect::<Vec<_>>());
    assert_eq!(
        store.examples_of(&[ids[3], 0, ids[0]]).unwrap(),
        [examples[3].clone(), examples[0].clone()]
    );
    let known = examples.iter().filter_map(|e| e.score).collect::<Vec<_>>();
    assert_eq!(store.split_scores(id, Side::Val).unwrap(), known);
    let mut placed = 0;
    store
        .for_each_placed(id, |p| placed += usize::from(p.side == side(p.thread_id)))
        .unwrap();
    assert_eq!(placed, 100);

    // a pair that the split holds outlives a stricter recipe
    let strict = Recipe {
        min_chars: 1000,
        ..Recipe::default()
    };
    let built = store.pairs_build(&strict, |_| true).unwrap();
    assert_eq!((built.kept, built.removed), (0, 0));
    assert_eq!(store.pair_count(&PairQuery::default()).unwrap(), 100);

    let torn: Vec<_> = pairs.iter().map(|p| (p.id, side(p.id / 2))).collect();
    let other = NewSplit {
        name: "torn".into(),
        ..new
    };
    let torn = store.split_insert(&other, &torn, 6).unwrap();
    assert_eq!(store.split_torn_threads(torn).unwrap().len(), 25);
    store.split_audited(torn, "{}").unwrap();
    store.split_remove("torn").unwrap();
    assert_eq!(store.splits().unwrap().len(), 1);
}
