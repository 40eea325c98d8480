// All jobs of the project. A snapshot, and signals after it: the signals are heard before the snapshot
// is asked for, so a web view that was reloaded in mid-work misses nothing.

import {
  call,
  type Failure,
  failure,
  host,
  type JobInfo,
  type JobSignal,
  type JobState,
  type LogLine,
  type Progress,
} from "../host";
import { duration, jobTitle } from "../parts/format";
import { desk } from "./desk.svelte";
import { say } from "./said.svelte";
import { onSignal } from "./signals";

/** A candidate while it is written: its text so far, then its scores. */
export interface Draft {
  text: string;
  finish: string | null;
  p_real: number | null;
  bins: number[] | null;
}

/** Snapshots are not taken more often than this. */
const READ_EVERY_MS = 500;
/** Lines of a log that are kept in the window. */
const LINES = 500;
/** Jobs that took longer tell the desktop when they end. */
const NOTIFY_AFTER_MS = 10_000;

const LIVE: JobState[] = ["running"];

class Jobs {
  list: JobInfo[] = $state.raw([]);
  error: Failure | null = $state.raw(null);
  /** What jobs write at this moment: of a job, by comment, by candidate. */
  drafts: Record<string, Draft[][]> = $state({});
  /** The comments they answer, where a job told them. */
  comments: Record<string, string[]> = $state({});
  #lines: Record<string, LogLine[]> = $state({});
  #latest = new Map<string, Progress>();
  #reading = false;
  #again: ReturnType<typeof setTimeout> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  /** Goes up when another project is opened: answers of the one before are dropped. */
  #round = 0;

  constructor() {
    onSignal((signal) => {
      if (signal.event === "changed") {
        if (signal.families.includes("jobs")) this.readSoon();
      } else if (signal.event === "job") {
        this.#hear(signal.job, signal.signal);
      } else {
        void this.#ended(signal.job, signal.kind, signal.state, signal.error);
      }
    });
  }

  /** Jobs that run now, the oldest first. */
  get running(): JobInfo[] {
    return this.list.filter((job) => LIVE.includes(job.state)).reverse();
  }

  /** The job of most interest: one that runs, else one that waits for a person. */
  get current(): JobInfo | null {
    return this.running[0] ?? this.list.find((job) => job.state === "paused" || job.state === "lost") ?? null;
  }

  get(id: string | null | undefined): JobInfo | null {
    return this.list.find((job) => job.id === id) ?? null;
  }

  lines(id: string): LogLine[] {
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

  /** Starts a job; the id is made here, so that starting twice is starting once. */
  async start(kind: string, params: unknown, id: string = crypto.randomUUID()): Promise<string> {
    const job = await call("job.start", { id, kind, params });
    this.#put(job);
    return id;
  }

  async pause(id: string): Promise<void> {
    this.#put(await call("job.pause", { job: id }));
  }

  async cancel(id: string): Promise<void> {
    this.#put(await call("job.cancel", { job: id }));
  }

  async resume(id: string): Promise<void> {
    this.#put(await call("job.resume", { job: id }));
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

  #hear(id: string, signal: JobSignal): void {
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
      case "draft": {
        const draft = this.#draft(id, signal.comment, signal.candidate);
        draft.text = signal.text;
        draft.finish = signal.finish;
        break;
      }
      case "score": {
        const draft = this.#draft(id, signal.comment, signal.candidate);
        draft.p_real = signal.p_real ?? draft.p_real;
        draft.bins = signal.bins ?? draft.bins;
        break;
      }
    }
  }

  #draft(id: string, comment: number, candidate: number): Draft {
    this.drafts[id] ??= [];
    const all = this.drafts[id];
    while (all.length <= comment) all.push([]);
    const some = all[comment] as Draft[];
    while (some.length <= candidate) some.push({ text: "", finish: null, p_real: null, bins: null });
    return some[candidate] as Draft;
  }

  async #ended(id: string, kind: string, state: JobState, error: Failure | null): Promise<void> {
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
    const text = {
      done: `${title} is done${took}.`,
      paused: `${title} is paused. It goes on where it stopped when you resume it.`,
      cancelled: `${title} was cancelled. What it had stored is kept.`,
      failed: `${title} failed: ${error?.message ?? "no reason was given"}`,
      running: "",
      lost: "",
    }[state];
    if (!text) return;
    say(text, { tone: state === "failed" ? "bad" : state === "done" ? "good" : "note" });
    const long = job?.ended_ms ? job.ended_ms - job.created_ms > NOTIFY_AFTER_MS : false;
    if (desk.now?.settings.notify && state !== "paused" && (document.hidden || long)) {
      await host()
        .notify(state === "failed" ? "A job failed" : "A job has ended", text)
        .catch(() => {});
    }
  }
}

export const jobs = new Jobs();
