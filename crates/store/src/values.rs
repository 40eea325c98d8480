//! Which values are possible: one table of rules. SQLite stores any number in any column, and an editor or a faulty disk
//! can write what no figure, chart or decision may be based on. A rule for a new column is one line. Every CHECK of the
//! schema has a rule here or lists its words (`contents.rs`), so that the row and what to do about it are named; SQLite's
//! own check of them names the table alone.

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::contents::{RowFault, table_columns, value_of};
use crate::pairs::register_thread_of;
use crate::{Error, Result, Store};

/// Rows listed per rule; more are counted.
const LISTED: usize = 10;

/// A value that no version of this program writes.
struct Rule {
    table: &'static str,
    column: String,
    /// The value shown, in SQL; mostly the column.
    value: String,
    /// When it is impossible, in SQL; unknown (NULL) is possible.
    bad: String,
    /// What is wrong with it, after the value: "7.5 is not between 0 and 1".
    what: &'static str,
    /// What to do; empty: as for every other value of the table.
    advice: &'static str,
}

/// Number of classes of a prediction's evaluation; 0 for a generator's.
const CLASSES: &str =
    "(SELECT CASE WHEN json_valid(e.config) THEN json_array_length(e.config, '$.classes') END
    FROM evaluation e WHERE e.id = evaluation_id)";
/// Kind of model of a checkpoint.
const MODEL: &str =
    "(SELECT r.kind FROM checkpoint k JOIN run r ON r.id = k.run_id WHERE k.id = checkpoint_id)";
/// How many of four probabilities are known.
const KNOWN: &str = "(_0 IS NOT NULL) + (_1 IS NOT NULL) + (_2 IS NOT NULL) + (_3 IS NOT NULL)";
const SUM: &str = "coalesce(_0, 0) + coalesce(_1, 0) + coalesce(_2, 0) + coalesce(_3, 0)";
/// Largest distance from 1 of the sum of probabilities: they are f32, and four of them are added.
const OFF: &str = "0.001";

const EVALUATE: &str =
    "evaluate the run again and delete this evaluation, or restore the project from a backup";
pub(crate) const MEASURE: &str = "measure the run again with `repartee quality RUN`";
const GENERATE: &str = "generate again, or restore the project from a backup";
const BUILD: &str = "restore the project from a backup, or import the sources into a new project: a split may have leaked";

const SPLIT: &str =
    "restore the project from a backup, or create a new split and train on that: this one may leak";
const SEEN: &str =
    "restore the project from a backup: a purge may not find what was trained on the deleted text";

/// The numbers of the partitions, of flags, and the form of a date, as the CHECKs of the schema have them.
const PARTITION: &str = "NOT BETWEEN 0 AND 2";
const NO_PARTITION: &str = "is not a partition (0 train, 1 validation, 2 test)";
const FLAG: &str = "NOT IN (0, 1)";
const NO_FLAG: &str = "is neither 0 nor 1";
const DATE: &str = "NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'";

/// Largest score in either direction: a thousand times that of the most popular posts.
const SCORE: &str = "NOT BETWEEN -1000000000 AND 1000000000";
/// 1970 to 2100, in seconds and milliseconds; the end of a permission may be as late as a calendar allows.
const SECONDS: &str = "NOT BETWEEN 0 AND 4102444800";
const MILLISECONDS: &str = "NOT BETWEEN 0 AND 4102444800000";
const UNTIL: &str = "NOT BETWEEN 0 AND 253402300799999";

