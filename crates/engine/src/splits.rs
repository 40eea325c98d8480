//! Splits: pairs to train, val and test by whole threads, near-duplicates together; and their audit.

use std::collections::HashMap;

use repartee_datasets::duplicates::{self, Alike, DELETED, Member, Texts};
use repartee_datasets::near::Near;
use repartee_datasets::split::{self, Shares};
use repartee_datasets::{BinEdges, Partition};
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
    /// Whether the upvote bins were looked at; false: made by an older version.
    #[serde(default)]
    pub stratified: bool,
    /// Threads that went with another since they are the same post, from another source mostly.
    #[serde(default)]
    pub joined_posts: u64,
    /// Threads that went with another since they share a long text.
    #[serde(default)]
    pub joined_texts: u64,
    /// Pairs that a person had excluded; they are on no side.
    #[serde(default)]
    pub excluded: u64,
    /// Pairs that are on no side, by the rule that left them out.
    #[serde(default)]
    pub left_out: Vec<LeftOutPairs>,
}

/// Pairs that a split leaves out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LeftOutPairs {
    /// `duplicate_text`: a text of the pair, or one nearly like it, is on a side that comes first:
    /// train before test, test before val.
    pub rule: String,
    /// Pairs, by the side where they would be: train, val, test.
    pub pairs: [u64; 3],
}

/// What one side of a split holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PartitionInfo {
    /// Which side.
    #[serde(alias = "side")]
    pub partition: Partition,
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
    #[serde(alias = "sides")]
    pub partitions: Vec<PartitionInfo>,
    /// Upvote bins that a side lacks, and sides without a pair, in words.
    #[serde(default)]
    pub warnings: Vec<String>,
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

/// What an audit found. It looked at every thread, every pair and every text of any length; texts are
/// equal when their words are, whatever their case, marks and spaces. Long ones are compared by an
/// exact join, too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Audit {
    /// The split.
    pub name: String,
    /// Whether nothing is on two sides.
    pub clean: bool,
    /// Pairs that were looked at.
    pub pairs: u64,
    /// Texts that were compared: comments and replies.
    pub texts: u64,
    /// Different ones among them.
    pub different_texts: u64,
    /// What counted as a near-duplicate.
    pub near: Near,
    /// Threads on more than one side.
    pub torn_threads: u64,
    /// Posts on two sides, under two ids: of two sources, mostly.
    pub torn_posts: u64,
    /// Pairs of equal comment and equal reply on two sides.
    pub equal_pairs: u64,
    /// Equal texts on two sides.
    pub equal_texts: u64,
    /// Near-duplicate texts on two sides.
    #[serde(alias = "twin_texts")]
    pub near_duplicates: u64,
    /// The only exemption: texts that were deleted, which no model sees.
    pub deleted_texts: u64,
    /// Pairs that the split leaves out, as it was made.
    pub left_out: Vec<LeftOutPairs>,
    /// The first of each kind of leak: what is where.
    pub examples: Vec<String>,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

/// Leaks of a kind that an audit spells out; further ones are counted.
const EXAMPLES: usize = 20;

/// Divisions that are tried while a side lacks an upvote bin.
const TRIES: u64 = 8;

/// Times that the edges of the bins and the division that they come from are fitted to each other.
const FITS: usize = 4;

/// The rule that keeps a text off a second side.
const DUPLICATE_TEXT: &str = "duplicate_text";

/// What a split is made from, or an audit looks at.
#[derive(Default)]
struct Read {
    /// Ids of the threads; a pair's thread is a position in here.
    threads: Vec<i64>,
    position: HashMap<i64, usize>,
    members: Vec<Member>,
}

impl Read {
    fn add(&mut self, pair: i64, thread: i64, texts: [u32; 2]) {
        let thread = *self.position.entry(thread).or_insert_with(|| {
            self.threads.push(thread);
            self.threads.len() - 1
        });
        self.members.push(Member {
            pair,
            thread,
            texts,
        });
    }

