//! The result of posting a comment: five classes, and what to do about each.
//!
//! Reddit has no idempotency key, and does not check for duplicates. So the one question is whether the comment may
//! have been written; whatever does not rule it out is [`Sent::Uncertain`], and is checked (own comments, the parent's
//! replies) before anything is repeated. All of this is pure: [`classify`] takes what came back and returns the class.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Comment, Thing};

/// What came back from sending, before it is classified.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// No connection: nothing left this machine.
    NoConnection(String),
    /// The connection ended, or timed out, after sending began.
    Lost(String),
    /// An answer, complete or cut.
    Status {
        status: u16,
        headers: Told,
        /// The body, as far as it was received.
        body: Vec<u8>,
        /// Why the body is incomplete; `None`: it is complete.
        cut: Option<String>,
    },
}

/// The headers that matter for classification.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// Seconds until a call may be repeated, by `retry-after` or else `x-ratelimit-reset`.
    pub wait_s: Option<f64>,
    /// `www-authenticate`.
    pub authenticate: Option<String>,
}

/// The result of posting a comment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "sent", rename_all = "kebab-case")]
pub enum Sent {
    /// Class 1: nothing was sent. It may be sent again after a while.
    NotSent { why: String },
    /// Class 2: refused before anything was written. It may be sent again after the wait.
    Refused(Refusal),
    /// Class 3: refused permanently.
    Rejected(Rejection),
    /// Class 4: posted.
    Posted {
        /// As returned by Reddit.
        comment: Box<Comment>,
    },
    /// Class 5: delivery unconfirmed. Check before anything is repeated.
    Uncertain { why: String },
}

/// A temporary refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// `RATELIMIT`, `SUBREDDIT_RATELIMIT`, `429`, `401`.
    pub code: String,
    pub text: String,
    /// What has to pause.
    pub pause: Pause,
    /// In milliseconds.
    pub wait_ms: u64,
}

/// What has to pause after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pause {
    /// Nothing: the token had to be renewed, which happens before the next attempt.
    Token,
    /// Every call of the client id; handled by the rate limit.
    Client,
    /// All posting of the account.
    Account,
    /// All posting in the subreddit.
    Subreddit,
}

/// A permanent refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Reddit's code, or the HTTP status if there was none.
    pub code: String,
    pub text: String,
    /// The field named by Reddit.
    pub field: Option<String>,
    pub status: u16,
    pub action: Action,
}

/// The consequence of a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The text must be changed: the reply returns to draft.
    Redraft,
    /// The thread is locked or archived: the reply is canceled.
    Cancel,
    /// The parent is gone: the reply is canceled, and the stored text of the parent purged.
    CancelAndPurge,
    /// We or the author blocked the other: the reply is canceled, and the author opted out.
    CancelAndOptOut,
    /// The login cannot write, or lacks the scope: the user must log in again.
    Login,
    /// We are not welcome in the subreddit: all its replies are canceled, and `/about` is read again.
    CancelSubreddit,
    /// The account is suspended: it is disabled, and `/api/v1/me` is read.
    StopAccount,
    /// Unknown: the user decides.
    Ask,
}

impl Sent {
    /// The class, 1 to 5.
    pub fn class(&self) -> u8 {
        match self {
            Self::NotSent { .. } => 1,
            Self::Refused(_) => 2,
            Self::Rejected(_) => 3,
            Self::Posted { .. } => 4,
            Self::Uncertain { .. } => 5,
        }
    }

    /// One line for logs and messages.
    pub fn words(&self) -> String {
        match self {
            Self::NotSent { why } => format!("not sent: {why}"),
            Self::Refused(refusal) => format!(
                "refused for now: {} ({}), again in {} s",
                refusal.code,
                refusal.text,
                refusal.wait_ms.div_ceil(1000)
            ),
            Self::Rejected(rejection) => {
                format!("rejected: {} ({})", rejection.code, rejection.text)
            }
            Self::Posted { comment } => format!("posted as {}", comment.name),
            Self::Uncertain { why } => format!("uncertain: {why}"),
        }
    }
}

