//! A step's job, and what can be changed of it.

use repartee_core::error::{Error, Result};
use repartee_core::job::{Job, JobInfo};
use repartee_store::items::ItemKind;
use serde_json::Value;

use super::PipelineSetting;
use crate::bases::base::BaseNew;
use crate::data::pairs::BuildPairs;
use crate::data::splits::{AuditSplit, MakeSplit};
use crate::evaluation::evaluate::Evaluate;
use crate::generation::fakes::MakeFakes;
use crate::training::Train;
use crate::training::run_config::SETTINGS;

/// The job of a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Work {
    Pairs(BuildPairs),
    Split(MakeSplit),
    Audit(AuditSplit),
    Base(BaseNew),
    Train(Train),
    Fakes(MakeFakes),
    Evaluate(Evaluate),
}

/// Does the same with a job of any kind.
macro_rules! each {
    ($work:expr, $job:ident => $does:expr) => {
        match $work {
            Work::Pairs($job) => $does,
            Work::Split($job) => $does,
            Work::Audit($job) => $does,
            Work::Base($job) => $does,
            Work::Train($job) => $does,
            Work::Fakes($job) => $does,
            Work::Evaluate($job) => $does,
        }
    };
}

fn read<J: Job>(job: &JobInfo) -> Option<J> {
    (job.kind == J::KIND)
        .then(|| J::deserialize(&job.params).ok())
        .flatten()
}

fn kind_of<J: Job>(_: &J) -> &'static str {
    J::KIND
}

impl Work {
    /// The work of a stored job, if it is of a kind that the pipeline has.
    pub fn of(job: &JobInfo) -> Option<Self> {
        read(job)
            .map(Self::Pairs)
            .or_else(|| read(job).map(Self::Split))
            .or_else(|| read(job).map(Self::Audit))
            .or_else(|| read(job).map(Self::Base))
            .or_else(|| read(job).map(Self::Train))
            .or_else(|| read(job).map(Self::Fakes))
            .or_else(|| read(job).map(Self::Evaluate))
    }

    pub fn kind(&self) -> &'static str {
        each!(self, job => kind_of(job))
    }

    pub fn params(&self) -> Result<Value> {
        each!(self, job => serde_json::to_value(job))
            .map_err(|e| Error::internal(format!("parameters do not fit into JSON: {e}")))
    }

    /// The item with a name that it makes.
    pub fn makes(&self) -> Option<(ItemKind, String)> {
        let mut made = None;
        each!(&mut self.clone(), job => job.names(&mut |one| {
            if one.makes {
                made = Some((one.kind, one.name.clone()));
            }
        }));
        made
    }

    /// What can be changed, with the current values.
    pub fn settings(&self) -> Result<Vec<PipelineSetting>> {
        let found = leaves(&self.params()?).into_iter();
        let own = found.filter(|(path, _)| self.can_change(last(path)));
        Ok(own
            .map(|(path, value)| PipelineSetting {
                name: last(&path).to_owned(),
                value: typed(&value),
            })
            .collect())
    }

    /// Not what follows from another step, and of a training only what its kind of run uses.
    fn can_change(&self, setting: &str) -> bool {
        let follows: &[&str] = match self {
            Self::Pairs(_) | Self::Split(_) => &[],
            Self::Audit(_) => &["name"],
            Self::Base(_) => &["kind", "split"],
            Self::Train(_) => &["kind", "base", "split", "fakes"],
            Self::Fakes(_) => &["generator"],
            Self::Evaluate(_) => &["run", "fakes", "partition"],
        };
        let is_used = match self {
            Self::Train(train) => SETTINGS
                .iter()
                .any(|one| one.name == setting && one.is_for(train.config.kind)),
            _ => true,
        };
        is_used && !follows.contains(&setting)
    }

    /// Changes a setting to a value as a person types it.
    ///
    /// # Errors
    /// [`repartee_core::error::Code::Usage`] if there is no such setting, with those there are; or if the value is of
    /// another type or out of its range.
    pub fn set(&mut self, setting: &str, value: &str) -> Result<()> {
        let mut params = self.params()?;
        let found = leaves(&params).into_iter().find(|(path, _)| {
            self.can_change(last(path)) && (path == setting || last(path) == setting)
        });
        let Some((path, now)) = found else {
            return Err(self.unknown(setting)?);
        };
        if let Self::Train(train) = self {
            train.config.set(last(&path), value)?;
            return train.config.check();
        }
        let pointer = format!("/{}", path.replace('.', "/"));
        let mut with = |value: Value| {
            if let Some(place) = params.pointer_mut(&pointer) {
                *place = value;
            }
            let params = params.clone();
            each!(&mut *self, job => serde_json::from_value(params).map(|new| *job = new))
        };
        // an empty text is an empty list, or none where a list cannot be empty
        let mut changed = with(parsed(value, &now));
        if changed.is_err() && value.trim().is_empty() {
            changed = with(Value::Null);
        }
        changed.map_err(|e| Error::usage(format!("{setting} cannot be {value:?}: {e}")))?;
        match self {
            Self::Base(base) => base.check(),
            _ => Ok(()),
        }
    }

    fn unknown(&self, setting: &str) -> Result<Error> {
        let names: Vec<String> = self.settings()?.into_iter().map(|one| one.name).collect();
        Ok(Error::usage(match names.as_slice() {
            [] => format!("there is no setting {setting:?}: nothing can be changed"),
            names => format!(
                "there is no setting {setting:?}; there are {}. What a step uses is chosen by the name of the step \
                 that makes it",
                names.join(", ")
            ),
        }))
    }
}

