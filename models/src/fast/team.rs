//! Threads that stay awake through a forward pass.
//!
//! A step of generation has some sixty products and attentions, with short work on single rows between them. A thread
//! pool lets its threads sleep in between, and waking one costs as much as a small product. A team is made of the pool's
//! threads for the length of one pass: they spin until there is work, take indices of it one after another, and spin
//! again.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

/// What a team is doing.
struct Team {
    threads: usize,
    /// Twice the number of works that are done; odd while one may be taken part in.
    state: AtomicUsize,
    /// Written only while `state` is even and no thread is inside.
    work: UnsafeCell<Option<(*const (dyn Fn(usize) + Sync), usize)>>,
    /// The first index that nobody has taken.
    next: AtomicUsize,
    /// Threads that may read `work`, without the one that leads.
    inside: AtomicUsize,
    over: AtomicBool,
    /// Of a thread that serves.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `work` is the only field that is not Sync by itself; `lead` and `serve` say why its accesses exclude each
// other.
unsafe impl Sync for Team {}

/// What a thread is in a pass.
#[derive(Clone, Copy)]
enum Part {
    None,
    Leads(*const Team),
    /// It takes part in work, its own or another thread's.
    Works,
}

thread_local! {
    static PART: Cell<Part> = const { Cell::new(Part::None) };
}

/// Gives this thread a part until it is dropped.
struct With(Part);

impl With {
    fn part(part: Part) -> Self {
        Self(PART.replace(part))
    }
}

impl Drop for With {
    fn drop(&mut self) {
        PART.set(self.0);
    }
}

/// Runs a forward pass, whose calls of [`each`] are shared by all threads of the pool.
pub fn with_team<T: Send>(pass: impl FnOnce() -> T + Send) -> T {
    /// Lets the others go, also if the pass panics.
    struct End<'a>(&'a Team);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.over.store(true, SeqCst);
        }
    }
    if !matches!(PART.get(), Part::None) {
        return pass();
    }
    let team = Team {
        threads: rayon::current_num_threads(),
        state: AtomicUsize::new(0),
        work: UnsafeCell::new(None),
        next: AtomicUsize::new(0),
        inside: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        panic: Mutex::new(None),
    };
    let team = &team;
    rayon::scope(|scope| {
        let _end = End(team);
        for _ in 1..team.threads {
            scope.spawn(|_| team.serve());
        }
        let _leads = With::part(Part::Leads(team));
        pass()
    })
}

/// Calls `work` for each index below `count`, on all threads of the pass, in any order.
pub fn each(count: usize, work: &(dyn Fn(usize) + Sync)) {
    match PART.get() {
        // SAFETY: a team outlives the part of the thread that leads it.
        Part::Leads(team) if count > 1 => unsafe { &*team }.lead(count, work),
        _ => (0..count).for_each(work),
    }
}

impl Team {
    /// Opens the work, takes part in it, and waits until it is done.
    fn lead(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let pointer = ptr::from_ref(work);
        // SAFETY: only the lifetime changes, and nobody uses the pointer after the last line that mentions `inside`.
        let pointer: *const (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(pointer) };
        // SAFETY: `state` is even and nobody is inside, so no other thread reads it.
        unsafe { *self.work.get() = Some((pointer, count)) };
        self.next.store(0, SeqCst);
        self.state.fetch_add(1, SeqCst);
        let own = catch_unwind(AssertUnwindSafe(|| {
            let _works = With::part(Part::Works);
            self.take(count, work);
        }));
        if own.is_err() {
            self.next.store(count, SeqCst);
        }
        self.state.fetch_add(1, SeqCst);
        wait_until(|| self.inside.load(SeqCst) == 0);
        let mut other = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(panic) = own.err().or(other.take()) {
            drop(other);
            resume_unwind(panic);
        }
    }

