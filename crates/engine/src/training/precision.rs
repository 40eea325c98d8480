//! The precision at which a trained model computes: the requested one, or the fastest whose loss was measured to be
//! small (`repartee quality`). Each model has its own.

use repartee_core::error::{Error, Result};
use repartee_core::format::counted;
use repartee_core::job::Ctx;
use repartee_core::shell;
use repartee_models::{Device, device_name, fast};
use repartee_store::quality::Quality;
use repartee_store::runs::Checkpoint;
use repartee_terms::{ModelKind, Precision, PrecisionChoice};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{Engine, ToEngine};

/// The largest loss that `auto` accepts: the perplexity relative to that of f32, and by how much the AUC may be below
/// that of f32.
const MOST_PERPLEXITY: f64 = 1.01;
const MOST_AUC: f64 = 0.002;
/// A difference of two AUCs of exactly the limit may be this much above it.
const ROUNDING: f64 = 1e-12;

/// A precision, and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Chosen {
    pub precision: Precision,
    pub reason: String,
}

/// The name of the figure that a kind of model is measured by.
pub fn figure_name(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Generator => "perplexity",
        ModelKind::Realism => "AUC",
        ModelKind::Upvotes => "macro AUC",
    }
}

/// A figure with the digits that its limit needs.
pub fn figure_text(kind: ModelKind, figure: f64) -> String {
    match kind {
        ModelKind::Generator => format!("{figure:.2}"),
        ModelKind::Realism | ModelKind::Upvotes => format!("{figure:.4}"),
    }
}

/// Whether the loss of a figure is small against that at f32.
fn is_small(kind: ModelKind, figure: f64, exact: f64) -> bool {
    match kind {
        ModelKind::Generator => figure <= exact * MOST_PERPLEXITY,
        ModelKind::Realism | ModelKind::Upvotes => figure >= exact - MOST_AUC - ROUNDING,
    }
}

/// What `auto` takes on the CPU for a run whose checkpoint was measured as in `rows`: the fastest precision whose
/// perplexity is at most 1% above that of f32, or whose AUC is at most 0.002 below it. f32 if it was not measured, or on
/// a processor with other instructions than those of this one.
pub fn choose(run: &str, kind: ModelKind, rows: &[Quality], instructions: &str) -> Chosen {
    let exactly = |reason: String| Chosen {
        precision: Precision::F32,
        reason,
    };
    let command = shell::command(["quality", run]);
    let Some(f32) = rows.iter().find(|row| row.precision == Precision::F32) else {
        return exactly(format!(
            "quality has not been measured for this run; run `{command}`"
        ));
    };
    if f32.instructions != instructions {
        return exactly(format!(
            "quality was measured on a processor with other instructions ({}; this one has {instructions}); run `{command}`",
            f32.instructions
        ));
    }
    let name = figure_name(kind);
    let Some(best) = f32.figure else {
        return exactly(format!(
            "the {name} at f32 is undefined on the {} that quality measured",
            counted(f32.examples, "example", "examples")
        ));
    };
    let text = |figure: Option<f64>| match figure {
        Some(figure) => format!("{name} {}", figure_text(kind, figure)),
        None => format!("undefined {name}"),
    };
    let is_ok = |row: &&Quality| (row.figure).is_some_and(|figure| is_small(kind, figure, best));
    let fastest =
        rows.iter()
            .filter(is_ok)
            .fold(f32, |fastest, row| match row.rate > fastest.rate {
                true => row,
                false => fastest,
            });
    if fastest.precision != Precision::F32 {
        return Chosen {
            precision: fastest.precision,
            reason: format!(
                "the fastest with a small loss: {} against {} at f32, at {:.1} times its speed",
                text(fastest.figure),
                figure_text(kind, best),
                fastest.rate / f32.rate
            ),
        };
    }
    let lossy: Vec<String> = rows
        .iter()
        .filter(|row| row.rate > f32.rate && !is_ok(row))
        .map(|row| format!("{} {}", row.precision, text(row.figure)))
        .collect();
    exactly(match lossy.is_empty() {
        true => "the fastest on this processor".to_owned(),
        false => format!(
            "what is faster loses too much: {} against {} at f32",
            lossy.join(", "),
            figure_text(kind, best)
        ),
    })
}

