//! The sandbox job, due maintenance, and secrets on the command line.

use std::process::Stdio;
use std::time::Instant;

use super::*;
use repartee_engine::job::JobInfo;
use repartee_engine::terms::ReplyState;

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
        let account = &engine.posting().accounts().unwrap()[0];
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
        engine
            .posting()
            .permit_subreddit(&permission, PERSON)
            .unwrap();
        let posted = done(engine, &Post::default());
        assert!(posted.live, "{posted:?}");
        let state = engine.posting().outbox_story(reply).unwrap().outbox;
        assert_eq!(state.state, ReplyState::Posted, "{state:?}");
        (reply, subreddit)
    });
    // the sandbox is not running: the error says so
    let engine = place.engine();
    let error = engine.start(&Fetch::default(), &|_| {}).unwrap_err();
    assert!(error.message.contains("reddit sandbox"), "{error:?}");
    assert!(!engine.posting().wants_maintenance().unwrap());
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
        let why = |t: &repartee_engine::posting::ThreadInfo| t.skip == "answered already";
        assert!(again.threads.iter().any(why), "{:?}", again.threads);
    });
}

#[test]
fn a_second_sandbox_is_refused_until_the_first_one_has_ended() {
    let place = Place::with_project();
    let engine = place.engine();
    let spawn = || {
        let mut command = place.repartee(["reddit", "sandbox"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let sandboxes = || -> Vec<JobInfo> {
        let mut jobs = engine.jobs().unwrap();
        jobs.retain(|job| job.kind == "sandbox");
        jobs
    };
    let until = |what: &str, is: &mut dyn FnMut() -> bool| {
        let began = Instant::now();
        while !is() {
            assert!(began.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let serving = |besides: &str| -> String {
        let mut found = String::new();
        until("none serves", &mut || {
            let serves = |job: &JobInfo| job.id != besides && job.progress.is_some();
            let job = sandboxes().into_iter().find(serves);
            found = job.map_or_else(String::new, |job| job.id);
            !found.is_empty()
        });
        found
    };
    // a sandbox that is not refused would not end
    let refused = |args: &[&str]| -> String {
        let mut command = place.repartee(args);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        until("it is not refused", &mut || {
            child.try_wait().unwrap().is_some()
        });
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.status, Some(2), "{ran}");
        ran.err
    };
    let host = || engine.posting().accounts().unwrap()[0].host.clone();

    let mut first = spawn();
    let (id, address) = (serving(""), host());
    let why = refused(&["reddit", "sandbox"]);
    assert!(
        why.contains("already running") && why.contains(&id),
        "{why}"
    );
    // nothing was stored, and the account is still that of the first one, which answers
    assert_eq!((sandboxes().len(), host()), (1, address));
    assert!(!fetch(&engine, Fetch::default()).threads.is_empty());

    first.kill().unwrap(); // SIGKILL
    first.wait().unwrap();
    let mut second = spawn();
    let other = serving(&id);
    // an interrupted one is not resumed next to it
    let why = refused(&["job", "resume", &id]);
    assert!(why.contains(&other), "{why}");
    place.ok(["job", "stop", &other]);
    assert!(second.wait().unwrap().success());
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
    engine.posting().account_put(&real, PERSON).unwrap();
    let error = engine.start(&Sandbox::default(), &|_| {}).unwrap_err();
    assert_eq!(error.code, Code::Refused, "{error:?}");
    assert_eq!(engine.posting().accounts().unwrap().len(), 1);
    assert!(engine.posting().posting_rules().unwrap().watched.is_empty());
    let place = Place::with_project();
    in_sandbox(&place, |engine| {
        let error = engine.posting().account_put(&real, PERSON).unwrap_err();
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
    assert!(!engine.posting().wants_maintenance().unwrap());
    done(&engine, &LogIn::default());
    clock.skip(Duration::from_secs(1));
    assert!(engine.posting().wants_maintenance().unwrap());
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
    assert!(!engine.posting().wants_maintenance().unwrap());
    // after two days all of them are purged, and then nothing is due any more
    clock.skip(Duration::from_secs(25 * 3600));
    assert!(engine.posting().wants_maintenance().unwrap());
    let kept = done(&engine, &Maintenance::default());
    assert!(kept.synced[0].comments > 0, "{kept:?}");
    clock.skip(Duration::from_secs(25 * 3600));
    hour_later();
    assert!(!engine.posting().wants_maintenance().unwrap());
    assert!(
        engine
            .posting()
            .threads()
            .unwrap()
            .iter()
            .all(|t| t.title.is_empty())
    );
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
    assert!(engine.posting().wants_maintenance().unwrap());
    let kept = done(&engine, &Maintenance::default());
    assert_eq!(kept.failed.len(), 1, "{kept:?}");
    assert!(!engine.posting().wants_maintenance().unwrap());
    hour_later();
    assert!(engine.posting().wants_maintenance().unwrap());
}
