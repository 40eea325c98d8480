//! Trained models, loaded for use: weights, configuration and tokenizer of a run's checkpoint.

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Stop, from_json};
use repartee_models::bert::{self, Bert};
use repartee_models::evaluate::{Predicts, Scores};
use repartee_models::fast;
use repartee_models::generate::Generates;
use repartee_models::gpt2::{self, Gpt2};
use repartee_models::text::{ClassifierText, Files, GeneratorText, Template};
use repartee_models::weights::Tensors;
use repartee_models::{Device, DeviceChoice, Fallback, Opened, device, device_name};
use repartee_store::Store;
use repartee_store::bases::Base;
use repartee_store::runs::{Checkpoint, Role, Run};
use repartee_terms::{Precision, PrecisionChoice};

use crate::bases::base::ModelConfig;
use crate::training::precision::on_gpu;
use crate::training::run_config::{ModelKind, RunConfig};
use crate::{Engine, bases::bundle};

/// A loaded generator.
pub struct Generator<M> {
    pub model: M,
    /// Its tokenizer with the template it was trained with.
    pub text: GeneratorText,
    pub checkpoint: Checkpoint,
    /// The settings it was trained with.
    pub config: RunConfig,
}

/// A generator that only generates: packed on the CPU, of tensors elsewhere.
pub(crate) type Writer = Generator<Box<dyn Generates>>;

/// A generator that only gives the losses of texts: of tensors at f32 and on a GPU, packed at other precisions.
pub(crate) type Reader = Generator<Box<dyn Predicts>>;

/// A loaded classifier, by default packed on the CPU and of tensors elsewhere.
pub struct Classifier<M = Box<dyn Scores>> {
    pub model: M,
    /// Its tokenizer, truncating as in training.
    pub text: ClassifierText,
    pub checkpoint: Checkpoint,
    /// The settings it was trained with.
    pub config: RunConfig,
}

/// Opens the device "auto", "cpu", "cuda" or "metal".
///
/// # Errors
/// [`Code::Usage`] if it is none of them, or not in this build or machine.
pub fn open_device(name: &str) -> Result<Opened> {
    let choice: DeviceChoice = name
        .parse()
        .map_err(|e| Error::usage(format!("device: {e}")))?;
    Ok(device(choice)?)
}

/// Refuses a device that is none or cannot be used, and a precision that it does not have. A GPU is opened only where
/// the answer depends on it.
///
/// # Errors
/// [`Code::Usage`], with what to choose instead.
pub(crate) fn check_device(name: &str, precision: PrecisionChoice) -> Result<()> {
    let choice: DeviceChoice = name
        .parse()
        .map_err(|e| Error::usage(format!("device: {e}")))?;
    let is_everywhere = matches!(precision.named(), None | Some(Precision::F32));
    match choice {
        DeviceChoice::Cpu => return Ok(()),
        // there is always a device for it
        DeviceChoice::Auto if is_everywhere => return Ok(()),
        DeviceChoice::Auto | DeviceChoice::Cuda | DeviceChoice::Metal => {}
    }
    let device = open_device(name)?.device;
    if !device.is_cpu() {
        on_gpu(precision, device_name(&device))?;
    }
    Ok(())
}

/// The result of a model. If a request ended a forward pass, that request.
///
/// # Errors
/// The model's, and those of [`Ctx::go_on`].
pub(crate) fn of_pass<T>(ctx: &Ctx, result: repartee_models::Result<T>) -> Result<T, Stop> {
    if let Err(repartee_models::Error::Interrupted) = result {
        ctx.go_on()?;
    }
    Ok(result.map_err(Error::from)?)
}

/// Opens the device of a job, and logs why `auto` fell back to the CPU.
///
/// # Errors
/// As [`open_device`].
pub(crate) fn device_of_job(ctx: &Ctx, name: &str) -> Result<Device> {
    let opened = open_device(name)?;
    log_fallback(ctx, opened.fallback.as_ref());
    Ok(opened.device)
}

/// Logs why a build for a GPU runs on the CPU. In a build for the CPU nothing failed, and nothing is logged.
pub(crate) fn log_fallback(ctx: &Ctx, fallback: Option<&Fallback>) {
    if let Some(fallback @ Fallback::Failed(_)) = fallback {
        ctx.say(format!("running on the CPU: {fallback}"));
    }
}

/// A base's config.json as a generator's.
///
/// # Errors
/// [`Code::Usage`] if it is a classifier's.
pub fn gpt2_config(base: &Base) -> Result<gpt2::Config> {
    match ModelConfig::read(&base.config)? {
        ModelConfig::Gpt2(config) => Ok(config),
        ModelConfig::Bert(_) => Err(wrong_base(base, "gpt2", "a generator")),
    }
}

/// A base's config.json as a classifier's.
///
/// # Errors
/// [`Code::Usage`] if it is a generator's.
pub fn bert_config(base: &Base) -> Result<bert::Config> {
    match ModelConfig::read(&base.config)? {
        ModelConfig::Bert(config) => Ok(config),
        ModelConfig::Gpt2(_) => Err(wrong_base(base, "bert", "a classifier")),
    }
}

