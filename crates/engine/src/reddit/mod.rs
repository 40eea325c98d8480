//! Reddit itself: accounts and permissions, threads that are alive, and replies that are posted one by one,
//! each of them approved by a person, and none of them twice.
//!
//! | file | what is in it |
//! |---|---|
//! | `connect.rs` | a client for an account, and what surrounds it: time, secrets, the shared rate limit |
//! | `accounts.rs`, `login.rs` | accounts, and how they log in and out |
//! | `permissions.rs` | where posting is permitted, and who does not want to be answered |
//! | `rules.rs` | pauses, caps, hours, footer: the settings that posting obeys |
//! | `policy.rs`, `similar.rs` | what speaks against posting a reply: pure rules over facts |
//! | `fetch.rs`, `threads.rs`, `saved.rs` | threads from Reddit, as they are listed, and as files |
//! | `context.rs`, `draft.rs` | from a thread to drafts in the queue |
//! | `approval.rs` | what is shown of a reply, the hash over it, and what a person approves by that hash |
//! | `outbox.rs` | what a person approves, edits, withdraws and settles |
//! | `lease.rs`, `post.rs`, `reconcile.rs` | posting, and looking for what is uncertain |
//! | `kept.rs` | what the ledger keeps beside the project, so that no edit of the file loosens it |
//! | `ledger.rs`, `home.rs`, `duplicates.rs` | at most one answer, also across copies and projects of this machine |
//! | `sync.rs`, `outcomes.rs` | forgetting what Reddit no longer has; what became of what was posted |
//! | `sandbox.rs` | a made-up Reddit on this machine, to try all of it without a key |
//! | `maintenance.rs` | what is due: forgetting once a day, scores after an hour, a day and a week |
//! | `audit.rs` | who did what, and when |

mod accounts;
mod approval;
mod audit;
mod connect;
pub(crate) mod context;
mod draft;
mod duplicates;
mod fetch;
pub(crate) mod home;
mod kept;
mod lease;
mod ledger;
mod login;
mod maintenance;
mod outbox;
mod outcomes;
mod permissions;
mod policy;
mod post;
mod reconcile;
pub(crate) mod rules;
mod sandbox;
mod saved;
mod similar;
pub(crate) mod sync;
mod threads;

pub use accounts::{AccountFacts, AccountInfo, NewAccount};
pub use approval::ShownReply;
pub use audit::AuditLine;
pub use connect::{Environment, Step};
pub use draft::{DraftReplies, Drafted};
pub use fetch::{Fetch, Fetched};
pub use home::{FileIs, ProjectFile};
pub use login::{ByHand, LogIn};
pub use maintenance::{Maintained, Maintenance};
pub use outbox::{AttemptInfo, ObjectionInfo, OutboxInfo, OutboxStory, Settle};
pub use outcomes::{AFTER_S, OutcomeRow, Outcomes, OutcomesRead, ReadOutcomes, Reading};
pub use permissions::{NewPostingPermission, OptOutInfo, PostingPermissionInfo, SubredditPreview};
pub use post::{NOT_APPROVED, Post, PostReport, PostedInfo};
pub use reconcile::{Reconcile, Reconciled};
pub use rules::{PostingRules, RAISE};
pub use sandbox::{Sandbox, SandboxClosed};
pub use sync::{Sync, Synced};
pub use threads::{ThreadCommentInfo, ThreadInfo, ThreadStory};

use crate::error::{Error, Result};

/// The name of an account or subreddit as a person types it, without `u/` or `r/`.
///
/// # Errors
/// [`crate::Code::Usage`] when it cannot be one.
pub(crate) fn plain_name(kind: &str, typed: &str) -> Result<String> {
    let name = typed.trim().trim_start_matches('/');
    let name = name.strip_prefix(kind).unwrap_or(name).trim_matches('/');
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || (kind == "u/" && b == b'-');
    if (1..=24).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(name.to_owned());
    }
    let what = if kind == "u/" {
        "an account"
    } else {
        "a subreddit"
    };
    Err(Error::usage(format!(
        "{typed:?} is not the name of {what}: letters, digits and _, with or without {kind}"
    )))
}
