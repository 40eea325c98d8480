//! Purging: what Reddit no longer has, and what is past its retention. Texts, titles and authors are wiped, with the
//! candidates generated from them and whatever quotes them; ids stay, and so do our own replies on Reddit.
//!
//! `PRAGMA secure_delete` overwrites what is deleted, but not the copies that SQLite leaves behind when it moves a row
//! within its pages: measured over 26,000 wiped rows, 195 could still be read in the file. So [`Store::scrub`] rewrites
//! the tables, whose old pages are then overwritten as a whole, and empties the write-ahead log. For imported texts,
//! which are all over the file, it rewrites the whole file. That a scrub is due is stored by the transaction that wipes,
//! so that maintenance does it even if the process that wiped was killed.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use repartee_datasets::id::{decode, encode};
use repartee_datasets::record::{CUT, EXCERPT};
use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, OptionalExtension, Row, ToSql, Transaction, TransactionBehavior, params,
};
use serde_json::Value;

use crate::audit::{self, Entry};
use crate::fingerprints::{self, Fingerprint, Key, SHORT_ID, WITH_REDDITS_IDS, Written};
use crate::marks::{self, LostPairs};
use crate::queue::{ReplyState, note};
use crate::quotes::{TELLING, Texts, WIPED};
use crate::study::REGISTERED;
use crate::watch::{Family, touch};
use crate::{Result, Store, beside};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Comments of threads whose texts were wiped.
    pub comments: u64,
    /// Posts whose titles and texts were wiped.
    pub posts: u64,
    /// Candidates generated from them.
    pub candidates: u64,
    /// Replies that can no longer be posted.
    pub cancelled: u64,
    /// Imported comments and posts.
    pub imported: u64,
    /// Pairs of splits that one of these belonged to: what was trained on them is stale.
    pub pairs: u64,
    /// Texts of others that quoted one of these, now redacted.
    pub redacted: u64,
    /// Ids of the marks that this added to or renewed on bases, runs, fakes, evaluations and generations.
    pub marked: Vec<i64>,
}

impl Forgotten {
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
        self.redacted += other.redacted;
        self.marked.extend(&other.marked);
    }
}

/// A comment or post that Reddit no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// t1_... or t3_...
    pub name: String,
    /// deleted, removed, absent, or asked (by request).
    pub why: String,
}

/// The tables that can contain Reddit's texts, or what is derived from them.
const SCRUBBED: [&str; 10] = [
    "thread",
    "thread_comment",
    "candidate",
    "reply",
    "reply_event",
    "attempt",
    "run_sample",
    "job",
    "job_log",
    "left_out",
];

/// The setting that says that texts were wiped, and not scrubbed since.
pub(crate) const SCRUB_DUE: &str = "texts were wiped";

/// The setting that says that imported texts were wiped or deleted, and the whole file not rewritten since.
pub(crate) const UNSCRUBBED: &str = "imported texts were wiped";

/// SQL: whether a row's source has Reddit's texts, or texts of unknown origin, unless a program generated these. The ids
/// of any other source only look like Reddit's, so what Reddit says about such an id says nothing about the text. The
/// permission is a note: it takes no source that is recorded as Reddit's out of this.
pub(crate) const OF_REDDIT: &str = "source_id IN (SELECT id FROM source
    WHERE origin = 'reddit' OR (origin = 'unknown' AND permission <> 'synthetic'))";

/// Why a text is gone if the user named it. It is purged from every source.
pub(crate) const ASKED: &str = "asked";

/// How long to wait for readers before emptying the write-ahead log.
const WAIT_FOR_READERS: Duration = Duration::from_secs(5);

impl Store {
    /// Purges what Reddit no longer has: from threads, and from imports, with copies under other ids. The names are
    /// remembered, and what recognizes a copy, so that none of it is imported or fetched again.
    ///
    /// What Reddit says about an id is only about texts of Reddit, or of unknown origin.
    ///
    /// The bytes are gone from the file after [`Store::scrub`].
    pub fn purge(&self, gone: &[Gone], who: &str, now_ms: i64) -> Result<Forgotten> {
        self.purge_from(gone, false, who, now_ms)
    }

    /// As [`Store::purge`], for names from [`Store::records_gone`]: of any source.
    pub fn purge_learned(&self, gone: &[Gone], who: &str, now_ms: i64) -> Result<Forgotten> {
        self.purge_from(gone, true, who, now_ms)
    }

