//! Editing a reply in the user's editor.

use std::io::Write;

use anyhow::Result;
use repartee_engine::Error;

use crate::terminal;

/// Opens a text in the user's editor and returns the edited text.
pub fn edit(text: &str) -> Result<String> {
    let editor = std::env::var("VISUAL")
        .or_else(|_| std::env::var("EDITOR"))
        .map_err(|_| {
            Error::usage("no editor: set VISUAL or EDITOR, or pass the new text with --text TEXT")
        })?;
    if *text != terminal::visible(text) {
        terminal::err_line(
            "The text contains characters that do not show as they are. With those escaped, it reads:",
        );
        terminal::err_line(text);
    }
    // A folder of our own: backup files that an editor leaves beside the text stay private, too.
    let folder = private_folder().map_err(|e| Error::io("make", &std::env::temp_dir(), &e))?;
    let path = folder.path().join("reply.txt");
    repartee_engine::private::create_new(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|e| Error::io("write", &path, &e))?;
    // An editor may come with arguments: EDITOR="code --wait".
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or_default();
    let status = std::process::Command::new(program)
        .args(words)
        .arg(&path)
        .status();
    let edited = std::fs::read_to_string(&path);
    // The project has the text; this was a copy.
    let _ = folder.close();
    match status {
        Ok(status) if status.success() => Ok(edited.map_err(|e| Error::io("read", &path, &e))?),
        Ok(status) => Err(Error::usage(format!(
            "{editor} exited with {status}; the reply was not changed"
        ))
        .into()),
        Err(e) => Err(Error::usage(format!(
            "cannot start {editor}: {e}; pass the new text with --text TEXT"
        ))
        .into()),
    }
}

/// A new temporary folder with an unpredictable name, readable only by its owner.
fn private_folder() -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("repartee-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o700));
    }
    builder.tempdir()
}
