//! The commands on the window's project. Each is one method of the engine.

use std::path::PathBuf;
use std::sync::Arc;

use repartee_charts::Picture;
use repartee_core::error::Result;
use repartee_core::job::{JobInfo, JobLine};
use repartee_core::job_queue::{JobQueue, MoveTo};
use repartee_datasets::Partition;
use repartee_datasets::record::Rejected;
use repartee_datasets::source::Permission;
use repartee_posting::DeletedContent;
use repartee_store::pairs::PairFigure;
use repartee_terms::ReplyState;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::app::{Nothing, OfJob, typed};
use super::commands;
use crate::Engine;
use crate::again::AgainStep;
use crate::bases::base::{BaseEstimate, BaseInfo, BaseNew};
use crate::check::{Checked, Compacted, Size};
use crate::data::browse::{Labels, PairRow, PairsView, ViewPairs};
use crate::data::curation::{ExcludePairs, Excluded, IncludePairs};
use crate::data::import::SourceInfo;
use crate::data::splits::SplitInfo;
use crate::evaluation::chart::{ChartKind, save};
use crate::evaluation::curves::EvaluationCurves;
use crate::evaluation::evaluate::{EvaluationInfo, Judged, MarkedExample};
use crate::evaluation::paired::Comparison;
use crate::evaluation::quality::RunQuality;
use crate::generation::fakes::{FakeShown, FakesInfo};
use crate::generation::generate::{Generated, GenerationInfo};
use crate::generation::pick::Criteria;
use crate::items::{Dependents, ItemInfo, ItemRef, LabelItem, RenameItem};
use crate::overview::Overview;
use crate::pipeline::{PipelineOptions, PipelinePlan, PipelineQueued};
use crate::queue::{ReplyInfo, ReplyStory};
use crate::report::WriteReport;
use crate::training::run_config::RunConfig;
use crate::training::{CheckpointInfo, Difference, RunFacts, RunInfo};

/// An item by its name.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Named {
    pub name: String,
}

/// An item by its number.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Numbered {
    pub id: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Permit {
    /// Number of the source.
    pub source: i64,
    /// The permission under which it may be used.
    pub permission: Permission,
    /// License, link, or who granted it.
    pub note: String,
}

/// Rejected rows of a source.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RejectedRows {
    /// Number of the source.
    pub source: i64,
    /// Only after this line.
    pub after: u64,
    /// Maximum number.
    pub limit: usize,
}

/// A page of a view.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ViewPage {
    pub view: String,
    /// Number of its first row, from 0.
    pub from: u64,
    /// Number of rows; at most 200 are returned.
    pub count: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct OfPair {
    pub id: String,
}

/// A distribution of pairs.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PairsChart {
    pub figure: PairFigure,
    #[serde(default)]
    pub pairs: ViewPairs,
}

/// Saves a distribution of pairs as files.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SavePairsChart {
    pub chart: PairsChart,
    /// .svg, .png or .csv; a name without an extension gives all three.
    pub files: Vec<String>,
}

/// Applies other criteria to a generation.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PickAgain {
    /// Number of the generation.
    pub id: i64,
    pub criteria: Criteria,
}

/// Counts labels by edges.
#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct ByEdges {
    /// The three edges; none: the quartiles.
    pub edges: Option<[i64; 3]>,
}

/// Settings of a run.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct WithConfig {
    pub config: RunConfig,
}

/// One metric of a run.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RunFigure {
    pub run: String,
    /// loss, val_loss, lr, grad_norm or tokens_per_s.
    pub figure: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SeveralRuns {
    pub runs: Vec<String>,
}

/// A page of a set of fakes.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct FakesPage {
    pub name: String,
    /// Maximum number.
    pub limit: usize,
}

/// An evaluation at a threshold.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AtThreshold {
    /// Number of the evaluation.
    pub id: i64,
    /// Class 1 is predicted from this probability on.
    pub threshold: f64,
}

