//! Splits: whole threads go to train, val or test, so that no evaluation repeats what was trained on.

use crate::source::Partition;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The share of the pairs that each partition gets; they need not add up to one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Shares {
    pub train: f64,
    pub val: f64,
    pub test: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            train: 0.8,
            val: 0.1,
            test: 0.1,
        }
    }
}

impl Shares {
    /// The shares, normalized to a sum of one, in the order of [`Partition::ALL`].
    ///
    /// # Errors
    /// If one is negative or not a number, or all are zero.
    pub fn parts(&self) -> Result<[f64; 3], String> {
        let shares = [self.train, self.val, self.test];
        let sum: f64 = shares.iter().sum();
        if shares.iter().any(|s| !s.is_finite() || *s < 0.0) || sum <= 0.0 {
            return Err(format!(
                "the shares {}, {} and {} are not fractions that add up to 1, such as 0.8,0.1,0.1",
                self.train, self.val, self.test
            ));
        }
        Ok(shares.map(|s| s / sum))
    }
}

/// Classes that a split is stratified by: the four upvote bins, and pairs without a score.
pub const CLASSES: usize = 5;

/// Threads that go to one partition together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Identifies it: the smallest id of its threads.
    pub id: i64,
    /// Number of its pairs in each class.
    pub classes: [u64; CLASSES],
}

/// The classes and, last, all pairs: their shares are matched, too.
type Row = [f64; CLASSES + 1];

impl Group {
    fn row(&self) -> Row {
        let mut row = [0.0; CLASSES + 1];
        for (c, n) in self.classes.iter().enumerate() {
            row[c] = *n as f64;
            row[CLASSES] += *n as f64;
        }
        row
    }
}

/// Up to this many groups, swapping any two is tried.
const SWAPS: usize = 300;

/// What a class that a partition lacks adds to its distance, in shares of the partition. A partition of three times its
/// share has a distance of four over all its pairs, and of four over its classes.
const LACKING: f64 = 8.0;

/// Maximum number of passes that try to move groups.
const ROUNDS: usize = 20;

/// Assigns each group to a partition, so that every partition has its share of every class as far as whole groups
/// allow. `parts`: see [`Shares::parts`].
///
/// Like scikit-learn's `StratifiedGroupKFold`, greedy: the groups with the most pairs first, each to the partition
/// where it leaves the least distance to the shares. Then groups are moved, the smallest first, and a few groups
/// swapped, while that reduces the distance. The distance is Pearson's chi-square of the counts against the shares,
/// over classes and all pairs; while groups are moved, a class that a partition lacks adds as much as a partition of
/// three times its share. The result depends on the seed and the set of groups, not on their order.
pub fn assign(groups: &[Group], parts: [f64; 3], seed: u64) -> Vec<Partition> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    let rows: Vec<Row> = groups.iter().map(Group::row).collect();
    order.sort_by_cached_key(|&n| {
        let group = &groups[n];
        let pairs: u64 = group.classes.iter().sum();
        std::cmp::Reverse((pairs, drawn(seed, group.id), group.id))
    });
    let mut partitions = Partitions::new(&rows, parts);
    let mut partition_of = vec![0; groups.len()];
    for &n in &order {
        let best = partitions.allowed().min_by(|&a, &b| {
            let (a, b) = (
                partitions.gain(a, &rows[n], 1.0),
                partitions.gain(b, &rows[n], 1.0),
            );
            a.total_cmp(&b)
        });
        partition_of[n] = best.unwrap_or(0);
        partitions.add(partition_of[n], &rows[n], 1.0);
    }
    partitions.lacking = LACKING;
    order.reverse();
    for _ in 0..ROUNDS {
        let mut better = false;
        for &n in &order {
            better |= partitions.move_one(&rows[n], &mut partition_of[n]);
        }
        if order.len() <= SWAPS {
            for (i, &a) in order.iter().enumerate() {
                for &b in &order[i + 1..] {
                    better |= partitions.swap(&rows, &mut partition_of, a, b);
                }
            }
        }
        if !better {
            break;
        }
    }
    partition_of
        .into_iter()
        .map(|partition| Partition::ALL[partition])
        .collect()
}

