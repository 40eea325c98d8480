//! Checks whether the rows can be read: valid UTF-8, valid JSON, known words, possible values (`values.rs`); and the
//! full-text index. SQLite accepts any bytes as text, and an editor or a faulty disk can write what no list shows any
//! more. Every fault is named by table, row and column, with advice.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use repartee_datasets::source::{Format, Permission};
use repartee_datasets::study::Origin;
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};

use crate::items::ItemKind;
use crate::schema::back_up;
use crate::sources::READING;
use crate::watch::Family;
use crate::{Error, Result, Store};

/// Maximum number of faults listed per table.
const LISTED: usize = 100;

/// Number of pairs looked up in the full-text index.
const LOOKED_UP: i64 = 500;

const JSON: [(&str, &[&str]); 15] = [
    ("setting", &["value"]),
    ("source", &["options", "counts"]),
    ("split", &["config", "audit"]),
    ("bundle_part", &["shape"]),
    ("base", &["config"]),
    ("run", &["facts"]),
    ("checkpoint", &["state"]),
    ("trial", &["settings"]),
    ("fake_set", &["config"]),
    ("evaluation", &["config", "metrics"]),
    ("generation", &["config"]),
    ("candidate", &["flags"]),
    ("job", &["params", "progress", "outcome"]),
    ("account", &["facts"]),
    ("subreddit", &["rules"]),
];

/// Columns whose words neither a CHECK of the schema nor an enum lists, with the words.
const WORDS: [(&str, &str, &[&str]); 3] = [
    (
        "thread",
        "origin",
        &["pasted", "file", "test pairs", "reddit"],
    ),
    (
        "bundle_part",
        "dtype",
        &["f32", "f16", "bf16", "f64", "i64", "u32", "u8"],
    ),
    ("deleted_content", "via", &["", "base", "run", "fakes"]),
];

/// Tables in which invalid UTF-8 is replaced by U+FFFD: texts that were imported, fetched or generated, and logs. Not
/// what the user approved or recorded, which is compared by its hash or seal.
const LOSSY: [&str; 12] = [
    "comment",
    "post",
    "rejected",
    "thread",
    "thread_comment",
    "fake",
    "run_sample",
    "candidate",
    "job_log",
    "left_out",
    "label",
    "source",
];

/// Settings that are not reset: the identity of file and project decides whether it may post.
const KEPT: [&str; 2] = ["project.id", "project.home"];

/// How a value that cannot be read is repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mend {
    /// The row is removed, and the setting has its default.
    Reset,
    Set(String),
}

/// A value that cannot be read, or is impossible.
#[derive(Debug, Clone, PartialEq)]
pub struct RowFault {
    pub table: String,
    /// Key of its row.
    pub row: String,
    pub column: String,
    pub what: String,
    pub advice: String,
    /// Whether a repair fixes it.
    pub repairable: bool,
    mend: Option<Mend>,
    key: Vec<(String, Value)>,
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            table,
            row,
            column,
            what,
            ..
        } = self;
        write!(f, "{table} row {row}, {column}: {what}")
    }
}

/// Returns what is wrong with a value by the rules of the layer above; gets the key of a setting, or of another row.
pub type Judge<'a> = dyn Fn(&str, &str, &str, &str) -> Option<String> + 'a;

/// A column of a table that is checked.
struct Column {
    name: String,
    json: bool,
    words: Vec<String>,
    /// Whether an empty text is allowed next to the words.
    may_be_empty: bool,
}

/// The words that the CHECKs of a table allow in its columns: `CHECK (state IN ('draft', 'approved'))`.
pub(crate) fn words_of(sql: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for part in sql.split("CHECK (").skip(1) {
        let Some((column, rest)) = part.split_once(" IN (") else {
            continue;
        };
        let Some((list, _)) = rest.split_once(')') else {
            continue;
        };
        let is_name = column
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_');
        let words: Option<Vec<String>> = list
            .split(',')
            .map(|word| {
                let word = word.trim().strip_prefix('\'')?.strip_suffix('\'')?;
                Some(word.to_owned())
            })
            .collect();
        if let (true, Some(words)) = (is_name, words) {
            found.insert(column.to_owned(), words);
        }
    }
    found
}

