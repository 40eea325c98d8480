//! Posting against a fake Reddit that does wrong on purpose, with the process killed at every step: never two
//! comments by one account under one parent, and every reply of which nobody knows is settled, or handed to
//! a person.
//!
//! `REPARTEE_SEEDS=FROM..TO` runs other seeds than 0..1000.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::resume_unwind;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use repartee_engine::job::new_id;
use repartee_engine::reddit::{NewAccount, NewPermit, Outside, Post, PostReport, PostingRules, RAISE, Settle};
use repartee_engine::{Code, Ended, Engine, Error};
use repartee_fake_reddit::{ACCOUNT, CLIENT_ID, CLIENT_SECRET, Fake, Fault, Language, On, Options, PASSWORD, Rule};
use repartee_reddit::{App, Clock, Grant, Login};
use repartee_store::Store;
use repartee_store::threads::{NewCandidate, NewThread, NewThreadComment, Scores};
use repartee_tests::Place;

const SUBREDDIT: &str = "Quiet";
const PERSON: &str = "a person";

/// The machine's clock, but for waits, which take no time on it and pass on the fake's clock, too.
struct Together {
    fake: Arc<Fake>,
    ahead_ms: AtomicI64,
}

impl Together {
    fn new(fake: &Arc<Fake>) -> Arc<Self> {
        Arc::new(Self { fake: Arc::clone(fake), ahead_ms: AtomicI64::new(0) })
    }

    fn pass(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
        self.fake.world().pass(ms);
    }
}

impl Clock for Together {
    fn now_ms(&self) -> i64 {
        repartee_store::now_ms() + self.ahead_ms.load(Ordering::Relaxed)
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.pass(time.as_millis() as i64);
        Box::pin(tokio::task::yield_now())
    }
}

fn login(_: &str) -> Option<Login> {
    Some(Login {
        app: App { client_id: CLIENT_ID.to_owned(), client_secret: CLIENT_SECRET.into() },
        grant: Grant::Password { username: ACCOUNT.to_owned(), password: PASSWORD.into() },
    })
}

/// A fake, a project with an account and a permission, and replies in its queue.
struct Bench {
    place: Place,
    fake: Arc<Fake>,
    clock: Arc<Together>,
    /// Numbers of the replies, with the name of what each answers.
    replies: Vec<(i64, String)>,
}

impl Bench {
    /// With so many posts of one comment each, and an approved reply to each of these.
    fn with(replies: usize) -> Self {
        let bench = Self::drafts(replies);
        let engine = bench.engine();
        for (id, _) in &bench.replies {
            engine.reply_approve(*id, PERSON).unwrap();
        }
        bench
    }

    /// The same with drafts.
    fn drafts(replies: usize) -> Self {
        let place = Place::with_project();
        let fake = Arc::new(Fake::start(Options { posts: 0, ..Options::default() }).unwrap());
        let clock = Together::new(&fake);
        let mut bench = Self { place, fake, clock, replies: Vec::new() };
        let engine = bench.engine();
        engine.account_put(&bench.account(), PERSON).unwrap();
        engine.account_label(ACCOUNT, true, PERSON).unwrap();
        engine.permit_subreddit(&permit(), PERSON).unwrap();
        engine
            .posting_rules_set(
                &PostingRules { per_day: 1000, per_subreddit: 1000, per_author: 1000, ..PostingRules::default() },
                RAISE,
                PERSON,
            )
            .unwrap();
        drop(engine);
        for n in 0..replies {
            let added = bench.add(n);
            bench.replies.push(added);
        }
        bench
    }

    fn account(&self) -> NewAccount {
        NewAccount {
            name: ACCOUNT.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            operator: "the_operator".to_owned(),
            host: self.fake.base().to_owned(),
            approval: "https://example.org/approved, 2026-09-01".to_owned(),
            ..NewAccount::default()
        }
    }

