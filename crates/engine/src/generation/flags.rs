//! What is wrong with a candidate: an echo of its comment, the words of an earlier candidate, a copy of a training
//! reply, or a repetition. What is stored of it has no text; the copied reply is looked up when it is shown.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use repartee_core::error::{Code, Error, Result};
use repartee_core::format::counted;
use repartee_core::left_out::is_of_the_whole;
use repartee_datasets::Partition;
use repartee_datasets::duplicates::normalized;
use repartee_datasets::memorized::{Builder, Copied, How, Index};
use repartee_datasets::repeats;
use repartee_store::Store;
use repartee_store::threads::Candidate;
use repartee_terms::FlagKind;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::data::examples::{pair_ids, pair_label};

/// Training replies read at once.
const PAGE: usize = 2_000;

/// One thing that is wrong with a candidate; stored with it as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    pub kind: FlagKind,
    /// Number of words that are copied, or of words or characters that are repeated, every time counted.
    pub length: usize,
    /// How often something is repeated in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<usize>,
    /// The training pair whose reply it copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<i64>,
    /// Jaccard similarity with that reply, of a near copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f64>,
    /// Index of the earlier candidate for the same comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<u32>,
}

/// A flag of a candidate, as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FlagInfo {
    pub kind: FlagKind,
    /// "14 words in a row from training pair t1_abc".
    pub reason: String,
    /// The training pair whose reply it copies, as commands take it; none: it copies none.
    pub pair: Option<String>,
    /// The copied reply; none: it copies none, or the text was deleted.
    pub source: Option<String>,
}

impl Flag {
    fn of(kind: FlagKind, length: usize) -> Self {
        Self {
            kind,
            length,
            times: None,
            pair: None,
            similarity: None,
            earlier: None,
        }
    }

    /// Why it is not selected.
    fn reason(&self) -> String {
        let pair = self.pair.map(pair_label).unwrap_or_default();
        let words = counted(self.length, "word", "words");
        match self.kind {
            FlagKind::Echo => format!("echo of the comment ({words})"),
            FlagKind::Duplicate => match self.earlier {
                Some(n) => format!("duplicate of candidate {}", u64::from(n) + 1),
                None => "duplicate of an earlier candidate".to_owned(),
            },
            FlagKind::ExactCopy => format!("copy of training {pair} ({words})"),
            FlagKind::SharedRun => format!("{words} in a row from training {pair}"),
            FlagKind::NearCopy => {
                let similarity = self.similarity.unwrap_or_default();
                format!("near copy of training {pair} (similarity {similarity:.2})")
            }
            FlagKind::Repetition => {
                let times = self.times.unwrap_or_default();
                format!("repeats itself {times} times in a row")
            }
        }
    }
}

/// What is wrong with stored flags; `None`: nothing.
pub(crate) fn fault(json: &str) -> Option<String> {
    let flags: Vec<Flag> = match serde_json::from_str(json) {
        Ok(flags) => flags,
        Err(error) => return Some(format!("it cannot be read: {error}")),
    };
    let similarities = flags.iter().filter_map(|flag| flag.similarity);
    let mut impossible = similarities.filter(|x| !(0.0..=1.0).contains(x));
    let similarity = impossible.next()?;
    Some(format!("a similarity is {similarity}, not between 0 and 1"))
}

/// Replies, or errors, by the ids of their pairs.
type ByPair<T> = Vec<(i64, T)>;

/// The replies of pairs, without those whose text was deleted; and the pairs that could not be read, with the reason.
fn replies_of(store: &Store, pairs: &[i64]) -> Result<(ByPair<String>, ByPair<Error>)> {
    let read = |ids: &[i64]| -> Result<ByPair<String>> {
        let examples = store.examples_of(ids)?;
        Ok(examples.into_iter().map(|e| (e.pair_id, e.reply)).collect())
    };
    if let Ok(replies) = read(pairs) {
        return Ok((replies, Vec::new()));
    }
    let (mut replies, mut failed) = (Vec::new(), Vec::new());
    for id in pairs {
        match read(&[*id]) {
            Ok(reply) => replies.extend(reply),
            Err(error) if is_of_the_whole(&error) => return Err(error),
            Err(error) => failed.push((*id, error)),
        }
    }
    Ok((replies, failed))
}

/// The training replies of a generator, and those that could not be read, with the reason.
pub(crate) struct TrainingReplies {
    pub(crate) index: Index,
    pub(crate) unreadable: ByPair<Error>,
}

/// Reads the replies of the pairs that a generator was trained on: of a split, at most `limit` (0: all), sampled by the
/// seed. Ends early, with those read so far, when `stop` is set.
///
/// # Errors
/// If the project cannot be read. A single pair that cannot be read is left out.
pub(crate) fn training_replies(
    store: &Store,
    split_id: i64,
    limit: usize,
    seed: u64,
    stop: &AtomicBool,
) -> Result<TrainingReplies> {
    let ids = pair_ids(store, split_id, Partition::Train, limit, seed)?;
    let mut builder = Builder::default();
    let mut unreadable = Vec::new();
    for page in ids.chunks(PAGE) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (replies, failed) = replies_of(store, page)?;
        unreadable.extend(failed);
        builder.add(&replies);
    }
    Ok(TrainingReplies {
        index: builder.build(),
        unreadable,
    })
}

