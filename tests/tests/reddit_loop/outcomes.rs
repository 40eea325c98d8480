//! Saved threads without network, and scores that arrive later.

use super::*;
use repartee_engine::terms::ReplyState;
use repartee_store::threads::{NewThread, NewThreadComment};

/// A small model of a kind, trained for two steps.
fn train(engine: &Engine, kind: ModelKind, name: &str, base: &str) {
    let config = RunConfig {
        name: name.to_owned(),
        base: base.to_owned(),
        steps: 2,
        batch_size: 2,
        max_tokens: 64,
        samples: 0,
        validate_limit: 4,
        ..RunConfig::of(kind)
    };
    done(engine, &Train::new(&config).unwrap());
}

/// Threads that were fetched and saved on another machine.
fn saved_threads() -> Vec<u8> {
    let fake = fake(6);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    let subreddits = fake
        .world()
        .subreddits
        .values()
        .map(|s| s.name.clone())
        .collect();
    let fetched = fetch(
        &engine,
        Fetch {
            subreddits,
            ..Fetch::default()
        },
    );
    let file = place.path("threads.jsonl");
    assert_eq!(
        engine.posting().threads_export(&file, &[]).unwrap(),
        fetched.threads.len()
    );
    std::fs::read(file).unwrap()
}

fn draft() -> DraftReplies {
    DraftReplies {
        comments: 2,
        context: Some(true),
        generate: Generate {
            generator: "writer".to_owned(),
            upvotes: Some("upvoter".to_owned()),
            candidates: 3,
            sampling: SamplingParams {
                max_new_tokens: 12,
                ..SamplingParams::default()
            },
            ..Generate::default()
        },
        ..DraftReplies::default()
    }
}

/// A project without an account, with saved threads and drafts of replies to them.
fn replayed() -> (Place, Engine, Generated) {
    let (place, engine) = project(60);
    train(&engine, ModelKind::Generator, "writer", "small-gpt2");
    train(&engine, ModelKind::Upvotes, "upvoter", "small-bert");
    let threads = engine
        .posting()
        .threads_import(&place.write("threads.jsonl", saved_threads()))
        .unwrap();
    assert!(threads.len() >= 4, "{}", threads.len());
    let generated = done(&engine, &draft()).generated.unwrap();
    assert!(!generated.queued.is_empty());
    (place, engine, generated)
}

#[test]
fn saved_threads_are_drafted_once_without_network() {
    let (_place, engine, generated) = replayed();
    assert!(generated.comments.len() >= 4);
    let outbox = engine.posting().outbox(Some(ReplyState::Draft)).unwrap();
    assert_eq!(outbox.len(), generated.queued.len());
    assert!(outbox.iter().all(|one| {
        one.parent_name
            .as_deref()
            .is_some_and(|name| name.starts_with("t1_"))
    }));
    // those that have a draft are not answered a second time
    let second = done(&engine, &draft());
    let again: Vec<i64> = second
        .generated
        .map(|g| g.comments.iter().map(|c| c.thread).collect())
        .unwrap_or_default();
    assert!(again.len() < generated.comments.len() + 1);
}

#[test]
fn purged_ancestor_takes_the_candidates_that_saw_it_along() {
    let (place, engine, _) = replayed();
    let comment = |name: &str, parent: Option<usize>, body: &str| NewThreadComment {
        parent,
        name: Some(name.to_owned()),
        body: body.to_owned(),
        ..NewThreadComment::default()
    };
    let thread = NewThread {
        origin: "reddit".to_owned(),
        title: "A title".to_owned(),
        name: Some("t3_zzzz1".to_owned()),
        comments: vec![
            comment("t1_zzzz2", None, "What is above?"),
            comment("t1_zzzz3", Some(0), "What is below?"),
        ],
        ..NewThread::default()
    };
    let store = Store::open(&place.project()).unwrap();
    let (_, ids) = store.thread_insert(&thread, 0).unwrap();
    let job = Generate {
        stored: vec![ids[1]],
        context: true,
        ..draft().generate
    };
    let generated = done(&engine, &job);
    let all = store.candidates(generated.generation).unwrap();
    assert!(all.iter().any(|one| !one.text.is_empty()), "{all:?}");
    let above = "t1_zzzz2".to_owned();
    engine.posting().forget_names(&[above], PERSON).unwrap();
    let left = store.candidates(generated.generation).unwrap();
    assert_eq!(left.len(), all.len());
    assert!(left.iter().all(|one| one.text.is_empty()), "{left:?}");
}

