//! The full pipeline as a user runs it, by the command line: on the synthetic sample, and on real text if available.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use repartee_tests::Place;
use serde_json::Value;

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
fn demo_on_an_unknown_device_leaves_no_folder() {
    let place = Place::empty();
    let folder = place.path("demo");
    let name = folder.display().to_string();
    let refused = place.run(["demo", &name, "--device", "abacus"]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.err.contains("abacus"), "{refused}");
    assert!(!folder.exists());
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

/// A project for real text, and the folder that has it.
struct Real {
    place: Place,
    shared: PathBuf,
    /// Part of the steps and counts of the README's table.
    scale: f64,
}

impl Real {
    /// With all of it imported.
    fn imported() -> Self {
        let real = Self {
            place: Place::with_project(),
            shared: repartee_tests::shared(),
            scale: std::env::var("REPARTEE_REAL_SCALE").map_or(0.1, |text| {
                text.parse().expect("REPARTEE_REAL_SCALE is a number")
            }),
        };
        // no one approved these tests: that is what they record, and what their charts say
        let dumps = real.dumps();
        let imported = real.ok("import --permission none", &dumps);
        real.ok("study strict off --yes", &[]);
        let sources = imported["sources"].as_array().unwrap();
        assert_eq!(sources.len(), dumps.len());
        assert!(
            sources
                .iter()
                .all(|s| s["counts"]["new"].as_u64().unwrap() > 0),
            "{imported}"
        );
        real.ok(
            "import --map comment=title,reply=selftext,score=score",
            &files(&real.shared.join("reddit/top_posts"), "csv"),
        );
        real
    }

    fn dumps(&self) -> Vec<PathBuf> {
        let mut dumps = files(&self.shared.join("reddit"), "zst");
        dumps.extend(files(&self.shared.join("reddit"), "csv"));
        dumps
    }

    fn ok(&self, command: &str, more: &[PathBuf]) -> Value {
        let mut args: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        args.extend(more.iter().map(|path| path.display().to_string()));
        args.push("--json".to_owned());
        self.place.ok(args).result()
    }

    fn scaled(&self, full: f64) -> u64 {
        ((full * self.scale).round() as u64).max(4)
    }

    fn split(&self) {
        assert!(self.ok("pairs build", &[])["kept"].as_u64().unwrap() > 100);
        self.ok("split make main", &[]);
        assert_eq!(self.ok("split audit main", &[])["clean"], true);
    }

    fn train(&self) {
        self.ok(
            "base new small --kind gpt2 --layers 4 --width 128 --heads 4 --context 256 --tokenizer",
            &[self.shared.join("gpt2")],
        );
        self.ok("base add minilm --from", &[self.shared.join("minilm")]);
        let often = format!("--set validate_limit={}", self.scaled(200.0));
        let train = |what: &str, steps: f64| {
            let steps = self.scaled(steps);
            self.ok(
                &format!("train {what} --steps {steps} --batch 8 {often}"),
                &[],
            );
        };
        train(
            "generator --name writer --base small --lr 1e-3 --max-tokens 128",
            400.0,
        );
        let counts = [480.0, 80.0, 80.0].map(|count| self.scaled(count));
        let [train_set, val, test] = counts;
        let fakes = self.ok(
            &format!(
                "fakes make --generator writer --comments {train_set},{val},{test} --max-new-tokens 48 --top-k 40"
            ),
            &[],
        );
        assert_eq!(fakes["fakes"], serde_json::json!(counts));
        assert_eq!(fakes["config"]["sampling"]["top_k"], 40);
        train("realism --name judge --base minilm --max-tokens 96", 60.0);
        train("upvotes --name votes --base minilm --max-tokens 96", 150.0);
    }

    /// Evaluates all three, and prints the figures of the README's table.
    fn evaluate(&self) {
        let limit = format!("--limit {}", self.scaled(1000.0));
        let writer = self.ok(&format!("evaluate writer {limit}"), &[]);
        let judge = self.ok("evaluate judge", &[]);
        let votes = self.ok(&format!("evaluate votes {limit}"), &[]);
        let figure = |of: &Value, name: &str| {
            of["figures"][name]
                .as_f64()
                .unwrap_or_else(|| panic!("no {name} in {of}"))
        };
        let baseline = |of: &Value| {
            let auc = &of["figures"]["baseline"]["unigram_auc"];
            auc.as_f64()
                .unwrap_or_else(|| panic!("no baseline in {of}"))
        };
        assert!(figure(&writer, "perplexity") < figure(&writer, "chance_perplexity"));
        assert!(figure(&judge, "auc") > 0.5, "real against gibberish");
        println!(
            "scale {}: realism AUC {:.3} (word counts {:.3}), upvotes macro AUC {:.3} (word counts {:.3}), \
             perplexity {:.1} (unigram {:.1}, chance {:.0})",
            self.scale,
            figure(&judge, "auc"),
            baseline(&judge),
            figure(&votes, "auc"),
            baseline(&votes),
            figure(&writer, "perplexity"),
            figure(&writer, "unigram_perplexity"),
            figure(&writer, "chance_perplexity"),
        );
    }

    fn chart(&self) {
        let out = |name: &str| [self.place.path(name)];
        self.ok("chart roc judge --out", &out("roc-realism"));
        self.ok("chart roc votes --out", &out("roc-upvotes"));
        for name in ["roc-realism", "roc-upvotes"] {
            for ending in ["svg", "png", "csv"] {
                let chart = self.place.path(&format!("{name}.{ending}"));
                assert!(chart.metadata().unwrap().len() > 100);
            }
            let svg = std::fs::read_to_string(self.place.path(&format!("{name}.svg"))).unwrap();
            assert!(svg.contains("No permission to train on Reddit content on record"));
        }
    }

    fn generate(&self) {
        let generated = self.ok(
            "generate --unseen 5 -n 10 --generator writer --realism judge --upvotes votes --min-p-real 0.05",
            &[],
        );
        let comments = generated["comments"].as_array().unwrap();
        assert_eq!(comments.len(), 5);
        for comment in comments {
            let candidates = comment["candidates"].as_array().unwrap();
            assert_eq!(candidates.len(), 10);
            assert!(candidates.iter().all(|c| {
                c["p_real"].is_f64() && c["bins"].is_array() && c["reason"].is_string()
            }));
        }
        let queued = generated["queued"].as_array().unwrap();
        let listed = self.ok("queue list", &[]);
        assert_eq!(listed.as_array().unwrap().len(), queued.len());
    }
}

#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn importing_real_files_twice_adds_nothing() {
    let real = Real::imported();
    let again = real.ok("import", &real.dumps());
    let added: u64 = again["sources"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["already"] != true)
        .map(|s| s["counts"]["new"].as_u64().unwrap())
        .sum();
    assert_eq!(added, 0, "{again}");
}

/// The pipeline on real text. `REPARTEE_REAL_SCALE=1` uses the steps and counts of the README's table, which it prints;
/// otherwise a tenth of them, so that every run of the tests can afford it.
#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn real_text_runs_the_full_pipeline() {
    let real = Real::imported();
    real.split();
    real.train();
    real.evaluate();
    real.chart();
    real.generate();
    real.ok("check", &[]);
}
