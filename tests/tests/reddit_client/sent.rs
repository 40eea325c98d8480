//! The result of posting a comment.

use super::*;

#[tokio::test]
async fn a_comment_is_posted_as_it_was_prepared() {
    let pair = pair();
    let (post, parent) = pair.post_and_comment();
    for parent in [&parent, &post] {
        let prepared = pair
            .client
            .prepare(parent, "  Cafe\u{301} & <b>\r\nline two\n\n")
            .await
            .expect("ready");
        let text = "Caf\u{e9} & <b>\nline two";
        assert_eq!(
            (prepared.parent(), prepared.text()),
            (parent.as_str(), text)
        );
        let attempt = prepared.send().await;
        assert_eq!((attempt.status, attempt.excerpt.as_str()), (Some(200), ""));
        let Sent::Posted { comment } = attempt.sent else {
            panic!("{:?}", attempt.sent);
        };
        assert_eq!((comment.body.as_str(), &comment.parent), (text, parent));
        assert_eq!(comment.author.as_deref(), Some(ACCOUNT));
        assert_eq!(pair.fake.world().made(ACCOUNT, parent), [comment.name]);
    }
    assert!(matches!(
        pair.client.prepare(&parent, " \n").await,
        Err(Error::Text(_))
    ));
    assert!(matches!(
        pair.client.prepare(&parent, &"x".repeat(10_001)).await,
        Err(Error::Text(_))
    ));
    assert_eq!(pair.calls(On::Comment), 2);
}

