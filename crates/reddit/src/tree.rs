//! A post with all its comments, assembled from several partial answers.
//!
//! The first answer has up to about 500 comments, and a "more" wherever others were omitted. A "more" with ids is
//! fetched by `morechildren`, at most 100 ids per call; one without ("continue this thread", below the tenth level) by
//! the view of its parent. [`Builder`] is the pure part: it decides what to fetch next, and takes the answers.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Comment, Listing, More, Post, Thing, shape};

/// Maximum number of ids per call; an answer has no more comments than that.
pub const IDS_PER_CALL: usize = 100;

/// A post and its comments. The parent of a comment is the post, a comment before it, or one that is named in
/// `missing`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    pub post: Post,
    /// Parents before their replies; otherwise in Reddit's order.
    pub comments: Vec<Comment>,
    /// Full names that Reddit listed and then omitted when they were requested: they are gone.
    pub missing: Vec<String>,
    /// What was not fetched: the calls were used up, or it was stopped.
    pub unread: Vec<More>,
    /// Things in the answers that could not be read, each with what is wrong.
    pub odd: Vec<String>,
}

impl Tree {
    /// Whether it has everything that Reddit returns.
    pub fn is_complete(&self) -> bool {
        self.unread.is_empty() && self.odd.is_empty()
    }
}

/// What to fetch next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// `morechildren` with these bare ids, at most [`IDS_PER_CALL`].
    Children(Vec<String>),
    /// The view of the comment with this full name: what is below it was omitted.
    Below(String),
}

/// Assembles a tree.
#[derive(Debug, Default)]
pub struct Builder {
    post: Post,
    comments: HashMap<String, Comment>,
    /// Full names of the replies of each parent, in order of arrival.
    replies: HashMap<String, Vec<String>>,
    open: Vec<More>,
    /// Full names that were requested but not returned.
    missing: Vec<String>,
    /// Parents whose thread was already continued.
    continued: HashSet<String>,
    odd: Vec<String>,
}

impl Builder {
    /// Starts with the answer of `/comments/{post}`: an array of two listings.
    ///
    /// # Errors
    /// What was found instead.
    pub fn new(first: &Value) -> Result<Self, String> {
        let (post, listing) = two_listings(first)?;
        let mut builder = Self {
            post,
            ..Self::default()
        };
        builder.take(listing);
        Ok(builder)
    }

    pub fn post(&self) -> &Post {
        &self.post
    }

    /// Number of comments so far.
    pub fn len(&self) -> usize {
        self.comments.len()
    }

    pub fn is_empty(&self) -> bool {
        self.comments.is_empty()
    }

    /// Number of open places.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// What to fetch next, the place with the most comments first; `None`: nothing is left. One call combines as many
    /// places as fit, since most of them lack a single comment.
    pub fn next_ask(&mut self) -> Option<Ask> {
        // the biggest at the end, where it is cheap to take; those to continue have count 0
        self.open
            .sort_by_key(|more| (!more.children.is_empty(), more.count));
        let mut ids: Vec<String> = Vec::new();
        while let Some(mut more) = self.open.pop() {
            if more.children.is_empty() {
                if !ids.is_empty() {
                    self.open.push(more);
                    break;
                }
                if self.continued.insert(more.parent.clone()) {
                    return Some(Ask::Below(more.parent));
                }
                continue;
            }
            more.children
                .retain(|id| !self.comments.contains_key(&format!("t1_{id}")));
            let rest = more
                .children
                .split_off(more.children.len().min(IDS_PER_CALL - ids.len()));
            ids.append(&mut more.children);
            if !rest.is_empty() {
                more.count = more.count.min(rest.len() as u64);
                more.children = rest;
                self.open.push(more);
            }
            if ids.len() == IDS_PER_CALL {
                break;
            }
        }
        (!ids.is_empty()).then_some(Ask::Children(ids))
    }

