//! At most one answer of an account to a comment on one machine, whatever file it is posted from: copies of a project,
//! other projects, backups; and duplicates from other machines.

use super::*;
use repartee_engine::posting::RecordKind;

/// What the user confirms on another machine before it may post: the file, the approval, and both records.
fn confirm_all(engine: &Engine) {
    engine.posting().project_adopt(PERSON).unwrap();
    approve_as_shown(engine, 1, PERSON).unwrap();
    let account = engine.posting().account(ACCOUNT).unwrap().seen;
    let permission = engine
        .posting()
        .posting_permissions()
        .unwrap()
        .remove(0)
        .seen;
    for (record, name, seen) in [
        (RecordKind::Account, ACCOUNT, account),
        (RecordKind::Subreddit, SUBREDDIT, permission),
    ] {
        engine
            .posting()
            .record_confirm(record, name, &seen, PERSON)
            .unwrap();
    }
}

fn withdraw(engine: &Engine, id: i64) {
    engine
        .posting()
        .reply_withdraw(id, &seen(engine, id), PERSON)
        .unwrap();
}

fn story(bench: &Bench, project: &Path, reply: i64) -> repartee_engine::posting::OutboxInfo {
    let outbox = bench.open(project).posting().outbox(None).unwrap();
    outbox.into_iter().find(|of| of.reply == reply).unwrap()
}

fn codes(bench: &Bench, project: &Path) -> Vec<(String, String)> {
    let ids = bench.replies.iter().map(|(id, _)| *id);
    ids.map(|id| bench.state_in(project, id)).collect()
}

fn states(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(state, code)| ((*state).to_owned(), (*code).to_owned()))
        .collect()
}

/// Another project with the same account, and replies to the same comments.
fn other_project(bench: &Bench) -> PathBuf {
    let path = bench.copy(&bench.place.project(), "other");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute("DELETE FROM setting WHERE key LIKE 'project.%'", [])
        .unwrap();
    drop(db);
    bench.open(&path).posting().project_adopt(PERSON).unwrap();
    path
}

/// Removes what SQLite left next to a project file that is about to be replaced.
fn without_log(project: &Path) {
    for end in ["-wal", "-shm"] {
        let mut beside = project.as_os_str().to_owned();
        beside.push(end);
        let _ = std::fs::remove_file(beside);
    }
}

/// Restores an earlier state of a project file in place, as `cp` does: into the same file.
fn restore(backup: &Path, project: &Path) {
    without_log(project);
    std::fs::write(project, std::fs::read(backup).unwrap()).unwrap();
}

fn everything() -> Reconcile {
    Reconcile {
        wait: true,
        ..Reconcile::default()
    }
}

/// Does something once, when posting reaches a step.
fn at_step(engine: &mut Engine, at: &'static str, what: impl Fn() + Send + Sync + 'static) {
    let done = AtomicU64::new(0);
    engine.environment.on_step = Some(Arc::new(move |step| {
        if step == at && done.fetch_add(1, Ordering::Relaxed) == 0 {
            what();
        }
    }));
}

#[test]
fn two_copies_posting_at_once_post_one_comment_per_parent() {
    for round in 0..4 {
        let bench = Bench::with(3);
        let one = bench.place.project();
        let other = bench.adopted(&one, "copy");
        let slow = Rule::always(On::Comment, Fault::Slow { ms: 20 });
        bench.fake.world().fail(slow);
        std::thread::scope(|scope| {
            for file in [&one, &other] {
                let bench = &bench;
                scope.spawn(move || bench.post(&bench.open(file), &bench.live()).unwrap());
            }
        });
        assert_eq!(bench.fake.world().duplicates(), [], "round {round}");
        assert_eq!(bench.posted(), 3, "each comment is answered once");
        let (here, there) = (codes(&bench, &one), codes(&bench, &other));
        for both in here.iter().zip(&there) {
            let both = [both.0.0.as_str(), both.1.0.as_str()];
            assert!(
                both == ["posted", "cancelled"] || both == ["cancelled", "posted"],
                "{here:?} {there:?}"
            );
        }
    }
}

