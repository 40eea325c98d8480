//! Draws every chart and checks what a reader of the SVG, the PNG and the CSV may rely on. With
//! `REPARTEE_PICTURES=folder` the PNGs are written there for inspection.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use repartee_charts::*;

fn heading(title: &str) -> Heading {
    Heading {
        title: title.to_owned(),
        measured_on:
            "test set of split 'main' · 1,204 replies, half of them fakes · top-k 40, temperature \
                      0.9 · cpu, 2 threads · seed 1"
                .to_owned(),
        notice: String::new(),
    }
}

/// A smooth curve that bends by `power` towards the upper left.
fn curve(name: &str, power: f64, is_mean: bool) -> Curve {
    let point = |i: u32| {
        let x = f64::from(i) / 60.0;
        let wobble = 0.02 * (x * 37.0).sin() * x * (1.0 - x);
        (x, (x.powf(power) + wobble).clamp(0.0, 1.0), Some(1.0 - x))
    };
    let points: Vec<_> = (0..=60).map(point).collect();
    Curve {
        name: name.to_owned(),
        area: Some(1.0 / (power + 1.0)),
        points,
        is_mean,
        ..Curve::default()
    }
}

/// A curve with a band and an interval.
fn banded(name: &str, power: f64) -> Curve {
    let curve = curve(name, power, false);
    let at = |p: &(f64, f64, Option<f64>)| (p.0, (p.1 - 0.06).max(0.0), (p.1 + 0.04).min(1.0));
    Curve {
        band: curve.points.iter().map(at).collect(),
        interval: Some((0.75, 0.84)),
        ..curve
    }
}

/// The point of a curve at one of its thresholds.
fn on(curve: &Curve, threshold: f64) -> (f64, f64) {
    let at = |p: &&(f64, f64, Option<f64>)| p.2.is_some_and(|t| t >= threshold - 1e-9);
    let found = curve.points.iter().rfind(at).unwrap();
    (found.0, found.1)
}

fn noise(i: u32) -> f64 {
    f64::from(i.wrapping_mul(2_654_435_761) >> 16 & 1023) / 1023.0 - 0.5
}

