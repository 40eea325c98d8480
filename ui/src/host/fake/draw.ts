// Charts like those of the engine: same CSS classes, same plot rectangle, two units of the view box per
// pixel.

import type { Picture } from "../api";

export interface Line {
  name: string;
  class: string;
  points: [number, number][];
  dashed?: boolean;
  /** Draws bars of this width in data units instead of a line. */
  bars?: number;
}

interface Drawing {
  title: string;
  measured: string;
  x: string;
  y: string;
  xs: [number, number];
  ys: [number, number];
  lines: Line[];
  square?: boolean;
  diagonal?: boolean;
  columns: [string, string, string];
}

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function ticks([from, to]: [number, number]): [number, string][] {
  const raw = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? power;
  const out: [number, string][] = [];
  for (let v = Math.ceil(from / step) * step; v <= to + step * 1e-6; v += step) {
    const rounded = Number(v.toPrecision(12));
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    out.push([
      rounded,
      step < 1e-3
        ? rounded.toExponential(1)
        : rounded.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    ]);
  }
  return out;
}

function text(
  x: number,
  y: number,
  paint: string,
  size: number,
  anchor: string,
  words: string,
  more = "",
): string {
  return `<text class="fill-${paint}" x="${x}" y="${y}" dy="0.5ex" text-anchor="${anchor}" font-family="sans-serif" font-size="${size}" ${more}>${escaped(words)}</text>`;
}

export function draw(d: Drawing): Picture {
  const width = d.square ? 600 : 800;
  const across = width - 24 - 40 - 28;
  const down = d.square ? across : 320;
  const rows: Line[][] = [[]];
  let used = 0;
  for (const line of d.lines) {
    const wide = 60 + line.name.length * 7.5;
    if (used + wide > width - 52) {
      rows.push([]);
      used = 0;
    }
    rows.at(-1)?.push(line);
    used += wide;
  }
  const above = d.square ? 0 : 24 * rows.length;
  const head = 20 + 24 + 18 + 8;
  const plot = { x: 64 * 2, y: (head + above + 34) * 2, width: across * 2, height: down * 2 };
  const height = Math.round(head + above + 34 + down + 62);
  const x = { title: d.x, from: d.xs[0], to: d.xs[1], ticks: ticks(d.xs) };
  const y = { title: d.y, from: d.ys[0], to: d.ys[1], ticks: ticks(d.ys) };
  const at = (px: number, py: number): [number, number] => [
    Math.round(plot.x + ((px - x.from) / (x.to - x.from)) * plot.width),
    Math.round(plot.y + (1 - (py - y.from) / (y.to - y.from)) * plot.height),
  ];
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" class="repartee-chart" role="img" width="${width}" height="${height}" viewBox="0 0 ${2 * width} ${2 * height}">`,
    `<title>${escaped(d.title)}</title><desc>${escaped(d.measured)}</desc>`,
    `<rect class="fill-paper" x="0" y="0" width="${2 * width}" height="${2 * height}" fill="#FFFFFF"/>`,
    text(48, 60, "ink", 36, "start", d.title, 'font-weight="bold"'),
    text(48, 104, "muted", 25, "start", d.measured),
    text(48, plot.y - 36, "muted", 25, "start", d.y),
  ];
  const line = (a: [number, number], b: [number, number], paint: string, wide: number, more = "") =>
    `<polyline class="stroke-${paint}" fill="none" stroke-width="${wide}" points="${a} ${b}" ${more}/>`;
  for (const [value, word] of y.ticks) {
    const [, py] = at(x.from, value);
    parts.push(
      line([plot.x, py], [plot.x + plot.width, py], "grid", 2),
      text(plot.x - 16, py, "muted", 25, "end", word),
    );
  }
  for (const [value, word] of x.ticks) {
    const [px, py] = at(value, y.from);
    if (d.square) parts.push(line([px, plot.y], [px, plot.y + plot.height], "grid", 2));
    parts.push(text(px, py + 34, "muted", 25, "middle", word));
  }
  parts.push(
    line(at(x.from, y.from), at(x.to, y.from), "muted", 2),
    text(plot.x + plot.width / 2, plot.y + plot.height + 84, "muted", 25, "middle", d.x),
  );
  if (d.diagonal) parts.push(line(at(0, 0), at(1, 1), "muted", 3, 'stroke-dasharray="12 10"'));
  for (const series of d.lines) {
    if (series.bars !== undefined) {
      for (const [px, py] of series.points) {
        const [left, top] = at(px, py);
        const [right, bottom] = at(px + series.bars, Math.max(0, y.from));
        if (bottom > top)
          parts.push(
            `<rect class="fill-${series.class}" x="${left}" y="${top}" width="${right - left - 2}" height="${bottom - top}" opacity="0.75"/>`,
          );
      }
    } else {
      const points = series.points.map(([px, py]) => at(px, py).join(",")).join(" ");
      parts.push(
        `<polyline class="stroke-${series.class}" fill="none" stroke-width="5" stroke-linejoin="round" ${series.dashed ? 'stroke-dasharray="14 8"' : ""} points="${points}"/>`,
      );
    }
  }
  const entry = (series: Line, ex: number, ey: number) =>
    (series.bars === undefined
      ? `<polyline class="stroke-${series.class}" fill="none" stroke-width="5" ${series.dashed ? 'stroke-dasharray="14 8"' : ""} points="${ex},${ey} ${ex + 44},${ey}"/>`
      : `<rect class="fill-${series.class}" x="${ex + 8}" y="${ey - 12}" width="28" height="24"/>`) +
    text(ex + 60, ey, "ink", 26, "start", series.name);
  if (d.square) {
    d.lines.forEach((series, i) => {
      parts.push(entry(series, plot.x + plot.width - 560, plot.y + plot.height - 48 * (d.lines.length - i)));
    });
  } else {
    rows.forEach((row, r) => {
      let ex = 48;
      for (const series of row) {
        parts.push(entry(series, ex, (head + 24 * r + 8) * 2));
        ex += 2 * (60 + series.name.length * 7.5);
      }
    });
  }
  parts.push("</svg>");
  const table = {
    columns: [...d.columns],
    rows: d.lines.flatMap((series) => series.points.map(([a, b]) => [series.name, String(a), String(b)])),
  };
  return {
    svg: parts.join("\n"),
    width,
    height,
    plot,
    x,
    y,
    series: d.lines.map(({ name, class: paint, points }) => ({ name, class: paint, points })),
    table,
  };
}

