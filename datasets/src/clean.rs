//! Cleaning, in two kinds: [`repair`] changes text and runs once, on import; a [`Recipe`] drops whole comments and is
//! applied when pairs are built, so that it can be changed later.

use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::LazyLock;
use ts_rs::TS;

/// Repairs a text: entities decoded once (dumps hold `&amp;`, `&lt;`, `&gt;`; Reddit's own editor leaves
/// `&amp;#x200B;`, so a zero-width entity that the first pass uncovers is decoded too), zero-width characters and NUL
/// removed, CRLF and CR become LF, and the text is trimmed. Borrows when nothing changes.
///
/// `entities`: false for texts that were never escaped (`raw_json` answers, ordinary tables).
pub fn repair(text: &str, entities: bool) -> Cow<'_, str> {
    let trimmed = text.trim();
    // Zero-width characters are three bytes, 0xE2 0x80.. or 0xEF 0xBB 0xBF or 0xE2 0x81 0xA0.
    let plain = |b: &u8| !matches!(b, 0 | b'&' | b'\r' | 0xE2 | 0xEF | 0xC2);
    if trimmed.as_bytes().iter().all(plain) {
        return Cow::Borrowed(trimmed);
    }
    let mut out = String::with_capacity(trimmed.len());
    let mut rest = trimmed;
    while let Some(at) = rest.find(|c: char| c == '&' || c == '\r' || is_zero_width(c)) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(tail) = rest.strip_prefix('\r') {
            out.push('\n');
            rest = tail.strip_prefix('\n').unwrap_or(tail);
        } else if rest.starts_with('&') {
            let (decoded, len) = entity(rest, entities);
            out.push_str(decoded);
            rest = &rest[len..];
        } else {
            rest = &rest[rest.chars().next().map_or(1, char::len_utf8)..];
        }
    }
    out.push_str(rest);
    if out == text {
        return Cow::Borrowed(text);
    }
    let end = out.trim_end().len();
    out.truncate(end);
    let start = out.len() - out.trim_start().len();
    out.drain(..start);
    Cow::Owned(out)
}

/// The character that the entity at the start of `rest` (which starts with `&`) stands for, and the entity's length.
/// Zero-width entities are dropped in either case: nobody types them on purpose.
fn entity(rest: &str, entities: bool) -> (&str, usize) {
    const ZERO_WIDTH: [&str; 10] = [
        "&amp;#x200B;",
        "&amp;#x200b;",
        "&#x200B;",
        "&#x200b;",
        "&#8203;",
        "&amp;#8203;",
        "&#8204;",
        "&#8205;",
        "&#65279;",
        "&zwnj;",
    ];
    if let Some(e) = ZERO_WIDTH.iter().find(|e| rest.starts_with(**e)) {
        return ("", e.len());
    }
    const NAMED: [(&str, &str); 13] = [
        ("&amp;nbsp;", " "),
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&apos;", "'"),
        ("&#x27;", "'"),
        ("&#34;", "\""),
        ("&#38;", "&"),
        ("&#x2F;", "/"),
        ("&#47;", "/"),
    ];
    match NAMED.iter().find(|(e, _)| entities && rest.starts_with(e)) {
        Some((e, text)) => (text, e.len()),
        None => (&rest[..1], 1),
    }
}

/// A name without a leading `u/`, `/u/`, `r/` or `/r/` and without surrounding white space, as Reddit stores it.
pub fn bare_name(name: &str) -> &str {
    let name = name.trim();
    let bare = name.strip_prefix('/').unwrap_or(name);
    match bare.as_bytes() {
        [b'u' | b'U' | b'r' | b'R', b'/', rest @ ..] if !rest.is_empty() => &bare[2..],
        _ => name,
    }
}

/// Invisible characters without meaning in a comment: zero-width space, word joiner, byte order mark, left-to-right
/// marks, soft hyphen. Joiners (U+200C, U+200D) stay: emoji and several scripts need them.
fn is_zero_width(c: char) -> bool {
    matches!(
        c,
        '\0' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\u{00AD}'
    )
}

