// The wire: every command with what it takes and gives, and every signal.
// Provisional until the types that the engine writes (api.ts) are there; same names, same shapes.

export type Code =
  | "usage"
  | "not-found"
  | "exists"
  | "bad-input"
  | "not-a-project"
  | "newer-project"
  | "busy"
  | "disk-full"
  | "damaged"
  | "model"
  | "io"
  | "negative"
  | "internal";

export interface Failure {
  code: Code;
  message: string;
  detail?: string[];
}

export type Family =
  | "sources"
  | "pairs"
  | "splits"
  | "bases"
  | "runs"
  | "fakes"
  | "evaluations"
  | "threads"
  | "queue"
  | "jobs";

export type RunKind = "generator" | "realism" | "upvotes";
export type Side = "train" | "val" | "test";

// ---- desk ------------------------------------------------------------------------------------------

export interface Settings {
  theme: "system" | "light" | "dark";
  device: string;
  threads: number;
  folder: string;
  person: string;
  notify: boolean;
  text?: number;
}

export interface Recent {
  path: string;
  name: string;
  bytes: number;
  opened_ms: number;
  exists: boolean;
}

export interface ProjectInfo {
  path: string;
  name: string;
  bytes: number;
}

export interface Desk {
  version: string;
  recent: Recent[];
  settings: Settings;
  home: string;
  platform: string;
  cores: number;
  devices: string[];
  project?: ProjectInfo | null;
}

export interface Finding {
  what: string;
  verdict: "good" | "note" | "bad";
  text: string;
}

export interface Mapping {
  comment: string;
  reply: string;
  score: string | null;
  comment_score: string | null;
  post: string | null;
  post_score: string | null;
  subreddit: string | null;
  post_author: string | null;
  comment_author: string | null;
  reply_author: string | null;
  created: string | null;
}

export type Format = "pushshift" | "bigquery" | "mapped" | "listing" | "sample";

export interface FilePreview {
  path: string;
  bytes: number;
  format: Format | null;
  columns: string[];
  rows: string[][];
  mapping: Mapping | null;
}

// ---- project ---------------------------------------------------------------------------------------

export interface NextStep {
  what: string;
  why: string;
  screen: string;
}

export interface BestRun {
  kind: RunKind;
  runs: number;
  best: string | null;
  figure: string | null;
  value: number | null;
  baseline: number | null;
}

export interface Overview {
  sources: number;
  comments: number;
  posts: number;
  pairs: number;
  splits: number;
  bases: number;
  runs: BestRun[];
  fakes: number;
  candidates: number;
  queue: Record<ReplyState, number>;
  jobs: number;
  next: NextStep[];
  warnings: string[];
}

export type Permission =
  | "unknown"
  | "own"
  | "consent"
  | "open-licence"
  | "reddit-approved"
  | "research"
  | "synthetic";

export interface SourceCounts {
  rows: number;
  comments: number;
  posts: number;
  new: number;
  newer: number;
  known: number;
  rejected: number;
  dropped: Record<string, number>;
}

export interface SourceInfo {
  id: number;
  name: string;
  path: string;
  format: string;
  permission: Permission;
  note: string;
  counts: SourceCounts;
  complete: boolean;
  already: boolean;
  created_ms: number;
}

export interface Rejected {
  line: number;
  reason: string;
  excerpt: string;
}

export interface Filter {
  subreddits: string[];
  authors: string[];
  not_authors: string[];
  min_score: number | null;
  max_score: number | null;
  min_chars: number | null;
  max_chars: number | null;
  after_utc: number | null;
  before_utc: number | null;
}

export interface Import {
  files: string[];
  format: Format | null;
  mapping: Mapping | null;
  name: string | null;
  permission: Permission;
  note: string;
  filter: Filter;
}

export interface Imported {
  sources: SourceInfo[];
}

