// Measures and prints the speed of the window. Times are printed, never asserted: what is asserted is that the window
// answers while a job runs. REPARTEE_E2E_LARGE: the same with a million rows; takes minutes.

import assert from "node:assert/strict";
import { createWriteStream, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { open, pause, tempFolder, processes, sample, tree, until } from "./window.mjs";

const LARGE = Boolean(process.env.REPARTEE_E2E_LARGE);
const ROWS = LARGE ? 1_000_000 : 40_000;
const at = tempFolder();
const project = await sample(at);
let window;
after(() => window?.close());

const report = (what, figures) => console.log(`${what}: ${figures}`);
const ms = (n) => `${Math.round(n)} ms`;

/** Start time of a process in milliseconds since 1970, accurate to 10 ms. */
function startedMs(pid) {
  const booted = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))[1]);
  const ticks = 100; // USER_HZ on Linux
  // btime is in whole seconds; uptime is more precise
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  const exact = Date.now() / 1000 - uptime;
  const begin = Math.abs(exact - booted) < 2 ? exact : booted;
  return (begin + processes().get(pid).started / ticks) * 1000;
}

test("startup time, warm", async () => {
  const times = [];
  for (const warm of [false, true, true, true]) {
    window = await open({ project, at });
    await window.waitForText("Queue");
    const [painted, ready] = await window.browser.execute(() => {
      const first = performance.getEntriesByName("first-contentful-paint")[0].startTime;
      const requests = performance.getEntriesByType("resource").filter((one) => one.startTime < first + 500);
      const last = Math.max(first, ...requests.map((one) => one.responseEnd));
      return [performance.timeOrigin + first, performance.timeOrigin + last];
    });
    const started = startedMs(window.pid);
    if (warm) times.push([painted - started, ready - started]);
    else report("first start", ms(ready - started));
    await window.close();
  }
  const median = (which) => times.map((time) => time[which]).sort((a, b) => a - b)[1];
  report("process start to first contentful paint, warm", ms(median(0)));
  report("process start to loaded overview, warm", ms(median(1)));
});

test("idle memory of the whole process tree", async () => {
  window = await open({ project, at });
  await window.waitForText("Queue");
  await pause(3_000);
  const all = processes();
  let sum = 0;
  const parts = [];
  for (const id of tree(window.pid)) {
    const pss = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))[1]) / 1024;
    sum += pss;
    parts.push(`${all.get(id)?.words[0].split("/").at(-1)} ${pss.toFixed(0)}`);
  }
  report("idle memory (PSS)", `${sum.toFixed(0)} MiB: ${parts.join(", ")}`);
  assert.ok(sum > 0 && sum < 1500);
});

/** Adds candidates of the sample to the queue as drafts. */
async function addDrafts(count) {
  await window.go("#/generate/1");
  await window.shown("results");
  const left = () =>
    window.browser.execute(() => document.querySelectorAll("[data-testid=results] button.send").length);
  for (let added = 0; added < count; added += 1) {
    const before = await left();
    await window.press("Add to queue", "[data-testid=results]");
    // otherwise the next click may be on the same candidate
    await until(async () => (await left()) < before, "it is in the queue");
  }
  await window.go("#/queue");
  await window.shown("column-draft");
}

/** Times from the key press until the board shows the approval, and until it is painted. */
async function approve(times) {
  const { browser } = window;
  const took = [];
  for (let n = 0; n < times; n += 1) {
    await window.go("#/queue");
    await until(
      () =>
        browser.execute(() => {
          const first = document.querySelector("[data-testid=column-draft] li button");
          first?.click();
          return first !== null;
        }),
      "there is a draft",
    );
    await window.shown("approve");
    const id = await window.attribute("open-reply", "data-id");
    await browser.execute((of) => {
      window.took = null;
      addEventListener(
        "keydown",
        () => {
          const begun = performance.now();
          const observe = () => {
            const open = document.querySelector("[data-testid=open-reply]");
            const decided = open?.dataset.id !== of || open.dataset.state === "approved";
            if (!decided) return;
            observer.disconnect();
            const shown = performance.now() - begun;
            requestAnimationFrame(() => {
              setTimeout(() => {
                window.took = [shown, performance.now() - begun];
              });
            });
          };
          const observer = new MutationObserver(observe);
          observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
        },
        { once: true, capture: true },
      );
    }, id);
    await browser.keys("a");
    took.push(await until(() => browser.execute(() => window.took), "the reply is approved", 30_000));
  }
  const sorted = (which) => took.map((times) => times[which]).sort((a, b) => a - b);
  return { shown: sorted(0), painted: sorted(1) };
}

/** How many approved replies the board shows. */
async function approvedCount() {
  await window.go("#/queue");
  const count = await until(
    () => window.browser.execute(() => document.querySelector("[data-testid=column-approved] .count")?.textContent),
    "the board is shown",
  );
  return Number(count);
}

/** Approves drafts; the board shows each of them as approved afterward. */
async function approveAndCount(times) {
  const before = await approvedCount();
  const took = await approve(times);
  await until(async () => (await approvedCount()) === before + times, "the board shows all approved replies");
  return took;
}

function reportApproval(what, { shown, painted }) {
  const median = (times) => times[times.length >> 1];
  report(
    `approve a reply, ${what}`,
    `shown after ${ms(median(shown))} (max ${ms(shown.at(-1))}), painted after ${ms(median(painted))} (max ${ms(painted.at(-1))})`,
  );
}

