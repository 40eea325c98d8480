//! Editing the project file loosens no rule of posting: neither by changing a column, nor by restoring an older state.

use repartee_engine::terms::ReplyState;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::*;

/// What keeps a column from loosening anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// It is under the seal of its row, which the ledger revokes when it is withdrawn.
    Seal,
    /// The machine's ledger has the value that counts.
    Ledger,
    /// It is the row's name, or a seal itself: changed, it belongs to another row, or none.
    Key,
    /// Reddit is asked for it before anything is sent.
    Live,
    /// No rule reads it, or it can only block.
    Unread,
}

/// Every column of the tables that rules read.
const COLUMNS: &[(&str, &[(&str, By)])] = &[
    (
        "account",
        &[
            ("name", By::Key),
            ("client_id", By::Seal),
            ("app", By::Seal),
            ("operator", By::Seal),
            ("host", By::Seal),
            ("port", By::Unread),
            ("approval", By::Seal),
            ("labelled_by", By::Seal),
            ("facts", By::Unread),
            ("pause_ms", By::Ledger),
            ("stopped", By::Seal),
            ("created_ms", By::Unread),
            ("seal", By::Key),
            ("label_seal", By::Key),
        ],
    ),
    (
        "subreddit",
        &[
            ("name", By::Key),
            ("link", By::Seal),
            ("note", By::Seal),
            ("who", By::Seal),
            ("given_ms", By::Seal),
            ("expires_ms", By::Seal),
            ("rules", By::Seal),
            ("checked_ms", By::Seal),
            // disabling removes the seal
            ("off", By::Seal),
            ("pause_ms", By::Ledger),
            ("seal", By::Key),
        ],
    ),
    (
        "opt_out",
        &[
            ("kind", By::Ledger),
            ("name", By::Ledger),
            ("state", By::Ledger),
            ("why", By::Unread),
            ("source", By::Unread),
            ("who", By::Unread),
            ("at_ms", By::Unread),
        ],
    ),
    (
        "reply",
        &[
            ("id", By::Seal),
            ("candidate_id", By::Seal),
            ("text", By::Seal),
            ("state", By::Ledger),
            ("link", By::Unread),
            ("updated_ms", By::Unread),
            ("account", By::Seal),
            ("subreddit", By::Seal),
            ("post_name", By::Seal),
            ("parent_name", By::Seal),
            ("full_text", By::Seal),
            ("hash", By::Seal),
            ("parent_hash", By::Seal),
            ("approved_by", By::Seal),
            ("approved_ms", By::Seal),
            ("attempt", By::Ledger),
            ("intent_ms", By::Ledger),
            ("skew_ms", By::Unread),
            ("not_before_ms", By::Ledger),
            ("posted_name", By::Live),
            ("posted_ms", By::Ledger),
            ("code", By::Unread),
            ("detail", By::Unread),
            ("seen", By::Seal),
            ("seal", By::Key),
        ],
    ),
    (
        "study_record",
        &[
            ("id", By::Ledger),
            ("kind", By::Seal),
            ("decision", By::Seal),
            ("date", By::Seal),
            ("scope", By::Seal),
            ("until", By::Seal),
            ("policy", By::Seal),
            ("link", By::Seal),
            ("note", By::Seal),
            ("who", By::Unread),
            ("at_ms", By::Unread),
            ("seal", By::Key),
        ],
    ),
    ("setting", &[("key", By::Ledger), ("value", By::Ledger)]),
    (
        "lease",
        // two processes that post at the same time wait for the machine's lock
        &[
            ("account", By::Live),
            ("owner", By::Live),
            ("beat_ms", By::Live),
        ],
    ),
];

/// Values to write into a column: whatever might loosen something.
fn values(kind: &str, now: &Value) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut all = match kind {
        "INTEGER" => [0, 1, 9_000_000_000_000_000].map(Value::Integer).to_vec(),
        _ => [
            "", "x", "[]", "{}", "false", "approved", "declined", ACCOUNT, SUBREDDIT,
        ]
        .map(text)
        .to_vec(),
    };
    all.push(Value::Null);
    all.retain(|value| value != now);
    all
}

