// Rows fetched in pages as they become visible. Pages scrolled past before their request are skipped.

import { type EngineError, failure } from "../host";

export const PAGE = 200;
/** Pages kept in memory: 20,000 rows. */
const KEPT = 100;
/** Concurrent requests. */
const AT_ONCE = 2;

export class Pages<T> {
  error: EngineError | null = $state.raw(null);
  /** Incremented when a page arrives, so that readers of rows rerun. */
  #loads = $state(0);
  #pages = new Map<number, T[]>();
  #asked = new Set<number>();
  #wanted: [number, number] = [0, -1];
  #over = false;

  constructor(private readonly load: (from: number, count: number) => Promise<T[]>) {}

  row(index: number): T | undefined {
    this.#loads;
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Sets the visible rows. */
  want(first: number, last: number): void {
    this.#wanted = [first, last];
    this.#ask();
  }

  /** Pending responses are dropped. */
  end(): void {
    this.#over = true;
  }

  again(): void {
    this.error = null;
    this.#ask();
  }

  #ask(): void {
    const [first, last] = this.#wanted;
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page += 1) {
      if (this.#asked.size >= AT_ONCE || this.error) return;
      const known = this.#pages.get(page);
      if (known) {
        // most recently used last
        this.#pages.delete(page);
        this.#pages.set(page, known);
      } else if (!this.#asked.has(page)) {
        void this.#fetch(page);
      }
    }
  }

  async #fetch(page: number): Promise<void> {
    this.#asked.add(page);
    try {
      const rows = await this.load(page * PAGE, PAGE);
      if (this.#over) return;
      this.#pages.set(page, rows);
      for (const [old] of this.#pages) {
        if (this.#pages.size <= KEPT) break;
        this.#pages.delete(old);
      }
      this.#loads += 1;
    } catch (thrown) {
      this.error = failure(thrown);
    } finally {
      this.#asked.delete(page);
      if (!this.#over) this.#ask();
    }
  }
}
