//! The pipeline on the user's own data: planned, changed, queued, and run by the queue.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_datasets::sample as synthetic;
use repartee_engine::data::import::Import;
use repartee_engine::job_queue::HowToRun;
use repartee_engine::pipeline::{
    PipelineOptions, PipelinePlan, PipelinePreset, PipelineStep, PipelineStepState,
};
use repartee_engine::terms::JobStatus;
use repartee_engine::{Code, Engine, Format, Mapping, Origin, Permission};
use repartee_tests::sample::{done, project};
use repartee_tests::{Place, study};

const STEPS: [&str; 12] = [
    "pairs",
    "split",
    "audit",
    "generator-base",
    "classifier-base",
    "generator",
    "fakes",
    "realism",
    "upvotes",
    "evaluate-generator",
    "evaluate-realism",
    "evaluate-upvotes",
];

/// Settings with which each step takes less than a second.
const TINY: [&str; 19] = [
    "generator-base.layers=1",
    "generator-base.width=32",
    "generator-base.heads=2",
    "generator-base.context=64",
    "generator-base.vocab=300",
    "classifier-base.layers=1",
    "classifier-base.width=32",
    "classifier-base.heads=2",
    "classifier-base.context=64",
    "classifier-base.vocab=300",
    "generator.steps=3",
    "generator.samples=0",
    "realism.steps=3",
    "upvotes.steps=3",
    "fakes.comments=12,6,6",
    "fakes.max_new_tokens=6",
    "evaluate-generator.limit=8",
    "evaluate-realism.limit=8",
    "evaluate-upvotes.limit=8",
];

/// A project with threads of the sample that were imported, and nothing else.
fn imported(threads: u64) -> (Place, Engine) {
    let place = Place::with_project();
    let engine = place.engine();
    let mut lines = Vec::new();
    synthetic::write_ndjson(&mut lines, 7, threads).unwrap();
    let import = Import {
        files: vec![place.write("sample.ndjson", lines)],
        format: Some(Format::Pushshift),
        permission: Permission::Synthetic,
        ..Import::default()
    };
    done(&engine, &import);
    (place, engine)
}

fn with(set: &[&str]) -> PipelineOptions {
    PipelineOptions {
        preset: PipelinePreset::Quick,
        set: set.iter().map(|one| (*one).to_owned()).collect(),
        ..PipelineOptions::default()
    }
}

fn step<'a>(plan: &'a PipelinePlan, step: &str) -> &'a PipelineStep {
    let mut steps = plan.steps.iter();
    steps.find(|one| one.step == step).unwrap()
}

fn value<'a>(step: &'a PipelineStep, setting: &str) -> &'a str {
    let mut settings = step.settings.iter();
    let found = settings.find(|one| one.name == setting);
    &found.unwrap_or_else(|| panic!("{step:?}")).value
}

fn states(plan: &PipelinePlan) -> Vec<PipelineStepState> {
    plan.steps.iter().map(|step| step.state).collect()
}

#[test]
fn imported_text_has_every_step_planned_in_order() {
    let (_place, engine) = imported(60);
    let plan = engine.pipeline_plan(&PipelineOptions::default()).unwrap();
    let steps: Vec<&str> = plan.steps.iter().map(|one| one.step.as_str()).collect();
    assert_eq!(steps, STEPS);
    assert_eq!(states(&plan), [PipelineStepState::Planned; 12]);
    assert_eq!((plan.planned, &plan.refused), (12, &None));
    let sum: f64 = plan.steps.iter().map(|one| one.seconds).sum();
    assert!(plan.steps.iter().all(|one| one.seconds > 0.0));
    assert!((plan.seconds - sum).abs() < 1e-6);
    let most = plan.steps.iter().filter_map(|one| one.memory).max();
    assert_eq!(Some(plan.memory), most);
    for words in ["not built yet", "No pretrained GPT-2 or BERT"] {
        let mut warnings = plan.warnings.iter();
        assert!(warnings.any(|one| one.contains(words)), "{plan:?}");
    }
    // each uses what the steps before it make
    let names = ["split", "generator-base", "generator", "fakes", "realism"];
    let names = names.map(|name| step(&plan, name).name.as_str());
    assert_eq!(names, ["main", "small-gpt2", "writer", "fakes", "judge"]);
    for (one, words) in [
        ("generator", "of base small-gpt2 on split main"),
        ("fakes", "by run writer"),
        (
            "realism",
            "of base small-bert on split main and fakes fakes",
        ),
        ("evaluate-upvotes", "run votes"),
    ] {
        let what = &step(&plan, one).what;
        assert!(what.contains(words), "{one}: {what}");
    }
    // planning makes nothing
    assert!(engine.job_queue().unwrap().jobs.is_empty());
    assert_eq!(engine.jobs().unwrap().len(), 1);
}

