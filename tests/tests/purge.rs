//! Purged means gone: no five words of a deleted text are left in any byte of the project; what was trained on it is
//! named, marked, and retrained without it; and no log, parameter or outcome of a job ever contains a text.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use repartee_datasets::Partition;
use repartee_datasets::{Format, id::encode, sample};
use repartee_engine::again::TrainAgain;
use repartee_engine::bases::base::{BaseAdd, BaseNew};
use repartee_engine::data::import::Import;
use repartee_engine::data::pairs::BuildPairs;
use repartee_engine::data::splits::MakeSplit;
use repartee_engine::evaluation::evaluate::Evaluate;
use repartee_engine::generation::fakes::MakeFakes;
use repartee_engine::generation::generate::{Generate, Incoming};
use repartee_engine::generation::pick::Criteria;
use repartee_engine::posting::{NewPostingPermission, Synced};
use repartee_engine::rerun::Rerun;
use repartee_engine::terms::BaseKind;
use repartee_engine::terms::FinishReason;
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Code, Engine, SamplingParams, Signal};
use repartee_store::Store;
use repartee_store::fakes::NewFake;
use repartee_store::threads::{Added, NewCandidate, Scores};
use repartee_tests::sample::done;
use repartee_tests::{Place, Saved};

const THREADS: usize = 12;

/// The text of a planted comment: its words are nowhere else, and one of them is quoted.
fn planted(kind: &str, n: usize) -> String {
    (0..14)
        .map(|word| match word {
            6 => format!("zq\"{kind}{n}é{word}\""),
            word => format!("zq{kind}{n}w{word}"),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Every run of five words.
fn runs(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(5).map(|run| run.join(" ")).collect()
}

/// All bytes in the project's folder, including its copies and logs.
fn files(place: &Place) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(place.folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("test.repartee") {
            all.push((name, std::fs::read(path).unwrap()));
        }
    }
    all
}

/// The runs of five words of these texts that are in the project's files, verbatim and escaped in JSON.
fn left(place: &Place, texts: &[String]) -> Vec<String> {
    let mut wanted: Vec<String> = Vec::new();
    for run in texts.iter().flat_map(|text| runs(text)) {
        let json = serde_json::to_string(&run).unwrap();
        let json = json.trim_matches('"').to_owned();
        let ascii: String = json
            .chars()
            .map(|c| match c.is_ascii() {
                true => c.to_string(),
                false => format!("\\u{:04x}", c as u32),
            })
            .collect();
        wanted.extend([json.replace('\\', "\\\\"), ascii, json, run]);
    }
    let mut found = Vec::new();
    for (name, bytes) in files(place) {
        // every run begins with these two letters, which no other text has
        for at in 0..bytes.len().saturating_sub(1) {
            if bytes[at] != b'z' || bytes[at + 1] != b'q' {
                continue;
            }
            found.extend(
                wanted
                    .iter()
                    .filter(|run| bytes[at..].starts_with(run.as_bytes()))
                    .map(|run| format!("{name}: {run}")),
            );
        }
    }
    found.sort();
    found.dedup();
    found
}

fn named(kind: &str, n: usize) -> String {
    format!("t1_{}", encode(id_of(kind, n)))
}

fn id_of(kind: &str, n: usize) -> i64 {
    7_000_000_000 + 2 * n as i64 + i64::from(kind == "r")
}

/// A project with the sample, twelve planted threads, a split and two bases.
fn project() -> (Place, Engine) {
    let place = Place::with_project();
    let engine = place.engine();
    let mut lines = Vec::new();
    sample::write_ndjson(&mut lines, 7, 40).unwrap();
    for n in 0..THREADS {
        let post = encode(6_000_000_000 + n as i64);
        let title = planted("t", n);
        lines.extend(
            format!(
                "{}\n",
                serde_json::json!({ "id": post, "subreddit": "Quiet", "author": format!("host{n}"), "title": title,
                    "selftext": "text", "score": 3, "created_utc": 1_600_000_000 })
            )
            .bytes(),
        );
        for kind in ["c", "r"] {
            let parent = match kind {
                "c" => format!("t3_{post}"),
                _ => named("c", n),
            };
            let body = match kind {
                // the reply quotes what it answers
                "r" => format!("> {}\n\n{}", planted("c", n), planted("r", n)),
                _ => planted(kind, n),
            };
            lines.extend(
                format!(
                    "{}\n",
                    serde_json::json!({ "id": encode(id_of(kind, n)), "link_id": format!("t3_{post}"),
                        "parent_id": parent, "subreddit": "Quiet", "author": format!("{kind}author{n}"),
                        "body": body, "score": n, "created_utc": 1_600_000_000 })
                )
                .bytes(),
            );
        }
    }
    // a row that cannot be read quotes one of them
    lines.extend(format!("{{\"id\":\"broken\",\"body\":\"{}\n", planted("c", 0)).bytes());
    let file = place.write("dump.ndjson", lines);
    let import = Import {
        files: vec![file],
        format: Some(Format::Pushshift),
        ..repartee_tests::study::permitted()
    };
    let imported = done(&engine, &import);
    assert_eq!(imported.sources[0].counts.rejected, 1);
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
            vocab: 2_000,
            ..BaseNew::default()
        };
        done(&engine, &base);
    }
    (place, engine)
}

