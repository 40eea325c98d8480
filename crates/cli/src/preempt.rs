//! SIGTERM and SIGUSR1: how a scheduler, systemd or `timeout` announces that it will end this process. A job that can be
//! resumed then pauses, which saves a training's checkpoint, and the exit status says that there is more to do. In every
//! other command, SIGTERM is like Ctrl-C, and SIGUSR1 ends the process, as is its default.

use repartee_engine::{Interrupt, Result};

/// Exit status after SIGTERM or SIGUSR1 paused the job: EX_TEMPFAIL of sysexits(3), "try again later". Schedulers can
/// be told to run a command again that ends so.
pub const TRY_AGAIN: u8 = 75;

#[cfg(unix)]
mod signals {
    use std::sync::OnceLock;

    use repartee_engine::{Error, Interrupt, Result};

    static INTERRUPT: OnceLock<Interrupt> = OnceLock::new();

    /// The handler: two atomic loads and a store, which is all that a signal handler may do. It never cancels, however
    /// often the signal comes: SIGKILL is left for that.
    extern "C" fn pause(_signal: libc::c_int) {
        if let Some(interrupt) = INTERRUPT.get() {
            interrupt.pause();
        }
    }

    /// From now on, both signals request that the running job pause. The handler replaces that of Ctrl-C for SIGTERM: a
    /// library that chains handlers would call both, and the job would be canceled.
    pub fn listen(interrupt: &Interrupt) -> Result<()> {
        if INTERRUPT.set(interrupt.clone()).is_err() {
            return Ok(());
        }
        let handler: extern "C" fn(libc::c_int) = pause;
        for signal in [libc::SIGTERM, libc::SIGUSR1] {
            // SAFETY: all-zero bytes are a valid `sigaction`, with no signal masked; and the handler only uses atomics.
            let failed = unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handler as *const () as libc::sighandler_t;
                action.sa_flags = libc::SA_RESTART;
                libc::sigaction(signal, &raw const action, std::ptr::null_mut()) != 0
            };
            if failed {
                let error = std::io::Error::last_os_error();
                return Err(Error::internal(format!(
                    "cannot listen for signal {signal}: {error}"
                )));
            }
        }
        Ok(())
    }

    pub fn requested() -> bool {
        INTERRUPT.get().is_some_and(Interrupt::pauses)
    }
}

/// Listens for the signals while a job runs that can be resumed.
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
