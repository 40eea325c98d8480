//! When the next call may go out: Reddit's rate limit, our own floor, and pauses after a refusal.
//!
//! All of it is one small struct of plain data, [`ThrottleState`], and pure functions on it. A state
//! belongs to a client id, as Reddit's limit does; all processes that use the id must share it. They do
//! so through a [`ThrottleStore`]: one step that reads, changes and writes, which no other process can
//! get between.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::{Deserialize, Serialize};

use crate::config::Pace;

/// Length of Reddit's window, in seconds.
pub const WINDOW_S: f64 = 600.0;
/// The longest pause that the formula spreads calls by, in seconds.
const SPREAD_S: f64 = 10.0;
/// The pause after a 429 that says nothing, in seconds.
const REFUSED_S: f64 = 60.0;
/// The longest pause after a 429 that doubling gives, in seconds; also how long a breaker is open.
const REFUSED_MAX_S: f64 = 900.0;
/// So many 429 in a row open the breaker.
const BREAKER_AT: u32 = 3;
/// A clock set back by more than this makes the times that are stored worthless; what was left to wait when
/// the last call went out is not.
const BACKWARDS_MS: i64 = 60_000;
/// No pause is believed to be longer: one that is was written by a clock that was ahead.
const LONGEST_MS: i64 = 86_400_000;

/// Seconds to wait before the next call, by prawcore's formula: what is left of the window is spread
/// over what is left of the calls, by at most ten seconds a call, once calls went faster than the window.
///
/// `remaining` and `used` are calls, `reset_s` is the seconds until the window ends; all three as in
/// Reddit's headers `x-ratelimit-*`.
pub fn wait_s(remaining: f64, used: f64, reset_s: f64) -> f64 {
    if remaining <= 0.0 {
        return reset_s.max(1.0);
    }
    // the second of the window at which so many calls would be used if they were spread evenly
    let due_s = WINDOW_S * used / (remaining + used);
    (reset_s - (WINDOW_S - due_s))
        .clamp(0.0, SPREAD_S)
        .min(reset_s.max(0.0))
}

/// What an answer's headers say about the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seen {
    /// `x-ratelimit-remaining`.
    pub remaining: Option<f64>,
    /// `x-ratelimit-used`.
    pub used: Option<f64>,
    /// `x-ratelimit-reset`, in seconds.
    pub reset_s: Option<f64>,
    /// `retry-after`, in seconds from now.
    pub retry_after_s: Option<f64>,
}

impl Seen {
    /// Reads the headers; `now_ms` is for a `retry-after` that is a date.
    pub fn of(headers: &HeaderMap, now_ms: i64) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let number = |name: &str| {
            text(name)
                .and_then(|value| value.trim().parse::<f64>().ok())
                .filter(|value| value.is_finite() && *value >= 0.0)
        };
        let retry_after_s = number(RETRY_AFTER.as_str()).or_else(|| {
            let at_ms = http_date_ms(text(RETRY_AFTER.as_str())?)?;
            Some((at_ms.saturating_sub(now_ms)).max(0) as f64 / 1000.0)
        });
        Self {
            remaining: number("x-ratelimit-remaining"),
            used: number("x-ratelimit-used"),
            reset_s: number("x-ratelimit-reset"),
            retry_after_s,
        }
    }
}

/// Milliseconds since 1970 of a date as HTTP writes it.
pub(crate) fn http_date_ms(text: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(text.trim()).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// Which limit makes a call wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Our own floor between calls.
    Floor,
    /// The same address was asked for a moment ago.
    SameUrl,
    /// Reddit's window is nearly used up, or is.
    Window,
    /// Reddit answered 429.
    Refused,
    /// Reddit answered 429 three times in a row: nothing goes out for a while.
    Breaker,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Floor => "pause between calls",
            Self::SameUrl => "the same address was asked for a moment ago",
            Self::Window => "calls of this window are used up",
            Self::Refused => "too many requests",
            Self::Breaker => "refused three times in a row",
        })
    }
}

