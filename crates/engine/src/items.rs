//! Actions on items of a project: rename, note, tag and delete sources, splits, bases, runs, fakes, evaluations and
//! generations. One mechanism for all kinds.

use std::collections::HashMap;

use repartee_store::deletion::JobUse;
use repartee_store::items::Item;
pub use repartee_store::items::{ItemKind, Label};
use repartee_store::jobs::{JobRow, JobState, Want};
use repartee_store::runs::Run;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::Engine;
use crate::error::Result;
use crate::job::{Ctx, Job, Progress, Stop, from_json, is_stale, now_ms, to_json};
use crate::run_config::RunConfig;
use crate::train::{RunFacts, Train};

/// An item by its kind and name, or, for a source, an evaluation or a generation, its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ItemRef {
    pub kind: ItemKind,
    /// Name or number.
    pub item: String,
}

/// A new name for an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RenameItem {
    pub kind: ItemKind,
    /// Name or number.
    pub item: String,
    /// The new name; empty: an evaluation or a generation is called by its number again.
    pub name: String,
}

/// Note and tags for an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct LabelItem {
    pub kind: ItemKind,
    /// Name or number.
    pub item: String,
    /// The new note, empty to remove it; none: unchanged.
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub add: Vec<String>,
    #[serde(default)]
    pub remove: Vec<String>,
}

/// Which item to delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct DeleteItem {
    pub kind: ItemKind,
    /// Name or number.
    pub item: String,
    /// Whether its dependents are deleted too; otherwise nothing is deleted if there are any.
    pub with_dependents: bool,
    /// [`Dependents::seen`] as it was shown: if it has changed since, nothing is deleted. None: no check.
    #[serde(default)]
    pub seen: Option<String>,
    pub who: String,
}

/// An item with its note and tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ItemInfo {
    pub kind: ItemKind,
    /// Row id; the number by which a source, an evaluation or a generation is called.
    pub id: i64,
    /// Empty if it is called by its number alone.
    pub name: String,
    pub label: Label,
}

/// An item to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Dependent {
    pub kind: ItemKind,
    pub id: i64,
    /// Name or number.
    pub name: String,
    /// Why it is deleted: "trained on split main"; empty for the item itself.
    pub why: String,
    /// Steps from the item: 0 for the item itself.
    pub depth: u32,
    /// Number of rows it holds.
    pub rows: u64,
    /// What these are: pairs, checkpoints, fakes, ...
    pub unit: String,
    /// Bytes of weights that nothing else uses.
    pub bytes: u64,
}

/// What deleting an item also deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Dependents {
    /// The item itself first, then what depends on it, each below what it depends on.
    pub items: Vec<Dependent>,
    /// Replies of the queue that are deleted too.
    pub replies: u64,
    /// How many of these are approved.
    pub approved: u64,
    /// Replies that were or may have been sent: they stay, with their candidates.
    pub kept: u64,
    /// A hash over all of this, to detect changes.
    pub seen: String,
}

/// Removes the rows of deleted items and frees their disk space. A job: `delete`. The items are already marked
/// ([`Engine::item_delete`]), so a killed job resumes with what is left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Delete {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Removed {
    pub items: u64,
    pub rows: u64,
    /// Bytes of the file and its log before.
    pub before: u64,
    pub after: u64,
    /// Whether the space was freed; false: another job is working in the project, and it is freed later.
    pub returned: bool,
}

/// Leftover rows of deleted items are removed again after this long.
const DELETE_AGAIN_MS: i64 = 600_000;

/// Where the parameters of a kind of job contain names, as JSON pointers. Those of a training are in its config.
const NAMED: &[(&str, &[(&str, ItemKind)])] = &[
    ("base-add", &[("/name", ItemKind::Base)]),
    (
        "base-new",
        &[("/name", ItemKind::Base), ("/split", ItemKind::Split)],
    ),
    ("split", &[("/name", ItemKind::Split)]),
    ("audit", &[("/name", ItemKind::Split)]),
    (
        "fakes",
        &[("/name", ItemKind::Fakes), ("/generator", ItemKind::Run)],
    ),
    (
        "evaluate",
        &[("/run", ItemKind::Run), ("/fakes", ItemKind::Fakes)],
    ),
    (
        "generate",
        &[
            ("/generator", ItemKind::Run),
            ("/realism", ItemKind::Run),
            ("/upvotes", ItemKind::Run),
        ],
    ),
    (
        "draft",
        &[
            ("/generate/generator", ItemKind::Run),
            ("/generate/realism", ItemKind::Run),
            ("/generate/upvotes", ItemKind::Run),
        ],
    ),
];

