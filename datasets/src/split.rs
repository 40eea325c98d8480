//! Splits: whole threads to train, val or test, so that nothing learnt is asked again.

use crate::{near::Twins, source::Side};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use ts_rs::TS;

/// The share of the pairs that each side gets; they need not add up to one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Shares {
    /// Of train.
    pub train: f64,
    /// Of val.
    pub val: f64,
    /// Of test.
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
    /// The shares as parts of one, in the order of [`Side::ALL`].
    ///
    /// # Errors
    /// A sentence when one is negative or not a number, or all are zero.
    pub fn parts(&self) -> Result<[f64; 3], String> {
        let shares = [self.train, self.val, self.test];
        let sum: f64 = shares.iter().sum();
        if shares.iter().any(|s| !s.is_finite() || *s < 0.0) || sum <= 0.0 {
            return Err(format!(
                "shares {shares:?} must be zero or more, and one of them above zero"
            ));
        }
        Ok(shares.map(|s| s / sum))
    }
}

/// Gives each thread a side.
///
/// `threads`: each thread's id with its number of pairs, once. `linked`: threads that must be on
/// one side because a text of the one nearly repeats a text of the other. `parts`: see
/// [`Shares::parts`]. Each component of linked threads goes as a whole to a side with room for it, the
/// largest first, drawn with probabilities in proportion to what the sides lack; where none has room,
/// to the one that lacks most. So every side gets large and small threads alike (always taking the
/// side that lacks most would leave only the small ones to val and test), the shares are met as
/// closely as whole components allow, and the result depends on the seed and the set of threads
/// alone, not on their order.
pub fn assign(
    threads: &[(i64, u64)],
    linked: &[(i64, i64)],
    parts: [f64; 3],
    seed: u64,
) -> HashMap<i64, Side> {
    // 1. Components, by union-find with path halving.
    let position: HashMap<i64, usize> = threads
        .iter()
        .enumerate()
        .map(|(n, (id, _))| (*id, n))
        .collect();
    let mut parent: Vec<usize> = (0..threads.len()).collect();
    fn root(parent: &mut [usize], mut n: usize) -> usize {
        while parent[n] != n {
            parent[n] = parent[parent[n]];
            n = parent[n];
        }
        n
    }
    for (a, b) in linked {
        if let (Some(&a), Some(&b)) = (position.get(a), position.get(b)) {
            let (a, b) = (root(&mut parent, a), root(&mut parent, b));
            parent[a] = b;
        }
    }
    // component's root -> (pairs, smallest thread id)
    let mut components: HashMap<usize, (u64, i64)> = HashMap::new();
    for (n, (id, pairs)) in threads.iter().enumerate() {
        let entry = components
            .entry(root(&mut parent, n))
            .or_insert((0, i64::MAX));
        entry.0 += pairs;
        entry.1 = entry.1.min(*id);
    }
    // 2. The largest first, equal ones by a hash of seed and id.
    let mut order: Vec<(u64, u64, i64, usize)> = components
        .into_iter()
        .map(|(root, (pairs, id))| (pairs, drawn(seed, id), id, root))
        .collect();
    order.sort_unstable_by(|a, b| b.cmp(a));
    // 3. Each to a side with room for it.
    let total: u64 = threads.iter().map(|(_, pairs)| pairs).sum();
    let mut lacks = parts.map(|part| part * total as f64);
    let mut side_of = HashMap::new();
    for (pairs, _, id, root) in order {
        let room = [0, 1, 2].map(|s| match lacks[s] + 0.5 >= pairs as f64 {
            true => lacks[s].max(0.0),
            false => 0.0,
        });
        // 53 bits of the thread's own number make a point in [0, sum of room)
        let mut point =
            (drawn(!seed, id) >> 11) as f64 / (1u64 << 53) as f64 * room.iter().sum::<f64>();
        let chosen = (0..3).find(|&s| {
            point -= room[s];
            room[s] > 0.0 && point < 0.0
        });
        let most = || {
            (0..3)
                .filter(|&s| parts[s] > 0.0)
                .max_by(|&a, &b| lacks[a].total_cmp(&lacks[b]).then(b.cmp(&a)))
        };
        let side = chosen.or_else(most).unwrap_or(0);
        lacks[side] -= pairs as f64;
        side_of.insert(root, Side::ALL[side]);
    }
    threads
        .iter()
        .enumerate()
        .filter_map(|(n, (id, _))| Some((*id, *side_of.get(&root(&mut parent, n))?)))
        .collect()
}

/// A number drawn from the seed for a thread: 64 bits of blake3, the same everywhere.
fn drawn(seed: u64, id: i64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..].copy_from_slice(&id.to_le_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// A pair as an audit sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The pair's id.
    pub pair: i64,
    /// The thread it belongs to.
    pub thread: i64,
    /// The side it is on.
    pub side: Side,
}

