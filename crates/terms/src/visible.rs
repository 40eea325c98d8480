//! Text from others, shown so that nothing in it controls a terminal, hides, repaints or reorders the rest. Imported and
//! fetched texts, the contents of a project file and names of files can have been written by anybody, and a reviewer
//! approves what they see. The window does the same in `ui/src/parts/visible.ts`.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_normalization::char::is_combining_mark;

/// Most combining marks on one character. Scripts need four at most (Hebrew with vowels and cantillation); a taller
/// stack paints over the lines above and below.
const MARKS: usize = 4;

/// Whether a character controls a terminal, acts on its neighbors or on the order of a line, or is invisible or blank
/// without being white space: the control characters, which include line breaks and tabs; Unicode's format characters,
/// default-ignorable code points and noncharacters; fillers; and spaces of unusual width. Tags and variation selectors
/// can hide whole sentences.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || u32::from(c) & 0xfffe == 0xfffe
        || matches!(
            c,
            // soft hyphen, joiners of glyphs, marks of direction
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}'
            // line separators, embeddings and overrides of direction
            | '\u{2028}'..='\u{202e}'
            // fillers and blanks
            | '\u{115f}' | '\u{1160}' | '\u{1680}' | '\u{17b4}' | '\u{17b5}' | '\u{2000}'..='\u{200a}'
            | '\u{205f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{fffc}' | '\u{16fe4}' | '\u{1d159}'
            // variation selectors
            | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}'
            // byte order mark, interlinear annotation, noncharacters
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}'
            // controls of hieroglyphs, shorthand and music
            | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // tags and more variation selectors
            | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Whether a joiner or a variation selector has its proper use here: within an emoji ("family", a red heart, a keycap), or
/// between letters of a script that needs it (Persian, Hindi). Next to ASCII, or repeated, it only hides something.
fn joins(before: Option<char>, c: char, after: Option<char>) -> bool {
    const KEYCAP: &str = "0123456789#*";
    let shows = |c: char| !c.is_ascii() && !is_hidden(c) && !c.is_whitespace();
    match c {
        '\u{200c}' | '\u{200d}' => {
            before.is_some_and(|b| shows(b) || b == '\u{fe0f}') && after.is_some_and(shows)
        }
        '\u{fe0e}' | '\u{fe0f}' => {
            before.is_some_and(|b| shows(b) || KEYCAP.contains(b) && after == Some('\u{20e3}'))
        }
        _ => false,
    }
}

/// The characters of a text, each with whether it must not be shown as it is: those that are hidden, except for line
/// breaks, tabs, and joiners in their proper use; and combining marks that have no character to stand on, or are too
/// many for it.
pub fn judged(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut chars = text.chars().peekable();
    // the character before, if it is shown, and how many more marks it can take
    let (mut before, mut room) = (None, 0);
    std::iter::from_fn(move || {
        let c = chars.next()?;
        let is_break = matches!(c, '\n' | '\t');
        let joins = joins(before, c, chars.peek().copied());
        let is_mark = is_combining_mark(c) && !joins;
        let hides = match is_mark {
            true => room == 0 || is_hidden(c),
            false => is_hidden(c) && !is_break && !joins,
        };
        room = match c {
            _ if joins => room,
            // a mark on a backslash would disguise what looks like an escape
            _ if hides || c.is_whitespace() || c == '\\' => 0,
            _ if is_mark => room - 1,
            _ => MARKS,
        };
        before = (!hides).then_some(c);
        Some((c, hides))
    })
}

/// Whether a text on one line has characters that must not be shown as they are.
pub fn has_hidden(text: &str) -> bool {
    judged(text).any(|(c, hides)| hides || c.is_control())
}

/// A text with only visible characters: the others are written as `\u{...}`. Line breaks and tabs stay. Backslashes
/// before what is such an escape, or reads like one, are doubled: no two texts are shown alike.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, false)
}

/// A text for a table cell or a part of a line, in which line breaks and tabs are written as escapes, too.
pub fn visible_cell(text: &str) -> String {
    escaped(text, true).into_owned()
}

