//! Logging in and fetching: rising posts, whole threads, and reasons not to answer.

use super::*;
use repartee_engine::terms::OptOutState;

#[test]
fn login_reports_the_account_and_what_is_missing() {
    let fake = fake(0);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    assert_eq!(engine.posting().accounts().unwrap()[0].missing, ["a login"]);
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
    engine.posting().account_put(&other, PERSON).unwrap();
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

/// Two posts that rise to the top of a subreddit, one of them locked, and the other with comments for which there is a
/// reason not to answer. Returns the subreddits and the locked post.
fn rising(fake: &Fake) -> (Vec<String>, String) {
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
}

#[test]
fn rising_posts_become_threads_with_reasons() {
    let fake = fake(12);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    let (subreddits, locked) = rising(&fake);
    engine
        .posting()
        .opt_out_add("u/quiet_one", "", PERSON)
        .unwrap();
    let fetched = fetch(
        &engine,
        Fetch {
            subreddits,
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
    let story = engine.posting().thread(open.id).unwrap();
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
    assert_eq!(why("bad bot"), "below one of our comments");
    assert!(
        story
            .comments
            .iter()
            .any(|c| c.skip == "deleted" && c.body.is_empty())
    );
    assert!(!has(&bytes(&place), "I regret this text"));
    // an opt-out waits for the user, and counts until then
    assert_eq!(
        engine.posting().opt_outs().unwrap()[0].state,
        OptOutState::Asked
    );
}

#[test]
fn fetching_again_updates_threads_and_a_minimum_score_excludes_posts() {
    let fake = fake(12);
    let place = Place::with_project();
    let mut engine = place.engine();
    connect(&mut engine, &fake);
    let (subreddits, _) = rising(&fake);
    let all = Fetch {
        subreddits: subreddits.clone(),
        limit: 50,
        ..Fetch::default()
    };
    let fetched = fetch(&engine, all.clone());
    let again = fetch(&engine, all);
    assert_eq!(again.threads.len(), fetched.threads.len());
    assert_eq!(
        engine.posting().threads().unwrap().len(),
        fetched.threads.len()
    );
    let none = fetch(
        &engine,
        Fetch {
            min_score: 100_000,
            subreddits: vec![subreddits[0].clone()],
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
