//! Speed of the models on this machine, on random weights: one result per measurement, with all its settings, so that
//! results can be compared.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Instant;

use repartee_core::error::{Code, Error, Result};
use repartee_datasets::texts::pairs_of_csv;
use repartee_models::bert::{Bert, Rows};
use repartee_models::evaluate::{self, Scores};
use repartee_models::fast::{self, Precision};
use repartee_models::generate::{Generates, SamplingParams, Task, go_on};
use repartee_models::gpt2::Gpt2;
use repartee_models::optim::AdamWConfig;
use repartee_models::rng::Stream;
use repartee_models::schedule::Decay;
use repartee_models::text::PairIds;
use repartee_models::train::{Event, Flow, MicroBatch, Plan, train};
use repartee_models::{DType, Device, DeviceChoice, bert, device, device_name, gpt2, ops, weights};
use serde::{Deserialize, Serialize};

use crate::bases::base::{ModelConfig, model_config, tokenizer_files};
use crate::training::model::classifier_text;

/// Classes of a classifier that is measured by itself: real or generated.
const CLASSES: usize = 2;

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
    /// Rows at once; for generation, prompts.
    pub batch: usize,
    /// Tokens per row, or the most per pair of a file; for generation, new tokens per candidate.
    pub length: usize,
    /// Tokens per prompt, for generation.
    pub prompt: usize,
    /// Candidates per prompt, for generation.
    pub candidates: usize,
    /// Candidates generated at once, of all prompts; none: all.
    pub rows: Option<usize>,
    /// A CSV with the columns comment and reply to score, in file order; none: random tokens.
    pub pairs: Option<PathBuf>,
    /// The folder of the tokenizer for `pairs`; none: [`usual_tokenizer`].
    pub tokenizer: Option<PathBuf>,
    /// Measured repetitions, after one warm-up. With `pairs`, each scores the whole file.
    pub steps: usize,
    /// f32; bf16 and int8 for generating and scoring on the CPU.
    pub dtype: String,
    /// auto, cpu, cuda or metal.
    pub device: String,
}

/// Maximum number of rows of a batch, of candidates of a prompt, and of candidates that are generated at once.
const MOST_ROWS: usize = 4_096;
/// Maximum number of candidates of all prompts together.
const MOST_CANDIDATES: usize = 1 << 16;
/// Maximum number of tokens of a prompt, a row or a candidate, and of all rows that are computed at once.
const MOST_TOKENS: usize = 1 << 20;
const MOST_TOKENS_AT_ONCE: usize = 1 << 24;
/// Maximum number of repetitions.
const MOST_STEPS: usize = 1_000_000;

/// Refuses settings that no measurement needs and no machine can hold, so that sums and products of them do not
/// overflow.
///
/// # Errors
/// [`Code::Usage`] with the range.
pub(crate) fn check_ranges(settings: &[(&str, usize, RangeInclusive<usize>)]) -> Result<()> {
    for (name, value, range) in settings {
        if !range.contains(value) {
            let (least, most) = (range.start(), range.end());
            return Err(Error::usage(format!(
                "{name} is {value}; it is a number from {least} to {most}"
            )));
        }
    }
    Ok(())
}

pub(crate) const CANDIDATES: RangeInclusive<usize> = 1..=MOST_ROWS;
pub(crate) const TOKENS: RangeInclusive<usize> = 1..=MOST_TOKENS;
pub(crate) const STEPS: RangeInclusive<usize> = 1..=MOST_STEPS;

