//! From threads of a fake Reddit to drafts and outcomes, and to oblivion: fetching, saved threads without a
//! network, deletion down to the bytes of the file, scores that come later.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use repartee_engine::generate::Generate;
use repartee_engine::pick::Criteria;
use repartee_engine::reddit::{
    DraftReplies, Fetch, Fetched, LogIn, NewAccount, NewPermit, Outside, Post, ReadOutcomes, Sync,
};
use repartee_engine::run_config::{RunConfig, RunKind};
use repartee_engine::train::Train;
use repartee_engine::{Code, Decode, Engine};
use repartee_fake_reddit::{ACCOUNT, CLIENT_ID, CLIENT_SECRET, Fake, On, Options, PASSWORD};
use repartee_reddit::{App, Grant, Login, SkipClock};
use repartee_store::Store;
use repartee_store::outcomes::Outcome;
use repartee_tests::sample::{done, project};
use repartee_tests::{Place, Ran};

const PERSON: &str = "a person";

fn login(_: &str) -> Option<Login> {
    Some(Login {
        app: App {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
        },
        grant: Grant::Password {
            username: ACCOUNT.to_owned(),
            password: PASSWORD.into(),
        },
    })
}

fn account(fake: &Fake) -> NewAccount {
    NewAccount {
        name: ACCOUNT.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        operator: "the_operator".to_owned(),
        host: fake.base().to_owned(),
        approval: "https://example.org/approved".to_owned(),
        ..NewAccount::default()
    }
}

/// Connects a project with a fake.
fn connect(engine: &mut Engine, fake: &Fake) -> Arc<SkipClock> {
    let clock = Arc::new(SkipClock::new());
    engine.outside = Outside {
        clock: clock.clone(),
        login: Some(Arc::new(login)),
        on_step: None,
    };
    engine.account_put(&account(fake), PERSON).unwrap();
    engine.account_label(ACCOUNT, true, PERSON).unwrap();
    clock
}

fn fake(posts: usize) -> Fake {
    Fake::start(Options {
        posts,
        ..Options::default()
    })
    .unwrap()
}

