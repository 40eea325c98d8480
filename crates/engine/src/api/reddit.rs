//! The commands about Reddit itself. Fetching, drafting, posting and the like are jobs: `login`, `fetch`,
//! `draft`, `post`, `reconcile`, `sync`, `outcomes`.

use std::sync::Arc;

use repartee_charts::Picture;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::app::{At, Nothing, typed};
use super::commands;
use super::project::{ApproveReply, Numbered, OfState, all_typed, shown};
use crate::Engine;
use crate::reddit::{
    AccountInfo, AuditLine, NewAccount, NewPostingPermission, OptOutInfo, OutboxInfo, OutboxStory,
    Outcomes, PostingPermissionInfo, PostingRules, ProjectFile, Settle, ShownReply,
    SubredditPreview, Synced, ThreadInfo, ThreadStory,
};
use crate::sealed::RecordKind;

/// An account to add or change.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PutAccount {
    /// The account.
    pub account: NewAccount,
    /// Who does it.
    pub who: String,
}

/// Something a person does to an account.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct OfAccount {
    /// Its name.
    pub name: String,
    /// Who does it.
    pub who: String,
}

/// Who confirms something.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ByPerson {
    /// The person.
    pub who: String,
}

/// The address at which the browser ended a login.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PastedLogin {
    /// The account that is logged in.
    pub account: String,
    /// The address, as the person pasted it.
    pub address: String,
}

/// Whether Reddit shows an account as an app.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct LabelAccount {
    /// Its name.
    pub name: String,
    /// Whether it does.
    pub labelled: bool,
    /// Who saw it.
    pub who: String,
}

/// An account to stop, or to let go on.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct StopAccount {
    /// Its name.
    pub name: String,
    /// Why; empty: it goes on.
    pub why: String,
    /// Who does it.
    pub who: String,
}

/// The settings that posting obeys, to be changed.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SetRules {
    /// All of them.
    pub rules: PostingRules,
    /// What the person wrote to loosen a limit: "I raise the limits"; empty where none is loosened.
    #[serde(default)]
    pub confirm: String,
    /// Who does it.
    pub who: String,
}

/// A permission to record.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RecordPostingPermission {
    /// The permission.
    pub permission: NewPostingPermission,
    /// Who records it.
    pub who: String,
}

/// A subreddit to switch off.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SwitchOff {
    /// Its name.
    pub subreddit: String,
    /// Why; may be empty.
    #[serde(default)]
    pub why: String,
    /// Who does it.
    pub who: String,
}

/// A subreddit to look at.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PreviewSubreddit {
    /// Its name.
    pub subreddit: String,
    /// The account that looks; empty: the one that posts.
    #[serde(default)]
    pub account: String,
}

/// Somebody who does not want to be answered.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct OptOutNew {
    /// `u/name` or `r/name`.
    pub whom: String,
    /// Why; may be empty.
    #[serde(default)]
    pub why: String,
    /// Who records it.
    pub who: String,
}

/// A person's verdict on a wish not to be answered.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct OptOutVerdict {
    /// `u/name` or `r/name`.
    pub whom: String,
    /// Confirmed; otherwise declined: they are answered again.
    pub confirmed: bool,
    /// Who decides.
    pub who: String,
}

/// Where threads are to be written.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ExportThreads {
    /// A file; a line of JSON a thread.
    pub path: String,
    /// Which, by their numbers; empty: all.
    #[serde(default)]
    pub threads: Vec<i64>,
}

/// What a person decides about a reply of which nobody knows.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SettleReply {
    /// The reply.
    pub id: i64,
    /// What becomes of it.
    pub settle: Settle,
    /// Who decides.
    pub who: String,
}

/// A posted reply with another text.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PreviewRewrite {
    /// The reply.
    pub id: i64,
    /// The new text, without the footer.
    pub text: String,
}

/// A change of a posted reply.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RewriteReply {
    /// The reply.
    pub id: i64,
    /// The new text, without the footer.
    pub text: String,
    /// The hash of what was shown, as the preview came with it.
    pub seen: String,
    /// Who does it.
    pub who: String,
}

/// A record that a person confirms on this machine.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRecord {
    /// What kind of record.
    pub record: RecordKind,
    /// Name of the account or subreddit.
    pub name: String,
    /// The hash of what was shown, as the record came with it.
    pub seen: String,
    /// Who confirms it.
    pub who: String,
}

/// Files of a chart.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct IntoFiles {
    /// .svg, .png or .csv; a name without an ending gives all three.
    pub files: Vec<String>,
}

/// A part of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct AuditPage {
    /// Only what concerns this reply.
    pub reply: Option<i64>,
    /// At most so many entries, the newest first.
    pub limit: usize,
}

impl Default for AuditPage {
    fn default() -> Self {
        Self {
            reply: None,
            limit: 200,
        }
    }
}

/// What is to be forgotten.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ForgetNames {
    /// `t1_...` or `t3_...`, or links to them.
    pub names: Vec<String>,
    /// Who asks for it.
    pub who: String,
}

