//! Replies with unconfirmed delivery, and duplicates.

use super::*;
use repartee_engine::terms::ReplyState;

#[test]
fn comment_is_found_with_a_clock_hours_off() {
    for hours in [-5, -1, 1, 5] {
        let bench = Bench::skewed(1, hours * 3_600_000);
        bench
            .fake
            .world()
            .fail(Rule::once(On::Comment, Fault::DropAfter));
        assert_eq!(bench.first(&bench.live()).0, "posted", "{hours} hours");
        assert_eq!(bench.posted(), 1);
        // one that never arrived is absent, and its parent free for another attempt of the user
        let bench = Bench::skewed(1, hours * 3_600_000);
        bench
            .fake
            .world()
            .fail(Rule::once(On::Comment, Fault::DropBefore));
        assert_eq!(
            bench.first(&bench.live()),
            ("absent".to_owned(), "absent".to_owned()),
            "{hours} hours"
        );
        let story = bench.engine().posting().outbox_story(1).unwrap();
        assert!(story.attempts[0].looks.len() >= 6 && story.outbox.needs_person);
        let engine = bench.engine();
        engine
            .posting()
            .reply_settle(1, &again(&engine, 1), PERSON)
            .unwrap();
        assert_eq!(bench.first(&bench.live()).0, "posted");
    }
}

#[test]
fn late_arrival_is_found_before_sending_again() {
    // no check could see it, so the user sends it again; by then it exists, once or twice
    for (copies, code) in [(1, ""), (2, "")] {
        let bench = Bench::with(1);
        bench
            .fake
            .world()
            .fail(Rule::once(On::Comment, Fault::DropBefore));
        assert_eq!(bench.first(&bench.live()).0, "absent");
        let (engine, parent) = (bench.engine(), bench.replies[0].1.clone());
        engine
            .posting()
            .reply_settle(1, &again(&engine, 1), PERSON)
            .unwrap();
        {
            let mut world = bench.fake.world();
            for _ in 0..copies {
                world.add_comment(&parent, ACCOUNT, "it came late").unwrap();
            }
            // even if it is locked now, it stays posted
            world.comment(&parent).unwrap().locked = true;
        }
        let ours = |bench: &Bench| -> Vec<bool> {
            let mut world = bench.fake.world();
            let mut names = world.comments_of(
                &engine.posting().outbox(None).unwrap()[0]
                    .post_name
                    .clone()
                    .unwrap(),
            );
            names.retain(|name| world.comment(name).unwrap().author == ACCOUNT);
            names.sort();
            names
                .iter()
                .map(|name| world.comment(name).unwrap().deleted)
                .collect()
        };
        let sent = bench.posted();
        assert_eq!(
            bench.first(&now()),
            ("posted".to_owned(), code.to_owned()),
            "{copies} copies"
        );
        assert_eq!(bench.posted(), sent, "nothing was sent");
        // the older one stays
        assert_eq!(ours(&bench), [false, true][..copies]);
    }
}

#[test]
fn a_person_settles_withdraws_and_edits() {
    let bench = Bench::with(1);
    bench
        .fake
        .world()
        .fail(Rule::once(On::Comment, Fault::DropAfter));
    bench.fake.world().fail(blind(On::UserComments));
    bench.fake.world().fail(blind(On::Comments));
    assert_eq!(bench.first(&now()).0, "uncertain");
    let engine = bench.engine();
    assert_eq!(
        engine
            .posting()
            .reply_settle(1, &again(&engine, 1), PERSON)
            .unwrap_err()
            .code,
        Code::Usage
    );
    let wrong = Settle::Posted {
        link: "https://www.reddit.com/r/Quiet/comments/zzz/_/yyy/".to_owned(),
    };
    assert_eq!(
        engine
            .posting()
            .reply_settle(1, &wrong, PERSON)
            .unwrap_err()
            .code,
        Code::Usage
    );
    let name = bench.fake.world().made(ACCOUNT, &bench.replies[0].1)[0].clone();
    let post = engine.posting().outbox(None).unwrap()[0]
        .post_name
        .clone()
        .unwrap();
    let link = format!(
        "https://www.reddit.com/r/Quiet/comments/{}/_/{}/",
        &post[3..],
        &name[3..]
    );
    let story = engine
        .posting()
        .reply_settle(1, &Settle::Posted { link }, PERSON)
        .unwrap();
    assert_eq!(
        (
            story.outbox.state.as_str(),
            story.outbox.posted_name.as_deref()
        ),
        ("posted", Some(name.as_str()))
    );

    bench.fake.world().heal();
    rewrite(&engine, 1, "A better text.").unwrap();
    let body = bench.fake.world().comment(&name).unwrap().body.clone();
    assert!(
        body.starts_with("A better text.") && body.contains("u/the_operator"),
        "{body}"
    );
    assert_eq!(rewrite(&engine, 1, "kys").unwrap_err().code, Code::Refused);
    assert_eq!(
        engine
            .posting()
            .reply_withdraw(1, &seen(&engine, 1), PERSON)
            .unwrap()
            .outbox
            .state,
        ReplyState::Withdrawn
    );
    assert!(bench.fake.world().comment(&name).unwrap().deleted);
    // this account never answers its parent again
    assert_eq!(
        engine
            .posting()
            .reply_withdraw(1, &seen(&engine, 1), PERSON)
            .unwrap_err()
            .code,
        Code::Usage
    );
    let what: Vec<String> = engine
        .posting()
        .audit(Some(1), 50)
        .unwrap()
        .into_iter()
        .rev()
        .map(|line| line.what)
        .collect();
    assert_eq!(
        what,
        [
            "approved",
            "sending",
            "uncertain",
            "link entered manually",
            "edited",
            "withdrawn"
        ]
    );
    assert!(
        engine
            .posting()
            .audit(Some(1), 50)
            .unwrap()
            .iter()
            .all(|line| !line.who.is_empty())
    );
}