/// How long a call has to wait, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Milliseconds; 0: it may go out now.
    pub ms: u64,
    /// The limit that asks for it.
    pub why: Why,
}

/// The state of a client id's limit: plain data, to be stored as JSON wherever its processes meet.
/// Times are milliseconds since 1970 on this machine's clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottleState {
    /// Calls left in the window, by the last answer; `None`: no answer told yet.
    pub remaining: Option<f64>,
    /// Calls used in the window, by the last answer.
    pub used: f64,
    /// When the window ends.
    pub reset_ms: i64,
    /// When the last call went out.
    pub last_ms: i64,
    /// No call before this, by the formula.
    pub spread_ms: i64,
    /// No call before this, after a refusal.
    pub pause_ms: i64,
    /// How often in a row Reddit answered 429.
    pub refused: u32,
    /// When an address was last polled with success; those that no longer matter are forgotten.
    pub polled: BTreeMap<String, i64>,
}

impl ThrottleState {
    /// How long a call has to wait at the time `now_ms`. `poll` is the address, where the call polls.
    pub fn wait_before(&self, pace: Pace, now_ms: i64, poll: Option<&str>) -> Wait {
        let state = self.set_right(now_ms);
        let refused = if self.refused >= BREAKER_AT {
            Why::Breaker
        } else {
            Why::Refused
        };
        // the address before, as it was polled last; never polled: long ago
        let polled = poll.and_then(|url| state.polled.get(url)).copied();
        [
            (
                state.last_ms.saturating_add(i64::from(pace.call_ms)),
                Why::Floor,
            ),
            (
                polled.map_or(0, |at| at.saturating_add(i64::from(pace.same_url_ms))),
                Why::SameUrl,
            ),
            (state.spread_ms, Why::Window),
            (state.pause_ms, refused),
        ]
        .into_iter()
        .map(|(until_ms, why)| Wait {
            ms: u64::try_from(until_ms.saturating_sub(now_ms)).unwrap_or(0),
            why,
        })
        // of equal waits the first: max_by_key would give the last
        .reduce(|most, wait| if wait.ms > most.ms { wait } else { most })
        .unwrap_or(Wait {
            ms: 0,
            why: Why::Floor,
        })
    }

    /// Takes the right to send a call now, if there is no wait; what has to be waited otherwise. To look
    /// and to take must be one step of the store, or two processes would go out together.
    pub fn take(&mut self, pace: Pace, now_ms: i64, poll: Option<&str>) -> Wait {
        *self = self.set_right(now_ms);
        let wait = self.wait_before(pace, now_ms, poll);
        if wait.ms == 0 {
            self.last_ms = now_ms;
        }
        wait
    }

    /// Learns from an answer: its headers and status, at the time it came. `poll` as before the call.
    pub fn after(&mut self, pace: Pace, seen: &Seen, status: u16, now_ms: i64, poll: Option<&str>) {
        match (seen.remaining, self.remaining) {
            (Some(remaining), _) => {
                self.remaining = Some(remaining);
                self.used = seen.used.unwrap_or(self.used + 1.0);
                let reset_s = seen.reset_s.unwrap_or(WINDOW_S);
                self.reset_ms = now_ms.saturating_add(ms(reset_s));
                self.spread_ms = now_ms.saturating_add(ms(wait_s(remaining, self.used, reset_s)));
            }
            // some answers carry no headers; they count all the same
            (None, Some(remaining)) if now_ms < self.reset_ms => {
                self.remaining = Some(remaining - 1.0);
                self.used += 1.0;
                let reset_s = (self.reset_ms - now_ms) as f64 / 1000.0;
                self.spread_ms =
                    now_ms.saturating_add(ms(wait_s(remaining - 1.0, self.used, reset_s)));
            }
            // the window is over: what is known of it no longer holds
            (None, Some(_)) => {
                self.remaining = None;
                self.used = 0.0;
            }
            (None, None) => {}
        }
        if status == 429 {
            self.refused = self.refused.saturating_add(1);
            let asked_s = seen
                .retry_after_s
                .or(seen.reset_s)
                .unwrap_or(REFUSED_S)
                .max(1.0);
            let doubled_s = asked_s * f64::from(1_u32 << (self.refused - 1).min(10));
            // never shorter than the server asked for, however long that is
            let mut pause_s = asked_s.max(doubled_s.min(REFUSED_MAX_S));
            if self.refused >= BREAKER_AT {
                pause_s = pause_s.max(REFUSED_MAX_S);
            }
            self.pause_ms = now_ms.saturating_add(ms(pause_s));
        } else if now_ms >= self.pause_ms {
            // an answer that comes during a pause was asked for before it
            self.refused = 0;
        }
        let keep_ms = i64::from(pace.same_url_ms);
        self.polled
            .retain(|_, at| at.saturating_add(keep_ms) > now_ms);
        if let (Some(url), 200) = (poll, status) {
            self.polled.insert(url.to_owned(), now_ms);
        }
    }

