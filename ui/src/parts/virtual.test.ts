import { describe, expect, test } from "vitest";
import { MOST_PX, scrollTo, seen, space } from "./virtual";

const ROW = 36;
const VIEW = 600;

describe("a table that fits", () => {
  test("scrolls pixel by pixel", () => {
    expect(space(100, ROW, VIEW)).toEqual({ real: 3600, height: 3600, ratio: 1 });
    expect(seen(0, 100, ROW, VIEW)).toEqual({ first: 0, last: 16, shift: 0 });
    expect(seen(50, 100, ROW, VIEW)).toEqual({ first: 1, last: 18, shift: 14 });
  });

  test("fills the viewport with few rows or none", () => {
    expect(space(3, ROW, VIEW).height).toBe(VIEW);
    expect(seen(0, 3, ROW, VIEW)).toEqual({ first: 0, last: 2, shift: 0 });
    expect(seen(0, 0, ROW, VIEW).last).toBe(-1);
  });
});

describe.each([1_000_000, 25_000_000])("%i rows", (rows) => {
  const { height, ratio } = space(rows, ROW, VIEW);

  test("stay below the maximum element height", () => {
    expect(height).toBe(MOST_PX);
    expect(height).toBeLessThan(33_554_432);
    expect(ratio).toBeGreaterThan(1);
  });

  test("show the first and the last row completely", () => {
    expect(seen(0, rows, ROW, VIEW).first).toBe(0);
    const end = seen(height - VIEW, rows, ROW, VIEW);
    expect(end.last).toBe(rows - 1);
    // the last row ends at the bottom of the viewport
    expect((end.last + 1 - end.first) * ROW - end.shift).toBeCloseTo(VIEW, 3);
  });

  test("never render more than a screenful", () => {
    for (let at = 0; at <= height - VIEW; at += 999_983) {
      const { first, last } = seen(at, rows, ROW, VIEW);
      expect(last - first).toBeLessThanOrEqual(VIEW / ROW + 1);
      expect(first).toBeGreaterThanOrEqual(0);
      expect(last).toBeLessThan(rows);
    }
  });

  test("any row can be scrolled to from anywhere", () => {
    for (const row of [0, 1, 17, 499_999, 500_000, rows - 2, rows - 1]) {
      for (const from of [0, 15_000_000, height - VIEW]) {
        const { first, last, shift } = seen(scrollTo(row, from, rows, ROW, VIEW), rows, ROW, VIEW);
        const top = (row - first) * ROW - shift;
        expect(row).toBeGreaterThanOrEqual(first);
        expect(row).toBeLessThanOrEqual(last);
        // a pixel of scrolling is `ratio` pixels of rows
        expect(top).toBeGreaterThanOrEqual(-ratio - 1e-6);
        expect(top + ROW).toBeLessThanOrEqual(VIEW + ratio + 1e-6);
      }
    }
  });

  test("a visible row does not scroll", () => {
    expect(scrollTo(3, 0, rows, ROW, VIEW)).toBe(0);
  });
});
