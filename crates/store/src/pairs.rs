//! Pairs: a comment and a reply to it, joined on the parent, as in the original BigQuery query.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use repartee_datasets::clean::{bare_name, is_notice, is_unknown_author};
use repartee_datasets::{Flaw, Partition, Recipe};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::curation::IS_EXCLUDED;
use crate::readable::of_row;
use crate::watch::Family;
use crate::{BATCH_ROWS, BATCH_TIME, Result, Store};

/// Counts of building pairs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PairCounts {
    pub comments: u64,
    /// Those that answer a comment, not a post.
    pub replies: u64,
    /// Those whose comment is in the project too.
    pub joined: u64,
    /// Those that pass the recipe.
    pub kept: u64,
    pub new: u64,
    /// Former pairs that no longer pass.
    pub removed: u64,
    /// Number dropped by the recipe, by the first rule that applied: (rule, pairs), in the order of the rules; rules
    /// that dropped nothing are omitted.
    pub dropped: Vec<(String, u64)>,
    /// Pairs that pass, with at least one author `[deleted]`.
    pub unknown_authors: u64,
}

/// A pair with its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The reply's id, and the pair's.
    pub id: i64,
    pub comment_id: i64,
    /// The post of both.
    pub thread_id: i64,
    /// Empty: unknown.
    pub subreddit: String,
    /// Title of the post; `None`: the post is not in the project.
    pub title: Option<String>,
    pub comment: String,
    pub reply: String,
    /// `None`: unknown.
    pub comment_score: Option<i64>,
    /// Of the reply; `None`: unknown.
    pub score: Option<i64>,
    /// When the reply was written, seconds since 1970.
    pub created_utc: Option<i64>,
    /// The source of the reply.
    pub source_id: i64,
    /// `None`: the source names nobody.
    pub comment_author: Option<String>,
    /// Author of the reply.
    pub author: Option<String>,
    /// Reason why the pair itself is excluded; `None`: it is not.
    pub excluded: Option<String>,
    /// An excluded author of one of its texts, and the reason.
    pub excluded_author: Option<(String, String)>,
}

/// Selects pairs. The default: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PairQuery {
    pub split_id: Option<i64>,
    /// Only pairs of this partition of the split.
    pub partition: Option<Partition>,
    /// Only pairs of these subreddits, case-insensitive; empty: all.
    pub subreddits: Vec<String>,
    /// Minimum score of the reply.
    pub min_score: Option<i64>,
    /// Maximum score of the reply.
    pub max_score: Option<i64>,
    /// Only pairs with all of these words, or parts of words, in comment and reply together, case-insensitive in any
    /// script. Scans every pair.
    pub contains: Option<String>,
    /// Only pairs with all of these words in comment and reply together, ignoring case and accents; the last may be a
    /// prefix. Finds pairs indexed by [`Store::pairs_index`].
    pub words: Option<String>,
    pub source_id: Option<i64>,
    /// Only pairs excluded by the user, by themselves or by author; or only the others.
    pub excluded: Option<bool>,
}

/// Sort order of pairs; ties by id. Unknown values come last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PairOrder {
    /// Reddit's ids: chronological for pairs from Reddit.
    #[default]
    Id,
    Score,
    /// In characters.
    CommentLength,
    /// In characters.
    ReplyLength,
    Subreddit,
    /// When the reply was written.
    Created,
}

impl PairOrder {
    fn sql(self) -> &'static str {
        match self {
            Self::Id => "p.id",
            Self::Score => "r.score",
            Self::CommentLength => "length(c.body)",
            Self::ReplyLength => "length(r.body)",
            Self::Subreddit => "r.subreddit COLLATE NOCASE",
            Self::Created => "r.created_utc",
        }
    }
}

/// A figure of a pair, for distributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PairFigure {
    Score,
    /// In characters.
    CommentLength,
    /// In characters.
    ReplyLength,
}

