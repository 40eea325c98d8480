//! An approval covers what was shown: afterwards nothing of it can change.

use super::*;
use repartee_engine::terms::ReplyState;

#[test]
fn approval_is_refused_after_an_edit() {
    let bench = Bench::new(1);
    let (here, second) = (bench.engine(), bench.engine());
    let shown = here.reply(1).unwrap().reply;
    assert!(shown.shown.full_text.starts_with(&shown.text));
    assert!(shown.shown.full_text.contains("run by u/the_operator"));
    assert_eq!(
        (shown.shown.account.as_str(), shown.shown.server.as_str()),
        (ACCOUNT, "sandbox")
    );
    // another window edits what is on screen here
    second.reply_edit(1, "Other words.", "ada").unwrap();
    let error = here
        .reply_approve(1, &shown.shown.seen, PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Changed);
    assert!(error.message.contains("the text changed"), "{error}");
    let now = here.reply(1).unwrap().reply;
    assert_eq!(
        (now.state.as_str(), now.text.as_str()),
        ("draft", "Other words.")
    );
    // what is shown now can be approved, also by its first digits; and approving twice counts once
    for given in [&now.shown.seen[..16], &now.shown.seen] {
        let approved = here.reply_approve(1, given, PERSON).unwrap();
        assert_eq!(approved.state, ReplyState::Approved);
    }
    let approvals = here.posting().audit(Some(1), 10).unwrap();
    assert_eq!(
        approvals
            .iter()
            .filter(|line| line.what == "approved")
            .count(),
        1
    );
    for given in ["", "approve", &now.shown.seen[..15]] {
        let error = here.reply_approve(1, given, PERSON).unwrap_err();
        assert_eq!(error.code, Code::Usage, "{given:?}");
    }
}

#[test]
fn approval_is_refused_after_anything_shown_has_changed() {
    type Change = fn(&Bench);
    let changes: [(Change, &str); 6] = [
        // the thread is fetched again, and its author has edited the comment
        (
            |bench| {
                let store = Store::open(&bench.place.project()).unwrap();
                let engine = bench.engine();
                let one = engine.posting().outbox_story(1).unwrap().outbox;
                let (post, name) = (one.post_name.unwrap(), one.parent_name.unwrap());
                let again = thread(0, &post, &name, "EDIT: solved, thanks.");
                store.thread_insert(&again, 1).unwrap();
            },
            "the comment it answers",
        ),
        (
            |bench| {
                bench.rules(|rules| {
                    rules.footer_text = "^(A bot of u/{operator}. STOP ends it.)".to_owned();
                });
            },
            "the footer",
        ),
        (
            |bench| bench.rules(|rules| rules.footer = false),
            "the footer",
        ),
        (
            |bench| {
                let engine = bench.engine();
                engine
                    .posting()
                    .account_put(&bench.account("other_bot"), PERSON)
                    .unwrap();
                bench.rules(|rules| rules.account = "other_bot".to_owned());
            },
            "the account",
        ),
        (
            |bench| bench.sql("UPDATE thread SET subreddit = 'Loud'"),
            "the subreddit",
        ),
        (
            |bench| bench.sql("UPDATE thread SET title = 'Another question'"),
            "the title of the post",
        ),
    ];
    for (change, what) in changes {
        let bench = Bench::new(1);
        let engine = bench.engine();
        let before = seen(&engine, 1);
        change(&bench);
        let error = engine.reply_approve(1, &before, PERSON).unwrap_err();
        assert_eq!(error.code, Code::Changed, "{what}");
        assert!(error.message.contains(what), "{what}: {error}");
        assert_eq!(engine.reply(1).unwrap().reply.state, ReplyState::Draft);
        approve_as_shown(&engine, 1, PERSON).unwrap();
    }
}

#[test]
fn lists_call_no_reply_approved_whose_comment_has_changed() {
    let bench = Bench::new(2);
    let engine = bench.engine();
    for id in [1, 2] {
        approve_as_shown(&engine, id, PERSON).unwrap();
    }
    for list in [["queue", "list"], ["reddit", "outbox"]] {
        let ran = bench.place.ok(list);
        assert!(!ran.out.contains("approve again"), "{ran}");
    }
    let one = engine.posting().outbox_story(1).unwrap().outbox;
    let (post, name) = (one.post_name.unwrap(), one.parent_name.unwrap());
    let again = thread(0, &post, &name, "EDIT: solved, thanks.");
    let store = Store::open(&bench.place.project()).unwrap();
    store.thread_insert(&again, 1).unwrap();
    for list in [["queue", "list"], ["reddit", "outbox"]] {
        let ran = bench.place.ok(list);
        let row = |id: &str| {
            let mut rows = ran.out.lines().map(str::trim_start);
            let row = rows.find(|row| row.starts_with(&format!("{id} ")));
            row.unwrap_or_else(|| panic!("no row {id}: {ran}"))
        };
        assert!(row("1").contains("approve again"), "{ran}");
        assert!(!row("1").contains("approved "), "{ran}");
        assert!(row("2").contains("approved"), "{ran}");
        assert!(
            ran.out
                .contains("the comment was changed after the reply was approved"),
            "{ran}"
        );
    }
    approve_as_shown(&engine, 1, PERSON).unwrap();
    let ran = bench.place.ok(["queue", "list"]);
    assert!(!ran.out.contains("approve again"), "{ran}");
}

