//! Reddit: accounts and permissions, live threads, and replies that are posted one by one, each of them approved by the
//! user, and none of them twice.
//!
//! | file | content |
//! |---|---|
//! | `connect.rs` | a client for an account, with its secrets and the shared rate limit |
//! | `accounts.rs`, `login.rs` | accounts, and how they log in and out |
//! | `permissions.rs` | where posting is permitted, and opt-outs |
//! | `rules.rs` | settings for posting: pauses, caps, hours, footer |
//! | `policy.rs`, `similar.rs` | what blocks a reply: pure rules over facts |
//! | `fetch.rs`, `threads.rs`, `saved.rs` | threads from Reddit, in lists, and as files |
//! //! | `approval.rs` | what is shown of a reply, its hash, and approval by that hash |
//! | `outbox.rs` | approving, editing, withdrawing and settling replies |
//! | `lease.rs`, `post.rs`, `reconcile.rs` | posting, and resolving unconfirmed deliveries |
//! //! | `ledger.rs`, `home.rs`, `duplicates.rs` | at most one answer, also across copies and projects of this machine |
//! | `confirm.rs` | records of another machine, confirmed on this one |
//! | `sync.rs`, `deleted_content.rs` | purging what Reddit no longer has, and what was trained on it |
//! | `outcomes.rs` | scores of posted replies |
//! | `sandbox.rs` | a Reddit sandbox on this machine, to try everything without a key |
//! | `maintenance.rs` | due maintenance: purging once a day, scores after an hour, a day and a week |
//! | `audit.rs` | who did what, and when |

mod accounts;
mod approval;
mod audit;
mod confirm;
mod connect;
mod deleted_content;
mod duplicates;
mod fetch;
mod home;
mod lease;
mod ledger;
mod links;
mod login;
mod maintenance;
mod outbox;
mod outcomes;
mod permissions;
mod policy;
mod post;
mod reconcile;
mod rules;
mod sandbox;
mod saved;
mod similar;
mod stored;
mod sync;
mod threads;

use std::ops::Deref;

use repartee_core::Project;
use repartee_core::error::{Error, Result};

pub use accounts::{AccountFacts, AccountInfo, NewAccount};
pub use approval::ShownReply;
pub use audit::AuditLine;
pub use confirm::RecordKind;
pub use deleted_content::DeletedContent;
pub use fetch::{Fetch, Fetched};
pub use home::{FileIs, ProjectFile};
pub use login::{ByHand, LogIn};
pub use maintenance::{Maintained, Maintenance};
pub use outbox::{AttemptInfo, ObjectionInfo, OutboxInfo, OutboxStory, Settle};
pub use outcomes::{AFTER_S, OutcomesRead, ReadOutcomes};
pub use permissions::{NewPostingPermission, OptOutInfo, PostingPermissionInfo, SubredditPreview};
pub use post::{BY_HAND, NOT_APPROVED, Post, PostReport, PostedInfo};
pub use reconcile::{Reconcile, Reconciled};
pub use rules::{PostingRules, RAISE};
pub use sandbox::{Sandbox, SandboxClosed};
pub use stored::setting_fault;
pub use sync::{Sync, Synced};
pub use threads::{ThreadCommentInfo, ThreadInfo, ThreadStory};

/// The posting actions of an open project.
#[derive(Clone, Copy)]
pub struct Posting<'a>(&'a Project);

impl Deref for Posting<'_> {
    type Target = Project;

    fn deref(&self) -> &Project {
        self.0
    }
}

/// From a project to its posting actions.
pub trait ToPosting {
    fn posting(&self) -> Posting<'_>;
}

impl ToPosting for Project {
    fn posting(&self) -> Posting<'_> {
        Posting(self)
    }
}

/// The name of an account or subreddit as the user types it, without `u/` or `r/`.
///
/// # Errors
/// [`repartee_core::Code::Usage`] if it is not a valid one.
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
