//! Prevents the machine from sleeping while a job runs. Failure is logged, never an error: the job continues when the
//! machine wakes up.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// `0`, `no` or `off` lets the machine sleep; the window sets it from its settings.
pub const KEEP_AWAKE: &str = "REPARTEE_KEEP_AWAKE";

/// While one of these exists, the machine stays awake.
#[derive(Debug)]
pub struct Awake {
    /// Ends when this is dropped, or with this process.
    _held: Option<imp::Held>,
}

/// All jobs of a process share one.
static HELD: Mutex<Weak<Awake>> = Mutex::new(Weak::new());

impl Awake {
    /// Keeps the machine awake, if enabled and supported.
    pub fn hold() -> Arc<Self> {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(awake) = held.upgrade() {
            return awake;
        }
        let inner = match is_wanted() {
            true => imp::hold()
                .inspect_err(|why| tracing::warn!("the machine may sleep: {why}"))
                .ok(),
            false => None,
        };
        let awake = Arc::new(Self { _held: inner });
        *held = Arc::downgrade(&awake);
        awake
    }
}

/// Whether it is enabled.
pub fn is_wanted() -> bool {
    let word = std::env::var(KEEP_AWAKE).unwrap_or_default().to_lowercase();
    !["0", "no", "off", "false"].contains(&word.as_str())
}

/// How this machine is kept awake.
///
/// # Errors
/// Why it is not possible.
pub fn means() -> Result<&'static str, String> {
    imp::means()
}

/// A program that keeps the machine awake as long as it runs.
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod program {
    use std::os::unix::process::CommandExt;
    use std::path::PathBuf;
    use std::process::{Child, Command, Stdio};

    /// Finds a program in PATH, as a shell does.
    pub fn find(name: &str) -> Result<PathBuf, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|program| program.is_file())
            .ok_or_else(|| format!("{name} is not installed"))
    }

    #[derive(Debug)]
    pub struct Running(Child);

    pub fn start(command: &mut Command) -> Result<Running, String> {
        command
            // it ends with this process, even if that crashes
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for the job, which may take a while to stop
            .process_group(0);
        command.spawn().map(Running).map_err(|e| e.to_string())
    }

    impl Drop for Running {
        fn drop(&mut self) {
            drop(self.0.stdin.take());
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::process::Command;

    use super::program;

    pub type Held = program::Running;

    pub fn means() -> Result<&'static str, String> {
        program::find("systemd-inhibit").map(|_| "systemd-inhibit")
    }

    pub fn hold() -> Result<Held, String> {
        let mut command = Command::new(program::find("systemd-inhibit")?);
        // `cat` ends when its input closes
        command.args([
            "--what=idle:sleep",
            "--who=Repartee",
            "--why=a job is running",
            "--mode=block",
            "cat",
        ]);
        program::start(&mut command)
    }
}

#[cfg(target_os = "macos")]
mod imp {
    use std::process::Command;

    use super::program;

    pub type Held = program::Running;

    pub fn means() -> Result<&'static str, String> {
        program::find("caffeinate").map(|_| "caffeinate")
    }

    pub fn hold() -> Result<Held, String> {
        let mut command = Command::new(program::find("caffeinate")?);
        command.args(["-i", "-w", &std::process::id().to_string()]);
        program::start(&mut command)
    }
}

#[cfg(windows)]
mod imp {
    use std::sync::mpsc::{Sender, channel};
    use std::thread::JoinHandle;

    const ES_CONTINUOUS: u32 = 0x8000_0000;
    const ES_SYSTEM_REQUIRED: u32 = 1;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn SetThreadExecutionState(flags: u32) -> u32;
    }

    /// The request belongs to a thread, and ends with it.
    #[derive(Debug)]
    pub struct Held(Option<(Sender<()>, JoinHandle<()>)>);

    pub fn means() -> Result<&'static str, String> {
        Ok("SetThreadExecutionState")
    }

    pub fn hold() -> Result<Held, String> {
        let (end, ended) = channel();
        let stay = move || {
            // SAFETY: only sets the thread's execution state, for as long as this thread lives.
            unsafe { SetThreadExecutionState(ES_CONTINUOUS | ES_SYSTEM_REQUIRED) };
            let _ = ended.recv();
        };
        let thread = std::thread::Builder::new()
            .name("awake".to_owned())
            .spawn(stay);
        Ok(Held(Some((end, thread.map_err(|e| e.to_string())?))))
    }

    impl Drop for Held {
        fn drop(&mut self) {
            if let Some((end, thread)) = self.0.take() {
                drop(end);
                let _ = thread.join();
            }
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod imp {
    pub type Held = ();

    pub fn means() -> Result<&'static str, String> {
        Err("Repartee cannot keep this system awake".to_owned())
    }

    pub fn hold() -> Result<Held, String> {
        means().map(|_| ())
    }
}
