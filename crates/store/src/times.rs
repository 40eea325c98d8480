//! Stored times and a clock that was, or is, wrong. The rule, in one place: a time in the future is never trusted.
//!
//! - What was *done* in the future (fetched, checked, tried) counts as not done.
//! - A *pause* longer than the maximum is cut to that.
//! - A *post* from the future counts as one of now. Once the clock is known to be right it becomes one:
//!   [`Store::mend_times`].
//! - A *heartbeat* from the future does not count.

use rusqlite::params;

use crate::watch::Family;
use crate::{Result, Store};

/// Clocks are corrected by this much now and then; a time that is ahead by less is not from the future.
pub const SLACK_MS: i64 = 300_000;

/// Maximum pause of posting.
pub const LONGEST_PAUSE_MS: i64 = 86_400_000;

/// Whether a stored time of something done is in the future.
pub fn is_ahead(at_ms: i64, now_ms: i64) -> bool {
    at_ms > now_ms.saturating_add(SLACK_MS)
}

/// Whether something that is repeated every `every_ms` is due, if it was last done at `at_ms`.
pub fn is_due(at_ms: i64, every_ms: i64, now_ms: i64) -> bool {
    now_ms.saturating_sub(at_ms) >= every_ms || is_ahead(at_ms, now_ms)
}

/// The end of a pause, limited to the maximum.
pub fn pause_end(until_ms: i64, now_ms: i64) -> i64 {
    until_ms.min(now_ms.saturating_add(LONGEST_PAUSE_MS))
}

impl Store {
    /// Whether an account has posts from the future, or pauses that are too long.
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

    /// Changes an account's posts and checks from the future to now, and cuts pauses that are too long. Only for a
    /// clock that is known to be right. The time by Reddit's clock at which a reply was sent (`intent_ms` and `skew_ms`
    /// together) does not change, so that it is found where it was sent.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::threads::NewThread;

    const NOW: i64 = 1_800_000_000_000;
    const DAY: i64 = 86_400_000;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("x.repartee")).unwrap();
        (folder, store)
    }

    #[test]
    fn actions_dated_in_the_future_are_due_now() {
        assert!(!is_due(NOW, DAY, NOW) && is_due(NOW - DAY, DAY, NOW));
        assert!(!is_due(NOW + SLACK_MS, DAY, NOW) && is_due(NOW + SLACK_MS + 1, DAY, NOW));
        assert_eq!(pause_end(NOW + DAY, NOW), NOW + DAY);
        assert_eq!(pause_end(NOW + 365 * DAY, NOW), NOW + DAY);
    }

    #[test]
    fn thread_fetched_in_the_future_expires_and_one_of_today_does_not() {
        let (_folder, store) = store();
        for (title, fetched_ms) in [("today", NOW), ("in a year", NOW + 365 * DAY)] {
            let thread = NewThread {
                origin: "reddit".to_owned(),
                title: title.to_owned(),
                name: Some(format!("t3_{fetched_ms}")),
                expires_ms: Some(fetched_ms + 2 * DAY),
                ..NewThread::default()
            };
            store.thread_insert(&thread, fetched_ms).unwrap();
        }
        assert!(store.has_expired(NOW).unwrap());
        store.expire(NOW).unwrap();
        let titles: Vec<String> = store
            .threads()
            .unwrap()
            .into_iter()
            .map(|t| t.title)
            .collect();
        assert_eq!(
            titles.iter().filter(|t| !t.is_empty()).collect::<Vec<_>>(),
            ["today"]
        );
        assert!(!store.has_expired(NOW).unwrap());
    }

    #[test]
    fn posts_and_pauses_from_the_future_are_corrected_and_still_found() {
        let (_folder, store) = store();
        store
            .write_joined(Family::Queue, |db| {
                db.execute_batch(&format!(
                    "INSERT INTO account (name, client_id, app, operator, port, pause_ms, created_ms)
                       VALUES ('Bot', 'c', 'script', 'o', 1, {long}, 0), ('Other', 'd', 'script', 'o', 1, {long}, 0);
                     INSERT INTO reply (id, candidate_id, text, state, updated_ms, account, intent_ms, skew_ms, posted_ms, not_before_ms)
                       VALUES (1, 1, '', 'uncertain', 0, 'bot', {year}, -{ahead}, NULL, 0),
                              (2, 2, '', 'posted', 0, 'Bot', {before}, 7, {year}, {long}),
                              (3, 3, '', 'posted', 0, 'Bot', {before}, 7, {before}, {soon});
                     INSERT INTO probe (reply_id, number, at_ms, route, found) VALUES (1, 1, {year}, 'own', '');",
                    long = NOW + 30 * DAY,
                    soon = NOW + 1_000,
                    before = NOW - DAY,
                    year = NOW + 365 * DAY,
                    ahead = 365 * DAY,
                ))?;
                Ok(())
            })
            .unwrap();
        assert!(store.times_are_ahead("bot", NOW).unwrap());
        store.mend_times("bot", NOW).unwrap();
        assert!(!store.times_are_ahead("bot", NOW).unwrap());
        type Row = (i64, i64, Option<i64>, i64);
        let rows: Vec<Row> = store
            .read(|db| {
                let sql =
                    "SELECT intent_ms, skew_ms, posted_ms, not_before_ms FROM reply ORDER BY id";
                let mut query = db.prepare(sql)?;
                let rows =
                    query.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
                Ok(rows.collect::<std::result::Result<_, _>>()?)
            })
            .unwrap();
        // by Reddit's clock it was sent now, and that does not change
        assert_eq!(rows[0], (NOW, 0, None, 0));
        assert_eq!(rows[1], (NOW - DAY, 7, Some(NOW), NOW + DAY));
        assert_eq!(rows[2], (NOW - DAY, 7, Some(NOW - DAY), NOW + 1_000));
        let pauses: Vec<i64> = store
            .accounts()
            .unwrap()
            .iter()
            .map(|a| a.pause_ms)
            .collect();
        assert_eq!(pauses, [NOW + DAY, NOW + 30 * DAY], "only of the account");
        assert_eq!(store.probes(1, 1).unwrap()[0].at_ms, NOW);
    }
}
