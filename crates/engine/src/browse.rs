//! Looking through the data: pairs sorted, filtered and searched a page at a time, how they are spread,
//! and what labels a choice of edges would give.

use std::sync::{Arc, Mutex, PoisonError};

use repartee_charts::{Group, Picture};
use repartee_datasets::{BinEdges, Partition};
use repartee_store::pairs::{Pair, PairFigure, PairOrder, PairQuery};
use repartee_store::watch::Family;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::error::{Error, Result};

/// Rows that one call gives at most: a call of this size takes milliseconds.
const PAGE: usize = 200;
/// Views that are kept: a table and a few searches, 8 MB for each million pairs.
const VIEWS: usize = 4;
/// Bars of a histogram, about.
const BARS: usize = 40;

/// Which pairs to look at, and in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct ViewPairs {
    /// Only of these subreddits, in any case; empty: of all.
    pub subreddits: Vec<String>,
    /// Only with all of these words in comment and reply together; the last may be the beginning of one.
    pub words: Option<String>,
    /// Least score of the reply.
    pub min_score: Option<i64>,
    /// Greatest score of the reply.
    pub max_score: Option<i64>,
    /// Only pairs of this split.
    pub split: Option<String>,
    /// Only this side of the split.
    pub partition: Option<Partition>,
    /// Only from this source, by its number.
    pub source: Option<i64>,
    /// Only pairs that are excluded from splits; or only the others.
    pub excluded: Option<bool>,
    /// What they are sorted by.
    pub order: PairOrder,
    /// The largest first.
    pub descending: bool,
}

/// A list of pairs that stays as it is while a person scrolls through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PairsView {
    /// Names the list in [`Engine::view_rows`].
    pub view: String,
    /// How many pairs it has.
    pub total: u64,
}

/// Characters of a text that a row of a table shows.
const SHOWN: usize = 300;

/// A pair as a row of a table; long texts are cut there, and whole in [`Engine::pair`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PairRow {
    /// Its number; a string, since some do not fit a JavaScript number.
    pub id: String,
    /// Name of the subreddit; empty: unknown.
    pub subreddit: String,
    /// Title of the post, where it was imported.
    pub title: Option<String>,
    /// Text of the comment.
    pub comment: String,
    /// Text of the reply.
    pub reply: String,
    /// Score of the comment; `None`: unknown.
    pub comment_score: Option<i64>,
    /// Score of the reply; `None`: unknown.
    pub score: Option<i64>,
    /// When the reply was written, seconds since 1970.
    pub created_utc: Option<i64>,
    /// The source it came from, by its number.
    pub source: i64,
    /// Who wrote the comment; `None`: the source names nobody.
    pub comment_author: Option<String>,
    /// Who wrote the reply.
    pub author: Option<String>,
    /// Why the pair is excluded from splits by itself; `None`: it is not.
    pub excluded: Option<String>,
    /// An excluded author of one of its texts, and why.
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

/// What a choice of edges would make of the scores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Labels {
    /// The edges that were counted by: those given, else the quartiles.
    pub edges: Option<[i64; 3]>,
    /// Replies in each of the four bins.
    pub bins: [u64; 4],
    /// Replies whose score is not known: they take no part in upvotes.
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
    /// [`repartee_store::Store::writes_of`] the pairs when it was made.
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

    /// Finds and sorts pairs once, so that any page of them can be read in no time. Asking for the same
    /// again costs nothing until pairs were added or removed.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`] when there is no such split.
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
        drop(views); // finding may take a second; other windows go on
        let ids = self
            .store
            .pair_ids(&query, wanted.order, wanted.descending)?;
        let view = View {
            name: crate::job::new_id(),
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
    /// [`crate::Code::NotFound`] when the view is gone, since pairs were added or other views came: ask
    /// for it again.
    pub fn view_rows(&self, view: &str, from: u64, count: usize) -> Result<Vec<PairRow>> {
        let ids = {
            let views = self.views.lock();
            let found = views.iter().find(|v| v.name == view);
            found.map(|v| Arc::clone(&v.ids)).ok_or_else(|| {
                Error::new(
                    crate::Code::NotFound,
                    "this list of pairs is no longer kept; ask for it again",
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

    /// A pair with its whole texts.
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

    /// How the pairs that are asked for are spread by one figure; the figure's outermost hundredths share
    /// the last bars, so that one giant does not flatten the rest.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`] when there is nothing to draw.
    pub fn pairs_chart(&self, figure: PairFigure, wanted: &ViewPairs) -> Result<Picture> {
        let mut values = self.store.pair_figures(&self.query_of(wanted)?, figure)?;
        values.sort_unstable();
        let (edges, counts) = bars(&values);
        let heading = self.heading(
            figure.title().to_owned(),
            format!(
                "{} pairs{}",
                values.len(),
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

    /// How many replies each of the four bins would have. Without edges: by the quartiles.
    ///
    /// # Errors
    /// [`crate::Code::Usage`] when the edges do not rise.
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

/// Edges of whole numbers around sorted values, and how many lie between each two. What lies outside
/// of the middle 98 hundredths is counted with the outermost bars.
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