#[test]
fn two_projects_of_one_account_answer_a_comment_once() {
    let bench = Bench::with(2);
    let other = other_project(&bench);
    bench.post(&bench.open(&other), &bench.live()).unwrap();
    bench.post(&bench.engine(), &bench.live()).unwrap();
    assert_eq!(
        (bench.posted(), bench.fake.world().duplicates()),
        (2, vec![])
    );
    let one = story(&bench, &bench.place.project(), 1);
    assert_eq!(
        (one.state.as_str(), one.code.as_str()),
        ("cancelled", "answered-elsewhere")
    );
    let (path, name) = (
        other.canonicalize().unwrap(),
        bench.fake.world().made(ACCOUNT, &bench.replies[0].1)[0].clone(),
    );
    assert!(one.detail.contains(path.to_str().unwrap()), "{one:?}");
    assert!(one.detail.contains(&name), "{one:?}");
}

#[test]
fn copy_needs_confirmation_before_posting_but_not_for_a_dry_run() {
    let bench = Bench::with(2);
    let original = bench.place.project();
    bench.post(&bench.engine(), &now()).unwrap();
    let copy = bench.copy(&original, "copy");
    let engine = bench.open(&copy);
    let is = engine.posting().project_file().unwrap();
    assert!(
        is.asks && is.is == repartee_engine::posting::FileIs::Copied,
        "{is:?}"
    );
    let refused = [
        bench.post(&engine, &bench.live()).err(),
        bench.post(&engine, &Post::default()).err(),
        engine.start(&everything(), &|_| {}).err(),
        engine
            .posting()
            .reply_withdraw(1, &seen(&engine, 1), PERSON)
            .err(),
        rewrite(&engine, 1, "Another text.").err(),
        engine
            .posting()
            .reply_delete_duplicates(1, &seen(&engine, 1), PERSON)
            .err(),
    ];
    let path = original.canonicalize().unwrap();
    for error in refused {
        let error = error.expect("refused");
        assert_eq!(error.code, Code::Copied, "{error}");
        assert!(error.message.contains(path.to_str().unwrap()), "{error}");
    }
    let dry = Post {
        live: Some(false),
        ..Post::default()
    };
    let report = bench.post(&engine, &dry).unwrap();
    assert_eq!(report.replies[0].code, "copied", "{report:?}");
    assert_eq!(bench.posted(), 1);
    // the original needs no confirmation
    assert!(!bench.engine().posting().project_file().unwrap().asks);

    let is = engine.posting().project_adopt(PERSON).unwrap();
    assert!(!is.asks && is.words.is_empty(), "{is:?}");
    let line = engine.posting().audit(None, 1).unwrap().remove(0);
    assert_eq!(
        (line.what.as_str(), line.who.as_str()),
        ("file confirmed", PERSON)
    );
    bench.post(&engine, &bench.live()).unwrap();
    assert_eq!(
        (bench.posted(), bench.fake.world().duplicates()),
        (2, vec![])
    );
}

