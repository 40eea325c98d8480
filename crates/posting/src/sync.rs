//! Purging: what Reddit no longer has, and what is past its retention.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use repartee_core::error::{Code, Error, Result};
use repartee_core::format::counted;
use repartee_core::job::{Ctx, Job, Progress, Stop};
use repartee_core::left_out::{LeftOut, Tally, caught, is_of_the_whole};
use repartee_datasets::id::encode;
use repartee_reddit::{Gone as How, Link, TreeAsk};
use repartee_store::purge::{Forgotten, Gone};
use repartee_store::seals::Sealed;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::DeletedContent;
use crate::connect::{Session, config_of};
use crate::reconcile::passes;
use crate::{Posting, ToPosting};

/// Maximum number of names per Reddit call.
const AT_ONCE: usize = 100;
/// Calls that Reddit allows per minute, averaged over ten minutes.
const CALLS_A_MINUTE: u64 = 100;
/// The setting with the position of the pass over imported texts.
pub(crate) const PLACE: &str = "imported texts that were asked about";
/// Maximum number of calls for what the first answer omits from a tree that is checked again.
const TREE_CALLS: u32 = 8;

/// Checks which stored threads still exist on Reddit, and purges the rest, to the last byte. A job: `sync`. It should
/// run at least once a day. Imported texts are only checked on request: there can be many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Sync {
    /// The account for the requests; empty: the one that posts.
    pub account: String,
    /// Also check imported comments and posts that are part of pairs: by name, a hundred per call, which does not show
    /// what moderators removed. An interrupted check resumes where it stopped.
    pub imported: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Synced {
    /// Comments and posts that were checked.
    pub looked_at: u64,
    /// How many of these Reddit answered about.
    #[serde(default)]
    pub answered: u64,
    /// How many of these no longer exist.
    pub gone: u64,
    /// Imported ones in answers that showed nothing at all, and missing ones from a source of unknown origin: that says
    /// more about their ids, or about Reddit's health, than about the texts, so they are kept.
    pub doubted: u64,
    /// Comments of threads whose texts were wiped, including those past retention.
    pub comments: u64,
    pub posts: u64,
    /// Candidates generated from them.
    pub candidates: u64,
    /// Replies that can no longer be posted.
    pub cancelled: u64,
    /// Imported comments and posts.
    pub imported: u64,
    /// Texts of others that quoted them, now redacted.
    #[serde(default)]
    pub redacted: u64,
    /// Pairs of splits that lost their text: what was trained on them is stale.
    pub pairs: u64,
    /// Marks that were added or renewed.
    #[serde(skip)]
    #[ts(skip)]
    marked: Vec<i64>,
    /// What was trained on a text that is gone now, or made from something that was, in dependency order, with the
    /// command that retrains it.
    #[serde(default)]
    pub affected: Vec<DeletedContent>,
    /// Threads and texts that could not be checked.
    #[serde(default)]
    pub left_out: LeftOut,
    /// Whether the last traces are gone from the file; false: another process was reading it, the next run does it.
    pub scrubbed: bool,
    /// Files next to the project that may still contain the texts: backups and copies of it.
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
    const ALL_SOURCES: bool = true;
    type Outcome = Synced;

    fn tally(outcome: &Synced) -> Option<Tally> {
        Some(Tally {
            nothing: "nothing could be checked",
            succeeded: outcome.answered,
            left_out: outcome.left_out.clone(),
        })
    }

    fn run(&self, ctx: &Ctx) -> Result<Synced, Stop> {
        let (posting, store) = (ctx.project.posting(), &ctx.project.store);
        let account = posting.account_meant(&self.account)?;
        let session = Session::open(posting, &account.name)?;
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
                "checking what still exists",
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
                // the others may still be checked
                Err(Stop::Failed(error)) if passes(&error) || !is_of_the_whole(&error) => {
                    ctx.leave_out(post.as_str(), error.message)?;
                    continue;
                }
                Err(stop) => return Err(stop),
            };
            synced.answered += names.len() as u64;
            synced.gone += gone.len() as u64;
            posting.forget_in_ledger(&gone);
            synced.add(&posting.purge(&gone, "repartee", session.now_ms())?);
            store.thread_checked(thread.id, session.now_ms())?;
        }
        synced.add(&posting.expire(session.now_ms())?);
        let wiping = || ctx.tick(Progress::new("wiping the last traces", 0, None, "bytes"));
        wiping();
        synced.scrubbed = store.scrub()?;
        // last, since it may take hours, and fetched texts must not wait for it
        if self.imported {
            ask_about_imported(ctx, &session, &mut synced)?;
            wiping();
            synced.scrubbed = store.scrub()?;
        }
        synced.affected = posting.affected(&synced.marked)?;
        synced.copies = posting.copies(&synced);
        synced.left_out = ctx.left_out()?;
        Ok(synced)
    }
}