    /// The same with times that a right clock could have written. Where the clock was set back since this was
    /// stored, the last call counts as one of now: what was left to wait after it has to be waited still.
    fn set_right(&self, now_ms: i64) -> Self {
        let back_ms = match self.last_ms > now_ms.saturating_add(BACKWARDS_MS) {
            true => self.last_ms - now_ms,
            false => 0,
        };
        let longest = now_ms.saturating_add(LONGEST_MS);
        let right = |at_ms: i64| at_ms.saturating_sub(back_ms).min(longest);
        let polled = self
            .polled
            .iter()
            .map(|(url, at)| (url.clone(), (at - back_ms).min(now_ms)));
        Self {
            reset_ms: right(self.reset_ms),
            last_ms: (self.last_ms - back_ms).min(now_ms.saturating_add(BACKWARDS_MS)),
            spread_ms: right(self.spread_ms),
            pause_ms: right(self.pause_ms),
            polled: polled.collect(),
            ..*self
        }
    }
}

fn ms(seconds: f64) -> i64 {
    // rounded up: a millisecond too early is too early
    (seconds * 1000.0).ceil() as i64
}

/// Where the processes of a client id keep their common [`ThrottleState`].
pub trait ThrottleStore: Send + Sync {
    /// Reads the state (a new one where there is none), lets `change` look at it and change it, and
    /// stores it: in one step, between whose parts no other process can read or write. In SQLite that is
    /// a transaction begun with `BEGIN IMMEDIATE`. `change` is called once, is quick, and does not fail.
    ///
    /// # Errors
    /// What went wrong, for a person. The call that asked is then not sent.
    fn change(
        &self,
        change: &mut dyn FnMut(&mut ThrottleState),
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// The state in this process's memory: for tests, and where no other process uses the client id.
#[derive(Debug, Default)]
pub struct InMemory(Mutex<ThrottleState>);

impl InMemory {
    /// The state as it is.
    pub fn state(&self) -> ThrottleState {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ThrottleStore for InMemory {
    fn change(
        &self,
        change: &mut dyn FnMut(&mut ThrottleState),
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        call_ms: 1_000,
        same_url_ms: 30_000,
    };
    const T: i64 = 1_800_000_000_000;

    fn told(remaining: f64, used: f64, reset_s: f64) -> Seen {
        Seen {
            remaining: Some(remaining),
            used: Some(used),
            reset_s: Some(reset_s),
            retry_after_s: None,
        }
    }

    #[test]
    fn the_formula_gives_the_vectors_of_the_specification() {
        for (remaining, used, reset, wait) in [
            (999.0, 1.0, 599.0, 0.0),
            (990.0, 10.0, 598.0, 4.0),
            (900.0, 100.0, 599.0, 10.0),
            (900.0, 100.0, 540.0, 0.0),
            (500.0, 500.0, 400.0, 10.0),
            (500.0, 500.0, 300.0, 0.0),
            (10.0, 990.0, 5.0, 0.0),
            (0.0, 1000.0, 37.0, 37.0),
        ] {
            let got = wait_s(remaining, used, reset);
            assert!(
                (got - wait).abs() < 1e-9,
                "({remaining}, {used}, {reset}): {got}, not {wait}"
            );
        }
        assert_eq!(wait_s(0.0, 1000.0, 0.0), 1.0);
        assert_eq!(wait_s(500.0, 500.0, 0.0), 0.0);
    }

    #[test]
    fn the_state_waits_as_long_as_the_formula_says() {
        let mut state = ThrottleState::default();
        state.after(PACE, &told(990.0, 10.0, 598.0), 200, T, None);
        assert_eq!(
            state.wait_before(PACE, T, None),
            Wait {
                ms: 4_000,
                why: Why::Window
            }
        );
        assert_eq!(state.wait_before(PACE, T + 3_999, None).ms, 1);
        assert_eq!(state.wait_before(PACE, T + 4_000, None).ms, 0);
    }

    #[test]
    fn a_second_between_calls_and_half_a_minute_between_polls() {
        let mut state = ThrottleState::default();
        assert_eq!(state.take(PACE, T, Some("/a")).ms, 0);
        state.after(PACE, &told(999.0, 1.0, 599.0), 200, T + 100, Some("/a"));
        assert_eq!(
            state.take(PACE, T + 200, None),
            Wait {
                ms: 800,
                why: Why::Floor
            }
        );
        // what had to wait took nothing
        assert_eq!(state.last_ms, T);
        assert_eq!(state.take(PACE, T + 1_000, Some("/b")).ms, 0);
        assert_eq!(
            state.take(PACE, T + 2_000, Some("/a")),
            Wait {
                ms: 28_100,
                why: Why::SameUrl
            }
        );
        assert_eq!(state.take(PACE, T + 30_100, Some("/a")).ms, 0);
        // what failed may be asked for again
        state.after(PACE, &Seen::default(), 503, T + 30_200, Some("/c"));
        assert_eq!(state.take(PACE, T + 31_200, Some("/c")).ms, 0);
    }

    #[test]
    fn answers_without_headers_count() {
        let mut state = ThrottleState::default();
        state.after(PACE, &Seen::default(), 200, T, None);
        assert_eq!(state.remaining, None);
        state.after(PACE, &told(2.0, 998.0, 100.0), 200, T, None);
        state.after(PACE, &Seen::default(), 200, T + 1_000, None);
        assert_eq!((state.remaining, state.used), (Some(1.0), 999.0));
        state.after(PACE, &Seen::default(), 200, T + 2_000, None);
        assert_eq!(
            state.wait_before(PACE, T + 2_000, None),
            Wait {
                ms: 98_000,
                why: Why::Window
            }
        );
        // the window is over
        state.after(PACE, &Seen::default(), 200, T + 100_001, None);
        assert_eq!(state.remaining, None);
        assert_eq!(state.wait_before(PACE, T + 100_001, None).ms, 0);
    }

    #[test]
    fn refusals_double_and_the_third_opens_the_breaker() {
        let after = |state: &mut ThrottleState, seen: Seen, now| {
            state.after(PACE, &seen, 429, now, None);
            state.wait_before(PACE, now, None)
        };
        let silent = Seen::default();
        let mut state = ThrottleState::default();
        assert_eq!(
            after(&mut state, silent, T),
            Wait {
                ms: 60_000,
                why: Why::Refused
            }
        );
        assert_eq!(after(&mut state, silent, T).ms, 120_000);
        assert_eq!(
            after(&mut state, silent, T),
            Wait {
                ms: 900_000,
                why: Why::Breaker
            }
        );
        assert_eq!(state.take(PACE, T + 900_000, None).ms, 0);
        // it is still open for whoever is refused again, and closed by any other answer
        assert_eq!(after(&mut state, silent, T + 900_000).why, Why::Breaker);
        state.after(PACE, &silent, 200, T + 900_001, None);
        assert_eq!(state.refused, 4);
        state.after(PACE, &silent, 200, T + 2_000_000, None);
        assert_eq!(state.refused, 0);

        let retry = |s| Seen {
            retry_after_s: Some(s),
            ..silent
        };
        let mut state = ThrottleState::default();
        assert_eq!(after(&mut state, retry(7.0), T).ms, 7_000);
        assert_eq!(after(&mut state, retry(7.0), T).ms, 14_000);
        let mut state = ThrottleState::default();
        assert_eq!(after(&mut state, retry(3_600.0), T).ms, 3_600_000);
        assert_eq!(after(&mut state, retry(0.0), T).ms, 2_000);
        let mut state = ThrottleState::default();
        let reset = Seen {
            reset_s: Some(33.0),
            ..silent
        };
        assert_eq!(after(&mut state, reset, T).ms, 33_000);
    }

    #[test]
    fn a_clock_set_back_does_not_stop_everything_and_ends_no_pause() {
        let mut state = ThrottleState::default();
        state.take(PACE, T, None);
        state.after(PACE, &Seen::default(), 429, T, None);
        let left = state.wait_before(PACE, T, None);
        assert_eq!((left.ms, left.why), (60_000, Why::Refused));
        let year_before = T - 365 * 86_400_000;
        assert_eq!(state.wait_before(PACE, year_before, None), left);
        assert_eq!(state.take(PACE, year_before, None), left);
        assert_eq!(state.refused, 1);
        // from here on time goes on as ever
        assert_eq!(state.take(PACE, year_before + 59_000, None).ms, 1_000);
        assert_eq!(state.take(PACE, year_before + 60_000, None).ms, 0);
        assert_eq!(state.take(PACE, year_before + 60_000, None).ms, 1_000);
    }

    #[test]
    fn a_pause_that_a_clock_ahead_has_written_is_cut() {
        let mut state = ThrottleState::default();
        state.take(PACE, T, None);
        // the clock jumped ahead while the call was out, and back after it
        state.after(PACE, &Seen::default(), 429, T + 365 * 86_400_000, None);
        assert_eq!(state.take(PACE, T + 1_000, None).ms, 86_400_000);
        assert_eq!(state.take(PACE, T + 86_401_000, None).ms, 0);
    }

    #[test]
    fn headers_may_be_whole_broken_or_absent() {
        let mut headers = HeaderMap::new();
        assert_eq!(Seen::of(&headers, T), Seen::default());
        for (name, value) in [
            ("x-ratelimit-remaining", "597.0"),
            ("x-ratelimit-used", "3"),
            ("x-ratelimit-reset", "12.5"),
            ("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT"),
        ] {
            headers.insert(name, value.parse().expect("a value"));
        }
        let seen = Seen::of(&headers, T);
        assert_eq!(
            (seen.remaining, seen.used, seen.reset_s),
            (Some(597.0), Some(3.0), Some(12.5))
        );
        assert_eq!(seen.retry_after_s, Some(30.0));
        for value in ["soon", "-3", "NaN", "inf", ""] {
            headers.insert("x-ratelimit-remaining", value.parse().expect("a value"));
            assert_eq!(Seen::of(&headers, T).remaining, None, "{value}");
        }
    }

    #[test]
    fn the_state_survives_as_json_and_grows() {
        let mut state = ThrottleState::default();
        state.take(PACE, T, Some("/a"));
        state.after(PACE, &told(990.0, 10.0, 598.0), 200, T, Some("/a"));
        let json = serde_json::to_string(&state).expect("plain data");
        assert_eq!(
            serde_json::from_str::<ThrottleState>(&json).expect("the same"),
            state
        );
        assert_eq!(
            serde_json::from_str::<ThrottleState>("{}").expect("empty"),
            ThrottleState::default()
        );
    }
}
