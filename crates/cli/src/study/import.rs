//! What an import of Reddit content must know about permissions: from its flags, or from a question.

use std::ffi::OsString;

use anyhow::Result;
use repartee_engine::data::import::{Import, preview};
use repartee_engine::data::import_question::ImportQuestion;
use repartee_engine::study::{Study, once_each};
use repartee_engine::{
    Decision, Engine, Error, Format, Origin, Permission, StudyKind, StudyRecord, shell,
};

use crate::app::App;
use crate::{confirm, terminal};

/// Adds the answers of `--permission` and `--origin` to an import. Where one is missing, asks; without a terminal,
/// fails with the commands to run.
pub fn permitted(
    app: &App,
    engine: &Engine,
    mut job: Import,
    values: &[String],
    origin: Option<&str>,
) -> Result<Import> {
    job.origin = origin
        .map(|word| word.parse::<Origin>().map_err(Error::usage))
        .transpose()?;
    let study = engine.study()?;
    answer_by_flags(&mut job, values, &study)?;
    let question = engine.import_question(&job)?;
    if question.is_settled() {
        return Ok(job);
    }
    if !confirm::can_ask(app) {
        return Err(commands_for(&question, study.answered, map_of(&job)).into());
    }
    ask(engine, &question, job)
}

/// Reads the values of `--permission`.
fn answer_by_flags(job: &mut Import, values: &[String], study: &Study) -> Result<()> {
    let (mut words, mut not_reddit) = (Vec::new(), 0);
    for value in values {
        match value.as_str() {
            "none" => {
                keeps_what_is_permitted(study)?;
                job.study.extend(none_of_the_unknown(study));
                // that was the answer, even if all of it is on record already
                job.origin = job.origin.or(Some(Origin::Unknown));
            }
            "not-reddit" => {
                not_reddit += 1;
                job.not_reddit = true;
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
    // Contradictions are refused before this command adds answers of its own.
    once_each(&job.study)?;
    for word in words {
        answer_by_word(job, word, study.answered)?;
    }
    if !job.study.is_empty() {
        // Records about Reddit content make an explicit origin unnecessary.
        job.origin = job.origin.or(Some(Origin::Unknown));
    }
    Ok(())
}

/// Refuses `--permission none` where a permission is on record: it would replace it.
fn keeps_what_is_permitted(study: &Study) -> Result<()> {
    let open = [Decision::Granted, Decision::Pending, Decision::NotRequired];
    let records = study
        .states
        .iter()
        .filter_map(|state| state.record.as_ref());
    let kept: Vec<&StudyRecord> = records.filter(|r| open.contains(&r.decision)).collect();
    let Some(first) = kept.first() else {
        return Ok(());
    };
    let known: Vec<String> = kept
        .iter()
        .map(|record| format!("{} {}", record.kind, record.decision))
        .collect();
    Err(Error::usage(format!(
        "--permission none would replace what is on record: {}; leave it out to import under these records (with --origin reddit if the files don't show that they are Reddit content), or end one with `repartee study end {}`",
        known.join(", "),
        first.kind
    ))
    .into())
}

/// A record that there is no permission, for each kind that has no record yet.
fn none_of_the_unknown(study: &Study) -> impl Iterator<Item = StudyRecord> {
    let known: Vec<StudyKind> = study
        .states
        .iter()
        .filter(|state| state.record.is_some())
        .map(|state| state.kind)
        .collect();
    let all = StudyRecord::none_of_all().into_iter();
    all.filter(move |record| !known.contains(&record.kind))
}

/// `--permission WORD` of earlier versions: what a file's text is used under, which is no approval by Reddit.
fn answer_by_word(job: &mut Import, word: &str, answered: bool) -> Result<()> {
    job.permission = word.parse().map_err(|_| Error::usage(wrong_value(word)))?;
    if job.permission != Permission::Synthetic && !answered {
        let note = format!("imported with --permission {word}");
        let given: Vec<StudyKind> = job.study.iter().map(|record| record.kind).collect();
        let missing = StudyRecord::none_of_all().into_iter();
        job.study.extend(
            missing
                .filter(|record| !given.contains(&record.kind))
                .map(|record| StudyRecord {
                    note: note.clone(),
                    ..record
                }),
        );
    }
    job.origin = job.origin.or(Some(Origin::Unknown));
    Ok(())
}

fn wrong_value(word: &str) -> String {
    format!(
        "--permission {word:?} is not none, not-reddit, synthetic or KIND=DECISION,...; for example training=granted,date=2026-05-01,scope=...,until=2027-05-01,link=https://..."
    )
}

/// Why the import can't start, and the commands that start it.
fn commands_for(question: &ImportQuestion, answered: bool, map: Option<String>) -> Error {
    let again = |more: &[&str]| {
        let map = map.iter().flat_map(|map| ["--map", map]);
        let more: Vec<&str> = more.iter().copied().chain(map).collect();
        format!("  {}", this_command(&more))
    };
    let mut error = question.error();
    if !question.unknown.is_empty() {
        error = error
            .with("If it is not Reddit content (use forum, support or convokit instead of other where it fits):")
            .with(again(&["--origin", "other"]));
        if question.reddit.is_empty() && answered {
            error = error
                .with("If it is Reddit content, under the permissions on record (`repartee study` shows them):")
                .with(again(&["--origin", "reddit"]));
        } else if question.reddit.is_empty() {
            error = error
                .with("If it is Reddit content, and you have no approval by Reddit:")
                .with(again(&["--origin", "reddit", "--permission", "none"]));
        }
    }
    if !question.reddit.is_empty() {
        error = error
            .with(question.policy.clone())
            .with(format!("Policy: {}", question.policy_link))
            .with("If you have no approval, this records that and imports:")
            .with(again(&["--permission", "none"]))
            .with("If you have one, record it, and repeat the option for each of the four kinds (training, api-access, research-program, ethics-board):")
            .with(again(&[
                "--permission",
                "training=granted,date=YYYY-MM-DD,scope=WHAT,until=YYYY-MM-DD,link=https://...",
            ]));
        if question.unknown.is_empty() {
            error = error
                .with("If the text is not from Reddit:")
                .with(again(&["--permission", "not-reddit"]));
        }
    }
    error
}

/// The column mapping that an import of a table still needs, as far as the names of its columns tell; COLUMN stands
/// for the others.
fn map_of(job: &Import) -> Option<String> {
    if job.mapping.is_some() {
        return None;
    }
    let files = job.files.iter().filter(|file| file.is_file());
    let mut previews = files.filter_map(|file| preview(file, 0).ok());
    let table = previews.find(|preview| preview.format == Format::Mapped)?;
    let found = table.mapping.unwrap_or_default();
    let column = |name: &str| match name {
        "" => "COLUMN".to_owned(),
        name if name.contains([',', '"', '=']) => format!("\"{}\"", name.replace('"', "\"\"")),
        name => name.to_owned(),
    };
    let mut map = format!(
        "comment={},reply={}",
        column(&found.comment),
        column(&found.reply)
    );
    if let Some(score) = &found.score {
        map.push_str(&format!(",score={}", column(score)));
    }
    Some(map)
}

/// The command line of this process with more arguments, quoted for a shell.
fn this_command(more: &[&str]) -> String {
    let mut args: Vec<OsString> = std::env::args_os().skip(1).collect();
    // Everything after "--" is a file name.
    let at = args
        .iter()
        .position(|arg| arg == "--")
        .unwrap_or(args.len());
    args.splice(at..at, more.iter().map(OsString::from));
    shell::command(args)
}

/// Asks at the terminal: first where the text comes from, then about each kind of permission.
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
            record.scope = answer("  what is allowed")?;
            record.until = answer("  last day (empty: no expiration)")?;
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
