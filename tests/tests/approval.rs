//! What is approved is what was shown, it stays so until it is sent, and a decision counts on the machine on which it
//! was made.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use repartee_engine::environment::Environment;
use repartee_engine::job::{new_id, now_ms};
use repartee_engine::posting::RecordKind;
use repartee_engine::posting::{
    NewAccount, NewPostingPermission, Post, PostReport, PostingRules, RAISE, Settle,
};
use repartee_engine::{Code, Ended, Engine, Error};
use repartee_fake_reddit::{
    ACCOUNT, CLIENT_ID, CLIENT_SECRET, Fake, Fault, On, Options, PASSWORD, Rule,
};
use repartee_reddit::{App, Clock, Grant, Login, SkipClock};
use repartee_store::Store;
use repartee_store::threads::{NewCandidate, NewThread, NewThreadComment, Scores};
use repartee_tests::{Place, approve_as_shown, seen};

#[path = "approval/gates.rs"]
mod gates;

const SUBREDDIT: &str = "Quiet";
const PERSON: &str = "a person";

/// A project with a sandbox account, a permission, and drafts.
struct Bench {
    place: Place,
    fake: Fake,
    /// Names of what the drafts answer.
    parents: Vec<String>,
}

impl Bench {
    fn new(drafts: usize) -> Self {
        let place = Place::with_project();
        let fake = Fake::start(Options {
            posts: 0,
            ..Options::default()
        })
        .unwrap();
        let mut bench = Self {
            place,
            fake,
            parents: Vec::new(),
        };
        let engine = bench.engine();
        engine
            .posting()
            .account_put(&bench.account(ACCOUNT), PERSON)
            .unwrap();
        engine
            .posting()
            .account_label(ACCOUNT, true, PERSON)
            .unwrap();
        engine
            .posting()
            .permit_subreddit(&permission(), PERSON)
            .unwrap();
        bench.rules(|rules| {
            rules.account = ACCOUNT.to_owned();
            rules.per_day = 1000;
            rules.per_subreddit = 1000;
        });
        for n in 0..drafts {
            let parent = bench.add(n);
            bench.parents.push(parent);
        }
        bench
    }

    fn account(&self, name: &str) -> NewAccount {
        NewAccount {
            name: name.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            operator: "the_operator".to_owned(),
            host: self.fake.base().to_owned(),
            approval: "https://example.org/approved".to_owned(),
            ..NewAccount::default()
        }
    }

    /// A post with one comment, in the sandbox and in the project, and a draft that answers it.
    fn add(&self, n: usize) -> String {
        let comment = format!("What do you all think about number {n}?");
        let (post, name) = {
            let mut world = self.fake.world();
            let post = world.add_post(SUBREDDIT, "host", &format!("Question {n}"), "A text.");
            let name = world.add_comment(&post, &format!("asker{n}"), &comment);
            (post, name.unwrap())
        };
        let store = Store::open(&self.place.project()).unwrap();
        let (_, comments) = store
            .thread_insert(&thread(n, &post, &name, &comment), 0)
            .unwrap();
        let texts = [
            "My neighbor tried that in May, and the garden never looked better.",
            "Take a walk round the lake first; then you will know what to ask.",
            "Cold water and patience: it worked on our kitchen table last winter.",
        ];
        let candidate = NewCandidate {
            comment_id: comments[0],
            n: 0,
            text: texts[n % texts.len()].to_owned(),
            finish_reason: repartee_store::fakes::FinishReason::End,
            scores: Scores::default(),
        };
        let candidates = store
            .candidates_add(generation(&self.place.project()), &[candidate])
            .unwrap();
        store.queue_add(&candidates, "repartee", 0).unwrap();
        name
    }

    fn engine(&self) -> Engine {
        self.elsewhere("state")
    }

    /// The project as seen from a machine with another state folder.
    fn elsewhere(&self, state: &str) -> Engine {
        let mut engine = self.place.engine();
        engine.environment = Environment {
            clock: Arc::new(SkipClock::new()),
            login: Some(Arc::new(|_| Some(login()))),
            state: Some(self.place.path(state)),
            ..engine.environment.clone()
        };
        engine
    }

