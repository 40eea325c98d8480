// Written by `cargo run -p repartee-engine --example typescript`; a test fails when it is stale.

/**
 * What Reddit reported about an account, and when.
 */
export type AccountFacts = {
  /** Last check, milliseconds since 1970; none: never. */
  checked_ms: number | null, login_ms: number | null,
  /** What the login allows, separated by blanks. */
  scope: string,
  /** Reddit has suspended it. */
  suspended: boolean,
  /** Of posts and comments. */
  karma: number | null,
  /** Seconds since 1970. */
  created_utc: number | null,
  /** Its e-mail address is verified. */
  verified: boolean,
  /** How many of its last hundred comments this project did not post: a bot's account does nothing else. */
  strangers: number, };

/**
 * An account for display.
 */
export type AccountInfo = {
  /** Without `u/`. */
  name: string, client_id: string,
  /** script, installed or web. */
  app: string,
  /** The user's own account, which the footer names. */
  operator: string,
  /** A server other than Reddit; empty: Reddit. */
  host: string,
  /** The port at which a login in the browser ends. */
  port: number,
  /** Reddit's approval of this use; empty: not recorded, and nothing is posted. */
  approval: string,
  /** Who confirmed that Reddit labels it as an app; empty: nobody, and nothing is posted. */
  labelled_by: string, facts: AccountFacts,
  /** Nothing is posted before this, milliseconds since 1970; 0: no pause. */
  pause_ms: number,
  /** Why nothing is posted until the user checks; empty: not disabled. */
  stopped: string,
  /** What it still needs before it can post; empty: nothing. */
  missing: Array<string>,
  /** Why its record must be confirmed, to follow "it was"; empty: no need. */
  unconfirmed: string,
  /** The hash of its record, to confirm it by. */
  seen: string, };

/**
 * A step of retraining a run without deleted content.
 */
export type AgainStep = {
  /** base, run or fakes. */
  kind: string, old: string, new: string, };

/**
 * A comment with its candidates.
 */
export type Answered = {
  /** Number of the thread in the project. */
  thread: number, comment: string, candidates: Array<CandidateInfo>, };

/**
 * Events that windows receive.
 */
export type AppEvent = { "event": "changed", families: Array<Family>, } | { "event": "job", job: string, signal: Signal, } | { "event": "ended", job: string, kind: string, state: JobStatus, error: EngineError | null, } | { "event": "settings", settings: Settings, } | { "event": "models", loaded: LoadedModels | null, };

/**
 * What every window shows before a project is open.
 */
export type AppInfo = { version: string,
  /** linux, macos or windows. */
  platform: string, cores: number,
  /** Devices of this build: auto, cpu, and cuda or metal if compiled in. */
  devices: Array<string>,
  /** Default folder for new projects. */
  folder: string, settings: Settings,
  /** The latest first. */
  recent: Array<RecentShown>,
  /** The project of the calling window. */
  project: ProjectInfo | null, };

/**
 * An approval of a reply as it was shown.
 */
export type ApproveReply = { id: number,
  /** The hash that came with the reply that was shown. */
  seen: string, who: string, };

/**
 * An import that is about to start.
 */
export type AskImport = { import: Import, };

/**
 * A file or folder.
 */
export type At = {
  /** `~` is the home folder. */
  path: string, };

/**
 * An evaluation at a threshold.
 */
export type AtThreshold = {
  /** Number of the evaluation. */
  id: number,
  /** Class 1 is predicted from this probability on. */
  threshold: number, };

/**
 * An attempt to post a reply.
 */
export type AttemptInfo = {
  /** From 1. */
  number: number,
  /** Milliseconds since 1970. */
  started_ms: number,
  /** None: unknown. */
  ended_ms: number | null, status: number | null,
  /** 1 not sent, 2 refused for now, 3 rejected, 4 posted, 5 uncertain. */
  class: number | null,
  /** The beginning of the answer. */
  excerpt: string,
  /** Completed checks: when, where (own comments, or answers to the parent), and the result. */
  looks: Array<[number, string, string]>, };

/**
 * The result of an audit. It checks every thread, every pair and every text of any length; texts are equal if their
 * words are, whatever their case, punctuation and spaces. Long ones are also compared by an exact join.
 */
export type Audit = { name: string,
  /** Whether every pair is in a known partition, and no text in two. */
  clean: boolean, pairs: number,
  /** Pairs whose stored partition is none of the three: they cannot be compared. */
  unknown_partitions: number,
  /** Texts compared: comments and replies. */
  texts: number,
  /** Number of different ones. */
  different_texts: number,
  /** What counted as a near-duplicate. */
  near: Near,
  /** Threads in more than one partition. */
  torn_threads: number,
  /** Posts in two partitions under two ids: mostly of two sources. */
  torn_posts: number,
  /** Pairs with equal comment and equal reply in two partitions. */
  equal_pairs: number,
  /** Equal texts in two partitions. */
  equal_texts: number,
  /** Near-duplicate texts in two partitions. */
  near_duplicates: number,
  /** The only exemption: deleted texts, which no model sees. */
  deleted_texts: number,
  /** Pairs that the split left out when it was made. */
  left_out: Array<LeftOutPairs>,
  /** The first leaks of each kind. */
  examples: Array<string>,
  /** Milliseconds since 1970. */
  at_ms: number, };

/**
 * Audits an evaluation of a realism model for shortcuts. A job: `shortcuts`.
 */
export type AuditEvaluation = {
  /** Number of the evaluation. */
  evaluation: number,
  /** Maximum number of examples that the model is measured on again, sampled by the seed; 0: all. */
  examples: number,
  /** Batch size. */
  batch: number, seed: number,
  /** auto, cpu, cuda or metal. */
  device: string, };

/**
 * An action of the user or the program.
 */
export type AuditLine = {
  /** Milliseconds since 1970. */
  at_ms: number,
  /** The user, or `repartee` by itself. */
  who: string,
  /** approved, sending, posted, allowed, purged, ... */
  what: string,
  /** What it concerns: `u/...`, `r/...`, `t1_...`; may be empty. */
  subject: string, reply: number | null,
  /** blake3 of the text that was approved or sent; empty if there is none. */
  hash: string, detail: string, };

/**
 * A part of the audit log.
 */
export type AuditPage = {
  /** Only entries about this reply. */
  reply: number | null,
  /** Maximum number of entries, the newest first. */
  limit: number, };

/**
 * Audits a split. A job: `audit`.
 */
export type AuditSplit = { name: string, };

/**
 * A linear axis; `from` is at the left or lower edge of the plot, `to` at the other.
 */
export type Axis = {
  /** Quantity and unit. */
  title: string,
  /** Value at the left or lower edge. */
  from: number,
  /** Value at the right or upper edge. */
  to: number,
  /** Values and their labels. */
  ticks: Array<[number, string]>, };

/**
 * A value of the project that cannot be read or is impossible.
 */
export type BadValue = { table: string,
  /** Key of its row. */
  row: string, column: string, what: string, advice: string,
  /** Whether `repartee check --repair` fixes it. */
  repairable: boolean, };

/**
 * Imports a pretrained model into the project.
 */
export type BaseAdd = { name: string,
  /** A folder in Hugging Face layout, or a hub id, optionally with `@revision`. */
  from: string, };

/**
 * The size of a base made from scratch.
 */
export type BaseEstimate = { parameters: number,
  /** Size of the weights in bytes. */
  bytes: number,
  /** Vocabulary size of its tokenizer. */
  vocabulary: number,
  /** There is nothing to train a tokenizer on yet, so all three are upper bounds. */
  at_most: boolean, };

/**
 * A base in a list.
 */
export type BaseInfo = { name: string, kind: BaseKind,
  /** The folder, the hub id with its revision, or "from scratch". */
  origin: string,
  /** Trainable parameters. */
  parameters: number,
  /** Bytes in the project; some may be shared with other models. */
  bytes: number, layers: number, width: number,
  /** Maximum input length in tokens. */
  context: number, vocabulary: number,
  /** Tensors of the checkpoint that the model does not use. */
  unused?: Array<string>, label: Label,
  /** Milliseconds since 1970. */
  created_ms: number,
  /** Its tokenizer was trained on a text deleted since, or the base came marked as trained on deleted content. */
  deleted_content: boolean, };

/**
 * Architecture of a base.
 */
export type BaseKind = "gpt2" | "bert";

/**
 * Makes a small model from scratch, with a tokenizer of its own.
 */
export type BaseNew = { name: string, kind: BaseKind, layers: number,
  /** Hidden size; a multiple of `heads`. */
  width: number,
  /** Attention heads per block. */
  heads: number,
  /** Maximum input length in tokens. */
  context: number,
  /** Maximum vocabulary size of the tokenizer. */
  vocab: number,
  /** A folder with a tokenizer to use instead of training one. */
  tokenizer: string | null,
  /** The split whose training set the tokenizer is trained on; none: all pairs that are not excluded. */
  split: string | null,
  /** Seed of the initial weights. */
  seed: number, };

/**
 * What a trivial model reaches on the same examples.
 */
export type Baseline = {
  /** unigram, majority class, chance or prior. */
  name: string,
  /** Value of the same figure, on the same examples. */
  value: number, };

/**
 * Three strictly increasing edges over a reply's score. Bin 0 is below the first edge, bin 3 from the last edge up: a
 * score's bin is the number of edges that it reaches.
 */
export type BinEdges = [number, number, number];

/**
 * Joins all comments to their replies. A job: `pairs`. Running it again with another recipe adds and removes pairs,
 * except those that a split contains.
 */
export type BuildPairs = {
  /** Which comments and replies are dropped. */
  recipe: Recipe,
  /** Skips the search index: the pairs cannot be searched then. */
  no_search: boolean, };

/**
 * Counts labels by edges.
 */
export type ByEdges = {
  /** The three edges; none: the quartiles. */
  edges: [number, number, number] | null, };

export type ByPerson = { who: string, };

/**
 * The figures after temperature scaling, which was fitted on other examples than it is measured on.
 */
export type Calibrated = {
  /** Divides the logits: above 1, the model is too sure. */
  temperature: number,
  /** Number of examples of the validation set that it was fitted on. */
  fitted_on: number, log_loss: number | null, brier: number | null, calibration_error: number | null, };

/**
 * A candidate with its scores and verdict.
 */
export type CandidateInfo = {
  /** Number in the project. */
  id: number,
  /** Index among the candidates of its comment. */
  n: number, text: string,
  /** end, or length if it was cut. */
  finish_reason: FinishReason, p_real: number | null,
  /** Probability of each upvote bin. */
  bins: [number, number, number, number] | null,
  /** `p1 + 2 p2 + 3 p3`. */
  expected_bin: number | null, picked: boolean,
  /** Why it was selected or not. */
  reason: string,
  /** The reply in the queue that was made from it. */
  reply: number | null,
  /** What is wrong with it: an echo, a copy, a repetition. */
  flags: Array<FlagInfo>, };

/**
 * What can be drawn.
 */
export type ChartKind = "roc" | "pr" | "confusion" | "calibration" | "scores" | "loss" | "lr" | "throughput";

/**
 * The result of checking the project file.
 */
export type Checked = {
  /** Whether nothing was found. */
  whole: boolean,
  /** Foreign objects in the file's schema: it may be untrusted. */
  schema: Array<string>,
  /** Output of SQLite's integrity check. */
  integrity: Array<string>,
  /** Rows that refer to missing rows. */
  references: Array<string>,
  /** Stored tensors and files whose bytes differ from their hash. */
  blobs: Array<string>,
  /** Errors in the search index of pairs. */
  search: Array<string>,
  /** Values that cannot be read or are impossible: invalid UTF-8 or JSON, unknown words, a probability of 7.5. */
  rows: Array<BadValue>,
  /** Number of blobs compared with their hash. */
  blobs_checked: number,
  /** Their size in bytes. */
  bytes_checked: number, };

/**
 * A checkpoint in a list.
 */
export type CheckpointInfo = { run: string,
  /** generator, realism or upvotes. */
  kind: ModelKind, base: string,
  /** The split it was trained on. */
  split: string, role: Role,
  /** Optimizer steps done. */
  step: number,
  /** Size of its weights; some may be shared with other checkpoints. */
  bytes: number,
  /** Milliseconds since 1970. */
  created_ms: number, };

/**
 * A precision, and why it was chosen.
 */
export type Chosen = { precision: Precision, reason: string, };

/**
 * One class against the rest: the counts at its thresholds, from which its ROC and precision-recall curves follow.
 */
export type ClassCurve = {
  /** Index of the class. */
  class: number,
  /** "real", "bin 2". */
  name: string,
  /** Number of examples of this class. */
  positives: number,
  /** Number of examples of the other classes. */
  negatives: number,
  /** Examples with at least this probability are predicted as this class; falling, in as few decimal places as tell two probabilities apart. None at the first: no example is. */
  thresholds: Array<number | null>,
  /** Of this class, predicted as this one, at each threshold. */
  tp: Array<number>,
  /** Of another class, predicted as this one, at each threshold. */
  fp: Array<number>,
  /** Number of distinct probabilities. With more than 1,000, some thresholds are omitted; the others are exact. */
  distinct: number, };

/**
 * One class against the rest.
 */
export type ClassFigures = {
  /** "real", "bin 2". */
  name: string,
  /** Number of examples of it. */
  examples: number,
  /** Of this class, predicted as this one. */
  tp: number,
  /** Of another class, predicted as this one. */
  fp: number,
  /** Of another class, predicted as another. */
  tn: number,
  /** Of this class, predicted as another. */
  fn: number,
  /** tp / (tp + fp). */
  precision: number | null,
  /** tp / (tp + fn). */
  recall: number | null,
  /** Harmonic mean of the two. */
  f1: number | null,
  /** Area under its ROC curve. */
  auc: number | null,
  /** 95% interval of the AUC. */
  auc_interval: Interval | null, average_precision: number | null, };

/**
 * Class weights in a classifier's loss.
 */
export type ClassWeights = "none" | "balanced";

/**
 * Baselines on the same examples: without learning, or without word order.
 */
export type ClassifierBaseline = {
  /** Always predicting the most frequent class of the evaluated examples. */
  majority_accuracy: number | null,
  /** Predicting the class shares of the evaluated examples as probabilities, for every example. */
  prior_log_loss: number | null,
  /** Brier score of the same probabilities. */
  prior_brier: number | null,
  /** Average precision of a constant score: the share of class 1 (two classes), or the mean share. */
  prior_average_precision: number | null,
  /** Micro-averaged AUC of the class shares as probabilities; more than two classes only. It is above 0.5 unless all classes are equally frequent. */
  prior_micro_auc: number | null,
  /** AUC (macro-average for more than two classes) of naive Bayes over the words of comment and reply. */
  unigram_auc: number | null, unigram_accuracy: number | null, };

/**
 * Metrics of a classifier; `None` if undefined (a class is missing).
 */
export type ClassifierFigures = { examples: number,
  /** Decision threshold on the probability of class 1; with more than two classes none: the most probable class is predicted. */
  threshold: number | null,
  /** Area under the ROC curve of class 1 (two classes), or the macro-average. */
  auc: number | null,
  /** The classes in this average, by name: those that occur among the examples. Empty for two classes. */
  auc_over: Array<string>,
  /** Micro-average: area under the ROC curve of all decisions pooled, of the classes that occur; more than two classes only. */
  micro_auc: number | null,
  /** Mean of the classes' AUCs, weighted by their examples; more than two classes only. */
  weighted_auc: number | null,
  /** Share of correct predictions. */
  accuracy: number | null,
  /** F1 of class 1 (two classes), or the mean over the classes that occur in labels or predictions. */
  f1: number | null,
  /** As F1; with more than two classes 0 for a class that is never predicted. */
  precision: number | null,
  /** As F1; with more than two classes 0 for a class that is only predicted. */
  recall: number | null,
  /** Matthews correlation coefficient. */
  matthews: number | null,
  /** Mean -ln p(truth) in nats. */
  log_loss: number | null,
  /** Average precision of class 1 (two classes), or the mean over the classes. */
  average_precision: number | null,
  /** Average precision of the same decisions; more than two classes only. */
  micro_average_precision: number | null,
  /** Mean of the classes' average precisions, weighted by their examples; more than two classes only. */
  weighted_average_precision: number | null,
  /** Brier score: mean squared error of p(class 1) for two classes (0 to 1); for more, summed over the classes (0 to 2). */
  brier: number | null,
  /** Expected calibration error over ten bins of p(class 1) for two classes; for more, of the most probable class. */
  calibration_error: number | null,
  /** Quadratic weighted kappa; more than two classes only. */
  quadratic_kappa: number | null,
  /** Rank correlation between the expected and the true bin; more than two classes only. */
  spearman: number | null,
  /** Kendall's tau-b of the same two; more than two classes only. */
  kendall_tau: number | null,
  /** Mean distance between the expected and the true bin, in bins; more than two classes only. */
  mean_absolute_error: number | null,
  /** Each class against the rest. */
  classes: Array<ClassFigures>,
  /** `confusion[truth][called]`. */
  confusion: Array<Array<number>>, baseline: ClassifierBaseline,
  /** None with too few threads, and in evaluations of earlier versions. */
  confidence: Confidence | null,
  /** On the test set, if the same checkpoint was evaluated on the validation set before. */
  calibrated: Calibrated | null,
  /** Of a realism evaluation, once it was audited for shortcuts. */
  audit?: ShortcutAudit, };

