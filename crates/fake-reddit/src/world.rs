//! The state: accounts, subreddits, posts, comments, tokens, and the calls so far.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use repartee_datasets::id::{decode, encode};
use repartee_datasets::sample;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, On, Rule};

/// Id of the built-in script app.
pub const CLIENT_ID: &str = "fake-script";
pub const CLIENT_SECRET: &str = "fake-secret";
/// Id of the built-in installed app; it has no secret.
pub const INSTALLED_ID: &str = "fake-installed";
/// Id of the built-in web app; its secret is [`CLIENT_SECRET`].
pub const WEB_ID: &str = "fake-web";
/// The redirect URL of the installed and the web app.
pub const REDIRECT: &str = "http://127.0.0.1:8920/callback";
/// The account that owns the apps.
pub const ACCOUNT: &str = "repartee_bot";
pub const PASSWORD: &str = "fake-password";
/// Its password with the second factor that [`World::otp`] requires.
pub const OTP: &str = "123456";

/// Settings that can be changed at any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Lifetime of a token in seconds.
    pub token_lives_s: u64,
    /// Calls per client and window.
    pub window_calls: u32,
    /// Length of a window in seconds.
    pub window_s: u32,
    /// Whether answers have rate-limit headers.
    pub limit_headers: bool,
    /// Milliseconds until the tree shows a new comment; the author's listing shows it at once.
    pub tree_lag_ms: i64,
    /// Milliseconds that `morechildren` takes; a concurrent one of the same account is refused.
    pub more_takes_ms: u64,
    /// Maximum number of comments in a tree.
    pub tree_limit: usize,
    /// Number of levels in a tree.
    pub tree_depth: usize,
    pub authorize: Authorize,
    /// Whether a login by password requires the second factor.
    pub otp: bool,
    /// Whether a refresh token is valid once: the answer has the next one.
    pub rotate: bool,
}

/// What `/api/v1/authorize` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authorize {
    /// Shows a page with two buttons.
    #[default]
    Page,
    /// Accepts without asking.
    Allow,
    /// Declines without asking.
    Deny,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            token_lives_s: 86_400,
            window_calls: 1_000,
            window_s: 600,
            limit_headers: true,
            tree_lag_ms: 0,
            more_takes_ms: 0,
            tree_limit: 500,
            tree_depth: 10,
            authorize: Authorize::Page,
            otp: false,
            rotate: false,
        }
    }
}

/// Kind of app of a client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKind {
    /// May log in by password.
    Script,
    Installed,
    /// Has a secret, and logs in through a browser.
    Web,
}

#[derive(Debug, Clone)]
pub struct App {
    pub kind: AppKind,
    /// Its secret; empty: none.
    pub secret: String,
    /// The redirect URL.
    pub redirect: String,
    /// The account logged in in the browser.
    pub owner: String,
}

/// An app of an account, with the default redirect URL.
pub fn app(kind: AppKind, secret: &str, owner: &str) -> App {
    App {
        kind,
        secret: secret.to_owned(),
        redirect: REDIRECT.to_owned(),
        owner: owner.to_owned(),
    }
}

#[derive(Debug, Clone)]
pub struct Account {
    pub name: String,
    pub id: String,
    pub password: String,
    pub suspended: bool,
    /// Names of accounts that it blocked, in lower case.
    pub blocked: BTreeSet<String>,
    /// Seconds since 1970.
    pub created_utc: i64,
}

