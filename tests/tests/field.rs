//! Real-world files, after public bug reports: each with the right result. Those of the shared folder are tested as one
//! table; those made here cover each kind even if it is missing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use repartee_tests::study::GRANTED;
use repartee_tests::{Place, Ran, shared};

#[path = "field/bombs.rs"]
mod bombs;
#[path = "field/shapes.rs"]
mod shapes;
#[path = "field/table.rs"]
mod table;

/// Result of a check: what was found, or what was wrong.
type Got = Result<String, String>;

/// A project of its own and the file of a row.
struct Row {
    place: Place,
    path: PathBuf,
}

impl Row {
    fn new(path: PathBuf) -> Self {
        Self {
            place: Place::with_project(),
            path,
        }
    }

    fn import(&self, args: &[&str]) -> Ran {
        let mut all = vec!["import", self.path.to_str().unwrap(), "--quiet", "--json"];
        all.extend(GRANTED);
        all.extend(args);
        self.place.run(all)
    }

    /// Comments, posts and rejected rows of a successful import.
    fn taken(&self, args: &[&str]) -> Result<(u64, u64, u64), String> {
        let ran = self.import(args);
        if ran.status != Some(0) {
            return Err(ran.to_string());
        }
        let counts = ran.result()["sources"][0]["counts"].clone();
        let n = |name: &str| counts[name].as_u64().unwrap_or(u64::MAX);
        Ok((n("comments"), n("posts"), n("rejected")))
    }

    /// The pairs after an import and a join with these flags: comment, reply, score.
    fn pairs(
        &self,
        args: &[&str],
        build: &[&str],
    ) -> Result<Vec<(String, String, Option<i64>)>, String> {
        self.taken(args)?;
        self.built(build)
    }

    fn built(&self, build: &[&str]) -> Result<Vec<(String, String, Option<i64>)>, String> {
        let ran = self
            .place
            .run([&["pairs", "build", "--quiet"][..], build].concat());
        if ran.status != Some(0) {
            return Err(ran.to_string());
        }
        self.shown(&[])
    }

    fn shown(&self, args: &[&str]) -> Result<Vec<(String, String, Option<i64>)>, String> {
        let ran = self
            .place
            .run([&["pairs", "show", "--json", "--limit", "1000"][..], args].concat());
        if ran.status != Some(0) {
            return Err(ran.to_string());
        }
        let text = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
        let rows = ran.result();
        let rows = rows.as_array().cloned().unwrap_or_default();
        Ok(rows
            .iter()
            .map(|p| (text(&p["comment"]), text(&p["reply"]), p["score"].as_i64()))
            .collect())
    }

    /// The error of an import that fails with this status and mentions all of this.
    fn refused(&self, args: &[&str], status: i32, says: &[&str]) -> Got {
        let ran = self.import(args);
        let text = format!("{}{}", ran.out, ran.err);
        if ran.status != Some(status) {
            return Err(format!("status {status} was expected: {ran}"));
        }
        match says.iter().find(|part| !text.contains(**part)) {
            Some(part) => Err(format!("{part:?} is not said: {text}")),
            None => Ok(text
                .lines()
                .next_back()
                .unwrap_or_default()
                .chars()
                .take(120)
                .collect()),
        }
    }
}

fn replies(pairs: &[(String, String, Option<i64>)]) -> Vec<&str> {
    let mut replies: Vec<&str> = pairs.iter().map(|p| p.1.as_str()).collect();
    replies.sort_unstable();
    replies
}

const M: &str = "comment=comment,reply=reply";

fn own(name: &str, content: impl AsRef<[u8]>) -> Row {
    let place = Place::with_project();
    let path = place.write(name, content);
    Row { place, path }
}