export interface Recipe {
  drop_deleted: boolean;
  drop_bots: boolean;
  bots: string[];
  drop_links: boolean;
  drop_unknown_authors: boolean;
  keep_same_author: boolean;
  min_chars: number;
  max_chars: number;
}

export interface PairsBuilt {
  comments: number;
  replies: number;
  joined: number;
  dropped: [string, number][];
  kept: number;
  new: number;
  removed: number;
}

export type PairSort = "id" | "score" | "comment_length" | "reply_length" | "subreddit" | "created";

export interface PairsQuery {
  subreddits: string[];
  contains: string;
  min_score: number | null;
  max_score: number | null;
  split: string | null;
  side: Side | null;
  source: number | null;
  sort: PairSort;
  descending: boolean;
}

export interface PairsView {
  view: string;
  total: number;
}

export interface PairRow {
  id: string;
  subreddit: string;
  comment: string;
  reply: string;
  score: number | null;
  comment_score: number | null;
  side: Side | null;
  created_utc: number | null;
  title: string;
}

export interface PairWhole extends PairRow {
  comment_author: string;
  reply_author: string;
  source: string;
  thread: string;
  permalink: string;
}

export interface Labels {
  edges: [number, number, number] | null;
  bins: number[];
  unscored: number;
  suggested: [number, number, number] | null;
}

export interface Near {
  shingle: number;
  min_words: number;
  threshold: number;
}

export interface Shares {
  train: number;
  val: number;
  test: number;
}

export interface SideInfo {
  side: Side;
  pairs: number;
  threads: number;
  scored: number;
  bins: number[];
}

export interface Audit {
  name: string;
  clean: boolean;
  pairs: number;
  texts: number;
  near: Near;
  torn_threads: number;
  twin_texts: number;
  examples: string[];
  at_ms: number;
}

export interface SplitInfo {
  name: string;
  seed: number;
  config: { shares: Shares; edges: [number, number, number] | null; near: Near };
  sides: SideInfo[];
  audit: Audit | null;
  created_ms: number;
}

export interface MakeSplit {
  name: string;
  seed: number;
  shares: Shares;
  edges: [number, number, number] | null;
  near: Near;
}

export interface BaseInfo {
  name: string;
  kind: "gpt2" | "bert";
  origin: string;
  parameters: number;
  bytes: number;
  layers: number;
  width: number;
  context: number;
  vocabulary: number;
  unused?: string[];
  created_ms: number;
}

export interface BaseAdd {
  name: string;
  from: string;
}

export interface BaseNew {
  name: string;
  kind: "gpt2" | "bert";
  layers: number;
  width: number;
  heads: number;
  context: number;
  vocab: number;
  tokenizer: string | null;
  split: string | null;
  seed: number;
}

export type RunConfig = Record<string, string | number | boolean>;

export interface RunField {
  name: string;
  help: string;
  type: "text" | "whole" | "number" | "choice" | "base" | "split" | "fakes";
  choices: string[];
  kinds: RunKind[];
}

export interface RunPreset {
  name: string;
  help: string;
  changes: RunConfig;
}

export interface RunFacts {
  base: string;
  split: string;
  fakes: string | null;
  device: string;
  threads: number;
  parameters: number;
  train_examples: number;
  val_examples: number;
  classes: number[];
  class_weights: number[];
  steps: number;
  padding: number;
  estimated_bytes: number;
  estimated_seconds: number;
  version: string;
}

export interface CheckpointInfo {
  role: "best" | "last" | "kept";
  step: number;
  loss: number | null;
  bytes: number;
}

export interface RunInfo {
  name: string;
  kind: RunKind;
  state: JobState | "";
  job: string | null;
  config: string;
  facts: RunFacts | null;
  step: number;
  loss: number | null;
  best_loss: number | null;
  samples: [number, string, string][];
  created_ms: number;
}

export interface RunWhole extends RunInfo {
  settings: RunConfig;
  checkpoints: CheckpointInfo[];
}