/**
 * Kind of error. Callers branch on this, never on the text.
 */
export type Code = "usage" | "not-found" | "exists" | "bad-input" | "not-a-project" | "newer-project" | "foreign-project" | "busy" | "disk-full" | "damaged" | "unreadable" | "model" | "io" | "negative" | "login" | "refused" | "copied" | "changed" | "permission" | "internal";

/**
 * The result of compacting.
 */
export type Compacted = {
  /** Bytes of the file and its write-ahead log before. */
  before: number, after: number,
  /** Bytes of tensors that were no longer used. */
  collected: number, };

/**
 * A figure of an evaluation with its baselines.
 */
export type Compared = {
  /** auc, micro_auc, average_precision, accuracy, f1, log_loss, brier, calibration_error, ... */
  figure: string,
  /** Display name. */
  name: string,
  /** None if undefined. */
  value: number | null,
  /** 95% interval of the value; none without enough threads, and for evaluations of earlier versions. */
  interval: Interval | null,
  /** Whether less is better. */
  lower_is_better: boolean,
  /** Empty if there are none. */
  baselines: Array<Baseline>,
  /** Whether it beats all of them; none if there is nothing to compare. */
  beats: boolean | null,
  /** As `beats`; none also if its interval contains a baseline that it beats, so that it may not be better. */
  better: boolean | null,
  /** The baseline that it fails to beat ("worse than the majority class, 0.553"); empty: none. */
  worse: string, };

/**
 * An evaluation of a comparison.
 */
export type ComparedEvaluation = { id: number,
  /** Empty: it is called by its number. */
  name: string, run: string, checkpoint: Role,
  /** Training steps of the checkpoint. */
  step: number, split: string, partition: Partition,
  /** The set of fakes, for a realism model. */
  fakes: string | null,
  /** Number of its examples, also those that the others lack. */
  examples: number,
  /** Measured on a text deleted since, or of a model that was trained on one. */
  deleted_content: boolean, };

/**
 * A figure of all evaluations of a comparison.
 */
export type ComparedFigure = {
  /** auc, accuracy, log_loss, ... */
  figure: string,
  /** Display name. */
  name: string,
  /** Whether less is better. */
  lower_is_better: boolean,
  /** Of each evaluation. */
  values: Array<FigureValue>,
  /** Of each evaluation but the first. */
  differences: Array<FigureDifference>, };

/**
 * Evaluations compared on the same examples.
 */
export type Comparison = {
  /** The first is what the others are compared with. */
  evaluations: Array<ComparedEvaluation>,
  /** Number of examples that all of them have: every figure is of these. */
  examples: number,
  /** Number of their threads; none if one is not known any more: then there are no intervals and p values. */
  threads: number | null,
  /** Number of bootstrap resamples. */
  resamples: number,
  /** Number of permutations of the tests. */
  permutations: number,
  /** Seed of resamples and permutations. */
  seed: number,
  /** The most informative first. */
  figures: Array<ComparedFigure>,
  /** The settings in which their runs differ. */
  settings: Array<Difference>, };

/**
 * 95% intervals of the figures of an evaluation.
 */
export type Confidence = {
  /** Number of threads of the evaluated examples: only threads are independent of each other. */
  threads: number,
  /** Number of bootstrap resamples. */
  resamples: number,
  /** Seed of the resamples. */
  seed: number,
  /** By the name of the figure, as in `compared`; without those that are undefined or have no variance. */
  intervals: { [key in string]: Interval }, };

/**
 * The trials of a sweep that differ only in their seed.
 */
export type ConfigurationInfo = {
  /** The swept settings with their values. */
  settings: Array<[string, string]>,
  /** Number of trials. */
  trials: number,
  /** How many of these ended without being pruned; the means are of them. */
  complete: number,
  /** Lowest validation loss. */
  loss: Spread | null,
  /** The metric on the validation set. */
  value: Spread | null,
  /** Whether its mean loss is the lowest of the configurations whose trials are all complete. */
  best: boolean, };

/**
 * A record to confirm on this machine.
 */
export type ConfirmRecord = { record: RecordKind,
  /** Name of the account or subreddit. */
  name: string,
  /** The hash that came with the record that was shown. */
  seen: string, who: string, };

/**
 * Selection criteria. The defaults are those of the original bot.
 */
export type Criteria = {
  /** p(real) must be above this; requires a realism model. None: [`MIN_P_REAL`] if one scores. */
  min_p_real: number | null,
  /** Maximum length in characters. */
  max_chars: number,
  /** Maximum number of picks per thread. */
  per_thread: number,
  /** Whether an echo of the comment, a copy of a training reply, or a repetition may be selected. */
  keep_flagged: boolean, };

/**
 * Decay of the learning rate after warm-up.
 */
export type Decay = "linear" | "cosine" | "constant";

export type Decision = "granted" | "refused" | "pending" | "withdrawn" | "not_required" | "none";

/**
 * A realism model on one set of fakes.
 */
export type DecodingFigures = {
  /** The set of fakes. */
  fakes: string,
  /** Whether the model was trained on this set. */
  trained_on: boolean, generator: string,
  /** Training steps of the generator's checkpoint. */
  step: number,
  /** Decoding settings of the fakes. */
  sampling: SamplingParams,
  /** At which they were generated. */
  precision: Precision,
  /** Number of scored fakes. */
  examples: number,
  /** Number of threads of fakes and real replies; none if one is not known any more. */
  threads: number | null, auc: number | null,
  /** 95% interval of the AUC; none with fewer than ten threads. */
  interval: Interval | null, };

/**
 * A realism model on the fakes of each decoding setting.
 */
export type DecodingMeasured = { run: string, checkpoint: Role,
  /** Training steps of the checkpoint. */
  step: number, split: string,
  /** cpu, cuda or metal. */
  device: string,
  /** At which the model computed. */
  precision: Precision,
  /** Number of real replies, which are the same for every set. */
  real: number,
  /** By temperature, then by top-k. */
  sets: Array<DecodingFigures>,
  /** Sets and examples that could not be measured. */
  left_out: LeftOut, };

/**
 * Removes the rows of deleted items and frees their disk space. A job: `delete`. The items are already marked
 * ([`Engine::item_delete`]), so a killed job resumes with what is left.
 */
export type Delete = Record<symbol, never>;

/**
 * Which item to delete.
 */
export type DeleteItem = { kind: ItemKind,
  /** Name or number. */
  item: string,
  /** Whether its dependents are deleted too; otherwise nothing is deleted if there are any. */
  with_dependents: boolean,
  /** [`Dependents::seen`] as it was shown: if it has changed since, nothing is deleted. None: no check. */
  seen: string | null, who: string, };

/**
 * Something that was trained on a text deleted since, or made from something that was.
 */
export type DeletedContent = {
  /** base, run, fakes, evaluation or generation. */
  kind: string,
  /** Name, or number. */
  name: string,
  /** Deleted pairs that it was trained on itself. */
  pairs: number,
  /** What it was made from that is marked: base, run or fakes; empty: it was trained on the text itself. */
  via: string,
  /** Why the text is gone: deleted, removed, absent or asked. */
  why: string,
  /** Time of the last deletion that affects it, milliseconds since 1970. */
  last_ms: number,
  /** The command that retrains it without; empty: it is retrained with what it was made from. */
  command: string, };

/**
 * Runs the full pipeline in an empty project. A job: `demo`. Each step is a job of its own.
 */
export type Demo = {
  /** Synthetic threads, about 16 comments each. */
  threads: number,
  /** Scale of the training steps and of the numbers of fakes: 1 for the real demo, less for tests. */
  scale: number, seed: number,
  /** auto, cpu, cuda or metal. */
  device: string, };

/**
 * The result of the demo.
 */
export type DemoReport = { project: string, split: SplitInfo, fakes: FakesInfo,
  /** The three models, evaluated on the test set. */
  evaluations: Array<EvaluationInfo>,
  /** The replies generated to unseen comments. */
  generated: Generated,
  /** What was fetched from the Reddit sandbox, and drafted for it; nothing was posted. */
  drafted: Drafted,
  /** Paths of the charts. */
  charts: Array<string>,
  /** The duration of each step: name and seconds. */
  seconds: Array<[string, number]>, };

/**
 * An item to be deleted.
 */
export type Dependent = { kind: ItemKind, id: number,
  /** Name or number. */
  name: string,
  /** Why it is deleted: "trained on split main"; empty for the item itself. */
  why: string,
  /** Steps from the item: 0 for the item itself. */
  depth: number,
  /** Number of rows it holds. */
  rows: number,
  /** What these are: pairs, checkpoints, fakes, ... */
  unit: string,
  /** Bytes of weights that nothing else uses. */
  bytes: number, };

/**
 * What deleting an item also deletes.
 */
export type Dependents = {
  /** The item itself first, then what depends on it, each below what it depends on. */
  items: Array<Dependent>,
  /** Replies of the queue that are deleted too. */
  replies: number,
  /** How many of these are approved. */
  approved: number,
  /** Replies that were or may have been sent: they stay, with their candidates. */
  kept: number,
  /** A hash over all of this, to detect changes. */
  seen: string, };

/**
 * A setting in which runs differ.
 */
export type Difference = { setting: string,
  /** Its value in each run, in the requested order. */
  values: Array<string>, };

export type Doctor = {
  /** In display order. */
  findings: Array<Finding>, };

/**
 * A reply being generated.
 */
export type Draft = {
  /** Index of the comment it answers, from 0. */
  comment: number,
  /** Index among the replies to that comment, from 0. */
  n: number, text: string,
  /** end, or length if it was cut; none while it is being generated. */
  finish_reason: FinishReason | null, };

/**
 * Drafts replies to the comments of threads. A job: `draft`. Its steps are jobs of their own.
 */
export type DraftReplies = {
  /** Threads to fetch first; none: only stored ones. */
  fetch: Fetch | null,
  /** Stored threads, by number; empty without `fetch`: all open ones. */
  threads: Array<number>,
  /** Comments per thread to answer, the highest scores first. */
  comments: number,
  /** Whether the generator sees the title and ancestors of a comment; none: by the posting rules. */
  context: boolean | null,
  /** How replies are generated, scored and selected; its own comments are added to those of the threads. */
  generate: Generate, };

/**
 * A classifier's scores of a generated reply.
 */
export type DraftScore = {
  /** Index of the comment it answers, from 0. */
  comment: number,
  /** Index among the replies to that comment, from 0. */
  n: number,
  /** p(real); none: not scored by this classifier. */
  p_real: number | null,
  /** Probability of each upvote bin; none: not scored by this classifier. */
  bins: [number, number, number, number] | null, };

/**
 * The result of drafting.
 */
export type Drafted = {
  /** None: nothing was to be fetched. */
  fetched: Fetched | null,
  /** None: there was no comment to answer. */
  generated: Generated | null,
  /** Threads that could not be read. */
  left_out: LeftOut, };

export type DrawChart = { kind: ChartKind,
  /** Runs (their latest evaluation on the test set, or their curves) or numbers of evaluations. */
  of: Array<string>,
  /** Decision threshold, if not the evaluation's own. */
  threshold: number | null, };

/**
 * An edit of a reply's text.
 */
export type EditReply = { id: number, text: string, who: string, };

/**
 * The end of a permission.
 */
export type EndStudy = { kind: StudyKind,
  /** May be empty. */
  note: string, who: string, };

/**
 * An error as front ends get it: `{code, message, detail[]}`.
 */
export type EngineError = { code: Code,
  /** What was wrong, where, and what to do, in one or two sentences. What only the command line can do comes last, as "; `repartee ...` does it": the window omits it. */
  message: string,
  /** Causes, outermost first, and further places (rows, tensors). */
  detail?: Array<string>, };

/**
 * Evaluates a checkpoint. A job: `evaluate`.
 */
export type Evaluate = { run: string,
  /** best or last; none: best. */
  checkpoint: string | null,
  /** Partition of the run's split. */
  partition: Partition,
  /** Realism: another set of fakes than the run was trained on. */
  fakes: string | null,
  /** Maximum number of examples, sampled by the seed; 0: all. */
  limit: number,
  /** Batch size. */
  batch: number,
  /** Realism: decision threshold; replies are predicted real from it on. */
  threshold: number, seed: number,
  /** auto, cpu, cuda or metal. */
  device: string,
  /** Of the model, on the CPU; f32 unless requested, so that evaluations compare. */
  precision: PrecisionChoice, };

/**
 * The result of an audit.
 */
export type EvaluationAudited = {
  /** Number of the evaluation, which has the audit from now on. */
  evaluation: number, run: string, audit: ShortcutAudit,
  /** Examples that the audit is without. */
  left_out: LeftOut, };

/**
 * Settings of an evaluation; stored with it as JSON.
 */
export type EvaluationConfig = {
  /** generator, realism or upvotes. */
  kind: ModelKind,
  /** best, last or kept. */
  checkpoint: Role,
  /** Training steps of the checkpoint. */
  step: number,
  /** Class names; empty for a generator. */
  classes: Array<string>,
  /** Decision threshold; two classes only. */
  threshold: number | null,
  /** How the fakes were generated. */
  fakes: FakesConfig | null,
  /** Maximum number of examples; 0: all. */
  limit: number,
  /** Batch size. */
  batch: number,
  /** Sampling seed of the examples. */
  seed: number,
  /** cpu, cuda or metal. */
  device: string,
  /** At which it was measured; evaluations of earlier versions at f32. */
  precision: Precision, threads: number, version: string, };

/**
 * The curves of a classifier's evaluation.
 */
export type EvaluationCurves = {
  /** Class 1 of two, or each class against the rest; without classes that have none or all of the examples. */
  classes: Array<ClassCurve>,
  /** 95% band of the ROC curve of two classes: false positive rate, lowest and highest true positive rate. Empty without intervals. */
  band: Array<[number, number, number]>, };

/**
 * An evaluation in a list or by itself.
 */
export type EvaluationInfo = { id: number,
  /** Empty: it is called by its number. */
  name: string, label: Label, run: string, split: string, partition: Partition,
  /** The set of fakes, for a realism model. */
  fakes: string | null, config: EvaluationConfig, figures: Figures,
  /** Each figure with its baselines, the most informative first. */
  compared: Array<Compared>,
  /** Milliseconds since 1970. */
  created_ms: number,
  /** Measured on a text deleted since, or of a model that was trained on one. */
  deleted_content: boolean,
  /** Examples that the job left out: the figures are without them. */
  left_out: LeftOut,
  /** The notice of the study: what is missing or expired now. */
  notice?: string, };

/**
 * An entry of a reply's history.
 */
export type EventInfo = {
  /** Milliseconds since 1970. */
  at_ms: number, who: string,
  /** drafted, edited, approved, posted or rejected. */
  what: string,
  /** The text before an edit, or the user's reason. */
  detail: string, };

/**
 * What to exclude, and why.
 */
export type ExcludePairs = {
  /** By number. */
  pairs: Array<string>,
  /** Every pair whose comment or reply is theirs. */
  authors: Array<string>,
  /** Shown wherever the pair is. */
  reason: string, };

/**
 * All exclusions.
 */
export type Excluded = {
  /** Single pairs, the latest first. */
  pairs: Array<ExcludedPair>, authors: Array<ExcludedAuthor>, };

/**
 * An author whose pairs are excluded.
 */
export type ExcludedAuthor = {
  /** Without u/. */
  name: string, reason: string,
  /** Milliseconds since 1970. */
  at_ms: number,
  /** Pairs whose comment or reply is theirs. */
  pairs: number, };

/**
 * A pair that was itself excluded.
 */
export type ExcludedPair = {
  /** A string, since some do not fit a JavaScript number. */
  id: string, reason: string,
  /** Milliseconds since 1970. */
  at_ms: number, };

export type ExportModel = {
  /** A run or base. */
  name: string, path: string,
  /** best or last; none: best. */
  checkpoint: string | null, };

export type ExportPairs = {
  /** .jsonl or .csv. */
  path: string, split: string | null, partition: Partition | null, };

export type ExportPredictions = {
  /** Number of the evaluation. */
  evaluation: number,
  /** .jsonl or .csv. */
  path: string, };

