//! The engine for the component tests of the window's page: sample projects made by the real engine, and its commands
//! over standard input and output, so that a test of the page needs no second engine.
//!
//! `engine-under-test sample FOLDER` makes the part that takes long, once: data, models, evaluations, candidates.
//! `engine-under-test serve FOLDER` adds accounts, threads and replies of a Reddit sandbox, and then reads lines of JSON:
//!
//! | line | effect |
//! |---|---|
//! | `{"id": 1, "reset": {"project": "full"}}` | ends the window; starts another one on a fresh copy of a project: full, unconfirmed, empty or none |
//! | `{"id": 2, "call": "runs", "params": {}}` | calls a command of the window |
//! | `{"id": 3, "call": "job.pause", "params": {}, "other": true}` | the same in another process |
//!
//! It answers `{"id": 2, "result": ..}` or `{"id": 2, "error": ..}`, and writes the window's events as `{"event": ..}`.
//! Each window is a process of its own: when it has ended, nothing has the project open, and it can be replaced.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use repartee_datasets::sample;
use repartee_engine::app_state::{AppEvent, AppState};
use repartee_engine::bases::base::BaseNew;
use repartee_engine::data::import::Import;
use repartee_engine::data::pairs::BuildPairs;
use repartee_engine::data::splits::{AuditSplit, MakeSplit};
use repartee_engine::environment::Environment;
use repartee_engine::evaluation::evaluate::Evaluate;
use repartee_engine::generation::fakes::MakeFakes;
use repartee_engine::generation::generate::Generate;
use repartee_engine::generation::pick::Criteria;
use repartee_engine::machine::STATE_FOLDER;
use repartee_engine::posting::{
    Fetch, LogIn, NewAccount, NewPostingPermission, Post, PostingRules, ReadOutcomes,
};
use repartee_engine::terms::BaseKind;
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Engine, Format, Mapping, Origin, Permission, SamplingParams};
use repartee_fake_reddit::{
    AppKind, Authorize, CLIENT_ID, CLIENT_SECRET, Fake, Fault, INSTALLED_ID, On, Options, PASSWORD,
    Rule, World, app,
};
use repartee_reddit::{App, Clock, Grant, Login};
use repartee_store::Store;
use repartee_store::fakes::FinishReason;
use repartee_store::threads::{NewCandidate, Scores};
use serde_json::{Value, json};

use crate::sample::done;
use crate::{approve_as_shown, seen};

/// The account that posts, and one that still lacks something.
const BOT: &str = "sample_answers_bot";
const OTHER: &str = "second_sample_bot";
/// The user.
const PERSON: &str = "Ada";
/// Synthetic threads: with fewer, a partition would be empty.
const THREADS: u64 = 120;
const HOUR_MS: i64 = 3_600_000;
/// How long ago the first replies were posted: the pauses between them and the first two scores take two days.
const POSTED_AGO_MS: i64 = 72 * HOUR_MS;
/// How long ago the latest threads were fetched.
const LATELY_MS: i64 = 2 * HOUR_MS;
/// How long a window's jobs may take to end.
const END_WITHIN: Duration = Duration::from_secs(30);

const SAMPLE: &str = "sample.repartee";

