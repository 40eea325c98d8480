//! An approved reply is posted once; a dry run sends nothing.

use super::*;
use repartee_engine::terms::ReplyState;

#[test]
fn an_approved_reply_is_posted_with_its_footer_and_once() {
    let bench = Bench::with(2);
    let report = bench.post(&bench.engine(), &bench.live()).unwrap();
    assert!(
        report.live && report.replies.iter().all(|r| r.state == ReplyState::Posted),
        "{report:?}"
    );
    let world = bench.fake.world();
    for (_, parent) in &bench.replies {
        let made = world.made(ACCOUNT, parent);
        assert_eq!(made.len(), 1);
        let body = &world.comments[&made[0][3..]].body;
        assert!(
            body.contains("run by u/the_operator") && body.contains("STOP"),
            "{body}"
        );
    }
    // ten minutes are between them
    let times: Vec<i64> = world
        .calls(On::Comment)
        .iter()
        .map(|call| call.ms)
        .collect();
    assert!(times[1] - times[0] >= 600_000, "{times:?}");
    drop(world);
    bench.post(&bench.engine(), &bench.live()).unwrap();
    assert_eq!(bench.posted(), 2);
}

#[test]
fn dry_run_sends_and_changes_nothing() {
    let bench = Bench::with(2);
    bench
        .fake
        .world()
        .comment(&bench.replies[1].1.clone())
        .unwrap()
        .locked = true;
    let before = bench.engine().posting().outbox(None).unwrap();
    let dry = Post {
        live: Some(false),
        ..Post::default()
    };
    let report = bench.post(&bench.engine(), &dry).unwrap();
    let found: Vec<(bool, &str)> = report
        .replies
        .iter()
        .map(|r| (r.ready, r.code.as_str()))
        .collect();
    assert_eq!(found, [(true, ""), (false, "locked")]);
    assert_eq!(
        (
            bench.engine().posting().outbox(None).unwrap(),
            bench.posted()
        ),
        (before, 0)
    );
}

#[test]
fn dry_run_counts_the_replies_that_would_be_posted_before() {
    let bench = Bench::with(3);
    let rules = PostingRules {
        per_subreddit: 4,
        per_day: 1000,
        per_author: 1000,
        ..PostingRules::default()
    };
    bench
        .engine()
        .posting()
        .posting_rules_set(&rules, RAISE, PERSON)
        .unwrap();
    let dry = Post {
        live: Some(false),
        ..Post::default()
    };
    let report = bench.post(&bench.engine(), &dry).unwrap();
    let found: Vec<(bool, &str)> = report
        .replies
        .iter()
        .map(|r| (r.ready, r.code.as_str()))
        .collect();
    assert_eq!(found, [(true, ""), (true, ""), (false, "cap-subreddit")]);
    let detail = &report.replies[2].detail;
    assert!(
        detail.contains("2: half of 4 in the first week"),
        "{detail}"
    );
}

