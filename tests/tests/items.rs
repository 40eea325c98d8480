//! Sources, splits, bases, runs, fakes, evaluations and generations are renamed, noted, tagged and deleted by one
//! mechanism: names follow, dependents are named before deletion, nothing of a deleted item is left, and what was sent
//! stays.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use repartee_engine::evaluate::Evaluate;
use repartee_engine::fakes::MakeFakes;
use repartee_engine::generate::{Generate, Incoming};
use repartee_engine::import::Import;
use repartee_engine::items::{
    Delete, DeleteItem, Dependents, ItemInfo, ItemKind, ItemRef, LabelItem, RenameItem,
};
use repartee_engine::pairs::BuildPairs;
use repartee_engine::run_config::{RunConfig, RunKind};
use repartee_engine::splits::{AuditSplit, MakeSplit};
use repartee_engine::train::Train;
use repartee_engine::{Code, Ended, Engine, Error, SamplingParams, Signal};
use repartee_store::Store;
use repartee_store::jobs::JobState;
use repartee_tests::Place;
use repartee_tests::sample::{done, project};

const KINDS: [(ItemKind, &str); 7] = [
    (ItemKind::Source, "sample.ndjson"),
    (ItemKind::Split, "main"),
    (ItemKind::Base, "small-gpt2"),
    (ItemKind::Run, "writer"),
    (ItemKind::Fakes, "fakes"),
    (ItemKind::Evaluation, "1"),
    (ItemKind::Generation, "1"),
];

fn sampling() -> SamplingParams {
    SamplingParams {
        max_new_tokens: 8,
        ..SamplingParams::default()
    }
}

fn settings(kind: RunKind, name: &str) -> RunConfig {
    RunConfig {
        name: name.to_owned(),
        // explicit, so that the names have to follow
        base: match kind {
            RunKind::Generator => "small-gpt2".to_owned(),
            _ => "small-bert".to_owned(),
        },
        split: "main".to_owned(),
        fakes: match kind {
            RunKind::Realism => "fakes".to_owned(),
            _ => String::new(),
        },
        steps: 2,
        batch_size: 4,
        max_tokens: 48,
        samples: 1,
        validate_limit: 4,
        patience: 0,
        ..RunConfig::of(kind)
    }
}

fn make_fakes(name: &str) -> MakeFakes {
    MakeFakes {
        name: name.to_owned(),
        generator: "writer".to_owned(),
        comments: [12, 4, 4],
        batch: 4,
        sampling: sampling(),
        ..MakeFakes::default()
    }
}

fn generate() -> Generate {
    Generate {
        comments: vec![Incoming {
            comment: "a pasted comment that stands nowhere else".to_owned(),
            ..Incoming::default()
        }],
        unseen: 2,
        generator: "writer".to_owned(),
        realism: Some("judge".to_owned()),
        upvotes: Some("votes".to_owned()),
        candidates: 3,
        sampling: sampling(),
        queue: false,
        ..Generate::default()
    }
}

/// A project with one of everything: three small models, fakes, evaluations 1 to 3, and generation 1 with two replies,
/// of which the first was posted. It is made once, and copied.
fn full() -> (Place, Engine) {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = MADE.get_or_init(|| {
        let (place, engine) = project(60);
        done(
            &engine,
            &Train::new(&settings(RunKind::Generator, "writer")).unwrap(),
        );
        done(&engine, &make_fakes("fakes"));
        done(
            &engine,
            &Train::new(&settings(RunKind::Realism, "judge")).unwrap(),
        );
        done(
            &engine,
            &Train::new(&settings(RunKind::Upvotes, "votes")).unwrap(),
        );
        for run in ["writer", "judge", "votes"] {
            let evaluate = Evaluate {
                run: run.to_owned(),
                limit: 12,
                ..Evaluate::default()
            };
            done(&engine, &evaluate);
        }
        done(
            &engine,
            &AuditSplit {
                name: "main".into(),
            },
        );
        let generated = done(&engine, &generate());
        // an untrained generator may generate nothing at all: what is queued has words
        let texts = generated
            .comments
            .iter()
            .flat_map(|answered| &answered.candidates);
        let with_words: Vec<i64> = texts
            .filter(|candidate| !candidate.text.trim().is_empty())
            .map(|candidate| candidate.id)
            .collect();
        assert!(with_words.len() >= 2, "{generated:?}");
        let first = engine.candidate_queue(with_words[0], "ada").unwrap();
        engine.candidate_queue(with_words[1], "ada").unwrap();
        approve(&engine, first.id);
        let link = "https://www.reddit.com/r/quiet/comments/1/x/2/";
        let shown = repartee_tests::seen(&engine, first.id);
        engine
            .reply_posted_by_hand(first.id, link, &shown, "ada")
            .unwrap();
        drop(engine);
        std::fs::read(place.project()).unwrap()
    });
    let place = Place::empty();
    std::fs::write(place.project(), bytes).unwrap();
    let engine = place.engine();
    (place, engine)
}

fn approve(engine: &Engine, reply: i64) {
    repartee_tests::approve_as_shown(engine, reply, "ada").unwrap();
}

fn of(kind: ItemKind, item: &str) -> ItemRef {
    ItemRef {
        kind,
        item: item.to_owned(),
    }
}

