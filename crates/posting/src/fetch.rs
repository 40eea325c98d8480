//! Threads from Reddit: rising posts of chosen subreddits with all their comments, each with the reason if it is not to
//! be answered.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop, to_json};
use repartee_core::left_out::{LeftOut, Tally, caught, is_of_the_whole};
use repartee_reddit::{Comment, Gone, Link, Post, Stopped, Tree, TreeAsk};
use repartee_store::accounts::OptOutKind;
use repartee_store::queue::ReplyState;
use repartee_store::threads::{NewThread, NewThreadComment};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::connect::Session;
use crate::permissions::{asks_to_stop, is_denied};
use crate::plain_name;
use crate::policy::{is_bot, is_serious};
use crate::rules::PostingRules;
use crate::threads::{ThreadInfo, info};
use crate::{Posting, ToPosting};

/// Maximum number of posts per page of a listing.
const PAGE: u32 = 100;

/// Fetches threads. A job: `fetch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Fetch {
    /// The account for the requests; empty: the one that posts.
    pub account: String,
    /// Subreddits whose rising posts are fetched; empty: the watched ones.
    pub subreddits: Vec<String>,
    /// These posts instead: links or names (`t3_...`).
    pub posts: Vec<String>,
    /// Maximum number of rising posts.
    pub limit: u32,
    /// Minimum score of posts.
    pub min_score: i64,
    /// Minimum score of comments to answer; none: no minimum.
    pub min_comment_score: Option<i64>,
    /// Maximum age of posts in hours.
    pub max_age_h: f64,
    /// Maximum number of calls for what the first answer omits from a tree; each returns up to 100 comments.
    pub calls: u32,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            account: String::new(),
            subreddits: Vec::new(),
            posts: Vec::new(),
            limit: 25,
            min_score: 1,
            min_comment_score: None,
            max_age_h: 24.0,
            calls: TreeAsk::default().calls,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Fetched {
    /// In Reddit's order.
    pub threads: Vec<ThreadInfo>,
    /// Skipped posts: name and reason.
    pub passed_over: Vec<(String, String)>,
    /// Names of comments that Reddit counted and then omitted: they are gone.
    pub missing: Vec<String>,
    /// Comments not read because the calls were used up or one failed.
    pub unread: u64,
    /// How many of the skipped posts were wanted and could not be read.
    #[serde(default)]
    pub failed: u64,
}

impl Fetched {
    fn fail(&mut self, item: String, why: String) {
        self.failed += 1;
        self.passed_over.push((item, why));
    }
}

impl Job for Fetch {
    const KIND: &'static str = "fetch";
    type Outcome = Fetched;

    fn kept(outcome: &Fetched) -> Result<String> {
        let mut kept = outcome.clone();
        for thread in &mut kept.threads {
            // the URL contains the title
            (thread.title, thread.author, thread.link) = Default::default();
        }
        to_json(&kept)
    }

    fn found(project: &Project, mut kept: Fetched) -> Result<Fetched> {
        for thread in &mut kept.threads {
            *thread = info(project.store.thread(thread.id)?, &project.posting().host());
        }
        Ok(kept)
    }

    fn tally(outcome: &Fetched) -> Option<Tally> {
        Some(Tally {
            nothing: "no thread could be read",
            succeeded: outcome.threads.len() as u64,
            left_out: match outcome.failed {
                0 => LeftOut::default(),
                _ => LeftOut::of(&outcome.passed_over),
            },
        })
    }

