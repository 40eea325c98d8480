//! Fakes resume where they stopped; a full prompt, a tokenizer of another model and a damaged base are clear errors
//! that store nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use repartee_engine::bases::base::{BaseAdd, BaseNew};
use repartee_engine::demo::Demo;
use repartee_engine::evaluation::decoding::MeasureDecoding;
use repartee_engine::evaluation::evaluate::Evaluate;
use repartee_engine::evaluation::quality::MeasureQuality;
use repartee_engine::generation::draft::DraftReplies;
use repartee_engine::generation::fakes::MakeFakes;
use repartee_engine::generation::generate::{Generate, Incoming};
use repartee_engine::generation::pick::Criteria;
use repartee_engine::posting::Post;
use repartee_engine::terms::BaseKind;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::training::{RunFacts, Train};
use repartee_engine::{Code, Ended, Engine, Error, Job, Signal};
use repartee_models::generate::SamplingParams;
use repartee_models::weights;
use repartee_store::Store;
use repartee_tests::approve_as_shown;
use repartee_tests::sample::{done, project};
use repartee_tests::stranger::database;
use repartee_tests::{Place, Saved};

fn train(engine: &Engine, name: &str, base: &str) {
    let config = RunConfig {
        name: name.to_owned(),
        base: base.to_owned(),
        steps: 2,
        batch_size: 2,
        max_tokens: 64,
        samples: 0,
        validate_limit: 4,
        ..RunConfig::of(ModelKind::Generator)
    };
    done(engine, &Train::new(&config).unwrap());
}

