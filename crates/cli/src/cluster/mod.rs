//! `repartee cluster`: job bundles on a cluster with Slurm.

pub mod args;
mod run;
mod view;

pub use run::cluster;