fn all() -> Vec<(&'static str, Picture)> {
    let four = ["bin 0", "bin 1", "bin 2", "bin 3"].map(str::to_owned);
    let loss = |name: &str, floor: f64| LossLine {
        name: name.to_owned(),
        training: (1..=900)
            .map(|i| {
                (
                    f64::from(i),
                    floor + 4.0 * (-f64::from(i) / 150.0).exp() + 0.5 * noise(i),
                )
            })
            .collect(),
        validation: (1..=12)
            .map(|i| {
                let x = f64::from(i * 75);
                (x, floor + 0.2 + 4.0 * (-x / 160.0).exp() + x / 4000.0)
            })
            .collect(),
    };
    let spread = |middle: f64| {
        (0..20)
            .map(|i| (900.0 * (-(f64::from(i) - middle).powi(2) / 20.0).exp()) as u64)
            .collect()
    };
    let edges: Vec<f64> = (0..=20).map(|i| f64::from(i) / 20.0).collect();
    let groups = [
        Group {
            name: "real replies".to_owned(),
            counts: spread(14.0),
        },
        Group {
            name: "fakes".to_owned(),
            counts: spread(5.0),
        },
    ];
    let bins = |bend: f64| -> Vec<Reliability> {
        (0..10)
            .map(|i| {
                let p = (f64::from(i) + 0.5) / 10.0;
                Reliability {
                    predicted: p,
                    observed: p.powf(bend),
                    count: 20 + (f64::from(i) - 4.5).powi(4) as u64,
                }
            })
            .collect()
    };
    vec![
        (
            "roc_binary",
            roc(
                &heading("Realism: can it tell replies from fakes?"),
                &[curve("realism", 0.25, false)],
                Some(Threshold {
                    curve: 0,
                    at: on(&curve("realism", 0.25, false), 0.9),
                    threshold: 0.9,
                }),
            )
            .unwrap(),
        ),
        (
            "roc_band",
            roc(
                &heading("Realism: how sure is the curve?"),
                &[banded("realism", 0.25)],
                None,
            )
            .unwrap(),
        ),
        (
            "roc_classes",
            roc(
                &heading("Upvotes: each bin against the rest"),
                &[
                    curve("bin 0 (up to 1)", 0.3, false),
                    curve("bin 1 (2 to 4)", 0.5, false),
                    curve("bin 2 (5 to 11)", 0.65, false),
                    curve("bin 3 (12 and more)", 0.35, false),
                    curve("macro-average", 0.43, true),
                    curve("micro-average", 0.4, true),
                ],
                None,
            )
            .unwrap(),
        ),
        ("precision_recall", {
            let falls = |i: u32| {
                let x = f64::from(i) / 25.0;
                (
                    x,
                    1.0 - 0.5 * x.powi(3) - 0.02 * noise(i).abs(),
                    Some(1.0 - x),
                )
            };
            let c = Curve {
                name: "realism".to_owned(),
                points: (0..=25).map(falls).collect(),
                area: Some(0.87),
                ..Curve::default()
            };
            let mark = Threshold {
                curve: 0,
                at: on(&c, 0.4),
                threshold: 0.4,
            };
            precision_recall(
                &heading("Realism: precision over recall"),
                &[c],
                Some(0.5),
                Some(mark),
            )
            .unwrap()
        }),
        (
            "confusion_2",
            confusion(
                &heading("Realism: confusion at p(real) ≥ 0.5"),
                &["fake".to_owned(), "real".to_owned()],
                &[vec![512, 90], vec![71, 531]],
            )
            .unwrap(),
        ),
        (
            "confusion_4",
            confusion(
                &heading("Upvotes: confusion"),
                &four,
                &[
                    vec![12_400, 4_000, 600, 3],
                    vec![80, 100, 44, 9],
                    vec![31, 60, 95, 50],
                    vec![0, 0, 0, 0],
                ],
            )
            .unwrap(),
        ),
        (
            "confusion_long",
            confusion(
                &heading("Upvotes: confusion of bins with long names"),
                &[
                    "score below -1,000,000",
                    "score -1,000,000 to 1,000,000",
                    "a_class_with_one_very_long_name",
                    "score 2,000,000 and up",
                ]
                .map(str::to_owned),
                &[
                    vec![9_000_000_000, 4_000, 600, 3],
                    vec![80, 100, 44, 9],
                    vec![31, 60, 95, 50],
                    vec![1, 0, 2, 7],
                ],
            )
            .unwrap(),
        ),
        (
            "losses_one",
            losses(&heading("Generator: loss"), &[loss("", 2.4)]).unwrap(),
        ),
        (
            "losses_two",
            losses(
                &heading("Two runs compared"),
                &[loss("small", 2.6), loss("large, dropout 0.2", 2.3)],
            )
            .unwrap(),
        ),
        (
            "losses_short",
            losses(
                &heading("A run that has just begun"),
                &[LossLine {
                    training: vec![(1.0, 8.1), (2.0, 7.9), (3.0, f64::NAN)],
                    ..LossLine::default()
                }],
            )
            .unwrap(),
        ),
        (
            "calibration",
            calibration(
                &heading("Realism: can p(real) be taken at its word?"),
                &[("realism".to_owned(), bins(1.6))],
            )
            .unwrap(),
        ),
        (
            "histogram_two",
            histogram(
                &heading("Realism: scores of real replies and fakes"),
                "p(real)",
                &edges,
                &groups,
            )
            .unwrap(),
        ),
        (
            "histogram_one",
            histogram(
                &heading("Length of replies"),
                "characters",
                &edges.iter().map(|e| e * 2000.0).collect::<Vec<_>>(),
                &groups[..1],
            )
            .unwrap(),
        ),
    ]
}

#[test]
fn charts_are_self_contained_and_convert_to_png() {
    let folder = std::env::var_os("REPARTEE_PICTURES").map(std::path::PathBuf::from);
    for (name, picture) in all() {
        assert!(
            !picture.svg.contains("NaN") && !picture.svg.contains("inf"),
            "{name}"
        );
        assert!(
            !picture.svg.contains("<style") && !picture.svg.contains("href"),
            "{name}: CSP"
        );
        let elements = picture.svg.matches("opacity=").count();
        assert_eq!(
            picture.svg.matches("class=\"").count(),
            elements + 1,
            "{name}: an element has no class"
        );
        let png = picture.png(1.0, Theme::Light).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        let width = u32::from_be_bytes(png[16..20].try_into().unwrap());
        assert_eq!(f64::from(width), picture.width, "{name}");
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(format!("{name}.svg")), &picture.svg).unwrap();
            std::fs::write(folder.join(format!("{name}.csv")), picture.csv().unwrap()).unwrap();
            for (theme, end) in [(Theme::Light, ""), (Theme::Dark, "_dark")] {
                std::fs::write(
                    folder.join(format!("{name}{end}.png")),
                    picture.png(1.5, theme).unwrap(),
                )
                .unwrap();
            }
        }
    }
}

