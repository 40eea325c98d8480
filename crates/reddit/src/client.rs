//! The client: every call to Reddit, and the one that posts.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::http::{Auth, Call, Came, Failed, Http, exchange};
use crate::login::{App, Grant, Login, Token, form, read_token};
use crate::model::{Account, Comment, Listing, Post, Rule, Subreddit, Thing};
use crate::names::{account, bare, comment_or_post, subreddit};
use crate::sent::{Answer, Sent, Told, classify, errors};
use crate::text::prepare;
use crate::throttle::{InMemory, Seen, ThrottleStore, Wait, Why, http_date_ms};
use crate::tree::{Ask, Builder, Tree, two_listings};

/// Maximum number of sends of a repeatable call.
const SENDS: u32 = 3;
/// Maximum number of names per call of `/api/info`, and of things per page of a listing.
const PAGE: usize = 100;
/// Reddit's listings end after about a thousand things.
const PAGES: usize = 10;

/// Stores a new refresh token; called on a thread of its own, where it may block. Returns a message if it fails.
pub type Keep = Arc<dyn Fn(&SecretString) -> std::result::Result<(), String> + Send + Sync>;

/// Called before every pause, so that the user sees why nothing happens.
pub type OnWait = Arc<dyn Fn(Wait) + Send + Sync>;

/// Everything a client is built from.
#[derive(Clone)]
pub struct Setup {
    pub config: Config,
    pub login: Login,
    /// The state of the rate limit; every process with this client id must share it.
    pub throttle: Arc<dyn ThrottleStore>,
    pub clock: Arc<dyn Clock>,
    /// Stores a new refresh token, before the token that came with it is used; not called for the one that the client
    /// already has. `None`: it is only kept in memory, and lost with the client.
    pub keep: Option<Keep>,
    /// Called before pauses.
    pub on_wait: Option<OnWait>,
}

impl Setup {
    /// Uses the machine's clock and a rate limit private to this process.
    pub fn new(config: Config, login: Login) -> Self {
        Self {
            config,
            login,
            throttle: Arc::new(InMemory::default()),
            clock: Arc::new(SystemClock),
            keep: None,
            on_wait: None,
        }
    }
}

/// A client of Reddit, for one account. Clones share everything.
///
/// Calls that only read, and those that may be repeated without harm (edit, delete, tokens), are sent up to three times
/// if the network or the server fails. A comment is sent once: see [`Client::prepare`]. Every call may be dropped at
/// any time, except [`Prepared::send`]: delivery is then as unconfirmed as after a crash.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.inner.config.user_agent)
    }
}

struct Inner {
    config: Config,
    http: Http,
    app: App,
    clock: Arc<dyn Clock>,
    throttle: Arc<dyn ThrottleStore>,
    keep: Option<Keep>,
    on_wait: Option<OnWait>,
    /// Held while a token is requested, so that only one refresh is in flight and the others wait for it.
    session: Mutex<Session>,
    /// Held during `morechildren`: Reddit refuses a concurrent one of the same account.
    one_at_a_time: Mutex<()>,
    /// Reddit's clock minus ours, in milliseconds; `i64::MIN`: no answer yet.
    skew_ms: AtomicI64,
}

struct Session {
    grant: Grant,
    token: Option<Token>,
    /// Counts tokens, so that the refusal of an old one does not discard a new one.
    generation: u64,
    /// The current token was requested after the previous one was refused, and has not worked yet.
    on_trial: bool,
    /// A new token was refused: nothing is sent any more.
    revoked: bool,
}

/// Sort order of comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Reddit's default: the lower bound of the share of upvotes.
    #[default]
    Confidence,
    Top,
    /// The newest first.
    New,
    /// Many votes in both directions.
    Controversial,
    /// The oldest first.
    Old,
    /// Answers of the post's author first.
    Qa,
}

impl Sort {
    /// Reddit's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confidence => "confidence",
            Self::Top => "top",
            Self::New => "new",
            Self::Controversial => "controversial",
            Self::Old => "old",
            Self::Qa => "qa",
        }
    }
}

/// How much of a tree to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeAsk {
    pub sort: Sort,
    /// Comments in the first answer; Reddit returns at most about 500.
    pub limit: u32,
    /// Maximum number of calls for what the first answer omits; each returns up to 100 comments.
    pub calls: u32,
}

impl Default for TreeAsk {
    fn default() -> Self {
        Self {
            sort: Sort::Confidence,
            limit: 500,
            // PRAW's default
            calls: 32,
        }
    }
}

/// Progress of fetching a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeProgress {
    pub comments: usize,
    /// Comments that Reddit counts, including deleted ones.
    pub expected: u64,
    /// Calls used for what was omitted.
    pub calls: u32,
    /// Places that are still open.
    pub open: usize,
}

