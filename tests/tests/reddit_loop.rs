//! From threads of a Reddit sandbox to drafts, outcomes and purging: fetching, saved threads without network, deletion
//! down to the bytes of the file, scores that arrive later; the sandbox job, and due maintenance.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use repartee_engine::generate::Generate;
use repartee_engine::import::Import;
use repartee_engine::job::new_id;
use repartee_engine::pairs::BuildPairs;
use repartee_engine::reddit::{
    DraftReplies, Environment, Fetch, Fetched, LogIn, Maintenance, NewAccount,
    NewPostingPermission, Post, ReadOutcomes, Sandbox, Sync, Synced,
};
use repartee_engine::run_config::{RunConfig, RunKind};
use repartee_engine::train::Train;
use repartee_engine::{Code, Ended, Engine, Error, Format, Permission, SamplingParams, Signal};
use repartee_fake_reddit::{
    ACCOUNT, CLIENT_ID, CLIENT_SECRET, Fake, Fault, On, Options, PASSWORD, Rule,
};
use repartee_reddit::{App, Grant, Login, SkipClock};
use repartee_store::Store;
use repartee_store::outcomes::Outcome;
use repartee_tests::sample::{done, project};
use repartee_tests::study::permitted;
use repartee_tests::{Place, Ran, approve_as_shown, seen};

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