/// Jobs that read or write all comments or pairs, and so those of every source.
const OF_ALL_SOURCES: [&str; 5] = ["import", "pairs", "split", "sync", "base-new"];

/// Jobs whose later steps refer to what their earlier steps made.
const NAMES_LATER: [&str; 2] = ["demo", "draft"];

/// The settings of a run that contain names.
fn names_in(config: &mut RunConfig) -> [(ItemKind, &mut String); 4] {
    [
        (ItemKind::Run, &mut config.name),
        (ItemKind::Base, &mut config.base),
        (ItemKind::Split, &mut config.split),
        (ItemKind::Fakes, &mut config.fakes),
    ]
}

/// Calls `each` with every name in a job's parameters; returns the changed parameters, if any.
fn each_name(job: &JobRow, each: &mut dyn FnMut(ItemKind, &mut String)) -> Option<String> {
    if job.kind == Train::KIND {
        let before: Train = serde_json::from_str(&job.params).ok()?;
        let mut train = before.clone();
        for (kind, name) in names_in(&mut train.config) {
            each(kind, name);
        }
        return (train != before).then(|| to_json(&train).ok()).flatten();
    }
    let mut params: Value = serde_json::from_str(&job.params).ok()?;
    let (_, places) = NAMED.iter().find(|(kind, _)| *kind == job.kind)?;
    let mut changed = false;
    for (pointer, kind) in *places {
        if let Some(Value::String(name)) = params.pointer_mut(pointer) {
            let before = name.clone();
            each(*kind, name);
            changed |= before != *name;
        }
    }
    changed.then(|| params.to_string())
}

/// Whether some process is running the job now.
fn lives(job: &JobRow) -> bool {
    job.state == JobState::Running && !is_stale(job.owner.as_deref(), job.beat_ms, now_ms())
}

/// Whether a job has ended, unless someone resumes it.
fn ended(job: &JobRow) -> bool {
    matches!(
        job.state,
        JobState::Done | JobState::Cancelled | JobState::Failed
    )
}

/// The parameters of a job after an item was renamed; `None`: they do not name it.
fn renamed(job: &JobRow, item: &Item, new: &str) -> repartee_store::Result<Option<String>> {
    // an unnamed item has no references: a name left behind by an earlier item is not its own
    if item.name.is_empty() {
        return Ok(None);
    }
    let params = each_name(job, &mut |kind, name| {
        if kind == item.kind && *name == item.name {
            new.clone_into(name);
        }
    });
    let names_later = NAMES_LATER.contains(&job.kind.as_str());
    if names_later && !ended(job) && (params.is_some() || job.kind == "demo") {
        return Err(repartee_store::Error::InUse {
            what: item.sentence(),
            job: job.id.clone(),
            kind: job.kind.clone(),
        });
    }
    Ok(params)
}

/// How a job uses the items to be deleted; `makes`: one of them is the run that it trains.
fn job_use(job: &JobRow, items: &[&Item], makes: bool) -> JobUse {
    if ended(job) || job.kind == Delete::KIND {
        return JobUse::None;
    }
    let kind = job.kind.as_str();
    let mut uses = makes || kind == "demo";
    uses |=
        OF_ALL_SOURCES.contains(&kind) && items.iter().any(|item| item.kind == ItemKind::Source);
    each_name(job, &mut |kind, name| {
        uses |= items
            .iter()
            .any(|item| item.kind == kind && item.name == *name);
    });
    let rests = job.state == JobState::Paused || (job.owner.is_some() && !lives(job));
    match (uses, rests) {
        (false, _) => JobUse::None,
        (true, true) if kind != "demo" => JobUse::Cancel,
        (true, _) => JobUse::Busy,
    }
}