#[test]
fn reply_posted_manually_is_in_the_outcomes_with_its_prediction() {
    let (place, engine, generated) = replayed();
    let id = generated.queued[0];
    approve_as_shown(&engine, id, PERSON).unwrap();
    let one = engine.posting().outbox_story(id).unwrap().outbox;
    assert_eq!((one.state.as_str(), one.account.as_str()), ("approved", ""));
    let post = one.post_name.unwrap();
    let link = format!("https://www.reddit.com/r/x/comments/{}/_/zz1/", &post[3..]);
    for (wrong, why) in [
        ("https://example.org/zz1", "does not show"),
        (
            "https://www.reddit.com/r/x/comments/zz9/_/zz1/",
            "another post",
        ),
        (link.trim_end_matches("_/zz1/"), "leads to a post"),
        (
            &link.replace("zz1", &one.parent_name.unwrap()[3..]),
            "answers",
        ),
    ] {
        let error = engine
            .reply_posted_by_hand(id, wrong, &seen(&engine, id), PERSON)
            .unwrap_err();
        assert!(
            error.code == Code::Usage && error.message.contains(why),
            "{error}"
        );
    }
    for nobody in ["", "  ", "\u{200b}"] {
        let shown = seen(&engine, id);
        assert!(
            engine
                .reply_posted_by_hand(id, &link, &shown, nobody)
                .is_err()
        );
        assert!(engine.reply_approve(id, &shown, nobody).is_err());
    }
    engine
        .reply_posted_by_hand(id, &link, &seen(&engine, id), PERSON)
        .unwrap();
    let second = generated.queued[1];
    approve_as_shown(&engine, second, PERSON).unwrap();
    let error = engine
        .reply_posted_by_hand(second, &link, &seen(&engine, second), PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Usage, "{error}");
    let posted = engine
        .posting()
        .outbox_story(id)
        .unwrap()
        .outbox
        .posted_name;
    assert_eq!(posted.as_deref(), Some("t1_zz1"));
    // another reply's link
    let same = (generated.queued[1..].iter()).find(|other| {
        let story = engine.posting().outbox_story(**other).unwrap().outbox;
        story.post_name.as_deref() == Some(post.as_str())
    });
    if let Some(other) = same {
        approve_as_shown(&engine, *other, PERSON).unwrap();
        let shown = seen(&engine, *other);
        let error = engine
            .reply_posted_by_hand(*other, &link, &shown, PERSON)
            .unwrap_err();
        assert!(error.message.contains(&format!("reply {id}")), "{error}");
    }
    assert_eq!(engine.outcomes_chart().unwrap_err().code, Code::NotFound);
    {
        let store = Store::open(&place.project()).unwrap();
        let outcome = Outcome {
            reply_id: id,
            after_s: 3_600,
            at_ms: 1,
            score: Some(12),
            gone: String::new(),
        };
        store.outcome_put(&outcome).unwrap();
    }
    // the most probable bin is another than the expected one, rounded
    let bins = "UPDATE candidate SET b0 = 0.4, b1 = 0.1, b2 = 0.1, b3 = 0.4, expected_bin = 1.5";
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute(bins, []).unwrap();
    let outcomes = engine.outcomes().unwrap();
    for row in &outcomes.rows {
        let queued = engine.reply(row.reply).unwrap().reply;
        let of_queue = (
            queued.predicted,
            queued.expected_bin,
            queued.bins,
            queued.p_real,
        );
        assert_eq!(
            (row.predicted, row.expected_bin, row.bins, row.p_real),
            of_queue
        );
    }
    assert_eq!((outcomes.judged, outcomes.rows.len()), (1, 1));
    assert_eq!(outcomes.rows[0].predicted, Some(0));
    assert!(outcomes.rows[0].actual.is_some());
    assert!(engine.outcomes_chart().unwrap().svg.contains("<svg"));
}

#[test]
fn invalid_line_of_saved_threads_is_named() {
    let place = Place::with_project();
    let error = place
        .engine()
        .posting()
        .threads_import(&place.write("bad.jsonl", "\nnonsense\n"))
        .unwrap_err();
    assert!(error.message.contains("line 2"), "{error}");
}

/// Three posted replies, the drafts of which are `replies`. One has a score and an answer that asks to stop; the other
/// two were removed.
struct Posted {
    fake: Arc<Fake>,
    engine: Engine,
    _place: Place,
    replies: Vec<i64>,
    names: Vec<String>,
}

