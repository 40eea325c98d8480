// The models that stay in memory for the next generation.

import { call, type LoadedModels } from "../host";
import { onAppEvent } from "./signals";

let current = $state.raw<LoadedModels | null>(null);
let events = 0;

onAppEvent((event) => {
  if (event.event !== "models") return;
  events += 1;
  current = event.loaded;
});

export const models = {
  get loaded() {
    return current;
  },
};

/** Those of another project are not shown. */
export function clearModels(): void {
  events += 1;
  current = null;
}

export async function readModels(): Promise<void> {
  const before = events;
  const loaded = await call("models.loaded", {});
  // an event is newer than this answer
  if (events === before) current = loaded;
}

export async function releaseModels(): Promise<void> {
  await call("models.release", {});
}
