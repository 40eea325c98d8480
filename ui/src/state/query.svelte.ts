// Queries to the engine. `query()` keeps a result while its component is mounted and fetches it again when a
// signal announces a change of its tables; the previous result stays until the new one arrives.

import { untrack } from "svelte";
import {
  call,
  type EngineError,
  type Family,
  failure,
  type Params,
  type QueryName,
  READS,
  type Result,
} from "../host";
import { jobs } from "./jobs.svelte";
import { onAppEvent, onChanged } from "./signals";

/** Minimum interval between two calls of a query, unless [`ASK_EVERY_MS`] lists it. */
const MIN_INTERVAL_MS = 250;
/** Queries that take more than a few milliseconds in a large project are called less often. */
const ASK_EVERY_MS: Partial<Record<QueryName, number>> = {
  overview: 1_000,
  labels: 2_000,
  "run.estimate": 2_000,
  "pipeline.plan": 2_000,
  "pairs.view": 3_000,
  "pairs.chart": 3_000,
  "pairs.subreddits": 3_000,
  "evaluation.compare": 3_000,
  size: 5_000,
};
/**
 * While a job runs, a query waits this many times its response time: in a large project a job writes without
 * pause, and constant queries would take a core and keep SQLite's WAL from being checkpointed.
 */
const WAIT_FACTOR = 10;
const MAX_WAIT_MS = 5_000;
/** How long unused results are cached, so that going back to a screen shows it at once. */
const KEEP_MS = 60_000;

class Entry {
  data: unknown = $state.raw(undefined);
  error: EngineError | null = $state.raw(null);
  loading = $state(false);
  users = 0;
  stale = true;
  askedAt = Number.NEGATIVE_INFINITY;
  /** Earliest time of the next call while a job runs. */
  waitsUntil = Number.NEGATIVE_INFINITY;
  again: ReturnType<typeof setTimeout> | undefined;
  drop: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly key: string,
    readonly name: QueryName,
    readonly params: unknown,
  ) {}

  async ask(): Promise<void> {
    if (this.loading) {
      this.stale = true;
      return;
    }
    clearTimeout(this.again);
    this.again = undefined;
    this.loading = true;
    this.stale = false;
    this.askedAt = performance.now();
    const asked = project;
    try {
      const answer = await call(this.name, this.params as never);
      if (asked === project) [this.data, this.error] = [answer, null];
    } catch (thrown) {
      if (asked === project) this.error = failure(thrown);
    } finally {
      this.loading = false;
      const now = performance.now();
      this.waitsUntil = now + Math.min(MAX_WAIT_MS, WAIT_FACTOR * (now - this.askedAt));
    }
    // this response belongs to the previous project
    if (asked !== project) this.stale = true;
    if (this.stale && this.users > 0) this.askSoon();
  }

  askSoon(): void {
    this.stale = true;
    if (this.loading || this.again !== undefined) return;
    const every = ASK_EVERY_MS[this.name] ?? MIN_INTERVAL_MS;
    const from =
      jobs.running.length > 0 ? Math.max(this.askedAt + every, this.waitsUntil) : this.askedAt + every;
    const wait = Math.max(0, from - performance.now());
    this.again = setTimeout(() => void this.ask(), wait);
  }
}

const entries = new Map<string, Entry>();
/** Incremented when another project is opened. */
let project = 0;

onChanged((families) => {
  for (const entry of entries.values()) {
    const reads: readonly Family[] = READS[entry.name];
    if (!reads.some((family) => families.includes(family))) continue;
    if (entry.users > 0) entry.askSoon();
    else entry.stale = true;
  }
});

// show the result of a job as soon as it ends
onAppEvent((event) => {
  if (event.event !== "ended") return;
  for (const entry of entries.values()) if (entry.again !== undefined && entry.users > 0) void entry.ask();
});

function entryOf(name: QueryName, params: unknown): Entry {
  const key = `${name} ${JSON.stringify(params)}`;
  let entry = entries.get(key);
  if (!entry) {
    entry = new Entry(key, name, params);
    entries.set(key, entry);
  }
  return entry;
}

function use(entry: Entry): () => void {
  entry.users += 1;
  clearTimeout(entry.drop);
  entries.set(entry.key, entry);
  if (entry.stale) void entry.ask();
  return () => {
    entry.users -= 1;
    if (entry.users > 0) return;
    clearTimeout(entry.again);
    entry.again = undefined;
    entry.drop = setTimeout(() => entries.delete(entry.key), KEEP_MS);
  };
}

/** Clears all results when another project is opened; queries in use are fetched again. */
export function clearQueries(): void {
  project += 1;
  for (const [key, entry] of entries) {
    clearTimeout(entry.again);
    entry.again = undefined;
    entry.data = undefined;
    entry.error = null;
    entry.askedAt = Number.NEGATIVE_INFINITY;
    entry.waitsUntil = Number.NEGATIVE_INFINITY;
    if (entry.users > 0) {
      entry.askSoon();
    } else {
      clearTimeout(entry.drop);
      entries.delete(key);
    }
  }
}

/** Fetches the queries of a command again without a signal. */
export function refetch(name: QueryName): void {
  for (const entry of entries.values()) {
    if (entry.name !== name) continue;
    if (entry.users > 0) entry.askSoon();
    else entry.stale = true;
  }
}

export interface Query<T> {
  readonly data: T | undefined;
  readonly error: EngineError | null;
  readonly loading: boolean;
  again(): void;
}

/**
 * The result of a command while this component is mounted. `params` may read state; `null` makes no call.
 * With `keep`, the last result stays until the one for new parameters arrives.
 */
export function query<C extends QueryName>(
  name: C,
  params: () => Params<C> | null,
  options: { keep?: boolean } = {},
): Query<Result<C>> {
  let last: Result<C> | undefined;
  const entry = $derived.by(() => {
    const asked = params();
    return asked === null ? null : untrack(() => entryOf(name, asked));
  });
  $effect(() => {
    const now = entry;
    if (now) return untrack(() => use(now));
  });
  $effect(() => {
    if (entry?.data !== undefined) last = entry.data as Result<C>;
  });
  const data = $derived((entry?.data as Result<C> | undefined) ?? (options.keep && entry ? last : undefined));
  return {
    get data() {
      return data;
    },
    get error() {
      return entry?.error ?? null;
    },
    get loading() {
      return entry !== null && (entry.loading || (entry.data === undefined && entry.error === null));
    },
    again() {
      void entry?.ask();
    },
  };
}
