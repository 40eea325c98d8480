//! How evaluations are printed.

use anyhow::Result;
use repartee_engine::evaluation::at_share::{AtRealShare, EvaluationShown};
use repartee_engine::evaluation::audit::{EvaluationAudited, ShortcutAudit};
use repartee_engine::evaluation::compared::{Compared, headline};
use repartee_engine::evaluation::decoding::DecodingMeasured;
use repartee_engine::evaluation::evaluate::EvaluationInfo;
use repartee_engine::evaluation::figures::{ClassifierFigures, Figures};
use repartee_engine::evaluation::paired::{
    ComparedEvaluation, Comparison, FigureDifference, FigureValue,
};
use repartee_engine::evaluation::quality::{QualityMeasured, RunQuality};
use repartee_engine::evaluation::slices::{EvaluationSlices, SliceBy, SliceFigure};
use repartee_engine::evaluation::thresholds::EvaluationThresholds;
use repartee_engine::terms::{ModelKind, Precision};
use repartee_engine::training::precision::{figure_name, figure_text};
use repartee_engine::{Interval, Partition, shell};

use crate::columns;
use crate::items;
use crate::out::{Out, Table, count, counted, figure, set_name, short, time};

/// One evaluation: its metrics, each with its baselines, and the classes.
fn evaluation(out: Out, evaluation: &EvaluationInfo) -> Result<()> {
    let named = match evaluation.name.as_str() {
        "" => String::new(),
        name => format!(" ({name})"),
    };
    let fakes = evaluation.fakes.as_ref();
    let fakes = fakes.map(|name| format!(", set of fakes {name}"));
    let threshold = evaluation.config.threshold;
    let threshold = threshold.map(|p| format!(", decision threshold {p}"));
    out.line(format!(
        "Evaluation {}{named}: run {} at step {}, {} set of split {}{}, {}, {}{}",
        evaluation.id,
        items::with_mark(&evaluation.run, evaluation.deleted_content),
        count(evaluation.config.step),
        set_name(evaluation.partition),
        evaluation.split,
        fakes.unwrap_or_default(),
        counted(evaluation.figures.examples(), "example", "examples"),
        evaluation.config.precision,
        threshold.unwrap_or_default()
    ))?;
    items::left_out(out, &evaluation.left_out)?;
    out.line("")?;
    compared(out, evaluation)?;
    confidence(out, &evaluation.figures)?;
    if let Figures::Classifier(figures) = &evaluation.figures {
        out.line("")?;
        classes(out, figures)?;
        calibrated(out, evaluation, figures)?;
        if let Some(one) = &figures.audit {
            out.line("")?;
            audit(out, one)?;
        }
    }
    Ok(())
}

/// "evaluation 2 of judge, test set": what a run or a name stood for.
pub fn which(all: &[EvaluationInfo]) -> String {
    let each = all.iter().map(|one| {
        let set = set_name(one.partition);
        format!("evaluation {} of {}, {set} set", one.id, one.run)
    });
    each.collect::<Vec<_>>().join("; ")
}

/// An evaluation that was just made, and what to do next.
pub fn evaluated(out: Out, one: &EvaluationInfo) -> Result<()> {
    evaluation(out, one)?;
    let run = one.run.as_str();
    out.line(match one.figures {
        Figures::Generator(_) => format!(
            "Next: `{}` for the realism model, or `{}`",
            shell::command(["fakes", "make", "--generator", run]),
            shell::command(["generate", "--unseen", "5", "--generator", run])
        ),
        Figures::Classifier(_) => {
            // by its number: the run may stand for another one
            let chart = shell::command(["chart", "roc", &one.id.to_string(), "--out", "roc"]);
            match one.config.kind {
                ModelKind::Realism => format!(
                    "Next: `{}` compares the model with shortcuts, or `{chart}`",
                    shell::command(["evaluation", "audit", &one.id.to_string()])
                ),
                ModelKind::Generator | ModelKind::Upvotes => format!("Next: `{chart}`"),
            }
        }
    })
}

