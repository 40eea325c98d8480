//! What queries read: SQLite's authorizer reports each column while a statement is prepared. Tests compare that with the
//! families of tables that a query of the window declares.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::watch::Family;
use crate::{Result, Store};

/// Columns, each with its table.
pub type Columns = BTreeSet<(String, String)>;

/// The columns that are being recorded; none: nothing is.
#[derive(Default)]
pub(crate) struct Recording(Mutex<Option<Arc<Mutex<Columns>>>>);

impl Recording {
    fn set(&self, columns: Option<Arc<Mutex<Columns>>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = columns;
    }

    /// Records what a connection reads from now on, if anything is being recorded.
    pub(crate) fn follow(&self, connection: &Connection) -> Result<()> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(columns) = current.as_ref().map(Arc::clone) else {
            return Ok(());
        };
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            if let AuthAction::Read {
                table_name,
                column_name,
            } = context.action
            {
                let read = (table_name.to_owned(), column_name.to_owned());
                columns
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(read);
            }
            Authorization::Allow
        }))?;
        Ok(())
    }
}

impl Store {
    /// Does some work, and returns its result with all columns that its queries read. Work of other threads at the same
    /// time counts, too.
    pub fn record_reads<T>(&self, work: impl FnOnce() -> T) -> (T, Columns) {
        let columns = Arc::new(Mutex::new(Columns::new()));
        // fresh connections: a statement that is prepared already is not reported again
        self.reads.set(Some(Arc::clone(&columns)));
        self.readers().clear();
        let done = work();
        self.reads.set(None);
        self.readers().clear();
        let columns = std::mem::take(&mut *columns.lock().unwrap_or_else(PoisonError::into_inner));
        (done, columns)
    }
}

/// The tables of a project, each with the families that announce a change of what it holds. Where there are several,
/// every change is announced by each of them that has a query on the changed rows.
const TABLES: &[(&str, &[Family])] = {
    use Family::{
        Bases, Evaluations, Fakes, Jobs, Outcomes, Pairs, Queue, Reddit, Runs, Settings, Sources,
        Splits, Threads, Throttle,
    };
    const ITEMS: &[Family] = &[Sources, Splits, Bases, Runs, Fakes, Evaluations, Threads];
    &[
        ("setting", &[Settings]),
        ("study_record", &[Settings]),
        ("source", &[Sources]),
        ("rejected", &[Sources]),
        // an import that changes a text or score of a pair announces the pairs, too
        ("post", &[Sources, Pairs]),
        ("comment", &[Sources, Pairs]),
        ("pair", &[Pairs]),
        ("pair_words", &[Pairs]),
        ("excluded_pair", &[Pairs]),
        ("excluded_author", &[Pairs]),
        ("split", &[Splits]),
        ("split_pair", &[Splits]),
        // weights only change with the base or checkpoint that they belong to
        ("blob", &[Bases, Runs]),
        ("chunk", &[Bases, Runs]),
        ("bundle", &[Bases, Runs]),
        ("bundle_part", &[Bases, Runs]),
        ("base", &[Bases]),
        ("run", &[Runs]),
        ("metric", &[Runs]),
        ("run_sample", &[Runs]),
        ("checkpoint", &[Runs]),
        ("quality", &[Runs]),
        ("sweep", &[Runs]),
        ("trial", &[Runs]),
        ("seen", &[Bases, Runs]),
        ("fake_set", &[Fakes]),
        ("fake", &[Fakes]),
        ("evaluation", &[Evaluations]),
        ("prediction", &[Evaluations]),
        ("thread", &[Threads]),
        ("thread_comment", &[Threads]),
        ("generation", &[Threads]),
        ("candidate", &[Threads]),
        ("reply", &[Queue]),
        ("reply_event", &[Queue]),
        ("attempt", &[Queue]),
        ("probe", &[Queue]),
        ("outcome", &[Outcomes]),
        ("account", &[Reddit]),
        ("subreddit", &[Reddit]),
        ("opt_out", &[Reddit]),
        ("purged", &[Reddit, Threads]),
        ("purged_text", &[Reddit, Threads]),
        ("audit", &[Reddit]),
        ("throttle", &[Throttle]),
        ("lease", &[Queue]),
        ("job", &[Jobs]),
        ("job_log", &[Jobs]),
        // what a job skipped is stored before the item that it makes, and is shown with it
        ("left_out", &[Jobs, Fakes, Evaluations, Threads]),
        // of an item: announced with it
        ("label", ITEMS),
        ("tag", ITEMS),
        ("deleting", ITEMS),
        ("deleting_blob", ITEMS),
        ("deleted_content", ITEMS),
    ]
};

/// The families that announce a change of a table; `None`: it is SQLite's own, or the counts of writes.
pub fn families_of(table: &str) -> Option<&'static [Family]> {
    // the search index is stored in several tables
    let table = match table.starts_with("pair_words_") {
        true => "pair_words",
        false => table,
    };
    TABLES
        .iter()
        .find(|(name, _)| *name == table)
        .map(|(_, families)| *families)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_table_has_its_families_and_reads_are_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("a.repartee")).unwrap();
        let tables = |db: &Connection| -> Result<Vec<String>> {
            let sql = "SELECT name FROM sqlite_schema WHERE type = 'table'";
            let mut query = db.prepare(sql)?;
            let names = query.query_map([], |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<Vec<String>>>()?)
        };
        let tables = store.read(tables).unwrap();
        for table in &tables {
            let internal = table.starts_with("sqlite_") || table == "touched";
            assert_eq!(families_of(table).is_none(), internal, "{table}");
        }
        for (table, _) in TABLES {
            assert!(tables.iter().any(|name| name == table), "{table}");
        }
        // also of a statement that was prepared before
        let count = || {
            let sql = "SELECT count(*) FROM run WHERE name = ''";
            store.read(|db| {
                Ok(db
                    .prepare_cached(sql)?
                    .query_row([], |row| row.get::<_, i64>(0))?)
            })
        };
        count().unwrap();
        let (_, columns) = store.record_reads(count);
        assert!(
            columns.contains(&("run".to_owned(), "name".to_owned())),
            "{columns:?}"
        );
        assert_eq!(store.record_reads(|| ()).1, Columns::new());
    }
}
