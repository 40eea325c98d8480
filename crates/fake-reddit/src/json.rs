//! Reddit's JSON: things, listings, and trees with what is left out of them.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use serde_json::{Map, Value, json};

use crate::world::{Comment, Post, Subreddit, World, bare};

/// An order of comments: the higher comes first.
pub(crate) type SortKey = fn(&Comment) -> i64;

/// The order of a `sort`.
pub(crate) fn order(sort: &str) -> SortKey {
    match sort {
        "new" => |c| c.created_utc,
        "old" => |c| -c.created_utc,
        "controversial" => |c| -c.score.abs(),
        _ => |c| c.score,
    }
}

/// The most comments that an answer of `morechildren` holds.
const MORE_LIMIT: usize = 100;

/// How a tree is looked at.
#[derive(Clone, Copy)]
struct Look {
    order: SortKey,
    /// Levels that are shown.
    depth: usize,
    now_ms: i64,
}

/// `{"kind": "Listing", ...}`.
pub(crate) fn listing(children: Vec<Value>, after: Option<String>) -> Value {
    json!({"kind": "Listing", "data": {
        "modhash": null, "dist": children.len(), "children": children, "after": after, "before": null,
    }})
}

/// Text as HTML, as far as anybody looks at it.
fn html(text: &str) -> String {
    let escaped = escape(text).replace("\n\n", "</p>\n\n<p>");
    format!("<div class=\"md\"><p>{escaped}</p>\n</div>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// What Reddit does to every text unless it is asked for raw JSON.
pub(crate) fn escape_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = escape(text),
        Value::Array(items) => items.iter_mut().for_each(escape_all),
        Value::Object(map) => map.values_mut().for_each(escape_all),
        _ => {}
    }
}

/// `false`, or when.
fn edited(utc: Option<i64>) -> Value {
    utc.map_or(Value::Bool(false), |utc| json!(utc as f64))
}

impl World {
    /// `t3`.
    pub(crate) fn t3(&self, post: &Post) -> Value {
        let subreddit = self.subreddits.get(&post.subreddit.to_ascii_lowercase());
        let gone = post.deleted || post.removed;
        let author = if post.deleted {
            "[deleted]"
        } else {
            &post.author
        };
        let body = match (post.deleted, post.removed) {
            (true, _) => "[deleted]",
            (_, true) => "[removed]",
            _ => &post.body,
        };
        let comments = self
            .comments
            .values()
            .filter(|c| c.post == post.id && !c.hidden);
        let permalink = format!("/r/{}/comments/{}/_/", post.subreddit, post.id);
        json!({"kind": "t3", "data": {
            "id": post.id, "name": format!("t3_{}", post.id), "title": post.title, "author": author,
            "author_fullname": format!("t2_{}", author_id(author)), "is_self": true, "selftext": body,
            "selftext_html": html(body), "subreddit": post.subreddit,
            "subreddit_name_prefixed": format!("r/{}", post.subreddit),
            "subreddit_id": format!("t5_{}", subreddit.map_or("x", |s| s.id.as_str())),
            "quarantine": subreddit.is_some_and(|s| s.quarantine), "domain": format!("self.{}", post.subreddit),
            "permalink": permalink, "url": format!("https://www.reddit.com{permalink}"),
            "score": post.score, "ups": post.score, "downs": 0, "upvote_ratio": 0.93, "hide_score": false,
            "num_comments": comments.count(), "created_utc": post.created_utc as f64,
            "created": post.created_utc as f64, "edited": false, "archived": post.archived, "locked": post.locked,
            "removed_by_category": match (gone, post.deleted) {
                (false, _) => Value::Null,
                (true, true) => json!("deleted"),
                (true, false) => json!("moderator"),
            },
            "over_18": false, "spoiler": false, "stickied": false, "distinguished": null, "likes": null,
            "saved": false, "hidden": false, "clicked": false, "visited": false, "gilded": 0, "media": null,
            "thumbnail": "self", "link_flair_text": null, "suggested_sort": null, "contest_mode": false,
        }})
    }