/// The flags of the candidates for one comment, in their order: index and text of each.
pub(crate) fn flags_of(comment: &str, candidates: &[(u32, &str)], index: &Index) -> Vec<Vec<Flag>> {
    let mut earlier: HashMap<String, u32> = HashMap::new();
    let mut all = Vec::with_capacity(candidates.len());
    for (n, text) in candidates {
        let mut flags = Vec::new();
        if let Some(words) = repeats::echo(comment, text) {
            flags.push(Flag::of(FlagKind::Echo, words));
        }
        if let Some(Copied { pair, how }) = index.copied(text) {
            let (kind, length, similarity) = match how {
                How::Exact { words } => (FlagKind::ExactCopy, words, None),
                How::Run { words } => (FlagKind::SharedRun, words, None),
                How::Near { similarity } => (FlagKind::NearCopy, 0, Some(similarity)),
            };
            flags.push(Flag {
                pair: Some(pair),
                similarity,
                ..Flag::of(kind, length)
            });
        }
        if let Some(found) = repeats::repetition(text) {
            flags.push(Flag {
                times: Some(found.times),
                ..Flag::of(FlagKind::Repetition, found.length)
            });
        }
        let words = normalized(text);
        match earlier.get(&words) {
            // an empty one is refused anyway
            Some(first) if !words.is_empty() => flags.push(Flag {
                earlier: Some(*first),
                ..Flag::of(FlagKind::Duplicate, 0)
            }),
            _ => {
                earlier.insert(words, *n);
            }
        }
        all.push(flags);
    }
    all
}

/// The stored flags of a candidate; none if it was not checked.
pub(crate) fn stored(candidate: &Candidate) -> Result<Vec<Flag>> {
    match &candidate.flags {
        Some(json) => serde_json::from_str(json).map_err(|error| {
            let candidate = candidate.id;
            let what = format!("the flags of candidate {candidate} cannot be read: {error}");
            Error::new(Code::Damaged, what)
        }),
        None => Ok(Vec::new()),
    }
}

/// Flags as they are shown, with what they copy. A reply that was deleted, or cannot be read, is not shown.
///
/// # Errors
/// If the project cannot be read.
pub(crate) fn shown(store: &Store, all: &[Vec<Flag>]) -> Result<Vec<Vec<FlagInfo>>> {
    let mut pairs: Vec<i64> = all.iter().flatten().filter_map(|flag| flag.pair).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let (replies, _) = replies_of(store, &pairs)?;
    let replies: HashMap<i64, String> = replies.into_iter().collect();
    let info = |flag: &Flag| FlagInfo {
        kind: flag.kind,
        reason: flag.reason(),
        pair: flag.pair.map(crate::data::curation::pair_name),
        source: flag.pair.and_then(|pair| replies.get(&pair).cloned()),
    };
    Ok(all
        .iter()
        .map(|flags| flags.iter().map(info).collect())
        .collect())
}

/// Why a candidate with these flags is not selected; `None`: it may be. Of equal candidates one is selected at most, so
/// that being one of them is no reason in itself: see [`pick`](super::pick::pick).
pub(crate) fn refusing(flags: &[FlagInfo]) -> Option<&str> {
    flags
        .iter()
        .find(|flag| flag.kind != FlagKind::Duplicate)
        .map(|flag| flag.reason.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str =
        "The bearing of that pump wears out after some years, and a new one costs little.";

    fn index() -> Index {
        let mut builder = Builder::default();
        builder.add(&[(7_i64, SOURCE)]);
        builder.build()
    }

    fn kinds(comment: &str, texts: &[&str]) -> Vec<Vec<FlagKind>> {
        let candidates: Vec<(u32, &str)> = (0..).zip(texts.iter().copied()).collect();
        let all = flags_of(comment, &candidates, &index());
        all.iter()
            .map(|flags| flags.iter().map(|flag| flag.kind).collect())
            .collect()
    }

    #[test]
    fn each_fault_has_its_flag_and_a_good_candidate_none() {
        let comment = "Why does my pump make such a noise?";
        assert_eq!(
            kinds(
                comment,
                &[
                    "Have you looked at its filter?",
                    "Why does my pump make such a noise",
                    SOURCE,
                    "have you looked at its FILTER",
                    &"it is the pump and ".repeat(5),
                    &format!("I think so. {}", &SOURCE[..70]),
                    "",
                    "",
                ]
            ),
            [
                vec![],
                vec![FlagKind::Echo],
                vec![FlagKind::ExactCopy],
                vec![FlagKind::Duplicate],
                vec![FlagKind::Repetition],
                vec![FlagKind::SharedRun],
                vec![],
                vec![],
            ]
        );
    }

    #[test]
    fn flags_name_their_source_and_survive_storage() {
        let text = format!("I think so. {}", &SOURCE[..70]);
        let all = flags_of("", &[(0, text.as_str()), (3, text.as_str())], &index());
        let reasons: Vec<String> = all[1].iter().map(Flag::reason).collect();
        let named = pair_label(7);
        assert_eq!(
            reasons,
            [
                format!("14 words in a row from training {named}"),
                "duplicate of candidate 1".to_owned()
            ]
        );
        let json = serde_json::to_string(&all[1]).unwrap();
        assert!(!json.contains("bearing"), "{json}");
        assert_eq!(fault(&json), None);
        assert_eq!(serde_json::from_str::<Vec<Flag>>(&json).unwrap(), all[1]);
        assert!(fault("[{}]").is_some());
        let impossible = r#"[{"kind":"near-copy","length":0,"pair":7,"similarity":1.5}]"#;
        assert!(fault(impossible).is_some_and(|what| what.contains("1.5")));
    }
}