#[test]
fn command_line_confirms_a_copy_only_on_request() {
    let bench = Bench::with(1);
    let copy = bench.copy(&bench.place.project(), "copy");
    let adopt = |more: &[&str]| {
        let path = copy.to_str().unwrap();
        bench
            .place
            .run([&["--project", path, "reddit", "adopt"], more].concat())
    };
    // there is no terminal to ask on
    let ran = adopt(&[]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(
        ran.err.contains("is a copy") && ran.err.contains("--yes"),
        "{ran}"
    );
    assert!(bench.open(&copy).posting().project_file().unwrap().asks);
    let ran = adopt(&["--yes", "--who", PERSON, "--json"]);
    assert_eq!(ran.status, Some(0), "{ran}");
    assert_eq!(ran.result()["asks"], false, "{ran}");
    assert!(!bench.open(&copy).posting().project_file().unwrap().asks);
    // a second time changes nothing
    assert_eq!(adopt(&[]).status, Some(0));
}

#[test]
fn moved_replaced_and_foreign_files_need_confirmation_and_links_do_not() {
    let bench = Bench::with(1);
    let original = bench.place.project();
    let asks = |path: &Path| bench.open(path).posting().project_file().unwrap().is;
    use repartee_engine::posting::FileIs;
    assert_eq!(asks(&original), FileIs::Confirmed);
    #[cfg(unix)]
    {
        let soft = bench.place.path("soft");
        std::os::unix::fs::symlink(&original, &soft).unwrap();
        assert_eq!(asks(&soft), FileIs::Confirmed);
        std::fs::remove_file(&soft).unwrap();
    }
    let mut elsewhere = bench.engine();
    elsewhere.environment.state = Some(bench.place.path("another machine"));
    let error = bench.post(&elsewhere, &bench.live()).unwrap_err();
    assert_eq!(error.code, Code::Copied);
    assert!(error.message.contains("another machine"), "{error}");
    drop(elsewhere);

    let copy = bench.copy(&original, "copy");
    let moved = bench.place.path("moved.repartee");
    std::fs::rename(&original, &moved).unwrap();
    assert_eq!(asks(&moved), FileIs::Moved);
    without_log(&original);
    std::fs::rename(&copy, &original).unwrap();
    assert_eq!(asks(&original), FileIs::Replaced);
    assert_eq!(asks(&moved), FileIs::Copied);
    for path in [&moved, &original] {
        let error = bench.post(&bench.open(path), &bench.live()).unwrap_err();
        assert_eq!(error.code, Code::Copied);
    }
    assert_eq!(bench.posted(), 0);
    for path in [&moved, &original] {
        bench.open(path).posting().project_adopt(PERSON).unwrap();
        bench.post(&bench.open(path), &bench.live()).unwrap();
    }
    assert_eq!(bench.posted(), 1);
}

#[test]
fn reply_being_sent_by_a_moved_file_is_settled_from_its_new_path() {
    let bench = Bench::with(1);
    lost(&bench);
    let moved = bench.place.path("moved.repartee");
    std::fs::rename(bench.place.project(), &moved).unwrap();
    let engine = bench.open(&moved);
    engine.posting().project_adopt(PERSON).unwrap();
    assert_eq!(done(&engine, &everything()).posted, [1]);
    withdraw(&engine, 1);
    assert_eq!(bench.posted(), 1);
}

#[test]
fn reply_withdrawn_by_one_copy_is_posted_by_no_other() {
    let bench = Bench::with(1);
    let copy = bench.adopted(&bench.place.project(), "copy");
    let other = other_project(&bench);
    bench.post(&bench.engine(), &now()).unwrap();
    withdraw(&bench.engine(), 1);
    for file in [&copy, &other] {
        bench.post(&bench.open(file), &bench.live()).unwrap();
        let found = story(&bench, file, 1);
        assert_eq!(
            (found.state.as_str(), found.code.as_str()),
            ("cancelled", "answered-elsewhere")
        );
        assert!(found.detail.contains("withdrawn"), "{found:?}");
    }
    assert_eq!(bench.posted(), 1);
}

#[test]
fn restored_backup_posts_nothing_again() {
    // posted, withdrawn, or in flight when the backup was restored
    let cases: [(fn(&Bench), &str); 3] = [
        (
            |bench| drop(bench.post(&bench.engine(), &now()).unwrap()),
            "posted",
        ),
        (
            |bench| {
                bench.post(&bench.engine(), &now()).unwrap();
                withdraw(&bench.engine(), 1);
            },
            "withdrawn",
        ),
        (
            |bench| {
                let doomed = bench.doomed(&bench.place.project(), "sent", 0, &Arc::default());
                bench.post(&doomed, &now()).unwrap_err();
            },
            "posted",
        ),
    ];
    for (meanwhile, state) in cases {
        let bench = Bench::with(1);
        let project = bench.place.project();
        let backup = bench.copy(&project, "backup");
        meanwhile(&bench);
        bench.bury();
        restore(&backup, &project);
        assert_eq!(bench.state(1).0, "approved");
        bench.post(&bench.engine(), &bench.live()).unwrap();
        assert_eq!(bench.state(1), (state.to_owned(), String::new()));
        let made = bench.fake.world().made(ACCOUNT, &bench.replies[0].1);
        assert_eq!(made.len(), 1, "{state}");
        let name = bench.engine().posting().outbox(None).unwrap()[0]
            .posted_name
            .clone();
        assert_eq!(name.as_ref(), made.first(), "{state}");
    }
    // one whose text has changed by now is not taken for the one that was posted
    let bench = Bench::with(1);
    let project = bench.place.project();
    let backup = bench.copy(&project, "backup");
    bench.post(&bench.engine(), &now()).unwrap();
    restore(&backup, &project);
    let engine = bench.engine();
    engine
        .reply_edit(1, "Quite another text, written later on.", PERSON)
        .unwrap();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    assert_eq!(
        bench.first(&bench.live()),
        ("cancelled".to_owned(), "answered-elsewhere".to_owned())
    );
    assert_eq!(bench.posted(), 1);
}

#[test]
fn nothing_is_posted_without_a_usable_ledger() {
    let refused = |bench: &Bench, code: Code| {
        let error = bench.post(&bench.engine(), &bench.live()).unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains("ledger"), "{error}");
        assert_eq!((bench.posted(), bench.state(1).0.as_str()), (0, "approved"));
        let dry = Post {
            live: Some(false),
            ..Post::default()
        };
        let report = bench.post(&bench.engine(), &dry).unwrap();
        assert_eq!(report.replies[0].code, "no-ledger", "{report:?}");
    };
    let bench = Bench::with(1);
    let ledger = bench.place.state().join("ledger.sqlite");
    let good = std::fs::read(&ledger).unwrap();
    for bad in [
        &b"not a ledger, but long enough to be read as something"[..],
        &good[..good.len() / 2],
    ] {
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(bench.place.state().join(format!("ledger.sqlite{end}")));
        }
        std::fs::write(&ledger, bad).unwrap();
        refused(&bench, Code::Damaged);
    }
    std::fs::remove_file(&ledger).unwrap();
    std::fs::create_dir(&ledger).unwrap();
    refused(&bench, Code::Io);
    // a new one knows nothing: the user must confirm that all is well
    std::fs::remove_dir(&ledger).unwrap();
    let error = bench.post(&bench.engine(), &bench.live()).unwrap_err();
    assert_eq!(error.code, Code::Copied, "{error}");
    bench.engine().posting().project_adopt(PERSON).unwrap();
    assert_eq!(bench.first(&bench.live()).0, "posted");
}

