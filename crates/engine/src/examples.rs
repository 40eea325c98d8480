//! What models learn from and are measured on: the examples of one side of a split, with labels.
//!
//! Training and evaluation take them from here, so that both see the same thing.

use std::collections::HashSet;

use repartee_datasets::{BinEdges, Partition};
use repartee_models::rng::Stream;
use repartee_store::Store;
use repartee_store::fakes::FakeSet;
use repartee_store::splits::Split;

use crate::error::{Code, Error, Result};
use crate::job::from_json;

/// A comment, a reply to it, and what the reply is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The pair, when the reply is a real one.
    pub pair_id: Option<i64>,
    /// The fake, when it is one.
    pub fake_id: Option<i64>,
    /// The comment.
    pub comment: String,
    /// The reply.
    pub reply: String,
    /// Realism: 1 real, 0 fake. Upvotes: the bin of the score. Generator: 0.
    pub label: u32,
}

/// `limit` of `ids` (0: all), drawn by the seed, in their own order.
fn sample(mut ids: Vec<i64>, limit: usize, seed: u64, purpose: &str) -> Vec<i64> {
    if limit > 0 && limit < ids.len() {
        Stream::new(seed, purpose).shuffle(&mut ids);
        ids.truncate(limit);
        ids.sort_unstable();
    }
    ids
}

/// The pairs of a side, for the generator: at most `limit` (0: all), drawn by the seed.
///
/// # Errors
/// When the project cannot be read.
pub fn pairs(
    store: &Store,
    split: &Split,
    partition: Partition,
    limit: usize,
    seed: u64,
) -> Result<Vec<Labelled>> {
    let ids = sample(
        store.split_pair_ids(split.id, partition)?,
        limit,
        seed,
        "examples",
    );
    Ok(store
        .examples_of(&ids)?
        .into_iter()
        .map(|e| real(e.pair_id, e.comment, e.reply, 0))
        .collect())
}

fn real(pair_id: i64, comment: String, reply: String, label: u32) -> Labelled {
    Labelled {
        pair_id: Some(pair_id),
        fake_id: None,
        comment,
        reply,
        label,
    }
}

/// Real replies and fakes of a side, with the share of real ones as near to `real_share` as there are
/// enough of both: at most `limit` in all (0: all). The real replies to the comments that have fakes
/// come first, so that topic alone tells the classes apart as little as possible. Empty fakes are left
/// out: no real reply is empty.
///
/// # Errors
/// When the project cannot be read.
pub fn realism(
    store: &Store,
    split: &Split,
    fakes: &FakeSet,
    partition: Partition,
    real_share: f64,
    limit: usize,
    seed: u64,
) -> Result<Vec<Labelled>> {
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
    let mut examples: Vec<Labelled> = store
        .examples_of(&reals)?
        .into_iter()
        .map(|e| real(e.pair_id, e.comment, e.reply, 1))
        .collect();
    fakes.sort_by_key(|fake| fake.id);
    examples.extend(fakes.into_iter().map(|fake| Labelled {
        pair_id: None,
        fake_id: Some(fake.id),
        comment: fake.comment,
        reply: fake.text,
        label: 0,
    }));
    Ok(examples)
}

/// How many real ones and fakes to take so that the share of real ones is right and at most `limit` (0:
/// any number) are taken.
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

/// The edges between the upvote bins that a split has frozen.
///
/// # Errors
/// [`Code::NotFound`] when no reply of it has a score.
pub fn edges(split: &Split) -> Result<BinEdges> {
    let config: serde_json::Value = from_json(&split.config)?;
    let edges = config.get("edges").cloned().unwrap_or_default();
    let edges: Option<BinEdges> = serde_json::from_value(edges)
        .map_err(|e| Error::new(Code::Damaged, format!("split {}: {e}", split.name)))?;
    edges.ok_or_else(|| {
        Error::new(
            Code::NotFound,
            format!(
                "split {} has no upvote bins: no reply on its train side has a score",
                split.name
            ),
        )
    })
}

/// The pairs of a side whose reply has a score, with its bin: at most `limit` (0: all), drawn by the
/// seed.
///
/// # Errors
/// When the split has no bins, or the project cannot be read.
pub fn upvotes(
    store: &Store,
    split: &Split,
    partition: Partition,
    limit: usize,
    seed: u64,
) -> Result<Vec<Labelled>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_kept_as_far_as_there_are_enough() {
        assert_eq!(balance(100, 100, 0.5, 0), (100, 100));
        assert_eq!(balance(100, 300, 0.5, 0), (100, 100));
        assert_eq!(balance(300, 100, 0.75, 0), (300, 100));
        assert_eq!(balance(300, 100, 0.5, 50), (25, 25));
        assert_eq!(balance(0, 100, 0.5, 0), (0, 0));
    }

    #[test]
    fn a_sample_is_seeded_and_in_order() {
        let sampled = sample((0..100).collect(), 10, 3, "x");
        assert_eq!(sampled, sample((0..100).collect(), 10, 3, "x"));
        assert_ne!(sampled, sample((0..100).collect(), 10, 4, "x"));
        assert!(sampled.is_sorted() && sampled.len() == 10);
        assert_eq!(sample(vec![5, 6], 0, 3, "x"), [5, 6]);
    }
}