#[derive(Debug, Clone)]
pub struct Subreddit {
    pub name: String,
    pub id: String,
    /// `public`, `restricted`, `private`.
    pub kind: String,
    /// It is under quarantine: comments are accepted but not shown.
    pub quarantine: bool,
    /// Only approved members may comment.
    pub restrict_commenting: bool,
    /// Names of banned accounts, in lower case.
    pub banned: BTreeSet<String>,
    /// Names of muted accounts, in lower case.
    pub muted: BTreeSet<String>,
    /// Names of approved members, in lower case.
    pub contributors: BTreeSet<String>,
    /// Name and description of each rule.
    pub rules: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct Post {
    pub id: String,
    pub subreddit: String,
    pub author: String,
    pub title: String,
    pub body: String,
    pub score: i64,
    /// Seconds since 1970.
    pub created_utc: i64,
    pub locked: bool,
    /// It is too old.
    pub archived: bool,
    /// Its author deleted it.
    pub deleted: bool,
    /// A moderator removed it.
    pub removed: bool,
}

#[derive(Debug, Clone)]
pub struct Comment {
    pub id: String,
    /// Bare id of its post.
    pub post: String,
    /// Full name of what it answers.
    pub parent: String,
    pub author: String,
    pub body: String,
    pub score: i64,
    /// Its score is hidden.
    pub score_hidden: bool,
    /// Seconds since 1970.
    pub created_utc: i64,
    pub edited_utc: Option<i64>,
    /// The tree shows it from this time on: milliseconds since 1970.
    pub visible_ms: i64,
    /// Only its author's listing shows it.
    pub hidden: bool,
    /// Trees name it as omitted, and `morechildren` omits it.
    pub missing: bool,
    /// Its author deleted it.
    pub deleted: bool,
    /// A moderator removed it.
    pub removed: bool,
    /// Nobody may answer it.
    pub locked: bool,
    /// It was made through the API, not generated.
    pub through_api: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub client_id: String,
    /// None: no account, read-only.
    pub account: Option<String>,
    pub scope: String,
    pub expires_ms: i64,
    pub refresh: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Refresh {
    pub client_id: String,
    pub account: String,
    pub scope: String,
}

/// The code that a browser returns.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub client_id: String,
    pub account: String,
    pub scope: String,
    pub redirect: String,
    pub permanent: bool,
    pub expires_ms: i64,
}

/// The rate-limit window of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub began_ms: i64,
    pub used: u32,
}

/// A recorded call, without tokens and passwords.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub on: On,
    /// Milliseconds since 1970, on the sandbox's clock.
    pub ms: i64,
    /// GET or POST.
    pub method: String,
    /// Verbatim.
    pub path: String,
    /// Verbatim.
    pub query: String,
    /// The account of the token.
    pub account: Option<String>,
    pub client_id: Option<String>,
    pub agent: String,
    /// Status of the answer; none: no answer was sent.
    pub status: Option<u16>,
    /// The injected fault.
    pub fault: Option<Fault>,
}

/// Several comments of an account under one parent: this must not happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    pub account: String,
    /// Full name of what they answer.
    pub parent: String,
    pub names: Vec<String>,
}

/// The state. Times are by the sandbox's own clock, which [`World::set_clock`] moves.
#[derive(Debug, Clone)]
pub struct World {
    /// Identifies this run: another one, even with the same seed, has another.
    pub run: String,
    pub knobs: Knobs,
    pub rules: Vec<Rule>,
    /// Apps by client id.
    pub apps: BTreeMap<String, App>,
    /// Accounts by name in lower case.
    pub accounts: BTreeMap<String, Account>,
    /// Subreddits by name in lower case.
    pub subreddits: BTreeMap<String, Subreddit>,
    /// Posts by bare id.
    pub posts: BTreeMap<String, Post>,
    /// Comments by bare id.
    pub comments: HashMap<String, Comment>,
    /// The calls so far, in order.
    pub seen: Vec<Seen>,
    /// Every token and code ever issued, to search for leaks.
    pub issued: Vec<String>,
    /// Bare ids of the answers to something, by its full name, in chronological order.
    pub(crate) below: HashMap<String, Vec<String>>,
    /// Bare ids of an account's comments, by its name in lower case, in chronological order.
    pub(crate) by_author: HashMap<String, Vec<String>>,
    pub(crate) tokens: HashMap<String, Token>,
    pub(crate) refreshes: HashMap<String, Refresh>,
    pub(crate) grants: HashMap<String, Grant>,
    pub(crate) windows: HashMap<String, Window>,
    /// When the running `morechildren` of an account ends.
    pub(crate) expanding: HashMap<String, i64>,
    pub(crate) dice: Dice,
    next_id: i64,
    clock_ms: i64,
}

