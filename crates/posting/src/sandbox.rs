//! A Reddit sandbox on this machine: threads of the synthetic sample, one account, readers who vote. Nothing leaves the
//! machine and no key is needed; everything else is as with Reddit itself, except that waits take no time.
//!
//! The project remembers what was posted, so the sandbox continues where the last one ended.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop, now_ms};
use repartee_core::owner::{Watched, watch};
use repartee_datasets::sample;
use repartee_fake_reddit::{AppKind, Fake, Options, app};
use repartee_reddit::{App, Grant, Login};
use repartee_store::accounts::Account;
use repartee_store::jobs::{JobRow, JobState};
use repartee_store::queue::ReplyState;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::login::LogIn;
use crate::rules::PostingRules;
use crate::{NewAccount, accounts::AccountInfo};
use crate::{Posting, ToPosting};

/// The id of the only app that a sandbox knows; otherwise it looks like Reddit.
const CLIENT_ID: &str = "made-up";
/// Its client secret and the account's password, which are not secret.
const NO_SECRET: &str = "made-up";
const NAME: &str = "practice_bot";
/// Where it can be reached.
const HERE: &str = "http://127.0.0.1:";
/// How often votes are counted and opt-outs read.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The kinds of jobs that run a sandbox; a demo does in its last step.
const SERVING: [&str; 2] = [Sandbox::KIND, "demo"];
/// A sandbox without requests for this long was forgotten, perhaps behind a closed window.
const FORGOTTEN: Duration = Duration::from_secs(3_600);

/// Runs a Reddit sandbox until it is stopped, or has had no request for an hour. A job: `sandbox`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    /// The port on 127.0.0.1; 0: any free one.
    pub port: u16,
    pub posts: usize,
    /// Seed of the threads. A project should keep to one: names of another would be taken for the same.
    pub seed: u64,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            port: 0,
            posts: 30,
            // threads that the sample of seed 1 does not have
            seed: 2026,
        }
    }
}

/// The result of a sandbox session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SandboxClosed {
    /// Replies posted during the session.
    pub posted: u64,
}

/// Whether an account is a sandbox account.
pub(crate) fn is_sandbox(account: &Account) -> bool {
    account.client_id == CLIENT_ID && account.host.starts_with(HERE)
}

/// Whether the sandbox of such an account is running.
///
/// # Errors
/// [`Code::Io`] with what to do.
pub(crate) fn is_served(account: &Account) -> Result<()> {
    let address = account.host.trim_start_matches("http://");
    if is_sandbox(account) && TcpStream::connect(address).is_err() {
        return Err(Error::new(
            Code::Io,
            format!(
                "the Reddit sandbox of u/{NAME} is not running; start it with `repartee reddit sandbox`, \
                 or in the window under Reddit, Accounts"
            ),
        ));
    }
    Ok(())
}

/// The login of such an account.
pub(crate) fn login_of(account: &Account) -> Option<Login> {
    is_sandbox(account).then(|| Login {
        app: App {
            client_id: CLIENT_ID.to_owned(),
            client_secret: NO_SECRET.into(),
        },
        grant: Grant::Password {
            username: NAME.to_owned(),
            password: NO_SECRET.into(),
        },
    })
}

/// Refuses a second sandbox of a project: it would take the account over from the first one. `own` is the job that
/// asks, if it is stored already.
///
/// # Errors
/// [`Code::Busy`] while a living process runs another one; what `go_on` returns while it is not certain that the
/// process lives.
fn check_alone<E: From<Error>>(
    posting: Posting<'_>,
    own: Option<&str>,
    mut go_on: impl FnMut() -> Result<(), E>,
) -> Result<(), E> {
    let is_answered = |account: &Account| is_sandbox(account) && is_served(account).is_ok();
    let is_other = |job: &JobRow| {
        let runs = job.state == JobState::Running && SERVING.contains(&job.kind.as_str());
        runs && own.is_none_or(|own| job.id != own)
    };
    let jobs = posting.store.jobs().map_err(Error::from)?.into_iter();
    for other in jobs.filter(is_other) {
        // of two that begin at the same time, neither answers yet, and the first one continues
        let is_first = other.kind == Sandbox::KIND && own.is_none_or(|own| other.id.as_str() < own);
        let accounts = posting.store.accounts().map_err(Error::from)?;
        let counts = is_first || accounts.iter().any(is_answered);
        if !counts {
            continue;
        }
        let look = || -> Result<_, E> {
            let row = posting.store.job(&other.id).map_err(Error::from)?;
            let runs = row.filter(|row| row.state == JobState::Running);
            Ok(runs.and_then(|row| Some((row.owner?, row.beat_ms))))
        };
        if watch(now_ms, look, &mut go_on)? == Watched::Lives {
            let words = format!(
                "a Reddit sandbox of this project is already running, as job {}; use that one, or end it first with \
                 `repartee job stop {}`",
                other.id, other.id
            );
            return Err(Error::new(Code::Busy, words).into());
        }
    }
    Ok(())
}

