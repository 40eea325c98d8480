//! What a person does with the things of a project: rename, note, tag and delete sources, splits, bases,
//! runs, fakes, evaluations and generations. One mechanism for all kinds.

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
use crate::job::{Ctx, Job, Progress, Stop, is_stale, now_ms};
use crate::run_config::RunConfig;
use crate::train::RunFacts;

/// An item by its kind and what it is called: its name, or for a source, an evaluation or a generation its
/// number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ItemRef {
    pub kind: ItemKind,
    /// Its name or number.
    pub item: String,
}

/// Another name for an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RenameItem {
    pub kind: ItemKind,
    /// Its name or number.
    pub item: String,
    /// The new name; empty: an evaluation or a generation goes by its number again.
    pub name: String,
}

/// A person's words about an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct LabelItem {
    pub kind: ItemKind,
    /// Its name or number.
    pub item: String,
    /// The new note, empty to remove it; none: it stays.
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
    /// Its name or number.
    pub item: String,
    /// Whether what depends on it goes too; otherwise nothing is deleted when something does.
    pub with_dependents: bool,
    /// [`Dependents::seen`] as it was shown: when it has changed since, nothing is deleted. None: whatever
    /// there is now.
    #[serde(default)]
    pub seen: Option<String>,
    pub who: String,
}

/// An item with a person's words about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ItemInfo {
    pub kind: ItemKind,
    /// Its row; the number that a source, an evaluation or a generation goes by.
    pub id: i64,
    /// Its name; empty where it goes by its number alone.
    pub name: String,
    pub label: Label,
}

/// Something that is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Dependent {
    pub kind: ItemKind,
    pub id: i64,
    /// Its name, or its number.
    pub name: String,
    /// Why it goes: "trained on split main"; empty for the item itself.
    pub why: String,
    /// How many steps it is away from the item: 0 for the item itself.
    pub depth: u32,
    /// How many rows it holds.
    pub rows: u64,
    /// What these are: pairs, checkpoints, fakes, ...
    pub unit: String,
    /// Bytes of weights that nothing else needs.
    pub bytes: u64,
}

/// What deleting an item takes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Dependents {
    /// The item itself first, then what depends on it, each below what it depends on.
    pub items: Vec<Dependent>,
    /// Replies of the queue that are deleted with it.
    pub replies: u64,
    /// Of these, approved ones.
    pub approved: u64,
    /// Replies that were sent or may have been: they stay, with their candidates.
    pub kept: u64,
    /// A hash over all of this: it changes when anything of it does.
    pub seen: String,
}

/// Removes the rows of what was deleted, and gives their space back. A job: `delete`; what is deleted was
/// decided before ([`Engine::item_delete`]), so that one that was killed goes on from what is still there.
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
    /// Whether the space was given back; false: another job works in the project, and it is given back later.
    pub returned: bool,
}

/// Rows that are left of deleted items are looked after again after so long.
const DELETE_AGAIN_MS: i64 = 600_000;

/// Where the parameters of a kind of job name things, as JSON pointers. Those of a training are TOML.
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

/// Jobs that read or write all comments or pairs, and so those of each source.
const OF_ALL_SOURCES: [&str; 5] = ["import", "pairs", "split", "sync", "base-new"];

/// Jobs whose later steps name what their earlier steps made.
const NAMES_LATER: [&str; 2] = ["demo", "draft"];

/// The fields of a run's settings that name things.
fn names_in(config: &mut RunConfig) -> [(ItemKind, &mut String); 4] {
    [
        (ItemKind::Run, &mut config.name),
        (ItemKind::Base, &mut config.base),
        (ItemKind::Split, &mut config.split),
        (ItemKind::Fakes, &mut config.fakes),
    ]
}