/// Why a tree is incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The calls were used up.
    Budget,
    /// Stopped by the caller.
    Caller,
    /// A call failed; what came before it is kept.
    Failed(Error),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    pub tree: Tree,
    /// Why it is incomplete; `None`: it is complete.
    pub stopped: Option<Stopped>,
    /// Calls used for what the first answer omitted.
    pub calls: u32,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// In Reddit's order.
    pub items: Vec<T>,
    /// Where the next page begins; `None`: this is the last.
    pub after: Option<String>,
}

/// Result of `/api/info`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// In the requested order.
    pub comments: Vec<Comment>,
    pub posts: Vec<Post>,
    /// Full names that Reddit does not know (any more).
    pub absent: Vec<String>,
    /// Things in the answer that cannot be read, as messages; the others are unaffected.
    pub odd: Vec<String>,
    /// Full names that these may belong to: nothing is known of them.
    pub unread: Vec<String>,
}

/// A comment or post with its direct answers.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub post: Post,
    /// The requested comment; `None`: the post was requested, or the comment is not in the tree.
    pub comment: Option<Comment>,
    /// Direct answers, the newest first.
    pub replies: Vec<Comment>,
    /// Whether these are all of them.
    pub complete: bool,
}

/// Whether we may answer something, by two fresh reads: the tree, and `/api/info`, since each shows what the other
/// hides.
#[derive(Debug, Clone, PartialEq)]
pub struct Preflight {
    /// Full name of what is to be answered.
    pub parent: String,
    pub view: View,
    pub found: Found,
}

/// Why something must not be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocker {
    /// The comment, or its text, is gone.
    ParentGone,
    /// The post is gone.
    PostGone,
    /// The comment or the post is locked.
    Locked,
    /// The post is too old.
    Archived,
    /// Reddit's reason why we may not.
    Unrepliable(String),
    /// We already answered it; the name of our comment.
    Answered(String),
}

impl Preflight {
    /// What is to be answered, as it is now, if it is a comment.
    pub fn comment(&self) -> Option<&Comment> {
        self.view.comment.as_ref()
    }

    /// Why the account `me` must not answer it; empty: it may.
    pub fn blockers(&self, me: &str) -> Vec<Blocker> {
        let mut blockers = Vec::new();
        let named = |name: &str| self.found.comments.iter().find(|c| c.name == name);
        let post_now = self
            .found
            .posts
            .iter()
            .find(|p| p.name == self.view.post.name);
        if self.parent.starts_with("t1_") {
            let (seen, found) = (self.view.comment.as_ref(), named(&self.parent));
            let whole = |c: Option<&Comment>| c.is_some_and(|c| c.gone().is_none());
            if !whole(seen) || !whole(found) {
                blockers.push(Blocker::ParentGone);
            }
        }
        let posts = || [Some(&self.view.post), post_now].into_iter().flatten();
        let comments = || {
            [self.view.comment.as_ref(), named(&self.parent)]
                .into_iter()
                .flatten()
        };
        if post_now.is_none() || posts().any(|post| post.gone().is_some()) {
            blockers.push(Blocker::PostGone);
        }
        if posts().any(|post| post.locked) || comments().any(|comment| comment.locked) {
            blockers.push(Blocker::Locked);
        }
        if posts().any(|post| post.archived) || comments().any(|comment| comment.archived) {
            blockers.push(Blocker::Archived);
        }
        if let Some(reason) = comments().find_map(|comment| comment.unrepliable_reason.clone()) {
            blockers.push(Blocker::Unrepliable(reason));
        }
        for reply in &self.view.replies {
            if is_me(reply, me) {
                blockers.push(Blocker::Answered(reply.name.clone()));
            }
        }
        blockers
    }
}

/// Whether a comment is by the account `me`; account names are case-insensitive.
fn is_me(comment: &Comment, me: &str) -> bool {
    comment
        .author
        .as_deref()
        .is_some_and(|author| author.eq_ignore_ascii_case(me))
}

/// Our comments that directly answer `parent` and are not older than `since_utc` (seconds since 1970, on Reddit's
/// clock): to find an uncertain comment.
pub fn ours_under<'a>(
    comments: &'a [Comment],
    me: &str,
    parent: &str,
    since_utc: i64,
) -> Vec<&'a Comment> {
    comments
        .iter()
        .filter(|c| is_me(c, me) && c.parent == parent && c.created_utc >= since_utc)
        .collect()
}