/// All rules but those for times.
fn rules() -> Vec<Rule> {
    let of = |table, column: &str, bad: &str, what, advice| Rule {
        table,
        column: column.to_owned(),
        value: format!("\"{column}\""),
        bad: format!("\"{column}\" {bad}"),
        what,
        advice,
    };
    let mut rules = Vec::new();
    for (table, p, advice) in [("prediction", "p", EVALUATE), ("candidate", "b", GENERATE)] {
        let named = |sql: &str| sql.replace('_', p);
        for n in 0..4 {
            let column = format!("{p}{n}");
            let bad = "NOT BETWEEN 0 AND 1";
            rules.push(of(table, &column, bad, "is not between 0 and 1", advice));
        }
        let sum = named(SUM);
        rules.push(Rule {
            table,
            column: named("_0 to _3"),
            bad: format!("{} > 1 AND abs({sum} - 1) > {OFF}", named(KNOWN)),
            value: sum,
            what: "is the sum of its probabilities, not 1",
            advice,
        });
    }
    let known = KNOWN.replace('_', "p");
    rules.push(Rule {
        table: "prediction",
        column: "p0 to p3".to_owned(),
        bad: format!("{known} <> {CLASSES} OR {CLASSES} > 0 AND (p0 IS NULL OR p1 IS NULL)"),
        value: known,
        what: "is the number of its probabilities, not one for each class",
        advice: EVALUATE,
    });
    rules.push(Rule {
        table: "candidate",
        column: "b0 to b3".to_owned(),
        value: KNOWN.replace('_', "b"),
        bad: format!("{} NOT IN (0, 4)", KNOWN.replace('_', "b")),
        what: "is the number of its probabilities, not one for each bin",
        advice: GENERATE,
    });
    // rows that refer to one of several tables
    for (table, column, known, what, advice) in [
        (
            "prediction",
            "pair_id and fake_id",
            "(pair_id IS NOT NULL) + (fake_id IS NOT NULL)",
            "is the number of its texts, not 1",
            EVALUATE,
        ),
        (
            "seen",
            "base_id and run_id",
            "(base_id IS NOT NULL) + (run_id IS NOT NULL)",
            "is the number of models that have seen the pairs, not 1",
            SEEN,
        ),
        (
            "deleted_content",
            "base_id to generation_id",
            "(base_id IS NOT NULL) + (run_id IS NOT NULL) + (fake_set_id IS NOT NULL)
                + (evaluation_id IS NOT NULL) + (generation_id IS NOT NULL)",
            "is the number of items that it marks, not 1",
            SEEN,
        ),
    ] {
        rules.push(Rule {
            table,
            column: column.to_owned(),
            value: known.to_owned(),
            bad: format!("{known} <> 1"),
            what,
            advice,
        });
    }
    for (table, column, bad, what, advice) in [
        ("split_pair", "side", PARTITION, NO_PARTITION, SPLIT),
        ("quality", "side", PARTITION, NO_PARTITION, MEASURE),
        ("evaluation", "side", PARTITION, NO_PARTITION, EVALUATE),
        ("seen", "side", PARTITION, NO_PARTITION, SEEN),
        ("candidate", "picked", FLAG, NO_FLAG, GENERATE),
        (
            "pair",
            "fits",
            FLAG,
            NO_FLAG,
            "build the pairs again with `repartee pairs build`, or restore the project from a backup",
        ),
        ("job", "stops_queue", FLAG, NO_FLAG, ""),
        (
            "purged",
            "of_reddit",
            "NOT BETWEEN 0 AND 2",
            "is not one of 0, 1 and 2",
            "",
        ),
        (
            "attempt",
            "class",
            "NOT BETWEEN 1 AND 5",
            "is not a class of answers (1 to 5)",
            "",
        ),
    ] {
        rules.push(of(table, column, bad, what, advice));
    }
    for column in ["date", "until"] {
        let bad = format!("<> '' AND \"{column}\" {DATE}");
        rules.push(of("study_record", column, &bad, "is not a date", ""));
    }
    for (table, column, bad, what, advice) in [
        (
            "prediction",
            "label",
            format!("NOT BETWEEN 0 AND {CLASSES} - 1 OR (label IS NULL) <> ({CLASSES} = 0)"),
            "is not one of its classes",
            EVALUATE,
        ),
        (
            "prediction",
            "nll",
            format!("NOT BETWEEN 0 AND 1e300 OR nll IS NULL AND {CLASSES} = 0"),
            "is not the loss of a text",
            EVALUATE,
        ),
        (
            "prediction",
            "tokens",
            format!("NOT BETWEEN 0 AND 4294967295 OR tokens IS NULL AND {CLASSES} = 0"),
            "is not a number of tokens",
            EVALUATE,
        ),
        // NULL: the loss of a run that diverged
        (
            "metric",
            "value",
            "NOT BETWEEN -1e300 AND 1e300".to_owned(),
            "is not finite",
            "",
        ),
        (
            "metric",
            "step",
            "NOT BETWEEN 0 AND 1000000000000".to_owned(),
            "is not a training step",
            "",
        ),
        (
            "checkpoint",
            "step",
            "NOT BETWEEN 0 AND 1000000000000".to_owned(),
            "is not a training step",
            "",
        ),
        (
            "candidate",
            "p_real",
            "NOT BETWEEN 0 AND 1".to_owned(),
            "is not between 0 and 1",
            GENERATE,
        ),
        (
            "candidate",
            "expected_bin",
            "NOT BETWEEN 0 AND 3".to_owned(),
            "is not between 0 and 3",
            GENERATE,
        ),
        // NULL: undefined, as the AUC of one class
        (
            "quality",
            "figure",
            format!(
                "NOT BETWEEN 0 AND 1e300 OR CASE {MODEL} WHEN 'generator' THEN figure < 1 ELSE figure > 1 END"
            ),
            "is not a perplexity or an AUC",
            MEASURE,
        ),
        (
            "quality",
            "examples",
            "NOT BETWEEN 0 AND 4294967295".to_owned(),
            "is not a number of examples",
            MEASURE,
        ),
        (
            "quality",
            "rate",
            "NOT BETWEEN 1e-9 AND 1e12".to_owned(),
            "is not a speed",
            MEASURE,
        ),
        (
            "trial",
            "loss",
            "NOT BETWEEN 0 AND 1e300".to_owned(),
            "is not a loss",
            "",
        ),
        (
            "trial",
            "step",
            "NOT BETWEEN 0 AND 1000000000000".to_owned(),
            "is not a training step",
            "",
        ),
        (
            "trial",
            "value",
            "NOT BETWEEN -1e300 AND 1e300".to_owned(),
            "is not finite",
            "",
        ),
        (
            "attempt",
            "status",
            "NOT BETWEEN 100 AND 599".to_owned(),
            "is not an HTTP status",
            "",
        ),
        (
            "reply",
            "approved_by",
            "= '' AND state IN ('approved', 'sending')".to_owned(),
            "names nobody, but the reply is approved",
            "reject the reply, or edit it and approve it again",
        ),
        (
            "pair",
            "thread_id",
            "IS NOT NULL AND thread_of(thread_id)
                <> (SELECT thread_of(r.link_id) FROM comment r WHERE r.id = pair.id)"
                .to_owned(),
            "is not the thread of its reply",
            BUILD,
        ),
        (
            "pair",
            "comment_id",
            "<> (SELECT r.parent_id FROM comment r WHERE r.id = pair.id)".to_owned(),
            "is not the comment that its reply answers",
            BUILD,
        ),
    ] {
        rules.push(of(table, column, &bad, what, advice));
    }
    for table in ["post", "comment", "thread", "thread_comment", "outcome"] {
        rules.push(of(table, "score", SCORE, "is not a possible score", ""));
    }
    rules
}