impl PairFigure {
    pub fn title(self) -> &'static str {
        match self {
            Self::Score => "Scores of the replies",
            Self::CommentLength => "Length of the comments",
            Self::ReplyLength => "Length of the replies",
        }
    }

    pub fn unit(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::CommentLength | Self::ReplyLength => "characters",
        }
    }

    fn sql(self) -> &'static str {
        match self {
            Self::Score => "r.score",
            Self::CommentLength => "length(c.body)",
            Self::ReplyLength => "length(r.body)",
        }
    }
}

/// The rules that a join adds to those of the recipe.
const SAME_AUTHOR: usize = 2 * FLAWS;
const SAME_AS_POST: usize = 2 * FLAWS + 1;
/// A text or an author has bytes that are not UTF-8: another program edited the file, or the disk is faulty.
const UNREADABLE: usize = 2 * FLAWS + 2;
const RULES: usize = 2 * FLAWS + 3;
const FLAWS: usize = Flaw::ALL.len();

/// The name of the rule that drops pairs with an unreadable text or author.
pub const UNREADABLE_RULE: &str = "unreadable";

/// Pairs seen, and those dropped by each rule: the reply's flaws, the comment's, those of both.
#[derive(Default)]
struct Tally {
    joined: AtomicU64,
    dropped: [AtomicU64; RULES],
    unknown_authors: AtomicU64,
}

fn rule_name(rule: usize) -> String {
    match rule {
        SAME_AUTHOR => "same_author".into(),
        SAME_AS_POST => "same_author_as_post".into(),
        UNREADABLE => UNREADABLE_RULE.into(),
        n if n < FLAWS => format!("reply_{}", Flaw::ALL[n].name()),
        n => format!("comment_{}", Flaw::ALL[n - FLAWS].name()),
    }
}

/// Registers the SQL function `fit(reply author, reply, comment author, comment, post author)`: whether a pair passes
/// the recipe. It is called once per joined row, so that the tally is exact.
fn register_fit(db: &Connection, recipe: &Recipe, tally: &Arc<Tally>) -> Result<()> {
    let recipe = recipe.clone();
    let tally = Arc::clone(tally);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    db.create_scalar_function(c"fit", 5, flags, move |ctx| {
        tally.joined.fetch_add(1, Ordering::Relaxed);
        match flaw(&recipe, ctx)? {
            None => {
                if unknown(ctx, 0)? || unknown(ctx, 2)? {
                    tally.unknown_authors.fetch_add(1, Ordering::Relaxed);
                }
                Ok(true)
            }
            Some(rule) => {
                tally.dropped[rule].fetch_add(1, Ordering::Relaxed);
                Ok(false)
            }
        }
    })?;
    Ok(())
}

/// The first rule that a pair breaks: its number among [`RULES`].
fn flaw(recipe: &Recipe, ctx: &Context<'_>) -> rusqlite::Result<Option<usize>> {
    let bad =
        |i| matches!(ctx.get_raw(i), ValueRef::Text(text) if std::str::from_utf8(text).is_err());
    if (0..ctx.len()).any(bad) {
        return Ok(Some(UNREADABLE));
    }
    let text = |i: usize| -> rusqlite::Result<Option<&str>> {
        match ctx.get_raw(i) {
            ValueRef::Null => Ok(None),
            value => Ok(Some(value.as_str()?)),
        }
    };
    let (replier, commenter, poster) = (text(0)?, text(2)?, text(4)?);
    if let Some(flaw) = recipe.flaw(replier, text(1)?.unwrap_or("")) {
        return Ok(Some(flaw as usize - 1));
    }
    if let Some(flaw) = recipe.flaw(commenter, text(3)?.unwrap_or("")) {
        return Ok(Some(FLAWS + flaw as usize - 1));
    }
    if recipe.keep_same_author {
        return Ok(None);
    }
    if same_author(replier, commenter) {
        return Ok(Some(SAME_AUTHOR));
    }
    if same_author(replier, poster) {
        return Ok(Some(SAME_AS_POST));
    }
    Ok(None)
}