/// An audit for shortcuts that was just made, and what to do next.
pub fn audited(out: Out, one: &EvaluationAudited) -> Result<()> {
    let id = one.evaluation.to_string();
    out.line(format!("Evaluation {id}: run {}", one.run))?;
    items::left_out(out, &one.left_out)?;
    out.line("")?;
    audit(out, &one.audit)?;
    out.line(format!(
        "Next: `{}` draws these ROC curves beside the model's",
        shell::command(["chart", "roc", &id, "--out", "roc"])
    ))
}

/// Each shortcut beside the model, and the suspected labels.
fn audit(out: Out, audit: &ShortcutAudit) -> Result<()> {
    let mut table = Table::new(columns::SHORTCUTS);
    for one in &audit.shortcuts {
        let mark = match one.warning.as_str() {
            "" => String::new(),
            warning => format!("! {warning}"),
        };
        table.row([
            one.name.clone(),
            one.written(),
            one.model_written(),
            count(one.examples),
            mark,
        ]);
    }
    table.print(out)?;
    out.line(format!(
        "By length, markup and words: classifiers fitted to {} of the training set. Comments were shuffled with seed {}",
        counted(audit.fitted_on, "example", "examples"),
        audit.seed
    ))?;
    if audit.suspects.is_empty() {
        return Ok(());
    }
    out.line(format!(
        "{} may be wrong (confident learning); the least probable first:",
        counted(audit.suspected, "label", "labels")
    ))?;
    for one in &audit.suspects {
        out.line(format!(
            "  {}: labeled {}, suspected {}, p({}) {:.3}",
            one.example, one.label, one.suspected, one.label, one.p
        ))?;
    }
    match audit.suspected > audit.suspects.len() as u64 {
        true => out.line("  ... (`repartee export predictions` writes all predictions)"),
        false => Ok(()),
    }
}

/// A stored evaluation with its label, and its metrics at another share of real replies.
pub fn shown(out: Out, shown: &EvaluationShown) -> Result<()> {
    evaluation(out, &shown.evaluation)?;
    items::label(out, &shown.evaluation.label)?;
    match &shown.at_real_share {
        Some(at) => at_real_share(out, at),
        None => Ok(()),
    }
}

fn at_real_share(out: Out, at: &AtRealShare) -> Result<()> {
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    let (here, there) = (percent(at.evaluated_share), percent(at.real_share));
    out.line("")?;
    out.line(format!(
        "If {there} of the replies were real, not {here}, at a decision threshold of {}:",
        at.threshold
    ))?;
    let mut table = Table::new(columns::AT_SHARE);
    for one in &at.figures {
        let [evaluated, uncorrected, corrected] = one.written();
        table.row([
            metric(&one.name, one.lower_is_better),
            evaluated,
            uncorrected,
            corrected,
        ]);
    }
    table.print(out)?;
    out.line(format!(
        "Corrected: probabilities adjusted from {} real replies, {}, to {there} (Saerens et al. 2002). This assumes \
         that the real replies and the fakes are like those evaluated, and only their shares differ",
        percent(at.trained_share),
        match at.trained_share_known {
            true => "the share in training",
            false => "the share evaluated, since that in training is not on record",
        }
    ))
}

/// A metric in a table, with the direction if less is better.
fn metric(name: &str, lower_is_better: bool) -> String {
    match lower_is_better {
        true => format!("{name} (lower is better)"),
        false => name.to_owned(),
    }
}