    fn run(&self, ctx: &Ctx) -> Result<Fetched, Stop> {
        let posting = ctx.project.posting();
        let account = posting.account_meant(&self.account)?;
        let rules = posting.posting_rules()?;
        let session = Session::open(posting, &account.name)?;
        let mut fetched = Fetched::default();
        let posts = if self.posts.is_empty() {
            self.rising(ctx, &session, &rules, &mut fetched)?
        } else {
            let mut names = Vec::new();
            for (at, post) in self.posts.iter().enumerate() {
                match post_name(post) {
                    Ok(name) => names.push(name),
                    Err(error) if self.posts.len() == 1 => return Err(error.into()),
                    Err(error) => fetched.fail(format!("link {}", at + 1), error.message),
                }
            }
            names
        };
        let total = posts.len() as u64;
        for (at, name) in posts.iter().enumerate() {
            ctx.go_on()?;
            ctx.tick(
                Progress::new("reading threads", at as u64, Some(total), "threads")
                    .note(name.as_str()),
            );
            if posting.store.is_purged(name)? {
                let why = "it was deleted on Reddit".to_owned();
                match self.posts.is_empty() {
                    true => fetched.passed_over.push((name.clone(), why)),
                    false => fetched.fail(name.clone(), why),
                }
                continue;
            }
            match caught(|| self.thread(ctx, &session, &rules, name, &mut fetched)) {
                Ok(thread) => fetched.threads.push(thread),
                // one thread that cannot be read does not affect the others
                Err(Stop::Failed(error))
                    if error.code == Code::Busy || !is_of_the_whole(&error) =>
                {
                    ctx.say(format!("{name}: {}", error.message));
                    fetched.fail(name.clone(), error.message);
                }
                Err(stop) => return Err(stop),
            }
        }
        ctx.tick(Progress::new(
            "reading threads",
            total,
            Some(total),
            "threads",
        ));
        Ok(fetched)
    }
}

