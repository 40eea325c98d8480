// Short words to the person: shown at the edge for some seconds and read out by screen readers.

import { failure } from "../host";

export interface Word {
  id: number;
  tone: "note" | "good" | "bad";
  text: string;
  link?: { href: string; text: string };
}

const SHOWN_MS = 6_000;
let next = 1;
let words = $state.raw<Word[]>([]);
const timers = new Map<number, ReturnType<typeof setTimeout>>();

export const said = {
  get words() {
    return words;
  },
};

export function say(text: string, more: Partial<Omit<Word, "id" | "text">> = {}): void {
  const word: Word = {
    id: next++,
    tone: more.tone ?? "note",
    text,
    ...(more.link ? { link: more.link } : {}),
  };
  words = [...words.filter((w) => w.text !== text), word].slice(-4);
  // what went wrong stays until it is put away
  if (word.tone !== "bad") holdFor(word.id, SHOWN_MS);
}

/** Says what was thrown. For things that have no form of their own to show it in. */
export function sayFailure(doing: string, thrown: unknown): void {
  say(`${doing}: ${failure(thrown).message}`, { tone: "bad" });
}

export function unsay(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
  words = words.filter((word) => word.id !== id);
}

function holdFor(id: number, ms: number): void {
  timers.set(
    id,
    setTimeout(() => unsay(id), ms),
  );
}