    /// Adds a post with one comment to both sides, and a draft that answers it.
    fn add(&self, n: usize) -> (i64, String) {
        let comment = format!("What do you all think about number {n}, and how would you go about it?");
        let (post, name) = {
            let mut world = self.fake.world();
            let post = world.add_post(SUBREDDIT, "host", &format!("Question {n}"), "A text.");
            let name = world.add_comment(&post, &format!("asker{n}"), &comment).unwrap();
            (post, name)
        };
        let store = Store::open(&self.place.project()).unwrap();
        let thread = NewThread {
            origin: "reddit".to_owned(),
            subreddit: SUBREDDIT.to_owned(),
            title: format!("Question {n}"),
            name: Some(post.clone()),
            author: Some("host".to_owned()),
            permalink: format!("/r/{SUBREDDIT}/comments/{}/_/", &post[3..]),
            comments: vec![NewThreadComment {
                name: Some(name.clone()),
                author: Some(format!("asker{n}")),
                body: comment,
                parent_name: Some(post.clone()),
                permalink: format!("/r/{SUBREDDIT}/comments/{}/_/{}/", &post[3..], &name[3..]),
                ..NewThreadComment::default()
            }],
            ..NewThread::default()
        };
        let (_, comments) = store.thread_insert(&thread, 0).unwrap();
        let candidate = NewCandidate {
            comment_id: comments[0],
            n: 0,
            text: TEXTS[n % TEXTS.len()].replace('#', &n.to_string()),
            finish: repartee_store::fakes::Finish::End,
            scores: Scores { p_real: Some(0.95), bins: Some([0.1, 0.2, 0.3, 0.4]) },
        };
        let candidates = store.candidates_add(generation(&self.place.project()), &[candidate]).unwrap();
        let reply = store.queue_add(&candidates, "repartee", 0).unwrap()[0];
        (reply, name)
    }

    fn engine(&self) -> Engine {
        let mut engine = self.place.engine();
        engine.outside = Outside { clock: self.clock.clone(), login: Some(Arc::new(login)), on_step: None };
        engine
    }

    /// An engine whose process dies before the step of this number.
    fn doomed(&self, dies_at: u64, steps: &Arc<Mutex<BTreeMap<&'static str, usize>>>) -> Engine {
        let mut engine = self.engine();
        let taken = AtomicU64::new(0);
        let steps = Arc::clone(steps);
        engine.outside.on_step = Some(Arc::new(move |step| {
            if taken.fetch_add(1, Ordering::Relaxed) == dies_at {
                *steps.lock().unwrap().entry(step).or_default() += 1;
                resume_unwind(Box::new(step));
            }
        }));
        engine
    }

    fn post(&self, engine: &Engine, job: &Post) -> Result<PostReport, Error> {
        match engine.start(job, &|_| {})? {
            Ended::Done(report) => Ok(report),
            _ => panic!("posting was paused or cancelled"),
        }
    }

    fn live(&self) -> Post {
        Post { live: Some(true), wait: true, ..Post::default() }
    }

    /// Posts everything, and gives the state and code of the first reply.
    fn first(&self, job: &Post) -> (String, String) {
        self.post(&self.engine(), job).unwrap();
        self.state(self.replies[0].0)
    }

    fn state(&self, reply: i64) -> (String, String) {
        let story = self.engine().outbox_story(reply).unwrap();
        (story.outbox.state, story.outbox.code)
    }

    fn posted(&self) -> usize {
        self.fake.world().calls(On::Comment).len()
    }

    /// The half minute after which a silent process counts as gone.
    fn bury(&self) {
        let db = rusqlite::Connection::open(self.place.project()).unwrap();
        db.busy_timeout(Duration::from_secs(10)).unwrap();
        db.execute("UPDATE lease SET beat_ms = 0", []).unwrap();
    }
}

/// Different enough not to count as similar.
const TEXTS: [&str; 6] = [
    "My neighbour tried that with # in May, and the garden never looked better.",
    "Honestly, take # walks round the lake first; then you will know what to ask.",
    "Libraries keep # old manuals on the second floor where nobody looks any more.",
    "Cold water, patience, # towels: it worked on our kitchen table last winter.",
    "Nobody told me either, until a friend drew # diagrams on the back of a menu.",
    "Start small; # bolts and one evening were enough for the shelf in my office.",
];

fn permit() -> NewPermit {
    NewPermit {
        subreddit: SUBREDDIT.to_owned(),
        link: "https://example.org/permission".to_owned(),
        ..NewPermit::default()
    }
}

