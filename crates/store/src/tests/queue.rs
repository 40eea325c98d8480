//! From a thread to candidates, drafts and approvals.

use super::*;

fn pasted(parent: Option<usize>, body: &str) -> NewThreadComment {
    NewThreadComment {
        parent,
        body: body.into(),
        ..NewThreadComment::default()
    }
}

/// A project with a pasted thread: a comment, and an answer to it with two candidates, of which the second has scores
/// and is picked.
struct Generated {
    _dir: tempfile::TempDir,
    store: Store,
    thread: i64,
    comments: Vec<i64>,
    generation: i64,
    candidates: Vec<i64>,
}

const SCORED: Scores = Scores {
    p_real: Some(0.95),
    bins: Some([0.1, 0.2, 0.3, 0.4]),
};

impl Generated {
    fn new() -> Self {
        let (dir, store, _, runs) = with_runs();
        let generator = save(&store, runs[0], Role::Best, 1, 1);
        let new = NewThread {
            origin: "pasted".into(),
            title: "title".into(),
            comments: vec![pasted(None, "top"), pasted(Some(0), "below")],
            ..NewThread::default()
        };
        let (thread, comments) = store.thread_insert(&new, 1).unwrap();
        let new = NewGeneration {
            generator,
            realism: None,
            upvotes: None,
            config: "{}".into(),
        };
        let generation = store.generation_insert(&new, 2).unwrap();
        let mut generated = Self {
            _dir: dir,
            store,
            thread,
            comments,
            generation,
            candidates: Vec::new(),
        };
        generated.candidates = generated.add(&[(0, Scores::default()), (1, Scores::default())]);
        generated.add(&[(1, SCORED)]);
        let pick = Pick {
            candidate_id: generated.candidates[1],
            picked: true,
            reason: "best of its thread".into(),
            flags: Some("[]".into()),
        };
        generated.store.candidates_decide(&[pick]).unwrap();
        generated
    }

    /// Adds candidates by number.
    fn add(&self, of: &[(u32, Scores)]) -> Vec<i64> {
        let new = of.iter().map(|(n, scores)| NewCandidate {
            comment_id: self.comments[1],
            n: *n,
            text: format!("reply {n}"),
            finish_reason: FinishReason::End,
            scores: *scores,
        });
        let new: Vec<_> = new.collect();
        self.store.candidates_add(self.generation, &new).unwrap()
    }

    /// Queues the picked candidate.
    fn queue(&self) -> i64 {
        self.store
            .queue_add(&self.candidates[1..], "me", 3)
            .unwrap()[0]
    }

    fn approve(&self, id: i64, at_ms: i64) -> Result<()> {
        let done = self.store.reply_approve(id, "me", at_ms, |reply| {
            Ok::<_, std::convert::Infallible>(Some(Approval {
                full_text: reply.text.clone(),
                hash: blake3::hash(reply.text.as_bytes()).to_hex().to_string(),
                seen: format!("what was seen at {at_ms}"),
                seal: "machine:seal".into(),
                ..Approval::default()
            }))
        });
        done.map(|done| done.unwrap())
    }
}

#[test]
fn thread_is_stored_with_its_comments_or_not_at_all() {
    let of = Generated::new();
    let bad = NewThread {
        comments: vec![pasted(Some(3), "x")],
        ..NewThread::default()
    };
    assert!(of.store.thread_insert(&bad, 1).is_err());
    assert_eq!(of.store.threads().unwrap().len(), 1);
    let stored = of.store.thread_comments(of.thread).unwrap();
    assert_eq!(stored[1].parent_id, Some(of.comments[0]));
}

#[test]
fn candidate_is_updated_by_its_number_and_picked() {
    let of = Generated::new();
    assert_eq!(of.add(&[(1, SCORED)]), of.candidates[1..]);
    let all = of.store.candidates(of.generation).unwrap();
    assert_eq!((all[0].picked, all[1].picked), (false, true));
    assert_eq!(all[1].scores, SCORED);
    assert!((SCORED.expected_bin().unwrap() - 2.0).abs() < 1e-12);
    assert_eq!(of.store.generations().unwrap()[0].candidates, 2);
}

#[test]
fn same_reply_to_the_same_comment_is_found_in_the_queue() {
    let of = Generated::new();
    let (store, reply) = (&of.store, of.queue());
    let named = |body: &str| NewThreadComment {
        name: Some("t1_abc".into()),
        ..pasted(None, body)
    };
    let ask = |title: &str, comment: NewThreadComment, text: &str| {
        let thread = NewThread {
            origin: "pasted".into(),
            title: title.into(),
            comments: vec![comment],
            ..NewThread::default()
        };
        let (_, comments) = store.thread_insert(&thread, 4).unwrap();
        let new = NewCandidate {
            comment_id: comments[0],
            n: 0,
            text: text.into(),
            finish_reason: FinishReason::End,
            scores: SCORED,
        };
        store.candidates_add(of.generation, &[new]).unwrap()[0]
    };
    let same = ask("title", pasted(None, "below"), "reply 1");
    let others = [
        ask("title", pasted(None, "below"), "reply 2"),
        ask("title", pasted(None, "top"), "reply 1"),
        ask("another", pasted(None, "below"), "reply 1"),
        ask("title", named("below"), "reply 1"),
    ];
    let all = [&[same][..], &others[..]].concat();
    assert_eq!(store.queued_like(&all).unwrap(), [(same, reply)]);
    assert!(store.queued_like(&of.candidates).unwrap().is_empty());
    // it is compared with what was generated, also after an edit
    store.reply_edit(reply, "edited", "me", 5).unwrap();
    assert_eq!(store.queued_like(&[same]).unwrap(), [(same, reply)]);
}

