//! What a study registers before training: a split, the metric and decision threshold by which it is judged, and its
//! hypotheses. They are frozen once, before the test set was used; everything that differs later is listed, with its
//! date, by `repartee study` and in every report.
//!
//! A registration carries the seal of the machine on which it was made, and its hash is in the audit log, so that a file
//! that was changed by another program does not pass for what was registered.

use std::collections::BTreeMap;

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::JobInfo;
use repartee_core::names::has_text;
use repartee_core::sealed::{self, Origin};
use repartee_datasets::Partition;
use repartee_datasets::study::day_of_ms;
use repartee_store::audit::Entry;
use repartee_store::items::NOTE_CHARS;
use repartee_store::runs::Run;
use repartee_store::splits::Split;
use repartee_terms::ModelKind;
use serde::{Deserialize, Serialize};

use crate::Engine;
use crate::evaluation::compared::headline;
use crate::evaluation::evaluate::{Evaluate, EvaluationInfo};
use crate::job::Job;

/// The figures that can be registered, by their keys.
pub const METRICS: [&str; 19] = [
    "auc",
    "average_precision",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "matthews",
    "log_loss",
    "brier",
    "calibration_error",
    "micro_auc",
    "weighted_auc",
    "micro_average_precision",
    "weighted_average_precision",
    "quadratic_kappa",
    "spearman",
    "kendall_tau",
    "mean_absolute_error",
    "perplexity",
];
/// Thresholds that differ by less are the same: they are stored as decimals.
const SAME_THRESHOLD: f64 = 1e-9;
/// What the audit log says of a registration, and of a hypothesis that was added.
const FROZEN: &str = "study frozen";
const ADDED: &str = "study hypothesis";

/// What to register.
#[derive(Debug, Clone, Default)]
pub struct Freeze {
    /// None: the only split.
    pub split: Option<String>,
    /// One of [`METRICS`].
    pub metric: String,
    /// Decision threshold; none: none is registered.
    pub threshold: Option<f64>,
    pub hypotheses: Vec<String>,
    pub who: String,
}

/// A registration as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    split_id: i64,
    /// An id may be used again after its split was deleted.
    split_created_ms: i64,
    /// Name of the split at that time.
    split: String,
    /// Hash of which pair is in which partition.
    members: String,
    metric: String,
    threshold: Option<f64>,
    hypotheses: Vec<Hypothesis>,
    /// Runs that had been trained on the split by then.
    runs_before: Vec<String>,
    who: String,
    at_ms: i64,
    seal: String,
}

/// A hypothesis. A purge may take a quote out of its text, and leaves the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hypothesis {
    text: String,
    hash: String,
    /// Of one that was added later; none: registered with the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    added: Option<Added>,
}

/// Who added a hypothesis, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Added {
    who: String,
    at_ms: i64,
    seal: String,
}

/// A registration as it is shown, with everything that has changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Name of the split when it was registered.
    pub split: String,
    pub who: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub items: Vec<RegisteredItem>,
    /// Why it may not be what was registered; empty: it is.
    pub faults: Vec<String>,
}

/// One thing that was registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredItem {
    /// Split, metric, decision threshold, test set or hypothesis.
    pub name: String,
    pub value: String,
    /// What is different since, each with its date; empty: nothing.
    pub changed: Vec<String>,
}

/// An evaluation on a test set that a job has made, also one that was deleted since.
struct Tested {
    id: i64,
    run: String,
    split: String,
    at_ms: i64,
}

/// What registrations are compared with.
struct Now {
    /// Ids of the registered splits.
    registered: Vec<i64>,
    splits: Vec<Split>,
    runs: Vec<Run>,
    /// On test sets, oldest first, each with its split and checkpoint.
    evaluations: Vec<(i64, i64, EvaluationInfo)>,
    by_jobs: Vec<Tested>,
    audit: Vec<Entry>,
}

impl RegisteredItem {
    /// "changed later: it was deleted, 2026-05-01", or that nothing was.
    pub fn since(&self) -> String {
        match self.changed.is_empty() {
            true => "unchanged".to_owned(),
            false => format!("changed later: {}", self.changed.join("; ")),
        }
    }
}