export type ExportQueue = {
  /** .jsonl or .csv. */
  path: string, state: ReplyState | null, };

export type ExportReport = { run: string,
  /** .html; the Markdown is written next to it, as .md. */
  path: string,
  /** Number of best and of worst predictions of each evaluation to show with their texts; 0: no text. */
  examples: number, };

export type ExportThreads = {
  /** A file with one line of JSON per thread. */
  path: string,
  /** By number; empty: all. */
  threads: Array<number>, };

/**
 * A fake next to the real reply.
 */
export type FakeShown = {
  /** The partition of both. */
  partition: Partition, comment: string, real: string, fake: string,
  /** end, or length if it was cut. */
  finish_reason: FinishReason, };

/**
 * Settings of a set; stored with it as JSON.
 */
export type FakesConfig = { generator: string,
  /** The step of the checkpoint. */
  step: number,
  /** How comment and reply become one text. */
  template: Template,
  /** Decoding settings. */
  sampling: SamplingParams, replies: number,
  /** Maximum numbers of comments of train, val and test; 0: all. */
  comments: [number, number, number],
  /** cpu, cuda or metal. */
  device: string,
  /** At which they were generated; sets of earlier versions at f32. */
  precision: Precision, };

/**
 * A set of fakes in a list.
 */
export type FakesInfo = { name: string, split: string, config: FakesConfig,
  /** Number of fakes in train, val and test. */
  fakes: [number, number, number], label: Label,
  /** Milliseconds since 1970. */
  created_ms: number,
  /** By a generator that was trained on a text deleted since, or to such a text. */
  deleted_content: boolean,
  /** Comments that the job left out. */
  left_out: LeftOut, };

/**
 * A page of a set of fakes.
 */
export type FakesPage = { name: string,
  /** Maximum number. */
  limit: number, };

/**
 * What a write touches, as front ends group it.
 */
export type Family = "sources" | "pairs" | "splits" | "bases" | "runs" | "fakes" | "evaluations" | "threads" | "queue" | "outcomes" | "reddit" | "throttle" | "jobs" | "settings";

/**
 * Fetches threads. A job: `fetch`.
 */
export type Fetch = {
  /** The account for the requests; empty: the one that posts. */
  account: string,
  /** Subreddits whose rising posts are fetched; empty: the watched ones. */
  subreddits: Array<string>,
  /** These posts instead: links or names (`t3_...`). */
  posts: Array<string>,
  /** Maximum number of rising posts. */
  limit: number,
  /** Minimum score of posts. */
  min_score: number,
  /** Minimum score of comments to answer; none: no minimum. */
  min_comment_score: number | null,
  /** Maximum age of posts in hours. */
  max_age_h: number,
  /** Maximum number of calls for what the first answer omits from a tree; each returns up to 100 comments. */
  calls: number, };

export type Fetched = {
  /** In Reddit's order. */
  threads: Array<ThreadInfo>,
  /** Skipped posts: name and reason. */
  passed_over: Array<[string, string]>,
  /** Names of comments that Reddit counted and then omitted: they are gone. */
  missing: Array<string>,
  /** Comments not read because the calls were used up or one failed. */
  unread: number,
  /** How many of the skipped posts were wanted and could not be read. */
  failed: number, };

/**
 * A setting of a run, to build a form from.
 */
export type Field = {
  /** Key in the run config. */
  name: string, label: string, help: string, type: FieldType,
  /** Allowed values; empty unless it is a choice. */
  choices: Array<string>,
  /** Minimum, for a number; `None`: no limit. */
  least: number | null,
  /** Maximum, for a number; `None`: no limit. */
  most: number | null,
  /** The kinds of run that use it. */
  kinds: Array<ModelKind>,
  /** The heading that it stands under. */
  group: string,
  /** Whether it is shown first; the others are collapsed. */
  essential: boolean, };

/**
 * Type of a setting.
 */
export type FieldType = "integer" | "number" | "text" | "choice" | "base" | "split" | "fakes";

/**
 * How a figure of an evaluation differs from that of the first.
 */
export type FigureDifference = {
  /** Its value less that of the first; none if one is undefined. */
  difference: number | null,
  /** 95% interval of the difference; none without enough threads. */
  interval: Interval | null,
  /** Two-sided, by permutation: how often models that are equally good differ as much. */
  p: number | null,
  /** Whether it is better than the first; none if the interval contains 0, or without one. */
  better: boolean | null, };

/**
 * A figure of one evaluation on the examples of a comparison.
 */
export type FigureValue = {
  /** None if undefined. */
  value: number | null,
  /** 95% interval; none without enough threads. */
  interval: Interval | null, };

/**
 * The metrics of an evaluation.
 */
export type Figures = { "of": "generator" } & GeneratorFigures | { "of": "classifier" } & ClassifierFigures;

/**
 * Whether a project file is the one that was last confirmed.
 */
export type FileIs = "new" | "confirmed" | "moved" | "copied" | "replaced" | "from-elsewhere" | "other-ledger";

/**
 * A file before it is imported.
 */
export type FilePreview = { path: string, bytes: number,
  /** How it would be read; [`Format::Mapped`] needs a mapping, [`Format::Comments`] has one that can be changed. */
  format: Format,
  /** The columns of a table, or the keys of its first lines. */
  columns: Array<string>,
  /** The first rows, a cell per column. */
  rows: Array<Array<string>>,
  /** For a table: columns recognized by their names. Comment or reply may still be empty. */
  mapping: Mapping | null, };

/**
 * Rows that an import keeps; an empty or unset field keeps all.
 */
export type Filter = {
  /** Included subreddits, case-insensitive, with or without `r/`. */
  subreddits: Array<string>,
  /** Included authors, case-insensitive. */
  authors: Array<string>,
  /** Excluded authors, case-insensitive. */
  not_authors: Array<string>,
  /** Minimum score; rows without a score are kept. */
  min_score: number | null,
  /** Maximum score; rows without a score are kept. */
  max_score: number | null,
  /** Minimum number of characters (a comment's body; a post's title and text). */
  min_chars: number | null,
  /** Maximum number of characters. */
  max_chars: number | null,
  /** Earliest time, seconds since 1970; rows without a time are kept. */
  after_utc: number | null,
  /** Upper bound of the time (exclusive), seconds since 1970. */
  before_utc: number | null,
  /** Replace links, e-mail addresses, phone numbers and user names in texts by placeholders. */
  placeholders: boolean, };

/**
 * The result of one check.
 */
export type Finding = { what: string, verdict: Verdict,
  /** What was found, and what to do about it. */
  text: string, };

/**
 * Why a generated reply ended.
 */
export type FinishReason = "end" | "length";

/**
 * A flag of a candidate, as shown.
 */
export type FlagInfo = { kind: FlagKind,
  /** "14 words in a row from training pair t1_abc". */
  reason: string,
  /** The training pair whose reply it copies, as commands take it; none: it copies none. */
  pair: string | null,
  /** The copied reply; none: it copies none, or the text was deleted. */
  source: string | null, };

/**
 * What is wrong with a generated reply.
 */
export type FlagKind = "echo" | "duplicate" | "exact-copy" | "shared-run" | "near-copy" | "repetition";

/**
 * Content to purge.
 */
export type ForgetNames = {
  /** `t1_...` or `t3_...`, or links to them. */
  names: Array<string>,
  /** Who requests it. */
  who: string, };

/**
 * The format of a source's file.
 */
export type Format = "pushshift" | "bigquery" | "mapped" | "listing" | "comments" | "sample";

/**
 * Generates, scores, selects and queues. A job: `generate`.
 */
export type Generate = { comments: Array<Incoming>,
  /** Further comments, from stored threads, by number; purged ones are left out. */
  stored: Array<number>,
  /** Whether the generator sees the title and the ancestors of a stored comment. */
  context: boolean,
  /** Number of further comments from the generator's test set, sampled by the seed. */
  unseen: number,
  /** Origin of the comments: pasted or file. */
  origin: string, generator: string,
  /** The realism run for scoring; none: not scored. */
  realism: string | null,
  /** The upvotes run for scoring; none: not scored. */
  upvotes: string | null,
  /** best or last, for all three; none: best. */
  checkpoint: string | null, candidates: number,
  /** Batch size: candidates generated at once. */
  batch: number,
  /** Decoding settings. */
  sampling: SamplingParams, criteria: Criteria,
  /** Whether selected candidates are added to the queue. */
  queue: boolean,
  /** auto, cpu, cuda or metal. */
  device: string,
  /** Of all three models, on the CPU; each resolves `auto` for itself. */
  precision: PrecisionChoice, };

/**
 * The result of live generation.
 */
export type Generated = {
  /** Number in the project. */
  generation: number,
  /** In the given order. */
  comments: Array<Answered>,
  /** Replies added to the queue. */
  queued: Array<number>,
  /** Comments and candidates that were left out. */
  left_out: LeftOut,
  /** What to know about the scores, as [`GenerationConfig::notes`]. */
  notes: Array<string>, config: GenerationConfig, };

/**
 * Settings of a generation; stored with it as JSON.
 */
export type GenerationConfig = { generator: string, realism: string | null, upvotes: string | null, candidates: number,
  /** Decoding settings. */
  sampling: SamplingParams, criteria: Criteria,
  /** cpu, cuda or metal. */
  device: string,
  /** Generations of earlier versions: f32. */
  precisions: Precisions,
  /** None: not scored for realism, or by an earlier version. */
  trained_on: TrainedOn | null, };

/**
 * A generation in a list.
 */
export type GenerationInfo = { id: number,
  /** Empty: it is called by its number. */
  name: string, label: Label, config: GenerationConfig, candidates: number,
  /** Milliseconds since 1970. */
  created_ms: number, };

/**
 * Metrics of a generator over the tokens of real replies.
 */
export type GeneratorFigures = { examples: number,
  /** Number of reply tokens, including end tokens. */
  tokens: number,
  /** Mean -ln p of a token in nats. */
  loss: number | null,
  /** exp of the loss: the number of equally likely tokens that the model chooses between. */
  perplexity: number | null,
  /** Perplexity of a unigram model of the training replies. */
  unigram_perplexity: number | null,
  /** Perplexity of a uniform distribution: the size of the vocabulary. */
  chance_perplexity: number,
  /** None with too few threads, and in evaluations of earlier versions. */
  confidence: Confidence | null, };

/**
 * The files to read, and filters. A job: `import`.
 */
export type Import = {
  /** One source each. */
  files: Array<string>,
  /** `None`: detected from their content. */
  format: Format | null,
  /** Column mapping of a table. */
  mapping: Mapping | null,
  /** Name of the source; `None`: the file's name. */
  name: string | null,
  /** Permission under which the text may be used. */
  permission: Permission,
  /** Note on the permission: license, link, or who granted it. */
  note: string,
  /** Where the text comes from; `None`: detected from the files. Required for a table that doesn't show it. */
  origin: Origin | null,
  /** Permissions of the study, recorded before the files are read. Reddit content requires them if the project has none on record; that there is no permission is a valid answer. */
  study: Array<StudyRecord>, who: string,
  /** Which rows to keep. */
  filter: Filter, };

/**
 * What an import must know before it may start.
 */
export type ImportQuestion = {
  /** Files with Reddit content, while the project has no record about it. */
  reddit: Array<string>,
  /** Tables that don't show whether they are Reddit content. */
  unknown: Array<string>, policy: string,
  /** The policy version that this program knows. */
  policy_version: string, policy_link: string, };

/**
 * The result of an import.
 */
export type Imported = {
  /** One per file, in the given order. */
  sources: Array<SourceInfo>, };

/**
 * Exclusions to undo.
 */
export type IncludePairs = {
  /** Pairs that were excluded themselves, by number. */
  pairs: Array<string>,
  /** Authors that were excluded. */
  authors: Array<string>, };

/**
 * A comment to answer.
 */
export type Incoming = { comment: string,
  /** The thread it is in; comments with the same one share a thread. Empty: one of its own. */
  thread: string,
  /** Empty: unknown. */
  subreddit: string,
  /** Title of the post; empty: there is none. */
  title: string, };

/**
 * A 95% confidence interval.
 */
export type Interval = { low: number, high: number, };

/**
 * Saves a chart as files.
 */
export type IntoFiles = {
  /** .svg, .png or .csv; a name without an extension gives all three. */
  files: Array<string>, };

/**
 * An item with its note and tags.
 */
export type ItemInfo = { kind: ItemKind,
  /** Row id; the number by which a source, an evaluation or a generation is called. */
  id: number,
  /** Empty if it is called by its number alone. */
  name: string, label: Label, };

export type ItemKind = "source" | "split" | "base" | "run" | "fakes" | "evaluation" | "generation";

/**
 * An item by its kind and name, or, for a source, an evaluation or a generation, its number.
 */
export type ItemRef = { kind: ItemKind,
  /** Name or number. */
  item: string, };

/**
 * A job in a list.
 */
export type JobInfo = { id: string,
  /** import, train, ... */
  kind: string, state: JobStatus,
  /** What is requested of it. */
  want: Want | null, progress: Progress | null,
  /** Result or error. */
  outcome: unknown, params: unknown,
  /** Milliseconds since 1970. */
  created_ms: number,
  /** Milliseconds since 1970. */
  ended_ms: number | null,
  /** Position in the queue, also while it runs or blocks the queue; none: it is not queued. */
  place: number | null,
  /** Whether its failure blocks the queue. */
  stops_queue: boolean, };

/**
 * A line of a job's log.
 */
export type JobLine = {
  /** Milliseconds since 1970. */
  at_ms: number, text: string, };

export type JobQueue = {
  /** The job that runs or blocks the queue, then those that wait, in order. */
  jobs: Array<JobInfo>,
  /** The job that blocks it: it is paused, or failed and was queued so. */
  held_up_by: string | null, };

/**
 * Status of a job or run, as shown: its state, and what only shows when it is looked at.
 */
export type JobStatus = "queued" | "waiting" | "running" | "lost" | "paused" | "done" | "stopped" | "failed" | "cancelled";

/**
 * A rejection of a reply.
 */
export type JudgeReply = { id: number, who: string,
  /** May be empty. */
  why: string, };

/**
 * A classifier's figures at a threshold.
 */
export type Judged = { figures: ClassifierFigures,
  /** Each figure with its baselines. */
  compared: Array<Compared>,
  /** The threshold's point on the ROC curve: false and true positive rate; none unless the evaluation has both classes. */
  roc: [number, number] | null,
  /** The threshold's point on the precision-recall curve: recall and precision. */
  precision_recall: [number, number] | null, };

/**
 * The user's note and tags.
 */
export type Label = {
  /** Free text; empty: none. */
  note: string,
  /** In alphabetical order. */
  tags: Array<string>, };

/**
 * Whether Reddit labels an account as an app.
 */
export type LabelAccount = { name: string, labeled: boolean, who: string, };

/**
 * Note and tags for an item.
 */
export type LabelItem = { kind: ItemKind,
  /** Name or number. */
  item: string,
  /** The new note, empty to remove it; none: unchanged. */
  note: string | null, add: Array<string>, remove: Array<string>, };

/**
 * The labels that a choice of edges gives.
 */
export type Labels = {
  /** The edges used: those given, else the quartiles. */
  edges: [number, number, number] | null,
  /** Replies in each of the four bins. */
  bins: [number, number, number, number],
  /** Replies without a score: they are not used for upvotes. */
  unscored: number,
  /** The quartiles of the scores. */
  quartiles: [number, number, number] | null, };

/**
 * Items that a job left out.
 */
export type LeftOut = { count: number,
  /** The first of them. */
  items: Array<LeftOutItem>, };

/**
 * An item that a job left out.
 */
export type LeftOutItem = {
  /** An id: "pair abc", "comment 17", "t3_xyz". */
  id: string, why: string, };

/**
 * Pairs that a split leaves out, and why.
 */
export type LeftOutPairs = {
  /** `duplicate_text`: a text of the pair, or a near-duplicate, is in a partition that takes precedence: train before test, test before val. */
  rule: string,
  /** Number of pairs, by the partition they would be in: train, val, test. */
  pairs: [number, number, number], };

/**
 * Models that stay in memory for the next generation.
 */
export type LoadedModels = {
  /** The memory of their process; none: unknown. */
  bytes: number | null, };

/**
 * Logs an account in, and checks its identity. A job: `login`. If a browser is needed, a signal has the URL to open.
 */
export type LogIn = {
  /** Empty: the one that posts. */
  account: string,
  /** Log in through the browser even if a login is stored. */
  force: boolean, };

/**
 * Which tokens of a generator's example count in the loss.
 */
export type LossMask = "reply" | "all";

/**
 * The result of maintenance.
 */
