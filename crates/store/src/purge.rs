//! Forgetting: what Reddit no longer has, and what was kept long enough. Texts, titles and authors are
//! wiped, with the candidates that were written from them and whatever quotes them; ids stay, and so do
//! our own replies that stand on Reddit.
//!
//! `PRAGMA secure_delete` overwrites what is deleted, but not the copies that SQLite leaves behind where it
//! moved a row within its pages: measured over 26,000 wiped rows, 195 could still be read in the file. So
//! [`Store::scrub`] writes the tables anew, whose old pages are then overwritten as a whole, and empties
//! the write-ahead log. Of imported texts, which lie all over the file, it writes the whole file anew; that
//! it is due stands in the project, so that it is done also when the process that wiped them was killed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use repartee_datasets::id::decode;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::Value;

use crate::audit::{self, Entry};
use crate::queue::{ReplyState, note};
use crate::watch::{Family, touch};
use crate::{Result, Store, beside};

/// What was forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Comments of threads whose texts were wiped.
    pub comments: u64,
    /// Posts whose titles and texts were wiped.
    pub posts: u64,
    /// Candidates that were written from them.
    pub candidates: u64,
    /// Replies that can no longer be posted.
    pub cancelled: u64,
    /// Imported comments and posts.
    pub imported: u64,
    /// Pairs of splits that one of these belonged to: what was trained on them is stale.
    pub pairs: u64,
}

impl Forgotten {
    /// Whether anything was.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    fn add(&mut self, other: &Self) {
        self.comments += other.comments;
        self.posts += other.posts;
        self.candidates += other.candidates;
        self.cancelled += other.cancelled;
        self.imported += other.imported;
        self.pairs += other.pairs;
    }
}

/// Something that Reddit no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// t1_... or t3_...
    pub name: String,
    /// deleted, removed, absent, or asked (somebody wants it forgotten).
    pub why: String,
}

/// The tables in which texts of Reddit's, or what is derived from them, can stand.
const SCRUBBED: [&str; 9] = [
    "thread",
    "thread_comment",
    "candidate",
    "reply",
    "reply_event",
    "attempt",
    "run_sample",
    "job",
    "job_log",
];

/// The setting that says that imported texts were wiped, and the file not written anew since.
const UNSCRUBBED: &str = "imported texts were wiped";

/// What is in place of an imported text that was wiped.
const WIPED: &str = "[deleted]";

/// A text is looked for inside of others only when it has so many bytes: "thanks" stands everywhere.
const TELLING: usize = 12;

/// How long the write-ahead log is waited for while others read.
const WAIT_FOR_READERS: Duration = Duration::from_secs(5);

/// The texts that have to go, wherever they are quoted.
#[derive(Default)]
struct Texts {
    whole: HashSet<String>,
}

impl Texts {
    fn add(&mut self, text: String) {
        let trimmed = text.trim();
        if !trimmed.is_empty() && !matches!(trimmed, "[deleted]" | "[removed]") {
            self.whole.insert(trimmed.to_owned());
        }
    }

    fn quoted_in(&self, text: &str) -> bool {
        !text.is_empty()
            && (self.whole.contains(text.trim())
                || self
                    .whole
                    .iter()
                    .any(|whole| whole.len() >= TELLING && text.contains(whole.as_str())))
    }

    /// Empties every text of a JSON value that quotes one; false: there was none.
    fn wipe(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) if self.quoted_in(text) => {
                text.clear();
                true
            }
            Value::Array(items) => items
                .iter_mut()
                .fold(false, |any, item| self.wipe(item) | any),
            Value::Object(map) => map
                .values_mut()
                .fold(false, |any, item| self.wipe(item) | any),
            _ => false,
        }
    }
}