/// When a time is impossible, by the name of its column; `None`: it is no time.
fn time_rule(column: &str) -> Option<(&'static str, &'static str)> {
    match column {
        // a difference
        "skew_ms" => None,
        "expires_ms" => Some((UNTIL, "is not between 1970 and 9999")),
        name if name.ends_with("_ms") => Some((MILLISECONDS, "is not between 1970 and 2100")),
        name if name.ends_with("_utc") => Some((SECONDS, "is not between 1970 and 2100")),
        _ => None,
    }
}

/// The rows that break a rule.
fn broken(
    db: &Connection,
    table: &str,
    key: &[String],
    rule: (&str, &str, &str),
    what: &str,
    advice: &str,
) -> Result<Vec<RowFault>> {
    let (column, value, bad) = rule;
    // names come from the schema and from the rules
    let names: Vec<String> = key.iter().map(|name| format!("\"{name}\"")).collect();
    let from = format!("FROM \"{table}\" WHERE {bad}");
    let mut query = db.prepare(&format!(
        "SELECT {value}, {} {from} LIMIT {}",
        names.join(", "),
        LISTED + 1
    ))?;
    let mut rows = query.query([])?;
    let mut faults = Vec::new();
    while let Some(row) = rows.next()? {
        let mut of = Vec::with_capacity(key.len());
        for (n, name) in key.iter().enumerate() {
            of.push((name.clone(), value_of(row.get_ref(n + 1)?)));
        }
        let value = match value_of(row.get_ref(0)?) {
            Value::Null => "nothing".to_owned(),
            Value::Integer(n) => n.to_string(),
            Value::Real(x) => x.to_string(),
            Value::Text(text) if text.is_empty() => "it".to_owned(),
            Value::Text(text) => format!("{text:?}"),
            Value::Blob(_) => "a value of another type".to_owned(),
        };
        let mut fault = RowFault::new(table, of, column, format!("{value} {what}"));
        if !advice.is_empty() {
            advice.clone_into(&mut fault.advice);
        }
        faults.push(fault);
    }
    if faults.len() > LISTED {
        faults.truncate(LISTED);
        let all: i64 = db.query_row(&format!("SELECT count(*) {from}"), [], |row| row.get(0))?;
        if let Some(last) = faults.last_mut() {
            let more = all - LISTED as i64;
            last.what
                .push_str(&format!(", and so in {more} more rows of {table}"));
        }
    }
    Ok(faults)
}

