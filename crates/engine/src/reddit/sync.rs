//! Forgetting: what Reddit no longer has, and what was kept long enough.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use repartee_reddit::{Gone as How, Link, TreeAsk};
use repartee_store::purge::{Forgotten, Gone};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::connect::Session;
use super::reconcile::passes;
use crate::Engine;
use crate::error::{Code, Error, Result};
use crate::job::{Ctx, Job, Progress, Stop};

/// Names that one call of Reddit's takes.
const AT_ONCE: usize = 100;
/// Calls spent on what the first answer leaves out of a tree that is looked through again.
const TREE_CALLS: u32 = 8;

/// Asks Reddit what of the stored threads is still there, and forgets the rest, to the last byte. A job:
/// `sync`. It should run once a day at least.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Sync {
    /// The account that reads; empty: the one that posts.
    pub account: String,
}

/// What was forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Synced {
    /// Comments and posts that Reddit was asked about.
    pub looked_at: u64,
    /// Of these, those that it no longer has.
    pub gone: u64,
    /// Comments of threads whose texts were wiped, those that were kept long enough included.
    pub comments: u64,
    /// Posts likewise.
    pub posts: u64,
    /// Candidates that were written from them.
    pub candidates: u64,
    /// Replies that can no longer be posted.
    pub cancelled: u64,
    /// Imported comments and posts.
    pub imported: u64,
    /// Pairs of splits that lost their text: what was trained on them is stale.
    pub pairs: u64,
    /// Whether the last traces are gone from the file; false: another process read it, the next run does it.
    pub scrubbed: bool,
}

impl Synced {
    fn add(&mut self, forgotten: &Forgotten) {
        self.comments += forgotten.comments;
        self.posts += forgotten.posts;
        self.candidates += forgotten.candidates;
        self.cancelled += forgotten.cancelled;
        self.imported += forgotten.imported;
        self.pairs += forgotten.pairs;
    }
}

impl Job for Sync {
    const KIND: &'static str = "sync";
    type Outcome = Synced;

    fn run(&self, ctx: &Ctx) -> Result<Synced, Stop> {
        let (engine, store) = (ctx.engine, &ctx.engine.store);
        let account = engine.account_meant(&self.account)?;
        let session = Session::open(engine, &account.name)?;
        let mut synced = Synced::default();
        let threads: Vec<_> = store
            .threads()?
            .into_iter()
            .filter(|t| {
                t.name.is_some() && (!t.title.is_empty() || !t.body.is_empty() || t.comments > 0)
            })
            .collect();
        let total = threads.len() as u64;
        for (at, thread) in threads.iter().enumerate() {
            ctx.go_on()?;
            ctx.tick(Progress::new(
                "asking what is still there",
                at as u64,
                Some(total),
                "threads",
            ));
            let Some(post) = &thread.name else { continue };
            let mut names: Vec<String> = store
                .thread_comments(thread.id)?
                .into_iter()
                .filter(|c| !c.body.is_empty())
                .filter_map(|c| c.name)
                .collect();
            if !thread.title.is_empty() || !thread.body.is_empty() {
                names.push(post.clone());
            }
            if names.is_empty() {
                continue;
            }
            synced.looked_at += names.len() as u64;
            let gone = match gone_of(ctx, &session, post, &names) {
                Ok(gone) => gone,
                // the others may still be asked about
                Err(Stop::Failed(error)) if passes(&error) || error.code == Code::Refused => {
                    ctx.say(format!("{post}: {}", error.message));
                    continue;
                }
                Err(stop) => return Err(stop),
            };
            synced.gone += gone.len() as u64;
            synced.add(&store.purge(&gone, "repartee", session.now_ms())?);
            store.thread_checked(thread.id, session.now_ms())?;
        }
        synced.add(&store.expire(session.now_ms())?);
        ctx.tick(Progress::new("wiping the last traces", 0, None, "bytes"));
        synced.scrubbed = store.scrub(synced.imported > 0)?;
        Ok(synced)
    }
}

