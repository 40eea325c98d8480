//! What can go wrong with Reddit, in words that say what to do. No secret, and no answer of the token
//! endpoint, ever stands in one.

use crate::text::TextError;
use crate::throttle::Why;

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A setting makes no sense, or would put tokens at risk.
    #[error("{0}")]
    Config(String),
    /// A name cannot be one of the kind it should be.
    #[error("{name:?} is not {expected}")]
    Name {
        name: String,
        /// What a name of that kind looks like.
        expected: &'static str,
    },
    /// A text cannot be sent.
    #[error("{0}; nothing was sent")]
    Text(#[from] TextError),
    /// A secret is neither in the environment nor in the keychain.
    #[error("{what} is missing: set {variable} in the environment{keychain}")]
    NoSecret {
        what: &'static str,
        /// The variable of the environment that can hold it.
        variable: &'static str,
        /// What to do, or what went wrong, about the keychain.
        keychain: String,
    },
    /// The keychain of the operating system did not do its work.
    #[error(
        "the keychain of this system cannot {doing}: {why}; set {variable} in the environment instead"
    )]
    Keychain {
        /// "be read", "be written".
        doing: &'static str,
        /// The variable of the environment that can hold the secret.
        variable: &'static str,
        why: String,
    },
    /// The port for the answer of the browser is taken.
    #[error(
        "port {port} is busy ({why}); close what uses it, or register another port with Reddit and set it here, or paste the address the browser ends at"
    )]
    PortBusy {
        /// The port on 127.0.0.1.
        port: u16,
        /// The operating system's words.
        why: String,
    },
    /// Nobody answered in the browser in time.
    #[error("nobody answered in the browser within {0} s; start the login again")]
    NoAnswer(u64),
    /// A person said no in the browser, or Reddit did.
    #[error("access was not granted: {0}")]
    Denied(String),
    /// A pasted address is not the end of this login.
    #[error("the pasted address is not the end of this login: {0}")]
    Pasted(String),
    /// No login waits for a pasted address.
    #[error("no login waits for its end on port {0} of this machine; start it again")]
    NotAwaited(u16),
    /// Reddit gave no token.
    #[error("Reddit refused the login: {code}{}", login_hint(.code, .text))]
    LoginRefused {
        /// Reddit's code: `invalid_grant`, `unauthorized_client`, ...
        code: String,
        /// Reddit's words, where it has any.
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
    /// A fresh token was refused: access was taken back. Nothing is sent any more until a new login.
    #[error(
        "Reddit refused a fresh token: access was revoked, or the account is suspended; log in again"
    )]
    Revoked,
    /// A new refresh token could not be stored, so the login was not used.
    #[error("the new login could not be stored, and was not used: {0}")]
    NotKept(String),
    /// The state of the throttle could not be read or stored, so nothing was sent.
    #[error("the rate limit's state cannot be kept, and nothing was sent: {0}")]
    Throttle(String),
    /// A call would have to wait for longer than the caller's patience.
    #[error("Reddit's limits ask for a pause of {} s ({why}); nothing was sent", .wait_ms.div_ceil(1000))]
    Throttled {
        /// Milliseconds until the next call may go out.
        wait_ms: u64,
        /// Which limit it is.
        why: Why,
    },
    /// Reddit says that we may not.
    #[error("{call}: Reddit forbids it{}", forbidden(.reason.as_deref(), *.scope))]
    Forbidden {
        call: String,
        /// Reddit's reason, where it gives one: `private`, `banned`, `IN_TIMEOUT`, ...
        reason: Option<String>,
        /// Whether it is the login that lacks a permission: a new login with our scopes mends it.
        scope: bool,
    },
    /// There is no such thing.
    #[error("{0}: Reddit has no such thing")]
    NotFound(String),
    /// Reddit answered with another address: no such thing, or not logged in.
    #[error("{call}: Reddit answered with another address ({to}), which means: no such thing")]
    Redirected { call: String, to: String },
    /// Reddit answered with a status that means nothing to us, or kept failing.
    #[error("{call}: Reddit answered with status {status}{}", dots(.excerpt))]
    Status {
        call: String,
        status: u16,
        /// The beginning of the answer.
        excerpt: String,
    },
    #[error("{call}: {why}")]
    Network {
        call: String,
        /// What happened to the connection.
        why: String,
    },
    /// The answer is not what it should be.
    #[error("{call}: the answer of Reddit cannot be read: {why}")]
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
    /// Whether the same call may work later without anybody doing anything.
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
            "wrong name or password, a second factor is asked for, or the code was used already"
        }
        "unauthorized_client" => "this kind of app may not log in this way",
        "unsupported_grant_type" => "this kind of app may not log in this way",
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
