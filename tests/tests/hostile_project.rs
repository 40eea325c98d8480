//! An untrusted project file: foreign objects in it are named and do nothing, and its content is only data.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use repartee_engine::app_state::AppState;
use repartee_engine::posting::LogIn;
use repartee_engine::{Code, Engine};
use repartee_tests::sample::project;
use repartee_tests::stranger::{database, fill};
use repartee_tests::{Place, binary};
use serde_json::json;

/// The trigger from the report: between approval and posting it replaced the text.
const SWAP: &str = "CREATE TRIGGER swap AFTER UPDATE OF state ON reply WHEN NEW.state = 'sending'
    BEGIN UPDATE reply SET text = 'bought', full_text = 'bought' WHERE id = NEW.id; END";

#[test]
fn foreign_trigger_is_named_never_runs_and_is_removed_on_request() {
    let place = Place::with_project();
    fill(&place.project(), "mine");
    database(&place.project()).execute_batch(SWAP).unwrap();
    for command in [
        vec!["queue", "list"],
        vec!["reddit", "post"],
        vec!["compact"],
        vec!["size"],
    ] {
        let ran = place.run(command.into_iter().chain(["--json"]));
        assert_eq!(ran.status, Some(2), "{ran}");
        let error = &ran.json()["error"];
        assert_eq!(error["code"], "foreign-project", "{ran}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("foreign trigger \"swap\" on \"reply\""),
            "{message}"
        );
        assert!(message.contains("check --repair"), "{message}");
    }
    let before = std::fs::read(place.project()).unwrap();
    let checked = place.run(["check", "--json"]);
    assert_eq!(checked.status, Some(1), "{checked}");
    assert_eq!(checked.result()["whole"], false);
    assert_eq!(
        checked.result()["schema"][0],
        "foreign trigger \"swap\" on \"reply\""
    );
    let told = place.run(["check"]);
    assert!(
        told.out.contains("schema: foreign trigger \"swap\""),
        "{told}"
    );
    assert_eq!(
        std::fs::read(place.project()).unwrap(),
        before,
        "a check changes nothing"
    );

    let repaired = place.run(["check", "--repair"]);
    assert!(
        repaired.out.contains("Repaired: foreign trigger \"swap\""),
        "{repaired}"
    );
    let copy = place.path("test.repartee.before-repair-1");
    let kept: i64 = database(&copy)
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'swap'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(kept, 1, "the copy is of the file as it was");
    let story = place.engine().reply(1).unwrap();
    assert_eq!(story.reply.text, "mine");
    assert!(place.engine().check(&|_| {}).unwrap().schema.is_empty());
}

