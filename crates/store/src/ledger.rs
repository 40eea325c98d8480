//! The ledger: one file per user and machine, next to all projects, which records the comments that each account has,
//! or may have, answered. A project file can be copied, moved and restored without it, so no two copies and no two
//! projects answer the same comment.
//!
//! Its errors say without what nothing is posted; see [`Error`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params,
};

/// "Repl": the application id in the header of a ledger.
const APPLICATION_ID: i32 = 0x5265_706c;
/// Each version of the schema, in order. A released one is never edited.
const SCHEMA: &[&str] = &[
    include_str!("schema/ledger_1.sql"),
    include_str!("schema/ledger_2.sql"),
];
/// How long to wait for another process.
const WAIT: Duration = Duration::from_secs(10);

/// Why the ledger is unusable.
#[derive(Debug, thiserror::Error)]
#[error("the ledger of posted comments {}, without which nothing is posted, {what}", path.display())]
pub struct Error {
    pub path: PathBuf,
    /// What is wrong, and what to do.
    pub what: String,
    pub kind: ErrorKind,
}

/// Kinds of ledger errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// It is not a ledger, or damaged.
    Damaged,
    Busy,
    /// The disk is full.
    Full,
    /// It cannot be opened, read or written.
    Io,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The owner of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// Reddit itself, or one run of a sandbox.
    pub server: String,
    /// Without `u/`; case-insensitive.
    pub account: String,
}

/// State of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryState {
    /// About to be sent; unknown whether it was.
    Intended,
    /// Sent, delivery unconfirmed.
    Uncertain,
    /// Enough checks did not find it.
    Absent,
    /// It did not arrive: the parent is free.
    Released,
    /// It is live on Reddit.
    Posted,
    /// Posted and deleted, or abandoned: the parent is never answered again.
    Withdrawn,
}

impl EntryState {
    const ALL: [Self; 6] = [
        Self::Intended,
        Self::Uncertain,
        Self::Absent,
        Self::Released,
        Self::Posted,
        Self::Withdrawn,
    ];

    /// The name in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Uncertain => "uncertain",
            Self::Absent => "absent",
            Self::Released => "released",
            Self::Posted => "posted",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The answer of an account to a comment or post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Reddit's name of what is answered.
    pub parent: String,
    /// The project's uuid, which its copies share.
    pub project: String,
    /// The uuid of the file.
    pub copy: String,
    /// The file's path then.
    pub path: String,
    /// The reply in that file.
    pub reply: i64,
    pub attempt: u32,
    /// blake3 of the text.
    pub hash: String,
    pub subreddit: String,
    /// Reddit's name of the post.
    pub post: String,
    /// Keyed hash of the author who is answered; empty: unknown.
    pub author: String,
    pub state: EntryState,
    /// Start of the attempt, milliseconds since 1970.
    pub intent_ms: i64,
    /// Reddit's clock minus ours at that time.
    pub skew_ms: i64,
    /// Reddit's name of the comment; empty: unknown.
    pub comment: String,
}

const ENTRY: &str =
    "SELECT parent, project, copy, path, reply, attempt, hash, subreddit, post, author, state,
    intent_ms, skew_ms, comment FROM entry WHERE server = ?1 AND account = ?2";

fn entry_row(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let word: String = row.get(10)?;
    let state = EntryState::ALL
        .into_iter()
        .find(|state| state.as_str() == word);
    Ok(Entry {
        parent: row.get(0)?,
        project: row.get(1)?,
        copy: row.get(2)?,
        path: row.get(3)?,
        reply: row.get(4)?,
        attempt: row.get(5)?,
        hash: row.get(6)?,
        subreddit: row.get(7)?,
        post: row.get(8)?,
        author: row.get(9)?,
        // an unknown word keeps the parent closed
        state: state.unwrap_or(EntryState::Uncertain),
        intent_ms: row.get(11)?,
        skew_ms: row.get(12)?,
        comment: row.get(13)?,
    })
}

