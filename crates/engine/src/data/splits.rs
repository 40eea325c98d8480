//! Splits: whole threads to train, val and test, near-duplicates together; and their audit.

use std::collections::{BTreeSet, HashMap};

use repartee_core::error::{Code, Error, Result};
use repartee_core::format::counted;
use repartee_core::job::{Ctx, Job, Progress, Stop, from_json, now_ms, to_json};
use repartee_core::kind::{EachName, Named};
use repartee_core::unreadable::{Listed, good};
use repartee_datasets::duplicates::{self, Alike, DELETED, Member, Texts};
use repartee_datasets::label::BINS;
use repartee_datasets::near::Near;
use repartee_datasets::split::{self, Shares};
use repartee_datasets::{BinEdges, Partition};
use repartee_store::pairs::PairQuery;
use repartee_store::splits::{NewSplit, Split};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::ToEngine;
use crate::items::{ItemKind, Label, finish_deletions};

/// Splits all pairs of the project. A job: `split`. The split is locked: pairs added later are in none of its
/// partitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct MakeSplit {
    pub name: String,
    pub seed: u64,
    /// Shares of the partitions, by pairs.
    pub shares: Shares,
    /// The three edges between the four upvote bins; `None`: quartiles of the training set's scores.
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

/// Settings of a split; stored with it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SplitConfig {
    /// Shares of the partitions, by pairs.
    pub shares: Shares,
    /// Edges between the upvote bins; `None`: no reply has a score.
    pub edges: Option<BinEdges>,
    /// What counted as a near-duplicate.
    pub near: Near,
    /// Whether it is stratified by upvote bin; false: made by an older version.
    #[serde(default)]
    pub stratified: bool,
    /// Threads merged into another because they are the same post, mostly from another source.
    #[serde(default)]
    pub joined_posts: u64,
    /// Threads merged into another because they share a long text.
    #[serde(default)]
    pub joined_texts: u64,
    /// Pairs excluded by the user; they are in no partition.
    #[serde(default)]
    pub excluded: u64,
    /// Pairs in no partition, by the rule that left them out.
    #[serde(default)]
    pub left_out: Vec<LeftOutPairs>,
}

/// Pairs that a split leaves out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LeftOutPairs {
    /// `duplicate_text`: a text of the pair, or a near-duplicate, is in a partition that takes precedence: train before
    /// test, test before val.
    pub rule: String,
    /// Number of pairs, by the partition they would be in: train, val, test.
    pub pairs: [u64; 3],
}

/// Contents of one partition of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PartitionInfo {
    #[serde(alias = "side")]
    pub partition: Partition,
    pub pairs: u64,
    pub threads: u64,
    /// Pairs whose reply has a score.
    pub scored: u64,
    /// Number in each upvote bin; empty without edges.
    pub bins: Vec<u64>,
}

/// A split for display.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SplitInfo {
    pub name: String,
    pub seed: u64,
    pub config: SplitConfig,
    /// In the order train, val, test.
    #[serde(alias = "sides")]
    pub partitions: Vec<PartitionInfo>,
    /// Upvote bins missing from a partition, and empty partitions, as text.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The last audit, if any.
    pub audit: Option<Audit>,
    #[serde(default)]
    pub label: Label,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// Audits a split. A job: `audit`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSplit {
    pub name: String,
}

/// The result of an audit. It checks every thread, every pair and every text of any length; texts are equal if their
/// words are, whatever their case, punctuation and spaces. Long ones are also compared by an exact join.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Audit {
    pub name: String,
    /// Whether every pair is in a known partition, and no text in two.
    pub clean: bool,
    pub pairs: u64,
    /// Pairs whose stored partition is none of the three: they cannot be compared.
    pub unknown_partitions: u64,
    /// Texts compared: comments and replies.
    pub texts: u64,
    /// Number of different ones.
    pub different_texts: u64,
    /// What counted as a near-duplicate.
    pub near: Near,
    /// Threads in more than one partition.
    pub torn_threads: u64,
    /// Posts in two partitions under two ids: mostly of two sources.
    pub torn_posts: u64,
    /// Pairs with equal comment and equal reply in two partitions.
    pub equal_pairs: u64,
    /// Equal texts in two partitions.
    pub equal_texts: u64,
    /// Near-duplicate texts in two partitions.
    #[serde(alias = "twin_texts")]
    pub near_duplicates: u64,
    /// The only exemption: deleted texts, which no model sees.
    pub deleted_texts: u64,
    /// Pairs that the split left out when it was made.
    pub left_out: Vec<LeftOutPairs>,
    /// The first leaks of each kind.
    pub examples: Vec<String>,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// Leaks of a kind that an audit describes; further ones are only counted.
const EXAMPLES: usize = 20;

/// Splits that are tried while a partition lacks an upvote bin.
const TRIES: u64 = 8;

/// Iterations of fitting the bin edges and the split to each other.
const FITS: usize = 4;

/// The rule that keeps a text out of a second partition.
const DUPLICATE_TEXT: &str = "duplicate_text";

