import { expect, test } from "vitest";
import type { Picture } from "../host";
import { nearest, number, place, step, words } from "./read";

const axis = (title: string) => ({ title, from: 0, to: 1, ticks: [] });
const series = (name: string, points: [number, number][]) => ({ name, class: "1", points });
/** Without its SVG: readings only need the plot area and the data. */
const picture = {
  svg: "",
  width: 600,
  height: 700,
  plot: { x: 128, y: 200, width: 1000, height: 1000 },
  x: axis("false positive rate"),
  y: axis("true positive rate"),
  series: [
    series("a", [
      [0, 0],
      [0.5, 0.8],
      [1, 1],
    ]),
    series("none", []),
    series("b", [
      [0, 0],
      [0.25, 0.1],
      [0.75, 0.4],
      [1, 1],
    ]),
  ],
  table: { columns: [], rows: [] },
} satisfies Picture;

test("data coordinates map to the plot area", () => {
  const { left, top } = place(picture, 0, 1);
  expect(left).toBeCloseTo(picture.plot.x / (2 * picture.width));
  expect(top).toBeCloseTo(picture.plot.y / (2 * picture.height));
});

test("nearest finds a point of any series", () => {
  const at = place(picture, 0.74, 0.42);
  expect(nearest(picture, at.left, at.top)).toEqual({ series: 2, point: 2 });
});

test("left and right move along a series and stop at its ends", () => {
  const begin = step(picture, null, "ArrowRight");
  expect(begin).toEqual({ series: 0, point: 0 });
  const next = step(picture, begin, "ArrowRight");
  expect(next).toEqual({ series: 0, point: 1 });
  expect(step(picture, next, "End")).toEqual({ series: 0, point: 2 });
  expect(step(picture, { series: 0, point: 2 }, "ArrowRight")).toEqual({ series: 0, point: 2 });
  expect(step(picture, begin, "ArrowLeft")).toEqual({ series: 0, point: 0 });
});

test("up and down switch series at the same x and skip empty ones", () => {
  expect(step(picture, { series: 0, point: 2 }, "ArrowDown")).toEqual({ series: 2, point: 3 });
  expect(step(picture, { series: 2, point: 3 }, "ArrowDown")).toEqual({ series: 0, point: 2 });
});

test("other keys are ignored", () => {
  expect(step(picture, null, "Tab")).toBeNull();
});

test("a reading includes the axis titles", () => {
  expect(words(picture, { series: 2, point: 1 })).toEqual({
    name: "b",
    x: "false positive rate 0.25",
    y: "true positive rate 0.1",
  });
  expect(number(0.000032)).toBe("3.20e-5");
  expect(number(1480)).toBe("1,480");
});
