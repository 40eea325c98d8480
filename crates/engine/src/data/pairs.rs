//! Comment-reply pairs, joined by the parent and filtered by the cleaning recipe.

use repartee_core::error::Result;
use repartee_core::job::{Ctx, Job, Progress, Stop};
use repartee_datasets::Recipe;
use repartee_store::pairs::PairQuery;
pub use repartee_store::pairs::UNREADABLE_RULE;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;

/// Joins all comments to their replies. A job: `pairs`. Running it again with another recipe adds and removes pairs,
/// except those that a split contains.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct BuildPairs {
    /// Which comments and replies are dropped.
    pub recipe: Recipe,
    /// Skips the search index: the pairs cannot be searched then.
    pub no_search: bool,
}

/// Counts before and after the recipe.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PairsBuilt {
    /// Comments in the project.
    pub comments: u64,
    /// Those that answer a comment, not a post.
    pub replies: u64,
    /// Those whose comment is in the project too: pairs before the recipe.
    pub joined: u64,
    /// Number dropped by the recipe, by the first rule that applied.
    pub dropped: Vec<(String, u64)>,
    /// Pairs after the recipe.
    pub kept: u64,
    /// Those that are new.
    pub new: u64,
    /// Former pairs that no longer pass.
    pub removed: u64,
    /// Pairs that pass, with at least one author `[deleted]`.
    #[serde(default)]
    pub unknown_authors: u64,
}

impl Job for BuildPairs {
    const KIND: &'static str = "pairs";
    const QUEUED: bool = true;
    const ALL_SOURCES: bool = true;
    type Outcome = PairsBuilt;

    fn run(&self, ctx: &Ctx) -> Result<PairsBuilt, Stop> {
        crate::items::finish_deletions(ctx)?;
        let store = &ctx.project.store;
        let total = store.counts()?.comments;
        let mut stopped = None;
        let counts = store.pairs_build(&self.recipe, |done| {
            ctx.tick(Progress::new(
                "joining replies to comments",
                done,
                Some(total),
                "comments",
            ));
            stopped = ctx.go_on().err();
            stopped.is_none()
        })?;
        if let Some(stop) = stopped {
            return Err(stop);
        }
        if !self.no_search {
            let mut stopped = None;
            store.pairs_index(|done| {
                let phase = "building the search index";
                ctx.tick(Progress::new(phase, done, Some(counts.kept), "pairs"));
                stopped = ctx.go_on().err();
                stopped.is_none()
            })?;
            if let Some(stop) = stopped {
                return Err(stop);
            }
        }
        Ok(PairsBuilt {
            comments: counts.comments,
            replies: counts.replies,
            joined: counts.joined,
            dropped: counts.dropped,
            kept: counts.kept,
            new: counts.new,
            removed: counts.removed,
            unknown_authors: counts.unknown_authors,
        })
    }
}

/// Which pairs to show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShowPairs {
    /// Only of these subreddits, case-insensitive; empty: all.
    pub subreddits: Vec<String>,
    /// Only with all of these words in the comment or the reply, anywhere, case-insensitive.
    pub contains: Option<String>,
    /// Only after this pair.
    pub after: Option<i64>,
    /// Maximum number.
    pub limit: usize,
    /// Only pairs that are excluded from splits; or only the others.
    pub excluded: Option<bool>,
}

/// A pair for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairInfo {
    /// The reply's number; a string in JSON, since some do not fit a JavaScript number.
    #[serde(with = "as_text")]
    pub id: i64,
    /// Empty: unknown.
    pub subreddit: String,
    pub comment: String,
    pub reply: String,
    /// Of the reply; `None`: unknown.
    pub score: Option<i64>,
    /// Why the pair is excluded from splits: its own reason, or that of an author.
    pub excluded: Option<String>,
}

/// A number as a string in JSON.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(id: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl Engine {
    /// Some pairs, in the order of their numbers.
    pub fn pairs(&self, show: &ShowPairs) -> Result<Vec<PairInfo>> {
        let query = PairQuery {
            subreddits: show.subreddits.clone(),
            contains: show.contains.clone(),
            excluded: show.excluded,
            ..PairQuery::default()
        };
        let pairs = self.store.pairs(&query, show.after, show.limit)?;
        Ok(pairs
            .into_iter()
            .map(|p| PairInfo {
                id: p.id,
                subreddit: p.subreddit,
                comment: p.comment,
                reply: p.reply,
                score: p.score,
                excluded: p.excluded.or_else(|| {
                    p.excluded_author
                        .map(|(name, reason)| format!("u/{name}: {reason}"))
                }),
            })
            .collect())
    }

    /// Number of pairs per subreddit, the largest first.
    pub fn pair_subreddits(&self) -> Result<Vec<(String, u64)>> {
        Ok(self.store.pair_subreddits()?)
    }
}
