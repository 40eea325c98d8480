//! Projects hold JSON that was written before names changed: it is still read.
#![allow(clippy::unwrap_used)]

use std::fmt::Debug;

use repartee_core::job::{from_json, to_json};
use repartee_datasets::Partition;
use repartee_models::text::Template;
use repartee_terms::Precision;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::SamplingParams;
use crate::app_state::Settings;
use crate::data::splits::{Audit, PartitionInfo, SplitInfo};
use crate::evaluation::evaluate::Evaluate;
use crate::generation::draft::DraftReplies;
use crate::generation::fakes::{FakesConfig, MakeFakes};
use crate::generation::generate::{CandidateInfo, Generate, GenerationConfig, Precisions};

/// Writes a value with its old names, and reads it.
#[track_caller]
fn reads<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, names: &[(&str, &str)]) {
    let mut json = to_json(value).unwrap();
    for (new, old) in names {
        let key = format!("\"{new}\":");
        assert!(json.contains(&key), "{json} has no {new}");
        json = json.replace(&key, &format!("\"{old}\":"));
    }
    assert_eq!(&from_json::<T>(&json).unwrap(), value, "{json}");
}

/// Reads a value that was written when it had no such fields.
#[track_caller]
fn without<T: Serialize + DeserializeOwned>(value: &T, fields: &[&str]) -> T {
    let mut json = serde_json::to_value(value).unwrap();
    for field in fields {
        json.as_object_mut().unwrap().remove(*field).unwrap();
    }
    serde_json::from_value(json).unwrap()
}

fn sampling() -> SamplingParams {
    SamplingParams {
        top_k: 7,
        ..SamplingParams::default()
    }
}

#[test]
fn parameters_of_jobs_are_read_under_their_old_names() {
    let evaluate = Evaluate {
        partition: Partition::Val,
        ..Evaluate::default()
    };
    reads(&evaluate, &[("partition", "side")]);
    let fakes = MakeFakes {
        sampling: sampling(),
        ..MakeFakes::default()
    };
    reads(&fakes, &[("sampling", "decode")]);
    let generate = Generate {
        sampling: sampling(),
        ..Generate::default()
    };
    reads(&generate, &[("sampling", "decode")]);
    let draft = DraftReplies {
        generate,
        ..DraftReplies::default()
    };
    reads(&draft, &[("sampling", "decode")]);
}

#[test]
fn configs_and_outcomes_are_read_under_their_old_names() {
    let fakes = FakesConfig {
        generator: "writer".into(),
        step: 10,
        template: Template::default(),
        sampling: sampling(),
        replies: 1,
        comments: [1, 1, 1],
        device: "cpu".into(),
        precision: Precision::F32,
        job: String::new(),
    };
    reads(&fakes, &[("sampling", "decode")]);
    // what was generated before there were precisions
    assert_eq!(without(&fakes, &["precision"]), fakes);
    let generation = GenerationConfig {
        generator: "writer".into(),
        realism: None,
        upvotes: None,
        candidates: 10,
        sampling: sampling(),
        criteria: Generate::default().criteria,
        device: "cpu".into(),
        precisions: Precisions::default(),
        trained_on: None,
        job: String::new(),
        context: Default::default(),
    };
    reads(&generation, &[("sampling", "decode")]);
    assert_eq!(
        without(&generation, &["precisions", "trained_on"]),
        generation
    );
    let candidate = CandidateInfo {
        id: 1,
        n: 0,
        text: "Yes.".into(),
        finish_reason: repartee_terms::FinishReason::Length,
        p_real: None,
        bins: None,
        expected_bin: None,
        picked: false,
        reason: String::new(),
        reply: None,
        flags: Vec::new(),
    };
    reads(&candidate, &[("finish_reason", "finish")]);
}

#[test]
fn splits_and_audits_are_read_under_their_old_names() {
    let audit = Audit {
        near_duplicates: 3,
        ..Audit::default()
    };
    reads(&audit, &[("near_duplicates", "twin_texts")]);
    let info = PartitionInfo {
        partition: Partition::Test,
        pairs: 5,
        threads: 2,
        scored: 4,
        bins: vec![1, 1, 1, 1],
    };
    let json = r#"{
        "name": "main", "seed": 1, "audit": null, "created_ms": 1,
        "config": {
            "shares": { "train": 0.8, "val": 0.1, "test": 0.1 }, "edges": null,
            "near": { "shingle": 5, "min_words": 8, "threshold": 0.8 }
        },
        "sides": [{ "side": "test", "pairs": 5, "threads": 2, "scored": 4, "bins": [1, 1, 1, 1] }]
    }"#;
    assert_eq!(from_json::<SplitInfo>(json).unwrap().partitions, [info]);
}

#[test]
fn settings_are_read_under_their_old_names() {
    let settings = Settings {
        maintenance: false,
        ..Settings::default()
    };
    reads(&settings, &[("maintenance", "upkeep")]);
}