impl World {
    /// An empty state: apps and one account, no subreddit.
    pub fn new(seed: u64) -> Self {
        let mut world = Self {
            run: fresh_run(),
            knobs: Knobs::default(),
            rules: Vec::new(),
            apps: BTreeMap::new(),
            accounts: BTreeMap::new(),
            subreddits: BTreeMap::new(),
            posts: BTreeMap::new(),
            comments: HashMap::new(),
            seen: Vec::new(),
            issued: Vec::new(),
            below: HashMap::new(),
            by_author: HashMap::new(),
            tokens: HashMap::new(),
            refreshes: HashMap::new(),
            grants: HashMap::new(),
            windows: HashMap::new(),
            expanding: HashMap::new(),
            dice: Dice::new(seed),
            // seven digits, like Reddit's own a few years ago
            next_id: 36_i64.pow(6) * 13,
            clock_ms: 0,
        };
        for (id, kind, secret) in [
            (CLIENT_ID, AppKind::Script, CLIENT_SECRET),
            (INSTALLED_ID, AppKind::Installed, ""),
            (WEB_ID, AppKind::Web, CLIENT_SECRET),
        ] {
            world.apps.insert(id.to_owned(), app(kind, secret, ACCOUNT));
        }
        world.add_account(ACCOUNT, PASSWORD);
        world
    }