/// What a split is made from, or an audit checks.
#[derive(Default)]
struct Read {
    /// Ids of the threads; a pair's thread is an index into this.
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

    /// Threads that are one post: indices into [`Read::threads`].
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
        let mut same: Vec<_> = same.map(|(a, b)| (at[a], at[b])).collect();
        // pairs that were joined before all parents were imported have the links of their rows
        let mut first_of: HashMap<i64, usize> = HashMap::new();
        let one_thread = store.threads_of_links()?;
        if !one_thread.is_empty() {
            for (at, thread) in self.threads.iter().enumerate() {
                let of = one_thread.get(thread).unwrap_or(thread);
                let first = *first_of.entry(*of).or_insert(at);
                if first != at {
                    same.push((first, at));
                }
            }
        }
        Ok(same)
    }
}

impl Job for MakeSplit {
    const KIND: &'static str = "split";
    const QUEUED: bool = true;
    const ALL_SOURCES: bool = true;
    type Outcome = SplitInfo;

    fn names(&mut self, each: EachName) {
        each(Named::made(ItemKind::Split, &mut self.name));
    }

    fn subject(&self) -> String {
        self.name.clone()
    }

    fn run(&self, ctx: &Ctx) -> Result<SplitInfo, Stop> {
        let store = &ctx.project.store;
        let parts = self
            .shares
            .parts()
            .map_err(|why| Error::new(Code::Usage, why))?;
        let Shares { train, val, test } = self.shares;
        let sum = train + val + test;
        if (sum - 1.0).abs() > 1e-6 {
            return Err(Error::usage(format!(
                "the shares {train}, {val} and {test} add up to {sum}; they are fractions that add up to 1, such as 0.8,0.1,0.1"
            ))
            .into());
        }
        let given = match self.edges {
            Some(edges) => {
                Some(BinEdges::try_from(edges).map_err(|why| Error::new(Code::Usage, why))?)
            }
            None => None,
        };
        check_near(&self.near)?;
        repartee_core::names::check(ItemKind::Split, &self.name)?;
        finish_deletions(ctx)?;
        if store.splits()?.iter().any(|s| s.name == self.name) {
            return Err(Error::new(
                Code::Exists,
                format!(
                    "a split named {:?} already exists; choose another name",
                    self.name
                ),
            )
            .into());
        }

        // 1. Read all pairs with their threads and texts.
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
        let mut gone: u64 = 0;
        store.for_each_pair(&wanted, |pair| {
            let numbers = [texts.number(&pair.comment), texts.number(&pair.reply)];
            if numbers.contains(&DELETED) {
                gone += 1;
                return true;
            }
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
        if gone > 0 {
            ctx.say(format!(
                "{}: a text was deleted or removed after the pairs were built",
                counted(gone, "pair is left out", "pairs are left out")
            ));
        }
        if scores.is_empty() {
            let why =
                match excluded {
                    0 if gone > 0 => "every pair lost a text to deletion or removal".to_owned(),
                    0 => "there are no pairs to split; import comments and build pairs first"
                        .to_owned(),
                    _ => "every pair is excluded; `repartee pairs include` includes one again"
                        .to_owned(),
                };
            return Err(Error::new(Code::NotFound, why).into());
        }

        // 2. Group threads of one post, and threads that share texts.
        let total = Some(texts.len() as u64);
        ctx.tick(Progress::new("comparing texts", 0, total, "texts"));
        let alike = texts.compare();
        let same = read.same_posts(store)?;
        let smallest = parts.into_iter().filter(|part| *part > 0.0);
        let cap = smallest.fold(1.0, f64::min) * scores.len() as f64 / 4.0;
        let joined =
            duplicates::group(&read.members, read.threads.len(), &alike, &same, cap as u64);
        ctx.say(format!(
            "{} in {}; {} merged as the same post, {} by shared texts",
            counted(scores.len(), "pair", "pairs"),
            counted(read.threads.len(), "thread", "threads"),
            counted(joined.by_post, "thread", "threads"),
            joined.by_text
        ));
        ctx.go_on()?;

        // 3. Assign groups to partitions, stratified by upvote bin; the edges come from the training set.
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
            return Err(Error::new(Code::Internal, "no split was found").into());
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
        let made = ctx.engine().split(&self.name)?;
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

/// The pairs to split.
struct Pairs<'a> {
    members: &'a [Member],
    scores: &'a [Option<i64>],
    /// The group of each pair.
    group: Vec<usize>,
    ids: HashMap<usize, i64>,
}

/// A candidate split.
struct Division {
    partitions: Vec<Partition>,
    left_out: Vec<bool>,
    edges: Option<BinEdges>,
    /// Upvote bins that a partition lacks, of those that pairs are in.
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

    /// Splits by the bins of these edges.
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
        // a bin without pairs cannot be in any partition
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
    const QUEUED: bool = true;
    type Outcome = Audit;

    fn names(&mut self, each: EachName) {
        each(Named::used(ItemKind::Split, &mut self.name));
    }

    fn subject(&self) -> String {
        self.name.clone()
    }

    fn run(&self, ctx: &Ctx) -> Result<Audit, Stop> {
        let store = &ctx.project.store;
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
        let unplaced = store.split_pairs_unplaced(split.id)?;
        let partition_of: HashMap<i64, Partition> = (read.members.iter().zip(&partitions))
            .map(|(member, partition)| (member.pair, *partition))
            .collect();
        let pair = |id: &i64| {
            let partition = partition_of.get(id).map_or("?", |s| s.name());
            format!("{} ({partition})", crate::data::curation::pair_name(*id))
        };
        let thread = |at: usize| repartee_datasets::id::encode(read.threads[at]);
        let mut examples: Vec<String> = Vec::new();
        for (id, number) in unplaced.iter().take(EXAMPLES) {
            let name = crate::data::curation::pair_name(*id);
            examples.push(format!(
                "pair {name} is in no known set: its number is {number}"
            ));
        }
        for at in leaks.threads.iter().take(EXAMPLES) {
            examples.push(format!("thread {} is in more than one set", thread(*at)));
        }
        for (a, b) in leaks.posts.iter().take(EXAMPLES) {
            let (a, b) = (thread(*a), thread(*b));
            examples.push(format!(
                "threads {a} and {b} are the same post, in two sets"
            ));
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
                "texts of pairs {} and {} have a similarity of {:.0}%",
                pair(a),
                pair(b),
                similarity * 100.0
            ));
        }
        let audit = Audit {
            name: split.name,
            clean: leaks.none() && unplaced.is_empty(),
            pairs: read.members.len() as u64,
            unknown_partitions: unplaced.len() as u64,
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
        let unknown = (audit.unknown_partitions > 0).then(|| {
            format!(
                "{} of split {:?} {} in no known set, so leakage cannot be ruled out; `repartee check` \
                 gives details. Restore the project from a backup, or create a new split",
                counted(audit.unknown_partitions, "pair", "pairs"),
                audit.name,
                match audit.unknown_partitions {
                    1 => "is",
                    _ => "are",
                }
            )
        });
        let leaking = (!leaks.none()).then(|| {
            format!(
                "split {:?} leaks: its sets share {}, {}, {}, {} and {}; create a new split",
                audit.name,
                counted(audit.torn_threads, "thread", "threads"),
                counted(audit.torn_posts, "post", "posts"),
                counted(audit.equal_pairs, "equal pair", "equal pairs"),
                counted(audit.equal_texts, "equal text", "equal texts"),
                counted(
                    audit.near_duplicates,
                    "near-duplicate text",
                    "near-duplicate texts"
                )
            )
        });
        let why: Vec<String> = leaking.into_iter().chain(unknown).collect();
        let mut error = Error::new(Code::Negative, why.join(". "));
        error.detail = audit.examples;
        Err(error.into())
    }
}

impl Engine {
    /// All splits, oldest first.
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
    /// [`Code::NotFound`], with the names that exist.
    pub fn split(&self, name: &str) -> Result<SplitInfo> {
        self.split_info(self.store.split(name)?)
    }

    fn split_info(&self, split: Split) -> Result<SplitInfo> {
        let config: SplitConfig = from_json(&split.config)?;
        let counts = self.store.split_counts(split.id)?;
        let mut partitions = Vec::new();
        let mut distinct: BTreeSet<i64> = BTreeSet::new();
        for (partition, count) in Partition::ALL.into_iter().zip(counts) {
            let mut bins = Vec::new();
            if let Some(edges) = config.edges {
                bins = vec![0; BINS];
                for score in self.store.split_scores(split.id, partition)? {
                    bins[edges.bin(score)] += 1;
                    if distinct.len() < BINS {
                        distinct.insert(score);
                    }
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
        let mut warnings = warnings(&config, &partitions);
        if (1..BINS).contains(&distinct.len()) {
            warnings.push(format!(
                "the replies have {}, so no more than {} of the {BINS} upvote bins can have pairs",
                counted(distinct.len(), "distinct score", "distinct scores"),
                distinct.len()
            ));
        }
        let unplaced = self.store.split_pairs_unplaced(split.id)?.len() as u64;
        if unplaced > 0 {
            warnings.push(format!(
                "{} in no known set; see `repartee check`",
                counted(unplaced, "pair is", "pairs are")
            ));
        }
        if let Some(audit) = &mut audit {
            audit.name.clone_from(&split.name);
            // the file may have been edited since
            audit.unknown_partitions = unplaced;
            audit.clean &= unplaced == 0;
        }
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

/// What a partition lacks although it has a share.
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
        // as in the table of the split
        let set = match partition.partition {
            Partition::Val => "validation",
            other => other.name(),
        };
        if partition.pairs == 0 {
            warnings.push(format!("the {set} set has no pairs"));
        } else if !lacking.is_empty() {
            warnings.push(format!(
                "the {set} set has no pairs of upvote bin {}; metrics of that bin are undefined there",
                lacking.join(", ")
            ));
        }
    }
    warnings
}
