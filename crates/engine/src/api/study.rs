//! The commands about the permissions of the study.

use std::sync::Arc;

use repartee_datasets::{Origin, StudyKind, StudyRecord};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::app::Nothing;
use super::commands;
use super::project::WithConfig;
use crate::Engine;
use crate::error::{Error, Result};
use crate::import::{Import, SourceInfo};
use crate::run_config::RunConfig;
use crate::study::{ImportQuestion, Study};

/// Records of the study.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RecordStudy {
    /// What was decided.
    pub records: Vec<StudyRecord>,
    /// Who records it.
    pub who: String,
}

/// The end of a permission.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct EndStudy {
    /// Which permission.
    pub kind: StudyKind,
    /// Why; may be empty.
    #[serde(default)]
    pub note: String,
    /// Who records it.
    pub who: String,
}

/// Strict, on or off.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct StrictStudy {
    /// On.
    pub on: bool,
    /// Who decides it.
    pub who: String,
}

/// Where a source's text comes from.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SayOrigin {
    /// The source, by its number.
    pub source: i64,
    /// Where from.
    pub origin: Origin,
    /// Who says so.
    pub who: String,
}

/// An import that is about to begin.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AskImport {
    /// Its parameters.
    pub import: Import,
}

/// Whether a training is refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
pub struct TrainRefusal {
    /// Why; none: it isn't.
    pub refused: Option<Error>,
}

fn refusal(engine: &Engine, config: &RunConfig) -> Result<TrainRefusal> {
    Ok(TrainRefusal {
        refused: engine.train_refusal(config)?,
    })
}

commands!(Arc<Engine> {
    /// The permissions of the study: what is on record, and what is missing.
    "study" => |engine, _| engine.study(), Nothing => Study;
    /// Adds records; the newest of a kind counts.
    "study.record" => |engine, p| engine.study_record(&p.records, &p.who), RecordStudy => Study;
    /// Ends a permission before its time.
    "study.end" => |engine, p| engine.study_end(p.kind, &p.note, &p.who), EndStudy => Study;
    /// Switches strict on or off: whether training and posting are refused while a permission is missing.
    "study.strict" => |engine, p| engine.study_strict(p.on, &p.who), StrictStudy => Study;
    /// Whether a training with these settings is refused because a permission is missing.
    "study.train" => |engine, p| refusal(engine, &p.config), WithConfig => TrainRefusal;
    /// Says where the text of a source comes from.
    "source.origin" => |engine, p| engine.source_origin(&p.source.to_string(), p.origin, &p.who), SayOrigin => SourceInfo;
    /// What has to be answered before an import may begin.
    "import.question" => |engine, p| engine.import_question(&p.import), AskImport => ImportQuestion;
});
