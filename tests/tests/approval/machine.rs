//! Decisions count on the machine on which they were made.

use super::*;

#[test]
fn approval_from_another_machine_is_shown_as_such_and_must_be_given_again() {
    let bench = Bench::new(1);
    approve_as_shown(&bench.engine(), 1, PERSON).unwrap();
    let other = bench.elsewhere("another machine");
    let shown = other.reply(1).unwrap().reply.shown;
    assert!(shown.again.contains("another machine"), "{shown:?}");
    assert!(other.posting().outbox_story(1).unwrap().outbox.needs_person);
    // there, the records must be confirmed, too
    let against: Vec<String> = other
        .posting()
        .outbox_story(1)
        .unwrap()
        .objections
        .into_iter()
        .map(|one| one.code)
        .collect();
    assert_eq!(
        against,
        ["copied", "other-machine", "unconfirmed", "unconfirmed"]
    );
    // the file itself must be confirmed first
    assert_eq!(post(&other, &now()).unwrap_err().code, Code::Copied);
    other.posting().project_adopt(PERSON).unwrap();
    // nor is it recorded as posted manually before it was read here
    let error = other
        .reply_posted_by_hand(1, "", &shown.seen, PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Changed);
    post(&other, &now()).unwrap();
    assert_eq!(
        bench.state(&other),
        ("draft".to_owned(), "other-machine".to_owned())
    );
    approve_as_shown(&other, 1, PERSON).unwrap();
    post(&other, &now()).unwrap();
    assert_eq!(
        bench.state(&other),
        ("approved".to_owned(), "unconfirmed".to_owned())
    );

    // confirmed by what is shown of them, and by nothing else
    let (account, permission) = (
        other.posting().account(ACCOUNT).unwrap(),
        other.posting().posting_permissions().unwrap().remove(0),
    );
    for words in [&account.unconfirmed, &permission.unconfirmed] {
        assert!(words.contains("another machine"), "{words}");
    }
    assert!(
        account
            .missing
            .iter()
            .any(|one| one.contains("your confirmation"))
    );
    let confirm =
        |record, name, seen: &str| other.posting().record_confirm(record, name, seen, PERSON);
    let wrong = confirm(RecordKind::Subreddit, SUBREDDIT, &account.seen).unwrap_err();
    assert_eq!(wrong.code, Code::Changed);
    bench.sql("UPDATE subreddit SET link = 'https://example.org/other'");
    let stale = confirm(RecordKind::Subreddit, SUBREDDIT, &permission.seen).unwrap_err();
    assert_eq!(stale.code, Code::Changed);
    let permission = other.posting().posting_permissions().unwrap().remove(0);
    confirm(RecordKind::Subreddit, SUBREDDIT, &permission.seen).unwrap();
    confirm(RecordKind::Account, ACCOUNT, &account.seen).unwrap();
    assert_eq!(other.posting().account(ACCOUNT).unwrap().unconfirmed, "");
    assert_eq!(
        other.posting().posting_permissions().unwrap()[0].unconfirmed,
        ""
    );
    assert_eq!(bench.posted(), 0);
    post(&other, &now()).unwrap();
    assert_eq!(
        (bench.state(&other).0.as_str(), bench.posted()),
        ("posted", 1)
    );
    let confirmed = other.posting().audit(None, 100).unwrap();
    assert_eq!(
        confirmed
            .iter()
            .filter(|line| line.what == "confirmed")
            .count(),
        2
    );
}

#[test]
fn unsealed_and_changed_records_block_posting_until_confirmed() {
    for (set, words) in [
        ("UPDATE subreddit SET seal = ''", "earlier version"),
        (
            "UPDATE subreddit SET link = 'https://example.org/forged'",
            "outside of Repartee",
        ),
        (
            "UPDATE subreddit SET expires_ms = 9e15",
            "outside of Repartee",
        ),
        ("UPDATE account SET seal = ''", "earlier version"),
        (
            "UPDATE account SET approval = 'forged'",
            "outside of Repartee",
        ),
        ("UPDATE account SET label_seal = ''", "earlier version"),
        (
            "UPDATE account SET labelled_by = 'eve'",
            "outside of Repartee",
        ),
    ] {
        let bench = Bench::new(1);
        let engine = bench.engine();
        approve_as_shown(&engine, 1, PERSON).unwrap();
        bench.sql(set);
        post(&engine, &now()).unwrap();
        assert_eq!(
            bench.state(&engine),
            ("approved".to_owned(), "unconfirmed".to_owned()),
            "{set}"
        );
        let (account, permission) = (
            engine.posting().account(ACCOUNT).unwrap(),
            engine.posting().posting_permissions().unwrap().remove(0),
        );
        let told = format!("{}{}", account.unconfirmed, permission.unconfirmed);
        assert!(told.contains(words), "{set}: {told}");
        engine
            .posting()
            .record_confirm(RecordKind::Account, ACCOUNT, &account.seen, PERSON)
            .unwrap();
        engine
            .posting()
            .record_confirm(RecordKind::Subreddit, SUBREDDIT, &permission.seen, PERSON)
            .unwrap();
        post(&engine, &now()).unwrap();
        assert_eq!(
            (bench.state(&engine).0.as_str(), bench.posted()),
            ("posted", 1),
            "{set}"
        );
    }
    // a disabled permission is not enabled again because its reason is gone, and is not confirmed
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    engine
        .posting()
        .posting_permission_off(SUBREDDIT, "they wrote to us", PERSON)
        .unwrap();
    let off = engine.posting().posting_permissions().unwrap().remove(0);
    let error = engine
        .posting()
        .record_confirm(RecordKind::Subreddit, SUBREDDIT, &off.seen, PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Usage);
    bench.sql("UPDATE subreddit SET off = ''");
    post(&engine, &now()).unwrap();
    assert_eq!(
        (bench.state(&engine).1.as_str(), bench.posted()),
        ("unconfirmed", 0)
    );
}

#[test]
fn limits_loosened_on_another_machine_are_not_loose_here() {
    let bench = Bench::new(1);
    let loose = PostingRules {
        per_day: 1000,
        pause_min: 0.0,
        words: Vec::new(),
        ..bench.engine().posting().posting_rules().unwrap()
    };
    bench
        .engine()
        .posting()
        .posting_rules_set(&loose, RAISE, PERSON)
        .unwrap();
    assert_eq!(bench.engine().posting().posting_rules().unwrap(), loose);
    let there = bench
        .elsewhere("another machine")
        .posting()
        .posting_rules()
        .unwrap();
    assert_eq!((there.per_day, there.pause_min), (10, 10.0));
    assert!(there.words.iter().any(|word| word == "suicide"));
    // edited in the file, they are no user's decision
    bench.sql(
        "UPDATE setting SET value = json_set(value, '$.per_day', 100000) WHERE key = 'reddit'",
    );
    assert_eq!(
        bench.engine().posting().posting_rules().unwrap().per_day,
        10
    );
}
