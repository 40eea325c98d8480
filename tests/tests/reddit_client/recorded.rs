//! Every recorded exchange with the real Reddit is read by the types that read the fake's.

use std::path::{Path, PathBuf};

use repartee_reddit::model::{Listing, Thing};
use repartee_reddit::sent::{Answer, Told, classify};
use repartee_reddit::tree::Builder;
use serde_json::Value;

use super::*;

/// A recorded exchange with the real Reddit.
struct Exchange {
    file: String,
    path: String,
    form: String,
    status: u16,
    body: String,
}

impl Exchange {
    fn of(file: &Path, exchange: &Value) -> Self {
        let (request, response) = (&exchange["request"], &exchange["response"]);
        let url = request["url"].as_str().expect("a URL");
        let path = url
            .split_once("reddit.com")
            .map_or(url, |(_, rest)| rest)
            .split('?')
            .next()
            .expect("a path")
            .trim_end_matches('/');
        let status = response["status"].as_u64().expect("a status");
        Self {
            file: file.display().to_string(),
            path: path.to_owned(),
            form: request["body"].as_str().unwrap_or_default().to_owned(),
            status: u16::try_from(status).expect("a status"),
            body: response["body"].as_str().expect("a body").to_owned(),
        }
    }

    fn field(&self, key: &str) -> String {
        let mut pairs = self.form.split('&');
        let value = pairs.find_map(|p| p.strip_prefix(&format!("{key}=")));
        value.unwrap_or_default().replace("%2C", ",")
    }

    /// The answer, if it is none of the refusals; some of those are HTML, so that only the status can be read.
    fn json(&self) -> Option<Value> {
        let json = serde_json::from_str(&self.body).ok();
        json.filter(|_| self.status == 200)
    }

    fn posts_a_comment(&self) -> bool {
        self.path.ends_with("/api/comment")
    }

    fn is_more_children(&self) -> bool {
        self.path.contains("/api/morechildren")
    }

    fn is_thread(&self) -> bool {
        self.path.starts_with("/comments/")
    }
}

/// All of them, by file.
fn recorded() -> Vec<Vec<Exchange>> {
    let folder = repartee_tests::shared().join("reddit/api");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    let exchanges = |file: &PathBuf| {
        let content = std::fs::read(file).expect("a file");
        let all: Value = serde_json::from_slice(&content).expect("JSON");
        let all = all.as_array().expect("an array of exchanges").iter();
        all.map(|one| Exchange::of(file, one)).collect()
    };
    files.iter().map(exchanges).collect()
}

#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn recorded_answers_to_comments_are_classified_as_ours_would_be() {
    let mut classified = 0;
    for of in recorded()
        .iter()
        .flatten()
        .filter(|of| of.posts_a_comment())
    {
        let told = classify(
            &of.field("thing_id"),
            &Answer::Status {
                status: of.status,
                headers: Told::default(),
                body: of.body.as_bytes().to_vec(),
                cut: None,
            },
        );
        let shown = of.json().is_some_and(|json| {
            let things = json["json"]["data"]["things"].as_array();
            things.is_some_and(|things| !things.is_empty())
        });
        let expected = if shown { 4 } else { 5 };
        assert_eq!(told.class(), expected, "{}: {told:?}", of.file);
        classified += 1;
    }
    assert!(classified > 0);
}

/// Builds the tree of a file, and collects the names of its comments.
fn tree_of(exchanges: &[Exchange]) -> (Option<Builder>, HashSet<String>) {
    let mut tree: Option<Builder> = None;
    let mut names = HashSet::new();
    for of in exchanges {
        let Some(json) = of.json() else { continue };
        if of.is_more_children() {
            let asked: Vec<String> = of.field("children").split(',').map(str::to_owned).collect();
            let builder = tree.as_mut().expect("a tree before its rest");
            builder
                .children(&asked, &json)
                .unwrap_or_else(|e| panic!("{}: {e}", of.file));
        } else if of.is_thread() {
            match &mut tree {
                // the rest of a thread that was continued
                Some(whole) => whole.below(&json),
                None => Builder::new(&json).map(|new| tree = Some(new)),
            }
            .unwrap_or_else(|e| panic!("{}: {e}", of.file));
        } else {
            continue;
        }
        all_names(&json, &mut names);
    }
    (tree, names)
}

#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn recorded_trees_have_every_comment_below_a_known_parent() {
    let mut comments = 0;
    for exchanges in recorded() {
        let (Some(builder), names) = tree_of(&exchanges) else {
            continue;
        };
        let name = &exchanges[0].file;
        let tree = builder.finish();
        assert!(tree.odd.is_empty(), "{name}: {:?}", tree.odd);
        let got: HashSet<String> = tree.comments.iter().map(|c| c.name.clone()).collect();
        assert_eq!(got, names, "{name}");
        let mut known: HashSet<&str> = HashSet::from([tree.post.name.as_str()]);
        known.extend(tree.missing.iter().map(String::as_str));
        for comment in &tree.comments {
            assert!(
                known.contains(comment.parent.as_str()),
                "{name}: {comment:?}"
            );
            known.insert(&comment.name);
        }
        comments += tree.comments.len();
        eprintln!(
            "{name}: {} comments, {} missing, {} left out",
            tree.comments.len(),
            tree.missing.len(),
            tree.unread.iter().map(|m| m.children.len()).sum::<usize>()
        );
    }
    assert!(comments > 0);
}

#[test]
#[cfg_attr(not(shared), ignore = "needs real data: set REPARTEE_SHARED")]
fn recorded_listings_are_read_without_leaving_anything_out() {
    let (mut comments, mut posts) = (0, 0);
    for of in recorded().iter().flatten() {
        if of.posts_a_comment() || of.is_more_children() || of.is_thread() {
            continue;
        }
        let (name, Some(json)) = (&of.file, of.json()) else {
            continue;
        };
        if json["kind"] == "Listing" {
            let listing = Listing::of(&json).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(listing.odd.is_empty(), "{name}: {:?}", listing.odd);
            for thing in &listing.things {
                match thing {
                    Thing::Comment(comment, _) => {
                        comments += 1;
                        assert!(comment.created_utc > 1_100_000_000, "{name}: {comment:?}");
                        assert!(comment.post.starts_with("t3_"), "{name}: {comment:?}");
                    }
                    Thing::Post(post) => {
                        posts += 1;
                        assert!(
                            !post.title.is_empty() && !post.permalink.is_empty(),
                            "{name}"
                        );
                    }
                    other => panic!("{name}: {other:?}"),
                }
            }
        } else if let Some(things) = json["json"]["data"]["things"].as_array() {
            let listing = Listing::things(things);
            assert!(listing.odd.is_empty(), "{name}: {:?}", listing.odd);
            comments += listing.comments().count();
        }
    }
    assert!(comments > 0 && posts > 0);
}

/// Full names of all comments in an answer, without our types.
fn all_names(value: &Value, names: &mut HashSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| all_names(item, names)),
        Value::Object(map) => {
            if map.get("kind").is_some_and(|kind| kind == "t1") {
                names.extend(map["data"]["name"].as_str().map(str::to_owned));
            }
            map.values().for_each(|item| all_names(item, names));
        }
        _ => {}
    }
}