/// The server that a client with these settings talks to, for records of what was posted: Reddit itself, or one run of
/// a sandbox on this machine, whose comments end with it. A server on this machine that does not name its run is
/// identified by its address. Needs no login.
///
/// # Errors
/// [`Error::Network`] if no sandbox answers at the address.
pub async fn server(config: &Config) -> Result<String> {
    let host = config.api_host.to_ascii_lowercase();
    let host = host.trim_end_matches('/');
    if !config.is_local() {
        return Ok(match host.trim_end_matches(":443") {
            crate::config::API_HOST => "reddit".to_owned(),
            other => other.to_owned(),
        });
    }
    let call = Call::get("/__fake/run");
    let nobody = SecretString::from("");
    let http = Http::new(config)?;
    let came = exchange(&http.calls, host, &call, Auth::Bearer(&nobody))
        .await
        .map_err(|failed| network(&call, failed.why()))?;
    let json: Value = serde_json::from_slice(&came.body).unwrap_or(Value::Null);
    Ok(match json["run"].as_str() {
        Some(run) if came.status == 200 => format!("sandbox {run}"),
        _ => host.to_owned(),
    })
}

impl Client {
    /// Creates a client; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Config`] of [`Config::check`], or if TLS is unavailable.
    pub fn new(setup: Setup) -> Result<Self> {
        setup.config.check()?;
        Ok(Self {
            inner: Arc::new(Inner {
                http: Http::new(&setup.config)?,
                config: setup.config,
                app: setup.login.app,
                clock: setup.clock,
                throttle: setup.throttle,
                keep: setup.keep,
                on_wait: setup.on_wait,
                session: Mutex::new(Session {
                    grant: setup.login.grant,
                    token: None,
                    generation: 0,
                    on_trial: false,
                    revoked: false,
                }),
                one_at_a_time: Mutex::new(()),
                skew_ms: AtomicI64::new(i64::MIN),
            }),
        })
    }

    /// Requests a token now instead of with the first call, and returns its scopes (`identity read ...`; `*`:
    /// everything).
    ///
    /// # Errors
    /// Those of a login: [`Error::needs_login`]; [`Error::NotKept`]; those of the network.
    pub async fn log_in(&self) -> Result<String> {
        self.inner.token().await?;
        let session = self.inner.session.lock().await;
        Ok(session
            .token
            .as_ref()
            .map(|token| token.scope.clone())
            .unwrap_or_default())
    }

    /// Revokes the access: the refresh token, with all tokens from it, is dead afterwards. The client sends nothing any
    /// more. A stored refresh token should be removed.
    ///
    /// # Errors
    /// Those of the network; the revocation is unconfirmed then.
    pub async fn revoke(&self) -> Result<()> {
        let inner = &self.inner;
        let mut session = inner.session.lock().await;
        let mut tokens = Vec::new();
        if let Grant::Refresh(token) = &session.grant {
            tokens.push((token.clone(), "refresh_token"));
        } else if let Some(token) = &session.token {
            tokens.push((token.access.clone(), "access_token"));
        }
        for (token, hint) in tokens {
            let mut call = Call::post("/api/v1/revoke_token").form("token_type_hint", hint);
            call.form.push(("token", token));
            inner
                .to_token_host(&call)
                .await
                .and_then(|came| match came.status {
                    200 | 204 => Ok(()),
                    401 => Err(Error::BadClient),
                    status => Err(Error::Status {
                        call: call.to_string(),
                        status,
                        excerpt: String::new(),
                    }),
                })?;
        }
        session.token = None;
        session.revoked = true;
        Ok(())
    }

    /// Reddit's clock minus ours, in milliseconds, accurate to about a second; `None` before the first answer.
    pub fn skew_ms(&self) -> Option<i64> {
        match self.inner.skew_ms.load(Ordering::Relaxed) {
            i64::MIN => None,
            skew => Some(skew),
        }
    }

    /// The account that is logged in.
    ///
    /// # Errors
    /// Those of any call.
    pub async fn me(&self) -> Result<Account> {
        let call = Call::get("/api/v1/me");
        let json = self.inner.call(&call).await?;
        Account::of(&json).map_err(|why| odd(&call, why))
    }

    /// A subreddit, and our permissions in it.
    ///
    /// # Errors
    /// [`Error::Name`]; [`Error::Forbidden`] and [`Error::NotFound`]; those of any call.
    pub async fn about(&self, name: &str) -> Result<Subreddit> {
        let call = Call::get(format!("/r/{}/about", subreddit(name)?)).polls();
        let json = self.inner.call(&call).await?;
        match Thing::of(&json) {
            Ok(Thing::Subreddit(subreddit)) => Ok(*subreddit),
            // Reddit answers with a listing of similar names
            Ok(_) => Err(Error::NotFound(call.to_string())),
            Err(_) if json["kind"] == "Listing" => Err(Error::NotFound(call.to_string())),
            Err(why) => Err(odd(&call, why)),
        }
    }

    /// The rules of a subreddit, in order.
    ///
    /// # Errors
    /// As [`Client::about`].
    pub async fn rules(&self, name: &str) -> Result<Vec<Rule>> {
        let call = Call::get(format!("/r/{}/about/rules", subreddit(name)?)).polls();
        let json = self.inner.call(&call).await?;
        Rule::list(&json).map_err(|why| odd(&call, why))
    }

