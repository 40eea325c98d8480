//! Variances, intervals and tests against slow versions of themselves that follow the papers, and against simulation.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_models::metrics::bootstrap::{LANES, Lanes, bootstrap, percentile_interval};
use repartee_models::metrics::delong::{
    Average, averaged_auc, clustered_auc, compare_auc, compare_averaged_auc,
};
use repartee_models::metrics::ordinal::{expected_class, kendall_tau_b};
use repartee_models::metrics::permutation::p_values;
use repartee_models::metrics::temperature::{at_temperature, fit_temperature};
use repartee_models::metrics::weighted::{self, OrderedExamples, RankedExamples};
use repartee_models::metrics::{self, Clusters};
use repartee_models::rng::Stream;

#[track_caller]
fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

/// Examples of two classes in `threads` threads, scored by two models that share the thread's effect. Few `digits` make
/// ties.
struct Sample {
    a: Vec<f64>,
    b: Vec<f64>,
    truth: Vec<bool>,
    thread: Vec<usize>,
}

impl Sample {
    fn new(seed: u64, threads: usize, digits: i32) -> Self {
        let mut stream = Stream::new(seed, "uncertainty");
        let mut sample = Self {
            a: Vec::new(),
            b: Vec::new(),
            truth: Vec::new(),
            thread: Vec::new(),
        };
        let scale = 10f64.powi(digits);
        for thread in 0..threads {
            let effect = stream.next_normal();
            for _ in 0..1 + stream.below(5) {
                let truth = stream.below(2) == 1;
                let mut score = |gain: f64| {
                    let score = gain * f64::from(u8::from(truth)) + effect + stream.next_normal();
                    (score * scale).round() / scale
                };
                sample.a.push(score(1.5));
                sample.b.push(score(0.8));
                sample.truth.push(truth);
                sample.thread.push(thread);
            }
        }
        sample
    }
}

/// A score below, equal to or above another: 0, 1/2 or 1.
fn psi(positive: f64, negative: f64) -> f64 {
    match (positive > negative, positive == negative) {
        (true, _) => 1.0,
        (_, true) => 0.5,
        _ => 0.0,
    }
}

fn of_class(values: &[f64], truth: &[bool], class: bool) -> Vec<f64> {
    let of_class = values.iter().zip(truth).filter(|(_, t)| **t == class);
    of_class.map(|(value, _)| *value).collect()
}

/// AUC, V10 of each positive and V01 of each negative, from all pairs.
fn components(scores: &[f64], truth: &[bool]) -> (f64, Vec<f64>, Vec<f64>) {
    let (x, y) = (
        of_class(scores, truth, true),
        of_class(scores, truth, false),
    );
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let of_x = |x: &f64| mean(&y.iter().map(|y| psi(*x, *y)).collect::<Vec<_>>());
    let of_y = |y: &f64| mean(&x.iter().map(|x| psi(*x, *y)).collect::<Vec<_>>());
    let v10: Vec<f64> = x.iter().map(of_x).collect();
    let v01: Vec<f64> = y.iter().map(of_y).collect();
    (mean(&v10), v10, v01)
}