impl Store {
    /// Forgets what Reddit no longer has: of threads, and of what was imported. The names are remembered, so
    /// that none of it is taken in again.
    ///
    /// The bytes are gone from the file after [`Store::scrub`].
    ///
    /// # Errors
    /// When the file cannot be written; then nothing is forgotten.
    pub fn purge(&self, gone: &[Gone], who: &str, now_ms: i64) -> Result<Forgotten> {
        self.write(Family::Threads, |db| {
            let mut done = Forgotten::default();
            let mut texts = Texts::default();
            for Gone { name, why } in gone {
                let mut one = Forgotten::default();
                let comment: Option<i64> = db
                    .prepare_cached("SELECT id FROM thread_comment WHERE name = ?1")?
                    .query_row([name], |row| row.get(0))
                    .optional()?;
                if let Some(id) = comment {
                    forget_comment(db, id, "purged", &mut texts, &mut one, now_ms)?;
                }
                let thread: Option<i64> = db
                    .prepare_cached("SELECT id FROM thread WHERE name = ?1")?
                    .query_row([name], |row| row.get(0))
                    .optional()?;
                if let Some(id) = thread {
                    forget_post(db, id, "purged", &mut texts, &mut one)?;
                    // without the post nobody reads what stands under it
                    for comment in comments_of(db, id, false)? {
                        forget_comment(db, comment, "purged", &mut texts, &mut one, now_ms)?;
                    }
                }
                forget_imported(db, name, &mut texts, &mut one)?;
                db.prepare_cached(
                    "INSERT INTO purged (name, at_ms, why, pairs) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (name) DO UPDATE SET pairs = pairs + excluded.pairs",
                )?
                .execute(params![name, now_ms, why, one.pairs as i64])?;
                if one.any() {
                    let entry = Entry::new(who, "purged", now_ms).about(name.as_str());
                    audit::note(db, &entry.detail(why.as_str()))?;
                }
                done.add(&one);
            }
            forget_quotes(db, &texts)?;
            if done.any() {
                for family in [Family::Queue, Family::Jobs] {
                    touch(db, family)?;
                }
            }
            // what was imported stands in pairs, fakes were written to it, and samples of runs quote it
            if done.imported > 0 {
                for family in [Family::Pairs, Family::Fakes, Family::Runs] {
                    touch(db, family)?;
                }
                db.execute(
                    "INSERT INTO setting (key, value) VALUES (?1, 'true') ON CONFLICT (key) DO NOTHING",
                    [UNSCRUBBED],
                )?;
            }
            Ok(done)
        })
    }

