//! `repartee train again`, `repartee train marked`, and what jobs left out.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::again::{DeletedContent, TrainAgain};
use repartee_engine::left_out::LeftOut;

use super::App;
use crate::out::{Table, count, time};

/// Items that are printed; `--json` has more of them.
const PRINTED: usize = 20;

/// What stands beside the name of something that was trained on a text that was deleted since.
pub(super) fn marked(name: &str, deleted_content: bool) -> String {
    match deleted_content {
        true => format!("{name} (trained on deleted content)"),
        false => name.to_owned(),
    }
}

impl App {
    pub(super) fn train_again(&self, run: &str, plan: bool) -> Result<ExitCode> {
        let engine = self.engine()?;
        if plan {
            return self.done(&engine.train_again_plan(run)?, |steps| {
                for step in steps {
                    self.out
                        .line(format!("{} {} as {}", step.kind, step.old, step.new))?;
                }
                Ok(())
            });
        }
        let job = TrainAgain {
            run: run.to_owned(),
        };
        self.start(&engine, &job, |again| {
            self.out.line(format!(
                "run {} takes the place of {run}; it has seen nothing that was deleted. Compare both with \
                 `repartee evaluate`; {run} stays until you delete it",
                again.trained.run
            ))
        })
    }

    pub(super) fn list_marked(&self) -> Result<ExitCode> {
        let engine = self.engine()?;
        self.done(&engine.deleted_content()?, |all| match all.is_empty() {
            true => self
                .out
                .line("nothing was trained on content that was deleted since"),
            false => self.deleted_content(all),
        })
    }

    pub(super) fn deleted_content(&self, all: &[DeletedContent]) -> Result<()> {
        let mut table = Table::new([
            "trained on deleted content",
            "",
            "since (UTC)",
            "again without",
        ]);
        for one in all {
            let how = match (one.via.as_str(), one.pairs) {
                ("", 1) => "has seen 1 pair".to_owned(),
                ("", n) => format!("has seen {} pairs", count(n)),
                (via, _) => format!("made with {via} that has"),
            };
            table.row([
                format!("{} {}", one.kind, one.name),
                how,
                time(one.last_ms),
                one.command.clone(),
            ]);
        }
        table.print(self.out)?;
        self.out.line(
            "files that were exported, and copies of the project, are not reached: delete those yourself",
        )
    }

    /// What a job left out, by ids.
    pub(super) fn left_out(&self, left_out: &LeftOut) -> Result<()> {
        if left_out.count == 0 {
            return Ok(());
        }
        self.out
            .line(format!("left out: {}", count(left_out.count)))?;
        for item in left_out.items.iter().take(PRINTED) {
            self.out.line(format!("  {}: {}", item.id, item.why))?;
        }
        if left_out.count > PRINTED as u64 {
            self.out.line("  ... (--json names more)")?;
        }
        Ok(())
    }
}
