//! Exports: pairs as rows, a run's checkpoint as a folder for transformers.

use std::path::{Path, PathBuf};

use repartee_core::error::{Error, Result};
use repartee_datasets::Partition;
use repartee_datasets::export::Rows;
use repartee_models::text::END;
use repartee_models::{bert, gpt2};
use repartee_store::bases::Base;
use repartee_store::evaluations::Subject;
use repartee_store::marks::Marked;
use repartee_store::pairs::PairQuery;
use repartee_store::runs::{Checkpoint, Run};
use serde_json::json;

use crate::bases::base::{write_folder, write_mark};
use crate::bases::card::{INPUT_KEY, card, noted, trained, with_key};
use crate::data::examples;
use crate::evaluation::evaluate::{class_names, sound};
use crate::evaluation::figures::Predictions;
use crate::job::from_json;
use crate::training::model::{bert_config, checkpoint_of, generator_template, gpt2_config};
use crate::training::run_config::{ModelKind, RunConfig};
use crate::{Engine, bases::bundle};

/// Predictions read at a time.
const PREDICTIONS_AT_ONCE: usize = 1000;

impl Engine {
    /// Writes pairs to a `.jsonl` or `.csv` file: all that are not excluded, those of a split, or those of one of its
    /// partitions. Those of a split have their upvote bin. Returns their number.
    ///
    /// # Errors
    /// [`crate::Code::Usage`] for a partition without a split; [`crate::Code::NotFound`]; or if the file cannot be
    /// written.
    pub fn pairs_export(
        &self,
        file: &Path,
        split: Option<&str>,
        partition: Option<Partition>,
    ) -> Result<u64> {
        const COLUMNS: [&str; 11] = [
            "id",
            "thread",
            "subreddit",
            "title",
            "comment",
            "reply",
            "comment_score",
            "score",
            "created_utc",
            "partition",
            "bin",
        ];
        if partition.is_some() && split.is_none() {
            return Err(Error::usage("a set belongs to a split: name the split too"));
        }
        let split = split.map(|name| self.store.split(name)).transpose()?;
        // a split whose training set has no score has no bins
        let edges = split.as_ref().and_then(|split| examples::edges(split).ok());
        let failed = |e: std::io::Error| Error::io("write", file, &e);
        let mark = self.study_mark()?;
        let mut rows = Rows::noted(file, &COLUMNS, mark.as_deref()).map_err(failed)?;
        let partitions: Vec<Option<Partition>> = match (&split, partition) {
            (None, _) => vec![None],
            (Some(_), Some(partition)) => vec![Some(partition)],
            (Some(_), None) => Partition::ALL.map(Some).into(),
        };
        let mut written = 0;
        for partition in partitions {
            let query = PairQuery {
                split_id: split.as_ref().map(|s| s.id),
                partition,
                // a split is locked: it keeps pairs that were excluded after it was made
                excluded: split.is_none().then_some(false),
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
                    json!(partition.map(Partition::name)),
                    json!(edges.zip(pair.score).map(|(edges, score)| edges.bin(score))),
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

    /// Writes every prediction of an evaluation (as [`Engine::evaluation_of`] names it) to a `.jsonl` or `.csv` file:
    /// the texts, the true and the predicted class, the probability of each class, the partition and the thread; for a
    /// generator the negative log-likelihood and the tokens. Returns their number.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; or if the file cannot be written.
    pub fn predictions_export(&self, what: &str, file: &Path) -> Result<u64> {
        let evaluation = self.evaluation_of(what)?;
        let (classes, config) = (&evaluation.config.classes, &evaluation.config);
        let threshold = config.threshold.unwrap_or(0.5);
        let mut columns = vec![
            "evaluation".to_owned(),
            "run".to_owned(),
            "partition".to_owned(),
            "thread".to_owned(),
            "pair".to_owned(),
            "fake".to_owned(),
            "comment".to_owned(),
            "text".to_owned(),
        ];
        match classes.len() {
            0 => columns.extend(["nll".to_owned(), "tokens".to_owned()]),
            n => {
                columns.extend(
                    ["label", "label_name", "predicted", "predicted_name"].map(String::from),
                );
                columns.extend((0..n).map(|class| format!("p_{class}")));
            }
        }
        let failed = |e: std::io::Error| Error::io("write", file, &e);
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mark = self.study_mark()?;
        let mut rows = Rows::noted(file, &names, mark.as_deref()).map_err(failed)?;
        let (mut from, mut written) = (0, 0);
        loop {
            let page = self
                .store
                .predicted(evaluation.id, from, PREDICTIONS_AT_ONCE)?;
            let Some(last) = page.last() else { break };
            from = last.n + 1;
            for one in &page {
                let p = &one.prediction;
                let fake = match p.subject {
                    Subject::Fake(id) => Some(id),
                    Subject::Pair(_) => None,
                };
                let mut row = vec![
                    json!(evaluation.id),
                    json!(evaluation.run),
                    json!(evaluation.partition.name()),
                    json!(one.thread_id.to_string()),
                    json!(one.pair_id.to_string()),
                    json!(fake),
                    json!(one.comment),
                    json!(one.reply),
                ];
                if classes.is_empty() {
                    row.extend([json!(p.nll), json!(p.tokens)]);
                } else {
                    let (label, p) = sound(evaluation.id, one.n, p, classes.len())?;
                    let known = Predictions {
                        classes: classes.len(),
                        labels: vec![label],
                        p,
                    };
                    let called = known.called(threshold).first().copied();
                    let label = Some(label);
                    let name = |class: Option<usize>| class.and_then(|class| classes.get(class));
                    row.extend([
                        json!(label),
                        json!(name(label)),
                        json!(called),
                        json!(name(called)),
                    ]);
                    row.extend(known.p.iter().map(|p| json!(p)));
                }
                rows.write(row).map_err(failed)?;
                written += 1;
            }
        }
        rows.finish().map_err(failed)?;
        Ok(written)
    }

    /// Writes a run's checkpoint (best, last; none: best) as a folder in Hugging Face layout: config.json with the
    /// names of the classes, model.safetensors, the tokenizer.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; [`crate::Code::Exists`] if the folder already contains a model; or if it cannot be
    /// written.
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
        let json = match run.kind {
            ModelKind::Generator => {
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
        let input = input_of(&run, &base)?;
        let card = self.card(&run, &checkpoint, &base.name, &input, mark.as_deref())?;
        let json = noted(&json, mark.as_deref())?;
        let json = with_key(&json, INPUT_KEY, input.config())?;
        let learned = self.learned_from_reddit(checkpoint.split_id, &base)?
            || self.writer_learned_from_reddit(&run)?;
        let json = match learned {
            true => trained(&json)?,
            false => json,
        };
        write_folder(folder, &json, &tensors, &files, &card)?;
        if self.store.is_marked(Marked::Run, checkpoint.run_id)? {
            write_mark(folder, &format!("The model of run {}", checkpoint.run))?;
        }
        Ok(folder.to_owned())
    }

    /// Whether the generator whose fakes a realism run was trained on has learned from Reddit content.
    pub(crate) fn writer_learned_from_reddit(&self, run: &Run) -> Result<bool> {
        let mut sets = self.store.fake_sets()?.into_iter();
        let Some(fakes) = sets.find(|set| Some(set.id) == run.fake_set_id) else {
            return Ok(false);
        };
        let writer = self.store.checkpoint_by_id(fakes.checkpoint_id)?;
        let base = self.store.base_by_id(writer.base_id)?;
        self.learned_from_reddit(writer.split_id, &base)
    }

    /// The model card of a run's checkpoint.
    fn card(
        &self,
        run: &Run,
        checkpoint: &Checkpoint,
        base: &str,
        input: &Input,
        mark: Option<&str>,
    ) -> Result<String> {
        let split = self.store.split_by_id(checkpoint.split_id)?;
        let sources: Vec<String> = self
            .sources()?
            .iter()
            .map(|source| format!("{} ({})", source.name, source.origin))
            .collect();
        let kind = run.kind.as_str();
        Ok(card(
            &run.name,
            mark,
            &[
                ("Model", kind.to_owned()),
                ("Base", base.to_owned()),
                ("Split", split.map(|split| split.name).unwrap_or_default()),
                ("Checkpoint", format!("step {}", checkpoint.step)),
                ("Template", format!("`{}`", input.template)),
                (
                    "Max sequence length",
                    format!("{} tokens", input.max_tokens),
                ),
                ("Truncation", input.truncation.clone()),
                ("Text", TEXT.to_owned()),
                ("Sources of the project", sources.join(", ")),
            ],
        ))
    }
}

/// How a model's input was built in training: without it, an exported model would be used differently than it was
/// trained.
pub(crate) struct Input {
    /// How comment and reply form one input.
    pub template: String,
    /// Between the two, in the generator's template.
    separator: Option<String>,
    /// Maximum input length in tokens.
    pub max_tokens: usize,
    /// What is cut from longer inputs.
    pub truncation: String,
}

/// How control tokens in people's texts are handled.
pub(crate) const TEXT: &str = "control tokens in comments and replies are ordinary text (transformers: split_special_tokens=True)";

impl Input {
    fn config(&self) -> serde_json::Value {
        json!({
            "template": self.template,
            "separator": self.separator,
            "max_tokens": self.max_tokens,
            "truncation": self.truncation,
            "split_special_tokens": true,
        })
    }
}

/// The input format of a run's model.
pub(crate) fn input_of(run: &Run, base: &Base) -> Result<Input> {
    let max_tokens = from_json::<RunConfig>(&run.config)?.max_tokens;
    Ok(match run.kind {
        ModelKind::Generator => {
            let config = gpt2_config(base)?;
            let template = generator_template(&config, max_tokens);
            Input {
                template: format!("{{comment}}{} {{reply}}{END}", template.separator),
                max_tokens: template.max_tokens,
                truncation: format!(
                    "the comment loses tokens at its end until it fits with the reply, but never below {} tokens with its separator; then the reply loses tokens at its end",
                    template.max_tokens / 2
                ),
                separator: Some(template.separator),
            }
        }
        ModelKind::Realism | ModelKind::Upvotes => Input {
            template: "[CLS] {comment} [SEP] {reply} [SEP]".to_owned(),
            separator: None,
            max_tokens: max_tokens.min(bert_config(base)?.max_position_embeddings),
            truncation: "longest_first: the longer of comment and reply loses tokens at its end"
                .to_owned(),
        },
    })
}
