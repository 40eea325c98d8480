//! The card of an evaluation: figures with intervals and baselines, curves, and what they were measured on.

use repartee_core::error::Result;
use repartee_core::format::count;
use repartee_datasets::study::day_of_ms;
use repartee_models::metrics::Interval;

use super::document::{Block, Cell, Chart, HoverCurve, Section, Table};
use super::repartee;
use crate::Engine;
use crate::evaluation::chart::ChartKind;
use crate::evaluation::compared::{Compared, number, with_interval};
use crate::evaluation::confidence::Confidence;
use crate::evaluation::curves::{ClassCurve, EvaluationCurves};
use crate::evaluation::evaluate::EvaluationInfo;
use crate::evaluation::figures::{ClassifierFigures, Figures};
use crate::evaluation::labels::{called, set_name};
use crate::evaluation::slices::{EvaluationSlices, SliceBy};
use crate::generation::fakes::FakesConfig;

/// False positive rates at which the table of a ROC curve has its true positive rates.
const RATES: [f64; 6] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/// The decoding settings of fakes.
pub(super) fn decoding(config: &FakesConfig) -> String {
    let sampling = &config.sampling;
    format!(
        "temperature {}, top-k {}, top-p {}{}, at most {} new tokens, seed {}, {} on {}, by {} at step {}",
        sampling.temperature,
        sampling.top_k,
        sampling.top_p,
        sampling.further(),
        sampling.max_new_tokens,
        sampling.seed,
        config.precision,
        config.device,
        config.generator,
        count(config.step)
    )
}

impl Engine {
    pub(super) fn evaluation_card(
        &self,
        evaluation: &EvaluationInfo,
        examples: usize,
    ) -> Result<Section> {
        let mut section = Section::new(format!(
            "{} on the {}",
            capital(&called(evaluation)),
            set_name(evaluation.partition)
        ));
        if evaluation.deleted_content {
            section.warning(
                "Measured on content that its authors have deleted since, or of a model that was trained on some.",
            );
        }
        if evaluation.left_out.count > 0 {
            section.warning(format!(
                "{} examples were left out, because they could not be measured: the figures are without them.",
                count(evaluation.left_out.count)
            ));
        }
        section.facts(measured_on(evaluation));
        section.heading("Figures");
        section.table(figures(&evaluation.compared));
        section.text(about_intervals(evaluation.figures.confidence()));
        if let Figures::Classifier(of) = &evaluation.figures {
            of_classes(&mut section, of);
            calibrated(&mut section, of);
            self.slices(&mut section, evaluation);
            section.heading("Charts");
            self.charts(&mut section, evaluation, of);
        }
        if examples > 0 {
            self.examples_of(&mut section, evaluation, examples)?;
        }
        Ok(section)
    }

    fn charts(
        &self,
        section: &mut Section,
        evaluation: &EvaluationInfo,
        figures: &ClassifierFigures,
    ) {
        let curves = match self.evaluation_curves(evaluation.id) {
            Ok(curves) => curves,
            // the figures are stored by themselves, and are still right
            Err(error) => {
                section.text(format!("No chart could be drawn: {}.", error.message));
                return;
            }
        };
        for (kind, what) in [
            (ChartKind::Roc, "ROC"),
            (ChartKind::Pr, "Precision-recall"),
            (ChartKind::Calibration, "Calibration"),
            (ChartKind::Confusion, "Confusion matrix"),
        ] {
            let label = format!("{what} of {}", called(evaluation));
            let picture = match self.chart(kind, &[evaluation.id.to_string()]) {
                Ok(picture) => picture,
                Err(error) => {
                    section.text(format!("{label} could not be drawn: {}.", error.message));
                    continue;
                }
            };
            let values = match kind {
                ChartKind::Roc => Some(at_rates(&curves)),
                ChartKind::Calibration => Some(drawn(&picture.table)),
                ChartKind::Confusion => Some(confusion(figures)),
                _ => None,
            };
            section.blocks.push(Block::Chart(Box::new(Chart {
                label,
                picture,
                values: values.filter(|table| !table.rows.is_empty()),
                curves: match kind {
                    ChartKind::Roc => curves.classes.iter().map(hover).collect(),
                    _ => Vec::new(),
                },
            })));
        }
    }

    fn slices(&self, section: &mut Section, evaluation: &EvaluationInfo) {
        section.heading("Slices");
        match self.slices_of(evaluation, &[]) {
            Ok(slices) => {
                section.table(slices_table(&slices));
                section.text(format!("{}.", slices.explained()));
            }
            // the figures are stored by themselves, and are still right
            Err(error) => {
                section.text(format!("There are no slices: {}.", error.message));
            }
        }
    }

