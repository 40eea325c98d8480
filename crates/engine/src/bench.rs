//! Speed of the models on this machine, on random weights and random tokens: one result per measurement, with all its
//! settings, so that results can be compared.

use std::path::Path;
use std::time::Instant;

use repartee_core::error::{Error, Result};
use repartee_models::bert::{Bert, Rows};
use repartee_models::fast::{self, Precision};
use repartee_models::generate::{Generates, SamplingParams, Task, generate, go_on};
use repartee_models::gpt2::Gpt2;
use repartee_models::optim::AdamWConfig;
use repartee_models::rng::Stream;
use repartee_models::schedule::Decay;
use repartee_models::train::{Event, Flow, MicroBatch, Plan, train};
use repartee_models::weights::{self, Parameters};
use repartee_models::{DType, Device, DeviceChoice, bert, device, device_name, gpt2, ops};
use serde::{Deserialize, Serialize};

use crate::bases::base::ModelConfig;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Optimizer steps: forward, backward, clipping, AdamW.
    Train,
    /// Generating tokens with a KV cache.
    Generate,
    /// Class probabilities of pairs.
    Score,
}

impl What {
    /// The model that is measured unless another is named: one that can do this.
    pub fn usual_model(self) -> &'static str {
        match self {
            Self::Train | Self::Generate => "gpt2",
            Self::Score => "bert-base",
        }
    }
}

/// The settings of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bench {
    pub what: What,
    /// gpt2, gpt2-medium, gpt2-large, gpt2-xl, bert-base, bert-large, or a folder with a config.json.
    pub model: String,
    pub batch: usize,
    /// Tokens per row; for generation, new tokens per row.
    pub length: usize,
    /// Tokens per prompt, for generation.
    pub prompt: usize,
    /// Measured repetitions, after one warm-up.
    pub steps: usize,
    /// f32; bf16 and int8 for generating and scoring on the CPU.
    pub dtype: String,
    /// auto, cpu, cuda or metal.
    pub device: String,
}

/// A measurement with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    #[serde(flatten)]
    pub bench: Bench,
    /// Tokens per second: all tokens of the rows for training, new ones for generation.
    pub tokens_per_s: Option<f64>,
    /// Pairs per second, for scoring.
    pub pairs_per_s: Option<f64>,
    /// Seconds of each measured repetition.
    pub seconds: Vec<f64>,
    /// Peak memory of the process in gigabytes (10^9 bytes).
    pub peak_rss_gb: Option<f64>,
    /// Trainable parameters of the model.
    pub parameters: usize,
    pub threads: usize,
    /// The device it ran on.
    pub ran_on: String,
    /// Dropout during training, from the model's config.
    pub dropout: Option<f64>,
    pub version: String,
}

