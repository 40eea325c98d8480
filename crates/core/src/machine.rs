//! This machine, as far as projects must know it: a secret that never leaves it, and the user's state folder.
//!
//! A project file can be copied, mailed and edited by anyone. What the user decided about it on this machine (which
//! text may be posted, which permission was read) is sealed with a key outside of the file, so that a file from
//! elsewhere cannot claim a decision that was never made here.

use std::io::Write;
use std::path::{Path, PathBuf};

use repartee_store::ledger::Glance;

use crate::error::{Code, Error, Result};

/// Environment variable that overrides the platform's state folder.
pub const STATE_FOLDER: &str = "REPARTEE_STATE";

const KEY_BYTES: usize = 32;

/// The key of this machine and user.
#[derive(Clone)]
pub struct Machine {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    id: String,
    /// Seals that a project has withdrawn, and the ledger may not know yet.
    taken_back: Vec<String>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Machine({})", self.id)
    }
}

impl Machine {
    /// The machine whose state is in `folder`; the folder and its key are created by the first call.
    ///
    /// # Errors
    /// [`Code::Io`] if the folder cannot be written, [`Code::Damaged`] if the key in it is invalid.
    pub fn open(folder: &Path) -> Result<Self> {
        make_private(folder).map_err(|e| Error::io("create", folder, &e))?;
        let path = folder.join("machine.key");
        let stored = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                make_key(folder, &path).map_err(|e| Error::io("write", &path, &e))?;
                std::fs::read(&path).map_err(|e| Error::io("read", &path, &e))?
            }
            Err(error) => return Err(Error::io("read", &path, &error)),
        };
        let stored: [u8; KEY_BYTES] = stored.try_into().map_err(|_| {
            Error::new(
                Code::Damaged,
                format!(
                    "{} is not a key of {KEY_BYTES} bytes; delete it, and confirm approvals and permissions again",
                    path.display()
                ),
            )
        })?;
        // a home folder that is copied to another machine gives another key
        let key = blake3::keyed_hash(&stored, hardware().as_bytes()).into();
        let id = blake3::keyed_hash(&key, b"repartee machine id").to_hex()[..16].to_owned();
        Ok(Self {
            folder: folder.to_owned(),
            key,
            id,
            taken_back: Vec::new(),
        })
    }

    /// The user's state folder: `REPARTEE_STATE`, or the platform's.
    ///
    /// # Errors
    /// [`Code::Io`] if the environment names no home.
    pub fn state_folder() -> Result<PathBuf> {
        let of = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        if let Some(folder) = of(STATE_FOLDER) {
            return Ok(folder);
        }
        let folder = if cfg!(windows) {
            of("LOCALAPPDATA").map(|folder| folder.join("repartee"))
        } else if cfg!(target_os = "macos") {
            of("HOME").map(|home| home.join("Library/Application Support/repartee"))
        } else {
            // https://specifications.freedesktop.org/basedir-spec: a relative path must be ignored
            of("XDG_STATE_HOME")
                .filter(|folder| folder.is_absolute())
                .or_else(|| of("HOME").map(|home| home.join(".local/state")))
                .map(|folder| folder.join("repartee"))
        };
        folder.ok_or_else(|| {
            Error::new(
                Code::Io,
                format!(
                    "no home folder is set; set {STATE_FOLDER} to a folder for Repartee's state"
                ),
            )
        })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// 16 hexadecimal digits that identify this machine without revealing anything about it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same machine, for which these seals count as revoked, whether or not the ledger could be written.
    pub fn without(self, taken_back: Vec<String>) -> Self {
        Self { taken_back, ..self }
    }

    /// Whether a seal was revoked.
    pub fn is_revoked(&self, seal: &str) -> bool {
        self.taken_back.iter().any(|one| one == seal) || self.glance().is_revoked(seal)
    }

    /// The ledger of this machine, for quick queries.
    pub fn glance(&self) -> Glance {
        Glance::at(&self.folder)
    }

    /// The seal of a decision: a keyed blake3 over `what` and its `parts`, each preceded by its length, so that no two
    /// lists of parts have the same seal. It cannot be made without the key.
    pub fn seal(&self, what: &str, parts: &[&str]) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in [what].iter().chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Creates a folder and its missing parents with access for the user only. An existing one is unchanged.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a new key. If several processes do so at once, one wins, and its key is complete.
fn make_key(folder: &Path, path: &Path) -> std::io::Result<()> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(std::io::Error::other)?;
    let part = folder.join(format!("machine.key.{}", uuid::Uuid::now_v7().simple()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    let made = file
        .write_all(&key)
        .and_then(|()| file.sync_all())
        // unlike a rename, a link never replaces another process's key
        .and_then(|()| std::fs::hard_link(&part, path));
    drop(file);
    let _ = std::fs::remove_file(&part);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The name of the user who runs this process: of the environment, else of the system. A user without a name is
/// "uid N"; empty if the system has no user ids.
pub fn user_name() -> String {
    let of = |name: &str| {
        std::env::var(name)
            .ok()
            .filter(|name| !name.trim().is_empty())
    };
    of("USER")
        .or_else(|| of("USERNAME"))
        .or_else(name_in_system)
        .or_else(|| of("LOGNAME"))
        .unwrap_or_else(user_id)
}

/// The name in the system's list of users.
#[cfg(unix)]
fn name_in_system() -> Option<String> {
    // as much as glibc suggests for an entry (sysconf(_SC_GETPW_R_SIZE_MAX)), several times over
    let mut text = vec![0_u8; 16 << 10];
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::zeroed();
    let mut found = std::ptr::null_mut();
    // SAFETY: `entry` and `text`, of the given length, live as long as `found` is used, which points to `entry`.
    let failed = unsafe {
        libc::getpwuid_r(
            rustix::process::getuid().as_raw(),
            entry.as_mut_ptr(),
            text.as_mut_ptr().cast(),
            text.len(),
            &raw mut found,
        ) != 0
    };
    if failed || found.is_null() {
        return None;
    }
    // SAFETY: the call has filled the entry; its name, if it has one, ends with a zero byte within `text`.
    let name = unsafe {
        let name = (*found).pw_name;
        if name.is_null() {
            return None;
        }
        std::ffi::CStr::from_ptr(name)
    };
    let name = name.to_str().ok()?;
    (!name.trim().is_empty()).then(|| name.to_owned())
}

#[cfg(not(unix))]
fn name_in_system() -> Option<String> {
    None
}

#[cfg(unix)]
fn user_id() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn user_id() -> String {
    String::new()
}

/// What distinguishes this machine from another with a copy of its home folder; empty if nothing does.
fn hardware() -> String {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_made_once_and_private() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("a/b");
        let machines: Vec<Machine> = std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Machine::open(&folder).expect("opened")))
                .collect();
            opening
                .into_iter()
                .map(|opening| opening.join().expect("no panic"))
                .collect()
        });
        assert!(
            machines
                .iter()
                .all(|machine| machine.id() == machines[0].id())
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| {
                let metadata = std::fs::metadata(path).expect("is there");
                metadata.permissions().mode() & 0o777
            };
            assert_eq!(mode(&folder.join("machine.key")), 0o600);
            assert_eq!(mode(&folder), 0o700);
        }
        let left = std::fs::read_dir(&folder).expect("listed").count();
        assert_eq!(left, 1, "only the key is left");
    }

    #[test]
    fn seals_differ_by_machine_kind_and_split_of_parts() {
        let place = tempfile::tempdir().expect("a folder");
        let here = Machine::open(&place.path().join("here")).expect("opened");
        let there = Machine::open(&place.path().join("there")).expect("opened");
        let seal = here.seal("approval", &["ab", "c"]);
        assert_eq!(seal, here.seal("approval", &["ab", "c"]));
        assert_ne!(seal, here.seal("approval", &["a", "bc"]));
        assert_ne!(seal, here.seal("permission", &["ab", "c"]));
        assert_ne!(seal, there.seal("approval", &["ab", "c"]));
        assert_ne!(here.id(), there.id());
    }

    #[cfg(unix)]
    #[test]
    fn the_system_names_the_user_or_gives_the_id() {
        let id = user_id();
        let number = id.strip_prefix("uid ").expect("a user id");
        assert!(number.parse::<u32>().is_ok(), "{id}");
        // root is in every list of users; another one may run in a container that does not have it
        match (number, name_in_system()) {
            ("0", name) => assert_eq!(name.as_deref(), Some("root")),
            (_, name) => assert_ne!(name.as_deref(), Some("")),
        }
        assert!(!user_name().trim().is_empty());
    }

    #[test]
    fn damaged_key_is_an_error_that_says_what_to_do() {
        let place = tempfile::tempdir().expect("a folder");
        std::fs::write(place.path().join("machine.key"), b"short").expect("written");
        let error = Machine::open(place.path()).expect_err("refused");
        assert_eq!(error.code, Code::Damaged);
        assert!(error.message.contains("delete it"), "{error}");
    }
}
