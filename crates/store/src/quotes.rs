//! Finds and removes quotes of purged texts: by words, so that case, line breaks, markdown, HTML entities, JSON escapes
//! and the Unicode normalization (accents composed or not, letters of full width) make no difference.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use repartee_datasets::length::{self, HALVES, is_unspaced};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

/// Replaces a wiped text, or a part of one.
pub(crate) const WIPED: &str = "[deleted]";

/// Minimum length in bytes for finding a text inside of others: "thanks" is everywhere.
pub(crate) const TELLING: usize = 12;

/// This many consecutive words of a purged text are a quote of it where texts do not belong: in logs, parameters,
/// results, notes; and in what is marked as a quote.
const QUOTE: usize = 4;
/// The number of consecutive words for model output.
const WRITTEN: usize = 5;

/// The number of consecutive words for what others wrote without marking it as a quote: people share shorter phrases.
const UNMARKED: usize = 8;

/// Levels of JSON within JSON that are searched.
const NESTED: usize = 3;

/// The purged texts whose quotes are searched for.
#[derive(Default)]
pub(crate) struct Texts {
    whole: HashSet<String>,
    quotes: HashSet<[u8; 16]>,
    written: HashSet<[u8; 16]>,
    /// Consecutive words that are a quote even if they are not marked as one.
    unmarked: HashSet<[u8; 16]>,
    /// Texts with fewer words than that, as a whole, by their number of words.
    unmarked_whole: HashMap<usize, HashSet<[u8; 16]>>,
    /// Texts with fewer words than a quote, as a whole, by their number of words.
    short: HashMap<usize, HashSet<[u8; 16]>>,
}

/// A word of a text.
struct Word {
    at: Range<usize>,
    /// In lower case and compatibility form, without accents.
    word: String,
    /// Its part in the length of a run, in halves of a word.
    halves: usize,
}

/// The length of an HTML entity at the beginning of a text, also of one that was escaped twice (`&amp;gt;`); 0: there
/// is none.
fn entity(text: &str) -> usize {
    let Some(mut rest) = text.strip_prefix('&') else {
        return 0;
    };
    while let Some(inner) = rest.strip_prefix("amp;") {
        let name = inner.find(';').map(|end| &inner[..end]);
        match name.is_some_and(is_entity) {
            true => rest = inner,
            false => return text.len() - inner.len(),
        }
    }
    match rest.find(';') {
        Some(end) if is_entity(&rest[..end]) => text.len() - rest.len() + end + 1,
        _ => 0,
    }
}

fn is_entity(name: &str) -> bool {
    const NAMES: [&str; 16] = [
        "amp", "gt", "lt", "quot", "apos", "nbsp", "hellip", "mdash", "ndash", "lsquo", "rsquo",
        "ldquo", "rdquo", "laquo", "raquo", "zwnj",
    ];
    match name.strip_prefix('#') {
        Some(number) => {
            (1..=7).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric())
        }
        None => NAMES.contains(&name),
    }
}

/// Whether a character inside a word is invisible.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
    )
}

/// The words of a text: letters and digits in lower case, in compatibility form (NFKD) and without combining marks that
/// are no letters, so that every normalization of a text has the same words. Entities separate words. Where a script has
/// no spaces, each character is a word of half the length.
fn words_at(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open: Option<Word> = None;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let skip = match c {
            '&' => entity(&text[at..]),
            _ => 0,
        };
        if skip > 0 {
            words.extend(open.take());
            at += skip;
            continue;
        }
        // a character with its marks, whose order depends on the normalization
        let marks = text[at + c.len_utf8()..]
            .chars()
            .take_while(|c| canonical_combining_class(*c) != 0);
        let end = at + c.len_utf8() + marks.map(char::len_utf8).sum::<usize>();
        match end - at {
            // ASCII without marks is the same in every form
            1 => add_char(&mut words, &mut open, c, at..end),
            _ => {
                for c in text[at..end].nfkd() {
                    add_char(&mut words, &mut open, c, at..end);
                }
            }
        }
        at = end;
    }
    words.extend(open);
    words
}

