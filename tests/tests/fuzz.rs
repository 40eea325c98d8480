//! Mutated files of every kind that is read: no panic, no hang, no excess memory. `REPARTEE_FUZZ` sets their number;
//! `REPARTEE_FUZZ_CASE=parquet:17` repeats one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use repartee_tests::fuzz;
use repartee_tests::seeds::{Dice, mutated, seeds};

/// Counts allocated memory and its peak.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed to the system's allocator with the same layout.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(held, Relaxed);
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(held, Relaxed);
        // SAFETY: as the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum bytes per case.
const MEMORY: usize = 512 << 20;
/// Maximum time per case; the machine may be busy.
const TIME: Duration = Duration::from_secs(30);

/// Share of each target in a hundred cases.
const SHARES: [(&str, u64); 7] = [
    ("ndjson", 20),
    ("csv", 20),
    ("json", 20),
    ("parquet", 22),
    ("safetensors", 8),
    ("tokenizer", 6),
    ("project", 4),
];

/// Milliseconds at which the running case began; 0: none runs.
static BEGAN: AtomicU64 = AtomicU64::new(0);

#[test]
fn mutated_files_end_in_a_sentence() {
    let all: u64 = std::env::var("REPARTEE_FUZZ").map_or(10_000, |n| n.parse().expect("a number"));
    let one = std::env::var("REPARTEE_FUZZ_CASE").ok().map(|case| {
        let (target, n) = case.split_once(':').expect("target:number");
        (target.to_owned(), n.parse::<u64>().expect("a number"))
    });
    assert_eq!(
        SHARES.map(|(name, _)| name),
        fuzz::TARGETS.map(|(name, _)| name)
    );
    let start = Instant::now();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let began = BEGAN.load(Relaxed);
            if began > 0 && start.elapsed() > Duration::from_millis(began) + 2 * TIME {
                eprintln!("a case hangs; the last line says which");
                std::process::abort();
            }
        }
    });
    let mut faults = Vec::new();
    for (target, share) in SHARES {
        let cases = all * share / 100;
        let only = one.as_ref().map(|(name, n)| (name == target, *n));
        let numbers = match only {
            Some((true, n)) => n..n + 1,
            Some((false, _)) => continue,
            None => 0..cases,
        };
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has examples");
        let (begun, mut slowest, mut largest) = (Instant::now(), (Duration::ZERO, 0), (0, 0));
        for n in numbers {
            let bytes = match n.checked_sub(seeds.len() as u64) {
                None => seeds[n as usize].clone(), // the good ones first
                Some(_) => mutated(&seeds, &mut Dice::new(n)),
            };
            if one.is_some() {
                let path = std::env::temp_dir().join(format!("{target}-{n}"));
                std::fs::write(&path, &bytes).unwrap();
                eprintln!("{target}:{n} is {}", path.display());
            }
            let held = HELD.load(Relaxed);
            MOST.store(held, Relaxed);
            BEGAN.store(1 + start.elapsed().as_millis() as u64, Relaxed);
            let case = Instant::now();
            let ran = catch_unwind(AssertUnwindSafe(|| fuzz::run(target, &bytes)));
            BEGAN.store(0, Relaxed);
            let (took, memory) = (case.elapsed(), MOST.load(Relaxed).saturating_sub(held));
            slowest = slowest.max((took, n));
            largest = largest.max((memory, n));
            if ran.is_err() || took > TIME || memory > MEMORY {
                let fault = format!(
                    "{target}:{n}: {took:?}, {} MB, panicked: {}",
                    memory >> 20,
                    ran.is_err()
                );
                eprintln!("{fault}");
                faults.push(fault);
            }
        }
        println!(
            "{target}: {cases} cases in {:?}; slowest {:?} (case {}), most memory {} MB (case {})",
            begun.elapsed(),
            slowest.0,
            slowest.1,
            largest.0 >> 20,
            largest.1
        );
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Writes the valid examples as files, as a corpus for `cargo fuzz`.
#[test]
fn valid_examples_are_written_to_the_seed_folder() {
    let folder = tempfile::tempdir().unwrap();
    let asked = std::env::var_os("REPARTEE_FUZZ_SEEDS").map(std::path::PathBuf::from);
    let folder = asked.as_deref().unwrap_or(folder.path());
    for (target, _) in fuzz::TARGETS {
        let corpus = folder.join(target);
        std::fs::create_dir_all(&corpus).unwrap();
        for (n, bytes) in seeds(target).iter().enumerate() {
            std::fs::write(corpus.join(format!("good-{n}")), bytes).unwrap();
        }
        assert!(std::fs::read_dir(&corpus).unwrap().count() > 0, "{target}");
    }
}