export type Maintained = {
  /** The results for uncertain replies, per account that had some. */
  reconciled: Array<Reconciled>,
  /** What was purged, per account that checked. */
  synced: Array<Synced>,
  /** The readings, per account that had some due. */
  read: Array<OutcomesRead>,
  /** What failed: it is tried again after an hour. */
  failed: Array<string>, };

/**
 * Does due maintenance. A job: `maintenance`. A window starts it automatically; on the command line, cron may.
 */
export type Maintenance = Record<symbol, never>;

/**
 * Generates fakes. A job: `fakes`.
 */
export type MakeFakes = { name: string, generator: string,
  /** best or last; none: best. */
  checkpoint: string | null, replies: number,
  /** Maximum numbers of different comments of train, val and test; 0: all. */
  comments: [number, number, number],
  /** Batch size: replies generated at once. */
  batch: number,
  /** Decoding settings; their seed also samples the comments. */
  sampling: SamplingParams,
  /** auto, cpu, cuda or metal. */
  device: string,
  /** Of the generator, on the CPU. */
  precision: PrecisionChoice, };

/**
 * Splits all pairs of the project. A job: `split`. The split is locked: pairs added later are in none of its
 * partitions.
 */
export type MakeSplit = { name: string, seed: number,
  /** Shares of the partitions, by pairs. */
  shares: Shares,
  /** The three edges between the four upvote bins; `None`: quartiles of the training set's scores. */
  edges: [number, number, number] | null,
  /** What counts as a near-duplicate. */
  near: Near, };

/**
 * Maps columns of a table to fields. Either a row is a pair: `comment` and `reply` are required. Or a row is one
 * comment: `id`, `parent` and `text` are required. The rest is optional.
 */
export type Mapping = {
  /** Text of the comment, if a row is a pair. */
  comment: string,
  /** Text of the reply, if a row is a pair. */
  reply: string,
  /** Score of the reply, or of the row's comment. */
  score: string | null, comment_score: string | null,
  /** Text of the post; rows with the same text are one thread. */
  post: string | null, post_score: string | null, subreddit: string | null, post_author: string | null, comment_author: string | null,
  /** Author of the reply, or of the row's comment. */
  reply_author: string | null,
  /** Time at which the reply, or the row's comment, was written. */
  created: string | null,
  /** Id of the row, if a row is one comment. */
  id: string | null,
  /** Id of what the row answers. */
  parent: string | null,
  /** Id of the post, or of the conversation's first comment. */
  link: string | null,
  /** Text, if a row is one comment. */
  text: string | null,
  /** Title; a row that has one is a post. */
  title: string | null, };

/**
 * An example of an evaluation with its prediction.
 */
export type MarkedExample = { comment: string,
  /** Real or fake. */
  reply: string,
  /** Name of the true class; empty for a generator. */
  truth: string,
  /** Name of the predicted class: by the threshold, or the most probable of more than two; empty for a generator. */
  called: string,
  /** The predicted probability of the true class; for a generator, of the reply's mean token. */
  p: number,
  /** Whether the prediction contradicts the class so confidently that the label may be wrong. */
  suspected: boolean, };

/**
 * Examples of an evaluation.
 */
export type MarkedPage = {
  /** Number of the evaluation. */
  id: number,
  /** Best predictions; otherwise worst. */
  best: boolean,
  /** Decision threshold, if not the evaluation's own. */
  threshold: number | null,
  /** Maximum number. */
  limit: number, };

/**
 * Measures a realism model on the fakes of each decoding setting. A job: `decoding`.
 */
export type MeasureDecoding = { run: string,
  /** best or last; none: best. */
  checkpoint: string | null,
  /** Maximum number of fakes of each set, sampled by the seed; 0: all. */
  limit: number,
  /** Batch size. */
  batch: number, seed: number,
  /** auto, cpu, cuda or metal. */
  device: string,
  /** Of the model, on the CPU; f32 unless requested, as in evaluations. */
  precision: PrecisionChoice, };

/**
 * Measures runs at each precision. A job: `quality`.
 */
export type MeasureQuality = { runs: Array<string>,
  /** Maximum number of examples of the validation set; 0: all. */
  limit: number,
  /** best or last; none: best. */
  checkpoint: string | null, };

/**
 * Kind of model, and of the run that trains it, in the order of the pipeline.
 */
export type ModelKind = "generator" | "realism" | "upvotes";

/**
 * The state of one of the three models.
 */
export type ModelState = { kind: ModelKind, runs: number,
  /** A run of this kind that is being trained now. */
  training: string | null,
  /** The last completed run. */
  trained: string | null, evaluations: number,
  /** The run of `figure`: the last completed one if it was evaluated, else the one that was evaluated last. */
  evaluated: string | null,
  /** The headline metric of its last evaluation on the test set, or of its last: "AUC 0.756", "perplexity 7.210". */
  figure: string | null,
  /** The baseline that it does not beat: "worse than chance 0.500"; empty: none. */
  worse: string, };

/**
 * A queued job to move.
 */
export type MoveJob = { job: string, to: MoveTo, };

/**
 * New position of a queued job.
 */
export type MoveTo = "first" | "last" | { "before": string };

/**
 * An item by its name.
 */
export type Named = { name: string, };

/**
 * What counts as a near-duplicate.
 */
export type Near = {
  /** Words per shingle; in scripts without spaces, two characters count as a word. */
  shingle: number,
  /** Minimum number of words of a text that is compared by its shingles; shorter ones only match when equal. */
  min_words: number,
  /** Minimum Jaccard similarity of the shingle sets, above 0 and at most 1. */
  threshold: number, };

/**
 * An account to add or change.
 */
export type NewAccount = {
  /** Reddit's name of it, with or without `u/`. */
  name: string,
  /** Id of the app that you registered with Reddit; this program has none. */
  client_id: string,
  /** script, installed or web, as registered. */
  app: string,
  /** Your own account, which the footer names; empty: the account itself. */
  operator: string,
  /** A server other than Reddit: a sandbox on this machine, `http://127.0.0.1:PORT`. Empty: Reddit. */
  host: string,
  /** The port on 127.0.0.1 at which a login in the browser ends. */
  port: number,
  /** Reddit's approval of this use: link, date, case. Without it nothing is posted. */
  approval: string, };

/**
 * A permission to record.
 */
export type NewPostingPermission = {
  /** With or without `r/`. */
  subreddit: string,
  /** Where it was granted: a link to the moderators' message or rule. */
  link: string, note: string,
  /** Milliseconds since 1970; none: no end. */
  expires_ms: number | null,
  /** The rules as the user saw them, JSON as in [`SubredditPreview`]; empty: they are stored at the first check of the subreddit. */
  rules: string, };

/**
 * What a job waits for.
 */
export type Next = {
  /** Number of the reply that is posted next. */
  reply: number,
  /** When, milliseconds since 1970 by this machine's clock. */
  at_ms: number, };

/**
 * A possible next step.
 */
export type NextStep = {
  /** settle, review, import, pairs, split, base, train, fakes, evaluate, generate, permit, study; about Reddit: choose-account, let-go-on, log-in, complete-account, allow, post, post-by-hand, outcomes, fetch, draft. */
  step: string,
  /** What to do, as text. */
  what: string, why: string,
  /** For a training or an evaluation: the kind of model. */
  kind: ModelKind | null, };

/**
 * No parameters.
 */
export type Nothing = Record<symbol, never>;

/**
 * An item by its number.
 */
export type Numbered = { id: number, };

/**
 * Something that blocks a reply now.
 */
export type ObjectionInfo = {
  /** A code for programs; only `pace` may be skipped, by posting this reply now. */
  code: string,
  /** The message for the user. */
  words: string,
  /** When it passes by itself, milliseconds since 1970; none: action is needed. */
  until_ms: number | null, };

/**
 * An action on an account.
 */
export type OfAccount = { name: string, who: string, };

/**
 * A job by its id.
 */
export type OfJob = { job: string, };

/**
 * A kind of model.
 */
export type OfKind = { kind: ModelKind, };

export type OfPair = { id: string, };

/**
 * Replies of the queue.
 */
export type OfState = { state: ReplyState | null, };

export type OptOutInfo = { kind: OptOutKind, name: string, state: OptOutState, why: string,
  /** Name of the comment that asked for it; empty: added by the user. */
  source: string,
  /** Who recorded or decided it. */
  who: string,
  /** Milliseconds since 1970. */
  at_ms: number, };

/**
 * Who opted out.
 */
export type OptOutKind = "user" | "subreddit";

export type OptOutNew = {
  /** `u/name` or `r/name`. */
  whom: string,
  /** May be empty. */
  why: string, who: string, };

/**
 * State of an opt-out.
 */
export type OptOutState = "asked" | "confirmed" | "declined";

/**
 * A decision on an opt-out.
 */
export type OptOutVerdict = {
  /** `u/name` or `r/name`. */
  whom: string,
  /** Confirmed; otherwise declined: they may be answered. */
  confirmed: boolean, who: string, };

/**
 * Where the text of a source comes from.
 */
export type Origin = "unknown" | "reddit" | "forum" | "support" | "convokit" | "other" | "synthetic";

/**
 * The posting state of a reply.
 */
export type OutboxInfo = {
  /** Number of the reply. */
  reply: number,
  /** draft, approved, sending, uncertain, absent, posted, rejected, `cancelled` or withdrawn. */
  state: ReplyState,
  /** Empty: none yet. */
  account: string, subreddit: string,
  /** Author of what it answers; none: purged. */
  author: string | null,
  /** Reddit's name of the post. */
  post_name: string | null,
  /** Reddit's name of what it answers; none: not on Reddit, it is posted manually. */
  parent_name: string | null,
  /** Its URL. */
  parent_link: string,
  /** The text as it is sent, with its footer; of a draft, as it would be. */
  full_text: string,
  /** Empty: nobody. */
  approved_by: string,
  /** Milliseconds since 1970. */
  approved_ms: number | null, attempt: number,
  /** Earliest next attempt; 0: at any time. */
  not_before_ms: number,
  /** Reddit's name of it, once it is posted. */
  posted_name: string | null,
  /** Milliseconds since 1970. */
  posted_ms: number | null,
  /** Its URL; empty: not posted. */
  link: string,
  /** What blocks or blocked it: Reddit's code or ours. */
  code: string,
  /** Its message. */
  detail: string,
  /** Whether it waits for the user. */
  needs_person: boolean,
  /** The hash over everything shown, for decisions; empty: it cannot be approved. */
  seen: string,
  /** Where the account posts: `reddit`, `sandbox`, or empty without an account. */
  server: string,
  /** Why an approved reply must be approved again; empty: no need. */
  again: string, };

/**
 * The posting state of a reply with all its attempts.
 */
export type OutboxStory = { outbox: OutboxInfo,
  /** In order. */
  attempts: Array<AttemptInfo>,
  /** What blocks it now, if it is approved. */
  objections: Array<ObjectionInfo>, };

/**
 * How a run ended.
 */
export type Outcome = "finished" | "early-stop" | "stopped" | "pruned" | "paused" | "cancelled";

/**
 * A posted reply with prediction and outcome.
 */
export type OutcomeRow = { reply: number,
  /** posted or withdrawn. */
  state: ReplyState, subreddit: string,
  /** Without the footer. */
  text: string, link: string,
  /** Milliseconds since 1970. */
  posted_ms: number | null,
  /** p(real) of the realism model. */
  p_real: number | null,
  /** Probability of each upvote bin. */
  bins: [number, number, number, number] | null,
  /** The most probable bin, 0 to 3, as in the queue. */
  predicted: number | null,
  /** `p1 + 2 p2 + 3 p3`, as in the queue. */
  expected_bin: number | null,
  /** The bin of the last score read, by the edges of the model's split. */
  actual: number | null,
  /** In order. */
  readings: Array<Reading>, };

/**
 * All posted replies with their outcomes.
 */
export type Outcomes = {
  /** The latest first. */
  rows: Array<OutcomeRow>,
  /** `counts[actual][predicted]` over the four bins. */
  counts: [[number, number, number, number], [number, number, number, number], [number, number, number, number], [number, number, number, number]],
  /** How many fell into the predicted bin. */
  right: number,
  /** How many have both. */
  judged: number,
  /** How many of these are in the most common actual bin: the majority-class baseline. */
  majority: number, removed: number, };

/**
 * The result of reading scores.
 */
export type OutcomesRead = { read: number,
  /** How many of these found a reply removed. */
  removed: number,
  /** People who opted out, to be decided by the user. */
  asked: number,
  /** Failed readings, which the next run repeats. */
  failed: number,
  /** Which replies these concern, and why. */
  left_out: LeftOut, };

/**
 * The state of a project.
 */
export type Overview = {
  /** The file's name without its extension. */
  name: string, path: string, sources: number,
  /** Those without a recorded permission. */
  unpermitted: number, comments: number, posts: number, pairs: number, splits: Array<string>, bases: number,
  /** In the order generator, realism, upvotes. */
  models: Array<ModelState>, fakes: number, candidates: number,
  /** Replies of the queue by state. */
  queue: QueueCounts, reddit: RedditState,
  /** Running or paused jobs. */
  jobs: number,
  /** The notice of the study: which permission is missing or expired. */
  notice?: string,
  /** Next steps, the most useful first; empty if nothing is open. */
  next: Array<NextStep>, };

/**
 * A figure of a pair, for distributions.
 */
export type PairFigure = "score" | "comment_length" | "reply_length";

/**
 * Sort order of pairs; ties by id. Unknown values come last.
 */
export type PairOrder = "id" | "score" | "comment_length" | "reply_length" | "subreddit" | "created";

/**
 * A pair as a row of the table; long texts are cut. [`Engine::pair`] has the full texts.
 */
export type PairRow = {
  /** A string, since some do not fit a JavaScript number. */
  id: string,
  /** Empty: unknown. */
  subreddit: string,
  /** Title of the post, if it was imported. */
  title: string | null, comment: string, reply: string,
  /** `None`: unknown. */
  comment_score: number | null,
  /** Of the reply; `None`: unknown. */
  score: number | null,
  /** When the reply was written, seconds since 1970. */
  created_utc: number | null,
  /** Number of its source. */
  source: number,
  /** `None`: the source names nobody. */
  comment_author: string | null,
  /** Author of the reply. */
  author: string | null,
  /** Reason why the pair itself is excluded from splits; `None`: it is not. */
  excluded: string | null,
  /** An excluded author of one of its texts, and the reason. */
  excluded_author: [string, string] | null, };

/**
 * Counts before and after the recipe.
 */
export type PairsBuilt = {
  /** Comments in the project. */
  comments: number,
  /** Those that answer a comment, not a post. */
  replies: number,
  /** Those whose comment is in the project too: pairs before the recipe. */
  joined: number,
  /** Number dropped by the recipe, by the first rule that applied. */
  dropped: Array<[string, number]>,
  /** Pairs after the recipe. */
  kept: number,
  /** Those that are new. */
  new: number,
  /** Former pairs that no longer pass. */
  removed: number,
  /** Pairs that pass, with at least one author `[deleted]`. */
  unknown_authors: number, };

/**
 * A distribution of pairs.
 */
export type PairsChart = { figure: PairFigure, pairs: ViewPairs, };

/**
 * A list of pairs that does not change while the user scrolls through it.
 */
export type PairsView = {
  /** Identifies the list in [`Engine::view_rows`]. */
  view: string,
  /** Number of pairs in it. */
  total: number, };

/**
 * A partition of a split.
 */
export type Partition = "train" | "val" | "test";

/**
 * Contents of one partition of a split.
 */
export type PartitionInfo = { partition: Partition, pairs: number, threads: number,
  /** Pairs whose reply has a score. */
  scored: number,
  /** Number in each upvote bin; empty without edges. */
  bins: Array<number>, };

/**
 * The URL at which a login in the browser ended.
 */
export type PastedLogin = {
  /** The account that is logged in. */
  account: string,
  /** The URL as the user pasted it. */
  address: string, };

/**
 * The permission under which a source may be used. Reddit dumps come without a license, so the user records one, as a
 * choice and a note.
 */
export type Permission = "unknown" | "own" | "consent" | "open-licence" | "reddit-approved" | "research" | "synthetic";

export type Permit = {
  /** Number of the source. */
  source: number,
  /** The permission under which it may be used. */
  permission: Permission,
  /** License, link, or who granted it. */
  note: string, };

/**
 * Applies other criteria to a generation.
 */
export type PickAgain = {
  /** Number of the generation. */
  id: number, criteria: Criteria, };

export type Picture = {
  /** The SVG, without style sheet, script or external reference. */
  svg: string,
  /** Width in pixels; the view box is twice as wide, since plotters rounds to whole units. */
  width: number,
  /** Height in pixels; the view box is twice as high. */
  height: number,
  /** The plot area, in units of the view box. */
  plot: Rect, x: Axis, y: Axis,
  /** In the order of the legend. */
  series: Array<Series>, table: Table, };