commands!(Arc<Engine> {
    /// All accounts, with what is missing before each can post.
    "accounts" => |engine, _| engine.accounts(), Nothing => Vec<AccountInfo>;
    /// Adds an account, or changes the one of this name.
    "account.put" => |engine, p| engine.account_put(&p.account, &p.who), PutAccount => AccountInfo;
    /// Removes an account from the project.
    "account.remove" => |engine, p| engine.account_remove(&p.name, &p.who), OfAccount => ();
    /// Notes whether Reddit shows an account as an app.
    "account.label" => |engine, p| engine.account_label(&p.name, p.labelled, &p.who), LabelAccount => AccountInfo;
    /// Stops all posting of an account, or lets it go on.
    "account.stop" => |engine, p| engine.account_stop(&p.name, &p.why, &p.who), StopAccount => AccountInfo;
    /// Logs an account out; the job "login" logs it in.
    "account.logout" => |engine, p| engine.log_out(&p.name, &p.who), OfAccount => AccountInfo;
    /// Hands the address at which the browser ended to the login that waits for it.
    "login.paste" => |engine, p| engine.login_hand_over(&p.account, &p.address), PastedLogin => ();
    /// Which file this project is, and whether it has to be confirmed before anything is posted from it.
    "posting.file" => |engine, _| engine.project_file(), Nothing => ProjectFile;
    /// Confirms that this file is the one to go on with.
    "posting.adopt" => |engine, p| engine.project_adopt(&p.who), ByPerson => ProjectFile;
    /// The settings that posting obeys.
    "posting.rules" => |engine, _| engine.posting_rules(), Nothing => PostingRules;
    /// Changes them, all together; who loosens a limit has to say so in words.
    "posting.rules.set" => |engine, p| engine.posting_rules_set(&p.rules, &p.confirm, &p.who), SetRules => PostingRules;
    /// Where posting is permitted.
    "posting.permissions" => |engine, _| engine.posting_permissions(), Nothing => Vec<PostingPermissionInfo>;
    /// Records that posting is permitted in a subreddit.
    "posting.permissions.put" => |engine, p| engine.permit_subreddit(&p.permission, &p.who), RecordPostingPermission => PostingPermissionInfo;
    /// Switches posting in a subreddit off.
    "posting.permissions.off" => |engine, p| engine.posting_permission_off(&p.subreddit, &p.why, &p.who), SwitchOff => PostingPermissionInfo;
    /// Confirms on this machine what was recorded of an account or subreddit elsewhere.
    "record.confirm" => |engine, p| engine.record_confirm(p.record, &p.name, &p.seen, &p.who), ConfirmRecord => ();
    /// Looks at a subreddit and its rules on Reddit; nothing is stored.
    "subreddit.preview" => |engine, p| engine.subreddit_preview(&p.subreddit, &p.account), PreviewSubreddit => SubredditPreview;
    /// Who is not answered, those that wait for a person first.
    "optouts" => |engine, _| engine.opt_outs(), Nothing => Vec<OptOutInfo>;
    /// Puts somebody on that list.
    "optout.add" => |engine, p| engine.opt_out_add(&p.whom, &p.why, &p.who), OptOutNew => Vec<OptOutInfo>;
    /// Decides about somebody on that list.
    "optout.decide" => |engine, p| engine.opt_out_decide(&p.whom, p.confirmed, &p.who), OptOutVerdict => Vec<OptOutInfo>;
    /// All threads, the latest first.
    "threads" => |engine, _| engine.threads(), Nothing => Vec<ThreadInfo>;
    /// One thread with its comments.
    "thread.get" => |engine, p| engine.thread(p.id), Numbered => ThreadStory;
    /// Writes threads to a file; gives how many.
    "threads.export" => |engine, p| engine.threads_export(&typed(&p.path)?, &p.threads), ExportThreads => usize;
    /// Reads threads from such a file, with no network.
    "threads.import" => |engine, p| engine.threads_import(&typed(&p.path)?), At => Vec<ThreadInfo>;
    /// The posting side of all replies that answer something on Reddit.
    "outbox" => |engine, p| engine.outbox(p.state.as_deref()), OfState => Vec<OutboxInfo>;
    /// The same of one reply, with its tries and what speaks against it now.
    "outbox.get" => |engine, p| engine.outbox_story(p.id), Numbered => OutboxStory;
    /// What a person decides about an uncertain or absent reply.
    "reply.settle" => |engine, p| engine.reply_settle(p.id, &p.settle, &p.who), SettleReply => OutboxStory;
    /// Deletes a posted reply on Reddit, as it was shown.
    "reply.withdraw" => |engine, p| engine.reply_withdraw(p.id, &p.seen, &p.who), ApproveReply => OutboxStory;
    /// Deletes what stands there beside a reply that was found more than once.
    "reply.delete-duplicates" => |engine, p| engine.reply_delete_duplicates(p.id, &p.seen, &p.who), ApproveReply => OutboxStory;
    /// A posted reply with another text: the full text, and the hash to change it by.
    "reply.rewrite.preview" => |engine, p| engine.rewrite_preview(p.id, &p.text), PreviewRewrite => ShownReply;
    /// Changes a posted reply on Reddit, to what was shown.
    "reply.rewrite" => |engine, p| engine.reply_rewrite(p.id, &p.text, &p.seen, &p.who), RewriteReply => OutboxStory;
    /// What became of posted replies, beside what was foretold.
    "outcomes" => |engine, _| engine.outcomes(), Nothing => Outcomes;
    /// Draws it.
    "outcomes.chart" => |engine, _| engine.outcomes_chart(), Nothing => Picture;
    /// Draws it into files, and gives what was written.
    "outcomes.chart.save" => |engine, p| engine.outcomes_chart_files(&all_typed(&p.files)?).map(shown), IntoFiles => Vec<String>;
    /// Who did what, the newest first.
    "audit" => |engine, p| engine.audit(p.reply, p.limit), AuditPage => Vec<AuditLine>;
    /// Forgets the texts that were kept long enough.
    "forget.expired" => |engine, _| engine.forget_expired(), Nothing => Synced;
    /// Forgets comments and posts by their names, with all that was written from them.
    "forget.names" => |engine, p| engine.forget_names(&p.names, &p.who), ForgetNames => Synced;
});
