//! Threads to answer, and the candidates generated for them.

use rusqlite::{OptionalExtension, Row, params};

use crate::fakes::FinishReason;
use crate::fingerprints::is_copy_of_purged;
use crate::items::{ItemKind, run_of, still_there};
use crate::marks;
use crate::purge::context_of;
use crate::readable::{of_row, readable};
use crate::watch::Family;
use crate::words::word;
use crate::{Error, Result, Store};

/// A thread to store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewThread {
    /// pasted, file, test pairs, reddit.
    pub origin: String,
    /// Empty: unknown.
    pub subreddit: String,
    /// Title of the post; empty: there is none.
    pub title: String,
    /// Parents before their children.
    pub comments: Vec<NewThreadComment>,
    /// t3_..., if it is from Reddit: an existing thread of this name is updated.
    pub name: Option<String>,
    pub author: Option<String>,
    pub body: String,
    /// URL from the first slash.
    pub permalink: String,
    pub score: Option<i64>,
    /// Seconds since 1970.
    pub created_utc: Option<i64>,
    /// Why nothing in it is answered; empty: it may be.
    pub skip: String,
    /// When its texts are purged: milliseconds since 1970; `None`: never.
    pub expires_ms: Option<i64>,
}

/// A comment of a thread to store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewThreadComment {
    /// The comment it answers: an index into [`NewThread::comments`]; `None`: the post.
    pub parent: Option<usize>,
    /// t1_..., if it is from Reddit.
    pub name: Option<String>,
    pub author: Option<String>,
    pub body: String,
    pub score: Option<i64>,
    /// Seconds since 1970.
    pub created_utc: Option<i64>,
    /// Reddit's name of what it answers.
    pub parent_name: Option<String>,
    /// URL from the first slash.
    pub permalink: String,
    /// Nesting level: number of ancestors.
    pub level: u32,
    /// Why it is not answered; empty: it may be.
    pub skip: String,
    /// The pair whose comment it copies: it is deleted with it.
    pub pair_id: Option<i64>,
}

/// A stored thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thread {
    pub id: i64,
    /// pasted, file, test pairs, reddit.
    pub origin: String,
    /// Empty: unknown.
    pub subreddit: String,
    /// Title of the post; empty: there is none.
    pub title: String,
    pub comments: u64,
    /// Those that may be answered.
    pub open: u64,
    /// Milliseconds since 1970.
    pub fetched_ms: i64,
    /// t3_..., if it is from Reddit.
    pub name: Option<String>,
    pub author: Option<String>,
    pub body: String,
    /// URL from the first slash.
    pub permalink: String,
    pub score: Option<i64>,
    /// Seconds since 1970.
    pub created_utc: Option<i64>,
    /// Why nothing in it is answered; empty: it may be.
    pub skip: String,
    /// When its texts are purged; `None`: never.
    pub expires_ms: Option<i64>,
    /// When its existence was last checked.
    pub checked_ms: Option<i64>,
}

/// A stored comment of a thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThreadComment {
    pub id: i64,
    pub thread_id: i64,
    /// The comment it answers; `None`: the post.
    pub parent_id: Option<i64>,
    /// t1_..., if it is from Reddit.
    pub name: Option<String>,
    pub author: Option<String>,
    pub body: String,
    pub score: Option<i64>,
    /// Seconds since 1970.
    pub created_utc: Option<i64>,
    /// Reddit's name of what it answers.
    pub parent_name: Option<String>,
    /// URL from the first slash.
    pub permalink: String,
    /// Nesting level: number of ancestors.
    pub level: u32,
    /// Why it is not answered; empty: it may be.
    pub skip: String,
}

/// A generation to start: models and settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGeneration {
    pub generator: i64,
    /// Realism classifier.
    pub realism: Option<i64>,
    /// Upvotes classifier.
    pub upvotes: Option<i64>,
    /// JSON: decoding settings, seed, criteria.
    pub config: String,
}

/// A stored generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    pub id: i64,
    /// Empty: it is called by its number.
    pub name: String,
    /// `None`: it was deleted, and only candidates of posted replies are left.
    pub generator: Option<i64>,
    /// Realism classifier.
    pub realism: Option<i64>,
    /// Upvotes classifier.
    pub upvotes: Option<i64>,
    /// JSON: decoding settings, seed, criteria.
    pub config: String,
    pub candidates: u64,
    /// Current names of generator, realism and upvotes runs; `None` if there is none (any more).
    pub runs: [Option<String>; 3],
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// The scores of a candidate, each `None` until its model has scored it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scores {
    pub p_real: Option<f64>,
    /// Probability of each upvote bin.
    pub bins: Option<[f64; 4]>,
}