    /// Threads that are one post: positions in [`Read::threads`].
    fn same_posts(&self, store: &repartee_store::Store) -> Result<Vec<(usize, usize)>> {
        let mut posts = Vec::new();
        let mut at = Vec::new();
        store.for_each_thread_post(|post| {
            if let Some(thread) = self.position.get(&post.id) {
                posts.push(post);
                at.push(*thread);
            }
        })?;
        let same = duplicates::same_posts(&posts).into_iter();
        Ok(same.map(|(a, b)| (at[a], at[b])).collect())
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

        // 1. All pairs with their threads and texts.
        let wanted = PairQuery {
            excluded: Some(false),
            ..PairQuery::default()
        };
        let total = store.pair_count(&wanted)?;
        let excluded = store.counts()?.pairs.saturating_sub(total);
        let mut read = Read::default();
        let mut scores: Vec<Option<i64>> = Vec::new();
        let mut texts = Texts::new(self.near);
        let mut stopped = None;
        store.for_each_pair(&wanted, |pair| {
            let numbers = [texts.number(&pair.comment), texts.number(&pair.reply)];
            read.add(pair.id, pair.thread_id, numbers);
            scores.push(pair.score);
            if scores.len().is_multiple_of(1000) {
                ctx.tick(Progress::new(
                    "reading pairs",
                    scores.len() as u64,
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
        if scores.is_empty() {
            let why = match excluded {
                0 => {
                    "there are no pairs to divide; import comments and build pairs first".to_owned()
                }
                n => {
                    format!("all {n} pairs are excluded; `repartee pairs include` takes that back")
                }
            };
            return Err(Error::new(Code::NotFound, why).into());
        }

        // 2. Threads of one post, and threads that share texts, belong together.
        let total = Some(texts.len() as u64);
        ctx.tick(Progress::new("comparing texts", 0, total, "texts"));
        let alike = texts.compare();
        let same = read.same_posts(store)?;
        let smallest = parts.into_iter().filter(|part| *part > 0.0);
        let cap = smallest.fold(1.0, f64::min) * scores.len() as f64 / 4.0;
        let joined =
            duplicates::group(&read.members, read.threads.len(), &alike, &same, cap as u64);
        ctx.say(format!(
            "{} pairs in {} threads; {} threads joined as the same post, {} by texts that they share",
            scores.len(),
            read.threads.len(),
            joined.by_post,
            joined.by_text
        ));
        ctx.go_on()?;

        // 3. Groups to sides, stratified by upvote bin; the edges from what train holds.
        let pairs = Pairs {
            members: &read.members,
            scores: &scores,
            group: read.members.iter().map(|m| joined.of[m.thread]).collect(),
            ids: group_ids(&joined.of, &read.threads),
        };
        let mut best: Option<Division> = None;
        for n in 0..TRIES {
            let seed = if n == 0 {
                self.seed
            } else {
                split::drawn(self.seed, n as i64)
            };
            let division = pairs.divide(&alike, given, parts, seed);
            if best
                .as_ref()
                .is_none_or(|best| division.lacking < best.lacking)
            {
                best = Some(division);
            }
            if best.as_ref().is_some_and(|best| best.lacking == 0) {
                break;
            }
            ctx.go_on()?;
        }
        let Some(division) = best else {
            return Err(Error::new(Code::Internal, "no division was made").into());
        };
        let mut left_out = [0; 3];
        let mut members = Vec::with_capacity(scores.len());
        for (n, member) in read.members.iter().enumerate() {
            match division.left_out[n] {
                true => left_out[division.partitions[n] as usize] += 1,
                false => members.push((member.pair, division.partitions[n])),
            }
        }
        let config = SplitConfig {
            shares: self.shares,
            edges: division.edges,
            near: self.near,
            stratified: true,
            joined_posts: joined.by_post,
            joined_texts: joined.by_text,
            excluded,
            left_out: (left_out != [0; 3])
                .then(|| LeftOutPairs {
                    rule: DUPLICATE_TEXT.to_owned(),
                    pairs: left_out,
                })
                .into_iter()
                .collect(),
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
        let made = ctx.engine.split(&self.name)?;
        made.warnings.iter().for_each(|warning| ctx.say(warning));
        Ok(made)
    }
}

/// The smallest id of a group's threads, by the group's number.
fn group_ids(group_of: &[usize], threads: &[i64]) -> HashMap<usize, i64> {
    let mut ids = HashMap::new();
    for (group, thread) in group_of.iter().zip(threads) {
        let id = ids.entry(*group).or_insert(*thread);
        *id = (*id).min(*thread);
    }
    ids
}

/// The pairs to divide.
struct Pairs<'a> {
    members: &'a [Member],
    scores: &'a [Option<i64>],
    /// The group of each pair.
    group: Vec<usize>,
    ids: HashMap<usize, i64>,
}

/// A way to divide them.
struct Division {
    partitions: Vec<Partition>,
    left_out: Vec<bool>,
    edges: Option<BinEdges>,
    /// Upvote bins that a side lacks, of those that pairs are in.
    lacking: usize,
}

impl Pairs<'_> {
    fn divide(
        &self,
        alike: &Alike,
        given: Option<BinEdges>,
        parts: [f64; 3],
        seed: u64,
    ) -> Division {
        let mut known: Vec<i64> = self.scores.iter().flatten().copied().collect();
        let mut strata = given.or_else(|| BinEdges::quartiles(&mut known));
        let mut best: Option<Division> = None;
        for _ in 0..FITS {
            let division = self.divide_by(strata, alike, given, parts, seed);
            let edges = division.edges;
            if best
                .as_ref()
                .is_none_or(|best| division.lacking < best.lacking)
            {
                best = Some(division);
            }
            if edges == strata {
                break;
            }
            strata = edges;
        }
        best.unwrap_or_else(|| self.divide_by(strata, alike, given, parts, seed))
    }

    /// Divides by the bins that these edges make.
    fn divide_by(
        &self,
        strata: Option<BinEdges>,
        alike: &Alike,
        given: Option<BinEdges>,
        parts: [f64; 3],
        seed: u64,
    ) -> Division {
        let mut at: HashMap<usize, usize> = HashMap::new();
        let mut groups: Vec<split::Group> = Vec::new();
        for (group, score) in self.group.iter().zip(self.scores) {
            let at = *at.entry(*group).or_insert_with(|| {
                groups.push(split::Group {
                    id: self.ids.get(group).copied().unwrap_or_default(),
                    classes: [0; split::CLASSES],
                });
                groups.len() - 1
            });
            let class = strata.and_then(|edges| Some(edges.bin((*score)?)));
            groups[at].classes[class.unwrap_or(split::CLASSES - 1)] += 1;
        }
        let of_groups = split::assign(&groups, parts, seed);
        let partitions: Vec<Partition> = self
            .group
            .iter()
            .map(|group| of_groups[at[group]])
            .collect();
        let left_out = duplicates::left_out(self.members, &partitions, alike);
        let mut train: Vec<i64> = (self.scores.iter().zip(&partitions))
            .filter(|(_, partition)| **partition == Partition::Train)
            .filter_map(|(score, _)| *score)
            .collect();
        let edges = given.or_else(|| BinEdges::quartiles(&mut train));
        let mut bins = [[0u64; 4]; 3];
        let mut there = [false; 4];
        if let Some(edges) = edges {
            for (n, score) in self.scores.iter().enumerate() {
                let Some(bin) = score.map(|score| edges.bin(score)) else {
                    continue;
                };
                there[bin] = true;
                bins[partitions[n] as usize][bin] += u64::from(!left_out[n]);
            }
        }
        // a bin that no pair is in cannot be on any side
        let lacking = |partition: usize| {
            let lacks = |bin: &usize| there[*bin] && bins[partition][*bin] == 0;
            let has_share = parts[partition] > 0.0;
            (0..4).filter(lacks).filter(|_| has_share).count()
        };
        Division {
            lacking: (0..3).map(lacking).sum(),
            partitions,
            left_out,
            edges,
        }
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
        let mut read = Read::default();
        let mut partitions = Vec::new();
        let mut texts = Texts::new(config.near);
        let (mut compared, mut deleted) = (0, 0);
        store.for_each_placed(split.id, |p| {
            let numbers = [texts.number(&p.comment), texts.number(&p.reply)];
            for number in numbers {
                match number == DELETED {
                    true => deleted += 1,
                    false => compared += 1,
                }
            }
            read.add(p.pair_id, p.thread_id, numbers);
            partitions.push(p.partition);
        })?;
        ctx.go_on()?;
        let total = Some(texts.len() as u64);
        ctx.tick(Progress::new("comparing texts", 0, total, "texts"));
        let different = texts.len() as u64;
        let alike = texts.compare();
        let same = read.same_posts(store)?;
        let threads = read.threads.len();
        let leaks = duplicates::audit(&read.members, &partitions, threads, &same, &alike);
        let partition_of: HashMap<i64, Partition> = (read.members.iter().zip(&partitions))
            .map(|(member, partition)| (member.pair, *partition))
            .collect();
        let pair = |id: &i64| {
            let partition = partition_of.get(id).map_or("?", |s| s.name());
            format!("{} ({partition})", repartee_datasets::id::encode(*id))
        };
        let thread = |at: usize| repartee_datasets::id::encode(read.threads[at]);
        let mut examples: Vec<String> = Vec::new();
        for at in leaks.threads.iter().take(EXAMPLES) {
            examples.push(format!("thread {} is on more than one side", thread(*at)));
        }
        for (a, b) in leaks.posts.iter().take(EXAMPLES) {
            let (a, b) = (thread(*a), thread(*b));
            examples.push(format!("threads {a} and {b} are one post, on two sides"));
        }
        for (a, b) in leaks.pairs.iter().take(EXAMPLES) {
            let (a, b) = (pair(a), pair(b));
            examples.push(format!("pairs {a} and {b} have the same comment and reply"));
        }
        for (a, b) in leaks.texts.iter().take(EXAMPLES) {
            examples.push(format!("pairs {} and {} share a text", pair(a), pair(b)));
        }
        for (a, b, similarity) in leaks.near.iter().take(EXAMPLES) {
            examples.push(format!(
                "a text of pair {} and one of pair {} are {:.0} % alike",
                pair(a),
                pair(b),
                similarity * 100.0
            ));
        }
        let audit = Audit {
            name: split.name,
            clean: leaks.none(),
            pairs: read.members.len() as u64,
            texts: compared,
            different_texts: different,
            near: config.near,
            torn_threads: leaks.threads.len() as u64,
            torn_posts: leaks.posts.len() as u64,
            equal_pairs: leaks.pairs.len() as u64,
            equal_texts: leaks.texts.len() as u64,
            near_duplicates: leaks.near.len() as u64,
            deleted_texts: deleted,
            left_out: config.left_out,
            examples,
            at_ms: now_ms(),
        };
        store.split_audited(split.id, &to_json(&audit)?)?;
        if audit.clean {
            return Ok(audit);
        }
        let mut error = Error::new(
            Code::Negative,
            format!(
                "split {:?} leaks: on two sides are {} threads, {} posts, {} equal pairs, {} equal texts \
                 and {} near-duplicate texts; make a new split",
                audit.name,
                audit.torn_threads,
                audit.torn_posts,
                audit.equal_pairs,
                audit.equal_texts,
                audit.near_duplicates
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
        let mut partitions = Vec::new();
        for (partition, count) in Partition::ALL.into_iter().zip(counts) {
            let mut bins = Vec::new();
            if let Some(edges) = config.edges {
                bins = vec![0; 4];
                for score in self.store.split_scores(split.id, partition)? {
                    bins[edges.bin(score)] += 1;
                }
            }
            partitions.push(PartitionInfo {
                partition,
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
        let warnings = warnings(&config, &partitions);
        Ok(SplitInfo {
            label: self.store.label(ItemKind::Split, split.id)?,
            warnings,
            name: split.name,
            seed: split.seed as u64,
            config,
            partitions,
            audit,
            created_ms: split.created_ms,
        })
    }
}

/// What a side lacks although it has a share.
fn warnings(config: &SplitConfig, partitions: &[PartitionInfo]) -> Vec<String> {
    let parts = config.shares.parts().unwrap_or_default();
    let mut warnings = Vec::new();
    for partition in partitions
        .iter()
        .filter(|partition| parts[partition.partition as usize] > 0.0)
    {
        let lacking: Vec<String> = (partition.bins.iter().enumerate())
            .filter(|(_, pairs)| **pairs == 0)
            .map(|(bin, _)| match config.edges {
                Some(edges) => format!("{bin} (score {})", edges.range(bin)),
                None => bin.to_string(),
            })
            .collect();
        if partition.pairs == 0 {
            warnings.push(format!("{} has no pairs", partition.partition));
        } else if !lacking.is_empty() {
            warnings.push(format!(
                "{} has no pairs of upvote bin {}; nothing can be said about that there",
                partition.partition,
                lacking.join(", ")
            ));
        }
    }
    warnings
}
