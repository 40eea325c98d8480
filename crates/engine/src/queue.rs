//! The queue: the user reads, edits, approves or rejects. Nothing else approves, and nothing is posted.

use std::path::Path;

use repartee_core::error::{Error, Result};
use repartee_core::job::now_ms;
use repartee_datasets::export::Rows;
use repartee_posting::ShownReply;
use repartee_store::outbox::{Approval, Became};
use repartee_store::queue::{Reply, ReplyState};
use serde::{Deserialize, Serialize};
use serde_json::json;
use ts_rs::TS;

use crate::Engine;

/// A reply in the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ReplyInfo {
    pub id: i64,
    /// draft, approved, sending, uncertain, absent, posted, rejected, `cancelled` or withdrawn.
    pub state: ReplyState,
    pub text: String,
    /// As generated.
    pub written: String,
    /// Empty: unknown.
    pub subreddit: String,
    /// Title of the post; empty: there is none.
    pub title: String,
    /// The comment it answers.
    pub comment: String,
    /// p(real) of the text as generated.
    pub p_real: Option<f64>,
    /// Probability of each upvote bin.
    pub bins: Option<[f64; 4]>,
    /// The most probable bin, 0 to 3: compared with its outcome.
    pub predicted: Option<u32>,
    /// `p1 + 2 p2 + 3 p3`.
    pub expected_bin: Option<f64>,
    /// Whether the user selected it although the criteria did not.
    pub by_hand: bool,
    /// Why it was selected, or that the user did and what the criteria said.
    pub reason: String,
    /// Where it was posted; empty: it was not, or the link is unknown.
    pub link: String,
    /// Milliseconds since 1970.
    pub updated_ms: i64,
    /// Full text, account and the hash over everything shown: what a decision is about.
    #[serde(flatten)]
    pub shown: ShownReply,
}

/// Number of replies by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QueueCounts {
    /// Wait for review.
    pub draft: u64,
    /// Approved for posting.
    pub approved: u64,
    pub sending: u64,
    /// Sent, delivery unconfirmed.
    pub uncertain: u64,
    /// Checked on Reddit and not found: to be decided.
    pub absent: u64,
    /// Live on Reddit.
    pub posted: u64,
    /// Rejected by the user, or permanently by Reddit.
    pub rejected: u64,
    /// Will not be posted: what they answer is gone or locked, or they were abandoned.
    pub cancelled: u64,
    /// Were posted and withdrawn.
    pub withdrawn: u64,
}

/// A reply and its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ReplyStory {
    pub reply: ReplyInfo,
    /// In order.
    pub events: Vec<EventInfo>,
}

/// An entry of a reply's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EventInfo {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub who: String,
    /// drafted, edited, approved, posted or rejected.
    pub what: String,
    /// The text before an edit, or the user's reason.
    pub detail: String,
}

impl ReplyInfo {
    fn new(shown: ShownReply, reply: Reply) -> Self {
        Self {
            shown,
            id: reply.id,
            state: reply.state,
            text: reply.text,
            written: reply.written,
            subreddit: reply.subreddit,
            title: reply.title,
            comment: reply.comment,
            p_real: reply.scores.p_real,
            bins: reply.scores.bins,
            predicted: reply.scores.predicted_bin(),
            expected_bin: reply.scores.expected_bin(),
            by_hand: !reply.picked,
            reason: match (reply.picked, reply.reason.as_str()) {
                (true, _) => reply.reason,
                (false, "") => format!("by hand, by {}", reply.queued_by),
                (false, why) => format!(
                    "by hand, by {}; the criteria did not pick it: {why}",
                    reply.queued_by
                ),
            },
            link: reply.link,
            updated_ms: reply.updated_ms,
        }
    }
}

impl ReplyInfo {
    /// Whether its text is not the generated one, which its scores belong to.
    pub fn is_edited(&self) -> bool {
        self.written != self.text
    }
}

impl Engine {
    /// The replies of the queue, or those of one state.
    pub fn queue(&self, state: Option<ReplyState>) -> Result<Vec<ReplyInfo>> {
        let composer = self.posting().composer()?;
        let replies = self.store.replies(state)?.into_iter();
        replies
            .map(|reply| Ok(ReplyInfo::new(composer.shown(&reply)?, reply)))
            .collect()
    }

    pub(crate) fn reply_info(&self, id: i64) -> Result<ReplyInfo> {
        let reply = self.store.reply(id)?;
        Ok(ReplyInfo::new(
            self.posting().composer()?.shown(&reply)?,
            reply,
        ))
    }

    /// One reply with its history.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`].
    pub fn reply(&self, id: i64) -> Result<ReplyStory> {
        let events = self.store.reply_events(id)?;
        Ok(ReplyStory {
            reply: self.reply_info(id)?,
            events: events
                .into_iter()
                .map(|e| EventInfo {
                    at_ms: e.at_ms,
                    who: e.who,
                    what: e.what,
                    detail: e.detail,
                })
                .collect(),
        })
    }

