//! Decisions about posted replies, and approvals on the command line, need the shown hash.

use super::*;
use repartee_engine::terms::ReplyState;

#[test]
fn decisions_about_posted_replies_need_the_shown_hash() {
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    post(&engine, &now()).unwrap();
    let first = bench.body(0);
    // an edit: what was previewed replaces what was live then
    let preview = engine
        .posting()
        .rewrite_preview(1, "Better words.")
        .unwrap();
    assert!(preview.full_text.contains("run by u/the_operator"));
    for given in [&seen(&engine, 1), "0123456789abcdef"] {
        let error = engine
            .posting()
            .reply_rewrite(1, "Better words.", given, PERSON)
            .unwrap_err();
        assert_eq!(error.code, Code::Changed);
    }
    let error = engine
        .posting()
        .reply_rewrite(1, "Other words.", &preview.seen, PERSON)
        .unwrap_err();
    assert!(error.message.contains("the text changed"), "{error}");
    let other = engine
        .posting()
        .rewrite_preview(1, "The second window's words.")
        .unwrap();
    engine
        .posting()
        .reply_rewrite(1, "The second window's words.", &other.seen, "ada")
        .unwrap();
    let error = engine
        .posting()
        .reply_rewrite(1, "Better words.", &preview.seen, PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Changed, "it is no longer as it was shown");
    assert!(bench.body(0).starts_with("The second window's words."));
    // a footer that changed between preview and edit
    let preview = engine
        .posting()
        .rewrite_preview(1, "Better words.")
        .unwrap();
    bench.rules(|rules| rules.footer_text = "^(bot of u/{operator}, STOP)".to_owned());
    let error = engine
        .posting()
        .reply_rewrite(1, "Better words.", &preview.seen, PERSON)
        .unwrap_err();
    assert!(error.message.contains("the footer changed"), "{error}");

    // Reddit refuses an edit: the project has what is live
    let before = engine.posting().outbox_story(1).unwrap().outbox;
    let refusal = Fault::Error {
        code: "NO_TEXT".to_owned(),
        text: "we need something here".to_owned(),
        field: None,
    };
    bench.fake.world().fail(Rule::once(On::Edit, refusal));
    let preview = engine
        .posting()
        .rewrite_preview(1, "Better words.")
        .unwrap();
    assert!(
        engine
            .posting()
            .reply_rewrite(1, "Better words.", &preview.seen, PERSON)
            .is_err()
    );
    let after = engine.posting().outbox_story(1).unwrap().outbox;
    assert_eq!(
        (after.full_text, after.code),
        (before.full_text, before.code)
    );
    // no answer: the user is told to check
    bench
        .fake
        .world()
        .fail(Rule::always(On::Edit, Fault::StatusAfter { status: 502 }));
    let preview = engine
        .posting()
        .rewrite_preview(1, "Better words.")
        .unwrap();
    assert!(
        engine
            .posting()
            .reply_rewrite(1, "Better words.", &preview.seen, PERSON)
            .is_err()
    );
    let after = engine.posting().outbox_story(1).unwrap().outbox;
    assert_eq!(
        (after.code.as_str(), after.needs_person),
        ("rewrite-unknown", true)
    );
    assert!(after.full_text.starts_with("Better words."));
    bench.fake.world().heal();
    let preview = engine
        .posting()
        .rewrite_preview(1, "Better words, once more.")
        .unwrap();
    engine
        .posting()
        .reply_rewrite(1, "Better words, once more.", &preview.seen, PERSON)
        .unwrap();
    assert!(bench.body(0).starts_with("Better words, once more."));
    assert_eq!(engine.posting().outbox_story(1).unwrap().outbox.code, "");

    // deletion: not what was shown before the last edit
    let stale = preview.seen;
    let error = engine
        .posting()
        .reply_withdraw(1, &stale, PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Changed);
    assert_ne!(bench.body(0), first);
    let story = engine
        .posting()
        .reply_withdraw(1, &seen(&engine, 1), PERSON)
        .unwrap();
    assert_eq!(story.outbox.state, ReplyState::Withdrawn);
}

