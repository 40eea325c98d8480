//! How runs and their results are printed.

use anyhow::Result;
use repartee_engine::bundle::WeightsHash;
use repartee_engine::posting::DeletedContent;
use repartee_engine::rerun::Reran;
use repartee_engine::sweep::{Spread, SweepInfo, TrialInfo};
use repartee_engine::terms::{JobStatus, TrialOutcome};
use repartee_engine::training::run_config::ModelKind;
use repartee_engine::training::{RunFacts, RunInfo, Trained};
use repartee_engine::{Outcome, shell};

use crate::columns;
use crate::items;
use crate::out::{
    Out, Table, bytes, count, counted, figure, seconds, set_name, short, short_id, state, time,
};

pub fn trained(out: Out, kind: ModelKind, trained: &Trained) -> Result<()> {
    let how = match trained.outcome {
        Outcome::EarlyStop => "stopped early (validation loss stopped improving)",
        Outcome::Stopped => "stopped; its checkpoint was kept",
        Outcome::Pruned => "pruned (validation loss worse than the median of earlier trials)",
        _ => "done",
    };
    let best = match trained.best_loss {
        Some(loss) => format!(
            ", lowest validation loss {loss:.4} at step {}",
            trained.best_step
        ),
        None => String::new(),
    };
    out.line(format!(
        "Run {}: {how}. {}, {}{best}",
        trained.run,
        counted(trained.steps as u64, "step", "steps"),
        counted(trained.tokens, "token", "tokens")
    ))?;
    let evaluate = shell::command(["evaluate", &trained.run]);
    out.line(match kind {
        ModelKind::Generator => format!(
            "Next: `{}`, `{evaluate}`",
            shell::command(["fakes", "make", "--generator", &trained.run]),
        ),
        _ => format!("Next: `{evaluate}`"),
    })
}

pub fn trained_again(out: Out, old: &str, new: &str) -> Result<()> {
    out.line(format!(
        "Run {new} replaces {old} and was trained on nothing that has been deleted. Compare both with \
         `repartee evaluate`; {old} is kept until you delete it"
    ))
}

/// The verdict of a rerun, and what it is based on.
pub fn reran(out: Out, reran: &Reran) -> Result<()> {
    out.line(&reran.verdict)?;
    out.line("")?;
    let mut table = Table::new(["condition", &reran.run, &reran.rerun]);
    for one in &reran.conditions {
        let known = |value: &String| match value.as_str() {
            "" => "not recorded".to_owned(),
            value => value.to_owned(),
        };
        table.row([one.name.clone(), known(&one.first), known(&one.second)]);
    }
    table.print(out)?;
    if reran.metrics.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut table = Table::new(["set", "metric", &reran.run, &reran.rerun, "difference"]);
    for one in &reran.metrics {
        let difference = one.first.zip(one.second).map(|(a, b)| b - a);
        table.row([
            set_name(one.partition).to_owned(),
            one.name.clone(),
            figure(one.first, 6),
            figure(one.second, 6),
            figure(difference, 6),
        ]);
    }
    table.print(out)
}

