//! The cluster bootstrap: resamples whole clusters with replacement (Davison and Hinkley 1997, "Bootstrap methods and
//! their application", 3.8; Field and Welsh 2007, "Bootstrapping clustered data"). The interval is the percentile
//! interval: the 2.5% and 97.5% quantiles of a figure over the resamples (Efron 1979).
//!
//! A resample is a weight per cluster: how often it was drawn. [`LANES`] resamples are computed at once, so that one
//! pass over the examples serves all of them; `weighted.rs` has the passes. Resample n takes stream n of its purpose, so
//! the number of threads does not change it.

use rayon::prelude::*;

use super::clusters::{Clusters, Interval, LEVEL};
use crate::rng::Stream;

/// Resamples computed at once.
pub const LANES: usize = 8;

/// A value for each of [`LANES`] resamples.
pub type Lanes = [f64; LANES];

/// How often each of `clusters` clusters is in each resample of a batch, (C).
fn weights(clusters: usize, seed: u64, batch: usize) -> Vec<Lanes> {
    let mut weights = vec![[0.0; LANES]; clusters];
    let streams =
        (0..LANES).map(|lane| Stream::at(seed, "bootstrap", (batch * LANES + lane) as u64));
    for (lane, mut stream) in streams.enumerate() {
        for _ in 0..clusters {
            weights[stream.below(clusters)][lane] += 1.0;
        }
    }
    weights
}

/// The values of several figures over `resamples` resamples, rounded up to a multiple of [`LANES`]: (F, resamples).
/// `figures` computes all F from the weight of each cluster, (C); a figure that is undefined in a resample is NaN.
pub fn bootstrap(
    clusters: &Clusters,
    resamples: usize,
    seed: u64,
    figures: impl Fn(&[Lanes]) -> Vec<Lanes> + Sync,
) -> Vec<Vec<f64>> {
    let batches: Vec<Vec<Lanes>> = (0..resamples.div_ceil(LANES))
        .into_par_iter()
        .map(|batch| figures(&weights(clusters.count(), seed, batch)))
        .collect();
    let count = batches.first().map_or(0, Vec::len);
    (0..count)
        .map(|figure| batches.iter().flat_map(|batch| batch[figure]).collect())
        .collect()
}

/// The percentile interval of a figure's values over the resamples. `None` if it is undefined in more than one of twenty
/// of them.
pub fn percentile_interval(values: &[f64]) -> Option<Interval> {
    let mut known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if known.is_empty() || known.len() * 20 < values.len() * 19 {
        return None;
    }
    known.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    Some(Interval {
        low: quantile(&known, tail),
        high: quantile(&known, 1.0 - tail),
    })
}

/// A quantile of sorted values, linear between them. As `numpy.quantile`.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len() - 1;
    let place = share * last as f64;
    let below = (place as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}