fn config(kind: ModelKind, name: &str, base: &str) -> RunConfig {
    RunConfig {
        name: name.to_owned(),
        base: base.to_owned(),
        steps: 2,
        batch_size: 2,
        max_tokens: 64,
        samples: 40,
        validate_every: 1,
        ..RunConfig::of(kind)
    }
}

fn train(engine: &Engine, kind: ModelKind, name: &str, base: &str) {
    done(engine, &Train::new(&config(kind, name, base)).unwrap());
}

fn short_sampling() -> SamplingParams {
    SamplingParams {
        max_new_tokens: 4,
        ..SamplingParams::default()
    }
}

fn make_fakes(name: &str) -> MakeFakes {
    MakeFakes {
        name: name.to_owned(),
        generator: "writer".to_owned(),
        comments: [0, 0, 0],
        sampling: short_sampling(),
        ..MakeFakes::default()
    }
}

fn answer() -> Generate {
    Generate {
        comments: (0..2)
            .map(|n| Incoming {
                comment: planted("c", n),
                title: planted("t", n),
                ..Incoming::default()
            })
            .collect(),
        unseen: 30,
        generator: "writer".to_owned(),
        realism: Some("judge".to_owned()),
        upvotes: Some("votes".to_owned()),
        candidates: 2,
        sampling: short_sampling(),
        criteria: Criteria {
            min_p_real: Some(0.0),
            keep_flagged: true,
            ..Criteria::default()
        },
        ..Generate::default()
    }
}

/// The whole pipeline; returns the number of the generation.
fn pipeline(engine: &Engine) -> i64 {
    train(engine, ModelKind::Generator, "writer", "small-gpt2");
    done(engine, &make_fakes("fakes"));
    train(engine, ModelKind::Realism, "judge", "small-bert");
    train(engine, ModelKind::Upvotes, "votes", "small-bert");
    for run in ["writer", "judge", "votes"] {
        let job = Evaluate {
            run: run.to_owned(),
            ..Evaluate::default()
        };
        done(engine, &job);
    }
    done(engine, &answer()).generation
}

fn all_planted() -> Vec<String> {
    (0..THREADS)
        .flat_map(|n| ["t", "c", "r"].map(|kind| planted(kind, n)))
        .collect()
}

/// A project after the full pipeline from which every planted text was purged.
struct Purged {
    /// The pipeline runs once, and each test works on a copy.
    saved: Saved,
    /// How many runs of five words were there before, and which were left.
    before: usize,
    left: Vec<String>,
    synced: Synced,
    generation: i64,
}

impl Purged {
    fn once() -> &'static Self {
        static MADE: OnceLock<Purged> = OnceLock::new();
        MADE.get_or_init(Self::new)
    }

    fn new() -> Self {
        let (place, engine) = project();
        let generation = pipeline(&engine);
        plant_elsewhere(&place, &engine);
        let texts = all_planted();
        let before = left(&place, &texts).len();
        let mut names: Vec<String> = (0..THREADS)
            .flat_map(|n| ["c", "r"].map(|kind| named(kind, n)))
            .collect();
        names.extend((0..THREADS).map(|n| format!("t3_{}", encode(6_000_000_000 + n as i64))));
        let synced = engine.posting().forget_names(&names, "ada").unwrap();
        let left = left(&place, &texts);
        drop(engine);
        Self {
            saved: place.save(),
            before,
            left,
            synced,
            generation,
        }
    }

    fn copy(&self) -> (Place, Engine) {
        let place = self.saved.copy();
        let engine = place.engine();
        (place, engine)
    }

    /// What saw the texts, in the order in which it is named.
    fn named(&self) -> Vec<String> {
        let affected = self.synced.affected.iter();
        affected
            .map(|one| format!("{} {}", one.kind, one.name))
            .collect()
    }
}

