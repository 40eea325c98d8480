//! The commands on the window's project. Each is one method of the engine.

use std::path::PathBuf;
use std::sync::Arc;

use repartee_charts::Picture;
use repartee_datasets::Partition;
use repartee_datasets::record::Rejected;
use repartee_datasets::source::Permission;
use repartee_store::pairs::PairFigure;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::app::{Nothing, OfJob, typed};
use super::commands;
use crate::Engine;
use crate::again::{AgainStep, DeletedContent};
use crate::base::{BaseEstimate, BaseInfo, BaseNew};
use crate::browse::{Labels, PairRow, PairsView, ViewPairs};
use crate::chart::{ChartKind, save};
use crate::check::{Checked, Compacted, Size};
use crate::curation::{ExcludePairs, Excluded, IncludePairs};
use crate::error::Result;
use crate::evaluate::{EvaluationInfo, Judged, MarkedExample};
use crate::fakes::{FakeShown, FakesInfo};
use crate::generate::{Generated, GenerationInfo};
use crate::import::SourceInfo;
use crate::items::{Dependents, ItemInfo, ItemRef, LabelItem, RenameItem};
use crate::job::{JobInfo, JobLine};
use crate::job_queue::{JobQueue, MoveTo};
use crate::overview::Overview;
use crate::pick::Criteria;
use crate::queue::{ReplyInfo, ReplyStory};
use crate::run_config::RunConfig;
use crate::splits::SplitInfo;
use crate::train::{CheckpointInfo, Difference, RunFacts, RunInfo};

/// A thing by its name.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name.
    pub name: String,
}

/// A thing by its number.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Numbered {
    /// Its number.
    pub id: i64,
}

/// What is known of a source's permission.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Permit {
    /// The source, by its number.
    pub source: i64,
    /// Under what permission it may be used.
    pub permission: Permission,
    /// In words: licence, link, who said so.
    pub note: String,
}

/// Rejected rows of a source.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RejectedRows {
    /// The source, by its number.
    pub source: i64,
    /// Only after this line.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
}

/// A page of a view.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ViewPage {
    /// The view's name.
    pub view: String,
    /// The number of its first row, from 0.
    pub from: u64,
    /// How many rows; at most 200 are given.
    pub count: usize,
}

/// A pair.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct OfPair {
    /// Its number, as a string.
    pub id: String,
}

/// How pairs are spread.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PairsChart {
    /// By which figure.
    pub figure: PairFigure,
    /// Which pairs.
    #[serde(default)]
    pub pairs: ViewPairs,
}

/// How pairs are spread, into files.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SavePairsChart {
    /// Which chart.
    pub chart: PairsChart,
    /// .svg, .png or .csv; a name without an ending gives all three.
    pub files: Vec<String>,
}

/// A generation by other criteria.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PickAgain {
    /// The generation, by its number.
    pub id: i64,
    /// The criteria.
    pub criteria: Criteria,
}

/// Label bins by edges.
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
    /// The settings.
    pub config: RunConfig,
}

/// A run config as text.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ConfigText {
    /// TOML, every setting under its words.
    pub toml: String,
}

/// One of a run's figures.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RunFigure {
    /// The run.
    pub run: String,
    /// loss, val_loss, lr, grad_norm or tokens_per_s.
    pub figure: String,
}

/// Several runs.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SeveralRuns {
    /// Their names.
    pub runs: Vec<String>,
}

/// A page of a set of fakes.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct FakesPage {
    /// The set.
    pub name: String,
    /// At most so many.
    pub limit: usize,
}

/// An evaluation at a threshold.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AtThreshold {
    /// The evaluation, by its number.
    pub id: i64,
    /// The probability from which on class 1 is said.
    pub threshold: f64,
}

/// Examples of an evaluation.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct MarkedPage {
    /// The evaluation, by its number.
    pub id: i64,
    /// Those it got most right; otherwise most wrong.
    pub best: bool,
    /// Another threshold than the evaluation's.
    #[serde(default)]
    pub threshold: Option<f64>,
    /// At most so many.
    pub limit: usize,
}

/// A chart.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct DrawChart {
    /// What is drawn.
    pub kind: ChartKind,
    /// Runs (their latest evaluation, or their curves) or numbers of evaluations.
    pub of: Vec<String>,
    /// Another threshold than the evaluation's.
    #[serde(default)]
    pub threshold: Option<f64>,
}

