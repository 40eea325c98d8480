// Which tables an answer is made of: when one of them changes, open queries of that command ask again.

import type { Command } from "../host";

type Family =
  | "sources"
  | "pairs"
  | "splits"
  | "bases"
  | "runs"
  | "fakes"
  | "evaluations"
  | "threads"
  | "queue"
  | "outcomes"
  | "reddit"
  | "jobs"
  | "settings";

const ALL: Family[] = [
  "sources",
  "pairs",
  "splits",
  "bases",
  "runs",
  "fakes",
  "evaluations",
  "threads",
  "queue",
  "outcomes",
  "reddit",
];

/** Commands that are not named here change nothing by themselves, or are asked once. */
export const READS: Partial<Record<Command, Family[]>> = {
  overview: [...ALL, "jobs"],
  size: ALL,
  sources: ["sources"],
  "source.rejected": ["sources"],
  "pairs.view": ["pairs", "splits"],
  "pairs.chart": ["pairs", "splits"],
  "pairs.subreddits": ["pairs"],
  "pair.get": ["pairs"],
  labels: ["pairs"],
  splits: ["splits"],
  bases: ["bases"],
  "run.estimate": ["pairs", "splits", "bases", "fakes"],
  runs: ["runs", "jobs"],
  "run.get": ["runs", "jobs"],
  "run.differences": ["runs"],
  "run.figure": ["runs"],
  checkpoints: ["runs"],
  fakes: ["fakes"],
  "fakes.rows": ["fakes"],
  evaluations: ["evaluations"],
  "evaluation.get": ["evaluations"],
  "evaluation.at": ["evaluations"],
  "evaluation.examples": ["evaluations"],
  chart: ["runs", "evaluations"],
  generations: ["threads"],
  "generation.get": ["threads", "queue"],
  "generation.pick": ["threads", "queue"],
  queue: ["queue"],
  "reply.get": ["queue"],
  accounts: ["reddit"],
  "posting.rules": ["reddit", "settings"],
  permits: ["reddit"],
  optouts: ["reddit"],
  threads: ["threads", "queue"],
  "thread.get": ["threads", "queue"],
  outbox: ["queue", "reddit"],
  "outbox.get": ["queue", "reddit", "settings"],
  outcomes: ["queue", "outcomes"],
  "outcomes.chart": ["queue", "outcomes"],
  audit: ["reddit", "queue"],
  jobs: ["jobs"],
  "job.log": ["jobs"],
};

/** Questions that cost the engine more than a few milliseconds in a large project are asked less often. */
export const ASK_EVERY_MS: Partial<Record<Command, number>> = {
  overview: 1_000,
  labels: 2_000,
  "run.estimate": 2_000,
  "pairs.view": 3_000,
  "pairs.chart": 3_000,
  "pairs.subreddits": 3_000,
  size: 5_000,
};
