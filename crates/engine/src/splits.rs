//! Splits: pairs to train, val and test by whole threads, near-duplicates together; and their audit.

use std::collections::{HashMap, HashSet};

use repartee_datasets::near::{self, Near};
use repartee_datasets::split::{self, Shares};
use repartee_datasets::{BinEdges, Side};
use repartee_store::pairs::PairQuery;
use repartee_store::splits::{NewSplit, Split};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::error::{Code, Error, Result};
use crate::items::{ItemKind, Label, finish_deletions};
use crate::job::{Ctx, Job, Progress, Stop, from_json, now_ms, to_json};
use crate::unreadable::{Listed, good};

/// Divides all pairs of the project. A job: `split`. The split is frozen: pairs that come later are
/// on no side of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct MakeSplit {
    /// Its name.
    pub name: String,
    /// The seed of the division.
    pub seed: u64,
    /// The shares of the sides, by pairs.
    pub shares: Shares,
    /// The three edges between the four upvote bins; `None`: quartiles of the train side's scores.
    pub edges: Option<[i64; 3]>,
    /// What counts as a near-duplicate.
    pub near: Near,
}

impl Default for MakeSplit {
    fn default() -> Self {
        Self {
            name: "main".into(),
            seed: 1,
            shares: Shares::default(),
            edges: None,
            near: Near::default(),
        }
    }
}

/// What a split was made by; stored with it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SplitConfig {
    /// The shares of the sides, by pairs.
    pub shares: Shares,
    /// The edges between the upvote bins; `None`: no reply has a score.
    pub edges: Option<BinEdges>,
    /// What counted as a near-duplicate.
    pub near: Near,
}

/// What one side of a split holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SideInfo {
    /// Which side.
    pub side: Side,
    /// Pairs.
    pub pairs: u64,
    /// Threads they belong to.
    pub threads: u64,
    /// Pairs whose reply's score is known.
    pub scored: u64,
    /// Those in each upvote bin; empty without edges.
    pub bins: Vec<u64>,
}

/// A split as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SplitInfo {
    /// Its name.
    pub name: String,
    /// The seed of the division.
    pub seed: u64,
    /// What it was made by.
    pub config: SplitConfig,
    /// What its sides hold, in the order train, val, test.
    pub sides: Vec<SideInfo>,
    /// The last audit, if there was one.
    pub audit: Option<Audit>,
    /// A person's note and tags.
    #[serde(default)]
    pub label: Label,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
}

/// Which split to audit. A job: `audit`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSplit {
    /// Its name.
    pub name: String,
}

/// What an audit found. It looked at every thread, and by an exact join at every two texts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Audit {
    /// The split.
    pub name: String,
    /// Whether nothing is on two sides.
    pub clean: bool,
    /// Pairs that were looked at.
    pub pairs: u64,
    /// Texts that were long enough to be compared.
    pub texts: u64,
    /// What counted as a near-duplicate.
    pub near: Near,
    /// Threads on more than one side.
    pub torn_threads: u64,
    /// Near-duplicate texts on two sides.
    pub twin_texts: u64,
    /// The first of each: what is where.
    pub examples: Vec<String>,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

/// Leaks that an audit spells out; further ones are counted.
const EXAMPLES: usize = 20;

/// The texts to compare, and what each belongs to: a position in a list of the caller's.
#[derive(Default)]
struct Texts {
    texts: Vec<String>,
    owner: Vec<usize>,
}

impl Texts {
    /// Adds a text that may be long enough: words take a letter each and a space between.
    fn add(&mut self, near: &Near, text: String, owner: usize) {
        if text.len() + 1 >= 2 * near.min_words {
            self.texts.push(text);
            self.owner.push(owner);
        }
    }
}

impl Job for MakeSplit {
    const KIND: &'static str = "split";
    type Outcome = SplitInfo;

