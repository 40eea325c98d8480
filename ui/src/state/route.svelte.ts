// The route is in the address after `#`, so that a reload returns to the same screen.

export interface Route {
  /** `["train", "run", "writer"]` for `#/train/run/writer`. */
  path: string[];
  query: URLSearchParams;
}

function read(): Route {
  const [path = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    path: path.split("/").filter(Boolean).map(decodeURIComponent),
    query: new URLSearchParams(search),
  };
}

let current = $state.raw<Route>(read());
window.addEventListener("hashchange", () => {
  current = read();
});

/** Builds an address; path segments are escaped. */
export function at(path: (string | number)[], query: Record<string, string | null> = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== null) search.set(key, value);
  const tail = search.size > 0 ? `?${search}` : "";
  return `#/${path.map((part) => encodeURIComponent(String(part))).join("/")}${tail}`;
}

/** Goes to an address made by [`at`]; `replace` adds no history entry. */
export function go(address: string, how: { replace?: boolean } = {}): void {
  if (how.replace) {
    history.replaceState(null, "", address);
    current = read();
  } else {
    location.hash = address.slice(1);
    current = read();
  }
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
};