    fn purge_from(
        &self,
        gone: &[Gone],
        any_source: bool,
        who: &str,
        now_ms: i64,
    ) -> Result<Forgotten> {
        self.write(Family::Threads, |db| {
            let mut done = Forgotten::default();
            let mut texts = Texts::default();
            let mut lost = LostPairs::default();
            let mut threads: HashSet<i64> = HashSet::new();
            let mut posts: HashSet<i64> = HashSet::new();
            let key = Key::of_or_new(db)?;
            let mut originals: Vec<Original<'_>> = Vec::new();
            for one_gone in gone {
                let Gone { name, why } = one_gone;
                let mut one = Forgotten::default();
                // before it is wiped
                let mut of_name = fetched_fingerprints(db, &key, name)?;
                let mut of_reddit = !of_name.is_empty();
                let comment: Option<(i64, i64)> = db
                    .prepare_cached("SELECT id, thread_id FROM thread_comment WHERE name = ?1")?
                    .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                if let Some((id, thread)) = comment {
                    threads.insert(thread);
                    forget_comment(db, id, "purged", &mut texts, &mut one, now_ms)?;
                }
                let thread: Option<i64> = db
                    .prepare_cached("SELECT id FROM thread WHERE name = ?1")?
                    .query_row([name], |row| row.get(0))
                    .optional()?;
                if let Some(id) = thread {
                    threads.insert(id);
                    forget_post(db, id, "purged", &mut texts, &mut one)?;
                    // without the post, nobody reads what is under it
                    for comment in comments_of(db, id, false)? {
                        forget_comment(db, comment, "purged", &mut texts, &mut one, now_ms)?;
                    }
                }
                posts.extend(post_of(db, name)?);
                let imported_of_reddit = is_of_reddit(db, name)?;
                if any_source || why == ASKED || imported_of_reddit {
                    of_name.extend(imported_fingerprints(db, &key, name)?);
                    of_reddit |= imported_of_reddit;
                    forget_imported(db, name, &mut texts, &mut lost, &mut one, now_ms)?;
                }
                if one.any() && lost.why.is_empty() {
                    lost.why.clone_from(why);
                }
                remember(db, one_gone, any_source, one.pairs, now_ms)?;
                fingerprints::remember(db, name, &of_name)?;
                originals.extend(of_name.into_iter().map(|fingerprint| Original {
                    gone: one_gone,
                    of_reddit,
                    fingerprint,
                }));
                if one.any() {
                    let entry = Entry::new(who, "purged", now_ms).about(name.as_str());
                    audit::note(db, &entry.detail(why.as_str()))?;
                }
                done.add(&one);
            }
            // the same texts from tables with other ids
            for (name, original) in copies_of(db, &key, &originals)? {
                let mut one = Forgotten::default();
                posts.extend(post_of(db, &name)?);
                forget_imported(db, &name, &mut texts, &mut lost, &mut one, now_ms)?;
                if one.any() && lost.why.is_empty() {
                    lost.why.clone_from(&original.gone.why);
                }
                // its id may be anything's: a later import recognizes it by its fingerprint
                db.prepare_cached("UPDATE purged SET pairs = pairs + ?2 WHERE name = ?1")?
                    .execute(params![original.gone.name, one.pairs as i64])?;
                done.add(&one);
            }
            forget_rejected(db, gone)?;
            forget_pasted(db, &mut texts, "purged", &mut done, now_ms)?;
            // a fetched thread and the imported post are one
            posts.extend(posts_of(db, &threads)?);
            threads.extend(threads_of(db, &posts)?);
            let redacted = redact_imported(db, &texts, &posts, &mut lost)?;
            done.redacted = redacted + redact_threads(db, &texts, &threads, &posts)?;
            done.marked = marks::note(db, &lost, now_ms)?;
            forget_quotes(db, &texts)?;
            let imported = done.imported > 0 || redacted > 0;
            let again = forget_written(db, &texts, &threads, imported, &mut done, now_ms)?;
            forget_quotes(db, &again)?;
            if done.any() {
                for family in [Family::Queue, Family::Jobs] {
                    touch(db, family)?;
                }
            }
            // imported texts are in pairs, fakes were generated to them, and samples of runs quote them
            if imported {
                for family in [Family::Pairs, Family::Fakes, Family::Runs] {
                    touch(db, family)?;
                }
                scrub_is_due(db, UNSCRUBBED)?;
            }
            if done.any() || !texts.is_empty() {
                scrub_is_due(db, SCRUB_DUE)?;
            }
            Ok(done)
        })
    }