impl Registration {
    fn parts(&self) -> Vec<String> {
        let mut parts = vec![
            self.split_id.to_string(),
            self.split_created_ms.to_string(),
            self.split.clone(),
            self.members.clone(),
            self.metric.clone(),
            self.threshold.map(|of| of.to_string()).unwrap_or_default(),
            self.runs_before.join("\n"),
            self.who.clone(),
            self.at_ms.to_string(),
        ];
        let first = self.hypotheses.iter().filter(|one| one.added.is_none());
        parts.extend(first.map(|one| one.hash.clone()));
        parts
    }

    /// The hash that the audit log has of it.
    fn hash(&self) -> String {
        let parts = self.parts();
        sealed::digest(FROZEN, parts.iter().map(String::as_str))
    }

    fn is_of(&self, split: &Split) -> bool {
        (self.split_id, self.split_created_ms) == (split.id, split.created_ms)
    }
}

impl Hypothesis {
    fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        if !has_text(text) || text.chars().count() > NOTE_CHARS {
            return Err(Error::usage(format!(
                "a hypothesis must be a text of at most {NOTE_CHARS} characters"
            )));
        }
        Ok(Self {
            hash: hash_of(text),
            text: text.to_owned(),
            added: None,
        })
    }

    /// What is sealed of one that was added to a registration.
    fn parts(&self, to: &Registration, who: &str, at_ms: i64) -> Vec<String> {
        vec![
            to.hash(),
            self.hash.clone(),
            who.to_owned(),
            at_ms.to_string(),
        ]
    }
}

fn hash_of(text: &str) -> String {
    sealed::digest("hypothesis", [text])
}

fn texts(parts: &[String]) -> Vec<&str> {
    parts.iter().map(String::as_str).collect()
}

/// A change with the day on which it was made.
fn on(what: impl Into<String>, at_ms: i64) -> String {
    format!("{}, {}", what.into(), day_of_ms(at_ms))
}

/// The key of a metric as it may be typed.
fn metric_of(typed: &str) -> Result<&'static str> {
    let key = typed.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    let found = METRICS.iter().find(|metric| **metric == key);
    found.copied().ok_or_else(|| {
        Error::usage(format!(
            "there is no metric {typed:?}; it is one of {}",
            METRICS.join(", ")
        ))
    })
}

/// The evaluations on test sets that jobs have made.
fn tested(jobs: &[JobInfo]) -> Vec<Tested> {
    let test = serde_json::to_value(Partition::Test).ok();
    let of_job = |job: &JobInfo| {
        let made = job.outcome.as_ref()?;
        if job.kind != Evaluate::KIND || made.get("partition") != test.as_ref() {
            return None;
        }
        let word = |key: &str| made.get(key)?.as_str().map(str::to_owned);
        Some(Tested {
            id: made.get("id")?.as_i64()?,
            run: word("run")?,
            split: word("split")?,
            at_ms: made.get("created_ms")?.as_i64()?,
        })
    };
    let mut found: Vec<Tested> = jobs.iter().filter_map(of_job).collect();
    found.sort_by_key(|one| one.at_ms);
    found
}

