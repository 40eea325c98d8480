//! What is approved is what was shown, it stays so until it is sent, and a decision counts on the machine on which it
//! was made.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use repartee_engine::environment::Environment;
use repartee_engine::job::{new_id, now_ms};
use repartee_engine::posting::RecordKind;
use repartee_engine::posting::{
    NewAccount, NewPostingPermission, Post, PostReport, PostingRules, RAISE, Settle,
};
use repartee_engine::{Code, Ended, Engine, Error};
use repartee_fake_reddit::{
    ACCOUNT, CLIENT_ID, CLIENT_SECRET, Fake, Fault, On, Options, PASSWORD, Rule,
};
use repartee_reddit::{App, Clock, Grant, Login, SkipClock};
use repartee_store::Store;
use repartee_store::threads::{NewCandidate, NewThread, NewThreadComment, Scores};
use repartee_tests::{Place, approve_as_shown, seen};

#[path = "approval/decisions.rs"]
mod decisions;
#[path = "approval/gates.rs"]
mod gates;
#[path = "approval/machine.rs"]
mod machine;
#[path = "approval/shown.rs"]
mod shown;
#[path = "approval/waiting.rs"]
mod waiting;

const SUBREDDIT: &str = "Quiet";
const PERSON: &str = "a person";

/// A project with a sandbox account, a permission, and drafts.
struct Bench {
    place: Place,
    fake: Fake,
    /// Names of what the drafts answer.
    parents: Vec<String>,
}

impl Bench {
    fn new(drafts: usize) -> Self {
        let place = Place::with_project();
        let fake = Fake::start(Options {
            posts: 0,
            ..Options::default()
        })
        .unwrap();
        let mut bench = Self {
            place,
            fake,
            parents: Vec::new(),
        };
        let engine = bench.engine();
        engine
            .posting()
            .account_put(&bench.account(ACCOUNT), PERSON)
            .unwrap();
        engine
            .posting()
            .account_label(ACCOUNT, true, PERSON)
            .unwrap();
        engine
            .posting()
            .permit_subreddit(&permission(), PERSON)
            .unwrap();
        bench.rules(|rules| {
            rules.account = ACCOUNT.to_owned();
            rules.per_day = 1000;
            rules.per_subreddit = 1000;
        });
        for n in 0..drafts {
            let parent = bench.add(n);
            bench.parents.push(parent);
        }
        bench
    }

    fn account(&self, name: &str) -> NewAccount {
        NewAccount {
            name: name.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            operator: "the_operator".to_owned(),
            host: self.fake.base().to_owned(),
            approval: "https://example.org/approved".to_owned(),
            ..NewAccount::default()
        }
    }

    /// A post with one comment, in the sandbox and in the project, and a draft that answers it.
    fn add(&self, n: usize) -> String {
        let comment = format!("What do you all think about number {n}?");
        let (post, name) = {
            let mut world = self.fake.world();
            let post = world.add_post(SUBREDDIT, "host", &format!("Question {n}"), "A text.");
            let name = world.add_comment(&post, &format!("asker{n}"), &comment);
            (post, name.unwrap())
        };
        let store = Store::open(&self.place.project()).unwrap();
        let (_, comments) = store
            .thread_insert(&thread(n, &post, &name, &comment), 0)
            .unwrap();
        let texts = [
            "My neighbor tried that in May, and the garden never looked better.",
            "Take a walk round the lake first; then you will know what to ask.",
            "Cold water and patience: it worked on our kitchen table last winter.",
        ];
        let candidate = NewCandidate {
            comment_id: comments[0],
            n: 0,
            text: texts[n % texts.len()].to_owned(),
            finish_reason: repartee_store::fakes::FinishReason::End,
            scores: Scores::default(),
        };
        let candidates = store
            .candidates_add(generation(&self.place.project()), &[candidate])
            .unwrap();
        store.queue_add(&candidates, "repartee", 0).unwrap();
        name
    }

    fn engine(&self) -> Engine {
        self.elsewhere("state")
    }

    /// The project as seen from a machine with another state folder.
    fn elsewhere(&self, state: &str) -> Engine {
        let mut engine = self.place.engine();
        engine.environment = Environment {
            clock: Arc::new(SkipClock::new()),
            login: Some(Arc::new(|_| Some(login()))),
            state: Some(self.place.path(state)),
            ..engine.environment.clone()
        };
        engine
    }

    fn rules(&self, change: impl FnOnce(&mut PostingRules)) {
        let engine = self.engine();
        let mut rules = engine.posting().posting_rules().unwrap();
        change(&mut rules);
        engine
            .posting()
            .posting_rules_set(&rules, RAISE, PERSON)
            .unwrap();
    }

    fn sql(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.place.project()).unwrap();
        db.busy_timeout(Duration::from_secs(10)).unwrap();
        db.execute_batch(sql).unwrap();
    }

    fn state(&self, engine: &Engine) -> (String, String) {
        let story = engine.posting().outbox_story(1).unwrap().outbox;
        (story.state.to_string(), story.code)
    }

    fn posted(&self) -> usize {
        self.fake.world().calls(On::Comment).len()
    }

    fn body(&self, n: usize) -> String {
        let mut world = self.fake.world();
        let name = world.made(ACCOUNT, &self.parents[n])[0].clone();
        world.comment(&name).unwrap().body.clone()
    }
}

fn thread(n: usize, post: &str, name: &str, comment: &str) -> NewThread {
    NewThread {
        origin: "reddit".to_owned(),
        subreddit: SUBREDDIT.to_owned(),
        title: format!("Question {n}"),
        name: Some(post.to_owned()),
        author: Some("host".to_owned()),
        permalink: format!("/r/{SUBREDDIT}/comments/{}/_/", &post[3..]),
        comments: vec![NewThreadComment {
            name: Some(name.to_owned()),
            author: Some(format!("asker{n}")),
            body: comment.to_owned(),
            parent_name: Some(post.to_owned()),
            ..NewThreadComment::default()
        }],
        ..NewThread::default()
    }
}

fn permission() -> NewPostingPermission {
    NewPostingPermission {
        subreddit: SUBREDDIT.to_owned(),
        link: "https://example.org/permission".to_owned(),
        ..NewPostingPermission::default()
    }
}

fn login() -> Login {
    Login {
        app: App {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
        },
        grant: Grant::Password {
            username: ACCOUNT.to_owned(),
            password: PASSWORD.into(),
        },
    }
}

/// A generation for candidates to belong to; no model is needed here.
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

fn now() -> Post {
    Post {
        live: Some(true),
        ..Post::default()
    }
}

fn post(engine: &Engine, job: &Post) -> Result<PostReport, Error> {
    match engine.start(job, &|_| {})? {
        Ended::Done(report) => Ok(report),
        _ => panic!("posting was paused or canceled"),
    }
}
