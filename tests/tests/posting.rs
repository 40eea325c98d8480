//! Posting against a Reddit sandbox with injected faults, with the process killed at every step: never two comments by
//! one account under one parent, and every reply with unconfirmed delivery is settled, or left to the user. In half of
//! the runs a copy of the project posts, too.
//!
//! `REPARTEE_SEEDS=FROM..TO` runs other seeds than 0..100; `make proof` runs 1,000.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use repartee_engine::import::Import;
use repartee_engine::job::new_id;
use repartee_engine::reddit::{
    AccountInfo, Environment, LogIn, NOT_APPROVED, NewAccount, NewPostingPermission, OutboxStory,
    Post, PostReport, PostingRules, RAISE, Reconcile, Settle,
};
use repartee_engine::{Code, Ended, Engine, Error, StudyRecord};
use repartee_fake_reddit::{
    ACCOUNT, CLIENT_ID, CLIENT_SECRET, Fake, Fault, Language, On, Options, PASSWORD, Rule,
};
use repartee_reddit::{App, Clock, Grant, Login};
use repartee_store::Store;
use repartee_store::threads::{NewCandidate, NewThread, NewThreadComment, Scores};
use repartee_tests::sample::done;
use repartee_tests::study::granted;
use repartee_tests::{Place, approve_as_shown, seen};

#[path = "posting/copies.rs"]
mod copies;

const SUBREDDIT: &str = "Quiet";
const PERSON: &str = "a person";

/// The machine's clock, except for waits, which take no time on it and advance the sandbox's clock, too.
struct Together {
    fake: Arc<Fake>,
    ahead_ms: AtomicI64,
}

impl Together {
    fn new(fake: &Arc<Fake>) -> Arc<Self> {
        Arc::new(Self {
            fake: Arc::clone(fake),
            ahead_ms: AtomicI64::new(0),
        })
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
    login_of(ACCOUNT)
}

fn login_of(name: &str) -> Option<Login> {
    Some(Login {
        app: App {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
        },
        grant: Grant::Password {
            username: name.to_owned(),
            password: PASSWORD.into(),
        },
    })
}

/// A sandbox, a project with an account and a permission, and replies in its queue.
struct Bench {
    place: Place,
    fake: Arc<Fake>,
    clock: Arc<Together>,
    /// Numbers of the replies, with the name of what each answers.
    replies: Vec<(i64, String)>,
}

impl Bench {
    /// With this many posts of one comment each, and an approved reply to each of these.
    fn with(replies: usize) -> Self {
        Self::skewed(replies, 0)
    }

    /// As [`Self::with`], with a sandbox whose clock is this far ahead of ours.
    fn skewed(replies: usize, ahead_ms: i64) -> Self {
        let bench = Self::made(replies, ahead_ms);
        let engine = bench.engine();
        for (id, _) in &bench.replies {
            approve_as_shown(&engine, *id, PERSON).unwrap();
        }
        bench
    }

    /// As [`Self::with`], with drafts.
    fn drafts(replies: usize) -> Self {
        Self::made(replies, 0)
    }