fn wrong_base(base: &Base, kind: &str, model: &str) -> Error {
    Error::usage(format!(
        "base {:?} is of kind {}, and {model} starts from a base of kind {kind}",
        base.name,
        base.kind.as_str()
    ))
}

/// The generator's tokenizer, for examples of at most `max_tokens` or the model's positions.
///
/// # Errors
/// If it does not match the model.
pub fn generator_text(
    files: &Files,
    config: &gpt2::Config,
    max_tokens: usize,
) -> Result<GeneratorText> {
    let template = generator_template(config, max_tokens);
    Ok(GeneratorText::new(files, config.vocab_size, template)?)
}

/// The template of a generator's examples of at most `max_tokens` or the model's positions.
pub(crate) fn generator_template(config: &gpt2::Config, max_tokens: usize) -> Template {
    Template {
        max_tokens: max_tokens.min(config.n_positions),
        ..Template::default()
    }
}

/// A classifier's tokenizer, for pairs of at most `max_tokens` or the model's positions.
///
/// # Errors
/// If it does not match the model.
pub fn classifier_text(
    files: &Files,
    config: &bert::Config,
    max_tokens: usize,
) -> Result<ClassifierText> {
    Ok(ClassifierText::new(
        files,
        config.vocab_size,
        max_tokens.min(config.max_position_embeddings),
    )?)
}

/// "best", "last", or none.
fn role(word: Option<&str>) -> Result<Option<Role>> {
    match word {
        None | Some("") => Ok(None),
        Some("best") => Ok(Some(Role::Best)),
        Some("last") => Ok(Some(Role::Last)),
        Some(other) => Err(Error::usage(format!(
            "a checkpoint is best or last, not {other:?}"
        ))),
    }
}

/// Refuses a word for a checkpoint that is neither best nor last.
///
/// # Errors
/// [`Code::Usage`].
pub(crate) fn check_checkpoint(word: Option<&str>) -> Result<()> {
    role(word).map(drop)
}

/// A run's checkpoint: the one named, else the best, else the last.
///
/// # Errors
/// [`Code::NotFound`] if the run has no such checkpoint yet.
pub fn checkpoint_of(store: &Store, run: &Run, word: Option<&str>) -> Result<Checkpoint> {
    let found = match role(word)? {
        Some(role) => store.checkpoint(run.id, role)?,
        None => match store.checkpoint(run.id, Role::Best)? {
            Some(best) => Some(best),
            None => store.checkpoint(run.id, Role::Last)?,
        },
    };
    found.ok_or_else(|| {
        Error::new(
            Code::NotFound,
            format!(
                "run {:?} has no {} checkpoint yet; train it first",
                run.name,
                word.unwrap_or("")
            )
            .replace("no  ", "no "),
        )
    })
}

fn of_kind(store: &Store, run: &str, kinds: &[ModelKind]) -> Result<Run> {
    let run = store.run(run)?;
    if !kinds.contains(&run.kind) {
        let wanted: Vec<&str> = kinds.iter().map(|kind| kind.model()).collect();
        let wrong = format!(
            "run {:?} trains {}, not {}",
            run.name,
            run.kind.model(),
            wanted.join(" or ")
        );
        return Err(Error::usage(wrong));
    }
    Ok(run)
}