    fn rules(&self, change: impl FnOnce(&mut PostingRules)) {
        let engine = self.engine();
        let mut rules = engine.posting().posting_rules().unwrap();
        change(&mut rules);
        engine
            .posting()
            .posting_rules_set(&rules, RAISE, PERSON)
            .unwrap();
    }

    fn sql(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.place.project()).unwrap();
        db.busy_timeout(Duration::from_secs(10)).unwrap();
        db.execute_batch(sql).unwrap();
    }

    fn state(&self, engine: &Engine) -> (String, String) {
        let story = engine.posting().outbox_story(1).unwrap().outbox;
        (story.state, story.code)
    }

    fn posted(&self) -> usize {
        self.fake.world().calls(On::Comment).len()
    }

    fn body(&self, n: usize) -> String {
        let mut world = self.fake.world();
        let name = world.made(ACCOUNT, &self.parents[n])[0].clone();
        world.comment(&name).unwrap().body.clone()
    }
}

fn thread(n: usize, post: &str, name: &str, comment: &str) -> NewThread {
    NewThread {
        origin: "reddit".to_owned(),
        subreddit: SUBREDDIT.to_owned(),
        title: format!("Question {n}"),
        name: Some(post.to_owned()),
        author: Some("host".to_owned()),
        permalink: format!("/r/{SUBREDDIT}/comments/{}/_/", &post[3..]),
        comments: vec![NewThreadComment {
            name: Some(name.to_owned()),
            author: Some(format!("asker{n}")),
            body: comment.to_owned(),
            parent_name: Some(post.to_owned()),
            ..NewThreadComment::default()
        }],
        ..NewThread::default()
    }
}

fn permission() -> NewPostingPermission {
    NewPostingPermission {
        subreddit: SUBREDDIT.to_owned(),
        link: "https://example.org/permission".to_owned(),
        ..NewPostingPermission::default()
    }
}

fn login() -> Login {
    Login {
        app: App {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
        },
        grant: Grant::Password {
            username: ACCOUNT.to_owned(),
            password: PASSWORD.into(),
        },
    }
}

/// A generation for candidates to belong to; no model is needed here.
fn generation(project: &Path) -> i64 {
    let db = rusqlite::Connection::open(project).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    db.execute_batch(
        "PRAGMA foreign_keys = OFF;
         INSERT INTO generation (id, generator, config, created_ms) VALUES (1, 1, '{\"generator\":\"writer\"}', 0)
           ON CONFLICT DO NOTHING;",
    )
    .unwrap();
    1
}

fn now() -> Post {
    Post {
        live: Some(true),
        ..Post::default()
    }
}

fn post(engine: &Engine, job: &Post) -> Result<PostReport, Error> {
    match engine.start(job, &|_| {})? {
        Ended::Done(report) => Ok(report),
        _ => panic!("posting was paused or canceled"),
    }
}

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
        assert_eq!(approved.state, "approved");
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
        assert_eq!(engine.reply(1).unwrap().reply.state, "draft");
        approve_as_shown(&engine, 1, PERSON).unwrap();
    }
}

