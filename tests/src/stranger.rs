//! A project in which every text that another person can choose is a given one.

use std::path::Path;

use rusqlite::Connection;

/// The project file, opened as another program would.
pub fn database(project: &Path) -> Connection {
    let db = Connection::open(project).expect("the project file");
    db.busy_timeout(std::time::Duration::from_secs(30))
        .expect("a setting");
    db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;")
        .expect("settings");
    db
}

/// Inserts one row into each table, with `text` wherever any text is allowed.
pub fn fill(project: &Path, text: &str) {
    let db = database(project);
    let config = r#"{"generator":"writer","step":1,"template":{"prefix":"","between":"","max_tokens":9},"decode":{},"replies":1,"comments":[1,1,1],"device":"cpu"}"#;
    for sql in [
        "INSERT INTO source (id, name, path, format, hash, options, permission, note, counts, created_ms) VALUES (1, ?1, ?1, 'mapped', 'x', '{}', 'own', ?1, '{}', 1)",
        "INSERT INTO rejected VALUES (1, 1, ?1, ?1)",
        "INSERT INTO post VALUES (9, 1, ?1, ?1, ?1, ?1, 3, 1, 1)",
        "INSERT INTO comment VALUES (1, 9, NULL, 1, ?1, ?1, ?1, 1, 1, 1), (2, 9, 1, 1, ?1, ?1, ?1, 1, 1, 1)",
        "INSERT INTO pair (id, comment_id, thread_id) VALUES (2, 1, 9)",
        r#"INSERT INTO split VALUES (1, ?1, 1, '{"shares":{"train":0.8,"val":0.1,"test":0.1},"edges":[0,1,2],"near":{"threshold":0.8}}', NULL, 1)"#,
        "INSERT INTO split_pair VALUES (1, 0, 2)",
        "INSERT INTO bundle VALUES (1)",
        "INSERT INTO base VALUES (1, ?1, 'gpt2', ?1, '{}', 1, 1)",
        "INSERT INTO job (id, kind, params, state, want, owner, beat_ms, progress, outcome, created_ms, ended_ms) VALUES ('0199aaaa-0000-7000-8000-000000000001', ?1, json_object('files', json_array(?1)), 'failed', 'run', NULL, 0, json_object('phase', ?1, 'done', 0, 'unit', ?1, 'note', ?1), json_object('code', 'io', 'message', ?1, 'detail', json_array(?1)), 1, 2)",
        "INSERT INTO job_log VALUES (1, '0199aaaa-0000-7000-8000-000000000001', 1, ?1)",
        "INSERT INTO run (id, name, kind, base_id, split_id, config, job_id, facts, created_ms) VALUES (1, ?1, 'generator', 1, 1, '# ' || ?1, '0199aaaa-0000-7000-8000-000000000001', '{}', 1)",
        "INSERT INTO metric VALUES (1, 'loss', 1, 2.0), (1, 'loss', 2, 1.0)",
        "INSERT INTO sweep VALUES (1, ?1, 'generator', '0199aaaa-0000-7000-8000-000000000001', 1)",
        "INSERT INTO trial VALUES (1, 1, json_array(json_array(?1, ?1)), 1, 'finished', 1, 2.0, 1, ?1, 3.0)",
        "INSERT INTO run_sample (run_id, step, n, comment, text) VALUES (1, 1, 0, ?1, ?1)",
        "INSERT INTO checkpoint VALUES (1, 1, 'best', 1, 1, NULL, '{}', 1)",
        "INSERT INTO fake_set VALUES (1, ?1, 1, 1, ?2, 1)",
        "INSERT INTO fake VALUES (1, 1, 2, 0, ?1, 'end')",
        "INSERT INTO thread (id, origin, subreddit, title, fetched_ms, name, author, body, permalink, skip) VALUES (1, 'reddit', ?1, ?1, 1, 't3_1', ?1, ?1, ?1, ?1)",
        "INSERT INTO thread_comment (id, thread_id, name, author, body, permalink, skip) VALUES (1, 1, 't1_1', ?1, ?1, ?1, ?1)",
        "INSERT INTO generation (id, generator, realism, upvotes, config, created_ms) VALUES (1, 1, NULL, NULL, '{\"generator\":\"writer\"}', 1)",
        "INSERT INTO candidate VALUES (1, 1, 1, 0, ?1, 'end', 0.5, 0.1, 0.2, 0.3, 0.4, 2.0, 1, ?1, NULL)",
        "INSERT INTO reply (id, candidate_id, text, state, link, updated_ms, account, subreddit, parent_name, full_text, code, detail) VALUES (1, 1, ?1, 'absent', ?1, 1, 'ann', ?1, 't1_1', ?1, ?1, ?1)",
        "INSERT INTO reply_event VALUES (1, 1, 1, ?1, ?1, ?1)",
        "INSERT INTO attempt VALUES (1, 1, 1, 1, 2, 500, 5, ?1)",
        "INSERT INTO probe VALUES (1, 1, 1, 1, 'own', ?1)",
        "INSERT INTO account (name, client_id, app, operator, port, approval, stopped, created_ms) VALUES ('ann', ?1, 'script', ?1, 1, ?1, ?1, 1)",
        "INSERT INTO subreddit (name, link, note, who, given_ms, off) VALUES (?1, ?1, ?1, ?1, 1, ?1)",
        "INSERT INTO opt_out VALUES ('user', ?1, 'asked', ?1, ?1, ?1, 1)",
        "INSERT INTO audit (at_ms, who, what, subject, detail) VALUES (1, ?1, ?1, ?1, ?1)",
    ] {
        let mut statement = db.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let done = match statement.parameter_count() {
            0 => statement.execute([]),
            1 => statement.execute([text]),
            _ => statement.execute([text, config]),
        };
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}