/// A connection that changes whatever the schema allows.
fn free(bench: &Bench) -> Connection {
    let db = Connection::open(bench.place.project()).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    db
}

/// Whether the first reply would be sent now, as far as the project and the ledger say.
fn would_go(engine: &Engine) -> bool {
    let Ok(story) = engine.posting().outbox_story(1) else {
        return false;
    };
    story.outbox.state == ReplyState::Approved && story.objections.is_empty()
}

#[test]
fn every_column_that_rules_read_is_listed_with_its_protection() {
    let bench = Bench::new(0);
    let db = free(&bench);
    for (table, listed) in COLUMNS {
        let sql = format!("SELECT name FROM pragma_table_info('{table}')");
        let there: Vec<String> = db
            .prepare(&sql)
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let listed: Vec<&str> = listed.iter().map(|(name, _)| *name).collect();
        assert_eq!(there, listed, "{table}: say how a new column is protected");
    }
}

/// Something that blocks the first reply, and a table in which one could try to undo it.
type Refusal = (&'static str, &'static str, fn(&Bench, &Engine));

const REFUSALS: &[Refusal] = &[
    ("stopped", "account", |_, e| {
        e.posting().account_stop(ACCOUNT, "wait", PERSON).unwrap();
    }),
    ("no label", "account", |_, e| {
        e.posting().account_label(ACCOUNT, false, PERSON).unwrap();
    }),
    ("paused account", "account", refused_by_reddit),
    ("switched off", "subreddit", |_, e| {
        e.posting()
            .posting_permission_off(SUBREDDIT, "they wrote to us", PERSON)
            .unwrap();
    }),
    ("over", "subreddit", |_, e| {
        let over = NewPostingPermission {
            expires_ms: Some(1),
            ..permission()
        };
        e.posting().permit_subreddit(&over, PERSON).unwrap();
    }),
    ("opted-out user", "opt_out", |_, e| {
        e.posting()
            .opt_out_add("u/asker0", "asked", PERSON)
            .unwrap();
    }),
    ("opted-out subreddit", "opt_out", |_, e| {
        e.posting()
            .opt_out_add(&format!("r/{SUBREDDIT}"), "asked", PERSON)
            .unwrap();
    }),
    ("rejected", "reply", |_, e| {
        e.reply_reject(1, PERSON, "no").unwrap();
    }),
    ("cap", "reply", |bench, e| {
        approve_as_shown(e, 2, PERSON).unwrap();
        let only = Post {
            replies: vec![2],
            ..now()
        };
        post(e, &only).unwrap();
        bench.rules(|rules| rules.per_day = 1);
    }),
    ("rules", "setting", |bench, _| {
        bench.rules(|rules| rules.words.push("garden".to_owned()));
    }),
];

/// Reddit refuses the first reply temporarily, and asks for a pause.
fn refused_by_reddit(bench: &Bench, engine: &Engine) {
    let fault = Fault::RateLimit {
        seconds: 540.0,
        language: repartee_fake_reddit::Language::English,
        number: true,
    };
    bench.fake.world().fail(Rule::once(On::Comment, fault));
    let _ = post(engine, &now());
}

