//! The full pipeline as a user runs it, by the command line: on the synthetic sample, and on real text if available.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use repartee_tests::Place;

/// The files of a folder with this ending, by name.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .collect();
    found.sort();
    found
}

#[test]
fn small_demo_runs_the_full_pipeline() {
    let place = Place::empty();
    let folder = place.path("demo");
    let name = folder.display().to_string();
    let ran = place.ok([
        "demo",
        &name,
        "--sample-threads",
        "120",
        "--scale",
        "0.04",
        "--json",
    ]);
    let report = ran.result();
    let evaluations = report["evaluations"].as_array().unwrap();
    assert_eq!(evaluations.len(), 3);
    assert!(evaluations.iter().all(|e| e["partition"] == "test"));
    for file in report["charts"].as_array().unwrap() {
        assert!(
            Path::new(file.as_str().unwrap()).metadata().unwrap().len() > 20,
            "{file}"
        );
    }
    assert_eq!(report["generated"]["comments"].as_array().unwrap().len(), 5);
    let project = report["project"].as_str().unwrap();
    place.ok(["check", "--project", project]);
    place.ok(["split", "audit", "--project", project]);
    // a second time it would overwrite the first
    let again = place.run(["demo", &name]);
    assert_eq!(again.status, Some(2));
    assert!(again.err.contains("not empty"), "{again}");
}

/// The pipeline on real text. `REPARTEE_REAL_SCALE=1` uses the steps and counts of the README's table, which it prints;
/// otherwise a tenth of them, so that every run of the tests can afford it.
#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn real_text_runs_the_full_pipeline() {
    let shared = repartee_tests::shared();
    let scale: f64 = std::env::var("REPARTEE_REAL_SCALE").map_or(0.1, |text| {
        text.parse().expect("REPARTEE_REAL_SCALE is a number")
    });
    let scaled = |full: f64| ((full * scale).round() as u64).max(4);
    let place = Place::with_project();
    let words = |command: &str| {
        command
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<String>>()
    };
    let ok = |command: &str, more: &[PathBuf]| {
        let mut args = words(command);
        args.extend(more.iter().map(|path| path.display().to_string()));
        args.push("--json".to_owned());
        place.ok(args).result()
    };

    let mut dumps = files(&shared.join("reddit"), "zst");
    dumps.extend(files(&shared.join("reddit"), "csv"));
    // no one approved these tests: that is what they record, and what their charts say
    let imported = ok("import --permission none", &dumps);
    ok("study strict off --yes", &[]);
    let sources = imported["sources"].as_array().unwrap();
    assert_eq!(sources.len(), dumps.len());
    assert!(
        sources
            .iter()
            .all(|s| s["counts"]["new"].as_u64().unwrap() > 0),
        "{imported}"
    );
    ok(
        "import --map comment=title,reply=selftext,score=score",
        &files(&shared.join("reddit/top_posts"), "csv"),
    );
    let again = ok("import", &dumps);
    let new = |s: &serde_json::Value| s["counts"]["new"].as_u64().unwrap();
    let added: u64 = again["sources"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["already"] != true)
        .map(new)
        .sum();
    assert_eq!(
        added, 0,
        "importing the same file twice adds nothing: {again}"
    );

    assert!(ok("pairs build", &[])["kept"].as_u64().unwrap() > 100);
    ok("split make main", &[]);
    assert_eq!(ok("split audit main", &[])["clean"], true);

    ok(
        "base new small --kind gpt2 --layers 4 --width 128 --heads 4 --context 256 --tokenizer",
        &[shared.join("gpt2")],
    );
    ok("base add minilm --from", &[shared.join("minilm")]);
    let often = format!("--set validate_limit={}", scaled(200.0));
    ok(
        &format!(
            "train generator --name writer --base small --steps {} --batch 8 --lr 1e-3 --max-tokens 128 {often}",
            scaled(400.0)
        ),
        &[],
    );
    let counts = [scaled(480.0), scaled(80.0), scaled(80.0)];
    let fakes = ok(
        &format!(
            "fakes make --generator writer --comments {},{},{} --max-new-tokens 48 --top-k 40",
            counts[0], counts[1], counts[2]
        ),
        &[],
    );
    assert_eq!(fakes["fakes"], serde_json::json!(counts));
    assert_eq!(fakes["config"]["sampling"]["top_k"], 40);
    ok(
        &format!(
            "train realism --name judge --base minilm --steps {} --batch 8 --max-tokens 96 {often}",
            scaled(60.0)
        ),
        &[],
    );
    ok(
        &format!(
            "train upvotes --name votes --base minilm --steps {} --batch 8 --max-tokens 96 {often}",
            scaled(150.0)
        ),
        &[],
    );

    let limit = format!("--limit {}", scaled(1000.0));
    let writer = ok(&format!("evaluate writer {limit}"), &[]);
    let judge = ok("evaluate judge", &[]);
    let votes = ok(&format!("evaluate votes {limit}"), &[]);
    let figure = |of: &serde_json::Value, name: &str| {
        of["figures"][name]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name} in {of}"))
    };
    let baseline = |of: &serde_json::Value| {
        let auc = &of["figures"]["baseline"]["unigram_auc"];
        auc.as_f64()
            .unwrap_or_else(|| panic!("no baseline in {of}"))
    };
    assert!(figure(&writer, "perplexity") < figure(&writer, "chance_perplexity"));
    assert!(figure(&judge, "auc") > 0.5, "real against gibberish");
    println!(
        "scale {scale}: realism AUC {:.3} (word counts {:.3}), upvotes macro AUC {:.3} (word counts {:.3}), \
         perplexity {:.1} (unigram {:.1}, chance {:.0})",
        figure(&judge, "auc"),
        baseline(&judge),
        figure(&votes, "auc"),
        baseline(&votes),
        figure(&writer, "perplexity"),
        figure(&writer, "unigram_perplexity"),
        figure(&writer, "chance_perplexity"),
    );
    ok("chart roc judge --out", &[place.path("roc-realism")]);
    ok("chart roc votes --out", &[place.path("roc-upvotes")]);
    for name in ["roc-realism", "roc-upvotes"] {
        for ending in ["svg", "png", "csv"] {
            let chart = place.path(&format!("{name}.{ending}"));
            assert!(chart.metadata().unwrap().len() > 100);
        }
        let svg = std::fs::read_to_string(place.path(&format!("{name}.svg"))).unwrap();
        assert!(svg.contains("No permission to train on Reddit content on record"));
    }

    let generated = ok(
        "generate --unseen 5 -n 10 --generator writer --realism judge --upvotes votes --min-p-real 0.05",
        &[],
    );
    let comments = generated["comments"].as_array().unwrap();
    assert_eq!(comments.len(), 5);
    for comment in comments {
        let candidates = comment["candidates"].as_array().unwrap();
        assert_eq!(candidates.len(), 10);
        assert!(
            candidates
                .iter()
                .all(|c| c["p_real"].is_f64() && c["bins"].is_array() && c["reason"].is_string())
        );
    }
    let queued = generated["queued"].as_array().unwrap();
    let listed = ok("queue list", &[]);
    assert_eq!(listed.as_array().unwrap().len(), queued.len());
    ok("check", &[]);
}