    fn run(&self, ctx: &Ctx) -> Result<SplitInfo, Stop> {
        let store = &ctx.engine.store;
        let parts = self
            .shares
            .parts()
            .map_err(|why| Error::new(Code::Usage, why))?;
        let given = match self.edges {
            Some(edges) => {
                Some(BinEdges::try_from(edges).map_err(|why| Error::new(Code::Usage, why))?)
            }
            None => None,
        };
        check_near(&self.near)?;
        crate::names::check(ItemKind::Split, &self.name)?;
        finish_deletions(ctx)?;
        if store.splits()?.iter().any(|s| s.name == self.name) {
            return Err(Error::new(
                Code::Exists,
                format!(
                    "there is a split called {:?} already; give another name",
                    self.name
                ),
            )
            .into());
        }

        // 1. All pairs with their threads, and the texts to compare.
        let total = store.counts()?.pairs;
        let mut position: HashMap<i64, usize> = HashMap::new(); // of a thread in `threads`
        let mut threads: Vec<(i64, u64)> = Vec::new();
        let mut pairs: Vec<(i64, i64, Option<i64>)> = Vec::new(); // id, thread, score
        let mut comments: HashSet<i64> = HashSet::new(); // each once, however many replies it has
        let mut texts = Texts::default();
        let mut stopped = None;
        store.for_each_pair(&PairQuery::default(), |pair| {
            let thread = *position.entry(pair.thread_id).or_insert_with(|| {
                threads.push((pair.thread_id, 0));
                threads.len() - 1
            });
            threads[thread].1 += 1;
            pairs.push((pair.id, pair.thread_id, pair.score));
            if comments.insert(pair.comment_id) {
                texts.add(&self.near, pair.comment, thread);
            }
            texts.add(&self.near, pair.reply, thread);
            if pairs.len().is_multiple_of(1000) {
                ctx.tick(Progress::new(
                    "reading pairs",
                    pairs.len() as u64,
                    Some(total),
                    "pairs",
                ));
                stopped = ctx.go_on().err();
            }
            stopped.is_none()
        })?;
        if let Some(stop) = stopped {
            return Err(stop);
        }
        if pairs.is_empty() {
            return Err(Error::new(
                Code::NotFound,
                "there are no pairs to divide; import comments and build pairs first",
            )
            .into());
        }

        // 2. Threads that share a text belong together.
        let comparing = "comparing texts";
        ctx.tick(
            Progress::new(comparing, 0, None, "texts").note(format!("{} texts", texts.texts.len())),
        );
        let twins = near::find(&texts.texts, &self.near);
        let linked: Vec<(i64, i64)> = twins
            .iter()
            .map(|t| (threads[texts.owner[t.a]].0, threads[texts.owner[t.b]].0))
            .filter(|(a, b)| a != b)
            .collect();
        ctx.say(format!(
            "{} pairs in {} threads; {} links between threads by near-duplicate texts",
            pairs.len(),
            threads.len(),
            linked.len()
        ));
        ctx.go_on()?;

        // 3. Components to sides, and the edges from what train holds.
        let sides = split::assign(&threads, &linked, parts, self.seed);
        let mut members = Vec::with_capacity(pairs.len());
        let mut scores = Vec::new();
        for (id, thread, score) in &pairs {
            let side = sides.get(thread).copied().unwrap_or(Side::Train);
            members.push((*id, side));
            if side == Side::Train {
                scores.extend(score);
            }
        }
        let config = SplitConfig {
            shares: self.shares,
            edges: given.or_else(|| BinEdges::quartiles(&mut scores)),
            near: self.near,
        };
        store.split_insert(
            &NewSplit {
                name: self.name.clone(),
                seed: self.seed as i64,
                config: to_json(&config)?,
            },
            &members,
            now_ms(),
        )?;
        Ok(ctx.engine.split(&self.name)?)
    }
}

fn check_near(near: &Near) -> Result<()> {
    if near.threshold > 0.0 && near.threshold <= 1.0 && near.shingle > 0 {
        return Ok(());
    }
    Err(Error::usage(
        "near-duplicates need a threshold above 0 and at most 1, and shingles of at least 1 word",
    ))
}

impl Job for AuditSplit {
    const KIND: &'static str = "audit";
    type Outcome = Audit;

