//! Comments and posts, each under its Reddit id.

use repartee_datasets::id::encode;
use repartee_datasets::{Comment, GoneRecord, Post, Record};
use rusqlite::{CachedStatement, OptionalExtension, Row, Statement, Transaction, params};

use crate::purge::{ASKED, Gone, OF_REDDIT};
use crate::quotes::WIPED;
use crate::readable::of_row;
use crate::watch::{Family, touch};
use crate::{BATCH_ROWS, Result, Store};

/// Counts of a batch by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upserted {
    pub new: u64,
    /// Rows that replaced an older copy.
    pub newer: u64,
    /// Rows already stored in the same or a newer copy, and purged ones.
    pub known: u64,
    /// Those whose stored copy has another text, and of which nothing says which is newer.
    pub other_text: u64,
}

impl std::ops::AddAssign for Upserted {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.newer += other.newer;
        self.known += other.known;
        self.other_text += other.other_text;
    }
}

/// Row counts for a project's overview.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub sources: u64,
    /// Including replies.
    pub comments: u64,
    pub posts: u64,
    pub pairs: u64,
    pub splits: u64,
    pub bases: u64,
    pub runs: u64,
    pub checkpoints: u64,
    pub fakes: u64,
    pub evaluations: u64,
    pub candidates: u64,
    /// In any state.
    pub replies: u64,
}

const COMMENT: &str =
    "id, link_id, parent_id, subreddit, author, body, score, created_utc, retrieved_utc";
const POST: &str = "id, subreddit, author, title, selftext, score, created_utc, retrieved_utc";

fn comment_row(row: &Row<'_>) -> rusqlite::Result<Comment> {
    Ok(Comment {
        id: row.get(0)?,
        link_id: row.get(1)?,
        parent_id: row.get(2)?,
        subreddit: row.get(3)?,
        author: row.get(4)?,
        body: row.get(5)?,
        score: row.get(6)?,
        created_utc: row.get(7)?,
        retrieved_utc: row.get(8)?,
    })
}

fn post_row(row: &Row<'_>) -> rusqlite::Result<Post> {
    Ok(Post {
        id: row.get(0)?,
        subreddit: row.get(1)?,
        author: row.get(2)?,
        title: row.get(3)?,
        selftext: row.get(4)?,
        score: row.get(5)?,
        created_utc: row.get(6)?,
        retrieved_utc: row.get(7)?,
    })
}

/// The statements of an import, prepared once per batch: insert, or replace an older copy.
struct Upsert<'a> {
    add_comment: CachedStatement<'a>,
    renew_comment: CachedStatement<'a>,
    has_other_text: CachedStatement<'a>,
    add_post: CachedStatement<'a>,
    renew_post: CachedStatement<'a>,
    /// Checks whether a name was purged; `None`: nothing was, and no row pays for the check.
    is_purged: Option<CachedStatement<'a>>,
}

impl<'a> Upsert<'a> {
    fn new(db: &'a Transaction<'_>, source_id: i64) -> Result<Self> {
        // an id of another site may equal that of a text which is gone from Reddit; one that the user named is not
        // imported from anywhere
        let applies = format!(
            "(why = '{ASKED}' OR EXISTS (SELECT 1 FROM (SELECT {source_id} AS source_id) WHERE {OF_REDDIT}))"
        );
        let any: bool = db.query_row(
            &format!("SELECT EXISTS (SELECT 1 FROM purged WHERE {applies})"),
            [],
            |row| row.get(0),
        )?;
        let sql = format!("SELECT 1 FROM purged WHERE name = ?1 AND {applies}");
        let is_purged = any.then(|| db.prepare_cached(&sql));
        // A copy is newer if its archive fetched it later; one without that time never is.
        Ok(Self {
            add_comment: db.prepare_cached(
                "INSERT INTO comment (id, link_id, parent_id, subreddit, author, body, score,
                                      created_utc, retrieved_utc, source_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING",
            )?,
            renew_comment: db.prepare_cached(
                "UPDATE comment SET link_id = ?2, parent_id = ?3, subreddit = ?4, author = ?5,
                        body = ?6, score = ?7, created_utc = ?8, retrieved_utc = ?9, source_id = ?10
                 WHERE id = ?1 AND ?9 > coalesce(retrieved_utc, -1)",
            )?,
            add_post: db.prepare_cached(
                "INSERT INTO post (id, subreddit, author, title, selftext, score, created_utc,
                                   retrieved_utc, source_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING",
            )?,
            renew_post: db.prepare_cached(
                "UPDATE post SET subreddit = ?2, author = ?3, title = ?4, selftext = ?5, score = ?6,
                        created_utc = ?7, retrieved_utc = ?8, source_id = ?9
                 WHERE id = ?1 AND ?8 > coalesce(retrieved_utc, -1)",
            )?,
            has_other_text: db.prepare_cached(
                "SELECT body <> ?2 FROM comment WHERE id = ?1 AND NOT is_notice(body) AND NOT is_notice(?2)",
            )?,
            is_purged: is_purged.transpose()?,
        })
    }

