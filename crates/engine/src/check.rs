//! Care of the project file: is it whole, what takes the room, giving room back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::import::SourceCounts;
use repartee_store::Store;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::base::ModelConfig;
use crate::error::{Code, Error, Result};
use crate::evaluate::EvaluationConfig;
use crate::fakes::FakesConfig;
use crate::figures::Figures;
use crate::generate::GenerationConfig;
use crate::job::{Progress, is_stale, now_ms};
use crate::reddit::rules::PostingRules;
use crate::reddit::{home, rules, sync};
use crate::splits::{Audit, SplitConfig};

/// What a check of the project file found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Checked {
    /// Whether nothing was found.
    pub whole: bool,
    /// What is not ours in the schema of the file: it may be a stranger's.
    pub schema: Vec<String>,
    /// What SQLite's integrity check says.
    pub integrity: Vec<String>,
    /// Rows that refer to rows that are not there.
    pub references: Vec<String>,
    /// Stored tensors and files whose bytes are not those that were stored.
    pub blobs: Vec<String>,
    /// What is wrong with the index by which pairs are searched.
    pub search: Vec<String>,
    /// Values that cannot be read: no UTF-8, no JSON, unknown words.
    pub rows: Vec<BadValue>,
    /// How many blobs were compared with their hash.
    pub blobs_checked: u64,
    /// How many bytes those have.
    pub bytes_checked: u64,
}

impl Checked {
    /// Whether all that was found is in the schema, which can be repaired.
    pub fn only_schema(&self) -> bool {
        !self.schema.is_empty()
            && self.integrity.is_empty()
            && self.references.is_empty()
            && self.blobs.is_empty()
            && self.search.is_empty()
            && self.rows.is_empty()
    }

    /// Whether a repair takes care of something that was found.
    pub fn is_repairable(&self) -> bool {
        !self.schema.is_empty()
            || !self.search.is_empty()
            || self.rows.iter().any(|value| value.repairable)
    }
}

/// A value of the project that cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BadValue {
    /// Its table.
    pub table: String,
    /// Its row, by the key.
    pub row: String,
    /// Its column.
    pub column: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do.
    pub advice: String,
    /// Whether `repartee check --repair` takes care of it.
    pub repairable: bool,
}

/// What is wrong with a value by what it means to us; none: nothing.
fn judge(table: &str, column: &str, row: &str, text: &str) -> Option<String> {
    fn json<T: DeserializeOwned>(text: &str) -> Option<String> {
        serde_json::from_str::<T>(text)
            .err()
            .map(|error| format!("it cannot be read: {error}"))
    }
    match (table, column) {
        ("setting", "value") => match row {
            rules::KEY => match serde_json::from_str::<PostingRules>(text) {
                Ok(rules) => rules.check().err().map(|error| error.message),
                Err(error) => Some(format!("it cannot be read: {error}")),
            },
            rules::SEAL_KEY | home::PROJECT => json::<String>(text),
            home::HOME => json::<home::Home>(text),
            sync::PLACE => json::<Option<(u8, i64)>>(text),
            "study.strict" => json::<bool>(text),
            key if key.starts_with("steps of ") => json::<BTreeMap<String, String>>(text),
            _ => None,
        },
        // an older run may have settings that we no longer know: only what is no TOML is a fault
        ("run", "config") => toml::from_str::<toml::Table>(text)
            .err()
            .map(|error| format!("it is not TOML: {}", error.message())),
        ("source", "counts") => json::<SourceCounts>(text),
        ("split", "config") => json::<SplitConfig>(text),
        ("split", "audit") => json::<Audit>(text),
        ("base", "config") => ModelConfig::read(text).err().map(|error| error.message),
        ("fake_set", "config") => json::<FakesConfig>(text),
        ("evaluation", "config") => json::<EvaluationConfig>(text),
        ("evaluation", "metrics") => json::<Figures>(text),
        ("generation", "config") => json::<GenerationConfig>(text),
        ("job", "kind") if !crate::kinds::is_known(text) => Some(format!(
            "{text:?} is no kind of job that this version knows"
        )),
        _ => None,
    }
}

/// What repairing the schema of a project file did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Repaired {
    /// The copy that was made before; none: there was nothing to repair.
    pub backup: Option<PathBuf>,
    /// What was foreign and is gone, or was missing or changed and is as it should be.
    pub repaired: Vec<String>,
}

/// What giving room back did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Compacted {
    /// Bytes of the file and its write-ahead log before.
    pub before: u64,
    /// And after.
    pub after: u64,
    /// Bytes of tensors that nothing needed any more.
    pub collected: u64,
}

/// What takes the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Size {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of the write-ahead log beside it.
    pub log: u64,
    /// Bytes within the file that are free; `compact` gives them back.
    pub free: u64,
    /// Each family of tables, the largest first.
    pub families: Vec<Space>,
}

/// The room that a family of tables takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Space {
    /// comments, pairs, splits, weights, ...
    pub family: String,
    /// Bytes of its tables and indexes.
    pub bytes: u64,
    /// Rows of its main table.
    pub rows: u64,
}

/// Removes what is foreign in the schema of a project and restores what is missing, resets settings and words that
/// cannot be read, and builds a broken index again, after a copy was made beside the file.
///
/// # Errors
/// [`Code::ForeignProject`] when it cannot be repaired, and the file is as it was; [`Code::NotFound`],
/// [`Code::NotAProject`].
pub fn repair(project: &Path) -> Result<Repaired> {
    let mut done = Store::repair(project)?;
    let mut repaired: Vec<String> = done.faults.iter().map(ToString::to_string).collect();
    let (backup, more) = Store::open(project)?.repair_rows(&judge, done.backup.is_some())?;
    done.backup = done.backup.or(backup);
    repaired.extend(more);
    if let Some(backup) = &done.backup {
        tracing::warn!(
            "{} was repaired; as it was: {}",
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
    /// Opens a project for [`Engine::check`] alone: whatever is in its schema, nothing of it is run or changed.
    ///
    /// # Errors
    /// As [`Engine::open`], but for [`Code::ForeignProject`] by what is in its schema.
    pub fn open_to_check(path: &Path) -> Result<Self> {
        Ok(Self::over(Store::open_to_check(path)?, path))
    }

    /// Checks the whole project file: its schema against ours, SQLite's integrity check, every reference between rows, and every
    /// tensor and file against its hash. Damage is not an error but part of the answer.
    ///
    /// # Errors
    /// [`Code::Damaged`] when the file is too damaged to be read at all, [`Code::Usage`] when it was
    /// interrupted.
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
                "the check was interrupted; what it found so far is not all",
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

    /// Gives room back: tensors that nothing needs any more go, and the file is rebuilt without its
    /// free pages. Needs as much free disk as the file has.
    ///
    /// # Errors
    /// [`Code::Busy`] while a job runs, here or elsewhere; [`Code::DiskFull`]; the file is then as it was.
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

    /// What takes the room in the project file.
    ///
    /// # Errors
    /// When the file cannot be read.
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