test("approving a reply while idle", async () => {
  await addDrafts(12);
  const took = await approveAndCount(4);
  reportApproval("idle", took);
});

test("approving a reply during training on all cores", async () => {
  await window.go("#/train/new");
  await window.type("field-name", "busy");
  await window.type("field-epochs", "200");
  await window.waitForText("training examples");
  await window.click("train-start");
  await window.shown("run", 60_000);
  await until(
    async () => /\d steps/.test(await window.text("jobs-words")) && !/^. of /.test(await window.text("jobs-words")),
    "training progresses",
    120_000,
  );
  const took = await approveAndCount(4);
  reportApproval("during training on all cores", took);
  // it trained all the while, and continues
  const words = await window.text("jobs-words");
  assert.match(words, /training busy/);
  await until(async () => (await window.text("jobs-words")) !== words, "training progresses after the approvals");
  await window.go("#/train/run/busy");
  await window.click("run-stop");
  await until(async () => (await window.attribute("run", "data-state")) === "stopped", "the run is stopped", 60_000);
});

test(`approving a reply during an import of ${ROWS} rows`, async () => {
  const file = at.path("large.csv");
  const out = createWriteStream(file);
  out.write("comment,reply,score,subreddit\n");
  const topics = ["chain", "bread", "tent", "lamp", "piano", "garden", "kettle", "window"];
  for (let i = 0; i < ROWS; i += 1) {
    const what = topics[i % 8];
    const line = `How do you care for a ${what} that is ${i} days old?,Wipe the ${what} dry every ${(i % 29) + 2} days; it kept mine going for ${i * 7} weeks.,${(i * 7919) % 97},${what}\n`;
    if (!out.write(line)) await new Promise((ready) => out.once("drain", ready));
  }
  await new Promise((ended) => out.end(ended));

  await window.go("#/data/import");
  await window.type("import-path", file);
  await window.keys("Enter");
  await window.shown("files");
  // the column "subreddit" marks it as Reddit content
  await window.click("study-none");
  const begun = Date.now();
  await window.click("import-start");
  await until(async () => (await window.attribute("jobs-bar", "data-state")) === "running", "the import is running");
  const took = await approveAndCount(4);
  const still = (await window.attribute("jobs-bar", "data-state")) === "running";
  reportApproval(`during an import of ${ROWS} rows${still ? "" : " (which ended before the last approval)"}`, took);
  await until(
    async () => (await window.attribute("jobs-bar", "data-state")) === "idle",
    "the import completes",
    900_000,
  );
  report(`import of ${ROWS} rows with a comment and a reply`, `${((Date.now() - begun) / 1000).toFixed(0)} s`);
});

test("scrolling through the pairs table ends at rows that are shown", async () => {
  const { browser } = window;
  const begun = Date.now();
  await window.go("#/data/pairs");
  await window.press("Build pairs…");
  await window.click("build-start");
  await window.shown("pairs-built", 900_000);
  report("pairs built", `${((Date.now() - begun) / 1000).toFixed(0)} s`);
  await window.press("Close");
  await window.shown("pairs");
  const total = await until(async () => {
    const rows = Number(await window.attribute("pairs", "data-total"));
    return rows >= ROWS && rows;
  }, "the table has all pairs");
  await pause(2_000); // let other queries finish
  const measure = (how) =>
    browser.executeAsync((way, done) => {
      const table = document.querySelector("[data-testid=pairs]");
      const { port1, port2 } = new MessageChannel();
      let last = performance.now();
      const gaps = [];
      let frames = 0;
      let blank = 0;
      port1.onmessage = () => {
        const now = performance.now();
        gaps.push(now - last);
        last = now;
        if (port1.onmessage) port2.postMessage(0);
      };
      const end = performance.now() + 5_000;
      const most = table.scrollHeight - table.clientHeight;
      const frame = () => {
        frames += 1;
        if (table.querySelector(".blank")) blank += 1;
        if (way === "scrolling") table.scrollTop += 120;
        else if (way === "jumping" && frames % 6 === 0) table.scrollTop = most * ((frames * 0.618) % 1);
        if (performance.now() < end) return requestAnimationFrame(frame);
        port1.onmessage = null;
        gaps.sort((a, b) => a - b);
        done({ longest: gaps.at(-1), over50: gaps.filter((g) => g > 50).length, frames, blank });
      };
      table.scrollTop = 0;
      port2.postMessage(0);
      requestAnimationFrame(frame);
    }, how);
  // the idle page shows the noise of the machine
  for (const how of ["idle", "scrolling", "jumping"]) {
    const { longest, over50, frames, blank } = await measure(how);
    report(
      how === "idle" ? "an idle page for 5 s" : `${how} through ${total} pairs for 5 s`,
      `longest block ${ms(longest)}, ${over50} over 50 ms, ${frames} frames, ${blank} with a blank row`,
    );
    await until(
      () =>
        browser.execute(() => {
          const table = document.querySelector("[data-testid=pairs]");
          return table.querySelector("[role=row]") !== null && table.querySelector(".blank") === null;
        }),
      "the rows are shown",
    );
  }
  // the engine sorts; the page stays responsive
  const sortedAt = Date.now();
  await window.press("Score", "[data-testid=pairs]");
  await until(
    () =>
      browser.execute(() => document.querySelector("[data-testid=pairs] [aria-sort=descending]") !== null),
    "the table is sorted",
  );
  await window.settled();
  report(`sorting ${total} pairs by score, shown`, ms(Date.now() - sortedAt));
});
