//! Reports: what a run was trained on, how, and what it reaches, as one HTML page and as Markdown.
//!
//! Each card collects its facts as blocks of plain text (`document.rs`): `data.rs`, `model.rs`, `training.rs`,
//! `evaluations.rs`, `methods.rs`, `registered.rs` and `repeat.rs`. `html.rs` and `markdown.rs` write them.

mod data;
mod document;
mod evaluations;
mod html;
mod markdown;
mod methods;
mod model;
mod registered;
mod repeat;
mod training;

use std::io::Write;
use std::path::{Path, PathBuf};

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::JobInfo;
use repartee_datasets::private;
use repartee_datasets::study::day_of_ms;
use repartee_store::runs::Run;
use repartee_terms::{JobStatus, ModelKind};

use crate::Engine;
use crate::bases::base::BaseInfo;
use crate::data::import::SourceInfo;
use crate::data::pairs::{BuildPairs, PairsBuilt};
use crate::data::splits::SplitInfo;
use crate::evaluation::evaluate::EvaluationInfo;
use crate::export::{Input, input_of};
use crate::generation::fakes::FakesInfo;
use crate::registered::Registered;
use crate::training::{CheckpointInfo, RunInfo};
use document::{Document, Section};

/// Which report to write, and where.
#[derive(Debug, Clone, Default)]
pub struct WriteReport {
    pub run: String,
    /// The HTML page.
    pub page: PathBuf,
    /// The Markdown; none: next to the page, with the same name.
    pub markdown: Option<PathBuf>,
    /// Number of best and of worst predictions of each evaluation to show with their texts; 0: no text of anyone is in
    /// the report.
    pub examples: usize,
}

/// Everything that the cards show.
struct About {
    run: Run,
    info: RunInfo,
    /// None: it cannot be read.
    base: Option<BaseInfo>,
    input: Option<Input>,
    /// Whether it was trained on Reddit content, or through its base.
    learned_from_reddit: bool,
    split: SplitInfo,
    /// Whether the edges between the split's upvote bins were given, and not computed.
    edges_given: bool,
    sources: Vec<SourceInfo>,
    /// The last build of pairs before the split.
    pairs: Option<(BuildPairs, PairsBuilt)>,
    fakes: Option<FakesInfo>,
    checkpoints: Vec<CheckpointInfo>,
    job: Option<JobInfo>,
    evaluations: Vec<EvaluationInfo>,
    /// What was registered before training.
    registered: Vec<Registered>,
    /// When the report was made, in milliseconds since 1970.
    at_ms: i64,
}

impl Engine {
    /// Writes the report of a run as an HTML page and as Markdown; returns the files. It contains no text of comments
    /// or replies unless examples are asked for.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no such run; [`Code::Exists`] if a file exists; [`Code::Usage`] for another
    /// extension than .html and .md; or if a file cannot be written.
    pub fn run_report(&self, wanted: &WriteReport) -> Result<Vec<PathBuf>> {
        let page = wanted.page.clone();
        let markdown = match &wanted.markdown {
            Some(markdown) => markdown.clone(),
            None => page.with_extension("md"),
        };
        check_ending(&page, &["html", "htm"])?;
        check_ending(&markdown, &["md", "markdown"])?;
        for file in [&page, &markdown] {
            if file.exists() {
                return Err(taken(file));
            }
        }
        let about = self.about(&wanted.run)?;
        let document = self.document(&about, wanted.examples)?;
        create(&page, &html::page(&document))?;
        if let Err(error) = create(&markdown, &markdown::text(&document)) {
            // one of the two would look like all of it
            let _ = std::fs::remove_file(&page);
            return Err(error);
        }
        Ok(vec![page, markdown])
    }

    fn about(&self, name: &str) -> Result<About> {
        let run = self.store.run(name)?;
        let info = self.run_show(&run.name)?;
        let split = self.split(&run.split)?;
        let stored = self.store.base_by_id(run.base_id)?;
        let mut bases = self.bases()?.into_iter();
        let mut sets = self.fake_sets()?.into_iter();
        let evaluations = self.evaluations()?.into_iter();
        let checkpoints = self.checkpoints()?.into_iter();
        let jobs = self.jobs()?;
        Ok(About {
            base: bases.find(|base| base.name == run.base),
            input: input_of(&run, &stored).ok(),
            learned_from_reddit: self.learned_from_reddit(run.split_id, &stored)?
                || self.writer_learned_from_reddit(&run)?,
            sources: self.sources()?,
            pairs: pairs_before(&jobs, split.created_ms),
            edges_given: has_given_edges(&jobs, &split.name),
            fakes: sets.find(|set| Some(&set.name) == run.fakes.as_ref()),
            checkpoints: checkpoints.filter(|one| one.run == run.name).collect(),
            job: jobs
                .into_iter()
                .find(|job| Some(&job.id) == run.job_id.as_ref()),
            evaluations: evaluations.filter(|one| one.run == run.name).collect(),
            registered: self.study_registered()?,
            at_ms: self.environment.clock.now_ms(),
            run,
            info,
            split,
        })
    }