#[test]
fn intent_refused_by_the_ledger_sends_nothing() {
    let bench = Bench::with(1);
    let mut engine = bench.engine();
    let ledger = bench.place.state().join("ledger.sqlite");
    at_step(&mut engine, "noted in the project", move || {
        let db = rusqlite::Connection::open(&ledger).unwrap();
        db.execute_batch("DROP TABLE entry").unwrap();
    });
    let error = bench.post(&engine, &bench.live()).unwrap_err();
    assert_eq!(error.code, Code::Damaged, "{error}");
    assert_eq!(bench.posted(), 0);
    assert_eq!(
        bench.state(1),
        ("approved".to_owned(), "not-sent".to_owned())
    );
}

#[test]
fn missing_ledger_entries_are_added_later() {
    // posted, and the process died before the ledger knew; or from before there was a ledger
    for step in ["noted", "before there was one"] {
        let bench = Bench::with(1);
        let project = bench.place.project();
        if step == "noted" {
            let doomed = bench.doomed(&project, step, 0, &Arc::default());
            bench.post(&doomed, &now()).unwrap_err();
        } else {
            bench.post(&bench.engine(), &now()).unwrap();
            let ledger = bench.place.state().join("ledger.sqlite");
            let db = rusqlite::Connection::open(ledger).unwrap();
            db.execute("DELETE FROM entry", []).unwrap();
        }
        bench.bury();
        bench.post(&bench.engine(), &bench.live()).unwrap();
        assert_eq!(bench.state(1), ("posted".to_owned(), String::new()));
        withdraw(&bench.engine(), 1);
        // it is gone from Reddit, so that only the ledger can tell
        let db = rusqlite::Connection::open(&project).unwrap();
        db.execute_batch("UPDATE reply SET state = 'approved', attempt = 0, posted_name = NULL")
            .unwrap();
        drop(db);
        let other = other_project(&bench);
        bench.post(&bench.open(&other), &bench.live()).unwrap();
        assert_eq!(bench.state_in(&other, 1).1, "answered-elsewhere", "{step}");
        assert_eq!(bench.posted(), 1);
    }
}

