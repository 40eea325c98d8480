//! Posting against a Reddit sandbox with injected faults, with the process killed at every step: never two comments by
//! one account under one parent, and every reply with unconfirmed delivery is settled, or left to the user. In half of
//! the runs a copy of the project posts, too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use repartee_engine::data::import::Import;
use repartee_engine::environment::Environment;
use repartee_engine::job::new_id;
use repartee_engine::posting::{
    AccountInfo, LogIn, NOT_APPROVED, NewAccount, NewPostingPermission, OutboxStory, Post,
    PostReport, PostingRules, RAISE, Reconcile, Settle,
};
use repartee_engine::{Code, Ended, Engine, Error, StudyRecord};
use repartee_fake_reddit::{
    ACCOUNT, CLIENT_ID, CLIENT_SECRET, Fake, Fault, Language, On, Options, PASSWORD, Rule, World,
};
use repartee_reddit::{App, Clock, Grant, Login};
use repartee_store::Store;
use repartee_store::threads::{NewCandidate, NewThread, NewThreadComment, Scores};
use repartee_tests::sample::done;
use repartee_tests::study::granted;
use repartee_tests::{Place, approve_as_shown, seen};

#[path = "posting/accounts.rs"]
mod accounts;
#[path = "posting/copies.rs"]
mod copies;
#[path = "posting/refusals.rs"]
mod refusals;
#[path = "posting/seeds.rs"]
mod seeds;
#[path = "posting/sending.rs"]
mod sending;
#[path = "posting/uncertain.rs"]
mod uncertain;

const SUBREDDIT: &str = "Quiet";
const PERSON: &str = "a person";

/// The machine's clock, except for waits, which take no time on it and advance the sandbox's clock, too.
struct Together {
    fake: Arc<Fake>,
    ahead_ms: AtomicI64,
}

impl Together {
    fn new(fake: &Arc<Fake>) -> Arc<Self> {
        Arc::new(Self {
            fake: Arc::clone(fake),
            ahead_ms: AtomicI64::new(0),
        })
    }

    fn pass(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
        self.fake.world().pass(ms);
    }
}

impl Clock for Together {
    fn now_ms(&self) -> i64 {
        repartee_store::now_ms() + self.ahead_ms.load(Ordering::Relaxed)
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.pass(time.as_millis() as i64);
        Box::pin(tokio::task::yield_now())
    }
}

fn login(_: &str) -> Option<Login> {
    login_of(ACCOUNT)
}

fn login_of(name: &str) -> Option<Login> {
    Some(Login {
        app: App {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
        },
        grant: Grant::Password {
            username: name.to_owned(),
            password: PASSWORD.into(),
        },
    })
}

/// A sandbox, a project with an account and a permission, and replies in its queue.
struct Bench {
    place: Place,
    fake: Arc<Fake>,
    clock: Arc<Together>,
    /// Numbers of the replies, with the name of what each answers.
    replies: Vec<(i64, String)>,
}

impl Bench {
    /// With this many posts of one comment each, and an approved reply to each of these.
    fn with(replies: usize) -> Self {
        Self::skewed(replies, 0)
    }

    /// As [`Self::with`], with a sandbox whose clock is this far ahead of ours.
    fn skewed(replies: usize, ahead_ms: i64) -> Self {
        let bench = Self::made(replies, ahead_ms);
        let engine = bench.engine();
        for (id, _) in &bench.replies {
            approve_as_shown(&engine, *id, PERSON).unwrap();
        }
        bench
    }

    /// As [`Self::with`], with drafts.
    fn drafts(replies: usize) -> Self {
        Self::made(replies, 0)
    }

    fn made(replies: usize, ahead_ms: i64) -> Self {
        let place = Place::with_project();
        let fake = Arc::new(
            Fake::start(Options {
                posts: 0,
                ..Options::default()
            })
            .unwrap(),
        );
        // before anything is written on it, or that would be in its future
        fake.world().pass(ahead_ms);
        let clock = Together::new(&fake);
        let mut bench = Self {
            place,
            fake,
            clock,
            replies: Vec::new(),
        };
        let engine = bench.engine();
        engine
            .posting()
            .account_put(&bench.account(), PERSON)
            .unwrap();
        engine
            .posting()
            .account_label(ACCOUNT, true, PERSON)
            .unwrap();
        engine
            .posting()
            .permit_subreddit(&permission(), PERSON)
            .unwrap();
        engine
            .posting()
            .posting_rules_set(
                &PostingRules {
                    per_day: 1000,
                    per_subreddit: 1000,
                    per_author: 1000,
                    ..PostingRules::default()
                },
                RAISE,
                PERSON,
            )
            .unwrap();
        drop(engine);
        for n in 0..replies {
            let added = bench.add(n);
            bench.replies.push(added);
        }
        bench
    }

