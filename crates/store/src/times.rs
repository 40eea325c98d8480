//! Stored times and a clock that was, or is, wrong. The rule, in one place: a time in the future is never
//! trusted.
//!
//! - What was *done* in the future (fetched, looked at, tried) counts as not done.
//! - A *pause* further ahead than the longest that there can be is cut to that.
//! - A *post* from the future counts as one of now. Once the clock is known to be right it becomes one:
//!   [`Store::mend_times`].
//! - A *sign of life* from the future is none.

use rusqlite::params;

use crate::watch::Family;
use crate::{Result, Store};

/// Clocks are set right by so much now and then; a time that is ahead by less is not from the future.
pub const SLACK_MS: i64 = 300_000;

/// No pause of posting is longer.
pub const LONGEST_PAUSE_MS: i64 = 86_400_000;

/// Whether a stored time lies in the future, though it tells what was done.
pub fn is_ahead(at_ms: i64, now_ms: i64) -> bool {
    at_ms > now_ms.saturating_add(SLACK_MS)
}

/// Whether something that is done again every `every_ms` is due, if it was last done at `at_ms`.
pub fn is_due(at_ms: i64, every_ms: i64, now_ms: i64) -> bool {
    now_ms.saturating_sub(at_ms) >= every_ms || is_ahead(at_ms, now_ms)
}

/// The end of a pause, no further away than a pause can be.
pub fn pause_end(until_ms: i64, now_ms: i64) -> i64 {
    until_ms.min(now_ms.saturating_add(LONGEST_PAUSE_MS))
}

impl Store {
    /// Whether an account has posts from the future, or pauses that are too long.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn times_are_ahead(&self, account: &str, now_ms: i64) -> Result<bool> {
        self.read(|db| {
            let sql = "SELECT EXISTS (SELECT 1 FROM account WHERE name = ?1 AND pause_ms > ?3)
                    OR EXISTS (SELECT 1 FROM subreddit WHERE pause_ms > ?3)
                    OR EXISTS (SELECT 1 FROM reply WHERE account = ?1 COLLATE NOCASE
                                AND (intent_ms > ?2 OR posted_ms > ?2 OR not_before_ms > ?3))
                    OR EXISTS (SELECT 1 FROM probe p JOIN reply q ON q.id = p.reply_id
                                WHERE q.account = ?1 COLLATE NOCASE AND p.at_ms > ?2)";
            let (past, pause) = (
                now_ms.saturating_add(SLACK_MS),
                now_ms.saturating_add(LONGEST_PAUSE_MS),
            );
            Ok(db.query_row(sql, params![account, past, pause], |row| row.get(0))?)
        })
    }

    /// Makes an account's posts and looks from the future ones of now, and cuts pauses that are too long.
    /// Only for a clock that is known to be right. When a reply was sent on Reddit's clock (`intent_ms` and
    /// `skew_ms` together) stays what it was, so that it is looked for where it was sent.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn mend_times(&self, account: &str, now_ms: i64) -> Result<()> {
        let (past, pause) = (
            now_ms.saturating_add(SLACK_MS),
            now_ms.saturating_add(LONGEST_PAUSE_MS),
        );
        self.write(Family::Queue, |db| {
            db.execute(
                "UPDATE account SET pause_ms = ?2 WHERE name = ?1 AND pause_ms > ?2",
                params![account, pause],
            )?;
            db.execute(
                "UPDATE subreddit SET pause_ms = ?1 WHERE pause_ms > ?1",
                [pause],
            )?;
            db.execute(
                "UPDATE reply SET skew_ms = skew_ms + iif(intent_ms > ?2, intent_ms - ?4, 0),
                        intent_ms = iif(intent_ms > ?2, ?4, intent_ms),
                        posted_ms = iif(posted_ms > ?2, ?4, posted_ms),
                        not_before_ms = min(not_before_ms, ?3)
                 WHERE account = ?1 COLLATE NOCASE
                   AND (intent_ms > ?2 OR posted_ms > ?2 OR not_before_ms > ?3)",
                params![account, past, pause, now_ms],
            )?;
            db.execute(
                "UPDATE probe SET at_ms = ?3 WHERE at_ms > ?2
                   AND reply_id IN (SELECT id FROM reply WHERE account = ?1 COLLATE NOCASE)",
                params![account, past, now_ms],
            )?;
            Ok(())
        })
    }
}
