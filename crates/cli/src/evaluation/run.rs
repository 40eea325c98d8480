//! `repartee evaluate`, `evaluation`, `quality`, `chart` and `report`.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::evaluation::audit::AuditEvaluation;
use repartee_engine::evaluation::chart::ChartKind;
use repartee_engine::evaluation::decoding::MeasureDecoding;
use repartee_engine::evaluation::evaluate::Evaluate;
use repartee_engine::evaluation::quality::MeasureQuality;
use repartee_engine::evaluation::slices::SliceBy;
use repartee_engine::evaluation::thresholds::{Costs, WantThresholds};
use repartee_engine::items::ItemKind;
use repartee_engine::names::file_name;
use repartee_engine::report::WriteReport;

use super::args::{ChartArgs, EvaluateArgs, EvaluationCommand, QualityArgs, ReportArgs};
use super::view;
use crate::app::App;
use crate::{data, items};

pub fn evaluate(app: &App, args: EvaluateArgs) -> Result<ExitCode> {
    let engine = app.engine()?;
    let Some(run) = args.run else {
        return app.done(&engine.evaluations()?, |all| {
            view::evaluations(app.out, all)
        });
    };
    let usual = Evaluate::default();
    let partition = args.partition.map(|word| data::set_of(&word)).transpose()?;
    let job = Evaluate {
        run,
        checkpoint: args.checkpoint,
        partition: partition.unwrap_or(usual.partition),
        fakes: args.fakes,
        limit: args.limit.unwrap_or(usual.limit),
        batch: args.batch.unwrap_or(usual.batch),
        threshold: args.threshold.unwrap_or(usual.threshold),
        device: args.device.unwrap_or(usual.device.clone()),
        precision: args.precision.unwrap_or(usual.precision),
        ..usual
    };
    app.start(&engine, &job, |evaluation| {
        view::evaluated(app.out, evaluation)
    })
}

pub fn evaluation(app: &App, command: EvaluationCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        EvaluationCommand::List(args) => {
            let all = engine.evaluations()?;
            let kind = ItemKind::Evaluation;
            let all = items::listed(app, &engine, kind, all, &args, |one| &one.label)?;
            app.done(&all, |all| view::evaluations(app.out, all))
        }
        EvaluationCommand::Show {
            evaluation,
            real_share,
        } => app.done(&engine.evaluation_show(&evaluation, real_share)?, |shown| {
            view::shown(app.out, shown)
        }),
        EvaluationCommand::Compare { evaluation, others } => {
            let all: Vec<String> = std::iter::once(evaluation).chain(others).collect();
            app.done(&engine.evaluations_compare(&all)?, |comparison| {
                view::comparison(app.out, comparison)
            })
        }
        EvaluationCommand::Audit(args) => {
            let usual = AuditEvaluation::default();
            let job = AuditEvaluation {
                evaluation: engine.evaluation_of(&args.evaluation)?.id,
                examples: args.limit.unwrap_or(usual.examples),
                batch: args.batch.unwrap_or(usual.batch),
                device: args.device.unwrap_or(usual.device.clone()),
                ..usual
            };
            app.start(&engine, &job, |audited| view::audited(app.out, audited))
        }
        EvaluationCommand::Slices { evaluation, by } => {
            let by: Vec<SliceBy> = (by.iter())
                .map(|word| SliceBy::parse(word))
                .collect::<Result<_, _>>()?;
            app.done(&engine.evaluation_slices(&evaluation, &by)?, |slices| {
                view::slices(app.out, slices)
            })
        }
        EvaluationCommand::Thresholds(args) => {
            let costs = args.cost_false_positive.zip(args.cost_false_negative);
            let wanted = WantThresholds {
                evaluation: args.evaluation,
                costs: costs.map(|(false_positive, false_negative)| Costs {
                    false_positive,
                    false_negative,
                }),
                at: args.at,
                file: args.csv,
            };
            app.done(&engine.evaluation_thresholds(&wanted)?, |thresholds| {
                view::thresholds(app.out, thresholds)
            })
        }
        EvaluationCommand::Decoding(args) => {
            let usual = MeasureDecoding::default();
            let job = MeasureDecoding {
                run: args.run,
                checkpoint: args.checkpoint,
                limit: args.limit.unwrap_or(usual.limit),
                batch: args.batch.unwrap_or(usual.batch),
                device: args.device.unwrap_or(usual.device.clone()),
                precision: args.precision.unwrap_or(usual.precision),
                ..usual
            };
            app.start(&engine, &job, |measured| view::decoding(app.out, measured))
        }
        EvaluationCommand::Item(command) => {
            items::item(app, &engine, ItemKind::Evaluation, command)
        }
    }
}

pub fn quality(app: &App, args: QualityArgs) -> Result<ExitCode> {
    let engine = app.engine()?;
    let usual = MeasureQuality::default();
    let job = MeasureQuality {
        runs: args.runs,
        limit: args.limit.unwrap_or(usual.limit),
        checkpoint: args.checkpoint,
    };
    app.start(&engine, &job, |measured| view::quality(app.out, measured))
}

pub fn chart(app: &App, args: ChartArgs) -> Result<ExitCode> {
    let engine = app.engine()?;
    let kind = ChartKind::parse(&args.what)?;
    let out = match args.out.is_empty() {
        true => {
            let name = file_name(&format!("{}-{}", args.of.join("-"), args.what));
            // What follows a dot would be an extension.
            vec![name.replace('.', "-").into()]
        }
        false => args.out,
    };
    let drawn = engine.charted(kind, &args.of)?;
    let ids: Vec<i64> = drawn.iter().map(|one| one.id).collect();
    // what is drawn is what is printed, also if another process evaluates meanwhile
    let of = match ids.is_empty() {
        true => args.of,
        false => ids.iter().map(i64::to_string).collect(),
    };
    let files = engine.chart_files(kind, &of, &out)?;
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let value = serde_json::json!({ "files": names, "evaluations": ids });
    app.done(&value, |_| {
        let wrote = format!("Wrote {}", names.join(", "));
        app.out.line(match drawn.is_empty() {
            true => wrote,
            false => format!("{wrote}: {}", view::which(&drawn)),
        })
    })
}

pub fn report(app: &App, args: ReportArgs) -> Result<ExitCode> {
    let engine = app.engine()?;
    let page = match args.out {
        Some(page) => page,
        None => format!("{}.html", file_name(&format!("{}-report", args.run))).into(),
    };
    let files = engine.run_report(&WriteReport {
        run: args.run,
        page,
        markdown: args.markdown,
        examples: args.examples,
    })?;
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    app.done(&serde_json::json!({ "files": names }), |_| {
        view::report(app.out, &names)
    })
}