/**
 * How the pipeline is planned.
 */
export type PipelineOptions = { preset: PipelinePreset,
  /** The most hours that all steps may take: trainings get fewer steps. None: the preset's. */
  hours: number | null,
  /** auto, cpu, cuda or metal. */
  device: string,
  /** Changed settings, each as STEP.SETTING=VALUE. STEP.name chooses what the step makes: an item that exists is used. */
  set: Array<string>, };

/**
 * The plan of the pipeline.
 */
export type PipelinePlan = { preset: PipelinePreset,
  /** In order. */
  steps: Array<PipelineStep>,
  /** Number of jobs that queuing it adds. */
  planned: number,
  /** Estimated time of all steps that are not done. */
  seconds: number,
  /** Estimated peak memory of these in bytes. */
  memory: number,
  /** What may go wrong or turn out badly. */
  warnings: Array<string>,
  /** Why nothing can be queued; none: it can. */
  refused: EngineError | null, };

/**
 * How long the pipeline may take, and how good its models can become.
 */
export type PipelinePreset = "quick" | "standard" | "full";

/**
 * The queued pipeline.
 */
export type PipelineQueued = {
  /** Number of jobs that were added. */
  added: number,
  /** Number of jobs that were waiting and were changed. */
  changed: number, plan: PipelinePlan, };

/**
 * A setting of a step.
 */
export type PipelineSetting = { name: string,
  /** As it is typed. */
  value: string, };

/**
 * A step of the pipeline.
 */
export type PipelineStep = {
  /** pairs, split, audit, generator-base, classifier-base, generator, fakes, realism, upvotes, evaluate-generator, evaluate-realism or evaluate-upvotes. */
  step: string, title: string,
  /** The item that it makes or made; empty: none that has a name. */
  name: string,
  /** What it does, or what there is, with names and sizes. */
  what: string, state: PipelineStepState,
  /** Its job, if there is one that has not ended. */
  job: string | null,
  /** Estimated time; 0: nothing is left to do. */
  seconds: number,
  /** Estimated peak memory in bytes; none: little. */
  memory: number | null,
  /** What can be changed of it. */
  settings: Array<PipelineSetting>, };

/**
 * State of a step of the pipeline.
 */
export type PipelineStepState = "done" | "queued" | "planned" | "skipped";

/**
 * Posts approved replies. A job: `post`.
 */
export type Post = {
  /** Empty: the one that posts. */
  account: string,
  /** Numbers of replies; empty: all approved ones. */
  replies: Array<number>,
  /** Whether anything is sent. None: if an account with an approval and a permission are recorded; otherwise it is a dry run, which only reads. */
  live: boolean | null,
  /** Wait for pauses, caps and uncertain replies until all are posted, instead of ending. */
  wait: boolean,
  /** Skip the pause between two replies, for one named reply. Caps, hours and Reddit's own limits still apply. */
  skip_pause: boolean, };

/**
 * The result of posting.
 */
export type PostReport = {
  /** Empty in a dry run without one. */
  account: string,
  /** Whether anything could be sent. */
  live: boolean,
  /** The replies that were checked. */
  replies: Array<PostedInfo>,
  /** When the next of them may be posted, milliseconds since 1970. */
  next_ms: number | null, };

/**
 * The result for a reply, or its expected result.
 */
export type PostedInfo = { reply: number, state: ReplyState,
  /** In a dry run: nothing blocks it. */
  ready: boolean,
  /** What blocks it: Reddit's code or ours; empty: nothing. */
  code: string,
  /** Its message. */
  detail: string, link: string,
  /** Earliest next attempt; 0: at any time. */
  not_before_ms: number, };

/**
 * A reply that the user posted manually.
 */
export type PostedReply = { id: number, who: string,
  /** Link to it; may be empty. */
  link: string,
  /** The hash that came with the reply that was shown. */
  seen: string, };

/**
 * A permission for display.
 */
export type PostingPermissionInfo = {
  /** Without `r/`. */
  subreddit: string,
  /** Where it was granted. */
  link: string, note: string, who: string,
  /** Milliseconds since 1970. */
  given_ms: number,
  /** None: no end. */
  expires_ms: number | null,
  /** Last check of the subreddit on Reddit. */
  checked_ms: number | null,
  /** Why it is disabled; empty: it is not. */
  off: string,
  /** Nothing is posted there before this; 0: no pause. */
  pause_ms: number,
  /** Why it must be confirmed, to follow "it was"; empty: no need. */
  unconfirmed: string,
  /** The hash of the record, to confirm it by. */
  seen: string, };

/**
 * The settings for posting.
 */
export type PostingRules = {
  /** The account that posts; empty: the only one. */
  account: string,
  /** Subreddits whose rising posts are fetched. */
  watched: Array<string>,
  /** Maximum number of replies per account in 24 hours; half of it in its first week. */
  per_day: number,
  /** The same per subreddit. */
  per_subreddit: number,
  /** Maximum number of replies under one post, ever. */
  per_thread: number,
  /** Maximum number of replies to one author in 24 hours. */
  per_author: number,
  /** Minimum number of minutes between two replies of an account. */
  pause_min: number,
  /** Random addition to the pause, at most this share of it: with 0.5, 10 minutes become 10 to 15. */
  jitter: number,
  /** Hours of the day in which replies are posted, from 0 to 24; none: all. `[22, 6]` spans midnight. */
  hours: [number, number] | null,
  /** Days on which replies are posted, 1 (Monday) to 7; empty: all. */
  days: Array<number>,
  /** UTC offset for hours and days, in minutes. */
  utc_offset_min: number,
  /** Whether the footer is added to every reply. Without it, replies can only be posted manually. */
  footer: boolean,
  /** The footer; `{model}`, `{account}` and `{operator}` are filled in. */
  footer_text: string,
  /** A reply is refused if this share of its word triples is in one of our last 500. */
  max_similar: number,
  /** A reply is refused if this share of its word triples is in what it answers. */
  max_echo: number,
  /** A reply is refused if it, or what it answers, contains one of these words. */
  words: Array<string>,
  /** Whether the generator sees the title and ancestors of a comment. */
  context: boolean,
  /** Number of ancestors that the generator sees, at most 6. */
  context_comments: number,
  /** Hours after which the texts of fetched threads are purged, at most 48. */
  keep_h: number, };

/**
 * How a model's weights are stored and multiplied.
 */
export type Precision = "f32" | "bf16" | "int8";

/**
 * The requested precision of a model.
 */
export type PrecisionChoice = "auto" | "f32" | "bf16" | "int8";

/**
 * A run at one precision.
 */
export type PrecisionQuality = { precision: Precision,
  /** Perplexity of a generator, AUC of a realism model, macro AUC of an upvotes model; none: undefined. */
  figure: number | null,
  /** Generated tokens per second of a generator, scored pairs per second of a classifier. */
  rate: number, };

/**
 * The precision of each model; f32 for one that was not used.
 */
export type Precisions = { generator: Precision, realism: Precision, upvotes: Precision, };

/**
 * A preset for a purpose.
 */
export type Preset = { name: string,
  /** When to use it. */
  help: string, config: RunConfig, };

/**
 * A new text for a posted reply.
 */
export type PreviewRewrite = { id: number,
  /** Without the footer. */
  text: string, };

/**
 * A subreddit to check.
 */
export type PreviewSubreddit = { subreddit: string,
  /** The account for the request; empty: the one that posts. */
  account: string, };

/**
 * Progress of a job.
 */
export type Progress = {
  /** What it is doing: "reading RC_2019-04.zst", "training". */
  phase: string,
  /** Amount done, in `unit`. */
  done: number,
  /** Total amount, if known. */
  total: number | null,
  /** "bytes", "rows", "steps", "comments". */
  unit: string,
  /** Current figures: "loss 3.21, 1,240 tokens/s". */
  note: string,
  /** Estimated seconds left in this phase. Filled in by [`Ctx::tick`]. */
  eta_s: number | null,
  /** What the job waits for; none: it is not waiting. */
  next?: Next, };

/**
 * The identity of a project file.
 */
export type ProjectFile = {
  /** Whether it is the one that was last confirmed. */
  is: FileIs,
  /** Whether the user must confirm it before anything is posted from it. */
  asks: boolean,
  /** What is wrong, and what confirming means; empty if there is no need. */
  words: string, path: string,
  /** Its path when it was last confirmed; empty: never. */
  last_path: string, };

export type ProjectInfo = { path: string,
  /** The file's name without its extension. */
  name: string,
  /** Bytes of the file. */
  bytes: number,
  /** The copy of the file as it was, if it was of an older version when this process opened it. */
  migrated_from: string | null, };

/**
 * An account to add or change.
 */
export type PutAccount = { account: NewAccount, who: string, };

/**
 * The result of measuring.
 */
export type QualityMeasured = { runs: Array<RunQuality>,
  /** Examples and runs that could not be measured. */
  left_out: LeftOut, };

/**
 * Number of replies by state.
 */
export type QueueCounts = {
  /** Wait for review. */
  draft: number,
  /** Approved for posting. */
  approved: number, sending: number,
  /** Sent, delivery unconfirmed. */
  uncertain: number,
  /** Checked on Reddit and not found: to be decided. */
  absent: number,
  /** Live on Reddit. */
  posted: number,
  /** Rejected by the user, or permanently by Reddit. */
  rejected: number,
  /** Will not be posted: what they answer is gone or locked, or they were abandoned. */
  cancelled: number,
  /** Were posted and withdrawn. */
  withdrawn: number, };

/**
 * A job to queue.
 */
export type QueueJob = {
  /** A uuid chosen by the caller: repeating a call queues the job once. */
  id: string,
  /** A key of Jobs. */
  kind: string, params: unknown,
  /** Whether its failure blocks the queue. */
  stops_queue: boolean, };

/**
 * A job that was queued.
 */
export type Queued = { job: JobInfo,
  /** What it needs but is missing, unless a job before it makes it. Checked again when it starts. */
  notes: Array<string>, };

/**
 * Reads due scores of posted replies. A job: `outcomes`.
 */
export type ReadOutcomes = {
  /** Empty: the one that posts. */
  account: string, };

/**
 * A reading of a posted reply.
 */
export type Reading = {
  /** Seconds after it was posted, or later: 3600, 86400, 604800. */
  after_s: number,
  /** Milliseconds since 1970. */
  at_ms: number,
  /** None: hidden, or gone. */
  score: number | null,
  /** deleted, removed, or empty: it exists. */
  gone: string, };

/**
 * A recent project for display.
 */
export type RecentShown = { path: string,
  /** The file's name without its extension. */
  name: string,
  /** Bytes of the file; none if it is gone. */
  bytes: number | null,
  /** Milliseconds since 1970. */
  opened_ms: number, };

/**
 * Which texts pairs are built from. The same recipe applies to the comment and to the reply.
 */
export type Recipe = {
  /** Drop `[deleted]` and `[removed]` texts. */
  drop_deleted: boolean,
  /** Drop known bots, names that end in `bot`, and texts that say "I am a bot". */
  drop_bots: boolean,
  /** Further authors to drop, in any case. */
  bots: Array<string>,
  /** Drop texts that consist only of links, images, GIFs or emotes. */
  drop_links: boolean,
  /** Drop texts whose author is `[deleted]` or missing, when the source names authors. */
  drop_unknown_authors: boolean,
  /** Keep replies whose author also wrote the comment or the post (checked by the join of pairs). */
  keep_same_author: boolean,
  /** Minimum number of characters. */
  min_chars: number,
  /** Maximum number of characters. */
  max_chars: number, };

/**
 * Resolves uncertain replies, as far as possible. A job: `reconcile`.
 */
export type Reconcile = {
  /** Empty: the one that posts. */
  account: string,
  /** Wait for checks that are not due yet (a quarter of an hour), instead of ending. */
  wait: boolean, };

/**
 * The results for uncertain replies.
 */
export type Reconciled = {
  /** Found: they are posted. */
  posted: Array<number>,
  /** Not found: the user decides. */
  absent: Array<number>,
  /** As uncertain as before. */
  open: Array<number>,
  /** Next check, milliseconds since 1970. */
  next_ms: number | null, };

/**
 * A record that the user can confirm on this machine.
 */
export type RecordKind = "account" | "subreddit";

/**
 * A permission to record.
 */
export type RecordPostingPermission = { permission: NewPostingPermission, who: string, };

/**
 * Records of the study.
 */
export type RecordStudy = { records: Array<StudyRecord>, who: string, };

/**
 * A rectangle in a chart, in units of the SVG's view box.
 */
export type Rect = {
  /** Left edge. */
  x: number,
  /** Upper edge. */
  y: number, width: number, height: number, };

/**
 * What a project has of Reddit.
 */
export type RedditState = { accounts: number, threads: number,
  /** Comments in them that may be answered and have no reply in the queue. */
  open: number,
  /** Subreddits with a valid permission. */
  permissions: number,
  /** Due readings of posted replies' scores. */
  due: number, };

/**
 * A row that could not be read; the rows around it are kept.
 */
export type Rejected = {
  /** Line of a text file, row of a table, element of a listing; from 1. */
  line: number,
  /** What was wrong and what was expected. */
  reason: string,
  /** The first [`EXCERPT`] characters of the row; a longer row is followed by [`CUT`] and the ids in the rest. */
  excerpt: string, };

/**
 * Rejected rows of a source.
 */
export type RejectedRows = {
  /** Number of the source. */
  source: number,
  /** Only after this line. */
  after: number,
  /** Maximum number. */
  limit: number, };

export type Removed = { items: number, rows: number,
  /** Bytes of the file and its log before. */
  before: number, after: number,
  /** Whether the space was freed; false: another job is working in the project, and it is freed later. */
  returned: boolean, };

/**
 * A new name for an item.
 */
export type RenameItem = { kind: ItemKind,
  /** Name or number. */
  item: string,
  /** The new name; empty: an evaluation or a generation is called by its number again. */
  name: string, };

/**
 * A reply in the queue.
 */
export type ReplyInfo = { id: number,
  /** draft, approved, sending, uncertain, absent, posted, rejected, `cancelled` or withdrawn. */
  state: ReplyState, text: string,
  /** As generated. */
  written: string,
  /** Empty: unknown. */
  subreddit: string,
  /** Title of the post; empty: there is none. */
  title: string,
  /** The comment it answers. */
  comment: string,
  /** p(real) of the text as generated. */
  p_real: number | null,
  /** Probability of each upvote bin. */
  bins: [number, number, number, number] | null,
  /** The most probable bin, 0 to 3: compared with its outcome. */
  predicted: number | null,
  /** `p1 + 2 p2 + 3 p3`. */
  expected_bin: number | null,
  /** Whether the user selected it although the criteria did not. */
  by_hand: boolean,
  /** Why it was selected, or that the user did and what the criteria said. */
  reason: string,
  /** Where it was posted; empty: it was not, or the link is unknown. */
  link: string,
  /** Milliseconds since 1970. */
  updated_ms: number,
  /** The text as it is sent, with its footer; of a draft, as it would be. */
  full_text: string,
  /** The account that posts it, or would; empty: none. */
  account: string,
  /** Where that account posts: `reddit`, `sandbox`, or empty without an account. */
  server: string,
  /** The hash over full text, comment, title, subreddit and account; empty: it cannot be approved. */
  seen: string,
  /** Why an approved reply must be approved again; empty: no need. */
  again: string, };

/**
 * State of a reply in the queue, in the order of the workflow.
 */
export type ReplyState = "draft" | "approved" | "sending" | "uncertain" | "absent" | "posted" | "rejected" | "cancelled" | "withdrawn";

/**
 * A reply and its history.
 */
export type ReplyStory = { reply: ReplyInfo,
  /** In order. */
  events: Array<EventInfo>, };

/**
 * A run and its rerun, compared.
 */
export type Reran = {
  /** The run that was repeated. */
  run: string,
  /** The new run. */
  rerun: string,
  /** Whether all weights and all recorded losses are equal, bit by bit. */
  identical: boolean,
  /** Whether both were trained under the same conditions, as far as these are recorded. */
  same_conditions: boolean,
  /** The result in words. */
  verdict: string, conditions: Array<RerunCondition>,
  /** The checkpoints that both have. */
  weights: Array<RerunWeights>, losses: Array<RerunLosses>,
  /** Figures of the same evaluations of both; empty if the two are identical, or the run was not evaluated. */
  metrics: Array<RerunMetric>, };

/**
 * Repeats a training that ended by itself, with the same settings, split, base, fakes and seed, and compares the two.
 * A job: `rerun`. Its steps are jobs of their own.
 */
