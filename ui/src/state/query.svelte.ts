// Open questions to the engine. `query()` holds an answer for as long as its component lives and asks
// again when a signal says that its tables changed; meanwhile the old answer stays on the screen.

import { untrack } from "svelte";
import { type Command, call, type EngineError, failure, type Params, type Result } from "../host";
import { ASK_EVERY_MS, READS } from "./families";
import { jobs } from "./jobs.svelte";
import { onChanged, onNotice } from "./signals";

/** The same question is not asked more often than this, however often its tables change, unless
 * [`ASK_EVERY_MS`] has its command. */
const USUALLY_MS = 250;
/** And while a job runs it rests so many times as long as its answer took: on a large project a job writes
 * without pause, and questions without pause would take a core, and keep SQLite's log from being emptied.
 * What a person does meanwhile is not made to wait longer than the other figure. */
const REST = 10;
const REST_MOST_MS = 5_000;
/** Answers nobody looks at are kept so long: going back to a screen shows it at once. */
const KEEP_MS = 60_000;

class Entry {
  data: unknown = $state.raw(undefined);
  error: EngineError | null = $state.raw(null);
  loading = $state(false);
  users = 0;
  stale = true;
  askedAt = Number.NEGATIVE_INFINITY;
  /** Not before this, for what it cost. */
  restsUntil = Number.NEGATIVE_INFINITY;
  again: ReturnType<typeof setTimeout> | undefined;
  drop: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly key: string,
    readonly name: Command,
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
      this.restsUntil = now + Math.min(REST_MOST_MS, REST * (now - this.askedAt));
    }
    // an answer from the project before is no answer
    if (asked !== project) this.stale = true;
    if (this.stale && this.users > 0) this.askSoon();
  }

  askSoon(): void {
    this.stale = true;
    if (this.loading || this.again !== undefined) return;
    const every = ASK_EVERY_MS[this.name] ?? USUALLY_MS;
    const from =
      jobs.running.length > 0 ? Math.max(this.askedAt + every, this.restsUntil) : this.askedAt + every;
    const wait = Math.max(0, from - performance.now());
    this.again = setTimeout(() => void this.ask(), wait);
  }
}

const entries = new Map<string, Entry>();
/** Goes up with each project that is opened. */
let project = 0;

onChanged((families) => {
  for (const entry of entries.values()) {
    const reads = READS[entry.name] ?? [];
    if (!reads.some((family) => families.includes(family))) continue;
    if (entry.users > 0) entry.askSoon();
    else entry.stale = true;
  }
});

// when a job has ended, what it came to is shown at once
onNotice((notice) => {
  if (notice.event !== "ended") return;
  for (const entry of entries.values()) if (entry.again !== undefined && entry.users > 0) void entry.ask();
});

function entryOf(name: Command, params: unknown): Entry {
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

/** Forgets every answer: another project is open. What is on the screen is asked for anew. */
export function clearQueries(): void {
  project += 1;
  for (const [key, entry] of entries) {
    clearTimeout(entry.again);
    entry.again = undefined;
    entry.data = undefined;
    entry.error = null;
    entry.askedAt = Number.NEGATIVE_INFINITY;
    entry.restsUntil = Number.NEGATIVE_INFINITY;
    if (entry.users > 0) {
      entry.askSoon();
    } else {
      clearTimeout(entry.drop);
      entries.delete(key);
    }
  }
}

/** Asks the open queries of a command again, whatever the signals say. */
export function refetch(name: Command): void {
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
  /** Asks again now. */
  again(): void;
}

/**
 * The answer to a command while this component lives. `params` may read state: another question is
 * another answer; `null` asks nothing. With `keep` the last answer stays until the next one is there.
 */
export function query<C extends Command>(
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
