// Written by `cargo run -p repartee-engine --example typescript`; a test fails when it is stale.

/**
 * What Reddit said of an account, and when.
 */
export type AccountFacts = {
  /** When it was last asked, milliseconds since 1970; none: never. */
  checked_ms: number | null,
  /** The last login that worked. */
  login_ms: number | null,
  /** What the login allows, separated by blanks. */
  scope: string,
  /** Reddit has suspended it. */
  suspended: boolean,
  /** Karma of posts and comments. */
  karma: number | null,
  /** When it was made: seconds since 1970. */
  created_utc: number | null,
  /** Its e-mail address is confirmed. */
  verified: boolean,
  /** Comments of its last hundred that this project did not post: an account of a bot does nothing else. */
  strangers: number, };

/**
 * An account as it is shown.
 */
export type AccountInfo = {
  /** Reddit's name of it, without `u/`. */
  name: string,
  /** Id of its app. */
  client_id: string,
  /** script, installed or web. */
  app: string,
  /** The person's own account, which the footer names. */
  operator: string,
  /** Another address than Reddit's; empty: Reddit. */
  host: string,
  /** The port at which a login in the browser ends. */
  port: number,
  /** How Reddit approved the use; empty: nobody has said, and nothing is posted. */
  approval: string,
  /** Who said that Reddit shows it as an app; empty: nobody, and nothing is posted. */
  labelled_by: string,
  /** What Reddit said of it. */
  facts: AccountFacts,
  /** Nothing is posted before this, milliseconds since 1970; 0: no pause. */
  pause_ms: number,
  /** Why nothing is posted until a person has looked; empty: nothing speaks against it. */
  stopped: string,
  /** What is missing before it can post, in words; empty: nothing. */
  missing: Array<string>,
  /** Why what is recorded of it has to be confirmed, to go after "it was"; empty: it need not. */
  unconfirmed: string,
  /** The hash over what is recorded of it, to confirm it by. */
  seen: string, };

/**
 * A step of making a run again without what was deleted.
 */
export type AgainStep = {
  /** base, run or fakes. */
  kind: string,
  /** What is made again. */
  old: string,
  /** The name of the new one. */
  new: string, };

/**
 * A comment with its candidates.
 */
export type Answered = {
  /** The thread's number in the project. */
  thread: number,
  /** The comment. */
  comment: string,
  /** What was written to it. */
  candidates: Array<CandidateInfo>, };

/**
 * A person's approval of a reply as it was shown.
 */
export type ApproveReply = {
  /** The reply. */
  id: number,
  /** The hash of what was shown, as the reply came with it. */
  seen: string,
  /** Who does it. */
  who: string, };

/**
 * An import that is about to begin.
 */
export type AskImport = {
  /** Its parameters. */
  import: Import, };

/**
 * A file or folder.
 */
export type At = {
  /** Where it lies; `~` is the home folder. */
  path: string, };

/**
 * An evaluation at a threshold.
 */
export type AtThreshold = {
  /** The evaluation, by its number. */
  id: number,
  /** The probability from which on class 1 is said. */
  threshold: number, };

/**
 * A try to post a reply.
 */
export type AttemptInfo = {
  /** Its number, from 1. */
  number: number,
  /** When it began, milliseconds since 1970. */
  started_ms: number,
  /** When it ended; none: nobody came back to tell. */
  ended_ms: number | null,
  /** The HTTP status. */
  status: number | null,
  /** 1 not sent, 2 refused for now, 3 rejected, 4 posted, 5 uncertain. */
  class: number | null,
  /** The beginning of the answer. */
  excerpt: string,
  /** Looks for it that came back with an answer: when, where (own comments, or what answers the parent), and what was found. */
  looks: Array<[number, string, string]>, };

/**
 * What an audit found. It looked at every thread, every pair and every text of any length; texts are
 * equal when their words are, whatever their case, marks and spaces. Long ones are compared by an
 * exact join, too.
 */
export type Audit = {
  /** The split. */
  name: string,
  /** Whether nothing is on two sides. */
  clean: boolean,
  /** Pairs that were looked at. */
  pairs: number,
  /** Texts that were compared: comments and replies. */
  texts: number,
  /** Different ones among them. */
  different_texts: number,
  /** What counted as a near-duplicate. */
  near: Near,
  /** Threads on more than one side. */
  torn_threads: number,
  /** Posts on two sides, under two ids: of two sources, mostly. */
  torn_posts: number,
  /** Pairs of equal comment and equal reply on two sides. */
  equal_pairs: number,
  /** Equal texts on two sides. */
  equal_texts: number,
  /** Near-duplicate texts on two sides. */
  near_duplicates: number,
  /** The only exemption: texts that were deleted, which no model sees. */
  deleted_texts: number,
  /** Pairs that the split leaves out, as it was made. */
  left_out: Array<LeftOutPairs>,
  /** The first of each kind of leak: what is where. */
  examples: Array<string>,
  /** When, milliseconds since 1970. */
  at_ms: number, };

/**
 * Something that a person or the program did.
 */
export type AuditLine = {
  /** Milliseconds since 1970. */
  at_ms: number,
  /** Who: a person, or `repartee` by itself. */
  who: string,
  /** approved, sending, posted, allowed, purged, ... */
  what: string,
  /** Whom or what it concerns: `u/...`, `r/...`, `t1_...`; may be empty. */
  subject: string,
  /** The reply it concerns. */
  reply: number | null,
  /** blake3 of the text that was approved or sent; empty where there is none. */
  hash: string,
  /** More, in words. */
  detail: string, };

/**
 * A part of the audit log.
 */
export type AuditPage = {
  /** Only what concerns this reply. */
  reply: number | null,
  /** At most so many entries, the newest first. */
  limit: number, };

/**
 * Which split to audit. A job: `audit`.
 */
export type AuditSplit = {
  /** Its name. */
  name: string, };

/**
 * A linear axis; `from` lies at the left or lower edge of the plot, `to` at the other.
 */
export type Axis = {
  /** What it measures, with its unit. */
  title: string,
  /** Value at the left or lower edge. */
  from: number,
  /** Value at the right or upper edge. */
  to: number,
  /** Labelled values, as written. */
  ticks: Array<[number, string]>, };

/**
 * A value of the project that cannot be read.
 */
export type BadValue = {
  /** Its table. */
  table: string,
  /** Its row, by the key. */
  row: string,
  /** Its column. */
  column: string,
  /** What is wrong with it. */
  what: string,
  /** What to do. */
  advice: string,
  /** Whether `repartee check --repair` takes care of it. */
  repairable: boolean, };

/**
 * Takes a pretrained model into the project.
 */
export type BaseAdd = {
  /** Its name here. */
  name: string,
  /** A folder in Hugging Face layout, or a hub id, perhaps with `@revision`. */
  from: string, };

/**
 * What a base from scratch would be.
 */
export type BaseEstimate = {
  /** Trainable numbers. */
  parameters: number,
  /** Bytes of the weights. */
  bytes: number,
  /** Entries of the vocabulary that its tokenizer will have. */
  vocabulary: number,
  /** Whether there is nothing to train a tokenizer on yet, so that all three are upper bounds. */
  at_most: boolean, };

/**
 * A base as it is listed.
 */
export type BaseInfo = {
  /** Its name. */
  name: string,
  /** `gpt2` or `bert`. */
  kind: string,
  /** The folder, the hub id with its revision, or "from scratch". */
  origin: string,
  /** Trainable numbers. */
  parameters: number,
  /** Bytes in the project; some may be shared with other models. */
  bytes: number,
  /** Number of blocks. */
  layers: number,
  /** Width. */
  width: number,
  /** The longest input, in tokens. */
  context: number,
  /** Entries of the vocabulary. */
  vocabulary: number,
  /** Tensors of the checkpoint that the model has no use for. */
  unused?: Array<string>,
  /** A person's note and tags. */
  label: Label,
  /** When it was added, milliseconds since 1970. */
  created_ms: number,
  /** Its tokenizer was trained on a text that was deleted since, or it came with the word that it was. */
  deleted_content: boolean, };

/**
 * Starts a small model from scratch, with a tokenizer of its own.
 */
export type BaseNew = {
  /** Its name. */
  name: string,
  /** `gpt2` or `bert`. */
  kind: string,
  /** Number of blocks. */
  layers: number,
  /** Width of the model; a multiple of `heads`. */
  width: number,
  /** Attention heads of each block. */
  heads: number,
  /** The longest input, in tokens. */
  context: number,
  /** Entries of the tokenizer's vocabulary, at most. */
  vocab: number,
  /** A folder with a tokenizer to take instead of training one. */
  tokenizer: string | null,
  /** A split, on whose train side alone the tokenizer is trained; none: on all pairs. */
  split: string | null,
  /** The seed of the first weights. */
  seed: number, };

/**
 * What a model that learned nothing, or little, reaches on the same examples.
 */
export type Baseline = {
  /** unigram, majority class, chance or prior. */
  name: string,
  /** Its value of the same figure, on the same examples. */
  value: number, };

/**
 * Three strictly increasing edges over a reply's score. Bin 0 lies below the first edge, bin 3
 * from the last edge up: a score's bin is the number of edges that it reaches.
 */
export type BinEdges = [number, number, number];

/**
 * Joins all comments to their replies. A job: `pairs`. Doing it again with another recipe adds and
 * removes pairs, except those that a split holds.
 */
export type BuildPairs = {
  /** What makes a comment or reply unfit. */
  recipe: Recipe,
  /** Leaves out noting the words of the pairs: they then cannot be searched. */
  no_search: boolean, };

/**
 * Label bins by edges.
 */
export type ByEdges = {
  /** The three edges; none: the quartiles. */
  edges: [number, number, number] | null, };

/**
 * Who confirms something.
 */
export type ByPerson = {
  /** The person. */
  who: string, };

/**
 * A candidate with its scores and the verdict.
 */
export type CandidateInfo = {
  /** Its number in the project. */
  id: number,
  /** Its number among those of its comment. */
  n: number,
  /** The reply. */
  text: string,
  /** end, or length when it was cut. */
  finish_reason: string,
  /** The probability that a person wrote it. */
  p_real: number | null,
  /** The probability of each upvote bin. */
  bins: [number, number, number, number] | null,
  /** `p1 + 2 p2 + 3 p3`. */
  expected_bin: number | null,
  /** Whether it was picked. */
  picked: boolean,
  /** Why, or why not. */
  reason: string,
  /** The reply of the queue that was made of it. */
  reply: number | null, };

/**
 * What can be drawn.
 */
export type ChartKind = "roc" | "pr" | "confusion" | "calibration" | "scores" | "loss" | "lr" | "throughput";

/**
 * What a check of the project file found.
 */
export type Checked = {
  /** Whether nothing was found. */
  whole: boolean,
  /** What is not ours in the schema of the file: it may be a stranger's. */
  schema: Array<string>,
  /** What SQLite's integrity check says. */
  integrity: Array<string>,
  /** Rows that refer to rows that are not there. */
  references: Array<string>,
  /** Stored tensors and files whose bytes are not those that were stored. */
  blobs: Array<string>,
  /** What is wrong with the index by which pairs are searched. */
  search: Array<string>,
  /** Values that cannot be read: no UTF-8, no JSON, unknown words. */
  rows: Array<BadValue>,
  /** How many blobs were compared with their hash. */
  blobs_checked: number,
  /** How many bytes those have. */
  bytes_checked: number, };

/**
 * A checkpoint as it is listed.
 */
export type CheckpointInfo = {
  /** The run. */
  run: string,
  /** generator, realism or upvotes. */
  kind: RunKind,
  /** The base it started from. */
  base: string,
  /** The split it learnt from. */
  split: string,
  /** best, last, or kept (replaced, but something was made with it). */
  role: string,
  /** Optimizer steps done. */
  step: number,
  /** Bytes of its weights; some may be shared with other checkpoints. */
  bytes: number,
  /** When it was saved, milliseconds since 1970. */
  created_ms: number, };

/**
 * One class against the rest.
 */
export type ClassFigures = {
  /** Its name: "real", "bin 2". */
  name: string,
  /** How many examples are of it. */
  examples: number,
  /** Of it and called so. */
  tp: number,
  /** Of another and called this. */
  fp: number,
  /** Of another and called another. */
  tn: number,
  /** Of it and called another. */
  fn: number,
  /** tp / (tp + fp). */
  precision: number | null,
  /** tp / (tp + fn). */
  recall: number | null,
  /** Harmonic mean of the two. */
  f1: number | null,
  /** Area under its ROC curve, from probabilities. */
  auc: number | null,
  /** Mean precision over its recall. */
  average_precision: number | null, };

/**
 * How the classes of a classifier are weighted in its loss.
 */
export type ClassWeights = "none" | "balanced";

/**
 * What models without learning, or without order of words, reach on the same examples.
 */
export type ClassifierBaseline = {
  /** Always the class that is most common among the measured examples. */
  majority_accuracy: number | null,
  /** The classes' shares of the measured examples as probabilities, for every example alike. */
  prior_log_loss: number | null,
  /** Brier score of the same probabilities. */
  prior_brier: number | null,
  /** Average precision of ranking all examples alike: the share of class 1 (two classes), or the mean share. */
  prior_average_precision: number | null,
  /** AUC (macro mean for more than two classes) of naive Bayes over the words of comment and reply. */
  unigram_auc: number | null,
  /** Its accuracy. */
  unigram_accuracy: number | null, };

/**
 * Figures of a classifier; `None` where a figure does not exist (one class is missing).
 */
export type ClassifierFigures = {
  /** How many examples. */
  examples: number,
  /** Two classes: the probability of class 1 from which on it is said; more classes: none, the most probable is said. */
  threshold: number | null,
  /** Area under the ROC curve of class 1 (two classes), or the mean over the classes (macro). */
  auc: number | null,
  /** The classes that this mean is over, by name: those that occur among the examples. Empty for two classes. */
  auc_over: Array<string>,
  /** Area under the ROC curve of all decisions pooled; more than two classes only. */
  micro_auc: number | null,
  /** Share of right answers. */
  accuracy: number | null,
  /** F1 of class 1 (two classes), or the mean over the classes. */
  f1: number | null,
  /** Precision, likewise. */
  precision: number | null,
  /** Recall, likewise. */
  recall: number | null,
  /** Mean -ln p(truth), nats. */
  log_loss: number | null,
  /** Average precision of class 1 (two classes), or the mean over the classes. */
  average_precision: number | null,
  /** Brier score: mean squared error of p(class 1) for two classes (0 to 1); for more, summed over the classes (0 to 2). */
  brier: number | null,
  /** Expected calibration error over ten bins of p(class 1) for two classes; for more, of the most probable class. */
  calibration_error: number | null,
  /** Agreement beyond chance with squared distance of bins; more than two classes only. */
  quadratic_kappa: number | null,
  /** Rank correlation of the expected bin with the true one; more than two classes only. */
  spearman: number | null,
  /** Each class against the rest. */
  classes: Array<ClassFigures>,
  /** `confusion[truth][called]`. */
  confusion: Array<Array<number>>,
  /** What it has to beat. */
  baseline: ClassifierBaseline, };

