//! The list of fuzz targets: everything that reads untrusted bytes, each as one function of bytes. The seeded test
//! (`tests/tests/fuzz.rs`) and the targets of `cargo fuzz` (`fuzz/`) both run these. A target panics if a reader
//! panics, or returns an error that is no sentence; a good file and a good error are equally fine.

use std::ops::ControlFlow;
use std::path::Path;

use repartee_datasets::read::{self, Options, preview};
use repartee_engine::{Engine, bases::base};

/// The targets by name.
pub const TARGETS: [(&str, fn(&[u8], &Path)); 7] = [
    ("ndjson", ndjson),
    ("csv", csv),
    ("json", json),
    ("parquet", parquet),
    ("safetensors", safetensors),
    ("tokenizer", tokenizer),
    ("project", project),
];

/// Runs a target on bytes, in a folder of its own that it may fill.
///
/// # Panics
/// If the target finds a fault, or no target has this name.
pub fn run(target: &str, bytes: &[u8]) {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a folder for the target");
    }
    let (_, target) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target of this name");
    FOLDER.with(|folder| target(bytes, folder.path()));
}

/// Mappings for tables; the bytes choose one.
const MAPPINGS: [Option<&str>; 6] = [
    None,
    Some("comment=comment,reply=reply,score=score,created=created"),
    Some("comment=a,reply=b"),
    Some("id=id,parent=parent_id,text=body,author=author,score=score"),
    Some("comment=title,reply=answers.text,score=answers.score"),
    None,
];

fn mapping(bytes: &[u8], only: usize) -> Option<&'static str> {
    let sum: usize = bytes.iter().map(|b| usize::from(*b)).sum();
    MAPPINGS[(sum + bytes.len()) % only]
}

/// A message is one sentence, whatever the file contains.
fn sentence(text: &str) {
    assert!(
        text.len() < 8_000,
        "an error of {} bytes: {text:.200}",
        text.len()
    );
    assert!(
        !text.contains('\n'),
        "an error of several lines: {text:.500}"
    );
}

fn read_file(bytes: &[u8], folder: &Path, name: &str, mapping: Option<&str>) {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a file of the target");
    let options = Options {
        mapping: mapping.map(|map| map.parse().expect("a mapping")),
        ..Options::default()
    };
    let mut rows = 0;
    let done = read::read(&path, &options, |batch| {
        rows += batch.counts.rows;
        let taken = batch.counts.comments + batch.counts.posts;
        assert_eq!(
            batch.records.len() as u64,
            taken,
            "what is counted is given"
        );
        batch.rejected.iter().for_each(|row| sentence(&row.reason));
        ControlFlow::Continue(())
    });
    match done {
        Ok(summary) => {
            assert_eq!(summary.counts.rows, rows);
            assert!(
                summary.hash.is_some(),
                "a completely read file is recognized again"
            );
        }
        Err(read::Error::Died { what, .. }) => panic!("a reader died: {what}"),
        Err(error) => sentence(&error.to_string()),
    }
    match preview(&path, 3) {
        Ok(_) => {}
        Err(error) => sentence(&error.to_string()),
    }
}

fn ndjson(bytes: &[u8], folder: &Path) {
    read_file(
        bytes,
        folder,
        "RC_2020",
        mapping(bytes, 6).filter(|_| bytes.len().is_multiple_of(3)),
    );
}

fn csv(bytes: &[u8], folder: &Path) {
    read_file(bytes, folder, "table.csv", mapping(bytes, 6));
}

fn json(bytes: &[u8], folder: &Path) {
    read_file(
        bytes,
        folder,
        "thread.json",
        mapping(bytes, 6).filter(|_| bytes.len().is_multiple_of(2)),
    );
}

fn parquet(bytes: &[u8], folder: &Path) {
    let mapping = [
        Some("comment=title,reply=answers"),
        Some("comment=title,reply=body"),
        None,
    ];
    read_file(bytes, folder, "table.parquet", mapping[bytes.len() % 3]);
}