/// Why a comment or reply is unfit, in the order in which the rules are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// No text is left.
    Empty = 1,
    /// The text is `[deleted]`: the author deleted it.
    Deleted = 2,
    /// The text is `[removed]`: a moderator removed it.
    Removed = 3,
    /// Written by a known bot, or says that it is one.
    Bot = 4,
    /// A link and nothing else.
    LinkOnly = 5,
    /// Fewer characters than the recipe's minimum.
    TooShort = 6,
    /// More characters than the recipe's maximum.
    TooLong = 7,
    /// The author is `[deleted]` or missing, and the recipe requires one.
    AuthorUnknown = 8,
    /// An image, GIF or emote and nothing else.
    MediaOnly = 9,
}

impl Flaw {
    /// Every flaw, in the order in which the rules are checked.
    pub const ALL: [Self; 9] = [
        Self::Empty,
        Self::Deleted,
        Self::Removed,
        Self::Bot,
        Self::LinkOnly,
        Self::TooShort,
        Self::TooLong,
        Self::AuthorUnknown,
        Self::MediaOnly,
    ];

    /// The name in counts and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Deleted => "deleted",
            Self::Removed => "removed",
            Self::Bot => "bot",
            Self::LinkOnly => "link_only",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::AuthorUnknown => "author_unknown",
            Self::MediaOnly => "media_only",
        }
    }

    /// The flaw with this number: the order of [`Flaw::ALL`], from 1.
    pub fn from_number(n: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|f| *f as i64 == n)
    }
}

/// Which texts pairs are built from. The same recipe applies to the comment and to the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Drop `[deleted]` and `[removed]` texts.
    pub drop_deleted: bool,
    /// Drop known bots, names that end in `bot`, and texts that say "I am a bot".
    pub drop_bots: bool,
    /// Further authors to drop, in any case.
    pub bots: Vec<String>,
    /// Drop texts that consist only of links, images, GIFs or emotes.
    pub drop_links: bool,
    /// Drop texts whose author is `[deleted]` or missing, when the source names authors.
    pub drop_unknown_authors: bool,
    /// Keep replies whose author also wrote the comment or the post (checked by the join of pairs).
    pub keep_same_author: bool,
    /// Minimum number of characters.
    pub min_chars: usize,
    /// Maximum number of characters.
    pub max_chars: usize,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            drop_deleted: true,
            drop_bots: true,
            bots: Vec::new(),
            drop_links: true,
            drop_unknown_authors: false,
            keep_same_author: false,
            min_chars: 1,
            max_chars: 10_000, // Reddit's own limit for a comment
        }
    }
}

impl Recipe {
    /// A recipe that drops nothing but empty texts.
    pub fn keep_all() -> Self {
        Self {
            drop_deleted: false,
            drop_bots: false,
            bots: Vec::new(),
            drop_links: false,
            drop_unknown_authors: false,
            keep_same_author: true,
            min_chars: 0,
            max_chars: usize::MAX,
        }
    }

    /// The first flaw of a text by an author (`None`: the source names none). `None`: the text passes.
    pub fn flaw(&self, author: Option<&str>, body: &str) -> Option<Flaw> {
        if is_blank(body) {
            return Some(Flaw::Empty);
        }
        if self.drop_deleted
            && let Some(flaw) = notice(body)
        {
            return Some(flaw);
        }
        let author = author.map(bare_name);
        let is = |a: &str, b: &String| bare_name(b).eq_ignore_ascii_case(a);
        let by_listed = || author.is_some_and(|a| self.bots.iter().any(|b| is(a, b)));
        if (self.drop_bots && (author.is_some_and(is_bot) || says_it_is_a_bot(body))) || by_listed()
        {
            return Some(Flaw::Bot);
        }
        if self.drop_links {
            if is_link_only(body) {
                return Some(Flaw::LinkOnly);
            }
            if is_media_only(body) {
                return Some(Flaw::MediaOnly);
            }
        }
        // A text of n bytes has at most n characters, and at least n / 4.
        if body.len() < self.min_chars
            || (body.len() < 4 * self.min_chars && body.chars().count() < self.min_chars)
        {
            return Some(Flaw::TooShort);
        }
        if body.len() > self.max_chars && body.chars().count() > self.max_chars {
            return Some(Flaw::TooLong);
        }
        if self.drop_unknown_authors && author.is_some_and(is_unknown_author) {
            return Some(Flaw::AuthorUnknown);
        }
        None
    }
}

/// Whether a text only says that the text that was there is gone.
pub fn is_notice(body: &str) -> bool {
    notice(body).is_some()
}