    /// Imported comments and posts that Reddit can be asked about: those of pairs, with an id of Reddit's
    /// (others have a negative one), that people wrote, and that were not wiped. Each is its kind (1: a
    /// comment, 3: a post) and its id, in this order; 16 MB for a million.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn imported_of_pairs(&self) -> Result<Vec<(u8, i64)>> {
        const WRITTEN: &str =
            "source_id NOT IN (SELECT id FROM source WHERE permission = 'synthetic')";
        self.read(|db| {
            let mut all = Vec::new();
            for (kind, sql) in [
                (
                    1,
                    format!(
                        "SELECT id FROM comment WHERE id >= 0 AND body <> '{WIPED}' AND {WRITTEN}
                            AND (id IN (SELECT id FROM pair) OR id IN (SELECT comment_id FROM pair))
                         ORDER BY id"
                    ),
                ),
                (
                    3,
                    format!(
                        "SELECT id FROM post WHERE id >= 0 AND title <> '{WIPED}' AND {WRITTEN}
                            AND id IN (SELECT thread_id FROM pair)
                         ORDER BY id"
                    ),
                ),
            ] {
                let mut query = db.prepare_cached(&sql)?;
                let rows = query.query_map([], |row| Ok((kind, row.get(0)?)))?;
                for row in rows {
                    all.push(row?);
                }
            }
            Ok(all)
        })
    }

    /// Forgets the texts of threads that were kept long enough. What a person approved and what may be on
    /// its way stays, with what stands above it, until it is settled.
    ///
    /// The bytes are gone from the file after [`Store::scrub`].
    ///
    /// # Errors
    /// When the file cannot be written; then nothing is forgotten.
    pub fn expire(&self, now_ms: i64) -> Result<Forgotten> {
        let due = self.read(|db| expired(db, now_ms))?;
        if due.is_empty() {
            return Ok(Forgotten::default());
        }
        self.write(Family::Threads, |db| {
            let mut done = Forgotten::default();
            let mut texts = Texts::default();
            for thread in due {
                let mut one = Forgotten::default();
                for comment in comments_of(db, thread, true)? {
                    forget_comment(db, comment, "expired", &mut texts, &mut one, now_ms)?;
                }
                let held: i64 = db
                    .prepare_cached(
                        "SELECT count(*) FROM thread_comment WHERE thread_id = ?1 AND body <> ''",
                    )?
                    .query_row([thread], |row| row.get(0))?;
                if held == 0 {
                    forget_post(db, thread, "expired", &mut texts, &mut one)?;
                }
                if one.any() {
                    let entry = Entry::new("repartee", "expired", now_ms);
                    audit::note(db, &entry.about(format!("thread {thread}")))?;
                }
                done.add(&one);
            }
            forget_quotes(db, &texts)?;
            if done.any() {
                for family in [Family::Queue, Family::Jobs] {
                    touch(db, family)?;
                }
            }
            Ok(done)
        })
    }

    /// Whether [`Store::expire`] would forget something now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_expired(&self, now_ms: i64) -> Result<bool> {
        self.read(|db| {
            for thread in expired(db, now_ms)? {
                let free = comments_of(db, thread, true)?;
                let mut query = db.prepare_cached(
                    "SELECT id FROM thread_comment WHERE thread_id = ?1 AND body <> ''",
                )?;
                let left: Vec<i64> = query
                    .query_map([thread], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                if left.is_empty() || left.iter().any(|id| free.contains(id)) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Removes the last traces of what was forgotten from the file: writes its tables anew and empties the
    /// write-ahead log; where imported texts were wiped it rewrites the whole file. False when the log could
    /// not be emptied since another process reads: then the next scrub does it.
    ///
    /// # Errors
    /// [`crate::Error::Busy`], [`crate::Error::Full`]; nothing is lost.
    pub fn scrub(&self) -> Result<bool> {
        let mut writer = self.writing();
        let db = &mut writer.connection;
        // rows are taken out and put back as they are: no reference breaks, and no trigger has a say
        db.pragma_update(None, "foreign_keys", false)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        let written = rewrite(db);
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
        db.pragma_update(None, "foreign_keys", true)?;
        written?;
        let imported: bool = db.query_row(
            "SELECT EXISTS (SELECT 1 FROM setting WHERE key = ?1)",
            [UNSCRUBBED],
            |row| row.get(0),
        )?;
        if imported {
            // the index of words marks what is deleted, and drops it when its parts are merged
            db.execute_batch("INSERT INTO pair_words (pair_words) VALUES ('optimize'); VACUUM;")?;
            db.execute("DELETE FROM setting WHERE key = ?1", [UNSCRUBBED])?;
        }
        let begun = Instant::now();
        loop {
            let busy: i64 =
                db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if busy == 0 {
                return Ok(true);
            }
            if begun.elapsed() > WAIT_FOR_READERS {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether Reddit no longer has this, as far as is known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_purged(&self, name: &str) -> Result<bool> {
        self.read(|db| {
            let sql = "SELECT count(*) FROM purged WHERE name = ?1";
            let n: i64 = db
                .prepare_cached(sql)?
                .query_row([name], |row| row.get(0))?;
            Ok(n > 0)
        })
    }

    /// How many pairs of splits lost their text, since it was deleted on Reddit: what was trained on them is
    /// stale.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stale_pairs(&self) -> Result<u64> {
        self.read(|db| {
            let sql = "SELECT coalesce(sum(pairs), 0) FROM purged";
            let n: i64 = db.query_row(sql, [], |row| row.get(0))?;
            Ok(n.unsigned_abs())
        })
    }

    /// Bytes of the write-ahead log: 0 after a scrub that went through.
    pub fn wal_bytes(&self) -> u64 {
        std::fs::metadata(beside(self.path(), "-wal")).map_or(0, |about| about.len())
    }
}

/// Takes the rows of the tables out and puts them back into fresh pages. What they stood in is freed, and
/// `secure_delete` overwrites freed pages as a whole.
fn rewrite(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for table in SCRUBBED {
        // temp_store is MEMORY: the copy never touches the disk
        transaction.execute_batch(&format!(
            "CREATE TEMP TABLE kept AS SELECT * FROM main.{table};
             DELETE FROM main.{table};
             INSERT INTO main.{table} SELECT * FROM temp.kept;
             DROP TABLE temp.kept;"
        ))?;
    }
    transaction.commit()?;
    Ok(())
}

/// Threads that were kept long enough, and have something left. One that was fetched in the future has been
/// kept for nobody knows how long: that is long enough.
fn expired(db: &Connection, now_ms: i64) -> Result<Vec<i64>> {
    let mut query = db.prepare_cached(
        "SELECT id FROM thread WHERE expires_ms <= ?1 OR (expires_ms IS NOT NULL AND fetched_ms > ?2)
         ORDER BY id",
    )?;
    let past = now_ms.saturating_add(crate::times::SLACK_MS);
    let rows = query.query_map([now_ms, past], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The comments of a thread; with `settled`, without those that somebody approved a reply to, or that may
/// have one on its way, and what stands above them.
fn comments_of(db: &Connection, thread: i64, settled: bool) -> Result<Vec<i64>> {
    let sql = if settled {
        "WITH RECURSIVE held(id) AS (
           SELECT d.comment_id FROM reply q JOIN candidate d ON d.id = q.candidate_id
                  JOIN thread_comment c ON c.id = d.comment_id
           WHERE c.thread_id = ?1 AND q.state IN ('approved', 'sending', 'uncertain', 'absent')
           UNION
           SELECT c.parent_id FROM thread_comment c JOIN held h ON c.id = h.id
           WHERE c.parent_id IS NOT NULL)
         SELECT id FROM thread_comment WHERE thread_id = ?1 AND id NOT IN (SELECT id FROM held)"
    } else {
        "SELECT id FROM thread_comment WHERE thread_id = ?1"
    };
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map([thread], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Wipes a comment of a thread, the candidates written from it, and the replies made of these that do not
/// stand on Reddit.
fn forget_comment(
    db: &Transaction<'_>,
    id: i64,
    why: &str,
    texts: &mut Texts,
    done: &mut Forgotten,
    now_ms: i64,
) -> Result<()> {
    let body: String = db
        .prepare_cached("SELECT body FROM thread_comment WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    done.comments += u64::from(!body.is_empty());
    texts.add(body);
    db.prepare_cached(
        "UPDATE thread_comment SET body = '', author = NULL, score = NULL, skip = ?2 WHERE id = ?1",
    )?
    .execute(params![id, why])?;
    let mut query = db.prepare_cached(
        "SELECT d.id, d.text, q.id, q.text, q.state FROM candidate d
                LEFT JOIN reply q ON q.candidate_id = d.id WHERE d.comment_id = ?1 AND d.text <> ''",
    )?;
    type Found = (i64, String, Option<i64>, Option<String>, Option<String>);
    let rows: Vec<Found> = query
        .query_map([id], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        })?
        .collect::<Result<_, _>>()?;
    for (candidate, written, reply, text, state) in rows {
        texts.add(written);
        db.prepare_cached("UPDATE candidate SET text = '', reason = '' WHERE id = ?1")?
            .execute([candidate])?;
        done.candidates += 1;
        let (Some(reply), Some(state)) = (reply, state.as_deref().and_then(ReplyState::from_word))
        else {
            continue;
        };
        // earlier versions of the text, and excerpts of answers that may quote it
        db.prepare_cached("UPDATE reply_event SET detail = '' WHERE reply_id = ?1")?
            .execute([reply])?;
        db.prepare_cached("UPDATE attempt SET excerpt = '' WHERE reply_id = ?1")?
            .execute([reply])?;
        match state {
            ReplyState::Draft
            | ReplyState::Approved
            | ReplyState::Rejected
            | ReplyState::Cancelled => {
                if let Some(text) = text {
                    texts.add(text);
                }
                let waits = matches!(state, ReplyState::Draft | ReplyState::Approved);
                db.prepare_cached(
                    "UPDATE reply SET text = '', full_text = '', detail = '', updated_ms = ?3,
                            state = CASE WHEN ?4 THEN 'cancelled' ELSE state END,
                            code = CASE WHEN ?4 THEN ?2 ELSE code END
                     WHERE id = ?1",
                )?
                .execute(params![reply, why, now_ms, waits])?;
                if waits {
                    done.cancelled += 1;
                    note(db, reply, "repartee", "cancelled", why, now_ms)?;
                }
            }
            // our own words, which stand on Reddit or may
            ReplyState::Sending
            | ReplyState::Uncertain
            | ReplyState::Absent
            | ReplyState::Posted => {}
            ReplyState::Withdrawn => {
                db.prepare_cached("UPDATE reply SET text = '', full_text = '' WHERE id = ?1")?
                    .execute([reply])?;
            }
        }
    }
    Ok(())
}

/// Wipes a thread's title, text and author.
fn forget_post(
    db: &Transaction<'_>,
    id: i64,
    why: &str,
    texts: &mut Texts,
    done: &mut Forgotten,
) -> Result<()> {
    let (title, body): (String, String) = db
        .prepare_cached("SELECT title, body FROM thread WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    done.posts += u64::from(!title.is_empty() || !body.is_empty());
    texts.add(title);
    texts.add(body);
    db.prepare_cached(
        "UPDATE thread SET title = '', body = '', author = NULL, score = NULL, skip = ?2,
                expires_ms = NULL
         WHERE id = ?1",
    )?
    .execute(params![id, why])?;
    Ok(())
}

/// Wipes what was imported under this name, with its words in the index, the fakes written from it, and the
/// samples that quote it. The pairs stay, for splits are frozen.
fn forget_imported(
    db: &Transaction<'_>,
    name: &str,
    texts: &mut Texts,
    done: &mut Forgotten,
) -> Result<()> {
    let Some(id) = decode(name) else {
        return Ok(());
    };
    if name.starts_with("t3_") {
        let found: Option<(String, String)> = db
            .prepare_cached("SELECT title, selftext FROM post WHERE id = ?1 AND title <> ?2")?
            .query_row(params![id, WIPED], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((title, body)) = found {
            texts.add(title);
            texts.add(body);
            db.execute(
                "UPDATE post SET title = ?2, selftext = ?2, author = ?2 WHERE id = ?1",
                params![id, WIPED],
            )?;
            done.imported += 1;
        }
        return Ok(());
    }
    let found: Option<String> = db
        .prepare_cached("SELECT body FROM comment WHERE id = ?1 AND body <> ?2")?
        .query_row(params![id, WIPED], |row| row.get(0))
        .optional()?;
    let Some(body) = found else {
        return Ok(());
    };
    done.imported += 1;
    db.execute(
        "UPDATE comment SET body = ?2, author = ?2 WHERE id = ?1",
        params![id, WIPED],
    )?;
    db.execute(
        "DELETE FROM pair_words WHERE rowid IN (SELECT id FROM pair WHERE id = ?1 OR comment_id = ?1)",
        [id],
    )?;
    let held: i64 = db.query_row(
        "SELECT count(*) FROM split_pair WHERE pair_id IN (SELECT id FROM pair WHERE id = ?1 OR comment_id = ?1)",
        [id],
        |row| row.get(0),
    )?;
    done.pairs += held.unsigned_abs();
    let mut query = db.prepare_cached(
        "SELECT id, text FROM fake WHERE text <> '' AND pair_id IN (SELECT id FROM pair WHERE comment_id = ?1)",
    )?;
    let fakes: Vec<(i64, String)> = query
        .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (fake, text) in fakes {
        texts.add(text);
        db.prepare_cached("UPDATE fake SET text = '' WHERE id = ?1")?
            .execute([fake])?;
    }
    db.execute(
        "UPDATE run_sample SET comment = '', text = '' WHERE comment = ?1",
        [&body],
    )?;
    // comments of test pairs that were answered stand in threads of their own, without a name
    if body.len() >= TELLING {
        let mut query =
            db.prepare_cached("SELECT id FROM thread_comment WHERE name IS NULL AND body = ?1")?;
        let copies: Vec<i64> = query
            .query_map([&body], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for copy in copies {
            forget_comment(db, copy, "purged", texts, done, 0)?;
        }
    }
    texts.add(body);
    Ok(())
}

/// Wipes what quotes one of the texts in the parameters, results and logs of jobs.
fn forget_quotes(db: &Transaction<'_>, texts: &Texts) -> Result<()> {
    if texts.whole.is_empty() {
        return Ok(());
    }
    let mut query = db.prepare_cached("SELECT id, params, progress, outcome FROM job")?;
    type Found = (String, String, Option<String>, Option<String>);
    let jobs: Vec<Found> = query
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let wiped = |json: &str| -> Option<String> {
        let mut value: Value = serde_json::from_str(json).ok()?;
        texts.wipe(&mut value).then(|| value.to_string())
    };
    for (id, params, progress, outcome) in jobs {
        let (p, g, o) = (
            wiped(&params),
            progress.as_deref().and_then(wiped),
            outcome.as_deref().and_then(wiped),
        );
        if p.is_some() || g.is_some() || o.is_some() {
            db.execute(
                "UPDATE job SET params = ?2, progress = ?3, outcome = ?4 WHERE id = ?1",
                params![id, p.unwrap_or(params), g.or(progress), o.or(outcome)],
            )?;
        }
    }
    let mut query = db.prepare_cached("SELECT id, text FROM job_log")?;
    let lines: Vec<(i64, String)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (id, text) in lines {
        if texts.quoted_in(&text) {
            db.execute("UPDATE job_log SET text = '' WHERE id = ?1", [id])?;
        }
    }
    Ok(())
}
