//! The settings of a training run: one flat struct, stored as JSON with the run, and read and written as TOML with
//! comments where a user edits it.
//!
//! Every setting is declared once, in `settings.rs`. From its row come the field and its default, its comment in a TOML
//! file, its flag with its help, its place in the window's form, and its checks.

mod declare;
mod settings;

use std::collections::BTreeMap;

use repartee_core::error::{Error, Result};
use repartee_store::items::ItemKind;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use ts_rs::TS;

pub use repartee_terms::ModelKind;

pub use declare::{Field, FieldType, Group, Row, Setting};
pub use settings::{RunConfig, SETTINGS};

/// Class weights in a classifier's loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// All equal.
    #[default]
    None,
    /// Inverse to the class frequency, so that all classes together count equally.
    Balanced,
}

/// Every setting of a run, to build a form from. The kind itself is chosen first.
pub fn fields() -> Vec<Field> {
    let settings = SETTINGS.iter().filter(|setting| setting.name != KIND);
    settings.map(Setting::field).collect()
}

impl RunConfig {
    /// The settings that name items.
    pub(crate) fn names(&mut self) -> [(ItemKind, &mut String); 4] {
        [
            (ItemKind::Run, &mut self.name),
            (ItemKind::Base, &mut self.base),
            (ItemKind::Split, &mut self.split),
            (ItemKind::Fakes, &mut self.fakes),
        ]
    }

    /// The settings of a TOML file; omitted ones have their kind's defaults.
    ///
    /// # Errors
    /// If it is not TOML, names an unknown setting, or a value is invalid.
    pub fn from_toml(text: &str) -> Result<Self> {
        let given: toml::Table = toml::from_str(text)
            .map_err(|e| Error::usage(format!("the run config is not valid TOML: {e}")))?;
        let mut values = BTreeMap::new();
        for (name, value) in &given {
            let json = serde_json::to_string(value)
                .map_err(|e| Error::usage(format!("{name} cannot be read: {e}")))?;
            values.insert(name.as_str(), json);
        }
        let config = Self::of_values(&values)?;
        config.check()?;
        Ok(config)
    }

    /// The settings with these values in JSON; omitted ones have their kind's defaults.
    fn of_values(values: &BTreeMap<&str, String>) -> Result<Self> {
        let kind = values
            .get(KIND)
            .map(|json| serde_json::from_str(json).unwrap_or_else(|_| json.clone()));
        let kind: String = kind.ok_or_else(|| {
            Error::usage("the run config must set kind = \"generator\", \"realism\" or \"upvotes\"")
        })?;
        let mut config = Self::of(kind.parse().map_err(|_| {
            Error::usage(format!(
                "there is no kind of run {kind:?}; it is one of {}",
                ModelKind::words()
            ))
        })?);
        for (name, json) in values {
            setting(name)?.put_json(&mut config, json)?;
        }
        Ok(config)
    }

    /// Changes a setting by its name to a value as a person types it. Ranges are left to [`Self::check`].
    ///
    /// # Errors
    /// If runs of this kind have no such setting, or the value is of another type.
    pub fn set(&mut self, name: &str, typed: &str) -> Result<()> {
        let setting = setting(name)?;
        if name == KIND {
            return Err(Error::usage(format!(
                "the kind of a run cannot be set; use `repartee train {typed}`"
            )));
        }
        if !setting.is_for(self.kind) {
            let kinds: Vec<&str> = setting.row.kinds.iter().map(|kind| kind.as_str()).collect();
            return Err(Error::usage(format!(
                "{name} is a setting of {} runs, and this one is {}; omit it",
                kinds.join(" and "),
                self.kind.as_str()
            )));
        }
        setting.put_typed(self, typed)
    }

    /// The settings of this kind of run as TOML, with a description above each.
    ///
    /// # Errors
    /// If a number does not fit TOML.
    pub fn to_toml(&self) -> Result<String> {
        let mut out = format!("# A {} run of Repartee.\n", self.kind.as_str());
        for setting in SETTINGS.iter().filter(|setting| setting.is_for(self.kind)) {
            out.push('\n');
            out.push_str(&setting.toml(self)?);
        }
        Ok(out)
    }

    /// Refuses invalid settings.
    ///
    /// # Errors
    /// Names the setting and its allowed values.
    pub fn check(&self) -> Result<()> {
        SETTINGS.iter().try_for_each(|setting| setting.check(self))
    }
}

/// The name of the setting that the others depend on.
const KIND: &str = "kind";

fn setting(name: &str) -> Result<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
            Error::usage(format!(
                "a run has no setting {name:?}; it has: {}",
                names.join(", ")
            ))
        })
}

impl<'de> Deserialize<'de> for RunConfig {
    /// Reads JSON; omitted settings have their kind's defaults, so that runs of older versions can be read. A number is
    /// parsed from its text: as a value of serde_json its last digit may be rounded, and a resumed run would differ.
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let given = BTreeMap::<String, Box<RawValue>>::deserialize(from)?;
        let values = given
            .iter()
            .map(|(name, json)| (name.as_str(), json.get().to_owned()))
            .collect();
        Self::of_values(&values).map_err(|error| D::Error::custom(error.message))
    }
}