/// What Reddit and other sites show in place of a text that is gone, as pages and scrapers pass it on: `[deleted]`,
/// `[removed]`, `[ Removed by Reddit in response to a copyright notice. ]`, `*[deleted by user]*`, `> [unavailable]`,
/// `This comment has been removed.`
pub(crate) fn notice(body: &str) -> Option<Flaw> {
    // the longest that Reddit writes has about 150 characters; nearly every text is longer or has neither stem
    let lower = match body.len() {
        0..=300 => body.to_ascii_lowercase(),
        _ => return None,
    };
    if !["delet", "remov", "unavail"]
        .iter()
        .any(|stem| lower.contains(stem))
    {
        return None;
    }
    let lower = lower
        .replace("&#91;", "[")
        .replace("&#93;", "]")
        .replace(['\\', '\u{200c}', '\u{200d}', '\u{fe0f}'], "");
    let mut inner = lower.trim();
    let mut bracketed = false;
    loop {
        let bare = inner
            .trim_matches(['*', '_', '~', '`', '>', '^', '"', ' ', '\n'])
            .trim_end_matches(['.', '!']);
        let within = bare
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .or_else(|| bare.strip_prefix('(')?.strip_suffix(')'));
        match within {
            Some(within) => (inner, bracketed) = (within, true),
            None if bare == inner => break,
            None => inner = bare,
        }
    }
    // `[removed by me](http...)` is a link, not a notice
    match bracketed && !inner.contains("](http") {
        true => shown_in_brackets(inner),
        false => None,
    }
    .or_else(|| says_gone(inner))
}

/// `deleted by user`, `removed for ...`, `unavailable`.
fn shown_in_brackets(words: &str) -> Option<Flaw> {
    let is = |verb: &str| {
        words.strip_prefix(verb).is_some_and(|rest| {
            rest.is_empty()
                || [
                    " by ",
                    " on account of ",
                    " in response to ",
                    " due to ",
                    " for ",
                ]
                .iter()
                .any(|how| rest.starts_with(how))
        })
    };
    if is("removed") || is("unavailable") {
        Some(Flaw::Removed)
    } else if is("deleted") {
        Some(Flaw::Deleted)
    } else {
        None
    }
}

/// A sentence that says only that a text is gone: `deleted`, `Comment removed by moderator`, `This post has been
/// deleted by its author`.
fn says_gone(words: &str) -> Option<Flaw> {
    let strip = |text: &'_ str, options: &[&str]| -> Option<usize> {
        options
            .iter()
            .find(|option| text.starts_with(**option))
            .map(|option| option.len())
    };
    let mut rest = words;
    rest = &rest[strip(rest, &["this ", "that ", "the ", "your "]).unwrap_or(0)..];
    if let Some(thing) = strip(
        rest,
        &[
            "comment ",
            "post ",
            "message ",
            "submission ",
            "reply ",
            "content ",
            "text ",
        ],
    ) {
        rest = &rest[thing..];
        let verb = ["has been ", "have been ", "was ", "is ", "got "];
        rest = &rest[strip(rest, &verb).unwrap_or(0)..];
    } else if rest.len() != words.len() {
        return None;
    }
    let (flaw, rest) = match (rest.strip_prefix("deleted"), rest.strip_prefix("removed")) {
        (Some(rest), _) => (Flaw::Deleted, rest),
        (_, Some(rest)) => (Flaw::Removed, rest),
        _ => match rest.strip_prefix("unavailable") {
            // alone, it is an answer to a question
            Some(rest) if words != "unavailable" => (Flaw::Removed, rest),
            _ => return None,
        },
    };
    let Some(who) = rest.strip_prefix(" by ") else {
        return rest.is_empty().then_some(flaw);
    };
    let who = &who[strip(who, &["the ", "a ", "an ", "its ", "our "]).unwrap_or(0)..];
    let who = who.trim_start_matches("original ");
    [
        "user",
        "author",
        "poster",
        "op",
        "reddit",
        "moderator",
        "moderators",
        "mod",
        "mods",
        "admin",
        "admins",
        "administrator",
        "administrators",
        "automoderator",
        "staff",
    ]
    .contains(&who)
    .then_some(flaw)
}

