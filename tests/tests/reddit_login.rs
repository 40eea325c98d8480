//! Logging in as the engine does it: through a browser, by pasting, and with what the keychain has.
//!
//! The keychain is one of this process's own, so that no test reads or changes that of the machine; account names keep
//! the tests apart in it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex, Once};

use repartee_engine::posting::{AccountInfo, LogIn, NewAccount};
use repartee_engine::terms::JobStatus;
use repartee_engine::{Code, Ended, Engine, Error, Signal};
use repartee_fake_reddit::{
    Authorize, CLIENT_ID, CLIENT_SECRET, Fake, Fault, INSTALLED_ID, On, Options, PASSWORD, Rule,
};
use repartee_reddit::secrets::{self, Secret, Source};
use repartee_reddit::{PORT, SkipClock};
use repartee_tests::Place;
use repartee_tests::browser::{self, location, parameter, register};
use secrecy::ExposeSecret;

const PERSON: &str = "a person";

/// The keychain's secret of an account.
fn kept(account: &str, secret: Secret) -> Option<String> {
    secrets::find(account, secret)
        .unwrap()
        .map(|(value, source)| {
            assert_eq!(source, Source::Keychain, "unset {}", secret.variable());
            value.expose_secret().to_owned()
        })
}

/// A sandbox whose apps belong to an account, and a project that knows this account.
struct Bench {
    place: Place,
    fake: Fake,
    engine: Engine,
    account: NewAccount,
}

impl Bench {
    fn new(name: &str, client_id: &str, authorize: Authorize) -> Self {
        static KEYCHAIN: Once = Once::new();
        KEYCHAIN.call_once(|| {
            keyring_core::set_default_store(keyring_core::mock::Store::new().unwrap());
        });
        let none = Options {
            posts: 0,
            ..Options::default()
        };
        let fake = Fake::start(none).unwrap();
        fake.world().knobs.authorize = authorize;
        let place = Place::with_project();
        let mut engine = place.engine();
        engine.environment.clock = Arc::new(SkipClock::new());
        let account = NewAccount {
            name: name.to_owned(),
            client_id: client_id.to_owned(),
            app: if client_id == INSTALLED_ID {
                "installed"
            } else {
                "script"
            }
            .to_owned(),
            host: fake.base().to_owned(),
            // any free one
            port: 0,
            ..NewAccount::default()
        };
        engine.posting().account_put(&account, PERSON).unwrap();
        let bench = Self {
            place,
            fake,
            engine,
            account,
        };
        bench.browser_of(name);
        bench
    }

    /// From now on the browser is logged in as this account.
    fn browser_of(&self, name: &str) {
        let mut world = self.fake.world();
        world.add_account(name, PASSWORD);
        for app in world.apps.values_mut() {
            app.owner = name.to_owned();
        }
    }

    /// Logs in, with a browser that opens every URL it gets. Returns the result and these URLs.
    fn log_in(&self, force: bool) -> (Result<AccountInfo, Error>, Vec<String>) {
        let visited = Mutex::new(Vec::new());
        let job = LogIn {
            force,
            ..LogIn::default()
        };
        let ended = std::thread::scope(|scope| {
            let signals = |signal: Signal| {
                if let Signal::Visit { address } = signal {
                    register(&self.fake, INSTALLED_ID, &address);
                    visited.lock().unwrap().push(address.clone());
                    scope.spawn(move || browser::log_in(&address));
                }
            };
            self.engine.start(&job, &signals)
        });
        let account = ended.map(|ended| match ended {
            Ended::Done(account) => account,
            other => panic!("{other:?}"),
        });
        (account, visited.into_inner().unwrap())
    }

    /// Logs in with the keychain's secrets: no browser is needed.
    fn log_in_without_browser(&self) -> Result<AccountInfo, Error> {
        let (account, visited) = self.log_in(false);
        assert_eq!(visited, [""; 0]);
        account
    }

    fn refresh_token(&self) -> Option<String> {
        // the login of Reddit itself, under the bare name, is not for another host
        assert_eq!(kept(&self.account.name, Secret::RefreshToken), None);
        self.kept(Secret::RefreshToken)
    }

    /// The keychain name of this account here.
    fn entry(&self) -> String {
        format!("{}@{}", self.account.name, self.fake.base())
    }

    fn kept(&self, secret: Secret) -> Option<String> {
        kept(&self.entry(), secret)
    }

    fn calls(&self, on: On) -> usize {
        self.fake.world().calls(on).len()
    }

