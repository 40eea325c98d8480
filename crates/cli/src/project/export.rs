//! `repartee export`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::args::ExportCommand;
use crate::app::App;
use crate::data;
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
            let n = engine.predictions_export(&of, &file)?;
            wrote_rows(app, &file, "predictions", n)
        }
        ExportCommand::Queue { file, state } => {
            let n = engine.queue_export(&file, state)?;
            wrote_rows(app, &file, "replies", n as u64)
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