/// Whether this is a placeholder for an author who is gone, as Reddit and other tools write it, or for a missing value.
pub fn is_unknown_author(author: &str) -> bool {
    const UNKNOWN: [&str; 11] = [
        "",
        "[deleted]",
        "[removed]",
        "deleted",
        "removed",
        "[unknown]",
        "nan",
        "none",
        "null",
        "<na>",
        "n/a",
    ];
    let author = author.trim();
    author.len() <= 9 && UNKNOWN.iter().any(|u| u.eq_ignore_ascii_case(author))
}

/// Whether nothing of a text can be seen: spaces, joiners without anything to join, fillers.
fn is_blank(body: &str) -> bool {
    body.chars().all(|c| {
        c.is_whitespace()
            || is_zero_width(c)
            || matches!(
                c,
                '\u{200C}'
                    | '\u{200D}'
                    | '\u{034F}'
                    | '\u{061C}'
                    | '\u{115F}'
                    | '\u{1160}'
                    | '\u{17B4}'
                    | '\u{17B5}'
                    | '\u{180B}'..='\u{180F}'
                    | '\u{202A}'..='\u{202E}'
                    | '\u{2061}'..='\u{206F}'
                    | '\u{2800}'
                    | '\u{3164}'
                    | '\u{FE00}'..='\u{FE0F}'
                    | '\u{FFA0}'
            )
    })
}

/// The length of an emote by name, `:snoo_smile:`, at the beginning of a text.
fn emote(text: &str) -> Option<usize> {
    let name = text.strip_prefix(':')?;
    let len = name.find(|c: char| !(c.is_ascii_alphanumeric() || "_+-".contains(c)))?;
    let ends = name[len..].starts_with(':') && len >= 2;
    (ends && name.contains(|c: char| c.is_ascii_alphabetic())).then_some(len + 2)
}

/// Whether the text is images, GIFs and emotes and nothing else: `![gif](giphy|id)`, `[gif](giphy|id)`,
/// `![img](emote|t5_x|1)`, `[](/emote)`, `:emote:`, `*Processing gif abc...*`, with or without links between them.
fn is_media_only(body: &str) -> bool {
    let mut rest = body.trim();
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let after = if let Some(text) = rest.strip_prefix('!').unwrap_or(rest).strip_prefix('[') {
            let image = rest.starts_with('!');
            let Some(middle) = text.find("](") else {
                return false;
            };
            let Some(end) = text[middle..].find(')') else {
                return false;
            };
            // a link with a label counts as text, unless it leads to a web page: then it is a link
            let to = &text[middle + 2..];
            let leads_to = |what: &str| to.starts_with(what);
            if !image && middle > 0 && !["http", "giphy|", "emote|"].into_iter().any(leads_to) {
                return false;
            }
            &text[middle + end + 1..]
        } else if let Some(text) = rest.strip_prefix("*Processing ") {
            let Some(end) = text.find("...*") else {
                return false;
            };
            if !["img", "gif", "video"].iter().any(|m| text.starts_with(m)) {
                return false;
            }
            &text[end + 4..]
        } else if let Some(len) = emote(rest) {
            &rest[len..]
        } else {
            let word = rest.split_whitespace().next().unwrap_or("");
            if !["http://", "https://"].iter().any(|p| word.starts_with(p)) {
                return false;
            }
            &rest[word.len()..]
        };
        rest = after.trim_start();
    }
    true
}

/// Known bots whose names do not end in `bot` as a word of its own.
const KNOWN_BOTS: [&str; 24] = [
    "automoderator",
    "autotldr",
    "imguralbumbot",
    "remindmebot",
    "wikitextbot",
    "totesmessenger",
    "sneakpeekbot",
    "gifreversingbot",
    "repostsleuthbot",
    "haikusbot",
    "commonmisspellingbot",
    "gfycat_details_fixer",
    "image_linker_bot",
    "alternate-source-bot",
    "video_descriptionbot",
    "stabbot",
    "magic_eye_bot",
    "userleansbot",
    "pcmasterracebot",
    "good_human_bad_bot",
    "timezone_bot",
    "converter-bot",
    "tweetposter",
    "transcribersofreddit",
];

/// Whether this is a known bot or a name that ends in `bot` as a part of its own (`image_linker_bot`, `Wiki-Bot`,
/// `sneakpeekBot`); `talbot` is a person.
fn is_bot(author: &str) -> bool {
    let Some(stem) = author
        .len()
        .checked_sub(3)
        .filter(|&n| author.is_char_boundary(n))
    else {
        return false;
    };
    let tail = &author[stem..];
    let parted = author[..stem].ends_with(['_', '-']) || tail == "Bot" || tail == "BOT";
    (tail.eq_ignore_ascii_case("bot") && parted && stem > 0)
        || KNOWN_BOTS.iter().any(|b| b.eq_ignore_ascii_case(author))
}

