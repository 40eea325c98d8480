//! How evaluations are printed.

use anyhow::Result;
use repartee_engine::evaluation::compared::{headline, shortfall};
use repartee_engine::evaluation::evaluate::EvaluationInfo;
use repartee_engine::evaluation::figures::{ClassifierFigures, Figures};
use repartee_engine::evaluation::quality::{QualityMeasured, RunQuality};
use repartee_engine::terms::{ModelKind, Precision};
use repartee_engine::training::precision::{figure_name, figure_text};
use repartee_engine::{Interval, Partition, shell};

use crate::columns;
use crate::items;
use crate::out::{Out, Table, count, counted, figure, set_name, time};

/// One evaluation: its metrics, each with its baselines, and the classes.
pub fn evaluation(out: Out, evaluation: &EvaluationInfo) -> Result<()> {
    out.line(format!(
        "Evaluation {}: run {} at step {}, {} set of split {}, {}, {}",
        evaluation.id,
        items::with_mark(&evaluation.run, evaluation.deleted_content),
        count(evaluation.config.step),
        set_name(evaluation.partition),
        evaluation.split,
        counted(examples(&evaluation.figures), "example", "examples"),
        evaluation.config.precision
    ))?;
    items::left_out(out, &evaluation.left_out)?;
    out.line("")?;
    compared(out, evaluation)?;
    confidence(out, &evaluation.figures)?;
    if let Figures::Generator(_) = &evaluation.figures {
        let run = evaluation.run.as_str();
        out.line(format!(
            "Next: `{}` for the realism model, or `{}`",
            shell::command(["fakes", "make", "--generator", run]),
            shell::command(["generate", "--unseen", "5", "--generator", run])
        ))?;
    }
    if let Figures::Classifier(figures) = &evaluation.figures {
        out.line("")?;
        classes(out, figures)?;
        calibrated(out, evaluation, figures)?;
        out.line(format!(
            "Next: `{}`",
            shell::command(["chart", "roc", &evaluation.run, "--out", "roc"])
        ))?;
    }
    Ok(())
}

/// One line per evaluation, with its baselines.
pub fn evaluations(out: Out, all: &[EvaluationInfo]) -> Result<()> {
    if all.is_empty() {
        return out.line("No evaluations. Evaluate a run with `repartee evaluate RUN`");
    }
    let mut table = Table::new(columns::EVALUATIONS);
    for evaluation in all {
        table.row([
            evaluation.id.to_string(),
            evaluation.name.clone(),
            items::with_mark(&evaluation.run, evaluation.deleted_content),
            evaluation.config.step.to_string(),
            evaluation.split.clone(),
            set_name(evaluation.partition).to_owned(),
            time(evaluation.created_ms),
            count(examples(&evaluation.figures)),
            metrics_line(evaluation),
            baselines_line(evaluation),
            shortfall(&evaluation.compared),
            items::tags(&evaluation.label),
            items::note(&evaluation.label),
        ]);
    }
    table.print(out)
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
        let better = match one.lower_is_better {
            true => " (lower is better)",
            false => "",
        };
        let mark = match one.worse.as_str() {
            "" => String::new(),
            worse => format!("! {worse}"),
        };
        table.row([
            format!("{}{better}", one.name),
            one.written_with_interval(),
            one.baselines_written(),
            mark,
        ]);
    }
    table.print(out)
}

/// What the intervals are.
fn confidence(out: Out, figures: &Figures) -> Result<()> {
    let (confidence, method) = match figures {
        Figures::Generator(f) => (&f.confidence, "by"),
        Figures::Classifier(f) => (&f.confidence, "of AUCs by DeLong, of the others by"),
    };
    let Some(confidence) = confidence else {
        return Ok(());
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

/// "[0.779, 0.851]", or a dash.
fn interval(interval: Option<Interval>) -> String {
    interval.map_or_else(
        || "-".to_owned(),
        |Interval { low, high }| format!("[{low:.3}, {high:.3}]"),
    )
}

/// The metrics of an evaluation in a line, AUC or perplexity with its interval.
fn metrics_line(evaluation: &EvaluationInfo) -> String {
    let known = (evaluation.compared.iter()).filter(|one| one.value.is_some());
    let written: Vec<String> = known
        .map(|one| match one.figure.as_str() {
            "auc" | "perplexity" => format!("{} {}", one.name, one.written_with_interval()),
            _ => format!("{} {}", one.name, one.written()),
        })
        .collect();
    written.join(", ")
}

/// The baselines of the most important metric.
fn baselines_line(evaluation: &EvaluationInfo) -> String {
    match headline(&evaluation.compared) {
        Some(one) if !one.baselines.is_empty() => {
            format!("{}: {}", one.name, one.baselines_written())
        }
        _ => "-".to_owned(),
    }
}

fn examples(figures: &Figures) -> u64 {
    match figures {
        Figures::Generator(f) => f.examples,
        Figures::Classifier(f) => f.examples,
    }
}
