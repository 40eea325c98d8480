//! Sources, records and pairs.

use super::*;

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
        comment(15, Some(10), "[deleted]", "by a deleted author"),
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
fn search_ignores_case_in_turkish_and_greek() {
    let (_dir, store) = project();
    let source = source(&store);
    let records = [
        comment(10, None, "ann", "is it İstanbul or the ΟΔΟΣ"),
        comment(11, Some(10), "bob", "it is, I think"),
    ];
    store.records_upsert(source, &records).unwrap();
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    for word in ["istanbul", "İSTANBUL", "οδος", "οδοσ", "ΟΔΟΣ"] {
        let query = PairQuery {
            contains: Some(word.into()),
            ..PairQuery::default()
        };
        assert_eq!(store.pair_count(&query).unwrap(), 1, "{word}");
    }
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
fn a_text_that_is_not_utf8_is_named_and_drops_only_its_pairs() {
    let (_dir, store) = filled(8);
    let bad = "UPDATE comment SET body = CAST(X'61FF' AS TEXT), author = CAST(X'FF' AS TEXT) WHERE id = 1001";
    rusqlite::Connection::open(store.path())
        .unwrap()
        .execute_batch(bad)
        .unwrap();
    let all = PairQuery::default();
    let searched = PairQuery {
        contains: Some("question".into()),
        ..all.clone()
    };
    // a condition on the texts does not fail either
    assert_eq!(store.pair_count(&searched).unwrap(), 8);
    let errors = [
        store.pairs(&all, None, 100).unwrap_err(),
        store.pairs(&searched, None, 100).unwrap_err(),
        store.pairs_of(&[1003, 1001]).unwrap_err(),
        store.pair(1001).unwrap_err(),
        store.examples_of(&[1001]).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Unreadable(_)), "{error:?}");
        let said = error.to_string();
        for part in ["pair 1001, body: ", "UTF-8", "`repartee check --repair`"] {
            assert!(said.contains(part), "{said}");
        }
    }
    let built = store.pairs_build(&Recipe::default(), |_| true).unwrap();
    assert_eq!(built.dropped, [("unreadable".to_owned(), 1)]);
    assert_eq!((built.kept, built.removed), (7, 1));
    assert_eq!(store.pairs(&all, None, 100).unwrap().len(), 7);
    store.pairs_index(|_| true).unwrap();
    // what the repair does
    store.repair_rows(&|_, _, _, _| None, true).unwrap();
    let built = store.pairs_build(&Recipe::default(), |_| true).unwrap();
    assert_eq!((built.kept, built.new), (8, 1));
}

#[test]
fn records_are_stored_with_the_counts_of_their_source() {
    let (_dir, store) = project();
    let source = source(&store);
    let records: Vec<Record> = (0..5_000)
        .map(|id| comment(id, None, "ann", "text"))
        .collect();
    let counts = |done: Upserted| Some(format!("{{\"new\": {}}}", done.new));
    store
        .records_counted(source, &records, &[], counts)
        .unwrap();
    let stored = || store.source(source).unwrap().unwrap().counts;
    assert_eq!(stored(), "{\"new\": 5000}");
    // a transaction that fails stores neither
    let failed = store.records_counted(999, &records[..1], &[], |_| Some("{}".to_owned()));
    assert!(failed.is_ok(), "the record exists already");
    let new = [comment(9_000, None, "ann", "text")];
    assert!(store.records_counted(999, &new, &[], counts).is_err());
    // rows without a record count, too
    store
        .records_counted(source, &[], &[], |_| Some("{\"rejected\": 1}".to_owned()))
        .unwrap();
    assert_eq!(stored(), "{\"rejected\": 1}");
}
