//! Logging in: by password, as an app, and through the browser.

use super::*;

#[tokio::test]
async fn password_login_gets_a_token_and_the_account() {
    let pair = pair();
    let scope = pair.client.log_in().await.expect("a login");
    assert_eq!(scope, SCOPES.join(" "));
    let me = pair.client.me().await.expect("me");
    assert_eq!((me.name.as_str(), me.suspended), (ACCOUNT, false));
    assert_eq!(pair.calls(On::Token), 1);
    let world = pair.fake.world();
    let agent = user_agent("0.1.0", ACCOUNT);
    assert!(world.seen.iter().all(|seen| seen.agent == agent));
}

#[tokio::test]
async fn login_refusals_are_distinguished() {
    let refused = |fake: &Fake, login: Login| {
        let client = Client::new(setup(fake, login)).expect("a client");
        async move { client.log_in().await.expect_err("refused") }
    };
    let fake = fake();
    let password = |username: &str, password: &str| Grant::Password {
        username: username.to_owned(),
        password: password.into(),
    };
    let code = |error: Error| match error {
        Error::LoginRefused { code, .. } => code,
        other => panic!("{other:?}"),
    };
    let wrong = Login {
        grant: password(ACCOUNT, "wrong"),
        ..by_password()
    };
    let error = refused(&fake, wrong).await;
    assert!(error.needs_login() && !error.passes());
    assert_eq!(code(error), "invalid_grant");
    let not_a_script = Login {
        app: app(INSTALLED_ID, ""),
        grant: password(ACCOUNT, PASSWORD),
    };
    assert_eq!(
        code(refused(&fake, not_a_script).await),
        "unauthorized_client"
    );
    let stranger = Login {
        app: app("nobody", "x"),
        ..by_password()
    };
    assert_eq!(refused(&fake, stranger).await, Error::BadClient);
    let dead = Login {
        grant: Grant::Refresh("dead".into()),
        ..by_password()
    };
    assert_eq!(refused(&fake, dead).await, Error::LoginExpired);
    // none of these is sent again
    assert_eq!(fake.world().calls(On::Token).len(), 4);

    fake.world().knobs.otp = true;
    assert_eq!(code(refused(&fake, by_password()).await), "invalid_grant");
    let second_factor = Login {
        grant: password(ACCOUNT, &format!("{PASSWORD}:123456")),
        ..by_password()
    };
    let client = Client::new(setup(&fake, second_factor)).expect("a client");
    assert!(client.log_in().await.is_ok());
}

#[tokio::test]
async fn app_only_login_can_read_but_not_write() {
    for app in [app(CLIENT_ID, CLIENT_SECRET), app(INSTALLED_ID, "")] {
        let pair = pair_with(|setup| {
            setup.login = Login {
                app,
                grant: Grant::AppOnly,
            };
        });
        let (_, comment) = pair.post_and_comment();
        assert!(pair.client.rising(&["Quiet"], 25, None).await.is_ok());
        let Sent::Rejected(rejection) = pair.send(&comment).await else {
            panic!("not rejected");
        };
        assert_eq!(
            (rejection.code.as_str(), rejection.action, rejection.status),
            ("USER_REQUIRED", Action::Login, 200)
        );
    }
}

#[tokio::test]
async fn browser_login_yields_a_code_and_a_permanent_login() {
    for (id, secret) in [(INSTALLED_ID, ""), (WEB_ID, CLIENT_SECRET)] {
        let fake = fake();
        let code = code_of(&fake, id).await;
        let kept: Arc<Mutex<Vec<String>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let mut setup = setup(
            &fake,
            Login {
                app: app(id, secret),
                grant: Grant::Code(code.clone()),
            },
        );
        setup.keep = Some(Arc::new(move |token| {
            keep.lock().unwrap().push(token.expose_secret().to_owned());
            Ok(())
        }));
        let client = Client::new(setup.clone()).expect("a client");
        assert_eq!(client.log_in().await.expect("a login"), SCOPES.join(" "));
        assert_eq!(client.me().await.expect("me").name, ACCOUNT);
        let refresh = kept
            .lock()
            .unwrap()
            .last()
            .cloned()
            .expect("a refresh token");

        // the code is used up
        let again = Client::new(setup.clone()).expect("a client");
        assert!(matches!(
            again.log_in().await,
            Err(Error::LoginRefused { .. })
        ));

        // another process logs in with what was kept
        let refresh_before = refresh.clone();
        setup.login.grant = Grant::Refresh(SecretString::from(refresh));
        let later = Client::new(setup.clone()).expect("a client");
        assert_eq!(later.me().await.expect("me").name, ACCOUNT);
        // what came back was already stored; if keychains are unavailable, that is as well
        assert_eq!(kept.lock().unwrap().len(), 1);
        // a refresh token that is valid once is followed by the next, which is stored
        fake.world().knobs.rotate = true;
        for n in 2..4 {
            fake.world().kill_tokens();
            assert_eq!(later.me().await.expect("me").name, ACCOUNT);
            assert_eq!(kept.lock().unwrap().len(), n);
        }
        let stored = kept.lock().unwrap().last().cloned().expect("a token");
        assert_ne!(stored, refresh_before);

        later.revoke().await.expect("revoked");
        let before = fake.world().seen.len();
        assert_eq!(later.me().await, Err(Error::Revoked));
        assert_eq!(fake.world().seen.len(), before);
        let dead = Client::new(setup).expect("a client");
        assert_eq!(dead.log_in().await, Err(Error::LoginExpired));
        // its tokens were revoked with it
        assert!(client.me().await.is_err());
    }
}

