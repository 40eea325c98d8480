//! A cleaning rule, off by default: links, e-mail addresses, phone numbers and user names in texts are replaced by
//! placeholders on import, so that the project never holds them.
//!
//! What is recognized: `http://`, `https://`, `ftp://` and `www.` links, and domains with a path or one of a few common
//! endings; addresses with a domain; `u/name`, `/u/name` and `@name`; phone numbers written with `+`, with an area code
//! in parentheses, with a leading 0 in several groups, after `tel:`, or as 555-0100, 555-555-0100 and 1-555-555-0100. Long numbers,
//! dates, prices and IP addresses are kept. Names of people in running text are not recognized, and the authors of
//! texts are kept as they are.

use std::borrow::Cow;

use crate::read::Batch;
use crate::record::Record;

/// What is replaced, in the order of [`Replaced`].
pub const KINDS: [(&str, &str); 4] = [
    ("link", "[link]"),
    ("email", "[email]"),
    ("phone", "[phone]"),
    ("user", "[user]"),
];

const LINK: usize = 0;
const EMAIL: usize = 1;
const PHONE: usize = 2;
const USER: usize = 3;

/// How many of each of [`KINDS`] were replaced.
pub type Replaced = [u64; KINDS.len()];

/// Top-level domains that make a link even without a path.
const ENDINGS: [&str; 8] = ["com", "org", "net", "edu", "gov", "io", "info", "biz"];

/// Replaces in all texts of a batch: comments, titles, texts of posts, excerpts of rejected rows.
pub fn replace_all(batch: &mut Batch) {
    let counts = &mut batch.counts.replaced;
    let mut one = |text: &mut String| {
        if let Cow::Owned(new) = replace(text, counts) {
            *text = new;
        }
    };
    for record in &mut batch.records {
        match record {
            Record::Comment(comment) => one(&mut comment.body),
            Record::Post(post) => {
                one(&mut post.title);
                one(&mut post.selftext);
            }
        }
    }
    for row in &mut batch.rejected {
        one(&mut row.excerpt);
    }
}

/// Replaces, and adds what was replaced to `counts`. What a placeholder uncovers is replaced too (`555-0100 7@b.org`: a
/// phone number only once the address is gone), so that a second call finds nothing. This terminates: no match contains
/// a bracket, so each pass leaves less to match.
pub fn replace<'a>(text: &'a str, counts: &mut Replaced) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    while let Some(new) = replace_once(&text, counts) {
        text = Cow::Owned(new);
    }
    text
}