/// The user edits drafts with words of the texts in them, and earlier versions wrote texts into logs, settings and
/// parameters.
fn plant_elsewhere(place: &Place, engine: &Engine) {
    for (n, reply) in engine.queue(None).unwrap().iter().enumerate() {
        let text = format!("so you say: {}", planted("c", n % THREADS));
        engine.reply_edit(reply.id, &text, "ada").unwrap();
        engine
            .reply_edit(reply.id, &planted("r", n % THREADS), "ada")
            .unwrap();
    }
    let store = Store::open(&place.project()).unwrap();
    let params = serde_json::json!({ "comments": [{ "comment": planted("c", 1) }] }).to_string();
    store
        .job_insert("old", "generate", &params, None, 1)
        .unwrap();
    let short: String = planted("r", 2).chars().take(70).collect();
    store
        .job_log(
            "old",
            1,
            &format!("step 3: {short}... -> {}", planted("c", 3)),
        )
        .unwrap();
    store
        .set_setting("an old one", &vec![planted("t", 4)])
        .unwrap();
    store
        .leave_out("old", "comment 1", &planted("c", 5))
        .unwrap();
}

#[test]
fn no_five_words_of_a_purged_text_are_left() {
    let purged = Purged::once();
    assert!(purged.before > 100);
    let synced = &purged.synced;
    assert!(
        synced.scrubbed && synced.imported == 3 * THREADS as u64,
        "{synced:?}"
    );
    assert_eq!(purged.left, Vec::<String>::new());
    // what others wrote still exists
    let (_place, engine) = purged.copy();
    assert!(engine.overview().unwrap().pairs > 2 * THREADS as u64);
    assert!(engine.check(&|_| {}).unwrap().whole);
}

#[test]
fn everything_that_saw_a_purged_text_is_named_in_dependency_order() {
    let purged = Purged::once();
    let (_place, engine) = purged.copy();
    let named = purged.named();
    let evaluations = engine.evaluations().unwrap();
    let mut want: Vec<String> = [
        "base small-gpt2",
        "base small-bert",
        "run writer",
        "fakes fakes",
        "run judge",
        "run votes",
    ]
    .map(str::to_owned)
    .to_vec();
    want.extend(evaluations.iter().map(|e| format!("evaluation {}", e.id)));
    want.push(format!("generation {}", purged.generation));
    assert_eq!(
        named.iter().collect::<HashSet<_>>(),
        want.iter().collect::<HashSet<_>>()
    );
    assert_eq!(
        engine.posting().deleted_content().unwrap().len(),
        want.len()
    );
    let place_of = |what: &str| named.iter().position(|one| one == what).unwrap();
    assert!(place_of("base small-gpt2") < place_of("run writer"));
    assert!(place_of("run writer") < place_of("fakes fakes"));
    assert!(place_of("fakes fakes") < place_of("run judge"));
    let writer = &purged.synced.affected[place_of("run writer")];
    assert_eq!(
        writer.command,
        "repartee train again writer --without-deleted"
    );
    assert!(writer.pairs > 0 && writer.why == "asked");
}

#[test]
fn mark_stays_with_the_project_its_exports_and_later_models() {
    let (place, engine) = Purged::once().copy();
    assert!(engine.runs().unwrap().iter().all(|run| run.deleted_content));
    assert!(
        engine
            .bases()
            .unwrap()
            .iter()
            .all(|base| base.deleted_content)
    );
    assert!(engine.fake_sets().unwrap()[0].deleted_content);
    assert!(
        engine
            .evaluations()
            .unwrap()
            .iter()
            .all(|e| e.deleted_content)
    );
    train(&engine, ModelKind::Generator, "later", "small-gpt2");
    assert!(engine.run_show("later").unwrap().deleted_content);
    let folder = place.path("exported");
    engine.base_export("small-gpt2", &folder).unwrap();
    let again = BaseAdd {
        name: "back".to_owned(),
        from: folder.display().to_string(),
    };
    assert!(done(&engine, &again).deleted_content);
}

