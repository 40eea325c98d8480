//! What is sent again after a failure, and what is not.

use super::*;

#[tokio::test]
async fn calls_that_may_be_repeated_are_sent_up_to_three_times() {
    let pair = pair();
    pair.client.me().await.expect("me");
    for fault in [
        Fault::StatusBefore { status: 408 },
        Fault::StatusBefore { status: 500 },
        Fault::StatusBefore { status: 502 },
        Fault::StatusBefore { status: 503 },
        Fault::StatusBefore { status: 504 },
        Fault::StatusBefore { status: 520 },
        Fault::StatusBefore { status: 522 },
        Fault::StatusAfter { status: 500 },
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::Cut,
    ] {
        let before = pair.calls(On::Me);
        pair.fail(Rule::times(On::Me, fault.clone(), 2));
        assert!(pair.client.me().await.is_ok(), "{fault:?}");
        assert_eq!(pair.calls(On::Me) - before, 3, "{fault:?}");
        pair.fail(Rule::times(On::Me, fault.clone(), 3));
        let error = pair.client.me().await.expect_err("three failures");
        assert!(error.passes(), "{fault:?}: {error}");
        assert_eq!(pair.calls(On::Me) - before, 6, "{fault:?}");
    }
}

#[tokio::test]
async fn hanging_server_times_out_and_the_call_is_repeated() {
    let pair = pair_with(|setup| setup.config.timeout = Duration::from_millis(200));
    pair.client.me().await.expect("me");
    pair.fail(Rule::once(On::Me, Fault::HangBefore { ms: 3_000 }));
    pair.client.me().await.expect("me");
    assert_eq!(pair.calls(On::Me), 3);
}

#[tokio::test]
async fn refused_calls_are_not_repeated() {
    let pair = pair();
    pair.client.me().await.expect("me");
    for fault in [
        Fault::StatusBefore { status: 400 },
        Fault::Forbidden { reason: None },
        Fault::StatusBefore { status: 404 },
        Fault::Redirect,
        Fault::StatusBefore { status: 451 },
        Fault::NotJson,
        Fault::Empty,
    ] {
        let before = pair.calls(On::Me);
        pair.fail(Rule::once(On::Me, fault.clone()));
        assert!(pair.client.me().await.is_err(), "{fault:?}");
        assert_eq!(pair.calls(On::Me) - before, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn token_requests_are_repeated_when_the_server_fails() {
    for fault in [
        Fault::StatusBefore { status: 503 },
        Fault::DropAfter,
        Fault::Cut,
    ] {
        let pair = pair();
        pair.fail(Rule::times(On::Token, fault, 2));
        pair.client.me().await.expect("me");
        assert_eq!(pair.calls(On::Token), 3);
    }
}

#[tokio::test]
async fn edits_and_deletions_are_repeated_on_failure() {
    let pair = pair();
    let (_, parent) = pair.post_and_comment();
    let Sent::Posted { comment } = pair.send(&parent).await else {
        panic!("not posted");
    };
    pair.fail(Rule::times(On::Edit, Fault::DropAfter, 2));
    let edited = pair
        .client
        .edit(&comment.name, " Better.\r\n")
        .await
        .expect("edited");
    assert_eq!(edited.body, "Better.");
    assert!(edited.edited_utc.is_some());
    assert_eq!(pair.calls(On::Edit), 3);
    pair.fail(Rule::times(On::Del, Fault::StatusAfter { status: 500 }, 2));
    assert_eq!(pair.client.delete(&comment.name).await, Ok(true));
    assert_eq!(pair.calls(On::Del), 3);
    let found = pair.client.info(&[&comment.name]).await.expect("info");
    assert_eq!(found.comments[0].gone(), Some(Gone::Deleted));
    // Reddit reports success for any request; we check
    assert_eq!(pair.client.delete(&parent).await, Ok(false));
    let error = pair.client.edit(&parent, "not ours").await;
    assert!(matches!(error, Err(Error::Forbidden { .. })), "{error:?}");
    pair.fail(Rule::once(
        On::Edit,
        Fault::Error {
            code: "TOO_OLD".into(),
            text: "history".into(),
            field: None,
        },
    ));
    let error = pair.client.edit(&parent, "x").await;
    assert!(
        matches!(&error, Err(Error::Refused { code, .. }) if code == "TOO_OLD"),
        "{error:?}"
    );
    assert!(matches!(
        pair.client.edit(&parent, " ").await,
        Err(Error::Text(_))
    ));
}
