//! One bad item never ends a batch: it is left out, counted and named; the rest continues.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use repartee_datasets::{Format, id::encode, sample};
use repartee_engine::bases::base::{BaseAdd, BaseNew};
use repartee_engine::data::import::Import;
use repartee_engine::data::pairs::BuildPairs;
use repartee_engine::data::splits::MakeSplit;
use repartee_engine::environment::Environment;
use repartee_engine::evaluation::evaluate::Evaluate;
use repartee_engine::evaluation::figures::Figures;
use repartee_engine::generation::draft::DraftReplies;
use repartee_engine::generation::fakes::MakeFakes;
use repartee_engine::generation::generate::{Generate, Incoming};
use repartee_engine::posting::{Fetch, NewAccount, Sync};
use repartee_engine::terms::{BaseKind, JobStatus};
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Code, Engine, Partition, SamplingParams};
use repartee_fake_reddit::{
    ACCOUNT, CLIENT_ID, CLIENT_SECRET, Fake, Fault, On, Options, PASSWORD, Rule,
};
use repartee_models::{Device, Tensor, weights};
use repartee_reddit::{App, Grant, Login, SkipClock};
use repartee_tests::Place;
use repartee_tests::sample::{done, project};

fn train(engine: &Engine, kind: ModelKind, name: &str, base: &str) {
    let config = RunConfig {
        name: name.to_owned(),
        base: base.to_owned(),
        steps: 2,
        batch_size: 2,
        max_tokens: 64,
        samples: 0,
        validate_limit: 4,
        ..RunConfig::of(kind)
    };
    done(engine, &Train::new(&config).unwrap());
}

fn incoming(texts: &[&str]) -> Vec<Incoming> {
    texts
        .iter()
        .map(|text| Incoming {
            comment: (*text).to_owned(),
            ..Incoming::default()
        })
        .collect()
}

fn short_sampling() -> SamplingParams {
    SamplingParams {
        max_new_tokens: 4,
        ..SamplingParams::default()
    }
}

#[test]
fn unanswerable_comment_is_left_out_of_a_generation() {
    let (place, engine) = project(30);
    train(&engine, ModelKind::Generator, "writer", "small-gpt2");
    let long = "x ".repeat(400);
    let answer = |texts: &[&str]| Generate {
        comments: incoming(texts),
        generator: "writer".to_owned(),
        candidates: 2,
        sampling: short_sampling(),
        ..Generate::default()
    };
    let mut job = answer(&["What do you think of tomatoes?", "", &long, "And of beans?"]);
    // a comment that no longer exists
    job.stored = vec![987_654];
    let generated = done(&engine, &job);
    let named: Vec<&str> = generated
        .left_out
        .items
        .iter()
        .map(|item| item.id.as_str())
        .collect();
    assert_eq!(generated.left_out.count, 3);
    assert_eq!(
        named,
        [
            "comment 2 of those given",
            "comment 3 of those given",
            "comment 987654"
        ]
    );
    assert!(generated.left_out.items[1].why.contains("positions"));
    let written: Vec<usize> = generated
        .comments
        .iter()
        .map(|answered| answered.candidates.len())
        .collect();
    assert_eq!(written, [2, 2]);
    // nothing at all is a negative result, which names them
    let error = engine.start(&answer(&["", &long]), &|_| {}).unwrap_err();
    assert_eq!(error.code, Code::Negative);
    assert!(error.message.contains("all 2 were left out"), "{error}");

    // the command line reports it, and its exit status shows it
    let run = |texts: &[&str]| {
        let mut args = vec![
            "generate",
            "--generator",
            "writer",
            "-n",
            "1",
            "--max-new-tokens",
            "4",
        ];
        args.extend(texts);
        place.run(args)
    };
    let some = run(&["What do you think of tomatoes?", " "]);
    assert_eq!(some.status, Some(0), "{some}");
    assert!(
        some.out.contains("Left out: 1") && some.out.contains("comment 2 of those given"),
        "{some}"
    );
    // nothing to answer is refused before the model is loaded
    assert_eq!(run(&[" "]).status, Some(2));
}

/// A character that occurs in one thread each and is a token of its own.
fn rune(n: usize) -> char {
    char::from_u32(0x16A0 + n as u32).unwrap()
}