/// The evaluations, a table of differences for each but the first, and the settings in which their runs differ.
pub fn comparison(out: Out, comparison: &Comparison) -> Result<()> {
    let Some((first, others)) = comparison.evaluations.split_first() else {
        return Ok(());
    };
    let mut table = Table::new(columns::COMPARED);
    for one in &comparison.evaluations {
        table.row([
            one.id.to_string(),
            one.name.clone(),
            items::with_mark(&one.run, one.deleted_content),
            count(one.step),
            one.split.clone(),
            set_name(one.partition).to_owned(),
            one.fakes.clone().unwrap_or_default(),
            count(one.examples),
        ]);
    }
    table.print(out)?;
    out.line(format!(
        "Compared on the {} that {} of them have{}",
        counted(comparison.examples, "example", "examples"),
        if others.len() == 1 { "both" } else { "all" },
        match comparison.threads {
            Some(threads) => format!(", from {}", counted(threads, "thread", "threads")),
            None => String::new(),
        }
    ))?;
    for (n, other) in others.iter().enumerate() {
        out.line("")?;
        let of = |one: &ComparedEvaluation| format!("{} {}", one.id, one.run);
        let head = [
            "metric".to_owned(),
            of(first),
            of(other),
            "difference".to_owned(),
            "p".to_owned(),
            String::new(),
        ];
        let mut table = Table::new(head);
        for one in &comparison.figures {
            let value = |n: usize| one.values.get(n).map(FigureValue::written);
            let difference = one.differences.get(n);
            let p = difference.and_then(|difference| difference.p);
            let verdict = match difference.and_then(|difference| difference.better) {
                Some(true) => "better",
                Some(false) => "worse",
                None => "",
            };
            table.row([
                metric(&one.name, one.lower_is_better),
                value(0).unwrap_or_default(),
                value(n + 1).unwrap_or_default(),
                difference
                    .map(FigureDifference::written)
                    .unwrap_or_default(),
                figure(p, 4),
                verdict.to_owned(),
            ]);
        }
        table.print(out)?;
    }
    out.line("")?;
    methods(out, comparison)?;
    settings(out, comparison)
}

/// What the differences, intervals and p values of a comparison are.
fn methods(out: Out, comparison: &Comparison) -> Result<()> {
    if comparison.threads.is_none() {
        return out.line(
            "No intervals and no p values: the thread of an example is no longer in the project",
        );
    }
    let many = match comparison.evaluations.len() {
        2 => "",
        _ => "; not corrected for the number of comparisons",
    };
    out.line(format!(
        "Difference: the evaluation less evaluation {}. In brackets: 95% confidence intervals, of AUCs by DeLong, of the \
         others by {} bootstrap resamples of threads. p: two-sided, by {} permutations that exchange the predictions of \
         whole threads, seed {}{many}",
        comparison.evaluations[0].id,
        count(comparison.resamples),
        count(comparison.permutations),
        comparison.seed
    ))
}

/// All examples, then a line per slice.
pub fn slices(out: Out, slices: &EvaluationSlices) -> Result<()> {
    out.line(format!(
        "Evaluation {}: run {}",
        slices.evaluation, slices.run
    ))?;
    out.line("")?;
    let mut head: Vec<String> = columns::SLICES.iter().map(ToString::to_string).collect();
    head.extend(slices.classes.iter().cloned());
    let overall = &slices.overall;
    head.extend((overall.figures.iter()).map(|one| metric(&one.name, one.lower_is_better)));
    let mut table = Table::new(head);
    for slice in std::iter::once(overall).chain(&slices.slices) {
        let mut row = vec![
            slice.by.map_or("", SliceBy::name).to_owned(),
            slice.name.clone(),
            count(slice.examples),
            slice.threads.map_or_else(|| "-".to_owned(), count),
        ];
        row.extend(slice.classes.iter().map(|n| count(*n)));
        row.extend(slice.figures.iter().map(SliceFigure::marked));
        table.row(row);
    }
    table.print(out)?;
    out.line(slices.explained())
}

/// The best thresholds and the requested one, and what was counted.
pub fn thresholds(out: Out, thresholds: &EvaluationThresholds) -> Result<()> {
    out.line(format!(
        "Evaluation {}: run {}",
        thresholds.evaluation, thresholds.run
    ))?;
    out.line("")?;
    let mut table = Table::new(columns::THRESHOLDS);
    for one in &thresholds.chosen {
        let row = &one.row;
        let mut cells = vec![one.why.clone(), row.threshold.to_string()];
        cells.extend([row.tp, row.fp, row.tn, row.fn_].map(count));
        let rates = [
            row.true_positive_rate,
            row.false_positive_rate,
            row.precision,
            row.f1,
        ];
        cells.extend(rates.map(|rate| figure(rate, 3)));
        cells.push(figure(row.cost, 2));
        cells.extend([row.candidates, row.posted].map(count));
        cells.extend([row.median_score, row.mean_score].map(|score| figure(score, 1)));
        table.row(cells);
    }
    table.print(out)?;
    out.line(thresholds.explained())?;
    match &thresholds.file {
        Some(file) => out.line(format!("Wrote {}", file.display())),
        None => Ok(()),
    }
}