/**
 * What kind of thing went wrong. Callers branch on this, never on the text.
 */
export type Code = "usage" | "not-found" | "exists" | "bad-input" | "not-a-project" | "newer-project" | "foreign-project" | "busy" | "disk-full" | "damaged" | "model" | "io" | "negative" | "login" | "refused" | "copied" | "changed" | "permission" | "internal";

/**
 * What giving room back did.
 */
export type Compacted = {
  /** Bytes of the file and its write-ahead log before. */
  before: number,
  /** And after. */
  after: number,
  /** Bytes of tensors that nothing needed any more. */
  collected: number, };

/**
 * A figure of an evaluation beside its baselines.
 */
export type Compared = {
  /** Its key: auc, micro_auc, average_precision, accuracy, f1, log_loss, brier, calibration_error, ... */
  figure: string,
  /** Its name, as a person reads it. */
  name: string,
  /** Its value; none where it does not exist. */
  value: number | null,
  /** Whether less is better. */
  lower_is_better: boolean,
  /** What it has to beat; empty where there is no such thing. */
  baselines: Array<Baseline>,
  /** Whether it beats all of them; none where there is nothing to compare. */
  beats: boolean | null,
  /** What it fails to beat, in words ("worse than the majority class, 0.553"); empty: nothing. */
  worse: string, };

/**
 * A run config as text.
 */
export type ConfigText = {
  /** TOML, every setting under its words. */
  toml: string, };

/**
 * A record that a person confirms on this machine.
 */
export type ConfirmRecord = {
  /** What kind of record. */
  record: RecordKind,
  /** Name of the account or subreddit. */
  name: string,
  /** The hash of what was shown, as the record came with it. */
  seen: string,
  /** Who confirms it. */
  who: string, };

/**
 * Which tokens of a generator's example the loss counts.
 */
export type LossMask = "reply" | "all";

/**
 * What a candidate must have to be picked. The defaults are those of the original bot.
 */
export type Criteria = {
  /** The probability of being real must lie above this; it takes a realism model. None: [`MIN_P_REAL`] where one scores. */
  min_p_real: number | null,
  /** The longest text, in characters. */
  max_chars: number,
  /** The most picks a thread. */
  per_thread: number, };

/**
 * How the learning rate falls after the warm-up.
 */
export type Decay = "linear" | "cosine" | "constant";

/**
 * What was decided.
 */
export type Decision = "granted" | "refused" | "pending" | "withdrawn" | "not_required" | "none";

/**
 * How replies are written. Stored with every fake and every candidate.
 */
export type SamplingParams = {
  /** The longest reply, in tokens. */
  max_new_tokens: number,
  /** Logits are divided by this. Below 1 is safer, above 1 wilder; 0 takes the likeliest token always. */
  temperature: number,
  /** Only the k likeliest tokens are drawn from; 0: all. */
  top_k: number,
  /** Only the likeliest tokens that together have this probability are drawn from; 1: all. */
  top_p: number,
  /** Logits of tokens that occurred already, in the comment or the reply, are divided by this (times it when negative; Keskar et al. 2019); 1: off. */
  repetition_penalty: number,
  /** Names the streams that are drawn from. */
  seed: number, };

/**
 * Removes the rows of what was deleted, and gives their space back. A job: `delete`; what is deleted was
 * decided before ([`Engine::item_delete`]), so that one that was killed goes on from what is still there.
 */
export type Delete = Record<symbol, never>;

/**
 * Which item to delete.
 */
export type DeleteItem = {
  /** What it is. */
  kind: ItemKind,
  /** Its name or number. */
  item: string,
  /** Whether what depends on it goes too; otherwise nothing is deleted when something does. */
  with_dependents: boolean,
  /** [`Dependents::seen`] as it was shown: when it has changed since, nothing is deleted. None: whatever there is now. */
  seen: string | null,
  /** Who does it. */
  who: string, };

/**
 * Something that was trained on a text that was deleted since, or made with something that was.
 */
export type DeletedContent = {
  /** base, run, fakes, evaluation or generation. */
  kind: string,
  /** Its name, or its number. */
  name: string,
  /** Deleted pairs that it has seen itself. */
  pairs: number,
  /** What it was made with that is marked: base, run or fakes; empty: it has seen the text itself. */
  via: string,
  /** Why the text is gone: deleted, removed, absent or asked. */
  why: string,
  /** When the last deletion touched it, milliseconds since 1970. */
  last_ms: number,
  /** The command that makes it again without; empty: it is made again with what it was made with. */
  command: string, };

/**
 * Goes the whole loop in a project that is empty. A job: `demo`. Each step is a job of its own.
 */
export type Demo = {
  /** Synthetic threads, about 16 comments each. */
  threads: number,
  /** Scale of the training steps and of the numbers of fakes: 1 is the real demo, less is for tests. */
  scale: number,
  /** The seed of everything random. */
  seed: number, };

/**
 * What the demo came to.
 */
export type DemoReport = {
  /** The project. */
  project: string,
  /** What was split how. */
  split: SplitInfo,
  /** The fakes. */
  fakes: FakesInfo,
  /** The three models, measured on the test side. */
  evaluations: Array<EvaluationInfo>,
  /** What was written to unseen comments. */
  generated: Generated,
  /** What was fetched from a made-up Reddit, and written to it; nothing was posted. */
  drafted: Drafted,
  /** Where the charts are. */
  charts: Array<string>,
  /** What took how long: a step's name and its seconds. */
  seconds: Array<[string, number]>, };

/**
 * Something that is deleted.
 */
export type Dependent = {
  /** What it is. */
  kind: ItemKind,
  /** Its row. */
  id: number,
  /** Its name, or its number. */
  name: string,
  /** Why it goes: "trained on split main"; empty for the item itself. */
  why: string,
  /** How many steps it is away from the item: 0 for the item itself. */
  depth: number,
  /** How many rows it holds. */
  rows: number,
  /** What these are: pairs, checkpoints, fakes, ... */
  unit: string,
  /** Bytes of weights that nothing else needs. */
  bytes: number, };

/**
 * What deleting an item takes with it.
 */
export type Dependents = {
  /** The item itself first, then what depends on it, each below what it depends on. */
  items: Array<Dependent>,
  /** Replies of the queue that are deleted with it. */
  replies: number,
  /** Of these, approved ones. */
  approved: number,
  /** Replies that were sent or may have been: they stay, with their candidates. */
  kept: number,
  /** A hash over all of this: it changes when anything of it does. */
  seen: string, };

/**
 * What every window shows before a project is open.
 */
export type AppInfo = {
  /** The version of Repartee. */
  version: string,
  /** linux, macos or windows. */
  platform: string,
  /** Processor cores. */
  cores: number,
  /** Devices of this build: auto, cpu, and cuda or metal where they are built in. */
  devices: Array<string>,
  /** Where new projects are made when nothing else is said. */
  folder: string,
  /** The settings. */
  settings: Settings,
  /** Projects that were open before, the latest first. */
  recent: Array<RecentShown>,
  /** The project of the window that asks. */
  project: ProjectInfo | null, };

/**
 * A setting in which runs differ.
 */
export type Difference = {
  /** The setting. */
  setting: string,
  /** Its value in each run, in the order asked for. */
  values: Array<string>, };

/**
 * All that was looked at.
 */
export type Doctor = {
  /** In the order in which a person would ask. */
  findings: Array<Finding>, };

/**
 * A reply that is being written.
 */
export type Draft = {
  /** Number of the comment it answers, from 0. */
  comment: number,
  /** Its number among the replies to that comment, from 0. */
  n: number,
  /** Its text so far. */
  text: string,
  /** end, or length when it was cut; none while it is being written. */
  finish_reason: string | null, };

/**
 * Drafts replies to the comments of threads. A job: `draft`. Its steps are jobs of their own.
 */
export type DraftReplies = {
  /** Threads to fetch first; none: only those that are stored. */
  fetch: Fetch | null,
  /** Stored threads, by their numbers; empty without `fetch`: all that are open. */
  threads: Array<number>,
  /** Comments of a thread that are answered, those with the most points first. */
  comments: number,
  /** Whether the generator sees the title and what stands above a comment; none: as the posting rules say. */
  context: boolean | null,
  /** How replies are written, scored and picked; its own comments come beside those of the threads. */
  generate: Generate, };

/**
 * What a classifier says of a reply that is written.
 */
export type DraftScore = {
  /** Number of the comment it answers, from 0. */
  comment: number,
  /** Its number among the replies to that comment, from 0. */
  n: number,
  /** The probability that a person wrote it; none: not scored by this classifier. */
  p_real: number | null,
  /** The probability of each upvote bin; none: not scored by this classifier. */
  bins: [number, number, number, number] | null, };

/**
 * What drafting came to.
 */
export type Drafted = {
  /** What was fetched; none: nothing was to be. */
  fetched: Fetched | null,
  /** What was written; none: there was no comment to answer. */
  generated: Generated | null,
  /** Threads that could not be read. */
  left_out: LeftOut, };

/**
 * A chart.
 */
export type DrawChart = {
  /** What is drawn. */
  kind: ChartKind,
  /** Runs (their latest evaluation, or their curves) or numbers of evaluations. */
  of: Array<string>,
  /** Another threshold than the evaluation's. */
  threshold: number | null, };

/**
 * A change of a reply's text.
 */
export type EditReply = {
  /** The reply. */
  id: number,
  /** The new text. */
  text: string,
  /** Who does it. */
  who: string, };

/**
 * The end of a permission.
 */
export type EndStudy = {
  /** Which permission. */
  kind: StudyKind,
  /** Why; may be empty. */
  note: string,
  /** Who records it. */
  who: string, };

/**
 * An error as every front end gets it: `{code, message, detail[]}`.
 */
export type EngineError = {
  /** What kind of error it is. */
  code: Code,
  /** What was wrong, where, and what to do, in one or two sentences. What only the command line can do stands last, as "; `repartee ...` does it": the window leaves it out. */
  message: string,
  /** The causes, outermost first, and further places (rows, tensors). */
  detail?: Array<string>, };

/**
 * Measures a checkpoint. A job: `evaluate`.
 */
export type Evaluate = {
  /** The run. */
  run: string,
  /** best or last; none: best. */
  checkpoint: string | null,
  /** Which side of the run's split. */
  partition: Partition,
  /** Realism: another set of fakes than the run was trained on. */
  fakes: string | null,
  /** Examples, at most, drawn by the seed; 0: all. */
  limit: number,
  /** Examples in a batch. */
  batch: number,
  /** Realism: the probability from which on a reply is called real. */
  threshold: number,
  /** Draws the examples. */
  seed: number,
  /** auto, cpu, cuda or metal. */
  device: string, };

/**
 * What an evaluation was made with; stored with it as JSON.
 */
export type EvaluationConfig = {
  /** generator, realism or upvotes. */
  kind: RunKind,
  /** best, last or kept. */
  checkpoint: string,
  /** Steps the checkpoint had been trained. */
  step: number,
  /** Names of the classes; empty for a generator. */
  classes: Array<string>,
  /** The probability from which on class 1 is said; two classes only. */
  threshold: number | null,
  /** How the fakes were written. */
  fakes: FakesConfig | null,
  /** Examples, at most; 0: all. */
  limit: number,
  /** Examples in a batch. */
  batch: number,
  /** What drew the examples. */
  seed: number,
  /** cpu, cuda or metal. */
  device: string,
  /** Threads it computed with. */
  threads: number,
  /** The version of Repartee. */
  version: string, };

/**
 * An evaluation as it is listed and shown.
 */
export type EvaluationInfo = {
  /** Its number. */
  id: number,
  /** What a person calls it; empty: it goes by its number. */
  name: string,
  /** A person's note and tags. */
  label: Label,
  /** The run. */
  run: string,
  /** The split's name. */
  split: string,
  /** Which side. */
  partition: Partition,
  /** The set of fakes, for a realism model. */
  fakes: string | null,
  /** What it was made with. */
  config: EvaluationConfig,
  /** What it found. */
  figures: Figures,
  /** The same, each figure beside its baselines; the first says most. */
  compared: Array<Compared>,
  /** When it was made, milliseconds since 1970. */
  created_ms: number,
  /** Measured on a text that was deleted since, or of a model that was trained on one. */
  deleted_content: boolean,
  /** Examples that the job left out: the figures are without them. */
  left_out: LeftOut,
  /** The mark of the study: what is missing or expired when it is shown. */
  notice?: string, };

/**
 * What was done to a reply.
 */
export type EventInfo = {
  /** Milliseconds since 1970. */
  at_ms: number,
  /** Who did it. */
  who: string,
  /** drafted, edited, approved, posted or rejected. */
  what: string,
  /** The text before an edit, or a person's reason. */
  detail: string, };

/**
 * What to exclude, and why.
 */
export type ExcludePairs = {
  /** Pairs, by their numbers. */
  pairs: Array<string>,
  /** Authors: every pair whose comment or reply is theirs. */
  authors: Array<string>,
  /** Why; it is shown wherever the pair is. */
  reason: string, };

/**
 * Everything that is excluded.
 */
export type Excluded = {
  /** Single pairs, the latest first. */
  pairs: Array<ExcludedPair>,
  /** Authors, by name. */
  authors: Array<ExcludedAuthor>, };

/**
 * An author whose pairs are excluded.
 */
export type ExcludedAuthor = {
  /** The name, without u/. */
  name: string,
  /** Why. */
  reason: string,
  /** Since when, milliseconds since 1970. */
  at_ms: number,
  /** Pairs whose comment or reply is theirs. */
  pairs: number, };

/**
 * A pair that is excluded by itself.
 */
export type ExcludedPair = {
  /** Its number; a string, since some do not fit a JavaScript number. */
  id: string,
  /** Why. */
  reason: string,
  /** Since when, milliseconds since 1970. */
  at_ms: number, };

/**
 * Where a model is to be written.
 */
export type ExportModel = {
  /** The run or the base. */
  name: string,
  /** A folder. */
  path: string,
  /** best or last; none: best. */
  checkpoint: string | null, };

/**
 * Where pairs are to be written.
 */
export type ExportPairs = {
  /** .jsonl or .csv. */
  path: string,
  /** Which split. */
  split: string | null,
  /** Only this side. */
  partition: Partition | null, };

/**
 * Where predictions are to be written.
 */
export type ExportPredictions = {
  /** The evaluation, by its number. */
  evaluation: number,
  /** .jsonl or .csv. */
  path: string, };