#[test]
fn resending_and_manual_posting_need_the_shown_hash() {
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    let error = engine
        .reply_posted_by_hand(1, "", "0123456789abcdef", PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Changed);
    bench
        .fake
        .world()
        .fail(Rule::once(On::Comment, Fault::DropBefore));
    let wait = Post {
        wait: true,
        ..now()
    };
    post(&engine, &wait).unwrap();
    assert_eq!(bench.state(&engine).0, "absent");
    let again = |seen: &str| {
        let settle = Settle::Again {
            seen: seen.to_owned(),
        };
        engine.posting().reply_settle(1, &settle, PERSON)
    };
    let before = seen(&engine, 1);
    bench.sql("UPDATE thread_comment SET body = 'EDIT: solved.'");
    assert_eq!(again(&before).unwrap_err().code, Code::Changed);
    assert_eq!(bench.state(&engine).0, "absent");
    // seen as it is now it is approved again, and what it answers is still not what was approved
    again(&seen(&engine, 1)).unwrap();
    post(&engine, &now()).unwrap();
    assert_eq!(
        bench.state(&engine),
        ("draft".to_owned(), "changed-parent".to_owned())
    );
}

#[test]
fn undone_decision_leaves_a_draft_that_must_be_approved_again() {
    const TEXT: &str = "Move the pot off the cold floor, and water it in the morning.";
    type Decide = fn(&Engine);
    let decisions: [Decide; 3] = [
        |e| _ = approve_as_shown(e, 1, PERSON).unwrap(),
        |e| _ = e.reply_reject(1, PERSON, "").unwrap(),
        |e| {
            approve_as_shown(e, 1, PERSON).unwrap();
            e.reply_reject(1, PERSON, "").unwrap();
        },
    ];
    for decide in decisions {
        let bench = Bench::new(1);
        let engine = bench.engine();
        engine.reply_edit(1, TEXT, PERSON).unwrap();
        decide(&engine);
        let undone = engine.reply_redraft(1, PERSON, "undone").unwrap();
        assert_eq!(
            (undone.state, undone.text.as_str()),
            (ReplyState::Draft, TEXT)
        );
        let _ = post(&engine, &now());
        assert_eq!(
            (bench.state(&engine).0.as_str(), bench.posted()),
            ("draft", 0)
        );
        approve_as_shown(&engine, 1, PERSON).unwrap();
        post(&engine, &now()).unwrap();
        let error = engine.reply_redraft(1, PERSON, "undone").unwrap_err();
        assert_eq!(error.code, Code::Usage);
        assert_eq!(
            (bench.state(&engine).0.as_str(), bench.posted()),
            ("posted", 1)
        );
    }
}

#[test]
fn approving_without_a_terminal_needs_the_printed_hash() {
    let bench = Bench::new(2);
    let ran = bench.place.run(["queue", "approve", "1"]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(
        ran.err.contains("queue show 1") && ran.err.contains("--seen"),
        "{ran}"
    );
    let shown = bench.place.ok(["queue", "show", "1"]);
    assert!(shown.out.contains("run by u/the_operator"), "{shown}");
    assert!(shown.out.contains(&format!("as u/{ACCOUNT}")), "{shown}");
    let line = shown
        .out
        .lines()
        .find(|line| line.starts_with("Hash: "))
        .unwrap();
    let hash = line.trim_start_matches("Hash: ").to_owned();
    // a hash belongs to one reply
    let ran = bench
        .place
        .run(["queue", "approve", "1", "2", "--seen", &hash]);
    assert_eq!(ran.status, Some(2), "{ran}");
    let ran = bench
        .place
        .run(["queue", "approve", "2", "--seen", &hash, "--json"]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert_eq!(ran.json()["error"]["code"], "changed", "{ran}");
    bench.place.ok(["queue", "approve", "1", "--seen", &hash]);
    bench
        .place
        .ok(["queue", "edit", "1", "--text", "Other words."]);
    let ran = bench.place.run(["queue", "approve", "1", "--seen", &hash]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert_eq!(
        bench.engine().reply(1).unwrap().reply.state,
        ReplyState::Draft
    );
    // `--json` has the whole hash, which tells what changed
    let whole = bench.place.ok(["queue", "show", "1", "--json"]).result();
    let whole = whole["reply"]["seen"].as_str().unwrap().to_owned();
    bench.rules(|rules| rules.footer = false);
    let ran = bench.place.run(["queue", "approve", "1", "--seen", &whole]);
    assert!(ran.err.contains("the footer changed"), "{ran}");
}
