//! When the next call may be sent: Reddit's rate limit, our own minimum, and pauses after a refusal.
//!
//! All of it is one small struct of plain data, [`ThrottleState`], and pure functions on it. A state belongs to a
//! client id, as Reddit's limit does; all processes that use the id must share it through a [`ThrottleStore`]: an
//! atomic read, change and write.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::{Deserialize, Serialize};

use crate::config::Pace;

/// Length of Reddit's window, in seconds.
pub const WINDOW_S: f64 = 600.0;
/// The longest pause by which the formula spreads calls, in seconds.
const SPREAD_S: f64 = 10.0;
/// The pause after a 429 without a time, in seconds.
const REFUSED_S: f64 = 60.0;
/// The longest pause after a 429 by doubling, in seconds; also how long the breaker is open.
const REFUSED_MAX_S: f64 = 900.0;
/// Number of consecutive 429 that opens the breaker.
const BREAKER_AT: u32 = 3;
/// If the clock was set back by more than this, stored times are worthless, but not the remaining wait at the last
/// call.
const BACKWARDS_MS: i64 = 60_000;
/// A longer pause was written by a clock that was ahead.
const LONGEST_MS: i64 = 86_400_000;

/// Seconds to wait before the next call, by prawcore's formula: the rest of the window is spread over the remaining
/// calls, by at most ten seconds per call, once calls were faster than the window.
///
/// `remaining` and `used` are calls, `reset_s` is the seconds until the window ends; all three as in Reddit's headers
/// `x-ratelimit-*`.
pub fn wait_s(remaining: f64, used: f64, reset_s: f64) -> f64 {
    if remaining <= 0.0 {
        return reset_s.max(1.0);
    }
    // the second of the window at which this many calls would be used at an even pace
    let due_s = WINDOW_S * used / (remaining + used);
    (reset_s - (WINDOW_S - due_s))
        .clamp(0.0, SPREAD_S)
        .min(reset_s.max(0.0))
}

/// The rate limit in an answer's headers.
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
    /// Reads the headers; `now_ms` is needed for a `retry-after` that is a date.
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

/// Milliseconds since 1970 of an HTTP date.
pub(crate) fn http_date_ms(text: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(text.trim()).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// Which limit makes a call wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Our own minimum between calls.
    Floor,
    /// The same URL was requested just now.
    SameUrl,
    /// Reddit's window is (nearly) used up.
    Window,
    /// Reddit answered 429.
    Refused,
    /// Reddit answered 429 three times in a row: nothing is sent for a while.
    Breaker,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Floor => "pause between calls",
            Self::SameUrl => "the same URL was requested just now",
            Self::Window => "calls of this window are used up",
            Self::Refused => "too many requests",
            Self::Breaker => "refused three times in a row",
        })
    }
}

/// How long a call has to wait, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Milliseconds; 0: it may be sent now.
    pub ms: u64,
    pub why: Why,
}

/// The rate-limit state of a client id: plain data, stored as JSON where its processes share it. Times are milliseconds
/// since 1970 on this machine's clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottleState {
    /// Calls left in the window, by the last answer; `None`: unknown.
    pub remaining: Option<f64>,
    /// Calls used in the window, by the last answer.
    pub used: f64,
    /// When the window ends.
    pub reset_ms: i64,
    /// Last call.
    pub last_ms: i64,
    /// No call before this, by the formula.
    pub spread_ms: i64,
    /// No call before this, after a refusal.
    pub pause_ms: i64,
    /// How often in a row Reddit answered 429.
    pub refused: u32,
    /// Last successful poll of each URL; irrelevant ones are dropped.
    pub polled: BTreeMap<String, i64>,
}

impl ThrottleState {
    /// How long a call must wait at the time `now_ms`. `poll` is the URL, if the call polls.
    pub fn wait_before(&self, pace: Pace, now_ms: i64, poll: Option<&str>) -> Wait {
        let state = self.set_right(now_ms);
        let refused = if self.refused >= BREAKER_AT {
            Why::Breaker
        } else {
            Why::Refused
        };
        // the URL as last polled; never polled: long ago
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
        // the first of equal waits: max_by_key would return the last
        .reduce(|most, wait| if wait.ms > most.ms { wait } else { most })
        .unwrap_or(Wait {
            ms: 0,
            why: Why::Floor,
        })
    }