/// A preset for a purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Preset {
    pub name: String,
    /// When to use it.
    pub help: String,
    pub config: RunConfig,
}

/// Settings that suit a small base made from scratch.
pub(crate) fn from_scratch(kind: ModelKind) -> RunConfig {
    RunConfig {
        learning_rate: 1e-3,
        batch_size: 32,
        epochs: 10.0,
        max_tokens: 96,
        dropout: 0.1,
        ..RunConfig::of(kind)
    }
}

/// Presets for a kind of run.
pub fn presets(kind: ModelKind) -> Vec<Preset> {
    let usual = RunConfig::of(kind);
    let preset = |name: &str, help: &str, config: RunConfig| Preset {
        name: name.to_owned(),
        help: help.to_owned(),
        config,
    };
    vec![
        preset(
            "Fine-tune",
            "Fine-tune a pretrained base on a few thousand pairs: few epochs, low learning rate.",
            usual.clone(),
        ),
        preset(
            "Smoke test",
            "100 short steps, to check the setup before a long run.",
            RunConfig {
                steps: 100,
                max_tokens: 64,
                validate_limit: 200,
                patience: 0,
                ..usual.clone()
            },
        ),
        preset(
            "From scratch",
            "A small base from scratch: high learning rate, large batches and many epochs.",
            from_scratch(kind),
        ),
        preset(
            "Low memory",
            "Batch size 2 with 8 accumulation steps. Slower, lowest memory.",
            RunConfig {
                batch_size: 2,
                accumulate: 8,
                max_tokens: 128,
                ..usual
            },
        ),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::collections::BTreeSet;

    use repartee_models::batch::LossMask;
    use repartee_models::rng::Stream;

    use super::declare::ALL_KINDS;
    use super::*;
    use crate::training::Train;

    fn kinds() -> impl Iterator<Item = ModelKind> {
        ALL_KINDS.iter().copied()
    }

    #[test]
    fn toml_has_every_setting_of_its_kind_with_description_and_round_trips() {
        for kind in kinds() {
            let config = RunConfig::of(kind);
            let text = config.to_toml().unwrap();
            assert_eq!(RunConfig::from_toml(&text).unwrap(), config);
            for setting in SETTINGS {
                let line = format!(".\n{} = ", setting.name);
                let is_there = text.contains(&line);
                assert_eq!(is_there, setting.is_for(kind), "{}", setting.name);
            }
            assert!(text.contains("# Peak learning rate"));
        }
        let text = RunConfig::of(ModelKind::Generator).to_toml().unwrap();
        assert!(
            text.contains("\n# Base model. Empty: the only one of the right kind.\nbase = \"\"\n")
        );
    }

    #[test]
    fn omitted_settings_have_the_defaults_of_their_kind() {
        let want = RunConfig {
            epochs: 2.0,
            seed: 9,
            ..RunConfig::of(ModelKind::Realism)
        };
        // files of earlier versions list the settings of all kinds
        let toml = "kind = \"realism\"\nepochs = 2\nseed = 9\nloss = \"reply\"\nsamples = 3";
        assert_eq!(RunConfig::from_toml(toml).unwrap(), want);
        let json = r#"{"seed":9,"kind":"realism","epochs":2}"#;
        assert_eq!(serde_json::from_str::<RunConfig>(json).unwrap(), want);
    }

    #[test]
    fn stored_settings_keep_every_bit() {
        let mut stream = Stream::new(1, "settings");
        for _ in 0..1000 {
            let config = RunConfig {
                learning_rate: stream.next_f64() * 1e-3,
                warmup: stream.next_f64(),
                weight_decay: stream.next_f64() / 3.0,
                epochs: stream.next_f64() * 1e6,
                seed: (1 << 53) + 1,
                ..RunConfig::of(ModelKind::Upvotes)
            };
            let train = Train::new(&config).unwrap();
            let json = serde_json::to_string(&train).unwrap();
            assert_eq!(serde_json::from_str::<Train>(&json).unwrap(), train);
            let value = serde_json::to_value(&train).unwrap();
            assert_eq!(Train::deserialize(&value).unwrap(), train);
            assert_eq!(serde_json::from_value::<Train>(value).unwrap(), train);
            let toml = config.to_toml().unwrap();
            assert_eq!(RunConfig::from_toml(&toml).unwrap(), config);
        }
    }

    #[test]
    fn forms_have_every_setting_and_presets_are_valid() {
        let names: Vec<String> = fields().into_iter().map(|field| field.name).collect();
        assert_eq!(names.len() + 1, SETTINGS.len());
        // steps override epochs: both must be shown together
        let seen = |name: &str| fields().iter().any(|f| f.name == name && f.essential);
        assert!(seen("epochs") && seen("steps"));
        let types: Vec<FieldType> = fields().iter().map(|field| field.kind).collect();
        for wanted in [
            FieldType::Integer,
            FieldType::Number,
            FieldType::Text,
            FieldType::Choice,
            FieldType::Base,
            FieldType::Split,
            FieldType::Fakes,
        ] {
            assert!(types.contains(&wanted), "{wanted:?}");
        }
        for kind in kinds() {
            for preset in presets(kind) {
                assert_eq!(preset.config.kind, kind);
                preset.config.check().unwrap();
            }
            // every value of a choice is accepted by the setting
            for field in fields().iter().filter(|field| field.kinds.contains(&kind)) {
                for word in &field.choices {
                    let mut config = RunConfig::of(kind);
                    config.set(&field.name, word).unwrap();
                    config.check().unwrap();
                }
            }
        }
    }

    #[test]
    fn rows_are_complete_and_their_defaults_are_valid() {
        let mut flags = BTreeSet::new();
        for setting in SETTINGS {
            for flag in [setting.name, setting.row.alias] {
                assert!(flag.is_empty() || flags.insert(flag), "two flags {flag}");
            }
            assert!(setting.description().ends_with('.'), "{}", setting.name);
            assert!(!setting.row.kinds.is_empty(), "{}", setting.name);
            for kind in kinds() {
                assert!(!setting.default_of(kind).is_empty(), "{}", setting.name);
                setting.check(&RunConfig::of(kind)).unwrap();
            }
        }
        // a form shows each heading once
        let mut headings: Vec<String> = fields().into_iter().map(|field| field.group).collect();
        headings.dedup();
        let unique: BTreeSet<&String> = headings.iter().collect();
        assert_eq!(unique.len(), headings.len(), "{headings:?}");
        assert_eq!(headings[0], "Essentials");
    }

    #[test]
    fn invalid_settings_are_named() {
        let error = |text: &str| RunConfig::from_toml(text).unwrap_err().message;
        assert!(error("kind = \"generator\"\nlerning_rate = 1").contains("lerning_rate"));
        assert!(error("kind = \"poet\"").contains("poet"));
        assert!(error("epochs = 1").contains("kind"));
        assert!(
            error("kind = \"generator\"\nwarmup = 3").contains("warmup must be between 0 and 1")
        );
        assert!(error("kind = ").contains("TOML"));
        for (line, wanted) in [
            ("loss = \"some\"", "loss takes reply or all, not \"some\""),
            ("steps = 1.5", "steps takes a whole number, not 1.5"),
            ("steps = -1", "steps takes a whole number, not -1"),
            ("epochs = nan", "epochs takes a number"),
            ("epochs = inf", "epochs takes a number"),
            ("name = 3", "name takes a text, not 3"),
            (
                "device = \"abacus\"",
                "device must be auto, cpu, cuda or metal",
            ),
            (
                "batch_size = 0",
                "batch_size must be between 1 and 4096, not 0",
            ),
            (
                "batch_size = 1000000000",
                "batch_size must be between 1 and 4096",
            ),
            (
                "accumulate = 99999999999",
                "accumulate must be between 1 and 4096",
            ),
        ] {
            let error = error(&format!("kind = \"generator\"\n{line}"));
            assert!(error.contains(wanted), "{line}: {error}");
        }
        let json = r#"{"kind":"generator","warmup":"much"}"#;
        let error = serde_json::from_str::<RunConfig>(json).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("warmup takes a number, not \"much\""),
            "{error}"
        );
        // ranges count only where the value does
        let config = RunConfig {
            dropout: -7.0,
            epochs: 0.0,
            steps: 3,
            ..RunConfig::of(ModelKind::Generator)
        };
        config.check().unwrap();
        for wrong in [f64::NAN, f64::INFINITY, -1.0] {
            let config = RunConfig {
                clip_norm: wrong,
                ..RunConfig::of(ModelKind::Generator)
            };
            let error = config.check().unwrap_err().message;
            assert!(error.contains("clip_norm must be 0 or more"), "{error}");
        }
    }

    #[test]
    fn one_setting_can_be_changed_by_name() {
        let set = |name: &str, typed: &str| {
            let mut config = RunConfig::of(ModelKind::Generator);
            config.set(name, typed).map(|()| config)
        };
        let error = |name: &str, typed: &str| set(name, typed).unwrap_err().message;
        assert_eq!(set("learning_rate", "1e-3").unwrap().learning_rate, 1e-3);
        assert_eq!(set("loss", "all").unwrap().loss, LossMask::All);
        assert_eq!(set("steps", "12").unwrap().steps, 12);
        assert_eq!(set("name", "a \"b\"").unwrap().name, "a \"b\"");
        assert!(error("steps", "many").contains("a whole number, not \"many\""));
        assert!(error("loss", "some").contains("reply or all"));
        assert!(error("fakes", "some").contains("realism"));
        assert!(error("speed", "1").contains("accumulate"));
        assert!(error("kind", "upvotes").contains("repartee train upvotes"));
        assert!(
            RunConfig::of(ModelKind::Upvotes)
                .set("loss", "all")
                .is_err()
        );
    }
}
