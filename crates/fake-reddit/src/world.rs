//! What the fake knows: accounts, subreddits, posts, comments, tokens, and what was asked of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use repartee_datasets::id::{decode, encode};
use repartee_datasets::sample;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, On, Rule};

/// Id of the script app that every fake knows.
pub const CLIENT_ID: &str = "fake-script";
/// Its secret.
pub const CLIENT_SECRET: &str = "fake-secret";
/// Id of the installed app that every fake knows; it has no secret.
pub const INSTALLED_ID: &str = "fake-installed";
/// Id of the web app that every fake knows; its secret is [`CLIENT_SECRET`].
pub const WEB_ID: &str = "fake-web";
/// The address that the installed and the web app are registered with.
pub const REDIRECT: &str = "http://127.0.0.1:8920/callback";
/// The account that owns the apps.
pub const ACCOUNT: &str = "repartee_bot";
/// Its password.
pub const PASSWORD: &str = "fake-password";
/// Its password with the second factor that [`World::otp`] asks for.
pub const OTP: &str = "123456";

/// Settings that change how the fake behaves, at any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Seconds that a token lives.
    pub token_lives_s: u64,
    /// Calls that a client may make in a window.
    pub window_calls: u32,
    /// Seconds of a window.
    pub window_s: u32,
    /// Whether answers tell of the window.
    pub limit_headers: bool,
    /// Milliseconds after which the tree shows a new comment; the author's listing does at once.
    pub tree_lag_ms: i64,
    /// Milliseconds that `morechildren` takes; a second one of the same account is refused meanwhile.
    pub more_takes_ms: u64,
    /// Comments that a tree shows at most at once.
    pub tree_limit: usize,
    /// Levels that a tree shows.
    pub tree_depth: usize,
    /// What `/api/v1/authorize` does.
    pub authorize: Authorize,
    /// Whether a login by password must bring the second factor.
    pub otp: bool,
    /// Whether a refresh token is good once: the answer brings the next one.
    pub rotate: bool,
}

/// What `/api/v1/authorize` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authorize {
    /// Shows a page with two buttons.
    #[default]
    Page,
    /// Says yes without asking.
    Allow,
    /// Says no without asking.
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

/// What kind of app a client id belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKind {
    /// May log in by password.
    Script,
    /// Has no secret.
    Installed,
    /// Has a secret, and logs in through a browser.
    Web,
}

/// An app.
#[derive(Debug, Clone)]
pub struct App {
    /// Its kind.
    pub kind: AppKind,
    /// Its secret; empty: none.
    pub secret: String,
    /// The address a browser is sent back to.
    pub redirect: String,
    /// The account that a browser is logged in as.
    pub owner: String,
}

/// An app of an account, with the usual address.
pub fn app(kind: AppKind, secret: &str, owner: &str) -> App {
    App {
        kind,
        secret: secret.to_owned(),
        redirect: REDIRECT.to_owned(),
        owner: owner.to_owned(),
    }
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its bare id.
    pub id: String,
    /// Its password.
    pub password: String,
    /// It is suspended.
    pub suspended: bool,
    /// Names of accounts that it blocked, in small letters.
    pub blocked: BTreeSet<String>,
    /// When it was made: seconds since 1970.
    pub created_utc: i64,
}

/// A subreddit.
#[derive(Debug, Clone)]
pub struct Subreddit {
    /// Its name.
    pub name: String,
    /// Its bare id.
    pub id: String,
    /// `public`, `restricted`, `private`.
    pub kind: String,
    /// It is under quarantine: comments are taken and not shown.
    pub quarantine: bool,
    /// Only approved members may comment.
    pub restrict_commenting: bool,
    /// Names of banned accounts, in small letters.
    pub banned: BTreeSet<String>,
    /// Names of muted accounts, in small letters.
    pub muted: BTreeSet<String>,
    /// Names of approved members, in small letters.
    pub contributors: BTreeSet<String>,
    /// Its rules: name and description.
    pub rules: Vec<(String, String)>,
}

