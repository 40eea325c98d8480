//! What is stored of a run, with the current names of the items it names: an item may have been renamed since.

use repartee_core::error::Result;
use repartee_core::job::from_json;
use repartee_store::items::ItemKind;
use repartee_store::runs::Run;

use crate::training::RunFacts;
use crate::training::run_config::RunConfig;

/// A run's settings, with the current names of itself and its base, split and fakes.
pub(crate) fn config_now(run: &Run) -> Result<RunConfig> {
    let now = |kind| match kind {
        ItemKind::Run => Some(&run.name),
        ItemKind::Base => Some(&run.base),
        ItemKind::Split => Some(&run.split),
        _ => run.fakes.as_ref(),
    };
    let mut config: RunConfig = from_json(&run.config)?;
    for (kind, name) in config.names() {
        // unset names stay unset
        if let (false, Some(now)) = (name.is_empty(), now(kind)) {
            now.clone_into(name);
        }
    }
    Ok(config)
}

/// What is known of a run, with the current names of its base, split and fakes.
pub(crate) fn facts_now(run: &Run) -> Option<RunFacts> {
    let mut facts: RunFacts = serde_json::from_str(&run.facts).ok()?;
    facts.base.clone_from(&run.base);
    facts.split.clone_from(&run.split);
    if run.fakes.is_some() {
        facts.fakes.clone_from(&run.fakes);
    }
    Some(facts)
}