    fn record(&mut self, source_id: i64, record: &Record, done: &mut Upserted) -> Result<()> {
        if let Some(is_purged) = &mut self.is_purged {
            let (kind, id) = match record {
                Record::Comment(comment) => (1, comment.id),
                Record::Post(post) => (3, post.id),
            };
            if is_purged.exists([format!("t{kind}_{}", encode(id))])? {
                done.known += 1;
                return Ok(());
            }
        }
        let (add, renew) = match record {
            Record::Comment(_) => (&mut self.add_comment, &mut self.renew_comment),
            Record::Post(_) => (&mut self.add_post, &mut self.renew_post),
        };
        let bind = |statement: &mut Statement<'_>| match record {
            Record::Comment(c) => statement.execute(params![
                c.id,
                c.link_id,
                c.parent_id,
                c.subreddit,
                c.author,
                c.body,
                c.score,
                c.created_utc,
                c.retrieved_utc,
                source_id
            ]),
            Record::Post(p) => statement.execute(params![
                p.id,
                p.subreddit,
                p.author,
                p.title,
                p.selftext,
                p.score,
                p.created_utc,
                p.retrieved_utc,
                source_id
            ]),
        };
        if bind(add)? == 1 {
            done.new += 1;
        } else if GoneRecord::of_placeholder(record).is_none() && bind(renew)? == 1 {
            done.newer += 1;
        } else {
            done.known += 1;
            if let Record::Comment(c) = record
                && c.retrieved_utc.is_none()
            {
                let other: Option<bool> = self
                    .has_other_text
                    .query_row(params![c.id, c.body], |row| row.get(0))
                    .optional()?;
                done.other_text += u64::from(other.unwrap_or(false));
            }
        }
        Ok(())
    }
}

impl Store {
    /// Adds comments and posts of a source, in batches of [`BATCH_ROWS`], each a transaction. An existing row is only
    /// replaced by a copy that was retrieved later; so reading a file twice adds nothing, and the order of files does
    /// not matter. What was purged is skipped. A placeholder never replaces a text, which would lose track of what was
    /// trained on it: see [`Store::records_gone`].
    ///
    /// # Errors
    /// If there is no such source; earlier batches are kept.
    pub fn records_upsert(&self, source_id: i64, records: &[Record]) -> Result<Upserted> {
        self.records_counted(source_id, records, |_| None)
    }

    /// As [`Store::records_upsert`]; each transaction also stores the counts of the source so far, which `counts` gives
    /// for what was done with these records. So an import that is killed shows what it has stored, and its source
    /// never has texts that its counts know nothing of.
    ///
    /// # Errors
    /// As [`Store::records_upsert`].
    pub fn records_counted(
        &self,
        source_id: i64,
        records: &[Record],
        counts: impl Fn(Upserted) -> Option<String>,
    ) -> Result<Upserted> {
        let mut all = Upserted::default();
        // counts without a record change, too: rows that were filtered out or rejected
        let nothing = records.is_empty().then_some(records);
        for batch in records.chunks(BATCH_ROWS).chain(nothing) {
            all += self.write(Family::Sources, |db| {
                let mut upsert = Upsert::new(db, source_id)?;
                let mut done = Upserted::default();
                for record in batch {
                    upsert.record(source_id, record, &mut done)?;
                }
                drop(upsert);
                let mut so_far = all;
                so_far += done;
                if let Some(counts) = counts(so_far) {
                    db.prepare_cached("UPDATE source SET counts = ?2 WHERE id = ?1")?
                        .execute(params![source_id, counts])?;
                }
                // a later copy has another text or score, and pairs show them
                if done.newer > 0 {
                    touch(db, Family::Pairs)?;
                }
                Ok(done)
            })?;
        }
        Ok(all)
    }

