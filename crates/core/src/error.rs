//! The error type of all front ends: a code to branch on, a sentence for the user, and details.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Kind of error. Callers branch on this, never on the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// A parameter is missing, misspelled or out of range.
    Usage,
    /// A named item (file, split, base, run, job) does not exist.
    NotFound,
    /// An item of that name already exists.
    Exists,
    /// An input file is not what it should be.
    BadInput,
    /// The file is not a Repartee project.
    NotAProject,
    /// The project was written by a newer version of Repartee.
    NewerProject,
    /// The project has triggers, views or tables that Repartee did not create, or files next to it that could do harm.
    ForeignProject,
    /// Another process is using what is needed.
    Busy,
    /// The disk is full; what was stored before is kept.
    DiskFull,
    /// The project file is damaged.
    Damaged,
    /// A value of one row of the project cannot be read; everything else can be used.
    Unreadable,
    /// A model cannot be built, loaded or trained: shapes, names, tokenizer, NaN.
    Model,
    /// The operating system refused a file or the network failed.
    Io,
    /// A check failed: a leak between the partitions of a split, a damaged blob.
    Negative,
    /// Reddit requires a login, or its secrets are missing.
    Login,
    /// Reddit, or a rule of this project about Reddit, forbids it.
    Refused,
    /// The project file was copied or moved; the user must confirm that it is the one to continue with.
    Copied,
    /// What the user decided about has changed since it was shown, and must be reviewed again.
    Changed,
    /// A permission of the study is missing, was refused, or has ended.
    Permission,
    /// A bug in Repartee.
    Internal,
}

/// An error as front ends get it: `{code, message, detail[]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, TS)]
#[error("{message}")]
#[ts(rename = "EngineError")] // JavaScript has an Error of its own
pub struct Error {
    pub code: Code,
    /// What was wrong, where, and what to do, in one or two sentences. What only the command line can do comes last, as
    /// "; `repartee ...` does it": the window omits it.
    pub message: String,
    /// Causes, outermost first, and further places (rows, tensors).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a code and a sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: Vec::new(),
        }
    }

    /// A parameter is missing, misspelled or out of range.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// A named item does not exist: `what` is its kind, `there` are the names that do exist.
    pub fn not_found(what: &str, name: &str, there: &[String]) -> Self {
        let known = match there {
            [] => format!("there is no {what} yet"),
            names => format!(
                "there {}: {}",
                if names.len() == 1 { "is" } else { "are" },
                names.join(", ")
            ),
        };
        Self::new(
            Code::NotFound,
            format!("no {what} is called {name:?}; {known}"),
        )
    }

    /// An input file is not what it should be.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(Code::BadInput, message)
    }

    /// A bug in Repartee.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// Adds a line of detail.
    #[must_use]
    pub fn with(mut self, line: impl Into<String>) -> Self {
        self.detail.push(line.into());
        self
    }

    /// An error of a lower crate: its message, and its causes as detail.
    pub fn from_source(code: Code, error: &dyn std::error::Error) -> Self {
        let mut out = Self::new(code, error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            let line = error.to_string();
            // thiserror's `#[error(transparent)]` and messages that quote their source repeat it
            if !out.message.contains(&line) && out.detail.last() != Some(&line) {
                out.detail.push(line);
            }
            cause = error.source();
        }
        out
    }

    /// An I/O error at a path: what was being done, and to what.
    pub fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => Code::NotFound,
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::DiskFull,
            _ => Code::Io,
        };
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            let what = format!("{} already exists; choose another name", path.display());
            return Self::new(Code::Exists, what);
        }
        Self::new(code, format!("cannot {doing} {}: {error}", path.display()))
    }
}

