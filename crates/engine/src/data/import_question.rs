//! What an import must know before it may start: whether its text is Reddit content, and what was permitted.

use std::path::{Path, PathBuf};

use repartee_core::error::{Code, Error, Result};
use repartee_core::shell;
use repartee_core::study::{POLICY, POLICY_LINK, POLICY_VERSION, once_each};
use repartee_datasets::read::is_stream;
use repartee_datasets::study::told;
use repartee_datasets::{Format, Origin, Permission};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::data::import::Import;

/// What an import must know before it may start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ImportQuestion {
    /// Files with Reddit content, while the project has no record about it.
    pub reddit: Vec<String>,
    /// Tables that don't show whether they are Reddit content.
    pub unknown: Vec<String>,
    pub policy: String,
    /// The policy version that this program knows.
    pub policy_version: String,
    pub policy_link: String,
}

impl ImportQuestion {
    /// Whether nothing is open.
    pub fn is_settled(&self) -> bool {
        self.reddit.is_empty() && self.unknown.is_empty()
    }

    /// Why the import doesn't start.
    pub fn error(&self) -> Error {
        let (files, what) = match (self.reddit.as_slice(), self.unknown.as_slice()) {
            ([], unknown) => (
                unknown,
                "doesn't show whether it is Reddit content; set where its text comes from",
            ),
            (reddit, _) => (
                reddit,
                "has Reddit content, or may have, and this project has no record of what Reddit allows you to do with it; record the permissions, or that you have none",
            ),
        };
        Error::new(Code::Permission, format!("{} {what}", files.join(", ")))
    }
}

/// Where the text of a file comes from: as given, else by its permission or its content. "Unknown" does not override
/// what the content shows.
pub(crate) fn origin_of(import: &Import, file: &Path) -> Origin {
    if let Some(origin) = import.origin.filter(|origin| *origin != Origin::Unknown) {
        return origin;
    }
    if import.permission == Permission::Synthetic {
        return Origin::Synthetic;
    }
    match import.format {
        Some(Format::Pushshift | Format::Listing) => return Origin::Reddit,
        Some(Format::Sample) => return Origin::Synthetic,
        Some(Format::Bigquery | Format::Mapped | Format::Comments) | None => {}
    }
    // a stream can be read only once, so nothing can be detected beforehand
    if is_stream(file) {
        return Origin::Unknown;
    }
    // a file without a preview cannot be imported either, and the import reports why
    crate::data::import::preview(file, LOOKED_AT).map_or(Origin::Unknown, |preview| told(&preview))
}

/// The error for a file that is plainly Reddit's while the user says that it comes from elsewhere, which would skip all
/// permissions. It can be confirmed; what a program generated may imitate anything.
fn contradiction(import: &Import, file: &Path) -> Option<Error> {
    use std::io::Read;
    let origin = import.origin?;
    let elsewhere = matches!(
        origin,
        Origin::Forum | Origin::Support | Origin::Convokit | Origin::Other
    );
    if !elsewhere || import.not_reddit || is_stream(file) {
        return None;
    }
    let preview = crate::data::import::preview(file, LOOKED_AT).ok()?;
    let mut beginning = Vec::new();
    let from = std::fs::File::open(file).ok()?;
    from.take(64 << 10).read_to_end(&mut beginning).ok()?;
    let shown = repartee_datasets::study::plainly_reddits(&preview, &beginning)?;
    Some(
        Error::usage(format!(
            "{} contains Reddit's names and links ({shown}), but its origin is given as {origin}",
            file.display()
        ))
        .with(
            "If it is Reddit content, import it with --origin reddit; its permissions then apply.",
        )
        .with("If it is not, confirm that with --permission not-reddit."),
    )
}

/// Number of rows that are inspected for signs of Reddit.
const LOOKED_AT: usize = 20;

impl Engine {
    /// Sets where the text of a source comes from, on behalf of `who`. What is recorded as Reddit content stays that
    /// until `who` states that it is not (`not_reddit`); the audit log keeps the statement.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Permission`] if that statement is missing; [`Code::Usage`] if it contradicts the
    /// origin.
    pub fn source_origin(
        &self,
        source: &str,
        origin: Origin,
        not_reddit: bool,
        who: &str,
    ) -> Result<crate::data::import::SourceInfo> {
        let found = self.source(source)?;
        let id = found.id.to_string();
        if not_reddit && origin.needs_permission() {
            return Err(Error::usage(format!(
                "text of the origin {origin} counts as Reddit content; to state that source {} is not, give its origin as forum, support, convokit, other or synthetic",
                found.name
            )));
        }
        if found.origin == Origin::Reddit && origin != Origin::Reddit && !not_reddit {
            // unknown counts as Reddit content, so nothing can be stated with it
            let stated = match origin {
                Origin::Unknown => Origin::Other,
                origin => origin,
            };
            let stated = stated.to_string();
            let words = [
                "source",
                "origin",
                id.as_str(),
                stated.as_str(),
                "--not-reddit",
            ];
            let command = shell::command(words);
            return Err(Error::new(
                Code::Permission,
                format!(
                    "source {} is recorded as Reddit content, so Reddit's deletions and the permissions of the study apply to it until you state that it is not Reddit content; `{command}` states it",
                    found.name
                ),
            ));
        }
        let now_ms = self.environment.clock.now_ms();
        self.store
            .source_origin(found.id, origin, not_reddit, who, now_ms)?;
        self.source(&id)
    }

    /// What must be answered before these files are imported; [`Import`] itself refuses without it.
    ///
    /// # Errors
    /// [`Code::Usage`] for two records of one kind; or if the project cannot be read.
    pub fn import_question(&self, import: &Import) -> Result<ImportQuestion> {
        once_each(&import.study)?;
        let mut question = ImportQuestion {
            policy: POLICY.to_owned(),
            policy_version: POLICY_VERSION.to_owned(),
            policy_link: POLICY_LINK.to_owned(),
            ..ImportQuestion::default()
        };
        let answered = !import.study.is_empty() || self.study_standing()?.is_answered();
        let here = |file: &&PathBuf| file.is_file() || is_stream(file);
        for file in import.files.iter().filter(here) {
            let name = file.display().to_string();
            if let Some(error) = contradiction(import, file) {
                return Err(error);
            }
            // a file that cannot be read is no question; the import reports what is wrong with it
            match origin_of(import, file) {
                Origin::Unknown
                    if !is_stream(file) && crate::data::import::preview(file, 0).is_err() => {}
                Origin::Unknown if import.origin.is_none() => question.unknown.push(name),
                Origin::Unknown | Origin::Reddit if !answered => question.reddit.push(name),
                _ => {}
            }
        }
        Ok(question)
    }
}
