import { expect, test } from "vitest";
import type { ClassCurve } from "../host";
import {
  along,
  countsAt,
  indexAt,
  lineOf,
  logScale,
  nearestPoint,
  type Point,
  pointsOf,
  ratesOf,
  type Scale,
  thresholdAt,
  ticksOf,
  tsvOf,
  valueAt,
  wordsAt,
} from "./curves";

/** Four real replies and four fakes; two of them share a probability. */
const curve: ClassCurve = {
  class: 1,
  name: "real",
  positives: 4,
  negatives: 4,
  thresholds: [null, 0.9, 0.7, 0.5, 0.2],
  tp: [0, 1, 3, 3, 4],
  fp: [0, 0, 1, 2, 4],
  distinct: 4,
};

test("a threshold is at the last point that is not below it", () => {
  const found = [1, 0.95, 0.9, 0.89, 0.7, 0.6, 0.5, 0.2, 0.1, 0].map((at) => indexAt(curve, at));
  expect(found).toEqual([0, 0, 1, 1, 2, 2, 3, 4, 4, 4]);
  for (const index of curve.thresholds.keys()) {
    expect(indexAt(curve, thresholdAt(curve, index))).toBe(index);
  }
});

test("rates follow from the counts, and are missing without a denominator", () => {
  expect(countsAt(curve, 2)).toEqual({ tp: 3, fp: 1, tn: 3, fn: 1 });
  expect(ratesOf(countsAt(curve, 2))).toEqual({
    tpr: 0.75,
    fpr: 0.25,
    precision: 0.75,
    f1: 0.75,
    accuracy: 0.75,
  });
  expect(ratesOf(countsAt(curve, 0)).precision).toBeNull();
});

test("a precision–recall curve has steps, a ROC curve has none", () => {
  expect(lineOf(pointsOf(curve, "roc"), "roc")).toHaveLength(5);
  const points = pointsOf(curve, "pr");
  expect(points[0]).toEqual([0, 1]);
  expect(points[2]).toEqual([0.75, 0.75]);
  expect(lineOf(points, "pr").slice(0, 5)).toEqual([
    [0, 1],
    [0, 1],
    [0.25, 1],
    [0.25, 0.75],
    [0.75, 0.75],
  ]);
});

test("the table has a row for each threshold, and notes as comments", () => {
  expect(tsvOf(curve, ["main / test"]).split("\n")).toEqual([
    "# main / test",
    "threshold\tTPR\tFPR\tTP\tFP\tTN\tFN",
    "inf\t0\t0\t0\t0\t4\t4",
    "0.9\t0.25\t0\t1\t0\t4\t3",
    "0.7\t0.75\t0.25\t3\t1\t3\t1",
    "0.5\t0.75\t0.5\t3\t2\t2\t1",
    "0.2\t1\t1\t4\t4\t0\t0",
    "",
  ]);
});

test("a point is read with its threshold, rates and counts", () => {
  expect(wordsAt(curve, 3)).toEqual({
    threshold: "threshold 0.5",
    rates: "TPR 75.0%, FPR 50.0%, precision 60.0%",
    counts: "TP 3, FP 2, TN 2, FN 1",
  });
  expect(wordsAt(curve, 0).threshold).toBe("threshold above all scores");
});

test("values and positions on a scale are inverse", () => {
  const scales: Scale[] = [{ from: 0.2, to: 0.6, log: false }, logScale(800)];
  for (const scale of scales) {
    for (const part of [0, 0.3, 1]) expect(along(scale, valueAt(scale, part))).toBeCloseTo(part);
  }
  // what a logarithmic scale cannot show is at its beginning
  expect(along(logScale(800), 0)).toBe(0);
  expect(logScale(800).from).toBeLessThanOrEqual(1 / 800);
});

test("ticks are round", () => {
  expect(ticksOf({ from: 0, to: 1, log: false })).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(ticksOf({ from: 0.13, to: 0.31, log: false })).toEqual([0.15, 0.2, 0.25, 0.3]);
  expect(ticksOf(logScale(800))).toEqual([0.001, 0.01, 0.1, 1]);
});

test("the nearest point is measured where it is drawn", () => {
  const points: Point[] = [
    [0, 0],
    [0.5, 0.9],
    [1, 1],
  ];
  const place = ([x, y]: Point): Point => [100 * x, 100 * (1 - y)];
  expect(nearestPoint(points, 45, 20, place)).toBe(1);
  expect(nearestPoint(points, 5, 95, place)).toBe(0);
});