/// Whether two authors are the same. A missing author is never the same, and neither is `[deleted]`: two deleted
/// authors are usually different people.
fn same_author(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(a), Some(b)) => a == b && !is_unknown_author(a),
        _ => false,
    }
}

/// Whether this argument is a deleted author of a text.
fn unknown(ctx: &Context<'_>, i: usize) -> rusqlite::Result<bool> {
    match ctx.get_raw(i) {
        ValueRef::Null => Ok(false),
        value => Ok(is_unknown_author(value.as_str()?)),
    }
}

/// Registers the SQL functions `is_notice(text)`: whether it stands for a text that is gone, and
/// `has_words(comment, reply, words)`: whether each of the words occurs in the two texts, case-insensitive in any
/// script.
pub(crate) fn register_functions(db: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    db.create_scalar_function(c"is_notice", 1, flags, |ctx| {
        Ok(is_notice(&text(ctx.get_raw(0))?))
    })?;
    db.create_scalar_function(c"has_words", 3, flags, |ctx| {
        let texts = [
            folded(&text(ctx.get_raw(0))?),
            folded(&text(ctx.get_raw(1))?),
        ];
        let words = ctx.get_raw(2).as_str()?;
        let found = |word: &str| texts.iter().any(|text| text.contains(word));
        Ok(words.split_whitespace().all(found))
    })?;
    Ok(())
}

