//! Why Reddit refuses a comment, and the action that follows.

use super::*;

/// Changes the world so that a comment on this post, or below this comment, is refused.
type Change = fn(&mut World, &str, &str);

/// Each change makes Reddit refuse a comment with this code, and nothing is posted.
async fn refused(cases: &[(&str, Change, &str, Action)]) {
    for (what, change, code, action) in cases {
        let pair = pair();
        let (post, comment) = pair.post_and_comment();
        change(&mut pair.fake.world(), &post, &comment);
        let Sent::Rejected(rejection) = pair.send(&comment).await else {
            panic!("{what}: not rejected");
        };
        assert_eq!(
            (rejection.code.as_str(), rejection.action),
            (*code, *action),
            "{what}"
        );
        assert_eq!(pair.fake.world().posted(), 0, "{what}");
    }
}

#[tokio::test]
async fn locked_archived_and_deleted_parents_are_refused_with_their_action() {
    refused(&[
        (
            "locked post",
            |world, post, _| world.post(post).unwrap().locked = true,
            "THREAD_LOCKED",
            Action::Cancel,
        ),
        (
            "locked comment",
            |world, _, comment| world.comment(comment).unwrap().locked = true,
            "THREAD_LOCKED",
            Action::Cancel,
        ),
        (
            "archived",
            |world, post, _| world.post(post).unwrap().archived = true,
            "TOO_OLD",
            Action::Cancel,
        ),
        (
            "deleted",
            |world, _, comment| world.comment(comment).unwrap().deleted = true,
            "DELETED_COMMENT",
            Action::CancelAndPurge,
        ),
    ])
    .await;
}

#[tokio::test]
async fn blocking_in_either_direction_is_refused_as_an_opt_out() {
    refused(&[
        (
            "we blocked them",
            |world, _, _| {
                let account = world.account(ACCOUNT).unwrap();
                account.blocked.insert("somebody".into());
            },
            "USER_BLOCKED",
            Action::CancelAndOptOut,
        ),
        (
            "they blocked us",
            |world, _, _| {
                world.add_account("somebody", "x");
                let account = world.account("somebody").unwrap();
                account.blocked.insert(ACCOUNT.into());
            },
            "COMMENTER_BLOCKED_POSTER",
            Action::CancelAndOptOut,
        ),
    ])
    .await;
}

#[tokio::test]
async fn closed_subreddits_and_a_suspension_are_refused_with_their_action() {
    refused(&[
        (
            "banned",
            |world, _, _| {
                world.subreddit("Quiet").banned.insert(ACCOUNT.into());
            },
            "403",
            Action::CancelSubreddit,
        ),
        (
            "private",
            |world, _, _| world.subreddit("Quiet").kind = "private".into(),
            "403",
            Action::CancelSubreddit,
        ),
        (
            "restricted",
            |world, _, _| world.subreddit("Quiet").restrict_commenting = true,
            "403",
            Action::CancelSubreddit,
        ),
        (
            "suspended",
            |world, _, _| world.account(ACCOUNT).unwrap().suspended = true,
            "IN_TIMEOUT",
            Action::StopAccount,
        ),
    ])
    .await;
}

#[tokio::test]
async fn unknown_parent_is_refused() {
    assert!(matches!(pair().send("t1_zzzzzz").await, Sent::Rejected(_)));
}

#[tokio::test]
async fn quarantine_accepts_a_comment_and_does_not_show_it() {
    let pair = pair();
    let (_, comment) = pair.post_and_comment();
    pair.fake.world().subreddit("Quiet").quarantine = true;
    assert!(matches!(pair.send(&comment).await, Sent::Uncertain { .. }));
    assert_eq!(pair.fake.world().made(ACCOUNT, &comment).len(), 1);
}

#[tokio::test]
async fn every_error_of_the_table_arrives_in_both_shapes_with_its_action() {
    for (code, action) in [
        ("NO_TEXT", Action::Redraft),
        ("TOO_LONG", Action::Redraft),
        ("THREAD_LOCKED", Action::Cancel),
        ("DELETED_COMMENT", Action::CancelAndPurge),
        ("TOO_OLD", Action::Cancel),
        ("USER_BLOCKED", Action::CancelAndOptOut),
        ("COMMENTER_BLOCKED_POSTER", Action::CancelAndOptOut),
        ("USER_REQUIRED", Action::Login),
        ("SUBREDDIT_NOTALLOWED", Action::CancelSubreddit),
        ("IN_TIMEOUT", Action::StopAccount),
        ("BRAND_NEW", Action::Ask),
    ] {
        let pair = pair();
        let (_, parent) = pair.post_and_comment();
        let (code, text, field) = (code.to_owned(), "words".to_owned(), Some("x".to_owned()));
        for fault in [
            Fault::Error {
                code: code.clone(),
                text: text.clone(),
                field: field.clone(),
            },
            Fault::BadRequest {
                code: code.clone(),
                text: text.clone(),
                field: field.clone(),
            },
        ] {
            pair.fail(Rule::once(On::Comment, fault));
            let Sent::Rejected(rejection) = pair.send(&parent).await else {
                panic!("{code}: not rejected");
            };
            assert_eq!(
                (
                    &rejection.code,
                    &rejection.text,
                    &rejection.field,
                    rejection.action
                ),
                (&code, &text, &field, action)
            );
        }
        assert_eq!(pair.fake.world().posted(), 0);
    }
}