    /// Edits a reply's text; an approved reply returns to draft.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; [`crate::Code::Usage`] if the text is empty or the reply was rejected.
    pub fn reply_edit(&self, id: i64, text: &str, who: &str) -> Result<ReplyInfo> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::usage(
                "a reply cannot be empty; `repartee queue reject` takes it out",
            ));
        }
        self.store.reply_edit(id, text, who, now_ms())?;
        self.revoke_taken_back()?;
        self.reply_info(id)
    }

    /// Exports the queue to a `.jsonl` or `.csv` file; returns the number of replies.
    ///
    /// # Errors
    /// [`crate::Code::Usage`] if the file cannot be written.
    pub fn queue_export(&self, file: &Path, state: Option<ReplyState>) -> Result<usize> {
        const COLUMNS: [&str; 11] = [
            "reply",
            "state",
            "subreddit",
            "title",
            "comment",
            "text",
            "written",
            "p_real",
            "predicted_bin",
            "expected_bin",
            "reason",
        ];
        let failed = |e: std::io::Error| Error::io("write", file, &e);
        let replies = self.queue(state)?;
        let mark = self.study_mark()?;
        let mut rows = Rows::noted(file, &COLUMNS, mark.as_deref()).map_err(failed)?;
        for reply in &replies {
            rows.write(vec![
                json!(reply.id),
                json!(reply.state),
                json!(reply.subreddit),
                json!(reply.title),
                json!(reply.comment),
                json!(reply.text),
                json!(reply.written),
                json!(reply.p_real),
                json!(reply.predicted),
                json!(reply.expected_bin),
                json!(reply.reason),
            ])
            .map_err(failed)?;
        }
        rows.finish().map_err(failed)?;
        Ok(replies.len())
    }

    /// Approves one reply on behalf of `who`, who saw it: `seen` is the hash of what was shown ([`ShownReply::seen`]),
    /// or at least its first 16 digits. One that answers a Reddit comment is then in the outbox of the account that
    /// posts: see [`repartee_posting`].
    ///
    /// # Errors
    /// [`crate::Code::Changed`] if it is not what was shown, whatever changed it; [`crate::Code::NotFound`];
    /// [`crate::Code::Usage`] if it was rejected, is too long with its footer, or another reply of the account answers
    /// the same comment.
    pub fn reply_approve(&self, id: i64, seen: &str, who: &str) -> Result<ReplyInfo> {
        let now_ms = now_ms();
        // this only reads: nobody else writes from here to the end of the transaction
        let make = |reply: &Reply| -> Result<Option<Approval>> {
            self.posting().approval_of(reply, seen, who, now_ms)
        };
        self.store.reply_approve(id, who, now_ms, make)??;
        self.revoke_taken_back()?;
        self.reply_info(id)
    }

    /// Rejects one reply on behalf of `who`, optionally with a reason.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`].
    pub fn reply_reject(&self, id: i64, who: &str, why: &str) -> Result<ReplyInfo> {
        self.store
            .reply_move(id, ReplyState::Rejected, who, why, now_ms())?;
        self.revoke_taken_back()?;
        self.reply_info(id)
    }

    /// Returns a rejected, canceled or approved reply to draft on behalf of `who`, with its text. It must be approved
    /// again before it can be posted. The store compares its state in the transaction that changes it.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`]; [`crate::Code::Usage`] if it is being posted, or was posted.
    pub fn reply_redraft(&self, id: i64, who: &str, why: &str) -> Result<ReplyInfo> {
        self.store
            .reply_move(id, ReplyState::Draft, who, why, now_ms())?;
        self.revoke_taken_back()?;
        self.reply_info(id)
    }

    /// Records that `who` posted an approved reply manually, as it was shown (`seen`), at `link` (empty: unknown).
    ///
    /// # Errors
    /// [`crate::Code::Changed`] if it is not what was shown; [`crate::Code::NotFound`]; [`crate::Code::Usage`] if it is
    /// not approved, or the link is invalid, of another reply, or, for a reply to a comment on Reddit, does not lead to
    /// another comment under the same post.
    pub fn reply_posted_by_hand(
        &self,
        id: i64,
        link: &str,
        seen: &str,
        who: &str,
    ) -> Result<ReplyInfo> {
        let link = link.trim();
        if !link.is_empty() && !link.starts_with("https://") && !link.starts_with("http://") {
            return Err(Error::usage(format!(
                "{link:?} is not a link; paste the URL of the comment, or leave it empty"
            )));
        }
        let to = Became {
            link: link.to_owned(),
            // with its name it can be withdrawn, and its score read
            posted_name: self
                .posting()
                .comment_at(link)
                .and_then(|link| link.comment),
            ..Became::new(ReplyState::Posted, "", "")
        };
        let from = [ReplyState::Approved];
        let as_shown = |reply: &Reply| -> Result<()> {
            self.posting().seen_as_it_stands(reply, seen)?;
            match link.is_empty() {
                true => Ok(()),
                false => self.posting().may_be_at(reply, link),
            }
        };
        self.store.reply_becomes_if(
            id,
            &from,
            None,
            &to,
            (who, "posted"),
            now_ms(),
            as_shown,
        )??;
        self.posting().note_in_ledger(&self.store.reply(id)?);
        self.reply_info(id)
    }

    /// Number of replies by state.
    pub fn queue_counts(&self) -> Result<QueueCounts> {
        let [
            draft,
            approved,
            sending,
            uncertain,
            absent,
            posted,
            rejected,
            cancelled,
            withdrawn,
        ] = self.store.reply_counts()?;
        Ok(QueueCounts {
            draft,
            approved,
            sending,
            uncertain,
            absent,
            posted,
            rejected,
            cancelled,
            withdrawn,
        })
    }
}