#[test]
fn changing_a_column_never_releases_a_refused_reply() {
    for (what, table, refuse) in REFUSALS {
        let bench = Bench::new(2);
        let engine = bench.engine();
        approve_as_shown(&engine, 1, PERSON).unwrap();
        assert!(would_go(&engine), "{what}");
        refuse(&bench, &engine);
        assert!(!would_go(&engine), "{what}");
        let db = free(&bench);
        let columns: Vec<(String, String)> = db
            .prepare(&format!(
                "SELECT name, type FROM pragma_table_info('{table}')"
            ))
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let mut tried = 0;
        for (column, kind) in columns {
            let of_row = match *table {
                // a row of another table's key would have to be guessed
                "reply" if what == &"cap" => "id = 2",
                "reply" => "id = 1",
                "setting" => "key = 'reddit' OR key = 'reddit.seal'",
                _ => "1",
            };
            let sql = format!("SELECT {column} FROM {table} WHERE {of_row} LIMIT 1");
            let stored: Value = db.query_row(&sql, [], |row| row.get(0)).unwrap();
            for value in values(&kind, &stored) {
                // undone at once: within a transaction the engine would not see it
                let saved = Saved::of(&db, &[table]);
                let sql = format!("UPDATE {table} SET {column} = ?1 WHERE {of_row}");
                if db.execute(&sql, [&value]).is_ok() {
                    tried += 1;
                    assert!(!would_go(&engine), "{what}: {column} = {value:?}");
                }
                saved.put_back(&db);
            }
        }
        assert!(tried > 1, "{what}");
        // removing the row does not help either
        db.execute_batch(&format!(
            "DELETE FROM {table} WHERE {}",
            match *table {
                "reply" => "id = 2",
                _ => "1",
            }
        ))
        .unwrap();
        assert!(!would_go(&engine), "{what}: removed");
        let before = bench.posted();
        let _ = post(&engine, &now());
        assert_eq!(bench.posted(), before, "{what}");
    }
}

/// Saved rows of tables.
struct Saved(Vec<(String, Vec<Vec<Value>>)>);

impl Saved {
    fn of(db: &Connection, tables: &[&str]) -> Self {
        let rows = |table: &&str| {
            let mut query = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let width = query.column_count();
            let rows = query.query_map([], |row| (0..width).map(|n| row.get(n)).collect());
            (
                (*table).to_owned(),
                rows.unwrap().collect::<Result<_, _>>().unwrap(),
            )
        };
        Self(tables.iter().map(rows).collect())
    }

    /// As a user with a copy of the file and an SQL tool would.
    fn put_back(&self, db: &Connection) {
        for (table, rows) in &self.0 {
            db.execute_batch(&format!("DELETE FROM {table}")).unwrap();
            for row in rows {
                let marks = vec!["?"; row.len()].join(", ");
                let sql = format!("INSERT INTO {table} VALUES ({marks})");
                db.execute(&sql, rusqlite::params_from_iter(row)).unwrap();
            }
        }
    }
}

#[test]
fn revoked_decision_stays_revoked_when_its_rows_are_restored() {
    type TakeBack = fn(&Bench, &Engine);
    let cases: &[(&str, TakeBack)] = &[
        ("rejected", |_, e| {
            _ = e.reply_reject(1, PERSON, "no").unwrap()
        }),
        ("redrafted", |_, e| {
            _ = e.reply_redraft(1, PERSON, "").unwrap()
        }),
        ("edited", |_, e| {
            _ = e.reply_edit(1, "Other words.", PERSON).unwrap()
        }),
        ("approved again", |_, e| {
            e.reply_edit(1, "Other words, of somebody else.", PERSON)
                .unwrap();
            approve_as_shown(e, 1, PERSON).unwrap();
            e.posting().account_stop(ACCOUNT, "", PERSON).unwrap();
        }),
        ("stopped", |_, e| {
            _ = e.posting().account_stop(ACCOUNT, "wait", PERSON).unwrap()
        }),
        ("no label", |_, e| {
            _ = e.posting().account_label(ACCOUNT, false, PERSON).unwrap()
        }),
        ("approval of the account", |bench, e| {
            let account = NewAccount {
                approval: String::new(),
                ..bench.account(ACCOUNT)
            };
            e.posting().account_put(&account, PERSON).unwrap();
        }),
        ("switched off", |_, e| {
            e.posting()
                .posting_permission_off(SUBREDDIT, "they wrote to us", PERSON)
                .unwrap();
        }),
        ("another permission", |_, e| {
            let over = NewPostingPermission {
                expires_ms: Some(1),
                ..permission()
            };
            e.posting().permit_subreddit(&over, PERSON).unwrap();
        }),
        ("rules", |bench, _| {
            bench.rules(|rules| rules.words.push("garden".to_owned()));
        }),
        ("opted out", |_, e| {
            e.posting()
                .opt_out_add("u/asker0", "asked", PERSON)
                .unwrap();
        }),
    ];
    for (what, take_back) in cases {
        let bench = Bench::new(1);
        let engine = bench.engine();
        approve_as_shown(&engine, 1, PERSON).unwrap();
        let db = free(&bench);
        let saved = Saved::of(
            &db,
            &[
                "account",
                "subreddit",
                "opt_out",
                "reply",
                "reply_event",
                "setting",
            ],
        );
        assert!(would_go(&engine), "{what}");
        take_back(&bench, &engine);
        saved.put_back(&db);
        assert!(!would_go(&engine), "{what}");
        let _ = post(&engine, &now());
        assert_eq!(bench.posted(), 0, "{what}");
        // nor by another process
        let _ = post(&bench.engine(), &now());
        assert_eq!(bench.posted(), 0, "{what}");
    }
    // nothing was withdrawn: the same rows count
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    let db = free(&bench);
    Saved::of(&db, &["reply", "account", "subreddit", "setting"]).put_back(&db);
    post(&engine, &now()).unwrap();
    assert_eq!(bench.posted(), 1);
}