impl Engine {
    /// Registers a split, a metric, a threshold and hypotheses, on behalf of `who`: once for each split, and before a run
    /// was evaluated on its test set.
    ///
    /// # Errors
    /// [`Code::Exists`] if the split is registered; [`Code::Usage`] if its test set was used, or something is missing or
    /// invalid; [`Code::NotFound`] if there is no such split.
    pub fn study_freeze(&self, freeze: &Freeze) -> Result<Registered> {
        let split = self.split_to_register(freeze.split.as_deref())?;
        let metric = metric_of(&freeze.metric)?.to_owned();
        let is_share = |of: f64| (0.0..=1.0).contains(&of);
        if freeze.threshold.is_some_and(|of| !is_share(of)) {
            return Err(Error::usage("a decision threshold is between 0 and 1"));
        }
        if freeze.hypotheses.is_empty() {
            return Err(Error::usage("a registration needs at least one hypothesis"));
        }
        let before: Vec<Registration> = self.store.study_registered()?;
        if let Some(earlier) = before.iter().find(|one| one.is_of(&split)) {
            return Err(Error::new(
                Code::Exists,
                format!(
                    "split {:?} was registered on {} and is frozen; `repartee study hypothesis` adds a hypothesis, \
                     which reports mark as added later",
                    split.name,
                    day_of_ms(earlier.at_ms)
                ),
            ));
        }
        let now = self.now(&before)?;
        if let Some(used) = now.first_test(&split) {
            return Err(Error::usage(format!(
                "split {:?} cannot be registered any more: run {:?} was evaluated on its test set on {} (evaluation \
                 {}), and what is registered must come before. Make another split for a study that is registered",
                split.name,
                used.run,
                day_of_ms(used.at_ms),
                used.id
            )));
        }
        let hypotheses = freeze.hypotheses.iter().map(|text| Hypothesis::new(text));
        let of_split = now.runs.iter().filter(|run| run.split_id == split.id);
        let mut new = Registration {
            split_id: split.id,
            split_created_ms: split.created_ms,
            members: self.members(&split)?,
            split: split.name.clone(),
            metric,
            // as it is read back
            threshold: freeze.threshold.map(|of| (of * 1e6).round() / 1e6),
            hypotheses: hypotheses.collect::<Result<_>>()?,
            runs_before: of_split.map(|run| run.name.clone()).collect(),
            who: freeze.who.clone(),
            at_ms: self.environment.clock.now_ms(),
            seal: String::new(),
        };
        new.seal = sealed::seal(&self.machine()?, FROZEN, &texts(&new.parts()));
        let entry = Entry {
            hash: new.hash(),
            ..Entry::new(&new.who, FROZEN, new.at_ms).about(subject(&new.split))
        };
        let all = [before.as_slice(), std::slice::from_ref(&new)].concat();
        self.store.study_register(&before, &all, &entry)?;
        self.registered(&new, &self.now(&all)?)
    }

    /// Adds a hypothesis to a registration, on behalf of `who`. It counts as added later.
    ///
    /// # Errors
    /// [`Code::NotFound`] if the split is not registered; [`Code::Usage`] if the text is empty or too long.
    pub fn study_hypothesis(
        &self,
        split: Option<&str>,
        text: &str,
        who: &str,
    ) -> Result<Registered> {
        let split = self.split_to_register(split)?;
        let mut hypothesis = Hypothesis::new(text)?;
        let before: Vec<Registration> = self.store.study_registered()?;
        let mut all = before.clone();
        let Some(to) = all.iter_mut().find(|one| one.is_of(&split)) else {
            return Err(Error::new(
                Code::NotFound,
                format!(
                    "split {:?} is not registered; `repartee study freeze` registers it",
                    split.name
                ),
            ));
        };
        let at_ms = self.environment.clock.now_ms();
        let parts = hypothesis.parts(to, who, at_ms);
        hypothesis.added = Some(Added {
            who: who.to_owned(),
            at_ms,
            seal: sealed::seal(&self.machine()?, ADDED, &texts(&parts)),
        });
        let entry = Entry {
            hash: hypothesis.hash.clone(),
            ..Entry::new(who, ADDED, at_ms).about(subject(&to.split))
        };
        to.hypotheses.push(hypothesis);
        let shown = to.clone();
        self.store.study_register(&before, &all, &entry)?;
        self.registered(&shown, &self.now(&all)?)
    }

    /// What was registered, oldest first, and what has changed since. A registration that only the audit log has is named
    /// as missing.
    pub fn study_registered(&self) -> Result<Vec<Registered>> {
        let all: Vec<Registration> = self.store.study_registered()?;
        let now = self.now(&all)?;
        let mut shown = all
            .iter()
            .map(|one| self.registered(one, &now))
            .collect::<Result<Vec<_>>>()?;
        let hashes: Vec<String> = all.iter().map(Registration::hash).collect();
        let entries = now.audit.iter().filter(|entry| entry.what == FROZEN);
        for entry in entries.filter(|entry| !hashes.contains(&entry.hash)) {
            // one that was changed is named with what it is now
            let is_there = |one: &Registration| {
                one.at_ms == entry.at_ms && subject(&one.split) == entry.subject
            };
            if !all.iter().any(is_there) {
                shown.push(missing(entry));
            }
        }
        shown.sort_by_key(|one| one.at_ms);
        Ok(shown)
    }

    /// The split of this name, or the only one.
    fn split_to_register(&self, name: Option<&str>) -> Result<Split> {
        if let Some(name) = name {
            return Ok(self.store.split(name)?);
        }
        let mut all = self.store.splits()?;
        match all.len() {
            1 => Ok(all.remove(0)),
            0 => Err(Error::new(
                Code::NotFound,
                "there is no split yet; `repartee split make` makes one",
            )),
            n => {
                let names: Vec<&str> = all.iter().map(|split| split.name.as_str()).collect();
                Err(Error::usage(format!(
                    "there are {n} splits ({}); name one of them with --split",
                    names.join(", ")
                )))
            }
        }
    }