/// Calls `each` with every name in a job's parameters; gives the changed parameters, if any changed.
fn each_name(job: &JobRow, each: &mut dyn FnMut(ItemKind, &mut String)) -> Option<String> {
    let mut params: Value = serde_json::from_str(&job.params).ok()?;
    if job.kind == "train" {
        let toml = params.pointer("/config")?.as_str()?;
        let before = RunConfig::from_toml(toml).ok()?;
        let mut config = before.clone();
        for (kind, name) in names_in(&mut config) {
            each(kind, name);
        }
        if config == before {
            return None;
        }
        *params.pointer_mut("/config")? = Value::String(config.to_toml().ok()?);
        return Some(params.to_string());
    }
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

/// Whether some process works at a job now.
fn lives(job: &JobRow) -> bool {
    job.state == JobState::Running && !is_stale(job.owner.as_deref(), job.beat_ms, now_ms())
}

/// Whether a job is over, for good or until somebody begins it again.
fn ended(job: &JobRow) -> bool {
    matches!(
        job.state,
        JobState::Done | JobState::Cancelled | JobState::Failed
    )
}

/// The parameters of a job after an item got another name; `None`: they do not name it.
fn renamed(job: &JobRow, item: &Item, new: &str) -> repartee_store::Result<Option<String>> {
    // names that an earlier thing of the same name left behind read as this one's: it had no name before
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

/// What a job means for the deletion of these items; `makes`: one of them is the run that it trains.
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

/// A run's settings as TOML, with the names that it and its base, split and fakes have now.
pub(crate) fn config_now(run: &Run) -> String {
    let now = |kind| match kind {
        ItemKind::Run => Some(&run.name),
        ItemKind::Base => Some(&run.base),
        ItemKind::Split => Some(&run.split),
        _ => run.fakes.as_ref(),
    };
    let Ok(before) = RunConfig::from_toml(&run.config) else {
        return run.config.clone();
    };
    let mut config = before.clone();
    for (kind, name) in names_in(&mut config) {
        // what was left open stays so
        if let (false, Some(now)) = (name.is_empty(), now(kind)) {
            now.clone_into(name);
        }
    }
    match config == before {
        true => run.config.clone(),
        false => config.to_toml().unwrap_or_else(|_| run.config.clone()),
    }
}

/// What is known of a run, with the names that its base, split and fakes have now.
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
    /// [`crate::Code::NotFound`], with the names there are.
    pub fn item(&self, of: &ItemRef) -> Result<ItemInfo> {
        self.item_info(self.store.item(of.kind, &of.item)?)
    }

    /// Gives an item another name. What was made with it shows the new one; texts that were approved stay as
    /// they were approved.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; [`crate::Code::Exists`]; [`crate::Code::Usage`] when the name cannot be one;
    /// [`crate::Code::Busy`] while a job is going to look for it by its old name.
    pub fn item_rename(&self, p: &RenameItem) -> Result<ItemInfo> {
        let item = self.store.item_rename(p.kind, &p.item, &p.name, &renamed)?;
        self.item_info(item)
    }

    /// Sets the note of an item, and adds and removes tags.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; [`crate::Code::Usage`] when a note or tag cannot be stored.
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

    /// What deleting an item takes with it. Of a source it reads all comments.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`], with the names there are.
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

    /// Decides that an item is deleted. It is gone for everybody from now on; the job [`Delete`] removes its
    /// rows and must be started. Gives how many items that are.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; [`crate::Code::Usage`] when something depends on it and that was not said,
    /// or when it is not as it was shown; [`crate::Code::Busy`] while a job uses any of it.
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

    /// Whether rows of deleted items, or their space, wait for the job [`Delete`], and nobody works in the
    /// project.
    pub(crate) fn wants_delete(&self) -> Result<bool> {
        if !self.store.wants_sweep()? {
            return Ok(false);
        }
        // one that failed or was canceled is not begun again at once
        let lately = now_ms() - DELETE_AGAIN_MS;
        let tried = |job: &JobRow| job.kind == Delete::KIND && job.ended_ms > Some(lately);
        let jobs = self.store.jobs()?;
        Ok(!jobs.iter().any(|job| lives(job) || tried(job)))
    }
}

/// Removes the rows of deleted items before a job builds on what is there: the same file can be imported
/// again while its first import is still being removed.
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
        ctx.tick(Progress::new("giving the space back", 0, None, "bytes"));
        let is_other = |job: &JobRow| job.id != ctx.job() && job.kind != Self::KIND && lives(job);
        let returned = match store.jobs()?.iter().find(|job| is_other(job)) {
            Some(job) => {
                ctx.say(format!(
                    "job {} ({}) is running: the space is given back when it is done",
                    job.id, job.kind
                ));
                false
            }
            None => match store.return_space() {
                Ok(returned) => returned,
                Err(error @ (repartee_store::Error::Busy | repartee_store::Error::Full)) => {
                    ctx.say(format!("the space could not be given back: {error}"));
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