/// Connects a project with a sandbox.
fn connect(engine: &mut Engine, fake: &Fake) -> Arc<SkipClock> {
    let clock = Arc::new(SkipClock::new());
    engine.environment = Environment {
        clock: clock.clone(),
        login: Some(Arc::new(login)),
        ..engine.environment.clone()
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
fn login_reports_the_account_and_what_is_missing() {
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
    // a process that holds a secret leaves no core dump
    #[cfg(target_os = "linux")]
    {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap();
        let [.., soft, hard, _] = core.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{core}");
        };
        assert_eq!((soft, hard), ("0", "0"), "{core}");
    }
    // the login of another account does not count
    let other = NewAccount {
        name: "somebody_else".to_owned(),
        ..self::account(&fake)
    };
    engine.account_put(&other, PERSON).unwrap();
    let error = engine
        .start(
            &LogIn {
                account: "somebody_else".into(),
                force: false,
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
        // Reddit only shows a deleted one if something answers it
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
    // it has a comment of ours: one per thread is enough
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
    // an opt-out waits for the user, and counts until then
    assert_eq!(engine.opt_outs().unwrap()[0].state, "asked");
    // a second time updates them
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
    // a minimum score and a maximum age exclude posts
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
fn thread_with_1500_comments_is_complete() {
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
fn deleted_text_is_gone_from_the_bytes() {
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
    // it is also in the parameters of a job, in its log, and in a candidate
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
    // it is not fetched again, whatever a saved file says
    let again = fetch(
        &engine,
        Fetch {
            posts: vec![post.clone()],
            ..Fetch::default()
        },
    );
    assert_eq!(again.threads[0].id, fetched.threads[0].id);
    assert!(!has(&bytes(&place), secret));
    // the post is purged, and with it everything under it
    fake.world().post(&post).unwrap().deleted = true;
    let synced = done(&engine, &Sync::default());
    assert!(synced.posts == 1 && synced.comments >= 300, "{synced:?}");
    let left = bytes(&place);
    for text in [title, "A body of the post", "Filler number 7 to fill"] {
        assert!(!has(&left, text), "{text}");
    }
    // by request, by the link to a comment
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
    // what is kept for 48 hours is purged without any network
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

/// Everything in the sandbox, as an archive would have it.
fn dump(fake: &Fake) -> String {
    let world = fake.world();
    let posts = world.posts.values().map(|post| {
        serde_json::json!({
            "id": post.id, "subreddit": post.subreddit, "author": post.author, "title": post.title,
            "selftext": post.body, "score": post.score, "created_utc": post.created_utc,
        })
    });
    let comments = world.comments.values().map(|comment| {
        serde_json::json!({
            "id": comment.id, "link_id": format!("t3_{}", comment.post), "parent_id": comment.parent,
            "subreddit": "Quiet", "author": comment.author, "body": comment.body,
            "score": comment.score, "created_utc": comment.created_utc,
        })
    });
    posts
        .chain(comments)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Checks imported texts; returns the result, and all log lines.
fn sync_imported(engine: &Engine) -> (Result<Synced, Error>, String) {
    let said = Mutex::new(String::new());
    let job = Sync {
        imported: true,
        ..Sync::default()
    };
    let ended = engine.start(&job, &|signal| {
        if let Signal::Log { text } = signal {
            said.lock().unwrap().push_str(&text);
        }
    });
    let synced = ended.map(|ended| match ended {
        Ended::Done(synced) => synced,
        other => panic!("{other:?}"),
    });
    (synced, said.into_inner().unwrap())
}

/// The names in each call that checked some.
fn asked(fake: &Fake) -> Vec<Vec<String>> {
    let world = fake.world();
    let calls = world.calls(On::Info).into_iter();
    calls
        .map(|call| {
            let ids = call
                .query
                .split('&')
                .find_map(|pair| pair.strip_prefix("id="));
            let ids = ids.unwrap().replace("%2C", ",");
            ids.split(',').map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn imported_texts_are_checked_in_passes_and_purged() {
    const PAIRS: usize = 120;
    let fake = fake(0);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    let (posts, comments) = {
        let mut world = fake.world();
        let posts: Vec<String> = (0..2)
            .map(|n| world.add_post("Quiet", "host", &format!("Title {n} of a dump"), "text"))
            .collect();
        let mut comments = Vec::new();
        for n in 0..PAIRS {
            let ask = format!("Question {n} of somebody in a dump?");
            let answer = format!("Answer {n} of somebody in a dump.");
            let asked = world
                .add_comment(&posts[n % 2], &format!("asker{n}"), &ask)
                .unwrap();
            let answered = world
                .add_comment(&asked, &format!("helper{n}"), &answer)
                .unwrap();
            comments.extend([asked, answered]);
        }
        (posts, comments)
    };
    // generated texts have no author: Reddit is not asked about them
    let mut made = Vec::new();
    repartee_datasets::sample::write_ndjson(&mut made, 7, 20).unwrap();
    for (name, content, permission) in [
        (
            "dump.ndjson",
            dump(&fake).into_bytes(),
            Permission::Research,
        ),
        ("sample.ndjson", made, Permission::Synthetic),
    ] {
        let import = Import {
            files: vec![place.write(name, content)],
            format: Some(Format::Pushshift),
            permission,
            ..permitted()
        };
        done(&engine, &import);
    }
    done(&engine, &BuildPairs::default());
    assert!(engine.overview().unwrap().pairs > PAIRS as u64);

    // by default a sync checks none of it
    assert_eq!(done(&engine, &Sync::default()).looked_at, 0);
    assert_eq!(asked(&fake).len(), 0);

    // two of the first hundred are gone, two of the rest, and a post; the network fails after a hundred
    let gone = [
        "Question 3 of",
        "Answer 20 of",
        "Question 60 of",
        "Answer 119 of",
        "Title 1 of",
    ];
    {
        let mut world = fake.world();
        world.comment(&comments[6]).unwrap().deleted = true;
        world.comment(&comments[41]).unwrap().missing = true;
        // an author who deletes the account counts as a deletion
        world.comment(&comments[120]).unwrap().author = "[deleted]".to_owned();
        world.comment(&comments[239]).unwrap().deleted = true;
        world.post(&posts[1]).unwrap().deleted = true;
        world.fail(Rule {
            skip: 1,
            ..Rule::always(On::Info, Fault::StatusBefore { status: 503 })
        });
    }
    let (failed, said) = sync_imported(&engine);
    assert_eq!(failed.unwrap_err().code, Code::Io);
    assert!(
        said.contains("242 imported texts in 3 calls, at 100 a minute: a minute at most"),
        "{said}"
    );
    assert_eq!(asked(&fake)[0], comments[..100]);
    fake.world().heal();

    // the next one resumes there, and wipes what the previous one could not
    let before = asked(&fake).len();
    let (synced, said) = sync_imported(&engine);
    let synced = synced.unwrap();
    assert!(said.contains("142 imported texts left"), "{said}");
    let rest: Vec<String> = comments[100..].iter().chain(&posts).cloned().collect();
    assert_eq!(asked(&fake)[before..].concat(), rest);
    assert_eq!(
        (
            synced.looked_at,
            synced.gone,
            synced.imported,
            synced.doubted,
            synced.scrubbed
        ),
        (142, 3, 3, 0, true)
    );
    let left = bytes(&place);
    for text in gone {
        assert!(!has(&left, text), "{text}");
    }
    for text in ["Question 4 of", "Answer 3 of", "Answer 60 of", "Title 0 of"] {
        assert!(has(&left, text), "{text}");
    }

    // in the next pass, those that are left are checked again, from the first; an answer that shows none of a hundred
    // is not believed
    for name in &comments[..230] {
        fake.world().comment(name).unwrap().missing = true;
    }
    let before = asked(&fake).len();
    let (synced, said) = sync_imported(&engine);
    let synced = synced.unwrap();
    assert!(said.contains("237 imported texts in 3 calls"), "{said}");
    assert_eq!(asked(&fake)[before][0], comments[0]);
    assert_eq!((synced.looked_at, synced.doubted), (237, 200));
    // of the last call, which also showed some, what is missing is gone
    assert_eq!(synced.gone, 230 - 3 - 200);
    assert!(has(&bytes(&place), "Question 0 of"));
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
fn saved_threads_are_replayed_without_network_up_to_the_outcomes_chart() {
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
            sampling: SamplingParams {
                max_new_tokens: 12,
                ..SamplingParams::default()
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

    // posted manually, with the link pasted back; then its score is read
    let id = generated.queued[0];
    approve_as_shown(&engine, id, PERSON).unwrap();
    let one = engine.outbox_story(id).unwrap().outbox;
    assert_eq!((one.state.as_str(), one.account.as_str()), ("approved", ""));
    let post = one.post_name.unwrap();
    let link = format!("https://www.reddit.com/r/x/comments/{}/_/zz1/", &post[3..]);
    let elsewhere = "https://www.reddit.com/r/x/comments/zzzzz9/_/zz1/".to_owned();
    let answered = one.parent_name.unwrap();
    let parent = link.replace("zz1", &answered[3..]);
    let no_comment = format!("https://www.reddit.com/r/x/comments/{}/", &post[3..]);
    for wrong in [
        &elsewhere,
        &parent,
        &no_comment,
        &"https://example.org/".to_owned(),
    ] {
        let shown = seen(&engine, id);
        let error = engine
            .reply_posted_by_hand(id, wrong, &shown, PERSON)
            .unwrap_err();
        assert_eq!(error.code, Code::Usage, "{wrong}: {error}");
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
    assert_eq!(
        engine
            .outbox_story(id)
            .unwrap()
            .outbox
            .posted_name
            .as_deref(),
        Some("t1_zz1")
    );
    // another reply's link
    let same = (generated.queued[1..].iter()).find(|other| {
        let story = engine.outbox_story(**other).unwrap().outbox;
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
    // an invalid line is named by its position
    let error = engine
        .threads_import(&place.write("bad.jsonl", "\nnonsense\n"))
        .unwrap_err();
    assert!(error.message.contains("line 2"), "{error}");
}

#[test]
fn scores_arrive_later_and_removals_disable_a_subreddit() {
    let fake = Arc::new(fake(0));
    let place = Place::with_project();
    let mut engine = place.engine();
    let clock = connect(&mut engine, &fake);
    let permission = NewPostingPermission {
        subreddit: "Quiet".to_owned(),
        link: "https://example.org/permission".to_owned(),
        ..NewPostingPermission::default()
    };
    engine.permit_subreddit(&permission, PERSON).unwrap();
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
        approve_as_shown(&engine, *reply, PERSON).unwrap();
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
    // an unreadable answer in the middle is left out and named; the next run reads it
    fake.world().fail(Rule {
        skip: 1,
        times: Some(1),
        ..Rule::always(On::Info, Fault::NotJson)
    });
    let first = done(&engine, &ReadOutcomes::default());
    assert_eq!((first.failed, first.left_out.count), (1, 1), "{first:?}");
    assert!(posted.contains(&first.left_out.items[0].id), "{first:?}");
    assert!(first.read >= 2, "{first:?}");
    fake.world().heal();
    let second = done(&engine, &ReadOutcomes::default());
    assert_eq!((second.read, second.failed), (1, 0), "{second:?}");
    let read = (
        first.read + second.read,
        first.removed + second.removed,
        first.asked + second.asked,
    );
    assert!(read.0 >= 3 && read.1 >= 2 && read.2 == 1, "{read:?}");
    let outcomes = engine.outcomes().unwrap();
    assert_eq!(outcomes.removed, 2);
    let first = outcomes
        .rows
        .iter()
        .find(|row| row.reply == replies[0])
        .unwrap();
    assert_eq!(first.readings[0].score, Some(17));
    assert!(
        engine.posting_permissions().unwrap()[0]
            .off
            .contains("removed")
    );
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
fn secrets_appear_nowhere_on_the_command_line() {
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
    run(&["reddit", "sync", "--imported"], 0, PASSWORD);
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

/// Runs a Reddit sandbox as long as `within` lasts, as another process would.
fn in_sandbox<T>(place: &Place, within: impl FnOnce(&Engine) -> T) -> T {
    let id = new_id();
    std::thread::scope(|scope| {
        let served = place.engine();
        let serving = scope.spawn({
            let id = id.clone();
            move || served.start_as(&id, &Sandbox::default(), &|_| {})
        });
        let engine = place.engine();
        let there = || {
            let serves = engine.job(&id).is_ok_and(|job| job.progress.is_some());
            assert!(!serving.is_finished(), "it does not serve");
            serves
        };
        while !there() {
            std::thread::sleep(Duration::from_millis(50));
        }
        let result = within(&engine);
        engine.cancel(&id).unwrap();
        assert!(matches!(serving.join().unwrap(), Ok(Ended::Done(_))));
        result
    })
}

#[test]
fn sandbox_runs_the_full_pipeline_without_a_key_and_can_be_resumed() {
    let place = Place::with_project();
    let (reply, subreddit) = in_sandbox(&place, |engine| {
        let account = &engine.accounts().unwrap()[0];
        assert!(account.missing.is_empty(), "{account:?}");
        let fetched = fetch(engine, Fetch::default());
        assert!(!fetched.threads.is_empty());
        let reply = drafts(&place)[0];
        let subreddit = engine.reply(reply).unwrap().reply.subreddit;
        approve_as_shown(engine, reply, PERSON).unwrap();
        // as with Reddit itself: without a permission it is a dry run
        assert!(!done(engine, &Post::default()).live);
        let permission = NewPostingPermission {
            subreddit: subreddit.clone(),
            link: "http://127.0.0.1/yes".to_owned(),
            ..NewPostingPermission::default()
        };
        engine.permit_subreddit(&permission, PERSON).unwrap();
        let posted = done(engine, &Post::default());
        assert!(posted.live, "{posted:?}");
        let state = engine.outbox_story(reply).unwrap().outbox;
        assert_eq!(state.state, "posted", "{state:?}");
        (reply, subreddit)
    });
    // the sandbox is not running: the error says so
    let engine = place.engine();
    let error = engine.start(&Fetch::default(), &|_| {}).unwrap_err();
    assert!(error.message.contains("reddit sandbox"), "{error:?}");
    assert!(!engine.wants_maintenance().unwrap());
    // and what was posted exists when it runs again, on another port and in another process
    in_sandbox(&place, |engine| {
        let read = done(engine, &ReadOutcomes::default());
        assert_eq!((read.read, read.removed, read.failed), (3, 0, 0));
        let outcomes = engine.outcomes().unwrap();
        assert_eq!(outcomes.rows[0].reply, reply);
        // the footer is a bot's, and readers give no score for "a text of number"
        assert_eq!(outcomes.rows[0].readings[0].score, Some(1));
        let again = fetch(
            engine,
            Fetch {
                subreddits: vec![subreddit.clone()],
                ..Fetch::default()
            },
        );
        let why = |t: &repartee_engine::reddit::ThreadInfo| t.skip == "answered already";
        assert!(again.threads.iter().any(why), "{:?}", again.threads);
    });
}

#[test]
fn sandbox_and_reddit_accounts_do_not_mix_in_a_project() {
    let fake = fake(0);
    let place = Place::with_project();
    let engine = place.engine();
    let real = NewAccount {
        host: String::new(),
        ..account(&fake)
    };
    engine.account_put(&real, PERSON).unwrap();
    let error = engine.start(&Sandbox::default(), &|_| {}).unwrap_err();
    assert_eq!(error.code, Code::Refused, "{error:?}");
    assert_eq!(engine.accounts().unwrap().len(), 1);
    assert!(engine.posting_rules().unwrap().watched.is_empty());
    let place = Place::with_project();
    in_sandbox(&place, |engine| {
        let error = engine.account_put(&real, PERSON).unwrap_err();
        assert_eq!(error.code, Code::Refused);
        assert!(error.message.contains("practice_bot"), "{error}");
    });
}

#[test]
fn due_maintenance_runs_automatically_once() {
    let fake = fake(3);
    let place = Place::with_project();
    let mut engine = place.engine();
    let clock = connect(&mut engine, &fake);
    let subreddits: Vec<String> = {
        let world = fake.world();
        world.subreddits.values().map(|s| s.name.clone()).collect()
    };
    // without a login, no call is made
    let fetched = fetch(
        &engine,
        Fetch {
            subreddits,
            ..Fetch::default()
        },
    );
    clock.skip(Duration::from_secs(24 * 3600));
    assert!(!engine.wants_maintenance().unwrap());
    done(&engine, &LogIn::default());
    clock.skip(Duration::from_secs(1));
    assert!(engine.wants_maintenance().unwrap());
    let gone = {
        let mut world = fake.world();
        let name = fetched.threads[0].name.clone().unwrap();
        world.post(&name).unwrap().deleted = true;
        name
    };
    let kept = done(&engine, &Maintenance::default());
    assert_eq!(
        (kept.synced.len(), kept.synced[0].gone >= 1),
        (1, true),
        "{gone}: {kept:?}"
    );
    assert!(kept.failed.is_empty());
    let hour_later = || {
        let db = rusqlite::Connection::open(place.project()).unwrap();
        db.execute("UPDATE job SET created_ms = created_ms - 3700000", [])
            .unwrap();
    };
    hour_later();
    assert!(!engine.wants_maintenance().unwrap());
    // after two days all of them are purged, and then nothing is due any more
    clock.skip(Duration::from_secs(25 * 3600));
    assert!(engine.wants_maintenance().unwrap());
    let kept = done(&engine, &Maintenance::default());
    assert!(kept.synced[0].comments > 0, "{kept:?}");
    clock.skip(Duration::from_secs(25 * 3600));
    hour_later();
    assert!(!engine.wants_maintenance().unwrap());
    assert!(engine.threads().unwrap().iter().all(|t| t.title.is_empty()));
    // what fails is tried again after an hour, and not before
    engine.environment.login = None;
    let store = Store::open(&place.project()).unwrap();
    let thread = repartee_store::threads::NewThread {
        origin: "reddit".to_owned(),
        title: "One more".to_owned(),
        name: Some("t3_zzzzzz".to_owned()),
        ..Default::default()
    };
    store.thread_insert(&thread, 0).unwrap();
    assert!(engine.wants_maintenance().unwrap());
    let kept = done(&engine, &Maintenance::default());
    assert_eq!(kept.failed.len(), 1, "{kept:?}");
    assert!(!engine.wants_maintenance().unwrap());
    hour_later();
    assert!(engine.wants_maintenance().unwrap());
}