#[test]
fn marked_models_are_retrained_without_the_text() {
    let (place, engine) = Purged::once().copy();
    let plan = engine.train_again_plan("judge").unwrap();
    let plan: Vec<String> = plan
        .iter()
        .map(|step| format!("{} {} {}", step.kind, step.old, step.new))
        .collect();
    assert_eq!(
        plan,
        [
            "base small-bert small-bert-again",
            "base small-gpt2 small-gpt2-again",
            "run writer writer-again",
            "fakes fakes fakes-again",
            "run judge judge-again",
        ]
    );
    let same = Rerun {
        run: "judge".to_owned(),
        name: "judge-rerun".to_owned(),
    };
    let refused = engine.start(&same, &|_| {}).unwrap_err();
    assert_eq!(refused.code, Code::Usage);
    let instead = "train again judge --without-deleted";
    assert!(refused.message.contains(instead), "{refused}");
    let trained = done(
        &engine,
        &TrainAgain {
            run: "judge".to_owned(),
        },
    );
    assert_eq!(trained.trained.run, "judge-again");
    let runs = engine.runs().unwrap();
    let of = |name: &str| runs.iter().find(|run| run.name == name).unwrap();
    for name in ["writer-again", "judge-again"] {
        assert!(!of(name).deleted_content, "{name}");
    }
    let facts = of("judge-again").facts.clone().unwrap();
    assert_eq!(
        (facts.base.as_str(), facts.fakes.as_deref()),
        ("small-bert-again", Some("fakes-again"))
    );
    let sets = engine.fake_sets().unwrap();
    assert!(
        !sets
            .iter()
            .find(|set| set.name == "fakes-again")
            .unwrap()
            .deleted_content
    );
    let refused = engine.train_again_plan("judge-again").unwrap_err();
    assert_eq!(refused.code, Code::Usage);
    assert_eq!(left(&place, &all_planted()), Vec::<String>::new());
    assert!(engine.check(&|_| {}).unwrap().whole);
}

#[test]
fn command_line_shows_the_mark_and_the_plan() {
    let (place, engine) = Purged::once().copy();
    drop(engine);
    let out = place.ok(["train", "marked"]).out;
    assert!(
        out.contains("run writer") && out.contains("train again writer --without-deleted"),
        "{out}"
    );
    for list in [["train", "list"], ["base", "list"]] {
        let out = place.ok(list).out;
        assert!(out.contains("trained on deleted content"), "{out}");
    }
    let plan = place
        .ok(["train", "again", "votes", "--without-deleted", "--plan"])
        .out;
    assert!(plan.contains("run votes as votes-again"), "{plan}");
}

#[test]
fn no_log_parameter_or_outcome_of_a_job_contains_text() {
    let (place, engine) = project();
    pipeline(&engine);
    let empty = Generate {
        comments: vec![Incoming {
            comment: planted("c", 7),
            ..Incoming::default()
        }],
        generator: "no such run".to_owned(),
        ..Generate::default()
    };
    // in the queue, for a run that a job before it may make
    engine.enqueue_job(&empty, false).unwrap();
    let submitted =
        serde_json::json!({ "comments": [{ "comment": planted("c", 8) }], "generator": "writer" });
    engine
        .submit(
            "11111111-2222-7333-8444-555555555555",
            "generate",
            &submitted,
        )
        .unwrap();
    let draft = serde_json::json!({ "generate": submitted });
    engine
        .submit("11111111-2222-7333-8444-555555555556", "draft", &draft)
        .unwrap();
    let jobs = engine.jobs().unwrap();
    assert!(jobs.len() >= 14, "{}", jobs.len());
    for job in jobs {
        let stored = serde_json::to_string(&job).unwrap();
        assert!(!stored.contains("zq"), "{}: {stored}", job.kind);
        for line in engine.job_log(&job.id).unwrap() {
            assert!(!line.text.contains("zq"), "{}: {}", job.kind, line.text);
        }
    }
    // they are where a purge finds them, and the outcome is complete for the caller
    let texts: Vec<String> = engine
        .posting()
        .threads()
        .unwrap()
        .iter()
        .map(|t| t.title.clone())
        .collect();
    assert!(texts.contains(&planted("t", 0)), "{texts:?}");
    let generation = engine.generations().unwrap()[0].id;
    let shown = engine.generation(generation).unwrap();
    assert!(shown.comments.iter().any(|c| c.comment == planted("c", 0)));
    let samples = engine.run_show("writer").unwrap().samples;
    assert!(
        samples
            .iter()
            .any(|(_, comment, _)| comment.starts_with("zq"))
    );
    drop(place);
}