/// What the partitions have and should have.
struct Partitions {
    have: [Row; 3],
    want: [Row; 3],
    lacking: f64,
}

impl Partitions {
    fn new(rows: &[Row], parts: [f64; 3]) -> Self {
        let mut all = [0.0; CLASSES + 1];
        for row in rows {
            (0..=CLASSES).for_each(|c| all[c] += row[c]);
        }
        Self {
            have: [[0.0; CLASSES + 1]; 3],
            want: parts.map(|part| all.map(|n| part * n)),
            lacking: 0.0,
        }
    }

    /// The partitions whose share is not zero.
    fn allowed(&self) -> impl Iterator<Item = usize> + use<> {
        let has_share = self.want.map(|want| want[CLASSES] > 0.0);
        (0..3).filter(move |&partition| has_share[partition])
    }

    /// The distance of a partition: the sum of (have - want)^2 / want, and more for a class that it lacks.
    fn distance(&self, partition: usize, have: &Row) -> f64 {
        let want = &self.want[partition];
        let lacking = self.lacking * want[CLASSES];
        (0..=CLASSES)
            .filter(|&c| want[c] > 0.0)
            .map(|c| {
                let off = have[c] - want[c];
                off * off / want[c] + if have[c] < 0.5 { lacking } else { 0.0 }
            })
            .sum()
    }

    /// How the distance changes if a group is added (`times` 1) or removed (-1).
    fn gain(&self, partition: usize, row: &Row, times: f64) -> f64 {
        let mut have = self.have[partition];
        (0..=CLASSES).for_each(|c| have[c] += times * row[c]);
        self.distance(partition, &have) - self.distance(partition, &self.have[partition])
    }

    fn add(&mut self, partition: usize, row: &Row, times: f64) {
        (0..=CLASSES).for_each(|c| self.have[partition][c] += times * row[c]);
    }

    /// Moves a group to a better partition, if there is one.
    fn move_one(&mut self, row: &Row, partition: &mut usize) -> bool {
        let leave = self.gain(*partition, row, -1.0);
        let best = self
            .allowed()
            .filter(|to| to != partition)
            .map(|to| (leave + self.gain(to, row, 1.0), to))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        match best {
            Some((gain, to)) if gain < -1e-9 => {
                self.add(*partition, row, -1.0);
                self.add(to, row, 1.0);
                *partition = to;
                true
            }
            _ => false,
        }
    }

    /// Swaps two groups, if that is better.
    fn swap(&mut self, rows: &[Row], partition_of: &mut [usize], a: usize, b: usize) -> bool {
        let (to_a, to_b) = (partition_of[b], partition_of[a]);
        if to_a == to_b {
            return false;
        }
        let mut change = rows[a];
        (0..=CLASSES).for_each(|c| change[c] -= rows[b][c]);
        if self.gain(to_a, &change, 1.0) + self.gain(to_b, &change, -1.0) > -1e-9 {
            return false;
        }
        self.add(to_a, &change, 1.0);
        self.add(to_b, &change, -1.0);
        (partition_of[a], partition_of[b]) = (to_a, to_b);
        true
    }
}

