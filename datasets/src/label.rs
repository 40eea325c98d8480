//! From scores to labels: four upvote bins, separated by three edges.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Three strictly increasing edges over a reply's score. Bin 0 is below the first edge, bin 3 from the last edge up: a
/// score's bin is the number of edges that it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(try_from = "[i64; 3]", into = "[i64; 3]")]
#[ts(type = "[number, number, number]")]
pub struct BinEdges([i64; 3]);

impl BinEdges {
    /// `None` unless strictly increasing.
    pub fn new(edges: [i64; 3]) -> Option<Self> {
        (edges[0] < edges[1] && edges[1] < edges[2]).then_some(Self(edges))
    }

    /// The quartiles of the scores (nearest rank), moved apart where they coincide: scores are small integers, and half
    /// of a subreddit often has a score of 1. `None` if there is no score.
    pub fn quartiles(scores: &mut [i64]) -> Option<Self> {
        if scores.is_empty() {
            return None;
        }
        scores.sort_unstable();
        let at = |quarter: usize| scores[(scores.len() * quarter / 4).min(scores.len() - 1)];
        let middle = at(2);
        // Only the outer edges are moved, so that the median stays the median.
        Some(Self([
            at(1).min(middle.saturating_sub(1)),
            middle,
            at(3).max(middle.saturating_add(1)),
        ]))
    }

    pub fn edges(self) -> [i64; 3] {
        self.0
    }

    /// The range of a bin as text: `below 1`, `1 to 3`, `7 and up`.
    pub fn range(self, bin: usize) -> String {
        let [a, b, c] = self.0;
        let from_to = |from: i64, to: i64| match from == to {
            true => from.to_string(),
            false => format!("{from} to {to}"),
        };
        match bin {
            0 => format!("below {a}"),
            1 => from_to(a, b - 1),
            2 => from_to(b, c - 1),
            _ => format!("{c} and up"),
        }
    }

    /// The bin of a score, 0 to 3.
    pub fn bin(self, score: i64) -> usize {
        self.0.iter().filter(|&&edge| score >= edge).count()
    }
}

impl TryFrom<[i64; 3]> for BinEdges {
    type Error = String;

    fn try_from(edges: [i64; 3]) -> Result<Self, String> {
        Self::new(edges).ok_or_else(|| format!("bin edges {edges:?} are not strictly increasing"))
    }
}

impl From<BinEdges> for [i64; 3] {
    fn from(edges: BinEdges) -> Self {
        edges.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_in_the_bin_of_the_edges_it_reaches() {
        let edges = BinEdges::new([0, 5, 10]).unwrap();
        let bins: Vec<_> = [-3, 0, 4, 5, 9, 10, 999].map(|s| edges.bin(s)).into();
        assert_eq!(bins, [0, 1, 1, 2, 2, 3, 3]);
        assert!(BinEdges::new([1, 1, 2]).is_none());
        assert!(serde_json::from_str::<BinEdges>("[3,2,1]").is_err());
    }

    #[test]
    fn quartiles_of_distinct_scores_give_equal_bins() {
        let mut scores: Vec<i64> = (0..1000).rev().collect();
        let edges = BinEdges::quartiles(&mut scores).unwrap();
        let mut counts = [0; 4];
        scores.iter().for_each(|&s| counts[edges.bin(s)] += 1);
        assert_eq!(counts, [250; 4]);
    }

    #[test]
    fn quartiles_always_increase() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..1_000 {
            let mut scores: Vec<i64> = (0..rng.usize(1..50)).map(|_| rng.i64(-5..5)).collect();
            let edges = BinEdges::quartiles(&mut scores).unwrap();
            assert!(BinEdges::new(edges.edges()).is_some(), "{scores:?}");
        }
    }
}
