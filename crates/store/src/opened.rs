//! The files that this process has open as projects.
//!
//! POSIX drops every lock that a process holds on a file as soon as the process closes any descriptor of that file
//! (<https://www.sqlite.org/howtocorrupt.html>, 2.2). Reading the header of a project that SQLite has open would drop
//! SQLite's locks with it, and another process that closes the project would then delete the log under our feet. So the
//! header is only read while nothing in this process has the file open.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Result;

type FileId = (u64, u64);

static OPEN: Mutex<BTreeMap<FileId, usize>> = Mutex::new(BTreeMap::new());

fn open() -> MutexGuard<'static, BTreeMap<FileId, usize>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that this process has open, as long as this exists.
pub(crate) struct Opened(Option<FileId>);

impl Opened {
    /// Checks a file with `look`, which may read it directly, and counts it as open. If it is already open, it was
    /// checked then.
    ///
    /// # Errors
    /// Those of `look`.
    pub(crate) fn after(path: &Path, look: impl FnOnce() -> Result<()>) -> Result<Self> {
        let mut open = open();
        let id = id_of(path);
        if id.is_none_or(|id| !open.contains_key(&id)) {
            look()?;
        }
        if let Some(id) = id {
            *open.entry(id).or_default() += 1;
        }
        Ok(Self(id))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let Some(id) = self.0 else { return };
        let mut open = open();
        match open.get_mut(&id) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&id)),
        }
    }
}

#[cfg(unix)]
fn id_of(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    let about = std::fs::metadata(path).ok()?;
    Some((about.dev(), about.ino()))
}

/// On other systems a lock belongs to a handle, and closing another one does no harm.
#[cfg(not(unix))]
fn id_of(_path: &Path) -> Option<FileId> {
    None
}