/// Our tables with their SQL, without those of the full-text index.
pub(crate) fn tables(db: &Connection) -> Result<Vec<(String, String)>> {
    let mut query = db.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'
            AND name NOT GLOB 'pair_words*' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
    )?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Integer(n) => n.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    }
}

/// A value of a row, whatever its bytes are.
pub(crate) fn value_of(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Integer(n),
        ValueRef::Real(x) => Value::Real(x),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Blob(bytes.to_vec()),
        },
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

/// A value for a message, shortened.
fn brief(text: &str) -> String {
    const LONG: usize = 80;
    match text.chars().count() > LONG {
        true => format!("{:?}...", text.chars().take(LONG).collect::<String>()),
        false => format!("{text:?}"),
    }
}

fn advice(table: &str, row: &str) -> String {
    let kind = match table {
        "source" | "split" | "base" | "run" | "evaluation" | "generation" => Some(table),
        "fake_set" => Some("fakes"),
        _ => None,
    };
    match (kind, table) {
        (Some(kind), _) => format!(
            "restore the project from a backup, or delete {kind} number {row} and make it again"
        ),
        (None, "setting") => "take the project from a backup".to_owned(),
        (None, "quality") => crate::values::MEASURE.to_owned(),
        _ => "restore the project from a backup; everything else can be used".to_owned(),
    }
}

impl RowFault {
    pub(crate) fn new(table: &str, key: Vec<(String, Value)>, column: &str, what: String) -> Self {
        let row = key
            .iter()
            .map(|(_, value)| shown(value))
            .collect::<Vec<_>>()
            .join(", ");
        Self {
            advice: advice(table, &row),
            table: table.to_owned(),
            row,
            column: column.to_owned(),
            what,
            repairable: false,
            mend: None,
            key,
        }
    }

    fn mended(mut self, mend: Mend, advice: &str) -> Self {
        self.repairable = true;
        self.mend = Some(mend);
        self.advice = format!("`repartee check --repair` {advice}");
        self
    }
}

/// What is wrong with a text; `None`: nothing.
fn fault_of(
    table: &str,
    column: &Column,
    key: &[(String, Value)],
    bytes: &[u8],
    judge: &Judge<'_>,
) -> Option<RowFault> {
    let fault = |what: String| RowFault::new(table, key.to_vec(), &column.name, what);
    let reset = |fault: RowFault, old: &str| {
        let is_kept = KEPT.contains(&fault.row.as_str());
        match (table, column.name.as_str(), fault.row.as_str()) {
            // the stricter of the two
            ("setting", _, crate::study::STRICT) => {
                fault.mended(Mend::Set("true".to_owned()), "sets it to true")
            }
            ("setting", ..) if !is_kept => {
                let advice = format!("resets it to its default; it was {}", brief(old));
                fault.mended(Mend::Reset, &advice)
            }
            ("source", "permission" | "origin", _) => {
                fault.mended(Mend::Set("unknown".to_owned()), "sets it to unknown")
            }
            _ => fault,
        }
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        let lossy = String::from_utf8_lossy(bytes).into_owned();
        let fault = fault("it has bytes that are not UTF-8".to_owned());
        return Some(
            match LOSSY.contains(&table) && !column.json && column.words.is_empty() {
                true => fault.mended(Mend::Set(lossy), "replaces them by U+FFFD"),
                false => reset(fault, &lossy),
            },
        );
    };
    let is_allowed = column.words.is_empty()
        || text.is_empty() && column.may_be_empty
        || column.words.iter().any(|word| word == text);
    if !is_allowed {
        let what = format!("{} is not one of {}", brief(text), column.words.join(", "));
        return Some(reset(fault(what), text));
    }
    if column.json
        && !text.is_empty()
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
    {
        return Some(reset(fault(format!("it is not JSON: {error}")), text));
    }
    let row = key
        .first()
        .map(|(_, value)| shown(value))
        .unwrap_or_default();
    judge(table, &column.name, &row, text).map(|what| reset(fault(what), text))
}

