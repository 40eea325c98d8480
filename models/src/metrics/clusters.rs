//! Examples that depend on each other: the replies of a thread answer one another, and a fake answers the same comment
//! as a real reply. What says how sure a figure is must treat such a group, a cluster, as one observation.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Confidence level of every interval.
pub const LEVEL: f64 = 0.95;

/// Fewest clusters that an interval is computed from. Variances estimated from fewer are too small to be of use (Cameron,
/// Gelbach and Miller 2008, "Bootstrap-based improvements for inference with clustered errors"); the limit is our choice.
pub const LEAST: usize = 10;

/// A 95% confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// Which examples belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clusters {
    of: Vec<u32>,
    count: usize,
}

impl Clusters {
    /// The clusters of N examples by id: examples with equal ids depend on each other.
    pub fn new<T: Ord + Copy>(ids: &[T]) -> Self {
        let mut distinct = ids.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let number = |id: &T| distinct.partition_point(|other| other < id) as u32;
        Self {
            of: ids.iter().map(number).collect(),
            count: distinct.len(),
        }
    }

    /// The cluster of each example, (N), from 0 to `count() - 1`.
    pub fn of(&self) -> &[u32] {
        &self.of
    }

    /// Number of clusters, each of which has an example.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there are enough of them for an interval.
    pub fn are_enough(&self) -> bool {
        self.count >= LEAST
    }

    /// The clusters of the examples of two models, (2 N): those of the first, then those of the second, in clusters of
    /// their own, which have the same order.
    pub fn of_two_models(&self) -> Self {
        let second = self.of.iter().map(|cluster| cluster + self.count as u32);
        Self {
            of: self.of.iter().copied().chain(second).collect(),
            count: 2 * self.count,
        }
    }

    /// The clusters of the N * K decisions that pool the K classes of N examples, row-major.
    pub fn of_decisions(&self, classes: usize) -> Self {
        let each = |cluster: &u32| std::iter::repeat_n(*cluster, classes);
        Self {
            of: self.of.iter().flat_map(each).collect(),
            count: self.count,
        }
    }
}