    fn made(replies: usize, ahead_ms: i64) -> Self {
        let place = Place::with_project();
        let fake = Arc::new(
            Fake::start(Options {
                posts: 0,
                ..Options::default()
            })
            .unwrap(),
        );
        // before anything is written on it, or that would be in its future
        fake.world().pass(ahead_ms);
        let clock = Together::new(&fake);
        let mut bench = Self {
            place,
            fake,
            clock,
            replies: Vec::new(),
        };
        let engine = bench.engine();
        engine.account_put(&bench.account(), PERSON).unwrap();
        engine.account_label(ACCOUNT, true, PERSON).unwrap();
        engine.permit_subreddit(&permission(), PERSON).unwrap();
        engine
            .posting_rules_set(
                &PostingRules {
                    per_day: 1000,
                    per_subreddit: 1000,
                    per_author: 1000,
                    ..PostingRules::default()
                },
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

    /// Adds a post with one comment to sandbox and project, and a draft that answers it.
    fn add(&self, n: usize) -> (i64, String) {
        let comment =
            format!("What do you all think about number {n}, and how would you go about it?");
        let (post, name) = {
            let mut world = self.fake.world();
            let post = world.add_post(SUBREDDIT, "host", &format!("Question {n}"), "A text.");
            let name = world
                .add_comment(&post, &format!("asker{n}"), &comment)
                .unwrap();
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
            finish_reason: repartee_store::fakes::FinishReason::End,
            scores: Scores {
                p_real: Some(0.95),
                bins: Some([0.1, 0.2, 0.3, 0.4]),
            },
        };
        let candidates = store
            .candidates_add(generation(&self.place.project()), &[candidate])
            .unwrap();
        let reply = store.queue_add(&candidates, "repartee", 0).unwrap()[0];
        (reply, name)
    }

    fn engine(&self) -> Engine {
        self.open(&self.place.project())
    }

    /// Opens another project file of this user on this machine.
    fn open(&self, project: &Path) -> Engine {
        let mut engine = Engine::open(project).unwrap();
        engine.environment = Environment {
            clock: self.clock.clone(),
            login: Some(Arc::new(login)),
            state: Some(self.place.state()),
            ..Environment::default()
        };
        engine
    }

    /// A copy of a project file, as a user makes one.
    fn copy(&self, of: &Path, name: &str) -> PathBuf {
        let path = self.place.path(&format!("{name}.repartee"));
        let db = rusqlite::Connection::open(of).unwrap();
        db.busy_timeout(Duration::from_secs(10)).unwrap();
        db.execute("VACUUM INTO ?1", [path.to_str().unwrap()])
            .unwrap();
        path
    }

    /// A copy that the user has confirmed.
    fn adopted(&self, of: &Path, name: &str) -> PathBuf {
        let path = self.copy(of, name);
        self.open(&path).project_adopt(PERSON).unwrap();
        path
    }

    /// An engine whose process dies when it reaches a step this many times.
    fn doomed(
        &self,
        project: &Path,
        at: &'static str,
        nth: u64,
        steps: &Arc<Mutex<BTreeMap<&'static str, usize>>>,
    ) -> Engine {
        let mut engine = self.open(project);
        let taken = AtomicU64::new(0);
        let steps = Arc::clone(steps);
        engine.environment.on_step = Some(Arc::new(move |step| {
            if step == at && taken.fetch_add(1, Ordering::Relaxed) == nth {
                *steps.lock().unwrap().entry(step).or_default() += 1;
                resume_unwind(Box::new(step));
            }
        }));
        engine
    }

    fn post(&self, engine: &Engine, job: &Post) -> Result<PostReport, Error> {
        let show = std::env::var_os("REPARTEE_SHOW").is_some();
        let signals = |signal| {
            if show {
                eprintln!("{signal:?}");
            }
        };
        match engine.start(job, &signals)? {
            Ended::Done(report) => Ok(report),
            _ => panic!("posting was paused or canceled"),
        }
    }

    fn live(&self) -> Post {
        Post {
            live: Some(true),
            wait: true,
            ..Post::default()
        }
    }

    /// Posts everything, and returns state and code of the first reply.
    fn first(&self, job: &Post) -> (String, String) {
        self.post(&self.engine(), job).unwrap();
        self.state(self.replies[0].0)
    }

    fn state(&self, reply: i64) -> (String, String) {
        self.state_in(&self.place.project(), reply)
    }

    fn state_in(&self, project: &Path, reply: i64) -> (String, String) {
        let outbox = self.open(project).outbox(None).unwrap();
        let of = outbox.into_iter().find(|of| of.reply == reply).unwrap();
        (of.state, of.code)
    }

    fn posted(&self) -> usize {
        self.fake.world().calls(On::Comment).len()
    }

    /// Waits half a minute, after which a silent process counts as gone.
    fn bury(&self) {
        for file in std::fs::read_dir(self.place.folder()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|end| end == "repartee") {
                let db = rusqlite::Connection::open(path).unwrap();
                db.busy_timeout(Duration::from_secs(10)).unwrap();
                db.execute("UPDATE lease SET beat_ms = 0", []).unwrap();
            }
        }
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

fn permission() -> NewPostingPermission {
    NewPostingPermission {
        subreddit: SUBREDDIT.to_owned(),
        link: "https://example.org/permission".to_owned(),
        ..NewPostingPermission::default()
    }
}

/// A generation for candidates to belong to. Posting needs no model, so there is none.
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

/// Where a process may die.
const STEPS: [&str; 18] = [
    "leased",
    "before settling",
    "chosen",
    "locked",
    "looked",
    "ready",
    "noted in the project",
    "intended",
    "intended",
    "sent",
    "sent",
    "concluded",
    "noted",
    "noted in the ledger",
    "looked again",
    "before a look",
    "between two looks",
    "after a look",
];

/// A small random generator: seeds must give the same on every machine.
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

/// Faults of posting a comment.
fn wrongs() -> Vec<Fault> {
    let error = |code: &str| Fault::Error {
        code: code.to_owned(),
        text: "words".to_owned(),
        field: None,
    };
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
        Fault::TooManyHtml {
            retry_after_s: Some(7),
        },
        Fault::TooManyJson {
            retry_after_s: None,
        },
        Fault::Unauthorized,
        Fault::Redirect,
        Fault::RateLimit {
            seconds: 487.4,
            language: Language::Dutch,
            number: true,
        },
        Fault::RateLimit {
            seconds: 120.0,
            language: Language::Russian,
            number: false,
        },
        Fault::NoThings,
        Fault::Hidden,
        Fault::Late { ms: 240_000 },
        Fault::Late { ms: 1_500_000 },
        error("SUBREDDIT_RATELIMIT"),
        error("SOMETHING_NEW"),
        error("THREAD_LOCKED"),
    ]
}

/// Faults of a check.
fn blinds() -> Vec<Fault> {
    vec![
        Fault::DropBefore,
        Fault::StatusBefore { status: 503 },
        Fault::Cut,
        Fault::NotJson,
        Fault::TooManyHtml {
            retry_after_s: Some(3),
        },
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
    /// Runs with a copy of the project.
    copies: AtomicUsize,
    /// Replies that a copy does not post because the other has or may have answered.
    elsewhere: AtomicUsize,
    /// Replies that Reddit refused, or that wait for the user for another reason.
    refused: AtomicUsize,
}

/// One seed: faults, kills, restarts; then no more faults, and everything is settled.
fn run(seed: u64, sums: &Sums, steps: &Arc<Mutex<BTreeMap<&'static str, usize>>>) {
    let mut dice = Dice(seed);
    // clocks differ by up to two hours, either way
    let skew_ms = (dice.below(7) as i64 - 3) * 2_400_000;
    let bench = Bench::skewed(1 + dice.below(3) as usize, skew_ms);
    {
        let mut world = bench.fake.world();
        world.knobs.tree_lag_ms = dice.pick(&[0, 0, 30_000, 200_000]);
        world.knobs.token_lives_s = dice.pick(&[86_400, 86_400, 90]);
        for _ in 0..dice.below(4) {
            let (fault, chance) = (dice.pick(&wrongs()), 0.2 + 0.2 * dice.below(5) as f64);
            let times = 1 + dice.below(3) as u32;
            world.fail(Rule {
                chance,
                ..Rule::times(On::Comment, fault, times)
            });
        }
        for on in [On::Comments, On::Info, On::UserComments, On::Me, On::Token] {
            if dice.below(3) == 0 {
                let fault = dice.pick(&blinds());
                world.fail(Rule {
                    chance: 0.3,
                    ..Rule::times(on, fault, 3)
                });
            }
        }
    }
    let lives = 1 + dice.below(4);
    let original = bench.place.project();
    let mut files = vec![original.clone()];
    let copied_at = dice.below(2 * lives);
    for life in 0..lives {
        if life == copied_at {
            sums.copies.fetch_add(1, Ordering::Relaxed);
            files.push(bench.adopted(&original, "copy"));
        }
        let file = dice.pick(&files);
        let doomed = bench.doomed(
            &file,
            dice.pick(&STEPS),
            dice.below(3) * dice.below(2),
            steps,
        );
        if dice.below(6) == 0 || (files.len() > 1 && dice.below(2) == 0) {
            // two at the same time, of which one dies at a step
            sums.beside.fetch_add(1, Ordering::Relaxed);
            let beside = files.iter().find(|other| **other != file);
            let other = bench.open(beside.unwrap_or(&file));
            std::thread::scope(|scope| {
                scope.spawn(|| bench.post(&doomed, &bench.live()));
                scope.spawn(|| bench.post(&other, &bench.live()));
            });
        } else if let Err(error) = bench.post(&doomed, &bench.live())
            && error.code == Code::Internal
        {
            sums.kills.fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(bench.fake.world().duplicates(), [], "seed {seed}");
        bench.bury();
        bench.clock.pass(dice.pick(&[0, 1_000, 60_000, 3_600_000]));
    }
    bench.fake.world().heal();
    let all_well = |file: &Path| {
        bench
            .post(&bench.open(file), &bench.live())
            .unwrap_or_else(|e| panic!("seed {seed}, {file:?}: {e} {:?}", e.detail));
        assert_eq!(bench.fake.world().duplicates(), [], "seed {seed}");
    };
    for _ in 0..2 {
        for file in &files {
            all_well(file);
            for (id, _) in &bench.replies {
                if bench.state_in(file, *id).0 == "absent" && dice.below(2) == 0 {
                    sums.again.fetch_add(1, Ordering::Relaxed);
                    let engine = bench.open(file);
                    let again = again(&engine, *id);
                    engine.reply_settle(*id, &again, PERSON).unwrap();
                }
            }
        }
    }
    // what was sent again is posted now
    for file in &files {
        all_well(file);
    }
    for (id, parent) in &bench.replies {
        let there = bench.fake.world().made(ACCOUNT, parent).len();
        let mut known = false;
        for file in &files {
            let (state, code) = bench.state_in(file, *id);
            let why = format!("seed {seed}, {file:?}, reply {id}: {state} {code}, {there} there");
            // what one of two copies did not post may be the other's
            let nothing = there == 0 || files.len() > 1;
            match (state.as_str(), code.as_str()) {
                ("posted", code) => {
                    assert_eq!((there, code), (1, ""), "{why}");
                    known = true;
                    sums.posted.fetch_add(1, Ordering::Relaxed);
                }
                ("absent", _) => {
                    assert!(nothing, "{why}");
                    sums.absent.fetch_add(1, Ordering::Relaxed);
                }
                ("uncertain", code) => {
                    assert_eq!(code, "unsettled", "{why}");
                    known = true;
                    sums.handed_over.fetch_add(1, Ordering::Relaxed);
                }
                ("cancelled", "answered-elsewhere" | "answered") if files.len() > 1 => {
                    assert_eq!(there, 1, "{why}");
                    sums.elsewhere.fetch_add(1, Ordering::Relaxed);
                }
                // the other one is uncertain or absent: the user settles it there
                ("approved", "answered-elsewhere") if files.len() > 1 => {
                    sums.elsewhere.fetch_add(1, Ordering::Relaxed);
                }
                ("rejected" | "cancelled", _) => {
                    assert!(nothing, "{why}");
                    sums.refused.fetch_add(1, Ordering::Relaxed);
                }
                _ => panic!("{why}"),
            }
        }
        assert!(
            known || there == 0,
            "seed {seed}, reply {id}: nobody knows of it"
        );
    }
    sums.runs.fetch_add(1, Ordering::Relaxed);
    sums.sent.fetch_add(bench.posted(), Ordering::Relaxed);
}

#[test]
fn named_draft_is_not_posted_and_everything_it_lacks_is_reported() {
    let bench = Bench::drafts(2);
    let engine = bench.engine();
    let (first, second) = (bench.replies[0].0, bench.replies[1].0);
    approve_as_shown(&engine, first, PERSON).unwrap();
    let both = Post {
        replies: vec![first, second],
        ..bench.live()
    };
    let report = bench.post(&engine, &both).unwrap();
    assert!(report.is_refused() && bench.posted() == 1, "{report:?}");
    let draft = report.replies.iter().find(|r| r.reply == second).unwrap();
    assert_eq!(
        (draft.state.as_str(), draft.code.as_str()),
        ("draft", NOT_APPROVED)
    );
    assert!(draft.detail.contains("queue approve"), "{}", draft.detail);
    // besides the approval, other obstacles
    engine
        .posting_permission_off(SUBREDDIT, "the moderators asked", PERSON)
        .unwrap();
    for live in [Some(true), Some(false), None] {
        let alone = Post {
            replies: vec![second],
            live,
            ..bench.live()
        };
        let report = bench.post(&engine, &alone).unwrap();
        assert!(
            report.is_refused() && report.replies.len() == 1,
            "{report:?}"
        );
        let detail = &report.replies[0].detail;
        assert!(
            detail.contains("draft") && detail.contains("switched off"),
            "{detail}"
        );
    }
    assert_eq!(bench.posted(), 1);
}

#[test]
fn never_two_comments_whatever_goes_wrong() {
    let (from, to) = match std::env::var("REPARTEE_SEEDS") {
        Ok(seeds) => {
            let (from, to) = seeds.split_once("..").expect("FROM..TO");
            (from.parse().unwrap(), to.parse().unwrap())
        }
        Err(_) => (0, 100),
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
        // more threads than cores: most of the time is spent waiting for the disk
        for _ in 0..6 {
            scope.spawn(work);
        }
    });
    eprintln!(
        "seeds {from}..{to}: {sums:?} in {:.1} s; killed before: {:?}",
        begun.elapsed().as_secs_f64(),
        steps.lock().unwrap()
    );
    assert_eq!(sums.runs.into_inner() as u64, to - from);
}

/// A process of its own that posts everything approved in a project.
fn process_of(bench: &Bench, project: &Path) -> std::process::Child {
    let engine = bench.open(project);
    let id = new_id();
    engine
        .submit(
            &id,
            "post",
            &serde_json::json!({ "live": true, "wait": true }),
        )
        .unwrap();
    std::process::Command::new(repartee_tests::binary())
        .arg("work")
        .arg(project)
        .arg(&id)
        .env("REPARTEE_REDDIT_CLIENT_SECRET", CLIENT_SECRET)
        .env("REPARTEE_REDDIT_USERNAME", ACCOUNT)
        .env("REPARTEE_REDDIT_PASSWORD", PASSWORD)
        .env("REPARTEE_FAKE_HURRY", "1")
        .env(repartee_engine::machine::STATE_FOLDER, bench.place.state())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn sigkill_at_any_moment_and_two_processes_at_once() {
    sigkill(false);
}

#[test]
fn sigkill_at_any_moment_while_two_copies_post() {
    sigkill(true);
}

/// Kills real processes: of one project, or of it and a copy.
fn sigkill(copied: bool) {
    const SEEDS: u64 = 12;
    let begun = Instant::now();
    let (mut kills, mut posted) = (0, 0);
    for seed in 0..SEEDS {
        let mut dice = Dice(0x51_61 + seed);
        let bench = Bench::with(3);
        for on in [On::Comment, On::Comments, On::Info, On::UserComments] {
            bench.fake.world().fail(Rule {
                chance: 0.7,
                ..Rule::always(on, Fault::Slow { ms: 25 })
            });
        }
        bench.fake.world().rules.insert(
            0,
            Rule {
                chance: 0.5,
                ..Rule::always(On::Comment, Fault::HangAfter { ms: 40 })
            },
        );
        let mut files = vec![bench.place.project(); 2];
        if copied {
            files[1] = bench.adopted(&files[0], "copy");
        }
        for _ in 0..4 {
            let count = if copied { 2 } else { 1 + seed as usize % 2 };
            let mut processes: Vec<_> = files[..count]
                .iter()
                .map(|file| process_of(&bench, file))
                .collect();
            std::thread::sleep(Duration::from_millis(40 + dice.below(360)));
            for process in &mut processes {
                process.kill().unwrap(); // SIGKILL
                process.wait().unwrap();
                kills += 1;
            }
            assert_eq!(bench.fake.world().duplicates(), [], "seed {seed}");
            bench.bury();
        }
        bench.fake.world().heal();
        for _ in 0..1 + usize::from(copied) {
            let mut last: Vec<_> = files.iter().map(|file| process_of(&bench, file)).collect();
            last.iter_mut()
                .for_each(|process| _ = process.wait().unwrap());
            assert_eq!(bench.fake.world().duplicates(), [], "seed {seed}");
        }
        for (id, parent) in &bench.replies {
            let there = bench.fake.world().made(ACCOUNT, parent).len();
            let states: Vec<_> = files.iter().map(|file| bench.state_in(file, *id)).collect();
            let why = format!("seed {seed}, reply {id}: {states:?}, {there} there");
            let by_one = states
                .iter()
                .any(|(state, _)| matches!((state.as_str(), there), ("posted", 1) | ("absent", 0)));
            assert!(by_one, "{why}");
            for (state, code) in &states {
                let settled = match (state.as_str(), code.as_str()) {
                    ("posted", _) => there == 1,
                    ("absent", _) => there == 0,
                    ("cancelled" | "approved", "answered-elsewhere" | "answered") => copied,
                    _ => false,
                };
                assert!(settled, "{why}");
            }
            posted += there;
        }
    }
    eprintln!(
        "seeds 0..{SEEDS}: {kills} processes killed, {posted} comments posted, in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
}

#[test]
fn an_approved_reply_is_posted_with_its_footer_and_once() {
    let bench = Bench::with(2);
    let report = bench.post(&bench.engine(), &bench.live()).unwrap();
    assert!(
        report.live && report.replies.iter().all(|r| r.state == "posted"),
        "{report:?}"
    );
    let world = bench.fake.world();
    for (_, parent) in &bench.replies {
        let made = world.made(ACCOUNT, parent);
        assert_eq!(made.len(), 1);
        let body = &world.comments[&made[0][3..]].body;
        assert!(
            body.contains("run by u/the_operator") && body.contains("STOP"),
            "{body}"
        );
    }
    // ten minutes are between them
    let times: Vec<i64> = world
        .calls(On::Comment)
        .iter()
        .map(|call| call.ms)
        .collect();
    assert!(times[1] - times[0] >= 600_000, "{times:?}");
    drop(world);
    bench.post(&bench.engine(), &bench.live()).unwrap();
    assert_eq!(bench.posted(), 2);
}

/// Changes the project behind the engine's back.
fn sql(bench: &Bench, sql: &str) {
    let db = rusqlite::Connection::open(bench.place.project()).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    db.execute_batch(sql).unwrap();
}

fn now() -> Post {
    Post {
        live: Some(true),
        ..Post::default()
    }
}

fn rules(bench: &Bench, change: impl FnOnce(&mut PostingRules)) {
    let engine = bench.engine();
    let mut rules = engine.posting_rules().unwrap();
    change(&mut rules);
    engine.posting_rules_set(&rules, RAISE, PERSON).unwrap();
}

/// Sends a reply again, as it is shown.
fn again(engine: &Engine, id: i64) -> Settle {
    Settle::Again {
        seen: seen(engine, id),
    }
}

/// Edits a posted reply, as previewed.
fn rewrite(engine: &Engine, id: i64, text: &str) -> Result<OutboxStory, Error> {
    let shown = engine.rewrite_preview(id, text)?;
    engine.reply_rewrite(id, text, &shown.seen, PERSON)
}

/// Fails on every call except the first, which is before the reply is sent.
fn blind(on: On) -> Rule {
    Rule {
        skip: 1,
        ..Rule::always(on, Fault::StatusBefore { status: 503 })
    }
}

/// Posts at once, and expects the first reply in this state, for this reason, with nothing sent.
fn refused(bench: &Bench, state: &str, code: &str) {
    assert_eq!(bench.first(&now()), (state.to_owned(), code.to_owned()));
    assert_eq!(bench.posted(), 0, "{code}");
}

#[test]
fn without_an_approval_record_nothing_is_posted() {
    let bench = Bench::with(1);
    let account = NewAccount {
        approval: String::new(),
        ..bench.account()
    };
    bench.engine().account_put(&account, PERSON).unwrap();
    refused(&bench, "approved", "no-approval");
    // and by default it is a dry run then
    let report = bench.post(&bench.engine(), &Post::default()).unwrap();
    assert!(!report.live);
    assert_eq!(report.replies[0].code, "no-approval");
}

#[test]
fn without_the_label_nothing_is_posted() {
    let bench = Bench::with(1);
    bench
        .engine()
        .account_label(ACCOUNT, false, PERSON)
        .unwrap();
    refused(&bench, "approved", "no-label");
}

#[test]
fn a_strict_project_without_permission_posts_nothing() {
    let bench = Bench::with(1);
    let line = r#"{"id":"b","parent_id":"t1_a","link_id":"t3_p","body":"x","author":"u","subreddit":"s","score":1}"#;
    let import = Import {
        files: vec![bench.place.write("RC.ndjson", format!("{line}\n"))],
        study: StudyRecord::none_of_all(),
        ..Import::default()
    };
    done(&bench.engine(), &import);
    refused(&bench, "approved", "study-permission");
    let report = bench.post(&bench.engine(), &Post::default()).unwrap();
    assert!(
        report.replies[0]
            .detail
            .contains("No permission to train on Reddit content on record"),
        "{report:?}"
    );
    // an expired grant is refused as well, by the clock
    let mut training = granted();
    training[0].until = "2020-02-01".to_owned();
    bench.engine().study_record(&training, PERSON).unwrap();
    refused(&bench, "approved", "study-permission");
    bench.engine().study_record(&granted(), PERSON).unwrap();
    assert_eq!(bench.first(&now()).0, "posted");
}

#[test]
fn without_strict_a_missing_permission_blocks_nothing() {
    let bench = Bench::with(1);
    let line = r#"{"id":"b","parent_id":"t1_a","link_id":"t3_p","body":"x","author":"u","subreddit":"s","score":1}"#;
    let import = Import {
        files: vec![bench.place.write("RC.ndjson", format!("{line}\n"))],
        study: StudyRecord::none_of_all(),
        ..Import::default()
    };
    done(&bench.engine(), &import);
    bench.engine().study_strict(false, PERSON).unwrap();
    assert_eq!(bench.first(&now()).0, "posted");
}

#[test]
fn disabled_account_posts_nothing() {
    let bench = Bench::with(1);
    bench
        .engine()
        .account_stop(ACCOUNT, "to be looked at", PERSON)
        .unwrap();
    refused(&bench, "approved", "stopped");
    bench.engine().account_stop(ACCOUNT, "", PERSON).unwrap();
    assert_eq!(bench.first(&now()).0, "posted");
}

#[test]
fn without_a_permission_nothing_is_posted() {
    let bench = Bench::with(1);
    sql(&bench, "DELETE FROM subreddit");
    refused(&bench, "approved", "no-permission");
    let over = NewPostingPermission {
        expires_ms: Some(1),
        ..permission()
    };
    bench.engine().permit_subreddit(&over, PERSON).unwrap();
    refused(&bench, "approved", "permission-over");
    bench
        .engine()
        .permit_subreddit(&permission(), PERSON)
        .unwrap();
    bench
        .engine()
        .posting_permission_off(SUBREDDIT, "they wrote to us", PERSON)
        .unwrap();
    refused(&bench, "approved", "subreddit-off");
    // without a link there is no permission, and some subreddits never get one
    let engine = bench.engine();
    let without = NewPostingPermission {
        link: String::new(),
        ..permission()
    };
    assert_eq!(
        engine.permit_subreddit(&without, PERSON).unwrap_err().code,
        Code::Usage
    );
    let denied = NewPostingPermission {
        subreddit: "r/SuicideWatch".to_owned(),
        ..permission()
    };
    assert_eq!(
        engine.permit_subreddit(&denied, PERSON).unwrap_err().code,
        Code::Refused
    );
}

#[test]
fn subreddit_whose_rules_change_is_disabled() {
    let bench = Bench::with(1);
    let other = NewPostingPermission {
        rules: r#"[["No bots","Not even nice ones."]]"#.to_owned(),
        ..permission()
    };
    bench.engine().permit_subreddit(&other, PERSON).unwrap();
    refused(&bench, "approved", "subreddit-off");
    assert!(
        bench.engine().posting_permissions().unwrap()[0]
            .off
            .contains("rules have changed")
    );
}

#[test]
fn without_disclosure_nothing_is_posted() {
    let bench = Bench::drafts(1);
    rules(&bench, |rules| rules.footer = false);
    approve_as_shown(&bench.engine(), bench.replies[0].0, PERSON).unwrap();
    refused(&bench, "approved", "no-disclosure");
    // a footer that discloses nothing cannot be set at all
    let engine = bench.engine();
    let mute = PostingRules {
        footer_text: "^(written with love)".to_owned(),
        ..PostingRules::default()
    };
    assert_eq!(
        engine
            .posting_rules_set(&mute, RAISE, PERSON)
            .unwrap_err()
            .code,
        Code::Usage
    );
}

/// Both comments are by one author, on Reddit and in the project, and approved so.
fn one_author(bench: &Bench) {
    for (id, parent) in &bench.replies {
        bench.fake.world().comment(parent).unwrap().author = "asker0".to_owned();
        sql(bench, "UPDATE thread_comment SET author = 'asker0'");
        approve_as_shown(&bench.engine(), *id, PERSON).unwrap();
    }
}

#[test]
fn caps_are_enforced() {
    let all = |change: fn(&mut PostingRules), same_author: bool, code: &str| {
        let bench = Bench::with(2);
        rules(&bench, |rules| {
            rules.pause_min = 0.0;
            change(rules);
        });
        if same_author {
            one_author(&bench);
        }
        bench.post(&bench.engine(), &now()).unwrap();
        assert_eq!(bench.posted(), 1, "{code}");
        assert_eq!(
            bench.state(bench.replies[1].0),
            ("approved".to_owned(), code.to_owned())
        );
        // a day later the cap allows another
        bench.clock.pass(86_400_000);
        bench.post(&bench.engine(), &now()).unwrap();
        assert_eq!(bench.posted(), 2, "{code}");
    };
    all(|rules| rules.per_day = 1, false, "cap-day");
    all(|rules| rules.per_subreddit = 1, false, "cap-subreddit");
    all(|rules| rules.per_author = 1, true, "cap-author");
    all(|rules| rules.pause_min = 30.0, false, "pace");
}

#[test]
fn one_reply_per_thread_and_none_below_our_own() {
    let bench = Bench::with(2);
    rules(&bench, |rules| rules.pause_min = 0.0);
    sql(
        &bench,
        "UPDATE reply SET post_name = (SELECT post_name FROM reply WHERE id = 1) WHERE id = 2",
    );
    bench.post(&bench.engine(), &now()).unwrap();
    assert_eq!(
        (bench.posted(), bench.state(2)),
        (1, ("cancelled".to_owned(), "cap-thread".to_owned()))
    );

    let bench = Bench::with(1);
    sql(
        &bench,
        &format!(
            "INSERT INTO thread_comment (id, thread_id, author, body) VALUES (900, 1, '{ACCOUNT}', 'ours');
             UPDATE thread_comment SET parent_id = 900 WHERE id = 1"
        ),
    );
    refused(&bench, "cancelled", "chain");
}

#[test]
fn loosening_limits_requires_typed_confirmation() {
    let bench = Bench::drafts(0);
    let engine = bench.engine();
    engine
        .posting_rules_set(
            &PostingRules {
                per_day: 3,
                ..PostingRules::default()
            },
            "",
            PERSON,
        )
        .unwrap();
    let more = PostingRules {
        per_day: 4,
        ..PostingRules::default()
    };
    assert!(
        engine
            .posting_rules_set(&more, "", PERSON)
            .unwrap_err()
            .message
            .contains(RAISE)
    );
    assert!(engine.posting_rules_set(&more, "yes", PERSON).is_err());
    engine.posting_rules_set(&more, RAISE, PERSON).unwrap();
    assert!(
        engine
            .audit(None, 5)
            .unwrap()
            .iter()
            .any(|line| line.detail.contains("per_day"))
    );
}

#[test]
fn opted_out_users_are_not_answered() {
    let bench = Bench::with(1);
    bench
        .engine()
        .opt_out_add("u/asker0", "asked for it", PERSON)
        .unwrap();
    refused(&bench, "cancelled", "opted-out");
    let bench = Bench::with(1);
    bench
        .engine()
        .opt_out_add(&format!("r/{SUBREDDIT}"), "", PERSON)
        .unwrap();
    refused(&bench, "cancelled", "opted-out");
}

#[test]
fn unsuitable_texts_are_not_posted() {
    let text = |bench: &Bench, text: &str| {
        let engine = bench.engine();
        engine.reply_edit(bench.replies[0].0, text, PERSON).unwrap();
        approve_as_shown(&engine, bench.replies[0].0, PERSON).unwrap();
    };
    let bench = Bench::with(1);
    text(
        &bench,
        "What do you all think about number 0, and how would you go about it?",
    );
    refused(&bench, "draft", "echo");
    text(&bench, "Just kill yourself, it saves time.");
    refused(&bench, "draft", "keyword");
    // what was changed behind the user's back
    text(&bench, "A good text that a person read.");
    sql(
        &bench,
        "UPDATE reply SET full_text = full_text || ' and more'",
    );
    refused(&bench, "draft", "not-approved");
    // a text of one version with the full text of another
    text(&bench, "A good text that a person read.");
    sql(&bench, "UPDATE reply SET text = 'Another text.'");
    refused(&bench, "draft", "not-approved");
    // the same under another comment
    let bench = Bench::with(2);
    rules(&bench, |rules| rules.pause_min = 0.0);
    let engine = bench.engine();
    let first = engine.reply(1).unwrap().reply.text;
    engine.reply_edit(2, &first, PERSON).unwrap();
    approve_as_shown(&engine, 2, PERSON).unwrap();
    bench.post(&bench.engine(), &now()).unwrap();
    assert_eq!(
        (bench.posted(), bench.state(2)),
        (1, ("approved".to_owned(), "similar".to_owned()))
    );
    for (set, code) in [
        (
            "UPDATE thread_comment SET body = 'I think about suicide a lot'",
            "keyword",
        ),
        ("UPDATE thread SET title = '[Serious] What now?'", "serious"),
        ("UPDATE thread_comment SET author = 'AutoModerator'", "bot"),
        (
            "UPDATE thread SET subreddit = 'depression'",
            "denied-subreddit",
        ),
    ] {
        let bench = Bench::with(1);
        sql(&bench, set);
        refused(&bench, "cancelled", code);
    }
}

#[test]
fn nothing_is_posted_outside_posting_hours() {
    let bench = Bench::with(1);
    let hour = (bench.clock.now_ms() / 3_600_000 % 24) as u8;
    rules(&bench, |rules| {
        rules.hours = Some([(hour + 3) % 24, (hour + 5) % 24])
    });
    refused(&bench, "approved", "schedule");
    // a waiting job posts when they begin
    bench.post(&bench.engine(), &bench.live()).unwrap();
    assert_eq!(bench.posted(), 1);
    let then = (bench.clock.now_ms() / 3_600_000 % 24) as u8;
    assert_eq!(then, (hour + 3) % 24);
}

#[test]
fn current_state_on_reddit_decides() {
    let parent = |bench: &Bench| bench.replies[0].1.clone();
    let post = |bench: &Bench| {
        bench.engine().outbox(None).unwrap()[0]
            .post_name
            .clone()
            .unwrap()
    };
    // the user must read a changed parent again, as it is now
    let bench = Bench::with(1);
    bench.fake.world().comment(&parent(&bench)).unwrap().body = "EDIT: solved, thanks.".to_owned();
    refused(&bench, "draft", "changed-parent");
    assert_eq!(
        bench.engine().reply(1).unwrap().reply.comment,
        "EDIT: solved, thanks."
    );
    approve_as_shown(&bench.engine(), 1, PERSON).unwrap();
    assert_eq!(bench.first(&now()).0, "posted");

    type Change = fn(&mut repartee_fake_reddit::World, &str, &str);
    let changes: [(Change, &str); 6] = [
        (
            |w, _, c| w.comment(c).unwrap().deleted = true,
            "parent-gone",
        ),
        (
            |w, _, c| w.comment(c).unwrap().removed = true,
            "parent-gone",
        ),
        (|w, _, c| w.comment(c).unwrap().locked = true, "locked"),
        (|w, p, _| w.post(p).unwrap().locked = true, "locked"),
        (|w, p, _| w.post(p).unwrap().archived = true, "archived"),
        (|w, p, _| w.post(p).unwrap().deleted = true, "post-gone"),
    ];
    for (change, code) in changes {
        let bench = Bench::with(1);
        change(&mut bench.fake.world(), &post(&bench), &parent(&bench));
        refused(&bench, "cancelled", code);
        if code.ends_with("gone") {
            // what Reddit no longer has is purged at once
            assert_eq!(bench.engine().reply(1).unwrap().reply.comment, "", "{code}");
        }
    }
    // a comment of ours already exists there
    let bench = Bench::with(1);
    bench
        .fake
        .world()
        .add_comment(&parent(&bench), ACCOUNT, "by hand")
        .unwrap();
    refused(&bench, "cancelled", "answered");
}

#[test]
fn dry_run_sends_and_changes_nothing() {
    let bench = Bench::with(2);
    bench
        .fake
        .world()
        .comment(&bench.replies[1].1.clone())
        .unwrap()
        .locked = true;
    let before = bench.engine().outbox(None).unwrap();
    let dry = Post {
        live: Some(false),
        ..Post::default()
    };
    let report = bench.post(&bench.engine(), &dry).unwrap();
    let found: Vec<(&str, &str)> = report
        .replies
        .iter()
        .map(|r| (r.state.as_str(), r.code.as_str()))
        .collect();
    assert_eq!(found, [("ready", ""), ("approved", "locked")]);
    assert_eq!(
        (bench.engine().outbox(None).unwrap(), bench.posted()),
        (before, 0)
    );
}

#[test]
fn dry_run_counts_the_replies_that_would_be_posted_before() {
    let bench = Bench::with(3);
    let rules = PostingRules {
        per_subreddit: 4,
        per_day: 1000,
        per_author: 1000,
        ..PostingRules::default()
    };
    bench
        .engine()
        .posting_rules_set(&rules, RAISE, PERSON)
        .unwrap();
    let dry = Post {
        live: Some(false),
        ..Post::default()
    };
    let report = bench.post(&bench.engine(), &dry).unwrap();
    let found: Vec<(&str, &str)> = report
        .replies
        .iter()
        .map(|r| (r.state.as_str(), r.code.as_str()))
        .collect();
    let blocked = ("approved", "cap-subreddit");
    assert_eq!(found, [("ready", ""), ("ready", ""), blocked]);
    let detail = &report.replies[2].detail;
    assert!(
        detail.contains("2: half of 4 in the first week"),
        "{detail}"
    );
}

#[test]
fn every_error_of_reddit_has_its_consequence() {
    let error = |code: &str| Fault::Error {
        code: code.to_owned(),
        text: "in Reddit's words".to_owned(),
        field: None,
    };
    let cases = [
        (error("NO_TEXT"), "draft", "NO_TEXT"),
        (
            Fault::BadRequest {
                code: "TOO_LONG".into(),
                text: "too long".into(),
                field: None,
            },
            "draft",
            "TOO_LONG",
        ),
        (error("THREAD_LOCKED"), "cancelled", "THREAD_LOCKED"),
        (error("TOO_OLD"), "cancelled", "TOO_OLD"),
        (error("DELETED_COMMENT"), "cancelled", "DELETED_COMMENT"),
        (error("USER_BLOCKED"), "cancelled", "USER_BLOCKED"),
        (
            error("COMMENTER_BLOCKED_POSTER"),
            "cancelled",
            "COMMENTER_BLOCKED_POSTER",
        ),
        (error("USER_REQUIRED"), "approved", "stopped"),
        (
            error("SUBREDDIT_NOTALLOWED"),
            "cancelled",
            "SUBREDDIT_NOTALLOWED",
        ),
        (Fault::Forbidden { reason: None }, "cancelled", "403"),
        (
            Fault::Forbidden {
                reason: Some("IN_TIMEOUT".into()),
            },
            "approved",
            "stopped",
        ),
        (Fault::Scope, "approved", "stopped"),
        (error("SOMETHING_NEW"), "rejected", "SOMETHING_NEW"),
    ];
    for (fault, state, code) in cases {
        let bench = Bench::with(1);
        bench
            .fake
            .world()
            .fail(Rule::always(On::Comment, fault.clone()));
        assert_eq!(
            bench.first(&now()),
            (state.to_owned(), code.to_owned()),
            "{fault:?}"
        );
        assert_eq!(bench.posted(), 1, "{fault:?} is not sent again");
        let engine = bench.engine();
        let (account, permission) = (
            engine.account(ACCOUNT).unwrap(),
            engine.posting_permissions().unwrap().remove(0),
        );
        assert_eq!(
            account.stopped.is_empty(),
            code != "stopped",
            "{fault:?}: {}",
            account.stopped
        );
        let closed = matches!(code, "SUBREDDIT_NOTALLOWED" | "403");
        assert_eq!(
            permission.off.is_empty(),
            !closed,
            "{fault:?}: {}",
            permission.off
        );
        let opted_out = engine.opt_outs().unwrap().len();
        assert_eq!(
            opted_out,
            usize::from(code.contains("BLOCKED")),
            "{fault:?}"
        );
        if code == "DELETED_COMMENT" {
            assert_eq!(engine.reply(1).unwrap().reply.comment, "");
        }
        let attempt = &engine.outbox_story(1).unwrap().attempts[0];
        assert_eq!(
            (attempt.class, attempt.ended_ms.is_some()),
            (Some(3), true),
            "{fault:?}"
        );
    }
}

#[test]
fn a_rate_limit_in_any_language_pauses_the_account_and_is_sent_again() {
    for (language, number, seconds, least_ms) in [
        (Language::English, true, 487.4, 487_400),
        (Language::Dutch, false, 540.0, 540_000),
        (Language::Russian, false, 840.0, 840_000),
        (Language::Old, true, 12.0, 12_000),
        (Language::Wordless, false, 30.0, 600_000),
    ] {
        let bench = Bench::with(1);
        bench.fake.world().fail(Rule::once(
            On::Comment,
            Fault::RateLimit {
                seconds,
                language,
                number,
            },
        ));
        assert_eq!(bench.first(&now()).0, "approved");
        let until_ms = bench.engine().account(ACCOUNT).unwrap().pause_ms;
        assert!(
            until_ms - bench.clock.now_ms() > least_ms - 5_000,
            "{language:?}"
        );
        assert_eq!(bench.first(&bench.live()).0, "posted", "{language:?}");
        let world = bench.fake.world();
        let times: Vec<i64> = world
            .calls(On::Comment)
            .iter()
            .map(|call| call.ms)
            .collect();
        assert_eq!(times.len(), 2);
        assert!(times[1] - times[0] >= least_ms, "{language:?}: {times:?}");
    }
    // that of a subreddit only pauses the subreddit
    let bench = Bench::with(1);
    let limit = Fault::Error {
        code: "SUBREDDIT_RATELIMIT".into(),
        text: "try again later.".into(),
        field: None,
    };
    bench.fake.world().fail(Rule::once(On::Comment, limit));
    assert_eq!(bench.first(&now()).0, "approved");
    assert_eq!(bench.engine().account(ACCOUNT).unwrap().pause_ms, 0);
    assert!(
        bench.engine().posting_permissions().unwrap()[0].pause_ms - bench.clock.now_ms()
            > 3_590_000
    );
}

#[test]
fn expired_token_is_renewed_while_posting() {
    let bench = Bench::with(3);
    bench.fake.world().knobs.token_lives_s = 90;
    bench
        .fake
        .world()
        .fail(Rule::once(On::Comment, Fault::Unauthorized));
    bench.post(&bench.engine(), &bench.live()).unwrap();
    let world = bench.fake.world();
    assert_eq!(world.posted(), 3);
    assert!(world.calls(On::Token).len() > 3);
    drop(world);
    // revoked access needs the user: nothing resumes automatically
    let bench = Bench::with(1);
    bench
        .fake
        .world()
        .fail(Rule::always(On::Comments, Fault::Unauthorized));
    let error = bench.post(&bench.engine(), &now()).unwrap_err();
    assert_eq!((error.code, bench.posted()), (Code::Login, 0));
}

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
        let story = bench.engine().outbox_story(1).unwrap();
        assert!(story.attempts[0].looks.len() >= 6 && story.outbox.needs_person);
        let engine = bench.engine();
        engine.reply_settle(1, &again(&engine, 1), PERSON).unwrap();
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
        engine.reply_settle(1, &again(&engine, 1), PERSON).unwrap();
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
            let mut names =
                world.comments_of(&engine.outbox(None).unwrap()[0].post_name.clone().unwrap());
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
            .reply_settle(1, &again(&engine, 1), PERSON)
            .unwrap_err()
            .code,
        Code::Usage
    );
    let wrong = Settle::Posted {
        link: "https://www.reddit.com/r/Quiet/comments/zzz/_/yyy/".to_owned(),
    };
    assert_eq!(
        engine.reply_settle(1, &wrong, PERSON).unwrap_err().code,
        Code::Usage
    );
    let name = bench.fake.world().made(ACCOUNT, &bench.replies[0].1)[0].clone();
    let post = engine.outbox(None).unwrap()[0].post_name.clone().unwrap();
    let link = format!(
        "https://www.reddit.com/r/Quiet/comments/{}/_/{}/",
        &post[3..],
        &name[3..]
    );
    let story = engine
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
            .reply_withdraw(1, &seen(&engine, 1), PERSON)
            .unwrap()
            .outbox
            .state,
        "withdrawn"
    );
    assert!(bench.fake.world().comment(&name).unwrap().deleted);
    // this account never answers its parent again
    assert_eq!(
        engine
            .reply_withdraw(1, &seen(&engine, 1), PERSON)
            .unwrap_err()
            .code,
        Code::Usage
    );
    let what: Vec<String> = engine
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
            "found by a person",
            "edited",
            "withdrawn"
        ]
    );
    assert!(
        engine
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
        .reply_settle(1, &Settle::GiveUp, PERSON)
        .unwrap();
    assert_eq!(bench.state(1).0, "withdrawn");
    bench.fake.world().heal();
    bench.post(&bench.engine(), &bench.live()).unwrap();
    assert_eq!(bench.state(2).0, "posted");
    assert_eq!(bench.fake.world().duplicates(), []);
}

/// A reply that arrived without an answer, so that its delivery is unconfirmed.
fn lost(bench: &Bench) {
    let mut world = bench.fake.world();
    world.fail(Rule::once(On::Comment, Fault::DropAfter));
    world.fail(blind(On::UserComments));
    world.fail(blind(On::Comments));
    drop(world);
    assert_eq!(bench.first(&now()).0, "uncertain");
    bench.fake.world().heal();
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
    let story = engine.outbox_story(1).unwrap();
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
            .reply_delete_duplicates(1, &seen(&engine, 1), PERSON)
            .unwrap_err()
            .code,
        Code::Io
    );
    bench.fake.world().heal();
    // Reddit reports success for everything: it is checked that it is gone
    bench.fake.world().comment(&duplicate).unwrap().author = "renamed".to_owned();
    let error = engine
        .reply_delete_duplicates(1, &seen(&engine, 1), PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Refused, "{error}");
    assert_eq!(engine.outbox_story(1).unwrap(), story);
    bench.fake.world().comment(&duplicate).unwrap().author = ACCOUNT.to_owned();

