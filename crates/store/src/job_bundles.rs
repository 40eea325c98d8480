//! Job bundles: slices of a project, in files with the same schema. A bundle has what some jobs need, under the same
//! ids, so that the jobs run in it as they would in the project; and a result has what they made, without the texts that
//! they were trained on.
//!
//! A slice is copied in one read transaction of the project, so that a purge is in all of it or in none of it. What a row
//! refers to without needing it (the run that wrote the fakes, the weights of its checkpoint) is copied as a row without
//! content.

use std::collections::HashSet;
use std::path::PathBuf;

use repartee_datasets::Partition;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde::de::DeserializeOwned;

use crate::fakes::NewFake;
use crate::marks::{pack, unpack};
use crate::study::STRICT;
use crate::watch::Family;
use crate::words::word;
use crate::{BATCH_ROWS, Error, Result, Store};

/// The setting that makes a file a bundle, with what it contains.
pub const BUNDLE: &str = "bundle";

/// How the settings begin in which a project keeps the bundles that it made; the bundle's id follows.
pub const MADE: &str = "bundle made ";

/// Bytes per write transaction: two chunks of weights.
const BATCH_BYTES: usize = 8 << 20;

/// What of a project goes into a bundle, or of a bundle into a result. Everything is by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    pub jobs: Vec<String>,
    /// Copied with the pairs of `partitions`.
    pub splits: Vec<i64>,
    pub partitions: Vec<Partition>,
    /// Bases whose tokenizer is copied.
    pub bases: Vec<i64>,
    /// Of these, those whose weights are copied, too.
    pub weights_of: Vec<i64>,
    /// Copied with their metrics, their checkpoints and the state to resume from.
    pub runs: Vec<i64>,
    /// Checkpoints of other runs, copied with their weights.
    pub checkpoints: Vec<i64>,
    /// Copied with their fakes.
    pub fake_sets: Vec<i64>,
    /// Permissions of the study, by their numbers.
    pub study: Vec<i64>,
    /// Whether this is the result of the jobs: their states, logs and samples, without the texts of pairs.
    pub is_result: bool,
}

/// Ids as SQL. They are numbers of our own.
fn list(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    ids.join(", ")
}

/// The different ids that a query returns.
fn ids(db: &Connection, sql: &str) -> Result<Vec<i64>> {
    let mut query = db.prepare(sql)?;
    let found: HashSet<i64> = query
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut found: Vec<i64> = found.into_iter().collect();
    found.sort_unstable();
    Ok(found)
}

/// Both lists, each id once.
fn joined(one: &[i64], other: &[i64]) -> Vec<i64> {
    let mut all = [one, other].concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// Copies rows from one project file to another.
struct Copier<'a> {
    from: &'a Connection,
    to: &'a Store,
}

/// Changes the value of a column on its way.
type Change<'a> = &'a dyn Fn(&str, Value) -> Value;

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => 8,
    }
}

