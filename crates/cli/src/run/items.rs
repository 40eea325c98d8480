//! `repartee source|split|base|run|fakes|evaluation|generation rename|note|tag|delete`, and the lists.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::generate::GenerationInfo;
use repartee_engine::items::{
    Delete, DeleteItem, Dependents, ItemInfo, ItemKind, ItemRef, Label, LabelItem, RenameItem,
};
use repartee_engine::unreadable::Unreadable;
use repartee_engine::{Engine, Error, shell};

use super::{App, person};
use crate::args::{
    DeleteArgs, EvaluationCommand, GenerationCommand, ItemCommand, ListArgs, RunCommand,
};
use crate::columns;
use crate::out::{Table, bytes, count, short, time};
use crate::terminal;

/// Characters of a note in a list.
const NOTE_WIDTH: usize = 40;

/// Tags in a cell of a table.
pub(super) fn tags(label: &Label) -> String {
    label.tags.join(", ")
}

/// The beginning of a note in a cell of a table.
pub(super) fn note(label: &Label) -> String {
    short(&label.note, NOTE_WIDTH)
}

/// Tags and note behind a line, each with what stands before it.
pub(super) fn label_line(label: &Label) -> String {
    let mut line = String::new();
    if !label.tags.is_empty() {
        line.push_str(&format!(", tags: {}", tags(label)));
    }
    if !label.note.is_empty() {
        line.push_str(&format!(", note: {}", note(label)));
    }
    line
}

/// Those of a list that have the tag that is asked for.
pub(super) fn tagged<T>(all: Vec<T>, list: &ListArgs, label: impl Fn(&T) -> &Label) -> Vec<T> {
    let has = |one: &T, tag: &str| {
        let tags = &label(one).tags;
        tags.iter().any(|other| other.eq_ignore_ascii_case(tag))
    };
    all.into_iter()
        .filter(|one| list.tag.as_deref().is_none_or(|tag| has(one, tag.trim())))
        .collect()
}

/// An item in a sentence.
fn called(item: &ItemInfo) -> String {
    match item.name.as_str() {
        "" => format!("{} {}", item.kind, item.id),
        name => format!("{} {name}", item.kind),
    }
}

impl App {
    /// The items of a list, after those that it leaves out, since they cannot be read, were named.
    pub(super) fn whole<T>(&self, engine: &Engine, kind: ItemKind, all: Vec<T>) -> Result<Vec<T>> {
        self.unreadable(&engine.unreadable(kind)?)?;
        Ok(all)
    }

