//! What strict mode refuses: training on Reddit content without permission.

use repartee_core::error::{Code, Error, Result};
use repartee_core::study::{Purpose, Standing, is_trained};
use repartee_store::bases::Base;
use repartee_store::fakes::FakeSet;
use repartee_store::splits::Split;

use crate::Engine;
use crate::run_config::{RunConfig, RunKind};

impl Engine {
    /// Why a training with these settings is refused; none: it isn't.
    ///
    /// # Errors
    /// [`Code::NotFound`] if the settings name something that does not exist.
    pub fn train_refusal(&self, config: &RunConfig) -> Result<Option<Error>> {
        let standing = self.study_standing()?;
        if standing.refusal(Purpose::Training).is_none() {
            return Ok(None);
        }
        let base = crate::train::base_of(&self.store, config)?;
        let split = self.store.split(&config.split)?;
        let fakes = match config.kind {
            RunKind::Realism => Some(crate::train::fakes_of(&self.store, config, &split)?),
            _ => None,
        };
        Ok(may_train(self, &base, &split, fakes.as_ref()).err())
    }

    /// Whether a model was trained on Reddit content: on the pairs of this split, or through its base.
    pub(crate) fn learned_from_reddit(&self, split: i64, base: &Base) -> Result<bool> {
        let standing = self.study_standing()?;
        Ok(is_trained(base) || source_among(self, &standing, Some(split))?.is_some())
    }
}

/// In strict mode, refuses training on Reddit content without permission: the pairs of the split, those that the fakes'
/// generator was trained on, or a base trained on Reddit content elsewhere.
pub(crate) fn may_train(
    engine: &Engine,
    base: &Base,
    split: &Split,
    fakes: Option<&FakeSet>,
) -> Result<()> {
    let standing = engine.study_standing()?;
    let Some(why) = standing.refusal(Purpose::Training) else {
        return Ok(());
    };
    if is_trained(base) {
        let what = format!("base {:?} was trained on Reddit content", base.name);
        return Err(refused(&why, &what));
    }
    if let Some(source) = source_among(engine, &standing, Some(split.id))? {
        let what = format!("split {:?} has text of source {source:?}", split.name);
        return Err(refused(&why, &what));
    }
    let Some(fakes) = fakes else {
        return Ok(());
    };
    let writer = engine.store.checkpoint_by_id(fakes.checkpoint_id)?;
    match source_among(engine, &standing, Some(writer.split_id))? {
        Some(source) => {
            let what = format!(
                "the fakes {:?} were written by run {:?}, which was trained on text of source {source:?}",
                fakes.name, writer.run
            );
            Err(refused(&why, &what))
        }
        None => Ok(()),
    }
}

/// In strict mode, refuses a tokenizer trained on Reddit content without permission.
pub(crate) fn may_train_tokenizer(engine: &Engine, split: Option<i64>) -> Result<()> {
    let standing = engine.study_standing()?;
    let Some(why) = standing.refusal(Purpose::Training) else {
        return Ok(());
    };
    match source_among(engine, &standing, split)? {
        Some(source) => {
            let what = format!("the tokenizer would be trained on text of source {source:?}");
            Err(refused(&why, &what)
                .with("a tokenizer from elsewhere needs none of it: --tokenizer FOLDER"))
        }
        None => Ok(()),
    }
}

/// The name of a source that needs permission, among those of a split's pairs (none: of all pairs).
fn source_among(
    engine: &Engine,
    standing: &Standing,
    split: Option<i64>,
) -> Result<Option<String>> {
    let ids: Vec<i64> = standing.sources.iter().map(|(id, _)| *id).collect();
    let found = engine.store.pairs_have_source(split, &ids)?;
    Ok(found.and_then(|found| {
        let named = standing.sources.iter().find(|(id, _)| *id == found);
        named.map(|(_, name)| name.clone())
    }))
}

fn refused(why: &str, what: &str) -> Error {
    Error::new(
        Code::Permission,
        format!("{why}, and this project is strict: {what}"),
    )
    .with("record the permission once you have it: `repartee study record training --granted --date DAY --scope ... --link ...`")
    .with("or switch strict off, which is kept in the audit log: `repartee study strict off --yes`; charts and exports stay marked")
}