#[test]
fn reply_that_another_copy_may_have_sent_is_held_until_settled() {
    let bench = Bench::with(1);
    let original = bench.place.project();
    let copy = bench.adopted(&original, "copy");
    // it never arrived, and its process died
    let fault = Rule::once(On::Comment, Fault::DropBefore);
    bench.fake.world().fail(fault);
    let doomed = bench.doomed(&original, "sent", 0, &Arc::default());
    bench.post(&doomed, &now()).unwrap_err();
    bench.bury();
    let held = states(&[("approved", "answered-elsewhere")]);
    bench.post(&bench.open(&copy), &bench.live()).unwrap();
    assert_eq!(codes(&bench, &copy), held);
    // checked and not found: it still belongs to the first one, until its user abandons it
    assert_eq!(done(&bench.engine(), &everything()).absent, [1]);
    bench.post(&bench.open(&copy), &bench.live()).unwrap();
    assert_eq!((codes(&bench, &copy), bench.posted()), (held, 1));
    bench
        .engine()
        .posting()
        .reply_settle(1, &Settle::GiveUp, PERSON)
        .unwrap();
    bench.post(&bench.open(&copy), &bench.live()).unwrap();
    assert_eq!(codes(&bench, &copy), states(&[("posted", "")]));
    let made = bench.fake.world().made(ACCOUNT, &bench.replies[0].1);
    assert_eq!(made.len(), 1);
}

#[test]
fn user_can_free_a_comment_claimed_by_a_deleted_file() {
    let bench = Bench::with(1);
    let original = bench.place.project();
    let copy = bench.adopted(&original, "copy");
    let fault = Rule::once(On::Comment, Fault::DropBefore);
    bench.fake.world().fail(fault);
    let doomed = bench.doomed(&original, "sent", 0, &Arc::default());
    bench.post(&doomed, &now()).unwrap_err();
    std::fs::remove_file(&original).unwrap();
    let engine = bench.open(&copy);
    bench.post(&engine, &now()).unwrap();
    let early = engine
        .posting()
        .reply_settle(1, &again(&engine, 1), PERSON)
        .unwrap_err();
    assert_eq!(early.code, Code::Refused, "{early}");
    bench.clock.pass(3_600_000);
    engine
        .posting()
        .reply_settle(1, &again(&engine, 1), PERSON)
        .unwrap();
    bench.post(&engine, &bench.live()).unwrap();
    assert_eq!(codes(&bench, &copy), states(&[("posted", "")]));
    // what is posted is never freed
    assert!(
        engine
            .posting()
            .reply_settle(1, &again(&engine, 1), PERSON)
            .is_err()
    );
}