#[test]
fn job_with_a_purged_text_in_memory_does_not_write_it_back() {
    let (place, engine) = project();
    train(&engine, ModelKind::Generator, "writer", "small-gpt2");
    let names: Vec<String> = (0..THREADS)
        .flat_map(|n| ["c", "r"].map(|kind| named(kind, n)))
        .collect();
    let texts: Vec<String> = (0..THREADS)
        .flat_map(|n| ["c", "r"].map(|kind| planted(kind, n)))
        .collect();
    // another process purges the texts at the first sign of the work
    let purged = AtomicBool::new(false);
    let purge = |phase: &str, signal: &Signal| {
        if let Signal::Progress(progress) = signal
            && progress.phase.starts_with(phase)
            && !purged.swap(true, Ordering::SeqCst)
        {
            let other = Engine::open(place.project()).unwrap();
            other.posting().forget_names(&names, "ada").unwrap();
        }
    };
    let answer = Generate {
        comments: (0..3)
            .map(|n| Incoming {
                comment: planted("c", n),
                ..Incoming::default()
            })
            .collect(),
        unseen: 30,
        generator: "writer".to_owned(),
        candidates: 1,
        sampling: short_sampling(),
        ..Generate::default()
    };
    let ended = engine
        .start(&answer, &|signal| purge("generating replies", &signal))
        .unwrap();
    let repartee_engine::Ended::Done(generated) = ended else {
        panic!("{ended:?}");
    };
    assert!(generated.left_out.count >= 3, "{:?}", generated.left_out);
    assert!(
        generated
            .left_out
            .items
            .iter()
            .any(|item| item.id.contains("of those given") && item.why.contains("deleted")),
        "{:?}",
        generated.left_out
    );
    Store::open(&place.project()).unwrap().scrub().unwrap();
    assert_eq!(left(&place, &texts), Vec::<String>::new());
}

#[test]
fn training_during_a_purge_is_marked_and_keeps_no_sample_of_it() {
    let (place, engine) = project();
    let names: Vec<String> = (0..THREADS)
        .flat_map(|n| ["c", "r"].map(|kind| named(kind, n)))
        .collect();
    let purged = AtomicBool::new(false);
    let config = RunConfig {
        steps: 4,
        ..config(ModelKind::Generator, "writer", "small-gpt2")
    };
    let ended = engine.start(&Train::new(&config).unwrap(), &|signal| {
        if let Signal::Progress(progress) = &signal
            && progress.phase.starts_with("training")
            && !purged.swap(true, Ordering::SeqCst)
        {
            let other = Engine::open(place.project()).unwrap();
            other.posting().forget_names(&names, "ada").unwrap();
        }
    });
    assert!(ended.is_ok() && purged.load(Ordering::SeqCst));
    assert!(engine.run_show("writer").unwrap().deleted_content);
    Store::open(&place.project()).unwrap().scrub().unwrap();
    let texts: Vec<String> = (0..THREADS)
        .flat_map(|n| ["c", "r"].map(|kind| planted(kind, n)))
        .collect();
    assert_eq!(left(&place, &texts), Vec::<String>::new());
}

/// Whether any file of the project contains a text.
fn is_in_files(place: &Place, text: &str) -> bool {
    let has = |bytes: &[u8]| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    files(place).iter().any(|(_, bytes)| has(bytes))
}

