//! Files that only their owner can read, whatever the umask: they contain people's texts. (Except on Unix, a new file
//! has the permissions of its folder.)

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Creates a file that must not exist yet. It never exists with wider permissions.
///
/// # Errors
/// If the name is taken, or the file cannot be created.
pub fn create_new(path: &Path) -> io::Result<File> {
    let file = options().create_new(true).open(path)?;
    restrict(&file)?;
    Ok(file)
}

/// Creates a file or truncates an existing one.
///
/// # Errors
/// If it cannot be created or written.
pub fn create(path: &Path) -> io::Result<File> {
    let file = options().create(true).truncate(true).open(path)?;
    restrict(&file)?;
    Ok(file)
}

/// Creates a folder and its missing parents for their owner alone. An existing folder is left as it is.
///
/// # Errors
/// If it cannot be created.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a file, replacing its content.
///
/// # Errors
/// If it cannot be created or written.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create(path)?.write_all(bytes)
}

/// Removes the permissions of others from a file of ours and from SQLite's files next to it, and logs it. A file of
/// another user is left as it is, and so is a folder.
pub fn narrow(path: &Path) {
    // SQLite follows links, and works next to their target
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for end in ["", "-wal", "-shm"] {
        let mut name = real.as_os_str().to_owned();
        name.push(end);
        narrow_one(&PathBuf::from(name));
    }
}

#[cfg(unix)]
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// For an existing file, and for an umask that removes the owner's permissions.
#[cfg(unix)]
fn restrict(file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let about = file.metadata()?;
    // not /dev/stdout
    if about.is_file() && about.mode() & 0o777 != 0o600 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

// By path: closing another handle of a database would drop the locks that this process has on it.
#[cfg(unix)]
fn narrow_one(file: &Path) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let me = rustix::process::geteuid().as_raw();
    let Ok(about) = std::fs::symlink_metadata(file) else {
        return;
    };
    let mode = about.mode() & 0o777;
    if !about.is_file() || about.uid() != me || mode & 0o077 == 0 {
        return;
    }
    let narrow = mode & 0o700;
    match std::fs::set_permissions(file, std::fs::Permissions::from_mode(narrow)) {
        Ok(()) => tracing::warn!(
            "{} was open to others (mode {mode:04o}); it is now {narrow:04o}",
            file.display()
        ),
        Err(error) => tracing::warn!(
            "{} is open to others (mode {mode:04o}), and that could not be changed: {error}",
            file.display()
        ),
    }
}

#[cfg(not(unix))]
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    options
}

#[cfg(not(unix))]
fn restrict(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn narrow_one(_file: &Path) {}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &std::path::Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn wide_permissions_are_narrowed_to_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let wide = |path: &std::path::Path| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
        };
        std::fs::write(&path, "old").unwrap();
        wide(&path);
        drop(super::create(&path).unwrap());
        assert_eq!(
            (mode(&path), std::fs::read(&path).unwrap().len()),
            (0o600, 0)
        );
        assert!(super::create_new(&path).is_err());
        wide(&path);
        super::narrow(&path);
        assert_eq!(mode(&path), 0o600);
        super::narrow(&folder.path().join("none"));
    }
}