/// The estimate of a run, or its facts.
pub fn facts(out: Out, facts: &RunFacts) -> Result<()> {
    let mut table = Table::new(["", ""]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("base", facts.base.clone());
    row("split", facts.split.clone());
    if let Some(fakes) = &facts.fakes {
        row("fakes", fakes.clone());
    }
    row(
        "device",
        format!(
            "{}, {}",
            facts.device,
            counted(facts.threads as u64, "thread", "threads")
        ),
    );
    row("parameters", count(facts.parameters as u64));
    row(
        "examples",
        format!(
            "{} training, {} validation",
            count(facts.train_examples as u64),
            count(facts.val_examples as u64)
        ),
    );
    if !facts.classes.is_empty() {
        let classes: Vec<String> = facts.classes.iter().map(|n| count(*n as u64)).collect();
        row("examples per class", classes.join(", "));
    }
    if !facts.class_weights.is_empty() {
        let weights = facts.class_weights.iter().map(|w| format!("{w:.2}"));
        row("class weights", weights.collect::<Vec<_>>().join(", "));
    }
    row("steps", count(facts.steps as u64));
    row(
        "padding",
        format!("{:.1}% of tokens", facts.padding * 100.0),
    );
    row("estimated memory", bytes(facts.estimated_bytes as u64));
    row("estimated time", seconds(facts.estimated_seconds));
    table.print(out)
}

pub fn runs(out: Out, runs: &[RunInfo]) -> Result<()> {
    if runs.is_empty() {
        return out.line("No runs. Start one with `repartee train generator`");
    }
    let mut table = Table::new(columns::RUNS);
    for run in runs {
        let steps = run.facts.as_ref().map(|facts| count(facts.steps as u64));
        table.row([
            items::with_mark(&run.name, run.deleted_content),
            run.kind.as_str().to_owned(),
            run_state(run.state),
            count(run.step),
            steps.unwrap_or_else(|| "-".to_owned()),
            figure(run.loss, 4),
            best_loss(run, "at"),
            time(run.created_ms),
            run.job.as_deref().map(short_id).unwrap_or_default(),
            items::tags(&run.label),
            items::note(&run.label),
        ]);
    }
    table.print(out)
}

/// Lowest validation loss with its step: `0.1234 at 600`, where `at` is "at".
fn best_loss(run: &RunInfo, at: &str) -> String {
    let loss = figure(run.best_loss, 4);
    match run.best_step {
        Some(step) => format!("{loss} {at} {}", count(step)),
        None => loss,
    }
}

fn run_state(found: Option<JobStatus>) -> String {
    found
        .map_or("no job", |found| state(found.as_str()))
        .to_owned()
}

pub fn run(out: Out, run: &RunInfo) -> Result<()> {
    out.line(format!(
        "Run {}: {}, {}, step {}, loss {}, lowest validation loss {}",
        items::with_mark(&run.name, run.deleted_content),
        run.kind.as_str(),
        run_state(run.state),
        count(run.step),
        figure(run.loss, 4),
        best_loss(run, "at step")
    ))?;
    items::label(out, &run.label)?;
    if let Some(known) = &run.facts {
        facts(out, known)?;
    }
    let last = run.samples.iter().map(|(step, ..)| *step).max();
    let earlier = run.samples.iter().filter(|(step, ..)| Some(*step) != last);
    let earlier = earlier.count();
    for (step, comment, reply) in run.samples.iter().filter(|(step, ..)| Some(*step) == last) {
        out.line("")?;
        out.line(format!("Step {step}"))?;
        out.line(format!("> {}", short(comment, 200)))?;
        out.line(short(reply, 400))?;
    }
    if earlier > 0 {
        out.line("")?;
        out.line(format!(
            "{} of earlier steps: with --json, or in the window",
            counted(earlier as u64, "sample", "samples")
        ))?;
    }
    out.line("")?;
    let Some(config) = &run.config else {
        return out.line("Its settings cannot be read; `repartee check` names what is wrong");
    };
    let config = config.to_toml()?;
    // without the descriptions; `train KIND --write-config -` prints them
    let settings = config.lines().filter(|line| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#')
    });
    out.lines("  ", settings.collect::<Vec<_>>().join("\n"))
}

/// One line per sweep.
pub fn sweeps(out: Out, all: &[SweepInfo]) -> Result<()> {
    if all.is_empty() {
        return out.line("No sweeps. Start one with `repartee train sweep generator --grid learning_rate=1e-4,3e-4`");
    }
    let mut table = Table::new(columns::SWEEPS);
    for sweep in all {
        let ended = sweep.trials.iter().filter(|trial| trial.outcome.is_some());
        let best = sweep.configurations.iter().find(|one| one.best);
        table.row([
            sweep.name.clone(),
            sweep.kind.as_str().to_owned(),
            run_state(sweep.state),
            count(sweep.trials.len() as u64),
            count(ended.count() as u64),
            best.map_or_else(|| "-".to_owned(), |best| pairs_of(&best.settings)),
            best.map_or_else(|| "-".to_owned(), |best| spread(best.loss, 4)),
            time(sweep.created_ms),
            short_id(&sweep.job),
        ]);
    }
    table.print(out)
}

