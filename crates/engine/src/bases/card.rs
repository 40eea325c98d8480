//! What an exported model says of itself: its card, and its marks in config.json.

use repartee_core::error::{Error, Result};
use serde_json::json;

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

/// The notice's key in an exported config.json; other programs ignore unknown keys.
const NOTICE_KEY: &str = "repartee_notice";

/// The key of the input format.
pub(crate) const INPUT_KEY: &str = "repartee_input";

/// The key that marks an exported model as trained on Reddit content; `base add` reads it, so that a model keeps the
/// mark when it passes through a folder.
const TRAINED_KEY: &str = "repartee_trained_on_reddit";

/// Whether a config.json has that mark.
pub(crate) fn says_trained(config: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(config)
        .is_ok_and(|config| config[TRAINED_KEY] == json!(true))
}

/// A config.json with that mark.
pub(crate) fn trained(config: &str) -> Result<String> {
    with_key(config, TRAINED_KEY, json!(true))
}

/// A config.json with the notice in it.
pub(crate) fn noted(config: &str, mark: Option<&str>) -> Result<String> {
    match mark {
        None => Ok(config.to_owned()),
        Some(mark) => with_key(config, NOTICE_KEY, json!(mark)),
    }
}

pub(crate) fn with_key(config: &str, key: &str, said: serde_json::Value) -> Result<String> {
    let failed = |e: serde_json::Error| Error::internal(format!("config.json: {e}"));
    let mut value: serde_json::Value = serde_json::from_str(config).map_err(failed)?;
    if let Some(keys) = value.as_object_mut() {
        keys.insert(key.to_owned(), said);
    }
    serde_json::to_string_pretty(&value).map_err(failed)
}