    /// Milliseconds since 1970, on the sandbox's clock.
    pub fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let machine = since.map_or(0, |since| since.as_millis() as i64);
        machine + self.clock_ms
    }

    /// Seconds since 1970, on the sandbox's clock.
    pub fn now_utc(&self) -> i64 {
        self.now_ms() / 1000
    }

    /// Sets the sandbox's clock ahead of the machine's (or behind it).
    pub fn set_clock(&mut self, ahead_ms: i64) {
        self.clock_ms = ahead_ms;
    }

    /// Advances the sandbox's clock.
    pub fn pass(&mut self, ms: i64) {
        self.clock_ms += ms;
    }

    /// Adds a fault rule.
    pub fn fail(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Removes all fault rules.
    pub fn heal(&mut self) {
        self.rules.clear();
    }

    pub fn add_account(&mut self, name: &str, password: &str) {
        let account = Account {
            name: name.to_owned(),
            id: self.fresh_id(),
            password: password.to_owned(),
            suspended: false,
            blocked: BTreeSet::new(),
            created_utc: 1_700_000_000,
        };
        self.accounts.insert(name.to_ascii_lowercase(), account);
    }

    /// An account, to change.
    pub fn account(&mut self, name: &str) -> Option<&mut Account> {
        self.accounts.get_mut(&name.to_ascii_lowercase())
    }

    /// A subreddit, to change; created if missing.
    pub fn subreddit(&mut self, name: &str) -> &mut Subreddit {
        let key = name.to_ascii_lowercase();
        let id = if self.subreddits.contains_key(&key) {
            String::new()
        } else {
            self.fresh_id()
        };
        self.subreddits.entry(key).or_insert_with(|| Subreddit {
            name: name.to_owned(),
            id,
            kind: "public".to_owned(),
            quarantine: false,
            restrict_commenting: false,
            banned: BTreeSet::new(),
            muted: BTreeSet::new(),
            contributors: BTreeSet::new(),
            rules: vec![
                ("Be kind".to_owned(), "No insults.".to_owned()),
                (
                    "Bots are labeled".to_owned(),
                    "A bot says that it is one.".to_owned(),
                ),
            ],
        })
    }

    /// A post by its full name or bare id, to change.
    pub fn post(&mut self, name: &str) -> Option<&mut Post> {
        self.posts.get_mut(bare(name))
    }

    /// A comment by its full name or bare id, to change.
    pub fn comment(&mut self, name: &str) -> Option<&mut Comment> {
        self.comments.get_mut(bare(name))
    }

    /// Adds a post and returns its full name.
    pub fn add_post(&mut self, subreddit: &str, author: &str, title: &str, body: &str) -> String {
        let subreddit = self.subreddit(subreddit).name.clone();
        let id = self.fresh_id();
        let post = Post {
            id: id.clone(),
            subreddit,
            author: author.to_owned(),
            title: title.to_owned(),
            body: body.to_owned(),
            score: 25,
            created_utc: self.now_utc() - 3_600,
            locked: false,
            archived: false,
            deleted: false,
            removed: false,
        };
        self.posts.insert(id.clone(), post);
        format!("t3_{id}")
    }

    /// Adds a comment under a post or comment (full name) and returns its full name; `None`: there is no such parent.
    pub fn add_comment(&mut self, parent: &str, author: &str, body: &str) -> Option<String> {
        let post = match parent.split_once('_') {
            Some(("t3", id)) => self.posts.get(id)?.id.clone(),
            Some(("t1", id)) => self.comments.get(id)?.post.clone(),
            _ => return None,
        };
        let id = self.fresh_id();
        let now_ms = self.now_ms();
        let comment = Comment {
            id: id.clone(),
            post,
            parent: parent.to_owned(),
            author: author.to_owned(),
            body: body.to_owned(),
            score: 1,
            score_hidden: false,
            created_utc: now_ms / 1000,
            edited_utc: None,
            visible_ms: now_ms,
            hidden: false,
            missing: false,
            deleted: false,
            removed: false,
            locked: false,
            through_api: false,
        };
        self.below
            .entry(parent.to_owned())
            .or_default()
            .push(id.clone());
        self.by_author
            .entry(author.to_ascii_lowercase())
            .or_default()
            .push(id.clone());
        self.comments.insert(id.clone(), comment);
        Some(format!("t1_{id}"))
    }

    /// Restores a comment of an earlier run with this seed, by its full name; `false`: its parent no longer exists.
    pub fn restore(&mut self, name: &str, parent: &str, author: &str, body: &str) -> bool {
        let Some(new) = self.add_comment(parent, author, body) else {
            return false;
        };
        let id = bare(name).to_owned();
        let fresh = bare(&new).to_owned();
        for list in [
            self.below.get_mut(parent),
            self.by_author.get_mut(&author.to_ascii_lowercase()),
        ] {
            if let Some(last) = list.and_then(|ids| ids.last_mut()) {
                last.clone_from(&id);
            }
        }
        if let Some(comment) = self.comments.remove(&fresh) {
            let comment = Comment {
                id: id.clone(),
                through_api: true,
                ..comment
            };
            self.comments.insert(id.clone(), comment);
        }
        // no new one gets its name
        self.next_id = self.next_id.max(decode(&id).unwrap_or(0));
        true
    }

    /// Simulates readers' votes on what was made through the API, as in the sample.
    pub fn vote(&mut self) {
        for comment in self.comments.values_mut().filter(|c| c.through_api) {
            comment.score = 1 + sample::liking(&comment.body);
        }
    }

    /// Full names of the comments under a post, in no order.
    pub fn comments_of(&self, post: &str) -> Vec<String> {
        let post = bare(post);
        let of_post = self.comments.values().filter(|c| c.post == post);
        of_post.map(|c| format!("t1_{}", c.id)).collect()
    }

    /// Full names of the comments that an account made under a parent through the API, including deleted ones.
    pub fn made(&self, account: &str, parent: &str) -> Vec<String> {
        let ids = self.by_author.get(&account.to_ascii_lowercase());
        ids.into_iter()
            .flatten()
            .filter_map(|id| self.comments.get(id))
            .filter(|c| c.through_api && c.parent == parent)
            .map(|c| format!("t1_{}", c.id))
            .collect()
    }

    /// Accounts with several comments under one parent, made through the API: the tests of posting assert that there
    /// are none. Deleted ones count.
    pub fn duplicates(&self) -> Vec<Duplicates> {
        let mut all: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (account, ids) in &self.by_author {
            for comment in ids.iter().filter_map(|id| self.comments.get(id)) {
                if comment.through_api {
                    all.entry((account.clone(), comment.parent.clone()))
                        .or_default()
                        .push(format!("t1_{}", comment.id));
                }
            }
        }
        all.into_iter()
            .filter(|(_, names)| names.len() > 1)
            .map(|((account, parent), names)| Duplicates {
                account,
                parent,
                names,
            })
            .collect()
    }

    /// Number of comments made through the API, including deleted ones.
    pub fn posted(&self) -> usize {
        self.comments.values().filter(|c| c.through_api).count()
    }

    /// Invalidates every access token; refresh tokens stay valid.
    pub fn kill_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Invalidates every token of an account, including refresh tokens: the user revoked access.
    pub fn revoke_access(&mut self, account: &str) {
        let is = |name: &str| name.eq_ignore_ascii_case(account);
        self.tokens
            .retain(|_, token| !token.account.as_deref().is_some_and(is));
        self.refreshes.retain(|_, token| !is(&token.account));
    }

    /// The calls of one kind, in order.
    pub fn calls(&self, on: On) -> Vec<&Seen> {
        self.seen.iter().filter(|seen| seen.on == on).collect()
    }

    /// The fault for this call, if any; counts it.
    pub(crate) fn fault(&mut self, on: On) -> Option<Fault> {
        let dice = &mut self.dice;
        let at = self.rules.iter_mut().position(|rule| {
            if rule.on != on && rule.on != On::Any || rule.times == Some(0) {
                return false;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                return false;
            }
            rule.chance >= 1.0 || dice.chance(rule.chance)
        })?;
        let rule = &mut self.rules[at];
        if let Some(times) = &mut rule.times {
            *times -= 1;
        }
        Some(rule.fault.clone())
    }

    pub(crate) fn fresh_id(&mut self) -> String {
        // ids are not consecutive, as on Reddit
        self.next_id += 1 + self.dice.below(40) as i64;
        encode(self.next_id)
    }

    /// A unique secret of a kind: good enough for a sandbox.
    pub(crate) fn fresh_secret(&mut self, kind: &str) -> String {
        let secret = format!("{kind}-{:016x}{:016x}", self.dice.next(), self.dice.next());
        self.issued.push(secret.clone());
        secret
    }
}