#[test]
fn copies_of_a_purged_text_are_wiped_in_any_script_and_not_generated_again() {
    let (place, engine) = project();
    train(&engine, ModelKind::Generator, "writer", "small-gpt2");
    done(&engine, &make_fakes("fakes"));
    let generated = done(
        &engine,
        &Generate {
            realism: None,
            upvotes: None,
            criteria: Criteria {
                keep_flagged: true,
                ..Criteria::default()
            },
            ..answer()
        },
    );
    let text = "我的钥匙在门口的垫子下面今天晚上没有人在家里";
    // as if the generator had memorized it
    let db = rusqlite::Connection::open(place.project()).unwrap();
    for (sql, text) in [
        (
            "UPDATE comment SET body = ?1 WHERE id = ?2",
            text.to_owned(),
        ),
        (
            "UPDATE candidate SET text = ?1 WHERE ?2 AND id = (SELECT min(id) FROM candidate)",
            text.to_owned(),
        ),
        (
            "UPDATE fake SET text = ?1 WHERE ?2 AND id = (SELECT min(id) FROM fake)",
            format!("你说{text}"),
        ),
    ] {
        let changed = db
            .execute(sql, rusqlite::params![text, id_of("r", 0)])
            .unwrap();
        assert_eq!(changed, 1, "{sql}");
    }
    drop(db);
    assert!(is_in_files(&place, text));
    let names = [named("r", 0), named("r", 1)];
    engine.posting().forget_names(&names, "ada").unwrap();
    let store = Store::open(&place.project()).unwrap();
    store.scrub().unwrap();
    let first_ten: String = text.chars().take(10).collect();
    assert!(!is_in_files(&place, &first_ten));

    let candidate = &store.candidates(generated.generation).unwrap()[0];
    let english = format!("> {}\n\n{}", planted("c", 1), planted("r", 1));
    let again: Vec<NewCandidate> = [text, &english, "something else entirely"]
        .into_iter()
        .zip(90..)
        .map(|(text, n)| NewCandidate {
            comment_id: candidate.comment_id,
            n,
            text: text.to_owned(),
            finish_reason: FinishReason::End,
            scores: Scores::default(),
        })
        .collect();
    let added = store
        .candidates_add_each(generated.generation, &again)
        .unwrap();
    assert_eq!(added[..2], [Added::CopyOfPurged; 2]);
    assert!(matches!(added[2], Added::Stored(_)), "{added:?}");
    let set = store.fake_set("fakes").unwrap();
    let pair_id = store.fakes(set.id, Partition::Train).unwrap()[0].pair_id;
    let fake = NewFake {
        pair_id,
        n: 9,
        text: text.to_owned(),
        finish_reason: FinishReason::End,
    };
    assert!(store.fakes_add(set.id, &[fake]).unwrap().is_empty());
    drop(store);
    assert!(!is_in_files(&place, &first_ten));
    let shown = engine.generation(generated.generation).unwrap();
    let is_about_purge = |note: &String| note.contains("--without-deleted");
    assert!(shown.notes.iter().any(is_about_purge), "{:?}", shown.notes);
}

#[test]
fn user_decisions_stay_even_if_a_purged_text_quotes_them() {
    let place = Place::with_project();
    let scope = "research on public comments of three subreddits";
    place.ok([
        "study",
        "record",
        "training",
        "--granted",
        "--date",
        "2020-01-01",
        "--scope",
        scope,
        "--link",
        "https://example.org/yes",
    ]);
    let engine = place.engine();
    let mut rules = engine.posting().posting_rules().unwrap();
    rules.footer_text =
        "I am a bot, run by u/{operator}, and anybody who says STOP is left alone".to_owned();
    engine
        .posting()
        .posting_rules_set(&rules, "", "a test")
        .unwrap();
    let body = format!("> {}\n\nso you do {scope}, do you", rules.footer_text);
    let line = serde_json::json!({
        "id": "ccc1", "author": "somebody", "body": body, "score": 3, "created_utc": 1_554_000_000,
        "link_id": "t3_ppp1", "parent_id": "t3_ppp1", "subreddit": "Quiet",
    });
    place.write("one.ndjson", format!("{line}\n"));
    place.ok(["import", "one.ndjson", "--format", "pushshift"]);
    place.ok(["reddit", "purge", "t1_ccc1"]);
    assert_eq!(engine.posting().posting_rules().unwrap(), rules);
    let study = engine.study().unwrap();
    let kept = study.states.into_iter().find_map(|state| state.record);
    assert_eq!(kept.map(|record| record.scope).as_deref(), Some(scope));
    let file = std::fs::read(place.project()).unwrap();
    let left = b"so you do research";
    assert!(!file.windows(left.len()).any(|bytes| bytes == left));
}

