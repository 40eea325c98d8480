//! `repartee study`, and the question that an import of Reddit content asks once.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::import::Import;
use repartee_engine::study::{ImportQuestion, Study, once_each};
use repartee_engine::{Decision, Engine, Error, Origin, Permission, StudyKind, StudyRecord, shell};

use super::{App, person};
use crate::out::{Table, time};
use crate::study_args::{OnOff, RecordArgs, StudyCommand};
use crate::terminal;

impl App {
    pub(super) fn study(&self, command: Option<StudyCommand>) -> Result<ExitCode> {
        let engine = self.engine()?;
        let study = match command.unwrap_or(StudyCommand::Show) {
            StudyCommand::Show => engine.study()?,
            StudyCommand::Record(args) => {
                let who = person(args.who.clone());
                engine.study_record(&[record_of(*args)?], &who)?
            }
            StudyCommand::Confirm { kind, yes, who } => {
                let kind: StudyKind = kind.parse().map_err(Error::usage)?;
                let found = engine.study()?.states.into_iter();
                let state = found
                    .filter(|state| state.unconfirmed)
                    .find(|state| state.kind == kind);
                let Some((record, words)) = state.and_then(|s| Some((s.record?, s.words))) else {
                    return Err(
                        Error::usage(format!("no record of {kind} waits to be confirmed")).into(),
                    );
                };
                let shown = [
                    &record.date,
                    &record.scope,
                    &record.until,
                    &record.policy,
                    &record.link,
                    &record.note,
                ];
                let shown: Vec<&str> = shown
                    .into_iter()
                    .map(String::as_str)
                    .filter(|part| !part.is_empty())
                    .collect();
                let question = format!(
                    "{words}: {}, {}. Confirm it here?",
                    record.decision,
                    shown.join(", ")
                );
                if !yes && !self.agrees(&question)? {
                    return Err(Error::usage(format!(
                        "{words}; to confirm it, read it with `repartee study` and run `repartee study confirm {kind} --yes`"
                    ))
                    .into());
                }
                engine.study_record(&[record], &person(who))?
            }
            StudyCommand::End { kind, note, who } => {
                let kind: StudyKind = kind.parse().map_err(Error::usage)?;
                engine.study_end(kind, &note, &person(who))?
            }
            StudyCommand::Strict { state, yes, who } => {
                let off = state == OnOff::Off;
                if off && engine.study()?.strict && !yes && !self.agrees(STRICT_OFF)? {
                    return Err(Error::usage(
                        "strict stays on; to switch it off, `repartee study strict off --yes` (it is kept in the audit log)",
                    )
                    .into());
                }
                engine.study_strict(!off, &person(who))?
            }
        };
        self.done(&study, |study| self.show_study(study))
    }

