//! How a setting of a run is declared: one row, from which its field in [`RunConfig`](super::RunConfig), its comment in
//! a TOML file, its flag, its place in a form, and its checks follow.

use repartee_core::error::{Error, Result};
use repartee_models::batch::LossMask;
use repartee_models::schedule::Decay;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::{ClassWeights, ModelKind, RunConfig};

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
    pub label: String,
    pub help: String,
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// Allowed values; empty unless it is a choice.
    pub choices: Vec<String>,
    /// Minimum, for a number; `None`: no limit.
    pub least: Option<f64>,
    /// Maximum, for a number; `None`: no limit.
    pub most: Option<f64>,
    /// The kinds of run that use it.
    pub kinds: Vec<ModelKind>,
    /// The heading that it stands under.
    pub group: String,
    /// Whether it is shown first; the others are collapsed.
    pub essential: bool,
}

/// Where a setting stands in forms and in help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Essentials,
    Examples,
    Optimizer,
    Validation,
    System,
}

impl Group {
    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Essentials => "Essentials",
            Self::Examples => "Training examples",
            Self::Optimizer => "Optimizer",
            Self::Validation => "Validation & checkpoints",
            Self::System => "System",
        }
    }
}

/// What is declared of a setting besides its name, description, type and default.
#[derive(Clone, Copy)]
pub struct Row {
    pub group: Group,
    /// Label in a form; empty: the name.
    pub label: &'static str,
    /// Another name of its flag; empty: none.
    pub alias: &'static str,
    /// What an empty text means.
    pub empty: &'static str,
    /// The item that a text names; `None`: it is no name.
    pub item: Option<FieldType>,
    /// Allowed words; empty: any.
    pub choices: &'static [&'static str],
    /// Minimum and maximum of a number.
    pub range: (f64, f64),
    /// The kinds of run that use it.
    pub kinds: &'static [ModelKind],
    /// Whether the value is not used, so that its range does not count.
    pub unused: fn(&RunConfig) -> bool,
}

pub const ALL_KINDS: &[ModelKind] = &[ModelKind::Generator, ModelKind::Realism, ModelKind::Upvotes];
pub const CLASSIFIERS: &[ModelKind] = &[ModelKind::Realism, ModelKind::Upvotes];
/// All examples of a step are in memory at once.
pub const EXAMPLES_AT_ONCE: (f64, f64) = (1.0, 4096.0);

/// A setting that is shown first; numbers are 0 or more. Rows are written as changes to this and to the other groups.
pub const ESSENTIAL: Row = Row {
    group: Group::Essentials,
    label: "",
    alias: "",
    empty: "",
    item: None,
    choices: &[],
    range: (0.0, f64::INFINITY),
    kinds: ALL_KINDS,
    unused: |_| false,
};
pub const EXAMPLES: Row = Row {
    group: Group::Examples,
    ..ESSENTIAL
};
pub const OPTIMIZER: Row = Row {
    group: Group::Optimizer,
    ..ESSENTIAL
};
pub const VALIDATION: Row = Row {
    group: Group::Validation,
    ..ESSENTIAL
};
pub const SYSTEM: Row = Row {
    group: Group::System,
    ..ESSENTIAL
};

/// A type that a setting can have.
pub trait SettingType: Sized {
    const TYPE: FieldType;
    /// A value from JSON; `None`: it is of another type.
    fn read(json: &str) -> Option<Self>;
    /// The value, if it is a number.
    fn number(&self) -> Option<f64>;
}

macro_rules! setting_types {
    ($($ty:ty, $kind:ident: $read:expr, $number:expr;)+) => {$(
        impl SettingType for $ty {
            const TYPE: FieldType = FieldType::$kind;
            fn read(json: &str) -> Option<Self> {
                let read: fn(&str) -> Option<Self> = $read;
                read(json)
            }
            fn number(&self) -> Option<f64> {
                let number: fn(&Self) -> Option<f64> = $number;
                number(self)
            }
        }
    )+};
}