    /// Imported comments and posts that can be checked on Reddit: those of pairs, with a Reddit id (others have a
    /// negative one), from sources of Reddit or of unknown origin, written by people, and not wiped. Each is its kind (1: a comment, 3: a post) and its id, sorted;
    /// 16 MB for a million.
    pub fn imported_of_pairs(&self) -> Result<Vec<(u8, i64)>> {
        self.read(|db| {
            let mut all = Vec::new();
            for (kind, sql) in [
                (
                    1,
                    format!(
                        "SELECT id FROM comment WHERE id >= 0 AND body <> '{WIPED}' AND {OF_REDDIT}
                            AND (id IN (SELECT id FROM pair) OR id IN (SELECT comment_id FROM pair))
                         ORDER BY id"
                    ),
                ),
                (
                    3,
                    format!(
                        "SELECT id FROM post WHERE id >= 0 AND title <> '{WIPED}' AND {OF_REDDIT}
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

    /// Which of these imported names come from a source of unknown origin: whether the id is Reddit's is unknown, too.
    pub fn of_unknown_origin<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<HashSet<String>> {
        self.read(|db| {
            let mut unknown = HashSet::new();
            for name in names {
                let Some(id) = decode(name) else { continue };
                let sql = format!(
                    "SELECT EXISTS (SELECT 1 FROM {} WHERE id = ?1
                       AND source_id IN (SELECT id FROM source WHERE origin = 'unknown'))",
                    table_of(name)
                );
                if db.prepare_cached(&sql)?.query_row([id], |row| row.get(0))? {
                    unknown.insert(name.to_owned());
                }
            }
            Ok(unknown)
        })
    }

    /// Purges the texts of threads past their retention. What is approved or may be in flight stays, with its
    /// ancestors, until it is settled.
    ///
    /// The bytes are gone from the file after [`Store::scrub`].
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
            forget_pasted(db, &mut texts, "expired", &mut done, now_ms)?;
            forget_quotes(db, &texts)?;
            if done.any() {
                for family in [Family::Queue, Family::Jobs] {
                    touch(db, family)?;
                }
            }
            if done.any() || !texts.is_empty() {
                scrub_is_due(db, SCRUB_DUE)?;
            }
            Ok(done)
        })
    }

    /// Whether [`Store::expire`] would purge something now.
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

    /// Whether texts were wiped, and their last traces not removed by [`Store::scrub`] since. The rows of deleted items
    /// are removed by [`Store::sweep`] first.
    pub fn wants_scrub(&self) -> Result<bool> {
        self.read(|db| {
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM setting WHERE key = '{SCRUB_DUE}' OR (key = '{UNSCRUBBED}' AND {NONE_DELETING}))"
            );
            Ok(db.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
        })
    }

    /// Removes the last traces of purged texts from the file: rewrites its tables and empties the write-ahead log; if
    /// imported texts were wiped, rewrites the whole file. Returns false if the log could not be emptied because
    /// another process is reading: a scrub stays due then.
    ///
    /// # Errors
    /// [`crate::Error::Busy`], [`crate::Error::Full`]; nothing is lost.
    pub fn scrub(&self) -> Result<bool> {
        let mut writer = self.writing();
        let db = &mut writer.connection;
        // read first: what another process wipes in the meantime stays due
        let due: Vec<(String, String)> = db
            .prepare_cached("SELECT key, value FROM setting WHERE key IN (?1, ?2)")?
            .query_map([SCRUB_DUE, UNSCRUBBED], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<_, _>>()?;
        // rows are removed and reinserted unchanged: no reference breaks, and no trigger fires
        db.pragma_update(None, "foreign_keys", false)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        let written = rewrite(db);
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
        db.pragma_update(None, "foreign_keys", true)?;
        written?;
        if due.iter().any(|(key, _)| key == UNSCRUBBED) {
            // the full-text index only marks what is deleted, and drops it when its segments are merged
            db.execute_batch("INSERT INTO pair_words (pair_words) VALUES ('optimize'); VACUUM;")?;
        }
        let begun = Instant::now();
        while !empty_log(db)? {
            if begun.elapsed() > WAIT_FOR_READERS {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if !due.is_empty() {
            let sql = format!(
                "DELETE FROM setting WHERE key = ?1 AND value = ?2 AND (key = '{SCRUB_DUE}' OR {NONE_DELETING})"
            );
            for (key, value) in &due {
                db.execute(&sql, [key, value])?;
            }
            // what this wrote to the log has no text: it may stay there
            empty_log(db)?;
        }
        Ok(true)
    }

    /// Whether this was purged.
    pub fn is_purged(&self, name: &str) -> Result<bool> {
        self.read(|db| {
            let sql = "SELECT count(*) FROM purged WHERE name = ?1";
            let n: i64 = db
                .prepare_cached(sql)?
                .query_row([name], |row| row.get(0))?;
            Ok(n > 0)
        })
    }

    /// How many pairs of splits lost their text to deletion on Reddit: what was trained on them is stale.
    pub fn stale_pairs(&self) -> Result<u64> {
        self.read(|db| {
            let sql = "SELECT coalesce(sum(pairs), 0) FROM purged";
            let n: i64 = db.query_row(sql, [], |row| row.get(0))?;
            Ok(n.unsigned_abs())
        })
    }

    /// Bytes of the write-ahead log: 0 after a successful scrub.
    pub fn wal_bytes(&self) -> u64 {
        std::fs::metadata(beside(self.path(), "-wal")).map_or(0, |about| about.len())
    }
}

/// Moves the rows of the tables to new pages. The old pages are freed, and `secure_delete` overwrites freed pages as a
/// whole.
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

/// SQL: whether the rows of all deleted items are removed.
const NONE_DELETING: &str = "NOT EXISTS (SELECT 1 FROM deleting)";

/// Stores that a scrub is due, in the transaction that wipes: [`SCRUB_DUE`], or [`UNSCRUBBED`] for the whole file. The
/// value is new each time, so that a scrub that began before does not remove it.
pub(crate) fn scrub_is_due(db: &Connection, key: &str) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO setting (key, value) VALUES (?1, '\"' || hex(randomblob(8)) || '\"')
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )?
    .execute([key])?;
    Ok(())
}

/// Moves the write-ahead log into the file and empties it; false: another process is reading.
fn empty_log(db: &Connection) -> Result<bool> {
    let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}

/// Threads past their retention with texts left. One that was fetched in the future has been kept for an unknown time:
/// it counts as expired.
fn expired(db: &Connection, now_ms: i64) -> Result<Vec<i64>> {
    let mut query = db.prepare_cached(
        "SELECT id FROM thread WHERE expires_ms <= ?1 OR (expires_ms IS NOT NULL AND fetched_ms > ?2)
         ORDER BY id",
    )?;
    let past = now_ms.saturating_add(crate::times::SLACK_MS);
    let rows = query.query_map([now_ms, past], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The comments of a thread; with `settled`, without those that have an approved reply, or one that may be in flight,
/// and their ancestors.
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

/// SQL: the comments that a generator saw as context of a comment, as the generation recorded them; given SQL for the ids
/// of the comment and the generation.
pub(crate) fn context_of(comment: &str, generation: &str) -> String {
    format!(
        "SELECT seen.value AS value FROM generation g, json_each(
           CASE WHEN json_valid(g.config) THEN g.config ELSE '{{}}' END, '$.context.\"' || {comment} || '\"') seen
         WHERE g.id = {generation}"
    )
}

/// Wipes a reply that is no longer on Reddit, or never will be, if a comment that it was generated from is purged or
/// expired: while it was or could be there, its text was kept.
pub(crate) fn forget_if_purged(db: &Transaction<'_>, reply: i64, now_ms: i64) -> Result<()> {
    let sql = format!(
        "SELECT d.id, c.skip FROM reply q JOIN candidate d ON d.id = q.candidate_id
                JOIN thread_comment c ON c.id IN (SELECT d.comment_id UNION ALL {})
         WHERE q.id = ?1 AND c.body = '' AND c.skip IN ('purged', 'expired') LIMIT 1",
        context_of("d.comment_id", "d.generation_id")
    );
    let found: Option<(i64, String)> = db
        .prepare_cached(&sql)?
        .query_row([reply], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((candidate, why)) = found else {
        return Ok(());
    };
    let (mut texts, mut done) = (Texts::default(), Forgotten::default());
    forget_candidate(db, candidate, &why, &mut texts, &mut done, now_ms)?;
    touch(db, Family::Threads)?;
    scrub_is_due(db, SCRUB_DUE)
}

/// Wipes a comment of a thread, the candidates generated from it, also as context of another comment, and the replies
/// made from these that are not on Reddit.
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
    texts.add(&body);
    db.prepare_cached(
        "UPDATE thread_comment SET body = '', author = NULL, score = NULL, skip = ?2 WHERE id = ?1",
    )?
    .execute(params![id, why])?;
    let mut query = db.prepare_cached(&format!(
        "SELECT d.id FROM thread_comment t JOIN thread_comment c ON c.thread_id = t.thread_id
                JOIN candidate d ON d.comment_id = c.id LEFT JOIN reply q ON q.candidate_id = d.id
         WHERE t.id = ?1 AND (d.text <> '' OR q.text <> '')
           AND (d.comment_id = ?1 OR ?1 IN ({}))",
        context_of("d.comment_id", "d.generation_id")
    ))?;
    let candidates: Vec<i64> = query
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for candidate in candidates {
        forget_candidate(db, candidate, why, texts, done, now_ms)?;
    }
    Ok(())
}

/// Wipes a candidate and the reply made from it, unless that is on Reddit.
fn forget_candidate(
    db: &Transaction<'_>,
    candidate: i64,
    why: &str,
    texts: &mut Texts,
    done: &mut Forgotten,
    now_ms: i64,
) -> Result<()> {
    type Found = (String, Option<i64>, Option<String>, Option<String>);
    let (written, reply, text, state): Found = db
        .prepare_cached(
            "SELECT d.text, q.id, q.text, q.state FROM candidate d
                    LEFT JOIN reply q ON q.candidate_id = d.id WHERE d.id = ?1",
        )?
        .query_row([candidate], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    if !written.is_empty() {
        texts.add_derived(&written);
        db.prepare_cached(
            "UPDATE candidate SET text = '', reason = '', flags = NULL WHERE id = ?1",
        )?
        .execute([candidate])?;
        done.candidates += 1;
    }
    let (Some(reply), Some(state)) = (
        reply,
        state
            .as_deref()
            .and_then(|state| state.parse::<ReplyState>().ok()),
    ) else {
        return Ok(());
    };
    // earlier versions of the text, and excerpts of answers that may quote it
    db.prepare_cached("UPDATE reply_event SET detail = '' WHERE reply_id = ?1")?
        .execute([reply])?;
    db.prepare_cached("UPDATE attempt SET excerpt = '' WHERE reply_id = ?1")?
        .execute([reply])?;
    match state {
        ReplyState::Draft | ReplyState::Approved | ReplyState::Rejected | ReplyState::Cancelled => {
            if let Some(text) = text {
                texts.add_derived(&text);
            }
            let waits = matches!(state, ReplyState::Draft | ReplyState::Approved);
            db.prepare_cached(
                "UPDATE reply SET text = '', full_text = '', hash = '', parent_hash = '', seen = '', seal = '',
                        approved_by = '', approved_ms = NULL, detail = '', updated_ms = ?3,
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
        // our own words, which are or may be on Reddit
        ReplyState::Sending | ReplyState::Uncertain | ReplyState::Absent | ReplyState::Posted => {}
        ReplyState::Withdrawn => {
            if let Some(text) = text {
                texts.add_derived(&text);
            }
            db.prepare_cached(
                "UPDATE reply SET text = '', full_text = '', hash = '', parent_hash = '', seen = '', seal = ''
                 WHERE id = ?1",
            )?
            .execute([reply])?;
        }
    }
    Ok(())
}

/// A URL without the words of the title: `/r/x/comments/abc/some_words/def/` becomes `/r/x/comments/abc/_/def/`.
fn without_title(link: &str) -> String {
    let mut parts: Vec<&str> = link.split('/').collect();
    if let Some(at) = parts.iter().position(|part| *part == "comments")
        && let Some(words) = parts.get_mut(at + 2)
        && !words.is_empty()
    {
        *words = "_";
    }
    parts.join("/")
}

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
    texts.add(&title);
    texts.add(&body);
    db.prepare_cached(
        "UPDATE thread SET title = '', body = '', author = NULL, score = NULL, skip = ?2,
                expires_ms = NULL
         WHERE id = ?1",
    )?
    .execute(params![id, why])?;
    without_title_in_links(db, id)
}

/// Removes the words of a thread's title from URLs; Reddit finds them without, too.
fn without_title_in_links(db: &Transaction<'_>, id: i64) -> Result<()> {
    for (table, column, whose) in [
        ("thread", "permalink", "id = ?1"),
        ("thread_comment", "permalink", "thread_id = ?1"),
        (
            "reply",
            "link",
            "candidate_id IN (SELECT d.id FROM candidate d JOIN thread_comment c ON c.id = d.comment_id
                              WHERE c.thread_id = ?1)",
        ),
    ] {
        let mut query = db.prepare_cached(&format!(
            "SELECT id, {column} FROM {table} WHERE {column} <> '' AND {whose}"
        ))?;
        let links: Vec<(i64, String)> = query
            .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (row, link) in links {
            let update = format!("UPDATE {table} SET {column} = ?2 WHERE id = ?1");
            db.prepare_cached(&update)?
                .execute(params![row, without_title(&link)])?;
        }
    }
    Ok(())
}

/// The id of an imported comment or post: Reddit's, or one made from its content ([`encode`]).
fn imported_id(name: &str) -> Option<i64> {
    let bare = name.get(3..).filter(|bare| bare.len() == 17);
    let hash = bare.and_then(|bare| u64::from_str_radix(bare.strip_prefix('x')?, 16).ok());
    match hash.map(|hash| hash as i64) {
        Some(id) if id < 0 => Some(id),
        _ => decode(name),
    }
}

/// Remembers the name of a purged text: for good, or, if this was learned from a source, as [`Store::records_gone`] stored
/// it.
fn remember(
    db: &Connection,
    Gone { name, why }: &Gone,
    learned: bool,
    pairs: u64,
    now_ms: i64,
) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO purged (name, at_ms, why, pairs) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET pairs = pairs + excluded.pairs,
           why = CASE excluded.why WHEN 'asked' THEN 'asked' ELSE why END,
           seen_utc = CASE WHEN ?5 THEN seen_utc END,
           of_reddit = CASE WHEN ?5 OR of_reddit = 1 THEN of_reddit ELSE 2 END",
    )?
    .execute(params![name, now_ms, why, pairs as i64, learned])?;
    Ok(())
}

/// A purged text, as its copies are recognized: a table may have the same comment under an id of its own.
struct Original<'a> {
    gone: &'a Gone,
    of_reddit: bool,
    fingerprint: Fingerprint,
}

/// What copies of a fetched comment or post are recognized by.
fn fetched_fingerprints(db: &Connection, key: &Key, name: &str) -> Result<Vec<Fingerprint>> {
    let (is_post, sql) = match name.starts_with("t3_") {
        true => (
            true,
            "SELECT author, subreddit, title, body FROM thread WHERE name = ?1",
        ),
        false => (
            false,
            "SELECT c.author, t.subreddit, c.body, '' FROM thread_comment c JOIN thread t ON t.id = c.thread_id
             WHERE c.name = ?1",
        ),
    };
    fingerprints_in(db, key, sql, name, is_post)
}

/// What copies of an imported comment or post are recognized by.
fn imported_fingerprints(db: &Connection, key: &Key, name: &str) -> Result<Vec<Fingerprint>> {
    let Some(id) = imported_id(name) else {
        return Ok(Vec::new());
    };
    let (is_post, sql) = match name.starts_with("t3_") {
        true => (
            true,
            "SELECT author, subreddit, title, selftext FROM post WHERE id = ?1",
        ),
        false => (
            false,
            "SELECT author, subreddit, body, '' FROM comment WHERE id = ?1",
        ),
    };
    fingerprints_in(db, key, sql, id, is_post)
}

/// The fingerprints of the texts that a query finds, with author, subreddit and two texts in its columns.
fn fingerprints_in(
    db: &Connection,
    key: &Key,
    sql: &str,
    of: impl ToSql,
    is_post: bool,
) -> Result<Vec<Fingerprint>> {
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query([of])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(fingerprints_of_row(key, row, is_post)?);
    }
    Ok(found)
}