#[test]
fn caps_and_pace_count_what_other_projects_have_posted() {
    let cases: [(fn(&mut PostingRules), &str); 3] = [
        (|rules| rules.per_day = 1, "cap-day"),
        (|rules| rules.per_subreddit = 1, "cap-subreddit"),
        (|rules| rules.pause_min = 30.0, "pace"),
    ];
    for (change, code) in cases {
        let bench = Bench::with(2);
        rules(&bench, |rules| {
            rules.pause_min = 0.0;
            change(rules);
        });
        let other = other_project(&bench);
        let first = Post {
            replies: vec![1],
            ..now()
        };
        let second = Post {
            replies: vec![2],
            ..now()
        };
        bench.post(&bench.engine(), &first).unwrap();
        bench.post(&bench.open(&other), &second).unwrap();
        assert_eq!(
            (bench.posted(), bench.state_in(&other, 2).1.as_str()),
            (1, code)
        );
        bench.clock.pass(86_400_000);
        bench.post(&bench.open(&other), &second).unwrap();
        assert_eq!(bench.posted(), 2, "{code}");
    }
    // to one author, whom the ledger does not name
    let bench = Bench::with(2);
    rules(&bench, |rules| {
        (rules.pause_min, rules.per_author) = (0.0, 1);
    });
    one_author(&bench);
    let other = other_project(&bench);
    let one = |reply| Post {
        replies: vec![reply],
        ..now()
    };
    bench.post(&bench.engine(), &one(1)).unwrap();
    bench.post(&bench.open(&other), &one(2)).unwrap();
    assert_eq!(bench.state_in(&other, 2).1, "cap-author");
    for file in std::fs::read_dir(bench.place.state()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let has = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        assert!(
            !has("asker0") && !has("neighbor"),
            "names and texts of others"
        );
    }
}

#[test]
fn each_run_of_a_sandbox_has_a_ledger_of_its_own() {
    let (one, other) = (Bench::with(1), Bench::with(1));
    assert_eq!(
        one.replies[0].1, other.replies[0].1,
        "names are of the seed"
    );
    for bench in [&one, &other] {
        let mut engine = bench.engine();
        // another machine than the one it was made on, so it must be confirmed
        engine.environment.state = Some(one.place.state());
        confirm_all(&engine);
        bench.post(&engine, &bench.live()).unwrap();
        assert_eq!((bench.posted(), bench.state(1).0.as_str()), (1, "posted"));
    }
}

#[test]
fn newer_comment_is_deleted_if_one_arrived_between_check_and_send() {
    // from another machine, a moment before ours, and a moment after
    for (step, ours_stays) in [("intended", false), ("sent", true)] {
        let bench = Bench::with(1);
        let parent = bench.replies[0].1.clone();
        let mut engine = bench.engine();
        let fake = Arc::clone(&bench.fake);
        let under = parent.clone();
        at_step(&mut engine, step, move || {
            fake.world()
                .add_comment(&under, ACCOUNT, "from elsewhere")
                .unwrap();
        });
        bench.post(&engine, &bench.live()).unwrap();
        let made = bench.fake.world().made(ACCOUNT, &parent)[0].clone();
        let outbox = story(&bench, &bench.place.project(), 1);
        let mut world = bench.fake.world();
        let post = outbox.post_name.clone().unwrap();
        let mut living = world.comments_of(&post);
        living.retain(|name| {
            let comment = world.comment(name).unwrap();
            comment.author == ACCOUNT && !comment.deleted
        });
        assert_eq!(living.len(), 1, "{step}");
        assert_eq!(living[0] == made, ours_stays, "{step}");
        let found = (outbox.state.as_str(), outbox.code.as_str());
        if ours_stays {
            assert_eq!(found, ("posted", ""), "{outbox:?}");
        } else {
            assert_eq!(found, ("withdrawn", "duplicate"), "{outbox:?}");
            assert!(outbox.detail.contains(&living[0]), "{outbox:?}");
        }
        drop(world);
        let lines = bench.engine().posting().audit(Some(1), 9).unwrap();
        assert!(
            lines.iter().any(|line| line.what == "duplicate deleted"),
            "{lines:?}"
        );
        // and nothing is posted there again, from anywhere
        let other = other_project(&bench);
        bench.post(&bench.open(&other), &bench.live()).unwrap();
        assert_eq!(bench.posted(), 1);
    }
}