export type Rerun = { run: string,
  /** Name of the new run; empty: that of the run and "-rerun". */
  name: string, };

/**
 * What the bits of a training depend on, besides its settings.
 */
export type RerunCondition = {
  /** device, threads, version, processor, examples or texts. */
  name: string,
  /** Of the run; empty: not recorded. */
  first: string,
  /** Of the rerun. */
  second: string,
  /** Whether it is known to be the same. */
  same: boolean, };

/**
 * A loss by step, compared.
 */
export type RerunLosses = {
  /** training loss or validation loss. */
  name: string,
  /** Steps for which both have it. */
  steps: number,
  /** The first step at which they differ, or which only one has; none: they are equal. */
  first: number | null,
  /** Largest difference at a step that both have. */
  largest: number | null,
  /** The step of the largest difference. */
  at: number | null, };

/**
 * A figure of two evaluations with the same settings.
 */
export type RerunMetric = { partition: Partition,
  /** Display name. */
  name: string,
  /** Of the run; none if undefined. */
  first: number | null,
  /** Of the rerun. */
  second: number | null, };

/**
 * The weights of a checkpoint, compared by their hashes.
 */
export type RerunWeights = { checkpoint: Role, tensors: number,
  /** Those that are not equal in both. */
  different: number, };

/**
 * An edit of a posted reply.
 */
export type RewriteReply = { id: number,
  /** Without the footer. */
  text: string,
  /** The hash that came with the preview that was shown. */
  seen: string, who: string, };

/**
 * Role of a checkpoint in its run.
 */
export type Role = "best" | "last" | "kept";

/**
 * The settings of a run.
 */
export type RunConfig = {
  /** generator, realism or upvotes. */
  kind: ModelKind,
  /** Name of the run. */
  name: string,
  /** Base model. */
  base: string,
  /** Split to train on. */
  split: string,
  /** The set of fakes. */
  fakes: string,
  /** Number of epochs. Ignored if steps is set. */
  epochs: number,
  /** Max optimizer steps; 0: use epochs. */
  steps: number,
  /** Batch size. The largest that fits in memory is fastest. */
  batch_size: number,
  /** Peak learning rate. 5e-5 suits fine-tuning; use 1e-3 for a small model from scratch. */
  learning_rate: number,
  /** Max length of an example, in tokens. At least half of it is kept for the reply. */
  max_tokens: number,
  /** "none", or "balanced" so that rare classes count as much as frequent ones. */
  class_weights: ClassWeights,
  /** Max number of training examples, sampled by the seed; 0: all. */
  limit: number,
  /** "reply" computes the loss on the reply only, "all" on the comment too. */
  loss: LossMask,
  /** The share of real replies among the examples, between 0 and 1. */
  real_share: number,
  /** Gradient accumulation: the effective batch size is batch_size times this. */
  accumulate: number,
  /** Warmup ratio: the share of all steps in which the learning rate rises from 0 to its peak. */
  warmup: number,
  /** Learning-rate schedule after warmup: "linear", "cosine" or "constant". */
  decay: Decay,
  /** AdamW's weight decay, on matrices only. */
  weight_decay: number,
  /** Max gradient norm; 0: no clipping. */
  clip_norm: number,
  /** Dropout probability; below 0: use the base's config. */
  dropout: number,
  /** Validate every N steps; 0: ten times per run. */
  validate_every: number,
  /** Max number of validation examples; 0: all. */
  validate_limit: number,
  /** Early-stopping patience, in validations without improvement; 0: off. */
  patience: number,
  /** Sample replies to generate at each validation, to comments of the validation set. */
  samples: number,
  /** Save a checkpoint every N steps; 0: every 3 minutes. A killed run resumes from its last checkpoint. */
  save_every: number,
  /** Random seed. The same seed on the same machine gives the same bits. */
  seed: number,
  /** auto, cpu, cuda or metal. */
  device: string, };

/**
 * What is known of a run before it starts; stored with it.
 */
export type RunFacts = { base: string, split: string,
  /** The set of fakes, for a realism model. */
  fakes: string | null,
  /** cpu, cuda or metal. */
  device: string, threads: number,
  /** Trainable parameters. */
  parameters: number, train_examples: number, val_examples: number,
  /** Training examples per class; empty for a generator. */
  classes: Array<number>,
  /** Class weights in the loss; empty: 1. */
  class_weights: Array<number>,
  /** Total optimizer steps. */
  steps: number,
  /** The share of positions that is padding. */
  padding: number, estimated_bytes: number, estimated_seconds: number, version: string,
  /** Name of the processor, and the instructions that products use on it; empty: a run of an earlier version. */
  processor: string, };

/**
 * One metric of a run.
 */
export type RunFigure = { run: string,
  /** loss, val_loss, lr, grad_norm or tokens_per_s. */
  figure: string, };

/**
 * A run in a list or by itself.
 */
export type RunInfo = { name: string,
  /** generator, realism or upvotes. */
  kind: ModelKind,
  /** None: its job is gone. */
  state: JobStatus | null,
  /** Whether it has a complete checkpoint. */
  usable: boolean, job: string | null,
  /** None: it cannot be read. */
  config: RunConfig | null, facts: RunFacts | null,
  /** Optimizer steps done, according to the stored metrics. */
  step: number, loss: number | null,
  /** Lowest validation loss: of the best checkpoint, if there is one. */
  best_loss: number | null,
  /** The step with the lowest validation loss. */
  best_step: number | null,
  /** Samples generated during training: step, comment, reply. */
  samples: Array<[number, string, string]>, label: Label,
  /** Milliseconds since 1970. */
  created_ms: number,
  /** Trained on a text deleted since, or with something that was. */
  deleted_content: boolean, };

/**
 * The quality of a run, and what `auto` takes for it.
 */
export type RunQuality = { run: string, kind: ModelKind, checkpoint: Role,
  /** Training steps of the checkpoint. */
  step: number,
  /** Where the examples are from. */
  partition: Partition,
  /** Number of measured examples; 0: it was not measured yet. */
  examples: number,
  /** Empty: it was not measured yet. */
  precisions: Array<PrecisionQuality>,
  /** The instructions of the processor that measured it. */
  instructions: string,
  /** Milliseconds since 1970; none: it was not measured yet. */
  measured_ms: number | null,
  /** What `auto` takes on the CPU of this machine. */
  auto: Chosen, };

/**
 * Where to create the sample project.
 */
export type Sample = {
  /** A folder; none: a new one in the folder for projects. */
  path: string | null, };

/**
 * A setting whose values are sampled between two numbers.
 */
export type SampledRange = {
  /** Key in the run config. */
  setting: string,
  /** As typed, and so is `high`. */
  low: string, high: string,
  /** Whether its logarithm is uniform. */
  log: boolean, };

/**
 * Decoding settings. Stored with every fake and every candidate.
 */
export type SamplingParams = {
  /** Maximum number of new tokens. */
  max_new_tokens: number,
  /** Logits are divided by this. Lower is more predictable, higher more random; 0 always takes the most likely token. */
  temperature: number,
  /** Sample only from the k most likely tokens; 0: all. */
  top_k: number,
  /** Sample only from the most likely tokens that together have this probability; 1: all. */
  top_p: number,
  /** Sample only from tokens that are at least this likely relative to the most likely one, after temperature (Nguyen et al. 2024, arXiv:2407.01082); 0: all. */
  min_p: number,
  /** Logits of tokens that already occurred, in the comment or the reply, are divided by this (multiplied if negative; Keskar et al. 2019); 1: off. */
  repetition_penalty: number,
  /** Never sample a token that would repeat a sequence of this many tokens of the prompt or the reply; 0: off. If that excludes every token, generation fails. */
  no_repeat_ngram: number,
  /** Seed of the random streams. */
  seed: number, };

/**
 * Runs a Reddit sandbox until it is stopped, or has had no request for an hour. A job: `sandbox`.
 */
export type Sandbox = {
  /** The port on 127.0.0.1; 0: any free one. */
  port: number, posts: number,
  /** Seed of the threads. A project should keep to one: names of another would be taken for the same. */
  seed: number, };

/**
 * The result of a sandbox session.
 */
export type SandboxClosed = {
  /** Replies posted during the session. */
  posted: number, };

/**
 * Saves a chart as files.
 */
export type SaveChart = { chart: DrawChart,
  /** .svg, .png or .csv; a name without an extension gives all three. */
  files: Array<string>, };

/**
 * Saves a distribution of pairs as files.
 */
export type SavePairsChart = { chart: PairsChart,
  /** .svg, .png or .csv; a name without an extension gives all three. */
  files: Array<string>, };

/**
 * Sets where a source's text comes from.
 */
export type SayOrigin = {
  /** Number of the source. */
  source: number, origin: Origin,
  /** The user states that it is not Reddit content: required if it is recorded as that. */
  not_reddit: boolean, who: string, };

/**
 * A series as drawn.
 */
export type Series = {
  /** The legend's label. */
  name: string,
  /** End of its CSS class: `stroke-{class}` or `fill-{class}`. */
  class: string,
  /** Data coordinates, in drawing order; finite numbers only. */
  points: Array<[number, number]>, };

/**
 * Changes the settings for posting.
 */
export type SetRules = { rules: PostingRules,
  /** The confirmation for loosening a limit: "I raise the limits"; empty if none is loosened. */
  confirm: string, who: string, };

/**
 * The user's settings for all projects.
 */
export type Settings = {
  /** system, light or dark. */
  theme: string,
  /** Text size in percent: 100 to 200. */
  text: number,
  /** auto, cpu, cuda or metal: the default in forms. */
  device: string,
  /** Compute threads of jobs; 0: all cores. */
  threads: number,
  /** Folder for new projects; empty: the home folder. */
  folder: string,
  /** The name under which replies are approved and rejected. */
  person: string,
  /** Desktop notifications when a job ends. */
  notify: boolean,
  /** Whether an open project does its due Reddit maintenance automatically: purging what was deleted there, reading scores. */
  maintenance: boolean,
  /** Prevent sleep while a job runs. */
  keep_awake: boolean,
  /** Minutes for which the models of a generation stay in memory for the next one; 0: they do not. */
  keep_models_min: number, };

/**
 * A decision on a reply with unconfirmed delivery.
 */
export type Settle = { "settle": "again",
  /** The hash of the reply as it was shown. */
  seen: string, } | { "settle": "give-up" } | { "settle": "posted",
  /** Of the comment. */
  link: string, };

/**
 * A decision on a reply with unconfirmed delivery.
 */
export type SettleReply = { id: number, settle: Settle, who: string, };

export type SeveralEvaluations = {
  /** Runs (their latest evaluation on the test set), numbers or names of evaluations; the first is what the others are compared with. */
  of: Array<string>, };

export type SeveralRuns = { runs: Array<string>, };

/**
 * The share of the pairs that each partition gets; they need not add up to one.
 */
export type Shares = { train: number, val: number, test: number, };

/**
 * What could tell real replies from fakes instead of an answer that fits its comment.
 */
export type Shortcut = "length" | "markup" | "words" | "reply-only" | "shuffled-comments";

/**
 * The shortcut audit of an evaluation.
 */
export type ShortcutAudit = {
  /** Number of training examples that the classifiers of the shortcuts were fitted to. */
  fitted_on: number,
  /** Sampling seed, also of the shuffled comments. */
  seed: number, shortcuts: Array<ShortcutFigures>,
  /** Number of examples with a suspected wrong label, by confident learning; 0 on the training set, which the model has seen. */
  suspected: number,
  /** The first of them, the least probable label first. */
  suspects: Array<SuspectedLabel>,
  /** Milliseconds since 1970. */
  at_ms: number, };

/**
 * How well a shortcut tells real replies from fakes.
 */
export type ShortcutFigures = { shortcut: Shortcut,
  /** Display name. */
  name: string,
  /** What it sees of an example. */
  sees: string,
  /** Number of examples that it was measured on. */
  examples: number, auc: number | null,
  /** 95% interval of the AUC. */
  interval: Interval | null,
  /** AUC of the model on the same examples, with their comments. */
  model_auc: number | null,
  /** 95% interval of that AUC. */
  model_interval: Interval | null,
  /** Set if the AUC, or its interval, is near the model's; empty: it is not. */
  warning: string,
  /** Its ROC curve: false and true positive rate, at most 100 points. */
  roc: Array<[number, number]>, };

/**
 * A reply as it is shown, and the hash to return with a decision about it.
 */
export type ShownReply = {
  /** The text as it is sent, with its footer; of a draft, as it would be. */
  full_text: string,
  /** The account that posts it, or would; empty: none. */
  account: string,
  /** Where that account posts: `reddit`, `sandbox`, or empty without an account. */
  server: string,
  /** The hash over full text, comment, title, subreddit and account; empty: it cannot be approved. */
  seen: string,
  /** Why an approved reply must be approved again; empty: no need. */
  again: string, };

/**
 * What a running job reports to its front end.
 */
export type Signal = { "event": "started", job: string, kind: string,
  /** Whether it resumes an earlier attempt. */
  resumed: boolean, } | { "event": "progress" } & Progress | { "event": "log", text: string, } | { "event": "visit",
  /** Valid once, and stored nowhere. */
  address: string, } | { "event": "comments",
  /** In the order of their numbers. */
  texts: Array<string>, } | { "event": "drafts",
  /** Those that have grown since the last time. */
  drafts: Array<Draft>, } | { "event": "scores", scores: Array<DraftScore>, };

export type Size = {
  /** Bytes of the file. */
  file: number,
  /** Bytes of its write-ahead log. */
  log: number,
  /** Free bytes within the file, which `compact` releases. */
  free: number,
  /** Families of tables, the largest first. */
  families: Array<Space>, };

/**
 * Row counts of a source. Each row was kept, dropped by a filter, or rejected.
 */
export type SourceCounts = {
  /** Rows seen: lines, rows of a table, elements of a listing. */
  rows: number,
  /** Comments imported; a row of a table gives two. */
  comments: number, posts: number,
  /** Comments and posts new to the project. */
  new: number,
  /** Those that replaced an older copy, or one that is less complete. */
  newer: number,
  /** Those already in the project. */
  known: number,
  /** Comments whose id was in the project with another text, of which nothing says which is newer. One of the two is kept, the same in any order of imports. */
  other_text: number,
  /** Comments and posts left out because they were purged, or deleted on Reddit by what another file shows. */
  purged: number,
  /** Rows that could not be read; they are listed with line and reason. */
  rejected: number,
  /** Rows dropped, by the filter's rule. */
  dropped: { [key in string]: number },
  /** Rows that held NUL characters, which were removed. */
  nul: number,
  /** Rows of a table with a quote that is never closed, which is read as an ordinary character. */
  stray_quotes: number,
  /** Replacements by placeholders, by kind: link, email, phone, user. */
  replaced: { [key in string]: number }, };

/**
 * A source as it is shown.
 */
export type SourceInfo = { id: number, name: string, path: string, format: string,
  /** Permission under which it may be used. */
  permission: Permission,
  /** Note on the permission. */
  note: string, origin: Origin, counts: SourceCounts,
  /** Whether it was read completely. Otherwise its counts are of what is stored: of an import that was interrupted, or is still running. */
  complete: boolean,
  /** The later source in which the rest of an incomplete one is: the same file was read completely with the same settings. */
  rest: number | null,
  /** This file was already imported with the same settings; skipped. */
  already: boolean, label: Label,
  /** Start of the import, milliseconds since 1970. */
  created_ms: number, };

/**
 * Space used by a family of tables.
 */
export type Space = {
  /** comments, pairs, splits, weights, ... */
  family: string,
  /** Bytes of its tables and indexes. */
  bytes: number,
  /** Rows of its main table. */
  rows: number, };

/**
 * Settings of a split; stored with it as JSON.
 */
export type SplitConfig = {
  /** Shares of the partitions, by pairs. */
  shares: Shares,
  /** Edges between the upvote bins; `None`: no reply has a score. */
  edges: BinEdges | null,
  /** What counted as a near-duplicate. */
  near: Near,
  /** Whether it is stratified by upvote bin; false: made by an older version. */
  stratified: boolean,
  /** Threads merged into another because they are the same post, mostly from another source. */
  joined_posts: number,
  /** Threads merged into another because they share a long text. */
  joined_texts: number,
  /** Pairs excluded by the user; they are in no partition. */
  excluded: number,
  /** Pairs in no partition, by the rule that left them out. */
  left_out: Array<LeftOutPairs>, };

/**
 * A split for display.
 */
export type SplitInfo = { name: string, seed: number, config: SplitConfig,
  /** In the order train, val, test. */
  partitions: Array<PartitionInfo>,
  /** Upvote bins missing from a partition, and empty partitions, as text. */
  warnings: Array<string>,
  /** The last audit, if any. */
  audit: Audit | null, label: Label,
  /** Milliseconds since 1970. */
  created_ms: number, };