/// Refuses a run of another kind; one that doesn't exist (yet) passes.
///
/// # Errors
/// [`Code::Usage`].
pub(crate) fn check_kind(store: &Store, run: &str, kind: ModelKind) -> Result<()> {
    match of_kind(store, run, &[kind]) {
        Err(error) if error.code != Code::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Engine {
    /// Finds a checkpoint (best, last, or the better one that exists) of a run of this kind.
    pub(crate) fn trained(
        &self,
        run: &str,
        kind: ModelKind,
        checkpoint: Option<&str>,
    ) -> Result<Checkpoint> {
        let run = of_kind(&self.store, run, &[kind])?;
        checkpoint_of(&self.store, &run, checkpoint)
    }

    /// Opens a generator's checkpoint for generation. The tensors are released when they are packed.
    pub(crate) fn writer_of(
        &self,
        checkpoint: Checkpoint,
        device: &Device,
        precision: Precision,
    ) -> Result<Writer> {
        self.open_generator(checkpoint, device, |config, tensors| {
            let model: Box<dyn Generates> = match device.is_cpu() {
                true => Box::new(fast::gpt2::Gpt2::new(config, tensors, precision)?),
                false => Box::new(Gpt2::new(config, tensors)?),
            };
            Ok(model)
        })
    }

    /// Opens a generator's checkpoint for the losses of texts.
    pub(crate) fn reader_of(
        &self,
        checkpoint: Checkpoint,
        device: &Device,
        precision: Precision,
    ) -> Result<Reader> {
        self.open_generator(checkpoint, device, |config, tensors| {
            let model: Box<dyn Predicts> = match precision {
                Precision::F32 => Box::new(Gpt2::new(config, tensors)?),
                Precision::Bf16 | Precision::Int8 => {
                    Box::new(fast::gpt2::Gpt2::new(config, tensors, precision)?)
                }
            };
            Ok(model)
        })
    }

    /// Opens a generator's checkpoint on the CPU at every precision, in their order. While they are packed, this takes
    /// almost three times the memory of the tensors.
    pub(crate) fn generators_of(
        &self,
        checkpoint: Checkpoint,
    ) -> Result<Generator<Vec<fast::gpt2::Gpt2>>> {
        self.open_generator(checkpoint, &Device::Cpu, |config, tensors| {
            let packed = |precision: &Precision| fast::gpt2::Gpt2::new(config, tensors, *precision);
            Precision::ALL.iter().map(packed).collect()
        })
    }

    fn open_generator<M>(
        &self,
        checkpoint: Checkpoint,
        device: &Device,
        model: impl FnOnce(&gpt2::Config, &Tensors) -> repartee_models::Result<M>,
    ) -> Result<Generator<M>> {
        let config: RunConfig = from_json(&self.store.run_by_id(checkpoint.run_id)?.config)?;
        let model_config = gpt2_config(&self.store.base_by_id(checkpoint.base_id)?)?;
        let (tensors, files) = bundle::get(&self.store, checkpoint.bundle_id)?;
        let (tensors, _) = model_config.parameters()?.load_into(tensors, 0, device)?;
        Ok(Generator {
            model: model(&model_config, &tensors)?,
            text: generator_text(&files, &model_config, config.max_tokens)?,
            checkpoint,
            config,
        })
    }

    /// Opens a classifier's checkpoint.
    pub(crate) fn classifier_of(
        &self,
        checkpoint: Checkpoint,
        device: &Device,
        precision: Precision,
    ) -> Result<Classifier> {
        self.open_classifier(checkpoint, device, |config, classes, tensors| {
            let model: Box<dyn Scores> = match device.is_cpu() {
                true => Box::new(fast::bert::Bert::new(config, classes, tensors, precision)?),
                false => Box::new(Bert::new(config, classes, tensors)?),
            };
            Ok(model)
        })
    }

    /// Opens a classifier's checkpoint on the CPU at every precision, as [`Engine::generators_of`].
    pub(crate) fn classifiers_of(
        &self,
        checkpoint: Checkpoint,
    ) -> Result<Classifier<Vec<fast::bert::Bert>>> {
        self.open_classifier(checkpoint, &Device::Cpu, |config, classes, tensors| {
            let packed =
                |precision: &Precision| fast::bert::Bert::new(config, classes, tensors, *precision);
            Precision::ALL.iter().map(packed).collect()
        })
    }

    fn open_classifier<M>(
        &self,
        checkpoint: Checkpoint,
        device: &Device,
        model: impl FnOnce(&bert::Config, usize, &Tensors) -> repartee_models::Result<M>,
    ) -> Result<Classifier<M>> {
        let config: RunConfig = from_json(&self.store.run_by_id(checkpoint.run_id)?.config)?;
        let model_config = bert_config(&self.store.base_by_id(checkpoint.base_id)?)?;
        let (tensors, files): (Tensors, Files) = bundle::get(&self.store, checkpoint.bundle_id)?;
        let classes = config.kind.classes();
        let parameters = model_config.parameters(classes)?;
        let (tensors, report) = parameters.load_into(tensors, 0, device)?;
        if let Some(missing) = report.fresh.first() {
            return Err(Error::new(
                Code::Damaged,
                format!(
                    "the checkpoint of run {:?} lacks the tensor {missing}",
                    checkpoint.run
                ),
            ));
        }
        Ok(Classifier {
            model: model(&model_config, classes, &tensors)?,
            text: classifier_text(&files, &model_config, config.max_tokens)?,
            checkpoint,
            config,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_devices_and_checkpoints_are_refused() {
        let code = |result: Result<()>| result.map_err(|error| error.code);
        for precision in [PrecisionChoice::Auto, PrecisionChoice::Int8] {
            assert_eq!(code(check_device("cpu", precision)), Ok(()));
            assert_eq!(code(check_device("abacus", precision)), Err(Code::Usage));
        }
        assert_eq!(code(check_device("auto", PrecisionChoice::F32)), Ok(()));
        for word in [None, Some(""), Some("best"), Some("last")] {
            assert_eq!(code(check_checkpoint(word)), Ok(()));
        }
        assert_eq!(code(check_checkpoint(Some("nope"))), Err(Code::Usage));
    }

    #[test]
    fn gpu_that_this_build_lacks_is_refused() {
        for name in ["cuda", "metal"] {
            let is_there = open_device(name).is_ok();
            assert_eq!(check_device(name, PrecisionChoice::Auto).is_ok(), is_there);
        }
    }
}
