//! Which process runs a job or holds a lease, and whether it is alive.
//!
//! An owner is a string `BOOT:PID:START:UUID`: the boot of the machine, the process id, the start time of the process
//! (by the machine's own count, not by the clock), and a unique id. So a reused process id and a rebooted machine are
//! noticed at once. Older versions wrote `PID:UUID`, of which only the process id can be checked.
//!
//! The wall clock is not trusted. A heartbeat from the future does not count. One that looks old proves nothing against
//! a living process: the clock may have been set, or the machine may have slept. Such a process is silent only if its
//! heartbeat is watched and does not change for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An owner silent for this long has lost its job, whatever its process does.
const SILENT: Duration = Duration::from_secs(30);
/// A heartbeat younger than this outweighs that the process cannot be seen: it may run on another machine, or in a
/// container.
const FRESH: Duration = Duration::from_secs(3);
/// Polling interval while watching.
const LOOK_EVERY: Duration = Duration::from_millis(100);

const SILENT_MS: i64 = SILENT.as_millis() as i64;
const FRESH_MS: i64 = FRESH.as_millis() as i64;

/// The living owners in this process.
static HERE: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);
/// Owners whose process is alive, with their last heartbeat and since when it has not changed.
static SEEN: LazyLock<Mutex<BTreeMap<String, (i64, Instant)>>> = LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something in this process that runs jobs or holds a lease. It is alive until this is dropped.
#[derive(Debug)]
pub struct Owner(String);

impl Owner {
    /// A unique owner string.
    #[allow(clippy::new_without_default)] // no two are equal
    pub fn new() -> Self {
        let pid = std::process::id();
        let start = match process(pid) {
            Process::Lives(start) => start,
            Process::Gone | Process::Unknown => String::new(),
        };
        let word = format!("{}:{pid}:{start}:{}", *BOOT, uuid::Uuid::now_v7().simple());
        lock(&HERE).insert(word.clone());
        Self(word)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        lock(&HERE).remove(&self.0);
    }
}

impl Deref for Owner {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// What can be told of an owner without its heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// In this very process, alive.
    Lives,
    /// On this machine, gone.
    Gone,
    Nothing,
}

/// The system's answer about a process.
enum Process {
    /// Alive, and started at this time; empty: unknown.
    Lives(String),
    Gone,
    Unknown,
}

fn told(owner: &str) -> Told {
    let parts: Vec<&str> = owner.split(':').collect();
    let (boot, pid, start) = match *parts.as_slice() {
        [boot, pid, start, _] => (boot, pid, start),
        [pid, _] => ("", pid, ""),
        _ => return Told::Nothing,
    };
    let Ok(pid) = pid.parse::<u32>() else {
        return Told::Nothing;
    };
    if !boot.is_empty() && !BOOT.is_empty() && boot != *BOOT {
        // a container has its own process ids: another one of this boot says nothing about ours
        let machine = |boot: &str| boot.split('.').next().unwrap_or_default().to_owned();
        return match machine(boot) == machine(&BOOT) {
            true => Told::Nothing,
            false => Told::Gone,
        };
    }
    if !start.is_empty() && pid == std::process::id() {
        // of our own owners we know more: a closed project runs nothing
        return match lock(&HERE).contains(owner) {
            true => Told::Lives,
            false => Told::Gone,
        };
    }
    match process(pid) {
        Process::Gone => Told::Gone,
        Process::Lives(now) if !start.is_empty() && !now.is_empty() => match now == start {
            true => Told::Lives,
            // the process id belongs to another process by now
            false => Told::Gone,
        },
        Process::Lives(_) | Process::Unknown => Told::Nothing,
    }
}

/// Whether the process of an owner is known to be gone: for what has no heartbeat.
pub fn is_gone(owner: &str) -> bool {
    told(owner) == Told::Gone
}

/// Whether a job or lease has lost its owner, as far as one check can tell: it has none, its process is gone, or it has
/// been silent for too long. `beat_ms` is its last heartbeat.
pub fn is_stale(owner: Option<&str>, beat_ms: i64, now_ms: i64) -> bool {
    let Some(owner) = owner else {
        return true;
    };
    let silent_ms = now_ms.saturating_sub(beat_ms);
    match told(owner) {
        Told::Gone => !(0..=FRESH_MS).contains(&silent_ms),
        Told::Nothing => !(0..=SILENT_MS).contains(&silent_ms),
        Told::Lives => {
            let mut seen = lock(&SEEN);
            match seen.get(owner) {
                Some((beat, since)) if *beat == beat_ms => since.elapsed() > SILENT,
                _ => {
                    // those that ended are not checked any more
                    seen.retain(|_, (_, since)| since.elapsed() < 2 * SILENT);
                    seen.insert(owner.to_owned(), (beat_ms, Instant::now()));
                    false
                }
            }
        }
    }
}