impl Copier<'_> {
    /// Copies the rows of a table that a condition selects; those that are there already stay as they are.
    fn rows(&self, family: Family, table: &str, which: &str, change: Change) -> Result<()> {
        let mut query = self
            .from
            .prepare(&format!("SELECT * FROM \"{table}\" WHERE {which}"))?;
        let columns: Vec<String> = query
            .column_names()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let insert = format!(
            "INSERT INTO \"{table}\" (\"{}\") VALUES ({}) ON CONFLICT DO NOTHING",
            columns.join("\", \""),
            vec!["?"; columns.len()].join(", ")
        );
        let mut rows = query.query([])?;
        loop {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            while batch.len() < BATCH_ROWS && bytes < BATCH_BYTES {
                let Some(row) = rows.next()? else { break };
                let mut values = Vec::with_capacity(columns.len());
                for (at, column) in columns.iter().enumerate() {
                    let value = change(column, row.get(at)?);
                    bytes += size(&value);
                    values.push(value);
                }
                batch.push(values);
            }
            if batch.is_empty() {
                return Ok(());
            }
            self.to.write(family, |db| {
                let mut insert = db.prepare_cached(&insert)?;
                for values in &batch {
                    insert.execute(params_from_iter(values))?;
                }
                Ok(())
            })?;
        }
    }

    fn all(&self, family: Family, table: &str, which: &str) -> Result<()> {
        self.rows(family, table, which, &|_, value| value)
    }

    /// Comments without their authors and times, which no model sees; `bare`: without their text, too.
    fn comments(&self, which: &str, bare: bool) -> Result<()> {
        self.all(
            Family::Sources,
            "source",
            &format!("id IN (SELECT source_id FROM comment WHERE {which})"),
        )?;
        self.rows(
            Family::Sources,
            "comment",
            which,
            &|column, value| match column {
                "author" | "created_utc" | "retrieved_utc" => Value::Null,
                "body" if bare => Value::Text(String::new()),
                _ => value,
            },
        )
    }

    /// Pairs, with what they consist of.
    fn pairs(&self, which: &str, bare: bool) -> Result<()> {
        let comments =
            format!("id IN ({which}) OR id IN (SELECT comment_id FROM pair WHERE id IN ({which}))");
        self.comments(&comments, bare)?;
        self.all(Family::Pairs, "pair", &format!("id IN ({which})"))
    }

    /// Sets of tensors: all rows, and of some the bytes.
    fn tensors(&self, bundles: &[i64], whole: &[i64], files: &[i64]) -> Result<()> {
        let parts = format!(
            "(bundle_id IN ({}) OR bundle_id IN ({}) AND dtype IS NULL)",
            list(whole),
            list(files)
        );
        let hashes = format!("hash IN (SELECT hash FROM bundle_part WHERE {parts})");
        let bundles = format!("id IN ({})", list(bundles));
        self.all(Family::Bases, "blob", &hashes)?;
        self.all(Family::Bases, "chunk", &hashes)?;
        self.all(Family::Bases, "bundle", &bundles)?;
        self.all(Family::Bases, "bundle_part", &parts)
    }

    /// What tokenizers were trained on, as far as permissions depend on it: of each source a pair, without its text,
    /// and a pair that is no longer in the project, if there is one.
    fn seen_by_tokenizers(&self, bases: &[i64]) -> Result<()> {
        for base in bases {
            let seen: Option<Vec<u8>> = self
                .from
                .prepare_cached("SELECT ids FROM seen WHERE base_id = ?1")?
                .query_row([base], |row| row.get(0))
                .optional()?;
            let Some(seen) = seen else { continue };
            let mut sources = self.from.prepare_cached(
                "SELECT r.source_id, c.source_id FROM comment r
                 LEFT JOIN pair p ON p.id = r.id LEFT JOIN comment c ON c.id = p.comment_id WHERE r.id = ?1",
            )?;
            let (mut known, mut kept) = (HashSet::new(), Vec::new());
            for pair in unpack(&seen) {
                let of: Option<(i64, Option<i64>)> = sources
                    .query_row([pair], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                if known.insert(of) {
                    kept.push(pair);
                }
            }
            let kept_pairs = list(&kept);
            self.comments(&format!("id IN ({kept_pairs})"), true)?;
            self.pairs(
                &format!("SELECT id FROM pair WHERE id IN ({kept_pairs})"),
                true,
            )?;
            self.to.write(Family::Bases, |db| {
                db.execute(
                    "INSERT INTO seen (base_id, side, ids) VALUES (?1, 0, ?2) ON CONFLICT DO NOTHING",
                    params![base, pack(&kept)],
                )?;
                Ok(())
            })?;
        }
        Ok(())
    }

    fn jobs(&self, slice: &Slice) -> Result<()> {
        for job in &slice.jobs {
            let which = format!("id = '{}'", job.replace('\'', "''"));
            self.rows(Family::Jobs, "job", &which, &|column, value| match column {
                "owner" | "place" => Value::Null,
                "want" => Value::Text("run".to_owned()),
                "stops_queue" | "tries" => Value::Integer(0),
                "state" if !slice.is_result => Value::Text("paused".to_owned()),
                "outcome" | "ended_ms" if !slice.is_result => Value::Null,
                _ => value,
            })?;
            let of_job = format!("job_{which}");
            self.all(Family::Jobs, "left_out", &of_job)?;
            if slice.is_result {
                self.all(Family::Jobs, "job_log", &of_job)?;
            }
        }
        Ok(())
    }

    /// Everything of a slice, parents before children: one list of all tables, in the order of their references.
    fn copy(&self, slice: &Slice) -> Result<()> {
        let (from, wanted) = (self.from, slice);
        let of_runs = format!(
            "SELECT fake_set_id FROM run WHERE id IN ({}) AND fake_set_id IS NOT NULL",
            list(&wanted.runs)
        );
        let sets = joined(&wanted.fake_sets, &ids(from, &of_runs)?);
        let of_sets = format!(
            "SELECT checkpoint_id FROM fake_set WHERE id IN ({})",
            list(&sets)
        );
        let checkpoints = joined(&wanted.checkpoints, &ids(from, &of_sets)?);
        let of_checkpoints = format!(
            "SELECT run_id FROM checkpoint WHERE id IN ({})",
            list(&checkpoints)
        );
        let runs = joined(&wanted.runs, &ids(from, &of_checkpoints)?);
        let of_runs = format!("SELECT base_id FROM run WHERE id IN ({})", list(&runs));
        let bases = joined(&wanted.bases, &ids(from, &of_runs)?);
        let of_both = format!(
            "SELECT split_id FROM run WHERE id IN ({})
             UNION SELECT split_id FROM fake_set WHERE id IN ({})",
            list(&runs),
            list(&sets)
        );
        let splits = joined(&wanted.splits, &ids(from, &of_both)?);
        let pairs = match wanted.is_result {
            false => format!(
                "SELECT pair_id FROM split_pair WHERE split_id IN ({}) AND side IN ({})",
                list(&wanted.splits),
                list(
                    &wanted
                        .partitions
                        .iter()
                        .map(|one| *one as i64)
                        .collect::<Vec<_>>()
                )
            ),
            true => format!(
                "SELECT pair_id FROM fake WHERE fake_set_id IN ({})",
                list(&wanted.fake_sets)
            ),
        };
        self.pairs(&pairs, wanted.is_result)?;
        // an audit quotes texts
        self.rows(
            Family::Splits,
            "split",
            &format!("id IN ({})", list(&splits)),
            &|column, value| match column {
                "audit" => Value::Null,
                _ => value,
            },
        )?;
        if !wanted.is_result {
            let members = format!(
                "split_id IN ({}) AND pair_id IN ({pairs})",
                list(&wanted.splits)
            );
            self.all(Family::Splits, "split_pair", &members)?;
        }
        self.models(wanted, &checkpoints, &bases)?;
        self.jobs(wanted)?;
        self.runs(wanted, &runs, &sets, &checkpoints)?;
        let fakes = format!(
            "fake_set_id IN ({}) AND pair_id IN ({pairs})",
            list(&wanted.fake_sets)
        );
        self.all(Family::Fakes, "fake", &fakes)?;
        if !wanted.is_result {
            self.seen_by_tokenizers(&bases)?;
            self.all(
                Family::Settings,
                "study_record",
                &format!("id IN ({})", list(&wanted.study)),
            )?;
            self.all(Family::Settings, "setting", &format!("key = '{STRICT}'"))?;
        }
        Ok(())
    }

    /// Bases and the tensors of everything.
    fn models(&self, wanted: &Slice, checkpoints: &[i64], bases: &[i64]) -> Result<()> {
        let of_runs = format!("run_id IN ({}) AND role <> 'kept'", list(&wanted.runs));
        let whole = [
            format!(
                "SELECT bundle_id FROM base WHERE id IN ({})",
                list(&wanted.weights_of)
            ),
            format!(
                "SELECT bundle_id FROM checkpoint WHERE id IN ({}) OR {of_runs}",
                list(&wanted.checkpoints)
            ),
            format!(
                "SELECT optimizer_id FROM checkpoint WHERE {of_runs} AND optimizer_id IS NOT NULL"
            ),
        ];
        let files = format!(
            "SELECT bundle_id FROM base WHERE id IN ({})",
            list(&wanted.bases)
        );
        let bare = [
            format!("SELECT bundle_id FROM base WHERE id IN ({})", list(bases)),
            format!(
                "SELECT bundle_id FROM checkpoint WHERE id IN ({})",
                list(checkpoints)
            ),
        ];
        let whole = ids(self.from, &whole.join(" UNION "))?;
        let files = ids(self.from, &files)?;
        let bare = ids(self.from, &bare.join(" UNION "))?;
        self.tensors(&joined(&joined(&whole, &files), &bare), &whole, &files)?;
        self.all(Family::Bases, "base", &format!("id IN ({})", list(bases)))
    }

    /// Runs and sets of fakes. A set refers to a checkpoint, that to its run, and a realism run to its set: generators
    /// come first.
    fn runs(&self, wanted: &Slice, runs: &[i64], sets: &[i64], checkpoints: &[i64]) -> Result<()> {
        let own = list(&wanted.runs);
        // runs that others refer to: without their job
        let others = format!("id IN ({}) AND id NOT IN ({own})", list(runs));
        self.rows(
            Family::Runs,
            "run",
            &others,
            &|column, value| match column {
                "job_id" | "fake_set_id" => Value::Null,
                _ => value,
            },
        )?;
        let others = format!("id IN ({}) AND run_id NOT IN ({own})", list(checkpoints));
        self.rows(
            Family::Runs,
            "checkpoint",
            &others,
            &|column, value| match column {
                "optimizer_id" => Value::Null,
                _ => value,
            },
        )?;
        let of_runs = format!("run_id IN ({own})");
        let of_checkpoints = format!(
            "{of_runs} AND (role <> 'kept' OR id IN ({}))",
            list(checkpoints)
        );
        let writers = "SELECT id FROM run WHERE fake_set_id IS NULL";
        self.all(
            Family::Runs,
            "run",
            &format!("id IN ({own}) AND fake_set_id IS NULL"),
        )?;
        self.all(
            Family::Runs,
            "checkpoint",
            &format!("{of_checkpoints} AND run_id IN ({writers})"),
        )?;
        self.all(
            Family::Fakes,
            "fake_set",
            &format!("id IN ({})", list(sets)),
        )?;
        self.all(Family::Runs, "run", &format!("id IN ({own})"))?;
        self.all(Family::Runs, "checkpoint", &of_checkpoints)?;
        self.all(Family::Runs, "metric", &of_runs)?;
        self.all(Family::Runs, "seen", &of_runs)?;
        if wanted.is_result {
            self.all(Family::Runs, "run_sample", &of_runs)?;
        } else {
            let measured = format!("checkpoint_id IN ({})", list(&wanted.checkpoints));
            self.all(Family::Runs, "quality", &measured)?;
        }
        Ok(())
    }
}