/**
 * Where the queue is to be written.
 */
export type ExportQueue = {
  /** .jsonl or .csv. */
  path: string,
  /** Only of this state. */
  state: string | null, };

/**
 * Where threads are to be written.
 */
export type ExportThreads = {
  /** A file; a line of JSON a thread. */
  path: string,
  /** Which, by their numbers; empty: all. */
  threads: Array<number>, };

/**
 * A fake beside the real reply.
 */
export type FakeShown = {
  /** The side both are on. */
  partition: Partition,
  /** The comment. */
  comment: string,
  /** What a person replied. */
  real: string,
  /** What the generator replied. */
  fake: string,
  /** end, or length when it was cut. */
  finish_reason: string, };

/**
 * How a set was made; stored with it as JSON.
 */
export type FakesConfig = {
  /** The generator's run. */
  generator: string,
  /** The step of its checkpoint. */
  step: number,
  /** How comment and reply become one text. */
  template: Template,
  /** How tokens were drawn. */
  sampling: SamplingParams,
  /** Replies a comment. */
  replies: number,
  /** Comments of train, val and test, at most; 0: all. */
  comments: [number, number, number],
  /** cpu, cuda or metal. */
  device: string, };

/**
 * A set of fakes as it is listed.
 */
export type FakesInfo = {
  /** Its name. */
  name: string,
  /** The split's name. */
  split: string,
  /** How it was made. */
  config: FakesConfig,
  /** Fakes of train, val and test. */
  fakes: [number, number, number],
  /** A person's note and tags. */
  label: Label,
  /** When it was made, milliseconds since 1970. */
  created_ms: number,
  /** Written by a generator that was trained on a text that was deleted since, or to such a text. */
  deleted_content: boolean,
  /** Comments that the job left out. */
  left_out: LeftOut, };

/**
 * A page of a set of fakes.
 */
export type FakesPage = {
  /** The set. */
  name: string,
  /** At most so many. */
  limit: number, };

/**
 * Fetches threads. A job: `fetch`.
 */
export type Fetch = {
  /** The account that reads; empty: the one that posts. */
  account: string,
  /** Subreddits whose rising posts are taken; empty: those that are watched. */
  subreddits: Array<string>,
  /** These posts instead: links or names (`t3_...`). */
  posts: Array<string>,
  /** At most so many rising posts. */
  limit: number,
  /** Only posts with at least so many points. */
  min_score: number,
  /** Comments with fewer points are not answered; none: whatever they have. */
  min_comment_score: number | null,
  /** Only posts that are at most so many hours old. */
  max_age_h: number,
  /** Calls spent on what the first answer leaves out of a tree; each brings up to 100 comments. */
  calls: number, };

/**
 * What was fetched.
 */
export type Fetched = {
  /** The threads, in Reddit's order. */
  threads: Array<ThreadInfo>,
  /** Posts that were passed over: name and reason. */
  passed_over: Array<[string, string]>,
  /** Names of comments that Reddit counted and then left out: they are gone. */
  missing: Array<string>,
  /** Comments that were not asked for, as the calls were spent or one failed. */
  unread: number,
  /** Of the posts that were passed over, how many were wanted and could not be read. */
  failed: number, };

/**
 * A setting of a run, to build a form from.
 */
export type Field = {
  /** Its key in the run config. */
  name: string,
  /** What it does, in plain words. */
  help: string,
  /** What it takes. */
  type: FieldType,
  /** The words it may be; empty where it is no choice. */
  choices: Array<string>,
  /** The least it may be, for a number. */
  least: number | null,
  /** The most it may be, for a number; `None`: no limit. */
  most: number | null,
  /** The kinds of run that it means something to. */
  kinds: Array<RunKind>,
  /** Whether most people look at it; the others are folded away. */
  essential: boolean, };

/**
 * What a setting takes.
 */
export type FieldType = "integer" | "number" | "text" | "choice" | "base" | "split" | "fakes";

/**
 * What an evaluation found.
 */
export type Figures = { "of": "generator" } & GeneratorFigures | { "of": "classifier" } & ClassifierFigures;

/**
 * Whether a project file is the one that was last confirmed.
 */
export type FileIs = "new" | "confirmed" | "moved" | "copied" | "replaced" | "from-elsewhere" | "other-ledger";

/**
 * A file before it is imported.
 */
export type FilePreview = {
  /** Where it lies. */
  path: string,
  /** Bytes. */
  bytes: number,
  /** How it would be read; [`Format::Mapped`] needs a mapping, [`Format::Comments`] has one that can be changed. */
  format: Format,
  /** The names of the columns: of a table, or the keys of its first lines. */
  columns: Array<string>,
  /** The first rows, a cell a column. */
  rows: Array<Array<string>>,
  /** For a table: columns whose names say what they are. Comment or reply may be empty still. */
  mapping: Mapping | null, };

/**
 * Rows that an import keeps; every empty or unset field keeps all.
 */
export type Filter = {
  /** Only these subreddits, in any case, with or without `r/`. */
  subreddits: Array<string>,
  /** Only these authors, in any case. */
  authors: Array<string>,
  /** None of these authors, in any case. */
  not_authors: Array<string>,
  /** Least score; a row whose score is unknown passes. */
  min_score: number | null,
  /** Greatest score; a row whose score is unknown passes. */
  max_score: number | null,
  /** Least characters of text (a comment's body, a post's title and text). */
  min_chars: number | null,
  /** Most characters of text. */
  max_chars: number | null,
  /** Earliest time, seconds since 1970; a row without a time passes. */
  after_utc: number | null,
  /** Time before which a row must have been written, seconds since 1970. */
  before_utc: number | null,
  /** Replace links, e-mail addresses, phone numbers and user names in texts by placeholders. */
  placeholders: boolean, };

/**
 * One thing that was looked at.
 */
export type Finding = {
  /** What was looked at. */
  what: string,
  /** How it is to be taken. */
  verdict: Verdict,
  /** What was found, and what to do about it. */
  text: string, };

/**
 * What is to be forgotten.
 */
export type ForgetNames = {
  /** `t1_...` or `t3_...`, or links to them. */
  names: Array<string>,
  /** Who asks for it. */
  who: string, };

/**
 * How a source's file is read.
 */
export type Format = "pushshift" | "bigquery" | "mapped" | "listing" | "comments" | "sample";

/**
 * Writes, scores, picks and queues. A job: `generate`.
 */
export type Generate = {
  /** Comments to answer. */
  comments: Array<Incoming>,
  /** Comments of stored threads beside them, by their numbers; those that were forgotten are left out. */
  stored: Array<number>,
  /** Whether the generator sees the title and what stands above a stored comment. */
  context: boolean,
  /** So many comments of the generator's test side beside them, drawn by the seed. */
  unseen: number,
  /** Where the comments come from: pasted or file. */
  origin: string,
  /** The generator's run. */
  generator: string,
  /** The realism run that scores; none: not scored. */
  realism: string | null,
  /** The upvotes run that scores; none: not scored. */
  upvotes: string | null,
  /** best or last, of all three; none: best. */
  checkpoint: string | null,
  /** Candidates a comment. */
  candidates: number,
  /** Candidates written at once. */
  batch: number,
  /** How tokens are drawn. */
  sampling: SamplingParams,
  /** What is picked. */
  criteria: Criteria,
  /** Whether picks go into the queue. */
  queue: boolean,
  /** auto, cpu, cuda or metal. */
  device: string, };

/**
 * What live generation came to.
 */
export type Generated = {
  /** Its number in the project. */
  generation: number,
  /** The comments with their candidates, in the order given. */
  comments: Array<Answered>,
  /** Replies that are in the queue now. */
  queued: Array<number>,
  /** Comments and candidates that were left out. */
  left_out: LeftOut,
  /** How it was done. */
  config: GenerationConfig, };

/**
 * How a generation was done; stored with it as JSON.
 */
export type GenerationConfig = {
  /** The generator's run. */
  generator: string,
  /** The realism run. */
  realism: string | null,
  /** The upvotes run. */
  upvotes: string | null,
  /** Candidates a comment. */
  candidates: number,
  /** How tokens were drawn. */
  sampling: SamplingParams,
  /** What was picked. */
  criteria: Criteria,
  /** cpu, cuda or metal. */
  device: string, };

/**
 * A generation as it is listed.
 */
export type GenerationInfo = {
  /** Its number. */
  id: number,
  /** What a person calls it; empty: it goes by its number. */
  name: string,
  /** A person's note and tags. */
  label: Label,
  /** How it was done. */
  config: GenerationConfig,
  /** How many candidates it has. */
  candidates: number,
  /** When, milliseconds since 1970. */
  created_ms: number, };

/**
 * Figures of a generator over the tokens of real replies.
 */
export type GeneratorFigures = {
  /** How many replies. */
  examples: number,
  /** How many tokens of replies, their ends included. */
  tokens: number,
  /** Mean -ln p of a token, nats. */
  loss: number | null,
  /** exp of it: over how many equally likely tokens the model hesitates. */
  perplexity: number | null,
  /** The same of a model that knows only how often each token occurs in the training replies. */
  unigram_perplexity: number | null,
  /** The same of a model that knows nothing: the size of the vocabulary. */
  chance_perplexity: number, };

/**
 * The files to read, and what to let in. A job: `import`.
 */
export type Import = {
  /** The files, one source each. */
  files: Array<string>,
  /** What the files are; `None`: told from their content. */
  format: Format | null,
  /** The columns of a table. */
  mapping: Mapping | null,
  /** A name for the source; `None`: the file's name. */
  name: string | null,
  /** Under what permission the text may be used. */
  permission: Permission,
  /** The permission in words: licence, link, who said so. */
  note: string,
  /** Where the text comes from; `None`: told from the files. A table that doesn't tell needs it. */
  origin: Origin | null,
  /** Permissions of the study, recorded before the files are read. Reddit content needs them where the project has none on record; that there is no permission is an answer, too. */
  study: Array<StudyRecord>,
  /** Who records them. */
  who: string,
  /** The rows to let in. */
  filter: Filter, };

/**
 * What an import has to know before it may begin.
 */
export type ImportQuestion = {
  /** Files with Reddit content, while the project has no record about it. */
  reddit: Array<string>,
  /** Tables that don't say whether they are Reddit content. */
  unknown: Array<string>,
  /** What Reddit's policy says. */
  policy: string,
  /** The version of it that this program knows. */
  policy_version: string,
  /** Where it can be read. */
  policy_link: string, };

/**
 * What an import did.
 */
export type Imported = {
  /** One for each file, in the order given. */
  sources: Array<SourceInfo>, };

/**
 * What to take back.
 */
export type IncludePairs = {
  /** Pairs that were excluded by themselves, by their numbers. */
  pairs: Array<string>,
  /** Authors that were excluded. */
  authors: Array<string>, };

/**
 * A comment to answer.
 */
export type Incoming = {
  /** The comment. */
  comment: string,
  /** The thread it stands in; comments that name the same one share a thread. Empty: one of its own. */
  thread: string,
  /** Name of the subreddit; empty: unknown. */
  subreddit: string,
  /** Title of the post; empty: there is none. */
  title: string, };

/**
 * Files of a chart.
 */
export type IntoFiles = {
  /** .svg, .png or .csv; a name without an ending gives all three. */
  files: Array<string>, };

/**
 * An item with a person's words about it.
 */
export type ItemInfo = {
  /** What it is. */
  kind: ItemKind,
  /** Its row; the number that a source, an evaluation or a generation goes by. */
  id: number,
  /** Its name; empty where it goes by its number alone. */
  name: string,
  /** Note and tags. */
  label: Label, };

/**
 * What kind of thing an item is.
 */
export type ItemKind = "source" | "split" | "base" | "run" | "fakes" | "evaluation" | "generation";

/**
 * An item by its kind and what it is called: its name, or for a source, an evaluation or a generation its
 * number.
 */
export type ItemRef = {
  /** What it is. */
  kind: ItemKind,
  /** Its name or number. */
  item: string, };

/**
 * A job as it is listed.
 */
export type JobInfo = {
  /** Its id. */
  id: string,
  /** What it does: import, train, ... */
  kind: string,
  /** queued, waiting (for a process to run it), running, lost (running, but its process is gone: resume it), paused, done, failed or cancelled. */
  state: string,
  /** pause, stop, cancel or discard: what was asked of it, when that is not to run on. */
  want: string | null,
  /** How far it got. */
  progress: Progress | null,
  /** Its result, or its error. */
  outcome: unknown,
  /** Its parameters. */
  params: unknown,
  /** When it was made, milliseconds since 1970. */
  created_ms: number,
  /** When it ended, milliseconds since 1970. */
  ended_ms: number | null,
  /** Its place in the queue, also while it runs or holds the queue up; none: it is not in it. */
  place: number | null,
  /** Whether its failure holds the queue up. */
  stops_queue: boolean, };

/**
 * A line of a job's log.
 */
export type JobLine = {
  /** When, milliseconds since 1970. */
  at_ms: number,
  /** What was said. */
  text: string, };

/**
 * The queue.
 */
export type JobQueue = {
  /** The job of it that runs or holds it up, then those that wait, in order. */
  jobs: Array<JobInfo>,
  /** The job that holds it up: it was paused, or failed and was to stop the queue. */
  held_up_by: string | null, };

/**
 * A person's verdict on a reply.
 */
export type JudgeReply = {
  /** The reply. */
  id: number,
  /** Who does it. */
  who: string,
  /** Why; may be empty. */
  why: string, };

/**
 * A classifier's figures at a threshold.
 */
export type Judged = {
  /** All figures, judged by it. */
  figures: ClassifierFigures,
  /** The same, each beside its baselines. */
  compared: Array<Compared>,
  /** Where the threshold lies on the ROC curve: false and true positive rate; none where the evaluation has not both classes. */
  roc: [number, number] | null,
  /** Where it lies on the curve of precision over recall: recall and precision. */
  precision_recall: [number, number] | null, };

/**
 * What upkeep came to.
 */
export type Maintained = {
  /** What became of uncertain replies, for each account that had some. */
  reconciled: Array<Reconciled>,
  /** What was forgotten, for each account that looked. */
  synced: Array<Synced>,
  /** The readings, for each account that had some due. */
  read: Array<OutcomesRead>,
  /** What did not come through: it is tried again after an hour. */
  failed: Array<string>, };

/**
 * A person's own words about an item.
 */
export type Label = {
  /** Free text; empty: none. */
  note: string,
  /** Short words to find it by, in alphabetical order. */
  tags: Array<string>, };

/**
 * Whether Reddit shows an account as an app.
 */
export type LabelAccount = {
  /** Its name. */
  name: string,
  /** Whether it does. */
  labelled: boolean,
  /** Who saw it. */
  who: string, };

/**
 * A person's words about an item.
 */
