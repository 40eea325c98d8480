//! A Reddit sandbox on this machine, for tests and for trying out: it behaves like the real one as far as this project
//! needs, has only synthetic texts, and injects faults on demand.
//!
//! ```no_run
//! use repartee_fake_reddit::{Fake, Fault, On, Options, Rule};
//! # fn main() -> std::io::Result<()> {
//! let fake = Fake::start(Options::default())?;
//! println!("{}", fake.base()); // http://127.0.0.1:PORT, for both of the client's hosts
//! // the next comment is made, and the connection closed without an answer
//! fake.world().fail(Rule::once(On::Comment, Fault::DropAfter));
//! assert!(fake.world().duplicates().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! | file | content |
//! |---|---|
//! | `world.rs` | the state, which can be changed at any time |
//! | `make.rs` | generates threads |
//! | `reddit.rs` | Reddit's calls |
//! | `json.rs` | Reddit's JSON: things, listings, trees |
//! | `page.rs` | a thread as a page, for browsers |
//! | `fault.rs` | faults |
//! | `serve.rs` | HTTP, on hyper alone: faults need the raw connection |
//! | `control.rs` | `/__fake/...`: control from other processes |
//!
//! Not implemented: votes, submissions, messages, wikis, Reddit's ranking. Comments are accepted as often as they are
//! sent, as by the real one.
// Reddit's things have many fields
#![recursion_limit = "256"]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod control;
mod fault;
mod json;
mod make;
mod page;
mod reddit;
mod serve;
mod world;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use fault::{Fault, Language, On, Rule};
pub use world::{
    ACCOUNT, Account, App, AppKind, Authorize, CLIENT_ID, CLIENT_SECRET, Comment, Duplicates,
    INSTALLED_ID, Knobs, OTP, PASSWORD, Post, REDIRECT, Seen, Subreddit, WEB_ID, World, app,
};

/// Options of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The port on 127.0.0.1; 0: any free one.
    pub port: u16,
    /// Seed of texts, ids and chances.
    pub seed: u64,
    /// Number of posts of the last hours, each with a thread.
    pub posts: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            seed: 1,
            posts: 30,
        }
    }
}

/// A running sandbox; it ends when this is dropped.
pub struct Fake {
    base: String,
    world: serve::Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fake({})", self.base)
    }
}

impl Fake {
    /// Starts a sandbox on a thread of its own.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn start(options: Options) -> io::Result<Self> {
        let mut world = World::new(options.seed);
        world.make_threads(options.seed, options.posts);
        let world: serve::Shared = Arc::new(Mutex::new(world));
        let listener =
            std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], options.port)))?;
        listener.set_nonblocking(true)?;
        let base = format!("http://{}", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // without waiting: it may be started from async code, too
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&world);
        let thread = std::thread::Builder::new()
            .name("fake-reddit".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve::serve(listener, served) => {}
                        // an error means that the handle is gone, which also stops it
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            base,
            world,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The state, to read and change. Nothing is answered while this is held: do not hold it across a client's call.
    pub fn world(&self) -> MutexGuard<'_, World> {
        serve::lock(&self.world)
    }

    /// Serves until the process ends.
    pub fn serve_for_ever(mut self) {
        if let Some(thread) = self.thread.take() {
            // it only ends by a panic, which was already reported
            let _ = thread.join();
        }
    }
}

/// The program: serves until it is killed, and prints its address on the first line.
pub fn run(args: impl IntoIterator<Item = String>) -> ExitCode {
    let mut options = Options::default();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let value = args.next().unwrap_or_default();
        let read = match arg.as_str() {
            "--port" => value.parse().map(|port| options.port = port).is_ok(),
            "--seed" => value.parse().map(|seed| options.seed = seed).is_ok(),
            "--posts" => value.parse().map(|posts| options.posts = posts).is_ok(),
            _ => false,
        };
        if !read {
            eprintln!("usage: fake-reddit [--port N] [--seed N] [--posts N]; got {arg} {value}");
            return ExitCode::from(2);
        }
    }
    match Fake::start(options) {
        Ok(fake) => {
            // a reader that closes the pipe after the first line does no harm
            let _ = writeln!(
                io::stdout(),
                "{}\nclient id {CLIENT_ID}, secret {CLIENT_SECRET}, account {ACCOUNT}, password {PASSWORD}",
                fake.base()
            );
            fake.serve_for_ever();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot listen on 127.0.0.1:{}: {error}", options.port);
            ExitCode::from(2)
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
