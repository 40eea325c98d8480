//! The settings of a training run: one flat struct, written as TOML with comments.
//!
//! Every field is declared once, with its doc lines and default; from that come the struct, its defaults, and the
//! comments of the TOML file. The file that a run was started with is stored verbatim with the run.

use repartee_models::batch::LossMask;
use repartee_models::schedule::Decay;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::{Error, Result};

/// Kind of model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// GPT-2 on comments and replies.
    #[default]
    Generator,
    /// BERT: real or generated reply.
    Realism,
    /// BERT: which of the four upvote bins.
    Upvotes,
}

impl RunKind {
    /// The name in the project file and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Realism => "realism",
            Self::Upvotes => "upvotes",
        }
    }

    /// Reads [`Self::as_str`].
    ///
    /// # Errors
    /// If it is none of the three.
    pub fn parse(text: &str) -> Result<Self> {
        [Self::Generator, Self::Realism, Self::Upvotes]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                Error::usage(format!(
                    "there is no kind of run {text:?}; it is generator, realism or upvotes"
                ))
            })
    }

    /// The kind of base it starts from.
    pub fn base_kind(self) -> &'static str {
        match self {
            Self::Generator => "gpt2",
            Self::Realism | Self::Upvotes => "bert",
        }
    }

    /// Number of classes of a classifier; 0 for the generator.
    pub fn classes(self) -> usize {
        match self {
            Self::Generator => 0,
            Self::Realism => 2,
            Self::Upvotes => 4,
        }
    }
}

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

/// Declares the struct, its defaults, and its fields' descriptions for the TOML file in one place.
macro_rules! fields {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident { $($(#[doc = $line:literal])+ $field:ident: $ty:ty = $default:expr,)+ }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[doc = $line])+ pub $field: $ty,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $name {
            /// Every field with its description.
            const DESCRIPTIONS: &'static [(&'static str, &'static [&'static str])] =
                &[$((stringify!($field), &[$($line),+]),)+];
        }
    };
}

fields! {
    /// The settings of a run.
    pub struct RunConfig {
        /// generator, realism or upvotes.
        kind: RunKind = RunKind::Generator,
        /// Run name; empty: the kind and a number.
        name: String = String::new(),
        /// Base model; empty: the only one of the right kind.
        base: String = String::new(),
        /// The split to train on.
        split: String = "main".to_owned(),
        /// Realism: the set of fakes; empty: the only one of the split.
        fakes: String = String::new(),
        /// Number of epochs. Ignored if steps is set.
        epochs: f64 = 3.0,
        /// Max optimizer steps; 0: use epochs.
        steps: usize = 0,
        /// Batch size. The largest that fits in memory is fastest.
        batch_size: usize = 8,
        /// Gradient accumulation: the effective batch size is batch_size times this.
        accumulate: usize = 1,
        /// Max number of training examples, sampled by the seed; 0: all.
        limit: usize = 0,
        /// Max length of an example, in tokens. At least half of it is kept for the reply.
        max_tokens: usize = 128,
        /// Generator: "reply" computes the loss on the reply only, "all" on the comment too.
        loss: LossMask = LossMask::Reply,
        /// Peak learning rate. 5e-5 suits fine-tuning; use 1e-3 for a small model from scratch.
        learning_rate: f64 = 5e-5,
        /// Warmup ratio: the share of all steps in which the learning rate rises from 0 to its peak.
        warmup: f64 = 0.1,
        /// Learning-rate schedule after warmup: "linear", "cosine" or "constant".
        decay: Decay = Decay::Linear,
        /// AdamW's weight decay, on matrices only.
        weight_decay: f64 = 0.01,
        /// Max gradient norm; 0: no clipping.
        clip_norm: f64 = 1.0,
        /// Dropout probability; below 0: use the base's config.
        dropout: f64 = -1.0,
        /// Classifiers: "none", or "balanced" so that rare classes count as much as frequent ones.
        class_weights: ClassWeights = ClassWeights::None,
        /// Realism: the share of real replies among the examples, between 0 and 1.
        real_share: f64 = 0.5,
        /// Validate every N steps; 0: ten times per run.
        validate_every: usize = 0,
        /// Max number of validation examples; 0: all.
        validate_limit: usize = 1000,
        /// Save a checkpoint every N steps; 0: every 3 minutes. A killed run resumes from its last checkpoint.
        save_every: usize = 0,
        /// Early-stopping patience, in validations without improvement; 0: off.
        patience: usize = 0,
        /// Generator: sample replies to generate at each validation, to comments of the validation set.
        samples: usize = 3,
        /// Random seed. The same seed on the same machine gives the same bits.
        seed: u64 = 1,
        /// auto, cpu, cuda or metal.
        device: String = "auto".to_owned(),
    }
}

