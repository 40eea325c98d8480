//! `repartee export`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::shell;

use super::args::ExportCommand;
use crate::app::App;
use crate::data;
use crate::evaluation::which;
use crate::out::count;

pub fn export(app: &App, command: ExportCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        ExportCommand::Pairs {
            file,
            split,
            partition,
        } => {
            let set = partition.map(|word| data::set_of(&word)).transpose()?;
            let n = engine.pairs_export(&file, split.as_deref(), set)?;
            wrote_rows(app, &file, "pairs", n)
        }
        ExportCommand::Predictions { of, file } => {
            let evaluation = engine.evaluation_of(&of)?;
            let n = engine.predictions_export(&evaluation.id.to_string(), &file)?;
            let value =
                serde_json::json!({ "wrote": file, "predictions": n, "evaluation": evaluation.id });
            app.done(&value, |_| {
                let which = which(std::slice::from_ref(&evaluation));
                let wrote = format!("Wrote {} ({} predictions)", file.display(), count(n));
                app.out.line(format!("{wrote}: {which}"))
            })
        }
        ExportCommand::Queue { file, state } => {
            let n = engine.queue_export(&file, state)?;
            wrote_rows(app, &file, "replies", n as u64)
        }
        ExportCommand::Tensorboard { runs, out } => {
            let files = engine.tensorboard_export(&runs, &out)?;
            app.done(&serde_json::json!({ "files": files }), |_| {
                for file in &files {
                    app.out.line(format!("Wrote {}", file.display()))?;
                }
                app.out.line(format!(
                    "Show them with `tensorboard --logdir {}`",
                    shell::quoted(&out)
                ))
            })
        }
        ExportCommand::Base { name, folder } => app.wrote(&engine.base_export(&name, &folder)?),
        ExportCommand::Run {
            run,
            folder,
            checkpoint,
        } => app.wrote(&engine.run_export(&run, &folder, checkpoint.as_deref())?),
    }
}

/// Reports a file and how many rows it has.
fn wrote_rows(app: &App, file: &Path, rows: &str, n: u64) -> Result<ExitCode> {
    app.done(&serde_json::json!({ "wrote": file, rows: n }), |_| {
        app.out
            .line(format!("Wrote {} ({} {rows})", file.display(), count(n)))
    })
}