#[test]
fn every_kind_of_foreign_schema_object_is_found_and_never_runs() {
    for (sql, found) in [
        ("CREATE VIEW v AS SELECT text FROM reply", "foreign view \"v\""),
        ("CREATE TABLE more (x)", "foreign table \"more\""),
        ("CREATE INDEX slow ON reply(hex(text))", "foreign index \"slow\" on \"reply\""),
        ("DROP TRIGGER attempt_is_kept", "trigger \"attempt_is_kept\" is missing"),
        (
            "ALTER TABLE reply RENAME TO real; CREATE VIEW reply AS SELECT * FROM real",
            "foreign view \"reply\"",
        ),
        ("ALTER TABLE account ADD COLUMN more TEXT", "table \"account\" was changed"),
        (
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = replace(sql, '''draft'',', '''draft'', ''open'',') WHERE name = 'reply';
             PRAGMA writable_schema = RESET;",
            "table \"reply\" was changed",
        ),
    ] {
        let place = Place::with_project();
        database(&place.project()).execute_batch(sql).unwrap();
        let error = Engine::open(place.project()).err().expect(sql);
        assert_eq!(error.code, Code::ForeignProject, "{sql}");
        let found_in = Engine::open_to_check(&place.project()).unwrap().check(&|_| {}).unwrap();
        assert!(!found_in.whole && found_in.schema.iter().any(|line| line == found), "{sql}: {found_in:?}");
        let window = AppState::new(&place.path("config"), binary().to_owned(), Arc::new(|_, _| {}));
        let opened = window.call("one", "project.open", json!({ "path": place.project() }));
        assert_eq!(opened.unwrap_err().code, Code::ForeignProject, "{sql}");
        let doctor = place.run(["doctor"]);
        assert!(doctor.out.contains("was changed by another program"), "{doctor}");
    }
}

#[test]
fn violated_checks_are_named_by_row_and_by_sqlite() {
    let place = Place::with_project();
    fill(&place.project(), "mine");
    let violated = |sql: &str, table: &str| {
        let copy = place.path(&format!("{table}.repartee"));
        std::fs::copy(place.project(), &copy).unwrap();
        let db = database(&copy);
        db.execute_batch(sql).unwrap();
        drop(db);
        let before = std::fs::read(&copy).unwrap();
        let ran = place.run(["-p", copy.to_str().unwrap(), "check", "--json"]);
        assert_eq!(ran.status, Some(1), "{sql}: {ran}");
        assert_eq!(
            std::fs::read(&copy).unwrap(),
            before,
            "a check changes nothing"
        );
        ran.result()
    };
    for (sql, table, column, word) in [
        (
            "UPDATE split_pair SET side = 77",
            "split_pair",
            "side",
            "77",
        ),
        (
            "UPDATE candidate SET picked = 9",
            "candidate",
            "picked",
            "9",
        ),
        ("UPDATE pair SET fits = -1", "pair", "fits", "-1"),
        ("UPDATE run SET kind = ''", "run", "kind", "\"\""),
    ] {
        let found = violated(sql, table);
        assert_eq!(found["whole"], false, "{sql}: {found}");
        let rows = found["rows"].as_array().unwrap();
        let named = rows.iter().any(|row| {
            row["table"] == table
                && row["column"] == column
                && row["what"].as_str().unwrap().starts_with(word)
        });
        assert!(named, "{sql}: {found}");
        let lines = found["integrity"].as_array().unwrap();
        let line = format!("CHECK constraint failed in {table}");
        assert!(
            lines.iter().any(|one| *one == line.as_str()),
            "{sql}: {found}"
        );
    }
}

#[test]
fn exported_model_files_stay_in_their_folder() {
    let (place, engine) = project(30);
    drop(engine);
    let outside = place.path("outside.json");
    const ONE: &str =
        "bundle_id = (SELECT bundle_id FROM base WHERE kind = 'gpt2') AND dtype IS NULL";
    let (files, mut before): (usize, String) = database(&place.project())
        .query_row(
            &format!("SELECT count(*), min(name) FROM bundle_part WHERE {ONE}"),
            [],
            |row| Ok((row.get::<_, i64>(0)? as usize, row.get(1)?)),
        )
        .unwrap();
    assert!(files > 0);
    let original = before.clone();
    let mut rename = |name: &str| {
        let sql = format!("UPDATE bundle_part SET name = ?1 WHERE {ONE} AND name = ?2");
        let renamed = database(&place.project()).execute(&sql, [name, &before]);
        assert_eq!(renamed, Ok(1), "{name}");
        before = name.to_owned();
    };
    for name in [
        "../outside.json",
        outside.to_str().unwrap(),
        "sub/tokenizer.json",
        "loader.py",
    ] {
        rename(name);
        let ran = place.run(["export", "base", "small-gpt2", "out"]);
        assert_eq!(ran.status, Some(2), "{name}: {ran}");
        assert!(ran.err.contains("not a tokenizer file"), "{name}: {ran}");
        assert!(!place.path("out").exists() && !outside.exists(), "{name}");
    }
    rename(&original);
    // unknown entries of config.json are not passed on
    let db = database(&place.project());
    db.execute_batch(
        r#"UPDATE base SET name = '../evil',
             config = replace(config, '"n_layer"', '"auto\u005fmap": "stranger/code--x.Y", "n_layer"')
           WHERE name = 'small-gpt2';"#,
    )
    .unwrap();
    drop(db);
    let folder = place.path("out");
    place.engine().base_export("../evil", &folder).unwrap();
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    assert!(
        config.contains("n_layer") && !config.contains("stranger"),
        "{config}"
    );
}

#[test]
fn chart_named_after_a_run_stays_in_its_folder() {
    let place = Place::with_project();
    let run = "../../evil";
    fill(&place.project(), run);
    let inner = place.path("a/b");
    std::fs::create_dir_all(&inner).unwrap();
    let mut command = place.repartee(["chart", "loss", run, "--project", "../../test.repartee"]);
    let output = command.current_dir(&inner).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let written: Vec<_> = std::fs::read_dir(&inner).unwrap().collect();
    assert_eq!(written.len(), 3, "{written:?}");
    let beside = std::fs::read_dir(place.folder()).unwrap();
    assert!(
        beside
            .flatten()
            .all(|file| !file.file_name().to_string_lossy().contains("evil"))
    );
}

#[test]
fn account_in_an_untrusted_file_only_reaches_reddit_and_this_machine() {
    for host in [
        "https://example.org",
        "http://example.org",
        "https://user@127.0.0.1",
        "file:///etc",
        "https://127.0.0.1.example.org",
    ] {
        let place = Place::with_project();
        database(&place.project())
            .execute(
                "INSERT INTO account (name, client_id, app, operator, host, port, created_ms)
                 VALUES ('ann', 'id', 'script', 'ann', ?1, 0, 1)",
                [host],
            )
            .unwrap();
        let error = place
            .engine()
            .start(&LogIn::default(), &|_| {})
            .unwrap_err();
        assert_eq!(error.code, Code::Usage, "{host}: {error}");
    }
}

#[test]
fn stored_link_leads_to_reddit_or_nowhere() {
    let place = Place::with_project();
    fill(&place.project(), "@example.org/");
    let engine = place.engine();
    assert_eq!(engine.posting().threads().unwrap()[0].link, "");
    assert_eq!(
        engine.posting().outbox_story(1).unwrap().outbox.parent_link,
        ""
    );
}

/// Values that no Repartee ever wrote, in every column of every table: possibly an error, but no panic.
#[test]
fn no_value_in_any_column_panics() {
    let place = Place::with_project();
    fill(&place.project(), "a text");
    database(&place.project())
        .execute_batch(
            "INSERT INTO job (id, kind, params, state, want, owner, beat_ms, progress, outcome, created_ms, ended_ms)
               VALUES ('0199aaaa-0000-7000-8000-000000000002', 'import', '{}', 'running', 'run', NULL, 1,
               NULL, NULL, 1, NULL), ('0199aaaa-0000-7000-8000-000000000003', 'post', '{}', 'running', 'pause', '1:x',
               1, NULL, NULL, 1, NULL);
             INSERT INTO candidate SELECT n, 1, 1, n, 'b', 'end', 0.5, 0.1, 0.2, 0.3, 0.4, 2.0, 1, '', NULL
               FROM (SELECT 2 AS n UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7);
             INSERT INTO reply (id, candidate_id, text, full_text, state, updated_ms, account, parent_name, posted_name)
               SELECT id, id, 'b', 'b', CASE id WHEN 2 THEN 'draft' WHEN 3 THEN 'approved' WHEN 4 THEN 'sending'
                 WHEN 5 THEN 'uncertain' WHEN 6 THEN 'posted' ELSE 'cancelled' END, 1, 'ann', 't1_' || id, 't1_p' || id
               FROM candidate WHERE id > 1;
             INSERT INTO outcome VALUES (6, 3600, 1, 5, '');",
        )
        .unwrap();
    // SQLite enforces the types of a STRICT table; an edited file does not
    let columns: Vec<(String, String, String)> = {
        let db = database(&place.project());
        let mut query = db
            .prepare(
                "SELECT t.name, c.name, c.type FROM sqlite_schema t, pragma_table_info(t.name) c
                 WHERE t.type = 'table' AND t.sql LIKE '%STRICT%' AND t.name NOT LIKE 'pair_words%'",
            )
            .unwrap();
        query
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    };
    assert!(columns.len() > 150);
    let copy = place.path("copy.repartee");
    for (table, column, kind) in columns {
        let values: &[&str] = match kind.as_str() {
            "TEXT" => &["CAST(x'ff1bfe00' AS TEXT)", "'[{\"x\":[1e999,{}]}]'"],
            "BLOB" => &["x''"],
            "REAL" => &["9e999"],
            _ => &["-9223372036854775808", "9223372036854775807"],
        };
        for value in values {
            std::fs::copy(place.project(), &copy).unwrap();
            let db = database(&copy);
            // our own triggers protect the attempts and the audit log
            db.set_db_config(
                rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER,
                false,
            )
            .unwrap();
            if db
                .execute(&format!("UPDATE {table} SET \"{column}\" = {value}"), [])
                .is_err()
            {
                continue; // a second row of the same key
            }
            drop(db);
            let read = catch_unwind(AssertUnwindSafe(|| read_everything(&copy)));
            assert!(read.is_ok(), "{table}.{column} = {value}");
        }
    }
}

/// Calls everything that a window can show.
fn read_everything(project: &Path) {
    let folder = project.parent().unwrap();
    let app = AppState::new(
        &folder.join("config"),
        binary().to_owned(),
        Arc::new(|_, _| {}),
    );
    if app
        .call("one", "project.open", json!({ "path": project }))
        .is_err()
    {
        return;
    }
    let jobs = app.call("one", "jobs", json!({}));
    let job = jobs
        .ok()
        .and_then(|jobs| Some(jobs[0]["id"].as_str()?.to_owned()));
    for (name, params) in [
        ("overview", json!({})),
        ("sources", json!({})),
        (
            "source.rejected",
            json!({ "source": 1, "after": 0, "limit": 9 }),
        ),
        ("pair.get", json!({ "id": "2" })),
        ("pairs.subreddits", json!({})),
        ("labels", json!({ "edges": null })),
        ("splits", json!({})),
        ("bases", json!({})),
        ("runs", json!({})),
        ("run.get", json!({ "name": "a text" })),
        ("run.figure", json!({ "run": "a text", "figure": "loss" })),
        (
            "chart",
            json!({ "kind": "loss", "of": ["a text"], "threshold": null }),
        ),
        ("checkpoints", json!({})),
        ("fakes", json!({})),
        ("fakes.rows", json!({ "name": "a text", "limit": 9 })),
        ("evaluations", json!({})),
        ("generations", json!({})),
        ("generation.get", json!({ "id": 1 })),
        ("queue", json!({ "state": null })),
        ("reply.get", json!({ "id": 1 })),
        ("job.get", json!({ "job": job })),
        ("job.log", json!({ "job": job })),
        ("accounts", json!({})),
        ("posting.rules", json!({})),
        ("posting.permissions", json!({})),
        ("optouts", json!({})),
        ("threads", json!({})),
        ("thread.get", json!({ "id": 1 })),
        ("outbox", json!({ "state": null })),
        ("outbox.get", json!({ "id": 1 })),
        ("outbox.get", json!({ "id": 3 })),
        ("outbox.get", json!({ "id": 5 })),
        ("outcomes", json!({})),
        ("audit", json!({})),
    ] {
        let _ = app.call("one", name, params);
    }
}
