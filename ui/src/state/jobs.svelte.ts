// All jobs of the project: a snapshot plus the signals after it. Signals are subscribed to before the
// snapshot is requested, so that a web view reloaded during a job misses nothing.

import {
  call,
  type Draft,
  type DraftScore,
  type EngineError,
  failure,
  host,
  type JobInfo,
  type Jobs as JobKinds,
  type JobLine,
  type JobQueue,
  type MoveTo,
  type Progress,
  type Signal,
} from "../host";
import { count, duration, jobTitle } from "../parts/format";
import { isLive, isResumable, stoppedAt } from "../parts/job-status";
import { app } from "./app.svelte";
import { newId } from "./id";
import { onAppEvent } from "./signals";
import { showToast } from "./toasts.svelte";

/** A candidate during generation: its text so far, then its scores. */
export type Writing = Omit<Draft & DraftScore, "comment" | "n">;

const READ_EVERY_MS = 500;
/** Log lines kept in memory per job. */
const LINES = 500;
/** Longer jobs send a desktop notification when they end. */
const NOTIFY_AFTER_MS = 10_000;

/** Jobs that run other jobs as steps, with the kinds of these. */
const STEPS: Record<string, string[]> = {
  demo: ["import", "pairs", "split", "audit", "base-new", "train", "fakes", "evaluate", "generate"],
  draft: ["fetch", "generate"],
  "train-again": ["base-new", "train", "fakes"],
  rerun: ["train", "evaluate"],
  sweep: ["train", "evaluate"],
};

/** Kinds that use the whole machine: started while another one runs, they are queued. */
const HEAVY: ReadonlySet<string> = new Set([
  "train",
  "rerun",
  "sweep",
  "fakes",
  "evaluate",
  "quality",
  "shortcuts",
  "decoding",
]);

/** Whether a job only serves others and never ends by itself: the Reddit sandbox. */
export const serves = (job: JobInfo): boolean => job.kind === "sandbox";

class Jobs {
  list: JobInfo[] = $state.raw([]);
  error: EngineError | null = $state.raw(null);
  /** Text being generated: job id, then comment, then candidate. */
  drafts: Record<string, Writing[][]> = $state({});
  /** The comments that a job generates replies to, if it sent them. */
  comments: Record<string, string[]> = $state({});
  #lines: Record<string, JobLine[]> = $state({});
  #latest = new Map<string, Progress>();
  #reading = false;
  #again: ReturnType<typeof setTimeout> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  /** Incremented when another project is opened; responses for the previous one are dropped. */
  #generation = 0;
  /** Incremented when a command answers with a job: a snapshot that was requested before may be older than that. */
  #answers = 0;

  constructor() {
    onAppEvent((event) => {
      if (event.event === "changed") {
        if (event.families.includes("jobs")) this.readSoon();
      } else if (event.event === "job") {
        this.#onSignal(event.job, event.signal);
      } else if (event.event === "ended") {
        void this.#ended(event.job, event.kind, event.state, event.error);
      }
    });
  }

  /** Running jobs, oldest first; those that only serve others last. */
  get running(): JobInfo[] {
    const live = this.list.filter((job) => isLive(job)).reverse();
    return [...live.filter((job) => !serves(job)), ...live.filter(serves)];
  }