pub struct Ledger {
    path: PathBuf,
    id: String,
    db: Mutex<Connection>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ledger({})", self.path.display())
    }
}

impl Ledger {
    /// Opens the ledger in a folder; creates it, for its user alone, if it does not exist.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if the file is not a ledger, or incomplete; [`ErrorKind::Io`] if it cannot be read and
    /// written.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("ledger.sqlite");
        let io = |error: &std::io::Error| Error {
            path: path.clone(),
            what: format!(
                "cannot be opened: {error}; check the permissions of the file and its folder"
            ),
            kind: ErrorKind::Io,
        };
        // one at a time: creating a ledger takes more than one step
        let opening = private(&folder.join("ledger.lock")).map_err(|e| io(&e))?;
        opening.lock().map_err(|e| io(&e))?;
        drop(private(&path).map_err(|e| io(&e))?);
        let failed = |error: rusqlite::Error| refused(&path, &error);
        let mut db = Connection::open(&path).map_err(failed)?;
        db.busy_timeout(WAIT).map_err(failed)?;
        let id = prepare(&mut db).map_err(failed)?.map_err(|what| Error {
            path: path.clone(),
            what,
            kind: ErrorKind::Damaged,
        })?;
        Ok(Self {
            db: Mutex::new(db),
            id,
            path,
        })
    }

    /// The ledger's identity: one that was deleted and created again has another id.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.db()).map_err(|error| refused(&self.path, &error))
    }

    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let mut db = self.db();
        let run = || {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|error| refused(&self.path, &error))
    }

    /// The entry for a parent.
    pub fn entry(&self, whose: &Whose, parent: &str) -> Result<Option<Entry>> {
        self.read(|db| {
            db.prepare_cached(&format!("{ENTRY} AND parent = ?3"))?
                .query_row(params![whose.server, whose.account, parent], entry_row)
                .optional()
        })
    }

    /// All entries of an account, in the order of their attempts.
    pub fn entries(&self, whose: &Whose) -> Result<Vec<Entry>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{ENTRY} ORDER BY intent_ms, id"))?;
            let rows = query.query_map(params![whose.server, whose.account], entry_row)?;
            rows.collect()
        })
    }

    /// Records the intent to answer, on disk when this returns. Returns false, and changes nothing, if the parent has
    /// an entry that is not released, except for an absent one of the same reply of the same file.
    ///
    /// # Errors
    /// If the ledger cannot be written; nothing may be sent then.
    pub fn intend(&self, whose: &Whose, entry: &Entry) -> Result<bool> {
        self.put(whose, entry)
    }

    /// Stores an entry if there is none, or one that is released or absent and the same file's. Returns false, and
    /// changes nothing, if there is another.
    pub fn put(&self, whose: &Whose, entry: &Entry) -> Result<bool> {
        self.write(|db| {
            let rows = db
                .prepare_cached(
                    "INSERT INTO entry (server, account, parent, project, copy, path, reply, attempt, hash,
                                        subreddit, post, author, state, intent_ms, skew_ms, comment)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
                     ON CONFLICT (server, account, parent) DO UPDATE
                     SET project = excluded.project, copy = excluded.copy, path = excluded.path,
                         reply = excluded.reply, attempt = excluded.attempt, hash = excluded.hash,
                         subreddit = excluded.subreddit, post = excluded.post, author = excluded.author,
                         state = excluded.state, intent_ms = excluded.intent_ms, skew_ms = excluded.skew_ms,
                         comment = excluded.comment
                     WHERE entry.state = 'released'
                        OR (entry.state = 'absent' AND entry.project = excluded.project
                            AND entry.copy = excluded.copy AND entry.reply = excluded.reply)",
                )?
                .execute(params![
                    whose.server,
                    whose.account,
                    entry.parent,
                    entry.project,
                    entry.copy,
                    entry.path,
                    entry.reply,
                    entry.attempt,
                    entry.hash,
                    entry.subreddit,
                    entry.post,
                    entry.author,
                    entry.state.as_str(),
                    entry.intent_ms,
                    entry.skew_ms,
                    entry.comment
                ])?;
            Ok(rows == 1)
        })
    }

    /// Records the outcome of an entry, while it is `file`'s (project and copy). Returns false, and changes nothing, if
    /// it is another's.
    pub fn set(
        &self,
        whose: &Whose,
        parent: &str,
        file: (&str, &str),
        attempt: u32,
        (state, comment): (EntryState, &str),
    ) -> Result<bool> {
        self.write(|db| {
            let rows = db
                .prepare_cached(
                    "UPDATE entry SET state = ?6, attempt = ?7, comment = CASE ?8 WHEN '' THEN comment ELSE ?8 END
                     WHERE server = ?1 AND account = ?2 AND parent = ?3 AND project = ?4 AND copy = ?5",
                )?
                .execute(params![
                    whose.server,
                    whose.account,
                    parent,
                    file.0,
                    file.1,
                    state.as_str(),
                    attempt,
                    comment
                ])?;
            Ok(rows == 1)
        })
    }

    /// Records that a comment was deleted, whichever file posted it.
    pub fn withdrawn(&self, whose: &Whose, parent: &str, comment: &str) -> Result<()> {
        self.write(|db| {
            db.execute(
                "UPDATE entry SET state = 'withdrawn'
                 WHERE server = ?1 AND account = ?2 AND parent = ?3 AND comment = ?4 AND state = 'posted'",
                params![whose.server, whose.account, parent, comment],
            )
        })?;
        Ok(())
    }

    /// Frees a parent whose entry nothing can settle any more; the user confirmed that no answer exists. Returns false
    /// if it is posted or withdrawn, or there is none.
    pub fn release(&self, whose: &Whose, parent: &str) -> Result<bool> {
        let rows = self.write(|db| {
            db.execute(
                "UPDATE entry SET state = 'released'
                 WHERE server = ?1 AND account = ?2 AND parent = ?3
                   AND state IN ('intended', 'uncertain', 'absent')",
                params![whose.server, whose.account, parent],
            )
        })?;
        Ok(rows == 1)
    }

    /// Removes traces of people and texts from entries for these purged comments and posts. That they were answered
    /// stays.
    pub fn forget(&self, names: &[&str]) -> Result<()> {
        self.write(|db| {
            let mut forget = db.prepare_cached(
                "UPDATE entry SET author = '', hash = '' WHERE parent = ?1 OR post = ?1",
            )?;
            for name in names {
                forget.execute([name])?;
            }
            Ok(())
        })
    }

    /// Changes an account's entries from the future to now. Only for a clock that is known to be right.
    pub fn mend_times(&self, whose: &Whose, past_ms: i64, now_ms: i64) -> Result<()> {
        self.write(|db| {
            db.execute(
                "UPDATE entry SET skew_ms = skew_ms + intent_ms - ?4, intent_ms = ?4
                 WHERE server = ?1 AND account = ?2 AND intent_ms > ?3",
                params![whose.server, whose.account, past_ms, now_ms],
            )
        })?;
        Ok(())
    }

    /// Revokes decisions with these seals in every file of this machine.
    pub fn revoke(&self, seals: &[String]) -> Result<()> {
        self.write(|db| {
            let mut revoke =
                db.prepare_cached("INSERT INTO revoked (seal) VALUES (?1) ON CONFLICT DO NOTHING")?;
            for seal in seals {
                revoke.execute([seal])?;
            }
            Ok(())
        })
    }

    /// Pauses posting with an account, in a subreddit, or by an approval (`about`) until a time; a longer pause is
    /// kept.
    pub fn pause(&self, whose: &Whose, about: &str, until_ms: i64) -> Result<()> {
        self.write(|db| {
            db.execute(
                "INSERT INTO pause (server, account, about, until_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (server, account, about) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)",
                params![whose.server, whose.account, about, until_ms],
            )
        })?;
        Ok(())
    }

    /// The pauses of an account: subject and end of each.
    pub fn pauses(&self, whose: &Whose) -> Result<HashMap<String, i64>> {
        self.read(|db| {
            let sql = "SELECT about, until_ms FROM pause WHERE server = ?1 AND account = ?2";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map(params![whose.server, whose.account], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            rows.collect()
        })
    }

    /// Adds the keyed hashes of users and subreddits to a project's opt-outs, or removes them.
    pub fn leave_alone(&self, project: &str, whom: &[String], leave: bool) -> Result<()> {
        let sql = match leave {
            true => "INSERT INTO left_alone (project, who) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            false => "DELETE FROM left_alone WHERE project = ?1 AND who = ?2",
        };
        self.write(|db| {
            let mut query = db.prepare_cached(sql)?;
            for who in whom {
                query.execute([project, who.as_str()])?;
            }
            Ok(())
        })
    }

    /// Stores the user's latest value of a setting in a project (JSON).
    pub fn set_setting(&self, project: &str, key: &str, value: &str) -> Result<()> {
        self.write(|db| {
            db.execute(
                "INSERT INTO setting (project, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (project, key) DO UPDATE SET value = excluded.value",
                [project, key, value],
            )
        })?;
        Ok(())
    }

    /// Moves the entries of a file that was moved or replaced to its successor.
    pub fn inherit(&self, project: &str, old: &str, new: &str, path: &str) -> Result<()> {
        self.write(|db| {
            db.execute(
                "UPDATE entry SET copy = ?3, path = ?4 WHERE project = ?1 AND copy = ?2",
                params![project, old, new, path],
            )
        })?;
        Ok(())
    }
}