/// Examples of an evaluation.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct MarkedPage {
    /// Number of the evaluation.
    pub id: i64,
    /// Best predictions; otherwise worst.
    pub best: bool,
    /// Decision threshold, if not the evaluation's own.
    #[serde(default)]
    pub threshold: Option<f64>,
    /// Maximum number.
    pub limit: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SeveralEvaluations {
    /// Runs (their latest evaluation on the test set), numbers or names of evaluations; the first is what the others are
    /// compared with.
    pub of: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct DrawChart {
    pub kind: ChartKind,
    /// Runs (their latest evaluation on the test set, or their curves) or numbers of evaluations.
    pub of: Vec<String>,
    /// Decision threshold, if not the evaluation's own.
    #[serde(default)]
    pub threshold: Option<f64>,
}

/// Saves a chart as files.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SaveChart {
    pub chart: DrawChart,
    /// .svg, .png or .csv; a name without an extension gives all three.
    pub files: Vec<String>,
}

/// Replies of the queue.
#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct OfState {
    pub state: Option<ReplyState>,
}

/// An edit of a reply's text.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct EditReply {
    pub id: i64,
    pub text: String,
    pub who: String,
}

/// A rejection of a reply.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct JudgeReply {
    pub id: i64,
    pub who: String,
    /// May be empty.
    #[serde(default)]
    pub why: String,
}

/// An approval of a reply as it was shown.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ApproveReply {
    pub id: i64,
    /// The hash that came with the reply that was shown.
    pub seen: String,
    pub who: String,
}

/// A reply that the user posted manually.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PostedReply {
    pub id: i64,
    pub who: String,
    /// Link to it; may be empty.
    pub link: String,
    /// The hash that came with the reply that was shown.
    pub seen: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ExportPairs {
    /// .jsonl or .csv.
    pub path: String,
    pub split: Option<String>,
    pub partition: Option<Partition>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ExportPredictions {
    /// Number of the evaluation.
    pub evaluation: i64,
    /// .jsonl or .csv.
    pub path: String,
}

/// A queued job to move.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct MoveJob {
    pub job: String,
    pub to: MoveTo,
}

