//! Set-up that the tests of this crate share, and the tests of the store by topic.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_datasets::{Comment, Origin, Partition, Permission, Post, Recipe, Record, Rejected};

use crate::audit::Entry;
use crate::bases::{BaseKind, NewBase};
use crate::blobs::{CHUNK, Part};
use crate::deletion::JobUse;
use crate::evaluations::{NewEvaluation, Prediction, Subject};
use crate::fakes::{FinishReason, NewFake, NewFakeSet};
use crate::items::ItemKind;
use crate::jobs::{JobRow, JobState, Want};
use crate::outbox::{Approval, Became, Ended, Probe};
use crate::pairs::{PairFigure, PairOrder, PairQuery};
use crate::quality::{Precision, Quality};
use crate::queue::{Outbox, ReplyState};
use crate::records::Upserted;
use crate::runs::{Metric, ModelKind, NewCheckpoint, NewRun, Role, RunSample};
use crate::sources::NewSource;
use crate::splits::NewSplit;
use crate::sweeps::{NewSweep, NewTrial, TrialOutcome, TrialResult};
use crate::threads::{NewCandidate, NewGeneration, NewThread, NewThreadComment, Pick, Scores};
use crate::watch::Family;
use crate::{Error, Result, Store};

mod blobs;
mod jobs;
mod outbox;
mod pairs;
mod project;
mod purge;
mod queue;
mod runs;

/// A new project in a folder of its own, which exists as long as the guard.
pub(crate) fn project() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(&dir.path().join("p.repartee")).unwrap();
    (dir, store)
}

pub(crate) fn comment(id: i64, parent: Option<i64>, author: &str, body: &str) -> Record {
    Record::Comment(Comment {
        id,
        link_id: 1,
        parent_id: parent,
        subreddit: "test".into(),
        author: Some(author.into()),
        body: body.into(),
        score: Some(id % 7),
        created_utc: Some(1_700_000_000 + id % 1_000_000),
        retrieved_utc: Some(100),
    })
}

pub(crate) fn source(store: &Store) -> i64 {
    let new = NewSource {
        name: "s".into(),
        options: "{}".into(),
        ..NewSource::default()
    };
    store.source_insert(&new, 1).unwrap()
}

/// Replies 101..=100+n, each to comment 100, 4 of them per thread.
pub(crate) fn filled(n: i64) -> (tempfile::TempDir, Store) {
    let (dir, store) = project();
    let source = source(&store);
    let mut records = Vec::new();
    for i in 0..n {
        let Record::Comment(mut one) = comment(1000 + 2 * i, None, "ann", &format!("question {i}"))
        else {
            unreachable!()
        };
        one.link_id = 1 + i / 4;
        let mut other = one.clone();
        other.id += 1;
        other.parent_id = Some(one.id);
        other.author = Some("bob".into());
        other.body = format!("answer {i}");
        other.score = (i % 5 != 0).then_some(i);
        records.extend([Record::Comment(one), Record::Comment(other)]);
    }
    store.records_upsert(source, &records).unwrap();
    store.pairs_build(&Recipe::default(), |_| true).unwrap();
    (dir, store)
}

fn tensor<'a>(name: &'a str, shape: &'a [usize], bytes: &'a [u8]) -> Part<'a> {
    Part {
        name,
        dtype: Some("f32"),
        shape: Some(shape),
        bytes,
    }
}

/// A project with a split, a base and a run of each kind.
pub(crate) fn with_runs() -> (tempfile::TempDir, Store, i64, [i64; 3]) {
    let (dir, store) = filled(40);
    let pairs = store.pairs(&PairQuery::default(), None, 1000).unwrap();
    let members: Vec<_> = pairs
        .iter()
        .map(|p| (p.id, Partition::from_number(p.thread_id % 3).unwrap()))
        .collect();
    let new = NewSplit {
        name: "s".into(),
        seed: 1,
        config: "{}".into(),
    };
    let split = store.split_insert(&new, &members, 1).unwrap();
    let part = store.put(&tensor("wte.weight", &[2, 2], &[1; 16])).unwrap();
    let base = NewBase {
        name: "b".into(),
        kind: BaseKind::Gpt2,
        origin: "from scratch".into(),
        config: "{}".into(),
    };
    let base = store.base_insert(&base, &[part], 1).unwrap();
    let kinds = [ModelKind::Generator, ModelKind::Realism, ModelKind::Upvotes];
    let runs = kinds.map(|kind| {
        let run = NewRun {
            name: kind.as_str().into(),
            kind,
            base_id: base,
            split_id: split,
            fake_set_id: None,
            config: String::new(),
            job_id: None,
            facts: "{}".into(),
        };
        store.run_insert(&run, 2).unwrap()
    });
    (dir, store, split, runs)
}

