// Toasts: short messages at the edge of the window, announced by screen readers.

import { failure } from "../host";

export interface Toast {
  id: number;
  tone: "note" | "good" | "bad";
  text: string;
  link?: { href: string; text: string };
}

const SHOWN_MS = 6_000;
const MAX_TOASTS = 4;
let next = 1;
let list = $state.raw<Toast[]>([]);
const timers = new Map<number, ReturnType<typeof setTimeout>>();

export const toasts = {
  get list() {
    return list;
  },
};

export function showToast(text: string, more: Partial<Omit<Toast, "id" | "text">> = {}): void {
  const toast: Toast = {
    id: next++,
    tone: more.tone ?? "note",
    text,
    ...(more.link ? { link: more.link } : {}),
  };
  list = [...list.filter((other) => other.text !== text), toast].slice(-MAX_TOASTS);
  // errors stay until they are dismissed
  if (toast.tone !== "bad") dismissAfter(toast.id, SHOWN_MS);
}

/** Shows an error as a toast, for actions that have no form to show it in. */
export function toastError(failed: string, thrown: unknown): void {
  showToast(`${failed}: ${failure(thrown).message}`, { tone: "bad" });
}

export function dismissToast(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
  list = list.filter((toast) => toast.id !== id);
}

function dismissAfter(id: number, ms: number): void {
  timers.set(
    id,
    setTimeout(() => dismissToast(id), ms),
  );
}
