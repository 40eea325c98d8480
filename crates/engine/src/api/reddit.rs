//! Commands about Reddit. Fetching, drafting, posting and the like are jobs: `login`, `fetch`, `draft`, `post`,
//! `reconcile`, `sync`, `outcomes`.

use std::sync::Arc;

use repartee_charts::Picture;
use repartee_posting::RecordKind;
use repartee_posting::{
    AccountInfo, AuditLine, NewAccount, NewPostingPermission, OptOutInfo, OutboxInfo, OutboxStory,
    PostingPermissionInfo, PostingRules, ProjectFile, Settle, ShownReply, SubredditPreview, Synced,
    ThreadInfo, ThreadStory,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::app::{At, Nothing, typed};
use super::commands;
use super::project::{ApproveReply, Numbered, OfState, all_typed, shown};
use crate::Engine;
use crate::evaluation::outcomes::Outcomes;

/// An account to add or change.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PutAccount {
    pub account: NewAccount,
    pub who: String,
}

/// An action on an account.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct OfAccount {
    pub name: String,
    pub who: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ByPerson {
    pub who: String,
}

/// The URL at which a login in the browser ended.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PastedLogin {
    /// The account that is logged in.
    pub account: String,
    /// The URL as the user pasted it.
    pub address: String,
}

/// Whether Reddit labels an account as an app.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct LabelAccount {
    pub name: String,
    pub labeled: bool,
    pub who: String,
}

/// Disables an account, or enables it again.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct StopAccount {
    pub name: String,
    /// Empty: enable.
    pub why: String,
    pub who: String,
}

/// Changes the settings for posting.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SetRules {
    pub rules: PostingRules,
    /// The confirmation for loosening a limit: "I raise the limits"; empty if none is loosened.
    #[serde(default)]
    pub confirm: String,
    pub who: String,
}

/// A permission to record.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RecordPostingPermission {
    pub permission: NewPostingPermission,
    pub who: String,
}

/// A subreddit to disable.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SwitchOff {
    pub subreddit: String,
    /// May be empty.
    #[serde(default)]
    pub why: String,
    pub who: String,
}

/// A subreddit to check.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PreviewSubreddit {
    pub subreddit: String,
    /// The account for the request; empty: the one that posts.
    #[serde(default)]
    pub account: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct OptOutNew {
    /// `u/name` or `r/name`.
    pub whom: String,
    /// May be empty.
    #[serde(default)]
    pub why: String,
    pub who: String,
}

/// A decision on an opt-out.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct OptOutVerdict {
    /// `u/name` or `r/name`.
    pub whom: String,
    /// Confirmed; otherwise declined: they may be answered.
    pub confirmed: bool,
    pub who: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ExportThreads {
    /// A file with one line of JSON per thread.
    pub path: String,
    /// By number; empty: all.
    #[serde(default)]
    pub threads: Vec<i64>,
}

/// A decision on a reply with unconfirmed delivery.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SettleReply {
    pub id: i64,
    pub settle: Settle,
    pub who: String,
}

/// A new text for a posted reply.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PreviewRewrite {
    pub id: i64,
    /// Without the footer.
    pub text: String,
}

/// An edit of a posted reply.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RewriteReply {
    pub id: i64,
    /// Without the footer.
    pub text: String,
    /// The hash that came with the preview that was shown.
    pub seen: String,
    pub who: String,
}

/// A record to confirm on this machine.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRecord {
    pub record: RecordKind,
    /// Name of the account or subreddit.
    pub name: String,
    /// The hash that came with the record that was shown.
    pub seen: String,
    pub who: String,
}

/// Saves a chart as files.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct IntoFiles {
    /// .svg, .png or .csv; a name without an extension gives all three.
    pub files: Vec<String>,
}

/// A part of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct AuditPage {
    /// Only entries about this reply.
    pub reply: Option<i64>,
    /// Maximum number of entries, the newest first.
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

/// Content to purge.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ForgetNames {
    /// `t1_...` or `t3_...`, or links to them.
    pub names: Vec<String>,
    /// Who requests it.
    pub who: String,
}

