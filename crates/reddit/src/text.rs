//! Rules for texts before they are sent.

use unicode_normalization::UnicodeNormalization;

/// Maximum length of a comment in UTF-16 units, as Reddit's server counts.
pub const MAX_UNITS: usize = 10_000;

/// Why a text cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("the text is empty")]
    Empty,
    /// Longer than Reddit accepts.
    #[error("the text has {0} characters (UTF-16 units); Reddit takes at most {MAX_UNITS}")]
    TooLong(usize),
}

/// The text as it is sent: LF line ends, trimmed, Unicode in form NFC (so that the text Reddit returns can be compared
/// with ours).
///
/// # Errors
/// [`TextError`], if what is left is empty or too long.
pub fn prepare(text: &str) -> Result<String, TextError> {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let text: String = lines.trim().nfc().collect();
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    match text.encode_utf16().count() {
        units if units > MAX_UNITS => Err(TextError::TooLong(units)),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_blanks_and_accents_are_normalized() {
        assert_eq!(
            prepare(" \r\n one\r\ntwo\rthree \n\n").as_deref(),
            Ok("one\ntwo\nthree")
        );
        assert_eq!(prepare("cafe\u{301}").as_deref(), Ok("caf\u{e9}"));
        let once = prepare("  a\r\nb\u{308} ").expect("a text");
        assert_eq!(prepare(&once).as_deref(), Ok(once.as_str()));
    }

    #[test]
    fn empty_and_too_long_are_refused() {
        assert_eq!(prepare(" \r\n\t\u{2003}"), Err(TextError::Empty));
        assert_eq!(prepare(&"a".repeat(10_000)).map(|t| t.len()), Ok(10_000));
        assert_eq!(
            prepare(&"a".repeat(10_001)),
            Err(TextError::TooLong(10_001))
        );
        // one of these is two UTF-16 units
        assert_eq!(
            prepare(&"\u{1f600}".repeat(5_001)),
            Err(TextError::TooLong(10_002))
        );
        assert!(prepare(&"\u{1f600}".repeat(5_000)).is_ok());
    }
}