/// Makes the sample project in a folder: data, three small models, their evaluations, and candidates.
pub fn make_sample(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder for the sample");
    let mut engine = Engine::create(folder.join(SAMPLE)).expect("a new project");
    engine.environment.state = Some(folder.join("state"));
    let mut lines = Vec::new();
    sample::write_ndjson(&mut lines, 1, THREADS).expect("written to memory");
    let threads = folder.join("synthetic.ndjson");
    fs::write(&threads, lines).expect("a file of the sample");
    let import = Import {
        files: vec![threads],
        format: Some(Format::Pushshift),
        name: Some("synthetic threads".to_owned()),
        permission: Permission::Synthetic,
        note: "made by Repartee's own generator; no person wrote any of it".to_owned(),
        ..Import::default()
    };
    done(&engine, &import);
    done(&engine, &BuildPairs::default());
    done(&engine, &MakeSplit::default());
    let audit = AuditSplit {
        name: "main".to_owned(),
    };
    done(&engine, &audit);
    for (name, kind) in [
        ("small-gpt2", BaseKind::Gpt2),
        ("small-bert", BaseKind::Bert),
    ] {
        let base = BaseNew {
            name: name.to_owned(),
            kind,
            layers: 2,
            width: 64,
            heads: 2,
            context: 128,
            vocab: 2000,
            split: Some("main".to_owned()),
            ..BaseNew::default()
        };
        done(&engine, &base);
    }
    train(&engine, ModelKind::Generator, "writer", 40);
    let sampling = SamplingParams {
        max_new_tokens: 24,
        seed: 1,
        ..SamplingParams::default()
    };
    let fakes = MakeFakes {
        generator: "writer".to_owned(),
        comments: [200, 40, 60],
        batch: 64,
        sampling: sampling.clone(),
        ..MakeFakes::default()
    };
    done(&engine, &fakes);
    train(&engine, ModelKind::Realism, "judge", 60);
    train(&engine, ModelKind::Upvotes, "votes", 40);
    for run in ["writer", "judge", "votes"] {
        let evaluate = Evaluate {
            run: run.to_owned(),
            batch: 32,
            ..Evaluate::default()
        };
        done(&engine, &evaluate);
    }
    // every candidate may be selected: one for each comment
    let generate = |unseen, candidates, queue| Generate {
        unseen,
        generator: "writer".to_owned(),
        realism: Some("judge".to_owned()),
        upvotes: Some("votes".to_owned()),
        candidates,
        queue,
        sampling: sampling.clone(),
        criteria: Criteria {
            min_p_real: Some(0.0),
            ..Criteria::default()
        },
        ..Generate::default()
    };
    done(&engine, &generate(5, 8, false));
    done(&engine, &generate(7, 2, true));
    import_table(&engine, folder);
}

fn train(engine: &Engine, kind: ModelKind, name: &str, steps: usize) {
    let config = RunConfig {
        name: name.to_owned(),
        steps,
        batch_size: 16,
        max_tokens: 96,
        learning_rate: 2e-3,
        dropout: 0.0,
        validate_limit: 60,
        patience: 0,
        samples: 2,
        ..RunConfig::of(kind)
    };
    done(engine, &Train::new(&config).expect("a training"));
}

/// A second source, without a permission, and with three rows that cannot be read.
fn import_table(engine: &Engine, folder: &Path) {
    let file = folder.join("answers.csv");
    let mut rows = String::from("question,answer,votes,forum\n");
    for n in 0..40 {
        rows.push_str(&match n {
            7 => "How long do you let it rest?,Overnight,many,SampleCooking\n".to_owned(),
            19 => "Any ideas?,Check the hanger\n".to_owned(),
            31 => "Which one is it?,The left one,few,SampleBikes\n".to_owned(),
            _ => {
                format!("What do you do about part {n} of it?,Oil it {n} times.,{n},SampleBikes\n")
            }
        });
    }
    fs::write(&file, rows).expect("a file of the sample");
    let some = |name: &str| Some(name.to_owned());
    let import = Import {
        files: vec![file],
        format: Some(Format::Mapped),
        mapping: Some(Mapping {
            comment: "question".to_owned(),
            reply: "answer".to_owned(),
            score: some("votes"),
            subreddit: some("forum"),
            ..Mapping::default()
        }),
        origin: Some(Origin::Forum),
        ..Import::default()
    };
    done(engine, &import);
}

/// The machine's clock with an offset. Waits take no time on it, and advance the sandbox's clock, too.
struct Shifted {
    fake: Arc<Fake>,
    ahead_ms: AtomicI64,
}

impl Shifted {
    fn pass(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
        self.fake.world().pass(ms);
    }

    /// Goes on to a time shortly before the machine's: what happens from then on is not in the future.
    fn catch_up(&self) {
        let behind_ms = -self.ahead_ms.load(Ordering::Relaxed);
        self.pass((behind_ms - LATELY_MS).max(0));
    }
}

impl Clock for Shifted {
    fn now_ms(&self) -> i64 {
        repartee_store::now_ms() + self.ahead_ms.load(Ordering::Relaxed)
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.pass(time.as_millis() as i64);
        Box::pin(tokio::task::yield_now())
    }
}