#[test]
fn every_error_of_reddit_has_its_consequence() {
    let error = |code: &str| Fault::Error {
        code: code.to_owned(),
        text: "in Reddit's words".to_owned(),
        field: None,
    };
    let cases = [
        (error("NO_TEXT"), "draft", "NO_TEXT"),
        (
            Fault::BadRequest {
                code: "TOO_LONG".into(),
                text: "too long".into(),
                field: None,
            },
            "draft",
            "TOO_LONG",
        ),
        (error("THREAD_LOCKED"), "cancelled", "THREAD_LOCKED"),
        (error("TOO_OLD"), "cancelled", "TOO_OLD"),
        (error("DELETED_COMMENT"), "cancelled", "DELETED_COMMENT"),
        (error("USER_BLOCKED"), "cancelled", "USER_BLOCKED"),
        (
            error("COMMENTER_BLOCKED_POSTER"),
            "cancelled",
            "COMMENTER_BLOCKED_POSTER",
        ),
        (error("USER_REQUIRED"), "approved", "stopped"),
        (
            error("SUBREDDIT_NOTALLOWED"),
            "cancelled",
            "SUBREDDIT_NOTALLOWED",
        ),
        (Fault::Forbidden { reason: None }, "cancelled", "403"),
        (
            Fault::Forbidden {
                reason: Some("IN_TIMEOUT".into()),
            },
            "approved",
            "stopped",
        ),
        (Fault::Scope, "approved", "stopped"),
        (error("SOMETHING_NEW"), "rejected", "SOMETHING_NEW"),
    ];
    for (fault, state, code) in cases {
        let bench = Bench::with(1);
        bench
            .fake
            .world()
            .fail(Rule::always(On::Comment, fault.clone()));
        assert_eq!(
            bench.first(&now()),
            (state.to_owned(), code.to_owned()),
            "{fault:?}"
        );
        assert_eq!(bench.posted(), 1, "{fault:?} is not sent again");
        let engine = bench.engine();
        let (account, permission) = (
            engine.posting().account(ACCOUNT).unwrap(),
            engine.posting().posting_permissions().unwrap().remove(0),
        );
        assert_eq!(
            account.stopped.is_empty(),
            code != "stopped",
            "{fault:?}: {}",
            account.stopped
        );
        let closed = matches!(code, "SUBREDDIT_NOTALLOWED" | "403");
        assert_eq!(
            permission.off.is_empty(),
            !closed,
            "{fault:?}: {}",
            permission.off
        );
        let opted_out = engine.posting().opt_outs().unwrap().len();
        assert_eq!(
            opted_out,
            usize::from(code.contains("BLOCKED")),
            "{fault:?}"
        );
        if code == "DELETED_COMMENT" {
            assert_eq!(engine.reply(1).unwrap().reply.comment, "");
        }
        let attempt = &engine.posting().outbox_story(1).unwrap().attempts[0];
        assert_eq!(
            (attempt.class, attempt.ended_ms.is_some()),
            (Some(3), true),
            "{fault:?}"
        );
    }
}

#[test]
fn a_rate_limit_in_any_language_pauses_the_account_and_is_sent_again() {
    for (language, number, seconds, least_ms) in [
        (Language::English, true, 487.4, 487_400),
        (Language::Dutch, false, 540.0, 540_000),
        (Language::Russian, false, 840.0, 840_000),
        (Language::Old, true, 12.0, 12_000),
        (Language::Wordless, false, 30.0, 600_000),
    ] {
        let bench = Bench::with(1);
        bench.fake.world().fail(Rule::once(
            On::Comment,
            Fault::RateLimit {
                seconds,
                language,
                number,
            },
        ));
        assert_eq!(bench.first(&now()).0, "approved");
        let until_ms = bench.engine().posting().account(ACCOUNT).unwrap().pause_ms;
        assert!(
            until_ms - bench.clock.now_ms() > least_ms - 5_000,
            "{language:?}"
        );
        assert_eq!(bench.first(&bench.live()).0, "posted", "{language:?}");
        let world = bench.fake.world();
        let times: Vec<i64> = world
            .calls(On::Comment)
            .iter()
            .map(|call| call.ms)
            .collect();
        assert_eq!(times.len(), 2);
        assert!(times[1] - times[0] >= least_ms, "{language:?}: {times:?}");
    }
    // that of a subreddit only pauses the subreddit
    let bench = Bench::with(1);
    let limit = Fault::Error {
        code: "SUBREDDIT_RATELIMIT".into(),
        text: "try again later.".into(),
        field: None,
    };
    bench.fake.world().fail(Rule::once(On::Comment, limit));
    assert_eq!(bench.first(&now()).0, "approved");
    assert_eq!(
        bench.engine().posting().account(ACCOUNT).unwrap().pause_ms,
        0
    );
    assert!(
        bench.engine().posting().posting_permissions().unwrap()[0].pause_ms - bench.clock.now_ms()
            > 3_590_000
    );
}

#[test]
fn expired_token_is_renewed_while_posting() {
    let bench = Bench::with(3);
    bench.fake.world().knobs.token_lives_s = 90;
    bench
        .fake
        .world()
        .fail(Rule::once(On::Comment, Fault::Unauthorized));
    bench.post(&bench.engine(), &bench.live()).unwrap();
    let world = bench.fake.world();
    assert_eq!(world.posted(), 3);
    assert!(world.calls(On::Token).len() > 3);
    drop(world);
    // revoked access needs the user: nothing resumes automatically
    let bench = Bench::with(1);
    bench
        .fake
        .world()
        .fail(Rule::always(On::Comments, Fault::Unauthorized));
    let error = bench.post(&bench.engine(), &now()).unwrap_err();
    assert_eq!((error.code, bench.posted()), (Code::Login, 0));
}
