//! `repartee base`.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::bases::base::{BaseAdd, BaseNew};
use repartee_engine::items::ItemKind;

use super::args::{BaseCommand, NewArgs};
use super::view;
use crate::app::App;
use crate::items;
use crate::items::args::{DeleteArgs, ItemCommand};

pub fn base(app: &App, command: BaseCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        BaseCommand::Add { name, from } => app.start(&engine, &BaseAdd { name, from }, |base| {
            view::made_base(app.out, base)
        }),
        BaseCommand::New(args) => {
            let estimate = args.estimate;
            let mut job = new_of(args);
            if job.split.is_none() && job.tokenizer.is_none() {
                job.split = engine.tokenizer_split()?;
            }
            if estimate {
                return app.done(&engine.base_estimate(&job)?, |found| {
                    view::estimate(app.out, found)
                });
            }
            app.start(&engine, &job, |base| view::made_base(app.out, base))
        }
        BaseCommand::Item(command) => items::item(app, &engine, ItemKind::Base, command),
        BaseCommand::List(args) => {
            let all = engine.bases()?;
            let bases = items::listed(app, &engine, ItemKind::Base, all, &args, |b| &b.label)?;
            app.done(&bases, |bases| view::bases(app.out, bases))
        }
        BaseCommand::Remove { name } => {
            let args = DeleteArgs {
                item: name,
                with_dependents: false,
                yes: true,
                seen: None,
                dry_run: false,
                who: None,
            };
            items::item(app, &engine, ItemKind::Base, ItemCommand::Delete(args))
        }
    }
}

fn new_of(args: NewArgs) -> BaseNew {
    let usual = BaseNew::default();
    BaseNew {
        name: args.name,
        kind: args.kind,
        layers: args.layers.unwrap_or(usual.layers),
        width: args.width.unwrap_or(usual.width),
        heads: args.heads.unwrap_or(usual.heads),
        context: args.context.unwrap_or(usual.context),
        vocab: args.vocab.unwrap_or(usual.vocab),
        tokenizer: args.tokenizer,
        split: args.split,
        seed: args.seed.unwrap_or(usual.seed),
    }
}