export interface Difference {
  field: string;
  values: string[];
}

export interface Decode {
  max_new_tokens: number;
  temperature: number;
  top_k: number;
  top_p: number;
  repetition_penalty: number;
  seed: number;
}

export interface FakesConfig {
  generator: string;
  step: number;
  template: { separator: string; max_tokens: number };
  decode: Decode;
  replies: number;
  comments: [number, number, number];
  device: string;
}

export interface MakeFakes {
  name: string;
  generator: string;
  checkpoint: string | null;
  replies: number;
  comments: [number, number, number];
  batch: number;
  decode: Decode;
  device: string;
}

export interface FakesInfo {
  name: string;
  split: string;
  config: FakesConfig;
  fakes: [number, number, number];
  created_ms: number;
}

export interface FakeShown {
  side: Side;
  comment: string;
  real: string;
  fake: string;
  finish: string;
}

export interface Evaluate {
  run: string;
  checkpoint: string | null;
  side: Side;
  fakes: string | null;
  limit: number;
  batch: number;
  threshold: number;
  seed: number;
  device: string;
}

export interface EvaluationConfig {
  kind: RunKind;
  checkpoint: string;
  step: number;
  classes: string[];
  threshold: number | null;
  fakes: FakesConfig | null;
  limit: number;
  batch: number;
  seed: number;
  device: string;
  threads: number;
  version: string;
}

export interface ClassFigures {
  name: string;
  examples: number;
  tp: number;
  fp: number;
  tn: number;
  fn: number;
  precision: number | null;
  recall: number | null;
  f1: number | null;
  auc: number | null;
  average_precision: number | null;
}

export interface ClassifierFigures {
  examples: number;
  threshold: number | null;
  auc: number | null;
  micro_auc: number | null;
  accuracy: number | null;
  f1: number | null;
  precision: number | null;
  recall: number | null;
  log_loss: number | null;
  brier: number | null;
  calibration_error: number | null;
  quadratic_kappa: number | null;
  spearman: number | null;
  classes: ClassFigures[];
  confusion: number[][];
  baseline: {
    majority_accuracy: number | null;
    prior_log_loss: number | null;
    unigram_auc: number | null;
    unigram_accuracy: number | null;
  };
}

export interface GeneratorFigures {
  examples: number;
  tokens: number;
  loss: number | null;
  perplexity: number | null;
  unigram_perplexity: number | null;
  chance_perplexity: number;
}

export type Figures = ({ of: "generator" } & GeneratorFigures) | ({ of: "classifier" } & ClassifierFigures);

export interface EvaluationInfo {
  id: number;
  run: string;
  split: string;
  side: Side;
  fakes: string | null;
  config: EvaluationConfig;
  figures: Figures;
  created_ms: number;
}

export interface AtThreshold {
  figures: ClassifierFigures;
  roc: [number, number] | null;
  pr: [number, number] | null;
}

export interface Example {
  comment: string;
  reply: string;
  truth: string;
  called: string;
  p: number;
}

export interface Axis {
  title: string;
  from: number;
  to: number;
  ticks: [number, string][];
}

export interface Series {
  name: string;
  class: string;
  points: [number, number][];
}

export interface Picture {
  svg: string;
  width: number;
  height: number;
  plot: { x: number; y: number; width: number; height: number };
  x: Axis;
  y: Axis;
  series: Series[];
  table: { columns: string[]; rows: string[][] };
}

export type ChartKind = "roc" | "pr" | "confusion" | "calibration" | "loss" | "scores" | "lr" | "throughput";
export type PairsChart = "comment_length" | "reply_length" | "score" | "subreddit";

export interface Criteria {
  min_p_real: number;
  max_chars: number;
  per_thread: number;
}

export interface Incoming {
  comment: string;
  thread: string;
  subreddit: string;
  title: string;
}

