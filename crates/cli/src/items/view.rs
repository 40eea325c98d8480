//! How items, their labels and their dependents are printed.

use anyhow::Result;
use repartee_engine::items::{Dependents, ItemInfo, Label, Removed};
use repartee_engine::left_out::LeftOut;
use repartee_engine::unreadable::Unreadable;

use crate::out::{Out, bytes, count, counted, short};

/// Characters of a note in a list.
const NOTE_WIDTH: usize = 40;

/// Left-out items that are printed; `--json` has more of them.
const PRINTED: usize = 20;

/// Tags in a cell of a table.
pub fn tags(label: &Label) -> String {
    label.tags.join(", ")
}

/// The beginning of a note in a cell of a table.
pub fn note(label: &Label) -> String {
    short(&label.note, NOTE_WIDTH)
}

/// Tags and note at the end of a line.
pub fn label_line(label: &Label) -> String {
    let mut line = String::new();
    if !label.tags.is_empty() {
        line.push_str(&format!(", tags: {}", tags(label)));
    }
    if !label.note.is_empty() {
        line.push_str(&format!(", note: {}", note(label)));
    }
    line
}

/// Tags and note of an item that is shown alone.
pub fn label(out: Out, label: &Label) -> Result<()> {
    if !label.tags.is_empty() {
        out.line(format!("Tags: {}", tags(label)))?;
    }
    if !label.note.is_empty() {
        out.line(format!("Note: {}", label.note))?;
    }
    Ok(())
}

/// A name, marked if it was trained on content that has been deleted since.
pub fn with_mark(name: &str, deleted_content: bool) -> String {
    match deleted_content {
        true => format!("{name} (trained on deleted content)"),
        false => name.to_owned(),
    }
}

/// An item in a sentence: "run writer", "evaluation 3".
pub fn item_name(item: &ItemInfo) -> String {
    match item.name.as_str() {
        "" => format!("{} {}", item.kind, item.id),
        name => format!("{} {name}", item.kind),
    }
}

pub fn note_of(out: Out, item: &ItemInfo) -> Result<()> {
    match item.label.note.as_str() {
        "" => out.line(format!("No note on {}", item_name(item))),
        note => out.line(note),
    }
}

pub fn note_changed(out: Out, item: &ItemInfo) -> Result<()> {
    let name = item_name(item);
    out.line(match item.label.note.is_empty() {
        true => format!("Removed the note of {name}"),
        false => format!("Saved the note of {name}"),
    })
}

pub fn tags_of(out: Out, item: &ItemInfo) -> Result<()> {
    let name = item_name(item);
    out.line(match item.label.tags.is_empty() {
        true => format!("No tags on {name}"),
        false => format!("Tags of {name}: {}", tags(&item.label)),
    })
}

/// Names what a list leaves out because it cannot be read.
pub fn unreadable(out: Out, items: &[Unreadable]) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    out.json(&serde_json::json!({ "event": "unreadable", "items": items }))?;
    for Unreadable { what, id, why } in items {
        out.line(format!("{what} {id} is unreadable: {why}"))?;
    }
    Ok(())
}

/// What a job left out, by ids.
pub fn left_out(out: Out, left_out: &LeftOut) -> Result<()> {
    if left_out.count == 0 {
        return Ok(());
    }
    out.line(format!("Left out: {}", count(left_out.count)))?;
    for item in left_out.items.iter().take(PRINTED) {
        out.line(format!("  {}: {}", item.id, item.why))?;
    }
    if left_out.count > PRINTED as u64 {
        out.line("  ... (--json lists more)")?;
    }
    Ok(())
}

/// What is deleted, each below the item it depends on.
pub fn dependents(out: Out, found: &Dependents) -> Result<()> {
    tree(found).into_iter().try_for_each(|line| out.line(line))
}

/// The lines of [`dependents`].
pub fn tree(found: &Dependents) -> Vec<String> {
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
            "Queued replies to be deleted: {} ({} approved)",
            count(found.replies),
            count(found.approved)
        ));
    }
    lines.extend(kept(found));
    lines
}

pub fn deleted(out: Out, found: &Dependents, removed: &Removed) -> Result<()> {
    out.line(format!(
        "Deleted {} with {}; the file is {} smaller",
        counted(removed.items, "item", "items"),
        counted(removed.rows, "row", "rows"),
        bytes(removed.before.saturating_sub(removed.after))
    ))?;
    if let Some(kept) = kept(found) {
        out.line(kept)?;
    }
    match removed.returned {
        true => Ok(()),
        false => out.line(
            "The file could not be shrunk because another process uses it; run `repartee compact` later",
        ),
    }
}

/// Sent replies, which are never deleted.
fn kept(found: &Dependents) -> Option<String> {
    match found.kept {
        0 => None,
        1 => Some("1 reply that was or may have been sent is kept, with its candidate".to_owned()),
        n => Some(format!(
            "{} replies that were or may have been sent are kept, with their candidates",
            count(n)
        )),
    }
}
