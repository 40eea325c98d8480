//! The loop at a glance: what there is, how good it is, and what comes next.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::Permission;
use crate::error::Result;
use crate::figures::Figures;
use crate::queue::QueueCounts;
use crate::run_config::RunKind;

/// How far a project is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Overview {
    /// The file's name without its ending.
    pub name: String,
    /// Where it lies.
    pub path: String,
    /// Sources that were imported.
    pub sources: u64,
    /// Those of which nobody has said under what permission they may be used.
    pub unpermitted: u64,
    /// Comments.
    pub comments: u64,
    /// Posts.
    pub posts: u64,
    /// Pairs of comment and reply.
    pub pairs: u64,
    /// Names of the splits.
    pub splits: Vec<String>,
    /// Bases.
    pub bases: u64,
    /// The three models, in the order generator, realism, upvotes.
    pub models: Vec<ModelState>,
    /// Fakes.
    pub fakes: u64,
    /// Candidates that were generated.
    pub candidates: u64,
    /// Replies of the queue by state.
    pub queue: QueueCounts,
    /// Jobs that run or rest.
    pub jobs: u64,
    /// What to do next, the most useful first; empty when nothing is open.
    pub next: Vec<NextStep>,
}

/// How far one of the three models is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ModelState {
    /// Which.
    pub kind: RunKind,
    /// How many runs there are.
    pub runs: u64,
    /// A run of this kind that is being trained now.
    pub training: Option<String>,
    /// The last run that was trained to its end.
    pub trained: Option<String>,
    /// The figure of its last evaluation in words: "AUC 0.756", "perplexity 7.21".
    pub figure: Option<String>,
}

/// Something that can be done next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NextStep {
    /// Names the step: import, pairs, split, base, train, fakes, evaluate, generate, review, permit.
    pub step: String,
    /// What to do, as a person would say it.
    pub what: String,
    /// Why.
    pub why: String,
    /// For a training or an evaluation: which kind of model.
    pub kind: Option<RunKind>,
}

const KINDS: [RunKind; 3] = [RunKind::Generator, RunKind::Realism, RunKind::Upvotes];

/// An evaluation's first figure in words.
fn headline(figures: &Figures) -> Option<String> {
    match figures {
        Figures::Generator(g) => g.perplexity.map(|p| format!("perplexity {p:.2}")),
        Figures::Classifier(c) => c.auc.map(|auc| format!("AUC {auc:.3}")),
    }
}

impl Engine {
    /// How far the project is.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn overview(&self) -> Result<Overview> {
        let counts = self.store.counts()?;
        let sources = self.sources()?;
        let unpermitted = sources
            .iter()
            .filter(|s| s.permission == Permission::Unknown)
            .count();
        let runs = self.runs()?;
        let evaluations = self.evaluations()?;
        let models = KINDS
            .into_iter()
            .map(|kind| {
                let of_kind = || runs.iter().filter(move |run| run.kind == kind);
                let trained = of_kind()
                    .rfind(|run| run.state == "done")
                    .map(|run| run.name.clone());
                let measured = evaluations
                    .iter()
                    .rfind(|e| Some(&e.run) == trained.as_ref());
                ModelState {
                    kind,
                    runs: of_kind().count() as u64,
                    training: of_kind()
                        .find(|run| run.state == "running")
                        .map(|run| run.name.clone()),
                    figure: measured.and_then(|e| headline(&e.figures)),
                    trained,
                }
            })
            .collect();
        let live = ["running", "paused", "lost"];
        let jobs = self
            .jobs()?
            .into_iter()
            .filter(|job| live.contains(&job.state.as_str()));
        let name = self
            .path()
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        let mut overview = Overview {
            name: name.unwrap_or_default(),
            path: self.path().display().to_string(),
            sources: counts.sources,
            unpermitted: unpermitted as u64,
            comments: counts.comments,
            posts: counts.posts,
            pairs: counts.pairs,
            splits: self
                .store
                .splits()?
                .into_iter()
                .map(|split| split.name)
                .collect(),
            bases: counts.bases,
            models,
            fakes: counts.fakes,
            candidates: counts.candidates,
            queue: self.queue_counts()?,
            jobs: jobs.count() as u64,
            next: Vec::new(),
        };
        overview.next = next_steps(&overview, &self.base_kinds()?);
        Ok(overview)
    }

    /// The kinds of the bases there are.
    fn base_kinds(&self) -> Result<Vec<String>> {
        let bases = self.store.bases()?;
        Ok(bases
            .into_iter()
            .map(|base| base.kind.as_str().to_owned())
            .collect())
    }
}