    /// `t1`, without replies. `whole`: by name, where a removed text is still there.
    pub(crate) fn t1(&self, comment: &Comment, whole: bool) -> Value {
        let (author, body) = match (comment.deleted, comment.removed && !whole) {
            (true, _) => ("[deleted]", "[deleted]"),
            (_, true) => ("[deleted]", "[removed]"),
            _ => (comment.author.as_str(), comment.body.as_str()),
        };
        let post = self.posts.get(&comment.post);
        let subreddit = post.map_or("", |post| post.subreddit.as_str());
        let subreddit_id = self
            .subreddits
            .get(&subreddit.to_ascii_lowercase())
            .map_or("x", |s| s.id.as_str());
        json!({"kind": "t1", "data": {
            "id": comment.id, "name": format!("t1_{}", comment.id), "parent_id": comment.parent,
            "link_id": format!("t3_{}", comment.post), "author": author,
            "author_fullname": format!("t2_{}", author_id(author)),
            "is_submitter": post.is_some_and(|p| p.author == author), "body": body, "body_html": html(body),
            "replies": "", "subreddit": subreddit, "subreddit_name_prefixed": format!("r/{subreddit}"),
            "subreddit_id": format!("t5_{subreddit_id}"), "subreddit_type": "public",
            "permalink": format!("/r/{subreddit}/comments/{}/_/{}/", comment.post, comment.id),
            "link_title": post.map(|p| p.title.as_str()), "ups": comment.score, "downs": 0,
            "score": if comment.score_hidden { 1 } else { comment.score },
            "score_hidden": comment.score_hidden, "controversiality": 0,
            "created_utc": comment.created_utc as f64, "created": comment.created_utc as f64,
            "edited": edited(comment.edited_utc), "archived": post.is_some_and(|p| p.archived),
            "locked": comment.locked, "unrepliable_reason": null, "stickied": false, "distinguished": null,
            "collapsed": false, "collapsed_reason": null, "likes": null, "saved": false, "gilded": 0,
            "author_is_blocked": false, "author_flair_text": null, "send_replies": true, "num_reports": null,
        }})
    }

    /// `t5`, as the account sees it.
    pub(crate) fn t5(&self, subreddit: &Subreddit, me: Option<&str>) -> Value {
        let me = me.map(str::to_ascii_lowercase);
        let in_list = |list: &BTreeSet<String>| {
            me.as_ref()
                .map_or(Value::Null, |me| Value::Bool(list.contains(me)))
        };
        json!({"kind": "t5", "data": {
            "display_name": subreddit.name, "title": subreddit.name, "name": format!("t5_{}", subreddit.id),
            "id": subreddit.id, "display_name_prefixed": format!("r/{}", subreddit.name),
            "user_is_banned": in_list(&subreddit.banned), "user_is_muted": in_list(&subreddit.muted),
            "user_is_contributor": in_list(&subreddit.contributors), "user_is_subscriber": me.as_ref().map(|_| false),
            "user_is_moderator": me.as_ref().map(|_| false), "restrict_commenting": subreddit.restrict_commenting,
            "restrict_posting": true, "subreddit_type": subreddit.kind, "quarantine": subreddit.quarantine,
            "over18": false, "subscribers": 1_000, "public_description": "Made up.", "description": "Made up.",
            "created_utc": 1_500_000_000.0, "created": 1_500_000_000.0, "url": format!("/r/{}/", subreddit.name),
            "lang": "en",
        }})
    }

    /// Whether a tree may show a comment: the spam filter lets it, its time has come, and it is not gone
    /// without an answer below it.
    fn shown(&self, comment: &Comment, now_ms: i64) -> bool {
        if comment.hidden || comment.visible_ms > now_ms {
            return false;
        }
        let gone = comment.deleted || comment.removed;
        !gone
            || !self
                .answers(&format!("t1_{}", comment.id), now_ms)
                .is_empty()
    }

    /// What a tree may show below a post or comment, in order of writing.
    fn answers(&self, parent: &str, now_ms: i64) -> Vec<&Comment> {
        let ids = self.below.get(parent);
        ids.into_iter()
            .flatten()
            .filter_map(|id| self.comments.get(id))
            .filter(|comment| self.shown(comment, now_ms))
            .collect()
    }

    fn count_below(&self, comment: &Comment, now_ms: i64) -> u64 {
        let mut count = 0;
        let mut stack = vec![comment];
        while let Some(comment) = stack.pop() {
            count += 1;
            stack.extend(self.answers(&format!("t1_{}", comment.id), now_ms));
        }
        count
    }

