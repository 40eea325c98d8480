//! One bad item never ends a batch: it is left out, counted and named by its id, and the rest continues. Errors that
//! concern the whole job (a full disk, a lost login, a missing model) still end it at once.

use std::panic::{AssertUnwindSafe, catch_unwind};

use repartee_datasets::guard::panic_text;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Project;
use crate::error::{Code, Error, Result};
use crate::job::Stop;

/// Maximum number of items that an outcome names; all of them are counted.
pub const NAMED: usize = 100;
/// If this many items fail one by one and none has succeeded, the whole job is at fault.
const HOPELESS: u32 = 8;

/// Items that a job left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LeftOut {
    pub count: u64,
    /// The first of them.
    pub items: Vec<LeftOutItem>,
}

/// An item that a job left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LeftOutItem {
    /// An id: "pair abc", "comment 17", "t3_xyz".
    pub id: String,
    pub why: String,
}

/// How many items of a batch succeeded, and which did not.
#[derive(Debug, Clone)]
pub struct Tally {
    /// The error of a job in which nothing succeeded: "no thread could be read".
    pub nothing: &'static str,
    pub succeeded: u64,
    pub left_out: LeftOut,
}

impl Tally {
    /// The error of a job in which nothing succeeded, although there was something to do.
    pub fn failure(&self) -> Option<Error> {
        (self.succeeded == 0 && self.left_out.count > 0)
            .then(|| self.left_out.nothing_left(self.nothing))
    }
}

impl LeftOut {
    /// Items with reasons.
    pub fn of(items: &[(String, String)]) -> Self {
        let named = items.iter().take(NAMED);
        Self {
            count: items.len() as u64,
            items: named
                .map(|(id, why)| LeftOutItem {
                    id: id.clone(),
                    why: why.clone(),
                })
                .collect(),
        }
    }

    /// The error of a job that could do nothing at all.
    pub fn nothing_left(&self, what: &str) -> Error {
        let why = self
            .items
            .first()
            .map_or_else(String::new, |item| format!(": {}: {}", item.id, item.why));
        let all = match self.count {
            1 => "the only item was left out".to_owned(),
            n => format!("all {n} were left out"),
        };
        let mut error = Error::new(Code::Negative, format!("{what}: {all}{why}"));
        for item in self.items.iter().skip(1) {
            error = error.with(format!("{}: {}", item.id, item.why));
        }
        error
    }
}

impl Project {
    /// What a job left out.
    pub fn left_out_of(&self, job: &str) -> Result<LeftOut> {
        let (count, items) = self.store.left_out(job, NAMED)?;
        let items = items.into_iter().map(|(id, why)| LeftOutItem { id, why });
        Ok(LeftOut {
            count,
            items: items.collect(),
        })
    }
}

/// Whether an error concerns the whole job, rather than one item.
pub fn is_of_the_whole(error: &Error) -> bool {
    matches!(
        error.code,
        Code::DiskFull | Code::Damaged | Code::Busy | Code::Login | Code::NewerProject
    )
}

/// Runs work on an item; a panic becomes an error of that item.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Stop>) -> Result<T, Stop> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done,
        Err(panic) => Err(Stop::Failed(Error::internal(format!(
            "a bug in Repartee: {}",
            panic_text(&*panic)
        )))),
    }
}

/// What is known of a batch so far: whether it is hopeless.
#[derive(Debug, Default)]
pub struct Batches {
    succeeded: bool,
    failed: u32,
}

impl Batches {
    /// Processes items together. If that fails, processes halves of them, down to single ones: those that fail alone
    /// are returned with their error, in place.
    ///
    /// # Errors
    /// Errors of the whole job; pause and cancel; and the items' error if the first [`HOPELESS`] all fail.
    pub fn each<I, T>(
        &mut self,
        items: &[I],
        work: &mut dyn FnMut(&[I]) -> Result<Vec<T>, Stop>,
    ) -> Result<Vec<Result<T>>, Stop> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let error = match caught(|| work(items)) {
            Ok(done) if done.len() == items.len() => {
                self.succeeded = true;
                return Ok(done.into_iter().map(Ok).collect());
            }
            Ok(_) => Error::internal("a batch returned a wrong number of results"),
            Err(Stop::Failed(error)) if !is_of_the_whole(&error) => error,
            Err(stop) => return Err(stop),
        };
        if items.len() == 1 {
            self.failed += 1;
            if !self.succeeded && self.failed >= HOPELESS {
                return Err(Stop::Failed(error));
            }
            return Ok(vec![Err(error)]);
        }
        let (first, second) = items.split_at(items.len() / 2);
        let mut done = self.each(first, work)?;
        done.extend(self.each(second, work)?);
        Ok(done)
    }
}

/// An error's message without quotes: a text must not get into a log.
pub fn without_quotes(text: &str) -> String {
    const LONG: usize = 4;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '`']) {
        let mark = rest[at..].chars().next().unwrap_or('"');
        let from = &rest[at + 1..];
        out.push_str(&rest[..=at]);
        let (quoted, after) = match from.find(mark) {
            Some(end) => (&from[..end], &from[end..]),
            None => (from, ""),
        };
        if quoted.split_whitespace().count() >= LONG && !quoted.starts_with("repartee ") {
            out.push_str("...");
        } else {
            out.push_str(quoted);
        }
        let mut chars = after.chars();
        out.extend(chars.next());
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_item_is_found_among_good_ones() {
        let items: Vec<u32> = (0..20).collect();
        let mut work = |some: &[u32]| -> Result<Vec<u32>, Stop> {
            assert!(!some.contains(&11), "panic at 11");
            match some.contains(&3) {
                true => Err(Error::new(Code::Model, "three").into()),
                false => Ok(some.to_vec()),
            }
        };
        let done = Batches::default().each(&items, &mut work).expect("no stop");
        let bad: Vec<usize> = (0..20).filter(|i| done[*i].is_err()).collect();
        assert_eq!(bad, [3, 11]);
        assert_eq!(done[4].as_ref().ok(), Some(&4));
        let panicked = done[11].as_ref().expect_err("it panics");
        assert!(panicked.message.contains("panic at 11"), "{panicked}");
    }

    #[test]
    fn failure_of_the_whole_batch_ends_it_at_once() {
        let items: Vec<u32> = (0..20).collect();
        let mut calls = 0;
        let mut full = |_: &[u32]| -> Result<Vec<u32>, Stop> {
            calls += 1;
            Err(Error::new(Code::DiskFull, "full").into())
        };
        assert!(Batches::default().each(&items, &mut full).is_err());
        assert_eq!(calls, 1);
        // nothing works: after some tries it is no longer the items' fault
        let mut calls = 0;
        let mut broken = |_: &[u32]| -> Result<Vec<u32>, Stop> {
            calls += 1;
            Err(Error::new(Code::Model, "diverged").into())
        };
        let many: Vec<u32> = (0..10_000).collect();
        let ended = Batches::default().each(&many, &mut broken);
        assert!(matches!(ended, Err(Stop::Failed(e)) if e.message == "diverged"));
        assert!(calls < 60, "{calls}");
    }

    #[test]
    fn quoted_text_is_redacted_and_names_stay() {
        assert_eq!(
            without_quotes("no run is called \"a b\"; `repartee train list now please` shows"),
            "no run is called \"a b\"; `repartee train list now please` shows"
        );
        assert_eq!(
            without_quotes("byte 3 is inside 'x' of `my number is five five`[...]"),
            "byte 3 is inside 'x' of `...`[...]"
        );
        assert_eq!(without_quotes("open \"one two three four"), "open \"...");
    }
}