    fn account(&self) -> NewAccount {
        NewAccount {
            name: ACCOUNT.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            operator: "the_operator".to_owned(),
            host: self.fake.base().to_owned(),
            approval: "https://example.org/approved, 2026-09-01".to_owned(),
            ..NewAccount::default()
        }
    }

    /// Adds a post with one comment to sandbox and project, and a draft that answers it.
    fn add(&self, n: usize) -> (i64, String) {
        let comment =
            format!("What do you all think about number {n}, and how would you go about it?");
        let (post, name) = {
            let mut world = self.fake.world();
            let post = world.add_post(SUBREDDIT, "host", &format!("Question {n}"), "A text.");
            let name = world
                .add_comment(&post, &format!("asker{n}"), &comment)
                .unwrap();
            (post, name)
        };
        let store = Store::open(&self.place.project()).unwrap();
        let thread = NewThread {
            origin: "reddit".to_owned(),
            subreddit: SUBREDDIT.to_owned(),
            title: format!("Question {n}"),
            name: Some(post.clone()),
            author: Some("host".to_owned()),
            permalink: format!("/r/{SUBREDDIT}/comments/{}/_/", &post[3..]),
            comments: vec![NewThreadComment {
                name: Some(name.clone()),
                author: Some(format!("asker{n}")),
                body: comment,
                parent_name: Some(post.clone()),
                permalink: format!("/r/{SUBREDDIT}/comments/{}/_/{}/", &post[3..], &name[3..]),
                ..NewThreadComment::default()
            }],
            ..NewThread::default()
        };
        let (_, comments) = store.thread_insert(&thread, 0).unwrap();
        let candidate = NewCandidate {
            comment_id: comments[0],
            n: 0,
            text: TEXTS[n % TEXTS.len()].replace('#', &n.to_string()),
            finish_reason: repartee_store::fakes::FinishReason::End,
            scores: Scores {
                p_real: Some(0.95),
                bins: Some([0.1, 0.2, 0.3, 0.4]),
            },
        };
        let candidates = store
            .candidates_add(generation(&self.place.project()), &[candidate])
            .unwrap();
        let reply = store.queue_add(&candidates, "repartee", 0).unwrap()[0];
        (reply, name)
    }

    fn engine(&self) -> Engine {
        self.open(&self.place.project())
    }

    /// Opens another project file of this user on this machine.
    fn open(&self, project: &Path) -> Engine {
        let mut engine = Engine::open(project).unwrap();
        engine.environment = Environment {
            clock: self.clock.clone(),
            login: Some(Arc::new(login)),
            state: Some(self.place.state()),
            ..Environment::default()
        };
        engine
    }

    /// A copy of a project file, as a user makes one.
    fn copy(&self, of: &Path, name: &str) -> PathBuf {
        let path = self.place.path(&format!("{name}.repartee"));
        let db = rusqlite::Connection::open(of).unwrap();
        db.busy_timeout(Duration::from_secs(10)).unwrap();
        db.execute("VACUUM INTO ?1", [path.to_str().unwrap()])
            .unwrap();
        path
    }

    /// A copy that the user has confirmed.
    fn adopted(&self, of: &Path, name: &str) -> PathBuf {
        let path = self.copy(of, name);
        self.open(&path).posting().project_adopt(PERSON).unwrap();
        path
    }

    /// An engine whose process dies when it reaches a step this many times.
    fn doomed(
        &self,
        project: &Path,
        at: &'static str,
        nth: u64,
        steps: &Arc<Mutex<BTreeMap<&'static str, usize>>>,
    ) -> Engine {
        let mut engine = self.open(project);
        let taken = AtomicU64::new(0);
        let steps = Arc::clone(steps);
        engine.environment.on_step = Some(Arc::new(move |step| {
            if step == at && taken.fetch_add(1, Ordering::Relaxed) == nth {
                *steps.lock().unwrap().entry(step).or_default() += 1;
                resume_unwind(Box::new(step));
            }
        }));
        engine
    }

    fn post(&self, engine: &Engine, job: &Post) -> Result<PostReport, Error> {
        let show = std::env::var_os("REPARTEE_SHOW").is_some();
        let signals = |signal| {
            if show {
                eprintln!("{signal:?}");
            }
        };
        match engine.start(job, &signals)? {
            Ended::Done(report) => Ok(report),
            _ => panic!("posting was paused or canceled"),
        }
    }

    fn live(&self) -> Post {
        Post {
            live: Some(true),
            wait: true,
            ..Post::default()
        }
    }

