//! Reddit's answers as plain data. Unknown fields and kinds are ignored, a field of the wrong type counts as absent,
//! and a thing without a name is listed in [`Listing::odd`] instead of failing the rest.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a comment or post was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gone {
    /// Its author deleted it.
    Deleted,
    /// A moderator, Reddit or a filter removed it.
    Removed,
}

/// A comment (`t1`), without its replies: see [`crate::Tree`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Comment {
    /// Full name: `t1_...`.
    pub name: String,
    /// Full name of what it answers: a comment (`t1_...`) or the post (`t3_...`).
    pub parent: String,
    /// Full name of its post.
    pub post: String,
    /// Without `r/`; empty: not given.
    pub subreddit: String,
    /// `None`: deleted.
    pub author: Option<String>,
    /// Markdown; `[deleted]` or `[removed]` if it is gone.
    pub body: String,
    /// `None`: hidden or not given.
    pub score: Option<i64>,
    /// Seconds since 1970, on Reddit's clock.
    pub created_utc: i64,
    /// Last edit, likewise.
    pub edited_utc: Option<i64>,
    /// Nobody may answer it.
    pub locked: bool,
    /// It is too old to be answered.
    pub archived: bool,
    /// It is pinned to the top.
    pub stickied: bool,
    /// Its author wrote the post.
    pub is_submitter: bool,
    /// `moderator`, `admin`, ...: written in an official capacity.
    pub distinguished: Option<String>,
    /// Why we may not answer it, if Reddit says so.
    pub unrepliable_reason: Option<String>,
    /// Title of the post, in listings of an account's comments.
    pub post_title: Option<String>,
    /// URL from the first slash.
    pub permalink: String,
}

impl Comment {
    /// Whether its text is gone, and how.
    pub fn gone(&self) -> Option<Gone> {
        gone(&self.body, self.author.is_none())
    }
}

/// A post (`t3`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// Full name: `t3_...`.
    pub name: String,
    /// Without `r/`.
    pub subreddit: String,
    pub title: String,
    /// Markdown; empty: a link.
    pub body: String,
    /// Its link, or its own URL.
    pub url: String,
    /// `None`: deleted.
    pub author: Option<String>,
    /// `None`: hidden or not given.
    pub score: Option<i64>,
    /// Number of comments that Reddit counts, including deleted ones.
    pub num_comments: u64,
    /// Seconds since 1970, on Reddit's clock.
    pub created_utc: i64,
    /// Last edit, likewise.
    pub edited_utc: Option<i64>,
    pub locked: bool,
    /// It is too old to be commented on.
    pub archived: bool,
    /// It is pinned to the top.
    pub stickied: bool,
    /// It is for adults.
    pub over_18: bool,
    /// Its subreddit is under quarantine.
    pub quarantine: bool,
    /// `moderator`, `admin`, ...: written in an official capacity.
    pub distinguished: Option<String>,
    /// Who removed it: `deleted`, `moderator`, `reddit`, ...
    pub removed_by: Option<String>,
    /// URL from the first slash.
    pub permalink: String,
}

impl Post {
    /// Whether it is gone, and how.
    pub fn gone(&self) -> Option<Gone> {
        match self.removed_by.as_deref() {
            Some("deleted" | "author") => Some(Gone::Deleted),
            Some(_) => Some(Gone::Removed),
            None => gone(&self.body, self.author.is_none()),
        }
    }
}

fn gone(body: &str, no_author: bool) -> Option<Gone> {
    match body {
        "[removed]" => Some(Gone::Removed),
        "[deleted]" if no_author => Some(Gone::Deleted),
        _ => None,
    }
}

/// A place in a tree where comments were omitted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct More {
    /// Full name of what they answer.
    pub parent: String,
    /// Number of omitted comments, including those below them.
    pub count: u64,
    /// Bare ids of those that answer the parent; empty: "continue this thread".
    pub children: Vec<String>,
}

/// An account: the answer to "who am I".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Without `u/`.
    pub name: String,
    pub id: String,
    /// Reddit has suspended it.
    pub suspended: bool,
    /// Seconds since 1970; `None`: never ends, or there is none.
    pub suspended_until_utc: Option<i64>,
    /// Its e-mail address is verified.
    pub has_verified_email: bool,
    /// Of posts and comments.
    pub karma: Option<i64>,
    /// Seconds since 1970.
    pub created_utc: i64,
}

