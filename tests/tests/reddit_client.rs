//! The client of Reddit against the fake: logging in, reading, limits, retries, and what becomes of a
//! comment. Nothing in here reaches further than this machine.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeSet, HashSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use repartee_fake_reddit::{
    ACCOUNT, Authorize, CLIENT_ID, CLIENT_SECRET, Fake, Fault, INSTALLED_ID, Language, On, Options,
    PASSWORD, Rule, WEB_ID,
};
use repartee_reddit::{
    Action, App, Blocker, Browser, Client, Clock, Code, Config, Error, Gone, Grant, InMemory,
    Login, Pause, Pending, SCOPES, Sent, Setup, SkipClock, Stopped, TreeAsk, Why, ours_under,
    user_agent,
};
use secrecy::{ExposeSecret, SecretString};

/// A fake, and a client of it whose waits take no time.
struct Pair {
    fake: Fake,
    clock: Arc<SkipClock>,
    throttle: Arc<InMemory>,
    client: Client,
}

fn fake() -> Fake {
    Fake::start(Options::default()).expect("a fake")
}

fn app(id: &str, secret: &str) -> App {
    App {
        client_id: id.to_owned(),
        client_secret: secret.into(),
    }
}

fn by_password() -> Login {
    Login {
        app: app(CLIENT_ID, CLIENT_SECRET),
        grant: Grant::Password {
            username: ACCOUNT.to_owned(),
            password: PASSWORD.into(),
        },
    }
}

fn config(fake: &Fake) -> Config {
    Config::at(fake.base(), user_agent("0.1.0", ACCOUNT))
}

fn setup(fake: &Fake, login: Login) -> Setup {
    Setup {
        clock: Arc::new(SkipClock::new()),
        ..Setup::new(config(fake), login)
    }
}

fn pair_with(change: impl FnOnce(&mut Setup)) -> Pair {
    let fake = fake();
    let clock = Arc::new(SkipClock::new());
    let throttle = Arc::new(InMemory::default());
    let mut setup = setup(&fake, by_password());
    setup.clock = clock.clone();
    setup.throttle = throttle.clone();
    // a fake that hangs on purpose must not make the tests hang
    setup.config.timeout = Duration::from_secs(5);
    change(&mut setup);
    Pair {
        client: Client::new(setup).expect("a client"),
        fake,
        clock,
        throttle,
    }
}

fn pair() -> Pair {
    pair_with(|_| {})
}

impl Pair {
    fn fail(&self, rule: Rule) {
        self.fake.world().fail(rule);
    }

    fn calls(&self, on: On) -> usize {
        self.fake.world().calls(on).len()
    }

    fn all_calls(&self) -> usize {
        self.fake.world().seen.len()
    }

    /// A post with one comment by somebody else.
    fn post_and_comment(&self) -> (String, String) {
        let mut world = self.fake.world();
        let post = world.add_post("Quiet", "host", "A title", "A text");
        let comment = world
            .add_comment(&post, "somebody", "Who can help?")
            .unwrap();
        (post, comment)
    }

    async fn send(&self, parent: &str) -> Sent {
        let prepared = self.client.prepare(parent, "An answer.").await;
        prepared.expect("ready to send").send().await.sent
    }
}

