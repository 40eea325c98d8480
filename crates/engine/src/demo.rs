//! The full pipeline on synthetic data: import, pairs, split, three small models from scratch, fakes, evaluation,
//! charts, generation, queue, and drafts for threads of a Reddit sandbox. The same jobs in the same order that a user
//! would run manually; only the texts are synthetic.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop};
use repartee_core::kind::LaterSteps;
use repartee_datasets::sample;
use repartee_posting::{Fetch, Sandbox};
use repartee_store::jobs::Want;
use repartee_terms::{BaseKind, PrecisionChoice};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ToEngine;
use crate::bases::base::BaseNew;
use crate::data::import::Import;
use crate::data::pairs::BuildPairs;
use crate::data::splits::{AuditSplit, MakeSplit, SplitInfo};
use crate::evaluation::chart::ChartKind;
use crate::evaluation::evaluate::{Evaluate, EvaluationInfo};
use crate::generation::draft::{DraftReplies, Drafted};
use crate::generation::fakes::{FakesInfo, MakeFakes};
use crate::generation::generate::{Generate, Generated};
use crate::generation::pick::Criteria;
use crate::training::Train;
use crate::training::model::check_device;
use crate::training::run_config::{ModelKind, RunConfig};
use crate::{Engine, Format, Permission, SamplingParams};

/// Runs the full pipeline in an empty project. A job: `demo`. Each step is a job of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Demo {
    /// Synthetic threads, about 16 comments each.
    pub threads: u64,
    /// Scale of the training steps and of the numbers of fakes: 1 for the real demo, less for tests.
    pub scale: f64,
    pub seed: u64,
    /// auto, cpu, cuda or metal.
    pub device: String,
}

impl Default for Demo {
    /// The real demo, or a smaller one if `REPARTEE_DEMO_SCALE` says so, as in the window's tests.
    fn default() -> Self {
        let asked = std::env::var(SCALE).ok();
        let scale = asked
            .and_then(|text| text.parse().ok())
            .filter(|scale| (0.01..=1.0).contains(scale))
            .unwrap_or(1.0);
        Self {
            // near-duplicates keep threads together: with fewer than these, a partition would be empty
            threads: ((600.0 * scale) as u64).max(120),
            scale,
            seed: 1,
            device: "auto".to_owned(),
        }
    }
}

impl Demo {
    fn check_device(&self) -> Result<()> {
        check_device(&self.device, PrecisionChoice::Auto)
    }
}

/// Default scale of the demo, 0.01 to 1. The window stores a demo with its sizes, so that a paused demo resumes with
/// the sizes it began with.
const SCALE: &str = "REPARTEE_DEMO_SCALE";

/// The result of the demo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DemoReport {
    pub project: PathBuf,
    pub split: SplitInfo,
    pub fakes: FakesInfo,
    /// The three models, evaluated on the test set.
    pub evaluations: Vec<EvaluationInfo>,
    /// The replies generated to unseen comments.
    pub generated: Generated,
    /// What was fetched from the Reddit sandbox, and drafted for it; nothing was posted.
    pub drafted: Drafted,
    /// Paths of the charts.
    pub charts: Vec<PathBuf>,
    /// The duration of each step: name and seconds.
    pub seconds: Vec<(String, f64)>,
}

/// Creates a project for this demo in `folder`, which is created if needed and must be empty.
///
/// # Errors
/// [`Code::Usage`] if its device cannot be used; [`Code::Exists`] if the folder is not empty.
pub fn demo_project(folder: &Path, demo: &Demo) -> Result<Engine> {
    demo.check_device()?;
    std::fs::create_dir_all(folder).map_err(|e| Error::io("make", folder, &e))?;
    let mut entries = std::fs::read_dir(folder).map_err(|e| Error::io("list", folder, &e))?;
    if entries.next().is_some() {
        return Err(Error::new(
            Code::Exists,
            format!(
                "{} is not empty; name a new folder for the demo, or remove this one",
                folder.display()
            ),
        ));
    }
    Engine::create(folder.join("demo.repartee"))
}