#[test]
fn resumed_fakes_equal_uninterrupted_ones() {
    let (_place, engine) = project(60);
    train(&engine, "writer", "small-gpt2");
    let make = |name: &str| MakeFakes {
        name: name.to_owned(),
        generator: "writer".to_owned(),
        comments: [24, 8, 8],
        batch: 4,
        sampling: SamplingParams {
            max_new_tokens: 12,
            ..SamplingParams::default()
        },
        ..MakeFakes::default()
    };
    let whole = done(&engine, &make("whole"));

    let id = "11111111-2222-7333-8444-666666666666";
    let (path, pressed) = (engine.path().to_owned(), engine.interrupt.clone());
    let ended = engine.start_as(id, &make("cut"), &|signal| {
        if let Signal::Progress(progress) = signal
            && progress.phase.starts_with("generating")
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
fn full_prompt_of_1024_tokens_is_refused_and_nothing_is_stored() {
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
        sampling: SamplingParams {
            max_new_tokens: 4,
            ..SamplingParams::default()
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
    // one that fits is answered, although training saw at most 64 tokens
    assert_eq!(
        done(&engine, &answer("x ".repeat(300))).comments[0]
            .candidates
            .len(),
        1
    );
}

#[test]
fn foreign_tokenizer_and_damaged_weights_are_clear_errors() {
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
    let config = folder.join("config.json");
    let json = std::fs::read_to_string(&config).unwrap();
    let mut fewer: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(fewer["n_layer"], 2);
    fewer["n_layer"] = 1.into();
    std::fs::write(&config, fewer.to_string()).unwrap();
    let error = add("cut").unwrap_err();
    assert!(error.message.contains("n_layer is 1"), "{error}");
    #[cfg(unix)]
    {
        std::fs::remove_file(&config).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&config).status();
        assert!(made.unwrap().success());
        let error = add("pipe").unwrap_err();
        assert!(error.message.contains("is a pipe"), "{error}");
        std::fs::remove_file(&config).unwrap();
    }
    std::fs::write(&config, json).unwrap();
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

/// A job for "writer" with one comment.
fn ask(comment: &str) -> Generate {
    Generate {
        comments: vec![Incoming {
            comment: comment.to_owned(),
            ..Incoming::default()
        }],
        generator: "writer".to_owned(),
        candidates: 4,
        sampling: SamplingParams {
            max_new_tokens: 8,
            ..SamplingParams::default()
        },
        ..Generate::default()
    }
}

fn train_votes(engine: &Engine) {
    let config = RunConfig {
        name: "votes".to_owned(),
        steps: 2,
        batch_size: 4,
        max_tokens: 64,
        validate_limit: 4,
        ..RunConfig::of(ModelKind::Upvotes)
    };
    done(engine, &Train::new(&config).unwrap());
}

/// A refused job leaves nothing behind: no job, no thread, no draft.
fn refused<J: Job>(engine: &Engine, job: &J) -> Error {
    let there = |engine: &Engine| {
        let store = Store::open(engine.path()).unwrap();
        let (jobs, threads) = (engine.jobs().unwrap().len(), store.threads().unwrap().len());
        (jobs, threads, engine.queue(None).unwrap().len())
    };
    let before = there(engine);
    let error = engine.start(job, &|_| {}).err().expect("it is refused");
    assert_eq!(there(engine), before, "{error}");
    if let Err(error) = engine.enqueue_job(job, false) {
        assert_eq!(error.code, Code::Usage, "{error}");
    } else {
        panic!("it was queued");
    }
    assert_eq!(there(engine), before);
    assert_eq!(error.code, Code::Usage, "{error}");
    error
}

/// A project with a generator "writer" and an upvotes model "votes". It is made once, and each test works on a copy.
fn with_models() -> (Place, Engine) {
    static MADE: OnceLock<Saved> = OnceLock::new();
    let saved = MADE.get_or_init(|| {
        let (place, engine) = project(60);
        train(&engine, "writer", "small-gpt2");
        train_votes(&engine);
        drop(engine);
        place.save()
    });
    let place = saved.copy();
    let engine = place.engine();
    (place, engine)
}

fn only_realistic() -> Criteria {
    Criteria {
        min_p_real: Some(0.9),
        ..Criteria::default()
    }
}

#[test]
fn criterion_without_its_model_is_refused_before_anything_is_written() {
    let (place, engine) = with_models();
    let with_criterion = Generate {
        criteria: only_realistic(),
        ..ask("Which pot?")
    };
    let error = refused(&engine, &with_criterion);
    assert!(error.message.contains("--realism RUN"), "{error}");
    let draft = DraftReplies {
        generate: Generate {
            comments: Vec::new(),
            criteria: only_realistic(),
            ..ask("")
        },
        ..DraftReplies::default()
    };
    let error = engine.start(&draft, &|_| {}).expect_err("it is refused");
    assert!(error.message.contains("--realism RUN"), "{error}");

    // the same, requested later
    let generated = done(&engine, &ask("Which pot?"));
    let error = engine
        .generation_pick(generated.generation, &only_realistic())
        .unwrap_err();
    assert!(error.message.contains("--realism RUN"), "{error}");
    drop(engine);
    let ran = place.run([
        "generate",
        "Which pot?",
        "--generator",
        "writer",
        "--min-p-real",
        "0.9",
    ]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(ran.err.contains("--realism RUN"), "{ran}");
}

#[test]
fn first_token_is_sent_before_any_other() {
    let (_place, engine) = with_models();
    let sent = Mutex::new(Vec::new());
    engine
        .start(&ask("Which pot?"), &|signal| {
            if let Signal::Drafts { drafts } = signal {
                sent.lock().unwrap().push(drafts);
            }
        })
        .unwrap();
    let sent = sent.into_inner().unwrap();
    assert_eq!(sent[0].len(), 1, "{sent:?}");
    assert_eq!(sent[0][0].finish_reason, None);
    let finished = sent.last().unwrap();
    assert!(finished.len() == 4 && finished.iter().all(|draft| draft.finish_reason.is_some()));
}

#[test]
fn candidates_are_printed_as_json_lines_while_they_are_generated() {
    let (place, engine) = with_models();
    drop(engine);
    let ran = place.ok([
        "generate",
        "Which pot?",
        "--generator",
        "writer",
        "--upvotes",
        "votes",
        "-n",
        "3",
        "--max-new-tokens",
        "8",
        "--json",
    ]);
    let lines: Vec<serde_json::Value> = (ran.out.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<&str> = (lines.iter())
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    let first = |event: &str| events.iter().position(|one| *one == event).unwrap();
    assert_eq!(first("started"), 0);
    assert!(first("comments") < first("drafts") && first("drafts") < first("scores"));
    assert_eq!(first("result"), lines.len() - 1, "{events:?}");
    assert_eq!(lines[first("comments")]["texts"][0], "Which pot?");
    let begun = lines[first("drafts")]["drafts"].as_array().unwrap();
    assert!(
        begun.len() == 1 && begun[0]["finish_reason"].is_null(),
        "{begun:?}"
    );
    // the last text of each candidate is that of the result
    let mut texts = BTreeMap::new();
    for line in &lines {
        for draft in line["drafts"].as_array().into_iter().flatten() {
            assert_eq!(draft["comment"], 0);
            texts.insert(draft["n"].as_u64().unwrap(), draft.clone());
        }
    }
    let candidates = &ran.result()["comments"][0]["candidates"];
    assert_eq!(texts.len(), 3);
    for candidate in candidates.as_array().unwrap() {
        let draft = &texts[&candidate["n"].as_u64().unwrap()];
        assert_eq!(draft["text"], candidate["text"]);
        assert_eq!(draft["finish_reason"], candidate["finish_reason"]);
    }
    assert_eq!(candidates.as_array().unwrap().len(), 3);
}

#[test]
fn run_of_another_kind_is_refused_wherever_a_run_is_named() {
    let (_place, engine) = with_models();
    for (wrong, words) in [
        (
            Generate {
                generator: "votes".to_owned(),
                ..ask("Which pot?")
            },
            "not a generator",
        ),
        (
            Generate {
                realism: Some("votes".to_owned()),
                ..ask("Which pot?")
            },
            "not a realism model",
        ),
        (
            Generate {
                upvotes: Some("writer".to_owned()),
                ..ask("Which pot?")
            },
            "not an upvotes model",
        ),
    ] {
        let error = refused(&engine, &wrong);
        assert!(error.message.contains(words), "{error}");
    }
    let with = |sampling: SamplingParams, candidates: usize, batch: usize| Generate {
        sampling,
        candidates,
        batch,
        ..ask("Which pot?")
    };
    let hot = SamplingParams {
        temperature: f64::NAN,
        ..SamplingParams::default()
    };
    let none = SamplingParams {
        min_p: 1.5,
        ..SamplingParams::default()
    };
    for (wrong, words) in [
        (with(hot, 4, 32), "temperature must be"),
        (with(none, 4, 32), "min_p must be"),
        (
            with(SamplingParams::default(), 1_000_000, 32),
            "candidates is 1000000",
        ),
        (
            with(SamplingParams::default(), 4, 1_000_000_000),
            "batch is 1000000000",
        ),
        (with(SamplingParams::default(), 0, 32), "candidates is 0"),
    ] {
        let error = refused(&engine, &wrong);
        assert!(error.message.contains(words), "{error}");
    }
    let many = MakeFakes {
        generator: "writer".to_owned(),
        replies: 1_000_000,
        ..MakeFakes::default()
    };
    assert!(
        refused(&engine, &many)
            .message
            .contains("replies is 1000000")
    );
    let fakes = MakeFakes {
        generator: "votes".to_owned(),
        ..MakeFakes::default()
    };
    assert!(refused(&engine, &fakes).message.contains("not a generator"));
    let evaluate = Evaluate {
        run: "writer".to_owned(),
        fakes: Some("fakes".to_owned()),
        ..Evaluate::default()
    };
    assert!(
        refused(&engine, &evaluate)
            .message
            .contains("realism model")
    );
}

#[test]
fn unknown_devices_and_checkpoints_are_refused_before_anything_is_written() {
    let (_place, engine) = with_models();
    let abacus = || "abacus".to_owned();
    let nope = || Some("nope".to_owned());
    let draft = |generate: Generate| DraftReplies {
        generate,
        ..DraftReplies::default()
    };
    let generate = || ask("Which pot?");
    let fakes = || MakeFakes {
        generator: "writer".to_owned(),
        ..MakeFakes::default()
    };
    let evaluate = || Evaluate {
        run: "writer".to_owned(),
        ..Evaluate::default()
    };
    let mut errors = vec![
        refused(
            &engine,
            &Generate {
                device: abacus(),
                ..generate()
            },
        ),
        refused(
            &engine,
            &MakeFakes {
                device: abacus(),
                ..fakes()
            },
        ),
        refused(
            &engine,
            &Evaluate {
                device: abacus(),
                ..evaluate()
            },
        ),
        refused(
            &engine,
            &Demo {
                device: abacus(),
                ..Demo::default()
            },
        ),
    ];
    for error in errors.drain(..) {
        assert!(error.message.contains("abacus"), "{error}");
    }
    errors.extend([
        refused(
            &engine,
            &Generate {
                checkpoint: nope(),
                ..generate()
            },
        ),
        refused(
            &engine,
            &MakeFakes {
                checkpoint: nope(),
                ..fakes()
            },
        ),
        refused(
            &engine,
            &Evaluate {
                checkpoint: nope(),
                ..evaluate()
            },
        ),
        refused(
            &engine,
            &MeasureQuality {
                runs: vec!["writer".to_owned()],
                checkpoint: nope(),
                ..MeasureQuality::default()
            },
        ),
    ]);
    for error in errors {
        assert!(error.message.contains("best or last"), "{error}");
    }
    // drafts are not queued
    for (wrong, words) in [
        (
            Generate {
                device: abacus(),
                ..generate()
            },
            "abacus",
        ),
        (
            Generate {
                checkpoint: nope(),
                ..generate()
            },
            "best or last",
        ),
    ] {
        let jobs = engine.jobs().unwrap().len();
        let error = engine.start(&draft(wrong), &|_| {}).unwrap_err();
        assert!(error.message.contains(words), "{error}");
        assert_eq!(engine.jobs().unwrap().len(), jobs);
    }
}

#[test]
fn unknown_run_is_refused_unless_the_job_is_queued() {
    fn unknown<J: Job>(engine: &Engine, job: &J) {
        let there = || {
            let store = Store::open(engine.path()).unwrap();
            (engine.jobs().unwrap().len(), store.threads().unwrap().len())
        };
        let before = there();
        let error = engine.start(job, &|_| {}).err().expect("it is refused");
        assert_eq!(error.code, Code::NotFound, "{error}");
        assert!(error.message.contains("later"), "{error}");
        assert_eq!(there(), before);
        let queued = engine.enqueue_job(job, false).unwrap();
        assert_eq!(queued.notes.len(), 1, "{:?}", queued.notes);
    }
    let (_place, engine) = with_models();
    let later = || "later".to_owned();
    unknown(
        &engine,
        &Generate {
            generator: later(),
            ..ask("Which pot?")
        },
    );
    unknown(
        &engine,
        &Generate {
            realism: Some(later()),
            ..ask("Which pot?")
        },
    );
    unknown(
        &engine,
        &MakeFakes {
            generator: later(),
            ..MakeFakes::default()
        },
    );
    unknown(
        &engine,
        &Evaluate {
            run: later(),
            ..Evaluate::default()
        },
    );
    unknown(
        &engine,
        &MeasureQuality {
            runs: vec![later()],
            ..MeasureQuality::default()
        },
    );
    unknown(
        &engine,
        &MeasureDecoding {
            run: later(),
            ..MeasureDecoding::default()
        },
    );
}

#[test]
fn run_without_a_checkpoint_is_refused_before_anything_is_written() {
    fn no_checkpoint<J: Job>(engine: &Engine, job: &J) {
        let before = engine.jobs().unwrap().len();
        let error = engine.start(job, &|_| {}).err().expect("it is refused");
        assert_eq!(error.code, Code::NotFound, "{error}");
        assert!(error.message.contains("train it first"), "{error}");
        assert_eq!(engine.jobs().unwrap().len(), before, "{error}");
    }
    let (_place, engine) = with_models();
    let removed = database(engine.path()).execute("DELETE FROM checkpoint", []);
    assert!(removed.unwrap() > 0);
    no_checkpoint(&engine, &ask("Which pot?"));
    no_checkpoint(
        &engine,
        &MakeFakes {
            generator: "writer".to_owned(),
            ..MakeFakes::default()
        },
    );
    no_checkpoint(
        &engine,
        &Evaluate {
            run: "votes".to_owned(),
            ..Evaluate::default()
        },
    );
    no_checkpoint(
        &engine,
        &MeasureQuality {
            runs: vec!["votes".to_owned(), "writer".to_owned()],
            ..MeasureQuality::default()
        },
    );
}

#[test]
fn settings_of_another_kind_of_run_are_refused() {
    let (place, engine) = with_models();
    for config in [
        RunConfig {
            base: "small-bert".to_owned(),
            ..RunConfig::of(ModelKind::Generator)
        },
        RunConfig {
            fakes: "fakes".to_owned(),
            ..RunConfig::of(ModelKind::Upvotes)
        },
    ] {
        refused(&engine, &Train::new(&config).unwrap());
    }
    drop(engine);
    let ran = place.run(["train", "upvotes", "--fakes", "fakes", "--steps", "1"]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(
        ran.err.contains("fakes is a setting of realism runs"),
        "{ran}"
    );
}

#[test]
fn same_seed_does_not_queue_the_same_draft_twice() {
    let (_place, engine) = with_models();
    let job = Generate {
        criteria: Criteria {
            keep_flagged: true,
            ..Criteria::default()
        },
        ..ask("pots & pans <3\nor wok?")
    };
    let first = done(&engine, &job);
    let [reply] = first.queued[..] else {
        panic!("one candidate is picked: {first:?}");
    };
    let second = done(&engine, &job);
    assert_eq!(second.queued, Vec::<i64>::new());
    assert_eq!(engine.queue(None).unwrap().len(), 1);
    let candidates = &second.comments[0].candidates;
    let picked = candidates.iter().find(|one| one.picked).unwrap();
    let there = format!("in the queue already, as reply {reply}");
    assert!(picked.reason.ends_with(&there), "{picked:?}");
    let job = engine.jobs().unwrap().into_iter().next().unwrap();
    let log = engine.job_log(&job.id).unwrap();
    let found = log.iter().any(|line| line.text.contains(&there));
    assert!(found, "{log:?}");
}

#[test]
fn comment_is_cleaned_and_a_manual_pick_is_labeled_so() {
    let (place, engine) = project(60);
    train(&engine, "writer", "small-gpt2");
    let generated = done(
        &engine,
        &Generate {
            comments: vec![Incoming {
                comment: "  pots &amp; pans &lt;3\r\n&#x200B;or\u{200b} wok?  ".to_owned(),
                subreddit: "r/AskPots".to_owned(),
                title: "5 &gt; 3 pots?".to_owned(),
                ..Incoming::default()
            }],
            ..ask("")
        },
    );
    assert_eq!(generated.comments[0].comment, "pots & pans <3\nor wok?");
    // as an import cleans it: the models' texts have no entities
    let repaired =
        repartee_datasets::clean::repair("pots &amp; pans &lt;3\r\n&#x200B;or\u{200b} wok?", true);
    assert_eq!(generated.comments[0].comment, repaired);

    let candidates = &generated.comments[0].candidates;
    let of = |picked: bool| {
        candidates
            .iter()
            .find(|c| c.picked == picked && !c.text.trim().is_empty())
    };
    let (Some(picked), Some(other)) = (of(true), of(false)) else {
        panic!("one of two is picked: {candidates:?}");
    };
    let by_criteria = engine.reply(picked.reply.unwrap()).unwrap().reply;
    assert!(!by_criteria.by_hand && by_criteria.reason == picked.reason);
    assert_eq!(by_criteria.title, "5 > 3 pots?");
    let by_hand = engine.candidate_queue(other.id, "Ada").unwrap();
    assert!(by_hand.by_hand, "{by_hand:?}");
    assert!(
        by_hand
            .reason
            .starts_with("by hand, by Ada; the criteria did not pick it: "),
        "{}",
        by_hand.reason
    );

    // neither is approved: posting one reports all that is missing, and is a negative result
    let report = done(
        &engine,
        &Post {
            replies: vec![by_hand.id],
            ..Post::default()
        },
    );
    assert!(report.is_refused(), "{report:?}");
    let missing = engine.start(
        &Post {
            replies: vec![999],
            ..Post::default()
        },
        &|_| {},
    );
    assert_eq!(missing.unwrap_err().code, Code::NotFound);
    drop(engine);
    let id = by_hand.id.to_string();
    for more in [vec![], vec!["--dry-run"], vec!["--live"], vec!["--json"]] {
        let mut args = vec!["reddit", "post", &id];
        args.extend(more);
        let ran = place.run(&args);
        assert_eq!(ran.status, Some(1), "{args:?}: {ran}");
        assert!(
            ran.out.contains("it is a draft") && ran.out.contains("queue approve"),
            "{args:?}: {ran}"
        );
        assert!(ran.out.contains("nothing on Reddit"), "{args:?}: {ran}");
    }
    let listed = place.ok(["queue", "list"]).out;
    let ids: Vec<i64> = listed
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    assert!(
        ids.len() == 2 && ids[0] > ids[1],
        "the newest first: {listed}"
    );
    assert!(
        listed.lines().next().unwrap().contains("subreddit"),
        "{listed}"
    );
    assert!(
        listed.lines().skip(1).all(|line| line.contains("AskPots")),
        "{listed}"
    );
    let shown = place.ok(["queue", "show", &id]).out;
    assert!(shown.contains("by hand, by Ada"), "{shown}");
    assert!(!shown.contains("edited"), "{shown}");

    // after an edit, the scores are those of another text
    let was = by_hand.text.split_whitespace().next().unwrap_or_default();
    place.ok([
        "queue",
        "edit",
        &id,
        "--text",
        "Try a wider pot.",
        "--who",
        "Ada",
    ]);
    let shown = place.ok(["queue", "show", &id]).out;
    assert!(
        shown.contains("the generated text, before it was edited"),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("edited by Ada, from: {was}")),
        "{shown}"
    );
    assert!(place.ok(["queue", "list"]).out.contains("draft, edited"));
    // approved, it still answers nothing on Reddit
    approve_as_shown(&place.engine(), by_hand.id, "Ada").unwrap();
    for more in [vec![], vec!["--dry-run"]] {
        let ran = place.ok([vec!["reddit", "post"], more].concat());
        assert!(ran.out.contains(&format!("reddit posted {id}")), "{ran}");
        assert!(!ran.out.contains("No approved replies"), "{ran}");
    }
    // named, it was to be posted, and was not
    for more in [vec![], vec!["--dry-run"]] {
        let ran = place.run([vec!["reddit", "post", &id], more].concat());
        assert_eq!(ran.status, Some(1), "{ran}");
        assert!(ran.out.contains(&format!("reddit posted {id}")), "{ran}");
    }
}

#[test]
fn base_estimate_counts_its_future_tokenizer() {
    let (place, engine) = project(60);
    for kind in [BaseKind::Gpt2, BaseKind::Bert] {
        let new = |name: &str, tokenizer| BaseNew {
            name: format!("{name}-{kind}"),
            kind,
            layers: 1,
            width: 16,
            heads: 2,
            context: 64,
            vocab: 50_000,
            tokenizer,
            ..BaseNew::default()
        };
        // far fewer entries than allowed
        let learned = new("learned", None);
        let estimate = engine.base_estimate(&learned).unwrap();
        let base = done(&engine, &learned);
        assert_eq!(
            (estimate.vocabulary, estimate.parameters),
            (base.vocabulary, base.parameters)
        );
        assert!(
            estimate.vocabulary < 50_000 && !estimate.at_most,
            "{estimate:?}"
        );
        // the tokenizer of a folder, whatever size is requested
        let folder = place.path(&format!("folder-{kind}"));
        engine
            .base_export(&format!("small-{kind}"), &folder)
            .unwrap();
        let given = new("given", Some(folder));
        let estimate = engine.base_estimate(&given).unwrap();
        let base = done(&engine, &given);
        assert_eq!(
            (estimate.vocabulary, estimate.parameters),
            (base.vocabulary, base.parameters)
        );
        if kind == BaseKind::Gpt2 {
            let config = RunConfig {
                base: base.name.clone(),
                steps: 2,
                batch_size: 2,
                max_tokens: 32,
                validate_limit: 4,
                samples: 0,
                ..RunConfig::of(ModelKind::Generator)
            };
            let before = engine.train_estimate(&config).unwrap();
            assert_eq!(before.parameters, base.parameters);
            let run = done(&engine, &Train::new(&config).unwrap()).run;
            // the estimate and what the run shows are the same, including the time
            let shown = engine.run_show(&run).unwrap().facts.unwrap();
            let sizes = |facts: &RunFacts| (facts.parameters, facts.estimated_bytes, facts.steps);
            assert_eq!(sizes(&shown), sizes(&before));
            let off = (shown.estimated_seconds / before.estimated_seconds - 1.0).abs();
            assert!(
                off < 1e-9,
                "{} and {}",
                shown.estimated_seconds,
                before.estimated_seconds
            );
        }
    }
    let empty = Place::with_project();
    let estimate = empty.engine().base_estimate(&BaseNew::default()).unwrap();
    assert!(
        estimate.at_most && estimate.vocabulary == BaseNew::default().vocab,
        "{estimate:?}"
    );
}

#[test]
fn unreadable_base_does_not_hide_the_others() {
    let (place, engine) = project(30);
    database(&place.project())
        .execute(
            "UPDATE base SET config = json_set(config, '$.n_layer', 1000000000) WHERE name = 'small-gpt2'",
            [],
        )
        .unwrap();
    let names: Vec<String> = (engine.bases().unwrap().into_iter())
        .map(|base| base.name)
        .collect();
    assert_eq!(names, ["small-bert"]);
    let bad = engine
        .unreadable(repartee_store::items::ItemKind::Base)
        .unwrap();
    assert!(bad.len() == 1 && bad[0].why.contains("n_layer"), "{bad:?}");
    place.ok(["base", "list"]);
}

#[test]
fn sizes_that_no_model_has_are_refused_before_anything_is_allocated() {
    let (_place, engine) = project(30);
    for (layers, width) in [(1_000_000_000, 32), (2, 1 << 40)] {
        let new = BaseNew {
            name: "huge".to_owned(),
            layers,
            width,
            heads: 2,
            ..BaseNew::default()
        };
        let error = engine.start(&new, &|_| {}).unwrap_err();
        assert_eq!(error.code, Code::Usage, "{error}");
    }
}
