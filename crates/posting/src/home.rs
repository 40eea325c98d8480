//! The identity of this project file: if it was copied, moved or comes from another machine, the user must confirm it
//! as the one to continue with before anything is posted from it.
//!
//! The machine's ledger keeps two copies from answering the same comment; this keeps them from being mistaken for each
//! other. Two paths of one file (a symbolic link, another spelling) are one project.

use std::path::{Path, PathBuf};

use repartee_core::error::{Code, Error, Result};
use repartee_core::kept::PROJECT;
use repartee_core::machine::Machine;
use repartee_store::audit::Entry;
use repartee_store::ledger;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Posting;

/// The setting that identifies the file when it was last confirmed.
pub(crate) const HOME: &str = "project.home";

/// The file of a project when it was last confirmed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Home {
    /// The machine and user.
    machine: String,
    path: String,
    /// The inode, if the system has one. A file that replaces another has a different one.
    file: Option<u64>,
    copy: String,
    ledger: String,
    /// The copy whose ledger entries are still to be taken over; empty: none.
    inherits: String,
}

/// Whether a project file is the one that was last confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum FileIs {
    /// It was never used for posting.
    New,
    Confirmed,
    /// Its old path is empty.
    Moved,
    /// There is a file at its old path, too.
    Copied,
    /// Another file was at this path.
    Replaced,
    /// It was last used on another machine, or by another user.
    FromElsewhere,
    /// The machine's ledger is not the one it was posted with.
    OtherLedger,
}

/// The identity of a project file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProjectFile {
    /// Whether it is the one that was last confirmed.
    pub is: FileIs,
    /// Whether the user must confirm it before anything is posted from it.
    pub asks: bool,
    /// What is wrong, and what confirming means; empty if there is no need.
    pub words: String,
    pub path: String,
    /// Its path when it was last confirmed; empty: never.
    pub last_path: String,
}

/// This file, confirmed, as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ThisFile {
    pub project: String,
    pub copy: String,
    pub path: String,
}

/// Identity of a file on its disk.
struct OnDisk {
    path: PathBuf,
    file: Option<u64>,
}

impl OnDisk {
    fn of(path: &Path) -> Result<Self> {
        let path = path
            .canonicalize()
            .map_err(|e| Error::io("find", path, &e))?;
        let metadata = std::fs::metadata(&path).map_err(|e| Error::io("look at", &path, &e))?;
        Ok(Self {
            file: number(&metadata),
            path,
        })
    }

