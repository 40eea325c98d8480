//! Curation: the user excludes single pairs and authors from splits created afterwards, each with a reason, and can
//! include them again. A locked split does not change.

use repartee_core::error::{Error, Result};
use repartee_core::job::now_ms;
use repartee_datasets::clean::bare_name;
use repartee_datasets::id;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;

/// What to exclude, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct ExcludePairs {
    /// By number.
    pub pairs: Vec<String>,
    /// Every pair whose comment or reply is theirs.
    pub authors: Vec<String>,
    /// Shown wherever the pair is.
    pub reason: String,
}

/// Exclusions to undo.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct IncludePairs {
    /// Pairs that were excluded themselves, by number.
    pub pairs: Vec<String>,
    /// Authors that were excluded.
    pub authors: Vec<String>,
}

/// A pair that was itself excluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ExcludedPair {
    /// A string, since some do not fit a JavaScript number.
    pub id: String,
    pub reason: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// An author whose pairs are excluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ExcludedAuthor {
    /// Without u/.
    pub name: String,
    pub reason: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Pairs whose comment or reply is theirs.
    pub pairs: u64,
}

/// All exclusions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Excluded {
    /// Single pairs, the latest first.
    pub pairs: Vec<ExcludedPair>,
    pub authors: Vec<ExcludedAuthor>,
}

/// Maximum length of a reason in characters.
const REASON: usize = 500;

impl Engine {
    /// Excludes pairs and authors from splits created afterwards; all or none. Excluding something again replaces the
    /// reason.
    ///
    /// # Errors
    /// [`crate::Code::Usage`] without a reason, or with nothing to exclude; [`crate::Code::NotFound`] for a pair that
    /// does not exist, or an author without comments.
    pub fn exclude(&self, what: &ExcludePairs) -> Result<Excluded> {
        let reason = what.reason.trim();
        if reason.is_empty() {
            return Err(Error::usage("say why: an exclusion needs a reason"));
        }
        if reason.chars().count() > REASON {
            return Err(Error::usage(format!(
                "the reason has more than {REASON} characters; shorten it"
            )));
        }
        let (pairs, authors) = named(&what.pairs, &what.authors)?;
        self.store.exclude(&pairs, &authors, reason, now_ms())?;
        self.excluded()
    }

    /// Undoes exclusions; all or none.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`] for what is not excluded.
    pub fn include(&self, what: &IncludePairs) -> Result<Excluded> {
        let (pairs, authors) = named(&what.pairs, &what.authors)?;
        self.store.include(&pairs, &authors)?;
        self.excluded()
    }

    /// All exclusions, with reasons.
    pub fn excluded(&self) -> Result<Excluded> {
        let pairs = self.store.excluded_pairs()?.into_iter();
        let authors = self.store.excluded_authors()?.into_iter();
        Ok(Excluded {
            pairs: pairs
                .map(|pair| ExcludedPair {
                    id: pair.id.to_string(),
                    reason: pair.reason,
                    at_ms: pair.at_ms,
                })
                .collect(),
            authors: authors
                .map(|author| ExcludedAuthor {
                    name: author.name,
                    reason: author.reason,
                    at_ms: author.at_ms,
                    pairs: author.pairs,
                })
                .collect(),
        })
    }
}

/// The ids of pairs and the bare names of authors.
fn named(pairs: &[String], authors: &[String]) -> Result<(Vec<i64>, Vec<String>)> {
    if pairs.is_empty() && authors.is_empty() {
        return Err(Error::usage("name at least one pair or one author"));
    }
    let ids: Result<Vec<i64>> = pairs
        .iter()
        .map(|pair| {
            pair_id(pair).ok_or_else(|| {
                Error::usage(format!(
                    "{pair:?} is not the number of a pair; `repartee pairs show` lists them"
                ))
            })
        })
        .collect();
    let mut names = Vec::with_capacity(authors.len());
    for author in authors {
        let name = bare_name(author);
        if repartee_datasets::clean::is_unknown_author(name) {
            return Err(Error::usage(format!(
                "{author:?} is not one author; `repartee pairs build --drop-unknown-authors` drops texts \
                 without one"
            )));
        }
        names.push(name.to_owned());
    }
    Ok((ids?, names))
}

/// A pair by its number, by its Reddit name (`t1_...`), or, without a Reddit id, as an audit names it (`x` and 16
/// hexadecimal digits).
fn pair_id(word: &str) -> Option<i64> {
    let word = word.trim();
    if let Ok(id) = word.parse() {
        return Some(id);
    }
    match word.strip_prefix('x').filter(|hex| hex.len() == 16) {
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(|id| id as i64),
        None => word.strip_prefix("t1_").and_then(id::decode),
    }
}