/// Deletes an item without dependents, with its rows.
fn delete(store: &Store, kind: ItemKind, word: &str) -> Result<()> {
    store.item_delete(kind, word, false, None, &|_, _, _| JobUse::None, "me", 9)?;
    assert!(store.sweep(&mut |_| true)?.done);
    Ok(())
}

pub(crate) fn save(store: &Store, run_id: i64, role: Role, step: u64, fill: u8) -> i64 {
    let weights = vec![fill; CHUNK + 5];
    let w = store
        .put(&tensor("wte.weight", &[1, CHUNK + 5], &weights))
        .unwrap();
    let m = store
        .put(&tensor("m.wte.weight", &[9], &[fill; 9]))
        .unwrap();
    let new = NewCheckpoint {
        run_id,
        role,
        step,
        weights: &[w],
        optimizer: Some(&[m]),
        state: "{}",
    };
    store.checkpoint_save(&new, 3).unwrap()
}

fn blobs_of(store: &Store) -> i64 {
    store
        .read(|db| Ok(db.query_row("SELECT count(*) FROM blob", [], |r| r.get(0))?))
        .unwrap()
}

/// A project with a live thread: a post, a comment, an answer to it, and a candidate for each.
fn live() -> (tempfile::TempDir, Store, Vec<i64>) {
    let (dir, store, _, runs) = with_runs();
    let generator = save(&store, runs[0], Role::Best, 1, 1);
    let comment = |name: &str, parent: Option<usize>, body: &str| NewThreadComment {
        parent,
        name: Some(name.into()),
        author: Some(format!("writer-of-{name}")),
        body: body.into(),
        parent_name: Some("t3_p".into()),
        ..NewThreadComment::default()
    };
    let thread = NewThread {
        origin: "reddit".into(),
        subreddit: "Quiet".into(),
        title: "a title that nobody else has".into(),
        body: "the text below the title".into(),
        author: Some("writer-of-the-post".into()),
        name: Some("t3_p".into()),
        comments: vec![
            comment("t1_a", None, "the first comment of them all"),
            comment("t1_b", Some(0), "an answer to the first of them"),
        ],
        expires_ms: Some(1_000),
        ..NewThread::default()
    };
    let (_, comments) = store.thread_insert(&thread, 1).unwrap();
    // updated, not duplicated
    assert_eq!(store.thread_insert(&thread, 2).unwrap().1, comments);
    let new = NewGeneration {
        generator,
        realism: None,
        upvotes: None,
        config: "{}".into(),
    };
    let generation = store.generation_insert(&new, 2).unwrap();
    let new: Vec<_> = [(0, 0), (0, 1), (1, 0)]
        .into_iter()
        .map(|(at, n)| NewCandidate {
            comment_id: comments[at],
            n,
            text: format!("candidate number {n} for comment {at}"),
            finish_reason: FinishReason::End,
            scores: Scores::default(),
        })
        .collect();
    let ids = store.candidates_add(generation, &new).unwrap();
    let replies = store.queue_add(&ids, "me", 3).unwrap();
    (dir, store, replies)
}

/// Approves what a test shows.
fn approve(store: &Store, id: i64, approval: &Approval, at_ms: i64) -> Result<()> {
    let make = |_: &_| Ok::<_, std::convert::Infallible>(Some(approval.clone()));
    store
        .reply_approve(id, "ada", at_ms, make)
        .map(|done| done.unwrap())
}

fn approval(store: &Store, id: i64) -> Approval {
    let reply = store.reply(id).unwrap();
    let full_text = format!("{}\n\nfooter", reply.text);
    Approval {
        account: "Bot".into(),
        subreddit: reply.subreddit,
        post_name: reply.post_name,
        parent_name: reply.parent_name,
        seen: "seen".into(),
        seal: "machine:seal".into(),
        hash: blake3::hash(full_text.as_bytes()).to_hex().to_string(),
        full_text,
        parent_hash: String::new(),
    }
}
