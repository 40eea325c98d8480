import { expect, test } from "vitest";
import { draw } from "../host/fake/draw";
import { nearest, number, place, step, words } from "./read";

const picture = draw({
  title: "ROC",
  measured: "split main",
  x: "false positive rate",
  y: "true positive rate",
  xs: [0, 1],
  ys: [0, 1],
  square: true,
  columns: ["curve", "x", "y"],
  lines: [
    {
      name: "a",
      class: "1",
      points: [
        [0, 0],
        [0.5, 0.8],
        [1, 1],
      ],
    },
    { name: "none", class: "2", points: [] },
    {
      name: "b",
      class: "3",
      points: [
        [0, 0],
        [0.25, 0.1],
        [0.75, 0.4],
        [1, 1],
      ],
    },
  ],
});

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
