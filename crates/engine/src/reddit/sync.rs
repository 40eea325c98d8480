//! Forgetting: what Reddit no longer has, and what was kept long enough.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use repartee_datasets::id::encode;
use repartee_reddit::{Gone as How, Link, TreeAsk};
use repartee_store::purge::{Forgotten, Gone};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::connect::{Session, config_of};
use super::reconcile::passes;
use crate::Engine;
use crate::again::DeletedContent;
use crate::error::{Code, Error, Result};
use crate::job::{Ctx, Job, Progress, Stop};
use crate::left_out::{LeftOut, Tally, caught, is_of_the_whole};

/// Names that one call of Reddit's takes.
const AT_ONCE: usize = 100;
/// Calls that Reddit allows a minute, over ten minutes.
const CALLS_A_MINUTE: u64 = 100;
/// The setting that says how far the round through the imported texts is.
pub(crate) const PLACE: &str = "imported texts that were asked about";
/// Calls spent on what the first answer leaves out of a tree that is looked through again.
const TREE_CALLS: u32 = 8;

/// Asks Reddit what of the stored threads is still there, and forgets the rest, to the last byte. A job:
/// `sync`. It should run once a day at least. Imported texts are asked about when somebody wants it: they can
/// be many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Sync {
    /// The account that reads; empty: the one that posts.
    pub account: String,
    /// Ask about imported comments and posts that are part of pairs, too: by name, a hundred a call, which
    /// does not tell what moderators removed. One that is broken off goes on where it stood.
    pub imported: bool,
}

/// What was forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Synced {
    /// Comments and posts that Reddit was asked about.
    pub looked_at: u64,
    /// Of these, those that it answered about.
    #[serde(default)]
    pub answered: u64,
    /// Of these, those that it no longer has.
    pub gone: u64,
    /// Imported ones in answers that showed nothing at all: that says more of their ids, or of Reddit's
    /// health, than of the texts, so they are kept.
    pub doubted: u64,
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
    /// Texts of others that quoted them and no longer do.
    #[serde(default)]
    pub redacted: u64,
    /// Pairs of splits that lost their text: what was trained on them is stale.
    pub pairs: u64,
    /// The marks that were put or renewed.
    #[serde(skip)]
    #[ts(skip)]
    marked: Vec<i64>,
    /// What was trained on a text that is gone now, or made with it, in the order in which one is made from the
    /// other, with the command that makes it again without.
    #[serde(default)]
    pub affected: Vec<DeletedContent>,
    /// Threads and texts that could not be asked about.
    #[serde(default)]
    pub left_out: LeftOut,
    /// Whether the last traces are gone from the file; false: another process read it, the next run does it.
    pub scrubbed: bool,
    /// Files beside the project that may still hold the texts: backups and copies of it.
    #[serde(default)]
    pub copies: Vec<PathBuf>,
}

impl Synced {
    fn add(&mut self, forgotten: &Forgotten) {
        self.comments += forgotten.comments;
        self.posts += forgotten.posts;
        self.candidates += forgotten.candidates;
        self.cancelled += forgotten.cancelled;
        self.imported += forgotten.imported;
        self.redacted += forgotten.redacted;
        self.pairs += forgotten.pairs;
        self.marked.extend(&forgotten.marked);
    }
}

impl Job for Sync {
    const KIND: &'static str = "sync";
    type Outcome = Synced;