/// Edits and approves in several threads at once, and observes: a row never has the text of one version with the full
/// text or the hash of another, and what is approved is what was named.
#[test]
fn racing_edits_and_approvals_never_mix_two_versions() {
    const ROUNDS: usize = 2_000;
    let bench = Bench::new(1);
    let (approved, refused, looked) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let over = AtomicBool::new(false);
    let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    let mut named: Vec<String> = std::thread::scope(|scope| {
        let editing: Vec<_> = (0..2)
            .map(|editor| {
                let (bench, over) = (&bench, &over);
                scope.spawn(move || {
                    let engine = bench.engine();
                    let mut n = 0;
                    while !over.load(Ordering::Relaxed) {
                        n += 1;
                        let text = format!("Version {n} of editor {editor}.");
                        engine.reply_edit(1, &text, "editor").unwrap();
                    }
                })
            })
            .collect();
        let looking = scope.spawn(|| {
            let db = rusqlite::Connection::open(bench.place.project()).unwrap();
            db.busy_timeout(Duration::from_secs(10)).unwrap();
            while !over.load(Ordering::Relaxed) {
                let (state, text, full, stored, seen, by): (
                    String,
                    String,
                    String,
                    String,
                    String,
                    String,
                ) = db
                    .query_row(
                        "SELECT state, text, full_text, hash, seen, approved_by FROM reply",
                        [],
                        |r| {
                            Ok((
                                r.get(0)?,
                                r.get(1)?,
                                r.get(2)?,
                                r.get(3)?,
                                r.get(4)?,
                                r.get(5)?,
                            ))
                        },
                    )
                    .unwrap();
                looked.fetch_add(1, Ordering::Relaxed);
                if state == "draft" {
                    assert_eq!([full, stored, seen, by], ["", "", "", ""]);
                    continue;
                }
                assert_eq!((state.as_str(), stored), ("approved", hash(&full)));
                assert!(full.starts_with(&format!("{text}\n\n")), "{text}: {full}");
            }
        });
        let approving: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let engine = bench.engine();
                    let mut named = Vec::new();
                    for _ in 0..ROUNDS / 2 {
                        let shown = engine.reply(1).unwrap().reply;
                        if shown.state == "approved" {
                            continue;
                        }
                        match engine.reply_approve(1, &shown.shown.seen, PERSON) {
                            Ok(_) => {
                                approved.fetch_add(1, Ordering::Relaxed);
                                named.push(hash(&shown.shown.full_text));
                            }
                            Err(error) => {
                                assert_eq!(error.code, Code::Changed, "{error}");
                                refused.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                    named
                })
            })
            .collect();
        let named = approving.into_iter().flat_map(|one| one.join().unwrap());
        let named = named.collect();
        over.store(true, Ordering::Relaxed);
        looking.join().unwrap();
        editing.into_iter().for_each(|one| one.join().unwrap());
        named
    });
    eprintln!("{approved:?} approved, {refused:?} refused, looked {looked:?} times");
    assert!(refused.into_inner() > 0, "nothing raced");
    // the audit log has the hash of every approved text; an approval that came second changed nothing
    let mut audited: Vec<String> = bench
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

#[test]
fn approval_from_another_machine_is_shown_as_such_and_must_be_given_again() {
    let bench = Bench::new(1);
    approve_as_shown(&bench.engine(), 1, PERSON).unwrap();
    let other = bench.elsewhere("another machine");
    let shown = other.reply(1).unwrap().reply.shown;
    assert!(shown.again.contains("another machine"), "{shown:?}");
    assert!(other.posting().outbox_story(1).unwrap().outbox.needs_person);
    // there, the records must be confirmed, too
    let against: Vec<String> = other
        .posting()
        .outbox_story(1)
        .unwrap()
        .objections
        .into_iter()
        .map(|one| one.code)
        .collect();
    assert_eq!(
        against,
        ["copied", "other-machine", "unconfirmed", "unconfirmed"]
    );
    // the file itself must be confirmed first
    assert_eq!(post(&other, &now()).unwrap_err().code, Code::Copied);
    other.posting().project_adopt(PERSON).unwrap();
    // nor is it recorded as posted manually before it was read here
    let error = other
        .reply_posted_by_hand(1, "", &shown.seen, PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Changed);
    post(&other, &now()).unwrap();
    assert_eq!(
        bench.state(&other),
        ("draft".to_owned(), "other-machine".to_owned())
    );
    approve_as_shown(&other, 1, PERSON).unwrap();
    post(&other, &now()).unwrap();
    assert_eq!(
        bench.state(&other),
        ("approved".to_owned(), "unconfirmed".to_owned())
    );

    // confirmed by what is shown of them, and by nothing else
    let (account, permission) = (
        other.posting().account(ACCOUNT).unwrap(),
        other.posting().posting_permissions().unwrap().remove(0),
    );
    for words in [&account.unconfirmed, &permission.unconfirmed] {
        assert!(words.contains("another machine"), "{words}");
    }
    assert!(
        account
            .missing
            .iter()
            .any(|one| one.contains("your confirmation"))
    );
    let confirm =
        |record, name, seen: &str| other.posting().record_confirm(record, name, seen, PERSON);
    let wrong = confirm(RecordKind::Subreddit, SUBREDDIT, &account.seen).unwrap_err();
    assert_eq!(wrong.code, Code::Changed);
    bench.sql("UPDATE subreddit SET link = 'https://example.org/other'");
    let stale = confirm(RecordKind::Subreddit, SUBREDDIT, &permission.seen).unwrap_err();
    assert_eq!(stale.code, Code::Changed);
    let permission = other.posting().posting_permissions().unwrap().remove(0);
    confirm(RecordKind::Subreddit, SUBREDDIT, &permission.seen).unwrap();
    confirm(RecordKind::Account, ACCOUNT, &account.seen).unwrap();
    assert_eq!(other.posting().account(ACCOUNT).unwrap().unconfirmed, "");
    assert_eq!(
        other.posting().posting_permissions().unwrap()[0].unconfirmed,
        ""
    );
    assert_eq!(bench.posted(), 0);
    post(&other, &now()).unwrap();
    assert_eq!(
        (bench.state(&other).0.as_str(), bench.posted()),
        ("posted", 1)
    );
    let confirmed = other.posting().audit(None, 100).unwrap();
    assert_eq!(
        confirmed
            .iter()
            .filter(|line| line.what == "confirmed")
            .count(),
        2
    );
}

