//! The pipeline: planned, shown, queued, and run if asked.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::Error;
use repartee_engine::pipeline::PipelineOptions;

use super::args::PipelineArgs;
use super::view;
use crate::app::App;
use crate::{confirm, jobs, terminal};

pub fn pipeline(app: &App, args: PipelineArgs) -> Result<ExitCode> {
    let usual = PipelineOptions::default();
    let options = PipelineOptions {
        preset: args.preset.unwrap_or(usual.preset),
        hours: args.hours,
        device: args.device.unwrap_or(usual.device),
        set: args.set,
    };
    let engine = app.engine()?;
    if args.plan {
        return app.done(&engine.pipeline_plan(&options)?, |plan| {
            view::plan(app.out, plan)
        });
    }
    let plan = engine.pipeline_plan(&options)?;
    let is_nothing = plan.planned == 0 && options.set.is_empty();
    let asks = !args.yes && !is_nothing && plan.refused.is_none();
    if asks {
        if !confirm::can_ask(app) {
            return Err(Error::usage(
                "nothing was queued: there is no terminal to ask at; `repartee run --plan` prints the plan, `repartee \
                 run --yes` queues it",
            )
            .into());
        }
        view::plan(app.out, &plan)?;
        if !terminal::yes(&view::question(&plan))? {
            return Err(Error::usage("nothing was queued").into());
        }
    }
    let queued = engine.pipeline_queue(&options)?;
    if !args.now {
        return app.done(&queued, |queued| view::queued(app.out, queued, !asks));
    }
    let (added, changed) = (queued.added, queued.changed);
    let line = serde_json::json!({ "event": "queued", "added": added, "changed": changed });
    app.out.json(&line)?;
    view::queued(app.out, &queued, !asks)?;
    jobs::run_queue(app, &engine)
}
