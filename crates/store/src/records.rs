//! Comments and posts, each under its Reddit id.
//!
//! Several sources may have versions of one comment. Which of them is kept does not depend on the order in which they are
//! imported: see [`version_of_comment`] and [`replaces`].

use std::cmp::Reverse;
use std::collections::HashMap;

use repartee_datasets::clean::is_unknown_author;
use repartee_datasets::id::encode;
use repartee_datasets::{Comment, GoneRecord, Post, Record};
use rusqlite::{
    CachedStatement, Connection, OptionalExtension, Row, Statement, Transaction, params,
};

use crate::fingerprints::{self, Copies, Key, SHORT_ID, WITH_REDDITS_IDS};
use crate::purge::{ASKED, Gone, OF_REDDIT};
use crate::readable::of_row;
use crate::watch::{Family, touch};
use crate::{BATCH_ROWS, Result, Store};

/// Counts of a batch by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upserted {
    pub new: u64,
    /// Rows that replaced an older copy, or one that is less complete.
    pub newer: u64,
    /// Rows already stored in the same copy, or in one that is kept instead.
    pub known: u64,
    /// Of both, those whose stored copy had another text, and of which nothing says which is newer.
    pub other_text: u64,
    /// Texts left out because they were purged, or are gone by a later copy.
    pub purged: u64,
}

impl std::ops::AddAssign for Upserted {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.newer += other.newer;
        self.known += other.known;
        self.other_text += other.other_text;
        self.purged += other.purged;
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

/// Which version of a comment is kept: the greatest one. First the one that was retrieved last, where known. Between
/// versions without that time, one with a known author, score and so on. Whatever is still equal is decided by the values
/// themselves, so that the order of imports makes no difference: the text that comes first in the alphabet, the higher
/// score.
fn version_of_comment(c: &Comment) -> impl Ord {
    (
        (
            c.retrieved_utc,
            is_known(c.author.as_deref()),
            c.score.is_some(),
            c.created_utc.is_some(),
            !c.subreddit.is_empty(),
            c.parent_id.is_some(),
        ),
        (Reverse(&c.body), Reverse(&c.author), c.score),
        Reverse((c.created_utc, &c.subreddit, c.parent_id, c.link_id)),
    )
}

/// As [`version_of_comment`].
fn version_of_post(p: &Post) -> impl Ord {
    (
        (
            p.retrieved_utc,
            is_known(p.author.as_deref()),
            p.score.is_some(),
            p.created_utc.is_some(),
            !p.subreddit.is_empty(),
        ),
        Reverse((&p.title, &p.selftext, &p.author)),
        (p.score, Reverse((p.created_utc, &p.subreddit))),
    )
}

fn is_known(author: Option<&str>) -> bool {
    author.is_some_and(|name| !is_unknown_author(name))
}

fn retrieved(record: &Record) -> Option<i64> {
    match record {
        Record::Comment(comment) => comment.retrieved_utc,
        Record::Post(post) => post.retrieved_utc,
    }
}

/// What happens to a version whose id is stored already.
enum Becomes {
    Replaces,
    Known,
    /// The stored one says that the text is gone.
    Gone,
}

/// Whether a version replaces the stored one. A placeholder never does, since that would lose track of what was trained
/// on the text: [`Store::records_gone`] says that it must be purged. A text replaces a placeholder only if both were
/// retrieved at a known time, and the text later.
fn replaces(new: &Record, stored: &Record) -> Becomes {
    if GoneRecord::of_placeholder(new).is_some() {
        return Becomes::Known;
    }
    if let Some(gone) = GoneRecord::of_placeholder(stored) {
        return match is_gone_after(gone.seen_utc, retrieved(new)) {
            true => Becomes::Gone,
            false => Becomes::Replaces,
        };
    }
    let is_greater = match (new, stored) {
        (Record::Comment(new), Record::Comment(stored)) => {
            version_of_comment(new) > version_of_comment(stored)
        }
        (Record::Post(new), Record::Post(stored)) => version_of_post(new) > version_of_post(stored),
        _ => false,
    };
    match is_greater {
        true => Becomes::Replaces,
        false => Becomes::Known,
    }
}

/// Whether a text that was retrieved at a time is gone if it was seen to be gone at another. If nothing says when, it is.
fn is_gone_after(seen: Option<i64>, retrieved: Option<i64>) -> bool {
    seen.is_none() || seen >= retrieved
}

/// Whether two comments have different texts, and no time says which is newer.
fn contradict(new: &Record, stored: &Record) -> bool {
    let (Record::Comment(new), Record::Comment(stored)) = (new, stored) else {
        return false;
    };
    let dated = new.retrieved_utc.is_some()
        && stored.retrieved_utc.is_some()
        && new.retrieved_utc != stored.retrieved_utc;
    new.body != stored.body && !dated
}

/// The statements of an import, prepared once per batch.
struct Upsert<'a> {
    db: &'a Connection,
    source_id: i64,
    of_reddit: bool,
    /// Whether another long id is another comment.
    has_reddits_ids: bool,
    add_comment: CachedStatement<'a>,
    find_comment: CachedStatement<'a>,
    renew_comment: CachedStatement<'a>,
    add_post: CachedStatement<'a>,
    find_post: CachedStatement<'a>,
    renew_post: CachedStatement<'a>,
    /// Checks whether a name was purged, for a time of retrieval; `None`: nothing was, and no row pays for the check.
    is_purged: Option<CachedStatement<'a>>,
    /// Forgets what the copies of a text are recognized by, if it was gone before this time.
    reappeared: Option<CachedStatement<'a>>,
    copies: Option<Copies<'a>>,
}

