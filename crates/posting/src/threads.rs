//! Threads in lists and by themselves.

use std::collections::HashMap;

use repartee_core::error::Result;
use repartee_store::threads::Thread;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Posting;
use crate::outbox::address;

/// A thread in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ThreadInfo {
    pub id: i64,
    /// pasted, file, test pairs or reddit.
    pub origin: String,
    /// Empty: unknown.
    pub subreddit: String,
    /// Title of the post; empty: there is none, or it was purged.
    pub title: String,
    /// Author of the post; none: unknown, or purged.
    pub author: Option<String>,
    /// Reddit's name of the post; none: it is not from Reddit.
    pub name: Option<String>,
    pub score: Option<i64>,
    /// Of the post: seconds since 1970.
    pub created_utc: Option<i64>,
    pub comments: u64,
    /// Those that may be answered.
    pub open: u64,
    /// Milliseconds since 1970.
    pub fetched_ms: i64,
    /// When its texts are purged; none: never, or they already are.
    pub expires_ms: Option<i64>,
    /// Why nothing in it is answered; empty: it may be.
    pub skip: String,
    /// Its URL; empty: not on Reddit.
    pub link: String,
}

/// A comment of a thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ThreadCommentInfo {
    pub id: i64,
    /// Number of the comment it answers; none: the post.
    pub parent: Option<i64>,
    /// None: unknown, or purged.
    pub author: Option<String>,
    /// Empty: purged.
    pub body: String,
    /// None: hidden.
    pub score: Option<i64>,
    /// Seconds since 1970.
    pub created_utc: Option<i64>,
    /// Nesting level: number of ancestors.
    pub level: u32,
    /// Why it is not answered; empty: it may be.
    pub skip: String,
    /// Its URL; empty: not on Reddit.
    pub link: String,
    /// Numbers of the replies to it in the queue.
    pub replies: Vec<i64>,
}

/// A thread with its comments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ThreadStory {
    pub thread: ThreadInfo,
    pub body: String,
    /// Parents before children.
    pub comments: Vec<ThreadCommentInfo>,
}

pub(crate) fn info(thread: Thread, host: &str) -> ThreadInfo {
    ThreadInfo {
        link: address(host, &thread.permalink),
        id: thread.id,
        origin: thread.origin,
        subreddit: thread.subreddit,
        title: thread.title,
        author: thread.author,
        name: thread.name,
        score: thread.score,
        created_utc: thread.created_utc,
        comments: thread.comments,
        open: thread.open,
        fetched_ms: thread.fetched_ms,
        expires_ms: thread.expires_ms,
        skip: thread.skip,
    }
}

impl Posting<'_> {
    /// The base URL of Reddit, or the sandbox.
    pub(crate) fn host(self) -> String {
        self.account_meant("")
            .map(|account| account.host)
            .unwrap_or_default()
    }

    /// All threads, the latest first.
    pub fn threads(self) -> Result<Vec<ThreadInfo>> {
        let host = self.host();
        Ok(self
            .store
            .threads()?
            .into_iter()
            .map(|thread| info(thread, &host))
            .collect())
    }

    /// One thread with its comments.
    ///
    /// # Errors
    /// [`repartee_core::Code::NotFound`].
    pub fn thread(self, id: i64) -> Result<ThreadStory> {
        let host = self.host();
        let thread = self.store.thread(id)?;
        let mut replies: HashMap<i64, Vec<i64>> = HashMap::new();
        for reply in self.store.replies(None)? {
            if reply.thread_id == id {
                replies.entry(reply.comment_id).or_default().push(reply.id);
            }
        }
        let comments = self
            .store
            .thread_comments(id)?
            .into_iter()
            .map(|c| ThreadCommentInfo {
                replies: replies.remove(&c.id).unwrap_or_default(),
                link: address(&host, &c.permalink),
                id: c.id,
                parent: c.parent_id,
                author: c.author,
                body: c.body,
                score: c.score,
                created_utc: c.created_utc,
                level: c.level,
                skip: c.skip,
            });
        Ok(ThreadStory {
            body: thread.body.clone(),
            comments: comments.collect(),
            thread: info(thread, &host),
        })
    }
}
