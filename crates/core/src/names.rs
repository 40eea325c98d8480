//! Names are untrusted data. Those of bases, runs, splits and the like are shown, and suggested as file names; a
//! project file, a hub or an index of weights may come from anyone. So a name is checked where it is made, and stored
//! or fetched text only becomes part of a path through [`file_name`] or [`is_file_name`].

pub use repartee_store::items::has_text;
use repartee_store::items::{ItemKind, checked_name};
use repartee_terms::visible::is_hidden;

use crate::error::{Error, Result};

/// Length of a file name in bytes that every file system takes, with an extension.
const LONGEST_FILE: usize = 120;

/// Device names on Windows, with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Checks the name of a new item, by the rule that also holds for renaming it.
///
/// # Errors
/// [`crate::Code::Usage`] if it is empty, too long, has surrounding blanks, invisible characters or a slash, or could
/// be mistaken for something else.
pub fn check(kind: ItemKind, name: &str) -> Result<()> {
    let wrong = |why: String| Err(Error::usage(format!("the name {name:?} of a {kind} {why}")));
    match checked_name(kind, name) {
        Ok(checked) if checked == name => Ok(()),
        Ok(_) => wrong("begins or ends with a space".to_owned()),
        Err(repartee_store::Error::Refused { why, .. }) => wrong(format!("cannot be used: {why}")),
        Err(error) => Err(error.into()),
    }
}

/// A name as the name of one file or folder on every system: no separators, no `..`, no drive, no Windows device,
/// nothing hidden, not too long. A name that already is one is unchanged.
pub fn file_name(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .map(|c| match c {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '-',
            c if is_hidden(c) => '_',
            c => c,
        })
        .collect();
    while safe.len() >= LONGEST_FILE {
        safe.pop();
    }
    // a leading dot hides, a trailing one is dropped by Windows; a leading dash looks like a flag
    let trimmed = safe.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let mut safe = match trimmed.strip_prefix('-') {
        Some(rest) => format!("_{rest}"),
        None => trimmed.to_owned(),
    };
    let stem = safe
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_ascii_lowercase();
    let port = stem
        .strip_prefix("com")
        .or_else(|| stem.strip_prefix("lpt"));
    let is_port = port.is_some_and(|n| n.chars().count() == 1 && "0123456789¹²³".contains(n));
    if safe.is_empty() || is_port || DEVICES.contains(&stem.as_str()) {
        safe.insert(0, '_');
    }
    safe
}

/// Whether a fetched or stored name is a plain file name, and may be used as it is.
pub fn is_file_name(name: &str) -> bool {
    !name.is_empty() && file_name(name) == name
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use super::*;

    #[test]
    fn file_names_stay_in_their_folder() {
        for (name, file) in [
            ("small-gpt2", "small-gpt2"),
            ("Übung 2.1", "Übung 2.1"),
            ("../../etc/passwd", "_..-etc-passwd"),
            ("/etc/passwd", "_etc-passwd"),
            ("C:\\x", "C--x"),
            ("..", "_"),
            ("", "_"),
            (".hidden", "hidden"),
            ("end. ", "end"),
            ("-rf", "_rf"),
            ("CON", "_CON"),
            ("com1.csv", "_com1.csv"),
            ("nul .txt", "_nul .txt"),
            ("a\u{0}b\n\u{202e}", "a_b__"),
        ] {
            assert_eq!(file_name(name), file, "{name:?}");
        }
        assert!(file_name(&"ä".repeat(500)).len() <= LONGEST_FILE);
    }

    #[test]
    fn any_text_becomes_one_file_name() {
        let separators = ['/', '\\', ':', '\0'];
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            let name: String = (0..rng.usize(..40))
                .map(|_| rng.char('\0'..=char::MAX))
                .collect();
            let dots: String = (0..rng.usize(..=12))
                .map(|_| ['.', '/', '\\', ':', 'a', '\0', '-'][rng.usize(..7)])
                .collect();
            for name in [name.clone(), format!("{dots}{name}"), dots] {
                let file = file_name(&name);
                let parts: Vec<Component> = Path::new(&file).components().collect();
                assert!(
                    matches!(parts[..], [Component::Normal(_)]),
                    "{name:?}: {file:?}"
                );
                assert_eq!(file_name(&file), file, "{name:?}");
                assert!(!file.contains(separators), "{name:?}: {file:?}");
            }
        }
    }

    #[test]
    fn names_are_checked_when_created() {
        for good in ["a", "main 2", "Gärtner", "v1.2_x"] {
            assert_eq!(check(ItemKind::Base, good), Ok(()));
        }
        for bad in [
            "",
            "  ",
            " a",
            "../a",
            "/a",
            "a\\b",
            "..",
            "a\nb",
            "a\u{1b}[2J",
            "a\u{202e}b",
            &"a".repeat(101),
        ] {
            assert!(check(ItemKind::Base, bad).is_err(), "{bad:?}");
        }
    }
}