/// The columns of a table with their types, and the names of those of its key.
pub(crate) fn table_columns(
    db: &Connection,
    table: &str,
) -> Result<(Vec<(String, String)>, Vec<String>)> {
    let mut query = db.prepare("SELECT name, type, pk FROM pragma_table_info(?1)")?;
    let all: Vec<(String, String, i64)> = query
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut key: Vec<String> = all
        .iter()
        .filter(|(_, _, pk)| *pk > 0)
        .map(|(name, ..)| name.clone())
        .collect();
    if key.is_empty() {
        key.push("rowid".to_owned());
    }
    let columns = all.into_iter().map(|(name, kind, _)| (name, kind));
    Ok((columns.collect(), key))
}

/// The columns of a table that are checked, and its key columns.
fn columns_of(db: &Connection, table: &str, sql: &str) -> Result<(Vec<Column>, Vec<String>)> {
    let (all, key) = table_columns(db, table)?;
    let mut words = words_of(sql);
    // a CHECK lists the empty text if it allows it
    let never_empty: Vec<String> = words
        .iter()
        .filter(|(_, words)| !words.iter().any(String::is_empty))
        .map(|(column, _)| column.clone())
        .collect();
    for (of, column, known) in WORDS {
        if of == table {
            words.insert(
                column.to_owned(),
                known.iter().map(ToString::to_string).collect(),
            );
        }
    }
    let mut allow = |column: &str, known: Vec<&str>| {
        let known = known.into_iter().map(str::to_owned).collect();
        words.insert(column.to_owned(), known);
    };
    match table {
        "source" => {
            // an import that was interrupted early leaves no format
            let formats = Format::ALL.map(Format::name).into_iter();
            allow("format", formats.chain([READING]).collect());
            allow("permission", Permission::ALL.map(Permission::name).to_vec());
            allow(
                "origin",
                Origin::ALL.iter().map(|origin| origin.name()).collect(),
            );
        }
        "deleting" => allow("kind", ItemKind::ALL.map(ItemKind::as_str).to_vec()),
        _ => {}
    }
    let json = |column: &str| {
        JSON.iter()
            .any(|(of, columns)| *of == table && columns.contains(&column))
    };
    let columns = all
        .into_iter()
        .filter(|(_, kind)| kind == "TEXT")
        .map(|(name, _)| Column {
            json: json(&name),
            words: words.remove(&name).unwrap_or_default(),
            may_be_empty: !never_empty.contains(&name),
            name,
        })
        .collect();
    Ok((columns, key))
}

/// The faults in the rows of a table.
fn faults_of(db: &Connection, table: &str, sql: &str, judge: &Judge<'_>) -> Result<Vec<RowFault>> {
    let (columns, key) = columns_of(db, table, sql)?;
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    // names come from the schema itself; quoted, they are nothing else
    let names: Vec<String> = key
        .iter()
        .chain(columns.iter().map(|column| &column.name))
        .map(|name| format!("\"{name}\""))
        .collect();
    let mut query = db.prepare(&format!("SELECT {} FROM \"{table}\"", names.join(", ")))?;
    let mut rows = query.query([])?;
    let mut faults = Vec::new();
    while let Some(row) = rows.next()? {
        for (n, column) in columns.iter().enumerate() {
            let ValueRef::Text(bytes) = row.get_ref(key.len() + n)? else {
                continue;
            };
            let plain = !column.json && column.words.is_empty();
            // most values are plain text: their key is not even read
            if plain && std::str::from_utf8(bytes).is_ok() && !is_judged(table, &column.name) {
                continue;
            }
            let mut of = Vec::with_capacity(key.len());
            for (n, name) in key.iter().enumerate() {
                of.push((name.clone(), value_of(row.get_ref(n)?)));
            }
            faults.extend(fault_of(table, column, &of, bytes, judge));
            if faults.len() == LISTED {
                return Ok(faults);
            }
        }
    }
    Ok(faults)
}