struct Show<'a> {
    ctx: &'a Ctx<'a>,
    demo: &'a Demo,
    seconds: Vec<(String, f64)>,
}

/// Number of steps, which must be known before it starts.
const STEPS: u64 = 15;

impl Show<'_> {
    /// Runs one step as a job.
    fn step<J: Job>(&mut self, what: &str, job: &J) -> Result<J::Outcome, Stop> {
        self.begin(what);
        let begun = Instant::now();
        let outcome = self.ctx.step(what, job)?;
        self.seconds
            .push((what.to_owned(), begun.elapsed().as_secs_f64()));
        Ok(outcome)
    }

    fn begin(&self, what: &str) {
        let done = self.seconds.len() as u64;
        self.ctx.say(format!("== {what}"));
        self.ctx.tick(
            Progress::new("demo", done, Some(STEPS), "steps")
                .note(what)
                .uneven(),
        );
    }

    fn scaled(&self, n: usize) -> usize {
        ((n as f64 * self.demo.scale).round() as usize).max(2)
    }

    /// Settings that suit small models from scratch on this sample.
    fn run(&self, kind: ModelKind, name: &str, steps: usize) -> RunConfig {
        RunConfig {
            name: name.to_owned(),
            steps: self.scaled(steps),
            batch_size: 32,
            max_tokens: 96,
            learning_rate: 1e-3,
            dropout: 0.1,
            validate_limit: 200,
            patience: 0,
            samples: 2,
            seed: self.demo.seed,
            device: self.demo.device.clone(),
            ..RunConfig::of(kind)
        }
    }
}

impl Job for Demo {
    const KIND: &'static str = "demo";
    const ON_INTERRUPT: Want = Want::Pause;
    const QUEUED: bool = true;
    const LATER_STEPS: LaterSteps = LaterSteps::Everything;
    type Outcome = DemoReport;

    fn check(&self, _project: &Project) -> Result<()> {
        self.check_device()
    }

    fn run(&self, ctx: &Ctx) -> Result<DemoReport, Stop> {
        let project = ctx.project.path().to_owned();
        let folder = project.parent().unwrap_or(Path::new(".")).to_owned();
        let mut show = Show {
            ctx,
            demo: self,
            seconds: Vec::new(),
        };
        let file = folder.join("synthetic.ndjson");
        write_sample(&file, self)?;
        let import = Import {
            files: vec![file],
            format: Some(Format::Pushshift),
            name: Some("synthetic threads".to_owned()),
            permission: Permission::Synthetic,
            note: "machine-generated by Repartee".to_owned(),
            ..Import::default()
        };
        show.step("import of the synthetic threads", &import)?;
        show.step("pairs of comment and reply", &BuildPairs::default())?;
        let split = MakeSplit {
            seed: self.seed,
            ..MakeSplit::default()
        };
        let split = show.step("split by thread", &split)?;
        let audit = AuditSplit {
            name: split.name.clone(),
        };
        show.step("audit of the split", &audit)?;
        for (name, kind, layers, width) in [
            ("small-gpt2", BaseKind::Gpt2, 4, 128),
            ("small-bert", BaseKind::Bert, 3, 96),
        ] {
            let base = BaseNew {
                name: name.to_owned(),
                kind,
                layers,
                width,
                heads: 4,
                context: 128,
                vocab: 2000,
                split: Some(split.name.clone()),
                seed: self.seed,
                ..BaseNew::default()
            };
            show.step(&format!("base {name} from scratch"), &base)?;
        }

        let writer = show.run(ModelKind::Generator, "writer", 300);
        show.step("training of the generator", &Train::new(&writer)?)?;
        let sampling = SamplingParams {
            max_new_tokens: 48,
            seed: self.seed,
            ..SamplingParams::default()
        };
        let fakes = MakeFakes {
            generator: writer.name.clone(),
            comments: [show.scaled(4000), show.scaled(200), show.scaled(400)],
            batch: 64,
            sampling: sampling.clone(),
            device: self.device.clone(),
            ..MakeFakes::default()
        };
        let fakes = show.step("fakes for training, validation and test", &fakes)?;
        let judge = show.run(ModelKind::Realism, "judge", 450);
        show.step("training of the realism model", &Train::new(&judge)?)?;
        let votes = show.run(ModelKind::Upvotes, "votes", 250);
        show.step("training of the upvotes model", &Train::new(&votes)?)?;

        let mut evaluations = Vec::new();
        for run in [&writer, &judge, &votes] {
            let evaluate = Evaluate {
                run: run.name.clone(),
                batch: 32,
                device: self.device.clone(),
                ..Evaluate::default()
            };
            let what = format!("evaluation of {} on the test set", run.name);
            evaluations.push(show.step(&what, &evaluate)?);
        }
        show.begin("charts");
        let charts = draw(
            &ctx.engine(),
            &folder,
            [&writer.name, &judge.name, &votes.name],
        )?;
        // the classifier is meant to detect this generator: what passes it is shown
        let criteria = Criteria {
            min_p_real: Some(0.5),
            // the synthetic replies are made from few phrases: a good generator copies them
            keep_flagged: true,
            ..Criteria::default()
        };
        let generate = Generate {
            unseen: 5,
            generator: writer.name,
            realism: Some(judge.name),
            upvotes: Some(votes.name),
            candidates: 10,
            sampling,
            criteria,
            device: self.device.clone(),
            ..Generate::default()
        };
        let generated = show.step("ten candidates for each of five unseen comments", &generate)?;
        let draft = DraftReplies {
            fetch: Some(Fetch {
                limit: 3,
                ..Fetch::default()
            }),
            comments: 2,
            generate: Generate {
                unseen: 0,
                ..generate
            },
            ..DraftReplies::default()
        };
        // the sandbox lives as long as this variable
        let reddit = Sandbox::default().open(ctx)?;
        let drafted = show.step("drafts for live threads of a Reddit sandbox", &draft)?;
        drop(reddit);
        Ok(DemoReport {
            project,
            split,
            fakes,
            evaluations,
            generated,
            drafted,
            charts,
            seconds: show.seconds,
        })
    }
}