    fn document(&self, about: &About, examples: usize) -> Result<Document> {
        let mut sections = vec![summary(about)];
        sections.extend(registered::card(about));
        sections.extend([
            data::card(about),
            model::card(about),
            self.training_card(about)?,
        ]);
        for evaluation in &about.evaluations {
            sections.push(self.evaluation_card(evaluation, examples)?);
        }
        sections.push(methods::card(about));
        sections.push(repeat::card(about));
        sections.push(about_this_file(about, examples));
        Ok(Document {
            title: format!("Report on the run {}", about.run.name),
            notice: self.study_mark()?,
            sections,
        })
    }
}

/// What kind of run it is, what it was made with, and the user's note.
fn summary(about: &About) -> Section {
    let mut section = Section::new("Summary");
    let info = &about.info;
    if info.deleted_content {
        section.warning(
            "This run was trained on content that its authors have deleted since, or made with something that was. \
             Do not publish it or its model.",
        );
    }
    let version = info.facts.as_ref().map(|facts| facts.version.clone());
    section.facts([
        ("Run", about.run.name.clone()),
        ("Kind", format!("{}: {}", info.kind, purpose(info.kind))),
        (
            "State",
            info.state.map(state).unwrap_or_default().to_owned(),
        ),
        ("Trained with", version.map(repartee).unwrap_or_default()),
        ("Trained on", day_of_ms(info.created_ms)),
        ("Report by", repartee(env!("CARGO_PKG_VERSION").to_owned())),
        ("Report of", day_of_ms(about.at_ms)),
        ("Note", info.label.note.clone()),
        ("Tags", info.label.tags.join(", ")),
    ]);
    if about.evaluations.is_empty() {
        section.text("This run has not been evaluated yet.");
    }
    section
}

fn about_this_file(about: &About, examples: usize) -> Section {
    let mut section = Section::new("About this file");
    section.text(match examples {
        0 => "It contains no text of comments or replies.",
        _ => {
            "It contains texts of comments and replies, as examples. Check that you may publish them before you share it."
        }
    });
    section.text(
        "It is outside the project: deleting or purging texts in the project does not change it. Names and notes in it \
         are as they were on the day of the report.",
    );
    if about
        .sources
        .iter()
        .any(|source| source.origin.needs_permission())
    {
        section.text("The project has Reddit content, or text of unknown origin: Reddit's policy applies to it.");
    }
    section
}

fn purpose(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Generator => "writes replies to comments",
        ModelKind::Realism => "tells real replies from generated ones",
        ModelKind::Upvotes => "predicts which of four upvote bins a reply falls into",
    }
}

fn repartee(version: String) -> String {
    format!("Repartee {version}")
}

fn state(state: JobStatus) -> &'static str {
    match state {
        JobStatus::Cancelled => "canceled",
        JobStatus::Lost => "interrupted",
        other => other.as_str(),
    }
}

/// The last completed build of pairs that ended before `at_ms`: its recipe and its counts.
fn pairs_before(jobs: &[JobInfo], at_ms: i64) -> Option<(BuildPairs, PairsBuilt)> {
    let built = jobs.iter().filter(|job| {
        job.kind == "pairs"
            && job.state == JobStatus::Done
            && job.ended_ms.is_some_and(|ended| ended <= at_ms)
    });
    let last = built.max_by_key(|job| job.ended_ms)?;
    let recipe = serde_json::from_value(last.params.clone()).ok()?;
    let counts = serde_json::from_value(last.outcome.clone()?).ok()?;
    Some((recipe, counts))
}

/// Whether the split of this name was made with given bin edges.
fn has_given_edges(jobs: &[JobInfo], split: &str) -> bool {
    jobs.iter().any(|job| {
        job.kind == "split"
            && job.params["name"].as_str() == Some(split)
            && !job.params["edges"].is_null()
    })
}

/// A text of which everything is visible; lines stay, and tabs become spaces.
fn visible(text: &str) -> String {
    repartee_terms::visible::visible(&text.replace(['\t', '\r'], " ")).into_owned()
}

fn check_ending(file: &Path, endings: &[&str]) -> Result<()> {
    let ending = file.extension().and_then(|ending| ending.to_str());
    match ending {
        Some(ending) if endings.contains(&ending) => Ok(()),
        _ => Err(Error::usage(format!(
            "a report is written as .html and as .md, not to {}",
            file.display()
        ))),
    }
}

fn taken(file: &Path) -> Error {
    Error::new(
        Code::Exists,
        format!("{} already exists; choose another name", file.display()),
    )
}

/// Writes a file that must not exist yet, for its owner alone.
fn create(path: &Path, text: &str) -> Result<()> {
    let mut file = private::create_new(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => taken(path),
        _ => Error::io("write", path, &e),
    })?;
    file.write_all(text.as_bytes()).map_err(|e| {
        // half a report would look like a whole one
        let _ = std::fs::remove_file(path);
        Error::io("write", path, &e)
    })
}
