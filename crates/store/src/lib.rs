//! The project file: one SQLite file with the whole content of a project.
//!
//! The files of `schema/` define it, one per version. Each family of tables has a file of functions that take and
//! return plain structs; there is no SQL outside of this crate.
//!
//! A [`Store`] has one connection that writes, behind a mutex, and a pool of connections that can only read. SQLite in
//! WAL mode lets readers continue while a writer writes, and lets one process write at a time; so every write is short
//! (at most about 2,000 rows or 50 ms), and a process that writes much yields to the others ([`Store::write`]). No
//! connection leaves this crate.
//!
//! Every function returns an error if the file cannot be read or written, and nothing is changed then; the `Errors`
//! sections only list what else can go wrong.

pub mod accounts;
pub mod audit;
pub mod bases;
pub mod blobs;
pub mod claims;
pub mod contents;
mod copies;
pub mod curation;
pub mod deletion;
pub mod error;
pub mod evaluations;
pub mod fakes;
mod fingerprints;
pub mod items;
pub mod job_bundles;
pub mod jobs;
pub mod ledger;
pub mod left_out;
pub mod maintenance;
pub mod marks;
mod opened;
pub mod outbox;
pub mod outcomes;
pub mod pairs;
pub mod purge;
pub mod quality;
pub mod queue;
mod quotes;
mod readable;
pub mod reads;
pub mod records;
pub mod runs;
pub mod schema;
pub mod seals;
pub mod settings;
pub mod sources;
pub mod splits;
pub mod study;
pub mod sweeps;
pub mod threads;
pub mod times;
mod toml_configs;
pub mod usable;
mod values;
pub mod watch;
mod words;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use repartee_datasets::private;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

pub use error::{Error, Result};
use opened::Opened;
use schema::{check_beside, connect};
use watch::Family;

/// "Rept": the application id in the header of a project file (bytes 68 to 71).
pub const APPLICATION_ID: i32 = 0x5265_7074;

/// Seconds that a write waits for other processes before it fails.
pub const WAIT_S: u32 = 30;

/// Maximum rows per write transaction, so that other processes get their turn.
pub const BATCH_ROWS: usize = 2_000;

/// Maximum duration of a loop of writes before it commits.
pub(crate) const BATCH_TIME: Duration = Duration::from_millis(50);

/// How long a busy writer leaves the file free, every [`BATCH_TIME`]. Waiting processes poll every millisecond
/// ([`wait_for_lock`]), so they get it within this time.
const MAKE_ROOM: Duration = Duration::from_millis(2);

/// A log larger than this is emptied when the file is closed.
const LOG_LEFT: u64 = 1 << 20;

/// The versions of the schema, in order. A released version is never edited.
const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!("schema/1_project.sql")),
    M::up(include_str!("schema/2_window.sql")).foreign_key_check(),
    M::up(include_str!("schema/3_reddit.sql")).foreign_key_check(),
    M::up(include_str!("schema/4_purge.sql")),
    M::up(include_str!("schema/5_approval.sql")),
    M::up(include_str!("schema/6_items.sql")).foreign_key_check(),
    M::up(include_str!("schema/7_study.sql")),
    M::up(include_str!("schema/8_jobs.sql")).foreign_key_check(),
    M::up(include_str!("schema/9_curation.sql")),
    M::up(include_str!("schema/10_names.sql")),
    M::up(include_str!("schema/11_config.sql")),
    M::up(include_str!("schema/12_fits.sql")),
    M::up(include_str!("schema/13_purged_texts.sql")),
    M::up(include_str!("schema/14_candidate_flags.sql")),
    M::up(include_str!("schema/15_quality.sql")),
    M::up(include_str!("schema/16_sweeps.sql")),
];

/// An open project file.
pub struct Store {
    path: PathBuf,
    /// Closed before the writer: SQLite merges the log into the file when the last connection is closed, unless that one
    /// is read-only.
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Writer>,
    /// What queries read, while a test records it.
    reads: reads::Recording,
    migrated_from: Option<PathBuf>,
    /// Ends after both: fields are dropped in this order.
    _opened: Opened,
}