/// The ledger for quick queries, without an integrity check. An unreadable one answers like an empty ledger:
/// [`Ledger::open`] reports what is wrong, and nothing is posted without that.
#[derive(Debug)]
pub struct Glance(Option<Connection>);

impl Glance {
    /// Opens the ledger in a folder, if it exists.
    pub fn at(folder: &Path) -> Self {
        let open = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let db = Connection::open_with_flags(folder.join("ledger.sqlite"), flags)?;
            db.busy_timeout(WAIT)?;
            Ok::<_, rusqlite::Error>(db)
        };
        Self(open().ok())
    }

    fn ask(&self, sql: &str, params: &[&str]) -> Option<String> {
        let row = self
            .0
            .as_ref()?
            .query_row(sql, rusqlite::params_from_iter(params), |row| row.get(0));
        row.ok()
    }

    /// Whether a decision with this seal was revoked.
    pub fn is_revoked(&self, seal: &str) -> bool {
        self.ask("SELECT seal FROM revoked WHERE seal = ?1", &[seal])
            .is_some()
    }

    /// Whether a user or subreddit is among a project's opt-outs.
    pub fn is_left_alone(&self, project: &str, who: &str) -> bool {
        let sql = "SELECT who FROM left_alone WHERE project = ?1 AND who = ?2";
        self.ask(sql, &[project, who]).is_some()
    }

    /// The user's latest value of a setting in a project, as JSON.
    pub fn setting(&self, project: &str, key: &str) -> Option<String> {
        let sql = "SELECT value FROM setting WHERE project = ?1 AND key = ?2";
        self.ask(sql, &[project, key])
    }
}

