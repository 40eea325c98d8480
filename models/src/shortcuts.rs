//! Classifiers that tell real replies from fakes without reading them: by their length, by their markup, or by which
//! words they have. A realism model that is hardly better than one of them may have learned no more.
//!
//! Lengths and counts of markup are sorted into bins by the quantiles of the training replies, so that a value in the
//! middle can be as telling as an extreme one. Words and pairs of words are weighted by TF-IDF, as
//! `sklearn.feature_extraction.text.TfidfVectorizer(ngram_range=(1, 2))`, but hashed into a fixed number of columns, so
//! that memory does not depend on the vocabulary. All three end in the same logistic regression. Nothing is random.

use crate::logistic::{LogisticRegression, SparseRows};
use crate::{Error, Result};

/// What a classifier sees of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features {
    /// Numbers of characters, words and lines, without white space at its ends.
    Length,
    /// White space, punctuation, capitals, digits, links, quotes, lists and emphasis.
    Markup,
    /// Words and pairs of words.
    Words,
}

/// Bins of a count, unless fewer values occur.
const BINS: usize = 16;
/// Columns of words and pairs of words.
const COLUMNS: usize = 1 << 18;

fn length(text: &str) -> Vec<f64> {
    let text = text.trim();
    [
        text.chars().count(),
        text.split_whitespace().count(),
        text.lines().count(),
    ]
    .map(|n| n as f64)
    .to_vec()
}

/// Whether a line begins with the mark of a list: "* ", "- ", "+ ", "1. " or "1) ".
fn is_list_item(line: &str) -> bool {
    let line = line.trim_start();
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.len() < line.len() {
        true => rest.starts_with(". ") || rest.starts_with(") "),
        false => ["* ", "- ", "+ "].iter().any(|mark| line.starts_with(mark)),
    }
}

fn markup(text: &str) -> Vec<f64> {
    let inner = text.trim();
    let blanks = |text: &str| text.chars().count() as f64;
    let lines = |is: fn(&str) -> bool| inner.lines().filter(|line| is(line)).count() as f64;
    let times = |pattern: &str| inner.matches(pattern).count() as f64;
    let all = inner.chars().count().max(1) as f64;
    let share = |is: fn(char) -> bool| inner.chars().filter(|c| is(*c)).count() as f64 / all;
    let flag = |is: bool| f64::from(u8::from(is));
    vec![
        flag(text.ends_with('\n')),
        blanks(&text[text.trim_end().len()..]),
        blanks(&text[..text.len() - text.trim_start().len()]),
        times("\n"),
        times("\n\n"),
        times("  "),
        times("http://") + times("https://") + times("]("),
        lines(|line| line.starts_with('>') || line.starts_with("&gt;")),
        lines(is_list_item),
        times("*") + times("_"),
        times("`"),
        times("..."),
        times("!"),
        times("?"),
        share(|c| c.is_ascii_punctuation()),
        share(char::is_uppercase),
        share(|c| c.is_ascii_digit()),
        share(|c| !c.is_ascii()),
        flag(inner.starts_with(char::is_lowercase)),
        flag(inner.ends_with(|c: char| c.is_alphanumeric())),
        flag(inner.ends_with('.')),
    ]
}

/// Sorts counts into bins, each of which is a column.
#[derive(Clone, Debug)]
struct Bins {
    /// Of each count, its edges and its first column.
    of: Vec<(Vec<f64>, usize)>,
    /// Number of columns.
    width: usize,
}

impl Bins {
    /// The bins of counts (N, F): between their quantiles, the least value by itself.
    fn fit(counts: &[Vec<f64>]) -> Self {
        let features = counts.first().map_or(0, Vec::len);
        let mut width = 0;
        let mut of = Vec::with_capacity(features);
        for feature in 0..features {
            let mut values: Vec<f64> = counts.iter().map(|row| row[feature]).collect();
            values.sort_unstable_by(f64::total_cmp);
            let mut edges: Vec<f64> = (0..BINS).map(|i| values[i * values.len() / BINS]).collect();
            edges.dedup();
            let first = width;
            width += edges.len() + 1;
            of.push((edges, first));
        }
        Self { of, width }
    }