export type LabelItem = {
  /** What it is. */
  kind: ItemKind,
  /** Its name or number. */
  item: string,
  /** The new note, empty to remove it; none: it stays. */
  note: string | null,
  /** Tags to add. */
  add: Array<string>,
  /** Tags to remove. */
  remove: Array<string>, };

/**
 * What a choice of edges would make of the scores.
 */
export type Labels = {
  /** The edges that were counted by: those given, else the quartiles. */
  edges: [number, number, number] | null,
  /** Replies in each of the four bins. */
  bins: [number, number, number, number],
  /** Replies whose score is not known: they take no part in upvotes. */
  unscored: number,
  /** The quartiles of the scores. */
  quartiles: [number, number, number] | null, };

/**
 * Items that a job left out.
 */
export type LeftOut = {
  /** How many. */
  count: number,
  /** The first of them. */
  items: Array<LeftOutItem>, };

/**
 * An item that a job left out.
 */
export type LeftOutItem = {
  /** What it is, by its id: "pair abc", "comment 17", "t3_xyz". */
  id: string,
  /** Why it was left out. */
  why: string, };

/**
 * Pairs that a split leaves out, and why.
 */
export type LeftOutPairs = {
  /** `duplicate_text`: a text of the pair, or one nearly like it, is on a side that comes first: train before test, test before val. */
  rule: string,
  /** Pairs, by the side where they would be: train, val, test. */
  pairs: [number, number, number], };

/**
 * Logs an account in, and looks who it is. A job: `login`. Where a browser is needed, a signal says which
 * address to visit.
 */
export type LogIn = {
  /** The account; empty: the one that posts. */
  account: string,
  /** Log in through the browser even if a login is stored. */
  anew: boolean, };

/**
 * A subreddit to look at.
 */
export type PreviewSubreddit = {
  /** Its name. */
  subreddit: string,
  /** The account that looks; empty: the one that posts. */
  account: string, };

/**
 * Writes fakes. A job: `fakes`.
 */
export type MakeFakes = {
  /** A name for the set. */
  name: string,
  /** The generator's run. */
  generator: string,
  /** best or last; none: best. */
  checkpoint: string | null,
  /** Replies a comment. */
  replies: number,
  /** Different comments of train, val and test, at most; 0: all. */
  comments: [number, number, number],
  /** Replies written at once. */
  batch: number,
  /** How tokens are drawn; its seed also draws the comments. */
  sampling: SamplingParams,
  /** auto, cpu, cuda or metal. */
  device: string, };

/**
 * Divides all pairs of the project. A job: `split`. The split is frozen: pairs that come later are
 * on no side of it.
 */
export type MakeSplit = {
  /** Its name. */
  name: string,
  /** The seed of the division. */
  seed: number,
  /** The shares of the sides, by pairs. */
  shares: Shares,
  /** The three edges between the four upvote bins; `None`: quartiles of the train side's scores. */
  edges: [number, number, number] | null,
  /** What counts as a near-duplicate. */
  near: Near, };

/**
 * Which column of a table holds what. Either a row is a pair: `comment` and `reply` are needed. Or a row
 * is one comment: `id`, `parent` and `text` are needed. The rest is optional.
 */
export type Mapping = {
  /** Column of the comment's text, where a row is a pair. */
  comment: string,
  /** Column of the reply's text, where a row is a pair. */
  reply: string,
  /** Column of the score: the reply's, or that of the row's comment. */
  score: string | null,
  /** Column of the comment's score. */
  comment_score: string | null,
  /** Column of the post's text; rows with the same one are one thread. */
  post: string | null,
  /** Column of the post's score. */
  post_score: string | null,
  /** Column of the subreddit. */
  subreddit: string | null,
  /** Column of the post's author. */
  post_author: string | null,
  /** Column of the comment's author. */
  comment_author: string | null,
  /** Column of the author: the reply's, or that of the row's comment. */
  reply_author: string | null,
  /** Column of the time when the reply, or the row's comment, was written. */
  created: string | null,
  /** Column of the row's id, where a row is one comment. */
  id: string | null,
  /** Column of the id of what the row answers. */
  parent: string | null,
  /** Column of the id of the post, or of the conversation's first comment. */
  link: string | null,
  /** Column of the text, where a row is one comment. */
  text: string | null,
  /** Column of a title; a row that has one is a post. */
  title: string | null, };

/**
 * An example of an evaluation, with what the model made of it.
 */
export type MarkedExample = {
  /** The comment. */
  comment: string,
  /** The reply, real or fake. */
  reply: string,
  /** Name of its true class; empty for a generator. */
  truth: string,
  /** Name of the class that it is given: by the threshold, or the most probable of more than two; empty for a generator. */
  called: string,
  /** The probability that the model gave the truth; for a generator, of the mean token of the reply. */
  p: number, };

/**
 * Examples of an evaluation.
 */
export type MarkedPage = {
  /** The evaluation, by its number. */
  id: number,
  /** Those it got most right; otherwise most wrong. */
  best: boolean,
  /** Another threshold than the evaluation's. */
  threshold: number | null,
  /** At most so many. */
  limit: number, };

/**
 * How far one of the three models is.
 */
export type ModelState = {
  /** Which. */
  kind: RunKind,
  /** How many runs there are. */
  runs: number,
  /** A run of this kind that is being trained now. */
  training: string | null,
  /** The last run that was trained to its end. */
  trained: string | null,
  /** How often runs of this kind were evaluated. */
  evaluations: number,
  /** The run that `figure` is of: the last trained one if it was evaluated, else the one that was evaluated last. */
  evaluated: string | null,
  /** The first figure of its last evaluation in words: "AUC 0.756", "perplexity 7.210". */
  figure: string | null,
  /** What that figure fails to beat: "worse than chance 0.500"; empty: nothing. */
  worse: string, };

/**
 * A queued job to move.
 */
export type MoveJob = {
  /** Its id. */
  job: string,
  /** Where to. */
  to: MoveTo, };

/**
 * Where a queued job is moved to.
 */
export type MoveTo = "first" | "last" | { "before": string };

/**
 * A thing by its name.
 */
export type Named = {
  /** Its name. */
  name: string, };

/**
 * What counts as a near-duplicate.
 */
export type Near = {
  /** Words of a shingle. */
  shingle: number,
  /** Least words of a text that is compared by its shingles; shorter ones only count when equal. */
  min_words: number,
  /** Least Jaccard similarity of the shingle sets, above 0 and at most 1. */
  threshold: number, };

/**
 * An account that is to be added, or changed.
 */
export type NewAccount = {
  /** Reddit's name of it, with or without `u/`. */
  name: string,
  /** Id of the app that you registered with Reddit; this program brings none. */
  client_id: string,
  /** script, installed or web: as the app is registered. */
  app: string,
  /** Your own account, which the footer names; empty: the account itself. */
  operator: string,
  /** Another address than Reddit's: a fake on this machine, `http://127.0.0.1:PORT`. Empty: Reddit. */
  host: string,
  /** The port on 127.0.0.1 at which a login in the browser ends. */
  port: number,
  /** How Reddit approved the use: link, date, case. Without it nothing is posted. */
  approval: string, };

/**
 * A permission that is to be recorded.
 */
export type NewPostingPermission = {
  /** The subreddit, with or without `r/`. */
  subreddit: string,
  /** Where the permission was given: a link to the moderators' message or rule. */
  link: string,
  /** More about it. */
  note: string,
  /** When it ends, milliseconds since 1970; none: it does not. */
  expires_ms: number | null,
  /** The rules as the person saw them, JSON as [`SubredditPreview`] gives it; empty: they are taken when the subreddit is first asked about. */
  rules: string, };

/**
 * What a job waits for.
 */
export type Next = {
  /** The reply that is posted then, by its number. */
  reply: number,
  /** When, milliseconds since 1970 by this machine's clock. */
  at_ms: number, };

/**
 * Something that can be done next.
 */
export type NextStep = {
  /** Names the step: settle, review, import, pairs, split, base, train, fakes, evaluate, generate, permit, study; and of Reddit: choose-account, let-go-on, log-in, complete-account, allow, post, post-by-hand, outcomes, fetch, draft. */
  step: string,
  /** What to do, as a person would say it. */
  what: string,
  /** Why. */
  why: string,
  /** For a training or an evaluation: which kind of model. */
  kind: RunKind | null, };

/**
 * Nothing is asked for.
 */
export type Nothing = Record<symbol, never>;

/**
 * What windows are told without asking.
 */
export type AppEvent = { "event": "changed",
  /** sources, pairs, splits, bases, runs, fakes, evaluations, threads, queue, outcomes, reddit, throttle, jobs, settings. */
  families: Array<string>, } | { "event": "job",
  /** Its id. */
  job: string,
  /** What. */
  signal: Signal, } | { "event": "ended",
  /** Its id. */
  job: string,
  /** Its kind. */
  kind: string,
  /** done, paused, failed, cancelled or lost. */
  state: string,
  /** Why it failed. */
  error: EngineError | null, } | { "event": "settings",
  /** As they are now. */
  settings: Settings, };

/**
 * A thing by its number.
 */
export type Numbered = {
  /** Its number. */
  id: number, };

/**
 * Something that speaks against posting a reply now.
 */
export type ObjectionInfo = {
  /** A word for programs; `pace` alone may be passed over, by posting the one reply now. */
  code: string,
  /** The same for a person. */
  words: string,
  /** It passes by itself then, milliseconds since 1970; none: somebody has to do something. */
  until_ms: number | null, };

/**
 * Something a person does to an account.
 */
export type OfAccount = {
  /** Its name. */
  name: string,
  /** Who does it. */
  who: string, };

/**
 * A job by its id.
 */
export type OfJob = {
  /** Its id. */
  job: string, };

/**
 * A kind of model.
 */
export type OfKind = {
  /** Which. */
  kind: RunKind, };

/**
 * A pair.
 */
export type OfPair = {
  /** Its number, as a string. */
  id: string, };

/**
 * Which replies of the queue.
 */
export type OfState = {
  /** Only of this state. */
  state: string | null, };

/**
 * Somebody who does not want to be answered.
 */
export type OptOutInfo = {
  /** user or subreddit. */
  kind: string,
  /** Its name. */
  name: string,
  /** asked (waits for a person, and counts until then), confirmed or declined. */
  state: string,
  /** Why, in words. */
  why: string,
  /** Name of the comment that asked for it; empty: a person did. */
  source: string,
  /** Who recorded or decided it. */
  who: string,
  /** When, milliseconds since 1970. */
  at_ms: number, };

/**
 * Somebody who does not want to be answered.
 */
export type OptOutNew = {
  /** `u/name` or `r/name`. */
  whom: string,
  /** Why; may be empty. */
  why: string,
  /** Who records it. */
  who: string, };

/**
 * A person's verdict on a wish not to be answered.
 */
export type OptOutVerdict = {
  /** `u/name` or `r/name`. */
  whom: string,
  /** Confirmed; otherwise declined: they are answered again. */
  confirmed: boolean,
  /** Who decides. */
  who: string, };

/**
 * Where the text of a source comes from.
 */
export type Origin = "unknown" | "reddit" | "forum" | "support" | "convokit" | "other" | "synthetic";

/**
 * The posting side of a reply.
 */
export type OutboxInfo = {
  /** The reply, by its number. */
  reply: number,
  /** draft, approved, sending, uncertain, absent, posted, rejected, cancelled or withdrawn. */
  state: string,
  /** The account it is posted with; empty: there is none yet. */
  account: string,
  /** Name of the subreddit. */
  subreddit: string,
  /** Who wrote what it answers; none: forgotten. */
  author: string | null,
  /** Reddit's name of the post. */
  post_name: string | null,
  /** Reddit's name of what it answers; none: not on Reddit, it is posted by hand. */
  parent_name: string | null,
  /** Where that stands, as an address. */
  parent_link: string,
  /** The text as it is sent, with its footer; of a draft, as it would be. */
  full_text: string,
  /** Who approved it; empty: nobody. */
  approved_by: string,
  /** When, milliseconds since 1970. */
  approved_ms: number | null,
  /** How often it was tried. */
  attempt: number,
  /** The next try not before this; 0: at any time. */
  not_before_ms: number,
  /** Reddit's name of it, once it is posted. */
  posted_name: string | null,
  /** When it was posted. */
  posted_ms: number | null,
  /** Where it stands; empty: nowhere. */
  link: string,
  /** What stands in the way, or stood: Reddit's code or ours. */
  code: string,
  /** The same in words. */
  detail: string,
  /** Whether only a person can go on with it. */
  needs_person: boolean,
  /** The hash over all that is shown of it: what a decision is about; empty: it cannot be approved. */
  seen: string,
  /** Where the account posts: `reddit`, `sandbox`, or empty without an account. */
  server: string,
  /** Why an approved reply has to be approved again; empty: it need not. */
  again: string, };

/**
 * The posting side of a reply with all its tries.
 */
export type OutboxStory = {
  /** Where it stands. */
  outbox: OutboxInfo,
  /** The tries, in order. */
  attempts: Array<AttemptInfo>,
  /** What speaks against posting it now; of an approved reply. */
  objections: Array<ObjectionInfo>, };

/**
 * How a run ended.
 */
export type Outcome = "finished" | "early-stop" | "stopped" | "paused" | "cancelled";

/**
 * A posted reply with what was foretold and what became of it.
 */
export type OutcomeRow = {
  /** The reply. */
  reply: number,
  /** posted or withdrawn. */
  state: string,
  /** Name of the subreddit. */
  subreddit: string,
  /** Its text, without the footer. */
  text: string,
  /** Where it stands. */
  link: string,
  /** When it was posted, milliseconds since 1970. */
  posted_ms: number | null,
  /** The probability that a person wrote it, as the realism model saw it. */
  p_real: number | null,
  /** The probability of each upvote bin. */
  bins: [number, number, number, number] | null,
  /** The most probable bin, 0 to 3: the same as in the queue. */
  predicted: number | null,
  /** `p1 + 2 p2 + 3 p3`: the same as in the queue. */
  expected_bin: number | null,
  /** The bin of the last score that was read, by the edges of the model's split. */
  actual: number | null,
  /** The readings, in order. */
  readings: Array<Reading>, };

/**
 * All posted replies with what became of them.
 */
export type Outcomes = {
  /** The replies, the latest first. */
  rows: Array<OutcomeRow>,
  /** `counts[actual][predicted]` over the four bins. */
  counts: [[number, number, number, number], [number, number, number, number], [number, number, number, number], [number, number, number, number]],
  /** How many fell into the bin that was foretold. */
  right: number,
  /** How many have both. */
  judged: number,
  /** How many of these are of the most common actual bin: what always predicting it would get right. */
  majority: number,
  /** How many are removed. */
  removed: number, };