impl<'a> Upsert<'a> {
    fn new(db: &'a Transaction<'_>, source_id: i64) -> Result<Self> {
        let source = format!(
            "SELECT {OF_REDDIT}, (SELECT format FROM source WHERE id = source_id) IN {WITH_REDDITS_IDS}
             FROM (SELECT {source_id} AS source_id)"
        );
        let (of_reddit, has_reddits_ids): (bool, Option<bool>) =
            db.query_row(&source, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        // an id of another site may equal that of a text which is gone from Reddit; one that the user named is not
        // imported from anywhere
        let applies = format!(
            "(purged.why = '{ASKED}' OR purged.of_reddit IN (2, {}))",
            i64::from(of_reddit)
        );
        let any: bool = db.query_row(
            &format!("SELECT EXISTS (SELECT 1 FROM purged WHERE {applies})"),
            [],
            |row| row.get(0),
        )?;
        let sql = format!(
            "SELECT 1 FROM purged WHERE name = ?1 AND {applies} AND coalesce(?2 <= seen_utc, TRUE)"
        );
        let is_purged = any.then(|| db.prepare_cached(&sql)).transpose()?;
        let sql = format!(
            "DELETE FROM purged_text WHERE name = ?1 AND EXISTS
               (SELECT 1 FROM purged WHERE purged.name = ?1 AND {applies} AND purged.seen_utc < ?2)"
        );
        let reappeared = any.then(|| db.prepare_cached(&sql)).transpose()?;
        let copies = match any {
            true => Copies::of(db, &applies)?,
            false => None,
        };
        Ok(Self {
            db,
            source_id,
            of_reddit,
            has_reddits_ids: has_reddits_ids.unwrap_or_default(),
            add_comment: db.prepare_cached(
                "INSERT INTO comment (id, link_id, parent_id, subreddit, author, body, score,
                                      created_utc, retrieved_utc, source_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING",
            )?,
            find_comment: db
                .prepare_cached(&format!("SELECT {COMMENT} FROM comment WHERE id = ?1"))?,
            renew_comment: db.prepare_cached(
                "UPDATE comment SET link_id = ?2, parent_id = ?3, subreddit = ?4, author = ?5,
                        body = ?6, score = ?7, created_utc = ?8, retrieved_utc = ?9, source_id = ?10
                 WHERE id = ?1",
            )?,
            add_post: db.prepare_cached(
                "INSERT INTO post (id, subreddit, author, title, selftext, score, created_utc,
                                   retrieved_utc, source_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING",
            )?,
            find_post: db.prepare_cached(&format!("SELECT {POST} FROM post WHERE id = ?1"))?,
            renew_post: db.prepare_cached(
                "UPDATE post SET subreddit = ?2, author = ?3, title = ?4, selftext = ?5, score = ?6,
                        created_utc = ?7, retrieved_utc = ?8, source_id = ?9
                 WHERE id = ?1",
            )?,
            is_purged,
            reappeared,
            copies,
        })
    }

    /// `links`: Reddit's names for the row, from its link.
    fn record(&mut self, record: &Record, links: &[&str], done: &mut Upserted) -> Result<()> {
        let (kind, id) = match record {
            Record::Comment(comment) => (1, comment.id),
            Record::Post(post) => (3, post.id),
        };
        let name = format!("t{kind}_{}", encode(id));
        let is_placeholder = GoneRecord::of_placeholder(record).is_some();
        if let Some(is_purged) = &mut self.is_purged {
            if is_purged.exists(params![name, retrieved(record)])? {
                match is_placeholder {
                    true => done.known += 1,
                    false => self.leave_out(&name, record, done)?,
                }
                return Ok(());
            }
            for link in links {
                if is_purged.exists(params![link, retrieved(record)])? {
                    done.purged += 1;
                    return Ok(());
                }
            }
        }
        if let Some(copies) = &mut self.copies
            && !(self.has_reddits_ids && id >= SHORT_ID)
            && copies.has(record)?
        {
            done.purged += 1;
            return Ok(());
        }
        let added = match record {
            Record::Comment(comment) => self.put_comment(comment, false)?,
            Record::Post(post) => self.put_post(post, false)?,
        };
        let stored = match added {
            true => {
                done.new += 1;
                return self.reappeared(&name, record);
            }
            false => match kind {
                1 => Record::Comment(self.find_comment.query_row([id], comment_row)?),
                _ => Record::Post(self.find_post.query_row([id], post_row)?),
            },
        };
        let becomes = replaces(record, &stored);
        let is_text = |record: &Record| GoneRecord::of_placeholder(record).is_none();
        if is_text(record) && is_text(&stored) {
            done.other_text += u64::from(contradict(record, &stored));
        }
        match becomes {
            Becomes::Known => done.known += 1,
            Becomes::Gone => {
                remember_gone(
                    self.db,
                    &name,
                    "deleted",
                    retrieved(&stored),
                    self.of_reddit,
                )?;
                self.leave_out(&name, record, done)?;
            }
            Becomes::Replaces => {
                match record {
                    Record::Comment(comment) => self.put_comment(comment, true)?,
                    Record::Post(post) => self.put_post(post, true)?,
                };
                done.newer += 1;
                self.reappeared(&name, record)?;
            }
        }
        Ok(())
    }

    fn put_comment(&mut self, c: &Comment, renew: bool) -> Result<bool> {
        let statement: &mut Statement<'_> = match renew {
            true => &mut self.renew_comment,
            false => &mut self.add_comment,
        };
        let rows = statement.execute(params![
            c.id,
            c.link_id,
            c.parent_id,
            c.subreddit,
            c.author,
            c.body,
            c.score,
            c.created_utc,
            c.retrieved_utc,
            self.source_id
        ])?;
        Ok(rows == 1)
    }