#[test]
fn unsealed_and_changed_records_block_posting_until_confirmed() {
    for (set, words) in [
        ("UPDATE subreddit SET seal = ''", "earlier version"),
        (
            "UPDATE subreddit SET link = 'https://example.org/forged'",
            "outside of Repartee",
        ),
        (
            "UPDATE subreddit SET expires_ms = 9e15",
            "outside of Repartee",
        ),
        ("UPDATE account SET seal = ''", "earlier version"),
        (
            "UPDATE account SET approval = 'forged'",
            "outside of Repartee",
        ),
        ("UPDATE account SET label_seal = ''", "earlier version"),
        (
            "UPDATE account SET labelled_by = 'eve'",
            "outside of Repartee",
        ),
    ] {
        let bench = Bench::new(1);
        let engine = bench.engine();
        approve_as_shown(&engine, 1, PERSON).unwrap();
        bench.sql(set);
        post(&engine, &now()).unwrap();
        assert_eq!(
            bench.state(&engine),
            ("approved".to_owned(), "unconfirmed".to_owned()),
            "{set}"
        );
        let (account, permission) = (
            engine.posting().account(ACCOUNT).unwrap(),
            engine.posting().posting_permissions().unwrap().remove(0),
        );
        let told = format!("{}{}", account.unconfirmed, permission.unconfirmed);
        assert!(told.contains(words), "{set}: {told}");
        engine
            .posting()
            .record_confirm(RecordKind::Account, ACCOUNT, &account.seen, PERSON)
            .unwrap();
        engine
            .posting()
            .record_confirm(RecordKind::Subreddit, SUBREDDIT, &permission.seen, PERSON)
            .unwrap();
        post(&engine, &now()).unwrap();
        assert_eq!(
            (bench.state(&engine).0.as_str(), bench.posted()),
            ("posted", 1),
            "{set}"
        );
    }
    // a disabled permission is not enabled again because its reason is gone, and is not confirmed
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    engine
        .posting()
        .posting_permission_off(SUBREDDIT, "they wrote to us", PERSON)
        .unwrap();
    let off = engine.posting().posting_permissions().unwrap().remove(0);
    let error = engine
        .posting()
        .record_confirm(RecordKind::Subreddit, SUBREDDIT, &off.seen, PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Usage);
    bench.sql("UPDATE subreddit SET off = ''");
    post(&engine, &now()).unwrap();
    assert_eq!(
        (bench.state(&engine).1.as_str(), bench.posted()),
        ("unconfirmed", 0)
    );
}

#[test]
fn rules_are_checked_on_what_is_sent() {
    // a blocked word in the footer, which is sent with the text
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    bench.rules(|rules| rules.words.push("the_operator".to_owned()));
    post(&engine, &now()).unwrap();
    assert_eq!(
        bench.state(&engine),
        ("draft".to_owned(), "keyword".to_owned())
    );
    assert_eq!(bench.posted(), 0);
}