/**
 * What reading came to.
 */
export type OutcomesRead = {
  /** Readings that were made. */
  read: number,
  /** Of these, those that found a reply removed. */
  removed: number,
  /** People who asked not to be answered any more; a person decides. */
  asked: number,
  /** Readings that did not come through; the next run makes them. */
  failed: number,
  /** Which replies those are of, and why. */
  left_out: LeftOut, };

/**
 * How far a project is.
 */
export type Overview = {
  /** The file's name without its ending. */
  name: string,
  /** Where it lies. */
  path: string,
  /** Sources that were imported. */
  sources: number,
  /** Those of which nobody has said under what permission they may be used. */
  unpermitted: number,
  /** Comments. */
  comments: number,
  /** Posts. */
  posts: number,
  /** Pairs of comment and reply. */
  pairs: number,
  /** Names of the splits. */
  splits: Array<string>,
  /** Bases. */
  bases: number,
  /** The three models, in the order generator, realism, upvotes. */
  models: Array<ModelState>,
  /** Fakes. */
  fakes: number,
  /** Candidates that were generated. */
  candidates: number,
  /** Replies of the queue by state. */
  queue: QueueCounts,
  /** What there is of Reddit. */
  reddit: RedditState,
  /** Jobs that run or rest. */
  jobs: number,
  /** The mark of the study: what permission is missing or expired. */
  notice?: string,
  /** What to do next, the most useful first; empty when nothing is open. */
  next: Array<NextStep>, };

/**
 * A figure of a pair, whose spread can be looked at.
 */
export type PairFigure = "score" | "comment_length" | "reply_length";

/**
 * What pairs are sorted by; equal ones by their ids. What is not known comes last.
 */
export type PairOrder = "id" | "score" | "comment_length" | "reply_length" | "subreddit" | "created";

/**
 * A pair as a row of a table; long texts are cut there, and whole in [`Engine::pair`].
 */
export type PairRow = {
  /** Its number; a string, since some do not fit a JavaScript number. */
  id: string,
  /** Name of the subreddit; empty: unknown. */
  subreddit: string,
  /** Title of the post, where it was imported. */
  title: string | null,
  /** Text of the comment. */
  comment: string,
  /** Text of the reply. */
  reply: string,
  /** Score of the comment; `None`: unknown. */
  comment_score: number | null,
  /** Score of the reply; `None`: unknown. */
  score: number | null,
  /** When the reply was written, seconds since 1970. */
  created_utc: number | null,
  /** The source it came from, by its number. */
  source: number,
  /** Who wrote the comment; `None`: the source names nobody. */
  comment_author: string | null,
  /** Who wrote the reply. */
  author: string | null,
  /** Why the pair is excluded from splits by itself; `None`: it is not. */
  excluded: string | null,
  /** An excluded author of one of its texts, and why. */
  excluded_author: [string, string] | null, };

/**
 * What the join found, before and after the recipe.
 */
export type PairsBuilt = {
  /** Comments in the project. */
  comments: number,
  /** Those that answer a comment, not a post. */
  replies: number,
  /** Those whose comment is in the project too: pairs before the recipe. */
  joined: number,
  /** How many the recipe dropped, by the first rule that applied. */
  dropped: Array<[string, number]>,
  /** Pairs after the recipe. */
  kept: number,
  /** Those that were not there before. */
  new: number,
  /** Pairs that were there and no longer pass. */
  removed: number,
  /** Pairs that pass, of which one author or both are `[deleted]`. */
  unknown_authors: number, };

/**
 * How pairs are spread.
 */
export type PairsChart = {
  /** By which figure. */
  figure: PairFigure,
  /** Which pairs. */
  pairs: ViewPairs, };

/**
 * A list of pairs that stays as it is while a person scrolls through it.
 */
export type PairsView = {
  /** Names the list in [`Engine::view_rows`]. */
  view: string,
  /** How many pairs it has. */
  total: number, };

/**
 * The address at which the browser ended a login.
 */
export type PastedLogin = {
  /** The account that is logged in. */
  account: string,
  /** The address, as the person pasted it. */
  address: string, };

/**
 * Under what permission a source may be used. No dump of Reddit carries a licence, so a person
 * says what holds, in a choice and in words.
 */
export type Permission = "unknown" | "own" | "consent" | "open-licence" | "reddit-approved" | "research" | "synthetic";

/**
 * What is known of a source's permission.
 */
export type Permit = {
  /** The source, by its number. */
  source: number,
  /** Under what permission it may be used. */
  permission: Permission,
  /** In words: licence, link, who said so. */
  note: string, };

/**
 * A permission as it is shown.
 */
export type PostingPermissionInfo = {
  /** The subreddit, without `r/`. */
  subreddit: string,
  /** Where the permission was given. */
  link: string,
  /** More about it. */
  note: string,
  /** Who recorded it. */
  who: string,
  /** When, milliseconds since 1970. */
  given_ms: number,
  /** When it ends; none: it does not. */
  expires_ms: number | null,
  /** When Reddit was last asked about the subreddit. */
  checked_ms: number | null,
  /** Why nothing is posted there all the same; empty: nothing speaks against it. */
  off: string,
  /** Nothing is posted there before this; 0: no pause. */
  pause_ms: number,
  /** Why it has to be confirmed, to go after "it was"; empty: it need not. */
  unconfirmed: string,
  /** The hash over what is recorded, to confirm it by. */
  seen: string, };

/**
 * A generation by other criteria.
 */
export type PickAgain = {
  /** The generation, by its number. */
  id: number,
  /** The criteria. */
  criteria: Criteria, };

/**
 * A drawn picture.
 */
export type Picture = {
  /** The SVG, without style sheet, script or reference to anything outside. */
  svg: string,
  /** Width in pixels; the view box is twice as wide, since plotters rounds to whole units. */
  width: number,
  /** Height in pixels; the view box is twice as high. */
  height: number,
  /** Where the data lie, in units of the view box. */
  plot: Rect,
  /** The horizontal axis. */
  x: Axis,
  /** The vertical axis. */
  y: Axis,
  /** What was drawn, in the order of the legend. */
  series: Array<Series>,
  /** The figures. */
  table: Table, };

/**
 * Posts approved replies. A job: `post`.
 */
export type Post = {
  /** The account; empty: the one that posts. */
  account: string,
  /** These replies, by their numbers; empty: all that are approved. */
  replies: Array<number>,
  /** Whether anything is sent. None: where an account with an approval and a permission are recorded; otherwise it is a dry run, which only looks. */
  live: boolean | null,
  /** Wait for pauses, caps and what is uncertain until all are posted, rather than end. */
  wait: boolean,
  /** Do not wait for the pause between two replies; for one named reply. Caps, hours and whatever Reddit asks for hold all the same. */
  skip_pause: boolean, };

/**
 * What posting came to.
 */
export type PostReport = {
  /** The account; empty in a dry run without one. */
  account: string,
  /** Whether anything could be sent. */
  live: boolean,
  /** The replies that were looked at. */
  replies: Array<PostedInfo>,
  /** When the next of them may go out, milliseconds since 1970. */
  next_ms: number | null, };

/**
 * What became of a reply, or would.
 */
export type PostedInfo = {
  /** The reply. */
  reply: number,
  /** Its state now; in a dry run `ready` when nothing speaks against it. */
  state: string,
  /** What stands in the way: Reddit's code or ours; empty: nothing. */
  code: string,
  /** The same in words. */
  detail: string,
  /** Where it stands. */
  link: string,
  /** The next try not before this; 0: at any time. */
  not_before_ms: number, };

/**
 * A reply that a person posted by hand.
 */
export type PostedReply = {
  /** The reply. */
  id: number,
  /** Who did it. */
  who: string,
  /** The link to it; may be empty. */
  link: string,
  /** The hash of what was shown, as the reply came with it. */
  seen: string, };

/**
 * The settings that posting obeys.
 */
export type PostingRules = {
  /** The account that posts; empty: the only one there is. */
  account: string,
  /** Subreddits whose rising posts are fetched. */
  watched: Array<string>,
  /** Replies that an account posts in 24 hours, at most; half of it in its first week. */
  per_day: number,
  /** The same for one subreddit. */
  per_subreddit: number,
  /** Replies under one post, ever. */
  per_thread: number,
  /** Replies to one author in 24 hours. */
  per_author: number,
  /** Minutes between two replies of an account, at least. */
  pause_min: number,
  /** So much of the pause is added by chance, at most: 0.5 makes 10 minutes 10 to 15. */
  jitter: number,
  /** Hours of the day in which replies are posted, from 0 to 24; none: all. `[22, 6]` goes over midnight. */
  hours: [number, number] | null,
  /** Days on which replies are posted, 1 (Monday) to 7; empty: all. */
  days: Array<number>,
  /** What the clock of hours and days is ahead of UTC, in minutes. */
  utc_offset_min: number,
  /** Whether the footer is put under every reply. Without it nothing is posted but by hand. */
  footer: boolean,
  /** The footer; `{model}`, `{account}` and `{operator}` are filled in. */
  footer_text: string,
  /** A reply is refused when this share of its word triples stands in one of our last 500. */
  max_similar: number,
  /** A reply is refused when this share of its word triples stands in what it answers. */
  max_echo: number,
  /** A reply is refused when one of these words stands in it, or in what it answers. */
  words: Array<string>,
  /** Whether the generator sees the title and what stands above a comment. */
  context: boolean,
  /** Comments above it that the generator sees, at most 6. */
  context_comments: number,
  /** Hours after which the texts of fetched threads are forgotten, at most 48. */
  keep_h: number, };

/**
 * Serves a made-up Reddit until it is stopped, or nobody has asked it anything for an hour. A job: `sandbox`.
 */
export type Sandbox = {
  /** The port on 127.0.0.1; 0: any that is free. */
  port: number,
  /** Threads that there are. */
  posts: number,
  /** Decides them. A project should keep to one: names of another would be taken for the same. */
  seed: number, };

/**
 * What a practice came to.
 */
export type SandboxClosed = {
  /** Replies that were posted meanwhile. */
  posted: number, };

/**
 * A good choice of settings for a purpose.
 */
export type Preset = {
  /** A few words. */
  name: string,
  /** When to take it. */
  help: string,
  /** The settings. */
  config: RunConfig, };

/**
 * A posted reply with another text.
 */
export type PreviewRewrite = {
  /** The reply. */
  id: number,
  /** The new text, without the footer. */
  text: string, };

/**
 * How far a job is.
 */
export type Progress = {
  /** What is being done: "reading RC_2019-04.zst", "training". */
  phase: string,
  /** How much of it is done, in `unit`. */
  done: number,
  /** How much there is, where that is known. */
  total: number | null,
  /** What is counted: "bytes", "rows", "steps", "comments". */
  unit: string,
  /** The figures of the moment in a few words: "loss 3.21, 1,240 tokens/s". */
  note: string,
  /** Seconds left in this phase, from its pace so far. Filled in by [`Ctx::tick`]. */
  eta_s: number | null,
  /** What the job waits for; none: it does not wait. */
  next?: Next, };

/**
 * Which file a project is.
 */
export type ProjectFile = {
  /** Whether it is the one that was last confirmed. */
  is: FileIs,
  /** Whether a person has to confirm it before anything is posted from it. */
  asks: boolean,
  /** What is the matter, and what confirming means; empty where nothing is asked. */
  words: string,
  /** Where it is. */
  path: string,
  /** Where it was when it was last confirmed; empty: never. */
  last_path: string, };

/**
 * An open project.
 */
export type ProjectInfo = {
  /** Where it lies. */
  path: string,
  /** The file's name without its ending. */
  name: string,
  /** Bytes of the file. */
  bytes: number, };

/**
 * An account to add or change.
 */
export type PutAccount = {
  /** The account. */
  account: NewAccount,
  /** Who does it. */
  who: string, };

/**
 * How many replies are where.
 */
export type QueueCounts = {
  /** Wait for a person. */
  draft: number,
  /** A person wants them posted. */
  approved: number,
  /** Are being sent. */
  sending: number,
  /** Were sent, and nobody knows whether they arrived. */
  uncertain: number,
  /** Were looked for and are not there: a person decides. */
  absent: number,
  /** Stand where they were to stand. */
  posted: number,
  /** A person does not want them, or Reddit refused them for good. */
  rejected: number,
  /** Will not be posted: what they answer is gone or locked, or a person gave up. */
  cancelled: number,
  /** Stood there and were taken back. */
  withdrawn: number, };

/**
 * A job to put into the queue.
 */
export type QueueJob = {
  /** A uuid that the caller made: queueing it twice queues it once. */
  id: string,
  /** Which kind of job: a key of Jobs. */
  kind: string,
  /** Its parameters. */
  params: unknown,
  /** Whether its failure holds the queue up. */
  stops_queue: boolean, };

/**
 * A job that was put into the queue.
 */
export type Queued = {
  /** The job. */
  job: JobInfo,
  /** What it needs and is not there yet, where no job before it makes it. It is looked for again when it starts. */
  notes: Array<string>, };

/**
 * Reads the scores of posted replies that are due. A job: `outcomes`.
 */
export type ReadOutcomes = {
  /** The account; empty: the one that posts. */
  account: string, };

/**
 * A reading of a posted reply.
 */
export type Reading = {
  /** So many seconds after it was posted, or later: 3600, 86400, 604800. */
  after_s: number,
  /** When it was read, milliseconds since 1970. */
  at_ms: number,
  /** Its score; none: hidden, or gone. */
  score: number | null,
  /** deleted, removed, or empty: it is there. */
  gone: string, };

/**
 * A recent project as it is shown.
 */
export type RecentShown = {
  /** Where it lies. */
  path: string,
  /** The file's name without its ending. */
  name: string,
  /** Bytes of the file; none when it is gone. */
  bytes: number | null,
  /** When it was last opened, milliseconds since 1970. */
  opened_ms: number, };

/**
 * What pairs are made of. The same recipe is asked of the comment and of the reply.
 */
export type Recipe = {
  /** Drop `[deleted]` and `[removed]` texts. */
  drop_deleted: boolean,
  /** Drop known bots, names that end in `bot`, and texts that say "I am a bot". */
  drop_bots: boolean,
  /** Further authors to drop, in any case. */
  bots: Array<string>,
  /** Drop texts that are links, pictures, gifs or emotes and nothing else. */
  drop_links: boolean,
  /** Drop texts whose author is `[deleted]` or that name none, when the source names authors. */
  drop_unknown_authors: boolean,
  /** Keep replies whose author wrote the comment or the post too (asked by the join of pairs). */
  keep_same_author: boolean,
  /** Least characters of a text. */
  min_chars: number,
  /** Most characters of a text. */
  max_chars: number, };

/**
 * Settles what is uncertain, as far as it can be seen. A job: `reconcile`.
 */