/// All that lies in the project's files.
fn bytes(place: &Place) -> Vec<u8> {
    let mut all = Vec::new();
    for name in ["test.repartee", "test.repartee-wal", "test.repartee-shm"] {
        all.extend(std::fs::read(place.path(name)).unwrap_or_default());
    }
    all
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

fn fetch(engine: &Engine, job: Fetch) -> Fetched {
    done(engine, &job)
}

#[test]
fn a_login_says_who_it_is_and_what_is_missing() {
    let fake = fake(0);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    assert_eq!(engine.accounts().unwrap()[0].missing, ["a login"]);
    let account = done(&engine, &LogIn::default());
    assert!(
        account.missing.is_empty() && account.facts.login_ms.is_some(),
        "{account:?}"
    );
    assert!(account.facts.scope.contains("submit") && !account.facts.scope.contains("vote"));
    // the login of another account is none
    let other = NewAccount {
        name: "somebody_else".to_owned(),
        ..self::account(&fake)
    };
    engine.account_put(&other, PERSON).unwrap();
    let error = engine
        .start(
            &LogIn {
                account: "somebody_else".into(),
                anew: false,
            },
            &|_| {},
        )
        .unwrap_err();
    assert_eq!(error.code, Code::Login);
    assert!(error.message.contains(ACCOUNT), "{error}");
}

#[test]
fn rising_posts_become_threads_with_reasons() {
    let fake = fake(12);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    let (subreddits, locked) = {
        let mut world = fake.world();
        let names: Vec<String> = world.subreddits.values().map(|s| s.name.clone()).collect();
        let post = world.add_post(&names[0], "host", "A locked one", "text");
        world.post(&post).unwrap().locked = true;
        world.post(&post).unwrap().score = 900;
        let open = world.add_post(&names[0], "host", "An open one", "text");
        world.post(&open).unwrap().score = 800;
        let ours = world
            .add_comment(&open, "asker", "Can anybody help?")
            .unwrap();
        world
            .add_comment(&open, "AutoModerator", "Read the rules.")
            .unwrap();
        world
            .add_comment(&open, "quiet_one", "Leave me be.")
            .unwrap();
        let answered = world.add_comment(&ours, ACCOUNT, "I can.").unwrap();
        world.add_comment(&answered, "asker", "bad bot").unwrap();
        let gone = world
            .add_comment(&open, "asker", "I regret this text very much.")
            .unwrap();
        // Reddit shows one that is gone only where something answers it
        world
            .add_comment(&gone, "somebody", "Why did you delete it?")
            .unwrap();
        world.comment(&gone).unwrap().deleted = true;
        (names, post)
    };
    engine.opt_out_add("u/quiet_one", "", PERSON).unwrap();
    let fetched = fetch(
        &engine,
        Fetch {
            subreddits: subreddits.clone(),
            limit: 50,
            ..Fetch::default()
        },
    );
    assert!(fetched.threads.len() >= 8, "{}", fetched.threads.len());
    assert!(
        fetched
            .passed_over
            .iter()
            .any(|(name, why)| *name == locked && why == "locked")
    );
    let open = fetched
        .threads
        .iter()
        .find(|t| t.title == "An open one")
        .unwrap();
    // something of ours stands in it: once a thread is enough
    assert_eq!(open.skip, "answered already");
    let story = engine.thread(open.id).unwrap();
    let why = |body: &str| {
        story
            .comments
            .iter()
            .find(|c| c.body == body)
            .unwrap()
            .skip
            .clone()
    };
    assert_eq!(why("Can anybody help?"), "answered already");
    assert_eq!(why("Read the rules."), "a bot");
    assert_eq!(why("Leave me be."), "opted out");
    assert_eq!(why("I can."), "ours");
    assert_eq!(why("bad bot"), "below one of ours");
    assert!(
        story
            .comments
            .iter()
            .any(|c| c.skip == "deleted" && c.body.is_empty())
    );
    assert!(!has(&bytes(&place), "I regret this text"));
    // who asked us to stop waits for a person, and counts until then
    assert_eq!(engine.opt_outs().unwrap()[0].state, "asked");
    // a second time renews them
    let again = fetch(
        &engine,
        Fetch {
            subreddits,
            limit: 50,
            ..Fetch::default()
        },
    );
    assert_eq!(again.threads.len(), fetched.threads.len());
    assert_eq!(engine.threads().unwrap().len(), fetched.threads.len());
    // a floor and an age keep posts out
    let none = fetch(
        &engine,
        Fetch {
            min_score: 100_000,
            subreddits: vec![open.subreddit.clone()],
            ..Fetch::default()
        },
    );
    assert!(none.threads.is_empty() && !none.passed_over.is_empty());
}

#[test]
fn a_thread_with_1500_comments_is_whole() {
    let fake = fake(0);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    let name = fake.world().make_long_thread("Quiet", 1_500, 0.02, 5);
    let left_out = fake.world().comments.values().filter(|c| c.missing).count();
    let fetched = fetch(
        &engine,
        Fetch {
            posts: vec![name],
            calls: 200,
            ..Fetch::default()
        },
    );
    assert_eq!(fetched.missing.len(), left_out);
    assert_eq!(
        (fetched.threads[0].comments as usize, fetched.unread),
        (1_500 - left_out, 0)
    );
}

#[test]
fn what_was_deleted_is_not_in_the_bytes_any_more() {
    let fake = fake(0);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    let secret = "My telephone number is five five five one two three four";
    let title = "Where can I leave my number, and who will call";
    let (post, comment, deleted_account) = {
        let mut world = fake.world();
        let post = world.add_post(
            "Quiet",
            "host",
            title,
            "A body of the post that nobody should keep",
        );
        let comment = world.add_comment(&post, "asker_in_need", secret).unwrap();
        let other = world
            .add_comment(
                &post,
                "asker_who_left",
                "Another text that has to go with its account",
            )
            .unwrap();
        for n in 0..300 {
            world
                .add_comment(
                    &post,
                    &format!("other{n}"),
                    &format!("Filler number {n} to fill some pages {n}"),
                )
                .unwrap();
        }
        (post, comment, other)
    };
    let fetched = fetch(
        &engine,
        Fetch {
            posts: vec![post.clone()],
            ..Fetch::default()
        },
    );
    // it also stands in the parameters of a job, in its log, and in a candidate
    let params = serde_json::json!({ "generator": "x", "comments": [{ "comment": secret }] });
    engine
        .submit("11111111-2222-7333-8444-555555555555", "generate", &params)
        .unwrap();
    {
        let store = Store::open(&place.project()).unwrap();
        store
            .job_log(
                "11111111-2222-7333-8444-555555555555",
                0,
                &format!("answered {secret}"),
            )
            .unwrap();
    }
    assert!(has(&bytes(&place), secret) && has(&bytes(&place), "asker_in_need"));
    {
        let mut world = fake.world();
        world.comment(&comment).unwrap().deleted = true;
        world.comment(&deleted_account).unwrap().removed = true;
    }
    let synced = done(&engine, &Sync::default());
    assert_eq!(
        (synced.gone, synced.comments, synced.scrubbed),
        (2, 2, true),
        "{synced:?}"
    );
    let left = bytes(&place);
    for text in [
        secret,
        "asker_in_need",
        "Another text that has to go",
        "asker_who_left",
    ] {
        assert!(!has(&left, text), "{text}");
    }
    assert!(has(&left, title));
    // it is not taken in again, whatever a saved file says
    let again = fetch(
        &engine,
        Fetch {
            posts: vec![post.clone()],
            ..Fetch::default()
        },
    );
    assert_eq!(again.threads[0].id, fetched.threads[0].id);
    assert!(!has(&bytes(&place), secret));
    // the post goes, and with it all that stands under it
    fake.world().post(&post).unwrap().deleted = true;
    let synced = done(&engine, &Sync::default());
    assert!(synced.posts == 1 && synced.comments >= 300, "{synced:?}");
    let left = bytes(&place);
    for text in [title, "A body of the post", "Filler number 7 to fill"] {
        assert!(!has(&left, text), "{text}");
    }
    // somebody asks for it, by the link to a comment
    let (named, said) = {
        let mut world = fake.world();
        let named = world.add_post("Quiet", "host", "A thread that may stay here", "text");
        let said = world
            .add_comment(&named, "asker_by_link", "Please forget these very words")
            .unwrap();
        (named, said)
    };
    fetch(
        &engine,
        Fetch {
            posts: vec![named.clone()],
            ..Fetch::default()
        },
    );
    assert!(has(&bytes(&place), "Please forget these very words"));
    let link = format!(
        "https://www.reddit.com/r/Quiet/comments/{}/-/{}/",
        &named[3..],
        &said[3..]
    );
    let refused = engine.forget_names(&["u/asker".to_owned()], "ada");
    assert_eq!(refused.unwrap_err().code, Code::Usage);
    let forgotten = engine.forget_names(&[link], "ada").unwrap();
    assert_eq!((forgotten.comments, forgotten.posts), (1, 0));
    let left = bytes(&place);
    assert!(!has(&left, "Please forget these very words") && !has(&left, "asker_by_link"));
    assert!(has(&left, "A thread that may stay here"));
    // and the post by its name
    assert_eq!(engine.forget_names(&[named], "ada").unwrap().posts, 1);
    assert!(!has(&bytes(&place), "A thread that may stay here"));
    // what is kept for 48 hours is forgotten without any network
    let other = fake
        .world()
        .add_post("Quiet", "host", "Another one that expires soon", "text");
    let clock = connect(&mut engine, &fake);
    fetch(
        &engine,
        Fetch {
            posts: vec![other],
            ..Fetch::default()
        },
    );
    engine.forget_expired().unwrap();
    assert!(has(&bytes(&place), "Another one that expires soon"));
    clock.skip(Duration::from_secs(49 * 3600));
    assert_eq!(engine.forget_expired().unwrap().posts, 1);
    assert!(!has(&bytes(&place), "Another one that expires soon"));
}

/// A small model of a kind, trained for two steps.
fn train(engine: &Engine, kind: RunKind, name: &str, base: &str) {
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

#[test]
fn saved_threads_are_replayed_without_a_network_and_end_in_a_chart() {
    // read and written on one machine
    let file = {
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
            engine.threads_export(&file, &[]).unwrap(),
            fetched.threads.len()
        );
        std::fs::read(file).unwrap()
    };
    // replayed on another, which knows no account
    let (place, engine) = project(60);
    train(&engine, RunKind::Generator, "writer", "small-gpt2");
    train(&engine, RunKind::Upvotes, "upvoter", "small-bert");
    let threads = engine
        .threads_import(&place.write("threads.jsonl", &file))
        .unwrap();
    assert!(threads.len() >= 4, "{}", threads.len());
    let draft = DraftReplies {
        comments: 2,
        context: Some(true),
        generate: Generate {
            generator: "writer".to_owned(),
            upvotes: Some("upvoter".to_owned()),
            candidates: 3,
            decode: Decode {
                max_new_tokens: 12,
                ..Decode::default()
            },
            criteria: Criteria {
                min_p_real: 0.0,
                ..Criteria::default()
            },
            ..Generate::default()
        },
        ..DraftReplies::default()
    };
    let generated = done(&engine, &draft).generated.unwrap();
    assert!(!generated.queued.is_empty() && generated.comments.len() >= 4);
    let outbox = engine.outbox(Some("draft")).unwrap();
    assert_eq!(outbox.len(), generated.queued.len());
    assert!(outbox.iter().all(|one| {
        one.parent_name
            .as_deref()
            .is_some_and(|name| name.starts_with("t1_"))
    }));
    // those that have a draft are not answered a second time
    let second = done(&engine, &draft);
    let again: Vec<i64> = second
        .generated
        .map(|g| g.comments.iter().map(|c| c.thread).collect())
        .unwrap_or_default();
    assert!(again.len() < generated.comments.len() + 1);

    // posted by hand, with the link pasted back; then its score comes in
    let id = generated.queued[0];
    engine.reply_approve(id, PERSON).unwrap();
    let one = engine.outbox_story(id).unwrap().outbox;
    assert_eq!((one.state.as_str(), one.account.as_str()), ("approved", ""));
    let post = one.post_name.unwrap();
    let link = format!("https://www.reddit.com/r/x/comments/{}/_/zz1/", &post[3..]);
    engine.reply_posted_by_hand(id, &link, PERSON).unwrap();
    assert_eq!(
        engine
            .outbox_story(id)
            .unwrap()
            .outbox
            .posted_name
            .as_deref(),
        Some("t1_zz1")
    );
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
    let outcomes = engine.outcomes().unwrap();
    assert_eq!((outcomes.judged, outcomes.rows.len()), (1, 1));
    assert!(outcomes.rows[0].predicted.is_some() && outcomes.rows[0].actual.is_some());
    assert!(engine.outcomes_chart().unwrap().svg.contains("<svg"));
    // a line that is none names its place
    let error = engine
        .threads_import(&place.write("bad.jsonl", "\nnonsense\n"))
        .unwrap_err();
    assert!(error.message.contains("line 2"), "{error}");
}

#[test]
fn scores_come_later_and_removals_close_a_subreddit() {
    let fake = Arc::new(fake(0));
    let place = Place::with_project();
    let mut engine = place.engine();
    let clock = connect(&mut engine, &fake);
    let permit = NewPermit {
        subreddit: "Quiet".to_owned(),
        link: "https://example.org/permission".to_owned(),
        ..NewPermit::default()
    };
    engine.permit_subreddit(&permit, PERSON).unwrap();
    let mut names = Vec::new();
    for n in 0..3 {
        let mut world = fake.world();
        let post = world.add_post("Quiet", "host", &format!("Question {n}"), "text");
        world
            .add_comment(
                &post,
                &format!("asker{n}"),
                &format!("How does one do number {n}, please?"),
            )
            .unwrap();
        names.push(post);
    }
    fetch(
        &engine,
        Fetch {
            posts: names,
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
        engine.reply_approve(*reply, PERSON).unwrap();
    }
    let mut posted = Vec::new();
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
    for one in engine.outbox(Some("posted")).unwrap() {
        assert!(one.link.starts_with(fake.base()), "{}", one.link);
        posted.push(one.posted_name.unwrap());
    }
    {
        let mut world = fake.world();
        world.comment(&posted[0]).unwrap().score = 17;
        world.comment(&posted[1]).unwrap().removed = true;
        world.comment(&posted[2]).unwrap().removed = true;
        world.add_comment(&posted[0], "asker0", "STOP").unwrap();
    }
    let read = done(&engine, &ReadOutcomes::default());
    assert!(
        read.read >= 3 && read.removed >= 2 && read.asked == 1,
        "{read:?}"
    );
    let outcomes = engine.outcomes().unwrap();
    assert_eq!(outcomes.removed, 2);
    let first = outcomes
        .rows
        .iter()
        .find(|row| row.reply == replies[0])
        .unwrap();
    assert_eq!(first.readings[0].score, Some(17));
    assert!(engine.permits().unwrap()[0].off.contains("removed"));
    assert_eq!(engine.opt_outs().unwrap()[0].name, "asker0");
    // nothing is read twice
    assert_eq!(done(&engine, &ReadOutcomes::default()).read, 0);
    assert!(fake.world().calls(On::Comment).len() == 3);
}

/// Drafts to all open comments, without a model.
fn drafts(place: &Place) -> Vec<i64> {
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch(
        "PRAGMA foreign_keys = OFF;
         INSERT INTO generation (id, generator, config, created_ms) VALUES (1, 1, '{\"generator\":\"writer\"}', 0);
         INSERT INTO candidate (generation_id, comment_id, n, text, finish)
           SELECT 1, id, 0, 'a text of number ' || id, 'end' FROM thread_comment WHERE skip = '' ORDER BY id;",
    )
    .unwrap();
    let mut query = db.prepare("SELECT id FROM candidate ORDER BY id").unwrap();
    let ids: Vec<i64> = query
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    Store::open(&place.project())
        .unwrap()
        .queue_add(&ids, "repartee", 0)
        .unwrap()
}

#[test]
fn a_secret_appears_nowhere_on_the_command_line() {
    const SECRET: &str = "marker-of-the-client-secret";
    const PASSWORD: &str = "marker-of-the-password";
    let fake = fake(4);
    {
        let mut world = fake.world();
        world.apps.get_mut(CLIENT_ID).unwrap().secret = SECRET.to_owned();
        world.account(ACCOUNT).unwrap().password = PASSWORD.to_owned();
    }
    let place = Place::with_project();
    let mut heard = String::new();
    let mut run = |args: &[&str], status: i32, password: &str| {
        let mut command = place.repartee(args.iter().chain(&["-vv"]));
        command
            .env("REPARTEE_REDDIT_CLIENT_SECRET", SECRET)
            .env("REPARTEE_REDDIT_USERNAME", ACCOUNT)
            .env("REPARTEE_REDDIT_PASSWORD", password)
            .env("REPARTEE_FAKE_HURRY", "1")
            .env("REPARTEE_LOG", "trace");
        let ran = Ran::from(command.output().unwrap());
        assert_eq!(ran.status, Some(status), "{args:?}: {ran}");
        heard.push_str(&format!("{ran}"));
    };
    run(
        &[
            "reddit",
            "accounts",
            "add",
            ACCOUNT,
            "--client-id",
            CLIENT_ID,
            "--host",
            fake.base(),
            "--approval",
            "https://example.org",
        ],
        0,
        PASSWORD,
    );
    run(&["reddit", "login"], 0, PASSWORD);
    run(&["reddit", "accounts", "label", ACCOUNT], 0, PASSWORD);
    let subreddit = fake
        .world()
        .subreddits
        .values()
        .next()
        .unwrap()
        .name
        .clone();
    run(
        &[
            "reddit",
            "permit",
            &subreddit,
            "--link",
            "https://example.org/yes",
        ],
        0,
        PASSWORD,
    );
    run(&["reddit", "permit", &subreddit, "--look"], 0, PASSWORD);
    run(&["reddit", "fetch", &subreddit], 0, PASSWORD);
    run(&["reddit", "threads"], 0, PASSWORD);
    run(&["reddit", "post", "--json"], 0, PASSWORD);
    run(&["reddit", "sync"], 0, PASSWORD);
    run(&["reddit", "outcomes", "--read"], 0, PASSWORD);
    run(&["reddit", "export", "threads.jsonl"], 0, PASSWORD);
    run(&["reddit", "audit"], 0, PASSWORD);
    run(&["reddit", "accounts", "--json"], 0, PASSWORD);
    run(
        &["reddit", "login"],
        2,
        "marker-of-the-password-that-is-wrong",
    );
    run(&["check"], 0, PASSWORD);
    let tokens = fake.world().issued.clone();
    assert!(!tokens.is_empty());
    let mut all = bytes(&place);
    all.extend(std::fs::read(place.path("threads.jsonl")).unwrap());
    all.extend(heard.as_bytes());
    for secret in tokens.iter().map(String::as_str).chain([SECRET, PASSWORD]) {
        assert!(!has(&all, secret), "{secret}");
    }
    assert!(
        heard.contains("logged in") || heard.contains("may post"),
        "{heard}"
    );
}
