//! The models compute what transformers on PyTorch computes: logits, hidden states, every gradient, twenty steps of
//! training, greedy text. The tolerances are those of the reference's own noise.
//!
//! `REPARTEE_DEVICE=cuda` or `metal` runs the models on that device, in a build with its feature; the packed models
//! stay on the CPU. GPUs compose operations where the CPU has fused ones: the tests in float64 run that path on the
//! CPU.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use repartee_models::batch;
use repartee_models::bert::{self, Bert, Rows};
use repartee_models::fast::{self, Precision};
use repartee_models::generate::{SamplingParams, Task, generate, generate_naive, go_on};
use repartee_models::gpt2::{self, Gpt2};
use repartee_models::ops;
use repartee_models::optim::AdamWConfig;
use repartee_models::schedule::Decay;
use repartee_models::train::{Event, Flow, MicroBatch, Plan, train};
use repartee_models::weights::{self, Tensors, Vars};
use repartee_models::{DeviceChoice, device};
use repartee_tests::{asked_device, workspace};
use serde_json::Value;

/// What the models run on.
struct Target {
    device: Device,
    dtype: DType,
    /// Factor on the tolerances of the CPU. A GPU adds in another order, and Apple's approximates exp and tanh. Set
    /// before either was measured.
    slack: f64,
}

impl Target {
    /// The device in `REPARTEE_DEVICE`, by default the CPU, in float32.
    fn asked() -> Self {
        let name = asked_device().unwrap_or_else(|| "cpu".to_owned());
        let choice: DeviceChoice = name.parse().unwrap();
        let device = device(choice).unwrap().device;
        let slack = match device {
            Device::Cpu => 1.0,
            Device::Cuda(_) => 2.0,
            Device::Metal(_) => 5.0,
        };
        Self {
            device,
            dtype: DType::F32,
            slack,
        }
    }

    /// The CPU in float64: only composed operations.
    fn composed() -> Self {
        Self {
            device: Device::Cpu,
            dtype: DType::F64,
            slack: 1.0,
        }
    }

    /// Trainable parameters here.
    fn trainable(&self, tensors: &Tensors) -> Vars {
        weights::trainable(&weights::cast(tensors, self.dtype).unwrap()).unwrap()
    }
}

/// A tensor of any device and type, to compare with the reference.
fn on_host(x: &Tensor) -> Tensor {
    x.to_device(&Device::Cpu)
        .unwrap()
        .to_dtype(DType::F32)
        .unwrap()
}

/// A folder of the reference (`tests/parity`): inputs, expectations, settings.
struct Reference {
    target: Target,
    folder: PathBuf,
    inputs: HashMap<String, Tensor>,
    expected: HashMap<String, Tensor>,
    settings: Value,
}

impl Reference {
    fn open(name: &str, target: Target) -> Self {
        let folder = workspace().join("tests/parity").join(name);
        let load =
            |file: &str| candle_core::safetensors::load(folder.join(file), &Device::Cpu).unwrap();
        Self {
            inputs: load("inputs.safetensors"),
            expected: load("expected.safetensors"),
            settings: json(&folder.join("expected.json")),
            target,
            folder,
        }
    }

    fn config(&self) -> Value {
        json(&self.folder.join("config.json"))
    }

    fn weights(&self) -> Tensors {
        weights::read(&weights::files(&self.folder).unwrap()).unwrap()
    }

    fn number(&self, key: &str) -> f64 {
        self.settings[key].as_f64().unwrap()
    }

    fn numbers(&self, key: &str) -> Vec<f64> {
        self.settings[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap())
            .collect()
    }

    /// An input of batch `n`, each row cut to the tokens that its mask keeps.
    fn rows(&self, name: &str, n: usize) -> Vec<Vec<i64>> {
        let all = |name: &str| {
            self.inputs[&format!("{name}.{n}")]
                .to_vec2::<i64>()
                .unwrap()
        };
        let kept = |(row, mask): (Vec<i64>, Vec<i64>)| {
            row.into_iter()
                .zip(mask)
                .filter(|(_, m)| *m != 0)
                .map(|(x, _)| x)
                .collect()
        };
        all(name)
            .into_iter()
            .zip(all("attention_mask"))
            .map(kept)
            .collect()
    }