/// A subreddit (`t5`), and our permissions in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subreddit {
    /// Without `r/`.
    pub name: String,
    /// Full name: `t5_...`.
    pub fullname: String,
    pub title: String,
    /// `public`, `restricted`, `private`, ...
    pub kind: String,
    pub subscribers: Option<u64>,
    pub quarantine: bool,
    pub over_18: bool,
    /// We are banned; `None`: not given, as for a login without account.
    pub banned: Option<bool>,
    pub muted: Option<bool>,
    /// We are an approved contributor.
    pub contributor: Option<bool>,
    /// Only approved contributors may comment.
    pub restrict_commenting: bool,
}

impl Subreddit {
    /// Why we may not comment there, as far as Reddit says; `None`: we may.
    pub fn closed_to_us(&self) -> Option<&'static str> {
        let member = self.contributor == Some(true);
        if self.banned == Some(true) {
            Some("we are banned there")
        } else if self.muted == Some(true) {
            Some("we are muted there")
        } else if self.kind == "private" && !member {
            Some("it is private")
        } else if self.kind == "archived" {
            Some("it is archived")
        } else if self.restrict_commenting && !member {
            Some("only approved members may comment there")
        } else if self.quarantine {
            Some("it is under quarantine")
        } else {
            None
        }
    }
}

/// A rule of a subreddit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What it is for: `link`, `comment`, `all`.
    pub kind: String,
    pub short_name: String,
    /// Markdown.
    pub description: String,
    /// Its name in reports.
    pub violation_reason: String,
    /// Position in the list.
    pub priority: i64,
    /// Seconds since 1970.
    pub created_utc: i64,
}

/// One thing of a listing.
#[derive(Debug, Clone, PartialEq)]
pub enum Thing {
    /// `t1`, with the listing of its replies.
    Comment(Box<Comment>, Listing),
    /// `t3`.
    Post(Box<Post>),
    /// `more`.
    More(More),
    /// `t5`.
    Subreddit(Box<Subreddit>),
    /// Of a kind that we do not know.
    Other(String),
}

/// Things in Reddit's order, and where the next page begins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    pub things: Vec<Thing>,
    /// The `after` of the next page; `None`: this is the last.
    pub after: Option<String>,
    /// Incomplete things, each with what is wrong.
    pub odd: Vec<String>,
}

impl Listing {
    /// Reads `{"kind": "Listing", "data": {"children": [...]}}`; `""` and `null` are empty ones.
    ///
    /// # Errors
    /// What was found instead.
    pub fn of(value: &Value) -> Result<Self, String> {
        match value {
            Value::Null => return Ok(Self::default()),
            Value::String(text) if text.is_empty() => return Ok(Self::default()),
            _ => {}
        }
        let data = match (value["kind"].as_str(), value["data"].as_object()) {
            (Some("Listing"), Some(data)) => data,
            _ => return Err(format!("expected a listing, found {}", shape(value))),
        };
        let children = match data.get("children") {
            Some(Value::Array(children)) => children.as_slice(),
            _ => {
                return Err(format!(
                    "expected the children of a listing, found {}",
                    shape(value)
                ));
            }
        };
        let mut listing = Self::things(children);
        listing.after = text(data, "after").filter(|after| !after.is_empty());
        Ok(listing)
    }

    /// Reads a bare array of things, as in `{"json": {"data": {"things": [...]}}}`.
    pub fn things(children: &[Value]) -> Self {
        let mut listing = Self::default();
        for child in children {
            match Thing::of(child) {
                Ok(thing) => listing.things.push(thing),
                Err(odd) => listing.odd.push(odd),
            }
        }
        listing
    }

    /// The comments among the things.
    pub fn comments(self) -> impl Iterator<Item = Comment> {
        self.things.into_iter().filter_map(|thing| match thing {
            Thing::Comment(comment, _) => Some(*comment),
            _ => None,
        })
    }

    /// The posts among the things.
    pub fn posts(self) -> impl Iterator<Item = Post> {
        self.things.into_iter().filter_map(|thing| match thing {
            Thing::Post(post) => Some(*post),
            _ => None,
        })
    }
}

impl Thing {
    /// Reads `{"kind": ..., "data": {...}}`.
    ///
    /// # Errors
    /// What was found instead, or what it lacks.
    pub fn of(value: &Value) -> Result<Self, String> {
        let (kind, data) = match (value["kind"].as_str(), value["data"].as_object()) {
            (Some(kind), Some(data)) => (kind, data),
            _ => {
                return Err(format!(
                    "expected a thing with kind and data, found {}",
                    shape(value)
                ));
            }
        };
        Ok(match kind {
            "t1" => {
                let replies = match data.get("replies") {
                    Some(replies) => Listing::of(replies)
                        .map_err(|why| format!("replies of {}: {why}", naming(data)))?,
                    None => Listing::default(),
                };
                Self::Comment(Box::new(comment(data)?), replies)
            }
            "t3" => Self::Post(Box::new(post(data)?)),
            "t5" => Self::Subreddit(Box::new(subreddit(data)?)),
            "more" => Self::More(more(data)?),
            other => Self::Other(other.to_owned()),
        })
    }
}

