//! `repartee source|split|base|run|fakes|evaluation|generation rename|note|tag|delete`, and their lists.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::items::{
    Delete, DeleteItem, Dependents, ItemInfo, ItemKind, ItemRef, Label, LabelItem, RenameItem,
};
use repartee_engine::{Engine, Error, shell};

use super::args::{DeleteArgs, ItemCommand, ListArgs};
use super::view;
use crate::app::{App, person};
use crate::{confirm, terminal};

/// The items of a list, narrowed by its flags; what cannot be read is named first.
pub fn listed<T>(
    app: &App,
    engine: &Engine,
    kind: ItemKind,
    all: Vec<T>,
    args: &ListArgs,
    label: impl Fn(&T) -> &Label,
) -> Result<Vec<T>> {
    view::unreadable(app.out, &engine.unreadable(kind)?)?;
    let Some(tag) = args.tag.as_deref().map(str::trim) else {
        return Ok(all);
    };
    let has_tag = |one: &T| {
        let tags = &label(one).tags;
        tags.iter().any(|other| other.eq_ignore_ascii_case(tag))
    };
    Ok(all.into_iter().filter(has_tag).collect())
}

/// Renames, labels or deletes an item.
pub fn item(app: &App, engine: &Engine, kind: ItemKind, command: ItemCommand) -> Result<ExitCode> {
    match command {
        ItemCommand::Rename { item, name } => {
            let renamed = engine.item_rename(&RenameItem {
                kind,
                item: item.clone(),
                name,
            })?;
            app.done(&renamed, |renamed| {
                let renamed = view::item_name(renamed);
                app.out.line(format!("Renamed {kind} {item} to {renamed}"))
            })
        }
        ItemCommand::Note { item, text: None } => app
            .done(&engine.item(&ItemRef { kind, item })?, |found| {
                view::note_of(app.out, found)
            }),
        ItemCommand::Note { item, text } => {
            let labeled = change_label(engine, kind, item, text, [Vec::new(), Vec::new()])?;
            app.done(&labeled, |found| view::note_changed(app.out, found))
        }
        ItemCommand::Tag { item, tags, remove } => {
            let labeled = change_label(engine, kind, item, None, [tags, remove])?;
            app.done(&labeled, |found| view::tags_of(app.out, found))
        }
        ItemCommand::Delete(args) => delete(app, engine, kind, args),
    }
}

/// Sets a note, and adds and removes tags.
fn change_label(
    engine: &Engine,
    kind: ItemKind,
    item: String,
    note: Option<String>,
    [add, remove]: [Vec<String>; 2],
) -> Result<ItemInfo> {
    Ok(engine.item_label(&LabelItem {
        kind,
        item,
        note,
        add,
        remove,
    })?)
}

/// Lists everything that depends on an item, asks, and deletes it.
fn delete(app: &App, engine: &Engine, kind: ItemKind, args: DeleteArgs) -> Result<ExitCode> {
    let item = args.item;
    let found = engine.dependents(&ItemRef {
        kind,
        item: item.clone(),
    })?;
    if args.dry_run {
        return app.done(&found, |found| {
            view::dependents(app.out, found)?;
            app.out.line(format!(
                "To delete exactly this, pass --seen {}",
                found.seen
            ))
        });
    }
    let (mut with_dependents, mut seen) = (args.with_dependents, args.seen);
    if !args.yes {
        if !confirm::can_ask(app) {
            return Err(needs_yes(kind, &item, &found).into());
        }
        view::dependents(app.out, &found)?;
        if !terminal::yes(&question(&found))? {
            return Err(Error::usage("nothing was deleted").into());
        }
        with_dependents = true;
        seen = Some(seen.unwrap_or_else(|| found.seen.clone()));
    }
    let delete = DeleteItem {
        kind,
        item,
        with_dependents,
        seen,
        who: person(args.who),
    };
    engine.item_delete(&delete).map_err(|error| {
        match !with_dependents && found.items.len() > 1 {
            true => error.with("to delete all of it, add --with-dependents; --dry-run lists it"),
            false => error,
        }
    })?;
    app.start(engine, &Delete::default(), |removed| {
        view::deleted(app.out, &found, removed)
    })
}

fn question(found: &Dependents) -> String {
    match found.items.len() - 1 {
        0 => "Delete it?".to_owned(),
        1 => "Delete it, and the item that depends on it?".to_owned(),
        n => format!("Delete it, and the {n} items that depend on it?"),
    }
}

/// The error where nobody can be asked: it lists what would be deleted, and names the command that deletes it.
fn needs_yes(kind: ItemKind, item: &str, found: &Dependents) -> Error {
    let with = (found.items.len() > 1).then_some("--with-dependents");
    let command = [kind.as_str(), "delete", item, "--yes"].into_iter();
    let command = command.chain(with).chain(["--seen", &found.seen]);
    let error = Error::usage(format!(
        "nothing was deleted; to delete everything listed here, run `{}`",
        shell::command(command)
    ));
    view::tree(found).into_iter().fold(error, Error::with)
}