fn rename(engine: &Engine, kind: ItemKind, item: &str, name: &str) -> Result<ItemInfo, Error> {
    engine.item_rename(&RenameItem {
        kind,
        item: item.to_owned(),
        name: name.to_owned(),
    })
}

fn mark(engine: &Engine, kind: ItemKind, item: &str, seen: Option<&str>) -> Result<u64, Error> {
    engine.item_delete(&DeleteItem {
        kind,
        item: item.to_owned(),
        with_dependents: true,
        seen: seen.map(str::to_owned),
        who: "ada".to_owned(),
    })
}

fn delete(engine: &Engine, kind: ItemKind, item: &str) -> Dependents {
    let found = engine.dependents(&of(kind, item)).unwrap();
    assert_eq!(
        mark(engine, kind, item, Some(&found.seen)).unwrap(),
        found.items.len() as u64
    );
    done(engine, &Delete::default());
    found
}

/// Rows of a table.
fn rows(path: &Path, table: &str) -> i64 {
    let db = rusqlite::Connection::open(path).unwrap();
    let sql = format!("SELECT count(*) FROM {table}");
    db.query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn whole(place: &Place) {
    let check = Store::open(&place.project()).unwrap().check(|_, _| true);
    let check = check.unwrap();
    assert!(check.is_whole(), "{check:?}");
    assert_eq!(
        rows(
            &place.project(),
            "blob WHERE hash NOT IN (SELECT hash FROM bundle_part)"
        ),
        0,
        "weights that nothing needs"
    );
    assert_eq!(rows(&place.project(), "deleting"), 0);
    assert_eq!(rows(&place.project(), "deleting_blob"), 0);
}

#[test]
fn every_kind_is_renamed_noted_and_tagged() {
    let (_place, engine) = full();
    for (kind, item) in KINDS {
        let name = format!("my {} & ünïcode, with a comma", kind.as_str());
        let renamed = rename(&engine, kind, item, &format!("  {name} ")).unwrap();
        assert_eq!(renamed.name, name);
        let labeled = engine
            .item_label(&LabelItem {
                kind,
                item: name.clone(),
                note: Some("line one\nline \u{1b}[2Jtwo".into()),
                add: vec!["Paper".into(), "paper".into(), " draft ".into()],
                remove: vec![],
            })
            .unwrap();
        assert_eq!(labeled.label.note, "line one\nline [2Jtwo");
        assert_eq!(
            labeled.label.tags,
            ["draft", "Paper"],
            "however it is capitalized"
        );
        let fewer = engine
            .item_label(&LabelItem {
                kind,
                item: name.clone(),
                note: None,
                add: vec![],
                remove: vec!["PAPER".into()],
            })
            .unwrap();
        assert_eq!(fewer.label.tags, ["draft"]);
        assert!(
            !fewer.label.note.is_empty(),
            "a note that is not spoken of stays"
        );
        assert_eq!(engine.item(&of(kind, &name)).unwrap().label, fewer.label);
    }
    // each list shows them
    let label = engine
        .item(&of(ItemKind::Run, "my run & ünïcode, with a comma"))
        .unwrap()
        .label;
    assert_eq!(engine.sources().unwrap()[0].label, label);
    assert_eq!(engine.splits().unwrap()[0].label, label);
    assert_eq!(engine.bases().unwrap()[0].label, label);
    assert_eq!(engine.runs().unwrap()[0].label, label);
    assert_eq!(engine.fake_sets().unwrap()[0].label, label);
    assert_eq!(engine.evaluations().unwrap()[0].label, label);
    assert_eq!(engine.generations().unwrap()[0].label, label);
}

#[test]
fn invalid_and_taken_names_are_refused() {
    let (_place, engine) = full();
    let long = "x".repeat(101);
    for (kind, item) in KINDS {
        for name in [
            "a\nb",
            "a\u{1b}[31mb",
            "a\u{202e}b",
            "a\u{200b}b",
            "\u{7f}",
            "a\u{e0041}b",
            "a\u{3164}b",
            "../x",
            "a/b",
            "/x",
            "a\\b",
            "..",
            ".",
            &long,
        ] {
            let error = rename(&engine, kind, item, name).unwrap_err();
            assert_eq!(error.code, Code::Usage, "{kind} {name:?}: {error}");
        }
        let nameless = rename(&engine, kind, item, "   ");
        match kind {
            ItemKind::Evaluation | ItemKind::Generation => assert_eq!(nameless.unwrap().name, ""),
            _ => assert_eq!(nameless.unwrap_err().code, Code::Usage),
        }
        let missing = rename(&engine, kind, "nobody", "x").unwrap_err();
        assert_eq!(missing.code, Code::NotFound);
    }
    for kind in [ItemKind::Source, ItemKind::Evaluation, ItemKind::Generation] {
        let error = rename(&engine, kind, "1", " 12 ").unwrap_err();
        assert!(error.message.contains("number"), "{error}");
    }
    let unfinished = rename(&engine, ItemKind::Split, "main", "x (unfinished)").unwrap_err();
    assert_eq!(
        unfinished.code,
        Code::Usage,
        "such a split would be listed nowhere"
    );
    for (kind, item, taken) in [
        (ItemKind::Run, "writer", "judge"),
        (ItemKind::Base, "small-gpt2", "small-bert"),
    ] {
        assert_eq!(
            rename(&engine, kind, item, taken).unwrap_err().code,
            Code::Exists
        );
    }
    rename(&engine, ItemKind::Evaluation, "1", "first").unwrap();
    let taken = rename(&engine, ItemKind::Evaluation, "2", "first").unwrap_err();
    assert_eq!(taken.code, Code::Exists);
    let tag = |tags: &[&str]| {
        engine.item_label(&LabelItem {
            kind: ItemKind::Run,
            item: "writer".into(),
            note: None,
            add: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            remove: vec![],
        })
    };
    for bad in ["", " ", "a,b", "a\tb", &"y".repeat(41)] {
        assert_eq!(tag(&[bad]).unwrap_err().code, Code::Usage, "{bad:?}");
    }
    let many: Vec<String> = (0..21).map(|n| format!("t{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(tag(&many).unwrap_err().code, Code::Usage);
    let run = engine.item(&of(ItemKind::Run, "writer")).unwrap();
    assert!(run.label.tags.is_empty(), "none of too many is kept");
}

#[test]
fn items_made_with_a_renamed_item_show_its_new_name_and_work() {
    let (place, engine) = full();
    let approved = {
        let draft = engine.queue(Some("draft")).unwrap()[0].id;
        approve(&engine, draft);
        engine.reply(draft).unwrap()
    };
    for (kind, from, to) in [
        (ItemKind::Split, "main", "split two"),
        (ItemKind::Base, "small-gpt2", "base two"),
        (ItemKind::Base, "small-bert", "bert two"),
        (ItemKind::Run, "writer", "writer two"),
        (ItemKind::Run, "judge", "judge two"),
        (ItemKind::Run, "votes", "votes two"),
        (ItemKind::Fakes, "fakes", "fakes two"),
        (ItemKind::Evaluation, "2", "the second"),
    ] {
        rename(&engine, kind, from, to).unwrap();
    }
    let judge = engine.run_show("judge two").unwrap();
    let facts = judge.facts.unwrap();
    assert_eq!(
        (
            facts.base.as_str(),
            facts.split.as_str(),
            facts.fakes.as_deref()
        ),
        ("bert two", "split two", Some("fakes two"))
    );
    let config = RunConfig::from_toml(&judge.config).unwrap();
    assert_eq!(
        [&config.name, &config.base, &config.split, &config.fakes],
        ["judge two", "bert two", "split two", "fakes two"],
        "train again with the same settings finds what it names"
    );
    assert_eq!(
        engine.fake_sets().unwrap()[0].config.generator,
        "writer two"
    );
    let evaluation = engine.evaluation_of("the second").unwrap();
    assert_eq!(
        (
            evaluation.run.as_str(),
            evaluation.split.as_str(),
            evaluation.fakes.as_deref()
        ),
        ("judge two", "split two", Some("fakes two"))
    );
    assert_eq!(evaluation.config.fakes.unwrap().generator, "writer two");
    let generation = engine.generations().unwrap().remove(0).config;
    assert_eq!(
        (
            generation.generator.as_str(),
            generation.realism.as_deref(),
            generation.upvotes.as_deref()
        ),
        ("writer two", Some("judge two"), Some("votes two"))
    );
    assert_eq!(
        engine.splits().unwrap()[0].audit.as_ref().unwrap().name,
        "split two"
    );
    let jobs = engine.jobs().unwrap();
    let audit = jobs.iter().find(|job| job.kind == "audit").unwrap();
    assert_eq!(audit.params["name"], "split two");
    // what was approved is what is posted
    let after = engine.reply(approved.reply.id).unwrap();
    assert_eq!(after.reply, approved.reply);
    // and everything still works
    let evaluate = Evaluate {
        run: "judge two".into(),
        limit: 8,
        ..Evaluate::default()
    };
    assert_eq!(done(&engine, &evaluate).fakes.as_deref(), Some("fakes two"));
    done(
        &engine,
        &Generate {
            generator: "writer two".into(),
            realism: Some("judge two".into()),
            upvotes: Some("votes two".into()),
            ..generate()
        },
    );
    let roc = repartee_engine::chart::ChartKind::Roc;
    engine.chart(roc, &["the second".into()]).unwrap();
    engine
        .run_export("writer two", &place.path("exported"), None)
        .unwrap();
    engine
        .pairs_export(&place.path("pairs.jsonl"), Some("split two"), None)
        .unwrap();
    whole(&place);
}

#[test]
fn paused_job_resumes_after_its_items_were_renamed() {
    let (_place, engine) = full();
    let path = engine.path().to_owned();
    let fakes = "11111111-2222-7333-8444-000000000001";
    let pressed = engine.interrupt.clone();
    let ended = engine.start_as(fakes, &make_fakes("cut"), &|signal| {
        if let Signal::Progress(progress) = signal
            && progress.phase.starts_with("writing")
        {
            pressed.press();
        }
    });
    assert_eq!(ended.unwrap(), Ended::Paused);
    drop(engine);
    let engine = Engine::open(&path).unwrap();
    let train = "11111111-2222-7333-8444-000000000002";
    let pressed = engine.interrupt.clone();
    let long = RunConfig {
        steps: 30,
        ..settings(RunKind::Realism, "cut-run")
    };
    let ended = engine.start_as(train, &Train::new(&long).unwrap(), &|signal| {
        if let Signal::Progress(progress) = signal
            && progress.phase.starts_with("training")
        {
            pressed.press();
        }
    });
    assert_eq!(ended.unwrap(), Ended::Paused);
    drop(engine);
    let engine = Engine::open(&path).unwrap();
    for (kind, from, to) in [
        (ItemKind::Fakes, "cut", "cut two"),
        (ItemKind::Fakes, "fakes", "fakes two"),
        (ItemKind::Run, "writer", "writer two"),
        (ItemKind::Run, "cut-run", "cut run two"),
        (ItemKind::Base, "small-bert", "bert two"),
        (ItemKind::Split, "main", "split two"),
    ] {
        rename(&engine, kind, from, to).unwrap();
    }
    for job in [fakes, train] {
        assert!(matches!(
            engine.resume(job, &|_| {}).unwrap(),
            Ended::Done(_)
        ));
    }
    let sets = engine.fake_sets().unwrap();
    let cut: Vec<_> = sets
        .iter()
        .filter(|set| set.name.starts_with("cut"))
        .collect();
    assert_eq!(cut.len(), 1, "the started set was resumed");
    assert_eq!(cut[0].fakes.iter().sum::<u64>(), 20);
    let run = engine.run_show("cut run two").unwrap();
    assert_eq!((run.state.as_str(), run.step), ("done", 30));
    assert_eq!(engine.runs().unwrap().len(), 4);
}

#[test]
fn dependents_are_named_and_nothing_is_deleted_without_consent() {
    let (place, engine) = full();
    let names = |kind: ItemKind, item: &str| -> Vec<String> {
        let found = engine.dependents(&of(kind, item)).unwrap();
        let mut names: Vec<String> = found.items[1..]
            .iter()
            .map(|item| format!("{} {}", item.kind.as_str(), item.name))
            .collect();
        names.sort();
        names
    };
    let all = [
        "evaluation 1",
        "evaluation 2",
        "evaluation 3",
        "fakes fakes",
        "generation 1",
        "run judge",
        "run votes",
        "run writer",
        "split main",
    ];
    assert_eq!(names(ItemKind::Source, "1"), all);
    assert_eq!(names(ItemKind::Split, "main"), all[..8]);
    assert_eq!(
        names(ItemKind::Base, "small-gpt2").len(),
        6,
        "all but votes and its evaluation"
    );
    assert_eq!(
        names(ItemKind::Run, "writer"),
        [
            "evaluation 1",
            "evaluation 2",
            "fakes fakes",
            "generation 1",
            "run judge"
        ]
    );
    assert_eq!(
        names(ItemKind::Run, "votes"),
        ["evaluation 3", "generation 1"]
    );
    assert_eq!(
        names(ItemKind::Fakes, "fakes"),
        ["evaluation 2", "generation 1", "run judge"]
    );
    assert!(names(ItemKind::Evaluation, "1").is_empty());
    assert!(names(ItemKind::Generation, "1").is_empty());
    let found = engine.dependents(&of(ItemKind::Run, "writer")).unwrap();
    assert_eq!((found.replies, found.kept), (1, 1));
    assert!(
        found.items[0].bytes > 0 && found.items[0].rows > 0,
        "{found:?}"
    );
    let judge = found
        .items
        .iter()
        .find(|item| item.name == "judge")
        .unwrap();
    assert_eq!(
        (judge.why.as_str(), judge.depth),
        ("trained on set of fakes fakes", 2)
    );

    for (kind, item) in &KINDS[..5] {
        let alone = DeleteItem {
            kind: *kind,
            item: (*item).to_owned(),
            with_dependents: false,
            seen: None,
            who: "ada".into(),
        };
        let error = engine.item_delete(&alone).unwrap_err();
        assert_eq!(error.code, Code::Usage);
        assert!(error.message.contains("on it"), "{error}");
    }
    assert_eq!(engine.runs().unwrap().len(), 3);
    whole(&place);
}

#[test]
fn deletion_is_refused_if_something_changed_since_it_was_shown() {
    let (_place, engine) = full();
    let seen = |kind, item: &str| engine.dependents(&of(kind, item)).unwrap().seen;
    // a draft that was approved since
    let before = seen(ItemKind::Run, "writer");
    let draft = engine.queue(Some("draft")).unwrap()[0].id;
    approve(&engine, draft);
    let error = mark(&engine, ItemKind::Run, "writer", Some(&before)).unwrap_err();
    assert!(error.message.contains("changed"), "{error}");
    // another dependent
    let before = seen(ItemKind::Source, "1");
    let evaluate = Evaluate {
        run: "votes".into(),
        limit: 4,
        ..Evaluate::default()
    };
    done(&engine, &evaluate);
    assert!(mark(&engine, ItemKind::Source, "1", Some(&before)).is_err());
    assert_eq!(engine.sources().unwrap().len(), 1);
    assert_eq!(engine.reply(draft).unwrap().reply.state, "approved");
    // the same number, but another evaluation
    let last = engine.evaluations().unwrap().last().unwrap().id.to_string();
    let before = seen(ItemKind::Evaluation, &last);
    delete(&engine, ItemKind::Evaluation, &last);
    std::thread::sleep(Duration::from_millis(5));
    done(&engine, &evaluate);
    assert_eq!(
        engine.evaluations().unwrap().last().unwrap().id.to_string(),
        last
    );
    assert!(mark(&engine, ItemKind::Evaluation, &last, Some(&before)).is_err());
}

#[test]
fn each_kind_is_deleted_with_dependents_and_posted_replies_stay() {
    for (kind, item) in KINDS {
        let (place, engine) = full();
        let posted = engine.queue(Some("posted")).unwrap().remove(0);
        let found = delete(&engine, kind, item);
        let gone = |kind: ItemKind| found.items.iter().filter(|one| one.kind == kind).count();
        assert_eq!(
            engine.sources().unwrap().len(),
            1 - gone(ItemKind::Source),
            "{kind}"
        );
        assert_eq!(
            engine.splits().unwrap().len(),
            1 - gone(ItemKind::Split),
            "{kind}"
        );
        assert_eq!(
            engine.bases().unwrap().len(),
            2 - gone(ItemKind::Base),
            "{kind}"
        );
        assert_eq!(
            engine.runs().unwrap().len(),
            3 - gone(ItemKind::Run),
            "{kind}"
        );
        assert_eq!(
            engine.fake_sets().unwrap().len(),
            1 - gone(ItemKind::Fakes),
            "{kind}"
        );
        assert_eq!(
            engine.evaluations().unwrap().len(),
            3 - gone(ItemKind::Evaluation),
            "{kind}"
        );
        let generations = 1 - gone(ItemKind::Generation);
        assert_eq!(engine.generations().unwrap().len(), generations, "{kind}");
        // the posted reply is unchanged, with its candidate and what that answers
        let stays = engine.reply(posted.id).unwrap();
        assert_eq!(stays.reply, posted, "{kind}");
        assert!(!stays.events.is_empty());
        let replies = if generations == 1 { 2 } else { 1 };
        assert_eq!(rows(&place.project(), "reply"), replies, "{kind}");
        if generations == 0 {
            assert_eq!(rows(&place.project(), "candidate"), 1, "{kind}");
            assert_eq!(rows(&place.project(), "thread_comment"), 1, "{kind}");
            let left = engine.generation(1).unwrap();
            assert_eq!(
                left.config.generator, "writer",
                "who wrote it is still known"
            );
            engine.outcomes().unwrap();
        }
        assert_eq!(rows(&place.project(), "audit WHERE what = 'deleted'"), 1);
        drop(engine);
        whole(&place);
    }
}

#[test]
fn deleted_source_leaves_no_byte_and_can_be_imported_again() {
    let (place, engine) = full();
    let texts: Vec<String> = {
        let db = rusqlite::Connection::open(place.project()).unwrap();
        let sql = "SELECT body FROM comment WHERE length(body) > 30 ORDER BY id LIMIT 400";
        let mut query = db.prepare(sql).unwrap();
        let rows = query.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let answered = engine.queue(Some("posted")).unwrap().remove(0).comment;
    let size = std::fs::metadata(place.project()).unwrap().len();
    delete(&engine, ItemKind::Source, "sample.ndjson");
    for table in [
        "source",
        "rejected",
        "comment",
        "post",
        "pair",
        "pair_words_docsize",
        "split",
        "split_pair",
        "run",
        "metric",
        "run_sample",
        "checkpoint",
        "fake_set",
        "fake",
        "evaluation",
        "prediction",
        "label",
        "tag",
    ] {
        assert_eq!(rows(&place.project(), table), 0, "{table}");
    }
    drop(engine);
    whole(&place);
    let file = std::fs::read(place.project()).unwrap();
    assert!((file.len() as u64) < size, "{} of {size} bytes", file.len());
    let haystack = String::from_utf8_lossy(&file);
    let left: Vec<&String> = texts
        .iter()
        .filter(|text| **text != answered && haystack.contains(text.as_str()))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    // the same file, imported again, is complete, and the pipeline starts over
    let engine = place.engine();
    let mut lines = Vec::new();
    repartee_datasets::sample::write_ndjson(&mut lines, 7, 60).unwrap();
    let again = place.write("sample.ndjson", lines);
    let imported = done(
        &engine,
        &Import {
            files: vec![again],
            ..repartee_tests::study::permitted()
        },
    );
    let source = &imported.sources[0];
    assert!(!source.already && source.counts.new == source.counts.comments + source.counts.posts);
    assert!(
        source.label.tags.is_empty(),
        "a number that comes again brings no old words"
    );
    assert!(done(&engine, &BuildPairs::default()).kept > 0);
    done(&engine, &MakeSplit::default());
    whole(&place);
}

#[test]
fn deleting_a_source_keeps_other_sources() {
    let (place, engine) = full();
    let file = place.write(
        "other.ndjson",
        "{\"id\":\"zzzz1\",\"link_id\":\"t3_zzzz0\",\"parent_id\":\"t3_zzzz0\",\"author\":\"a\",\"subreddit\":\"s\",\"body\":\"something that was said elsewhere\",\"score\":1,\"created_utc\":1600000001}\n\
         {\"id\":\"zzzz2\",\"link_id\":\"t3_zzzz0\",\"parent_id\":\"t1_zzzz1\",\"author\":\"b\",\"subreddit\":\"s\",\"body\":\"and an answer to it from elsewhere\",\"score\":1,\"created_utc\":1600000002}\n",
    );
    done(
        &engine,
        &Import {
            files: vec![file],
            format: Some(repartee_engine::Format::Pushshift),
            ..repartee_tests::study::permitted()
        },
    );
    done(&engine, &BuildPairs::default());
    let pairs = rows(&place.project(), "pair");
    // the split was made before: nothing depends on it
    let found = delete(&engine, ItemKind::Source, "other.ndjson");
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.items[0].rows, 2);
    assert_eq!(rows(&place.project(), "pair"), pairs - 1);
    assert_eq!(engine.runs().unwrap().len(), 3);
    whole(&place);
}

/// Stores a job as if a process were running it, or as paused.
fn job(engine: &Engine, id: &str, kind: &str, params: &serde_json::Value, state: JobState) {
    let store = Store::open(engine.path()).unwrap();
    let now = repartee_store::now_ms();
    let owner = format!("{}:test", std::process::id());
    assert!(
        store
            .job_insert(id, kind, &params.to_string(), Some(&owner), now)
            .unwrap()
    );
    if state != JobState::Running {
        store.job_end(id, &owner, state, None, None, now).unwrap();
    }
}

#[test]
fn running_job_protects_what_it_uses_and_a_paused_one_is_canceled() {
    let (_place, engine) = full();
    let uses = serde_json::json!({ "run": "writer" });
    job(
        &engine,
        "job-that-evaluates",
        "evaluate",
        &uses,
        JobState::Running,
    );
    for (kind, item) in [
        (ItemKind::Run, "writer"),
        (ItemKind::Base, "small-gpt2"),
        (ItemKind::Split, "main"),
        (ItemKind::Source, "1"),
    ] {
        let error = mark(&engine, kind, item, None).unwrap_err();
        assert_eq!(error.code, Code::Busy);
        assert!(error.message.contains("job-that-evaluates"), "{error}");
    }
    // what it does not use may be deleted
    delete(&engine, ItemKind::Run, "votes");
    assert_eq!(engine.runs().unwrap().len(), 2);
    let store = Store::open(engine.path()).unwrap();
    let owner = format!("{}:test", std::process::id());
    store
        .job_end("job-that-evaluates", &owner, JobState::Done, None, None, 1)
        .unwrap();
    job(
        &engine,
        "job-that-rests",
        "evaluate",
        &uses,
        JobState::Paused,
    );
    // every import, join and split works with all comments
    job(
        &engine,
        "job-that-divides",
        "split",
        &serde_json::json!({ "name": "x" }),
        JobState::Running,
    );
    assert_eq!(
        mark(&engine, ItemKind::Source, "1", None).unwrap_err().code,
        Code::Busy
    );
    delete(&engine, ItemKind::Run, "writer");
    assert_eq!(engine.job("job-that-rests").unwrap().state, "cancelled");
    assert_eq!(engine.job("job-that-divides").unwrap().state, "running");
}

#[test]
fn deleted_items_are_invisible_before_their_rows_are_gone() {
    let (place, engine) = full();
    let draft = engine.queue(Some("draft")).unwrap()[0].id;
    approve(&engine, draft);
    mark(&engine, ItemKind::Run, "writer", None).unwrap();
    // nothing is swept yet: a process may have been killed here
    assert_eq!(engine.runs().unwrap().len(), 1);
    assert!(engine.fake_sets().unwrap().is_empty());
    assert!(engine.generations().unwrap().is_empty());
    assert_eq!(engine.evaluations().unwrap().len(), 1);
    assert_eq!(
        engine.reply(draft).unwrap().reply.state,
        "cancelled",
        "an approval ends with the candidate it was given to"
    );
    for (kind, item) in [
        (ItemKind::Run, "writer"),
        (ItemKind::Run, "judge"),
        (ItemKind::Fakes, "fakes"),
        (ItemKind::Evaluation, "1"),
        (ItemKind::Generation, "1"),
    ] {
        assert_eq!(
            engine.item(&of(kind, item)).unwrap_err().code,
            Code::NotFound
        );
        assert_eq!(
            mark(&engine, kind, item, None).unwrap_err().code,
            Code::NotFound
        );
    }
    // its name is free at once
    done(
        &engine,
        &Train::new(&settings(RunKind::Generator, "writer")).unwrap(),
    );
    let again = engine.run_show("writer").unwrap();
    assert_eq!(again.state, "done");
    // compacting finishes it
    engine.compact().unwrap();
    assert_eq!(engine.runs().unwrap().len(), 2);
    drop(engine);
    whole(&place);
}

/// NDJSON of this many comments with ids from `first`; nine of ten answer the previous one.
fn comments(first: u64, count: u64) -> String {
    let id = |n: u64| repartee_datasets::id::encode((first + n) as i64);
    let mut lines = String::new();
    for n in 0..count {
        let parent = match n % 10 {
            0 => format!("t3_{}", id(0)),
            _ => format!("t1_{}", id(n - 1)),
        };
        lines.push_str(&format!(
            r#"{{"id":"{}","link_id":"t3_{}","parent_id":"{parent}","author":"u{n}","subreddit":"load","body":"text {n} of some length, to fill a line","score":{},"created_utc":{}}}"#,
            id(n),
            id(0),
            n % 50,
            1_700_000_000 + n
        ));
        lines.push('\n');
    }
    lines
}

/// A project with two large sources, "a" and "b", and their pairs.
fn large(rows: u64) -> Place {
    let place = Place::with_project();
    for (name, first) in [("a", 1 << 40), ("b", 1 << 41)] {
        let file = place.write(&format!("{name}.ndjson"), comments(first, rows));
        place.ok([
            "import",
            file.to_str().unwrap(),
            "--format",
            "pushshift",
            "--name",
            name,
            "--permission",
            "none",
            "--quiet",
        ]);
    }
    place.ok(["pairs", "build", "--quiet"]);
    place
}

#[test]
fn killed_deletion_resumes_and_leaves_nothing_half_deleted() {
    const ROWS: u64 = 40_000;
    let place = large(ROWS);
    let of_a = "comment WHERE source_id = 1";
    let mut child = place
        .repartee(["source", "delete", "a", "--yes", "--quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while rows(&place.project(), of_a) == ROWS as i64 {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "nothing was removed in a minute"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let left = rows(&place.project(), of_a);
    assert!(left > 0, "it was over before it was killed");
    // what is left is consistent, and nobody sees the source
    place.ok(["check", "--quiet"]);
    let list = place.ok(["source", "list", "--json"]).result();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["name"], "b");
    // the same file is imported again: leftovers of the first import are removed before
    let again = place.path("a.ndjson");
    let args = [
        "import",
        again.to_str().unwrap(),
        "--format",
        "pushshift",
        "--name",
        "a",
        "--permission",
        "none",
        "--json",
    ];
    let imported = place.ok(args).result();
    assert_eq!(imported["sources"][0]["counts"]["new"].as_u64(), Some(ROWS));
    assert_eq!(rows(&place.project(), "comment"), 2 * ROWS as i64);
    place.ok(["source", "delete", "a", "--yes", "--quiet"]);
    assert_eq!(rows(&place.project(), "comment"), ROWS as i64);
    whole(&place);
}

#[test]
fn two_processes_delete_while_a_third_writes_without_waiting() {
    const ROWS: u64 = 40_000;
    let place = large(ROWS);
    let engine = place.engine();
    let few = place.write("few.ndjson", comments(1 << 42, 10));
    done(
        &engine,
        &Import {
            files: vec![few],
            format: Some(repartee_engine::Format::Pushshift),
            ..repartee_tests::study::permitted()
        },
    );
    let delete = |name: &str| {
        place
            .repartee(["source", "delete", name, "--yes", "--json"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let (mut a, mut b) = (delete("a"), delete("b"));
    let (mut slowest, mut writes) = (Duration::ZERO, 0);
    // while rows are removed; afterwards the file is rewritten, which needs it exclusively for a moment
    while rows(&place.project(), "comment") > 10 && writes < 100_000 {
        let started = Instant::now();
        engine
            .item_label(&LabelItem {
                kind: ItemKind::Source,
                item: "few.ndjson".into(),
                note: Some(format!("note {writes}")),
                add: vec![],
                remove: vec![],
            })
            .unwrap();
        slowest = slowest.max(started.elapsed());
        writes += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(a.wait().unwrap().success() && b.wait().unwrap().success());
    eprintln!("{writes} writes beside; the slowest took {slowest:?}");
    assert!(
        slowest < Duration::from_secs(5),
        "a writer waited {slowest:?}"
    );
    assert_eq!(engine.sources().unwrap().len(), 1);
    for (table, left) in [("comment", 10), ("pair", 0), ("pair_words_docsize", 0)] {
        assert_eq!(rows(&place.project(), table), left, "{table}");
    }
    whole(&place);
}

#[test]
fn the_command_line_lists_before_it_deletes() {
    let (place, engine) = full();
    drop(engine);
    place.ok(["run", "tag", "writer", "paper", "draft"]);
    place.ok(["run", "note", "writer", "the one of the paper"]);
    let shown = place.ok(["run", "note", "writer"]);
    assert_eq!(shown.out, "the one of the paper\n");
    let listed = place.ok(["run", "list", "--tag", "PAPER"]);
    assert!(
        listed.out.contains("writer") && !listed.out.contains("judge"),
        "{listed}"
    );
    assert!(listed.out.contains("draft, paper") && listed.out.contains("the one of the paper"));
    for area in [
        "source",
        "split",
        "base",
        "fakes",
        "evaluation",
        "generation",
        "train",
    ] {
        let none = place
            .ok([area, "list", "--tag", "paper", "--json"])
            .result();
        let expected = usize::from(area == "train");
        assert_eq!(none.as_array().unwrap().len(), expected, "{area}");
    }
    place.ok(["evaluation", "rename", "1", "baseline"]);
    place.ok(["generation", "tag", "1", "kept"]);
    let renamed = place.ok(["evaluation", "list", "--json"]).result();
    assert_eq!(renamed[0]["name"], "baseline");

    // without a terminal nothing is deleted without --yes, and the list says what would be
    let refused = place.run(["run", "delete", "writer"]);
    assert_eq!(refused.status, Some(2), "{refused}");
    for line in [
        "--yes --with-dependents --seen",
        "generation 1",
        "is kept, with its candidate",
    ] {
        assert!(refused.err.contains(line), "{line}: {refused}");
    }
    let found = place
        .ok(["run", "delete", "writer", "--dry-run", "--json"])
        .result();
    assert_eq!(found["items"].as_array().unwrap().len(), 6);
    let seen = found["seen"].as_str().unwrap();
    let alone = place.run(["run", "delete", "writer", "--yes"]);
    assert_eq!(alone.status, Some(2), "{alone}");
    let stale = place.run([
        "run",
        "delete",
        "writer",
        "--yes",
        "--with-dependents",
        "--seen",
        "0123",
    ]);
    assert_eq!(stale.status, Some(2), "{stale}");
    let args = [
        "run",
        "delete",
        "writer",
        "--yes",
        "--with-dependents",
        "--seen",
        seen,
        "--json",
    ];
    let removed = place.ok(args).result();
    assert_eq!(removed["items"], 6);
    assert_eq!(removed["returned"], true);
    let left = place.ok(["run", "list", "--json"]).result();
    assert_eq!(left.as_array().unwrap().len(), 1);
    place.ok(["base", "delete", "small-gpt2", "--yes"]);
    place.ok(["queue", "list", "--state", "posted"]);
    place.ok(["check"]);
    whole(&place);
}

#[test]
fn unreadable_item_does_not_hide_others() {
    let (place, engine) = full();
    drop(engine);
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch(
        "PRAGMA ignore_check_constraints = ON;
         UPDATE evaluation SET metrics = '{\"broken' WHERE id = 2;
         UPDATE evaluation SET config = CAST(X'FF' AS TEXT) WHERE id = 3;
         UPDATE run SET config = CAST(X'FF' AS TEXT) WHERE name = 'judge';
         INSERT INTO split (id, name, seed, config, created_ms) VALUES (77, 'bad', 1, '[]', 1);
         INSERT INTO source (id, name, path, format, options, counts, created_ms)
           VALUES (77, 'bad', 'x', 'sample', '{}', 'no', 1);
         INSERT INTO base (id, name, kind, origin, config, bundle_id, created_ms)
           SELECT 77, 'bad', 'gpt2', 'x', '{}', bundle_id, 1 FROM base LIMIT 1;
         INSERT INTO fake_set (id, name, checkpoint_id, split_id, config, created_ms)
           SELECT 77, 'bad', checkpoint_id, split_id, '{', 1 FROM fake_set LIMIT 1;
         INSERT INTO generation (id, generator, config, created_ms)
           SELECT 77, generator, '1', 1 FROM generation LIMIT 1;
         UPDATE reply SET detail = CAST(X'FF' AS TEXT) WHERE id = 2;",
    )
    .unwrap();
    drop(db);
    for (args, bad, good) in [
        (
            ["evaluation", "list"],
            "evaluation 2 is unreadable",
            "writer",
        ),
        (
            ["evaluation", "list"],
            "evaluation 3 is unreadable",
            "writer",
        ),
        (["run", "list"], "is unreadable", "votes"),
        (["split", "list"], "split 77 is unreadable", "main"),
        (
            ["source", "list"],
            "source 77 is unreadable",
            "sample.ndjson",
        ),
        (["base", "list"], "base 77 is unreadable", "small-gpt2"),
        (["fakes", "list"], "set of fakes 77 is unreadable", "writer"),
        (
            ["generation", "list"],
            "generation 77 is unreadable",
            "writer",
        ),
        (["queue", "list"], "reply 2 is unreadable", "posted"),
    ] {
        let ran = place.ok(args);
        assert!(
            ran.out.contains(bad) && ran.out.contains(good),
            "{args:?} {bad}: {ran}"
        );
        assert!(ran.out.contains("repartee check"), "{ran}");
    }
    let check = place.run(["check"]);
    assert_eq!(check.status, Some(1), "{check}");
    for line in [
        "evaluation row 2, metrics: it is not JSON",
        "evaluation row 3, config: it has bytes that are not UTF-8",
        "split row 77, config: it cannot be read",
        "source row 77, counts: ",
        "fake_set row 77, config: it is not JSON",
        "generation row 77, config: it cannot be read",
        "reply row 2, detail: it has bytes that are not UTF-8",
        "delete evaluation number 2 and make it again",
    ] {
        assert!(check.out.contains(line), "{line}: {check}");
    }
}

#[test]
fn unreadable_setting_is_named_and_reset_after_a_backup() {
    let place = Place::with_project();
    drop(place.engine());
    let db = rusqlite::Connection::open(place.project()).unwrap();
    db.execute_batch(r#"INSERT INTO setting (key, value) VALUES ('reddit', '{"per_day":-1}'), ('study.strict', '7')"#)
        .unwrap();
    drop(db);
    let list = place.run(["queue", "list"]);
    assert_eq!(list.status, Some(2), "{list}");
    for words in ["\"reddit\"", "-1", "repartee check --repair"] {
        assert!(list.err.contains(words), "{words}: {list}");
    }
    let check = place.run(["check"]);
    assert_eq!(check.status, Some(1), "{check}");
    assert!(check.out.contains("setting row reddit, value: "), "{check}");
    assert!(
        check.out.contains("setting row study.strict, value: "),
        "{check}"
    );
    let repaired = place.ok(["check", "--repair"]);
    assert!(
        repaired.out.contains("per_day"),
        "the old value is named: {repaired}"
    );
    assert!(repaired.out.contains("before-repair-1"), "{repaired}");
    assert!(place.path("test.repartee.before-repair-1").exists());
    place.ok(["queue", "list"]);
    assert!(
        place.engine().study().unwrap().strict,
        "the stricter of the two"
    );
    let again = place.ok(["check", "--repair"]);
    assert!(!again.out.contains("Repaired:"), "{again}");
    assert!(!place.path("test.repartee.before-repair-2").exists());
}