export type Reconcile = {
  /** The account; empty: the one that posts. */
  account: string,
  /** Wait for the looks that are not due yet (a quarter of an hour), rather than end. */
  wait: boolean, };

/**
 * What became of what was uncertain.
 */
export type Reconciled = {
  /** Replies that were found: they are posted. */
  posted: Array<number>,
  /** Replies that are not there: a person decides. */
  absent: Array<number>,
  /** Replies that are as uncertain as before. */
  open: Array<number>,
  /** When to look next, milliseconds since 1970. */
  next_ms: number | null, };

/**
 * A record that a person can confirm on this machine.
 */
export type RecordKind = "account" | "subreddit";

/**
 * A permission to record.
 */
export type RecordPostingPermission = {
  /** The permission. */
  permission: NewPostingPermission,
  /** Who records it. */
  who: string, };

/**
 * Records of the study.
 */
export type RecordStudy = {
  /** What was decided. */
  records: Array<StudyRecord>,
  /** Who records it. */
  who: string, };

/**
 * A place in a picture, in units of the SVG's view box.
 */
export type Rect = {
  /** Left edge. */
  x: number,
  /** Upper edge. */
  y: number,
  /** To the right. */
  width: number,
  /** Downwards. */
  height: number, };

/**
 * What a project has of Reddit.
 */
export type RedditState = {
  /** Accounts. */
  accounts: number,
  /** Stored threads. */
  threads: number,
  /** Comments of them that may be answered and have no reply in the queue. */
  open: number,
  /** Subreddits in which posting is permitted now. */
  permissions: number,
  /** Readings of posted replies' points that are due. */
  due: number, };

/**
 * A row that could not be read; the rows around it were kept.
 */
export type Rejected = {
  /** Line of a text file, row of a table, element of a listing; from 1. */
  line: number,
  /** What was wrong and what was expected. */
  reason: string,
  /** The first [`EXCERPT`] characters of the row; of a longer one also [`CUT`] and the ids in the rest. */
  excerpt: string, };

/**
 * Rejected rows of a source.
 */
export type RejectedRows = {
  /** The source, by its number. */
  source: number,
  /** Only after this line. */
  after: number,
  /** At most so many. */
  limit: number, };

/**
 * What was removed.
 */
export type Removed = {
  /** Items. */
  items: number,
  /** Rows of theirs. */
  rows: number,
  /** Bytes of the file and its log before. */
  before: number,
  /** And after. */
  after: number,
  /** Whether the space was given back; false: another job works in the project, and it is given back later. */
  returned: boolean, };

/**
 * Another name for an item.
 */
export type RenameItem = {
  /** What it is. */
  kind: ItemKind,
  /** Its name or number. */
  item: string,
  /** The new name; empty: an evaluation or a generation goes by its number again. */
  name: string, };

/**
 * A reply in the queue.
 */
export type ReplyInfo = {
  /** Its number. */
  id: number,
  /** draft, approved, sending, uncertain, absent, posted, rejected, cancelled or withdrawn. */
  state: string,
  /** Its text now. */
  text: string,
  /** The text that the generator wrote. */
  written: string,
  /** Name of the subreddit; empty: unknown. */
  subreddit: string,
  /** Title of the post; empty: there is none. */
  title: string,
  /** The comment it answers. */
  comment: string,
  /** The probability that a person wrote it, of the text as written. */
  p_real: number | null,
  /** The probability of each upvote bin. */
  bins: [number, number, number, number] | null,
  /** The most probable bin, 0 to 3: what its outcome is compared with. */
  predicted: number | null,
  /** `p1 + 2 p2 + 3 p3`. */
  expected_bin: number | null,
  /** Whether a person picked it, where the criteria did not. */
  by_hand: boolean,
  /** Why it was picked, or that a person did and what the criteria said. */
  reason: string,
  /** Where it was posted; empty: it was not, or nobody said. */
  link: string,
  /** The last change, milliseconds since 1970. */
  updated_ms: number,
  /** The text as it is sent, with its footer; of a draft, as it would be. */
  full_text: string,
  /** The account that posts it, or would; empty: none. */
  account: string,
  /** Where that posts: `reddit`, `sandbox`, or empty without an account. */
  server: string,
  /** The hash over full text, comment, title, subreddit and account; empty: it cannot be approved. */
  seen: string,
  /** Why an approved reply has to be approved again; empty: it need not. */
  again: string, };

/**
 * A reply and everything that was done to it.
 */
export type ReplyStory = {
  /** The reply. */
  reply: ReplyInfo,
  /** What was done, in order. */
  events: Array<EventInfo>, };

/**
 * A change of a posted reply.
 */
export type RewriteReply = {
  /** The reply. */
  id: number,
  /** The new text, without the footer. */
  text: string,
  /** The hash of what was shown, as the preview came with it. */
  seen: string,
  /** Who does it. */
  who: string, };

/**
 * The room that a family of tables takes.
 */
export type Space = {
  /** comments, pairs, splits, weights, ... */
  family: string,
  /** Bytes of its tables and indexes. */
  bytes: number,
  /** Rows of its main table. */
  rows: number, };

/**
 * The settings of a run.
 */
export type RunConfig = {
  /** generator, realism or upvotes. */
  kind: RunKind,
  /** A name for the run; empty: the kind and a number. */
  name: string,
  /** The base to start from; empty: the only one of the right kind. */
  base: string,
  /** The split to train on. */
  split: string,
  /** Realism: the set of fakes; empty: the only one of the split. */
  fakes: string,
  /** Passes over the train side. Not looked at when steps is set. */
  epochs: number,
  /** Optimizer steps; 0: as many as the epochs take. */
  steps: number,
  /** Examples in a batch. The largest that fits the memory is fastest. */
  batch_size: number,
  /** Batches in an optimizer step: batch_size times this is what a step learns from. */
  accumulate: number,
  /** Examples of the train side, at most, drawn by the seed; 0: all. */
  limit: number,
  /** The longest example, in tokens. Half of it at least is kept for the reply. */
  max_tokens: number,
  /** Generator: "reply" counts the loss on the reply only, "all" on the comment too. */
  loss: LossMask,
  /** Peak learning rate. 5e-5 suits fine-tuning; a small model from scratch takes 1e-3. */
  learning_rate: number,
  /** The share of all steps in which the learning rate rises from 0 to its peak. */
  warmup: number,
  /** How the learning rate falls after that: "linear", "cosine" or "constant". */
  decay: Decay,
  /** AdamW's weight decay, on matrices only. */
  weight_decay: number,
  /** Gradients longer than this are scaled down to it; 0: never. */
  clip_norm: number,
  /** Dropout probability everywhere in the model; below 0: what the base's config says. */
  dropout: number,
  /** Classifiers: "none", or "balanced" so that rare classes count as much as frequent ones. */
  class_weights: ClassWeights,
  /** Realism: the share of real replies among the examples, between 0 and 1. */
  real_share: number,
  /** Steps from one validation to the next; 0: ten times in the run. */
  validate_every: number,
  /** Examples of the val side that are validated on, at most; 0: all. */
  validate_limit: number,
  /** Steps from one save to the next; 0: every three minutes. What a killed run goes on from. */
  save_every: number,
  /** Stop when so many validations in a row brought nothing better; 0: never. */
  patience: number,
  /** Generator: replies drawn to comments of the val side at each validation. */
  samples: number,
  /** Names all randomness of the run. The same seed on the same machine gives the same bits. */
  seed: number,
  /** auto, cpu, cuda or metal. */
  device: string, };

/**
 * What is known of a run before it starts; stored with it.
 */
export type RunFacts = {
  /** The base's name. */
  base: string,
  /** The split's name. */
  split: string,
  /** The set of fakes, for a realism model. */
  fakes: string | null,
  /** cpu, cuda or metal. */
  device: string,
  /** Threads it computes with. */
  threads: number,
  /** Trainable numbers. */
  parameters: number,
  /** Examples it learns from. */
  train_examples: number,
  /** Examples it is validated on. */
  val_examples: number,
  /** Train examples of each class; empty for a generator. */
  classes: Array<number>,
  /** What a class counts in the loss; empty: 1. */
  class_weights: Array<number>,
  /** Optimizer steps in all. */
  steps: number,
  /** The share of positions that is padding. */
  padding: number,
  /** Peak memory as estimated, bytes. */
  estimated_bytes: number,
  /** Time as estimated, seconds. */
  estimated_seconds: number,
  /** The version of Repartee. */
  version: string, };

/**
 * One of a run's figures.
 */
export type RunFigure = {
  /** The run. */
  run: string,
  /** loss, val_loss, lr, grad_norm or tokens_per_s. */
  figure: string, };

/**
 * A run as it is listed and shown.
 */
export type RunInfo = {
  /** Its name. */
  name: string,
  /** generator, realism or upvotes. */
  kind: RunKind,
  /** queued, running, lost, paused, done, stopped, failed, cancelled; empty when its job is gone. */
  state: string,
  /** Whether it has a checkpoint that can be used: its weights are all there. */
  usable: boolean,
  /** The job's id. */
  job: string | null,
  /** The settings, verbatim. */
  config: string,
  /** What it ran on. */
  facts: RunFacts | null,
  /** Optimizer steps done, as far as figures were written. */
  step: number,
  /** The last training loss. */
  loss: number | null,
  /** The lowest validation loss. */
  best_loss: number | null,
  /** What the generator wrote while it was trained: step, comment, reply. */
  samples: Array<[number, string, string]>,
  /** A person's note and tags. */
  label: Label,
  /** When it was made, milliseconds since 1970. */
  created_ms: number,
  /** Trained on a text that was deleted since, or with something that was. */
  deleted_content: boolean, };

/**
 * Which of the three models.
 */
export type RunKind = "generator" | "realism" | "upvotes";

/**
 * Where the sample is to be made.
 */
export type Sample = {
  /** A folder; none: a new one in the folder for projects. */
  path: string | null, };

/**
 * A chart into files.
 */
export type SaveChart = {
  /** Which chart. */
  chart: DrawChart,
  /** .svg, .png or .csv; a name without an ending gives all three. */
  files: Array<string>, };

/**
 * How pairs are spread, into files.
 */
export type SavePairsChart = {
  /** Which chart. */
  chart: PairsChart,
  /** .svg, .png or .csv; a name without an ending gives all three. */
  files: Array<string>, };

/**
 * Where a source's text comes from.
 */
export type SayOrigin = {
  /** The source, by its number. */
  source: number,
  /** Where from. */
  origin: Origin,
  /** Who says so. */
  who: string, };

/**
 * A series as it was drawn.
 */
export type Series = {
  /** As in the legend. */
  name: string,
  /** End of its CSS class: `stroke-{class}` or `fill-{class}`. */
  class: string,
  /** Data coordinates, in drawing order; finite numbers only. */
  points: Array<[number, number]>, };

/**
 * The settings that posting obeys, to be changed.
 */
export type SetRules = {
  /** All of them. */
  rules: PostingRules,
  /** What the person wrote to loosen a limit: "I raise the limits"; empty where none is loosened. */
  confirm: string,
  /** Who does it. */
  who: string, };

/**
 * What a person chose for all projects.
 */
export type Settings = {
  /** system, light or dark. */
  theme: string,
  /** The size of text, in hundredths of the usual: 100 to 200. */
  text: number,
  /** auto, cpu, cuda or metal: what forms begin with. */
  device: string,
  /** Threads that jobs compute with; 0: all cores. */
  threads: number,
  /** Where new projects are made; empty: the home folder. */
  folder: string,
  /** The name under which replies are approved and rejected. */
  person: string,
  /** Whether the desktop says when a job has ended. */
  notify: boolean,
  /** Whether an open project does by itself what is due of its dealings with Reddit: forgetting what was deleted there, reading scores. */
  maintenance: boolean,
  /** Whether the machine is kept awake while a job runs. */
  keep_awake: boolean, };

/**
 * What a person decides about a reply of which nobody knows whether it arrived.
 */
export type Settle = { "settle": "again",
  /** The hash of the reply as it was shown. */
  seen: string, } | { "settle": "give-up" } | { "settle": "posted",
  /** The link to the comment. */
  link: string, };

/**
 * What a person decides about a reply of which nobody knows.
 */
export type SettleReply = {
  /** The reply. */
  id: number,
  /** What becomes of it. */
  settle: Settle,
  /** Who decides. */
  who: string, };

/**
 * Several runs.
 */
export type SeveralRuns = {
  /** Their names. */
  runs: Array<string>, };

/**
 * The share of the pairs that each side gets; they need not add up to one.
 */
export type Shares = {
  /** Of train. */
  train: number,
  /** Of val. */
  val: number,
  /** Of test. */
  test: number, };

/**
 * A reply as it is shown, and the hash to give back with a decision about it.
 */
export type ShownReply = {
  /** The text as it is sent, with its footer; of a draft, as it would be. */
  full_text: string,
  /** The account that posts it, or would; empty: none. */
  account: string,
  /** Where that posts: `reddit`, `sandbox`, or empty without an account. */
  server: string,
  /** The hash over full text, comment, title, subreddit and account; empty: it cannot be approved. */
  seen: string,
  /** Why an approved reply has to be approved again; empty: it need not. */
  again: string, };

/**
 * A side of a split.
 */
export type Partition = "train" | "val" | "test";

/**
 * What one side of a split holds.
 */
export type PartitionInfo = {
  /** Which side. */
  partition: Partition,
  /** Pairs. */
  pairs: number,
  /** Threads they belong to. */
  threads: number,
  /** Pairs whose reply's score is known. */
  scored: number,
  /** Those in each upvote bin; empty without edges. */
  bins: Array<number>, };

/**
 * What a running job tells its front end.
 */
export type Signal = { "event": "started",
  /** Its id. */
  job: string,
  /** Its kind. */
  kind: string,
  /** Whether it goes on from an earlier try. */
  resumed: boolean, } | { "event": "progress" } & Progress | { "event": "log",
  /** The line. */
  text: string, } | { "event": "visit",
  /** The address. It is good once, and is stored nowhere. */
  address: string, } | { "event": "comments",
  /** Their texts, in the order of their numbers. */
  texts: Array<string>, } | { "event": "drafts",
  /** Those that have grown since the last time. */
  drafts: Array<Draft>, } | { "event": "scores",
  /** Those that were scored. */
  scores: Array<DraftScore>, };

/**
 * What takes the room.
 */
export type Size = {
  /** Bytes of the file. */
  file: number,
  /** Bytes of the write-ahead log beside it. */
  log: number,
  /** Bytes within the file that are free; `compact` gives them back. */
  free: number,
  /** Each family of tables, the largest first. */
  families: Array<Space>, };

/**
 * What became of the rows of a source. Each row was kept, left out by a filter, or rejected.
 */