export interface Generate {
  comments: Incoming[];
  unseen: number;
  origin: string;
  generator: string;
  realism: string | null;
  upvotes: string | null;
  checkpoint: string | null;
  candidates: number;
  batch: number;
  decode: Decode;
  criteria: Criteria;
  queue: boolean;
  device: string;
}

export interface CandidateInfo {
  id: number;
  n: number;
  text: string;
  finish: string;
  p_real: number | null;
  bins: number[] | null;
  expected_bin: number | null;
  picked: boolean;
  reason: string;
}

export interface Answered {
  thread: number;
  comment: string;
  candidates: CandidateInfo[];
}

export interface GenerationConfig {
  generator: string;
  realism: string | null;
  upvotes: string | null;
  candidates: number;
  decode: Decode;
  criteria: Criteria;
  device: string;
}

export interface Generated {
  generation: number;
  comments: Answered[];
  queued: number[];
  config: GenerationConfig;
}

export interface GenerationInfo {
  id: number;
  created_ms: number;
  generator: string;
  realism: string | null;
  upvotes: string | null;
  comments: number;
  candidates: number;
  picked: number;
  queued: number;
}

export type ReplyState = "draft" | "approved" | "posted" | "rejected";

export interface ReplyInfo {
  id: number;
  state: ReplyState;
  text: string;
  written: string;
  subreddit: string;
  title: string;
  comment: string;
  p_real: number | null;
  bins: number[] | null;
  expected_bin: number | null;
  reason: string;
  link?: string | null;
  updated_ms: number;
}

export interface EventInfo {
  at_ms: number;
  who: string;
  what: string;
  detail: string;
}

export interface ReplyStory {
  reply: ReplyInfo;
  events: EventInfo[];
}

export type JobState = "running" | "lost" | "paused" | "done" | "failed" | "cancelled";

export interface Progress {
  phase: string;
  done: number;
  total: number | null;
  unit: string;
  note: string;
  eta_s: number | null;
}

export interface JobInfo {
  id: string;
  kind: string;
  state: JobState;
  want: string | null;
  progress: Progress | null;
  outcome: unknown;
  params: unknown;
  created_ms: number;
  ended_ms: number | null;
}

export interface LogLine {
  at_ms: number;
  text: string;
}

export interface Checked {
  whole: boolean;
  integrity: string[];
  references: string[];
  blobs: string[];
  blobs_checked: number;
  bytes_checked: number;
}

export interface Compacted {
  before: number;
  after: number;
  collected: number;
}

export interface Size {
  file: number;
  log: number;
  free: number;
  families: { family: string; bytes: number; rows: number }[];
}

// ---- signals ---------------------------------------------------------------------------------------

export type JobSignal =
  | { event: "started"; job: string; kind: string; resumed: boolean }
  | ({ event: "progress" } & Progress)
  | { event: "log"; text: string }
  | { event: "comments"; texts: string[] }
  | { event: "draft"; comment: number; candidate: number; text: string; finish: string | null }
  | { event: "score"; comment: number; candidate: number; p_real: number | null; bins: number[] | null };

export type Signal =
  | { event: "changed"; families: Family[] }
  | { event: "job"; job: string; signal: JobSignal }
  | { event: "ended"; job: string; kind: string; state: JobState; error: Failure | null };

// ---- commands --------------------------------------------------------------------------------------

type Nothing = Record<string, never>;

