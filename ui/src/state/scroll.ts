// Scroll positions, restored on Back. Each entry of the history has its own, by path and list.

import { untrack } from "svelte";
import { type HistoryEntry, route } from "./route.svelte";

/** How long a list that is loading may take to become long enough. */
const RESTORE_MS = 3_000;
/** After these the user scrolls, and the position is no longer restored. */
const BY_USER = ["wheel", "pointerdown", "keydown", "touchstart"];

const kept = new Map<string, Map<string, number>>();
/** The positions of the entry that the user went back to, until its lists are shown. */
let pending: { entry: HistoryEntry; positions: Map<string, number> } | null = null;

const nameOf = (list: string) => `${route.path.join("/")} ${list}`;

function pendingOf(entry: HistoryEntry): Map<string, number> {
  if (pending?.entry === entry) return pending.positions;
  const positions = new Map<string, number>(entry.returned ? kept.get(entry.id) : undefined);
  pending = { entry, positions };
  return positions;
}

function take(list: string): number | undefined {
  const positions = pendingOf(route.entry);
  const name = nameOf(list);
  const position = positions.get(name);
  positions.delete(name);
  return position;
}

function keep(list: string, position: number): void {
  const { id } = route.entry;
  const positions = kept.get(id) ?? new Map<string, number>();
  kept.set(id, positions.set(nameOf(list), position));
}

/** Scrolls to a position once the list is long enough. */
function restore(element: HTMLElement, position: number): () => void {
  const until = performance.now() + RESTORE_MS;
  let frame = 0;
  const end = () => {
    cancelAnimationFrame(frame);
    for (const event of BY_USER) element.removeEventListener(event, end);
  };
  const step = () => {
    element.scrollTop = position;
    // positions are rounded to pixels of the screen
    if (element.scrollTop >= position - 1 || performance.now() > until) end();
    else frame = requestAnimationFrame(step);
  };
  for (const event of BY_USER) element.addEventListener(event, end, { passive: true });
  step();
  return end;
}

/** Remembers the scroll position of a list and restores it after Back; returns a function that ends this. */
export function keepScroll(element: HTMLElement, list: string): () => void {
  const position = untrack(() => take(list));
  const end = position === undefined ? undefined : restore(element, position);
  const save = () => keep(list, element.scrollTop);
  element.addEventListener("scroll", save, { passive: true });
  return () => {
    end?.();
    element.removeEventListener("scroll", save);
  };
}
