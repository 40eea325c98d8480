//! Client configuration: hosts, User-Agent, pauses and timeouts.

use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Tokens, authorization and revocation.
pub const TOKEN_HOST: &str = "https://www.reddit.com";
pub const API_HOST: &str = "https://oauth.reddit.com";
/// The name of the program in its User-Agent.
pub const APP_ID: &str = "io.github.repartee";
/// The scopes we request. `vote` is not among them, and never will be.
pub const SCOPES: [&str; 5] = ["identity", "read", "submit", "edit", "history"];

/// Minimum pauses between calls, in addition to Reddit's own headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// Milliseconds between any two calls of a client id.
    pub call_ms: u32,
    /// Milliseconds between two polls of the same URL (listings, rules, trees).
    pub same_url_ms: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            call_ms: 1_000,
            same_url_ms: 30_000,
        }
    }
}

impl Pace {
    /// No pauses of our own: for a sandbox on this machine, and refused for any other host.
    pub const NONE: Self = Self {
        call_ms: 0,
        same_url_ms: 0,
    };
}

/// How the client reaches Reddit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Host for tokens; [`TOKEN_HOST`].
    pub token_host: String,
    /// Host for everything else; [`API_HOST`].
    pub api_host: String,
    pub user_agent: String,
    /// Our own minimum pauses. They can only be lowered on this machine.
    pub pace: Pace,
    /// The longest pause that a call waits by itself. For a longer one it returns [`Error::Throttled`], so that the
    /// caller can wait visibly.
    pub patience: Duration,
    pub connect_timeout: Duration,
    /// Timeout for a call as a whole, from connecting to the last byte of the answer.
    pub timeout: Duration,
}

impl Config {
    /// Reddit itself, with the pauses of the specification.
    pub fn new(user_agent: impl Into<String>) -> Self {
        Self {
            token_host: TOKEN_HOST.to_owned(),
            api_host: API_HOST.to_owned(),
            user_agent: user_agent.into(),
            pace: Pace::default(),
            patience: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
        }
    }

    /// Both hosts at one address: a sandbox on this machine.
    pub fn at(base: impl Into<String>, user_agent: impl Into<String>) -> Self {
        let base = base.into();
        Self {
            token_host: base.clone(),
            api_host: base,
            ..Self::new(user_agent)
        }
    }

    /// Validates the settings.
    ///
    /// # Errors
    /// [`Error::Config`]: a host is not a bare address, or not HTTPS although it is not on this machine; the User-Agent
    /// does not have Reddit's format; the pauses are lowered for a host that is not on this machine.
    pub fn check(&self) -> Result<()> {
        let local = [
            host("token host", &self.token_host)?,
            host("API host", &self.api_host)?,
        ]
        .iter()
        .all(is_loopback);
        let floor = Pace::default();
        if !local
            && (self.pace.call_ms < floor.call_ms || self.pace.same_url_ms < floor.same_url_ms)
        {
            return Err(Error::Config(format!(
                "the pauses between calls cannot be shorter than {} ms ({} ms for the same URL), except for \
                 a sandbox on this machine",
                floor.call_ms, floor.same_url_ms
            )));
        }
        check_user_agent(&self.user_agent)
    }

    /// Whether every call stays on this machine.
    pub(crate) fn is_local(&self) -> bool {
        [&self.token_host, &self.api_host]
            .into_iter()
            .all(|at| host("host", at).is_ok_and(|url| is_loopback(&url)))
    }
}

/// The User-Agent that Reddit asks for: `linux:io.github.repartee:v0.1.0 (by /u/account)`. A false one, or a library's,
/// is refused or gets 429.
pub fn user_agent(version: &str, account: &str) -> String {
    format!(
        "{}:{APP_ID}:v{version} (by /u/{account})",
        std::env::consts::OS
    )
}

fn check_user_agent(agent: &str) -> Result<()> {
    let tail = |rest: &str| {
        rest.split_once(" (by /u/").is_some_and(|(_, name)| {
            name.split_once(')').is_some_and(|(name, _)| {
                !name.is_empty()
                    && name
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            })
        })
    };
    let mut parts = agent.splitn(3, ':');
    let formed = matches!((parts.next(), parts.next(), parts.next()),
        (Some(platform), Some(app), Some(rest))
            if !platform.is_empty() && !app.is_empty() && rest.starts_with('v') && tail(rest));
    if formed && agent.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Ok(());
    }
    Err(Error::Config(format!(
        "the User-Agent {agent:?} does not have the form Reddit requires: platform:app id:vVERSION (by \
         /u/ACCOUNT)"
    )))
}

/// A base address as URL: scheme, host and port, nothing else; HTTPS unless it is this machine.
fn host(what: &str, at: &str) -> Result<Url> {
    let wrong = |why: &str| Error::Config(format!("the {what} {at:?} {why}"));
    let url = Url::parse(at).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
    let bare = matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    match url.scheme() {
        "https" | "http" if !bare || url.host().is_none() => Err(wrong(
            "must be a scheme, a host and optionally a port, nothing more",
        )),
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(wrong(
            "must be https: tokens would be sent unencrypted (http is for 127.0.0.1)",
        )),
        _ => Err(wrong("must begin with https://")),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> String {
        user_agent("0.1.0", "some_bot")
    }

    #[test]
    fn plain_http_is_allowed_on_this_machine_only() {
        for good in [
            "http://127.0.0.1:8080",
            "http://[::1]:80",
            "http://localhost:1",
            "https://example.org",
        ] {
            assert_eq!(Config::at(good, agent()).check().err(), None, "{good}");
        }
        for bad in [
            "http://oauth.reddit.com",
            "http://127.0.0.1.example.org",
            "http://0.0.0.0:80",
            "ftp://127.0.0.1",
            "https://user:pw@example.org",
            "https://example.org/path",
            "https://example.org/?q",
            "example.org",
            "",
        ] {
            assert!(
                matches!(Config::at(bad, agent()).check(), Err(Error::Config(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn pauses_can_only_be_lowered_on_this_machine() {
        let mut config = Config::new(agent());
        assert_eq!(config.check().err(), None);
        config.pace = Pace::NONE;
        assert!(matches!(config.check(), Err(Error::Config(_))));
        config = Config::at("http://127.0.0.1:1", agent());
        config.pace = Pace::NONE;
        assert_eq!(config.check().err(), None);
        // one remote host of two is remote
        config.token_host = TOKEN_HOST.to_owned();
        assert!(matches!(config.check(), Err(Error::Config(_))));
    }

    #[test]
    fn a_user_agent_names_program_version_and_account() {
        let agent = user_agent("0.1.0", "some-bot_1");
        assert!(
            agent.ends_with(":io.github.repartee:v0.1.0 (by /u/some-bot_1)"),
            "{agent}"
        );
        assert_eq!(Config::new(agent).check().err(), None);
        for bad in [
            "",
            "reqwest/0.13",
            "python-requests/2.32",
            "linux:app:v1",
            "linux:app:v1 (by /u/)",
            "linux:app:v1 (by /u/a b)",
            "linux:app:1 (by /u/a)",
            "linux:äpp:v1 (by /u/a)",
        ] {
            assert!(
                matches!(Config::new(bad).check(), Err(Error::Config(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn vote_scope_is_never_requested() {
        assert!(SCOPES.iter().all(|scope| !scope.contains("vote")));
    }
}