#[test]
fn decisions_about_posted_replies_need_the_shown_hash() {
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    post(&engine, &now()).unwrap();
    let first = bench.body(0);
    // an edit: what was previewed replaces what was live then
    let preview = engine
        .posting()
        .rewrite_preview(1, "Better words.")
        .unwrap();
    assert!(preview.full_text.contains("run by u/the_operator"));
    for given in [&seen(&engine, 1), "0123456789abcdef"] {
        let error = engine
            .posting()
            .reply_rewrite(1, "Better words.", given, PERSON)
            .unwrap_err();
        assert_eq!(error.code, Code::Changed);
    }
    let error = engine
        .posting()
        .reply_rewrite(1, "Other words.", &preview.seen, PERSON)
        .unwrap_err();
    assert!(error.message.contains("the text changed"), "{error}");
    let other = engine
        .posting()
        .rewrite_preview(1, "The second window's words.")
        .unwrap();
    engine
        .posting()
        .reply_rewrite(1, "The second window's words.", &other.seen, "ada")
        .unwrap();
    let error = engine
        .posting()
        .reply_rewrite(1, "Better words.", &preview.seen, PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Changed, "it is no longer as it was shown");
    assert!(bench.body(0).starts_with("The second window's words."));
    // a footer that changed between preview and edit
    let preview = engine
        .posting()
        .rewrite_preview(1, "Better words.")
        .unwrap();
    bench.rules(|rules| rules.footer_text = "^(bot of u/{operator}, STOP)".to_owned());
    let error = engine
        .posting()
        .reply_rewrite(1, "Better words.", &preview.seen, PERSON)
        .unwrap_err();
    assert!(error.message.contains("the footer changed"), "{error}");

    // Reddit refuses an edit: the project has what is live
    let before = engine.posting().outbox_story(1).unwrap().outbox;
    let refusal = Fault::Error {
        code: "NO_TEXT".to_owned(),
        text: "we need something here".to_owned(),
        field: None,
    };
    bench.fake.world().fail(Rule::once(On::Edit, refusal));
    let preview = engine
        .posting()
        .rewrite_preview(1, "Better words.")
        .unwrap();
    assert!(
        engine
            .posting()
            .reply_rewrite(1, "Better words.", &preview.seen, PERSON)
            .is_err()
    );
    let after = engine.posting().outbox_story(1).unwrap().outbox;
    assert_eq!(
        (after.full_text, after.code),
        (before.full_text, before.code)
    );
    // no answer: the user is told to check
    bench
        .fake
        .world()
        .fail(Rule::always(On::Edit, Fault::StatusAfter { status: 502 }));
    let preview = engine
        .posting()
        .rewrite_preview(1, "Better words.")
        .unwrap();
    assert!(
        engine
            .posting()
            .reply_rewrite(1, "Better words.", &preview.seen, PERSON)
            .is_err()
    );
    let after = engine.posting().outbox_story(1).unwrap().outbox;
    assert_eq!(
        (after.code.as_str(), after.needs_person),
        ("rewrite-unknown", true)
    );
    assert!(after.full_text.starts_with("Better words."));
    bench.fake.world().heal();
    let preview = engine
        .posting()
        .rewrite_preview(1, "Better words, once more.")
        .unwrap();
    engine
        .posting()
        .reply_rewrite(1, "Better words, once more.", &preview.seen, PERSON)
        .unwrap();
    assert!(bench.body(0).starts_with("Better words, once more."));
    assert_eq!(engine.posting().outbox_story(1).unwrap().outbox.code, "");

    // deletion: not what was shown before the last edit
    let stale = preview.seen;
    let error = engine
        .posting()
        .reply_withdraw(1, &stale, PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Changed);
    assert_ne!(bench.body(0), first);
    let story = engine
        .posting()
        .reply_withdraw(1, &seen(&engine, 1), PERSON)
        .unwrap();
    assert_eq!(story.outbox.state, "withdrawn");
}