    /// What a source says is gone from Reddit. Returns what of it has a text in the project, to be purged
    /// ([`Store::purge_learned`]); what the project does not have is remembered, so that it is not imported later.
    pub fn records_gone(&self, source_id: i64, gone: &[GoneRecord]) -> Result<Vec<Gone>> {
        let mut known = Vec::new();
        for batch in gone.chunks(BATCH_ROWS) {
            known.extend(self.write(Family::Sources, |db| {
                let of_reddit: bool = db
                    .prepare_cached(&format!(
                        "SELECT EXISTS (SELECT 1 FROM (SELECT ?1 AS source_id) WHERE {OF_REDDIT})"
                    ))?
                    .query_row([source_id], |row| row.get(0))?;
                let mut known = Vec::new();
                for one in batch {
                    let (table, text) = match one.kind {
                        3 => ("post", "title"),
                        _ => ("comment", "body"),
                    };
                    let found: Option<(bool, bool, Option<i64>)> = db
                        .prepare_cached(&format!(
                            "SELECT {text} NOT IN (?2, '[removed]'), {OF_REDDIT}, retrieved_utc FROM {table} WHERE id = ?1"
                        ))?
                        .query_row(params![one.id, WIPED], |row| {
                            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                        })
                        .optional()?;
                    let name = format!("t{}_{}", one.kind, encode(one.id));
                    let why = if one.removed { "removed" } else { "deleted" };
                    match found {
                        // an id of another site
                        Some((_, as_reddit, _)) if as_reddit != of_reddit => {}
                        Some((has_text, _, retrieved)) => {
                            let newer = one.seen_utc.is_none() || one.seen_utc > retrieved;
                            if has_text && newer {
                                known.push(Gone {
                                    name,
                                    why: why.to_owned(),
                                });
                            }
                        }
                        None => {
                            db.prepare_cached(
                                "INSERT INTO purged (name, at_ms, why) VALUES (?1, ?2, ?3)
                                 ON CONFLICT (name) DO NOTHING",
                            )?
                            .execute(params![name, crate::now_ms(), why])?;
                        }
                    }
                }
                Ok(known)
            })?);
        }
        Ok(known)
    }

    /// Of these comments (id and text), how many are in the project, and how many of those with the same text. A text
    /// that is gone on either side counts as the same.
    pub fn comments_shared(&self, comments: &[(i64, &str)]) -> Result<(u64, u64)> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT body = ?2 OR is_notice(body) OR is_notice(?2) FROM comment WHERE id = ?1",
            )?;
            let (mut there, mut same) = (0, 0);
            for comment in comments {
                let equal: Option<bool> = query.query_row(*comment, |row| row.get(0)).optional()?;
                there += u64::from(equal.is_some());
                same += u64::from(equal == Some(true));
            }
            Ok((there, same))
        })
    }

    pub fn comment(&self, id: i64) -> Result<Option<Comment>> {
        self.read(|db| {
            let sql = format!("SELECT {COMMENT} FROM comment WHERE id = ?1");
            Ok(db
                .prepare_cached(&sql)?
                .query_row([id], of_row("comment", comment_row))
                .optional()?)
        })
    }

    pub fn post(&self, id: i64) -> Result<Option<Post>> {
        self.read(|db| {
            let sql = format!("SELECT {POST} FROM post WHERE id = ?1");
            Ok(db
                .prepare_cached(&sql)?
                .query_row([id], of_row("post", post_row))
                .optional()?)
        })
    }

    /// Row counts. Reads every page of the large tables' smallest index: tens of milliseconds for a million rows.
    pub fn counts(&self) -> Result<Counts> {
        self.read(|db| {
            let count = |table: &str| -> Result<u64> {
                let sql = format!("SELECT count(*) FROM {table}");
                let n: i64 = db.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
                Ok(n.unsigned_abs())
            };
            Ok(Counts {
                sources: count("source")?,
                comments: count("comment")?,
                posts: count("post")?,
                pairs: count("pair WHERE fits")?,
                splits: count("split")?,
                bases: count("base")?,
                runs: count("run")?,
                checkpoints: count("checkpoint")?,
                fakes: count("fake")?,
                evaluations: count("evaluation")?,
                candidates: count("candidate")?,
                replies: count("reply")?,
            })
        })
    }
}
