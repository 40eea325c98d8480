// Chart readings: the point at a pointer position or after a key, and its text.

import type { Picture } from "../host";

export interface Reading {
  series: number;
  point: number;
}

/** A data point as fractions of the picture's width and height, for an overlay. */
export function place(picture: Picture, x: number, y: number): { left: number; top: number } {
  const { plot } = picture;
  const across = (x - picture.x.from) / (picture.x.to - picture.x.from);
  const up = (y - picture.y.from) / (picture.y.to - picture.y.from);
  // the view box has two units per pixel
  return {
    left: (plot.x + across * plot.width) / (2 * picture.width),
    top: (plot.y + (1 - up) * plot.height) / (2 * picture.height),
  };
}

/** The point nearest to a position in fractions of the picture's width and height. */
export function nearest(picture: Picture, left: number, top: number): Reading | null {
  let found: Reading | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const [s, series] of picture.series.entries()) {
    for (const [p, [x, y]] of series.points.entries()) {
      const at = place(picture, x, y);
      const dx = (at.left - left) * picture.width;
      const dy = (at.top - top) * picture.height;
      const far = dx * dx + dy * dy;
      if (far < least) {
        least = far;
        found = { series: s, point: p };
      }
    }
  }
  return found;
}

/** The reading after a key; `null` for other keys. */
export function step(picture: Picture, now: Reading | null, key: string): Reading | null {
  const all = picture.series.map((series) => series.points.length);
  const first = all.findIndex((n) => n > 0);
  if (first < 0) return null;
  const from = now ?? { series: first, point: 0 };
  const points = all[from.series] ?? 0;
  const leap = Math.max(1, Math.round(points / 20));
  const to = (point: number): Reading => ({
    series: from.series,
    point: Math.max(0, Math.min(points - 1, point)),
  });
  switch (key) {
    case "ArrowRight":
      return now ? to(from.point + 1) : from;
    case "ArrowLeft":
      return now ? to(from.point - 1) : from;
    case "PageUp":
      return to(from.point + leap);
    case "PageDown":
      return to(from.point - leap);
    case "Home":
      return to(0);
    case "End":
      return to(points - 1);
    case "ArrowDown":
    case "ArrowUp":
      return other(picture, from, key === "ArrowDown" ? 1 : -1);
    default:
      return null;
  }
}

/** The point nearest in x of the next non-empty series. */
function other(picture: Picture, from: Reading, by: 1 | -1): Reading {
  const n = picture.series.length;
  const x = picture.series[from.series]?.points[from.point]?.[0] ?? 0;
  for (let i = 1; i <= n; i += 1) {
    const series = (from.series + by * i + n * i) % n;
    const points = picture.series[series]?.points ?? [];
    if (points.length === 0) continue;
    let point = 0;
    for (const [p, at] of points.entries()) {
      if (Math.abs(at[0] - x) < Math.abs((points[point]?.[0] ?? 0) - x)) point = p;
    }
    return { series, point };
  }
  return from;
}

/** 300, 0.756, 3.20e-5. */
export function number(n: number): string {
  if (Number.isInteger(n)) return new Intl.NumberFormat("en").format(n);
  const size = Math.abs(n);
  if (size !== 0 && size < 1e-3) return n.toExponential(2);
  return new Intl.NumberFormat("en", { maximumSignificantDigits: size < 1 ? 3 : 4 }).format(n);
}

export function words(picture: Picture, reading: Reading): { name: string; x: string; y: string } | null {
  const series = picture.series[reading.series];
  const point = series?.points[reading.point];
  if (!series || !point) return null;
  return {
    name: series.name,
    x: `${picture.x.title} ${number(point[0])}`,
    y: `${picture.y.title} ${number(point[1])}`,
  };
}