    fn words(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

#[cfg(unix)]
fn number(metadata: &std::fs::Metadata) -> Option<u64> {
    Some(std::os::unix::fs::MetadataExt::ino(metadata))
}

#[cfg(not(unix))]
fn number(_metadata: &std::fs::Metadata) -> Option<u64> {
    None
}

/// Whether two paths lead to the same file.
#[cfg(unix)]
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |path| std::fs::metadata(path).map(|m: std::fs::Metadata| (m.dev(), m.ino()));
    matches!((of(one), of(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(not(unix))]
fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn judge(home: &Home, here: &OnDisk, machine: &str, ledger: &str) -> FileIs {
    if home.copy.is_empty() {
        return FileIs::New;
    }
    if home.machine != machine {
        return FileIs::FromElsewhere;
    }
    let last = Path::new(&home.path);
    if here.path == last {
        if here.file != home.file {
            return FileIs::Replaced;
        }
    } else if !last.exists() {
        return FileIs::Moved;
    } else if here.file != home.file || !is_same(last, &here.path) {
        return FileIs::Copied;
    }
    if home.ledger == ledger {
        FileIs::Confirmed
    } else {
        FileIs::OtherLedger
    }
}

impl FileIs {
    fn words(self, last: &str) -> String {
        const ONE: &str = "Confirm that you will post from this file: the ledger of this machine keeps it from replying where another copy already has";
        const FAR: &str = "Another copy may already have posted replies that are still queued here. Check Reddit, then confirm that you will post from this file";
        let what = match self {
            Self::New | Self::Confirmed => return String::new(),
            Self::Moved => {
                format!(
                    "This project file was moved or copied: it was last used as {last}, which no longer exists. {ONE}"
                )
            }
            Self::Copied => {
                format!(
                    "This project file is a copy: it was last used as {last}, and that file still exists. {ONE}"
                )
            }
            Self::Replaced => {
                format!(
                    "Another file was here when this project was last used: {last} was replaced, perhaps by a backup. {ONE}"
                )
            }
            Self::FromElsewhere => {
                format!(
                    "This project file was last used on another machine or by another user, as {last}. {FAR}"
                )
            }
            Self::OtherLedger => {
                format!(
                    "The ledger of posted comments on this machine is not the one that this project was last used with: it was deleted or replaced. {FAR}"
                )
            }
        };
        format!("{what}; `repartee reddit adopt` does it")
    }
}

impl Posting<'_> {
    fn home(self) -> Result<Home> {
        Ok(self.store.setting(HOME)?.unwrap_or_default())
    }

    /// The identity of this project file, and whether the user must confirm it before anything is posted from it.
    ///
    /// # Errors
    /// [`Code::Io`] and [`Code::Damaged`] if the machine's state or ledger cannot be read.
    pub fn project_file(self) -> Result<ProjectFile> {
        let machine = self.machine()?;
        let ledger = ledger::Ledger::open(machine.folder())?;
        self.file_with(&machine, &ledger)
    }

    /// As [`Posting::project_file`], with an open ledger.
    pub(crate) fn file_with(
        self,
        machine: &Machine,
        ledger: &ledger::Ledger,
    ) -> Result<ProjectFile> {
        let (home, here) = (self.home()?, OnDisk::of(self.path())?);
        let mut is = judge(&home, &here, machine.id(), ledger.id());
        // a file with accounts was used: if it does not say where, it is not a new one
        if is == FileIs::New && !self.store.accounts()?.is_empty() {
            is = FileIs::FromElsewhere;
        }
        let words = is.words(match home.path.as_str() {
            "" => "a file that is not named",
            path => path,
        });
        Ok(ProjectFile {
            is,
            asks: !words.is_empty(),
            words,
            path: here.words(),
            last_path: home.path,
        })
    }

    /// This file as the ledger knows it. One that was never used for posting becomes the project's.
    ///
    /// # Errors
    /// [`Code::Copied`] if the user must confirm it first.
    pub(crate) fn confirmed_file(
        self,
        machine: &Machine,
        ledger: &ledger::Ledger,
    ) -> Result<ThisFile> {
        let mut found = self.file_with(machine, ledger)?;
        if found.is == FileIs::New {
            let home = Home::new(machine, ledger, &OnDisk::of(self.path())?);
            self.store.setting_or(HOME, home)?;
            // of two processes, one was first
            found = self.file_with(machine, ledger)?;
        }
        if found.asks {
            return Err(Error::new(Code::Copied, found.words));
        }
        let (project, mut home) = (self.project_id()?, self.home()?);
        if !home.inherits.is_empty() {
            ledger.inherit(&project, &home.inherits, &home.copy, &home.path)?;
            home.inherits.clear();
            self.store.set_setting(HOME, &home)?;
        }
        Ok(ThisFile {
            project,
            copy: home.copy,
            path: found.path,
        })
    }

    /// This file as the ledger knows it, unconfirmed; `None`: it was never used for posting.
    pub(crate) fn this_file(self) -> Result<Option<ThisFile>> {
        let (project, home) = (self.store.setting(PROJECT)?, self.home()?);
        Ok(project
            .filter(|_| !home.copy.is_empty())
            .map(|project| ThisFile {
                project,
                copy: home.copy,
                path: home.path,
            }))
    }

    /// Records the file's identity when an account is added, so that a copy made before the first post is recognized.
    /// If that is not possible now, posting reports why.
    pub(crate) fn note_file(self) {
        let noted = self.machine().and_then(|machine| {
            let ledger = ledger::Ledger::open(machine.folder())?;
            self.confirmed_file(&machine, &ledger)
        });
        if let Err(error) = noted {
            tracing::warn!(%error, "could not record the identity of the project file");
        }
    }

    /// Confirms this file as the one to continue with, on behalf of `who`; no change if it already is. A moved or
    /// replaced file keeps its ledger entries; a copy starts without any.
    ///
    /// # Errors
    /// As [`Posting::project_file`]; if the project or the ledger cannot be written.
    pub fn project_adopt(self, who: &str) -> Result<ProjectFile> {
        let machine = self.machine()?;
        let ledger = ledger::Ledger::open(machine.folder())?;
        let (found, old) = (self.file_with(&machine, &ledger)?, self.home()?);
        if found.is == FileIs::Confirmed {
            return Ok(found);
        }
        let mut new = Home::new(&machine, &ledger, &OnDisk::of(self.path())?);
        if matches!(found.is, FileIs::Moved | FileIs::Replaced) {
            new.inherits = old.copy;
        }
        let line = Entry::new(who, "file confirmed", self.environment.clock.now_ms());
        let line = line.detail(format!("{} (before: {})", new.path, old.path));
        self.store.adopt(HOME, &new, &line)?;
        self.confirmed_file(&machine, &ledger)?;
        self.file_with(&machine, &ledger)
    }
}

impl Home {
    fn new(machine: &Machine, ledger: &ledger::Ledger, here: &OnDisk) -> Self {
        Self {
            machine: machine.id().to_owned(),
            path: here.words(),
            file: here.file,
            copy: uuid::Uuid::now_v7().to_string(),
            ledger: ledger.id().to_owned(),
            inherits: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_identified_by_machine_path_and_inode() {
        let place = tempfile::tempdir().expect("a folder");
        let (one, two) = (place.path().join("one"), place.path().join("two"));
        std::fs::write(&one, "1").expect("written");
        let on_disk = |path: &Path| OnDisk::of(path).expect("is there");
        let home = Home {
            machine: "m".into(),
            path: on_disk(&one).words(),
            file: on_disk(&one).file,
            copy: "c".into(),
            ledger: "l".into(),
            inherits: String::new(),
        };
        let is = |path: &Path| judge(&home, &on_disk(path), "m", "l");
        assert_eq!(
            judge(&Home::default(), &on_disk(&one), "m", "l"),
            FileIs::New
        );
        assert_eq!(is(&one), FileIs::Confirmed);
        assert_eq!(
            judge(&home, &on_disk(&one), "n", "l"),
            FileIs::FromElsewhere
        );
        assert_eq!(judge(&home, &on_disk(&one), "m", "k"), FileIs::OtherLedger);
        std::fs::copy(&one, &two).expect("copied");
        assert_eq!(is(&two), FileIs::Copied);
        #[cfg(unix)]
        {
            let (hard, soft) = (place.path().join("hard"), place.path().join("soft"));
            std::fs::hard_link(&one, &hard).expect("linked");
            std::os::unix::fs::symlink(&one, &soft).expect("linked");
            assert_eq!([is(&hard), is(&soft)], [FileIs::Confirmed; 2]);
            // another file in its place, while the first still has a name
            std::fs::rename(&two, &one).expect("moved");
            assert_eq!([is(&one), is(&hard)], [FileIs::Replaced, FileIs::Copied]);
            std::fs::remove_file(&one).expect("removed");
            assert_eq!(is(&hard), FileIs::Moved);
        }
    }
}
