// An evaluation: picture and metrics are visible at once, the decision threshold updates everything, and exported charts
// match the displayed ones.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { open, tempFolder, sample, until } from "./window.mjs";

const at = tempFolder();
const project = await sample(at);
const window = await open({ project, at, width: 1024, height: 700 });
const { browser } = window;
after(() => window.close());

/** Everything that depends on the threshold: its point on the curve, the matrix and the metrics beside it, summary. */
const readScreen = () =>
  browser.execute(() => {
    const mark = document.querySelector("figure [data-testid=mark]");
    const text = (css) => document.querySelector(css)?.innerText.replace(/\s+/g, " ") ?? "";
    return {
      mark: mark ? ["cx", "cy"].map((name) => Number.parseFloat(mark.getAttribute(name))) : null,
      matrix: text("[data-testid=matrix]"),
      rail: text("[data-testid=rail]"),
      summary: text("[data-testid=threshold] [role=status]").trim(),
    };
  });

const slider = () => browser.$("[data-testid=chart-roc] [role=slider]");
const position = async () => Number(await (await slider()).getAttribute("aria-valuenow"));

test("the whole ROC curve and six metrics are visible at 1024 x 700", async () => {
  await window.keys("g", "e");
  await window.shown("evaluations");
  await window.press("judge", "[data-testid=evaluations]");
  await window.shown("chart-roc");
  await until(() => browser.execute(() => innerWidth === 1024 && innerHeight === 700), "the window has its size");
  await window.settled();
  const found = await browser.execute(() => {
    const box = (one) => {
      const { left, top, right, bottom } = one.getBoundingClientRect();
      return { left, top, right, bottom };
    };
    const all = (css) => [...document.querySelectorAll(css)].map(box);
    return {
      size: [innerWidth, innerHeight],
      // the jobs bar is below the screen
      screen: { ...box(document.querySelector("main")), bottom: box(document.querySelector("[data-testid=jobs]")).top },
      picture: all("[data-testid=chart-roc] svg.repartee-chart"),
      curve: all("[data-testid=chart-roc] [data-testid=curve]"),
      rail: all("[data-testid=rail]"),
      metrics: all("[data-testid=rail] dl > div"),
      scrolled: document.querySelector("[data-testid=evaluation]").scrollTop,
    };
  });
  assert.deepEqual(found.size, [1024, 700]);
  assert.equal(found.scrolled, 0);
  const isInside = (one, around) =>
    one.left >= around.left - 1 && one.top >= around.top - 1 && one.right <= around.right + 1 && one.bottom <= around.bottom + 1;
  const [picture] = found.picture;
  assert.ok(isInside(picture, found.screen), JSON.stringify(found));
  assert.ok(isInside(found.curve[0], picture), JSON.stringify(found));
  assert.ok(picture.bottom - picture.top >= 340, `${picture.bottom - picture.top} pixels high`);
  assert.ok(picture.right - picture.left >= 420, `${picture.right - picture.left} pixels wide`);
  assert.equal(found.metrics.length, 6);
  for (const one of found.metrics) {
    assert.ok(isInside(one, found.screen) && isInside(one, found.rail[0]), JSON.stringify({ one, ...found }));
  }
});

test("a click on the curve moves the threshold, and arrow keys move it along the curve", async () => {
  const before = await readScreen();
  const target = await browser.execute(() => {
    const chart = document.querySelector("[data-testid=chart-roc]");
    const points = chart.querySelector("[data-testid=curve]").getAttribute("points").split(" ");
    const now = Number(chart.querySelector("[role=slider]").getAttribute("aria-valuenow"));
    // far from the present one
    const index = Math.round(points.length * (now > points.length / 2 ? 0.25 : 0.75));
    const [x, y] = points[index].split(",").map(Number);
    const { width, height } = chart.querySelector("[role=slider]").getBoundingClientRect();
    return { x, y, fromCenter: { x: Math.round(x - width / 2), y: Math.round(y - height / 2) } };
  });
  await (await slider()).click(target.fromCenter);
  const moved = await until(async () => {
    const now = await readScreen();
    return now.mark && Math.hypot(now.mark[0] - target.x, now.mark[1] - target.y) < 6 && now;
  }, "the threshold is at the click");
  assert.notDeepEqual(moved.mark, before.mark);
  assert.notEqual(moved.summary, before.summary);
  assert.notEqual(moved.matrix, before.matrix);

  const clicked = await position();
  await window.keys("ArrowRight");
  await until(async () => (await position()) === clicked + 1, "the next threshold");
  await window.keys("ArrowLeft", "ArrowLeft");
  await until(async () => (await position()) === clicked - 1, "the one before");
});

test("dragging zooms without moving the threshold, and Escape shows the whole curve again", async () => {
  const [before, threshold] = [await readScreen(), await position()];
  const origin = await slider();
  await browser
    .action("pointer")
    .move({ origin, x: -120, y: -100 })
    .down({ button: 0 })
    .move({ origin, x: 40, y: 60, duration: 100 })
    .up({ button: 0 })
    .perform();
  await until(() => browser.execute(() => document.body.innerText.includes("Reset zoom")), "it is zoomed");
  assert.equal(await position(), threshold);
  await browser.execute((one) => one.focus(), await slider());
  await window.keys("Escape");
  await until(async () => !(await browser.execute(() => document.body.innerText.includes("Reset zoom"))), "it is not");
  assert.deepEqual((await readScreen()).mark, before.mark);
});