    fn put_post(&mut self, p: &Post, renew: bool) -> Result<bool> {
        let statement: &mut Statement<'_> = match renew {
            true => &mut self.renew_post,
            false => &mut self.add_post,
        };
        let rows = statement.execute(params![
            p.id,
            p.subreddit,
            p.author,
            p.title,
            p.selftext,
            p.score,
            p.created_utc,
            p.retrieved_utc,
            self.source_id
        ])?;
        Ok(rows == 1)
    }

    /// Leaves out a text that is gone. Its copies are recognized from now on.
    fn leave_out(&mut self, name: &str, record: &Record, done: &mut Upserted) -> Result<()> {
        done.purged += 1;
        let key = Key::of_or_new(self.db)?;
        let of_text: Vec<_> = key.of_record(record).collect();
        fingerprints::remember(self.db, name, &of_text)
    }

    /// A text that was gone by an earlier archive: it is no longer what its copies are recognized by.
    fn reappeared(&mut self, name: &str, record: &Record) -> Result<()> {
        if let (Some(reappeared), Some(retrieved)) = (&mut self.reappeared, retrieved(record)) {
            reappeared.execute(params![name, retrieved])?;
        }
        Ok(())
    }
}

/// Remembers that a text is gone by a source that saw so at a time, for sources of Reddit or the others.
fn remember_gone(
    db: &Connection,
    name: &str,
    why: &str,
    seen_utc: Option<i64>,
    of_reddit: bool,
) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO purged (name, at_ms, why, seen_utc, of_reddit) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO UPDATE SET
           seen_utc = CASE WHEN seen_utc IS NOT NULL AND excluded.seen_utc IS NOT NULL
                           THEN max(seen_utc, excluded.seen_utc) END,
           of_reddit = CASE of_reddit WHEN excluded.of_reddit THEN of_reddit ELSE 2 END",
    )?
    .execute(params![name, crate::now_ms(), why, seen_utc, of_reddit])?;
    Ok(())
}