/// Edits and approvals of reply 1 in several threads at once.
struct Race {
    bench: Bench,
    over: AtomicBool,
    approved: AtomicUsize,
    refused: AtomicUsize,
    looked: AtomicUsize,
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

impl Race {
    fn new() -> Self {
        Self {
            bench: Bench::new(1),
            over: AtomicBool::new(false),
            approved: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            looked: AtomicUsize::new(0),
        }
    }

    fn edit_until_over(&self, editor: usize) {
        let engine = self.bench.engine();
        let mut n = 0;
        while !self.over.load(Ordering::Relaxed) {
            n += 1;
            let text = format!("Version {n} of editor {editor}.");
            engine.reply_edit(1, &text, "editor").unwrap();
        }
    }

    /// A row never has the text of one version with the full text or the hash of another.
    fn look_until_over(&self) {
        let db = rusqlite::Connection::open(self.bench.place.project()).unwrap();
        db.busy_timeout(Duration::from_secs(10)).unwrap();
        let columns = ["state", "text", "full_text", "hash", "seen", "approved_by"];
        let row = format!("SELECT {} FROM reply", columns.join(", "));
        while !self.over.load(Ordering::Relaxed) {
            let read = db.query_row(&row, [], |row| {
                let values: rusqlite::Result<Vec<String>> = (0..6).map(|n| row.get(n)).collect();
                values
            });
            let read = read.unwrap();
            let [state, text, full, stored, seen, by] = &read[..] else {
                panic!("{read:?}");
            };
            self.looked.fetch_add(1, Ordering::Relaxed);
            if state == "draft" {
                assert_eq!([full, stored, seen, by], ["", "", "", ""]);
                continue;
            }
            assert_eq!((state.as_str(), stored), ("approved", &hash(full)));
            assert!(full.starts_with(&format!("{text}\n\n")), "{text}: {full}");
        }
    }