/// Adds a character, which stands at a position of the text, to its words.
fn add_char(words: &mut Vec<Word>, open: &mut Option<Word>, c: char, at: Range<usize>) {
    if c.is_alphanumeric() && is_unspaced(c) {
        words.extend(open.take());
        words.push(Word {
            at,
            word: c.to_lowercase().collect(),
            halves: 1,
        });
    } else if c.is_alphanumeric() {
        let word = open.get_or_insert_with(|| Word {
            at: at.clone(),
            word: String::new(),
            halves: HALVES,
        });
        word.word.extend(c.to_lowercase());
        word.at.end = at.end;
    } else if !is_unseen(c) && !is_combining_mark(c) {
        words.extend(open.take());
    }
}

/// A text in the form in which whole texts are compared.
fn composed(text: &str) -> Cow<'_, str> {
    match text.is_ascii() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.nfkc().collect()),
    }
}

/// The shortest run of at least `length` words from each word on.
fn runs(words: &[Word], length: usize) -> impl Iterator<Item = Range<usize>> {
    length::runs(words, |word| word.halves, length)
}

/// Whether these are as long as `length` words.
fn are_at_least(words: &[Word], length: usize) -> bool {
    length::are_at_least(words.iter().map(|word| word.halves), length)
}

/// A fingerprint of consecutive words.
fn print(run: &[Word]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for word in run {
        hasher.update(word.word.as_bytes());
        hasher.update(b" ");
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

fn prints(words: &[Word], length: usize) -> impl Iterator<Item = [u8; 16]> {
    runs(words, length).map(|run| print(&words[run]))
}

/// Words that model output has in common with a purged text.
pub(crate) struct Common {
    /// As they are in the output, in lower case, with a space between two words of scripts that have spaces.
    pub(crate) text: String,
    /// Whether one of them is of a script without spaces.
    pub(crate) is_unspaced: bool,
}

impl Common {
    fn of(output: &str, run: &[Word]) -> Self {
        let mut text = String::new();
        let mut before: Option<&Word> = None;
        for word in run {
            // a character can be several words, such as a fraction
            if before.is_none_or(|before| before.at.end <= word.at.start) {
                if before.is_some_and(|before| before.halves == 2) && word.halves == 2 {
                    text.push(' ');
                }
                let seen = output[word.at.clone()].chars().filter(|c| !is_unseen(*c));
                text.extend(seen.flat_map(char::to_lowercase));
            }
            before = Some(word);
        }
        let is_unspaced = run.iter().any(|word| word.halves == 1);
        Self { text, is_unspaced }
    }
}

/// A text with its JSON escapes undone.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let unit = |rest: &str| -> Option<u16> {
        let hex = rest.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(hex, 16).ok()
    };
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(first) = unit(rest) {
            let second = rest.get(6..).and_then(unit);
            let both = [first, second.unwrap_or(0)];
            let (c, length) = match char::decode_utf16(both).next() {
                Some(Ok(c)) if c.len_utf16() == 2 => (c, 12),
                Some(Ok(c)) => (c, 6),
                _ => (char::REPLACEMENT_CHARACTER, 6),
            };
            out.push(c);
            rest = &rest[length..];
            continue;
        }
        let mut after = rest[1..].chars();
        match after.next() {
            Some('n' | 't' | 'r' | 'b' | 'f') => out.push(' '),
            Some(c) => out.push(c),
            None => {}
        }
        rest = after.as_str();
    }
    out.push_str(rest);
    out
}

/// Whether a line is marked as a quote, as on Reddit.
fn is_quote_line(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with(['>', '\u{ff1e}'])
        || (line.starts_with("&gt;") || line.starts_with("&amp;gt;"))
}

/// The lines of a text with their position in it, without line breaks.
fn lines_at(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    text.split_inclusive('\n').map(move |line| {
        let at = from..from + line.trim_end_matches(['\n', '\r']).len();
        from += line.len();
        at
    })
}

