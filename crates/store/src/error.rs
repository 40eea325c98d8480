//! Errors of a project file, each with what to do.

use crate::readable::bad_value;
use crate::words::UnknownWord;
use std::path::PathBuf;

/// Why the project file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no project at {}; `repartee new` makes one", .0.display())]
    NoFile(PathBuf),
    /// The file already exists.
    #[error("{} exists already; open it, or choose another name", .0.display())]
    FileExists(PathBuf),
    /// The file is not an SQLite file with Repartee's application id.
    #[error("{} is not a Repartee project ({why})", path.display())]
    NotAProject { path: PathBuf, why: String },
    /// The file was written by a newer version of the program.
    #[error(
        "{} was written by a newer Repartee (its schema is version {found}, this program knows {known}); update Repartee",
        path.display()
    )]
    Newer {
        path: PathBuf,
        /// The file's schema version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// Objects of the file's schema are foreign or missing: it may be untrusted.
    #[error(
        "{} was changed by another program ({}); nothing in it was run. Open it only if you know why; \
         `repartee check` lists what was found, and `repartee check --repair` makes a copy and removes it",
        path.display(), crate::schema::listed(found)
    )]
    Foreign {
        path: PathBuf,
        found: Vec<crate::schema::Fault>,
    },
    /// Foreign objects cannot be removed, or missing ones not restored.
    #[error("{} cannot be repaired and is unchanged: {why}", path.display())]
    Unrepairable { path: PathBuf, why: String },
    /// The copy that is made before a repair or a migration cannot be written.
    #[error(
        "{} is unchanged: it is copied first, to {}, and that failed: {why}. Make room there, or move the project to \
         where there is room, then open it again",
        path.display(), backup.display()
    )]
    NoBackup {
        path: PathBuf,
        backup: PathBuf,
        /// SQLite's message.
        why: String,
    },
    /// A file next to the project that SQLite would use, and that could do harm.
    #[error("{} is not used: {why}. Move it away, then open the project again", file.display())]
    Beside { file: PathBuf, why: &'static str },
    /// The file cannot be opened, or its folder written.
    #[error("cannot open {}: {why}", path.display())]
    Open {
        path: PathBuf,
        /// Message of the operating system or SQLite.
        why: String,
    },
    /// Another process kept the file locked for longer than we wait.
    #[error(
        "the project is locked by another process for more than {} s; try again when that one is done",
        crate::WAIT_S
    )]
    Busy,
    /// The disk is full.
    #[error(
        "the disk is full: the last step was not stored, everything before it is kept; free some disk space \
         and run the command again"
    )]
    Full,
    /// The project file, or its folder, cannot be written.
    #[error("the project cannot be written: {0}; check the permissions of the file and its folder")]
    ReadOnly(String),
    /// The file's bytes differ from what was written.
    #[error("the project file is damaged: {}; `repartee check` lists what is affected", in_a_line(.0))]
    Damaged(String),
    /// A value of one row has bytes that are not UTF-8, or is of another type: another program edited the file, or the
    /// disk is faulty.
    #[error(
        "a value in the project cannot be read: {0}; `repartee check` lists all of them, and \
         `repartee check --repair` makes a copy and repairs what can be repaired"
    )]
    Unreadable(String),
    /// No row has this name or id.
    #[error("there is no {what} {name:?}{}", known(what, name, .there))]
    Missing {
        /// split, base, run, ...
        what: &'static str,
        name: String,
        /// The names that exist.
        there: Vec<String>,
    },
    /// A row already has this name.
    #[error("a {what} named {name:?} already exists; choose another name")]
    NameTaken { what: &'static str, name: String },
    /// Something cannot be removed, changed or used in its current state.
    #[error("{what} cannot be {done}: {why}")]
    Refused {
        /// Kind and name.
        what: String,
        /// Removed, changed, queued, ...
        done: &'static str,
        /// What depends on it, or is wrong with it.
        why: String,
    },
    /// What would be deleted has changed since the user saw it.
    #[error("{what} is not as it was shown: what depends on it changed; look again")]
    Changed {
        /// Kind and name.
        what: String,
    },
    /// A job is using what was to be deleted or renamed.
    #[error("job {job} ({kind}) uses {what}; wait for it, or cancel it first")]
    InUse {
        /// Kind and name.
        what: String,
        job: String,
        kind: String,
    },
    /// A transition that the queue does not allow.
    #[error("reply {id} is {state}; it cannot be {wanted}")]
    Transition {
        id: i64,
        state: &'static str,
        wanted: &'static str,
    },
    /// A blob that was stored for this bundle was removed by `compact` before the bundle was complete.
    #[error("a part of the model, {0}, was removed while it was being stored; save it again")]
    Collected(String),
    /// Stored JSON of the wrong type: written by another version, or edited.
    #[error("stored {what} cannot be read: {source}")]
    Json {
        /// Field and row.
        what: &'static str,
        source: serde_json::Error,
    },
    /// A setting of the wrong type: written by another version, or edited.
    #[error(
        "the setting {key:?} of the project cannot be read: {source}; `repartee check` shows it, and \
         `repartee check --repair` makes a copy and resets it to its default"
    )]
    Setting {
        key: String,
        source: serde_json::Error,
    },
    /// The system gives no random bytes for a key.
    #[error("the system gives no random numbers: {0}; try again")]
    NoRandomness(String),
    /// Any other SQLite error.
    #[error("SQLite refused: {0}")]
    Sql(rusqlite::Error),
    /// Any other migration error.
    #[error("the project file could not be migrated; it is unchanged: {0}")]
    Migration(rusqlite_migration::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// SQLite's message on one line: it may quote a part of the file.
fn in_a_line(said: &str) -> String {
    let words = said.split_whitespace().take(60);
    words
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(600)
        .collect()
}

/// The names that exist. Only items with names are listed; of the others, nothing says that there is none.
fn known(what: &str, name: &str, there: &[String]) -> String {
    const NAMED: [&str; 7] = [
        "source",
        "split",
        "base",
        "run",
        "set of fakes",
        "evaluation",
        "generation",
    ];
    match there {
        [] if NAMED.contains(&what) && name.parse::<i64>().is_err() => {
            "; there is none yet".to_owned()
        }
        [] => String::new(),
        [one] => format!("; there is {one}"),
        many => format!("; there are {}", many.join(", ")),
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as C;
        if is_full(&error) {
            return Self::Full;
        }
        match error.sqlite_error_code() {
            Some(C::DatabaseBusy | C::DatabaseLocked) => Self::Busy,
            Some(C::DatabaseCorrupt | C::NotADatabase) => Self::Damaged(error.to_string()),
            Some(C::ReadOnly) => Self::ReadOnly(error.to_string()),
            _ => match error {
                rusqlite::Error::FromSqlConversionFailure(_, _, unknown)
                    if unknown.is::<UnknownWord>() =>
                {
                    Self::Damaged(unknown.to_string())
                }
                error => match bad_value(&error) {
                    Some(what) => Self::Unreadable(what),
                    None => Self::Sql(error),
                },
            },
        }
    }
}

/// Whether the disk is full. SQLite says so when it writes the file, but only reports an I/O error when the shared
/// memory next to it cannot grow, or a temporary file cannot be created.
fn is_full(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi;
    matches!(
        error,
        rusqlite::Error::SqliteFailure(e, _)
            if e.code == rusqlite::ErrorCode::DiskFull
                || matches!(
                    e.extended_code,
                    ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_GETTEMPPATH
                )
    )
}

/// Whether SQLite refused a row because its unique key exists.
pub(crate) fn is_unique(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::SqliteFailure(e, _)
            if e.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
                || e.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
    )
}

/// Whether SQLite refused to remove a row because others refer to it.
pub(crate) fn is_foreign_key(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::SqliteFailure(e, _)
            if e.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn full_disk_is_reported_as_such_wherever_it_occurs() {
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR_SHMSIZE,
            ffi::SQLITE_IOERR_WRITE,
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert!(matches!(Error::from(error), Error::Full), "{code}");
        }
        let read = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_READ), None);
        assert!(matches!(Error::from(read), Error::Sql(_)));
    }
}