/// What `auto` takes on the CPU for a generator whose replies a realism model scores, where it takes `auto` without that
/// model: the precision of the fakes that the realism model was trained on, so that it scores replies like those. Only
/// f32, or one whose loss was measured to be small.
fn of_fakes(auto: Chosen, rows: &[Quality], instructions: &str, fakes: Precision) -> Chosen {
    let figure = |precision: Precision| {
        rows.iter()
            .find(|row| row.precision == precision && row.instructions == instructions)
            .and_then(|row| row.figure)
    };
    let is_allowed = match (figure(fakes), figure(Precision::F32)) {
        _ if fakes == Precision::F32 => true,
        (Some(figure), Some(exact)) => is_small(ModelKind::Generator, figure, exact),
        _ => false,
    };
    if fakes == auto.precision || !is_allowed {
        return auto;
    }
    Chosen {
        precision: fakes,
        reason: format!(
            "the realism model was trained on fakes generated at {fakes}; to use {faster}, which is faster, generate fakes \
             at {faster} and train the realism model on them",
            faster = auto.precision
        ),
    }
}

/// The precision on a GPU.
///
/// # Errors
/// [`repartee_core::error::Code::Usage`] if another than f32 is requested.
pub(super) fn on_gpu(choice: PrecisionChoice, device: &str) -> Result<Chosen> {
    match choice.named() {
        None | Some(Precision::F32) => Ok(Chosen {
            precision: Precision::F32,
            reason: format!("models compute in f32 on {device}"),
        }),
        Some(other) => Err(Error::usage(format!(
            "precision {other} is for the CPU; on {device} models compute in f32"
        ))),
    }
}

impl Engine {
    /// The precision of a checkpoint on a device. `fakes`: that of the fakes on which the realism model was trained that
    /// scores its replies.
    ///
    /// # Errors
    /// [`repartee_core::error::Code::Usage`] if the device does not have the requested one.
    pub(crate) fn precision_of(
        &self,
        choice: PrecisionChoice,
        checkpoint: &Checkpoint,
        device: &Device,
        fakes: Option<Precision>,
    ) -> Result<Chosen> {
        if !device.is_cpu() {
            return on_gpu(choice, device_name(device));
        }
        if let Some(precision) = choice.named() {
            let reason = "as requested".to_owned();
            return Ok(Chosen { precision, reason });
        }
        let (rows, auto) = self.auto_of(checkpoint)?;
        Ok(match fakes {
            Some(fakes) => of_fakes(auto, &rows, &fast::instructions(), fakes),
            None => auto,
        })
    }

    /// What quality measured of a checkpoint, and what `auto` takes for it on the CPU. Rows that cannot be read are
    /// measured again, not an error: nothing else depends on them.
    pub(crate) fn auto_of(&self, checkpoint: &Checkpoint) -> Result<(Vec<Quality>, Chosen)> {
        let run = checkpoint.run.as_str();
        let Some(rows) = self.quality_rows(checkpoint)? else {
            let command = shell::command(["quality", run]);
            let reason = format!("what quality measured cannot be read; run `{command}`");
            let precision = Precision::F32;
            return Ok((Vec::new(), Chosen { precision, reason }));
        };
        let auto = choose(run, checkpoint.kind, &rows, &fast::instructions());
        Ok((rows, auto))
    }

