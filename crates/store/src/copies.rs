//! Files that have the same content as a project: backups made by a repair and copies next to it, and job bundles.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::job_bundles::with_deleted_texts;
use crate::schema::defend;
use crate::{Result, Store, is_project};

/// Maximum number of files inspected: a folder can contain a great many.
const MOST: usize = 2_000;

/// SQLite's own files next to the project, which it empties.
const OWN: [&str; 3] = ["-wal", "-shm", "-journal"];

impl Store {
    /// Files in the project's folder that may still contain a text that was wiped from it: files named after it
    /// (backups of a repair, of an editor, of the user), and other projects with a source or a thread in common. And the
    /// job bundles that were made with a text deleted since, wherever they are: a folder on a cluster is NAME:FOLDER.
    /// Exported files cannot be recognized. In alphabetical order.
    pub fn copies(&self) -> Vec<PathBuf> {
        let mut copies = self.copies_beside();
        let bundles = self.read(with_deleted_texts).unwrap_or_default();
        copies.extend(bundles.into_iter().filter(|path| {
            let is_file = path.is_absolute();
            !is_file || path.exists()
        }));
        copies.sort();
        copies.dedup();
        copies
    }

    fn copies_beside(&self) -> Vec<PathBuf> {
        let real = std::fs::canonicalize(self.path()).unwrap_or_else(|_| self.path().to_owned());
        let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else {
            return Vec::new();
        };
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        let own = self.read(signs).unwrap_or_default();
        entries
            .filter_map(Result::ok)
            .take(MOST)
            .map(|entry| entry.path())
            .filter(|path| path.is_file() && *path != real)
            .filter(|path| {
                let file = path.file_name().unwrap_or_default();
                is_named_after(file, name) || shares(path, &own)
            })
            .collect()
    }
}

/// Whether a file is named after a project: `p.repartee.before-repair-1`, `p.repartee~`, `.p.repartee.swp`.
fn is_named_after(file: &OsStr, project: &OsStr) -> bool {
    let (file, project) = (file.to_string_lossy(), project.to_string_lossy());
    let rest = file.trim_start_matches(['.', '#', '~']);
    match rest.strip_prefix(&*project) {
        Some(end) => !(rest == file && OWN.contains(&end)),
        None => false,
    }
}

/// What shows that two files have the same content: times and names of sources and threads.
fn signs(db: &Connection) -> Result<Vec<(i64, String)>> {
    let mut query = db.prepare(
        "SELECT created_ms, path FROM source
         UNION SELECT fetched_ms, coalesce(name, origin) FROM thread",
    )?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether a file is a project that has content in common with another.
fn shares(path: &Path, own: &[(i64, String)]) -> bool {
    if own.is_empty() || is_project(path).is_err() {
        return false;
    }
    let theirs = || -> Result<Vec<(i64, String)>> { signs(&peek(path)?) };
    // one that cannot be read may be a damaged copy
    theirs().map_or(true, |theirs| theirs.iter().any(|sign| own.contains(sign)))
}

/// A connection that reads a file as it is, and creates no file next to it.
fn peek(path: &Path) -> Result<Connection> {
    let mut address = String::from("file:");
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for byte in absolute.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' => address.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => address.push(char::from(*byte)),
            byte => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(address, flags)?;
    defend(&connection)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{filled, project};

    #[test]
    fn backups_and_copies_are_found_and_other_files_are_not() {
        let (folder, store) = filled(2);
        let name = store
            .path()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let at = |file: &str| folder.path().join(file);
        store.scrub().unwrap();
        for file in [
            format!("{name}.before-repair-1"),
            format!("{name}~"),
            "elsewhere called.bak".to_owned(),
        ] {
            std::fs::copy(store.path(), at(&file)).unwrap();
        }
        std::fs::write(at("notes.txt"), "not a project").unwrap();
        let other = Store::create(&at("other.repartee")).unwrap();
        let new = crate::sources::NewSource {
            path: "/another/file".to_owned(),
            options: "{}".to_owned(),
            ..Default::default()
        };
        other.source_insert(&new, 2).unwrap();
        drop(other);
        std::fs::write(at("empty"), "").unwrap();
        let mut want = vec![
            at(&format!("{name}.before-repair-1")),
            at(&format!("{name}~")),
            at("elsewhere called.bak"),
        ];
        want.sort();
        let canonical = |paths: Vec<PathBuf>| -> Vec<PathBuf> {
            paths
                .iter()
                .map(|path| path.canonicalize().unwrap())
                .collect()
        };
        let count = || std::fs::read_dir(folder.path()).unwrap().count();
        let before = count();
        assert_eq!(canonical(store.copies()), canonical(want));
        assert_eq!(before, count(), "looking leaves nothing beside the files");
        let (_alone, store) = project();
        assert_eq!(store.copies(), Vec::<PathBuf>::new());
    }
}