impl From<repartee_store::Error> for Error {
    fn from(error: repartee_store::Error) -> Self {
        use repartee_store::Error as Store;
        let code = match &error {
            Store::NoFile(_) | Store::Missing { .. } => Code::NotFound,
            Store::FileExists(_) | Store::NameTaken { .. } => Code::Exists,
            Store::NotAProject { .. } => Code::NotAProject,
            Store::Newer { .. } => Code::NewerProject,
            Store::Foreign { .. } | Store::Unrepairable { .. } | Store::Beside { .. } => {
                Code::ForeignProject
            }
            Store::Busy | Store::Collected(_) | Store::InUse { .. } => Code::Busy,
            Store::Full => Code::DiskFull,
            Store::Damaged(_)
            | Store::Setting { .. }
            | Store::Json { .. }
            | Store::Migration(_) => Code::Damaged,
            Store::Unreadable(_) => Code::Unreadable,
            Store::Refused { .. } | Store::Transition { .. } | Store::Changed { .. } => Code::Usage,
            Store::Open { .. }
            | Store::NoBackup { .. }
            | Store::NoRandomness(_)
            | Store::ReadOnly(_)
            | Store::Sql(_) => Code::Io,
        };
        Self::from_source(code, &error)
    }
}

impl From<repartee_store::ledger::Error> for Error {
    fn from(error: repartee_store::ledger::Error) -> Self {
        use repartee_store::ledger::ErrorKind;
        let code = match error.kind {
            ErrorKind::Damaged => Code::Damaged,
            ErrorKind::Busy => Code::Busy,
            ErrorKind::Full => Code::DiskFull,
            ErrorKind::Io => Code::Io,
        };
        Self::from_source(code, &error)
    }
}

impl From<repartee_models::Error> for Error {
    fn from(error: repartee_models::Error) -> Self {
        use repartee_models::Error as Models;
        let code = match &error {
            Models::File { .. } => Code::BadInput,
            Models::Input(_) | Models::Device { .. } => Code::Usage,
            _ => Code::Model,
        };
        Self::from_source(code, &error)
    }
}

impl From<repartee_charts::Error> for Error {
    fn from(error: repartee_charts::Error) -> Self {
        let code = match &error {
            repartee_charts::Error::Empty(_) => Code::NotFound,
            _ => Code::Internal,
        };
        Self::from_source(code, &error)
    }
}

impl From<repartee_reddit::Error> for Error {
    fn from(error: repartee_reddit::Error) -> Self {
        use repartee_reddit::Error as Reddit;
        // the beginning of an answer may be someone's text, and errors are logged
        let error = match error {
            Reddit::Status { call, status, .. } => Reddit::Status {
                call,
                status,
                excerpt: String::new(),
            },
            error => error,
        };
        let code = match &error {
            Reddit::Config(_) | Reddit::Name { .. } | Reddit::Text(_) | Reddit::Pasted(_) => {
                Code::Usage
            }
            Reddit::PortBusy { .. } | Reddit::Throttled { .. } => Code::Busy,
            Reddit::NotFound(_) | Reddit::Redirected { .. } | Reddit::NotAwaited(_) => {
                Code::NotFound
            }
            Reddit::NoSecret { .. } | Reddit::Keychain { .. } | Reddit::NotKept(_) => Code::Login,
            _ if error.needs_login() => Code::Login,
            Reddit::Denied(_) | Reddit::NoAnswer(_) => Code::Login,
            Reddit::Forbidden { .. } | Reddit::Refused { .. } => Code::Refused,
            _ => Code::Io,
        };
        Self::from_source(code, &error)
    }
}

impl From<repartee_datasets::read::Error> for Error {
    fn from(error: repartee_datasets::read::Error) -> Self {
        use repartee_datasets::read::Error as Read;
        let code = match &error {
            Read::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Code::NotFound
            }
            Read::Io { .. } | Read::Memory { .. } => Code::Io,
            Read::Died { .. } => Code::Internal,
            _ => Code::BadInput,
        };
        Self::from_source(code, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_code_message_and_detail() {
        let error = Error::usage("side must be train, val or test").with("got \"tset\"");
        let json = serde_json::to_value(&error).expect("plain data");
        assert_eq!(json["code"], "usage");
        assert_eq!(json["detail"][0], "got \"tset\"");
    }

    #[test]
    fn not_found_lists_what_exists() {
        let names = ["a".to_owned(), "b".to_owned()];
        let error = Error::not_found("split", "c", &names);
        assert_eq!(error.message, "no split is called \"c\"; there are: a, b");
        assert!(
            Error::not_found("split", "c", &[])
                .message
                .contains("no split yet")
        );
    }
}