#[tokio::test]
async fn user_can_accept_or_decline_on_the_page() {
    let fake = fake();
    let browser = Browser::begin(&config(&fake), INSTALLED_ID, 0)
        .await
        .expect("a port");
    register(&fake, INSTALLED_ID, browser.address());
    let (status, _, page) = browsing("GET", browser.address().to_owned(), String::new()).await;
    assert_eq!(status, 200);
    assert!(
        page.contains("value=\"allow\"") && page.contains("name=\"state\""),
        "{page}"
    );
    let query = browser
        .address()
        .split_once('?')
        .expect("a query")
        .1
        .to_owned();
    let authorize = format!("{}/api/v1/authorize", fake.base());
    let (status, headers, _) =
        browsing("POST", authorize.clone(), format!("{query}&decide=decline")).await;
    assert_eq!(status, 302);
    let back = location(&headers);
    let (answer, _) = tokio::join!(
        browser.answer(Duration::from_secs(10)),
        browsing("GET", back, String::new())
    );
    assert!(matches!(answer, Err(Error::Denied(_))), "{answer:?}");

    // accepted, pasted from another machine
    let (pending, address) =
        Pending::by_hand(&config(&fake), INSTALLED_ID, 8920).expect("an address");
    register(&fake, INSTALLED_ID, &address);
    let query = address.split_once('?').expect("a query").1;
    let (_, headers, _) = browsing("POST", authorize, format!("{query}&decide=allow")).await;
    let code = pending
        .pasted(&format!("{}#_", location(&headers)))
        .expect("a code");
    let login = Login {
        app: app(INSTALLED_ID, ""),
        grant: Grant::Code(code),
    };
    let client = Client::new(setup(&fake, login)).expect("a client");
    assert_eq!(client.me().await.expect("me").name, ACCOUNT);
}

#[tokio::test]
async fn only_the_answer_to_this_login_ends_the_wait() {
    let fake = fake();
    let browser = Browser::begin(&config(&fake), INSTALLED_ID, 0)
        .await
        .expect("a port");
    register(&fake, INSTALLED_ID, browser.address());
    fake.world().knobs.authorize = Authorize::Allow;
    let (_, headers, _) = browsing("GET", browser.address().to_owned(), String::new()).await;
    let back = location(&headers);
    let base = back
        .split_once("/callback")
        .expect("a callback")
        .0
        .to_owned();
    let forged = async {
        // a silent connection, as browsers open them ahead
        let host = base.strip_prefix("http://").expect("plain HTTP").to_owned();
        let _silent = tokio::net::TcpStream::connect(host)
            .await
            .expect("a connection");
        for path in [
            "/favicon.ico",
            "/callback",
            "/callback?state=forged&code=evil",
            "/callback?error=access_denied&state=forged",
            "/callback?code=evil",
        ] {
            let (status, _, _) = browsing("GET", format!("{base}{path}"), String::new()).await;
            assert_eq!(status, 404, "{path}");
        }
        let (status, _, _) = browsing("GET", back.clone(), String::new()).await;
        assert_eq!(status, 200);
    };
    let (answer, ()) = tokio::join!(browser.answer(Duration::from_secs(20)), forged);
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn pasted_url_ends_the_wait_like_the_browser() {
    let fake = fake();
    let browser = Browser::begin(&config(&fake), INSTALLED_ID, 0)
        .await
        .expect("a port");
    register(&fake, INSTALLED_ID, browser.address());
    fake.world().knobs.authorize = Authorize::Allow;
    let (_, headers, _) = browsing("GET", browser.address().to_owned(), String::new()).await;
    let back = location(&headers);
    let rest = back
        .strip_prefix("http://127.0.0.1:")
        .expect("this machine");
    let (port, _) = rest.split_once('/').expect("a path");
    let port: u16 = port.parse().expect("a port");
    let paste = tokio::task::spawn_blocking(move || {
        let forged = format!("http://127.0.0.1:{port}/callback?state=forged&code=evil");
        let refused = repartee_reddit::hand_over(port, &forged);
        (refused, repartee_reddit::hand_over(port, &back))
    });
    let (answer, pasted) = tokio::join!(browser.answer(Duration::from_secs(20)), paste);
    let (refused, handed) = pasted.expect("no panic");
    assert!(matches!(refused, Err(Error::Pasted(_))), "{refused:?}");
    assert_eq!(handed, Ok(()));
    assert!(answer.is_ok(), "{answer:?}");
    // the port is free again, and nothing is waiting there
    let late = tokio::task::spawn_blocking(move || {
        repartee_reddit::hand_over(port, &format!("http://127.0.0.1:{port}/callback?code=c"))
    });
    assert_eq!(late.await.expect("no panic"), Err(Error::NotAwaited(port)));
}

#[tokio::test]
async fn busy_port_is_reported_and_waiting_ends() {
    let fake = fake();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let error = Browser::begin(&config(&fake), INSTALLED_ID, port).await;
    assert!(
        matches!(&error, Err(Error::PortBusy { port: p, .. }) if *p == port),
        "{error:?}"
    );
    let browser = Browser::begin(&config(&fake), INSTALLED_ID, 0)
        .await
        .expect("a port");
    let late = browser.answer(Duration::from_millis(50)).await;
    assert!(matches!(late, Err(Error::NoAnswer(_))), "{late:?}");
}