#[test]
fn hostile_text_is_escaped() {
    let heading = Heading {
        title: "</title><script>alert('x')</script> & \u{0}\u{7}\nline two".to_owned(),
        measured_on: "a ".repeat(4000) + "<img src=x onerror=y>",
        notice: "<b>notice</b>".to_owned(),
    };
    let name = "fill=\"#0072B2\" <rect x=\"1\"/>";
    let picture = roc(&heading, &[curve(name, 0.5, false)], None).unwrap();
    assert!(!picture.svg.contains("<script") && !picture.svg.contains("<img"));
    assert!(!picture.svg.contains("<b>") && picture.svg.contains("&lt;b&gt;notice"));
    assert!(picture.svg.contains("&lt;rect x=") && !picture.svg.contains('\u{0}'));
    assert!(
        picture.height < 1000.0,
        "a long heading is cut: {}",
        picture.height
    );
    picture.png(1.0, Theme::Light).expect("still an SVG");
    assert!(
        picture.csv().unwrap().contains("\"fill=\"\"#0072B2\"\""),
        "quoted after RFC 4180"
    );
}

#[test]
fn what_hides_or_reorders_a_name_is_escaped() {
    let (name, shown) = (
        "a\u{1b}[2J\u{202e}b\u{200b}\\u{202e}",
        "a\\u{1b}[2J\\u{202e}b\\u{200b}\\\\u{202e}",
    );
    let heading = Heading {
        title: name.to_owned(),
        measured_on: name.to_owned(),
        notice: name.to_owned(),
    };
    let names = [name.to_owned(), "b".to_owned()];
    for picture in [
        roc(&heading, &[curve(name, 0.5, false)], None).unwrap(),
        confusion(&heading, &names, &[vec![3, 1], vec![2, 4]]).unwrap(),
    ] {
        for written in [&picture.svg, &picture.csv().unwrap()] {
            assert!(written.contains(shown), "{written}");
            assert!(!written.contains(['\u{1b}', '\u{202e}', '\u{200b}']));
        }
    }
    let lines = Curve {
        name: "a\nb".to_owned(),
        ..curve("", 0.5, false)
    };
    let csv = roc(&heading, &[lines], None).unwrap().csv().unwrap();
    assert!(
        csv.lines()
            .skip(1)
            .all(|line| line.starts_with("a\\u{a}b,")),
        "{csv}"
    );
}

#[test]
fn notice_is_under_every_chart_and_in_its_table() {
    let plain = heading("Noted");
    let noted = Heading {
        notice: "No permission of this kind on record; ".repeat(6),
        ..plain.clone()
    };
    let names = ["a".to_owned(), "b".to_owned()];
    let draw = |h: &Heading| {
        [
            roc(h, &[curve("a", 0.5, false)], None).unwrap(),
            confusion(h, &names, &[vec![3, 1], vec![2, 4]]).unwrap(),
        ]
    };
    for (without, with) in draw(&plain).iter().zip(draw(&noted)) {
        assert_eq!(with.plot, without.plot, "the plot stays where it is");
        assert!(with.height > without.height + 40.0);
        let shown = with.svg.matches(">\nNo permission of this").count();
        assert!(shown >= 1, "{}", with.svg);
        assert_eq!(with.table.columns.last().unwrap(), "notice");
        assert!(
            with.table
                .rows
                .iter()
                .all(|row| row.last().unwrap() == &noted.notice)
        );
        assert_eq!(with.table.rows.len(), without.table.rows.len());
        assert!(
            !without.svg.contains("No permission") && !without.csv().unwrap().contains("notice")
        );
        with.png(1.0, Theme::Light).unwrap();
    }
}

#[test]
fn empty_chart_is_an_error() {
    let h = heading("Empty");
    let none = Curve::default();
    assert!(matches!(roc(&h, &[], None), Err(Error::Empty(_))));
    assert!(matches!(
        precision_recall(&h, &[none], None, None),
        Err(Error::Empty(_))
    ));
    assert!(matches!(
        confusion(&h, &["a".to_owned()], &[vec![0]]),
        Err(Error::Empty(_))
    ));
    assert!(matches!(
        confusion(&h, &["a".to_owned()], &[vec![1, 2]]),
        Err(Error::Empty(_))
    ));
    assert!(matches!(calibration(&h, &[]), Err(Error::Empty(_))));
    let nan = LossLine {
        training: vec![(1.0, f64::NAN)],
        ..LossLine::default()
    };
    assert!(matches!(losses(&h, &[nan]), Err(Error::Empty(_))));
    let group = Group {
        name: String::new(),
        counts: vec![1],
    };
    assert!(matches!(
        histogram(&h, "x", &[1.0, 1.0], &[group]),
        Err(Error::Empty(_))
    ));
    let (_, picture) = all().remove(0);
    assert!(matches!(picture.png(0.0, Theme::Light), Err(Error::Png(_))));
    assert!(matches!(picture.png(1e9, Theme::Light), Err(Error::Png(_))));
    assert!(matches!(
        picture.png(f64::NAN, Theme::Light),
        Err(Error::Png(_))
    ));
}

