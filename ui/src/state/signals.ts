// Distributes the engine's events. Subscribed once, before the first snapshot is requested.

import { type AppEvent, type Family, host } from "../host";

type Listener = (event: AppEvent) => void;

const listeners = new Set<Listener>();
let stop: Promise<() => void> | null = null;

/** Resolves once subscribed: from then on no event is missed. */
export async function listenToEngine(): Promise<void> {
  stop ??= host().listen((event) => {
    for (const listener of [...listeners]) listener(event);
  });
  await stop;
}

/** For tests, which each have their own host. */
export async function stopListening(): Promise<void> {
  const end = await stop;
  stop = null;
  end?.();
}

export function onAppEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function onChanged(listener: (families: Family[]) => void): () => void {
  return onAppEvent((event) => {
    if (event.event === "changed") listener(event.families);
  });
}