    /// Approves what is shown; returns the hashes of what was approved.
    fn approve(&self, rounds: usize) -> Vec<String> {
        let engine = self.bench.engine();
        let mut named = Vec::new();
        for _ in 0..rounds {
            let shown = engine.reply(1).unwrap().reply;
            if shown.state == ReplyState::Approved {
                continue;
            }
            match engine.reply_approve(1, &shown.shown.seen, PERSON) {
                Ok(_) => {
                    self.approved.fetch_add(1, Ordering::Relaxed);
                    named.push(hash(&shown.shown.full_text));
                }
                Err(error) => {
                    assert_eq!(error.code, Code::Changed, "{error}");
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        named
    }
}

/// What is stored is one version, and what is approved is what was named.
#[test]
fn racing_edits_and_approvals_never_mix_two_versions() {
    const ROUNDS: usize = 2_000;
    let race = Race::new();
    let mut named: Vec<String> = std::thread::scope(|scope| {
        let race = &race;
        let editing = [0, 1].map(|editor| scope.spawn(move || race.edit_until_over(editor)));
        let looking = scope.spawn(|| race.look_until_over());
        let approving = [0, 1].map(|_| scope.spawn(|| race.approve(ROUNDS / 2)));
        let named = approving.into_iter().flat_map(|one| one.join().unwrap());
        let named = named.collect();
        race.over.store(true, Ordering::Relaxed);
        looking.join().unwrap();
        editing.into_iter().for_each(|one| one.join().unwrap());
        named
    });
    eprintln!(
        "{:?} approved, {:?} refused, looked {:?} times",
        race.approved, race.refused, race.looked
    );
    assert!(race.refused.into_inner() > 0, "nothing raced");
    // the audit log has the hash of every approved text; an approval that came second changed nothing
    let mut audited: Vec<String> = race
        .bench
        .engine()
        .posting()
        .audit(Some(1), 1_000_000)
        .unwrap()
        .into_iter()
        .filter(|line| line.what == "approved")
        .map(|line| line.hash)
        .collect();
    named.sort();
    audited.sort();
    assert!(!audited.is_empty());
    named.dedup();
    audited.dedup();
    assert_eq!(named, audited);
}

#[test]
fn ending_an_approval_clears_all_of_it() {
    type End = fn(&Engine);
    let ends: [(End, &str); 4] = [
        (
            |e| _ = e.reply_edit(1, "Other words.", PERSON).unwrap(),
            "draft",
        ),
        (|e| _ = e.reply_redraft(1, PERSON, "").unwrap(), "draft"),
        (|e| _ = e.reply_reject(1, PERSON, "").unwrap(), "rejected"),
        (
            |e| {
                e.posting()
                    .opt_out_add("u/asker0", "asked for it", PERSON)
                    .unwrap();
                post(e, &now()).unwrap();
            },
            "cancelled",
        ),
    ];
    for (end, state) in ends {
        let bench = Bench::new(1);
        let engine = bench.engine();
        approve_as_shown(&engine, 1, PERSON).unwrap();
        end(&engine);
        let reply = Store::open(&bench.place.project())
            .unwrap()
            .reply(1)
            .unwrap();
        assert_eq!(reply.state.as_str(), state);
        let o = &reply.outbox;
        assert_eq!(
            [
                &o.full_text,
                &o.hash,
                &o.parent_hash,
                &o.seen,
                &o.seal,
                &o.approved_by,
                &o.account
            ],
            [""; 7],
            "{state}"
        );
        assert_eq!(o.approved_ms, None);
    }
}

#[test]
fn changes_between_last_check_and_sending_are_caught() {
    type Change = fn(&Engine);
    let changes: [(Change, &str, &str); 5] = [
        (
            |e| _ = e.reply_edit(1, "Other words.", "ada").unwrap(),
            "draft",
            "",
        ),
        // approved again, but not what was prepared
        (
            |e| {
                e.reply_edit(1, "Other words.", "ada").unwrap();
                approve_as_shown(e, 1, "ada").unwrap();
            },
            "posted",
            "",
        ),
        (
            |e| _ = e.posting().opt_out_add("u/asker0", "", "ada").unwrap(),
            "cancelled",
            "opted-out",
        ),
        (
            |e| {
                _ = e
                    .posting()
                    .posting_permission_off(SUBREDDIT, "they wrote", "ada")
                    .unwrap()
            },
            "approved",
            "subreddit-off",
        ),
        (
            |e| _ = e.posting().account_stop(ACCOUNT, "wait", "ada").unwrap(),
            "approved",
            "stopped",
        ),
    ];
    for (change, state, code) in changes {
        let bench = Bench::new(1);
        approve_as_shown(&bench.engine(), 1, PERSON).unwrap();
        let (mut engine, second) = (bench.engine(), bench.engine());
        let once = AtomicBool::new(true);
        engine.environment.on_step = Some(Arc::new(move |step| {
            if step == "ready" && once.swap(false, Ordering::Relaxed) {
                change(&second);
            }
        }));
        post(&engine, &now()).unwrap();
        assert_eq!(bench.state(&engine), (state.to_owned(), code.to_owned()));
        if state == "posted" {
            assert!(bench.body(0).starts_with("Other words."));
        }
        assert_eq!(bench.posted(), usize::from(state == "posted"), "{code}");
    }
}

/// A text and its hashes, written by another program as if they had been approved.
const FORGED: &str = "Buy this now. ^(I'm a bot, run by u/the_operator. Reply STOP.)";

#[test]
fn approval_changed_by_another_program_is_not_posted() {
    let forged = blake3::hash(FORGED.as_bytes()).to_hex();
    let nobody = blake3::hash(b"nobody").to_hex();
    for set in [
        // the hash matches: before approvals were sealed, this was posted
        format!(
            "text = 'Buy this now.', full_text = '{}', hash = '{forged}'",
            FORGED.replace('\'', "''")
        ),
        "text = 'Other words.'".to_owned(),
        format!("seen = '{nobody}'"),
        format!("parent_hash = '{nobody}'"),
        "approved_by = 'somebody else'".to_owned(),
        "approved_ms = approved_ms + 1".to_owned(),
        "parent_name = (SELECT parent_name FROM reply WHERE id = 2)".to_owned(),
        "seal = ''".to_owned(),
        "seal = 'nonsense'".to_owned(),
    ] {
        let bench = Bench::new(2);
        let engine = bench.engine();
        approve_as_shown(&engine, 1, PERSON).unwrap();
        if set.contains("SELECT") {
            approve_as_shown(&engine, 2, PERSON).unwrap();
            engine.reply_redraft(2, PERSON, "").unwrap();
        }
        bench.sql(&format!("UPDATE reply SET {set} WHERE id = 1"));
        let shown = engine.reply(1).unwrap().reply.shown;
        assert!(!shown.again.is_empty(), "{set} is told");
        post(&engine, &now()).unwrap();
        assert_eq!(
            (bench.state(&engine).0.as_str(), bench.posted()),
            ("draft", 0),
            "{set}"
        );
    }
}