/// As [`fingerprints_in`], of one row.
fn fingerprints_of_row(
    key: &Key,
    row: &Row<'_>,
    is_post: bool,
) -> Result<impl Iterator<Item = Fingerprint>> {
    // an edited file may contain invalid UTF-8
    let text = |at: usize| -> Result<String> {
        let bytes = row.get_ref(at)?.as_bytes().unwrap_or_default();
        Ok(String::from_utf8_lossy(bytes).into_owned())
    };
    let (author, subreddit) = (text(0)?, text(1)?);
    let of = |text: String| -> Vec<Fingerprint> {
        let all = key.fingerprints(Written {
            text: &text,
            is_post,
            // empty: unknown
            author: Some(&author),
            subreddit: &subreddit,
        });
        all.collect()
    };
    Ok([of(text(2)?), of(text(3)?)].into_iter().flatten())
}

/// The names of copies of these texts, each with its original. Two texts are equal when a split calls them equal. A row
/// of an archive or of Reddit itself has Reddit's id, so that one with another id is another comment; all other rows are
/// read, since any short id may be the table's own.
fn copies_of<'a>(
    db: &Connection,
    key: &Key,
    originals: &'a [Original<'a>],
) -> Result<Vec<(String, &'a Original<'a>)>> {
    let mut by_words: HashMap<[u8; 16], Vec<&'a Original<'a>>> = HashMap::new();
    for original in originals {
        let of_words = by_words.entry(original.fingerprint.words).or_default();
        of_words.push(original);
    }
    if by_words.is_empty() {
        return Ok(Vec::new());
    }
    let tables: bool = db.query_row(
        &format!(
            "SELECT EXISTS (SELECT 1 FROM source WHERE format NOT IN {WITH_REDDITS_IDS}
                                                   AND format NOT IN ('bigquery', 'sample'))"
        ),
        [],
        |row| row.get(0),
    )?;
    let mut found = Vec::new();
    for (table, texts, kind) in [("comment", "body, ''", 1), ("post", "title, selftext", 3)] {
        let select = format!("SELECT author, subreddit, {texts}, id, {OF_REDDIT} FROM {table}");
        let mut parts = vec![format!("{select} WHERE id < {SHORT_ID}")];
        if tables {
            parts.push(format!(
                "{select} WHERE id >= {SHORT_ID} AND source_id IN
                   (SELECT id FROM source WHERE format NOT IN {WITH_REDDITS_IDS})"
            ));
        }
        for sql in parts {
            let mut query = db.prepare(&sql)?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let (id, of_reddit): (i64, bool) = (row.get(4)?, row.get(5)?);
                let original = fingerprints_of_row(key, row, kind == 3)?.find_map(|copy| {
                    let same = by_words.get(&copy.words)?.iter();
                    same.copied().find(|original| {
                        (original.of_reddit == of_reddit || original.gone.why == ASKED)
                            && original.fingerprint.is_of_copy(&copy)
                    })
                });
                if let Some(original) = original {
                    found.push((format!("t{kind}_{}", encode(id)), original));
                }
            }
        }
    }
    Ok(found)
}