#[test]
fn replaced_decision_is_not_said_to_be_changed_by_another_program() {
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    let db = free(&bench);
    // what a copy of the project has that was made now
    let copy = Saved::of(&db, &["subreddit", "reply", "reply_event"]);
    let newer = NewPostingPermission {
        link: "https://example.org/newer".to_owned(),
        ..permission()
    };
    engine.posting().permit_subreddit(&newer, PERSON).unwrap();
    engine.reply_redraft(1, PERSON, "").unwrap();
    copy.put_back(&db);
    let permission = engine.posting().posting_permissions().unwrap().remove(0);
    let reply = engine.reply(1).unwrap().reply;
    for told in [permission.unconfirmed, reply.shown.again] {
        assert!(told.contains("a newer decision on this machine"), "{told}");
        assert!(!told.contains("changed"), "{told}");
    }
}

#[test]
fn decision_revoked_while_the_ledger_cannot_be_written_stays_revoked() {
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    let db = free(&bench);
    let saved = Saved::of(&db, &["reply"]);
    assert!(would_go(&engine));
    // in place of the ledger: nothing can be written there, as on a full disk
    let folder = engine.machine().unwrap().folder().to_owned();
    let away = bench.place.path("ledger.away");
    let ledger = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "sqlite"))
        .unwrap();
    std::fs::rename(&ledger, &away).unwrap();
    std::fs::create_dir(&ledger).unwrap();
    let error = engine.reply_reject(1, PERSON, "no").unwrap_err();
    assert!(error.message.contains("ledger"), "{error}");
    assert_eq!(engine.reply(1).unwrap().reply.state, ReplyState::Rejected);
    drop(engine);
    saved.put_back(&db);
    // neither while the ledger is unusable nor afterwards
    assert!(!would_go(&bench.engine()));
    std::fs::remove_dir(&ledger).unwrap();
    std::fs::rename(&away, &ledger).unwrap();
    let engine = bench.engine();
    assert!(!would_go(&engine));
    let _ = post(&engine, &now());
    assert_eq!(bench.posted(), 0);
    // the ledger has it now, and the project need not remember it
    drop(engine);
    let left = "SELECT count(*) FROM setting WHERE key = 'seals to revoke'";
    let left: i64 = db.query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
    saved.put_back(&db);
    assert!(!would_go(&bench.engine()));
}

#[test]
fn nobody_decides_nothing() {
    let bench = Bench::new(1);
    let engine = bench.engine();
    for who in ["", " \n"] {
        let error = approve_as_shown(&engine, 1, who).unwrap_err();
        assert!(
            error.code == Code::Usage && error.message.contains("who"),
            "{error}"
        );
        engine.reply_edit(1, "Other words.", who).unwrap_err();
        engine
            .posting()
            .permit_subreddit(&permission(), who)
            .unwrap_err();
        engine
            .posting()
            .opt_out_add("u/asker0", "asked", who)
            .unwrap_err();
    }
    assert_eq!(engine.reply(1).unwrap().reply.state, ReplyState::Draft);
}

