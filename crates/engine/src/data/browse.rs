//! Browsing the data: sorting, filtering and searching pairs page by page, their distributions, and the labels that
//! given edges would produce.

use std::sync::{Arc, Mutex, PoisonError};

use repartee_charts::{Group, Picture};
use repartee_core::error::{Error, Result};
use repartee_core::format::counted;
use repartee_datasets::{BinEdges, Partition};
use repartee_store::pairs::{Pair, PairFigure, PairOrder, PairQuery};
use repartee_store::watch::Family;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;

/// Maximum number of rows per call: a call of this size takes milliseconds.
const PAGE: usize = 200;
/// Number of cached views: a table and a few searches, 8 MB per million pairs each.
const VIEWS: usize = 4;
/// Approximate number of histogram bars.
const BARS: usize = 40;

/// Which pairs to show, and in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct ViewPairs {
    /// Only of these subreddits, case-insensitive; empty: all.
    pub subreddits: Vec<String>,
    /// Only with all of these words in comment and reply together; the last may be a prefix.
    pub words: Option<String>,
    /// Minimum score of the reply.
    pub min_score: Option<i64>,
    /// Maximum score of the reply.
    pub max_score: Option<i64>,
    /// Only pairs of this split.
    pub split: Option<String>,
    /// Only this partition of the split.
    pub partition: Option<Partition>,
    /// Only from the source with this number.
    pub source: Option<i64>,
    /// Only pairs that are excluded from splits; or only the others.
    pub excluded: Option<bool>,
    pub order: PairOrder,
    /// The largest first.
    pub descending: bool,
}

/// A list of pairs that does not change while the user scrolls through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PairsView {
    /// Identifies the list in [`Engine::view_rows`].
    pub view: String,
    /// Number of pairs in it.
    pub total: u64,
}

/// Maximum characters of a text in a row of the table.
const SHOWN: usize = 300;

/// A pair as a row of the table; long texts are cut. [`Engine::pair`] has the full texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PairRow {
    /// A string, since some do not fit a JavaScript number.
    pub id: String,
    /// Empty: unknown.
    pub subreddit: String,
    /// Title of the post, if it was imported.
    pub title: Option<String>,
    pub comment: String,
    pub reply: String,
    /// `None`: unknown.
    pub comment_score: Option<i64>,
    /// Of the reply; `None`: unknown.
    pub score: Option<i64>,
    /// When the reply was written, seconds since 1970.
    pub created_utc: Option<i64>,
    /// Number of its source.
    pub source: i64,
    /// `None`: the source names nobody.
    pub comment_author: Option<String>,
    /// Author of the reply.
    pub author: Option<String>,
    /// Reason why the pair itself is excluded from splits; `None`: it is not.
    pub excluded: Option<String>,
    /// An excluded author of one of its texts, and the reason.
    pub excluded_author: Option<(String, String)>,
}

impl From<Pair> for PairRow {
    fn from(pair: Pair) -> Self {
        Self {
            id: pair.id.to_string(),
            subreddit: pair.subreddit,
            title: pair.title,
            comment: pair.comment,
            reply: pair.reply,
            comment_score: pair.comment_score,
            score: pair.score,
            created_utc: pair.created_utc,
            source: pair.source_id,
            comment_author: pair.comment_author,
            author: pair.author,
            excluded: pair.excluded,
            excluded_author: pair.excluded_author,
        }
    }
}

/// The beginning of a text.
fn cut(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(at);
        text.push('\u{2026}');
    }
}

/// The labels that a choice of edges gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Labels {
    /// The edges used: those given, else the quartiles.
    pub edges: Option<[i64; 3]>,
    /// Replies in each of the four bins.
    pub bins: [u64; 4],
    /// Replies without a score: they are not used for upvotes.
    pub unscored: u64,
    /// The quartiles of the scores.
    pub quartiles: Option<[i64; 3]>,
}

/// The lists that windows scroll through.
#[derive(Default)]
pub(crate) struct Views(Mutex<Vec<View>>);

struct View {
    name: String,
    query: PairQuery,
    order: PairOrder,
    descending: bool,
    /// [`repartee_store::Store::writes_of`] of the pairs when it was made.
    writes: i64,
    ids: Arc<Vec<i64>>,
}

impl Engine {
    fn query_of(&self, wanted: &ViewPairs) -> Result<PairQuery> {
        let split_id = match &wanted.split {
            Some(name) => Some(self.store.split(name)?.id),
            None => None,
        };
        Ok(PairQuery {
            split_id,
            partition: wanted.partition,
            subreddits: wanted.subreddits.clone(),
            min_score: wanted.min_score,
            max_score: wanted.max_score,
            words: wanted
                .words
                .clone()
                .filter(|words| !words.trim().is_empty()),
            source_id: wanted.source,
            excluded: wanted.excluded,
            ..PairQuery::default()
        })
    }