/// A project with the sample and planted threads, one character each; returns the pair of each planted thread.
fn with_runes() -> (Place, Engine, Vec<i64>) {
    let place = Place::with_project();
    let engine = place.engine();
    let mut lines = Vec::new();
    sample::write_ndjson(&mut lines, 7, 40).unwrap();
    let mut pairs = Vec::new();
    for n in 0..20 {
        let (post, comment, reply) = (
            6_000_000_000 + n,
            7_000_000_000 + 2 * n,
            7_000_000_001 + 2 * n,
        );
        pairs.push(reply);
        let line = |id: i64, parent: String, body: String, score: i64| {
            serde_json::json!({ "id": encode(id), "link_id": format!("t3_{}", encode(post)), "parent_id": parent,
                "subreddit": "Quiet", "author": format!("author{id}"), "body": body, "score": score,
                "created_utc": 1_600_000_000 })
        };
        let mark = rune(n as usize);
        for one in [
            line(
                comment,
                format!("t3_{}", encode(post)),
                format!("What does the sign {mark} say on number {n}?"),
                2,
            ),
            line(
                reply,
                format!("t1_{}", encode(comment)),
                format!("It is a letter of number {n} of old."),
                n,
            ),
        ] {
            lines.extend(format!("{one}\n").bytes());
        }
    }
    let import = Import {
        files: vec![place.write("dump.ndjson", lines)],
        format: Some(Format::Pushshift),
        ..repartee_tests::study::permitted()
    };
    done(&engine, &import);
    done(&engine, &BuildPairs::default());
    done(&engine, &MakeSplit::default());
    for (name, kind) in [
        ("small-gpt2", BaseKind::Gpt2),
        ("small-bert", BaseKind::Bert),
    ] {
        let base = BaseNew {
            name: name.to_owned(),
            kind,
            layers: 1,
            width: 32,
            heads: 2,
            context: 96,
            vocab: 800,
            ..BaseNew::default()
        };
        done(&engine, &base);
    }
    (place, engine, pairs)
}

/// The base small-bert as "poisoned": the character of one planted thread overflows in the first layer norm, so
/// everything after it is NaN. (`base add` refuses NaN weights themselves.)
fn poison(place: &Place, engine: &Engine, n: usize) {
    let folder = place.path("poisoned");
    engine.base_export("small-bert", &folder).unwrap();
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("tokenizer.json")).unwrap()).unwrap();
    let token = json["model"]["vocab"][rune(n).to_string()]
        .as_u64()
        .unwrap() as usize;
    let file = folder.join("model.safetensors");
    let mut all = weights::read(std::slice::from_ref(&file)).unwrap();
    let name = all
        .keys()
        .find(|name| name.ends_with("word_embeddings.weight"))
        .unwrap()
        .clone();
    let (rows, width) = all[&name].dims2().unwrap();
    let mut values = all[&name].flatten_all().unwrap().to_vec1::<f32>().unwrap();
    values[token * width..(token + 1) * width].fill(f32::MAX);
    let poisoned = Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap();
    all.insert(name, poisoned);
    weights::write(&all, &file).unwrap();
    let add = BaseAdd {
        name: "poisoned".to_owned(),
        from: folder.display().to_string(),
    };
    done(engine, &add);
}

/// A planted pair of the test set, by its number and its id.
fn in_test_set(engine: &Engine, place: &Place, pairs: &[i64]) -> (usize, i64) {
    let _ = engine;
    let store = repartee_store::Store::open(&place.project()).unwrap();
    let split = store.split("main").unwrap();
    let test = store.split_pair_ids(split.id, Partition::Test).unwrap();
    pairs
        .iter()
        .enumerate()
        .find(|(_, pair)| test.contains(pair))
        .map(|(n, pair)| (n, *pair))
        .expect("one of twenty threads is in the test set")
}

