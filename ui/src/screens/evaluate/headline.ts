// Metrics of an evaluation with their baselines, and its setup. The engine decides which baselines are
// beaten.

import type { Rates } from "../../chart/curves";
import type { ClassifierFigures, Compared, Comparison, EvaluationInfo, Figures } from "../../host";
import { decodingSettings } from "../../parts/decoding";
import { count, counted, figure, KIND_WORDS, moment, PARTITION_WORDS, percent } from "../../parts/format";
import { fakesNamed } from "../../parts/names";

export interface Headline {
  name: string;
  value: string;
  /** "[0.779, 0.851]"; empty if none. */
  interval: string;
  against: string;
  /** The baseline that it does not beat; empty if none. */
  worse: string;
  /** Whether it is better than its baselines; null without any, and if its interval contains one that it beats. */
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

const interval = (one: Compared) =>
  one.interval === null
    ? ""
    : `[${format(one.figure, one.interval.low)}, ${format(one.figure, one.interval.high)}]`;

export function headline(evaluation: EvaluationInfo): Headline {
  const all = evaluation.compared;
  const first =
    all.find((one) => one.value !== null && one.baselines.length > 0) ??
    all.find((one) => one.value !== null) ??
    all[0];
  if (!first) return { name: "", value: "–", interval: "", against: "", worse: "", better: null };
  return {
    name: title(first.name),
    value: format(first.figure, first.value),
    interval: interval(first),
    against: baselines(first),
    worse: first.worse,
    better: first.better,
  };
}

/** "AUC 0.818 [0.779, 0.851], unigram 0.716". */
export function headlineText(evaluation: EvaluationInfo): string {
  const { name, value, interval: of, against } = headline(evaluation);
  return [[name, value, of].filter(Boolean).join(" "), against].filter(Boolean).join(", ");
}

/** What the intervals are; empty if there are none. */
export function confidenceText(figures: Figures): string {
  const confidence = figures.confidence;
  if (!confidence) return "";
  const method =
    figures.of === "classifier"
      ? "of AUCs by DeLong’s method, of the others by a bootstrap"
      : "by a bootstrap";
  return `In brackets: 95% confidence intervals, ${method} with ${count(confidence.resamples)} resamples. Each of the ${counted(confidence.threads, "thread")} counts as one observation.`;
}

/** The metrics after temperature scaling; empty if it was not fitted. */
export function calibratedText(figures: ClassifierFigures): string {
  const one = figures.calibrated;
  if (!one) return "";
  return `Temperature scaling: ${figure(one.temperature)}, fitted on ${counted(one.fitted_on, "example")} of the validation set. Log loss ${figure(one.log_loss)}, Brier score ${figure(one.brier)}, expected calibration error ${figure(one.calibration_error)}.`;
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

export interface Metric {
  name: string;
  value: string;
  interval: string;
  against?: string;
  tone?: "good" | "bad";
  mark?: string;
}

function metricOf(one: Compared): Metric {
  return {
    name: title(one.name),
    value: format(one.figure, one.value),
    interval: interval(one),
    against: baselines(one) || (one.lower_is_better ? "lower is better" : ""),
    ...(one.better === null ? {} : { tone: one.better ? ("good" as const) : ("bad" as const) }),
    ...(one.worse === "" ? {} : { mark: one.worse }),
  };
}

/** All metrics that have a value, with their intervals and baselines. */
export function metricsOf(compared: Compared[]): Metric[] {
  return compared.filter((one) => one.value !== null).map(metricOf);
}

/** The six metrics beside the chart of a model with more than two classes. */
const MAIN = ["auc", "average_precision", "accuracy", "f1", "quadratic_kappa", "log_loss"];

export function mainMetrics(compared: Compared[]): Metric[] {
  return MAIN.flatMap((figure) => compared.filter((one) => one.figure === figure).map(metricOf));
}

/**
 * The six metrics beside the chart of a model with two classes. The rates are those of the decision threshold.
 * Intervals and comparisons come from the engine, later: while `waiting`, they are those of another threshold.
 */
export function mainMetricsAt(compared: Compared[], rates: Rates, waiting: boolean): Metric[] {
  const metric = (figure: string, value?: number | null): Metric[] => {
    const one = compared.find((found) => found.figure === figure);
    if (!one) return [];
    if (value === undefined) return [metricOf(one)];
    const now = metricOf({ ...one, value });
    if (!waiting) return [now];
    return [{ name: now.name, value: now.value, interval: now.interval && "[…]", against: baselines(one) }];
  };
  const named = (name: string, all: Metric[]) => all.map((one) => ({ ...one, name }));
  return [
    ...metric("auc"),
    ...metric("accuracy", rates.accuracy),
    ...named("TPR (recall)", metric("recall", rates.tpr)),
    { name: "FPR", value: percent(rates.fpr), interval: "" },
    ...metric("precision", rates.precision),
    ...metric("f1", rates.f1),
  ];
}

/** What was evaluated, and how, in rows. */
export function detailsOf(e: EvaluationInfo): { name: string; value: string }[] {
  const c = e.config;
  const rows = [
    { name: "Model", value: KIND_WORDS[c.kind].what },
    { name: "Split", value: `${e.split}, ${PARTITION_WORDS[e.partition].toLowerCase()} set` },
    {
      name: "Examples",
      value: `${count(e.figures.examples)}${c.limit > 0 ? `, at most ${count(c.limit)}` : ""}`,
    },
    { name: "Checkpoint", value: `${c.checkpoint} @ step ${count(c.step)}` },
    { name: "Fakes", value: e.fakes ?? "" },
    { name: "Decoding settings", value: c.fakes ? decodingSettings(c.fakes.sampling) : "" },
    { name: "Seed", value: String(c.seed) },
    { name: "Batch size", value: count(c.batch) },
    { name: "Computed with", value: `${c.precision} on ${c.device}, ${counted(c.threads, "thread")}` },
    { name: "Version", value: `Repartee ${c.version}` },
    { name: "Created", value: moment(e.created_ms) },
  ];
  return rows.filter((row) => row.value !== "");
}

/** Of each metric, how the evaluations after the first differ from it. */
export function differencesOf(comparison: Comparison): {
  name: string;
  cells: { text: string; interval: string; p: string; better: boolean | null }[];
}[] {
  return comparison.figures.map((one) => ({
    name: title(one.name),
    cells: one.differences.map(({ difference, interval, p, better }) => ({
      text: `${difference !== null && difference > 0 ? "+" : ""}${figure(difference)}`,
      interval: interval === null ? "" : `[${figure(interval.low)}, ${figure(interval.high)}]`,
      p: p === null ? "" : `p ${figure(p, 4)}`,
      better,
    })),
  }));
}

/** What the differences of a comparison are. */
export function comparisonText(comparison: Comparison): string {
  const first = comparison.evaluations[0]?.run ?? "";
  const on = `Differences from ${first} on the ${counted(comparison.examples, "example")} that all of them have.`;
  if (comparison.threads === null) return on;
  const corrected = comparison.evaluations.length > 2 ? ", not corrected for several comparisons" : "";
  return `${on} In brackets: 95% confidence intervals, of AUCs by DeLong’s method, of the others by ${count(comparison.resamples)} bootstrap resamples of threads. p: two-sided, by ${count(comparison.permutations)} permutations that exchange the predictions of whole threads (seed ${comparison.seed})${corrected}.`;
}
