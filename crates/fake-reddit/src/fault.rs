//! Faults, and rules for when they happen.

use serde::{Deserialize, Serialize};

/// A call of Reddit's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    Any,
    /// `POST /api/v1/access_token`
    Token,
    /// `POST /api/v1/revoke_token`
    Revoke,
    /// `/api/v1/authorize`, in the browser.
    Authorize,
    /// `GET /api/v1/me`
    Me,
    /// `GET /r/x/about`
    About,
    /// `GET /r/x/about/rules`
    Rules,
    /// `GET /r/x/rising`
    Rising,
    /// `GET /comments/p` and `GET /comments/p/_/c`
    Comments,
    /// `POST /api/morechildren`
    MoreChildren,
    /// `GET /api/info`
    Info,
    /// `GET /user/n/comments`
    UserComments,
    /// `POST /api/comment`
    Comment,
    /// `POST /api/editusertext`
    Edit,
    /// `POST /api/del`
    Del,
    /// Anything that does not exist.
    Nothing,
}

/// Messages of a rate limit, as seen in the wild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// "Take a break for 9 minutes ..."
    #[default]
    English,
    /// "... try again in 9 minutes."
    Old,
    Dutch,
    Russian,
    /// A text without a number.
    Wordless,
}

impl Language {
    pub fn words(self, seconds: f64) -> String {
        let minutes = (seconds / 60.0).ceil() as u64;
        let (n, english, dutch, russian) = if seconds < 60.0 {
            let n = seconds.ceil() as u64;
            (n, "second", "seconden", "секунд")
        } else {
            (minutes, "minute", "minuten", "минут")
        };
        let s = if n == 1 { "" } else { "s" };
        match self {
            Self::English => format!(
                "Looks like you've been doing that a lot. Take a break for {n} {english}{s} before trying again."
            ),
            Self::Old => {
                format!("you are doing that too much. try again in {n} {english}{s}.")
            }
            Self::Dutch => format!("Neem een pauze van {n} {dutch} en probeer het dan opnieuw."),
            Self::Russian => format!("Сделайте перерыв на {n} {russian} и попробуйте снова."),
            Self::Wordless => "you are doing that too much.".to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fault {
    /// The connection is closed before anything was done.
    DropBefore,
    /// Everything is done, then the connection is closed without an answer.
    DropAfter,
    /// Nothing is done, and no answer comes for this long; then the connection is closed.
    HangBefore {
        /// Milliseconds.
        ms: u64,
    },
    /// Everything is done, and no answer comes for this long; then the connection is closed.
    HangAfter {
        /// Milliseconds.
        ms: u64,
    },
    /// The answer is late but correct.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
    /// Nothing is done; the answer has this status and an empty body.
    StatusBefore { status: u16 },
    /// Everything is done; the answer has this status and an empty body.
    StatusAfter { status: u16 },
    /// Everything is done; the answer is cut in the middle.
    Cut,
    /// Everything is done; the answer is empty.
    Empty,
    /// Everything is done; the answer is an HTML page with status 200.
    NotJson,
    /// Nothing is done; too many requests, as an HTML page.
    TooManyHtml {
        /// Value of `retry-after`; none: omitted.
        retry_after_s: Option<u32>,
    },
    /// Nothing is done; too many requests, as JSON.
    TooManyJson {
        /// Value of `retry-after`; none: omitted.
        retry_after_s: Option<u32>,
    },
    /// Nothing is done; the token is reported as no longer valid.
    Unauthorized,
    /// Nothing is done; forbidden, with or without a reason.
    Forbidden {
        /// `reason` of the answer.
        reason: Option<String>,
    },
    /// Nothing is done; the token is reported to lack a scope.
    Scope,
    /// Nothing is done; the answer is a redirect.
    Redirect,
    /// Nothing is done; status 200 with an error of this code.
    Error {
        code: String,
        text: String,
        /// The field named in the error.
        field: Option<String>,
    },
    /// Nothing is done; status 400 with `reason`, `explanation` and `fields`.
    BadRequest {
        code: String,
        text: String,
        /// The field named in the error.
        field: Option<String>,
    },
    /// Nothing is done; "you are doing that too much".
    RateLimit {
        seconds: f64,
        language: Language,
        /// Whether `json.ratelimit` also has the number.
        number: bool,
    },
    /// The comment is made, and the answer has no things.
    NoThings,
    /// The comment is made, and only its author's listing shows it (it is in the spam filter).
    Hidden,
    /// The comment is made; the author's listing shows it at once, the tree after this long.
    Late {
        /// Milliseconds.
        ms: u64,
    },
}

/// When a fault happens: the first rule that matches a call and wins its chance applies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub on: On,
    pub fault: Fault,
    /// Probability from 0 to 1; seeded.
    #[serde(default = "always")]
    pub chance: f64,
    /// Maximum number of times; none: unlimited.
    #[serde(default)]
    pub times: Option<u32>,
    /// Number of matching calls that pass first.
    #[serde(default)]
    pub skip: u32,
}

fn always() -> f64 {
    1.0
}

impl Rule {
    /// On every call of this kind.
    pub fn always(on: On, fault: Fault) -> Self {
        Self {
            on,
            fault,
            chance: 1.0,
            times: None,
            skip: 0,
        }
    }

    /// On the next call of this kind.
    pub fn once(on: On, fault: Fault) -> Self {
        Self::times(on, fault, 1)
    }

    /// On the next calls of this kind.
    pub fn times(on: On, fault: Fault, times: u32) -> Self {
        Self {
            times: Some(times),
            ..Self::always(on, fault)
        }
    }

    /// With probability `chance`.
    pub fn by_chance(on: On, fault: Fault, chance: f64) -> Self {
        Self {
            chance,
            ..Self::always(on, fault)
        }
    }
}