    /// A page of the rising posts of some subreddits; `limit` 1 to 100, `after` from the previous page. It can be short
    /// or empty. The same page is not requested twice within half a minute.
    ///
    /// # Errors
    /// [`Error::Name`]; those of any call.
    pub async fn rising(
        &self,
        subreddits: &[&str],
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<Post>> {
        let names: Vec<&str> = subreddits
            .iter()
            .map(|name| subreddit(name))
            .collect::<Result<_>>()?;
        if names.is_empty() {
            return Err(Error::Name {
                name: String::new(),
                expected: "an empty list of subreddits",
            });
        }
        let mut call = Call::get(format!("/r/{}/rising", names.join("+")))
            .query("limit", limit.clamp(1, 100))
            .polls();
        if let Some(after) = after {
            call = call.query("after", comment_or_post(after)?);
        }
        let listing = self.inner.listing(&call).await?;
        let after = listing.after.clone();
        Ok(Page {
            items: listing.posts().collect(),
            after,
        })
    }

    /// A post (`t3_...`) with all its comments, as far as Reddit returns them and the calls suffice.
    ///
    /// `progress` is called before every call and returns whether to continue. If a call after the first fails, what
    /// came before it is kept; see [`Fetched::stopped`].
    ///
    /// # Errors
    /// [`Error::Name`]; those of any call, for the first.
    pub async fn tree(
        &self,
        post: &str,
        ask: TreeAsk,
        progress: &mut (dyn FnMut(TreeProgress) -> ControlFlow<()> + Send),
    ) -> Result<Fetched> {
        let id = bare(post, "t3")?;
        let first = Call::get(format!("/comments/{id}"))
            .query("limit", ask.limit)
            .query("sort", ask.sort.as_str())
            .polls();
        let json = self.inner.call(&first).await?;
        let mut builder = Builder::new(&json).map_err(|why| odd(&first, why))?;
        drop(json);
        let mut calls = 0;
        let stopped = loop {
            let now = TreeProgress {
                comments: builder.len(),
                expected: builder.post().num_comments,
                calls,
                open: builder.open(),
            };
            if progress(now).is_break() {
                break Some(Stopped::Caller);
            }
            let Some(next) = builder.next_ask() else {
                break None;
            };
            if calls == ask.calls {
                builder.unasked(next);
                break Some(Stopped::Budget);
            }
            calls += 1;
            let done = match &next {
                Ask::Children(ids) => {
                    self.more_children(post, ask.sort, ids)
                        .await
                        .and_then(|(call, json)| {
                            builder.children(ids, &json).map_err(|why| odd(&call, why))
                        })
                }
                Ask::Below(parent) => self
                    .below(id, parent, ask)
                    .await
                    .and_then(|(call, json)| builder.below(&json).map_err(|why| odd(&call, why))),
            };
            if let Err(error) = done {
                tracing::debug!(post, %error, "incomplete tree");
                builder.unasked(next);
                break Some(Stopped::Failed(error));
            }
        };
        Ok(Fetched {
            tree: builder.finish(),
            stopped,
            calls,
        })
    }

    async fn more_children(&self, post: &str, sort: Sort, ids: &[String]) -> Result<(Call, Value)> {
        // POST, since a list of ids can be too long for a URL
        let call = Call::post("/api/morechildren")
            .form("api_type", "json")
            .form("link_id", post)
            .form("sort", sort.as_str())
            .form("children", ids.join(","));
        let _alone = self.inner.one_at_a_time.lock().await;
        let json = self.inner.call(&call).await?;
        refused(&call, &json)?;
        Ok((call, json))
    }

    async fn below(&self, post: &str, parent: &str, ask: TreeAsk) -> Result<(Call, Value)> {
        let call = Call::get(format!("/comments/{post}/_/{}", bare(parent, "t1")?))
            .query("limit", ask.limit)
            .query("sort", ask.sort.as_str());
        let json = self.inner.call(&call).await?;
        Ok((call, json))
    }

    /// Direct answers to a comment (`t1_...`) or a post (`t3_...`) under the post, the newest first.
    ///
    /// # Errors
    /// [`Error::Name`]; those of any call.
    pub async fn replies_to(&self, post: &str, parent: &str) -> Result<View> {
        let id = bare(post, "t3")?;
        let call = match bare(comment_or_post(parent)?, "t1") {
            Ok(comment) => Call::get(format!("/comments/{id}/_/{comment}"))
                .query("context", 0)
                .query("limit", 200)
                .query("sort", "new"),
            Err(_) => Call::get(format!("/comments/{id}"))
                .query("depth", 1)
                .query("limit", 500)
                .query("sort", "new"),
        };
        let json = self.inner.call(&call).await?;
        let (post, listing) = two_listings(&json).map_err(|why| odd(&call, why))?;
        let (comment, listing) = if parent.starts_with("t1_") {
            let focal = listing.things.into_iter().find_map(|thing| match thing {
                Thing::Comment(comment, replies) if comment.name == parent => {
                    Some((*comment, replies))
                }
                _ => None,
            });
            match focal {
                Some((comment, replies)) => (Some(comment), replies),
                None => (None, Listing::default()),
            }
        } else {
            (None, listing)
        };
        let complete = !listing
            .things
            .iter()
            .any(|thing| matches!(thing, Thing::More(_)))
            && listing.odd.is_empty();
        let replies = listing.comments().filter(|c| c.parent == parent).collect();
        Ok(View {
            post,
            comment,
            replies,
            complete,
        })
    }

    /// Comments and posts by their full names, at most 100 per call; unlike the tree, this still has texts that
    /// moderators removed.
    ///
    /// # Errors
    /// [`Error::Name`]; those of any call.
    pub async fn info(&self, names: &[&str]) -> Result<Found> {
        let mut found = Found::default();
        for batch in names.chunks(PAGE) {
            let batch: Vec<&str> = batch
                .iter()
                .map(|name| comment_or_post(name))
                .collect::<Result<_>>()?;
            let call = Call::get("/api/info").query("id", batch.join(","));
            let listing = self.inner.listing(&call).await?;
            found.odd.extend(listing.odd);
            for thing in listing.things {
                match thing {
                    Thing::Comment(comment, _) => found.comments.push(*comment),
                    Thing::Post(post) => found.posts.push(*post),
                    _ => {}
                }
            }
        }
        let known: std::collections::HashSet<&str> = found
            .comments
            .iter()
            .map(|c| c.name.as_str())
            .chain(found.posts.iter().map(|p| p.name.as_str()))
            .collect();
        found.absent = names
            .iter()
            .filter(|name| !known.contains(**name))
            .map(|name| (*name).to_owned())
            .collect();
        // an unreadable thing is not absent, and without a name it may be any of them
        let odd = |name: &String| {
            found.odd.iter().any(|odd| {
                odd.contains(name.as_str()) || !odd.contains("t1_") && !odd.contains("t3_")
            })
        };
        let (unread, absent) = std::mem::take(&mut found.absent).into_iter().partition(odd);
        (found.unread, found.absent) = (unread, absent);
        Ok(found)
    }

    /// The comments of an account, the newest first, back to `since_utc` (seconds since 1970, on Reddit's clock);
    /// Reddit keeps about a thousand. Use the account's real name.
    ///
    /// # Errors
    /// [`Error::Name`]; those of any call.
    pub async fn own_comments(&self, name: &str, since_utc: i64) -> Result<Vec<Comment>> {
        let path = format!("/user/{}/comments", account(name)?);
        let mut comments = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            let mut call = Call::get(&path).query("sort", "new").query("limit", PAGE);
            if let Some(after) = &after {
                call = call.query("after", after);
            }
            let listing = self.inner.listing(&call).await?;
            after = listing.after.clone();
            let before = comments.len();
            comments.extend(listing.comments());
            // pinned comments come first, however old they are
            let old = comments[before..]
                .iter()
                .filter(|c| !c.stickied)
                .any(|c| c.created_utc < since_utc);
            if old || after.is_none() || comments.len() == before {
                break;
            }
        }
        comments.retain(|c| c.created_utc >= since_utc);
        Ok(comments)
    }

