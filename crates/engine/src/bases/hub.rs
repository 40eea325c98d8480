//! Downloads a model's files from the Hugging Face hub through its cache: what the cache has is not downloaded again,
//! and a cached model can be used without network.
//!
//! `HF_ENDPOINT` names another hub, `HF_HOME` another cache, `HF_TOKEN` is for gated models.

use std::path::PathBuf;

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Progress, Stop};
use repartee_core::names::is_file_name;

use crate::bases::base::ADAPTER;

/// Optional small files of a model.
const SMALL: [&str; 8] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
];
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// A model on disk: the folder of its snapshot, and its revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The folder with `config.json` and the rest.
    pub folder: PathBuf,
    /// `id@revision`, with the commit if the hub returned it.
    pub origin: String,
}

/// Whether a text can be a hub id: `name` or `owner/name`, optionally with `@revision`.
pub fn is_id(text: &str) -> bool {
    let (id, revision) = match text.split_once('@') {
        Some((id, revision)) => (id, Some(revision)),
        None => (text, None),
    };
    let part = |p: &str| {
        !p.is_empty()
            && !p.starts_with(['.', '-'])
            && p.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let parts: Vec<&str> = id.split('/').collect();
    // the cache has a file named after the revision
    let revision = revision.is_none_or(|revision| revision.split('/').all(part));
    parts.len() <= 2 && parts.into_iter().all(part) && revision
}

/// Downloads a model's files, with progress.
///
/// # Errors
/// [`Code::NotFound`] if the hub has no such model or revision, [`Code::BadInput`] if the model has no safetensors
/// weights, [`Code::Io`] if the hub cannot be reached and the cache does not have it.
pub fn fetch(id: &str, ctx: &Ctx) -> Result<Snapshot, Stop> {
    let (name, revision) = id.split_once('@').unwrap_or((id, "main"));
    let mut builder = ApiBuilder::from_env().with_progress(false).with_retries(3);
    if let Ok(token) = std::env::var("HF_TOKEN") {
        builder = builder.with_token(Some(token));
    }
    let api = builder.build().map_err(|e| refused(id, &e))?;
    let repo = || Repo::with_revision(name.to_owned(), RepoType::Model, revision.to_owned());
    let remote = api.repo(repo());
    let (listed, commit) = match remote.info() {
        Ok(info) => (
            info.siblings
                .into_iter()
                .map(|s| s.rfilename)
                .collect::<Vec<_>>(),
            info.sha,
        ),
        Err(error) => {
            let Some(snapshot) = cached(&repo(), id) else {
                return Err(refused(id, &error).into());
            };
            ctx.say(format!(
                "the hub cannot be reached; using {id} from the cache"
            ));
            return Ok(snapshot);
        }
    };
    // it becomes the name of a folder in the cache
    if !is_file_name(&commit) {
        return Err(Error::bad_input(format!(
            "the hub returned {commit:?} as the revision of {id}, which is invalid"
        ))
        .into());
    }
    let has = |file: &str| listed.iter().any(|l| l == file);
    if has(ADAPTER) && !has(WEIGHTS) && !has(INDEX) {
        let adapter = repartee_models::Error::Adapter(format!("{id} on the hub"));
        return Err(Error::from(adapter).into());
    }
    if !has("config.json") {
        return Err(Error::bad_input(format!(
            "{id} on the hub has no config.json; it is not a model in Hugging Face layout"
        ))
        .into());
    }
    let mut files: Vec<String> = SMALL
        .iter()
        .filter(|f| has(f))
        .map(|f| (*f).to_owned())
        .collect();
    if has(WEIGHTS) {
        files.push(WEIGHTS.to_owned());
    } else if has(INDEX) {
        files.push(INDEX.to_owned());
        files.extend(
            listed
                .iter()
                .filter(|f| {
                    f.starts_with("model-") && f.ends_with(".safetensors") && is_file_name(f)
                })
                .cloned(),
        );
    } else {
        return Err(Error::bad_input(format!(
            "{id} on the hub has no {WEIGHTS}; weights in PyTorch's own format are not supported. Find a \
             revision with safetensors (`--from {name}@refs/pr/N`), or convert it"
        ))
        .into());
    }
    let mut folder = PathBuf::new();
    for (n, file) in files.iter().enumerate() {
        ctx.go_on()?;
        let here = Cache::from_env()
            .repo(repo())
            .pointer_path(&commit)
            .join(file);
        let path = if here.exists() {
            here
        } else {
            get(&remote, file, ctx, (n + 1, files.len()))
                .map_err(|e| refused(&format!("{file} of {id}"), &e))?
        };
        if file == "config.json" {
            folder = path.parent().map(PathBuf::from).unwrap_or_default();
        }
    }
    Ok(Snapshot {
        folder,
        origin: format!("{name}@{commit}"),
    })
}

/// Downloads one file with progress.
fn get(
    remote: &ApiRepo,
    file: &str,
    ctx: &Ctx,
    place: (usize, usize),
) -> Result<PathBuf, ApiError> {
    struct Bytes<'a> {
        ctx: &'a Ctx<'a>,
        phase: String,
        total: u64,
        done: u64,
    }
    impl Bytes<'_> {
        fn tick(&self) {
            self.ctx.tick(Progress::new(
                self.phase.clone(),
                self.done,
                Some(self.total),
                "bytes",
            ));
        }
    }
    impl hf_hub::api::Progress for Bytes<'_> {
        fn init(&mut self, size: usize, _filename: &str) {
            (self.total, self.done) = (size as u64, 0);
            self.tick();
        }
        fn update(&mut self, size: usize) {
            self.done += size as u64;
            self.tick();
        }
        fn finish(&mut self) {
            self.done = self.total;
            self.tick();
        }
    }
    let phase = format!("downloading {file} ({} of {})", place.0, place.1);
    remote.download_with_progress(
        file,
        Bytes {
            ctx,
            phase,
            total: 0,
            done: 0,
        },
    )
}

