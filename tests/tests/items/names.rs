//! Names, notes and tags: valid, unique, and followed everywhere.

use super::*;
use repartee_engine::terms::{JobStatus, ReplyState};

fn rename(engine: &Engine, kind: ItemKind, item: &str, name: &str) -> Result<ItemInfo, Error> {
    engine.item_rename(&RenameItem {
        kind,
        item: item.to_owned(),
        name: name.to_owned(),
    })
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
        let draft = engine.queue(Some(ReplyState::Draft)).unwrap()[0].id;
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
    let config = judge.config.unwrap();
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
    let roc = repartee_engine::evaluation::chart::ChartKind::Roc;
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
            && progress.phase.starts_with("generating")
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
        ..settings(ModelKind::Realism, "cut-run")
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
    assert_eq!((run.state, run.step), (Some(JobStatus::Done), 30));
    assert_eq!(engine.runs().unwrap().len(), 4);
}