fn word<T: serde::de::DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}

setting_types! {
    usize, Integer: |json| json.parse().ok(), |n| Some(*n as f64);
    u64, Integer: |json| json.parse().ok(), |n| Some(*n as f64);
    // parsed here, because serde_json may round the last digit
    f64, Number: |json| json.parse().ok().filter(|x: &f64| x.is_finite()), |x| Some(*x);
    String, Text: word, |_| None;
    ModelKind, Choice: word, |_| None;
    LossMask, Choice: word, |_| None;
    Decay, Choice: word, |_| None;
    ClassWeights, Choice: word, |_| None;
}

/// A setting of a run.
pub struct Setting {
    /// Key in the run config.
    pub name: &'static str,
    /// The lines of its description.
    pub(super) lines: &'static [&'static str],
    pub(super) value: FieldType,
    pub row: Row,
    pub(super) get: fn(&RunConfig) -> Value,
    pub(super) number: fn(&RunConfig) -> Option<f64>,
    /// Sets it to a value in JSON; false: it is of another type.
    pub(super) put: fn(&mut RunConfig, &str) -> bool,
}

/// "reply or all".
fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

impl Setting {
    pub fn kind(&self) -> FieldType {
        match self.row.item {
            _ if !self.row.choices.is_empty() => FieldType::Choice,
            Some(item) => item,
            None => self.value,
        }
    }

    pub fn is_number(&self) -> bool {
        matches!(self.value, FieldType::Integer | FieldType::Number)
    }

    /// Whether runs of this kind use it.
    pub fn is_for(&self, kind: ModelKind) -> bool {
        self.row.kinds.contains(&kind)
    }