  /** Running jobs without those that are steps of another job. */
  get started(): JobInfo[] {
    return this.running.filter((job) => !this.#isStep(job));
  }

  /** Queued jobs in order. */
  get queue(): JobInfo[] {
    const queued = this.list.filter((job) => job.state === "queued");
    return queued.sort((a, b) => (a.place ?? 0) - (b.place ?? 0));
  }

  /** The job that blocks the queue: paused, or failed with `stops_queue`. */
  get blockedBy(): JobInfo | null {
    const blocks = (job: JobInfo) => job.place !== null && (job.state === "paused" || job.state === "failed");
    return this.list.find(blocks) ?? null;
  }

  /** The job shown in the jobs bar: a running one, else one that can be resumed. */
  get current(): JobInfo | null {
    return this.running[0] ?? this.list.find(isResumable) ?? null;
  }

  get(id: string | null | undefined): JobInfo | null {
    return this.list.find((job) => job.id === id) ?? null;
  }

  lines(id: string): JobLine[] {
    return this.#lines[id] ?? [];
  }

  clear(): void {
    this.#generation += 1;
    clearTimeout(this.#again);
    this.#again = undefined;
    this.list = [];
    this.error = null;
    this.drafts = {};
    this.comments = {};
    this.#lines = {};
    this.#latest.clear();
  }

  async read(): Promise<void> {
    const generation = this.#generation;
    const answers = this.#answers;
    this.#reading = true;
    this.#readAt = performance.now();
    try {
      const read = await call("jobs", {});
      if (generation !== this.#generation) return;
      if (answers === this.#answers) this.list = read.map((job) => this.#withLatest(job));
      else this.readSoon();
      this.error = null;
    } catch (thrown) {
      if (generation === this.#generation) this.error = failure(thrown);
    } finally {
      this.#reading = false;
    }
  }

  readSoon(): void {
    if (this.#again !== undefined) return;
    const wait = Math.max(0, this.#readAt + READ_EVERY_MS - performance.now());
    this.#again = setTimeout(
      () => {
        this.#again = undefined;
        if (this.#reading) this.readSoon();
        else void this.read();
      },
      Math.max(wait, 20),
    );
  }

  async readLines(id: string): Promise<void> {
    const generation = this.#generation;
    const lines = await call("job.log", { job: id });
    if (generation === this.#generation) this.#lines[id] = lines.slice(-LINES);
  }

  /** A heavy job is queued while another heavy one is running or queued. */
  async start<K extends keyof JobKinds>(kind: K, params: Partial<JobKinds[K]["params"]>): Promise<string> {
    const id = newId();
    const busy = this.queue[0] ?? this.started.find((job) => HEAVY.has(job.kind));
    if (HEAVY.has(kind) && busy) {
      const { job, notes } = await call("job.queue", { id, kind, params, stops_queue: false });
      this.#put(job);
      const text = [`${jobTitle(job)} is queued and starts after ${jobTitle(busy)}.`, ...notes].join(" ");
      showToast(text, { screen: null });
      return id;
    }
    const job = await call("job.start", { id, kind, params });
    this.#put(job);
    return id;
  }

  async pause(id: string): Promise<void> {
    this.#put(await call("job.pause", { job: id }));
  }

  /** Stops a training job and keeps its checkpoint; other jobs keep their partial results. */
  async stop(id: string): Promise<void> {
    this.#put(await call("job.stop", { job: id }));
  }

  /** Stops a training job and deletes its checkpoints. */
  async discard(id: string): Promise<void> {
    this.#put(await call("job.discard", { job: id }));
  }

  async move(id: string, to: MoveTo): Promise<void> {
    this.#putAll(await call("job.move", { job: id, to }));
  }

  async stopsQueue(id: string, stops: boolean): Promise<void> {
    this.#put(await call("job.stops-queue", { job: id, stops }));
  }

  /** Resumes a paused job that blocks the queue, or skips a failed one. */
  async resumeQueue(): Promise<void> {
    this.#putAll(await call("queue.go-on", {}));
    this.readSoon();
  }

  async cancel(id: string): Promise<void> {
    this.#put(await call("job.cancel", { job: id }));
  }

  async resume(id: string): Promise<void> {
    this.#put(await call("job.resume", { job: id }));
  }

  #putAll(queue: JobQueue): void {
    for (const job of queue.jobs) this.#put(job);
  }

  #put(job: JobInfo): void {
    this.#answers += 1;
    this.#show(job);
  }

  #show(job: JobInfo): void {
    const known = this.list.some((other) => other.id === job.id);
    this.list = known ? this.list.map((other) => (other.id === job.id ? job : other)) : [job, ...this.list];
  }

  /** A signal may be newer than the snapshot. */
  #withLatest(job: JobInfo): JobInfo {
    const latest = this.#latest.get(job.id);
    if (!latest || job.state !== "running") return job;
    const older = job.progress && job.progress.phase === latest.phase && job.progress.done > latest.done;
    return older ? job : { ...job, progress: latest };
  }

  #onSignal(id: string, signal: Signal): void {
    switch (signal.event) {
      case "started":
        if (!this.get(id)) this.readSoon();
        break;
      case "progress": {
        const { event: _, ...progress } = signal;
        this.#latest.set(id, progress);
        const job = this.get(id);
        if (job) this.#show({ ...job, progress });
        else this.readSoon();
        break;
      }
      case "log": {
        const line = { at_ms: Date.now(), text: signal.text };
        this.#lines[id] = [...(this.#lines[id] ?? []), line].slice(-LINES);
        break;
      }
      case "comments":
        this.comments[id] = signal.texts;
        break;
      case "drafts":
        for (const { comment, n, text, finish_reason } of signal.drafts) {
          Object.assign(this.#writing(id, comment, n), { text, finish_reason });
        }
        break;
      case "scores":
        for (const { comment, n, p_real, bins } of signal.scores) {
          // each classifier sends its own score
          const writing = this.#writing(id, comment, n);
          if (p_real !== null) writing.p_real = p_real;
          if (bins !== null) writing.bins = bins;
        }
        break;
    }
  }

  #writing(id: string, comment: number, n: number): Writing {
    this.drafts[id] ??= [];
    const all = this.drafts[id];
    while (all.length <= comment) all.push([]);
    const some = all[comment] as Writing[];
    while (some.length <= n) some.push({ text: "", finish_reason: null, p_real: null, bins: null });
    return some[n] as Writing;
  }

  #isStep(job: JobInfo): boolean {
    return this.running.some(
      (other) => STEPS[other.kind]?.includes(job.kind) && other.created_ms <= job.created_ms,
    );
  }

  async #ended(id: string, kind: string, state: string, error: EngineError | null): Promise<void> {
    const generation = this.#generation;
    this.#latest.delete(id);
    let job = this.get(id);
    try {
      job = await call("job.get", { job: id });
      if (generation !== this.#generation) return;
      this.#put(job);
    } catch {
      this.readSoon();
    }
    const title = job ? jobTitle(job) : kind;
    const took = job?.ended_ms ? ` after ${duration((job.ended_ms - job.created_ms) / 1000)}` : "";
    const text: string | undefined = {
      done:
        stoppedAt(job) === null
          ? `${title} is done${took}.`
          : `${title} was stopped at step ${count(stoppedAt(job) ?? 0)}. Its checkpoint is kept.`,
      paused: `${title} is paused. Resume to continue.`,
      cancelled:
        job?.kind === "train" ? `${title} was canceled.` : `${title} was canceled. Partial results kept.`,
      failed: `${title} failed: ${error?.message ?? "unknown error"}`,
      lost: `${title} was interrupted: its process ended. Resume to continue from the last save.`,
    }[state];
    if (!text) return;
    // the job that runs the steps reports their result
    if (job && this.#isStep(job) && state !== "failed") return;
    showToast(text, {
      tone: state === "failed" || state === "lost" ? "bad" : state === "done" ? "good" : "note",
      screen: null,
    });
    const long = job?.ended_ms ? job.ended_ms - job.created_ms > NOTIFY_AFTER_MS : false;
    if (app.now?.settings.notify && state !== "paused" && (document.hidden || long)) {
      await host()
        .notify(state === "failed" ? "Job failed" : "Job finished", text)
        .catch(() => {});
    }
  }
}

export const jobs = new Jobs();