/// The result of watching an owner before taking over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    Lives,
    /// It is gone, or has been silent for too long.
    Gone,
}

/// Watches an owner until it is certain whether it is alive, for at most half a minute by the machine's own count.
/// `look` gives the owner and heartbeat as stored now; `go_on` ends the watch early.
pub fn watch<E>(
    now_ms: impl Fn() -> i64,
    mut look: impl FnMut() -> Result<Option<(String, i64)>, E>,
    mut go_on: impl FnMut() -> Result<(), E>,
) -> Result<Watched, E> {
    let Some((owner, beat_ms)) = look()? else {
        return Ok(Watched::Gone);
    };
    let silent_ms = now_ms().saturating_sub(beat_ms);
    let (fresh, silent) = (
        (0..=FRESH_MS).contains(&silent_ms),
        (0..=SILENT_MS).contains(&silent_ms),
    );
    let patience = match told(&owner) {
        Told::Lives | Told::Nothing if silent => return Ok(Watched::Lives),
        Told::Lives => SILENT,
        // old by the clock, so it is enough that it does not change; from the future it proves nothing
        Told::Nothing if silent_ms > 0 => FRESH,
        Told::Nothing => SILENT,
        Told::Gone if fresh || silent_ms < 0 => FRESH,
        Told::Gone => return Ok(Watched::Gone),
    };
    let began = Instant::now();
    while began.elapsed() < patience {
        go_on()?;
        std::thread::sleep(LOOK_EVERY);
        match look()? {
            None => return Ok(Watched::Gone),
            Some(now) if now == (owner.clone(), beat_ms) => {}
            Some(_) => return Ok(Watched::Lives),
        }
        if told(&owner) == Told::Gone && began.elapsed() >= FRESH {
            break;
        }
    }
    Ok(Watched::Gone)
}

/// The boot of this machine, and on Linux its pid namespace: `BOOT.SPACE`. Empty if the system does not say.
static BOOT: LazyLock<String> = LazyLock::new(|| {
    // it must not look like two parts of an owner
    boot().unwrap_or_default().replace([':', ' ', '\n'], "")
});

/// Identifies this machine since its boot.
pub fn since_boot() -> &'static str {
    &BOOT
}

#[cfg(target_os = "linux")]
fn boot() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok();
    let space = space.map(|link| {
        link.to_string_lossy()
            .replace(|c: char| !c.is_ascii_digit(), "")
    });
    Some(format!("{}.{}", boot.trim(), space.unwrap_or_default()))
}

#[cfg(target_os = "macos")]
fn boot() -> Option<String> {
    let mut text = [0_u8; 64];
    let mut length = text.len();
    // SAFETY: the name ends with a zero byte, `text` holds `length` bytes, and nothing is set.
    let failed = unsafe {
        libc::sysctlbyname(
            c"kern.bootsessionuuid".as_ptr(),
            text.as_mut_ptr().cast(),
            &mut length,
            std::ptr::null_mut(),
            0,
        )
    };
    if failed != 0 {
        return None;
    }
    let text = std::str::from_utf8(text.get(..length)?).ok()?;
    Some(text.trim_end_matches('\0').to_owned())
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn boot() -> Option<String> {
    None
}

/// Linux: the state of a process and its start time, in ticks since boot (fields 3 and 22 of its stat).
#[cfg(target_os = "linux")]
fn process(pid: u32) -> Process {
    let stat = match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Process::Gone,
        Err(_) => return Process::Unknown,
    };
    // the name of the program is in parentheses, and may contain blanks and parentheses
    let mut fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    match (fields.next(), fields.nth(18)) {
        // dead, though not reaped yet
        (Some("Z" | "X" | "x"), _) => Process::Gone,
        (Some(_), Some(start)) => Process::Lives(start.to_owned()),
        _ => Process::Unknown,
    }
}

#[cfg(target_os = "macos")]
fn process(pid: u32) -> Process {
    let Ok(number) = libc::pid_t::try_from(pid) else {
        return Process::Gone;
    };
    let mut about = std::mem::MaybeUninit::<libc::proc_bsdinfo>::zeroed();
    let size = libc::c_int::try_from(size_of::<libc::proc_bsdinfo>()).unwrap_or(0);
    // SAFETY: `about` holds `size` bytes; it is read only if the call reports that all were written.
    let got = unsafe {
        libc::proc_pidinfo(
            number,
            libc::PROC_PIDTBSDINFO,
            0,
            about.as_mut_ptr().cast(),
            size,
        )
    };
    if got == size {
        // SAFETY: the call has written all of it.
        let about = unsafe { about.assume_init() };
        return Process::Lives(format!(
            "{}.{}",
            about.pbi_start_tvsec, about.pbi_start_tvusec
        ));
    }
    exists(number)
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "macos"))))]
fn process(pid: u32) -> Process {
    i32::try_from(pid).map_or(Process::Gone, exists)
}