    /// A hash of which pair is in which partition.
    fn members(&self, split: &Split) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        for partition in Partition::ALL {
            let ids = self.store.split_pair_ids(split.id, partition)?;
            hasher.update(&(ids.len() as u64).to_le_bytes());
            for id in ids {
                hasher.update(&id.to_le_bytes());
            }
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn now(&self, all: &[Registration]) -> Result<Now> {
        let infos = self.evaluations()?.into_iter();
        let mut infos: BTreeMap<i64, EvaluationInfo> = infos.map(|one| (one.id, one)).collect();
        let rows = self.store.evaluations()?.into_iter();
        let on_test = rows.filter(|row| row.partition == Partition::Test);
        let evaluations = on_test.filter_map(|row| {
            let info = infos.remove(&row.id)?;
            Some((row.split_id, row.checkpoint_id, info))
        });
        Ok(Now {
            registered: all.iter().map(|one| one.split_id).collect(),
            evaluations: evaluations.collect(),
            splits: self.store.splits()?,
            runs: self.store.runs()?,
            by_jobs: tested(&self.jobs()?),
            audit: self.store.audit(None, usize::MAX)?,
        })
    }

    fn registered(&self, of: &Registration, now: &Now) -> Result<Registered> {
        let mut items = vec![
            self.split_item(of, now)?,
            now.metric_item(of),
            now.threshold_item(of),
            now.test_item(of),
        ];
        for (n, hypothesis) in (1..).zip(&of.hypotheses) {
            let mut changed = Vec::new();
            if let Some(added) = &hypothesis.added {
                changed.push(on(format!("added by {}", added.who), added.at_ms));
            }
            if hash_of(&hypothesis.text) != hypothesis.hash {
                changed.push(
                    "its text is not the registered one any more: a purge took a quote out, or it was edited"
                        .to_owned(),
                );
            }
            items.push(RegisteredItem {
                name: format!("Hypothesis {n}"),
                value: hypothesis.text.clone(),
                changed,
            });
        }
        Ok(Registered {
            split: of.split.clone(),
            who: of.who.clone(),
            at_ms: of.at_ms,
            items,
            faults: self.faults(of, now)?,
        })
    }

    /// Why it may not be what was registered.
    fn faults(&self, of: &Registration, now: &Now) -> Result<Vec<String>> {
        let machine = self.machine()?;
        let mut faults = Vec::new();
        match sealed::origin(&machine, &of.seal, FROZEN, &texts(&of.parts())) {
            Origin::Here => {}
            // its seal cannot be checked here; its hash can
            Origin::Elsewhere => faults.push("it was registered on another machine".to_owned()),
            other => faults.push(format!("it was {}", other.words())),
        }
        let hash = of.hash();
        let is_noted = |entry: &Entry| entry.what == FROZEN && entry.hash == hash;
        if !now.audit.iter().any(is_noted) {
            faults.push("the audit log has no entry of this registration".to_owned());
        }
        for hypothesis in &of.hypotheses {
            let Some(added) = &hypothesis.added else {
                continue;
            };
            let parts = hypothesis.parts(of, &added.who, added.at_ms);
            let made = sealed::origin(&machine, &added.seal, ADDED, &texts(&parts));
            if !matches!(made, Origin::Here | Origin::Elsewhere) {
                faults.push(format!(
                    "a hypothesis that was added later was {}",
                    made.words()
                ));
            }
        }
        Ok(faults)
    }

    fn split_item(&self, of: &Registration, now: &Now) -> Result<RegisteredItem> {
        let mut changed = Vec::new();
        match now.splits.iter().find(|split| of.is_of(split)) {
            Some(split) => {
                if split.name != of.split {
                    changed.push(format!("it is called {:?} now", split.name));
                }
                if self.members(split)? != of.members {
                    changed.push("its sets have other pairs than those registered".to_owned());
                }
            }
            None => {
                let what = subject(&of.split);
                let is_its_end = |entry: &&Entry| {
                    entry.what == "deleted" && entry.subject == what && entry.at_ms >= of.at_ms
                };
                changed.push(match now.audit.iter().find(is_its_end) {
                    Some(entry) => on("it was deleted", entry.at_ms),
                    None => "it was deleted".to_owned(),
                });
            }
        }
        let others = now.runs.iter();
        let others = others
            .filter(|run| run.created_ms > of.at_ms && !now.registered.contains(&run.split_id));
        changed.extend(others.map(|run| {
            let what = format!("run {:?} was trained on split {:?}", run.name, run.split);
            on(what, run.created_ms)
        }));
        let trained = match of.runs_before.as_slice() {
            [] => "before any run was trained on it".to_owned(),
            runs => format!(
                "after these runs had been trained on it: {}",
                runs.join(", ")
            ),
        };
        Ok(RegisteredItem {
            name: "Split".to_owned(),
            value: format!(
                "{}, {trained} (hash of its sets: {})",
                of.split,
                of.members.get(..16).unwrap_or(&of.members)
            ),
            changed,
        })
    }
}

impl Now {
    /// The first evaluation on the test set of a split, also one that was deleted since.
    fn first_test(&self, split: &Split) -> Option<Tested> {
        let stored = self.evaluations.iter().filter(|one| one.0 == split.id);
        let stored = stored.map(|(.., info)| (info.id, &info.run, info.created_ms));
        let by_jobs = self.by_jobs.iter();
        // a split of the same name may have been deleted before
        let by_jobs = by_jobs.filter(|one| one.split == split.name && one.at_ms > split.created_ms);
        let by_jobs = by_jobs.map(|one| (one.id, &one.run, one.at_ms));
        let (id, run, at_ms) = stored.chain(by_jobs).min_by_key(|(.., at_ms)| *at_ms)?;
        Some(Tested {
            id,
            run: run.clone(),
            split: split.name.clone(),
            at_ms,
        })
    }