    fn plan(&self) -> Plan {
        Plan {
            steps: self.number("steps") as usize,
            warmup: self.number("warmup") as usize,
            learning_rate: self.number("lr"),
            decay: Decay::Linear,
            optimizer: AdamWConfig {
                weight_decay: self.number("weight_decay"),
                ..AdamWConfig::default()
            },
            clip_norm: self.number("clip_norm"),
            accumulate: 1,
            seed: 1,
            validate_every: 0,
            save_every: 0,
            patience: 0,
        }
    }

    /// States (B, T, ..) of batch 0, where its mask keeps them.
    fn compare_states(&self, name: &str, got: &Tensor) {
        let (got, want) = (&on_host(got), &self.expected[name]);
        assert_eq!(got.dims(), want.dims(), "{name}");
        for (b, row) in self.rows("input_ids", 0).iter().enumerate() {
            let part = |x: &Tensor| x.get(b).unwrap().narrow(0, 0, row.len()).unwrap();
            let gap = largest(&(part(got) - part(want)).unwrap());
            assert!(
                gap < 1e-4 * self.target.slack,
                "{name} row {b}: off by {gap}"
            );
        }
    }

    /// The loss of batch 0.
    fn compare_loss(&self, mean: &Tensor) {
        let value = f64::from(on_host(mean).to_scalar::<f32>().unwrap());
        let tolerance = 1e-4 * self.target.slack * value;
        assert!((value - self.number("loss")).abs() < tolerance, "{value}");
    }

    /// Every trainable tensor has a gradient, within 1e-4 of its largest.
    fn compare_gradients(&self, vars: &Vars, loss: &Tensor) {
        let store = loss.backward().unwrap();
        for (name, var) in vars {
            let got = store
                .get(var)
                .unwrap_or_else(|| panic!("{name} got no gradient"));
            let got = &on_host(got);
            let want = &self.expected[&format!("grad.{name}")];
            let (real, keys) = parts(name, want.dims()[0]);
            for (from, len) in real {
                let part = |x: &Tensor| x.narrow(0, from, len).unwrap();
                let (off, size) = (
                    largest(&(part(got) - part(want)).unwrap()),
                    largest(&part(want)),
                );
                assert!(
                    off <= 1e-4 * self.target.slack * size,
                    "{name}: off by {off} of {size}"
                );
            }
            for (from, len) in keys {
                let part = |x: &Tensor| x.narrow(0, from, len).unwrap();
                let off = largest(&(part(got) - part(want)).unwrap());
                assert!(off < 1e-6 * self.target.slack, "{name}, keys: off by {off}");
            }
        }
    }

    /// Twenty steps give the reference's losses, gradient norms and weights.
    fn compare_training<B>(
        &self,
        vars: &Vars,
        batch: &mut dyn FnMut(usize) -> repartee_models::Result<MicroBatch<B>>,
        loss: &mut dyn FnMut(&B) -> repartee_models::Result<Tensor>,
    ) {
        let (mut losses, mut norms) = (Vec::new(), Vec::new());
        let mut on_event = |event: Event<'_>| -> repartee_models::Result<Flow> {
            if let Event::Step {
                loss, grad_norm, ..
            } = event
            {
                losses.push(loss);
                norms.push(grad_norm);
            }
            Ok(Flow::Go)
        };
        train(
            vars,
            &self.plan(),
            None,
            batch,
            &mut |b, _| loss(b),
            &mut || Ok(None),
            &mut on_event,
        )
        .unwrap();
        let close = |got: &[f64], want: &[f64], tolerance: f64, what: &str| {
            assert_eq!(got.len(), want.len());
            for (step, (got, want)) in got.iter().zip(want).enumerate() {
                assert!(
                    (got - want).abs() <= tolerance * self.target.slack * want,
                    "{what} {step}: {got}, expected {want}"
                );
            }
        };
        close(&losses, &self.numbers("train_losses"), 1e-4, "loss");
        close(&norms, &self.numbers("grad_norms"), 1e-3, "gradient norm");
        for (name, var) in vars {
            let gap = on_host(var.as_tensor()) - &self.expected[&format!("trained.{name}")];
            let gap = gap.unwrap();
            for (from, len) in parts(name, gap.dims()[0]).0 {
                let gap = largest(&gap.narrow(0, from, len).unwrap());
                assert!(
                    gap < 5e-4 * self.target.slack,
                    "trained {name}: off by {gap}"
                );
            }
        }
    }
}