    /// Takes the answer to [`Ask::Children`]: a flat list of things.
    ///
    /// # Errors
    /// What was found instead.
    pub fn children(&mut self, asked: &[String], answer: &Value) -> Result<(), String> {
        let things = answer["json"]["data"]["things"]
            .as_array()
            .ok_or_else(|| format!("expected things, found {}", shape(&answer["json"])))?;
        let before = self.comments.len();
        let later = self.take(Listing::things(things));
        // Ids that come back in a "more" are requested again, as long as each answer has something new; those in no
        // part of the answer are gone.
        let stuck = self.comments.len() == before;
        if stuck {
            self.open.retain_mut(|more| {
                let was_continuation = more.children.is_empty();
                more.children.retain(|id| !asked.contains(id));
                was_continuation || !more.children.is_empty()
            });
        }
        for id in asked {
            let name = format!("t1_{id}");
            if !self.comments.contains_key(&name) && (stuck || !later.contains(id)) {
                self.missing.push(name);
            }
        }
        Ok(())
    }

    /// Takes the answer to [`Ask::Below`]: an array of two listings, whose first comment is the parent.
    ///
    /// # Errors
    /// What was found instead.
    pub fn below(&mut self, answer: &Value) -> Result<(), String> {
        let (_, listing) = two_listings(answer)?;
        self.take(listing);
        Ok(())
    }

    /// Reopens what was requested: no answer came.
    pub fn unasked(&mut self, ask: Ask) {
        self.open.push(match ask {
            Ask::Children(children) => More {
                parent: self.post.name.clone(),
                count: children.len() as u64,
                children,
            },
            Ask::Below(parent) => {
                self.continued.remove(&parent);
                More {
                    parent,
                    ..More::default()
                }
            }
        });
    }

    /// The tree, with open places as unread.
    pub fn finish(mut self) -> Tree {
        let mut comments = Vec::with_capacity(self.comments.len());
        let mut missing: Vec<String> = Vec::new();
        let mut known = HashSet::new();
        for name in self.missing {
            if !self.comments.contains_key(&name) && known.insert(name.clone()) {
                missing.push(name);
            }
        }
        // answers to a comment that never came would be unreachable from the post
        let mut roots = vec![self.post.name.clone()];
        let mut lost: Vec<&String> = self
            .replies
            .keys()
            .filter(|parent| **parent != self.post.name && !self.comments.contains_key(*parent))
            .collect();
        lost.sort();
        for parent in lost {
            if known.insert(parent.clone()) {
                missing.push(parent.clone());
            }
            roots.push(parent.clone());
        }
        // depth first, so that a thread stays together; without recursion, since a thread may be long
        let mut stack: Vec<String> = roots.into_iter().rev().collect();
        while let Some(name) = stack.pop() {
            comments.extend(self.comments.remove(&name));
            stack.extend(
                self.replies
                    .remove(&name)
                    .unwrap_or_default()
                    .into_iter()
                    .rev(),
            );
        }
        known.extend(
            comments
                .iter()
                .map(|comment: &Comment| comment.name.clone()),
        );
        let mut unread = self.open;
        unread.retain_mut(|more| {
            if more.children.is_empty() {
                return !self.continued.contains(&more.parent);
            }
            more.children
                .retain(|id| !known.contains(&format!("t1_{id}")));
            !more.children.is_empty()
        });
        Tree {
            post: self.post,
            comments,
            missing,
            unread,
            odd: self.odd,
        }
    }

    /// Takes a listing with everything nested in it; returns the ids that it omitted.
    fn take(&mut self, listing: Listing) -> HashSet<String> {
        let mut later = HashSet::new();
        // parents are taken before their replies, and siblings in order
        let mut stack = vec![listing];
        let mut queue = Vec::new();
        while let Some(listing) = stack.pop() {
            self.odd.extend(listing.odd);
            for thing in listing.things {
                match thing {
                    Thing::Comment(comment, replies) => {
                        if !self.comments.contains_key(&comment.name) {
                            self.replies
                                .entry(comment.parent.clone())
                                .or_default()
                                .push(comment.name.clone());
                            self.comments.insert(comment.name.clone(), *comment);
                        }
                        queue.push(replies);
                    }
                    Thing::More(more) => {
                        later.extend(more.children.iter().cloned());
                        self.open.push(more);
                    }
                    _ => {}
                }
            }
            stack.extend(queue.drain(..).rev());
        }
        later
    }
}