#[test]
fn notes_of_the_user_lose_their_quotes_and_stay_valid() {
    let place = Place::with_project();
    let quoted = planted("n", 1);
    let note = format!("they wrote {quoted:?} to us");
    let grant = [
        "study",
        "record",
        "training",
        "--granted",
        "--date",
        "2020-01-01",
    ];
    let rest = [
        "--scope",
        "comments",
        "--link",
        "https://example.org/yes",
        "--note",
        &note,
    ];
    place.ok([&grant[..], &rest[..]].concat());
    let engine = place.engine();
    let permission = NewPostingPermission {
        subreddit: "Quiet".to_owned(),
        link: "https://example.org/permission".to_owned(),
        note: note.clone(),
        ..NewPostingPermission::default()
    };
    engine
        .posting()
        .permit_subreddit(&permission, "ada")
        .unwrap();
    engine
        .posting()
        .opt_out_add("u/somebody", &note, "ada")
        .unwrap();
    place.write(
        "one.ndjson",
        archived("ccc1", "t3_ppp1", &quoted, serde_json::Value::Null),
    );
    place.ok(["import", "one.ndjson", "--format", "pushshift"]);
    assert!(!left(&place, std::slice::from_ref(&quoted)).is_empty());
    place.ok(["reddit", "purge", "t1_ccc1"]);
    assert_eq!(left(&place, &[quoted]), Vec::<String>::new());
    // the rest of each note is there, and what was decided counts as before
    let permission = engine.posting().posting_permissions().unwrap().remove(0);
    assert!(permission.note.starts_with("they wrote") && permission.note.ends_with("to us"));
    assert_eq!(permission.unconfirmed, "");
    let study = engine.study().unwrap();
    assert!(
        study.states.iter().all(|state| !state.unconfirmed),
        "{study:?}"
    );
    assert!(study.states.iter().any(|state| state.holds), "{study:?}");
    place.ok(["check"]);
}

/// A comment as an archive has it, with other fields.
fn archived(id: &str, parent: &str, body: &str, more: serde_json::Value) -> String {
    let mut line = serde_json::json!({
        "id": id, "author": format!("author of {id}"), "body": body, "score": 3, "link_id": "t3_ppp1",
        "parent_id": parent, "subreddit": "Quiet", "created_utc": 1_554_000_000,
    });
    let more = more.as_object().cloned().unwrap_or_default();
    line.as_object_mut().unwrap().extend(more);
    format!("{line}\n")
}

#[test]
fn deletion_that_an_archive_reports_is_a_purge_in_either_order() {
    let (asked, answered) = (planted("a", 1), planted("b", 2));
    let old = archived(
        "ccc1",
        "t3_ppp1",
        &asked,
        serde_json::json!({"retrieved_on": 1_554_000_100}),
    ) + &archived(
        "ccc2",
        "t1_ccc1",
        &answered,
        serde_json::json!({"retrieved_on": 1_554_000_100}),
    );
    let flagged =
        serde_json::json!({"retrieved_on": 1_554_000_050, "_meta": {"was_deleted_later": true}});
    let marked = archived("ccc1", "t3_ppp1", &asked, flagged);
    let shown = archived(
        "ccc2",
        "t1_ccc1",
        "[deleted]",
        serde_json::json!({"retrieved_on": 1_554_900_000}),
    );
    let import = |place: &Place, name: &str, text: &str| {
        place.write(name, text);
        place.ok([
            "import",
            name,
            "--format",
            "pushshift",
            "--permission",
            "none",
        ])
    };
    // the older copies first: one is marked as deleted later, the other one is shown as deleted, in a row that the
    // filter leaves out
    let place = Place::with_project();
    import(&place, "old.ndjson", &old);
    place.ok(["pairs", "build"]);
    place.write(
        "new.ndjson",
        format!(
            "{marked}{shown}{}",
            archived(
                "ccc9",
                "t3_ppp1",
                "a text of thirty characters",
                serde_json::Value::Null
            )
        ),
    );
    let said = place.ok([
        "import",
        "new.ndjson",
        "--format",
        "pushshift",
        "--min-length",
        "20",
    ]);
    assert!(
        said.err
            .contains("2 imported texts have since been deleted"),
        "{said}"
    );
    assert_eq!(
        left(&place, &[asked.clone(), answered.clone()]),
        Vec::<String>::new()
    );
    // the archive that reports it first: the older copies are not taken in
    let place = Place::with_project();
    import(&place, "new.ndjson", &format!("{marked}{shown}"));
    import(&place, "old.ndjson", &old);
    place.ok(["pairs", "build"]);
    assert_eq!(left(&place, &[asked, answered]), Vec::<String>::new());
}

