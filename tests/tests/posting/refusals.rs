//! Everything that blocks a reply, one test each.

use super::*;

#[test]
fn named_draft_is_not_posted_and_everything_it_lacks_is_reported() {
    let bench = Bench::drafts(2);
    let engine = bench.engine();
    let (first, second) = (bench.replies[0].0, bench.replies[1].0);
    approve_as_shown(&engine, first, PERSON).unwrap();
    let both = Post {
        replies: vec![first, second],
        ..bench.live()
    };
    let report = bench.post(&engine, &both).unwrap();
    assert!(report.is_refused() && bench.posted() == 1, "{report:?}");
    let draft = report.replies.iter().find(|r| r.reply == second).unwrap();
    assert_eq!(
        (draft.state.as_str(), draft.code.as_str()),
        ("draft", NOT_APPROVED)
    );
    assert!(draft.detail.contains("queue approve"), "{}", draft.detail);
    assert!(!draft.detail.contains("footer"), "{}", draft.detail);
    // besides the approval, other obstacles
    engine
        .posting()
        .posting_permission_off(SUBREDDIT, "the moderators asked", PERSON)
        .unwrap();
    for live in [Some(true), Some(false), None] {
        let alone = Post {
            replies: vec![second],
            live,
            ..bench.live()
        };
        let report = bench.post(&engine, &alone).unwrap();
        assert!(
            report.is_refused() && report.replies.len() == 1,
            "{report:?}"
        );
        let detail = &report.replies[0].detail;
        assert!(
            detail.contains("draft") && detail.contains("is disabled"),
            "{detail}"
        );
        assert!(!detail.contains("footer"), "{detail}");
    }
    rules(&bench, |rules| rules.footer = false);
    let alone = Post {
        replies: vec![second],
        ..bench.live()
    };
    let detail = bench.post(&engine, &alone).unwrap().replies[0]
        .detail
        .clone();
    assert!(detail.contains("enable the footer"), "{detail}");
    assert_eq!(bench.posted(), 1);
}

#[test]
fn without_an_approval_record_nothing_is_posted() {
    let bench = Bench::with(1);
    let account = NewAccount {
        approval: String::new(),
        ..bench.account()
    };
    bench
        .engine()
        .posting()
        .account_put(&account, PERSON)
        .unwrap();
    refused(&bench, "approved", "no-approval");
    // and by default it is a dry run then
    let report = bench.post(&bench.engine(), &Post::default()).unwrap();
    assert!(!report.live);
    assert_eq!(report.replies[0].code, "no-approval");
}

#[test]
fn without_the_label_nothing_is_posted() {
    let bench = Bench::with(1);
    bench
        .engine()
        .posting()
        .account_label(ACCOUNT, false, PERSON)
        .unwrap();
    refused(&bench, "approved", "no-label");
}

#[test]
fn a_strict_project_without_permission_posts_nothing() {
    let bench = Bench::with(1);
    let line = r#"{"id":"b","parent_id":"t1_a","link_id":"t3_p","body":"x","author":"u","subreddit":"s","score":1}"#;
    let import = Import {
        files: vec![bench.place.write("RC.ndjson", format!("{line}\n"))],
        study: StudyRecord::none_of_all(),
        ..Import::default()
    };
    done(&bench.engine(), &import);
    refused(&bench, "approved", "study-permission");
    let report = bench.post(&bench.engine(), &Post::default()).unwrap();
    assert!(
        report.replies[0]
            .detail
            .contains("No permission to train on Reddit content on record"),
        "{report:?}"
    );
    // an expired grant is refused as well, by the clock
    let mut training = granted();
    training[0].until = "2020-02-01".to_owned();
    bench.engine().study_record(&training, PERSON).unwrap();
    refused(&bench, "approved", "study-permission");
    bench.engine().study_record(&granted(), PERSON).unwrap();
    assert_eq!(bench.first(&now()).0, "posted");
}