#[test]
fn pauses_from_reddit_hold_whatever_the_file_says() {
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    refused_by_reddit(&bench, &engine);
    let tried = bench.posted();
    assert!(!would_go(&engine));
    bench.sql(
        "UPDATE account SET pause_ms = 0; UPDATE subreddit SET pause_ms = 0;
         UPDATE reply SET not_before_ms = 0, code = '', detail = ''",
    );
    assert!(!would_go(&engine));
    post(&engine, &now()).unwrap();
    assert_eq!(bench.posted(), tried);
}

#[test]
fn strict_switched_off_by_the_file_stays_on_for_posting() {
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    bench.sql(
        "INSERT INTO source (id, name, path, format, hash, options, permission, note, counts, created_ms, origin)
           VALUES (1, 's', 's', 'pushshift', 'x', '{}', 'own', '', '{}', 1, 'reddit');
         INSERT INTO setting (key, value) VALUES ('study.strict', 'false')
           ON CONFLICT (key) DO UPDATE SET value = 'false'",
    );
    let codes = || -> Vec<String> {
        let against = engine.posting().outbox_story(1).unwrap().objections;
        against.into_iter().map(|one| one.code).collect()
    };
    assert_eq!(codes(), ["study-permission"]);
    engine.study_strict(false, PERSON).unwrap();
    assert!(codes().is_empty());
    engine.study_strict(true, PERSON).unwrap();
    bench.sql("UPDATE setting SET value = 'false' WHERE key = 'study.strict'");
    assert_eq!(codes(), ["study-permission"]);
}

#[test]
fn file_with_accounts_but_without_identity_needs_confirmation() {
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    bench.sql("DELETE FROM setting WHERE key LIKE 'project.%'");
    assert!(engine.posting().project_file().unwrap().asks);
    assert_eq!(post(&engine, &now()).unwrap_err().code, Code::Copied);
    engine.posting().project_adopt(PERSON).unwrap();
    post(&engine, &now()).unwrap();
    assert_eq!(bench.posted(), 1);
}

#[test]
fn approval_covers_the_author_shown() {
    let bench = Bench::new(2);
    let engine = bench.engine();
    for id in [1, 2] {
        approve_as_shown(&engine, id, PERSON).unwrap();
    }
    // fetched again, the comment is by another author
    bench.sql("UPDATE thread_comment SET author = 'somebody' WHERE name = (SELECT parent_name FROM reply WHERE id = 1)");
    assert!(!engine.reply(1).unwrap().reply.shown.again.is_empty());
    // on Reddit it is, and the project does not know yet
    bench
        .fake
        .world()
        .comment(&bench.parents[1])
        .unwrap()
        .author = "somebody".to_owned();
    post(&engine, &now()).unwrap();
    assert_eq!(bench.posted(), 0);
    let second = engine.posting().outbox_story(2).unwrap().outbox;
    assert_eq!(
        (
            bench.state(&engine).0.as_str(),
            second.state.as_str(),
            second.code.as_str()
        ),
        ("draft", "draft", "changed-parent")
    );
    // as it is now it can be approved and posted
    approve_as_shown(&engine, 2, PERSON).unwrap();
    post(&engine, &now()).unwrap();
    assert_eq!(bench.posted(), 1);
}

