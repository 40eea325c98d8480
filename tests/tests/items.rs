//! Sources, splits, bases, runs, fakes, evaluations and generations are renamed, noted, tagged and deleted by one
//! mechanism: names follow, dependents are named before deletion, nothing of a deleted item is left, and what was sent
//! stays.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use repartee_engine::data::import::Import;
use repartee_engine::data::pairs::BuildPairs;
use repartee_engine::data::splits::{AuditSplit, MakeSplit};
use repartee_engine::evaluation::evaluate::Evaluate;
use repartee_engine::generation::fakes::MakeFakes;
use repartee_engine::generation::generate::{Generate, Incoming};
use repartee_engine::items::{
    Delete, DeleteItem, Dependents, ItemInfo, ItemKind, ItemRef, LabelItem, RenameItem,
};
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Code, Ended, Engine, Error, Format, SamplingParams, Signal};
use repartee_store::Store;
use repartee_store::jobs::JobState;
use repartee_tests::sample::{done, project};
use repartee_tests::{Place, Saved};

#[path = "items/deletion.rs"]
mod deletion;
#[path = "items/dependents.rs"]
mod dependents;
#[path = "items/names.rs"]
mod names;
#[path = "items/unreadable.rs"]
mod unreadable;

const KINDS: [(ItemKind, &str); 7] = [
    (ItemKind::Source, "sample.ndjson"),
    (ItemKind::Split, "main"),
    (ItemKind::Base, "small-gpt2"),
    (ItemKind::Run, "writer"),
    (ItemKind::Fakes, "fakes"),
    (ItemKind::Evaluation, "1"),
    (ItemKind::Generation, "1"),
];

fn sampling() -> SamplingParams {
    SamplingParams {
        max_new_tokens: 8,
        ..SamplingParams::default()
    }
}

fn settings(kind: ModelKind, name: &str) -> RunConfig {
    RunConfig {
        name: name.to_owned(),
        // explicit, so that the names have to follow
        base: match kind {
            ModelKind::Generator => "small-gpt2".to_owned(),
            _ => "small-bert".to_owned(),
        },
        split: "main".to_owned(),
        fakes: match kind {
            ModelKind::Realism => "fakes".to_owned(),
            _ => String::new(),
        },
        steps: 2,
        batch_size: 4,
        max_tokens: 48,
        samples: 1,
        validate_limit: 4,
        patience: 0,
        ..RunConfig::of(kind)
    }
}

fn make_fakes(name: &str) -> MakeFakes {
    MakeFakes {
        name: name.to_owned(),
        generator: "writer".to_owned(),
        comments: [12, 4, 4],
        batch: 4,
        sampling: sampling(),
        ..MakeFakes::default()
    }
}

fn generate() -> Generate {
    Generate {
        comments: vec![Incoming {
            comment: "a pasted comment that stands nowhere else".to_owned(),
            ..Incoming::default()
        }],
        unseen: 2,
        generator: "writer".to_owned(),
        realism: Some("judge".to_owned()),
        upvotes: Some("votes".to_owned()),
        candidates: 3,
        sampling: sampling(),
        queue: false,
        ..Generate::default()
    }
}

/// A project with one of everything: three small models, fakes, evaluations 1 to 3, and generation 1 with two replies,
/// of which the first was posted. It is made once, and copied.
fn full() -> (Place, Engine) {
    static MADE: OnceLock<Saved> = OnceLock::new();
    let saved = MADE.get_or_init(|| {
        let (place, engine) = project(60);
        done(
            &engine,
            &Train::new(&settings(ModelKind::Generator, "writer")).unwrap(),
        );
        done(&engine, &make_fakes("fakes"));
        done(
            &engine,
            &Train::new(&settings(ModelKind::Realism, "judge")).unwrap(),
        );
        done(
            &engine,
            &Train::new(&settings(ModelKind::Upvotes, "votes")).unwrap(),
        );
        for run in ["writer", "judge", "votes"] {
            let evaluate = Evaluate {
                run: run.to_owned(),
                limit: 12,
                ..Evaluate::default()
            };
            done(&engine, &evaluate);
        }
        done(
            &engine,
            &AuditSplit {
                name: "main".into(),
            },
        );
        let generated = done(&engine, &generate());
        // an untrained generator may generate nothing at all: what is queued has words
        let texts = generated
            .comments
            .iter()
            .flat_map(|answered| &answered.candidates);
        let with_words: Vec<i64> = texts
            .filter(|candidate| !candidate.text.trim().is_empty())
            .map(|candidate| candidate.id)
            .collect();
        assert!(with_words.len() >= 2, "{generated:?}");
        let first = engine.candidate_queue(with_words[0], "ada").unwrap();
        engine.candidate_queue(with_words[1], "ada").unwrap();
        approve(&engine, first.id);
        let link = "https://www.reddit.com/r/quiet/comments/1/x/2/";
        let shown = repartee_tests::seen(&engine, first.id);
        engine
            .reply_posted_by_hand(first.id, link, &shown, "ada")
            .unwrap();
        drop(engine);
        place.save()
    });
    let place = saved.copy();
    let engine = place.engine();
    (place, engine)
}

fn approve(engine: &Engine, reply: i64) {
    repartee_tests::approve_as_shown(engine, reply, "ada").unwrap();
}

fn of(kind: ItemKind, item: &str) -> ItemRef {
    ItemRef {
        kind,
        item: item.to_owned(),
    }
}

fn mark(engine: &Engine, kind: ItemKind, item: &str, seen: Option<&str>) -> Result<u64, Error> {
    engine.item_delete(&DeleteItem {
        kind,
        item: item.to_owned(),
        with_dependents: true,
        seen: seen.map(str::to_owned),
        who: "ada".to_owned(),
    })
}

fn delete(engine: &Engine, kind: ItemKind, item: &str) -> Dependents {
    let found = engine.dependents(&of(kind, item)).unwrap();
    assert_eq!(
        mark(engine, kind, item, Some(&found.seen)).unwrap(),
        found.items.len() as u64
    );
    done(engine, &Delete::default());
    found
}

/// Rows of a table.
fn rows(path: &Path, table: &str) -> i64 {
    let db = rusqlite::Connection::open(path).unwrap();
    let sql = format!("SELECT count(*) FROM {table}");
    db.query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn whole(place: &Place) {
    let check = Store::open(&place.project()).unwrap().check(|_, _| true);
    let check = check.unwrap();
    assert!(check.is_whole(), "{check:?}");
    assert_eq!(
        rows(
            &place.project(),
            "blob WHERE hash NOT IN (SELECT hash FROM bundle_part)"
        ),
        0,
        "weights that nothing needs"
    );
    assert_eq!(rows(&place.project(), "deleting"), 0);
    assert_eq!(rows(&place.project(), "deleting_blob"), 0);
}

/// Stores a job as if a process were running it, or as paused.
fn job(engine: &Engine, id: &str, kind: &str, params: &serde_json::Value, state: JobState) {
    let store = Store::open(engine.path()).unwrap();
    let now = repartee_store::now_ms();
    let owner = format!("{}:test", std::process::id());
    assert!(
        store
            .job_insert(id, kind, &params.to_string(), Some(&owner), now)
            .unwrap()
    );
    if state != JobState::Running {
        store.job_end(id, &owner, state, None, None, now).unwrap();
    }
}