/// A run's settings, with the current names of itself and its base, split and fakes.
pub(crate) fn config_now(run: &Run) -> Result<RunConfig> {
    let now = |kind| match kind {
        ItemKind::Run => Some(&run.name),
        ItemKind::Base => Some(&run.base),
        ItemKind::Split => Some(&run.split),
        _ => run.fakes.as_ref(),
    };
    let mut config: RunConfig = from_json(&run.config)?;
    for (kind, name) in names_in(&mut config) {
        // unset names stay unset
        if let (false, Some(now)) = (name.is_empty(), now(kind)) {
            now.clone_into(name);
        }
    }
    Ok(config)
}

/// What is known of a run, with the current names of its base, split and fakes.
pub(crate) fn facts_now(run: &Run) -> Option<RunFacts> {
    let mut facts: RunFacts = serde_json::from_str(&run.facts).ok()?;
    facts.base.clone_from(&run.base);
    facts.split.clone_from(&run.split);
    if run.fakes.is_some() {
        facts.fakes.clone_from(&run.fakes);
    }
    Some(facts)
}

fn unit(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Source => "comments and posts",
        ItemKind::Split => "pairs",
        ItemKind::Base => "",
        ItemKind::Run => "checkpoints",
        ItemKind::Fakes => "fakes",
        ItemKind::Evaluation => "predictions",
        ItemKind::Generation => "candidates",
    }
}

fn called(item: &Item) -> String {
    match item.name.as_str() {
        "" => item.id.to_string(),
        name => name.to_owned(),
    }
}

impl Engine {
    fn item_info(&self, item: Item) -> Result<ItemInfo> {
        Ok(ItemInfo {
            label: self.store.label(item.kind, item.id)?,
            kind: item.kind,
            id: item.id,
            name: item.name,
        })
    }

    /// An item with its note and tags.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`], with the names that exist.
    pub fn item(&self, of: &ItemRef) -> Result<ItemInfo> {
        self.item_info(self.store.item(of.kind, &of.item)?)
    }

    /// Renames an item. What was made with it shows the new name; approved texts stay as they were approved.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; [`crate::Code::Exists`]; [`crate::Code::Usage`] if the name is invalid;
    /// [`crate::Code::Busy`] while a job refers to it by its old name.
    pub fn item_rename(&self, p: &RenameItem) -> Result<ItemInfo> {
        let item = self.store.item_rename(p.kind, &p.item, &p.name, &renamed)?;
        self.item_info(item)
    }

    /// Sets the note of an item, and adds and removes tags.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; [`crate::Code::Usage`] if a note or tag is invalid.
    pub fn item_label(&self, p: &LabelItem) -> Result<ItemInfo> {
        let mut item = self.store.item(p.kind, &p.item)?;
        if let Some(note) = &p.note {
            item = self.store.item_note(p.kind, &p.item, note)?;
        }
        if !p.add.is_empty() || !p.remove.is_empty() {
            item = self.store.item_tag(p.kind, &p.item, &p.add, &p.remove)?;
        }
        self.item_info(item)
    }

    /// What deleting an item also deletes. For a source, this reads all comments.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`], with the names that exist.
    pub fn dependents(&self, of: &ItemRef) -> Result<Dependents> {
        self.shown(self.store.dependents(of.kind, &of.item)?)
    }

