//! What strict mode refuses: training on Reddit content without permission.

use repartee_core::error::{Code, Error, Result};
use repartee_core::study::{Purpose, Standing, is_trained};
use repartee_store::bases::Base;
use repartee_store::fakes::FakeSet;
use repartee_store::splits::Split;

use crate::Engine;

impl Engine {
    /// Whether a model was trained on Reddit content: on the pairs of this split, or through its base.
    pub(crate) fn learned_from_reddit(&self, split: i64, base: &Base) -> Result<bool> {
        let standing = self.study_standing()?;
        Ok(self.base_learned_from_reddit(&standing, base)?
            || source_among(self, &standing, Some(split))?.is_some())
    }

    /// Whether a base was trained on Reddit content: elsewhere, or here, by its tokenizer. Text that is no longer in
    /// the project counts like text of unknown origin.
    pub(crate) fn base_learned_from_reddit(
        &self,
        standing: &Standing,
        base: &Base,
    ) -> Result<bool> {
        if is_trained(base) {
            return Ok(true);
        }
        let sources: Vec<i64> = standing.sources.iter().map(|(id, _)| *id).collect();
        let has_own =
            base.origin.contains("tokenizer of the ") && !base.origin.contains("the tokenizer of ");
        match self.store.base_saw_any(base.id, &sources)? {
            Some(saw) => Ok(saw),
            // made before the record: on any of the pairs
            None => Ok(has_own && source_among(self, standing, None)?.is_some()),
        }
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
    let mut standing = engine.study_standing()?;
    let learned = engine.base_learned_from_reddit(&standing, base)?;
    if learned && !standing.is_needed() {
        // its text is gone from the project, but not from the base
        standing
            .sources
            .push((-base.id, format!("base {}", base.name)));
    }
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
    if learned {
        let what = format!(
            "the tokenizer of base {:?} was trained on Reddit content",
            base.name
        );
        return Err(refused(&why, &what));
    }
    let Some(fakes) = fakes else {
        return Ok(());
    };
    let writer = engine.store.checkpoint_by_id(fakes.checkpoint_id)?;
    let written = format!(
        "the fakes {:?} were written by run {:?}, which was trained on",
        fakes.name, writer.run
    );
    if let Some(source) = source_among(engine, &standing, Some(writer.split_id))? {
        return Err(refused(
            &why,
            &format!("{written} text of source {source:?}"),
        ));
    }
    let base = engine.store.base_by_id(writer.base_id)?;
    match engine.base_learned_from_reddit(&standing, &base)? {
        true => Err(refused(
            &why,
            &format!("{written} base {:?} with Reddit content", base.name),
        )),
        false => Ok(()),
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