#[tokio::test]
async fn rate_limits_are_read_in_every_language_with_a_number_and_without() {
    for (language, number, seconds, wait_ms) in [
        (Language::English, true, 487.42, 492_420),
        (Language::English, false, 487.42, 545_000),
        (Language::English, false, 12.0, 17_000),
        (Language::Old, false, 480.0, 485_000),
        (Language::Dutch, true, 33.5, 38_500),
        (Language::Dutch, false, 420.0, 425_000),
        (Language::Dutch, false, 45.0, 50_000),
        (Language::Russian, true, 45.0, 50_000),
        (Language::Russian, false, 360.0, 365_000),
        // an unknown unit counts as minutes: too long, never too short
        (Language::Russian, false, 45.0, 45 * 60_000 + 5_000),
        (Language::Wordless, false, 100.0, 605_000),
        (Language::Wordless, true, 100.0, 105_000),
    ] {
        let pair = pair();
        let (_, parent) = pair.post_and_comment();
        pair.fail(Rule::once(
            On::Comment,
            Fault::RateLimit {
                seconds,
                language,
                number,
            },
        ));
        let Sent::Refused(refusal) = pair.send(&parent).await else {
            panic!("{language:?}: not refused");
        };
        assert_eq!(refusal.pause, Pause::Account);
        assert_eq!(
            refusal.wait_ms, wait_ms,
            "{language:?}, number {number}, {seconds} s"
        );
        assert_eq!(pair.fake.world().posted(), 0);
        // and then it succeeds
        assert_eq!(pair.send(&parent).await.class(), 4);
    }
    let pair = pair();
    let (_, parent) = pair.post_and_comment();
    pair.fail(Rule::once(
        On::Comment,
        Fault::Error {
            code: "SUBREDDIT_RATELIMIT".into(),
            text: "try again later.".into(),
            field: None,
        },
    ));
    let Sent::Refused(refusal) = pair.send(&parent).await else {
        panic!("not refused");
    };
    assert_eq!(
        (refusal.pause, refusal.wait_ms),
        (Pause::Subreddit, 3_600_000)
    );
}

#[tokio::test]
async fn preflight_sees_every_reason_not_to_answer() {
    type Change = fn(&Pair, &str, &str);
    let cases: [(Change, Vec<Blocker>); 8] = [
        (|_, _, _| {}, vec![]),
        (
            |p, _, c| p.fake.world().comment(c).unwrap().deleted = true,
            vec![Blocker::ParentGone],
        ),
        // the tree no longer shows it, although its text can still be read by name
        (
            |p, _, c| p.fake.world().comment(c).unwrap().removed = true,
            vec![Blocker::ParentGone],
        ),
        (
            |p, post, _| p.fake.world().post(post).unwrap().deleted = true,
            vec![Blocker::PostGone],
        ),
        (
            |p, post, _| p.fake.world().post(post).unwrap().removed = true,
            vec![Blocker::PostGone],
        ),
        (
            |p, post, _| p.fake.world().post(post).unwrap().locked = true,
            vec![Blocker::Locked],
        ),
        (
            |p, post, _| p.fake.world().post(post).unwrap().archived = true,
            vec![Blocker::Archived],
        ),
        (
            |p, _, c| {
                p.fake.world().add_comment(c, "Repartee_Bot", "before");
            },
            vec![Blocker::Answered(String::new())],
        ),
    ];
    for (n, (change, expected)) in cases.into_iter().enumerate() {
        let pair = pair();
        let (post, comment) = pair.post_and_comment();
        change(&pair, &post, &comment);
        let look = pair
            .client
            .preflight(&post, &comment)
            .await
            .expect("a look");
        let mut blockers = look.blockers(ACCOUNT);
        for blocker in &mut blockers {
            if let Blocker::Answered(name) = blocker {
                assert!(name.starts_with("t1_"));
                name.clear();
            }
        }
        assert_eq!(blockers, expected, "case {n}");
        // another account has not answered
        if n == 7 {
            assert_eq!(look.blockers("another"), []);
        }
    }
    // a post itself can be answered, too
    let pair = pair();
    let (post, _) = pair.post_and_comment();
    let look = pair.client.preflight(&post, &post).await.expect("a look");
    assert_eq!(look.blockers(ACCOUNT), []);
    assert_eq!(pair.send(&post).await.class(), 4);
    let look = pair.client.preflight(&post, &post).await.expect("a look");
    assert!(matches!(look.blockers(ACCOUNT)[..], [Blocker::Answered(_)]));
    // a thing that never existed
    let look = pair
        .client
        .preflight(&post, "t1_zzzzzz")
        .await
        .expect("a look");
    assert_eq!(look.blockers(ACCOUNT), [Blocker::ParentGone]);
}