#[test]
fn without_strict_a_missing_permission_blocks_nothing() {
    let bench = Bench::with(1);
    let line = r#"{"id":"b","parent_id":"t1_a","link_id":"t3_p","body":"x","author":"u","subreddit":"s","score":1}"#;
    let import = Import {
        files: vec![bench.place.write("RC.ndjson", format!("{line}\n"))],
        study: StudyRecord::none_of_all(),
        ..Import::default()
    };
    done(&bench.engine(), &import);
    bench.engine().study_strict(false, PERSON).unwrap();
    assert_eq!(bench.first(&now()).0, "posted");
}

#[test]
fn disabled_account_posts_nothing() {
    let bench = Bench::with(1);
    bench
        .engine()
        .posting()
        .account_stop(ACCOUNT, "to be looked at", PERSON)
        .unwrap();
    refused(&bench, "approved", "stopped");
    bench
        .engine()
        .posting()
        .account_stop(ACCOUNT, "", PERSON)
        .unwrap();
    assert_eq!(bench.first(&now()).0, "posted");
}

#[test]
fn without_a_permission_nothing_is_posted() {
    let bench = Bench::with(1);
    sql(&bench, "DELETE FROM subreddit");
    refused(&bench, "approved", "no-permission");
    let over = NewPostingPermission {
        expires_ms: Some(1),
        ..permission()
    };
    bench
        .engine()
        .posting()
        .permit_subreddit(&over, PERSON)
        .unwrap();
    refused(&bench, "approved", "permission-over");
    bench
        .engine()
        .posting()
        .permit_subreddit(&permission(), PERSON)
        .unwrap();
    bench
        .engine()
        .posting()
        .posting_permission_off(SUBREDDIT, "they wrote to us", PERSON)
        .unwrap();
    refused(&bench, "approved", "subreddit-off");
    // without a link there is no permission, and some subreddits never get one
    let engine = bench.engine();
    let without = NewPostingPermission {
        link: String::new(),
        ..permission()
    };
    assert_eq!(
        engine
            .posting()
            .permit_subreddit(&without, PERSON)
            .unwrap_err()
            .code,
        Code::Usage
    );
    let denied = NewPostingPermission {
        subreddit: "r/SuicideWatch".to_owned(),
        ..permission()
    };
    assert_eq!(
        engine
            .posting()
            .permit_subreddit(&denied, PERSON)
            .unwrap_err()
            .code,
        Code::Refused
    );
}

#[test]
fn subreddit_whose_rules_change_is_disabled() {
    let bench = Bench::with(1);
    let other = NewPostingPermission {
        rules: r#"[["No bots","Not even nice ones."]]"#.to_owned(),
        ..permission()
    };
    bench
        .engine()
        .posting()
        .permit_subreddit(&other, PERSON)
        .unwrap();
    refused(&bench, "approved", "subreddit-off");
    assert!(
        bench.engine().posting().posting_permissions().unwrap()[0]
            .off
            .contains("rules have changed")
    );
}

#[test]
fn without_disclosure_nothing_is_posted() {
    let bench = Bench::drafts(1);
    rules(&bench, |rules| rules.footer = false);
    approve_as_shown(&bench.engine(), bench.replies[0].0, PERSON).unwrap();
    refused(&bench, "approved", "no-disclosure");
    // a footer that discloses nothing cannot be set at all
    let engine = bench.engine();
    let mute = PostingRules {
        footer_text: "^(written with love)".to_owned(),
        ..PostingRules::default()
    };
    assert_eq!(
        engine
            .posting()
            .posting_rules_set(&mute, RAISE, PERSON)
            .unwrap_err()
            .code,
        Code::Usage
    );
}

