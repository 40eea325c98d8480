//! Candidates that copy training replies are flagged with their source, and not selected; what people write is not
//! flagged.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_datasets::duplicates::normalized;
use repartee_datasets::memorized::{Builder, EXACT_WORDS, How};
use repartee_datasets::{Partition, repeats};
use repartee_engine::data::import::Import;
use repartee_engine::data::pairs::BuildPairs;
use repartee_engine::data::splits::MakeSplit;
use repartee_engine::generation::generate::{CandidateInfo, Generate, Incoming};
use repartee_engine::generation::pick::Criteria;
use repartee_engine::terms::FlagKind;
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_models::generate::SamplingParams;
use repartee_store::Store;
use repartee_store::splits::Placed;
use repartee_tests::sample::{done, project};
use repartee_tests::stranger::database;
use repartee_tests::study::permitted;
use repartee_tests::{Place, shared};

const COMMENT: &str = "Which pot should I buy?";

fn words(text: &str) -> usize {
    normalized(text).split(' ').count()
}

fn ask(seed: u64) -> Generate {
    Generate {
        comments: vec![Incoming {
            comment: COMMENT.to_owned(),
            ..Incoming::default()
        }],
        generator: "writer".to_owned(),
        candidates: 4,
        sampling: SamplingParams {
            max_new_tokens: 40,
            seed,
            ..SamplingParams::default()
        },
        queue: false,
        ..Generate::default()
    }
}

#[test]
fn candidate_that_is_a_training_reply_is_not_selected_and_names_its_source() {
    let (place, engine) = project(60);
    let config = RunConfig {
        name: "writer".to_owned(),
        base: "small-gpt2".to_owned(),
        steps: 2,
        batch_size: 2,
        max_tokens: 64,
        samples: 0,
        validate_limit: 4,
        ..RunConfig::of(ModelKind::Generator)
    };
    done(&engine, &Train::new(&config).unwrap());
    let picked = |seed: u64| -> Option<CandidateInfo> {
        let generated = done(&engine, &ask(seed));
        let candidates = generated.comments.into_iter().flat_map(|c| c.candidates);
        candidates.into_iter().find(|c| c.picked)
    };
    let found =
        (1..40).find_map(|seed| Some((seed, picked(seed)?)).filter(|(_, c)| words(&c.text) >= 8));
    let (seed, before) = found.expect("a candidate of eight words is selected");
    assert_eq!(before.flags, []);

    // a training reply becomes what this seed gives
    let store = Store::open(&place.project()).unwrap();
    let split = store.split("main").unwrap().id;
    let pair = store.split_pair_ids(split, Partition::Train).unwrap()[3];
    let changed = database(&place.project()).execute(
        "UPDATE comment SET body = ?1 WHERE id = ?2",
        (&before.text, pair),
    );
    assert_eq!(changed.unwrap(), 1);

    let generated = done(&engine, &ask(seed));
    let candidates = &generated.comments[0].candidates;
    let copy = &candidates[before.n as usize];
    assert_eq!(copy.text, before.text);
    assert!(!copy.picked);
    let [flag] = &copy.flags[..] else {
        panic!("{copy:?}")
    };
    assert_eq!(flag.kind, FlagKind::ExactCopy);
    assert_eq!(copy.reason, flag.reason);
    assert!(
        copy.reason.starts_with("copy of training pair "),
        "{}",
        copy.reason
    );
    assert!(copy.reason.contains(flag.pair.as_deref().unwrap()));
    assert_eq!(flag.source.as_deref(), Some(before.text.as_str()));

    // read from the project, it is the same; what is stored has no text
    let read = engine.generation(generated.generation).unwrap();
    assert_eq!(read.comments[0].candidates, *candidates);
    let stored: String = database(&place.project())
        .query_row(
            "SELECT flags FROM candidate WHERE id = ?1",
            [copy.id],
            |row| row.get(0),
        )
        .unwrap();
    let first = before.text.split_whitespace().next().unwrap();
    assert!(stored.contains("exact-copy"), "{stored}");
    assert!(
        first.len() < 2 || !stored.contains(&before.text),
        "{stored}"
    );

    // kept on request
    let keeps = Criteria {
        keep_flagged: true,
        ..Criteria::default()
    };
    let again = engine
        .generation_pick(generated.generation, &keeps)
        .unwrap();
    assert!(again.comments[0].candidates[before.n as usize].picked);
    drop(engine);
    let seed = seed.to_string();
    let ran = place.ok([
        "generate",
        COMMENT,
        "--generator",
        "writer",
        "-n",
        "4",
        "--max-new-tokens",
        "40",
        "--seed",
        &seed,
        "--no-queue",
    ]);
    assert!(ran.out.contains("copy of training pair"), "{ran}");
    assert!(place.ok(["check"]).out.contains("The project is intact"));
}

/// Every pair of the split, as stored.
fn placed(place: &Place) -> Vec<Placed> {
    let store = Store::open(&place.project()).unwrap();
    let id = store.split("main").unwrap().id;
    let mut all = Vec::new();
    store.for_each_placed(id, |p| all.push(p)).unwrap();
    all
}

/// Prints the figures with `--nocapture`.
#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn real_training_replies_are_copies_and_few_held_out_replies_are_flagged() {
    let place = Place::with_project();
    let engine = place.engine();
    for file in ["bigquery_sample.csv", "RC_sample.zst", "RS_sample.zst"] {
        let job = Import {
            files: vec![shared().join("reddit").join(file)],
            ..permitted()
        };
        done(&engine, &job);
    }
    done(&engine, &BuildPairs::default());
    done(&engine, &MakeSplit::default());
    let all = placed(&place);
    let of = |partition| all.iter().filter(move |p| p.partition == partition);
    let training: Vec<(i64, &str)> = of(Partition::Train)
        .map(|p| (p.pair_id, p.reply.as_str()))
        .collect();
    let mut builder = Builder::default();
    builder.add(&training);
    let index = builder.build();

    let mut planted = 0;
    for (_, reply) in training.iter().filter(|(_, r)| words(r) >= EXACT_WORDS) {
        let copied = index.copied(reply).expect("it is a training reply");
        assert!(matches!(copied.how, How::Exact { .. }), "{copied:?}");
        let source = training.iter().find(|(pair, _)| *pair == copied.pair);
        assert_eq!(normalized(source.unwrap().1), normalized(reply));
        planted += 1;
    }
    let (mut held_out, mut copies, mut echoes, mut repetitions) = (0, 0, 0, 0);
    for p in all.iter().filter(|p| p.partition != Partition::Train) {
        held_out += 1;
        copies += u32::from(index.copied(&p.reply).is_some());
        echoes += u32::from(repeats::echo(&p.comment, &p.reply).is_some());
        repetitions += u32::from(repeats::repetition(&p.reply).is_some());
    }
    println!(
        "{planted} training replies; of {held_out} others, {copies} are copies, {echoes} echoes, {repetitions} loops"
    );
    assert!(planted > 500 && held_out > 100, "{planted} {held_out}");
    let flagged = copies + echoes + repetitions;
    assert!(50 * flagged < held_out, "{flagged} of {held_out}");
}