    /// The evaluations on the registered split's test set, oldest first, with their checkpoints.
    fn tests_of(&self, of: &Registration) -> Vec<(i64, &EvaluationInfo)> {
        let is_there = self.splits.iter().any(|split| of.is_of(split));
        let all = self.evaluations.iter();
        let all = all.filter(|one| is_there && one.0 == of.split_id);
        all.map(|(_, checkpoint, info)| (*checkpoint, info))
            .collect()
    }

    fn metric_item(&self, of: &Registration) -> RegisteredItem {
        let mut changed = Vec::new();
        let mut measured = Vec::new();
        for (_, info) in self.tests_of(of) {
            let mut figures = info.compared.iter();
            let Some(figure) = figures.find(|one| one.figure == of.metric) else {
                continue;
            };
            measured.push(format!(
                "{} of {} (evaluation {})",
                figure.written_with_interval(),
                info.run,
                info.id
            ));
            let first = headline(&info.compared);
            if let Some(other) = first.filter(|first| first.figure != of.metric) {
                let what = format!("evaluation {} is headed by {}", info.id, other.name);
                changed.push(on(what, info.created_ms));
            }
        }
        RegisteredItem {
            name: "Metric".to_owned(),
            value: match measured.is_empty() {
                true => format!("{}, not measured on the test set yet", of.metric),
                false => format!("{}: {}", of.metric, measured.join("; ")),
            },
            changed,
        }
    }

    fn threshold_item(&self, of: &Registration) -> RegisteredItem {
        let mut changed = Vec::new();
        for (_, info) in self.tests_of(of) {
            if let (Some(registered), Some(used)) = (of.threshold, info.config.threshold)
                && (registered - used).abs() > SAME_THRESHOLD
            {
                let what = format!("evaluation {} of {} used {used}", info.id, info.run);
                changed.push(on(what, info.created_ms));
            }
        }
        RegisteredItem {
            name: "Decision threshold".to_owned(),
            value: match of.threshold {
                Some(threshold) => threshold.to_string(),
                None => "not registered".to_owned(),
            },
            changed,
        }
    }