#[test]
fn queue_takes_all_candidates_or_none_and_each_once() {
    let of = Generated::new();
    let (store, ids) = (&of.store, &of.candidates);
    let queued = of.queue();
    assert_eq!(store.queue_add(&ids[1..], "me", 4).unwrap(), [queued]);
    assert!(matches!(
        store.queue_add(&[ids[0], 999], "me", 4),
        Err(Error::Missing { .. })
    ));
    store
        .write(Family::Queue, |db| {
            db.execute("UPDATE candidate SET text = ' ' WHERE id = ?1", [ids[0]])?;
            Ok(())
        })
        .unwrap();
    assert!(matches!(
        store.queue_add(ids, "me", 4),
        Err(Error::Refused { .. })
    ));
    assert_eq!(store.replies(None).unwrap().len(), 1, "all or nothing");
    let reply = store.reply(queued).unwrap();
    assert_eq!(
        (reply.comment.as_str(), reply.reason.as_str()),
        ("below", "best of its thread")
    );
}

#[test]
fn approval_is_stored_whole_and_a_refused_one_changes_nothing() {
    let of = Generated::new();
    let (store, id) = (&of.store, of.queue());
    of.approve(id, 5).unwrap();
    let approved = store.reply(id).unwrap().outbox;
    assert_eq!(
        (approved.full_text.as_str(), approved.seen.as_str()),
        ("reply 1", "what was seen at 5")
    );
    // a refusal within the transaction
    let why = store.reply_approve(id, "eve", 6, |_| Err("another text"));
    assert_eq!(why.unwrap(), Err("another text"));
    assert_eq!(store.reply(id).unwrap().outbox, approved);
    assert_eq!(store.replies(Some(ReplyState::Approved)).unwrap().len(), 1);
}

#[test]
fn edits_and_rejections_clear_the_approval_and_are_logged() {
    let of = Generated::new();
    let (store, id) = (&of.store, of.queue());
    of.approve(id, 5).unwrap();
    store.reply_edit(id, "better", "me", 6).unwrap();
    let reply = store.reply(id).unwrap();
    assert_eq!(
        (reply.state, reply.text.as_str(), reply.written.as_str()),
        (ReplyState::Draft, "better", "reply 1")
    );
    assert_eq!(
        reply.outbox,
        Outbox::default(),
        "the approval is gone, all of it"
    );
    of.approve(id, 6).unwrap();
    store
        .reply_move(id, ReplyState::Rejected, "me", "no", 7)
        .unwrap();
    assert_eq!(store.reply(id).unwrap().outbox, Outbox::default());
    let error = of.approve(id, 8).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("reply {id} is rejected; it cannot be approved")
    );
    assert!(store.reply_edit(id, "x", "me", 9).is_err());
    store
        .reply_move(id, ReplyState::Draft, "me", "again", 9)
        .unwrap();
    let events = store.reply_events(id).unwrap();
    let what: Vec<_> = events.iter().map(|e| e.what.as_str()).collect();
    assert_eq!(
        what,
        [
            "drafted", "approved", "edited", "approved", "rejected", "drafted"
        ]
    );
    assert_eq!(events[2].detail, "reply 1");
}

#[test]
fn every_decision_about_a_reply_is_in_the_audit_log() {
    let of = Generated::new();
    let id = of.queue();
    of.approve(id, 4).unwrap();
    let moved = |to, who: &str, why: &str, at_ms| of.store.reply_move(id, to, who, why, at_ms);
    moved(ReplyState::Rejected, "ada", "it says \"below\"", 5).unwrap();
    moved(ReplyState::Draft, "bob", "", 6).unwrap();
    // it is a draft already
    moved(ReplyState::Draft, "bob", "", 7).unwrap();
    let log = of.store.audit(Some(id), 10).unwrap();
    let lines: Vec<(&str, &str)> = log.iter().map(|e| (&*e.who, &*e.what)).collect();
    assert_eq!(
        lines,
        [("bob", "drafted"), ("ada", "rejected"), ("me", "approved")]
    );
    assert!(!log[1].hash.is_empty() && log[1].hash == log[2].hash);
    assert!(
        log.iter().all(|e| e.detail.is_empty()),
        "the log holds no text: {log:?}"
    );
}
