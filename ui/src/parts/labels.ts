// Tags of lists, and what a deletion takes with it in words.

import type { Dependent, Dependents, ItemKind, Label } from "../host";
import { bytes, count, counted } from "./format";

export const NO_LABEL: Label = { note: "", tags: [] };

/** What the kinds are called in a sentence. */
export const ITEM_WORDS: Record<ItemKind, string> = {
  source: "source",
  split: "split",
  base: "base",
  run: "run",
  fakes: "set of fakes",
  evaluation: "evaluation",
  generation: "generation",
};

/** All tags of a list, in alphabetical order. */
export function tagsOf(items: { label: Label }[]): string[] {
  return [...new Set(items.flatMap((item) => item.label.tags))].sort((a, b) => a.localeCompare(b));
}

/** Those of a list that have a tag; null: all. */
export function withTag<T extends { label: Label }>(items: T[], tag: string | null): T[] {
  return tag === null ? items : items.filter((item) => item.label.tags.includes(tag));
}

/** Tags as a person types them: with commas between. */
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

/** What happens to replies of the queue. */
export function repliesWords(found: Dependents): string[] {
  const lines = [];
  if (found.replies > 0) {
    const approved = found.approved > 0 ? `, ${count(found.approved)} of them approved` : "";
    lines.push(`${counted(found.replies, "reply", "replies")} of the queue will be deleted${approved}.`);
  }
  if (found.kept === 1) lines.push("1 reply that was sent, or may have been, stays with its candidate.");
  if (found.kept > 1)
    lines.push(`${count(found.kept)} replies that were sent, or may have been, stay with their candidates.`);
  return lines;
}
