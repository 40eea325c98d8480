//! Each query of the window declares the families of tables that it reads. This runs all of them on a full project and
//! compares the declarations with the columns that SQLite reports.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use repartee_engine::{Code, Engine, api};
use repartee_store::reads::families_of;
use repartee_store::watch::Family;
use repartee_tests::window::full_sample;
use serde_json::{Value, json};

/// Columns that need no family: numbers by which rows refer to each other never change, and a name, a deletion and a
/// mark as trained on deleted content are announced to every family that shows it.
fn is_joined(table: &str, column: &str) -> bool {
    let is_key = column == "id" || column.ends_with("_id");
    let is_name =
        column == "name" && matches!(table, "source" | "split" | "base" | "run" | "fake_set");
    is_key || is_name || matches!(table, "deleting" | "deleted_content")
}

/// Reads of which no window needs to be notified.
fn is_private(query: &str, table: &str) -> bool {
    match query {
        // running jobs write every second; the space that they take is not worth a query
        "size" => families_of(table).is_some_and(|families| families.contains(&Family::Jobs)),
        // the measured speed of this machine, which the query itself stores
        "run.estimate" => table == "setting",
        _ => false,
    }
}

/// Parameters of a query with which it reads everything that it may read.
fn params(engine: &Engine, name: &str) -> Value {
    let config = || {
        json!(repartee_engine::training::run_config::RunConfig::of(
            repartee_engine::training::run_config::ModelKind::Realism
        ))
    };
    match name {
        "source.rejected" => json!({ "source": 2, "after": 0, "limit": 10 }),
        "pairs.view" => {
            json!({ "split": "main", "partition": "test", "words": "the", "excluded": false, "min_score": 1, "source": 1 })
        }
        "pairs.chart" => {
            json!({ "figure": "score", "pairs": { "split": "main", "partition": "test" } })
        }
        "pair.get" => json!({ "id": first_pair(engine)["id"] }),
        "pairs.rows" => json!({ "view": view(engine)["view"], "from": 0, "count": 5 }),
        "run.again" | "run.get" | "run.quality" => json!({ "name": "writer" }),
        "base.estimate" => json!({ "name": "new", "kind": "gpt2", "split": "main" }),
        "run.read" => json!({ "toml": "" }),
        "run.estimate" | "run.toml" | "study.train" => json!({ "config": config() }),
        "run.figure" => json!({ "run": "writer", "figure": "loss" }),
        "run.differences" => json!({ "runs": ["judge", "votes"] }),
        "fakes.rows" => json!({ "name": "fakes", "limit": 3 }),
        "evaluation.get" | "evaluation.curves" => json!({ "id": 2 }),
        "evaluation.at" => json!({ "id": 2, "threshold": 0.4 }),
        "evaluation.examples" => json!({ "id": 2, "best": true, "limit": 3 }),
        "evaluation.compare" => json!({ "of": ["2", "judge"] }),
        "chart" => json!({ "kind": "roc", "of": ["judge"] }),
        "generation.get" => json!({ "id": 1 }),
        "generation.pick" => json!({ "id": 1, "criteria": {} }),
        "reply.get" | "outbox.get" => json!({ "id": 11 }),
        "reply.rewrite.preview" => json!({ "id": 8, "text": "Better words." }),
        "item.dependents" => json!({ "kind": "source", "item": "1" }),
        "job.get" | "job.log" => json!({ "job": engine.jobs().unwrap()[0].id }),
        "thread.get" => json!({ "id": engine.posting().threads().unwrap()[0].id }),
        "import.question" => json!({ "import": { "files": [] } }),
        _ => Value::Null,
    }
}

fn view(engine: &Engine) -> Value {
    json!(engine.view_pairs(&Default::default()).unwrap())
}

fn first_pair(engine: &Engine) -> Value {
    let view = view(engine);
    let rows = engine.view_rows(view["view"].as_str().unwrap(), 0, 1);
    json!(rows.unwrap()[0])
}

#[test]
fn queries_declare_the_families_that_they_read() {
    let (_folder, engine) = full_sample();
    let engine = Arc::new(engine);
    let mut problems = Vec::new();
    let mut asked = 0;
    for (name, declared) in api::queries() {
        let params = params(&engine, name);
        let (answer, columns) = engine.record_reads(|| api::call(&engine, name, &params));
        let Some(answer) = answer else {
            // of the application: constant
            assert!(declared.is_empty(), "{name}");
            continue;
        };
        match answer {
            Ok(_) => {}
            // nothing of the sample was deleted, and an empty text has no settings
            Err(error) if ["run.again", "run.read"].contains(&name) => {
                assert_eq!(error.code, Code::Usage, "{name}: {error}");
            }
            Err(error) => panic!("{name}: {error} {:?}", error.detail),
        }
        asked += 1;
        let read: BTreeSet<_> = columns
            .iter()
            .filter(|(table, column)| !is_joined(table, column) && !is_private(name, table))
            .filter_map(|(table, column)| Some((table, column, families_of(table)?)))
            .collect();
        for (table, column, families) in &read {
            if !families.iter().any(|family| declared.contains(family)) {
                problems.push(format!(
                    "{name} reads {table}.{column}: declare one of {families:?}"
                ));
            }
        }
        for family in declared {
            let is_read = columns
                .iter()
                .filter_map(|(table, _)| families_of(table))
                .any(|families| families.contains(family));
            if !is_read {
                problems.push(format!("{name} declares {family:?} and reads none of it"));
            }
        }
    }
    assert!(asked > 50, "{asked}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
