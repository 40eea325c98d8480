//! Threads as they are listed and looked at.

use std::collections::HashMap;

use repartee_store::threads::Thread;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::outbox::address;
use crate::Engine;
use crate::error::Result;

/// A thread as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ThreadInfo {
    pub id: i64,
    /// pasted, file, test pairs or reddit.
    pub origin: String,
    /// Name of the subreddit; empty: unknown.
    pub subreddit: String,
    /// Title of the post; empty: there is none, or it was forgotten.
    pub title: String,
    /// The post's author; none: unknown, or forgotten.
    pub author: Option<String>,
    /// Reddit's name of the post; none: it is not Reddit's.
    pub name: Option<String>,
    pub score: Option<i64>,
    /// When the post was written: seconds since 1970.
    pub created_utc: Option<i64>,
    /// How many comments it has.
    pub comments: u64,
    /// Those that may be answered.
    pub open: u64,
    /// When it was read, milliseconds since 1970.
    pub fetched_ms: i64,
    /// When its texts are forgotten; none: never, or they are.
    pub expires_ms: Option<i64>,
    /// Why nothing in it is answered; empty: it may be.
    pub skip: String,
    /// Where it stands; empty: not on Reddit.
    pub link: String,
}

/// A comment of a thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ThreadCommentInfo {
    pub id: i64,
    /// The comment it answers, by its number; none: the post.
    pub parent: Option<i64>,
    /// Its author; none: unknown, or forgotten.
    pub author: Option<String>,
    /// Its text; empty: forgotten.
    pub body: String,
    /// Its score; none: hidden.
    pub score: Option<i64>,
    /// When it was written: seconds since 1970.
    pub created_utc: Option<i64>,
    /// How many comments stand above it.
    pub level: u32,
    /// Why it is not answered; empty: it may be.
    pub skip: String,
    /// Where it stands; empty: not on Reddit.
    pub link: String,
    /// Replies to it in the queue, by their numbers.
    pub replies: Vec<i64>,
}

/// A thread with its comments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ThreadStory {
    pub thread: ThreadInfo,
    pub body: String,
    /// Its comments, parents before children.
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

impl Engine {
    /// The address under which Reddit, or the fake, is reached.
    pub(crate) fn host(&self) -> String {
        self.account_meant("")
            .map(|account| account.host)
            .unwrap_or_default()
    }

    /// All threads, the latest first.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn threads(&self) -> Result<Vec<ThreadInfo>> {
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
    /// [`crate::Code::NotFound`].
    pub fn thread(&self, id: i64) -> Result<ThreadStory> {
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