/// Refuses more tokens at once than a machine can hold.
///
/// # Errors
/// [`Code::Usage`] with the limit.
pub(crate) fn check_tokens_at_once(rows: usize, tokens: usize) -> Result<()> {
    match rows.checked_mul(tokens) {
        Some(all) if all <= MOST_TOKENS_AT_ONCE => Ok(()),
        _ => Err(Error::usage(format!(
            "{rows} rows of {tokens} tokens are too many at once; at most {MOST_TOKENS_AT_ONCE} tokens can be measured"
        ))),
    }
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
    /// Tokens or pairs of each repetition.
    pub done: usize,
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

/// What the repetitions did, and how long they took.
struct Timed {
    seconds: Vec<f64>,
    /// Tokens or pairs of each repetition.
    done: usize,
    parameters: usize,
}

impl Bench {
    /// Measures.
    ///
    /// # Errors
    /// If a setting is out of range, the dtype or device is not supported, the file of pairs or its tokenizer cannot be
    /// read, or memory runs out.
    pub fn run(&self) -> Result<Measured> {
        self.check()?;
        let (device, form) = device_for(&self.device, &self.dtype)?;
        let config = config_of(&self.model)?;
        let needed = match self.what {
            What::Generate => self.prompt + self.length,
            What::Train | What::Score => self.length,
        };
        check_length(&self.model, &config, needed)?;
        let timed = match (&config, self.what) {
            (ModelConfig::Gpt2(c), What::Train) => self.train_gpt2(c, &device)?,
            (ModelConfig::Bert(c), What::Train) => self.train_bert(c, &device)?,
            (ModelConfig::Gpt2(c), What::Generate) => self.generate(c, form, &device)?,
            (ModelConfig::Bert(c), What::Score) => self.score(c, form, &device)?,
            (ModelConfig::Bert(_), What::Generate) => return Err(no_generator(&self.model)),
            (ModelConfig::Gpt2(_), What::Score) => return Err(no_classifier(&self.model)),
        };
        let dropout = match &config {
            ModelConfig::Gpt2(c) => c.resid_pdrop,
            ModelConfig::Bert(c) => c.hidden_dropout_prob,
        };
        let rate =
            timed.done as f64 * timed.seconds.len() as f64 / timed.seconds.iter().sum::<f64>();
        Ok(Measured {
            bench: self.clone(),
            tokens_per_s: (self.what != What::Score).then_some(rate),
            pairs_per_s: (self.what == What::Score).then_some(rate),
            done: timed.done,
            seconds: timed.seconds,
            peak_rss_gb: peak_rss_gb(),
            parameters: timed.parameters,
            threads: threads(),
            ran_on: device_name(&device).to_owned(),
            dropout: (self.what == What::Train).then_some(dropout),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    fn check(&self) -> Result<()> {
        if self.dtype != "f32" && self.what == What::Train {
            return Err(Error::usage(format!(
                "{} is not supported for training; models train in f32",
                self.dtype
            )));
        }
        check_ranges(&[
            ("batch", self.batch, 1..=MOST_ROWS),
            ("length", self.length, 2..=MOST_TOKENS),
            ("prompt", self.prompt, TOKENS),
            ("candidates", self.candidates, CANDIDATES),
            ("rows", self.rows.unwrap_or(1), 1..=MOST_ROWS),
            ("steps", self.steps, STEPS),
        ])?;
        match self.what {
            What::Generate => {
                let all = self.batch * self.candidates;
                if all > MOST_CANDIDATES {
                    return Err(Error::usage(format!(
                        "{all} candidates are too many; at most {MOST_CANDIDATES} of all prompts together can be \
                         measured"
                    )));
                }
                let rows = self.rows.unwrap_or(all);
                if rows > MOST_ROWS {
                    return Err(Error::usage(format!(
                        "{rows} candidates are too many at once; set rows to at most {MOST_ROWS}"
                    )));
                }
                check_tokens_at_once(rows.min(all), self.prompt + self.length)?;
                check_tokens_at_once(self.batch, self.prompt)?;
            }
            What::Train | What::Score => check_tokens_at_once(self.batch, self.length)?,
        }
        if self.pairs.is_some() && self.what != What::Score {
            return Err(Error::usage("a file of pairs is for scoring"));
        }
        if self.tokenizer.is_some() && self.pairs.is_none() {
            return Err(Error::usage("a tokenizer needs a file of pairs (--pairs)"));
        }
        Ok(())
    }

    fn train_gpt2(&self, c: &gpt2::Config, device: &Device) -> Result<Timed> {
        let vars = weights::trainable(&c.parameters()?.init(1, device)?)?;
        let model = Gpt2::new(c, &weights::view(&vars, true))?;
        let counts = vec![vec![true; self.length]; self.batch];
        let seconds = self.train(&vars, self.batch * (self.length - 1), |n, stream| {
            let ids = random_tokens(self.batch, c.vocab_size, self.length, n);
            Ok(model.loss(&ids, &counts, Some(stream), true)?.0)
        })?;
        Ok(Timed {
            seconds,
            done: self.batch * self.length,
            parameters: c.parameters()?.count(),
        })
    }

    fn train_bert(&self, c: &bert::Config, device: &Device) -> Result<Timed> {
        let vars = weights::trainable(&c.parameters(CLASSES)?.init(1, device)?)?;
        let model = Bert::new(c, CLASSES, &weights::view(&vars, true))?;
        let labels: Vec<u32> = (0..self.batch as u32).map(|i| i % 2).collect();
        let seconds = self.train(&vars, self.batch, |n, stream| {
            let logits = model.logits(&self.random_pairs(c, n), Some(stream))?;
            Ok(ops::class_loss(&logits, &labels, None)?.0)
        })?;
        Ok(Timed {
            seconds,
            done: self.batch * self.length,
            parameters: c.parameters(CLASSES)?.count(),
        })
    }

    /// `batch` prompts of random tokens with `candidates` candidates each.
    fn generate(&self, c: &gpt2::Config, form: Form, device: &Device) -> Result<Timed> {
        let model = generator(c, form, device)?;
        let sampling = sampling(self.length);
        let all = self.batch * self.candidates;
        let rows = self.rows.unwrap_or(all);
        let seconds = repeat(self.steps, |n| {
            let prompts = random_tokens(self.batch, c.vocab_size, self.prompt, n);
            let tasks: Vec<Task> = prompts
                .into_iter()
                .zip(0..)
                .map(|(prompt, key)| Task { key, prompt })
                .collect();
            model.replies(&tasks, self.candidates, NO_END, &sampling, rows, &mut go_on)?;
            Ok(())
        })?;
        Ok(Timed {
            seconds,
            done: all * self.length,
            parameters: c.parameters()?.count(),
        })
    }

    fn score(&self, c: &bert::Config, form: Form, device: &Device) -> Result<Timed> {
        let file = match &self.pairs {
            Some(path) => Some(self.batches_of(path, c)?),
            None => None,
        };
        let model = classifier(c, CLASSES, form, device)?;
        let seconds = repeat(self.steps, |n| match &file {
            Some(batches) => batches.iter().try_for_each(|rows| score(&*model, rows)),
            None => score(&*model, &self.random_pairs(c, n)),
        })?;
        Ok(Timed {
            seconds,
            done: match &file {
                Some(batches) => batches.iter().map(|rows| rows.ids.len()).sum(),
                None => self.batch,
            },
            parameters: c.parameters(CLASSES)?.count(),
        })
    }

    /// The pairs of a CSV, tokenized as the classifiers' are, in batches in file order.
    fn batches_of(&self, path: &Path, c: &bert::Config) -> Result<Vec<Rows>> {
        let texts = pairs_of_csv(path)?;
        if texts.is_empty() {
            let empty = format!("{} has no pairs", path.display());
            return Err(Error::bad_input(empty));
        }
        let folder = self.tokenizer.clone().unwrap_or_else(usual_tokenizer);
        let files = tokenizer_files(&folder, c.vocab_size)?;
        let pairs = classifier_text(&files, c, self.length)?.pairs(&texts)?;
        let batches = pairs.chunks(self.batch);
        Ok(batches
            .map(|some| evaluate::rows(&some.iter().collect::<Vec<&PairIds>>()))
            .collect())
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

    fn random_pairs(&self, config: &bert::Config, n: u64) -> Rows {
        let types: Vec<u32> = (0..self.length)
            .map(|t| u32::from(t > self.length / 2))
            .collect();
        Rows {
            ids: random_tokens(self.batch, config.vocab_size, self.length, n),
            types: vec![types; self.batch],
        }
    }
}

/// An end token that no model has, so that every candidate gets its full length.
pub(crate) const NO_END: u32 = u32::MAX;

/// The decoding settings of every measurement: top-k 40, as in the original experiment.
pub(crate) fn sampling(max_new_tokens: usize) -> SamplingParams {
    SamplingParams {
        max_new_tokens,
        top_k: 40,
        ..SamplingParams::default()
    }
}

/// The configuration of a published size, or of a folder.
pub(crate) fn config_of(model: &str) -> Result<ModelConfig> {
    if let Some(config) = gpt2::Config::named(model) {
        return Ok(ModelConfig::Gpt2(config));
    }
    if let Some(config) = bert::Config::named(model) {
        return Ok(ModelConfig::Bert(config));
    }
    let read = model_config(Path::new(model));
    let (config, _) = read.map_err(|error| match error.code {
        Code::NotFound | Code::Io => error.with(
            "a model is gpt2, gpt2-medium, gpt2-large, gpt2-xl, bert-base, bert-large, or a folder with a config.json",
        ),
        _ => error,
    })?;
    Ok(config)
}

pub(crate) fn check_length(model: &str, config: &ModelConfig, needed: usize) -> Result<()> {
    let longest = match config {
        ModelConfig::Gpt2(c) => c.n_positions,
        ModelConfig::Bert(c) => c.max_position_embeddings,
    };
    if needed > longest {
        return Err(Error::usage(format!(
            "{needed} tokens do not fit {model}, which takes {longest}"
        )));
    }
    Ok(())
}

pub(crate) fn no_generator(model: &str) -> Error {
    Error::usage(format!(
        "{model} is a BERT and generates nothing; use a GPT-2"
    ))
}

pub(crate) fn no_classifier(model: &str) -> Error {
    Error::usage(format!("{model} is a GPT-2; pairs are scored by a BERT"))
}

/// How weights are stored for generation and scoring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// On the CPU.
    Packed(Precision),
    /// On a GPU, as tensors of this type.
    Tensors(DType),
}

/// Opens a device, and finds the form that `dtype` names on it.
pub(crate) fn device_for(name: &str, dtype: &str) -> Result<(Device, Form)> {
    let choice: DeviceChoice = name.parse().map_err(Error::usage)?;
    let device = device(choice)?.device;
    let words = match device.is_cpu() {
        true => Precision::words(),
        false => "f32, bf16, f16".to_owned(),
    };
    let form = match (device.is_cpu(), dtype) {
        (true, dtype) => dtype.parse().map(Form::Packed).ok(),
        (false, "f32") => Some(Form::Tensors(DType::F32)),
        (false, "bf16") => Some(Form::Tensors(DType::BF16)),
        (false, "f16") => Some(Form::Tensors(DType::F16)),
        (false, _) => None,
    };
    match form {
        Some(form) => Ok((device, form)),
        None => Err(Error::usage(format!(
            "there is no dtype {dtype:?} on {}; it is one of {words}",
            device_name(&device)
        ))),
    }
}

/// A generator with random weights, as generation uses it on this device.
pub(crate) fn generator(
    c: &gpt2::Config,
    form: Form,
    device: &Device,
) -> Result<Box<dyn Generates>> {
    let tensors = c.parameters()?.init(1, device)?;
    let model: Box<dyn Generates> = match form {
        Form::Packed(precision) => Box::new(fast::gpt2::Gpt2::new(c, &tensors, precision)?),
        Form::Tensors(dtype) => Box::new(Gpt2::new(c, &weights::cast(&tensors, dtype)?)?),
    };
    Ok(model)
}

/// A classifier with random weights, as scoring uses it on this device.
pub(crate) fn classifier(
    c: &bert::Config,
    classes: usize,
    form: Form,
    device: &Device,
) -> Result<Box<dyn Scores>> {
    let tensors = c.parameters(classes)?.init(1, device)?;
    let model: Box<dyn Scores> = match form {
        Form::Packed(precision) => {
            Box::new(fast::bert::Bert::new(c, classes, &tensors, precision)?)
        }
        Form::Tensors(dtype) => Box::new(Bert::new(c, classes, &weights::cast(&tensors, dtype)?)?),
    };
    Ok(model)
}

/// Scores one batch. The logits are on the host before this returns, so that a clock around it measures all of it.
fn score(model: &dyn Scores, rows: &Rows) -> Result<()> {
    let logits = model.scores(rows)?;
    logits
        .to_dtype(DType::F32)
        .and_then(|logits| logits.to_vec2::<f32>())
        .map_err(repartee_models::Error::from)?;
    Ok(())
}

/// The tokenizer for files of pairs unless another is named: `minilm` in the folder of real data, which is
/// `REPARTEE_SHARED` or `../shared`.
pub fn usual_tokenizer() -> PathBuf {
    let shared = std::env::var_os("REPARTEE_SHARED").unwrap_or_else(|| "../shared".into());
    Path::new(&shared).join("minilm")
}

/// Seconds of each repetition but the first, which warms up.
fn repeat(steps: usize, mut work: impl FnMut(u64) -> Result<()>) -> Result<Vec<f64>> {
    work(0)?;
    (1..=steps as u64)
        .map(|n| {
            let started = Instant::now();
            work(n)?;
            Ok(started.elapsed().as_secs_f64())
        })
        .collect()
}

/// Random tokens: `rows` rows of `length`, others for every `n`.
pub(crate) fn random_tokens(
    rows: usize,
    vocabulary: usize,
    length: usize,
    n: u64,
) -> Vec<Vec<u32>> {
    let mut stream = Stream::at(1, "bench", n);
    (0..rows)
        .map(|_| {
            (0..length)
                .map(|_| stream.below(vocabulary) as u32)
                .collect()
        })
        .collect()
}

/// Number of compute threads: `RAYON_NUM_THREADS`, or one per core.
pub fn threads() -> usize {
    let set = std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|n| n.parse().ok())
        .filter(|n| *n > 0);
    set.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Peak memory of this process in gigabytes (10^9 bytes); `None` if unknown.
pub(crate) fn peak_rss_gb() -> Option<f64> {
    peak_rss_bytes().map(|bytes| bytes as f64 / 1e9)
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
            candidates: 1,
            rows: None,
            pairs: None,
            tokenizer: None,
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
            let config = config_of(what.usual_model());
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
    fn every_candidate_of_every_prompt_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = serde_json::to_string(&gpt2::Config::new(64, 16, 8, 1, 2));
        let path = folder.path().join("config.json");
        std::fs::write(path, config.expect("plain data")).expect("written");
        let bench = |rows| Bench {
            candidates: 5,
            rows,
            ..bench(What::Generate, folder.path())
        };
        for rows in [None, Some(3)] {
            assert_eq!(bench(rows).run().expect("measured").done, 2 * 5 * 8);
        }
        let none = bench(Some(0)).run();
        assert!(none.is_err_and(|e| e.message.contains("rows is 0")));
    }

    #[test]
    fn numbers_that_no_machine_can_hold_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = serde_json::to_string(&gpt2::Config::new(64, 16, 8, 1, 2));
        let path = folder.path().join("config.json");
        std::fs::write(path, config.expect("plain data")).expect("written");
        let usual = |what| bench(what, folder.path());
        let generate = || usual(What::Generate);
        let huge = usize::MAX;
        for (bench, words) in [
            (
                Bench {
                    prompt: huge,
                    ..generate()
                },
                "prompt is",
            ),
            (
                Bench {
                    length: huge,
                    ..generate()
                },
                "length is",
            ),
            (
                Bench {
                    batch: huge,
                    candidates: 2,
                    ..generate()
                },
                "batch is",
            ),
            (
                Bench {
                    candidates: 99_999_999_999,
                    ..generate()
                },
                "candidates is",
            ),
            (
                Bench {
                    rows: Some(huge),
                    ..generate()
                },
                "rows is",
            ),
            (
                Bench {
                    batch: 4_096,
                    candidates: 4_096,
                    ..generate()
                },
                "16777216 candidates are too many",
            ),
            (
                Bench {
                    batch: 4_096,
                    candidates: 2,
                    ..generate()
                },
                "set rows to at most 4096",
            ),
            (
                Bench {
                    steps: huge,
                    ..usual(What::Train)
                },
                "steps is",
            ),
            (
                Bench {
                    batch: 4_096,
                    length: 1 << 20,
                    ..usual(What::Train)
                },
                "too many at once",
            ),
        ] {
            let error = bench.run().expect_err("refused");
            assert_eq!(error.code, Code::Usage);
            assert!(error.message.contains(words), "{words}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn devices_and_endless_files_are_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("config.json");
        std::os::unix::fs::symlink("/dev/zero", &config).expect("a link");
        let error = bench(What::Generate, folder.path())
            .run()
            .expect_err("refused");
        assert!(error.message.contains("not a file"), "{error}");
        std::fs::remove_file(&config).expect("removed");
        let json = serde_json::to_string(&bert::Config::new(64, 16, 8, 1, 2));
        std::fs::write(&config, json.expect("plain data")).expect("written");
        let score = Bench {
            pairs: Some("/dev/zero".into()),
            ..bench(What::Score, folder.path())
        };
        let error = score.run().expect_err("refused");
        assert!(error.message.contains("not a file"), "{error}");
    }

    #[test]
    fn all_pairs_of_a_file_are_scored() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).expect("written")
        };
        let texts: Vec<String> = (0..40)
            .map(|n| format!("tomato number {n} needs water, sun and {} more days", n * 7))
            .collect();
        let files = repartee_models::text::train_word_piece(&texts, 300).expect("a tokenizer");
        files.iter().for_each(|(name, bytes)| write(name, bytes));
        let config = serde_json::to_string(&bert::Config::new(300, 16, 8, 1, 2));
        write("config.json", config.expect("plain data").as_bytes());
        write(
            "pairs.csv",
            b"reply,comment\nwater,tomato\nsun,\"more\ndays\"\nnumber,sun\nx,y\nsun,water and sun\n",
        );
        let bench = |file: &str| Bench {
            length: 16,
            pairs: Some(folder.path().join(file)),
            tokenizer: Some(folder.path().to_owned()),
            ..bench(What::Score, folder.path())
        };
        let measured = bench("pairs.csv").run().expect("measured");
        assert_eq!((measured.done, measured.seconds.len()), (5, 2));
        write("pairs.csv", b"reply,comment\n");
        let why = |bench: Bench| bench.run().expect_err("refused").message;
        assert!(why(bench("pairs.csv")).contains("has no pairs"));
        write("pairs.csv", b"answer,comment\na,b\n");
        assert!(why(bench("pairs.csv")).contains("no column \"reply\""));
        let generate = Bench {
            what: What::Generate,
            ..bench("pairs.csv")
        };
        assert!(why(generate).contains("for scoring"));
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