/// What the loop is waiting for. Each step is asked for once what it needs is there.
fn next_steps(now: &Overview, base_kinds: &[String]) -> Vec<NextStep> {
    let mut steps = Vec::new();
    let mut add = |step: &str, kind: Option<RunKind>, what: &str, why: &str| {
        steps.push(NextStep {
            step: step.to_owned(),
            what: what.to_owned(),
            why: why.to_owned(),
            kind,
        });
    };
    let trained = |kind: RunKind| {
        now.models
            .iter()
            .any(|m| m.kind == kind && m.trained.is_some())
    };
    let started = |kind: RunKind| {
        now.models
            .iter()
            .any(|m| m.kind == kind && (m.trained.is_some() || m.training.is_some()))
    };
    if now.queue.draft > 0 {
        add(
            "review",
            None,
            "Review the drafts",
            "Each reply waits for a person to approve or reject it.",
        );
    }
    if now.sources == 0 {
        add(
            "import",
            None,
            "Import comments",
            "Everything starts from comments and their replies.",
        );
    } else if now.pairs == 0 {
        add(
            "pairs",
            None,
            "Build the pairs",
            "Replies are joined to the comments they answer, and cleaned.",
        );
    } else if now.splits.is_empty() {
        add(
            "split",
            None,
            "Make a split",
            "Models learn on one side and are measured on another they never saw.",
        );
    } else {
        for (base, what) in [
            ("gpt2", "a GPT-2 base for the generator"),
            ("bert", "a BERT base for the classifiers"),
        ] {
            if !base_kinds.iter().any(|kind| kind == base) {
                add(
                    "base",
                    None,
                    &format!("Add {what}"),
                    "A run starts from a pretrained model, or from a small one of your own.",
                );
            }
        }
        let has = |base: &str| base_kinds.iter().any(|kind| kind == base);
        if has("gpt2") && !started(RunKind::Generator) {
            add(
                "train",
                Some(RunKind::Generator),
                "Train the generator",
                "It learns to answer comments from your pairs.",
            );
        }
        if has("bert") && !started(RunKind::Upvotes) {
            add(
                "train",
                Some(RunKind::Upvotes),
                "Train the upvotes model",
                "It learns which replies score well.",
            );
        }
        if trained(RunKind::Generator) && now.fakes == 0 {
            add(
                "fakes",
                None,
                "Generate fakes",
                "The realism model learns to tell them from real replies.",
            );
        }
        if has("bert") && now.fakes > 0 && !started(RunKind::Realism) {
            add(
                "train",
                Some(RunKind::Realism),
                "Train the realism model",
                "It learns to tell real replies from generated ones.",
            );
        }
        for model in &now.models {
            if model.trained.is_some() && model.figure.is_none() {
                let what = format!("Evaluate the {} model", model.kind.as_str());
                add(
                    "evaluate",
                    Some(model.kind),
                    &what,
                    "Only the test side tells how good it is.",
                );
            }
        }
        if trained(RunKind::Generator) && now.candidates == 0 {
            add(
                "generate",
                None,
                "Generate candidates",
                "Several replies to a comment, scored by both classifiers.",
            );
        }
    }
    if now.unpermitted > 0 {
        add(
            "permit",
            None,
            "Record under what permission your sources may be used",
            "Training on Reddit content needs approval; what you know is kept with the source.",
        );
    }
    steps
}
