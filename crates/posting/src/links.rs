//! Links that the user gives for posted replies.

use repartee_core::error::{Error, Result};
use repartee_reddit::Link;
use repartee_store::queue::Reply;

use crate::Posting;

impl Posting<'_> {
    /// What a link leads to; a sandbox has a host of its own.
    pub fn comment_at(self, link: &str) -> Option<Link> {
        let host = self.host();
        let bare = link.strip_prefix(host.as_str()).unwrap_or(link);
        Link::parse(if host.is_empty() { link } else { bare })
    }

    /// Checks a link that the user gives for a posted reply: no other reply is there, and for a reply to a comment on
    /// Reddit, it leads to another comment under the same post.
    ///
    /// # Errors
    /// [`repartee_core::Code::Usage`].
    pub fn may_be_at(self, reply: &Reply, link: &str) -> Result<()> {
        let found = self.comment_at(link);
        if let Some(post) = &reply.post_name {
            is_under(link, found.as_ref(), post, reply.parent_name.as_deref())?;
        }
        let name = found.and_then(|found| found.comment);
        match self.store.reply_at(link, name.as_deref())? {
            Some(other) if other != reply.id => Err(Error::usage(format!(
                "{link} is where reply {other} was posted; paste the URL of this one"
            ))),
            _ => Ok(()),
        }
    }
}

/// Checks that a link leads to a comment under a post, other than the one that was answered.
///
/// # Errors
/// [`repartee_core::Code::Usage`].
fn is_under(link: &str, parsed: Option<&Link>, post: &str, parent: Option<&str>) -> Result<()> {
    let why = match parsed {
        Some(Link {
            comment: Some(comment),
            post: found,
        }) => {
            if found != post {
                "leads to a comment under another post"
            } else if parent == Some(comment.as_str()) {
                "is the comment that this reply answers"
            } else {
                return Ok(());
            }
        }
        Some(_) => "leads to a post, not to a comment",
        None => "does not show which comment it leads to",
    };
    Err(Error::usage(format!(
        "{link} {why}; open the posted reply, and copy its URL from there"
    )))
}