/// One pass from left to right; `None` if there was nothing to replace.
fn replace_once(text: &str, counts: &mut Replaced) -> Option<String> {
    let mut out = String::new();
    let mut copied = 0; // up to here, the text is in `out`
    let mut at = 0;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let starts = at == 0 || !is_word(text[..at].chars().next_back());
        let found = match bytes[at] {
            _ if !starts => None,
            b'@' => user(text, at),
            b'/' | b'u' | b'U' => user(text, at).or_else(|| address(text, at)),
            b'+' | b'(' => phone(text, at),
            b'0'..=b'9' => phone(text, at).or_else(|| address(text, at)),
            _ => address(text, at),
        };
        match found {
            Some((kind, end)) => {
                counts[kind] += 1;
                out.push_str(&text[copied..at]);
                out.push_str(KINDS[kind].1);
                (copied, at) = (end, end);
            }
            None => {
                // to the next place where something can start
                let here = text[at..].chars().next();
                at += here.map_or(1, char::len_utf8);
                if is_word(here) && starts {
                    let rest = &text[at..];
                    at += rest.find(|c| !is_word(Some(c))).unwrap_or(rest.len());
                }
            }
        }
    }
    (copied > 0).then(|| {
        out.push_str(&text[copied..]);
        out
    })
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// A link or an e-mail address that starts here.
fn address(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    let has = |prefix: &str| {
        rest.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    for prefix in ["http://", "https://", "ftp://", "www.", "mailto:"] {
        if has(prefix) {
            let end = link_end(rest);
            if end > prefix.len() {
                let kind = if prefix == "mailto:" { EMAIL } else { LINK };
                return Some((kind, at + end));
            }
        }
    }
    for prefix in ["tel:", "sms:", "callto:", "fax:"] {
        if has(prefix) {
            let number = at + prefix.len();
            let digits = |c: char| !(c.is_ascii_digit() || "+-.()".contains(c));
            let rest = &text[number..];
            let len = rest.find(digits).unwrap_or(rest.len());
            let many = rest[..len].bytes().filter(u8::is_ascii_digit).count() >= 5;
            let bare = rest[..len]
                .trim_end_matches(['.', '-', '+', '(', ')'])
                .len();
            let found = phone_at(text, number).map(|(_, end)| end);
            let end = found.or(many.then_some(number + bare));
            if let Some(end) = end {
                return Some((PHONE, end));
            }
        }
    }
    let local = rest.find(|c: char| !is_local(c)).unwrap_or(rest.len());
    if let Some(domain) = rest[local..].strip_prefix('@')
        && local > 0
        && let Some(len) = domain_len(domain)
    {
        return Some((EMAIL, at + local + 1 + len));
    }
    let len = domain_len(rest)?;
    let ending = rest[..len].rsplit('.').next()?.to_ascii_lowercase();
    if rest[len..].starts_with('/') && rest[len + 1..].starts_with(|c: char| c.is_alphanumeric()) {
        return Some((LINK, at + link_end(rest)));
    }
    let ends = !rest[len..].starts_with(['@', '-', '_']);
    (ENDINGS.contains(&ending.as_str()) && ends).then_some((LINK, at + len))
}

/// A character of the part of an e-mail address before the @.
fn is_local(c: char) -> bool {
    c.is_alphanumeric() || "._%+-".contains(c)
}

/// The length of a domain at the beginning of a text: labels with dots between, the last of letters.
fn domain_len(text: &str) -> Option<usize> {
    let is_label = |c: char| c.is_alphanumeric() || c == '-';
    let mut len = 0;
    let mut best = None;
    loop {
        let label = text[len..]
            .find(|c| !is_label(c))
            .unwrap_or(text.len() - len);
        if label == 0 {
            return best;
        }
        let is_ending = text[len..len + label].chars().all(char::is_alphabetic);
        if len > 0 && label >= 2 && is_ending {
            best = Some(len + label);
        }
        len += label;
        match text[len..].strip_prefix('.') {
            Some(_) => len += 1,
            None => return best,
        }
    }
}

/// Where a link ends: before white space, quotes and angle brackets, and without the punctuation of the sentence around
/// it.
fn link_end(text: &str) -> usize {
    let (mut open, mut end) = (0i32, text.len());
    for (n, c) in text.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if c.is_whitespace() || "<>\"[]|`".contains(c) || open < 0 {
            end = n;
            break;
        }
    }
    text[..end]
        .trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '\'', '~', '^'])
        .len()
}

/// `u/name`, `/u/name` or `@name`, of at least three characters.
fn user(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    let (name, dashes) = match rest.strip_prefix('@') {
        Some(name) => (name, false),
        None => {
            let bare = rest.strip_prefix('/').unwrap_or(rest);
            let name = bare
                .strip_prefix("u/")
                .or_else(|| bare.strip_prefix("U/"))?;
            (name, true)
        }
    };
    let ours = |c: char| c.is_ascii_alphanumeric() || c == '_' || (dashes && c == '-');
    let len = name.find(|c| !ours(c)).unwrap_or(name.len());
    (len >= 3).then(|| (USER, text.len() - name.len() + len))
}

/// A phone number; see the module documentation for the recognized forms.
fn phone(text: &str, at: usize) -> Option<(usize, usize)> {
    let before = text[..at].chars().next_back();
    if before.is_some_and(|c| ".,-/:=#$€£\\".contains(c)) {
        return None;
    }
    phone_at(text, at)
}

