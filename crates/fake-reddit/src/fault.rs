//! What can go wrong on the way, and when.

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
    /// Something that does not exist.
    Nothing,
}

/// Words of a rate limit, as different people saw them.
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
    /// A text without any number.
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
    /// Nothing is done, and no answer comes for so long; then the connection is closed.
    HangBefore {
        /// Milliseconds.
        ms: u64,
    },
    /// Everything is done, and no answer comes for so long; then the connection is closed.
    HangAfter {
        /// Milliseconds.
        ms: u64,
    },
    /// The answer comes late, otherwise nothing is wrong.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
    /// Nothing is done; the answer is this status with an empty body.
    StatusBefore { status: u16 },
    /// Everything is done; the answer is this status with an empty body.
    StatusAfter { status: u16 },
    /// Everything is done; the answer breaks off in the middle.
    Cut,
    /// Everything is done; the answer is empty.
    Empty,
    /// Everything is done; the answer is a page in HTML, with status 200.
    NotJson,
    /// Nothing is done; too many requests, as a page in HTML.
    TooManyHtml {
        /// What `retry-after` says; none: it is left out.
        retry_after_s: Option<u32>,
    },
    /// Nothing is done; too many requests, as JSON.
    TooManyJson {
        /// What `retry-after` says; none: it is left out.
        retry_after_s: Option<u32>,
    },
    /// Nothing is done; the token is said to be no longer valid.
    Unauthorized,
    /// Nothing is done; forbidden, with a reason or without.
    Forbidden {
        /// `reason` of the answer.
        reason: Option<String>,
    },
    /// Nothing is done; the token is said to lack a permission.
    Scope,
    /// Nothing is done; the answer is another address.
    Redirect,
    /// Nothing is done; status 200 with an error of this code.
    Error {
        code: String,
        text: String,
        /// The field that is blamed.
        field: Option<String>,
    },
    /// Nothing is done; status 400 with `reason`, `explanation` and `fields`.
    BadRequest {
        code: String,
        text: String,
        /// The field that is blamed.
        field: Option<String>,
    },
    /// Nothing is done; "you are doing that too much".
    RateLimit {
        seconds: f64,
        language: Language,
        /// Whether `json.ratelimit` says it as a number too.
        number: bool,
    },
    /// The comment is made, and the answer holds no things.
    NoThings,
    /// The comment is made, and only its author's listing shows it (the spam filter has it).
    Hidden,
    /// The comment is made; the author's listing shows it at once, the tree after so long.
    Late {
        /// Milliseconds.
        ms: u64,
    },
}

/// When something goes wrong: the first rule that fits a call and whose die falls applies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub on: On,
    pub fault: Fault,
    /// How often of 1; the dice are seeded.
    #[serde(default = "always")]
    pub chance: f64,
    /// How often at most; none: for ever.
    #[serde(default)]
    pub times: Option<u32>,
    /// So many calls that fit are let through first.
    #[serde(default)]
    pub skip: u32,
}

fn always() -> f64 {
    1.0
}

impl Rule {
    /// Whenever this is called.
    pub fn always(on: On, fault: Fault) -> Self {
        Self {
            on,
            fault,
            chance: 1.0,
            times: None,
            skip: 0,
        }
    }

    /// The next time this is called.
    pub fn once(on: On, fault: Fault) -> Self {
        Self::times(on, fault, 1)
    }

    /// The next so many times this is called.
    pub fn times(on: On, fault: Fault, times: u32) -> Self {
        Self {
            times: Some(times),
            ..Self::always(on, fault)
        }
    }

    /// By chance, `chance` of 1.
    pub fn by_chance(on: On, fault: Fault, chance: f64) -> Self {
        Self {
            chance,
            ..Self::always(on, fault)
        }
    }
}