#[test]
fn example_with_nan_is_left_out_and_unscored_candidate_is_not_selected() {
    let (place, engine, pairs) = with_runes();
    let (n, pair) = in_test_set(&engine, &place, &pairs);
    poison(&place, &engine, n);
    train(&engine, ModelKind::Generator, "writer", "small-gpt2");
    train(&engine, ModelKind::Upvotes, "votes", "poisoned");
    let evaluation = done(
        &engine,
        &Evaluate {
            run: "votes".to_owned(),
            ..Evaluate::default()
        },
    );
    let label = format!("pair {}", encode(pair));
    assert_eq!(evaluation.left_out.count, 1, "{:?}", evaluation.left_out);
    assert_eq!(evaluation.left_out.items[0].id, label);
    let Figures::Classifier(figures) = &evaluation.figures else {
        panic!("no classifier");
    };
    assert!(figures.accuracy.is_some_and(f64::is_finite), "{figures:?}");
    let ran = place.ok(["evaluate", "votes"]);
    assert!(
        ran.out.contains("Left out: 1") && ran.out.contains(&label),
        "{ran}"
    );

    // live: the candidates of one comment have no score, and without one they could be selected
    let bad = format!("What does the sign {} say?", rune(n));
    let generated = done(
        &engine,
        &Generate {
            comments: incoming(&["A good one, is it not?", &bad, "Another good one, yes?"]),
            generator: "writer".to_owned(),
            upvotes: Some("votes".to_owned()),
            candidates: 2,
            sampling: short_sampling(),
            ..Generate::default()
        },
    );
    let written: Vec<usize> = generated
        .comments
        .iter()
        .map(|answered| answered.candidates.len())
        .collect();
    assert_eq!((written, generated.left_out.count), (vec![2, 0, 2], 2));
    assert_eq!(
        generated.left_out.items[0].id,
        "candidate 1 of comment 2 of those given"
    );
    // if nothing can be scored, the whole job fails
    let all_bad: Vec<&str> = vec![bad.as_str(); 5];
    let error = engine
        .start(
            &Generate {
                comments: incoming(&all_bad),
                generator: "writer".to_owned(),
                upvotes: Some("votes".to_owned()),
                candidates: 2,
                sampling: short_sampling(),
                ..Generate::default()
            },
            &|_| {},
        )
        .unwrap_err();
    assert!(error.message.contains("not numbers"), "{error}");
}

#[test]
fn a_deleted_comment_is_left_out_of_fakes_and_not_tried_again() {
    let (place, engine, pairs) = with_runes();
    train(&engine, ModelKind::Generator, "writer", "small-gpt2");
    let (_, pair) = in_test_set(&engine, &place, &pairs);
    let gone = format!("t1_{}", encode(pair - 1));
    engine.posting().forget_names(&[gone], "ada").unwrap();
    let set = done(
        &engine,
        &MakeFakes {
            generator: "writer".to_owned(),
            comments: [8, 8, 0],
            sampling: short_sampling(),
            ..MakeFakes::default()
        },
    );
    assert_eq!(set.left_out.count, 1);
    assert_eq!(set.left_out.items[0].id, format!("pair {}", encode(pair)));
    assert_eq!(set.left_out.items[0].why, "its text was deleted");
    assert!(set.fakes[0] == 8 && set.fakes[2] > 4, "{:?}", set.fakes);
    let store = repartee_store::Store::open(&place.project()).unwrap();
    let stored = store.fake_set("fakes").unwrap();
    assert!(
        store
            .fake_pairs(stored.id)
            .unwrap()
            .iter()
            .all(|(id, _)| *id != pair)
    );
}

fn login(_: &str) -> Option<Login> {
    Some(Login {
        app: App {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
        },
        grant: Grant::Password {
            username: ACCOUNT.to_owned(),
            password: PASSWORD.into(),
        },
    })
}

fn connect(engine: &mut Engine, fake: &Fake) {
    engine.environment = Environment {
        clock: Arc::new(SkipClock::new()),
        login: Some(Arc::new(login)),
        ..engine.environment.clone()
    };
    let account = NewAccount {
        name: ACCOUNT.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        operator: "the_operator".to_owned(),
        host: fake.base().to_owned(),
        approval: "https://example.org/approved".to_owned(),
        ..NewAccount::default()
    };
    engine.posting().account_put(&account, "a person").unwrap();
    engine
        .posting()
        .account_label(ACCOUNT, true, "a person")
        .unwrap();
}

/// A sandbox with three posts of one comment each, and a project connected with it.
struct Bench {
    fake: Fake,
    engine: Engine,
    _place: Place,
    posts: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let fake = Fake::start(Options {
            posts: 0,
            ..Options::default()
        })
        .unwrap();
        let place = Place::with_project();
        let mut engine = place.engine();
        connect(&mut engine, &fake);
        let mut world = fake.world();
        let add = |n| {
            let post = world.add_post("Quiet", "host", &format!("Title number {n}"), "text");
            world
                .add_comment(&post, "asker", &format!("A question of thread {n}?"))
                .unwrap();
            post
        };
        let posts = (0..3).map(add).collect();
        drop(world);
        Self {
            fake,
            engine,
            _place: place,
            posts,
        }
    }

    /// The second of these calls meets this fault.
    fn fail_second(&self, on: On, fault: Fault) {
        self.fake.world().fail(Rule {
            skip: 1,
            times: Some(1),
            ..Rule::always(on, fault)
        });
    }
}