#[test]
fn without_text_the_plan_is_refused() {
    let place = Place::with_project();
    let engine = place.engine();
    let plan = engine.pipeline_plan(&PipelineOptions::default()).unwrap();
    assert_eq!(plan.refused.unwrap().code, Code::NotFound);
    let refused = place.run(["run", "--yes"]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.err.contains("nothing is imported yet"), "{refused}");
    assert!(engine.jobs().unwrap().is_empty());
}

#[test]
fn strict_mode_refuses_to_queue_without_permission() {
    let place = Place::with_project();
    let engine = place.engine();
    let mut lines = Vec::new();
    synthetic::write_ndjson(&mut lines, 7, 40).unwrap();
    let file = place.write("RC_2019-04.ndjson", lines);
    let mut args = vec!["import", file.to_str().unwrap(), "--format", "pushshift"];
    args.extend(study::NONE);
    place.ok(args);
    let plan = engine.pipeline_plan(&PipelineOptions::default()).unwrap();
    let error = plan.refused.unwrap();
    assert_eq!(error.code, Code::Permission);
    assert!(error.message.contains("strict"), "{error}");
    let refused = engine.pipeline_queue(&PipelineOptions::default());
    assert_eq!(refused.unwrap_err(), error);
    assert!(engine.job_queue().unwrap().jobs.is_empty());
    place.ok(["study", "strict", "off", "--yes"]);
    let plan = engine.pipeline_plan(&PipelineOptions::default()).unwrap();
    assert_eq!(plan.refused, None);
}

#[test]
fn pipeline_runs_through_the_queue_and_is_done_afterwards() {
    let (place, engine) = imported(60);
    let file = place.project().display().to_string();
    let mut args = vec![
        "run",
        file.as_str(),
        "--yes",
        "--now",
        "--preset",
        "quick",
        "--json",
    ];
    for set in &TINY {
        args.extend(["--set", *set]);
    }
    let ran = place.ok(&args);
    assert_eq!(ran.result()["done"], 12, "{ran}");
    assert_eq!(ran.result()["failed"], 0);
    place.ok(["check"]);
    let plan = engine.pipeline_plan(&with(&[])).unwrap();
    assert_eq!(states(&plan), [PipelineStepState::Done; 12], "{plan:?}");
    assert_eq!((plan.planned, plan.seconds), (0, 0.0));
    let evaluated = engine.evaluations().unwrap();
    let runs: Vec<&str> = evaluated.iter().map(|one| one.run.as_str()).collect();
    assert_eq!(runs, ["quick-writer", "quick-judge", "quick-votes"]);
    // again, there is nothing to do
    let again = place.ok(["run", "--preset", "quick"]);
    assert!(again.out.contains("nothing was queued"), "{again}");
    let shown = place.ok(["run", "--preset", "quick", "--plan"]);
    assert!(shown.out.contains("Every step is done"), "{shown}");
    assert!(!shown.out.contains("About"), "{shown}");
    // a quick check is no result: what it trained is trained again, on the same split and bases
    let plan = engine.pipeline_plan(&PipelineOptions::default()).unwrap();
    let now = states(&plan);
    assert_eq!(now[..5], [PipelineStepState::Done; 5]);
    assert_eq!(now[5..], [PipelineStepState::Planned; 7]);
    assert_eq!(step(&plan, "generator").name, "writer");
    // unless it is chosen
    let chosen = PipelineOptions {
        preset: PipelinePreset::Standard,
        ..with(&["generator.name=quick-writer"])
    };
    let plan = engine.pipeline_plan(&chosen).unwrap();
    let writer = step(&plan, "generator");
    assert_eq!(writer.state, PipelineStepState::Done);
    // its fakes are those of a quick check, too
    assert_eq!(step(&plan, "fakes").state, PipelineStepState::Planned);
    // what is done cannot be changed, but made again under another name, with what depends on it
    let error = engine
        .pipeline_plan(&with(&["generator.epochs=1"]))
        .unwrap_err();
    assert!(error.message.contains("generator.name=NAME"), "{error}");
    let plan = engine
        .pipeline_plan(&with(&["generator.name=second"]))
        .unwrap();
    let planned = plan.steps.iter().filter(|one| one.is_open());
    let planned: Vec<&str> = planned.map(|one| one.step.as_str()).collect();
    assert_eq!(
        planned,
        [
            "generator",
            "fakes",
            "realism",
            "evaluate-generator",
            "evaluate-realism"
        ]
    );
    assert_eq!(step(&plan, "fakes").name, "quick-fakes-2");
}