export type SourceCounts = {
  /** Rows seen: lines, rows of a table, elements of a listing. */
  rows: number,
  /** Comments taken; a row of a table gives two. */
  comments: number,
  /** Posts taken. */
  posts: number,
  /** Comments and posts that the project did not have. */
  new: number,
  /** Those that replaced an older copy. */
  newer: number,
  /** Those that the project had already. */
  known: number,
  /** Rows that could not be read; they are listed with line and reason. */
  rejected: number,
  /** Rows left out, by the filter's rule. */
  dropped: { [key in string]: number },
  /** Rows that held NUL characters, which were removed. */
  nul: number,
  /** Rows of a table with a quote that is never closed, which is read as an ordinary character. */
  stray_quotes: number,
  /** What was replaced by placeholders, by kind: link, email, phone, user. */
  replaced: { [key in string]: number }, };

/**
 * A source as it is shown.
 */
export type SourceInfo = {
  /** Its number. */
  id: number,
  /** Its name. */
  name: string,
  /** Where it was read from. */
  path: string,
  /** How it was read. */
  format: string,
  /** Under what permission it may be used. */
  permission: Permission,
  /** The permission in words. */
  note: string,
  /** Where its text comes from. */
  origin: Origin,
  /** What became of its rows. */
  counts: SourceCounts,
  /** Whether it was read to its end. */
  complete: boolean,
  /** This very file was imported before in the same way, so it was not read again. */
  already: boolean,
  /** A person's note and tags. */
  label: Label,
  /** When the import began, milliseconds since 1970. */
  created_ms: number, };

/**
 * What a split was made by; stored with it as JSON.
 */
export type SplitConfig = {
  /** The shares of the sides, by pairs. */
  shares: Shares,
  /** The edges between the upvote bins; `None`: no reply has a score. */
  edges: BinEdges | null,
  /** What counted as a near-duplicate. */
  near: Near,
  /** Whether the upvote bins were looked at; false: made by an older version. */
  stratified: boolean,
  /** Threads that went with another since they are the same post, from another source mostly. */
  joined_posts: number,
  /** Threads that went with another since they share a long text. */
  joined_texts: number,
  /** Pairs that a person had excluded; they are on no side. */
  excluded: number,
  /** Pairs that are on no side, by the rule that left them out. */
  left_out: Array<LeftOutPairs>, };

/**
 * A split as it is shown.
 */
export type SplitInfo = {
  /** Its name. */
  name: string,
  /** The seed of the division. */
  seed: number,
  /** What it was made by. */
  config: SplitConfig,
  /** What its sides hold, in the order train, val, test. */
  partitions: Array<PartitionInfo>,
  /** Upvote bins that a side lacks, and sides without a pair, in words. */
  warnings: Array<string>,
  /** The last audit, if there was one. */
  audit: Audit | null,
  /** A person's note and tags. */
  label: Label,
  /** When it was made, milliseconds since 1970. */
  created_ms: number, };

/**
 * A job to start.
 */
export type StartJob = {
  /** A uuid that the caller made: starting it twice starts it once. */
  id: string,
  /** Which kind of job: a key of Jobs. */
  kind: string,
  /** Its parameters. */
  params: unknown, };

/**
 * An account to stop, or to let go on.
 */
export type StopAccount = {
  /** Its name. */
  name: string,
  /** Why; empty: it goes on. */
  why: string,
  /** Who does it. */
  who: string, };

/**
 * What the failure of a queued job does.
 */
export type StopsQueue = {
  /** Its id. */
  job: string,
  /** Whether it holds the queue up. */
  stops: boolean, };

/**
 * Strict, on or off.
 */
export type StrictStudy = {
  /** On. */
  on: boolean,
  /** Who decides it. */
  who: string, };

/**
 * All of it, as a front end shows it.
 */
export type Study = {
  /** Whether the project has Reddit content from archives. */
  needed: boolean,
  /** Names of the sources that need permission. */
  sources: Array<string>,
  /** Whether the question was answered. */
  answered: boolean,
  /** The four kinds, and what counts of each. */
  states: Array<StudyState>,
  /** What is missing or expired, as shown on every chart and export. */
  mark: string | null,
  /** Whether training and posting are refused while a permission is missing. */
  strict: boolean,
  /** All records, the newest first. */
  history: Array<StudyLine>,
  /** What Reddit's policy says. */
  policy: string,
  /** The version of it that this program knows. */
  policy_version: string,
  /** Where it can be read. */
  policy_link: string, };

/**
 * Which permission a record is about.
 */
export type StudyKind = "api_access" | "research_program" | "training" | "ethics_board";

/**
 * A record of the history.
 */
export type StudyLine = {
  /** Its number. */
  id: number,
  /** What was recorded. */
  record: StudyRecord,
  /** Who recorded it. */
  who: string,
  /** When, milliseconds since 1970. */
  at_ms: number, };

/**
 * A record of the study, before it is stored.
 */
export type StudyRecord = {
  /** Which permission. */
  kind: StudyKind,
  /** What was decided. */
  decision: Decision,
  /** Day of the decision, YYYY-MM-DD; may be empty, except for what was granted. */
  date: string,
  /** What was allowed. */
  scope: string,
  /** Last day, YYYY-MM-DD; empty: no end was set. */
  until: string,
  /** Version of the policy that it refers to. */
  policy: string,
  /** Where it can be read. */
  link: string,
  /** More, in words. */
  note: string, };

/**
 * What the records say about one kind today.
 */
export type StudyState = {
  /** Which permission. */
  kind: StudyKind,
  /** Whether it is granted and valid today, or not required. */
  holds: boolean,
  /** One sentence without a full stop: "Permission to train on Reddit content expired on 2027-05-01". */
  words: string,
  /** The newest record, which is the one that counts. */
  record: StudyRecord | null,
  /** It was recorded on another machine, or changed outside of Repartee, and counts once it is recorded here. */
  unconfirmed: boolean, };

/**
 * A subreddit as Reddit shows it: to be read before a permission is recorded.
 */
export type SubredditPreview = {
  /** Its name, without `r/`. */
  subreddit: string,
  /** Its title. */
  title: string,
  /** How many follow it. */
  subscribers: number | null,
  /** Why we may not comment there; empty: nothing speaks against it. */
  closed: string,
  /** Names and texts of its rules. */
  rules: Array<[string, string]>,
  /** The same as JSON, for [`NewPostingPermission::rules`]. */
  rules_json: string, };

/**
 * A subreddit to switch off.
 */
export type SwitchOff = {
  /** Its name. */
  subreddit: string,
  /** Why; may be empty. */
  why: string,
  /** Who does it. */
  who: string, };

/**
 * Asks Reddit what of the stored threads is still there, and forgets the rest, to the last byte. A job:
 * `sync`. It should run once a day at least. Imported texts are asked about when somebody wants it: they can
 * be many.
 */
export type Sync = {
  /** The account that reads; empty: the one that posts. */
  account: string,
  /** Ask about imported comments and posts that are part of pairs, too: by name, a hundred a call, which does not tell what moderators removed. One that is broken off goes on where it stood. */
  imported: boolean, };

/**
 * What was forgotten.
 */
export type Synced = {
  /** Comments and posts that Reddit was asked about. */
  looked_at: number,
  /** Of these, those that it answered about. */
  answered: number,
  /** Of these, those that it no longer has. */
  gone: number,
  /** Imported ones in answers that showed nothing at all: that says more of their ids, or of Reddit's health, than of the texts, so they are kept. */
  doubted: number,
  /** Comments of threads whose texts were wiped, those that were kept long enough included. */
  comments: number,
  /** Posts likewise. */
  posts: number,
  /** Candidates that were written from them. */
  candidates: number,
  /** Replies that can no longer be posted. */
  cancelled: number,
  /** Imported comments and posts. */
  imported: number,
  /** Texts of others that quoted them and no longer do. */
  redacted: number,
  /** Pairs of splits that lost their text: what was trained on them is stale. */
  pairs: number,
  /** What was trained on a text that is gone now, or made with it, in the order in which one is made from the other, with the command that makes it again without. */
  affected: Array<DeletedContent>,
  /** Threads and texts that could not be asked about. */
  left_out: LeftOut,
  /** Whether the last traces are gone from the file; false: another process read it, the next run does it. */
  scrubbed: boolean,
  /** Files beside the project that may still hold the texts: backups and copies of it. */
  copies: Array<string>, };

/**
 * The figures behind a picture.
 */
export type Table = {
  /** Names of the columns. */
  columns: Array<string>,
  /** One field for each column; empty where there is no value. */
  rows: Array<Array<string>>, };

/**
 * How a comment and its reply become one text for the generator: in training, for fakes, and live.
 *
 * comment, the separator, a space, reply, the end token. What is too long loses the end of the
 * comment first, down to half of `max_tokens`, then the end of the reply with its end token.
 */
export type Template = {
  /** What stands between comment and reply. */
  separator: string,
  /** The longest example, in tokens, end token included. */
  max_tokens: number, };

/**
 * A comment of a thread.
 */
export type ThreadCommentInfo = {
  /** Its number. */
  id: number,
  /** The comment it answers, by its number; none: the post. */
  parent: number | null,
  /** Its author; none: unknown, or forgotten. */
  author: string | null,
  /** Its text; empty: forgotten. */
  body: string,
  /** Its score; none: hidden. */
  score: number | null,
  /** When it was written: seconds since 1970. */
  created_utc: number | null,
  /** How many comments stand above it. */
  level: number,
  /** Why it is not answered; empty: it may be. */
  skip: string,
  /** Where it stands; empty: not on Reddit. */
  link: string,
  /** Replies to it in the queue, by their numbers. */
  replies: Array<number>, };

/**
 * A thread as it is listed.
 */
export type ThreadInfo = {
  /** Its number. */
  id: number,
  /** pasted, file, test pairs or reddit. */
  origin: string,
  /** Name of the subreddit; empty: unknown. */
  subreddit: string,
  /** Title of the post; empty: there is none, or it was forgotten. */
  title: string,
  /** The post's author; none: unknown, or forgotten. */
  author: string | null,
  /** Reddit's name of the post; none: it is not Reddit's. */
  name: string | null,
  /** The post's score. */
  score: number | null,
  /** When the post was written: seconds since 1970. */
  created_utc: number | null,
  /** How many comments it has. */
  comments: number,
  /** Those that may be answered. */
  open: number,
  /** When it was read, milliseconds since 1970. */
  fetched_ms: number,
  /** When its texts are forgotten; none: never, or they are. */
  expires_ms: number | null,
  /** Why nothing in it is answered; empty: it may be. */
  skip: string,
  /** Where it stands; empty: not on Reddit. */
  link: string, };

/**
 * A thread with its comments.
 */
export type ThreadStory = {
  /** The thread. */
  thread: ThreadInfo,
  /** The post's text. */
  body: string,
  /** Its comments, parents before children. */
  comments: Array<ThreadCommentInfo>, };

/**
 * Trains a model. A job: `train`.
 */
export type Train = {
  /** The settings, as the TOML of [`RunConfig`]; stored with the run as they are. */
  config: string, };

/**
 * Trains a run again without what was deleted since, with all that it was made with and that is marked. A job:
 * `train-again`. Its steps are jobs of their own.
 */
export type TrainAgain = {
  /** The run. */
  run: string, };

/**
 * Whether a training is refused.
 */
export type TrainRefusal = {
  /** Why; none: it isn't. */
  refused: EngineError | null, };

/**
 * What a training came to.
 */
export type Trained = {
  /** The run's name. */
  run: string,
  /** generator, realism or upvotes. */
  kind: RunKind,
  /** Whether it did all steps or stopped early. */
  outcome: Outcome,
  /** Optimizer steps done. */
  steps: number,
  /** Lowest validation loss, in nats; none without a val side. */
  best_loss: number | null,
  /** The step it was reached at. */
  best_step: number,
  /** Tokens seen, padding not counted. */
  tokens: number, };

/**
 * What training again came to.
 */
export type TrainedAgain = {
  /** What was made, in order. */
  steps: Array<AgainStep>,
  /** The run that took the place of the one that was asked for. */
  trained: Trained, };

/**
 * Does what is due. A job: `maintenance`. A window starts it by itself; on the command line cron may.
 */
export type Maintenance = Record<symbol, never>;

/**
 * How a finding is to be taken.
 */
export type Verdict = "good" | "note" | "bad";

/**
 * A page of a view.
 */
export type ViewPage = {
  /** The view's name. */
  view: string,
  /** The number of its first row, from 0. */
  from: number,
  /** How many rows; at most 200 are given. */
  count: number, };

/**
 * Which pairs to look at, and in which order.
 */
export type ViewPairs = {
  /** Only of these subreddits, in any case; empty: of all. */
  subreddits: Array<string>,
  /** Only with all of these words in comment and reply together; the last may be the beginning of one. */
  words: string | null,
  /** Least score of the reply. */
  min_score: number | null,
  /** Greatest score of the reply. */
  max_score: number | null,
  /** Only pairs of this split. */
  split: string | null,
  /** Only this side of the split. */
  partition: Partition | null,
  /** Only from this source, by its number. */
  source: number | null,
  /** Only pairs that are excluded from splits; or only the others. */
  excluded: boolean | null,
  /** What they are sorted by. */
  order: PairOrder,
  /** The largest first. */
  descending: boolean, };

/**
 * Settings of a run.
 */
export type WithConfig = {
  /** The settings. */
  config: RunConfig, };

