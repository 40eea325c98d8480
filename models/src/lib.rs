//! GPT-2 and BERT on candle: build, load, train, evaluate, generate and score. No SQL, no network.
//!
//! | file | what |
//! |---|---|
//! | [`gpt2`], [`bert`] | one model per file: configuration, blocks, forward, loss |
//! | [`layers`] | what both consist of: `Linear`, `LayerNorm`, `Embedding` |
//! | [`ops`] | the fused CPU operations, each with a slow reference |
//! | [`fast`] | both models packed for generation and scoring on the CPU |
//! | [`weights`] | Hugging Face safetensors to named tensors and back |
//! | [`rng`] | seeded streams; dropout masks that can be replayed |
//! | [`text`] | tokenizers, and the prompt template of training, fakes and generation |
//! | [`batch`] | which examples go into which step, and their tokens as tensors |
//! | [`train`] | the loop: batches, gradients, validation, stopping, resuming |
//! | [`optim`], [`schedule`] | AdamW and clipping; the learning rate over the steps |
//! | [`checkpoint`] | tensors as named bytes and back |
//! | [`evaluate`] | losses and probabilities of many examples |
//! | [`sampling`], [`generate`] | sampling the next token; whole replies |
//! | [`stop`] | ending a forward pass early |
//! | [`metrics`], [`baseline`] | metrics and curves, their intervals and tests, calibration; baselines that only count tokens |
//! | [`shortcuts`], [`logistic`] | classifiers by length, markup or words only; the logistic regression that they end in |
//! | [`cost`] | parameters, memory and time before a run starts |
//!
//! Shape letters, used in every comment: `B` batch, `T` tokens, `C` width, `H` heads, `D` width of a head, `V`
//! vocabulary, `N` counted rows, `K` classes.

pub mod baseline;
pub mod batch;
pub mod bert;
pub mod checkpoint;
pub mod cost;
pub mod evaluate;
pub mod fast;
pub mod generate;
pub mod gpt2;
pub mod layers;
pub mod logistic;
pub mod metrics;
pub mod ops;
pub mod optim;
pub mod rng;
pub mod sampling;
pub mod schedule;
pub mod shortcuts;
pub mod stop;
pub mod text;
pub mod train;
pub mod weights;

pub use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

/// Errors of models, in terms of what the user has to fix.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// candle refused an operation: shape, device or memory.
    #[error("tensor operation failed: {0}")]
    Candle(#[from] candle_core::Error),
    /// A checkpoint lacks a tensor that the configuration needs.
    #[error(
        "the checkpoint has no tensor '{0}'; is it another kind of model, or is a shard missing?"
    )]
    MissingTensor(String),
    /// A tensor's shape contradicts the configuration.
    #[error("tensor '{name}': the file has {file:?}, config.json has {config:?}")]
    Misshapen {
        /// Hugging Face name.
        name: String,
        /// Shape in the configuration.
        file: Vec<usize>,
        /// Shape that the configuration asks for.
        config: Vec<usize>,
    },
    /// Two tensors of a checkpoint are the same parameter.
    #[error(
        "the checkpoint has two tensors for '{parameter}': '{first}' and '{second}'; keep the right one"
    )]
    Twice {
        parameter: String,
        first: String,
        second: String,
    },
    /// Only the difference to a model: the file, or a tensor.
    #[error(
        "{0}: this is a LoRA adapter, not a whole model; merge it into its model first (PEFT's merge_and_unload, \
         then save_pretrained), and use the merged one"
    )]
    Adapter(String),
    /// Weights that are not numbers.
    #[error(
        "tensor '{0}' holds NaN or infinite numbers, so the model is unusable; use a checkpoint from before \
         it diverged"
    )]
    NotWeights(String),
    /// This crate cannot build the configuration.
    #[error("config.json: {0}")]
    Config(String),
    /// A file of a model folder is missing or unreadable.
    #[error("{path}: {why}")]
    File {
        /// The path as the user gave it.
        path: String,
        why: String,
    },
    /// The tokenizer does not fit the model or the text.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// Input that the model cannot take: too long, empty, or an id outside the vocabulary.
    #[error("{0}")]
    Input(String),
    /// Training produced a value that is not finite.
    #[error(
        "step {step}: {what} is {value}; lower the learning rate, or lengthen the warm-up, and resume from the last checkpoint"
    )]
    NotFinite {
        /// Optimizer step, from 1.
        step: usize,
        what: &'static str,
        value: f64,
    },
    /// A parameter received no gradient at the first step: the graph is cut before it.
    #[error("parameter '{0}' got no gradient: the graph is cut before it")]
    NoGradient(String),
    /// The callback stopped the work.
    #[error("interrupted")]
    Interrupted,
    /// The requested device is not in this build or this machine.
    #[error("device '{wanted}': {why}")]
    Device {
        wanted: DeviceChoice,
        /// Why it is unavailable and what to do.
        why: String,
    },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The best available: CUDA, then Metal, then the CPU.
    #[default]
    Auto,
    /// Always available.
    Cpu,
    /// An NVIDIA GPU; needs a build with the feature `cuda`.
    Cuda,
    /// An Apple GPU; needs a build with the feature `metal`.
    Metal,
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        })
    }
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            "metal" => Ok(Self::Metal),
            _ => Err(format!("'{s}' is not auto, cpu, cuda or metal")),
        }
    }
}