/// Columns that the layer above checks and that are neither JSON nor words.
fn is_judged(table: &str, column: &str) -> bool {
    matches!((table, column), ("run", "config") | ("job", "kind"))
}

/// Looks up some pairs by one of their words: the index stores no text, so SQLite cannot compare it with its source.
fn lost_words(db: &Connection) -> Result<Option<String>> {
    let mut some = db.prepare(
        "SELECT p.id, c.body, r.body FROM pair_words_docsize d JOIN pair p ON p.id = d.id
                JOIN comment c ON c.id = p.comment_id JOIN comment r ON r.id = p.id
         WHERE d.id % max(1, (SELECT count(*) FROM pair_words_docsize) / ?1) = 0 LIMIT 2 * ?1",
    )?;
    let mut found = db.prepare(
        "SELECT EXISTS (SELECT 1 FROM pair_words WHERE pair_words MATCH ?2 AND rowid = ?1)",
    )?;
    let word = |text: &str| {
        let plain =
            |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
        let words = text.split_ascii_whitespace().find(plain);
        words.map(|word| format!("\"{word}\""))
    };
    // a text that was imported again may have changed since: a few misses are no fault
    let (mut looks, mut missed, mut first) = (0_u32, 0_u32, None);
    let mut rows = some.query([LOOKED_UP])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        for column in [1, 2] {
            let text = row.get_ref(column)?.as_bytes().unwrap_or_default();
            let Some(word) = word(&String::from_utf8_lossy(text)) else {
                continue;
            };
            if !found.query_row((id, &word), |row| row.get::<_, bool>(0))? {
                missed += 1;
                first =
                    first.or_else(|| Some(format!("pair {id} is not found by its word {word}")));
            }
            looks += 1;
        }
    }
    Ok(first.filter(|_| missed > looks / 2))
}