/// Obuchowski 1997, section 2, term by term: the covariance of the AUCs of two models.
fn obuchowski(a: &[f64], b: &[f64], truth: &[bool], thread: &[usize]) -> f64 {
    let threads = thread.iter().max().unwrap() + 1;
    // of each cluster: sum of V10 - m_i A, sum of V01 - n_i A, m_i, n_i
    let sums = |scores: &[f64]| {
        let (auc, v10, v01) = components(scores, truth);
        let (mut v10, mut v01) = (v10.into_iter(), v01.into_iter());
        let mut of = vec![(0.0, 0.0, 0.0, 0.0); threads];
        for (&truth, &thread) in truth.iter().zip(thread) {
            let of = &mut of[thread];
            if truth {
                of.0 += v10.next().unwrap();
                of.2 += 1.0;
            } else {
                of.1 += v01.next().unwrap();
                of.3 += 1.0;
            }
        }
        let centered = of
            .into_iter()
            .map(|(x, y, m, n)| (x - m * auc, y - n * auc, m, n));
        centered.collect::<Vec<_>>()
    };
    let (a, b) = (sums(a), sums(b));
    let m: f64 = a.iter().map(|of| of.2).sum();
    let n: f64 = a.iter().map(|of| of.3).sum();
    let i10 = a.iter().filter(|of| of.2 > 0.0).count() as f64;
    let i01 = a.iter().filter(|of| of.3 > 0.0).count() as f64;
    let i = threads as f64;
    let pairs = || a.iter().zip(&b);
    let s10 = i10 / ((i10 - 1.0) * m) * pairs().map(|(a, b)| a.0 * b.0).sum::<f64>();
    let s01 = i01 / ((i01 - 1.0) * n) * pairs().map(|(a, b)| a.1 * b.1).sum::<f64>();
    let s11 = i / (i - 1.0) * pairs().map(|(a, b)| a.0 * b.1).sum::<f64>();
    let s11_swapped = i / (i - 1.0) * pairs().map(|(a, b)| a.1 * b.0).sum::<f64>();
    s10 / m + s01 / n + (s11 + s11_swapped) / (m * n)
}

#[test]
fn variance_without_clusters_is_delongs() {
    for digits in [9, 1, 0] {
        let sample = Sample::new(3, 40, digits);
        let singles: Vec<usize> = (0..sample.a.len()).collect();
        let fast = clustered_auc(&sample.a, &sample.truth, &Clusters::new(&singles)).unwrap();
        let (auc, v10, v01) = components(&sample.a, &sample.truth);
        let variance = |v: &[f64]| {
            let squares: f64 = v.iter().map(|v| (v - auc).powi(2)).sum();
            squares / (v.len() as f64 - 1.0) / v.len() as f64
        };
        near(fast.auc, auc);
        near(fast.variance, variance(&v10) + variance(&v01));
        let curve = metrics::roc(&sample.a, &sample.truth).unwrap();
        assert_eq!(fast.auc, curve.auc, "the same to the last bit");
    }
}

#[test]
fn clustered_variances_and_differences_are_obuchowskis() {
    for (seed, digits) in [(1, 9), (2, 1), (3, 0)] {
        let s = Sample::new(seed, 30, digits);
        let clusters = Clusters::new(&s.thread);
        assert_eq!(clusters.count(), 30);
        let slow = |a: &[f64], b: &[f64]| obuchowski(a, b, &s.truth, &s.thread);
        let a = clustered_auc(&s.a, &s.truth, &clusters).unwrap();
        near(a.variance, slow(&s.a, &s.a));
        let both = compare_auc(&s.a, &s.b, &s.truth, &clusters).unwrap();
        let variance = slow(&s.a, &s.a) + slow(&s.b, &s.b) - 2.0 * slow(&s.a, &s.b);
        near(both.standard_error, variance.sqrt());
        near(both.difference, both.a - both.b);
        near(both.z, both.difference / variance.sqrt());
        assert!(both.interval.low < both.difference && both.difference < both.interval.high);
        let back = compare_auc(&s.b, &s.a, &s.truth, &clusters).unwrap();
        assert_eq!((back.z, back.p), (-both.z, both.p));
        assert!(both.p > 0.0 && both.p < 1.0);
    }
}

#[test]
fn macro_average_of_two_classes_is_the_auc_of_one() {
    let s = Sample::new(5, 30, 1);
    let clusters = Clusters::new(&s.thread);
    let p = |scores: &[f64]| -> Vec<f64> { scores.iter().flat_map(|s| [-s, *s]).collect() };
    let labels: Vec<usize> = s.truth.iter().map(|t| usize::from(*t)).collect();
    let one = clustered_auc(&s.a, &s.truth, &clusters).unwrap();
    for average in [Average::Macro, Average::Weighted] {
        let mean = averaged_auc(&p(&s.a), 2, &labels, &clusters, average).unwrap();
        near(mean.auc, one.auc);
        // except for the corrections, which depend on the number of clusters with either class
        let ratio = mean.variance / one.variance;
        assert!((ratio - 1.0).abs() < 0.05, "{average:?} {ratio}");
        let both = compare_averaged_auc(&p(&s.a), &p(&s.b), 2, &labels, &clusters, average);
        let single = compare_auc(&s.a, &s.b, &s.truth, &clusters).unwrap();
        let ratio = both.unwrap().standard_error / single.standard_error;
        assert!((ratio - 1.0).abs() < 0.05, "{average:?} {ratio}");
    }
}

