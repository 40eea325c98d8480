// Every key of the window, once. The help sheet is this table; a screen binds what it can do with
// [`keys`] while it is shown.

import { hasUnsaved } from "./unsaved";

export interface Shortcut {
  /** As pressed: "g o" is g, then o; "Ctrl+Enter" is both (Command on a Mac). */
  keys: string;
  says: string;
  where: string;
  /** Works while a text field has the focus. */
  inFields?: boolean;
}

export const SHORTCUTS = {
  "go.overview": { keys: "g o", says: "Go to Overview", where: "Everywhere" },
  "go.data": { keys: "g d", says: "Go to Data", where: "Everywhere" },
  "go.models": { keys: "g m", says: "Go to Models", where: "Everywhere" },
  "go.train": { keys: "g t", says: "Go to Train", where: "Everywhere" },
  "go.evaluate": { keys: "g e", says: "Go to Evaluate", where: "Everywhere" },
  "go.generate": { keys: "g w", says: "Go to Generate (write)", where: "Everywhere" },
  "go.queue": { keys: "g q", says: "Go to Queue", where: "Everywhere" },
  "go.reddit": { keys: "g r", says: "Go to Reddit", where: "Everywhere" },
  "go.settings": { keys: "g s", says: "Go to Settings", where: "Everywhere" },
  jobs: { keys: "g j", says: "Show or hide the jobs", where: "Everywhere" },
  help: { keys: "?", says: "Show this sheet", where: "Everywhere" },
  new: { keys: "n", says: "New: import, base, run, evaluation, as the screen has it", where: "Everywhere" },
  search: { keys: "/", says: "Search or filter", where: "Everywhere" },
  run: { keys: "Ctrl+Enter", says: "Start what the form describes", where: "Everywhere", inFields: true },
  larger: { keys: "Ctrl+=", says: "Larger text", where: "Everywhere", inFields: true },
  smaller: { keys: "Ctrl+-", says: "Smaller text", where: "Everywhere", inFields: true },
  normal: { keys: "Ctrl+0", says: "Text at its normal size", where: "Everywhere", inFields: true },
  "queue.next": { keys: "j", says: "Next reply", where: "Queue" },
  "queue.previous": { keys: "k", says: "Previous reply", where: "Queue" },
  "queue.edit": { keys: "e", says: "Edit the open reply", where: "Queue" },
  "queue.approve": { keys: "a", says: "Approve the open reply", where: "Queue" },
  "queue.reject": { keys: "x", says: "Reject the open reply", where: "Queue" },
  "queue.copy": { keys: "c", says: "Copy the open reply's text", where: "Queue" },
  "queue.close": { keys: "Escape", says: "Close the open reply", where: "Queue" },
  "pairs.next": { keys: "j", says: "Next pair", where: "Pairs" },
  "pairs.previous": { keys: "k", says: "Previous pair", where: "Pairs" },
  "pairs.exclude": {
    keys: "x",
    says: "Exclude the open pair from splits, or take that back",
    where: "Pairs",
  },
  "pairs.close": { keys: "Escape", says: "Close the open pair", where: "Pairs" },
  "chart.point": { keys: "← →", says: "Previous or next point", where: "A chart with the focus" },
  "chart.series": { keys: "↑ ↓", says: "Previous or next series", where: "A chart with the focus" },
  "chart.ends": { keys: "Home End", says: "First or last point", where: "A chart with the focus" },
} as const satisfies Record<string, Shortcut>;

export type ShortcutId = keyof typeof SHORTCUTS;
type Bound = Partial<Record<ShortcutId, (event: KeyboardEvent) => void>>;

const bound: Bound[] = [];
/** The first key of a pair that was pressed, and when. */
let first: { key: string; at: number } | null = null;
/** The second key of a pair must follow within this. */
const PAIR_MS = 1_200;

const isMac = typeof navigator !== "undefined" && /Mac/.test(navigator.platform);

function isField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (
    target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  ) {
    return true;
  }
  const typed = ["text", "search", "number", "password", "url", "email", "date"];
  return target instanceof HTMLInputElement && typed.includes(target.type);
}

/** How a key event is written in the table. */
export function written(event: KeyboardEvent): string {
  const held = isMac ? event.metaKey : event.ctrlKey;
  const key = event.key === "+" ? "=" : event.key;
  if (held) return `Ctrl+${key}`;
  return event.altKey || event.metaKey || event.ctrlKey ? "" : key;
}

/** Runs what is bound to a key event; the last bound wins. Gives whether something was. */
export function press(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing) return false;
  const key = written(event);
  if (!key) return false;
  // the focus may have left the editor while its words are not saved
  const inField = isField(event.target) || hasUnsaved();
  // an open dialog keeps the keys to itself
  const dialog = document.querySelector("dialog[open]");
  const pair = first && event.timeStamp - first.at < PAIR_MS ? `${first.key} ${key}` : null;
  for (const binding of [...bound].reverse()) {
    for (const [id, run] of Object.entries(binding) as [ShortcutId, (event: KeyboardEvent) => void][]) {
      const shortcut: Shortcut = SHORTCUTS[id];
      if (shortcut.keys !== key && shortcut.keys !== pair) continue;
      if (inField && !shortcut.inFields && key !== "Escape") continue;
      if (dialog && id !== "run") continue;
      first = null;
      event.preventDefault();
      run(event);
      return true;
    }
  }
  const begins = Object.values(SHORTCUTS).some((shortcut) => shortcut.keys.startsWith(`${key} `));
  first = begins && !inField ? { key, at: event.timeStamp } : null;
  return false;
}

/** Binds keys; gives a function that takes them back. */
export function bindKeys(binding: Bound): () => void {
  bound.push(binding);
  return () => {
    const at = bound.indexOf(binding);
    if (at >= 0) bound.splice(at, 1);
  };
}
