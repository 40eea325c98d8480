//! Texts that repeat: a reply that is an echo of its comment, and words or characters in a loop.

use crate::duplicates::normalized;
use crate::memorized::hash_of_word;
use crate::near;

/// Minimum number of words that an echo repeats, unless it is equal to the comment.
const ECHO_WORDS: usize = 5;

/// The share of its words, in percent, that makes a reply an echo.
const ECHO_PERCENT: usize = 80;

/// Words that repeat: up to `unit` of them, at least `times` in a row. People say something three times, but not a
/// sentence.
const LOOPS: [(usize, usize); 2] = [(8, 4), (32, 3)];

/// This many words in a loop are too many in any text.
const LOOP_WORDS: usize = 12;

/// This many are too many if they are a third of the text: "no no no no" is no fault.
const SHORT_LOOP_WORDS: usize = 6;

/// The same for characters without white space: in scripts without spaces, and for "hahahaha".
const LOOP_CHARS: usize = 40;
const CHARS_PER_UNIT: usize = 16;

/// Words or characters that a text repeats in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repetition {
    /// Length of what is repeated, in words or characters.
    pub unit: usize,
    /// How often it occurs, fully.
    pub times: usize,
    /// Length of all of it, in words or characters.
    pub length: usize,
}

fn hashes(text: &str) -> Vec<u32> {
    near::words(text).iter().map(|w| hash_of_word(w)).collect()
}

/// Length of the longest run of consecutive items that both lists have. Compares all items: for a comment and a reply.
pub(crate) fn longest_common_run<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    // lengths of the runs that end at the previous item of `a` and each item of `b`
    let mut before = vec![0_usize; b.len() + 1];
    let mut longest = 0;
    for item in a {
        let mut here = vec![0_usize; b.len() + 1];
        for (at, other) in b.iter().enumerate() {
            if item == other {
                here[at + 1] = before[at] + 1;
                longest = longest.max(here[at + 1]);
            }
        }
        before = here;
    }
    longest
}

/// The number of consecutive words of the comment that a reply consists of, if that is all of both texts, or nearly all
/// of the reply. `None`: it is no echo.
pub fn echo(comment: &str, reply: &str) -> Option<usize> {
    let (ours, theirs) = (hashes(reply), hashes(comment));
    let equal = normalized(reply);
    if !equal.is_empty() && equal == normalized(comment) {
        return Some(ours.len());
    }
    let run = longest_common_run(&ours, &theirs);
    (run >= ECHO_WORDS && 100 * run >= ECHO_PERCENT * ours.len()).then_some(run)
}

/// The longest loop of units of this length.
fn looped<T: PartialEq>(items: &[T], unit: usize) -> Repetition {
    let (mut equal, mut longest) = (0, 0);
    for at in unit..items.len() {
        equal = match items[at] == items[at - unit] {
            true => equal + 1,
            false => 0,
        };
        longest = longest.max(equal);
    }
    let length = longest + unit;
    Repetition {
        unit,
        times: length / unit,
        length,
    }
}