/// A text in a condition. One with invalid UTF-8 must not end the query: what reads the row reports it.
fn text(value: ValueRef<'_>) -> rusqlite::Result<Cow<'_, str>> {
    match value {
        ValueRef::Text(bytes) => Ok(String::from_utf8_lossy(bytes)),
        other => Ok(Cow::Borrowed(other.as_str()?)),
    }
}

/// Case-folded text; both spellings of ß are equal, the Turkish İ is an i, and a final sigma is a sigma.
fn folded(text: &str) -> String {
    let lower = text.to_lowercase().replace('ß', "ss");
    // what lowercase leaves of İ
    lower.replace('\u{307}', "").replace('ς', "σ")
}

/// Registers the SQL function `thread_of(link)`: the thread that a link stands for.
pub(crate) fn register_thread_of(db: &Connection, threads: &Arc<HashMap<i64, i64>>) -> Result<()> {
    let threads = Arc::clone(threads);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    db.create_scalar_function(c"thread_of", 1, flags, move |ctx| {
        let link: i64 = ctx.get(0)?;
        Ok(threads.get(&link).copied().unwrap_or(link))
    })?;
    Ok(())
}

/// Formats whose rows name their post, or whose two comments are one thread by construction.
const NAME_THEIR_THREADS: &str = "('pushshift', 'bigquery', 'mapped', 'sample')";

const PAIR: &str =
    "SELECT p.id, p.comment_id, p.thread_id, r.subreddit, nullif(t.title, ''), c.body, r.body,
        c.score, r.score, r.created_utc, r.source_id, c.author, r.author,
        (SELECT reason FROM excluded_pair x WHERE x.pair_id = p.id), a.name, a.reason
   FROM pair p JOIN comment r ON r.id = p.id JOIN comment c ON c.id = p.comment_id
        LEFT JOIN post t ON t.id = p.thread_id
        LEFT JOIN excluded_author a
          ON a.name = (SELECT min(name) FROM excluded_author WHERE name IN (r.author, c.author))";

fn pair_row(row: &Row<'_>) -> rusqlite::Result<Pair> {
    Ok(Pair {
        id: row.get(0)?,
        comment_id: row.get(1)?,
        thread_id: row.get(2)?,
        subreddit: row.get(3)?,
        title: row.get(4)?,
        comment: row.get(5)?,
        reply: row.get(6)?,
        comment_score: row.get(7)?,
        score: row.get(8)?,
        created_utc: row.get(9)?,
        source_id: row.get(10)?,
        comment_author: row.get(11)?,
        author: row.get(12)?,
        excluded: row.get(13)?,
        excluded_author: match row.get::<_, Option<String>>(14)? {
            Some(name) => Some((name, row.get(15)?)),
            None => None,
        },
    })
}

/// A search as FTS5 syntax: every word literally, the last as a prefix.
/// <https://www.sqlite.org/fts5.html#full_text_query_syntax>
fn match_of(words: &str) -> String {
    let quoted = words
        .split_whitespace()
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")));
    let query = quoted.collect::<Vec<_>>().join(" ");
    if query.is_empty() {
        "\"\"".to_owned()
    } else {
        format!("{query}*")
    }
}

/// Pairs with their comment and reply, for conditions on them.
const FROM: &str = "pair p JOIN comment r ON r.id = p.id JOIN comment c ON c.id = p.comment_id";

impl PairQuery {
    /// The conditions in SQL, each with a leading AND, and their values, numbered from `first`.
    fn conditions(&self, first: usize) -> (String, Vec<Box<dyn ToSql>>) {
        // a pair that no longer passes the recipe is only in the splits that contain it
        let mut sql = match self.split_id {
            Some(_) => String::new(),
            None => " AND p.fits".to_owned(),
        };
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        let mut add = |condition: &str, value: Box<dyn ToSql>| {
            values.push(value);
            let n = format!("?{}", first + values.len() - 1);
            sql.push_str(" AND ");
            sql.push_str(&condition.replace('?', &n));
        };
        match (self.split_id, self.partition) {
            (Some(split), Some(partition)) => {
                let one = format!(
                    "EXISTS (SELECT 1 FROM split_pair s WHERE s.split_id = ? AND s.side = {} AND s.pair_id = p.id)",
                    partition as i64
                );
                add(&one, Box::new(split));
            }
            (Some(split), None) => add(
                "EXISTS (SELECT 1 FROM split_pair s WHERE s.split_id = ? AND s.pair_id = p.id)",
                Box::new(split),
            ),
            (None, _) => {}
        }
        if !self.subreddits.is_empty() {
            let names: Vec<&str> = self.subreddits.iter().map(|name| bare_name(name)).collect();
            let names = serde_json::Value::from(names).to_string();
            add(
                "r.subreddit COLLATE NOCASE IN (SELECT value FROM json_each(?))",
                Box::new(names),
            );
        }
        if let Some(score) = self.min_score {
            add("r.score >= ?", Box::new(score));
        }
        if let Some(score) = self.max_score {
            add("r.score <= ?", Box::new(score));
        }
        if let Some(words) = &self.contains {
            add("has_words(c.body, r.body, ?)", Box::new(folded(words)));
        }
        if let Some(words) = &self.words {
            add(
                "p.id IN (SELECT rowid FROM pair_words WHERE pair_words MATCH ?)",
                Box::new(match_of(words)),
            );
        }
        if let Some(source) = self.source_id {
            add("r.source_id = ?", Box::new(source));
        }
        if let Some(excluded) = self.excluded {
            add(&format!("{IS_EXCLUDED} = ?"), Box::new(excluded));
        }
        (sql, values)
    }
}

impl Store {
    /// Threads known under several links, each with the link that stands for all of them; the others stand for
    /// themselves.
    ///
    /// In a table that does not name the post, the reader takes the oldest ancestor that it has seen, which depends on
    /// the order of rows and files. A comment and its parent are in one thread, whatever links the two were read with.
    pub fn threads_of_links(&self) -> Result<HashMap<i64, i64>> {
        let mut of = HashMap::new();
        self.read(|db| {
            let any = format!(
                "SELECT EXISTS (SELECT 1 FROM source WHERE format NOT IN {NAME_THEIR_THREADS})"
            );
            if !db.query_row(&any, [], |row| row.get::<_, bool>(0))? {
                return Ok(());
            }
            let mut query = db.prepare_cached(
                "SELECT r.link_id, c.link_id FROM comment r CROSS JOIN comment c ON c.id = r.parent_id
                 WHERE r.link_id <> c.link_id ORDER BY r.id",
            )?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let (from, to) = (root(&mut of, row.get(0)?), root(&mut of, row.get(1)?));
                if from != to {
                    of.insert(from, to);
                }
            }
            Ok(())
        })?;
        let links: Vec<i64> = of.keys().copied().collect();
        for link in links {
            root(&mut of, link);
        }
        Ok(of)
    }

    /// Builds the pairs of all comments by a recipe: adds what is missing, and removes what no longer passes. If a
    /// split contains it, it stays for that split, which is locked, and is in no list and no later split. A batch of
    /// comments is one transaction, so other processes can read and write in between; `on_batch` gets the comments done
    /// so far and stops by returning false (what was built stays, and the next build continues there).
    pub fn pairs_build(
        &self,
        recipe: &Recipe,
        mut on_batch: impl FnMut(u64) -> bool,
    ) -> Result<PairCounts> {
        let tally = Arc::new(Tally::default());
        let threads = Arc::new(self.threads_of_links()?);
        let mut counts = PairCounts::default();
        let mut rows = BATCH_ROWS;
        let mut after = i64::MIN;
        loop {
            let started = Instant::now();
            let batch = self.write_joined(Family::Pairs, |db| {
                pairs_of_batch(db, recipe, &tally, &threads, after, rows)
            })?;
            let Some(batch) = batch else { break };
            after = batch.last;
            counts.comments += batch.comments;
            counts.replies += batch.replies;
            counts.new += batch.new;
            counts.removed += batch.removed;
            if !on_batch(counts.comments) {
                break;
            }
            // as many rows as fit the time that others should wait at most
            if started.elapsed() < BATCH_TIME / 2 {
                rows *= 2;
            } else if started.elapsed() > BATCH_TIME && rows > BATCH_ROWS {
                rows /= 2;
            }
        }
        counts.joined = tally.joined.load(Ordering::Relaxed);
        let dropped = tally
            .dropped
            .iter()
            .map(|n| n.load(Ordering::Relaxed))
            .enumerate();
        counts.dropped = dropped
            .filter(|(_, n)| *n > 0)
            .map(|(rule, n)| (rule_name(rule), n))
            .collect();
        counts.unknown_authors = tally.unknown_authors.load(Ordering::Relaxed);
        counts.kept = counts.joined - counts.dropped.iter().map(|(_, n)| n).sum::<u64>();
        Ok(counts)
    }

    /// Number of pairs that a query finds.
    pub fn pair_count(&self, query: &PairQuery) -> Result<u64> {
        let (conditions, values) = query.conditions(1);
        let from = if *query == PairQuery::default() {
            "pair p"
        } else {
            FROM
        };
        self.read(|db| {
            let sql = format!("SELECT count(*) FROM {from} WHERE 1{conditions}");
            let values = rusqlite::params_from_iter(values.iter());
            let n: i64 = db
                .prepare_cached(&sql)?
                .query_row(values, |row| row.get(0))?;
            Ok(n.unsigned_abs())
        })
    }

    /// The ids of all pairs that a query finds, sorted.
    pub fn pair_ids(
        &self,
        query: &PairQuery,
        order: PairOrder,
        descending: bool,
    ) -> Result<Vec<i64>> {
        let (conditions, values) = query.conditions(1);
        let plain = *query == PairQuery::default() && order == PairOrder::Id;
        let from = if plain { "pair p" } else { FROM };
        let by = match (order, descending) {
            (PairOrder::Id, false) => "p.id".to_owned(),
            (PairOrder::Id, true) => "p.id DESC".to_owned(),
            (order, false) => format!("{} ASC NULLS LAST, p.id", order.sql()),
            (order, true) => format!("{} DESC NULLS LAST, p.id", order.sql()),
        };
        self.read(|db| {
            let sql = format!("SELECT p.id FROM {from} WHERE 1{conditions} ORDER BY {by}");
            let mut query = db.prepare_cached(&sql)?;
            let rows =
                query.query_map(rusqlite::params_from_iter(values.iter()), |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// A figure of every pair that a query finds, in no order; pairs without it are omitted.
    pub fn pair_figures(&self, query: &PairQuery, figure: PairFigure) -> Result<Vec<i64>> {
        let (conditions, values) = query.conditions(1);
        self.read(|db| {
            let figure = figure.sql();
            let sql = format!("SELECT {figure} FROM {FROM} WHERE {figure} IS NOT NULL{conditions}");
            let mut query = db.prepare_cached(&sql)?;
            let rows =
                query.query_map(rusqlite::params_from_iter(values.iter()), |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The pairs of these ids, in the given order; missing ones are omitted.
    pub fn pairs_of(&self, ids: &[i64]) -> Result<Vec<Pair>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{PAIR} WHERE p.id = ?1"))?;
            let mut pairs = Vec::with_capacity(ids.len());
            for id in ids {
                pairs.extend(query.query_row([id], of_row("pair", pair_row)).optional()?);
            }
            Ok(pairs)
        })
    }

    /// Adds all pairs that are not indexed yet to the full-text index, so that [`PairQuery::words`] finds them, and
    /// removes those that are gone. A batch is one transaction; `on_batch` gets the pairs done so far and stops by
    /// returning false.
    pub fn pairs_index(&self, mut on_batch: impl FnMut(u64) -> bool) -> Result<u64> {
        self.write(Family::Pairs, |db| {
            db.execute(
                "DELETE FROM pair_words WHERE rowid IN
                   (SELECT id FROM pair_words_docsize WHERE id NOT IN (SELECT id FROM pair))",
                [],
            )?;
            Ok(())
        })?;
        let (mut noted, mut after) = (0, i64::MIN);
        loop {
            let batch = self.write(Family::Pairs, |db| {
                let last: Option<i64> = db
                    .prepare_cached(
                        "SELECT max(id) FROM (SELECT id FROM pair WHERE id > ?1 ORDER BY id LIMIT ?2)",
                    )?
                    .query_row(params![after, BATCH_ROWS as i64], |row| row.get(0))?;
                let Some(last) = last else { return Ok(None) };
                let sql = format!(
                    "INSERT INTO pair_words (rowid, comment, reply) SELECT p.id, c.body, r.body FROM {FROM}
                     WHERE p.id > ?1 AND p.id <= ?2 AND p.id NOT IN (SELECT id FROM pair_words_docsize)"
                );
                Ok(Some((last, db.prepare_cached(&sql)?.execute([after, last])?)))
            })?;
            let Some((last, rows)) = batch else {
                return Ok(noted);
            };
            after = last;
            noted += rows as u64;
            if !on_batch(noted) {
                return Ok(noted);
            }
        }
    }

    /// The pairs that a query finds after an id (`None`: from the first), by id, at most `limit`.
    pub fn pairs(&self, query: &PairQuery, after: Option<i64>, limit: usize) -> Result<Vec<Pair>> {
        let (conditions, values) = query.conditions(3);
        let mut all: Vec<Box<dyn ToSql>> = vec![
            Box::new(after.unwrap_or(i64::MIN)),
            Box::new(i64::try_from(limit).unwrap_or(i64::MAX)),
        ];
        all.extend(values);
        // `>=` for the very first id, which may be i64::MIN itself
        let compare = if after.is_some() { ">" } else { ">=" };
        self.read(|db| {
            let sql = format!("{PAIR} WHERE p.id {compare} ?1{conditions} ORDER BY p.id LIMIT ?2");
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map(
                rusqlite::params_from_iter(all.iter()),
                of_row("pair", pair_row),
            )?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Calls `each` with every pair that a query finds, by id, until it returns false. Reads in pages, so that a slow
    /// caller keeps no transaction open.
    pub fn for_each_pair(
        &self,
        query: &PairQuery,
        mut each: impl FnMut(Pair) -> bool,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.pairs(query, after, BATCH_ROWS)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.id);
            for pair in page {
                if !each(pair) {
                    return Ok(());
                }
            }
        }
    }

    pub fn pair(&self, id: i64) -> Result<Option<Pair>> {
        self.read(|db| {
            let sql = format!("{PAIR} WHERE p.id = ?1");
            let mut query = db.prepare_cached(&sql)?;
            let mut rows = query.query_map([id], of_row("pair", pair_row))?;
            Ok(rows.next().transpose()?)
        })
    }

    /// Number of pairs per subreddit, the largest first.
    pub fn pair_subreddits(&self) -> Result<Vec<(String, u64)>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT r.subreddit, count(*) FROM pair p JOIN comment r ON r.id = p.id WHERE p.fits
                 GROUP BY 1 ORDER BY 2 DESC, 1",
            )?;
            let rows = query.query_map([], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// The link that stands for a thread, by halving the path to it.
fn root(of: &mut HashMap<i64, i64>, mut link: i64) -> i64 {
    let first = link;
    while let Some(&next) = of.get(&link) {
        if let Some(&after) = of.get(&next) {
            of.insert(link, after);
        }
        link = next;
    }
    if first != link {
        of.insert(first, link);
    }
    link
}

struct PairBatch {
    last: i64,
    comments: u64,
    replies: u64,
    new: u64,
    removed: u64,
}

/// Builds the pairs of the next `rows` comments after an id; `None` if there are no more.
fn pairs_of_batch(
    db: &Connection,
    recipe: &Recipe,
    tally: &Arc<Tally>,
    threads: &Arc<HashMap<i64, i64>>,
    after: i64,
    rows: usize,
) -> Result<Option<PairBatch>> {
    let bound = "SELECT max(id), count(*), count(parent_id)
                 FROM (SELECT id, parent_id FROM comment WHERE id > ?1 ORDER BY id LIMIT ?2)";
    let (last, comments, replies): (Option<i64>, i64, i64) = db
        .prepare_cached(bound)?
        .query_row(params![after, rows as i64], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let Some(last) = last else { return Ok(None) };
    register_fit(db, recipe, tally)?;
    register_thread_of(db, threads)?;
    let before: i64 = db
        .prepare_cached("SELECT count(*) FROM pair WHERE id > ?1 AND id <= ?2 AND fits")?
        .query_row(params![after, last], |row| row.get(0))?;
    for sql in [
        "DELETE FROM pair WHERE id > ?1 AND id <= ?2
           AND NOT EXISTS (SELECT 1 FROM split_pair s WHERE s.pair_id = pair.id)",
        "UPDATE pair SET fits = 0 WHERE id > ?1 AND id <= ?2 AND fits",
    ] {
        db.prepare_cached(sql)?.execute(params![after, last])?;
    }
    if !threads.is_empty() {
        db.prepare_cached(
            "UPDATE pair SET thread_id = thread_of(thread_id)
             WHERE id > ?1 AND id <= ?2 AND thread_of(thread_id) <> thread_id",
        )?
        .execute(params![after, last])?;
    }
    // CROSS JOIN keeps this order: the replies of the batch, then one lookup of each one's comment. Of a pair of a
    // split, only the flag changes.
    let made = db
        .prepare_cached(
            "INSERT INTO pair (id, comment_id, thread_id)
             SELECT r.id, c.id, thread_of(r.link_id)
             FROM comment r CROSS JOIN comment c ON c.id = r.parent_id
                  LEFT JOIN post p ON p.id = r.link_id
             WHERE r.id > ?1 AND r.id <= ?2 AND fit(r.author, r.body, c.author, c.body, p.author)
             ON CONFLICT (id) DO UPDATE SET fits = 1",
        )?
        .execute(params![after, last])?;
    let before = usize::try_from(before).unwrap_or(0);
    Ok(Some(PairBatch {
        last,
        comments: comments.unsigned_abs(),
        replies: replies.unsigned_abs(),
        new: made.saturating_sub(before) as u64,
        removed: before.saturating_sub(made) as u64,
    }))
}