struct Writer {
    connection: Connection,
    /// Whether it wrote anything.
    wrote: bool,
    /// When this process last left the file free for others.
    made_room: Instant,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.path.display())
    }
}

impl Drop for Store {
    /// Empties a large log if this process wrote: SQLite only does so if no other process has the file open, and leaves
    /// 64 MB next to the project of a window. Does not wait for other processes.
    fn drop(&mut self) {
        let large = self.wal_bytes() > LOG_LEFT;
        let writer = self.writer();
        if large && writer.wrote {
            let db = &writer.connection;
            // if it cannot be emptied now, it is read as before, and another process empties it
            let _ = db.busy_handler(None);
            let _ = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }
}

impl Store {
    /// Creates a project file, for its owner alone, and opens it.
    ///
    /// # Errors
    /// [`Error::FileExists`]; [`Error::Open`] if the folder is missing or cannot be written; [`Error::Beside`].
    pub fn create(path: &Path) -> Result<Self> {
        // SQLite gives its files next to the project the project's mode
        check_beside(path)?;
        private::create_new(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::FileExists(path.to_owned()),
            std::io::ErrorKind::StorageFull => Error::Full,
            _ => Error::Open {
                path: path.to_owned(),
                why: error.to_string(),
            },
        })?;
        let made = Self::fill(path).and_then(|()| Self::open(path));
        if made.is_err() {
            // it contains nothing of the user yet, and half a project is useless
            for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
                let _ = std::fs::remove_file(file);
            }
        }
        made
    }

    /// Turns an empty file into an empty project. The header is written before WAL is switched on, so that it is in the
    /// file itself and [`Store::open`] can recognize the file without SQLite.
    fn fill(path: &Path) -> Result<()> {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // 8 KiB: a page holds about 20 comments, and blobs have half the overflow pages. No journal: half a project is
        // removed as a whole, and a journal found next to a project is not ours
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = MEMORY; PRAGMA page_size = 8192;
             PRAGMA application_id = {APPLICATION_ID};"
        ))?;
        migrate(&mut connection, path).map(drop)
    }

    /// Opens a project file, migrating one of an older version in a transaction, after a copy of it was made
    /// ([`Self::migrated_from`]). A file that others may read becomes its owner's alone.
    ///
    /// # Errors
    /// [`Error::NoFile`], [`Error::NotAProject`], [`Error::Newer`], [`Error::Foreign`], [`Error::Beside`],
    /// [`Error::NoBackup`], or [`Error::Open`].
    pub fn open(path: &Path) -> Result<Self> {
        let opened = Opened::after(path, || is_project(path))?;
        check_beside(path)?;
        private::narrow(path);
        let begun = Instant::now();
        loop {
            match ready(path) {
                // another process is migrating the file right now: SQLite reports busy without waiting if two would
                // wait for each other
                Err(Error::Busy) if begun.elapsed() < Duration::from_secs(WAIT_S.into()) => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                ready => {
                    let (connection, backup) = ready?;
                    let mut store = Self::over(path, connection, opened);
                    store.migrated_from = backup;
                    return Ok(store);
                }
            }
        }
    }

    /// A store over a writing connection.
    fn over(path: &Path, connection: Connection, opened: Opened) -> Self {
        Self {
            path: path.to_owned(),
            writer: Mutex::new(Writer {
                connection,
                wrote: false,
                made_room: Instant::now(),
            }),
            readers: Mutex::new(Vec::new()),
            reads: reads::Recording::default(),
            migrated_from: None,
            _opened: opened,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The copy of the file as it was, if opening it migrated it from an older version.
    pub fn migrated_from(&self) -> Option<&Path> {
        self.migrated_from.as_deref()
    }

    /// Runs one write transaction: all of it is stored, or, on an error, nothing. `family` marks the queries that
    /// windows must repeat.
    ///
    /// Every 50 ms of writing, the file is left free for 2 ms, since SQLite's lock is not fair: otherwise an import
    /// would keep a training waiting until its end.
    pub(crate) fn write<T>(
        &self,
        family: Family,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.write_and_make_room(|db| transact(db, family, work))
    }

    /// As [`Store::write`], for rows whose references were read in this same transaction: SQLite does not check them
    /// again, which saves a fifth of a join.
    pub(crate) fn write_joined<T>(
        &self,
        family: Family,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.write_and_make_room(|db| {
            with_pragma(db, "foreign_keys", ["OFF", "ON"], |db| {
                transact(db, family, work)
            })
        })
    }

    /// As [`Store::write`], on disk when it returns: it survives a power failure a moment later. It costs a wait for
    /// the disk, which other writes avoid.
    pub(crate) fn write_durably<T>(
        &self,
        family: Family,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        with_pragma(
            &mut self.writing().connection,
            "synchronous",
            ["FULL", "NORMAL"],
            |db| transact(db, family, work),
        )
    }

    fn write_and_make_room<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let mut writer = self.writing();
        let done = work(&mut writer.connection)?;
        let rest = writer.made_room.elapsed() >= BATCH_TIME;
        if rest {
            writer.made_room = Instant::now();
        }
        drop(writer);
        if rest {
            std::thread::sleep(MAKE_ROOM);
        }
        Ok(done)
    }

    /// Runs something on the writing connection outside of a transaction (VACUUM needs that).
    pub(crate) fn write_bare<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        work(&self.writing().connection)
    }

    /// Runs queries on a read-only connection.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let pooled = self.readers().pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => self.reader()?,
        };
        let answer = work(&connection);
        self.readers().push(connection);
        answer
    }

    /// As [`Store::read`], on a connection of its own that could write but is told not to: SQLite parses the CHECKs of a
    /// schema on such a connection only, and without them its integrity check compares no row with them. A file that
    /// this process may not write is read as by [`Store::read`]; the rules in `values.rs` need no CHECK.
    pub(crate) fn read_with_checks<T>(&self, work: impl Fn(&Connection) -> Result<T>) -> Result<T> {
        let checked = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|db| {
            // closing it must not change the file either
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            db.pragma_update(None, "query_only", true)?;
            pairs::register_functions(&db)?;
            work(&db)
        });
        match checked {
            Err(Error::Open { .. } | Error::ReadOnly(_)) => self.read(work),
            checked => checked,
        }
    }

    /// A new read-only connection.
    fn reader(&self) -> Result<Connection> {
        let connection = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.set_prepared_statement_cache_capacity(64);
        pairs::register_functions(&connection)?;
        self.reads.follow(&connection)?;
        Ok(connection)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // a panic in a transaction has rolled it back: the connection is still good
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, Writer> {
        let mut writer = self.writer();
        writer.wrote = true;
        writer
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn transact<T>(
    db: &mut Connection,
    family: Family,
    work: impl FnOnce(&Transaction<'_>) -> Result<T>,
) -> Result<T> {
    // IMMEDIATE: a transaction that starts by reading and then finds another writer fails at once instead of waiting
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = seals::that_count(&transaction, family)?;
    let done = work(&transaction)?;
    watch::touch(&transaction, family)?;
    seals::remember(&transaction, seals::gone(&transaction, before)?)?;
    transaction.commit()?;
    Ok(done)
}

/// Runs work with a pragma set to the first value, and then to the second.
fn with_pragma<T>(
    db: &mut Connection,
    pragma: &str,
    [during, after]: [&str; 2],
    work: impl FnOnce(&mut Connection) -> Result<T>,
) -> Result<T> {
    db.pragma_update(None, pragma, during)?;
    let done = work(db);
    db.pragma_update(None, pragma, after)?;
    done
}

/// A writing connection to a project of this version, and the copy of it if it was of an older one.
fn ready(path: &Path) -> Result<(Connection, Option<PathBuf>)> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // before anything is written, and after: a file of an older version is checked against its own
    schema::ours(&connection, path)?;
    prepare(&connection)?;
    let backup = migrate(&mut connection, path)?;
    schema::ours(&connection, path)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
    Ok((connection, backup))
}

/// The settings that a writing connection needs each time it is opened.
fn prepare(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(128);
    pairs::register_functions(connection)?;
    // WAL: readers continue while one writes. NORMAL: a commit waits for the disk only at a checkpoint; after a power
    // failure the last commits may be missing, but the file is whole. secure_delete: what is deleted is overwritten, so
    // that a purged text is gone from the file. wal_autocheckpoint: 8,192 pages of 8 KiB = 64 MiB, so that an import
    // writes fewer pages twice.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Error::ReadOnly(format!(
            "SQLite could not switch on write-ahead logging (mode {mode}); network file systems cannot do it"
        )));
    }
    connection.execute_batch(
        "PRAGMA synchronous = NORMAL;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA wal_autocheckpoint = 8192;
         PRAGMA journal_size_limit = 134217728;
         PRAGMA cache_size = -65536;
         PRAGMA temp_store = MEMORY;",
    )?;
    Ok(())
}