/// Added to every wait that Reddit names, since its clock differs from ours.
const MARGIN_MS: u64 = 5_000;
/// The wait after a `RATELIMIT` without a time.
const RATELIMIT_MS: u64 = 600_000;
/// The wait after a `SUBREDDIT_RATELIMIT`.
const SUBREDDIT_MS: u64 = 3_600_000;
/// The wait after a 429 without a time.
const TOO_MANY_MS: u64 = 60_000;

/// Classifies what came back from `POST /api/comment` under `parent`.
pub fn classify(parent: &str, answer: &Answer) -> Sent {
    let (status, headers, body, cut) = match answer {
        Answer::NoConnection(why) => return Sent::NotSent { why: why.clone() },
        Answer::Lost(why) => return Sent::Uncertain { why: why.clone() },
        Answer::Status {
            status,
            headers,
            body,
            cut,
        } => (*status, headers, body.as_slice(), cut.as_deref()),
    };
    let json: Option<Value> = match cut {
        None => serde_json::from_slice(body).ok(),
        Some(_) => None,
    };
    match status {
        200 => match (json, cut) {
            (Some(json), _) => accepted(parent, &json),
            (None, Some(cut)) => uncertain(format!("the answer was cut: {cut}")),
            (None, None) if body.is_empty() => uncertain("the answer was empty".to_owned()),
            (None, None) => uncertain("the answer was no JSON".to_owned()),
        },
        401 => Sent::Refused(Refusal {
            code: "401".to_owned(),
            text: "the token is no longer valid".to_owned(),
            pause: Pause::Token,
            wait_ms: 0,
        }),
        429 => Sent::Refused(Refusal {
            code: "429".to_owned(),
            text: "too many requests".to_owned(),
            pause: Pause::Client,
            wait_ms: headers.wait_s.map_or(TOO_MANY_MS, ms) + MARGIN_MS,
        }),
        400 | 403 | 404 | 413 | 414 | 415 => refused(status, headers, json.as_ref()),
        300..400 => uncertain(format!("Reddit redirected ({status})")),
        status => uncertain(format!("Reddit answered with status {status}")),
    }
}

fn uncertain(why: String) -> Sent {
    Sent::Uncertain { why }
}

/// A complete answer of status 200: errors, or the comment, or neither.
fn accepted(parent: &str, json: &Value) -> Sent {
    let answer = &json["json"];
    let errors = errors(answer);
    let things = answer["data"]["things"].as_array();
    match (errors.as_slice(), things.map(Vec::as_slice)) {
        (_, None) if !answer.is_object() => uncertain("the answer has no \"json\"".to_owned()),
        ([], Some([thing, ..])) => match Thing::of(thing) {
            Ok(Thing::Comment(comment, _)) if comment.parent == parent => Sent::Posted { comment },
            Ok(Thing::Comment(comment, _)) => uncertain(format!(
                "Reddit returned {}, which answers {} and not {parent}",
                comment.name, comment.parent
            )),
            Ok(other) => uncertain(format!("Reddit returned no comment: {other:?}")),
            Err(odd) => uncertain(format!("Reddit returned something malformed: {odd}")),
        },
        ([], Some([])) => {
            uncertain("it was accepted, but is not shown (a subreddit under quarantine)".to_owned())
        }
        ([], None) => uncertain("the answer has neither errors nor the comment".to_owned()),
        (errors, Some([_, ..])) => uncertain(format!(
            "Reddit returned a comment and errors: {}",
            errors[0].code
        )),
        (errors, _) => tuple(errors, answer["ratelimit"].as_f64(), 200),
    }
}

/// An error in Reddit's form: `[code, text, field or null]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tuple {
    pub code: String,
    pub text: String,
    pub field: Option<String>,
}