/// The two listings of a post's page: the post, and its comments.
pub(crate) fn two_listings(answer: &Value) -> Result<(Post, Listing), String> {
    let Some([first, second]) = answer.as_array().map(Vec::as_slice) else {
        return Err(format!(
            "expected an array of two listings, found {}",
            shape(answer)
        ));
    };
    let first = Listing::of(first)?;
    let odd = first.odd.first().cloned();
    match first.posts().next() {
        Some(post) => Ok((post, Listing::of(second)?)),
        None => Err(odd.unwrap_or_else(|| "the first listing has no post".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn comment(id: &str, parent: &str, replies: &[Value]) -> Value {
        let replies = match replies {
            [] => json!(""),
            replies => json!({"kind": "Listing", "data": {"children": replies}}),
        };
        json!({"kind": "t1", "data": {"name": format!("t1_{id}"), "parent_id": parent, "link_id": "t3_p",
            "body": id, "replies": replies}})
    }

    fn more(parent: &str, count: u64, children: &[&str]) -> Value {
        json!({"kind": "more", "data": {"count": count, "parent_id": parent, "children": children,
            "id": children.first().unwrap_or(&"_"), "name": "t1__"}})
    }

    fn page(comments: &[Value]) -> Value {
        json!([
            {"kind": "Listing", "data": {"children": [{"kind": "t3", "data": {"name": "t3_p", "title": "T"}}]}},
            {"kind": "Listing", "data": {"children": comments}},
        ])
    }

    fn things(things: &[Value]) -> Value {
        json!({"json": {"errors": [], "data": {"things": things}}})
    }

    fn names(tree: &Tree) -> Vec<&str> {
        tree.comments.iter().map(|c| c.body.as_str()).collect()
    }

    fn ids(n: std::ops::Range<usize>) -> Vec<String> {
        n.map(|n| format!("x{n}")).collect()
    }

    #[test]
    fn a_page_without_more_is_the_tree_parents_first() {
        let first = page(&[
            comment(
                "a",
                "t3_p",
                &[comment("b", "t1_a", &[comment("c", "t1_b", &[])])],
            ),
            comment(
                "d",
                "t3_p",
                &[comment("e", "t1_d", &[]), comment("f", "t1_d", &[])],
            ),
        ]);
        let mut builder = Builder::new(&first).expect("a page");
        assert_eq!(builder.next_ask(), None);
        let tree = builder.finish();
        assert_eq!(names(&tree), ["a", "b", "c", "d", "e", "f"]);
        assert!(tree.is_complete() && tree.missing.is_empty());
    }

    #[test]
    fn biggest_gap_is_fetched_first_with_small_ones_in_the_same_call() {
        let first = page(&[
            comment("a", "t3_p", &[more("t1_a", 1, &["small"])]),
            comment("b", "t3_p", &[more("t1_b", 0, &[])]),
            more("t3_p", 9, &["big1", "big2"]),
        ]);
        let mut builder = Builder::new(&first).expect("a page");
        let asked = ["big1", "big2", "small"].map(str::to_owned).to_vec();
        assert_eq!(builder.next_ask(), Some(Ask::Children(asked.clone())));
        let answer = things(&[
            comment("big1", "t3_p", &[]),
            comment("small", "t1_a", &[]),
            comment("deep", "t1_big1", &[]),
        ]);
        builder.children(&asked, &answer).expect("things");
        assert_eq!(builder.next_ask(), Some(Ask::Below("t1_b".into())));
        let answer = page(&[comment("b", "t3_p", &[comment("below", "t1_b", &[])])]);
        builder.below(&answer).expect("a page");
        assert_eq!(builder.next_ask(), None);
        let tree = builder.finish();
        assert_eq!(names(&tree), ["a", "small", "b", "below", "big1", "deep"]);
        assert_eq!(tree.missing, ["t1_big2"]);
        assert!(tree.is_complete());
    }

    #[test]
    fn long_lists_are_fetched_a_hundred_ids_at_a_time() {
        let all = ids(0..250);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let mut builder = Builder::new(&page(&[more("t3_p", 250, &all)])).expect("a page");
        let mut sizes = Vec::new();
        while let Some(Ask::Children(asked)) = builder.next_ask() {
            sizes.push(asked.len());
            let answer: Vec<Value> = asked.iter().map(|id| comment(id, "t3_p", &[])).collect();
            builder.children(&asked, &things(&answer)).expect("things");
        }
        assert_eq!(sizes, [100, 100, 50]);
        let tree = builder.finish();
        assert_eq!((tree.comments.len(), tree.missing.len()), (250, 0));
    }

    #[test]
    fn ids_returned_as_more_are_fetched_again_while_answers_bring_something_new() {
        let mut builder =
            Builder::new(&page(&[more("t3_p", 3, &["a", "b", "c"])])).expect("a page");
        let Some(Ask::Children(asked)) = builder.next_ask() else {
            panic!("something to ask");
        };
        // a comes; b is promised again; c is silently omitted
        let answer = things(&[comment("a", "t3_p", &[]), more("t3_p", 1, &["b"])]);
        builder.children(&asked, &answer).expect("things");
        let again = vec!["b".to_owned()];
        assert_eq!(builder.next_ask(), Some(Ask::Children(again.clone())));
        // promised again, and nothing came: this would never end
        let answer = things(&[more("t3_p", 1, &["b"])]);
        builder.children(&again, &answer).expect("things");
        assert_eq!(builder.next_ask(), None);
        let tree = builder.finish();
        assert_eq!(tree.missing, ["t1_c", "t1_b"]);
        assert!(tree.is_complete());
    }

    #[test]
    fn late_comments_are_not_missing_and_nothing_is_duplicated() {
        let first = page(&[more("t3_p", 2, &["a", "b"]), more("t3_p", 0, &[])]);
        let mut builder = Builder::new(&first).expect("a page");
        let asked = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(builder.next_ask(), Some(Ask::Children(asked.clone())));
        let answer = things(&[comment("a", "t3_p", &[])]);
        builder.children(&asked, &answer).expect("things");
        assert_eq!(builder.next_ask(), Some(Ask::Below("t3_p".into())));
        let answer = page(&[comment("a", "t3_p", &[]), comment("b", "t3_p", &[])]);
        builder.below(&answer).expect("a page");
        let tree = builder.finish();
        assert_eq!(names(&tree), ["a", "b"]);
        assert_eq!(tree.missing, [] as [&str; 0]);
    }

    #[test]
    fn a_thread_is_continued_once_even_if_it_leads_to_itself() {
        let first = page(&[comment("a", "t3_p", &[more("t1_a", 0, &[])])]);
        let mut builder = Builder::new(&first).expect("a page");
        assert_eq!(builder.next_ask(), Some(Ask::Below("t1_a".into())));
        builder.below(&first).expect("a page");
        assert_eq!(builder.next_ask(), None);
    }

    #[test]
    fn replies_to_a_missing_comment_are_kept_and_it_is_named() {
        let mut builder = Builder::new(&page(&[more("t3_p", 2, &["a", "b"])])).expect("a page");
        let Some(Ask::Children(asked)) = builder.next_ask() else {
            panic!("something to ask");
        };
        let answer = things(&[comment("b", "t1_a", &[]), comment("c", "t1_b", &[])]);
        builder.children(&asked, &answer).expect("things");
        let tree = builder.finish();
        assert_eq!(names(&tree), ["b", "c"]);
        assert_eq!(tree.missing, ["t1_a"]);
    }

    #[test]
    fn unfetched_places_are_named() {
        let first = page(&[
            comment("a", "t3_p", &[more("t1_a", 0, &[])]),
            more("t3_p", 2, &["x", "y"]),
        ]);
        let mut builder = Builder::new(&first).expect("a page");
        let ask = builder.next_ask().expect("something to ask");
        builder.unasked(ask);
        let tree = builder.finish();
        assert!(!tree.is_complete());
        let mut unread: Vec<_> = tree.unread.iter().map(|m| m.children.len()).collect();
        unread.sort_unstable();
        assert_eq!(unread, [0, 2]);
    }

    #[test]
    fn malformed_page_is_an_error_that_names_it() {
        for bad in [
            json!({}),
            json!([]),
            json!([{"kind": "Listing", "data": {"children": []}}, {}]),
            json!("x"),
        ] {
            assert!(Builder::new(&bad).is_err(), "{bad}");
        }
    }
}