#[test]
fn caps_are_enforced() {
    let all = |change: fn(&mut PostingRules), same_author: bool, code: &str| {
        let bench = Bench::with(2);
        rules(&bench, |rules| {
            rules.pause_min = 0.0;
            change(rules);
        });
        if same_author {
            one_author(&bench);
        }
        bench.post(&bench.engine(), &now()).unwrap();
        assert_eq!(bench.posted(), 1, "{code}");
        assert_eq!(
            bench.state(bench.replies[1].0),
            ("approved".to_owned(), code.to_owned())
        );
        // a day later the cap allows another
        bench.clock.pass(86_400_000);
        bench.post(&bench.engine(), &now()).unwrap();
        assert_eq!(bench.posted(), 2, "{code}");
    };
    all(|rules| rules.per_day = 1, false, "cap-day");
    all(|rules| rules.per_subreddit = 1, false, "cap-subreddit");
    all(|rules| rules.per_author = 1, true, "cap-author");
    all(|rules| rules.pause_min = 30.0, false, "pace");
}

#[test]
fn one_reply_per_thread_and_none_below_our_own() {
    let bench = Bench::with(2);
    rules(&bench, |rules| rules.pause_min = 0.0);
    sql(
        &bench,
        "UPDATE reply SET post_name = (SELECT post_name FROM reply WHERE id = 1) WHERE id = 2",
    );
    bench.post(&bench.engine(), &now()).unwrap();
    assert_eq!(
        (bench.posted(), bench.state(2)),
        (1, ("cancelled".to_owned(), "cap-thread".to_owned()))
    );

    let bench = Bench::with(1);
    sql(
        &bench,
        &format!(
            "INSERT INTO thread_comment (id, thread_id, author, body) VALUES (900, 1, '{ACCOUNT}', 'ours');
             UPDATE thread_comment SET parent_id = 900 WHERE id = 1"
        ),
    );
    refused(&bench, "cancelled", "chain");
}

#[test]
fn loosening_limits_requires_typed_confirmation() {
    let bench = Bench::drafts(0);
    let engine = bench.engine();
    engine
        .posting()
        .posting_rules_set(
            &PostingRules {
                per_day: 3,
                ..PostingRules::default()
            },
            "",
            PERSON,
        )
        .unwrap();
    let more = PostingRules {
        per_day: 4,
        ..PostingRules::default()
    };
    assert!(
        engine
            .posting()
            .posting_rules_set(&more, "", PERSON)
            .unwrap_err()
            .message
            .contains(RAISE)
    );
    assert!(
        engine
            .posting()
            .posting_rules_set(&more, "yes", PERSON)
            .is_err()
    );
    engine
        .posting()
        .posting_rules_set(&more, RAISE, PERSON)
        .unwrap();
    assert!(
        engine
            .posting()
            .audit(None, 5)
            .unwrap()
            .iter()
            .any(|line| line.detail.contains("per_day"))
    );
}

#[test]
fn opted_out_users_are_not_answered() {
    let bench = Bench::with(1);
    bench
        .engine()
        .posting()
        .opt_out_add("u/asker0", "asked for it", PERSON)
        .unwrap();
    refused(&bench, "cancelled", "opted-out");
    let bench = Bench::with(1);
    bench
        .engine()
        .posting()
        .opt_out_add(&format!("r/{SUBREDDIT}"), "", PERSON)
        .unwrap();
    refused(&bench, "cancelled", "opted-out");
}