/// A line per set of fakes, then the AUCs by temperature and top-k.
pub fn decoding(out: Out, measured: &DecodingMeasured) -> Result<()> {
    let mut table = Table::new(columns::DECODING);
    for one in &measured.sets {
        let sampling = &one.sampling;
        let others = format!(
            "top-p {}{}, at most {}",
            sampling.top_p,
            sampling.further(),
            counted(sampling.max_new_tokens, "new token", "new tokens")
        );
        let mark = match one.trained_on {
            true => "trained on these",
            false => "",
        };
        table.row([
            one.fakes.clone(),
            one.generator.clone(),
            count(one.step),
            sampling.temperature.to_string(),
            count(sampling.top_k),
            others,
            one.precision.to_string(),
            count(one.examples),
            one.written(),
            mark.to_owned(),
        ]);
    }
    table.print(out)?;
    out.line("")?;
    let (columns, rows) = measured.table();
    let mut table = Table::new(columns);
    for row in rows {
        table.row(row);
    }
    table.print(out)?;
    out.line(measured.explained())?;
    items::left_out(out, &measured.left_out)
}

/// The settings in which the runs of a comparison differ.
fn settings(out: Out, comparison: &Comparison) -> Result<()> {
    if comparison.settings.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let runs = comparison.evaluations.iter().map(|one| one.run.clone());
    let mut table = Table::new(std::iter::once("setting".to_owned()).chain(runs));
    for one in &comparison.settings {
        let values = one.values.iter().map(|value| short(value, SETTING_WIDTH));
        table.row(std::iter::once(one.setting.clone()).chain(values));
    }
    table.print(out)
}

/// Characters of a setting in a table.
const SETTING_WIDTH: usize = 40;

/// One line per evaluation, with its main metric; `evaluation show` has all of them.
pub fn evaluations(out: Out, all: &[EvaluationInfo]) -> Result<()> {
    if all.is_empty() {
        return out.line("No evaluations. Evaluate a run with `repartee evaluate RUN`");
    }
    let mut table = Table::new(columns::EVALUATIONS);
    for evaluation in all {
        let main = headline(&evaluation.compared);
        let metric = main.map(|one| format!("{} {}", one.name, one.written_with_interval()));
        table.row([
            evaluation.id.to_string(),
            evaluation.name.clone(),
            items::with_mark(&evaluation.run, evaluation.deleted_content),
            evaluation.config.step.to_string(),
            evaluation.split.clone(),
            set_name(evaluation.partition).to_owned(),
            time(evaluation.created_ms),
            count(evaluation.figures.examples()),
            metric.unwrap_or_else(|| "-".to_owned()),
            main.map(Compared::baselines_written).unwrap_or_default(),
            below(&evaluation.compared),
            items::tags(&evaluation.label),
            items::note(&evaluation.label),
        ]);
    }
    table.print(out)
}

/// The metrics that do not beat their baselines: their names, or how many there are.
fn below(compared: &[Compared]) -> String {
    let below = compared.iter().filter(|one| !one.worse.is_empty());
    let names: Vec<&str> = below.map(|one| one.name.as_str()).collect();
    match names.len() {
        0..=2 => names.join(", "),
        n => format!("{n} metrics"),
    }
}

/// One row per run with its figure and speed at each precision, and what `auto` takes, with the reason.
pub fn quality(out: Out, measured: &QualityMeasured) -> Result<()> {
    let mut table = Table::new(columns::QUALITY);
    for run in &measured.runs {
        let mut row = vec![run.run.clone(), figure_name(run.kind).to_owned()];
        row.extend(Precision::ALL.iter().map(|one| at_precision(run, *one)));
        row.push(run.auto.precision.to_string());
        table.row(row);
    }
    table.print(out)?;
    for run in &measured.runs {
        out.line(format!(
            "{}: {} of the {} set; auto takes {}: {}",
            run.run,
            counted(run.examples, "example", "examples"),
            set_name(run.partition),
            run.auto.precision,
            run.auto.reason
        ))?;
        if run.kind == ModelKind::Generator && run.auto.precision != Precision::F32 {
            out.line(format!(
                "  To use {0} where a realism model scores the replies, generate fakes at {0} and train the realism model \
                 on them; until then, auto takes the precision of its fakes",
                run.auto.precision
            ))?;
        }
    }
    items::left_out(out, &measured.left_out)
}

