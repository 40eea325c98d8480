//! How the permissions of a study are printed.

use anyhow::Result;
use repartee_engine::StudyRecord;
use repartee_engine::registered::Registered;
use repartee_engine::study::{NEEDED_FOR, Study};

use crate::out::{Out, Table, time};

pub fn study(out: Out, study: &Study) -> Result<()> {
    match study.needed {
        false => {
            out.line("This project has no Reddit content from archives, so it needs no permission")?
        }
        true => out.line(format!("Reddit content from: {}", study.sources.join(", ")))?,
    }
    permissions(out, study)?;
    NEEDED_FOR.iter().try_for_each(|line| out.line(*line))?;
    out.line(match study.strict {
        true => "Strict is on: what lacks a record that it needs is refused",
        false => "Strict is off: nothing is refused; charts and exports are marked",
    })?;
    match study.history.is_empty() {
        true => Ok(()),
        false => history(out, study),
    }
}

/// What was registered before training, and what has changed since.
pub fn registered(out: Out, all: &[Registered]) -> Result<()> {
    for one in all {
        out.line("")?;
        out.line(format!(
            "Registered before training by {} on {} (UTC): split {}",
            one.who,
            time(one.at_ms),
            one.split
        ))?;
        for fault in &one.faults {
            out.line(format!("This may not be what was registered: {fault}"))?;
        }
        let mut table = Table::new(["registered", "as registered", "since then"]);
        for item in &one.items {
            table.row([item.name.clone(), item.value.clone(), item.since()]);
        }
        table.print(out)?;
    }
    Ok(())
}

fn permissions(out: Out, study: &Study) -> Result<()> {
    let mut table = Table::new([
        "permission",
        "valid",
        "",
        "until",
        "scope",
        "policy",
        "link",
    ]);
    for state in &study.states {
        let record = state.record.as_ref();
        let field = |f: fn(&StudyRecord) -> &String| record.map(f).cloned().unwrap_or_default();
        table.row([
            state.kind.to_string(),
            if state.holds { "yes" } else { "no" }.to_owned(),
            state.words.clone(),
            field(|r| &r.until),
            field(|r| &r.scope),
            field(|r| &r.policy),
            field(|r| &r.link),
        ]);
    }
    table.print(out)
}

fn history(out: Out, study: &Study) -> Result<()> {
    out.line("")?;
    let mut table = Table::new([
        "recorded (UTC)",
        "by",
        "permission",
        "decision",
        "date",
        "note",
    ]);
    for line in &study.history {
        let record = &line.record;
        table.row([
            time(line.at_ms),
            line.who.clone(),
            record.kind.to_string(),
            record.decision.to_string(),
            record.date.clone(),
            record.note.clone(),
        ]);
    }
    table.print(out)
}

/// The question before a record from another machine is confirmed here.
pub fn confirm_question(record: &StudyRecord, words: &str) -> String {
    let parts = [
        &record.date,
        &record.scope,
        &record.until,
        &record.policy,
        &record.link,
        &record.note,
    ];
    let parts: Vec<&str> = parts
        .into_iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    format!(
        "{words}: {}, {}. Confirm it on this machine?",
        record.decision,
        parts.join(", ")
    )
}