/// An open device, and why it is the CPU where `auto` was asked for.
#[derive(Debug, Clone)]
pub struct Opened {
    pub device: Device,
    pub fallback: Option<Fallback>,
}

/// Why a GPU was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unavailable {
    /// This build has no code for it.
    NotBuilt,
    /// What its driver answered.
    Failed(String),
}

/// Why `auto` is the CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallback {
    /// The build has no code for any GPU: nothing is wrong.
    CpuBuild,
    /// The build has code for a GPU, which could not be opened: what was tried, and each answer.
    Failed(String),
}

impl Fallback {
    /// From what was tried, in that order.
    fn of(tried: &[(DeviceChoice, Unavailable)]) -> Self {
        let failed: Vec<String> = tried
            .iter()
            .filter_map(|(wanted, why)| match why {
                Unavailable::NotBuilt => None,
                Unavailable::Failed(answer) => Some(format!("{wanted}: {answer}")),
            })
            .collect();
        match failed.is_empty() {
            true => Self::CpuBuild,
            false => Self::Failed(failed.join("; ")),
        }
    }
}

impl std::fmt::Display for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CpuBuild => f.write_str("this build is for the CPU"),
            Self::Failed(why) => write!(f, "no GPU could be opened ({why})"),
        }
    }
}

impl Unavailable {
    /// Why the GPU that was asked for cannot be used, and what to do.
    fn refusal(self, wanted: DeviceChoice) -> Error {
        let why = match self {
            Self::NotBuilt => format!(
                "this build lacks the feature {wanted}; build with --features {wanted}, or use --device cpu"
            ),
            Self::Failed(answer) => format!("{answer}; --device cpu always works"),
        };
        Error::Device { wanted, why }
    }
}

/// Opens the device. `Auto` takes CUDA, then Metal, then the CPU, and says why it took no GPU.
///
/// # Errors
/// [`Error::Device`] if it is not in this build or this machine; `Auto` never fails.
pub fn device(wanted: DeviceChoice) -> Result<Opened> {
    let opened = |device| Opened {
        device,
        fallback: None,
    };
    match wanted {
        DeviceChoice::Cpu => Ok(opened(Device::Cpu)),
        DeviceChoice::Cuda | DeviceChoice::Metal => match open_gpu(wanted) {
            Ok(device) => Ok(opened(device)),
            Err(why) => Err(why.refusal(wanted)),
        },
        DeviceChoice::Auto => {
            let mut tried = Vec::new();
            for gpu in [DeviceChoice::Cuda, DeviceChoice::Metal] {
                match open_gpu(gpu) {
                    Ok(device) => return Ok(opened(device)),
                    Err(why) => tried.push((gpu, why)),
                }
            }
            Ok(Opened {
                device: Device::Cpu,
                fallback: Some(Fallback::of(&tried)),
            })
        }
    }
}

