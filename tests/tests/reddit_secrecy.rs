//! Secrets pass through everything the client does, with all logging on: they appear nowhere.
//!
//! In a file, and so a process, of its own: loggers are set once per process.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::sync::{Arc, Mutex};
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

#[tokio::test]
async fn secrets_appear_nowhere() {
    let heard = Heard::default();
    let writer = heard.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .init();
    log::set_boxed_logger(Box::new(heard.clone())).expect("the first logger");
    log::set_max_level(log::LevelFilter::Trace);

    let fake = Fake::start(Options::default()).expect("a fake");
    {
        let mut world = fake.world();
        world.apps.get_mut(CLIENT_ID).unwrap().secret = SECRET.to_owned();
        world.account(ACCOUNT).unwrap().password = PASSWORD.to_owned();
    }
    let setup = |login: Login| {
        let mut setup = Setup {
            clock: Arc::new(SkipClock::new()),
            ..Setup::new(Config::at(fake.base(), user_agent("0.1.0", ACCOUNT)), login)
        };
        setup.config.timeout = Duration::from_millis(500);
        setup
    };
    let parent = fake.world().add_post("Quiet", "host", "A title", "A text");

    // logging in and working, in debug output and in logs
    let login = by_password(PASSWORD);
    heard.hear(format!("{login:?} {login:#?}"));
    let client = Client::new(setup(login)).expect("a client");
    heard.hear(format!("{client:?}"));
    client.me().await.expect("me");
    let prepared = client.prepare(&parent, "An answer.").await.expect("ready");
    heard.hear(format!("{prepared:?}"));
    heard.hear(format!("{:?}", prepared.send().await));

    // every way to fail, for a token and for a call
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
            let client = Client::new(setup(by_password(PASSWORD))).expect("a client");
            fake.world().fail(Rule::times(on, fault.clone(), 3));
            if let Err(error) = client.me().await {
                heard.error(&error);
            }
            match client.prepare(&parent, "An answer.").await {
                Ok(prepared) => heard.hear(format!("{:?}", prepared.send().await)),
                Err(error) => heard.error(&error),
            }
            fake.world().heal();
        }
    }
    // wrong secrets are secrets too: people mistype what is valid elsewhere
    let wrong = Client::new(setup(by_password("marker-that-is-wrong"))).expect("a client");
    heard.error(&wrong.log_in().await.expect_err("refused"));
    let mut stranger = by_password(PASSWORD);
    stranger.app.client_secret = "marker-of-another-app".into();
    let stranger = Client::new(setup(stranger)).expect("a client");
    heard.error(&stranger.log_in().await.expect_err("refused"));
    let dead = Client::new(setup(self::login(Grant::Refresh(
        "marker-of-a-refresh".into(),
    ))));
    heard.error(&dead.expect("a client").log_in().await.expect_err("refused"));

    // through the browser: state, code, refresh token; then revoked
    let config = Config::at(fake.base(), user_agent("0.1.0", ACCOUNT));
    let browser = Browser::begin(&config, INSTALLED_ID, 0)
        .await
        .expect("a port");
    heard.hear(format!("{browser:?} {:?}", browser.pending()));
    let address = browser.address().to_owned();
    let state = parameter(&address, "state");
    register(&fake, INSTALLED_ID, &address);
    fake.world().knobs.authorize = Authorize::Allow;
    let pending = browser.pending();
    heard.error(
        &pending
            .pasted("http://x/?code=marker-pasted")
            .expect_err("not it"),
    );
    let back = tokio::task::spawn_blocking(move || location(&address))
        .await
        .expect("a browser");
    let code = pending.pasted(&back).expect("a code");
    heard.hear(format!("{code:?}"));
    let mut through_browser = self::login(Grant::Code(code));
    through_browser.app = App {
        client_id: INSTALLED_ID.to_owned(),
        client_secret: "".into(),
    };
    let mut with_browser = setup(through_browser);
    with_browser.keep = Some(Arc::new(|token| {
        assert!(!format!("{token:?}").contains("refresh-"));
        Err("the keychain is locked".to_owned())
    }));
    let client = Client::new(with_browser.clone()).expect("a client");
    heard.error(&client.me().await.expect_err("not kept"));
    heard.hear(format!("{:?}", with_browser.login));
    let client = Client::new(setup(by_password(PASSWORD))).expect("a client");
    client.me().await.expect("me");
    client.revoke().await.expect("revoked");

    // a keychain that is unavailable, or has no such account
    let missing = tokio::task::spawn_blocking(|| {
        secrets::find("nobody of repartee's tests", secrets::Secret::RefreshToken)
    });
    if let Err(error) = missing.await.expect("found or not") {
        heard.error(&error);
    }

    let heard = heard.0.lock().unwrap();
    assert!(
        heard.contains("POST /api/v1/access_token"),
        "the log was on"
    );
    assert!(
        heard.lines().count() > 300,
        "{} lines",
        heard.lines().count()
    );
    let issued = fake.world().issued.clone();
    assert!(issued.len() > 20);
    for secret in issued
        .iter()
        .map(String::as_str)
        .chain(["marker-", &state, SECRET, PASSWORD])
    {
        if let Some(line) = heard.lines().find(|line| line.contains(secret)) {
            panic!("{secret} appears: {line}");
        }
    }
    eprintln!(
        "{} lines heard, {} tokens and codes looked for",
        heard.lines().count(),
        issued.len()
    );
}
