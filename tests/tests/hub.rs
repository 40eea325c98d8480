//! Bases from a folder and from a (fake) hub: importing, exporting, and refusals.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use repartee_models::{Device, gpt2, text, weights};
use repartee_tests::Place;
use repartee_tests::hub::{COMMIT, Hub};

/// A tiny GPT-2 with a tokenizer trained on a few sentences, as a Hugging Face folder.
fn tiny(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let sentences =
        (0..300).map(|i| format!("Sentence number {i} says that cats and dogs are {}.", i * 7));
    let files = text::train_bpe(sentences, 320).unwrap();
    for (name, bytes) in &files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let config = gpt2::Config::new(text::vocabulary_of(&files).unwrap(), 64, 16, 2, 2);
    std::fs::write(
        folder.join("config.json"),
        serde_json::to_string(&config).unwrap(),
    )
    .unwrap();
    let tensors = config.parameters().unwrap().init(7, &Device::Cpu).unwrap();
    weights::write(&tensors, &folder.join("model.safetensors")).unwrap();
}

#[test]
fn base_from_a_folder_is_exported_unchanged() {
    let place = Place::with_project();
    tiny(&place.path("model"));
    let added = place
        .ok(["base", "add", "small", "--from", "model", "--json"])
        .result();
    assert_eq!(added["kind"], "gpt2");
    assert_eq!(added["layers"], 2);
    let list = place.ok(["base", "list"]);
    assert!(list.out.contains("small"), "{list}");
    place.ok(["export", "base", "small", "out"]);
    let read = |folder: &str| weights::read(&weights::files(&place.path(folder)).unwrap()).unwrap();
    let (before, after) = (read("model"), read("out"));
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    for (name, tensor) in &before {
        let values =
            |t: &repartee_models::Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(tensor), values(&after[name]), "{name}");
    }
    // importing it again is refused, and so is writing over a model
    let again = place.run(["base", "add", "small", "--from", "model", "--json"]);
    assert_eq!(
        (again.status, again.json()["error"]["code"].as_str()),
        (Some(2), Some("exists")),
        "{again}"
    );
    let over = place.run(["export", "base", "small", "out", "--json"]);
    assert_eq!(
        (over.status, over.json()["error"]["code"].as_str()),
        (Some(2), Some("exists")),
        "{over}"
    );
    place.ok(["base", "remove", "small"]);
    assert!(place.ok(["base", "list"]).out.contains("No bases"));
}

#[test]
fn base_is_downloaded_once_then_read_from_the_cache() {
    let place = Place::with_project();
    tiny(&place.path("model"));
    let hub = Hub::serve("somebody/tiny", &place.path("model"));
    let add = |name: &str, from: &str| {
        let mut command = place.repartee(["base", "add", name, "--from", from, "--json"]);
        command
            .env("HF_ENDPOINT", &hub.endpoint)
            .env("HF_HOME", place.path("cache"))
            .env_remove("HF_TOKEN");
        repartee_tests::Ran::from(command.output().unwrap())
    };
    let first = add("one", "somebody/tiny");
    assert_eq!(first.status, Some(0), "{first}");
    assert_eq!(first.result()["origin"], format!("somebody/tiny@{COMMIT}"));
    assert!(
        first.out.contains("downloading model.safetensors"),
        "no progress: {first}"
    );
    assert!(
        hub.asked()
            .iter()
            .any(|path| path.ends_with("model.safetensors"))
    );

    // everything is cached: only the list of files is requested
    let before = hub.asked().len();
    assert_eq!(add("two", "somebody/tiny").status, Some(0));
    assert_eq!(hub.asked().len() - before, 1, "{:?}", hub.asked());

    let missing = add("three", "somebody/else");
    assert_eq!(
        (missing.status, missing.json()["error"]["code"].as_str()),
        (Some(2), Some("not-found")),
        "{missing}"
    );

    hub.vanish();
    let offline = add("four", "somebody/tiny");
    assert_eq!(offline.status, Some(0), "{offline}");
    let unknown = add("five", "somebody/new");
    assert_eq!(
        (unknown.status, unknown.json()["error"]["code"].as_str()),
        (Some(2), Some("io")),
        "{unknown}"
    );
    assert!(unknown.err.contains("--from FOLDER"), "{unknown}");
}

#[test]
fn numbers_of_a_config_are_checked_and_read_in_any_spelling() {
    let place = Place::with_project();
    tiny(&place.path("model"));
    let path = place.path("model").join("config.json");
    let json = std::fs::read_to_string(&path).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    for (field, value, range) in [
        ("layer_norm_epsilon", 0.0, "1e-20 and 0.1"),
        ("layer_norm_epsilon", -1.0, "1e-20 and 0.1"),
        ("layer_norm_epsilon", 1e9, "1e-20 and 0.1"),
        ("attn_pdrop", 2.0, "0.0 and 0.9"),
        ("resid_pdrop", -1.0, "0.0 and 0.9"),
    ] {
        let mut wrong = json.clone();
        wrong[field] = serde_json::json!(value);
        std::fs::write(&path, wrong.to_string()).unwrap();
        let ran = place.run(["base", "add", "x", "--from", "model"]);
        assert_eq!(ran.status, Some(2), "{ran}");
        let said = format!("config.json: {field} is {value:?}; it must be between {range}");
        assert!(ran.err.contains(&said), "{ran}");
        assert!(ran.err.contains("model/config.json"), "{ran}");
    }
    // as an editor on Windows and a program without integers write it
    let mut other = json.clone();
    other["n_layer"] = serde_json::json!(2.0);
    other["vocab_size"] = json["vocab_size"].as_f64().into();
    std::fs::write(&path, format!("\u{feff}{other}")).unwrap();
    let added = place.ok(["base", "add", "small", "--from", "model", "--json"]);
    assert_eq!(added.result()["layers"], 2);
    assert_eq!(added.result()["vocabulary"], json["vocab_size"]);
}

