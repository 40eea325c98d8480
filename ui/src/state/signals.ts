// The engine's notices, given out to whoever asks. Subscribed once, before the first snapshot is taken.

import { type AppEvent, host } from "../host";

type Heard = (event: AppEvent) => void;

const ears = new Set<Heard>();
let stop: Promise<() => void> | null = null;

/** Begins to listen; resolves once nothing can be missed any more. */
export async function listenToEngine(): Promise<void> {
  stop ??= host().listen((event) => {
    for (const ear of [...ears]) ear(event);
  });
  await stop;
}

/** Ends it: each test has a host of its own. */
export async function stopListening(): Promise<void> {
  const end = await stop;
  stop = null;
  end?.();
}

export function onAppEvent(heard: Heard): () => void {
  ears.add(heard);
  return () => ears.delete(heard);
}

export function onChanged(heard: (families: string[]) => void): () => void {
  return onAppEvent((event) => {
    if (event.event === "changed") heard(event.families);
  });
}
