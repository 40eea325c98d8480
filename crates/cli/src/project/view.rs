//! How the state of a project file, of this machine and of a demo is printed.

use anyhow::Result;
use repartee_engine::check::{Checked, Compacted, Repaired, Size};
use repartee_engine::demo::DemoReport;
use repartee_engine::doctor::{Doctor, Verdict};
use repartee_engine::shell;

use crate::evaluation;
use crate::out::{Out, Table, bytes, count, figure, seconds, short};

pub fn repaired(out: Out, done: &Repaired) -> Result<()> {
    for line in &done.repaired {
        out.line(format!("Repaired: {line}"))?;
    }
    match &done.backup {
        Some(backup) => out.line(format!("Backup: {}", backup.display())),
        None => Ok(()),
    }
}

pub fn check(out: Out, found: &Checked) -> Result<()> {
    let faults = [
        ("schema", &found.schema),
        ("integrity", &found.integrity),
        ("reference", &found.references),
        ("blob", &found.blobs),
        ("search", &found.search),
    ];
    for (what, lines) in faults {
        for line in lines {
            out.line(format!("{what}: {line}"))?;
        }
    }
    for bad in &found.rows {
        out.line(format!(
            "{} row {}, {}: {}",
            bad.table, bad.row, bad.column, bad.what
        ))?;
        out.line(format!("  {}", bad.advice))?;
    }
    match found.whole {
        true => out.line(format!(
            "The project is intact. Verified the hashes of {} tensors and files, {}",
            count(found.blobs_checked),
            bytes(found.bytes_checked)
        )),
        false if found.only_schema() => out.line(
            "Another program changed the schema of this project, so it can't be opened. `repartee check --repair` makes a backup and \
             undoes the change",
        ),
        false if found.is_repairable() => out.line(
            "Parts of the project can't be read. `repartee check --repair` makes a backup and repairs what it can without data loss",
        ),
        false => out.line("The project is damaged. Restore it from a backup, or export what can still be read"),
    }
}

pub fn compact(out: Out, done: &Compacted) -> Result<()> {
    out.line(format!(
        "Shrunk from {} to {}; {} were unused weights",
        bytes(done.before),
        bytes(done.after),
        bytes(done.collected)
    ))
}

pub fn size(out: Out, size: &Size) -> Result<()> {
    let mut table = Table::new(["what", "space", "rows"]);
    for family in &size.families {
        table.row([
            family.family.clone(),
            bytes(family.bytes),
            count(family.rows),
        ]);
    }
    for (what, n) in [
        ("free", size.free),
        ("file", size.file),
        ("write-ahead log", size.log),
    ] {
        table.row([what.to_owned(), bytes(n), String::new()]);
    }
    table.print(out)
}

pub fn doctor(out: Out, doctor: &Doctor) -> Result<()> {
    let mut table = Table::new(["", "check", "result"]);
    for finding in &doctor.findings {
        let mark = match finding.verdict {
            Verdict::Good => "ok",
            Verdict::Note => "note",
            Verdict::Bad => "BAD",
        };
        table.row([mark, &finding.what, &finding.text]);
    }
    table.print(out)
}

pub fn demo(out: Out, report: &DemoReport) -> Result<()> {
    out.line("")?;
    out.line("All of this is synthetic: Repartee generated the threads")?;
    out.line("")?;
    evaluation::evaluations(out, &report.evaluations)?;
    out.line("")?;
    picked(out, report)?;
    out.line("")?;
    let mut table = Table::new(["step", "time"]);
    for (what, took) in &report.seconds {
        table.row([what.clone(), seconds(*took)]);
    }
    let total = report.seconds.iter().map(|(_, s)| s).sum();
    table.row(["total".to_owned(), seconds(total)]);
    table.print(out)?;
    out.line("")?;
    out.line("Charts:")?;
    for file in &report.charts {
        out.line(format!("  {}", file.display()))?;
    }
    let project = shell::quoted(&report.project);
    out.line("")?;
    out.line(format!(
        "Next: `repartee queue list --project {project}`, `repartee fakes show --project {project}`"
    ))?;
    out.line(format!(
        "To post to a Reddit sandbox without an API key, run `repartee reddit sandbox --project {project}`, and in another terminal \
         `repartee reddit permit`, `repartee queue approve`, `repartee reddit post`"
    ))
}

/// The reply picked for each comment.
fn picked(out: Out, report: &DemoReport) -> Result<()> {
    let mut table = Table::new([
        "comment",
        "reply picked for the queue",
        "p(real)",
        "expected bin",
    ]);
    for answered in &report.generated.comments {
        let picked = answered.candidates.iter().find(|c| c.picked);
        table.row([
            short(&answered.comment, 60),
            picked.map_or_else(
                || "none met the criteria".to_owned(),
                |c| short(&c.text, 80),
            ),
            picked.map_or_else(String::new, |c| figure(c.p_real, 3)),
            picked.map_or_else(String::new, |c| figure(c.expected_bin, 2)),
        ]);
    }
    table.print(out)
}
