//! Models in use by a job. A warm worker has those of its last job in memory; every other process loads them, and drops
//! each after its use.

use repartee_core::error::Result;
use repartee_core::job::Ctx;
use repartee_core::warm::Warm;
use repartee_models::stop::Stop;
use repartee_models::{Device, device_name};
use repartee_store::runs::Checkpoint;
use repartee_terms::Precision;

use crate::ToEngine;
use crate::training::model::{Classifier, Writer};

/// A model, and where it goes after its use.
pub(crate) struct Lent<M> {
    pub(crate) model: M,
    key: String,
    /// None: nowhere.
    warm: Option<Warm>,
}

/// A model that can stay in memory.
pub(crate) trait Lendable: Send + 'static {
    /// The checkpoint, as the project names it now.
    fn checkpoint(&mut self) -> &mut Checkpoint;

    /// Ends its forward passes when this says so. Frees what earlier passes left.
    fn set_stop(&mut self, stop: Stop);

    /// Makes its tokenizer cache no words.
    fn disable_cache(&mut self);
}

/// Both kinds of models have the same parts, of different types.
macro_rules! lendable {
    ($($model:ty),+) => {$(
        impl Lendable for $model {
            fn checkpoint(&mut self) -> &mut Checkpoint {
                &mut self.checkpoint
            }

            fn set_stop(&mut self, stop: Stop) {
                self.model.set_stop(stop);
            }

            fn disable_cache(&mut self) {
                self.text.disable_cache();
            }
        }
    )+};
}

lendable!(Writer, Classifier);

/// Names all that a loaded model depends on: which checkpoint, as of which step of its training.
fn key(checkpoint: &Checkpoint, device: &Device, precision: Precision) -> String {
    format!(
        "checkpoint {} of step {}, saved {}, on {} at {precision}",
        checkpoint.id,
        checkpoint.step,
        checkpoint.created_ms,
        device_name(device)
    )
}

/// Drops the models in memory that a job doesn't use, before it loads others.
pub(crate) fn keep_only<'a>(
    ctx: &Ctx,
    device: &Device,
    used: impl IntoIterator<Item = (&'a Checkpoint, Precision)>,
) {
    if let Some(warm) = &ctx.project.warm {
        let keys: Vec<String> = used
            .into_iter()
            .map(|(checkpoint, precision)| key(checkpoint, device, precision))
            .collect();
        warm.keep_only(&keys);
    }
}

/// A generator for generation: the one in memory, or loaded.
pub(crate) fn writer(
    ctx: &Ctx,
    checkpoint: Checkpoint,
    device: &Device,
    precision: Precision,
) -> Result<Lent<Writer>> {
    lend(ctx, checkpoint, device, precision, |checkpoint| {
        ctx.engine().writer_of(checkpoint, device, precision)
    })
}

/// A classifier: the one in memory, or loaded.
pub(crate) fn classifier(
    ctx: &Ctx,
    checkpoint: Checkpoint,
    device: &Device,
    precision: Precision,
) -> Result<Lent<Classifier>> {
    lend(ctx, checkpoint, device, precision, |checkpoint| {
        ctx.engine().classifier_of(checkpoint, device, precision)
    })
}

fn lend<M: Lendable>(
    ctx: &Ctx,
    checkpoint: Checkpoint,
    device: &Device,
    precision: Precision,
    load: impl FnOnce(Checkpoint) -> Result<M>,
) -> Result<Lent<M>> {
    let (key, warm) = (
        key(&checkpoint, device, precision),
        ctx.project.warm.clone(),
    );
    let kept = warm.as_ref().and_then(|warm| warm.take::<M>(&key));
    let mut model = match kept {
        Some(mut model) => {
            ctx.say(format!("{} is still in memory", checkpoint.run));
            // the run may have been renamed
            *model.checkpoint() = checkpoint;
            model
        }
        None => {
            let mut model = load(checkpoint)?;
            if warm.is_some() {
                model.disable_cache();
            }
            model
        }
    };
    model.set_stop(Stop::when(ctx.stop_check()));
    Ok(Lent { model, key, warm })
}

impl<M: Lendable> Lent<M> {
    /// After its use: it stays in memory in a warm worker, and is dropped elsewhere.
    pub(crate) fn give_back(mut self) {
        if let Some(warm) = self.warm {
            self.model.set_stop(Stop::default());
            warm.put(self.key, self.model);
        }
    }
}