    /// Chooses what an answer shows: from `roots` down, the highest first, at most `limit`. Gives the level
    /// of each below its root.
    fn chosen<'a>(
        &'a self,
        roots: &[&'a Comment],
        look: Look,
        limit: usize,
    ) -> HashMap<&'a str, usize> {
        let mut chosen = HashMap::new();
        // of equal ones the older first: the id decides, so that it is the same each time
        let entry = |comment: &'a Comment, level: usize| {
            let key = ((look.order)(comment), Reverse(comment.id.as_str()));
            (key, level)
        };
        let mut heap: BinaryHeap<_> = roots
            .iter()
            .filter(|c| !c.missing)
            .map(|c| entry(c, 0))
            .collect();
        while let Some(((_, Reverse(id)), level)) = heap.pop() {
            if chosen.len() == limit {
                break;
            }
            if chosen.insert(id, level).is_some() || level + 1 >= look.depth {
                continue;
            }
            for answer in self.answers(&format!("t1_{id}"), look.now_ms) {
                if !answer.missing {
                    heap.push(entry(answer, level + 1));
                }
            }
        }
        chosen
    }

    /// The children of a listing below `parent`: what was chosen, with replies nested in it, and "more".
    fn nested(
        &self,
        parent: &str,
        mut answers: Vec<&Comment>,
        chosen: &HashMap<&str, usize>,
        look: Look,
        level: usize,
    ) -> Vec<Value> {
        answers.sort_by_key(|c| (Reverse((look.order)(c)), c.id.clone()));
        let mut children = Vec::new();
        let mut left_out = Vec::new();
        for comment in answers {
            if !chosen.contains_key(comment.id.as_str()) {
                left_out.push(comment);
                continue;
            }
            let mut thing = self.t1(comment, false);
            thing["data"]["depth"] = json!(level);
            let name = format!("t1_{}", comment.id);
            let below = self.answers(&name, look.now_ms);
            if !below.is_empty() {
                let replies = if level + 1 >= look.depth {
                    vec![continuation(&name, level + 1)]
                } else {
                    self.nested(&name, below, chosen, look, level + 1)
                };
                thing["data"]["replies"] = listing(replies, None);
            }
            children.push(thing);
        }
        if !left_out.is_empty() {
            children.push(self.more(parent, &left_out, look.now_ms));
        }
        children
    }

    /// `more`: what was left out below `parent`.
    fn more(&self, parent: &str, left_out: &[&Comment], now_ms: i64) -> Value {
        let ids: Vec<&str> = left_out.iter().map(|c| c.id.as_str()).collect();
        let count: u64 = left_out.iter().map(|c| self.count_below(c, now_ms)).sum();
        json!({"kind": "more", "data": {
            "count": count, "name": format!("t1_{}", ids[0]), "id": ids[0], "parent_id": parent,
            "depth": self.level(left_out[0]), "children": ids,
        }})
    }

    fn look(&self, order: SortKey, depth: usize) -> Look {
        Look {
            order,
            depth: depth.clamp(1, self.knobs.tree_depth.max(1)),
            now_ms: self.now_ms(),
        }
    }

    /// The tree of a post: the second listing of its page.
    pub(crate) fn tree(&self, post: &Post, order: SortKey, limit: usize, depth: usize) -> Value {
        let look = self.look(order, depth);
        let name = format!("t3_{}", post.id);
        let roots = self.answers(&name, look.now_ms);
        let chosen = self.chosen(&roots, look, limit.min(self.knobs.tree_limit));
        listing(self.nested(&name, roots, &chosen, look, 0), None)
    }

    /// The tree of a comment, with so many of those that it answers above it. Empty: no tree shows it.
    pub(crate) fn focus(
        &self,
        comment: &Comment,
        order: SortKey,
        limit: usize,
        depth: usize,
        context: usize,
    ) -> Value {
        let look = self.look(order, depth);
        if comment.missing || !self.shown(comment, look.now_ms) {
            return listing(Vec::new(), None);
        }
        let chosen = self.chosen(&[comment], look, limit.min(self.knobs.tree_limit));
        let mut things = self.nested(&comment.parent, vec![comment], &chosen, look, 0);
        let mut parent = comment.parent.clone();
        for _ in 0..context {
            let Some(above) = self.comments.get(bare(&parent)) else {
                break;
            };
            let mut thing = self.t1(above, false);
            thing["data"]["replies"] = listing(things, None);
            things = vec![thing];
            parent = above.parent.clone();
        }
        listing(things, None)
    }

    /// `morechildren`: a flat list, parents first, of at most 100 comments, with "more" for the rest.
    pub(crate) fn more_children(&self, post: &Post, ids: &[&str], order: SortKey) -> Vec<Value> {
        let look = self.look(order, usize::MAX);
        let asked: Vec<&Comment> = ids
            .iter()
            .filter_map(|id| self.comments.get(*id))
            .filter(|c| c.post == post.id && !c.missing && self.shown(c, look.now_ms))
            .collect();
        let chosen = self.chosen(&asked, look, MORE_LIMIT);
        let mut things = Vec::new();
        let mut done: HashSet<&str> = HashSet::new();
        let mut left_out: Vec<&Comment> = Vec::new();
        let mut stack: Vec<&Comment> = asked.iter().rev().copied().collect();
        while let Some(comment) = stack.pop() {
            if !done.insert(&comment.id) {
                continue;
            }
            let Some(level) = chosen.get(comment.id.as_str()) else {
                left_out.push(comment);
                continue;
            };
            let mut thing = self.t1(comment, false);
            thing["data"]["depth"] = json!(self.level(comment));
            things.push(thing);
            let name = format!("t1_{}", comment.id);
            let mut below = self.answers(&name, look.now_ms);
            if level + 1 >= look.depth && !below.is_empty() {
                things.push(continuation(&name, self.level(comment) + 1));
                continue;
            }
            below.sort_by_key(|c| (Reverse((look.order)(c)), c.id.clone()));
            stack.extend(below.into_iter().rev());
        }
        while let Some(first) = left_out.first() {
            let parent = first.parent.clone();
            let (same, others) = left_out.into_iter().partition(|c| c.parent == parent);
            let same: Vec<&Comment> = same;
            things.push(self.more(&parent, &same, look.now_ms));
            left_out = others;
        }
        things
    }

    /// The level of a comment below its post: 0 for a direct answer.
    fn level(&self, comment: &Comment) -> usize {
        let mut level = 0;
        let mut parent = comment.parent.as_str();
        while let Some(above) = parent
            .strip_prefix("t1_")
            .and_then(|id| self.comments.get(id))
        {
            parent = &above.parent;
            level += 1;
        }
        level
    }
}

