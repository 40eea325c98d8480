//! From scores to labels: four upvote bins, separated by three edges.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Number of upvote bins.
pub const BINS: usize = 4;

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

    /// The quartiles of the scores (nearest rank). Scores are small integers, and half of a subreddit often has a score
    /// of 1: where quartiles coincide, or the first is the lowest score, an edge moves to the next distinct score, and
    /// the median only if there are not enough of them on one side. So every bin has a score if at least four are
    /// distinct; of fewer, each has a bin of its own, the highest in bin 3, and the lowest bins are empty. `None` if there
    /// is no score.
    pub fn quartiles(scores: &mut [i64]) -> Option<Self> {
        scores.sort_unstable();
        let mut distinct = scores.to_vec();
        distinct.dedup();
        while distinct.len() < BINS {
            let below = distinct.first()?.checked_sub(1)?;
            distinct.insert(0, below);
        }
        let last = distinct.len() - 1;
        let at = |quarter: usize| {
            let score = scores[scores.len() * quarter / BINS];
            distinct.partition_point(|&other| other < score)
        };
        let middle = at(2).clamp(2, last - 1);
        let places = [
            at(1).clamp(1, middle - 1),
            middle,
            at(3).clamp(middle + 1, last),
        ];
        Self::new(places.map(|place| distinct[place]))
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
    use std::collections::BTreeSet;

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
    fn every_bin_has_a_score_if_four_are_distinct() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            // most scores are the same one
            let (often, step) = (rng.i64(-5..5), rng.i64(1..4));
            let mut scores: Vec<i64> = (0..rng.usize(1..50))
                .map(|_| {
                    if rng.bool() {
                        often
                    } else {
                        step * rng.i64(-5..5)
                    }
                })
                .collect();
            let edges = BinEdges::quartiles(&mut scores).unwrap();
            assert!(BinEdges::new(edges.edges()).is_some(), "{scores:?}");
            let bins = |scores: &[i64]| {
                scores
                    .iter()
                    .map(|&s| edges.bin(s))
                    .collect::<BTreeSet<_>>()
            };
            let distinct: BTreeSet<i64> = scores.iter().copied().collect();
            let most = distinct.len().min(BINS);
            assert_eq!(bins(&scores).len(), most, "{scores:?} {edges:?}");
        }
    }

    #[test]
    fn tied_quartiles_move_to_the_next_distinct_score() {
        let of = |counts: &[(i64, usize)]| {
            let scores = counts.iter().flat_map(|&(score, n)| vec![score; n]);
            let edges = BinEdges::quartiles(&mut scores.collect::<Vec<i64>>());
            edges.map(BinEdges::edges)
        };
        // the lowest score is the first quartile, and the median
        assert_eq!(of(&[(1, 60), (2, 10), (5, 10), (9, 20)]), Some([2, 5, 9]));
        // 0 is no score
        assert_eq!(of(&[(-7, 5), (-4, 5), (1, 80), (6, 10)]), Some([-4, 1, 6]));
        // the highest score is the median
        assert_eq!(of(&[(1, 10), (2, 10), (5, 10), (9, 70)]), Some([2, 5, 9]));
        assert_eq!(of(&[(1, 3), (2, 3), (3, 3), (4, 3)]), Some([2, 3, 4]));
        // fewer than four
        assert_eq!(of(&[(0, 80), (1, 10), (2, 10)]), Some([0, 1, 2]));
        assert_eq!(of(&[(1, 1), (5, 1)]), Some([0, 1, 5]));
        assert_eq!(of(&[(1, 9)]), Some([-1, 0, 1]));
        assert_eq!(of(&[]), None);
    }
}