test("the threshold updates both curves, the confusion matrix and the metrics", async () => {
  const before = await readScreen();
  assert.ok(before.mark && before.summary);
  const range = await window.shown("threshold-slider");
  await browser.execute((one) => one.focus(), range);
  await window.keys("End");
  const strict = await until(async () => {
    const now = await readScreen();
    return now.summary.startsWith("0.0%") && now;
  }, "at 1 no reply passes");
  // nothing is predicted real: the point is in the lower left corner of the ROC curve
  assert.ok(strict.mark[0] < before.mark[0] || strict.mark[1] > before.mark[1], `${strict.mark} after ${before.mark}`);
  assert.notEqual(strict.matrix, before.matrix);
  assert.notEqual(strict.rail, before.rail);

  await window.keys("Home");
  const all = await until(async () => {
    const now = await readScreen();
    return now.summary.startsWith("100.0%") && now;
  }, "at 0 every reply passes");
  assert.ok(all.mark[0] > strict.mark[0] && all.mark[1] < strict.mark[1], `${all.mark} after ${strict.mark}`);
  assert.notEqual(all.matrix, strict.matrix);

  await window.press("Per class");
  const classes = await window.text("classes");
  // arrow keys move it by 0.01, and the number field follows
  await browser.execute((one) => one.focus(), await window.shown("threshold-slider"));
  await window.keys("ArrowRight", "ArrowRight", "ArrowRight");
  await until(async () => (await window.find("threshold-number").getValue()) === "0.03", "the number follows");
  await window.press("PR");
  await window.shown("chart-pr");
  const lenient = await until(async () => (await readScreen()).mark, "the threshold is on the other curve");
  await window.type("threshold-number", "0.99");
  await window.keys("Enter");
  await until(async () => String((await readScreen()).mark) !== String(lenient), "it moves there, too");
  await until(async () => (await window.text("classes")) !== classes, "the metrics of each class follow");
});

test("a chart exported as SVG, PNG and CSV matches the displayed one", async () => {
  await window.type("threshold-number", "0.25");
  await window.keys("Enter");
  await until(async () => (await window.find("threshold-slider").getValue()) === "0.25", "the slider follows");
  await window.press("Confusion");
  await window.shown("chart-confusion");
  await window.settled();
  await window.press("Export Confusion matrix of");
  const target = at.path("confusion");
  await window.type("export-path", target);
  await window.press("Export 3 files");
  await window.waitForText("Exported 3 files");
  for (const format of ["svg", "png", "csv"]) assert.ok(existsSync(`${target}.${format}`), format);

  const svg = readFileSync(`${target}.svg`, "utf8");
  const shapes = (of) =>
    browser.execute((text) => {
      const svg = text
        ? new DOMParser().parseFromString(text, "image/svg+xml").documentElement
        : document.querySelector("[data-testid=chart-confusion] .picture svg");
      return [...svg.querySelectorAll("polyline, path, polygon, circle, rect, text")].map((one) =>
        [
          one.localName,
          one.getAttribute("points") ?? one.getAttribute("d") ?? one.getAttribute("height") ?? one.textContent.trim(),
        ].join(" "),
      );
    }, of);
  const shown = await shapes("");
  assert.ok(shown.length > 10, `${shown.length} shapes`);
  assert.deepEqual(await shapes(svg), shown);

  const png = readFileSync(`${target}.png`);
  assert.deepEqual([...png.subarray(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
  const [width] = /viewBox="0 0 (\d+)/.exec(svg).slice(1).map(Number);
  assert.ok(png.readUInt32BE(16) >= width / 2);

  // the table view equals the CSV
  await window.press("Table", "[data-testid=chart-confusion]");
  const [header, ...rows] = readFileSync(`${target}.csv`, "utf8").trim().split("\n");
  const table = await browser.execute(() =>
    [...document.querySelectorAll("[data-testid=chart-confusion] tr")].map((row) =>
      [...row.cells].map((cell) => cell.textContent),
    ),
  );
  assert.deepEqual(table[0], header.split(","));
  assert.equal(table.length - 1, Math.min(rows.length, 500));
});

test("the exported ROC curve has the threshold of the displayed one", async () => {
  await window.press("ROC");
  await window.shown("chart-roc");
  await window.press("Export ROC of");
  const target = at.path("roc");
  await window.type("export-path", target);
  await window.press("Export 3 files");
  // the dialog closes once all files are written
  await until(async () => !(await window.find("export-path").isExisting()), "it is written");
  assert.match(readFileSync(`${target}.svg`, "utf8"), /0\.25/);
  // the exported curve omits points on straight lines
  const [, ...rows] = readFileSync(`${target}.csv`, "utf8").trim().split("\n");
  const points = await browser.execute(
    () => document.querySelector("[data-testid=chart-roc] [data-testid=curve]").getAttribute("points").split(" ").length,
  );
  assert.ok(rows.length > 2 && rows.length <= points, `${rows.length} rows, ${points} points`);
});

test("arrow keys read a chart point by point", async () => {
  await window.press("Calibration");
  await window.shown("chart-calibration");
  const chart = await browser.$("[data-testid=chart-calibration] .picture");
  await browser.execute((one) => one.focus(), chart);
  await window.keys("End");
  const last = await window.text("reading");
  await window.keys("Home");
  await until(async () => (await window.text("reading")) !== last, "another point is read");
});
