// All jobs of the project. A snapshot, and signals after it: the signals are heard before the snapshot
// is asked for, so a web view that was reloaded in mid-work misses nothing.

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
import { isLive, rests, stoppedAt } from "../parts/job-status";
import { app } from "./app.svelte";
import { newId } from "./id";
import { onNotice } from "./signals";
import { showToast } from "./toasts.svelte";

/** A candidate while it is written: its text so far, then its scores. */
export type Writing = Omit<Draft & DraftScore, "comment" | "n">;

/** Snapshots are not taken more often than this. */
const READ_EVERY_MS = 500;
/** Lines of a log that are kept in the window. */
const LINES = 500;
/** Jobs that took longer tell the desktop when they end. */
const NOTIFY_AFTER_MS = 10_000;

/** Jobs whose steps are jobs of their own, with the kinds of the steps. */
const STEPS: Record<string, string[]> = {
  demo: ["import", "pairs", "split", "audit", "base-new", "train", "fakes", "evaluate", "generate"],
  draft: ["fetch", "generate"],
  "train-again": ["base-new", "train", "fakes"],
};

/** Kinds that take the whole machine: one that is started while another runs is queued. */
const HEAVY: ReadonlySet<string> = new Set(["train", "fakes", "evaluate"]);

/** Whether a job is there for others to use: the made-up Reddit. */
export const serves = (job: JobInfo): boolean => job.kind === "practice";

class Jobs {
  list: JobInfo[] = $state.raw([]);
  error: EngineError | null = $state.raw(null);
  /** What jobs write at this moment: of a job, by comment, by candidate. */
  drafts: Record<string, Writing[][]> = $state({});
  /** The comments they answer, where a job told them. */
  comments: Record<string, string[]> = $state({});
  #lines: Record<string, JobLine[]> = $state({});
  #latest = new Map<string, Progress>();
  #reading = false;
  #again: ReturnType<typeof setTimeout> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  /** Goes up when another project is opened: answers of the one before are dropped. */
  #round = 0;

  constructor() {
    onNotice((notice) => {
      if (notice.event === "changed") {
        if (notice.families.includes("jobs")) this.readSoon();
      } else if (notice.event === "job") {
        this.#hear(notice.job, notice.signal);
      } else if (notice.event === "ended") {
        void this.#ended(notice.job, notice.kind, notice.state, notice.error);
      }
    });
  }

  /** Jobs that run now, the oldest first; what only serves others, and comes to no end, last. */
  get running(): JobInfo[] {
    const live = this.list.filter((job) => isLive(job)).reverse();
    return [...live.filter((job) => !serves(job)), ...live.filter(serves)];
  }