/// Without its start time, which this system does not tell.
#[cfg(all(unix, not(target_os = "linux")))]
fn exists(pid: i32) -> Process {
    use rustix::process::{Pid, test_kill_process};
    let Some(pid) = Pid::from_raw(pid) else {
        return Process::Gone;
    };
    match test_kill_process(pid) {
        Err(rustix::io::Errno::SRCH) => Process::Gone,
        // there, though perhaps another user's
        _ => Process::Lives(String::new()),
    }
}

/// Where processes cannot be checked, only silence counts.
#[cfg(not(unix))]
fn process(_pid: u32) -> Process {
    Process::Unknown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::convert::Infallible;

    use super::*;

    const NOW: i64 = 1_800_000_000_000;
    const HOUR: i64 = 3_600_000;

    /// A process that does nothing, and an owner in it.
    #[cfg(target_os = "linux")]
    fn other() -> (std::process::Child, String) {
        let child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let Process::Lives(start) = process(child.id()) else {
            panic!("it runs")
        };
        let owner = format!("{}:{}:{start}:x", *BOOT, child.id());
        (child, owner)
    }

    fn stale(owner: &str, silent_ms: i64) -> bool {
        is_stale(Some(owner), NOW - silent_ms, NOW)
    }

    #[test]
    fn job_without_owner_is_not_running() {
        assert!(is_stale(None, NOW, NOW));
    }

    #[test]
    fn owner_of_an_older_version_is_checked_by_pid_and_silence() {
        let me = format!("{}:x", std::process::id());
        assert!(!stale(&me, 0) && !stale(&me, SILENT_MS));
        assert!(stale(&me, SILENT_MS + 1));
        assert!(
            stale(&me, -2 * HOUR),
            "a heartbeat from the future does not count"
        );
        // no process has the highest id
        let gone = format!("{}:x", i32::MAX);
        assert!(!stale(&gone, FRESH_MS));
        assert_eq!(stale(&gone, FRESH_MS + 1), cfg!(unix));
        assert!(stale(&gone, -2 * HOUR));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn living_process_keeps_its_job_whatever_the_clock_says() {
        let (mut child, owner) = other();
        for silent_ms in [0, SILENT_MS + 1, 2 * HOUR, -2 * HOUR, -365 * 24 * HOUR] {
            assert!(!stale(&owner, silent_ms), "{silent_ms}");
        }
        child.kill().unwrap();
        // even before it is reaped
        for _ in 0..100 {
            if stale(&owner, -2 * HOUR) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        for silent_ms in [FRESH_MS + 1, 2 * HOUR, -2 * HOUR] {
            assert!(stale(&owner, silent_ms), "{silent_ms}");
        }
        child.wait().unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn reused_process_id_is_no_owner() {
        let (mut child, owner) = other();
        let parts: Vec<&str> = owner.split(':').collect();
        let before = format!("{}:{}:1:x", parts[0], parts[1]);
        assert!(stale(&before, FRESH_MS + 1) && stale(&before, -2 * HOUR));
        let of_another_boot = format!("0000.1:{}:{}:x", parts[1], parts[2]);
        assert!(stale(&of_another_boot, FRESH_MS + 1) && stale(&of_another_boot, -2 * HOUR));
        // in another container: only its silence counts
        let machine = parts[0].split('.').next().unwrap();
        let contained = format!("{machine}.1:{}:1:x", parts[1]);
        assert!(!stale(&contained, SILENT_MS) && stale(&contained, SILENT_MS + 1));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn owner_in_this_process_is_alive_until_dropped() {
        let owner = Owner::new();
        let word = owner.to_string();
        assert!(!stale(&word, 2 * HOUR));
        drop(owner);
        assert_eq!(stale(&word, FRESH_MS + 1), !BOOT.is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn owner_with_heartbeats_is_not_taken_over_even_if_invisible_with_a_fast_clock() {
        let owner = "another-machine.1:7:7:x".to_owned();
        let mut beat_ms = NOW + 2 * HOUR;
        let look = || {
            beat_ms += 50;
            Ok::<_, Infallible>(Some((owner.clone(), beat_ms)))
        };
        assert_eq!(watch(|| NOW, look, || Ok(())).unwrap(), Watched::Lives);
        let began = Instant::now();
        let look = || Ok::<_, Infallible>(Some((owner.clone(), NOW + 2 * HOUR)));
        assert_eq!(watch(|| NOW, look, || Ok(())).unwrap(), Watched::Gone);
        assert!(began.elapsed() < 2 * FRESH);
    }

    #[test]
    fn watch_can_be_interrupted() {
        let me = format!("{}:x", std::process::id());
        let ended = watch(
            || NOW,
            || Ok(Some((me.clone(), NOW + HOUR))),
            || Err("enough"),
        );
        assert_eq!(ended, Err("enough"));
    }
}