/// Opens a file that only its user can read, creating it if needed.
pub fn private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates a new ledger's tables, or checks an old one. Returns its id, or what is wrong with it.
fn prepare(db: &mut Connection) -> rusqlite::Result<Result<String, String>> {
    const REPAIR: &str =
        "restore a backup, or move it away and check on Reddit yourself what is posted";
    let pragma = |db: &Connection, name: &str| {
        db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
    };
    // FULL: an intent is on disk before anything is sent
    db.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
    )?;
    let version = pragma(db, "user_version")?;
    let tables = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    })?;
    let known = SCHEMA.len() as i64;
    if version > known {
        return Ok(Err(
            "was written by a newer Repartee; update Repartee".to_owned()
        ));
    }
    if tables > 0 && pragma(db, "application_id")? != i64::from(APPLICATION_ID) {
        return Ok(Err(format!("is another program's file; {REPAIR}")));
    }
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    if version < known {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for sql in SCHEMA.iter().skip(usize::try_from(version).unwrap_or(0)) {
            transaction.execute_batch(sql)?;
        }
        let id = uuid::Uuid::now_v7().simple().to_string();
        transaction.execute(
            "INSERT INTO ledger (id) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM ledger)",
            [id],
        )?;
        transaction.execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {known};"
        ))?;
        transaction.commit()?;
    }
    let whole: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if whole != "ok" {
        return Ok(Err(format!("is damaged ({whole}); {REPAIR}")));
    }
    let id: Option<String> = db
        .query_row("SELECT id FROM ledger", [], |row| row.get(0))
        .optional()?;
    Ok(id.ok_or_else(|| format!("is damaged (it has no id); {REPAIR}")))
}