  /** Those of them that a person started: the steps of others are left out. */
  get started(): JobInfo[] {
    return this.running.filter((job) => !this.#isStep(job));
  }

  /** Jobs that wait in the queue, in order. */
  get queue(): JobInfo[] {
    const queued = this.list.filter((job) => job.state === "queued");
    return queued.sort((a, b) => (a.place ?? 0) - (b.place ?? 0));
  }

  /** The job that holds the queue up: it was paused, or failed and was to stop the queue. */
  get heldUpBy(): JobInfo | null {
    const holds = (job: JobInfo) => job.place !== null && (job.state === "paused" || job.state === "failed");
    return this.list.find(holds) ?? null;
  }

  /** The job of most interest: one that runs, else one that waits for a person. */
  get current(): JobInfo | null {
    return this.running[0] ?? this.list.find(rests) ?? null;
  }

  get(id: string | null | undefined): JobInfo | null {
    return this.list.find((job) => job.id === id) ?? null;
  }

  lines(id: string): JobLine[] {
    return this.#lines[id] ?? [];
  }

  clear(): void {
    this.#round += 1;
    clearTimeout(this.#again);
    this.#again = undefined;
    this.list = [];
    this.error = null;
    this.drafts = {};
    this.comments = {};
    this.#lines = {};
    this.#latest.clear();
  }

  /** Takes a snapshot. */
  async read(): Promise<void> {
    const round = this.#round;
    this.#reading = true;
    this.#readAt = performance.now();
    try {
      const read = await call("jobs", {});
      if (round !== this.#round) return;
      this.list = read.map((job) => this.#withLatest(job));
      this.error = null;
    } catch (thrown) {
      if (round === this.#round) this.error = failure(thrown);
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

  /** Reads the log of a job from its beginning. */
  async readLines(id: string): Promise<void> {
    const round = this.#round;
    const lines = await call("job.log", { job: id });
    if (round === this.#round) this.#lines[id] = lines.slice(-LINES);
  }

  /**
   * Starts a job; the id is made here, so that starting twice is starting once. A heavy one is queued while
   * another heavy one runs or waits.
   */
  async start<K extends keyof JobKinds>(kind: K, params: Partial<JobKinds[K]["params"]>): Promise<string> {
    const id = newId();
    const busy = this.queue[0] ?? this.started.find((job) => HEAVY.has(job.kind));
    if (HEAVY.has(kind) && busy) {
      const { job, notes } = await call("job.queue", { id, kind, params, stops_queue: false });
      this.#put(job);
      showToast(
        [`${jobTitle(job)} is queued: it starts when ${jobTitle(busy)} has ended.`, ...notes].join(" "),
      );
      return id;
    }
    const job = await call("job.start", { id, kind, params });
    this.#put(job);
    return id;
  }

  async pause(id: string): Promise<void> {
    this.#put(await call("job.pause", { job: id }));
  }

  /** Ends a training with its checkpoint as the result; any other job with what it has stored. */
  async stop(id: string): Promise<void> {
    this.#put(await call("job.stop", { job: id }));
  }

  /** Ends a training, and removes what it has learned. */
  async discard(id: string): Promise<void> {
    this.#put(await call("job.discard", { job: id }));
  }

  async move(id: string, to: MoveTo): Promise<void> {
    this.#putAll(await call("job.move", { job: id, to }));
  }

  async stopsQueue(id: string, stops: boolean): Promise<void> {
    this.#put(await call("job.stops-queue", { job: id, stops }));
  }

  /** What holds the queue up does so no longer. */
  async goOn(): Promise<void> {
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
    const known = this.list.some((other) => other.id === job.id);
    this.list = known ? this.list.map((other) => (other.id === job.id ? job : other)) : [job, ...this.list];
  }

  /** A signal may be newer than the row that the snapshot was read from. */
  #withLatest(job: JobInfo): JobInfo {
    const latest = this.#latest.get(job.id);
    if (!latest || job.state !== "running") return job;
    const older = job.progress && job.progress.phase === latest.phase && job.progress.done > latest.done;
    return older ? job : { ...job, progress: latest };
  }

  #hear(id: string, signal: Signal): void {
    switch (signal.event) {
      case "started":
        if (!this.get(id)) this.readSoon();
        break;
      case "progress": {
        const { event: _, ...progress } = signal;
        this.#latest.set(id, progress);
        const job = this.get(id);
        if (job) this.#put({ ...job, progress });
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
        for (const { comment, n, text, finish } of signal.drafts) {
          Object.assign(this.#writing(id, comment, n), { text, finish });
        }
        break;
      case "scores":
        for (const { comment, n, p_real, bins } of signal.scores) {
          // each classifier says what it knows
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
    while (some.length <= n) some.push({ text: "", finish: null, p_real: null, bins: null });
    return some[n] as Writing;
  }

  #isStep(job: JobInfo): boolean {
    return this.running.some(
      (other) => STEPS[other.kind]?.includes(job.kind) && other.created_ms <= job.created_ms,
    );
  }

  async #ended(id: string, kind: string, state: string, error: EngineError | null): Promise<void> {
    const round = this.#round;
    this.#latest.delete(id);
    let job = this.get(id);
    try {
      job = await call("job.get", { job: id });
      if (round !== this.#round) return;
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
      paused: `${title} is paused. It goes on where it stopped when you resume it.`,
      cancelled:
        job?.kind === "train" ? `${title} was ended.` : `${title} was canceled. What it had stored is kept.`,
      failed: `${title} failed: ${error?.message ?? "no reason was given"}`,
      lost: `The program that ran ${title} is gone. Resume it, and it goes on from what was saved.`,
    }[state];
    if (!text) return;
    // the one that runs the steps says how it went
    if (job && this.#isStep(job) && state !== "failed") return;
    showToast(text, {
      tone: state === "failed" || state === "lost" ? "bad" : state === "done" ? "good" : "note",
    });
    const long = job?.ended_ms ? job.ended_ms - job.created_ms > NOTIFY_AFTER_MS : false;
    if (app.now?.settings.notify && state !== "paused" && (document.hidden || long)) {
      await host()
        .notify(state === "failed" ? "A job failed" : "A job has ended", text)
        .catch(() => {});
    }
  }
}

export const jobs = new Jobs();