#[test]
fn page_can_place_a_tooltip_over_the_plot() {
    let (_, picture) = all().remove(0);
    let (plot, series) = (picture.plot, &picture.series[0]);
    // The dot at the threshold, computed from the axes and the rectangle alone, is where the SVG has it.
    let at = series.points.iter().rfind(|p| p.0 <= 0.1).unwrap();
    let x = plot.x + (at.0 - picture.x.from) / (picture.x.to - picture.x.from) * plot.width;
    let y =
        plot.y + plot.height * (1.0 - (at.1 - picture.y.from) / (picture.y.to - picture.y.from));
    let dot = format!("cx=\"{}\" cy=\"{}\"", x.round(), y.round());
    assert!(picture.svg.contains(&dot), "no dot at {dot}");
    assert_eq!(picture.table.rows.len(), series.points.len());
    assert_eq!(
        picture.csv().unwrap().lines().next(),
        Some("curve,false_positive_rate,true_positive_rate,threshold")
    );
}

#[test]
fn band_and_interval_are_drawn_and_in_the_table() {
    let curve = banded("realism", 0.25);
    let (bands, interval) = (curve.band.clone(), curve.interval.unwrap());
    let with = roc(&heading("ROC"), std::slice::from_ref(&curve), None).unwrap();
    let polygon = with
        .svg
        .lines()
        .find(|line| line.starts_with("<polygon"))
        .unwrap();
    assert!(polygon.contains("fill-"), "{polygon}");
    let corners = polygon.split("points=\"").nth(1).unwrap();
    let corners = corners.split('"').next().unwrap().split_whitespace();
    assert_eq!(corners.count(), 2 * bands.len());
    assert!(
        with.series[0].name.contains("[0.750, 0.840]; 95% band"),
        "{:?}",
        with.series[0].name
    );
    assert_eq!(
        with.csv().unwrap().lines().next(),
        Some(
            "curve,false_positive_rate,true_positive_rate,threshold,low,high,auc,auc_low,auc_high"
        )
    );
    for (row, band) in with.table.rows.iter().zip(&bands) {
        let cell = |n: usize| row[n].parse::<f64>().unwrap();
        assert!((cell(4) - band.1).abs() < 1e-12 && (cell(5) - band.2).abs() < 1e-12);
        assert_eq!((cell(7), cell(8)), interval);
    }
    // between two points of the band
    let middle = Curve {
        points: vec![
            (0.0, 0.0, None),
            (0.5, 0.9, Some(0.5)),
            (1.0, 1.0, Some(0.0)),
        ],
        band: vec![(0.0, 0.0, 0.25), (1.0, 0.75, 0.75)],
        ..Curve::default()
    };
    let both = roc(
        &heading("ROC"),
        &[middle, self::curve("plain", 0.5, false)],
        None,
    )
    .unwrap();
    assert_eq!(
        both.table.rows[1][4..],
        ["0.375".to_owned(), "0.5".to_owned()]
    );
    assert_eq!(both.table.rows[3][4..], [String::new(), String::new()]);
    assert!(
        both.table
            .rows
            .iter()
            .all(|row| row.len() == both.table.columns.len())
    );
}

/// Three points on a straight line: a ROC curve without its middle one looks the same, and a marker looked up among the
/// remaining points would be in the wrong place.
#[test]
fn threshold_is_marked_at_its_point_not_at_a_vertex() {
    let straight = Curve {
        name: "real".to_owned(),
        points: vec![
            (0.0, 0.0, None),
            (0.0, 0.893, Some(0.9)),
            (1.0, 1.0, Some(0.1)),
        ],
        area: Some(0.95),
        ..Curve::default()
    };
    let mark = Threshold {
        curve: 0,
        at: (0.5, 0.946),
        threshold: 0.5,
    };
    let picture = roc(&heading("ROC"), std::slice::from_ref(&straight), Some(mark)).unwrap();
    let place = |x: f64, y: f64| {
        let (px, py) = (
            picture.plot.x + x * picture.plot.width,
            picture.plot.y + (1.0 - y) * picture.plot.height,
        );
        format!("cx=\"{}\" cy=\"{}\"", px.round(), py.round())
    };
    assert!(
        picture.svg.contains(&place(0.5, 0.946)),
        "the dot is elsewhere"
    );
    assert!(
        !picture.svg.contains(&place(0.0, 0.893)),
        "a dot at the vertex"
    );
    assert!(picture.svg.contains("threshold 0.5"));
}

#[test]
fn page_recolors_every_class() {
    let css = page_css();
    for (name, picture) in all() {
        for class in picture
            .svg
            .split("class=\"")
            .skip(2)
            .filter_map(|s| s.split('"').next())
        {
            assert!(
                css.contains(&format!(".{class} ")),
                "{name}: no rule for {class}"
            );
        }
    }
}