/// Where a text marks a quote itself: between two marks of one kind, of quotation, code or emphasis.
fn between_marks(text: &str) -> Vec<Range<usize>> {
    const KINDS: [&[&str]; 5] = [
        &["\"", "&quot;", "&#34;", "&#x22;"],
        &["\u{201c}", "\u{201d}", "\u{201e}", "\u{201f}"],
        &["\u{ab}", "\u{bb}", "\u{2039}", "\u{203a}"],
        &["`"],
        &["*"],
    ];
    let mut between = Vec::new();
    for kind in KINDS {
        let places = |mark: &&str| {
            text.match_indices(*mark)
                .map(|(at, _)| at)
                .collect::<Vec<_>>()
        };
        let mut marks: Vec<usize> = kind.iter().flat_map(places).collect();
        marks.sort_unstable();
        between.extend(marks.windows(2).map(|two| two[0]..two[1]));
    }
    between
}

impl Texts {
    pub(crate) fn add(&mut self, text: &str) {
        if self.add_derived(text) {
            let words = words_at(text);
            self.written.extend(prints(&words, WRITTEN));
            if are_at_least(&words, UNMARKED) {
                self.unmarked.extend(prints(&words, UNMARKED));
            } else if are_at_least(&words, WRITTEN) {
                let of_length = self.unmarked_whole.entry(words.len()).or_default();
                of_length.insert(print(&words));
            }
            if !are_at_least(&words, QUOTE) && text.trim().len() >= TELLING {
                let of_length = self.short.entry(words.len()).or_default();
                of_length.insert(print(&words));
            }
        }
    }

    /// Adds model output derived from one of these: it is removed from logs, too, but similar output of the model is no
    /// trace of a person's text. False: there is nothing in it.
    pub(crate) fn add_derived(&mut self, text: &str) -> bool {
        let trimmed = text.trim();
        if trimmed.is_empty() || matches!(trimmed, WIPED | "[removed]") {
            return false;
        }
        self.quotes.extend(prints(&words_at(trimmed), QUOTE));
        self.whole.insert(composed(trimmed).into_owned());
        true
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }

    /// Whether a text contains one of these, of more than a word or two, as a whole.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let text = composed(text);
        self.whole
            .iter()
            .any(|whole| whole.len() >= TELLING && text.contains(whole.as_str()))
    }

    /// Whether a text that should quote none of these does: as a whole, or some consecutive words.
    pub(crate) fn quoted_in(&self, text: &str) -> bool {
        let mut text = Cow::Borrowed(text);
        for _ in 0..=NESTED {
            if text.is_empty() {
                return false;
            }
            let quotes = self.is_in(&text)
                || prints(&words_at(&text), QUOTE).any(|run| self.quotes.contains(&run));
            if quotes {
                return true;
            }
            // JSON within a text: its escapes separate words
            if !text.contains('\\') {
                return false;
            }
            text = Cow::Owned(unescaped(&text));
        }
        false
    }

    /// The runs of words in model output that are in one of these texts.
    pub(crate) fn written_in(&self, text: &str) -> Vec<Common> {
        let words = words_at(text);
        runs(&words, WRITTEN)
            .map(|run| &words[run])
            .filter(|run| self.written.contains(&print(run)))
            .map(|run| Common::of(text, run))
            .collect()
    }

    /// A text of someone else, without what it quotes of these; `None`: it quotes nothing. Lines marked as a quote are
    /// removed as a whole, otherwise the quoted words. What is marked as a quote counts from four words on, or if it is
    /// a whole short text; anything else from eight words on, or if it is a whole text.
    pub(crate) fn redacted(&self, text: &str) -> Option<String> {
        self.without(text, false)
    }

    /// What the user wrote about something, without what it quotes of these: five consecutive words, however they got
    /// there, or less if it is marked as a quote. `None`: it quotes nothing.
    pub(crate) fn redacted_note(&self, text: &str) -> Option<String> {
        self.without(text, true)
    }

    fn without(&self, text: &str, is_note: bool) -> Option<String> {
        let words = words_at(text);
        let mut covered = vec![false; words.len()];
        if is_note {
            cover(&words, runs(&words, WRITTEN), &self.written, &mut covered);
        }
        cover(&words, runs(&words, UNMARKED), &self.unmarked, &mut covered);
        cover_whole(&words, &self.unmarked_whole, &mut covered);
        let mut of_quote = vec![false; words.len()];
        // a paragraph that begins as a quote is one to its end
        let (mut quoted_lines, mut blocks): (Vec<Range<usize>>, Vec<Range<usize>>) =
            Default::default();
        let mut in_quote = false;
        for line in lines_at(text) {
            let is_marked = is_quote_line(&text[line.clone()]);
            in_quote = is_marked || (in_quote && !text[line.clone()].trim().is_empty());
            if in_quote {
                match blocks
                    .last_mut()
                    .filter(|block| block.end + 2 >= line.start)
                {
                    Some(block) => block.end = line.end,
                    None => blocks.push(line.clone()),
                }
                quoted_lines.push(line);
            }
        }
        for block in blocks.into_iter().chain(between_marks(text)) {
            let first = words.partition_point(|word| word.at.start < block.start);
            let end = words.partition_point(|word| word.at.end <= block.end);
            if first < end {
                self.cover_quote(&words[first..end], &mut of_quote[first..end]);
            }
        }
        for (all, quote) in covered.iter_mut().zip(of_quote) {
            *all |= quote;
        }
        if !covered.contains(&true) {
            return None;
        }
        // what is removed: consecutive words, each line by itself
        let mut cuts: Vec<Range<usize>> = Vec::new();
        for (word, _) in words.iter().zip(&covered).filter(|(_, covered)| **covered) {
            match cuts.last_mut() {
                Some(cut)
                    if word.at.start < cut.end
                        || is_joined(text, cut.end..word.at.start, &words) =>
                {
                    cut.end = word.at.end;
                }
                _ => cuts.push(word.at.clone()),
            }
        }
        let mut left = String::with_capacity(text.len());
        let mut from = 0;
        for line in lines_at(text) {
            if !quoted_lines.contains(&line) || line.start < from {
                continue;
            }
            let inside = |cut: &&Range<usize>| cut.start < line.end && cut.end > line.start;
            if cuts.iter().any(|cut| inside(&cut)) {
                // what comes before the line, and what part of a cut reaches into it or out of it
                write_without(text, from..line.start, &cuts, &mut left);
                left.push_str("> ");
                left.push_str(WIPED);
                from = line.end;
            }
        }
        write_without(text, from..text.len(), &cuts, &mut left);
        Some(left)
    }

    /// Marks the words of a quote that are those of a text: some consecutive ones, or a whole short one.
    fn cover_quote(&self, words: &[Word], covered: &mut [bool]) {
        cover(words, runs(words, QUOTE), &self.quotes, covered);
        cover_whole(words, &self.short, covered);
    }

    /// Empties every text of a JSON value that quotes one; false: there was none. Under a `key` for texts also one of a
    /// word or two: elsewhere that may be a name.
    fn wipe(&self, key: &str, value: &mut Value) -> bool {
        const OF_TEXTS: [&str; 5] = ["comment", "comments", "reply", "text", "title"];
        match value {
            Value::String(text)
                if self.quoted_in(text)
                    || (OF_TEXTS.contains(&key)
                        && self.whole.contains(&*composed(text.trim()))) =>
            {
                text.clear();
                true
            }
            Value::Array(items) => items
                .iter_mut()
                .fold(false, |any, item| self.wipe(key, item) | any),
            Value::Object(map) => map
                .iter_mut()
                .fold(false, |any, (key, item)| self.wipe(key, item) | any),
            _ => false,
        }
    }

    /// A column's value without what it quotes; `None`: it quotes nothing.
    pub(crate) fn wiped(&self, text: &str) -> Option<String> {
        if text.starts_with(['{', '['])
            && let Ok(mut value) = serde_json::from_str::<Value>(text)
        {
            return self.wipe("", &mut value).then(|| value.to_string());
        }
        self.quoted_in(text).then(String::new)
    }
}

/// Marks the words of those runs that are among these.
fn cover(
    words: &[Word],
    runs: impl Iterator<Item = Range<usize>>,
    prints: &HashSet<[u8; 16]>,
    covered: &mut [bool],
) {
    for run in runs {
        if prints.contains(&print(&words[run.clone()])) {
            covered[run].fill(true);
        }
    }
}

/// Marks the words of whole texts, which are here by their number of words.
fn cover_whole(words: &[Word], texts: &HashMap<usize, HashSet<[u8; 16]>>, covered: &mut [bool]) {
    for (&length, prints) in texts.iter().filter(|(length, _)| **length > 0) {
        let runs = (0..(words.len() + 1).saturating_sub(length)).map(|from| from..from + length);
        cover(words, runs, prints, covered);
    }
}