    fn tally(outcome: &Synced) -> Option<Tally> {
        Some(Tally {
            nothing: "nothing could be asked about",
            succeeded: outcome.answered,
            left_out: outcome.left_out.clone(),
        })
    }

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
            let gone = match caught(|| gone_of(ctx, &session, post, &names)) {
                Ok(gone) => gone,
                // the others may still be asked about
                Err(Stop::Failed(error)) if passes(&error) || !is_of_the_whole(&error) => {
                    ctx.leave_out(post.as_str(), error.message)?;
                    continue;
                }
                Err(stop) => return Err(stop),
            };
            synced.answered += names.len() as u64;
            synced.gone += gone.len() as u64;
            engine.forget_in_ledger(&gone);
            synced.add(&store.purge(&gone, "repartee", session.now_ms())?);
            store.thread_checked(thread.id, session.now_ms())?;
        }
        synced.add(&store.expire(session.now_ms())?);
        let wiping = || ctx.tick(Progress::new("wiping the last traces", 0, None, "bytes"));
        wiping();
        synced.scrubbed = store.scrub()?;
        // last, for it may take hours, and what was fetched must not wait for it
        if self.imported {
            ask_about_imported(ctx, &session, &mut synced)?;
            wiping();
            synced.scrubbed = store.scrub()?;
        }
        synced.affected = engine.affected(&synced.marked)?;
        synced.copies = engine.copies(&synced);
        synced.left_out = ctx.left_out()?;
        Ok(synced)
    }
}

/// How Reddit's things came to be gone, in the words of the store.
fn word(how: How) -> &'static str {
    match how {
        How::Deleted => "deleted",
        How::Removed => "removed",
    }
}

/// Asks about names, a hundred a call, and adds those that are gone. Gives how many Reddit showed, be they
/// gone or not.
fn ask_by_name(
    ctx: &Ctx,
    session: &Session,
    names: &[String],
    gone: &mut HashMap<String, &'static str>,
) -> Result<usize, Stop> {
    let mut shown = 0;
    for some in names.chunks(AT_ONCE) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        let found = session.ask(Some(ctx), session.client.info(&some))?;
        shown += found.comments.len() + found.posts.len();
        for comment in &found.comments {
            match comment.gone() {
                Some(how) => _ = gone.insert(comment.name.clone(), word(how)),
                // whoever deletes the account wants to be forgotten
                None if comment.author.is_none() => {
                    _ = gone.insert(comment.name.clone(), "deleted")
                }
                None => {}
            }
        }
        for post in &found.posts {
            if let Some(how) = post.gone() {
                gone.insert(post.name.clone(), word(how));
            }
        }
        gone.extend(found.absent.into_iter().map(|name| (name, "absent")));
        // of what came in a form that cannot be read nothing is known: it stays, and is asked about again
        for name in found.unread {
            ctx.leave_out(name, "Reddit's answer about it cannot be read")?;
        }
    }
    Ok(shown)
}

/// The same; where Reddit refuses names together, or its answer cannot be read, they are asked about in
/// halves, and single ones that fail are left out. A network that fails still ends it: the next round goes on.
fn ask_in_halves(
    ctx: &Ctx,
    session: &Session,
    names: &[String],
    gone: &mut HashMap<String, &'static str>,
) -> Result<usize, Stop> {
    let of_the_network = |error: &Error| {
        is_of_the_whole(error)
            || (error.code == Code::Io && !error.message.contains("cannot be read"))
    };
    match caught(|| ask_by_name(ctx, session, names, gone)) {
        Err(Stop::Failed(error)) if !of_the_network(&error) => {
            if let [name] = names {
                ctx.leave_out(name.as_str(), error.message)?;
                return Ok(1);
            }
            let (first, second) = names.split_at(names.len() / 2);
            Ok(ask_in_halves(ctx, session, first, gone)?
                + ask_in_halves(ctx, session, second, gone)?)
        }
        done => done,
    }
}

/// As the store takes it.
fn listed(gone: HashMap<String, &'static str>) -> Vec<Gone> {
    let why = |(name, why): (String, &str)| Gone {
        name,
        why: why.to_owned(),
    };
    gone.into_iter().map(why).collect()
}