/// A generation for candidates to belong to. No model is needed for posting, so none is there.
fn generation(project: &Path) -> i64 {
    let db = rusqlite::Connection::open(project).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    db.execute_batch(
        "PRAGMA foreign_keys = OFF;
         INSERT INTO generation (id, generator, config, created_ms) VALUES (1, 1, '{\"generator\":\"writer\"}', 0)
           ON CONFLICT DO NOTHING;",
    )
    .unwrap();
    1
}

/// A small generator of numbers: seeds must give the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }
}

/// What can go wrong with a comment.
fn wrongs() -> Vec<Fault> {
    let error = |code: &str| Fault::Error { code: code.to_owned(), text: "words".to_owned(), field: None };
    vec![
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::DropAfter,
        Fault::HangBefore { ms: 5 },
        Fault::HangAfter { ms: 5 },
        Fault::StatusBefore { status: 500 },
        Fault::StatusBefore { status: 503 },
        Fault::StatusAfter { status: 500 },
        Fault::StatusAfter { status: 502 },
        Fault::StatusAfter { status: 504 },
        Fault::Cut,
        Fault::Empty,
        Fault::NotJson,
        Fault::TooManyHtml { retry_after_s: Some(7) },
        Fault::TooManyJson { retry_after_s: None },
        Fault::Unauthorized,
        Fault::Redirect,
        Fault::RateLimit { seconds: 487.4, language: Language::Dutch, number: true },
        Fault::RateLimit { seconds: 120.0, language: Language::Russian, number: false },
        Fault::NoThings,
        Fault::Hidden,
        Fault::Late { ms: 240_000 },
        Fault::Late { ms: 1_500_000 },
        error("SUBREDDIT_RATELIMIT"),
        error("SOMETHING_NEW"),
        error("THREAD_LOCKED"),
    ]
}

/// What can go wrong with a look.
fn blinds() -> Vec<Fault> {
    vec![
        Fault::DropBefore,
        Fault::StatusBefore { status: 503 },
        Fault::Cut,
        Fault::NotJson,
        Fault::TooManyHtml { retry_after_s: Some(3) },
        Fault::Unauthorized,
    ]
}

#[derive(Debug, Default)]
struct Sums {
    runs: AtomicUsize,
    kills: AtomicUsize,
    sent: AtomicUsize,
    posted: AtomicUsize,
    absent: AtomicUsize,
    handed_over: AtomicUsize,
    again: AtomicUsize,
    beside: AtomicUsize,
}

