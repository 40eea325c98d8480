//! Sending approved replies, and what holds them back.

use super::*;

/// A live thread with two approved replies to different comments, `first` and `third`; the second reply is to the same
/// comment as the first.
struct Approved {
    _dir: tempfile::TempDir,
    store: Store,
    ids: Vec<i64>,
    first: Approval,
    third: Approval,
}

impl Approved {
    fn new() -> Self {
        let (dir, store, ids) = live();
        let [first, third] = [ids[0], ids[2]].map(|id| approval(&store, id));
        approve(&store, ids[0], &first, 5).unwrap();
        approve(&store, ids[2], &third, 6).unwrap();
        Self {
            _dir: dir,
            store,
            ids,
            first,
            third,
        }
    }

    /// The first is being sent by "me".
    fn sending() -> Self {
        let of = Self::new();
        assert!(of.store.lease_claim("Bot", None, "me", 10).unwrap());
        assert_eq!(of.intend_first("me").unwrap(), 1);
        of
    }

    /// That process ended; "you" took over, and whether the first arrived is uncertain.
    fn uncertain() -> Self {
        let of = Self::sending();
        let store = &of.store;
        assert!(store.lease_claim("Bot", Some("me"), "you", 40_000).unwrap());
        assert!(!store.lease_beat("Bot", "me", 40_001).unwrap());
        assert_eq!(store.sending_is_uncertain("bot", 60).unwrap(), 1);
        of
    }

    /// It was found on Reddit.
    fn posted() -> Self {
        let of = Self::uncertain();
        of.settle(1).unwrap();
        of
    }

    /// The approval of the second reply, by the same account in another spelling.
    fn second(&self) -> Approval {
        Approval {
            account: "bot".into(),
            ..approval(&self.store, self.ids[1])
        }
    }

    fn intend_if(
        &self,
        id: i64,
        approval: &Approval,
        owner: &str,
        may: Result<bool, &'static str>,
    ) -> Result<Result<u32, &'static str>> {
        self.store
            .intend(id, &approval.hash, owner, (7, 50), |_| may)
            .map(|done| done.map(|attempt| attempt.unwrap_or(0)))
    }

    fn intend_first(&self, owner: &str) -> Result<u32> {
        let done = self.intend_if(self.ids[0], &self.first, owner, Ok(true));
        done.map(|done| done.unwrap())
    }

    fn intend_third(&self, owner: &str) -> Result<u32> {
        let done = self.intend_if(self.ids[2], &self.third, owner, Ok(true));
        done.map(|done| done.unwrap())
    }

    /// The first was found, by a check of this attempt.
    fn settle(&self, attempt: u32) -> Result<()> {
        let to = Became {
            posted_name: Some("t1_x".into()),
            link: "/x".into(),
            ..Became::new(ReplyState::Posted, "found", "")
        };
        let (id, from) = (self.ids[0], [ReplyState::Uncertain]);
        self.store
            .reply_becomes(id, &from, Some(attempt), &to, ("repartee", "found"), 70)
    }

    fn withdraw_first(&self) {
        let back = Became::new(ReplyState::Withdrawn, "", "");
        let from = [ReplyState::Posted];
        self.store
            .reply_becomes(self.ids[0], &from, None, &back, ("ada", "withdrawn"), 90)
            .unwrap();
    }
}

/// The end of an attempt that Reddit answered with status 500.
fn failed(reply_id: i64) -> Ended {
    Ended {
        reply_id,
        attempt: 1,
        at_ms: 80,
        status: Some(500),
        class: 5,
        excerpt: "x".into(),
        to: Became::new(ReplyState::Uncertain, "500", ""),
    }
}

#[test]
fn second_reply_of_an_account_to_a_comment_is_not_approved() {
    let of = Approved::new();
    let error = approve(&of.store, of.ids[1], &of.second(), 6).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    let waiting = of.store.outgoing("BOT", &[ReplyState::Approved]).unwrap();
    assert_eq!(
        waiting.iter().map(|r| r.id).collect::<Vec<_>>(),
        [of.ids[0], of.ids[2]]
    );
    // nor after the first was posted, or withdrawn
    let of = Approved::posted();
    assert!(approve(&of.store, of.ids[1], &of.second(), 71).is_err());
    of.withdraw_first();
    assert!(approve(&of.store, of.ids[1], &of.second(), 91).is_err());
    let spent = of.store.spent("bot", 50).unwrap();
    assert_eq!((spent.len(), spent[0].post_name.as_str()), (1, "t3_p"));
    assert_eq!(spent[0].author.as_deref(), Some("writer-of-t1_a"));
}