    /// Takes the slot for a call now, if there is no wait; otherwise returns the wait. Checking and taking must be
    /// atomic in the store, or two processes would send at the same time.
    pub fn take(&mut self, pace: Pace, now_ms: i64, poll: Option<&str>) -> Wait {
        *self = self.set_right(now_ms);
        let wait = self.wait_before(pace, now_ms, poll);
        if wait.ms == 0 {
            self.last_ms = now_ms;
        }
        wait
    }

    /// Updates the state from an answer's headers and status at the time it arrived. `poll` as before the call.
    pub fn after(&mut self, pace: Pace, seen: &Seen, status: u16, now_ms: i64, poll: Option<&str>) {
        match (seen.remaining, self.remaining) {
            (Some(remaining), _) => {
                self.remaining = Some(remaining);
                self.used = seen.used.unwrap_or(self.used + 1.0);
                let reset_s = seen.reset_s.unwrap_or(WINDOW_S);
                self.reset_ms = now_ms.saturating_add(ms(reset_s));
                self.spread_ms = now_ms.saturating_add(ms(wait_s(remaining, self.used, reset_s)));
            }
            // some answers have no headers; they count too
            (None, Some(remaining)) if now_ms < self.reset_ms => {
                self.remaining = Some(remaining - 1.0);
                self.used += 1.0;
                let reset_s = (self.reset_ms - now_ms) as f64 / 1000.0;
                self.spread_ms =
                    now_ms.saturating_add(ms(wait_s(remaining - 1.0, self.used, reset_s)));
            }
            // the window is over: its numbers are out of date
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
            // an answer that arrives during a pause was requested before it
            self.refused = 0;
        }
        let keep_ms = i64::from(pace.same_url_ms);
        self.polled
            .retain(|_, at| at.saturating_add(keep_ms) > now_ms);
        if let (Some(url), 200) = (poll, status) {
            self.polled.insert(url.to_owned(), now_ms);
        }
    }

    /// A copy with plausible times. If the clock was set back since it was stored, the last call counts as one of now:
    /// the remaining wait after it is kept.
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

/// Where the processes of a client id share their [`ThrottleState`].
pub trait ThrottleStore: Send + Sync {
    /// Reads the state (a new one if there is none), lets `change` read and change it, and stores it, atomically across
    /// processes. In SQLite that is a transaction begun with `BEGIN IMMEDIATE`. `change` is called once, is quick, and
    /// does not fail.
    ///
    /// # Errors
    /// A message. The call is then not sent.
    fn change(
        &self,
        change: &mut dyn FnMut(&mut ThrottleState),
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// The state in this process's memory: for tests, and if no other process uses the client id.
#[derive(Debug, Default)]
pub struct InMemory(Mutex<ThrottleState>);

impl InMemory {
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
    fn formula_matches_the_vectors_of_the_specification() {
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
    fn state_waits_as_long_as_the_formula() {
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
        // waiting took no slot
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
        // what failed may be requested again
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
        // it is still open for another refusal, and closed by any other answer
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
    fn clock_set_back_neither_blocks_calls_nor_ends_a_pause() {
        let mut state = ThrottleState::default();
        state.take(PACE, T, None);
        state.after(PACE, &Seen::default(), 429, T, None);
        let left = state.wait_before(PACE, T, None);
        assert_eq!((left.ms, left.why), (60_000, Why::Refused));
        let year_before = T - 365 * 86_400_000;
        assert_eq!(state.wait_before(PACE, year_before, None), left);
        assert_eq!(state.take(PACE, year_before, None), left);
        assert_eq!(state.refused, 1);
        // from here on time continues normally
        assert_eq!(state.take(PACE, year_before + 59_000, None).ms, 1_000);
        assert_eq!(state.take(PACE, year_before + 60_000, None).ms, 0);
        assert_eq!(state.take(PACE, year_before + 60_000, None).ms, 1_000);
    }

    #[test]
    fn pause_written_by_a_fast_clock_is_cut() {
        let mut state = ThrottleState::default();
        state.take(PACE, T, None);
        // the clock jumped ahead while the call was in flight, and back after it
        state.after(PACE, &Seen::default(), 429, T + 365 * 86_400_000, None);
        assert_eq!(state.take(PACE, T + 1_000, None).ms, 86_400_000);
        assert_eq!(state.take(PACE, T + 86_401_000, None).ms, 0);
    }

    #[test]
    fn headers_may_be_complete_malformed_or_absent() {
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
    fn state_round_trips_through_json_and_accepts_new_fields() {
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
