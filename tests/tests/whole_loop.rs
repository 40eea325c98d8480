//! The whole loop as a person goes it, by the command line: on the synthetic sample, and on real text
//! where there is some.
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
fn the_demo_goes_round_small() {
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
    assert!(evaluations.iter().all(|e| e["side"] == "test"));
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
    // a second time it would write over the first
    let again = place.run(["demo", &name]);
    assert_eq!(again.status, Some(2));
    assert!(again.err.contains("not empty"), "{again}");
}

#[test]
fn real_text_goes_round() {
    let Some(shared) = repartee_tests::shared() else {
        return;
    };
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
    let imported = ok("import", &dumps);
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
        "base new tiny --kind gpt2 --layers 2 --width 64 --heads 2 --context 128 --tokenizer",
        &[shared.join("gpt2")],
    );
    ok("base add minilm --from", &[shared.join("minilm")]);
    let train = "--max-tokens 96 --batch 8 --set validate_limit=24";
    ok(
        &format!("train generator --name writer --base tiny --steps 40 --lr 2e-3 {train}"),
        &[],
    );
    let fakes = ok(
        "fakes make --generator writer --comments 80,16,24 --max-new-tokens 24 --top-k 20",
        &[],
    );
    assert_eq!(fakes["fakes"], serde_json::json!([80, 16, 24]));
    assert_eq!(fakes["config"]["decode"]["top_k"], 20);
    ok(
        &format!("train realism --name judge --base minilm --steps 12 {train}"),
        &[],
    );
    ok(
        &format!("train upvotes --name votes --base minilm --steps 6 {train} --set limit=400"),
        &[],
    );

    let writer = ok("evaluate writer --limit 100", &[]);
    let figures = &writer["figures"];
    assert!(
        figures["perplexity"].as_f64().unwrap() < figures["chance_perplexity"].as_f64().unwrap(),
        "{figures}"
    );
    let judge = ok("evaluate judge", &[]);
    assert!(
        judge["figures"]["auc"].as_f64().unwrap() > 0.5,
        "real against gibberish: {judge}"
    );
    ok("evaluate votes --limit 60", &[]);
    ok("chart roc judge --out", &[place.path("roc-realism")]);
    ok("chart roc votes --out", &[place.path("roc-upvotes")]);
    for name in ["roc-realism", "roc-upvotes"] {
        for ending in ["svg", "png", "csv"] {
            assert!(
                place
                    .path(&format!("{name}.{ending}"))
                    .metadata()
                    .unwrap()
                    .len()
                    > 100
            );
        }
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