impl Job for Sandbox {
    const KIND: &'static str = "sandbox";
    const KEEPS_AWAKE: bool = false;
    type Outcome = SandboxClosed;

    fn check_ready(&self, project: &Project) -> Result<()> {
        check_alone(project.posting(), None, || Ok(()))
    }

    fn run(&self, ctx: &Ctx) -> Result<SandboxClosed, Stop> {
        let fake = self.open(ctx)?;
        let before = fake.world().posted();
        ctx.say(format!(
            "a Reddit sandbox is running at {}, and u/{NAME} is logged in there. Fetch, draft, record a \
             permission, approve, post: nothing leaves this machine",
            fake.base()
        ));
        let (mut asked, mut last) = (0, Instant::now());
        loop {
            let posted = {
                let mut world = fake.world();
                world.vote();
                if world.seen.len() != asked {
                    (asked, last) = (world.seen.len(), Instant::now());
                }
                (world.posted() - before) as u64
            };
            if last.elapsed() > FORGOTTEN {
                ctx.say("no request for an hour: the Reddit sandbox ends");
                return Ok(SandboxClosed { posted });
            }
            match ctx.go_on() {
                Ok(()) => {}
                // it has no other end
                Err(Stop::Cancel) => return Ok(SandboxClosed { posted }),
                Err(stop) => return Err(stop),
            }
            ctx.tick(Progress::new(
                "running a Reddit sandbox",
                posted,
                None,
                "replies posted",
            ));
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Sandbox {
    /// Starts a sandbox with everything that the project posted to one before, adds its account, and logs it in. It
    /// ends when the result is dropped.
    ///
    /// # Errors
    /// [`Code::Refused`] in a project with an account of Reddit itself, before anything is done; [`Code::Busy`] while
    /// another process runs a sandbox of this project; [`Code::Io`] if the port is taken.
    pub fn open(&self, ctx: &Ctx) -> Result<Fake, Stop> {
        let posting = ctx.project.posting();
        check_alone(posting, Some(ctx.job()), || ctx.go_on())?;
        let fake = Fake::start(Options {
            port: self.port,
            seed: self.seed,
            posts: self.posts,
        })
        .map_err(|e| {
            let what = format!(
                "the Reddit sandbox cannot listen on {HERE}{}: {e}",
                self.port
            );
            Error::new(Code::Io, what)
        })?;
        {
            let mut world = fake.world();
            world.apps.clear();
            world
                .apps
                .insert(CLIENT_ID.to_owned(), app(AppKind::Script, NO_SECRET, NAME));
            world.add_account(NAME, NO_SECRET);
            for reply in posting.store.replies(Some(ReplyState::Posted))? {
                if let (NAME, Some(name), Some(parent)) = (
                    reply.outbox.account.as_str(),
                    &reply.outbox.posted_name,
                    &reply.parent_name,
                ) {
                    world.restore(name, parent, NAME, &reply.outbox.full_text);
                }
            }
            world.vote();
        }
        self.introduce(posting, fake.base())?;
        let login = LogIn {
            account: NAME.to_owned(),
            force: false,
        };
        login.run(ctx)?;
        Ok(fake)
    }

    /// Adds the account, and watches all subreddits if none is watched yet.
    fn introduce(&self, posting: Posting<'_>, host: &str) -> Result<AccountInfo> {
        let who = "repartee";
        let account = NewAccount {
            name: NAME.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            host: host.to_owned(),
            approval: "none is needed: a Reddit sandbox on this machine".to_owned(),
            ..NewAccount::default()
        };
        posting.account_put(&account, who)?;
        let rules = posting.posting_rules()?;
        if rules.watched.is_empty() {
            let watched = sample::subreddits().map(str::to_owned).collect();
            posting.posting_rules_set(&PostingRules { watched, ..rules }, "", who)?;
        }
        posting.account_label(NAME, true, who)
    }
}