/// What the cache has of a model, if that is enough to load it.
fn cached(repo: &Repo, id: &str) -> Option<Snapshot> {
    let cache = Cache::from_env().repo(repo.clone());
    let config = cache.get("config.json")?;
    cache.get(WEIGHTS).or_else(|| cache.get(INDEX))?;
    Some(Snapshot {
        folder: config.parent()?.to_owned(),
        origin: id.to_owned(),
    })
}

fn refused(what: &str, error: &ApiError) -> Error {
    let text = error.to_string();
    let endpoint =
        std::env::var("HF_ENDPOINT").unwrap_or_else(|_| "https://huggingface.co".to_owned());
    if text.contains("status: 404") {
        return Error::new(
            Code::NotFound,
            format!("{endpoint} has no {what}; check the spelling and the revision"),
        );
    }
    if text.contains("status: 401") || text.contains("status: 403") {
        return Error::new(
            Code::NotFound,
            format!(
                "{endpoint} requires a login for {what}; set HF_TOKEN to a token with access, or check the \
                 spelling"
            ),
        );
    }
    Error::new(
        Code::Io,
        format!(
            "cannot download {what} from {endpoint}; without network, give a folder: --from FOLDER"
        ),
    )
    .with(text)
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn hub_ids_are_distinguished_from_paths() {
        for id in [
            "gpt2",
            "google-bert/bert-base-uncased",
            "gpt2@607a30d",
            "a/b.c@refs/pr/3",
        ] {
            assert!(is_id(id), "{id}");
        }
        for path in [
            "gpt2@../../x",
            "gpt2@",
            "a/b@/etc/x",
            "a/b@refs//x",
            "./gpt2",
            "/models/gpt2",
            "../x",
            "a/b/c",
            "",
            "a b",
        ] {
            assert!(!is_id(path), "{path}");
        }
    }
}
