// Short words to the person: shown at the edge for some seconds and read out by screen readers.

import { failure } from "../host";

export interface Toast {
  id: number;
  tone: "note" | "good" | "bad";
  text: string;
  link?: { href: string; text: string };
}

const SHOWN_MS = 6_000;
let next = 1;
let all = $state.raw<Toast[]>([]);
const timers = new Map<number, ReturnType<typeof setTimeout>>();

export const toasts = {
  get all() {
    return all;
  },
};

export function toast(text: string, more: Partial<Omit<Toast, "id" | "text">> = {}): void {
  const toast: Toast = {
    id: next++,
    tone: more.tone ?? "note",
    text,
    ...(more.link ? { link: more.link } : {}),
  };
  all = [...all.filter((w) => w.text !== text), toast].slice(-4);
  // what went wrong stays until it is put away
  if (toast.tone !== "bad") holdFor(toast.id, SHOWN_MS);
}

/** Says what was thrown. For things that have no form of their own to show it in. */
export function toastFailure(doing: string, thrown: unknown): void {
  toast(`${doing}: ${failure(thrown).message}`, { tone: "bad" });
}

export function dismiss(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
  all = all.filter((toast) => toast.id !== id);
}

function holdFor(id: number, ms: number): void {
  timers.set(
    id,
    setTimeout(() => dismiss(id), ms),
  );
}
