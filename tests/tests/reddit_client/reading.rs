//! Every call that reads, and trees of comments.

use super::*;

#[tokio::test]
async fn every_read_call_works() {
    let pair = pair();
    let client = &pair.client;
    let names: Vec<String> = {
        let world = pair.fake.world();
        world.subreddits.values().map(|s| s.name.clone()).collect()
    };
    let first = &names[0];
    let about = client.about(&format!("r/{first}")).await.expect("about");
    assert_eq!(
        (about.name.as_str(), about.closed_to_us()),
        (first.as_str(), None)
    );
    assert_eq!(about.banned, Some(false));
    let rules = client.rules(first).await.expect("rules");
    assert_eq!(rules.len(), 2);

    // pages of the rising posts of all subreddits
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut posts = Vec::new();
    let mut after = None;
    loop {
        let page = client
            .rising(&all, 7, after.as_deref())
            .await
            .expect("a page");
        assert!(page.items.len() <= 7);
        posts.extend(page.items);
        after = page.after;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(posts.len(), 30);
    let different: HashSet<&str> = posts.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(different.len(), 30);
    assert!(
        posts
            .iter()
            .all(|p| !p.title.is_empty() && p.score > Some(1))
    );
    // some texts contain `&`, and it arrives unchanged
    assert!(posts.iter().all(|p| !p.body.contains("&amp;")));

    let post = &posts[0];
    let mut last = None;
    let tree = client
        .tree(&post.name, TreeAsk::default(), &mut |progress| {
            last = Some(progress);
            ControlFlow::Continue(())
        })
        .await
        .expect("a tree");
    assert_eq!((tree.stopped, tree.calls), (None, 0));
    assert_eq!(tree.tree.post, *post);
    assert_eq!(last.map(|p| p.comments), Some(tree.tree.comments.len()));
    let comment = &tree.tree.comments[0];
    let found = client
        .info(&[&comment.name, &post.name, "t1_zzzzzzz"])
        .await
        .expect("info");
    assert_eq!(found.absent, ["t1_zzzzzzz"]);
    assert_eq!((found.comments.len(), found.posts.len()), (1, 1));
    let view = client
        .replies_to(&post.name, &comment.name)
        .await
        .expect("a view");
    assert_eq!(view.comment.as_ref().map(|c| &c.name), Some(&comment.name));
    assert!(view.complete);
    let below = tree
        .tree
        .comments
        .iter()
        .filter(|c| c.parent == comment.name);
    assert_eq!(view.replies.len(), below.count());
    let view = client
        .replies_to(&post.name, &post.name)
        .await
        .expect("a view");
    let below = tree.tree.comments.iter().filter(|c| c.parent == post.name);
    assert_eq!((view.comment, view.replies.len()), (None, below.count()));
}

#[tokio::test]
async fn every_call_requests_raw_json_and_none_votes() {
    let pair = pair();
    let client = &pair.client;
    let (post, comment) = pair.post_and_comment();
    client.me().await.expect("me");
    client.about("Quiet").await.expect("about");
    client.rules("Quiet").await.expect("rules");
    client.rising(&["Quiet"], 100, None).await.expect("rising");
    client.preflight(&post, &comment).await.expect("preflight");
    let sent = pair.send(&comment).await;
    let Sent::Posted { comment: ours } = sent else {
        panic!("{sent:?}");
    };
    client.own_comments(ACCOUNT, 0).await.expect("own comments");
    client
        .edit(&ours.name, "Another <text> & more")
        .await
        .expect("edited");
    client.delete(&ours.name).await.expect("deleted");
    {
        let world = pair.fake.world();
        let api: Vec<_> = world
            .seen
            .iter()
            .filter(|seen| seen.on != On::Token)
            .collect();
        assert!(api.len() > 9);
        for seen in api {
            assert!(seen.query.contains("raw_json=1"), "{seen:?}");
            assert!(!seen.path.contains("vote"), "{seen:?}");
            assert_eq!(seen.account.as_deref(), Some(ACCOUNT));
        }
    }
    // without it, the texts arrive with entities: the sandbox does what the real one does
    let text = "a < b && c > d";
    let (_, other) = pair.post_and_comment();
    pair.fake.world().comment(&other).unwrap().body = text.to_owned();
    let found = client.info(&[&other]).await.expect("info");
    assert_eq!(found.comments[0].body, text);
}

#[tokio::test]
async fn unreadable_answers_are_errors_with_a_reason() {
    let pair = pair();
    let client = &pair.client;
    let (post, _) = pair.post_and_comment();
    assert!(matches!(
        client.about("NoSuchPlace").await,
        Err(Error::Redirected { .. })
    ));
    pair.fake.world().subreddit("Quiet").kind = "private".to_owned();
    let private = client.about("Quiet").await;
    assert!(
        matches!(&private, Err(Error::Forbidden { reason: Some(r), scope: false, .. }) if r == "private"),
        "{private:?}"
    );
    pair.fake.world().subreddit("Quiet").kind = "public".to_owned();
    let go = &mut |_| ControlFlow::Continue(());
    assert!(matches!(
        client.tree("t3_zzzzzz", TreeAsk::default(), go).await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        client.own_comments("nobody_there", 0).await,
        Err(Error::NotFound(_))
    ));
    for name in ["", "../x", "a/b", "x?y"] {
        assert!(
            matches!(client.about(name).await, Err(Error::Name { .. })),
            "{name}"
        );
        assert!(client.own_comments(name, 0).await.is_err(), "{name}");
        assert!(client.info(&[name]).await.is_err(), "{name}");
        assert!(client.prepare(name, "text").await.is_err(), "{name}");
    }
    assert!(client.rising(&[], 25, None).await.is_err());
    pair.fail(Rule::once(On::Comments, Fault::Scope));
    let scope = client.replies_to(&post, &post).await.expect_err("no scope");
    assert!(matches!(scope, Error::Forbidden { scope: true, .. }));
    assert!(scope.needs_login(), "{scope}");
    for (fault, expected) in [
        (Fault::StatusBefore { status: 451 }, 451),
        (Fault::StatusBefore { status: 400 }, 400),
    ] {
        pair.fail(Rule::once(On::Comments, fault));
        match client.replies_to(&post, &post).await {
            Err(Error::Status { status, .. }) => assert_eq!(status, expected),
            other => panic!("{other:?}"),
        }
    }
    pair.fail(Rule::once(On::Comments, Fault::NotJson));
    assert!(matches!(
        client.replies_to(&post, &post).await,
        Err(Error::Answer { .. })
    ));
}

#[tokio::test]
async fn tree_of_1500_comments_is_complete_except_for_named_missing_ones() {
    for seed in 1..=3 {
        let pair = pair();
        let (post, flagged, all) = {
            let mut world = pair.fake.world();
            let post = world.make_long_thread("Long", 1_500, 0.04, seed);
            let flagged: BTreeSet<String> = world
                .comments
                .values()
                .filter(|c| c.missing)
                .map(|c| format!("t1_{}", c.id))
                .collect();
            let all: BTreeSet<String> = world.comments_of(&post).into_iter().collect();
            (post, flagged, all)
        };
        assert!(flagged.len() > 20);
        let mut calls = Vec::new();
        let fetched = pair
            .client
            .tree(&post, TreeAsk::default(), &mut |progress| {
                calls.push(progress);
                ControlFlow::Continue(())
            })
            .await
            .expect("a tree");
        let tree = &fetched.tree;
        assert_eq!(fetched.stopped, None);
        assert!(tree.is_complete(), "{:?}", tree.unread);
        assert!(fetched.calls <= 32, "{} calls", fetched.calls);
        eprintln!(
            "seed {seed}: {} comments and {} missing in 1 + {} calls",
            tree.comments.len(),
            tree.missing.len(),
            fetched.calls
        );
        let got: BTreeSet<String> = tree.comments.iter().map(|c| c.name.clone()).collect();
        assert_eq!(got.len(), tree.comments.len(), "nothing is twice");
        let missing: BTreeSet<String> = tree.missing.iter().cloned().collect();
        assert_eq!(missing, flagged);
        assert_eq!(got.union(&missing).cloned().collect::<BTreeSet<_>>(), all);
        let mut known: HashSet<&str> = HashSet::from([tree.post.name.as_str()]);
        for comment in &tree.comments {
            assert!(known.contains(comment.parent.as_str()), "{comment:?}");
            known.insert(&comment.name);
        }
        assert!(
            calls
                .windows(2)
                .all(|two| two[0].comments <= two[1].comments)
        );
        // at most 100 ids a call, and PRAW's order would have needed more of them
        assert_eq!(
            fetched.calls as usize,
            pair.calls(On::MoreChildren) + pair.calls(On::Comments) - 1
        );
    }
}

#[tokio::test]
async fn tree_stopped_by_budget_caller_or_failure_keeps_what_was_read() {
    let pair = pair();
    let client = &pair.client;
    let post = pair.fake.world().make_long_thread("Long", 1_500, 0.0, 5);
    let few = TreeAsk {
        calls: 3,
        ..TreeAsk::default()
    };
    let go = &mut |_| ControlFlow::Continue(());
    let fetched = client.tree(&post, few, go).await.expect("a tree");
    assert_eq!((fetched.stopped, fetched.calls), (Some(Stopped::Budget), 3));
    let unread: usize = fetched.tree.unread.iter().map(|m| m.children.len()).sum();
    assert!(unread > 0 && !fetched.tree.is_complete());
    assert!(fetched.tree.comments.len() >= 800);

    let stop = &mut |progress: repartee_reddit::TreeProgress| match progress.calls {
        2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let fetched = client
        .tree(&post, TreeAsk::default(), stop)
        .await
        .expect("a tree");
    assert_eq!((fetched.stopped, fetched.calls), (Some(Stopped::Caller), 2));

    pair.fail(Rule {
        skip: 2,
        ..Rule::always(On::MoreChildren, Fault::StatusBefore { status: 503 })
    });
    let fetched = client
        .tree(&post, TreeAsk::default(), go)
        .await
        .expect("a tree");
    assert!(
        matches!(
            fetched.stopped,
            Some(Stopped::Failed(Error::Status { status: 503, .. }))
        ),
        "{:?}",
        fetched.stopped
    );
    assert!(fetched.tree.comments.len() >= 700 && !fetched.tree.is_complete());
}

#[tokio::test]
async fn morechildren_calls_are_serialized() {
    let pair = pair();
    let (a, b) = {
        let mut world = pair.fake.world();
        world.knobs.more_takes_ms = 25;
        (
            world.make_long_thread("Long", 900, 0.0, 1),
            world.make_long_thread("Long", 900, 0.0, 2),
        )
    };
    let (mut go, mut go_too) = (|_| ControlFlow::Continue(()), |_| ControlFlow::Continue(()));
    let (a, b) = tokio::join!(
        pair.client.tree(&a, TreeAsk::default(), &mut go),
        pair.client.tree(&b, TreeAsk::default(), &mut go_too)
    );
    assert!(a.expect("a tree").tree.is_complete() && b.expect("a tree").tree.is_complete());
    let world = pair.fake.world();
    assert!(
        world
            .calls(On::MoreChildren)
            .iter()
            .all(|seen| seen.status == Some(200))
    );
}

#[tokio::test]
async fn own_comments_are_read_back_to_a_time() {
    let pair = pair();
    let (post, parent) = pair.post_and_comment();
    let now = {
        let mut world = pair.fake.world();
        let now = world.now_utc();
        for n in 0..250 {
            let name = world
                .add_comment(&post, ACCOUNT, &format!("number {n}"))
                .unwrap();
            world.comment(&name).unwrap().created_utc = now - 10 * (250 - n);
        }
        now
    };
    let all = pair
        .client
        .own_comments(ACCOUNT, 0)
        .await
        .expect("comments");
    assert_eq!(all.len(), 250);
    assert!(
        all.windows(2)
            .all(|two| two[0].created_utc >= two[1].created_utc)
    );
    assert_eq!(pair.calls(On::UserComments), 3);
    let recent = pair
        .client
        .own_comments(ACCOUNT, now - 500)
        .await
        .expect("comments");
    assert_eq!(recent.len(), 50);
    assert_eq!(pair.calls(On::UserComments), 4);
    assert_eq!(ours_under(&all, "Repartee_Bot", &post, now - 100).len(), 10);
    assert!(ours_under(&all, ACCOUNT, &parent, 0).is_empty());
}
