//! Examples of one partition of a split, with labels.
//!
//! Training and evaluation both take them from here, so that they see the same data.

use std::collections::HashSet;

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::from_json;
use repartee_datasets::{BinEdges, Partition};
use repartee_models::rng::Stream;
use repartee_store::Store;
use repartee_store::fakes::FakeSet;
use repartee_store::splits::Split;

/// A comment, a reply to it, and its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labeled {
    /// The pair, if the reply is real.
    pub pair_id: Option<i64>,
    /// The fake, if it is one.
    pub fake_id: Option<i64>,
    pub comment: String,
    pub reply: String,
    /// Realism: 1 real, 0 fake. Upvotes: the bin of the score. Generator: 0.
    pub label: u32,
}

/// Samples `limit` of `ids` (0: all) by the seed, keeping their order.
fn sample(mut ids: Vec<i64>, limit: usize, seed: u64, purpose: &str) -> Vec<i64> {
    if limit > 0 && limit < ids.len() {
        Stream::new(seed, purpose).shuffle(&mut ids);
        ids.truncate(limit);
        ids.sort_unstable();
    }
    ids
}

/// The ids of what [`pairs`] returns, and of pairs that lost a text to deletion.
pub(crate) fn pair_ids(
    store: &Store,
    split_id: i64,
    partition: Partition,
    limit: usize,
    seed: u64,
) -> Result<Vec<i64>> {
    let all = store.split_pair_ids(split_id, partition)?;
    Ok(sample(all, limit, seed, "examples"))
}

/// The pairs of a partition, for the generator: at most `limit` (0: all), sampled by the seed.
pub fn pairs(
    store: &Store,
    split: &Split,
    partition: Partition,
    limit: usize,
    seed: u64,
) -> Result<Vec<Labeled>> {
    let ids = pair_ids(store, split.id, partition, limit, seed)?;
    Ok(store
        .examples_of(&ids)?
        .into_iter()
        .map(|e| real(e.pair_id, e.comment, e.reply, 0))
        .collect())
}

fn real(pair_id: i64, comment: String, reply: String, label: u32) -> Labeled {
    Labeled {
        pair_id: Some(pair_id),
        fake_id: None,
        comment,
        reply,
        label,
    }
}

/// Real replies and fakes of a partition, with the share of real ones as close to `real_share` as there are enough of
/// both: at most `limit` in all (0: all). Real replies to the comments that have fakes come first, so that topic alone
/// distinguishes the classes as little as possible. Empty fakes are left out: no real reply is empty.
pub fn realism(
    store: &Store,
    split: &Split,
    fakes: &FakeSet,
    partition: Partition,
    real_share: f64,
    limit: usize,
    seed: u64,
) -> Result<Vec<Labeled>> {
    let mut fakes = store.fakes(fakes.id, partition)?;
    fakes.retain(|fake| !fake.text.trim().is_empty());
    let answered: HashSet<i64> = fakes.iter().map(|fake| fake.pair_id).collect();
    let (mut reals, mut others): (Vec<i64>, Vec<i64>) = store
        .split_pair_ids(split.id, partition)?
        .into_iter()
        .partition(|id| answered.contains(id));
    let mut stream = Stream::new(seed, "examples");
    stream.shuffle(&mut reals);
    stream.shuffle(&mut others);
    stream.shuffle(&mut fakes);
    reals.extend(others);

    let (want_real, want_fake) = balance(reals.len(), fakes.len(), real_share, limit);
    reals.truncate(want_real);
    fakes.truncate(want_fake);
    reals.sort_unstable();
    let mut examples: Vec<Labeled> = store
        .examples_of(&reals)?
        .into_iter()
        .map(|e| real(e.pair_id, e.comment, e.reply, 1))
        .collect();
    fakes.sort_by_key(|fake| fake.id);
    examples.extend(fakes.into_iter().map(|fake| Labeled {
        pair_id: None,
        fake_id: Some(fake.id),
        comment: fake.comment,
        reply: fake.text,
        label: 0,
    }));
    Ok(examples)
}

/// How many real replies and fakes to take for the right share of real ones and at most `limit` (0: any number) in all.
fn balance(reals: usize, fakes: usize, share: f64, limit: usize) -> (usize, usize) {
    let whole = (reals as f64 / share).min(fakes as f64 / (1.0 - share));
    let whole = if limit > 0 {
        whole.min(limit as f64)
    } else {
        whole
    };
    let real = (whole * share).round();
    (
        reals.min(real as usize),
        fakes.min((whole - real).round() as usize),
    )
}

/// The edges between the upvote bins, fixed with the split.
///
/// # Errors
/// [`Code::NotFound`] if no reply of it has a score.
pub fn edges(split: &Split) -> Result<BinEdges> {
    let config: serde_json::Value = from_json(&split.config)?;
    let edges = config.get("edges").cloned().unwrap_or_default();
    let edges: Option<BinEdges> = serde_json::from_value(edges)
        .map_err(|e| Error::new(Code::Damaged, format!("split {}: {e}", split.name)))?;
    edges.ok_or_else(|| {
        Error::new(
            Code::NotFound,
            format!(
                "split {} has no upvote bins: no reply in its training set has a score",
                split.name
            ),
        )
    })
}

/// The pairs of a partition whose reply has a score, with its bin: at most `limit` (0: all), sampled by the seed.
///
/// # Errors
/// If the split has no bins, or the project cannot be read.
pub fn upvotes(
    store: &Store,
    split: &Split,
    partition: Partition,
    limit: usize,
    seed: u64,
) -> Result<Vec<Labeled>> {
    let edges = edges(split)?;
    let mut examples = Vec::new();
    store.for_each_example(split.id, partition, |e| {
        if let Some(score) = e.score {
            examples.push(real(e.pair_id, e.comment, e.reply, edges.bin(score) as u32));
        }
        true
    })?;
    if limit > 0 && limit < examples.len() {
        Stream::new(seed, "examples").shuffle(&mut examples);
        examples.truncate(limit);
        examples.sort_by_key(|example| example.pair_id);
    }
    Ok(examples)
}

/// A pair in messages and lists, by its id.
pub(crate) fn pair_label(pair: i64) -> String {
    match pair {
        0.. => format!("pair {}", crate::data::curation::pair_name(pair)),
        // those without a Reddit id have a number of our own
        _ => format!("pair {pair}"),
    }
}

/// Why a purged pair is left out.
pub(crate) const DELETED: &str = "its text was deleted";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_is_kept_as_far_as_examples_suffice() {
        assert_eq!(balance(100, 100, 0.5, 0), (100, 100));
        assert_eq!(balance(100, 300, 0.5, 0), (100, 100));
        assert_eq!(balance(300, 100, 0.75, 0), (300, 100));
        assert_eq!(balance(300, 100, 0.5, 50), (25, 25));
        assert_eq!(balance(0, 100, 0.5, 0), (0, 0));
    }

    #[test]
    fn sampling_depends_on_the_seed_and_keeps_order() {
        let sampled = sample((0..100).collect(), 10, 3, "x");
        assert_eq!(sampled, sample((0..100).collect(), 10, 3, "x"));
        assert_ne!(sampled, sample((0..100).collect(), 10, 4, "x"));
        assert!(sampled.is_sorted() && sampled.len() == 10);
        assert_eq!(sample(vec![5, 6], 0, 3, "x"), [5, 6]);
    }
}
