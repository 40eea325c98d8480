// ROC and precision–recall curves from the counts at their thresholds: moving a threshold is a binary search,
// however many predictions there are.

import type { ClassCurve } from "../host";
import { percent } from "../parts/format";
import { number } from "./read";

export type CurveKind = "roc" | "pr";
export type Point = [x: number, y: number];

/** Counts of one class against the rest. */
export interface Counts {
  tp: number;
  fp: number;
  tn: number;
  fn: number;
}

/** None where the denominator is 0. */
export interface Rates {
  tpr: number | null;
  fpr: number | null;
  precision: number | null;
  f1: number | null;
  accuracy: number | null;
}

const share = (part: number, all: number) => (all > 0 ? part / all : null);

export function ratesOf({ tp, fp, tn, fn }: Counts): Rates {
  return {
    tpr: share(tp, tp + fn),
    fpr: share(fp, fp + tn),
    precision: share(tp, tp + fp),
    f1: share(2 * tp, 2 * tp + fp + fn),
    accuracy: share(tp + tn, tp + fp + tn + fn),
  };
}

export function countsAt(curve: ClassCurve, index: number): Counts {
  const tp = curve.tp[index] ?? 0;
  const fp = curve.fp[index] ?? 0;
  return { tp, fp, tn: curve.negatives - fp, fn: curve.positives - tp };
}

/** The point of a decision threshold: the last one whose own threshold is not below. */
export function indexAt(curve: ClassCurve, threshold: number): number {
  let low = 0;
  let high = curve.thresholds.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((curve.thresholds[middle] ?? Number.POSITIVE_INFINITY) >= threshold) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The decision threshold of a point; 1 where nothing is predicted as the class. */
export const thresholdAt = (curve: ClassCurve, index: number): number => curve.thresholds[index] ?? 1;

/** False and true positive rate, or recall and precision, of each point. */
export function pointsOf(curve: ClassCurve, kind: CurveKind): Point[] {
  return curve.tp.map((tp, i): Point => {
    const fp = curve.fp[i] ?? 0;
    const recall = tp / curve.positives;
    return kind === "roc" ? [fp / curve.negatives, recall] : [recall, tp + fp > 0 ? tp / (tp + fp) : 1];
  });
}

/** The line through the points. Average precision is a sum over steps, so a precision–recall curve has steps. */
export function lineOf(points: Point[], kind: CurveKind): Point[] {
  if (kind === "roc") return points;
  return points.flatMap(([x, y], i): Point[] => {
    const before = points[i - 1];
    const step: Point[] = before ? [[before[0], y]] : [];
    return [...step, [x, y]];
  });
}

export interface PointWords {
  threshold: string;
  rates: string;
  counts: string;
}

/** "threshold 0.503", and the rates and counts there. */
export function wordsAt(curve: ClassCurve, index: number): PointWords {
  const counts = countsAt(curve, index);
  const { tpr, fpr, precision } = ratesOf(counts);
  const threshold = curve.thresholds[index] ?? null;
  return {
    threshold: threshold === null ? "threshold above all scores" : `threshold ${number(threshold)}`,
    rates: `TPR ${percent(tpr)}, FPR ${percent(fpr)}, precision ${percent(precision)}`,
    counts: `TP ${counts.tp}, FP ${counts.fp}, TN ${counts.tn}, FN ${counts.fn}`,
  };
}

/** A table of tabs, with a row for each threshold; `notes` become comments above it. */
export function tsvOf(curve: ClassCurve, notes: string[] = []): string {
  const rows = curve.thresholds.map((threshold, i) => {
    const { tp, fp, tn, fn } = countsAt(curve, i);
    return [threshold ?? "inf", tp / curve.positives, fp / curve.negatives, tp, fp, tn, fn].join("\t");
  });
  const header = ["threshold", "TPR", "FPR", "TP", "FP", "TN", "FN"].join("\t");
  return `${[...notes.map((note) => `# ${note}`), header, ...rows].join("\n")}\n`;
}

export interface Scale {
  from: number;
  to: number;
  log: boolean;
}

/** Where a value is on a scale: 0 at its beginning, 1 at its end. A logarithmic one has values below at 0. */
export function along({ from, to, log }: Scale, value: number): number {
  if (!log) return (value - from) / (to - from);
  return Math.log(Math.max(value, from) / from) / Math.log(to / from);
}

/** The value at a part of a scale, 0 to 1. */
export function valueAt({ from, to, log }: Scale, part: number): number {
  return log ? from * (to / from) ** part : from + part * (to - from);
}

/** False positive rates down to that of a single example, which is the smallest that can be drawn. */
export function logScale(negatives: number): Scale {
  const from = 10 ** Math.floor(Math.log10(1 / Math.max(negatives, 2)));
  return { from, to: 1, log: true };
}

/** Round values on a scale, at most about seven. */
export function ticksOf({ from, to, log }: Scale): number[] {
  if (log && to / from >= 10) {
    const decades: number[] = [];
    for (let power = Math.ceil(Math.log10(from) - 1e-9); 10 ** power <= to * (1 + 1e-9); power += 1) {
      decades.push(Number((10 ** power).toPrecision(1)));
    }
    return decades;
  }
  const raw = (to - from) / 5;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5].find((times) => times * size >= raw * (1 - 1e-9)) ?? 10) * size;
  const ticks: number[] = [];
  for (let n = Math.ceil(from / step - 1e-9); n * step <= to * (1 + 1e-9); n += 1) {
    ticks.push(Number((n * step).toPrecision(12)));
  }
  return ticks;
}

/** The index of the point nearest to a position; `place` gives the position of a point. */
export function nearestPoint(points: Point[], x: number, y: number, place: (point: Point) => Point): number {
  let found = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [i, point] of points.entries()) {
    const [left, top] = place(point);
    const far = (left - x) ** 2 + (top - y) ** 2;
    if (far < least) {
      least = far;
      found = i;
    }
  }
  return found;
}
