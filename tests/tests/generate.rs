//! Fakes go on where they stopped; a full prompt, a tokenizer of another model and a damaged base are
//! clear errors that store nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_engine::base::{BaseAdd, BaseNew};
use repartee_engine::fakes::MakeFakes;
use repartee_engine::generate::{Generate, Incoming};
use repartee_engine::run_config::{RunConfig, RunKind};
use repartee_engine::train::Train;
use repartee_engine::{Code, Ended, Engine, Signal};
use repartee_models::generate::Decode;
use repartee_models::weights;
use repartee_tests::sample::{done, project};

fn train(engine: &Engine, name: &str, base: &str) {
    let config = RunConfig {
        name: name.to_owned(),
        base: base.to_owned(),
        steps: 2,
        batch_size: 2,
        max_tokens: 64,
        samples: 0,
        validate_limit: 4,
        ..RunConfig::of(RunKind::Generator)
    };
    done(engine, &Train::new(&config).unwrap());
}

#[test]
fn fakes_that_were_cut_short_go_on_and_equal_those_that_were_not() {
    let (_place, engine) = project(60);
    train(&engine, "writer", "small-gpt2");
    let make = |name: &str| MakeFakes {
        name: name.to_owned(),
        generator: "writer".to_owned(),
        comments: [24, 8, 8],
        batch: 4,
        decode: Decode {
            max_new_tokens: 12,
            ..Decode::default()
        },
        ..MakeFakes::default()
    };
    let whole = done(&engine, &make("whole"));

    let id = "11111111-2222-7333-8444-666666666666";
    let (path, pressed) = (engine.path().to_owned(), engine.interrupt.clone());
    let ended = engine.start_as(id, &make("cut"), &|signal| {
        if let Signal::Progress(progress) = signal
            && progress.phase.starts_with("writing")
        {
            pressed.press();
        }
    });
    assert_eq!(ended.unwrap(), Ended::Paused);
    drop(engine);
    let engine = Engine::open(path).unwrap();
    let begun: u64 = engine
        .fake_sets()
        .unwrap()
        .iter()
        .filter(|set| set.name == "cut")
        .map(|set| set.fakes.iter().sum::<u64>())
        .sum();
    assert!(begun < 40, "paused too late to show anything");
    assert!(matches!(
        engine.resume(id, &|_| {}).unwrap(),
        Ended::Done(_)
    ));

    let texts = |name: &str| -> Vec<String> {
        engine
            .fakes_show(name, 100)
            .unwrap()
            .into_iter()
            .map(|shown| shown.fake)
            .collect()
    };
    assert_eq!(
        texts("cut"),
        texts("whole"),
        "cut or not, the same seed writes the same fakes"
    );
    assert_eq!(texts("cut").len() as u64, whole.fakes.iter().sum::<u64>());
    let again = engine.start(&make("cut"), &|_| {}).unwrap_err();
    assert_eq!(again.code, Code::Exists);
}

#[test]
fn a_full_prompt_of_1024_tokens_is_refused_and_nothing_is_stored() {
    let (_place, engine) = project(30);
    let base = BaseNew {
        name: "long".to_owned(),
        layers: 1,
        width: 16,
        heads: 2,
        context: 1024,
        vocab: 400,
        ..BaseNew::default()
    };
    done(&engine, &base);
    train(&engine, "writer", "long");
    let answer = |comment: String| Generate {
        comments: vec![Incoming {
            comment,
            ..Incoming::default()
        }],
        generator: "writer".to_owned(),
        candidates: 1,
        decode: Decode {
            max_new_tokens: 4,
            ..Decode::default()
        },
        ..Generate::default()
    };
    let error = engine
        .start(&answer("x ".repeat(1024)), &|_| {})
        .unwrap_err();
    // nothing could be done: a negative result that names the comment and says what to do
    assert_eq!(error.code, Code::Negative);
    assert!(
        error.message.contains("comment 1 of those given")
            && error.message.contains("1024 positions")
            && error.message.contains("shorten"),
        "{error}"
    );
    assert!(engine.queue(None).unwrap().is_empty());
    // one that fits is answered, though training saw at most 64 tokens
    assert_eq!(
        done(&engine, &answer("x ".repeat(300))).comments[0]
            .candidates
            .len(),
        1
    );
}

#[test]
fn a_tokenizer_of_another_model_and_damaged_weights_are_clear_errors() {
    let (place, engine) = project(30);
    let folder = place.path("base");
    engine.base_export("small-gpt2", &folder).unwrap();
    let add = |name: &str| {
        let job = BaseAdd {
            name: name.to_owned(),
            from: folder.display().to_string(),
        };
        engine.start(&job, &|_| {})
    };
    assert!(
        matches!(add("whole").unwrap(), Ended::Done(_)),
        "what was written out is taken in"
    );

    let file = folder.join("model.safetensors");
    let whole = weights::read(std::slice::from_ref(&file)).unwrap();
    let mut missing = whole.clone();
    missing.remove("transformer.h.1.mlp.c_fc.weight");
    weights::write(&missing, &file).unwrap();
    let error = add("missing").unwrap_err();
    assert!(
        error.message.contains("h.1.mlp.c_fc.weight") && error.code == Code::Model,
        "{error}"
    );

    let mut misshapen = whole.clone();
    let narrow = whole["transformer.wpe.weight"]
        .narrow(0, 0, 5)
        .unwrap()
        .contiguous()
        .unwrap();
    misshapen.insert("transformer.wpe.weight".to_owned(), narrow);
    weights::write(&misshapen, &file).unwrap();
    let error = add("misshapen").unwrap_err();
    assert!(
        error.message.contains("wpe.weight") && error.message.contains('5'),
        "{error}"
    );

    std::fs::write(&file, b"\xff\xff\xff\xff\xff\xff\xff\x7f not tensors").unwrap();
    assert_eq!(add("torn").unwrap_err().code, Code::BadInput);

    weights::write(&whole, &file).unwrap();
    let other = place.path("other");
    engine.base_export("small-bert", &other).unwrap();
    std::fs::copy(other.join("tokenizer.json"), folder.join("tokenizer.json")).unwrap();
    let error = add("mixed").unwrap_err();
    assert!(error.message.contains("token"), "{error}");
    let names: Vec<String> = engine
        .bases()
        .unwrap()
        .into_iter()
        .map(|base| base.name)
        .collect();
    assert_eq!(names, ["small-gpt2", "small-bert", "whole"]);
}
