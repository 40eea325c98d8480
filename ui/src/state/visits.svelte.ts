// Login addresses. A login job sends the address to open in the browser; it is valid once, so it is kept in
// memory only, until the job ends.

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

export const visitOf = (job: string): string | null => known[job] ?? null;
