//! SIGTERM and SIGUSR1: how a scheduler, systemd or `timeout` announces that it will end this process. A job that can be
//! resumed then pauses, which saves a training's checkpoint, and the exit status says that there is more to do. In every
//! other command, SIGTERM is like Ctrl-C, and SIGUSR1 ends the process, as is its default.

use repartee_engine::{Interrupt, Result};

/// Exit status after SIGTERM or SIGUSR1 paused the job: EX_TEMPFAIL of sysexits(3), "try again later". Schedulers can
/// be told to run a command again that ends so.
pub const TRY_AGAIN: u8 = 75;

#[cfg(unix)]
mod signals {
    use std::sync::atomic::{AtomicI32, Ordering, fence};
    use std::sync::{Mutex, OnceLock, PoisonError};

    use repartee_engine::{Error, Interrupt, Result};

    const SIGNALS: [libc::c_int; 2] = [libc::SIGTERM, libc::SIGUSR1];

    /// Pauses the job of this process, once there is one.
    static INTERRUPT: OnceLock<Interrupt> = OnceLock::new();
    /// The signal that came last; 0: none.
    static CAME: AtomicI32 = AtomicI32::new(0);
    /// What each signal does without our handler, while that holds them.
    static HELD: Mutex<Option<[libc::sigaction; 2]>> = Mutex::new(None);

    /// The handler: atomic loads and stores, which is all that a signal handler may do. It never cancels, however often
    /// the signal comes: SIGKILL is left for that.
    extern "C" fn came(signal: libc::c_int) {
        CAME.store(signal, Ordering::Relaxed);
        // either this sees the job, or `listen` sees the signal
        fence(Ordering::SeqCst);
        if let Some(interrupt) = INTERRUPT.get() {
            interrupt.pause();
        }
    }

    fn handler() -> libc::sighandler_t {
        let handler: extern "C" fn(libc::c_int) = came;
        handler as *const () as libc::sighandler_t
    }

    fn ours() -> libc::sigaction {
        // SAFETY: all-zero bytes are a valid `sigaction`, with no signal masked.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler();
        action.sa_flags = libc::SA_RESTART;
        action
    }

    /// Sets what a signal does, and returns what it did.
    fn set(signal: libc::c_int, action: &libc::sigaction) -> std::io::Result<libc::sigaction> {
        // SAFETY: `action` is the system's own, or has our handler, which only uses atomics; `before` can be written.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            match libc::sigaction(signal, action, &raw mut before) {
                0 => Ok(before),
                _ => Err(std::io::Error::last_os_error()),
            }
        }
    }

    pub fn hold() {
        let before = SIGNALS.map(|signal| set(signal, &ours()).ok());
        // without both, `listen` says what failed
        if let [Some(term), Some(usr1)] = before {
            *HELD.lock().unwrap_or_else(PoisonError::into_inner) = Some([term, usr1]);
        }
    }

    pub fn let_go() {
        let held = HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(before) = held else { return };
        for (signal, before) in SIGNALS.iter().zip(&before) {
            let _ = set(*signal, before);
        }
        match CAME.swap(0, Ordering::SeqCst) {
            0 => {}
            // SAFETY: nothing but the signal that came is sent again, to this thread.
            signal => unsafe {
                libc::raise(signal);
            },
        }
    }

    pub fn beneath<T>(set_handlers: impl FnOnce() -> T) -> T {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = &mut *held else {
            return set_handlers();
        };
        // SAFETY: the sets of signals are initialized before they are used.
        let mask = |how: libc::c_int| unsafe {
            let mut both: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut both);
            for signal in SIGNALS {
                libc::sigaddset(&raw mut both, signal);
            }
            libc::pthread_sigmask(how, &raw const both, std::ptr::null_mut());
        };
        // one that comes in between waits for our handler
        mask(libc::SIG_BLOCK);
        let done = set_handlers();
        for (signal, before) in SIGNALS.iter().zip(before) {
            if let Ok(theirs) = set(*signal, &ours())
                && theirs.sa_sigaction != handler()
            {
                *before = theirs;
            }
        }
        mask(libc::SIG_UNBLOCK);
        done
    }

    pub fn listen(interrupt: &Interrupt) -> Result<()> {
        if INTERRUPT.set(interrupt.clone()).is_err() {
            return Ok(());
        }
        for signal in SIGNALS {
            set(signal, &ours()).map_err(|error| {
                Error::internal(format!("cannot listen for signal {signal}: {error}"))
            })?;
        }
        fence(Ordering::SeqCst);
        if CAME.load(Ordering::Relaxed) != 0 {
            interrupt.pause();
        }
        Ok(())
    }

    pub fn requested() -> bool {
        INTERRUPT.get().is_some_and(Interrupt::pauses)
    }
}

/// From now on, the signals wait for the job that this command starts: neither do they end this process before there is
/// one that could be resumed, nor is one lost. It ends with [`listen`] or [`let_go`].
#[cfg(unix)]
pub fn hold() {
    signals::hold();
}

/// Windows has no such signals.
#[cfg(not(unix))]
pub fn hold() {}

/// Nothing here can be paused: the signals do what they do otherwise, also one that has come since [`hold`].
#[cfg(unix)]
pub fn let_go() {
    signals::let_go();
}

/// Windows has no such signals.
#[cfg(not(unix))]
pub fn let_go() {}

/// Has other handlers set, and keeps holding the signals; [`let_go`] leaves them to those.
#[cfg(unix)]
pub fn beneath<T>(set_handlers: impl FnOnce() -> T) -> T {
    signals::beneath(set_handlers)
}

/// Windows has no such signals.
#[cfg(not(unix))]
pub fn beneath<T>(set_handlers: impl FnOnce() -> T) -> T {
    set_handlers()
}

/// From now on, both signals request that the running job pause, and one that is held does so at once. The handler
/// replaces that of Ctrl-C for SIGTERM: a library that chains handlers would call both, and the job would be canceled.
#[cfg(unix)]
pub fn listen(interrupt: &Interrupt) -> Result<()> {
    signals::listen(interrupt)
}

/// Windows has no such signals.
#[cfg(not(unix))]
pub fn listen(_interrupt: &Interrupt) -> Result<()> {
    Ok(())
}

/// Whether one of the signals came.
#[cfg(unix)]
pub fn requested() -> bool {
    signals::requested()
}

/// Windows has no such signals.
#[cfg(not(unix))]
pub fn requested() -> bool {
    false
}