    fn row(&self, counts: &[f64]) -> Vec<(u32, f32)> {
        let bins = self.of.iter().zip(counts).map(|((edges, first), count)| {
            let bin = edges.partition_point(|edge| edge < count);
            ((first + bin) as u32, 1.0)
        });
        bins.collect()
    }
}

/// FNV-1a: fast, and the same on every machine.
fn hash(bytes: &[u8], seed: u64) -> u64 {
    bytes.iter().fold(seed, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The columns of a text's words and pairs of words with how often each occurs, rising.
fn terms(text: &str) -> Vec<(u32, u32)> {
    const SEED: u64 = 0xcbf2_9ce4_8422_2325;
    let lower = text.to_lowercase();
    let words: Vec<u64> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| hash(word.as_bytes(), SEED))
        .collect();
    let pairs = words
        .windows(2)
        .map(|two| hash(&two[1].to_le_bytes(), two[0]));
    let mut columns: Vec<u32> = (words.iter().copied().chain(pairs))
        .map(|hash| ((hash ^ (hash >> 32)) as usize % COLUMNS) as u32)
        .collect();
    columns.sort_unstable();
    columns
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], same.len() as u32))
        .collect()
}

/// The weight of each column: ln((1 + N) / (1 + number of texts that have it)) + 1.
#[derive(Clone, Debug)]
struct TfIdf {
    idf: Vec<f32>,
}

impl TfIdf {
    fn fit(texts: &[&str]) -> Self {
        let mut having = vec![0_u32; COLUMNS];
        for text in texts {
            for (column, _) in terms(text) {
                having[column as usize] += 1;
            }
        }
        let all = 1.0 + texts.len() as f64;
        let idf = |having: u32| ((all / (1.0 + f64::from(having))).ln() + 1.0) as f32;
        Self {
            idf: having.into_iter().map(idf).collect(),
        }
    }

    /// The weighted terms of a text, of Euclidean length 1.
    fn row(&self, text: &str) -> Vec<(u32, f32)> {
        let mut row: Vec<(u32, f32)> = terms(text)
            .into_iter()
            .map(|(column, times)| (column, times as f32 * self.idf[column as usize]))
            .collect();
        let length = row
            .iter()
            .map(|(_, value)| value * value)
            .sum::<f32>()
            .sqrt();
        row.iter_mut().for_each(|(_, value)| *value /= length);
        row
    }
}

#[derive(Clone, Debug)]
enum Encoder {
    Counts(fn(&str) -> Vec<f64>, Bins),
    Words(TfIdf),
}

impl Encoder {
    fn fit(features: Features, texts: &[&str]) -> Self {
        let counts = |of: fn(&str) -> Vec<f64>| {
            let counts: Vec<Vec<f64>> = texts.iter().map(|text| of(text)).collect();
            Self::Counts(of, Bins::fit(&counts))
        };
        match features {
            Features::Length => counts(length),
            Features::Markup => counts(markup),
            Features::Words => Self::Words(TfIdf::fit(texts)),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Counts(_, bins) => bins.width,
            Self::Words(_) => COLUMNS,
        }
    }

    fn row(&self, text: &str) -> Vec<(u32, f32)> {
        match self {
            Self::Counts(of, bins) => bins.row(&of(text)),
            Self::Words(words) => words.row(text),
        }
    }
}

/// A fitted classifier.
#[derive(Clone, Debug)]
pub struct ShortcutClassifier {
    encoder: Encoder,
    model: LogisticRegression,
}

impl ShortcutClassifier {
    /// Fits the features of replies (N) to whether each is real (N). It asks `stop` at each reply and each pass.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if `stop` said so.
    pub fn fit(
        features: Features,
        replies: &[&str],
        real: &[bool],
        stop: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let encoder = Encoder::fit(features, replies);
        let mut rows = SparseRows::new(encoder.width());
        for reply in replies {
            if stop() {
                return Err(Error::Interrupted);
            }
            rows.push(&encoder.row(reply));
        }
        let model = LogisticRegression::fit(&rows, real, stop)?;
        Ok(Self { encoder, model })
    }

