//! Training: settings, curves, checkpoints, time and device.

use repartee_core::error::Result;
use repartee_core::format::{bytes, count, seconds};
use repartee_datasets::study::day_of_ms;
use serde_json::Value;

use super::document::{Block, Cell, Chart, Section, Table};
use super::{About, state};
use crate::Engine;
use crate::evaluation::chart::ChartKind;
use crate::training::run_config::{RunConfig, SETTINGS};

/// Most validations in the table of a loss chart.
const MOST_VALIDATIONS: usize = 50;

impl Engine {
    pub(super) fn training_card(&self, about: &About) -> Result<Section> {
        let mut section = Section::new("Training");
        progress(&mut section, about);
        section.heading("Settings");
        match &about.info.config {
            Some(config) => settings(&mut section, config)?,
            None => section.text("The settings cannot be read."),
        }
        section.heading("Loss");
        let label = format!("Training and validation loss of {}", about.run.name);
        match self.chart(ChartKind::Loss, std::slice::from_ref(&about.run.name)) {
            Ok(picture) => section.blocks.push(Block::Chart(Box::new(Chart {
                label,
                picture,
                values: self.validations(about)?,
                curves: Vec::new(),
            }))),
            Err(error) => section.text(format!("{label} could not be drawn: {}.", error.message)),
        }
        Ok(section)
    }

    /// The validation loss by step; of many validations, some.
    fn validations(&self, about: &About) -> Result<Option<Table>> {
        let losses = self.run_figure(&about.run.name, "val_loss")?;
        let every = losses.len().div_ceil(MOST_VALIDATIONS).max(1);
        let mut table = Table::new(&["Step", "Validation loss"]);
        for (i, (step, loss)) in losses.iter().enumerate() {
            if i % every == 0 || i + 1 == losses.len() || Some(*step) == about.info.best_step {
                table.row([Cell::count(*step), Cell::figure(*loss)]);
            }
        }
        Ok(Some(table).filter(|table| !table.rows.is_empty()))
    }
}

/// Steps, checkpoints, time and device.
fn progress(section: &mut Section, about: &About) {
    let info = &about.info;
    let facts = info.facts.as_ref();
    let planned = facts.map(|facts| format!(" of {}", count(facts.steps)));
    let device = facts.map(|facts| format!("{}, {} threads", facts.device, facts.threads));
    let padding = facts.map(|facts| format!("{:.1}% of positions", 100.0 * facts.padding));
    let best = info.best_loss.map(|loss| match info.best_step {
        Some(step) => format!("{loss:.4} at step {}", count(step)),
        None => format!("{loss:.4}"),
    });
    section.facts([
        (
            "State",
            info.state.map(state).unwrap_or_default().to_owned(),
        ),
        (
            "Steps",
            format!("{}{}", count(info.step), planned.unwrap_or_default()),
        ),
        (
            "Training loss, latest",
            info.loss
                .map(|loss| format!("{loss:.4}"))
                .unwrap_or_default(),
        ),
        ("Validation loss, best", best.unwrap_or_default()),
        ("Time", time(about).unwrap_or_default()),
        ("Device", device.unwrap_or_default()),
        (
            "Processor",
            facts
                .map(|facts| facts.processor.clone())
                .unwrap_or_default(),
        ),
        ("Padding", padding.unwrap_or_default()),
    ]);
    let mut table = Table::new(&["Checkpoint", "Step", "Size", "Saved"]);
    for checkpoint in &about.checkpoints {
        table.row([
            Cell::from(checkpoint.role.to_string()),
            Cell::count(checkpoint.step),
            Cell::Number(bytes(checkpoint.bytes)),
            Cell::from(day_of_ms(checkpoint.created_ms)),
        ]);
    }
    section.table(table);
    if about.checkpoints.is_empty() {
        section.text("The run has no checkpoint.");
    }
}

/// From the start of the run's job to its end, with pauses.
fn time(about: &About) -> Option<String> {
    let job = about.job.as_ref()?;
    let took = job.ended_ms?.checked_sub(job.created_ms)?;
    Some(format!(
        "{} from start to end, with waits and pauses",
        seconds(took as f64 / 1000.0)
    ))
}

/// The settings that differ from the defaults, and all of them.
fn settings(section: &mut Section, config: &RunConfig) -> Result<()> {
    let columns = ["Setting", "Value", "Default", "Meaning"];
    let (mut changed, mut all) = (Table::new(&columns), Table::new(&columns));
    for (name, value, usual) in values(config)? {
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        let meaning = setting.map(|setting| setting.description());
        let row = || {
            [
                Cell::from(name),
                Cell::from(value.clone()),
                Cell::from(usual.clone()),
                Cell::from(meaning.clone().unwrap_or_default()),
            ]
        };
        if value != usual {
            changed.row(row());
        }
        all.row(row());
    }
    match changed.rows.is_empty() {
        true => section.text("All settings have their defaults."),
        false => section.table(changed),
    }
    section
        .blocks
        .push(Block::Folded("All settings".to_owned(), all));
    Ok(())
}

/// The settings of this kind of run: key, value and default.
pub(super) fn values(config: &RunConfig) -> Result<Vec<(&'static str, String, String)>> {
    let failed = |e: serde_json::Error| {
        repartee_core::error::Error::internal(format!("the settings of a run: {e}"))
    };
    let chosen = serde_json::to_value(config).map_err(failed)?;
    let usual = serde_json::to_value(RunConfig::of(config.kind)).map_err(failed)?;
    let of_kind = SETTINGS
        .iter()
        .filter(|setting| setting.is_for(config.kind) && setting.name != "kind");
    Ok(of_kind
        .map(|setting| {
            let name = setting.name;
            (name, word(&chosen[name]), word(&usual[name]))
        })
        .collect())
}

/// A value as it is typed.
fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