#[cfg(unix)]
#[test]
fn terminal_shows_the_text_and_only_y_approves() {
    let bench = Bench::new(1);
    // invisible characters, reversed text, cursor movement and clearing the screen
    bench.sql("UPDATE thread_comment SET body = 'Why' || char(27) || '[2J' || char(8238) || char(155) || '1A?'");
    // and marks that paint over their neighbors, a typed escape, and empty lines that scroll the text away
    bench.sql(
        "UPDATE thread_comment SET body = body || 'e' || char(769, 769, 769, 769, 769) || '\\u{202e}'
         || replace(hex(zeroblob(30)), '00', char(10)) || 'the end'",
    );
    let approve = || bench.place.repartee(["queue", "approve", "1"]);
    for (typed, state) in [
        ("\n", "draft"),
        ("n\n", "draft"),
        ("x\n", "draft"),
        ("y\n", "approved"),
    ] {
        let (is_done, shown) =
            repartee_tests::pty::run(approve(), &[("Approve reply 1? [y/N]", typed)]);
        assert!(is_done, "{shown}");
        let question = shown.find("Approve reply 1?").unwrap();
        let text = shown.find("the garden never looked better").unwrap();
        assert!(text < question, "{shown}");
        assert!(shown.contains("run by u/the_operator"), "{shown}");
        assert!(
            shown.contains("Why\\u{1b}[2J\\u{202e}\\u{9b}1A?"),
            "{shown}"
        );
        assert!(
            shown.contains("e\u{301}\u{301}\u{301}\u{301}\\u{301}\\\\u{202e}"),
            "{shown}"
        );
        assert!(shown.contains("> \\u{a} 29 blank lines"), "{shown}");
        let acts = ['\u{1b}', '\u{202e}', '\u{9b}'];
        assert!(!shown.contains(acts), "{shown:?}");
        assert_eq!(bench.state(&bench.engine()).0, state, "{typed:?}");
    }
}

#[test]
fn absent_or_abandoned_reply_is_not_sent_by_editing_its_row() {
    let unsent = || {
        let bench = Bench::new(1);
        let engine = bench.engine();
        approve_as_shown(&engine, 1, PERSON).unwrap();
        let saved = Saved::of(&free(&bench), &["reply"]);
        bench
            .fake
            .world()
            .fail(Rule::once(On::Comment, Fault::DropBefore));
        let wait = Post {
            wait: true,
            ..now()
        };
        post(&engine, &wait).unwrap();
        assert_eq!(bench.state(&engine).0, "absent");
        let tried = bench.posted();
        (bench, engine, saved, tried)
    };
    for give_up in [false, true] {
        let (bench, engine, saved, tried) = unsent();
        if give_up {
            engine
                .posting()
                .reply_settle(1, &Settle::GiveUp, PERSON)
                .unwrap();
            saved.put_back(&free(&bench));
        } else {
            bench.sql("UPDATE reply SET state = 'approved', code = '', detail = ''");
        }
        let _ = post(&engine, &now());
        assert_eq!(bench.posted(), tried, "given up: {give_up}");
    }
    // the user decides to send it again, or approves it again after all
    let (bench, engine, _, tried) = unsent();
    let again = Settle::Again {
        seen: seen(&engine, 1),
    };
    engine.posting().reply_settle(1, &again, PERSON).unwrap();
    post(&engine, &now()).unwrap();
    assert_eq!(bench.posted(), tried + 1);
    let (bench, engine, _, tried) = unsent();
    engine
        .posting()
        .reply_settle(1, &Settle::GiveUp, PERSON)
        .unwrap();
    engine.reply_redraft(1, PERSON, "").unwrap();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    post(&engine, &now()).unwrap();
    assert_eq!(bench.posted(), tried + 1);
}

#[test]
fn permission_with_erased_rules_does_not_accept_new_ones() {
    let bench = Bench::new(2);
    let engine = bench.engine();
    for id in [1, 2] {
        approve_as_shown(&engine, id, PERSON).unwrap();
    }
    let saved = Saved::of(&free(&bench), &["subreddit"]);
    post(&engine, &now()).unwrap();
    assert_eq!(bench.posted(), 1);
    bench.fake.world().subreddit(SUBREDDIT).rules =
        vec![("No bots".to_owned(), "None at all.".to_owned())];
    saved.put_back(&free(&bench));
    let second = Post {
        replies: vec![2],
        skip_pause: true,
        ..now()
    };
    post(&engine, &second).unwrap();
    assert_eq!(bench.posted(), 1);
    let off = engine
        .posting()
        .posting_permissions()
        .unwrap()
        .remove(0)
        .off;
    assert!(off.contains("rules have changed"), "{off}");
}