/// Asks as a browser would, following nothing: status, headers in small letters, body.
fn browse(method: &str, address: &str, form: &str) -> (u16, String, String) {
    let rest = address.strip_prefix("http://").expect("plain HTTP");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("a connection");
    write!(
        stream,
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: Mozilla/5.0\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    let status = head.split(' ').nth(1).expect("a status");
    let headers: Vec<String> = head
        .lines()
        .skip(1)
        .map(|line| match line.split_once(':') {
            Some((name, value)) => format!("{}:{value}", name.to_ascii_lowercase()),
            None => line.to_owned(),
        })
        .collect();
    (
        status.parse().expect("a number"),
        headers.join("\n"),
        body.to_owned(),
    )
}

async fn browsing(method: &'static str, address: String, form: String) -> (u16, String, String) {
    tokio::task::spawn_blocking(move || browse(method, &address, &form))
        .await
        .expect("a browser")
}

fn location(headers: &str) -> String {
    let line = headers.lines().find_map(|l| l.strip_prefix("location: "));
    line.expect("a redirect").to_owned()
}

// ---------------------------------------------------------------- logging in

#[tokio::test]
async fn a_password_gets_a_token_and_says_who_we_are() {
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
async fn refusals_of_a_login_are_told_apart() {
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
async fn apps_without_an_account_can_read_and_not_write() {
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

/// A login through the browser, up to the code.
async fn code_of(fake: &Fake, client_id: &str) -> Code {
    let browser = Browser::begin(&config(fake), client_id, 0)
        .await
        .expect("a port");
    register(fake, client_id, browser.address());
    fake.world().knobs.authorize = Authorize::Allow;
    let (status, headers, _) = browsing("GET", browser.address().to_owned(), String::new()).await;
    assert_eq!(status, 302);
    let back = location(&headers);
    let (answer, page) = tokio::join!(
        browser.answer(Duration::from_secs(10)),
        browsing("GET", back, String::new())
    );
    assert_eq!(page.0, 200);
    assert!(page.2.contains("You can close this page"), "{}", page.2);
    answer.expect("a code")
}

/// Registers an app with the port that a test happens to have.
fn register(fake: &Fake, client_id: &str, address: &str) {
    let at = address.find("redirect_uri=").expect("a parameter") + "redirect_uri=".len();
    let uri = address[at..].split('&').next().expect("a value");
    let uri = uri.replace("%3A", ":").replace("%2F", "/");
    fake.world().apps.get_mut(client_id).unwrap().redirect = uri;
}

#[tokio::test]
async fn a_browser_brings_a_code_and_the_code_a_login_that_lasts() {
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

        // the code is spent
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
        // what came back was stored already; where keychains are out of reach, that is as well
        assert_eq!(kept.lock().unwrap().len(), 1);
        // a refresh token that is good once is followed by the next, and that one is stored
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
        // its tokens went with it
        assert!(client.me().await.is_err());
    }
}

#[tokio::test]
async fn a_person_can_decline_or_click_on_the_page() {
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

    // a yes, pasted by hand from another machine
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
        // a connection that says nothing, as browsers open them ahead
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
async fn a_pasted_address_ends_the_wait_as_the_browser_does() {
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
    // the port is free again, and nobody waits there
    let late = tokio::task::spawn_blocking(move || {
        repartee_reddit::hand_over(port, &format!("http://127.0.0.1:{port}/callback?code=c"))
    });
    assert_eq!(late.await.expect("no panic"), Err(Error::NotAwaited(port)));
}

#[tokio::test]
async fn a_busy_port_is_reported_and_nobody_waits_for_ever() {
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

// ---------------------------------------------------------------- tokens

#[tokio::test]
async fn a_token_that_expires_in_mid_work_is_renewed_a_minute_early() {
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
async fn a_refused_token_is_renewed_once_and_the_call_sent_again() {
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
async fn a_second_refusal_means_revoked_and_nothing_is_sent_any_more() {
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
async fn one_refresh_is_in_flight_however_many_wait_for_it() {
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
async fn a_refresh_token_is_stored_before_the_token_is_used_or_it_is_not_used() {
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

// ---------------------------------------------------------------- reading

#[tokio::test]
async fn everything_that_is_read_is_read() {
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
    // `&` stands in some texts, and arrives as it is
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
async fn every_call_asks_for_raw_json_and_none_is_a_vote() {
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
    // without it, the texts arrive with entities: the fake does what the real one does
    let text = "a < b && c > d";
    let (_, other) = pair.post_and_comment();
    pair.fake.world().comment(&other).unwrap().body = text.to_owned();
    let found = client.info(&[&other]).await.expect("info");
    assert_eq!(found.comments[0].body, text);
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
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
async fn a_tree_of_1500_comments_is_complete_but_for_what_is_named_as_missing() {
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
async fn a_budget_a_caller_and_a_failure_end_a_tree_and_keep_what_came() {
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
async fn morechildren_goes_one_at_a_time() {
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
async fn own_comments_are_paged_back_to_a_time() {
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

// ---------------------------------------------------------------- limits

#[tokio::test]
async fn calls_are_a_second_apart_and_polls_half_a_minute() {
    let pair = pair();
    // our own pauses alone: a window of the fake's would not pass with our clock, and slow us down
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
async fn a_window_that_is_used_up_is_waited_for_or_told() {
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
    // the fake's clock does not skip: its window would still be used up
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
    // one that names no end is longer than a caller's patience when it comes twice
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
    // another process with this client id stands before the same breaker
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
async fn two_clients_of_one_id_share_the_floor() {
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
async fn a_clock_that_is_wrong_shows_as_skew() {
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

// ---------------------------------------------------------------- retries

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
async fn a_server_that_hangs_is_given_up_on_and_asked_again() {
    let pair = pair_with(|setup| setup.config.timeout = Duration::from_millis(200));
    pair.client.me().await.expect("me");
    pair.fail(Rule::once(On::Me, Fault::HangBefore { ms: 3_000 }));
    pair.client.me().await.expect("me");
    assert_eq!(pair.calls(On::Me), 3);
}

#[tokio::test]
async fn what_is_refused_is_not_repeated() {
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
async fn tokens_are_asked_for_again_when_the_server_fails() {
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
async fn edits_and_deletions_are_repeated_for_they_do_no_harm() {
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
    // Reddit says yes to whatever is asked; we look
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

// ---------------------------------------------------------------- what becomes of a comment

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
async fn every_fault_on_the_way_has_its_class_and_nothing_is_sent_twice() {
    // what goes wrong, the class, and whether the comment is there
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
        // whatever it was, looking finds what is there: our own listing shows it at once
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
    // the port is closed between readiness and sending
    drop(fake);
    let attempt = prepared.send().await;
    assert!(matches!(attempt.sent, Sent::NotSent { .. }), "{attempt:?}");
    assert_eq!(attempt.status, None);

    // no TLS, no sending: the fake speaks plain HTTP only
    let pair = pair_with(|setup| {
        setup.config.api_host = setup.config.api_host.replace("http://", "https://");
    });
    let (_, parent) = pair.post_and_comment();
    let sent = pair.send(&parent).await;
    assert!(matches!(&sent, Sent::NotSent { .. }), "{sent:?}");
    assert_eq!(pair.calls(On::Comment), 0);
}

#[tokio::test]
async fn every_state_of_the_parent_is_refused_with_its_action() {
    type Change = fn(&Pair, &str, &str);
    let cases: [(&str, Change, &str, Action); 10] = [
        (
            "locked post",
            |p, post, _| p.fake.world().post(post).unwrap().locked = true,
            "THREAD_LOCKED",
            Action::Cancel,
        ),
        (
            "locked comment",
            |p, _, c| p.fake.world().comment(c).unwrap().locked = true,
            "THREAD_LOCKED",
            Action::Cancel,
        ),
        (
            "archived",
            |p, post, _| p.fake.world().post(post).unwrap().archived = true,
            "TOO_OLD",
            Action::Cancel,
        ),
        (
            "deleted",
            |p, _, c| p.fake.world().comment(c).unwrap().deleted = true,
            "DELETED_COMMENT",
            Action::CancelAndPurge,
        ),
        (
            "we blocked them",
            |p, _, _| {
                p.fake
                    .world()
                    .account(ACCOUNT)
                    .unwrap()
                    .blocked
                    .insert("somebody".into());
            },
            "USER_BLOCKED",
            Action::CancelAndOptOut,
        ),
        (
            "they blocked us",
            |p, _, _| {
                let mut world = p.fake.world();
                world.add_account("somebody", "x");
                world
                    .account("somebody")
                    .unwrap()
                    .blocked
                    .insert(ACCOUNT.into());
            },
            "COMMENTER_BLOCKED_POSTER",
            Action::CancelAndOptOut,
        ),
        (
            "banned",
            |p, _, _| {
                p.fake
                    .world()
                    .subreddit("Quiet")
                    .banned
                    .insert(ACCOUNT.into());
            },
            "403",
            Action::CancelSubreddit,
        ),
        (
            "private",
            |p, _, _| p.fake.world().subreddit("Quiet").kind = "private".into(),
            "403",
            Action::CancelSubreddit,
        ),
        (
            "restricted",
            |p, _, _| p.fake.world().subreddit("Quiet").restrict_commenting = true,
            "403",
            Action::CancelSubreddit,
        ),
        (
            "suspended",
            |p, _, _| p.fake.world().account(ACCOUNT).unwrap().suspended = true,
            "IN_TIMEOUT",
            Action::StopAccount,
        ),
    ];
    for (what, change, code, action) in cases {
        let pair = pair();
        let (post, comment) = pair.post_and_comment();
        change(&pair, &post, &comment);
        let Sent::Rejected(rejection) = pair.send(&comment).await else {
            panic!("{what}: not rejected");
        };
        assert_eq!(
            (rejection.code.as_str(), rejection.action),
            (code, action),
            "{what}"
        );
        assert_eq!(pair.fake.world().posted(), 0, "{what}");
    }
    // an unknown parent is as forbidden
    let pair = pair();
    assert!(matches!(pair.send("t1_zzzzzz").await, Sent::Rejected(_)));
    // a quarantine takes it and does not show it
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
        // and then it goes through
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
async fn a_refused_token_is_renewed_for_the_next_try_and_a_second_refusal_stops() {
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
async fn the_listing_leads_the_tree_and_shows_what_the_spam_filter_has() {
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
    // the fake takes what is sent, as the real one does, and counts it
    let duplicates = pair.fake.world().duplicates();
    assert_eq!((duplicates.len(), duplicates[0].names.len()), (1, 2));
}

#[tokio::test]
async fn a_look_before_sending_sees_every_reason_not_to() {
    type Change = fn(&Pair, &str, &str);
    let cases: [(Change, Vec<Blocker>); 8] = [
        (|_, _, _| {}, vec![]),
        (
            |p, _, c| p.fake.world().comment(c).unwrap().deleted = true,
            vec![Blocker::ParentGone],
        ),
        // the tree no longer shows it, though its text can still be had by name
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
        // somebody else's account has not answered
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
    // a thing that never was
    let look = pair
        .client
        .preflight(&post, "t1_zzzzzz")
        .await
        .expect("a look");
    assert_eq!(look.blockers(ACCOUNT), [Blocker::ParentGone]);
}

// ---------------------------------------------------------------- from outside, and without async

#[test]
fn a_thread_that_blocks_can_use_it_with_a_small_runtime() {
    let pair = pair();
    let (_, parent) = pair.post_and_comment();
    let client = pair.client.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        assert_eq!(runtime.block_on(client.me()).expect("me").name, ACCOUNT);
        let prepared = runtime
            .block_on(client.prepare(&parent, "x"))
            .expect("ready");
        assert_eq!(runtime.block_on(prepared.send()).sent.class(), 4);
    })
    .join()
    .expect("the thread ends well");
}

#[tokio::test]
async fn the_fake_is_ruled_from_outside() {
    let pair = pair();
    let base = pair.fake.base().to_owned();
    let ask = async |method: &'static str, path: &str, body: &str| {
        let (status, _, body) =
            browsing(method, format!("{base}/__fake/{path}"), body.to_owned()).await;
        let json: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        (status, json)
    };
    let rules = r#"[{"on": "comment", "fault": {"kind": "drop-after"}, "times": 1}]"#;
    assert_eq!(ask("POST", "rules", rules).await.0, 200);
    let (_, made) = ask("POST", "thread", r#"{"subreddit": "Made", "comments": 40}"#).await;
    let post = made["name"].as_str().expect("a name").to_owned();
    assert_eq!(pair.send(&post).await.class(), 5);
    assert_eq!(ask("GET", "check", "").await.0, 200);
    assert_eq!(pair.send(&post).await.class(), 4);
    let (status, check) = ask("GET", "check", "").await;
    assert_eq!(status, 409);
    assert_eq!(
        check["duplicates"][0]["names"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(
        ask("POST", "knobs", r#"{"token_lives_s": 90}"#).await.0,
        200
    );
    assert_eq!(pair.fake.world().knobs.token_lives_s, 90);
    for (path, body) in [
        ("rules", "{}"),
        ("rules", "nonsense"),
        ("knobs", r#"{"token_lives": 90}"#),
        ("comment", r#"{"parent": "t1_none", "body": "x"}"#),
        ("set", r#"{"name": "t1_none"}"#),
    ] {
        let (status, json) = ask("POST", path, body).await;
        assert_eq!(status, 400, "{path} {body}");
        assert!(json["error"].is_string());
    }
    let (_, state) = ask("GET", "state", "").await;
    assert_eq!(state["posted"], 2);
    assert!(
        ask("GET", "seen", "")
            .await
            .1
            .as_array()
            .is_some_and(|seen| seen.len() > 2)
    );
    let body = format!(r#"{{"name": "{post}", "locked": true}}"#);
    assert_eq!(ask("POST", "set", &body).await.0, 200);
    assert_eq!(pair.send(&post).await.class(), 3);
}

// ---------------------------------------------------------------- real answers

/// Every recorded exchange with the real Reddit is read by the types that read the fake's.
#[test]
fn recorded_exchanges_are_read() {
    use repartee_reddit::model::{Listing, Thing};
    use repartee_reddit::sent::{Answer, Told, classify};
    use repartee_reddit::tree::Builder;
    use serde_json::Value;

    let Some(shared) = repartee_tests::shared() else {
        return;
    };
    let folder = shared.join("reddit/api");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    }
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    let (mut exchanges, mut comments, mut posts) = (0, 0, 0);
    for file in &files {
        let name = file.display();
        let content = std::fs::read(file).expect("a file");
        let recorded: Value = serde_json::from_slice(&content).expect("JSON");
        let mut tree: Option<Builder> = None;
        let mut names = HashSet::new();
        for exchange in recorded.as_array().expect("an array of exchanges") {
            exchanges += 1;
            let (request, response) = (&exchange["request"], &exchange["response"]);
            let url = request["url"].as_str().expect("a URL");
            let path = url
                .split_once("reddit.com")
                .map_or(url, |(_, rest)| rest)
                .split('?')
                .next()
                .expect("a path")
                .trim_end_matches('/');
            let status = response["status"].as_u64().expect("a status");
            let body = response["body"].as_str().expect("a body");
            let json: Option<Value> = serde_json::from_str(body).ok();
            let form = |key: &str| {
                let form = request["body"].as_str().unwrap_or_default();
                let pair = form
                    .split('&')
                    .find_map(|p| p.strip_prefix(&format!("{key}=")));
                pair.unwrap_or_default().replace("%2C", ",")
            };
            if path.ends_with("/api/comment") {
                // judged as ours would be
                let told = classify(
                    &form("thing_id"),
                    &Answer::Status {
                        status: u16::try_from(status).expect("a status"),
                        headers: Told::default(),
                        body: body.as_bytes().to_vec(),
                        cut: None,
                    },
                );
                let things = json.as_ref().map(|j| j["json"]["data"]["things"].clone());
                let shown = things.is_some_and(|t| t.as_array().is_some_and(|t| !t.is_empty()));
                let expected = if status == 200 && shown { 4 } else { 5 };
                assert_eq!(told.class(), expected, "{name}: {told:?}");
                continue;
            }
            let Some(json) = json.filter(|_| status == 200) else {
                // a refusal, some of them in HTML: nothing to be read but the status
                continue;
            };
            if path.contains("/api/morechildren") {
                let asked: Vec<String> = form("children").split(',').map(str::to_owned).collect();
                let builder = tree.as_mut().expect("a tree before its rest");
                builder
                    .children(&asked, &json)
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
                all_names(&json, &mut names);
            } else if path.starts_with("/comments/") {
                all_names(&json, &mut names);
                match &mut tree {
                    // the rest of a thread that was continued
                    Some(whole) => whole.below(&json),
                    None => Builder::new(&json).map(|new| tree = Some(new)),
                }
                .unwrap_or_else(|e| panic!("{name}: {e}"));
                posts += 1;
            } else if json["kind"] == "Listing" {
                let listing = Listing::of(&json).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert!(listing.odd.is_empty(), "{name}: {:?}", listing.odd);
                for thing in &listing.things {
                    match thing {
                        Thing::Comment(comment, _) => {
                            comments += 1;
                            assert!(comment.created_utc > 1_100_000_000, "{name}: {comment:?}");
                            assert!(comment.post.starts_with("t3_"), "{name}: {comment:?}");
                        }
                        Thing::Post(post) => {
                            posts += 1;
                            assert!(
                                !post.title.is_empty() && !post.permalink.is_empty(),
                                "{name}"
                            );
                        }
                        other => panic!("{name}: {other:?}"),
                    }
                }
            } else if let Some(things) = json["json"]["data"]["things"].as_array() {
                let listing = Listing::things(things);
                assert!(listing.odd.is_empty(), "{name}: {:?}", listing.odd);
                comments += listing.comments().count();
            }
        }
        if let Some(builder) = tree {
            let tree = builder.finish();
            assert!(tree.odd.is_empty(), "{name}: {:?}", tree.odd);
            let got: HashSet<String> = tree.comments.iter().map(|c| c.name.clone()).collect();
            assert_eq!(got, names, "{name}");
            let mut known: HashSet<&str> = HashSet::from([tree.post.name.as_str()]);
            known.extend(tree.missing.iter().map(String::as_str));
            for comment in &tree.comments {
                assert!(
                    known.contains(comment.parent.as_str()),
                    "{name}: {comment:?}"
                );
                known.insert(&comment.name);
            }
            comments += tree.comments.len();
            eprintln!(
                "{name}: {} comments, {} missing, {} left out",
                tree.comments.len(),
                tree.missing.len(),
                tree.unread.iter().map(|m| m.children.len()).sum::<usize>()
            );
        }
    }
    eprintln!(
        "{exchanges} exchanges in {} files: {comments} comments, {posts} posts",
        files.len()
    );
    assert!(exchanges > 0 && comments > 0 && posts > 0);
}

/// Full names of all comments in an answer, without our types.
fn all_names(value: &serde_json::Value, names: &mut HashSet<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| all_names(item, names)),
        serde_json::Value::Object(map) => {
            if map.get("kind").is_some_and(|kind| kind == "t1") {
                names.extend(map["data"]["name"].as_str().map(str::to_owned));
            }
            map.values().for_each(|item| all_names(item, names));
        }
        _ => {}
    }
}