fn login(_: &str) -> Option<Login> {
    Some(Login {
        app: App {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
        },
        grant: Grant::Password {
            username: BOT.to_owned(),
            password: PASSWORD.into(),
        },
    })
}

/// A project and all that belongs to it outside of the file, to start a window with.
struct Saved {
    project: Vec<u8>,
    /// Files of the user's state folder.
    state: BTreeMap<PathBuf, Vec<u8>>,
    world: World,
}

/// The sandbox, and the folder in which windows find their files.
struct Bench {
    home: tempfile::TempDir,
    fake: Arc<Fake>,
    clock: Arc<Shifted>,
}

impl Bench {
    fn new(made: &Path) -> Self {
        let home = tempfile::tempdir().expect("a folder for windows");
        fs::copy(made.join(SAMPLE), home.path().join(SAMPLE)).expect("a copy of the sample");
        let fake = Arc::new(
            Fake::start(Options {
                posts: 0,
                ..Options::default()
            })
            .expect("a Reddit sandbox"),
        );
        let clock = Arc::new(Shifted {
            fake: Arc::clone(&fake),
            ahead_ms: AtomicI64::new(0),
        });
        clock.pass(-POSTED_AGO_MS);
        Self { home, fake, clock }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn engine(&self) -> Engine {
        let mut engine = Engine::open(self.path(SAMPLE)).expect("the sample");
        engine.environment = Environment {
            clock: self.clock.clone(),
            login: Some(Arc::new(login)),
            state: Some(self.path("state")),
            ..Environment::default()
        };
        engine
    }

    /// Accounts, permissions, rules and opt-outs.
    fn decide(&self, engine: &Engine) {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        {
            let mut world = self.fake.world();
            world.knobs.authorize = Authorize::Allow;
            world.apps.clear();
            let ours = app(AppKind::Script, CLIENT_SECRET, BOT);
            world.apps.insert(CLIENT_ID.to_owned(), ours);
            let mut browser = app(AppKind::Installed, "", OTHER);
            browser.redirect = format!("http://127.0.0.1:{port}/callback");
            world.apps.insert(INSTALLED_ID.to_owned(), browser);
            for name in [BOT, OTHER] {
                world.add_account(name, PASSWORD);
            }
        }
        let account = NewAccount {
            name: BOT.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            operator: "ada_example".to_owned(),
            host: self.fake.base().to_owned(),
            approval: "case 0001, approved 3 November 2026".to_owned(),
            ..NewAccount::default()
        };
        let other = NewAccount {
            name: OTHER.to_owned(),
            client_id: INSTALLED_ID.to_owned(),
            app: "installed".to_owned(),
            port,
            approval: String::new(),
            ..account.clone()
        };
        for account in [&account, &other] {
            engine
                .posting()
                .account_put(account, PERSON)
                .expect("an account");
        }
        engine
            .posting()
            .account_label(BOT, true, PERSON)
            .expect("a label");
        let rules = PostingRules {
            account: BOT.to_owned(),
            watched: ["SampleHiking", "SampleGuitars"]
                .map(str::to_owned)
                .to_vec(),
            ..PostingRules::default()
        };
        engine
            .posting()
            .posting_rules_set(&rules, "", PERSON)
            .expect("rules");
        for (subreddit, note) in [
            (
                "SampleHiking",
                "The moderators agreed to two answers a day.",
            ),
            ("SampleGuitars", "A trial of six weeks."),
            ("SampleGardening", ""),
        ] {
            let permission = NewPostingPermission {
                subreddit: subreddit.to_owned(),
                link: "https://example.org/permission".to_owned(),
                note: note.to_owned(),
                ..NewPostingPermission::default()
            };
            engine
                .posting()
                .permit_subreddit(&permission, PERSON)
                .expect("a permission");
        }
        engine
            .posting()
            .posting_permission_off("SampleGardening", "its rules have changed", PERSON)
            .expect("a disabled subreddit");
        for (whom, why) in [
            ("u/slow_pedal", "asked in a message"),
            ("r/SampleCooking", ""),
        ] {
            engine
                .posting()
                .opt_out_add(whom, why, PERSON)
                .expect("an opt-out");
        }
        done(engine, &LogIn::default());
    }

    /// Adds a post with comments (author, text) to the sandbox, and fetches it; returns the numbers of its comments.
    fn thread(&self, subreddit: &str, title: &str, comments: &[(&str, &str)]) -> Vec<i64> {
        let name = {
            let mut world = self.fake.world();
            let post = world.add_post(subreddit, "asker", title, "I have tried a lot by now.");
            let mut parent = post.clone();
            for (author, text) in comments {
                let made = world.add_comment(&parent, author, text);
                // the second answers the first, the others the post
                parent = match parent == post {
                    true => made.expect("the parent is there"),
                    false => post.clone(),
                };
            }
            post
        };
        let engine = self.engine();
        let fetch = Fetch {
            posts: vec![name],
            ..Fetch::default()
        };
        let fetched = done(&engine, &fetch);
        let thread = fetched.threads.first().expect("a fetched thread");
        let story = engine.posting().thread(thread.id).expect("the thread");
        story.comments.iter().map(|comment| comment.id).collect()
    }

    /// A draft that answers a comment; returns its number.
    fn draft(&self, comment: i64, text: &str) -> i64 {
        let store = Store::open(&self.path(SAMPLE)).expect("the sample");
        let candidate = NewCandidate {
            comment_id: comment,
            n: 0,
            text: text.to_owned(),
            finish_reason: FinishReason::End,
            scores: Scores {
                p_real: Some(0.95),
                bins: Some([0.1, 0.2, 0.3, 0.4]),
            },
        };
        let candidates = store.candidates_add(2, &[candidate]).expect("a candidate");
        let queued = store.queue_add(&candidates, "repartee", self.clock.now_ms());
        queued.expect("a draft")[0]
    }

    fn approved(&self, comment: i64, text: &str) -> i64 {
        let reply = self.draft(comment, text);
        approve_as_shown(&self.engine(), reply, PERSON).expect("an approval");
        reply
    }

    /// Posts one reply, and returns its state.
    fn post(&self, reply: i64, wait: bool) -> String {
        let engine = self.engine();
        let post = Post {
            replies: vec![reply],
            live: Some(true),
            wait,
            ..Post::default()
        };
        done(&engine, &post);
        let story = engine.posting().outbox_story(reply).expect("the reply");
        story.outbox.state.to_string()
    }

    /// The full sample: drafts and decisions of the queue (1 to 7), replies that were posted yesterday (8), withdrawn
    /// (9) and removed (10), one that is ready (11), one that is blocked (12), and one whose comment is gone (13).
    fn full(&self) {
        let engine = self.engine();
        for reply in [4, 5] {
            approve_as_shown(&engine, reply, PERSON).expect("an approval");
        }
        let link = "https://www.reddit.com/r/SampleBikes/comments/abc/-/def";
        engine
            .reply_posted_by_hand(5, link, &seen(&engine, 5), PERSON)
            .expect("posted by hand");
        engine
            .reply_reject(6, PERSON, "beside the point")
            .expect("a rejection");
        self.decide(&engine);
        drop(engine);

        let mut posted = Vec::new();
        for (subreddit, author, text) in [
            (
                "SampleGuitars",
                "green_guitar",
                "Ask the oldest player in your street.",
            ),
            (
                "SampleHiking",
                "north_trail",
                "Two straps and a knot did it here.",
            ),
            (
                "SampleGuitars",
                "late_chord",
                "Sleep over it; morning helps.",
            ),
        ] {
            let asks = format!("Can anybody in r/{subreddit} say how {author} should begin?");
            let comments = self.thread(subreddit, "How do I begin?", &[(author, &asks)]);
            let reply = self.approved(comments[0], text);
            assert_eq!(self.post(reply, true), "posted");
            let story = self
                .engine()
                .posting()
                .outbox_story(reply)
                .expect("the reply");
            posted.push((reply, story.outbox.posted_name.expect("a name")));
        }
        self.clock.pass(25 * HOUR_MS);
        {
            let mut world = self.fake.world();
            for ((_, name), score) in posted.iter().zip([17, -3, 1]) {
                world.comment(name).expect("posted").score = score;
            }
            world.comment(&posted[2].1).expect("posted").removed = true;
            world.add_comment(&posted[0].1, "quiet_fern", "STOP");
        }
        let engine = self.engine();
        done(&engine, &ReadOutcomes::default());
        // a removal disables its subreddit, until it is permitted again
        let again = NewPostingPermission {
            subreddit: "SampleGuitars".to_owned(),
            link: "https://example.org/permission".to_owned(),
            note: "A trial of six weeks.".to_owned(),
            ..NewPostingPermission::default()
        };
        engine
            .posting()
            .permit_subreddit(&again, PERSON)
            .expect("a permission");
        let withdrawn = posted[1].0;
        engine
            .posting()
            .reply_withdraw(withdrawn, &seen(&engine, withdrawn), PERSON)
            .expect("withdrawn");
        drop(engine);

        self.clock.catch_up();
        let hiking = self.thread(
            "SampleHiking",
            "Second time this year: what am I doing wrong?",
            &[
                (
                    "green_hiking",
                    "My boots give me blisters on every long descent. Any ideas?",
                ),
                (
                    "late_hiking",
                    "Same here, and mine are half a size too large.",
                ),
                ("slow_pedal", "I gave up on boots years ago."),
            ],
        );
        self.approved(hiking[0], "Lace the heel tighter before the way down.");
        let bikes = self.thread(
            "SampleBikes",
            "Help me decide before the weekend",
            &[
                (
                    "green_bikes",
                    "Should I replace the chain before a week of rain?",
                ),
                ("north_bikes", "It depends on how worn the cassette is."),
            ],
        );
        self.approved(
            bikes[0],
            "Measure it first; a gauge costs less than a chain.",
        );
        let guitars = self.thread(
            "SampleGuitars",
            "It buzzes on the third fret",
            &[(
                "north_guitar",
                "Do I have to change the nut, or is it the neck?",
            )],
        );
        let gone = self.approved(guitars[0], "Start with the neck; a quarter turn is enough.");
        let story = self
            .engine()
            .posting()
            .outbox_story(gone)
            .expect("the reply");
        let parent = story.outbox.parent_name.expect("a comment on Reddit");
        self.fake.world().comment(&parent).expect("there").deleted = true;
        assert_eq!(self.post(gone, false), "cancelled");
        self.thread(
            "SampleHiking",
            "[Serious] How do I start?",
            &[("quiet_hiking", "Short walks, then longer ones?")],
        );
    }

    /// After the full sample: a reply that was not found on Reddit (14), and one with unconfirmed delivery (15).
    fn unconfirmed(&self) {
        let lost = self.thread(
            "SampleGuitars",
            "Which strings for a beginner?",
            &[("late_guitar", "Are light ones easier on the fingers?")],
        );
        let lost = self.approved(lost[0], "Light ones, and ten minutes a day.");
        let fail = |rule| self.fake.world().fail(rule);
        fail(Rule::once(On::Comment, Fault::DropBefore));
        assert_eq!(self.post(lost, true), "absent");
        self.fake.world().heal();
        let doubtful = self.thread(
            "SampleHiking",
            "My tent leaks on the second day",
            &[("north_hiking", "Do you wax the seams of yours?")],
        );
        let doubtful = self.approved(doubtful[0], "Once a year, and let it dry overnight.");
        // past the pause between two replies
        self.clock.pass(HOUR_MS / 2);
        fail(Rule::once(On::Comment, Fault::DropAfter));
        for on in [On::UserComments, On::Comments] {
            // the first call is before it is sent
            fail(Rule {
                skip: 1,
                ..Rule::always(on, Fault::StatusBefore { status: 503 })
            });
        }
        assert_eq!(self.post(doubtful, false), "uncertain");
        self.fake.world().heal();
    }

    fn save(&self) -> Saved {
        assert!(
            !self.path("sample.repartee-wal").exists(),
            "the project is still open"
        );
        let state = fs::read_dir(self.path("state")).expect("the state folder");
        let state = state
            .map(|file| file.expect("a file of the state").path())
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), fs::read(path).expect("a file of the state")));
        let mut world = self.fake.world().clone();
        // windows have the machine's clock
        world.set_clock(0);
        Saved {
            project: fs::read(self.path(SAMPLE)).expect("the sample"),
            state: state.collect(),
            world,
        }
    }

    /// Puts everything back as it was saved. The project stays the same file: a replaced one would have to be confirmed
    /// before anything is posted.
    fn restore(&self, saved: &Saved) {
        for end in ["-wal", "-shm"] {
            let _ = fs::remove_file(self.path(&format!("{SAMPLE}{end}")));
        }
        fs::write(self.path(SAMPLE), &saved.project).expect("the sample");
        for file in fs::read_dir(self.path("state")).into_iter().flatten() {
            let path = file.expect("a file of the state").path();
            if !saved.state.contains_key(&path) {
                let _ = fs::remove_file(path);
            }
        }
        fs::create_dir_all(self.path("state")).expect("the state folder");
        for (path, content) in &saved.state {
            fs::write(path, content).expect("a file of the state");
        }
        *self.fake.world() = saved.world.clone();
    }
}

