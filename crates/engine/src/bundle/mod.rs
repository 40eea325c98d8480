//! Job bundles: jobs of a project in a file of their own, with everything that they need, so that another machine can
//! run them without the project, without network and without Python.
//!
//! A bundle is a small project file: a slice with the same schema and the same ids (`repartee_store::job_bundles`). So
//! working on it is the ordinary job runner, and continuing it is the ordinary resumption, which gives the same bits.
//! `make` writes one, `work` writes the result of its jobs, and `merge` takes a result into the project that made the
//! bundle: by the ids of the jobs, and only what is further than what the project has, so that merging again changes
//! nothing. docs/CLUSTER.md lists what is copied.

mod make;
mod merge;
mod work;

use std::path::Path;

use repartee_core::Project;
use repartee_core::error::Result;
use repartee_core::sealed::digest;
use repartee_store::Store;
use repartee_store::runs::Role;
use serde::{Deserialize, Serialize};

pub use make::NewBundle;
pub use merge::{Merged, MergedJob};
pub use repartee_core::bundles::{Bundle, BundledJob, MadeBundle, Place, threads_of};
pub use work::{WorkedJob, check_expiry, note_on_threads, result_file, scratch, working_copy};

use crate::Engine;
use crate::kinds::KINDS;

/// Days after which no work begins in a bundle, unless its maker sets another number.
pub const DAYS: u32 = 30;

/// The hash of a run's weights: equal hashes are equal bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsHash {
    /// best or last.
    pub checkpoint: Role,
    /// Optimizer steps done.
    pub step: u64,
    /// blake3 over the names, types, shapes and bytes of all tensors, as 64 hexadecimal digits.
    pub weights: String,
}

/// One hash over the tensors of a checkpoint.
fn hash_of(store: &Store, bundle_id: i64) -> Result<String> {
    let mut parts: Vec<String> = Vec::new();
    // by name
    for part in store.bundle(bundle_id)? {
        if let (Some(dtype), Some(shape)) = (part.dtype, part.shape) {
            let hash: String = part.hash.iter().map(|byte| format!("{byte:02x}")).collect();
            parts.extend([part.name, dtype, format!("{shape:?}"), hash]);
        }
    }
    Ok(digest("weights", parts.iter().map(String::as_str)))
}

/// The hash of a run's checkpoint; `None`: it has none in this role.
fn weights_of(store: &Store, run_id: i64, role: Role) -> Result<Option<WeightsHash>> {
    let Some(checkpoint) = store.checkpoint(run_id, role)? else {
        return Ok(None);
    };
    Ok(Some(WeightsHash {
        checkpoint: role,
        step: checkpoint.step,
        weights: hash_of(store, checkpoint.bundle_id)?,
    }))
}

impl Engine {
    /// Opens a job bundle, to run its jobs.
    ///
    /// # Errors
    /// As [`Project::open_bundle`].
    pub fn open_bundle(path: &Path) -> Result<(Self, Bundle)> {
        let (project, bundle) = Project::open_bundle(path, KINDS)?;
        Ok((Self::of(project), bundle))
    }

    /// The hashes of a run's best and last weights.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`], with the names that exist.
    pub fn weights_hashes(&self, run: &str) -> Result<Vec<WeightsHash>> {
        let run = self.store.run(run)?;
        let mut hashes = Vec::new();
        for role in [Role::Best, Role::Last] {
            hashes.extend(weights_of(&self.store, run.id, role)?);
        }
        Ok(hashes)
    }
}