    /// Checks, by two fresh reads, whether `parent` can be answered.
    ///
    /// # Errors
    /// [`Error::Name`]; those of any call.
    pub async fn preflight(&self, post: &str, parent: &str) -> Result<Preflight> {
        let view = self.replies_to(post, parent).await?;
        let names: &[&str] = if parent == post {
            &[post]
        } else {
            &[parent, post]
        };
        Ok(Preflight {
            parent: parent.to_owned(),
            found: self.info(names).await?,
            view,
        })
    }

    /// Prepares a comment under `parent` (`t1_...` or `t3_...`): checks the text, gets a token, and waits until the
    /// rate limit allows a call. After that, store the intent to send, and call [`Prepared::send`] without delay.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Text`], [`Error::Throttled`], or those of a login. Nothing was sent.
    pub async fn prepare(&self, parent: &str, text: &str) -> Result<Prepared> {
        let parent = comment_or_post(parent)?.to_owned();
        let text = prepare(text)?;
        let (token, generation) = self.inner.token().await?;
        self.inner.pass(None).await?;
        Ok(Prepared {
            inner: Arc::clone(&self.inner),
            parent,
            text,
            token,
            generation,
        })
    }

    /// Edits the text of a comment of ours, and returns the comment.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Text`], [`Error::Refused`]; those of any call.
    pub async fn edit(&self, name: &str, text: &str) -> Result<Comment> {
        bare(name, "t1")?;
        let call = Call::post("/api/editusertext")
            .form("api_type", "json")
            .form("thing_id", name)
            .form("text", prepare(text)?);
        let json = self.inner.call(&call).await?;
        refused(&call, &json)?;
        match Thing::of(&json["json"]["data"]["things"][0]) {
            Ok(Thing::Comment(comment, _)) if comment.name == name => Ok(*comment),
            Ok(_) => Err(odd(&call, "it contains another thing".to_owned())),
            Err(why) => Err(odd(&call, why)),
        }
    }

