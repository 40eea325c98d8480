//! The settings of a training run: one flat struct, written out as TOML with its own comments.
//!
//! Every field is declared once, with its doc lines and default; from that come the struct, its
//! defaults, and the comments of the TOML file. The file that a run was started with is stored with
//! the run as it is.

use repartee_models::batch::LossMask;
use repartee_models::schedule::Decay;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::{Error, Result};

/// Which of the three models.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// GPT-2 on comments and replies.
    #[default]
    Generator,
    /// BERT: real reply or fake.
    Realism,
    /// BERT: which of the four upvote bins.
    Upvotes,
}

impl RunKind {
    /// As it is stored and typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Realism => "realism",
            Self::Upvotes => "upvotes",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    ///
    /// # Errors
    /// When it is none of the three.
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

    /// Classes of a classifier; 0 for the generator.
    pub fn classes(self) -> usize {
        match self {
            Self::Generator => 0,
            Self::Realism => 2,
            Self::Upvotes => 4,
        }
    }
}

/// How the classes of a classifier are weighted in its loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// All alike.
    #[default]
    None,
    /// A class counts inversely to how often it occurs, so that all together count alike.
    Balanced,
}

/// Declares the struct, its defaults, and its fields' words for the TOML file in one place.
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
            /// Every field with its words.
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
        /// A name for the run; empty: the kind and a number.
        name: String = String::new(),
        /// The base to start from; empty: the only one of the right kind.
        base: String = String::new(),
        /// The split to train on.
        split: String = "main".to_owned(),
        /// Realism: the set of fakes; empty: the only one of the split.
        fakes: String = String::new(),
        /// Passes over the train side. Not looked at when steps is set.
        epochs: f64 = 3.0,
        /// Optimizer steps; 0: as many as the epochs take.
        steps: usize = 0,
        /// Examples in a batch. The largest that fits the memory is fastest.
        batch_size: usize = 8,
        /// Batches in an optimizer step: batch_size times this is what a step learns from.
        accumulate: usize = 1,
        /// Examples of the train side, at most, drawn by the seed; 0: all.
        limit: usize = 0,
        /// The longest example, in tokens. Half of it at least is kept for the reply.
        max_tokens: usize = 128,
        /// Generator: "reply" counts the loss on the reply only, "all" on the comment too.
        loss: LossMask = LossMask::Reply,
        /// Peak learning rate. 5e-5 suits fine-tuning; a small model from scratch takes 1e-3.
        learning_rate: f64 = 5e-5,
        /// The share of all steps in which the learning rate rises from 0 to its peak.
        warmup: f64 = 0.1,
        /// How the learning rate falls after that: "linear", "cosine" or "constant".
        decay: Decay = Decay::Linear,
        /// AdamW's weight decay, on matrices only.
        weight_decay: f64 = 0.01,
        /// Gradients longer than this are scaled down to it; 0: never.
        clip_norm: f64 = 1.0,
        /// Dropout probability everywhere in the model; below 0: what the base's config says.
        dropout: f64 = -1.0,
        /// Classifiers: "none", or "balanced" so that rare classes count as much as frequent ones.
        class_weights: ClassWeights = ClassWeights::None,
        /// Realism: the share of real replies among the examples, between 0 and 1.
        real_share: f64 = 0.5,
        /// Steps from one validation to the next; 0: ten times in the run.
        validate_every: usize = 0,
        /// Examples of the val side that are validated on, at most; 0: all.
        validate_limit: usize = 1000,
        /// Steps from one save to the next; 0: every three minutes. What a killed run goes on from.
        save_every: usize = 0,
        /// Stop when so many validations in a row brought nothing better; 0: never.
        patience: usize = 0,
        /// Generator: replies drawn to comments of the val side at each validation.
        samples: usize = 3,
        /// Names all randomness of the run. The same seed on the same machine gives the same bits.
        seed: u64 = 1,
        /// auto, cpu, cuda or metal.
        device: String = "auto".to_owned(),
    }
}

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Words.
    Text,
    /// One of a few words.
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
    /// Its key in the run config.
    pub name: String,
    /// What it does, in plain words.
    pub help: String,
    /// What it takes.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// The words it may be; empty where it is no choice.
    pub choices: Vec<String>,
    /// The least it may be, for a number.
    pub least: Option<f64>,
    /// The most it may be, for a number; `None`: no limit.
    pub most: Option<f64>,
    /// The kinds of run that it means something to.
    pub kinds: Vec<RunKind>,
    /// Whether most people look at it; the others are folded away.
    pub essential: bool,
}