/// What bots append to their texts. Each contains `bot`, which is searched for first.
static CONFESSIONS: LazyLock<[Finder<'static>; 6]> = LazyLock::new(|| {
    [
        "I am a bot",
        "I'm a bot",
        "I am a robot, and this action",
        "^(I am a bot",
        "^^I ^^am ^^a ^^bot",
        "^I ^am ^a ^bot",
    ]
    .map(Finder::new)
});
static BOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("bot"));

/// Whether the text contains a sentence by which bots identify themselves.
fn says_it_is_a_bot(body: &str) -> bool {
    let body = body.as_bytes();
    BOT.find(body).is_some() && CONFESSIONS.iter().any(|words| words.find(body).is_some())
}

/// Whether the text is one or more links, bare or as Markdown, and nothing else.
fn is_link_only(body: &str) -> bool {
    const LINK: &str = "[link]"; // of the placeholders
    if !body.contains("http") && !body.contains("www.") && !body.contains(LINK) {
        return false;
    }
    let mut rest = body.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(LINK) {
            rest = after.trim_start();
            continue;
        }
        if let Some(close) = rest.strip_prefix('[').and_then(|r| r.find("]([link])")) {
            rest = rest[1 + close + "]([link])".len()..].trim_start();
            continue;
        }
        // [words](http...) counts as a link: the words are its label.
        if let Some(close) = rest.strip_prefix('[').and_then(|r| r.find("](http")) {
            let url = &rest[close + 3..];
            let Some(end) = url.find(')') else {
                return false;
            };
            rest = url[end + 1..].trim_start();
            continue;
        }
        let word = rest.split_whitespace().next().unwrap_or("");
        if !["http://", "https://", "www."]
            .iter()
            .any(|p| word.starts_with(p))
        {
            return false;
        }
        rest = rest[word.len()..].trim_start();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repair_decodes_once_and_drops_invisible_characters() {
        let cases = [
            ("  plain  ", "plain"),
            ("a &amp; b &lt;c&gt;", "a & b <c>"),
            ("&amp;lt;", "&lt;"),
            ("one\n\n&amp;#x200B;\n\ntwo", "one\n\n\n\ntwo"),
            ("&#x200B;x\u{200B}y\u{FEFF}", "xy"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("AT&T & more", "AT&T & more"),
            ("👨\u{200D}👩", "👨\u{200D}👩"),
            ("\u{200B} \u{200B}", ""),
        ];
        for (dirty, clean) in cases {
            assert_eq!(repair(dirty, true), clean, "{dirty:?}");
        }
        assert_eq!(repair("&amp; stays", false), "&amp; stays");
        assert!(matches!(
            repair("no change — at all", true),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn each_flaw_is_found() {
        let r = Recipe {
            min_chars: 3,
            max_chars: 40,
            drop_unknown_authors: true,
            ..Recipe::default()
        };
        let cases = [
            (Some("ann"), "", Some(Flaw::Empty)),
            (Some("ann"), "[deleted]", Some(Flaw::Deleted)),
            (Some("ann"), "[removed]", Some(Flaw::Removed)),
            (
                Some("ann"),
                "Comment removed by moderator",
                Some(Flaw::Removed),
            ),
            (
                Some("ann"),
                "Comment removed by moderators of a forum",
                None,
            ),
            (Some("AutoModerator"), "Welcome!", Some(Flaw::Bot)),
            (Some("wiki_bot"), "Welcome!", Some(Flaw::Bot)),
            (Some("talbot"), "Welcome!", None),
            (None, "^(I am a bot, beep)", Some(Flaw::Bot)),
            (Some("ann"), "https://example.org/a", Some(Flaw::LinkOnly)),
            (
                Some("ann"),
                "[see](http://example.org) www.example.org",
                Some(Flaw::LinkOnly),
            ),
            (Some("ann"), "see https://example.org/a", None),
            (
                Some("ann"),
                "[ Removed by reddit in response to a copyright notice. ]",
                Some(Flaw::Removed),
            ),
            (
                Some("ann"),
                "[ Removed by Reddit on account of violating the [content policy](/help/contentpolicy). ]",
                Some(Flaw::Removed),
            ),
            (Some("ann"), "[deleted by user]", Some(Flaw::Deleted)),
            (Some("ann"), "[removed stains] easily", None),
            (Some("ann"), "&#91;deleted&#93;", Some(Flaw::Deleted)),
            (Some("ann"), "\\\\[deleted\\\\]", Some(Flaw::Deleted)),
            (Some("ann"), "[[deleted]]", Some(Flaw::Deleted)),
            (Some("ann"), "*[deleted]*", Some(Flaw::Deleted)),
            (Some("ann"), "~~[deleted]~~", Some(Flaw::Deleted)),
            (Some("ann"), "> [removed]", Some(Flaw::Removed)),
            (Some("ann"), "[DELETED]", Some(Flaw::Deleted)),
            (Some("ann"), "[unavailable]", Some(Flaw::Removed)),
            (
                Some("ann"),
                "[Comment deleted by user]",
                Some(Flaw::Deleted),
            ),
            (
                Some("ann"),
                "This comment has been removed",
                Some(Flaw::Removed),
            ),
            (
                Some("ann"),
                "This post was deleted by the author.",
                Some(Flaw::Deleted),
            ),
            (
                Some("ann"),
                "This comment is unavailable",
                Some(Flaw::Removed),
            ),
            (Some("ann"), "deleted", Some(Flaw::Deleted)),
            (Some("ann"), "Removed.", Some(Flaw::Removed)),
            (Some("ann"), "\u{200C}", Some(Flaw::Empty)),
            (Some("ann"), "\u{2800} \u{3164}", Some(Flaw::Empty)),
            (Some("ann"), "[gif](giphy|a)", Some(Flaw::MediaOnly)),
            (Some("ann"), ":snoo_smile: :tada:", Some(Flaw::MediaOnly)),
            (Some("ann"), "> [deleted]\n\nthey were right", None),
            (Some("ann"), "deleted it by mistake", None),
            (Some("ann"), "this was removed", None),
            (Some("ann"), "The post was removed by the wind", None),
            (Some("ann"), "unavailable", None),
            (Some("ann"), "at 10:30: sharp", None),
            (Some("ann"), "see [deleted] above", None),
            (Some("ann"), "![gif](giphy|3o7abc)", Some(Flaw::MediaOnly)),
            (
                Some("ann"),
                "![img](emote|t5_2qh1|4242)\n\n*Processing gif abc123def...*",
                Some(Flaw::MediaOnly),
            ),
            (Some("ann"), "[](/ajsmile)", Some(Flaw::MediaOnly)),
            (Some("ann"), "![gif](giphy|3o7abc) so true", None),
            (Some("u/AutoModerator"), "Welcome!", Some(Flaw::Bot)),
            (Some("ann"), "ok", Some(Flaw::TooShort)),
            (Some("ann"), "üü", Some(Flaw::TooShort)),
            (Some("ann"), &"x".repeat(41), Some(Flaw::TooLong)),
            (Some("ann"), &"ü".repeat(40), None),
            (Some("[deleted]"), "hello", Some(Flaw::AuthorUnknown)),
            (Some("[DELETED]"), "hello", Some(Flaw::AuthorUnknown)),
            (Some("deleted"), "hello", Some(Flaw::AuthorUnknown)),
            (Some("nan"), "hello", Some(Flaw::AuthorUnknown)),
            (Some("undeleted"), "hello", None),
            (None, "hello", None),
        ];
        for (author, body, flaw) in cases {
            assert_eq!(r.flaw(author, body), flaw, "{author:?} {body:?}");
        }
        assert_eq!(
            Recipe::keep_all().flaw(Some("[deleted]"), "[deleted]"),
            None
        );
    }

    #[test]
    fn repaired_text_is_trimmed() {
        let letters: Vec<char> = " a&;#x200B\r\n\u{200B}é".chars().collect();
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            let text: String = (0..rng.usize(..=20))
                .map(|_| letters[rng.usize(..letters.len())])
                .collect();
            let once = repair(&text, false).into_owned();
            assert_eq!(once.trim(), once, "{text:?}");
            assert!(!once.contains(['\r', '\u{200B}']), "{text:?}");
        }
    }
}
