//! `/__fake/...`: control of the sandbox from other processes, for tests.
//!
//! | call | effect |
//! |---|---|
//! | `GET run` | `{"run": "..."}`: names this run of the sandbox |
//! | `GET state` | counts, knobs, rules, clock |
//! | `GET check` | 200 when no account has two comments under one parent, else 409 with those that do |
//! | `GET seen` | the calls so far |
//! | `POST rules` | replaces the fault rules: `[{"on": "comment", "fault": {"kind": "drop-after"}, "chance": 0.2}]` |
//! | `POST knobs` | sets knobs: `{"token_lives_s": 90}`; others stay |
//! | `POST clock` | `{"ahead_ms": 7200000}` sets the clock, `{"pass_ms": 1000}` advances it |
//! | `POST thread` | `{"subreddit": "X", "comments": 1500, "missing": 0.02, "seed": 1}` adds a long thread; returns its name and the missing ones |
//! | `POST post` | `{"subreddit", "author", "title", "body"}` adds a post; returns its name |
//! | `POST comment` | `{"parent", "author", "body"}` adds a comment; returns its name |
//! | `POST set` | `{"name": "t1_x", "deleted": true}`; also removed, locked, hidden, missing, archived, score, body |
//! | `POST subreddit` | `{"name": "X", "kind", "quarantine", "restrict_commenting", "ban", "unban", "mute"}` |
//! | `POST account` | `{"name": "x", "password", "suspended", "blocks"}`; created if missing |
//! | `POST tokens` | `{"kill": true}`, `{"take_back": "account"}` |

use serde_json::{Map, Value, json};

use crate::fault::Rule;
use crate::serve::{Answer, Asked};
use crate::world::{Knobs, World};

pub(crate) fn answer(world: &mut World, path: &str, asked: &Asked) -> Answer {
    let body: Value = if asked.body.is_empty() {
        Value::Null
    } else {
        match serde_json::from_slice(&asked.body) {
            Ok(body) => body,
            Err(error) => return wrong(&format!("the body is no JSON: {error}")),
        }
    };
    match (asked.method.as_str(), path) {
        ("GET", "/run") => Answer::json(200, json!({ "run": world.run })),
        ("GET", "/state") => Answer::json(200, state(world)),
        ("GET", "/check") => {
            let duplicates = world.duplicates();
            let status = if duplicates.is_empty() { 200 } else { 409 };
            Answer::json(
                status,
                json!({"posted": world.posted(), "duplicates": duplicates}),
            )
        }
        ("GET", "/seen") => Answer::json(200, json!(world.seen)),
        ("POST", "/rules") => match serde_json::from_value::<Vec<Rule>>(body) {
            Ok(rules) => {
                world.rules = rules;
                done()
            }
            Err(error) => wrong(&error.to_string()),
        },
        ("POST", _) => match body.as_object() {
            Some(body) => change(world, path, body).unwrap_or_else(|error| wrong(&error)),
            None => wrong("the body must be an object"),
        },
        _ => Answer::error(404, "Not Found"),
    }
}

fn state(world: &World) -> Value {
    json!({
        "posts": world.posts.len(), "comments": world.comments.len(), "posted": world.posted(),
        "duplicates": world.duplicates(), "seen": world.seen.len(), "knobs": world.knobs, "rules": world.rules,
        "now_ms": world.now_ms(), "subreddits": world.subreddits.values().map(|s| &s.name).collect::<Vec<_>>(),
        "newest": world.posts.values().max_by_key(|p| p.created_utc).map(|p| format!("t3_{}", p.id)),
    })
}

