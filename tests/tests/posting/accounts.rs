//! Logins, suspensions, and blocks of an account.

use super::*;

/// Why the account is disabled, and whether it counts as suspended.
fn stopped(bench: &Bench) -> (String, bool) {
    let AccountInfo { stopped, facts, .. } = bench.engine().posting().account(ACCOUNT).unwrap();
    (stopped, facts.suspended)
}

/// Another account than ours, in whose name the app logs in from now on.
fn other_login(bench: &Bench, name: &'static str) -> Engine {
    let mut world = bench.fake.world();
    world.add_account(name, PASSWORD);
    world.apps.get_mut(CLIENT_ID).unwrap().owner = name.to_owned();
    drop(world);
    let mut engine = bench.engine();
    engine.environment.login = Some(Arc::new(|_| login_of(name)));
    engine
}

#[test]
fn login_clears_login_errors_but_not_manual_blocks() {
    const CANNOT_WRITE: &str = "the login cannot write; log in again";
    let bench = Bench::with(1);
    bench
        .fake
        .world()
        .fail(Rule::always(On::Comment, Fault::Scope));
    assert_eq!(bench.first(&now()).1, "stopped");
    assert_eq!(stopped(&bench), (CANNOT_WRITE.to_owned(), false));
    bench.fake.world().heal();
    // the user adds to it, in the same words
    for why in [
        format!("{CANNOT_WRITE}, and ask me first").as_str(),
        "I will log in again after the holidays",
        "is it suspended? Reddit has suspended the account before",
    ] {
        let engine = bench.engine();
        engine.posting().account_stop(ACCOUNT, why, PERSON).unwrap();
        assert_eq!(done(&engine, &LogIn::default()).stopped, why);
        assert_eq!(stopped(&bench), (why.to_owned(), false));
        assert_eq!(bench.first(&now()).1, "stopped");
    }
    let engine = bench.engine();
    engine.posting().account_stop(ACCOUNT, "", PERSON).unwrap();
    bench
        .fake
        .world()
        .fail(Rule::always(On::Comment, Fault::Scope));
    bench.first(&bench.live());
    assert_eq!(stopped(&bench).0, CANNOT_WRITE);
    bench.fake.world().heal();
    assert_eq!(done(&bench.engine(), &LogIn::default()).stopped, "");
    assert_eq!(bench.first(&bench.live()).0, "posted");
}

#[test]
fn suspension_is_not_inferred_from_text_and_only_the_user_ends_it() {
    const SUSPENDED: &str = "Reddit has suspended the account";
    let bench = Bench::with(1);
    lost(&bench);
    let engine = other_login(&bench, "never_suspended");
    let all = Reconcile {
        wait: true,
        ..Reconcile::default()
    };
    let look = |engine: &Engine| engine.start(&all, &|_| {}).unwrap_err();
    assert_eq!(look(&engine).code, Code::Login);
    let why = "the login is that of u/never_suspended";
    assert_eq!(stopped(&bench), (why.to_owned(), false));

    // truly suspended: seen while checking, and by a login
    let engine = other_login(&bench, ACCOUNT);
    bench.fake.world().account(ACCOUNT).unwrap().suspended = true;
    assert_eq!(look(&engine).code, Code::Login);
    assert_eq!(stopped(&bench), (SUSPENDED.to_owned(), true));
    engine.posting().account_stop(ACCOUNT, "", PERSON).unwrap();
    assert_eq!(done(&engine, &LogIn::default()).stopped, SUSPENDED);
    assert_eq!(stopped(&bench), (SUSPENDED.to_owned(), true));
    // once it is over, a login reports it, and the user enables it
    bench.fake.world().account(ACCOUNT).unwrap().suspended = false;
    assert_eq!(done(&engine, &LogIn::default()).stopped, SUSPENDED);
    assert_eq!(stopped(&bench), (SUSPENDED.to_owned(), false));
    engine.posting().account_stop(ACCOUNT, "", PERSON).unwrap();
    assert_eq!(bench.first(&bench.live()).0, "posted");
    assert_eq!(bench.posted(), 1);
}

#[test]
fn nothing_is_posted_with_another_accounts_login() {
    let bench = Bench::with(1);
    let engine = other_login(&bench, "somebody_else");
    let error = bench.post(&engine, &bench.live()).unwrap_err();
    assert_eq!(error.code, Code::Login, "{error}");
    assert!(error.message.contains("u/somebody_else"), "{error}");
    assert_eq!((bench.posted(), bench.state(1).0.as_str()), (0, "approved"));
    assert_eq!(stopped(&bench).0, "the login is that of u/somebody_else");
    // the user fixes the login, and enables it
    let engine = other_login(&bench, ACCOUNT);
    engine.posting().account_stop(ACCOUNT, "", PERSON).unwrap();
    bench.post(&engine, &bench.live()).unwrap();
    assert_eq!((bench.posted(), bench.state(1).0.as_str()), (1, "posted"));
}