/// The name of a post, from a link or a name.
fn post_name(typed: &str) -> Result<String> {
    let typed = typed.trim();
    let is_name = typed.strip_prefix("t3_").is_some_and(|id| {
        (1..=13).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    match Link::parse(typed) {
        _ if is_name => Ok(typed.to_owned()),
        Some(link) => Ok(link.post),
        None => Err(Error::usage(format!(
            "{typed:?} is neither the link nor the name (t3_...) of a post"
        ))),
    }
}

impl Fetch {
    /// Names of the wanted rising posts.
    fn rising(
        &self,
        ctx: &Ctx,
        session: &Session,
        rules: &PostingRules,
        fetched: &mut Fetched,
    ) -> Result<Vec<String>, Stop> {
        let named = if self.subreddits.is_empty() {
            &rules.watched
        } else {
            &self.subreddits
        };
        let mut subreddits = Vec::new();
        for name in named {
            let name = plain_name("r/", name)?;
            let closed = is_denied(&name)
                || ctx
                    .project
                    .posting()
                    .is_left_alone(OptOutKind::Subreddit, &name)?;
            if closed {
                ctx.say(format!(
                    "r/{name} is left out: replies are not allowed there"
                ));
            } else {
                subreddits.push(name);
            }
        }
        if subreddits.is_empty() {
            return Err(Error::usage(
                "there is no subreddit to read; `repartee reddit fetch NAME` reads one, and `repartee reddit watch NAME` \
                 makes it the default",
            )
            .into());
        }
        let all: Vec<&str> = subreddits.iter().map(String::as_str).collect();
        match self.rising_of(ctx, session, &all, fetched) {
            // one that is private, banned or gone makes the combined listing fail: each is requested by itself
            Err(Stop::Failed(error)) if all.len() > 1 && !is_of_the_whole(&error) => {
                ctx.say(format!(
                    "{}; each subreddit is requested separately",
                    error.message
                ));
            }
            done => return done,
        }
        let (mut names, mut failed) = (Vec::new(), 0);
        for one in &all {
            match self.rising_of(ctx, session, &[one], fetched) {
                Ok(found) => names.extend(found),
                Err(Stop::Failed(error)) if !is_of_the_whole(&error) => {
                    ctx.say(format!("r/{one} is left out: {}", error.message));
                    fetched.fail(format!("r/{one}"), error.message.clone());
                    failed += 1;
                    if failed == all.len() {
                        return Err(Stop::Failed(error));
                    }
                }
                Err(stop) => return Err(stop),
            }
        }
        names.truncate(self.limit as usize);
        Ok(names)
    }

    /// Names of the wanted rising posts of some subreddits.
    fn rising_of(
        &self,
        ctx: &Ctx,
        session: &Session,
        subreddits: &[&str],
        fetched: &mut Fetched,
    ) -> Result<Vec<String>, Stop> {
        let mut names = Vec::new();
        let mut seen = HashSet::new();
        let mut after: Option<String> = None;
        while names.len() < self.limit as usize {
            ctx.tick(Progress::new(
                "reading rising posts",
                names.len() as u64,
                None,
                "posts",
            ));
            let page = session.ask(
                Some(ctx),
                session
                    .client
                    .rising(subreddits, PAGE.min(self.limit.max(25)), after.as_deref()),
            )?;
            let now_utc = (session.now_ms() + session.client.skew_ms().unwrap_or(0)) / 1000;
            for post in &page.items {
                if !seen.insert(post.name.clone()) || names.len() == self.limit as usize {
                    continue;
                }
                match self.unwanted(post, now_utc) {
                    Some(why) => fetched.passed_over.push((post.name.clone(), why)),
                    None => names.push(post.name.clone()),
                }
            }
            after = page.after;
            if after.is_none() || page.items.is_empty() {
                break;
            }
        }
        Ok(names)
    }

    /// Why a post is not wanted.
    fn unwanted(&self, post: &Post, now_utc: i64) -> Option<String> {
        let age_h = now_utc.saturating_sub(post.created_utc) as f64 / 3600.0;
        if let Some(why) = closed_post(post) {
            Some(why.to_owned())
        } else if post.score.is_some_and(|score| score < self.min_score) {
            Some(format!(
                "{} points, fewer than {}",
                post.score.unwrap_or(0),
                self.min_score
            ))
        } else if age_h > self.max_age_h {
            Some(format!(
                "{age_h:.1} hours old, more than {}",
                self.max_age_h
            ))
        } else {
            None
        }
    }

    /// Fetches and stores one thread.
    fn thread(
        &self,
        ctx: &Ctx,
        session: &Session,
        rules: &PostingRules,
        name: &str,
        fetched: &mut Fetched,
    ) -> Result<ThreadInfo, Stop> {
        let posting = ctx.project.posting();
        let ask = TreeAsk {
            calls: self.calls,
            ..TreeAsk::default()
        };
        let mut progress = |_| ControlFlow::Continue(());
        let got = session.ask(Some(ctx), session.client.tree(name, ask, &mut progress))?;
        match &got.stopped {
            Some(Stopped::Failed(error)) => {
                ctx.say(format!("{name}: not all comments were read: {error}"))
            }
            Some(Stopped::Budget) => ctx.say(format!(
                "{name}: not all comments were read: the call limit was reached"
            )),
            Some(Stopped::Caller) | None => {}
        }
        fetched.unread += got
            .tree
            .unread
            .iter()
            .map(|more| more.count.max(1))
            .sum::<u64>();
        fetched.missing.extend(got.tree.missing.iter().cloned());
        let me = &session.account.name;
        for wish in wishes(&got.tree, me) {
            posting.opt_out_asked(wish.author.as_deref().unwrap_or_default(), &wish.name)?;
            ctx.say(format!(
                "{} opted out; confirm or decline the opt-out",
                wish.name
            ));
        }
        let now_ms = session.now_ms();
        let new = posting.thread_of(&got.tree, me, rules, self.min_comment_score, now_ms)?;
        let (id, _) = posting.store.thread_insert(&new, now_ms)?;
        Ok(info(posting.store.thread(id)?, &session.account.host))
    }
}

/// Why nothing under a post is answered.
fn closed_post(post: &Post) -> Option<&'static str> {
    match post.gone() {
        Some(Gone::Deleted) => return Some("deleted"),
        Some(Gone::Removed) => return Some("removed"),
        None => {}
    }
    if post.locked {
        Some("locked")
    } else if post.archived {
        Some("archived")
    } else if post.quarantine {
        Some("in quarantine")
    } else if post.over_18 {
        Some("for adults")
    } else if is_serious(&post.title) {
        Some("asks for serious answers only")
    } else {
        None
    }
}

/// Answers to our comments that ask us to stop.
fn wishes<'a>(tree: &'a Tree, me: &str) -> Vec<&'a Comment> {
    let ours: HashSet<&str> = tree
        .comments
        .iter()
        .filter(|c| is(c, me))
        .map(|c| c.name.as_str())
        .collect();
    tree.comments
        .iter()
        .filter(|c| {
            ours.contains(c.parent.as_str())
                && c.author.is_some()
                && !is(c, me)
                && asks_to_stop(&c.body)
        })
        .collect()
}

fn is(comment: &Comment, me: &str) -> bool {
    comment
        .author
        .as_deref()
        .is_some_and(|author| author.eq_ignore_ascii_case(me))
}