/// What is wrong with the full-text index, on a writing connection; nothing is changed.
fn words_fault(db: &Connection) -> Result<Option<String>> {
    db.execute_batch("SAVEPOINT look")?;
    let found = db
        .execute(
            "INSERT INTO pair_words (pair_words) VALUES ('integrity-check')",
            [],
        )
        .map_err(Error::from)
        .and_then(|_| lost_words(db));
    db.execute_batch("ROLLBACK TO look; RELEASE look")?;
    match found {
        Ok(found) => Ok(found),
        Err(Error::Damaged(what) | Error::Unreadable(what)) => Ok(Some(what)),
        Err(Error::Sql(error)) => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

impl Store {
    /// Values that cannot be read or are impossible, by table and row; `judge` knows what values mean to the layer above.
    ///
    /// # Errors
    /// If the file cannot be read at all.
    pub fn row_faults(&self, judge: &Judge<'_>) -> Result<Vec<RowFault>> {
        let tables = self.read(tables)?;
        let mut faults = Vec::new();
        for (table, sql) in &tables {
            match self.read(|db| faults_of(db, table, sql, judge)) {
                Ok(found) => faults.extend(found),
                // a damaged page, or a column of another name: the other checks report it
                Err(Error::Damaged(_) | Error::Unreadable(_) | Error::Sql(_)) => {}
                Err(error) => return Err(error),
            }
        }
        faults.extend(self.value_faults(&tables)?);
        Ok(faults)
    }

    /// What is wrong with the search index; `None`: nothing, or the project was opened read-only.
    ///
    /// # Errors
    /// If another process is writing.
    pub fn search_fault(&self) -> Result<Option<String>> {
        match self.write_bare(words_fault) {
            Err(Error::ReadOnly(_)) => Ok(None),
            found => found,
        }
    }

    /// Repairs the values that can be repaired, and the full-text index, after making a copy next to the file;
    /// `copied`: there already is one. Returns the copy and what was done.
    ///
    /// # Errors
    /// If no copy can be made, or the file cannot be written; it is then unchanged.
    pub fn repair_rows(
        &self,
        judge: &Judge<'_>,
        copied: bool,
    ) -> Result<(Option<PathBuf>, Vec<String>)> {
        let faults = self.row_faults(judge)?;
        let faults: Vec<&RowFault> = faults.iter().filter(|fault| fault.repairable).collect();
        let search = self.search_fault()?;
        if faults.is_empty() && search.is_none() {
            return Ok((None, Vec::new()));
        }
        let backup = match copied {
            true => None,
            false => Some(self.write_bare(|db| back_up(db, self.path(), "repair"))?),
        };
        let mut done = Vec::new();
        self.write(Family::Settings, |db| {
            for fault in &faults {
                let Some(mend) = &fault.mend else { continue };
                let first = if matches!(mend, Mend::Set(_)) { 2 } else { 1 };
                let is: Vec<String> = (first..)
                    .zip(&fault.key)
                    .map(|(n, (name, _))| format!("\"{name}\" IS ?{n}"))
                    .collect();
                let is = is.join(" AND ");
                let mut values: Vec<Value> = Vec::new();
                let sql = match mend {
                    Mend::Reset => format!("DELETE FROM \"{}\" WHERE {is}", fault.table),
                    Mend::Set(to) => {
                        values.push(Value::Text(to.clone()));
                        format!(
                            "UPDATE \"{}\" SET \"{}\" = ?1 WHERE {is}",
                            fault.table, fault.column
                        )
                    }
                };
                values.extend(fault.key.iter().map(|(_, value)| value.clone()));
                db.execute(&sql, rusqlite::params_from_iter(values))?;
                let how = fault.advice.replace("`repartee check --repair` ", "");
                done.push(format!("{fault}; this {how}"));
            }
            for family in Family::ALL {
                crate::watch::touch(db, family)?;
            }
            Ok(())
        })?;
        if let Some(what) = search {
            self.rebuild_words()?;
            done.push(format!(
                "the search index was rebuilt; it was broken: {what}"
            ));
        }
        Ok((backup, done))
    }

    /// Rebuilds the full-text index.
    fn rebuild_words(&self) -> Result<()> {
        let emptied = self.write(Family::Pairs, |db| {
            Ok(db.execute(
                "INSERT INTO pair_words (pair_words) VALUES ('delete-all')",
                [],
            )?)
        });
        if emptied.is_err() || self.search_fault()?.is_some() {
            self.write(Family::Pairs, |db| {
                let sql: String = db.query_row(
                    "SELECT sql FROM sqlite_schema WHERE name = 'pair_words'",
                    [],
                    |row| row.get(0),
                )?;
                db.execute_batch(&format!("DROP TABLE pair_words; {sql};"))?;
                Ok(())
            })?;
        }
        self.pairs_index(|_| true)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{filled, with_runs};

    /// Edits a project as another program can: without our checks.
    fn edit(store: &Store, sql: &str) {
        let db = Connection::open(store.path()).unwrap();
        db.execute_batch(&format!(
            "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; {sql}"
        ))
        .unwrap();
    }

    #[test]
    fn words_of_a_check_constraint_are_found() {
        let sql = "CREATE TABLE a (x TEXT CHECK (x IN ('a', 'b')), n INTEGER CHECK (n IN (0, 1)), \
                   y TEXT CHECK (y = '' OR y GLOB 'x'))";
        let words = words_of(sql);
        assert_eq!(words.keys().collect::<Vec<_>>(), ["x"]);
        assert_eq!(words["x"], ["a", "b"]);
    }

    #[test]
    fn unreadable_values_are_named_and_repaired_if_nothing_is_lost() {
        let (_dir, store, ..) = with_runs();
        assert_eq!(store.row_faults(&|_, _, _, _| None).unwrap(), []);
        let comment: i64 = store
            .read(|db| Ok(db.query_row("SELECT min(id) FROM comment", [], |row| row.get(0))?))
            .unwrap();
        edit(
            &store,
            &format!(
                "UPDATE comment SET body = CAST(X'61FF62' AS TEXT) WHERE id = {comment};
                 UPDATE source SET permission = 'yes', format = 'papyrus';
                 UPDATE run SET kind = 'oracle' WHERE id = (SELECT min(id) FROM run);
                 UPDATE split SET config = '{{broken';
                 INSERT INTO setting (key, value) VALUES ('reddit', 'no JSON'), ('project.home', '{{');"
            ),
        );
        let judge = |table: &str, column: &str, row: &str, _: &str| {
            (table == "run" && column == "facts").then(|| format!("judged {row}"))
        };
        let found = store.row_faults(&judge).unwrap();
        let named = |table: &str, column: &str| {
            let mut of = found
                .iter()
                .filter(|f| f.table == table && f.column == column);
            of.next()
                .unwrap_or_else(|| panic!("{table}.{column}: {found:?}"))
        };
        assert!(
            named("comment", "body")
                .to_string()
                .starts_with(&format!("comment row {comment}, body: "))
        );
        for (table, column, repairable) in [
            ("comment", "body", true),
            ("source", "permission", true),
            ("source", "format", false),
            ("run", "kind", false),
            ("run", "facts", false),
            ("split", "config", false),
            ("setting", "value", false),
        ] {
            let fault = named(table, column);
            assert_eq!(fault.repairable, repairable, "{fault:?}");
            assert!(!fault.advice.is_empty());
        }
        let (backup, done) = store.repair_rows(&judge, false).unwrap();
        assert!(backup.unwrap().exists());
        assert_eq!(done.len(), 3, "{done:?}");
        assert!(
            done.iter().any(|line| line.contains("no JSON")),
            "the old value is named: {done:?}"
        );
        assert_eq!(store.comment(comment).unwrap().unwrap().body, "a\u{fffd}b");
        assert_eq!(store.setting::<i64>("reddit").unwrap(), None);
        let left = store.row_faults(&|_, _, _, _| None).unwrap();
        assert!(left.iter().all(|fault| !fault.repairable), "{left:?}");
        assert!(left.iter().any(|fault| fault.row == "project.home"));
        assert!(!store.check(|_, _| true).unwrap().is_whole());
    }

    #[test]
    fn broken_full_text_index_is_found_and_rebuilt() {
        let (_dir, store) = filled(60);
        store.pairs_index(|_| true).unwrap();
        assert_eq!(store.search_fault().unwrap(), None);
        for sql in [
            "UPDATE pair_words_data SET block = zeroblob(8) WHERE id > 10",
            "DELETE FROM pair_words_data WHERE id > 10",
            "DELETE FROM pair_words_data",
        ] {
            edit(&store, sql);
            // what was read before is forgotten
            let store = Store::open(store.path()).unwrap();
            let check = store.check(|_, _| true).unwrap();
            assert!(!check.is_whole(), "{sql}");
            assert!(
                !check.search.is_empty() || !check.integrity.is_empty(),
                "{sql}: {check:?}"
            );
            let (_, done) = store.repair_rows(&|_, _, _, _| None, true).unwrap();
            assert_eq!(done.len(), 1, "{sql}: {done:?}");
            let check = store.check(|_, _| true).unwrap();
            assert!(check.is_whole(), "{sql}: {check:?}");
            let found: i64 = store
                .read(|db| {
                    let sql = "SELECT count(*) FROM pair_words WHERE pair_words MATCH 'question'";
                    Ok(db.query_row(sql, [], |row| row.get(0))?)
                })
                .unwrap();
            assert_eq!(found, 60, "{sql}");
        }
    }
}