    /// Searches all files of the project for these, and for every token and code ever issued.
    fn none_is_in_the_project(&self, secrets: &[String]) {
        let mut bytes = Vec::new();
        // the user's state is next to the project
        for folder in [self.place.folder(), &self.place.state()] {
            for file in std::fs::read_dir(folder).into_iter().flatten() {
                let path = file.unwrap().path();
                if path.is_file() {
                    bytes.extend(std::fs::read(path).unwrap());
                }
            }
        }
        let issued = self.fake.world().issued.clone();
        assert!(!issued.is_empty());
        for secret in issued.iter().chain(secrets) {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{secret}");
        }
    }
}

#[test]
fn browser_login_is_kept_in_the_keychain_until_revoked() {
    let bench = Bench::new("first_bot", INSTALLED_ID, Authorize::Allow);
    let (account, visited) = bench.log_in(false);
    let account = account.unwrap();
    assert!(account.facts.login_ms.is_some() && account.facts.scope.contains("submit"));
    assert!(!account.missing.contains(&"a login".to_owned()));
    let mut states: Vec<String> = visited.iter().map(|a| parameter(a, "state")).collect();
    assert_eq!(states.len(), 1);
    let first = bench.refresh_token().expect("the login is kept");
    assert!(bench.fake.world().issued.contains(&first));

    // from now on no browser is needed
    bench.log_in_without_browser().unwrap();
    assert_eq!(bench.refresh_token(), Some(first));
    // if a refresh token is valid once, the new one is stored
    bench.fake.world().knobs.rotate = true;
    for _ in 0..2 {
        let before = bench.refresh_token();
        bench.log_in_without_browser().unwrap();
        assert!(bench.refresh_token().is_some() && bench.refresh_token() != before);
    }

    // the user revoked access on Reddit: that is reported, and a new login fixes it
    bench.fake.world().revoke_access("first_bot");
    assert_eq!(
        bench.log_in_without_browser().unwrap_err().code,
        Code::Login
    );
    let (account, visited) = bench.log_in(true);
    account.unwrap();
    states.extend(visited.iter().map(|a| parameter(a, "state")));
    assert_eq!(states.len(), 2);

    // revoked: it is dead on Reddit, and removed here
    let last = bench.refresh_token().unwrap();
    let account = bench.engine.posting().log_out("", PERSON).unwrap();
    assert_eq!((account.facts.login_ms, bench.calls(On::Revoke)), (None, 1));
    assert!(account.missing.contains(&"a login".to_owned()));
    assert_eq!(bench.refresh_token(), None);
    secrets::keep(&bench.entry(), Secret::RefreshToken, &last.into()).unwrap();
    assert_eq!(
        bench.log_in_without_browser().unwrap_err().code,
        Code::Login
    );
    // also if Reddit cannot be reached to revoke it: that is reported then
    let down = Fault::StatusBefore { status: 503 };
    bench.fake.world().fail(Rule::always(On::Revoke, down));
    assert_eq!(
        bench.engine.posting().log_out("", PERSON).unwrap_err().code,
        Code::Io
    );
    assert_eq!(bench.refresh_token(), None);
    bench.fake.world().heal();
    let (account, visited) = bench.log_in(false);
    account.unwrap();
    states.extend(visited.iter().map(|a| parameter(a, "state")));
    assert_eq!(states.len(), 3);
    bench.none_is_in_the_project(&states);
}

#[test]
fn declining_in_the_browser_does_not_log_in() {
    let bench = Bench::new("declined_bot", INSTALLED_ID, Authorize::Deny);
    let (refused, visited) = bench.log_in(false);
    let refused = refused.unwrap_err();
    assert_eq!((refused.code, visited.len()), (Code::Login, 1));
    assert!(refused.message.contains("declined"), "{refused}");
    assert_eq!(bench.refresh_token(), None);
    assert_eq!(bench.calls(On::Token), 0);
    let account = bench.engine.posting().account("declined_bot").unwrap();
    assert_eq!(account.facts.login_ms, None);
    assert_eq!(bench.engine.jobs().unwrap()[0].state, JobStatus::Failed);
}

