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
    let ids: Result<Vec<i64>> = pairs.iter().map(|pair| pair_of(pair)).collect();
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

/// A pair, in any of the forms in which output names it: its number, its Reddit id with `t1_` or, if it has letters and
/// digits, without, or `x` and 16 hexadecimal digits for a pair without a Reddit id. Digits alone are a number, and
/// letters alone are most likely a word.
fn pair_id(word: &str) -> Option<i64> {
    let word = word.trim();
    if let Ok(id) = word.parse() {
        return Some(id);
    }
    match word.strip_prefix('x').filter(|hex| hex.len() == 16) {
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(|id| id as i64),
        None => match word.strip_prefix("t1_") {
            Some(bare) => id::decode(bare),
            None => id::decode(word).filter(|_| is_telling(word)),
        },
    }
}

/// Whether an id is neither a number nor a word.
fn is_telling(id: &str) -> bool {
    let has = |wanted: fn(&u8) -> bool| id.as_bytes().iter().any(wanted);
    has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && !id.contains('_')
}

/// A pair as a command takes it.
///
/// # Errors
/// [`crate::Code::Usage`] if it is in none of the forms in which output names pairs.
pub fn pair_of(word: &str) -> Result<i64> {
    pair_id(word).ok_or_else(|| {
        Error::usage(format!(
            "{word:?} is not the number of a pair; `repartee pairs show` lists them"
        ))
    })
}

/// A pair in messages, by its id; a command takes it as it is written here.
pub(crate) fn pair_name(pair: i64) -> String {
    let name = id::encode(pair);
    match pair < 0 || is_telling(&name) {
        true => name,
        false => format!("t1_{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pair_is_found_by_every_form_in_which_it_is_written() {
        for id in [
            0,
            5,
            1371,
            35,
            36,
            41_497_293_111,
            1 << 53,
            i64::MAX,
            -1,
            -5,
            i64::MIN,
            72_057_594_037_927_937,
        ] {
            for word in [pair_name(id), id.to_string()] {
                assert_eq!(pair_id(&word), Some(id), "{word}");
            }
        }
        assert_eq!(pair_id("jq788nznp8x"), id::decode("jq788nznp8x"));
        for word in ["", "t3_abc1", "a b1", "x12-", "many"] {
            assert_eq!(pair_id(word), None, "{word:?}");
        }
    }
}
