//! A rerun has the bits of its run, and a difference is found, measured and judged by the conditions of both.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::OnceLock;

use repartee_tests::sample::project;
use repartee_tests::stranger::database;
use repartee_tests::{Place, Ran, Saved};
use serde_json::json;

/// A copy of a project with an evaluated generator, trained by the command line.
fn trained() -> Place {
    static MADE: OnceLock<Saved> = OnceLock::new();
    let saved = MADE.get_or_init(|| {
        let (place, engine) = project(60);
        drop(engine);
        let train = "train generator --name writer --base small-gpt2 --steps 6 --batch 4 --max-tokens 48 --dropout 0.1 \
                     --validate-every 3 --validate-limit 10 --samples 0 --device cpu";
        place.ok(train.split_whitespace());
        place.ok("evaluate writer --limit 10 --device cpu".split(' '));
        place.save()
    });
    saved.copy()
}

/// Changes the project as another program would.
fn edit(place: &Place, sql: &str) {
    assert!(database(&place.project()).execute(sql, []).unwrap() > 0);
}

fn rerun(place: &Place, more: &[&str]) -> Ran {
    place.run([&["rerun", "writer", "--json"][..], more].concat())
}

#[test]
fn rerun_is_bit_identical_and_a_run_of_its_own() {
    let place = trained();
    let ran = rerun(&place, &[]);
    assert_eq!(ran.status, Some(0), "{ran}");
    let result = ran.result();
    assert_eq!(result["rerun"], json!("writer-rerun"), "{result}");
    assert_eq!(
        (&result["identical"], &result["same_conditions"]),
        (&json!(true), &json!(true)),
        "{result}"
    );
    let verdict = result["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("bit-identical: "), "{verdict}");
    assert_eq!(
        result["metrics"],
        json!([]),
        "equal weights need no evaluation"
    );
    let engine = place.engine();
    let hashes = |run: &str| engine.checkpoint_hashes(run, Some("last")).unwrap();
    assert_eq!(hashes("writer"), hashes("writer-rerun"));
    assert_eq!(result["losses"][0]["steps"], json!(6));
    drop(engine);

    let taken = rerun(&place, &[]);
    assert_eq!(taken.status, Some(2), "{taken}");
    assert!(taken.err.contains("choose another name"), "{taken}");
    let second = rerun(&place, &["--name", "second"]).result();
    assert_eq!(second["rerun"], json!("second"), "{second}");
    let shown = place.ok(["run", "list"]).out;
    assert!(shown.contains("second"), "{shown}");
}

#[test]
fn difference_under_the_same_conditions_is_negative_and_measured() {
    let place = trained();
    edit(
        &place,
        "UPDATE metric SET value = value + 0.5 WHERE name = 'loss' AND step = 4",
    );
    let ran = rerun(&place, &[]);
    assert_eq!(ran.status, Some(1), "{ran}");
    let result = ran.result();
    let loss = &result["losses"][0];
    assert_eq!((&loss["first"], &loss["at"]), (&json!(4), &json!(4)));
    let largest = loss["largest"].as_f64().unwrap();
    assert!((largest - 0.5).abs() < 1e-9, "{largest}");
    let verdict = result["verdict"].as_str().unwrap();
    let expected = "not bit-identical: the training loss differs from step 4 on, largest difference 5.000e-1 at step 4";
    assert!(verdict.starts_with(expected), "{verdict}");
    // the weights are equal, so the repeated evaluation gives the same figures
    let metrics = result["metrics"].as_array().unwrap();
    assert!(!metrics.is_empty(), "{result}");
    for one in metrics {
        assert_eq!(one["partition"], json!("test"), "{one}");
        assert_eq!(one["first"], one["second"], "{one}");
    }
}

#[test]
fn difference_under_other_conditions_is_explained() {
    let place = trained();
    edit(
        &place,
        "UPDATE metric SET value = value + 0.5 WHERE name = 'loss' AND step = 4",
    );
    edit(
        &place,
        "UPDATE run SET facts = json_set(json_remove(facts, '$.processor'), '$.threads', 64)",
    );
    let ran = rerun(&place, &[]);
    assert_eq!(ran.status, Some(0), "{ran}");
    let result = ran.result();
    assert_eq!(result["identical"], json!(false), "{result}");
    assert_eq!(result["same_conditions"], json!(false), "{result}");
    let verdict = result["verdict"].as_str().unwrap();
    assert!(
        verdict.contains("promised only under the same conditions")
            && verdict.contains("threads 64 and 2")
            && verdict.contains("processor not recorded and "),
        "{verdict}"
    );
}

#[test]
fn what_cannot_be_repeated_is_refused() {
    let place = trained();
    edit(
        &place,
        "UPDATE job SET outcome = json_set(outcome, '$.outcome', 'stopped') WHERE kind = 'train'",
    );
    let ran = rerun(&place, &[]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(ran.err.contains("ended early"), "{ran}");
    edit(
        &place,
        "UPDATE job SET state = 'failed' WHERE kind = 'train'",
    );
    let ran = rerun(&place, &[]);
    assert!(ran.err.contains("is not done (failed)"), "{ran}");
    assert_eq!(
        place.engine().runs().unwrap().len(),
        1,
        "nothing was trained"
    );
    let ran = place.run(["rerun", "nobody"]);
    assert!(
        ran.err.contains("nobody") && ran.err.contains("writer"),
        "{ran}"
    );
}