/// Called by SQLite each time it finds the file locked; true: try again.
fn wait_for_lock(looked: i32) -> bool {
    std::thread::sleep(Duration::from_millis(1));
    u32::try_from(looked).is_ok_and(|looked| looked < WAIT_S * 900)
}

/// Migrates a project to this version; returns the copy made of it before. An empty file needs none.
fn migrate(connection: &mut Connection, path: &Path) -> Result<Option<PathBuf>> {
    let version = |connection: &Connection| -> Result<i64> {
        Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
    };
    let (found, known) = (version(connection)?, MIGRATIONS.len() as i64);
    if found > known {
        return Err(Error::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    if found == known {
        return Ok(None);
    }
    let backup = match found {
        0 => None,
        _ => Some(schema::back_up(
            connection,
            path,
            &format!("version-{known}"),
        )?),
    };
    let unneeded = || {
        if let Some(backup) = &backup {
            let _ = std::fs::remove_file(backup);
        }
    };
    // another process that opened it at the same moment was faster, and made a copy, too
    if version(connection)? == known {
        unneeded();
        return Ok(None);
    }
    // a table that is recreated is dropped first, and others refer to it; each such migration checks the references
    // before its commit
    connection.pragma_update(None, "foreign_keys", false)?;
    toml_configs::register(connection)?;
    let migrated = Migrations::from_slice(MIGRATIONS)
        .to_latest(connection)
        .map_err(|error| match error {
            rusqlite_migration::Error::RusqliteError { err, .. } => Error::from(err),
            other => Error::Migration(other),
        });
    toml_configs::unregister(connection)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if let Err(error) = migrated {
        unneeded();
        return match version(connection)? == known {
            true => Ok(None),
            false => Err(error),
        };
    }
    Ok(backup)
}

/// Checks by a file's header whether it is a project, before SQLite touches it.
fn is_project(path: &Path) -> Result<()> {
    use std::io::Read;
    let not = |why: &str| {
        Err(Error::NotAProject {
            path: path.to_owned(),
            why: why.to_owned(),
        })
    };
    let refused = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NoFile(path.to_owned()),
        _ => Error::Open {
            path: path.to_owned(),
            why: error.to_string(),
        },
    };
    let about = std::fs::metadata(path).map_err(refused)?;
    if about.is_dir() {
        return not("it is a folder");
    }
    if !about.is_file() {
        return not("it is no plain file");
    }
    let mut header = Vec::with_capacity(100);
    std::fs::File::open(path)
        .map_err(refused)?
        .take(100)
        .read_to_end(&mut header)
        .map_err(refused)?;
    if header.is_empty() {
        return not("the file is empty");
    }
    // https://www.sqlite.org/fileformat.html#the_database_header
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        return not("it is not an SQLite file");
    }
    if header[68..72] != APPLICATION_ID.to_be_bytes() {
        return not("it is an SQLite file of another program");
    }
    Ok(())
}

/// The name of a file that SQLite keeps next to the project file.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// The version of the bundled SQLite.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod purge_tests;
#[cfg(test)]
mod tests;