    pub(super) fn unreadable(&self, items: &[Unreadable]) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        self.out
            .json(&serde_json::json!({ "event": "unreadable", "items": items }))?;
        for item in items {
            let Unreadable { what, id, why } = item;
            self.out.line(format!("{what} {id} is unreadable: {why}"))?;
        }
        Ok(())
    }

    pub(super) fn run_command(&self, command: RunCommand) -> Result<ExitCode> {
        match command {
            RunCommand::List(list) => self.runs(&list),
            RunCommand::Show { run } => self.show_run(&run),
            RunCommand::Item(command) => self.item(&*self.engine()?, ItemKind::Run, command),
        }
    }

    pub(super) fn evaluation_command(&self, command: EvaluationCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        match command {
            EvaluationCommand::List(list) => {
                let all = self.whole(&engine, ItemKind::Evaluation, engine.evaluations()?)?;
                let all = tagged(all, &list, |one| &one.label);
                self.done(&all, |all| match all.is_empty() {
                    true => self
                        .out
                        .line("no evaluations; `repartee evaluate RUN` makes one"),
                    false => self.evaluations(all),
                })
            }
            EvaluationCommand::Item(command) => self.item(&engine, ItemKind::Evaluation, command),
        }
    }

    pub(super) fn generation_command(&self, command: GenerationCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        match command {
            GenerationCommand::List(list) => {
                let all = self.whole(&engine, ItemKind::Generation, engine.generations()?)?;
                let all = tagged(all, &list, |one| &one.label);
                self.done(&all, |all| match all.is_empty() {
                    true => self
                        .out
                        .line("no generations; `repartee generate` makes one"),
                    false => self.generations(all),
                })
            }
            GenerationCommand::Item(command) => self.item(&engine, ItemKind::Generation, command),
        }
    }

    fn generations(&self, all: &[GenerationInfo]) -> Result<()> {
        let mut table = Table::new(columns::GENERATIONS);
        for one in all {
            table.row([
                one.id.to_string(),
                one.name.clone(),
                one.config.generator.clone(),
                one.config.realism.clone().unwrap_or_default(),
                one.config.upvotes.clone().unwrap_or_default(),
                count(one.candidates),
                time(one.created_ms),
                tags(&one.label),
                note(&one.label),
            ]);
        }
        table.print(self.out)
    }

    /// Note and tags of something that is shown alone.
    pub(super) fn label(&self, label: &Label) -> Result<()> {
        if !label.tags.is_empty() {
            self.out.line(format!("tags: {}", tags(label)))?;
        }
        if !label.note.is_empty() {
            self.out.line(format!("note: {}", label.note))?;
        }
        Ok(())
    }

    pub(super) fn item(
        &self,
        engine: &Engine,
        kind: ItemKind,
        command: ItemCommand,
    ) -> Result<ExitCode> {
        match command {
            ItemCommand::Rename { item, name } => {
                let renamed = engine.item_rename(&RenameItem {
                    kind,
                    item: item.clone(),
                    name,
                })?;
                self.done(&renamed, |renamed| {
                    self.out
                        .line(format!("{kind} {item} is now {}", called(renamed)))
                })
            }
            ItemCommand::Note { item, text: None } => {
                self.done(&engine.item(&ItemRef { kind, item })?, |found| match found
                    .label
                    .note
                    .as_str()
                {
                    "" => self.out.line(format!("{} has no note", called(found))),
                    note => self.out.line(note),
                })
            }
            ItemCommand::Note { item, text } => {
                let labeled = engine.item_label(&LabelItem {
                    kind,
                    item,
                    note: text,
                    add: Vec::new(),
                    remove: Vec::new(),
                })?;
                self.done(&labeled, |found| {
                    self.out.line(match found.label.note.is_empty() {
                        true => format!("{} has no note", called(found)),
                        false => format!("{} has a note", called(found)),
                    })
                })
            }
            ItemCommand::Tag {
                item,
                tags: add,
                remove,
            } => {
                let labeled = engine.item_label(&LabelItem {
                    kind,
                    item,
                    note: None,
                    add,
                    remove,
                })?;
                self.done(&labeled, |found| {
                    self.out.line(match found.label.tags.is_empty() {
                        true => format!("{} has no tags", called(found)),
                        false => format!("{} has the tags {}", called(found), tags(&found.label)),
                    })
                })
            }
            ItemCommand::Delete(args) => self.delete(engine, kind, args),
        }
    }

    /// Lists what depends on it, asks, and deletes.
    fn delete(&self, engine: &Engine, kind: ItemKind, args: DeleteArgs) -> Result<ExitCode> {
        let item = args.item;
        let found = engine.dependents(&ItemRef {
            kind,
            item: item.clone(),
        })?;
        if args.dry_run {
            return self.done(&found, |found| {
                self.tree(found)?;
                self.out.line(format!("as shown: --seen {}", found.seen))
            });
        }
        let others = found.items.len() - 1;
        let (mut with_dependents, mut seen) = (args.with_dependents, args.seen);
        if !args.yes {
            let asks = std::io::stdin().is_terminal() && terminal::err_is_terminal();
            if !asks || self.out.json {
                let with = (others > 0).then_some("--with-dependents");
                let command = [kind.as_str(), "delete", &item, "--yes"].into_iter();
                let command = command.chain(with).chain(["--seen", &found.seen]);
                let mut error = Error::usage(format!(
                    "nothing is deleted without a yes; `{}` deletes what is listed",
                    shell::command(command)
                ));
                for line in tree(&found) {
                    error = error.with(line);
                }
                return Err(error.into());
            }
            self.tree(&found)?;
            let question = match others {
                0 => "Delete it?".to_owned(),
                1 => "Delete it, and the one that depends on it?".to_owned(),
                n => format!("Delete it, and the {n} that depend on it?"),
            };
            if !terminal::yes(&question)? {
                return Err(Error::usage("nothing is deleted").into());
            }
            with_dependents = true;
            seen = Some(seen.unwrap_or_else(|| found.seen.clone()));
        }
        engine.item_delete(&DeleteItem {
            kind,
            item,
            with_dependents,
            seen,
            who: person(args.who),
        })?;
        self.start(engine, &Delete::default(), |removed| {
            let freed = removed.before.saturating_sub(removed.after);
            self.out.line(format!(
                "deleted {} with {} rows; the file is {} smaller",
                match removed.items {
                    1 => "1 item".to_owned(),
                    n => format!("{} items", count(n)),
                },
                count(removed.rows),
                bytes(freed)
            ))?;
            if found.kept > 0 {
                self.out.line(kept(&found))?;
            }
            match removed.returned {
                true => Ok(()),
                false => self.out.line(
                    "its space is not given back yet, since others work in the project; `repartee compact` does it",
                ),
            }
        })
    }

    fn tree(&self, found: &Dependents) -> Result<()> {
        tree(found)
            .into_iter()
            .try_for_each(|line| self.out.line(line))
    }
}

fn kept(found: &Dependents) -> String {
    match found.kept {
        1 => "1 reply that was sent, or may have been, stays with its candidate".to_owned(),
        n => format!(
            "{} replies that were sent, or may have been, stay with their candidates",
            count(n)
        ),
    }
}

/// What is deleted, each below what it depends on.
fn tree(found: &Dependents) -> Vec<String> {
    let mut lines = Vec::new();
    for item in &found.items {
        let mut line = format!(
            "{}{} {}",
            "  ".repeat(item.depth as usize),
            item.kind,
            item.name
        );
        if !item.why.is_empty() {
            line.push_str(&format!(", {}", item.why));
        }
        if item.rows > 0 && !item.unit.is_empty() {
            line.push_str(&format!(": {} {}", count(item.rows), item.unit));
        }
        if item.bytes > 0 {
            line.push_str(&format!(" ({})", bytes(item.bytes)));
        }
        lines.push(line);
    }
    if found.replies > 0 {
        lines.push(format!(
            "replies of the queue that are deleted: {} ({} approved)",
            count(found.replies),
            count(found.approved)
        ));
    }
    if found.kept > 0 {
        lines.push(kept(found));
    }
    lines
}
