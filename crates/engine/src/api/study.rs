//! Commands about the permissions of the study.

use std::sync::Arc;

use repartee_core::error::{Error, Result};
use repartee_core::study::Study;
use repartee_datasets::{Origin, StudyKind, StudyRecord};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::app::Nothing;
use super::commands;
use super::project::WithConfig;
use crate::Engine;
use crate::data::import::{Import, SourceInfo};
use crate::data::import_question::ImportQuestion;
use crate::training::run_config::RunConfig;

/// Records of the study.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RecordStudy {
    pub records: Vec<StudyRecord>,
    pub who: String,
}

/// The end of a permission.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct EndStudy {
    pub kind: StudyKind,
    /// May be empty.
    #[serde(default)]
    pub note: String,
    pub who: String,
}

/// Switches strict mode on or off.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct StrictStudy {
    pub on: bool,
    pub who: String,
}

/// Sets where a source's text comes from.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SayOrigin {
    /// Number of the source.
    pub source: i64,
    pub origin: Origin,
    /// The user states that it is not Reddit content: required if it is recorded as that.
    #[serde(default)]
    pub not_reddit: bool,
    pub who: String,
}

/// An import that is about to start.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AskImport {
    pub import: Import,
}

/// Whether a training is refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
pub struct TrainRefusal {
    /// None: it isn't.
    pub refused: Option<Error>,
}

fn refusal(engine: &Engine, config: &RunConfig) -> Result<TrainRefusal> {
    Ok(TrainRefusal {
        refused: engine.train_refusal(config)?,
    })
}

commands!(Arc<Engine> {
    /// The permissions of the study: what is recorded, and what is missing.
    "study" reads [Settings, Sources, Bases] => |engine, _| engine.study(), Nothing => Study;
    /// Adds records; the newest of a kind counts.
    "study.record" => |engine, p| engine.study_record(&p.records, &p.who), RecordStudy => Study;
    /// Ends a permission early.
    "study.end" => |engine, p| engine.study_end(p.kind, &p.note, &p.who), EndStudy => Study;
    /// Switches strict mode: whether training and posting are refused while a permission is missing.
    "study.strict" => |engine, p| engine.study_strict(p.on, &p.who), StrictStudy => Study;
    /// Whether a training with these settings is refused because a permission is missing.
    "study.train" reads [Settings, Sources, Splits, Bases, Fakes] => |engine, p| refusal(engine, &p.config), WithConfig => TrainRefusal;
    /// Sets where the text of a source comes from.
    "source.origin" => |engine, p| engine.source_origin(&p.source.to_string(), p.origin, p.not_reddit, &p.who), SayOrigin => SourceInfo;
    /// What must be answered before an import may start.
    "import.question" reads [Settings, Sources, Bases] => |engine, p| engine.import_question(&p.import), AskImport => ImportQuestion;
});