fn change(world: &mut World, path: &str, body: &Map<String, Value>) -> Result<Answer, String> {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let need = |key: &str| text(key).ok_or_else(|| format!("{key} is missing"));
    let flag = |key: &str| body.get(key).and_then(Value::as_bool);
    let whole = |key: &str| body.get(key).and_then(Value::as_i64);
    match path {
        "/knobs" => {
            let mut knobs = json!(world.knobs);
            if let Some(knobs) = knobs.as_object_mut() {
                knobs.extend(body.clone());
            }
            world.knobs = serde_json::from_value::<Knobs>(knobs).map_err(|e| e.to_string())?;
        }
        "/clock" => {
            if let Some(ahead_ms) = whole("ahead_ms") {
                world.set_clock(ahead_ms);
            }
            world.pass(whole("pass_ms").unwrap_or(0));
        }
        "/thread" => {
            let comments = usize::try_from(whole("comments").unwrap_or(1_500)).unwrap_or(0);
            let missing = body.get("missing").and_then(Value::as_f64).unwrap_or(0.0);
            let seed = whole("seed").unwrap_or(1).unsigned_abs();
            let name = world.make_long_thread(need("subreddit")?, comments, missing, seed);
            let left_out: Vec<String> = world
                .comments
                .values()
                .filter(|c| c.missing && name.ends_with(&c.post))
                .map(|c| format!("t1_{}", c.id))
                .collect();
            return Ok(Answer::json(
                200,
                json!({"name": name, "missing": left_out}),
            ));
        }
        "/post" => {
            let (subreddit, title) = (need("subreddit")?, need("title")?);
            let author = text("author").unwrap_or("somebody");
            let name = world.add_post(subreddit, author, title, text("body").unwrap_or_default());
            return Ok(named(&name));
        }
        "/comment" => {
            let author = text("author").unwrap_or("somebody");
            let name = world
                .add_comment(need("parent")?, author, need("body")?)
                .ok_or("there is no such parent")?;
            return Ok(named(&name));
        }
        "/set" => {
            let name = need("name")?;
            let set = |it: &mut bool, key: &str| *it = flag(key).unwrap_or(*it);
            if let Some(post) = world.post(name).filter(|_| name.starts_with("t3_")) {
                set(&mut post.deleted, "deleted");
                set(&mut post.removed, "removed");
                set(&mut post.locked, "locked");
                set(&mut post.archived, "archived");
                post.score = whole("score").unwrap_or(post.score);
            } else if let Some(comment) = world.comment(name) {
                set(&mut comment.deleted, "deleted");
                set(&mut comment.removed, "removed");
                set(&mut comment.locked, "locked");
                set(&mut comment.hidden, "hidden");
                set(&mut comment.missing, "missing");
                comment.score = whole("score").unwrap_or(comment.score);
                comment.body = text("body").unwrap_or(&comment.body).to_owned();
            } else {
                return Err(format!("there is no {name}"));
            }
        }
        "/subreddit" => {
            let subreddit = world.subreddit(need("name")?);
            subreddit.kind = text("kind").unwrap_or(&subreddit.kind).to_owned();
            subreddit.quarantine = flag("quarantine").unwrap_or(subreddit.quarantine);
            subreddit.restrict_commenting =
                flag("restrict_commenting").unwrap_or(subreddit.restrict_commenting);
            let lower = |key: &str| text(key).map(str::to_ascii_lowercase);
            subreddit.banned.extend(lower("ban"));
            subreddit.muted.extend(lower("mute"));
            if let Some(name) = lower("unban") {
                subreddit.banned.remove(&name);
            }
        }
        "/account" => {
            let name = need("name")?;
            if world.account(name).is_none() {
                world.add_account(name, text("password").unwrap_or("password"));
            }
            if let Some(account) = world.account(name) {
                account.suspended = flag("suspended").unwrap_or(account.suspended);
                account
                    .blocked
                    .extend(text("blocks").map(str::to_ascii_lowercase));
            }
        }
        "/tokens" => {
            if flag("kill") == Some(true) {
                world.kill_tokens();
            }
            if let Some(account) = text("take_back") {
                world.revoke_access(account);
            }
        }
        _ => return Ok(Answer::error(404, "Not Found")),
    }
    Ok(done())
}

fn done() -> Answer {
    Answer::json(200, json!({"done": true}))
}

fn named(name: &str) -> Answer {
    Answer::json(200, json!({"name": name}))
}

fn wrong(why: &str) -> Answer {
    Answer::json(400, json!({"error": why}))
}