/// How an item was deleted, as the store names it.
fn word(how: How) -> &'static str {
    match how {
        How::Deleted => "deleted",
        How::Removed => "removed",
    }
}

/// Checks names, a hundred per call, and adds those that are gone. Returns how many Reddit showed, gone or not.
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
                // an author who deleted the account counts as a deletion
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
        // an unreadable answer shows nothing: the text stays, and is checked again
        for name in found.unread {
            ctx.leave_out(name, "Reddit's answer about it cannot be read")?;
        }
    }
    Ok(shown)
}

/// As [`ask_by_name`]; if Reddit refuses names together, or its answer cannot be read, halves of them are requested,
/// and single ones that fail are left out. A network failure still ends it: the next pass continues.
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

/// In the store's form.
fn listed(gone: HashMap<String, &'static str>) -> Vec<Gone> {
    let why = |(name, why): (String, &str)| Gone {
        name,
        why: why.to_owned(),
    };
    gone.into_iter().map(why).collect()
}

/// A pass over imported texts, by kind and id: what is gone is purged. The position is stored after each call, so that
/// an interrupted pass resumes there.
fn ask_about_imported(ctx: &Ctx, session: &Session, synced: &mut Synced) -> Result<(), Stop> {
    let store = &ctx.project.store;
    let all = store.imported_of_pairs()?;
    let place: Option<(u8, i64)> = store.setting(PLACE)?.flatten();
    let before = all.partition_point(|one| Some(*one) <= place);
    // if killed between the last call and recording the end of the pass, the next one begins
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
        0 => "no imported text is part of a pair and has a Reddit id".to_owned(),
        _ => format!(
            "{}{} in {}, at {pace} a minute: {}",
            counted(total, "imported text", "imported texts"),
            if left.len() < all.len() {
                " left from the last pass"
            } else {
                ""
            },
            counted(calls, "call", "calls"),
            lasts(calls.div_ceil(pace)),
        ),
    });
    for (call, some) in left.chunks(AT_ONCE).enumerate() {
        ctx.go_on()?;
        let done = (call * AT_ONCE) as u64;
        ctx.tick(Progress::new(
            "checking imported texts",
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
            let absent = gone.iter().filter(|(_, why)| **why == "absent");
            let unknown = store.of_unknown_origin(absent.map(|(name, _)| name.as_str()))?;
            gone.retain(|name, _| !unknown.contains(name));
            synced.doubted += unknown.len() as u64;
            synced.answered += shown as u64;
            synced.gone += gone.len() as u64;
            synced.add(&ctx.project.posting().purge(
                &listed(gone),
                "repartee",
                session.now_ms(),
            )?);
        }
        store.set_setting(PLACE, &some.last())?;
    }
    store.set_setting(PLACE, &None::<(u8, i64)>)?;
    Ok(())
}

/// A duration as text.
fn lasts(minutes: u64) -> String {
    match minutes {
        0 | 1 => "a minute at most".to_owned(),
        2..120 => format!("about {minutes} minutes"),
        _ => format!("about {:.1} hours", minutes as f64 / 60.0),
    }
}

/// Which of these names of a thread no longer exist on Reddit: by name, and by the tree, since each shows what the
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
            // an incomplete tree proves nothing
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