    /// The best and the worst predictions with their texts.
    fn examples_of(
        &self,
        section: &mut Section,
        evaluation: &EvaluationInfo,
        examples: usize,
    ) -> Result<()> {
        for (best, title) in [(true, "Best predictions"), (false, "Worst predictions")] {
            section.heading(title);
            let mut table = Table::new(&["Comment", "Reply", "Class", "Predicted", "Probability"]);
            for one in self.evaluation_examples(evaluation.id, best, None, examples)? {
                table.row([
                    Cell::from(one.comment),
                    Cell::from(one.reply),
                    Cell::from(one.truth),
                    Cell::from(one.called),
                    Cell::figure(Some(one.p)),
                ]);
            }
            section.table(table);
        }
        Ok(())
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// Everything that the figures depend on.
fn measured_on(evaluation: &EvaluationInfo) -> Vec<(&'static str, String)> {
    let config = &evaluation.config;
    let examples = evaluation.figures.examples();
    let limit = match config.limit {
        0 => "all".to_owned(),
        n => format!("at most {}, sampled by the seed", count(n)),
    };
    let mut facts = vec![
        ("Split", evaluation.split.clone()),
        ("Set", set_name(evaluation.partition).to_owned()),
        ("Examples", format!("{} ({limit})", count(examples))),
        (
            "Checkpoint",
            format!("{} at step {}", config.checkpoint, count(config.step)),
        ),
        ("Seed", config.seed.to_string()),
        ("Precision", config.precision.to_string()),
        (
            "Device",
            format!("{}, {} threads", config.device, config.threads),
        ),
        ("Batch size", config.batch.to_string()),
        ("Version", repartee(config.version.clone())),
        ("Date", day_of_ms(evaluation.created_ms)),
    ];
    if let Some(threshold) = config.threshold {
        facts.push(("Decision threshold", threshold.to_string()));
    }
    if let (Some(name), Some(fakes)) = (&evaluation.fakes, &config.fakes) {
        facts.push(("Fakes", name.clone()));
        facts.push(("Decoding settings", decoding(fakes)));
    }
    facts.push(("Note", evaluation.label.note.clone()));
    facts.push(("Tags", evaluation.label.tags.join(", ")));
    facts
}

fn figures(compared: &[Compared]) -> Table {
    let mut table = Table::new(&["Figure", "Value [95% interval]", "Baselines", "Remark"]);
    for one in compared {
        let value = one.written_with_interval();
        table.row([
            Cell::from(one.name.clone()),
            match one.value {
                Some(exact) => Cell::Exact(value, exact),
                None => Cell::Number(value),
            },
            Cell::from(one.baselines_written()),
            Cell::from(remark(one)),
        ]);
    }
    table
}

/// What a reader of the figure has to know: that it does not beat a baseline, or not clearly.
fn remark(one: &Compared) -> String {
    match (one.beats, one.better) {
        (Some(true), None) => "not clearly better: the interval contains a baseline".to_owned(),
        _ => one.worse.clone(),
    }
}

fn about_intervals(confidence: Option<&Confidence>) -> String {
    match confidence {
        Some(of) => format!(
            "95% intervals count {} threads, not examples: DeLong's for AUCs, and a percentile bootstrap of {} resamples \
             with seed {} for the others. Baselines are measured on the same examples.",
            count(of.threads),
            count(of.resamples),
            of.seed
        ),
        None => {
            "There are no intervals: the examples are of too few threads, or the evaluation is of an earlier version. \
             Baselines are measured on the same examples."
                .to_owned()
        }
    }
}

fn interval_cell(value: Option<f64>, interval: Option<Interval>) -> Cell {
    match (value.filter(|value| value.is_finite()), interval) {
        (Some(value), Some(_)) => Cell::Exact(with_interval(Some(value), interval, 0), value),
        (value, _) => Cell::figure(value),
    }
}

fn of_classes(section: &mut Section, figures: &ClassifierFigures) {
    section.heading("Classes");
    let mut table = Table::new(&[
        "Class",
        "Examples",
        "Precision",
        "Recall",
        "F1",
        "AUC [95% interval]",
        "Average precision",
    ]);
    for class in &figures.classes {
        table.row([
            Cell::from(class.name.clone()),
            Cell::count(class.examples),
            Cell::figure(class.precision),
            Cell::figure(class.recall),
            Cell::figure(class.f1),
            interval_cell(class.auc, class.auc_interval),
            Cell::figure(class.average_precision),
        ]);
    }
    section.table(table);
}

fn calibrated(section: &mut Section, figures: &ClassifierFigures) {
    let Some(scaled) = &figures.calibrated else {
        return;
    };
    section.text(format!(
        "After temperature scaling with temperature {}, fitted on {} examples of the validation set:",
        number(scaled.temperature, 0),
        count(scaled.fitted_on)
    ));
    let mut table = Table::new(&["Figure", "As evaluated", "After scaling"]);
    for (name, before, after) in [
        ("log loss", figures.log_loss, scaled.log_loss),
        ("Brier score", figures.brier, scaled.brier),
        (
            "expected calibration error",
            figures.calibration_error,
            scaled.calibration_error,
        ),
    ] {
        table.row([Cell::from(name), Cell::figure(before), Cell::figure(after)]);
    }
    section.table(table);
}

/// All examples in the first row, then the slices.
fn slices_table(slices: &EvaluationSlices) -> Table {
    let columns = ["By", "Slice", "Examples", "Threads"].map(String::from);
    let figures = slices.overall.figures.iter().map(|one| one.name.clone());
    let mut table = Table {
        columns: (columns.into_iter())
            .chain(slices.classes.iter().cloned())
            .chain(figures.map(|name| format!("{name} [95% interval]")))
            .collect(),
        ..Table::default()
    };
    for slice in std::iter::once(&slices.overall).chain(&slices.slices) {
        let mut row = vec![
            Cell::from(slice.by.map_or("", SliceBy::name)),
            Cell::from(slice.name.clone()),
            Cell::count(slice.examples),
            slice
                .threads
                .map_or_else(|| Cell::figure(None), Cell::count),
        ];
        row.extend(slice.classes.iter().map(|n| Cell::count(*n)));
        row.extend(slice.figures.iter().map(|one| match one.value {
            Some(value) => Cell::Exact(one.marked(), value),
            None => Cell::figure(None),
        }));
        table.row(row);
    }
    table
}

/// True classes in rows, predicted ones in columns.
fn confusion(figures: &ClassifierFigures) -> Table {
    let names = figures.classes.iter().map(|class| class.name.clone());
    let predicted = names.clone().map(|name| format!("Predicted {name}"));
    let mut table = Table {
        columns: std::iter::once("Class".to_owned())
            .chain(predicted)
            .collect(),
        ..Table::default()
    };
    for (name, counts) in names.zip(&figures.confusion) {
        let mut row = vec![Cell::from(name)];
        row.extend(counts.iter().map(|n| Cell::count(*n)));
        table.row(row);
    }
    table
}

/// The values of a chart, without the column of the notice, which the report has at its top.
fn drawn(table: &repartee_charts::Table) -> Table {
    let kept = |column: usize| {
        table
            .columns
            .get(column)
            .is_some_and(|name| name != "notice")
    };
    let columns = table.columns.iter().enumerate();
    let mut out = Table {
        columns: columns
            .filter(|(i, _)| kept(*i))
            .map(|(_, name)| name.clone())
            .collect(),
        ..Table::default()
    };
    for row in &table.rows {
        let cells = row.iter().enumerate().filter(|(i, _)| kept(*i));
        out.row(cells.map(|(_, text)| match text.parse::<f64>() {
            Ok(_) => Cell::Number(text.clone()),
            Err(_) => Cell::from(text.clone()),
        }));
    }
    out
}

/// The highest true positive rate of each curve at some false positive rates.
fn at_rates(curves: &EvaluationCurves) -> Table {
    let mut table = Table {
        columns: std::iter::once("True positive rate of".to_owned())
            .chain(RATES.map(|rate| format!("at FPR up to {rate}")))
            .collect(),
        ..Table::default()
    };
    for curve in &curves.classes {
        let mut row = vec![Cell::from(curve.name.clone())];
        row.extend(RATES.map(|rate| Cell::figure(highest(curve, rate))));
        table.row(row);
    }
    table
}

fn highest(curve: &ClassCurve, rate: f64) -> Option<f64> {
    let reached = hover(curve).points.into_iter();
    let within = reached.filter(|(fpr, ..)| *fpr <= rate);
    within.map(|(_, tpr, _)| tpr).max_by(f64::total_cmp)
}

/// A curve as rates at its thresholds.
fn hover(curve: &ClassCurve) -> HoverCurve {
    let share = |part: u64, all: u64| part as f64 / all.max(1) as f64;
    let counts = curve.fp.iter().zip(&curve.tp).zip(&curve.thresholds);
    let points = counts.map(|((fp, tp), threshold)| {
        (
            share(*fp, curve.negatives),
            share(*tp, curve.positives),
            *threshold,
        )
    });
    HoverCurve {
        name: curve.name.clone(),
        points: points.collect(),
    }
}

/// The figure of an evaluation that says most, with its interval and baselines, for a sentence.
pub(super) fn headline_of(evaluation: &EvaluationInfo) -> Option<String> {
    let one = crate::evaluation::compared::headline(&evaluation.compared)?;
    let baselines = one.baselines_written();
    let value = format!("{} {}", one.name, one.written_with_interval());
    Some(match baselines.as_str() {
        "" => value,
        baselines => format!("{value} (baselines: {baselines})"),
    })
}