/** Every command by its name: what it takes and what it gives. */
export interface Commands {
  /** The desk: version, machine, settings, recent projects, and this window's project. */
  "app.get": { params: Nothing; result: AppInfo };
  /** Changes the settings, all of them together. */
  "app.settings": { params: Settings; result: Settings };
  /** Takes a project off the list of recent ones; the file stays. */
  "app.forget": { params: At; result: null };
  /** What this machine has, and what may be missing. */
  "app.doctor": { params: Nothing; result: Doctor };
  /** What a file looks like before it is imported. */
  "file.preview": { params: At; result: FilePreview };
  /** Makes a new project and opens it in this window. */
  "project.create": { params: At; result: ProjectInfo };
  /** Opens a project in this window. */
  "project.open": { params: At; result: ProjectInfo };
  /** Makes a project for the sample in a folder of its own; the job "demo" fills it. */
  "project.sample": { params: Sample; result: ProjectInfo };
  /** Closes this window's project; its jobs go on. */
  "project.close": { params: Nothing; result: null };
  /** How many windows of this program show this window's project, itself among them. */
  "project.windows": { params: Nothing; result: number };
  /** The settings of a run, each with its words, to build a form from. */
  "run.fields": { params: Nothing; result: Array<Field> };
  /** The settings that a kind of run begins with. */
  "run.defaults": { params: OfKind; result: RunConfig };
  /** Good choices for a kind of run, each with what it is for. */
  "run.presets": { params: OfKind; result: Array<Preset> };
  /** Starts a job in a process of its own. */
  "job.start": { params: StartJob; result: JobInfo };
  /** Deletes an item: it is gone at once, and the job that is given removes its rows. */
  "item.delete": { params: DeleteItem; result: JobInfo };
  /** Puts a job into the queue: it starts when none before it is left and nothing heavy runs. */
  "job.queue": { params: QueueJob; result: Queued };
  /** What holds the queue up does so no longer: a paused job is resumed, a failed one is left behind. */
  "queue.go-on": { params: Nothing; result: JobQueue };
  /** Goes on with a job that rests, failed, or lost its process. */
  "job.resume": { params: OfJob; result: JobInfo };
  /** How far the project is, and what comes next. */
  "overview": { params: Nothing; result: Overview };
  /** All sources. */
  "sources": { params: Nothing; result: Array<SourceInfo> };
  /** Says under what permission a source may be used. */
  "source.permit": { params: Permit; result: SourceInfo };
  /** Rows of a source that could not be read, with line and reason. */
  "source.rejected": { params: RejectedRows; result: Array<Rejected> };
  /** Finds and sorts pairs; pages of the answer are read with pairs.rows. */
  "pairs.view": { params: ViewPairs; result: PairsView };
  /** Rows of a view. */
  "pairs.rows": { params: ViewPage; result: Array<PairRow> };
  /** How pairs are spread by one figure. */
  "pairs.chart": { params: PairsChart; result: Picture };
  /** Draws it into files, and gives what was written. */
  "pairs.chart.save": { params: SavePairsChart; result: Array<string> };
  /** One pair with its whole texts. */
  "pair.get": { params: OfPair; result: PairRow };
  /** Excludes pairs and authors from the splits made afterwards. */
  "pairs.exclude": { params: ExcludePairs; result: Excluded };
  /** Takes exclusions back. */
  "pairs.include": { params: IncludePairs; result: Excluded };
  /** All that is excluded, with the reasons. */
  "pairs.excluded": { params: Nothing; result: Excluded };
  /** Pairs of each subreddit, the largest first. */
  "pairs.subreddits": { params: Nothing; result: Array<[string, number]> };
  /** How many replies each upvote bin would have. */
  "labels": { params: ByEdges; result: Labels };
  /** All splits with their sides and last audits. */
  "splits": { params: Nothing; result: Array<SplitInfo> };
  /** All that was trained on a text that was deleted since, or made with something that was. */
  "deleted.content": { params: Nothing; result: Array<DeletedContent> };
  /** What is made to train a run again without what was deleted since, in order. */
  "run.again": { params: Named; result: Array<AgainStep> };
  /** All bases. */
  "bases": { params: Nothing; result: Array<BaseInfo> };
  /** What a base from scratch would be, with the tokenizer that it will have. */
  "base.estimate": { params: BaseNew; result: BaseEstimate };
  /** What a run would take: examples, parameters, memory, steps, time. */
  "run.estimate": { params: WithConfig; result: RunFacts };
  /** A run's settings as TOML with their words, as the job "train" takes them. */
  "run.toml": { params: WithConfig; result: ConfigText };
  /** Reads settings from TOML. */
  "run.read": { params: ConfigText; result: RunConfig };
  /** All runs, without their samples. */
  "runs": { params: Nothing; result: Array<RunInfo> };
  /** One run with what it wrote while it was trained. */
  "run.get": { params: Named; result: RunInfo };
  /** The course of one of a run's figures: step and value. */
  "run.figure": { params: RunFigure; result: Array<[number, number | null]> };
  /** In which settings runs differ. */
  "run.differences": { params: SeveralRuns; result: Array<Difference> };
  /** All checkpoints: what was trained from what, and how large they are. */
  "checkpoints": { params: Nothing; result: Array<CheckpointInfo> };
  /** All sets of fakes. */
  "fakes": { params: Nothing; result: Array<FakesInfo> };
  /** Some fakes beside the real replies. */
  "fakes.rows": { params: FakesPage; result: Array<FakeShown> };
  /** All evaluations. */
  "evaluations": { params: Nothing; result: Array<EvaluationInfo> };
  /** One evaluation. */
  "evaluation.get": { params: Numbered; result: EvaluationInfo };
  /** An evaluation's figures at another threshold, and the point of its curves there. */
  "evaluation.at": { params: AtThreshold; result: Judged };
  /** The examples that an evaluation got most right or most wrong. */
  "evaluation.examples": { params: MarkedPage; result: Array<MarkedExample> };
  /** Draws a chart. */
  "chart": { params: DrawChart; result: Picture };
  /** Draws a chart into files, and gives what was written. */
  "chart.save": { params: SaveChart; result: Array<string> };
  /** All generations, the latest first. */
  "generations": { params: Nothing; result: Array<GenerationInfo> };
  /** One generation with its candidates. */
  "generation.get": { params: Numbered; result: Generated };
  /** A generation's candidates judged by other criteria; nothing is stored. */
  "generation.pick": { params: PickAgain; result: Generated };
  /** Puts one candidate into the queue as a draft, whatever the criteria said; gives the reply. */
  "candidate.queue": { params: JudgeReply; result: ReplyInfo };
  /** Replies of the queue. */
  "queue": { params: OfState; result: Array<ReplyInfo> };
  /** One reply with what it answers and what was done to it. */
  "reply.get": { params: Numbered; result: ReplyStory };
  /** Changes a reply's text; what was approved is a draft again. */
  "reply.edit": { params: EditReply; result: ReplyInfo };
  /** Approves one reply as it was shown. */
  "reply.approve": { params: ApproveReply; result: ReplyInfo };
  /** Rejects one reply. */
  "reply.reject": { params: JudgeReply; result: ReplyInfo };
  /** Makes a rejected reply a draft again. */
  "reply.redraft": { params: JudgeReply; result: ReplyInfo };
  /** Notes that a person posted an approved reply by hand. */
  "reply.posted": { params: PostedReply; result: ReplyInfo };
  /** Gives a source, split, base, run, set of fakes, evaluation or generation another name. */
  "item.rename": { params: RenameItem; result: ItemInfo };
  /** Sets an item's note, and adds and removes tags. */
  "item.label": { params: LabelItem; result: ItemInfo };
  /** What deleting an item takes with it. */
  "item.dependents": { params: ItemRef; result: Dependents };
  /** All jobs, the newest first. */
  "jobs": { params: Nothing; result: Array<JobInfo> };
  /** One job. */
  "job.get": { params: OfJob; result: JobInfo };
  /** What a job has logged. */
  "job.log": { params: OfJob; result: Array<JobLine> };
  /** Asks a job to rest; whichever process runs it. */
  "job.pause": { params: OfJob; result: JobInfo };
  /** Asks a job to end. */
  "job.cancel": { params: OfJob; result: JobInfo };
  /** Asks a training to end with what it has learned; any other job to end, and keep what it has stored. */
  "job.stop": { params: OfJob; result: JobInfo };
  /** Asks a training to end, and removes the weights that it saved. */
  "job.discard": { params: OfJob; result: JobInfo };
  /** The queue of jobs, in order. */
  "job.waiting": { params: Nothing; result: JobQueue };
  /** Moves a queued job, and gives the queue. */
  "job.move": { params: MoveJob; result: JobQueue };
  /** Says whether the failure of a job in the queue holds the queue up. */
  "job.stops-queue": { params: StopsQueue; result: JobInfo };
  /** Writes pairs to a file; gives how many. */
  "export.pairs": { params: ExportPairs; result: number };
  /** Writes the predictions of an evaluation to a file; gives how many. */
  "export.predictions": { params: ExportPredictions; result: number };
  /** Writes a run's checkpoint as a folder in Hugging Face layout. */
  "export.run": { params: ExportModel; result: string };
  /** Writes a base as a folder in Hugging Face layout. */
  "export.base": { params: ExportModel; result: string };
  /** Writes the queue to a file; gives how many replies. */
  "export.queue": { params: ExportQueue; result: number };
  /** Verifies the whole project file. */
  "check": { params: Nothing; result: Checked };
  /** Gives the room of deleted things back to the disk. */
  "compact": { params: Nothing; result: Compacted };
  /** What takes the room. */
  "size": { params: Nothing; result: Size };
  /** All accounts, with what is missing before each can post. */
  "accounts": { params: Nothing; result: Array<AccountInfo> };
  /** Adds an account, or changes the one of this name. */
  "account.put": { params: PutAccount; result: AccountInfo };
  /** Removes an account from the project. */
  "account.remove": { params: OfAccount; result: null };
  /** Notes whether Reddit shows an account as an app. */
  "account.label": { params: LabelAccount; result: AccountInfo };
  /** Stops all posting of an account, or lets it go on. */
  "account.stop": { params: StopAccount; result: AccountInfo };
  /** Logs an account out; the job "login" logs it in. */
  "account.logout": { params: OfAccount; result: AccountInfo };
  /** Hands the address at which the browser ended to the login that waits for it. */
  "login.paste": { params: PastedLogin; result: null };
  /** Which file this project is, and whether it has to be confirmed before anything is posted from it. */
  "posting.file": { params: Nothing; result: ProjectFile };
  /** Confirms that this file is the one to go on with. */
  "posting.adopt": { params: ByPerson; result: ProjectFile };
  /** The settings that posting obeys. */
  "posting.rules": { params: Nothing; result: PostingRules };
  /** Changes them, all together; who loosens a limit has to say so in words. */
  "posting.rules.set": { params: SetRules; result: PostingRules };
  /** Where posting is permitted. */
  "posting.permissions": { params: Nothing; result: Array<PostingPermissionInfo> };
  /** Records that posting is permitted in a subreddit. */
  "posting.permissions.put": { params: RecordPostingPermission; result: PostingPermissionInfo };
  /** Switches posting in a subreddit off. */
  "posting.permissions.off": { params: SwitchOff; result: PostingPermissionInfo };
  /** Confirms on this machine what was recorded of an account or subreddit elsewhere. */
  "record.confirm": { params: ConfirmRecord; result: null };
  /** Looks at a subreddit and its rules on Reddit; nothing is stored. */
  "subreddit.preview": { params: PreviewSubreddit; result: SubredditPreview };
  /** Who is not answered, those that wait for a person first. */
  "optouts": { params: Nothing; result: Array<OptOutInfo> };
  /** Puts somebody on that list. */
  "optout.add": { params: OptOutNew; result: Array<OptOutInfo> };
  /** Decides about somebody on that list. */
  "optout.decide": { params: OptOutVerdict; result: Array<OptOutInfo> };
  /** All threads, the latest first. */
  "threads": { params: Nothing; result: Array<ThreadInfo> };
  /** One thread with its comments. */
  "thread.get": { params: Numbered; result: ThreadStory };
  /** Writes threads to a file; gives how many. */
  "threads.export": { params: ExportThreads; result: number };
  /** Reads threads from such a file, with no network. */
  "threads.import": { params: At; result: Array<ThreadInfo> };
  /** The posting side of all replies that answer something on Reddit. */
  "outbox": { params: OfState; result: Array<OutboxInfo> };
  /** The same of one reply, with its tries and what speaks against it now. */
  "outbox.get": { params: Numbered; result: OutboxStory };
  /** What a person decides about an uncertain or absent reply. */
  "reply.settle": { params: SettleReply; result: OutboxStory };
  /** Deletes a posted reply on Reddit, as it was shown. */
  "reply.withdraw": { params: ApproveReply; result: OutboxStory };
  /** Deletes what stands there beside a reply that was found more than once. */
  "reply.delete-duplicates": { params: ApproveReply; result: OutboxStory };
  /** A posted reply with another text: the full text, and the hash to change it by. */
  "reply.rewrite.preview": { params: PreviewRewrite; result: ShownReply };
  /** Changes a posted reply on Reddit, to what was shown. */
  "reply.rewrite": { params: RewriteReply; result: OutboxStory };
  /** What became of posted replies, beside what was foretold. */
  "outcomes": { params: Nothing; result: Outcomes };
  /** Draws it. */
  "outcomes.chart": { params: Nothing; result: Picture };
  /** Draws it into files, and gives what was written. */
  "outcomes.chart.save": { params: IntoFiles; result: Array<string> };
  /** Who did what, the newest first. */
  "audit": { params: AuditPage; result: Array<AuditLine> };
  /** Forgets the texts that were kept long enough. */
  "forget.expired": { params: Nothing; result: Synced };
  /** Forgets comments and posts by their names, with all that was written from them. */
  "forget.names": { params: ForgetNames; result: Synced };
  /** The permissions of the study: what is on record, and what is missing. */
  "study": { params: Nothing; result: Study };
  /** Adds records; the newest of a kind counts. */
  "study.record": { params: RecordStudy; result: Study };
  /** Ends a permission before its time. */
  "study.end": { params: EndStudy; result: Study };
  /** Switches strict on or off: whether training and posting are refused while a permission is missing. */
  "study.strict": { params: StrictStudy; result: Study };
  /** Whether a training with these settings is refused because a permission is missing. */
  "study.train": { params: WithConfig; result: TrainRefusal };
  /** Says where the text of a source comes from. */
  "source.origin": { params: SayOrigin; result: SourceInfo };
  /** What has to be answered before an import may begin. */
  "import.question": { params: AskImport; result: ImportQuestion };
}

/** Every kind of job: what it takes, and what it gives when it is done. */
export interface Jobs {
  "base-add": { params: BaseAdd; outcome: BaseInfo };
  "base-new": { params: BaseNew; outcome: BaseInfo };
  "import": { params: Import; outcome: Imported };
  "pairs": { params: BuildPairs; outcome: PairsBuilt };
  "split": { params: MakeSplit; outcome: SplitInfo };
  "audit": { params: AuditSplit; outcome: Audit };
  "train": { params: Train; outcome: Trained };
  "train-again": { params: TrainAgain; outcome: TrainedAgain };
  "fakes": { params: MakeFakes; outcome: FakesInfo };
  "generate": { params: Generate; outcome: Generated };
  "evaluate": { params: Evaluate; outcome: EvaluationInfo };
  "demo": { params: Demo; outcome: DemoReport };
  "delete": { params: Delete; outcome: Removed };
  "login": { params: LogIn; outcome: AccountInfo };
  "fetch": { params: Fetch; outcome: Fetched };
  "draft": { params: DraftReplies; outcome: Drafted };
  "post": { params: Post; outcome: PostReport };
  "reconcile": { params: Reconcile; outcome: Reconciled };
  "sync": { params: Sync; outcome: Synced };
  "outcomes": { params: ReadOutcomes; outcome: OutcomesRead };
  "maintenance": { params: Maintenance; outcome: Maintained };
  "sandbox": { params: Sandbox; outcome: SandboxClosed };
}
