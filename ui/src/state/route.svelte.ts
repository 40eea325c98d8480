// The route is in the address after `#`, so that a reload returns to the same screen.

import { newId } from "./id";

export interface Route {
  /** `["train", "run", "writer"]` for `#/train/run/writer`. */
  path: string[];
  query: URLSearchParams;
}

/** An entry of the browser's history. It keeps its id when the user goes back to it. */
export interface HistoryEntry {
  id: string;
  /** Whether it is shown again, after Back or Forward. */
  returned: boolean;
}

function read(): Route {
  const [path = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    path: path.split("/").filter(Boolean).map(decodeURIComponent),
    query: new URLSearchParams(search),
  };
}

function readEntry(): HistoryEntry {
  const state = history.state as { entry?: string } | null;
  if (state?.entry) return { id: state.entry, returned: true };
  const id = newId();
  history.replaceState({ entry: id }, "");
  return { id, returned: false };
}

let address = location.hash;
let current = $state.raw<Route>(read());
let entry = $state.raw<HistoryEntry>(readEntry());

function follow(): void {
  address = location.hash;
  current = read();
  const shown = readEntry();
  if (shown.id !== entry.id) entry = shown;
}

window.addEventListener("hashchange", () => {
  // `go` has followed its own changes
  if (location.hash !== address) follow();
});

/** Builds an address; path segments are escaped. */
export function at(path: (string | number)[], query: Record<string, string | null> = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== null) search.set(key, value);
  const tail = search.size > 0 ? `?${search}` : "";
  return `#/${path.map((part) => encodeURIComponent(String(part))).join("/")}${tail}`;
}

/** Goes to an address made by [`at`]; `replace` adds no history entry. */
export function go(to: string, how: { replace?: boolean } = {}): void {
  if (how.replace) history.replaceState(history.state, "", to);
  else location.hash = to.slice(1);
  follow();
}

export const route = {
  get path() {
    return current.path;
  },
  get query() {
    return current.query;
  },
  get screen() {
    return current.path[0] ?? "overview";
  },
  get entry() {
    return entry;
  },
};