#[test]
fn login_of_another_account_is_not_stored() {
    let bench = Bench::new("right_bot", INSTALLED_ID, Authorize::Allow);
    bench.log_in(false).0.unwrap();
    bench.browser_of("their_other_self");
    let (wrong, visited) = bench.log_in(true);
    let wrong = wrong.unwrap_err();
    assert_eq!((wrong.code, visited.len()), (Code::Login, 1));
    assert!(wrong.message.contains("u/their_other_self"), "{wrong}");
    assert_eq!(bench.refresh_token(), None);
    // nor by pasting
    let begun = bench.engine.posting().login_by_hand("").unwrap();
    register(&bench.fake, INSTALLED_ID, &begun.address);
    let back = location(&begun.address);
    let wrong = bench
        .engine
        .posting()
        .login_pasted(begun, &back)
        .unwrap_err();
    assert_eq!(wrong.code, Code::Login);
    assert_eq!(bench.refresh_token(), None);
    // so the next login needs a browser, without being told to
    bench.browser_of("right_bot");
    let (account, visited) = bench.log_in(false);
    account.unwrap();
    assert_eq!(visited.len(), 1);
    assert!(bench.refresh_token().is_some());
}

#[test]
fn browser_on_another_machine_logs_in_by_pasted_url() {
    let bench = Bench::new("pasted_bot", INSTALLED_ID, Authorize::Allow);
    let engine = &bench.engine;
    // nothing listens there, and nothing needs to
    let account = NewAccount {
        port: PORT,
        ..bench.account.clone()
    };
    engine.posting().account_put(&account, PERSON).unwrap();
    let (begun, other) = (
        engine.posting().login_by_hand("").unwrap(),
        engine.posting().login_by_hand("").unwrap(),
    );
    let states = [&begun, &other].map(|begun| parameter(&begun.address, "state"));
    register(&bench.fake, INSTALLED_ID, &begun.address);
    let back = location(&begun.address);
    assert!(back.starts_with(&format!("http://127.0.0.1:{PORT}/callback?")));

    // the end of one login is not the end of another
    let wrong = engine.posting().login_pasted(other, &back).unwrap_err();
    assert_eq!(wrong.code, Code::Usage);
    assert_eq!((bench.refresh_token(), bench.calls(On::Token)), (None, 0));
    let account = engine
        .posting()
        .login_pasted(begun, &format!(" {back}\n"))
        .unwrap();
    assert!(account.facts.login_ms.is_some());
    assert!(bench.refresh_token().is_some());
    bench.log_in_without_browser().unwrap();
    bench.none_is_in_the_project(&states);

    // declined; what was stored before stays
    bench.fake.world().knobs.authorize = Authorize::Deny;
    let (begun, before) = (
        engine.posting().login_by_hand("").unwrap(),
        bench.refresh_token(),
    );
    let back = location(&begun.address);
    let refused = engine.posting().login_pasted(begun, &back).unwrap_err();
    assert_eq!(refused.code, Code::Login);
    assert_eq!(bench.refresh_token(), before);
}

#[test]
fn reddit_login_is_never_sent_to_another_host() {
    let bench = Bench::new("own_bot", INSTALLED_ID, Authorize::Allow);
    // a project can claim of any account that its host is on this machine
    secrets::keep("own_bot", Secret::RefreshToken, &"of-reddit-itself".into()).unwrap();
    secrets::keep("own_bot", Secret::Username, &"own_bot".into()).unwrap();
    secrets::keep("own_bot", Secret::Password, &"of-reddit-itself".into()).unwrap();
    let (account, visited) = bench.log_in(false);
    account.unwrap();
    assert_eq!(visited.len(), 1, "a login of its own was asked for");
    assert_eq!(
        kept("own_bot", Secret::RefreshToken).as_deref(),
        Some("of-reddit-itself")
    );
}

#[test]
fn script_app_logs_in_with_keychain_secrets() {
    let bench = Bench::new("script_bot", CLIENT_ID, Authorize::Page);
    let engine = &bench.engine;
    let missing = bench.log_in_without_browser().unwrap_err();
    assert_eq!(missing.code, Code::Login);
    assert_eq!(
        engine
            .posting()
            .secret_keep("", "pin", PASSWORD.into())
            .unwrap_err()
            .code,
        Code::Usage
    );
    engine
        .posting()
        .secret_keep("", "client-secret", CLIENT_SECRET.into())
        .unwrap();
    engine
        .posting()
        .secret_keep("", "password", PASSWORD.into())
        .unwrap();
    let account = bench.log_in_without_browser().unwrap();
    assert!(account.facts.login_ms.is_some());
    bench.none_is_in_the_project(&[CLIENT_SECRET.to_owned(), PASSWORD.to_owned()]);

    engine.posting().log_out("", PERSON).unwrap();
    assert_eq!(bench.kept(Secret::Password), None);
    // the secret belongs to the app, not to the login
    assert!(bench.kept(Secret::ClientSecret).is_some());
    let missing = bench.log_in_without_browser().unwrap_err();
    assert!(
        missing.message.contains("REPARTEE_REDDIT_PASSWORD"),
        "{missing}"
    );
}
