//! Splits, runs, fakes and predictions, and their deletion.

use super::*;

#[test]
fn split_is_complete_and_locked() {
    let (_dir, store) = filled(100);
    let pairs = store.pairs(&PairQuery::default(), None, 1000).unwrap();
    let partition = |thread: i64| Partition::from_number(thread % 3).unwrap();
    let members: Vec<_> = pairs
        .iter()
        .map(|p| (p.id, partition(p.thread_id)))
        .collect();
    let new = NewSplit {
        name: "one".into(),
        seed: 7,
        config: "{}".into(),
    };
    let id = store.split_insert(&new, &members, 5).unwrap();
    assert!(matches!(
        store.split_insert(&new, &members, 5),
        Err(Error::NameTaken { .. })
    ));
    assert_eq!(store.split("one").unwrap().id, id);
    let error = store.split("two").unwrap_err().to_string();
    assert_eq!(error, "there is no split \"two\"; there is one");

    let counts = store.split_counts(id).unwrap();
    assert_eq!(counts.iter().map(|c| c.pairs).sum::<u64>(), 100);
    assert_eq!(counts.iter().map(|c| c.threads).sum::<u64>(), 25);
    assert_eq!(counts.iter().map(|c| c.scored).sum::<u64>(), 80);
    assert_eq!(store.split_torn_threads(id).unwrap(), []);
    let mut examples = Vec::new();
    store
        .for_each_example(id, Partition::Val, |e| {
            examples.push(e);
            true
        })
        .unwrap();
    assert_eq!(examples.len() as u64, counts[1].pairs);
    let ids = store.split_pair_ids(id, Partition::Val).unwrap();
    assert_eq!(ids, examples.iter().map(|e| e.pair_id).collect::<Vec<_>>());
    assert_eq!(
        store.examples_of(&[ids[3], 0, ids[0]]).unwrap(),
        [examples[3].clone(), examples[0].clone()]
    );
    let known = examples.iter().filter_map(|e| e.score).collect::<Vec<_>>();
    assert_eq!(store.split_scores(id, Partition::Val).unwrap(), known);
    let mut placed = 0;
    store
        .for_each_placed(id, |p| {
            placed += usize::from(p.partition == partition(p.thread_id))
        })
        .unwrap();
    assert_eq!(placed, 100);

    // a pair of the split survives a stricter recipe, for this split alone
    let strict = Recipe {
        min_chars: 1000,
        ..Recipe::default()
    };
    let built = store.pairs_build(&strict, |_| true).unwrap();
    assert_eq!((built.kept, built.removed), (0, 100));
    assert_eq!(store.pair_count(&PairQuery::default()).unwrap(), 0);
    let of_split = PairQuery {
        split_id: Some(id),
        ..PairQuery::default()
    };
    assert_eq!(store.pair_count(&of_split).unwrap(), 100);
    let again = store.split_counts(id).unwrap();
    assert_eq!(again, counts);
    let back = store.pairs_build(&Recipe::default(), |_| true).unwrap();
    assert_eq!((back.kept, back.new, back.removed), (100, 100, 0));
    assert_eq!(store.pair_count(&PairQuery::default()).unwrap(), 100);

    let torn: Vec<_> = pairs.iter().map(|p| (p.id, partition(p.id / 2))).collect();
    let other = NewSplit {
        name: "torn".into(),
        ..new
    };
    let torn = store.split_insert(&other, &torn, 6).unwrap();
    assert_eq!(store.split_torn_threads(torn).unwrap().len(), 25);
    store.split_audited(torn, "{}").unwrap();
    delete(&store, ItemKind::Split, "torn").unwrap();
    assert_eq!(store.splits().unwrap().len(), 1);
}