impl Bench {
    /// Measures.
    ///
    /// # Errors
    /// If a setting is out of range, the dtype or device is not supported, or memory runs out.
    pub fn run(&self) -> Result<Measured> {
        self.check()?;
        let choice: DeviceChoice = self.device.parse().map_err(Error::usage)?;
        let device = device(choice)?.device;
        let (precision, dtype) = self.precision(&device)?;
        let config = self.config()?;
        let longest = match &config {
            ModelConfig::Gpt2(c) => c.n_positions,
            ModelConfig::Bert(c) => c.max_position_embeddings,
        };
        let needed = self.length
            + if self.what == What::Generate {
                self.prompt
            } else {
                0
            };
        if needed > longest {
            return Err(Error::usage(format!(
                "{needed} tokens do not fit {}, which takes {longest}",
                self.model
            )));
        }
        let mut dropout = None;
        let random = |parameters: Parameters| parameters.init(1, &device);
        let (seconds, done, parameters) = match (&config, self.what) {
            (ModelConfig::Gpt2(c), What::Train) => {
                dropout = Some(c.resid_pdrop);
                let vars = weights::trainable(&random(c.parameters()?)?)?;
                let model = Gpt2::new(c, &weights::view(&vars, true))?;
                let counts = vec![vec![true; self.length]; self.batch];
                let seconds = self.train(&vars, self.batch * (self.length - 1), |n, stream| {
                    let ids = self.tokens(c.vocab_size, self.length, n);
                    Ok(model.loss(&ids, &counts, Some(stream), true)?.0)
                })?;
                (seconds, self.batch * self.length, c.parameters()?.count())
            }
            (ModelConfig::Bert(c), What::Train) => {
                dropout = Some(c.hidden_dropout_prob);
                let vars = weights::trainable(&random(c.parameters(2)?)?)?;
                let model = Bert::new(c, 2, &weights::view(&vars, true))?;
                let labels: Vec<u32> = (0..self.batch as u32).map(|i| i % 2).collect();
                let seconds = self.train(&vars, self.batch, |n, stream| {
                    let logits = model.logits(&self.pairs(c, n), Some(stream))?;
                    Ok(ops::class_loss(&logits, &labels, None)?.0)
                })?;
                (seconds, self.batch * self.length, c.parameters(2)?.count())
            }
            (ModelConfig::Gpt2(c), What::Generate) => {
                let model: Box<dyn Generates> = match device.is_cpu() {
                    true => Box::new(fast::gpt2::Gpt2::new(
                        c,
                        &random(c.parameters()?)?,
                        precision,
                    )?),
                    false => {
                        let tensors = random(c.parameters()?)?;
                        Box::new(Gpt2::new(c, &weights::cast(&tensors, dtype)?)?)
                    }
                };
                let sampling = SamplingParams {
                    max_new_tokens: self.length,
                    top_k: 40,
                    ..SamplingParams::default()
                };
                let seconds = self.repeat(|n| {
                    let prompts = self.tokens(c.vocab_size, self.prompt, n);
                    let tasks: Vec<Task> = prompts
                        .into_iter()
                        .zip(0..)
                        .map(|(prompt, key)| Task { key, prompt })
                        .collect();
                    // no token ends a reply, so that all are generated
                    generate(&*model, &tasks, 1, u32::MAX, &sampling, &mut go_on)?;
                    Ok(())
                })?;
                (seconds, self.batch * self.length, c.parameters()?.count())
            }
            (ModelConfig::Bert(c), What::Score) => {
                let tensors = random(c.parameters(2)?)?;
                let seconds = match device.is_cpu() {
                    true => {
                        let model = fast::bert::Bert::new(c, 2, &tensors, precision)?;
                        drop(tensors);
                        self.repeat(|n| {
                            model.logits(&self.pairs(c, n))?;
                            Ok(())
                        })?
                    }
                    false => {
                        let model = Bert::new(c, 2, &weights::cast(&tensors, dtype)?)?;
                        drop(tensors);
                        self.repeat(|n| {
                            // the probabilities must be on the host before the clock stops
                            model
                                .logits(&self.pairs(c, n), None)?
                                .to_dtype(DType::F32)
                                .and_then(|logits| logits.to_vec2::<f32>())
                                .map_err(repartee_models::Error::from)?;
                            Ok(())
                        })?
                    }
                };
                (seconds, self.batch, c.parameters(2)?.count())
            }
            (ModelConfig::Bert(_), What::Generate) => {
                return Err(Error::usage(format!(
                    "{} is a BERT and generates nothing; use a GPT-2",
                    self.model
                )));
            }
            (ModelConfig::Gpt2(_), What::Score) => {
                return Err(Error::usage(format!(
                    "{} is a GPT-2; pairs are scored by a BERT",
                    self.model
                )));
            }
        };
        let rate = (done * seconds.len()) as f64 / seconds.iter().sum::<f64>();
        Ok(Measured {
            bench: self.clone(),
            tokens_per_s: (self.what != What::Score).then_some(rate),
            pairs_per_s: (self.what == What::Score).then_some(rate),
            seconds,
            peak_rss_gb: peak_rss_bytes().map(|bytes| bytes as f64 / 1e9),
            parameters,
            threads: threads(),
            ran_on: device_name(&device).to_owned(),
            dropout,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// How weights are stored: packed on the CPU, as tensors of a type on a GPU.
    fn precision(&self, device: &Device) -> Result<(Precision, DType)> {
        if device.is_cpu() {
            let precision: Precision = self.dtype.parse().map_err(Error::usage)?;
            return Ok((precision, DType::F32));
        }
        let dtype = match self.dtype.as_str() {
            "f32" => DType::F32,
            "bf16" => DType::BF16,
            "f16" => DType::F16,
            other => {
                return Err(Error::usage(format!(
                    "there is no dtype {other:?} on {}; it is f32, bf16 or f16",
                    device_name(device)
                )));
            }
        };
        Ok((Precision::F32, dtype))
    }

    fn check(&self) -> Result<()> {
        if self.dtype != "f32" && self.what == What::Train {
            return Err(Error::usage(format!(
                "{} is not supported for training; models train in f32",
                self.dtype
            )));
        }
        if self.batch == 0 || self.steps == 0 || self.length < 2 || self.prompt == 0 {
            return Err(Error::usage(
                "batch, steps and prompt must be at least 1, length at least 2",
            ));
        }
        Ok(())
    }

    fn config(&self) -> Result<ModelConfig> {
        if let Some(config) = gpt2::Config::named(&self.model) {
            return Ok(ModelConfig::Gpt2(config));
        }
        if let Some(config) = bert::Config::named(&self.model) {
            return Ok(ModelConfig::Bert(config));
        }
        let path = Path::new(&self.model).join("config.json");
        let json = std::fs::read_to_string(&path).map_err(|e| {
            Error::io("read", &path, &e)
                .with("a model is gpt2, gpt2-medium, gpt2-large, gpt2-xl, bert-base, bert-large, or a folder with a config.json")
        })?;
        ModelConfig::read(&json)
    }

    /// Seconds of each step but the first.
    fn train(
        &self,
        vars: &weights::Vars,
        weight: usize,
        mut loss: impl FnMut(u64, &mut Stream) -> repartee_models::Result<repartee_models::Tensor>,
    ) -> Result<Vec<f64>> {
        let plan = Plan {
            steps: self.steps + 1,
            warmup: 1,
            learning_rate: 1e-5,
            decay: Decay::Linear,
            optimizer: AdamWConfig::default(),
            clip_norm: 1.0,
            accumulate: 1,
            seed: 1,
            validate_every: 0,
            save_every: 0,
            patience: 0,
        };
        let mut seconds = Vec::with_capacity(self.steps);
        train(
            vars,
            &plan,
            None,
            &mut |n| {
                Ok(MicroBatch {
                    batch: n as u64,
                    weight: weight as f64,
                    tokens: self.batch * self.length,
                })
            },
            &mut |n, stream| loss(*n, stream),
            &mut || Ok(None),
            &mut |event| -> repartee_models::Result<Flow> {
                if let Event::Step {
                    step, seconds: s, ..
                } = event
                    && step > 1
                {
                    seconds.push(s);
                }
                Ok(Flow::Go)
            },
        )?;
        Ok(seconds)
    }

    /// Seconds of each repetition but the first.
    fn repeat(&self, mut work: impl FnMut(u64) -> Result<()>) -> Result<Vec<f64>> {
        work(0)?;
        (1..=self.steps as u64)
            .map(|n| {
                let started = Instant::now();
                work(n)?;
                Ok(started.elapsed().as_secs_f64())
            })
            .collect()
    }

    /// Random tokens: `batch` rows of `length`.
    fn tokens(&self, vocabulary: usize, length: usize, n: u64) -> Vec<Vec<u32>> {
        let mut stream = Stream::at(1, "bench", n);
        (0..self.batch)
            .map(|_| {
                (0..length)
                    .map(|_| stream.below(vocabulary) as u32)
                    .collect()
            })
            .collect()
    }

    fn pairs(&self, config: &bert::Config, n: u64) -> Rows {
        let types: Vec<u32> = (0..self.length)
            .map(|t| u32::from(t > self.length / 2))
            .collect();
        Rows {
            ids: self.tokens(config.vocab_size, self.length, n),
            types: vec![types; self.batch],
        }
    }
}

/// Number of compute threads: `RAYON_NUM_THREADS`, or one per core.
pub fn threads() -> usize {
    let set = std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|n| n.parse().ok())
        .filter(|n| *n > 0);
    set.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Peak memory of this process in bytes, from the kernel; `None` if unknown.
pub fn peak_rss_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
        let kib: u64 = peak.split_whitespace().next()?.parse().ok()?;
        kib.checked_mul(1024)
    }
    #[cfg(all(unix, not(target_os = "linux")))]
    {
        // SAFETY: getrusage fills the struct it is given; all-zero bytes are a valid `rusage`.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            if libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) != 0 {
                return None;
            }
            usage
        };
        // macOS counts bytes, the others kibibytes (getrusage(2))
        let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
        u64::try_from(usage.ru_maxrss).ok().map(|n| n * unit)
    }
    #[cfg(not(unix))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(what: What, folder: &Path) -> Bench {
        Bench {
            what,
            model: folder.display().to_string(),
            batch: 2,
            length: 8,
            prompt: 4,
            steps: 2,
            dtype: "f32".to_owned(),
            device: "cpu".to_owned(),
        }
    }

    #[test]
    fn every_measurement_runs_on_a_tiny_model() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |json: String| {
            std::fs::write(folder.path().join("config.json"), json).expect("written")
        };
        let gpt2 = gpt2::Config::new(64, 16, 8, 1, 2);
        write(serde_json::to_string(&gpt2).expect("plain data"));
        for what in [What::Train, What::Generate] {
            let measured = bench(what, folder.path()).run().expect("measured");
            assert_eq!(measured.seconds.len(), 2);
            assert!(
                measured.tokens_per_s.is_some_and(|rate| rate > 0.0)
                    && measured.pairs_per_s.is_none()
            );
        }
        let long = Bench {
            length: 14,
            ..bench(What::Generate, folder.path())
        };
        assert!(
            long.run()
                .is_err_and(|e| e.message.contains("18 tokens do not fit"))
        );
        let bert = bert::Config::new(64, 16, 8, 1, 2);
        write(serde_json::to_string(&bert).expect("plain data"));
        assert!(bench(What::Train, folder.path()).run().is_ok());
        assert!(
            bench(What::Score, folder.path())
                .run()
                .is_ok_and(|m| m.pairs_per_s.is_some())
        );
        assert!(bench(What::Generate, folder.path()).run().is_err());
    }

    #[test]
    fn usual_model_can_do_what_is_measured() {
        for what in [What::Train, What::Generate, What::Score] {
            let config = bench(what, Path::new(what.usual_model())).config();
            let is_bert = matches!(config, Ok(ModelConfig::Bert(_)));
            assert_eq!(is_bert, what == What::Score, "{what:?}");
        }
    }

    #[test]
    fn generating_and_scoring_run_at_every_precision() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |json: String| {
            std::fs::write(folder.path().join("config.json"), json).expect("written")
        };
        for (what, json) in [
            (
                What::Generate,
                serde_json::to_string(&gpt2::Config::new(64, 16, 8, 1, 2)),
            ),
            (
                What::Score,
                serde_json::to_string(&bert::Config::new(64, 16, 8, 1, 2)),
            ),
        ] {
            write(json.expect("plain data"));
            for dtype in ["f32", "bf16", "int8"] {
                let measured = Bench {
                    dtype: dtype.to_owned(),
                    ..bench(what, folder.path())
                };
                assert_eq!(measured.run().expect("measured").seconds.len(), 2);
            }
        }
    }

    #[test]
    fn unsupported_dtype_is_a_clear_error() {
        let bf16 = Bench {
            dtype: "bf16".to_owned(),
            ..bench(What::Train, Path::new("."))
        };
        assert!(
            bf16.run()
                .is_err_and(|e| e.message.contains("bf16 is not supported for training"))
        );
        let f64 = Bench {
            dtype: "f64".to_owned(),
            ..bench(What::Generate, Path::new("."))
        };
        assert!(f64.run().is_err_and(|e| e.message.contains("no dtype")));
    }
}
