//! Maintenance of the project file: integrity, space used, compaction.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Progress, is_stale, now_ms};
use repartee_posting::setting_fault;
use repartee_store::Store;
use repartee_store::study::REGISTERED;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::bases::base::ModelConfig;
use crate::data::import::SourceCounts;
use crate::data::splits::{Audit, SplitConfig};
use crate::evaluation::evaluate::EvaluationConfig;
use crate::evaluation::figures::Figures;
use crate::generation::fakes::FakesConfig;
use crate::generation::flags;
use crate::generation::generate::GenerationConfig;
use crate::kinds::KINDS;
use crate::registered::Registration;

/// The result of checking the project file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Checked {
    /// Whether nothing was found.
    pub whole: bool,
    /// Foreign objects in the file's schema: it may be untrusted.
    pub schema: Vec<String>,
    /// Output of SQLite's integrity check.
    pub integrity: Vec<String>,
    /// Rows that refer to missing rows.
    pub references: Vec<String>,
    /// Stored tensors and files whose bytes differ from their hash.
    pub blobs: Vec<String>,
    /// Errors in the search index of pairs.
    pub search: Vec<String>,
    /// Values that cannot be read or are impossible: invalid UTF-8 or JSON, unknown words, a probability of 7.5.
    pub rows: Vec<BadValue>,
    /// Number of blobs compared with their hash.
    pub blobs_checked: u64,
    /// Their size in bytes.
    pub bytes_checked: u64,
}

impl Checked {
    /// Whether everything found is in the schema, which can be repaired.
    pub fn only_schema(&self) -> bool {
        !self.schema.is_empty()
            && self.integrity.is_empty()
            && self.references.is_empty()
            && self.blobs.is_empty()
            && self.search.is_empty()
            && self.rows.is_empty()
    }

    /// Whether a repair fixes something that was found.
    pub fn is_repairable(&self) -> bool {
        !self.schema.is_empty()
            || !self.search.is_empty()
            || self.rows.iter().any(|value| value.repairable)
    }
}

/// A value of the project that cannot be read or is impossible.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BadValue {
    pub table: String,
    /// Key of its row.
    pub row: String,
    pub column: String,
    pub what: String,
    pub advice: String,
    /// Whether `repartee check --repair` fixes it.
    pub repairable: bool,
}

/// Checks a value against what it means to us; none: it is fine.
fn judge(table: &str, column: &str, row: &str, text: &str) -> Option<String> {
    fn json<T: DeserializeOwned>(text: &str) -> Option<String> {
        serde_json::from_str::<T>(text)
            .err()
            .map(|error| format!("it cannot be read: {error}"))
    }
    match (table, column) {
        ("setting", "value") => match row {
            "study.strict" => json::<bool>(text),
            REGISTERED => json::<Vec<Registration>>(text),
            key if key.starts_with("steps of ") => json::<BTreeMap<String, String>>(text),
            key if key.starts_with("decoding of ") => json::<BTreeMap<String, f32>>(text),
            key if key.starts_with("quality of ") => json::<BTreeMap<i64, i64>>(text),
            key => setting_fault(key, text),
        },
        // an older run may have settings that no longer exist: only invalid JSON is an error
        ("run", "config") => json::<serde_json::Map<String, serde_json::Value>>(text),
        ("trial", "settings") => json::<Vec<(String, String)>>(text),
        ("source", "counts") => json::<SourceCounts>(text),
        ("split", "config") => json::<SplitConfig>(text),
        ("split", "audit") => json::<Audit>(text),
        ("base", "config") => ModelConfig::read(text).err().map(|error| error.message),
        ("fake_set", "config") => json::<FakesConfig>(text),
        ("evaluation", "config") => json::<EvaluationConfig>(text),
        ("evaluation", "metrics") => match serde_json::from_str::<Figures>(text) {
            Ok(figures) => figures.impossible(),
            Err(error) => Some(format!("it cannot be read: {error}")),
        },
        ("generation", "config") => json::<GenerationConfig>(text),
        ("candidate", "flags") => flags::fault(text),
        ("job", "kind") if !KINDS.iter().any(|kind| kind.name == text) => Some(format!(
            "{text:?} is not a kind of job that this version knows"
        )),
        _ => None,
    }
}

/// The result of repairing a project file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Repaired {
    /// The copy made before; none: there was nothing to repair.
    pub backup: Option<PathBuf>,
    /// What was foreign and removed, or missing or changed and restored.
    pub repaired: Vec<String>,
}

/// The result of compacting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Compacted {
    /// Bytes of the file and its write-ahead log before.
    pub before: u64,
    pub after: u64,
    /// Bytes of tensors that were no longer used.
    pub collected: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Size {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of its write-ahead log.
    pub log: u64,
    /// Free bytes within the file, which `compact` releases.
    pub free: u64,
    /// Families of tables, the largest first.
    pub families: Vec<Space>,
}

