//! Against candle-transformers, which shares neither layers nor sampling with this crate. `REPARTEE_DEVICE` says where
//! this crate's BERT runs; candle's runs on the CPU.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::disallowed_types)] // it is not trained here

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::generation::{LogitsProcessor, Sampling};
use candle_transformers::models::bert::{BertModel, Config};
use repartee_models::batch;
use repartee_models::bert::{self, Bert, Rows};
use repartee_models::generate::{SamplingParams, Seen, sample};
use repartee_models::rng::Stream;
use repartee_models::weights::Tensors;
use repartee_models::{DeviceChoice, device};

/// Every parameter random, biases and norms too, so that none is without effect.
fn random_tensors(config: &bert::Config) -> Tensors {
    let mut stream = Stream::new(3, "weights");
    let specs = config.parameters(2).unwrap().specs;
    let random = |shape: &[usize]| {
        let values =
            (0..shape.iter().product::<usize>()).map(|_| 0.4 * stream.next_normal() as f32);
        Tensor::from_vec(values.collect(), shape, &Device::Cpu).unwrap()
    };
    let tensors = specs.iter().map(|spec| &spec.shape[..]).map(random);
    let names = specs.iter().map(|spec| spec.name.clone());
    names.zip(tensors.collect::<Vec<_>>()).collect()
}

fn random_rows(config: &bert::Config, lengths: &[usize]) -> Rows {
    let mut stream = Stream::new(4, "rows");
    let mut rows = |below: usize| -> Vec<Vec<u32>> {
        let row = |&n: &usize| (0..n).map(|_| stream.below(below) as u32).collect();
        lengths.iter().map(row).collect()
    };
    Rows {
        ids: rows(config.vocab_size),
        types: rows(config.type_vocab_size),
    }
}