/// Type of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    Integer,
    Number,
    Text,
    /// One of several words.
    Choice,
    /// The name of a base.
    Base,
    /// The name of a split.
    Split,
    /// The name of a set of fakes.
    Fakes,
}

/// A setting of a run, to build a form from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Field {
    /// Key in the run config.
    pub name: String,
    pub help: String,
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// Allowed values; empty unless it is a choice.
    pub choices: Vec<String>,
    /// Minimum, for a number.
    pub least: Option<f64>,
    /// Maximum, for a number; `None`: no limit.
    pub most: Option<f64>,
    /// The kinds of run that use it.
    pub kinds: Vec<RunKind>,
    /// Whether it is shown first; the others are collapsed.
    pub essential: bool,
}

/// Ranges of numbers: minimum and maximum.
const LIMITS: &[(&str, f64, f64)] = &[
    ("epochs", 1e-3, 1e6),
    ("steps", 0.0, 1e9),
    // all examples of a step are in memory at once
    ("batch_size", 1.0, 4096.0),
    ("accumulate", 1.0, 4096.0),
    ("limit", 0.0, f64::INFINITY),
    ("max_tokens", 16.0, 65536.0),
    ("learning_rate", 1e-9, 10.0),
    ("warmup", 0.0, 1.0),
    ("weight_decay", 0.0, 10.0),
    ("clip_norm", 0.0, f64::INFINITY),
    ("dropout", -1.0, 0.9),
    ("real_share", 0.05, 0.95),
    ("validate_every", 0.0, f64::INFINITY),
    ("validate_limit", 0.0, f64::INFINITY),
    ("save_every", 0.0, f64::INFINITY),
    ("patience", 0.0, f64::INFINITY),
    ("samples", 0.0, 100.0),
];

const ALL_KINDS: [RunKind; 3] = [RunKind::Generator, RunKind::Realism, RunKind::Upvotes];

/// The settings that are shown first.
const ESSENTIAL: [&str; 10] = [
    "name",
    "base",
    "split",
    "fakes",
    "epochs",
    "steps",
    "batch_size",
    "learning_rate",
    "max_tokens",
    "class_weights",
];

/// Every setting of a run, in the order of the TOML file. The kind itself is chosen first.
pub fn fields() -> Vec<Field> {
    let types = RunConfig::default().table().unwrap_or_default();
    let field = |(name, lines): &(&str, &[&str])| {
        let choices: &[&str] = match *name {
            "loss" => &["reply", "all"],
            "decay" => &["linear", "cosine", "constant"],
            "class_weights" => &["none", "balanced"],
            "device" => &["auto", "cpu", "cuda", "metal"],
            _ => &[],
        };
        let kind = match types.get(*name) {
            _ if !choices.is_empty() => FieldType::Choice,
            _ if *name == "base" => FieldType::Base,
            _ if *name == "split" => FieldType::Split,
            _ if *name == "fakes" => FieldType::Fakes,
            Some(toml::Value::Integer(_)) => FieldType::Integer,
            Some(toml::Value::Float(_)) => FieldType::Number,
            _ => FieldType::Text,
        };
        let kinds: &[RunKind] = match *name {
            "loss" | "samples" => &[RunKind::Generator],
            "fakes" | "real_share" => &[RunKind::Realism],
            "class_weights" => &[RunKind::Realism, RunKind::Upvotes],
            _ => &ALL_KINDS,
        };
        let limits = LIMITS.iter().find(|(limited, ..)| limited == name);
        Field {
            least: limits.map(|(_, least, _)| *least),
            most: limits
                .map(|(.., most)| *most)
                .filter(|most| most.is_finite()),
            name: (*name).to_owned(),
            help: lines
                .iter()
                .map(|line| line.trim())
                .collect::<Vec<_>>()
                .join(" "),
            kind,
            choices: choices.iter().map(|word| (*word).to_owned()).collect(),
            kinds: kinds.to_vec(),
            essential: ESSENTIAL.contains(name),
        }
    };
    RunConfig::DESCRIPTIONS
        .iter()
        .filter(|(name, _)| *name != "kind")
        .map(field)
        .collect()
}