fn comment(data: &Map<String, Value>) -> Result<Comment, String> {
    let name = name(data, "t1")?;
    let need =
        |key: &str| text(data, key).ok_or_else(|| format!("the comment {name} has no {key}"));
    let (parent, post) = (need("parent_id")?, need("link_id")?);
    let subreddit = text(data, "subreddit").unwrap_or_default();
    let permalink = text(data, "permalink").unwrap_or_else(|| {
        let bare = |name: &str| name.split_once('_').map_or(name, |(_, id)| id).to_owned();
        format!("/r/{subreddit}/comments/{}/_/{}/", bare(&post), bare(&name))
    });
    Ok(Comment {
        parent,
        post,
        author: author(data),
        body: text(data, "body").unwrap_or_default(),
        score: score(data, "score_hidden"),
        created_utc: seconds(data, "created_utc").unwrap_or(0),
        edited_utc: seconds(data, "edited"),
        locked: flag(data, "locked"),
        archived: flag(data, "archived"),
        stickied: flag(data, "stickied"),
        is_submitter: flag(data, "is_submitter"),
        distinguished: text(data, "distinguished"),
        unrepliable_reason: text(data, "unrepliable_reason"),
        post_title: text(data, "link_title"),
        subreddit,
        permalink,
        name,
    })
}

fn post(data: &Map<String, Value>) -> Result<Post, String> {
    let name = name(data, "t3")?;
    let subreddit = text(data, "subreddit").unwrap_or_default();
    let permalink = text(data, "permalink").unwrap_or_else(|| {
        format!(
            "/r/{subreddit}/comments/{}/",
            name.trim_start_matches("t3_")
        )
    });
    Ok(Post {
        title: text(data, "title").unwrap_or_default(),
        body: text(data, "selftext").unwrap_or_default(),
        url: text(data, "url").unwrap_or_default(),
        author: author(data),
        score: score(data, "hide_score"),
        num_comments: whole(data, "num_comments")
            .unwrap_or(0)
            .max(0)
            .unsigned_abs(),
        created_utc: seconds(data, "created_utc").unwrap_or(0),
        edited_utc: seconds(data, "edited"),
        locked: flag(data, "locked"),
        archived: flag(data, "archived"),
        stickied: flag(data, "stickied"),
        over_18: flag(data, "over_18"),
        quarantine: flag(data, "quarantine"),
        distinguished: text(data, "distinguished"),
        removed_by: text(data, "removed_by_category"),
        subreddit,
        permalink,
        name,
    })
}