commands!(Arc<Engine> {
    /// All accounts, with what each still needs before it can post.
    "accounts" reads [Reddit, Settings] => |engine, _| engine.posting().accounts(), Nothing => Vec<AccountInfo>;
    /// Adds an account, or changes the one of this name.
    "account.put" => |engine, p| engine.posting().account_put(&p.account, &p.who), PutAccount => AccountInfo;
    /// Removes an account from the project.
    "account.remove" => |engine, p| engine.posting().account_remove(&p.name, &p.who), OfAccount => ();
    /// Records whether Reddit labels an account as an app.
    "account.label" => |engine, p| engine.posting().account_label(&p.name, p.labeled, &p.who), LabelAccount => AccountInfo;
    /// Disables all posting of an account, or enables it again.
    "account.stop" => |engine, p| engine.posting().account_stop(&p.name, &p.why, &p.who), StopAccount => AccountInfo;
    /// Logs an account out; the job "login" logs it in.
    "account.logout" => |engine, p| engine.posting().log_out(&p.name, &p.who), OfAccount => AccountInfo;
    /// Passes the URL at which the browser ended to the login that waits for it.
    "login.paste" => |engine, p| engine.posting().login_hand_over(&p.account, &p.address), PastedLogin => ();
    /// The identity of this project file, and whether it must be confirmed before anything is posted from it.
    "posting.file" reads [Settings] => |engine, _| engine.posting().project_file(), Nothing => ProjectFile;
    /// Confirms this file as the one to continue with.
    "posting.adopt" => |engine, p| engine.posting().project_adopt(&p.who), ByPerson => ProjectFile;
    /// The settings for posting.
    "posting.rules" reads [Settings] => |engine, _| engine.posting().posting_rules(), Nothing => PostingRules;
    /// Replaces the settings for posting; loosening a limit requires a typed confirmation.
    "posting.rules.set" => |engine, p| engine.posting().posting_rules_set(&p.rules, &p.confirm, &p.who), SetRules => PostingRules;
    /// The permissions for posting.
    "posting.permissions" reads [Reddit, Settings] => |engine, _| engine.posting().posting_permissions(), Nothing => Vec<PostingPermissionInfo>;
    /// Records that posting is permitted in a subreddit.
    "posting.permissions.put" => |engine, p| engine.posting().permit_subreddit(&p.permission, &p.who), RecordPostingPermission => PostingPermissionInfo;
    /// Disables posting in a subreddit.
    "posting.permissions.off" => |engine, p| engine.posting().posting_permission_off(&p.subreddit, &p.why, &p.who), SwitchOff => PostingPermissionInfo;
    /// Confirms a record of an account or subreddit that was made on another machine.
    "record.confirm" => |engine, p| engine.posting().record_confirm(p.record, &p.name, &p.seen, &p.who), ConfirmRecord => ();
    /// Reads a subreddit and its rules from Reddit; nothing is stored.
    "subreddit.preview" => |engine, p| engine.posting().subreddit_preview(&p.subreddit, &p.account), PreviewSubreddit => SubredditPreview;
    /// Opt-outs, those to be decided first.
    "optouts" reads [Reddit] => |engine, _| engine.posting().opt_outs(), Nothing => Vec<OptOutInfo>;
    /// Adds an opt-out.
    "optout.add" => |engine, p| engine.posting().opt_out_add(&p.whom, &p.why, &p.who), OptOutNew => Vec<OptOutInfo>;
    /// Decides an opt-out.
    "optout.decide" => |engine, p| engine.posting().opt_out_decide(&p.whom, p.confirmed, &p.who), OptOutVerdict => Vec<OptOutInfo>;
    // links point to the host of the account selected in the settings
    /// All threads, the latest first.
    "threads" reads [Threads, Reddit, Settings] => |engine, _| engine.posting().threads(), Nothing => Vec<ThreadInfo>;
    /// One thread with its comments.
    "thread.get" reads [Threads, Queue, Reddit, Settings] => |engine, p| engine.posting().thread(p.id), Numbered => ThreadStory;
    /// Exports threads to a file; returns their number.
    "threads.export" => |engine, p| engine.posting().threads_export(&typed(&p.path)?, &p.threads), ExportThreads => usize;
    /// Imports threads from such a file, without network.
    "threads.import" => |engine, p| engine.posting().threads_import(&typed(&p.path)?), At => Vec<ThreadInfo>;
    /// Posting state of all replies to something on Reddit.
    "outbox" reads [Queue, Threads, Reddit, Settings] => |engine, p| engine.posting().outbox(p.state), OfState => Vec<OutboxInfo>;
    /// Posting state of one reply, with its attempts and what blocks it now.
    "outbox.get" reads [Queue, Threads, Reddit, Settings, Sources, Bases] => |engine, p| engine.posting().outbox_story(p.id), Numbered => OutboxStory;
    /// Decides an uncertain or absent reply.
    "reply.settle" => |engine, p| engine.posting().reply_settle(p.id, &p.settle, &p.who), SettleReply => OutboxStory;
    /// Deletes a posted reply on Reddit, as it was shown.
    "reply.withdraw" => |engine, p| engine.posting().reply_withdraw(p.id, &p.seen, &p.who), ApproveReply => OutboxStory;
    /// Deletes duplicates of a posted reply.
    "reply.delete-duplicates" => |engine, p| engine.posting().reply_delete_duplicates(p.id, &p.seen, &p.who), ApproveReply => OutboxStory;
    /// Previews an edit of a posted reply: the full text, and the hash to edit it by.
    "reply.rewrite.preview" reads [Queue, Threads, Reddit, Settings] => |engine, p| engine.posting().rewrite_preview(p.id, &p.text), PreviewRewrite => ShownReply;
    /// Edits a posted reply on Reddit, as it was previewed.
    "reply.rewrite" => |engine, p| engine.posting().reply_rewrite(p.id, &p.text, &p.seen, &p.who), RewriteReply => OutboxStory;
    /// The outcomes of posted replies, next to the predictions.
    "outcomes" reads [Queue, Outcomes, Threads, Runs, Splits] => |engine, _| engine.outcomes(), Nothing => Outcomes;
    /// Draws the outcomes.
    "outcomes.chart" reads [Queue, Outcomes, Threads, Runs, Splits, Settings, Sources, Bases] => |engine, _| engine.outcomes_chart(), Nothing => Picture;
    /// Draws them into files, and returns those written.
    "outcomes.chart.save" => |engine, p| engine.outcomes_chart_files(&all_typed(&p.files)?).map(shown), IntoFiles => Vec<String>;
    /// The audit log, the newest first.
    "audit" reads [Reddit] => |engine, p| engine.posting().audit(p.reply, p.limit), AuditPage => Vec<AuditLine>;
    /// Purges texts past their retention.
    "forget.expired" => |engine, _| engine.posting().forget_expired(), Nothing => Synced;
    /// Purges comments and posts by their names, with everything generated from them.
    "forget.names" => |engine, p| engine.posting().forget_names(&p.names, &p.who), ForgetNames => Synced;
});