/// Probabilities of four classes, in threads.
fn four(seed: u64, threads: usize) -> (Vec<f64>, Vec<usize>, Vec<usize>) {
    let mut stream = Stream::new(seed, "four classes");
    let (mut p, mut labels, mut thread) = (Vec::new(), Vec::new(), Vec::new());
    for id in 0..threads {
        let effect = stream.next_normal();
        for _ in 0..1 + stream.below(4) {
            let label = [0, 1, 1, 2, 2, 2, 3][stream.below(7)];
            let row: Vec<f64> = (0..4)
                .map(|k| {
                    let right = f64::from(u8::from(k == label));
                    (right + 0.4 * effect * k as f64 + 0.7 * stream.next_normal()).exp()
                })
                .collect();
            let all: f64 = row.iter().sum();
            p.extend(row.iter().map(|weight| weight / all));
            labels.push(label);
            thread.push(id);
        }
    }
    (p, labels, thread)
}

/// The delta method against the spread over independent samples of threads.
#[test]
fn variances_of_averages_are_those_of_repeated_samples() {
    for average in [Average::Macro, Average::Weighted] {
        let runs: Vec<_> = (0..600)
            .map(|seed| {
                let (p, labels, thread) = four(seed, 60);
                averaged_auc(&p, 4, &labels, &Clusters::new(&thread), average).unwrap()
            })
            .collect();
        let n = runs.len() as f64;
        let mean = runs.iter().map(|run| run.auc).sum::<f64>() / n;
        let spread = runs.iter().map(|run| (run.auc - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let estimated = runs.iter().map(|run| run.variance).sum::<f64>() / n;
        let ratio = estimated / spread;
        assert!((0.8..1.25).contains(&ratio), "{average:?} {ratio}");
    }
}

/// AUC of a thread effect shared by both classes: with a variance of 0.3 of 1, a positive scores above a
/// negative of another thread with probability `between`, above one of its own thread with probability `within`.
/// `delta = sqrt(2) * norm.ppf(between)`, `within = norm.cdf(norm.ppf(between) / sqrt(0.7))`, of scipy 1.17.1.
const SIMULATED: [(f64, f64, f64); 2] = [
    (0.75, 0.9538725524089398, 0.7899274232956495),
    (0.97, 2.6598438286721278, 0.9877112140841098),
];

#[test]
fn interval_of_an_auc_covers_it_in_95_of_100_samples() {
    const SAMPLES: u64 = 2000;
    for (between, delta, within) in SIMULATED {
        let mut covered = 0;
        for seed in 0..SAMPLES {
            let mut stream = Stream::at(seed, "coverage", (1000.0 * between) as u64);
            let (mut scores, mut truth, mut thread) = (Vec::new(), Vec::new(), Vec::new());
            let mut pairs_within = 0.0;
            for id in 0..50 {
                let effect = 0.3f64.sqrt() * stream.next_normal();
                let mut sizes = [0.0; 2];
                for _ in 0..4 + stream.below(9) {
                    let real = stream.below(2) == 1;
                    let noise = 0.7f64.sqrt() * stream.next_normal();
                    scores.push(delta * f64::from(u8::from(real)) + effect + noise);
                    truth.push(real);
                    thread.push(id);
                    sizes[usize::from(real)] += 1.0;
                }
                pairs_within += sizes[0] * sizes[1];
            }
            let positives = truth.iter().filter(|t| **t).count() as f64;
            let share = pairs_within / (positives * (truth.len() as f64 - positives));
            let expected = share * within + (1.0 - share) * between;
            let auc = clustered_auc(&scores, &truth, &Clusters::new(&thread)).unwrap();
            let interval = auc.interval().unwrap();
            covered += u64::from(interval.low <= expected && expected <= interval.high);
        }
        let share = covered as f64 / SAMPLES as f64;
        assert!((0.93..=0.97).contains(&share), "{between}: {share}");
    }
}

#[test]
fn undefined_intervals_are_none() {
    let ids: Vec<usize> = (0..20).collect();
    let clusters = Clusters::new(&ids);
    let scores: Vec<f64> = (0..20).map(f64::from).collect();
    let truth: Vec<bool> = (0..20).map(|i| i >= 10).collect();
    assert_eq!(
        clustered_auc(&scores, &truth, &clusters),
        None,
        "1, without variance"
    );
    assert_eq!(clustered_auc(&scores, &[true; 20], &clusters), None);
    assert_eq!(clustered_auc(&[f64::NAN; 20], &truth, &clusters), None);
    let mixed: Vec<bool> = (0..20).map(|i| i % 3 == 0).collect();
    assert!(
        clustered_auc(&scores, &mixed, &clusters)
            .unwrap()
            .interval()
            .is_some()
    );
    let nine: Vec<usize> = (0..20).map(|i| i % 9).collect();
    let few = clustered_auc(&scores, &mixed, &Clusters::new(&nine)).unwrap();
    assert_eq!(few.interval(), None, "nine threads");
    assert_eq!(compare_auc(&scores, &scores, &mixed, &clusters), None);
    let doubled: Vec<f64> = scores.iter().map(|s| 2.0 * s + 1.0).collect();
    assert_eq!(compare_auc(&scores, &doubled, &mixed, &clusters), None);
    let one_class = averaged_auc(&[0.5; 40], 2, &[0; 20], &clusters, Average::Macro);
    assert_eq!(one_class, None);
}

/// Weights of `count` clusters, with zeros.
fn lanes(count: usize) -> Vec<Lanes> {
    (0..count)
        .map(|cluster| std::array::from_fn(|lane| ((5 * cluster + 3 * lane) % 7 % 4) as f64))
        .collect()
}

/// The numbers of the examples, each as often as the weight of its thread in a resample says.
fn drawn(thread: &[usize], weights: &[Lanes], lane: usize) -> Vec<usize> {
    let times = |i: usize| std::iter::repeat_n(i, weights[thread[i]][lane] as usize);
    (0..thread.len()).flat_map(times).collect()
}

fn pick<T: Copy>(values: &[T], drawn: &[usize]) -> Vec<T> {
    drawn.iter().map(|&i| values[i]).collect()
}

#[test]
fn weighted_passes_equal_the_figures_of_repeated_examples() {
    let (p, labels, thread) = four(11, 25);
    let clusters = Clusters::new(&thread);
    let weights = lanes(25);
    // tenths: many are equal
    let tenths = |x: f64| (10.0 * x).round() / 10.0;
    let scores: Vec<f64> = p.iter().skip(2).step_by(4).map(|p| tenths(*p)).collect();
    let truth: Vec<bool> = labels.iter().map(|&l| l == 2).collect();
    let expected: Vec<f64> = expected_class(&p, 4).into_iter().map(tenths).collect();
    let called = metrics::argmax(&p, 4);
    let slots: Vec<usize> = labels.iter().zip(&called).map(|(l, c)| 4 * l + c).collect();
    let rates: Vec<f64> = (0..=10).map(|i| f64::from(i) / 10.0).collect();

    let ranked = RankedExamples::new(&scores, &truth, &clusters).unwrap();
    let areas = ranked.areas(&weights);
    let heights = ranked.true_positive_rates(&weights, &rates);
    let ordered = OrderedExamples::new(&expected, &labels, 4, &clusters).unwrap();
    let correlations = ordered.correlations(&weights);
    let counts = weighted::totals(&weights, &clusters, &slots, 16);
    let mean = weighted::mean(&weights, &clusters, &scores);
    let error = weighted::calibration_error(&weights, &clusters, &scores, &truth, 10);
    for lane in 0..LANES {
        let drawn = drawn(&thread, &weights, lane);
        let (scores, truth) = (pick(&scores, &drawn), pick(&truth, &drawn));
        let labels = pick(&labels, &drawn);
        let slow = metrics::precision_recall(&scores, &truth).unwrap();
        near(areas.average_precision[lane], slow.average_precision);
        let bins = metrics::calibration(&scores, &truth, 10);
        near(error[lane], metrics::calibration_error(&bins).unwrap());
        let roc = metrics::roc(&scores, &truth).unwrap();
        assert_eq!(areas.auc[lane], roc.auc);
        let curve = roc.points;
        for (rate, height) in rates.iter().zip(&heights) {
            let at = curve
                .iter()
                .rposition(|point| point.fpr <= rate + 1e-12)
                .unwrap();
            let slow = match curve.get(at + 1) {
                Some(next) => {
                    let along = (rate - curve[at].fpr) / (next.fpr - curve[at].fpr);
                    curve[at].tpr + along * (next.tpr - curve[at].tpr)
                }
                None => 1.0,
            };
            assert!(
                (height[lane] - slow).abs() < 1e-9,
                "{rate}: {} {slow}",
                height[lane]
            );
        }
        let expected = pick(&expected, &drawn);
        let of_label: Vec<f64> = labels.iter().map(|&l| l as f64).collect();
        near(
            correlations.spearman[lane],
            metrics::spearman(&expected, &of_label).unwrap(),
        );
        near(
            correlations.kendall_tau[lane],
            kendall_tau_b(&expected, &of_label).unwrap(),
        );
        let table = metrics::confusion(&labels, &pick(&called, &drawn), 4);
        let flat: Vec<f64> = table.counts.concat().iter().map(|&n| n as f64).collect();
        let ours: Vec<f64> = counts.iter().map(|slot| slot[lane]).collect();
        assert_eq!(ours, flat);
        near(mean[lane], scores.iter().sum::<f64>() / scores.len() as f64);
    }
    let nothing = vec![[0.0; LANES]; 25];
    let areas = ranked.areas(&nothing);
    assert!(areas.auc[0].is_nan() && areas.average_precision[0].is_nan());
    let error = weighted::calibration_error(&nothing, &clusters, &scores, &truth, 10);
    assert!(error[0].is_nan());
    assert!(ranked.true_positive_rates(&nothing, &rates)[3][0].is_nan());
    assert!(ordered.correlations(&nothing).kendall_tau[0].is_nan());
    assert!(weighted::mean(&nothing, &clusters, &expected)[0].is_nan());
}

#[test]
fn resamples_draw_whole_clusters_and_repeat_with_their_seed() {
    let thread: Vec<usize> = (0..60).map(|i| i / 3).collect();
    let clusters = Clusters::new(&thread);
    let draw = |seed| bootstrap(&clusters, 400, seed, <[Lanes]>::to_vec);
    let weights = draw(1);
    assert_eq!((weights.len(), weights[0].len()), (20, 400));
    for resample in 0..400 {
        let all: f64 = weights.iter().map(|cluster| cluster[resample]).sum();
        assert_eq!(all, 20.0);
    }
    for cluster in &weights {
        // its weight is binomial with mean and variance of about 1
        let mean = cluster.iter().sum::<f64>() / 400.0;
        assert!((mean - 1.0).abs() < 0.25, "{mean}");
        assert!(cluster.contains(&0.0) && cluster.iter().any(|w| *w > 1.0));
    }
    assert_eq!(weights, draw(1));
    assert_ne!(weights, draw(2));
}

#[test]
fn bootstrap_interval_of_a_mean_is_that_of_its_clusters() {
    // equal values within a thread: 40 observations, not 400
    let mut stream = Stream::new(9, "values");
    let of_thread: Vec<f64> = (0..40).map(|_| stream.next_normal()).collect();
    let thread: Vec<usize> = (0..400).map(|i| i / 10).collect();
    let values: Vec<f64> = thread.iter().map(|&t| of_thread[t]).collect();
    let clusters = Clusters::new(&thread);
    let resampled = bootstrap(&clusters, 2000, 1, |weights| {
        vec![weighted::mean(weights, &clusters, &values)]
    });
    let interval = percentile_interval(&resampled[0]).unwrap();
    let mean = of_thread.iter().sum::<f64>() / 40.0;
    let spread = of_thread.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 40.0;
    let wide = 2.0 * 1.96 * (spread / 40.0).sqrt();
    let ratio = (interval.high - interval.low) / wide;
    assert!((0.9..1.1).contains(&ratio), "{ratio}");
    assert!(interval.low < mean && mean < interval.high);
}

#[test]
fn percentile_interval_is_between_the_2_5_and_97_5_percent_quantiles() {
    let mut values: Vec<f64> = (0..=1000).rev().map(f64::from).collect();
    let interval = percentile_interval(&values).unwrap();
    assert!((interval.low - 25.0).abs() < 1e-9 && (interval.high - 975.0).abs() < 1e-9);
    values[..40].fill(f64::NAN);
    assert!(percentile_interval(&values).is_some(), "4% are undefined");
    values[..60].fill(f64::NAN);
    assert_eq!(percentile_interval(&values), None);
    assert_eq!(percentile_interval(&[]), None);
}

/// The two-sided p value over all exchanges of `clusters` clusters.
fn exact_p(clusters: usize, difference: impl Fn(&[bool]) -> f64) -> f64 {
    let of = |bits: u32| -> Vec<bool> { (0..clusters).map(|i| bits >> i & 1 == 1).collect() };
    let observed = difference(&of(0)).abs();
    let all = 1u32 << clusters;
    let as_large = (0..all).filter(|bits| difference(&of(*bits)).abs() >= observed - 1e-9);
    as_large.count() as f64 / f64::from(all)
}

/// The p value of the permutations that `p_values` takes, one after the other.
fn slow_p(
    clusters: usize,
    permutations: u64,
    seed: u64,
    difference: impl Fn(&[bool]) -> f64,
) -> f64 {
    let observed = difference(&vec![false; clusters]).abs();
    let as_large = (0..permutations).filter(|n| {
        let mut stream = Stream::at(seed, "permutation", *n);
        let exchanged: Vec<bool> = (0..clusters)
            .map(|_| stream.next_u64() >> 63 == 1)
            .collect();
        difference(&exchanged).abs() >= observed - 1e-12
    });
    (1 + as_large.count()) as f64 / (1 + permutations) as f64
}

/// The first's values with those of the second in the threads that are exchanged.
fn exchange(first: &[f64], second: &[f64], thread: &[usize], exchanged: &[bool]) -> Vec<f64> {
    let each = first.iter().zip(second).zip(thread);
    each.map(|((a, b), t)| if exchanged[*t] { *b } else { *a })
        .collect()
}

/// Ranks of scores, and ranks of others after them.
fn both_ranked(a: &[f64], b: &[f64]) -> Vec<f64> {
    [metrics::ranks(a).unwrap(), metrics::ranks(b).unwrap()].concat()
}

/// p values of the AUC and of the average precision.
fn areas_p(
    a: &[f64],
    b: &[f64],
    truth: &[bool],
    clusters: &Clusters,
    permutations: usize,
    seed: u64,
) -> [Option<f64>; 2] {
    let both = clusters.of_two_models();
    let ranked = RankedExamples::new(&both_ranked(a, b), &truth.repeat(2), &both).unwrap();
    let all = p_values(clusters, permutations, seed, |weights| {
        let areas = ranked.areas(weights);
        vec![areas.auc, areas.average_precision]
    });
    [all[0], all[1]]
}

#[test]
fn permutation_tests_approach_the_p_value_of_all_exchanges() {
    let s = Sample::new(8, 10, 1);
    let clusters = Clusters::new(&s.thread);
    let loss = |scores: &[f64]| -> Vec<f64> {
        let each = scores.iter().zip(&s.truth);
        each.map(|(score, t)| (score - f64::from(u8::from(*t))).powi(2))
            .collect()
    };
    let (a, b) = (loss(&s.a), loss(&s.b));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let exact = exact_p(10, |exchanged| {
        let of = |a: &[f64], b: &[f64]| mean(&exchange(a, b, &s.thread, exchanged));
        of(&a, &b) - of(&b, &a)
    });
    let (both, losses) = (clusters.of_two_models(), [&a[..], &b[..]].concat());
    let p = p_values(&clusters, 20_000, 1, |weights| {
        vec![weighted::mean(weights, &both, &losses)]
    });
    let p = p[0].unwrap();
    assert!((p - exact).abs() < 0.02, "{p} {exact}");

    let [a, b] = [&s.a, &s.b].map(|scores| metrics::ranks(scores).unwrap());
    let exact = exact_p(10, |exchanged| {
        let of = |a: &[f64], b: &[f64]| -> f64 {
            let scores = exchange(a, b, &s.thread, exchanged);
            metrics::roc(&scores, &s.truth).unwrap().auc
        };
        of(&a, &b) - of(&b, &a)
    });
    let [p, _] = areas_p(&s.a, &s.b, &s.truth, &clusters, 20_000, 1);
    let by_auc = p.unwrap();
    assert!((by_auc - exact).abs() < 0.02, "{by_auc} {exact}");
    let stretched: Vec<f64> = s.a.iter().map(|x| x.exp()).collect();
    let [again, _] = areas_p(&stretched, &s.b, &s.truth, &clusters, 20_000, 1);
    assert_eq!(again, p, "only ranks count");
    let equal = areas_p(&s.a, &stretched, &s.truth, &clusters, 100, 1);
    assert_eq!(equal, [Some(1.0); 2]);
    let one_class = areas_p(&s.a, &s.b, &vec![true; s.a.len()], &clusters, 100, 1);
    assert_eq!(one_class, [None; 2]);
}

#[test]
fn p_values_are_those_of_slow_permutations() {
    for (seed, threads, digits) in [(5, 12, 1), (6, 30, 9), (7, 25, 0)] {
        let s = Sample::new(seed, threads, digits);
        let clusters = Clusters::new(&s.thread);
        let both = clusters.of_two_models();
        // classes 0 to 3, which rise with the first model's score
        let mut stream = Stream::new(seed, "labels");
        let labels: Vec<usize> = (s.a.iter())
            .map(|a| (1.5 + a / 2.0 + stream.next_normal()).clamp(0.0, 3.0) as usize)
            .collect();
        let of_label: Vec<f64> = labels.iter().map(|label| *label as f64).collect();
        let (permutations, seed) = (203, 4);
        let slow = |figure: &dyn Fn(&[f64]) -> f64| {
            let [a, b] = [&s.a, &s.b].map(|scores| metrics::ranks(scores).unwrap());
            slow_p(threads, permutations as u64, seed, |exchanged| {
                let of = |a: &[f64], b: &[f64]| figure(&exchange(a, b, &s.thread, exchanged));
                of(&a, &b) - of(&b, &a)
            })
        };
        let ranks = both_ranked(&s.a, &s.b);
        let ordered = OrderedExamples::new(&ranks, &labels.repeat(2), 4, &both).unwrap();
        let fast = p_values(&clusters, permutations, seed, |weights| {
            let correlations = ordered.correlations(weights);
            vec![correlations.spearman, correlations.kendall_tau]
        });
        let spearman = slow(&|values| metrics::spearman(values, &of_label).unwrap());
        let tau = slow(&|values| kendall_tau_b(values, &of_label).unwrap());
        assert_eq!(fast, [Some(spearman), Some(tau)]);

        let fast = areas_p(&s.a, &s.b, &s.truth, &clusters, permutations, seed);
        let auc = slow(&|scores| metrics::roc(scores, &s.truth).unwrap().auc);
        let precision = slow(&|scores| {
            let curve = metrics::precision_recall(scores, &s.truth).unwrap();
            curve.average_precision
        });
        assert_eq!(fast, [Some(auc), Some(precision)]);
    }
}

#[test]
fn p_value_of_a_difference_does_not_depend_on_what_is_tested_with_it() {
    let s = Sample::new(9, 20, 9);
    let clusters = Clusters::new(&s.thread);
    let both = clusters.of_two_models();
    let scores = both_ranked(&s.a, &s.b);
    let ranked = RankedExamples::new(&scores, &s.truth.repeat(2), &both).unwrap();
    let [alone, _] = areas_p(&s.a, &s.b, &s.truth, &clusters, 499, 2);
    let all = p_values(&clusters, 499, 2, |weights| {
        let areas = ranked.areas(weights);
        let (constant, undefined) = ([1.0; LANES], [f64::NAN; LANES]);
        vec![areas.average_precision, areas.auc, constant, undefined]
    });
    assert_eq!(all[1], alone);
    assert_eq!((all[2], all[3]), (Some(1.0), None));
    // what is undefined in a permutation never makes a p value smaller
    let undefined = p_values(&clusters, 499, 2, |weights| {
        let (first, second) = weights.split_at(20);
        // defined only if all predictions are of one model
        let of = |lane: usize| {
            let counts = |half: &[Lanes]| half.iter().all(|weight| weight[lane] == 1.0);
            match (counts(first), counts(second)) {
                (true, _) => 1.0,
                (_, true) => 0.0,
                _ => f64::NAN,
            }
        };
        vec![std::array::from_fn(of)]
    });
    assert_eq!(undefined, [Some(1.0)]);
}

#[test]
fn permutation_test_finds_a_difference_and_no_other() {
    let s = Sample::new(21, 120, 9);
    let clusters = Clusters::new(&s.thread);
    let right: Vec<f64> = s.truth.iter().map(|t| f64::from(u8::from(*t))).collect();
    let [p, _] = areas_p(&right, &s.b, &s.truth, &clusters, 999, 1);
    assert_eq!(p, Some(1.0 / 1000.0), "no permutation is as large");
    // two models of the same kind
    let rejected = (0..300).filter(|&seed| {
        let s = Sample::new(1000 + seed, 30, 9);
        let mut stream = Stream::new(seed, "same");
        let noisy = |values: &[f64], stream: &mut Stream| -> Vec<f64> {
            values.iter().map(|v| v + stream.next_normal()).collect()
        };
        let (a, b) = (noisy(&s.a, &mut stream), noisy(&s.a, &mut stream));
        let clusters = Clusters::new(&s.thread);
        let [p, _] = areas_p(&a, &b, &s.truth, &clusters, 199, seed);
        p.is_some_and(|p| p <= 0.05)
    });
    // binomial with 300 trials of 5%: 4 to 27 in all but one of ten thousand cases
    let rejected = rejected.count();
    assert!((3..=30).contains(&rejected), "{rejected} of 300");
}

#[test]
fn temperature_is_recovered() {
    let mut stream = Stream::new(4, "temperature");
    for (classes, temperature) in [(2, 2.0), (4, 0.5), (4, 1.0)] {
        let (mut stated, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..40_000 {
            let logits: Vec<f64> = (0..classes).map(|_| 2.0 * stream.next_normal()).collect();
            let weights: Vec<f64> = logits.iter().map(|z| z.exp()).collect();
            let all: f64 = weights.iter().sum();
            let mut left = stream.next_f64() * all;
            let label = weights.iter().position(|w| {
                left -= w;
                left < 0.0
            });
            labels.push(label.unwrap_or(classes - 1));
            // the model states logits that are too extreme by the temperature
            let extreme: Vec<f64> = logits.iter().map(|z| (z * temperature).exp()).collect();
            let all: f64 = extreme.iter().sum();
            stated.extend(extreme.iter().map(|w| w / all));
        }
        let fitted = fit_temperature(&stated, classes, &labels).unwrap();
        assert!(
            (fitted / temperature - 1.0).abs() < 0.05,
            "{fitted} {temperature}"
        );
        let loss = |p: &[f64]| metrics::log_loss(p, classes, &labels).unwrap();
        let scaled = at_temperature(&stated, classes, fitted);
        assert!(loss(&scaled) <= loss(&stated) + 1e-12);
    }
}