/**
 * Mean and spread over seeds.
 */
export type Spread = { mean: number,
  /** Sample standard deviation; none with one value. */
  sd: number | null, };

/**
 * A job to start.
 */
export type StartJob = {
  /** A uuid chosen by the caller: repeating a call starts the job once. */
  id: string,
  /** A key of Jobs. */
  kind: string, params: unknown, };

/**
 * Disables an account, or enables it again.
 */
export type StopAccount = { name: string,
  /** Empty: enable. */
  why: string, who: string, };

/**
 * What happens if a queued job fails.
 */
export type StopsQueue = { job: string,
  /** Whether its failure blocks the queue. */
  stops: boolean, };

/**
 * Switches strict mode on or off.
 */
export type StrictStudy = { on: boolean, who: string, };

/**
 * All of it, for front ends.
 */
export type Study = {
  /** Whether the project has Reddit content from archives. */
  needed: boolean,
  /** Names of the sources that need permission. */
  sources: Array<string>,
  /** Whether the question was answered. */
  answered: boolean,
  /** The four kinds, with their status. */
  states: Array<StudyState>,
  /** What is missing or expired, as shown on every chart and export. */
  mark: string | null,
  /** Strict mode: training and posting are refused while a permission is missing. */
  strict: boolean,
  /** All records, the newest first. */
  history: Array<StudyLine>, policy: string,
  /** The policy version that this program knows. */
  policy_version: string, policy_link: string, };

/**
 * The permission that a record is about.
 */
export type StudyKind = "api_access" | "research_program" | "training" | "ethics_board";

/**
 * A record of the history.
 */
export type StudyLine = { id: number, record: StudyRecord, who: string,
  /** Milliseconds since 1970. */
  at_ms: number, };

/**
 * A record of the study, before it is stored.
 */
export type StudyRecord = { kind: StudyKind, decision: Decision,
  /** Day of the decision, YYYY-MM-DD; may be empty unless granted. */
  date: string, scope: string,
  /** Last day, YYYY-MM-DD; empty: no end date. */
  until: string,
  /** Version of the policy that it refers to. */
  policy: string, link: string, note: string, };

/**
 * The status of one kind of permission today.
 */
export type StudyState = { kind: StudyKind,
  /** Whether it is granted and valid today, or not required. */
  holds: boolean,
  /** One sentence without a period: "Permission to train on Reddit content expired on 2027-05-01". */
  words: string,
  /** The newest record, which is the one that counts. */
  record: StudyRecord | null,
  /** It was recorded on another machine, changed by another program, or replaced elsewhere: it must be confirmed here. */
  unconfirmed: boolean, };

/**
 * A subreddit as Reddit shows it, to read before recording a permission.
 */
export type SubredditPreview = {
  /** Without `r/`. */
  subreddit: string, title: string, subscribers: number | null,
  /** Why we may not comment there; empty: we may. */
  closed: string,
  /** Names and texts of its rules. */
  rules: Array<[string, string]>,
  /** The same as JSON, for [`NewPostingPermission::rules`]. */
  rules_json: string, };

/**
 * An example whose label the model's prediction contradicts.
 */
export type SuspectedLabel = {
  /** "pair abc", "fake 12". */
  example: string,
  /** Its class. */
  label: string,
  /** The class that it probably belongs to instead. */
  suspected: string,
  /** The predicted probability of its own class. */
  p: number, };

/**
 * Trains a model with several values of its settings. A job: `sweep`. Its trials are jobs of their own.
 */
export type Sweep = {
  /** The settings that all trials share. Its name is that of the sweep; its seed also samples. */
  config: RunConfig,
  /** Each combination of these values is a configuration. */
  grid: Array<SweptValues>, random: Array<SampledRange>,
  /** Samples of `random` for each combination of `grid`. */
  trials: number,
  /** Each configuration is trained with each of these. */
  seeds: Array<number>,
  /** Whether a trial ends early if its validation loss is worse than the median of earlier trials at the same step. */
  prune: boolean,
  /** Trials that are trained completely before the first one can be pruned. */
  prune_after: number, };

/**
 * A sweep with its results.
 */
export type SweepInfo = { name: string,
  /** generator, realism or upvotes. */
  kind: ModelKind, job: string,
  /** None: its job is gone. */
  state: JobStatus | null,
  /** Name of `value`: "perplexity", "AUC". None: no trial is evaluated yet. */
  metric: string | null,
  /** In the order in which they are trained: all configurations with the first seed, then with the next. */
  trials: Array<TrialInfo>, configurations: Array<ConfigurationInfo>,
  /** Milliseconds since 1970. */
  created_ms: number, };

/**
 * A setting with the values that it takes in a sweep.
 */
export type SweptValues = {
  /** Key in the run config. */
  setting: string,
  /** As typed. */
  values: Array<string>, };

/**
 * A subreddit to disable.
 */
export type SwitchOff = { subreddit: string,
  /** May be empty. */
  why: string, who: string, };

/**
 * Checks which stored threads still exist on Reddit, and purges the rest, to the last byte. A job: `sync`. It should
 * run at least once a day. Imported texts are only checked on request: there can be many.
 */
export type Sync = {
  /** The account for the requests; empty: the one that posts. */
  account: string,
  /** Also check imported comments and posts that are part of pairs: by name, a hundred per call, which does not show what moderators removed. An interrupted check resumes where it stopped. */
  imported: boolean, };

export type Synced = {
  /** Comments and posts that were checked. */
  looked_at: number,
  /** How many of these Reddit answered about. */
  answered: number,
  /** How many of these no longer exist. */
  gone: number,
  /** Imported ones in answers that showed nothing at all, and missing ones from a source of unknown origin: that says more about their ids, or about Reddit's health, than about the texts, so they are kept. */
  doubted: number,
  /** Comments of threads whose texts were wiped, including those past retention. */
  comments: number, posts: number,
  /** Candidates generated from them. */
  candidates: number,
  /** Replies that can no longer be posted. */
  cancelled: number,
  /** Imported comments and posts. */
  imported: number,
  /** Texts of others that quoted them, now redacted. */
  redacted: number,
  /** Pairs of splits that lost their text: what was trained on them is stale. */
  pairs: number,
  /** What was trained on a text that is gone now, or made from something that was, in dependency order, with the command that retrains it. */
  affected: Array<DeletedContent>,
  /** Threads and texts that could not be checked. */
  left_out: LeftOut,
  /** Whether the last traces are gone from the file; false: another process was reading it, the next run does it. */
  scrubbed: boolean,
  /** Files next to the project that may still contain the texts: backups and copies of it. */
  copies: Array<string>, };

/**
 * The numbers behind a chart.
 */
export type Table = { columns: Array<string>,
  /** One cell per column; empty if there is no value. */
  rows: Array<Array<string>>, };

/**
 * How a comment and its reply become one text for the generator: in training, for fakes, and live.
 *
 * Comment, separator, a space, reply, end token. If it is too long, the end of the comment is cut first, down to half
 * of `max_tokens`, then the end of the reply with its end token.
 */
export type Template = { separator: string,
  /** Maximum length of an example in tokens, including the end token. */
  max_tokens: number, };

/**
 * A comment of a thread.
 */
export type ThreadCommentInfo = { id: number,
  /** Number of the comment it answers; none: the post. */
  parent: number | null,
  /** None: unknown, or purged. */
  author: string | null,
  /** Empty: purged. */
  body: string,
  /** None: hidden. */
  score: number | null,
  /** Seconds since 1970. */
  created_utc: number | null,
  /** Nesting level: number of ancestors. */
  level: number,
  /** Why it is not answered; empty: it may be. */
  skip: string,
  /** Its URL; empty: not on Reddit. */
  link: string,
  /** Numbers of the replies to it in the queue. */
  replies: Array<number>, };

/**
 * A thread in a list.
 */
export type ThreadInfo = { id: number,
  /** pasted, file, test pairs or reddit. */
  origin: string,
  /** Empty: unknown. */
  subreddit: string,
  /** Title of the post; empty: there is none, or it was purged. */
  title: string,
  /** Author of the post; none: unknown, or purged. */
  author: string | null,
  /** Reddit's name of the post; none: it is not from Reddit. */
  name: string | null, score: number | null,
  /** Of the post: seconds since 1970. */
  created_utc: number | null, comments: number,
  /** Those that may be answered. */
  open: number,
  /** Milliseconds since 1970. */
  fetched_ms: number,
  /** When its texts are purged; none: never, or they already are. */
  expires_ms: number | null,
  /** Why nothing in it is answered; empty: it may be. */
  skip: string,
  /** Its URL; empty: not on Reddit. */
  link: string, };

/**
 * A thread with its comments.
 */
export type ThreadStory = { thread: ThreadInfo, body: string,
  /** Parents before children. */
  comments: Array<ThreadCommentInfo>, };

/**
 * Trains a model. A job: `train`.
 */
export type Train = {
  /** Stored with the run. */
  config: RunConfig, };

/**
 * Retrains a run without content deleted since, with everything marked that it was made from. A job: `train-again`.
 * Its steps are jobs of their own.
 */
export type TrainAgain = { run: string, };

/**
 * Whether a training is refused.
 */
export type TrainRefusal = {
  /** None: it isn't. */
  refused: EngineError | null, };

/**
 * The result of training.
 */
export type Trained = { run: string,
  /** generator, realism or upvotes. */
  kind: ModelKind,
  /** Whether it did all steps or stopped early. */
  outcome: Outcome,
  /** Optimizer steps done. */
  steps: number,
  /** Lowest validation loss in nats; none without a validation set. */
  best_loss: number | null,
  /** The step with the best validation loss. */
  best_step: number,
  /** Without padding. */
  tokens: number, };

/**
 * The result of retraining.
 */
export type TrainedAgain = {
  /** In order. */
  steps: Array<AgainStep>,
  /** The run that replaces the one that was asked for. */
  trained: Trained, };

/**
 * The fakes that a realism model was trained on, compared with what it scores.
 */
export type TrainedOn = {
  /** At which they were generated. */
  precision: Precision,
  /** Their decoding settings; none: the generation is of an earlier version. */
  sampling: SamplingParams | null,
  /** Whether the same checkpoint of the same generator generated both. */
  same_checkpoint: boolean, };

/**
 * A trial of a sweep.
 */
export type TrialInfo = {
  /** From 1. */
  n: number,
  /** The swept settings with their values. */
  settings: Array<[string, string]>, seed: number,
  /** None: it has not begun, or was deleted. */
  run: string | null,
  /** None: it has not ended. */
  outcome: TrialOutcome | null,
  /** State of its training; none: it has not begun, or has ended. */
  state: JobStatus | null,
  /** Lowest validation loss. */
  loss: number | null,
  /** The step with that loss. */
  step: number | null,
  /** The metric of its best checkpoint on the validation set; none for a pruned one. */
  value: number | null, };

/**
 * How a trial of a sweep ended.
 */
export type TrialOutcome = "finished" | "early-stop" | "stopped" | "pruned" | "failed";

/**
 * Severity of a finding.
 */
export type Verdict = "good" | "note" | "bad";

/**
 * A page of a view.
 */
export type ViewPage = { view: string,
  /** Number of its first row, from 0. */
  from: number,
  /** Number of rows; at most 200 are returned. */
  count: number, };

/**
 * Which pairs to show, and in which order.
 */
export type ViewPairs = {
  /** Only of these subreddits, case-insensitive; empty: all. */
  subreddits: Array<string>,
  /** Only with all of these words in comment and reply together; the last may be a prefix. */
  words: string | null,
  /** Minimum score of the reply. */
  min_score: number | null,
  /** Maximum score of the reply. */
  max_score: number | null,
  /** Only pairs of this split. */
  split: string | null,
  /** Only this partition of the split. */
  partition: Partition | null,
  /** Only from the source with this number. */
  source: number | null,
  /** Only pairs that are excluded from splits; or only the others. */
  excluded: boolean | null, order: PairOrder,
  /** The largest first. */
  descending: boolean, };

/**
 * Request to a running job.
 */
export type Want = "run" | "pause" | "stop" | "cancel" | "discard";

/**
 * Settings of a run.
 */
export type WithConfig = { config: RunConfig, };

