//! Training a generator, a realism or an upvotes model: a job that can be paused, and that, resumed after its process
//! was killed, gives the same bits as if it never had been.
//!
//! `prepare` decides everything before the first step, `trainee` is what differs between generator and classifiers,
//! `run` is the job, `session` what it stores and reports at each step, `prune` the rule that ends a trial of a sweep
//! early, `views` what lists show of runs. `model` loads trained models, `lent` takes them from the memory of a warm worker.

pub(crate) mod lent;
pub mod model;
pub mod precision;
pub(crate) mod prepare;
mod prune;
mod run;
pub mod run_config;
pub(crate) mod run_now;
mod session;
pub(crate) mod trainee;
mod views;

pub use prepare::RunFacts;
pub(crate) use prepare::{base_of, fakes_of, threads};
pub(crate) use run::free_run_name;
pub use run::{Train, Trained};
pub use views::{CheckpointInfo, Difference, RunInfo};
