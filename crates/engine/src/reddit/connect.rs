//! A client for an account, and what surrounds it: time, secrets, and the rate limit that all processes
//! share through the project file.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use repartee_reddit::{
    Client, Clock, Config, Keep, Login, OnWait, Setup, SkipClock, SystemClock, ThrottleState,
    ThrottleStore, secrets, user_agent,
};
use repartee_store::Store;
use repartee_store::accounts::Account;
use repartee_store::times::SLACK_MS;
use secrecy::SecretString;
use tokio::runtime::Runtime;

use super::ledger::Ledger;
use super::sandbox;
use crate::Engine;
use crate::error::{Code, Error, Result};
use crate::job::{Ctx, Stop};

/// A call that lasts is looked up from this often, to see whether somebody wants it to end.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);

/// With this in the environment, waits take no time against a fake Reddit on this machine.
const HURRY: &str = "REPARTEE_FAKE_HURRY";

/// A place in the work of posting, as [`Environment::on_step`] hears of it.
pub type Step = &'static str;

type Logins = Arc<dyn Fn(&str) -> Option<Login> + Send + Sync>;

/// What surrounds all dealings with Reddit. As it comes: the machine's clock, secrets from the environment
/// and the keychain.
#[derive(Clone)]
pub struct Environment {
    /// The time, by which pauses, caps and waits are counted.
    pub clock: Arc<dyn Clock>,
    /// Gives the login of an account in place of environment and keychain.
    pub login: Option<Logins>,
    /// Is told of every step of posting before it is taken. A panic in here leaves what a crash would.
    pub on_step: Option<Arc<dyn Fn(Step) + Send + Sync>>,
    /// The folder of the user's state in place of [`crate::machine::Machine::state_folder`].
    pub state: Option<std::path::PathBuf>,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            login: None,
            on_step: None,
            state: None,
        }
    }
}

impl Environment {
    pub(crate) fn step(&self, step: Step) {
        tracing::debug!(step, "posting");
        if let Some(on_step) = &self.on_step {
            on_step(step);
        }
    }
}

/// The state of a client id's rate limit, in the project file.
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
            // what cannot be read was written by another version: a new state is on the safe side
            let mut state = serde_json::from_str(stored).unwrap_or_default();
            change(&mut state);
            serde_json::to_string(&state).unwrap_or_default()
        })?;
        Ok(())
    }
}

/// How the client reaches Reddit for an account: Reddit itself, or a fake on this machine.
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

/// Whether waits take no time: in practice, where somebody asked for it, and for a fake on this machine only
/// (plain HTTP goes nowhere else).
fn hurries(account: &Account) -> bool {
    sandbox::is_made_up(account)
        || (std::env::var_os(HURRY).is_some() && account.host.starts_with("http://"))
}

/// A clock whose waits take no time. It begins where an earlier one of its kind ended, or the past would
/// lie in the future.
fn hurried(engine: &Engine) -> Result<Arc<dyn Clock>> {
    let clock = SkipClock::new();
    let ahead_ms = engine
        .store
        .outbox_latest_ms()?
        .saturating_sub(clock.now_ms());
    clock.skip(Duration::from_millis(u64::try_from(ahead_ms).unwrap_or(0)));
    Ok(Arc::new(clock))
}

/// The name under which the keychain has the secrets of an account. A project says itself which host an account
/// is of, and may be a stranger's: the login of Reddit itself is never sent to another.
pub(crate) fn keychain_name(account: &Account) -> String {
    match account.host.as_str() {
        "" => account.name.clone(),
        host => format!("{}@{host}", account.name),
    }
}

impl Engine {
    /// Now, by the clock that the project's dealings with Reddit go by: in practice that one is ahead.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub(crate) fn reddit_now_ms(&self) -> Result<i64> {
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

/// From now on this process holds a secret: if it crashes, its memory is not written to the disk.
#[cfg(unix)]
fn leave_no_core() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: lowers a limit of this process and nothing else; a refusal leaves it as it was.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}

#[cfg(not(unix))]
fn leave_no_core() {}

/// An account that is connected: its client, and a runtime for its calls.
pub(crate) struct Session {
    pub account: Account,
    pub client: Client,
    runtime: Runtime,
    pub clock: Arc<dyn Clock>,
}

impl Session {
    /// Connects an account with the login that is stored for it. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Login`] when a secret is missing; [`Code::Io`] when it is an account of a
    /// made-up Reddit that nobody serves.
    pub fn open(engine: &Engine, account: &str) -> Result<Self> {
        let account = engine.store.account(account)?;
        // before any secret is looked for: a stranger's project may name any host
        config_of(&account).check()?;
        sandbox::is_served(&account)?;
        let given = engine
            .environment
            .login
            .as_ref()
            .and_then(|login| login(&account.name))
            .or_else(|| sandbox::login_of(&account));
        let login = match given {
            Some(login) => login,
            None => secrets::login(&keychain_name(&account), Some(&account.client_id))?,
        };
        Self::with(engine, account, login, None)
    }

    /// Connects an account with a login.
    ///
    /// # Errors
    /// [`Code::Usage`] when the account's settings make no sense.
    pub fn with(
        engine: &Engine,
        account: Account,
        login: Login,
        on_wait: Option<OnWait>,
    ) -> Result<Self> {
        leave_no_core();
        let clock = match hurries(&account) {
            true => hurried(engine)?,
            false => Arc::clone(&engine.environment.clock),
        };
        let setup = Setup {
            config: config_of(&account),
            throttle: Arc::new(InProject {
                store: Arc::clone(&engine.store),
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

    /// Milliseconds since 1970, by the clock that posting goes by.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Before times of earlier posts count: where some lie in the future, or a pause is too long, Reddit is
    /// asked what time it is, and if our clock is right they are mended. Otherwise they stay: with a clock
    /// that is wrong now, a post from the future counts as one of now.
    ///
    /// # Errors
    /// [`Stop::Pause`] and [`Stop::Cancel`]; or when the project cannot be read or written. That Reddit does
    /// not answer is none: whoever wants something of it will see.
    pub fn mend_times(&self, ctx: &Ctx, ledger: Option<&Ledger>) -> Result<(), Stop> {
        let (store, name) = (&ctx.engine.store, &self.account.name);
        // where waits take no time the clock is not that of the world
        if hurries(&self.account) || !store.times_are_ahead(name, self.now_ms())? {
            return Ok(());
        }
        match self.ask(Some(ctx), self.client.me()) {
            Ok(_) => {}
            Err(Stop::Failed(error)) => {
                ctx.say(format!(
                    "times in the future were left as they are: {}",
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
            ctx.say("the clock was wrong once: posts from the future count from now on, and pauses are cut");
        } else {
            ctx.say("posts lie in the future, and this machine's clock does not agree with Reddit's; set it right");
        }
        Ok(())
    }

    /// In practice so much time passes at once.
    pub fn hurry(&self, time: Duration) {
        if hurries(&self.account) {
            self.finish(self.clock.sleep(time));
        }
    }

    /// Waits for a call that may be dropped at any time, and drops it when somebody wants the job to end.
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

    /// The same outside of a job.
    pub fn call<T, E: Into<Error>>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T> {
        self.runtime.block_on(call).map_err(Into::into)
    }

    /// Waits for something that must not be dropped, whatever anybody wants.
    pub fn finish<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Lets time pass until a moment, or until somebody wants the job to end.
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
        .map_err(|e| {
            Error::new(
                Code::Io,
                format!("this system gives no network runtime: {e}"),
            )
        })
}
