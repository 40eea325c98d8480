//! `repartee evaluate` and `repartee chart`.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::chart::ChartKind;
use repartee_engine::compared::{headline, shortfall};
use repartee_engine::evaluate::{Evaluate, EvaluationInfo};
use repartee_engine::figures::{ClassifierFigures, Figures};
use repartee_engine::names::file_name;
use repartee_engine::{Error, Partition, shell};

use super::App;
use crate::args::{ChartArgs, EvaluateArgs};
use crate::columns;
use crate::out::{Table, count, figure, time};

impl App {
    pub(super) fn evaluate(&self, args: EvaluateArgs) -> Result<ExitCode> {
        let engine = self.engine()?;
        let Some(run) = args.run else {
            return self.done(&engine.evaluations()?, |all| match all.is_empty() {
                true => self
                    .out
                    .line("no evaluations yet; `repartee evaluate RUN` makes one"),
                false => self.evaluations(all),
            });
        };
        let usual = Evaluate::default();
        let partition = args
            .partition
            .map(|word| word.parse::<Partition>().map_err(Error::usage))
            .transpose()?;
        let job = Evaluate {
            run,
            checkpoint: args.checkpoint,
            partition: partition.unwrap_or(usual.partition),
            fakes: args.fakes,
            limit: args.limit.unwrap_or(usual.limit),
            batch: args.batch.unwrap_or(usual.batch),
            device: args.device.unwrap_or(usual.device.clone()),
            ..usual
        };
        self.start(&engine, &job, |evaluation| {
            self.evaluations(std::slice::from_ref(evaluation))?;
            self.left_out(&evaluation.left_out)?;
            self.out.line("")?;
            self.compared(evaluation)?;
            if let Figures::Classifier(figures) = &evaluation.figures {
                self.out.line("")?;
                self.classes(figures)?;
                self.out.line(format!(
                    "next: `{}`",
                    shell::command(["chart", "roc", &evaluation.run, "--out", "roc"])
                ))?;
            }
            Ok(())
        })
    }

    /// A line a figure, each beside its baselines; what does not beat them is marked.
    fn compared(&self, evaluation: &EvaluationInfo) -> Result<()> {
        let mut table = Table::new(["figure", "value", "baselines", "mark"]);
        for one in &evaluation.compared {
            let better = if one.lower_is_better {
                " (lower is better)"
            } else {
                ""
            };
            let mark = match one.worse.as_str() {
                "" => String::new(),
                worse => format!("! {worse}"),
            };
            table.row([
                format!("{}{better}", one.name),
                one.written(),
                one.baselines_written(),
                mark,
            ]);
        }
        table.print(self.out)
    }

    /// A line an evaluation, each with its baselines.
    pub(super) fn evaluations(&self, all: &[EvaluationInfo]) -> Result<()> {
        let mut table = Table::new(columns::EVALUATIONS);
        for evaluation in all {
            table.row([
                evaluation.id.to_string(),
                evaluation.name.clone(),
                super::again::marked(&evaluation.run, evaluation.deleted_content),
                evaluation.config.step.to_string(),
                evaluation.split.clone(),
                evaluation.partition.to_string(),
                time(evaluation.created_ms),
                count(examples(&evaluation.figures)),
                figures_line(evaluation),
                baselines_line(evaluation),
                shortfall(&evaluation.compared),
                super::items::tags(&evaluation.label),
                super::items::note(&evaluation.label),
            ]);
        }
        table.print(self.out)
    }

    /// Each class against the rest, and the confusion matrix.
    fn classes(&self, figures: &ClassifierFigures) -> Result<()> {
        let mut head: Vec<String> = [
            "class",
            "examples",
            "TP",
            "FP",
            "TN",
            "FN",
            "precision",
            "recall",
            "F1",
            "AUC",
            "AP",
        ]
        .map(String::from)
        .into();
        head.extend(
            figures
                .classes
                .iter()
                .map(|class| format!("called {}", class.name)),
        );
        let mut table = Table::new(head);
        for (class, called) in figures.classes.iter().zip(&figures.confusion) {
            let mut row = vec![class.name.clone()];
            row.extend([class.examples, class.tp, class.fp, class.tn, class.fn_].map(count));
            row.extend(
                [
                    class.precision,
                    class.recall,
                    class.f1,
                    class.auc,
                    class.average_precision,
                ]
                .map(|x| figure(x, 3)),
            );
            row.extend(called.iter().map(|n| count(*n)));
            table.row(row);
        }
        table.print(self.out)
    }

    pub(super) fn chart(&self, args: ChartArgs) -> Result<ExitCode> {
        let engine = self.engine()?;
        let kind = ChartKind::parse(&args.what)?;
        let out = match args.out.is_empty() {
            true => {
                // what follows a dot would be an ending
                let name = file_name(&format!("{}-{}", args.of.join("-"), args.what));
                vec![name.replace('.', "-").into()]
            }
            false => args.out,
        };
        let files = engine.chart_files(kind, &args.of, &out)?;
        let names: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        self.done(&serde_json::json!({ "files": names }), |_| {
            self.out.line(format!("wrote {}", names.join(", ")))
        })
    }
}

/// The figures of an evaluation in a line.
fn figures_line(evaluation: &EvaluationInfo) -> String {
    let known: Vec<String> = evaluation
        .compared
        .iter()
        .filter(|one| one.value.is_some())
        .map(|one| format!("{} {}", one.name, one.written()))
        .collect();
    known.join(", ")
}

/// The baselines of the figure that says most.
fn baselines_line(evaluation: &EvaluationInfo) -> String {
    match headline(&evaluation.compared) {
        Some(one) if !one.baselines.is_empty() => {
            format!("{}: {}", one.name, one.baselines_written())
        }
        _ => "-".to_owned(),
    }
}

/// How many examples it was measured on.
fn examples(figures: &Figures) -> u64 {
    match figures {
        Figures::Generator(f) => f.examples,
        Figures::Classifier(f) => f.examples,
    }
}
