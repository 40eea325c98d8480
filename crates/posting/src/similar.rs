//! Overlap of texts, over shingles of three words.

use std::collections::HashSet;

/// Words per shingle.
const WORDS: usize = 3;

/// The words of a text in lower case, without punctuation.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The shingles of a text; a text of fewer than three words is one shingle.
fn shingles(text: &str) -> HashSet<String> {
    let words = words(text);
    if words.is_empty() {
        return HashSet::new();
    }
    words
        .windows(WORDS.min(words.len()))
        .map(|shingle| shingle.join(" "))
        .collect()
}

/// The share of the smaller set of shingles that both texts have: 0 to 1. Two texts without a word have no overlap.
pub(crate) fn overlap(a: &str, b: &str) -> f64 {
    let (a, b) = (shingles(a), shingles(b));
    let smaller = a.len().min(b.len());
    if smaller == 0 {
        return 0.0;
    }
    a.intersection(&b).count() as f64 / smaller as f64
}

/// The share of a text's shingles that another contains: 0 to 1.
pub(crate) fn contained(text: &str, within: &str) -> f64 {
    let (text, within) = (shingles(text), shingles(within));
    if text.is_empty() {
        return 0.0;
    }
    text.intersection(&within).count() as f64 / text.len() as f64
}

/// The first of these words (or phrases) that a text contains as a whole word.
pub(crate) fn word_in<'a>(gate: &'a [String], text: &str) -> Option<&'a str> {
    let text = format!(" {} ", words(text).join(" "));
    gate.iter().map(String::as_str).find(|gated| {
        let gated = words(gated).join(" ");
        !gated.is_empty() && text.contains(&format!(" {gated} "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_counts_shared_triples() {
        let text = "I would try to turn it off and on again, that helps me every time.";
        assert!(
            (overlap(
                text,
                "i would try to turn it off and on AGAIN that helps me every time"
            ) - 1.0)
                .abs()
                < 1e-9
        );
        assert!(
            overlap(
                text,
                "Have you asked the people who made it? They know best."
            ) < 0.1
        );
        assert!((overlap("thanks", "Thanks!") - 1.0).abs() < 1e-9);
        assert_eq!(overlap("", "a"), 0.0);
        assert_eq!(overlap("!!!", "???"), 0.0);
    }

    #[test]
    fn echo_is_contained_in_its_parent() {
        let parent = "Does anybody know how to repair an old radio from the sixties?";
        assert!(contained("how to repair an old radio from the sixties", parent) > 0.99);
        assert!(
            contained(
                "Ask a museum, they repair an old radio now and then.",
                parent
            ) < 0.5
        );
    }

    #[test]
    fn blocked_words_match_whole_words_only() {
        let gate = [
            "kys".to_owned(),
            "kill yourself".to_owned(),
            "self-harm".to_owned(),
        ];
        assert_eq!(
            word_in(&gate, "go KILL  yourself, please"),
            Some("kill yourself")
        );
        assert_eq!(word_in(&gate, "about self harm"), Some("self-harm"));
        assert_eq!(word_in(&gate, "the skys are blue"), None);
    }
}
