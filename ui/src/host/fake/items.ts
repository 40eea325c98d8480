// Renaming, dependents and deletion of items in the fake engine.

import type { Dependent, Dependents, ItemKind, Label } from "../api";
import type { FakeEngine } from "./engine";

export interface Named {
  id?: number;
  name: string;
  label: Label;
}

export const ITEM_FAMILIES: Record<ItemKind, string> = {
  source: "sources",
  split: "splits",
  base: "bases",
  run: "runs",
  fakes: "fakes",
  evaluation: "evaluations",
  generation: "threads",
};

/** Setters for every reference to an item by name. */
export function namesIn(engine: FakeEngine, kind: ItemKind, name: string): ((to: string) => void)[] {
  const places: ((to: string) => void)[] = [];
  for (const run of engine.runs) {
    const { facts } = run;
    if (!facts) continue;
    if (kind === "base" && facts.base === name) places.push((to) => (facts.base = to));
    if (kind === "split" && facts.split === name) places.push((to) => (facts.split = to));
    if (kind === "fakes" && facts.fakes === name) places.push((to) => (facts.fakes = to));
  }
  for (const set of engine.fakes) {
    if (kind === "split" && set.split === name) places.push((to) => (set.split = to));
    if (kind === "run" && set.config.generator === name) places.push((to) => (set.config.generator = to));
  }
  for (const e of engine.evaluations) {
    if (kind === "run" && e.run === name) places.push((to) => (e.run = to));
    if (kind === "split" && e.split === name) places.push((to) => (e.split = to));
    if (kind === "fakes" && e.fakes === name) places.push((to) => (e.fakes = to));
  }
  for (const { config } of engine.generations) {
    if (kind !== "run") continue;
    if (config.generator === name) places.push((to) => (config.generator = to));
    if (config.realism === name) places.push((to) => (config.realism = to));
    if (config.upvotes === name) places.push((to) => (config.upvotes = to));
  }
  return places;
}

/** Direct dependents of an item. */
function below(engine: FakeEngine, kind: ItemKind, name: string): Dependent[] {
  const found: Dependent[] = [];
  const add = (of: ItemKind, id: number, called: string, why: string, rows: number, unit: string) =>
    found.push({ kind: of, id, name: called, why, depth: 0, rows, unit, bytes: 0 });
  if (kind === "source")
    engine.splits.forEach((split, i) => {
      add("split", i + 1, split.name, `holds pairs of source ${name}`, 4930, "pairs");
    });
  engine.runs.forEach((run, i) => {
    const add_ = (why: string) => add("run", i + 1, run.name, why, 2, "checkpoints");
    if (kind === "base" && run.facts?.base === name) add_(`trained from base ${name}`);
    if (kind === "split" && run.facts?.split === name) add_(`trained on split ${name}`);
    if (kind === "fakes" && run.facts?.fakes === name) add_(`trained on set of fakes ${name}`);
  });
  engine.fakes.forEach((set, i) => {
    const rows = set.fakes.reduce((a, b) => a + b, 0);
    if (kind === "split" && set.split === name)
      add("fakes", i + 1, set.name, `made on split ${name}`, rows, "fakes");
    if (kind === "run" && set.config.generator === name)
      add("fakes", i + 1, set.name, `written by run ${name}`, rows, "fakes");
  });
  for (const e of engine.evaluations) {
    const called = e.name || String(e.id);
    const rows = e.figures.examples;
    if (kind === "run" && e.run === name)
      add("evaluation", e.id, called, `measures run ${name}`, rows, "predictions");
    if (kind === "split" && e.split === name)
      add("evaluation", e.id, called, `measured on split ${name}`, rows, "predictions");
    if (kind === "fakes" && e.fakes === name)
      add("evaluation", e.id, called, `measured on set of fakes ${name}`, rows, "predictions");
  }
  for (const g of engine.generations) {
    const { generator, realism, upvotes } = g.config;
    const rows = g.comments.flatMap((c) => c.candidates).length;
    if (kind === "run" && [generator, realism, upvotes].includes(name))
      add("generation", g.generation, String(g.generation), `written by run ${name}`, rows, "candidates");
  }
  return found;
}

export function dependentsOf(engine: FakeEngine, kind: ItemKind, item: Named): Dependents {
  const at = (list: Named[]) => list.indexOf(item) + 1;
  const id =
    item.id ??
    { split: at(engine.splits), base: at(engine.bases), run: at(engine.runs), fakes: at(engine.fakes) }[
      kind as "split"
    ];
  const root: Dependent = {
    kind,
    id,
    name: item.name || String(id),
    why: "",
    depth: 0,
    rows: 0,
    unit: "",
    bytes: 0,
  };
  const items: Dependent[] = [];
  const walk = (one: Dependent, depth: number) => {
    if (items.some((known) => known.kind === one.kind && known.id === one.id)) return;
    items.push({ ...one, depth });
    for (const next of below(engine, one.kind, one.name)) walk(next, depth + 1);
  };
  walk(root, 0);
  const seen = items.map((one) => `${one.kind} ${one.id} ${one.name}`).join("; ");
  return { items, replies: 0, approved: 0, kept: 0, seen };
}