    /// What quality measured of a checkpoint; `None`: it cannot be read.
    pub(crate) fn quality_rows(&self, checkpoint: &Checkpoint) -> Result<Option<Vec<Quality>>> {
        use repartee_store::Error as Store;
        match self.store.quality(checkpoint.id) {
            Ok(rows) => Ok(Some(rows)),
            Err(error @ (Store::Damaged(_) | Store::Unreadable(_))) => {
                tracing::warn!("the quality of {} is not used: {error}", checkpoint.run);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// As [`Engine::precision_of`]; says in the job's log what was chosen automatically, and why.
///
/// # Errors
/// As [`Engine::precision_of`].
pub(crate) fn resolved(
    ctx: &Ctx,
    choice: PrecisionChoice,
    checkpoint: &Checkpoint,
    device: &Device,
    fakes: Option<Precision>,
) -> Result<Precision> {
    let engine = ctx.engine();
    let Chosen { precision, reason } = engine.precision_of(choice, checkpoint, device, fakes)?;
    if choice == PrecisionChoice::Auto {
        ctx.say(format!("{} runs at {precision}: {reason}", checkpoint.run));
    }
    Ok(precision)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use repartee_core::error::Code;
    use repartee_datasets::Partition;

    use super::*;

    const HERE: &str = "f32 avx512, bf16 avx512, int8 avx512";

    fn rows(all: [(Option<f64>, f64); 3]) -> Vec<Quality> {
        let row = |(precision, (figure, rate)): (&Precision, (Option<f64>, f64))| Quality {
            precision: *precision,
            figure,
            examples: 400,
            partition: Partition::Val,
            rate,
            instructions: HERE.to_owned(),
            measured_ms: 1,
        };
        Precision::ALL.iter().zip(all).map(row).collect()
    }

    /// What is chosen by figures and rates at f32, bf16 and int8.
    fn chosen(kind: ModelKind, figures: [f64; 3], rates: [f64; 3]) -> (Precision, String) {
        let [a, b, c] = figures.map(Some);
        let [x, y, z] = rates;
        let chosen = choose("writer", kind, &rows([(a, x), (b, y), (c, z)]), HERE);
        (chosen.precision, chosen.reason)
    }

    #[test]
    fn the_fastest_precision_with_a_small_loss_is_chosen() {
        use ModelKind::{Generator, Realism, Upvotes};
        let rising = [100.0, 180.0, 250.0];
        for (kind, figures, rates, want) in [
            (Generator, [50.0, 50.1, 50.2], rising, Precision::Int8),
            (
                Generator,
                [50.0, 50.1, 50.2],
                [100.0, 180.0, 170.0],
                Precision::Bf16,
            ),
            // exactly 1% is small, more is not
            (Generator, [50.0, 50.1, 50.5], rising, Precision::Int8),
            (Generator, [50.0, 50.1, 50.51], rising, Precision::Bf16),
            (Generator, [50.0, 51.0, 50.51], rising, Precision::F32),
            // what is better than f32 has no loss
            (Generator, [50.0, 49.0, 48.0], rising, Precision::Int8),
            (Realism, [0.9, 0.8995, 0.898], rising, Precision::Int8),
            (Realism, [0.9, 0.8995, 0.8979], rising, Precision::Bf16),
            (Upvotes, [0.7, 0.69, 0.71], rising, Precision::Int8),
            (Upvotes, [0.7, 0.69, 0.69], rising, Precision::F32),
            // as fast as f32 is not faster
            (
                Realism,
                [0.9, 0.9, 0.9],
                [100.0, 100.0, 90.0],
                Precision::F32,
            ),
        ] {
            let (precision, reason) = chosen(kind, figures, rates);
            assert_eq!(precision, want, "{kind} {figures:?} {rates:?}: {reason}");
        }
    }

    #[test]
    fn replies_are_generated_like_the_fakes_of_the_realism_model_if_the_loss_is_small() {
        use Precision::{Bf16, F32, Int8};
        let taken = |rows: &[Quality], fakes: Precision| {
            let auto = choose("writer", ModelKind::Generator, rows, HERE);
            of_fakes(auto, rows, HERE, fakes)
        };
        let all = rows([(Some(50.0), 1.0), (Some(50.1), 2.0), (Some(50.2), 3.0)]);
        for fakes in [F32, Bf16, Int8] {
            assert_eq!(taken(&all, fakes).precision, fakes);
        }
        let reason = taken(&all, F32).reason;
        assert!(
            reason.contains("fakes generated at f32; to use int8"),
            "{reason}"
        );
        // it loses too much, or was not measured, or not here
        let lossy = rows([(Some(50.0), 1.0), (Some(60.0), 2.0), (Some(50.2), 3.0)]);
        assert_eq!(taken(&lossy, Bf16).precision, Int8);
        assert_eq!(taken(&[], Int8).precision, F32);
        let mut elsewhere = all;
        for row in &mut elsewhere {
            row.instructions = "f32 portable".to_owned();
        }
        assert_eq!(taken(&elsewhere, Int8).precision, F32);
    }

    #[test]
    fn the_reason_names_the_figures() {
        let rates = [100.0, 180.0, 250.0];
        let (_, reason) = chosen(ModelKind::Generator, [50.0, 50.1, 50.25], rates);
        assert_eq!(
            reason,
            "the fastest with a small loss: perplexity 50.25 against 50.00 at f32, at 2.5 times its speed"
        );
        let (_, reason) = chosen(ModelKind::Realism, [0.9, 0.8, 0.7], rates);
        assert_eq!(
            reason,
            "what is faster loses too much: bf16 AUC 0.8000, int8 AUC 0.7000 against 0.9000 at f32"
        );
        let (_, reason) = chosen(ModelKind::Upvotes, [0.9, 0.9, 0.9], [3.0, 2.0, 1.0]);
        assert_eq!(reason, "the fastest on this processor");
    }

    #[test]
    fn what_was_not_measured_here_is_not_used() {
        let none = choose("my writer", ModelKind::Generator, &[], HERE);
        assert_eq!(none.precision, Precision::F32);
        let said = "quality has not been measured for this run; run `repartee quality 'my writer'`";
        assert_eq!(none.reason, said);

        let all = rows([(Some(50.0), 1.0), (Some(50.0), 2.0), (Some(50.0), 3.0)]);
        let elsewhere = choose("writer", ModelKind::Generator, &all, "f32 portable");
        assert_eq!(elsewhere.precision, Precision::F32);
        assert!(elsewhere.reason.contains(HERE), "{}", elsewhere.reason);

        // without f32 there is nothing to compare with, and an undefined figure is no small loss
        let without = choose("writer", ModelKind::Generator, &all[1..], HERE);
        assert_eq!(without.precision, Precision::F32);
        let undefined = rows([(Some(0.9), 1.0), (Some(0.9), 2.0), (None, 3.0)]);
        let bf16 = choose("judge", ModelKind::Realism, &undefined, HERE);
        assert_eq!(bf16.precision, Precision::Bf16);
        let undefined = rows([(None, 1.0), (Some(0.9), 2.0), (Some(0.9), 3.0)]);
        let f32 = choose("judge", ModelKind::Realism, &undefined, HERE);
        assert_eq!(f32.precision, Precision::F32);
        assert!(f32.reason.contains("undefined on the 400 examples"));
    }

    #[test]
    fn gpu_computes_in_f32() {
        for choice in [PrecisionChoice::Auto, PrecisionChoice::F32] {
            let chosen = on_gpu(choice, "cuda").unwrap();
            assert_eq!(chosen.precision, Precision::F32);
            assert_eq!(chosen.reason, "models compute in f32 on cuda");
        }
        let error = on_gpu(PrecisionChoice::Int8, "cuda").unwrap_err();
        assert_eq!(error.code, Code::Usage);
        assert!(error.message.contains("int8") && error.message.contains("cuda"));
    }
}