impl Posting<'_> {
    /// Purges what is gone from Reddit: see [`repartee_store::Store::purge`].
    pub(crate) fn purge(self, gone: &[Gone], who: &str, now_ms: i64) -> Result<Forgotten> {
        self.keeping_seals(|| Ok(self.store.purge(gone, who, now_ms)?))
    }

    /// Purges what a source says is gone: see [`repartee_store::Store::purge_learned`].
    pub fn purge_learned(self, gone: &[Gone], now_ms: i64) -> Result<Forgotten> {
        self.keeping_seals(|| Ok(self.store.purge_learned(gone, "repartee", now_ms)?))
    }

    fn expire(self, now_ms: i64) -> Result<Forgotten> {
        self.keeping_seals(|| Ok(self.store.expire(now_ms)?))
    }

    /// Purges quotes from sealed notes, too, and seals these records again if they were valid. If the process ends in
    /// between, the user must confirm them.
    fn keeping_seals<T>(self, purge: impl FnOnce() -> Result<T>) -> Result<T> {
        let accounts: Vec<_> = (self.store.accounts()?.into_iter())
            .filter(|account| !account.stopped.is_empty())
            .collect();
        let permissions: Vec<_> = (self.store.posting_permissions()?.into_iter())
            .filter(|permission| !permission.note.is_empty())
            .collect();
        let records: Vec<_> = (self.store.study_records().unwrap_or_default().into_iter())
            .filter(|entry| !entry.record.note.is_empty())
            .collect();
        let done = purge()?;
        if accounts.is_empty() && permissions.is_empty() && records.is_empty() {
            return Ok(done);
        }
        // without the machine's key they stay unconfirmed; what was purged is purged
        let Ok(machine) = self.machine() else {
            return Ok(done);
        };
        for before in accounts {
            if let Ok(now) = self.store.account(&before.name)
                && now.stopped != before.stopped
                && let Some(seal) = crate::accounts::resealed(&machine, &before, &now)
            {
                let record = Sealed::Account(&now.name);
                self.store.seal_again(record, &now.seal, &seal)?;
            }
        }
        for before in permissions {
            if let Some(now) = self.store.posting_permission(&before.name)?
                && now.note != before.note
                && let Some(seal) = crate::permissions::resealed(&machine, &before, &now)
            {
                let record = Sealed::Subreddit(&now.name);
                self.store.seal_again(record, &now.seal, &seal)?;
            }
        }
        let now = self.store.study_records().unwrap_or_default();
        for before in records {
            if let Some(now) = now.iter().find(|now| now.id == before.id)
                && now.record.note != before.record.note
                && let Some(seal) = repartee_core::study::resealed(&machine, &before, now)
            {
                let record = Sealed::Study(now.id);
                self.store.seal_again(record, &now.seal, &seal)?;
            }
        }
        Ok(done)
    }

    /// Purges texts past their retention, to the last byte. Needs no network.
    ///
    /// # Errors
    /// If the project cannot be written; nothing is purged then.
    pub fn forget_expired(self) -> Result<Synced> {
        let mut synced = Synced::default();
        synced.add(&self.expire(self.reddit_now_ms()?)?);
        synced.scrubbed = self.store.scrub()?;
        synced.affected = self.affected(&synced.marked)?;
        synced.copies = self.copies(&synced);
        Ok(synced)
    }

    /// Files that may still contain purged texts; none if nothing was purged.
    fn copies(self, synced: &Synced) -> Vec<PathBuf> {
        let texts = synced.comments + synced.posts + synced.imported + synced.redacted;
        match texts {
            0 => Vec::new(),
            _ => self.store.copies(),
        }
    }

    /// Purges comments and posts by their names (`t1_...`, `t3_...`) or links, on behalf of `who`, by request. With
    /// everything generated from them, to the last byte.
    ///
    /// # Errors
    /// [`Code::Usage`] if one is no such name; or if the project cannot be written.
    pub fn forget_names(self, names: &[String], who: &str) -> Result<Synced> {
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
        let mut synced = Synced::default();
        self.forget_in_ledger(&gone);
        synced.add(&self.purge(&gone, who, self.environment.clock.now_ms())?);
        synced.scrubbed = self.store.scrub()?;
        synced.affected = self.affected(&synced.marked)?;
        // also if the project itself had none of it: a backup may be older
        synced.copies = self.store.copies();
        Ok(synced)
    }
}
