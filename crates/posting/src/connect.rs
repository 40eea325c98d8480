//! A client for an account, and its environment: time, secrets, and the rate limit that all processes share through the
//! project file.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Stop};
use repartee_reddit::{
    Client, Clock, Config, Keep, Login, OnWait, Setup, SkipClock, ThrottleState, ThrottleStore,
    secrets, user_agent,
};
use repartee_store::Store;
use repartee_store::accounts::Account;
use repartee_store::times::SLACK_MS;
use secrecy::SecretString;
use tokio::runtime::Runtime;

use crate::Posting;
use crate::ledger::Ledger;
use crate::sandbox;

/// How often a long call checks for requests to end it.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);

/// If set, waits take no time against a sandbox on this machine.
const HURRY: &str = "REPARTEE_FAKE_HURRY";

/// The rate-limit state of a client id, in the project file.
struct InProject {
    store: Arc<Store>,
    client_id: String,
}

impl ThrottleStore for InProject {
    fn change(
        &self,
        change: &mut dyn FnMut(&mut ThrottleState),
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.store.throttle_change(&self.client_id, |stored| {
            // unreadable: written by another version. A new state is on the safe side
            let mut state = serde_json::from_str(stored).unwrap_or_default();
            change(&mut state);
            serde_json::to_string(&state).unwrap_or_default()
        })?;
        Ok(())
    }
}

/// How the client reaches Reddit for an account: Reddit itself, or a sandbox on this machine.
pub(crate) fn config_of(account: &Account) -> Config {
    let agent = user_agent(env!("CARGO_PKG_VERSION"), &account.name);
    match account.host.as_str() {
        "" => Config::new(agent),
        host => Config {
            pace: repartee_reddit::Pace::NONE,
            timeout: Duration::from_secs(5),
            ..Config::at(host, agent)
        },
    }
}

/// Whether waits take no time: in the sandbox, if requested, and only on this machine (plain HTTP is allowed nowhere
/// else).
fn hurries(account: &Account) -> bool {
    sandbox::is_sandbox(account)
        || (std::env::var_os(HURRY).is_some() && account.host.starts_with("http://"))
}

/// A clock whose waits take no time. It begins where an earlier one ended, or the past would be in the future.
fn hurried(posting: Posting<'_>) -> Result<Arc<dyn Clock>> {
    let clock = SkipClock::new();
    let ahead_ms = posting
        .store
        .outbox_latest_ms()?
        .saturating_sub(clock.now_ms());
    clock.skip(Duration::from_millis(u64::try_from(ahead_ms).unwrap_or(0)));
    Ok(Arc::new(clock))
}

/// The keychain name of an account's secrets. A project names the host of an account itself, and may be untrusted: the
/// login of Reddit itself is never sent to another host.
pub(crate) fn keychain_name(account: &Account) -> String {
    match account.host.as_str() {
        "" => account.name.clone(),
        host => format!("{}@{host}", account.name),
    }
}

impl Posting<'_> {
    /// Now, by the clock of the project's Reddit actions: in the sandbox, it is ahead.
    pub(crate) fn reddit_now_ms(self) -> Result<i64> {
        Ok(match self.store.accounts()?.iter().any(hurries) {
            true => hurried(self)?.now_ms(),
            false => self.environment.clock.now_ms(),
        })
    }
}

/// Stores a new refresh token in the keychain.
fn keep_of(account: &Account) -> Keep {
    let account = keychain_name(account);
    Arc::new(move |token: &SecretString| {
        secrets::keep(&account, secrets::Secret::RefreshToken, token).map_err(|e| e.to_string())
    })
}

/// This process now holds a secret: if it crashes, its memory must not be written to disk.
#[cfg(unix)]
fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // a refusal changes nothing
    let _ = setrlimit(Resource::Core, none);
}

#[cfg(not(unix))]
fn leave_no_core() {}

/// A connected account: its client, and a runtime for its calls.
pub(crate) struct Session {
    pub account: Account,
    pub client: Client,
    runtime: Runtime,
    pub clock: Arc<dyn Clock>,
}

impl Session {
    /// Connects an account with its stored login. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Login`] if a secret is missing; [`Code::Io`] if it is a sandbox account and the
    /// sandbox is not running.
    pub fn open(posting: Posting<'_>, account: &str) -> Result<Self> {
        let account = posting.store.account(account)?;
        // before any secret is read: an untrusted project may name any host
        config_of(&account).check()?;
        sandbox::is_served(&account)?;
        let given = posting
            .environment
            .login
            .as_ref()
            .and_then(|login| login(&account.name))
            .or_else(|| sandbox::login_of(&account));
        let login = match given {
            Some(login) => login,
            None => secrets::login(&keychain_name(&account), Some(&account.client_id))?,
        };
        Self::with(posting, account, login, None)
    }

