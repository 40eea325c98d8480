// Figures of an evaluation beside their baselines, and what it was measured on. Which figure fails to beat what is
// decided by the engine.

import type { Compared, EvaluationInfo } from "../../host";
import { count, figure, percent } from "../../parts/format";
import { fakesNamed } from "../../parts/names";

export interface Headline {
  name: string;
  value: string;
  against: string;
  /** What it fails to beat; empty: nothing. */
  worse: string;
  /** Whether it beats what it has to; none: it cannot be said. */
  better: boolean | null;
}

/** As it is read first in a cell: "AUC, macro", "Perplexity". */
const title = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

const SHARES = ["accuracy", "precision", "recall"];

function written(key: string, value: number | null): string {
  if (SHARES.includes(key)) return percent(value);
  if (key === "perplexity") return value !== null && value >= 1000 ? count(value) : figure(value, 2);
  return figure(value, key === "loss" ? 4 : 3);
}

const baselines = (one: Compared) =>
  one.baselines.map((b) => `${b.name} ${written(one.figure, b.value)}`).join(", ");

export function headline(evaluation: EvaluationInfo): Headline {
  const all = evaluation.compared;
  const first =
    all.find((one) => one.value !== null && one.baselines.length > 0) ??
    all.find((one) => one.value !== null) ??
    all[0];
  if (!first) return { name: "", value: "–", against: "", worse: "", better: null };
  return {
    name: title(first.name),
    value: written(first.figure, first.value),
    against: baselines(first),
    worse: first.worse,
    better: first.beats,
  };
}

/** What an evaluation was measured on, in a line. */
export function measuredOn(e: EvaluationInfo): string {
  const c = e.config;
  const parts = [
    `${e.figures.examples.toLocaleString("en")} examples of the ${e.partition} side of split ${e.split}`,
    `checkpoint ${c.checkpoint} at step ${c.step.toLocaleString("en")}`,
    e.fakes ? fakesNamed(e.fakes) : "",
    c.fakes
      ? `written with temperature ${c.fakes.sampling.temperature}, top-k ${c.fakes.sampling.top_k}, top-p ${c.fakes.sampling.top_p}`
      : "",
    `seed ${c.seed}`,
    `${c.device} with ${c.threads} threads`,
    `Repartee ${c.version}`,
  ];
  return parts.filter(Boolean).join(", ");
}

/** Each figure that exists, with its baselines, and marked where it does not beat them. */
export function figuresOf(compared: Compared[]): {
  name: string;
  value: string;
  against?: string;
  tone?: "good" | "bad";
  mark?: string;
}[] {
  return compared
    .filter((one) => one.value !== null)
    .map((one) => ({
      name: title(one.name),
      value: written(one.figure, one.value),
      against: baselines(one) || (one.lower_is_better ? "lower is better" : ""),
      ...(one.beats === null ? {} : { tone: one.beats ? ("good" as const) : ("bad" as const) }),
      ...(one.worse === "" ? {} : { mark: one.worse }),
    }));
}
