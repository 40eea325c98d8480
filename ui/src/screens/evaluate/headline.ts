// Metrics of an evaluation with their baselines, and its setup. The engine decides which baselines are
// beaten.

import type { Compared, EvaluationInfo } from "../../host";
import { decodingSettings } from "../../parts/decoding";
import { count, figure, percent } from "../../parts/format";
import { fakesNamed } from "../../parts/names";

export interface Headline {
  name: string;
  value: string;
  against: string;
  /** The baseline that it does not beat; empty if none. */
  worse: string;
  /** Whether it beats its baselines; null without any. */
  better: boolean | null;
}

const title = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

const PERCENTAGES = ["accuracy", "precision", "recall"];

function format(key: string, value: number | null): string {
  if (PERCENTAGES.includes(key)) return percent(value);
  if (key === "perplexity") return value !== null && value >= 1000 ? count(value) : figure(value, 2);
  return figure(value, key === "loss" ? 4 : 3);
}

const baselines = (one: Compared) =>
  one.baselines.map((b) => `${b.name} ${format(one.figure, b.value)}`).join(", ");

export function headline(evaluation: EvaluationInfo): Headline {
  const all = evaluation.compared;
  const first =
    all.find((one) => one.value !== null && one.baselines.length > 0) ??
    all.find((one) => one.value !== null) ??
    all[0];
  if (!first) return { name: "", value: "–", against: "", worse: "", better: null };
  return {
    name: title(first.name),
    value: format(first.figure, first.value),
    against: baselines(first),
    worse: first.worse,
    better: first.beats,
  };
}

/** "main / test, 500 examples · best @ step 300 · seed 1 · cpu, 2 threads · Repartee 0.1.0". */
export function setupOf(e: EvaluationInfo): string {
  const c = e.config;
  const parts = [
    `${e.split} / ${e.partition}, ${e.figures.examples.toLocaleString("en")} examples`,
    `${c.checkpoint} @ step ${c.step.toLocaleString("en")}`,
    [e.fakes ? fakesNamed(e.fakes) : "", c.fakes ? `(${decodingSettings(c.fakes.sampling)})` : ""]
      .filter(Boolean)
      .join(" "),
    `seed ${c.seed}`,
    `${c.precision} on ${c.device}, ${c.threads} threads`,
    `Repartee ${c.version}`,
  ];
  return parts.filter(Boolean).join(" · ");
}

/** All metrics that have a value, with their baselines. */
export function metricsOf(compared: Compared[]): {
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
      value: format(one.figure, one.value),
      against: baselines(one) || (one.lower_is_better ? "lower is better" : ""),
      ...(one.beats === null ? {} : { tone: one.beats ? ("good" as const) : ("bad" as const) }),
      ...(one.worse === "" ? {} : { mark: one.worse }),
    }));
}
