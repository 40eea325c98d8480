//! `repartee study`.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::registered::{Freeze, Registered};
use repartee_engine::study::Study;
use repartee_engine::{Decision, Engine, Error, StudyKind, StudyRecord};
use serde::Serialize;

use super::args::{OnOff, RecordArgs, StudyCommand};
use super::view;
use crate::app::{App, person};
use crate::{confirm, terminal};

const STRICT_OFF: &str = "With strict off, models can be trained on Reddit content and replies can be posted even if a permission is missing. Switch it off?";

/// Everything that is on record.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    study: Study,
    registered: Vec<Registered>,
}

pub fn study(app: &App, command: Option<StudyCommand>) -> Result<ExitCode> {
    let engine = app.engine()?;
    let study = match command.unwrap_or(StudyCommand::Show) {
        StudyCommand::Show => {
            let shown = Shown {
                study: engine.study()?,
                registered: engine.study_registered()?,
            };
            return app.done(&shown, |shown| {
                view::study(app.out, &shown.study)?;
                view::registered(app.out, &shown.registered)
            });
        }
        StudyCommand::Freeze(args) => {
            let freeze = Freeze {
                split: args.split,
                metric: args.metric,
                threshold: args.threshold,
                hypotheses: args.hypotheses,
                who: person(args.who),
            };
            let registered = engine.study_freeze(&freeze)?;
            return app.done(&registered, |one| {
                view::registered(app.out, std::slice::from_ref(one))
            });
        }
        StudyCommand::Hypothesis { text, split, who } => {
            let registered = engine.study_hypothesis(split.as_deref(), &text, &person(who))?;
            return app.done(&registered, |one| {
                view::registered(app.out, std::slice::from_ref(one))
            });
        }
        StudyCommand::Record(args) => {
            let who = person(args.who.clone());
            engine.study_record(&[record_of(*args)?], &who)?
        }
        StudyCommand::Confirm { kind, yes, who } => confirm_record(app, &engine, &kind, yes, who)?,
        StudyCommand::End { kind, note, who } => {
            let kind: StudyKind = kind.parse().map_err(Error::usage)?;
            engine.study_end(kind, &note, &person(who))?
        }
        StudyCommand::Strict { state, yes, who } => strict(app, &engine, state, yes, who)?,
    };
    app.done(&study, |study| view::study(app.out, study))
}

fn record_of(args: RecordArgs) -> Result<StudyRecord> {
    let d = &args.decision;
    let decision = [
        (d.granted, Decision::Granted),
        (d.refused, Decision::Refused),
        (d.pending, Decision::Pending),
        (d.not_required, Decision::NotRequired),
        (d.none, Decision::None),
    ]
    .into_iter()
    .find_map(|(set, decision)| set.then_some(decision))
    .unwrap_or(Decision::None);
    let record = StudyRecord {
        kind: args.kind.parse().map_err(Error::usage)?,
        decision,
        date: args.date,
        scope: args.scope,
        until: args.until,
        policy: args.policy,
        link: args.link,
        note: args.note,
    };
    Ok(record.checked().map_err(Error::usage)?)
}

/// Shows a record from another machine, asks, and records it here.
fn confirm_record(
    app: &App,
    engine: &Engine,
    kind: &str,
    yes: bool,
    who: Option<String>,
) -> Result<Study> {
    let kind: StudyKind = kind.parse().map_err(Error::usage)?;
    let found = engine.study()?.states.into_iter();
    let state = found
        .filter(|state| state.unconfirmed)
        .find(|state| state.kind == kind);
    let Some((record, words)) = state.and_then(|s| Some((s.record?, s.words))) else {
        return Err(Error::usage(format!("no unconfirmed record of {kind}")).into());
    };
    let question = view::confirm_question(&record, &words);
    if !yes && !agrees(app, &question)? {
        return Err(Error::usage(format!(
            "{words}; to confirm it, review it with `repartee study` and run `repartee study confirm {kind} --yes`"
        ))
        .into());
    }
    Ok(engine.study_record(&[record], &person(who))?)
}

fn strict(
    app: &App,
    engine: &Engine,
    state: OnOff,
    yes: bool,
    who: Option<String>,
) -> Result<Study> {
    let off = state == OnOff::Off;
    if off && engine.study()?.strict && !yes && !agrees(app, STRICT_OFF)? {
        return Err(Error::usage(
            "strict stays on; to switch it off, run `repartee study strict off --yes` (the audit log records it)",
        )
        .into());
    }
    Ok(engine.study_strict(!off, &person(who))?)
}

/// Whether the user at this terminal agrees; without a terminal nobody does.
fn agrees(app: &App, question: &str) -> Result<bool> {
    Ok(confirm::can_ask(app) && terminal::yes(question)?)
}