/// Which of these names of a thread Reddit no longer has: by name, and by the tree, for each shows what the
/// other hides.
fn gone_of(ctx: &Ctx, session: &Session, post: &str, names: &[String]) -> Result<Vec<Gone>, Stop> {
    let mut gone: HashMap<String, &'static str> = HashMap::new();
    let how = |how: How| match how {
        How::Deleted => "deleted",
        How::Removed => "removed",
    };
    for some in names.chunks(AT_ONCE) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        let found = session.ask(Some(ctx), session.client.info(&some))?;
        for comment in &found.comments {
            match comment.gone() {
                Some(why) => _ = gone.insert(comment.name.clone(), how(why)),
                // whoever deletes the account wants to be forgotten
                None if comment.author.is_none() => {
                    _ = gone.insert(comment.name.clone(), "deleted")
                }
                None => {}
            }
        }
        for found in &found.posts {
            if let Some(why) = found.gone() {
                gone.insert(found.name.clone(), how(why));
            }
        }
        gone.extend(found.absent.into_iter().map(|name| (name, "absent")));
    }
    if !gone.contains_key(post) {
        let ask = TreeAsk {
            calls: TREE_CALLS,
            ..TreeAsk::default()
        };
        let mut on = |_| ControlFlow::Continue(());
        let tree = session
            .ask(Some(ctx), session.client.tree(post, ask, &mut on))?
            .tree;
        let shown: HashSet<&str> = tree.comments.iter().map(|c| c.name.as_str()).collect();
        for comment in &tree.comments {
            if let Some(why) = comment.gone() {
                gone.entry(comment.name.clone()).or_insert(how(why));
            }
        }
        for name in names.iter().filter(|name| name.starts_with("t1_")) {
            // of a part of the tree nothing follows
            let left_out = tree.missing.contains(name)
                || (tree.is_complete() && !shown.contains(name.as_str()));
            if left_out {
                gone.entry(name.clone()).or_insert("removed");
            }
        }
    }
    gone.retain(|name, _| names.contains(name));
    Ok(gone
        .into_iter()
        .map(|(name, why)| Gone {
            name,
            why: why.to_owned(),
        })
        .collect())
}

impl Engine {
    /// Forgets the texts that were kept long enough, to the last byte. Needs no network.
    ///
    /// # Errors
    /// When the project cannot be written; then nothing is forgotten.
    pub fn forget_expired(&self) -> Result<Synced> {
        let mut synced = Synced::default();
        synced.add(&self.store.expire(self.outside.clock.now_ms())?);
        synced.scrubbed = self.store.scrub(false)?;
        Ok(synced)
    }

    /// Forgets comments and posts by their names (`t1_...`, `t3_...`) or links, as the person `who`: somebody
    /// asked for it. With all that was written from them, to the last byte.
    ///
    /// # Errors
    /// [`Code::Usage`] when one is no such name; when the project cannot be written.
    pub fn forget_names(&self, names: &[String], who: &str) -> Result<Synced> {
        let mut gone = Vec::with_capacity(names.len());
        for typed in names {
            let name = match Link::parse(typed) {
                Some(link) => link.comment.unwrap_or(link.post),
                None => typed.trim().to_owned(),
            };
            let id = name
                .strip_prefix("t1_")
                .or_else(|| name.strip_prefix("t3_"));
            if !id.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()))
            {
                return Err(Error::usage(format!(
                    "{typed:?} is not the name of a comment (t1_...) or post (t3_...), and no link to one"
                )));
            }
            gone.push(Gone {
                name,
                why: "asked".to_owned(),
            });
        }
        let mut synced = Synced {
            gone: gone.len() as u64,
            ..Synced::default()
        };
        synced.add(&self.store.purge(&gone, who, self.outside.clock.now_ms())?);
        synced.scrubbed = self.store.scrub(synced.imported > 0)?;
        Ok(synced)
    }
}