/// The columns of a table that hold times, and those of its key.
fn columns_of(db: &Connection, table: &str) -> Result<(Vec<String>, Vec<String>)> {
    let (all, key) = table_columns(db, table)?;
    let times = all
        .into_iter()
        .filter(|(name, kind)| kind == "INTEGER" && time_rule(name).is_some())
        .map(|(name, _)| name)
        .collect();
    Ok((times, key))
}

impl Store {
    /// Impossible values of some tables, by table and row.
    ///
    /// # Errors
    /// If the file cannot be read at all.
    pub(crate) fn value_faults(&self, tables: &[(String, String)]) -> Result<Vec<RowFault>> {
        let rules = rules();
        let mut faults = Vec::new();
        let mut note = |found: Result<Vec<RowFault>>| match found {
            Ok(found) => {
                faults.extend(found);
                Ok(())
            }
            // a damaged page, or a column of another name: the other checks report it
            Err(Error::Damaged(_) | Error::Sql(_)) => Ok(()),
            Err(error) => Err(error),
        };
        let threads = match self.threads_of_links() {
            Ok(threads) => std::sync::Arc::new(threads),
            Err(Error::Damaged(_) | Error::Sql(_)) => std::sync::Arc::default(),
            Err(error) => return Err(error),
        };
        for (table, _) in tables {
            let columns = self.read(|db| columns_of(db, table));
            let Ok((times, key)) = columns else {
                note(columns.map(|_| Vec::new()))?;
                continue;
            };
            for column in &times {
                let Some((bad, what)) = time_rule(column) else {
                    continue;
                };
                let value = format!("\"{column}\"");
                let bad = format!("{value} {bad}");
                note(self.read(|db| broken(db, table, &key, (column, &value, &bad), what, "")))?;
            }
            for rule in rules.iter().filter(|rule| rule.table == table) {
                note(self.read(|db| {
                    register_thread_of(db, &threads)?;
                    let sql = (rule.column.as_str(), rule.value.as_str(), rule.bad.as_str());
                    broken(db, table, &key, sql, rule.what, rule.advice)
                }))?;
            }
        }
        Ok(faults)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::evaluations::{NewEvaluation, Prediction, Subject};
    use crate::pairs::PairQuery;
    use crate::quality::{Precision, Quality};
    use crate::runs::Role;
    use crate::tests::{save, with_runs};
    use repartee_datasets::Partition;

    /// SQL: a sweep.
    const SWEEP: &str = "INSERT INTO sweep (id, name, kind, job_id, created_ms) VALUES (1, 'a', 'generator', 'a', 1);";

    /// A project with an evaluation of two classes and one of a generator.
    fn evaluated() -> (tempfile::TempDir, Store) {
        let (dir, store, split_id, runs) = with_runs();
        let pairs = store.pairs(&PairQuery::default(), None, 12).unwrap();
        for (run, config) in [
            (runs[1], r#"{"classes":["fake","real"]}"#),
            (runs[0], r#"{"classes":[]}"#),
        ] {
            let checkpoint_id = save(&store, run, Role::Best, 1, 1);
            let new = NewEvaluation {
                checkpoint_id,
                split_id,
                fake_set_id: None,
                partition: Partition::Test,
                config: config.into(),
                metrics: "{}".into(),
            };
            let two = run == runs[1];
            let all: Vec<Prediction> = pairs
                .iter()
                .map(|pair| Prediction {
                    subject: Subject::Pair(pair.id),
                    label: two.then_some(1),
                    p: [two.then_some(0.25), two.then_some(0.75), None, None],
                    nll: (!two).then_some(12.5),
                    tokens: (!two).then_some(4),
                })
                .collect();
            store.evaluation_insert(&new, &all, 5).unwrap();
            if !two {
                let quality = [Precision::F32, Precision::Int8].map(|precision| Quality {
                    precision,
                    figure: Some(20.0),
                    examples: 12,
                    partition: Partition::Val,
                    rate: 100.0,
                    instructions: "f32 avx2".into(),
                    measured_ms: 5,
                });
                store.quality_set(checkpoint_id, &quality).unwrap();
            }
        }
        (dir, store)
    }

    fn found(store: &Store) -> Vec<RowFault> {
        store.row_faults(&|_, _, _, _| None).unwrap()
    }

    /// A copy that was edited as another program can.
    fn edited(store: &Store, sql: &str) -> Store {
        let copy = store.path().with_extension("copy.repartee");
        let _ = std::fs::remove_file(&copy);
        let to = copy.to_str().unwrap().to_owned();
        store
            .write_bare(|db| Ok(db.execute("VACUUM INTO ?1", [to])?))
            .unwrap();
        let db = Connection::open(&copy).unwrap();
        db.execute_batch(&format!("PRAGMA ignore_check_constraints = ON; {sql}"))
            .unwrap();
        drop(db);
        Store::open(&copy).unwrap()
    }

    fn found_after(store: &Store, sql: &str) -> Vec<RowFault> {
        found(&edited(store, sql))
    }

    #[test]
    fn every_check_of_the_schema_has_a_rule_or_lists_its_words() {
        let (_dir, store) = evaluated();
        let (rules, mut checks) = (rules(), 0);
        for (table, sql) in store.read(crate::contents::tables).unwrap() {
            let words = crate::contents::words_of(&sql);
            for check in sql.split("CHECK (").skip(1) {
                let column: String = check
                    .trim_start_matches('(')
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                let mut of = rules.iter().filter(|rule| rule.table == table);
                assert!(
                    words.contains_key(&column) || of.any(|rule| rule.column.contains(&column)),
                    "{table}.{column}: {check}"
                );
                checks += 1;
            }
        }
        assert!(checks > 25, "{checks}");
    }

    #[test]
    fn every_violated_check_is_found_by_row_and_by_sqlite() {
        let (_dir, store) = evaluated();
        let off = "PRAGMA foreign_keys = OFF;";
        for (sql, table, column, what) in [
            (
                "UPDATE split_pair SET side = 77 WHERE pair_id = 1001".to_owned(),
                "split_pair",
                "side",
                "77 is not a partition (0 train, 1 validation, 2 test)",
            ),
            (
                "UPDATE quality SET side = 3 WHERE precision = 'int8'".to_owned(),
                "quality",
                "side",
                "3 is not a partition (0 train, 1 validation, 2 test)",
            ),
            (
                "UPDATE quality SET precision = 'int9' WHERE precision = 'int8'".to_owned(),
                "quality",
                "precision",
                "\"int9\" is not one of f32, bf16, int8",
            ),
            (
                "UPDATE quality SET precision = '' WHERE precision = 'int8'".to_owned(),
                "quality",
                "precision",
                "\"\" is not one of f32, bf16, int8",
            ),
            (
                format!("{off} {SWEEP} INSERT INTO trial (sweep_id, n, settings, seed, outcome) VALUES (1, 1, '[]', 1, 'odd')"),
                "trial",
                "outcome",
                "\"odd\" is not one of finished, early-stop, stopped, pruned, failed",
            ),
            (
                format!("{off} INSERT INTO sweep (id, name, kind, job_id, created_ms) VALUES (1, 'a', 'oracle', 'a', 1)"),
                "sweep",
                "kind",
                "\"oracle\" is not one of generator, realism, upvotes",
            ),
            (
                "UPDATE evaluation SET side = -1 WHERE id = 1".to_owned(),
                "evaluation",
                "side",
                "-1 is not a partition (0 train, 1 validation, 2 test)",
            ),
            (
                "UPDATE prediction SET pair_id = NULL WHERE evaluation_id = 1 AND n = 3".to_owned(),
                "prediction",
                "pair_id and fake_id",
                "0 is the number of its texts, not 1",
            ),
            (
                "UPDATE pair SET fits = 2 WHERE id = 1001".to_owned(),
                "pair",
                "fits",
                "2 is neither 0 nor 1",
            ),
            (
                "INSERT INTO purged (name, at_ms, why, of_reddit) VALUES ('t1_a', 1, 'deleted', 9)"
                    .to_owned(),
                "purged",
                "of_reddit",
                "9 is not one of 0, 1 and 2",
            ),
            (
                "INSERT INTO job (id, kind, params, state, beat_ms, created_ms, stops_queue)
                 VALUES ('a', 'import', '{}', 'done', 1, 1, 5)"
                    .to_owned(),
                "job",
                "stops_queue",
                "5 is neither 0 nor 1",
            ),
            (
                "INSERT INTO study_record (kind, decision, date, who, at_ms)
                 VALUES ('training', 'granted', 'tomorrow', 'me', 1)"
                    .to_owned(),
                "study_record",
                "date",
                "\"tomorrow\" is not a date",
            ),
            (
                "INSERT INTO seen (run_id, side, ids) VALUES (1, 5, x'')".to_owned(),
                "seen",
                "side",
                "5 is not a partition (0 train, 1 validation, 2 test)",
            ),
            (
                "INSERT INTO seen (side, ids) VALUES (0, x'')".to_owned(),
                "seen",
                "base_id and run_id",
                "0 is the number of models that have seen the pairs, not 1",
            ),
            (
                "INSERT INTO deleted_content (why, first_ms, last_ms) VALUES ('deleted', 1, 1)"
                    .to_owned(),
                "deleted_content",
                "base_id to generation_id",
                "0 is the number of items that it marks, not 1",
            ),
            (
                format!(
                    "{off} INSERT INTO candidate (generation_id, comment_id, n, text, finish, picked)
                     VALUES (1, 1, 0, 'a', 'end', 2)"
                ),
                "candidate",
                "picked",
                "2 is neither 0 nor 1",
            ),
            (
                format!(
                    "{off} INSERT INTO attempt (reply_id, number, started_ms, class)
                     VALUES (1, 1, 1, 9)"
                ),
                "attempt",
                "class",
                "9 is not a class of answers (1 to 5)",
            ),
        ] {
            let check = edited(&store, &sql).check(|_, _| true).unwrap();
            let named = check.rows.iter().find(|fault| {
                fault.table == table && fault.column == column && fault.what == what
            });
            let fault = named.unwrap_or_else(|| panic!("{sql}: {:?}", check.rows));
            assert!(!fault.row.is_empty() && !fault.advice.is_empty());
            assert!(
                check
                    .integrity
                    .iter()
                    .any(|line| line.contains("CHECK") && line.contains(table)),
                "{sql}: {:?}",
                check.integrity
            );
            if table == "quality" {
                assert!(fault.advice.contains("repartee quality RUN"), "{fault:?}");
            }
        }
    }

    #[test]
    fn impossible_values_are_found_and_possible_ones_are_not() {
        let (_dir, store) = evaluated();
        assert_eq!(found(&store), []);
        let realism = "UPDATE prediction SET";
        let of = "WHERE evaluation_id = 1 AND n = 3";
        for (sql, column, what) in [
            (
                format!("{realism} p1 = 7.5, p0 = -6.5 {of}"),
                "p1",
                "7.5 is not between 0 and 1",
            ),
            (
                format!("{realism} p0 = 9e999 {of}"),
                "p0",
                "inf is not between 0 and 1",
            ),
            (
                format!("{realism} p0 = 0.5 {of}"),
                "p0 to p3",
                "1.25 is the sum of its probabilities, not 1",
            ),
            (
                format!("{realism} p0 = NULL {of}"),
                "p0 to p3",
                "1 is the number of its probabilities, not one for each class",
            ),
            (
                format!("{realism} p2 = 0.0 {of}"),
                "p0 to p3",
                "3 is the number of its probabilities, not one for each class",
            ),
            (
                format!("{realism} label = 9 {of}"),
                "label",
                "9 is not one of its classes",
            ),
            (
                format!("{realism} label = NULL {of}"),
                "label",
                "nothing is not one of its classes",
            ),
            (
                "UPDATE prediction SET nll = NULL WHERE evaluation_id = 2 AND n = 3".into(),
                "nll",
                "nothing is not the loss of a text",
            ),
            (
                "UPDATE prediction SET nll = -1.0 WHERE evaluation_id = 2 AND n = 3".into(),
                "nll",
                "-1 is not the loss of a text",
            ),
            (
                "INSERT INTO metric (run_id, name, step, value) VALUES (1, 'loss', 1, 9e999)"
                    .into(),
                "value",
                "inf is not finite",
            ),
            (
                "UPDATE comment SET score = 9223372036854775807 WHERE id = 1001".into(),
                "score",
                "9223372036854775807 is not a possible score",
            ),
            (
                "UPDATE comment SET created_utc = 100000000000000 WHERE id = 1001".into(),
                "created_utc",
                "100000000000000 is not between 1970 and 2100",
            ),
            (
                "UPDATE evaluation SET created_ms = -1 WHERE id = 1".into(),
                "created_ms",
                "-1 is not between 1970 and 2100",
            ),
            (
                "UPDATE quality SET figure = 0.5 WHERE precision = 'int8'".into(),
                "figure",
                "0.5 is not a perplexity or an AUC",
            ),
            (
                "UPDATE quality SET rate = -3.0 WHERE precision = 'f32'".into(),
                "rate",
                "-3 is not a speed",
            ),
            (
                format!(
                    "PRAGMA foreign_keys = OFF; {SWEEP}
                     INSERT INTO trial (sweep_id, n, settings, seed, outcome, loss, step)
                     VALUES (1, 1, '[]', 1, 'finished', -2.5, 5)"
                ),
                "loss",
                "-2.5 is not a loss",
            ),
            (
                "UPDATE pair SET thread_id = 77 WHERE id = 1001".into(),
                "thread_id",
                "77 is not the thread of its reply",
            ),
        ] {
            let found = found_after(&store, &sql);
            let named = found
                .iter()
                .any(|fault| fault.column == column && fault.what == what);
            assert!(named, "{sql}: {found:?}");
            assert!(
                found.iter().all(|fault| !fault.advice.is_empty()
                    && !fault.repairable
                    && !fault.row.is_empty()),
                "{found:?}"
            );
        }
        // what a diverged run stores
        let diverged = "INSERT INTO metric (run_id, name, step, value) VALUES (1, 'loss', 1, NULL)";
        assert_eq!(found_after(&store, diverged), []);
    }

    #[test]
    fn many_rows_of_one_fault_are_counted() {
        let (_dir, store) = evaluated();
        let found = found_after(&store, "UPDATE pair SET thread_id = thread_id + 500");
        assert_eq!(found.len(), LISTED);
        let last = &found[LISTED - 1].what;
        assert!(last.ends_with(", and so in 30 more rows of pair"), "{last}");
    }
}