fn more(data: &Map<String, Value>) -> Result<More, String> {
    let parent = text(data, "parent_id")
        .ok_or_else(|| format!("a \"more\" ({}) has no parent_id", naming(data)))?;
    let children = match data.get("children") {
        Some(Value::Array(children)) => children
            .iter()
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    Ok(More {
        parent,
        count: whole(data, "count").unwrap_or(0).max(0).unsigned_abs(),
        children,
    })
}

fn subreddit(data: &Map<String, Value>) -> Result<Subreddit, String> {
    let flag_or_none = |key: &str| data.get(key).and_then(Value::as_bool);
    Ok(Subreddit {
        name: text(data, "display_name")
            .ok_or_else(|| format!("a subreddit ({}) has no display_name", naming(data)))?,
        fullname: text(data, "name").unwrap_or_default(),
        title: text(data, "title").unwrap_or_default(),
        kind: text(data, "subreddit_type").unwrap_or_default(),
        subscribers: whole(data, "subscribers").map(|n| n.max(0).unsigned_abs()),
        quarantine: flag(data, "quarantine"),
        over_18: flag(data, "over18"),
        banned: flag_or_none("user_is_banned"),
        muted: flag_or_none("user_is_muted"),
        contributor: flag_or_none("user_is_contributor"),
        restrict_commenting: flag(data, "restrict_commenting"),
    })
}

impl Account {
    /// Reads the bare object of `/api/v1/me`.
    ///
    /// # Errors
    /// What was found instead, or that it has no name: nobody is logged in then.
    pub fn of(value: &Value) -> Result<Self, String> {
        let data = value
            .as_object()
            .ok_or_else(|| format!("expected an account, found {}", shape(value)))?;
        let both = || {
            let (link, comment) = (whole(data, "link_karma"), whole(data, "comment_karma"));
            (link.is_some() || comment.is_some()).then(|| link.unwrap_or(0) + comment.unwrap_or(0))
        };
        Ok(Self {
            name: text(data, "name").ok_or("the account has no name: nobody is logged in")?,
            id: text(data, "id").unwrap_or_default(),
            suspended: flag(data, "is_suspended"),
            suspended_until_utc: seconds(data, "suspension_expiration_utc"),
            has_verified_email: flag(data, "has_verified_email"),
            karma: whole(data, "total_karma").or_else(both),
            created_utc: seconds(data, "created_utc").unwrap_or(0),
        })
    }
}

impl Rule {
    /// Reads the `rules` of `/r/x/about/rules`.
    ///
    /// # Errors
    /// What was found instead.
    pub fn list(value: &Value) -> Result<Vec<Self>, String> {
        let rules = value["rules"]
            .as_array()
            .ok_or_else(|| format!("expected rules, found {}", shape(value)))?;
        let mut rules: Vec<Self> = rules
            .iter()
            .filter_map(Value::as_object)
            .map(|data| Self {
                kind: text(data, "kind").unwrap_or_default(),
                short_name: text(data, "short_name").unwrap_or_default(),
                description: text(data, "description").unwrap_or_default(),
                violation_reason: text(data, "violation_reason").unwrap_or_default(),
                priority: whole(data, "priority").unwrap_or(0),
                created_utc: seconds(data, "created_utc").unwrap_or(0),
            })
            .collect();
        rules.sort_by_key(|rule| rule.priority);
        Ok(rules)
    }
}

/// `name`, or built from `id` if an old answer lacks it.
fn name(data: &Map<String, Value>, kind: &str) -> Result<String, String> {
    text(data, "name")
        .filter(|name| name.starts_with(kind))
        .or_else(|| text(data, "id").map(|id| format!("{kind}_{id}")))
        .ok_or_else(|| format!("a {kind} has neither name nor id"))
}

fn naming(data: &Map<String, Value>) -> String {
    text(data, "name")
        .or_else(|| text(data, "id"))
        .unwrap_or_else(|| "without name".to_owned())
}

fn author(data: &Map<String, Value>) -> Option<String> {
    text(data, "author").filter(|author| author != "[deleted]")
}

fn score(data: &Map<String, Value>, hidden: &str) -> Option<i64> {
    if flag(data, hidden) {
        return None;
    }
    whole(data, "score")
}

fn text(data: &Map<String, Value>, key: &str) -> Option<String> {
    data.get(key)?.as_str().map(str::to_owned)
}

fn flag(data: &Map<String, Value>, key: &str) -> bool {
    data.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn whole(data: &Map<String, Value>, key: &str) -> Option<i64> {
    let value = data.get(key)?;
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|number| number as i64))
}

/// Seconds: a number, whole or not; `false` (of `edited`) is none.
fn seconds(data: &Map<String, Value>, key: &str) -> Option<i64> {
    whole(data, key)
}

