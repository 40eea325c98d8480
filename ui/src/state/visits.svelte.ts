// Login addresses. A login job sends the address to open in the browser; it is valid once, so it is kept in
// memory only, until the job ends.

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

export const visitOf = (job: string): string | null => known[job] ?? null;