/// How a window is started.
#[derive(Default)]
struct Opening {
    /// None: no project is open.
    project: Option<PathBuf>,
    /// With the login of the sample's account in the environment.
    login: bool,
    /// Waits take no time in the sandbox.
    hurry: bool,
}

/// A process with a window.
struct Window {
    process: Child,
    lines: Option<ChildStdin>,
    forward: Option<JoinHandle<()>>,
}

impl Window {
    fn start(bench: &Bench, opening: &Opening, config: &str, quiet: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .arg("window")
            .arg(bench.path(config))
            .arg(opening.project.as_deref().unwrap_or(Path::new("")))
            .arg(if quiet { "quiet" } else { "" })
            .env("HOME", bench.home.path())
            .env(STATE_FOLDER, bench.path("state"))
            .env("REPARTEE_DEMO_SCALE", "0.01")
            .env("RAYON_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if opening.hurry {
            command.env("REPARTEE_FAKE_HURRY", "1");
        }
        if opening.login {
            command
                .env("REPARTEE_REDDIT_CLIENT_SECRET", CLIENT_SECRET)
                .env("REPARTEE_REDDIT_USERNAME", BOT)
                .env("REPARTEE_REDDIT_PASSWORD", PASSWORD);
        }
        let mut process = command.spawn().expect("a window");
        let out = process.stdout.take().expect("the window's output");
        let forward = std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                print(&line);
            }
        });
        Self {
            lines: process.stdin.take(),
            process,
            forward: Some(forward),
        }
    }

    fn tell(&mut self, line: &str) {
        let lines = self.lines.as_mut().expect("the window is open");
        writeln!(lines, "{line}")
            .and_then(|()| lines.flush())
            .expect("the window reads");
    }
}

