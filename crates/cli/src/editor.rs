//! Editing a reply in the user's editor.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use repartee_engine::machine::Machine;
use repartee_engine::owner::{Owner, is_gone};
use repartee_engine::{Error, private};

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
    let (session, state) = (in_session(), in_state()?);
    session
        .iter()
        .chain([&state])
        .for_each(|parent| remove_left_behind(parent));
    let parent = session.unwrap_or(state);
    let copy = WorkingCopy::new(&parent).map_err(|e| Error::io("make a folder in", &parent, &e))?;
    let path = copy.folder.join("reply.txt");
    private::create_new(&path)
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
    drop(copy);
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

/// Where texts are edited: in the folder of the user's session, which is in memory and ends with it. Other users cannot
/// enter it.
fn in_session() -> Option<PathBuf> {
    // https://specifications.freedesktop.org/basedir-spec
    let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)?;
    (session.is_absolute() && is_private(&session)).then(|| session.join("repartee/editing"))
}

/// Where texts are edited without a session: in the user's state folder.
fn in_state() -> Result<PathBuf> {
    Ok(Machine::state_folder()?.join("editing"))
}

#[cfg(unix)]
fn is_private(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    folder
        .metadata()
        .is_ok_and(|about| about.is_dir() && about.mode() & 0o077 == 0)
}

/// Elsewhere, there are no such folders.
#[cfg(not(unix))]
fn is_private(_folder: &Path) -> bool {
    false
}

/// A folder for a copy of a text, named after the process that edits it. Backup files that an editor leaves beside the
/// text stay private, too. The project has the text: when this is dropped, all is removed.
struct WorkingCopy {
    folder: PathBuf,
    _owner: Owner,
}

impl WorkingCopy {
    fn new(parent: &Path) -> io::Result<Self> {
        let owner = Owner::new();
        let folder = parent.join(name_of(&owner));
        private::create_folder(&folder)?;
        Ok(Self {
            folder,
            _owner: owner,
        })
    }
}

impl Drop for WorkingCopy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The name of an owner's folder: Windows allows no colon in it.
fn name_of(owner: &str) -> String {
    owner.replace(':', ",")
}

/// Removes the copies of processes that were killed while they waited for an editor.
fn remove_left_behind(parent: &Path) {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        if name
            .to_str()
            .is_some_and(|name| is_gone(&name.replace(',', ":")))
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_copies_of_processes_that_are_gone_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let parent = place.path().join("editing");
        // the folder of nobody yet
        remove_left_behind(&parent);
        let mine = WorkingCopy::new(&parent).unwrap();
        std::fs::write(mine.folder.join("reply.txt"), "a text").unwrap();
        // an earlier process with this one's id
        let boot = repartee_engine::owner::since_boot();
        let gone = parent.join(name_of(&format!("{boot}:{}:1:x", std::process::id())));
        std::fs::create_dir(&gone).unwrap();
        std::fs::write(gone.join("reply.txt"), "a text").unwrap();
        let other = parent.join("of something else");
        std::fs::create_dir(&other).unwrap();
        remove_left_behind(&parent);
        assert!(mine.folder.join("reply.txt").exists() && other.exists());
        assert!(!gone.exists());
        let folder = mine.folder.clone();
        drop(mine);
        assert!(!folder.exists());
    }
}
