//! Job bundles as their files describe themselves, and as the project knows them that made them. A job is at one place
//! at a time: while a bundle has it, it is not resumed in the project.

use std::path::{Path, PathBuf};

use repartee_store::Store;
use repartee_store::job_bundles::{BUNDLE, MADE};
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::{Kind, Project};

/// The version of [`Bundle`] that this program writes and reads.
pub const FORMAT: u32 = 1;

/// An item of the project. Its id may be used again after it was deleted; the time distinguishes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    pub id: i64,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// A job of a bundle, with the items that it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledJob {
    pub id: String,
    /// train or fakes.
    pub kind: String,
    /// What it works on: "generator writer".
    pub subject: String,
    pub split: Used,
    /// Of a training.
    pub base: Option<Used>,
    /// Of the training of a realism model.
    pub fakes: Option<Used>,
    /// The checkpoint that writes fakes.
    pub generator: Option<i64>,
}

/// What a bundle says of itself, in the setting "bundle" of its file. A result says the same as its bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Version of this record.
    pub format: u32,
    /// A uuid.
    pub id: String,
    /// The uuid of the project that made it.
    pub project: String,
    pub jobs: Vec<BundledJob>,
    /// Threads to compute with: another number gives other bits.
    pub threads: usize,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// After this, no work begins in it.
    pub expires_ms: i64,
    /// The program that made it.
    pub version: String,
}

/// Where a bundle was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Name of the cluster's profile.
    pub cluster: String,
    /// The bundle's folder there.
    pub folder: String,
    /// The id that Slurm gave it; empty: it was not accepted.
    pub slurm: String,
}

/// A bundle as the project knows it that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeBundle {
    pub bundle: Bundle,
    /// Its file on this machine; none: it was made for a cluster, and is only there.
    pub path: Option<PathBuf>,
    pub place: Option<Place>,
    /// The splits whose texts it has.
    pub splits: Vec<i64>,
    /// How many of their pairs had lost a text when it was made.
    pub lost: u64,
    /// Those of its jobs that are in it, and not resumed here: none of their results was merged since.
    pub away: Vec<String>,
    /// The last merge, milliseconds since 1970.
    pub merged_ms: Option<i64>,
}

impl MadeBundle {
    fn key(id: &str) -> String {
        format!("{MADE}{id}")
    }
}

/// The end of an id, as lists show it.
fn short(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}

/// Refuses a bundle where a project is expected.
pub(crate) fn no_bundle(store: &Store, path: &Path) -> Result<()> {
    match store.is_bundle()? {
        false => Ok(()),
        true => Err(Error::usage(format!(
            "{} is a job bundle, not a project; `repartee work` runs it, and `repartee bundle merge` in the project \
             that made it takes its results",
            path.display()
        ))),
    }
}

/// The number of threads of a bundle; `None` if the file is none. Changes nothing in it.
pub fn threads_of(path: &Path) -> Option<usize> {
    let store = Store::open_to_check(path).ok()?;
    let bundle: Bundle = store.setting(BUNDLE).ok()??;
    Some(bundle.threads).filter(|threads| (1..=1024).contains(threads))
}

impl Project {
    /// Opens a job bundle, or a result of one.
    ///
    /// # Errors
    /// As [`Project::open`]; [`Code::BadInput`] if the file is a project, or an incomplete bundle;
    /// [`Code::NewerProject`].
    pub fn open_bundle(path: &Path, kinds: &'static [Kind]) -> Result<(Self, Bundle)> {
        let store = Store::open(path)?;
        // a newer bundle may have other fields
        let format: Option<serde_json::Value> = store.setting(BUNDLE)?;
        let Some(json) = format else {
            return Err(Error::bad_input(format!(
                "{} is no job bundle, or its writing was interrupted; `repartee bundle make` makes one",
                path.display()
            )));
        };
        if json["format"].as_u64() != Some(FORMAT.into()) {
            return Err(Error::new(
                Code::NewerProject,
                format!(
                    "{} was made by another version of Repartee (format {}, this program knows {FORMAT}); use the \
                     same version on both machines",
                    path.display(),
                    json["format"]
                ),
            ));
        }
        let bundle: Bundle = serde_json::from_value(json).map_err(|error| {
            Error::new(
                Code::Damaged,
                format!("{} does not say what it contains: {error}", path.display()),
            )
        })?;
        Ok((Self::over(store, path, kinds), bundle))
    }

    /// The bundles that this project made and did not delete, oldest first. One that another version stored otherwise is
    /// omitted.
    pub fn made_bundles(&self) -> Result<Vec<MadeBundle>> {
        let made: Vec<serde_json::Value> = self.store.settings_beginning(MADE)?;
        Ok(made
            .into_iter()
            .filter_map(|json| serde_json::from_value(json).ok())
            .collect())
    }

    /// A bundle by its id, or by a unique prefix or suffix of it.
    ///
    /// # Errors
    /// [`Code::NotFound`], or [`Code::Usage`] if several match.
    pub fn made_bundle(&self, id: &str) -> Result<MadeBundle> {
        let mut made = self.made_bundles()?;
        made.retain(|one| {
            let of = &one.bundle.id;
            !id.is_empty() && (of.starts_with(id) || of.ends_with(id))
        });
        match made.len() {
            1 => Ok(made.remove(0)),
            0 => Err(Error::new(
                Code::NotFound,
                format!("this project has no bundle {id:?}; `repartee bundle list` shows them"),
            )),
            n => Err(Error::usage(format!(
                "{n} bundles have an id like {id}; give more digits"
            ))),
        }
    }

    /// Stores what the project knows of a bundle.
    pub fn keep_bundle(&self, made: &MadeBundle) -> Result<()> {
        Ok(self
            .store
            .set_setting(&MadeBundle::key(&made.bundle.id), made)?)
    }

    /// Removes what the project knows of a bundle: its jobs can be resumed here again.
    pub fn forget_bundle(&self, id: &str) -> Result<()> {
        self.store.remove_setting(&MadeBundle::key(id))?;
        Ok(())
    }

    /// Refuses to resume a job that a bundle has.
    ///
    /// # Errors
    /// [`Code::Busy`], with where it is.
    pub fn check_is_here(&self, job: &str) -> Result<()> {
        let has = |one: &MadeBundle| one.away.iter().any(|own| own == job);
        let Some(made) = self.made_bundles()?.into_iter().find(has) else {
            return Ok(());
        };
        let id = short(&made.bundle.id);
        let (place, merges) = match (&made.place, &made.path) {
            (Some(place), _) => (
                format!("on the cluster {:?}", place.cluster),
                "`repartee cluster fetch` takes its result".to_owned(),
            ),
            (None, Some(path)) => (
                format!("made as {}", path.display()),
                "`repartee bundle merge` takes its result".to_owned(),
            ),
            (None, None) => (
                "made elsewhere".to_owned(),
                "`repartee bundle merge` takes its result".to_owned(),
            ),
        };
        Err(Error::new(
            Code::Busy,
            format!(
                "job {} is in bundle {id}, {place}: {merges}, and `repartee bundle delete {id}` gives the bundle up",
                short(job)
            ),
        ))
    }
}