impl Store {
    /// Copies a slice of this project into an empty one.
    pub fn slice_into(&self, to: &Self, slice: &Slice) -> Result<()> {
        self.read(|db| {
            // one transaction: a consistent snapshot
            let db = db.unchecked_transaction()?;
            Copier { from: &db, to }.copy(slice)
        })
    }

    /// Whether this file is a job bundle, or a result of one.
    pub fn is_bundle(&self) -> Result<bool> {
        self.read(|db| {
            let sql = "SELECT EXISTS (SELECT 1 FROM setting WHERE key = ?1)";
            Ok(db
                .prepare_cached(sql)?
                .query_row([BUNDLE], |row| row.get(0))?)
        })
    }

    /// All settings whose keys begin so, by key.
    ///
    /// # Errors
    /// If one does not fit `T`.
    pub fn settings_beginning<T: DeserializeOwned>(&self, beginning: &str) -> Result<Vec<T>> {
        let found: Vec<(String, String)> = self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT key, value FROM setting WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
            )?;
            let rows = query.query_map([beginning], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let read = |(key, json): (String, String)| {
            serde_json::from_str(&json).map_err(|source| Error::Setting { key, source })
        };
        found.into_iter().map(read).collect()
    }

    /// Removes a setting; returns whether it was there.
    pub fn remove_setting(&self, key: &str) -> Result<bool> {
        self.write(Family::Settings, |db| {
            Ok(db.execute("DELETE FROM setting WHERE key = ?1", [key])? == 1)
        })
    }