impl Posted {
    fn new() -> Self {
        let fake = Arc::new(fake(0));
        let place = Place::with_project();
        let mut engine = place.engine();
        let clock = connect(&mut engine, &fake);
        let permission = NewPostingPermission {
            subreddit: "Quiet".to_owned(),
            link: "https://example.org/permission".to_owned(),
            ..NewPostingPermission::default()
        };
        engine
            .posting()
            .permit_subreddit(&permission, PERSON)
            .unwrap();
        let mut posts = Vec::new();
        for n in 0..3 {
            let mut world = fake.world();
            let post = world.add_post("Quiet", "host", &format!("Question {n}"), "text");
            let question = format!("How does one do number {n}, please?");
            world
                .add_comment(&post, &format!("asker{n}"), &question)
                .unwrap();
            posts.push(post);
        }
        fetch(
            &engine,
            Fetch {
                posts,
                ..Fetch::default()
            },
        );
        let replies = drafts(&place);
        let texts = [
            "Ask the oldest person in your street.",
            "Two screws and a hammer did it here.",
            "Sleep over it; morning helps.",
        ];
        for (reply, text) in replies.iter().zip(texts) {
            engine.reply_edit(*reply, text, PERSON).unwrap();
            approve_as_shown(&engine, *reply, PERSON).unwrap();
        }
        for n in 0..3 {
            done(
                &engine,
                &Post {
                    live: Some(true),
                    ..Post::default()
                },
            );
            assert_eq!(engine.queue_counts().unwrap().posted, n + 1);
            clock.skip(Duration::from_secs(86_400));
            fake.world().pass(86_400_000);
        }
        let mut names = Vec::new();
        for one in engine.posting().outbox(Some(ReplyState::Posted)).unwrap() {
            assert!(one.link.starts_with(fake.base()), "{}", one.link);
            names.push(one.posted_name.unwrap());
        }
        {
            let mut world = fake.world();
            world.comment(&names[0]).unwrap().score = 17;
            world.comment(&names[1]).unwrap().removed = true;
            world.comment(&names[2]).unwrap().removed = true;
            world.add_comment(&names[0], "asker0", "STOP").unwrap();
        }
        Self {
            fake,
            engine,
            _place: place,
            replies,
            names,
        }
    }
}

#[test]
fn scores_arrive_later_and_removals_disable_a_subreddit() {
    let of = Posted::new();
    let engine = &of.engine;
    let read = done(engine, &ReadOutcomes::default());
    assert!(
        read.read >= 3 && read.removed >= 2 && read.asked == 1 && read.failed == 0,
        "{read:?}"
    );
    let outcomes = engine.outcomes().unwrap();
    assert_eq!(outcomes.removed, 2);
    let first = outcomes
        .rows
        .iter()
        .find(|row| row.reply == of.replies[0])
        .unwrap();
    assert_eq!(first.readings[0].score, Some(17));
    assert!(
        engine.posting().posting_permissions().unwrap()[0]
            .off
            .contains("removed")
    );
    assert_eq!(engine.posting().opt_outs().unwrap()[0].name, "asker0");
    // nothing is read twice
    assert_eq!(done(engine, &ReadOutcomes::default()).read, 0);
    assert!(of.fake.world().calls(On::Comment).len() == 3);
}

#[test]
fn unreadable_score_is_left_out_and_named_and_the_next_run_reads_it() {
    let of = Posted::new();
    of.fake.world().fail(Rule {
        skip: 1,
        times: Some(1),
        ..Rule::always(On::Info, Fault::NotJson)
    });
    let first = done(&of.engine, &ReadOutcomes::default());
    assert_eq!((first.failed, first.left_out.count), (1, 1), "{first:?}");
    assert!(of.names.contains(&first.left_out.items[0].id), "{first:?}");
    assert!(first.read >= 2, "{first:?}");
    of.fake.world().heal();
    let second = done(&of.engine, &ReadOutcomes::default());
    assert_eq!((second.read, second.failed), (1, 0), "{second:?}");
    let read = (
        first.read + second.read,
        first.removed + second.removed,
        first.asked + second.asked,
    );
    assert!(read.0 >= 3 && read.1 >= 2 && read.2 == 1, "{read:?}");
    assert_eq!(of.engine.outcomes().unwrap().removed, 2);
    assert_eq!(done(&of.engine, &ReadOutcomes::default()).read, 0);
}