/// "20.50, 160 tokens/s".
fn at_precision(run: &RunQuality, precision: Precision) -> String {
    let one = run.precisions.iter().find(|one| one.precision == precision);
    one.map_or_else(
        || "-".to_owned(),
        |one| {
            let figure = one.figure.map(|figure| figure_text(run.kind, figure));
            let rate = match run.kind {
                ModelKind::Generator => format!("{:.0} tokens/s", one.rate),
                ModelKind::Realism | ModelKind::Upvotes => format!("{:.1} pairs/s", one.rate),
            };
            format!("{}, {rate}", figure.as_deref().unwrap_or("-"))
        },
    )
}

/// One line per metric with its baselines; a metric that does not beat them is marked.
fn compared(out: Out, evaluation: &EvaluationInfo) -> Result<()> {
    let mut table = Table::new(["metric", "value", "baselines", "mark"]);
    for one in &evaluation.compared {
        let mark = match one.worse.as_str() {
            "" => String::new(),
            worse => format!("! {worse}"),
        };
        table.row([
            metric(&one.name, one.lower_is_better),
            one.written_with_interval(),
            one.baselines_written(),
            mark,
        ]);
    }
    table.print(out)
}

/// What the intervals are.
fn confidence(out: Out, figures: &Figures) -> Result<()> {
    let Some(confidence) = figures.confidence() else {
        return Ok(());
    };
    let method = match figures {
        Figures::Generator(_) => "by",
        Figures::Classifier(_) => "of AUCs by DeLong, of the others by",
    };
    out.line(format!(
        "In brackets: 95% confidence intervals, {method} {} bootstrap resamples; {} count as one observation each",
        count(confidence.resamples),
        counted(confidence.threads, "thread", "threads"),
    ))
}

/// The figures after temperature scaling, or how to get them.
fn calibrated(out: Out, evaluation: &EvaluationInfo, figures: &ClassifierFigures) -> Result<()> {
    let Some(one) = &figures.calibrated else {
        return match evaluation.partition {
            Partition::Test => out.line(format!(
                "For temperature scaling, evaluate the validation set, then the test set again: `{}`",
                shell::command(["evaluate", &evaluation.run, "--partition", "validation"])
            )),
            Partition::Train | Partition::Val => Ok(()),
        };
    };
    out.line(format!(
        "Temperature scaling: {:.3}, fitted on {} of the validation set; log loss {}, Brier score {}, expected calibration error {}",
        one.temperature,
        counted(one.fitted_on, "example", "examples"),
        figure(one.log_loss, 3),
        figure(one.brier, 3),
        figure(one.calibration_error, 3)
    ))
}

/// Each class against the rest, and the confusion matrix.
fn classes(out: Out, figures: &ClassifierFigures) -> Result<()> {
    let mut head: Vec<String> = columns::CLASSES.iter().map(ToString::to_string).collect();
    let predicted = |name: &str| format!("predicted {name}");
    head.extend(figures.classes.iter().map(|class| predicted(&class.name)));
    let mut table = Table::new(head);
    for (class, confusion) in figures.classes.iter().zip(&figures.confusion) {
        let mut row = vec![class.name.clone()];
        row.extend([class.examples, class.tp, class.fp, class.tn, class.fn_].map(count));
        let metrics = [class.precision, class.recall, class.f1, class.auc];
        row.extend(metrics.map(|metric| figure(metric, 3)));
        row.push(interval(class.auc_interval));
        row.push(figure(class.average_precision, 3));
        row.extend(confusion.iter().map(|n| count(*n)));
        table.row(row);
    }
    table.print(out)
}

/// The files of a report, and that they are copies.
pub fn report(out: Out, files: &[String]) -> Result<()> {
    out.line(format!("Wrote {}", files.join(" and ")))?;
    out.line("Reports are outside the project: a purge does not reach them")
}

/// "[0.779, 0.851]", or a dash.
fn interval(interval: Option<Interval>) -> String {
    interval.map_or_else(
        || "-".to_owned(),
        |Interval { low, high }| format!("[{low:.3}, {high:.3}]"),
    )
}
