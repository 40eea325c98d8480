// Which tables a command reads: when one of them changes, its open queries are fetched again.

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

/**
 * Commands that are not listed have constant results or are called once. Joined names (a run's base, an
 * evaluation's fakes) do not count: a rename announces a change of every family.
 */
export const READS: Partial<Record<Command, Family[]>> = {
  overview: [...ALL, "jobs", "settings"],
  // running jobs write every second; the space they take is not worth a query
  size: ALL,
  sources: ["sources"],
  // depends on the permission records and the origins of the sources
  study: ["settings", "sources"],
  "study.train": ["settings", "sources", "splits", "fakes"],
  "source.rejected": ["sources"],
  "pairs.view": ["pairs", "splits"],
  // a chart names missing permissions
  "pairs.chart": ["pairs", "splits", "settings", "sources"],
  "pairs.subreddits": ["pairs"],
  "pair.get": ["pairs"],
  "pairs.excluded": ["pairs"],
  labels: ["pairs"],
  // a partition's bins are counted from the scores of its pairs
  splits: ["splits", "pairs"],
  "deleted.content": ["bases", "runs", "fakes", "evaluations", "threads"],
  "run.again": ["bases", "runs", "fakes"],
  bases: ["bases"],
  "run.estimate": ["pairs", "splits", "bases", "fakes", "runs"],
  runs: ["runs", "jobs"],
  "run.get": ["runs", "jobs"],
  "run.differences": ["runs"],
  "run.figure": ["runs"],
  checkpoints: ["runs"],
  fakes: ["fakes"],
  "fakes.rows": ["fakes", "pairs"],
  evaluations: ["evaluations"],
  "evaluation.get": ["evaluations"],
  "evaluation.at": ["evaluations"],
  "evaluation.examples": ["evaluations", "pairs", "fakes"],
  chart: ["runs", "evaluations", "settings", "sources"],
  generations: ["threads"],
  "generation.get": ["threads", "queue"],
  "generation.pick": ["threads", "queue"],
  // a reply is shown with its parent comment, footer and account
  queue: ["queue", "threads", "reddit", "settings"],
  "reply.get": ["queue", "threads", "reddit", "settings"],
  accounts: ["reddit"],
  "posting.rules": ["settings"],
  "posting.file": ["settings", "reddit"],
  "posting.permissions": ["reddit"],
  optouts: ["reddit"],
  // links point to the host of the account selected in the settings
  threads: ["threads", "reddit", "settings"],
  "thread.get": ["threads", "queue", "reddit", "settings"],
  outbox: ["queue", "threads", "reddit", "settings"],
  "outbox.get": ["queue", "threads", "reddit", "settings"],
  outcomes: ["queue", "outcomes"],
  "outcomes.chart": ["queue", "outcomes", "settings", "sources"],
  audit: ["reddit"],
  jobs: ["jobs"],
  "job.get": ["jobs"],
  "job.log": ["jobs"],
};

/** Commands that take more than a few milliseconds in a large project are called less often. */
export const ASK_EVERY_MS: Partial<Record<Command, number>> = {
  overview: 1_000,
  labels: 2_000,
  "run.estimate": 2_000,
  "pairs.view": 3_000,
  "pairs.chart": 3_000,
  "pairs.subreddits": 3_000,
  size: 5_000,
};
