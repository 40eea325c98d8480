// Addresses that a login waits for. A job says which one to open in the browser; it is good once, so it is
// kept in memory only, and forgotten when its job ends.

import { onAppEvent } from "./signals";

let known = $state.raw<Record<string, string>>({});

onAppEvent((event) => {
  if (event.event === "job" && event.signal.event === "visit") {
    known = { ...known, [event.job]: event.signal.address };
  } else if (event.event === "ended" && event.job in known) {
    const { [event.job]: _, ...others } = known;
    known = others;
  }
});

/** The address that a job waits for a person to visit. */
export const visitOf = (job: string): string | null => known[job] ?? null;