impl Scores {
    /// The expected bin, `p1 + 2 p2 + 3 p3`: 0 to 3.
    pub fn expected_bin(&self) -> Option<f64> {
        self.bins.map(|[_, p1, p2, p3]| p1 + 2.0 * p2 + 3.0 * p3)
    }

    /// The most probable bin, 0 to 3; the lowest on a tie.
    pub fn predicted_bin(&self) -> Option<u32> {
        let bins = self.bins?;
        let best =
            (0..bins.len()).fold(0, |best, at| if bins[at] > bins[best] { at } else { best });
        u32::try_from(best).ok()
    }
}

/// The outcome of adding a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It has this id.
    Stored(i64),
    /// Not stored: its comment, or one that the generator saw as context, was deleted during generation.
    CommentDeleted,
    /// Not stored: it has the words of a purged text.
    CopyOfPurged,
}

impl Added {
    pub fn id(self) -> Option<i64> {
        match self {
            Self::Stored(id) => Some(id),
            Self::CommentDeleted | Self::CopyOfPurged => None,
        }
    }
}

/// A candidate to store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCandidate {
    /// The comment of a thread that it answers.
    pub comment_id: i64,
    /// Index among the replies to that comment, from 0.
    pub n: u32,
    pub text: String,
    pub finish_reason: FinishReason,
    pub scores: Scores,
}

/// A stored candidate, with what it answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub id: i64,
    pub generation_id: i64,
    /// The thread of the comment.
    pub thread_id: i64,
    /// The comment of a thread that it answers.
    pub comment_id: i64,
    pub comment: String,
    /// Index among the replies to that comment, from 0.
    pub n: u32,
    pub text: String,
    pub finish_reason: FinishReason,
    pub scores: Scores,
    pub picked: bool,
    /// Why it was selected or not.
    pub reason: String,
    /// JSON: what is wrong with it; `None`: it was not checked.
    pub flags: Option<String>,
}

/// The decision about a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    pub candidate_id: i64,
    pub picked: bool,
    /// Why it was selected or not.
    pub reason: String,
    /// JSON: what is wrong with it; `None`: it was not checked.
    pub flags: Option<String>,
}

const THREAD: &str = "SELECT id, origin, subreddit, title, fetched_ms, name, author, body, permalink, score,
    created_utc, skip, expires_ms, checked_ms,
    (SELECT count(*) FROM thread_comment WHERE thread_id = thread.id),
    (SELECT count(*) FROM thread_comment c WHERE c.thread_id = thread.id AND c.skip = '' AND thread.skip = '')
    FROM thread";

fn thread_row(row: &Row<'_>) -> rusqlite::Result<Thread> {
    Ok(Thread {
        id: row.get(0)?,
        origin: row.get(1)?,
        subreddit: row.get(2)?,
        title: row.get(3)?,
        fetched_ms: row.get(4)?,
        name: row.get(5)?,
        author: row.get(6)?,
        body: row.get(7)?,
        permalink: row.get(8)?,
        score: row.get(9)?,
        created_utc: row.get(10)?,
        skip: row.get(11)?,
        expires_ms: row.get(12)?,
        checked_ms: row.get(13)?,
        comments: row.get::<_, i64>(14)?.unsigned_abs(),
        open: row.get::<_, i64>(15)?.unsigned_abs(),
    })
}

const COMMENT: &str =
    "SELECT id, thread_id, parent_id, name, author, body, score, created_utc, parent_name,
    permalink, level, skip FROM thread_comment";

fn comment_row(row: &Row<'_>) -> rusqlite::Result<ThreadComment> {
    Ok(ThreadComment {
        id: row.get(0)?,
        thread_id: row.get(1)?,
        parent_id: row.get(2)?,
        name: row.get(3)?,
        author: row.get(4)?,
        body: row.get(5)?,
        score: row.get(6)?,
        created_utc: row.get(7)?,
        parent_name: row.get(8)?,
        permalink: row.get(9)?,
        level: row.get(10)?,
        skip: row.get(11)?,
    })
}

const CANDIDATE: &str =
    "SELECT d.id, d.generation_id, c.thread_id, d.comment_id, c.body, d.n, d.text,
    d.finish, d.p_real, d.b0, d.b1, d.b2, d.b3, d.picked, d.reason, d.flags
    FROM candidate d JOIN thread_comment c ON c.id = d.comment_id";