    /// Its description, without what an empty value means.
    pub fn description(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|line| line.trim()).collect();
        lines.join(" ")
    }

    /// Its description in full, in lines.
    fn help(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| line.trim().to_owned())
            .collect();
        if let (Some(last), false) = (lines.last_mut(), self.row.empty.is_empty()) {
            last.push_str(&format!(" Empty: {}.", self.row.empty));
        }
        lines
    }

    /// "Learning rate" for `learning_rate`, unless the row has another label.
    pub fn label(&self) -> String {
        if !self.row.label.is_empty() {
            return self.row.label.to_owned();
        }
        let words = self.name.replace('_', " ");
        let (first, rest) = words.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    }

    /// Its default, or what an empty one means.
    pub fn default_of(&self, kind: ModelKind) -> String {
        let usual = RunConfig::of(kind);
        match (self.number)(&usual) {
            Some(number) => number.to_string(),
            None => match (self.get)(&usual) {
                Value::String(text) if text.is_empty() => self.row.empty.to_owned(),
                Value::String(text) => text,
                other => other.to_string(),
            },
        }
    }

    pub(super) fn field(&self) -> Field {
        let finite = |limit: f64| Some(limit).filter(|limit| self.is_number() && limit.is_finite());
        Field {
            name: self.name.to_owned(),
            label: self.label(),
            help: self.help().join(" "),
            kind: self.kind(),
            choices: self.row.choices.iter().map(|&w| w.to_owned()).collect(),
            least: finite(self.row.range.0),
            most: finite(self.row.range.1),
            kinds: self.row.kinds.to_vec(),
            group: self.row.group.title().to_owned(),
            essential: self.row.group == Group::Essentials,
        }
    }

    /// Its lines in a TOML file: the description and the value.
    pub(super) fn toml(&self, config: &RunConfig) -> Result<String> {
        let value = toml::Value::try_from((self.get)(config))
            .map_err(|e| Error::usage(format!("{} does not fit TOML: {e}", self.name)))?;
        let comment: Vec<String> = self
            .help()
            .iter()
            .map(|line| format!("# {line}\n"))
            .collect();
        Ok(format!("{}{} = {value}\n", comment.concat(), self.name))
    }

    /// What a value must be: "a number", "reply or all".
    fn expected(&self) -> String {
        match self.value {
            FieldType::Integer => "a whole number".to_owned(),
            FieldType::Number => "a number".to_owned(),
            _ if !self.row.choices.is_empty() => one_of(self.row.choices),
            _ => "a text".to_owned(),
        }
    }

    /// Sets it to a value in JSON.
    pub(super) fn put_json(&self, config: &mut RunConfig, json: &str) -> Result<()> {
        match (self.put)(config, json) {
            true => Ok(()),
            false => Err(self.wrong(json)),
        }
    }

    /// Sets it to a value as a person types it: without quotes around a text.
    pub(super) fn put_typed(&self, config: &mut RunConfig, typed: &str) -> Result<()> {
        let quoted = Value::from(typed).to_string();
        let json = if self.is_number() { typed } else { &quoted };
        match (self.put)(config, json) {
            true => Ok(()),
            false => Err(self.wrong(&quoted)),
        }
    }

    fn wrong(&self, json: &str) -> Error {
        Error::usage(format!(
            "{} takes {}, not {json}",
            self.name,
            self.expected()
        ))
    }

    /// Whether a value as a person types it is of its type.
    ///
    /// # Errors
    /// What was expected.
    pub fn check_typed(&self, typed: &str) -> std::result::Result<(), String> {
        let mut scratch = RunConfig::of(ModelKind::Generator);
        self.put_typed(&mut scratch, typed)
            .map_err(|_| format!("expected {}", self.expected()))
    }

    /// Refuses a value outside of its range or choices.
    pub(super) fn check(&self, config: &RunConfig) -> Result<()> {
        let (least, most) = self.row.range;
        let value = (self.get)(config);
        let wanted = match (self.number)(config) {
            // NaN is in no range, and no setting is infinite
            Some(x)
                if (self.row.unused)(config) || ((least..=most).contains(&x) && x.is_finite()) =>
            {
                return Ok(());
            }
            Some(_) if most.is_finite() => format!("between {least} and {most}"),
            Some(_) => format!("{least} or more"),
            None => match value.as_str() {
                Some(word) if !self.row.choices.is_empty() && !self.row.choices.contains(&word) => {
                    one_of(self.row.choices)
                }
                _ => return Ok(()),
            },
        };
        let value = match (self.number)(config) {
            Some(number) => number.to_string(),
            None => value.to_string(),
        };
        Err(Error::usage(format!(
            "{} must be {wanted}, not {value}",
            self.name
        )))
    }
}

/// Declares the struct, the defaults and the list of all settings, one row per setting: description, name, type,
/// default (if they differ: of the generator, of the classifiers), and the rest.
macro_rules! settings {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $($(#[doc = $line:literal])+
            $field:ident: $ty:ty = $default:expr $(, $classifiers:expr)? => $row:expr;)+
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, ts_rs::TS)]
        pub struct $name {
            $($(#[doc = $line])+ pub $field: $ty,)+
        }

        impl $name {
            /// The defaults of a kind.
            pub fn of(kind: ModelKind) -> Self {
                let mut config = Self { $($field: $default,)+ };
                if kind != ModelKind::Generator {
                    $($(config.$field = $classifiers;)?)+
                }
                config.kind = kind;
                config
            }
        }

        /// All settings, in the order of a TOML file and of forms.
        pub static SETTINGS: &[Setting] = &[$(Setting {
            name: stringify!($field),
            lines: &[$($line),+],
            value: <$ty as SettingType>::TYPE,
            row: $row,
            get: |config| serde_json::to_value(&config.$field).unwrap_or_default(),
            number: |config| config.$field.number(),
            put: |config, json| match <$ty as SettingType>::read(json) {
                Some(value) => {
                    config.$field = value;
                    true
                }
                None => false,
            },
        }),+];
    };
}
pub(super) use settings;
