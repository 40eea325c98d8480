// The engine's notices, given out to whoever asks. Subscribed once, before the first snapshot is taken.

import { host, type Notice } from "../host";

type Heard = (notice: Notice) => void;

const ears = new Set<Heard>();
let stop: Promise<() => void> | null = null;

/** Begins to listen; resolves once nothing can be missed any more. */
export async function listenToEngine(): Promise<void> {
  stop ??= host().listen((notice) => {
    for (const ear of [...ears]) ear(notice);
  });
  await stop;
}

/** Ends it: each test has a host of its own. */
export async function stopListening(): Promise<void> {
  const end = await stop;
  stop = null;
  end?.();
}

export function onNotice(heard: Heard): () => void {
  ears.add(heard);
  return () => ears.delete(heard);
}

export function onChanged(heard: (families: string[]) => void): () => void {
  return onNotice((notice) => {
    if (notice.event === "changed") heard(notice.families);
  });
}
