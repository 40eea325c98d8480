//! Time, so that tests need not wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock that can also sleep.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64;

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// The machine's clock plus all the time that was slept: waits take no time. For tests and demos against a sandbox;
/// against Reddit itself it would break the rate limit.
#[derive(Debug, Default)]
pub struct SkipClock {
    ahead_ms: AtomicI64,
}

impl SkipClock {
    /// A clock without skipped time.
    pub fn new() -> Self {
        Self::default()
    }

    pub fn skip(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Milliseconds skipped so far.
    pub fn skipped_ms(&self) -> i64 {
        self.ahead_ms.load(Ordering::Relaxed)
    }
}

impl Clock for SkipClock {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms().saturating_add(self.skipped_ms())
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.skip(time);
        // other tasks get their turn, as they would
        Box::pin(tokio::task::yield_now())
    }
}