#[test]
fn failing_step_blocks_the_steps_after_it() {
    let (_place, engine) = imported(60);
    let mut set = TINY.to_vec();
    set.push("generator-base.tokenizer=/nowhere");
    let queued = engine.pipeline_queue(&with(&set)).unwrap();
    assert_eq!((queued.added, queued.changed), (12, 0));
    let base = step(&queued.plan, "generator-base").job.clone();
    let run = engine
        .run_queue(HowToRun::default(), &|_| {}, &mut |_, _| {})
        .unwrap();
    assert_eq!((run.done, run.failed, run.left), (3, 1, 8), "{run:?}");
    assert_eq!(run.held_up_by, base);
    // it blocks the queue until it is resumed or skipped, and is not planned a second time
    let plan = engine.pipeline_plan(&with(&[])).unwrap();
    assert_eq!(plan.planned, 0);
    assert_eq!(step(&plan, "generator-base").job, base);
}

#[test]
fn queued_steps_can_be_changed_until_they_begin() {
    let (place, engine) = project(60);
    let queued = engine.pipeline_queue(&with(&[])).unwrap();
    // pairs, split and bases are there
    assert_eq!(queued.added, 8);
    assert_eq!(queued.plan.planned, 0);
    let jobs = || engine.job_queue().unwrap().jobs;
    let before = jobs();
    assert!(before.iter().all(|job| job.state == JobStatus::Queued));
    let needed: Vec<bool> = before.iter().map(|job| job.stops_queue).collect();
    assert_eq!(needed, [true, true, true, true, true, false, false, false]);
    let changed = place.ok([
        "run",
        "--yes",
        "--preset",
        "quick",
        "--set",
        "generator.steps=7",
        "--set",
        "fakes.top_k=3",
        "--json",
    ]);
    let changed = changed.result();
    assert_eq!(changed["added"], 0);
    assert_eq!(changed["changed"], 2);
    let after = jobs();
    let ids = |jobs: &[repartee_engine::job::JobInfo]| -> Vec<String> {
        jobs.iter().map(|job| job.id.clone()).collect()
    };
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(after[1].params["config"]["steps"], 7);
    assert_eq!(after[2].params["sampling"]["top_k"], 3);
    // without --yes, nobody can be asked here
    let refused = place.run(["run", "--preset", "quick", "--set", "generator.steps=9"]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.err.contains("--yes"), "{refused}");
    assert_eq!(jobs()[1].params["config"]["steps"], 7);
    // an invalid value changes nothing
    let error = engine
        .pipeline_queue(&with(&["generator.batch_size=0"]))
        .unwrap_err();
    assert!(error.message.contains("generator: batch_size"), "{error}");
    engine.cancel(&before[7].id).unwrap();
    let plan = engine.pipeline_plan(&with(&[])).unwrap();
    assert_eq!(
        step(&plan, "evaluate-upvotes").state,
        PipelineStepState::Planned
    );
    let ended = engine
        .job_change(&before[7].id, &before[7].params)
        .unwrap_err();
    assert_eq!(ended.code, Code::Usage);
}

