//! Seeded sequences with faults and a crash at every step, and processes killed with SIGKILL.
//!
//! `REPARTEE_SEEDS=FROM..TO` runs other seeds than 0..100; `make proof` runs 1,000.

use super::*;

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

/// Faults of the sandbox: of posting, and of what is read before and after it.
fn break_some(dice: &mut Dice, world: &mut World) {
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

/// The end of a seed: every reply has one answer or none, and if there is one, a file knows of it.
fn check_all(seed: u64, bench: &Bench, files: &[PathBuf], sums: &Sums) {
    for (id, parent) in &bench.replies {
        let there = bench.fake.world().made(ACCOUNT, parent).len();
        let mut known = false;
        for file in files {
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
            "seed {seed}, reply {id}: on Reddit, but not recorded"
        );
    }
}

/// One seed: faults, kills, restarts; then no more faults, and everything is settled.
fn run(seed: u64, sums: &Sums, steps: &Arc<Mutex<BTreeMap<&'static str, usize>>>) {
    let mut dice = Dice(seed);
    // clocks differ by up to two hours, either way
    let skew_ms = (dice.below(7) as i64 - 3) * 2_400_000;
    let bench = Bench::skewed(1 + dice.below(3) as usize, skew_ms);
    break_some(&mut dice, &mut bench.fake.world());
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
                    engine.posting().reply_settle(*id, &again, PERSON).unwrap();
                }
            }
        }
    }
    // what was sent again is posted now
    for file in &files {
        all_well(file);
    }
    check_all(seed, &bench, &files, sums);
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