fn fetch(posts: &[&str]) -> Fetch {
    Fetch {
        posts: posts.iter().map(|&post| post.to_owned()).collect(),
        ..Fetch::default()
    }
}

#[test]
fn unreadable_thread_is_left_out_of_a_fetch() {
    let bench = Bench::new();
    let posts: Vec<&str> = bench.posts.iter().map(String::as_str).collect();
    // an invalid link, one that does not exist, and one whose answer cannot be read, among good ones
    bench.fail_second(On::Comments, Fault::NotJson);
    let links = [
        posts[0],
        "no link at all",
        posts[1],
        "t3_doesnotexist",
        posts[2],
    ];
    let fetched = done(&bench.engine, &fetch(&links));
    let read: Vec<Option<&str>> = fetched.threads.iter().map(|t| t.name.as_deref()).collect();
    assert_eq!(read, [Some(posts[0]), Some(posts[2])]);
    let passed: Vec<&str> = fetched
        .passed_over
        .iter()
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(passed, ["link 2", posts[1], "t3_doesnotexist"]);
}

#[test]
fn fetch_without_any_readable_thread_has_failed_and_names_each() {
    let bench = Bench::new();
    let posts: Vec<&str> = bench.posts.iter().map(String::as_str).collect();
    bench
        .fake
        .world()
        .fail(Rule::always(On::Comments, Fault::NotJson));
    let error = bench.engine.start(&fetch(&posts), &|_| {}).unwrap_err();
    assert_eq!(error.code, Code::Negative, "{error}");
    let said = format!("{}\n{}", error.message, error.detail.join("\n"));
    assert!(posts.iter().all(|post| said.contains(post)), "{said}");
    let jobs = bench.engine.jobs().unwrap();
    let job = jobs.into_iter().find(|job| job.kind == "fetch");
    assert_eq!(job.unwrap().state, JobStatus::Failed);
}

#[test]
fn sync_continues_after_an_unreadable_and_a_forbidden_thread() {
    let bench = Bench::new();
    let posts: Vec<&str> = bench.posts.iter().map(String::as_str).collect();
    done(&bench.engine, &fetch(&posts));
    for fault in [
        Fault::NotJson,
        Fault::Forbidden {
            reason: Some("private".to_owned()),
        },
    ] {
        let before = bench.fake.world().calls(On::Info).len();
        bench.fail_second(On::Info, fault);
        let synced = done(&bench.engine, &Sync::default());
        assert_eq!(synced.left_out.count, 1, "{synced:?}");
        assert!(bench.posts.contains(&synced.left_out.items[0].id));
        assert!(bench.fake.world().calls(On::Info).len() >= before + 3);
        assert_eq!(synced.gone, 0);
        bench.fake.world().heal();
    }
    bench
        .fake
        .world()
        .fail(Rule::always(On::Info, Fault::NotJson));
    let error = bench.engine.start(&Sync::default(), &|_| {}).unwrap_err();
    assert_eq!(error.code, Code::Negative, "{error}");
}

#[test]
fn draft_continues_without_a_thread_that_does_not_exist() {
    let (_place, engine) = project(30);
    train(&engine, ModelKind::Generator, "writer", "small-gpt2");
    let drafted = done(
        &engine,
        &DraftReplies {
            threads: vec![4_711],
            generate: Generate {
                comments: incoming(&["What do you think of tomatoes?"]),
                generator: "writer".to_owned(),
                candidates: 1,
                sampling: short_sampling(),
                ..Generate::default()
            },
            ..DraftReplies::default()
        },
    );
    assert_eq!(drafted.left_out.items[0].id, "thread 4711");
    assert_eq!(drafted.generated.unwrap().comments.len(), 1);
    let nothing = DraftReplies {
        threads: vec![4_711],
        generate: Generate {
            generator: "writer".to_owned(),
            ..Generate::default()
        },
        ..DraftReplies::default()
    };
    let error = engine.start(&nothing, &|_| {}).unwrap_err();
    assert_eq!(error.code, Code::Negative, "{error}");
}
