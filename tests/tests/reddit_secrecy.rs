//! Secrets pass through everything the client does, with all logging on: they appear nowhere.
//!
//! In a file, and so a process, of its own: loggers are set once per process.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use repartee_fake_reddit::{
    ACCOUNT, Authorize, CLIENT_ID, Fake, Fault, INSTALLED_ID, On, Options, Rule,
};
use repartee_reddit::{
    App, Browser, Client, Config, Grant, Login, Setup, SkipClock, secrets, user_agent,
};
use repartee_tests::browser::{location, parameter, register};

const SECRET: &str = "marker-of-the-client-secret";
const PASSWORD: &str = "marker-of-the-password";

/// Everything that was logged, shown or reported.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<String>>);

impl Heard {
    fn hear(&self, words: impl std::fmt::Display) {
        let mut heard = self.0.lock().unwrap();
        heard.push_str(&words.to_string());
        heard.push('\n');
    }

    /// An error as the user and a log see it, with its causes.
    fn error(&self, error: &repartee_reddit::Error) {
        self.hear(format!("{error} {error:?} {error:#?}"));
    }
}

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap()
            .push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Libraries that log through `log` are captured too.
impl log::Log for Heard {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        self.hear(format!("{} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

fn login(grant: Grant) -> Login {
    Login {
        app: App {
            client_id: CLIENT_ID.to_owned(),
            client_secret: SECRET.into(),
        },
        grant,
    }
}

fn by_password(password: &str) -> Login {
    login(Grant::Password {
        username: ACCOUNT.to_owned(),
        password: password.into(),
    })
}

/// Everything that was heard since the first test of this process began.
fn heard() -> &'static Heard {
    static HEARD: OnceLock<Heard> = OnceLock::new();
    HEARD.get_or_init(|| {
        let heard = Heard::default();
        let writer = heard.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .init();
        log::set_boxed_logger(Box::new(heard.clone())).expect("the first logger");
        log::set_max_level(log::LevelFilter::Trace);
        heard
    })
}

/// A sandbox with secrets that are easy to find.
struct Bench {
    fake: Fake,
    parent: String,
}

impl Bench {
    fn new() -> Self {
        heard();
        let fake = Fake::start(Options::default()).expect("a fake");
        let mut world = fake.world();
        world.apps.get_mut(CLIENT_ID).unwrap().secret = SECRET.to_owned();
        world.account(ACCOUNT).unwrap().password = PASSWORD.to_owned();
        let parent = world.add_post("Quiet", "host", "A title", "A text");
        drop(world);
        Self { fake, parent }
    }

    fn config(&self) -> Config {
        Config::at(self.fake.base(), user_agent("0.1.0", ACCOUNT))
    }

    fn setup(&self, login: Login) -> Setup {
        let mut setup = Setup {
            clock: Arc::new(SkipClock::new()),
            ..Setup::new(self.config(), login)
        };
        setup.config.timeout = Duration::from_millis(500);
        setup
    }

    fn client(&self, login: Login) -> Client {
        Client::new(self.setup(login)).expect("a client")
    }

    /// No secret of this sandbox, nor one of these, was heard. Returns how many lines were, and how many tokens and
    /// codes the sandbox issued.
    fn nothing_leaked(&self, more: &[&str]) -> (usize, usize) {
        let issued = self.fake.world().issued.clone();
        let heard = heard().0.lock().unwrap();
        assert!(
            heard.contains("POST /api/v1/access_token"),
            "the log was on"
        );
        let issued_too = issued.iter().map(String::as_str);
        for secret in issued_too
            .chain(["marker-", SECRET, PASSWORD])
            .chain(more.iter().copied())
        {
            if let Some(line) = heard.lines().find(|line| line.contains(secret)) {
                panic!("{secret} appears: {line}");
            }
        }
        (heard.lines().count(), issued.len())
    }
}

#[tokio::test]
async fn secrets_of_a_login_that_works_appear_nowhere() {
    let bench = Bench::new();
    let login = by_password(PASSWORD);
    heard().hear(format!("{login:?} {login:#?}"));
    let client = bench.client(login);
    heard().hear(format!("{client:?}"));
    client.me().await.expect("me");
    let prepared = client.prepare(&bench.parent, "An answer.").await;
    let prepared = prepared.expect("ready");
    heard().hear(format!("{prepared:?}"));
    heard().hear(format!("{:?}", prepared.send().await));
    client.revoke().await.expect("revoked");
    bench.nothing_leaked(&[]);
}

#[tokio::test]
async fn no_way_to_fail_shows_a_secret() {
    let bench = Bench::new();
    for fault in [
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::HangAfter { ms: 1_000 },
        Fault::Cut,
        Fault::Empty,
        Fault::NotJson,
        Fault::StatusAfter { status: 500 },
        Fault::StatusBefore { status: 400 },
        Fault::StatusBefore { status: 403 },
        Fault::Unauthorized,
        Fault::Redirect,
        Fault::TooManyHtml {
            retry_after_s: None,
        },
    ] {
        for on in [On::Token, On::Me, On::Comment] {
            let client = bench.client(by_password(PASSWORD));
            bench.fake.world().fail(Rule::times(on, fault.clone(), 3));
            if let Err(error) = client.me().await {
                heard().error(&error);
            }
            match client.prepare(&bench.parent, "An answer.").await {
                Ok(prepared) => heard().hear(format!("{:?}", prepared.send().await)),
                Err(error) => heard().error(&error),
            }
            bench.fake.world().heal();
        }
    }
    let (lines, issued) = bench.nothing_leaked(&[]);
    assert!(lines > 300, "{lines} lines");
    assert!(issued > 20);
    eprintln!("{lines} lines heard, {issued} tokens and codes looked for");
}

/// People mistype what is valid elsewhere.
#[tokio::test]
async fn wrong_secrets_appear_nowhere_either() {
    let bench = Bench::new();
    let wrong = bench.client(by_password("marker-that-is-wrong"));
    heard().error(&wrong.log_in().await.expect_err("refused"));
    let mut stranger = by_password(PASSWORD);
    stranger.app.client_secret = "marker-of-another-app".into();
    let stranger = bench.client(stranger);
    heard().error(&stranger.log_in().await.expect_err("refused"));
    let dead = bench.client(login(Grant::Refresh("marker-of-a-refresh".into())));
    heard().error(&dead.log_in().await.expect_err("refused"));
    bench.nothing_leaked(&[]);
}

#[tokio::test]
async fn state_code_and_refresh_token_of_the_browser_appear_nowhere() {
    let bench = Bench::new();
    let browser = Browser::begin(&bench.config(), INSTALLED_ID, 0)
        .await
        .expect("a port");
    heard().hear(format!("{browser:?} {:?}", browser.pending()));
    let address = browser.address().to_owned();
    let state = parameter(&address, "state");
    register(&bench.fake, INSTALLED_ID, &address);
    bench.fake.world().knobs.authorize = Authorize::Allow;
    let pending = browser.pending();
    heard().error(
        &pending
            .pasted("http://x/?code=marker-pasted")
            .expect_err("not it"),
    );
    let back = tokio::task::spawn_blocking(move || location(&address))
        .await
        .expect("a browser");
    let code = pending.pasted(&back).expect("a code");
    heard().hear(format!("{code:?}"));
    let mut through_browser = login(Grant::Code(code));
    through_browser.app = App {
        client_id: INSTALLED_ID.to_owned(),
        client_secret: "".into(),
    };
    let mut with_browser = bench.setup(through_browser);
    with_browser.keep = Some(Arc::new(|token| {
        assert!(!format!("{token:?}").contains("refresh-"));
        Err("the keychain is locked".to_owned())
    }));
    let client = Client::new(with_browser.clone()).expect("a client");
    heard().error(&client.me().await.expect_err("not kept"));
    heard().hear(format!("{:?}", with_browser.login));
    bench.nothing_leaked(&[&state]);
}

/// It is unavailable, or has no such account.
#[tokio::test]
async fn error_of_the_keychain_shows_no_secret() {
    let bench = Bench::new();
    bench.client(by_password(PASSWORD)).me().await.expect("me");
    let missing = tokio::task::spawn_blocking(|| {
        secrets::find("nobody of repartee's tests", secrets::Secret::RefreshToken)
    });
    if let Err(error) = missing.await.expect("found or not") {
        heard().error(&error);
    }
    bench.nothing_leaked(&[]);
}