#[test]
fn purge_names_the_copies_next_to_the_project() {
    let place = Place::with_project();
    let body = "one two three four five six seven eight";
    let line = serde_json::json!({
        "id": "ccc1", "author": "somebody", "body": body, "score": 3, "created_utc": 1_554_000_000,
        "link_id": "t3_ppp1", "parent_id": "t3_ppp1", "subreddit": "Quiet",
    });
    place.write("one.ndjson", format!("{line}\n"));
    let mut import = vec!["import", "one.ndjson", "--format", "pushshift"];
    import.extend(repartee_tests::study::NONE);
    place.ok(import);
    rusqlite::Connection::open(place.project())
        .unwrap()
        .execute_batch("CREATE TABLE more (x)")
        .unwrap();
    place.ok(["check", "--repair"]);
    let copy = place.path("it's a copy.repartee");
    std::fs::copy(place.path("test.repartee.before-repair-1"), &copy).unwrap();
    let project = place.project().display().to_string();
    let purged = place.ok(["reddit", "purge", "t1_ccc1", "--project", &project]);
    let named: Vec<&str> = purged
        .out
        .lines()
        .filter_map(|line| line.trim().strip_prefix("rm -- "))
        .collect();
    assert_eq!(named.len(), 2, "{purged}");
    let rm = named
        .iter()
        .map(|file| format!("rm -- {file}"))
        .collect::<Vec<_>>()
        .join("; ");
    let ran = std::process::Command::new("bash")
        .args(["-c", &rm])
        .status()
        .unwrap();
    assert!(ran.success());
    assert!(!copy.exists() && !place.path("test.repartee.before-repair-1").exists());
    let again = place.ok(["reddit", "purge", "t1_ccc1"]);
    assert!(!again.out.contains("rm --"), "{again}");
}

/// A project with one comment of a dump, `t1_j2secret1` in r/kettles by `secretauthor99`.
fn with_secret(text: &str) -> Place {
    let place = Place::with_project();
    let line = serde_json::json!({
        "id": "j2secret1", "author": "secretauthor99", "body": text, "score": 3, "created_utc": 1_554_000_000,
        "link_id": "t3_p5", "parent_id": "t3_p5", "subreddit": "kettles",
    });
    place.write("dump.ndjson", format!("{line}\n"));
    let mut import = vec!["import", "dump.ndjson", "--format", "pushshift"];
    import.extend(repartee_tests::study::NONE);
    place.ok(import);
    place
}

#[test]
fn copies_in_tables_with_ids_of_their_own_are_purged() {
    let text = planted("s", 1);
    let quoted = text.replace('"', "\"\"");
    let place = with_secret(&text);
    for (file, ids) in [
        ("f.csv", ["1", "3"]),
        ("g.csv", ["a-1", "a-3"]),
        ("h.csv", ["x6", "x7"]),
    ] {
        place.write(
            file,
            format!(
                "id,parent_id,text,author\n{},,my question to you,asker\n{},{},\"{quoted}\",secretauthor99\n",
                ids[0], ids[1], ids[0]
            ),
        );
        place.ok(["import", file, "--origin", "reddit"]);
    }
    place.ok(["pairs", "build"]);
    assert!(!left(&place, std::slice::from_ref(&text)).is_empty());
    let purged = place.ok(["reddit", "purge", "t1_j2secret1"]);
    assert!(purged.out.contains("4 imported"), "{purged}");
    // nobody asked Reddit
    assert!(!purged.out.contains("deleted on Reddit"), "{purged}");
    assert_eq!(left(&place, &[text]), Vec::<String>::new());
    place.ok(["check"]);
}

#[test]
fn purged_text_is_not_imported_again_from_a_table() {
    let text = planted("s", 1);
    let place = with_secret(&text);
    place.ok(["reddit", "purge", "t1_j2secret1"]);
    let quoted = text.replace('"', "\"\"");
    let link = "https://www.reddit.com/r/kettles/comments/p5/t/j2secret1/";
    place.write(
        "copy.csv",
        format!("comment,reply,author\nhello again,\"{quoted}\",secretauthor99\n"),
    );
    place.write(
        "edited.csv",
        format!("comment,reply,link\nhello you,\"before {quoted}\",{link}\n"),
    );
    for (file, map, new, purged) in [
        (
            "copy.csv",
            "comment=comment,reply=reply,author=author",
            1,
            1,
        ),
        ("edited.csv", "comment=comment,reply=reply,link=link", 0, 2),
    ] {
        let said = place.ok(["import", file, "--origin", "reddit", "--map", map]);
        let counts = &place.engine().source(file).unwrap().counts;
        assert_eq!((counts.new, counts.purged), (new, purged), "{said}");
        let left_out = if purged == 1 { "1 text" } else { "2 texts" };
        let sentence = format!("{left_out} left out: purged");
        assert!(said.out.contains(&sentence), "{said}");
    }
    place.ok(["pairs", "build"]);
    assert_eq!(left(&place, &[text]), Vec::<String>::new());
}