fn refused(path: &Path, error: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode as C;
    let (what, kind) = match error.sqlite_error_code() {
        Some(C::DiskFull) => (
            "cannot be written: the disk is full".to_owned(),
            ErrorKind::Full,
        ),
        Some(C::DatabaseBusy | C::DatabaseLocked) => (
            "is locked by another process; try again when that one is done".to_owned(),
            ErrorKind::Busy,
        ),
        Some(C::ReadOnly | C::CannotOpen | C::PermissionDenied | C::SystemIoFailure) => (
            format!("cannot be written: {error}; check the permissions of the file and its folder"),
            ErrorKind::Io,
        ),
        _ => (
            format!(
                "is damaged: {error}; restore a backup, or move it away and check on Reddit yourself what \
                 is posted"
            ),
            ErrorKind::Damaged,
        ),
    };
    Error {
        path: path.to_owned(),
        what,
        kind,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn whose(account: &str) -> Whose {
        Whose {
            server: "reddit".to_owned(),
            account: account.to_owned(),
        }
    }

    fn entry(copy: &str, state: EntryState) -> Entry {
        Entry {
            parent: "t1_a".to_owned(),
            project: "p".to_owned(),
            copy: copy.to_owned(),
            path: format!("/{copy}"),
            reply: 1,
            attempt: 1,
            hash: "h".to_owned(),
            subreddit: "Place".to_owned(),
            post: "t3_b".to_owned(),
            author: String::new(),
            state,
            intent_ms: 5,
            skew_ms: 0,
            comment: String::new(),
        }
    }

    #[test]
    fn only_one_of_many_concurrent_intents_gets_the_parent() {
        let folder = tempfile::tempdir().unwrap();
        let won: usize = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|n| {
                    let folder = folder.path();
                    scope.spawn(move || {
                        let ledger = Ledger::open(folder).unwrap();
                        let entry = entry(&n.to_string(), EntryState::Intended);
                        usize::from(ledger.intend(&whose("Bot"), &entry).unwrap())
                    })
                })
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(won, 1);
        let ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!(ledger.entries(&whose("bOT")).unwrap().len(), 1);
        // on another server, and for another account, the parent is free
        let other = Whose {
            server: "sandbox 1".to_owned(),
            ..whose("bot")
        };
        for whose in [other, whose("other")] {
            assert!(
                ledger
                    .intend(&whose, &entry("z", EntryState::Intended))
                    .unwrap()
            );
        }
    }

    #[test]
    fn parent_is_free_once_released_but_never_after_withdrawal() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path()).unwrap();
        let bot = whose("bot");
        let set = |copy: &str, state| {
            ledger
                .set(&bot, "t1_a", ("p", copy), 1, (state, "t1_c"))
                .unwrap()
        };
        assert!(
            ledger
                .intend(&bot, &entry("a", EntryState::Intended))
                .unwrap()
        );
        for state in [
            EntryState::Uncertain,
            EntryState::Absent,
            EntryState::Posted,
            EntryState::Withdrawn,
        ] {
            assert!(set("a", state));
            assert!(!set("b", EntryState::Released), "not its own");
            assert!(
                !ledger
                    .intend(&bot, &entry("b", EntryState::Intended))
                    .unwrap()
            );
        }
        assert!(!ledger.release(&bot, "t1_a").unwrap());
        // the same reply of the same file, which the user wants to send again
        assert!(set("a", EntryState::Absent));
        assert!(
            ledger
                .intend(&bot, &entry("a", EntryState::Intended))
                .unwrap()
        );
        assert!(set("a", EntryState::Released));
        assert!(
            ledger
                .intend(&bot, &entry("b", EntryState::Intended))
                .unwrap()
        );
        ledger.inherit("p", "b", "c", "/c").unwrap();
        let now = ledger.entry(&bot, "t1_a").unwrap().unwrap();
        assert_eq!((now.copy.as_str(), now.path.as_str()), ("c", "/c"));
    }

    #[test]
    fn glance_answers_quick_queries_also_after_migrating_a_version_1_ledger() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!Glance::at(folder.path()).is_revoked("s"), "no ledger");
        let path = folder.path().join("ledger.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(&format!(
            "{} INSERT INTO ledger VALUES ('id');
             PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;",
            SCHEMA[0]
        ))
        .unwrap();
        drop(old);
        assert!(!Glance::at(folder.path()).is_revoked("s"), "version 1");
        let ledger = Ledger::open(folder.path()).unwrap();
        assert_eq!(ledger.id(), "id");
        let glance = Glance::at(folder.path());
        ledger.revoke(&["s".to_owned(), "s".to_owned()]).unwrap();
        assert!(glance.is_revoked("s") && !glance.is_revoked("t"));
        for (leave, is_left) in [(true, true), (true, true), (false, false)] {
            ledger.leave_alone("p", &["w".to_owned()], leave).unwrap();
            assert_eq!(glance.is_left_alone("p", "w"), is_left);
            assert!(!glance.is_left_alone("q", "w"));
        }
        for value in ["1", "2"] {
            ledger.set_setting("p", "k", value).unwrap();
            assert_eq!(glance.setting("p", "k").as_deref(), Some(value));
        }
        assert_eq!(glance.setting("q", "k"), None);
        // a shorter pause does not replace a longer one
        for until_ms in [5, 9, 7] {
            ledger.pause(&whose("bot"), "r/x", until_ms).unwrap();
        }
        let pauses = ledger.pauses(&whose("BOT")).unwrap();
        assert_eq!(pauses, HashMap::from([("r/x".to_owned(), 9)]));
        assert!(ledger.pauses(&whose("other")).unwrap().is_empty());
    }

    #[test]
    fn damaged_ledger_is_refused_with_advice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let refused = |what: &str| {
            let error = Ledger::open(folder.path()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Damaged, "{what}: {error}");
            assert!(error.to_string().contains("nothing is posted"), "{error}");
        };
        std::fs::write(&path, vec![7; 5_000]).unwrap();
        refused("no SQLite file");
        std::fs::remove_file(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE x (y)").unwrap();
        drop(other);
        refused("another program's");
        std::fs::remove_file(&path).unwrap();
        let id = Ledger::open(folder.path()).unwrap().id().to_owned();
        assert_eq!(Ledger::open(folder.path()).unwrap().id(), id);
        let mut bytes = std::fs::read(&path).unwrap();
        for byte in &mut bytes[4_096..] {
            *byte ^= 0x5a;
        }
        std::fs::write(&path, bytes).unwrap();
        refused("overwritten pages");
        std::fs::remove_file(&path).unwrap();
        assert_ne!(Ledger::open(folder.path()).unwrap().id(), id, "a new one");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let error = Ledger::open(folder.path()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Io, "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn ledger_files_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path()).unwrap();
        ledger
            .intend(&whose("bot"), &entry("a", EntryState::Intended))
            .unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?}", file.file_name());
        }
    }
}