/// The errors of `{"json": {"errors": ...}}`, given the inner `json`; `null` is none.
pub(crate) fn errors(json: &Value) -> Vec<Tuple> {
    let part = |error: &Value, at: usize| error[at].as_str().map(str::to_owned);
    json["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| Tuple {
            code: part(error, 0)
                .or_else(|| error.as_str().map(str::to_owned))
                .unwrap_or_else(|| error.to_string()),
            text: part(error, 1).unwrap_or_default(),
            field: part(error, 2).filter(|field| !field.is_empty()),
        })
        .collect()
}

/// The class for a non-empty list of errors: a rate limit means that nothing else was checked; otherwise the first
/// known error decides.
fn tuple(errors: &[Tuple], ratelimit_s: Option<f64>, status: u16) -> Sent {
    if let Some(limit) = errors.iter().find(|error| error.code == "RATELIMIT") {
        let wait_ms = ratelimit_s
            .filter(|s| s.is_finite() && *s >= 0.0)
            .map(ms)
            .or_else(|| wait_in(&limit.text).map(|wait| wait.as_millis() as u64))
            .unwrap_or(RATELIMIT_MS);
        return Sent::Refused(Refusal {
            code: limit.code.clone(),
            text: limit.text.clone(),
            pause: Pause::Account,
            wait_ms: wait_ms + MARGIN_MS,
        });
    }
    if let Some(limit) = errors
        .iter()
        .find(|error| error.code == "SUBREDDIT_RATELIMIT")
    {
        return Sent::Refused(Refusal {
            code: limit.code.clone(),
            text: limit.text.clone(),
            pause: Pause::Subreddit,
            wait_ms: SUBREDDIT_MS,
        });
    }
    let known = errors
        .iter()
        .find(|error| action(&error.code) != Action::Ask)
        .unwrap_or(&errors[0]);
    Sent::Rejected(Rejection {
        action: action(&known.code),
        code: known.code.clone(),
        text: known.text.clone(),
        field: known.field.clone(),
        status,
    })
}

/// The consequence of a code.
pub fn action(code: &str) -> Action {
    match code {
        "NO_TEXT" | "TOO_LONG" => Action::Redraft,
        "THREAD_LOCKED" | "TOO_OLD" => Action::Cancel,
        "DELETED_COMMENT" | "DELETED_LINK" => Action::CancelAndPurge,
        "USER_BLOCKED" | "COMMENTER_BLOCKED_POSTER" => Action::CancelAndOptOut,
        "USER_REQUIRED" => Action::Login,
        "SUBREDDIT_NOTALLOWED" => Action::CancelSubreddit,
        "IN_TIMEOUT" => Action::StopAccount,
        _ => Action::Ask,
    }
}

/// A final status of 4xx: with a code (`reason`), or with the status alone.
fn refused(status: u16, headers: &Told, json: Option<&Value>) -> Sent {
    let text = |key: &str| {
        json.and_then(|json| json[key].as_str())
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    // an answer in the form of status 200 under another status
    if let Some(errors) = json.map(|json| errors(&json["json"]))
        && !errors.is_empty()
    {
        let ratelimit_s = json.and_then(|json| json["json"]["ratelimit"].as_f64());
        return tuple(&errors, ratelimit_s, status);
    }
    if let Some(code) = text("reason").or_else(|| text("error_type")) {
        let field = json.and_then(|json| json["fields"][0].as_str().map(str::to_owned));
        let error = Tuple {
            text: text("explanation")
                .or_else(|| text("message"))
                .unwrap_or_default(),
            field,
            code,
        };
        let judged = tuple(&[error], None, status);
        if !matches!(&judged, Sent::Rejected(r) if r.action == Action::Ask && status == 403) {
            return judged;
        }
    }
    let scope = headers
        .authenticate
        .as_deref()
        .is_some_and(|told| told.contains("insufficient_scope"));
    let (action, words) = match status {
        403 if scope => (Action::Login, "the login lacks the permission to write"),
        403 => (
            Action::CancelSubreddit,
            "forbidden: we are banned, or the subreddit is private or restricted",
        ),
        413 | 414 => (Action::Redraft, "the text is too long"),
        404 => (Action::Ask, "there is no such thing"),
        _ => (Action::Ask, "Reddit did not understand the request"),
    };
    let code = text("reason").unwrap_or_else(|| status.to_string());
    Sent::Rejected(Rejection {
        code,
        text: text("explanation").unwrap_or_else(|| words.to_owned()),
        field: None,
        status,
        action,
    })
}

/// The wait that a text names: its first integer, and the unit that follows. The text may be in any language: an
/// unknown unit counts as minutes, which Reddit uses mostly.
pub fn wait_in(text: &str) -> Option<Duration> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let rest = &text[start..];
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let number: u64 = rest[..end].parse().ok()?;
    let unit: String = rest[end..]
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect();
    let begins = |with: &[&str]| with.iter().any(|with| unit.starts_with(with));
    let ms = if unit == "ms" || begins(&["millis", "milis"]) {
        number
    } else if unit == "s" || begins(&["sec", "sek", "seg"]) {
        number.saturating_mul(1_000)
    } else if begins(&["h"]) {
        number.saturating_mul(3_600_000)
    } else {
        number.saturating_mul(60_000)
    };
    Some(Duration::from_millis(ms))
}

