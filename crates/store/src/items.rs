//! Names, notes and tags of a project's items: sources, splits, bases, runs, sets of fakes, evaluations and
//! generations. One mechanism for all of them; [`crate::deletion`] removes them.

use repartee_terms::visible::{has_hidden, is_hidden, judged};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::jobs::JobRow;
use crate::watch::{Family, touch};
use crate::{Error, Result, Store};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    Source,
    Split,
    Base,
    Run,
    Fakes,
    Evaluation,
    Generation,
}

impl ItemKind {
    /// Every kind, in the order of the pipeline.
    pub const ALL: [Self; 7] = [
        Self::Source,
        Self::Split,
        Self::Base,
        Self::Run,
        Self::Fakes,
        Self::Evaluation,
        Self::Generation,
    ];

    /// The name in the tables, on the wire and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Split => "split",
            Self::Base => "base",
            Self::Run => "run",
            Self::Fakes => "fakes",
            Self::Evaluation => "evaluation",
            Self::Generation => "generation",
        }
    }

    /// The noun in a sentence: "there is no set of fakes ...".
    pub fn noun(self) -> &'static str {
        match self {
            Self::Fakes => "set of fakes",
            other => other.as_str(),
        }
    }

    /// Whether an item of this kind can be called by its number: its name is not unique, or optional.
    pub fn has_number(self) -> bool {
        matches!(self, Self::Source | Self::Evaluation | Self::Generation)
    }

    /// Whether the name is optional.
    pub(crate) fn may_be_nameless(self) -> bool {
        matches!(self, Self::Evaluation | Self::Generation)
    }

    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Fakes => "fake_set",
            other => other.as_str(),
        }
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Self::Source => Family::Sources,
            Self::Split => Family::Splits,
            Self::Base => Family::Bases,
            Self::Run => Family::Runs,
            Self::Fakes => Family::Fakes,
            Self::Evaluation => Family::Evaluations,
            Self::Generation => Family::Threads,
        }
    }

    /// The SQL condition that a row of the kind's table is visible: neither deleted nor incomplete. `alias` qualifies
    /// `id`, `name` and `generator`.
    pub(crate) fn is_there(self, alias: &str) -> String {
        let kind = self.as_str();
        let deleted = format!("{alias}id NOT IN (SELECT id FROM deleting WHERE kind = '{kind}')");
        match self {
            Self::Split => format!(
                "{deleted} AND {alias}name NOT LIKE '%{}'",
                crate::splits::UNFINISHED
            ),
            Self::Generation => format!("{deleted} AND {alias}generator IS NOT NULL"),
            _ => deleted,
        }
    }
}

impl std::fmt::Display for ItemKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.noun())
    }
}

/// The user's note and tags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Label {
    /// Free text; empty: none.
    pub note: String,
    /// In alphabetical order.
    pub tags: Vec<String>,
}

/// An item by its name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub kind: ItemKind,
    pub id: i64,
    /// Empty if it is called by its number alone.
    pub name: String,
}

impl Item {
    /// The item in a sentence: `run "writer"`, `evaluation 3`.
    pub fn sentence(&self) -> String {
        match self.name.as_str() {
            "" => format!("{} {}", self.kind, self.id),
            name => format!("{} {name:?}", self.kind),
        }
    }
}

/// Maximum length of a name in characters.
pub const NAME_CHARS: usize = 100;
/// Maximum length of a note in characters.
pub const NOTE_CHARS: usize = 10_000;
/// Maximum length of a tag in characters.
pub const TAG_CHARS: usize = 40;
/// Maximum number of tags per item.
pub const TAGS: usize = 20;

/// Whether a text contains anything visible: not only blanks, control and invisible characters.
pub fn has_text(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !is_hidden(c))
}

fn refused(what: impl Into<String>, done: &'static str, why: impl Into<String>) -> Error {
    Error::Refused {
        what: what.into(),
        done,
        why: why.into(),
    }
}

/// A name as it is stored: the one rule for creating, importing and renaming. Exports are named after it.
///
/// # Errors
/// [`Error::Refused`] if it is empty, too long, a path, has invisible characters, or could be mistaken for something
/// else.
pub fn checked_name(kind: ItemKind, name: &str) -> Result<String> {
    let name = name.trim();
    let no = |why: String| Err(refused("this name", "used", why));
    if name.is_empty() && !kind.may_be_nameless() {
        return no("it is empty".to_owned());
    }
    if name.chars().count() > NAME_CHARS {
        return no(format!("a name has at most {NAME_CHARS} characters"));
    }
    if name.contains(['/', '\\']) || matches!(name, "." | "..") {
        return no("it is a path; choose a name without slashes".to_owned());
    }
    if has_hidden(name) {
        return no("it has control characters, or others that do not show".to_owned());
    }
    if kind.has_number() && name.parse::<i64>().is_ok() {
        return no(format!(
            "it is a number, and a number means the {kind} with that number"
        ));
    }
    if kind == ItemKind::Split && name.ends_with(crate::splits::UNFINISHED.trim()) {
        return no("splits have this name while they are being written".to_owned());
    }
    Ok(name.to_owned())
}

