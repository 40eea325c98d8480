// Toasts: short messages above the jobs bar, announced by screen readers. A toast belongs to the screen on
// which it was shown, and disappears with it. Those about background jobs belong to none.

import { failure } from "../host";
import { route } from "./route.svelte";

export interface Toast {
  id: number;
  tone: "note" | "good" | "bad";
  text: string;
  link?: { href: string; text: string };
  action?: { text: string; run: () => void };
  /** Null: it stays when the user goes to another screen. */
  screen: string | null;
}

const SHOWN_MS = 6_000;
/** With a button, which takes time to reach. */
const SHOWN_WITH_ACTION_MS = 12_000;
const MAX_TOASTS = 4;
let next = 1;
let list = $state.raw<Toast[]>([]);
const timers = new Map<number, ReturnType<typeof setTimeout>>();

export const toasts = {
  get list() {
    return list;
  },
};

/** Returns its id. */
export function showToast(text: string, more: Partial<Omit<Toast, "id" | "text">> = {}): number {
  const toast: Toast = {
    id: next++,
    tone: more.tone ?? "note",
    text,
    screen: more.screen === undefined ? route.screen : more.screen,
    ...(more.link ? { link: more.link } : {}),
    ...(more.action ? { action: more.action } : {}),
  };
  list = [...list.filter((other) => other.text !== text), toast].slice(-MAX_TOASTS);
  // errors stay until they are dismissed
  if (toast.tone !== "bad") dismissAfter(toast.id, toast.action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
  return toast.id;
}

/** Shows an error as a toast, for actions that have no form to show it in. */
export function toastError(failed: string, thrown: unknown, more: Pick<Partial<Toast>, "screen"> = {}): void {
  showToast(`${failed}: ${failure(thrown).message}`, { ...more, tone: "bad" });
}

export function dismissToast(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
  list = list.filter((toast) => toast.id !== id);
}

/** Dismisses the toasts of all other screens. */
export function dismissOtherToasts(screen: string): void {
  for (const toast of list) if (toast.screen !== null && toast.screen !== screen) dismissToast(toast.id);
}

function dismissAfter(id: number, ms: number): void {
  timers.set(
    id,
    setTimeout(() => dismissToast(id), ms),
  );
}