/// A short description of a value, for errors.
pub(crate) fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(map) => {
            let keys: Vec<&str> = map.keys().take(5).map(String::as_str).collect();
            format!("an object with {}", keys.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn t1(id: &str, more: Value) -> Value {
        let mut data = json!({"id": id, "name": format!("t1_{id}"), "parent_id": "t3_p", "link_id": "t3_p",
            "body": "b", "author": "a", "score": 3, "created_utc": 1500000000.0, "edited": false, "replies": ""});
        for (key, value) in more.as_object().expect("an object") {
            data[key] = value.clone();
        }
        json!({"kind": "t1", "data": data})
    }

    fn one(value: &Value) -> Comment {
        match Thing::of(value) {
            Ok(Thing::Comment(comment, _)) => *comment,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_flags_and_times_as_reddit_writes_them() {
        let plain = one(&t1("a", json!({})));
        assert_eq!((plain.created_utc, plain.edited_utc), (1_500_000_000, None));
        let edited = one(&t1("a", json!({"edited": 1500000060.0})));
        assert_eq!(edited.edited_utc, Some(1_500_000_060));
        assert_eq!(one(&t1("a", json!({"edited": true}))).edited_utc, None);
        assert_eq!(one(&t1("a", json!({"score_hidden": true}))).score, None);
        assert_eq!(one(&t1("a", json!({"score": null}))).score, None);
        let odd = one(&t1(
            "a",
            json!({"body": null, "locked": "yes", "new_field": {"x": [1]}}),
        ));
        assert_eq!((odd.body.as_str(), odd.locked), ("", false));
        assert_eq!(plain.permalink, "/r//comments/p/_/a/");
    }

    #[test]
    fn deletion_is_detected_by_body_and_author() {
        let gone = |body: &str, author: &str| {
            one(&t1("a", json!({"body": body, "author": author}))).gone()
        };
        assert_eq!(gone("[deleted]", "[deleted]"), Some(Gone::Deleted));
        assert_eq!(gone("[removed]", "[deleted]"), Some(Gone::Removed));
        assert_eq!(gone("[removed]", "someone"), Some(Gone::Removed));
        // someone may write that
        assert_eq!(gone("[deleted]", "someone"), None);
        assert_eq!(gone("text", "[deleted]"), None);
        let post = |removed_by: Value| {
            let post =
                json!({"kind": "t3", "data": {"id": "p", "removed_by_category": removed_by}});
            match Thing::of(&post) {
                Ok(Thing::Post(post)) => post.gone(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(post(json!("deleted")), Some(Gone::Deleted));
        assert_eq!(post(json!("moderator")), Some(Gone::Removed));
        assert_eq!(post(Value::Null), None);
    }

    #[test]
    fn replies_are_a_listing_or_an_empty_string() {
        let child = t1("b", json!({"parent_id": "t1_a"}));
        let replies = json!({"kind": "Listing", "data": {"children": [child], "after": null}});
        let Ok(Thing::Comment(_, below)) = Thing::of(&t1("a", json!({"replies": replies}))) else {
            panic!("a comment");
        };
        assert_eq!(below.comments().count(), 1);
        let Ok(Thing::Comment(_, below)) = Thing::of(&t1("a", json!({}))) else {
            panic!("a comment");
        };
        assert_eq!(below, Listing::default());
    }

    #[test]
    fn malformed_things_are_listed_and_do_not_fail_the_rest() {
        let listing = json!({"kind": "Listing", "data": {"after": "t3_z", "children": [
            t1("a", json!({})),
            {"kind": "t1", "data": {"id": "x"}},
            {"kind": "t99", "data": {}},
            {"kind": "more", "data": {"count": 0, "id": "_", "name": "t1__", "parent_id": "t1_a", "children": []}},
            7,
        ]}});
        let listing = Listing::of(&listing).expect("a listing");
        assert_eq!(listing.after.as_deref(), Some("t3_z"));
        assert_eq!(listing.things.len(), 3);
        assert_eq!(listing.things[1], Thing::Other("t99".into()));
        assert_eq!(
            listing.things[2],
            Thing::More(More {
                parent: "t1_a".into(),
                count: 0,
                children: vec![]
            })
        );
        assert_eq!(listing.odd.len(), 2);
        assert!(
            listing.odd[0].contains("t1_x has no parent_id"),
            "{:?}",
            listing.odd
        );
        for bad in [
            json!({}),
            json!([]),
            json!("x"),
            json!({"kind": "Listing", "data": {}}),
        ] {
            assert!(Listing::of(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_account_must_have_a_name() {
        let me = json!({"name": "bot", "id": "1", "is_suspended": true, "suspension_expiration_utc": 1700000000,
            "link_karma": 3, "comment_karma": 4});
        let me = Account::of(&me).expect("an account");
        assert_eq!(
            (me.karma, me.suspended_until_utc),
            (Some(7), Some(1_700_000_000))
        );
        assert!(Account::of(&json!({"features": {}})).is_err());
    }

    #[test]
    fn a_subreddit_says_why_it_is_closed_to_us() {
        let closed = |fields: Value| {
            let mut data = json!({"display_name": "X", "subreddit_type": "public"});
            for (key, value) in fields.as_object().expect("an object") {
                data[key] = value.clone();
            }
            match Thing::of(&json!({"kind": "t5", "data": data})) {
                Ok(Thing::Subreddit(subreddit)) => subreddit.closed_to_us(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(closed(json!({})), None);
        assert_eq!(closed(json!({"user_is_banned": null})), None);
        assert!(closed(json!({"user_is_banned": true})).is_some());
        assert!(closed(json!({"subreddit_type": "private"})).is_some());
        assert!(closed(json!({"restrict_commenting": true})).is_some());
        assert_eq!(
            closed(json!({"restrict_commenting": true, "user_is_contributor": true})),
            None
        );
    }
}