/// A round through what was imported, by kind and id: what is gone is forgotten. After each call it is noted
/// how far the round is, and whoever comes after one that was broken off goes on there.
fn ask_about_imported(ctx: &Ctx, session: &Session, synced: &mut Synced) -> Result<(), Stop> {
    let store = &ctx.engine.store;
    let all = store.imported_of_pairs()?;
    let place: Option<(u8, i64)> = store.setting(PLACE)?.flatten();
    let before = all.partition_point(|one| Some(*one) <= place);
    // killed between the last call and the note that the round is over: the next one begins
    let left = all
        .get(before..)
        .filter(|left| !left.is_empty())
        .unwrap_or(&all);
    let (total, calls) = (left.len() as u64, left.len().div_ceil(AT_ONCE) as u64);
    let own_ms = u64::from(config_of(&session.account).pace.call_ms);
    let pace = 60_000_u64
        .checked_div(own_ms)
        .map_or(CALLS_A_MINUTE, |own| own.min(CALLS_A_MINUTE));
    ctx.say(match calls {
        0 => "no imported text is part of a pair and has an id of Reddit's".to_owned(),
        _ => format!(
            "{total} imported texts{} in {calls} calls, at {pace} a minute: {}",
            if left.len() < all.len() {
                " that are left of the last round"
            } else {
                ""
            },
            lasts(calls.div_ceil(pace)),
        ),
    });
    for (call, some) in left.chunks(AT_ONCE).enumerate() {
        ctx.go_on()?;
        let done = (call * AT_ONCE) as u64;
        ctx.tick(Progress::new(
            "asking about imported texts",
            done,
            Some(total),
            "texts",
        ));
        let names: Vec<String> = some
            .iter()
            .map(|(kind, id)| format!("t{kind}_{}", encode(*id)))
            .collect();
        let mut gone = HashMap::new();
        let shown = ask_in_halves(ctx, session, &names, &mut gone)?;
        synced.looked_at += names.len() as u64;
        if shown == 0 {
            synced.doubted += names.len() as u64;
        } else {
            synced.answered += shown as u64;
            synced.gone += gone.len() as u64;
            synced.add(&store.purge(&listed(gone), "repartee", session.now_ms())?);
        }
        store.set_setting(PLACE, &some.last())?;
    }
    store.set_setting(PLACE, &None::<(u8, i64)>)?;
    Ok(())
}

/// So many minutes in words.
fn lasts(minutes: u64) -> String {
    match minutes {
        0 | 1 => "a minute at most".to_owned(),
        2..120 => format!("about {minutes} minutes"),
        _ => format!("about {:.1} hours", minutes as f64 / 60.0),
    }
}

/// Which of these names of a thread Reddit no longer has: by name, and by the tree, for each shows what the
/// other hides.
fn gone_of(ctx: &Ctx, session: &Session, post: &str, names: &[String]) -> Result<Vec<Gone>, Stop> {
    let mut gone = HashMap::new();
    ask_by_name(ctx, session, names, &mut gone)?;
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
                gone.entry(comment.name.clone()).or_insert(word(why));
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
    Ok(listed(gone))
}

impl Engine {
    /// Forgets the texts that were kept long enough, to the last byte. Needs no network.
    ///
    /// # Errors
    /// When the project cannot be written; then nothing is forgotten.
    pub fn forget_expired(&self) -> Result<Synced> {
        let mut synced = Synced::default();
        synced.add(&self.store.expire(self.reddit_now_ms()?)?);
        synced.scrubbed = self.store.scrub()?;
        synced.affected = self.affected(&synced.marked)?;
        synced.copies = self.copies(&synced);
        Ok(synced)
    }

    /// Files that may still hold what was forgotten; none where nothing was.
    fn copies(&self, synced: &Synced) -> Vec<PathBuf> {
        let texts = synced.comments + synced.posts + synced.imported + synced.redacted;
        match texts {
            0 => Vec::new(),
            _ => self.store.copies(),
        }
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
        self.forget_in_ledger(&gone);
        synced.add(
            &self
                .store
                .purge(&gone, who, self.environment.clock.now_ms())?,
        );
        synced.scrubbed = self.store.scrub()?;
        synced.affected = self.affected(&synced.marked)?;
        // also when the project itself held none of it: a backup may be older
        synced.copies = self.store.copies();
        Ok(synced)
    }
}