/// Opens the first CUDA or Metal GPU.
fn open_gpu(wanted: DeviceChoice) -> Result<Device, Unavailable> {
    let is_metal = wanted == DeviceChoice::Metal;
    let is_built = match is_metal {
        true => candle_core::utils::metal_is_available(),
        false => candle_core::utils::cuda_is_available(),
    };
    if !is_built {
        return Err(Unavailable::NotBuilt);
    }
    let open = || match is_metal {
        true => Device::new_metal(0),
        false => Device::new_cuda(0),
    };
    // candle's Metal backend indexes into the list of GPUs, and panics where it is empty, as in a virtual machine.
    match std::panic::catch_unwind(open) {
        Ok(Ok(device)) => Ok(device),
        Ok(Err(error)) => Err(Unavailable::Failed(answer_of(&error.to_string()))),
        Err(_) => Err(Unavailable::Failed("no GPU was found".to_owned())),
    }
}

/// The first line of a driver's answer: what follows is a backtrace. Without quotation marks: the log of a job omits
/// what they enclose.
fn answer_of(error: &str) -> String {
    let line = error.lines().next().unwrap_or_default();
    line.trim().replace('"', "")
}

/// The name of an open device, as recorded with every result.
pub fn device_name(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn fallback_names_only_the_gpus_that_the_build_has() {
        use DeviceChoice::{Cuda, Metal};
        let failed = |why: &str| Unavailable::Failed(why.to_owned());
        let not_built = || Unavailable::NotBuilt;
        let cpu_build = Fallback::of(&[(Cuda, not_built()), (Metal, not_built())]);
        assert_eq!(cpu_build, Fallback::CpuBuild);
        assert_eq!(cpu_build.to_string(), "this build is for the CPU");

        let one = Fallback::of(&[(Cuda, failed("no device")), (Metal, not_built())]);
        assert_eq!(one, Fallback::Failed("cuda: no device".to_owned()));
        assert_eq!(one.to_string(), "no GPU could be opened (cuda: no device)");
        let both = Fallback::of(&[(Cuda, failed("no device")), (Metal, failed("busy"))]);
        assert_eq!(
            both,
            Fallback::Failed("cuda: no device; metal: busy".to_owned())
        );
    }

    #[test]
    fn refusal_says_what_to_do() {
        let refusal = |why: Unavailable| why.refusal(DeviceChoice::Metal).to_string();
        assert_eq!(
            refusal(Unavailable::NotBuilt),
            "device 'metal': this build lacks the feature metal; build with --features metal, or use --device cpu"
        );
        let failed = refusal(Unavailable::Failed("no GPU was found".to_owned()));
        assert!(
            failed.starts_with("device 'metal': no GPU was found; ")
                && failed.contains("--device cpu"),
            "{failed}"
        );
    }

    #[test]
    fn an_answer_is_one_line() {
        assert_eq!(
            answer_of("DriverError(100, \"no device\")\n  0: frame\n"),
            "DriverError(100, no device)"
        );
        assert_eq!(answer_of(""), "");
    }

    #[test]
    fn cpu_and_auto_always_open() {
        let cpu = device(DeviceChoice::Cpu).unwrap();
        assert!(cpu.device.is_cpu() && cpu.fallback.is_none());
        let auto = device(DeviceChoice::Auto).unwrap();
        assert_eq!(auto.device.is_cpu(), auto.fallback.is_some());
        if !candle_core::utils::cuda_is_available() {
            let error = device(DeviceChoice::Cuda).unwrap_err().to_string();
            assert!(
                error.contains("this build lacks the feature cuda"),
                "{error}"
            );
        }
    }
}