/** A confusion matrix with counts and row percentages, shaded by percentage. */
export function matrix(title: string, measured: string, names: string[], counts: number[][]): Picture {
  const k = names.length;
  const left = 180;
  const top = 122;
  const cell = (600 - left - 28) / k;
  const high = Math.min(cell, 400 / k);
  const height = Math.round(top + high * k + 24);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" class="repartee-chart" role="img" width="600" height="${height}" viewBox="0 0 1200 ${2 * height}">`,
    `<title>${escaped(title)}</title>`,
    `<rect class="fill-paper" x="0" y="0" width="1200" height="${2 * height}" fill="#FFFFFF"/>`,
    text(48, 60, "ink", 36, "start", title, 'font-weight="bold"'),
    text(48, 104, "muted", 25, "start", measured),
    text(2 * (left + (cell * k) / 2), 176, "muted", 25, "middle", "predicted"),
  ];
  names.forEach((name, i) => {
    parts.push(text(2 * (left + cell * (i + 0.5)), 218, "ink", 24, "middle", name));
    parts.push(text(2 * left - 24, 2 * (top + high * (i + 0.5)), "ink", 24, "end", name));
    const sum = counts[i]?.reduce((a, b) => a + b, 0) ?? 0;
    names.forEach((_, j) => {
      const n = counts[i]?.[j] ?? 0;
      const share = sum ? n / sum : 0;
      const shade = share < 0.5 ? 1.1 * share : 0.78 + 0.44 * (share - 0.5);
      const paint = share < 0.5 ? "ink" : "paper";
      const [cx, cy] = [2 * (left + cell * (j + 0.5)), 2 * (top + high * (i + 0.5))];
      parts.push(
        `<rect class="fill-heat" x="${2 * (left + cell * j)}" y="${2 * (top + high * i)}" width="${2 * cell - 4}" height="${2 * high - 4}" opacity="${shade.toFixed(3)}"/>`,
      );
      parts.push(text(cx, cy - 16, paint, 32, "middle", String(n), 'font-weight="bold"'));
      parts.push(text(cx, cy + 22, paint, 24, "middle", `${(100 * share).toFixed(0)} %`));
    });
  });
  parts.push("</svg>");
  const axis = {
    title: "predicted",
    from: 0,
    to: k,
    ticks: names.map((name, i): [number, string] => [i + 0.5, name]),
  };
  return {
    svg: parts.join("\n"),
    width: 600,
    height,
    plot: { x: 2 * left, y: 2 * top, width: 2 * cell * k, height: 2 * high * k },
    x: axis,
    y: { ...axis, title: "true" },
    series: [],
    table: {
      columns: ["true", "predicted", "count"],
      rows: names.flatMap((a, i) => names.map((b, j) => [a, b, String(counts[i]?.[j] ?? 0)])),
    },
  };
}