/// The table with what was imported under a name.
fn table_of(name: &str) -> &'static str {
    match name.starts_with("t3_") {
        true => "post",
        false => "comment",
    }
}

/// Whether what was imported under a name is Reddit's.
fn is_of_reddit(db: &Connection, name: &str) -> Result<bool> {
    let Some(id) = imported_id(name) else {
        return Ok(false);
    };
    let table = table_of(name);
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE id = ?1 AND {OF_REDDIT})");
    Ok(db.prepare_cached(&sql)?.query_row([id], |row| row.get(0))?)
}

/// Wipes what was imported under this name, with its words in the index, the fakes generated from it, the samples that
/// answer it, and quotes of it in the replies to it. The pairs stay, since splits are locked.
fn forget_imported(
    db: &Transaction<'_>,
    name: &str,
    texts: &mut Texts,
    lost: &mut LostPairs,
    done: &mut Forgotten,
    now_ms: i64,
) -> Result<()> {
    let Some(id) = imported_id(name) else {
        return Ok(());
    };
    if name.starts_with("t3_") {
        let found: Option<(String, String)> = db
            .prepare_cached("SELECT title, selftext FROM post WHERE id = ?1 AND title <> ?2")?
            .query_row(params![id, WIPED], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((title, body)) = found {
            texts.add(&title);
            texts.add(&body);
            db.execute(
                "UPDATE post SET title = ?2, selftext = ?2, author = ?2,
                        retrieved_utc = (SELECT seen_utc FROM purged WHERE name = ?3) WHERE id = ?1",
                params![id, WIPED, name],
            )?;
            done.imported += 1;
        }
        return Ok(());
    }
    // a placeholder from an archive was a text for those who read an earlier copy of it
    let found: Option<String> = db
        .prepare_cached(
            "SELECT body FROM comment WHERE id = ?1
               AND (body <> ?2 OR NOT EXISTS (SELECT 1 FROM purged WHERE name = ?3))",
        )?
        .query_row(params![id, WIPED, name], |row| row.get(0))
        .optional()?;
    let Some(body) = found else {
        return Ok(());
    };
    done.imported += 1;
    // as a placeholder that an archive saw then, or, without a time, one that no copy replaces
    db.execute(
        "UPDATE comment SET body = ?2, author = ?2,
                retrieved_utc = (SELECT seen_utc FROM purged WHERE name = ?3) WHERE id = ?1",
        params![id, WIPED, name],
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
    let mut query = db.prepare_cached("SELECT id FROM pair WHERE comment_id = ?1")?;
    let answered: Vec<i64> = query
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    lost.pairs.insert(id);
    lost.pairs.extend(&answered);
    lost.comments.extend(&answered);
    let mut query = db.prepare_cached(
        "SELECT id, text FROM fake WHERE text <> '' AND pair_id IN (SELECT id FROM pair WHERE comment_id = ?1)",
    )?;
    let fakes: Vec<(i64, String)> = query
        .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (fake, text) in fakes {
        texts.add_derived(&text);
        db.prepare_cached("UPDATE fake SET text = '' WHERE id = ?1")?
            .execute([fake])?;
    }
    db.execute(
        "UPDATE run_sample SET comment = '', text = ''
         WHERE (comment = ?2 AND ?2 <> ?3) OR pair_id IN (SELECT id FROM pair WHERE comment_id = ?1)",
        params![id, body, WIPED],
    )?;
    // answered comments of test pairs are in threads of their own, without a name
    let mut query = db.prepare_cached(
        "SELECT id FROM thread_comment WHERE name IS NULL
            AND (pair_id IN (SELECT id FROM pair WHERE comment_id = ?1) OR (?3 AND body = ?2))",
    )?;
    let copies: Vec<i64> = query
        .query_map(params![id, body, body.len() >= TELLING], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for copy in copies {
        forget_comment(db, copy, "purged", texts, done, now_ms)?;
    }
    texts.add(&body);
    Ok(())
}

/// The post of a comment or post of this name, as far as it was imported.
fn post_of(db: &Connection, name: &str) -> Result<Option<i64>> {
    let Some(id) = imported_id(name) else {
        return Ok(None);
    };
    if name.starts_with("t3_") {
        return Ok(Some(id));
    }
    let sql = "SELECT link_id FROM comment WHERE id = ?1";
    Ok(db
        .prepare_cached(sql)?
        .query_row([id], |row| row.get(0))
        .optional()?)
}

/// The posts of threads that have a Reddit name.
fn posts_of(db: &Connection, threads: &HashSet<i64>) -> Result<Vec<i64>> {
    let mut posts = Vec::new();
    let mut query = db.prepare_cached("SELECT name FROM thread WHERE id = ?1")?;
    for thread in threads {
        let name: Option<String> = query
            .query_row([thread], |row| row.get(0))
            .optional()?
            .flatten();
        posts.extend(name.as_deref().and_then(decode));
    }
    Ok(posts)
}

/// The threads that were fetched of posts.
fn threads_of(db: &Connection, posts: &HashSet<i64>) -> Result<Vec<i64>> {
    let mut threads = Vec::new();
    let mut query = db.prepare_cached("SELECT id FROM thread WHERE name = ?1")?;
    for post in posts {
        let name = format!("t3_{}", encode(*post));
        let thread: Option<i64> = query.query_row([name], |row| row.get(0)).optional()?;
        threads.extend(thread);
    }
    Ok(threads)
}

/// Rows of a query whose first column is an id and the others are texts, redacted; `None` for a text that quotes
/// nothing.
fn redactions<const N: usize>(
    db: &Connection,
    texts: &Texts,
    sql: &str,
    of: &HashSet<i64>,
) -> Result<Vec<(i64, [Option<String>; N])>> {
    let of: Vec<i64> = of.iter().copied().collect();
    let of = Value::from(of).to_string();
    let mut query = db.prepare(sql)?;
    let mut rows = query.query([of])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut left = [const { None }; N];
        for (n, left) in left.iter_mut().enumerate() {
            let text = row.get_ref(n + 1)?.as_bytes().unwrap_or_default();
            *left = texts.redacted(&String::from_utf8_lossy(text));
        }
        if left.iter().any(Option::is_some) {
            found.push((row.get(0)?, left));
        }
    }
    Ok(found)
}

/// Removes quotes of the texts from other imports of these posts: comments anywhere in them, title and text. What was
/// trained on these has seen the quote. Returns the number of rows.
fn redact_imported(
    db: &Transaction<'_>,
    texts: &Texts,
    posts: &HashSet<i64>,
    lost: &mut LostPairs,
) -> Result<u64> {
    if texts.is_empty() || posts.is_empty() {
        return Ok(0);
    }
    let of_posts = "IN (SELECT value FROM json_each(?1))";
    let sql = format!("SELECT id, body FROM comment WHERE link_id {of_posts}");
    let comments = redactions::<1>(db, texts, &sql, posts)?;
    let mut pairs = db.prepare_cached("SELECT id FROM pair WHERE id = ?1 OR comment_id = ?1")?;
    for (id, [body]) in &comments {
        db.prepare_cached("UPDATE comment SET body = ?2 WHERE id = ?1")?
            .execute(params![id, body])?;
        let of: Vec<i64> = pairs
            .query_map([id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for pair in of {
            lost.pairs.insert(pair);
            if pair != *id {
                lost.comments.insert(pair);
            }
            // the next indexing adds its words again
            db.prepare_cached("DELETE FROM pair_words WHERE rowid = ?1")?
                .execute([pair])?;
        }
    }
    let sql = format!("SELECT id, title, selftext FROM post WHERE id {of_posts}");
    let changed = redactions::<2>(db, texts, &sql, posts)?;
    for (id, [title, selftext]) in &changed {
        db.prepare_cached(
            "UPDATE post SET title = coalesce(?2, title), selftext = coalesce(?3, selftext) WHERE id = ?1",
        )?
        .execute(params![id, title, selftext])?;
    }
    Ok((comments.len() + changed.len()) as u64)
}

/// Removes quotes of the texts from fetched threads, from copies of imported comments of these posts, and from pasted
/// texts.
fn redact_threads(
    db: &Transaction<'_>,
    texts: &Texts,
    threads: &HashSet<i64>,
    posts: &HashSet<i64>,
) -> Result<u64> {
    if texts.is_empty() {
        return Ok(0);
    }
    let own = "IN (SELECT value FROM json_each(?1))";
    let mut changed = 0;
    let mut comments = redactions::<1>(
        db,
        texts,
        &format!(
            "SELECT id, body FROM thread_comment WHERE body <> '' AND (thread_id {own} OR name IS NULL AND pair_id IS NULL)"
        ),
        threads,
    )?;
    comments.extend(redactions::<1>(
        db,
        texts,
        &format!(
            "SELECT c.id, c.body FROM thread_comment c JOIN pair p ON p.id = c.pair_id
             WHERE c.body <> '' AND p.thread_id {own}"
        ),
        posts,
    )?);
    for (id, [body]) in &comments {
        changed += db
            .prepare_cached("UPDATE thread_comment SET body = ?2 WHERE id = ?1")?
            .execute(params![id, body])?;
    }
    let posts = redactions::<2>(
        db,
        texts,
        &format!(
            "SELECT id, title, body FROM thread WHERE (id {own} OR name IS NULL) AND title || body <> ''"
        ),
        threads,
    )?;
    for (id, [title, body]) in &posts {
        changed += db
            .prepare_cached(
                "UPDATE thread SET title = coalesce(?2, title), body = coalesce(?3, body) WHERE id = ?1",
            )?
            .execute(params![id, title, body])?;
        if title.is_some() {
            without_title_in_links(db, *id)?;
        }
    }
    Ok(changed as u64)
}

/// Tables with fixed places for texts, and tables without any: names, ids and the program's own words. Every other text
/// column is searched, including those that a later version adds.
const PLACES: [&str; 28] = [
    "comment",
    "post",
    "pair",
    "pair_words",
    "split_pair",
    "blob",
    "chunk",
    "bundle_part",
    "metric",
    "prediction",
    "quality",
    "sweep",
    "trial",
    "thread",
    "thread_comment",
    "fake",
    "candidate",
    "run_sample",
    "purged",
    "purged_text",
    "deleted_content",
    "touched",
    // rows that never change and never contain text
    "audit",
    "probe",
    // what the user of this project decided, and Reddit's rules: none of it is part of the purged text, even if a
    // comment quotes it. Remarks and reasons are another matter: see NOTES
    "account",
    "opt_out",
    "study_record",
    "subreddit",
];
/// What the user writes freely about a decision: it may quote the text that it is about. The decisions themselves
/// (scope, link, footer) stay.
const NOTES: [(&str, &str); 6] = [
    ("opt_out", "why"),
    ("subreddit", "note"),
    ("subreddit", "off"),
    ("account", "stopped"),
    ("study_record", "note"),
    // repeats some of them
    ("audit", "detail"),
];
/// Columns of the other tables that are names, or that have their own rules: what was approved or is on Reddit is ours.
const NAMES: [&str; 14] = [
    "name",
    "kind",
    "state",
    "want",
    "owner",
    "id",
    "job_id",
    "text_hash",
    "hash",
    "permalink",
    "link",
    "permission",
    "format",
    "role",
];

/// Rows that could not be read have no name: those with the id in them are removed, and those that were cut before one
/// of their ids, since they may be anyone's.
fn forget_rejected(db: &Transaction<'_>, gone: &[Gone]) -> Result<()> {
    let ids: Vec<&str> = gone
        .iter()
        .filter_map(|gone| gone.name.get(3..))
        .filter(|id| !id.is_empty())
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut query =
        db.prepare("SELECT source_id, line, excerpt FROM rejected WHERE excerpt <> ''")?;
    let mut rows = query.query([])?;
    let mut found: Vec<(i64, i64)> = Vec::new();
    while let Some(row) = rows.next()? {
        let excerpt = String::from_utf8_lossy(row.get_ref(2)?.as_bytes().unwrap_or_default());
        let cut = excerpt.chars().count() >= EXCERPT && !excerpt.contains(CUT);
        if cut || ids.iter().any(|id| has_id(&excerpt, id)) {
            found.push((row.get(0)?, row.get(1)?));
        }
    }
    for key in &found {
        db.prepare_cached("UPDATE rejected SET excerpt = '' WHERE source_id = ?1 AND line = ?2")?
            .execute(*key)?;
    }
    if !found.is_empty() {
        scrub_is_due(db, UNSCRUBBED)?;
    }
    Ok(())
}

/// Whether a row contains a Reddit id as a whole word. Short ones, which can be words, only if marked as ids.
fn has_id(row: &str, id: &str) -> bool {
    let telling = id.len() >= 5 && id.bytes().any(|b| b.is_ascii_digit());
    let part_of_word = |c: char| c.is_ascii_alphanumeric();
    row.match_indices(id).any(|(at, _)| {
        let (before, after) = (&row[..at], &row[at + id.len()..]);
        if after.starts_with(part_of_word) || before.ends_with(part_of_word) {
            return false;
        }
        telling
            || before.ends_with("t1_")
            || before.ends_with("t3_")
            || (before.ends_with('"') && after.starts_with('"'))
    })
}

/// Wipes what quotes one of the texts in logs, parameters, results, notes and facts of all kinds.
fn forget_quotes(db: &Transaction<'_>, texts: &Texts) -> Result<()> {
    if texts.is_empty() {
        return Ok(());
    }
    let mut query = db.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'
            AND name NOT GLOB 'pair_words*'",
    )?;
    let tables: Vec<String> = query
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    // before the sweep, which would empty them
    forget_hypotheses(db, texts)?;
    for table in tables.iter().filter(|t| !PLACES.contains(&t.as_str())) {
        // each scrub rewrites the others
        if sweep(db, table, texts)? > 0 && !SCRUBBED.contains(&table.as_str()) {
            scrub_is_due(db, UNSCRUBBED)?;
        }
    }
    forget_notes(db, texts)
}

/// Removes quotes from remarks and reasons of the user, also from records that are never changed otherwise.
fn forget_notes(db: &Transaction<'_>, texts: &Texts) -> Result<()> {
    let mut changed = Vec::new();
    for (table, column) in NOTES {
        let mut query = db.prepare_cached(&format!(
            "SELECT DISTINCT {column} FROM {table} WHERE {column} <> ''"
        ))?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            // an edited file may contain anything here
            let Ok(note) = row.get_ref(0)?.as_str() else {
                continue;
            };
            if let Some(left) = texts.redacted_note(note) {
                changed.push((table, column, note.to_owned(), left));
            }
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    let written = changed.iter().try_for_each(|(table, column, note, left)| {
        let sql = format!("UPDATE {table} SET {column} = ?2 WHERE {column} = ?1");
        db.execute(&sql, [note, left]).map(drop)
    });
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
    written?;
    for family in [Family::Reddit, Family::Settings] {
        touch(db, family)?;
    }
    scrub_is_due(db, UNSCRUBBED)
}

/// Removes quotes from the hypotheses that were registered before training: they are notes of the user in a setting.
fn forget_hypotheses(db: &Transaction<'_>, texts: &Texts) -> Result<()> {
    let stored: Option<Vec<u8>> = db
        .prepare_cached("SELECT CAST(value AS BLOB) FROM setting WHERE key = ?1")?
        .query_row([REGISTERED], |row| row.get(0))
        .optional()?;
    // an edited file may contain anything here
    let read = stored.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    let Some(mut all) = read else {
        return Ok(());
    };
    let registered = all.as_array_mut().into_iter().flatten();
    let hypotheses = registered.filter_map(|one| one.get_mut("hypotheses")?.as_array_mut());
    let mut is_changed = false;
    for text in hypotheses.flatten().filter_map(|one| one.get_mut("text")) {
        if let Some(left) = text.as_str().and_then(|text| texts.redacted_note(text)) {
            *text = Value::from(left);
            is_changed = true;
        }
    }
    if !is_changed {
        return Ok(());
    }
    db.prepare_cached("UPDATE setting SET value = ?2 WHERE key = ?1")?
        .execute([REGISTERED, &all.to_string()])?;
    touch(db, Family::Settings)?;
    scrub_is_due(db, UNSCRUBBED)
}

/// Wipes what quotes a text in all text columns of a table. Returns the number of values.
fn sweep(db: &Transaction<'_>, table: &str, texts: &Texts) -> Result<u64> {
    let mut query = db.prepare("SELECT name, type, pk FROM pragma_table_info(?1)")?;
    let columns: Vec<(String, String, i64)> = query
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut key: Vec<&str> = columns
        .iter()
        .filter(|(_, _, pk)| *pk > 0)
        .map(|(name, ..)| name.as_str())
        .collect();
    if key.is_empty() {
        key.push("rowid");
    }
    let mut wiped = 0;
    for (column, kind, pk) in &columns {
        // our own words are handled with their reply; a run's settings contain no text
        let ours = matches!(
            (table, column.as_str()),
            ("reply", "text" | "full_text") | ("run", "config")
        );
        if kind != "TEXT" || *pk > 0 || ours || NAMES.contains(&column.as_str()) {
            continue;
        }
        // names of columns and tables come from the schema itself; quoted, they are nothing else
        let of = key
            .iter()
            .map(|k| format!("\"{k}\""))
            .collect::<Vec<_>>()
            .join(", ");
        // the rules of posting are the user's own, including the footer
        let but = match table {
            "setting" => " AND key <> 'reddit'",
            _ => "",
        };
        let mut query = db.prepare(&format!(
            "SELECT \"{column}\", {of} FROM \"{table}\" WHERE \"{column}\" <> ''{but}"
        ))?;
        let mut rows = query.query([])?;
        let mut changes: Vec<(String, Vec<rusqlite::types::Value>)> = Vec::new();
        while let Some(row) = rows.next()? {
            // an edited file may contain invalid UTF-8
            let text = String::from_utf8_lossy(row.get_ref(0)?.as_bytes().unwrap_or_default());
            if let Some(left) = texts.wiped(&text) {
                let key = (1..=key.len()).map(|at| row.get(at));
                changes.push((left, key.collect::<Result<_, _>>()?));
            }
        }
        let is = (2..)
            .zip(&key)
            .map(|(n, k)| format!("\"{k}\" IS ?{n}"))
            .collect::<Vec<_>>()
            .join(" AND ");
        let update = format!("UPDATE \"{table}\" SET \"{column}\" = ?1 WHERE {is}");
        for (left, key) in changes {
            let mut values = vec![rusqlite::types::Value::Text(left)];
            values.extend(key);
            wiped += db
                .prepare_cached(&update)?
                .execute(rusqlite::params_from_iter(values))? as u64;
        }
    }
    Ok(wiped)
}

/// Wipes what the user pasted if it is a copy of one of these texts, or contains one.
fn forget_pasted(
    db: &Transaction<'_>,
    texts: &mut Texts,
    why: &str,
    done: &mut Forgotten,
    now_ms: i64,
) -> Result<()> {
    if texts.is_empty() {
        return Ok(());
    }
    let copies = |sql: &str, texts: &Texts| -> Result<Vec<i64>> {
        let mut query = db.prepare(sql)?;
        let mut rows = query.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let text = String::from_utf8_lossy(row.get_ref(1)?.as_bytes().unwrap_or_default());
            if texts.is_in(&text) {
                found.push(row.get(0)?);
            }
        }
        Ok(found)
    };
    for comment in copies(
        "SELECT id, body FROM thread_comment WHERE name IS NULL AND body <> ''",
        texts,
    )? {
        let mut copy = Forgotten::default();
        forget_comment(db, comment, why, texts, &mut copy, now_ms)?;
        // what was copied is counted, not each copy
        copy.comments = 0;
        done.add(&copy);
    }
    for thread in copies(
        "SELECT id, title || char(10) || body FROM thread WHERE name IS NULL AND title || body <> ''",
        texts,
    )? {
        forget_post(db, thread, why, texts, &mut Forgotten::default())?;
    }
    Ok(())
}

/// Wipes model output that has a run of words of a purged text which no remaining text contains: candidates and drafts
/// in these threads, and, for imported texts, which were trained on, all of them, with fakes and samples. Returns what
/// was wiped.
fn forget_written(
    db: &Transaction<'_>,
    texts: &Texts,
    threads: &HashSet<i64>,
    imported: bool,
    done: &mut Forgotten,
    now_ms: i64,
) -> Result<Texts> {
    let mut again = Texts::default();
    if texts.is_empty() {
        return Ok(again);
    }
    let indexed: bool = db.query_row(
        "SELECT EXISTS (SELECT 1 FROM pair_words_docsize)",
        [],
        |row| row.get(0),
    )?;
    let in_text = "SELECT EXISTS (SELECT 1 FROM comment WHERE instr(lower(body), ?1))";
    let mut stays = db.prepare(if indexed {
        "SELECT EXISTS (SELECT 1 FROM pair_words WHERE pair_words MATCH '\"' || ?1 || '\"')"
    } else {
        in_text
    })?;
    // the index takes a sentence without spaces for one word
    let mut stays_unspaced = db.prepare(in_text)?;
    let mut repeats = |text: &str| -> Result<bool> {
        for run in texts.written_in(text) {
            let stays = match run.is_unspaced {
                true => &mut stays_unspaced,
                false => &mut stays,
            };
            if !stays.query_row([run.text], |row| row.get::<_, bool>(0))? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let mut query = db.prepare(
        "SELECT d.id, c.thread_id, d.text, coalesce(q.text, ''), coalesce(q.state, '') FROM candidate d
                JOIN thread_comment c ON c.id = d.comment_id LEFT JOIN reply q ON q.candidate_id = d.id
         WHERE d.text <> '' OR q.text <> ''",
    )?;
    let mut rows = query.query([])?;
    let mut candidates: Vec<i64> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, thread): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (written, text): (String, String) = (row.get(2)?, row.get(3)?);
        if (imported || threads.contains(&thread)) && (repeats(&written)? || repeats(&text)?) {
            candidates.push(id);
        }
    }
    for id in candidates {
        forget_candidate(db, id, "purged", &mut again, done, now_ms)?;
    }
    if !imported {
        return Ok(again);
    }
    let mut query = db.prepare("SELECT id, text FROM fake WHERE text <> ''")?;
    let mut rows = query.query([])?;
    let mut fakes: Vec<i64> = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(1)?;
        if repeats(&text)? {
            again.add_derived(&text);
            fakes.push(row.get(0)?);
        }
    }
    for id in fakes {
        db.prepare_cached("UPDATE fake SET text = '' WHERE id = ?1")?
            .execute([id])?;
    }
    let mut query =
        db.prepare("SELECT run_id, step, n, comment, text FROM run_sample WHERE text <> ''")?;
    let mut rows = query.query([])?;
    let mut samples: Vec<[i64; 3]> = Vec::new();
    while let Some(row) = rows.next()? {
        let (comment, text): (String, String) = (row.get(3)?, row.get(4)?);
        if repeats(&comment)? || repeats(&text)? {
            again.add_derived(&text);
            samples.push([row.get(0)?, row.get(1)?, row.get(2)?]);
        }
    }
    for key in samples {
        db.prepare_cached(
            "UPDATE run_sample SET comment = '', text = '' WHERE run_id = ?1 AND step = ?2 AND n = ?3",
        )?
        .execute(key)?;
    }
    Ok(again)
}