/// Whether only blanks and punctuation are here, on one line.
fn is_joined(text: &str, between: Range<usize>, words: &[Word]) -> bool {
    let next = words.partition_point(|word| word.at.start < between.start);
    let is_next = words
        .get(next)
        .is_none_or(|word| word.at.start >= between.end);
    is_next && !text[between].contains('\n')
}

/// Writes a part of a text with a mark in place of each cut.
fn write_without(text: &str, part: Range<usize>, cuts: &[Range<usize>], out: &mut String) {
    let mut from = part.start;
    for cut in cuts {
        let (start, end) = (cut.start.max(from), cut.end.min(part.end));
        if start >= end {
            continue;
        }
        out.push_str(&text[from..start]);
        out.push_str(WIPED);
        from = end;
    }
    out.push_str(&text[from..part.end]);
}

#[cfg(test)]
mod tests {

    use super::*;

    const TEXT: &str = "My number is five five one, two three four and the key lies under the mat";

    fn redacted(text: &str) -> Option<String> {
        let mut texts = Texts::default();
        texts.add(TEXT);
        texts.add("Unbelievable nonsense!");
        texts.redacted(text)
    }

    #[test]
    fn quotes_are_redacted_in_every_form_and_the_rest_stays() {
        for (text, left) in [
            (
                "> My number is five five one, two\n\nmine not",
                "> [deleted]\n\nmine not",
            ),
            (
                "&gt; my number\n&gt; is five five one\nlazy line\n\nmine",
                "> [deleted]\n> [deleted]\nlazy line\n\nmine",
            ),
            ("&amp;gt; my number is five\n\nmine", "> [deleted]\n\nmine"),
            (
                ">>my number is *five*\n>mine, nested",
                "> [deleted]\n>mine, nested",
            ),
            (
                "you said \"number is five five\" but",
                "you said \"[deleted]\" but",
            ),
            (
                "you said \u{201c}number is five five\u{201d} but",
                "you said \u{201c}[deleted]\u{201d} but",
            ),
            (
                "you said &quot;number is five five&quot; but",
                "you said &quot;[deleted]&quot; but",
            ),
            (
                "look: four and the key lies under the\nmat, he says",
                "look: [deleted]\n[deleted], he says",
            ),
            (
                "look: four and THE **key** lies &amp; under\u{200b} the mat!",
                "look: [deleted]!",
            ),
            ("> unbelievable nonsense!\n\nwhy", "> [deleted]\n\nwhy"),
            (
                "> first\n> my number is five\n> last",
                "> first\n> [deleted]\n> last",
            ),
        ] {
            assert_eq!(redacted(text).as_deref(), Some(left), "{text:?}");
        }
        for text in [
            "",
            "my number is not yours",
            "> my number is not yours",
            "that is unbelievable nonsense, I say",
            "number is five five",
            "the key lies under the mat",
        ] {
            assert_eq!(redacted(text), None, "{text:?}");
        }
    }

    #[test]
    fn scripts_without_spaces_are_compared_by_character() {
        let mut texts = Texts::default();
        texts.add("我的钥匙在门口的垫子下面，今天晚上没有人在家里。");
        texts.add("かぎはマットの下にあります");
        for (text, left) in [
            (
                "你说 「我的钥匙在门口的垫子下面，今天晚上」 是吗",
                "你说 「[deleted]」 是吗",
            ),
            ("> 垫子下面，今天晚上\n\n好的", "> [deleted]\n\n好的"),
            (
                "聞いた、かぎはマットの下にあります、と",
                "聞いた、[deleted]、と",
            ),
        ] {
            assert_eq!(texts.redacted(text).as_deref(), Some(left), "{text}");
        }
        for text in ["我的钥匙在家里", "> 我的钥匙\n\n好的", "マットの下"] {
            assert_eq!(texts.redacted(text), None, "{text}");
        }
        let of = |text: &str| -> Vec<String> {
            let common = texts.written_in(text).into_iter();
            common.map(|one| one.text).collect()
        };
        assert_eq!(of("在门口的垫子下面，今天 ok"), ["在门口的垫子下面今天"]);
        assert!(of("垫子下面，今天晚").is_empty(), "less than five words");
        assert!(texts.quoted_in("id=7 text=垫子下面今天晚上"));
    }