type Ranges = Vec<(usize, usize)>;

/// The ranges (start, length) of a tensor's rows with a real gradient, and those of the keys' bias, whose gradient is
/// zero except for rounding: softmax does not change if all scores of a row shift.
fn parts(name: &str, n: usize) -> (Ranges, Ranges) {
    if name.ends_with("key.bias") {
        (vec![], vec![(0, n)])
    } else if name.ends_with("c_attn.bias") {
        (vec![(0, n / 3), (2 * n / 3, n / 3)], vec![(n / 3, n / 3)])
    } else {
        (vec![(0, n)], vec![])
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn largest(x: &Tensor) -> f64 {
    f64::from(
        x.abs()
            .unwrap()
            .flatten_all()
            .unwrap()
            .max(0)
            .unwrap()
            .to_scalar::<f32>()
            .unwrap(),
    )
}

fn unsigned(rows: Vec<Vec<i64>>) -> Vec<Vec<u32>> {
    rows.into_iter()
        .map(|row| row.into_iter().map(|x| u32::try_from(x).unwrap()).collect())
        .collect()
}

/// GPT-2 with the reference's weights: frozen, packed, and for training.
struct Generator {
    reference: Reference,
    config: gpt2::Config,
    vars: Vars,
    frozen: Gpt2,
    packed: fast::gpt2::Gpt2,
    model: Gpt2,
}

impl Generator {
    fn open() -> Self {
        Self::on(Target::asked())
    }

    fn on(target: Target) -> Self {
        let reference = Reference::open("gpt2", target);
        let config: gpt2::Config = serde_json::from_value(reference.config()).unwrap();
        let parameters = config.parameters().unwrap();
        let (tensors, report) = parameters
            .load_into(reference.weights(), 1, &reference.target.device)
            .unwrap();
        assert!(
            report.fresh.is_empty() && report.unused.is_empty(),
            "{report:?}"
        );
        let vars = reference.target.trainable(&tensors);
        Self {
            frozen: Gpt2::new(&config, &weights::view(&vars, false)).unwrap(),
            packed: fast::gpt2::Gpt2::new(&config, &tensors, Precision::F32).unwrap(),
            model: Gpt2::new(&config, &weights::view(&vars, true)).unwrap(),
            reference,
            config,
            vars,
        }
    }

    /// Token ids of batch `n`, and which of them count.
    fn batch(&self, n: usize) -> (Vec<Vec<u32>>, Vec<Vec<bool>>) {
        let count = |row: Vec<i64>| row.into_iter().map(|label| label != -100).collect();
        let labels = self.reference.rows("labels", n);
        (
            unsigned(self.reference.rows("input_ids", n)),
            labels.into_iter().map(count).collect(),
        )
    }
}

#[test]
fn gpt2_hidden_states_and_logits_match_the_reference() {
    let gpt2 = Generator::open();
    let (mut padded, _) = gpt2.batch(0);
    let t = gpt2.reference.expected["logits"].dims()[1];
    padded.iter_mut().for_each(|row| row.resize(t, 0));
    let batch = batch::padded(&padded, 0, gpt2.frozen.device()).unwrap();
    let states = gpt2.frozen.hidden_states(&batch).unwrap();
    for (i, state) in states.iter().enumerate() {
        gpt2.reference.compare_states(&format!("hidden.{i}"), state);
    }
    let logits = gpt2.frozen.logits(&states[states.len() - 1]).unwrap();
    gpt2.reference.compare_states("logits", &logits);
}

#[test]
fn packed_gpt2_matches_the_logits_of_the_reference() {
    let gpt2 = Generator::open();
    let mut buffers = fast::gpt2::Buffers::default();
    for (b, row) in gpt2.batch(0).0.iter().enumerate() {
        let logits = gpt2.reference.expected["logits"].get(b).unwrap();
        for n in 1..=row.len() {
            let (got, want) = (
                gpt2.packed.read(&row[..n], &mut buffers).unwrap().1,
                logits.get(n - 1).unwrap(),
            );
            let got = Tensor::new(got, &Device::Cpu).unwrap();
            let gap = largest(&(got - want).unwrap());
            assert!(gap < 1e-4, "row {b}, {n} tokens: off by {gap}");
        }
    }
}

#[test]
fn gpt2_greedy_tokens_match_the_reference_with_and_without_cache() {
    compare_greedy_tokens(&Generator::open());
}

fn compare_greedy_tokens(gpt2: &Generator) {
    let greedy = &gpt2.reference.expected["greedy"];
    let greedy = unsigned(greedy.to_vec2::<i64>().unwrap()).remove(0);
    let written = 24;
    let task = Task {
        key: 0,
        prompt: greedy[..greedy.len() - written].to_vec(),
    };
    let sampling = SamplingParams {
        max_new_tokens: written,
        temperature: 0.0,
        ..SamplingParams::default()
    };
    let end = gpt2.config.vocab_size as u32; // none: the reference continues
    let naive = generate_naive(&gpt2.frozen, &task, 0, end, &sampling).unwrap();
    let tasks = std::slice::from_ref(&task);
    let cached = generate(&gpt2.frozen, tasks, 2, end, &sampling, &mut go_on).unwrap();
    assert_eq!(naive.ids, greedy[task.prompt.len()..]);
    assert_eq!(cached[0], [naive.clone(), naive]);
    let packed = generate(&gpt2.packed, tasks, 2, end, &sampling, &mut go_on).unwrap();
    assert_eq!(packed[0], cached[0]);
}

#[test]
fn gpt2_loss_and_gradients_match_the_reference() {
    compare_loss_and_gradients(&Generator::open());
}

#[test]
fn gpt2_training_matches_the_reference() {
    compare_training(&Generator::open());
}

/// What GPUs run, and what half precision runs on any device.
#[test]
fn composed_gpt2_matches_the_reference() {
    compare_loss_and_gradients(&Generator::on(Target::composed()));
    compare_training(&Generator::on(Target::composed()));
    compare_greedy_tokens(&Generator::on(Target::composed()));
}

fn compare_loss_and_gradients(gpt2: &Generator) {
    let (ids, counts) = gpt2.batch(0);
    let (sum, n) = gpt2.model.loss(&ids, &counts, None, true).unwrap();
    let mean = (sum / n as f64).unwrap();
    gpt2.reference.compare_loss(&mean);
    gpt2.reference.compare_gradients(&gpt2.vars, &mean);
}

fn compare_training(gpt2: &Generator) {
    let batches = gpt2.reference.number("batches") as usize;
    gpt2.reference.compare_training(
        &gpt2.vars,
        &mut |n| {
            let (ids, counts) = gpt2.batch(n % batches);
            // nothing predicts the first token of a row, counted or not
            let weight: usize = counts
                .iter()
                .map(|row| row[1..].iter().filter(|c| **c).count())
                .sum();
            Ok(MicroBatch {
                batch: (ids, counts),
                weight: weight as f64,
                tokens: 0,
            })
        },
        &mut |(ids, counts)| Ok(gpt2.model.loss(ids, counts, None, true)?.0),
    );
}

/// BERT with the reference's weights: frozen, packed, and for training.
struct Classifier {
    reference: Reference,
    vars: Vars,
    frozen: Bert,
    packed: fast::bert::Bert,
    model: Bert,
}

impl Classifier {
    fn open(name: &str, classes: usize) -> Self {
        Self::on(Target::asked(), name, classes)
    }

    fn on(target: Target, name: &str, classes: usize) -> Self {
        let reference = Reference::open(name, target);
        let config: bert::Config = serde_json::from_value(reference.config()).unwrap();
        let parameters = config.parameters(classes).unwrap();
        let (tensors, report) = parameters
            .load_into(reference.weights(), 1, &reference.target.device)
            .unwrap();
        assert!(
            report.fresh.is_empty() && report.unused.is_empty(),
            "{report:?}"
        );
        let vars = reference.target.trainable(&tensors);
        Self {
            frozen: Bert::new(&config, classes, &weights::view(&vars, false)).unwrap(),
            packed: fast::bert::Bert::new(&config, classes, &tensors, Precision::F32).unwrap(),
            model: Bert::new(&config, classes, &weights::view(&vars, true)).unwrap(),
            reference,
            vars,
        }
    }

    /// Batch `n` and its classes.
    fn batch(&self, n: usize) -> (Rows, Vec<u32>) {
        let rows = |name: &str| unsigned(self.reference.rows(name, n));
        let labels = self.reference.inputs[&format!("labels.{n}")]
            .to_vec1::<i64>()
            .unwrap();
        let rows = Rows {
            ids: rows("input_ids"),
            types: rows("token_type_ids"),
        };
        (rows, unsigned(vec![labels]).remove(0))
    }

    fn compare_forward(&self) {
        let (rows, _) = self.batch(0);
        let states = self.frozen.hidden_states(&rows).unwrap();
        for (i, state) in states.iter().enumerate() {
            let t = state.dims()[1];
            let want = self.reference.expected[&format!("hidden.{i}")].dims()[1];
            self.reference.compare_states(
                &format!("hidden.{i}"),
                &state.pad_with_zeros(1, 0, want - t).unwrap(),
            );
        }
        let want = &self.reference.expected["logits"];
        let logits = self.frozen.logits(&rows, None).unwrap();
        let gap = largest(&(on_host(&logits) - want).unwrap());
        assert!(
            gap < 1e-4 * self.reference.target.slack,
            "logits: off by {gap}"
        );
        let packed = self.packed.logits(&rows).unwrap();
        let packed = Tensor::from_vec(packed, want.dims(), &Device::Cpu).unwrap();
        let gap = largest(&(packed - want).unwrap());
        assert!(gap < 1e-4, "packed: off by {gap}");
    }

    fn compare_loss_and_gradients(&self) {
        let (rows, labels) = self.batch(0);
        let logits = self.model.logits(&rows, None).unwrap();
        let (sum, weight) = ops::class_loss(&logits, &labels, None).unwrap();
        let mean = (sum / weight).unwrap();
        self.reference.compare_loss(&mean);
        self.reference.compare_gradients(&self.vars, &mean);
    }

    fn compare_training(&self) {
        let batches = self.reference.number("batches") as usize;
        self.reference.compare_training(
            &self.vars,
            &mut |n| {
                let (rows, labels) = self.batch(n % batches);
                let weight = labels.len() as f64;
                Ok(MicroBatch {
                    batch: (rows, labels),
                    weight,
                    tokens: 0,
                })
            },
            &mut |(rows, labels)| {
                Ok(ops::class_loss(&self.model.logits(rows, None)?, labels, None)?.0)
            },
        );
    }
}

#[test]
fn bert_hidden_states_and_logits_match_the_reference() {
    Classifier::open("bert2", 2).compare_forward();
    Classifier::open("bert4", 4).compare_forward();
}

#[test]
fn bert_loss_and_gradients_match_the_reference() {
    Classifier::open("bert2", 2).compare_loss_and_gradients();
    Classifier::open("bert4", 4).compare_loss_and_gradients();
}

#[test]
fn composed_bert_matches_the_reference() {
    for (name, classes) in [("bert2", 2), ("bert4", 4)] {
        let bert = || Classifier::on(Target::composed(), name, classes);
        bert().compare_forward();
        bert().compare_loss_and_gradients();
        bert().compare_training();
    }
}

#[test]
fn bert_training_with_two_classes_matches_the_reference() {
    Classifier::open("bert2", 2).compare_training();
}

#[test]
fn bert_training_with_four_classes_matches_the_reference() {
    Classifier::open("bert4", 4).compare_training();
}
