//! What leaves the project: pairs as rows, a run's checkpoint as a folder that transformers reads.

use std::path::{Path, PathBuf};

use repartee_datasets::Side;
use repartee_datasets::export::Rows;
use repartee_models::{bert, gpt2};
use repartee_store::marks::Marked;
use repartee_store::pairs::PairQuery;
use repartee_store::runs::{Checkpoint, Run};
use serde_json::json;

use crate::base::{write_folder, write_mark};
use crate::error::{Error, Result};
use crate::evaluate::class_names;
use crate::model::{bert_config, checkpoint_of, gpt2_config};
use crate::run_config::RunKind;
use crate::train::run_kind;
use crate::{Engine, bundle};

impl Engine {
    /// Writes pairs to a `.jsonl` or `.csv` file: all, those of a split, or those of one of its sides.
    /// Gives how many.
    ///
    /// # Errors
    /// [`crate::Code::Usage`] for a side without a split; [`crate::Code::NotFound`]; or when the file
    /// cannot be written.
    pub fn pairs_export(
        &self,
        file: &Path,
        split: Option<&str>,
        side: Option<Side>,
    ) -> Result<u64> {
        const COLUMNS: [&str; 10] = [
            "id",
            "thread",
            "subreddit",
            "title",
            "comment",
            "reply",
            "comment_score",
            "score",
            "created_utc",
            "side",
        ];
        if side.is_some() && split.is_none() {
            return Err(Error::usage(
                "a side is that of a split: name the split too",
            ));
        }
        let split = split.map(|name| self.store.split(name)).transpose()?;
        let failed = |e: std::io::Error| Error::io("write", file, &e);
        let mark = self.study_mark()?;
        let mut rows = Rows::noted(file, &COLUMNS, mark.as_deref()).map_err(failed)?;
        let sides: Vec<Option<Side>> = match (&split, side) {
            (None, _) => vec![None],
            (Some(_), Some(side)) => vec![Some(side)],
            (Some(_), None) => Side::ALL.map(Some).into(),
        };
        let mut written = 0;
        for side in sides {
            let query = PairQuery {
                split_id: split.as_ref().map(|s| s.id),
                side,
                ..PairQuery::default()
            };
            let mut refused = None;
            self.store.for_each_pair(&query, |pair| {
                let row = vec![
                    json!(pair.id.to_string()),
                    json!(pair.thread_id.to_string()),
                    json!(pair.subreddit),
                    json!(pair.title),
                    json!(pair.comment),
                    json!(pair.reply),
                    json!(pair.comment_score),
                    json!(pair.score),
                    json!(pair.created_utc),
                    json!(side.map(Side::name)),
                ];
                written += 1;
                refused = rows.write(row).err();
                refused.is_none()
            })?;
            if let Some(error) = refused {
                return Err(failed(error));
            }
        }
        rows.finish().map_err(failed)?;
        Ok(written)
    }

    /// Writes a run's checkpoint (best, last; none: best) as a folder in Hugging Face layout:
    /// config.json with the names of the classes, model.safetensors, the tokenizer.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; [`crate::Code::Exists`] when the folder holds a model already; or when
    /// it cannot be written.
    pub fn run_export(
        &self,
        run: &str,
        folder: &Path,
        checkpoint: Option<&str>,
    ) -> Result<PathBuf> {
        let run = self.store.run(run)?;
        let checkpoint = checkpoint_of(&self.store, &run, checkpoint)?;
        let base = self.store.base_by_id(checkpoint.base_id)?;
        let (tensors, files) = bundle::get(&self.store, checkpoint.bundle_id)?;
        let json = match run_kind(run.kind) {
            RunKind::Generator => {
                let config: gpt2::Config = gpt2_config(&base)?;
                serde_json::to_string_pretty(&config)
            }
            kind => {
                let mut config: bert::Config = bert_config(&base)?;
                let split = self.store.split_by_id(checkpoint.split_id)?;
                let split = split.ok_or_else(|| Error::internal("the run's split is gone"))?;
                let names = class_names(kind, &split)?;
                config.set_labels(&names.iter().map(String::as_str).collect::<Vec<_>>());
                serde_json::to_string_pretty(&config)
            }
        };
        let json =
            json.map_err(|e| Error::internal(format!("config.json cannot be written: {e}")))?;
        let mark = self.study_mark()?;
        let card = self.card(&run, &checkpoint, &base.name, mark.as_deref())?;
        let json = noted(&json, mark.as_deref())?;
        let json = match self.learned_from_reddit(checkpoint.split_id, &base)? {
            true => with_key(&json, TRAINED_KEY, json!(true))?,
            false => json,
        };
        write_folder(folder, &json, &tensors, &files, &card)?;
        if self.store.is_marked(Marked::Run, checkpoint.run_id)? {
            write_mark(folder, &format!("The model of run {}", checkpoint.run))?;
        }
        Ok(folder.to_owned())
    }

    /// The model card of a run's checkpoint.
    fn card(
        &self,
        run: &Run,
        checkpoint: &Checkpoint,
        base: &str,
        mark: Option<&str>,
    ) -> Result<String> {
        let split = self.store.split_by_id(checkpoint.split_id)?;
        let sources: Vec<String> = self
            .sources()?
            .iter()
            .map(|source| format!("{} ({})", source.name, source.origin))
            .collect();
        let kind = run_kind(run.kind).as_str();
        Ok(card(
            &run.name,
            mark,
            &[
                ("Model", kind.to_owned()),
                ("Base", base.to_owned()),
                ("Split", split.map(|split| split.name).unwrap_or_default()),
                ("Checkpoint", format!("step {}", checkpoint.step)),
                ("Sources of the project", sources.join(", ")),
            ],
        ))
    }
}

/// A model card: README.md of an exported folder.
pub(crate) fn card(name: &str, mark: Option<&str>, facts: &[(&str, String)]) -> String {
    let mut text = format!("# {name}\n");
    if let Some(mark) = mark {
        text.push_str(&format!("\n> **{mark}.**\n"));
    }
    text.push('\n');
    for (what, value) in facts {
        text.push_str(&format!("- {what}: {value}\n"));
    }
    text.push_str(&format!(
        "\nExported by Repartee {}.\n",
        env!("CARGO_PKG_VERSION")
    ));
    text
}

/// The mark's key in an exported config.json; other programs pass over keys that they don't know.
const NOTICE_KEY: &str = "repartee_notice";

/// The key that says of an exported model that it was trained on Reddit content; `base add` reads it, so
/// that a model doesn't lose it on its way through a folder.
const TRAINED_KEY: &str = "repartee_trained_on_reddit";

/// Whether a config.json says so.
pub(crate) fn says_trained(config: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(config)
        .is_ok_and(|config| config[TRAINED_KEY] == json!(true))
}

/// A config.json with the mark in it.
pub(crate) fn noted(config: &str, mark: Option<&str>) -> Result<String> {
    match mark {
        None => Ok(config.to_owned()),
        Some(mark) => with_key(config, NOTICE_KEY, json!(mark)),
    }
}

fn with_key(config: &str, key: &str, said: serde_json::Value) -> Result<String> {
    let failed = |e: serde_json::Error| Error::internal(format!("config.json: {e}"));
    let mut value: serde_json::Value = serde_json::from_str(config).map_err(failed)?;
    if let Some(keys) = value.as_object_mut() {
        keys.insert(key.to_owned(), said);
    }
    serde_json::to_string_pretty(&value).map_err(failed)
}
