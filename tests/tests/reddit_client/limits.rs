//! Rate limits, the minimum pause, and clocks that differ.

use super::*;

#[tokio::test]
async fn calls_are_a_second_apart_and_polls_half_a_minute() {
    let pair = pair();
    // our own pauses alone: a window of the sandbox would not pass with our clock, and slow us down
    pair.fake.world().knobs.limit_headers = false;
    for _ in 0..5 {
        pair.client.me().await.expect("me");
    }
    // six calls with the token's
    assert!(
        pair.clock.skipped_ms() >= 4_500,
        "{}",
        pair.clock.skipped_ms()
    );
    let before = pair.clock.skipped_ms();
    pair.post_and_comment();
    pair.client
        .rising(&["Quiet"], 25, None)
        .await
        .expect("rising");
    pair.client
        .rising(&["Quiet"], 26, None)
        .await
        .expect("another address");
    assert!(pair.clock.skipped_ms() - before < 5_000);
    pair.client
        .rising(&["Quiet"], 25, None)
        .await
        .expect("the same again");
    let waited = pair.clock.skipped_ms() - before;
    assert!((28_000..33_000).contains(&waited), "{waited}");
}

#[tokio::test]
async fn exhausted_window_is_waited_for_or_reported() {
    let waits: Arc<Mutex<Vec<Why>>> = Arc::default();
    let told = Arc::clone(&waits);
    let pair = pair_with(|setup| {
        setup.config.patience = Duration::from_secs(700);
        setup.on_wait = Some(Arc::new(move |wait| told.lock().unwrap().push(wait.why)));
    });
    pair.fake.world().knobs.window_calls = 3;
    for _ in 0..3 {
        pair.client.me().await.expect("me");
    }
    let before = pair.clock.skipped_ms();
    // the sandbox's clock does not skip: its window would still be used up
    pair.fake.world().knobs.window_calls = 1_000;
    pair.client.me().await.expect("me");
    let waited = pair.clock.skipped_ms() - before;
    assert!((500_000..=600_000).contains(&waited), "{waited}");
    assert!(waits.lock().unwrap().contains(&Why::Window));

    let pair = self::pair();
    pair.fake.world().knobs.window_calls = 1;
    pair.client.me().await.expect("me");
    let calls = pair.all_calls();
    let told = pair.client.me().await;
    assert!(
        matches!(
            told,
            Err(Error::Throttled {
                wait_ms: 500_000..,
                why: Why::Window
            })
        ),
        "{told:?}"
    );
    assert!(told.is_err_and(|error| error.passes()));
    assert_eq!(pair.all_calls(), calls);
}

#[tokio::test]
async fn a_429_is_waited_out_in_json_and_in_html() {
    for fault in [
        Fault::TooManyHtml {
            retry_after_s: Some(7),
        },
        Fault::TooManyJson {
            retry_after_s: Some(7),
        },
    ] {
        let pair = pair();
        pair.client.me().await.expect("me");
        pair.fail(Rule::once(On::Any, fault));
        let before = pair.clock.skipped_ms();
        pair.client.me().await.expect("me");
        let waited = pair.clock.skipped_ms() - before;
        assert!((7_000..9_500).contains(&waited), "{waited}");
        assert_eq!(pair.calls(On::Me), 3);
        assert_eq!(pair.throttle.state().refused, 0);
    }
    // one without an end exceeds the caller's patience when it comes twice
    let pair = pair();
    pair.fail(Rule::times(
        On::Me,
        Fault::TooManyHtml {
            retry_after_s: None,
        },
        2,
    ));
    let told = pair.client.me().await;
    assert!(
        matches!(
            told,
            Err(Error::Throttled {
                wait_ms: 110_000..=120_000,
                why: Why::Refused
            })
        ),
        "{told:?}"
    );
}

#[tokio::test]
async fn three_429_in_a_row_open_the_breaker_for_every_call_and_time_closes_it() {
    let pair = pair();
    pair.fail(Rule::always(
        On::Any,
        Fault::TooManyHtml {
            retry_after_s: Some(2),
        },
    ));
    let told = pair.client.me().await;
    assert!(
        matches!(
            told,
            Err(Error::Throttled {
                wait_ms: 890_000..,
                why: Why::Breaker
            })
        ),
        "{told:?}"
    );
    // the token endpoint is under the same limit
    assert_eq!((pair.calls(On::Token), pair.calls(On::Me)), (3, 0));
    pair.fake.world().heal();
    assert!(pair.client.info(&["t1_abc"]).await.is_err());
    assert_eq!(pair.all_calls(), 3);
    // another process with this client id meets the same breaker
    let mut setup = setup(&pair.fake, by_password());
    setup.throttle = pair.throttle.clone();
    setup.clock = pair.clock.clone();
    let other = Client::new(setup).expect("a client");
    assert!(matches!(
        other.me().await,
        Err(Error::Throttled {
            why: Why::Breaker,
            ..
        })
    ));
    pair.clock.skip(Duration::from_secs(901));
    pair.client.me().await.expect("me");
}

#[tokio::test]
async fn two_clients_of_one_id_share_the_minimum_pause() {
    let pair = pair();
    let mut setup = setup(&pair.fake, by_password());
    setup.throttle = pair.throttle.clone();
    setup.clock = pair.clock.clone();
    let other = Client::new(setup).expect("a client");
    let (a, b) = tokio::join!(pair.client.me(), other.me());
    assert!(a.is_ok() && b.is_ok());
    // four calls, one second apart on their common clock
    assert!(
        pair.clock.skipped_ms() >= 2_900,
        "{}",
        pair.clock.skipped_ms()
    );
}

#[tokio::test]
async fn answers_without_limit_headers_are_fine() {
    let pair = pair();
    pair.fake.world().knobs.limit_headers = false;
    for _ in 0..3 {
        pair.client.me().await.expect("me");
    }
    assert_eq!(pair.throttle.state().remaining, None);
}

#[tokio::test]
async fn wrong_clock_shows_as_skew() {
    let pair = pair();
    assert_eq!(pair.client.skew_ms(), None);
    pair.fake.world().set_clock(7_200_000);
    pair.client.me().await.expect("me");
    // the client's own clock may have skipped a second between calls
    let theirs = pair.fake.world().now_ms();
    let skew = pair.client.skew_ms().expect("a skew");
    let ours = pair.clock.now_ms();
    assert!((theirs - ours - skew).abs() < 2_000, "{skew}");
    // a comment is found by Reddit's time, however wrong ours is
    let (post, comment) = pair.post_and_comment();
    let prepared = pair
        .client
        .prepare(&comment, "An answer.")
        .await
        .expect("ready");
    let attempt = prepared.send().await;
    assert_eq!(attempt.sent.class(), 4);
    let skew = pair.client.skew_ms().expect("a skew");
    let since = (attempt.began_ms + skew) / 1_000 - 300;
    let own = pair
        .client
        .own_comments(ACCOUNT, since)
        .await
        .expect("own comments");
    assert_eq!(ours_under(&own, ACCOUNT, &comment, since).len(), 1);
    let view = pair
        .client
        .replies_to(&post, &comment)
        .await
        .expect("a view");
    assert_eq!(ours_under(&view.replies, ACCOUNT, &comment, since).len(), 1);
}