impl Drop for Window {
    /// Ends the window and its jobs.
    fn drop(&mut self) {
        drop(self.lines.take());
        let _ = self.process.wait();
        if let Some(forward) = self.forward.take() {
            let _ = forward.join();
        }
    }
}

fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Serves windows on the sample of [`make_sample`] until standard input ends.
pub fn serve(made: &Path) {
    let bench = Bench::new(made);
    bench.full();
    let full = bench.save();
    bench.unconfirmed();
    let unconfirmed = bench.save();
    let mut windows: Vec<Window> = Vec::new();
    let mut opening = Opening::default();
    print(&json!({ "ready": true }).to_string());
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let asked: Value = serde_json::from_str(&line).expect("a line of JSON");
        let reset = &asked["reset"];
        if reset.is_null() {
            let other = asked["other"] == true;
            if other && windows.len() == 1 {
                windows.push(Window::start(&bench, &opening, "other", true));
            }
            windows[usize::from(other)].tell(&line);
            continue;
        }
        windows.clear();
        bench.restore(match reset["project"].as_str() {
            Some("unconfirmed") => &unconfirmed,
            _ => &full,
        });
        if reset["elsewhere"] == true {
            fs::remove_dir_all(bench.path("state")).expect("the state folder");
        }
        let sample = bench.path(SAMPLE);
        let project = match reset["project"].as_str() {
            Some("none") => None,
            Some("empty") => Some(empty(&bench)),
            _ if reset["copied"] == true => Some(copied(&bench)),
            _ => Some(sample.clone()),
        };
        set_up(&bench, reset, &sample);
        opening = Opening {
            project,
            login: reset["login"] != false,
            hurry: reset["hurry"] != false,
        };
        windows.push(Window::start(&bench, &opening, "config", false));
        let result = json!({
            "folder": bench.home.path(), "project": opening.project, "server": bench.fake.base(),
        });
        print(&json!({ "id": asked["id"], "result": result }).to_string());
    }
}