/// A chart into files.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SaveChart {
    /// Which chart.
    pub chart: DrawChart,
    /// .svg, .png or .csv; a name without an ending gives all three.
    pub files: Vec<String>,
}

/// Which replies of the queue.
#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct OfState {
    /// Only of this state.
    pub state: Option<String>,
}

/// A change of a reply's text.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct EditReply {
    /// The reply.
    pub id: i64,
    /// The new text.
    pub text: String,
    /// Who does it.
    pub who: String,
}

/// A person's verdict on a reply.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct JudgeReply {
    /// The reply.
    pub id: i64,
    /// Who does it.
    pub who: String,
    /// Why; may be empty.
    #[serde(default)]
    pub why: String,
}

/// A person's approval of a reply as it was shown.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ApproveReply {
    /// The reply.
    pub id: i64,
    /// The hash of what was shown, as the reply came with it.
    pub seen: String,
    /// Who does it.
    pub who: String,
}

/// A reply that a person posted by hand.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PostedReply {
    /// The reply.
    pub id: i64,
    /// Who did it.
    pub who: String,
    /// The link to it; may be empty.
    pub link: String,
    /// The hash of what was shown, as the reply came with it.
    pub seen: String,
}

/// Where pairs are to be written.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ExportPairs {
    /// .jsonl or .csv.
    pub path: String,
    /// Which split.
    pub split: Option<String>,
    /// Only this side.
    pub partition: Option<Partition>,
}

/// Where predictions are to be written.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ExportPredictions {
    /// The evaluation, by its number.
    pub evaluation: i64,
    /// .jsonl or .csv.
    pub path: String,
}

/// A queued job to move.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct MoveJob {
    /// Its id.
    pub job: String,
    /// Where to.
    pub to: MoveTo,
}

/// What the failure of a queued job does.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct StopsQueue {
    /// Its id.
    pub job: String,
    /// Whether it holds the queue up.
    pub stops: bool,
}

/// Where a model is to be written.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ExportModel {
    /// The run or the base.
    pub name: String,
    /// A folder.
    pub path: String,
    /// best or last; none: best.
    #[serde(default)]
    pub checkpoint: Option<String>,
}

/// Where the queue is to be written.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ExportQueue {
    /// .jsonl or .csv.
    pub path: String,
    /// Only of this state.
    pub state: Option<String>,
}

/// Paths as a person types them.
pub(super) fn all_typed(paths: &[String]) -> Result<Vec<PathBuf>> {
    paths.iter().map(|path| typed(path)).collect()
}

/// Paths as they are shown.
pub(super) fn shown(paths: Vec<PathBuf>) -> Vec<String> {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect()
}