#[tokio::test]
async fn every_fault_has_its_class_and_nothing_is_sent_twice() {
    // the fault, the class, and whether the comment exists
    for (fault, class, made) in [
        (Fault::DropBefore, 5, 0),
        (Fault::DropAfter, 5, 1),
        (Fault::HangBefore { ms: 2_000 }, 5, 0),
        (Fault::HangAfter { ms: 2_000 }, 5, 1),
        (Fault::Cut, 5, 1),
        (Fault::Empty, 5, 1),
        (Fault::NotJson, 5, 1),
        (Fault::StatusBefore { status: 408 }, 5, 0),
        (Fault::StatusBefore { status: 500 }, 5, 0),
        (Fault::StatusAfter { status: 500 }, 5, 1),
        (Fault::StatusAfter { status: 502 }, 5, 1),
        (Fault::StatusAfter { status: 503 }, 5, 1),
        (Fault::StatusAfter { status: 504 }, 5, 1),
        (Fault::StatusAfter { status: 520 }, 5, 1),
        (Fault::StatusAfter { status: 418 }, 5, 1),
        (Fault::StatusAfter { status: 201 }, 5, 1),
        (Fault::Redirect, 5, 0),
        (Fault::NoThings, 5, 1),
        (Fault::Hidden, 4, 1),
        (Fault::Late { ms: 60_000 }, 4, 1),
        (Fault::Slow { ms: 50 }, 4, 1),
        (Fault::Unauthorized, 2, 0),
        (
            Fault::TooManyHtml {
                retry_after_s: None,
            },
            2,
            0,
        ),
        (
            Fault::TooManyJson {
                retry_after_s: Some(9),
            },
            2,
            0,
        ),
        (Fault::StatusBefore { status: 400 }, 3, 0),
        (Fault::Forbidden { reason: None }, 3, 0),
        (Fault::Scope, 3, 0),
        (Fault::StatusBefore { status: 404 }, 3, 0),
        (Fault::StatusBefore { status: 413 }, 3, 0),
        (Fault::StatusBefore { status: 414 }, 3, 0),
        (Fault::StatusBefore { status: 415 }, 3, 0),
    ] {
        let pair = pair_with(|setup| setup.config.timeout = Duration::from_millis(700));
        let (_, parent) = pair.post_and_comment();
        pair.fail(Rule::once(On::Comment, fault.clone()));
        let sent = pair.send(&parent).await;
        assert_eq!(sent.class(), class, "{fault:?}: {sent:?}");
        assert_eq!(pair.calls(On::Comment), 1, "{fault:?}");
        assert_eq!(
            pair.fake.world().made(ACCOUNT, &parent).len(),
            made,
            "{fault:?}"
        );
        // whatever it was, checking finds what exists: our own listing shows it at once
        let since = pair.fake.world().now_utc() - 300;
        let own = pair.client.own_comments(ACCOUNT, since).await;
        if !matches!(fault, Fault::TooManyHtml { .. } | Fault::TooManyJson { .. }) {
            let own = own.expect("own comments");
            assert_eq!(
                ours_under(&own, ACCOUNT, &parent, since).len(),
                made,
                "{fault:?}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_was_sent_when_there_is_no_connection() {
    let Pair { fake, client, .. } = pair();
    let parent = fake.world().add_post("Quiet", "host", "t", "b");
    let prepared = client.prepare(&parent, "An answer.").await.expect("ready");
    // the port is closed between preparing and sending
    drop(fake);
    let attempt = prepared.send().await;
    assert!(matches!(attempt.sent, Sent::NotSent { .. }), "{attempt:?}");
    assert_eq!(attempt.status, None);

    // no TLS, no sending: the sandbox only speaks plain HTTP
    let pair = pair_with(|setup| {
        setup.config.api_host = setup.config.api_host.replace("http://", "https://");
    });
    let (_, parent) = pair.post_and_comment();
    let sent = pair.send(&parent).await;
    assert!(matches!(&sent, Sent::NotSent { .. }), "{sent:?}");
    assert_eq!(pair.calls(On::Comment), 0);
}

#[tokio::test]
async fn refused_token_is_renewed_for_the_next_attempt_and_a_second_refusal_stops() {
    let pair = pair();
    let (_, parent) = pair.post_and_comment();
    pair.client.log_in().await.expect("a login");
    pair.fake.world().kill_tokens();
    let Sent::Refused(refusal) = pair.send(&parent).await else {
        panic!("not refused");
    };
    assert_eq!(refusal.pause, Pause::Token);
    assert_eq!(pair.fake.world().posted(), 0);
    assert_eq!(pair.send(&parent).await.class(), 4);
    assert_eq!(pair.calls(On::Token), 2);

    let (_, parent) = pair.post_and_comment();
    pair.fail(Rule::times(On::Comment, Fault::Unauthorized, 2));
    assert_eq!(pair.send(&parent).await.class(), 2);
    assert_eq!(pair.send(&parent).await.class(), 2);
    assert!(matches!(
        pair.client.prepare(&parent, "x").await,
        Err(Error::Revoked)
    ));
}

#[tokio::test]
async fn a_429_for_a_comment_pauses_every_call() {
    let pair = pair();
    let (_, parent) = pair.post_and_comment();
    pair.fail(Rule::once(
        On::Comment,
        Fault::TooManyHtml {
            retry_after_s: Some(200),
        },
    ));
    let Sent::Refused(refusal) = pair.send(&parent).await else {
        panic!("not refused");
    };
    assert_eq!((refusal.pause, refusal.wait_ms), (Pause::Client, 205_000));
    let told = pair.client.prepare(&parent, "x").await;
    assert!(
        matches!(
            told,
            Err(Error::Throttled {
                wait_ms: 190_000..=200_000,
                why: Why::Refused
            })
        ),
        "{told:?}"
    );
    assert_eq!(pair.calls(On::Comment), 1);
    pair.clock.skip(Duration::from_secs(205));
    assert_eq!(pair.send(&parent).await.class(), 4);
}

#[tokio::test]
async fn listing_is_ahead_of_the_tree_and_shows_spam_filtered_comments() {
    let pair = pair();
    let (post, parent) = pair.post_and_comment();
    let since = pair.fake.world().now_utc() - 300;
    let look = async || {
        let own = pair.client.own_comments(ACCOUNT, since).await.expect("own");
        let view = pair
            .client
            .replies_to(&post, &parent)
            .await
            .expect("a view");
        (
            ours_under(&own, ACCOUNT, &parent, since).len(),
            ours_under(&view.replies, ACCOUNT, &parent, since).len(),
        )
    };
    pair.fake.world().knobs.tree_lag_ms = 60_000;
    pair.fail(Rule::once(On::Comment, Fault::DropAfter));
    assert_eq!(pair.send(&parent).await.class(), 5);
    assert_eq!(look().await, (1, 0));
    pair.fake.world().pass(61_000);
    assert_eq!(look().await, (1, 1));
    pair.fail(Rule::once(On::Comment, Fault::Hidden));
    assert_eq!(pair.send(&parent).await.class(), 4);
    pair.fake.world().pass(61_000);
    assert_eq!(look().await, (2, 1));
    // the sandbox accepts what is sent, as the real one does, and counts it
    let duplicates = pair.fake.world().duplicates();
    assert_eq!((duplicates.len(), duplicates[0].names.len()), (1, 2));
}