fn checked_tag(tag: &str) -> Result<String> {
    let tag = tag.trim();
    let no = |why: String| Err(refused(format!("tag {tag:?}"), "used", why));
    if tag.is_empty() {
        return no("it is empty".to_owned());
    }
    if tag.chars().count() > TAG_CHARS {
        return no(format!("a tag has at most {TAG_CHARS} characters"));
    }
    if tag.contains(',') || has_hidden(tag) {
        return no("it has a comma, or characters that do not show".to_owned());
    }
    Ok(tag.to_owned())
}

fn checked_note(note: &str) -> Result<String> {
    let note = note.trim();
    if note.chars().count() > NOTE_CHARS {
        let why = format!("a note has at most {NOTE_CHARS} characters");
        return Err(refused("this note", "stored", why));
    }
    // a note may have several lines, but no terminal controls
    Ok(judged(note)
        .filter_map(|(c, hides)| (!hides).then_some(c))
        .collect())
}

/// The item called by a word, within a transaction: its name, or its number if it has one. Of several with one name,
/// the newest.
pub(crate) fn find(db: &Connection, kind: ItemKind, word: &str) -> Result<Item> {
    let (table, is_there) = (kind.table(), kind.is_there(""));
    let item = |row: &rusqlite::Row<'_>| {
        Ok(Item {
            kind,
            id: row.get(0)?,
            name: row.get(1)?,
        })
    };
    let number = word.parse::<i64>().ok().filter(|_| kind.has_number());
    if let Some(number) = number {
        let sql = format!("SELECT id, name FROM {table} WHERE id = ?1 AND {is_there}");
        if let Some(item) = db
            .prepare_cached(&sql)?
            .query_row([number], item)
            .optional()?
        {
            return Ok(item);
        }
    }
    let sql = format!(
        "SELECT id, name FROM {table} WHERE name = ?1 AND name <> '' AND {is_there} ORDER BY id"
    );
    let mut named: Vec<Item> = db
        .prepare_cached(&sql)?
        .query_map([word], item)?
        .collect::<Result<_, _>>()?;
    if named.len() > 1 {
        let ids: Vec<String> = named.iter().map(|item| item.id.to_string()).collect();
        return Err(Error::Refused {
            what: format!("{} {word:?}", kind.noun()),
            done: "chosen",
            why: format!(
                "{} have this name, with the numbers {}; give the number of the one you mean",
                ids.len(),
                ids.join(", ")
            ),
        });
    }
    if let Some(item) = named.pop() {
        return Ok(item);
    }
    let sql = format!("SELECT iif(name = '', id, name) FROM {table} WHERE {is_there} ORDER BY id");
    let mut query = db.prepare_cached(&sql)?;
    let there = query
        .query_map([], |row| match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(id) => Ok(id.to_string()),
            value => Ok(value.as_str()?.to_owned()),
        })?
        .collect::<Result<_, _>>()?;
    Err(Error::Missing {
        what: kind.noun(),
        name: word.to_owned(),
        there,
    })
}

/// Removes the note and tags of an item that is removed, within a transaction: its id may be reused.
pub(crate) fn unlabel(db: &Connection, kind: ItemKind, id: i64) -> Result<()> {
    for table in ["label", "tag"] {
        let sql = format!("DELETE FROM {table} WHERE kind = ?1 AND id = ?2");
        db.prepare_cached(&sql)?
            .execute(params![kind.as_str(), id])?;
    }
    Ok(())
}

/// Refuses to build on what is being deleted, within the same transaction.
pub(crate) fn still_there(db: &Connection, on: &[(ItemKind, i64)]) -> Result<()> {
    for (kind, id) in on {
        let going: bool = db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM deleting WHERE kind = ?1 AND id = ?2)")?
            .query_row(params![kind.as_str(), id], |row| row.get(0))?;
        if going {
            return Err(refused(
                format!("{kind} {id}"),
                "used",
                "it was deleted in the meantime",
            ));
        }
    }
    Ok(())
}

/// The run of a checkpoint, for [`still_there`].
pub(crate) fn run_of(db: &Connection, checkpoint: i64) -> Result<(ItemKind, i64)> {
    let run: Option<i64> = db
        .prepare_cached("SELECT run_id FROM checkpoint WHERE id = ?1")?
        .query_row([checkpoint], |row| row.get(0))
        .optional()?;
    let gone = || {
        refused(
            format!("checkpoint {checkpoint}"),
            "used",
            "it was deleted in the meantime",
        )
    };
    run.map(|run| (ItemKind::Run, run)).ok_or_else(gone)
}

fn label_of(db: &Connection, kind: ItemKind, id: i64) -> Result<Label> {
    let note: Option<String> = db
        .prepare_cached("SELECT note FROM label WHERE kind = ?1 AND id = ?2")?
        .query_row(params![kind.as_str(), id], |row| row.get(0))
        .optional()?;
    let mut query =
        db.prepare_cached("SELECT tag FROM tag WHERE kind = ?1 AND id = ?2 ORDER BY tag")?;
    let tags = query.query_map(params![kind.as_str(), id], |row| row.get(0))?;
    Ok(Label {
        note: note.unwrap_or_default(),
        tags: tags.collect::<Result<_, _>>()?,
    })
}