    fn show_study(&self, study: &Study) -> Result<()> {
        if !study.needed {
            self.out
                .line("this project has no Reddit content from archives; it needs no permission")?;
        } else {
            self.out
                .line(format!("Reddit content from: {}", study.sources.join(", ")))?;
        }
        let mut table = Table::new([
            "permission",
            "holds",
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
        table.print(self.out)?;
        self.out.line(if study.strict {
            "strict: on; training and posting are refused while a permission that they need is missing"
        } else {
            "strict: off; nothing is refused, and charts and exports are marked"
        })?;
        if !study.history.is_empty() {
            self.out.line("")?;
            let mut table = Table::new([
                "recorded (UTC)",
                "by",
                "permission",
                "decision",
                "date",
                "note",
            ]);
            for line in &study.history {
                let r = &line.record;
                table.row([
                    time(line.at_ms),
                    line.who.clone(),
                    r.kind.to_string(),
                    r.decision.to_string(),
                    r.date.clone(),
                    r.note.clone(),
                ]);
            }
            table.print(self.out)?;
        }
        Ok(())
    }

    /// Takes the answers of `--permission` into an import, and asks, or says what to run, where one is missing.
    pub(super) fn permitted(
        &self,
        engine: &Engine,
        mut job: Import,
        values: &[String],
        origin: Option<&str>,
    ) -> Result<Import> {
        job.origin = origin
            .map(|word| word.parse::<Origin>().map_err(Error::usage))
            .transpose()?;
        let answered = engine.study()?.answered;
        let (mut words, mut not_reddit) = (Vec::new(), 0);
        for value in values {
            match value.as_str() {
                "none" => job.study.extend(StudyRecord::none_of_all()),
                "not-reddit" => {
                    not_reddit += 1;
                    job.origin = Some(job.origin.unwrap_or(Origin::Other));
                }
                record if record.contains('=') => {
                    job.study.push(record.parse().map_err(Error::usage)?);
                }
                word => words.push(word),
            }
        }
        if not_reddit > 1 || words.len() > 1 {
            return Err(Error::usage(format!(
                "--permission answers one question more than once ({}); give each answer once",
                values.join(", ")
            ))
            .into());
        }
        // two answers to one question are refused before this command adds answers of its own
        once_each(&job.study)?;
        // what the text of a file is used under, as earlier versions took it; it is no approval of Reddit's
        for word in words {
            job.permission = word.parse().map_err(|_| Error::usage(wrong_value(word)))?;
            if job.permission != Permission::Synthetic && !answered {
                let note = format!("imported with --permission {word}");
                let given: Vec<StudyKind> = job.study.iter().map(|record| record.kind).collect();
                let missing = StudyRecord::none_of_all().into_iter();
                job.study
                    .extend(
                        missing
                            .filter(|record| !given.contains(&record.kind))
                            .map(|record| StudyRecord {
                                note: note.clone(),
                                ..record
                            }),
                    );
            }
            job.origin = job.origin.or(Some(Origin::Unknown));
        }
        if !job.study.is_empty() {
            // who answers for Reddit content doesn't have to say that a table is Reddit content
            job.origin = job.origin.or(Some(Origin::Unknown));
        }
        let question = engine.import_question(&job)?;
        if question.is_settled() {
            return Ok(job);
        }
        if self.out.json || !(std::io::stdin().is_terminal() && terminal::err_is_terminal()) {
            return Err(commands_for(&question).into());
        }
        ask(engine, &question, job)
    }

    /// Whether a person at this terminal agrees; without a terminal nobody does.
    fn agrees(&self, what: &str) -> Result<bool> {
        if self.out.json || !(std::io::stdin().is_terminal() && terminal::err_is_terminal()) {
            return Ok(false);
        }
        Ok(terminal::yes(what)?)
    }
}

const STRICT_OFF: &str = "Without strict, models can be trained on Reddit content and replies can be posted although a permission is missing. Switch it off?";

/// A record from its flags.
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

fn wrong_value(word: &str) -> String {
    format!(
        "--permission {word:?} is not none, not-reddit, synthetic or KIND=DECISION,...; for example training=granted,date=2026-05-01,scope=...,until=2027-05-01,link=https://..."
    )
}

/// Why the import doesn't begin, and the commands that make it begin.
fn commands_for(question: &ImportQuestion) -> Error {
    let again = |more: &[&str]| format!("  {}", this_command(more));
    let mut error = question.error();
    if !question.unknown.is_empty() {
        error = error
            .with("If it is not Reddit content (or forum, support, convokit in place of other):")
            .with(again(&["--origin", "other"]));
        if question.reddit.is_empty() {
            error = error
                .with("If it is Reddit content, and you have no approval of Reddit:")
                .with(again(&["--origin", "reddit", "--permission", "none"]));
        }
    }
    if !question.reddit.is_empty() {
        error = error
            .with(question.policy.clone())
            .with(format!("Policy: {}", question.policy_link))
            .with("If you have no approval, this records that and imports:")
            .with(again(&["--permission", "none"]))
            .with("If you have one, record it, with the option again for each of the four kinds (training, api-access, research-program, ethics-board):")
            .with(again(&[
                "--permission",
                "training=granted,date=YYYY-MM-DD,scope=WHAT,until=YYYY-MM-DD,link=https://...",
            ]));
        if question.unknown.is_empty() {
            error = error
                .with("If the text is not Reddit's:")
                .with(again(&["--permission", "not-reddit"]));
        }
    }
    error
}

/// The command line of this process with more arguments, as it can be typed in a shell.
fn this_command(more: &[&str]) -> String {
    let mut args: Vec<OsString> = std::env::args_os().skip(1).collect();
    // what comes after "--" is a file, whatever it looks like
    let at = args
        .iter()
        .position(|arg| arg == "--")
        .unwrap_or(args.len());
    args.splice(at..at, more.iter().map(OsString::from));
    shell::command(args)
}

/// Asks at the terminal what the import has to know: first whether it is Reddit content, then each kind.
fn ask(engine: &Engine, question: &ImportQuestion, mut job: Import) -> Result<Import> {
    if !question.unknown.is_empty() {
        let files = question.unknown.join(", ");
        let said = answer(&format!(
            "Where does the text of {files} come from? reddit, forum, support, convokit or other"
        ))?;
        job.origin = Some(said.parse().map_err(Error::usage)?);
    }
    if engine.import_question(&job)?.is_settled() {
        return Ok(job);
    }
    terminal::err_line(&format!("{}\n{}\n", question.policy, question.policy_link));
    for kind in StudyKind::ALL {
        let said = answer(&format!(
            "{kind}: granted, refused, pending, not-required or none? [none]"
        ))?;
        let decision = match said.as_str() {
            "" => Decision::None,
            said => said.parse().map_err(Error::usage)?,
        };
        let mut record = StudyRecord::new(*kind, decision);
        if decision == Decision::Granted {
            record.date = answer("  date (2026-05-01)")?;
            record.scope = answer("  what was allowed")?;
            record.until = answer("  last day (empty: no end)")?;
            record.policy = answer(&format!(
                "  policy version (empty: {})",
                question.policy_version
            ))?;
            record.link = answer("  link")?;
        }
        job.study.push(record.checked().map_err(Error::usage)?);
    }
    Ok(job)
}

/// A line typed at the terminal.
fn answer(what: &str) -> Result<String> {
    terminal::ask(&format!("{what}: "));
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line)? == 0 {
        return Err(Error::usage("no answer; nothing was imported or changed").into());
    }
    Ok(line.trim().to_owned())
}