#[test]
fn metrics_and_samples_of_a_run() {
    let (_dir, store, _, runs) = with_runs();
    let at = |name: &str, step, value| Metric {
        name: name.into(),
        step,
        value,
    };
    let metrics = [
        at("loss", 1, Some(2.5)),
        at("loss", 2, Some(f64::NAN)),
        at("loss", 3, Some(1.0)),
        at("lr", 1, Some(1e-4)),
    ];
    store.metrics_add(runs[0], &metrics).unwrap();
    store
        .metrics_add(runs[0], &[at("loss", 3, Some(0.5))])
        .unwrap();
    let loss = store.metric(runs[0], "loss").unwrap();
    assert_eq!(loss, [(1, Some(2.5)), (2, None), (3, Some(0.5))]);
    assert_eq!(store.metric_names(runs[0]).unwrap(), ["loss", "lr"]);
    let sample = RunSample {
        step: 3,
        n: 0,
        pair_id: None,
        comment: "a".into(),
        text: "b".into(),
    };
    store.run_sample_add(runs[0], &sample).unwrap();
    store.run_sample_add(runs[0], &sample).unwrap();
    assert_eq!(
        store.run_samples(runs[0]).unwrap(),
        std::slice::from_ref(&sample)
    );
    store.metrics_cut(runs[0], 1).unwrap();
    assert_eq!(store.metrics(runs[0]).unwrap().len(), 2);
    assert_eq!(store.run_samples(runs[0]).unwrap(), []);
    assert!(matches!(store.run("none"), Err(Error::Missing { .. })));
    assert_eq!(store.run("realism").unwrap().kind, ModelKind::Realism);
    let again = NewRun {
        name: "realism".into(),
        kind: ModelKind::Realism,
        base_id: 1,
        split_id: 1,
        fake_set_id: None,
        config: String::new(),
        job_id: None,
        facts: "{}".into(),
    };
    assert!(matches!(
        store.run_insert(&again, 1),
        Err(Error::NameTaken { .. })
    ));
}

fn quality(precision: Precision, figure: Option<f64>, rate: f64) -> Quality {
    Quality {
        precision,
        figure,
        examples: 300,
        partition: Partition::Val,
        rate,
        instructions: "f32 avx2, bf16 avx2, int8 avx2".into(),
        measured_ms: 1_800_000_000_000,
    }
}