    /// Finds and sorts pairs once, so that reading any page is instant. Repeating the call costs nothing until pairs
    /// are added or removed.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`] if the split does not exist.
    pub fn view_pairs(&self, wanted: &ViewPairs) -> Result<PairsView> {
        let query = self.query_of(wanted)?;
        let writes = self.store.writes_of(Family::Pairs)?;
        let shown = |view: &View| PairsView {
            view: view.name.clone(),
            total: view.ids.len() as u64,
        };
        let mut views = self.views.lock();
        views.retain(|view| view.writes == writes);
        let same = |v: &View| {
            v.query == query && v.order == wanted.order && v.descending == wanted.descending
        };
        if let Some(view) = views.iter().find(|v| same(v)) {
            return Ok(shown(view));
        }
        drop(views); // finding may take a second; other windows continue
        let ids = self
            .store
            .pair_ids(&query, wanted.order, wanted.descending)?;
        let view = View {
            name: repartee_core::job::new_id(),
            query,
            order: wanted.order,
            descending: wanted.descending,
            writes,
            ids: Arc::new(ids),
        };
        let answer = shown(&view);
        let mut views = self.views.lock();
        if views.len() >= VIEWS {
            views.remove(0);
        }
        views.push(view);
        Ok(answer)
    }

    /// Rows of a view from number `from`, at most 200.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`] if the view is gone because pairs were added or other views replaced it: request it
    /// again.
    pub fn view_rows(&self, view: &str, from: u64, count: usize) -> Result<Vec<PairRow>> {
        let ids = {
            let views = self.views.lock();
            let found = views.iter().find(|v| v.name == view);
            found.map(|v| Arc::clone(&v.ids)).ok_or_else(|| {
                Error::new(
                    crate::Code::NotFound,
                    "this list of pairs is no longer cached; request it again",
                )
            })?
        };
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(ids.len());
        let to = (from + count.min(PAGE)).min(ids.len());
        Ok(self
            .store
            .pairs_of(&ids[from..to])?
            .into_iter()
            .map(|pair| {
                let mut row = PairRow::from(pair);
                cut(&mut row.comment);
                cut(&mut row.reply);
                row
            })
            .collect())
    }

    /// A pair with its full texts.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`].
    pub fn pair(&self, id: &str) -> Result<PairRow> {
        let found = match id.parse() {
            Ok(id) => self.store.pair(id)?,
            Err(_) => None,
        };
        found
            .map(PairRow::from)
            .ok_or_else(|| Error::new(crate::Code::NotFound, format!("there is no pair {id}")))
    }

    /// The distribution of the selected pairs by one figure. The outermost 1% at each end share the outermost bars, so
    /// that one huge value does not flatten the rest.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`] if there is nothing to draw.
    pub fn pairs_chart(&self, figure: PairFigure, wanted: &ViewPairs) -> Result<Picture> {
        let mut values = self.store.pair_figures(&self.query_of(wanted)?, figure)?;
        values.sort_unstable();
        let (edges, counts) = bars(&values);
        let heading = self.heading(
            figure.title().to_owned(),
            format!(
                "{}{}",
                counted(values.len(), "pair", "pairs"),
                wanted
                    .split
                    .as_ref()
                    .map(|s| format!(", split {s}"))
                    .unwrap_or_default()
            ),
        )?;
        let group = Group {
            name: "pairs".to_owned(),
            counts,
        };
        Ok(repartee_charts::histogram(
            &heading,
            figure.unit(),
            &edges,
            &[group],
        )?)
    }

    /// Number of replies in each of the four bins. Without edges: by the quartiles.
    ///
    /// # Errors
    /// [`crate::Code::Usage`] if the edges are not increasing.
    pub fn labels(&self, edges: Option<[i64; 3]>) -> Result<Labels> {
        let query = PairQuery {
            excluded: Some(false),
            ..PairQuery::default()
        };
        let mut scores = self.store.pair_figures(&query, PairFigure::Score)?;
        let pairs = self.store.pair_count(&query)?;
        let quartiles = BinEdges::quartiles(&mut scores);
        let by = match edges {
            Some(edges) => Some(BinEdges::try_from(edges).map_err(Error::usage)?),
            None => quartiles,
        };
        let mut bins = [0; 4];
        if let Some(by) = by {
            scores.iter().for_each(|score| bins[by.bin(*score)] += 1);
        }
        Ok(Labels {
            edges: by.map(BinEdges::edges),
            bins,
            unscored: pairs.saturating_sub(scores.len() as u64),
            quartiles: quartiles.map(BinEdges::edges),
        })
    }
}

impl Views {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<View>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Integer edges around sorted values, and the number of values between each two. Values outside of the middle 98%
/// count in the outermost bars.
fn bars(sorted: &[i64]) -> (Vec<f64>, Vec<u64>) {
    let (Some(first), Some(last)) = (
        sorted.get(sorted.len() / 100),
        sorted.get(sorted.len().saturating_sub(1 + sorted.len() / 100)),
    ) else {
        return (Vec::new(), Vec::new());
    };
    let width = ((last - first) / BARS as i64 + 1).max(1);
    let n = ((last - first) / width + 1) as usize;
    let edges = (0..=n as i64).map(|i| (first + i * width) as f64).collect();
    let mut counts = vec![0; n];
    for value in sorted {
        counts[((value - first).max(0) / width).min(n as i64 - 1) as usize] += 1;
    }
    (edges, counts)
}

#[cfg(test)]
mod tests {
    use super::bars;

    #[test]
    fn bars_count_every_value_once() {
        let mut values: Vec<i64> = (0..1000).map(|i| i % 97 - 20).collect();
        values.push(1_000_000);
        values.sort_unstable();
        let (edges, counts) = bars(&values);
        assert_eq!(edges.len(), counts.len() + 1);
        assert_eq!(counts.iter().sum::<u64>(), 1001);
        assert!(edges.last().is_some_and(|e| *e < 200.0), "{edges:?}");
        assert_eq!(bars(&[7]), (vec![7.0, 8.0], vec![1]));
        assert_eq!(bars(&[]), (vec![], vec![]));
    }
}