/// Words or characters that a text repeats in a row, often enough to be a fault; of several loops the longest, of equally
/// long ones that of the shortest unit.
pub fn repetition(text: &str) -> Option<Repetition> {
    let longest = |loops: Vec<Repetition>| {
        loops
            .into_iter()
            .reduce(|best, other| match other.length > best.length {
                true => other,
                false => best,
            })
    };
    let words = hashes(text);
    let most = LOOPS.iter().map(|(unit, _)| *unit).max().unwrap_or(0);
    let of_words = (1..=most.min(words.len() / 2)).map(|unit| looped(&words, unit));
    let is_fault = |found: &Repetition| {
        let allowed = LOOPS.iter().find(|(unit, _)| found.unit <= *unit);
        let is_third = 3 * found.length >= words.len();
        allowed.is_some_and(|(_, times)| found.times >= *times)
            && (found.length >= LOOP_WORDS || (found.length >= SHORT_LOOP_WORDS && is_third))
    };
    if let Some(found) = longest(of_words.filter(is_fault).collect()) {
        return Some(found);
    }
    let all = text.chars().filter(|c| !c.is_whitespace()).count();
    let pieces = text.split_whitespace().flat_map(|piece| {
        let chars: Vec<char> = piece.chars().flat_map(char::to_lowercase).collect();
        let most = match chars.len() >= LOOP_CHARS {
            true => CHARS_PER_UNIT,
            false => 0,
        };
        (1..=most)
            .map(|unit| looped(&chars, unit))
            .collect::<Vec<_>>()
    });
    let is_fault = |found: &Repetition| {
        found.times >= 4 && found.length >= LOOP_CHARS && 3 * found.length >= all
    };
    longest(pieces.filter(is_fault).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echo_is_the_comment_or_nearly_only_words_of_it() {
        let comment = "Does anybody know how to repair an old radio from the sixties?";
        assert_eq!(echo(comment, &comment.to_uppercase()), Some(12));
        assert_eq!(echo("Yes.", "yes"), Some(1));
        assert_eq!(echo(":)", ": )"), Some(0));
        assert_eq!(echo("", ""), None);
        assert_eq!(echo(comment, "How to repair an old radio?"), Some(6));
        assert_eq!(
            echo(comment, "So: how to repair an old radio from the sixties"),
            Some(9)
        );
        // a quote with an answer
        assert_eq!(
            echo(
                comment,
                "> how to repair an old radio\n\nReplace its capacitors first."
            ),
            None
        );
        // four words
        assert_eq!(echo(comment, "An old radio from?"), None);
        // the same words in another order
        assert_eq!(
            echo(comment, "From the sixties an old radio, to repair how"),
            None
        );
    }

    #[test]
    fn loops_of_words_are_found() {
        let of = |unit, times, length| {
            Some(Repetition {
                unit,
                times,
                length,
            })
        };
        assert_eq!(
            repetition(&"I think so. ".repeat(5)),
            of(3, 5, 15),
            "the unit is the shortest"
        );
        assert_eq!(repetition("yes, yes, yes, yes, yes, yes!"), of(1, 6, 6));
        let long = "It was a good day for the garden, and ";
        let tail = "then we all went home to eat what we had picked. ";
        assert_eq!(
            repetition(&format!("{long}{tail}{long}{tail}{long}{tail}")),
            of(20, 3, 60)
        );
        let words = "a b c d e f g h i j k l m n o p q r s t u v w x y z";
        assert_eq!(
            repetition(&format!("{words} {} {words}", "so on ".repeat(6))),
            of(2, 6, 12)
        );
        // the last repetition is cut
        assert_eq!(
            repetition(&format!("{}and", "and so on ".repeat(4))),
            of(3, 4, 13)
        );
    }

    #[test]
    fn what_people_repeat_is_no_loop() {
        let words = "a b c d e f g h i j k l m n o p q r s t u v w x y z";
        for text in [
            "",
            "no no no no",
            "That is very, very, very, very good advice for a new garden",
            "Buy it, try it, return it if you must",
            "hahahahahaha",
            "You said it twice. You said it twice.",
            &format!("{words} {} {words}", "so ".repeat(8)),
        ] {
            assert_eq!(repetition(text), None, "{text}");
        }
    }

    #[test]
    fn loops_of_characters_are_found_in_texts_without_spaces() {
        let found = repetition(&"哈哈真的吗".repeat(10)).unwrap();
        assert_eq!((found.unit, found.times), (5, 10));
        let found = repetition(&format!("L{}", "o".repeat(80))).unwrap();
        assert_eq!((found.unit, found.times), (1, 80));
        // a line under a text that is longer
        let long = "These are the steps that I would take before I buy another pump, since most of them cost \
                    nothing and one of them usually helps:";
        assert_eq!(repetition(&format!("{long}\n{}", "=".repeat(40))), None);
    }

    #[test]
    fn longest_common_run_is_that_of_all_runs() {
        for seed in 0..300 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut list = || -> Vec<u8> { (0..rng.usize(..12)).map(|_| rng.u8(..3)).collect() };
            let (a, b) = (list(), list());
            let is_in = |run: &[u8]| b.windows(run.len()).any(|w| w == run);
            let slow = (1..=a.len())
                .filter(|n| a.windows(*n).any(is_in))
                .max()
                .unwrap_or(0);
            assert_eq!(longest_common_run(&a, &b), slow, "seed {seed}");
        }
    }
}
