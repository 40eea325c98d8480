//! How the pipeline is printed.

use anyhow::Result;
use repartee_engine::pipeline::{PipelinePlan, PipelineQueued, PipelineStep, PipelineStepState};

use crate::columns;
use crate::out::{Out, Table, bytes, counted, seconds};

/// The steps, what they take, and what may go wrong.
pub fn plan(out: Out, plan: &PipelinePlan) -> Result<()> {
    let mut table = Table::new(columns::PIPELINE);
    for step in &plan.steps {
        table.row([
            step.step.clone(),
            step.state.as_str().to_owned(),
            time(step),
            step.memory.map(bytes).unwrap_or_default(),
            step.what.clone(),
        ]);
    }
    table.print(out)?;
    out.line("")?;
    out.line(match plan.steps.iter().any(PipelineStep::is_open) {
        true => format!(
            "About {} for what is not done, and at most {} of memory. These are estimates",
            seconds(plan.seconds),
            bytes(plan.memory)
        ),
        false => "Every step is done or left out".to_owned(),
    })?;
    for warning in &plan.warnings {
        out.line(format!("Note: {warning}"))?;
    }
    match &plan.refused {
        Some(error) => {
            out.line(format!("Can't be queued: {}", error.message))?;
            error.detail.iter().try_for_each(|line| out.line(line))
        }
        None => Ok(()),
    }
}

fn time(step: &PipelineStep) -> String {
    match step.is_open() {
        true => seconds(step.seconds),
        false => "-".to_owned(),
    }
}

/// The jobs that queuing would add or change.
pub fn question(plan: &PipelinePlan) -> String {
    match plan.planned {
        0 => "Change the queued jobs as shown?".to_owned(),
        n => format!("Queue {}?", counted(n as u64, "job", "jobs")),
    }
}

/// What was queued; with the plan, if it was not shown before.
pub fn queued(out: Out, queued: &PipelineQueued, with_plan: bool) -> Result<()> {
    if with_plan {
        plan(out, &queued.plan)?;
        out.line("")?;
    }
    let waits = |step: &&PipelineStep| step.state == PipelineStepState::Queued;
    let waiting = queued.plan.steps.iter().filter(waits).count();
    out.line(match (queued.added, queued.changed) {
        (0, 0) if waiting == 0 => "Every step is done; nothing was queued".to_owned(),
        (0, 0) => "Every step is done or queued already; nothing was queued".to_owned(),
        (added, 0) => format!("Queued {}", counted(added as u64, "job", "jobs")),
        (0, changed) => format!(
            "Changed {}",
            counted(changed as u64, "queued job", "queued jobs")
        ),
        (added, changed) => format!(
            "Queued {}, changed {}",
            counted(added as u64, "job", "jobs"),
            counted(changed as u64, "queued job", "queued jobs")
        ),
    })?;
    match waiting {
        0 => Ok(()),
        _ => out.line(
            "`repartee job run` or an open window runs them, `repartee job queue` lists them; the same `repartee run` \
             with --set changes those that wait",
        ),
    }
}
