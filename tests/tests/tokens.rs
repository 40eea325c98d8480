//! Token ids equal those of transformers, on real and awkward pairs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use repartee_models::text::{ClassifierText, Files, GeneratorText, TOKENIZER_FILES, Template};
use serde_json::Value;

fn files(folder: &Path, names: &[&str]) -> Files {
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::fs::read(folder.join(name)).ok()?)))
        .collect()
}

fn ids(value: &Value) -> Vec<u32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|id| u32::try_from(id.as_u64().unwrap()).unwrap())
        .collect()
}

#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn token_ids_equal_the_reference() {
    let shared = repartee_tests::shared();
    let cases: Vec<Value> =
        serde_json::from_slice(&std::fs::read(shared.join("parity/tokens_plain.json")).unwrap())
            .unwrap();
    let template = Template {
        max_tokens: 1 << 20,
        ..Template::default()
    };
    for names in [&TOKENIZER_FILES[..], &["vocab.json", "merges.txt"]] {
        let text = GeneratorText::new(&files(&shared.join("gpt2"), names), 50257, template.clone())
            .unwrap();
        for case in &cases {
            let (comment, reply) = (
                case["comment"].as_str().unwrap(),
                case["reply"].as_str().unwrap(),
            );
            let mut want = ids(&case["gpt2"]);
            assert_eq!(
                text.encode(&format!("{comment} [SEP] {reply}")).unwrap(),
                want,
                "{comment:?} {reply:?}"
            );
            // a typed separator is neutralized before the template, so only the raw string has the reference's ids
            if !comment.contains("[SEP]") && !reply.contains("[SEP]") {
                want.push(text.end);
                assert_eq!(
                    text.example(comment, reply).unwrap().ids,
                    want,
                    "{comment:?} {reply:?}"
                );
            }
        }
    }
    for names in [
        &TOKENIZER_FILES[..],
        &["vocab.txt", "tokenizer_config.json"],
    ] {
        for (key, length) in [("bert64", 64), ("bert128", 128)] {
            let text =
                ClassifierText::new(&files(&shared.join("minilm"), names), 30522, length).unwrap();
            for case in &cases {
                let (comment, reply) = (
                    case["comment"].as_str().unwrap(),
                    case["reply"].as_str().unwrap(),
                );
                let pair = text.pair(comment, reply).unwrap();
                assert_eq!(
                    pair.ids,
                    ids(&case[key]["ids"]),
                    "{key} {comment:?} {reply:?}"
                );
                assert_eq!(
                    pair.types,
                    ids(&case[key]["types"]),
                    "{key} {comment:?} {reply:?}"
                );
            }
        }
    }
}
