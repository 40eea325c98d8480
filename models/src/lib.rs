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
//! | [`metrics`], [`baseline`] | metrics and curves; baselines that only count tokens |
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
pub mod metrics;
pub mod ops;
pub mod optim;
pub mod rng;
pub mod sampling;
pub mod schedule;
pub mod text;
pub mod train;
pub mod weights;

pub use candle_core::{Device, Tensor};
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

/// Opens the device.
///
/// # Errors
/// [`Error::Device`] if it is not in this build or this machine; `Auto` never fails.
pub fn device(wanted: DeviceChoice) -> Result<Device> {
    let refuse = |why: String| Error::Device { wanted, why };
    let gpu = |wanted| match wanted {
        DeviceChoice::Cuda if !candle_core::utils::cuda_is_available() => {
            Err("this build has no CUDA; build with --features cuda, or use --device cpu".into())
        }
        DeviceChoice::Metal if !candle_core::utils::metal_is_available() => {
            Err("this build has no Metal; build with --features metal, or use --device cpu".into())
        }
        DeviceChoice::Cuda => Device::new_cuda(0).map_err(|e| e.to_string()),
        _ => Device::new_metal(0).map_err(|e| e.to_string()),
    };
    match wanted {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda | DeviceChoice::Metal => gpu(wanted).map_err(refuse),
        DeviceChoice::Auto => Ok(gpu(DeviceChoice::Cuda)
            .or_else(|_| gpu(DeviceChoice::Metal))
            .unwrap_or(Device::Cpu)),
    }
}

/// The name of an open device, as recorded with every result.
pub fn device_name(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}