#[test]
fn intent_needs_the_lease_the_approved_hash_and_a_passed_check() {
    let of = Approved::new();
    let (store, id) = (&of.store, of.ids[0]);
    assert!(of.intend_first("me").is_err(), "no lease");
    assert!(store.lease_claim("Bot", None, "me", 10).unwrap());
    assert!(!store.lease_claim("bot", None, "you", 10).unwrap());
    assert!(of.intend_first("you").is_err(), "another's lease");
    let other = of.intend_if(id, &of.third, "me", Ok(true));
    assert!(other.is_err(), "not what was approved");
    // the last check within the transaction refused, or failed
    let refused = of.intend_if(id, &of.first, "me", Ok(false));
    assert_eq!(refused.unwrap(), Ok(0));
    let failed = of.intend_if(id, &of.first, "me", Err("gone"));
    assert_eq!(failed.unwrap(), Err("gone"));
    assert!(store.attempts(id).unwrap().is_empty());
    assert_eq!(of.intend_first("me").unwrap(), 1);
}

#[test]
fn reply_is_sent_once_and_no_other_while_it_is_in_flight_or_uncertain() {
    let of = Approved::sending();
    assert!(of.intend_first("me").is_err(), "once");
    assert!(of.intend_third("me").is_err(), "one in flight");
    let of = Approved::uncertain();
    assert!(of.intend_third("you").is_err(), "uncertain");
}

#[test]
fn uncertain_reply_is_settled_by_a_check_of_its_attempt() {
    let of = Approved::uncertain();
    let (store, id) = (&of.store, of.ids[0]);
    let probe = Probe {
        at_ms: 65,
        route: "own".into(),
        found: "t1_x".into(),
    };
    store.probe_add(id, 1, &probe).unwrap();
    assert_eq!(store.probes(id, 1).unwrap(), [probe]);
    assert!(of.settle(2).is_err(), "of another try");
    of.settle(1).unwrap();
    // the first process was only slow: its report changes nothing any more
    assert!(!store.attempt_end(&failed(id)).unwrap());
    let reply = store.reply(id).unwrap();
    assert_eq!(
        (reply.state, reply.outbox.posted_name.as_deref()),
        (ReplyState::Posted, Some("t1_x"))
    );
    assert_eq!(
        (reply.outbox.intent_ms, reply.outbox.skew_ms),
        (Some(50), 7)
    );
    let attempts = store.attempts(id).unwrap();
    assert_eq!(
        (attempts.len(), attempts[0].class, attempts[0].ended_ms),
        (1, Some(5), Some(80))
    );
}

#[test]
fn reply_that_is_being_posted_or_was_posted_is_not_returned_to_draft() {
    for (of, state) in [
        (Approved::sending(), ReplyState::Sending),
        (Approved::uncertain(), ReplyState::Uncertain),
        (Approved::posted(), ReplyState::Posted),
    ] {
        let (store, id) = (&of.store, of.ids[0]);
        let before = store.reply(id).unwrap();
        assert_eq!(before.state, state);
        let error = store
            .reply_move(id, ReplyState::Draft, "me", "approval undone", 100_000)
            .unwrap_err();
        assert!(matches!(error, Error::Transition { .. }), "{error}");
        assert_eq!(store.reply(id).unwrap(), before);
    }
}

#[test]
fn temporarily_refused_reply_is_approved_again_until_it_is_edited() {
    let of = Approved::posted();
    let (store, id) = (&of.store, of.ids[2]);
    assert_eq!(of.intend_third("you").unwrap(), 1);
    let ended = Ended {
        to: Became {
            not_before_ms: 500,
            ..Became::new(ReplyState::Approved, "RATELIMIT", "a break")
        },
        ..failed(id)
    };
    assert!(store.attempt_end(&ended).unwrap());
    let reply = store.reply(id).unwrap();
    assert_eq!(
        (reply.state, reply.outbox.not_before_ms),
        (ReplyState::Approved, 500)
    );
    // an edit makes a new text, which is not approved
    store.reply_edit(id, "other", "ada", 95).unwrap();
    assert!(of.intend_third("you").is_err());
}