    #[test]
    fn every_unicode_form_of_a_text_has_the_same_words() {
        let original =
            "L\u{e9}a a laiss\u{e9} la cl\u{e9} sous le paillasson, \u{b0}3\u{bd} \u{ac00}\u{b098}";
        let decomposed: String = original.nfd().collect();
        let wide: String = original
            .chars()
            .map(|c| match c {
                '!'..='~' => char::from_u32(c as u32 + 0xfee0).unwrap(),
                c => c,
            })
            .collect();
        let kana = "\u{30ac}\u{30ae}\u{304c}\u{3042}\u{308b}\u{3068}\u{3044}\u{3046}\u{8a71}\u{3092}\u{805e}";
        let half = "\u{ff76}\u{ff9e}\u{ff77}\u{ff9e}\u{304b}\u{3099}\u{3042}\u{308b}\u{3068}\u{3044}\u{3046}\u{8a71}\u{3092}\u{805e}";
        let mut texts = Texts::default();
        texts.add(original);
        texts.add(kana);
        for form in [
            original,
            &decomposed,
            &wide,
            &original.nfkc().collect::<String>(),
        ] {
            assert!(texts.quoted_in(&format!("x {form} y")), "{form}");
            assert!(texts.is_in(&format!("x {form} y")), "{form}");
            assert!(!texts.written_in(form).is_empty(), "{form}");
            let quote = format!("He said:\n> {form}\n\nand left");
            let left = texts.redacted(&quote);
            assert_eq!(left.as_deref(), Some("He said:\n> [deleted]\n\nand left"));
            let left = texts.redacted(&format!("x {form}, y")).unwrap();
            assert!(
                left.starts_with("x [deleted]") && left.ends_with(", y"),
                "{left}"
            );
        }
        for form in [kana, half] {
            assert!(texts.quoted_in(form), "{form}");
        }
        // what both have in common is as it is written
        let common = &texts.written_in(&decomposed)[0];
        assert_eq!(common.text, decomposed.to_lowercase()[..common.text.len()]);
    }

    #[test]
    fn json_within_a_text_is_searched() {
        let mut texts = Texts::default();
        texts.add("caf\u{e9} \"one\" two three four");
        let text = serde_json::to_string("caf\u{e9} \"one\" two three\nfour").unwrap();
        let twice = serde_json::to_string(&text).unwrap();
        let ascii = twice.replace('\u{e9}', "\\\\u00e9");
        for text in [text, twice, ascii] {
            assert!(texts.quoted_in(&text), "{text}");
        }
        assert_eq!(
            unescaped("a\\ud83d\\ude00b\\u00e9\\\\"),
            "a\u{1f600}b\u{e9}\\"
        );
        assert_eq!(unescaped("\\u00\u{e9}9\\"), "u00\u{e9}9");
    }

    #[test]
    fn no_five_consecutive_words_are_left_whatever_surrounds_them() {
        let letters: Vec<char> = "abcdefghijklmnopqrstuvwxyz >\"&;\n".chars().collect();
        let gaps = [" ", "\n> ", "\n&gt; ", "\n", " *", "\u{a0}", ", ", "&amp;"];
        let words: Vec<&str> = TEXT.split([' ', ',']).filter(|w| !w.is_empty()).collect();
        for seed in 0..256 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut around = || -> String {
                (0..rng.usize(..=20))
                    .map(|_| letters[rng.usize(..letters.len())])
                    .collect()
            };
            let (before, after) = (around(), around());
            let from = rng.usize(..11);
            let to = (from + rng.usize(5..8)).min(words.len());
            let run = words[from..to].join(gaps[rng.usize(..gaps.len())]);
            let text = format!("{before} \"{run}\" {after}");
            let left = redacted(&text).unwrap_or(text);
            let mut texts = Texts::default();
            texts.add(TEXT);
            assert!(texts.written_in(&left).is_empty(), "seed {seed}: {left:?}");
        }
    }
}