/// The last part of a path.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The values in an object and those within it, each with its path: "sampling.top_k".
fn leaves(object: &Value) -> Vec<(String, Value)> {
    let Value::Object(fields) = object else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Object(_) => {
                let within = leaves(value).into_iter();
                found.extend(within.map(|(path, value)| (format!("{name}.{path}"), value)));
            }
            value => found.push((name.clone(), value.clone())),
        }
    }
    found
}

/// A value as a person types it: a list with commas, nothing for no value.
fn typed(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(typed).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// The value that a person typed in place of another one.
fn parsed(text: &str, before: &Value) -> Value {
    let one = |text: &str| -> Value {
        let read = serde_json::from_str::<Value>(text).ok();
        read.filter(|value| value.is_number() || value.is_boolean())
            .unwrap_or_else(|| Value::from(text))
    };
    let many = || Value::Array(text.split(',').map(|part| one(part.trim())).collect());
    match before {
        Value::String(_) => Value::from(text),
        Value::Array(_) if text.trim().is_empty() => Value::Array(Vec::new()),
        Value::Array(_) => many(),
        Value::Null if text.trim().is_empty() => Value::Null,
        Value::Null if text.contains(',') => many(),
        _ => one(text.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::run_config::{ModelKind, RunConfig};

    fn value_of(work: &Work, setting: &str) -> String {
        let all = work.settings().unwrap();
        let found = all.into_iter().find(|one| one.name == setting);
        found
            .unwrap_or_else(|| panic!("no setting {setting}"))
            .value
    }

    #[test]
    fn every_setting_takes_the_value_that_it_shows() {
        for work in [
            Work::Pairs(BuildPairs::default()),
            Work::Split(MakeSplit::default()),
            Work::Base(BaseNew::default()),
            Work::Train(Train::new(&RunConfig::of(ModelKind::Realism)).unwrap()),
            Work::Fakes(MakeFakes::default()),
            Work::Evaluate(Evaluate::default()),
        ] {
            let settings = work.settings().unwrap();
            assert!(settings.len() > 3, "{work:?}");
            for setting in &settings {
                let mut same = work.clone();
                same.set(&setting.name, &setting.value)
                    .unwrap_or_else(|e| panic!("{} {setting:?}: {e}", work.kind()));
                assert_eq!(same, work, "{setting:?}");
                // one name means one setting
                let named = settings.iter().filter(|one| one.name == setting.name);
                assert_eq!(named.count(), 1, "{} {setting:?}", work.kind());
            }
        }
        let audit = Work::Audit(AuditSplit::default());
        assert_eq!(audit.settings().unwrap(), []);
    }

    #[test]
    fn values_are_changed_as_they_are_typed() {
        let mut fakes = Work::Fakes(MakeFakes::default());
        fakes.set("comments", "5, 4,3").unwrap();
        fakes.set("top_k", "7").unwrap();
        fakes.set("sampling.temperature", "0.5").unwrap();
        let Work::Fakes(job) = &fakes else {
            panic!("{fakes:?}")
        };
        assert_eq!((job.comments, job.sampling.top_k), ([5, 4, 3], 7));
        assert_eq!(job.sampling.temperature, 0.5);
        let mut split = Work::Split(MakeSplit::default());
        split.set("edges", "1,2,9").unwrap();
        split.set("train", "0.9").unwrap();
        assert_eq!(value_of(&split, "edges"), "1,2,9");
        split.set("edges", "").unwrap();
        let Work::Split(job) = &split else {
            panic!("{split:?}")
        };
        assert_eq!((job.edges, job.shares.train), (None, 0.9));
        let mut train = Work::Train(Train::new(&RunConfig::of(ModelKind::Generator)).unwrap());
        train.set("learning_rate", "1e-3").unwrap();
        assert_eq!(value_of(&train, "learning_rate"), "0.001");
    }

    #[test]
    fn what_cannot_be_changed_names_what_can() {
        let mut train = Work::Train(Train::new(&RunConfig::of(ModelKind::Upvotes)).unwrap());
        let error = |work: &mut Work, setting: &str, value: &str| {
            let before = work.clone();
            let error = work.set(setting, value).unwrap_err().message;
            assert_eq!(*work, before);
            error
        };
        // a base is chosen by its own step; samples are a generator's
        for setting in ["base", "samples", "speed"] {
            let error = error(&mut train, setting, "1");
            assert!(error.contains("there are accumulate, "), "{error}");
        }
        let mut fakes = Work::Fakes(MakeFakes::default());
        let words = error(&mut fakes, "comments", "1,2");
        assert!(words.contains("comments cannot be \"1,2\""), "{words}");
        let mut base = Work::Base(BaseNew::default());
        let error = base.set("heads", "3").unwrap_err().message;
        assert!(error.contains("hidden size"), "{error}");
        let error = train.set("batch_size", "0").unwrap_err().message;
        assert!(error.contains("between 1 and 4096"), "{error}");
    }
}
