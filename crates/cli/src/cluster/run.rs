//! `repartee cluster`.

use std::process::ExitCode;

use anyhow::Result;

use super::args::ClusterCommand;
use super::view;
use crate::app::App;

pub fn cluster(app: &App, command: ClusterCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        ClusterCommand::Add(args) => app.done(&engine.cluster_add((*args).into())?, |profile| {
            view::added(app.out, profile)
        }),
        ClusterCommand::List => app.done(&engine.clusters()?, |all| view::clusters(app.out, all)),
        ClusterCommand::Remove { name } => app.done(&engine.cluster_remove(&name)?, |profile| {
            app.out
                .line(format!("Removed the cluster {:?}", profile.name))
        }),
        ClusterCommand::Test { name } => app.done(&engine.cluster_test(&name)?, |tested| {
            view::tested(app.out, tested)
        }),
        ClusterCommand::Jobs { bundle } => app
            .done(&engine.cluster_jobs(bundle.as_deref())?, |jobs| {
                view::jobs(app.out, jobs)
            }),
        ClusterCommand::Fetch { bundle } => app
            .done(&engine.cluster_fetch(bundle.as_deref())?, |all| {
                view::fetched(app.out, all)
            }),
        ClusterCommand::Log { bundle, task } => {
            let log = engine.cluster_log(&bundle, task)?;
            app.done(&serde_json::json!({ "log": log }), |_| {
                app.out.lines("", log.trim_end())
            })
        }
        ClusterCommand::Cancel { bundle, task } => app
            .done(&engine.cluster_cancel(&bundle, task)?, |jobs| {
                view::jobs(app.out, jobs)
            }),
    }
}
