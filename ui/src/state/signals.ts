// The engine's signals, given out to whoever asks. Subscribed once, before the first snapshot is taken.

import { type Family, host, type Signal } from "../host";

type Heard = (signal: Signal) => void;

const ears = new Set<Heard>();
let stop: Promise<() => void> | null = null;

/** Begins to listen; resolves once nothing can be missed any more. */
export async function listenToEngine(): Promise<void> {
  stop ??= host().listen((signal) => {
    for (const ear of [...ears]) ear(signal);
  });
  await stop;
}

/** Ends it and forgets every listener: for tests. */
export async function stopListening(): Promise<void> {
  const end = await stop;
  stop = null;
  end?.();
}

export function onSignal(heard: Heard): () => void {
  ears.add(heard);
  return () => ears.delete(heard);
}

export function onChanged(heard: (families: Family[]) => void): () => void {
  return onSignal((signal) => {
    if (signal.event === "changed") heard(signal.families);
  });
}
