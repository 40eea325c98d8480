//! Errors of Reddit calls, with what to do. They never contain a secret or an answer of the token endpoint.

use crate::text::TextError;
use crate::throttle::Why;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A setting is invalid, or would put tokens at risk.
    #[error("{0}")]
    Config(String),
    /// Not a valid name of its kind.
    #[error("{name:?} is not {expected}")]
    Name {
        name: String,
        /// The format of names of this kind.
        expected: &'static str,
    },
    /// A text cannot be sent.
    #[error("{0}; nothing was sent")]
    Text(#[from] TextError),
    /// A secret is in neither the environment nor the keychain.
    #[error("{what} is missing: set {variable} in the environment{keychain}")]
    NoSecret {
        what: &'static str,
        /// The environment variable for it.
        variable: &'static str,
        /// What to do about the keychain, or what went wrong with it.
        keychain: String,
    },
    /// The operating system's keychain failed.
    #[error(
        "the keychain of this system cannot {doing}: {why}; set {variable} in the environment instead"
    )]
    Keychain {
        /// "be read", "be written".
        doing: &'static str,
        /// The environment variable for the secret.
        variable: &'static str,
        why: String,
    },
    /// The port for the browser's answer is taken.
    #[error(
        "port {port} is busy ({why}); close what uses it, or register another port with Reddit and set it \
         here, or paste the URL the browser ends at"
    )]
    PortBusy {
        /// The port on 127.0.0.1.
        port: u16,
        /// The operating system's message.
        why: String,
    },
    /// No answer in the browser in time.
    #[error("no answer in the browser within {0} s; start the login again")]
    NoAnswer(u64),
    /// The user declined in the browser, or Reddit refused.
    #[error("access was not granted: {0}")]
    Denied(String),
    /// A pasted URL is not the end of this login.
    #[error("the pasted address is not the end of this login: {0}")]
    Pasted(String),
    /// No login is waiting for a pasted URL.
    #[error("no login is waiting on port {0} of this machine; start it again")]
    NotAwaited(u16),
    /// Reddit returned no token.
    #[error("Reddit refused the login: {code}{}", login_hint(.code, .text))]
    LoginRefused {
        /// Reddit's code: `invalid_grant`, `unauthorized_client`, ...
        code: String,
        /// Reddit's message, if any.
        text: String,
    },
    /// Reddit does not know this client id with this secret.
    #[error(
        "Reddit does not know the client id with this secret; compare both with the app's page (reddit.com/prefs/apps), and its kind: an installed app has no secret"
    )]
    BadClient,
    /// The refresh token is dead.
    #[error("the stored login is no longer valid; log in again")]
    LoginExpired,
    /// A new token was refused: access was revoked. Nothing is sent any more until a new login.
    #[error(
        "Reddit refused a new token: access was revoked, or the account is suspended; log in again"
    )]
    Revoked,
    /// A new refresh token could not be stored, so the login was not used.
    #[error("the new login could not be stored, and was not used: {0}")]
    NotKept(String),
    /// The state of the rate limit could not be read or stored, so nothing was sent.
    #[error("the rate-limit state cannot be stored, and nothing was sent: {0}")]
    Throttle(String),
    /// A call would have to wait longer than the caller's patience.
    #[error("Reddit's limits ask for a pause of {} s ({why}); nothing was sent", .wait_ms.div_ceil(1000))]
    Throttled {
        /// Milliseconds until the next call may be sent.
        wait_ms: u64,
        why: Why,
    },
    /// Reddit forbids it.
    #[error("{call}: Reddit forbids it{}", forbidden(.reason.as_deref(), *.scope))]
    Forbidden {
        call: String,
        /// Reddit's reason, if any: `private`, `banned`, `IN_TIMEOUT`, ...
        reason: Option<String>,
        /// Whether the login lacks a scope: a new login with our scopes fixes it.
        scope: bool,
    },
    /// It does not exist.
    #[error("{0}: Reddit has no such thing")]
    NotFound(String),
    /// Reddit redirected: it does not exist, or we are not logged in.
    #[error("{call}: Reddit redirected to {to}, which means that it does not exist")]
    Redirected { call: String, to: String },
    /// An unexpected status, or repeated failures.
    #[error("{call}: Reddit answered with status {status}{}", dots(.excerpt))]
    Status {
        call: String,
        status: u16,
        /// The beginning of the answer.
        excerpt: String,
    },
    #[error("{call}: {why}")]
    Network { call: String, why: String },
    /// An unexpected answer.
    #[error("{call}: Reddit's answer cannot be read: {why}")]
    Answer {
        call: String,
        /// What is wrong with it, and where.
        why: String,
    },
    /// Reddit refused an edit or a listing, with a code.
    #[error("{call}: Reddit refused it: {code}{}", dots(.text))]
    Refused {
        call: String,
        code: String,
        text: String,
    },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether the same call may succeed later without any action.
    pub fn passes(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Network { .. } => true,
            Self::Status { status, .. } => *status >= 500 || matches!(status, 408 | 429),
            _ => false,
        }
    }

    /// Whether only a new login helps.
    pub fn needs_login(&self) -> bool {
        match self {
            Self::LoginRefused { .. } | Self::BadClient | Self::LoginExpired | Self::Revoked => {
                true
            }
            Self::Forbidden { scope, .. } => *scope,
            _ => false,
        }
    }
}

fn dots(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" ({text})")
    }
}

fn forbidden(reason: Option<&str>, scope: bool) -> String {
    match (reason, scope) {
        (_, true) => " to this login: it lacks a permission; log in again".to_owned(),
        (Some(reason), false) => format!(" ({reason})"),
        (None, false) => " (banned, private or restricted)".to_owned(),
    }
}

fn login_hint(code: &str, text: &str) -> String {
    let hint = match code {
        "invalid_grant" => {
            "wrong name or password, a second factor is required, or the code was already used"
        }
        "unauthorized_client" => "this kind of app cannot log in this way",
        "unsupported_grant_type" => "this kind of app cannot log in this way",
        "invalid_scope" => "a permission that was asked for does not exist",
        _ => "",
    };
    match (text, hint) {
        ("", "") => String::new(),
        ("", hint) => format!(" ({hint})"),
        (text, "") => format!(" ({text})"),
        (text, hint) => format!(" ({text}; {hint})"),
    }
}