/// The device in `REPARTEE_DEVICE`, by default the CPU, and the largest difference allowed there.
fn asked() -> (Device, f32) {
    let name = std::env::var("REPARTEE_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    let choice: DeviceChoice = name.parse().unwrap();
    match device(choice).unwrap().device {
        Device::Cpu => (Device::Cpu, 2e-5),
        gpu => (gpu, 1e-4),
    }
}

/// Both forms of GELU, padded rows, after the embedding and after each block. candle's model shows only its last state,
/// so it is built once for each depth.
#[test]
fn hidden_states_equal_those_of_candles_bert() {
    let cpu = Device::Cpu;
    let (device, tolerance) = asked();
    for (ours, theirs) in [("gelu", "gelu"), ("gelu_new", "geluapproximate")] {
        let mut config = bert::Config::new(97, 40, 32, 3, 4);
        config.hidden_act = ours.to_owned();
        let tensors = random_tensors(&config);
        let rows = random_rows(&config, &[17, 40, 1, 9]);
        let on_device =
            |(name, t): (&String, &Tensor)| (name.clone(), t.to_device(&device).unwrap());
        let placed: Tensors = tensors.iter().map(on_device).collect();
        let model = Bert::new(&config, 2, &placed).unwrap();
        let states = model.hidden_states(&rows).unwrap();
        assert_eq!(states.len(), 4);

        let ids = batch::padded(&rows.ids, 0, &cpu).unwrap();
        let types = batch::padded(&rows.types, 0, &cpu).unwrap();
        let ones: Vec<Vec<u32>> = rows.ids.iter().map(|row| vec![1; row.len()]).collect();
        let mask = batch::padded(&ones, 0, &cpu).unwrap();
        for (layers, state) in states.iter().enumerate() {
            let state = &state.to_device(&cpu).unwrap();
            let mut json = serde_json::to_value(&config).unwrap();
            json["hidden_act"] = theirs.into();
            json["num_hidden_layers"] = layers.into();
            let json: Config = serde_json::from_value(json).unwrap();
            let tensors = tensors.clone().into_iter().collect();
            let tensors = VarBuilder::from_tensors(tensors, DType::F32, &cpu);
            let oracle = BertModel::load(tensors, &json).unwrap();
            let expected = oracle.forward(&ids, &types, Some(&mask)).unwrap(); // (B, T, C)
            assert_eq!(state.dims(), expected.dims());
            for (b, row) in rows.ids.iter().enumerate() {
                let part = |x: &Tensor| x.get(b).unwrap().narrow(0, 0, row.len()).unwrap();
                let gap = (part(state) - part(&expected)).unwrap().abs().unwrap();
                let gap = gap.max_all().unwrap().to_scalar::<f32>().unwrap();
                assert!(
                    gap < tolerance,
                    "{ours}, layer {layers}, row {b}: off by {gap}"
                );
            }
        }
    }
}

/// Sampled tokens per setting.
const DRAWS: usize = 40_000;

fn shares(v: usize, mut draw: impl FnMut() -> u32) -> Vec<f64> {
    let mut shares = vec![0.0; v];
    (0..DRAWS).for_each(|_| shares[draw() as usize] += 1.0 / DRAWS as f64);
    shares
}

/// The probability that the `k` most likely tokens have together.
fn mass(logits: &[f32], temperature: f64, k: usize) -> f64 {
    let mut weights: Vec<f64> = logits
        .iter()
        .map(|logit| (f64::from(*logit) / temperature).exp())
        .collect();
    weights.sort_by(|a, b| b.total_cmp(a));
    weights[..k].iter().sum::<f64>() / weights.iter().sum::<f64>()
}

#[test]
fn sampled_tokens_have_the_distribution_of_candles_logits_processor() {
    let mut stream = Stream::new(5, "logits");
    let logits: Vec<f32> = (0..24).map(|_| 1.5 * stream.next_normal() as f32).collect();
    let on_device = Tensor::new(logits.as_slice(), &Device::Cpu).unwrap();
    let ours = |temperature, top_k, top_p| SamplingParams {
        temperature,
        top_k,
        top_p,
        ..SamplingParams::default()
    };
    let both = |temperature, k: usize, p: f64| {
        // candle measures top-p against all tokens; transformers, and so this crate, against the k that are left
        let theirs = Sampling::TopKThenTopP {
            k,
            p: p * mass(&logits, temperature, k),
            temperature,
        };
        (ours(temperature, k, p), theirs)
    };
    let all = |temperature| (ours(temperature, 0, 1.0), Sampling::All { temperature });
    let top_k = |temperature, k| (ours(temperature, k, 1.0), Sampling::TopK { k, temperature });
    let top_p = |temperature, p| (ours(temperature, 0, p), Sampling::TopP { p, temperature });
    for (ours, theirs) in [
        (ours(0.0, 0, 1.0), Sampling::ArgMax),
        all(1.0),
        all(0.6),
        all(1.8),
        top_k(1.0, 1),
        top_k(1.0, 5),
        top_k(0.7, 24),
        top_p(1.0, 0.8),
        top_p(1.4, 0.3),
        both(1.0, 10, 0.7),
        both(0.8, 6, 0.9),
    ] {
        let what = format!("{theirs:?}");
        let mut stream = Stream::new(6, "sample");
        let seen = Seen::default();
        let got = shares(24, || {
            sample(&mut logits.clone(), &seen, &ours, &mut stream).unwrap()
        });
        let mut oracle = LogitsProcessor::from_sampling(7, theirs);
        let expected = shares(24, || oracle.sample(&on_device).unwrap());
        for (token, (got, expected)) in got.iter().zip(&expected).enumerate() {
            // three and a half standard deviations of the gap at a share of a half
            let gap = (got - expected).abs();
            assert!(gap < 0.0125, "{what}: token {token}: {got}, not {expected}");
            // a token that one of them cuts off is not sampled by the other
            let cut = got.min(*expected) == 0.0 && got.max(*expected) > 0.001;
            assert!(!cut, "{what}: token {token}: {got}, not {expected}");
        }
    }
}