/// The trials of a sweep, then its configurations with the best marked.
pub fn sweep(out: Out, sweep: &SweepInfo) -> Result<()> {
    let ended = sweep.trials.iter().filter(|trial| trial.outcome.is_some());
    out.line(format!(
        "Sweep {} of {}: {}, {} of {} ended",
        sweep.name,
        sweep.kind.model(),
        run_state(sweep.state),
        count(ended.count() as u64),
        counted(sweep.trials.len() as u64, "trial", "trials")
    ))?;
    out.line("")?;
    let swept = sweep.trials.first().map(|trial| &trial.settings[..]);
    let names: Vec<&str> = swept
        .unwrap_or_default()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let metric = sweep.metric.as_deref().unwrap_or("metric");
    let before = &["trial", "run"][..];
    let after = &["seed", "val loss", "at step", metric, "state"][..];
    let head = [before, &names[..], after];
    let mut table = Table::new(head.concat());
    for trial in &sweep.trials {
        let mut row = vec![
            count(trial.n),
            trial.run.clone().unwrap_or_else(|| "-".to_owned()),
        ];
        row.extend(trial.settings.iter().map(|(_, value)| value.clone()));
        row.extend([
            trial.seed.to_string(),
            figure(trial.loss, 4),
            trial.step.map_or_else(|| "-".to_owned(), count),
            figure(trial.value, 3),
            trial_state(trial).to_owned(),
        ]);
        table.row(row);
    }
    table.print(out)?;
    out.line("")?;
    let after = &["complete", "val loss", metric, "best"][..];
    let head = [&names[..], after];
    let mut table = Table::new(head.concat());
    for one in &sweep.configurations {
        let mut row: Vec<String> = one
            .settings
            .iter()
            .map(|(_, value)| value.clone())
            .collect();
        row.extend([
            format!("{} of {}", one.complete, one.trials),
            spread(one.loss, 4),
            spread(one.value, 3),
            String::from(if one.best { "best" } else { "" }),
        ]);
        table.row(row);
    }
    table.print(out)?;
    if sweep.configurations.iter().any(|one| one.trials > 1) {
        out.line("Mean ± standard deviation over the complete trials, which differ in their seed")?;
    }
    Ok(())
}

/// How a trial ended, or the state of its training.
fn trial_state(trial: &TrialInfo) -> &'static str {
    match (trial.outcome, trial.state) {
        (Some(TrialOutcome::Finished), _) => "done",
        (Some(TrialOutcome::EarlyStop), _) => "stopped early",
        (Some(outcome), _) => outcome.as_str(),
        (None, Some(now)) => state(now.as_str()),
        (None, None) => "waiting",
    }
}

/// "2.1234 ± 0.0123"; without a spread, the mean alone.
fn spread(found: Option<Spread>, decimals: usize) -> String {
    let mean = figure(found.map(|found| found.mean), decimals);
    match found.and_then(|found| found.sd) {
        Some(sd) => format!("{mean} ± {sd:.decimals$}"),
        None => mean,
    }
}

/// "learning_rate 3e-4, epochs 2".
fn pairs_of(settings: &[(String, String)]) -> String {
    let all: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    all.join(", ")
}

pub fn hashes(out: Out, hashes: &[WeightsHash]) -> Result<()> {
    if hashes.is_empty() {
        return out.line("The run has no checkpoint yet");
    }
    hashes.iter().try_for_each(|one| {
        out.line(format!(
            "{}, step {}: {}",
            one.checkpoint,
            count(one.step),
            one.weights
        ))
    })
}

/// Everything trained on content that has been deleted since.
pub fn marked(out: Out, all: &[DeletedContent]) -> Result<()> {
    match all.is_empty() {
        true => out.line("No model was trained on content that has been deleted since"),
        false => deleted_content(out, all),
    }
}

pub fn deleted_content(out: Out, all: &[DeletedContent]) -> Result<()> {
    let mut table = Table::new(columns::MARKED);
    for one in all {
        let how = match (one.via.as_str(), one.pairs) {
            ("", 1) => "1 deleted pair".to_owned(),
            ("", n) => format!("{} deleted pairs", count(n)),
            (via, _) => format!("made with {via}"),
        };
        table.row([
            format!("{} {}", one.kind, one.name),
            how,
            time(one.last_ms),
            one.command.clone(),
        ]);
    }
    table.print(out)?;
    out.line(
        "Exported files, reports and copies of the project are not affected; delete those yourself",
    )
}