export interface Commands {
  "desk.get": [Nothing, Desk];
  "desk.settings": [Settings, Settings];
  "desk.forget": [{ path: string }, null];
  "desk.doctor": [Nothing, { findings: Finding[] }];
  "file.preview": [{ path: string }, FilePreview];
  "project.create": [{ path: string }, ProjectInfo];
  "project.open": [{ path: string }, ProjectInfo];
  "project.sample": [{ path?: string }, ProjectInfo];
  "project.close": [Nothing, null];
  "window.open": [{ path?: string }, null];
  overview: [Nothing, Overview];
  sources: [Nothing, SourceInfo[]];
  "source.permit": [{ source: string; permission: Permission; note: string }, SourceInfo];
  "source.rejected": [{ source: string; after: number; limit: number }, Rejected[]];
  "pairs.view": [PairsQuery, PairsView];
  "pairs.rows": [{ view: string; from: number; count: number }, PairRow[]];
  "pairs.chart": [{ of: PairsChart; query: PairsQuery }, Picture];
  "pairs.chart.export": [{ of: PairsChart; query: PairsQuery; files: string[]; dark: boolean }, string[]];
  "pairs.subreddits": [Nothing, [string, number][]];
  "pair.get": [{ id: string }, PairWhole];
  labels: [{ edges?: [number, number, number] }, Labels];
  splits: [Nothing, SplitInfo[]];
  bases: [Nothing, BaseInfo[]];
  "base.remove": [{ name: string }, null];
  "base.estimate": [BaseNew, { parameters: number; bytes: number }];
  "run.fields": [Nothing, RunField[]];
  "run.defaults": [{ kind: RunKind }, RunConfig];
  "run.presets": [{ kind: RunKind }, RunPreset[]];
  "run.estimate": [{ config: RunConfig }, RunFacts];
  runs: [Nothing, RunInfo[]];
  "run.get": [{ name: string }, RunWhole];
  "run.differences": [{ runs: string[] }, Difference[]];
  "run.figure": [{ run: string; figure: string }, [number, number][]];
  fakes: [Nothing, FakesInfo[]];
  "fakes.rows": [{ name: string; from: number; count: number }, FakeShown[]];
  evaluations: [Nothing, EvaluationInfo[]];
  "evaluation.get": [{ id: number }, EvaluationInfo];
  "evaluation.at": [{ id: number; threshold: number }, AtThreshold];
  "evaluation.examples": [{ id: number; best: boolean; limit: number; threshold?: number }, Example[]];
  chart: [{ kind: ChartKind; of: string[]; threshold?: number }, Picture];
  "chart.export": [
    { kind: ChartKind; of: string[]; threshold?: number; files: string[]; dark: boolean },
    string[],
  ];
  generations: [Nothing, GenerationInfo[]];
  "generation.get": [{ id: number }, Generated];
  "generation.pick": [{ generation: number; criteria: Criteria }, Generated];
  "candidates.queue": [{ candidates: number[]; who: string }, ReplyInfo[]];
  queue: [{ state?: ReplyState }, ReplyInfo[]];
  "reply.get": [{ id: number }, ReplyStory];
  "reply.edit": [{ id: number; text: string; who: string }, ReplyInfo];
  "reply.approve": [{ id: number; who: string }, ReplyInfo];
  "reply.reject": [{ id: number; who: string; why: string }, ReplyInfo];
  "reply.reopen": [{ id: number; who: string }, ReplyInfo];
  "reply.posted": [{ id: number; link: string; who: string }, ReplyInfo];
  jobs: [Nothing, JobInfo[]];
  "job.get": [{ job: string }, JobInfo];
  "job.log": [{ job: string }, LogLine[]];
  "job.start": [{ id: string; kind: string; params: unknown }, JobInfo];
  "job.pause": [{ job: string }, JobInfo];
  "job.cancel": [{ job: string }, JobInfo];
  "job.resume": [{ job: string }, JobInfo];
  "export.pairs": [{ file: string; split: string | null; side: Side | null }, number];
  "export.run": [{ run: string; folder: string; checkpoint: string | null }, string];
  "export.base": [{ name: string; folder: string }, string];
  "export.queue": [{ file: string; state: ReplyState | null }, number];
  check: [Nothing, Checked];
  compact: [Nothing, Compacted];
  size: [Nothing, Size];
}

export type Command = keyof Commands;
export type Params<C extends Command> = Commands[C][0];
export type Result<C extends Command> = Commands[C][1];