impl Store {
    /// The item called by a word: its name, or its number if it has one.
    ///
    /// # Errors
    /// [`Error::Missing`], with the names that exist.
    pub fn item(&self, kind: ItemKind, word: &str) -> Result<Item> {
        self.read(|db| find(db, kind, word))
    }

    /// The note and tags of an item.
    pub fn label(&self, kind: ItemKind, id: i64) -> Result<Label> {
        self.read(|db| label_of(db, kind, id))
    }

    /// Renames an item. Other rows refer to it by id; only the parameters of jobs refer to it by name, and `renamed`
    /// returns the new parameters of a job (`None`: unchanged).
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::NameTaken`]; [`Error::Refused`] if the name is invalid; or what `renamed` returns.
    /// Nothing is changed then.
    pub fn item_rename(
        &self,
        kind: ItemKind,
        word: &str,
        name: &str,
        renamed: &dyn Fn(&JobRow, &Item, &str) -> Result<Option<String>>,
    ) -> Result<Item> {
        let name = checked_name(kind, name)?;
        self.write(kind.family(), |db| {
            let item = find(db, kind, word)?;
            if item.name == name {
                return Ok(item);
            }
            let table = kind.table();
            // sources may share a name, since files do; but a user cannot choose one that is taken
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM {table} WHERE name = ?1 AND id <> ?2 AND ?1 <> '')"
            );
            let taken: bool = db.query_row(&sql, params![name, item.id], |row| row.get(0))?;
            if taken {
                return Err(Error::NameTaken {
                    what: kind.noun(),
                    name: name.clone(),
                });
            }
            for job in crate::jobs::all(db)? {
                if let Some(params) = renamed(&job, &item, &name)? {
                    let sql = "UPDATE job SET params = ?2 WHERE id = ?1";
                    db.prepare_cached(sql)?.execute(params![job.id, params])?;
                }
            }
            let sql = format!("UPDATE {table} SET name = ?2 WHERE id = ?1");
            db.execute(&sql, params![item.id, name])?;
            touch_shown(db, kind)?;
            Ok(Item { name, ..item })
        })
    }

    /// Sets the note of an item; an empty one removes it.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Refused`] if it is too long.
    pub fn item_note(&self, kind: ItemKind, word: &str, note: &str) -> Result<Item> {
        let note = checked_note(note)?;
        self.write(kind.family(), |db| {
            let item = find(db, kind, word)?;
            let sql = match note.as_str() {
                "" => "DELETE FROM label WHERE kind = ?1 AND id = ?2 AND ?3 = ''",
                _ => {
                    "INSERT INTO label (kind, id, note) VALUES (?1, ?2, ?3)
                     ON CONFLICT (kind, id) DO UPDATE SET note = excluded.note"
                }
            };
            db.execute(sql, params![kind.as_str(), item.id, note])?;
            Ok(item)
        })
    }

    /// Adds and removes tags of an item. Tags are case-insensitive.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Refused`] if a tag is invalid, or there are too many; nothing is changed then.
    pub fn item_tag(
        &self,
        kind: ItemKind,
        word: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<Item> {
        let add: Vec<String> = add
            .iter()
            .map(|tag| checked_tag(tag))
            .collect::<Result<_>>()?;
        self.write(kind.family(), |db| {
            let item = find(db, kind, word)?;
            for tag in remove {
                let sql = "DELETE FROM tag WHERE kind = ?1 AND id = ?2 AND tag = ?3";
                db.prepare_cached(sql)?
                    .execute(params![kind.as_str(), item.id, tag.trim()])?;
            }
            for tag in &add {
                let sql =
                    "INSERT INTO tag (kind, id, tag) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
                db.prepare_cached(sql)?
                    .execute(params![kind.as_str(), item.id, tag])?;
            }
            let all = label_of(db, kind, item.id)?.tags.len();
            if all > TAGS {
                let why = format!("it would have {all} tags; the maximum is {TAGS}");
                return Err(refused(item.sentence(), "tagged", why));
            }
            Ok(item)
        })
    }
}

/// Marks everything that shows names of this kind as changed.
fn touch_shown(db: &Transaction<'_>, kind: ItemKind) -> Result<()> {
    for other in ItemKind::ALL {
        if other != kind {
            touch(db, other.family())?;
        }
    }
    touch(db, Family::Queue)?;
    touch(db, Family::Jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visible_characters_count_as_text() {
        for text in ["a", " \u{200b}a", "\u{1F468}\u{200d}\u{1F469}", "☃\u{fe0f}"] {
            assert!(has_text(text), "{text:?}");
        }
        for text in [
            "",
            " \n\t",
            "\u{1}\u{2}",
            "\u{200b}\u{202e}\u{2066}",
            "\u{feff}",
            "\u{200d}\u{fe0f}",
        ] {
            assert!(!has_text(text), "{text:?}");
        }
    }
}