/// Reads a model's folder.
fn model(folder: &Path) {
    match base::read_folder(folder, &|| {}) {
        Ok(_) => {}
        Err(error) => {
            sentence(&error.message);
            error.detail.iter().for_each(|line| sentence(line));
        }
    }
}

/// `config.json`, a NUL, and a file of weights.
fn safetensors(bytes: &[u8], folder: &Path) {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let (config, weights) = bytes.split_at(end);
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).expect("a file of the target");
    };
    write("config.json", config);
    write("model.safetensors", weights.get(1..).unwrap_or_default());
    write("vocab.txt", VOCABULARY.join("\n").as_bytes());
    model(folder);
}

/// `tokenizer.json` of the model of [`tiny_model`].
fn tokenizer(bytes: &[u8], folder: &Path) {
    let (config, weights) = tiny_model();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).expect("a file of the target");
    };
    write("config.json", &config);
    write("model.safetensors", &weights);
    write("tokenizer.json", bytes);
    model(folder);
}

fn project(bytes: &[u8], folder: &Path) {
    let path = folder.join("p.repartee");
    for leftover in ["p.repartee-wal", "p.repartee-shm", "p.repartee-journal"] {
        let _ = std::fs::remove_file(folder.join(leftover));
    }
    std::fs::write(&path, bytes).expect("a file of the target");
    let mut engine = match Engine::open(&path) {
        Ok(engine) => engine,
        Err(error) => return sentence(&error.message),
    };
    engine.environment.state = Some(folder.join("state"));
    let said = |error: Option<repartee_engine::Error>| {
        if let Some(error) = error {
            sentence(&error.message);
        }
    };
    said(engine.sources().err());
    said(engine.bases().err());
    said(engine.jobs().err());
    said(engine.pair_subreddits().err());
    said(engine.rejected("1", 0, 10).err());
    said(engine.check(&|_| {}).err());
}

// ---------------------------------------------------------------------------------------------
// What is mutated

/// The vocabulary of the tiny model.
pub const VOCABULARY: [&str; 12] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##a", "##b", "the", "kettle", ".",
];

/// A BERT of one layer of width 4: its configuration and its weights.
pub fn tiny_model() -> (Vec<u8>, Vec<u8>) {
    let config = serde_json::json!({
        "model_type": "bert", "vocab_size": 12, "hidden_size": 4, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 16,
        "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 0,
    });
    let (c, i) = (4, 8);
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".into(), vec![12, c]),
        ("embeddings.position_embeddings.weight".into(), vec![16, c]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, c]),
        ("embeddings.LayerNorm.weight".into(), vec![c]),
        ("embeddings.LayerNorm.bias".into(), vec![c]),
    ];
    for (name, shape) in [
        ("attention.self.query", [c, c]),
        ("attention.self.key", [c, c]),
        ("attention.self.value", [c, c]),
        ("attention.output.dense", [c, c]),
        ("intermediate.dense", [i, c]),
        ("output.dense", [c, i]),
    ] {
        shapes.push((format!("encoder.layer.0.{name}.weight"), shape.to_vec()));
        shapes.push((format!("encoder.layer.0.{name}.bias"), vec![shape[0]]));
    }
    for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
        shapes.push((format!("encoder.layer.0.{name}.weight"), vec![c]));
        shapes.push((format!("encoder.layer.0.{name}.bias"), vec![c]));
    }
    let (mut list, mut at) = (serde_json::Map::new(), 0);
    for (name, shape) in &shapes {
        let bytes = 4 * shape.iter().product::<usize>();
        let about =
            serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [at, at + bytes]});
        list.insert(format!("bert.{name}"), about);
        at += bytes;
    }
    let header = serde_json::Value::Object(list).to_string();
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend_from_slice(header.as_bytes());
    weights.resize(weights.len() + at, 0);
    (config.to_string().into_bytes(), weights)
}