#[test]
fn resending_and_manual_posting_need_the_shown_hash() {
    let bench = Bench::new(1);
    let engine = bench.engine();
    approve_as_shown(&engine, 1, PERSON).unwrap();
    let error = engine
        .reply_posted_by_hand(1, "", "0123456789abcdef", PERSON)
        .unwrap_err();
    assert_eq!(error.code, Code::Changed);
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
    let again = |seen: &str| {
        let settle = Settle::Again {
            seen: seen.to_owned(),
        };
        engine.posting().reply_settle(1, &settle, PERSON)
    };
    let before = seen(&engine, 1);
    bench.sql("UPDATE thread_comment SET body = 'EDIT: solved.'");
    assert_eq!(again(&before).unwrap_err().code, Code::Changed);
    assert_eq!(bench.state(&engine).0, "absent");
    // seen as it is now it is approved again, and what it answers is still not what was approved
    again(&seen(&engine, 1)).unwrap();
    post(&engine, &now()).unwrap();
    assert_eq!(
        bench.state(&engine),
        ("draft".to_owned(), "changed-parent".to_owned())
    );
}

#[test]
fn approving_without_a_terminal_needs_the_printed_hash() {
    let bench = Bench::new(2);
    let ran = bench.place.run(["queue", "approve", "1"]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert!(
        ran.err.contains("queue show 1") && ran.err.contains("--seen"),
        "{ran}"
    );
    let shown = bench.place.ok(["queue", "show", "1"]);
    assert!(shown.out.contains("run by u/the_operator"), "{shown}");
    assert!(shown.out.contains(&format!("as u/{ACCOUNT}")), "{shown}");
    let line = shown
        .out
        .lines()
        .find(|line| line.starts_with("Hash: "))
        .unwrap();
    let hash = line.trim_start_matches("Hash: ").to_owned();
    // a hash belongs to one reply
    let ran = bench
        .place
        .run(["queue", "approve", "1", "2", "--seen", &hash]);
    assert_eq!(ran.status, Some(2), "{ran}");
    let ran = bench
        .place
        .run(["queue", "approve", "2", "--seen", &hash, "--json"]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert_eq!(ran.json()["error"]["code"], "changed", "{ran}");
    bench.place.ok(["queue", "approve", "1", "--seen", &hash]);
    bench
        .place
        .ok(["queue", "edit", "1", "--text", "Other words."]);
    let ran = bench.place.run(["queue", "approve", "1", "--seen", &hash]);
    assert_eq!(ran.status, Some(2), "{ran}");
    assert_eq!(bench.engine().reply(1).unwrap().reply.state, "draft");
    // `--json` has the whole hash, which tells what changed
    let whole = bench.place.ok(["queue", "show", "1", "--json"]).result();
    let whole = whole["reply"]["seen"].as_str().unwrap().to_owned();
    bench.rules(|rules| rules.footer = false);
    let ran = bench.place.run(["queue", "approve", "1", "--seen", &whole]);
    assert!(ran.err.contains("the footer changed"), "{ran}");
}

#[test]
fn waiting_job_reports_the_next_reply_and_ends_when_stopped() {
    let bench = Bench::new(2);
    let mut engine = bench.engine();
    engine.environment.clock = Environment::default().clock;
    for id in [1, 2] {
        approve_as_shown(&engine, id, PERSON).unwrap();
    }
    let id = new_id();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let wait = Post {
                wait: true,
                ..now()
            };
            engine.start_as(&id, &wait, &|_| {})
        });
        let second = bench.engine();
        let begun = Instant::now();
        let waits = || {
            let progress = second.job(&id).ok().and_then(|job| job.progress);
            progress.is_some_and(|progress| progress.next.is_some())
        };
        while !waits() {
            assert!(begun.elapsed() < Duration::from_secs(60) && !running.is_finished());
            std::thread::sleep(Duration::from_millis(50));
        }
        let next = second.job(&id).unwrap().progress.unwrap().next.unwrap();
        assert_eq!(next.reply, 2);
        // ten to fifteen minutes, by this machine's clock
        let left_s = (next.at_ms - now_ms()) / 1000;
        assert!((560..=910).contains(&left_s), "{left_s} s");
        let asked = Instant::now();
        second.cancel(&id).unwrap();
        assert!(matches!(running.join().unwrap(), Ok(Ended::Cancelled)));
        // a heartbeat of a second, and a margin for a busy machine
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{:?}",
            asked.elapsed()
        );
    });
    assert_eq!(bench.posted(), 1);
    assert_eq!(
        bench
            .engine()
            .posting()
            .outbox_story(2)
            .unwrap()
            .outbox
            .state,
        "approved"
    );
}