/// A new project without content.
fn empty(bench: &Bench) -> PathBuf {
    let path = bench.path("empty.repartee");
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(bench.path(&format!("empty.repartee{end}")));
    }
    drop(Engine::create(&path).expect("a new project"));
    path
}

/// A copy of the sample, as a user makes one.
fn copied(bench: &Bench) -> PathBuf {
    let path = bench.path("copy.repartee");
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(bench.path(&format!("copy.repartee{end}")));
    }
    fs::copy(bench.path(SAMPLE), &path).expect("a copy");
    path
}

/// The user's settings and recent projects, of which one is gone.
fn set_up(bench: &Bench, reset: &Value, sample: &Path) {
    let mut settings = json!({
        "theme": "system", "text": 100, "person": PERSON, "threads": 1, "keep_awake": false,
        "maintenance": false, "folder": bench.path("Repartee"),
    });
    if let (Some(settings), Some(given)) = (settings.as_object_mut(), reset["settings"].as_object())
    {
        settings.extend(given.clone());
    }
    let gone = bench.path("gone.repartee");
    let recent: Vec<Value> = [sample, &gone]
        .iter()
        .map(|path| json!({ "path": path, "opened_ms": repartee_store::now_ms() - HOUR_MS }))
        .collect();
    let _ = fs::remove_dir_all(bench.path("Repartee"));
    fs::create_dir_all(bench.path("Repartee")).expect("the folder for new projects");
    for config in ["config", "other"] {
        let folder = bench.path(config);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for settings");
        let kept = json!({ "settings": settings, "recent": recent }).to_string();
        fs::write(folder.join("desk.json"), kept).expect("settings");
    }
}