#[test]
fn unsuitable_texts_are_not_posted() {
    let text = |bench: &Bench, text: &str| {
        let engine = bench.engine();
        engine.reply_edit(bench.replies[0].0, text, PERSON).unwrap();
        approve_as_shown(&engine, bench.replies[0].0, PERSON).unwrap();
    };
    let bench = Bench::with(1);
    text(
        &bench,
        "What do you all think about number 0, and how would you go about it?",
    );
    refused(&bench, "draft", "echo");
    text(&bench, "Just kill yourself, it saves time.");
    refused(&bench, "draft", "keyword");
    // what was changed behind the user's back
    text(&bench, "A good text that a person read.");
    sql(
        &bench,
        "UPDATE reply SET full_text = full_text || ' and more'",
    );
    refused(&bench, "draft", "not-approved");
    // a text of one version with the full text of another
    text(&bench, "A good text that a person read.");
    sql(&bench, "UPDATE reply SET text = 'Another text.'");
    refused(&bench, "draft", "not-approved");
    // the same under another comment
    let bench = Bench::with(2);
    rules(&bench, |rules| rules.pause_min = 0.0);
    let engine = bench.engine();
    let first = engine.reply(1).unwrap().reply.text;
    engine.reply_edit(2, &first, PERSON).unwrap();
    approve_as_shown(&engine, 2, PERSON).unwrap();
    bench.post(&bench.engine(), &now()).unwrap();
    assert_eq!(
        (bench.posted(), bench.state(2)),
        (1, ("approved".to_owned(), "similar".to_owned()))
    );
    for (set, code) in [
        (
            "UPDATE thread_comment SET body = 'I think about suicide a lot'",
            "keyword",
        ),
        ("UPDATE thread SET title = '[Serious] What now?'", "serious"),
        ("UPDATE thread_comment SET author = 'AutoModerator'", "bot"),
        (
            "UPDATE thread SET subreddit = 'depression'",
            "denied-subreddit",
        ),
    ] {
        let bench = Bench::with(1);
        sql(&bench, set);
        refused(&bench, "cancelled", code);
    }
}

#[test]
fn nothing_is_posted_outside_posting_hours() {
    let bench = Bench::with(1);
    let hour = (bench.clock.now_ms() / 3_600_000 % 24) as u8;
    rules(&bench, |rules| {
        rules.hours = Some([(hour + 3) % 24, (hour + 5) % 24])
    });
    refused(&bench, "approved", "schedule");
    // a waiting job posts when they begin
    bench.post(&bench.engine(), &bench.live()).unwrap();
    assert_eq!(bench.posted(), 1);
    let then = (bench.clock.now_ms() / 3_600_000 % 24) as u8;
    assert_eq!(then, (hour + 3) % 24);
}

#[test]
fn current_state_on_reddit_decides() {
    let parent = |bench: &Bench| bench.replies[0].1.clone();
    let post = |bench: &Bench| {
        bench.engine().posting().outbox(None).unwrap()[0]
            .post_name
            .clone()
            .unwrap()
    };
    // the user must read a changed parent again, as it is now
    let bench = Bench::with(1);
    bench.fake.world().comment(&parent(&bench)).unwrap().body = "EDIT: solved, thanks.".to_owned();
    refused(&bench, "draft", "changed-parent");
    assert_eq!(
        bench.engine().reply(1).unwrap().reply.comment,
        "EDIT: solved, thanks."
    );
    approve_as_shown(&bench.engine(), 1, PERSON).unwrap();
    assert_eq!(bench.first(&now()).0, "posted");

    type Change = fn(&mut World, &str, &str);
    let changes: [(Change, &str); 6] = [
        (
            |w, _, c| w.comment(c).unwrap().deleted = true,
            "parent-gone",
        ),
        (
            |w, _, c| w.comment(c).unwrap().removed = true,
            "parent-gone",
        ),
        (|w, _, c| w.comment(c).unwrap().locked = true, "locked"),
        (|w, p, _| w.post(p).unwrap().locked = true, "locked"),
        (|w, p, _| w.post(p).unwrap().archived = true, "archived"),
        (|w, p, _| w.post(p).unwrap().deleted = true, "post-gone"),
    ];
    for (change, code) in changes {
        let bench = Bench::with(1);
        change(&mut bench.fake.world(), &post(&bench), &parent(&bench));
        refused(&bench, "cancelled", code);
        if code.ends_with("gone") {
            // what Reddit no longer has is purged at once
            assert_eq!(bench.engine().reply(1).unwrap().reply.comment, "", "{code}");
        }
    }
    // a comment of ours already exists there
    let bench = Bench::with(1);
    bench
        .fake
        .world()
        .add_comment(&parent(&bench), ACCOUNT, "by hand")
        .unwrap();
    refused(&bench, "cancelled", "answered");
}
