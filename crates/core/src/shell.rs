//! Commands to copy: arguments quoted for a shell.

use std::ffi::OsStr;

use repartee_terms::visible::{judged, visible_cell};

/// An argument for a POSIX shell, on one line and in visible characters: what a terminal would not show as itself, and
/// so copy as an escape, is written as bytes in `$'...'`, which bash, zsh and ksh accept; so is invalid UTF-8.
pub fn quoted(arg: impl AsRef<OsStr>) -> String {
    let bytes = arg.as_ref().as_encoded_bytes();
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(b);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let text = std::str::from_utf8(bytes).ok();
    if let Some(text) = text.filter(|text| visible_cell(text) == *text) {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let mut out = String::from("$'");
    for chunk in bytes.utf8_chunks() {
        for (c, hides) in judged(chunk.valid()) {
            match c {
                '\'' => out.push_str("\\'"),
                // "\\" could read like the beginning of an escape
                '\\' => push_bytes(b"\\", &mut out),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                c if hides => push_bytes(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut out),
                c => out.push(c),
            }
        }
        push_bytes(chunk.invalid(), &mut out);
    }
    out.push('\'');
    out
}

/// A command of several arguments: `repartee train again 'my run' --without-deleted`.
pub fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> String {
    let mut line = String::from("repartee");
    for arg in args {
        line.push(' ');
        line.push_str(&quoted(arg));
    }
    line
}

/// Octal: of a fixed length, whatever follows.
fn push_bytes(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        out.push_str(&format!("\\{byte:03o}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        for (arg, shown) in [
            ("RC_2019-04.zst", "RC_2019-04.zst"),
            ("my file", "'my file'"),
            ("it's", "'it'\\''s'"),
            ("$(x)", "'$(x)'"),
            ("", "''"),
            ("a\nb's \\", "$'a\\nb\\'s \\134'"),
            ("\\_", "'\\_'"),
            // a terminal would show it with two backslashes
            ("\\u{202e}", "$'\\134u{202e}'"),
            ("a\u{1b}[2J1", "$'a\\033[2J1'"),
            ("a\u{202e}b", "$'a\\342\\200\\256b'"),
            ("~/x", "'~/x'"),
        ] {
            assert_eq!(quoted(arg), shown, "{arg:?}");
        }
        assert_eq!(
            command(["train", "again", "my run"]),
            "repartee train again 'my run'"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        use std::os::unix::ffi::OsStrExt;
        let all: Vec<u8> = (1..=255).collect();
        for arg in [
            &b"a\nb"[..],
            b"'",
            b"\"'`$x\\",
            b"\xff\xfe0",
            b"",
            b"!x",
            all.as_slice(),
            "\u{202e}\u{e0041}\u{fe0f}\u{1f469}\u{200d}e\u{301}\u{301}\u{301}\u{301}\u{301}"
                .as_bytes(),
            b"\\u{202e}\\\\u{1b}",
        ] {
            let script = format!("printf %s {}", quoted(OsStr::from_bytes(arg)));
            assert!(!script.contains('\n'), "{script}");
            let Ok(read) = std::process::Command::new("bash")
                .args(["-c", &script])
                .output()
            else {
                return; // no bash here
            };
            assert_eq!(read.stdout, arg, "{script}");
        }
    }
}