    /// Posts everything, and returns state and code of the first reply.
    fn first(&self, job: &Post) -> (String, String) {
        self.post(&self.engine(), job).unwrap();
        self.state(self.replies[0].0)
    }

    fn state(&self, reply: i64) -> (String, String) {
        self.state_in(&self.place.project(), reply)
    }

    fn state_in(&self, project: &Path, reply: i64) -> (String, String) {
        let outbox = self.open(project).posting().outbox(None).unwrap();
        let of = outbox.into_iter().find(|of| of.reply == reply).unwrap();
        (of.state.to_string(), of.code)
    }

    fn posted(&self) -> usize {
        self.fake.world().calls(On::Comment).len()
    }

    /// Waits half a minute, after which a silent process counts as gone.
    fn bury(&self) {
        for file in std::fs::read_dir(self.place.folder()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|end| end == "repartee") {
                let db = rusqlite::Connection::open(path).unwrap();
                db.busy_timeout(Duration::from_secs(10)).unwrap();
                db.execute("UPDATE lease SET beat_ms = 0", []).unwrap();
            }
        }
    }
}

/// Different enough not to count as similar.
const TEXTS: [&str; 6] = [
    "My neighbor tried that with # in May, and the garden never looked better.",
    "Honestly, take # walks round the lake first; then you will know what to ask.",
    "Libraries keep # old manuals on the second floor where nobody looks any more.",
    "Cold water, patience, # towels: it worked on our kitchen table last winter.",
    "Nobody told me either, until a friend drew # diagrams on the back of a menu.",
    "Start small; # bolts and one evening were enough for the shelf in my office.",
];

fn permission() -> NewPostingPermission {
    NewPostingPermission {
        subreddit: SUBREDDIT.to_owned(),
        link: "https://example.org/permission".to_owned(),
        ..NewPostingPermission::default()
    }
}

/// A generation for candidates to belong to. Posting needs no model, so there is none.
fn generation(project: &Path) -> i64 {
    let db = rusqlite::Connection::open(project).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    db.execute_batch(
        "PRAGMA foreign_keys = OFF;
         INSERT INTO generation (id, generator, config, created_ms) VALUES (1, 1, '{\"generator\":\"writer\"}', 0)
           ON CONFLICT DO NOTHING;",
    )
    .unwrap();
    1
}

/// Changes the project behind the engine's back.
fn sql(bench: &Bench, sql: &str) {
    let db = rusqlite::Connection::open(bench.place.project()).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    db.execute_batch(sql).unwrap();
}

fn now() -> Post {
    Post {
        live: Some(true),
        ..Post::default()
    }
}

fn rules(bench: &Bench, change: impl FnOnce(&mut PostingRules)) {
    let engine = bench.engine();
    let mut rules = engine.posting().posting_rules().unwrap();
    change(&mut rules);
    engine
        .posting()
        .posting_rules_set(&rules, RAISE, PERSON)
        .unwrap();
}

/// Sends a reply again, as it is shown.
fn again(engine: &Engine, id: i64) -> Settle {
    Settle::Again {
        seen: seen(engine, id),
    }
}

/// Edits a posted reply, as previewed.
fn rewrite(engine: &Engine, id: i64, text: &str) -> Result<OutboxStory, Error> {
    let shown = engine.posting().rewrite_preview(id, text)?;
    engine
        .posting()
        .reply_rewrite(id, text, &shown.seen, PERSON)
}

/// Fails on every call except the first, which is before the reply is sent.
fn blind(on: On) -> Rule {
    Rule {
        skip: 1,
        ..Rule::always(on, Fault::StatusBefore { status: 503 })
    }
}

/// Posts at once, and expects the first reply in this state, for this reason, with nothing sent.
fn refused(bench: &Bench, state: &str, code: &str) {
    assert_eq!(bench.first(&now()), (state.to_owned(), code.to_owned()));
    assert_eq!(bench.posted(), 0, "{code}");
}

/// Both comments are by one author, on Reddit and in the project, and approved so.
fn one_author(bench: &Bench) {
    for (id, parent) in &bench.replies {
        bench.fake.world().comment(parent).unwrap().author = "asker0".to_owned();
        sql(bench, "UPDATE thread_comment SET author = 'asker0'");
        approve_as_shown(&bench.engine(), *id, PERSON).unwrap();
    }
}

/// A reply that arrived without an answer, so that its delivery is unconfirmed.
fn lost(bench: &Bench) {
    let mut world = bench.fake.world();
    world.fail(Rule::once(On::Comment, Fault::DropAfter));
    world.fail(blind(On::UserComments));
    world.fail(blind(On::Comments));
    drop(world);
    assert_eq!(bench.first(&now()).0, "uncertain");
    bench.fake.world().heal();
}