    fn run(&self, ctx: &Ctx) -> Result<Audit, Stop> {
        let store = &ctx.engine.store;
        let split = store.split(&self.name)?;
        let config: SplitConfig = from_json(&split.config)?;
        let mut placed: Vec<split::Placed> = Vec::new();
        let mut texts = Texts::default();
        store.for_each_placed(split.id, |p| {
            let at = placed.len();
            placed.push(split::Placed {
                pair: p.pair_id,
                thread: p.thread_id,
                side: p.side,
            });
            // A comment with several replies comes several times: equal texts cost one comparison, and
            // an audit takes nothing on trust, not even that they are on one side.
            texts.add(&config.near, p.comment, at);
            texts.add(&config.near, p.reply, at);
        })?;
        ctx.go_on()?;
        ctx.tick(
            Progress::new("comparing texts", 0, None, "texts")
                .note(format!("{} texts", texts.texts.len())),
        );
        let twins = near::find(&texts.texts, &config.near);
        let leaks = split::audit(&placed, &texts.owner, &twins);
        let side_of: HashMap<i64, Side> = placed.iter().map(|p| (p.pair, p.side)).collect();
        let of = |pair: &i64| side_of.get(pair).map_or("?", |s| s.name());
        let torn = leaks.threads.iter().map(|thread| {
            let id = repartee_datasets::id::encode(*thread);
            format!("thread {id} is on more than one side")
        });
        let twin = leaks.texts.iter().map(|(a, b, similarity)| {
            let excerpt = |id: &i64| repartee_datasets::id::encode(*id);
            format!(
                "a text of pair {} ({}) and one of pair {} ({}) are {:.0} % alike",
                excerpt(a),
                of(a),
                excerpt(b),
                of(b),
                similarity * 100.0
            )
        });
        let audit = Audit {
            name: split.name,
            clean: leaks.none(),
            pairs: placed.len() as u64,
            texts: texts.texts.len() as u64,
            near: config.near,
            torn_threads: leaks.threads.len() as u64,
            twin_texts: leaks.texts.len() as u64,
            examples: torn.take(EXAMPLES).chain(twin.take(EXAMPLES)).collect(),
            at_ms: now_ms(),
        };
        store.split_audited(split.id, &to_json(&audit)?)?;
        if audit.clean {
            return Ok(audit);
        }
        let mut error = Error::new(
            Code::Negative,
            format!(
                "split {:?} leaks: {} threads and {} near-duplicate texts are on two sides; make a new split",
                audit.name, audit.torn_threads, audit.twin_texts
            ),
        );
        error.detail = audit.examples;
        Err(error.into())
    }
}

impl Engine {
    /// All splits, in the order in which they were made.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn splits(&self) -> Result<Vec<SplitInfo>> {
        good(self.splits_read()?)
    }

    pub(crate) fn splits_read(&self) -> Result<Listed<SplitInfo>> {
        let splits = self.store.splits()?.into_iter();
        Ok(splits
            .map(|split| (split.id, self.split_info(split)))
            .collect())
    }

    /// A split by its name.
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names there are.
    pub fn split(&self, name: &str) -> Result<SplitInfo> {
        self.split_info(self.store.split(name)?)
    }

    fn split_info(&self, split: Split) -> Result<SplitInfo> {
        let config: SplitConfig = from_json(&split.config)?;
        let counts = self.store.split_counts(split.id)?;
        let mut sides = Vec::new();
        for (side, count) in Side::ALL.into_iter().zip(counts) {
            let mut bins = Vec::new();
            if let Some(edges) = config.edges {
                bins = vec![0; 4];
                for score in self.store.split_scores(split.id, side)? {
                    bins[edges.bin(score)] += 1;
                }
            }
            sides.push(SideInfo {
                side,
                pairs: count.pairs,
                threads: count.threads,
                scored: count.scored,
                bins,
            });
        }
        let mut audit: Option<Audit> = split.audit.as_deref().map(from_json).transpose()?;
        if let Some(audit) = &mut audit {
            audit.name.clone_from(&split.name);
        }
        Ok(SplitInfo {
            label: self.store.label(ItemKind::Split, split.id)?,
            name: split.name,
            seed: split.seed as u64,
            config,
            sides,
            audit,
            created_ms: split.created_ms,
        })
    }
}