/// A post.
#[derive(Debug, Clone)]
pub struct Post {
    /// Its bare id.
    pub id: String,
    /// Its subreddit.
    pub subreddit: String,
    /// Its author.
    pub author: String,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Its score.
    pub score: i64,
    /// Seconds since 1970.
    pub created_utc: i64,
    /// Nobody may comment.
    pub locked: bool,
    /// It is too old.
    pub archived: bool,
    /// Its author deleted it.
    pub deleted: bool,
    /// A moderator removed it.
    pub removed: bool,
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Its bare id.
    pub id: String,
    /// Bare id of its post.
    pub post: String,
    /// Full name of what it answers.
    pub parent: String,
    /// Its author.
    pub author: String,
    /// Its text.
    pub body: String,
    /// Its score.
    pub score: i64,
    /// Its score is not shown yet.
    pub score_hidden: bool,
    /// Seconds since 1970.
    pub created_utc: i64,
    /// When it was edited.
    pub edited_utc: Option<i64>,
    /// The tree shows it from then on: milliseconds since 1970.
    pub visible_ms: i64,
    /// Only its author's listing shows it.
    pub hidden: bool,
    /// Trees name it as left out, and `morechildren` leaves it out.
    pub missing: bool,
    /// Its author deleted it.
    pub deleted: bool,
    /// A moderator removed it.
    pub removed: bool,
    /// Nobody may answer it.
    pub locked: bool,
    /// It was made through the API, not made up.
    pub through_api: bool,
}

/// An access token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub client_id: String,
    /// None: no account, for reading only.
    pub account: Option<String>,
    pub scope: String,
    pub expires_ms: i64,
    pub refresh: Option<String>,
}

/// A refresh token.
#[derive(Debug, Clone)]
pub(crate) struct Refresh {
    pub client_id: String,
    pub account: String,
    pub scope: String,
}

/// A code that a browser brings back.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub client_id: String,
    pub account: String,
    pub scope: String,
    pub redirect: String,
    pub permanent: bool,
    pub expires_ms: i64,
}

/// The window of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub began_ms: i64,
    pub used: u32,
}

/// A call as the fake saw it. Neither tokens nor passwords are in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Which call it was.
    pub on: On,
    /// Milliseconds since 1970, on the fake's clock.
    pub ms: i64,
    /// GET or POST.
    pub method: String,
    /// The path as it was asked for.
    pub path: String,
    /// The query as it was asked for.
    pub query: String,
    /// The account of the token.
    pub account: Option<String>,
    /// The client id.
    pub client_id: Option<String>,
    /// The User-Agent.
    pub agent: String,
    /// The status of the answer; none: no answer was given.
    pub status: Option<u16>,
    /// What went wrong on purpose.
    pub fault: Option<Fault>,
}

/// Several comments of an account under one parent: what must not happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// The account.
    pub account: String,
    /// Full name of what they answer.
    pub parent: String,
    /// Their full names.
    pub names: Vec<String>,
}

/// What the fake knows. Times are the fake's own, which [`World::set_clock`] moves.
#[derive(Debug)]
pub struct World {
    /// Names this run: another world, even of the same seed, has another.
    pub run: String,
    /// Settings.
    pub knobs: Knobs,
    /// What goes wrong.
    pub rules: Vec<Rule>,
    /// Apps by client id.
    pub apps: BTreeMap<String, App>,
    /// Accounts by name in small letters.
    pub accounts: BTreeMap<String, Account>,
    /// Subreddits by name in small letters.
    pub subreddits: BTreeMap<String, Subreddit>,
    /// Posts by bare id.
    pub posts: BTreeMap<String, Post>,
    /// Comments by bare id.
    pub comments: HashMap<String, Comment>,
    /// What was asked, in order.
    pub seen: Vec<Seen>,
    /// Every token and code that was ever given, to look for where none may be.
    pub issued: Vec<String>,
    /// Bare ids of the comments that answer something, by its full name, in order of writing.
    pub(crate) below: HashMap<String, Vec<String>>,
    /// Bare ids of an account's comments, by its name in small letters, in order of writing.
    pub(crate) by_author: HashMap<String, Vec<String>>,
    pub(crate) tokens: HashMap<String, Token>,
    pub(crate) refreshes: HashMap<String, Refresh>,
    pub(crate) grants: HashMap<String, Grant>,
    pub(crate) windows: HashMap<String, Window>,
    /// When the `morechildren` of an account that is under way ends.
    pub(crate) expanding: HashMap<String, i64>,
    pub(crate) dice: Dice,
    next_id: i64,
    clock_ms: i64,
}

impl World {
    /// An empty world: apps and one account, no subreddit.
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
            // seven digits, like Reddit's own of some years ago
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