#[test]
fn quality_is_replaced_as_a_whole_and_deleted_with_its_run() {
    let (_dir, store, _, runs) = with_runs();
    let writer = save(&store, runs[0], Role::Best, 1, 1);
    let judge = save(&store, runs[1], Role::Best, 1, 2);
    assert_eq!(store.quality(writer).unwrap(), []);
    let all = [
        quality(Precision::F32, Some(20.5), 160.0),
        quality(Precision::Bf16, Some(20.6), 240.0),
        quality(Precision::Int8, Some(20.7), 310.0),
    ];
    store.quality_set(writer, &all).unwrap();
    assert_eq!(store.quality(writer).unwrap(), all);
    let undefined = [quality(Precision::F32, None, 8.0)];
    store.quality_set(judge, &undefined).unwrap();
    assert_eq!(store.quality(judge).unwrap(), undefined);

    // in any order; what is not finite is undefined; precisions that were not measured again are gone
    let again = [
        quality(Precision::Int8, Some(f64::NAN), 300.0),
        quality(Precision::F32, Some(19.0), 150.0),
    ];
    store.quality_set(writer, &again).unwrap();
    let want = [
        quality(Precision::F32, Some(19.0), 150.0),
        quality(Precision::Int8, None, 300.0),
    ];
    assert_eq!(store.quality(writer).unwrap(), want);
    assert_eq!(store.quality(judge).unwrap(), undefined);

    // a new best checkpoint was not measured
    let next = save(&store, runs[0], Role::Best, 2, 3);
    assert_eq!(store.quality(next).unwrap(), []);
    assert_eq!(store.quality(writer).unwrap(), []);
    assert!(store.quality_set(writer, &all).is_err());

    store.quality_set(next, &all).unwrap();
    delete(&store, ItemKind::Run, "generator").unwrap();
    assert_eq!(store.quality(next).unwrap(), []);
    assert_eq!(store.quality(judge).unwrap(), undefined);
    assert!(store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn result_of_a_trial_stays_when_its_run_is_deleted() {
    let (_dir, store, _, runs) = with_runs();
    for job in ["sweep", "other"] {
        assert!(store.job_insert(job, "sweep", "{}", None, 1).unwrap());
    }
    let trial = |settings: &str, seed| NewTrial {
        settings: settings.to_owned(),
        seed,
    };
    let mut new = NewSweep {
        name: "rates".to_owned(),
        kind: ModelKind::Generator,
        job_id: "sweep".to_owned(),
        trials: vec![
            trial(r#"[["learning_rate","1e-4"]]"#, 1),
            trial(r#"[["learning_rate","3e-4"]]"#, (1 << 62) + 1),
        ],
    };
    let id = store.sweep_insert(&new, 5).unwrap();
    new.job_id = "other".to_owned();
    assert!(matches!(
        store.sweep_insert(&new, 6),
        Err(Error::NameTaken { .. })
    ));
    let sweep = store.sweep_named("rates").unwrap();
    assert_eq!((sweep.id, sweep.created_ms), (id, 5));
    assert_eq!(store.sweep_of_job("sweep").unwrap(), Some(sweep));
    assert_eq!(store.sweep_of_job("other").unwrap(), None);
    let error = store.sweep_named("other").unwrap_err().to_string();
    assert!(error.contains("rates"), "{error}");

    let trials = store.trials(id).unwrap();
    assert_eq!(trials.len(), 2);
    assert!(trials.iter().all(|trial| trial.result.is_none()));
    assert_eq!((trials[1].n, trials[1].seed), (2, (1 << 62) + 1));
    assert_eq!(trials[1].settings, new.trials[1].settings);
    let mut result = TrialResult {
        outcome: TrialOutcome::EarlyStop,
        run_id: Some(runs[0]),
        best: Some((2.5, 40)),
        metric: Some(("perplexity".to_owned(), 12.25)),
    };
    store.trial_end(id, 1, &result).unwrap();
    let diverged = TrialResult {
        outcome: TrialOutcome::Failed,
        run_id: None,
        best: Some((f64::NAN, 1)),
        metric: None,
    };
    store.trial_end(id, 2, &diverged).unwrap();
    let trials = store.trials(id).unwrap();
    assert_eq!(trials[0].result.as_ref(), Some(&result));
    let failed = trials[1].result.as_ref().unwrap();
    assert_eq!((failed.outcome, failed.best), (TrialOutcome::Failed, None));

    delete(&store, ItemKind::Run, "generator").unwrap();
    result.run_id = None;
    assert_eq!(store.trials(id).unwrap()[0].result.as_ref(), Some(&result));
    assert!(store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn fakes_and_predictions() {
    let (_dir, store, split_id, runs) = with_runs();
    let generator = save(&store, runs[0], Role::Best, 1, 1);
    let set = NewFakeSet {
        name: "f".into(),
        checkpoint_id: generator,
        split_id,
        config: "{}".into(),
    };
    let set = store.fake_set_insert(&set, 4).unwrap();
    let val = store.split_pair_ids(split_id, Partition::Val).unwrap();
    let new: Vec<_> = val
        .iter()
        .flat_map(|pair| (0..2).map(move |n| (*pair, n)))
        .map(|(pair_id, n)| NewFake {
            pair_id,
            n,
            text: format!("fake {n}"),
            finish_reason: FinishReason::End,
        })
        .collect();
    store.fakes_add(set, &new).unwrap();
    store.fakes_add(set, &new[..3]).unwrap(); // a resumed job repeats its last batch
    assert_eq!(store.fake_counts(set).unwrap(), [0, new.len() as u64, 0]);
    assert_eq!(store.fake_pairs(set).unwrap()[0], (val[0], 2));
    let fakes = store.fakes(set, Partition::Val).unwrap();
    assert_eq!(fakes.len(), new.len());
    assert!(fakes[0].comment.starts_with("question"));
    assert_eq!(store.fakes(set, Partition::Train).unwrap(), []);

    let realism = save(&store, runs[1], Role::Best, 1, 2);
    let evaluation = NewEvaluation {
        checkpoint_id: realism,
        split_id,
        fake_set_id: Some(set),
        partition: Partition::Val,
        config: "{}".into(),
        metrics: r#"{"auc":1}"#.into(),
    };
    let two = |subject, label, p1: f64| Prediction {
        subject,
        label: Some(label),
        p: [Some(1.0 - p1), Some(p1), None, None],
        nll: None,
        tokens: None,
    };
    let predictions = [
        two(Subject::Pair(val[0]), 1, 0.75),
        two(Subject::Fake(fakes[1].id), 0, 0.25),
    ];
    let id = store
        .evaluation_insert(&evaluation, &predictions, 9)
        .unwrap();
    assert_eq!(store.predictions(id).unwrap(), predictions);
    let with_texts = store.predicted(id, 1, 10).unwrap();
    assert_eq!(with_texts.len(), 1);
    assert_eq!(
        (with_texts[0].n, with_texts[0].reply.as_str()),
        (1, "fake 1")
    );
    // each prediction has what its example is grouped by, a fake that of its pair
    let examples = store.predicted_examples(id).unwrap();
    let of: Vec<&Prediction> = examples.iter().map(|one| &one.prediction).collect();
    assert_eq!(of, predictions.iter().collect::<Vec<_>>());
    let pair = store.pair(val[0]).unwrap().unwrap();
    assert_eq!(examples[0].reply.as_deref(), Some(pair.reply.as_str()));
    assert_eq!(examples[1].reply.as_deref(), Some("fake 1"));
    for one in &examples {
        assert_eq!(one.thread_id, Some(with_texts[0].thread_id));
        assert_eq!(one.subreddit, pair.subreddit);
        assert_eq!(one.comment_score, pair.comment_score);
    }
    // a fake is in the thread of the comment that it answers
    let thread = Some(with_texts[0].thread_id);
    let (pair, fake) = (Subject::Pair(val[0]), Subject::Fake(fakes[1].id));
    let subjects = [pair, fake, Subject::Pair(-1), Subject::Fake(-1)];
    let threads = store.threads_of(subjects).unwrap();
    assert_eq!(threads, [thread, thread, None, None]);
    assert_eq!(store.evaluation(id).unwrap().run, "realism");
    store.evaluation_metrics_set(id, "{}").unwrap();
    assert_eq!(store.evaluation(id).unwrap().metrics, "{}");
    let unknown = store.evaluation_metrics_set(id + 1, "{}");
    assert!(matches!(unknown, Err(Error::Missing { .. })), "{unknown:?}");
    let refused = delete(&store, ItemKind::Fakes, "f");
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    delete(&store, ItemKind::Evaluation, &id.to_string()).unwrap();
    delete(&store, ItemKind::Fakes, "f").unwrap();
    assert!(store.evaluations().unwrap().is_empty() && store.fake_sets().unwrap().is_empty());
    assert!(store.check(|_, _| true).unwrap().is_whole());
}

#[test]
fn nothing_builds_on_items_being_deleted() {
    let (_dir, store, split_id, runs) = with_runs();
    let checkpoint = save(&store, runs[0], Role::Best, 1, 1);
    let base_id = store.base("b").unwrap().id;
    store
        .item_delete(
            ItemKind::Split,
            "s",
            true,
            None,
            &|_, _, _| JobUse::None,
            "me",
            9,
        )
        .unwrap();
    let run = NewRun {
        name: "late".into(),
        kind: ModelKind::Upvotes,
        base_id,
        split_id,
        fake_set_id: None,
        config: String::new(),
        job_id: None,
        facts: "{}".into(),
    };
    let refused = store.run_insert(&run, 1);
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    let set = NewFakeSet {
        name: "late".into(),
        checkpoint_id: checkpoint,
        split_id,
        config: "{}".into(),
    };
    let refused = store.fake_set_insert(&set, 1);
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    // a stopped sweep is continued, and another finds nothing to do
    assert!(!store.sweep(&mut |_| false).unwrap().done);
    assert!(store.has_deletions().unwrap());
    let swept = store.sweep(&mut |_| true).unwrap();
    assert!(swept.done && swept.items > 0, "{swept:?}");
    assert_eq!(store.sweep(&mut |_| true).unwrap().items, 0);
    // only the base's blobs are left
    store.base("b").unwrap();
    assert_eq!(blobs_of(&store), 1);
    assert!(store.return_space().unwrap());
    assert!(store.check(|_, _| true).unwrap().is_whole());
}