#[test]
fn unknown_steps_and_settings_are_named_with_those_there_are() {
    let (_place, engine) = project(60);
    for (set, words) in [
        ("poet.epochs=1", "it has pairs, split, audit"),
        (
            "generator.speed=1",
            "generator: there is no setting \"speed\"; there are accumulate",
        ),
        ("generator.base=x", "by the name of the step"),
        ("fakes.top_k=many", "fakes: top_k cannot be \"many\""),
        ("generator", "is not STEP.SETTING=VALUE"),
        ("audit.name=x", "nothing can be changed"),
        ("generator-base.name=small-bert", "is of kind bert"),
    ] {
        let error = engine.pipeline_plan(&with(&[set])).unwrap_err();
        assert_eq!(error.code, Code::Usage, "{set}: {error}");
        assert!(error.message.contains(words), "{set}: {error}");
    }
}

#[test]
fn time_limit_shortens_trainings_that_have_no_length_of_their_own() {
    let (_place, engine) = project(60);
    let limited = |hours: f64, set: &[&str]| {
        let options = PipelineOptions {
            preset: PipelinePreset::Standard,
            hours: Some(hours),
            ..with(set)
        };
        engine.pipeline_plan(&options).unwrap()
    };
    let long = limited(1e6, &[]);
    // as many epochs as usual
    assert_eq!(value(step(&long, "generator"), "steps"), "0");
    let short = limited(1e-6, &["upvotes.epochs=2"]);
    let steps: usize = value(step(&short, "generator"), "steps").parse().unwrap();
    assert!((1..=100).contains(&steps), "{steps}");
    assert!(short.seconds < long.seconds);
    assert_eq!(value(step(&short, "upvotes"), "steps"), "0");
    let mut warnings = short.warnings.iter();
    assert!(
        warnings.any(|one| one.contains("All of it takes about")),
        "{short:?}"
    );
    for hours in [0.0, f64::NAN] {
        let options = PipelineOptions {
            hours: Some(hours),
            ..PipelineOptions::default()
        };
        assert_eq!(
            engine.pipeline_plan(&options).unwrap_err().code,
            Code::Usage
        );
    }
}

#[test]
fn without_scores_the_upvotes_model_is_left_out() {
    let place = Place::with_project();
    let engine = place.engine();
    let rows: String = (0..40)
        .map(|n| format!("What do you do about part {n} of it?,I oil it {n} times a year.\n"))
        .collect();
    let import = Import {
        files: vec![place.write("answers.csv", format!("question,answer\n{rows}"))],
        format: Some(Format::Mapped),
        mapping: Some(Mapping {
            comment: "question".to_owned(),
            reply: "answer".to_owned(),
            ..Mapping::default()
        }),
        origin: Some(Origin::Forum),
        ..Import::default()
    };
    done(&engine, &import);
    done(
        &engine,
        &repartee_engine::data::pairs::BuildPairs::default(),
    );
    let plan = engine.pipeline_plan(&PipelineOptions::default()).unwrap();
    for skipped in ["upvotes", "evaluate-upvotes"] {
        assert_eq!(step(&plan, skipped).state, PipelineStepState::Skipped);
    }
    assert_eq!(plan.planned, 9);
    for words in ["No reply has a score", "There are only"] {
        let mut warnings = plan.warnings.iter();
        assert!(warnings.any(|one| one.contains(words)), "{plan:?}");
    }
    let error = engine
        .pipeline_plan(&with(&["upvotes.epochs=1"]))
        .unwrap_err();
    assert!(error.message.contains("the step is left out"), "{error}");
}

#[test]
fn plan_is_printed_as_a_table_and_queues_nothing() {
    let (place, engine) = project(60);
    let printed = place.ok(["run", "--plan"]);
    for words in [
        "generator-base",
        "planned",
        "About ",
        "of memory",
        "run writer of base small-gpt2",
    ] {
        assert!(printed.out.contains(words), "{words}: {printed}");
    }
    assert!(engine.job_queue().unwrap().jobs.is_empty());
    let mixed = place.run(["run", "--plan", "list"]);
    assert_eq!(mixed.status, Some(2));
    assert!(mixed.err.contains("before a subcommand"), "{mixed}");
}
