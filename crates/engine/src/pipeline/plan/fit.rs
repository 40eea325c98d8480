//! What the remaining steps take: trainings are fitted into memory and time, and described.

use repartee_core::error::{Error, Result};
use repartee_core::format::{bytes, count, counted};
use repartee_terms::BaseKind;

use super::super::PipelineStepState;
use super::super::cost::Costs;
use super::super::work::Work;
use super::Planner;
use crate::doctor;
use crate::training::Train;
use crate::training::run_config::{ModelKind, RunConfig};

/// The fewest steps to which a training is shortened.
const LEAST_STEPS: usize = 100;

impl Planner<'_> {
    /// The trainings that will be queued, each with the settings that the user has set.
    fn new_trainings(&mut self) -> impl Iterator<Item = (&mut RunConfig, &[String])> {
        let planned = self
            .steps
            .iter_mut()
            .filter(|step| step.info.state == PipelineStepState::Planned);
        planned.filter_map(|step| match &mut step.work {
            Some(Work::Train(train)) => Some((&mut train.config, &*step.changed)),
            _ => None,
        })
    }

    /// Takes smaller batches where a training would need more memory than is free, with as many examples to a step.
    pub(super) fn fit_memory(&mut self, costs: &Costs) {
        let Some((_, free)) = doctor::memory() else {
            return;
        };
        let mut too_large = Vec::new();
        for (config, own) in self.new_trainings() {
            let is_own = own
                .iter()
                .any(|name| matches!(name.as_str(), "batch_size" | "accumulate"));
            while !is_own && costs.train(config).bytes as u64 > free && config.batch_size > 1 {
                config.batch_size = config.batch_size.div_ceil(2);
                config.accumulate *= 2;
            }
            let needs = costs.train(config).bytes as u64;
            if needs > free {
                too_large.push(format!(
                    "The training of {} needs about {}, and {} are free now",
                    config.name,
                    bytes(needs),
                    bytes(free)
                ));
            }
        }
        self.warnings.extend(too_large);
    }

    /// Shortens the trainings to the time limit, each by the same factor, unless the user has set their length.
    pub(super) fn fit_time(&mut self, costs: &Costs) {
        let Some(hours) = self.options.hours.or(self.options.preset.hours()) else {
            return;
        };
        let is_free = |own: &[String]| {
            let mut own = own.iter();
            !own.any(|name| matches!(name.as_str(), "steps" | "epochs"))
        };
        let all = self.seconds(costs);
        let shorten: f64 = self
            .new_trainings()
            .filter(|(_, own)| is_free(own))
            .map(|(config, _)| costs.train(config).seconds)
            .sum();
        let factor = (hours * 3600.0 - (all - shorten)) / shorten;
        if factor >= 1.0 || shorten <= 0.0 {
            return;
        }
        for (config, own) in self.new_trainings() {
            if is_free(own) {
                let steps = costs.train(config).steps;
                let shorter = (steps as f64 * factor) as usize;
                config.steps = shorter.max(LEAST_STEPS.min(steps));
            }
        }
        let all = self.seconds(costs);
        if all > hours * 3600.0 {
            self.warnings.push(format!(
                "All of it takes about {}, more than {hours} h: a smaller base, fewer fakes or preset quick take less",
                repartee_core::format::seconds(all)
            ));
        }
    }

    /// Estimated time of what remains.
    fn seconds(&self, costs: &Costs) -> f64 {
        let open = self.steps.iter().filter_map(|step| {
            let work = step.work.as_ref()?;
            Some(costs.of(work, kind_of_step(&step.info.step)).0)
        });
        open.sum()
    }

    /// Describes what remains, with its time, memory and settings.
    pub(super) fn finish(&mut self, costs: &Costs) -> Result<()> {
        if let Some(change) = self.changes.first() {
            return Err(Error::usage(format!(
                "{}.{} changes nothing: the step is left out",
                change.step, change.setting
            )));
        }
        for step in &mut self.steps {
            let Some(work) = &step.work else { continue };
            (step.info.seconds, step.info.memory) = costs.of(work, kind_of_step(&step.info.step));
            step.info.what = describe(work, costs);
            if !step.has_begun {
                step.info.settings = work.settings()?;
            }
        }
        Ok(())
    }
}

/// The kind of run that a step evaluates.
fn kind_of_step(step: &str) -> ModelKind {
    let kind = step.strip_prefix("evaluate-").unwrap_or(step);
    kind.parse().unwrap_or_default()
}

/// What a step does, with names and sizes.
fn describe(work: &Work, costs: &Costs) -> String {
    match work {
        Work::Pairs(_) => "joins comments to their replies".to_owned(),
        Work::Split(split) => {
            let [train, val, test] = [split.shares.train, split.shares.val, split.shares.test]
                .map(|share| 100.0 * share);
            format!(
                "split {} by thread: {train:.0}% training, {val:.0}% validation, {test:.0}% test",
                split.name
            )
        }
        Work::Audit(audit) => format!("looks for texts in two sets of split {}", audit.name),
        Work::Base(base) => {
            let model = match base.kind {
                BaseKind::Gpt2 => &costs.generator,
                BaseKind::Bert => &costs.classifier,
            };
            format!(
                "base {} from scratch: {}, hidden size {}, {} parameters",
                base.name,
                counted(base.layers as u64, "layer", "layers"),
                base.width,
                count(model.parameters as u64)
            )
        }
        Work::Train(Train { config, .. }) => {
            let takes = costs.train(config);
            let on = match config.fakes.as_str() {
                "" => format!("split {}", config.split),
                fakes => format!("split {} and fakes {fakes}", config.split),
            };
            format!(
                "run {} of base {} on {on}: {} of {}",
                config.name,
                config.base,
                counted(takes.steps as u64, "step", "steps"),
                counted(
                    (config.batch_size * config.accumulate) as u64,
                    "example",
                    "examples"
                )
            )
        }
        Work::Fakes(fakes) => {
            let [train, val, test] = costs.made(fakes).map(count);
            format!(
                "set {} by run {}: at most {train} replies for training, {val} for validation, {test} for the test",
                fakes.name, fakes.generator
            )
        }
        Work::Evaluate(evaluate) => match evaluate.limit {
            0 => format!("run {} on the test set", evaluate.run),
            limit => format!(
                "run {} on the test set, at most {}",
                evaluate.run,
                counted(limit as u64, "example", "examples")
            ),
        },
    }
}
