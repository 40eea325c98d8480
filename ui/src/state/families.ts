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

/**
 * Commands that are not named here change nothing by themselves, or are asked once. Names that are joined
 * from other tables (a run's base, an evaluation's fakes) are left out: who renames a thing touches every family.
 */
export const READS: Partial<Record<Command, Family[]>> = {
  overview: [...ALL, "jobs", "settings"],
  // jobs write once a second while one runs: their room is not worth asking for
  size: ALL,
  sources: ["sources"],
  // judged by the records and by where the sources come from
  study: ["settings", "sources"],
  "study.train": ["settings", "sources", "splits", "fakes"],
  "source.rejected": ["sources"],
  "pairs.view": ["pairs", "splits"],
  // a chart carries what permission is missing
  "pairs.chart": ["pairs", "splits", "settings", "sources"],
  "pairs.subreddits": ["pairs"],
  "pair.get": ["pairs"],
  "pairs.excluded": ["pairs"],
  labels: ["pairs"],
  // the bins of a side are counted from the scores of its pairs
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
  // a reply is shown with what it answers, and with the footer and account that it would be sent with
  queue: ["queue", "threads", "reddit", "settings"],
  "reply.get": ["queue", "threads", "reddit", "settings"],
  accounts: ["reddit"],
  "posting.rules": ["settings"],
  "posting.file": ["settings", "reddit"],
  "posting.permissions": ["reddit"],
  optouts: ["reddit"],
  // links lead to the host of the account that the settings choose
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