/// A preset for a purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Preset {
    pub name: String,
    /// When to use it.
    pub help: String,
    pub config: RunConfig,
}

/// Presets for a kind of run.
pub fn presets(kind: RunKind) -> Vec<Preset> {
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
            RunConfig {
                learning_rate: 1e-3,
                batch_size: 32,
                epochs: 10.0,
                max_tokens: 96,
                dropout: 0.1,
                ..usual.clone()
            },
        ),
        preset(
            "Little memory",
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

impl RunConfig {
    /// The defaults of a kind.
    pub fn of(kind: RunKind) -> Self {
        let all = Self {
            kind,
            ..Self::default()
        };
        match kind {
            RunKind::Generator => Self {
                max_tokens: 256,
                ..all
            },
            RunKind::Realism | RunKind::Upvotes => Self {
                batch_size: 16,
                patience: 4,
                ..all
            },
        }
    }

    /// The settings of a TOML file; omitted ones have their kind's defaults.
    ///
    /// # Errors
    /// If it is not TOML, or names an unknown setting.
    pub fn from_toml(text: &str) -> Result<Self> {
        let given: toml::Table = toml::from_str(text)
            .map_err(|e| Error::usage(format!("the run config is not valid TOML: {e}")))?;
        let kind = match given.get("kind").and_then(toml::Value::as_str) {
            Some(kind) => RunKind::parse(kind)?,
            None => {
                return Err(Error::usage(
                    "the run config must set kind = \"generator\", \"realism\" or \"upvotes\"",
                ));
            }
        };
        let mut table = Self::of(kind).table()?;
        table.extend(given);
        Self::of_table(table)
    }

    /// A copy with one setting changed, as with `--set KEY=VALUE`.
    ///
    /// # Errors
    /// If there is no such setting, or the value is invalid.
    pub fn set(&self, key: &str, value: &str) -> Result<Self> {
        let mut table = self.table()?;
        let Some(old) = table.get(key) else {
            let names: Vec<&str> = Self::DESCRIPTIONS.iter().map(|(name, _)| *name).collect();
            return Err(Error::usage(format!(
                "a run has no setting {key:?}; it has: {}",
                names.join(", ")
            )));
        };
        if let Some(field) = fields().into_iter().find(|field| field.name == key)
            && !field.kinds.contains(&self.kind)
        {
            let kinds: Vec<&str> = field.kinds.iter().map(|kind| kind.as_str()).collect();
            return Err(Error::usage(format!(
                "{key} is a setting of {} runs, and this one is {}; omit it",
                kinds.join(" and "),
                self.kind.as_str()
            )));
        }
        let wrong = |what: &str| Error::usage(format!("{key} takes {what}, not {value:?}"));
        let new = match old {
            toml::Value::Integer(_) => {
                toml::Value::Integer(value.parse().map_err(|_| wrong("a whole number"))?)
            }
            toml::Value::Float(_) => {
                toml::Value::Float(value.parse().map_err(|_| wrong("a number"))?)
            }
            _ => toml::Value::String(value.to_owned()),
        };
        table.insert(key.to_owned(), new);
        Self::of_table(table)
    }

    /// The settings as TOML, with a description above each.
    ///
    /// # Errors
    /// If a number does not fit TOML (a seed above 2^63).
    pub fn to_toml(&self) -> Result<String> {
        let table = self.table()?;
        let mut out = format!("# A {} run of Repartee.\n", self.kind.as_str());
        for (name, lines) in Self::DESCRIPTIONS {
            out.push('\n');
            for line in *lines {
                out.push_str(&format!("#{line}\n"));
            }
            if let Some(value) = table.get(*name) {
                out.push_str(&format!("{name} = {value}\n"));
            }
        }
        Ok(out)
    }

    fn table(&self) -> Result<toml::Table> {
        toml::Table::try_from(self)
            .map_err(|e| Error::usage(format!("the run config does not fit TOML: {e}")))
    }

    fn of_table(mut table: toml::Table) -> Result<Self> {
        // people write 3 for 3.0
        for (name, default) in Self::default().table()? {
            if let (toml::Value::Float(_), Some(toml::Value::Integer(whole))) =
                (&default, table.get(&name))
            {
                let whole = *whole as f64;
                table.insert(name, toml::Value::Float(whole));
            }
        }
        let config: Self = table.try_into().map_err(|e| {
            Error::usage(format!("the run config is wrong: {}", e.to_string().trim()))
        })?;
        config.check()?;
        Ok(config)
    }

    /// Refuses invalid settings.
    ///
    /// # Errors
    /// Names the setting and its allowed values.
    pub fn check(&self) -> Result<()> {
        let table = self.table()?;
        for (name, least, most) in LIMITS {
            // a dropout below 0 means the base's own, and epochs are ignored if steps is set
            let unused = match *name {
                "dropout" => self.dropout < 0.0,
                "epochs" => self.steps > 0,
                _ => false,
            };
            let value = match table.get(*name) {
                Some(toml::Value::Integer(whole)) => *whole as f64,
                Some(toml::Value::Float(number)) => *number,
                _ => continue,
            };
            // NaN is in no range
            if !unused && !(*least..=*most).contains(&value) {
                let range = match most.is_finite() {
                    true => format!("between {least} and {most}"),
                    false => format!("{least} or more"),
                };
                return Err(Error::usage(format!("{name} must be {range}, not {value}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn toml_has_every_field_with_description_and_round_trips() {
        for kind in [RunKind::Generator, RunKind::Realism, RunKind::Upvotes] {
            let config = RunConfig::of(kind);
            let text = config.to_toml().unwrap();
            assert_eq!(RunConfig::from_toml(&text).unwrap(), config);
            for (name, _) in RunConfig::DESCRIPTIONS {
                assert!(text.contains(&format!("\n{name} = ")), "{name}");
            }
            assert!(text.contains("# Peak learning rate"));
        }
    }

    #[test]
    fn omitted_settings_have_the_defaults_of_their_kind() {
        let config = RunConfig::from_toml("kind = \"realism\"\nepochs = 2\nseed = 9").unwrap();
        assert_eq!(
            config,
            RunConfig {
                epochs: 2.0,
                seed: 9,
                ..RunConfig::of(RunKind::Realism)
            }
        );
    }

    #[test]
    fn forms_have_every_setting_and_presets_are_valid() {
        let names: Vec<String> = fields().into_iter().map(|field| field.name).collect();
        assert_eq!(names.len() + 1, RunConfig::DESCRIPTIONS.len());
        assert!(ESSENTIAL.iter().all(|name| names.iter().any(|n| n == name)));
        // steps override epochs: both must be shown together
        let seen = |name: &str| fields().iter().any(|f| f.name == name && f.essential);
        assert!(seen("epochs") && seen("steps"));
        let types: Vec<FieldType> = fields().iter().map(|field| field.kind).collect();
        for wanted in [
            FieldType::Integer,
            FieldType::Number,
            FieldType::Text,
            FieldType::Choice,
        ] {
            assert!(types.contains(&wanted), "{wanted:?}");
        }
        for kind in ALL_KINDS {
            for preset in presets(kind) {
                assert_eq!(preset.config.kind, kind);
                preset.config.check().unwrap();
            }
            // every value of a choice is accepted by the setting
            for field in fields().iter().filter(|field| field.kinds.contains(&kind)) {
                for word in &field.choices {
                    RunConfig::of(kind).set(&field.name, word).unwrap();
                }
            }
        }
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
    }

    #[test]
    fn one_setting_can_be_changed_by_name() {
        let config = RunConfig::of(RunKind::Generator);
        assert_eq!(
            config.set("learning_rate", "1e-3").unwrap().learning_rate,
            1e-3
        );
        assert_eq!(config.set("loss", "all").unwrap().loss, LossMask::All);
        assert_eq!(config.set("steps", "12").unwrap().steps, 12);
        assert!(
            config
                .set("steps", "many")
                .unwrap_err()
                .message
                .contains("whole number")
        );
        for (name, many) in [("accumulate", "99999999999"), ("batch_size", "1000000000")] {
            let large = config.set(name, many).and_then(|c| c.check().map(|()| c));
            let message = large.unwrap_err().message;
            assert!(
                message.contains(name) && message.contains("4096"),
                "{message}"
            );
        }
        assert!(config.set("loss", "some").is_err());
        let other = config.set("fakes", "some").unwrap_err().message;
        assert!(other.contains("realism"), "{other}");
        assert!(RunConfig::of(RunKind::Upvotes).set("loss", "all").is_err());
        assert!(
            config
                .set("speed", "1")
                .unwrap_err()
                .message
                .contains("accumulate")
        );
    }
}