/** Every command by name, with its parameters and result. */
export interface Commands {
  /** App info: version, machine, settings, recent projects, and this window's project. */
  "app.get": { params: Nothing; result: AppInfo };
  /** Replaces all settings. */
  "app.settings": { params: Settings; result: Settings };
  /** Removes a project from the list of recent ones; the file stays. */
  "app.forget": { params: At; result: null };
  /** What this machine can do, and what may be missing. */
  "app.doctor": { params: Nothing; result: Doctor };
  /** Previews a file before it is imported. */
  "file.preview": { params: At; result: FilePreview };
  /** Creates a project and opens it in this window. */
  "project.create": { params: At; result: ProjectInfo };
  /** Opens a project in this window. */
  "project.open": { params: At; result: ProjectInfo };
  /** Creates a project for the sample in a folder of its own; the job "demo" fills it. */
  "project.sample": { params: Sample; result: ProjectInfo };
  /** Closes this window's project; its jobs continue. */
  "project.close": { params: Nothing; result: null };
  /** How many windows of this program show this window's project, including this one. */
  "project.windows": { params: Nothing; result: number };
  /** The settings of a run with their descriptions, to build a form from. */
  "run.fields": { params: Nothing; result: Array<Field> };
  /** The default settings of a kind of run. */
  "run.defaults": { params: OfKind; result: RunConfig };
  /** Presets for a kind of run, each with its purpose. */
  "run.presets": { params: OfKind; result: Array<Preset> };
  /** Starts a job in a process of its own. */
  "job.start": { params: StartJob; result: JobInfo };
  /** Deletes an item: it is gone at once, and the returned job removes its rows. */
  "item.delete": { params: DeleteItem; result: JobInfo };
  /** Queues a job: it starts when it is first in the queue and no heavy job runs. */
  "job.queue": { params: QueueJob; result: Queued };
  /** Unblocks the queue: a paused job is resumed, a failed one is skipped. */
  "queue.go-on": { params: Nothing; result: JobQueue };
  /** The models that stay in memory for the next generation of this window's project; none: none do. */
  "models.loaded": { params: Nothing; result: LoadedModels | null };
  /** Releases these models; a generation that uses them finishes first. */
  "models.release": { params: Nothing; result: null };
  /** Resumes a job that is paused, failed or interrupted. */
  "job.resume": { params: OfJob; result: JobInfo };
  /** The state of the project, and the next step. */
  "overview": { params: Nothing; result: Overview };
  /** The steps from the imported comments to three evaluated models, with their state, time and memory. */
  "pipeline.plan": { params: PipelineOptions; result: PipelinePlan };
  /** Queues the steps that remain, and changes those that wait in the queue. */
  "pipeline.queue": { params: PipelineOptions; result: PipelineQueued };
  /** All sources. */
  "sources": { params: Nothing; result: Array<SourceInfo> };
  /** Sets the permission under which a source may be used. */
  "source.permit": { params: Permit; result: SourceInfo };
  /** Rows of a source that could not be read, with line and reason. */
  "source.rejected": { params: RejectedRows; result: Array<Rejected> };
  /** Finds and sorts pairs; pages of the result are read with pairs.rows. */
  "pairs.view": { params: ViewPairs; result: PairsView };
  /** Rows of a view. */
  "pairs.rows": { params: ViewPage; result: Array<PairRow> };
  /** The distribution of pairs by one figure. */
  "pairs.chart": { params: PairsChart; result: Picture };
  /** Draws it into files, and returns those written. */
  "pairs.chart.save": { params: SavePairsChart; result: Array<string> };
  /** One pair with its full texts. */
  "pair.get": { params: OfPair; result: PairRow };
  /** Excludes pairs and authors from splits created afterwards. */
  "pairs.exclude": { params: ExcludePairs; result: Excluded };
  /** Includes excluded pairs and authors again. */
  "pairs.include": { params: IncludePairs; result: Excluded };
  /** All exclusions, with reasons. */
  "pairs.excluded": { params: Nothing; result: Excluded };
  /** Number of pairs per subreddit, the largest first. */
  "pairs.subreddits": { params: Nothing; result: Array<[string, number]> };
  /** Number of replies in each upvote bin. */
  "labels": { params: ByEdges; result: Labels };
  /** All splits with their partitions and last audits. */
  "splits": { params: Nothing; result: Array<SplitInfo> };
  /** Everything that was trained on a text deleted since, or made from something that was. */
  "deleted.content": { params: Nothing; result: Array<DeletedContent> };
  /** The steps that retraining a run without deleted content would take, in order. */
  "run.again": { params: Named; result: Array<AgainStep> };
  /** All bases. */
  "bases": { params: Nothing; result: Array<BaseInfo> };
  /** The size of a base from scratch, with the tokenizer that it will have. */
  "base.estimate": { params: BaseNew; result: BaseEstimate };
  /** Estimate of a run: examples, parameters, memory, steps, time. */
  "run.estimate": { params: WithConfig; result: RunFacts };
  /** All runs, without their samples. */
  "runs": { params: Nothing; result: Array<RunInfo> };
  /** One run with the samples generated during training. */
  "run.get": { params: Named; result: RunInfo };
  /** One metric over a run's steps: step and value. */
  "run.figure": { params: RunFigure; result: Array<[number, number | null]> };
  /** What a run's checkpoint loses at each precision, how fast it is there, and what `auto` takes; none: it has no checkpoint yet. */
  "run.quality": { params: Named; result: RunQuality | null };
  /** The settings in which runs differ. */
  "run.differences": { params: SeveralRuns; result: Array<Difference> };
  /** All checkpoints, with lineage and size. */
  "checkpoints": { params: Nothing; result: Array<CheckpointInfo> };
  /** All sets of fakes. */
  "fakes": { params: Nothing; result: Array<FakesInfo> };
  /** Some fakes next to the real replies. */
  "fakes.rows": { params: FakesPage; result: Array<FakeShown> };
  /** All evaluations. */
  "evaluations": { params: Nothing; result: Array<EvaluationInfo> };
  /** One evaluation. */
  "evaluation.get": { params: Numbered; result: EvaluationInfo };
  /** An evaluation's figures at another threshold, and its points on the curves. */
  "evaluation.at": { params: AtThreshold; result: Judged };
  /** The counts of an evaluation at each threshold: what its ROC and precision-recall curves are drawn from. */
  "evaluation.curves": { params: Numbered; result: EvaluationCurves };
  /** The best or worst predictions of an evaluation. */
  "evaluation.examples": { params: MarkedPage; result: Array<MarkedExample> };
  /** Compares evaluations on the examples that all of them have, with intervals and p values. */
  "evaluation.compare": { params: SeveralEvaluations; result: Comparison };
  /** Draws a chart. */
  "chart": { params: DrawChart; result: Picture };
  /** Draws a chart into files, and returns those written. */
  "chart.save": { params: SaveChart; result: Array<string> };
  /** All generations, the latest first. */
  "generations": { params: Nothing; result: Array<GenerationInfo> };
  /** One generation with its candidates. */
  "generation.get": { params: Numbered; result: Generated };
  /** Applies other criteria to a generation's candidates; nothing is stored. */
  "generation.pick": { params: PickAgain; result: Generated };
  /** Adds one candidate to the queue as a draft, whatever the criteria said; returns the reply. */
  "candidate.queue": { params: JudgeReply; result: ReplyInfo };
  /** Replies of the queue. */
  "queue": { params: OfState; result: Array<ReplyInfo> };
  /** One reply with what it answers and its history. */
  "reply.get": { params: Numbered; result: ReplyStory };
  /** Edits a reply's text; an approved reply returns to draft. */
  "reply.edit": { params: EditReply; result: ReplyInfo };
  /** Approves one reply as it was shown. */
  "reply.approve": { params: ApproveReply; result: ReplyInfo };
  /** Rejects one reply. */
  "reply.reject": { params: JudgeReply; result: ReplyInfo };
  /** Returns a rejected, canceled or approved reply to draft, unless it is being posted or was posted. */
  "reply.redraft": { params: JudgeReply; result: ReplyInfo };
  /** Records that the user posted an approved reply manually. */
  "reply.posted": { params: PostedReply; result: ReplyInfo };
  /** Renames a source, split, base, run, set of fakes, evaluation or generation. */
  "item.rename": { params: RenameItem; result: ItemInfo };
  /** Sets an item's note, and adds and removes tags. */
  "item.label": { params: LabelItem; result: ItemInfo };
  /** What deleting an item also deletes. */
  "item.dependents": { params: ItemRef; result: Dependents };
  /** All jobs, the newest first. */
  "jobs": { params: Nothing; result: Array<JobInfo> };
  /** One job. */
  "job.get": { params: OfJob; result: JobInfo };
  /** The log of a job. */
  "job.log": { params: OfJob; result: Array<JobLine> };
  /** Pauses a job, in whichever process it runs. */
  "job.pause": { params: OfJob; result: JobInfo };
  /** Cancels a job. */
  "job.cancel": { params: OfJob; result: JobInfo };
  /** Finishes a training early and keeps its checkpoint; any other job ends and keeps what it has stored. */
  "job.stop": { params: OfJob; result: JobInfo };
  /** Cancels a training and removes its checkpoints. */
  "job.discard": { params: OfJob; result: JobInfo };
  /** The queue of jobs, in order. */
  "job.waiting": { params: Nothing; result: JobQueue };
  /** Moves a queued job, and returns the queue. */
  "job.move": { params: MoveJob; result: JobQueue };
  /** Sets whether the failure of a queued job blocks the queue. */
  "job.stops-queue": { params: StopsQueue; result: JobInfo };
  /** Exports pairs to a file; returns their number. */
  "export.pairs": { params: ExportPairs; result: number };
  /** Exports the predictions of an evaluation to a file; returns their number. */
  "export.predictions": { params: ExportPredictions; result: number };
  /** Exports a run's checkpoint as a folder in Hugging Face layout. */
  "export.run": { params: ExportModel; result: string };
  /** Exports a base as a folder in Hugging Face layout. */
  "export.base": { params: ExportModel; result: string };
  /** Writes the report of a run as an HTML page and as Markdown, and returns the files. */
  "export.report": { params: ExportReport; result: Array<string> };
  /** Exports the queue to a file; returns the number of replies. */
  "export.queue": { params: ExportQueue; result: number };
  /** Verifies the whole project file. */
  "check": { params: Nothing; result: Checked };
  /** Frees the disk space of deleted items. */
  "compact": { params: Nothing; result: Compacted };
  /** Space used, by family of tables. */
  "size": { params: Nothing; result: Size };
  /** All accounts, with what each still needs before it can post. */
  "accounts": { params: Nothing; result: Array<AccountInfo> };
  /** Adds an account, or changes the one of this name. */
  "account.put": { params: PutAccount; result: AccountInfo };
  /** Removes an account from the project. */
  "account.remove": { params: OfAccount; result: null };
  /** Records whether Reddit labels an account as an app. */
  "account.label": { params: LabelAccount; result: AccountInfo };
  /** Disables all posting of an account, or enables it again. */
  "account.stop": { params: StopAccount; result: AccountInfo };
  /** Logs an account out; the job "login" logs it in. */
  "account.logout": { params: OfAccount; result: AccountInfo };
  /** Passes the URL at which the browser ended to the login that waits for it. */
  "login.paste": { params: PastedLogin; result: null };
  /** The identity of this project file, and whether it must be confirmed before anything is posted from it. */
  "posting.file": { params: Nothing; result: ProjectFile };
  /** Confirms this file as the one to continue with. */
  "posting.adopt": { params: ByPerson; result: ProjectFile };
  /** The settings for posting. */
  "posting.rules": { params: Nothing; result: PostingRules };
  /** Replaces the settings for posting; loosening a limit requires a typed confirmation. */
  "posting.rules.set": { params: SetRules; result: PostingRules };
  /** The permissions for posting. */
  "posting.permissions": { params: Nothing; result: Array<PostingPermissionInfo> };
  /** Records that posting is permitted in a subreddit. */
  "posting.permissions.put": { params: RecordPostingPermission; result: PostingPermissionInfo };
  /** Disables posting in a subreddit. */
  "posting.permissions.off": { params: SwitchOff; result: PostingPermissionInfo };
  /** Confirms a record of an account or subreddit that was made on another machine. */
  "record.confirm": { params: ConfirmRecord; result: null };
  /** Reads a subreddit and its rules from Reddit; nothing is stored. */
  "subreddit.preview": { params: PreviewSubreddit; result: SubredditPreview };
  /** Opt-outs, those to be decided first. */
  "optouts": { params: Nothing; result: Array<OptOutInfo> };
  /** Adds an opt-out. */
  "optout.add": { params: OptOutNew; result: Array<OptOutInfo> };
  /** Decides an opt-out. */
  "optout.decide": { params: OptOutVerdict; result: Array<OptOutInfo> };
  /** All threads, the latest first. */
  "threads": { params: Nothing; result: Array<ThreadInfo> };
  /** One thread with its comments. */
  "thread.get": { params: Numbered; result: ThreadStory };
  /** Exports threads to a file; returns their number. */
  "threads.export": { params: ExportThreads; result: number };
  /** Imports threads from such a file, without network. */
  "threads.import": { params: At; result: Array<ThreadInfo> };
  /** Posting state of all replies to something on Reddit. */
  "outbox": { params: OfState; result: Array<OutboxInfo> };
  /** Posting state of one reply, with its attempts and what blocks it now. */
  "outbox.get": { params: Numbered; result: OutboxStory };
  /** Decides an uncertain or absent reply. */
  "reply.settle": { params: SettleReply; result: OutboxStory };
  /** Deletes a posted reply on Reddit, as it was shown. */
  "reply.withdraw": { params: ApproveReply; result: OutboxStory };
  /** Deletes duplicates of a posted reply. */
  "reply.delete-duplicates": { params: ApproveReply; result: OutboxStory };
  /** Previews an edit of a posted reply: the full text, and the hash to edit it by. */
  "reply.rewrite.preview": { params: PreviewRewrite; result: ShownReply };
  /** Edits a posted reply on Reddit, as it was previewed. */
  "reply.rewrite": { params: RewriteReply; result: OutboxStory };
  /** The outcomes of posted replies, next to the predictions. */
  "outcomes": { params: Nothing; result: Outcomes };
  /** Draws the outcomes. */
  "outcomes.chart": { params: Nothing; result: Picture };
  /** Draws them into files, and returns those written. */
  "outcomes.chart.save": { params: IntoFiles; result: Array<string> };
  /** The audit log, the newest first. */
  "audit": { params: AuditPage; result: Array<AuditLine> };
  /** Purges texts past their retention. */
  "forget.expired": { params: Nothing; result: Synced };
  /** Purges comments and posts by their names, with everything generated from them. */
  "forget.names": { params: ForgetNames; result: Synced };
  /** The permissions of the study: what is recorded, and what is missing. */
  "study": { params: Nothing; result: Study };
  /** Adds records; the newest of a kind counts. */
  "study.record": { params: RecordStudy; result: Study };
  /** Ends a permission early. */
  "study.end": { params: EndStudy; result: Study };
  /** Switches strict mode: whether training and posting are refused while a permission is missing. */
  "study.strict": { params: StrictStudy; result: Study };
  /** Whether a training with these settings is refused because a permission is missing. */
  "study.train": { params: WithConfig; result: TrainRefusal };
  /** Sets where the text of a source comes from. */
  "source.origin": { params: SayOrigin; result: SourceInfo };
  /** What must be answered before an import may start. */
  "import.question": { params: AskImport; result: ImportQuestion };
}

/** Every kind of job, with its parameters and outcome. */
export interface Jobs {
  "base-add": { params: BaseAdd; outcome: BaseInfo };
  "base-new": { params: BaseNew; outcome: BaseInfo };
  "import": { params: Import; outcome: Imported };
  "pairs": { params: BuildPairs; outcome: PairsBuilt };
  "split": { params: MakeSplit; outcome: SplitInfo };
  "audit": { params: AuditSplit; outcome: Audit };
  "train": { params: Train; outcome: Trained };
  "train-again": { params: TrainAgain; outcome: TrainedAgain };
  "rerun": { params: Rerun; outcome: Reran };
  "sweep": { params: Sweep; outcome: SweepInfo };
  "fakes": { params: MakeFakes; outcome: FakesInfo };
  "generate": { params: Generate; outcome: Generated };
  "evaluate": { params: Evaluate; outcome: EvaluationInfo };
  "quality": { params: MeasureQuality; outcome: QualityMeasured };
  "shortcuts": { params: AuditEvaluation; outcome: EvaluationAudited };
  "decoding": { params: MeasureDecoding; outcome: DecodingMeasured };
  "demo": { params: Demo; outcome: DemoReport };
  "delete": { params: Delete; outcome: Removed };
  "draft": { params: DraftReplies; outcome: Drafted };
  "login": { params: LogIn; outcome: AccountInfo };
  "fetch": { params: Fetch; outcome: Fetched };
  "post": { params: Post; outcome: PostReport };
  "reconcile": { params: Reconcile; outcome: Reconciled };
  "sync": { params: Sync; outcome: Synced };
  "outcomes": { params: ReadOutcomes; outcome: OutcomesRead };
  "maintenance": { params: Maintenance; outcome: Maintained };
  "sandbox": { params: Sandbox; outcome: SandboxClosed };
}

/** The families of tables that each query reads: when one of them changes, its results are stale. */
export const READS = {
  "run.fields": [],
  "run.defaults": [],
  "run.presets": [],
  "overview": ["sources", "pairs", "splits", "bases", "runs", "fakes", "evaluations", "threads", "queue", "outcomes", "reddit", "jobs", "settings"],
  "pipeline.plan": ["sources", "pairs", "splits", "bases", "runs", "fakes", "evaluations", "settings", "jobs"],
  "sources": ["sources"],
  "source.rejected": ["sources"],
  "pairs.view": ["pairs", "splits"],
  "pairs.rows": ["pairs"],
  "pairs.chart": ["pairs", "splits", "settings", "sources", "bases"],
  "pair.get": ["pairs"],
  "pairs.excluded": ["pairs"],
  "pairs.subreddits": ["pairs"],
  "labels": ["pairs"],
  "splits": ["splits", "pairs"],
  "deleted.content": ["bases", "runs", "fakes", "evaluations", "threads"],
  "run.again": ["bases", "runs", "fakes"],
  "bases": ["bases"],
  "base.estimate": ["pairs", "splits"],
  "run.estimate": ["pairs", "splits", "bases", "fakes", "runs"],
  "runs": ["runs", "jobs"],
  "run.get": ["runs", "pairs", "jobs"],
  "run.figure": ["runs"],
  "run.quality": ["runs"],
  "run.differences": ["runs"],
  "checkpoints": ["runs", "bases", "splits"],
  "fakes": ["fakes", "splits"],
  "fakes.rows": ["fakes", "pairs", "splits"],
  "evaluations": ["evaluations", "splits", "bases", "fakes", "settings", "sources"],
  "evaluation.get": ["evaluations", "splits", "bases", "fakes", "settings", "sources"],
  "evaluation.at": ["evaluations", "splits", "bases", "fakes", "settings", "sources"],
  "evaluation.curves": ["evaluations", "splits", "bases", "fakes", "settings", "sources"],
  "evaluation.examples": ["evaluations", "pairs", "splits", "bases", "fakes", "settings", "sources"],
  "evaluation.compare": ["runs", "evaluations", "splits", "bases", "fakes", "settings", "sources"],
  "chart": ["runs", "evaluations", "splits", "bases", "fakes", "settings", "sources"],
  "generations": ["threads"],
  "generation.get": ["threads", "queue", "pairs"],
  "generation.pick": ["threads", "queue", "pairs"],
  "queue": ["queue", "threads", "reddit", "settings"],
  "reply.get": ["queue", "threads", "reddit", "settings"],
  "item.dependents": ["sources", "pairs", "splits", "bases", "runs", "fakes", "evaluations", "threads", "queue"],
  "jobs": ["jobs"],
  "job.get": ["jobs"],
  "job.log": ["jobs"],
  "job.waiting": ["jobs"],
  "size": ["sources", "pairs", "splits", "bases", "runs", "fakes", "evaluations", "threads", "queue", "outcomes", "reddit"],
  "accounts": ["reddit", "settings"],
  "posting.file": ["settings"],
  "posting.rules": ["settings"],
  "posting.permissions": ["reddit", "settings"],
  "optouts": ["reddit"],
  "threads": ["threads", "reddit", "settings"],
  "thread.get": ["threads", "queue", "reddit", "settings"],
  "outbox": ["queue", "threads", "reddit", "settings"],
  "outbox.get": ["queue", "threads", "reddit", "settings", "sources", "bases"],
  "reply.rewrite.preview": ["queue", "threads", "reddit", "settings"],
  "outcomes": ["queue", "outcomes", "threads", "runs", "splits"],
  "outcomes.chart": ["queue", "outcomes", "threads", "runs", "splits", "settings", "sources", "bases"],
  "audit": ["reddit"],
  "study": ["settings", "sources", "bases"],
  "study.train": ["settings", "sources", "splits", "bases", "fakes"],
  "import.question": ["settings", "sources", "bases"],
} as const satisfies { readonly [C in keyof Commands]?: readonly Family[] };
