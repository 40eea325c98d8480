//! Flags of `cluster`.

use clap::{Args, Subcommand};
use repartee_engine::cluster::{CPUS, Profile, REPARTEE, TIME};

#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Add a cluster with Slurm, or replace its settings; they are kept on this machine, not in the project
    Add(Box<ClusterArgs>),
    /// List the clusters
    List,
    /// Remove a cluster from the list
    Remove {
        /// The cluster
        name: String,
    },
    /// Test a cluster with a job that only asks the program there for its version
    Test {
        /// The cluster
        name: String,
    },
    /// List the tasks of submitted bundles, as Slurm knows them now
    Jobs {
        /// Only of this bundle
        bundle: Option<String>,
    },
    /// Fetch the results of submitted bundles, and merge them into the project
    Fetch {
        /// Only of this bundle
        bundle: Option<String>,
    },
    /// Print the log of a task
    Log {
        /// The bundle
        bundle: String,
        /// Number of the task, from 1
        #[arg(long, default_value_t = 1, value_name = "N")]
        task: usize,
    },
    /// Cancel a submitted bundle; what it has saved can still be fetched
    Cancel {
        /// The bundle
        bundle: String,
        /// Number of the task, from 1 [default: all tasks]
        #[arg(long, value_name = "N")]
        task: Option<usize>,
    },
}

#[derive(Debug, Clone, Args)]
pub struct ClusterArgs {
    /// A name for it, for --on
    pub name: String,
    /// Login node, as ssh takes it; it must work without a password [default: Slurm is on this machine]
    #[arg(long, value_name = "HOST")]
    pub ssh: Option<String>,
    /// Folder for bundles there; over ssh, relative to the home folder [default: repartee-jobs in the home folder]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<String>,
    /// The cluster's queue, which Slurm calls a partition [default: the cluster's own]
    #[arg(long, value_name = "QUEUE")]
    pub partition: Option<String>,
    /// Time limit of a task, as Slurm takes it; at its end, a task saves a checkpoint and is queued again
    #[arg(long, default_value = TIME)]
    pub time: String,
    /// Processors of a task
    #[arg(long, default_value_t = CPUS, value_name = "N")]
    pub cpus: usize,
    /// The program there
    #[arg(long, default_value = REPARTEE, value_name = "PATH")]
    pub repartee: String,
    /// A folder on a disk of the node, if the other one is on a network file system [default: none]
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<String>,
    /// A further argument of sbatch, for example --sbatch-arg=--mem=8G; may be repeated [default: none]
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub sbatch_arg: Vec<String>,
}

impl From<ClusterArgs> for Profile {
    fn from(args: ClusterArgs) -> Self {
        let usual = Self::named(&args.name);
        Self {
            ssh: args.ssh,
            folder: args.folder.unwrap_or(usual.folder),
            queue: args.partition,
            time: args.time,
            cpus: args.cpus,
            repartee: args.repartee,
            scratch: args.scratch,
            sbatch: args.sbatch_arg,
            name: args.name,
        }
    }
}
