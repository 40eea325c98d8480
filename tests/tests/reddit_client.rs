//! The Reddit client against the sandbox: logging in, reading, limits, retries, and the result of posting a comment.
//! Nothing in here reaches beyond this machine.
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
    PASSWORD, Rule, WEB_ID, World,
};
use repartee_reddit::{
    Action, App, Blocker, Browser, Client, Clock, Code, Config, Error, Gone, Grant, InMemory,
    Login, Pause, Pending, SCOPES, Sent, Setup, SkipClock, Stopped, TreeAsk, Why, ours_under,
    user_agent,
};
use secrecy::{ExposeSecret, SecretString};

#[path = "reddit_client/limits.rs"]
mod limits;
#[path = "reddit_client/login.rs"]
mod login;
#[path = "reddit_client/outside.rs"]
mod outside;
#[path = "reddit_client/reading.rs"]
mod reading;
#[path = "reddit_client/recorded.rs"]
mod recorded;
#[path = "reddit_client/refusals.rs"]
mod refusals;
#[path = "reddit_client/retries.rs"]
mod retries;
#[path = "reddit_client/sent.rs"]
mod sent;
#[path = "reddit_client/tokens.rs"]
mod tokens;

/// A sandbox, and a client of it whose waits take no time.
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
    // an intended hang of the sandbox must not make the tests hang
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

    /// A post with one comment by another account.
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

/// A request as a browser sends it, without following redirects: status, headers in lower case, body.
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