fn write_sample(path: &Path, demo: &Demo) -> Result<()> {
    let io = |e: std::io::Error| Error::io("write", path, &e);
    let mut lines = Vec::new();
    sample::write_ndjson(&mut lines, demo.seed, demo.threads).map_err(io)?;
    // a demo can be resumed in another user's project, next to files that are not its own
    match std::fs::read(path) {
        Ok(found) if lines.starts_with(&found) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(Error::io("read", path, &e)),
        Ok(_) => {
            return Err(Error::new(
                Code::Exists,
                format!(
                    "{} already exists and is not the synthetic sample; move it, or start a demo in a new \
                     folder",
                    path.display()
                ),
            ));
        }
    }
    let mut out = BufWriter::new(File::create(path).map_err(io)?);
    out.write_all(&lines).map_err(io)?;
    out.flush().map_err(io)
}

/// All charts of the three runs, as SVG, PNG and CSV, in `folder/charts`.
fn draw(
    engine: &Engine,
    folder: &Path,
    [writer, judge, votes]: [&String; 3],
) -> Result<Vec<PathBuf>> {
    let folder = folder.join("charts");
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("make", &folder, &e))?;
    let mut files = Vec::new();
    let wanted = [
        (ChartKind::Loss, writer, "loss-writer"),
        (ChartKind::Loss, judge, "loss-judge"),
        (ChartKind::Loss, votes, "loss-votes"),
        (ChartKind::Roc, judge, "roc-realism"),
        (ChartKind::Roc, votes, "roc-upvotes"),
        (ChartKind::Pr, judge, "pr-realism"),
        (ChartKind::Confusion, judge, "confusion-realism"),
        (ChartKind::Confusion, votes, "confusion-upvotes"),
        (ChartKind::Calibration, judge, "calibration-realism"),
    ];
    for (kind, run, name) in wanted {
        files.extend(engine.chart_files(kind, std::slice::from_ref(run), &[folder.join(name)])?);
    }
    Ok(files)
}