fn ms(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn came(status: u16, body: impl ToString) -> Answer {
        Answer::Status {
            status,
            headers: Told::default(),
            body: body.to_string().into_bytes(),
            cut: None,
        }
    }

    fn judged(status: u16, body: impl ToString) -> Sent {
        classify("t1_p", &came(status, body))
    }

    fn tuples(errors: Value) -> Sent {
        judged(200, json!({"json": {"errors": errors}}))
    }

    fn posted() -> Value {
        json!({"kind": "t1", "data": {"name": "t1_new", "id": "new", "parent_id": "t1_p", "link_id": "t3_l",
            "body": "text", "author": "bot", "created_utc": 1.0}})
    }

    fn rejected(sent: Sent) -> Rejection {
        match sent {
            Sent::Rejected(rejection) => rejection,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(sent: Sent) -> Refusal {
        match sent {
            Sent::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_answer_is_classified_as_in_the_table() {
        let class = |answer: &Answer| classify("t1_p", answer).class();
        assert_eq!(class(&Answer::NoConnection("refused".into())), 1);
        assert_eq!(class(&Answer::Lost("reset".into())), 5);
        for (status, expected) in [
            (401, 2),
            (429, 2),
            (400, 3),
            (403, 3),
            (404, 3),
            (413, 3),
            (414, 3),
            (415, 3),
            (408, 5),
            (500, 5),
            (502, 5),
            (503, 5),
            (504, 5),
            (520, 5),
            (301, 5),
            (302, 5),
            (304, 5),
            (201, 5),
            (204, 5),
            (402, 5),
            (405, 5),
            (409, 5),
            (418, 5),
            (451, 5),
        ] {
            assert_eq!(judged(status, "").class(), expected, "status {status}");
            assert_eq!(
                judged(status, "<html>").class(),
                expected,
                "status {status}"
            );
        }
        let things = |things: Value| json!({"json": {"errors": [], "data": {"things": things}}});
        assert_eq!(judged(200, things(json!([posted()]))).class(), 4);
        assert_eq!(judged(200, things(json!([]))).class(), 5);
        for odd in [
            "",
            "<html>",
            "{}",
            "[]",
            "null",
            "{\"json\":{}}",
            "{\"json\":{\"errors\":[]}}",
        ] {
            assert_eq!(judged(200, odd).class(), 5, "{odd}");
        }
        let cut = Answer::Status {
            status: 200,
            headers: Told::default(),
            body: things(json!([posted()])).to_string().into_bytes(),
            cut: Some("unexpected end".into()),
        };
        assert_eq!(class(&cut), 5);
        // a cut refusal is still a refusal
        let cut = Answer::Status {
            status: 403,
            headers: Told::default(),
            body: b"{\"mess".to_vec(),
            cut: Some("unexpected end".into()),
        };
        assert_eq!(class(&cut), 3);
    }

    #[test]
    fn a_posted_comment_must_answer_our_parent() {
        let answer =
            |errors: Value| json!({"json": {"errors": errors, "data": {"things": [posted()]}}});
        let sent = judged(200, answer(json!([])));
        assert!(
            matches!(&sent, Sent::Posted { comment } if comment.name == "t1_new"),
            "{sent:?}"
        );
        // null is no error
        assert_eq!(judged(200, answer(Value::Null)).class(), 4);
        assert_eq!(
            classify("t1_other", &came(200, answer(json!([])))).class(),
            5
        );
        assert_eq!(
            judged(200, answer(json!([["NO_TEXT", "", "text"]]))).class(),
            5
        );
    }

    #[test]
    fn every_error_tuple_of_the_specification_has_its_action() {
        for (code, text, field, action) in [
            (
                "NO_TEXT",
                "we need something here",
                Some("text"),
                Action::Redraft,
            ),
            (
                "TOO_LONG",
                "this is too long (max: 10000)",
                Some("text"),
                Action::Redraft,
            ),
            (
                "THREAD_LOCKED",
                "Comments are locked.",
                Some("parent"),
                Action::Cancel,
            ),
            (
                "DELETED_COMMENT",
                "that comment has been deleted",
                Some("parent"),
                Action::CancelAndPurge,
            ),
            (
                "TOO_OLD",
                "that's a piece of history now; it's too late to reply to it",
                Some("parent"),
                Action::Cancel,
            ),
            (
                "USER_BLOCKED",
                "you blocked them",
                None,
                Action::CancelAndOptOut,
            ),
            (
                "COMMENTER_BLOCKED_POSTER",
                "they blocked you",
                None,
                Action::CancelAndOptOut,
            ),
            (
                "USER_REQUIRED",
                "Please log in to do that.",
                None,
                Action::Login,
            ),
            (
                "SUBREDDIT_NOTALLOWED",
                "you aren't allowed to post there.",
                Some("sr"),
                Action::CancelSubreddit,
            ),
            ("IN_TIMEOUT", "", None, Action::StopAccount),
            ("SOMETHING_NEW", "never seen", Some("x"), Action::Ask),
        ] {
            let shape_a = rejected(tuples(json!([[code, text, field]])));
            let expected = Rejection {
                code: code.into(),
                text: text.into(),
                field: field.map(str::to_owned),
                status: 200,
                action,
            };
            assert_eq!(shape_a, expected);
            let shape_b = rejected(judged(
                400,
                json!({"fields": field.map_or(json!([]), |f| json!([f])), "explanation": text,
                    "message": "Bad Request", "reason": code, "error_type": code}),
            ));
            assert_eq!(
                (shape_b.code.as_str(), shape_b.action, shape_b.status),
                (code, action, 400)
            );
        }
    }

    #[test]
    fn first_known_error_decides() {
        let sent = rejected(tuples(json!([
            ["NEW", "?", null],
            ["TOO_OLD", "history", "parent"]
        ])));
        assert_eq!(
            (sent.code.as_str(), sent.action),
            ("TOO_OLD", Action::Cancel)
        );
        let sent = refusal(tuples(json!([
            ["BAD_CAPTCHA", "", null],
            ["RATELIMIT", "9 minutes", "ratelimit"]
        ])));
        assert_eq!(sent.pause, Pause::Account);
    }

    #[test]
    fn refusals_of_status_403_are_distinguished() {
        let bare = |body: Value| rejected(judged(403, body));
        assert_eq!(
            bare(json!({"message": "Forbidden", "error": 403})).action,
            Action::CancelSubreddit
        );
        assert_eq!(bare(json!({"error": 403})).code, "403");
        let suspended = bare(json!({"message": "Forbidden", "error": 403, "reason": "IN_TIMEOUT"}));
        assert_eq!(
            (suspended.code.as_str(), suspended.action),
            ("IN_TIMEOUT", Action::StopAccount)
        );
        let private = bare(json!({"reason": "private", "message": "Forbidden", "error": 403}));
        assert_eq!(
            (private.code.as_str(), private.action),
            ("private", Action::CancelSubreddit)
        );
        let scope = Answer::Status {
            status: 403,
            headers: Told {
                wait_s: None,
                authenticate: Some("Bearer realm=\"reddit\", error=\"insufficient_scope\"".into()),
            },
            body: json!({"message": "Forbidden", "error": 403})
                .to_string()
                .into_bytes(),
            cut: None,
        };
        assert_eq!(rejected(classify("t1_p", &scope)).action, Action::Login);
    }

    #[test]
    fn rate_limit_waits_for_the_number_plus_five_seconds() {
        let wait = |text: &str, number: Value| {
            let answer = json!({"json": {"errors": [["RATELIMIT", text, "ratelimit"]], "ratelimit": number}});
            refusal(judged(200, answer)).wait_ms
        };
        let english = "Looks like you've been doing that a lot. Take a break for 14 minutes before trying again.";
        assert_eq!(wait(english, json!(487.42)), 487_420 + 5_000);
        assert_eq!(wait(english, Value::Null), 14 * 60_000 + 5_000);
        assert_eq!(
            wait("try again in 8 minutes.", Value::Null),
            8 * 60_000 + 5_000
        );
        assert_eq!(wait("no number at all", Value::Null), 605_000);
        assert_eq!(wait("", json!("soon")), 605_000);
    }

    #[test]
    fn waits_are_read_in_any_language() {
        for (text, ms) in [
            ("Take a break for 9 minutes before trying again.", 540_000),
            ("Take a break for 1 minute", 60_000),
            ("Take a break for 30 seconds", 30_000),
            ("Take a break for 1 second", 1_000),
            ("Take a break for 900 milliseconds", 900),
            ("try again in 2 hours", 7_200_000),
            ("wait 12 ms", 12),
            ("wait 5s", 5_000),
            (
                "Neem 7 minuten pauze voordat je het opnieuw probeert.",
                420_000,
            ),
            ("Wacht 45 seconden", 45_000),
            (
                "Сделайте перерыв на 6 минут, прежде чем пробовать снова.",
                360_000,
            ),
            ("подождите 30 секунд", 1_800_000),
            ("Warte 3 Minuten", 180_000),
            ("Warte 2 Stunden", 120_000),
            ("Espera 20 segundos", 20_000),
            ("9分後にもう一度", 540_000),
            ("5", 300_000),
        ] {
            assert_eq!(wait_in(text), Some(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(wait_in("later"), None);
        assert_eq!(wait_in("99999999999999999999999 minutes"), None);
    }

    #[test]
    fn subreddit_pauses_for_an_hour_and_429_for_its_own_time() {
        let sent = refusal(tuples(json!([[
            "SUBREDDIT_RATELIMIT",
            "try again later.",
            null
        ]])));
        assert_eq!((sent.pause, sent.wait_ms), (Pause::Subreddit, 3_600_000));
        let told = Answer::Status {
            status: 429,
            headers: Told {
                wait_s: Some(12.5),
                authenticate: None,
            },
            body: b"<html>slow down</html>".to_vec(),
            cut: None,
        };
        let sent = refusal(classify("t1_p", &told));
        assert_eq!((sent.pause, sent.wait_ms), (Pause::Client, 17_500));
        assert_eq!(refusal(judged(429, "")).wait_ms, 65_000);
        assert_eq!(refusal(judged(401, "")).pause, Pause::Token);
    }

    #[test]
    fn outcomes_round_trip_through_json() {
        for sent in [
            Sent::NotSent { why: "x".into() },
            judged(429, ""),
            judged(403, ""),
            judged(
                200,
                json!({"json": {"errors": [], "data": {"things": [posted()]}}}),
            ),
            judged(500, ""),
        ] {
            let json = serde_json::to_string(&sent).expect("plain data");
            assert_eq!(serde_json::from_str::<Sent>(&json).expect("the same"), sent);
        }
    }
}