#[test]
fn failed_duplicate_check_is_repeated_later() {
    let bench = Bench::with(1);
    let parent = bench.replies[0].1.clone();
    bench.fake.world().fail(blind(On::UserComments));
    // a posted reply stays posted
    assert_eq!(
        bench.first(&now()),
        ("posted".to_owned(), "unchecked".to_owned())
    );
    let newer = {
        let mut world = bench.fake.world();
        world
            .add_comment(&parent, ACCOUNT, "from elsewhere")
            .unwrap()
    };
    bench.fake.world().heal();
    let down = Rule::always(On::Del, Fault::StatusBefore { status: 503 });
    bench.fake.world().fail(down);
    done(&bench.engine(), &everything());
    assert_eq!(
        bench.state(1),
        ("posted".to_owned(), "duplicates".to_owned())
    );
    bench.fake.world().heal();
    done(&bench.engine(), &everything());
    assert_eq!(bench.state(1), ("posted".to_owned(), String::new()));
    assert!(bench.fake.world().comment(&newer).unwrap().deleted);
    // a process that died before the check leaves it to the next one
    let bench = Bench::with(1);
    let doomed = bench.doomed(
        &bench.place.project(),
        "noted in the ledger",
        0,
        &Arc::default(),
    );
    bench.post(&doomed, &now()).unwrap_err();
    assert_eq!(bench.state(1).1, "unchecked");
    bench.bury();
    bench.post(&bench.engine(), &now()).unwrap();
    assert_eq!(bench.state(1), ("posted".to_owned(), String::new()));
}

#[test]
fn purged_text_leaves_no_hash_in_the_ledger_and_stays_answered() {
    let bench = Bench::with(1);
    let other = other_project(&bench);
    bench.post(&bench.engine(), &now()).unwrap();
    let name = bench.replies[0].1.clone();
    let entry = || {
        let ledger = bench.place.state().join("ledger.sqlite");
        let db = rusqlite::Connection::open(ledger).unwrap();
        let sql = "SELECT author || hash, state FROM entry";
        db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
    };
    let (told, state): (String, String) = entry();
    assert_eq!((told.len(), state.as_str()), (32 + 64, "posted"));
    bench
        .engine()
        .posting()
        .forget_names(&[name], PERSON)
        .unwrap();
    assert_eq!(entry(), (String::new(), "posted".to_owned()));
    bench.post(&bench.open(&other), &bench.live()).unwrap();
    assert_eq!(bench.state_in(&other, 1).1, "answered-elsewhere");
    assert_eq!(bench.posted(), 1);
}

#[test]
fn copies_posting_on_two_machines_leave_one_comment() {
    let bench = Bench::with(1);
    let copy = bench.copy(&bench.place.project(), "copy");
    let far = |path: &Path| {
        let mut engine = bench.open(path);
        engine.environment.state = Some(bench.place.path("the other machine"));
        engine
    };
    confirm_all(&far(&copy));
    let both = Arc::new(std::sync::Barrier::new(2));
    let mut engines = [bench.engine(), far(&copy)];
    for engine in &mut engines {
        let both = Arc::clone(&both);
        at_step(engine, "intended", move || _ = both.wait());
    }
    std::thread::scope(|scope| {
        for engine in &engines {
            scope.spawn(|| bench.post(engine, &bench.live()).unwrap());
        }
    });
    // no ledger reaches across machines: both were sent
    assert_eq!(bench.fake.world().duplicates().len(), 1);
    let made = bench.fake.world().made(ACCOUNT, &bench.replies[0].1);
    let mut world = bench.fake.world();
    let gone = [0, 1].map(|at: usize| world.comment(&made[at]).unwrap().deleted);
    assert_eq!(gone, [false, true], "the older one stays");
    drop(world);
    let mut found = [&bench.place.project(), &copy].map(|path| bench.state_in(path, 1));
    found.sort();
    assert_eq!(
        found.to_vec(),
        states(&[("posted", ""), ("withdrawn", "duplicate")])
    );
}
