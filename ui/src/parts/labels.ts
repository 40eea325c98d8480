// Tags, and the texts of the delete dialog.

import type { Dependent, Dependents, ItemKind, Label } from "../host";
import { bytes, count, counted } from "./format";

export const NO_LABEL: Label = { note: "", tags: [] };

export const ITEM_WORDS: Record<ItemKind, string> = {
  source: "source",
  split: "split",
  base: "base",
  run: "run",
  fakes: "set of fakes",
  evaluation: "evaluation",
  generation: "generation",
};

export function tagsOf(items: { label: Label }[]): string[] {
  return [...new Set(items.flatMap((item) => item.label.tags))].sort((a, b) => a.localeCompare(b));
}

/** Items with a tag; all if it is null. */
export function withTag<T extends { label: Label }>(items: T[], tag: string | null): T[] {
  return tag === null ? items : items.filter((item) => item.label.tags.includes(tag));
}

/** Parses comma-separated tags. */
export function typedTags(text: string): string[] {
  return text
    .split(",")
    .map((tag) => tag.trim())
    .filter(Boolean);
}

/** "1,200 pairs", "2 checkpoints, 48.2 MB". */
export function holds(item: Dependent): string {
  const parts = [];
  if (item.rows > 0 && item.unit) parts.push(`${count(item.rows)} ${item.unit}`);
  if (item.bytes > 0) parts.push(bytes(item.bytes));
  return parts.join(", ");
}

/** What a deletion does to replies in the queue. */
export function repliesWords(found: Dependents): string[] {
  const lines = [];
  if (found.replies > 0) {
    const approved = found.approved > 0 ? `, including ${count(found.approved)} approved` : "";
    lines.push(`${counted(found.replies, "reply", "replies")} in the queue will be deleted${approved}.`);
  }
  if (found.kept === 1) lines.push("1 reply that was posted, or may have been, is kept with its candidate.");
  if (found.kept > 1)
    lines.push(
      `${count(found.kept)} replies that were posted, or may have been, are kept with their candidates.`,
    );
  return lines;
}
