//! What a project's actions take from outside, so that tests can replace it: time, logins, the state folder.

use std::path::PathBuf;
use std::sync::Arc;

use repartee_reddit::{Clock, Login, SystemClock};

/// A step of posting, as [`Environment::on_step`] gets it.
pub type Step = &'static str;

type Logins = Arc<dyn Fn(&str) -> Option<Login> + Send + Sync>;

/// By default: the machine's clock, secrets from environment variables and the keychain, the user's state folder.
#[derive(Clone)]
pub struct Environment {
    /// The time for pauses, caps and waits.
    pub clock: Arc<dyn Clock>,
    /// Provides an account's login instead of environment variables and keychain.
    pub login: Option<Logins>,
    /// Called before every step of posting. A panic in it leaves the state that a crash would.
    pub on_step: Option<Arc<dyn Fn(Step) + Send + Sync>>,
    /// Overrides [`crate::machine::Machine::state_folder`].
    pub state: Option<PathBuf>,
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
    /// Announces a step of posting.
    pub fn step(&self, step: Step) {
        tracing::debug!(step, "posting");
        if let Some(on_step) = &self.on_step {
            on_step(step);
        }
    }
}