#[test]
fn uncertain_reply_blocks_the_account_until_settled() {
    let bench = Bench::with(2);
    bench
        .fake
        .world()
        .fail(Rule::once(On::Comment, Fault::DropAfter));
    bench.fake.world().fail(blind(On::UserComments));
    bench.fake.world().fail(blind(On::Comments));
    // it cannot be seen either way: after some checks the user decides, and nothing else is posted
    bench.post(&bench.engine(), &bench.live()).unwrap();
    assert_eq!(
        bench.state(1),
        ("uncertain".to_owned(), "unsettled".to_owned())
    );
    assert_eq!((bench.posted(), bench.state(2).0.as_str()), (1, "approved"));
    bench
        .engine()
        .posting()
        .reply_settle(1, &Settle::GiveUp, PERSON)
        .unwrap();
    assert_eq!(bench.state(1).0, "withdrawn");
    bench.fake.world().heal();
    bench.post(&bench.engine(), &bench.live()).unwrap();
    assert_eq!(bench.state(2).0, "posted");
    assert_eq!(bench.fake.world().duplicates(), []);
}

#[test]
fn duplicates_on_reddit_are_reported_and_deleted() {
    let bench = Bench::with(1);
    let parent = bench.replies[0].1.clone();
    lost(&bench);
    let first = bench.fake.world().made(ACCOUNT, &parent)[0].clone();
    // neither one of another account is deleted, nor one of ours elsewhere
    let (duplicate, theirs, elsewhere) = {
        let mut world = bench.fake.world();
        let mut add =
            |parent: &str, who: &str| world.add_comment(parent, who, "The same.").unwrap();
        let duplicate = add(&parent, ACCOUNT);
        (duplicate, add(&parent, "a_stranger"), add(&first, ACCOUNT))
    };
    let engine = bench.engine();
    let all = Reconcile {
        wait: true,
        ..Reconcile::default()
    };
    let down = Fault::StatusBefore { status: 503 };
    bench.fake.world().fail(Rule::always(On::Del, down.clone()));
    assert_eq!(done(&engine, &all).posted, [1]);
    let story = engine.posting().outbox_story(1).unwrap();
    assert_eq!(story.outbox.posted_name.as_ref(), Some(&first));
    assert_eq!(
        (story.outbox.code.as_str(), story.outbox.needs_person),
        ("duplicates", true)
    );
    assert!(story.outbox.detail.contains(&duplicate), "{story:?}");
    let deleted = |name: &str| bench.fake.world().comment(name).unwrap().deleted;

    // what could not be deleted is reported again
    assert_eq!(
        engine
            .posting()
            .reply_delete_duplicates(1, &seen(&engine, 1), PERSON)
            .unwrap_err()
            .code,
        Code::Io
    );
    bench.fake.world().heal();
    // Reddit reports success for everything: it is checked that it is gone
    bench.fake.world().comment(&duplicate).unwrap().author = "renamed".to_owned();
    let error = engine
        .posting()
        .reply_delete_duplicates(1, &seen(&engine, 1), PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Refused, "{error}");
    assert_eq!(engine.posting().outbox_story(1).unwrap(), story);
    bench.fake.world().comment(&duplicate).unwrap().author = ACCOUNT.to_owned();

    let story = engine
        .posting()
        .reply_delete_duplicates(1, &seen(&engine, 1), PERSON)
        .unwrap();
    assert_eq!(
        (story.outbox.state.as_str(), story.outbox.code.as_str()),
        ("posted", "")
    );
    assert_eq!(story.outbox.posted_name.as_ref(), Some(&first));
    assert!(!story.outbox.needs_person && story.outbox.detail.is_empty());
    assert_eq!(
        [&first, &duplicate, &theirs, &elsewhere].map(|name| deleted(name)),
        [false, true, false, false]
    );
    let line = engine.posting().audit(Some(1), 1).unwrap().remove(0);
    assert_eq!(
        (line.what.as_str(), line.who.as_str()),
        ("duplicate deleted", PERSON)
    );
    // it exists once now
    assert_eq!(
        engine
            .posting()
            .reply_delete_duplicates(1, &seen(&engine, 1), PERSON)
            .unwrap_err()
            .code,
        Code::Usage
    );
    assert_eq!(bench.posted(), 1);
}
