//! A thread as an HTML page, for following links in a browser.

use std::fmt::Write;

use crate::world::{World, bare};

const STYLE: &str = "body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif}\
    ul{padding-left:1.2rem;list-style:none;border-left:1px solid #ccc}small{color:#666}\
    .ours{background:#eef3ff;padding:.3rem .6rem;border-radius:.4rem}p{margin:.2rem 0 .8rem;white-space:pre-wrap}";

impl World {
    /// The page of a post, by its bare id; none: there is no such post.
    pub(crate) fn page(&self, post: &str) -> Option<String> {
        let post = self.posts.get(post)?;
        let gone = |text: &str, gone: bool| match gone {
            true => "[gone]".to_owned(),
            false => escaped(text),
        };
        let mut page = format!(
            "<!doctype html><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style>\
             <small>This is a Reddit sandbox: nobody wrote any of this, and it is on your machine alone.</small>\
             <h1>{title}</h1><small>r/{} · u/{} · {} points</small><p>{}</p>",
            escaped(&post.subreddit),
            escaped(&post.author),
            post.score,
            gone(&post.body, post.deleted || post.removed),
            title = escaped(&post.title),
        );
        // what is below is closed after it
        let mut open: Vec<Option<&str>> = Vec::new();
        page.push_str("<ul>");
        self.push_answers(&format!("t3_{}", post.id), &mut open);
        while let Some(next) = open.pop() {
            let Some(comment) = next.and_then(|id| self.comments.get(id)) else {
                page.push_str("</ul>");
                continue;
            };
            let ours = if comment.through_api {
                " class=\"ours\""
            } else {
                ""
            };
            // writing to a string cannot fail
            let _ = write!(
                page,
                "<li id=\"{}\"{ours}><small>u/{} · {} points</small><p>{}</p></li>",
                comment.id,
                escaped(&comment.author),
                comment.score,
                gone(&comment.body, comment.deleted || comment.removed)
            );
            let before = open.len();
            self.push_answers(&format!("t1_{}", comment.id), &mut open);
            if open.len() > before {
                page.push_str("<ul>");
            }
        }
        Some(page)
    }

    /// Pushes the answers to a post or comment on the stack, the first on top, and an end marker below them.
    fn push_answers<'a>(&'a self, parent: &str, open: &mut Vec<Option<&'a str>>) {
        if let Some(ids) = self.below.get(parent) {
            open.push(None);
            open.extend(ids.iter().rev().map(|id| Some(bare(id))));
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_the_thread_and_what_was_posted_to_it() {
        let mut world = World::new(1);
        let post = world.add_post("X", "host", "A <title>", "Text");
        let first = world.add_comment(&post, "asker", "How?").unwrap();
        let ours = world.add_comment(&first, "bot", "So & <so>.").unwrap();
        world.add_comment(&post, "other", "Second").unwrap();
        world.comment(&ours).unwrap().through_api = true;
        let page = world.page(bare(&post)).unwrap();
        assert!(page.contains("A &lt;title&gt;") && page.contains("So &amp; &lt;so&gt;."));
        let at = |text: &str| page.find(text).unwrap();
        assert!(at("How?") < at("class=\"ours\"") && at("class=\"ours\"") < at("Second"));
        assert_eq!(page.matches("<ul>").count(), page.matches("</ul>").count());
        assert!(world.page("none").is_none());
    }
}