/// As [`phone`], whatever is before it.
fn phone_at(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    if !matches!(bytes.get(at), Some(b'+' | b'(' | b'0'..=b'9')) {
        return None;
    }
    let plus = bytes[at] == b'+';
    let mut n = at + usize::from(plus);
    let mut groups: Vec<usize> = Vec::new();
    let mut marks: Vec<u8> = Vec::new();
    let (mut end, mut area) = (n, false);
    loop {
        let open = bytes.get(n) == Some(&b'(');
        n += usize::from(open);
        let digits = bytes[n..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            break;
        }
        n += digits;
        if open {
            if bytes.get(n) != Some(&b')') {
                break;
            }
            n += 1;
            area = true;
        }
        groups.push(digits);
        end = n;
        match bytes.get(n) {
            Some(mark @ (b' ' | b'-' | b'.')) => {
                n += 1;
                marks.push(*mark);
            }
            _ if open => marks.push(b' '),
            Some(b'(') => {}
            _ => break,
        }
        if groups.len() > 7 {
            return None;
        }
    }
    // a sentence may continue with a number, and a number with a letter or a decimal
    if is_word(text[end..].chars().next()) || bytes.get(end) == Some(&b'/') {
        return None;
    }
    marks.truncate(groups.len().saturating_sub(1));
    let total: usize = groups.iter().sum();
    let leads = bytes[at] == b'0';
    let is_ip_address = groups.len() == 4 && marks == *b"...";
    let is_number = if plus {
        (8..=15).contains(&total)
    } else if area {
        (7..=13).contains(&total) && groups.len() >= 2 && bytes[at] == b'('
            || groups.first() == Some(&1) && total == 11
    } else if leads {
        groups.len() >= 2 && groups[0] >= 2 && (9..=13).contains(&total) && !is_ip_address
    } else {
        matches!(groups[..], [3, 3, 4])
            || matches!(groups[..], [1, 3, 3, 4])
            || (groups[..] == [3, 4] && marks == *b"-")
    };
    is_number.then_some((PHONE, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> (String, Replaced) {
        let mut counts = Replaced::default();
        let new = replace(text, &mut counts).into_owned();
        (new, counts)
    }

    #[test]
    fn personal_data_becomes_a_placeholder() {
        let cases = [
            ("mail ann.b+x@mail.example.co.uk.", "mail [email]."),
            ("(bob@example.com)", "([email])"),
            ("see https://example.com/a_(b)?c=1, ok", "see [link], ok"),
            (
                "[here](http://example.com/x) or www.example.org!",
                "[here]([link]) or [link]!",
            ),
            ("youtu.be/abc and example.com", "[link] and [link]"),
            (
                "thanks u/some_one-1 and /u/Bob2!",
                "thanks [user] and [user]!",
            ),
            ("ask @handle_7, not @me", "ask [user], not @me"),
            ("call 555-0100 or (555) 555-0100", "call [phone] or [phone]"),
            ("+44 20 7946 0958; 020 7946 0958", "[phone]; [phone]"),
            (
                "[call](tel:+15555550100) or TEL:555-0100, sms:12345",
                "[call]([phone]) or [phone], [phone]",
            ),
            ("1-800-555-0100. 555.555.0100", "[phone]. [phone]"),
            (
                "x@y.de u/abc 555-555-0100 http://a.b",
                "[email] [user] [phone] [link]",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(replaced(text).0, expected, "{text}");
        }
        let (_, counts) = replaced("a@b.org c@d.org https://e.f u/ghi +1 555 555 0100");
        assert_eq!(counts, [1, 2, 1, 1]);
    }

    #[test]
    fn text_that_only_looks_personal_is_kept() {
        for text in [
            "and/or, e.g. this vs. that... 3.14 or 1,234,567",
            "2019-04-01, 01.02.2019, 10:30, 192.168.1.100, v1.2.3-4567",
            "$555-0100 1554076800 in 2005 2006 2007 2008",
            "tel: 1, telling: 5550100x, hotel:+1555",
            "r/rust is at /r/rust; u/ab is too short; he said me@ home",
            "1 2 3 4 5 6 7 8 9 10 and 100 200 300",
            "",
        ] {
            assert_eq!(replaced(text), (text.to_owned(), [0; 4]));
        }
    }

    #[test]
    fn matches_uncovered_by_a_placeholder_are_replaced_too() {
        let cases = [
            ("a@b.cc@def", "[email][user]"),
            ("555-0100 7@b.org", "[phone] [email]"),
            ("u/abcé@x.de", "[user][email]"),
        ];
        for (text, expected) in cases {
            assert_eq!(replaced(text).0, expected, "{text}");
        }
    }

    #[test]
    fn replacing_twice_changes_nothing() {
        let letters: Vec<char> = "abcdefghijklmnopqrstuvwxyz0123456789@./:u+() -é"
            .chars()
            .collect();
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let text: String = (0..rng.usize(..=60))
                .map(|_| letters[rng.usize(..letters.len())])
                .collect();
            let (once, _) = replaced(&text);
            let (twice, counts) = replaced(&once);
            assert_eq!((&once, [0; 4]), (&twice, counts), "{text:?}");
        }
    }
}
