// Addresses that a login waits for. A job says which one to open in the browser; it is good once, so it is
// kept in memory only, and forgotten when its job ends.

import { onNotice } from "./signals";

let known = $state.raw<Record<string, string>>({});

onNotice((notice) => {
  if (notice.event === "job" && notice.signal.event === "visit") {
    known = { ...known, [notice.job]: notice.signal.address };
  } else if (notice.event === "ended" && notice.job in known) {
    const { [notice.job]: _, ...others } = known;
    known = others;
  }
});

/** The address that a job waits for a person to visit. */
export const visitOf = (job: string): string | null => known[job] ?? null;
