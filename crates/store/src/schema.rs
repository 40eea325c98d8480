//! Checks that the schema of a project file is ours. A project may be untrusted, and SQLite runs what a schema says: a
//! trigger can swap a text between its approval and its posting, a view can replace a table, a changed CHECK can allow
//! any state. So before anything is written to a file, its schema is compared with that of our own migrations.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use repartee_datasets::private;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use rusqlite_migration::Migrations;

use crate::opened::Opened;
use crate::{Error, MIGRATIONS, Result, Store, beside, is_project, toml_configs, wait_for_lock};

/// Tables that SQLite itself adds (`PRAGMA optimize`): statistics for the planner, which can only make a query slow.
const STATISTICS: [(&str, &str); 2] = [
    ("sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"),
    (
        "sqlite_stat4",
        "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
    ),
];

/// A journal of another process that is creating a project is gone after this.
const JOURNAL_GOES_WITHIN: Duration = Duration::from_secs(1);

/// What is wrong with a schema object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Repartee creates no such object.
    Foreign,
    /// Repartee creates it differently.
    Changed,
    Missing,
}

/// An object of a file's schema that differs from our migrations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub kind: FaultKind,
    /// table, index, view or trigger, or what the file says instead.
    pub what: String,
    pub name: String,
    /// The table that it belongs to.
    pub table: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what, name, table, ..
        } = self;
        // these names are untrusted: quoted, so that each stays on its line
        match self.kind {
            FaultKind::Foreign if name == table => write!(f, "foreign {what} {name:?}"),
            FaultKind::Foreign => write!(f, "foreign {what} {name:?} on {table:?}"),
            FaultKind::Changed => write!(f, "{what} {name:?} was changed"),
            FaultKind::Missing => write!(f, "{what} {name:?} is missing"),
        }
    }
}

/// Result of [`Store::repair`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// The copy made before; none: there was nothing to repair.
    pub backup: Option<PathBuf>,
    /// The faults that were repaired.
    pub faults: Vec<Fault>,
}

/// A schema object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    table: String,
    /// SQL in the file; empty for the indexes that SQLite creates by itself.
    sql: String,
    /// The SQL normalized: independent of blanks, comments, quotes and case.
    plain: String,
}

/// Objects by type and name.
type Schema = BTreeMap<(String, String), Vec<Object>>;

/// Enables SQLite's defenses against hostile files, before the first statement: nothing in the schema may call
/// functions with side effects, only SQLite itself writes the schema or shadow tables, views and (until the schema was
/// compared) triggers do nothing, and the file's claims about its sizes are checked.
pub(crate) fn defend(connection: &Connection) -> Result<()> {
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
    ] {
        connection.set_db_config(setting, on)?;
    }
    for (limit, most) in [
        // the largest values are chunks of weights: at most 64 MiB
        (Limit::SQLITE_LIMIT_LENGTH, 256 << 20),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 16 << 20),
        // VACUUM attaches the file that it writes
        (Limit::SQLITE_LIMIT_ATTACHED, 1),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 8),
    ] {
        connection.set_limit(limit, most)?;
    }
    // SQLite reads the schema with the first statement; no page may be outside of the file's own
    connection.execute_batch("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;")?;
    Ok(())
}

/// Opens a connection to a project, with all defenses enabled.
pub(crate) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let refused = |why: String| Error::Open {
        path: path.to_owned(),
        why,
    };
    // SQLite takes a name like `file:x?mode=memory` as a URI, and `:memory:` as no file: an absolute path is neither
    let absolute = std::path::absolute(path).map_err(|e| refused(e.to_string()))?;
    let connection = Connection::open_with_flags(absolute, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|e| refused(e.to_string()))?;
    connection.busy_handler(Some(wait_for_lock))?;
    defend(&connection)?;
    Ok(connection)
}

