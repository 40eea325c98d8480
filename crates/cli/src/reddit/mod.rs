//! Reddit: `reddit accounts|login|...` (accounts), `permit|opt-out|rules` (permissions), `fetch|threads|draft|...`
//! (threads), `post|resolve|edit|...` (posting).

mod accounts;
pub mod args;
mod permissions;
mod posting;
mod run;
mod threads;
mod view;

pub use run::reddit;