fn escaped(text: &str, on_one_line: bool) -> Cow<'_, str> {
    let is_escaped = |c: char, hides: bool| hides || on_one_line && c.is_control();
    if !text.contains("\\u{") && !judged(text).any(|(c, hides)| is_escaped(c, hides)) {
        return Cow::Borrowed(text);
    }
    let mut all = String::with_capacity(text.len() + 16);
    let (mut at, mut backslashes) = (0, 0);
    for (c, hides) in judged(text) {
        let escape = is_escaped(c, hides);
        if escape || text[at..].starts_with("u{") {
            all.extend(std::iter::repeat_n('\\', backslashes));
        }
        if escape {
            // Writing to a String never fails.
            let _ = write!(all, "\\u{{{:x}}}", u32::from(c));
        } else {
            all.push(c);
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        at += c.len_utf8();
    }
    Cow::Owned(all)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn control_and_invisible_characters_are_escaped() {
        for (text, shown) in [
            (
                "plain, \u{fc}ml\u{e4}ut\tand\nlines",
                "plain, \u{fc}ml\u{e4}ut\tand\nlines",
            ),
            ("\u{1b}[2Jgone\u{7}\u{8}", "\\u{1b}[2Jgone\\u{7}\\u{8}"),
            (
                "a\rb\u{7f}\u{9b}31m\u{85}",
                "a\\u{d}b\\u{7f}\\u{9b}31m\\u{85}",
            ),
            ("\u{202e}txt.exe\u{2069}", "\\u{202e}txt.exe\\u{2069}"),
            (
                "a\u{200b}b\u{feff}\u{ad}\u{3164}",
                "a\\u{200b}b\\u{feff}\\u{ad}\\u{3164}",
            ),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
            ("hi\u{e0041}\u{e0042}", "hi\\u{e0041}\\u{e0042}"),
            ("\u{6f22}\u{e0100}", "\u{6f22}\\u{e0100}"),
            // what looks like a space; the spaces of French and Japanese stay
            (
                "a\u{2800}b\u{115f}\u{1160}\u{ffa0}\u{2003}",
                "a\\u{2800}b\\u{115f}\\u{1160}\\u{ffa0}\\u{2003}",
            ),
            ("a\u{a0}b\u{202f}!\u{3000}", "a\u{a0}b\u{202f}!\u{3000}"),
            ("\u{13430}a\u{1345f}", "\\u{13430}a\\u{1345f}"),
            (
                "\u{fdd0}\u{fffe}\u{ffff}\u{1fffe}\u{10ffff}",
                "\\u{fdd0}\\u{fffe}\\u{ffff}\\u{1fffe}\\u{10ffff}",
            ),
            // Joiners within letters and emoji stay; between ASCII they are escaped.
            (
                "\u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f} 1\u{fe0f}\u{20e3}",
                "\u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f} 1\u{fe0f}\u{20e3}",
            ),
            ("\u{645}\u{200c}\u{62e}", "\u{645}\u{200c}\u{62e}"),
            ("pay\u{200d}pal a\u{fe0f}b", "pay\\u{200d}pal a\\u{fe0f}b"),
            (
                "\u{1f469}\u{200d}\u{200d}\u{1f4bb}",
                "\u{1f469}\\u{200d}\\u{200d}\u{1f4bb}",
            ),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(visible_cell("a\nb\tc\r"), "a\\u{a}b\\u{9}c\\u{d}");
    }

    #[test]
    fn marks_cannot_pile_up() {
        for (text, shown) in [
            ("e\u{301}\u{323}\u{302}", "e\u{301}\u{323}\u{302}"),
            // shin with its dot, a vowel, dagesh and cantillation
            (
                "\u{5e9}\u{5c1}\u{5b8}\u{5bc}\u{591}",
                "\u{5e9}\u{5c1}\u{5b8}\u{5bc}\u{591}",
            ),
            (
                "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}x\u{301}",
                "e\u{301}\u{301}\u{301}\u{301}\\u{301}\\u{301}x\u{301}",
            ),
            // a joiner is no new character to stand on
            (
                "\u{915}\u{93c}\u{93c}\u{93c}\u{93c}\u{200d}\u{93c}",
                "\u{915}\u{93c}\u{93c}\u{93c}\u{93c}\u{200d}\\u{93c}",
            ),
            // none may stand on what we print before the text, on a space or on an escape
            ("\u{20dd}a", "\\u{20dd}a"),
            ("a \u{338}b\n\u{338}", "a \\u{338}b\n\\u{338}"),
            ("\u{202e}\u{338}", "\\u{202e}\\u{338}"),
            ("\\\u{338}u{202e}", "\\\\\\u{338}u{202e}"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn typed_escapes_do_not_look_like_ours() {
        for (text, shown) in [
            ("\\u{202e}", "\\\\u{202e}"),
            ("\\\\u{202e}", "\\\\\\\\u{202e}"),
            ("\\\u{202e}", "\\\\\\u{202e}"),
            // other backslashes stay
            (
                "C:\\users\\me, \\_, \\u202e \\\\",
                "C:\\users\\me, \\_, \\u202e \\\\",
            ),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn no_two_texts_are_shown_alike() {
        // all texts of up to six of these
        let pieces = ['\\', 'u', '{', 'a', '}', '\n', '\u{202e}', '\u{301}'];
        let (mut shown, mut cells) = (HashMap::new(), HashMap::new());
        let mut texts = vec![String::new()];
        for _ in 0..6 {
            texts = texts
                .iter()
                .flat_map(|text| pieces.map(|piece| format!("{text}{piece}")))
                .collect();
            for text in &texts {
                for (all, as_shown) in [
                    (&mut shown, visible(text).into_owned()),
                    (&mut cells, visible_cell(text)),
                ] {
                    let other = all.insert(as_shown, text.clone());
                    assert_eq!(other, None, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn names_show_what_they_are() {
        for name in ["small-gpt2", "\u{2764}\u{fe0f}", "\u{645}\u{200c}\u{62e}"] {
            assert!(!has_hidden(name), "{name:?}");
        }
        for name in ["a\nb", "a\tb", "a\u{1b}[2J", "a\u{202e}b", "\u{338}a"] {
            assert!(has_hidden(name), "{name:?}");
        }
    }
}