#[test]
fn wrapped_models_are_read_and_adapters_refused() {
    let place = Place::with_project();
    let plain = place.path("plain");
    tiny(&plain);
    let tensors = weights::read(&weights::files(&plain).unwrap()).unwrap();
    let wrapped = |folder: &str, name: &dyn Fn(&str) -> String| {
        tiny(&place.path(folder));
        let tensors = tensors
            .iter()
            .map(|(old, tensor)| (name(old), tensor.clone()));
        let path = place.path(folder).join("model.safetensors");
        weights::write(&tensors.collect(), &path).unwrap();
        place.run(["base", "add", folder, "--from", folder])
    };
    let lightning = wrapped("lightning", &|name| format!("model.{name}"));
    assert_eq!(lightning.status, Some(0), "{lightning}");
    let fsdp = wrapped("fsdp", &|name| {
        let inner = name.replace(".h.0.", ".h.0._fsdp_wrapped_module.");
        format!("base_model.model._fsdp_wrapped_module.{inner}")
    });
    assert_eq!(fsdp.status, Some(0), "{fsdp}");
    for folder in ["lightning", "fsdp"] {
        let out = format!("{folder}-out");
        place.ok(["export", "base", folder, &out]);
        let exported = weights::read(&weights::files(&place.path(&out)).unwrap()).unwrap();
        assert!(exported.keys().eq(tensors.keys()), "{folder}");
    }
    let adapter = wrapped("adapter", &|name| {
        name.replace("c_attn.weight", "c_attn.lora_A.weight")
    });
    assert_eq!(adapter.status, Some(2), "{adapter}");
    assert!(adapter.err.contains("LoRA adapter"), "{adapter}");
    assert!(adapter.err.contains("merge"), "{adapter}");
    // as PEFT saves one
    std::fs::create_dir(place.path("peft")).unwrap();
    place.write("peft/adapter_config.json", "{}");
    let peft = place.run(["base", "add", "x", "--from", "peft"]);
    assert_eq!(peft.status, Some(2), "{peft}");
    assert!(
        peft.err
            .contains("adapter_config.json: this is a LoRA adapter"),
        "{peft}"
    );
}

#[test]
fn bad_models_are_refused_with_a_reason() {
    let place = Place::with_project();
    let refused = |folder: &str| {
        let ran = place.run(["base", "add", "x", "--from", folder]);
        assert_eq!(ran.status, Some(2), "{ran}");
        assert!(!ran.err.contains("panicked"), "{ran}");
        ran.err
    };
    // a tensor with another shape than in config.json
    tiny(&place.path("misshapen"));
    let config = place.path("misshapen").join("config.json");
    let json = std::fs::read_to_string(&config)
        .unwrap()
        .replace("\"n_positions\":64", "\"n_positions\":65");
    std::fs::write(&config, json).unwrap();
    let error = refused("misshapen");
    assert!(
        error.contains("wpe.weight") && error.contains("64") && error.contains("65"),
        "{error}"
    );
    // a missing tensor
    tiny(&place.path("missing"));
    let path = place.path("missing").join("model.safetensors");
    let mut tensors = weights::read(std::slice::from_ref(&path)).unwrap();
    tensors.retain(|name, _| !name.contains("h.1.ln_2.weight"));
    weights::write(&tensors, &path).unwrap();
    assert!(refused("missing").contains("h.1.ln_2.weight"));
    // half a file
    tiny(&place.path("cut"));
    let path = place.path("cut").join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused("cut").contains("model.safetensors"));
    // a tokenizer of another model: far fewer tokens than rows
    tiny(&place.path("stranger"));
    let config = gpt2::Config::new(5000, 64, 16, 2, 2);
    let tensors = config.parameters().unwrap().init(7, &Device::Cpu).unwrap();
    std::fs::write(
        place.path("stranger").join("config.json"),
        serde_json::to_string(&config).unwrap(),
    )
    .unwrap();
    weights::write(&tensors, &place.path("stranger").join("model.safetensors")).unwrap();
    assert!(refused("stranger").contains("tokenizer"));
    // no tokenizer at all, no folder at all, no model
    tiny(&place.path("mute"));
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::remove_file(place.path("mute").join(name)).unwrap();
    }
    assert!(refused("mute").contains("vocab.json"));
    assert!(refused("./nowhere").contains("no folder"));
    std::fs::create_dir(place.path("empty")).unwrap();
    assert!(refused("empty").contains("config.json"));
    place.write(
        "empty/config.json",
        r#"{"model_type":"llama","vocab_size":5}"#,
    );
    assert!(refused("empty").contains("llama"));
}