    fn shown(&self, found: repartee_store::deletion::Dependents) -> Result<Dependents> {
        let mut known: HashMap<(ItemKind, i64), (String, u32)> = HashMap::new();
        let mut children: HashMap<(ItemKind, i64), Vec<Dependent>> = HashMap::new();
        let one = |item: &Item, why: String, depth: u32| -> Result<Dependent> {
            let holds = self.store.item_holds(item.kind, item.id)?;
            Ok(Dependent {
                kind: item.kind,
                id: item.id,
                name: called(item),
                why,
                depth,
                rows: holds.rows,
                unit: unit(item.kind).to_owned(),
                bytes: holds.bytes,
            })
        };
        let root = one(&found.item, String::new(), 0)?;
        known.insert((root.kind, root.id), (called(&found.item), 0));
        for dependent in &found.items {
            let (name, depth) = known.get(&dependent.of).cloned().unwrap_or_default();
            let why = format!("{} {} {name}", dependent.why, dependent.of.0);
            let shown = one(&dependent.item, why, depth + 1)?;
            known.insert((shown.kind, shown.id), (shown.name.clone(), depth + 1));
            children.entry(dependent.of).or_default().push(shown);
        }
        // each below what it depends on
        let mut items = Vec::new();
        let mut open = vec![root];
        while let Some(next) = open.pop() {
            let below = children.remove(&(next.kind, next.id)).unwrap_or_default();
            open.extend(below.into_iter().rev());
            items.push(next);
        }
        Ok(Dependents {
            items,
            replies: found.replies,
            approved: found.approved,
            kept: found.kept,
            seen: found.seen,
        })
    }

    /// Marks an item as deleted. It is gone for everyone at once; the job [`Delete`] removes its rows and must be
    /// started. Returns the number of items.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; [`crate::Code::Usage`] if it has dependents that were not included, or changed since
    /// it was shown; [`crate::Code::Busy`] while a job uses any of it.
    pub fn item_delete(&self, p: &DeleteItem) -> Result<u64> {
        let found = self.store.item_delete(
            p.kind,
            &p.item,
            p.with_dependents,
            p.seen.as_deref(),
            &job_use,
            &p.who,
            now_ms(),
        )?;
        Ok(1 + found.items.len() as u64)
    }

    /// Whether the job [`Delete`] has rows or disk space of deleted items to remove, and no process is working in the
    /// project.
    pub(crate) fn wants_delete(&self) -> Result<bool> {
        if !self.store.wants_sweep()? {
            return Ok(false);
        }
        // one that failed or was canceled is not started again at once
        let lately = now_ms() - DELETE_AGAIN_MS;
        let tried = |job: &JobRow| job.kind == Delete::KIND && job.ended_ms > Some(lately);
        let jobs = self.store.jobs()?;
        Ok(!jobs.iter().any(|job| lives(job) || tried(job)))
    }
}

/// Removes the rows of deleted items before a job builds on what exists: the same file can be imported again while its
/// first import is still being removed.
pub(crate) fn finish_deletions(ctx: &Ctx) -> Result<(), Stop> {
    let store = &ctx.engine.store;
    if !store.has_deletions()? {
        return Ok(());
    }
    let mut stopped = None;
    store.sweep(&mut |rows| {
        ctx.tick(Progress::new(
            "removing what was deleted",
            rows,
            None,
            "rows",
        ));
        stopped = ctx.go_on().err();
        stopped.is_none()
    })?;
    stopped.map_or(Ok(()), Err)
}

impl Job for Delete {
    const KIND: &'static str = "delete";
    const ON_INTERRUPT: Want = Want::Pause;
    type Outcome = Removed;

    fn run(&self, ctx: &Ctx) -> Result<Removed, Stop> {
        let store = &ctx.engine.store;
        let before = store.file_bytes();
        let mut stopped = None;
        let swept = store.sweep(&mut |rows| {
            ctx.tick(Progress::new("removing rows", rows, None, "rows"));
            stopped = ctx.go_on().err();
            stopped.is_none()
        })?;
        if let Some(stop) = stopped {
            return Err(stop);
        }
        ctx.tick(Progress::new("freeing disk space", 0, None, "bytes"));
        let is_other = |job: &JobRow| job.id != ctx.job() && job.kind != Self::KIND && lives(job);
        let returned = match store.jobs()?.iter().find(|job| is_other(job)) {
            Some(job) => {
                ctx.say(format!(
                    "job {} ({}) is running: disk space is freed when it is done",
                    job.id, job.kind
                ));
                false
            }
            None => match store.return_space() {
                Ok(returned) => returned,
                Err(error @ (repartee_store::Error::Busy | repartee_store::Error::Full)) => {
                    ctx.say(format!("disk space could not be freed: {error}"));
                    false
                }
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Removed {
            items: swept.items,
            rows: swept.rows,
            before,
            after: store.file_bytes(),
            returned,
        })
    }
}