/// One window, until standard input ends; then its running jobs are canceled.
pub fn window(config: &Path, project: &Path, quiet: bool) {
    const MAIN: &str = "main";
    let on_event = move |_: &[String], event: &AppEvent| {
        if !quiet {
            print(&json!({ "event": event }).to_string());
        }
    };
    let program = std::env::current_exe().expect("this program");
    let app = AppState::new(config, program, Arc::new(on_event));
    if project != Path::new("") {
        // a worker of the test before may still be ending
        let open = || app.call(MAIN, "project.open", json!({ "path": project }));
        let mut opened = open();
        for _ in 0..50 {
            if opened.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
            opened = open();
        }
        opened.expect("the project opens");
    }
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let app = Arc::clone(&app);
        std::thread::spawn(move || {
            let asked: Value = serde_json::from_str(&line).expect("a line of JSON");
            let name = asked["call"].as_str().unwrap_or_default();
            let answer = match app.call(MAIN, name, asked["params"].clone()) {
                Ok(result) => json!({ "id": asked["id"], "result": result }),
                Err(error) => json!({ "id": asked["id"], "error": error }),
            };
            print(&answer.to_string());
        });
    }
    let begun = Instant::now();
    while begun.elapsed() < END_WITHIN {
        // a window without a project has no jobs
        let jobs = app.call(MAIN, "jobs", Value::Null).unwrap_or_default();
        let goes_on = |job: &&Value| {
            ["waiting", "running", "queued"].contains(&job["state"].as_str().unwrap_or_default())
        };
        let open: Vec<&Value> = jobs
            .as_array()
            .into_iter()
            .flatten()
            .filter(goes_on)
            .collect();
        if open.is_empty() {
            break;
        }
        for job in open {
            // it may have ended meanwhile
            let _ = app.call(MAIN, "job.cancel", json!({ "job": job["id"] }));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A folder with the full sample, and the sample itself.
pub fn full_sample() -> (impl Sized, Engine) {
    let made = tempfile::tempdir().expect("a folder for the sample");
    make_sample(made.path());
    let bench = Bench::new(made.path());
    bench.full();
    let engine = bench.engine();
    ((bench, made), engine)
}