    /// Takes indices until none is left; several at once where there are many, since taking costs a little.
    fn take(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let some = (count / (8 * self.threads)).max(1);
        loop {
            let from = self.next.fetch_add(some, SeqCst);
            if from >= count {
                return;
            }
            (from..(from + some).min(count)).for_each(work);
        }
    }

    /// Takes part in all work until the pass is over.
    fn serve(&self) {
        // the thread that leads, while it waits for something else of the pool
        if !matches!(PART.get(), Part::None) {
            return;
        }
        let _works = With::part(Part::Works);
        let mut latest = 0;
        loop {
            let mut state = latest;
            wait_until(|| {
                state = self.state.load(SeqCst);
                (state != latest && state % 2 == 1) || self.over.load(SeqCst)
            });
            if self.over.load(SeqCst) {
                return;
            }
            latest = state;
            self.inside.fetch_add(1, SeqCst);
            // This enters and then looks whether the work is open; the leader closes it and then looks whether someone
            // is inside. So either it is found closed here, or the leader waits.
            if self.state.load(SeqCst) == state {
                // SAFETY: it stays as it is until the leader sees nobody inside.
                if let Some((work, count)) = unsafe { *self.work.get() } {
                    // SAFETY: as above.
                    let work = unsafe { &*work };
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take(count, work))) {
                        self.next.store(count, SeqCst);
                        *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
                    }
                }
            }
            self.inside.fetch_sub(1, SeqCst);
        }
    }
}

/// Spins for some microseconds, then lets other processes run between two looks.
fn wait_until(mut true_now: impl FnMut() -> bool) {
    const SPINS: u32 = 2_000;
    let mut spins = 0;
    while !true_now() {
        if spins < SPINS {
            spins += 1;
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::AtomicU32;

    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    }

    #[test]
    fn every_index_is_worked_on_once() {
        for threads in [1, 2, 3, 7] {
            pool(threads).install(|| {
                with_team(|| {
                    for count in (0..40).chain([1000]).cycle().take(2000) {
                        let seen: Vec<AtomicU32> = (0..count).map(|_| AtomicU32::new(0)).collect();
                        each(count, &|i| {
                            seen[i].fetch_add(1, SeqCst);
                        });
                        assert!(seen.iter().all(|seen| seen.load(SeqCst) == 1), "{count}");
                    }
                });
            });
        }
    }

    /// Work of one pass inside of another, passes on several threads, and work that waits for the pool.
    #[test]
    fn passes_may_meet() {
        pool(3).install(|| {
            let sums: Vec<usize> = (0..8)
                .map(|_| {
                    let sum = AtomicUsize::new(0);
                    rayon::scope(|scope| {
                        for _ in 0..4 {
                            scope.spawn(|_| {
                                with_team(|| {
                                    each(50, &|i| {
                                        with_team(|| {
                                            each(2, &|_| {
                                                sum.fetch_add(i, SeqCst);
                                            })
                                        });
                                    });
                                    // a pass should not, but must not hang
                                    let (a, b) = rayon::join(|| 1, || 2);
                                    sum.fetch_add(a + b, SeqCst);
                                });
                            });
                        }
                    });
                    sum.into_inner()
                })
                .collect();
            assert!(sums.iter().all(|sum| *sum == 4 * (2 * 49 * 50 / 2 + 3)));
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_continues() {
        for threads in [1, 2, 4] {
            pool(threads).install(|| {
                with_team(|| {
                    for bad in [0, 5, 99] {
                        let panicked = catch_unwind(AssertUnwindSafe(|| {
                            each(100, &|i| assert!(i != bad, "index {bad}"));
                        }));
                        let why = panicked.unwrap_err();
                        let why = why.downcast_ref::<String>().unwrap();
                        assert!(why.contains(&format!("index {bad}")));
                        let sum = AtomicUsize::new(0);
                        each(10, &|i| {
                            sum.fetch_add(i, SeqCst);
                        });
                        assert_eq!(sum.into_inner(), 45);
                    }
                });
            });
        }
    }
}