/// 32 hexadecimal digits that no other run has; not from the seed, which several runs can share.
fn fresh_run() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

/// `t1_abc` or `abc`: abc.
pub(crate) fn bare(name: &str) -> &str {
    name.split_once('_').map_or(name, |(_, id)| id)
}

/// xorshift64* (Vigna 2016): seeded, the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // zero would stay zero, and a state of few bits takes some steps to fill
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..16 {
            dice.next();
        }
        dice
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    pub fn chance(&mut self, chance: f64) -> bool {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64 <= chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_rules_apply_in_order_and_as_often_as_set() {
        let mut world = World::new(1);
        let status = |status| Fault::StatusBefore { status };
        world.fail(Rule::once(On::Comment, Fault::DropAfter));
        world.fail(Rule {
            skip: 1,
            ..Rule::times(On::Any, status(500), 2)
        });
        assert_eq!(world.fault(On::Comment), Some(Fault::DropAfter));
        assert_eq!(world.fault(On::Info), None);
        assert_eq!(world.fault(On::Comment), Some(status(500)));
        assert_eq!(world.fault(On::Me), Some(status(500)));
        assert_eq!(world.fault(On::Me), None);
    }

    #[test]
    fn fault_chances_match_and_repeat_with_the_seed() {
        let faults = |seed| {
            let mut world = World::new(seed);
            world.fail(Rule::by_chance(On::Any, Fault::DropBefore, 0.3));
            (0..1_000)
                .map(|_| world.fault(On::Me).is_some())
                .collect::<Vec<_>>()
        };
        let some = faults(7);
        let n = some.iter().filter(|fault| **fault).count();
        assert!((240..360).contains(&n), "{n}");
        assert_eq!(some, faults(7));
        assert_ne!(some, faults(8));
    }

    #[test]
    fn sandbox_can_continue_an_earlier_run_of_its_seed() {
        let begin = || {
            let mut world = World::new(4);
            world.make_threads(4, 3);
            world
        };
        let mut first = begin();
        let parent = {
            let post = first.posts.keys().next().unwrap().clone();
            first.comments_of(&post).into_iter().min().unwrap()
        };
        let made = first.add_comment(&parent, "bot", "hello").unwrap();
        let mut second = begin();
        assert!(second.comments.contains_key(bare(&parent)));
        assert!(second.restore(&made, &parent, "bot", "hello"));
        assert_eq!(second.made("bot", &parent), std::slice::from_ref(&made));
        let next = second.add_comment(&parent, "bot", "again").unwrap();
        assert_ne!(next, made);
        assert!(second.below[&parent].contains(&bare(&made).to_owned()));
        assert!(!second.restore("t1_zzzzzzz", "t1_none", "bot", "hello"));
    }

    #[test]
    fn runs_of_one_seed_have_different_names() {
        assert_ne!(World::new(1).run, World::new(1).run);
    }

    #[test]
    fn duplicates_are_counted_per_account_and_parent() {
        let mut world = World::new(1);
        let post = world.add_post("X", "someone", "t", "b");
        for parent in [&post, &post] {
            let name = world.add_comment(parent, "bot", "x").unwrap();
            world.comment(&name).unwrap().through_api = true;
        }
        world.add_comment(&post, "other", "x").unwrap();
        let duplicates = world.duplicates();
        assert_eq!(duplicates.len(), 1);
        assert_eq!(
            (duplicates[0].account.as_str(), duplicates[0].names.len()),
            ("bot", 2)
        );
        assert_eq!(world.made("Bot", &post).len(), 2);
        assert_eq!(world.posted(), 2);
        assert_eq!(world.add_comment("t1_none", "bot", "x"), None);
    }
}
