//! Outcomes of posted replies: their score, and whether they still exist, after an hour, a day and a week.

use rusqlite::params;

use crate::audit::Entry;
use crate::watch::Family;
use crate::{Result, Store, audit};

/// A reading of a posted reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub reply_id: i64,
    /// Seconds after it was posted, or later: 3600, 86400, 604800.
    pub after_s: i64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// `None`: hidden, or gone.
    pub score: Option<i64>,
    /// deleted, removed, or empty: it exists.
    pub gone: String,
}

/// A due reading of a posted reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub reply_id: i64,
    /// Reddit's name of it.
    pub posted_name: String,
    /// Reddit's name of its post.
    pub post_name: String,
    pub subreddit: String,
    /// Seconds after it was posted.
    pub after_s: i64,
}

impl Store {
    pub fn outcome_put(&self, outcome: &Outcome) -> Result<()> {
        self.write(Family::Outcomes, |db| {
            db.execute(
                "INSERT INTO outcome (reply_id, after_s, at_ms, score, gone) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (reply_id, after_s) DO UPDATE SET at_ms = excluded.at_ms,
                    score = excluded.score, gone = excluded.gone",
                params![
                    outcome.reply_id,
                    outcome.after_s,
                    outcome.at_ms,
                    outcome.score,
                    outcome.gone
                ],
            )?;
            if outcome.gone == "removed" {
                let entry = Entry::new("repartee", "seen removed", outcome.at_ms);
                audit::note(db, &entry.reply(outcome.reply_id, ""))?;
            }
            Ok(())
        })
    }

    /// All readings, by reply and time.
    pub fn outcomes(&self) -> Result<Vec<Outcome>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT reply_id, after_s, at_ms, score, gone FROM outcome ORDER BY reply_id, after_s",
            )?;
            let rows = query.query_map([], |row| {
                Ok(Outcome {
                    reply_id: row.get(0)?,
                    after_s: row.get(1)?,
                    at_ms: row.get(2)?,
                    score: row.get(3)?,
                    gone: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The readings of an account's posted replies, of those at `after_s`, that are due at `now_ms` and missing.
    /// Withdrawn replies are not read any more.
    pub fn outcomes_due(&self, account: &str, after_s: &[i64], now_ms: i64) -> Result<Vec<Due>> {
        let moments = serde_json::Value::from(after_s).to_string();
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT q.id, q.posted_name, q.post_name, q.subreddit, m.value
                 FROM reply q JOIN json_each(?2) m
                 WHERE q.account = ?1 AND q.state = 'posted' AND q.posted_name IS NOT NULL
                   AND q.post_name IS NOT NULL AND q.posted_ms + m.value * 1000 <= ?3
                   AND NOT EXISTS (SELECT 1 FROM outcome o WHERE o.reply_id = q.id AND o.after_s = m.value)
                 ORDER BY q.id, m.value",
            )?;
            let rows = query.query_map(params![account, moments, now_ms], |row| {
                Ok(Due {
                    reply_id: row.get(0)?,
                    posted_name: row.get(1)?,
                    post_name: row.get(2)?,
                    subreddit: row.get(3)?,
                    after_s: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Number of replies in a subreddit found removed, of those posted since `since_ms`.
    pub fn removals(&self, subreddit: &str, since_ms: i64) -> Result<u64> {
        self.read(|db| {
            let sql = "SELECT count(DISTINCT q.id) FROM outcome o JOIN reply q ON q.id = o.reply_id
                       WHERE o.gone = 'removed' AND q.subreddit = ?1 AND q.posted_ms >= ?2";
            let n: i64 = db.query_row(sql, params![subreddit, since_ms], |row| row.get(0))?;
            Ok(n.unsigned_abs())
        })
    }
}