    /// How many pairs of these splits have lost a text to deletion.
    pub fn lost_pairs(&self, splits: &[i64]) -> Result<u64> {
        self.read(|db| lost(db, splits))
    }

    /// The pairs that a run has seen, for each partition.
    pub fn run_seen(&self, run_id: i64) -> Result<Vec<(Partition, Vec<i64>)>> {
        self.read(|db| {
            let mut query =
                db.prepare_cached("SELECT side, ids FROM seen WHERE run_id = ?1 ORDER BY side")?;
            let mut rows = query.query([run_id])?;
            let mut seen = Vec::new();
            while let Some(row) = rows.next()? {
                let ids = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                if let Some(partition) = Partition::from_number(row.get(0)?) {
                    seen.push((partition, unpack(ids)));
                }
            }
            Ok(seen)
        })
    }

    /// The fakes of a set as they were stored, whatever is known of their pairs, by pair and number.
    pub fn stored_fakes(&self, fake_set_id: i64) -> Result<Vec<NewFake>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT pair_id, n, text, finish FROM fake WHERE fake_set_id = ?1 ORDER BY pair_id, n",
            )?;
            let rows = query.query_map([fake_set_id], |row| {
                Ok(NewFake {
                    pair_id: row.get(0)?,
                    n: row.get(1)?,
                    text: row.get(2)?,
                    finish_reason: word(row, 3, "fake.finish")?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Adds the lines of a job's log that are not there yet: time and text.
    pub fn job_log_add(&self, job: &str, lines: &[(i64, String)]) -> Result<()> {
        for batch in lines.chunks(BATCH_ROWS) {
            self.write(Family::Jobs, |db| {
                let mut insert = db.prepare_cached(
                    "INSERT INTO job_log (job_id, at_ms, text) SELECT ?1, ?2, ?3 WHERE NOT EXISTS
                       (SELECT 1 FROM job_log WHERE job_id = ?1 AND at_ms = ?2 AND text = ?3)",
                )?;
                for (at_ms, text) in batch {
                    insert.execute(params![job, at_ms, text])?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn lost(db: &Connection, splits: &[i64]) -> Result<u64> {
    let sql = format!(
        "SELECT count(*) FROM split_pair s CROSS JOIN pair p ON p.id = s.pair_id
              CROSS JOIN comment r ON r.id = p.id CROSS JOIN comment c ON c.id = p.comment_id
         WHERE s.split_id IN ({}) AND (c.body = '[deleted]' OR r.body = '[deleted]')",
        list(splits)
    );
    let lost: i64 = db.query_row(&sql, [], |row| row.get(0))?;
    Ok(lost.unsigned_abs())
}

/// Where the bundles are that were made with texts deleted since: files, and folders on clusters as NAME:FOLDER.
pub(crate) fn with_deleted_texts(db: &Connection) -> Result<Vec<PathBuf>> {
    let mut query =
        db.prepare("SELECT value FROM setting WHERE substr(key, 1, length(?1)) = ?1")?;
    let made: Vec<String> = query
        .query_map([MADE], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for json in made {
        let Ok(made) = serde_json::from_str::<serde_json::Value>(&json) else {
            continue;
        };
        let splits: Vec<i64> = made["splits"]
            .as_array()
            .map(|ids| ids.iter().filter_map(serde_json::Value::as_i64).collect())
            .unwrap_or_default();
        if lost(db, &splits)? <= made["lost"].as_u64().unwrap_or(0) {
            continue;
        }
        if let Some(path) = made["path"].as_str() {
            found.push(PathBuf::from(path));
        }
        let place = &made["place"];
        if let (Some(cluster), Some(folder)) = (place["cluster"].as_str(), place["folder"].as_str())
        {
            found.push(PathBuf::from(format!("{cluster}:{folder}")));
        }
    }
    Ok(found)
}
