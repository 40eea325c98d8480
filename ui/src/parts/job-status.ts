// Job states and progress as text.

import { type EngineError, failure, type JobInfo, type JobStatus, type Progress } from "../host";
import { ago, bytes, count, duration, since } from "./format";

export const isLive = (job: Pick<JobInfo, "state"> | null): boolean =>
  job !== null && (job.state === "running" || job.state === "waiting");

export const isResumable = (job: Pick<JobInfo, "state"> | null): boolean =>
  job !== null && (job.state === "paused" || job.state === "lost");

/** Kinds that serve, watch or wait until something else ends them. */
const OPEN_ENDED: ReadonlySet<string> = new Set(["sandbox", "maintenance", "login"]);

export const isOpenEnded = (job: Pick<JobInfo, "kind">): boolean => OPEN_ENDED.has(job.kind);

/** "training · 120 of 300 steps · loss 3.21 · 2 min left". */
export function progressText(progress: Progress | null): string {
  if (!progress) return "starting";
  const size = (n: number) => (progress.unit === "bytes" ? bytes(n) : count(n));
  const unit = progress.unit === "bytes" ? "" : ` ${progress.unit}`;
  const far =
    progress.total !== null
      ? `${size(progress.done)} of ${size(progress.total)}${unit}`
      : progress.done > 0
        ? `${size(progress.done)}${unit}`
        : "";
  const left = progress.eta_s !== null && progress.eta_s >= 1 ? `${duration(progress.eta_s)} left` : "";
  return [progress.phase, far, progress.note, left].filter(Boolean).join(" · ");
}

/** The status of a job or run as shown on screen; null: a run whose job is gone. */
export function stateName(status: JobStatus | null): string {
  if (status === null) return "ended";
  if (status === "cancelled") return "canceled";
  return status === "lost" ? "interrupted" : status;
}

export function stateText(job: JobInfo): string {
  const far = progressText(job.progress);
  switch (job.state) {
    case "queued":
    case "waiting":
      return "queued";
    case "running":
      if (job.want === "pause") return `pausing · ${far}`;
      if (job.want === "stop") return `stopping, the checkpoint is kept · ${far}`;
      if (job.want === "discard") return `discarding · ${far}`;
      if (job.want === "cancel") return `canceling · ${far}`;
      if (!isOpenEnded(job)) return far;
      return `${job.progress ? `${far} ·` : "running"} since ${since(job.created_ms)}`;
    case "paused":
      return `paused at ${far}`;
    case "lost":
      return `interrupted (process ended); resume from ${far}`;
    case "done":
      if (stoppedAt(job) !== null)
        return `stopped at step ${count(stoppedAt(job) ?? 0)}; its checkpoint is kept`;
      return `done ${job.ended_ms ? ago(job.ended_ms) : ""}`.trim();
    case "cancelled":
      return `canceled ${job.ended_ms ? ago(job.ended_ms) : ""}`.trim();
    case "failed":
      return `failed: ${jobFailure(job)?.message ?? "unknown error"}`;
    default:
      return job.state;
  }
}

export function jobFailure(job: JobInfo): EngineError | null {
  const { outcome } = job;
  if (job.state !== "failed" || typeof outcome !== "object" || outcome === null) return null;
  return "code" in outcome && "message" in outcome ? failure(outcome) : null;
}

/** Null unless the job is done. */
export function jobResult<T>(job: JobInfo | null): T | null {
  return job?.state === "done" ? (job.outcome as T) : null;
}

/** The step at which a training job was stopped early, if it was. */
export function stoppedAt(job: JobInfo | null): number | null {
  const trained = job?.kind === "train" ? jobResult<{ outcome: string; steps: number }>(job) : null;
  return trained?.outcome === "stopped" ? trained.steps : null;
}
