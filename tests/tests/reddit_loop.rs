//! From threads of a Reddit sandbox to drafts, outcomes and purging: fetching, saved threads without network, deletion
//! down to the bytes of the file, scores that arrive later; the sandbox job, and due maintenance.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use repartee_engine::data::import::Import;
use repartee_engine::data::pairs::BuildPairs;
use repartee_engine::environment::Environment;
use repartee_engine::generation::draft::DraftReplies;
use repartee_engine::generation::generate::{Generate, Generated};
use repartee_engine::job::new_id;
use repartee_engine::posting::{
    Fetch, Fetched, LogIn, Maintenance, NewAccount, NewPostingPermission, Post, ReadOutcomes,
    Sandbox, Sync, Synced,
};
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{
    Code, Ended, Engine, Error, Format, Origin, Permission, SamplingParams, Signal,
};
use repartee_fake_reddit::{
    ACCOUNT, CLIENT_ID, CLIENT_SECRET, Fake, Fault, On, Options, PASSWORD, Rule,
};
use repartee_reddit::{App, Grant, Login, SkipClock};
use repartee_store::Store;
use repartee_store::outcomes::Outcome;
use repartee_tests::sample::{done, project};
use repartee_tests::study::permitted;
use repartee_tests::{Place, Ran, approve_as_shown, seen};

#[path = "reddit_loop/fetching.rs"]
mod fetching;
#[path = "reddit_loop/outcomes.rs"]
mod outcomes;
#[path = "reddit_loop/purging.rs"]
mod purging;
#[path = "reddit_loop/sandbox.rs"]
mod sandbox;

const PERSON: &str = "a person";

fn login(_: &str) -> Option<Login> {
    Some(Login {
        app: App {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
        },
        grant: Grant::Password {
            username: ACCOUNT.to_owned(),
            password: PASSWORD.into(),
        },
    })
}

fn account(fake: &Fake) -> NewAccount {
    NewAccount {
        name: ACCOUNT.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        operator: "the_operator".to_owned(),
        host: fake.base().to_owned(),
        approval: "https://example.org/approved".to_owned(),
        ..NewAccount::default()
    }
}

/// Connects a project with a sandbox.
fn connect(engine: &mut Engine, fake: &Fake) -> Arc<SkipClock> {
    let clock = Arc::new(SkipClock::new());
    engine.environment = Environment {
        clock: clock.clone(),
        login: Some(Arc::new(login)),
        ..engine.environment.clone()
    };
    engine
        .posting()
        .account_put(&account(fake), PERSON)
        .unwrap();
    engine
        .posting()
        .account_label(ACCOUNT, true, PERSON)
        .unwrap();
    clock
}

fn fake(posts: usize) -> Fake {
    Fake::start(Options {
        posts,
        ..Options::default()
    })
    .unwrap()
}

/// All that lies in the project's files.
fn bytes(place: &Place) -> Vec<u8> {
    let mut all = Vec::new();
    for name in ["test.repartee", "test.repartee-wal", "test.repartee-shm"] {
        all.extend(std::fs::read(place.path(name)).unwrap_or_default());
    }
    all
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

fn fetch(engine: &Engine, job: Fetch) -> Fetched {
    done(engine, &job)
}

/// Drafts to all open comments, without a model.
fn drafts(place: &Place) -> Vec<i64> {
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch(
        "PRAGMA foreign_keys = OFF;
         INSERT INTO generation (id, generator, config, created_ms) VALUES (1, 1, '{\"generator\":\"writer\"}', 0);
         INSERT INTO candidate (generation_id, comment_id, n, text, finish)
           SELECT 1, id, 0, 'a text of number ' || id, 'end' FROM thread_comment WHERE skip = '' ORDER BY id;",
    )
    .unwrap();
    let mut query = db.prepare("SELECT id FROM candidate ORDER BY id").unwrap();
    let ids: Vec<i64> = query
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    Store::open(&place.project())
        .unwrap()
        .queue_add(&ids, "repartee", 0)
        .unwrap()
}
