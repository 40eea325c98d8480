//! Access tokens: renewed early, once at a time, and stored before use.

use super::*;

#[tokio::test]
async fn expiring_token_is_renewed_a_minute_early() {
    let pair = pair();
    pair.fake.world().knobs.token_lives_s = 100;
    pair.client.me().await.expect("me");
    pair.clock.skip(Duration::from_secs(30));
    pair.client.me().await.expect("me");
    assert_eq!(pair.calls(On::Token), 1);
    pair.clock.skip(Duration::from_secs(20));
    pair.client.me().await.expect("me");
    assert_eq!(pair.calls(On::Token), 2);
}

#[tokio::test]
async fn refused_token_is_renewed_once_and_the_call_repeated() {
    let pair = pair();
    pair.client.me().await.expect("me");
    pair.fake.world().kill_tokens();
    pair.client.me().await.expect("me");
    assert_eq!((pair.calls(On::Token), pair.calls(On::Me)), (2, 3));
    // and that can happen again, later
    pair.fake.world().kill_tokens();
    pair.client.me().await.expect("me");
    assert_eq!((pair.calls(On::Token), pair.calls(On::Me)), (3, 5));
}

#[tokio::test]
async fn second_refusal_means_revoked_and_stops_all_calls() {
    let pair = pair();
    pair.fail(Rule::always(On::Me, Fault::Unauthorized));
    assert_eq!(pair.client.me().await, Err(Error::Revoked));
    assert_eq!((pair.calls(On::Token), pair.calls(On::Me)), (2, 2));
    pair.fake.world().heal();
    let before = pair.all_calls();
    assert_eq!(pair.client.me().await, Err(Error::Revoked));
    let (_, comment) = pair.post_and_comment();
    assert!(matches!(
        pair.client.prepare(&comment, "x").await,
        Err(Error::Revoked)
    ));
    assert_eq!(pair.all_calls(), before);
}

#[tokio::test]
async fn only_one_refresh_is_in_flight_at_a_time() {
    let pair = pair();
    pair.fail(Rule::always(On::Token, Fault::Slow { ms: 100 }));
    let me = || pair.client.me();
    let (a, b, c, d) = tokio::join!(me(), me(), me(), me());
    assert!(a.is_ok() && b.is_ok() && c.is_ok() && d.is_ok());
    assert_eq!(pair.calls(On::Token), 1);
    pair.fake.world().kill_tokens();
    let (a, b, c, d) = tokio::join!(me(), me(), me(), me());
    assert!(a.is_ok() && b.is_ok() && c.is_ok() && d.is_ok());
    assert_eq!(pair.calls(On::Token), 2);
}

#[tokio::test]
async fn token_is_used_only_after_its_refresh_token_is_stored() {
    let fake = Arc::new(fake());
    let code = code_of(&fake, INSTALLED_ID).await;
    let used_before: Arc<AtomicUsize> = Arc::new(AtomicUsize::new(usize::MAX));
    let mut setup = setup(
        &fake,
        Login {
            app: app(INSTALLED_ID, ""),
            grant: Grant::Code(code),
        },
    );
    let (world, seen) = (Arc::clone(&fake), Arc::clone(&used_before));
    setup.keep = Some(Arc::new(move |_| {
        seen.store(world.world().calls(On::Me).len(), Ordering::SeqCst);
        Ok(())
    }));
    let client = Client::new(setup.clone()).expect("a client");
    client.me().await.expect("me");
    assert_eq!(used_before.load(Ordering::SeqCst), 0);
    assert_eq!(fake.world().calls(On::Me).len(), 1);

    setup.login.grant = Grant::Code(code_of(&fake, INSTALLED_ID).await);
    setup.keep = Some(Arc::new(|_| Err("the keychain is locked".to_owned())));
    let client = Client::new(setup).expect("a client");
    let error = client.me().await.expect_err("not kept");
    assert_eq!(error, Error::NotKept("the keychain is locked".into()));
    assert_eq!(fake.world().calls(On::Me).len(), 1);
}