/// What an audit found; see [`audit`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Leaks {
    /// Threads with pairs on more than one side.
    pub threads: Vec<i64>,
    /// Pairs on two sides with nearly the same text: (pair, pair, similarity).
    pub texts: Vec<(i64, i64, f64)>,
}

impl Leaks {
    /// True when nothing leaks.
    pub fn none(&self) -> bool {
        self.threads.is_empty() && self.texts.is_empty()
    }
}

/// Looks for what is on two sides. `texts`: for each text that was searched, the position of its
/// pair in `pairs`; `twins`: what [`crate::near::find`] found among the texts.
pub fn audit(pairs: &[Placed], texts: &[usize], twins: &[Twins]) -> Leaks {
    let mut sides: BTreeMap<i64, Side> = BTreeMap::new();
    let mut threads = Vec::new();
    for pair in pairs {
        if *sides.entry(pair.thread).or_insert(pair.side) != pair.side {
            threads.push(pair.thread);
        }
    }
    threads.sort_unstable();
    threads.dedup();
    let texts = twins
        .iter()
        .map(|t| (&pairs[texts[t.a]], &pairs[texts[t.b]], t.similarity))
        .filter(|(a, b, _)| a.side != b.side)
        .map(|(a, b, similarity)| (a.pair, b.pair, similarity))
        .collect();
    Leaks { threads, texts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PARTS: [f64; 3] = [0.8, 0.1, 0.1];

    fn shares(threads: &[(i64, u64)], sides: &HashMap<i64, Side>) -> [u64; 3] {
        let mut out = [0; 3];
        threads
            .iter()
            .for_each(|(id, n)| out[sides[id] as usize] += n);
        out
    }

    #[test]
    fn shares_are_met_and_order_does_not_matter() {
        let threads: Vec<(i64, u64)> = (0..1000).map(|n| (n * 7, 1 + (n as u64 % 5))).collect();
        let sides = assign(&threads, &[], PARTS, 1);
        assert_eq!(shares(&threads, &sides), [2400, 300, 300]);
        let mut reversed = threads.clone();
        reversed.reverse();
        assert_eq!(assign(&reversed, &[], PARTS, 1), sides);
        assert_ne!(assign(&threads, &[], PARTS, 2), sides);
        let empty = assign(&threads, &[], [0.5, 0.0, 0.5], 1);
        assert!(
            empty.values().all(|s| *s != Side::Val),
            "a share of zero gets nothing"
        );
    }

    #[test]
    fn every_side_gets_large_and_small_threads() {
        let threads: Vec<(i64, u64)> = (0..2000).map(|n| (n, 1 + n as u64 % 10)).collect();
        let sides = assign(&threads, &[], PARTS, 1);
        for side in Side::ALL {
            let sizes: Vec<u64> = threads
                .iter()
                .filter(|(id, _)| sides[id] == side)
                .map(|(_, n)| *n)
                .collect();
            let mean = sizes.iter().sum::<u64>() as f64 / sizes.len() as f64;
            assert!((mean - 5.5).abs() < 0.7, "{side}: {mean} pairs a thread");
        }
    }

    #[test]
    fn shares_must_make_sense() {
        let shares = |train, val, test| Shares { train, val, test }.parts();
        assert_eq!(shares(8.0, 1.0, 1.0), Ok(PARTS));
        assert!(shares(-1.0, 1.0, 1.0).is_err());
        assert!(shares(0.0, 0.0, 0.0).is_err());
        assert!(shares(f64::NAN, 1.0, 1.0).is_err());
    }

    #[test]
    fn an_audit_names_threads_and_texts_on_two_sides() {
        let placed = |pair, thread, side| Placed { pair, thread, side };
        let pairs = [
            placed(1, 10, Side::Train),
            placed(2, 10, Side::Test),
            placed(3, 11, Side::Val),
            placed(4, 12, Side::Train),
        ];
        let twins = [
            Twins {
                a: 0,
                b: 3,
                similarity: 0.9,
            },
            Twins {
                a: 2,
                b: 3,
                similarity: 0.85,
            },
        ];
        // texts: pair 1's comment, pair 1's reply, pair 3's reply, pair 4's reply
        let leaks = audit(&pairs, &[0, 0, 2, 3], &twins);
        assert_eq!(leaks.threads, [10]);
        assert_eq!(leaks.texts, [(3, 4, 0.85)], "twins on one side are no leak");
        assert!(!leaks.none());
    }

    proptest! {
        #[test]
        fn linked_threads_are_on_one_side(
            sizes in prop::collection::vec(1u64..20, 1..60),
            links in prop::collection::vec((0i64..60, 0i64..60), 0..60),
            seed: u64,
        ) {
            let threads: Vec<_> = sizes.iter().enumerate().map(|(n, s)| (n as i64, *s)).collect();
            let sides = assign(&threads, &links, PARTS, seed);
            prop_assert_eq!(sides.len(), threads.len());
            for (a, b) in links {
                if let (Some(a), Some(b)) = (sides.get(&a), sides.get(&b)) {
                    prop_assert_eq!(a, b);
                }
            }
        }
    }
}
