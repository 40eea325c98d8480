//! A job that waits, and the rules that it checks.

use super::*;
use repartee_engine::terms::ReplyState;

#[test]
fn rules_are_checked_on_what_is_sent() {
    // a blocked word in the footer, which is sent with the text
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    bench.rules(|rules| rules.words.push("the_operator".to_owned()));
    post(&engine, &now()).unwrap();
    assert_eq!(
        bench.state(&engine),
        ("draft".to_owned(), "keyword".to_owned())
    );
    assert_eq!(bench.posted(), 0);
}

#[test]
fn waiting_job_reports_the_next_reply_and_ends_when_stopped() {
    let bench = Bench::new(2);
    let mut engine = bench.engine();
    engine.environment.clock = Environment::default().clock;
    for id in [1, 2] {
        approve_as_shown(&engine, id, PERSON).unwrap();
    }
    let id = new_id();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let wait = Post {
                wait: true,
                ..now()
            };
            engine.start_as(&id, &wait, &|_| {})
        });
        let second = bench.engine();
        let begun = Instant::now();
        let waits = || {
            let progress = second.job(&id).ok().and_then(|job| job.progress);
            progress.is_some_and(|progress| progress.next.is_some())
        };
        while !waits() {
            assert!(begun.elapsed() < Duration::from_secs(60) && !running.is_finished());
            std::thread::sleep(Duration::from_millis(50));
        }
        let next = second.job(&id).unwrap().progress.unwrap().next.unwrap();
        assert_eq!(next.reply, 2);
        // ten to fifteen minutes, by this machine's clock
        let left_s = (next.at_ms - now_ms()) / 1000;
        assert!((560..=910).contains(&left_s), "{left_s} s");
        let asked = Instant::now();
        second.cancel(&id).unwrap();
        assert!(matches!(running.join().unwrap(), Ok(Ended::Cancelled)));
        // a heartbeat of a second, and a margin for a busy machine
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{:?}",
            asked.elapsed()
        );
    });
    assert_eq!(bench.posted(), 1);
    assert_eq!(
        bench
            .engine()
            .posting()
            .outbox_story(2)
            .unwrap()
            .outbox
            .state,
        ReplyState::Approved
    );
}

/// A clock on which a minute never passes; after three checks of such a wait, the job is stopped.
struct Patient {
    looks: AtomicUsize,
    stop: Box<dyn Fn() + Send + Sync>,
}

impl Clock for Patient {
    fn now_ms(&self) -> i64 {
        now_ms()
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        if time < Duration::from_secs(60) {
            return Box::pin(tokio::time::sleep(time));
        }
        Box::pin(std::future::poll_fn(|_| {
            if self.looks.fetch_add(1, Ordering::Relaxed) == 2 {
                (self.stop)();
            }
            Poll::Pending
        }))
    }
}

#[test]
fn stop_request_is_seen_by_the_next_check_of_a_wait() {
    let bench = Bench::new(2);
    for id in [1, 2] {
        approve_as_shown(&bench.engine(), id, PERSON).unwrap();
    }
    // a request that only arrives with a heartbeat may be in time by chance, but not this often
    for round in 0..4 {
        let id = new_id();
        let (project, job) = (bench.place.project(), id.clone());
        let clock = Arc::new(Patient {
            looks: AtomicUsize::new(0),
            stop: Box::new(move || _ = Engine::open(&project).unwrap().cancel(&job).unwrap()),
        });
        let mut engine = bench.engine();
        engine.environment.clock = clock.clone();
        let wait = Post {
            wait: true,
            ..now()
        };
        let ended = engine.start_as(&id, &wait, &|_| {}).unwrap();
        assert!(matches!(ended, Ended::Cancelled));
        // woken by its heartbeat, the wait is checked once more before the job reads requests
        let looks = clock.looks.load(Ordering::Relaxed);
        assert!(looks <= 4, "round {round}: {looks}");
    }
    assert_eq!(bench.posted(), 1);
}

#[test]
fn one_reply_can_skip_the_pause_but_not_the_caps() {
    let bench = Bench::new(3);
    let engine = bench.engine();
    for id in [1, 2, 3] {
        approve_as_shown(&engine, id, PERSON).unwrap();
    }
    post(&engine, &now()).unwrap();
    assert_eq!(bench.posted(), 1, "the pause holds the others");
    let one = |id| Post {
        replies: vec![id],
        skip_pause: true,
        ..now()
    };
    post(&engine, &one(2)).unwrap();
    assert_eq!(bench.posted(), 2);
    bench.rules(|rules| rules.per_day = 2);
    post(&engine, &one(3)).unwrap();
    assert_eq!(bench.posted(), 2);
    let story = engine.posting().outbox_story(3).unwrap();
    assert_eq!(story.outbox.code, "cap-day");
    // the pause has a code of its own, so that a front end can offer to skip it
    let codes: Vec<&str> = story
        .objections
        .iter()
        .map(|one| one.code.as_str())
        .collect();
    assert_eq!(codes, ["cap-day", "pace"]);
    for wrong in [
        Post {
            replies: Vec::new(),
            ..one(3)
        },
        Post {
            replies: vec![2, 3],
            ..one(3)
        },
        Post {
            wait: true,
            ..one(3)
        },
    ] {
        assert_eq!(post(&engine, &wrong).unwrap_err().code, Code::Usage);
    }
}