#[test]
fn ended_attempts_and_the_audit_log_are_append_only() {
    let of = Approved::posted();
    assert!(!of.store.attempt_end(&failed(of.ids[0])).unwrap());
    of.withdraw_first();
    for sql in [
        "DELETE FROM attempt",
        "UPDATE attempt SET class = 4",
        "DELETE FROM audit",
        "UPDATE audit SET who = 'eve'",
    ] {
        let done = of.store.write(Family::Queue, |db| Ok(db.execute(sql, [])?));
        assert!(done.is_err(), "{sql}");
    }
    let what: Vec<String> = of
        .store
        .audit(Some(of.ids[0]), 10)
        .unwrap()
        .into_iter()
        .map(|e| e.what)
        .collect();
    assert_eq!(what, ["withdrawn", "found", "sending", "approved"]);
    assert!(of.store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn opt_outs_persist_and_permissions_are_replaced_as_a_whole() {
    use crate::accounts::{Account, OptOut, OptOutKind, OptOutState, PostingPermission};
    let (_dir, store) = project();
    let ask = |state, source: &str| OptOut {
        kind: OptOutKind::User,
        name: "Ann".into(),
        state,
        why: String::new(),
        source: source.into(),
        who: "repartee".into(),
        at_ms: 0,
    };
    assert!(!store.is_opted_out(OptOutKind::User, "ann").unwrap());
    store.opt_out_put(&ask(OptOutState::Asked, "t1_1")).unwrap();
    assert!(
        store.is_opted_out(OptOutKind::User, "ann").unwrap(),
        "counts until decided"
    );
    store
        .opt_out_decide(OptOutKind::User, "ANN", false, "ada", 2)
        .unwrap();
    assert!(!store.is_opted_out(OptOutKind::User, "ann").unwrap());
    store.opt_out_put(&ask(OptOutState::Asked, "t1_1")).unwrap();
    assert!(
        !store.is_opted_out(OptOutKind::User, "ann").unwrap(),
        "the same comment again"
    );
    store.opt_out_put(&ask(OptOutState::Asked, "t1_2")).unwrap();
    assert!(store.is_opted_out(OptOutKind::User, "ann").unwrap());
    store
        .opt_out_decide(OptOutKind::User, "Ann", true, "ada", 3)
        .unwrap();
    store.opt_out_put(&ask(OptOutState::Asked, "t1_3")).unwrap();
    assert_eq!(store.opt_outs().unwrap()[0].state, OptOutState::Confirmed);
    assert!(
        store
            .opt_out_decide(OptOutKind::User, "bob", true, "ada", 3)
            .is_err()
    );

    let permission = PostingPermission {
        name: "Quiet".into(),
        link: "https://example.org/1".into(),
        who: "ada".into(),
        given_ms: 5,
        rules: "[]".into(),
        ..PostingPermission::default()
    };
    store.posting_permission_put(&permission).unwrap();
    let entry = Entry::new("repartee", "off", 6);
    store
        .posting_permission_off("quiet", "banned", &entry)
        .unwrap();
    store.posting_permission_pause("QUIET", 99).unwrap();
    let now = store.posting_permission("quiet").unwrap().unwrap();
    assert_eq!((now.off.as_str(), now.pause_ms), ("banned", 99));
    store.posting_permission_put(&permission).unwrap();
    let now = store.posting_permission("Quiet").unwrap().unwrap();
    assert_eq!((now.off.as_str(), now.pause_ms), ("", 0));
    assert!(store.posting_permission("Loud").unwrap().is_none());

    let account = Account {
        name: "Some_Bot".into(),
        client_id: "id".into(),
        app: "script".into(),
        operator: "ada".into(),
        port: 8920,
        created_ms: 1,
        ..Account::default()
    };
    store
        .account_put(&account, "ada", |_| String::new())
        .unwrap();
    store
        .account_stop("some_bot", "why", &entry, |_, _| None)
        .unwrap();
    store
        .account_put(&account, "ada", |_| String::new())
        .unwrap();
    assert_eq!(store.account("SOME_BOT").unwrap().stopped, "why");
    assert!(store.account("other").is_err());

    store
        .throttle_change("id", |state| format!("{state}1"))
        .unwrap();
    store
        .throttle_change("id", |state| format!("{state}2"))
        .unwrap();
    store
        .throttle_change("id", |state| {
            assert_eq!(state, "12");
            state.to_owned()
        })
        .unwrap();
}
