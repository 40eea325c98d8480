//! `repartee check`, `compact`, `size` and `doctor`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::check::repair;
use repartee_engine::doctor::{Verdict, doctor};
use repartee_engine::{Code, Engine, Signal};

use super::{App, listen, only_project};
use crate::out::{Table, bytes, count};
use crate::watch::Watch;

/// The status of a negative answer: a damaged project, a machine on which something will not work.
const NEGATIVE: u8 = 1;

impl App {
    pub(super) fn check(&self, mend: bool) -> Result<ExitCode> {
        let path = self.path()?;
        if mend {
            let done = repair(&path)?;
            self.out
                .json(&serde_json::json!({ "event": "repaired", "repaired": done }))?;
            for line in &done.repaired {
                self.out.line(format!("repaired: {line}"))?;
            }
            if let Some(backup) = &done.backup {
                let backup = backup.display();
                self.out.line(format!("the file as it was: {backup}"))?;
            }
        }
        let engine = match Engine::open(&path) {
            Err(error) if error.code == Code::ForeignProject => Engine::open_to_check(&path)?,
            opened => opened?,
        };
        listen(&engine)?;
        let watch = Watch::new(self.out);
        let found = engine.check(&|progress| watch.signal(Signal::Progress(progress)));
        drop(watch);
        let found = found?;
        self.done(&found, |found| {
            let faults = [
                ("schema", &found.schema),
                ("integrity", &found.integrity),
                ("reference", &found.references),
                ("blob", &found.blobs),
                ("search", &found.search),
            ];
            for (what, lines) in faults {
                for line in lines {
                    self.out.line(format!("{what}: {line}"))?;
                }
            }
            for bad in &found.rows {
                self.out.line(format!(
                    "{} row {}, {}: {}",
                    bad.table, bad.row, bad.column, bad.what
                ))?;
                self.out.line(format!("  {}", bad.advice))?;
            }
            let read = format!(
                "{} tensors and files, {}",
                count(found.blobs_checked),
                bytes(found.bytes_checked)
            );
            match found.whole {
                true => self.out.line(format!(
                    "the project is whole; compared with their hashes: {read}"
                )),
                false if found.only_schema() => self.out.line(
                    "another program changed the schema of this project, and it is not opened; \
                     `repartee check --repair` makes a copy and removes what is foreign",
                ),
                false if found.is_repairable() => self.out.line(
                    "parts of the project cannot be read; `repartee check --repair` makes a copy and repairs what can be repaired without loss",
                ),
                false => self.out.line(
                    "the project is damaged; take it from a copy, or export what can be read",
                ),
            }
        })?;
        Ok(if found.whole {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(NEGATIVE)
        })
    }

    pub(super) fn compact(&self) -> Result<ExitCode> {
        let done = self.engine()?.compact()?;
        self.done(&done, |done| {
            let (before, after) = (bytes(done.before), bytes(done.after));
            self.out.line(format!(
                "from {before} to {after}; {} of it were weights that nothing needs",
                bytes(done.collected)
            ))
        })
    }

    pub(super) fn size(&self) -> Result<ExitCode> {
        let size = self.engine()?.size()?;
        self.done(&size, |size| {
            let mut table = Table::new(["what", "space", "rows"]);
            for space in &size.families {
                table.row([space.family.clone(), bytes(space.bytes), count(space.rows)]);
            }
            table.row(["free".to_owned(), bytes(size.free), String::new()]);
            table.row(["the file".to_owned(), bytes(size.file), String::new()]);
            table.row([
                "its log beside it".to_owned(),
                bytes(size.log),
                String::new(),
            ]);
            table.print(self.out)
        })
    }

    pub(super) fn doctor(&self) -> Result<ExitCode> {
        // no project is no fault: the machine is looked at all the same
        let project = self
            .project
            .clone()
            .or_else(|| only_project(Path::new(".")).ok());
        let doctor = doctor(project.as_deref());
        self.done(&doctor, |doctor| {
            let mut table = Table::new(["", "what", "found"]);
            for finding in &doctor.findings {
                let mark = match finding.verdict {
                    Verdict::Good => "ok",
                    Verdict::Note => "note",
                    Verdict::Bad => "BAD",
                };
                table.row([mark, &finding.what, &finding.text]);
            }
            table.print(self.out)
        })?;
        Ok(if doctor.is_well() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(NEGATIVE)
        })
    }
}