/// What happens if a queued job fails.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct StopsQueue {
    pub job: String,
    /// Whether its failure blocks the queue.
    pub stops: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ExportModel {
    /// A run or base.
    pub name: String,
    pub path: String,
    /// best or last; none: best.
    #[serde(default)]
    pub checkpoint: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ExportReport {
    pub run: String,
    /// .html; the Markdown is written next to it, as .md.
    pub path: String,
    /// Number of best and of worst predictions of each evaluation to show with their texts; 0: no text.
    #[serde(default)]
    pub examples: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ExportQueue {
    /// .jsonl or .csv.
    pub path: String,
    pub state: Option<ReplyState>,
}

/// Paths as the user typed them.
pub(super) fn all_typed(paths: &[String]) -> Result<Vec<PathBuf>> {
    paths.iter().map(|path| typed(path)).collect()
}

/// Paths for display.
pub(super) fn shown(paths: Vec<PathBuf>) -> Vec<String> {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect()
}

commands!(Arc<Engine> {
    /// The state of the project, and the next step.
    "overview" reads [Sources, Pairs, Splits, Bases, Runs, Fakes, Evaluations, Threads, Queue, Outcomes, Reddit, Jobs, Settings] => |engine, _| engine.overview(), Nothing => Overview;
    /// The steps from the imported comments to three evaluated models, with their state, time and memory.
    "pipeline.plan" reads [Sources, Pairs, Splits, Bases, Runs, Fakes, Evaluations, Settings, Jobs] => |engine, p| engine.pipeline_plan(&p), PipelineOptions => PipelinePlan;
    /// Queues the steps that remain, and changes those that wait in the queue.
    "pipeline.queue" => |engine, p| engine.pipeline_queue(&p), PipelineOptions => PipelineQueued;
    /// All sources.
    "sources" reads [Sources] => |engine, _| engine.sources(), Nothing => Vec<SourceInfo>;
    /// Sets the permission under which a source may be used.
    "source.permit" => |engine, p| engine.permit(&p.source.to_string(), p.permission, &p.note), Permit => SourceInfo;
    /// Rows of a source that could not be read, with line and reason.
    "source.rejected" reads [Sources] => |engine, p| engine.rejected(&p.source.to_string(), p.after, p.limit), RejectedRows => Vec<Rejected>;
    /// Finds and sorts pairs; pages of the result are read with pairs.rows.
    "pairs.view" reads [Pairs, Splits] => |engine, p| engine.view_pairs(&p), ViewPairs => PairsView;
    /// Rows of a view.
    "pairs.rows" reads [Pairs] => |engine, p| engine.view_rows(&p.view, p.from, p.count), ViewPage => Vec<PairRow>;
    // a chart names missing permissions of the sources and bases that it is about
    /// The distribution of pairs by one figure.
    "pairs.chart" reads [Pairs, Splits, Settings, Sources, Bases] => |engine, p| engine.pairs_chart(p.figure, &p.pairs), PairsChart => Picture;
    /// Draws it into files, and returns those written.
    "pairs.chart.save" => |engine, p| {
        save(&all_typed(&p.files)?, || engine.pairs_chart(p.chart.figure, &p.chart.pairs)).map(shown)
    }, SavePairsChart => Vec<String>;
    /// One pair with its full texts.
    "pair.get" reads [Pairs] => |engine, p| engine.pair(&p.id), OfPair => PairRow;
    /// Excludes pairs and authors from splits created afterwards.
    "pairs.exclude" => |engine, p| engine.exclude(&p), ExcludePairs => Excluded;
    /// Includes excluded pairs and authors again.
    "pairs.include" => |engine, p| engine.include(&p), IncludePairs => Excluded;
    /// All exclusions, with reasons.
    "pairs.excluded" reads [Pairs] => |engine, _| engine.excluded(), Nothing => Excluded;
    /// Number of pairs per subreddit, the largest first.
    "pairs.subreddits" reads [Pairs] => |engine, _| engine.pair_subreddits(), Nothing => Vec<(String, u64)>;
    /// Number of replies in each upvote bin.
    "labels" reads [Pairs] => |engine, p| engine.labels(p.edges), ByEdges => Labels;
    // a partition's bins are counted from the scores of its pairs
    /// All splits with their partitions and last audits.
    "splits" reads [Splits, Pairs] => |engine, _| engine.splits(), Nothing => Vec<SplitInfo>;
    /// Everything that was trained on a text deleted since, or made from something that was.
    "deleted.content" reads [Bases, Runs, Fakes, Evaluations, Threads] => |engine, _| engine.posting().deleted_content(), Nothing => Vec<DeletedContent>;
    /// The steps that retraining a run without deleted content would take, in order.
    "run.again" reads [Bases, Runs, Fakes] => |engine, p| engine.train_again_plan(&p.name), Named => Vec<AgainStep>;
    /// All bases.
    "bases" reads [Bases] => |engine, _| engine.bases(), Nothing => Vec<BaseInfo>;
    /// The size of a base from scratch, with the tokenizer that it will have.
    "base.estimate" reads [Pairs, Splits] => |engine, p| engine.base_estimate(&p), BaseNew => BaseEstimate;
    /// Estimate of a run: examples, parameters, memory, steps, time.
    "run.estimate" reads [Pairs, Splits, Bases, Fakes, Runs] => |engine, p| engine.train_estimate(&p.config), WithConfig => RunFacts;
    /// All runs, without their samples.
    "runs" reads [Runs, Jobs] => |engine, _| engine.runs(), Nothing => Vec<RunInfo>;
    /// One run with the samples generated during training.
    "run.get" reads [Runs, Pairs, Jobs] => |engine, p| engine.run_show(&p.name), Named => RunInfo;
    /// One metric over a run's steps: step and value.
    "run.figure" reads [Runs] => |engine, p| engine.run_figure(&p.run, &p.figure), RunFigure => Vec<(u64, Option<f64>)>;
    /// What a run's checkpoint loses at each precision, how fast it is there, and what `auto` takes; none: it has no checkpoint yet.
    "run.quality" reads [Runs] => |engine, p| engine.run_quality(&p.name), Named => Option<RunQuality>;
    /// The settings in which runs differ.
    "run.differences" reads [Runs] => |engine, p| engine.run_differences(&p.runs), SeveralRuns => Vec<Difference>;
    /// All checkpoints, with lineage and size.
    "checkpoints" reads [Runs, Bases, Splits] => |engine, _| engine.checkpoints(), Nothing => Vec<CheckpointInfo>;
    /// All sets of fakes.
    "fakes" reads [Fakes, Splits] => |engine, _| engine.fake_sets(), Nothing => Vec<FakesInfo>;
    /// Some fakes next to the real replies.
    "fakes.rows" reads [Fakes, Pairs, Splits] => |engine, p| engine.fakes_show(&p.name, p.limit), FakesPage => Vec<FakeShown>;
    /// All evaluations.
    "evaluations" reads [Evaluations, Splits, Bases, Fakes, Settings, Sources] => |engine, _| engine.evaluations(), Nothing => Vec<EvaluationInfo>;
    /// One evaluation.
    "evaluation.get" reads [Evaluations, Splits, Bases, Fakes, Settings, Sources] => |engine, p| engine.evaluation(p.id), Numbered => EvaluationInfo;
    /// An evaluation's figures at another threshold, and its points on the curves.
    "evaluation.at" reads [Evaluations, Splits, Bases, Fakes, Settings, Sources] => |engine, p| engine.evaluation_at(p.id, p.threshold), AtThreshold => Judged;
    /// The counts of an evaluation at each threshold: what its ROC and precision-recall curves are drawn from.
    "evaluation.curves" reads [Evaluations, Splits, Bases, Fakes, Settings, Sources] => |engine, p| engine.evaluation_curves(p.id), Numbered => EvaluationCurves;
    /// The best or worst predictions of an evaluation.
    "evaluation.examples" reads [Evaluations, Pairs, Splits, Bases, Fakes, Settings, Sources] => |engine, p| engine.evaluation_examples(p.id, p.best, p.threshold, p.limit), MarkedPage => Vec<MarkedExample>;
    /// Compares evaluations on the examples that all of them have, with intervals and p values.
    "evaluation.compare" reads [Runs, Evaluations, Splits, Bases, Fakes, Settings, Sources] => |engine, p| engine.evaluations_compare(&p.of), SeveralEvaluations => Comparison;
    /// Draws a chart.
    "chart" reads [Runs, Evaluations, Splits, Bases, Fakes, Settings, Sources] => |engine, p| engine.chart_at(p.kind, &p.of, p.threshold), DrawChart => Picture;
    /// Draws a chart into files, and returns those written.
    "chart.save" => |engine, p| {
        let chart = p.chart;
        engine.chart_files_at(chart.kind, &chart.of, chart.threshold, &all_typed(&p.files)?).map(shown)
    }, SaveChart => Vec<String>;
    /// All generations, the latest first.
    "generations" reads [Threads] => |engine, _| engine.generations(), Nothing => Vec<GenerationInfo>;
    /// One generation with its candidates.
    "generation.get" reads [Threads, Queue, Pairs] => |engine, p| engine.generation(p.id), Numbered => Generated;
    /// Applies other criteria to a generation's candidates; nothing is stored.
    "generation.pick" reads [Threads, Queue, Pairs] => |engine, p| engine.generation_pick(p.id, &p.criteria), PickAgain => Generated;
    /// Adds one candidate to the queue as a draft, whatever the criteria said; returns the reply.
    "candidate.queue" => |engine, p| engine.candidate_queue(p.id, &p.who), JudgeReply => ReplyInfo;
    // a reply is shown with its parent comment, footer and account
    /// Replies of the queue.
    "queue" reads [Queue, Threads, Reddit, Settings] => |engine, p| engine.queue(p.state), OfState => Vec<ReplyInfo>;
    /// One reply with what it answers and its history.
    "reply.get" reads [Queue, Threads, Reddit, Settings] => |engine, p| engine.reply(p.id), Numbered => ReplyStory;
    /// Edits a reply's text; an approved reply returns to draft.
    "reply.edit" => |engine, p| engine.reply_edit(p.id, &p.text, &p.who), EditReply => ReplyInfo;
    /// Approves one reply as it was shown.
    "reply.approve" => |engine, p| engine.reply_approve(p.id, &p.seen, &p.who), ApproveReply => ReplyInfo;
    /// Rejects one reply.
    "reply.reject" => |engine, p| engine.reply_reject(p.id, &p.who, &p.why), JudgeReply => ReplyInfo;
    /// Returns a rejected, canceled or approved reply to draft, unless it is being posted or was posted.
    "reply.redraft" => |engine, p| engine.reply_redraft(p.id, &p.who, &p.why), JudgeReply => ReplyInfo;
    /// Records that the user posted an approved reply manually.
    "reply.posted" => |engine, p| engine.reply_posted_by_hand(p.id, &p.link, &p.seen, &p.who), PostedReply => ReplyInfo;
    /// Renames a source, split, base, run, set of fakes, evaluation or generation.
    "item.rename" => |engine, p| engine.item_rename(&p), RenameItem => ItemInfo;
    /// Sets an item's note, and adds and removes tags.
    "item.label" => |engine, p| engine.item_label(&p), LabelItem => ItemInfo;
    /// What deleting an item also deletes.
    "item.dependents" reads [Sources, Pairs, Splits, Bases, Runs, Fakes, Evaluations, Threads, Queue] => |engine, p| engine.dependents(&p), ItemRef => Dependents;
    /// All jobs, the newest first.
    "jobs" reads [Jobs] => |engine, _| engine.jobs(), Nothing => Vec<JobInfo>;
    /// One job.
    "job.get" reads [Jobs] => |engine, p| engine.job(&p.job), OfJob => JobInfo;
    /// The log of a job.
    "job.log" reads [Jobs] => |engine, p| engine.job_log(&p.job), OfJob => Vec<JobLine>;
    /// Pauses a job, in whichever process it runs.
    "job.pause" => |engine, p| engine.pause(&p.job), OfJob => JobInfo;
    /// Cancels a job.
    "job.cancel" => |engine, p| engine.cancel(&p.job), OfJob => JobInfo;
    /// Finishes a training early and keeps its checkpoint; any other job ends and keeps what it has stored.
    "job.stop" => |engine, p| engine.stop(&p.job), OfJob => JobInfo;
    /// Cancels a training and removes its checkpoints.
    "job.discard" => |engine, p| engine.discard(&p.job), OfJob => JobInfo;
    /// The queue of jobs, in order.
    "job.waiting" reads [Jobs] => |engine, _| engine.job_queue(), Nothing => JobQueue;
    /// Moves a queued job, and returns the queue.
    "job.move" => |engine, p| engine.job_move(&p.job, &p.to), MoveJob => JobQueue;
    /// Sets whether the failure of a queued job blocks the queue.
    "job.stops-queue" => |engine, p| engine.job_stops_queue(&p.job, p.stops), StopsQueue => JobInfo;
    /// Exports pairs to a file; returns their number.
    "export.pairs" => |engine, p| engine.pairs_export(&typed(&p.path)?, p.split.as_deref(), p.partition), ExportPairs => u64;
    /// Exports the predictions of an evaluation to a file; returns their number.
    "export.predictions" => |engine, p| engine.predictions_export(&p.evaluation.to_string(), &typed(&p.path)?), ExportPredictions => u64;
    /// Exports a run's checkpoint as a folder in Hugging Face layout.
    "export.run" => |engine, p| engine.run_export(&p.name, &typed(&p.path)?, p.checkpoint.as_deref()), ExportModel => PathBuf;
    /// Exports a base as a folder in Hugging Face layout.
    "export.base" => |engine, p| engine.base_export(&p.name, &typed(&p.path)?), ExportModel => PathBuf;
    /// Writes the report of a run as an HTML page and as Markdown, and returns the files.
    "export.report" => |engine, p| {
        let wanted = WriteReport { run: p.run, page: typed(&p.path)?, markdown: None, examples: p.examples };
        engine.run_report(&wanted).map(shown)
    }, ExportReport => Vec<String>;
    /// Exports the queue to a file; returns the number of replies.
    "export.queue" => |engine, p| engine.queue_export(&typed(&p.path)?, p.state), ExportQueue => usize;
    /// Verifies the whole project file.
    "check" => |engine, _| engine.check(&|_| {}), Nothing => Checked;
    /// Frees the disk space of deleted items.
    "compact" => |engine, _| engine.compact(), Nothing => Compacted;
    // running jobs write every second; the space they take is not worth a query
    /// Space used, by family of tables.
    "size" reads [Sources, Pairs, Splits, Bases, Runs, Fakes, Evaluations, Threads, Queue, Outcomes, Reddit] => |engine, _| engine.size(), Nothing => Size;
});
