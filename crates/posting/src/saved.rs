//! Threads as files: written, and read again on a machine without network. One thread per line.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use repartee_core::error::{Code, Error, Result};
use repartee_datasets::private;
use repartee_store::threads::{NewThread, NewThreadComment};
use serde::{Deserialize, Serialize};

use crate::Posting;
use crate::threads::{ThreadInfo, info};

/// The format marker of every line.
const FORMAT: &str = "repartee-thread-1";

/// A thread as a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    format: String,
    subreddit: String,
    title: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    permalink: String,
    #[serde(default)]
    score: Option<i64>,
    #[serde(default)]
    created_utc: Option<i64>,
    #[serde(default)]
    skip: String,
    /// When it was fetched from Reddit, milliseconds since 1970: its texts are kept no longer because of the export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fetched_ms: Option<i64>,
    /// The notice of the project that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
    comments: Vec<LineComment>,
}

/// A comment in it.
#[derive(Debug, Serialize, Deserialize)]
struct LineComment {
    /// Index of its parent in the list; none: it answers the post.
    #[serde(default)]
    parent: Option<usize>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    author: Option<String>,
    body: String,
    #[serde(default)]
    score: Option<i64>,
    #[serde(default)]
    created_utc: Option<i64>,
    #[serde(default)]
    parent_name: Option<String>,
    #[serde(default)]
    permalink: String,
    #[serde(default)]
    skip: String,
}