/// Checks the files next to a project, which SQLite reads and writes without a question: through a link it would
/// overwrite the link's target, and a rollback journal can name any file to be removed. Repartee leaves no journal (its
/// files use a write-ahead log); another process may have one for a moment while it creates a project.
pub(crate) fn check_beside(path: &Path) -> Result<()> {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    has_one_name(&real)?;
    let fault = |end: &str| {
        let about = std::fs::symlink_metadata(beside(&real, end)).ok()?;
        match about.is_file() {
            false => Some("it is no plain file"),
            true if end == "-journal" && about.len() > 0 => Some("Repartee makes no such journal"),
            true => None,
        }
    };
    for end in ["-wal", "-shm", "-journal"] {
        let begun = Instant::now();
        while let Some(why) = fault(end) {
            if end != "-journal" || begun.elapsed() > JOURNAL_GOES_WITHIN {
                let file = beside(&real, end);
                return Err(Error::Beside { file, why });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    Ok(())
}

/// Refuses a file with several names: SQLite names the log after the file, so each name gets a log of its own, and the
/// two destroy the file (<https://www.sqlite.org/howtocorrupt.html>, 2.5). Symbolic links are resolved before, and do no
/// harm.
#[cfg(unix)]
fn has_one_name(real: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let refused = |why: String| {
        Err(Error::Open {
            path: real.to_owned(),
            why,
        })
    };
    let links = std::fs::symlink_metadata(real).map_or(1, |about| about.nlink());
    if links > 1 {
        return refused(format!(
            "it has {links} names (hard links), and writing under two of them destroys a project. Close it everywhere, \
             then delete the other names, or copy it to a new file and use the copy"
        ));
    }
    // Linux lists what is mounted here: a file can be mounted over another one
    if std::fs::read_to_string("/proc/self/mountinfo").is_ok_and(|list| is_mounted(&list, real)) {
        return refused(
            "it is mounted from another place, and writing at both destroys a project. Mount its folder instead"
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn has_one_name(_real: &Path) -> Result<()> {
    Ok(())
}

/// Whether a path is itself a mount point in a list of mounts: the fifth field of a line, with blanks and backslashes as
/// octal numbers (proc_pid_mountinfo(5)).
#[cfg(unix)]
fn is_mounted(list: &str, path: &Path) -> bool {
    let Some(path) = path.to_str() else {
        return false;
    };
    let escaped: String = path
        .chars()
        .map(|c| match c {
            ' ' | '\t' | '\n' | '\\' => format!("\\{:03o}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    list.lines()
        .any(|line| line.split(' ').nth(4) == Some(escaped.as_str()))
}

/// The differences between a file's schema and ours, with its version, read in one transaction.
pub(crate) fn compare(connection: &Connection) -> Result<(i64, Vec<Fault>)> {
    let transaction = connection.unchecked_transaction()?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let found = read(&transaction)?;
    transaction.finish()?;
    let Some(expected) = expected(version) else {
        return Ok((version, Vec::new())); // newer: reported as another error
    };
    Ok((version, faults(&found, expected)))
}

/// As [`compare`], with an error that names the file.
pub(crate) fn ours(connection: &Connection, path: &Path) -> Result<()> {
    let (version, found) = compare(connection)?;
    let known = MIGRATIONS.len() as i64;
    if version < 0 {
        return Err(Error::NotAProject {
            path: path.to_owned(),
            why: format!("its schema is version {version}"),
        });
    }
    if version > known {
        return Err(Error::Newer {
            path: path.to_owned(),
            found: version,
            known,
        });
    }
    match found.is_empty() {
        true => Ok(()),
        false => Err(Error::Foreign {
            path: path.to_owned(),
            found,
        }),
    }
}

fn faults(found: &Schema, expected: &Schema) -> Vec<Fault> {
    let fault = |kind, (what, name): &(String, String), object: &Object| Fault {
        kind,
        what: what.clone(),
        name: name.clone(),
        table: object.table.clone(),
    };
    let mut faults = Vec::new();
    for (key, objects) in found {
        let allowed = expected.get(key).and_then(|objects| objects.first());
        for (n, object) in objects.iter().enumerate() {
            match allowed {
                Some(ours) if n == 0 => {
                    if (&ours.plain, &ours.table) != (&object.plain, &object.table) {
                        faults.push(fault(FaultKind::Changed, key, object));
                    }
                }
                _ if is_statistics(key, object) => {}
                _ => faults.push(fault(FaultKind::Foreign, key, object)),
            }
        }
    }
    for (key, objects) in expected {
        if let (false, Some(ours)) = (found.contains_key(key), objects.first()) {
            faults.push(fault(FaultKind::Missing, key, ours));
        }
    }
    faults.sort();
    faults
}

fn is_statistics((what, name): &(String, String), object: &Object) -> bool {
    what == "table"
        && STATISTICS
            .iter()
            .any(|(ours, sql)| name == ours && plain(sql) == object.plain)
}

/// The schema of our migrations up to a version; `None`: unknown version.
fn expected(version: i64) -> Option<&'static Schema> {
    static MADE: [OnceLock<Option<Schema>>; MIGRATIONS.len() + 1] =
        [const { OnceLock::new() }; MIGRATIONS.len() + 1];
    let version = usize::try_from(version).ok()?;
    let make = || -> Result<Schema> {
        let mut connection = Connection::open_in_memory()?;
        if version > 0 {
            connection.pragma_update(None, "foreign_keys", false)?;
            toml_configs::register(&connection)?;
            Migrations::from_slice(MIGRATIONS)
                .to_version(&mut connection, version)
                .map_err(Error::Migration)?;
        }
        read(&connection)
    };
    MADE.get(version)?
        .get_or_init(|| match make() {
            Ok(schema) => Some(schema),
            Err(error) => {
                tracing::error!("schema version {version} cannot be created in memory: {error}");
                None
            }
        })
        .as_ref()
}

fn read(connection: &Connection) -> Result<Schema> {
    // in an untrusted file, any value may be anywhere
    let text = |value: ValueRef<'_>| match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(x) => x.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
    };
    let mut schema = Schema::new();
    let mut query =
        connection.prepare("SELECT type, name, tbl_name, sql FROM main.sqlite_schema")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let sql = text(row.get_ref(3)?);
        let key = (text(row.get_ref(0)?), text(row.get_ref(1)?));
        let object = Object {
            table: text(row.get_ref(2)?),
            plain: plain(&sql),
            sql,
        };
        schema.entry(key).or_default().push(object);
    }
    Ok(schema)
}

/// SQL without comments and insignificant blanks, in lower case except for string literals, and without quotes around
/// plain identifiers: `ALTER TABLE ... RENAME` and other versions of SQLite write these differently.
fn plain(sql: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let skipped = if first.is_ascii_whitespace() {
            1
        } else if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or(rest.len(), |end| end + 4)
        } else {
            0
        };
        if skipped > 0 {
            rest = &rest[skipped..];
            continue;
        }
        let (token, length) = match first {
            '\'' | '"' | '`' | '[' => quoted(rest, first),
            _ => {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let length = end.max(first.len_utf8());
                (rest[..length].to_ascii_lowercase(), length)
            }
        };
        if out.ends_with(is_word) && token.starts_with(is_word) {
            out.push(' ');
        }
        out.push_str(&token);
        rest = &rest[length..];
    }
    out
}

/// A quoted token in its normalized form, and its length with quotes: a string stays one, an identifier loses its
/// quotes, unless it would then be read as something else.
fn quoted(sql: &str, quote: char) -> (String, usize) {
    let close = if quote == '[' { ']' } else { quote };
    let mut text = String::new();
    let mut chars = sql.char_indices().skip(1).peekable();
    let mut length = sql.len();
    while let Some((at, c)) = chars.next() {
        if c == close {
            // doubled, it is a literal quote
            if close == ']' || chars.next_if(|(_, next)| *next == close).is_none() {
                length = at + 1;
                break;
            }
        }
        text.push(c);
    }
    let is_plain = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let token = match quote {
        '\'' => format!("'{}'", text.replace('\'', "''")),
        _ if is_plain(&text) => text.to_ascii_lowercase(),
        _ => format!("\"{}\"", text.to_ascii_lowercase().replace('"', "\"\"")),
    };
    (token, length)
}

impl Store {
    /// Opens a project for inspection, whatever its schema contains: nothing in the file is run, changed or migrated.
    /// For [`Store::check`]; other operations on it may fail.
    ///
    /// # Errors
    /// As [`Store::open`], except [`Error::Foreign`].
    pub fn open_to_check(path: &Path) -> Result<Self> {
        let opened = Opened::after(path, || is_project(path))?;
        check_beside(path)?;
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self::over(path, connection, opened))
    }

    /// Removes foreign objects from the schema of a project and restores missing or changed ones of ours, in one
    /// transaction, after making a copy next to the file. The content of foreign tables is removed too; a changed table
    /// of ours cannot be repaired.
    ///
    /// # Errors
    /// [`Error::Unrepairable`], and the file is unchanged; as [`Store::open`].
    pub fn repair(path: &Path) -> Result<Repaired> {
        let _opened = Opened::after(path, || is_project(path))?;
        check_beside(path)?;
        private::narrow(path);
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "foreign_keys", false)?;
        let (version, found) = compare(&connection)?;
        if found.is_empty() {
            return Ok(Repaired::default());
        }
        let refused = |faults: &[Fault], why: &str| Error::Unrepairable {
            path: path.to_owned(),
            why: match faults {
                [] => why.to_owned(),
                faults => format!("{}{why}", listed(faults)),
            },
        };
        let lost: Vec<Fault> = found
            .iter()
            .filter(|fault| fault.what == "table" && fault.kind != FaultKind::Foreign)
            .cloned()
            .collect();
        let Some(expected) = expected(version).filter(|_| lost.is_empty()) else {
            return Err(refused(&lost, ""));
        };
        let backup = back_up(&connection, path, "repair")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let failed = |fault: &Fault, error: &rusqlite::Error| {
            refused(std::slice::from_ref(fault), &format!(": {error}"))
        };
        // triggers and views first: what they depend on is removed last
        let mut found = found;
        found.sort_by_key(|fault| {
            ["trigger", "view", "index", "table"]
                .iter()
                .position(|what| fault.what == *what)
        });
        for fault in found.iter().filter(|f| f.kind != FaultKind::Missing) {
            let what = match fault.what.as_str() {
                known @ ("trigger" | "view" | "index" | "table") => known,
                _ => return Err(refused(std::slice::from_ref(fault), "")),
            };
            let name = fault.name.replace('"', "\"\"");
            transaction
                .execute_batch(&format!("DROP {what} IF EXISTS main.\"{name}\""))
                .map_err(|error| failed(fault, &error))?;
        }
        for fault in found.iter().filter(|f| f.kind != FaultKind::Foreign) {
            let key = (fault.what.clone(), fault.name.clone());
            let sql = expected.get(&key).and_then(|objects| objects.first());
            let sql = sql.map_or("", |object| object.sql.as_str());
            transaction
                .execute_batch(sql)
                .map_err(|error| failed(fault, &error))?;
        }
        let left = faults(&read(&transaction)?, expected);
        if !left.is_empty() {
            return Err(refused(&left, ""));
        }
        transaction.commit()?;
        Ok(Repaired {
            backup: Some(backup),
            faults: found,
        })
    }
}

/// Copies a project to a file next to it, for its owner alone: `p.repartee.before-repair-1` before a `repair`.
pub(crate) fn back_up(connection: &Connection, path: &Path, before: &str) -> Result<PathBuf> {
    let mut n = 1;
    let backup = loop {
        let backup = beside(path, &format!(".before-{before}-{n}"));
        match private::create_new(&backup) {
            // VACUUM INTO fills an empty file, and keeps its mode
            Ok(_) => break backup,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && n < 1000 => n += 1,
            Err(e) => {
                return Err(Error::Open {
                    path: backup,
                    why: e.to_string(),
                });
            }
        }
    };
    // an absolute path is no URI, and one that is not UTF-8 would name another file
    let absolute = std::path::absolute(&backup).ok();
    let copied = match absolute.as_deref().and_then(Path::to_str) {
        Some(file) => connection
            .execute("VACUUM INTO ?1", [file])
            .map_err(|e| e.to_string()),
        None => Err("its path is not UTF-8".to_owned()),
    };
    if let Err(why) = copied {
        let _ = std::fs::remove_file(&backup);
        return Err(Error::NoBackup {
            path: path.to_owned(),
            backup,
            why,
        });
    }
    Ok(backup)
}

/// The first faults of many, in a sentence.
pub(crate) fn listed(faults: &[Fault]) -> String {
    let mut words: Vec<String> = faults.iter().take(5).map(Fault::to_string).collect();
    if faults.len() > 5 {
        words.push(format!("and {} more", faults.len() - 5));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[cfg(unix)]
    #[test]
    fn file_that_is_a_mount_point_is_recognized() {
        let list = "21 1 254:0 / / rw - ext4 /dev/vda rw\n\
                    90 21 254:0 /a.repartee /home/ada/my\\040project rw - ext4 /dev/vda rw\n";
        let is = |path: &str| super::is_mounted(list, std::path::Path::new(path));
        assert!(is("/home/ada/my project"));
        assert!(!is("/home/ada/my") && !is("/a.repartee") && !is("/home"));
    }

    #[test]
    fn sql_is_compared_normalized() {
        for (one, other) in [
            (
                "CREATE TABLE \"reply\" (a  INT)",
                "create table reply(a int)",
            ),
            (
                "CREATE TABLE t (a, -- why\n b)",
                "CREATE TABLE t(a,/* x */b)",
            ),
            ("CREATE TABLE [t] (`a`)", "CREATE TABLE t (a)"),
        ] {
            assert_eq!(plain(one), plain(other));
        }
        for (one, other) in [
            ("CHECK (a IN ('draft'))", "CHECK (a IN ('Draft'))"),
            ("CHECK (a IN ('draft'))", "CHECK (a IN (draft))"),
            ("CHECK (a = 'x--y')", "CHECK (a = 'x')"),
            ("CHECK (a = '/*')", "CHECK (a = '')"),
            ("a b", "ab"),
            ("a b", "\"a b\""),
            ("SELECT \"a\"\"b\"", "SELECT a b"),
            ("x 'a'", "x 'a''"),
        ] {
            assert_ne!(plain(one), plain(other));
        }
    }
}
