// Where we are, in the address behind `#`: a reload of the web view comes back to the same screen.

export interface Place {
  /** `["train", "run", "writer"]` for `#/train/run/writer`. */
  path: string[];
  query: URLSearchParams;
}

function read(): Place {
  const [path = "", search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    path: path.split("/").filter(Boolean).map(decodeURIComponent),
    query: new URLSearchParams(search),
  };
}

let place = $state.raw<Place>(read());
window.addEventListener("hashchange", () => {
  place = read();
});

/** The address of a place; parts are escaped. */
export function at(path: (string | number)[], query: Record<string, string | null> = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== null) search.set(key, value);
  const tail = search.size > 0 ? `?${search}` : "";
  return `#/${path.map((part) => encodeURIComponent(String(part))).join("/")}${tail}`;
}

/** Goes to an address made by [`at`]; `replace` leaves no trace in the history. */
export function go(address: string, how: { replace?: boolean } = {}): void {
  if (how.replace) {
    history.replaceState(null, "", address);
    place = read();
  } else {
    location.hash = address.slice(1);
    place = read();
  }
}

export const route = {
  get path() {
    return place.path;
  },
  get query() {
    return place.query;
  },
  get screen() {
    return place.path[0] ?? "overview";
  },
};