/// When a file was last written, milliseconds since 1970.
fn written_ms(file: &Path) -> Option<i64> {
    let written = std::fs::metadata(file).ok()?.modified().ok()?;
    let since = written.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

impl Posting<'_> {
    /// Exports threads to a file, one line of JSON each; without numbers, all that are not purged. Returns their
    /// number.
    ///
    /// # Errors
    /// [`repartee_core::Code::NotFound`]; or if the file cannot be written.
    pub fn threads_export(self, file: &Path, ids: &[i64]) -> Result<usize> {
        let failed = |e: std::io::Error| Error::io("write", file, &e);
        let threads = match ids {
            [] => self
                .store
                .threads()?
                .into_iter()
                .filter(|t| !t.title.is_empty() || t.comments > 0)
                .collect(),
            ids => ids
                .iter()
                .map(|id| Ok(self.store.thread(*id)?))
                .collect::<Result<Vec<_>>>()?,
        };
        let mut out = std::io::BufWriter::new(private::create(file).map_err(failed)?);
        let count = threads.len();
        let mark = self.study_mark()?;
        for thread in threads {
            let comments = self.store.thread_comments(thread.id)?;
            let at = |id: i64| comments.iter().position(|c| c.id == id);
            let line = Line {
                format: FORMAT.to_owned(),
                comments: comments
                    .iter()
                    .map(|c| LineComment {
                        parent: c.parent_id.and_then(at),
                        name: c.name.clone(),
                        author: c.author.clone(),
                        body: c.body.clone(),
                        score: c.score,
                        created_utc: c.created_utc,
                        parent_name: c.parent_name.clone(),
                        permalink: c.permalink.clone(),
                        skip: c.skip.clone(),
                    })
                    .collect(),
                subreddit: thread.subreddit,
                title: thread.title,
                name: thread.name,
                author: thread.author,
                body: thread.body,
                permalink: thread.permalink,
                score: thread.score,
                created_utc: thread.created_utc,
                skip: thread.skip,
                fetched_ms: Some(thread.fetched_ms),
                notice: mark.clone(),
            };
            let json = repartee_core::job::to_json(&line)?;
            out.write_all(json.as_bytes())
                .and_then(|()| out.write_all(b"\n"))
                .map_err(failed)?;
        }
        out.flush().map_err(failed)?;
        Ok(count)
    }

    /// Imports threads from such a file. They are used like fetched ones, without network, and their texts are purged as
    /// early: they count from when they were fetched, or, if an older export does not say so, from when the file was
    /// written. Texts deleted on Reddit before are skipped, and so are threads past their retention, or of which the
    /// project has a later copy.
    ///
    /// # Errors
    /// [`crate::Code::BadInput`], naming file and line; what comes before it is kept. [`crate::Code::Negative`] if all
    /// threads in it are past their retention.
    pub fn threads_import(self, file: &Path) -> Result<Vec<ThreadInfo>> {
        let text = std::fs::read(file).map_err(|e| Error::io("read", file, &e))?;
        let text = String::from_utf8(text)
            .map_err(|_| Error::bad_input(format!("{} is not UTF-8", file.display())))?;
        let now_ms = self.environment.clock.now_ms();
        let keep_ms = i64::from(self.posting_rules()?.keep_h) * 3_600_000;
        let written_ms = written_ms(file).unwrap_or(now_ms);
        let known: HashMap<String, i64> = (self.store.threads()?.into_iter())
            .filter_map(|thread| Some((thread.name?, thread.fetched_ms)))
            .collect();
        let host = self.host();
        let mut threads = Vec::new();
        let mut expired = 0;
        for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let wrong = |why: String| {
                Error::bad_input(format!(
                    "{}, line {}: {why}; expected a thread as an export writes it",
                    file.display(),
                    n + 1
                ))
            };
            let line: Line = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
            if line.format != FORMAT {
                return Err(wrong(format!(
                    "its format is {:?}, not {FORMAT:?}",
                    line.format
                )));
            }
            if let Some(name) = &line.name
                && self.store.is_purged(name)?
            {
                continue;
            }
            let known_ms = line.name.as_ref().and_then(|name| known.get(name)).copied();
            // without its time, it is at least as old as the project's own copy
            let fetched_ms = match line.fetched_ms {
                Some(fetched_ms) if known_ms.is_some_and(|known_ms| known_ms > fetched_ms) => {
                    continue;
                }
                Some(fetched_ms) => fetched_ms,
                None => written_ms.min(known_ms.unwrap_or(written_ms)),
            }
            .min(now_ms);
            let expires_ms = fetched_ms.saturating_add(keep_ms);
            if expires_ms <= now_ms {
                expired += 1;
                continue;
            }
            let mut levels: Vec<u32> = Vec::with_capacity(line.comments.len());
            for (i, comment) in line.comments.iter().enumerate() {
                let level = match comment.parent {
                    None => 0,
                    Some(parent) if parent < i => levels[parent] + 1,
                    Some(parent) => {
                        return Err(wrong(format!(
                            "comment {i} answers {parent}, which is not before it"
                        )));
                    }
                };
                levels.push(level);
            }
            let new = NewThread {
                origin: "reddit".to_owned(),
                comments: line
                    .comments
                    .into_iter()
                    .zip(levels)
                    .map(|(c, level)| NewThreadComment {
                        parent: c.parent,
                        name: c.name,
                        author: c.author,
                        body: c.body,
                        score: c.score,
                        created_utc: c.created_utc,
                        parent_name: c.parent_name,
                        permalink: c.permalink,
                        level,
                        skip: c.skip,
                        pair_id: None,
                    })
                    .collect(),
                subreddit: line.subreddit,
                title: line.title,
                name: line.name,
                author: line.author,
                body: line.body,
                permalink: line.permalink,
                score: line.score,
                created_utc: line.created_utc,
                skip: line.skip,
                expires_ms: Some(expires_ms),
            };
            let (id, _) = self.store.thread_insert(&new, fetched_ms)?;
            threads.push(info(self.store.thread(id)?, &host));
        }
        if threads.is_empty() && expired > 0 {
            return Err(Error::new(
                Code::Negative,
                format!(
                    "{}: Reddit's texts are kept for {} hours after they were fetched, and its threads are older; fetch \
                     them again",
                    file.display(),
                    keep_ms / 3_600_000
                ),
            ));
        }
        Ok(threads)
    }
}
