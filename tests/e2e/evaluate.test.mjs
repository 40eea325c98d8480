// An evaluation: the decision threshold updates everything, and exported charts match the displayed ones.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { open, tempFolder, sample, until } from "./window.mjs";

const at = tempFolder();
const project = await sample(at);
const window = await open({ project, at });
const { browser } = window;
after(() => window.close());

/** Everything that depends on the threshold: curve points, confusion matrix, class metrics, summary. */
const readScreen = () =>
  browser.execute(() => {
    const mark = (chart) => {
      const style = document.querySelector(`[data-testid=chart-${chart}] [data-testid=mark]`)?.style;
      return style ? [Number.parseFloat(style.left), Number.parseFloat(style.top)] : null;
    };
    const text = (css) => document.querySelector(css)?.innerText.replace(/\s+/g, " ") ?? "";
    return {
      roc: mark("roc"),
      pr: mark("pr"),
      matrix: document.querySelector("[data-testid=chart-confusion] .picture svg")?.textContent ?? "",
      classes: text("[data-testid=classes]"),
      summary: text("[data-testid=threshold] [role=status]"),
    };
  });

test("the threshold updates both curves, the confusion matrix and the metrics", async () => {
  await window.keys("g", "e");
  await window.shown("evaluations");
  await window.press("judge", "[data-testid=evaluations]");
  await window.shown("chart-roc");
  await until(async () => (await readScreen()).pr && (await readScreen()).matrix, "the charts are drawn");
  const before = await readScreen();
  assert.ok(before.roc && before.summary);

  const slider = await window.shown("threshold-slider");
  await browser.execute((one) => one.focus(), slider);
  await window.keys("End");
  const strict = await until(async () => {
    const now = await readScreen();
    return now.summary.startsWith("0.0%") && now;
  }, "at 1 no reply passes");
  // nothing is predicted real: the point is in the lower left corner of the ROC curve
  await until(async () => (await readScreen()).matrix !== before.matrix, "the matrix follows");
  const closed = await readScreen();
  assert.ok(closed.roc[0] < before.roc[0] || closed.roc[1] > before.roc[1], `${closed.roc} after ${before.roc}`);
  assert.notEqual(closed.classes, before.classes);
  assert.notEqual(strict.summary, before.summary);

  await window.keys("Home");
  await until(async () => (await readScreen()).summary.startsWith("100.0%"), "at 0 every reply passes");
  const all = await until(async () => {
    const now = await readScreen();
    return now.roc[0] > closed.roc[0] && now.matrix !== closed.matrix && now;
  }, "point and matrix move to the other end");
  assert.ok(all.roc[1] < closed.roc[1]);

  // arrow keys move it by 0.01, and the number field follows
  await window.keys("ArrowRight", "ArrowRight", "ArrowRight");
  await until(async () => (await window.find("threshold-number").getValue()) === "0.03", "the number follows");
});

test("a chart exported as SVG, PNG and CSV matches the displayed one", async () => {
  await window.type("threshold-number", "0.25");
  await window.keys("Enter");
  await until(async () => (await window.find("threshold-slider").getValue()) === "0.25", "the slider follows");
  await window.settled();
  await window.press("Export ROC of");
  const target = at.path("roc");
  await window.type("export-path", target);
  await window.press("Export 3 files");
  await window.waitForText("Exported 3 files");
  for (const format of ["svg", "png", "csv"]) assert.ok(existsSync(`${target}.${format}`), format);

  const svg = readFileSync(`${target}.svg`, "utf8");
  const shown = await browser.execute(() => {
    const shapes = (svg) =>
      [...svg.querySelectorAll("polyline, path, polygon, circle, text")].map((one) =>
        [one.localName, one.getAttribute("points") ?? one.getAttribute("d") ?? one.textContent.trim()].join(" "),
      );
    return shapes(document.querySelector("[data-testid=chart-roc] .picture svg"));
  });
  const exported = await browser.execute((text) => {
    const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    return [...svg.querySelectorAll("polyline, path, polygon, circle, text")].map((one) =>
      [one.localName, one.getAttribute("points") ?? one.getAttribute("d") ?? one.textContent.trim()].join(" "),
    );
  }, svg);
  assert.ok(shown.length > 10, `${shown.length} shapes`);
  assert.deepEqual(exported, shown);

  const png = readFileSync(`${target}.png`);
  assert.deepEqual([...png.subarray(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
  const [width] = /viewBox="0 0 (\d+)/.exec(svg).slice(1).map(Number);
  assert.ok(png.readUInt32BE(16) >= width / 2);

  // the table view equals the CSV
  await window.press("Table", "[data-testid=chart-roc]");
  const [header, ...rows] = readFileSync(`${target}.csv`, "utf8").trim().split("\n");
  const table = await browser.execute(() =>
    [...document.querySelectorAll("[data-testid=chart-roc] tr")].map((row) => [...row.cells].map((cell) => cell.textContent)),
  );
  assert.deepEqual(table[0], header.split(","));
  assert.equal(table.length - 1, Math.min(rows.length, 500));
});

test("arrow keys read a chart point by point", async () => {
  await window.press("Chart", "[data-testid=chart-roc]");
  const chart = await browser.$("[data-testid=chart-roc] .picture");
  await browser.execute((one) => one.focus(), chart);
  await window.keys("End");
  const last = await window.text("reading");
  await window.keys("Home");
  await until(async () => (await window.text("reading")) !== last, "another point is read");
});