/// What numbers may be: the least and the most.
const LIMITS: &[(&str, f64, f64)] = &[
    ("epochs", 1e-3, f64::INFINITY),
    ("steps", 0.0, f64::INFINITY),
    ("batch_size", 1.0, f64::INFINITY),
    ("accumulate", 1.0, f64::INFINITY),
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

/// The settings that most people look at.
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

/// A good choice of settings for a purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Preset {
    /// A few words.
    pub name: String,
    /// When to take it.
    pub help: String,
    /// The settings.
    pub config: RunConfig,
}

/// Good choices for a kind of run.
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
            "A pretrained base learns from some thousand pairs: few passes at a low learning rate.",
            usual.clone(),
        ),
        preset(
            "Try it",
            "A hundred short steps, to see whether everything fits together before the long run.",
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
            "A small base without pretraining: a high learning rate, large batches and many passes.",
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
            "Two examples at a time, gathered into steps of sixteen: slower, and fits where nothing else does.",
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

    /// The settings of a TOML file; what it leaves out has the default of its kind.
    ///
    /// # Errors
    /// When it is no TOML, or names a setting that there is not.
    pub fn from_toml(text: &str) -> Result<Self> {
        let given: toml::Table = toml::from_str(text)
            .map_err(|e| Error::usage(format!("the run config is not valid TOML: {e}")))?;
        let kind = match given.get("kind").and_then(toml::Value::as_str) {
            Some(kind) => RunKind::parse(kind)?,
            None => {
                return Err(Error::usage(
                    "the run config must say kind = \"generator\", \"realism\" or \"upvotes\"",
                ));
            }
        };
        let mut table = Self::of(kind).table()?;
        table.extend(given);
        Self::of_table(table)
    }

    /// The same with one setting changed, as `--set KEY=VALUE` gives it.
    ///
    /// # Errors
    /// When there is no such setting, or the value does not fit it.
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
                "{key} is a setting of {} runs, and this is one of kind {}; leave it out",
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

    /// The settings as TOML, every field under its words.
    ///
    /// # Errors
    /// When a number does not fit TOML (a seed above 2^63).
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
        // 3 for 3.0 is what people write
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

    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// Names the setting and what it may be.
    pub fn check(&self) -> Result<()> {
        let table = self.table()?;
        for (name, least, most) in LIMITS {
            // a dropout below 0 means the base's own, and epochs are not looked at when steps are set
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
    fn the_file_has_every_field_with_its_words_and_reads_back() {
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
    fn what_a_file_leaves_out_is_the_default_of_its_kind() {
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
    fn forms_know_every_setting_and_presets_can_be_run() {
        let names: Vec<String> = fields().into_iter().map(|field| field.name).collect();
        assert_eq!(names.len() + 1, RunConfig::DESCRIPTIONS.len());
        assert!(ESSENTIAL.iter().all(|name| names.iter().any(|n| n == name)));
        // steps outdo the epochs: who sees one has to see the other
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
            // every word of a choice is one that the setting takes
            for field in fields().iter().filter(|field| field.kinds.contains(&kind)) {
                for word in &field.choices {
                    RunConfig::of(kind).set(&field.name, word).unwrap();
                }
            }
        }
    }

    #[test]
    fn mistakes_are_named() {
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
