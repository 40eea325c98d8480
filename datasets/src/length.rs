//! The length of a text in words, in every script: where a script has no spaces between words, two characters count as
//! one word.

use std::ops::Range;

/// Lengths are sums of halves of a word: a word counts two, a character of a script without spaces one.
pub const HALVES: usize = 2;

/// Whether a character is of a script that is written without spaces between words. Two of them are about as long as a
/// word is in other scripts.
pub fn is_unspaced(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{fff}' // Thai, Lao, Tibetan
            | '\u{1000}'..='\u{109f}' // Burmese
            | '\u{1780}'..='\u{17ff}' // Khmer
            | '\u{3005}'..='\u{3007}' // signs for Chinese characters
            | '\u{3040}'..='\u{30ff}' // Hiragana, Katakana
            | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}' // Chinese characters
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{ff66}'..='\u{ff9d}' // Katakana of half width
            | '\u{20000}'..='\u{3ffff}'
    )
}

/// The parts of a word of letters and digits, each with its length in halves: every character of a script without
/// spaces, and what is between them.
pub fn parts(word: &str) -> Vec<(&str, usize)> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, c) in word.char_indices().filter(|(_, c)| is_unspaced(*c)) {
        if from < at {
            parts.push((&word[from..at], HALVES));
        }
        from = at + c.len_utf8();
        parts.push((&word[at..from], 1));
    }
    if from < word.len() {
        parts.push((&word[from..], HALVES));
    }
    parts
}

/// Whether parts of these lengths, in halves, are at least as long as that many words.
pub fn are_at_least(halves: impl IntoIterator<Item = usize>, words: usize) -> bool {
    halves.into_iter().sum::<usize>() >= words.saturating_mul(HALVES)
}

/// The shortest run of at least that many words from each part on; `halves` says how long a part is.
pub fn runs<T>(
    parts: &[T],
    halves: impl Fn(&T) -> usize,
    words: usize,
) -> impl Iterator<Item = Range<usize>> {
    let least = words.saturating_mul(HALVES);
    (0..parts.len()).filter_map(move |from| {
        let mut length = 0;
        let last = parts[from..].iter().position(|part| {
            length += halves(part);
            length >= least
        })?;
        Some(from..from + last + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_characters_without_spaces_count_as_a_word() {
        let of = |word| parts(word).into_iter().map(|(_, halves)| halves);
        for (word, halves) in [("word", 2), ("café", 2), ("한국어", 2), ("我的钥匙", 4)] {
            assert_eq!(of(word).sum::<usize>(), halves, "{word}");
        }
        assert_eq!(
            parts("3月のsale"),
            [("3", 2), ("月", 1), ("の", 1), ("sale", 2)]
        );
        assert!(are_at_least(of("垫子下面"), 2) && !are_at_least(of("垫子下"), 2));
    }

    #[test]
    fn runs_have_at_least_so_many_words_and_begin_at_each_part() {
        let parts = parts("我的ok钥匙");
        let found: Vec<_> = runs(&parts, |(_, halves)| *halves, 2).collect();
        assert_eq!(found, [0..3, 1..4, 2..5]);
        let words = ["one", "two", "three", "four"];
        let found: Vec<_> = runs(&words, |_| HALVES, 3).collect();
        assert_eq!(found, [0..3, 1..4]);
    }
}
