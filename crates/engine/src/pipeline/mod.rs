//! The pipeline on the user's own data: after an import, everything to the evaluations of three models, planned with its
//! time and memory and queued in one go. The jobs are those that a user would start one by one; what exists is used, and
//! nothing is made twice.
//!
//! `plan` decides the steps, `work` is a step's job and what can be changed of it, `cost` estimates.

mod cost;
mod plan;
mod work;

use repartee_core::error::{Error, Result};
use repartee_core::job::new_id;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use plan::{Plan, Planned, plan};

/// How long the pipeline may take, and how good its models can become.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum PipelinePreset {
    /// 100 steps of each training and few fakes: whether everything works on this data.
    Quick,
    /// One night: usual settings, with as many steps as fit.
    #[default]
    Standard,
    /// All pairs and comments, however long it takes.
    Full,
}

impl PipelinePreset {
    pub const ALL: [Self; 3] = [Self::Quick, Self::Standard, Self::Full];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Full => "full",
        }
    }

    /// The most hours that all steps may take, unless others are given; none: no limit.
    pub fn hours(self) -> Option<f64> {
        (self == Self::Standard).then_some(8.0)
    }
}

/// How the pipeline is planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct PipelineOptions {
    pub preset: PipelinePreset,
    /// The most hours that all steps may take: trainings get fewer steps. None: the preset's.
    pub hours: Option<f64>,
    /// auto, cpu, cuda or metal.
    pub device: String,
    /// Changed settings, each as STEP.SETTING=VALUE. STEP.name chooses what the step makes: an item that exists is used.
    pub set: Vec<String>,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self {
            preset: PipelinePreset::default(),
            hours: None,
            device: "auto".to_owned(),
            set: Vec::new(),
        }
    }
}

/// State of a step of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum PipelineStepState {
    /// What it makes exists and is used.
    Done,
    /// Its job is queued, running or paused, or has failed and blocks the queue.
    Queued,
    /// Queuing the pipeline queues it.
    Planned,
    /// It is left out.
    Skipped,
}

impl PipelineStepState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Queued => "queued",
            Self::Planned => "planned",
            Self::Skipped => "skipped",
        }
    }
}

/// A setting of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PipelineSetting {
    pub name: String,
    /// As it is typed.
    pub value: String,
}

/// A step of the pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PipelineStep {
    /// pairs, split, audit, generator-base, classifier-base, generator, fakes, realism, upvotes, evaluate-generator,
    /// evaluate-realism or evaluate-upvotes.
    pub step: String,
    pub title: String,
    /// The item that it makes or made; empty: none that has a name.
    pub name: String,
    /// What it does, or what there is, with names and sizes.
    pub what: String,
    pub state: PipelineStepState,
    /// Its job, if there is one that has not ended.
    pub job: Option<String>,
    /// Estimated time; 0: nothing is left to do.
    pub seconds: f64,
    /// Estimated peak memory in bytes; none: little.
    pub memory: Option<u64>,
    /// What can be changed of it.
    pub settings: Vec<PipelineSetting>,
}

/// The plan of the pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PipelinePlan {
    pub preset: PipelinePreset,
    /// In order.
    pub steps: Vec<PipelineStep>,
    /// Number of jobs that queuing it adds.
    pub planned: usize,
    /// Estimated time of all steps that are not done.
    pub seconds: f64,
    /// Estimated peak memory of these in bytes.
    pub memory: u64,
    /// What may go wrong or turn out badly.
    pub warnings: Vec<String>,
    /// Why nothing can be queued; none: it can.
    pub refused: Option<Error>,
}

/// The queued pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PipelineQueued {
    /// Number of jobs that were added.
    pub added: usize,
    /// Number of jobs that were waiting and were changed.
    pub changed: usize,
    pub plan: PipelinePlan,
}

impl PipelinePlan {
    fn of(options: &PipelineOptions, plan: Plan) -> Self {
        let steps: Vec<PipelineStep> = plan.steps.into_iter().map(|step| step.info).collect();
        let open = || steps.iter().filter(|step| step.is_open());
        Self {
            preset: options.preset,
            planned: open()
                .filter(|step| step.state == PipelineStepState::Planned)
                .count(),
            // the sum of no floats is -0.0
            seconds: open().fold(0.0, |sum, step| sum + step.seconds),
            memory: open().filter_map(|step| step.memory).max().unwrap_or(0),
            warnings: plan.warnings,
            refused: plan.refused,
            steps,
        }
    }
}

impl PipelineStep {
    /// Whether it is still to be done.
    pub fn is_open(&self) -> bool {
        matches!(
            self.state,
            PipelineStepState::Queued | PipelineStepState::Planned
        )
    }
}

impl Engine {
    /// The steps from the imported comments to three evaluated models: what is done, what is queued, and what remains,
    /// with its time and memory. Queues nothing.
    ///
    /// # Errors
    /// [`crate::Code::Usage`] if a setting is unknown, invalid, or of a step that is done or running, or if the device
    /// cannot be used; [`crate::Code::Exists`] if a chosen name is another item's.
    pub fn pipeline_plan(&self, options: &PipelineOptions) -> Result<PipelinePlan> {
        Ok(PipelinePlan::of(options, plan(self, options)?))
    }

    /// Queues the steps that remain, in order, and changes those that wait in the queue as `options` says. If one cannot
    /// be queued, none is.
    ///
    /// # Errors
    /// As [`Engine::pipeline_plan`]; why the plan is refused, such as a missing permission; those of
    /// [`repartee_core::Project::enqueue`].
    pub fn pipeline_queue(&self, options: &PipelineOptions) -> Result<PipelineQueued> {
        let planned = plan(self, options)?;
        if let Some(error) = planned.refused {
            return Err(error);
        }
        let mut added = Vec::new();
        let mut changed = 0;
        for step in &planned.steps {
            match self.queue_step(step) {
                Ok(Queuing::Added(job)) => added.push(job),
                Ok(Queuing::Changed) => changed += 1,
                Ok(Queuing::Nothing) => {}
                Err(error) => {
                    for job in &added {
                        self.cancel(job)?;
                    }
                    return Err(error);
                }
            }
        }
        // what was changed is in the jobs now; the names still say which of them are meant
        let mut now = options.clone();
        now.set.retain(|one| chooses_name(one));
        Ok(PipelineQueued {
            added: added.len(),
            changed,
            plan: self.pipeline_plan(&now)?,
        })
    }

    fn queue_step(&self, step: &Planned) -> Result<Queuing> {
        let (Some(work), info) = (&step.work, &step.info) else {
            return Ok(Queuing::Nothing);
        };
        match (info.state, &info.job) {
            (PipelineStepState::Planned, _) => {
                let job = new_id();
                self.enqueue(&job, work.kind(), &work.params()?, step.is_needed())?;
                Ok(Queuing::Added(job))
            }
            (PipelineStepState::Queued, Some(job)) if !step.changed.is_empty() => {
                self.job_change(job, &work.params()?)?;
                Ok(Queuing::Changed)
            }
            _ => Ok(Queuing::Nothing),
        }
    }
}

/// Whether a changed setting is the name of what a step makes.
fn chooses_name(set: &str) -> bool {
    set.split('=')
        .next()
        .is_some_and(|key| key.trim().ends_with(".name"))
}

/// What queuing did with a step.
enum Queuing {
    Added(String),
    Changed,
    Nothing,
}
