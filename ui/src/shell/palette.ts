// What the command palette offers, and how typed text finds it.

import type { BaseInfo, EvaluationInfo, FakesInfo, RunInfo, SplitInfo } from "../host";
import { KIND_WORDS } from "../parts/format";
import { at } from "../state/route.svelte";

export interface Offer {
  /** What it is, shown at the end of its line: Screen, Action, Run. */
  kind: string;
  text: string;
  /** Other words by which it is found. */
  also?: string;
  href?: string;
  /** For an action that is not a screen. */
  run?: () => void;
}

const screen = (text: string, href: string): Offer => ({ kind: "Screen", text, href });
const action = (text: string, href: string, also = ""): Offer => ({ kind: "Action", text, href, also });

export const SCREENS: Offer[] = [
  screen("Overview", "#/overview"),
  screen("Data › Sources", "#/data/sources"),
  screen("Data › Pairs", "#/data/pairs"),
  screen("Data › Labels", "#/data/labels"),
  screen("Data › Splits", "#/data/splits"),
  screen("Data › Permissions", "#/data/permissions"),
  screen("Models", "#/models"),
  screen("Train", "#/train"),
  screen("Evaluate", "#/evaluate"),
  screen("Generate", "#/generate"),
  screen("Queue", "#/queue"),
  screen("Reddit › Accounts", "#/reddit/accounts"),
  screen("Reddit › Rules", "#/reddit/rules"),
  screen("Reddit › Permissions", "#/reddit/permissions"),
  screen("Reddit › Threads", "#/reddit/threads"),
  screen("Reddit › Outbox", "#/reddit/outbox"),
  screen("Reddit › Outcomes", "#/reddit/outcomes"),
  screen("Reddit › Log", "#/reddit/log"),
  screen("Settings", "#/settings"),
];

export const ACTIONS: Offer[] = [
  action("Import files", "#/data/import", "data dump csv"),
  action("Set up pipeline", "#/overview?pipeline=1", "everything overnight"),
  action("Build pairs", "#/data/pairs?build=1"),
  action("Create split", "#/data/splits?new=1", "new"),
  action("Add base model", "#/models?new=1", "new"),
  action("New run", "#/train/new", "train model"),
  action("Generate fakes", "#/models?fakes=1", "new"),
  action("New evaluation", "#/evaluate?new=", "evaluate run"),
  action("Generate candidates", "#/generate", "new generation replies"),
  action("Export queue", "#/queue?export=queue", "save replies csv"),
  action("Fetch threads", "#/reddit/threads?fetch=1"),
  action("Draft replies", "#/reddit/threads?draft=1"),
];

export interface Items {
  runs: RunInfo[];
  splits: SplitInfo[];
  evaluations: EvaluationInfo[];
  fakes: FakesInfo[];
  bases: BaseInfo[];
}

/** The items of a project, each with its tags. */
export function itemOffers({ runs, splits, evaluations, fakes, bases }: Items): Offer[] {
  return [
    ...runs.map(({ name, kind, label }) => ({
      kind: `${KIND_WORDS[kind].name} run`,
      text: name,
      also: label.tags.join(" "),
      href: at(["train", "run", name]),
    })),
    ...evaluations.map((e) => ({
      kind: `Evaluation ${e.id}`,
      text: e.name || `${e.run} on ${e.split} / ${e.partition}`,
      also: [e.run, ...e.label.tags].join(" "),
      href: at(["evaluate", e.id]),
    })),
    ...splits.map(({ name, label }) => ({
      kind: "Split",
      text: name,
      also: label.tags.join(" "),
      href: at(["data", "splits"], { show: name }),
    })),
    ...splits.map(({ name }) => ({
      kind: "Action",
      text: `Export pairs of ${name}`,
      also: "save csv",
      href: at(["data", "splits"], { export: name }),
    })),
    ...fakes.map(({ name, label }) => ({
      kind: "Set of fakes",
      text: name,
      also: label.tags.join(" "),
      href: at(["models"], { show: name }),
    })),
    ...bases.map(({ name, label }) => ({
      kind: "Base model",
      text: name,
      also: label.tags.join(" "),
      href: "#/models",
    })),
    ...bases.map(({ name }) => ({
      kind: "Action",
      text: `Export ${name}`,
      also: "save base model",
      href: at(["models"], { export: name }),
    })),
  ];
}

/** Letters and digits in lower case, with one space for everything else. */
const plain = (text: string) =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();

/** How close together the letters of a word are in a text, 0 to 1; the first one begins a word. */
function scattered(word: string, text: string): number | null {
  const start = ` ${text}`.indexOf(` ${word.charAt(0)}`);
  if (start < 0) return null;
  let last = start;
  for (const letter of [...word].slice(1)) {
    last = text.indexOf(letter, last + 1);
    if (last < 0) return null;
  }
  return word.length / (last - start + 1);
}

function fitOfWord(word: string, text: string): number | null {
  if (text.startsWith(word)) return 4;
  if (text.includes(` ${word}`)) return 3;
  if (text.includes(word)) return 2;
  return scattered(word, text);
}

/** How well typed text fits an offer, whatever the order of its words; null: not at all. */
export function matchOf(typed: string, offer: Offer): number | null {
  const text = plain(offer.text);
  const all = plain(`${offer.text} ${offer.kind} ${offer.also ?? ""}`);
  let sum = text === plain(typed) ? 1 : 0;
  for (const word of plain(typed).split(" ").filter(Boolean)) {
    const inText = fitOfWord(word, text);
    const inAll = inText === null && all.includes(word) ? 0.5 : null;
    const best = inText ?? inAll;
    if (best === null) return null;
    sum += best;
  }
  return sum;
}

const MAX_OFFERS = 50;

/** The offers that fit, the best first; all of them without typed text. */
export function search(offers: Offer[], typed: string): Offer[] {
  const scored = offers.flatMap((offer) => {
    const score = matchOf(typed, offer);
    return score === null ? [] : [{ offer, score }];
  });
  if (plain(typed) !== "") {
    scored.sort((a, b) => b.score - a.score || a.offer.text.length - b.offer.text.length);
  }
  return scored.slice(0, MAX_OFFERS).map(({ offer }) => offer);
}