/// "Continue this thread".
fn continuation(parent: &str, level: usize) -> Value {
    json!({"kind": "more", "data": {
        "count": 0, "name": "t1__", "id": "_", "parent_id": parent, "depth": level, "children": [],
    }})
}

/// A made-up id of an account; the same name has the same.
pub(crate) fn author_id(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    repartee_datasets::id::encode((hash >> 24) as i64)
}

/// The answer to a comment or an edit.
pub(crate) fn things(things: &[Value]) -> Value {
    json!({"json": {"errors": [], "data": {"things": things}}})
}

/// An error of status 200.
pub(crate) fn error(code: &str, text: &str, field: Option<&str>) -> Value {
    json!({"json": {"errors": [[code, text, field]]}})
}

/// The bare object of an account.
pub(crate) fn account(account: &crate::world::Account) -> Value {
    let mut data = Map::new();
    for (key, value) in [
        ("name", json!(account.name)),
        ("id", json!(account.id)),
        ("is_suspended", json!(account.suspended)),
        ("suspension_expiration_utc", Value::Null),
        ("has_verified_email", json!(true)),
        ("total_karma", json!(137)),
        ("link_karma", json!(12)),
        ("comment_karma", json!(125)),
        ("created", json!(account.created_utc as f64)),
        ("created_utc", json!(account.created_utc as f64)),
        ("is_gold", json!(false)),
        ("is_mod", json!(false)),
        ("over_18", json!(true)),
        ("inbox_count", json!(0)),
        ("features", json!({})),
    ] {
        data.insert(key.to_owned(), value);
    }
    Value::Object(data)
}
