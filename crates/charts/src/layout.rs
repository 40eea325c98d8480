//! Layout tests: where the letters really are, measured with the font that draws them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use resvg::usvg::{Group, Node, Rect};

use crate::*;

/// Every text of a chart with the box that its letters fill, in pixels.
fn texts(picture: &Picture) -> Vec<(String, Rect)> {
    fn gather(group: &Group, found: &mut Vec<(String, Rect)>) {
        for node in group.children() {
            match node {
                Node::Group(inner) => gather(inner, found),
                Node::Text(text) => {
                    let words = text.chunks().iter().map(|c| c.text().trim()).collect();
                    found.push((words, text.abs_bounding_box()));
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    gather(picture.tree(Theme::Light).unwrap().root(), &mut found);
    found.retain(|(words, _)| !words.is_empty());
    found
}

/// No two texts touch, and none leaves the chart.
fn assert_legible(name: &str, picture: &Picture) {
    let all = texts(picture);
    assert!(!all.is_empty(), "{name}: no text");
    for (n, (words, a)) in all.iter().enumerate() {
        let inside = a.left() >= 0.0
            && a.top() >= 0.0
            && f64::from(a.right()) <= picture.width
            && f64::from(a.bottom()) <= picture.height;
        assert!(inside, "{name}: {words:?} leaves the picture at {a:?}");
        for (other, b) in &all[n + 1..] {
            let apart = a.right() <= b.left()
                || b.right() <= a.left()
                || a.bottom() <= b.top()
                || b.bottom() <= a.top();
            assert!(
                apart,
                "{name}: {words:?} and {other:?} overlap: {a:?}, {b:?}"
            );
        }
    }
}

fn heading(title: &str) -> Heading {
    Heading {
        title: title.to_owned(),
        measured_on: "split main, test partition, best at step 150, seed 1, cpu with 2 threads"
            .to_owned(),
        notice: "No permission to train on Reddit content on record".to_owned(),
    }
}

fn matrix(names: &[&str], largest: u64) -> Picture {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let counts: Vec<Vec<u64>> = (0..names.len() as u64)
        .map(|row| {
            (0..names.len() as u64)
                .map(|n| largest / (1 + row + 2 * n))
                .collect()
        })
        .collect();
    confusion(&heading("Confusion: votes"), &names, &counts).unwrap()
}

#[test]
fn labels_of_a_confusion_matrix_never_overlap() {
    let long = "a class whose name has a good many words, more than a cell can hold in three lines";
    let unbroken = "r_a_subreddit_with_one_very_long_name_and_no_spaces";
    for (names, largest) in [
        (vec!["fake", "real"], 531),
        (vec!["bin 0", "bin 1", "bin 2", "bin 3"], 12_400),
        (
            vec![
                "score below -1,000,000",
                "score -1,000,000 to 1,000,000",
                "score 1,000,000 to 2,000,000",
                "score 2,000,000 and up",
            ],
            9_000_000_000,
        ),
        (vec![long, "real"], 10),
        (vec![long, unbroken, long, unbroken], 7),
        (vec!["MMMMMMMMMMMM WWWWWWWWWWWW"; 8], 1_234_567),
        (vec!["ten"; 12], 1_000_000),
        (vec!["a name of several words"; 12], 1_000_000),
    ] {
        assert_legible(&format!("{names:?}"), &matrix(&names, largest));
    }
}

#[test]
fn truncated_labels_of_a_confusion_matrix_are_complete_in_its_table() {
    let long = "a class whose name has a good many words, more than a cell can hold in three lines";
    let picture = matrix(&[long, "real"], 10);
    assert!(picture.table.rows.iter().any(|row| row[0] == long));
    assert_eq!(picture.x.ticks[0].1, long);
}

fn run(name: &str, steps: u32) -> LossLine {
    let at = |i: u32| (f64::from(i), 3.0 + f64::from(i % 7) / 10.0);
    LossLine {
        name: name.to_owned(),
        training: (1..=steps).map(at).collect(),
        validation: (1..=4).map(|i| at(i * steps / 4)).collect(),
    }
}

#[test]
fn every_line_of_a_loss_chart_is_in_its_legend() {
    for runs in [
        vec![run("", 900)],
        vec![run("", 12)],
        vec![run("small", 900), run("large, dropout 0.2", 300)],
    ] {
        let picture = losses(&heading("Loss"), &runs).unwrap();
        let shown: Vec<String> = texts(&picture).into_iter().map(|text| text.0).collect();
        for series in &picture.series {
            assert!(
                shown.contains(&series.name),
                "{:?} is not among {shown:?}",
                series.name
            );
        }
        assert_legible("losses", &picture);
    }
}

/// A ROC curve that bulges towards the upper left (below 1) or the lower right (above 1), with a dot on it.
fn marked(power: f64, at: f64) -> Picture {
    let point = |x: f64| (x, x.powf(power), Some(1.0 - x));
    let curve = Curve {
        name: "real".to_owned(),
        points: (0..=50).map(|i| point(f64::from(i) / 50.0)).collect(),
        area: Some(1.0 / (1.0 + power)),
        ..Curve::default()
    };
    let mark = Threshold {
        curve: 0,
        at: (at, at.powf(power)),
        threshold: 0.5,
    };
    roc(&heading("ROC"), &[curve], Some(mark)).unwrap()
}

#[test]
fn legend_never_covers_the_marker() {
    for power in [0.05, 0.4, 1.0, 2.5, 20.0] {
        for at in [0.0, 0.02, 0.3, 0.5, 0.77, 0.95, 1.0] {
            assert_legible(&format!("power {power}, at {at}"), &marked(power, at));
        }
    }
}

#[test]
fn a_legend_says_when_a_curve_is_worse_than_its_baseline() {
    for (area, words) in [
        (0.43, "real, AUC 0.430, worse than chance 0.500"),
        (0.5, "real, AUC 0.500, no better than chance 0.500"),
        (0.7, "real, AUC 0.700"),
    ] {
        let curve = Curve {
            name: "real".to_owned(),
            points: vec![(0.0, 0.0, None), (1.0, 1.0, Some(0.0))],
            area: Some(area),
            baseline: Some(("chance".to_owned(), 0.5)),
            ..Curve::default()
        };
        let picture = roc(&heading("ROC"), &[curve], None).unwrap();
        assert_eq!(picture.series[0].name, words);
        assert_legible(words, &picture);
    }
}

#[test]
fn a_legend_with_interval_and_baseline_is_legible() {
    let curve = Curve {
        name: "real".to_owned(),
        points: vec![(0.0, 0.0, None), (1.0, 1.0, Some(0.0))],
        area: Some(0.43),
        interval: Some((0.391, 0.4704)),
        baseline: Some(("chance".to_owned(), 0.5)),
        ..Curve::default()
    };
    let picture = roc(&heading("ROC"), &[curve], None).unwrap();
    let words = "real, AUC 0.430 [0.391, 0.470], worse than chance 0.500";
    assert_eq!(picture.series[0].name, words);
    let drawn: Vec<String> = texts(&picture).into_iter().map(|text| text.0).collect();
    assert!(drawn.iter().any(|text| text == words), "{drawn:?}");
    assert_legible(words, &picture);
}

#[test]
fn long_names_stay_within_the_chart() {
    let long = "a run whose name somebody made out of every one of its settings, ".repeat(4);
    let runs = [run(&long, 900), run(&long.replace(' ', "_"), 30)];
    assert_legible("losses", &losses(&heading("Loss"), &runs).unwrap());
    let named = |name: &str| Curve {
        name: name.to_owned(),
        points: vec![
            (0.0, 0.0, None),
            (0.1, 0.8, Some(0.5)),
            (1.0, 1.0, Some(0.0)),
        ],
        area: Some(0.85),
        ..Curve::default()
    };
    let curves = [named(&long), named(&long.replace(' ', "_")), named("short")];
    assert_legible("roc", &roc(&heading("ROC"), &curves, None).unwrap());
}

#[test]
fn a_long_legend_entry_is_wrapped_and_not_cut() {
    let curve = |name: &str, area: f64| Curve {
        name: name.to_owned(),
        points: vec![(0.0, 0.0, None), (1.0, 1.0, Some(0.0))],
        area: Some(area),
        interval: Some((area - 0.08, area + 0.08)),
        baseline: Some(("unigram".to_owned(), 0.986)),
        ..Curve::default()
    };
    let curves = [
        curve("judge, test set, 150 examples, evaluation 2", 0.482),
        curve("judge, validation set, 60 examples, evaluation 7", 0.9858),
        curve("judge", 0.99),
    ];
    let picture = roc(&heading("ROC"), &curves, None).unwrap();
    let words: Vec<&str> = picture.series.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(
        words,
        [
            "judge, test set, 150 examples, evaluation 2, AUC 0.482 [0.402, 0.562], worse than unigram 0.986",
            "judge, validation set, 60 examples, evaluation 7, AUC 0.9858 [0.9058, 1.0658], worse than unigram 0.9860",
            "judge, AUC 0.990 [0.910, 1.070]",
        ]
    );
    let drawn: Vec<String> = texts(&picture).into_iter().map(|text| text.0).collect();
    let drawn = drawn.join(" ");
    for words in words {
        assert!(drawn.contains(words), "{words}: {drawn}");
    }
    assert_legible("roc", &picture);
    // one line each when two would not fit into the plot
    let many: Vec<Curve> = (0..16).map(|_| curves[0].clone()).collect();
    assert_legible("many", &roc(&heading("ROC"), &many, None).unwrap());
}

#[test]
fn all_figures_below_their_baselines_are_in_the_heading() {
    let below = "average precision, weighted 0.281 is worse than prior 0.304; ".repeat(12);
    let full = Heading {
        measured_on: format!("{}. Below its baseline: {below}", heading("").measured_on),
        ..heading("ROC: votes")
    };
    let curve = Curve {
        points: vec![(0.0, 0.0, None), (1.0, 1.0, Some(0.0))],
        ..Curve::default()
    };
    let picture = roc(&full, &[curve], None).unwrap();
    let all = texts(&picture);
    assert!(
        all.iter().all(|text| !text.0.contains('\u{2026}')),
        "{all:?}"
    );
    assert_legible("heading", &picture);
}