    /// Deletes a comment of ours, and checks that it is gone: Reddit reports success for any request. False: it still
    /// exists.
    ///
    /// # Errors
    /// [`Error::Name`]; those of any call.
    pub async fn delete(&self, name: &str) -> Result<bool> {
        bare(name, "t1")?;
        let call = Call::post("/api/del")
            .form("api_type", "json")
            .form("id", name);
        let json = self.inner.call(&call).await?;
        refused(&call, &json)?;
        let found = self.info(&[name]).await?;
        Ok(found.comments.iter().all(|c| c.gone().is_some()))
    }
}

/// A comment that is ready to be sent once: sending consumes it.
pub struct Prepared {
    inner: Arc<Inner>,
    parent: String,
    text: String,
    token: SecretString,
    generation: u64,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prepared({})", self.parent)
    }
}

/// The result of sending, with what the log of attempts stores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub sent: Sent,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// The beginning of the answer, if the comment was not posted: at most 300 characters.
    pub excerpt: String,
    /// Start of sending: milliseconds since 1970.
    pub began_ms: i64,
    /// When the result was known.
    pub ended_ms: i64,
}

impl Prepared {
    pub fn parent(&self) -> &str {
        &self.parent
    }

    /// The text as it is sent; it must equal what was approved.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Sends it, once, whatever happens; this never retries.
    ///
    /// If the future is dropped before it is done, delivery is as unconfirmed as after a crash.
    pub async fn send(self) -> Attempt {
        let inner = &self.inner;
        let call = Call::post("/api/comment")
            .query("raw_json", 1)
            .form("api_type", "json")
            .form("thing_id", self.parent.clone())
            .form("text", self.text.clone());
        let began_ms = inner.clock.now_ms();
        let came = inner
            .exchange(&inner.http.posting, &call, Auth::Bearer(&self.token), None)
            .await;
        let (answer, status, excerpt) = match came {
            Err(Failed::NoConnection(why)) => (Answer::NoConnection(why), None, String::new()),
            Err(Failed::Lost(why)) => (Answer::Lost(why), None, String::new()),
            Ok(came) => {
                if came.status == 401 {
                    // the next one gets another token, or learns that access was revoked
                    let _ = inner.refused(self.generation).await;
                } else {
                    inner.worked(self.generation).await;
                }
                let seen = Seen::of(&came.headers, inner.clock.now_ms());
                let headers = Told {
                    wait_s: seen.retry_after_s.or(seen.reset_s),
                    authenticate: came.header("www-authenticate").map(str::to_owned),
                };
                let (status, excerpt) = (came.status, came.excerpt());
                let answer = Answer::Status {
                    status,
                    headers,
                    body: came.body,
                    cut: came.cut,
                };
                (answer, Some(status), excerpt)
            }
        };
        let sent = classify(&self.parent, &answer);
        tracing::info!(
            parent = self.parent,
            class = sent.class(),
            status,
            "sent a comment"
        );
        Attempt {
            status,
            excerpt: match sent {
                Sent::Posted { .. } => String::new(),
                _ => excerpt,
            },
            sent,
            began_ms,
            ended_ms: inner.clock.now_ms(),
        }
    }
}

impl Inner {
    /// A valid token, and its number. Only one refresh is in flight; others wait for it.
    async fn token(&self) -> Result<(SecretString, u64)> {
        let mut session = self.session.lock().await;
        if session.revoked {
            return Err(Error::Revoked);
        }
        if let Some(token) = &session.token
            && self.clock.now_ms() < token.expires_ms
        {
            return Ok((token.access.clone(), session.generation));
        }
        let refreshing = matches!(session.grant, Grant::Refresh(_));
        let mut call = Call::post("/api/v1/access_token");
        call.form = form(&self.app, &session.grant);
        let began_ms = self.clock.now_ms();
        let came = self.to_token_host(&call).await?;
        let token = read_token(came.status, &came.body, refreshing, began_ms)?;
        if let Some(refresh) = &token.refresh {
            let known = matches!(&session.grant, Grant::Refresh(known)
                if known.expose_secret() == refresh.expose_secret());
            // stored before it is used: a login that cannot be repeated must not be lost
            if let (false, Some(keep)) = (known, &self.keep) {
                let (keep, refresh) = (Arc::clone(keep), refresh.clone());
                tokio::task::spawn_blocking(move || keep(&refresh))
                    .await
                    .unwrap_or_else(|_| Err("storing it failed unexpectedly".to_owned()))
                    .map_err(Error::NotKept)?;
            }
            if matches!(session.grant, Grant::Refresh(_) | Grant::Code(_)) {
                session.grant = Grant::Refresh(refresh.clone());
            }
        }
        session.generation += 1;
        tracing::debug!(scope = token.scope, "a new token");
        let access = token.access.clone();
        session.token = Some(token);
        Ok((access, session.generation))
    }