/// A clock on which a minute never passes; after three checks of such a wait, the job is stopped.
struct Patient {
    looks: AtomicUsize,
    stop: Box<dyn Fn() + Send + Sync>,
}

impl Clock for Patient {
    fn now_ms(&self) -> i64 {
        now_ms()
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        if time < Duration::from_secs(60) {
            return Box::pin(tokio::time::sleep(time));
        }
        Box::pin(std::future::poll_fn(|_| {
            if self.looks.fetch_add(1, Ordering::Relaxed) == 2 {
                (self.stop)();
            }
            Poll::Pending
        }))
    }
}

#[test]
fn stop_request_is_seen_by_the_next_check_of_a_wait() {
    let bench = Bench::new(2);
    for id in [1, 2] {
        approve_as_shown(&bench.engine(), id, PERSON).unwrap();
    }
    // a request that only arrives with a heartbeat may be in time by chance, but not this often
    for round in 0..4 {
        let id = new_id();
        let (project, job) = (bench.place.project(), id.clone());
        let clock = Arc::new(Patient {
            looks: AtomicUsize::new(0),
            stop: Box::new(move || _ = Engine::open(&project).unwrap().cancel(&job).unwrap()),
        });
        let mut engine = bench.engine();
        engine.environment.clock = clock.clone();
        let wait = Post {
            wait: true,
            ..now()
        };
        let ended = engine.start_as(&id, &wait, &|_| {}).unwrap();
        assert!(matches!(ended, Ended::Cancelled));
        // woken by its heartbeat, the wait is checked once more before the job reads requests
        let looks = clock.looks.load(Ordering::Relaxed);
        assert!(looks <= 4, "round {round}: {looks}");
    }
    assert_eq!(bench.posted(), 1);
}

#[test]
fn one_reply_can_skip_the_pause_but_not_the_caps() {
    let bench = Bench::new(3);
    let engine = bench.engine();
    for id in [1, 2, 3] {
        approve_as_shown(&engine, id, PERSON).unwrap();
    }
    post(&engine, &now()).unwrap();
    assert_eq!(bench.posted(), 1, "the pause holds the others");
    let one = |id| Post {
        replies: vec![id],
        skip_pause: true,
        ..now()
    };
    post(&engine, &one(2)).unwrap();
    assert_eq!(bench.posted(), 2);
    bench.rules(|rules| rules.per_day = 2);
    post(&engine, &one(3)).unwrap();
    assert_eq!(bench.posted(), 2);
    let story = engine.posting().outbox_story(3).unwrap();
    assert_eq!(story.outbox.code, "cap-day");
    // the pause has a code of its own, so that a front end can offer to skip it
    let codes: Vec<&str> = story
        .objections
        .iter()
        .map(|one| one.code.as_str())
        .collect();
    assert_eq!(codes, ["cap-day", "pace"]);
    for wrong in [
        Post {
            replies: Vec::new(),
            ..one(3)
        },
        Post {
            replies: vec![2, 3],
            ..one(3)
        },
        Post {
            wait: true,
            ..one(3)
        },
    ] {
        assert_eq!(post(&engine, &wrong).unwrap_err().code, Code::Usage);
    }
}

#[test]
fn limits_loosened_on_another_machine_are_not_loose_here() {
    let bench = Bench::new(1);
    let loose = PostingRules {
        per_day: 1000,
        pause_min: 0.0,
        words: Vec::new(),
        ..bench.engine().posting().posting_rules().unwrap()
    };
    bench
        .engine()
        .posting()
        .posting_rules_set(&loose, RAISE, PERSON)
        .unwrap();
    assert_eq!(bench.engine().posting().posting_rules().unwrap(), loose);
    let there = bench
        .elsewhere("another machine")
        .posting()
        .posting_rules()
        .unwrap();
    assert_eq!((there.per_day, there.pause_min), (10, 10.0));
    assert!(there.words.iter().any(|word| word == "suicide"));
    // edited in the file, they are no user's decision
    bench.sql(
        "UPDATE setting SET value = json_set(value, '$.per_day', 100000) WHERE key = 'reddit'",
    );
    assert_eq!(
        bench.engine().posting().posting_rules().unwrap().per_day,
        10
    );
}