    /// Connects an account with a login.
    ///
    /// # Errors
    /// [`Code::Usage`] if the account's settings are invalid.
    pub fn with(
        posting: Posting<'_>,
        account: Account,
        login: Login,
        on_wait: Option<OnWait>,
    ) -> Result<Self> {
        leave_no_core();
        let clock = match hurries(&account) {
            true => hurried(posting)?,
            false => Arc::clone(&posting.environment.clock),
        };
        let setup = Setup {
            config: config_of(&account),
            throttle: Arc::new(InProject {
                store: Arc::clone(&posting.store),
                client_id: account.client_id.clone(),
            }),
            clock: Arc::clone(&clock),
            keep: Some(keep_of(&account)),
            on_wait,
            login,
        };
        Ok(Self {
            client: Client::new(setup)?,
            clock,
            runtime: runtime()?,
            account,
        })
    }

    /// Milliseconds since 1970, by the clock used for posting.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Corrects recorded times before they are used: if some are in the future, or a pause is too long, Reddit is asked
    /// for the time, and if our clock is right they are corrected. Otherwise they are kept: if the clock is wrong now,
    /// a post from the future counts as one of now.
    ///
    /// # Errors
    /// [`Stop::Pause`] and [`Stop::Cancel`]; or if the project cannot be read or written. It is no error if Reddit does
    /// not answer: later calls will find out.
    pub fn mend_times(&self, ctx: &Ctx, ledger: Option<&Ledger>) -> Result<(), Stop> {
        let (store, name) = (&ctx.project.store, &self.account.name);
        // if waits take no time, the clock is not real time
        if hurries(&self.account) || !store.times_are_ahead(name, self.now_ms())? {
            return Ok(());
        }
        match self.ask(Some(ctx), self.client.me()) {
            Ok(_) => {}
            Err(Stop::Failed(error)) => {
                ctx.say(format!(
                    "times in the future were not corrected: {}",
                    error.message
                ));
                return Ok(());
            }
            Err(stop) => return Err(stop),
        }
        let skew_ms = self.client.skew_ms();
        if skew_ms.is_some_and(|skew_ms| skew_ms.abs() < SLACK_MS) {
            store.mend_times(name, self.now_ms())?;
            if let Some(ledger) = ledger {
                ledger.mend_times(self.now_ms())?;
            }
            ctx.say("the clock was wrong before; posts dated in the future now count as posted now, and pauses \
                     were shortened");
        } else {
            ctx.say("there are posts in the future, and this machine's clock differs from Reddit's; correct \
                     it");
        }
        Ok(())
    }

    /// In the sandbox, advances the clock by this much.
    pub fn hurry(&self, time: Duration) {
        if hurries(&self.account) {
            self.finish(self.clock.sleep(time));
        }
    }

    /// Waits for a call that may be dropped at any time, and drops it if the job is to end.
    pub fn ask<T, E: Into<Error>>(
        &self,
        ctx: Option<&Ctx>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Stop> {
        self.runtime.block_on(async {
            let mut call = pin!(call);
            loop {
                tokio::select! {
                    biased;
                    done = &mut call => return done.map_err(|error| Stop::Failed(error.into())),
                    () = tokio::time::sleep(LOOK_UP_EVERY) => {
                        if let Some(ctx) = ctx {
                            ctx.go_on_now()?;
                        }
                    }
                }
            }
        })
    }

    /// As [`Self::ask`], outside of a job.
    pub fn call<T, E: Into<Error>>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T> {
        self.runtime.block_on(call).map_err(Into::into)
    }

    /// Waits for something that must not be dropped, whatever is requested.
    pub fn finish<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Waits until a time, or until the job is to end.
    pub fn sleep_until(&self, ctx: &Ctx, until_ms: i64) -> Result<(), Stop> {
        ctx.go_on_now()?;
        let ms = u64::try_from(until_ms.saturating_sub(self.now_ms())).unwrap_or(0);
        let clock = Arc::clone(&self.clock);
        self.ask(Some(ctx), async move {
            clock.sleep(Duration::from_millis(ms)).await;
            Ok::<(), Error>(())
        })
    }
}

/// A runtime for the calls of one thread.
pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(Code::Io, format!("cannot start the network runtime: {e}")))
}