/// Space used by a family of tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Space {
    /// comments, pairs, splits, weights, ...
    pub family: String,
    /// Bytes of its tables and indexes.
    pub bytes: u64,
    /// Rows of its main table.
    pub rows: u64,
}

/// Removes foreign objects from a project's schema and restores missing ones, resets settings and values that cannot be
/// read, and rebuilds a broken index, after making a copy next to the file.
///
/// # Errors
/// [`Code::ForeignProject`] if it cannot be repaired; the file is then unchanged. [`Code::NotFound`],
/// [`Code::NotAProject`].
pub fn repair(project: &Path) -> Result<Repaired> {
    let mut done = Store::repair(project)?;
    let mut repaired: Vec<String> = done.faults.iter().map(ToString::to_string).collect();
    let (backup, more) = Store::open(project)?.repair_rows(&judge, done.backup.is_some())?;
    done.backup = done.backup.or(backup);
    repaired.extend(more);
    if let Some(backup) = &done.backup {
        tracing::warn!(
            "{} was repaired; backup: {}",
            project.display(),
            backup.display()
        );
    }
    Ok(Repaired {
        backup: done.backup,
        repaired,
    })
}

impl Engine {
    /// Opens a project for [`Engine::check`] only: whatever its schema contains, nothing of it is run or changed.
    ///
    /// # Errors
    /// As [`Engine::open`], except [`Code::ForeignProject`] for its schema.
    pub fn open_to_check(path: &Path) -> Result<Self> {
        Project::open_to_check(path, KINDS).map(Self::of)
    }

    /// Checks the whole project file: its schema against ours, SQLite's integrity check, every reference between rows,
    /// every value that is text, a probability, a metric, a score or a time, and every tensor and file against its hash. Damage is not an error but part of the result.
    ///
    /// # Errors
    /// [`Code::Damaged`] if the file is too damaged to be read at all, [`Code::Usage`] if it was interrupted.
    pub fn check(&self, on_progress: &dyn Fn(Progress)) -> Result<Checked> {
        on_progress(Progress::new(
            "checking tables and references",
            0,
            None,
            "bytes",
        ));
        let found = self.store.check_judged(&judge, |done, total| {
            on_progress(Progress::new(
                "checking tensors",
                done,
                Some(total),
                "bytes",
            ));
            self.interrupt.presses() == 0
        })?;
        if self.interrupt.presses() > 0 {
            return Err(Error::usage(
                "the check was interrupted; its findings are incomplete",
            ));
        }
        Ok(Checked {
            whole: found.is_whole(),
            schema: found.schema,
            integrity: found.integrity,
            references: found.foreign_keys,
            blobs: found.blobs,
            search: found.search,
            rows: found
                .rows
                .into_iter()
                .map(|fault| BadValue {
                    table: fault.table,
                    row: fault.row,
                    column: fault.column,
                    what: fault.what,
                    advice: fault.advice,
                    repairable: fault.repairable,
                })
                .collect(),
            blobs_checked: found.blobs_checked,
            bytes_checked: found.bytes_checked,
        })
    }

    /// Frees disk space: removes unused tensors and rebuilds the file without its free pages. Needs as much free disk
    /// space as the file's size.
    ///
    /// # Errors
    /// [`Code::Busy`] while a job runs, here or elsewhere; [`Code::DiskFull`]; the file is then unchanged.
    pub fn compact(&self) -> Result<Compacted> {
        use repartee_store::jobs::JobState;
        let now = now_ms();
        let running = self.store.jobs()?.into_iter().find(|job| {
            job.state == JobState::Running && !is_stale(job.owner.as_deref(), job.beat_ms, now)
        });
        if let Some(job) = running {
            return Err(Error::new(
                Code::Busy,
                format!(
                    "job {} ({}) is running; compact the project when it is done, or pause it first",
                    job.id, job.kind
                ),
            ));
        }
        self.store.sweep(&mut |_| self.interrupt.presses() == 0)?;
        let done = self.store.compact()?;
        Ok(Compacted {
            before: done.before,
            after: done.after,
            collected: done.collected,
        })
    }

    /// Space used in the project file.
    pub fn size(&self) -> Result<Size> {
        let size = self.store.size()?;
        let families = size.families.into_iter();
        Ok(Size {
            file: size.file,
            log: size.wal,
            free: size.free,
            families: families
                .map(|space| Space {
                    family: space.family.into(),
                    bytes: space.bytes,
                    rows: space.rows,
                })
                .collect(),
        })
    }
}