commands!(Arc<Engine> {
    /// How far the project is, and what comes next.
    "overview" => |engine, _| engine.overview(), Nothing => Overview;
    /// All sources.
    "sources" => |engine, _| engine.sources(), Nothing => Vec<SourceInfo>;
    /// Says under what permission a source may be used.
    "source.permit" => |engine, p| engine.permit(&p.source.to_string(), p.permission, &p.note), Permit => SourceInfo;
    /// Rows of a source that could not be read, with line and reason.
    "source.rejected" => |engine, p| engine.rejected(&p.source.to_string(), p.after, p.limit), RejectedRows => Vec<Rejected>;
    /// Finds and sorts pairs; pages of the answer are read with pairs.rows.
    "pairs.view" => |engine, p| engine.view_pairs(&p), ViewPairs => PairsView;
    /// Rows of a view.
    "pairs.rows" => |engine, p| engine.view_rows(&p.view, p.from, p.count), ViewPage => Vec<PairRow>;
    /// How pairs are spread by one figure.
    "pairs.chart" => |engine, p| engine.pairs_chart(p.figure, &p.pairs), PairsChart => Picture;
    /// Draws it into files, and gives what was written.
    "pairs.chart.save" => |engine, p| {
        save(&all_typed(&p.files)?, || engine.pairs_chart(p.chart.figure, &p.chart.pairs)).map(shown)
    }, SavePairsChart => Vec<String>;
    /// One pair with its whole texts.
    "pair.get" => |engine, p| engine.pair(&p.id), OfPair => PairRow;
    /// Excludes pairs and authors from the splits made afterwards.
    "pairs.exclude" => |engine, p| engine.exclude(&p), ExcludePairs => Excluded;
    /// Takes exclusions back.
    "pairs.include" => |engine, p| engine.include(&p), IncludePairs => Excluded;
    /// All that is excluded, with the reasons.
    "pairs.excluded" => |engine, _| engine.excluded(), Nothing => Excluded;
    /// Pairs of each subreddit, the largest first.
    "pairs.subreddits" => |engine, _| engine.pair_subreddits(), Nothing => Vec<(String, u64)>;
    /// How many replies each upvote bin would have.
    "labels" => |engine, p| engine.labels(p.edges), ByEdges => Labels;
    /// All splits with their sides and last audits.
    "splits" => |engine, _| engine.splits(), Nothing => Vec<SplitInfo>;
    /// All that was trained on a text that was deleted since, or made with something that was.
    "deleted.content" => |engine, _| engine.deleted_content(), Nothing => Vec<DeletedContent>;
    /// What is made to train a run again without what was deleted since, in order.
    "run.again" => |engine, p| engine.train_again_plan(&p.name), Named => Vec<AgainStep>;
    /// All bases.
    "bases" => |engine, _| engine.bases(), Nothing => Vec<BaseInfo>;
    /// What a base from scratch would be, with the tokenizer that it will have.
    "base.estimate" => |engine, p| engine.base_estimate(&p), BaseNew => BaseEstimate;
    /// What a run would take: examples, parameters, memory, steps, time.
    "run.estimate" => |engine, p| engine.train_estimate(&p.config), WithConfig => RunFacts;
    /// A run's settings as TOML with their words, as the job "train" takes them.
    "run.toml" => |_, p| Ok(ConfigText { toml: p.config.to_toml()? }), WithConfig => ConfigText;
    /// Reads settings from TOML.
    "run.read" => |_, p| RunConfig::from_toml(&p.toml), ConfigText => RunConfig;
    /// All runs, without their samples.
    "runs" => |engine, _| engine.runs(), Nothing => Vec<RunInfo>;
    /// One run with what it wrote while it was trained.
    "run.get" => |engine, p| engine.run_show(&p.name), Named => RunInfo;
    /// The course of one of a run's figures: step and value.
    "run.figure" => |engine, p| engine.run_figure(&p.run, &p.figure), RunFigure => Vec<(u64, Option<f64>)>;
    /// In which settings runs differ.
    "run.differences" => |engine, p| engine.run_differences(&p.runs), SeveralRuns => Vec<Difference>;
    /// All checkpoints: what was trained from what, and how large they are.
    "checkpoints" => |engine, _| engine.checkpoints(), Nothing => Vec<CheckpointInfo>;
    /// All sets of fakes.
    "fakes" => |engine, _| engine.fake_sets(), Nothing => Vec<FakesInfo>;
    /// Some fakes beside the real replies.
    "fakes.rows" => |engine, p| engine.fakes_show(&p.name, p.limit), FakesPage => Vec<FakeShown>;
    /// All evaluations.
    "evaluations" => |engine, _| engine.evaluations(), Nothing => Vec<EvaluationInfo>;
    /// One evaluation.
    "evaluation.get" => |engine, p| engine.evaluation(p.id), Numbered => EvaluationInfo;
    /// An evaluation's figures at another threshold, and the point of its curves there.
    "evaluation.at" => |engine, p| engine.evaluation_at(p.id, p.threshold), AtThreshold => Judged;
    /// The examples that an evaluation got most right or most wrong.
    "evaluation.examples" => |engine, p| engine.evaluation_examples(p.id, p.best, p.threshold, p.limit), MarkedPage => Vec<MarkedExample>;
    /// Draws a chart.
    "chart" => |engine, p| engine.chart_at(p.kind, &p.of, p.threshold), DrawChart => Picture;
    /// Draws a chart into files, and gives what was written.
    "chart.save" => |engine, p| {
        let chart = p.chart;
        engine.chart_files_at(chart.kind, &chart.of, chart.threshold, &all_typed(&p.files)?).map(shown)
    }, SaveChart => Vec<String>;
    /// All generations, the latest first.
    "generations" => |engine, _| engine.generations(), Nothing => Vec<GenerationInfo>;
    /// One generation with its candidates.
    "generation.get" => |engine, p| engine.generation(p.id), Numbered => Generated;
    /// A generation's candidates judged by other criteria; nothing is stored.
    "generation.pick" => |engine, p| engine.generation_pick(p.id, &p.criteria), PickAgain => Generated;
    /// Puts one candidate into the queue as a draft, whatever the criteria said; gives the reply.
    "candidate.queue" => |engine, p| engine.candidate_queue(p.id, &p.who), JudgeReply => ReplyInfo;
    /// Replies of the queue.
    "queue" => |engine, p| engine.queue(p.state.as_deref()), OfState => Vec<ReplyInfo>;
    /// One reply with what it answers and what was done to it.
    "reply.get" => |engine, p| engine.reply(p.id), Numbered => ReplyStory;
    /// Changes a reply's text; what was approved is a draft again.
    "reply.edit" => |engine, p| engine.reply_edit(p.id, &p.text, &p.who), EditReply => ReplyInfo;
    /// Approves one reply as it was shown.
    "reply.approve" => |engine, p| engine.reply_approve(p.id, &p.seen, &p.who), ApproveReply => ReplyInfo;
    /// Rejects one reply.
    "reply.reject" => |engine, p| engine.reply_reject(p.id, &p.who, &p.why), JudgeReply => ReplyInfo;
    /// Makes a rejected reply a draft again.
    "reply.redraft" => |engine, p| engine.reply_redraft(p.id, &p.who, &p.why), JudgeReply => ReplyInfo;
    /// Notes that a person posted an approved reply by hand.
    "reply.posted" => |engine, p| engine.reply_posted_by_hand(p.id, &p.link, &p.seen, &p.who), PostedReply => ReplyInfo;
    /// Gives a source, split, base, run, set of fakes, evaluation or generation another name.
    "item.rename" => |engine, p| engine.item_rename(&p), RenameItem => ItemInfo;
    /// Sets an item's note, and adds and removes tags.
    "item.label" => |engine, p| engine.item_label(&p), LabelItem => ItemInfo;
    /// What deleting an item takes with it.
    "item.dependents" => |engine, p| engine.dependents(&p), ItemRef => Dependents;
    /// All jobs, the newest first.
    "jobs" => |engine, _| engine.jobs(), Nothing => Vec<JobInfo>;
    /// One job.
    "job.get" => |engine, p| engine.job(&p.job), OfJob => JobInfo;
    /// What a job has logged.
    "job.log" => |engine, p| engine.job_log(&p.job), OfJob => Vec<JobLine>;
    /// Asks a job to rest; whichever process runs it.
    "job.pause" => |engine, p| engine.pause(&p.job), OfJob => JobInfo;
    /// Asks a job to end.
    "job.cancel" => |engine, p| engine.cancel(&p.job), OfJob => JobInfo;
    /// Asks a training to end with what it has learned; any other job to end, and keep what it has stored.
    "job.stop" => |engine, p| engine.stop(&p.job), OfJob => JobInfo;
    /// Asks a training to end, and removes the weights that it saved.
    "job.discard" => |engine, p| engine.discard(&p.job), OfJob => JobInfo;
    /// The queue of jobs, in order.
    "job.waiting" => |engine, _| engine.job_queue(), Nothing => JobQueue;
    /// Moves a queued job, and gives the queue.
    "job.move" => |engine, p| engine.job_move(&p.job, &p.to), MoveJob => JobQueue;
    /// Says whether the failure of a job in the queue holds the queue up.
    "job.stops-queue" => |engine, p| engine.job_stops_queue(&p.job, p.stops), StopsQueue => JobInfo;
    /// Writes pairs to a file; gives how many.
    "export.pairs" => |engine, p| engine.pairs_export(&typed(&p.path)?, p.split.as_deref(), p.partition), ExportPairs => u64;
    /// Writes the predictions of an evaluation to a file; gives how many.
    "export.predictions" => |engine, p| engine.predictions_export(&p.evaluation.to_string(), &typed(&p.path)?), ExportPredictions => u64;
    /// Writes a run's checkpoint as a folder in Hugging Face layout.
    "export.run" => |engine, p| engine.run_export(&p.name, &typed(&p.path)?, p.checkpoint.as_deref()), ExportModel => PathBuf;
    /// Writes a base as a folder in Hugging Face layout.
    "export.base" => |engine, p| engine.base_export(&p.name, &typed(&p.path)?), ExportModel => PathBuf;
    /// Writes the queue to a file; gives how many replies.
    "export.queue" => |engine, p| engine.queue_export(&typed(&p.path)?, p.state.as_deref()), ExportQueue => usize;
    /// Verifies the whole project file.
    "check" => |engine, _| engine.check(&|_| {}), Nothing => Checked;
    /// Gives the room of deleted things back to the disk.
    "compact" => |engine, _| engine.compact(), Nothing => Compacted;
    /// What takes the room.
    "size" => |engine, _| engine.size(), Nothing => Size;
});