fn candidate_row(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    let bins: [Option<f64>; 4] = [row.get(9)?, row.get(10)?, row.get(11)?, row.get(12)?];
    Ok(Candidate {
        id: row.get(0)?,
        generation_id: row.get(1)?,
        thread_id: row.get(2)?,
        comment_id: row.get(3)?,
        comment: row.get(4)?,
        n: row.get(5)?,
        text: row.get(6)?,
        finish_reason: word(row, 7, "candidate.finish")?,
        scores: Scores {
            p_real: row.get(8)?,
            bins: match bins {
                [Some(a), Some(b), Some(c), Some(d)] => Some([a, b, c, d]),
                _ => None,
            },
        },
        picked: row.get(13)?,
        reason: row.get(14)?,
        flags: row.get(15)?,
    })
}

const GENERATION: &str = "SELECT id, generator, realism, upvotes, config, created_ms,
    (SELECT count(*) FROM candidate WHERE generation_id = generation.id), name,
    (SELECT r.name FROM checkpoint k JOIN run r ON r.id = k.run_id WHERE k.id = generator),
    (SELECT r.name FROM checkpoint k JOIN run r ON r.id = k.run_id WHERE k.id = realism),
    (SELECT r.name FROM checkpoint k JOIN run r ON r.id = k.run_id WHERE k.id = upvotes)
    FROM generation";

fn generation_row(row: &Row<'_>) -> rusqlite::Result<Generation> {
    Ok(Generation {
        id: row.get(0)?,
        generator: row.get(1)?,
        realism: row.get(2)?,
        upvotes: row.get(3)?,
        config: row.get(4)?,
        created_ms: row.get(5)?,
        candidates: row.get::<_, i64>(6)?.unsigned_abs(),
        name: row.get(7)?,
        runs: [row.get(8)?, row.get(9)?, row.get(10)?],
    })
}