/// A pseudo-random number for a thread: 64 bits of blake3, the same on every platform.
pub fn drawn(seed: u64, id: i64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..].copy_from_slice(&id.to_le_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [f64; 3] = [0.8, 0.1, 0.1];

    fn groups(sizes: impl IntoIterator<Item = (i64, u64)>) -> Vec<Group> {
        let all = sizes.into_iter();
        all.map(|(id, pairs)| Group {
            id,
            classes: [pairs, 0, 0, 0, 0],
        })
        .collect()
    }

    fn counts(groups: &[Group], partitions: &[Partition]) -> [[u64; CLASSES]; 3] {
        let mut out = [[0; CLASSES]; 3];
        for (group, partition) in groups.iter().zip(partitions) {
            (0..CLASSES).for_each(|c| out[*partition as usize][c] += group.classes[c]);
        }
        out
    }

    #[test]
    fn shares_are_met_and_order_does_not_matter() {
        let groups = groups((0..1000).map(|n| (n * 7, 1 + (n as u64 % 5))));
        let partitions = assign(&groups, PARTS, 1);
        assert_eq!(counts(&groups, &partitions).map(|c| c[0]), [2400, 300, 300]);
        let reversed: Vec<Group> = groups.iter().rev().copied().collect();
        let mut back = assign(&reversed, PARTS, 1);
        back.reverse();
        assert_eq!(back, partitions);
        assert_ne!(assign(&groups, PARTS, 2), partitions);
        let empty = assign(&groups, [0.5, 0.0, 0.5], 1);
        assert!(
            empty.iter().all(|s| *s != Partition::Val),
            "a share of zero gets nothing"
        );
    }

    #[test]
    fn every_partition_gets_large_and_small_threads() {
        let groups = groups((0..2000).map(|n| (n, 1 + n as u64 % 10)));
        let partitions = assign(&groups, PARTS, 1);
        for partition in Partition::ALL {
            let sizes: Vec<u64> = groups
                .iter()
                .zip(&partitions)
                .filter(|(_, of)| **of == partition)
                .map(|(group, _)| group.classes[0])
                .collect();
            let mean = sizes.iter().sum::<u64>() as f64 / sizes.len() as f64;
            assert!(
                (mean - 5.5).abs() < 0.7,
                "{partition}: {mean} pairs a thread"
            );
        }
    }

    #[test]
    fn each_partition_has_its_share_of_each_class() {
        // threads mostly of one class, and one class that few threads have
        let groups: Vec<Group> = (0..400)
            .map(|n| {
                let mut classes = [0; CLASSES];
                classes[n % 3] = 2 + n as u64 % 7;
                if n % 20 == 0 {
                    classes[3] = 5;
                }
                Group {
                    id: n as i64,
                    classes,
                }
            })
            .collect();
        let counts = counts(&groups, &assign(&groups, PARTS, 5));
        for c in 0..4 {
            let all: u64 = counts.iter().map(|partition| partition[c]).sum();
            for (partition, part) in counts.iter().zip(PARTS) {
                let share = partition[c] as f64 / all as f64;
                assert!((share - part).abs() < 0.02, "class {c}: {counts:?}");
            }
        }
    }

    #[test]
    fn few_large_threads_still_give_every_partition_every_class() {
        // two threads have nearly all pairs; the small ones only have all classes two by two
        let sizes = [[400, 300, 90, 10], [300, 100, 80, 20]];
        let few = [[9, 0, 3, 0], [0, 7, 0, 2], [3, 0, 2, 0], [0, 4, 0, 1]];
        let groups: Vec<Group> = sizes
            .iter()
            .chain(&few)
            .enumerate()
            .map(|(n, c)| Group {
                id: n as i64,
                classes: [c[0], c[1], c[2], c[3], 0],
            })
            .collect();
        for seed in 0..20 {
            let counts = counts(&groups, &assign(&groups, PARTS, seed));
            let all = counts
                .iter()
                .all(|partition| partition[..4].iter().all(|&n| n > 0));
            assert!(all, "seed {seed}: {counts:?}");
            assert_eq!(counts[0][0], 700, "seed {seed}: {counts:?}");
        }
    }

    #[test]
    fn invalid_shares_are_refused() {
        let shares = |train, val, test| Shares { train, val, test }.parts();
        assert_eq!(shares(8.0, 1.0, 1.0), Ok(PARTS));
        assert!(shares(-1.0, 1.0, 1.0).is_err());
        assert!(shares(0.0, 0.0, 0.0).is_err());
        assert!(shares(f64::NAN, 1.0, 1.0).is_err());
    }
}
