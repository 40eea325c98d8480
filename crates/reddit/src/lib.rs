//! Reddit's API: logging in, reading, and posting one approved reply at a time.
//!
//! | file | content |
//! |---|---|
//! | `config.rs` | hosts, User-Agent, pauses and timeouts |
//! | `secrets.rs` | where secrets come from: environment, then keychain |
//! | `login.rs` | grants, tokens, and login through a browser |
//! | `throttle.rs` | when the next call may go out: pure functions on a state that processes share |
//! | `http.rs` | one HTTP exchange |
//! | `client.rs` | every call, including the one that posts |
//! | `model.rs`, `tree.rs` | answers as data, and how a tree is assembled from them |
//! | `sent.rs` | the result of posting a comment: five classes, and their consequences |
//! | `text.rs`, `names.rs`, `clock.rs` | texts, names and links, time |
//!
//! This crate has no SQL, and never votes: it requests no scope for it, and no call does it.
//!
//! # From a blocking thread
//! All calls are async and need a tokio runtime with I/O and time; a current-thread one is enough. No lock is held
//! across a wait except tokio's own, and the caller's closures ([`Keep`], [`OnWait`], [`ThrottleStore`]) must not call
//! the client.
//!
//! ```no_run
//! use repartee_reddit::{Client, Config, Setup, secrets, user_agent};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let login = secrets::login("some_bot", None)?;
//! let config = Config::new(user_agent("0.1.0", "some_bot"));
//! let client = Client::new(Setup::new(config, login))?;
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let me = runtime.block_on(client.me())?;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod client;
mod clock;
mod config;
mod error;
mod http;
mod login;
pub mod model;
mod names;
pub mod secrets;
pub mod sent;
mod text;
pub mod throttle;
pub mod tree;

pub use client::{
    Attempt, Blocker, Client, Fetched, Found, Keep, OnWait, Page, Preflight, Prepared, Setup, Sort,
    Stopped, TreeAsk, TreeProgress, View, ours_under, server,
};
pub use clock::{Clock, SkipClock, SystemClock};
pub use config::{API_HOST, APP_ID, Config, Pace, SCOPES, TOKEN_HOST, user_agent};
pub use error::{Error, Result};
pub use login::{ANSWER_WITHIN, App, Browser, Code, Grant, Login, PORT, Pending, Token, hand_over};
pub use model::{Account, Comment, Gone, More, Post, Rule, Subreddit};
pub use names::Link;
pub use sent::{Action, Pause, Refusal, Rejection, Sent};
pub use text::{MAX_UNITS, TextError, prepare as prepare_text};
pub use throttle::{InMemory, ThrottleState, ThrottleStore, Wait, Why};
pub use tree::Tree;