impl Store {
    /// Adds a thread with its comments; returns its id and theirs, in their order. An existing thread or comment with a
    /// Reddit name is updated and keeps its id; what was purged is skipped.
    ///
    /// # Errors
    /// [`Error::Missing`] if a parent does not precede its child.
    pub fn thread_insert(&self, new: &NewThread, now_ms: i64) -> Result<(i64, Vec<i64>)> {
        self.write(Family::Threads, |db| {
            let thread = db
                .prepare_cached(
                    "INSERT INTO thread (origin, subreddit, title, fetched_ms, name, author, body, permalink,
                                         score, created_utc, skip, expires_ms, checked_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
                             CASE WHEN ?5 IS NULL THEN NULL ELSE ?4 END)
                     ON CONFLICT (name) WHERE name IS NOT NULL DO UPDATE SET origin = excluded.origin,
                        subreddit = excluded.subreddit, title = excluded.title,
                        fetched_ms = excluded.fetched_ms, author = excluded.author, body = excluded.body,
                        permalink = excluded.permalink, score = excluded.score,
                        created_utc = excluded.created_utc, skip = excluded.skip,
                        expires_ms = excluded.expires_ms, checked_ms = excluded.checked_ms
                     RETURNING id",
                )?
                .query_row(
                    params![
                        new.origin,
                        new.subreddit,
                        new.title,
                        now_ms,
                        new.name,
                        new.author,
                        new.body,
                        new.permalink,
                        new.score,
                        new.created_utc,
                        new.skip,
                        new.expires_ms
                    ],
                    |row| row.get(0),
                )?;
            let mut ids: Vec<i64> = Vec::with_capacity(new.comments.len());
            let mut insert = db.prepare_cached(
                "INSERT INTO thread_comment (thread_id, parent_id, name, author, body, score, created_utc,
                                             parent_name, permalink, level, skip, pair_id)
                 SELECT ?1, ?2, ?3, iif(p.name IS NULL, ?4, NULL),
                        iif(p.name IS NULL AND NOT EXISTS (
                          SELECT 1 FROM pair o JOIN comment c ON c.id = o.comment_id
                          WHERE o.id = ?12 AND c.body = '[deleted]'), ?5, ''), ?6, ?7, ?8,
                        ?9, ?10, iif(p.name IS NULL, ?11, 'purged'), ?12
                 FROM (SELECT 1) LEFT JOIN purged p ON p.name = ?3 WHERE true
                 ON CONFLICT (name) WHERE name IS NOT NULL DO UPDATE SET thread_id = excluded.thread_id,
                    parent_id = excluded.parent_id, author = excluded.author, body = excluded.body,
                    score = excluded.score, created_utc = excluded.created_utc,
                    parent_name = excluded.parent_name, permalink = excluded.permalink,
                    level = excluded.level, skip = excluded.skip
                 RETURNING id",
            )?;
            for c in &new.comments {
                let parent = match c.parent {
                    None => None,
                    Some(at) => Some(*ids.get(at).ok_or_else(|| Error::Missing {
                        what: "earlier comment of the thread",
                        name: at.to_string(),
                        there: Vec::new(),
                    })?),
                };
                let id = insert.query_row(
                    params![
                        thread,
                        parent,
                        c.name,
                        c.author,
                        c.body,
                        c.score,
                        c.created_utc,
                        c.parent_name,
                        c.permalink,
                        c.level,
                        c.skip,
                        c.pair_id
                    ],
                    |row| row.get(0),
                )?;
                ids.push(id);
            }
            Ok((thread, ids))
        })
    }

    /// All threads, the newest first.
    pub fn threads(&self) -> Result<Vec<Thread>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{THREAD} ORDER BY id DESC"))?;
            readable(query.query_map([], thread_row)?)
        })
    }

    /// How many Reddit threads are stored, and how many of their comments may be answered and have no reply in the
    /// queue.
    pub fn threads_open(&self) -> Result<(u64, u64)> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT (SELECT count(*) FROM thread WHERE origin = 'reddit'),
                   (SELECT count(*) FROM thread t JOIN thread_comment c ON c.thread_id = t.id
                    WHERE t.origin = 'reddit' AND t.skip = '' AND c.skip = '' AND c.body <> ''
                      AND c.id NOT IN (SELECT d.comment_id FROM reply q
                                       JOIN candidate d ON d.id = q.candidate_id))",
            )?;
            Ok(query.query_row([], |row| {
                let [threads, open]: [i64; 2] = [row.get(0)?, row.get(1)?];
                Ok((threads.unsigned_abs(), open.unsigned_abs()))
            })?)
        })
    }

    /// One thread.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn thread(&self, id: i64) -> Result<Thread> {
        let found = self.read(|db| {
            let mut query = db.prepare_cached(&format!("{THREAD} WHERE id = ?1"))?;
            Ok(query
                .query_row([id], of_row("thread", thread_row))
                .optional()?)
        })?;
        found.ok_or_else(|| Error::Missing {
            what: "thread",
            name: id.to_string(),
            there: Vec::new(),
        })
    }

    /// The thread with this Reddit name.
    pub fn thread_named(&self, name: &str) -> Result<Option<Thread>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{THREAD} WHERE name = ?1"))?;
            Ok(query
                .query_row([name], of_row("thread", thread_row))
                .optional()?)
        })
    }

    /// Records that a thread still exists.
    pub fn thread_checked(&self, id: i64, now_ms: i64) -> Result<()> {
        self.write(Family::Threads, |db| {
            let sql = "UPDATE thread SET checked_ms = ?2 WHERE id = ?1";
            db.execute(sql, params![id, now_ms])?;
            Ok(())
        })
    }

    /// Updates the text of a comment that was edited on Reddit. What was purged stays purged.
    pub fn comment_renew(&self, name: &str, body: &str, author: Option<&str>) -> Result<()> {
        self.write(Family::Threads, |db| {
            let sql = "UPDATE thread_comment SET body = ?2, author = coalesce(?3, author)
                       WHERE name = ?1 AND body <> ''";
            db.execute(sql, params![name, body, author])?;
            Ok(())
        })
    }

    /// The comments of a thread, parents before children.
    pub fn thread_comments(&self, thread_id: i64) -> Result<Vec<ThreadComment>> {
        self.read(|db| {
            let sql = format!("{COMMENT} WHERE thread_id = ?1 ORDER BY id");
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map([thread_id], of_row("comment of a thread", comment_row))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// One comment of a thread, by its row.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn thread_comment(&self, id: i64) -> Result<ThreadComment> {
        let found = self.read(|db| {
            let mut query = db.prepare_cached(&format!("{COMMENT} WHERE id = ?1"))?;
            Ok(query
                .query_row([id], of_row("comment of a thread", comment_row))
                .optional()?)
        })?;
        found.ok_or_else(|| Error::Missing {
            what: "comment of a thread",
            name: id.to_string(),
            there: Vec::new(),
        })
    }

    /// Adds a generation and returns its id.
    pub fn generation_insert(&self, new: &NewGeneration, now_ms: i64) -> Result<i64> {
        self.write(Family::Threads, |db| {
            let models = [Some(new.generator), new.realism, new.upvotes];
            for checkpoint in models.into_iter().flatten() {
                still_there(db, &[run_of(db, checkpoint)?])?;
            }
            db.execute(
                "INSERT INTO generation (generator, realism, upvotes, config, created_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![new.generator, new.realism, new.upvotes, new.config, now_ms],
            )?;
            let id = db.last_insert_rowid();
            marks::inherit(db)?;
            Ok(id)
        })
    }

    /// All generations, oldest first.
    pub fn generations(&self) -> Result<Vec<Generation>> {
        self.read(|db| {
            let is_there = ItemKind::Generation.is_there("");
            let sql = format!("{GENERATION} WHERE {is_there} ORDER BY id");
            let mut query = db.prepare_cached(&sql)?;
            readable(query.query_map([], generation_row)?)
        })
    }

    /// One generation, also a deleted one with posted replies left.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn generation(&self, id: i64) -> Result<Generation> {
        let found = self.read(|db| {
            let mut query = db.prepare_cached(&format!("{GENERATION} WHERE id = ?1"))?;
            Ok(query.query_row([id], generation_row).optional()?)
        })?;
        found.ok_or_else(|| Error::Missing {
            what: "generation",
            name: id.to_string(),
            there: Vec::new(),
        })
    }

    /// Adds candidates to existing comments, and returns their ids.
    pub fn candidates_add(&self, generation_id: i64, new: &[NewCandidate]) -> Result<Vec<i64>> {
        let added = self.candidates_add_each(generation_id, new)?;
        Ok(added.into_iter().filter_map(Added::id).collect())
    }

    /// Adds candidates, with the outcome of each; an existing one (same comment and number) keeps its text and id, and
    /// gets the scores.
    pub fn candidates_add_each(
        &self,
        generation_id: i64,
        new: &[NewCandidate],
    ) -> Result<Vec<Added>> {
        self.write(Family::Threads, |db| {
            let mut there = db.prepare_cached(&format!(
                "SELECT EXISTS (SELECT 1 FROM thread_comment WHERE id = ?1 AND body <> '')
                    AND NOT EXISTS (SELECT 1 FROM ({}) o LEFT JOIN thread_comment c ON c.id = o.value
                                    WHERE coalesce(c.body, '') = '')",
                context_of("?1", "?2")
            ))?;
            let mut insert = db.prepare_cached(
                "INSERT INTO candidate (generation_id, comment_id, n, text, finish, p_real,
                                        b0, b1, b2, b3, expected_bin)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT (generation_id, comment_id, n) DO UPDATE SET p_real = excluded.p_real,
                    b0 = excluded.b0, b1 = excluded.b1, b2 = excluded.b2, b3 = excluded.b3,
                    expected_bin = excluded.expected_bin
                 RETURNING id",
            )?;
            let mut all = Vec::with_capacity(new.len());
            for c in new {
                if !there.query_row([c.comment_id, generation_id], |row| row.get(0))? {
                    all.push(Added::CommentDeleted);
                    continue;
                }
                if is_copy_of_purged(db, &c.text)? {
                    all.push(Added::CopyOfPurged);
                    continue;
                }
                let [b0, b1, b2, b3] = c.scores.bins.map_or([None; 4], |bins| bins.map(Some));
                let id = insert.query_row(
                    params![
                        generation_id,
                        c.comment_id,
                        c.n,
                        c.text,
                        c.finish_reason.as_str(),
                        c.scores.p_real,
                        b0,
                        b1,
                        b2,
                        b3,
                        c.scores.expected_bin()
                    ],
                    |row| row.get(0),
                )?;
                all.push(Added::Stored(id));
            }
            Ok(all)
        })
    }

    /// Stores decisions about candidates.
    pub fn candidates_decide(&self, picks: &[Pick]) -> Result<()> {
        self.write(Family::Threads, |db| {
            let mut update = db.prepare_cached(
                "UPDATE candidate SET picked = ?2, reason = ?3, flags = ?4 WHERE id = ?1",
            )?;
            for pick in picks {
                update.execute(params![
                    pick.candidate_id,
                    pick.picked,
                    pick.reason,
                    pick.flags
                ])?;
            }
            Ok(())
        })
    }

    /// The candidates of a generation, by comment and number.
    pub fn candidates(&self, generation_id: i64) -> Result<Vec<Candidate>> {
        self.read(|db| {
            let sql = format!("{CANDIDATE} WHERE d.generation_id = ?1 ORDER BY d.comment_id, d.n");
            let mut query = db.prepare_cached(&sql)?;
            Ok(query
                .query_map([generation_id], of_row("candidate", candidate_row))?
                .collect::<Result<_, _>>()?)
        })
    }

    pub fn candidate(&self, id: i64) -> Result<Option<Candidate>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{CANDIDATE} WHERE d.id = ?1"))?;
            Ok(query
                .query_row([id], of_row("candidate", candidate_row))
                .optional()?)
        })
    }
}