impl Store {
    /// Adds comments and posts of a source, in batches of [`BATCH_ROWS`], each a transaction. Of several versions of one,
    /// the same is kept in whichever order they are imported; so reading a file twice adds nothing. What was purged is
    /// left out, also under another id. A placeholder never replaces a text, which would lose track of what was trained on
    /// it: see [`Store::records_gone`].
    ///
    /// # Errors
    /// If there is no such source; earlier batches are kept.
    pub fn records_upsert(&self, source_id: i64, records: &[Record]) -> Result<Upserted> {
        self.records_counted(source_id, records, &[], |_| None)
    }

    /// As [`Store::records_upsert`], with Reddit's names for records that have another id (`named`), and each transaction
    /// also stores the counts of the source so far, which `counts`
    /// gives for what was done with these records. So an import that is killed shows what it has stored, and its source
    /// never has texts that its counts know nothing of.
    ///
    /// # Errors
    /// As [`Store::records_upsert`].
    pub fn records_counted(
        &self,
        source_id: i64,
        records: &[Record],
        named: &[(i64, String)],
        counts: impl Fn(Upserted) -> Option<String>,
    ) -> Result<Upserted> {
        let mut links: HashMap<i64, Vec<&str>> = HashMap::new();
        for (id, name) in named {
            links.entry(*id).or_default().push(name);
        }
        let mut all = Upserted::default();
        // counts without a record change, too: rows that were filtered out or rejected
        let nothing = records.is_empty().then_some(records);
        for batch in records.chunks(BATCH_ROWS).chain(nothing) {
            all += self.write(Family::Sources, |db| {
                let mut upsert = Upsert::new(db, source_id)?;
                let mut done = Upserted::default();
                for record in batch {
                    let id = match record {
                        Record::Comment(comment) => comment.id,
                        Record::Post(post) => post.id,
                    };
                    let links = links.get(&id).map_or(&[][..], Vec::as_slice);
                    upsert.record(record, links, &mut done)?;
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
                    let (table, texts) = match one.kind {
                        3 => ("post", "is_notice(title) OR is_notice(selftext)"),
                        _ => ("comment", "is_notice(body)"),
                    };
                    let found: Option<(bool, bool, Option<i64>)> = db
                        .prepare_cached(&format!(
                            "SELECT {texts}, {OF_REDDIT}, retrieved_utc FROM {table} WHERE id = ?1"
                        ))?
                        .query_row([one.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                        .optional()?;
                    let name = format!("t{}_{}", one.kind, encode(one.id));
                    let why = if one.removed { "removed" } else { "deleted" };
                    match found {
                        // an id of another site
                        Some((_, as_reddit, _)) if as_reddit != of_reddit => {}
                        Some((false, _, retrieved)) => {
                            if is_gone_after(one.seen_utc, retrieved) {
                                remember_gone(db, &name, why, one.seen_utc, of_reddit)?;
                                known.push(Gone {
                                    name,
                                    why: why.to_owned(),
                                });
                            }
                        }
                        // the latest that shows it gone counts
                        Some((true, _, retrieved)) => {
                            if retrieved.is_some() && is_gone_after(one.seen_utc, retrieved) {
                                db.prepare_cached(&format!(
                                    "UPDATE {table} SET retrieved_utc = ?2 WHERE id = ?1"
                                ))?
                                .execute(params![one.id, one.seen_utc])?;
                            }
                            let is_purged = db
                                .prepare_cached("SELECT 1 FROM purged WHERE name = ?1")?
                                .exists([&name])?;
                            if is_purged {
                                remember_gone(db, &name, why, one.seen_utc, of_reddit)?;
                            }
                        }
                        None => remember_gone(db, &name, why, one.seen_utc, of_reddit)?,
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