    /// The log-odds that a reply is real.
    pub fn score(&self, reply: &str) -> f64 {
        self.model.logit(&self.encoder.row(reply))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::metrics;
    use crate::rng::Stream;

    const WORDS: [&str; 12] = [
        "water", "the", "roses", "twice", "a", "week", "and", "never", "at", "noon", "in", "summer",
    ];

    /// Replies of 5 to 24 random words: real ones and fakes are alike, but for what `plant` does to a fake.
    fn auc(features: Features, plant: impl Fn(&str) -> String) -> f64 {
        let mut stream = Stream::new(11, "replies");
        let mut texts = Vec::new();
        let real: Vec<bool> = (0..1200).map(|n| n % 2 == 0).collect();
        for real in &real {
            let words: Vec<&str> = (0..5 + stream.below(20))
                .map(|_| WORDS[stream.below(WORDS.len())])
                .collect();
            let text = format!("{}.\n", words.join(" "));
            texts.push(if *real { text } else { plant(&text) });
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (train, test) = texts.split_at(600);
        let fitted = ShortcutClassifier::fit(features, train, &real[..600], &|| false).unwrap();
        let scores: Vec<f64> = test.iter().map(|text| fitted.score(text)).collect();
        metrics::roc(&scores, &real[600..]).unwrap().auc
    }

    const ALL: [Features; 3] = [Features::Length, Features::Markup, Features::Words];

    #[test]
    fn replies_that_do_not_differ_have_an_auc_of_one_half() {
        for features in ALL {
            let auc = auc(features, str::to_owned);
            // five standard errors
            assert!((0.38..0.62).contains(&auc), "{features:?} {auc}");
        }
    }

    #[test]
    fn missing_final_newline_is_found_by_markup_only() {
        let without = |text: &str| text.trim_end().to_owned();
        assert!(auc(Features::Markup, without) > 0.999);
        for features in [Features::Length, Features::Words] {
            let auc = auc(features, without);
            assert!((0.38..0.62).contains(&auc), "{features:?} {auc}");
        }
    }

    #[test]
    fn shorter_fakes_are_found_by_length() {
        let short = |text: &str| {
            let words: Vec<&str> = text.split_whitespace().take(4).collect();
            format!("{}.\n", words.join(" "))
        };
        assert!(auc(Features::Length, short) > 0.99);
    }

    #[test]
    fn fakes_of_one_length_in_the_middle_are_found_by_length() {
        let middle = |text: &str| {
            let words = text.trim_end_matches(".\n").split(' ');
            let words: Vec<&str> = words.cycle().take(12).collect();
            format!("{}.\n", words.join(" "))
        };
        let auc = auc(Features::Length, middle);
        assert!(auc > 0.85, "{auc}");
    }

    #[test]
    fn pair_of_words_is_found_by_words_only() {
        // the same words in another order: only pairs tell them apart
        let marked = |text: &str| text.replace(".\n", " noon never.\n");
        let found = auc(Features::Words, marked);
        assert!(found > 0.75, "{found}");
        let frequent = |text: &str| text.replace(".\n", " indeed.\n");
        assert!(auc(Features::Words, frequent) > 0.9);
        let markup = auc(Features::Markup, frequent);
        assert!(markup < 0.75, "{markup}");
    }

    #[test]
    fn list_items_are_recognized() {
        for line in ["* one", "- one", "  + one", "12. one", "3) one"] {
            assert!(is_list_item(line), "{line}");
        }
        for line in ["one", "*one*", "12 roses", "-1", ""] {
            assert!(!is_list_item(line), "{line}");
        }
    }

    #[test]
    fn unseen_and_empty_replies_have_a_score() {
        let texts = ["one two", "three\n", "one", "two two\n"];
        let real = [true, false, true, false];
        for features in ALL {
            let fitted = ShortcutClassifier::fit(features, &texts, &real, &|| false).unwrap();
            for text in ["", "  \n", "entirely new", "one"] {
                assert!(fitted.score(text).is_finite(), "{features:?} {text:?}");
            }
            let empty = ShortcutClassifier::fit(features, &[], &[], &|| false).unwrap();
            assert_eq!(empty.score("one"), 0.0, "{features:?}");
        }
    }
}