    /// A token was refused: the first time it is dropped, and the next call gets another; if that one is refused too,
    /// access was revoked.
    async fn refused(&self, generation: u64) -> Result<()> {
        let mut session = self.session.lock().await;
        if session.generation != generation {
            return Ok(());
        }
        session.token = None;
        if session.on_trial {
            session.revoked = true;
            return Err(Error::Revoked);
        }
        session.on_trial = true;
        Ok(())
    }

    /// A token was accepted.
    async fn worked(&self, generation: u64) {
        let mut session = self.session.lock().await;
        if session.generation == generation {
            session.on_trial = false;
        }
    }

    /// A call of the token endpoints, with the retries of any repeatable call; returns final answers.
    async fn to_token_host(&self, call: &Call) -> Result<Came> {
        let mut tries = Tries::default();
        loop {
            self.pass(None).await?;
            let auth = Auth::Basic(&self.app.client_id, &self.app.client_secret);
            match self.exchange(&self.http.calls, call, auth, None).await {
                Ok(came) if came.status == 429 => tries.too_many(self)?,
                Ok(came) if came.cut.is_none() && !fails(came.status) => return Ok(came),
                Ok(came) => {
                    let error = match came.cut {
                        Some(why) => network(call, &why),
                        None => Error::Status {
                            call: call.to_string(),
                            status: came.status,
                            // the body may contain a token
                            excerpt: String::new(),
                        },
                    };
                    tries.again(self, error).await?;
                }
                Err(failed) => tries.again(self, network(call, failed.why())).await?,
            }
        }
    }

    /// A repeatable call, and its answer.
    async fn call(&self, call: &Call) -> Result<Value> {
        let mut call = call.clone();
        let poll = call.polled();
        // without it, `<`, `>` and `&` are escaped
        call.query.push(("raw_json", "1".to_owned()));
        let mut tries = Tries::default();
        loop {
            let (token, generation) = self.token().await?;
            self.pass(poll.as_deref()).await?;
            let came = self
                .exchange(
                    &self.http.calls,
                    &call,
                    Auth::Bearer(&token),
                    poll.as_deref(),
                )
                .await;
            let came = match came {
                Ok(came) => came,
                Err(failed) => {
                    tries.again(self, network(&call, failed.why())).await?;
                    continue;
                }
            };
            match came.status {
                401 => {
                    self.refused(generation).await?;
                    continue;
                }
                429 => {
                    tries.too_many(self)?;
                    continue;
                }
                _ => self.worked(generation).await,
            }
            if let (200, Some(why)) = (came.status, &came.cut) {
                let error = network(&call, &format!("the answer was cut: {why}"));
                tries.again(self, error).await?;
            } else if came.status == 200 {
                return serde_json::from_slice(&came.body)
                    // no excerpt: its content may have to be purged, and errors are logged
                    .map_err(|error| odd(&call, format!("{error}, of {} bytes", came.body.len())));
            } else if fails(came.status) {
                tries.again(self, final_error(&call, &came)).await?;
            } else {
                return Err(final_error(&call, &came));
            }
        }
    }

    async fn listing(&self, call: &Call) -> Result<Listing> {
        let json = self.call(call).await?;
        let listing = Listing::of(&json).map_err(|why| odd(call, why))?;
        for odd in &listing.odd {
            tracing::warn!(%call, odd, "skipped a malformed thing");
        }
        Ok(listing)
    }

    /// Waits until the rate limit allows a call, and takes the slot.
    async fn pass(&self, poll: Option<&str>) -> Result<()> {
        loop {
            let now_ms = self.clock.now_ms();
            let mut wait = Wait {
                ms: 0,
                why: Why::Floor,
            };
            self.throttle
                .change(&mut |state| wait = state.take(self.config.pace, now_ms, poll))
                .map_err(|error| Error::Throttle(error.to_string()))?;
            if wait.ms == 0 {
                return Ok(());
            }
            let patience_ms = u64::try_from(self.config.patience.as_millis()).unwrap_or(u64::MAX);
            if wait.why == Why::Breaker || wait.ms > patience_ms {
                return Err(Error::Throttled {
                    wait_ms: wait.ms,
                    why: wait.why,
                });
            }
            tracing::debug!(ms = wait.ms, why = %wait.why, "waiting");
            if let Some(on_wait) = &self.on_wait {
                on_wait(wait);
            }
            self.clock.sleep(Duration::from_millis(wait.ms)).await;
        }
    }

