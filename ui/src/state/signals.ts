// Distributes the engine's events. Subscribed once, before the first snapshot is requested.

import { host, type Notice } from "../host";

type Listener = (notice: Notice) => void;

const listeners = new Set<Listener>();
let stop: Promise<() => void> | null = null;

/** Resolves once subscribed: from then on no event is missed. */
export async function listenToEngine(): Promise<void> {
  stop ??= host().listen((notice) => {
    for (const listener of [...listeners]) listener(notice);
  });
  await stop;
}

/** For tests, which each have their own host. */
export async function stopListening(): Promise<void> {
  const end = await stop;
  stop = null;
  end?.();
}

export function onNotice(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function onChanged(listener: (families: string[]) => void): () => void {
  return onNotice((notice) => {
    if (notice.event === "changed") listener(notice.families);
  });
}
