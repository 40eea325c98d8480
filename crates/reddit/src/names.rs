//! Names of things: `t1_` comments, `t3_` posts, subreddits, accounts; and links to them.

use crate::error::{Error, Result};

/// A parsed link to a post or a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The post: `t3_...`.
    pub post: String,
    /// The comment, if the link leads to one: `t1_...`.
    pub comment: Option<String>,
}

impl Link {
    /// Parses a link as copied by the user: to any of Reddit's sites, `redd.it`, or a permalink without host. `None` if
    /// it leads to no post; share links (`/s/...`) do not show where they lead.
    pub fn parse(link: &str) -> Option<Self> {
        let link = link.trim();
        let link = link.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = match link.split_once("://") {
            Some(("http" | "https", rest)) => {
                let (host, path) = rest.split_once('/')?;
                (Some(host), path)
            }
            Some(_) => return None,
            None => match link.strip_prefix('/') {
                Some(path) => (None, path),
                None => {
                    let (host, path) = link.split_once('/')?;
                    (Some(host), path)
                }
            },
        };
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let made = |post: &str, comment: Option<&str>| {
            let post = is_base36(post).then(|| format!("t3_{}", post.to_ascii_lowercase()))?;
            let comment = comment.filter(|id| is_base36(id));
            Some(Self {
                post,
                comment: comment.map(|id| format!("t1_{}", id.to_ascii_lowercase())),
            })
        };
        match host {
            Some("redd.it") => return made(parts.first()?, None),
            Some(host) if host == "reddit.com" || host.ends_with(".reddit.com") => {}
            Some(_) => return None,
            None => {}
        }
        let at = parts.iter().position(|part| *part == "comments")?;
        match parts[at + 1..] {
            // /r/x/comments/POST/comment/COMMENT and /r/x/comments/POST/title/COMMENT
            [post, _, comment, ..] => made(post, Some(comment)),
            [post, ..] => made(post, None),
            [] => None,
        }
    }
}

fn is_base36(id: &str) -> bool {
    (1..=13).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The id of a full name of the given kind (`t1`, `t3`), safe in a path.
pub(crate) fn bare<'a>(name: &'a str, kind: &str) -> Result<&'a str> {
    match name.split_once('_') {
        Some((found, id)) if found == kind && is_base36(id) => Ok(id),
        _ => Err(Error::Name {
            name: name.to_owned(),
            expected: match kind {
                "t1" => "the full name of a comment, like t1_c0b6xx0",
                "t3" => "the full name of a post, like t3_87g9x",
                _ => "a full name, like t1_c0b6xx0",
            },
        }),
    }
}

/// The name of a comment or post, as given, if it is one.
pub(crate) fn comment_or_post(name: &str) -> Result<&str> {
    bare(name, if name.starts_with("t3_") { "t3" } else { "t1" }).map(|_| name)
}

/// A subreddit's name without `r/`, safe in a path.
pub(crate) fn subreddit(name: &str) -> Result<&str> {
    let bare = name.trim_start_matches('/');
    let bare = bare.strip_prefix("r/").unwrap_or(bare);
    word(
        name,
        bare,
        "the name of a subreddit: letters, digits and _, at most 21, with or without r/",
    )
}

/// An account's name without `u/`, safe in a path.
pub(crate) fn account(name: &str) -> Result<&str> {
    let bare = name.trim_start_matches('/');
    let bare = bare.strip_prefix("u/").unwrap_or(bare);
    word(
        name,
        bare,
        "the name of an account: letters, digits, _ and -, with or without u/",
    )
}

fn word<'a>(name: &str, bare: &'a str, expected: &'static str) -> Result<&'a str> {
    // 30: profiles are subreddits too (u_name), and names of test accounts may be longer than 20
    let fits = (1..=30).contains(&bare.len())
        && bare
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits {
        return Ok(bare);
    }
    Err(Error::Name {
        name: name.to_owned(),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_a_path() {
        assert_eq!(bare("t1_abc", "t1").ok(), Some("abc"));
        for bad in [
            "abc",
            "t3_abc",
            "t1_",
            "t1_a/b",
            "t1_a?x",
            "t1_..",
            "t1_abcdefghijklmn",
        ] {
            assert!(bare(bad, "t1").is_err(), "{bad}");
        }
        assert_eq!(subreddit("r/AskX").ok(), Some("AskX"));
        assert_eq!(subreddit("/r/AskX").ok(), Some("AskX"));
        assert!(subreddit("a/b").is_err() && subreddit("").is_err());
        assert_eq!(account("/u/some-one").ok(), Some("some-one"));
        assert!(account("../x").is_err());
    }

    #[test]
    fn links_are_parsed_in_every_copied_form() {
        let comment = Some(Link {
            post: "t3_abc1".into(),
            comment: Some("t1_def2".into()),
        });
        let post = Some(Link {
            post: "t3_abc1".into(),
            comment: None,
        });
        for link in [
            "https://www.reddit.com/r/x/comments/abc1/some_title/def2/",
            "https://old.reddit.com/r/x/comments/abc1/some_title/def2/?context=3",
            "https://www.reddit.com/r/x/comments/abc1/comment/def2/",
            " reddit.com/r/x/comments/abc1/_/def2#top ",
            "/r/x/comments/ABC1/_/DEF2/",
        ] {
            assert_eq!(Link::parse(link), comment, "{link}");
        }
        for link in [
            "https://redd.it/abc1",
            "https://www.reddit.com/r/x/comments/abc1/some_title/",
            "https://www.reddit.com/comments/abc1",
            "https://new.reddit.com/user/y/comments/abc1/t",
        ] {
            assert_eq!(Link::parse(link), post, "{link}");
        }
        for link in [
            "",
            "https://example.org/r/x/comments/abc1/t/def2",
            "https://www.reddit.com/r/x/s/AbCd",
            "javascript://www.reddit.com/comments/abc1",
            "https://notreddit.com/comments/abc1",
        ] {
            assert_eq!(Link::parse(link), None, "{link}");
        }
    }
}