impl Posting<'_> {
    /// A tree as a thread of the project: every comment with the reason if it is not to be answered, and without
    /// deleted texts.
    pub(crate) fn thread_of(
        self,
        tree: &Tree,
        me: &str,
        rules: &PostingRules,
        min_score: Option<i64>,
        now_ms: i64,
    ) -> Result<NewThread> {
        let post = &tree.post;
        let mut answered: HashSet<&str> = HashSet::new();
        let mut ours = 0;
        for comment in &tree.comments {
            if is(comment, me) {
                answered.insert(&comment.parent);
                ours += 1;
            }
        }
        let out: HashSet<String> = self
            .store
            .outgoing(
                me,
                &[
                    ReplyState::Approved,
                    ReplyState::Sending,
                    ReplyState::Uncertain,
                    ReplyState::Absent,
                    ReplyState::Posted,
                    ReplyState::Withdrawn,
                ],
            )?
            .into_iter()
            .filter_map(|reply| reply.parent_name)
            .collect();
        let mut skip = closed_post(post).map(str::to_owned).unwrap_or_default();
        if skip.is_empty()
            && (is_denied(&post.subreddit)
                || self.is_left_alone(OptOutKind::Subreddit, &post.subreddit)?)
        {
            skip = "replies are not allowed in this subreddit".to_owned();
        }
        if skip.is_empty() && ours >= rules.per_thread {
            skip = "answered already".to_owned();
        }
        let mut at: HashMap<&str, usize> = HashMap::new();
        // whether a comment is ours, or has one of ours above it
        let mut below_us: Vec<bool> = Vec::with_capacity(tree.comments.len());
        let mut comments: Vec<NewThreadComment> = Vec::with_capacity(tree.comments.len());
        for comment in &tree.comments {
            let parent = at.get(comment.parent.as_str()).copied();
            let chain = parent.is_some_and(|parent| below_us[parent]);
            let gone = comment.gone();
            let author = comment.author.as_deref();
            let why = match gone {
                Some(Gone::Deleted) => "deleted",
                Some(Gone::Removed) => "removed",
                None if is(comment, me) => "ours",
                None if chain => "below one of our comments",
                None if author.is_none() => "its author's account was deleted",
                None if comment.locked => "locked",
                None if comment.archived => "archived",
                None if comment.unrepliable_reason.is_some() => "Reddit allows no answers to it",
                None if answered.contains(comment.name.as_str()) || out.contains(&comment.name) => {
                    "answered already"
                }
                None if author.is_some_and(is_bot) => "a bot",
                None if comment.distinguished.is_some() || comment.stickied => "official",
                None if self.is_left_alone(OptOutKind::User, author.unwrap_or_default())? => {
                    "opted out"
                }
                None if min_score
                    .is_some_and(|min| comment.score.is_some_and(|score| score < min)) =>
                {
                    "score too low"
                }
                None => "",
            };
            at.insert(&comment.name, comments.len());
            below_us.push(chain || is(comment, me));
            comments.push(NewThreadComment {
                parent,
                name: Some(comment.name.clone()),
                author: comment.author.clone().filter(|_| gone.is_none()),
                body: if gone.is_some() {
                    String::new()
                } else {
                    comment.body.clone()
                },
                score: comment.score,
                created_utc: Some(comment.created_utc),
                parent_name: Some(comment.parent.clone()),
                permalink: comment.permalink.clone(),
                level: parent.map_or(0, |parent| comments[parent].level + 1),
                skip: why.to_owned(),
                pair_id: None,
            });
        }
        let gone = post.gone().is_some();
        Ok(NewThread {
            origin: "reddit".to_owned(),
            subreddit: post.subreddit.clone(),
            title: if gone {
                String::new()
            } else {
                post.title.clone()
            },
            comments,
            name: Some(post.name.clone()),
            author: post.author.clone().filter(|_| !gone),
            body: if gone {
                String::new()
            } else {
                post.body.clone()
            },
            permalink: post.permalink.clone(),
            score: post.score,
            created_utc: Some(post.created_utc),
            skip,
            expires_ms: Some(now_ms + i64::from(rules.keep_h) * 3_600_000),
        })
    }
}