    let story = engine
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
    let line = engine.audit(Some(1), 1).unwrap().remove(0);
    assert_eq!(
        (line.what.as_str(), line.who.as_str()),
        ("duplicate deleted", PERSON)
    );
    // it exists once now
    assert_eq!(
        engine
            .reply_delete_duplicates(1, &seen(&engine, 1), PERSON)
            .unwrap_err()
            .code,
        Code::Usage
    );
    assert_eq!(bench.posted(), 1);
}

/// Why the account is disabled, and whether it counts as suspended.
fn stopped(bench: &Bench) -> (String, bool) {
    let AccountInfo { stopped, facts, .. } = bench.engine().account(ACCOUNT).unwrap();
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
        engine.account_stop(ACCOUNT, why, PERSON).unwrap();
        assert_eq!(done(&engine, &LogIn::default()).stopped, why);
        assert_eq!(stopped(&bench), (why.to_owned(), false));
        assert_eq!(bench.first(&now()).1, "stopped");
    }
    let engine = bench.engine();
    engine.account_stop(ACCOUNT, "", PERSON).unwrap();
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
    engine.account_stop(ACCOUNT, "", PERSON).unwrap();
    assert_eq!(done(&engine, &LogIn::default()).stopped, SUSPENDED);
    assert_eq!(stopped(&bench), (SUSPENDED.to_owned(), true));
    // once it is over, a login reports it, and the user enables it
    bench.fake.world().account(ACCOUNT).unwrap().suspended = false;
    assert_eq!(done(&engine, &LogIn::default()).stopped, SUSPENDED);
    assert_eq!(stopped(&bench), (SUSPENDED.to_owned(), false));
    engine.account_stop(ACCOUNT, "", PERSON).unwrap();
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
    engine.account_stop(ACCOUNT, "", PERSON).unwrap();
    bench.post(&engine, &bench.live()).unwrap();
    assert_eq!((bench.posted(), bench.state(1).0.as_str()), (1, "posted"));
}