    /// The test set is for one checkpoint of each kind of model; what was measured after that is listed.
    fn test_item(&self, of: &Registration) -> RegisteredItem {
        let tests = self.tests_of(of);
        let mut first: BTreeMap<ModelKind, i64> = BTreeMap::new();
        let mut changed = Vec::new();
        for (checkpoint, info) in &tests {
            let known = *first.entry(info.config.kind).or_insert(*checkpoint);
            if known != *checkpoint {
                let what = format!(
                    "evaluated again with another checkpoint: {} at step {} (evaluation {})",
                    info.run, info.config.step, info.id
                );
                changed.push(on(what, info.created_ms));
            }
        }
        let renamed = self.splits.iter().find(|split| of.is_of(split));
        let is_named =
            |name: &str| name == of.split || renamed.is_some_and(|split| split.name == name);
        let known: Vec<(i64, i64)> = tests
            .iter()
            .map(|(_, info)| (info.id, info.created_ms))
            .collect();
        let later = self.by_jobs.iter().filter(|one| one.at_ms >= of.at_ms);
        for gone in later.filter(|one| !known.contains(&(one.id, one.at_ms))) {
            if !is_named(&gone.split) {
                continue;
            }
            let what = format!("evaluation {} of {} was deleted later", gone.id, gone.run);
            changed.push(on(what, gone.at_ms));
        }
        RegisteredItem {
            name: "Test set".to_owned(),
            value: "for one checkpoint of each kind of model".to_owned(),
            changed,
        }
    }
}

/// A split in the audit log, as the entry of its deletion names it.
fn subject(split: &str) -> String {
    format!("split {split:?}")
}

/// A registration that only the audit log has.
fn missing(entry: &Entry) -> Registered {
    let quoted = entry.subject.strip_prefix("split ").unwrap_or_default();
    let split = serde_json::from_str(quoted).unwrap_or_else(|_| quoted.to_owned());
    Registered {
        split,
        who: entry.who.clone(),
        at_ms: entry.at_ms,
        items: Vec::new(),
        faults: vec![
            "the audit log has this registration, and the file does not hold it any more"
                .to_owned(),
        ],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;
    use crate::evaluation::compared::compared;
    use crate::evaluation::figures::{
        ClassifierBaseline, Figures, GeneratorFigures, Predictions, of_classifier,
    };

    #[test]
    fn every_figure_of_an_evaluation_can_be_registered() {
        let classifier = |classes: usize| {
            let labels: Vec<usize> = (0..classes).collect();
            let p = vec![1.0 / classes as f64; classes * classes];
            let of = Predictions { classes, labels, p };
            let names: Vec<String> = (0..classes).map(|n| n.to_string()).collect();
            let figures = of_classifier(&of, &names, 0.5, ClassifierBaseline::default());
            compared(&Figures::Classifier(figures))
        };
        let generator = GeneratorFigures {
            examples: 1,
            tokens: 1,
            loss: Some(1.0),
            perplexity: Some(1.0_f64.exp()),
            unigram_perplexity: None,
            chance_perplexity: 9,
            confidence: None,
        };
        let mut all = classifier(2);
        all.extend(classifier(4));
        all.extend(compared(&Figures::Generator(generator)));
        let keys: BTreeSet<&str> = all.iter().map(|one| one.figure.as_str()).collect();
        // the loss of a generator says the same as its perplexity
        let keys: BTreeSet<&str> = keys.into_iter().filter(|key| *key != "loss").collect();
        assert_eq!(keys, BTreeSet::from(METRICS));
    }

    #[test]
    fn metric_is_found_as_it_is_typed() {
        assert_eq!(metric_of("AUC").unwrap(), "auc");
        assert_eq!(metric_of("average-precision").unwrap(), "average_precision");
        let error = metric_of("speed").unwrap_err().message;
        assert!(error.contains("auc, average_precision"), "{error}");
    }

    #[test]
    fn evaluations_of_jobs_are_those_on_the_test_set() {
        let job = |kind: &str, partition: &str, at_ms: i64| JobInfo {
            id: String::new(),
            kind: kind.to_owned(),
            state: repartee_terms::JobStatus::Done,
            want: None,
            progress: None,
            outcome: Some(serde_json::json!({
                "id": 3, "run": "judge", "split": "main", "partition": partition, "created_ms": at_ms,
            })),
            params: serde_json::Value::Null,
            created_ms: 1,
            ended_ms: Some(2),
            place: None,
            stops_queue: false,
        };
        let jobs = [
            job("evaluate", "test", 9),
            job("evaluate", "val", 2),
            job("train", "test", 3),
            job("evaluate", "test", 4),
        ];
        let times: Vec<i64> = tested(&jobs).iter().map(|one| one.at_ms).collect();
        assert_eq!(times, [4, 9]);
    }
}
