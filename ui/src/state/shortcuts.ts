// All shortcuts. The shortcuts dialog shows this table; a screen binds its actions with [`keys`] while it is
// mounted.

import { hasUnsaved } from "./unsaved";

export interface Shortcut {
  /** "g o" is g, then o; "Ctrl+Enter" is both at once (Command on a Mac). */
  keys: string;
  says: string;
  where: string;
  /** Also works while a text field has the focus. */
  inFields?: boolean;
}

export const SHORTCUTS = {
  "go.overview": { keys: "g o", says: "Go to Overview", where: "Everywhere" },
  "go.data": { keys: "g d", says: "Go to Data", where: "Everywhere" },
  "go.models": { keys: "g m", says: "Go to Models", where: "Everywhere" },
  "go.train": { keys: "g t", says: "Go to Train", where: "Everywhere" },
  "go.evaluate": { keys: "g e", says: "Go to Evaluate", where: "Everywhere" },
  "go.generate": { keys: "g w", says: "Go to Generate", where: "Everywhere" },
  "go.queue": { keys: "g q", says: "Go to Queue", where: "Everywhere" },
  "go.reddit": { keys: "g r", says: "Go to Reddit", where: "Everywhere" },
  "go.settings": { keys: "g s", says: "Go to Settings", where: "Everywhere" },
  palette: { keys: "Ctrl+k", says: "Open command palette", where: "Everywhere", inFields: true },
  jobs: { keys: "g j", says: "Show or hide jobs", where: "Everywhere" },
  help: { keys: "?", says: "Show keyboard shortcuts", where: "Everywhere" },
  new: { keys: "n", says: "New item on this screen", where: "Everywhere" },
  search: { keys: "/", says: "Search or filter", where: "Everywhere" },
  run: { keys: "Ctrl+Enter", says: "Submit form", where: "Everywhere", inFields: true },
  larger: { keys: "Ctrl+=", says: "Larger text", where: "Everywhere", inFields: true },
  smaller: { keys: "Ctrl+-", says: "Smaller text", where: "Everywhere", inFields: true },
  normal: { keys: "Ctrl+0", says: "Reset text size", where: "Everywhere", inFields: true },
  "queue.next": { keys: "j", says: "Next reply", where: "Queue" },
  "queue.previous": { keys: "k", says: "Previous reply", where: "Queue" },
  "queue.edit": { keys: "e", says: "Edit reply", where: "Queue" },
  "queue.approve": { keys: "a", says: "Approve reply", where: "Queue" },
  "queue.reject": { keys: "x", says: "Reject reply", where: "Queue" },
  "queue.undo": { keys: "Ctrl+z", says: "Undo approval or rejection", where: "Queue" },
  "queue.copy": { keys: "c", says: "Copy reply text", where: "Queue" },
  "queue.close": { keys: "Escape", says: "Close reply", where: "Queue" },
  "pairs.next": { keys: "j", says: "Next pair", where: "Pairs" },
  "pairs.previous": { keys: "k", says: "Previous pair", where: "Pairs" },
  "pairs.exclude": {
    keys: "x",
    says: "Exclude pair from splits, or include it again",
    where: "Pairs",
  },
  "pairs.close": { keys: "Escape", says: "Close pair", where: "Pairs" },
  "chart.point": { keys: "← →", says: "Previous or next point or threshold", where: "Charts" },
  "chart.series": { keys: "↑ ↓", says: "Previous or next series", where: "Charts" },
  "chart.ends": { keys: "Home End", says: "First or last point", where: "Charts" },
  "chart.zoom": { keys: "Escape", says: "Reset zoom", where: "Charts" },
} as const satisfies Record<string, Shortcut>;

export type ShortcutId = keyof typeof SHORTCUTS;
type Bound = Partial<Record<ShortcutId, (event: KeyboardEvent) => void>>;

const bound: Bound[] = [];
/** The pending first key of a two-key shortcut. */
let first: { key: string; at: number } | null = null;
/** The second key must follow within this time. */
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

/** A key event in the notation of [`SHORTCUTS`]. */
export function notation(event: KeyboardEvent): string {
  const held = isMac ? event.metaKey : event.ctrlKey;
  const key = event.key === "+" ? "=" : event.key;
  if (held) return `Ctrl+${key}`;
  return event.altKey || event.metaKey || event.ctrlKey ? "" : key;
}

/** Runs the most recent binding of a key event; returns whether there was one. */
export function press(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing) return false;
  const key = notation(event);
  if (!key) return false;
  // an editor may have lost the focus with unsaved changes
  const inField = isField(event.target) || hasUnsaved();
  // an open dialog blocks all shortcuts but submit
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

/** Returns a function that removes the binding. */
export function bindKeys(binding: Bound): () => void {
  bound.push(binding);
  return () => {
    const at = bound.indexOf(binding);
    if (at >= 0) bound.splice(at, 1);
  };
}