/// One seed: faults, kills, restarts; then all is well, and everything is settled.
fn run(seed: u64, sums: &Sums, steps: &Arc<Mutex<BTreeMap<&'static str, usize>>>) {
    let mut dice = Dice(seed);
    let bench = Bench::with(1 + dice.below(3) as usize);
    {
        let mut world = bench.fake.world();
        // hours apart, either way
        let skew_ms = (dice.below(7) as i64 - 3) * 2_400_000;
        world.pass(skew_ms);
        world.knobs.tree_lag_ms = dice.pick(&[0, 0, 30_000, 200_000]);
        world.knobs.token_lives_s = dice.pick(&[86_400, 86_400, 90]);
        for _ in 0..dice.below(4) {
            let (fault, chance) = (dice.pick(&wrongs()), 0.2 + 0.2 * dice.below(5) as f64);
            let times = 1 + dice.below(3) as u32;
            world.fail(Rule { chance, ..Rule::times(On::Comment, fault, times) });
        }
        for on in [On::Comments, On::Info, On::UserComments, On::Me, On::Token] {
            if dice.below(3) == 0 {
                let fault = dice.pick(&blinds());
                world.fail(Rule { chance: 0.3, ..Rule::times(on, fault, 3) });
            }
        }
    }
    let lives = 1 + dice.below(4);
    for _ in 0..lives {
        let doomed = bench.doomed(dice.below(26), steps);
        if dice.below(6) == 0 {
            // two at once, of which one dies at a step
            sums.beside.fetch_add(1, Ordering::Relaxed);
            let other = bench.engine();
            std::thread::scope(|scope| {
                scope.spawn(|| bench.post(&doomed, &bench.live()));
                scope.spawn(|| bench.post(&other, &bench.live()));
            });
        } else if let Err(error) = bench.post(&doomed, &bench.live())
            && error.code == Code::Internal
        {
            sums.kills.fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(bench.fake.world().twins(), [], "seed {seed}");
        bench.bury();
        bench.clock.pass(dice.pick(&[0, 1_000, 60_000, 3_600_000]));
    }
    bench.fake.world().heal();
    for _ in 0..2 {
        let engine = bench.engine();
        bench.post(&engine, &bench.live()).unwrap_or_else(|e| panic!("seed {seed}: {e} {:?}", e.detail));
        assert_eq!(bench.fake.world().twins(), [], "seed {seed}");
        for (id, _) in &bench.replies {
            if bench.state(*id).0 == "absent" && dice.below(2) == 0 {
                sums.again.fetch_add(1, Ordering::Relaxed);
                engine.reply_settle(*id, &Settle::Again, PERSON).unwrap();
            }
        }
    }
    // what was sent again is posted now
    bench.post(&bench.engine(), &bench.live()).unwrap_or_else(|e| panic!("seed {seed}: {e} {:?}", e.detail));
    assert_eq!(bench.fake.world().twins(), [], "seed {seed}");
    for (id, parent) in &bench.replies {
        let (state, code) = bench.state(*id);
        let there = bench.fake.world().made(ACCOUNT, parent).len();
        let why = format!("seed {seed}, reply {id}: {state} {code}, {there} there");
        match state.as_str() {
            "posted" => {
                assert_eq!(there, 1, "{why}");
                sums.posted.fetch_add(1, Ordering::Relaxed);
            }
            "absent" => {
                assert_eq!(there, 0, "{why}");
                sums.absent.fetch_add(1, Ordering::Relaxed);
            }
            "uncertain" => {
                assert_eq!(code, "unsettled", "{why}");
                sums.handed_over.fetch_add(1, Ordering::Relaxed);
            }
            "rejected" | "cancelled" => assert_eq!(there, 0, "{why}"),
            "approved" => assert!(there == 0 && !code.is_empty(), "{why}"),
            _ => panic!("{why}"),
        }
    }
    sums.runs.fetch_add(1, Ordering::Relaxed);
    sums.sent.fetch_add(bench.posted(), Ordering::Relaxed);
}

#[test]
fn never_two_comments_whatever_goes_wrong() {
    let (from, to) = match std::env::var("REPARTEE_SEEDS") {
        Ok(seeds) => {
            let (from, to) = seeds.split_once("..").expect("FROM..TO");
            (from.parse().unwrap(), to.parse().unwrap())
        }
        Err(_) => (0, 1000),
    };
    let begun = Instant::now();
    let (next, sums, steps) = (AtomicU64::new(from), Sums::default(), Arc::default());
    std::thread::scope(|scope| {
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= to {
                    return;
                }
                run(seed, &sums, &steps);
            }
        };
        for _ in 0..4 {
            scope.spawn(work);
        }
    });
    eprintln!("seeds {from}..{to}: {sums:?} in {:.1} s; killed before: {:?}", begun.elapsed().as_secs_f64(), steps.lock().unwrap());
    assert_eq!(sums.runs.into_inner() as u64, to - from);
}

#[test]
fn an_approved_reply_is_posted_with_its_footer_and_once() {
    let bench = Bench::with(2);
    let report = bench.post(&bench.engine(), &bench.live()).unwrap();
    assert!(report.live && report.replies.iter().all(|r| r.state == "posted"), "{report:?}");
    let world = bench.fake.world();
    for (_, parent) in &bench.replies {
        let made = world.made(ACCOUNT, parent);
        assert_eq!(made.len(), 1);
        let body = &world.comments[&made[0][3..]].body;
        assert!(body.contains("run by u/the_operator") && body.contains("STOP"), "{body}");
    }
    // ten minutes lie between them
    let times: Vec<i64> = world.calls(On::Comment).iter().map(|call| call.ms).collect();
    assert!(times[1] - times[0] >= 600_000, "{times:?}");
    drop(world);
    bench.post(&bench.engine(), &bench.live()).unwrap();
    assert_eq!(bench.posted(), 2);
    let _ = new_id;
}