    /// One exchange, which also updates limits and clock skew. A failure to store the limits is only logged: the answer
    /// must not be lost over it.
    async fn exchange(
        &self,
        client: &reqwest::Client,
        call: &Call,
        auth: Auth<'_>,
        poll: Option<&str>,
    ) -> Result<Came, Failed> {
        let host = match auth {
            Auth::Basic(..) => &self.config.token_host,
            Auth::Bearer(_) => &self.config.api_host,
        };
        let began_ms = self.clock.now_ms();
        let came = exchange(client, host, call, auth).await;
        let now_ms = self.clock.now_ms();
        let came = match came {
            Ok(came) => came,
            Err(failed) => {
                tracing::debug!(%call, why = failed.why(), "no answer");
                return Err(failed);
            }
        };
        tracing::debug!(%call, status = came.status, bytes = came.body.len(), ms = now_ms - began_ms, "answered");
        if let Some(theirs_ms) = came.header("date").and_then(http_date_ms) {
            // the date is truncated to whole seconds: half a second is missing on average
            let ours_ms = began_ms + (now_ms - began_ms) / 2;
            self.skew_ms
                .store(theirs_ms + 500 - ours_ms, Ordering::Relaxed);
        }
        let seen = Seen::of(&came.headers, now_ms);
        let stored = self
            .throttle
            .change(&mut |state| state.after(self.config.pace, &seen, came.status, now_ms, poll));
        if let Err(error) = stored {
            tracing::warn!(%error, "could not store the rate-limit state");
        }
        Ok(came)
    }
}

/// Counts the sends of a call.
#[derive(Default)]
struct Tries {
    failed: u32,
    refused: u32,
}

impl Tries {
    /// After a failure: a pause before the next try; or the failure, after the last one. prawcore's pauses: up to 2 s
    /// before the second, 2 to 4 s before the third.
    async fn again(&mut self, inner: &Inner, error: Error) -> Result<()> {
        self.failed += 1;
        if self.failed == SENDS {
            return Err(error);
        }
        let base_ms = f64::from(self.failed - 1) * 2_000.0;
        let pause_ms = base_ms + 2_000.0 * random();
        tracing::debug!(%error, pause_ms = pause_ms as u64, "again");
        inner
            .clock
            .sleep(Duration::from_millis(pause_ms as u64))
            .await;
        Ok(())
    }

    /// After a 429: the rate limit determines the wait, and opens its breaker after three in a row. Three for one call
    /// are enough even if other calls succeeded in between.
    fn too_many(&mut self, inner: &Inner) -> Result<()> {
        self.refused += 1;
        if self.refused < SENDS {
            return Ok(());
        }
        let now_ms = inner.clock.now_ms();
        let mut wait = Wait {
            ms: 0,
            why: Why::Refused,
        };
        inner
            .throttle
            .change(&mut |state| wait = state.wait_before(inner.config.pace, now_ms, None))
            .map_err(|error| Error::Throttle(error.to_string()))?;
        Err(Error::Throttled {
            wait_ms: wait.ms,
            why: wait.why,
        })
    }
}

/// Between 0 and 1. Spreads the retries of many clients; its quality does not matter.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}

/// Statuses after which a repeatable call is repeated.
fn fails(status: u16) -> bool {
    matches!(status, 408 | 500 | 502 | 503 | 504 | 520 | 522)
}

fn network(call: &Call, why: &str) -> Error {
    Error::Network {
        call: call.to_string(),
        why: why.to_owned(),
    }
}

fn odd(call: &Call, why: String) -> Error {
    Error::Answer {
        call: call.to_string(),
        why,
    }
}

/// An answer of status 200 may still contain errors.
fn refused(call: &Call, json: &Value) -> Result<()> {
    match errors(&json["json"]).into_iter().next() {
        None => Ok(()),
        Some(error) => Err(Error::Refused {
            call: call.to_string(),
            code: error.code,
            text: error.text,
        }),
    }
}

/// The error of an answer that is final.
fn final_error(call: &Call, came: &Came) -> Error {
    let name = call.to_string();
    let json: Value = serde_json::from_slice(&came.body).unwrap_or(Value::Null);
    match came.status {
        403 => Error::Forbidden {
            call: name,
            reason: json["reason"].as_str().map(str::to_owned),
            scope: came
                .header("www-authenticate")
                .is_some_and(|told| told.contains("insufficient_scope")),
        },
        404 => Error::NotFound(name),
        300..400 => Error::Redirected {
            call: name,
            to: came.header("location").unwrap_or_default().to_owned(),
        },
        status => match json["reason"].as_str() {
            Some(code) if status == 400 => Error::Refused {
                call: name,
                code: code.to_owned(),
                text: json["explanation"].as_str().unwrap_or_default().to_owned(),
            },
            _ => Error::Status {
                call: name,
                status,
                excerpt: came.excerpt(),
            },
        },
    }
}