    /// Milliseconds since 1970, on the fake's clock.
    pub fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let machine = since.map_or(0, |since| since.as_millis() as i64);
        machine + self.clock_ms
    }

    /// Seconds since 1970, on the fake's clock.
    pub fn now_utc(&self) -> i64 {
        self.now_ms() / 1000
    }

    /// Sets the fake's clock so many milliseconds ahead of the machine's (or behind it).
    pub fn set_clock(&mut self, ahead_ms: i64) {
        self.clock_ms = ahead_ms;
    }

    /// Lets time pass on the fake's clock.
    pub fn pass(&mut self, ms: i64) {
        self.clock_ms += ms;
    }

    /// Adds a rule of what goes wrong.
    pub fn fail(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// From now on nothing goes wrong.
    pub fn heal(&mut self) {
        self.rules.clear();
    }

    /// Adds an account.
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

    /// An account, to be changed.
    pub fn account(&mut self, name: &str) -> Option<&mut Account> {
        self.accounts.get_mut(&name.to_ascii_lowercase())
    }

    /// A subreddit, to be changed; a new one where there is none of that name.
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
                    "Bots are labelled".to_owned(),
                    "A bot says that it is one.".to_owned(),
                ),
            ],
        })
    }

    /// A post by its full name or bare id, to be changed.
    pub fn post(&mut self, name: &str) -> Option<&mut Post> {
        self.posts.get_mut(bare(name))
    }

    /// A comment by its full name or bare id, to be changed.
    pub fn comment(&mut self, name: &str) -> Option<&mut Comment> {
        self.comments.get_mut(bare(name))
    }

    /// Adds a post and gives its full name.
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

    /// Adds a comment under a post or comment (full name) and gives its full name; `None`: there is no
    /// such parent.
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

    /// Puts a comment back that an earlier world of this seed had, by its full name; `false`: there is no
    /// such parent any more.
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
        // no new one takes its name
        self.next_id = self.next_id.max(decode(&id).unwrap_or(0));
        true
    }

    /// Lets the readers vote on what was made through the API, as those of the sample do.
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

    /// Full names of the comments that an account made under a parent through the API, deleted ones too.
    pub fn made(&self, account: &str, parent: &str) -> Vec<String> {
        let ids = self.by_author.get(&account.to_ascii_lowercase());
        ids.into_iter()
            .flatten()
            .filter_map(|id| self.comments.get(id))
            .filter(|c| c.through_api && c.parent == parent)
            .map(|c| format!("t1_{}", c.id))
            .collect()
    }

    /// Accounts with several comments under one parent, made through the API: what the tests of posting
    /// assert to be empty. Deleted ones count.
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

    /// How many comments were made through the API, deleted ones too.
    pub fn posted(&self) -> usize {
        self.comments.values().filter(|c| c.through_api).count()
    }

    /// Every access token is dead from now on; refresh tokens live on.
    pub fn kill_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Every token of an account is dead from now on, refresh tokens too: a person took access back.
    pub fn take_access_back(&mut self, account: &str) {
        let is = |name: &str| name.eq_ignore_ascii_case(account);
        self.tokens
            .retain(|_, token| !token.account.as_deref().is_some_and(is));
        self.refreshes.retain(|_, token| !is(&token.account));
    }

    /// The calls of one kind, in order.
    pub fn calls(&self, on: On) -> Vec<&Seen> {
        self.seen.iter().filter(|seen| seen.on == on).collect()
    }

    /// What goes wrong with this call, if anything does; counts it.
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
        // not one after the other, as on Reddit
        self.next_id += 1 + self.dice.below(40) as i64;
        encode(self.next_id)
    }

    /// A word that nobody can guess, of a kind: good enough for a fake.
    pub(crate) fn fresh_secret(&mut self, kind: &str) -> String {
        let secret = format!("{kind}-{:016x}{:016x}", self.dice.next(), self.dice.next());
        self.issued.push(secret.clone());
        secret
    }
}

/// 32 hexadecimal digits that no other run has; not of the seed, which several runs can share.
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
        // zero would stay zero, and a state of few bits needs some steps to fill
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
    fn rules_apply_in_order_as_often_as_they_say() {
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
    fn chances_come_out_and_repeat_with_the_seed() {
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
    fn a_world_can_go_on_where_an_earlier_one_of_its_seed_ended() {
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
    fn duplicates_are_counted_for_each_account_and_parent() {
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
